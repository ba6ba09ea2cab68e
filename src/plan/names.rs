//! Names of files: what their templates mean, and which are taken everywhere.

use super::Release;
use super::inputs::Inputs;
use crate::problem::Problem;
use crate::step_id::{StepId, StepKind};
use crate::target::Target;
use crate::template::Template;

/// What the placeholders of a file's name stand for.
pub struct Names<'a> {
    /// `name:`, or the key of the entry.
    pub name: &'a str,
    pub release: &'a Release,
    pub target: Option<Target>,
}

impl Names<'_> {
    /// Fills a template for one executable, or for none.
    ///
    /// # Errors
    /// The placeholder that has no value here.
    pub fn fill(&self, template: &Template, bin: Option<&str>) -> Result<String, Problem> {
        let filled = template.fill(|place| match place {
            "name" => Some(self.name.to_owned()),
            "version" => Some(self.release.version.to_string()),
            "tag" => Some(self.release.tag.clone()),
            "component" => Some(self.release.component.clone()),
            "binary" => bin.map(str::to_owned),
            other => self.target.and_then(|target| target_place(target, other)),
        });
        filled.map_err(|place| {
            let problem = Problem::new("unknown-placeholder", format!("`{{{place}}}` has no value here"));
            problem.hint("`{binary}` is available for bare executables, `{target}` and its parts for archives")
        })
    }
}

pub fn target_place(target: Target, place: &str) -> Option<String> {
    let text = match place {
        "target" => target.triple(),
        "arch" => target.arch().name(),
        "os" => target.os().name(),
        "os-abi" => target.os_abi(),
        "goarch" => target.arch().goarch(),
        "exe" => target.exe_suffix(),
        _ => return None,
    };
    Some(text.to_owned())
}

/// GitHub rewrites other names, so that a release would not hold what was planned; and files go from job to job by name.
pub fn check_names<'n>(inputs: &Inputs<'_>, id: &StepId, names: impl IntoIterator<Item = &'n str>) {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_legal = |name: &str| !name.starts_with('.') && !name.ends_with('.') && name.chars().all(legal);
    // One without a name has a problem already.
    for name in names.into_iter().filter(|name| !name.is_empty() && !is_legal(name)) {
        let letters = "use only the letters A to Z, digits, `.`, `_` and `-`";
        let (text, hint) = match id.kind() {
            StepKind::Binary => (
                format!("an executable cannot be named `{name}`"),
                format!("rename it in Cargo.toml (`name` of `[[bin]]`): {letters}"),
            ),
            _ => (format!("file name `{name}` would be rewritten by GitHub"), letters.to_owned()),
        };
        inputs.refuse(Problem::new("bad-file-name", text).hint(hint).step(id));
    }
}
