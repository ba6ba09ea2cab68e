//! Names of things: paths, repositories, images, platforms, ports, hosts, distributions, indexes.

use super::words::{nearest, quote};
use crate::macos::MacosVersion;
use crate::platform::Platform;
use crate::portable;
use crate::problem::Problem;
use crate::reference::{self, Prefix, Reference, Repository};
use crate::wheel::{DistributionName, Pythons};
use crate::yaml::{self, ValuesPath};

/// What a piece of text is, or what is wrong with it.
pub type Parsed<T> = Result<T, Problem>;

/// Registry and repository.
///
/// # Errors
/// What no registry takes.
pub fn image_repository(text: &str) -> Parsed<Repository> {
    text.parse().map_err(|why: String| {
        Problem::new("bad-repository", why).hint("write it like `ghcr.io/owner/name` or `docker.io/owner/name`")
    })
}

/// What stands before the names of images.
///
/// # Errors
/// What no registry takes.
pub fn image_prefix(text: &str) -> Parsed<Prefix> {
    text.parse().map_err(|why: String| {
        Problem::new("bad-repository", why).hint("write it like `ghcr.io/owner` or `registry.example.com/team`")
    })
}

/// A base image with its tag or digest.
///
/// # Errors
/// What is wrong with it.
pub fn image(text: &str) -> Parsed<Reference> {
    let reference: Reference = text.parse().map_err(|why: String| {
        Problem::new("bad-reference", why).hint("write it like `docker.io/library/debian:stable-slim`")
    })?;
    if reference.tag.is_none() && reference.digest.is_none() {
        return Err(Problem::new("bad-reference", format!("{} has no tag", quote(text)))
            .hint(format!("write {}, or the tag you mean", quote(&format!("{text}:latest")))));
    }
    Ok(reference)
}

/// A platform of images.
///
/// # Errors
/// Those there are.
pub fn platform(text: &str) -> Parsed<Platform> {
    text.parse().map_err(|_| {
        let known = Platform::ALL.map(|platform| platform.to_string());
        let problem = Problem::new("unknown-platform", format!("{} is not a known platform", quote(text)));
        // As others call the processors.
        match text.rsplit('/').next().unwrap_or(text).to_lowercase().as_str() {
            "x86_64" | "x86-64" | "x64" => return problem.hint("did you mean `linux/amd64`?"),
            "aarch64" | "armv8" | "arm64v8" => return problem.hint("did you mean `linux/arm64`?"),
            _ => {}
        }
        match nearest(text, known.iter().map(String::as_str)) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint(format!("known: {}", known.join(", "))),
        }
    })
}

/// A path in an image, without the leading `/`; empty: the root; a `/` at its end stays.
///
/// # Errors
/// What leaves the image.
pub fn image_path(text: &str) -> Parsed<String> {
    let folder = text.ends_with('/');
    let path = path(text.trim_start_matches('/')).map_err(|problem| problem.hint("write it like `/etc/app.toml`"))?;
    // `/etc/` is a folder for what is put there, `/etc` a name.
    Ok(if path == "." {
        String::new()
    } else if folder {
        format!("{path}/")
    } else {
        path
    })
}

/// A place in a chart's values.
///
/// # Errors
/// What is not a path, and a path of a part that is set together with the others.
pub fn values_path(text: &str) -> Parsed<ValuesPath> {
    text.parse().map_err(|flaw: yaml::Flaw| {
        let hint = flaw.hint.unwrap_or_else(|| "write it like `api.image` or `env[name=IMAGE].value`".into());
        Problem::new("bad-values-path", flaw.text).hint(hint)
    })
}

/// `8080` is `8080/tcp`.
///
/// # Errors
/// What is not a port.
pub fn port(text: &str) -> Parsed<String> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if number.parse::<u16>().is_ok_and(|number| number > 0) && ["tcp", "udp", "sctp"].contains(&protocol) {
        return Ok(format!("{number}/{protocol}"));
    }
    Err(Problem::new("bad-port", format!("{} is not a port", quote(text))).hint("write it like `8080` or `53/udp`"))
}

/// The host of a registry.
///
/// # Errors
/// What is none.
pub fn host(text: &str) -> Parsed<()> {
    match reference::host(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(Problem::new("bad-host", format!("{} is not the host of a registry", quote(text)))
            .hint("write it like `docker.io` or `registry.example.com:5000`, without a scheme or path")),
    }
}

/// The name of a Python distribution.
///
/// # Errors
/// What PyPI would refuse.
pub fn distribution(text: &str) -> Parsed<DistributionName> {
    let name: DistributionName =
        text.parse().map_err(|why: String| Problem::new("bad-name", why).hint("for example `opsml-client`"))?;
    if name.is_reserved() {
        let text = format!("`{name}` is a module of Python's standard library, whose name PyPI does not allow");
        return Err(Problem::new("bad-name", text).hint(format!("for example `{name}-tools`")));
    }
    Ok(name)
}

/// `2_28`; `pypi` is what most systems take now.
///
/// # Errors
/// What is not a version.
pub fn compatibility(text: &str) -> Parsed<String> {
    if text == "pypi" {
        return Ok("2_28".into());
    }
    let number = |part: &str| !part.is_empty() && part.len() < 4 && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('_') {
        Some((major, minor)) if number(major) && number(minor) => Ok(text.to_owned()),
        _ => Err(Problem::new("bad-version", format!("{} is not a manylinux version", quote(text)))
            .hint("write it like `2_28` (glibc 2.28) or `2_17`")),
    }
}

/// A version of macOS.
///
/// # Errors
/// What is none.
pub fn macos(text: &str) -> Parsed<()> {
    let known = text.parse().is_ok_and(MacosVersion::exists);
    let problem = || Problem::new("bad-version", format!("{} is not a macOS version", quote(text)));
    if known { Ok(()) } else { Err(problem().hint("write it like `11.0` or `10.13`; 26 follows 15")) }
}

/// `abi3`, `abi3t`, or a version of Python, with a `t` for the free-threaded one.
///
/// # Errors
/// What is neither.
pub fn python(text: &str) -> Parsed<String> {
    if matches!(text, "abi3" | "abi3t") || matches!(text.parse(), Ok(Pythons::Only { .. })) {
        return Ok(text.to_owned());
    }
    Err(Problem::new("bad-version", format!("{} is not a Python version", quote(text)))
        .hint("write `abi3`, `abi3t`, or versions like `3.12` and `3.14t`"))
}

/// The name of a file in `.github/workflows`.
///
/// # Errors
/// What GitHub would not read, or what could not be a part of an asset's name.
pub fn workflow_file(text: &str) -> Parsed<()> {
    let stem = text.strip_suffix(".yml").or_else(|| text.strip_suffix(".yaml"));
    let legal = |stem: &str| {
        !stem.is_empty()
            && stem.len() <= 80
            && !stem.starts_with('.')
            && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    if stem.is_some_and(legal) {
        return Ok(());
    }
    Err(Problem::new("bad-name", format!("{} is not a valid name of a workflow file", quote(text)))
        .hint("write a name like `release.yml`, without a folder"))
}

/// The path of a reusable workflow of the repository.
///
/// # Errors
/// What lies elsewhere: GitHub calls local workflows only there.
pub fn workflow_path(text: &str) -> Parsed<()> {
    if text.strip_prefix(".github/workflows/").is_some_and(|file| workflow_file(file).is_ok()) {
        return Ok(());
    }
    Err(Problem::new("bad-path", format!("{} is not a reusable workflow of this repository", quote(text)))
        .hint("write a path like `.github/workflows/notify.yml`; GitHub calls workflows in that folder only"))
}

/// Where Python's files go: the upload URL.
///
/// # Errors
/// What is not a URL.
pub fn index(text: &str) -> Parsed<url::Url> {
    let text = match text {
        "pypi" => "https://upload.pypi.org/legacy/",
        "testpypi" => "https://test.pypi.org/legacy/",
        other => other,
    };
    let url = text.parse::<url::Url>().ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.filter(|url| url.host().is_some() && url.password().is_none());
    url.ok_or_else(|| {
        Problem::new("bad-url", format!("{} is not an index", quote(text)))
            .hint("write `pypi`, `testpypi`, or the URL that files are uploaded to, without a password")
    })
}

/// A path inside the repository, without `.` parts and doubled or trailing slashes; `.` is the repository.
///
/// # Errors
/// A path that is absolute, leaves the repository, lies where git keeps it, or is written for Windows.
pub fn path(text: &str) -> Parsed<String> {
    let bad =
        |message: &str, hint: &str| Err(Problem::new("bad-path", format!("{} {message}", quote(text))).hint(hint));
    if text.contains('\\') {
        return bad("contains a backslash", "separate folders with `/`, on every system");
    }
    if text.starts_with('/') || text.starts_with('~') || text.get(1..2) == Some(":") {
        return bad("is outside the repository", "write a path relative to the repository");
    }
    if text.split('/').any(|part| part == "..") {
        return bad("leaves its folder with `..`", "write a path relative to the repository, without `..`");
    }
    if portable::is_of_git(text) {
        return bad("is part of `.git`", "use the project's own files");
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    Ok(if parts.is_empty() { ".".into() } else { parts.join("/") })
}
