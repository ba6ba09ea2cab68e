//! Images from Dockerfiles by what they are based on: the order of their steps, circles, and who shares a machine.

use std::collections::BTreeSet;

use super::inputs::Inputs;
use crate::config::{BuildContext, Image};
use crate::problem::Problem;

/// Whether an image is built by an engine.
pub fn is_one(image: &Image) -> bool {
    !image.dockerfiles.is_empty()
}

/// Images that an image is built on, by the names of contexts.
pub fn below(image: &Image) -> impl Iterator<Item = (&str, &str)> {
    image.dockerfiles.iter().flat_map(|build| &build.contexts).filter_map(|(name, context)| match context {
        BuildContext::Image(image) => Some((name.as_str(), image.as_str())),
        BuildContext::Folder(_) => None,
    })
}

/// The images in an order in which each stands after those it is based on. A circle is refused.
pub fn ordered<'c>(inputs: &Inputs<'c>) -> Vec<&'c Image> {
    let all: Vec<&Image> = inputs.config.images.iter().filter(|image| is_one(image)).collect();
    let mut ordered: Vec<&Image> = Vec::new();
    let mut left = all.clone();
    while !left.is_empty() {
        let waits = |image: &&Image| {
            below(image)
                .any(|(_, name)| left.iter().any(|other| other.name == name) && all.iter().any(|a| a.name == name))
        };
        let (waiting, ready): (Vec<&Image>, Vec<&Image>) = left.iter().copied().partition(waits);
        if ready.is_empty() {
            refuse_circles(inputs, &waiting);
            return ordered;
        }
        ordered.extend(ready);
        left = waiting;
    }
    ordered
}

/// Refuses each circle once, at its first image.
fn refuse_circles(inputs: &Inputs<'_>, waiting: &[&Image]) {
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for image in waiting {
        let Some(circle) = circle(waiting, image).filter(|circle| circle.iter().all(|name| !told.contains(name)))
        else {
            continue;
        };
        let text = match circle.as_slice() {
            [name] => format!("the image `{name}` is based on itself"),
            names => {
                let steps: Vec<String> = names.iter().chain(names.first()).map(|name| format!("`{name}`")).collect();
                format!("these images are based on each other: {}", steps.join(" on "))
            }
        };
        let problem = Problem::new("cyclic-contexts", text).hint("remove one of the `image.` contexts");
        let next = circle.get(1).copied().unwrap_or(&image.name);
        let key = below(image).find(|(_, name)| *name == next).map_or("", |(key, _)| key);
        inputs.refuse(problem.at_value(format!("images.{}.contexts.{key}", image.name)));
        told.extend(circle);
    }
}

/// The shortest way from an image back to itself.
fn circle<'c>(images: &[&'c Image], start: &'c Image) -> Option<Vec<&'c str>> {
    let mut ways: Vec<Vec<&str>> = vec![vec![start.name.as_str()]];
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let last = way.last().and_then(|name| images.iter().find(|image| image.name == *name));
            for (_, name) in last.into_iter().flat_map(|image| below(image)) {
                if name == start.name {
                    return Some(way);
                }
                if seen.insert(name) {
                    longer.push(way.iter().copied().chain([name]).collect());
                }
            }
        }
        ways = longer;
    }
    None
}

/// The first image, in the order of the file, of those that are connected through contexts: they share a machine.
pub fn chain<'c>(inputs: &Inputs<'c>, image: &'c Image) -> &'c str {
    let all: Vec<&Image> = inputs.config.images.iter().filter(|image| is_one(image)).collect();
    let mut connected: BTreeSet<&str> = BTreeSet::from([image.name.as_str()]);
    loop {
        let before = connected.len();
        for one in &all {
            let names = || below(one).map(|(_, name)| name).chain([one.name.as_str()]);
            if names().any(|name| connected.contains(name)) {
                connected.extend(names());
            }
        }
        if connected.len() == before {
            break;
        }
    }
    all.iter().map(|one| one.name.as_str()).find(|name| connected.contains(name)).unwrap_or(&image.name)
}
