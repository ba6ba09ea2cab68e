//! A real terminal on one stream and a pipe on the other: each gets what it takes.

use crate::project::Project;

/// Runs a command with the streams that `terminal` names (`1` and `2`) on a terminal of its own and the others in pipes;
/// prints what each got, escape sequences as `ESC`.
const SCRIPT: &str = r#"
import os, pty, subprocess, sys
terminal, command = sys.argv[1], sys.argv[2:]
leader, follower = pty.openpty()
streams = {name: follower if str(number) in terminal else subprocess.PIPE for number, name in ((1, "stdout"), (2, "stderr"))}
child = subprocess.Popen(command, stdin=subprocess.DEVNULL, **streams)
os.close(follower)
seen = b""
try:
    while part := os.read(leader, 4096):
        seen += part
except OSError:
    pass
piped = child.stdout.read() if child.stdout else child.stderr.read()
child.wait()
colored = lambda data: "colours" if b"\x1b[" in data else "none"
print("terminal", colored(seen), "pipe", colored(piped))
"#;

#[test]
fn a_stream_has_colours_if_it_is_a_terminal_itself() {
    let project = Project::copy(&crate::root().join("tests/cases/plain/in"), "skiff").commit();
    project.sh("git remote add origin https://github.com/harbor-works/skiff.git && git tag v1.2.3");
    std::fs::write(project.folder().join("../streams.py"), SCRIPT).unwrap();
    for (streams, flag, expected) in [
        ("1", "auto", "terminal colours pipe none\n"),
        ("2", "auto", "terminal colours pipe none\n"),
        ("2", "always", "terminal colours pipe colours\n"),
        ("1", "never", "terminal none pipe none\n"),
    ] {
        let line = format!("TERM=xterm python3 ../streams.py {streams} longshore --color {flag} plan");
        let done = project.sh(&line);
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(String::from_utf8_lossy(&done.stdout), expected, "stream {streams}, `--color {flag}`: {said}");
    }
}
