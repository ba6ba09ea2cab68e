//! A whole release: two distributions of one crate for two machines, their sdists, and what cargo said of their features.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use super::made::{LIBRARY, Parts, module, with_texts};
use super::sdists;
use crate::artifact::{ARTIFACT_SCHEMA, Artifact, CheckResult, File, Mode, Subject};
use crate::digest::Digest;
use crate::inspect::sample::Elf;
use crate::plan::Plan;
use crate::problem::Failure;
use crate::verify;
use crate::world::store::Store;
use crate::world::terminal::Printer;

const X86: &str = "x86_64-unknown-linux-gnu";
const ARM: &str = "aarch64-unknown-linux-gnu";
const SERVER: &str = "demo-lib";
const CLIENT: &str = "demo-client";

/// Everything it is made of, by step.
struct Made {
    wheels: BTreeMap<(&'static str, &'static str), Parts>,
    sdists: BTreeMap<&'static str, sdists::Parts>,
    /// Crates that one has and the other has not.
    crates: BTreeMap<&'static str, Vec<&'static str>>,
    to_pypi: bool,
    newer: &'static [&'static str],
}

impl Made {
    /// Without a flaw: the server has axum.
    fn good() -> Self {
        let mut wheels = BTreeMap::new();
        for (name, text) in [(SERVER, "/r/axum-0.8.1/src/lib.rs"), (CLIENT, "client")] {
            for (triple, machine) in [(X86, 62), (ARM, 183)] {
                let mut parts = Parts::good();
                if triple == ARM {
                    parts.tag("demo_lib-1.2.0rc1-cp310-abi3-manylinux_2_17_aarch64.manylinux2014_aarch64.whl");
                }
                parts.put(LIBRARY, with_texts(&Elf { machine, ..module() }, text));
                parts.field("Summary: A demo");
                if name == CLIENT {
                    parts.rename("demo_client");
                }
                wheels.insert((name, triple), parts);
            }
        }
        let metadata = text(&wheels[&(SERVER, X86)]);
        let mut server = sdists::Parts::good();
        put(&mut server, "PKG-INFO", &metadata);
        let mut client = sdists::Parts::good();
        put(&mut client, "PKG-INFO", &metadata.replace("demo-lib", "demo-client"));
        client.edit("pyproject.toml", "demo.lib", "demo-client");
        for (path, _) in &mut client.members {
            *path = path.replace("demo_lib-", "demo_client-");
        }
        let crates = BTreeMap::from([(SERVER, vec!["axum-0.8.1", "hyper-1.7.0"]), (CLIENT, vec![])]);
        Self {
            wheels,
            sdists: BTreeMap::from([(SERVER, server), (CLIENT, client)]),
            crates,
            to_pypi: false,
            newer: &[],
        }
    }

    fn wheel(&mut self, name: &'static str, triple: &'static str) -> &mut Parts {
        self.wheels.get_mut(&(name, triple)).unwrap()
    }

    /// Codes, steps and texts of what is found.
    fn verify(&self, workflow: Option<&str>) -> Vec<(String, String, String)> {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path(), "out");
        let plan: Plan = serde_json::from_value(self.plan()).unwrap();
        let shelf = Shelf { plan, store };
        for ((name, triple), parts) in &self.wheels {
            let id = format!("wheel.{name}.{triple}");
            let bytes = parts.bytes();
            shelf.put(&id, "wheel", Some((&parts.name, &bytes)), None);
            let subject = Subject { step: id.clone(), name: parts.name.clone(), sha256: Digest::of(&bytes) };
            let only = |of: &str| -> BTreeMap<String, Vec<String>> {
                let crates = self.crates[of].iter().map(ToString::to_string).collect();
                BTreeMap::from([(other(name).to_owned(), crates)])
            };
            let (crates, lacks) = (only(name), only(other(name)));
            let result = CheckResult { passed: true, subjects: vec![subject], crates, lacks, ..CheckResult::default() };
            shelf.put(&format!("check.features.{name}.{triple}"), "check", None, Some(result));
        }
        for (name, parts) in &self.sdists {
            let file = format!("{}-1.2.0rc1.tar.gz", name.replace('-', "_"));
            shelf.put(&format!("sdist.{name}"), "sdist", Some((&file, &parts.bytes())), None);
        }
        let workflow = workflow.map(|file| shelf.plan.workflow(Some(file)).unwrap().unwrap());
        let found = verify::run(&Printer::silent(), &shelf.store, &shelf.plan, workflow);
        let Err(error) = found else { return Vec::new() };
        let failure = error.downcast::<Failure>().unwrap();
        let told = failure.problems.into_iter().map(|problem| {
            assert!(problem.hint.is_some(), "{problem:?}");
            (problem.code.to_owned(), problem.step.map(String::from).unwrap_or_default(), problem.message)
        });
        told.collect()
    }

    fn plan(&self) -> Value {
        let mut steps = Vec::new();
        for name in [SERVER, CLIENT] {
            for triple in [X86, ARM] {
                let planned = Self::planned(name, triple);
                let wheel = format!("wheel.{name}.{triple}");
                steps.push(json!({
                    "id": wheel, "component": "", "needs": [], "outputs": [{ "name": planned }], "publish": [],
                    "job": triple, "target": triple, "kind": "wheel", "builder": "zig", "profile": "release",
                    "locked": true, "cargo_args": [], "env": {}, "pass_env": [], "before": [], "stage": stage(name)
                }));
                steps.push(json!({
                    "id": format!("check.features.{name}.{triple}"), "component": "", "needs": [wheel], "outputs": [],
                    "publish": [], "job": triple, "target": triple, "kind": "check", "subject": wheel,
                    "check": "resolve", "manifest": "Cargo.toml", "locked": true, "own": variant(name),
                    "others": [variant(other(name))]
                }));
            }
            let file = format!("{}-1.2.0rc1.tar.gz", name.replace('-', "_"));
            steps.push(json!({
                "id": format!("sdist.{name}"), "component": "", "needs": [], "outputs": [{ "name": file }],
                "publish": [], "job": X86, "target": X86, "kind": "sdist", "stage": stage(name)
            }));
        }
        let mut destinations = Vec::new();
        if self.to_pypi {
            destinations.push(json!({
                "name": "pypi", "when": "always", "credentials": [], "kind": "pypi", "trusted": "auto", "tokens": {},
                "upload": "https://upload.pypi.org/legacy/", "simple": "https://pypi.org/simple/",
                "json": "https://pypi.org/pypi/"
            }));
            for step in &mut steps {
                if step["kind"] != "check" {
                    step["publish"] = json!(["pypi"]);
                    step["stage"]["new_classifiers"] = json!(self.newer);
                }
            }
        }
        let workflow = |name: &str| {
            let ids = steps.iter().filter_map(|step| step["id"].as_str()).filter(|id| id.contains(name));
            json!({ "file": format!("{name}.yml"), "steps": ids.collect::<Vec<_>>(), "destinations": [] })
        };
        json!({
            "schema": "longshore/plan/1", "name": "demo", "repository": "local/demo", "commit": "1".repeat(40),
            "commit_time": 1_700_000_000, "dirty": false, "origin": "tag", "output": "out", "releases": [],
            "scope": { "kind": "all", "left_out": [] }, "steps": steps, "jobs": [], "workflows": [workflow(SERVER), workflow(CLIENT)], "destinations": destinations,
            "assumed": []
        })
    }

    fn planned(name: &str, triple: &str) -> String {
        let arch = triple.split('-').next().unwrap();
        let file = name.replace('-', "_");
        format!("{file}-1.2.0rc1-cp310-abi3-manylinux_2_17_{arch}.manylinux2014_{arch}.whl")
    }
}

fn other(name: &str) -> &'static str {
    if name == SERVER { CLIENT } else { SERVER }
}

fn variant(name: &str) -> Value {
    json!({ "distribution": name, "features": [], "default_features": true, "all_features": false })
}

fn stage(name: &str) -> Value {
    let mut stage = json!({
        "distribution": name, "version": "1.2.0rc1", "set_version": false, "pyproject": "pyproject.toml",
        "manifest": "Cargo.toml", "features": [], "default_features": true, "all_features": false, "assets": [],
        "modules": ["demo"]
    });
    if name == CLIENT {
        stage["written"] = SERVER.into();
    }
    stage
}

fn text(parts: &Parts) -> String {
    let (_, content) = parts.members.iter().find(|(path, _)| path.ends_with("/METADATA")).unwrap();
    String::from_utf8(content.clone()).unwrap()
}

fn put(sdist: &mut sdists::Parts, path: &str, text: &str) {
    let (_, content) = sdist.members.iter_mut().find(|(known, _)| known.ends_with(path)).unwrap();
    *content = text.into();
}

struct Shelf {
    plan: Plan,
    store: Store,
}

impl Shelf {
    fn put(&self, id: &str, kind: &str, file: Option<(&str, &[u8])>, check: Option<CheckResult>) {
        let files = file.map(|(name, bytes)| {
            let path = self.store.file(id, name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
            let (size, sha256) = (bytes.len() as u64, Digest::of(bytes));
            File { name: name.into(), size, sha256, mode: Mode::Plain, diff_id: None }
        });
        let record = Artifact {
            schema: ARTIFACT_SCHEMA.into(),
            step: id.into(),
            kind: kind.into(),
            plan: self.plan.digest(),
            commit: self.plan.commit.clone(),
            files: files.into_iter().collect(),
            check,
            rustflags: Vec::new(),
            published: None,
            not_needed: None,
        };
        self.store.write_record(&record).unwrap();
    }
}

/// Changes one thing; expects these codes, each with its step and a part of its text.
fn check(row: &str, change: impl FnOnce(&mut Made), expected: &[(&str, &str, &str)]) {
    let mut made = Made::good();
    change(&mut made);
    let found = made.verify(None);
    let fits = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|((code, step, text), (wanted, of, part))| code == wanted && step == of && text.contains(part));
    assert!(fits, "{row}:\nfound    {found:#?}\nexpected {expected:#?}");
}

#[test]
fn a_whole_release_of_two_distributions() {
    check("good", |_| {}, &[]);
}

#[test]
fn variants_across_machines() {
    let code = "dist-variants";
    let library = |machine: u16, text: &str| with_texts(&Elf { machine, ..module() }, text);
    check(
        "features lost on one platform",
        |made| made.wheel(SERVER, ARM).put(LIBRARY, library(183, "server")),
        &[(code, "wheel.demo-lib.aarch64-unknown-linux-gnu", "without a trace of its features (`demo-lib`, sha256:")],
    );
    check(
        "features of the other one",
        |made| made.wheel(CLIENT, X86).put(LIBRARY, library(62, "/r/hyper-1.7.0/src/lib.rs")),
        &[(code, "wheel.demo-lib.x86_64-unknown-linux-gnu", "with `hyper-1.7.0`, which only the other variant needs")],
    );
    check(
        "one library in both",
        |made| made.wheel(SERVER, X86).put(LIBRARY, library(62, "client")),
        &[
            (code, "wheel.demo-lib.x86_64-unknown-linux-gnu", "without a trace"),
            (
                code,
                "wheel.demo-lib.x86_64-unknown-linux-gnu",
                "contains the same `demo/_demo.abi3.so` as the other variant",
            ),
            (code, "wheel.demo-client.x86_64-unknown-linux-gnu", "contains the same `demo/_demo.abi3.so`"),
        ],
    );
    let text = "cannot distinguish `demo-client` and `demo-lib`: the features of neither add a crate";
    check(
        "features that bring no crate",
        |made| drop(made.crates.insert(SERVER, Vec::new())),
        &[
            (code, "wheel.demo-client.x86_64-unknown-linux-gnu", text),
            (code, "wheel.demo-client.aarch64-unknown-linux-gnu", text),
        ],
    );
}

/// Each workflow file sees its own wheels only, and what cargo says of the others.
#[test]
fn variants_of_which_one_is_made_elsewhere() {
    let library = |text: &str| with_texts(&Elf { machine: 62, ..module() }, text);
    let check = |row: &str, part: &str, change: &dyn Fn(&mut Made), expected: &[&str]| {
        let mut made = Made::good();
        change(&mut made);
        let found = made.verify(Some(&format!("{part}.yml")));
        let fits =
            found.iter().zip(expected).all(|((code, _, text), part)| code == "dist-variants" && text.contains(part));
        assert!(fits && found.len() == expected.len(), "{row}: {found:#?}");
    };
    check("good", SERVER, &|_| {}, &[]);
    check("good", CLIENT, &|_| {}, &[]);
    let lost = |made: &mut Made| made.wheel(SERVER, X86).put(LIBRARY, library("server"));
    check("features lost", SERVER, &lost, &["without a trace of its features (`demo-lib`"]);
    check("features lost there", CLIENT, &lost, &[]);
    let gained = |made: &mut Made| made.wheel(CLIENT, X86).put(LIBRARY, library("/r/hyper-1.7.0/src/lib.rs"));
    check("features of the other", CLIENT, &gained, &["with `hyper-1.7.0`, which only the other variant needs"]);
    let alike = |made: &mut Made| drop(made.crates.insert(SERVER, Vec::new()));
    check("alike", CLIENT, &alike, &["cannot distinguish `demo-client` and `demo-lib`"; 2]);
}

#[test]
fn distributions_agree_in_themselves() {
    let code = "dist-disagree";
    check(
        "another wheel",
        |made| {
            made.wheel(CLIENT, ARM).edit("demo_client-1.2.0rc1.dist-info/METADATA", |text| text.replace("A demo", "B"))
        },
        &[(code, "wheel.demo-client.x86_64-unknown-linux-gnu", "`demo-client` differs in `summary` of its metadata")],
    );
    check(
        "another sdist",
        |made| made.sdists.get_mut(SERVER).unwrap().edit("PKG-INFO", "A demo", "B"),
        &[(code, "wheel.demo-lib.x86_64-unknown-linux-gnu", "`the sdist` and `demo_lib-1.2.0rc1-cp310")],
    );
}

#[test]
fn what_pypi_refuses_stops_before_anything_is_public() {
    let refused = |field: &'static str, to_pypi: bool, newer: &'static [&'static str]| {
        move |made: &mut Made| {
            (made.to_pypi, made.newer) = (to_pypi, newer);
            for parts in made.wheels.values_mut().filter(|parts| parts.name.contains("demo_lib")) {
                parts.field(field);
            }
            made.sdists.get_mut(SERVER).unwrap().edit("PKG-INFO", "Summary", &format!("{field}\nSummary"));
        }
    };
    let (step, code) = ("wheel.demo-lib.x86_64-unknown-linux-gnu", "dist-refused");
    let direct = "Requires-Dist: a @ https://a.example/a.whl";
    // All files have the same metadata: said once.
    let expected =
        [(code, step, "manylinux2014_x86_64.whl` would be refused by PyPI: Can't have direct dependency: a @")];
    check("a direct dependency", refused(direct, true, &[]), &expected);
    check("the same for another index", refused(direct, false, &[]), &[]);
    let unknown = "Classifier: Topic :: Something New";
    let expected = [(code, step, "'Topic :: Something New' is not a valid classifier.")];
    check("a classifier that is not known", refused(unknown, true, &[]), &expected);
    check("a classifier that is let through", refused(unknown, true, &["Topic :: Something New"]), &[]);
}

#[test]
fn files_of_the_other_distribution() {
    let step = "wheel.demo-client.aarch64-unknown-linux-gnu";
    check(
        "a rename lost in one job",
        |made| {
            let mut parts = made.wheel(SERVER, ARM).clone();
            parts.name = Made::planned(CLIENT, ARM);
            parts.put(LIBRARY, with_texts(&Elf { machine: 183, ..module() }, "client"));
            *made.wheel(CLIENT, ARM) = parts;
        },
        &[("dist-name", step, "contains `demo_lib-1.2.0rc1.dist-info`, not `demo_client-1.2.0rc1.dist-info`")],
    );
    check(
        "an extra of the name in the repository",
        |made| {
            for triple in [X86, ARM] {
                let path = "demo_client-1.2.0rc1.dist-info/METADATA";
                made.wheel(CLIENT, triple).edit(path, |text| text.replace("demo-client[a]", "demo-lib[a]"));
            }
            made.sdists.get_mut(CLIENT).unwrap().members.iter_mut().for_each(|(_, text)| {
                *text = text.replace("demo-client[a]", "demo-lib[a]");
            });
        },
        &[
            ("dist-self-reference", "wheel.demo-client.x86_64-unknown-linux-gnu", "requires `demo-lib[a]`"),
            ("dist-self-reference", "wheel.demo-client.aarch64-unknown-linux-gnu", "requires `demo-lib[a]`"),
            ("dist-self-reference", "sdist.demo-client", "requires `demo-lib[a]`"),
        ],
    );
    check(
        "an sdist of the name in the repository",
        |made| {
            let client = made.sdists.get_mut(CLIENT).unwrap();
            let path = "demo_client-1.2.0rc1/pyproject.toml";
            let (_, text) = client.members.iter_mut().find(|(known, _)| known == path).unwrap();
            *text = text.replace("demo-client", "demo-lib");
        },
        &[("dist-metadata", "sdist.demo-client", "has the name `demo-lib` in its `pyproject.toml`, not `demo-client`")],
    );
}
