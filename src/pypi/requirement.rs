//! Requirements and version specifiers (PEP 508, PEP 440), as far as an index refuses them.

use super::marker::is_marker;
use super::name::is_name;
use super::version::Version;

const OPERATORS: [&str; 8] = ["===", "~=", "==", "!=", "<=", ">=", "<", ">"];

/// Whether it is a version specifier like `>=3.10, !=3.11.*`.
pub fn is_specifiers(text: &str) -> bool {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).all(is_specifier)
}

fn is_specifier(text: &str) -> bool {
    let Some((operator, version)) =
        OPERATORS.iter().find_map(|operator| Some((*operator, text.strip_prefix(operator)?)))
    else {
        return false;
    };
    let version = version.trim();
    let equal = operator == "==" || operator == "!=";
    if operator == "===" {
        return !version.is_empty() && !version.contains(|char: char| char.is_whitespace() || ";)".contains(char));
    }
    if let Some(prefix) = version.strip_suffix(".*").filter(|_| equal) {
        return prefix.parse::<Version>().is_ok_and(|prefix| prefix.is_final());
    }
    version
        .parse::<Version>()
        .is_ok_and(|version| (equal || !version.is_local()) && (operator != "~=" || version.parts() > 1))
}

/// Whether it is a name with extras, specifiers or an address, and a marker.
pub fn is_requirement(text: &str) -> bool {
    let Some(rest) = after_extras(text) else { return false };
    if let Some(address) = rest.strip_prefix('@') {
        // A URL ends at the next space.
        let address = address.trim();
        let (address, after) = address.split_once([' ', '\t']).unwrap_or((address, ""));
        let after = after.trim();
        return !address.is_empty() && (after.is_empty() || after.strip_prefix(';').is_some_and(is_marker));
    }
    let (specifiers, marker) = rest.split_once(';').map_or((rest, None), |(left, right)| (left, Some(right)));
    let specifiers = specifiers.trim();
    let inner = specifiers.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(specifiers);
    is_specifiers(inner) && marker.is_none_or(is_marker)
}

/// Whether it names an address instead of a version.
pub fn is_direct(text: &str) -> bool {
    after_extras(text).is_some_and(|rest| rest.starts_with('@'))
}

/// What follows a name and its extras.
fn after_extras(text: &str) -> Option<&str> {
    let text = text.trim();
    let named = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
    let (name, rest) = text.split_at(text.find(|char| !named(char)).unwrap_or(text.len()));
    let rest = rest.trim_start();
    if !is_name(name) {
        return None;
    }
    let Some(extras) = rest.strip_prefix('[') else { return Some(rest) };
    let (extras, rest) = extras.split_once(']')?;
    let good = extras.trim().is_empty() || extras.split(',').all(|extra| is_name(extra.trim()));
    good.then(|| rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements() {
        for text in [
            "a",
            "a>=1",
            "a (>=1,<2)",
            "a[b, c]>=1 ; python_version < '3'",
            "a[]",
            "a @ https://x/y",
            "a @ https://x/y ; extra == 'b'",
            "a===x",
            "a==1.0.*",
            "a~=1.2",
        ] {
            assert!(is_requirement(text), "{text}");
        }
        for text in [
            "",
            ">=1",
            "a b",
            "a >= x",
            "a[b",
            "a[b c]",
            "a ;",
            "a >=1 <2",
            "a @ ",
            "a>=1.*",
            "a==1.0.post1.*",
            "a==1a1.*",
            "a~=1",
            "a ; b",
        ] {
            assert!(!is_requirement(text), "{text}");
        }
        assert!(is_direct("a[b] @ https://x/y") && !is_direct("a ; b == '@'"));
    }
}
