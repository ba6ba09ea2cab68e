//! No file of a module uses another one that uses it back: what both need has a file of its own, below them.

use std::collections::{BTreeMap, BTreeSet};

use super::none;
use crate::source::{self, Keep};

/// A module by its names: `["verify", "wheel"]`.
type Path = Vec<String>;

/// A file and what it names of its own top module.
struct File {
    path: String,
    uses: Vec<Use>,
    /// Paths in the code, by their first name.
    paths: Vec<Path>,
}

/// A leaf of a `use`.
struct Use {
    path: Path,
    /// The name it has here.
    name: String,
    /// Whether it is made public here, too.
    passed_on: bool,
}

#[derive(Default)]
struct Module {
    files: BTreeMap<Path, File>,
    /// What is public at a place though it lies elsewhere.
    passed_on: BTreeMap<(Path, String), Path>,
}

impl Module {
    fn add(&mut self, path: &str, code: &str) {
        let names = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        let module: Path = names.split('/').map(str::to_owned).collect();
        let (uses, rest) = uses(code);
        self.files.insert(module, File { path: path.to_owned(), uses, paths: paths(&rest) });
    }

    fn read(files: &[(&str, &str)]) -> Self {
        let mut module = Self::default();
        files.iter().for_each(|(path, code)| module.add(path, code));
        let passed_on = module.files.iter().flat_map(|(at, file)| {
            let own = file.uses.iter().filter(|one| one.passed_on);
            own.filter_map(|one| Some(((at.clone(), one.name.clone()), module.absolute(at, &one.path)?)))
        });
        module.passed_on = passed_on.collect();
        module
    }

    /// A path from the crate's root; nothing for what is not ours.
    fn absolute(&self, at: &Path, path: &[String]) -> Option<Path> {
        let inside = |mut from: Path| {
            from.push(path[0].clone());
            self.files.contains_key(&from).then(|| [&from, &path[1..]].concat())
        };
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([at, &path[1..]].concat()),
            "super" => Some([&at[..at.len() - 1], &path[1..]].concat()),
            _ => inside(at.clone()),
        }
    }

    /// The file in which something is defined; nothing for a module as such and for what is elsewhere.
    fn home(&self, path: &[String]) -> Option<Path> {
        let mut at = Path::new();
        for (index, name) in path.iter().enumerate() {
            let further: Path = [&at, std::slice::from_ref(name)].concat();
            if self.files.contains_key(&further) || index == 0 && self.files.keys().any(|file| file[0] == *name) {
                at = further;
            } else if let Some(target) = self.passed_on.get(&(at.clone(), name.clone())) {
                return self.home(&[target, &path[index + 1..]].concat());
            } else {
                return self.files.contains_key(&at).then_some(at);
            }
        }
        None
    }

    /// The files that one uses.
    fn used(&self, at: &Path, file: &File) -> BTreeSet<Path> {
        let named = |name: &str| file.uses.iter().find(|one| one.name == name);
        let imported = file.uses.iter().map(|one| one.path.clone());
        let written = file.paths.iter().filter_map(|path| match named(&path[0]) {
            Some(one) if one.passed_on || path.len() > 1 => Some([&one.path, &path[1..]].concat()),
            _ => (path.len() > 1).then(|| path.clone()),
        });
        let all = imported.chain(written).filter_map(|path| self.home(&self.absolute(at, &path)?));
        all.filter(|home| home != at).collect()
    }

    /// Files that reach each other, one line for each group.
    fn rings(&self) -> Vec<String> {
        let arrows: BTreeMap<&Path, BTreeSet<Path>> =
            self.files.iter().map(|(at, file)| (at, self.used(at, file))).collect();
        let reached = |from: &Path| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
            while let Some(at) = next.pop() {
                next.extend(arrows[&at].iter().filter(|to| seen.insert((*to).clone())).cloned());
            }
            seen
        };
        let reached: BTreeMap<&Path, BTreeSet<Path>> = self.files.keys().map(|at| (at, reached(at))).collect();
        let mut rings = Vec::new();
        for (at, seen) in &reached {
            let ring: Vec<&Path> = seen.iter().filter(|other| reached[other].contains(*at)).collect();
            if ring.first() != Some(at) {
                continue;
            }
            let line = |from: &Path| {
                let to: Vec<&str> =
                    arrows[from].iter().filter(|to| ring.contains(to)).map(|to| to.last().unwrap().as_str()).collect();
                format!("{} -> {}", self.files[from].path, to.join(", "))
            };
            rings.push(ring.iter().map(|from| line(from)).collect::<Vec<_>>().join("; "));
        }
        rings
    }
}

/// The leaves of all `use`s, and the code without them.
fn uses(code: &str) -> (Vec<Use>, String) {
    let (mut found, mut rest, mut from) = (Vec::new(), String::new(), 0);
    for (at, _) in code.match_indices("use ") {
        let before = code[..at].trim_end();
        let public = before.ends_with("pub")
            || before.ends_with(')')
                && before
                    .rsplit("pub(")
                    .next()
                    .is_some_and(|scope| scope.len() < 40 && !scope[..scope.len() - 1].contains(['(', ')', ';']));
        let begins = before.is_empty() || before.ends_with([';', '{', '}', ']']) || public;
        if at < from || !begins || !code[..at].ends_with(char::is_whitespace) && at > 0 {
            continue;
        }
        let Some(length) = code[at..].find(';') else { continue };
        rest.push_str(&code[from..at]);
        from = at + length;
        if !before.ends_with("#[cfg(test)]") {
            leaves(&mut found, &[], &code[at + "use ".len()..from], public);
        }
    }
    rest.push_str(&code[from..]);
    (found, rest)
}

fn leaves(found: &mut Vec<Use>, before: &[String], tree: &str, passed_on: bool) {
    let tree = tree.trim();
    if let Some((head, group)) = tree.split_once('{') {
        let head = head.split("::").map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        let before: Path = before.iter().cloned().chain(head).collect();
        let (mut depth, mut from) = (0, 0);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    leaves(found, &before, &group[from..at], passed_on);
                    from = at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    if tree.is_empty() {
        return;
    }
    let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias.trim())));
    let mut path: Path = before.iter().cloned().chain(path.split("::").map(|name| name.trim().to_owned())).collect();
    if path.len() > 1 && path.last().is_some_and(|name| name == "self") {
        path.pop();
    }
    let name = alias.map_or_else(|| path[path.len() - 1].clone(), str::to_owned);
    found.push(Use { path, name, passed_on });
}

/// Every name and every path of code.
fn paths(code: &str) -> Vec<Path> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = code;
    let mut last = ' ';
    while let Some(first) = rest.chars().next() {
        if !is_word(first) {
            rest = &rest[first.len_utf8()..];
            last = if first.is_whitespace() { last } else { first };
            continue;
        }
        let mut path = Path::new();
        loop {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            path.push(rest[..end].to_owned());
            rest = &rest[end..];
            match rest.trim_start().strip_prefix("::").map(str::trim_start) {
                Some(after) if after.starts_with(is_word) => rest = after,
                _ => break,
            }
        }
        if last != '.' && last != '\'' {
            found.push(path);
        }
        last = 'a';
    }
    found
}

#[test]
fn no_rings_inside_modules() {
    let mut modules: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for file in source::below("src") {
        let below = file.path.strip_prefix("src/").unwrap();
        if ["main.rs", "lib.rs"].contains(&below) || !below.ends_with(".rs") || source::is_tests(below) {
            continue;
        }
        let name = below.split(['/', '.']).next().unwrap().to_owned();
        let code = source::code(&file.text, Keep::Code);
        let code = source::without_tests(&code).to_owned();
        modules.entry(name).or_default().push((file.path, code));
    }
    let mut findings = Vec::new();
    for files in modules.values() {
        let files: Vec<(&str, &str)> = files.iter().map(|(path, code)| (path.as_str(), code.as_str())).collect();
        findings.extend(Module::read(&files).rings());
    }
    none("no rings between files of a module: move what both use into a file below them", &findings);
}

#[test]
fn finds_rings_however_they_are_written() {
    let check = |files: &[(&str, &str)], expected: &[&str]| {
        assert_eq!(Module::read(files).rings(), expected, "{files:?}");
    };
    let (a, b) = ("src/x/a.rs", "src/x/b.rs");
    check(&[(a, "use super::b::B;"), (b, "use crate::{y, x::a::{self, A}};")], &["src/x/a.rs -> b; src/x/b.rs -> a"]);
    check(&[(a, "use super::b::B;"), (b, "fn f() -> super::c::C {}")], &[]);
    check(&[(a, "use super::b; fn f() { b::f() }"), (b, "use super::a;")], &[]);
    check(
        &[(a, "use super::b; fn f() { b::f() }"), (b, "use super::a as z; fn f() { z::f() }")],
        &["src/x/a.rs -> b; src/x/b.rs -> a"],
    );
    let top = "src/x/mod.rs";
    check(&[(top, "mod a; use a::A; struct S;"), (a, "use super::S;")], &["src/x/mod.rs -> a; src/x/a.rs -> x"]);
    check(&[(top, "mod a; fn f() { a::f() }"), (a, "impl super::S {}")], &["src/x/mod.rs -> a; src/x/a.rs -> x"]);
    check(&[(top, "mod a; pub use a::A;"), (a, "use crate::b::B;")], &[]);
    check(&[(top, "mod a; pub use a::A; struct S;"), (a, "use super::S;")], &["src/x/mod.rs -> a; src/x/a.rs -> x"]);
    check(
        &[(top, "mod a; pub use a::A;"), (a, "use super::b::B;"), (b, "use super::A;")],
        &["src/x/a.rs -> b; src/x/b.rs -> a"],
    );
    check(&[("src/x.rs", "mod a; fn f() { a::f() }"), (a, "use super::S;")], &["src/x.rs -> a; src/x/a.rs -> x"]);
    check(&[(a, "use super::b::B;"), (b, "impl<'a> B<'a> { fn f(self) { self.a } }")], &[]);
}
