//! What an image is made from: a list that says of each input which rule claimed it, and one digest over all of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// The format of the list.
pub const SCHEMA: &str = "longshore/inputs/1";

/// The media type of the list, in registries.
pub const MEDIA_TYPE: &str = "application/vnd.longshore.inputs.v1+json";

/// The annotation of a manifest that holds the digest.
pub const ANNOTATION: &str = "dev.longshore.inputs";

/// Everything that decides what an image holds: no label, no version, no time of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InputList {
    /// `longshore/inputs/1`
    pub schema: String,
    /// `linux/amd64`
    pub platform: String,
    /// Digest of the instructions that count.
    pub recipe: Digest,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// Ids of secrets. Their values are not known here.
    pub secrets: Vec<String>,
    /// Whether steps reach the network.
    pub network: bool,
    /// The images that the Dockerfile names.
    pub images: Vec<InputImage>,
    /// Named contexts that are images of the same release, by the digest of their own inputs.
    pub based_on: BTreeMap<String, Digest>,
    /// Sorted by context and path.
    pub files: Vec<InputFile>,
    /// The commit, where more of it counts than any list of files says: what is compiled and made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Paths that it must hold. They decide nothing, but what was published from the same inputs was verified with them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contains: Vec<String>,
    /// Whether it may have nothing to start, as others are built on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_base: bool,
    /// Why more than needed may be in the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wide: Option<String>,
}

/// What counts of a list, in the order of its names: this text is what the digest is of.
#[derive(Serialize)]
struct Counted<'l> {
    args: &'l BTreeMap<String, String>,
    based_on: &'l BTreeMap<String, Digest>,
    commit: &'l Option<String>,
    #[serde(skip_serializing_if = "is_empty")]
    contains: &'l [String],
    files: Vec<(&'l String, &'l String, &'l String, &'l Option<Digest>)>,
    images: Vec<(&'l String, &'l Option<Digest>)>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_base: bool,
    network: bool,
    platform: &'l String,
    recipe: &'l Digest,
    schema: &'l String,
    secrets: &'l Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InputImage {
    pub name: String,
    /// Of its manifest for the platform; absent: not locked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    pub rule: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InputFile {
    /// The named context it lies in; empty: the build context.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub context: String,
    /// Below the context.
    pub path: String,
    /// `file`, `executable`, `link`, `folder`
    pub kind: String,
    /// Of its bytes, of a link's text; absent: an empty folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// What claimed it: `Dockerfile:12 COPY nginx/`.
    pub rule: String,
}

/// As serde calls it.
fn is_empty(texts: &&[String]) -> bool {
    texts.is_empty()
}

impl InputList {
    /// One digest over all of it but the rules, which only explain. It is taken of thousands of files, so nothing is built for it.
    pub fn digest(&self) -> Digest {
        let counted = Counted {
            args: &self.args,
            based_on: &self.based_on,
            commit: &self.commit,
            contains: &self.contains,
            files: self.files.iter().map(|file| (&file.context, &file.path, &file.kind, &file.sha256)).collect(),
            images: self.images.iter().map(|image| (&image.name, &image.digest)).collect(),
            is_base: self.is_base,
            network: self.network,
            platform: &self.platform,
            recipe: &self.recipe,
            schema: &self.schema,
            secrets: &self.secrets,
        };
        Digest::of(&serde_json::to_vec(&counted).unwrap_or_default())
    }

    /// How one list differs from another, input by input, for people.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.recipe != other.recipe {
            found.push("the instructions of the Dockerfile".to_owned());
        }
        for (name, one) in self.args.iter().filter(|(name, one)| other.args.get(*name) != Some(one)) {
            found.push(format!("the argument {name}={one}"));
        }
        let lost = other.args.keys().filter(|name| !self.args.contains_key(*name));
        found.extend(lost.map(|name| format!("the argument {name}, which is gone")));
        if self.images != other.images {
            let named: Vec<_> = other.images.iter().map(|image| (&image.name, &image.digest)).collect();
            let new = self.images.iter().filter(|image| !named.contains(&(&image.name, &image.digest)));
            found.extend(new.map(|image| format!("the image {}", image.name)));
        }
        let based = self.based_on.iter().filter(|(name, digest)| other.based_on.get(*name) != Some(digest));
        found.extend(based.map(|(name, _)| format!("the image in context {name}")));
        let key = |file: &InputFile| (file.context.clone(), file.path.clone());
        let old: BTreeMap<_, _> = other.files.iter().map(|file| (key(file), (&file.kind, file.sha256))).collect();
        let own: BTreeMap<_, _> = self.files.iter().map(|file| (key(file), (&file.kind, file.sha256))).collect();
        let name = |(context, path): &(String, String)| match context.as_str() {
            "" => format!("`{path}`"),
            context => format!("`{path}` of context {context}"),
        };
        found.extend(own.iter().filter(|(key, one)| old.get(*key) != Some(one)).map(|(key, _)| name(key)));
        found.extend(
            old.keys().filter(|key| !own.contains_key(*key)).map(|key| format!("{}, which is gone", name(key))),
        );
        if self.commit != other.commit {
            found.push("the commit that its binaries and assets are made from".into());
        }
        if self.contains != other.contains {
            found.push("what it must contain".into());
        }
        if self.is_base != other.is_base {
            found.push("whether it has something to start".into());
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> InputList {
        InputList {
            schema: SCHEMA.into(),
            platform: "linux/amd64".into(),
            recipe: Digest::of(b"FROM x"),
            args: BTreeMap::from([("A".into(), "1".into())]),
            secrets: Vec::new(),
            network: true,
            images: vec![InputImage { name: "x".into(), digest: Some(Digest::of(b"x")), rule: "Dockerfile:1".into() }],
            based_on: BTreeMap::new(),
            files: vec![InputFile {
                context: String::new(),
                path: "a".into(),
                kind: "file".into(),
                sha256: Some(Digest::of(b"a")),
                rule: "Dockerfile:2 COPY a".into(),
            }],
            commit: None,
            contains: Vec::new(),
            is_base: false,
            wide: None,
        }
    }

    /// Registries hold images under it: it never changes.
    #[test]
    fn the_digest_is_of_this_very_text() {
        assert_eq!(
            list().digest().to_string(),
            "sha256:cb0c99cc4aa880a5c05b27dfe47957df1cebb9aa0ee288f9544d7dd0c0a7edff"
        );
    }

    #[test]
    fn rules_explain_and_do_not_count() {
        let check = |change: &dyn Fn(&mut InputList), expected: &[&str]| {
            let mut other = list();
            change(&mut other);
            assert_eq!(other.digest() == list().digest(), expected.is_empty());
            assert_eq!(other.differences(&list()), expected);
        };
        check(&|list| list.files[0].rule = "Dockerfile:3 COPY a".into(), &[]);
        check(&|list| list.wide = Some("x".into()), &[]);
        check(&|list| list.files[0].kind = "executable".into(), &["`a`"]);
        check(&|list| list.files.clear(), &["`a`, which is gone"]);
        check(&|list| list.recipe = Digest::of(b"FROM y"), &["the instructions of the Dockerfile"]);
        check(&|list| list.images[0].digest = None, &["the image x"]);
        check(&|list| drop(list.args.insert("B".into(), "2".into())), &["the argument B=2"]);
        check(&|list| list.args.clear(), &["the argument A, which is gone"]);
        check(&|list| list.commit = Some("1".into()), &["the commit that its binaries and assets are made from"]);
    }
}
