//! Is an image that an engine built what it should be: its layers, and whether what is in them starts?

use std::path::Path;

use serde_json::Value;

use super::found::Findings;
use super::problem::problem;
use super::start::{self, Finding};
use crate::artifact::InspectedImage;
use crate::input_list::InputList;
use crate::oci::filesystem::FileSystem;
use crate::oci::image::Image;
use crate::plan::{FromDockerfile, Step};
use crate::platform::Platform;
use crate::reference::Reference;

/// Findings that are also told as warnings.
const TOLD: [&str; 4] = ["image-cannot-start", "image-platform", "image-onbuild", "image-secret"];

/// An image whose layers are all at hand.
pub struct Judged<'a> {
    pub step: &'a Step,
    pub platform: Platform,
    pub recipe: &'a FromDockerfile,
    pub image: &'a Image,
    /// Where it is kept what layers hold.
    pub cache: &'a Path,
}

impl Judged<'_> {
    /// Reads its merged file system. Returned is what contradicts its own documents; all else is among the findings.
    pub fn check(&self, config: &[u8], found: &mut Findings) -> Vec<String> {
        let config: Value = serde_json::from_slice(config).unwrap_or_default();
        // That their bytes are those of their digests was seen with the records.
        let files = match FileSystem::read_once(&self.image.layers, Some(self.cache)) {
            Ok(files) => files,
            Err(why) => return vec![format!("cannot be read: {why}")],
        };
        let mut wrong = Vec::new();
        let ids: Vec<String> = files.diff_ids().iter().map(ToString::to_string).collect();
        if config["rootfs"]["diff_ids"] != serde_json::json!(ids) {
            wrong.push("has layers that are not those of its config".into());
        }
        let id = &self.step.id;
        let verdict = start::examine(&config, &files, self.platform, self.recipe.is_base);
        // What a base image was built with is public already, and not ours to judge.
        let is_of_base = |finding: &Finding| {
            finding.code == "image-secret" && !self.recipe.args.keys().any(|name| finding.text.contains(name.as_str()))
        };
        let (of_base, refusals): (Vec<&Finding>, Vec<&Finding>) =
            verdict.refusals.iter().partition(|finding| is_of_base(finding));
        for finding in refusals {
            let text = format!("`{id}`: {}", finding.text);
            found.problems.push(problem(self.step, finding.code, text).hint(finding.hint.clone()));
        }
        for path in &self.recipe.contains {
            let is_there = files.walk("", path).is_ok_and(|way| way.entry.is_some() || way.place.is_empty());
            if !is_there {
                let text = format!("`{id}`: `/{path}` is not in the image");
                let hint =
                    "`contains:` says that it must be: did a command of the Dockerfile fail without ending the build?";
                found.problems.push(problem(self.step, "image-lacks", text).hint(hint));
            }
        }
        let said = of_base.into_iter().chain(&verdict.warnings).chain(&verdict.notes);
        // Files that may be meant stand in the table alone: a base image has the same ones in every image on it.
        let told = verdict.warnings.iter().filter(|finding| TOLD.contains(&finding.code));
        found.warnings.extend(told.map(|finding| format!("`{id}`: {}", finding.text)));
        found.images.push(self.inspected(&config, Some(&files), said.map(|finding| finding.text.clone()).collect()));
        wrong
    }

    /// Its layers were verified when they were published. Whether that was this image says the list beside it.
    pub fn check_published(&self, config: &[u8], list: &[u8], place: &Reference, found: &mut Findings) -> Vec<String> {
        let list = serde_json::from_slice::<InputList>(list).map(|list| list.digest());
        let config = serde_json::from_slice(config).unwrap_or_default();
        let note = format!("not read again: published from the same inputs as `{place}`");
        found.images.push(self.inspected(&config, None, vec![note]));
        match list {
            Ok(digest) if digest == self.recipe.inputs.digest => Vec::new(),
            _ => vec![format!("was taken from `{place}`, which has other inputs")],
        }
    }

    fn inspected(&self, config: &Value, files: Option<&FileSystem>, findings: Vec<String>) -> InspectedImage {
        let texts = |key: &str| {
            let items = config["config"][key].as_array().map(Vec::as_slice).unwrap_or_default();
            items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        InspectedImage {
            step: self.step.id.to_string(),
            starts: texts("Entrypoint").into_iter().chain(texts("Cmd")).collect(),
            user: config["config"]["User"].as_str().unwrap_or_default().to_owned(),
            size: self.image.layers.iter().map(|layer| layer.descriptor.size).sum(),
            files: files.map(|files| files.iter().count()),
            findings,
        }
    }
}
