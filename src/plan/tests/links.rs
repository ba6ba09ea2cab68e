//! Links in archives and layers, names that are none elsewhere, and checkouts that lack something.

use super::{TreeFile, TreeKind, codes, facts, file, plain, planned};
use crate::facts::Facts;
use crate::facts::whole::Whole;
use crate::plan::{EntryKind, Plan, Request, Work};

fn link(path: &str, to: &str) -> TreeFile {
    TreeFile { path: path.into(), kind: TreeKind::Symlink(to.into()) }
}

fn with(files: Vec<TreeFile>) -> Facts {
    let mut facts = facts();
    let replaced = |file: &TreeFile| files.iter().any(|new| new.path == file.path);
    facts.files.retain(|file| !replaced(file) && file.path != "escape");
    facts.files.extend(files);
    facts.files.sort_by(|one, other| one.path.cmp(&other.path));
    facts
}

/// `path=source`, or `path -> link`, of the archive of `app` for a target.
fn held(plan: &Plan, triple: &str) -> Vec<String> {
    let step = plan.steps.iter().find(|step| step.id == format!("archive.app.{triple}")).unwrap();
    let Work::Archive(work) = &step.work else { panic!("an archive") };
    let one = |file: &crate::plan::ArchiveFile| match &file.entry {
        EntryKind::Symlink { link } => format!("{} -> {link}", file.path),
        _ => format!("{}={}", file.path, file.source),
    };
    work.files.iter().map(one).collect()
}

const LINUX: &str = "x86_64-unknown-linux-gnu";
const WINDOWS: &str = "x86_64-pc-windows-msvc";

#[test]
fn links_whose_targets_are_not_packed_become_them() {
    let facts = with(vec![
        link("README.md", "docs/readme"),
        file("docs/readme"),
        link("LICENSE", "docs/legal"),
        link("docs/legal", "a.md"),
    ]);
    let yaml = "targets: [x86_64-unknown-linux-gnu, x86_64-pc-windows-msvc]\narchives: { app: {} }\n";
    let plan = planned(yaml, &facts, &Request::default()).unwrap();
    for triple in [LINUX, WINDOWS] {
        let held = held(&plan, triple);
        assert!(held.iter().any(|file| file.ends_with("README.md=docs/readme")), "{held:?}");
        assert!(held.iter().any(|file| file.ends_with("LICENSE=docs/a.md")), "{held:?}");
    }
}

#[test]
fn links_stay_where_what_they_point_at_is_packed_and_not_for_windows() {
    let facts = with(vec![link("docs/folder", "deep")]);
    let yaml = "targets: [x86_64-unknown-linux-gnu, x86_64-pc-windows-msvc]\narchives: { app: { directory: false, include: [docs] } }\n";
    let plan = planned(yaml, &facts, &Request::default()).unwrap();
    assert_eq!(
        held(&plan, LINUX),
        ["docs/a.md=docs/a.md", "docs/deep/b.md=docs/deep/b.md", "docs/folder -> deep", "docs/link -> a.md"]
    );
    assert_eq!(
        held(&plan, WINDOWS),
        [
            "docs/a.md=docs/a.md",
            "docs/deep/b.md=docs/deep/b.md",
            "docs/folder/b.md=docs/deep/b.md",
            "docs/link=docs/a.md"
        ]
    );
    // Elsewhere it would point at something else.
    let yaml = "targets: x86_64-unknown-linux-gnu\narchives: { app: { directory: false, include: [{ from: docs/link, to: x/link }] } }\n";
    assert_eq!(held(&planned(yaml, &facts, &Request::default()).unwrap(), LINUX), ["x/link=docs/a.md"]);
}

#[test]
fn links_that_point_at_nothing_are_refused() {
    let yaml = "archives: { app: { include: [x] } }\n";
    let code = |to: &str| codes(yaml, &with(vec![link("x", to)]), &Request::default());
    assert_eq!(code("nowhere"), ["dangling-link"]);
    assert_eq!(code("../../out"), ["escaping-link"]);
    assert_eq!(code("x"), ["endless-link"]);
    assert_eq!(
        codes(yaml, &with(vec![link("x", "docs"), link("docs/up", ".")]), &Request::default()),
        ["endless-link"]
    );
    let image = "images: { app: { platforms: linux/amd64, include: { from: x, to: /srv/x } } }\n";
    assert_eq!(codes(image, &with(vec![link("x", "nowhere")]), &Request::default()), ["dangling-link"]);
}

#[test]
fn names_that_the_system_of_an_archive_cannot_have() {
    let code = |target: &str, paths: &[&str]| {
        let yaml = format!("targets: {target}\narchives: {{ app: {{ include: [data] }} }}\n");
        planned(&yaml, &with(paths.iter().map(|path| file(path)).collect()), &Request::default())
            .map_or_else(|problems| problems.iter().map(|problem| problem.code).collect(), |_| Vec::new())
    };
    for (names, refused) in [
        (&["data/10:20"][..], [true, false, false]),
        (&["data/nul"], [true, false, false]),
        (&["data/A", "data/a"], [true, true, false]),
    ] {
        for (target, refused) in [WINDOWS, "aarch64-apple-darwin", LINUX].iter().zip(refused) {
            assert_eq!(code(target, names), vec!["unportable-name"; usize::from(refused)], "{names:?} {target}");
        }
    }
}

#[test]
fn a_checkout_that_lacks_something_is_no_release() {
    let lacking = Whole {
        submodules: true,
        lfs: true,
        no_modules: vec!["vendor/a".into()],
        pointers: vec!["a.bin".into()],
        sparse: vec!["a".into(), "b".into(), "c".into(), "d".into()],
        not_utf8: vec!["LICENSE-\u{fffd}".into()],
    };
    let facts = Facts { whole: lacking.clone(), ..facts() };
    assert_eq!(codes("", &facts, &Request::default()), ["sparse-checkout", "submodule-missing", "lfs-pointer"]);
    let plan = planned("", &Facts { whole: lacking.of_any(), ..facts }, &Request::default()).unwrap();
    assert!(plan.checkout.submodules && plan.checkout.lfs);
    let said = "the file `LICENSE-\u{fffd}` is ignored: the name is not UTF-8";
    assert!(plan.assumed.iter().any(|note| note == said), "{:?}", plan.assumed);
    assert!(plain("").checkout.is_plain());
}
