//! Names of files: what PEP 427 and PEP 625 read in them.

use crate::pypi::name::{normalize, repr};
use crate::pypi::version::Version;

/// What the name of a wheel says.
#[derive(Debug)]
pub(super) struct Wheel {
    /// The project as it is written.
    pub(super) name: String,
    /// The version as it is written.
    pub(super) written: String,
    pub(super) version: Version,
    pub(super) platforms: Vec<String>,
}

/// As `parse_wheel_filename` of Python's `packaging`, with its texts.
pub(super) fn wheel(filename: &str) -> Result<Wheel, String> {
    let invalid = |why: &str, shown: &str| format!("Invalid {why}: {}", repr(shown));
    let Some(stem) = filename.strip_suffix(".whl") else {
        return Err(invalid("wheel filename (extension must be '.whl')", filename));
    };
    let parts: Vec<&str> = stem.split('-').collect();
    if !matches!(parts.len(), 5 | 6) {
        return Err(invalid("wheel filename (wrong number of parts)", stem));
    }
    let named = |char: char| char.is_alphanumeric() || matches!(char, '_' | '.');
    if parts[0].contains("__") || parts[0].is_empty() || !parts[0].chars().all(named) {
        return Err(invalid("project name", stem));
    }
    let version = parts[1].parse().map_err(|()| invalid("wheel filename (invalid version)", stem))?;
    if parts.len() == 6 && !parts[2].starts_with(|char: char| char.is_ascii_digit()) {
        return Err(format!("Invalid build number: {} in {}", parts[2], repr(stem)));
    }
    let tags = &parts[parts.len() - 3..];
    let whole = |tag: &&str| tag.split('.').all(|part| !part.is_empty());
    if !tags.iter().all(whole) {
        return Err(invalid("wheel filename (invalid tag component)", stem));
    }
    let platforms = tags[2].split('.').map(str::to_lowercase).collect();
    Ok(Wheel { name: parts[0].into(), written: parts[1].into(), version, platforms })
}

/// Normal name and version, as `parse_sdist_filename` of Python's `packaging` reads them.
pub(super) fn sdist(filename: &str) -> Option<(String, Version)> {
    let stem = filename.strip_suffix(".tar.gz").or_else(|| filename.strip_suffix(".zip"))?;
    let (name, version) = stem.rsplit_once('-').filter(|(name, _)| !name.is_empty())?;
    Some((normalize(name), version.parse().ok()?))
}

/// `_validate_filename` of warehouse/forklift/legacy.py.
pub(super) fn check(filename: &str, filetype: &str) -> Result<(), String> {
    if filename.chars().any(|char| char.is_ascii_control()) {
        return Err("Cannot upload a file with non-printable characters (ordinals 0-31) or the DEL character \
                    (ordinal 127) in the name."
            .into());
    }
    if filename.contains(['/', '\\']) {
        return Err("Cannot upload a file with '/' or '\\' in the name.".into());
    }
    let lower = filename.to_lowercase();
    let known = [".tar.gz", ".zip", ".whl"].into_iter().find(|end| lower.ends_with(end) && lower.len() > end.len());
    let Some(known) = known else {
        return Err("Invalid file extension: Use .tar.gz, .whl or .zip extension. See \
                    https://www.python.org/dev/peps/pep-0527 and https://peps.python.org/pep-0715/ for more information"
            .into());
    };
    let extension = filename.get(filename.len() - known.len()..).unwrap_or_default();
    let allowed: &[&str] = if filetype == "sdist" { &[".zip", ".tar.gz"] } else { &[".whl"] };
    if !allowed.contains(&extension) {
        return Err(format!(
            "Invalid file extension: Extension {extension} is invalid for filetype {filetype}. See \
             https://www.python.org/dev/peps/pep-0527 for more information."
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_wheels_and_sdists() {
        let read = wheel("demo_lib-1.0-1a-cp310-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl").unwrap();
        assert_eq!((read.name.as_str(), read.written.as_str()), ("demo_lib", "1.0"));
        assert_eq!(read.platforms, ["manylinux_2_17_x86_64", "manylinux2014_x86_64"]);
        for (filename, text) in [
            ("demo-1.0.whl", "Invalid wheel filename (wrong number of parts): 'demo-1.0'"),
            ("de__mo-1.0-py3-none-any.whl", "Invalid project name: 'de__mo-1.0-py3-none-any'"),
            ("demo-x-py3-none-any.whl", "Invalid wheel filename (invalid version): 'demo-x-py3-none-any'"),
            ("demo-1.0-b1-py3-none-any.whl", "Invalid build number: b1 in 'demo-1.0-b1-py3-none-any'"),
            ("demo-1.0-py3-none-.whl", "Invalid wheel filename (invalid tag component): 'demo-1.0-py3-none-'"),
        ] {
            assert_eq!(wheel(filename).unwrap_err(), text);
        }
        let (name, version) = sdist("Demo_Lib-1.0rc1.tar.gz").unwrap();
        assert_eq!((name.as_str(), version.to_string().as_str()), ("demo-lib", "1.0rc1"));
        assert!(sdist("demo.tar.gz").is_none() && sdist("-1.0.tar.gz").is_none() && sdist("demo-1.0.tgz").is_none());
    }

    #[test]
    fn refuses_names_that_are_too_strange() {
        assert!(check("a-1.tar.gz", "sdist").is_ok() && check("a-1-py3-none-any.whl", "bdist_wheel").is_ok());
        assert!(check("a\u{7f}.whl", "bdist_wheel").unwrap_err().contains("DEL"));
        assert!(check("../a.whl", "bdist_wheel").unwrap_err().contains("'/'"));
        assert!(check("a-1.egg", "sdist").unwrap_err().starts_with("Invalid file extension: Use "));
        assert!(check("a-1.whl", "sdist").unwrap_err().starts_with("Invalid file extension: Extension .whl is"));
    }
}
