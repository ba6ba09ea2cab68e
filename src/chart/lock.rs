//! `Chart.lock`: which versions Helm chose for the dependencies, and whether they are still those of `Chart.yaml`.

use sha2::{Digest, Sha256};

use crate::chart::artifact::go_json;
use crate::chart::fields::Fields;
use crate::chart::flaw::Flaw;
use crate::chart::metadata::{Dependency, Metadata};
use crate::chart::places::Places;
use crate::chart::range::{Loose, Range};
use crate::yaml;

pub const FILE: &str = "Chart.lock";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// `sha256:…` over the dependencies of `Chart.yaml` and of this file.
    pub digest: String,
    pub dependencies: Vec<Dependency>,
    pub places: Places,
}

impl Lock {
    /// # Errors
    /// Everything for which Helm refuses the file.
    pub fn read(text: &str) -> Result<Self, Vec<Flaw>> {
        let node = yaml::read(text)
            .map_err(|flaws| flaws.into_iter().map(|flaw| Flaw::of_yaml(FILE, flaw)).collect::<Vec<_>>())?;
        let mut fields = Fields::new(FILE);
        if !matches!(node.value, yaml::Value::Map(_) | yaml::Value::Null) {
            fields.refuse("", node.place(), "`Chart.lock` is not a map of fields".into());
        }
        let digest = fields.text(&node, "digest");
        let dependencies = fields.maps(&node, "dependencies", Dependency::collect);
        if fields.flaws.is_empty() {
            Ok(Self { digest, dependencies, places: fields.places })
        } else {
            Err(fields.flaws)
        }
    }

    /// Whether Helm would build the dependencies from it.
    pub fn fits(&self, metadata: &Metadata) -> bool {
        let nothing = metadata.dependencies.is_empty() && self.dependencies.is_empty();
        nothing || self.digest == digest(&metadata.dependencies, &self.dependencies)
    }

    /// Why it does not fit, as far as it can be told; `vendored` gives the version of a chart in `charts/`.
    pub fn flaws<'a>(&self, metadata: &Metadata, vendored: impl Fn(&str) -> Option<&'a str>) -> Vec<Flaw> {
        if self.fits(metadata) {
            return Vec::new();
        }
        let mut flaws = Vec::new();
        for wanted in &metadata.dependencies {
            let Some(index) = self.dependencies.iter().position(|locked| locked.name == wanted.name) else {
                flaws.push(
                    stale(format!("`Chart.lock` lacks the dependency `{}` of `Chart.yaml`", wanted.name)).about(FILE),
                );
                continue;
            };
            let locked = &self.dependencies[index].version;
            if !accepts(&wanted.version, locked) {
                let there =
                    vendored(&wanted.name).map(|version| format!(" (`charts/` holds {version})")).unwrap_or_default();
                let text = format!(
                    "`Chart.lock` has `{}` {locked}, and `Chart.yaml` asks for {}{there}",
                    wanted.name, wanted.version
                );
                flaws.push(stale(text).at(FILE, self.places.of(&format!("dependencies[{index}].version"))));
            }
        }
        if flaws.is_empty() {
            let text = "the dependencies of `Chart.yaml` were changed after `Chart.lock` was written";
            flaws.push(stale(text.into()).at(FILE, self.places.of("digest")));
        }
        flaws
    }
}

/// Helm's digest of dependencies and what they are locked to. Source: `HashReq` in `internal/resolver` of Helm.
pub fn digest(dependencies: &[Dependency], locked: &[Dependency]) -> String {
    let hash = Sha256::digest(go_json(&[dependencies, locked]));
    hash.iter().fold(String::from("sha256:"), |text, byte| format!("{text}{byte:02x}"))
}

/// Whether Helm takes a chart of this version for that range.
pub fn accepts(range: &str, version: &str) -> bool {
    Range::read(range).zip(Loose::read(version)).is_some_and(|(range, version)| range.holds(&version))
}

fn stale(text: String) -> Flaw {
    Flaw::new("chart-lock", text).hint("run `helm dependency update` and commit `Chart.lock`")
}
