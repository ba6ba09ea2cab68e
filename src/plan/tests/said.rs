//! What a plan says of tags that it does not take, and of archives without a licence.

use super::*;

#[test]
fn tags_of_another_form() {
    let notes = |yaml: &str, tags: &[(&str, &str)]| {
        let tag =
            |(name, commit): &(&str, &str)| Tag { name: (*name).into(), commit: (*commit).into(), distance: None };
        let facts = Facts { tags: tags.iter().map(tag).collect(), ..facts() };
        let assumed = planned(yaml, &facts, &Request::default()).unwrap().assumed;
        let form = |note: &String| note.contains("match");
        assumed.into_iter().filter(form).collect::<Vec<_>>().join("; ")
    };
    let here = |form: &str, tag: &str, key: &str| {
        format!("tag `{tag}` at this commit does not match `{form}`: for such tags write `{key}`")
    };
    assert_eq!(notes("", &[("1.2.3", HEAD)]), here("v{version}", "1.2.3", "tag: \"{version}\""));
    assert_eq!(notes("", &[("app-1.2.3", HEAD)]), here("v{version}", "app-1.2.3", "tag: \"app-{version}\""));
    let older = "no tag matches `v{version}` (the newest is `1.2.2`): for tags like it write `tag: \"{version}\"`";
    assert_eq!(notes("", &[("1.2.2", OLDER), ("tool-v7.0.0", HEAD)]), older);
    assert_eq!(notes("", &[("1.2.2", OLDER), ("v1.0.0", OLDER), ("nightly", HEAD)]), "");
    let components = "components: [app, tool]";
    let key = "components: { tool: { tag: \"tool@{version}\" } }";
    assert_eq!(notes(components, &[("tool@1.2.3", HEAD)]), here("tool-v{version}", "tool@1.2.3", key));
    assert_eq!(notes(components, &[("v1.2.3", HEAD)]), "");
    let tagged = Request { tags: vec!["1.2.3".into()], ..Request::default() };
    let problems = planned("", &facts(), &tagged).unwrap_err();
    let hint = "release tags look like `v{version}`; for tags like this one write `tag: \"{version}\"`";
    assert_eq!(problems[0].hint.as_deref(), Some(hint));
}

#[test]
fn archives_without_a_licence() {
    let notes = |yaml: &str, licence: Option<&str>, files: &[&str]| {
        let mut facts = facts();
        facts.packages.truncate(1);
        facts.packages[0].license = licence.map(str::to_owned);
        facts.files = files.iter().map(|path| file(path)).collect();
        let assumed = planned(yaml, &facts, &Request::default()).unwrap().assumed;
        assumed.into_iter().filter(|note| note.starts_with("the archives of `app` contain no licence file")).count()
    };
    assert_eq!(notes("", Some("MIT"), &["README.md", "other/LICENSE"]), 1);
    assert_eq!(notes("", Some("MIT"), &["LICENSE-MIT"]), 0);
    assert_eq!(notes("", Some("MIT"), &["crates/app/LICENSE"]), 0);
    assert_eq!(notes("", None, &["README.md"]), 0);
    assert_eq!(notes("archives: { app: { include: README.md } }", Some("MIT"), &["README.md"]), 0);
    assert_eq!(
        notes("archives: { app: { formats: binary, file: \"{binary}-{target}\" } }", Some("MIT"), &["README.md"]),
        0
    );
}
