//! BuildKit by `buildctl`, and what it has in common with `docker buildx`: <https://github.com/moby/buildkit>.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::bases::Base;
use super::client::Client;
use super::failure::Failed;
use super::place::{Ended, Place, text};
use super::progress::Progress;
use super::recipe::{Named, Network, Recipe};
use crate::dockerfile::familiar;
use crate::oci::layout::Layout;
use crate::world::files;
use crate::world::process::Cmd;

/// Refuses every image that is looked for in a registry: bases come from us
/// (<https://github.com/moby/buildkit/blob/v0.34.2/docs/build-repro.md#pinning-dependencies>).
const POLICY: &str = r#"{"rules":[{"action":"DENY","selector":{"identifier":"docker-image://*"}}]}"#;

/// Makes the image with the daemon that `BUILDKIT_HOST` names.
pub fn build(place: &Place<'_>, client: &Client, recipe: &Recipe, tell: &mut dyn FnMut(&str)) -> anyhow::Result<Ended> {
    let cmd = client.seen_by(command(place, recipe)?);
    run(place, cmd, recipe, tell)
}

fn command(place: &Place<'_>, recipe: &Recipe) -> anyhow::Result<Cmd> {
    let folder = recipe.dockerfile.parent().context("the Dockerfile has no folder")?;
    let name = recipe.dockerfile.file_name().and_then(|name| name.to_str()).context("the Dockerfile has no name")?;
    let mut cmd = Cmd::new("buildctl", &place.folder)
        .args(["build", "--progress=rawjson", "--frontend=dockerfile.v0"])
        .args(["--local", &format!("context={}", text(&recipe.context)?)])
        .args(["--local", &format!("dockerfile={}", text(folder)?)])
        .args(["--source-policy-file", text(&policy(place)?)?])
        .args(["--output", &output(recipe)?]);
    let mut opt = |key: &str, value: &str| cmd.args.extend(["--opt".into(), format!("{key}={value}")]);
    opt("filename", name);
    opt("platform", &recipe.platform);
    if let Some(stage) = &recipe.stage {
        opt("target", stage);
    }
    for (name, value) in &recipe.args {
        opt(&format!("build-arg:{name}"), value);
    }
    opt("build-arg:SOURCE_DATE_EPOCH", &recipe.epoch.to_string());
    if recipe.network == Network::None {
        opt("force-network-mode", "none");
    }
    for (index, (name, named)) in recipe.contexts.iter().enumerate() {
        let (key, name) = (format!("named{index}"), familiar(name));
        let (flag, from, value) = match named {
            Named::Folder(folder) => ("--local", folder, format!("local:{key}")),
            Named::Layout { folder, digest } => ("--oci-layout", folder, format!("oci-layout://{key}@{digest}")),
        };
        cmd = cmd.args([flag, &format!("{key}={}", text(from)?)]).args(["--opt", &format!("context:{name}={value}")]);
    }
    for secret in secrets(recipe)? {
        cmd = cmd.args(["--secret", &secret]);
    }
    let (import, export) = caches(recipe)?;
    for (flag, values) in [("--import-cache", import), ("--export-cache", export)] {
        cmd.args.extend(values.into_iter().flat_map(|value| [flag.to_owned(), value]));
    }
    Ok(if recipe.cache.none { cmd.arg("--no-cache") } else { cmd })
}

/// Runs one of both clients and listens to it.
pub fn run(place: &Place<'_>, cmd: Cmd, recipe: &Recipe, tell: &mut dyn FnMut(&str)) -> anyhow::Result<Ended> {
    give_layers(recipe)?;
    let cmd = place.contain.tie(cmd).timeout(recipe.timeout);
    tell(&format!("$ {cmd}"));
    let mut progress = Progress::default();
    let (status, timed_out) = place.runner.stream(&cmd, &mut |_, line| {
        progress.take(&String::from_utf8_lossy(line), tell);
    })?;
    if timed_out || !status.success() {
        return Ok(Ended::Failed(Failed { timed_out, ..progress.failed() }));
    }
    keep_cache(recipe)?;
    Ok(Ended::Built(progress.built()))
}

/// Puts the layers of base images where the image will be: the daemon sends only what the client lacks.
fn give_layers(recipe: &Recipe) -> anyhow::Result<()> {
    let output = Layout::create(&recipe.output)?;
    for named in recipe.contexts.values() {
        let Named::Layout { folder, digest } = named else { continue };
        // An image that others are not built on may be of another platform.
        let Ok(base) = Base::read(folder, *digest, &recipe.platform) else { continue };
        for layer in base.layers {
            output.add(layer.blob.descriptor.digest, &layer.blob.path)?;
        }
    }
    Ok(())
}

/// The file that says that no image may be looked for.
pub fn policy(place: &Place<'_>) -> anyhow::Result<PathBuf> {
    let path = place.folder.join("policy.json");
    files::write_atomic(&path, POLICY.as_bytes())?;
    Ok(path)
}

/// A layout folder, times rewritten, OCI types, nothing but the image.
pub fn output(recipe: &Recipe) -> anyhow::Result<String> {
    let dest = format!("dest={}", text(&recipe.output)?);
    Ok(csv(&["type=oci", "tar=false", "oci-mediatypes=true", "rewrite-timestamp=true", &dest]))
}

pub fn secrets(recipe: &Recipe) -> anyhow::Result<Vec<String>> {
    let each = recipe.secrets.iter();
    each.map(|(id, file)| Ok(csv(&[&format!("id={id}"), &format!("src={}", text(file)?)]))).collect()
}

/// What is read before and written after the build. It is written anew, or it would grow with every build.
pub fn caches(recipe: &Recipe) -> anyhow::Result<(Option<String>, Option<String>)> {
    let Some(folder) = &recipe.cache.folder else { return Ok((None, None)) };
    let next = next(folder);
    if next.exists() {
        fs::remove_dir_all(&next).with_context(|| format!("cannot remove `{}`", next.display()))?;
    }
    let there = folder.join("index.json").is_file() && !recipe.cache.none;
    let import = there.then(|| Ok::<_, anyhow::Error>(csv(&["type=local", &format!("src={}", text(folder)?)])));
    let export = csv(&["type=local", "mode=max", "ignore-error=true", &format!("dest={}", text(&next)?)]);
    Ok((import.transpose()?, Some(export)))
}

fn next(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".next");
    name.into()
}

fn keep_cache(recipe: &Recipe) -> anyhow::Result<()> {
    let Some(folder) = &recipe.cache.folder else { return Ok(()) };
    let next = next(folder);
    if !next.join("index.json").is_file() {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove `{}`", folder.display()))?;
    }
    fs::rename(&next, folder).with_context(|| format!("cannot write `{}`", folder.display()))
}

/// Fields as Go's encoding/csv reads them.
fn csv(fields: &[&str]) -> String {
    let quoted = |field: &&str| {
        if field.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            (*field).to_owned()
        }
    };
    fields.iter().map(quoted).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_commas_are_quoted() {
        #[track_caller]
        fn check(fields: &[&str], expected: &str) {
            assert_eq!(csv(fields), expected);
        }
        check(&["id=a", "src=/b"], "id=a,src=/b");
        check(&["id=a", "src=/b,c"], "id=a,\"src=/b,c\"");
        check(&["src=/a\"b"], "\"src=/a\"\"b\"");
    }
}
