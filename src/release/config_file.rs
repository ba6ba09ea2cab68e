//! Which configuration counts for a folder, and what lies there beside it and does not: never silently.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::problem::{Failure, Problem};
use crate::world::path::resolve;

pub const CONFIG: &str = "longshore.yaml";

/// What else people call it.
const MISNAMED: &[&str] = &["longshore.yml", ".longshore.yaml", ".longshore.yml", "longshore.toml", "longshore.json"];

/// The configuration of a folder, if it has one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ConfigFile {
    /// The file that counts.
    pub file: Option<PathBuf>,
    /// One that lies above the repository and does not count.
    pub above: Option<PathBuf>,
    /// One beside the file that counts, under a name that others use.
    pub beside: Option<PathBuf>,
}

/// longshore.yaml in a folder or above it, up to the top of the repository. Both paths are resolved.
///
/// # Errors
/// Exit 2 if there is one that would be passed over: under another name, unreadable, or outside the repository.
pub fn find(dir: &Path, top: &Path) -> anyhow::Result<ConfigFile> {
    for folder in dir.ancestors().take_while(|folder| folder.starts_with(top)) {
        if let Some(file) = inside(folder)? {
            return Ok(ConfigFile { file: Some(file), beside: misnamed(folder), ..ConfigFile::default() });
        }
        refuse_misnamed(folder)?;
    }
    let others = dir.ancestors().filter(|folder| !folder.starts_with(top));
    let outside = others.map(|folder| folder.join(CONFIG)).find(|file| file.is_file());
    match outside {
        Some(file) if !dir.starts_with(top) => Err(refuse_outside(&file, top)),
        above => Ok(ConfigFile { above, ..ConfigFile::default() }),
    }
}

/// The file that `--config` names. It may be a link: its project is the folder that the link lies in.
///
/// # Errors
/// Exit 2 if there is no such file, or it is outside the repository.
pub fn named(dir: &Path, top: Option<&Path>, name: &Path) -> anyhow::Result<PathBuf> {
    let file = dir.join(name);
    let resolved =
        file.parent().zip(file.file_name()).and_then(|(folder, name)| Some(resolve(folder).ok()?.join(name)));
    let Some(file) = resolved.filter(|file| file.is_file()) else {
        let problem = Problem::new("no-such-file", format!("`{}` does not exist", name.display()));
        return Err(Failure::usage(problem.hint("`longshore init` writes a longshore.yaml")).into());
    };
    match top.filter(|top| !file.starts_with(top)) {
        Some(top) => Err(refuse_outside(&file, top)),
        None => Ok(file),
    }
}

fn inside(folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    let file = folder.join(CONFIG);
    let refuse = |why: String| {
        let problem = Problem::new("config-not-read", format!("`{}` {why}", file.display()));
        Err(Failure::usage(problem.hint("make it a readable file, or pass another with `--config`")).into())
    };
    match std::fs::metadata(&file) {
        Ok(meta) if meta.is_file() => Ok(Some(file)),
        Ok(_) => refuse("is not a file".into()),
        Err(error) if error.kind() == ErrorKind::NotFound && file.is_symlink() => refuse("is a broken link".into()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => refuse(format!("cannot be read: {error}")),
    }
}

fn refuse_misnamed(folder: &Path) -> anyhow::Result<()> {
    let Some(file) = misnamed(folder) else { return Ok(()) };
    let problem = Problem::new("config-not-read", format!("`{}` is not read", file.display()));
    Err(Failure::usage(problem.hint(format!("rename it to `{CONFIG}`, or pass it with `--config`"))).into())
}

/// A file that somebody may take for the one that counts. Names in another case are found by listing: on macOS and Windows
/// they are the same file, on Linux they are not.
fn misnamed(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    let is_there = folder.join(CONFIG).exists();
    let is_another = |name: &str| match name.eq_ignore_ascii_case(CONFIG) {
        true => name != CONFIG && (!is_there || names.iter().any(|other| other == CONFIG)),
        false => MISNAMED.iter().any(|other| name.eq_ignore_ascii_case(other)),
    };
    names.iter().find(|name| is_another(name)).map(|name| folder.join(name))
}

fn refuse_outside(file: &Path, top: &Path) -> anyhow::Error {
    let text = format!("`{}` is outside the repository `{}`", file.display(), top.display());
    Failure::usage(
        Problem::new("config-outside", text).hint("run longshore in the repository of the file, or with `-C`"),
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(file: PathBuf) -> PathBuf {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "longshore: 1\n").unwrap();
        file
    }

    fn refusal<T: std::fmt::Debug>(result: anyhow::Result<T>) -> (&'static str, String) {
        let failure = result.unwrap_err().downcast::<Failure>().unwrap();
        (failure.problems[0].code, failure.problems[0].message.clone())
    }

    #[test]
    fn the_nearest_counts() {
        let folder = tempfile::tempdir().unwrap();
        let top = resolve(folder.path()).unwrap();
        let (own, deep) = (write(top.join(CONFIG)), top.join("a").join("b"));
        std::fs::create_dir_all(&deep).unwrap();
        assert_eq!(find(&deep, &top).unwrap().file, Some(own.clone()));
        let nearer = write(top.join("a").join(CONFIG));
        assert_eq!(find(&deep, &top).unwrap(), ConfigFile { file: Some(nearer), ..ConfigFile::default() });
        let beside = write(top.join("longshore.yml"));
        assert_eq!(find(&top, &top).unwrap().beside, Some(beside.clone()));
        std::fs::remove_file(beside).unwrap();
        assert_eq!(find(&top, &top).unwrap().file, Some(own));
    }

    #[test]
    fn what_is_not_taken_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let above = resolve(folder.path()).unwrap();
        let (outer, top) = (write(above.join(CONFIG)), above.join("inner"));
        std::fs::create_dir_all(top.join("a")).unwrap();
        assert_eq!(
            find(&top.join("a"), &top).unwrap(),
            ConfigFile { above: Some(outer.clone()), ..ConfigFile::default() }
        );
        // Where git and we do not see the folder at the same place, nothing is assumed.
        let elsewhere = above.join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        let (code, message) = refusal(find(&elsewhere, &top));
        assert_eq!(code, "config-outside");
        assert!(message.contains(&outer.display().to_string()), "{message}");
        for name in ["longshore.yml", ".longshore.yaml", "Longshore.YAML.bak", "Longshore.yml"] {
            let file = write(top.join(name));
            let found = find(&top.join("a"), &top);
            match name {
                "Longshore.YAML.bak" => assert!(found.is_ok()),
                _ => assert_eq!(refusal(found).0, "config-not-read", "{name}"),
            }
            std::fs::remove_file(file).unwrap();
        }
        std::fs::create_dir(top.join(CONFIG)).unwrap();
        let (code, message) = refusal(find(&top, &top));
        assert!(code == "config-not-read" && message.ends_with("is not a file"), "{message}");
    }

    #[test]
    fn named_files_are_of_this_repository() {
        let folder = tempfile::tempdir().unwrap();
        let above = resolve(folder.path()).unwrap();
        let top = above.join("top");
        let file = write(top.join("a").join("other.yaml"));
        assert_eq!(named(&top, Some(&top), Path::new("a/../a/other.yaml")).unwrap(), file);
        assert_eq!(named(&above, None, Path::new("top/a/other.yaml")).unwrap(), file);
        assert_eq!(refusal(named(&top, Some(&top), Path::new("none.yaml"))).0, "no-such-file");
        assert_eq!(refusal(named(&top, Some(&top), Path::new("a"))).0, "no-such-file");
        write(above.join("out.yaml"));
        assert_eq!(refusal(named(&top, Some(&top), Path::new("../out.yaml"))).0, "config-outside");
    }

    #[cfg(unix)]
    #[test]
    fn links_count_where_they_lie() {
        let folder = tempfile::tempdir().unwrap();
        let top = resolve(folder.path()).unwrap();
        write(top.join("shared").join("base.yaml"));
        std::os::unix::fs::symlink("shared/base.yaml", top.join("linked.yaml")).unwrap();
        assert_eq!(named(&top, Some(&top), Path::new("linked.yaml")).unwrap(), top.join("linked.yaml"));
        std::os::unix::fs::symlink("nowhere", top.join(CONFIG)).unwrap();
        assert!(refusal(find(&top, &top)).1.ends_with("is a broken link"));
    }
}
