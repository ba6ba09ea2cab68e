//! Files that we write into a repository by names of our own: a link that came with a clone leads none of them elsewhere.

use std::path::Path;

use crate::portable;
use crate::problem::{Failure, Problem};
use crate::world::path::{below, relative, resolve};

/// Refuses a file of a repository, by its path from the top, if a link on the way leads out of the repository, into
/// git's own folder, or to nothing.
///
/// # Errors
/// Exit 2, with the link.
pub fn refuse_links_out(top: &Path, file: &str) -> anyhow::Result<()> {
    let home = resolve(top)?;
    let is_inside = |path: &Path| {
        let place = resolve(path).ok();
        let inside = place.as_deref().and_then(|place| place.strip_prefix(&home).ok());
        inside.is_some_and(|inside| !portable::is_of_git(&relative(inside)))
    };
    for (end, _) in file.match_indices('/').chain([(file.len(), "")]) {
        let path = below(top, &file[..end]);
        if path.is_symlink() && !is_inside(&path) {
            let link = &file[..end];
            let text = format!("`{link}` is a link that is broken or leads out of the repository; it is not followed");
            let hint = format!("check where it leads, then remove it: `rm {link}`");
            return Err(Failure::usage(Problem::new("link-outside", text).hint(hint)).into());
        }
    }
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_stay_in_the_repository() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("top");
        for name in ["top/.git", "top/a", "top/b", "outside"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        fs::write(top.join("a/file"), "").unwrap();
        for (to, link) in [
            ("../outside", "out"),
            ("nowhere", "dangling"),
            (".git", "git"),
            ("loop", "loop"),
            ("a", "in"),
            ("../a/file", "b/in"),
            ("../../outside/new", "b/out"),
        ] {
            symlink(to, top.join(link)).unwrap();
        }
        let check = |file: &str, link: Option<&str>| {
            let error = refuse_links_out(&top, file).err().map(|error| error.to_string());
            let said = link.map(|link| format!("`{link}` is a link"));
            assert_eq!(error.is_some(), link.is_some(), "{file}");
            assert!(error.zip(said).is_none_or(|(error, said)| error.contains(&said)), "{file}");
        };
        for inside in ["new", "a/file", "a/new", "in/file", "in/new", "b/in", "none/new"] {
            check(inside, None);
        }
        for out in ["out", "dangling", "git", "loop", "b/out"] {
            check(out, Some(out));
        }
        check("out/x/y", Some("out"));
        check("git/hooks", Some("git"));
    }
}
