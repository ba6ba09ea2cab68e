//! Platform tags: which of them PyPI takes, and what each promises about the libraries inside.
//!
//! <https://packaging.python.org/specifications/platform-compatibility-tags/>; the list is PyPI's own
//! (`_valid_platform_tag` in warehouse's `forklift/legacy.py`).

use super::{Flaw, flaw};
use crate::wheel::WheelTag;

/// Tags that are no pattern.
const FIXED: [&str; 18] = [
    "any",
    "win32",
    "win_arm64",
    "win_amd64",
    "win_ia64",
    "manylinux1_x86_64",
    "manylinux1_i686",
    "manylinux2010_x86_64",
    "manylinux2010_i686",
    "manylinux2014_x86_64",
    "manylinux2014_i686",
    "manylinux2014_aarch64",
    "manylinux2014_armv7l",
    "manylinux2014_ppc64",
    "manylinux2014_ppc64le",
    "manylinux2014_s390x",
    "linux_armv6l",
    "linux_armv7l",
];
const MACOS: [&str; 11] =
    ["ppc", "ppc64", "i386", "x86_64", "arm64", "intel", "fat", "fat3", "fat64", "universal", "universal2"];
const MACOS_MAJORS: [u32; 6] = [11, 12, 13, 14, 15, 26];
const LINUX: [&str; 7] = ["x86_64", "i686", "aarch64", "armv7l", "ppc64le", "s390x", "riscv64"];

/// What one platform tag promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform<'t> {
    /// No machine code at all.
    Any,
    /// A glibc of at least this version.
    Manylinux { glibc: (u32, u32), arch: &'t str },
    /// musl.
    Musllinux { arch: &'t str },
    /// macOS, its version and architectures.
    Macos { version: (u32, u32), arch: &'t str },
    /// Windows.
    Windows { arch: &'t str },
    /// Something this program builds nothing for.
    Other,
}

impl<'t> Platform<'t> {
    /// Of one tag, not of several joined with dots.
    pub fn of(tag: &'t str) -> Self {
        let numbered = |prefix: &str| tag.strip_prefix(prefix).and_then(numbers);
        let aliases = [("manylinux1_", (2, 5)), ("manylinux2010_", (2, 12)), ("manylinux2014_", (2, 17))];
        if let Some((arch, glibc)) =
            aliases.iter().find_map(|(prefix, glibc)| Some((tag.strip_prefix(prefix)?, *glibc)))
        {
            return Self::Manylinux { glibc, arch };
        }
        if let Some((glibc, arch)) = numbered("manylinux_") {
            return Self::Manylinux { glibc, arch };
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

/// Whether PyPI takes a wheel of one platform tag.
pub fn is_taken(tag: &str) -> bool {
    let known = match Platform::of(tag) {
        Platform::Manylinux { arch, .. } => tag.starts_with("manylinux_") && (LINUX.contains(&arch) || arch == "ppc64"),
        Platform::Musllinux { arch } => LINUX.contains(&arch),
        Platform::Macos { version: (10, _), arch } => MACOS.contains(&arch),
        Platform::Macos { version: (major, 0), arch } => MACOS_MAJORS.contains(&major) && MACOS.contains(&arch),
        _ => false,
    };
    known || FIXED.contains(&tag) || is_mobile(tag)
}

/// iOS, Android and Pyodide.
fn is_mobile(tag: &str) -> bool {
    let number = |text: &str| text.parse::<u32>().is_ok();
    let ios = tag.strip_prefix("ios_").and_then(numbers).map(|(_, arch)| arch);
    let android = tag.strip_prefix("android_").and_then(|rest| rest.split_once('_'));
    let phone = ["arm64_iphoneos", "arm64_iphonesimulator", "x86_64_iphoneos", "x86_64_iphonesimulator"];
    let droid = ["armeabi_v7a", "arm64_v8a", "x86", "x86_64"];
    let pyodide = tag.strip_prefix("pyemscripten_").and_then(numbers).map(|(_, arch)| arch);
    ios.is_some_and(|arch| phone.contains(&arch))
        || android.is_some_and(|(level, arch)| number(level) && droid.contains(&arch))
        || pyodide == Some("wasm32")
}

/// Every platform of a tag must be one that PyPI takes.
pub fn check(tag: &WheelTag, flaws: &mut Vec<Flaw>) {
    for platform in tag.platform.split('.').filter(|platform| !is_taken(platform)) {
        let text = format!("is for `{platform}`, which PyPI does not take");
        let hint = "a plain `linux_…` needs a manylinux or musllinux policy (`compatibility:`, `builder: zigbuild`); macOS is `macosx_10_N` or `macosx_11_0` and up";
        flaws.push(flaw("wheel-platform-tag", text, hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_the_index() {
        let taken = [
            "any",
            "manylinux_2_28_x86_64",
            "manylinux2014_aarch64",
            "musllinux_1_2_aarch64",
            "macosx_10_12_x86_64",
            "macosx_11_0_arm64",
            "macosx_26_0_universal2",
            "win_amd64",
            "ios_13_0_arm64_iphoneos",
            "android_24_x86_64",
            "pyemscripten_2025_0_wasm32",
        ];
        let refused = [
            "linux_x86_64",
            "macosx_11_1_arm64",
            "macosx_16_0_arm64",
            "macosx_11_0_aarch64",
            "manylinux_2_28_amd64",
            "manylinux_2_x86_64",
            "manylinux2014_riscv64",
            "musllinux_1_2_ppc64",
            "win_x86_64",
            "ios_13_0_armv7_iphoneos",
            "",
        ];
        for tag in taken {
            assert!(is_taken(tag), "{tag}");
        }
        for tag in refused {
            assert!(!is_taken(tag), "{tag}");
        }
    }

    #[test]
    fn promises() {
        let glibc = |tag| match Platform::of(tag) {
            Platform::Manylinux { glibc, arch } => (glibc, arch),
            other => panic!("{other:?}"),
        };
        assert_eq!(glibc("manylinux2014_x86_64"), ((2, 17), "x86_64"));
        assert_eq!(glibc("manylinux_2_34_aarch64"), ((2, 34), "aarch64"));
        assert_eq!(Platform::of("macosx_10_12_universal2").machine(), Some(("macho", vec!["x86_64", "aarch64"])));
        assert_eq!(Platform::of("win_arm64").machine(), Some(("pe", vec!["aarch64"])));
        assert_eq!(Platform::of("linux_x86_64"), Platform::Other);
    }
}
