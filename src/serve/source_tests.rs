//! Dockerfiles and folders that are built or not.

use super::*;

#[track_caller]
fn refuses(bytes: &[u8], reason: Reason, message: &str) {
    let refusal = uploaded(bytes).unwrap_err();
    assert_eq!((refusal.reason, refusal.message.as_str()), (reason, message));
}

#[test]
fn dockerfiles_that_are_none() {
    refuses(b"", Reason::DockerfileInvalid, "`Dockerfile`: the Dockerfile is empty (begin with `FROM IMAGE`)");
    refuses(
        b"\xff\xfe\0",
        Reason::DockerfileInvalid,
        "`Dockerfile`, line 1: the Dockerfile is not UTF-8\n  1 | \u{fffd}\u{fffd} \n    | ^",
    );
    refuses(
        b"# nothing\n",
        Reason::DockerfileInvalid,
        "`Dockerfile`: the Dockerfile has no `FROM` (begin with `FROM IMAGE`)",
    );
    refuses(
        b"FROM a\n\nRNU make\n",
        Reason::DockerfileInvalid,
        "`Dockerfile`, line 3: `RNU` is not an instruction (did you mean `RUN`?)\n  3 | RNU make\n    | ^^^^^^^^",
    );
    let large = [b"FROM a\n".as_slice(), &vec![b'#'; 256 << 10]].concat();
    refuses(&large, Reason::DockerfileInvalid, "the Dockerfile has 262151 bytes; the limit is 256 KiB");
}

#[test]
fn what_builds_do_not_get() {
    refuses(
        b"# syntax=evil/frontend\nFROM a\n",
        Reason::FrontendNotAllowed,
        "`Dockerfile`, line 1: the frontend `evil/frontend` is not taken, only those of `docker/dockerfile`",
    );
    refuses(
        b"# syntax=docker/dockerfile-evil\nFROM a\n",
        Reason::FrontendNotAllowed,
        "`Dockerfile`, line 1: the frontend `docker/dockerfile-evil` is not taken, only those of `docker/dockerfile`",
    );
    for name in ["docker/dockerfile", "docker/dockerfile:1.7-labs", "docker.io/docker/dockerfile@sha256:00"] {
        assert!(uploaded(format!("# syntax={name}\nFROM a\n").as_bytes()).is_ok(), "{name}");
    }
    refuses(
        b"FROM a\nRUN --security=insecure mount\n",
        Reason::EntitlementDenied,
        "`Dockerfile`, line 2: `RUN --security=insecure` is not granted\n  2 | RUN --security=insecure mount\n    | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    );
    refuses_flag(b"FROM a\nRUN --network=host true\n", "--network=host");
    refuses_flag(b"FROM a\nRUN --device=nvidia.com/gpu true\n", "--device");
}

#[track_caller]
fn refuses_flag(bytes: &[u8], flag: &str) {
    let refusal = uploaded(bytes).unwrap_err();
    assert!(refusal.reason == Reason::EntitlementDenied && refusal.message.contains(flag), "{refusal:?}");
}

#[cfg(unix)]
#[test]
fn links_that_leave_are_not_followed() {
    use std::os::unix::fs::symlink;
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| root.path().join(name);
    fs::write(outside.path().join("Dockerfile"), "FROM outside\n").unwrap();
    symlink(outside.path(), path("out")).unwrap();
    fs::create_dir_all(path("a/.git")).unwrap();
    symlink(outside.path().join("Dockerfile"), path("a/Dockerfile")).unwrap();
    fs::create_dir_all(path("b")).unwrap();
    symlink("../real", path("b/Dockerfile")).unwrap();
    fs::write(path("real"), "FROM inside\n").unwrap();
    fs::create_dir_all(path(".git/hooks")).unwrap();
    symlink("/proc/self/environ", path("Dockerfile")).unwrap();
    symlink(".git", path("g")).unwrap();
    symlink("loop", path("loop")).unwrap();
    let check = |folder: &str, expected: Result<&str, Reason>| {
        let found = find(root.path(), folder, None);
        let got = found.as_ref().map(|source| std::str::from_utf8(&source.text).unwrap()).map_err(|fault| fault.reason);
        assert_eq!(got, expected, "{folder}");
    };
    check("", Err(Reason::DockerfileOutsideRepo));
    check("a", Err(Reason::DockerfileOutsideRepo));
    check("b", Ok("FROM inside\n"));
    check("out", Err(Reason::ContextOutsideRepo));
    check("none", Err(Reason::ContextMissing));
    check("real", Err(Reason::ContextMissing));
    check("loop", Err(Reason::ContextMissing));
    check("g", Err(Reason::ContextOutsideRepo));
    check("a/.git", Err(Reason::DockerfileMissing));
    // One that is sent replaces whatever lies there.
    let source = find(root.path(), "a", Some(b"FROM sent\n")).unwrap();
    assert_eq!(source.text, b"FROM sent\n");
}
