//! The section of a version in a changelog in Markdown, with its links made to work on a release's page.

use std::collections::{BTreeMap, BTreeSet};

use crate::version::Version;

/// Where links that are relative to the changelog lead on a release's page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// `https://github.com/owner/name`
    pub repository: String,
    /// The tag whose files they lead to.
    pub tag: String,
    /// Path of the changelog in the repository.
    pub path: String,
}

/// What a changelog says of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Excerpt {
    Section(String),
    /// Nothing that can be taken: the line, if there is one, and why.
    Nothing(Option<usize>, String),
}

struct Heading<'t> {
    level: usize,
    text: &'t str,
    /// The lines it takes: from, and the first after it.
    lines: (usize, usize),
}

/// Words that may stand before a version in its heading.
const WORDS: [&str; 2] = ["version", "release"];

/// Looks for the section of a version. `names` are those of the component, which may stand in its headings.
pub fn section(text: &str, version: &Version, names: &[&str], base: &Base) -> Excerpt {
    let text = text.trim_start_matches('\u{feff}');
    let lines: Vec<&str> = text.lines().collect();
    let headings = headings(&lines);
    let is_version = |heading: &Heading<'_>| version_of(heading.text, names).is_some();
    let wanted = version.to_string();
    let own = |heading: &&Heading<'_>| version_of(heading.text, names).is_some_and(|(found, _)| found == wanted);
    // A heading with the component's name is preferred to one without a name.
    let mut found: Vec<&Heading<'_>> = headings.iter().filter(own).collect();
    found.sort_by_key(|heading| !version_of(heading.text, names).is_some_and(|(_, named)| named));
    let body = |heading: &Heading<'_>| {
        let mut after = headings.iter().filter(|other| other.lines.0 > heading.lines.0);
        let end = after.find(|other| other.level <= heading.level || is_version(other)).map(|other| other.lines.0);
        without_definitions(&lines[heading.lines.1..end.unwrap_or(lines.len())])
    };
    match found.iter().map(|heading| body(heading)).find(|body| !body.trim().is_empty()) {
        Some(body) => Excerpt::Section(with_links(&body, &definitions(&lines), base)),
        None => {
            let empty = found.first().map(|heading| (heading.lines.0, format!("its section for {wanted} is empty")));
            let near = || {
                let named = headings.iter().find(|heading| heading.text.contains(&wanted))?;
                Some((named.lines.0, format!("the heading `{}` does not start with the version", named.text)))
            };
            match empty.or_else(near) {
                Some((line, why)) => Excerpt::Nothing(Some(line + 1), why),
                None => Excerpt::Nothing(None, format!("no section for {wanted}")),
            }
        }
    }
}

/// The version that a heading begins with, and whether it names the component: `[1.2.3] - 2026-01-31`, `v1.2.3`,
/// `Version 1.2.3`, `harbor-v1.2.3`, `harbor 1.2.3`, `harbor@1.2.3`, `[v1.2.3](https://…)`.
fn version_of(heading: &str, names: &[&str]) -> Option<(String, bool)> {
    let mut named = false;
    let plain = heading.replace(['[', ']', '`', '*'], " ").replace('(', " (");
    let mut skipped = 0;
    for word in plain.split_whitespace() {
        let bare = word.trim_end_matches([':', ',', ')']).trim_start_matches('(');
        let name = names.iter().find(|name| bare.eq_ignore_ascii_case(name));
        if name.is_some() || WORDS.iter().any(|known| bare.eq_ignore_ascii_case(known)) {
            named |= name.is_some();
            skipped += 1;
            if skipped > 3 {
                return None;
            }
            continue;
        }
        let prefixed = names.iter().filter(|name| !name.is_empty()).find_map(|name| {
            let rest = bare.get(name.len()..).filter(|_| bare[..name.len()].eq_ignore_ascii_case(name))?;
            rest.strip_prefix(['-', '@', '/', '_'])
        });
        named |= prefixed.is_some();
        let text = prefixed.unwrap_or(bare);
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        return text.parse::<Version>().ok().map(|version| (version.to_string(), named));
    }
    None
}

/// Headings outside of code and comments: `## text`, or a line with `===` or `---` below.
fn headings<'t>(lines: &[&'t str]) -> Vec<Heading<'t>> {
    let mut headings = Vec::new();
    let hidden = hidden(lines);
    for (at, line) in lines.iter().enumerate().filter(|(at, _)| !hidden[*at]) {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let line = line.trim();
        let level = line.len() - line.trim_start_matches('#').len();
        let text = line[level..].trim_end_matches('#').trim();
        if (1..=6).contains(&level) && indent < 4 && (line.len() == level || line[level..].starts_with([' ', '\t'])) {
            headings.push(Heading { level, text, lines: (at, at + 1) });
            continue;
        }
        let below = lines.get(at + 1).filter(|_| level == 0 && !line.is_empty()).map(|line| line.trim_end());
        let underlined = |mark: char| below.is_some_and(|below| below.len() > 2 && below.chars().all(|c| c == mark));
        let alone = at == 0 || lines[at - 1].trim().is_empty();
        if alone && (underlined('=') || underlined('-')) {
            let level = if underlined('=') { 1 } else { 2 };
            headings.push(Heading { level, text: line, lines: (at, at + 2) });
        }
    }
    headings
}

/// The lines inside of fenced code and of comments.
fn hidden(lines: &[&str]) -> Vec<bool> {
    let mut fence: Option<String> = None;
    let mut comment = false;
    let mut hidden = Vec::with_capacity(lines.len());
    for line in lines {
        let start = line.trim_start();
        let mark: String = start.chars().take_while(|c| start.starts_with(*c) && "`~".contains(*c)).collect();
        if let Some(open) = &fence {
            hidden.push(true);
            if mark.starts_with(open.as_str()) && start.trim_end() == mark {
                fence = None;
            }
            continue;
        }
        if comment || mark.len() > 2 {
            hidden.push(true);
            comment &= !line.contains("-->");
            if mark.len() > 2 {
                fence = Some(mark);
            }
            continue;
        }
        let opened = line.rfind("<!--").is_some_and(|at| !line[at..].contains("-->"));
        hidden.push(start.starts_with("<!--"));
        comment = opened;
    }
    hidden
}

/// `[label]: address "title"`
fn definition(line: &str) -> Option<(&str, &str)> {
    let (label, rest) = line.trim_start().strip_prefix('[')?.split_once("]:")?;
    let good = !label.is_empty() && !label.starts_with('^') && !label.contains(['[', ']']);
    good.then(|| (label, rest.trim()))
}

fn definitions<'t>(lines: &[&'t str]) -> BTreeMap<String, &'t str> {
    let hidden = hidden(lines);
    let shown = lines.iter().enumerate().filter(|(at, _)| !hidden[*at]);
    let mut all = BTreeMap::new();
    for (label, address) in shown.filter_map(|(_, line)| definition(line)) {
        // The first of two counts.
        all.entry(label.to_lowercase()).or_insert(address);
    }
    all
}

fn without_definitions(lines: &[&str]) -> String {
    let hidden = hidden(lines);
    let kept = lines.iter().enumerate().filter(|(at, line)| hidden[*at] || definition(line).is_none());
    kept.map(|(_, line)| *line).collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// A section whose addresses are whole, with the definitions that it uses below it.
fn with_links(body: &str, definitions: &BTreeMap<String, &str>, base: &Base) -> String {
    let lines: Vec<&str> = body.lines().collect();
    let hidden = hidden(&lines);
    let mut used = BTreeSet::new();
    let mut out: Vec<String> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if hidden[at] {
            out.push((*line).to_owned());
            continue;
        }
        let lower = line.to_lowercase();
        used.extend(definitions.keys().filter(|label| lower.contains(&format!("[{label}]"))));
        out.push(absolute(line, base));
    }
    let mut text = out.join("\n");
    if !used.is_empty() {
        text.push('\n');
    }
    for label in used {
        let (address, title) = definitions[label].split_once(' ').unwrap_or((definitions[label], ""));
        let address = address.trim_start_matches('<').trim_end_matches('>');
        let line = format!("[{label}]: {} {title}", base.address(address, false));
        text.push_str(&format!("\n{}", line.trim_end()));
    }
    text
}

/// A line whose addresses are whole: `](…)`, `src="…"`, `href="…"`; `code` is left alone.
fn absolute(line: &str, base: &Base) -> String {
    let mut out = String::new();
    let mut rest = line;
    loop {
        let starts = [("](", ')'), ("src=\"", '"'), ("href=\"", '"'), ("`", '`')];
        let next = starts.iter().filter_map(|(start, end)| Some((rest.find(start)?, *start, *end))).min();
        let Some((at, start, end)) = next else { break };
        let (before, after) = rest.split_at(at + start.len());
        out.push_str(before);
        let length = after.find(|c: char| c == end || end == ')' && c == ' ').unwrap_or(after.len());
        let (address, after) = after.split_at(length);
        if start == "`" {
            out.push_str(address);
            out.push_str(after.get(..1).unwrap_or_default());
            rest = after.get(1..).unwrap_or_default();
            continue;
        }
        let image = start == "src=\"" || start == "](" && is_image(&out);
        out.push_str(&base.address(address, image));
        rest = after;
    }
    out + rest
}

/// Whether `![text](` ends here.
fn is_image(before: &str) -> bool {
    let mut depth = 0_usize;
    for (at, c) in before[..before.len() - 1].char_indices().rev() {
        match c {
            ']' => depth += 1,
            '[' if depth <= 1 => return before[..at].ends_with('!'),
            '[' => depth -= 1,
            _ => {}
        }
    }
    false
}

impl Base {
    /// An address as it works anywhere.
    fn address(&self, address: &str, image: bool) -> String {
        let scheme = address.split_once(':').is_some_and(|(scheme, _)| {
            scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        });
        if address.is_empty() || scheme || address.starts_with("//") || self.repository.is_empty() {
            return address.to_owned();
        }
        let at = address.find(['#', '?']).unwrap_or(address.len());
        let (path, more) = address.split_at(at);
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let from = match path.strip_prefix('/') {
            Some(path) => path.to_owned(),
            None if path.is_empty() => self.path.clone(),
            None => format!("{folder}/{path}"),
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in from.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                other => parts.push(other),
            }
        }
        let view = if image { "raw" } else { "blob" };
        format!("{}/{view}/{}/{}{more}", self.repository, self.tag, parts.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(text: &str) -> Excerpt {
        let base = Base {
            repository: "https://github.com/o/n".into(),
            tag: "v1.2.3".into(),
            path: "crates/harbor/CHANGELOG.md".into(),
        };
        section(text, &"1.2.3".parse().unwrap(), &["harbor", "harbor_py"], &base)
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(look(text), Excerpt::Section(expected.into()), "{text}");
    }

    #[test]
    fn headings_as_people_write_them() {
        for heading in [
            "## 1.2.3",
            "## [1.2.3]",
            "## [1.2.3] - 2026-01-31",
            "## [v1.2.3](https://github.com/o/n/compare/v1.2.2...v1.2.3) (2026-01-31)",
            "# Version 1.2.3",
            "# Release v1.2.3:",
            "### v1.2.3 ###",
            "## harbor 1.2.3",
            "## Harbor v1.2.3 (2026)",
            "## harbor-v1.2.3",
            "## [harbor-v1.2.3] - 2026",
            "## harbor@1.2.3",
            "## `harbor` - not\n\n## `1.2.3`",
            "## **1.2.3**",
            "1.2.3\n-----",
            "1.2.3 / 2026-01-31\n==================",
        ] {
            check(&format!("\u{feff}# Changelog\r\n\r\n{heading}\n\n- fine\n\n## 1.2.2\n- old\n"), "- fine");
        }
    }

    #[test]
    fn one_bad_heading_hides_nothing() {
        check("## 1.2.3\n- a\n\n## 1.0.0\n- b\n\n## 1.0.0\n- c\n", "- a");
        check("## 1.2.3\n\n## 1.2.3\n- a\n", "- a");
        check(
            "## [Unreleased]\n- z\n## 1.2.3\n### Fixed\n- a\n#### in 1.2.3\nb\n## what\n- c\n",
            "### Fixed\n- a\n#### in 1.2.3\nb",
        );
        check("## 1.2.3\n- a\n### 1.2.2\n- b\n", "- a");
        check("## 1.2.3-rc.1\n- b\n## 1.2.3\n- a\n", "- a");
        check("## anchor 1.2.3\n- b\n## harbor 1.2.3\n- a\n", "- a");
        check("## 1.2.3\n- b\n## harbor-v1.2.3\n- a\n", "- a");
        check(
            "```\n## 1.2.3\n- b\n```\n<!--\n## 1.2.3\n-->\n## 1.2.3\n- a\n```\n## 1.0.0\n```\n",
            "- a\n```\n## 1.0.0\n```",
        );
    }

    #[test]
    fn what_is_not_there_is_said() {
        let nothing = |text: &str, line: Option<usize>, part: &str| match look(text) {
            Excerpt::Nothing(at, why) => assert!(at == line && why.contains(part), "{text}: {at:?} {why}"),
            found => panic!("{text}: {found:?}"),
        };
        nothing("", None, "no section for 1.2.3");
        nothing("## 1.2\n- a\n", None, "no section for 1.2.3");
        nothing("# C\n\n## 1.2.3\n\n## 1.2.2\n- a\n", Some(3), "is empty");
        nothing("# C\n## What came with 1.2.3\n- a\n", Some(2), "does not start with the version");
        nothing("# C\n## anchor 1.2.3\n- a\n", Some(2), "does not start");
    }

    #[test]
    fn links_work_on_the_page() {
        let blob = "https://github.com/o/n/blob/v1.2.3";
        check(
            "## 1.2.3\n- [a](../../docs/a.md#x), [b](/LICENSE), [c](#top), [d](https://d.e), [e](mailto:a@b.c)\n",
            &format!(
                "- [a]({blob}/docs/a.md#x), [b]({blob}/LICENSE), [c]({blob}/crates/harbor/CHANGELOG.md#top), [d](https://d.e), [e](mailto:a@b.c)"
            ),
        );
        check(
            "## 1.2.3\n![p](p.png \"t\") <img src=\"../p.png\"> `[a](b)`\n",
            "![p](https://github.com/o/n/raw/v1.2.3/crates/harbor/p.png \"t\") <img src=\"https://github.com/o/n/raw/v1.2.3/crates/p.png\"> `[a](b)`",
        );
        check(
            "## [1.2.3]\n- see [#7] and [this][Docs]\n\n## 1.2.2\n[#8]\n\n[1.2.3]: https://x.y\n[#7]: https://a.b/7\n[#8]: https://a.b/8\n[docs]: docs/ \"All\"\n",
            &format!("- see [#7] and [this][Docs]\n\n[#7]: https://a.b/7\n[docs]: {blob}/crates/harbor/docs \"All\""),
        );
        check("## 1.2.3\n- [#7]\n\n[#7]: https://a.b/7\n[1.2.3]: https://x.y\n", "- [#7]\n\n[#7]: https://a.b/7");
    }
}
