//! What a Dockerfile is asked for one build, and the list of inputs that follows: the same when it is planned and built.

use std::collections::{BTreeMap, BTreeSet};

use super::{FromDockerfile, InputDigest, NamedContext};
use crate::digest::Digest;
use crate::dockerfile::{self, Answer, Dockerfile, Flaw, Inputs, Kind, Listing, Question};
use crate::input_list::{InputFile, InputImage, InputList, SCHEMA};
use crate::platform::Platform;

/// What of an image's config decides what a build on it reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownImage {
    pub env: Vec<String>,
    pub onbuild: Vec<String>,
}

/// The images whose config is known, by the name that the Dockerfile has for them.
pub type KnownImages = BTreeMap<String, KnownImage>;

/// What is known of everything that a build is based on.
pub struct Known<'a> {
    pub images: &'a KnownImages,
    /// Named contexts that are images without `ONBUILD`.
    pub quiet: &'a BTreeSet<String>,
}

/// What is known of the contexts of a build.
pub struct Contexts<'a> {
    pub main: &'a Listing,
    pub named: &'a BTreeMap<String, Listing>,
    /// Paths that are not in the commit: below them lies what other steps make.
    pub made: &'a [String],
}

/// An answer with what it reads of the contexts.
pub struct Claimed {
    pub answer: Answer,
    pub inputs: Inputs,
}

/// Asks a Dockerfile what a build reads. Images that are not known may hold instructions and variables that nobody
/// sees.
///
/// # Errors
/// All flaws of the Dockerfile.
pub fn answer(
    file: &Dockerfile,
    work: &FromDockerfile,
    platform: Platform,
    known: &Known<'_>,
) -> Result<Answer, Vec<Flaw>> {
    let mut question = question(work, platform);
    for (name, image) in known.images {
        question.base_env.insert(name.clone(), image.env.clone());
        question.onbuild.insert(name.clone(), image.onbuild.clone());
    }
    let answer = file.answer(&question)?;
    // Named at the first asking; at the second they are the ones of which nothing is known.
    let is_known = |name: &String| known.images.contains_key(name) || known.quiet.contains(name);
    let unknown = answer.images.iter().map(|image| image.reference.clone()).filter(|name| !is_known(name));
    question.unknown_bases = unknown.collect();
    if question.unknown_bases.is_empty() { Ok(answer) } else { file.answer(&question) }
}

/// The entries of the contexts that an answer means.
///
/// # Errors
/// Sources that are not there.
pub fn claim(answer: Answer, contexts: &Contexts<'_>) -> Result<Claimed, Vec<Flaw>> {
    let mut committed = answer.clone();
    let is_made = |source: &str| {
        let source = source.trim_start_matches("./").trim_matches('/');
        let below = |path: &String| source == path || source.starts_with(&format!("{path}/"));
        contexts.made.iter().any(below)
    };
    committed.reads.retain(|read| read.context.is_some() || !is_made(&read.source));
    let inputs = dockerfile::inputs(&committed, contexts.main, contexts.named)?;
    Ok(Claimed { answer, inputs })
}

fn question(work: &FromDockerfile, platform: Platform) -> Question {
    let mut question = Question::new(&work.dockerfile, engine_platform(platform));
    question.build_platform = engine_platform(work.build_platform);
    question.stage.clone_from(&work.stage);
    question.args.clone_from(&work.args);
    let kind = |context: &NamedContext| match context {
        NamedContext::Folder(_) => dockerfile::NamedContext::Folder,
        NamedContext::Image(_) | NamedContext::Published(_) => dockerfile::NamedContext::Image,
    };
    question.contexts = work.contexts.iter().map(|(name, context)| (name.clone(), kind(context))).collect();
    question
}

fn engine_platform(platform: Platform) -> dockerfile::Platform {
    let variant = platform.variant().unwrap_or_default();
    dockerfile::Platform::new("linux", platform.goarch(), variant)
}

/// What is not in the files: digests of their bytes, and of what else the build is based on.
pub struct Digests<'a> {
    /// Of a file, by context (empty: the main one) and path; else its path in the repository.
    pub of_file: &'a dyn Fn(&str, &str) -> Result<Digest, String>,
    /// Of the inputs of images in named contexts.
    pub based_on: BTreeMap<String, Digest>,
    /// Of the commit, where binaries or assets are in the context.
    pub commit: Option<String>,
}

/// The list of inputs.
///
/// # Errors
/// The path of a file whose bytes are not known.
pub fn list(
    work: &FromDockerfile,
    platform: Platform,
    claimed: &Claimed,
    digests: Digests<'_>,
) -> Result<InputList, String> {
    let mut files = Vec::new();
    for input in &claimed.inputs.list {
        let context = input.context.as_deref().unwrap_or_default();
        let (kind, sha256) = match &input.kind {
            Kind::Folder => ("folder", None),
            Kind::Link { target } => ("link", Some(Digest::of(target.as_bytes()))),
            Kind::File { executable } => {
                let digest = (digests.of_file)(context, &input.path)?;
                (if *executable && input.mode { "executable" } else { "file" }, Some(digest))
            }
        };
        files.push(InputFile {
            context: context.to_owned(),
            path: input.path.clone(),
            kind: kind.to_owned(),
            sha256,
            rule: input.rule.clone(),
        });
    }
    files.sort_by(|one, other| (&one.context, &one.path).cmp(&(&other.context, &other.path)));
    let rule = |name: &str| {
        let used = claimed.answer.images.iter().find(|image| image.reference == name);
        used.map_or_else(|| "contexts".to_owned(), |image| format!("{}:{}", work.dockerfile, image.line))
    };
    let pulled = work.bases.iter().map(|pulled| InputImage {
        name: pulled.name.clone(),
        digest: pulled.base.digest,
        rule: rule(&pulled.name),
    });
    let published = work.contexts.iter().filter_map(|(name, context)| match context {
        NamedContext::Published(base) => {
            Some(InputImage { name: base.from.to_string(), digest: base.digest, rule: format!("context {name}") })
        }
        NamedContext::Folder(_) | NamedContext::Image(_) => None,
    });
    let wide = claimed.answer.wide.iter().chain(&claimed.inputs.wide).next().cloned();
    Ok(InputList {
        schema: SCHEMA.into(),
        platform: platform.to_string(),
        recipe: Digest::of(claimed.answer.recipe.as_bytes()),
        args: work.args.clone(),
        secrets: work.secrets.keys().cloned().collect(),
        network: work.network,
        images: pulled.chain(published).collect(),
        based_on: digests.based_on,
        files,
        commit: digests.commit,
        contains: work.contains.clone(),
        is_base: work.is_base,
        wide,
    })
}

/// What a step keeps of a list.
pub fn summary(list: &InputList) -> InputDigest {
    let files = list.files.iter().filter(|file| file.kind != "folder").count();
    InputDigest { digest: list.digest(), files, wide: list.wide.clone() }
}
