//! Core metadata as the form of an upload brings it, and why it is refused.

use std::collections::BTreeMap;

use crate::core_metadata::CoreMetadata;

pub struct Field {
    /// As the form of an upload calls it.
    pub form: &'static str,
    /// As errors call it.
    pub shown: &'static str,
    /// The version of core metadata that brought it.
    pub since: &'static str,
    /// Whether it may stand there more than once.
    pub repeats: bool,
}

const fn one(form: &'static str, shown: &'static str, since: &'static str) -> Field {
    Field { form, shown, since, repeats: false }
}

const fn many(form: &'static str, shown: &'static str, since: &'static str) -> Field {
    Field { form, shown, since, repeats: true }
}

/// Every field, <https://packaging.python.org/specifications/core-metadata/>.
pub const FIELDS: &[Field] = &[
    one("metadata_version", "metadata-version", "1.0"),
    one("name", "name", "1.0"),
    one("version", "version", "1.0"),
    many("dynamic", "dynamic", "2.2"),
    many("platform", "platform", "1.0"),
    many("supported_platform", "supported-platform", "1.1"),
    one("summary", "summary", "1.0"),
    one("description", "description", "1.0"),
    one("description_content_type", "description-content-type", "2.1"),
    one("keywords", "keywords", "1.0"),
    one("home_page", "home-page", "1.0"),
    one("download_url", "download-url", "1.1"),
    one("author", "author", "1.0"),
    one("author_email", "author-email", "1.0"),
    one("maintainer", "maintainer", "1.2"),
    one("maintainer_email", "maintainer-email", "1.2"),
    one("license", "license", "1.0"),
    one("license_expression", "license-expression", "2.4"),
    many("license_file", "license-file", "2.4"),
    many("classifiers", "classifier", "1.1"),
    many("requires_dist", "requires-dist", "1.2"),
    one("requires_python", "requires-python", "1.2"),
    many("requires_external", "requires-external", "1.2"),
    many("project_urls", "project-url", "1.2"),
    many("provides_extra", "provides-extra", "2.1"),
    many("provides_dist", "provides-dist", "1.2"),
    many("obsoletes_dist", "obsoletes-dist", "1.2"),
    many("import_name", "import-name", "2.5"),
    many("import_namespace", "import-namespace", "2.5"),
    many("requires", "requires", "1.1"),
    many("provides", "provides", "1.1"),
    many("obsoletes", "obsoletes", "1.1"),
];

/// Versions of core metadata that are taken; 2.0 is none.
pub const VERSIONS: &[&str] = &["1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5"];

/// Metadata as the form of an upload brings it: values by the form's names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(BTreeMap<&'static str, Vec<String>>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The field it is about, as errors call it.
    pub field: &'static str,
    /// In PyPI's words.
    pub text: String,
    /// What to change, where PyPI's words do not say it.
    pub hint: Option<String>,
}

impl Refusal {
    pub fn new(field: &'static str, text: impl Into<String>) -> Self {
        Self { field, text: text.into(), hint: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Metadata {
    /// From names of the form and their values; names that are none of [`FIELDS`] say nothing.
    pub fn of_form<'f>(values: impl Fn(&'static str) -> Vec<String> + 'f) -> Self {
        let fields = FIELDS.iter().map(|field| (field.form, values(field.form)));
        // An empty field does not count.
        Self(fields.filter(|(_, values)| !values.is_empty() && values != &[""]).collect())
    }

    /// What is sent for a METADATA or PKG-INFO.
    pub fn of_file(file: &CoreMetadata) -> Self {
        Self::of_form(|form| {
            let field = FIELDS.iter().find(|field| field.form == form).map(|field| field.shown);
            let values = file.all(field.unwrap_or_default()).map(str::to_owned);
            match form {
                "description" if file.description.is_empty() => Vec::new(),
                "description" => vec![file.description.clone()],
                _ => values.collect(),
            }
        })
    }

    /// A field that cannot repeat, or the first value of one that can.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).first().map(String::as_str)
    }

    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Names and values, as a form is filled in.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().flat_map(|(name, values)| values.iter().map(|value| (*name, value.as_str())))
    }
}
