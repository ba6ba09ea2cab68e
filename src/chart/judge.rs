//! What a release asks of a chart beyond what Helm refuses while loading it.

use crate::chart::fields::Unknown;
use crate::chart::file::File;
use crate::chart::flaw::{Findings, Flaw};
use crate::chart::metadata::{FILE, Metadata, why_not};
use crate::chart::range::Range;
use crate::chart::tree::Tree;

/// Longest tag of a registry, in bytes.
const LONGEST_TAG: usize = 128;

/// Most bytes of a Kubernetes secret, in which Helm keeps a release: the chart, compressed, as Base64.
const LARGEST_SECRET: u64 = 1 << 20;

/// All but `version` and `appVersion`, which a release may set.
pub fn judge(tree: &Tree) -> Findings {
    let metadata = &tree.metadata;
    let mut findings = Findings::default();
    findings.flaws.extend([bad_name(metadata), bad_kubernetes(metadata)].into_iter().flatten());
    findings.flaws.extend(tree.file("requirements.yaml").map(|file| {
        let text = "`requirements.yaml` belongs to Helm 2";
        let hint = "move its `dependencies` to `Chart.yaml`, with `apiVersion: v2`";
        Flaw::new("chart-requirements", text).about(&file.path).hint(hint)
    }));
    findings.add(api_version(metadata));
    findings.warnings.extend(metadata.unknown.iter().map(unknown));
    findings
}

/// A package that Kubernetes will hardly store; `size` is that of the compressed package, in bytes.
pub fn too_large(size: u64, files: &[File]) -> Option<Flaw> {
    let secret = size.div_ceil(3).saturating_mul(4);
    if secret <= LARGEST_SECRET {
        return None;
    }
    let mut largest: Vec<&File> = files.iter().collect();
    largest.sort_by_key(|file| std::cmp::Reverse(file.bytes.len()));
    let shown = |file: &&File| format!("`{}` ({} KiB)", file.path, file.bytes.len().div_ceil(1024));
    let named: Vec<String> = largest.iter().take(3).map(shown).collect();
    let text = format!(
        "a release of this chart takes about {} KiB, and Kubernetes stores at most 1 MiB: Helm cannot install it",
        secret.div_ceil(1024)
    );
    Some(Flaw::new("chart-large", text).hint(format!("the largest files: {}", named.join(", "))))
}

/// Helm drops the field while packaging; so do we, at the top of the file.
fn unknown(field: &Unknown) -> Flaw {
    let text = format!("Helm does not know the field `{}`", field.path());
    let flaw = if field.at.is_empty() {
        Flaw::new("chart-unknown-field", format!("{text}; it is dropped from the package"))
    } else {
        Flaw::new("chart-unknown-field", text).hint("remove it: `helm lint --strict` refuses it")
    };
    flaw.at(FILE, field.span.clone())
}

/// The name is the last part of a repository:
/// <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests>.
fn bad_name(metadata: &Metadata) -> Option<Flaw> {
    let name = &metadata.name;
    let word = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit();
    // Splitting at each character of a word leaves what stands between words, and empty texts.
    let mut separators = name.split(word);
    let legal = |part: &str| matches!(part, "." | "_" | "__") || part.chars().all(|one| one == '-');
    if name.starts_with(word) && name.ends_with(word) && separators.all(legal) {
        return None;
    }
    let text = format!("a registry refuses the name `{name}`");
    let hint = "lower-case letters and digits, divided by `-`, `.` or `_`";
    Some(Flaw::new("chart-name", text).at(FILE, metadata.places.of("name")).hint(hint))
}

/// A version that stays as it is written. Helm itself takes `v1.2` as well, and then others do not find the chart.
pub fn version(metadata: &Metadata) -> Option<Flaw> {
    if metadata.version.is_empty() {
        return metadata.bad_version();
    }
    let version = &metadata.version;
    let place = metadata.places.of("version");
    if version.len() > LONGEST_TAG {
        let text = format!("`version` has more than {LONGEST_TAG} bytes, and a registry's tag cannot be longer");
        return Some(Flaw::new("chart-version", text).at(FILE, place));
    }
    if semver::Version::parse(version).is_ok() {
        return None;
    }
    let text = format!("`{version}` is not a version of SemVer 2: {}", why_not(version));
    Some(Flaw::new("chart-version", text).at(FILE, place))
}

fn bad_kubernetes(metadata: &Metadata) -> Option<Flaw> {
    let range = &metadata.kube_version;
    if range.is_empty() || Range::read(range).is_some() {
        return None;
    }
    let text = format!("`{range}` is not a range of versions that Helm reads");
    Some(Flaw::new("chart-kube-version", text).at(FILE, metadata.places.of("kubeVersion")))
}

fn api_version(metadata: &Metadata) -> Findings {
    let mut findings = Findings::default();
    let place = metadata.places.of("apiVersion");
    let flaw = |text: String| Flaw::new("chart-api-version", text).hint("write `apiVersion: v2`");
    match metadata.api_version.as_str() {
        "v2" => {}
        "v1" if !metadata.places.has("apiVersion") => {
            findings.flaws.push(flaw("`apiVersion` is missing".into()).about(FILE))
        }
        "v1" => {
            let of_v2 = ["dependencies", "type"].into_iter().filter(|field| metadata.places.has(field));
            findings.flaws.extend(of_v2.map(|field| {
                flaw(format!("`{field}` is not known in `apiVersion: v1`")).at(FILE, metadata.places.of(field))
            }));
            let text = "`apiVersion: v1` is the format of Helm 2";
            findings.warnings.push(flaw(text.into()).at(FILE, place));
        }
        other => findings.flaws.push(flaw(format!("`{other}` is not an `apiVersion` that Helm reads")).at(FILE, place)),
    }
    findings
}

/// An `appVersion` that stays as it is written: a warning if it is a number, because Helm reads `1.10` as 1.1.
pub fn app_version(tree: &Tree) -> Option<Flaw> {
    let metadata = &tree.metadata;
    if !metadata.coerced.contains("appVersion") {
        return None;
    }
    let place = metadata.places.of("appVersion");
    let written = tree.file(FILE)?.text().ok()?.get(place.clone())?;
    let text = format!("`appVersion` is not a text: Helm reads `{}`", metadata.app_version);
    Some(Flaw::new("chart-app-version", text).at(FILE, place).hint(format!("quote it: `appVersion: \"{written}\"`")))
}
