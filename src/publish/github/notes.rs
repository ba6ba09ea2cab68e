//! The text of a release: the plan's, with GitHub's generated notes put in its place.

use super::rank::previous;
use super::repository::Repository;
use crate::plan::{Release, ReleasePage};
use crate::publish::failure::Failure;

/// The line that GitHub's notes replace.
const PLACE: &str = "{generated}";

/// The notes for the release's page.
pub async fn body(repository: &Repository<'_>, release: &Release, page: &ReleasePage) -> Result<String, Failure> {
    if !page.generated {
        return Ok(page.body.clone());
    }
    let api = &repository.api;
    let (tag, previous) = (&release.tag, previous(release, &repository.releases));
    let notes = api.patience.retry(async |_| api.generate_notes(tag, previous).await).await;
    let notes = notes.map_err(|failure| match failure {
        Failure::Missing(problem) => Failure::Denied(problem),
        other => other,
    })?;
    Ok(fill(&page.body, &notes))
}

/// Whether two notes are the same but for line ends and space at the end.
pub fn same(a: &str, b: &str) -> bool {
    a.trim_end().lines().eq(b.trim_end().lines())
}

fn fill(body: &str, notes: &str) -> String {
    let lines: Vec<&str> =
        body.lines().map(|line| if line.trim() == PLACE { notes.trim_end() } else { line }).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_notes_stand_between_header_and_footer() {
        assert_eq!(
            fill("Hello\n\n{generated}\n\nBye", "* one\n* {generated}\n"),
            "Hello\n\n* one\n* {generated}\n\nBye"
        );
        assert_eq!(fill("{generated}\n", "* one"), "* one");
        assert_eq!(fill("no `{generated}` here", "* one"), "no `{generated}` here");
    }

    #[test]
    fn line_ends_make_no_difference() {
        assert!(same("a\r\nb\r\n", "a\nb"));
        assert!(!same("a\nb", "a\n\nb"));
    }
}
