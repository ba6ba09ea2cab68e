//! What `_validate_metadata` of warehouse/forklift/metadata.py refuses in metadata that is well formed, in its words.

use super::metadata::{Metadata, Refusal};
use super::name::repr;
use super::specified::pair_of;
use super::version::Version;
use super::{address, classifier, content_type, requirement};

/// Most characters of a summary.
const SUMMARY: usize = 512;
/// Most characters of a URL's label.
const LABEL: usize = 32;

/// Fields that PyPI lets a build tool call dynamic.
const NOT_DYNAMIC: [&str; 3] = ["metadata-version", "name", "version"];

pub fn refused(metadata: &Metadata, newer: &[String]) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if let Some(version) = metadata.get("version").and_then(|text| text.parse::<Version>().ok())
        && version.is_local()
    {
        let text = format!("The use of local versions in '{version}' is not allowed.");
        refusals.push(Refusal::new("version", text).hint("release a version without `+`"));
    }
    if let Some(length) = metadata.get("summary").map(|summary| summary.chars().count()).filter(|len| *len > SUMMARY) {
        let text = format!("'summary' field must be {SUMMARY} characters or less.");
        let hint = format!("it has {length}: shorten `description` of `[project]` or Cargo.toml");
        refusals.push(Refusal::new("summary", text).hint(hint));
    }
    for (form, shown) in [("author_email", "author-email"), ("maintainer_email", "maintainer-email")] {
        let wrong = metadata.get(form).and_then(address::single_mailbox).map(|found| (address::mailbox(&found), found));
        if let Some((Some(why), found)) = wrong {
            let text = format!("{} is not a valid email address: {why}", repr(&found));
            refusals.push(Refusal::new(shown, text).hint("fix it in `authors` or `maintainers`, or remove it"));
        }
    }
    refusals.extend(classifier::refused(metadata.all("classifiers"), newer));
    urls(metadata, &mut refusals);
    requirements(metadata, &mut refusals);
    if metadata.get("description").is_some_and(|text| text.trim().is_empty()) {
        let kind = content_type::kind(metadata.get("description_content_type"));
        if kind != "text/plain" {
            let text = format!("The description failed to render for '{kind}'.");
            refusals.push(Refusal::new("description", text).hint("the README is empty: write one, or remove `readme`"));
        }
    }
    let dynamic = metadata.all("dynamic").iter().map(|name| name.to_lowercase());
    for name in dynamic.filter(|name| NOT_DYNAMIC.contains(&name.as_str())) {
        let text = format!("Dynamic field {} is not a valid dynamic field.", repr(&name));
        refusals.push(Refusal::new("dynamic", text));
    }
    let has = |name: &str| metadata.get(name).is_some_and(|value| !value.is_empty());
    if has("license") && has("license_expression") {
        let text =
            "License is deprecated when License-Expression is present. Only License-Expression should be present.";
        refusals.push(Refusal::new("license", text).hint("keep the SPDX expression, remove the text"));
    }
    refusals
}

fn urls(metadata: &Metadata, refusals: &mut Vec<Refusal>) {
    for (form, shown) in [("home_page", "home-page"), ("download_url", "download-url")] {
        if let Some(url) = metadata.get(form).filter(|url| !address::is_web(url)) {
            refusals.push(Refusal::new(shown, format!("{} is not a valid url.", repr(url))).hint(WEB));
        }
    }
    for (label, url) in metadata.all("project_urls").iter().map(|pair| pair_of(pair)) {
        let refusal = |text: String| Refusal::new("project-url", text);
        refusals.push(match (label, url) {
            ("", _) => refusal("Must have a label".into()),
            (label, _) if label.chars().count() > LABEL => {
                let hint = format!("it has {}: shorten it in `[project.urls]`", label.chars().count());
                refusal(format!("{} must be {LABEL} characters or less.", repr(label))).hint(hint)
            }
            (_, "") => refusal("Must have a URL".into()),
            (_, url) if !address::is_web(url) => refusal(format!("{} is not a valid url", repr(url))).hint(WEB),
            _ => continue,
        });
    }
}

const WEB: &str = "a URL starts with `https://`; write spaces and other special characters like `%20`";

fn requirements(metadata: &Metadata, refusals: &mut Vec<Refusal>) {
    for (form, shown) in
        [("provides_dist", "provides-dist"), ("obsoletes_dist", "obsoletes-dist"), ("requires_dist", "requires-dist")]
    {
        for text in metadata.all(form) {
            if !requirement::is_requirement(text) {
                refusals.push(Refusal::new(shown, format!("{} is invalid", repr(text))));
            } else if requirement::is_direct(text) {
                let text = if form == "requires_dist" { text.clone() } else { repr(text) };
                let hint = "depend on a version that is on an index, or exclude it from what is published";
                refusals.push(Refusal::new(shown, format!("Can't have direct dependency: {text}")).hint(hint));
            }
        }
    }
}
