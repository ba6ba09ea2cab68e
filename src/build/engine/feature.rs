//! What a Dockerfile may ask of an engine beyond the instructions that every engine has.

use std::fmt;

/// One of them. The parser of Dockerfiles says which a file needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feature {
    /// `RUN <<EOF`.
    Heredoc,
    /// `COPY <<EOF file` and `ADD <<EOF file`.
    HeredocCopy,
    Link,
    Exclude,
    Parents,
    CacheMount,
    SecretMount,
    SshMount,
    BindMount,
    TmpfsMount,
    Healthcheck,
    Shell,
    /// The base has `ONBUILD` instructions, which are to be carried out.
    Onbuild,
    Chmod,
    /// `RUN --network=none`.
    RunNetwork,
    /// The ignore file of a folder that is given by name counts.
    NamedFolderIgnore,
    /// The ignore file counts for what is mounted from the context.
    BindMountIgnore,
    AddChecksum,
    AddGit,
    /// One image is used for two platforms, as by `FROM --platform=$BUILDPLATFORM debian` and `FROM debian`.
    TwoPlatforms,
}

impl Feature {
    pub const ALL: [Self; 20] = [
        Self::Heredoc,
        Self::HeredocCopy,
        Self::Link,
        Self::Exclude,
        Self::Parents,
        Self::CacheMount,
        Self::SecretMount,
        Self::SshMount,
        Self::BindMount,
        Self::TmpfsMount,
        Self::Healthcheck,
        Self::Shell,
        Self::Onbuild,
        Self::Chmod,
        Self::RunNetwork,
        Self::NamedFolderIgnore,
        Self::BindMountIgnore,
        Self::AddChecksum,
        Self::AddGit,
        Self::TwoPlatforms,
    ];
}

/// As it stands in a Dockerfile, in Markdown.
impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Heredoc => "`RUN <<EOF`",
            Self::HeredocCopy => "`COPY <<EOF`",
            Self::Link => "`COPY --link`",
            Self::Exclude => "`COPY --exclude`",
            Self::Parents => "`COPY --parents`",
            Self::CacheMount => "`RUN --mount=type=cache`",
            Self::SecretMount => "`RUN --mount=type=secret`",
            Self::SshMount => "`RUN --mount=type=ssh`",
            Self::BindMount => "`RUN --mount=type=bind`",
            Self::TmpfsMount => "`RUN --mount=type=tmpfs`",
            Self::Healthcheck => "`HEALTHCHECK`",
            Self::Shell => "`SHELL`",
            Self::Onbuild => "`ONBUILD` of a base image",
            Self::Chmod => "`COPY --chmod`",
            Self::RunNetwork => "`RUN --network`",
            Self::NamedFolderIgnore => "`.dockerignore` in a named context",
            Self::BindMountIgnore => "`.dockerignore` for bind mounts",
            Self::AddChecksum => "`ADD --checksum`",
            Self::AddGit => "`ADD` of a git repository",
            Self::TwoPlatforms => "one base image for two platforms",
        })
    }
}
