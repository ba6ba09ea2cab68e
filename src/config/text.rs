//! Pieces of text: what each kind must look like, parsed once. Problems have no place yet; the caller knows it.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::names::{self, Parsed, path};
use super::schema::{KINDS, Place, Text};
use super::words::{any_of, elsewhere, nearest, quote};
use crate::format::Format;
use crate::problem::Problem;
use crate::reference::check_tag;
use crate::target::Target;
use crate::template::{Piece, Template};

/// The longest glob, far above any real one: its automaton grows faster than its text.
const MAX_GLOB: usize = 256;
/// The longest name: step ids have at most 100 characters and hold more than the name.
const MAX_NAME: usize = 60;

/// Whether text is what its key takes.
///
/// # Errors
/// What is wrong with it.
pub fn check(kind: Text, text: &str) -> Parsed<()> {
    let allowed = match kind {
        Text::EnvValue | Text::Script | Text::Argument => &['\n', '\t'][..],
        _ => &[],
    };
    if text.chars().any(|char| char.is_control() && !allowed.contains(&char)) {
        return Err(Problem::new("control-character", format!("{} contains a control character", quote(text)))
            .hint("write it as one line without tabs or escapes"));
    }
    if text.trim().is_empty() && !matches!(kind, Text::EnvValue | Text::Argument) {
        return Err(Problem::new("empty-text", format!("expected {}, found nothing", kind.expected())));
    }
    match kind {
        Text::FormatNumber => format_number(text),
        Text::Line | Text::EnvValue | Text::Argument | Text::Script => Ok(()),
        Text::Label => label(text),
        Text::Environment => expression(text),
        Text::Runner if is_expression(text) => expression(text),
        Text::Runner => label(text),
        Text::Name => name(text),
        Text::Word(words) => word(text, words),
        Text::DestinationKind => word(text, KINDS),
        Text::Triple => triple(text).map(drop),
        Text::TripleGlob => triple_glob(text).map(drop),
        Text::Count => count(text),
        Text::Size => size(text).map(drop),
        Text::Time => seconds(text).map(drop),
        Text::Glibc => glibc(text),
        Text::Macos => names::macos(text),
        Text::Path => path(text).map(drop),
        Text::Manifest => manifest(text),
        Text::FileGlob => file_glob(text),
        Text::FileName => file_name(text),
        Text::Repository => repository(text),
        Text::Notes => notes(text),
        Text::ImageRepository => names::image_repository(text).map(drop),
        Text::ImagePrefix => names::image_prefix(text).map(drop),
        Text::Image => names::image(text).map(drop),
        Text::Platform => names::platform(text).map(drop),
        Text::ImagePath => names::image_path(text).map(drop),
        Text::ValuesPath => names::values_path(text).map(drop),
        Text::ReferenceGlob => glob(text).map(drop),
        Text::Port => names::port(text).map(drop),
        Text::Host => names::host(text),
        Text::Distribution => names::distribution(text).map(drop),
        Text::Compatibility => names::compatibility(text).map(drop),
        Text::Python => names::python(text).map(drop),
        Text::Index => names::index(text).map(drop),
        Text::EnvName => env_name(text),
        Text::SecretName => secret_name(text),
        Text::EnvGlob => glob(text).map(drop),
        Text::Template(place) => template(place, text).map(drop),
        Text::Share => name(text),
        Text::WorkflowFile => names::workflow_file(text),
        Text::WorkflowPath => names::workflow_path(text),
    }
}

fn format_number(text: &str) -> Parsed<()> {
    if text == "1" {
        return Ok(());
    }
    Err(Problem::new("unknown-format", format!("format {} of this file is unknown", quote(text)))
        .hint("this version reads `longshore: 1`; a higher number needs a newer longshore"))
}

/// What a generated file may ask GitHub: only what those who may change the repository decide. Expressions:
/// <https://docs.github.com/actions/reference/workflows-and-actions/contexts>.
const SAFE: &[&str] = &["github.repository", "github.repository_owner", "github.event_name", "github.ref_type"];

/// Whether GitHub would put something else in a text's place.
fn is_expression(text: &str) -> bool {
    text.contains("${{")
}

/// A literal, or literals around safe expressions: anybody may name a branch, a tag or a title, and with a function of
/// GitHub's a secret could become a name.
fn expression(text: &str) -> Parsed<()> {
    let variable = |word: &str| {
        word.strip_prefix("vars.").is_some_and(|name| {
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
    };
    let mut rest = text;
    while let Some((_, inside)) = rest.split_once("${{") {
        let word = inside.split_once("}}").map(|(word, after)| {
            rest = after;
            word.trim()
        });
        if !word.is_some_and(|word| SAFE.contains(&word) || variable(word)) {
            return Err(Problem::new(
                "unsafe-expression",
                format!("{} cannot be used in a generated workflow", quote(text)),
            )
            .hint(format!("write a literal, or `${{{{ vars.NAME }}}}`, `${{{{ {} }}}}`", SAFE.join(" }}`, `${{ "))));
        }
    }
    Ok(())
}

fn label(text: &str) -> Parsed<()> {
    if is_expression(text) {
        return Err(Problem::new(
            "unsafe-expression",
            format!("{} is a GitHub expression, which is not evaluated here", quote(text)),
        )
        .hint("write a literal; `workflows.*.runner` and `environment` also take `${{ vars.NAME }}`"));
    }
    if text.contains(char::is_whitespace) {
        return Err(Problem::new("bad-text", format!("{} contains a space", quote(text))).hint("write one word"));
    }
    Ok(())
}

fn is_name_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | '-')
}

fn name(text: &str) -> Parsed<()> {
    if text.len() > MAX_NAME {
        let message = format!("the name {} is longer than {MAX_NAME} characters", quote(text));
        return Err(Problem::new("bad-name", message).hint("shorten it: file and step names are derived from it"));
    }
    if text.starts_with(|char: char| char.is_ascii_alphanumeric()) && text.chars().all(is_name_char) {
        return Ok(());
    }
    Err(Problem::new("bad-name", format!("{} cannot be a name", quote(text)))
        .hint("start with a letter or digit and use only letters, digits, `.`, `_` and `-`: file and step names are derived from it"))
}

fn word(text: &str, words: &[&str]) -> Parsed<()> {
    if words.contains(&text) {
        return Ok(());
    }
    let problem =
        Problem::new("unknown-word", format!("expected {}, found {}", any_of(words.iter().copied()), quote(text)));
    Err(match nearest(text, words.iter().copied()) {
        Some(word) => problem.hint(format!("did you mean `{word}`?")),
        None if words == KINDS => elsewhere(text).map_or(problem.clone(), |hint| problem.hint(hint)),
        None => problem,
    })
}

/// A known target triple.
///
/// # Errors
/// The nearest one.
pub fn triple(text: &str) -> Parsed<Target> {
    text.parse().map_err(|_| {
        let triples: Vec<&str> = Target::all().map(Target::triple).collect();
        let supported = format!("supported targets: {}", triples.join(", "));
        if Target::is_of_rustc(text) {
            let message = format!("the target {} is not supported in this version", quote(text));
            return Problem::new("unsupported-target", message).hint(supported);
        }
        let near = nearest(text, triples.iter().copied()).filter(|near| processor(near) == processor(text));
        let hint = near.map_or(supported, |triple| format!("did you mean `{triple}`?"));
        Problem::new("unknown-target", format!("unknown target {}", quote(text))).hint(hint)
    })
}

/// What a triple begins with, in the word that all of ours have for it.
fn processor(triple: &str) -> &str {
    match triple.split('-').next().unwrap_or_default() {
        "arm64" | "aarch64" => "aarch64",
        "amd64" | "x64" | "x86_64" => "x86_64",
        other => other,
    }
}

/// Whether text with glob characters or without them.
pub fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// A known triple, or a glob.
///
/// # Errors
/// An unknown triple, a glob that matches no known one, or a broken glob.
pub fn triple_glob(text: &str) -> Parsed<Triples> {
    if !is_glob(text) {
        return triple(text).map(Triples::One);
    }
    let set = glob(text)?;
    if Target::all().any(|target| set.is_match(target.triple())) {
        return Ok(Triples::Matching(set));
    }
    let known: Vec<&str> = Target::all().map(Target::triple).collect();
    Err(Problem::new("unknown-target", format!("{} matches no supported target", quote(text)))
        .hint(format!("supported targets: {}", known.join(", "))))
}

pub enum Triples {
    One(Target),
    Matching(GlobSet),
}

impl Triples {
    pub fn includes(&self, target: Target) -> bool {
        match self {
            Self::One(one) => *one == target,
            Self::Matching(set) => set.is_match(target.triple()),
        }
    }
}

fn glob(text: &str) -> Parsed<GlobSet> {
    let bad = |why: String| {
        Problem::new("bad-glob", format!("{} is not a glob: {why}", quote(text)))
            .hint("`*`, `**`, `?`, `[a-z]` and `{a,b}` are special; `[*]` is a literal `*`")
    };
    if text.len() > MAX_GLOB {
        return Err(bad(format!("it is longer than {MAX_GLOB} bytes")));
    }
    let glob = GlobBuilder::new(text).literal_separator(true).build().map_err(|error| bad(error.kind().to_string()))?;
    let mut set = GlobSetBuilder::new();
    set.add(glob);
    set.build().map_err(|error| bad(error.kind().to_string()))
}

/// `90s`, `60m`, `2h`: at most a day.
///
/// # Errors
/// What is not a time.
pub fn seconds(text: &str) -> Parsed<u64> {
    let unit = match text.chars().last() {
        Some('s') => Some(1),
        Some('m') => Some(60),
        Some('h') => Some(3600),
        _ => None,
    };
    let number = text.get(..text.len().saturating_sub(1)).and_then(|number| number.parse::<u64>().ok());
    let seconds = unit.and_then(|unit: u64| number?.checked_mul(unit));
    seconds.filter(|seconds| (1..=24 * 3600).contains(seconds)).ok_or_else(|| {
        Problem::new("bad-time", format!("{} is not a time between `1s` and `24h`", quote(text)))
            .hint("write `90s`, `60m` or `2h`")
    })
}

fn count(text: &str) -> Parsed<()> {
    match text.parse::<u32>() {
        Ok(number) if number > 0 => Ok(()),
        _ => Err(Problem::new("bad-number", format!("{} is not a number of 1 or more", quote(text)))
            .hint("write it with digits alone, as `60`")),
    }
}

/// Bytes of `50MB`, `20 MiB`, `1.5GB`, `1048576`.
///
/// # Errors
/// What a size looks like.
pub fn size(text: &str) -> Parsed<u64> {
    let digits = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim());
    let unit: Option<u64> = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "k" | "kb" => Some(1000),
        "m" | "mb" => Some(1_000_000),
        "g" | "gb" => Some(1_000_000_000),
        "ki" | "kib" => Some(1 << 10),
        "mi" | "mib" => Some(1 << 20),
        "gi" | "gib" => Some(1 << 30),
        _ => None,
    };
    let bytes = unit.and_then(|unit| match number.split_once('.') {
        None => number.parse::<u64>().ok()?.checked_mul(unit),
        Some((whole, part)) if (1..=6).contains(&part.len()) => {
            let tenths = part.parse::<u64>().ok()?.checked_mul(unit)? / 10_u64.pow(u32::try_from(part.len()).ok()?);
            whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(tenths)
        }
        Some(_) => None,
    });
    match bytes {
        Some(bytes) if bytes > 0 => Ok(bytes),
        _ => Err(Problem::new("bad-size", format!("{} is not a size", quote(text)))
            .hint("write `50MB` (millions of bytes), `50MiB`, or a number of bytes")),
    }
}

fn glibc(text: &str) -> Parsed<()> {
    let parts: Vec<&str> = text.split('.').collect();
    let number = |part: &&str| (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    if (2..=3).contains(&parts.len()) && parts.iter().all(number) {
        return Ok(());
    }
    Err(Problem::new("bad-version", format!("{} is not a version of glibc", quote(text))).hint("write it like `2.28`"))
}

fn manifest(text: &str) -> Parsed<()> {
    let path = path(text)?;
    if path == "Cargo.toml" || path.ends_with("/Cargo.toml") {
        return Ok(());
    }
    let hint = if path.rsplit('/').next().is_some_and(|last| last.contains('.')) {
        "use the path of a Cargo.toml".into()
    } else {
        format!("write {}", quote(&format!("{path}/Cargo.toml")))
    };
    Err(Problem::new("bad-path", format!("{} is not a Cargo.toml", quote(text))).hint(hint))
}

fn file_glob(text: &str) -> Parsed<()> {
    if path(text)? == "." {
        return Err(Problem::new("bad-path", format!("{} is the whole repository", quote(text)))
            .hint("list files or folders in it"));
    }
    if is_glob(text) { glob(text).map(drop) } else { Ok(()) }
}

/// Letters that GitHub keeps in the name of an asset: <https://docs.github.com/rest/releases/assets#upload-a-release-asset>
/// says that others are renamed.
fn file_name(text: &str) -> Parsed<()> {
    let Some(bad) = text.chars().find(|char| !is_name_char(*char)) else {
        if text.starts_with('.') {
            return Err(Problem::new("bad-file-name", format!("{} starts with a dot", quote(text)))
                .hint("GitHub renames such files; start with a letter or digit"));
        }
        return Ok(());
    };
    Err(Problem::new("bad-file-name", format!("{} cannot be in a file name", quote(&bad.to_string())))
        .hint("GitHub renames such files; use only letters, digits, `.`, `_` and `-`"))
}

fn repository(text: &str) -> Parsed<()> {
    if let Some((owner, name)) = text.split_once('/')
        && [owner, name].iter().all(|part| !part.is_empty() && part.chars().all(is_name_char))
    {
        return Ok(());
    }
    let path = text.trim_end_matches('/').trim_end_matches(".git");
    let mut parts = path.rsplit(['/', ':']).map(str::to_owned);
    let (name, owner) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let hint = if text.contains("://") || text.contains('@') {
        format!("write {}", quote(&format!("{owner}/{name}")))
    } else {
        "write it like `owner/name`".into()
    };
    Err(Problem::new("bad-repository", format!("{} is not a repository", quote(text))).hint(hint))
}

pub const NOTES: &[&str] = &["auto", "changelog", "github"];

fn notes(text: &str) -> Parsed<()> {
    if NOTES.contains(&text) {
        return Ok(());
    }
    match nearest(text, NOTES.iter().copied()).filter(|_| !text.contains(['/', '.'])) {
        Some(word) => Err(Problem::new("unknown-word", format!("unknown word {}", quote(text)))
            .hint(format!("did you mean `{word}`? For a file of this name write `./{text}`"))),
        None => path(text).map(drop),
    }
}

/// What GitHub takes as a secret's name, which stands in an expression of a workflow:
/// <https://docs.github.com/actions/reference/security/secrets#naming-your-secrets>.
fn secret_name(text: &str) -> Parsed<()> {
    if !text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return Ok(());
    }
    Err(Problem::new("bad-name", format!("{} cannot be the name of a secret", quote(text)))
        .hint("use letters, digits and `_`, and no digit first: it is also the name of a GitHub Actions secret"))
}

fn env_name(text: &str) -> Parsed<()> {
    if text.contains(['=', ' ']) {
        return Err(Problem::new("bad-name", format!("{} cannot be the name of a variable", quote(text)))
            .hint("use letters, digits and `_`"));
    }
    Ok(())
}

/// A template that holds only what its place allows.
///
/// # Errors
/// Broken braces, an unknown placeholder, or a letter that cannot be there.
pub fn template(place: Place, text: &str) -> Parsed<Template> {
    let template: Template = text.parse().map_err(|error: String| {
        Problem::new("bad-template", format!("{}: {}", quote(text), error.split(';').next().unwrap_or_default()))
            .hint("write `{{` and `}}` for literal braces")
    })?;
    if let Some(unknown) = template.places().find(|name| !place.takes(name)) {
        let allowed = place.allowed().iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", ");
        let hint = match nearest(unknown, place.allowed().iter().copied()) {
            Some(name) => format!("did you mean `{{{name}}}`? allowed here: {allowed}"),
            None => format!("allowed here: {allowed}"),
        };
        let message = format!("unknown placeholder {}", quote(&format!("{{{unknown}}}")));
        return Err(Problem::new("unknown-placeholder", message).hint(hint));
    }
    literals(place, &template)?;
    Ok(template)
}

fn literals(place: Place, template: &Template) -> Parsed<()> {
    let literal = |piece: &Piece| match piece {
        Piece::Text(text) => Some(text.clone()),
        Piece::Place(_) => None,
    };
    let mut texts = template.pieces().iter().filter_map(literal);
    match place {
        Place::ArchiveFile | Place::AssetFile => texts.try_for_each(|text| file_name(text.trim_start_matches('.')))?,
        // `x` stands for what is filled in, so that `{name}/..` is seen whole.
        Place::Directory | Place::Prebuilt | Place::PrebuiltWheel => {
            path(&template.fill(|_| Some("x".into())).unwrap_or_default()).map(drop)?
        }
        Place::Tag => tag(template)?,
        Place::ImageTag => {
            // Whether a flavor or version fits into it is known when they are.
            let text = template.fill(|_| Some("x".into())).unwrap_or_default();
            check_tag(&text).map_err(|why| {
                Problem::new("bad-image-tag", why).hint("for example `{version}` or `{flavor}-{version}`")
            })?;
        }
        Place::Title | Place::ImageText | Place::ChartText | Place::Deployment => {}
    }
    match template.pieces().first() {
        Some(Piece::Text(text)) if matches!(place, Place::ArchiveFile | Place::AssetFile) => file_name(text),
        _ => Ok(()),
    }
}

/// What git allows in a tag: <https://git-scm.com/docs/git-check-ref-format>.
fn tag(template: &Template) -> Parsed<()> {
    let bad = |message: String, hint: &str| Err(Problem::new("bad-tag", message).hint(hint));
    if template.places().filter(|name| *name == "version").count() != 1 {
        return bad(
            format!("the tag {} needs `{{version}}` exactly once", quote(&template.to_string())),
            "for example `v{version}`",
        );
    }
    let text = template.fill(|name| Some(if name == "version" { "1.2.3" } else { "x" }.into())).unwrap_or_default();
    let letter = text.chars().find(|char| char.is_whitespace() || "~^:?*[\\".contains(*char));
    let dots = text.contains("..") || text.contains("@{") || text.contains("//") || text.starts_with(['/', '-', '.']);
    if letter.is_some() || dots || text.ends_with(['/', '.']) || text.ends_with(".lock") || text.contains("/.") {
        return bad(format!("{} is not a valid git tag", quote(&text)), "for example `v{version}`");
    }
    Ok(())
}

/// The format that a file name's ending says.
///
/// # Errors
/// The endings there are.
pub fn format_of(file: &str) -> Parsed<Format> {
    let formats = [Format::TarGz, Format::TarZst, Format::Zip];
    formats.into_iter().find(|format| file.ends_with(format.extension())).ok_or_else(|| {
        Problem::new("unknown-extension", format!("the extension of {} is not an archive format", quote(file)))
            .hint("use `.tar.gz`, `.tar.zst` or `.zip`; without `file:` each file is published separately")
    })
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
