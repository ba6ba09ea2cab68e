//! Helm charts: troubles from public reports, each a folder of `tests/charts`. What Helm itself makes of them: `tests/tools`.

use std::collections::BTreeSet;
use std::fs;

use longshore::yaml;
use serde_json::Value;

use crate::chart_case::{CHART, Case, Member, all, build, members, must, package, said};

/// One test per folder, so that they run side by side and fail by name.
macro_rules! cases {
    ($($name:ident)*) => {
        $(#[test] fn $name() { run(stringify!($name)); })*
        const CASES: &[&str] = &[$(stringify!($name)),*];
    };
}

cases! {
    big_chart
    chart_alone
    chart_appversion_number_unchanged
    chart_appversion_unquoted
    chart_duplicate_version
    chart_kubeversion_range
    chart_library
    chart_name_uppercase
    chart_unknown_fields
    chart_version_build_metadata
    chart_version_leading_v
    chart_version_not_semver2
    chart_version_release
    chart_yaml_kept
    dep_alias_condition_tags
    dep_file_build
    dep_file_chain
    dep_file_outside_repository
    dep_lock_in_package
    dep_lock_out_of_date
    dep_missing
    dep_oci_not_locked
    dep_two_versions_one_name
    dep_vendored_outside_range
    deterministic
    ignore_bom_crlf
    ignore_classes
    ignore_double_star
    ignore_drops_templates
    ignore_drops_values
    ignore_drops_vendored_tgz
    ignore_matches_root
    ignore_negation
    ignore_negation_yaml_only
    ignore_slashes
    ignore_subchart_folder_and_tgz
    image_digest_only
    image_never_released
    image_prerelease_only
    link_broken_but_ignored
    link_out_of_repository
    link_subchart
    link_values
    links
    names_modes_empties
    render_sentinel
    schema_against_our_tag
    schema_not_json
    tag_template_with_v
    values_file_missing
    vendored_folder_and_tgz
    vendored_tgz_other_name
    yaml_anchor_other_user
    yaml_anchor_shared
    yaml_bom_crlf
    yaml_boolean_key
    yaml_comments
    yaml_document_markers
    yaml_duplicate_keys
    yaml_empty_tag
    yaml_explicit_keys
    yaml_flow
    yaml_folded_old_value
    yaml_json_file
    yaml_list_ambiguous
    yaml_list_by_name
    yaml_merge_key
    yaml_merge_key_overridden
    yaml_number_likes_beside
    yaml_odd_indents
    yaml_path_ends_at_tag
    yaml_path_missing
    yaml_quotes_needed
    yaml_two_documents
    yaml_unicode_long_lines
    yaml_unknown_escape
}

#[test]
fn every_folder_is_a_case() {
    let listed: Vec<String> = CASES.iter().map(|test| folder_name(test)).collect();
    assert_eq!(all(), listed, "tests/charts (left) and the list in tests/it/charts.rs (right) differ");
}

fn run(test: &str) {
    let case = Case::new(&folder_name(test));
    let problems = problems(&case);
    assert!(problems.is_empty(), "case `{test}`\n{}", problems.join("\n"));
}

fn folder_name(test: &str) -> String {
    test.replace('_', "-")
}

/// Everything that is not as it must be.
fn problems(case: &Case) -> Vec<String> {
    let project = case.project();
    let done = build(case, &project);
    let said = said(&done);
    let silent = |words: String| (!said.contains(&words)).then(|| format!("not said: {words}"));
    if let Some(exit) = case.expected("exit") {
        let mut problems: Vec<String> = case.lines("says").into_iter().filter_map(silent).collect();
        if done.status.code() != exit.parse().ok() {
            problems.push(format!("ended with {}, not {exit}", done.status));
        }
        if !problems.is_empty() {
            problems.push(said);
        }
        return problems;
    }
    if !done.status.success() {
        return vec![format!("ended with {}:\n{said}", done.status)];
    }
    let mut problems: Vec<String> = case.lines("warns").into_iter().filter_map(silent).collect();
    let Some(path) = package(&project) else { return vec!["no package was made".into()] };
    let name = path.file_name().unwrap().to_str().unwrap();
    problems.extend(differs("name of the package", case.expected("tgz-name"), name));
    let members = members(&path);
    problems.extend(entries(case, &members));
    problems.extend(contents(case, &members));
    problems.extend(values(case, &members));
    problems.extend(metadata(case, &members));
    if case.expects("twice") && made_elsewhere(case) != fs::read(&path).unwrap() {
        problems.push("other bytes the second time".into());
    }
    problems
}

/// The entries of the package: which, each once, and with which permissions.
fn entries(case: &Case, members: &[Member]) -> Vec<String> {
    let mut problems = Vec::new();
    let names: BTreeSet<&str> = members.iter().map(|member| member.path.as_str()).collect();
    if names.len() != members.len() {
        problems.push("an entry is there twice".into());
    }
    let modes = members.iter().filter(|member| ![0o644, 0o755].contains(&member.mode));
    problems.extend(modes.map(|member| format!("`{}` has the mode {:o}", member.path, member.mode)));
    if case.expects("files") {
        let expected = case.lines("files");
        let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
        problems.extend(names.difference(&expected).map(|name| format!("`{name}` is in the package")));
        problems.extend(expected.difference(&names).map(|name| format!("`{name}` is not in the package")));
    }
    problems
}

/// The bytes of the files of `expect/app`.
fn contents(case: &Case, members: &[Member]) -> Vec<String> {
    let also = case.files("also/app");
    let mut problems = Vec::new();
    for (path, expected) in case.files("app") {
        let Some(member) = members.iter().find(|member| member.path == path) else {
            problems.push(format!("`{path}` is not in the package"));
            continue;
        };
        let other = also.iter().find(|(name, _)| *name == path);
        let is_other = other.is_some_and(|(_, other)| text_differs(None, other, &member.bytes).is_none());
        let problem = text_differs(source(case, &path).as_deref(), &expected, &member.bytes);
        problems.extend(problem.filter(|_| !is_other).map(|problem| format!("`{path}`: {problem}")));
    }
    problems
}

/// A file of the chart as it is committed, without a byte order mark.
fn source(case: &Case, path: &str) -> Option<Vec<u8>> {
    let bytes = fs::read(case.home.join("in").join(CHART).join(path)).ok()?;
    Some(bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes))
}

/// Lines that the edit leaves alone are the same byte for byte; on the others the kind of quotes and the blanks before a
/// comment are free.
fn text_differs(before: Option<&[u8]>, expected: &[u8], actual: &[u8]) -> Option<String> {
    let lines = |text: &[u8]| text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let shown = |line: &[u8]| String::from_utf8_lossy(line).chars().take(120).collect::<String>();
    let (expected, actual) = (lines(expected), lines(actual));
    if expected.len() != actual.len() {
        return Some(format!("{} lines, not {}", actual.len(), expected.len()));
    }
    let before = before.map(lines).filter(|before| before.len() == expected.len());
    for (at, (expected, actual)) in expected.iter().zip(&actual).enumerate() {
        let (line, is_kept) = (at + 1, before.as_ref().is_some_and(|before| before[at] == *expected));
        if is_kept && expected != actual {
            return Some(format!("line {line} must not change: {:?}", shown(actual)));
        }
        if loose(expected) != loose(actual) {
            return Some(format!("line {line} is {:?}, not {:?}", shown(actual), shown(expected)));
        }
    }
    None
}

/// A line with one kind of quotes, and one blank before a comment.
fn loose(line: &[u8]) -> Vec<u8> {
    let mut loose: Vec<u8> = Vec::new();
    for byte in line {
        if *byte == b'#' && matches!(loose.last(), Some(b' ' | b'\t')) {
            loose.truncate(loose.trim_ascii_end().len());
            loose.push(b' ');
        }
        loose.push(if *byte == b'\'' { b'"' } else { *byte });
    }
    loose
}

/// What Helm reads from values.yaml, and what of it is not what it reads from the file in the repository.
fn values(case: &Case, members: &[Member]) -> Vec<String> {
    let mut problems = Vec::new();
    if !case.expects("values.json") && !case.expects("changed") {
        return problems;
    }
    let read = |bytes: &[u8]| yaml::to_json(&yaml::read(std::str::from_utf8(bytes).unwrap()).unwrap());
    let after = read(&members.iter().find(|member| member.path == "values.yaml").unwrap().bytes);
    if let Some(expected) = case.expected("values.json") {
        let expected: Value = serde_json::from_str(&expected).unwrap();
        // Helm gives every subchart a `global`.
        let found =
            differences(&expected, &after, "").into_iter().filter(|line| !line.ends_with("/global: {} -> null"));
        problems.extend(found.map(|line| format!("values.json: {line}")));
    }
    let changed = differences(&read(&source(case, "values.yaml").unwrap()), &after, "").join("\n");
    problems.extend(differs("changed", case.expected("changed"), &changed));
    problems
}

/// `/path/0/key: OLD -> NEW` for everything that differs.
fn differences(old: &Value, new: &Value, at: &str) -> Vec<String> {
    match (old, new) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            let of = |map: &serde_json::Map<String, Value>, key: &str| map.get(key).cloned().unwrap_or_default();
            keys.iter().flat_map(|key| differences(&of(left, key), &of(right, key), &format!("{at}/{key}"))).collect()
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let pairs = left.iter().zip(right).enumerate();
            pairs.flat_map(|(index, (left, right))| differences(left, right, &format!("{at}/{index}"))).collect()
        }
        _ if old == new => Vec::new(),
        _ => vec![format!("{}: {old} -> {new}", if at.is_empty() { "/" } else { at })],
    }
}

/// Fields of Chart.yaml as Helm reads them.
fn metadata(case: &Case, members: &[Member]) -> Vec<String> {
    let Some(expected) = case.expected("data.json") else { return Vec::new() };
    let expected: serde_json::Map<String, Value> = serde_json::from_str(&expected).unwrap();
    let file = members.iter().find(|member| member.path == "Chart.yaml").unwrap();
    let read = longshore::chart::metadata::Metadata::read(std::str::from_utf8(&file.bytes).unwrap()).unwrap();
    let read = serde_json::to_value(&read).unwrap();
    let differs = |(key, value): (&String, &Value)| {
        (read[key] != *value).then(|| format!("Chart.yaml: `{key}` is {}, not {value}", read[key]))
    };
    expected.iter().filter_map(differs).collect()
}

/// The package made in another folder, from files of another time.
fn made_elsewhere(case: &Case) -> Vec<u8> {
    let project = case.project();
    must(&project, "find . -path ./.git -prune -o -exec touch -h -d @1 '{}' +");
    let done = build(case, &project);
    assert!(done.status.success(), "{}", said(&done));
    fs::read(package(&project).unwrap()).unwrap()
}

fn differs(what: &str, expected: Option<String>, actual: &str) -> Option<String> {
    let expected = expected.filter(|expected| expected != actual)?;
    Some(format!("{what}: {actual}\nnot: {expected}"))
}
