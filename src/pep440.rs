//! The version of a release as Python writes it: a strict mapping of SemVer that keeps the order and loses nothing.
//!
//! PEP 440 sorts `1.0.dev1 < 1.0a1 < 1.0b1 < 1.0rc1 < 1.0`; only the SemVer prereleases that sort the same way have a
//! counterpart: <https://packaging.python.org/specifications/version-specifiers/>.

use crate::version::Version;

/// The PEP 440 version of a release: `1.2.0-rc.3` is `1.2.0rc3`. `alpha.N`, `beta.N`, `rc.N` and, for snapshots, `dev.N`.
///
/// # Errors
/// Why the version has no counterpart, and which one would.
pub fn pep440(version: &Version) -> Result<String, String> {
    let text = version.to_string();
    if version.has_build() {
        return Err(format!("`{text}` has build metadata, which PyPI refuses as a local version"));
    }
    let (major, minor, patch) = version.triple();
    let base = format!("{major}.{minor}.{patch}");
    let Some((_, pre)) = text.split_once('-') else { return Ok(base) };
    let stage = pre.split_once('.').and_then(|(word, number)| {
        // `rc.1.2` and `rc.01` are not numbers; SemVer itself refuses the latter.
        let number: u64 = number.parse().ok()?;
        let letter = match word {
            "alpha" => "a",
            "beta" => "b",
            "rc" => "rc",
            "dev" => ".dev",
            _ => return None,
        };
        Some(format!("{base}{letter}{number}"))
    });
    stage.ok_or_else(|| {
        let near = nearest(pre).map(|near| format!(": write `{base}-{near}`")).unwrap_or_default();
        format!("`-{pre}` has no counterpart in Python that sorts the same way{near}")
    })
}

/// The version that [`pep440`] makes this one from: `1.2.0rc3` is `1.2.0-rc.3`. Nothing if it makes no such text.
pub fn semver(text: &str) -> Option<String> {
    let stages = [(".dev", "dev"), ("rc", "rc"), ("a", "alpha"), ("b", "beta")];
    let spelled = stages.into_iter().find_map(|(letters, word)| {
        let (base, number) = text.split_once(letters)?;
        Some(format!("{base}-{word}.{number}"))
    });
    let version: Version = spelled.unwrap_or_else(|| text.to_owned()).parse().ok()?;
    (pep440(&version).as_deref() == Ok(text)).then(|| version.to_string())
}

/// What was probably meant.
fn nearest(pre: &str) -> Option<String> {
    let words = [
        ("alpha", "alpha"),
        ("a", "alpha"),
        ("beta", "beta"),
        ("b", "beta"),
        ("rc", "rc"),
        ("c", "rc"),
        ("pre", "rc"),
        ("preview", "rc"),
    ];
    let letters: String = pre.chars().take_while(char::is_ascii_alphabetic).collect();
    let number = pre[letters.len()..].trim_start_matches('.');
    let word = words.iter().find(|(word, _)| *word == letters.to_lowercase())?.1;
    let number = if number.is_empty() { "1" } else { number };
    number.parse::<u64>().is_ok().then(|| format!("{word}.{number}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mapping_and_refusals() {
        let check = |text: &str, expected: Result<&str, &str>| match (pep440(&text.parse().unwrap()), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text}"),
            (Err(why), Err(part)) => assert!(why.contains(part), "{text}: {why}"),
            other => panic!("{text}: {other:?}"),
        };
        check("1.2.3", Ok("1.2.3"));
        check("1.2.3-alpha.0", Ok("1.2.3a0"));
        check("1.2.3-beta.4", Ok("1.2.3b4"));
        check("3.0.0-rc.15", Ok("3.0.0rc15"));
        check("1.2.4-dev.7", Ok("1.2.4.dev7"));
        check("1.2.3-rc2", Err("write `1.2.3-rc.2`"));
        check("1.2.3-a.1", Err("write `1.2.3-alpha.1`"));
        check("1.2.3-rc", Err("write `1.2.3-rc.1`"));
        check("1.2.3-5", Err("no counterpart"));
        check("1.2.3-r1", Err("no counterpart"));
        check("1.2.3-rc.1.2", Err("no counterpart"));
        check("1.2.3+build5", Err("local version"));
    }

    #[test]
    fn back_to_the_tag() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(semver(text).as_deref(), expected, "{text}");
        check("1.2.3", Some("1.2.3"));
        check("1.2.0rc3", Some("1.2.0-rc.3"));
        check("1.2.0a0", Some("1.2.0-alpha.0"));
        check("1.2.0b1", Some("1.2.0-beta.1"));
        check("1.2.0.dev7", Some("1.2.0-dev.7"));
        // Python takes them for the same, and would write them otherwise.
        for other in ["1.2", "1.2.0-rc.3", "1.2.0rc03", "1.2.0.post1", "1.2.0+local", "v1.2.0", ""] {
            check(other, None);
        }
    }

    /// PEP 440's order of the versions that are made here.
    fn key(text: &str) -> (u64, u64, u64, u8, u64) {
        let (base, rank, number) = ["a", "b", "rc"]
            .iter()
            .enumerate()
            .find_map(|(rank, letter)| {
                let (base, number) = text.split_once(letter)?;
                Some((base, u8::try_from(rank).unwrap(), number.parse().unwrap()))
            })
            .unwrap_or((text, 3, 0));
        let mut numbers = base.split('.').map(|number| number.parse().unwrap());
        let mut next = || numbers.next().unwrap();
        (next(), next(), next(), rank, number)
    }

    fn version() -> impl Strategy<Value = Version> {
        let stage = prop_oneof![Just(""), Just("-alpha."), Just("-beta."), Just("-rc.")];
        (0_u64..4, 0_u64..4, 0_u64..4, stage, 0_u64..30).prop_map(|(major, minor, patch, stage, number)| {
            let number = if stage.is_empty() { String::new() } else { number.to_string() };
            format!("{major}.{minor}.{patch}{stage}{number}").parse().unwrap()
        })
    }

    proptest! {
        #[test]
        fn order_is_kept_and_nothing_is_lost(one in version(), other in version()) {
            let (first, second) = (pep440(&one).unwrap(), pep440(&other).unwrap());
            prop_assert_eq!(one == other, first == second);
            prop_assert_eq!(one.cmp(&other), key(&first).cmp(&key(&second)), "{} {}", first, second);
        }
    }
}
