//! The repository as a runner would check it out: a clone, with what is not committed yet, the tag that is released, and
//! the address of the forge.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::world::process::{Cmd, Runner};

pub struct Source<'a> {
    /// The repository's top folder.
    pub top: &'a Path,
    /// The commit, checked out without a branch as for a tag.
    pub commit: &'a str,
    /// Tags that are made if they do not exist.
    pub tags: &'a [String],
    /// Address of the repository on the forge.
    pub remote: &'a str,
}

/// Makes the copy below `place`, under the repository's own name, and returns its folder.
///
/// # Errors
/// If git cannot do it, or something cannot be copied.
pub fn copy(runner: &Runner, source: &Source<'_>, place: &Path) -> anyhow::Result<PathBuf> {
    let top = source.top;
    let to = place.join(top.file_name().unwrap_or("repository".as_ref()));
    let git = |dir: &Path, args: &[&str]| {
        runner.text(&Cmd::new("git", dir).args(["-c", "safe.directory=*"]).args(args.iter().copied()))
    };
    let (from, into) = (top.display().to_string(), to.display().to_string());
    git(place, &["clone", "--quiet", "--local", "--no-checkout", &from, &into])?;
    check_out(runner, &to, source.commit)?;
    git(&to, &["remote", "set-url", "origin", source.remote])?;
    modules(runner, top, &to)?;
    for tag in source.tags {
        let tag = format!("refs/tags/{tag}");
        if git(&to, &["rev-parse", "--verify", "--quiet", &tag]).is_err() {
            git(&to, &["update-ref", &tag, source.commit])?;
        }
    }
    let changed = git(top, &["diff", "--name-only", "--no-renames", "-z", "HEAD"])?;
    let new = git(top, &["ls-files", "--others", "--exclude-standard", "-z"])?;
    // The LFS files are there: no server is needed.
    let large = git(top, &["ls-files", "-z", "--", ":(attr:filter=lfs)"])?;
    let all = changed.split('\0').chain(new.split('\0')).chain(large.split('\0'));
    for path in all.filter(|path| !path.is_empty()) {
        carry(&top.join(path), &to.join(path)).with_context(|| format!("cannot copy `{path}`"))?;
    }
    Ok(to)
}

fn check_out(runner: &Runner, folder: &Path, commit: &str) -> anyhow::Result<()> {
    let args = ["-c", "safe.directory=*", "-c", "advice.detachedHead=false", "checkout", "--quiet", "--detach", commit];
    runner.text(&Cmd::new("git", folder).args(args).env("GIT_LFS_SKIP_SMUDGE", "1")).map(drop)
}

/// Submodules as a checkout with `submodules: recursive` has them, out of those that are checked out here.
fn modules(runner: &Runner, top: &Path, to: &Path) -> anyhow::Result<()> {
    if !to.join(".gitmodules").is_file() {
        return Ok(());
    }
    let git = |dir: &Path, args: &[&str]| {
        runner.text(&Cmd::new("git", dir).args(["-c", "safe.directory=*"]).args(args.iter().copied()))
    };
    for entry in git(to, &["ls-files", "-z", "-s"])?.split('\0') {
        let Some((facts, path)) = entry.split_once('\t') else { continue };
        let mut facts = facts.split(' ');
        let (Some("160000"), Some(commit)) = (facts.next(), facts.next()) else { continue };
        let (from, into) = (top.join(path), to.join(path));
        if from.join(".git").exists() {
            let (from_text, into_text) = (from.display().to_string(), into.display().to_string());
            git(top, &["clone", "--quiet", "--local", "--no-checkout", &from_text, &into_text])?;
            check_out(runner, &into, commit)?;
            modules(runner, &from, &into)?;
        }
    }
    Ok(())
}

/// One path that differs from the commit: a file, a link, or nothing any more.
fn carry(from: &Path, to: &Path) -> anyhow::Result<()> {
    let found = fs::symlink_metadata(from).ok();
    match fs::symlink_metadata(to) {
        // A submodule is checked out at the commit's own.
        Ok(there) if there.is_dir() && found.as_ref().is_some_and(fs::Metadata::is_dir) => return Ok(()),
        Ok(there) if there.is_dir() => fs::remove_dir_all(to)?,
        Ok(_) => fs::remove_file(to)?,
        Err(_) => {}
    }
    let Some(found) = found else { return Ok(()) };
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    if found.is_symlink() {
        link(&fs::read_link(from)?, to)?;
    } else if found.is_file() {
        fs::copy(from, to)?;
    }
    Ok(())
}

#[cfg(unix)]
fn link(target: &Path, at: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

/// Where links need rights, git writes a file that holds where they point.
#[cfg(not(unix))]
fn link(target: &Path, at: &Path) -> std::io::Result<()> {
    fs::write(at, target.display().to_string())
}

// act and its copy need a shell.
#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::world::env::Env;

    #[test]
    fn is_what_a_runner_would_check_out() {
        let place = tempfile::tempdir().unwrap();
        let runner = Runner::new(Env::read().for_children(&[]));
        let sh = |dir: &Path, line: &str| runner.text(&Cmd::new("sh", dir).args(["-ec", line])).unwrap();
        let script =
            "mkdir app && cd app && git init -q && printf target > .gitignore && echo 1 > kept && echo 1 > edited &&
            echo 1 > gone && echo x > run && chmod +x run && git add -A &&
            git -c user.name=x -c user.email=x@example.com commit -q -m x && git rev-parse HEAD";
        let commit = sh(place.path(), script).trim().to_owned();
        let top = place.path().join("app");
        sh(
            &top,
            "echo 2 > edited; rm gone; mkdir new; echo 2 > new/file; ln -s kept link; echo no > target; git add edited",
        );
        let (tags, remote) = (["v1.2.3".to_owned()], "https://github.com/o/app.git");
        let source = Source { top: &top, commit: &commit, tags: &tags, remote };
        let into = place.path().join("into");
        fs::create_dir(&into).unwrap();
        let to = copy(&runner, &source, &into).unwrap();
        let status = |dir: &Path| sh(dir, "git status --porcelain | cut -c4- | sort | tr '\\n' ' '");
        assert_eq!((status(&to), status(&top).as_str()), ("edited gone link new/ ".into(), "edited gone link new/ "));
        assert_eq!(sh(&to, "cat edited kept link new/file").replace('\n', " "), "2 1 1 2 ");
        assert_eq!(
            sh(&to, "ls; test -x run").split_whitespace().collect::<Vec<_>>(),
            ["edited", "kept", "link", "new", "run"]
        );
        assert_eq!(sh(&to, "git rev-parse v1.2.3").trim(), commit);
        assert_eq!(sh(&to, "git remote get-url origin").trim(), remote);
        assert_eq!(sh(&top, "git tag"), "");
    }

    #[test]
    fn folders_become_files_and_submodules_change() {
        let place = tempfile::tempdir().unwrap();
        let runner = Runner::new(Env::read().for_children(&[]));
        let sh = |dir: &Path, line: &str| {
            let functions = "commit() { git -C $1 -c user.name=x -c user.email=x@example.com commit -q -m x; };";
            runner.text(&Cmd::new("sh", dir).args(["-ec", &format!("{functions} {line}")])).unwrap()
        };
        let script = "git init -q app/lib && echo 1 > app/lib/a && git -C app/lib add a && commit app/lib && cd app &&
            git init -q && mkdir doc && echo 1 > doc/a && echo 1 > api && git add -A 2> /dev/null && commit . &&
            rm -r doc api && echo 2 > doc && mkdir api && echo 2 > api/a && echo 2 > lib/a && git rev-parse HEAD";
        let commit = sh(place.path(), script).trim().to_owned();
        let top = place.path().join("app");
        let source = Source { top: &top, commit: &commit, tags: &[], remote: "https://github.com/o/app.git" };
        let into = place.path().join("into");
        fs::create_dir(&into).unwrap();
        let to = copy(&runner, &source, &into).unwrap();
        assert_eq!(sh(&to, "cat doc api/a; ls lib"), "2\n2\n");
    }

    #[test]
    fn submodules_and_large_files_are_there() {
        let place = tempfile::tempdir().unwrap();
        let runner = Runner::new(Env::read().for_children(&[]));
        let sh = |dir: &Path, line: &str| {
            let functions = "commit() { git -C $1 -c user.name=x -c user.email=x@example.com commit -q -m x; };";
            runner.text(&Cmd::new("sh", dir).args(["-ec", &format!("{functions} {line}")])).unwrap()
        };
        let script = "git init -q lib && echo 1 > lib/a && git -C lib add a && commit lib && git init -q app && cd app &&
            git -c protocol.file.allow=always submodule --quiet add ../lib vendor/lib && echo '*.bin filter=lfs' > .gitattributes &&
            echo pointer > x.bin && git add -A && commit . && echo large > x.bin && git rev-parse HEAD";
        let commit = sh(place.path(), script).trim().to_owned();
        let top = place.path().join("app");
        let source = Source { top: &top, commit: &commit, tags: &[], remote: "https://github.com/o/app.git" };
        let into = place.path().join("into");
        fs::create_dir(&into).unwrap();
        let to = copy(&runner, &source, &into).unwrap();
        assert_eq!(sh(&to, "cat vendor/lib/a x.bin; git status --porcelain vendor"), "1\nlarge\n");
    }
}
