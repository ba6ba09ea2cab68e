//! What goes into a build and what comes out of it, whichever engine does it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::digest::Digest;

/// One image for one platform.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The staged context.
    pub context: PathBuf,
    /// The Dockerfile; it need not lie in the context.
    pub dockerfile: PathBuf,
    pub stage: Option<String>,
    pub args: BTreeMap<String, String>,
    /// What names stand for, among them the references of images: the Dockerfile stays as it is.
    pub contexts: BTreeMap<String, Named>,
    /// Names with variables in them, as a `FROM` has them, and the name that each stands for.
    pub written: BTreeMap<String, String>,
    /// Files by the id that `RUN --mount=type=secret` names.
    pub secrets: BTreeMap<String, PathBuf>,
    /// `linux/amd64`, `linux/arm/v7`.
    pub platform: String,
    /// Times in the image, in seconds since 1970.
    pub epoch: i64,
    pub network: Network,
    pub cache: Cache,
    pub timeout: Duration,
    /// The OCI image layout to write.
    pub output: PathBuf,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    Folder(PathBuf),
    /// An image or index in an OCI image layout.
    Layout {
        folder: PathBuf,
        digest: Digest,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    #[default]
    Default,
    None,
}

/// What may be taken from earlier builds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cache {
    /// Read before the build and written after it. Engines that cannot do that have none.
    pub folder: Option<PathBuf>,
    /// Everything is done anew.
    pub none: bool,
}

/// What an engine did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Built {
    pub steps: Vec<EngineStep>,
    /// Every image that the engine looked for outside of what it was given, sorted.
    pub resolved: Vec<String>,
    pub warnings: Vec<String>,
}

/// A line of an engine's own plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EngineStep {
    /// `[build 2/4] RUN make`.
    pub name: String,
    /// RFC 3339.
    pub started: Option<String>,
    pub seconds: f64,
    pub cached: bool,
    pub error: Option<String>,
}

/// A name in full: `docker.io/library/alpine:latest`.
pub fn full(name: &str) -> String {
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path.to_owned()),
        Some(_) => ("docker.io", name.to_owned()),
        None => ("docker.io", format!("library/{name}")),
    };
    let last = path.rsplit('/').next().unwrap_or(&path);
    let tag = if last.contains([':', '@']) { "" } else { ":latest" };
    format!("{host}/{path}{tag}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::familiar;

    #[test]
    fn names_are_compared_as_buildkit_does() {
        #[track_caller]
        fn check(name: &str, short: &str, long: &str) {
            assert_eq!((familiar(name).as_str(), full(name).as_str()), (short, long));
        }
        check("alpine", "alpine", "docker.io/library/alpine:latest");
        check("docker.io/library/alpine:3", "alpine:3", "docker.io/library/alpine:3");
        check("docker.io/acme/app", "acme/app", "docker.io/acme/app:latest");
        check("quay.io/acme/app:latest", "quay.io/acme/app", "quay.io/acme/app:latest");
        check("localhost:5000/app", "localhost:5000/app", "localhost:5000/app:latest");
        assert_eq!(familiar("docker.io/library/alpine:latest::linux/arm64"), "alpine::linux/arm64");
        check("alpine@sha256:ab", "alpine@sha256:ab", "docker.io/library/alpine@sha256:ab");
    }
}
