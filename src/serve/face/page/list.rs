//! The list of builds, the newest first, with its filters.

use url::form_urlencoded::{self, Serializer};

use super::shape;
use crate::serve::face::html::{Html, html};
use crate::serve::store::Row;
use crate::serve::task::State;

/// What was asked for, as it was asked; an empty value asks for nothing.
pub(super) struct Filter(Vec<(String, String)>);

/// How the queue is.
pub(super) struct Counts {
    pub(super) running: i64,
    pub(super) waiting: i64,
    /// Why no build starts.
    pub(super) obstacle: Option<String>,
}

impl Filter {
    pub(super) fn read(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.is_empty());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    fn get(&self, name: &str) -> &str {
        self.0.iter().rfind(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The same filter as a query, on the page after a build.
    pub(super) fn query(&self, after: Option<i64>) -> String {
        let mut query = Serializer::new(String::new());
        let kept = self.0.iter().filter(|(name, _)| after.is_none() || name != "cursor");
        query.extend_pairs(kept).extend_pairs(after.map(|after| ("cursor", after.to_string())));
        query.finish()
    }
}

pub(super) fn body(prefix: &str, filter: &Filter, rows: &[Row], next: Option<i64>, counts: &Counts) -> Html {
    let mut body = html!("<h1>Builds</h1>\n{}", form(prefix, filter));
    let is_first = filter.get("cursor").is_empty();
    let live = match is_first {
        true => html!(" data-live=\"{}/?{}\"", prefix, filter.query(None)),
        false => Html::default(),
    };
    let mut list = queue(counts);
    list.push(&match rows {
        [] => html!("<p class=\"empty\">No builds {}.</p>\n", if filter.0.is_empty() { "yet" } else { "match" }),
        rows => table(prefix, rows),
    });
    body.push(&html!("<div id=\"live\"{}>\n{}</div>\n", live, list));
    let newest = if is_first {
        Html::default()
    } else {
        html!("<a href=\"{}/?{}\">Newest</a>\n", prefix, without_cursor(filter))
    };
    let older =
        next.map(|next| html!("<a rel=\"next\" href=\"{}/?{}\">Older builds</a>\n", prefix, filter.query(Some(next))));
    let older = older.unwrap_or_default();
    if !(newest.is_empty() && older.is_empty()) {
        body.push(&html!("<nav class=\"pages\" aria-label=\"Pages\">{}{}</nav>\n", newest, older));
    }
    body
}

fn without_cursor(filter: &Filter) -> String {
    let kept = filter.0.iter().filter(|(name, _)| name != "cursor");
    Serializer::new(String::new()).extend_pairs(kept).finish()
}

fn form(prefix: &str, filter: &Filter) -> Html {
    let option = |state: &State| {
        let selected = if filter.get("state") == state.word() { html!(" selected") } else { Html::default() };
        html!("<option{}>{}</option>", selected, state.word())
    };
    let clear = if filter.0.is_empty() { Html::default() } else { html!(" <a href=\"{}/\">Clear</a>", prefix) };
    html!(
        "<form class=\"filter\" method=\"get\" action=\"{}/\">\n\
         <label>State <select name=\"state\"><option value=\"\">any</option>{}</select></label>\n\
         <label>App <input name=\"app_name\" value=\"{}\" autocomplete=\"off\" spellcheck=\"false\"></label>\n\
         <button>Filter</button>{}\n</form>\n",
        prefix,
        State::ALL.iter().map(option).collect::<Html>(),
        filter.get("app_name"),
        clear,
    )
}

fn queue(counts: &Counts) -> Html {
    let mut queue = html!("<p class=\"queue\">{} running, {} waiting</p>\n", counts.running, counts.waiting);
    if let Some(obstacle) = &counts.obstacle {
        queue.push(&html!("<p class=\"problem\" role=\"status\">No build starts: {}</p>\n", obstacle));
    }
    queue
}

fn table(prefix: &str, rows: &[Row]) -> Html {
    html!(
        "<table class=\"builds\">\n<thead><tr><th scope=\"col\">State</th><th scope=\"col\">Image</th><th scope=\"col\">Source</th>\
         <th scope=\"col\">Submitted</th><th scope=\"col\">Took</th></tr></thead>\n<tbody>\n{}</tbody>\n</table>\n",
        rows.iter().map(|one| row(prefix, one)).collect::<Html>()
    )
}

fn row(prefix: &str, row: &Row) -> Html {
    let took = row.started_at.map(|started| shape::took(started, row.ended_at)).unwrap_or_default();
    let phase = match row.state {
        State::Running => html!(" <span class=\"soft\">{}</span>", row.phase.word()),
        _ => row.reason.map(|reason| html!(" <span class=\"soft\">{}</span>", reason.word())).unwrap_or_default(),
    };
    let branch =
        row.branch.as_deref().map(|branch| html!(" <span class=\"soft\">{}</span>", branch)).unwrap_or_default();
    let commit = row.commit.as_deref().and_then(|commit| commit.get(..7));
    let commit = commit.map(|commit| html!(" <code>{}</code>", commit)).unwrap_or_default();
    html!(
        "<tr><td>{}{}</td><td class=\"name\"><a href=\"{}/builds/{}\">{}<span class=\"tag\">:{}</span></a></td>\
         <td class=\"source\">{}{}{}</td><td class=\"when\">{}</td><td class=\"when\">{}</td></tr>\n",
        shape::state(row),
        phase,
        prefix,
        row.id,
        row.app_name,
        row.image_tag,
        shape::short(&row.git_repo),
        branch,
        commit,
        shape::ago(row.created_at),
        took,
    )
}
