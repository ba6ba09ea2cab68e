//! The commands that the documents show: every `longshore` line is one that the program takes, and every block that is not marked
//! is run in a small project.
//!
//! A block that cannot be run is marked in the source, above its fence: `<!-- not run: REASON -->`.

use std::collections::BTreeMap;

use clap::Parser;
use longshore::cli::args::Cli;

use crate::project::Project;
use crate::source;

/// Why a block may not be run here.
const REASONS: [&str; 6] =
    ["needs an account", "needs the network", "another machine", "takes minutes", "another project", "needs Docker"];

struct Block {
    path: String,
    /// `docs/images.md:12`
    at: String,
    /// Commands.
    lines: Vec<String>,
    /// What they print, as far as it is shown.
    shown: Vec<String>,
    mark: Option<String>,
}

/// The blocks of commands in README.md and docs: those of `sh`, and what follows `$ ` in those of `console`.
fn blocks() -> Vec<Block> {
    let docs = source::below("docs").into_iter().filter(|text| text.path.ends_with(".md"));
    let mut blocks = Vec::new();
    for (path, text) in
        docs.map(|one| (one.path, one.text)).chain([("README.md".to_owned(), source::read("README.md"))])
    {
        let lines: Vec<&str> = text.lines().collect();
        let mut index = 0;
        while index < lines.len() {
            let kind = lines[index].trim().strip_prefix("```").unwrap_or_default();
            if !["sh", "console"].contains(&kind) {
                // Over what else is fenced.
                if !kind.is_empty() {
                    index += lines[index + 1..].iter().position(|line| line.trim() == "```").unwrap_or(0) + 1;
                }
                index += 1;
                continue;
            }
            let end = index + 1 + lines[index + 1..].iter().position(|line| line.trim() == "```").unwrap();
            let inside = lines[index + 1..end].iter().map(|line| line.trim());
            let (commands, shown): (Vec<&str>, Vec<&str>) =
                inside.partition(|line| kind == "sh" || line.starts_with("$ "));
            let commands = commands.iter().map(|line| line.trim_start_matches("$ ").to_owned()).collect();
            let shown = shown.iter().filter(|line| !line.is_empty() && !line.contains('…')).map(|line| masked(line));
            let above = lines[..index].iter().rev().find(|line| !line.trim().is_empty());
            let mark = above.and_then(|line| line.trim().strip_prefix("<!-- not run: ")?.strip_suffix(" -->"));
            blocks.push(Block {
                path: path.clone(),
                at: format!("{path}:{}", index + 1),
                lines: commands,
                shown: shown.collect(),
                mark: mark.map(str::to_owned),
            });
            index = end + 1;
        }
    }
    blocks
}

/// A line without what differs from run to run and machine to machine: numbers, digests and widths of columns.
fn masked(line: &str) -> String {
    let is_plain = |word: &&str| !word.chars().any(|char| char.is_ascii_digit());
    line.split_whitespace().filter(is_plain).collect::<Vec<_>>().join(" ")
}

/// The words of each `longshore …` in a line of shell, without what follows it.
fn calls(line: &str) -> Vec<Vec<String>> {
    let line = line.split(" #").next().unwrap_or_default();
    let parts = line.split("&&").flat_map(|part| part.split(';')).flat_map(|part| part.split(" | "));
    let calls = parts.filter_map(|part| {
        let part = part.split(" >").next().unwrap_or_default();
        let words = shell_words::split(part.trim().trim_end_matches('\\')).ok()?;
        let start = words.iter().position(|word| word == "longshore")?;
        // Variables before it, and nothing else.
        let is_variable = |word: &String| word.contains('=');
        words[..start].iter().all(is_variable).then(|| words[start..].to_vec())
    });
    calls.collect()
}

#[test]
fn every_line_is_one_that_the_program_takes() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for block in blocks() {
        // A line that goes on ends with `\`.
        let text = block.lines.join("\n").replace("\\\n", " ");
        for words in text.lines().flat_map(calls) {
            count += 1;
            // The end of `[options]` is the user's.
            let words = words.into_iter().filter(|word| word != "…");
            match Cli::try_parse_from(words.clone()) {
                Err(error) if error.use_stderr() => {
                    wrong.push(format!("{}: {}\n{error}", block.at, words.collect::<Vec<_>>().join(" ")));
                }
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 40, "{count} lines were found");
}

#[test]
fn marks_have_a_reason() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for block in blocks() {
        if let Some(mark) = &block.mark {
            assert!(REASONS.contains(&mark.as_str()), "{}: `{mark}` is none of {REASONS:?}", block.at);
        }
        *counts.entry(block.mark.unwrap_or_else(|| "run".into())).or_default() += 1;
    }
    assert!(counts["run"] >= 4, "{counts:?}");
}

#[test]
fn blocks_without_a_mark_run() {
    let files = [
        ("Cargo.toml", "[package]\nname = \"ferry\"\nversion = \"1.2.0\"\nedition = \"2024\"\n[features]\ntls = []\n"),
        ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"ferry\"\nversion = \"1.2.0\"\n"),
        ("src/main.rs", "fn main() { println!(\"ferry 1.2.0\") }\n"),
        (".gitignore", "/target\n"),
        ("README.md", "# ferry\n"),
    ];
    let fresh = || {
        let project = Project::of("ferry", &files).commit();
        assert!(project.sh("git remote add origin https://github.com/acme/ferry.git").status.success());
        project
    };
    // What a page shows the output of happens one after the other, in one project.
    let mut of_page: BTreeMap<String, Project> = BTreeMap::new();
    for block in blocks().into_iter().filter(|block| block.mark.is_none()) {
        let alone = fresh();
        let project = if block.shown.is_empty() { &alone } else { of_page.entry(block.path).or_insert_with(fresh) };
        let done = project.sh(&format!("set -e\n{}", block.lines.join("\n")));
        let said = String::from_utf8_lossy(&done.stderr).into_owned() + &String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{}: {:?}\n{said}", block.at, block.lines);
        let printed: Vec<String> = said.lines().map(masked).collect();
        for line in &block.shown {
            assert!(printed.contains(line), "{}: `{line}` is not printed:\n{said}", block.at);
        }
    }
}
