//! The entries of contexts that an image depends on, each with the rule that claimed it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::answer::{Answer, Read, ReadKind};
use super::flaw::Flaw;
use super::listing::{Kind, Listing};
use super::path::{below_root, clean, has_wildcards, join};
use super::pattern::{Matcher, Parents};
use crate::glob;

/// As many links in a row as the engine follows.
const MOST_LINKS: usize = 255;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The main context if None.
    pub context: Option<String>,
    pub path: String,
    /// A folder stands here only if nothing of what lies in it is taken with it: its being there is what counts.
    pub kind: Kind,
    /// The executable bit of the file counts.
    pub mode: bool,
    /// As `Dockerfile:12 COPY nginx/`.
    pub rule: String,
}

#[derive(Clone, Debug, Default)]
pub struct Inputs {
    pub list: Vec<Input>,
    /// Why all of a context was taken, if it was.
    pub wide: Vec<String>,
}

/// What an image takes from its contexts. The listings are those behind the ignore files.
///
/// # Errors
/// Sources that are not there.
pub fn inputs(answer: &Answer, main: &Listing, named: &BTreeMap<String, Listing>) -> Result<Inputs, Vec<Flaw>> {
    let mut gathered = Gathered { file: &answer.file, claims: BTreeMap::new(), wide: BTreeSet::new() };
    let mut flaws = Vec::new();
    for read in &answer.reads {
        let listing = match &read.context {
            None => Some(main),
            Some(name) => named.get(name),
        };
        let result = match listing {
            Some(listing) => gathered.read(read, listing),
            None => Err(flaw(read, "unknown-context", "the named context is not given".to_owned())),
        };
        flaws.extend(result.err());
    }
    if let Some(reason) = &answer.wide {
        let contexts = named.iter().map(|(name, listing)| (Some(name.clone()), listing)).chain([(None, main)]);
        for (context, listing) in contexts {
            gathered.all(context, listing, reason);
        }
    }
    if !flaws.is_empty() {
        return Err(flaws);
    }
    let (claims, wide) = (gathered.claims, gathered.wide);
    let list = claims.into_iter().map(|(key, claim)| Input {
        context: key.context,
        path: key.path,
        kind: claim.kind,
        mode: claim.mode,
        rule: claim.rule,
    });
    Ok(Inputs { list: list.collect(), wide: wide.into_iter().collect() })
}

fn flaw(read: &Read, code: &'static str, message: String) -> Flaw {
    Flaw::new(read.span.clone(), code, message)
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    context: Option<String>,
    path: String,
}

struct Claim {
    kind: Kind,
    mode: bool,
    rule: String,
}

struct Gathered<'a> {
    file: &'a str,
    claims: BTreeMap<Key, Claim>,
    wide: BTreeSet<String>,
}

impl Gathered<'_> {
    fn all(&mut self, context: Option<String>, listing: &Listing, reason: &str) {
        let paths = listing.iter().map(|(path, _)| path.to_owned()).collect();
        self.wide.insert(reason.to_owned());
        self.add(listing, Taken { context, paths, mode: true, rule: format!("whole context: {reason}") });
    }

    fn read(&mut self, read: &Read, listing: &Listing) -> Result<(), Flaw> {
        if let Some(reason) = &read.wide {
            self.all(read.context.clone(), listing, reason);
            return Ok(());
        }
        let mut reader = Reader { read, listing, taken: BTreeSet::new() };
        reader.take()?;
        let rule = format!("{}:{} {}", self.file, read.line, read.text);
        let (context, paths) = (read.context.clone(), reader.taken);
        self.add(listing, Taken { context, paths, mode: read.modes, rule });
        Ok(())
    }

    fn add(&mut self, listing: &Listing, taken: Taken) {
        let Taken { context, paths, mode, rule } = taken;
        for path in &paths {
            let Some(kind) = listing.get(path) else { continue };
            if *kind == Kind::Folder {
                let inside = format!("{path}/");
                if paths.range(inside.clone()..).next().is_some_and(|p| p.starts_with(&inside)) {
                    continue;
                }
            }
            let key = Key { context: context.clone(), path: path.clone() };
            let mode = mode && matches!(kind, Kind::File { .. });
            let claim = self.claims.entry(key);
            claim.or_insert_with(|| Claim { kind: kind.clone(), mode: false, rule: rule.clone() }).mode |= mode;
        }
    }
}

struct Taken {
    context: Option<String>,
    paths: BTreeSet<String>,
    mode: bool,
    rule: String,
}

struct Reader<'a> {
    read: &'a Read,
    listing: &'a Listing,
    taken: BTreeSet<String>,
}

impl Reader<'_> {
    fn take(&mut self) -> Result<(), Flaw> {
        let source = self.read.source.as_str();
        if self.read.kind != ReadKind::Copy || !has_wildcards(source) {
            return self.root(source).map(drop);
        }
        let mut folders = BTreeSet::new();
        for root in self.matching(source)? {
            folders.extend(self.root(&root)?);
        }
        // What a glob finds is poured into one place: an empty folder among others leaves no trace there.
        if self.taken.iter().any(|path| !folders.contains(path)) {
            self.taken.retain(|path| !folders.contains(path));
        }
        Ok(())
    }

    /// Takes one source; gives its path back if it is a folder.
    fn root(&mut self, source: &str) -> Result<Option<String>, Flaw> {
        let link = matches!(self.listing.get(source), Some(Kind::Link { .. }));
        if link && self.read.include.is_some() && self.read.must_exist() {
            let message =
                format!("`{}`: `{source}` is a link, and `--parents` finds nothing behind it", self.read.text);
            return Err(flaw(self.read, "bad-link", message));
        }
        let path = self.resolve(source)?;
        match self.listing.get(&path) {
            Some(Kind::Folder) => self.folder(&path)?,
            None if path.is_empty() => self.folder(&path)?,
            Some(_) => {
                if let Some(include) = &self.read.include
                    && self.read.must_exist()
                {
                    return Err(self.missing(&join(&path, include)));
                }
                self.taken.insert(path);
                return Ok(None);
            }
            None => return Err(self.missing(&path)),
        }
        Ok(Some(path))
    }

    /// Links on the way are followed within the context, and count.
    fn resolve(&mut self, path: &str) -> Result<String, Flaw> {
        let parts = |text: &str| text.split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect::<VecDeque<_>>();
        let (mut rest, mut current, mut links) = (parts(path), String::new(), 0);
        while let Some(part) = rest.pop_front() {
            let next = join(&current, &part);
            let Some(Kind::Link { target }) = self.listing.get(&next) else {
                current = next;
                continue;
            };
            links += 1;
            if links > MOST_LINKS {
                return Err(flaw(self.read, "bad-link", format!("`{path}` leads through too many links")));
            }
            let target = if target.starts_with('/') { below_root(target) } else { below_root(&join(&current, target)) };
            let mut start = parts(&target);
            start.append(&mut rest);
            rest = start;
            current.clear();
            self.taken.insert(next);
        }
        Ok(current)
    }

    /// What a glob finds. The folders before its first wildcard are a plain path.
    fn matching(&mut self, source: &str) -> Result<Vec<String>, Flaw> {
        let parts: Vec<&str> = source.split('/').collect();
        let plain = parts.iter().take_while(|p| !has_wildcards(p)).count();
        let (folder, pattern) = (parts[..plain].join("/"), parts[plain..].join("/"));
        let folder = self.resolve(&folder)?;
        if !folder.is_empty() && self.listing.get(&folder).is_none() {
            return Err(self.missing(&folder));
        }
        let skip = if folder.is_empty() { 0 } else { folder.len() + 1 };
        if glob::check(&pattern).is_err() {
            let message = format!("`{pattern}` has a class or an escape that does not end");
            return Err(flaw(self.read, "bad-pattern", message));
        }
        let fits = |path: &&str| glob::matches(&pattern, &path[skip..]) == Ok(true);
        Ok(self.listing.below(&folder).map(|(path, _)| path).filter(fits).map(str::to_owned).collect())
    }

    fn folder(&mut self, folder: &str) -> Result<(), Flaw> {
        let (include, excludes) = (&self.read.include, &self.read.excludes);
        if include.is_none() && excludes.is_empty() {
            self.taken.extend(self.listing.below(folder).map(|(path, _)| path.to_owned()));
            if !folder.is_empty() {
                self.taken.insert(folder.to_owned());
            }
            return Ok(());
        }
        let matcher = |texts: &[String]| {
            // Empty patterns are no patterns to the engine.
            let texts = texts.iter().map(|t| t.trim()).filter(|t| !t.is_empty());
            Matcher::new(texts).map_err(|bad| flaw(self.read, "bad-pattern", format!("a pattern has {}", bad.reason)))
        };
        let filter = Filter {
            include: include.as_ref().map(|i| matcher(std::slice::from_ref(i))).transpose()?,
            exclude: matcher(excludes)?,
        };
        let mut found = BTreeSet::new();
        self.walk(&filter, Spot { folder, inside: "", above: &Above::default() }, &mut found);
        if let Some(include) = include
            && self.read.must_exist()
        {
            self.demand(&clean(&join(folder, include)), &found)?;
        }
        if !folder.is_empty() {
            self.taken.insert(folder.to_owned());
        }
        self.taken.extend(found);
        Ok(())
    }

    /// Takes what passes the patterns, and the folders on the way to it.
    fn walk(&self, filter: &Filter, spot: Spot<'_>, found: &mut BTreeSet<String>) {
        for name in self.listing.children(spot.folder) {
            let (path, inside) = (join(spot.folder, name), join(spot.inside, name));
            let included = filter.include.as_ref().map(|m| m.verdict(&inside, &spot.above.include));
            let excluded = filter.exclude.verdict(&inside, &spot.above.exclude);
            let take = included.as_ref().is_none_or(|v| v.matched) && !excluded.matched;
            let enter = !excluded.matched || filter.exclude.has_exceptions();
            if enter && self.listing.get(&path) == Some(&Kind::Folder) {
                let include = included.map(|v| v.parents).unwrap_or_default();
                let above = Above { include, exclude: excluded.parents };
                self.walk(filter, Spot { folder: &path, inside: &inside, above: &above }, found);
            }
            if take {
                found.insert(path);
            }
        }
    }

    /// `--parents` with a plain name: the name must be among what passes the patterns.
    fn demand(&self, path: &str, found: &BTreeSet<String>) -> Result<(), Flaw> {
        let text = &self.read.text;
        if found.contains(path) {
            Ok(())
        } else if self.read.include.as_deref() == Some("") {
            let message = format!("`{text}`: `--parents` needs a name below the context or below `/./`");
            Err(flaw(self.read, "bad-parents", message))
        } else if self.listing.get(path).is_some() {
            Err(flaw(self.read, "excluded-source", format!("`{text}`: its `--exclude` takes `{path}` away")))
        } else {
            Err(self.missing(path))
        }
    }

    fn missing(&self, path: &str) -> Flaw {
        let context = self.read.context.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default();
        let text = &self.read.text;
        if let Some(hidden) = self.listing.hidden(path) {
            let message = format!("`{text}`: `{}` line {} hides `{path}`", hidden.file, hidden.line);
            return flaw(self.read, "hidden-source", message)
                .hint(format!("add the line `!{path}` after `{}` in `{}`", hidden.text, hidden.file));
        }
        let message = format!("`{text}`: `{path}` is not in the context{context}");
        flaw(self.read, "missing-source", message).nearest(path, self.listing.iter().map(|(path, _)| path))
    }
}

struct Filter {
    include: Option<Matcher>,
    exclude: Matcher,
}

#[derive(Default)]
struct Above {
    include: Parents,
    exclude: Parents,
}

struct Spot<'a> {
    folder: &'a str,
    /// Its path below the source.
    inside: &'a str,
    above: &'a Above,
}
