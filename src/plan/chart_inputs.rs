//! What a chart is made from: its files as they are packaged, what is written into them, and the images that are named.

use std::collections::BTreeMap;

use serde_json::json;

use super::chart::{Maker, Read};
use super::dockerfile_maker;
use super::{ChartFile, ChartWork, DependencySource};
use crate::digest::Digest;
use crate::input_list::{InputFile, InputImage, InputList, SCHEMA};
use crate::platform::Platform;

impl Maker<'_> {
    /// The list of inputs. It holds no version of its own: whoever wants one is asked by path, not by text.
    pub fn list(&self, work: &ChartWork, read: &Read<'_>) -> InputList {
        let file = |path: &String| {
            let file = read.folder.files.iter().find(|file| file.path == *path)?;
            let rule = if path.starts_with("charts/") { "dependency" } else { "chart" };
            Some(InputFile {
                context: String::new(),
                path: path.clone(),
                kind: "file".into(),
                sha256: Some(Digest::of(&file.bytes)),
                rule: format!("{rule} {}", self.chart.path),
            })
        };
        let mut files: Vec<InputFile> = read.selection.kept.iter().filter_map(file).collect();
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let made = |image: &super::ChartImage| Some((format!("image {}", image.image), self.inputs_of(image)?));
        let mut based_on: BTreeMap<String, Digest> = work.images.iter().filter_map(made).collect();
        for dependency in &read.dependencies {
            if let DependencySource::Chart(step) = &dependency.from
                && let Some(digest) = self.made.iter().find(|planned| planned.step.id == *step)
            {
                let inputs = digest.step.work.inputs().and_then(|text| text.parse().ok());
                based_on.extend(inputs.map(|digest| (format!("chart {}", dependency.name), digest)));
            }
        }
        let named = work.images.iter().filter(|image| self.inputs_of(image).is_none());
        let images = named.map(|image| InputImage {
            name: image.reference.to_string(),
            digest: None,
            rule: format!("images.{}", image.image),
        });
        InputList {
            schema: SCHEMA.into(),
            platform: Platform::LinuxAmd64.to_string(),
            recipe: Digest::of(self.recipe(read).as_bytes()),
            args: BTreeMap::new(),
            secrets: Vec::new(),
            network: false,
            images: images.collect(),
            based_on,
            files,
            commit: None,
            contains: Vec::new(),
            is_base: false,
            wide: None,
        }
    }

    /// What decides how the copy is edited.
    fn recipe(&self, read: &Read<'_>) -> String {
        let chart = self.chart;
        let paths = |paths: &[crate::yaml::ValuesPath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
        let images: Vec<_> = chart.images.iter().map(|(name, places)| json!([name, paths(places)])).collect();
        let values: Vec<_> =
            chart.values.iter().map(|(path, text)| json!([path.to_string(), text.to_string()])).collect();
        let dependencies: Vec<String> = read
            .dependencies
            .iter()
            .filter_map(|one| match &one.from {
                DependencySource::Folder(files) => Some(self.digest_of(files)),
                DependencySource::Registry { digest, .. } => Some(digest.to_string()),
                DependencySource::Url { sha256, .. } => Some(sha256.to_string()),
                DependencySource::Stub => Some(format!("stub {}", one.version)),
                DependencySource::Chart(_) => None,
            })
            .collect();
        json!({
            "images": images,
            "values": values,
            "app-version": chart.app_version.as_ref().map(ToString::to_string),
            "pin": chart.pin_digest,
            "dependencies": dependencies,
        })
        .to_string()
    }

    /// Of the files of another folder.
    fn digest_of(&self, files: &[ChartFile]) -> String {
        let folders = self.inputs().facts.charts.values();
        let bytes: BTreeMap<&str, &[u8]> = folders
            .flat_map(|folder| folder.files.iter().filter_map(|file| Some((folder.sources.get(&file.path)?, file))))
            .map(|(source, file)| (source.as_str(), &file.bytes[..]))
            .collect();
        let digest = |file: &ChartFile| Digest::of(bytes.get(file.source.as_str()).copied().unwrap_or_default());
        let lines: Vec<String> = files.iter().map(|file| format!("{} {}", file.path, digest(file))).collect();
        Digest::of(lines.join("\n").as_bytes()).to_string()
    }

    /// The inputs of an image of this release, made now or published already; nothing for one of an earlier release, which
    /// its version tells.
    fn inputs_of(&self, image: &super::ChartImage) -> Option<Digest> {
        let configured = self.inputs().config.images.iter().find(|one| one.name == image.image)?;
        self.planner.releases.of(&dockerfile_maker::component(self.inputs(), configured))?;
        let indexes = self.planner.made(crate::step_id::StepKind::Index);
        let index = indexes.into_iter().find(|step| match &step.work {
            super::Work::Index(work) => work.image == image.image,
            _ => false,
        })?;
        index.work.inputs()?.parse().ok()
    }
}
