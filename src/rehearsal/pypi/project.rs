//! New projects: which names can be had (`ProjectService` of warehouse/packaging/services.py).

use super::fault::FaultKind;
use super::shared::Shared;
use super::state::{IndexState, Project};
use super::token::Identity;
use crate::pypi::name::{is_name, normalize, repr, ultranormalize};
use crate::wheel::DistributionName;

/// The project of that name as it is, or as it would be if this upload created it.
pub(super) fn for_upload(shared: &Shared, who: &Identity, name: &str) -> Result<Project, (u16, String)> {
    if let Some(project) = shared.state().projects.get(&normalize(name)) {
        return Ok(project.clone());
    }
    let Some(user) = who.user() else {
        let text = "Non-user identities cannot create new projects. This was probably caused by successfully using a \
                    pending publisher but specifying the project name incorrectly (either in the publisher or in your \
                    project's metadata). Please ensure that both match. See: \
                    https://docs.pypi.org/trusted-publishers/troubleshooting/";
        return Err((400, text.into()));
    };
    let full = shared.quirks.new_projects.is_some_and(|most| shared.state().created >= most);
    if full || shared.strike(FaultKind::NewProject).is_some() {
        return Err((429, "Too many new projects created".into()));
    }
    if shared.quirks.no_new_projects {
        let text = "New project registration temporarily disabled. See https://pypi.org/help/#admin-intervention for \
                    more information.";
        return Err((403, text.into()));
    }
    check(&shared.state(), &shared.prohibited, name)?;
    Ok(Project { name: name.to_owned(), owners: [user.to_owned()].into(), ..Project::default() })
}

/// `check_project_name` of warehouse/packaging/services.py, for a name that no project has.
pub(super) fn check(state: &IndexState, prohibited: &[String], name: &str) -> Result<(), (u16, String)> {
    let (shown, normal) = (repr(name), normalize(name));
    let refuse = |why: &str| {
        Err((400, format!("The name {shown} {why} See https://pypi.org/help/#project-name for more information.")))
    };
    if !is_name(name) {
        return Err((400, format!("The name {shown} is invalid.")));
    }
    if name.parse::<DistributionName>().is_ok_and(|name| name.is_reserved()) {
        return refuse("isn't allowed (conflict with Python Standard Library module name).");
    }
    if prohibited.iter().any(|prohibited| normalize(prohibited) == normal) {
        return refuse("isn't allowed.");
    }
    let alike = ultranormalize(name);
    if state.projects.values().any(|project| ultranormalize(&project.name) == alike) {
        return refuse("is too similar to an existing project.");
    }
    Ok(())
}
