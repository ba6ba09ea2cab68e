//! Whether images from Dockerfiles can be built on this machine, for commands that go on without them.

use crate::build::engine::{Ask, choose};
use crate::plan::{ImageWork, OfKind, Plan, StubBuilds};
use crate::release::{Project, Session};
use crate::shown;

/// Which of them a rehearsal puts stubs for; `bases`: whether it was given real base images.
pub fn stub_builds(session: &Session, project: &Project, bases: bool) -> StubBuilds {
    let mut builds = project.config.images.iter().flat_map(|image| &image.dockerfiles).peekable();
    let Some(first) = builds.peek() else { return StubBuilds::default() };
    let wanted = first.engine.as_deref().and_then(|engine| engine.parse().ok());
    let ask = Ask { wanted, platform: "linux/amd64", runs: false, needs: &[], frontend: false, builder_image: None };
    let all = choose(&session.runner(), &ask).err().map(|problem| match problem.hint {
        Some(hint) => format!("{}: {hint}", problem.message),
        None => problem.message,
    });
    StubBuilds { all, based: !bases }
}

/// Says which images are stubs, so that nobody takes them for what was built.
pub fn tell(session: &Session, plan: &Plan) {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for step in &plan.steps {
        let work = ImageWork::of(&step.work).and_then(ImageWork::from_dockerfile);
        let Some(reason) = work.and_then(|work| work.stub.as_deref()) else { continue };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, ids)) => ids.push(&step.id),
            None => reasons.push((reason, vec![&step.id])),
        }
    }
    for (reason, ids) in reasons {
        let what = if ids.len() == 1 { "is a stub without content" } else { "are stubs without content" };
        session.printer.step("Not built", format!("{} {what}: {reason}", shown::some(&ids, 6)));
    }
}
