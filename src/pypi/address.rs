//! Web addresses as `rfc3986` takes them, and addresses of mail as `email-validator` does.

/// Whether PyPI takes it as a web address (`is_valid_uri` of warehouse/utils/http.py). That asks for little: what is wrong
/// with a host is overlooked there, as `rfc3986` drops a host that it cannot read.
pub fn is_web(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let rest = rest.split('#').next().unwrap_or_default();
    let (hierarchy, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = match hierarchy.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len())),
        None => ("", hierarchy),
    };
    ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        && !path.contains(['[', ']'])
        && !query.contains(['[', ']'])
        && !has_bad_port(authority)
}

/// Whether only the port of an authority is wrong.
fn has_bad_port(authority: &str) -> bool {
    let Some((place, port)) = authority.rsplit_once(':') else { return false };
    let (user, host) = place.rsplit_once('@').map_or((None, place), |(user, host)| (Some(user), host));
    let digits = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    let readable = user.is_none_or(|user| !user.is_empty() && is_made_of(user, ":")) && is_made_of(host, "");
    digits && readable && port.parse::<u16>().is_err()
}

/// Unreserved characters, delimiters of parts, `%41`, and those that are named.
fn is_made_of(text: &str, more: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let plain =
            byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte) || more.as_bytes().contains(&byte);
        let mut digit = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
        if !plain && (byte != b'%' || !digit() || !digit()) {
            return false;
        }
    }
    true
}

/// The address in `Name <a@b.example>`, as Python's `email.utils.parseaddr` finds it; none if there are several or it is
/// none at all, which PyPI looks at no further.
pub fn single_mailbox(text: &str) -> Option<String> {
    let text = without_comments(text)?;
    let (name, address) = match text.split_once('<') {
        Some((name, rest)) => (name, rest.strip_suffix('>')?.trim()),
        None => ("", text.as_str()),
    };
    let (_, domain) = address.rsplit_once('@').unwrap_or((address, "."));
    let plain = !address.contains(['<', '>', '[', ';']) && !name.contains(['@', '>', '[', ';']);
    let one = unquoted(address).matches('@').count() < 2;
    (plain && one && !domain.is_empty() && !address.is_empty()).then(|| address.to_owned())
}

/// A text without what stands in quotes.
fn unquoted(text: &str) -> String {
    text.split('"').step_by(2).collect()
}

/// A text without what stands in parentheses, quoted names left out; none if it is a list.
fn without_comments(text: &str) -> Option<String> {
    let (mut kept, mut quoted, mut depth) = (String::new(), false, 0_usize);
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' if quoted => drop(chars.next()),
            '"' if depth == 0 => {
                quoted = !quoted;
                kept.push(char);
            }
            // In a name in quotes every character is one of the name.
            _ if quoted => kept.push(if ",<>@[;".contains(char) { '_' } else { char }),
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            ',' => return None,
            _ => kept.push(char),
        }
    }
    Some(kept.trim().to_owned())
}

/// Domains that no mail reaches from outside.
const SPECIAL: [&str; 6] = ["arpa", "invalid", "local", "localhost", "onion", "test"];
/// Most characters of an address.
const LONGEST: usize = 254;

/// What is wrong with an address of mail.
pub fn mailbox(address: &str) -> Option<String> {
    let Some((local, domain)) = address.split_once('@') else {
        return Some("An email address must have an @-sign.".into());
    };
    let fixed = |text: &str| Some(text.to_owned());
    if local.is_empty() {
        return fixed("There must be something before the @-sign.");
    }
    // Invisible and direction-changing characters deceive readers.
    let unseen = |char: char| matches!(char, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let atom = |char: char| {
        let wide = !char.is_ascii() && !char.is_control() && !unseen(char);
        char.is_ascii_alphanumeric() || "_!#$%&'*+-/=?^`{|}~".contains(char) || wide
    };
    if let Some(bad) = local.chars().find(|char| !atom(*char) && *char != '.') {
        return Some(format!("The email address contains invalid characters before the @-sign: {bad:?}."));
    }
    if local.split('.').any(str::is_empty) {
        return fixed("An email address cannot have a period there before the @-sign.");
    }
    if domain.is_empty() {
        return fixed("There must be something after the @-sign.");
    }
    let host = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-') || !char.is_ascii();
    if let Some(bad) = domain.chars().find(|char| !host(*char)) {
        return Some(format!("The part after the @-sign contains invalid characters: {bad:?}."));
    }
    let Ok(url::Host::Domain(ascii)) = url::Host::parse(domain) else {
        return fixed("The part after the @-sign is not valid.");
    };
    let label = |label: &str| {
        let third = label.get(2..4) == Some("--") && !label.starts_with("xn--");
        !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-') && !third
    };
    if !ascii.split('.').all(label) {
        return fixed("The part after the @-sign is not valid.");
    }
    if !ascii.contains('.') {
        return fixed("The part after the @-sign is not valid. It should have a period.");
    }
    let top = ascii.rsplit('.').next().unwrap_or_default();
    if !top.ends_with(|char: char| char.is_ascii_alphabetic()) {
        return fixed("The part after the @-sign is not valid. It is not within a valid top-level domain.");
    }
    if SPECIAL.contains(&top) {
        return fixed("The part after the @-sign is a special-use or reserved name that cannot be used with email.");
    }
    (address.chars().count() > LONGEST).then(|| "The email address is too long.".to_owned())
}
