//! A build as the new face shows it.

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;

use crate::serve::store::{Row, Step};

#[derive(Debug, Serialize)]
pub struct Build {
    id: String,
    pub(super) url: String,
    log: String,
    app_name: String,
    image_tag: String,
    git_repo: String,
    branch: Option<String>,
    app_dir: Option<String>,
    /// Whether the caller gave it.
    own_dockerfile: bool,
    state: &'static str,
    phase: &'static str,
    /// Why it failed, or the attempt before the next one did.
    reason: Option<&'static str>,
    message: Option<String>,
    attempt: u32,
    cancel_requested: bool,
    commit: Option<String>,
    digest: Option<String>,
    references: Vec<String>,
    platforms: Vec<String>,
    size: Option<u64>,
    created_at: String,
    started_at: Option<String>,
    ended_at: Option<String>,
    /// The phases of all attempts; absent where many builds are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Vec<Shown>>,
}

#[derive(Debug, Serialize)]
struct Shown {
    attempt: u32,
    phase: &'static str,
    started_at: String,
    ended_at: Option<String>,
}

impl Build {
    pub fn of(row: &Row, base: &str) -> Self {
        let url = format!("{base}/api/v1/builds/{}", row.id);
        Self {
            id: row.id.to_string(),
            log: format!("{url}/log"),
            url,
            app_name: row.app_name.clone(),
            image_tag: row.image_tag.clone(),
            git_repo: row.git_repo.clone(),
            branch: row.branch.clone(),
            app_dir: row.app_dir.clone(),
            own_dockerfile: row.has_dockerfile,
            state: row.state.word(),
            phase: row.phase.word(),
            reason: row.reason.map(crate::serve::task::Reason::word),
            message: row.message.clone(),
            attempt: row.attempt,
            cancel_requested: row.cancel_requested,
            commit: row.commit.clone(),
            digest: row.digest.map(|digest| digest.to_string()),
            references: row.references.iter().map(ToString::to_string).collect(),
            platforms: row.platforms.clone(),
            size: row.size,
            created_at: time(row.created_at),
            started_at: row.started_at.map(time),
            ended_at: row.ended_at.map(time),
            steps: None,
        }
    }

    /// RFC 3339.
    pub fn ended_at(&self) -> Option<&str> {
        self.ended_at.as_deref()
    }

    pub(super) fn with(self, steps: &[Step]) -> Self {
        let last = steps.last().copied();
        let shown = |step: &Step| Shown {
            attempt: step.attempt,
            phase: step.phase.word(),
            started_at: time(step.started_at),
            ended_at: match step.ended_at {
                // The last one has ended with the build.
                None if Some(*step) == last => self.ended_at.clone(),
                ended_at => ended_at.map(time),
            },
        };
        let steps = Some(steps.iter().map(shown).collect());
        Self { steps, ..self }
    }
}

/// RFC 3339, to the millisecond.
fn time(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}
