//! What a machine has around a build: a home folder, configuration of its own, a place for temporary files.

use super::fixture::{Fixture, workspace, write};
use crate::build::binary::Compilation;
use crate::build::unplanned;
use crate::problem::Exit;
use crate::world::env::Env;
use crate::world::process::Runner;
use crate::world::store::Store;

/// As jobs of cron and systemd and `docker run` start it: cargo and rustup take the home folder of the account.
#[test]
fn without_a_home_in_the_environment_the_bytes_are_the_same() {
    let mut it = workspace();
    it.binary("alpha", |_| ());
    let flags = |it: &Fixture| it.log("binary.alpha").lines().next().unwrap().to_owned();
    let with = (it.run(&[]).unwrap()[0].files[0].sha256, flags(&it));
    assert!(with.1.contains("=/home") && with.1.contains("=/cargo"), "{}", with.1);
    let env: Env = it.runner.vars().filter(|(name, _)| *name != "HOME").collect();
    for env in [env.clone(), env.with("HOME", "")] {
        it.runner = Runner::new(env);
        assert_eq!((it.run(&[]).unwrap()[0].files[0].sha256, flags(&it)), with);
    }
}

#[test]
fn configuration_beside_the_commit_is_said() {
    let mut it = workspace();
    it.binary("alpha", |_| ());
    let home = tempfile::tempdir().unwrap();
    it.runner = it.runner.clone().with("CARGO_HOME", home.path().to_str().unwrap());
    let said = |it: &Fixture, store: &Store| {
        let compilations: Vec<Compilation<'_>> = it.plan.steps.iter().filter_map(Compilation::of).collect();
        unplanned::said(&it.runner, store, &compilations)
    };
    let ours = |said: Vec<String>| said.into_iter().filter(|said| said.contains(".toml")).collect::<Vec<_>>();
    assert_eq!(ours(said(&it, &it.store)), <[String; 0]>::default());
    write(&home.path().join("config.toml"), "profile.dev.opt-level = 1\nnet.offline = true\n");
    write(&it.top().join(".cargo/config.toml"), "build.rustflags = ['-Ccodegen-units=1']\n");
    let found = ours(said(&it, &it.store));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().any(|said| said.contains("`profile.dev`:")), "{found:?}");
    assert!(found.iter().any(|said| said.contains("`build.rustflags`:")), "{found:?}");
    // A file of the commit is known; seen from a repository below it, it is not.
    it.sees("git", &["add", ".cargo"], it.top());
    assert_eq!(ours(said(&it, &it.store)).len(), 1);
    it.sees("git", &["init", "-q", "inner"], it.top());
    let inner = Store::new(&it.top().join("inner"), "target/longshore");
    assert_eq!(ours(said(&it, &inner)).len(), 2);
}

#[test]
fn a_lock_file_that_does_not_fit_is_explained_without_giving_it_up() {
    let mut it = workspace();
    it.binary("alpha", |_| ());
    write(&it.top().join("Cargo.lock"), "version = 4\n\n[[package]]\nname = \"alpha\"\nversion = \"1.2.3\"\n");
    let said = it.fails(&[], Exit::Build);
    assert!(said.contains("committed Cargo.lock does not match Cargo.toml: run `cargo update"), "{said}");
    assert!(said.contains("--locked was passed") && !said.contains("remove the --locked flag"), "{said}");
}

#[test]
fn no_folder_for_temporary_files_is_found_before_compiling() {
    let mut it = workspace();
    it.binary("alpha", |_| ());
    it.runner = it.runner.clone().with("TMPDIR", "/nowhere/tmp");
    let said = it.fails(&[], Exit::Usage);
    assert!(said.starts_with("no-folder: the folder for temporary files, `/nowhere/tmp`, does not exist"), "{said}");
}
