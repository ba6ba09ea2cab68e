//! What is said about wrong files, and where. Tables.

use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn problems_stand_where_they_were_written() {
    let check = |section: &str, expected: &[&str]| {
        assert_eq!(
            problems(&format!("longshore: 1\n{section}\n"), &[]),
            expected,
            "{section}\n{}",
            hints(&format!("longshore: 1\n{section}\n"))
        )
    };
    // Images, bases, registries.
    check("images: { a: { repositories: ghcr.io/Owner/name } }", &["bad-repository@2:30"]);
    check("images: { a: { repositories: https://ghcr.io/o/n } }", &["bad-repository@2:30"]);
    check("images: { a: { repositories: ghcr.io/o/n:1 } }", &["bad-repository@2:30"]);
    check("images: { a: { tags: [\"{version}+x\", latest] } }", &["bad-image-tag@2:23"]);
    check("images: { a: { tags: \"{versoin}\" } }", &["unknown-placeholder@2:22"]);
    check("images: { a: { tags: { tag: x, when: stabel } } }", &["unknown-word@2:38"]);
    check("images: { a: { flavors: [debain, all] } }", &["unknown-flavor@2:26"]);
    check("images: { a: { platforms: linux/mips } }", &["unknown-platform@2:27"]);
    check("images: { a: { include: { from: x, to: ../y } } }", &["bad-path@2:40"]);
    check("images: { a: { include: { from: x } } }", &["missing-key@2:25"]);
    check("images: { a: { expose: 70000 } }", &["bad-port@2:24"]);
    check("images: { a: { smoke: { htp: / } } }", &["missing-key@2:23", "unknown-key@2:25"]);
    check("binaries: { a: { smoke: { x: true } } }", &["wrong-type@2:30"]);
    check("images: { a: { binaries: x } }\nbinaries: { y: {} }", &["unknown-reference@2:26"]);
    check("bases: { rocky: { user: root } }", &["missing-key@2:10"]);
    check("bases: { debian: { from: debian } }", &["bad-reference@2:26"]);
    check("publish: { registry: { hosts: { \"https://x.y\": {} } } }", &["bad-host@2:33"]);
    check("publish: { mirror: { kind: registry, repository: a/b } }", &["unknown-key@2:38"]);
    check(
        "publish: { registry: ghcr.io/x/y, other: { kind: registry, prefix: ghcr.io/x/y } }",
        &["equal-entries@2:35"],
    );
    // Wheels, indexes.
    check("wheels: { \"-x\": {} }", &["bad-name@2:11"]);
    check("wheels: { os: {} }", &["bad-name@2:11"]);
    check("wheels: { a: { compatibility: 2.28 } }", &["bad-version@2:31"]);
    check("wheels: { a: { python: [\"3\"] } }", &["bad-version@2:25"]);
    check("wheels: { a: { variant-check: { presnt: x } } }", &["unknown-key@2:33"]);
    check("wheels: { a: {}, A: {} }", &["duplicate-key@2:18"]);
    check("publish: { pypi: { index: ftp://x } }", &["bad-url@2:27"]);
    check("publish: { pypi: { trusted: maybe } }", &["unknown-word@2:29"]);
    check("publish: { pypi: { token-env: { a: \"x y\" } } }", &["bad-name@2:36"]);
    check("publish: { testpypi: { kind: pypi, prefix: a/b } }", &["unknown-key@2:36"]);
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
    check("output: ./", &["bad-path@2:9"]);
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
    check(
        "targets: [linux]\nbinaries: { a: { override: { \"*-linux-*\": { locked: true } } } }",
        &["unknown-target@2:11"],
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
    check("binaries: { a: { smoke: true } }", "it is on by default");
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
