//! Platform tags: what each promises about the libraries inside.
//!
//! <https://packaging.python.org/specifications/platform-compatibility-tags/>

use super::flaw::{Flaw, flaw};
use crate::pypi::platform::is_platform;
use crate::wheel::WheelTag;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc {
    pub major: u32,
    pub minor: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform<'t> {
    /// No machine code at all.
    Any,
    /// A glibc of at least this version.
    Manylinux {
        glibc: Glibc,
        arch: &'t str,
    },
    Musllinux {
        arch: &'t str,
    },
    Macos {
        version: (u32, u32),
        arch: &'t str,
    },
    Windows {
        arch: &'t str,
    },
    /// Something this program builds nothing for.
    Other,
}

impl<'t> Platform<'t> {
    /// Of one tag, not of several joined with dots.
    pub fn of(tag: &'t str) -> Self {
        let numbered = |prefix: &str| tag.strip_prefix(prefix).and_then(numbers);
        let aliases = [("manylinux1_", 5), ("manylinux2010_", 12), ("manylinux2014_", 17)];
        if let Some((arch, minor)) =
            aliases.iter().find_map(|(prefix, minor)| Some((tag.strip_prefix(prefix)?, *minor)))
        {
            return Self::Manylinux { glibc: Glibc { major: 2, minor }, arch };
        }
        if let Some(((major, minor), arch)) = numbered("manylinux_") {
            return Self::Manylinux { glibc: Glibc { major, minor }, arch };
        }
        if let Some((_, arch)) = numbered("musllinux_") {
            return Self::Musllinux { arch };
        }
        if let Some((version, arch)) = numbered("macosx_") {
            return Self::Macos { version, arch };
        }
        match tag {
            "any" => Self::Any,
            "win32" => Self::Windows { arch: "i686" },
            "win_amd64" => Self::Windows { arch: "x86_64" },
            "win_arm64" => Self::Windows { arch: "aarch64" },
            _ => Self::Other,
        }
    }

    /// The format of its libraries, and the architectures that each must hold, as `inspect` calls them.
    pub fn machine(self) -> Option<(&'static str, Vec<&'t str>)> {
        match self {
            Self::Manylinux { arch, .. } | Self::Musllinux { arch } => Some(("elf", vec![arch])),
            Self::Macos { arch: "universal2", .. } => Some(("macho", vec!["x86_64", "aarch64"])),
            Self::Macos { arch: "arm64", .. } => Some(("macho", vec!["aarch64"])),
            Self::Macos { arch, .. } => Some(("macho", vec![arch])),
            Self::Windows { arch } => Some(("pe", vec![arch])),
            Self::Any | Self::Other => None,
        }
    }
}

/// The two numbers of `11_0_arm64` and what follows.
fn numbers(text: &str) -> Option<((u32, u32), &str)> {
    let mut parts = text.splitn(3, '_');
    let mut number = || parts.next().and_then(|part| part.parse().ok());
    let version = (number()?, number()?);
    Some((version, parts.next()?))
}

/// Every platform of a tag must be one that PyPI takes.
pub fn check(tag: &WheelTag, flaws: &mut Vec<Flaw>) {
    for platform in tag.platform.split('.').filter(|platform| !is_platform(platform)) {
        let text = format!("is for `{platform}`, which PyPI does not accept");
        let hint = "a plain `linux_…` needs a manylinux or musllinux policy (`compatibility:`, `builder: zigbuild`); macOS is `macosx_10_N` or `macosx_11_0` and up";
        flaws.push(flaw("wheel-platform-tag", text, hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises() {
        let glibc = |tag| match Platform::of(tag) {
            Platform::Manylinux { glibc, arch } => (glibc, arch),
            other => panic!("{other:?}"),
        };
        assert_eq!(glibc("manylinux2014_x86_64"), (Glibc { major: 2, minor: 17 }, "x86_64"));
        assert_eq!(glibc("manylinux_2_34_aarch64"), (Glibc { major: 2, minor: 34 }, "aarch64"));
        assert_eq!(Platform::of("macosx_10_12_universal2").machine(), Some(("macho", vec!["x86_64", "aarch64"])));
        assert_eq!(Platform::of("win_arm64").machine(), Some(("pe", vec!["aarch64"])));
        assert_eq!(Platform::of("linux_x86_64"), Platform::Other);
    }
}
