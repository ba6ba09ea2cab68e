//! The libraries that a program is loaded with, found as its loader finds them: ld.so(8), and musl's `ldso/dynlink.c`.

use crate::inspect::{Program, parse_version};
use crate::oci::filesystem::{Entry, FileSystem, Form, Way};
use crate::oci::layer;

use super::user::{EXECUTE, READ, User};

/// The most libraries of one program; browsers have 200.
const MOST: usize = 2000;
/// Where loaders look by themselves. Each distribution builds in its own; too many of them hide nothing of importance.
const GLIBC: &[&str] = &["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/libx32", "/usr/libx32", "/lib32", "/usr/lib32"];
const MUSL: &[&str] = &["/lib", "/usr/local/lib", "/usr/lib"];
/// Debian's folders, below `/lib` and `/usr/lib`.
const MULTIARCH: &[(&str, &[&str])] = &[
    ("x86_64", &["x86_64-linux-gnu"]),
    ("x86_64-32", &["x86_64-linux-gnux32"]),
    ("aarch64", &["aarch64-linux-gnu"]),
    ("i686", &["i386-linux-gnu"]),
    ("arm", &["arm-linux-gnueabihf", "arm-linux-gnueabi"]),
    ("riscv", &["riscv64-linux-gnu"]),
    ("powerpc64le", &["powerpc64le-linux-gnu"]),
    ("s390x", &["s390x-linux-gnu"]),
    ("loongarch64", &["loongarch64-linux-gnu"]),
];
/// What a container gets from its host: the kernel, and drivers of graphics cards.
const OF_THE_HOST: &[&str] = &["linux-vdso.", "linux-gate.", "libcuda.so", "libnvidia-", "libnvcuvid.so"];
/// musl is all of these: `load_library` in its loader.
const OF_MUSL: &[&str] = &["libc.", "libpthread.", "librt.", "libm.", "libdl.", "libutil.", "libxnet."];

/// What a program needs and does not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// A library, and who needs it if that is another library; whether it lies where only `ldconfig` would find it.
    Library { name: String, by: Option<String>, at: Option<String> },
    /// One that is there for another processor.
    Foreign { name: String, at: String, arch: String },
    /// One that the user may not read.
    Closed { name: String, at: String },
    /// A version of one; and the highest that it has, if versions of that name are numbers.
    Version { version: String, library: String, by: Option<String>, highest: Option<String> },
}

/// Where a program runs.
pub struct Place<'a> {
    pub files: &'a FileSystem,
    pub user: Option<&'a User>,
    /// `LD_LIBRARY_PATH`
    pub path: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Glibc,
    Musl,
}

struct Object<'f> {
    program: &'f Program,
    /// Where `$ORIGIN` may be.
    origins: Vec<String>,
    /// The library as it was asked for; nothing for the program.
    name: Option<String>,
    parent: Option<usize>,
}

enum Found<'f> {
    Object(Object<'f>),
    /// It is there, or comes later; nothing is known of it.
    Somehow,
    Not(Lack),
}

/// What a program lacks that lies at a place and is started by `loader`.
pub fn lacks(place: &Place<'_>, at: &str, program: &Program, loader: &Way<'_>) -> Vec<Lack> {
    let Some(Form::Program(of_loader)) = loader.entry.and_then(Entry::file).map(|file| &file.form) else {
        return Vec::new();
    };
    let Some(family) = family(layer::name(&loader.place), of_loader) else { return Vec::new() };
    let search = Search { place, family, arch: &program.arch, loader: layer::folder(&loader.place).to_owned() };
    search.all(at, program, of_loader)
}

fn family(name: &str, loader: &Program) -> Option<Family> {
    let soname = loader.soname.as_deref().unwrap_or_default();
    let musl = name.starts_with("ld-musl-") || soname.starts_with("libc.musl-") || soname == "libc.so";
    let glibc = loader.defines.iter().any(|version| version.starts_with("GLIBC_"));
    match () {
        () if musl => Some(Family::Musl),
        () if glibc => Some(Family::Glibc),
        // Another one, or a translation between the two: its ways are unknown.
        () => None,
    }
}

struct Search<'a> {
    place: &'a Place<'a>,
    family: Family,
    arch: &'a str,
    /// The folder of the loader.
    loader: String,
}

impl<'a> Search<'a> {
    fn all(&self, at: &str, program: &'a Program, loader: &'a Program) -> Vec<Lack> {
        let origins = vec![format!("/{}", layer::folder(at))];
        let mut objects = vec![Object { program, origins, name: None, parent: None }];
        let name = loader.soname.clone().unwrap_or_default();
        objects.push(Object { program: loader, origins: Vec::new(), name: Some(name), parent: Some(0) });
        let mut lacks = Vec::new();
        let (mut index, mut unseen) = (0, false);
        let mut known: Vec<String> = Vec::new();
        while index < objects.len() && objects.len() < MOST {
            for name in &objects[index].program.needed {
                let loaded = |one: &Object<'_>| {
                    one.name.as_ref() == Some(name)
                        || (one.parent.is_some() && one.program.soname.as_ref() == Some(name))
                };
                if known.contains(name) || objects.iter().any(loaded) || self.is_given(name) {
                    continue;
                }
                known.push(name.clone());
                match self.find(&objects, index, name) {
                    Found::Object(object) => objects.push(object),
                    Found::Somehow => unseen = true,
                    Found::Not(lack) => lacks.push(lack),
                }
                if objects.len() >= MOST {
                    break;
                }
            }
            index += 1;
        }
        if self.family == Family::Glibc && !unseen {
            lacks.extend(versions(&objects));
        }
        lacks
    }

    fn is_given(&self, name: &str) -> bool {
        let starts = |all: &[&str]| all.iter().any(|start| name.starts_with(start));
        starts(OF_THE_HOST) || (self.family == Family::Musl && (starts(OF_MUSL) || name.starts_with("ld-musl-")))
    }

    fn find(&self, objects: &[Object<'a>], index: usize, name: &str) -> Found<'a> {
        let by = objects[index].name.clone();
        let mut lack = Lack::Library { name: name.to_owned(), by, at: None };
        let mut paths = Vec::new();
        if name.contains('/') {
            let Some(expanded) = self.expand(name, &objects[index].origins) else { return Found::Somehow };
            // From the folder that it happens to run in.
            if !expanded.iter().all(|path| path.starts_with('/')) {
                return Found::Somehow;
            }
            paths.extend(expanded);
        } else {
            let Some(folders) = self.folders(objects, index) else { return Found::Somehow };
            paths.extend(folders.iter().map(|folder| format!("{folder}/{name}")));
            if self.family == Family::Glibc {
                match self.place.files.file("/etc/ld.so.cache").map(|file| &file.form) {
                    Some(Form::Cache(cache)) => paths.extend(cache.paths(name).iter().cloned()),
                    // It is there, but we do not understand it.
                    Some(_) => paths.extend(self.configured().iter().map(|folder| format!("{folder}/{name}"))),
                    None => {}
                }
                paths.extend(self.built_in().iter().map(|folder| format!("{folder}/{name}")));
            }
        }
        for path in &paths {
            match self.try_path(path, name) {
                Some(Found::Not(other)) => lack = other,
                Some(Found::Object(object)) => return Found::Object(Object { parent: Some(index), ..object }),
                Some(Found::Somehow) => return Found::Somehow,
                None => {}
            }
        }
        if let Lack::Library { at, .. } = &mut lack {
            let folders = self.configured();
            let mut beside = folders.iter().map(|folder| format!("{folder}/{name}"));
            *at = beside.find(|path| matches!(self.try_path(path, name), Some(Found::Object(_))));
        }
        Found::Not(lack)
    }

    /// Nothing if there is nothing.
    fn try_path(&self, path: &str, name: &str) -> Option<Found<'a>> {
        let files: &'a FileSystem = self.place.files;
        let way = files.walk("", path).ok()?;
        let entry = way.entry?;
        let Some(content) = entry.file() else { return Some(Found::Somehow) };
        let Form::Program(program) = &content.form else { return Some(Found::Somehow) };
        if program.arch != self.arch {
            let (name, at, arch) = (name.to_owned(), path.to_owned(), program.arch.clone());
            return Some(Found::Not(Lack::Foreign { name, at, arch }));
        }
        let may = |user: &User| {
            let enters = |folder: &String| files.at(folder).is_none_or(|entry| user.may(entry, EXECUTE));
            user.may(entry, READ) && way.folders.iter().all(enters)
        };
        if !self.place.user.is_none_or(may) {
            return Some(Found::Not(Lack::Closed { name: name.to_owned(), at: path.to_owned() }));
        }
        let folder = |path: &str| path.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned());
        let origins = vec![folder(path), folder(&format!("/{}", way.place))];
        Some(Found::Object(Object { program, origins, name: Some(name.to_owned()), parent: None }))
    }

    /// Folders that the object, those that need it, and the environment name; nothing if one of them cannot be told.
    fn folders(&self, objects: &[Object<'a>], index: usize) -> Option<Vec<String>> {
        let mut folders = Vec::new();
        let own = &objects[index];
        let mut each = Some(index);
        // No more steps than objects: parents come before their children.
        while let Some(object) = each.map(|at| &objects[at]) {
            let texts = match self.family {
                Family::Musl => [object.program.runpath.as_ref(), object.program.rpath.as_ref()],
                Family::Glibc if own.program.runpath.is_some() => [own.program.runpath.as_ref(), None],
                Family::Glibc => [object.program.rpath.as_ref().filter(|_| object.program.runpath.is_none()), None],
            };
            for text in texts.into_iter().flatten() {
                folders.extend(self.expand(text, &object.origins)?);
            }
            each = object.parent;
        }
        let of_environment = self.place.path.split([':', ';']).filter(|folder| !folder.is_empty());
        folders.extend(of_environment.map(str::to_owned));
        if self.family == Family::Musl {
            folders.extend(self.built_in());
        }
        Some(folders)
    }

    fn expand(&self, text: &str, origins: &[String]) -> Option<Vec<String>> {
        let mut all = Vec::new();
        for folder in text.split(':').filter(|folder| !folder.is_empty()) {
            let folder = folder.replace("${ORIGIN}", "$ORIGIN").replace("${LIB}", "$LIB");
            let libs: Vec<String> = match folder.contains("$LIB") {
                true => ["lib", "lib64"].into_iter().map(str::to_owned).chain(self.multiarch("lib")).collect(),
                false => vec![String::new()],
            };
            for origin in origins {
                all.extend(libs.iter().map(|lib| folder.replace("$ORIGIN", origin).replace("$LIB", lib)));
            }
        }
        (!all.iter().any(|folder| folder.contains('$'))).then_some(all)
    }

    fn multiarch(&self, below: &str) -> Vec<String> {
        let row = MULTIARCH.iter().find(|(arch, _)| *arch == self.arch);
        let names = row.map(|(_, names)| *names).unwrap_or_default();
        names.iter().map(|name| format!("{below}/{name}")).collect()
    }

    fn built_in(&self) -> Vec<String> {
        let own = |all: &[&str]| all.iter().map(|folder| (*folder).to_owned()).collect::<Vec<_>>();
        if self.family == Family::Musl {
            return self.of_musl().unwrap_or_else(|| own(MUSL));
        }
        let mut all = self.multiarch("/lib");
        all.extend(self.multiarch("/usr/lib"));
        all.extend(own(GLIBC));
        all.push(format!("/{}", self.loader));
        let mut better = Vec::new();
        for folder in &all {
            let Ok(way) = self.place.files.walk("", &format!("{folder}/glibc-hwcaps")) else { continue };
            better.extend(self.place.files.list(&way.place).map(|(name, _)| format!("{folder}/glibc-hwcaps/{name}")));
        }
        all.extend(better);
        all
    }

    /// What `/etc/ld-musl-ARCH.path` says instead of the built-in folders.
    fn of_musl(&self) -> Option<Vec<String>> {
        let files = self.place.files;
        let (name, _) = files.list("etc").find(|(name, _)| {
            name.starts_with("ld-musl-") && name.ends_with(".path") && name.contains(self.arch.trim_end_matches("-32"))
        })?;
        let text = files.text(&format!("/etc/{name}"))?;
        Some(text.split([':', '\n']).filter(|folder| !folder.is_empty()).map(str::to_owned).collect())
    }

    /// The folders of `/etc/ld.so.conf` and what it includes: for `ldconfig`, not for the loader.
    fn configured(&self) -> Vec<String> {
        let files = self.place.files;
        let mut all = Vec::new();
        let mut add = |text: &str| {
            let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
            all.extend(lines.filter(|line| line.starts_with('/')).take(100).map(str::to_owned));
        };
        files.text("/etc/ld.so.conf").into_iter().for_each(&mut add);
        if let Ok(way) = files.walk("", "/etc/ld.so.conf.d") {
            for (name, _) in files.list(&way.place).filter(|(name, _)| name.ends_with(".conf")).take(100) {
                files.text(&format!("/{}/{name}", way.place)).into_iter().for_each(&mut add);
            }
        }
        all
    }
}

/// Versions that loaded objects ask of each other and do not have. A library without any is taken with a warning by the
/// loader.
fn versions(objects: &[Object<'_>]) -> Vec<Lack> {
    let mut lacks = Vec::new();
    for object in objects {
        for want in object.program.wants.iter().filter(|want| !want.weak) {
            let is = |one: &&Object<'_>| {
                one.parent.is_some()
                    && [&one.name, &one.program.soname].into_iter().flatten().any(|name| *name == want.library)
            };
            let Some(library) = objects.iter().find(is) else { continue };
            let defines = &library.program.defines;
            if defines.is_empty() || defines.contains(&want.version) {
                continue;
            }
            let lack = Lack::Version {
                version: want.version.clone(),
                library: want.library.clone(),
                by: object.name.clone(),
                highest: highest(&want.version, defines),
            };
            if !lacks.contains(&lack) {
                lacks.push(lack);
            }
        }
    }
    lacks
}

/// The highest version of the same name: of `GLIBC_2.99`, `GLIBC_2.36`.
fn highest(version: &str, defines: &[String]) -> Option<String> {
    let (name, _) = version.rsplit_once('_')?;
    let number = |version: &String| parse_version(version.strip_prefix(name)?.strip_prefix('_')?);
    defines.iter().filter(|version| number(version).is_some()).max_by_key(|version| number(version)).cloned()
}
