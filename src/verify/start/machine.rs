//! Processors: which programs a platform's machines start.

use crate::platform::Platform;

/// The machines of a platform.
pub struct Machine {
    /// Names of their programs, as [`crate::inspect`] has them; empty: unknown.
    own: &'static [&'static str],
    /// Those of other programs that most of them start, too.
    also: &'static [&'static str],
    /// `linux/amd64`
    pub platform: String,
}

/// Whether machines start a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    Own,
    /// Most of them: 32 bits on a 64-bit processor.
    Also,
    Foreign,
}

/// By the names of configs (Go's), and the programs of each.
const MACHINES: &[(&str, &[&str], &[&str])] = &[
    ("amd64", &["x86_64"], &["i686", "x86_64-32"]),
    ("arm64", &["aarch64"], &[]),
    ("386", &["i686"], &[]),
    ("arm", &["arm"], &[]),
    ("riscv64", &["riscv"], &[]),
    ("ppc64le", &["powerpc64le"], &[]),
    ("s390x", &["s390x"], &[]),
    ("loong64", &["loongarch64"], &[]),
];

impl Machine {
    pub fn new(platform: Platform) -> Self {
        let row = MACHINES.iter().find(|(name, ..)| *name == platform.goarch());
        let (own, also) = row.map_or((&[][..], &[][..]), |(_, own, also)| (*own, *also));
        Self { own, also, platform: platform.to_string() }
    }

    pub fn fit(&self, arch: &str) -> Fit {
        match () {
            () if self.own.is_empty() || self.own.contains(&arch) => Fit::Own,
            () if self.also.contains(&arch) => Fit::Also,
            () => Fit::Foreign,
        }
    }
}
