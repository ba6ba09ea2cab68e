//! The OpsML release by name: its archive names are a contract with its own command line, which downloads them.

use serde_json::Value;

use crate::cases;

/// What OpsML publishes on GitHub, as its users download it.
const NAMES: [&str; 18] = [
    "checksums.txt",
    "opsml-cli-aarch64-darwin.zip",
    "opsml-cli-aarch64-linux-gnu.tar.gz",
    "opsml-cli-x86_64-darwin.zip",
    "opsml-cli-x86_64-linux-gnu.tar.gz",
    "opsml-cli-x86_64-windows.zip",
    "opsml-mcp-aarch64-darwin.zip",
    "opsml-mcp-aarch64-linux-gnu.tar.gz",
    "opsml-mcp-x86_64-darwin.zip",
    "opsml-mcp-x86_64-linux-gnu.tar.gz",
    "opsml-mcp-x86_64-windows.zip",
    "opsml-server-aarch64-darwin.zip",
    "opsml-server-aarch64-linux-gnu.tar.gz",
    "opsml-server-x86_64-darwin.zip",
    "opsml-server-x86_64-linux-gnu-rocky.tar.gz",
    "opsml-server-x86_64-linux-gnu.tar.gz",
    "opsml-server-x86_64-windows.zip",
    "opsml-ui-node.zip",
];

fn plan() -> Value {
    let project = cases::project("opsml");
    let done = project.sh("git tag v3.0.0 && GITHUB_REPOSITORY=demml/opsml longshore plan -q --out ../plan.json > /dev/null && cat ../plan.json");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

fn texts<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap()).collect()
}

#[test]
fn publishes_what_its_users_download() {
    let plan = plan();
    let mut names: Vec<&str> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["publish"] == serde_json::json!(["github"]))
        .flat_map(|step| texts(&step["outputs"], "name"))
        .collect();
    names.sort_unstable();
    assert_eq!(names, NAMES);
}

#[test]
fn checksums_cover_every_other_file() {
    let plan = plan();
    let steps = plan["steps"].as_array().unwrap();
    let sums: Vec<&Value> = steps.iter().filter(|step| step["kind"] == "checksums").collect();
    assert_eq!(sums.len(), 1);
    assert_eq!(texts(&sums[0]["covers"], "name"), NAMES[1..]);
}

#[test]
fn one_triple_is_built_twice_on_different_machines() {
    let plan = plan();
    let job = |id: &str| {
        let step = plan["steps"].as_array().unwrap().iter().find(|step| step["id"] == id);
        step.unwrap_or_else(|| panic!("no step `{id}`"))["job"].clone()
    };
    let usual = job("binary.opsml-server.x86_64-unknown-linux-gnu");
    let rocky = job("binary.opsml-server-rocky.x86_64-unknown-linux-gnu");
    assert_ne!(usual, rocky);
    assert_eq!(usual, job("binary.opsml-cli.x86_64-unknown-linux-gnu"), "three programs of one triple share a machine");
}

/// The tags people pull: every flavor for both architectures, and an index over each pair.
#[test]
fn every_flavor_and_architecture_has_its_tag() {
    let plan = plan();
    let registry = plan["destinations"].as_array().unwrap().iter().find(|one| one["name"] == "registry").unwrap();
    let mut tags = Vec::new();
    let mut floating = Vec::new();
    for image in registry["images"].as_array().unwrap() {
        assert_eq!(image["repositories"], serde_json::json!(["docker.io/demml/opsml"]));
        tags.extend(image["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().to_owned()));
        if image["floating"].is_array() {
            floating.extend(texts(&image["floating"], "tag"));
        }
    }
    let mut expected = Vec::new();
    for flavor in ["distroless", "debian", "ubuntu", "alpine", "scratch"] {
        expected.extend(["amd64", "arm64"].map(|arch| format!("{flavor}-{arch}-3.0.0")));
        expected.push(format!("{flavor}-3.0.0"));
    }
    tags.sort();
    expected.sort();
    assert_eq!(tags, expected);
    assert_eq!(floating.len(), 5);
}

/// What could not start in six of ten published images: each base gets a build that starts on it.
#[test]
fn bases_without_glibc_get_a_static_build() {
    let plan = plan();
    for (flavor, triple) in
        [("scratch", "musl-static"), ("alpine", "musl-static"), ("debian", "gnu"), ("ubuntu", "gnu")]
    {
        for (arch, goarch) in [("x86_64", "amd64"), ("aarch64", "arm64")] {
            let id = format!("image.opsml.{flavor}.linux-{goarch}");
            let step = plan["steps"].as_array().unwrap().iter().find(|step| step["id"] == id.as_str()).unwrap();
            let wanted = format!("binary.opsml-server.{arch}-unknown-linux-{triple}");
            assert_eq!(texts(&step["executables"], "step"), [wanted.as_str()], "{id}");
        }
    }
    let step = plan["steps"].as_array().unwrap().iter();
    let hidden =
        step.clone().find(|step| step["id"] == "binary.opsml-server.x86_64-unknown-linux-musl-static").unwrap();
    assert_eq!(hidden["features"], serde_json::json!(["vendored-tls"]), "overrides of the musl triple apply");
    assert_eq!(hidden["linkage"], "static");
    assert_eq!(hidden["publish"], serde_json::json!([]));
}

/// What OpsML publishes on PyPI: five platforms and an sdist of each distribution.
const PYTHON: [&str; 12] = [
    "opsml-3.0.0-cp310-abi3-macosx_10_12_x86_64.whl",
    "opsml-3.0.0-cp310-abi3-macosx_11_0_arm64.whl",
    "opsml-3.0.0-cp310-abi3-manylinux_2_28_aarch64.whl",
    "opsml-3.0.0-cp310-abi3-manylinux_2_28_x86_64.whl",
    "opsml-3.0.0-cp310-abi3-win_amd64.whl",
    "opsml-3.0.0.tar.gz",
    "opsml_client-3.0.0-cp310-abi3-macosx_10_12_x86_64.whl",
    "opsml_client-3.0.0-cp310-abi3-macosx_11_0_arm64.whl",
    "opsml_client-3.0.0-cp310-abi3-manylinux_2_28_aarch64.whl",
    "opsml_client-3.0.0-cp310-abi3-manylinux_2_28_x86_64.whl",
    "opsml_client-3.0.0-cp310-abi3-win_amd64.whl",
    "opsml_client-3.0.0.tar.gz",
];

#[test]
fn two_distributions_for_five_platforms() {
    let plan = plan();
    let steps = plan["steps"].as_array().unwrap();
    let of_pypi = |step: &&Value| step["publish"] == serde_json::json!(["pypi"]);
    let mut names: Vec<&str> = steps.iter().filter(of_pypi).flat_map(|step| texts(&step["outputs"], "name")).collect();
    names.sort_unstable();
    assert_eq!(names, PYTHON);
    for step in steps.iter().filter(of_pypi) {
        let (id, stage) = (step["id"].as_str().unwrap(), &step["stage"]);
        let server = !id.contains("opsml-client");
        let features: Vec<&str> = if server { vec!["server"] } else { vec![] };
        assert_eq!(stage["features"], serde_json::json!(features), "{id}");
        // What is `opsml[onnx]` in the repository is the other distribution's own extra in its copy.
        assert_eq!(stage["written"].as_str(), (!server).then_some("opsml"), "{id}");
    }
    let pypi = plan["destinations"].as_array().unwrap().iter().find(|one| one["name"] == "pypi").unwrap();
    let tokens = serde_json::json!({ "opsml": ["PYPI_TOKEN"], "opsml-client": ["CLIENT_PYPI_TOKEN"] });
    assert_eq!(pypi["tokens"], tokens);
    // Each wheel is told from its sibling where it is built, and each sdist is built back.
    let checks = |kind: &str| steps.iter().filter(|step| step["id"].as_str().unwrap().starts_with(kind)).count();
    assert_eq!((checks("check.import."), checks("check.features."), checks("check.sdist.")), (10, 10, 2));
}

/// A script must not have to read the text: where things go, in which order, under which tags, with which credentials.
#[test]
fn json_holds_what_the_text_shows() {
    let project = cases::project("opsml");
    let ended =
        project.sh("git tag v3.0.0 && git remote add origin https://github.com/demml/opsml.git && longshore plan");
    let text = String::from_utf8(ended.stdout).unwrap();
    let json: Value = serde_json::from_slice(&project.sh("longshore plan --json").stdout).unwrap();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let joined =
        |list: &Value| list.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect::<Vec<_>>().join(", ");
    for (number, destination) in json["destinations"].as_array().unwrap().iter().enumerate() {
        let heading = format!("{}. {}: ", number + 1, destination["name"].as_str().unwrap());
        let at =
            lines.iter().position(|line| line.starts_with(&heading)).unwrap_or_else(|| panic!("{heading} in {text}"));
        let reads = format!("reads {}", joined(&destination["credentials"]));
        assert!(lines[at..].contains(&reads.as_str()), "{reads} in {text}");
    }
    let numbered =
        lines.iter().filter(|line| line.split_once(". ").is_some_and(|(number, _)| number.parse::<u8>().is_ok()));
    assert_eq!(numbered.count(), json["destinations"].as_array().unwrap().len());
    let images =
        json["destinations"].as_array().unwrap().iter().find(|one| one["kind"] == "registry").unwrap()["images"]
            .clone();
    let floating = lines.iter().find_map(|line| line.strip_prefix("then moved to it: ")).unwrap();
    for tag in floating.split(", ") {
        let is_there =
            |image: &Value| image["floating"].as_array().is_some_and(|all| all.iter().any(|one| one["tag"] == tag));
        assert!(images.as_array().unwrap().iter().any(is_there), "{tag}");
    }
    let publishing = lines.iter().filter(|line| line.contains(".yml publishes "));
    assert_eq!(publishing.count(), json["workflows"].as_array().unwrap().len());
    let assumed = lines.iter().filter(|line| line.starts_with("assumed: "));
    assert_eq!(assumed.count(), json["assumed"].as_array().unwrap().len());
    let machines: Vec<&str> = texts(&json["jobs"], "runner");
    assert!(!machines.is_empty() && machines.iter().all(|runner| text.contains(runner)), "{machines:?}");
    for workflow in json["workflows"].as_array().unwrap() {
        let line = format!("{} publishes {}", workflow["file"].as_str().unwrap(), joined(&workflow["destinations"]));
        assert!(lines.contains(&line.as_str()), "{line} in {text}");
    }
    for assumed in json["assumed"].as_array().unwrap() {
        assert!(text.contains(assumed.as_str().unwrap()), "{assumed}");
    }
}
