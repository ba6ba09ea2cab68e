//! The minimum macOS of binaries and wheels, from all places that may set it.

use super::inputs::Inputs;
use crate::config::BinarySettings;
use crate::facts::macos::nearest;
use crate::macos::{DEPLOYMENT_TARGET, MacosVersion};
use crate::problem::Problem;
use crate::target::Target;

#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// `binaries.app`
    pub entry: &'a str,
    /// The folder cargo is started in.
    pub folder: &'a str,
    /// What the project's own pyproject.toml says.
    pub project: Option<MacosVersion>,
    /// Whether it becomes part of a wheel's name.
    pub in_tag: bool,
}

/// What a target's files are for, and whether somebody asked for it: `macos:`, the variable in `env:`, the pyproject.toml,
/// the variable in `.cargo/config.toml`; else what Rust starts at. Nothing for other systems.
pub fn of(
    inputs: &Inputs<'_>,
    target: Target,
    settings: &BinarySettings,
    place: Place<'_>,
) -> Option<(MacosVersion, bool)> {
    let oldest = MacosVersion::oldest(target)?;
    let at = |key: &str| format!("{}.{key}", place.entry);
    let wrong = |text: String, key: &str| {
        let problem = Problem::new("bad-version", text);
        let problem = problem.hint("set `macos:` to a version like `11.0`").at_value(at(key));
        inputs.refuse(problem);
    };
    let parsed = |text: &str, source: &str, key: &str| match text.parse::<MacosVersion>() {
        Ok(version) => Some(version),
        Err(why) => {
            wrong(format!("{source}: {why}"), key);
            None
        }
    };
    let config = || nearest(&inputs.facts.macos, place.folder);
    let (asked, key, source) = if let Some(version) = settings.macos {
        (Some(version), "macos", "`macos:`".to_owned())
    } else if let Some(text) = settings.env.get(DEPLOYMENT_TARGET) {
        let source = format!("`{DEPLOYMENT_TARGET}` in `env:`");
        (parsed(text, &source, "env"), "env", source)
    } else if let Some(version) = place.project {
        (Some(version), "macos", "`macos-deployment-target` in pyproject.toml".to_owned())
    } else if let Some((text, file)) = config() {
        let source = format!("`{DEPLOYMENT_TARGET}` in {file}");
        (parsed(text, &source, "macos"), "macos", source)
    } else {
        (None, "macos", String::new())
    };
    let Some(version) = asked else { return Some((oldest, false)) };
    // maturin takes the tag from there, whatever else is said.
    if let Some(project) = place.project.filter(|project| *project != version) {
        wrong(format!("{source} is {version}, but `macos-deployment-target` in pyproject.toml is {project}"), key);
    }
    let written = settings.macos.or(place.project);
    if written.is_some_and(|version| version < oldest) {
        wrong(format!("Rust supports {target} only from macOS {oldest}"), key);
    }
    if !version.exists() {
        wrong(format!("{source}: there is no macOS {version}"), key);
    } else if place.in_tag && version.major > 10 && version.minor > 0 {
        wrong(
            format!(
                "{source}: a wheel can require macOS {}.0 or {}.0, not {version}",
                version.major,
                version.major + 1
            ),
            key,
        );
    }
    Some((version.max(oldest), true))
}
