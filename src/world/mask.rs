//! What is never shown: every secret that this process knows, in every form that it is sent or quoted in.
//!
//! A server may repeat what it was sent, a tool what it was handed. The secrets of a process are one set, whoever
//! prints, so that nobody who prints can be without them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::http;
use crate::secret::Secret;

/// Shorter texts are not secrets, and hiding them would spoil what is shown.
pub const SHORTEST: usize = 4;

/// Words that JSON and outputs are made of. A secret of such a word protects nothing, and without them a script
/// could not read what it gets.
const WORDS: [&str; 3] = ["true", "false", "null"];

/// Shorter lines of a secret of several lines are its punctuation.
const SHORTEST_LINE: usize = 8;

/// Shorter pieces of Base64 are found in anything.
const SHORTEST_CORE: usize = 6;

/// The replacement.
const HIDDEN: &str = "***";

static KNOWN: RwLock<Known> = RwLock::new(Known { forms: BTreeSet::new(), finder: None });

struct Known {
    forms: BTreeSet<String>,
    finder: Option<AhoCorasick>,
}

/// From now on this secret is hidden. A worthless one is not.
pub fn learn(secret: &Secret) {
    let forms = if secret.opens_nothing() { BTreeSet::new() } else { forms(secret.expose()) };
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if forms.is_subset(&known.forms) {
        return;
    }
    known.forms.extend(forms);
    known.finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&known.forms).ok();
}

/// A text without the secrets that were learnt.
pub fn hide(text: &str) -> Cow<'_, str> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    match &known.finder {
        Some(finder) if finder.is_match(text) => {
            let mut clean = String::new();
            finder.replace_all_with(text, &mut clean, |_, _, clean| {
                clean.push_str(HIDDEN);
                true
            });
            Cow::Owned(clean)
        }
        _ => Cow::Borrowed(text),
    }
}

/// A whole text in every form in which it is sent.
pub fn forms_of(text: &str) -> BTreeSet<String> {
    let text = text.trim();
    let mut forms: BTreeSet<String> = quoted(text).into_iter().collect();
    forms.extend(cores(text.as_bytes()).iter().flat_map(|core| quoted(core)));
    forms
}

/// A secret in every form in which it is hidden: also its lines, where it has several.
pub fn forms(secret: &str) -> BTreeSet<String> {
    let secret = secret.trim();
    let mut plain = vec![secret];
    if secret.contains('\n') {
        plain.extend(secret.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_LINE));
    }
    let mut forms: BTreeSet<String> = BTreeSet::new();
    for text in plain {
        forms.extend(forms_of(text));
    }
    forms.retain(|form| form.len() >= SHORTEST && !WORDS.contains(&form.as_str()));
    forms
}

/// A text as encoded in URLs, forms, JSON, HTML and messages.
fn quoted(text: &str) -> Vec<String> {
    let percent = http::encode(text);
    let lower = lower_hex(&percent);
    let form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let json = serde_json::Value::from(text).to_string();
    let json = json.trim_start_matches('"').strip_suffix('"').unwrap_or(&json).to_owned();
    let ascii: String = json.chars().map(|c| if c.is_ascii() { c.to_string() } else { in_json(c) }).collect();
    let go = json.chars().map(|c| if "<>&".contains(c) { in_json(c) } else { c.to_string() }).collect();
    let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let user = url::Url::parse("http://x").ok().and_then(|mut url| {
        url.set_password(Some(text)).ok()?;
        url.password().map(str::to_owned)
    });
    let debug = format!("{text:?}");
    let debug = debug[1..debug.len() - 1].to_owned();
    let slashes = json.replace('/', "\\/");
    let mut all = vec![text.to_owned(), percent, lower, form, json, ascii, go, slashes, html, debug];
    all.extend(user);
    all
}

fn in_json(c: char) -> String {
    let mut units = [0; 2];
    c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

fn lower_hex(percent: &str) -> String {
    let mut pieces = percent.split('%');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (hex, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        text.push_str(&format!("%{}{rest}", hex.to_ascii_lowercase()));
    }
    text
}

/// What of its Base64 is the same wherever it stands in what is encoded (`user:password`, a document), and the Base64
/// of it alone.
fn cores(secret: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::from([STANDARD.encode(secret)]);
    for before in 0..3 {
        let padded: Vec<u8> = std::iter::repeat_n(0, before).chain(secret.iter().copied()).collect();
        for text in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            // The first letters also hold what stands before, the last one what comes after.
            let start = [0, 2, 3][before];
            let end = if padded.len().is_multiple_of(3) { text.len() } else { text.len() - 1 };
            found.extend(text.get(start..end).map(str::to_owned));
        }
    }
    found.retain(|core| core.len() >= SHORTEST_CORE);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_in_every_form_that_is_sent() {
        let secret = "c4nary/+&<\"p ss=ü%";
        learn(&Secret::new(secret));
        let url = url::Url::parse_with_params("http://x/", [("q", secret)]).unwrap();
        let mut user = url::Url::parse("http://x/").unwrap();
        user.set_password(Some(secret)).unwrap();
        let json = serde_json::json!({ "refresh": secret }).to_string();
        let mut texts = vec![secret.to_owned(), url.to_string(), user.to_string(), json.clone(), format!("{secret:?}")];
        texts.extend([http::encode(secret), lower_hex(&http::encode(secret)), json.replace('/', "\\/")]);
        for text in &texts {
            let shown = hide(text);
            assert!(shown.contains(HIDDEN) && !shown.contains("c4nary") && !shown.contains("ss="), "{text}: {shown}");
        }
        for user in ["", "u", "me", "bot", "some"] {
            let sent = STANDARD.encode(format!("{user}:{secret}"));
            for text in [format!("Basic {sent}"), http::encode(&sent), serde_json::json!(sent).to_string()] {
                let shown = hide(&text);
                // A letter at each end also belongs to its neighbours.
                let left: usize = shown.split(HIDDEN).map(str::len).sum();
                assert!(
                    shown.contains(HIDDEN) && left <= text.len() - sent.len() + user.len() * 2 + 10,
                    "{text}: {shown}"
                );
            }
        }
        assert_eq!(hide("nothing here"), "nothing here");
    }

    #[test]
    fn lines_are_hidden_and_placeholders_are_not() {
        learn(&Secret::new("-----BEGIN X-----\nMIIcanarycanary0\n{\n"));
        learn(&Secret::open("rehearsal-word"));
        learn(&Secret::new("abc"));
        assert_eq!(hide("say MIIcanarycanary0 { abc rehearsal-word"), "say *** { abc rehearsal-word");
    }

    #[test]
    fn base64_of_neighbours_is_found() {
        for (before, after) in [("", ""), ("a", "z"), ("ab", "yz"), ("abc", "xyz")] {
            let text = STANDARD.encode(format!("{before}the-secret-itself{after}"));
            assert!(cores(b"the-secret-itself").iter().any(|core| text.contains(core)), "{before} {after}");
        }
    }
}
