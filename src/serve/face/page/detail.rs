//! One build: where it is, what came of it, what it was asked for.

use super::shape;
use crate::serve::face::html::{Html, html};
use crate::serve::store::{Row, Step};
use crate::serve::task::{Phase, State};
use crate::shown;

pub(super) fn body(prefix: &str, row: &Row, facts: &Html, log: &Html) -> Html {
    html!(
        "<p class=\"above\"><a href=\"{}/\">Builds</a></p>\n<h1>{}<span class=\"tag\">:{}</span></h1>\n{}{}",
        prefix,
        row.app_name,
        row.image_tag,
        facts,
        log
    )
}

/// All but the log; asked for again while it may change.
pub(super) fn facts(prefix: &str, row: &Row, steps: &[Step], obstacle: Option<&str>) -> Html {
    let live = match row.state.is_end() {
        true => Html::default(),
        false => html!(" data-live=\"{}/builds/{}/facts\"", prefix, row.id),
    };
    let mut facts = headline(prefix, row);
    if let Some(obstacle) = obstacle {
        facts.push(&html!("<p class=\"problem\">No build starts: {}</p>\n", obstacle));
    }
    facts.push(&problem(row));
    if row.attempt > 0 {
        facts.push(&phases(row, steps));
    }
    facts.push(&result(row));
    facts.push(&request(row));
    html!("<div id=\"live\" data-attempt=\"{}\"{}>\n{}</div>\n", row.attempt, live, facts)
}

fn headline(prefix: &str, row: &Row) -> Html {
    let mut since = html!("submitted {}", shape::ago(row.created_at));
    if let Some(started) = row.started_at {
        since.push(&html!(", waited {}", shape::span(started.saturating_sub(row.created_at))));
        since.push(&match row.ended_at {
            Some(ended) => html!(", took {}", shape::took(started, Some(ended))),
            None => html!(", started {} ago", shape::took(started, None)),
        });
    }
    let button = |name: &'static str, label: &'static str| {
        html!(
            "<form method=\"post\" action=\"{}/builds/{}/{}\"><button name=\"{}\">{}</button></form>",
            prefix,
            row.id,
            name,
            name,
            label
        )
    };
    let actions = match row.state {
        _ if row.state.is_end() => button("rebuild", "Build again"),
        _ if row.cancel_requested => Html::default(),
        _ => button("cancel", "Cancel"),
    };
    html!(
        "<div class=\"headline\"><p role=\"status\">{} <span class=\"soft\">{}</span></p>{}</div>\n",
        shape::state(row),
        since,
        actions
    )
}

/// Why it failed, or why an attempt before did.
fn problem(row: &Row) -> Html {
    let Some(reason) = row.reason else { return Html::default() };
    let before = if row.state == State::Failed { "" } else { "The attempt before failed. " };
    html!(
        "<p class=\"problem\">{}<code>{}</code> {}</p>\n",
        before,
        reason.word(),
        row.message.as_deref().unwrap_or_default()
    )
}

/// The phases of the last attempt, with their times.
fn phases(row: &Row, steps: &[Step]) -> Html {
    let of_attempt: Vec<&Step> = steps.iter().filter(|step| step.attempt == row.attempt).collect();
    let at = Phase::ALL.iter().position(|phase| *phase == row.phase).unwrap_or(0);
    let one = |(index, phase): (usize, &Phase)| {
        let step = of_attempt.iter().find(|step| step.phase == *phase);
        let is_last = index == at;
        let (class, mark) = match row.state {
            State::Waiting => ("", "○"),
            State::Failed | State::Cancelled if is_last => ("failed", "✕"),
            State::Running if is_last => ("running", "◐"),
            // An image that was pushed before is not built again.
            _ if index <= at && (step.is_some() || of_attempt.is_empty()) => ("completed", "✓"),
            _ => ("", "○"),
        };
        let took = step.map(|step| shape::took(step.started_at, step.ended_at.or(row.ended_at))).unwrap_or_default();
        let current = if class == "running" { html!(" aria-current=\"step\"") } else { Html::default() };
        html!(
            "<li class=\"{}\"{}><span class=\"mark\" aria-hidden=\"true\">{}</span>{} <span class=\"soft\">{}</span></li>\n",
            class,
            current,
            mark,
            phase.word(),
            took
        )
    };
    let all = Phase::ALL.iter().enumerate().skip(1).map(one).collect::<Html>();
    html!("<ol class=\"phases\" aria-label=\"Phases\">\n{}</ol>\n", all)
}

/// The digest, and how the image is pulled.
fn result(row: &Row) -> Html {
    let Some(digest) = row.digest.filter(|_| row.state == State::Completed) else { return Html::default() };
    let mut result = copied("Digest", &digest.to_string());
    for reference in &row.references {
        result.push(&copied("Reference", &reference.to_string()));
    }
    if let Some(reference) = row.references.first() {
        let command = format!("docker pull {}", reference.repository.at(digest));
        result.push(&copied("Pull", &command));
    }
    let size = row.size.map(|size| html!("<dt>Size</dt><dd>{} as registries store it</dd>\n", shown::size(size)));
    html!("<h2>Image</h2>\n<dl>\n{}{}</dl>\n", result, size.unwrap_or_default())
}

fn copied(name: &'static str, text: &str) -> Html {
    html!(
        "<dt>{}</dt><dd class=\"copied\"><code>{}</code><button type=\"button\" class=\"copy\" data-copy=\"{}\" aria-label=\"Copy the {}\" hidden>Copy</button></dd>\n",
        name,
        text,
        text,
        name.to_lowercase()
    )
}

fn request(row: &Row) -> Html {
    let mut list = html!("<dt>Repository</dt><dd>{}</dd>\n", shape::repository(&row.git_repo));
    let mut add = |name: &'static str, text: Option<&str>| {
        if let Some(text) = text {
            list.push(&html!("<dt>{}</dt><dd><code>{}</code></dd>\n", name, text));
        }
    };
    add("Branch", row.branch.as_deref());
    add("Folder", row.app_dir.as_deref());
    add("Dockerfile", row.has_dockerfile.then_some("sent with the request"));
    add("Commit", row.commit.as_deref());
    add("Platforms", Some(row.platforms.join(", ")).filter(|all| !all.is_empty()).as_deref());
    add("Id", Some(row.id.as_str()));
    list.push(&html!("<dt>Submitted</dt><dd>{}</dd>\n", shape::moment(row.created_at)));
    if let Some(ended) = row.ended_at {
        list.push(&html!("<dt>Ended</dt><dd>{}</dd>\n", shape::moment(ended)));
    }
    if row.attempt > 1 {
        list.push(&html!("<dt>Attempts</dt><dd>{}</dd>\n", row.attempt));
    }
    html!("<h2>Request</h2>\n<dl>\n{}</dl>\n", list)
}
