//! Why a file that is there does not start, in words.

use super::interpreter::Interpreter;
use super::libraries::Lack;
use super::lookup::Stop;
use super::machine::Machine;
use super::user::User;
use crate::inspect::Program;
use crate::oci::filesystem::{Entry, FileSystem, Form, Way};

const CODE: &str = "image-cannot-start";
const LIBRARIES: &str = "install the package with the library in the last stage, or link it statically";

/// Loaders of C libraries where they must lie: `PT_INTERP` of every program names one.
const LOADERS: &[(&str, &str)] =
    &[("lib64", "ld-linux"), ("lib", "ld-linux"), ("lib64", "ld64.so"), ("lib", "ld64.so")];

pub fn foreign(system: &str) -> Stop {
    Stop::new(CODE, &format!("is a program for {system}")).hint("copy one that was built for Linux")
}

pub fn neither(form: &Form, size: u64) -> Stop {
    let hint = "write the program that reads it into its first line (`#!/bin/sh`), or name that program in ENTRYPOINT";
    match form {
        _ if size == 0 => Stop::new(CODE, "is an empty file").hint("was it created before it was built?"),
        Form::Text(text) if text.starts_with('\u{feff}') => {
            Stop::new(CODE, "begins with a byte order mark before its `#!`").hint("save it without one")
        }
        _ => Stop::new(CODE, "is neither a program for Linux nor a script that begins with `#!`").hint(hint),
    }
}

pub fn arch(arch: &str, machine: &Machine) -> Stop {
    let platform = &machine.platform;
    let what = format!("is for {arch}, but the image is for {platform}");
    Stop::new(CODE, &what).hint(format!("copy the one for {platform}; is the base image for it?"))
}

pub fn other_bits(arch: &str, machine: &Machine) -> Stop {
    let what = format!("is for {arch}, while the image is for {}", machine.platform);
    Stop { only_warns: true, ..Stop::new("image-other-bits", &what).hint("not every machine starts 32-bit programs") }
}

/// The C library of an image, by its loader.
fn libc(files: &FileSystem) -> &'static str {
    let has = |folder: &str, start: &str| {
        let found = files.walk("", &format!("/{folder}"));
        found.is_ok_and(|way| files.list(&way.place).any(|(name, _)| name.starts_with(start)))
    };
    match () {
        () if has("lib", "ld-musl-") => "musl",
        () if LOADERS.iter().any(|(folder, start)| has(folder, start)) => "glibc",
        () => "no C library",
    }
}

pub fn no_loader(path: &str, files: &FileSystem) -> Stop {
    let name = path.rsplit('/').next().unwrap_or(path);
    let wants = match () {
        () if name.starts_with("ld-musl-") => "musl",
        () if name.starts_with("ld-linux") || name.starts_with("ld64.so") => "glibc",
        () => "another C library",
    };
    let libc = match libc(files) {
        same if same == wants => format!("{same} for another processor"),
        other => other.to_owned(),
    };
    let what = format!(
        "needs the loader `{path}`, which is not in the image: it is a program for {wants}, and the image has {libc}"
    );
    Stop::new(CODE, &what).hint("build it for the C library of the image, or statically, or use another base image")
}

/// A loader that is there, but not one.
pub fn bad_loader(program: &Program, loader: &Way<'_>) -> Option<Stop> {
    let shown = format!("/{}", loader.place);
    let entry = loader.entry?;
    let Form::Program(of_loader) = &entry.file()?.form else { return None };
    if of_loader.arch != program.arch {
        let what =
            format!("needs the loader `{shown}`, which is for {}; it is itself for {}", of_loader.arch, program.arch);
        return Some(Stop::new(CODE, &what).hint("program and base image must be for the same platform"));
    }
    if entry.mode & 0o111 == 0 {
        let what = format!("needs the loader `{shown}`, which is not executable");
        return Some(Stop { about_modes: true, ..Stop::new(CODE, &what).hint("copy it with `--chmod=755`") });
    }
    None
}

pub fn lack(lack: &Lack) -> Stop {
    let through = |by: &Option<String>| by.as_ref().map_or_else(String::new, |by| format!(" (for `{by}`)"));
    match lack {
        Lack::Library { name, by, at: None } => {
            let what = format!("needs the library `{name}`{}, which is not in the image", through(by));
            Stop::new(CODE, &what).hint(LIBRARIES)
        }
        Lack::Library { name, by, at: Some(at) } => {
            let what =
                format!("needs the library `{name}`{}; `{at}` is there, but not in `/etc/ld.so.cache`", through(by));
            Stop::new(CODE, &what).hint("run `ldconfig` in the last stage, after it was copied")
        }
        Lack::Foreign { name, at, arch } => {
            let what = format!("needs the library `{name}`, but `{at}` is for {arch}");
            Stop::new(CODE, &what).hint("copy the one for the platform of the image")
        }
        Lack::Closed { name, at } => {
            let what = format!("needs the library `{name}`, but the user of the image cannot read `{at}`");
            Stop { about_modes: true, ..Stop::new(CODE, &what).hint("copy it with `--chmod=755`") }
        }
        Lack::Version { version, library, by, highest } => {
            let has = highest.as_ref().map_or_else(String::new, |highest| format!(" (it has {highest} at most)"));
            let what = format!("needs {version}{}, which `{library}` of the image does not have{has}", through(by));
            Stop::new(CODE, &what).hint("build it on the same base image or an older one, or use a newer base image")
        }
    }
}

pub fn unreadable(user: &User) -> Stop {
    let what = format!("user `{}` cannot read: the program that reads the script needs more than an x", user.shown);
    Stop { about_modes: true, ..Stop::new(CODE, &what).hint("copy it with `--chmod=755`") }
}

pub fn no_interpreter() -> Stop {
    Stop::new(CODE, "begins with a `#!` that names no program").hint("write `#!/bin/sh`")
}

/// What is wrong with a first line, whatever it names.
pub fn first_line(line: &Interpreter) -> Option<Stop> {
    let name = line.path.rsplit('/').next().unwrap_or(&line.path);
    let argument = line.argument.as_deref().unwrap_or_default();
    let counts = line.argument.is_none() || name == "env" || name.ends_with("sh");
    if line.crlf && counts {
        let what = format!("has a first line that ends with CRLF: the kernel looks for `{}\\r`", line.path);
        let hint = "save it with LF; `*.sh text eol=lf` in `.gitattributes` keeps it so";
        return Some(Stop::new(CODE, &what).hint(hint));
    }
    if name == "env" && !argument.starts_with('-') && argument.contains([' ', '\t']) {
        let what = format!("has a first line that lets `env` look for one program named `{argument}`");
        return Some(Stop::new(CODE, &what).hint(format!("write `#!{} -S {argument}`", line.path)));
    }
    None
}

/// A C library or shell of the image that is for another processor, though the image may start without it.
pub fn other_base(files: &FileSystem, machine: &Machine) -> Option<String> {
    use super::machine::Fit;
    let arch = |path: &str| match &files.walk("", path).ok()?.entry.and_then(Entry::file)?.form {
        Form::Program(program) => Some(program.arch.clone()),
        _ => None,
    };
    let tell = |path: &str, arch: &str| {
        format!(
            "`{path}` is for {arch}, but the image is for {}: its base image is for another platform",
            machine.platform
        )
    };
    if let Some(found) = arch("/bin/sh").filter(|arch| machine.fit(arch) == Fit::Foreign) {
        return Some(tell("/bin/sh", &found));
    }
    let folders = ["lib", "lib64"].map(|folder| (folder, files.walk("", &format!("/{folder}"))));
    let mut foreign = None;
    for (folder, way) in &folders {
        let Ok(way) = way else { continue };
        for (name, _) in
            files.list(&way.place).filter(|(name, _)| name.starts_with("ld-linux") || name.starts_with("ld-musl"))
        {
            let path = format!("/{folder}/{name}");
            match arch(&path) {
                Some(found) if machine.fit(&found) == Fit::Foreign => foreign = foreign.or(Some(tell(&path, &found))),
                Some(_) => return None,
                None => {}
            }
        }
    }
    foreign
}
