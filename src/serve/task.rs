//! Words of the service: what is asked for, where a task is, and how it ends.

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;
use crate::reference::Reference;
use crate::secret::Secret;

/// The name of a task: `id-` and 32 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(String);

const PREFIX: &str = "id-";
const HEX_DIGITS: usize = 32;

impl TaskId {
    pub fn of(random: [u8; HEX_DIGITS / 2]) -> Self {
        let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Self(format!("{PREFIX}{hex}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TaskId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_hex = |rest: &str| {
            rest.len() == HEX_DIGITS && rest.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        match text.strip_prefix(PREFIX).is_some_and(is_hex) {
            true => Ok(Self(text.to_owned())),
            false => Err(format!("`{}` is not a task id: `{PREFIX}` and {HEX_DIGITS} hex digits", text.escape_debug())),
        }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An enum whose values are words of the interface and the database.
macro_rules! words {
    ($(#[$about:meta])* $name:ident, $($(#[$doc:meta])* $value:ident = $word:literal),* $(,)?) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$doc])* $value),*
        }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$value),*];

            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$value => $word),*
                }
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let known = Self::ALL.iter().find(|one| one.word() == text).copied();
                known.ok_or_else(|| format!("`{}` is not one of {}", text.escape_debug(), listed(Self::ALL, Self::word)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

fn listed<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> String {
    all.iter().map(|one| word(*one)).collect::<Vec<_>>().join(", ")
}

words! {
    /// Which face a task came through: it decides how loose its names may be and how it is fetched.
    Face,
    /// That of Darwin's Artifact Builder.
    Old = "old",
    New = "new",
}

words! {
    /// Ends are final: a row that is not waiting or running is never written again.
    State,
    Waiting = "waiting",
    Running = "running",
    Completed = "completed",
    Failed = "failed",
    Cancelled = "cancelled",
}

impl State {
    pub fn is_end(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }
}

words! {
    Phase,
    Queued = "queued",
    Fetching = "fetching",
    Building = "building",
    Checking = "checking",
    Pushing = "pushing",
}

words! {
    /// Why a task failed.
    Reason,
    // What was asked for.
    GitSchemeForbidden = "git_scheme_forbidden",
    OptionLikeValue = "option_like_value",
    AddressForbidden = "address_forbidden",
    CredentialsInUrl = "credentials_in_url",
    GitUrlInvalid = "git_url_invalid",
    RefInvalid = "ref_invalid",
    TagInvalid = "tag_invalid",
    NameInvalid = "name_invalid",
    NameTooLong = "name_too_long",
    ContextOutsideRepo = "context_outside_repo",
    RegistryMissing = "registry_missing",
    PlatformUnsupported = "platform_unsupported",
    // Fetching.
    RedirectForbidden = "redirect_forbidden",
    GitAuthFailed = "git_auth_failed",
    GitRepositoryNotFound = "git_repository_not_found",
    GitRevisionNotFound = "git_revision_not_found",
    GitUnreachable = "git_unreachable",
    GitFailed = "git_failed",
    CloneTooLarge = "clone_too_large",
    // The Dockerfile and its context.
    ContextMissing = "context_missing",
    DockerfileOutsideRepo = "dockerfile_outside_repo",
    DockerfileMissing = "dockerfile_missing",
    DockerfileInvalid = "dockerfile_invalid",
    FrontendNotAllowed = "frontend_not_allowed",
    EntitlementDenied = "entitlement_denied",
    // Building.
    BuildFailed = "build_failed",
    BaseNotFound = "base_not_found",
    BaseUnavailable = "base_unavailable",
    EngineUnavailable = "engine_unavailable",
    OutOfMemory = "out_of_memory",
    DiskFull = "disk_full",
    Timeout = "timeout",
    ImageCheckFailed = "image_check_failed",
    // Pushing.
    RegistryDenied = "registry_denied",
    RegistryUnavailable = "registry_unavailable",
    RegistryRefused = "registry_refused",
    ReadBackMismatch = "read_back_mismatch",
    // The service.
    /// The service ended three times while it had this task.
    ServiceCrashed = "service_crashed",
    DatabaseUnavailable = "database_unavailable",
    Internal = "internal",
}

impl Reason {
    /// Whether another attempt may end otherwise: the fault is not one of the repository or the request.
    pub fn is_of_infrastructure(self) -> bool {
        matches!(
            self,
            Self::GitUnreachable
                | Self::BaseUnavailable
                | Self::EngineUnavailable
                | Self::DiskFull
                | Self::RegistryUnavailable
                | Self::ReadBackMismatch
                | Self::ServiceCrashed
                | Self::DatabaseUnavailable
        )
    }
}

/// A login that stood in the address of a repository: it is taken out at once and only sent to that host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub user: Secret,
    pub password: Secret,
}

/// What a caller asks for, as it was asked: not checked yet but for its form. Empty optional values are absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    pub face: Face,
    pub app_name: String,
    pub image_tag: String,
    /// Without a login.
    pub git_repo: String,
    pub login: Option<Login>,
    /// A branch or a tag; the one of HEAD if absent.
    pub branch: Option<String>,
    /// Folder of the repository that is the context and has the Dockerfile.
    pub app_dir: Option<String>,
    /// A Dockerfile of the caller's, instead of the repository's.
    pub dockerfile: Option<Vec<u8>>,
}

/// A failure that ends an attempt; with some reasons there is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub reason: Reason,
    /// For people, without secrets; more of it is in the log.
    pub message: String,
}

impl Fault {
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// An image that is in the registries by its digest, and what it is to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The commit that was built, in hex.
    pub commit: String,
    /// Of the manifest or index.
    pub digest: Digest,
    /// With tag, one for each registry, in the order in which they are written.
    pub references: Vec<Reference>,
}

/// What became of a task that completed: every registry answered with this digest for its reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub pushed: Pushed,
    /// `linux/amd64`.
    pub platforms: Vec<String>,
    /// Bytes of the blobs of the image, as registries store them; absent if an earlier attempt has built it.
    pub size: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_parses() {
        let id = TaskId::of([0xab; 16]);
        assert_eq!(id.as_str(), "id-abababababababababababababababab");
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "id-", "id-ABABABABABABABABABABABABABABABAB", "../x", "id-abababababababababababababababab0"] {
            assert!(bad.parse::<TaskId>().is_err(), "{bad}");
        }
        for reason in Reason::ALL {
            assert_eq!(reason.word().parse(), Ok(*reason));
        }
        for state in State::ALL {
            assert_eq!(state.word().parse(), Ok(*state));
        }
        assert_eq!(
            "done".parse::<Phase>(),
            Err("`done` is not one of queued, fetching, building, checking, pushing".into())
        );
    }
}
