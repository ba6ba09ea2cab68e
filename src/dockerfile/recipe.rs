//! The instructions that count, written one way: comments, blank lines and stages that do not count leave no trace.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::graph::{Command, Graph, Node, Origin};
use super::parse::Place;

pub(super) fn text(graph: &Graph<'_>, counted: &BTreeSet<usize>) -> String {
    let numbers: BTreeMap<usize, usize> = counted.iter().enumerate().map(|(place, node)| (*node, place)).collect();
    let mut out = String::new();
    line(&mut out, &format!("escape {}", graph.file.escape));
    if let Some(frontend) = &graph.file.frontend {
        line(&mut out, &format!("syntax {}", frontend.value));
    }
    for step in &graph.file.globals {
        place(&mut out, &step.place);
    }
    for number in counted {
        node(&mut out, &graph.nodes[*number], &numbers);
    }
    line(&mut out, &format!("target {}", numbers.get(&graph.target).copied().unwrap_or_default()));
    out
}

fn node(out: &mut String, node: &Node, numbers: &BTreeMap<usize, usize>) {
    let origin = match &node.origin {
        Origin::Node(base) => format!("stage {}", numbers.get(base).copied().unwrap_or_default()),
        Origin::Scratch => "scratch".to_owned(),
        Origin::Image(name) => format!("image {name}"),
        Origin::GivenImage(name) => format!("given image {name}"),
        Origin::Folder(name) => format!("folder {name}"),
    };
    let platform = node.platform.as_ref().map(ToString::to_string).unwrap_or_default();
    line(out, &format!("node {origin} {platform}"));
    if node.stage.is_none() || node.replaced {
        return;
    }
    place(out, &node.place);
    for command in &node.commands {
        sources(out, command, numbers);
        place(out, &command.step.place);
    }
}

fn sources(out: &mut String, command: &Command, numbers: &BTreeMap<usize, usize>) {
    for source in &command.sources {
        let number = source.and_then(|s| numbers.get(&s)).map_or("none".to_owned(), usize::to_string);
        line(out, &format!("from {number}"));
    }
}

fn place(out: &mut String, place: &Place) {
    line(out, place.text.trim());
    for heredoc in &place.heredocs {
        // The length keeps one body from looking like another instruction.
        let _ = writeln!(out, "heredoc {} {}", heredoc.content.len(), heredoc.content);
    }
}

fn line(out: &mut String, text: &str) {
    let _ = writeln!(out, "{} {text}", text.len());
}
