//! What the plan of one machine leaves to others, and why.

use std::collections::BTreeMap;

use super::{Job, NotMade, Step};

/// Groups what is left out by the first thing it waits for; `compiled` tells those that are waited for.
pub fn not_made(
    steps: &[&Step],
    jobs: &[Job],
    left_out: impl Fn(&Step) -> bool,
    compiled: impl Fn(&Step) -> bool,
) -> Vec<NotMade> {
    let mut found: Vec<NotMade> = Vec::new();
    let mut group_of: BTreeMap<&str, usize> = BTreeMap::new();
    // A step stands after its needs.
    for step in steps.iter().copied().filter(|step| left_out(step)) {
        let waits = step.needs.iter().find_map(|need| group_of.get(need.as_str()).copied());
        let own = step.target.filter(|_| compiled(step));
        let group = match (waits, own) {
            (Some(group), _) => group,
            (None, Some(target)) => {
                let container =
                    jobs.iter().find(|job| job.steps.contains(&step.id)).and_then(|job| job.container.clone());
                let known = found.iter().position(|one| one.target == target && one.container == container);
                known.unwrap_or_else(|| {
                    found.push(NotMade { target, container, steps: Vec::new() });
                    found.len() - 1
                })
            }
            (None, None) => continue,
        };
        group_of.insert(&step.id, group);
        found[group].steps.push(step.id.clone());
    }
    found
}
