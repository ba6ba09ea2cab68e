//! Platform tags that PyPI takes: `_valid_platform_tag` of warehouse/forklift/legacy.py.

/// Tags that are compared as a whole.
const FIXED: &[&str] = &[
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
const MAC: &[&str] =
    &["ppc", "ppc64", "i386", "x86_64", "arm64", "intel", "fat", "fat3", "fat64", "universal", "universal2"];
const MAC_MAJORS: &[&str] = &["11", "12", "13", "14", "15", "26"];
const LINUX: &[&str] = &["x86_64", "i686", "aarch64", "armv7l", "ppc64le", "s390x", "riscv64"];
const ANDROID: &[&str] = &["armeabi_v7a", "arm64_v8a", "x86", "x86_64"];

/// Whether PyPI takes a wheel for a platform.
pub fn is_platform(tag: &str) -> bool {
    if FIXED.contains(&tag) {
        return true;
    }
    if let Some((major, minor, arch)) = numbered(tag, "macosx_") {
        return MAC.contains(&arch) && (major == "10" || (MAC_MAJORS.contains(&major) && minor == "0"));
    }
    if let Some((_, _, arch)) = numbered(tag, "musllinux_") {
        return LINUX.contains(&arch);
    }
    if let Some((_, _, arch)) = numbered(tag, "manylinux_") {
        return LINUX.contains(&arch) || arch == "ppc64";
    }
    if let Some((_, _, rest)) = numbered(tag, "ios_") {
        let arch = rest.strip_suffix("_iphoneos").or_else(|| rest.strip_suffix("_iphonesimulator"));
        return arch.is_some_and(|arch| ["arm64", "x86_64"].contains(&arch));
    }
    if let Some((_, arch)) = tag.strip_prefix("android_").and_then(number) {
        return ANDROID.contains(&arch);
    }
    numbered(tag, "pyemscripten_").is_some_and(|(_, _, rest)| rest.starts_with("wasm32"))
}

/// `PREFIX MAJOR _ MINOR _ REST`.
fn numbered<'a>(tag: &'a str, prefix: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (major, rest) = number(tag.strip_prefix(prefix)?)?;
    let (minor, rest) = number(rest)?;
    Some((major, minor, rest))
}

fn number(text: &str) -> Option<(&str, &str)> {
    let (number, rest) = text.split_once('_')?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_of_the_list() {
        for tag in [
            "any",
            "win_amd64",
            "manylinux2014_aarch64",
            "manylinux_2_34_x86_64",
            "manylinux_2_17_ppc64",
            "musllinux_1_2_riscv64",
            "macosx_10_12_x86_64",
            "macosx_11_0_arm64",
            "macosx_26_0_universal2",
            "ios_13_0_arm64_iphoneos",
            "android_21_arm64_v8a",
            "pyemscripten_2026_0_wasm32",
        ] {
            assert!(is_platform(tag), "{tag}");
        }
        for tag in [
            "",
            "linux_x86_64",
            "manylinux_2_x86_64",
            "manylinux2014_riscv64",
            "win_x86_64",
            "ios_13_0_armv7_iphoneos",
            "macosx_11_0_aarch64",
            "macosx_11_1_arm64",
            "macosx_16_0_arm64",
            "musllinux_1_2_ppc64",
            "manylinux_2_34_loongarch64",
            "manylinux_x_y_x86_64",
            "android_21_mips",
            "freebsd_14_0_amd64",
        ] {
            assert!(!is_platform(tag), "{tag}");
        }
    }
}
