//! `.helmignore` as Helm reads it, and which files of a chart's folder it leaves.

use crate::chart::flaw::Flaw;
use crate::glob;

/// The file's name, in the chart's folder.
pub const FILE: &str = ".helmignore";

/// Helm's own last rule. It holds for the chart's own `templates`, not for a subchart's.
const BUILT_IN: &str = "templates/.?*";

/// Longest line, in bytes: where Go's scanner, and with it Helm, gives up.
const LONGEST_LINE: usize = 64 * 1024;

/// All rules of a chart, Helm's built-in one at the end.
#[derive(Clone, Debug)]
pub struct Ignore(Vec<Rule>);

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// As it stands there, without blanks around it.
    pub text: String,
    /// Counted from 1; none: built into Helm.
    pub line: Option<usize>,
    /// Bytes of `.helmignore`.
    span: std::ops::Range<usize>,
    glob: String,
    negated: bool,
    folders_only: bool,
    /// Without a slash the pattern is compared with the last part of a path.
    last_part_only: bool,
}

/// What a chart's folder keeps.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Files, in Helm's order: folder by folder, names sorted by bytes.
    pub kept: Vec<String>,
    /// The outermost files and folders that a rule took away, in the same order.
    pub dropped: Vec<Dropped>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    pub path: String,
    pub folder: bool,
    pub rule: Rule,
}

impl Ignore {
    /// A chart without `.helmignore`.
    pub fn built_in() -> Self {
        Self(rule(BUILT_IN, None, 0..0).ok().into_iter().collect())
    }

    /// # Errors
    /// Every line that Helm refuses.
    pub fn read(bytes: &[u8]) -> Result<Self, Vec<Flaw>> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let (mut rules, mut flaws) = (Vec::new(), Vec::new());
        let mut start = 0;
        for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let text = String::from_utf8_lossy(line);
            let span = start..start + line.trim_ascii_end().len();
            start += line.len();
            if line.len() > LONGEST_LINE {
                flaws.push(refused(index + 1, "is longer than 64 KiB").at(FILE, span));
                continue;
            }
            match text.trim() {
                "" => {}
                comment if comment.starts_with('#') => {}
                text => match rule(text, Some(index + 1), span) {
                    Ok(rule) => rules.push(rule),
                    Err(flaw) => flaws.push(flaw),
                },
            }
        }
        rules.extend(Self::built_in().0);
        if flaws.is_empty() { Ok(Self(rules)) } else { Err(flaws) }
    }

    /// The rule that drops this file or folder by itself; `path` is relative to the chart's folder.
    /// Helm asks for a folder before it looks into it, so ask for its parents, too, or use [`Self::select`].
    pub fn drops(&self, path: &str, folder: bool) -> Option<&Rule> {
        self.0.iter().find(|rule| rule.drops(path, folder))
    }

    /// `files` in Helm's order, divided.
    pub fn select(&self, files: impl IntoIterator<Item = String>) -> Selection {
        let mut files: Vec<String> = files.into_iter().collect();
        files.sort_unstable_by(|left, right| left.split('/').cmp(right.split('/')));
        files.dedup();
        let mut selection = Selection::default();
        for path in files {
            if selection.dropped.last().is_some_and(|last| last.holds(&path)) {
                continue;
            }
            match self.outermost(&path) {
                Some(dropped) => selection.dropped.push(dropped),
                None => selection.kept.push(path),
            }
        }
        selection
    }

    fn outermost(&self, path: &str) -> Option<Dropped> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        ends.filter(|end| *end > 0).find_map(|end| {
            let (part, folder) = (&path[..end], end < path.len());
            self.drops(part, folder).map(|rule| Dropped { path: part.to_owned(), folder, rule: rule.clone() })
        })
    }
}

impl Selection {
    /// What was dropped and holds `path`, or is it.
    pub fn dropper(&self, path: &str) -> Option<&Dropped> {
        self.dropped.iter().find(|dropped| dropped.path == path || dropped.holds(path))
    }

    /// A mistake of `.helmignore` that only its result shows: it drops Chart.yaml, so there is no chart to load.
    pub fn flaw(&self) -> Option<Flaw> {
        let dropped = self.dropper("Chart.yaml")?;
        let flaw = dropped.flaw("chart-ignored", format!("{} drops `Chart.yaml`", dropped.rule));
        let hint = "in `.helmignore`, `!x` drops everything that is not `x`";
        Some(if dropped.rule.negated { flaw.hint(hint) } else { flaw })
    }

    /// A result that is legal and hardly meant: a chart without any template.
    pub fn warning(&self) -> Option<Flaw> {
        let is_template = |path: &str| path.split('/').next() == Some("templates");
        let dropped = self.dropped.iter().find(|dropped| is_template(&dropped.path) && dropped.rule.line.is_some())?;
        if self.kept.iter().any(|path| is_template(path)) {
            return None;
        }
        Some(dropped.flaw("templates-ignored", format!("{} drops the whole of `templates/`", dropped.rule)))
    }
}

impl Dropped {
    fn holds(&self, path: &str) -> bool {
        self.folder && path.strip_prefix(&self.path).is_some_and(|rest| rest.starts_with('/'))
    }

    /// A flaw at the rule's line.
    pub fn flaw(&self, code: &'static str, text: String) -> Flaw {
        let flaw = Flaw::new(code, text);
        if self.rule.line.is_some() { flaw.at(FILE, self.rule.span.clone()) } else { flaw.about(&self.path) }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line} of `{FILE}`, `{}`,", self.text),
            None => write!(f, "Helm's own rule `{}`", self.text),
        }
    }
}

impl Rule {
    fn drops(&self, path: &str, folder: bool) -> bool {
        if self.folders_only && !folder {
            return self.negated;
        }
        let name = if self.last_part_only { path.rsplit('/').next().unwrap_or(path) } else { path };
        (glob::matches(&self.glob, name) == Ok(true)) != self.negated
    }
}

fn rule(text: &str, line: Option<usize>, span: std::ops::Range<usize>) -> Result<Rule, Flaw> {
    let refuse = |why: &str| refused(line.unwrap_or_default(), why).at(FILE, span.clone());
    if text.contains("**") {
        let hint = "without a slash a pattern matches at any depth; with one, write a line for each depth";
        return Err(refuse(&format!("`{text}` contains `**`, which Helm refuses")).hint(hint));
    }
    let (negated, rest) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
    let (folders_only, rest) = rest.strip_suffix('/').map_or((false, rest), |rest| (true, rest));
    let pattern = rest.strip_prefix('/').unwrap_or(rest);
    if glob::check(pattern).is_err() {
        return Err(refuse(&format!("`{text}` is not a pattern that Helm reads")));
    }
    let last_part_only = !rest.contains('/');
    let glob = pattern.to_owned();
    Ok(Rule { text: text.to_owned(), line, span, glob, negated, folders_only, last_part_only })
}

fn refused(line: usize, why: &str) -> Flaw {
    Flaw::new("helmignore", format!("line {line} of `{FILE}`: {why}"))
}

#[cfg(test)]
mod tests {
    use super::{Ignore, Selection};

    fn select(rules: &str, files: &[&str]) -> Selection {
        Ignore::read(rules.as_bytes()).unwrap().select(files.iter().map(|file| (*file).to_owned()))
    }

    fn check(rules: &str, files: &[&str], kept: &[&str]) {
        assert_eq!(select(rules, files).kept, kept, "{rules:?}");
    }

    #[test]
    fn rules_drop_what_helm_drops() {
        let files = ["Chart.yaml", "a/b.txt", "a/c/b.txt", "a.txt", "b.txt", "templates/.x", "templates/s/.x"];
        for (rules, kept) in [
            ("", &["Chart.yaml", "a/b.txt", "a/c/b.txt", "a.txt", "b.txt", "templates/s/.x"][..]),
            ("b.txt\ntemplates", &["Chart.yaml", "a.txt"]),
            ("/b.txt", &["Chart.yaml", "a/b.txt", "a/c/b.txt", "a.txt", "templates/s/.x"]),
            ("a/b.txt", &["Chart.yaml", "a/c/b.txt", "a.txt", "b.txt", "templates/s/.x"]),
            ("a/\n.*", &["Chart.yaml", "a.txt", "b.txt"]),
            ("c/", &["Chart.yaml", "a/b.txt", "a.txt", "b.txt", "templates/s/.x"]),
            ("a.txt/", &["Chart.yaml", "a/b.txt", "a/c/b.txt", "a.txt", "b.txt", "templates/s/.x"]),
            ("!Chart.yaml", &["Chart.yaml"]),
            ("!*.txt/", &[]),
            (".\n./\n/", &["Chart.yaml", "a/b.txt", "a/c/b.txt", "a.txt", "b.txt", "templates/s/.x"]),
            ("\u{feff}# x\r\n  a  \r\n", &["Chart.yaml", "a.txt", "b.txt", "templates/s/.x"]),
        ] {
            check(rules, &files, kept);
        }
    }

    #[test]
    fn the_rule_that_drops_is_named() {
        let selection = select("x\n*.yaml\n", &["Chart.yaml", "templates/a.tpl"]);
        assert_eq!(selection.flaw().unwrap().text, "line 2 of `.helmignore`, `*.yaml`, drops `Chart.yaml`");
        assert_eq!(selection.flaw().unwrap().place.unwrap().span, Some(2..8));
        let selection = select("!*.yaml", &["Chart.yaml", "templates/a.yaml"]);
        assert!(selection.warning().is_some());
        assert_eq!(selection.dropped.len(), 1);
    }

    #[test]
    fn lines_that_helm_refuses_are_flaws() {
        let flaws = Ignore::read(b"# a/**\na/**\n[\n\\").unwrap_err();
        let texts: Vec<&str> = flaws.iter().map(|flaw| flaw.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "line 2 of `.helmignore`: `a/**` contains `**`, which Helm refuses",
                "line 3 of `.helmignore`: `[` is not a pattern that Helm reads",
                "line 4 of `.helmignore`: `\\` is not a pattern that Helm reads",
            ]
        );
    }
}
