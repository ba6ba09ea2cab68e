//! Published snapshots: what decides the version of a component, and the tag under which the next run finds it.

use std::collections::{BTreeMap, BTreeSet};

use super::inputs::Inputs;
use super::{ChartWork, OfKind, Step, Work};
use crate::config::{self, Registry};
use crate::digest::Digest;
use crate::reference::is_loopback;

/// Whether a registry takes snapshots: where that is written, else on this machine.
pub fn takes(registry: &Registry) -> bool {
    let host = registry.prefix.as_ref().map(|prefix| prefix.registry.as_str()).unwrap_or_default();
    registry.snapshots.unwrap_or_else(|| is_loopback(host))
}

/// The tag of a component's inputs.
pub fn tag(inputs: Digest) -> String {
    format!("in-{}", &inputs.hex()[..40])
}

/// What decides the version of each component that has images or charts for a registry that takes snapshots: one digest over
/// the inputs of all its images and charts, and of those of other components that its charts name. Nothing where the
/// inputs of one of them are not known, as of what is compiled.
pub fn inputs(inputs: &Inputs<'_>, steps: &[&Step]) -> BTreeMap<String, Option<Digest>> {
    let own: Vec<&Step> = steps.iter().copied().filter(|step| goes_there(inputs, step)).collect();
    let components: BTreeSet<&str> = own.iter().map(|step| step.component.as_str()).collect();
    let digest = |component: &&str| {
        let all = closure(steps, component);
        let mut text = String::new();
        for step in own.iter().filter(|step| all.contains(step.component.as_str())) {
            text.push_str(&format!("{} {}\n", step.id, step.work.inputs()?));
        }
        text.push_str(inputs.request.label.as_deref().unwrap_or_default());
        Some(Digest::of(text.as_bytes()))
    };
    components.iter().map(|component| ((*component).to_owned(), digest(component))).collect()
}

/// Whether a step is an index or chart for a registry that takes snapshots.
fn goes_there(inputs: &Inputs<'_>, step: &Step) -> bool {
    let names = |one: &config::Destination| step.publish.contains(&one.name) && one.registry().is_some_and(takes);
    matches!(step.work, Work::Index(_) | Work::Chart(_)) && inputs.config.destinations.iter().any(names)
}

/// A component, those of the images that its charts name, and so on.
fn closure<'s>(steps: &[&'s Step], component: &'s str) -> BTreeSet<&'s str> {
    let mut all = BTreeSet::from([component]);
    loop {
        let before = all.len();
        let charts = steps.iter().filter(|step| all.contains(step.component.as_str()));
        let images = charts.filter_map(|step| ChartWork::of(&step.work)).flat_map(|work| &work.images);
        let indexes = images.filter_map(|image| image.step.as_ref());
        let named: Vec<&str> = indexes
            .filter_map(|id| steps.iter().find(|step| step.id == *id))
            .map(|step| step.component.as_str())
            .collect();
        all.extend(named);
        if all.len() == before {
            return all;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_of_this_machine() {
        let check = |host: &str, expected: bool| assert_eq!(is_loopback(host), expected, "{host}");
        for host in ["localhost", "localhost:5000", "127.0.0.1:30500", "[::1]:5000"] {
            check(host, true);
        }
        for host in ["", "ghcr.io", "registry.test:49443", "localhost.example.com", "10.0.0.1:5000"] {
            check(host, false);
        }
    }
}
