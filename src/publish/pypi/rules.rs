//! What an index refuses, known from a file's name and size alone.
//!
//! The platform tags are those of PyPI's own list, `warehouse/forklift/legacy.py`.

use super::{Index, Upload};
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::wheel::{WheelName, sdist_name};

/// The largest file without an exception from PyPI's administrators.
pub const LARGEST: u64 = 100 << 20;

/// Platforms without a version.
const PLATFORMS: &[&str] = &["any", "win32", "win_amd64", "win_arm64", "win_ia64", "linux_armv6l", "linux_armv7l"];
/// Machines of `manylinux`.
const MANY: &[&str] = &["x86_64", "i686", "aarch64", "armv7l", "ppc64", "ppc64le", "s390x", "riscv64"];
/// Machines of `musllinux`.
const MUSL: &[&str] = &["x86_64", "i686", "aarch64", "armv7l", "ppc64le", "s390x", "riscv64"];
/// Machines of `macosx`.
const MAC: &[&str] =
    &["x86_64", "arm64", "universal2", "universal", "intel", "fat", "fat3", "fat64", "i386", "ppc", "ppc64"];
/// Machines of `android`.
const ANDROID: &[&str] = &["armeabi_v7a", "arm64_v8a", "x86", "x86_64"];
/// macOS from 11 on; `macosx_10_*` besides.
const MACOS: &[&str] = &["11", "12", "13", "14", "15", "26"];

/// Whether a file of this name is an sdist.
pub fn is_source(name: &str) -> bool {
    !name.ends_with(".whl")
}

/// Why an index would refuse a file, if it would.
pub fn refused(index: &Index, upload: &Upload<'_>) -> Option<Failure> {
    let name = upload.name;
    let bad_name = |expected: String| {
        let text = format!("`{name}` is no name for a file of `{}` {}", upload.distribution, upload.version);
        Failure::Refused(Problem::new("index-file-name", text).hint(format!("an index wants `{expected}`")))
    };
    if upload.version.contains('+') {
        let text = format!("`{}` is a local version, which no public index takes", upload.version);
        return Some(Failure::Refused(Problem::new("index-file-name", text).hint("release it without `+`")));
    }
    if is_source(name) {
        let expected = sdist_name(upload.distribution, upload.version);
        return (name != expected).then(|| bad_name(expected));
    }
    let stem = format!("{}-{}-", upload.distribution.in_files(), upload.version);
    let wheel = name.parse::<WheelName>().ok().filter(|_| name.starts_with(&stem));
    let Some(wheel) = wheel else { return Some(bad_name(format!("{stem}PYTHON-ABI-PLATFORM.whl"))) };
    index.json.as_ref()?;
    let refused = wheel.tag.platform.split('.').find(|platform| !is_welcome(platform))?;
    let text = format!("`{name}` is for the platform `{refused}`, which PyPI refuses");
    let hint =
        "a wheel for Linux is tagged `manylinux` or `musllinux`, one for macOS with the oldest version it runs on";
    Some(Failure::Refused(Problem::new("index-tag-refused", text).hint(hint)))
}

/// Whether PyPI takes wheels for a platform.
fn is_welcome(platform: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if PLATFORMS.contains(&platform) {
        return true;
    }
    let Some((family, rest)) = platform.split_once('_') else { return false };
    match family {
        "manylinux1" | "manylinux2010" => return ["x86_64", "i686"].contains(&rest),
        "manylinux2014" => return MANY.contains(&rest) && rest != "riscv64",
        "android" => return rest.split_once('_').is_some_and(|(api, abi)| number(api) && ANDROID.contains(&abi)),
        _ => {}
    }
    let mut parts = rest.splitn(3, '_');
    let (Some(major), Some(minor), Some(machine)) = (parts.next(), parts.next(), parts.next()) else { return false };
    if !number(major) || !number(minor) {
        return false;
    }
    match family {
        "manylinux" => MANY.contains(&machine),
        "musllinux" => MUSL.contains(&machine),
        "macosx" => MAC.contains(&machine) && (major == "10" || minor == "0" && MACOS.contains(&major)),
        "pyemscripten" => machine == "wasm32",
        "ios" => {
            let sdk = machine.strip_prefix("arm64_").or_else(|| machine.strip_prefix("x86_64_"));
            matches!(sdk, Some("iphoneos" | "iphonesimulator"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn platforms_of_pypi() {
        for good in [
            "any",
            "win_amd64",
            "manylinux_2_28_x86_64",
            "manylinux2014_aarch64",
            "musllinux_1_2_aarch64",
            "macosx_10_12_x86_64",
            "macosx_11_0_arm64",
            "macosx_26_0_universal2",
            "ios_13_0_arm64_iphoneos",
            "pyemscripten_2026_0_wasm32",
            "android_21_arm64_v8a",
        ] {
            assert!(is_welcome(good), "{good}");
        }
        for bad in [
            "linux_x86_64",
            "macosx_11_1_arm64",
            "macosx_16_0_arm64",
            "manylinux_2_x86_64",
            "win_x86",
            "android_21_mips",
            "x",
        ] {
            assert!(!is_welcome(bad), "{bad}");
        }
    }

    #[test]
    fn names_belong_to_their_distribution() {
        let distribution = "Opsml.Client".parse().unwrap();
        let url = |text: &str| text.parse().unwrap();
        let mut index = Index {
            name: "pypi".into(),
            upload: url("https://a.example/"),
            json: Some(url("https://a.example/")),
            simple: url("https://a.example/"),
        };
        let check = |index: &Index, name: &str, expected: Option<&str>| {
            let upload = Upload {
                distribution: &distribution,
                version: "1.0rc1",
                tag: "v1",
                path: std::path::Path::new("x"),
                name,
                size: 1,
                sha256: Digest::of(b""),
            };
            let found = refused(index, &upload);
            assert_eq!(found.as_ref().map(|failure| failure.problem().code), expected, "{name}");
        };
        check(&index, "opsml_client-1.0rc1-py3-none-any.whl", None);
        check(&index, "opsml_client-1.0rc1.tar.gz", None);
        check(&index, "opsml-client-1.0rc1.tar.gz", Some("index-file-name"));
        check(&index, "opsml_client-1.0-py3-none-any.whl", Some("index-file-name"));
        check(&index, "opsml_client-1.0rc1.zip", Some("index-file-name"));
        check(&index, "opsml_client-1.0rc1-py3-none-linux_x86_64.whl", Some("index-tag-refused"));
        index.json = None;
        check(&index, "opsml_client-1.0rc1-py3-none-linux_x86_64.whl", None);
    }
}
