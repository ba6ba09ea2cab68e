//! Whether an index is what the plan and the records say: an omission would not be noticed later.

use serde::Deserialize;

use crate::artifact::{Artifact, File};
use crate::oci::{Descriptor, media};
use crate::plan::{ImageWork, IndexWork, Plan};
use crate::platform::Platform;
use crate::step_id::StepId;
use crate::world::few::few;

/// More images than there are platforms.
const MOST: usize = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    media_type: String,
    #[serde(deserialize_with = "few::<MOST, _, _>")]
    manifests: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(flatten)]
    descriptor: Descriptor,
    platform: Place,
}

#[derive(Deserialize)]
struct Place {
    architecture: String,
    os: String,
}

/// An image that an index must name: its manifest, if that is known, and its platform.
struct Named<'a> {
    manifest: Option<&'a File>,
    platform: Option<Platform>,
}

/// What is wrong with the index of a step. Of an image without a record only the place is known.
pub fn flaw(plan: &Plan, work: &IndexWork, index: &[u8], artifacts: &[Artifact]) -> Option<String> {
    let named = |id: &StepId| {
        let manifest = artifacts.iter().find(|artifact| artifact.step == *id).and_then(Artifact::document);
        Named { manifest, platform: plan.find::<ImageWork>(id).map(|(_, work)| work.platform) }
    };
    compare(&work.images.iter().map(named).collect::<Vec<_>>(), index)
}

fn compare(images: &[Named<'_>], index: &[u8]) -> Option<String> {
    let Ok(index) = serde_json::from_slice::<Index>(index) else { return Some("is not an index".into()) };
    if index.media_type != media::INDEX {
        return Some(format!("has the type {:?}", index.media_type));
    }
    let is = |(entry, image): (&Entry, &Named<'_>)| {
        let place = (entry.platform.architecture.as_str(), entry.platform.os.as_str());
        entry.descriptor.media_type == media::MANIFEST
            && image.manifest.is_none_or(|file| entry.descriptor == Descriptor::of(media::MANIFEST, file))
            && image.platform.is_none_or(|platform| place == (platform.goarch(), "linux"))
    };
    let right = index.manifests.len() == images.len() && index.manifests.iter().zip(images).all(is);
    if right { None } else { Some("does not list exactly its images".into()) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::artifact::Mode;
    use crate::digest::Digest;

    fn file(bytes: &[u8]) -> File {
        let (sha256, size) = (Digest::of(bytes), bytes.len() as u64);
        File { name: "x".into(), size, sha256, mode: Mode::Plain, diff_id: None }
    }

    #[test]
    fn an_index_names_the_planned_images() {
        let images = [file(b"amd64"), file(b"arm64")];
        let platforms = [Platform::LinuxAmd64, Platform::LinuxArm64];
        let named = |(file, platform)| Named { manifest: Some(file), platform: Some(platform) };
        let planned: Vec<Named<'_>> = images.iter().zip(platforms).map(named).collect();
        let check = |change: &dyn Fn(&mut Value), right: bool| {
            let entries = images.iter().zip(["amd64", "arm64"]).map(|(file, arch)| {
                let mut entry = json!(Descriptor::of(media::MANIFEST, file));
                entry["platform"] = json!({"architecture": arch, "os": "linux"});
                entry
            });
            let mut index = json!({"mediaType": media::INDEX, "manifests": entries.collect::<Vec<_>>()});
            change(&mut index);
            assert_eq!(compare(&planned, index.to_string().as_bytes()).is_none(), right, "{index}");
        };
        check(&|_| {}, true);
        check(&|index| index["manifests"] = json!([]), false);
        check(&|index| drop(index["manifests"].as_array_mut().unwrap().pop()), false);
        check(&|index| index["manifests"][0] = index["manifests"][1].clone(), false);
        check(&|index| index["manifests"][0]["platform"]["architecture"] = json!("arm64"), false);
        check(&|index| index["manifests"][0]["size"] = json!(1), false);
        check(&|index| index["mediaType"] = json!(media::MANIFEST), false);
    }
}
