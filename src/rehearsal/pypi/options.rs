//! How an index is set up: what is there already, who may upload, and in what it differs from pypi.org.

use std::path::PathBuf;

use crate::secret::Secret;

use super::fault::Fault;

#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    pub projects: Vec<Existing>,
    pub tokens: Vec<Token>,
    /// Workflows that may upload without an API token.
    pub publishers: Vec<Publisher>,
    /// Jobs of a fake GitHub, which get their tokens at [`super::Server::oidc_request_url`].
    pub jobs: Vec<WorkflowJob>,
    /// Names no project may have (`ProhibitedProjectName` of warehouse/packaging/models.py).
    pub prohibited: Vec<String>,
    /// Classifiers that are known besides those of our list.
    pub classifiers: Vec<String>,
    /// Takes metadata that pypi.org refuses, as other indexes do.
    pub lenient: bool,
    /// In what it differs from pypi.org.
    pub quirks: Quirks,
    /// What goes wrong on purpose, and how often.
    pub faults: Vec<(Fault, usize)>,
    /// Where files lie; a temporary folder otherwise.
    pub folder: Option<PathBuf>,
}

#[derive(Clone, Debug, Default)]
pub struct Existing {
    pub name: String,
    pub owner: String,
    /// Versions that exist without files, and how many days ago each was made. Files come with
    /// [`super::Server::seed_file`].
    pub releases: Vec<(String, u32)>,
    /// Names of files that were deleted: they cannot be used again (`Filename` of warehouse/packaging/models.py).
    pub deleted: Vec<String>,
}

/// An API token of a user (warehouse/macaroons).
#[derive(Clone, Debug)]
pub struct Token {
    /// The password that goes with the user name `__token__`.
    pub secret: Secret,
    pub user: String,
    /// The only projects it is good for; for all that the user owns or creates otherwise.
    pub projects: Option<Vec<String>>,
}

/// A trusted publisher: a workflow on GitHub (`GitHubPublisher` of warehouse/oidc/models/github.py).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publisher {
    /// `owner/name`.
    pub repository: String,
    /// The file name of the workflow, without folders.
    pub workflow: String,
    /// The environment a job must run in; any or none otherwise.
    pub environment: Option<String>,
    pub grant: Grant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Upload to projects that exist.
    Projects(Vec<String>),
    /// Create a project once, then upload to it (`PendingGitHubPublisher`).
    Pending {
        project: String,
        /// The user who will own it.
        user: String,
    },
}

/// A job of a workflow on GitHub, as the claims of its identity token describe it
/// (<https://docs.github.com/en/actions/reference/security/oidc>).
#[derive(Clone, Debug)]
pub struct WorkflowJob {
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
    pub request_token: Secret,
    /// `owner/name`.
    pub repository: String,
    /// The file name of the workflow, without folders.
    pub workflow: String,
    pub environment: Option<String>,
    /// `refs/heads/main` or `refs/tags/v1.0.0`.
    pub git_ref: String,
    pub commit: String,
    pub event: String,
    /// `OWNER/NAME/.github/workflows/FILE@REF` if the job stands in a workflow that is called by this one.
    pub called: Option<String>,
}

/// In what it differs from pypi.org as it is on most days.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quirks {
    /// Read-only mode: 403 for every upload (`AdminFlagValue.READ_ONLY`).
    pub read_only: bool,
    /// 403 for every upload (`AdminFlagValue.DISALLOW_NEW_UPLOAD`).
    pub no_uploads: bool,
    /// 403 for every upload that would create a project (`AdminFlagValue.DISALLOW_NEW_PROJECT_REGISTRATION`).
    pub no_new_projects: bool,
    /// The simple index shows a file only after so many seconds, as behind a slow cache.
    pub index_lag: u64,
    /// How long tokens for trusted publishing are good, in seconds; 900 otherwise.
    pub token_life: Option<u64>,
    /// How many projects uploads may create before 429; as many as they like otherwise.
    pub new_projects: Option<usize>,
    /// The largest file; 100 MiB otherwise.
    pub file_limit: Option<u64>,
    /// The largest sum of all files of a project; 10 GiB otherwise.
    pub project_limit: Option<u64>,
    pub trusted_publishing: TrustedPublishing,
    /// The audience is `testpypi`; `pypi` otherwise.
    pub test_index: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrustedPublishing {
    #[default]
    On,
    /// It is switched off for now: 403 where the audience is asked for.
    Off,
    /// The index knows nothing of it: 404.
    Unknown,
}

#[derive(Clone, Copy, Debug)]
pub struct Seed<'a> {
    /// Its name, kept as it is.
    pub filename: &'a str,
    pub bytes: &'a [u8],
    /// How many days ago it was uploaded.
    pub age_days: u32,
}
