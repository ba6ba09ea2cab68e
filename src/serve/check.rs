//! What of a submission is refused before anything is started, in words that say what to do.

use url::Url;

use super::address::{Allowed, Server};
use super::task::{Face, Fault, Login, Reason, Submission};
use crate::reference::check_tag;
use crate::secret::Secret;
use crate::shown;

const LONGEST_URL: usize = 2048;
const LONGEST_BRANCH: usize = 255;
/// As the column of the old service's table.
const LONGEST_NAME: usize = 255;
const LONGEST_NEW_NAME: usize = 128;
const LONGEST_DIR: usize = 1024;
/// How much of a value a message repeats.
const SHOWN: usize = 100;

/// Why something that was asked for is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    /// The field of the form.
    pub field: &'static str,
    /// Lower case, no full stop, values in backticks and never a secret.
    pub message: String,
    pub hint: String,
}

impl Refusal {
    fn new(field: &'static str, reason: Reason, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { reason, field, message: message.into(), hint: hint.into() }
    }

    /// As the end of a task.
    pub fn fault(&self) -> Fault {
        Fault::new(self.reason, format!("{}: {}; {}", self.field, self.message, self.hint))
    }
}

/// What can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Without a login.
    pub repository: Url,
    pub server: Server,
    /// The one of HEAD if absent.
    pub branch: Option<String>,
    /// Names below the repository's root with `/` between them; empty for the root itself.
    pub folder: String,
}

/// Looks at all fields.
///
/// # Errors
/// Everything that is wrong with it, in the order of the form.
pub fn submission(asked: &Submission, allowed: &Allowed) -> Result<Checked, Vec<Refusal>> {
    let mut refusals = Vec::new();
    refusals.extend(name(&asked.app_name, asked.face).err());
    refusals.extend(tag(&asked.image_tag, asked.face).err());
    if asked.face == Face::New && asked.login.is_some() {
        let hint = "leave them out: the service has a token of its own for a host (`fetch.tokens`)";
        let text = "the address of the repository has credentials in it";
        refusals.push(Refusal::new("git_repo", Reason::CredentialsInUrl, text, hint));
    }
    let repository = repository(&asked.git_repo, allowed).map_err(|refusal| refusals.push(refusal)).ok();
    let branch = asked.branch.as_deref().filter(|name| !name.is_empty());
    refusals.extend(branch.and_then(|name| self::branch(name, asked.face).err()));
    let folder = folder(asked.app_dir.as_deref().unwrap_or_default());
    let folder = folder.map_err(|refusal| refusals.push(refusal)).unwrap_or_default();
    match repository {
        Some(found) if refusals.is_empty() => {
            let Place { url, server } = found;
            Ok(Checked { repository: url, server, branch: branch.map(str::to_owned), folder })
        }
        _ => Err(refusals),
    }
}

/// Takes the login out of an address, whatever else is wrong with it.
pub fn without_login(text: &str) -> (String, Option<Login>) {
    if let Ok(mut url) = Url::parse(text)
        && (!url.username().is_empty() || url.password().is_some())
        && url.host().is_some()
    {
        let login = Login {
            user: Secret::new(decoded(url.username())),
            password: Secret::new(decoded(url.password().unwrap_or_default())),
        };
        // It has a host, so both can be set.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        return (url.into(), Some(login));
    }
    if Url::parse(text).is_ok_and(|url| url.host().is_some()) {
        return (text.to_owned(), None);
    }
    // Not an address: what stands before the last `@` may be a secret all the same.
    let start = text.find("://").map_or(0, |at| at + 3);
    match text.rfind('@').filter(|at| *at >= start && !text[start..*at].is_empty()) {
        Some(at) => {
            let (user, password) = text[start..at].split_once(':').unwrap_or((&text[start..at], ""));
            let login = Login { user: Secret::new(user), password: Secret::new(password) };
            (format!("{}{}", &text[..start], &text[at + 1..]), Some(login))
        }
        None => (text.to_owned(), None),
    }
}

/// Without `%XX`.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match hex.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A value as messages repeat it.
fn quoted(text: &str) -> String {
    let short: String = text.chars().take(SHOWN).collect();
    let dots = if text.chars().nth(SHOWN).is_some() { "…" } else { "" };
    format!("`{}{dots}`", shown::one_line(&short))
}

struct Place {
    url: Url,
    server: Server,
}

fn repository(text: &str, allowed: &Allowed) -> Result<Place, Refusal> {
    let refuse = |reason, message: String, hint: &str| Err(Refusal::new("git_repo", reason, message, hint));
    const HTTPS: &str = "give an address that begins with `https://`";
    if text.starts_with('-') {
        return refuse(Reason::OptionLikeValue, format!("{} begins with `-`", quoted(text)), HTTPS);
    }
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("https" | "http") => {}
        Some(other) => {
            return refuse(
                Reason::GitSchemeForbidden,
                format!("{} is not fetched from", quoted(&format!("{other}://"))),
                HTTPS,
            );
        }
        None => return refuse(Reason::GitSchemeForbidden, format!("{} is not an https address", quoted(text)), HTTPS),
    }
    if text.len() > LONGEST_URL {
        let message = format!("the address has {} bytes; the limit is {LONGEST_URL}", text.len());
        return refuse(Reason::GitUrlInvalid, message, "give a shorter one");
    }
    if let Some(bad) = text.chars().find(|c| c.is_control() || c.is_whitespace() || *c == '\\') {
        let message = format!("the address {} contains `{}`", quoted(text), bad.escape_debug());
        return refuse(Reason::GitUrlInvalid, message, "write it percent-encoded");
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => {
            let message = format!("{} is not an address: {error}", quoted(text));
            return refuse(Reason::GitUrlInvalid, message, "give the address that `git clone` takes");
        }
    };
    let server = match Server::of_url(&url) {
        Some(server) if server.port != 0 => server,
        _ => {
            let message = format!("{} names no server", quoted(text));
            return refuse(Reason::GitUrlInvalid, message, "give the address that `git clone` takes");
        }
    };
    if !url.username().is_empty() || url.password().is_some() {
        let message = "the address of the repository has credentials in it".to_owned();
        return refuse(Reason::CredentialsInUrl, message, "leave them out");
    }
    reachable(&url, &server, allowed)?;
    if url.fragment().is_some() {
        let message = format!("{} has a part behind `#`", quoted(text));
        return refuse(Reason::GitUrlInvalid, message, "give the branch and the folder in fields of their own");
    }
    if url.path().trim_matches('/').is_empty() {
        return refuse(Reason::GitUrlInvalid, format!("{} names no repository", quoted(text)), "give its path, too");
    }
    Ok(Place { url, server })
}

/// Whether the server may be asked at all, as far as its name says.
fn reachable(url: &Url, server: &Server, allowed: &Allowed) -> Result<(), Refusal> {
    const OPERATOR: &str = "whoever runs the service can name it in `LONGSHORE_FETCH_ALLOW`";
    if let Some(what) = allowed.refuses_name(server) {
        let message = format!("`{server}` is a {what} address");
        return Err(Refusal::new("git_repo", Reason::AddressForbidden, message, OPERATOR));
    }
    let is_named = allowed.names(server) || server.host.parse().is_ok_and(|address| allowed.covers(address));
    if url.scheme() == "http" && !is_named {
        let message = format!("`http://{server}` would be fetched without encryption");
        let hint = format!("give an address that begins with `https://`, or {OPERATOR}");
        return Err(Refusal::new("git_repo", Reason::GitSchemeForbidden, message, hint));
    }
    Ok(())
}

/// A server of which an address is known by now.
///
/// # Errors
/// If the address is not public, and nobody allowed it.
pub fn resolved(server: &Server, address: std::net::IpAddr, allowed: &Allowed) -> Result<(), Fault> {
    let Some(what) = allowed.refuses(server, address) else { return Ok(()) };
    let text = format!(
        "`{}` resolves to {address}, a {what} address; whoever runs the service can name it in `LONGSHORE_FETCH_ALLOW`",
        server.host
    );
    Err(Fault::new(Reason::AddressForbidden, text))
}

/// Git's rules (git-check-ref-format(1)); the new face also refuses what shells and URLs give a meaning.
fn branch(text: &str, face: Face) -> Result<(), Refusal> {
    let refuse = |why: &str| {
        let message = format!("{} is not the name of a branch or tag: it {why}", quoted(text));
        Err(Refusal::new("branch", Reason::RefInvalid, message, "git-check-ref-format(1) has the rules"))
    };
    if text.starts_with('-') {
        let message = format!("{} begins with `-`", quoted(text));
        return Err(Refusal::new("branch", Reason::OptionLikeValue, message, "give the name of a branch or tag"));
    }
    if text.len() > LONGEST_BRANCH {
        return refuse(&format!("has {} bytes, more than {LONGEST_BRANCH}", text.len()));
    }
    let is_illegal = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    let is_meant = |c: char| face == Face::New && !c.is_alphanumeric() && !"._/-+#@=,%".contains(c);
    if let Some(bad) = text.chars().find(|c| is_illegal(*c) || is_meant(*c)) {
        return refuse(&format!("contains `{}`", bad.escape_debug()));
    }
    if text == "@" || text.contains("@{") || text.contains("..") || text.ends_with('.') {
        return refuse("contains `..`, `@{` or a dot at its end, or is `@`");
    }
    let is_wrong = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    if text.split('/').any(is_wrong) {
        return refuse("has a part that is empty, begins with `.` or ends with `.lock`");
    }
    Ok(())
}

fn tag(text: &str, face: Face) -> Result<(), Refusal> {
    if text.len() > LONGEST_NAME && face == Face::Old {
        return Err(too_long("image_tag", text));
    }
    check_tag(text).map_err(|_| {
        let message = format!("{} is not a tag", quoted(text));
        let hint = "a tag is `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`";
        Refusal::new("image_tag", Reason::TagInvalid, message, hint)
    })
}

/// Old callers' names may hold anything that is not a way to another folder.
fn name(text: &str, face: Face) -> Result<(), Refusal> {
    let refuse = |why: &str, hint: &str| {
        Err(Refusal::new("app_name", Reason::NameInvalid, format!("{} {why}", quoted(text)), hint))
    };
    if face == Face::Old {
        if text.len() > LONGEST_NAME {
            return Err(too_long("app_name", text));
        }
        let leaves = text.starts_with('/') || text.split(['/', '\\']).any(|part| part == "..");
        return match leaves || text.chars().any(char::is_control) || matches!(text, "" | ".") {
            true => refuse("is not a name: it leads out of its folder, or has control characters", "use another name"),
            false => Ok(()),
        };
    }
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_legal = |c: char| is_inner(c) || matches!(c, '.' | '_' | '-');
    let ends = text.starts_with(is_inner) && text.ends_with(is_inner);
    if !ends || text.contains("..") || text.len() > LONGEST_NEW_NAME || !text.chars().all(is_legal) {
        return refuse(
            "is not a name",
            "use up to 128 small letters, digits, `.`, `_` and `-`, a letter or digit at both ends",
        );
    }
    Ok(())
}

fn too_long(field: &'static str, text: &str) -> Refusal {
    let message = format!("{} has {} bytes; the limit is {LONGEST_NAME}", quoted(text), text.len());
    Refusal::new(field, Reason::NameTooLong, message, "use a shorter one")
}

/// A folder of the repository, in one way of writing.
fn folder(text: &str) -> Result<String, Refusal> {
    let refuse = |reason, why: &str| {
        let hint = "give the path of a folder below the repository's root, `services/api`";
        Err(Refusal::new("app_dir", reason, format!("{} {why}", quoted(text)), hint))
    };
    if text.starts_with('-') {
        return refuse(Reason::OptionLikeValue, "begins with `-`");
    }
    if text.len() > LONGEST_DIR || text.chars().any(|c| c.is_control() || c == '\\') {
        return refuse(Reason::NameInvalid, "is too long, or has control characters or backslashes");
    }
    if text.starts_with('/') || text.split('/').any(|part| part == "..") {
        return refuse(Reason::ContextOutsideRepo, "leads out of the repository");
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    // Git's own folder is not a part of what was committed.
    if parts.first().is_some_and(|first| first.eq_ignore_ascii_case(".git")) {
        return refuse(Reason::ContextOutsideRepo, "is git's own folder");
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
