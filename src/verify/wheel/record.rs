//! RECORD: every member with its digest and size, itself without.
//!
//! <https://packaging.python.org/specifications/recording-installed-packages/#the-record-file>

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::flaw::{Flaw, flaw};
use super::members::Members;
use crate::digest::Digest;
use crate::verify::content::{Entry, Listing, printable, some_of};

const HINT: &str = "pip installs and uninstalls by RECORD; the wheel was changed after it was written: build it again";

pub fn check(info: &str, members: &Members<'_>, listing: &Listing, flaws: &mut Vec<Flaw>) {
    let itself = format!("{info}/RECORD");
    let mut wrong = |text: String| flaws.push(flaw("wheel-record", text, HINT));
    let Some(text) = members.texts.get(&itself) else {
        return wrong(format!("has no `{itself}`"));
    };
    let rows = match rows(text) {
        Ok(rows) => rows,
        Err(line) => return wrong(format!("has a RECORD whose line {line} does not have three fields")),
    };
    let mut listed = BTreeSet::new();
    for [path, digest, size] in &rows {
        if !listed.insert(path.as_str()) {
            wrong(format!("has `{}` twice in its RECORD", printable(path)));
            continue;
        }
        let Some((real, length)) = members.sums.get(path) else { continue };
        if *path == itself {
            if !(digest.is_empty() && size.is_empty()) {
                wrong("has a RECORD that contains a digest of itself".into());
            }
            continue;
        }
        match sha256(digest) {
            None => wrong(format!("has no sha256 of `{}` in its RECORD", printable(path))),
            Some(given) if given != *real => {
                wrong(format!("contains `{}` as {real}, but RECORD says {given}", printable(path)));
            }
            Some(_) => {}
        }
        if size.parse() != Ok(*length) {
            wrong(format!("contains `{}` with {length} bytes, but RECORD says `{}`", printable(path), printable(size)));
        }
    }
    let files = listing.iter().filter(|(_, entry)| !matches!(entry, Entry::Folder)).map(|(path, _)| path.as_str());
    // Signatures are of RECORD and cannot be in it.
    let signature = |path: &str| path.strip_prefix(&itself).is_some_and(|end| matches!(end, ".jws" | ".p7s"));
    let missing = some_of(files.filter(|path| !listed.contains(path) && !signature(path)));
    if let Some(missing) = missing {
        wrong(format!("contains {missing} that RECORD does not list"));
    }
    if let Some(gone) = some_of(listed.iter().filter(|path| !listing.contains_key(**path)).copied()) {
        wrong(format!("does not contain {gone} that RECORD lists"));
    }
}

/// The digest of `sha256=<base64>`.
fn sha256(text: &str) -> Option<Digest> {
    let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix("sha256=")?).ok()?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.parse().ok()
}

/// Rows of three fields, CSV with quotes; the number of the row that is none.
fn rows(text: &str) -> Result<Vec<[String; 3]>, usize> {
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        rows.push(fields(line).ok_or(number + 1)?);
    }
    Ok(rows)
}

fn fields(line: &str) -> Option<[String; 3]> {
    let mut fields = vec![String::new()];
    let (mut quoted, mut chars) = (false, line.chars().peekable());
    while let Some(c) = chars.next() {
        let field = fields.last_mut()?;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => fields.push(String::new()),
            other => field.push(other),
        }
    }
    (!quoted).then_some(fields)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_fields() {
        let check = |line: &str, expected: Option<[&str; 3]>| {
            assert_eq!(fields(line), expected.map(|fields| fields.map(str::to_owned)), "{line}");
        };
        check("a,b,c", Some(["a", "b", "c"]));
        check("\"a, \"\"b\"\"\",x,1", Some(["a, \"b\"", "x", "1"]));
        check("a,,", Some(["a", "", ""]));
        check("a,b", None);
        check("\"a,b,c", None);
        check("a,b,c,d", None);
    }

    #[test]
    fn digests() {
        let empty = Digest::of(b"");
        assert_eq!(sha256("sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"), Some(empty));
        for bad in ["", "md5=47DEQpj8", "sha256=47DE", "sha256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="] {
            assert_eq!(sha256(bad), None, "{bad}");
        }
    }
}
