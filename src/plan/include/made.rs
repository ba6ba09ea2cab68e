//! What assets make, by the paths that it lies at when it is laid out: those of `to:`.

use globset::{GlobBuilder, GlobMatcher};

use crate::config::FileItem;
use crate::plan::AssetTree;
use crate::plan::inputs::Inputs;
use crate::plan::planner::Planner;
use crate::step_id::{StepId, StepKind};

/// How well a place fits what is included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It lies below.
    Part,
    /// It is a folder above, this many characters long: the nearest one is meant; one that is taken whole before one of
    /// which a pattern takes some.
    Inside(usize, bool),
    /// It is the very path, or a pattern that means it or starts there.
    Exact,
}

/// The trees that an item of `include:` takes out of assets: out of the one that makes the path, else out of all that make
/// something below it.
pub fn trees(planner: &Planner<'_>, item: &FileItem) -> Vec<AssetTree> {
    let inputs = planner.inputs;
    let from = plain(&item.from);
    let fits = |files: &[FileItem]| files.iter().flat_map(places).filter_map(|place| fit(&place, from)).max();
    let found: Vec<_> = inputs.config.assets.iter().filter_map(|asset| Some((asset, fits(&asset.files)?))).collect();
    let Some(best) = found.iter().map(|(_, fit)| *fit).max() else { return Vec::new() };
    let count = if matches!(best, Fit::Inside(..)) { 1 } else { found.len() };
    let chosen = found.iter().filter(|(_, fit)| *fit == best).take(count);
    let tree = |name: &str| {
        let step = planner.step(&StepId::of(StepKind::Asset, name))?;
        let to = item.to.as_deref().unwrap_or(from).trim_end_matches('/').to_owned();
        Some(AssetTree { step: step.id.clone(), path: from.to_owned(), to })
    };
    chosen.filter_map(|(asset, _)| tree(&asset.name)).collect()
}

/// The asset that makes a path and lays it out elsewhere, and where.
pub fn moved<'c>(inputs: &Inputs<'c>, from: &str) -> Option<(&'c str, String)> {
    let from = plain(from);
    let mut files = inputs.config.assets.iter().flat_map(|asset| asset.files.iter().map(move |file| (asset, file)));
    let (asset, file) = files.find(|(_, file)| file.to.is_some() && fit(plain(&file.from), from).is_some())?;
    Some((&asset.name, plain(file.to.as_deref()?).to_owned()))
}

/// What a pattern matches; nothing for a path.
pub fn matcher(pattern: &str) -> Option<GlobMatcher> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build().ok()?;
    pattern.contains(['*', '?', '[', '{']).then(|| glob.compile_matcher())
}

pub fn is_glob(path: &str) -> bool {
    path.contains(['*', '?', '[', '{'])
}

fn plain(path: &str) -> &str {
    path.trim_start_matches("./").trim_end_matches('/')
}

/// Where the files of one item of `assets.*.files` lie when the asset is laid out, as paths or patterns.
fn places(file: &FileItem) -> Vec<String> {
    let from = plain(&file.from);
    let Some(to) = &file.to else { return vec![from.to_owned()] };
    let join = |rest: &str| format!("{}/{rest}", plain(to));
    if is_glob(from) {
        return vec![join(from[fixed(from).len()..].trim_start_matches('/'))];
    }
    let name = from.rsplit('/').next().unwrap_or(from);
    // A file goes into `to/`, the files of a folder right below it: which of them it is shows when it was made.
    if to.ends_with('/') { vec![join(name), plain(to).to_owned()] } else { vec![to.clone()] }
}

/// The folders of a pattern before its first special character.
fn fixed(pattern: &str) -> &str {
    let end = pattern.find(['*', '?', '[', '{']).unwrap_or(pattern.len());
    pattern[..end].rfind('/').map_or("", |slash| &pattern[..slash])
}

fn fit(place: &str, wanted: &str) -> Option<Fit> {
    let below = |inner: &str, outer: &str| matches!(outer, "" | ".") || inner.starts_with(&format!("{outer}/"));
    let above = |path: &str| path.match_indices('/').map(|(end, _)| path[..end].to_owned()).collect::<Vec<_>>();
    let base = if is_glob(place) { fixed(place) } else { place };
    if place == wanted || base == wanted {
        return Some(Fit::Exact);
    }
    if let Some(glob) = matcher(place)
        && (glob.is_match(wanted) || above(wanted).iter().any(|folder| glob.is_match(folder)))
    {
        return Some(Fit::Exact);
    }
    match (below(base, wanted), below(wanted, base)) {
        (true, _) => Some(Fit::Part),
        (false, true) => Some(Fit::Inside(base.len(), !is_glob(place))),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How what lies at a place, or is made by `(from, to)`, fits a path.
    fn of(from: &str, to: Option<&str>, wanted: &str) -> Option<Fit> {
        let file = FileItem { from: from.into(), to: to.map(str::to_owned), follow: false };
        places(&file).iter().filter_map(|place| fit(place, wanted)).max()
    }

    #[test]
    fn what_is_made_is_found_where_it_is_laid_out() {
        let check = |from: &str, to: Option<&str>, wanted: &str, expected: Option<Fit>| {
            assert!(of(from, to, wanted) == expected, "{from} {to:?} {wanted}");
        };
        check("ui/build", None, "ui/build", Some(Fit::Exact));
        check("./ui/build/", None, "ui/build/app.js", Some(Fit::Inside(8, true)));
        check("ui/build", None, "ui", Some(Fit::Part));
        check("ui/build", None, "ui/builder", None);
        check("out", Some("www"), "www", Some(Fit::Exact));
        check("out", Some("www"), "www/app.js", Some(Fit::Inside(3, true)));
        check("out", Some("www"), "out", None);
        check("out/app.js", Some("www/"), "www/app.js", Some(Fit::Exact));
        check("out/app.js", Some("www/"), "www", Some(Fit::Exact));
        check("out/*.js", None, "out/app.js", Some(Fit::Exact));
        check("out/*.js", None, "out/app.css", Some(Fit::Inside(3, false)));
        check("out/*.js", Some("www"), "www", Some(Fit::Exact));
        check("out/*.js", Some("www"), "www/app.js", Some(Fit::Exact));
        check("out/*.js", Some("www"), "out/app.js", None);
        check("out/**/*.js", Some("www/js"), "www", Some(Fit::Part));
        check(".", None, "a/b", Some(Fit::Inside(1, true)));
    }
}
