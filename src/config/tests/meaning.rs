//! What files mean.

use super::*;
use crate::config::{DestinationKind, ImageSmoke, Smoke};
use crate::target::Libc;

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
    assert_eq!(asset.files, [FileItem { from: "ui/build".into(), to: None, follow: false }]);
    let (file, format) = asset.file.as_ref().unwrap();
    assert_eq!((file.to_string().as_str(), *format), ("opsml-ui-node.zip", Format::Zip));

    let server = archive(&config, "opsml-server");
    assert_eq!(server.file.to_string(), "{name}-{arch}-{os-abi}");
    assert_eq!(server.formats.of(Os::Linux), [Format::TarGz]);
    assert_eq!(server.formats.of(Os::Darwin), [Format::Zip]);
    assert_eq!(server.formats.of(Os::Windows), [Format::Zip]);
    assert_eq!(server.include.as_deref(), Some(&[FileItem { from: "ui/build".into(), to: None, follow: false }][..]));
    assert_eq!(archive(&config, "opsml-server-rocky").file.to_string(), "opsml-server-{arch}-{os-abi}-rocky");
    assert_eq!(config.archives.implied.include.as_deref(), Some(&[][..]));
    assert_eq!(config.archives.implied.file.to_string(), "{name}-{arch}-{os-abi}");

    assert_eq!(config.destinations.len(), 1);
    assert_eq!(config.destinations[0].github().unwrap().checksums, "checksums.txt");
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
        assert!(settings.locked.is_none() && settings.default_features && !settings.all_features);
        assert_eq!((settings.profile.as_str(), settings.builder), ("release", Builder::Auto));
        assert_eq!(settings.smoke, Smoke::Assumed);
        let archives = &config.archives;
        assert!(!archives.off && archives.items.is_empty() && archives.implied.include.is_none());
        assert_eq!(archives.implied.file.to_string(), "{name}-{target}");
        assert_eq!(archives.implied.formats.of(Os::Windows), [Format::Zip]);
        assert_eq!(archives.implied.formats.of(Os::Linux), [Format::TarGz]);
        assert!(archives.implied.directory.is_none());
        let destination = &config.destinations[0];
        assert_eq!((destination.name.as_str(), destination.environment.as_deref()), ("github", Some("release")));
        assert_eq!(destination.github().unwrap().title.to_string(), "{tag}");
        assert_eq!(destination.github().unwrap().notes, Notes::Auto);
        assert_eq!(destination.github().unwrap().checksums, "SHA256SUMS");
        assert!(!destination.github().unwrap().draft);
    }
    assert!(!none().written);
}

#[test]
#[expect(clippy::too_many_lines, reason = "every key of an entry")]
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
        locked: Some(false),
        cargo_args: vec!["--config".into(), "x = 1".into()],
        builder: Builder::Cross,
        runner: Some("ubuntu-22.04".into()),
        container: Some("rockylinux:9".into()),
        glibc: Some("2.30".into()),
        macos: None,
        linkage: Some(Linkage::Static),
        static_target: Libc::Musl,
        static_build: None,
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
        smoke: Smoke::All(vec!["version".into(), "--json".into()]),
        max_size: Some(20 << 20),
    };
    let implicit = settings.static_build.as_deref().map(|build| build.before.len());
    assert_eq!(implicit, Some(1), "commands for `*-gnu` do not run for the musl build");
    assert_eq!(BinarySettings { static_build: None, ..settings.clone() }, expected);
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
    assert_eq!(one.builds.iter().map(|(_, one)| one.locked).collect::<Vec<_>>(), [None, Some(false), None]);
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
  github: { when: stable, environment: false, draft: true, title: "{name} {version}", notes: notes.md, header: h.md, footer: f.md, existing: any }
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
    assert_eq!(docs.files[1], FileItem { from: "a/*.md".into(), to: Some("notes/".into()), follow: false });
    assert_eq!(docs.file.as_ref().unwrap().1, Format::TarZst);
    assert_eq!(docs.publish, Publish::To(vec!["github".into(), "mirror".into()]));
    assert_eq!(config.assets[1].publish, Publish::Off);
    let [github, mirror] = config.destinations.as_slice() else { panic!("two destinations") };
    assert_eq!((github.environment.as_deref(), github.github().unwrap().draft), (None, true));
    assert_eq!(github.github().unwrap().notes, Notes::File("notes.md".into()));
    assert_eq!((mirror.name.as_str(), mirror.github().unwrap().repository.as_deref()), ("mirror", Some("me/mirror")));
    assert_eq!(mirror.github().unwrap().notes, Notes::Off);
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
fn the_full_file_is_right() {
    let full = config(FULL);
    assert_eq!(full.destinations.len(), 2);
    let quick = parse("longshore.yaml", FULL, &["quick".to_owned(), "bare".to_owned()]);
    let quick = quick.map_err(|(source, diagnostics)| panic!("{}", source.render(&diagnostics, false))).unwrap().0;
    assert_eq!((quick.destinations.len(), quick.targets.len(), quick.archives.off), (1, 1, true));
    assert_eq!(binaries(&quick)[0].builds[0].1.profile, "release");
}

#[test]
fn implicit_static_builds_have_overrides_of_their_own() {
    let config = config(
        "longshore: 1\ntargets: x86_64-unknown-linux-gnu\nbinaries:\n  m: { features: a, override: { \"*-musl\": { features: b } } }\n  g: { static-target: gnu, features: a, override: { \"*-gnu\": { profile: p }, \"*-gnu+static\": { features: c } } }\n",
    );
    let check = |index: usize, features: &str, profile: &str| {
        let build = binaries(&config)[index].builds[0].1.static_build.as_deref().unwrap();
        assert_eq!((build.features[0].as_str(), build.profile.as_str()), (features, profile));
    };
    check(0, "b", "release");
    check(1, "c", "p");
    assert_eq!(binaries(&config)[1].builds[0].1.features, ["a"]);
}

#[test]
fn reads_images_bases_and_registries() {
    let config = config(
        r#"
longshore: 1
binaries: { app: {} }
defaults: { images: { user: root } }
images:
  app:
    flavors: [rocky, all]
    platforms: linux/arm64
    tags: ["{version}", { tag: edge, when: prerelease }]
    include: { from: ui, to: /srv/ui/ }
    workdir: /srv
    expose: [8080, 53/udp]
    smoke: { http: /health }
    compression: zstd
  plain: { binaries: app, smoke: [--version] }
bases: { rocky: { from: rockylinux:9-minimal, platforms: linux/amd64 } }
publish:
  registry: { prefix: docker.io/me, hosts: { index.docker.io: { password-env: P } } }
  near: { kind: registry, prefix: "localhost:5000/x", insecure: true, when: stable }
"#,
    );
    let image = &config.images[0];
    assert_eq!(image.flavors, ["rocky", "distroless", "debian", "ubuntu", "alpine", "scratch"]);
    assert_eq!((image.user.as_deref(), image.workdir.as_str()), (Some("root"), "/srv"));
    assert_eq!(image.include[0].to.as_deref(), Some("srv/ui/"));
    assert_eq!(image.expose, ["8080/tcp", "53/udp"]);
    assert_eq!(image.tags.iter().map(|tag| tag.tag.to_string()).collect::<Vec<_>>(), ["{version}", "edge"]);
    assert!(matches!(&image.smoke, Some(ImageSmoke::Http(path)) if path == "/health"));
    assert_eq!((config.images[1].flavors.as_slice(), config.images[1].tags.len()), (&["distroless".to_owned()][..], 4));
    assert_eq!(config.bases[0].from.as_ref().unwrap().to_string(), "docker.io/library/rockylinux:9-minimal");
    let names: Vec<&str> = config.destinations.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["github", "registry", "near"]);
    let DestinationKind::Registry(registry) = &config.destinations[1].kind else { panic!("no registry") };
    assert_eq!(registry.prefix.as_ref().unwrap().to_string(), "docker.io/me");
    assert!(registry.hosts.contains_key("docker.io"), "Docker Hub has one name");
}

#[test]
fn how_executables_are_started() {
    let check = |yaml: &str, expected: Smoke| {
        let config = config(&format!("longshore: 1\nbinaries: {{ a: {{ {yaml} }} }}\n"));
        assert_eq!(binaries(&config)[0].builds[0].1.smoke, expected, "{yaml}");
    };
    let args = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    check("", Smoke::Assumed);
    check("smoke: false", Smoke::Off);
    check("smoke: -V", Smoke::All(args("-V")));
    check("smoke: []", Smoke::All(Vec::new()));
    let each = [("x".to_owned(), Some(args("version --short"))), ("y".to_owned(), None)];
    check("smoke: { x: [version, --short], y: false }", Smoke::Each(each.into()));
}
