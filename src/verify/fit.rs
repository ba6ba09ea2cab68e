//! Does an executable start on a base image? Read from bytes on both sides; nothing is run.

use crate::inspect::{BinaryFacts, parse_version};
use crate::plan::Assembly;
use crate::platform::{BaseFacts, BaseLibc, Platform};
use crate::target::Linkage;

/// Why an executable cannot start where it is put, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// What is missing there, for people: `needs …, which … has not`.
    pub text: String,
    pub hint: String,
}

fn misfit(text: String, hint: impl Into<String>) -> Misfit {
    Misfit { text, hint: hint.into() }
}

const OTHER_BUILD: &str = "remove what forces this build: a static one (`static-target:`) runs anywhere";

/// Everything that keeps an executable from starting. `symbol` finds a name that is wanted in a glibc version.
pub fn misfits(
    work: &Assembly,
    platform: Platform,
    facts: &BinaryFacts,
    symbol: impl Fn(&str) -> Option<String>,
) -> Vec<Misfit> {
    let arch = platform.machine();
    if facts.format != "elf" || facts.arch != arch {
        let text = format!("is {} for {}, but the image is for {platform}", facts.format, facts.arch);
        return vec![misfit(
            text,
            format!("give the image an executable for {arch}: check `--prebuilt` and `targets:`"),
        )];
    }
    if facts.linkage == Linkage::Static {
        return Vec::new();
    }
    let base = work.base.as_ref().map_or_else(|| "a scratch image".into(), |base| format!("`{}`", base.from));
    let mut all = Vec::new();
    let interpreter = facts.interpreter.as_deref().unwrap_or_default();
    if !work.facts.loaders.iter().any(|loader| loader == interpreter) {
        let has = match &work.facts.libc {
            BaseLibc::None => "no C library".to_owned(),
            libc => libc.to_string(),
        };
        let text = format!("needs the loader `{interpreter}`, but {base} has {has}");
        all.push(misfit(text, OTHER_BUILD));
        // Without it nothing else matters.
        return all;
    }
    if let (Some(needed), BaseLibc::Glibc(provided)) = (&facts.glibc, &work.facts.libc)
        && parse_version(needed) > parse_version(provided)
    {
        let what = symbol(needed).map_or_else(String::new, |symbol| format!(" (symbol `{symbol}`)"));
        let text = format!("needs GLIBC_{needed}{what}, but {base} has {provided}");
        let hint = "build on an older system (`runner:`, `container:`) or with `builder: zigbuild` and `glibc:`; or use a newer base image";
        all.push(misfit(text, hint));
    }
    let missing: Vec<String> =
        facts.needed.iter().filter(|name| !provides(&work.facts, name)).map(|name| format!("`{name}`")).collect();
    if !missing.is_empty() {
        let text = format!("needs {}, but {base} has no such library", missing.join(", "));
        let hint = "link it statically (a `vendored` feature), or use a base image that has it (`bases:`)";
        all.push(misfit(text, hint));
    }
    all
}

/// Whether a base has a library. musl's loader is its C library, under every name it was ever given.
fn provides(base: &BaseFacts, name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    let musl = base.libc == BaseLibc::Musl && (file == "libc.so" || file.starts_with("libc.musl-"));
    let loader = base.loaders.iter().any(|loader| loader.rsplit('/').next() == Some(file));
    musl || loader || base.libraries.iter().any(|library| library == file)
}

/// Whether somebody of this name exists in a scratch image; numbers always do.
pub fn knows_user(work: &Assembly) -> bool {
    let named = work.config.user.split(':');
    let known = |name: &str| ["", "root", "nobody", "nonroot"].contains(&name);
    work.base.is_some() || named.into_iter().all(|name| known(name) || name.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{ImageConfig, PlannedBase};

    fn image(libc: &str, loaders: &[&str], libraries: &[&str]) -> Assembly {
        Assembly {
            base: Some(PlannedBase { from: "debian:12".parse().unwrap(), digest: None }),
            facts: BaseFacts {
                libc: libc.parse().unwrap(),
                loaders: loaders.iter().map(ToString::to_string).collect(),
                libraries: libraries.iter().map(ToString::to_string).collect(),
            },
            layers: Vec::new(),
            executables: Vec::new(),
            config: ImageConfig::default(),
        }
    }

    fn program(arch: &str, interpreter: &str, glibc: &str, needed: &[&str]) -> BinaryFacts {
        BinaryFacts {
            format: "elf".into(),
            arch: arch.into(),
            linkage: if interpreter.is_empty() { Linkage::Static } else { Linkage::Dynamic },
            interpreter: Some(interpreter.to_owned()).filter(|text| !text.is_empty()),
            needed: needed.iter().map(ToString::to_string).collect(),
            glibc: Some(glibc.to_owned()).filter(|text| !text.is_empty()),
            macos: None,
            stripped: true,
        }
    }

    const GNU: &str = "/lib64/ld-linux-x86-64.so.2";
    const MUSL: &str = "/lib/ld-musl-x86_64.so.1";

    fn check(image: &Assembly, program: &BinaryFacts, expected: &[&str]) {
        let found = misfits(image, Platform::LinuxAmd64, program, |_| Some("pidfd_spawnp".into()));
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (misfit, part) in found.iter().zip(expected) {
            assert!(misfit.text.contains(part), "{} lacks {part}", misfit.text);
        }
    }

    #[test]
    fn what_starts_and_what_does_not() {
        let debian = image("glibc 2.36", &[GNU], &["libc.so.6", "libgcc_s.so.1"]);
        let alpine = image("musl", &[MUSL], &["libz.so.1"]);
        let scratch = Assembly { base: None, ..image("none", &[], &[]) };
        let fixed = program("x86_64", "", "", &[]);
        for image in [&debian, &alpine, &scratch] {
            check(image, &fixed, &[]);
        }
        let gnu = program("x86_64", GNU, "2.36", &["libc.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"]);
        check(&debian, &gnu, &[]);
        check(&alpine, &gnu, &["the loader `/lib64/ld-linux-x86-64.so.2`, but `docker.io/library/debian:12` has musl"]);
        check(&scratch, &gnu, &["a scratch image has no C library"]);
        let newer = program("x86_64", GNU, "2.39", &["libc.so.6", "libssl.so.3"]);
        check(&debian, &newer, &["GLIBC_2.39 (symbol `pidfd_spawnp`), but", "`libssl.so.3`"]);
        let musl = program("x86_64", MUSL, "", &["libc.musl-x86_64.so.1", "libgcc_s.so.1"]);
        check(&alpine, &musl, &["`libgcc_s.so.1`"]);
        check(&debian, &musl, &["the loader `/lib/ld-musl-x86_64.so.1`"]);
        check(&debian, &program("aarch64", "", "", &[]), &["is elf for aarch64, but the image is for linux/amd64"]);
    }

    #[test]
    fn users_of_an_image_from_nothing() {
        let mut scratch = Assembly { base: None, ..image("none", &[], &[]) };
        for (user, expected) in [("65532:65532", true), ("nonroot", true), ("app", false), ("0:app", false), ("", true)]
        {
            scratch.config.user = user.into();
            assert_eq!(knows_user(&scratch), expected, "{user}");
        }
    }
}
