//! What an index refuses, known from a file's name and size alone.

use super::index::Index;
use super::package::PackageFile;
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::pypi::platform::is_platform;
use crate::wheel::{WheelName, sdist_name};

/// The largest file without an exception from PyPI's administrators.
pub const LARGEST: u64 = 100 << 20;

/// Whether a file of this name is an sdist.
pub fn is_source(name: &str) -> bool {
    !name.ends_with(".whl")
}

/// Why an index would refuse a file, if it would.
pub fn refused(index: &Index, file: &PackageFile<'_>) -> Option<Failure> {
    let name = file.name;
    let bad_name = |expected: String| {
        let text = format!("`{name}` is not a valid file name for `{}` {}", file.distribution, file.version);
        Failure::Refused(Problem::new("index-file-name", text).hint(format!("an index expects `{expected}`")))
    };
    if file.version.contains('+') {
        let text = format!("`{}` is a local version, which no public index accepts", file.version);
        return Some(Failure::Refused(Problem::new("index-file-name", text).hint("release it without `+`")));
    }
    if is_source(name) {
        let expected = sdist_name(file.distribution, file.version);
        return (name != expected).then(|| bad_name(expected));
    }
    let stem = format!("{}-{}-", file.distribution.in_files(), file.version);
    let wheel = name.parse::<WheelName>().ok().filter(|_| name.starts_with(&stem));
    let Some(wheel) = wheel else { return Some(bad_name(format!("{stem}PYTHON-ABI-PLATFORM.whl"))) };
    index.json.as_ref()?;
    let refused = wheel.tag.platform.split('.').find(|platform| !is_platform(platform))?;
    let text = format!("`{name}` is for the platform `{refused}`, which PyPI refuses");
    let hint = "a wheel for Linux must be tagged `manylinux` or `musllinux`, one for macOS with the minimum version";
    Some(Failure::Refused(Problem::new("index-tag-refused", text).hint(hint)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_belong_to_their_distribution() {
        let distribution = "Opsml.Client".parse().unwrap();
        let url = |text: &str| text.parse().unwrap();
        let mut index = Index {
            name: "pypi".into(),
            upload: url("https://a.example/"),
            json: Some(url("https://a.example/")),
            simple: url("https://a.example/"),
        };
        let check = |index: &Index, name: &str, expected: Option<&str>| {
            let file = PackageFile { distribution: &distribution, version: "1.0rc1", tag: "v1", name };
            let found = refused(index, &file);
            assert_eq!(found.as_ref().map(|failure| failure.problem().code), expected, "{name}");
        };
        check(&index, "opsml_client-1.0rc1-py3-none-any.whl", None);
        check(&index, "opsml_client-1.0rc1.tar.gz", None);
        check(&index, "opsml-client-1.0rc1.tar.gz", Some("index-file-name"));
        check(&index, "opsml_client-1.0-py3-none-any.whl", Some("index-file-name"));
        check(&index, "opsml_client-1.0rc1.zip", Some("index-file-name"));
        check(&index, "opsml_client-1.0rc1-py3-none-linux_x86_64.whl", Some("index-tag-refused"));
        index.json = None;
        check(&index, "opsml_client-1.0rc1-py3-none-linux_x86_64.whl", None);
    }
}
