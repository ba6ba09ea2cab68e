//! How engines are started so that nothing outlives them, whatever ends us or them.

use std::path::Path;
use std::time::Duration;

use crate::world::process::{Cmd, Runner};

/// How long it may take to try a way of starting programs.
const TRY: Duration = Duration::from_secs(20);
const LONGEST_OUTPUT: usize = 64 << 10;

/// setpriv(1): the program is killed when the process that started it is gone.
const TIED: [&str; 3] = ["setpriv", "--pdeathsig", "KILL"];

/// unshare(1): namespaces of its own, in which everything is killed when the first process ends. It sees no processes but its
/// own, and what it mounts is gone with it.
const APART: [&str; 6] = ["unshare", "--pid", "--mount", "--fork", "--kill-child=KILL", "--mount-proc"];

/// The first process of the namespaces: it ends when it is told to, which the kernel alone would not do to a first process.
/// What containers/image keeps for all users stays in the namespaces (its place cannot be set).
const FIRST: &str = "trap 'exit 143' INT TERM HUP
[ -z \"$LONGSHORE_LOOPBACK\" ] || { ip link set lo up; mount -t sysfs sysfs /sys; } 2> /dev/null
mkdir -p /var/lib/containers && mount -t tmpfs tmpfs /var/lib/containers || exit 125
\"$@\" &
wait $!";

/// What this machine lets us do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contain {
    tied: bool,
    apart: bool,
    no_network: bool,
}

impl Contain {
    /// Tries it.
    pub fn tried(runner: &Runner) -> Self {
        let works = |words: &[&str]| {
            let Some((program, args)) = words.split_first() else { return false };
            let cmd = Cmd::new(*program, Path::new("/")).args(args.iter().copied()).arg("true").timeout(TRY);
            runner.find(program).is_some()
                && runner.output_within(&cmd, LONGEST_OUTPUT).is_ok_and(|done| done.status.success())
        };
        if !cfg!(target_os = "linux") {
            return Self::default();
        }
        let mounts =
            ["sh", "-c", "mkdir -p /var/lib/containers && mount -t tmpfs tmpfs /var/lib/containers && \"$@\"", "sh"];
        let apart = works(&[&APART[..], &mounts].concat());
        Self { tied: works(&TIED), apart, no_network: apart && works(&[&APART[..], &["--net"]].concat()) }
    }

    /// Whether everything that a command starts and mounts is gone with it.
    pub fn is_apart(self) -> bool {
        self.apart
    }

    pub fn can_cut_network(self) -> bool {
        self.no_network
    }

    /// A command that ends with us.
    #[must_use]
    pub fn tie(self, cmd: Cmd) -> Cmd {
        if self.tied { behind(&TIED, cmd) } else { cmd }
    }

    /// A command in namespaces of its own, if the machine lets us.
    #[must_use]
    pub fn apart(self, cmd: Cmd, network: bool) -> Cmd {
        if !self.apart {
            return self.tie(cmd);
        }
        let cmd = behind(&["sh", "-c", FIRST, "sh"], cmd);
        let cmd = if network {
            behind(&APART, cmd)
        } else {
            behind(&[&APART[..], &["--net"]].concat(), cmd).env("LONGSHORE_LOOPBACK", "1")
        };
        self.tie(cmd)
    }
}

/// The command as arguments of another program.
fn behind(words: &[&str], mut cmd: Cmd) -> Cmd {
    let Some((program, args)) = words.split_first() else { return cmd };
    let inner = std::mem::replace(&mut cmd.program, (*program).to_owned());
    let before = args.iter().map(|word| (*word).to_owned()).chain([inner]);
    cmd.args.splice(0..0, before);
    cmd
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_stand_behind_what_contains_them() {
        let cmd = || Cmd::new("buildah", Path::new("/")).arg("info");
        let all = Contain { tied: true, apart: true, no_network: true };
        assert_eq!(all.tie(cmd()).to_string(), "setpriv --pdeathsig KILL buildah info");
        assert_eq!(Contain::default().apart(cmd(), true).to_string(), "buildah info");
        let line = all.apart(cmd(), false).to_string();
        assert!(line.starts_with("setpriv --pdeathsig KILL unshare --pid"), "{line}");
        assert!(line.contains("--mount-proc --net sh -c ") && line.ends_with(" sh buildah info"), "{line}");
    }
}
