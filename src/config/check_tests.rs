//! What files mean, and what is said about wrong ones.

use super::super::{Archive, Binaries, Binary, BinarySettings, Builder, FileItem, Notes, Publish};
use proptest::prelude::*;

use super::*;
use crate::command::{Command, Shell};
use crate::format::Format;
use crate::target::{Linkage, Os, Target};

fn config(text: &str) -> Config {
    match parse("longshore.yaml", text, &[]) {
        Ok((config, _)) => config,
        Err((source, diagnostics)) => panic!("{}", source.render(&diagnostics, false)),
    }
}

fn target(triple: &str) -> Target {
    triple.parse().unwrap()
}

fn binaries(config: &Config) -> &[Binary] {
    match &config.binaries {
        Binaries::Listed(binaries) => binaries,
        _ => panic!("no binaries are listed"),
    }
}

fn archive<'c>(config: &'c Config, name: &str) -> &'c Archive {
    config.archives.items.iter().find(|archive| archive.name == name).unwrap()
}

/// `code@line:column` of every problem, in order.
fn problems(text: &str, overlays: &[&str]) -> Vec<String> {
    let overlays: Vec<String> = overlays.iter().map(|name| (*name).to_owned()).collect();
    let Err((source, diagnostics)) = parse("longshore.yaml", text, &overlays) else { return Vec::new() };
    let place = |diagnostic: &Diagnostic| match &diagnostic.span {
        Some(span) => {
            let (line, column) = source.position(span.start);
            format!("{}@{line}:{column}", diagnostic.problem.code)
        }
        None => diagnostic.problem.code.to_owned(),
    };
    diagnostics.iter().map(place).collect()
}

fn hints(text: &str) -> String {
    let Err((_, diagnostics)) = parse("longshore.yaml", text, &[]) else { return String::new() };
    diagnostics
        .iter()
        .map(|one| format!("{}; {}\n", one.problem, one.problem.hint.clone().unwrap_or_default()))
        .collect()
}

/// The OpsML file, cut to what this version makes.
pub const OPSML: &str = r#"longshore: 1
name: opsml
defaults:
  archives:  { file: "{name}-{arch}-{os-abi}", formats: { "*": zip, linux: tar.gz }, include: [] }
assets:
  opsml-ui: { run: make build.ui, files: ui/build, file: opsml-ui-node.zip }
binaries:
  opsml-server: { assets: opsml-ui, override: { "*-musl": { features: vendored-tls } } }
  opsml-mcp: {}
  opsml-cli: { bins: opsml }
  opsml-server-rocky: { package: opsml-server, targets: x86_64-unknown-linux-gnu, container: "rockylinux:9", assets: opsml-ui }
archives:
  opsml-server: { include: ui/build }
  opsml-server-rocky: { file: "opsml-server-{arch}-{os-abi}-rocky", include: ui/build }
publish:
  github: { checksums: checksums.txt }
"#;

#[test]
fn reads_opsml() {
    // Its override is for musl, which the default targets do not hold; its images will.
    let plain = config(OPSML);
    assert_eq!(plain.targets, target::DEFAULT);
    assert!(binaries(&plain)[0].builds.iter().all(|(_, settings)| settings.features.is_empty()));
    let text = OPSML.replace(
        "name: opsml\n",
        "name: opsml\ntargets: [x86_64-unknown-linux-gnu, x86_64-unknown-linux-musl, aarch64-apple-darwin]\n",
    );
    let config = config(&text);
    assert_eq!(config.name.as_deref(), Some("opsml"));
    assert_eq!(config.targets.len(), 3);
    let names: Vec<&str> = binaries(&config).iter().map(|binary| binary.name.as_str()).collect();
    assert_eq!(names, ["opsml-server", "opsml-mcp", "opsml-cli", "opsml-server-rocky"]);
    let server = &binaries(&config)[0];
    let features: Vec<usize> = server.builds.iter().map(|(_, settings)| settings.features.len()).collect();
    assert_eq!(features, [0, 1, 0]);
    assert_eq!(server.builds[1].1.features, ["vendored-tls"]);
    assert!(server.builds.iter().all(|(_, settings)| settings.assets == ["opsml-ui"]));
    assert_eq!(binaries(&config)[2].builds[0].1.bins, ["opsml"]);
    let rocky = &binaries(&config)[3];
    assert_eq!(rocky.builds.len(), 1);
    assert_eq!(rocky.builds[0].0, target("x86_64-unknown-linux-gnu"));
    assert_eq!(rocky.builds[0].1.package.as_deref(), Some("opsml-server"));
    assert_eq!(rocky.builds[0].1.container.as_deref(), Some("rockylinux:9"));

    let asset = &config.assets[0];
    assert_eq!(asset.run, [Command { run: vec!["make".into(), "build.ui".into()], ..Command::default() }]);
    assert_eq!(asset.files, [FileItem { from: "ui/build".into(), to: None }]);
    let (file, format) = asset.file.as_ref().unwrap();
    assert_eq!((file.to_string().as_str(), *format), ("opsml-ui-node.zip", Format::Zip));

    let server = archive(&config, "opsml-server");
    assert_eq!(server.file.to_string(), "{name}-{arch}-{os-abi}");
    assert_eq!(server.formats.of(Os::Linux), [Format::TarGz]);
    assert_eq!(server.formats.of(Os::Darwin), [Format::Zip]);
    assert_eq!(server.formats.of(Os::Windows), [Format::Zip]);
    assert_eq!(server.include.as_deref(), Some(&[FileItem { from: "ui/build".into(), to: None }][..]));
    assert_eq!(archive(&config, "opsml-server-rocky").file.to_string(), "opsml-server-{arch}-{os-abi}-rocky");
    assert_eq!(config.archives.implied.include.as_deref(), Some(&[][..]));
    assert_eq!(config.archives.implied.file.to_string(), "{name}-{arch}-{os-abi}");

    assert_eq!(config.destinations.len(), 1);
    assert_eq!(config.destinations[0].github.checksums, "checksums.txt");
}

#[test]
fn defaults_of_a_plain_file() {
    for config in [config("longshore: 1\n"), Config { written: true, ..none() }] {
        assert!(config.written);
        assert_eq!(config.name, None);
        assert_eq!(config.output, "target/longshore");
        assert_eq!(config.targets, target::DEFAULT);
        assert_eq!(config.root.tag.to_string(), "v{version}");
        assert!(config.components.is_empty() && config.assets.is_empty());
        let Binaries::Implied(binary) = &config.binaries else { panic!("binaries are not implied") };
        assert_eq!((binary.name.as_str(), binary.builds.len()), ("", 5));
        let settings = &binary.builds[0].1;
        assert!(settings.locked && settings.default_features && !settings.all_features);
        assert_eq!((settings.profile.as_str(), settings.builder), ("release", Builder::Auto));
        assert_eq!(settings.smoke.as_deref(), Some(&["--version".to_owned()][..]));
        let archives = &config.archives;
        assert!(!archives.off && archives.items.is_empty() && archives.implied.include.is_none());
        assert_eq!(archives.implied.file.to_string(), "{name}-{target}");
        assert_eq!(archives.implied.formats.of(Os::Windows), [Format::Zip]);
        assert_eq!(archives.implied.formats.of(Os::Linux), [Format::TarGz]);
        assert!(archives.implied.directory.is_none());
        let destination = &config.destinations[0];
        assert_eq!((destination.name.as_str(), destination.environment.as_deref()), ("github", Some("release")));
        assert_eq!(destination.github.title.to_string(), "{tag}");
        assert_eq!(destination.github.notes, Notes::Auto);
        assert_eq!(destination.github.checksums, "SHA256SUMS");
        assert!(!destination.github.draft);
    }
    assert!(!none().written);
}

#[test]
fn reads_every_key_of_a_binary() {
    let config = config(
        r#"
longshore: 1
targets: x86_64-unknown-linux-gnu
components: [app]
assets: { ui: { files: ui } }
binaries:
  app:
    component: app
    package: pkg
    manifest: ./py//Cargo.toml
    bins: [a, b]
    features: x
    default-features: false
    all-features: true
    profile: dist
    locked: false
    cargo-args: [--config, "x = 1"]
    builder: cross
    runner: ubuntu-22.04
    container: rockylinux:9
    glibc: 2.30
    linkage: static
    prebuilt: "bin/{target}/{binary}{exe}"
    assets: ui
    before:
      - make ui
      - { run: "a && b", shell: bash, dir: ui/, env: { X: 1 }, targets: "*-gnu" }
      - { run: never here, targets: aarch64-apple-darwin }
    env: { A: true, B: 1.50, C: "" }
    pass-env: "MY_*"
    smoke: [version, --json]
    max-size: 20 MiB
    override:
      aarch64-*: { profile: other }
"#
        .replace("targets: x86_64-unknown-linux-gnu", "targets: [x86_64-unknown-linux-gnu, aarch64-apple-darwin]")
        .as_str(),
    );
    let binary = &binaries(&config)[0];
    let settings = &binary.builds[0].1;
    let expected = BinarySettings {
        package: Some("pkg".into()),
        manifest: Some("py/Cargo.toml".into()),
        bins: vec!["a".into(), "b".into()],
        features: vec!["x".into()],
        default_features: false,
        all_features: true,
        profile: "dist".into(),
        locked: false,
        cargo_args: vec!["--config".into(), "x = 1".into()],
        builder: Builder::Cross,
        runner: Some("ubuntu-22.04".into()),
        container: Some("rockylinux:9".into()),
        glibc: Some("2.30".into()),
        linkage: Some(Linkage::Static),
        prebuilt: Some("bin/{target}/{binary}{exe}".parse().unwrap()),
        assets: vec!["ui".into()],
        before: vec![
            Command { run: vec!["make".into(), "ui".into()], ..Command::default() },
            Command {
                run: vec!["a && b".into()],
                shell: Some(Shell::Bash),
                dir: Some("ui".into()),
                env: [("X".to_owned(), "1".to_owned())].into(),
            },
        ],
        env: [("A", "true"), ("B", "1.50"), ("C", "")].map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        pass_env: vec!["MY_*".into()],
        smoke: Some(vec!["version".into(), "--json".into()]),
        max_size: Some(20 << 20),
    };
    assert_eq!(settings, &expected);
    assert_eq!(binary.component.as_deref(), Some("app"));
    let other = &binary.builds[1].1;
    assert_eq!((other.profile.as_str(), other.before.len(), other.before[1].run[0].as_str()), ("other", 2, "never"));
}

#[test]
fn layers_in_order() {
    let config = config(
        r#"
longshore: 1
targets: [x86_64-unknown-linux-gnu, x86_64-unknown-linux-musl, aarch64-apple-darwin]
defaults:
  binaries: { profile: base, features: [d], env: { A: 1, B: 1 }, container: "c:1", override: { "*-musl": { locked: false } } }
  archives: { directory: "{name}", override: { "*-darwin": { formats: zip } } }
binaries:
  one: { profile: own, env: { B: 2 }, container: null, override: { "*-linux-*": { profile: linux }, x86_64-unknown-linux-musl: { profile: exact } } }
  two:
archives:
  one: { override: { "*-darwin": { file: "mac-{name}" } } }
  two: { formats: { linux: [tar.zst, tar.gz] }, directory: false }
"#,
    );
    let [one, two] = binaries(&config) else { panic!("two binaries") };
    let profiles = |binary: &Binary| binary.builds.iter().map(|(_, one)| one.profile.clone()).collect::<Vec<_>>();
    assert_eq!(profiles(one), ["linux", "exact", "own"]);
    assert_eq!(profiles(two), ["base", "base", "base"]);
    assert_eq!(one.builds.iter().map(|(_, one)| one.locked).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(one.builds[0].1.features, ["d"]);
    assert_eq!(one.builds[0].1.env["A"], "1");
    assert_eq!(one.builds[0].1.env["B"], "2");
    assert_eq!(one.builds[0].1.container, None);
    assert_eq!(two.builds[0].1.container.as_deref(), Some("c:1"));

    let archive = archive(&config, "one");
    let mac = archive.for_target(target("aarch64-apple-darwin"));
    assert_eq!((mac.file.to_string().as_str(), mac.formats.of(Os::Darwin)), ("mac-{name}", &[Format::Zip][..]));
    let linux = archive.for_target(target("x86_64-unknown-linux-gnu"));
    assert_eq!(
        (linux.file.to_string().as_str(), linux.formats.of(Os::Linux)),
        ("{name}-{target}", &[Format::TarGz][..])
    );
    assert_eq!(linux.directory.as_ref().map(ToString::to_string).as_deref(), Some("{name}"));
    let [_, two] = config.archives.items.as_slice() else { panic!("two archives") };
    assert!(two.directory.is_none());
    assert_eq!(two.formats.of(Os::Linux), [Format::TarZst, Format::TarGz]);
    assert_eq!((two.formats.of(Os::Windows), two.formats.of(Os::Darwin)), (&[Format::Zip][..], &[Format::TarGz][..]));
}

#[test]
fn overlays_edit_the_file() {
    let text = r#"
longshore: 1
name: a
binaries: { app: { features: [x, y] } }
overlays:
  quick: { targets: x86_64-unknown-linux-gnu, binaries: { app: { features: z } } }
  bare: { name: null, publish: { github: false }, archives: false }
"#;
    let overlay = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        parse("longshore.yaml", text, &names).unwrap().0
    };
    let plain = overlay(&[]);
    assert_eq!((plain.targets.len(), plain.name.as_deref(), plain.destinations.len()), (5, Some("a"), 1));
    let both = overlay(&["quick", "bare"]);
    assert_eq!((both.targets.len(), both.name.clone(), both.destinations.len()), (1, None, 0));
    assert!(both.archives.off);
    assert_eq!(binaries(&both)[0].builds[0].1.features, ["z"]);
    assert_eq!(problems(text, &["qick"]), ["unknown-overlay@5:1"]);
    assert_eq!(problems("longshore: 1", &["x"]), ["unknown-overlay"]);
}

#[test]
fn reads_the_rest() {
    let config = config(
        r#"
longshore: 1
output: ./out/
components:
  a: { tag: "a/{version}", version-files: [a/pyproject.toml], changelog: a/CHANGES.md, latest: true }
  b:
binaries: false
archives:
  x: false
assets:
  docs: { name: manual, component: b, run: [make docs, { run: make more, dir: . }], files: [docs, { from: "a/*.md", to: notes/ }], file: "{name}-{version}.tar.zst", runner: ubuntu-24.04, publish: [github, mirror] }
  raw: { files: data.json, publish: false }
publish:
  github: { when: stable, environment: false, draft: true, title: "{name} {version}", notes: notes.md, header: h.md, footer: f.md, adopt: any }
  mirror: { kind: github, repository: me/mirror, notes: false }
x-anything: [1, {a: b}]
"#,
    );
    assert_eq!(config.output, "out");
    let [a, b] = config.components.as_slice() else { panic!("two components") };
    assert_eq!(
        (a.tag.to_string().as_str(), a.latest, a.changelog.as_deref()),
        ("a/{version}", Some(true), Some("a/CHANGES.md"))
    );
    assert_eq!(a.version_files.as_deref(), Some(&["a/pyproject.toml".to_owned()][..]));
    assert_eq!((b.tag.to_string().as_str(), b.version_files.is_none()), ("{component}-v{version}", true));
    assert!(matches!(config.binaries, Binaries::Off));
    assert_eq!(config.archives.dropped, ["x"]);
    let docs = &config.assets[0];
    assert_eq!((docs.title.as_deref(), docs.run.len(), docs.run[1].dir.as_deref()), (Some("manual"), 2, None));
    assert_eq!(docs.files[1], FileItem { from: "a/*.md".into(), to: Some("notes".into()) });
    assert_eq!(docs.file.as_ref().unwrap().1, Format::TarZst);
    assert_eq!(docs.publish, Publish::To(vec!["github".into(), "mirror".into()]));
    assert_eq!(config.assets[1].publish, Publish::Off);
    let [github, mirror] = config.destinations.as_slice() else { panic!("two destinations") };
    assert_eq!((github.environment.as_deref(), github.github.draft), (None, true));
    assert_eq!(github.github.notes, Notes::File("notes.md".into()));
    assert_eq!((mirror.name.as_str(), mirror.github.repository.as_deref()), ("mirror", Some("me/mirror")));
    assert_eq!(mirror.github.notes, Notes::Off);
}

#[test]
fn anchors_and_merge_keys() {
    let config = config(
        "longshore: 1\nx-base: &base { profile: dist, features: [a] }\nbinaries:\n  one: { <<: *base, features: [b] }\n  two: *base\n",
    );
    let [one, two] = binaries(&config) else { panic!("two binaries") };
    assert_eq!((one.builds[0].1.profile.as_str(), one.builds[0].1.features[0].as_str()), ("dist", "b"));
    assert_eq!(two.builds[0].1.features, ["a"]);
}

#[test]
fn keys_of_later_versions_are_refused_by_name() {
    let check = |section: &str, places: &[&str]| {
        let expected: Vec<String> = places.iter().map(|place| format!("not-in-this-version@{place}")).collect();
        assert_eq!(problems(&format!("longshore: 1\n{section}\n"), &[]), expected, "{section}");
    };
    check("images: { opsml: { repositories: docker.io/demml/opsml } }", &["2:1"]);
    check("wheels: { opsml: { manifest: py-opsml/Cargo.toml, features: server } }", &["2:1"]);
    check("workflows: { build-assets.yml: { publish: [github, registry] } }", &["2:1"]);
    check("bases: {}\ncharts: { x: {} }", &["2:1", "3:1"]);
    check("defaults: { workflows: { setup: .github/actions/release-setup }, images: {} }", &["2:13", "2:66"]);
    check("publish: { registry: { hosts: { docker.io: {} } } }", &["2:12"]);
    check("publish: { registry: ghcr.io/x/y, pypi: {} }", &["2:12", "2:35"]);
    check("publish: { testpypi: { kind: pypi, index: x } }", &["2:30"]);
    check("publish: { mine: { kind: command, run: x } }", &["2:26"]);
    check("binaries: { a: { static-target: gnu } }", &["2:18"]);
    check("binaries: { a: { override: { \"*-musl\": { static-target: gnu } } } }", &["2:42"]);
    check("binaries: { a: { override: { \"*-gnu+static\": { locked: true } } } }", &["2:30"]);
    check("assets: { a: { files: x, publish: [github, pypi] } }", &["2:44"]);
    check("overlays: { a: { images: {}, publish: { registry: x } } }", &["2:18", "2:41"]);
}

#[test]
fn problems_stand_where_they_were_written() {
    let check = |section: &str, expected: &[&str]| {
        assert_eq!(
            problems(&format!("longshore: 1\n{section}\n"), &[]),
            expected,
            "{section}\n{}",
            hints(&format!("longshore: 1\n{section}\n"))
        )
    };
    // Keys.
    check("binarys: {}", &["unknown-key@2:1"]);
    check("builds: {}", &["unknown-key@2:1"]);
    check("binaries: { a: { profil: x, lock: true } }", &["unknown-key@2:18", "unknown-key@2:29"]);
    check("defaults: { archives: { formatz: zip } }", &["unknown-key@2:25"]);
    check("name: a\nname: b", &["duplicate-key@3:1"]);
    check("binaries: { a: {}, a: {}, b: { locked: 3 } }", &["duplicate-key@2:20", "wrong-type@2:40"]);
    check("binaries: { App: {}, app: {} }", &["duplicate-key@2:22"]);
    check("name:", &["no-value@2:1"]);
    check("binaries:", &["no-value@2:1"]);
    check("binaries: { a: { override: { \"*-gnu\": { targets: x86_64-unknown-linux-gnu } } } }", &["unknown-key@2:41"]);
    check("overlays: { a: { longshore: 2, overlays: {} } }", &["unknown-key@2:18", "unknown-key@2:32"]);
    // Types.
    check("binaries: true", &["wrong-type@2:11"]);
    check("binaries: [a]", &["wrong-type@2:11"]);
    check("name: [a]", &["wrong-type@2:7"]);
    check("name: true", &["wrong-type@2:7"]);
    check("targets: [x, {a: b}]", &["unknown-target@2:11", "wrong-type@2:14"]);
    check("publish: { github: { checksums: false } }", &["wrong-type@2:33"]);
    check("archives: { a: { file: {name} } }", &["wrong-type@2:24"]);
    // Text.
    check("targets: x86_64-linux-gnu", &["unknown-target@2:10"]);
    check("targets: [aarch64-apple-darwin, aarch64-apple-darwin]", &["duplicate-item@2:33"]);
    check("targets: []", &["empty-list@2:10"]);
    check("output: ../x", &["bad-path@2:9"]);
    check("name: a b", &["bad-name@2:7"]);
    check("tag: \"v{versoin}\"", &["unknown-placeholder@2:6"]);
    check("tag: v1", &["bad-tag@2:6"]);
    check("archives: { a: { file: \"{name} {target}\" } }", &["bad-file-name@2:24"]);
    check(
        "archives: { a: { file: \"{name}-{flavor}\", directory: \"../{name}\" } }",
        &["unknown-placeholder@2:24", "bad-path@2:54"],
    );
    check("archives: { a: { file: \"{name}-{binary}\" } }", &["unknown-placeholder@2:24"]);
    check("archives: { a: { file: \"{binary}-{target}\", formats: binary } }", &[]);
    check("archives: { a: { formats: tgz } }", &["unknown-word@2:27"]);
    check("archives: { a: { formats: { macos: zip } } }", &["unknown-word@2:29"]);
    check(
        "archives: { a: { include: [\"/etc/x\", \"a\\\\b\", \"[a\"] } }",
        &["bad-path@2:28", "bad-path@2:38", "bad-glob@2:46"],
    );
    check("assets: { a: {} }", &["missing-key@2:11"]);
    check("assets: { a: { files: x, file: a.rar } }", &["unknown-extension@2:32"]);
    check("assets: { a: { files: x, run: \"make | tee log\" } }", &["needs-shell@2:31"]);
    check("assets: { a: { files: x, run: { run: \"a > b\", shell: bash } } }", &[]);
    check("assets: { a: { files: x, run: { run: \"a > b\" } } }", &["needs-shell@2:38"]);
    check("assets: { a: { files: x, run: { shell: bash } } }", &["missing-key@2:31"]);
    check("assets: { a: { files: { to: b } } }", &["missing-key@2:23"]);
    check("binaries: { a: { glibc: 2, max-size: huge } }", &["bad-version@2:25", "bad-size@2:38"]);
    check("binaries: { \"a b\": {} }", &["bad-name@2:13"]);
    check(
        "publish: { github: { repository: https://github.com/a/b.git, when: never } }",
        &["bad-repository@2:34", "unknown-word@2:68"],
    );
    check("publish: { gihub: {} }", &["missing-key@2:12"]);
    check(
        "publish: { a: { kind: github, repository: x/y }, b: { kind: github, repository: x/y } }",
        &["equal-entries@2:50"],
    );
    check("name: \"a\\u001b[31m\"", &["control-character@2:7"]);
    // References.
    check("binaries: { app: { assets: ui } }", &["unknown-reference@2:28"]);
    check(
        "binaries: { app: {}, b: {} }\narchives: { x: { binaries: [app, bb] }, app: {} }",
        &["unknown-reference@3:34"],
    );
    check("binaries: { app: {}, b: {} }\narchives: { x: {} }", &["unknown-reference@3:13"]);
    check("binaries: { app: {} }\narchives: { x: {} }", &[]);
    check("archives: { x: { binaries: anything } }", &[]);
    check("archives: { x: { publish: [githb], component: y } }", &["unknown-reference@2:28", "unknown-reference@2:47"]);
    check("assets: { x: { files: a, publish: github } }\npublish: { github: false }", &["unknown-reference@2:35"]);
    check("binaries: { a: {}, b: { package: a } }", &["equal-entries@2:20"]);
    // Overrides.
    check("binaries: { a: { override: { \"*-freebsd\": { locked: true } } } }", &["unknown-target@2:30"]);
    check(
        "binaries: { a: { targets: aarch64-apple-darwin, override: { \"*-linux-*\": { locked: true } } } }",
        &["override-without-target@2:61"],
    );
    check(
        "binaries: { a: { override: { \"*-linux-*\": { locked: true }, \"x86_64-*\": { locked: false } } } }",
        &["override-conflict@2:75"],
    );
    check("defaults: { binaries: { override: { \"*-linux-*\": { locked: true } } } }", &[]);
    check(
        "binaries: { a: { targets: aarch64-apple-darwin, before: { run: x, targets: \"*-windows-*\" } } }",
        &["override-without-target@2:76"],
    );
    // Tags.
    check("components: { a: { tag: \"v{version}\" } }", &[]);
    check("components: { a: { tag: \"v{version}\" } }\nassets: { x: { files: y } }", &["ambiguous-tags@2:15"]);
    check("components: { a: { tag: \"x{version}\" }, b: { tag: \"x{version}\" } }", &["ambiguous-tags@2:41"]);
    check("components: [a, a]", &["duplicate-item@2:17", "ambiguous-tags@2:17"]);
}

#[test]
fn everything_at_once() {
    let text = "name: a b\nbinarys: {}\ntargets: [linux]\npublish: { github: { when: x } }\nassets: { a: {} }\n";
    let expected = [
        "bad-name@1:7",
        "missing-key@1:1",
        "unknown-key@2:1",
        "unknown-target@3:11",
        "unknown-word@4:28",
        "missing-key@5:11",
    ];
    let mut found = problems(text, &[]);
    assert_eq!(found[0], "missing-key@1:1");
    found.sort();
    let mut expected = expected.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn files_that_are_none() {
    assert_eq!(problems("", &[]), ["empty-file"]);
    assert_eq!(problems("# only words\n\n", &[]), ["empty-file"]);
    assert_eq!(problems("---\n", &[]), ["empty-file"]);
    assert_eq!(problems("just text", &[]), ["wrong-type@1:1"]);
    assert_eq!(problems("[a]", &[]), ["wrong-type@1:1"]);
    assert_eq!(problems("longshore: 2", &[]), ["unknown-format@1:12"]);
    assert_eq!(problems("name: x", &[]), ["missing-key@1:1"]);
    assert_eq!(problems("longshore:", &[]), ["no-value@1:1"]);
    assert_eq!(problems("{}", &[]), ["missing-key@1:1"]);
    assert_eq!(problems("\u{feff}longshore: 1\r\nname: x\r\n", &[]), [] as [&str; 0]);
}

#[test]
fn hints_name_the_word() {
    let check = |section: &str, expected: &str| {
        let said = hints(&format!("longshore: 1\n{section}\n"));
        assert!(said.contains(expected), "{section}: {said}");
    };
    check("binarys: {}", "did you mean `binaries`?");
    check("builds: {}", "use `binaries`");
    check("archives: { a: { name_template: x } }", "use `file`");
    check("archives: { a: { wrap_in_directory: true, files: [x] } }", "use `directory`");
    check("archives: { a: { files: [x] } }", "use `include`");
    check("dockers_v2: []", "use `images`");
    check("monorepo: {}", "use `components`");
    check("publishers: []", "`kind: command`");
    check("release: { extra_files: [x] }", "`assets`");
    check("zebra: 1", "keys here: longshore,");
    check("publish: { github: { extra_files: [x] } }", "use `assets`");
    check("unix-archive: .tar.gz", "use `formats`");
    check("min-glibc-version: 2.31", "use `glibc`");
    check("github-custom-runners: {}", "`runner`");
    check("github-build-setup: x", "use `setup`");
    check("extra-artifacts: []", "use `assets`");
    check("pr-run-mode: plan", "`pull-request`");
    check("targets: x86_64-linux-gnu", "did you mean `x86_64-unknown-linux-gnu`?");
    check("targets: aarch64-macos-darwin", "did you mean `aarch64-apple-darwin`?");
    check("tag: \"v{versoin}\"", "did you mean `{version}`?");
    check("archives: { a: { file: \"{name}-{os_abi}\" } }", "did you mean `{os-abi}`?");
    check("archives: { a: { formats: tar.bz2 } }", "did you mean `tar.gz`?");
    check("archives: { a: { file: {name} } }", "quote it: `\"{name}\"`");
    check("archives:\n  a:\n    file: {name}-{target}", "quote it: `\"{name}-{target}\"`");
    check("archives: { a: { profile: x } }", "`profile` is a key of an entry of `binaries`");
    check("publish: { gihub: {} }", "did you mean `github`?");
    check("publish: { github: { repository: \"git@github.com:me/it.git\" } }", "write `me/it`");
    check("binaries: { a: { manifest: py-opsml } }", "write `py-opsml/Cargo.toml`");
    check("binaries: { a: { before: \"A=1 make\" } }", "`env:`");
    check("binaries: { a: { smoke: true } }", "what is not switched off is on");
}

#[test]
fn places_are_found_later() {
    let text = "longshore: 1\ndefaults:\n  archives:\n    file: \"{name}\"\n  binaries: { profile: x }\nbinaries:\n  app.x:\n    features: [a, b]\narchives:\n  app.x: { include: [a, c.d] }\npublish: { github: { title: t } }\n";
    let (_, source) = parse("longshore.yaml", text, &[]).unwrap();
    let check = |problem: Problem, expected: Option<(usize, usize, &str)>| {
        let path = problem.at.clone().unwrap().path;
        let found = source.locate(problem).span.map(|span| {
            let (line, column) = source.position(span.start);
            (line, column, &text[span])
        });
        assert_eq!(found, expected, "{path}");
    };
    let value = |path: &str| Problem::new("x", "y").at_value(path);
    let key = |path: &str| Problem::new("x", "y").at_key(path);
    check(value("binaries.app.x.features.1"), Some((8, 19, "b")));
    check(value("binaries.app.x.features"), Some((8, 15, "[a, b]")));
    check(key("binaries.app.x.features"), Some((8, 5, "features")));
    check(value("binaries.app.x.profile"), Some((5, 24, "x")));
    check(value("binaries.other.profile"), Some((6, 1, "binaries")));
    check(value("archives.app.x.include.1"), Some((10, 25, "c.d")));
    check(value("archives.app.x.file"), Some((4, 11, "\"{name}\"")));
    check(value("archives.nobody.file"), Some((4, 11, "\"{name}\"")));
    check(value("publish.github.title.0"), Some((11, 29, "t")));
    check(value("publish.github.notes"), Some((11, 12, "github")));
    check(value("publish.github"), Some((11, 20, "{ title: t }")));
    check(key("binaries.app.x"), Some((7, 3, "app.x")));
    check(value("binaries"), Some((6, 1, "binaries")));
    check(value("name"), None);
}

/// A file with most of what can be written.
const FULL: &str = include_str!("testdata/full.yaml");

#[test]
fn the_full_file_is_right() {
    let full = config(FULL);
    assert_eq!(full.destinations.len(), 2);
    let quick = parse("longshore.yaml", FULL, &["quick".to_owned(), "bare".to_owned()]);
    let quick = quick.map_err(|(source, diagnostics)| panic!("{}", source.render(&diagnostics, false))).unwrap().0;
    assert_eq!((quick.destinations.len(), quick.targets.len(), quick.archives.off), (1, 1, true));
    assert_eq!(binaries(&quick)[0].builds[0].1.profile, "release");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn mutated_files_end(cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..12, "[a-z*&{}\\[\\]:,\n \"'#|<~-]{0,6}"), 1..6)) {
        let mut chars: Vec<char> = FULL.chars().collect();
        for (at, length, text) in cuts {
            let at = at.index(chars.len() + 1);
            let end = (at + length).min(chars.len());
            chars.splice(at..end, text.chars());
            if chars.is_empty() {
                break;
            }
        }
        ends(&chars.into_iter().collect::<String>());
    }

    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        ends(&String::from_utf8_lossy(&bytes));
    }
}

/// Reads and draws without panicking, with every place inside the text.
fn ends(text: &str) {
    if let Err((source, diagnostics)) = parse("longshore.yaml", text, &["quick".to_owned()]) {
        assert!(!diagnostics.is_empty());
        for span in diagnostics.iter().filter_map(|diagnostic| diagnostic.span.clone()) {
            assert!(text.get(span.clone()).is_some(), "{span:?}");
        }
        assert!(!source.render(&diagnostics, false).is_empty());
    }
}

#[test]
fn large_files_end() {
    let check = |name: &str, text: String, code: &str| {
        let start = std::time::Instant::now();
        let Err((source, diagnostics)) = parse("longshore.yaml", &text, &[]) else { panic!("{name} is right") };
        assert_eq!(diagnostics[0].problem.code, code, "{name}");
        source.render(&diagnostics, true);
        assert!(start.elapsed().as_secs() < 20, "{name} took {:?}", start.elapsed());
    };
    let entries =
        |count: usize, entry: &str| (0..count).map(|index| format!("  a{index}: {entry}\n")).collect::<String>();
    let variables = entries(4000, "x").replace("  a", "      A");
    check(
        "defaults for many",
        format!("longshore: 1\ndefaults:\n  binaries:\n    env:\n{variables}binaries:\n{}", entries(4000, "{}")),
        "file-too-large",
    );
    let globs: String =
        (0..2000).map(|index| format!("      \"*{}\": {{ locked: true }}\n", "*".repeat(index % 200))).collect();
    check("globs", format!("longshore: 1\nbinaries:\n  a:\n    override:\n{globs}"), "duplicate-key");
    check("unknown keys", format!("longshore: 1\n{}", entries(9000, "x").replace("  ", "")), "unknown-key");
    check("equal binaries", format!("longshore: 1\nbinaries:\n{}", entries(4000, "{ package: x }")), "equal-entries");
    check(
        "archives of nothing",
        format!("longshore: 1\nbinaries: {{ x: {{}}, y: {{}} }}\narchives:\n{}", entries(4000, "{ binaries: z }")),
        "unknown-reference",
    );
    check(
        "components",
        format!("longshore: 1\ncomponents:\n{}", entries(4000, "{ tag: \"v{version}\" }")),
        "ambiguous-tags",
    );
    check("a long word", format!("longshore: 1\ntargets: {}\n", "x".repeat(1 << 20)), "unknown-target");
    check(
        "a long command",
        format!("longshore: 1\nassets: {{ a: {{ files: x, run: \"{}\" }} }}\n", "x|".repeat(1 << 18)),
        "needs-shell",
    );
    check("a long template", format!("longshore: 1\ntag: \"{}\"\n", "{x}".repeat(1 << 18)), "unknown-placeholder");
}

/// `cargo test --release --lib config::check::tests::speed -- --ignored --nocapture`
#[test]
#[ignore = "a figure, not a check"]
fn speed() {
    let start = std::time::Instant::now();
    for _ in 0..1000 {
        std::hint::black_box(parse("longshore.yaml", std::hint::black_box(FULL), &[])).ok();
    }
    let took = start.elapsed() / 1000;
    assert!(took.as_micros() < 1000, "{took:?}");
    panic!("{} bytes in {took:?}", FULL.len());
}
