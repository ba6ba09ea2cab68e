//! Which earlier release is meant where something names what is not released now.

use super::Release;
use super::inputs::Inputs;
use super::release::{Releases, newest, newest_stable};
use crate::problem::Problem;

/// The newest stable release of what is not released now; of a plan for no release in particular any.
///
/// # Errors
/// There is none; where it is asked for is not said.
pub fn earlier(inputs: &Inputs<'_>, releases: &Releases, component: &str, what: &str) -> Result<Release, Problem> {
    if let Some(release) = newest_stable(inputs, component) {
        return Ok(release);
    }
    if inputs.request.every_release {
        return Ok(releases.for_component(component).clone());
    }
    let text = match newest(inputs, component) {
        Some(release) => format!("{what} has no stable release: the newest is `{}`", release.tag),
        None => format!("{what} was never released, and it is not released now"),
    };
    let hint = "release it first, or in the same run: `--tag` takes several tags of one commit";
    Err(Problem::new("image-never-released", text).hint(hint))
}
