//! The expressions that moby/patternmatcher makes of a pattern, and a small machine that runs them.

use std::collections::BTreeSet;

/// Longer ones are refused: no ignore file has them by accident.
const LONGEST: usize = 4096;

pub enum Shape {
    Exact,
    Prefix,
    Suffix,
    Nodes,
}

pub struct Translated {
    pub shape: Shape,
    pub expression: Vec<char>,
}

#[derive(Clone, Debug)]
pub enum Node {
    One(Atom),
    Any(Atom),
    /// Nothing, or a text that ends with a slash: `(.*/)?`.
    Folders,
}

#[derive(Clone, Debug)]
pub enum Atom {
    Char(char),
    /// All but the end of a line.
    Dot,
    Class {
        negated: bool,
        ranges: Vec<Span>,
    },
    Start,
    /// Where a word begins or ends, or for the other one where neither does.
    Edge {
        inside: bool,
    },
}

#[derive(Clone, Copy, Debug)]
pub struct Span {
    low: char,
    high: char,
}

/// What an expression is while it is written: FOLDERS stands for `(.*/)?`, which no pattern can write itself.
const FOLDERS: char = '\u{0}';

/// The same steps as the original, so that its odd corners (stars inside a class, stars after stars) are ours, too.
pub fn translate(pattern: &str) -> Translated {
    let mut shape = Shape::Exact;
    let mut out = Vec::new();
    let mut chars = pattern.chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                chars.next();
                if chars.peek() == Some(&'/') {
                    chars.next();
                }
                let last = chars.peek().is_none();
                shape = match (last, shape) {
                    (true, Shape::Exact) => Shape::Prefix,
                    (true, _) => {
                        out.extend(['.', '*']);
                        Shape::Nodes
                    }
                    (false, _) => {
                        out.push(FOLDERS);
                        Shape::Nodes
                    }
                };
                if first {
                    shape = Shape::Suffix;
                }
            }
            '*' => {
                out.extend(['[', '^', '/', ']', '*']);
                shape = Shape::Nodes;
            }
            '?' => {
                out.extend(['[', '^', '/', ']']);
                shape = Shape::Nodes;
            }
            '.' | '+' | '(' | ')' | '|' | '{' | '}' | '$' => out.extend(['\\', c]),
            '\\' => {
                out.push('\\');
                if let Some(next) = chars.next() {
                    out.push(next);
                    shape = Shape::Nodes;
                }
            }
            '[' | ']' => {
                out.push(c);
                shape = Shape::Nodes;
            }
            c => out.push(c),
        }
        first = false;
    }
    Translated { shape, expression: out }
}

/// None for what Go's regexp would refuse, and for what nobody writes (`\p{…}`, `[[:alpha:]]`).
pub fn compile(expression: &[char]) -> Option<Vec<Node>> {
    if expression.len() > LONGEST {
        return None;
    }
    let mut nodes = Vec::new();
    let mut at = 0;
    while let Some(&c) = expression.get(at) {
        at += 1;
        let atom = match c {
            FOLDERS => {
                nodes.push(Node::Folders);
                continue;
            }
            '.' => Atom::Dot,
            '^' => Atom::Start,
            '[' => class(expression, &mut at)?,
            // A backslash at the end escapes the sign that the original puts behind each expression.
            '\\' if at == expression.len() => {
                nodes.push(Node::One(Atom::Char('$')));
                nodes.push(Node::Any(Atom::Class { negated: true, ranges: Vec::new() }));
                break;
            }
            '\\' => escape(expression[at]).inspect(|_| at += 1)?,
            '*' => return None,
            c => Atom::Char(c),
        };
        if expression.get(at) == Some(&'*') {
            at += 1;
            nodes.push(Node::Any(atom));
        } else {
            nodes.push(Node::One(atom));
        }
    }
    Some(nodes)
}

fn escape(c: char) -> Option<Atom> {
    let class = |negated, ranges: &[[char; 2]]| {
        Some(Atom::Class {
            negated,
            ranges: ranges.iter().map(|[low, high]| Span { low: *low, high: *high }).collect(),
        })
    };
    let word = [['0', '9'], ['A', 'Z'], ['_', '_'], ['a', 'z']];
    let space = [['\t', '\n'], ['\u{c}', '\r'], [' ', ' ']];
    match c {
        'd' | 'D' => class(c == 'D', &[['0', '9']]),
        'w' | 'W' => class(c == 'W', &word),
        's' | 'S' => class(c == 'S', &space),
        'a' => Some(Atom::Char('\u{7}')),
        'f' => Some(Atom::Char('\u{c}')),
        't' => Some(Atom::Char('\t')),
        'n' => Some(Atom::Char('\n')),
        'r' => Some(Atom::Char('\r')),
        'v' => Some(Atom::Char('\u{b}')),
        'A' => Some(Atom::Start),
        'b' | 'B' => Some(Atom::Edge { inside: c == 'B' }),
        c if c.is_ascii_alphanumeric() || !c.is_ascii() => None,
        c => Some(Atom::Char(c)),
    }
}

fn class(expression: &[char], at: &mut usize) -> Option<Atom> {
    let negated = expression.get(*at) == Some(&'^');
    *at += usize::from(negated);
    let mut ranges = Vec::new();
    let mut first = true;
    loop {
        let c = *expression.get(*at)?;
        if c == ']' && !first {
            *at += 1;
            return Some(Atom::Class { negated, ranges });
        }
        if c == '[' && expression.get(*at + 1) == Some(&':') {
            return None;
        }
        first = false;
        if c == FOLDERS {
            ranges.extend("(.*/)?".chars().map(|c| Span { low: c, high: c }));
            *at += 1;
            continue;
        }
        if let Some(more) = class_escape(expression, at) {
            ranges.extend(more);
            continue;
        }
        let low = class_char(expression, at)?;
        let mut high = low;
        if expression.get(*at) == Some(&'-') && expression.get(*at + 1).is_some_and(|c| *c != ']') {
            *at += 1;
            high = class_char(expression, at)?;
        }
        if high < low {
            return None;
        }
        ranges.push(Span { low, high });
    }
}

/// `\d` and the like inside a class.
fn class_escape(expression: &[char], at: &mut usize) -> Option<Vec<Span>> {
    if expression.get(*at) != Some(&'\\') {
        return None;
    }
    match escape(*expression.get(*at + 1)?)? {
        Atom::Class { negated: false, ranges } => {
            *at += 2;
            Some(ranges)
        }
        _ => None,
    }
}

fn class_char(expression: &[char], at: &mut usize) -> Option<char> {
    let mut c = *expression.get(*at)?;
    *at += 1;
    if c == '\\' {
        c = match escape(*expression.get(*at)?)? {
            Atom::Char(c) => c,
            _ => return None,
        };
        *at += 1;
    }
    Some(c)
}

impl Atom {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Char(own) => *own == c,
            Self::Dot => c != '\n',
            Self::Class { negated, ranges } => ranges.iter().any(|r| r.low <= c && c <= r.high) != *negated,
            Self::Start | Self::Edge { .. } => false,
        }
    }
}

/// Whether the whole text matches: all places in the nodes at once, so that no pattern takes long.
pub fn matches(nodes: &[Node], text: &str) -> bool {
    if !ends_alike(nodes, text) {
        return false;
    }
    let mut around = Around { before: None, after: text.chars().next() };
    let mut places = BTreeSet::new();
    reach(nodes, 0, around, &mut places);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        around = Around { before: Some(c), after: chars.peek().copied() };
        let mut next = BTreeSet::new();
        for place in places {
            step(nodes, place, around, &mut next);
        }
        places = next;
        if places.is_empty() {
            return false;
        }
    }
    places.contains(&Place { node: nodes.len(), inside: false })
}

/// Most patterns end with plain signs, and most paths with other ones.
fn ends_alike(nodes: &[Node], text: &str) -> bool {
    let mut chars = text.chars().rev();
    let plain = nodes.iter().rev().map_while(|node| match node {
        Node::One(Atom::Char(c)) => Some(*c),
        _ => None,
    });
    plain.into_iter().all(|c| chars.next() == Some(c))
}

/// The signs beside a place in the text.
#[derive(Clone, Copy)]
struct Around {
    before: Option<char>,
    after: Option<char>,
}

impl Around {
    fn passes(self, atom: &Atom) -> bool {
        let word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        match atom {
            Atom::Start => self.before.is_none(),
            Atom::Edge { inside } => (word(self.before) == word(self.after)) == *inside,
            _ => false,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    node: usize,
    /// Some of the text of `Folders` was taken, but not yet its slash.
    inside: bool,
}

fn reach(nodes: &[Node], mut node: usize, around: Around, places: &mut BTreeSet<Place>) {
    loop {
        match nodes.get(node) {
            Some(Node::One(atom)) if around.passes(atom) => {}
            Some(Node::One(_)) | None => {
                places.insert(Place { node, inside: false });
                return;
            }
            Some(Node::Any(_) | Node::Folders) => {
                places.insert(Place { node, inside: false });
            }
        }
        node += 1;
    }
}

/// Takes the sign before the place.
fn step(nodes: &[Node], place: Place, around: Around, next: &mut BTreeSet<Place>) {
    let Some(c) = around.before else { return };
    match nodes.get(place.node) {
        Some(Node::One(atom)) if atom.takes(c) => reach(nodes, place.node + 1, around, next),
        Some(Node::Any(atom)) if atom.takes(c) => reach(nodes, place.node, around, next),
        Some(Node::Folders) => {
            if c != '\n' {
                next.insert(Place { node: place.node, inside: true });
            }
            if c == '/' {
                reach(nodes, place.node + 1, around, next);
            }
        }
        _ => {}
    }
}
