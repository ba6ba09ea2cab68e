//! What `requires-python` lets in, by minor versions of Python 3.
//!
//! <https://packaging.python.org/specifications/version-specifiers/>

/// Whether some Python 3.`minor` satisfies the specifiers. What cannot be read excludes nothing: pip judges it, not we.
pub fn lets_in(specifiers: &str, minor: u32) -> bool {
    specifiers.split(',').all(|one| satisfies(one.trim(), minor).unwrap_or(true))
}

/// One specifier; `None` if it is not one.
fn satisfies(specifier: &str, minor: u32) -> Option<bool> {
    let operators = [">=", "<=", "==", "!=", "~=", ">", "<"];
    let operator = operators.into_iter().find(|operator| specifier.starts_with(operator))?;
    let version = specifier[operator.len()..].trim();
    let (version, any) = version.strip_suffix(".*").map_or((version, false), |version| (version, true));
    let numbers: Vec<u32> = version.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
    let (major, rest) = numbers.split_first()?;
    let patched = rest.get(1).is_some_and(|patch| *patch > 0);
    let asked = match (*major, rest.first()) {
        (3, Some(asked)) => *asked,
        // `==3.*` and `~=3.0` aside, a bare major says something of all of them or of none.
        (3, None) => return Some(operator != "<" && !(any && operator == "!=")),
        (major, _) => return Some(matches!(operator, ">" | ">=") == (major < 3) || operator == "!="),
    };
    Some(match operator {
        ">=" | ">" => minor >= asked,
        "<" => minor < asked || minor == asked && patched,
        "<=" => minor <= asked,
        "==" => minor == asked,
        "!=" => minor != asked || !any,
        // `~=3.8` is `>=3.8, ==3.*`, `~=3.8.1` is `>=3.8.1, ==3.8.*`.
        _ if rest.len() > 1 => minor == asked,
        _ => minor >= asked,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_versions() {
        let check = |specifiers: &str, inside: &[u32]| {
            let found: Vec<u32> = (7..14).filter(|minor| lets_in(specifiers, *minor)).collect();
            assert_eq!(found, inside, "{specifiers}");
        };
        let all = [7, 8, 9, 10, 11, 12, 13];
        check("", &all);
        check(">=3", &all);
        check(">=3.10", &all[3..]);
        check(">= 3.10 , < 3.13", &all[3..6]);
        check(">=3.10.2,<4", &all[3..]);
        check(">3.9", &all[2..]);
        check("<3.9.1", &all[..3]);
        check("<=3.9", &all[..3]);
        check("~=3.11", &all[4..]);
        check("~=3.11.4", &[11]);
        check("==3.12.*", &[12]);
        check(">=3.11,!=3.12.*", &[11, 13]);
        check(">=3.11,!=3.12.1", &[11, 12, 13]);
        check(">=2.7,!=3.8.*", &[7, 9, 10, 11, 12, 13]);
        check("<3", &[]);
        check(">=4", &[]);
        check("<4,>=3.12", &[12, 13]);
        check("no specifier", &all);
    }
}
