//! Every input of action.yml reaches who reads it, every output comes from who sets it. act sets `INPUT_*` of its own and
//! so hides a mapping that is missing; GitHub does not.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use longshore::config::yaml::Node;

use super::{get, of, parsed, steps};
use crate::source::{self, Keep};

/// What the steps read that no input says.
const GIVEN: &[&str] = &[
    "GITHUB_ACTION_PATH",
    "RUNNER_TEMP",
    "LONGSHORE_BINARY",
    "LONGSHORE_RELEASES",
    "PATH",
    "PWD",
    "GITHUB_WORKSPACE",
    "GIT_CONFIG_COUNT",
];

/// What is wrong with the mapping of an action.
fn findings(text: &str) -> Vec<String> {
    let action = parsed(text);
    let mut findings = Vec::new();
    let all: Vec<String> = of(&action, "inputs", "description").into_iter().map(|(name, _)| name).collect();
    // What earlier jobs built is received by a step of the action itself.
    let inputs: Vec<String> = all.iter().filter(|name| *name != "needs").cloned().collect();
    for (id, step) in steps(&action) {
        let env = variables(step);
        for name in &inputs {
            let wanted = format!("${{{{ inputs.{name} }}}}");
            let mapped: Vec<&str> =
                env.iter().filter(|(_, value)| *value == wanted).map(|(name, _)| name.as_str()).collect();
            match mapped.as_slice() {
                [one] if is_read(one, &id) => {}
                [one] => findings.push(format!("`{name}` becomes `{one}`, which nobody reads in step `{id}`")),
                _ => findings.push(format!("`{name}` is mapped {} times in step `{id}`", mapped.len())),
            }
        }
        if env.len() != inputs.len() {
            findings.push(format!("step `{id}` maps {} of {} inputs", env.len(), inputs.len()));
        }
    }
    if action_scripts(&action).iter().any(|run| run.contains("${{")) {
        findings.push("an expression stands in a script".to_owned());
    }
    // What GitHub would take for an empty text: an input that is not there.
    for (at, mark) in text.match_indices("inputs.") {
        let name: String =
            text[at + mark.len()..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        if !all.contains(&name) {
            findings.push(format!("there is no input `{name}`"));
        }
    }
    for (name, value) in of(&action, "outputs", "value") {
        if value != format!("${{{{ steps.unix.outputs.{name} || steps.windows.outputs.{name} }}}}") {
            findings.push(format!("output `{name}` is `{value}`"));
        }
        if !set().contains(&name) {
            findings.push(format!("nobody sets the output `{name}`"));
        }
    }
    findings
}

/// The scripts of all steps.
fn action_scripts(action: &Node) -> Vec<&str> {
    let steps = get(action, "runs").and_then(|runs| get(runs, "steps")).unwrap();
    steps.many().iter().filter_map(|step| get(step, "run").and_then(Node::text)).collect()
}

fn variables(step: &Node) -> Vec<(String, String)> {
    let env = get(step, "env").and_then(Node::map);
    env.iter()
        .flat_map(|env| &env.entries)
        .map(|entry| (entry.key.clone(), entry.value.text().unwrap_or_default().to_owned()))
        .collect()
}

/// Whether the program or the step's script reads a variable.
fn is_read(name: &str, step: &str) -> bool {
    let script = source::read(if step == "windows" { "dist/install.ps1" } else { "dist/install.sh" });
    let words = script.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(words_of);
    words.collect::<BTreeSet<_>>().contains(name) || strings().contains(&format!("\"{name}\""))
}

/// The strings in the program, without its tests.
fn strings() -> &'static str {
    static STRINGS: OnceLock<String> = OnceLock::new();
    STRINGS.get_or_init(read_strings)
}

fn read_strings() -> String {
    let files =
        source::below("src").into_iter().filter(|file| file.path.ends_with(".rs") && !source::is_tests(&file.path));
    let code = files.map(|file| source::without_tests(&source::code(&file.text, Keep::Strings)).to_owned());
    code.collect::<Vec<_>>().join("\n")
}

/// The names of outputs that the program sets.
fn set() -> BTreeSet<String> {
    let code = ["src/cli/action.rs", "src/cli/matrix.rs"].map(|path| source::code(&source::read(path), Keep::Strings));
    code.iter()
        .flat_map(|code| code.match_indices("(\"").map(|(at, _)| code[at + 2..].split('"').next().unwrap().to_owned()))
        .collect()
}

fn words_of(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[test]
fn every_input_is_read_and_every_output_set() {
    assert_eq!(findings(&source::read("action.yml")), Vec::<String>::new());
}

#[test]
fn a_missing_mapping_is_found() {
    let text = source::read("action.yml");
    let action = parsed(&text);
    let mut lines: Vec<String> = variables(&steps(&action).next().unwrap().1.clone())
        .into_iter()
        .map(|(name, value)| format!("        {name}: {value}\n"))
        .collect();
    lines.extend(of(&action, "outputs", "value").into_iter().map(|(_, value)| format!("    value: {value}\n")));
    assert!(lines.len() > 20);
    for line in lines {
        assert!(!findings(&text.replacen(&line, "", 1)).is_empty(), "{line}");
    }
    let check = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        assert!(!findings(&text.replacen(from, to, 1)).is_empty(), "{from} -> {to}");
    };
    check("LONGSHORE_ACTION_WORKFLOW:", "LONGSHORE_ACTION_WORKFLOWS:");
    check("JOB: ${{ inputs.job }}", "JOB: ${{ inputs.workflow }}");
    check("with:\n        name: longshore-${{ inputs.job }}", "with:\n        name: longshore-${{ inputs.jobs }}");
    check("inputs:\n", "inputs:\n  more:\n    description: nobody reads it\n");
    check(
        "outputs:\n",
        "outputs:\n  more:\n    description: x\n    value: ${{ steps.unix.outputs.more || steps.windows.outputs.more }}\n",
    );
    check("\"$GITHUB_ACTION_PATH/dist", "\"${{ github.action_path }}/dist");
}

#[test]
fn scripts_read_only_what_they_are_given() {
    let action = parsed(&source::read("action.yml"));
    for (id, step) in steps(&action) {
        let known: Vec<String> = variables(step).into_iter().map(|(name, _)| name).collect();
        let (file, marks) = if id == "windows" { ("dist/install.ps1", "$env:") } else { ("dist/install.sh", "${") };
        let text = source::read(file);
        let read: BTreeSet<&str> =
            text.match_indices(marks).filter_map(|(at, mark)| words_of(&text[at + mark.len()..]).next()).collect();
        let odd = |name: &&str| name.chars().all(|c| c.is_ascii_uppercase() || c == '_') && name.contains('_');
        let unknown: Vec<&str> = read
            .into_iter()
            .filter(odd)
            .filter(|name| !GIVEN.contains(name) && *name != "BASH_SOURCE" && !known.iter().any(|known| known == name))
            .collect();
        assert_eq!(unknown, Vec::<&str>::new(), "{file}");
    }
}

/// What can be said of the Windows half without Windows; tests/tools parses it.
#[test]
fn the_windows_half_is_short_and_compares_before_it_runs() {
    let text = source::read("dist/install.ps1");
    assert!(text.lines().count() < 60, "{} lines", text.lines().count());
    let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("`{words}` is not in install.ps1"));
    assert!(at("Get-FileHash -Algorithm SHA256") < at("-ne $row[2]"));
    assert!(at("-ne $row[2]") < at("Expand-Archive") && at("Expand-Archive") < at("& $binary action"));
    assert_eq!(text.matches("& $binary").count(), 1);
    assert!(text.ends_with("exit $LASTEXITCODE\n"));
    // Its text is read as ANSI by some hosts, and PowerShell 5.1 knows neither what it uses nor TLS 1.2 by itself.
    assert!(text.is_ascii() && text.contains("#Requires -Version 7\n"));
    assert!(at("Remove-Item -LiteralPath") < at("cargo install") && at("cargo install") < at("Set-Item -LiteralPath"));
    for word in ["Invoke-Expression", "iex ", "http://", "-SkipCertificateCheck"] {
        assert!(!text.contains(word), "{word}");
    }
}
