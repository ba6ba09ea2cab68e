//! `Chart.yaml` as Helm reads it, with the place of every field.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::chart::fields::{Fields, Unknown};
use crate::chart::flaw::Flaw;
use crate::chart::places::Places;
use crate::chart::range::Loose;
use crate::yaml;

pub const FILE: &str = "Chart.yaml";

/// What Helm keeps of `Chart.yaml`. Serialised it is the config of Helm's OCI artifact: fields and their order are those
/// of `Metadata` in Helm's `pkg/chart/v2`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub home: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub maintainers: Vec<Maintainer>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub icon: String,
    /// `v1` where it is missing, as in Helm 2.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tags: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub app_version: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kube_version: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// `application`, `library`, or nothing, which is an application.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(skip)]
    pub places: Places,
    /// Fields that Helm drops.
    #[serde(skip)]
    pub unknown: Vec<Unknown>,
    /// Fields that are written as numbers or booleans and read as texts, by path.
    #[serde(skip)]
    pub coerced: BTreeSet<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Maintainer {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
}

/// An entry of `dependencies`, in `Chart.yaml` or `Chart.lock`. Field order and omissions count: the lock's digest is
/// over this as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Dependency {
    pub name: String,
    /// A range; in a lock one version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    pub repository: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub enabled: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub import_values: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alias: String,
}

impl Eq for Dependency {}

impl Metadata {
    pub fn is_library(&self) -> bool {
        self.kind == "library"
    }

    /// Helm 2's format: dependencies stand in `requirements.yaml`.
    pub fn is_v1(&self) -> bool {
        self.api_version == "v1"
    }

    /// The version is not checked: a release may set it.
    ///
    /// # Errors
    /// Everything else for which Helm refuses the chart, at once. What a release asks for besides is in
    /// [`crate::chart::judge`].
    pub fn read(text: &str) -> Result<Self, Vec<Flaw>> {
        let node = yaml::read(text)
            .map_err(|flaws| flaws.into_iter().map(|flaw| Flaw::of_yaml(FILE, flaw)).collect::<Vec<_>>())?;
        let mut fields = Fields::new(FILE);
        if !matches!(node.value, yaml::Value::Map(_)) {
            fields.refuse("", node.place(), "`Chart.yaml` is not a map of fields".into());
            return Err(fields.flaws);
        }
        let mut metadata = Self::collect(&mut fields, &node);
        metadata.refuse(&mut fields);
        metadata.places = fields.places;
        metadata.unknown = fields.unknown;
        metadata.coerced = fields.coerced;
        if fields.flaws.is_empty() { Ok(metadata) } else { Err(fields.flaws) }
    }

    fn collect(fields: &mut Fields, node: &yaml::Node) -> Self {
        let api_version = fields.text(node, "apiVersion");
        let metadata = Self {
            name: fields.clean(node, "name"),
            home: fields.clean(node, "home"),
            sources: fields.clean_texts(node, "sources"),
            version: fields.text(node, "version"),
            description: fields.clean(node, "description"),
            keywords: fields.clean_texts(node, "keywords"),
            maintainers: fields.maps(node, "maintainers", |fields, node, at| {
                let maintainer = Maintainer {
                    name: fields.clean(node, &format!("{at}.name")),
                    email: fields.clean(node, &format!("{at}.email")),
                    url: fields.clean(node, &format!("{at}.url")),
                };
                fields.others(node, at, &["name", "email", "url"]);
                maintainer
            }),
            icon: fields.clean(node, "icon"),
            api_version: if api_version.is_empty() { "v1".into() } else { api_version },
            condition: fields.clean(node, "condition"),
            tags: fields.clean(node, "tags"),
            app_version: fields.clean(node, "appVersion"),
            deprecated: fields.truth(node, "deprecated"),
            annotations: fields.text_map(node, "annotations"),
            kube_version: fields.clean(node, "kubeVersion"),
            dependencies: fields.maps(node, "dependencies", Dependency::collect),
            kind: fields.text(node, "type"),
            ..Self::default()
        };
        fields.others(node, "", KNOWN);
        metadata
    }

    /// Why Helm refuses the version, which it reads loosely.
    pub fn bad_version(&self) -> Option<Flaw> {
        let text = match self.version.as_str() {
            "" => "`version` is missing".to_owned(),
            version if Loose::read(version).is_some() => return None,
            version => format!("`{version}` is not a version: {}", why_not(version)),
        };
        Some(Flaw::new("chart-version", text).at(FILE, self.places.of("version")))
    }

    /// What `Metadata.Validate` of Helm refuses.
    fn refuse(&self, fields: &mut Fields) {
        let name_is_path = matches!(self.name.as_str(), "." | "..") || self.name.contains('/');
        if self.name.is_empty() {
            fields.refuse_at("name", "`name` is missing");
        } else if name_is_path {
            fields.refuse_at("name", &format!("`{}` cannot be the name of a chart", self.name));
        }
        if !matches!(self.kind.as_str(), "" | "application" | "library") {
            let text = format!("`{}` is not a type of chart: `application` and `library` are", self.kind);
            fields.refuse_at("type", &text);
        }
        let mut seen: Vec<&str> = Vec::new();
        for (index, dependency) in self.dependencies.iter().enumerate() {
            let alias = &dependency.alias;
            let legal = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
            if !alias.chars().all(legal) {
                let text = format!("the alias `{alias}` may hold only letters, digits, `_` and `-`");
                fields.refuse_at(&format!("dependencies[{index}].alias"), &text);
            }
            let key = dependency.key();
            if seen.contains(&key) {
                let text = format!("two dependencies have the name or alias `{key}`");
                fields.refuse_at(&format!("dependencies[{index}].name"), &text);
            }
            seen.push(key);
        }
    }
}

impl Dependency {
    /// The name under which the parent's values hold those of this chart.
    pub fn key(&self) -> &str {
        if self.alias.is_empty() { &self.name } else { &self.alias }
    }

    /// An entry of a list `dependencies`, wherever it stands.
    pub fn collect(fields: &mut Fields, node: &yaml::Node, at: &str) -> Self {
        let path = |name: &str| format!("{at}.{name}");
        let dependency = Self {
            name: fields.clean(node, &path("name")),
            version: fields.clean(node, &path("version")),
            repository: fields.clean(node, &path("repository")),
            condition: fields.clean(node, &path("condition")),
            tags: fields.clean_texts(node, &path("tags")),
            enabled: fields.truth(node, &path("enabled")),
            import_values: fields.any_list(node, &path("import-values")),
            alias: fields.text(node, &path("alias")),
        };
        fields.others(
            node,
            at,
            &["name", "version", "repository", "condition", "tags", "enabled", "import-values", "alias"],
        );
        dependency
    }
}

/// All fields of `Chart.yaml`.
pub const KNOWN: &[&str] = &[
    "name",
    "home",
    "sources",
    "version",
    "description",
    "keywords",
    "maintainers",
    "icon",
    "apiVersion",
    "condition",
    "tags",
    "appVersion",
    "deprecated",
    "annotations",
    "kubeVersion",
    "dependencies",
    "type",
];

/// Why a text is not a version of SemVer 2, in words for a message.
pub fn why_not(version: &str) -> String {
    if version.len() > 256 {
        return "it is longer than 256 bytes".into();
    }
    if version.starts_with(['v', 'V']) {
        return "it begins with `v`".into();
    }
    let (rest, build) = version.split_once('+').map_or((version, None), |(rest, build)| (rest, Some(build)));
    let (numbers, pre) = rest.split_once('-').map_or((rest, None), |(numbers, pre)| (numbers, Some(pre)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let padded = |part: &str| digits(part) && part.len() > 1 && part.starts_with('0');
    let parts: Vec<&str> = numbers.split('.').collect();
    if parts.len() != 3 || !parts.iter().all(|part| digits(part)) {
        return "it does not begin with three numbers such as `1.2.3`".into();
    }
    let pre_parts: Vec<&str> = pre.map(|pre| pre.split('.').collect()).unwrap_or_default();
    if let Some(part) = parts.iter().chain(&pre_parts).find(|part| padded(part)) {
        return format!("the number `{part}` has a leading zero");
    }
    let word = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let build_parts: Vec<&str> = build.map(|build| build.split('.').collect()).unwrap_or_default();
    match pre_parts.iter().chain(&build_parts).find(|part| part.is_empty() || !word(part)) {
        Some(&"") => "a part between two dots is empty".into(),
        Some(part) => format!("`{part}` may hold only letters, digits and `-`"),
        None => "a number is too large".into(),
    }
}
