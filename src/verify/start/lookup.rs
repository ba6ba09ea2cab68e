//! Finds a program or a file in the image, as the user who needs it; says why it cannot be had.

use super::scene::Scene;
use super::settings::Settings;
use super::user::{EXECUTE, READ, User};
use crate::oci::filesystem::{Entry, FileSystem, Kind, Lost, Way};
use crate::oci::layer;

/// Folders that hold nothing of the image when it runs.
const OF_THE_KERNEL: &[&str] = &["/proc/", "/sys/", "/dev/", "/run/secrets/"];

/// Why it does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    pub code: &'static str,
    /// What comes after "which".
    pub what: String,
    pub hint: String,
    /// Whether another mode or owner would do.
    pub about_modes: bool,
    /// Whether it is only perhaps a fault.
    pub only_warns: bool,
}

impl Stop {
    pub fn new(code: &'static str, what: &str) -> Self {
        Self { code, what: what.to_owned(), hint: String::new(), about_modes: false, only_warns: false }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    fn modes(what: &str, hint: &str) -> Self {
        Self { about_modes: true, ..Self::new("image-cannot-start", what).hint(hint) }
    }
}

/// What was found.
pub struct Hit {
    /// As it was asked for: `env`.
    pub name: String,
    /// As it is called: `/usr/bin/env`.
    pub path: String,
    /// Where it lies, without links.
    pub place: String,
    pub entry: Entry,
}

pub struct Lookup<'a> {
    pub files: &'a FileSystem,
    pub settings: &'a Settings,
    pub scene: &'a Scene,
}

type Looked = Result<Option<Hit>, Stop>;

impl Lookup<'_> {
    /// A program by its path, or through PATH. Nothing if it cannot be told.
    pub fn program(&self, name: &str, shell_form: bool) -> Looked {
        if name.is_empty() {
            return Err(Stop::new("image-cannot-start", "names no program").hint("remove the empty word"));
        }
        if !name.contains('/') {
            return self.in_path(name);
        }
        let found = self.path(name).map_err(|stop| if shell_form { in_shell_form(name, stop) } else { stop })?;
        let Some(hit) = found else { return Ok(None) };
        self.executable(&hit)?;
        Ok(Some(hit))
    }

    /// A script that a shell reads: no x is needed.
    pub fn script(&self, name: &str) -> Looked {
        let found = match self.path(name) {
            Err(_) if !name.contains('/') && self.scene.path => match self.in_path(name) {
                Ok(hit) => Ok(hit),
                Err(_) => self.path(name),
            },
            found => found,
        };
        let Some(hit) = found? else { return Ok(None) };
        match self.user().filter(|user| !user.may(&hit.entry, READ)) {
            Some(user) => Err(cannot_read(user)),
            None => Ok(Some(hit)),
        }
    }

    /// A file or folder that a program reads; some may be named without their ending.
    pub fn readable(&self, name: &str, endings: &[&str]) -> Result<(), Stop> {
        let with = |ending: &&str| self.path_of_any(&format!("{name}{ending}")).is_ok();
        match self.path_of_any(name) {
            Err(_) if endings.iter().any(with) => Ok(()),
            Err(stop) => Err(stop),
            Ok(Some(hit)) => match self.user().filter(|user| !user.may(&hit.entry, READ)) {
                Some(user) => Err(cannot_read(user)),
                None => Ok(()),
            },
            Ok(None) => Ok(()),
        }
    }

    fn user(&self) -> Option<&User> {
        self.scene.user.as_ref()
    }

    fn path(&self, name: &str) -> Looked {
        let found = self.path_of_any(name)?;
        match found {
            Some(hit) if hit.entry.kind == Kind::Folder => {
                Err(Stop::new("image-cannot-start", "is a folder").hint("name the program in it"))
            }
            found => Ok(found),
        }
    }

    fn path_of_any(&self, name: &str) -> Looked {
        let Some(folder) = self.scene.folder.as_deref().or(name.starts_with('/').then_some("")) else {
            return Ok(None);
        };
        let absolute = if name.starts_with('/') { name.to_owned() } else { format!("/{folder}/{name}") };
        if OF_THE_KERNEL.iter().any(|of| absolute.starts_with(of)) {
            return Ok(None);
        }
        match self.files.walk(folder, name) {
            Ok(way) => self.reached(name, way),
            Err(lost) => Err(self.lost(name, &lost)),
        }
    }

    fn reached(&self, name: &str, way: Way<'_>) -> Looked {
        let Some(entry) = way.entry else { return Ok(None) };
        let closed = |user: &User| {
            let enters = |folder: &&String| self.files.at(folder).is_none_or(|entry| user.may(entry, EXECUTE));
            way.folders.iter().find(|folder| !enters(folder)).map(|folder| (folder.clone(), user.shown.clone()))
        };
        if let Some((folder, user)) = self.user().and_then(closed) {
            let what = format!("lies below `/{folder}`, a folder that user `{user}` cannot enter");
            return Err(Stop::modes(
                &what,
                &format!("give the folder to the user, or an x for others: `chmod o+x /{folder}`"),
            ));
        }
        Ok(Some(Hit { name: name.to_owned(), path: name.to_owned(), place: way.place, entry: entry.clone() }))
    }

    fn executable(&self, hit: &Hit) -> Result<(), Stop> {
        let Kind::File(_) = hit.entry.kind else { return Ok(()) };
        if hit.entry.mode & 0o111 == 0 {
            return Err(Stop::modes("is not executable", "copy it with `--chmod=755`, or `chmod +x` it"));
        }
        match self.user().filter(|user| !user.may(&hit.entry, EXECUTE)) {
            Some(user) => {
                let what = format!("is not executable for user `{}`", user.shown);
                Err(Stop::modes(&what, "copy it with `--chmod=755` or `--chown`"))
            }
            None => Ok(()),
        }
    }

    fn in_path(&self, name: &str) -> Looked {
        if !self.scene.path {
            return Ok(None);
        }
        let path = self.settings.path();
        let mut blocked = None;
        for folder in path.split(':').filter(|folder| !folder.is_empty()) {
            let full = format!("{}/{name}", folder.trim_end_matches('/'));
            let found = self.path(&full);
            match found {
                Ok(None) => return Ok(None),
                Ok(Some(hit)) => match self.executable(&hit) {
                    Ok(()) => return Ok(Some(Hit { name: name.to_owned(), ..hit })),
                    Err(stop) => blocked = blocked.or(Some((full, stop))),
                },
                Err(stop) if stop.about_modes => blocked = blocked.or(Some((full, stop))),
                Err(_) => {}
            }
        }
        if let Some((full, stop)) = blocked {
            let what = format!("is found in PATH as `{full}`, but {}", stop.what);
            return Err(Stop { what, ..stop });
        }
        let elsewhere = self.elsewhere(name);
        let what = match elsewhere.first() {
            Some(first) => format!("is not in the PATH of the image (`{path}`), but at `{first}`"),
            None => format!("is not in the image: no folder of its PATH (`{path}`) has it"),
        };
        let hint = match elsewhere.first() {
            Some(first) => format!("name it by its path, `{first}`, or add its folder to PATH"),
            None => "install it in the last stage, or copy it there".to_owned(),
        };
        Err(Stop::new("image-cannot-start", &what).hint(hint))
    }

    /// Executable files of a name.
    fn elsewhere(&self, name: &str) -> Vec<String> {
        let is =
            |path: &str, entry: &Entry| layer::name(path) == name && entry.file().is_some() && entry.mode & 0o111 != 0;
        self.files.iter().filter(|(path, entry)| is(path, entry)).map(|(path, _)| format!("/{path}")).take(3).collect()
    }

    fn lost(&self, name: &str, lost: &Lost) -> Stop {
        let copy = "copy it in the last stage, and remove nothing that it needs";
        // What is missing may come with a volume.
        let below = |volume: &String| name.starts_with(&format!("{}/", volume.trim_end_matches('/')));
        let only_warns = self.settings.volumes.iter().any(below);
        let stop = |what: &str, hint: &str| Stop { only_warns, ..Stop::new("image-cannot-start", what).hint(hint) };
        match lost {
            Lost::Missing { link: Some((at, target)), .. } if at == name => stop(
                &format!("is a link to `{target}`, which is not in the image"),
                "let the link point to what is there",
            ),
            Lost::Missing { link: Some((at, target)), at: missing } => {
                let what =
                    format!("is not in the image: the link `{at}` points to `{target}`, and there is no `{missing}`");
                stop(&what, "let the link point to what is there")
            }
            Lost::Missing { at, link: None } if name.starts_with('/') => {
                let other = self.elsewhere(layer::name(at));
                match other.first() {
                    Some(other) => stop("is not in the image", &format!("there is `{other}`: is that meant?")),
                    None => stop("is not in the image", copy),
                }
            }
            Lost::Missing { at, link: None } => {
                let folder = self.scene.folder.as_deref().unwrap_or_default();
                let what =
                    format!("is not in the image: it is meant from the folder `/{folder}`, and there is no `{at}`");
                let other = self.elsewhere(layer::name(at));
                let hint = other.first().map_or_else(|| copy.to_owned(), |other| format!("write `{other}`"));
                stop(&what, &hint)
            }
            Lost::NotAFolder(path) => stop(&format!("is not in the image: `{path}` is not a folder"), copy),
            Lost::Circle => stop("is a link that leads to itself", "let the link point to what is there"),
        }
    }
}

fn in_shell_form(name: &str, stop: Stop) -> Stop {
    let what = format!("{}: it is written in shell form, which `{name}` must read", stop.what);
    Stop {
        what,
        hint: "write it in exec form, `[\"program\", \"argument\"]`, or use a base image with a shell".into(),
        ..stop
    }
}

fn cannot_read(user: &User) -> Stop {
    Stop::modes(
        &format!("user `{}` cannot read", user.shown),
        "copy it with `--chmod=755`: whoever reads it needs an r",
    )
}
