//! Which engine builds an image: the first that answers and can do it, with the reason why not another one.

use super::ask::Ask;
use super::feature::Feature;
use super::model::{Engine, Kind};
use super::platform::same;
use super::probe::{self, Found, Unfit};
use super::table;
use crate::problem::Problem;
use crate::world::process::Runner;

/// An engine that answers and can do what is asked for.
///
/// # Errors
/// If there is none; the problem says why not each of them, and what can be done.
pub fn choose(runner: &Runner, ask: &Ask<'_>) -> Result<Engine, Problem> {
    let tried: &[Kind] = ask.wanted.as_ref().map_or(&Kind::ALL, std::slice::from_ref);
    let mut unfit: Vec<(Kind, Unfit)> = Vec::new();
    for kind in tried {
        match probe::probe(runner, *kind, ask).and_then(|found| fit(*kind, found, ask)) {
            Ok(engine) => return Ok(Engine { why: why(&unfit, ask), ..engine }),
            Err(reason) => unfit.push((*kind, reason)),
        }
    }
    Err(none(unfit, ask))
}

fn fit(kind: Kind, found: Found, ask: &Ask<'_>) -> Result<Engine, Unfit> {
    let Found { version, platforms, how, native } = found;
    let oldest = match kind {
        Kind::Buildkit | Kind::Docker => table::OLDEST_BUILDKIT,
        Kind::Buildah | Kind::Podman => table::OLDEST_BUILDAH,
    };
    if let Some(version) = version.filter(|version| *version < oldest) {
        let text = format!("its {} is {version}, and {oldest} is the oldest that takes named contexts", kind.builder());
        return Err(Unfit::cannot("engine-feature", text));
    }
    let builds_with_frontend = ask.frontend && matches!(kind, Kind::Buildkit | Kind::Docker);
    let language = |feature: &&Feature| !builds_with_frontend || **feature == Feature::SshMount;
    let lacks = ask.needs.iter().filter(language);
    let lacks = lacks.filter_map(|feature| Some(format!("{feature} ({})", table::lack(kind, version, *feature)?)));
    let lacks: Vec<String> = lacks.collect();
    if !lacks.is_empty() {
        return Err(Unfit::cannot("engine-feature", format!("it cannot do {}", lacks.join(", "))));
    }
    let is = |platform: &String| same(platform, ask.platform);
    if ask.runs && !platforms.iter().any(is) {
        let can = platforms.join(", ");
        return Err(Unfit::cannot(
            "engine-platform",
            format!("it cannot run programs of `{}`, only of {can}", ask.platform),
        ));
    }
    let emulated = ask.runs && !same(&native, ask.platform);
    Ok(Engine { kind, version, why: String::new(), emulated, how })
}

fn why(unfit: &[(Kind, Unfit)], ask: &Ask<'_>) -> String {
    if ask.wanted.is_some() {
        return "it is configured".into();
    }
    if unfit.is_empty() {
        return "`BUILDKIT_HOST` is set, and it answers".into();
    }
    format!("the first that answers and can build it; {}", reasons(unfit))
}

fn reasons(unfit: &[(Kind, Unfit)]) -> String {
    let each = unfit.iter().map(|(kind, reason)| format!("{kind}: {}", reason.text));
    each.collect::<Vec<_>>().join("; ")
}

/// The most helpful of all reasons: one that is there and does not answer, then one that cannot do it.
fn none(unfit: Vec<(Kind, Unfit)>, ask: &Ask<'_>) -> Problem {
    let rank = |code: &str| match code {
        "engine-not-running" => 0,
        "engine-platform" => 1,
        "engine-feature" => 2,
        _ => 3,
    };
    let all = reasons(&unfit);
    let best = unfit.into_iter().min_by_key(|(_, reason)| rank(reason.code));
    let Some((kind, best)) = best else {
        return Problem::new("engine-missing", "no engine is known");
    };
    let hint = best.hint.unwrap_or_else(|| way_out(best.code, ask));
    if ask.wanted.is_some() {
        let text = format!("the engine `{kind}` cannot build it: {}", best.text);
        return Problem::new(best.code, text).hint(hint);
    }
    let text = match best.code {
        "engine-missing" => "no engine that builds Dockerfiles is on this machine".to_owned(),
        _ => "no engine of this machine can build it".to_owned(),
    };
    Problem::new(best.code, format!("{text}: {all}")).hint(hint)
}

fn way_out(code: &str, ask: &Ask<'_>) -> String {
    match code {
        "engine-platform" => {
            let arch = ask.platform.split('/').nth(1).unwrap_or(ask.platform);
            format!(
                "build it on a machine with that processor (`runner:`), or let this one emulate it: install qemu-user-static with binfmt support for {arch}, then restart the engine"
            )
        }
        "engine-feature" => "install a newer version or another engine (docs/images.md has the table), or write the Dockerfile without it".into(),
        _ => "install Docker with buildx, BuildKit (and set `BUILDKIT_HOST`), buildah or podman".into(),
    }
}

#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
