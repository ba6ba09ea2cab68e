//! What a build reads: asked of its Dockerfile, with the images that the lock knows, as a list of inputs.

use std::collections::BTreeSet;

use super::dockerfile_flaws::{is_empty, line_span, made_elsewhere};
use super::dockerfile_inputs::{self as asked, Claimed, Contexts, Digests, Known, KnownImage, KnownImages};
use super::dockerfile_maker::{Maker, Read, inside, reference};
use super::{FromDockerfile, ImageWork, NamedContext, OfKind, PlannedBase, PulledImage};
use crate::dockerfile::{Answer, Flaw};
use crate::input_list::InputList;
use crate::platform::Platform;
use crate::problem::Problem;

impl Maker<'_> {
    /// What is built, with the images that it names, and all that it reads.
    pub fn list(&self, work: &mut FromDockerfile, read: &Read, platform: Platform) -> Option<InputList> {
        let (answer, bases) = match self.settle(work, read, platform) {
            Ok(settled) => settled,
            Err(found) => {
                self.refuse(found, read);
                return None;
            }
        };
        let notes = answer.warnings.iter().map(|flaw| self.warning(flaw, read)).collect();
        if is_empty(&answer) && !self.is_base() {
            let text = format!("`{}` builds an image without a single file", work.dockerfile);
            let problem = Problem::new("empty-image", text).hint("`COPY` what it starts into it");
            let line = answer.stages.last().map_or(1, |stage| stage.line);
            self.inputs().refuse(problem.within(&read.path, &read.text, line_span(&read.text, line)));
            return None;
        }
        let contexts = Contexts { main: &read.main, named: &read.named, made: &read.made };
        let claimed = match asked::claim(answer, &contexts) {
            Ok(claimed) => claimed,
            Err(found) => {
                let flaws = found.into_iter().map(made_elsewhere).collect();
                self.refuse(flaws, read);
                return None;
            }
        };
        self.unsaid(work, &claimed.answer);
        let is_based = !bases.is_empty() || work.contexts.values().any(|one| !matches!(one, NamedContext::Folder(_)));
        work.onbuild = claimed.answer.features.iter().any(|feature| feature.name == "onbuild");
        (work.bases, work.notes, work.stub) = (bases, notes, self.inputs().request.stub_builds.reason(is_based));
        self.digested(work, &claimed, platform)
    }

    /// A line about something that builds, but most likely not as it was meant.
    fn warning(&self, flaw: &Flaw, read: &Read) -> String {
        let place = match flaw.span.is_empty() {
            true => format!("image `{}`", self.image.name),
            false => format!("{}:{}", read.path, crate::dockerfile::line_of(&read.text, flaw.span.start)),
        };
        let hint = flaw.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{place}: {}{hint}", flaw.message)
    }

    /// Asks until nothing new is found: `ONBUILD` of an image may name further ones.
    fn settle(
        &self,
        work: &FromDockerfile,
        read: &Read,
        platform: Platform,
    ) -> Result<(Answer, Vec<PulledImage>), Vec<Flaw>> {
        let mut known = KnownImages::new();
        loop {
            let answer =
                asked::answer(&read.file, work, platform, &Known { images: &known, quiet: &self.quiet(work) })?;
            let (bases, found) = self.images(&answer, &read.text)?;
            if found == known {
                return Ok((answer, bases));
            }
            known = found;
        }
    }

    /// Named contexts that are images without `ONBUILD`.
    fn quiet(&self, work: &FromDockerfile) -> BTreeSet<String> {
        let has_none = |context: &NamedContext| match context {
            NamedContext::Image(id) => self.made.iter().any(|planned| {
                let recipe = ImageWork::of(&planned.step.work).and_then(ImageWork::from_dockerfile);
                planned.step.id == *id && recipe.is_some_and(|recipe| !recipe.onbuild)
            }),
            NamedContext::Folder(_) | NamedContext::Published(_) => false,
        };
        work.contexts.iter().filter(|(_, context)| has_none(context)).map(|(name, _)| name.clone()).collect()
    }

    /// The images that are pulled, and what the lock knows of them.
    fn images(&self, answer: &Answer, text: &str) -> Result<(Vec<PulledImage>, KnownImages), Vec<Flaw>> {
        let inputs = self.inputs();
        let (mut bases, mut known): (Vec<PulledImage>, KnownImages) = (Vec::new(), KnownImages::new());
        for used in answer.images.iter().filter(|used| !used.given) {
            let flaw = |message: String| Flaw::new(line_span(text, used.line), "bad-reference", message);
            let from = reference(&used.reference).map_err(|why| vec![flaw(why)])?;
            let platform: Platform = used.platform.to_string().parse().map_err(|why| vec![flaw(why)])?;
            if bases.iter().any(|base| base.name == used.reference && base.platform == platform) {
                continue;
            }
            let locked = inputs.facts.lock.image(&from, platform);
            if let Some(locked) = locked {
                let image = KnownImage { env: locked.env.clone(), onbuild: locked.onbuild.clone() };
                known.insert(used.reference.clone(), image);
            }
            let digest = locked.map(|locked| locked.digest).filter(|_| !inputs.request.stub_bases);
            bases.push(PulledImage { name: used.reference.clone(), platform, base: PlannedBase { from, digest } });
        }
        bases.sort_by(|one, other| (&one.name, one.platform).cmp(&(&other.name, other.platform)));
        Ok((bases, known))
    }

    /// Secrets that the Dockerfile requires and nobody gives, and those that are given and not used.
    fn unsaid(&self, work: &FromDockerfile, answer: &Answer) {
        let inputs = self.inputs();
        for secret in answer.secrets.iter().filter(|secret| secret.required && !work.secrets.contains_key(&secret.id)) {
            let text = format!("{}:{} requires the secret `{}`", work.dockerfile, secret.line, secret.id);
            let hint = format!("`secrets: {{ {}: NAME }}` reads it from an environment variable", secret.id);
            inputs.refuse(Problem::new("missing-secret", text).hint(hint).at_key(&self.at));
        }
        for id in work.secrets.keys().filter(|id| !answer.secrets.iter().any(|secret| secret.id == **id)) {
            let text = format!("no `RUN` of `{}` uses the secret `{id}`", work.dockerfile);
            let hint = format!("remove it, or mount it: `RUN --mount=type=secret,id={id}`");
            let problem = Problem::new("unused-secret", text).hint(hint);
            inputs.refuse(problem.at_key(format!("{}.secrets.{id}", self.at)));
        }
    }

    fn digested(&self, work: &FromDockerfile, claimed: &Claimed, platform: Platform) -> Option<InputList> {
        let inputs = self.inputs();
        let folder = |context: &str| match work.contexts.get(context) {
            Some(NamedContext::Folder(folder)) => folder.clone(),
            _ => work.context.clone(),
        };
        let of_file = |context: &str, path: &str| {
            let path = inside(&folder(context), path);
            inputs.facts.contents.get(&path).copied().ok_or(path)
        };
        let lists = self.lists.borrow();
        let based_on = work.contexts.iter().filter_map(|(name, context)| match context {
            NamedContext::Image(step) => Some((name.clone(), lists.get(step)?.digest())),
            NamedContext::Folder(_) | NamedContext::Published(_) => None,
        });
        let is_made = !work.executables.is_empty() || !work.assets.is_empty();
        let commit = is_made.then(|| inputs.facts.head.commit.clone());
        let digests = Digests { of_file: &of_file, based_on: based_on.collect(), commit };
        match asked::list(work, platform, claimed, digests) {
            Ok(list) => Some(list),
            Err(path) => {
                let problem =
                    Problem::new("no-such-file", format!("`{path}` is in the commit, but not in this checkout"));
                inputs.refuse(problem.hint(format!("`git checkout -- {path}`")).at_key(&self.at));
                None
            }
        }
    }
}
