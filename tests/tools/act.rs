//! Workflows in act: the real program, with the real library behind the artifact actions.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::{root, tool, tools};

/// The actions of GitHub that cannot be fetched in a test, each with its pin and its stand-in.
const STAND_INS: [(&str, &str); 2] = [
    ("actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02", "upload-artifact"),
    ("actions/download-artifact@70fc10c6e5e1ce46ad2ea6f2b72d43f7d47b13c3", "download-artifact"),
];

/// The words that give act the stand-ins, and them their library.
fn stand_ins() -> Vec<String> {
    let modules = tools().join("actions/node_modules");
    assert!(modules.is_dir(), "`{}` is missing: run `make tools`", modules.display());
    let folder = root().join("tests/tools/act");
    let one =
        |(pin, name): (&str, &str)| ["--local-repository".to_owned(), format!("{pin}={}", folder.join(name).display())];
    let mut words: Vec<String> = STAND_INS.into_iter().flat_map(one).collect();
    words.extend(["--env".to_owned(), format!("NODE_PATH={}", modules.display())]);
    words
}

fn run(command: &mut Command) -> String {
    let done = command.output().unwrap();
    let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
    assert!(done.status.success(), "{said}");
    said
}

/// A tar goes from job to job through act's own artifact server, and what is in it is executable again.
#[test]
fn files_are_handed_from_job_to_job() {
    let place = tempfile::tempdir().unwrap();
    let folder = |name: &str| place.path().join(name).display().to_string();
    let script = "mkdir -p repo/.github/workflows && cd repo && cp $0 .github/workflows/ && git init -q -b main &&
        printf '#!/bin/sh\\necho I ran\\n' > tool && chmod +x tool && git add -A &&
        git -c user.name=x -c user.email=x@example.com commit -q -m x";
    let workflow = root().join("tests/tools/act/hand-over.yml");
    run(crate::project::program("sh").args(["-c", script]).arg(&workflow).current_dir(place.path()));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let mut act = tool("act");
    act.args(["push", "-W", ".github/workflows/hand-over.yml"]).current_dir(Path::new(&folder("repo")));
    act.args(["-P", "ubuntu-24.04=-self-hosted", "-P", "macos-15=-self-hosted"]).args(stand_ins());
    act.args(["--artifact-server-addr", "127.0.0.1", "--artifact-server-port", &port]);
    act.args(["--artifact-server-path", &folder("artifacts"), "--action-cache-path", &folder("cache")]);
    act.args(["--no-cache-server"]);
    let said = run(&mut act);
    assert!(said.contains("I ran"), "{said}");
    assert_eq!(said.matches("Job succeeded").count(), 4, "{said}");
}
