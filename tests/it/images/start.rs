//! Images are started where no engine is: what a base says of its files stays in its tree.

use super::*;

/// Where no engine answers, a base is unpacked by ourselves, as root in many a job; its whiteouts go through its links.
#[cfg(unix)]
#[test]
fn a_base_deletes_nothing_of_the_machine() {
    use std::os::unix::fs::PermissionsExt;
    let server = registry();
    let project = project(&server, "    smoke: \"--version\"\n");
    let beside = project.folder().parent().unwrap().to_owned();
    let theirs = beside.join("theirs");
    std::fs::create_dir_all(theirs.join("folder")).unwrap();
    for file in ["file", "folder/inner"] {
        std::fs::write(theirs.join(file), "theirs").unwrap();
    }
    let layers = [vec!["opt/x -> "], vec!["opt/x/.wh.file", "opt/x/.wh.folder"], vec!["opt/x/.wh..wh..opq"]];
    let layers = layers.map(|entries| {
        let mut builder = tar::Builder::new(Vec::new());
        for entry in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            header.set_mode(0o755);
            match entry.strip_suffix(" -> ") {
                Some(path) => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    builder.append_link(&mut header, path, &theirs).unwrap();
                }
                None => builder.append_data(&mut header, entry, std::io::empty()).unwrap(),
            }
        }
        builder.into_inner().unwrap()
    });
    let blob = |bytes: &[u8], kind: &str| {
        let digest = server.seed_blob("team/base", bytes).to_string();
        serde_json::json!({ "mediaType": kind, "digest": digest, "size": bytes.len() })
    };
    let layers = layers.map(|bytes| blob(&bytes, media::LAYER_TAR));
    let ids: Vec<&Value> = layers.iter().map(|layer| &layer["digest"]).collect();
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": ids },
    });
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": media::MANIFEST, "layers": layers,
        "config": blob(config.to_string().as_bytes(), media::CONFIG),
    });
    server.seed_manifest("team/base", Some("1"), media::MANIFEST, manifest.to_string().as_bytes());
    must(&project, "longshore lock --update -q && git add -A && git commit -qm other && git tag -f v1.2.3");
    let bin = beside.join("bin");
    std::fs::create_dir(&bin).unwrap();
    for (name, script) in [("docker", "exit 1"), ("podman", "exit 1"), ("runc", "echo 1.2.3")] {
        std::fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    must(&project, &format!("PATH={}:$PATH longshore build -q", bin.display()));
    let logs = project.folder().join("target/longshore/logs");
    let log = std::fs::read_dir(logs).unwrap().map(|log| std::fs::read_to_string(log.unwrap().path()).unwrap());
    assert!(log.into_iter().any(|log| log.contains("$ runc")), "nothing was unpacked");
    for file in ["file", "folder/inner"] {
        assert_eq!(std::fs::read_to_string(theirs.join(file)).unwrap(), "theirs");
    }
}

/// No engine but a runc that does this.
#[cfg(unix)]
fn with_runc(project: &Project, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let bin = project.folder().parent().unwrap().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let runc = format!("[ $1 = --version ] && exit 0\n{script}");
    for (name, script) in [("docker", "exit 1"), ("podman", "exit 1"), ("runc", &runc)] {
        std::fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    format!("PATH={}:$PATH", bin.display())
}

#[cfg(unix)]
#[test]
fn a_container_ends_with_the_release() {
    for (smoke, signal, code) in [("--version", "TERM", 143), ("--version", "INT", 130), ("{ http: / }", "TERM", 143)] {
        let server = registry();
        let project = project(&server, &format!("    expose: 1\n    smoke: {smoke}\n"));
        // What a container does that does not care: it goes on when runc is told, and until it is deleted.
        let path = with_runc(
            &project,
            "here=$(dirname $0)\ncase $3 in\nrun) trap 'echo told >> $here/seen; exit 1' TERM INT\n\
             echo > $here/runs; sleep 600 & wait;;\n\
             *) echo $3 >> $here/seen;; esac",
        );
        let line = format!(
            "export {path} {}; exec longshore build",
            LOGIN.trim_end_matches("; ").trim_start_matches("export ")
        );
        let running = project.shell(&line).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let bin = project.folder().parent().unwrap().join("bin");
        let wait = format!("for n in $(seq 1200); do [ -e {}/runs ] && exit 0; sleep 0.1; done; exit 1", bin.display());
        assert!(project.sh(&wait).status.success(), "{smoke}: runc was not started");
        assert!(project.sh(&format!("kill -{signal} {}", running.id())).status.success());
        let done = running.wait_with_output().unwrap();
        let said = text(&done.stderr);
        assert_eq!(done.status.code(), Some(code), "{smoke} {signal}: {said}");
        assert!(said.contains("interrupted; run the same command again to continue"), "{smoke} {signal}: {said}");
        let seen = std::fs::read_to_string(bin.join("seen")).unwrap();
        assert!(seen.contains("told\n") && seen.contains("delete\n"), "{smoke} {signal}: {seen}");
        let left = std::fs::read_dir(project.folder().join("target/longshore")).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert!(!left.iter().any(|name| name.starts_with(".tmp")), "{smoke} {signal}: {left:?}");
    }
}
