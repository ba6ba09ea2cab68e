//! The images that Dockerfiles name: by digest, with what of their configs decides what a build reads.

use futures_util::future::join_all;

use crate::cli::table::Table;
use crate::facts::lock::{Lock, LockedImage, LockedImagePlatform};
use crate::oci::base;
use crate::oci::registry::{Action, Error, Registries};
use crate::plan::dockerfile::UsedImage;
use crate::problem::{Exit, Failure, Problem};
use crate::reference::Reference;
use crate::release::{Project, Session};
use crate::world::runtime;

/// How often an image may name others by `ONBUILD`.
const ROUNDS: usize = 8;

/// Whether every platform of an image is locked.
pub fn covered(lock: &Lock, image: &UsedImage) -> bool {
    image.platforms.iter().all(|platform| lock.image(&image.from, *platform).is_some())
}

/// What stays of the known ones.
pub fn kept(known: &Lock, used: &[UsedImage], updates: impl Fn(&UsedImage) -> bool) -> Vec<LockedImage> {
    let stays = |image: &&UsedImage| covered(known, image) && !updates(image);
    let of = |image: &UsedImage| {
        let mut locked = known.images.iter().find(|locked| locked.from == image.from)?.clone();
        locked.platforms.retain(|platform| image.platforms.contains(&platform.platform));
        Some(locked)
    };
    used.iter().filter(stays).filter_map(of).collect()
}

/// Locks what is missing, and what that names in turn.
///
/// # Errors
/// If a registry does not let us, does not answer or does not have an image.
pub fn extend(
    session: &Session,
    project: &Project,
    lock: &mut Lock,
    mut registries: impl FnMut(&[Reference]) -> anyhow::Result<Registries>,
) -> anyhow::Result<()> {
    for _ in 0..ROUNDS {
        let used = project.images(lock)?;
        let missing: Vec<&UsedImage> = used.iter().filter(|image| !covered(lock, image)).collect();
        if missing.is_empty() {
            lock.images.retain(|locked| used.iter().any(|image| image.from == locked.from));
            lock.images.sort_by(|one, other| one.from.cmp(&other.from));
            return Ok(());
        }
        let names: Vec<String> = missing.iter().map(|image| image.from.to_string()).collect();
        let _progress = session.printer.start("Locking", names.join(", "));
        let references: Vec<Reference> = missing.iter().map(|image| image.from.clone()).collect();
        let registries = registries(&references)?;
        let found = runtime::block_on(all(&registries, &missing))??;
        lock.images.retain(|known| !found.iter().any(|image| image.from == known.from));
        lock.images.extend(found);
    }
    let text = "images name ever more images in their `ONBUILD`";
    Err(Failure::usage(Problem::new("endless-onbuild", text).hint("base the Dockerfile on another image")).into())
}

/// What `longshore lock` would change.
pub fn drift(known: &Lock, used: &[UsedImage]) -> Vec<Problem> {
    let open =
        used.iter().filter(|image| !covered(known, image)).map(|image| format!("`{}` is not locked", image.from));
    let is_used = |locked: &&LockedImage| used.iter().any(|image| image.from == locked.from);
    let unused = known.images.iter().filter(|locked| !is_used(locked));
    let unused = unused.map(|locked| format!("`{}` is locked, but not used", locked.from));
    open.chain(unused).map(|text| Problem::new("lock-drift", text)).collect()
}

async fn all(registries: &Registries, images: &[&UsedImage]) -> Result<Vec<LockedImage>, Failure> {
    registries.grant(images.iter().map(|image| (&image.from.repository, Action::Pull)));
    let done = join_all(images.iter().map(|image| one(registries, image))).await;
    let (mut locked, mut problems, mut exit) = (Vec::new(), Vec::new(), Exit::Unfinished);
    for one in done {
        match one {
            Ok(image) => locked.push(image),
            Err(error) => {
                exit = error.exit();
                if !problems.contains(&*error.problem) {
                    problems.push(*error.problem);
                }
            }
        }
    }
    if problems.is_empty() { Ok(locked) } else { Err(Failure { exit, problems }) }
}

async fn one(registries: &Registries, used: &UsedImage) -> Result<LockedImage, Error> {
    let mut platforms = Vec::new();
    let mut named = None;
    for platform in &used.platforms {
        // The second platform is of the index that the first one was found in.
        let found = base::find(registries, &used.from, named, *platform).await?;
        named.get_or_insert(found.named);
        let known = crate::build::pulled::known(&found.config);
        let digest = found.manifest.descriptor.digest;
        platforms.push(LockedImagePlatform { platform: *platform, digest, env: known.env, onbuild: known.onbuild });
    }
    let digest = named.ok_or_else(|| {
        let problem = Problem::new("no-base", format!("`{}` is not used for any platform", used.from));
        Error::new(crate::oci::registry::ErrorKind::Usage, problem)
    })?;
    Ok(LockedImage { from: used.from.clone(), digest, platforms })
}

pub fn table(lock: &Lock) -> Table {
    let mut table = Table::new(&["IMAGE", "PLATFORM", "ONBUILD", "DIGEST"]);
    for image in &lock.images {
        for locked in &image.platforms {
            table.row([
                image.from.to_string(),
                locked.platform.to_string(),
                locked.onbuild.len().to_string(),
                locked.digest.to_string(),
            ]);
        }
    }
    table
}
