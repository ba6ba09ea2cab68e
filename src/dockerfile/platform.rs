//! Platforms as the engine writes them: `linux/arm64`, `linux/arm/v7`.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Platform {
    pub os: String,
    pub arch: String,
    /// Empty where the architecture has none, and for the usual one of amd64 and arm64.
    pub variant: String,
}

impl Platform {
    pub fn new(os: &str, arch: &str, variant: &str) -> Self {
        let arch = arch.to_lowercase();
        let variant = variant.to_lowercase();
        let (arch, variant) = match (arch.as_str(), variant.as_str()) {
            ("x86_64" | "x86-64" | "amd64", "" | "v1") => ("amd64", ""),
            ("x86_64" | "x86-64", v) => ("amd64", v),
            ("i386", _) => ("386", ""),
            ("aarch64" | "arm64", "" | "8" | "v8" | "v8.0") => ("arm64", ""),
            ("aarch64" | "arm64", "9" | "9.0" | "v9.0") => ("arm64", "v9"),
            ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
            ("armel", _) => ("arm", "v6"),
            ("arm", v) if v.len() == 1 && "568".contains(v) => ("arm", v),
            (arch, v) => (arch, v),
        };
        let digit = arch == "arm" && variant.len() == 1;
        let variant = if digit { format!("v{variant}") } else { variant.to_owned() };
        let os = if os.eq_ignore_ascii_case("macos") { "darwin".to_owned() } else { os.to_lowercase() };
        Self { os, arch: arch.to_owned(), variant }
    }

    /// A lone part is a system or an architecture; what is missing is taken from the other platform.
    pub fn parse(text: &str, other: &Self) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let named = |p: &&str| !p.is_empty() && p.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        if !parts.iter().all(named) {
            return None;
        }
        match parts[..] {
            [one] if is_system(one) => Some(Self::new(one, &other.arch, &other.variant)),
            [one] if is_architecture(one) => Some(Self::new(&other.os, one, "")),
            [os, arch] => Some(Self::new(os, arch, "")),
            [os, arch, variant] => Some(Self::new(os, arch, variant)),
            _ => None,
        }
    }
}

fn is_system(text: &str) -> bool {
    ["linux", "windows", "darwin", "macos", "freebsd", "netbsd", "openbsd", "solaris"].contains(&text)
}

fn is_architecture(text: &str) -> bool {
    let known = [
        "386", "i386", "amd64", "x86_64", "x86-64", "arm", "armhf", "armel", "arm64", "aarch64", "loong64", "mips",
        "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x", "wasm",
    ];
    known.contains(&text)
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.arch)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_written_one_way() {
        let own = Platform::new("linux", "amd64", "");
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(Platform::parse(text, &own).map(|p| p.to_string()).as_deref(), expected, "{text}");
        };
        check("linux/arm64/v8", Some("linux/arm64"));
        check("linux/arm/v7", Some("linux/arm/v7"));
        check("linux/arm", Some("linux/arm/v7"));
        check("linux/x86_64", Some("linux/amd64"));
        check("arm64", Some("linux/arm64"));
        check("linux", Some("linux/amd64"));
        check("", None);
        check("linux/", None);
        check("nonsense", None);
    }
}
