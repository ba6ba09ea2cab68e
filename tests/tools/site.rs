//! The documentation as one site, by mdBook: every page is in it, and every link leads somewhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::{root, tool};

#[test]
fn the_site_is_whole() {
    let place = tempfile::tempdir().unwrap();
    let done = tool("mdbook").arg("build").arg("--dest-dir").arg(place.path()).arg(root()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success() && !said.contains("WARN") && !said.contains("ERROR"), "{said}");
    let mut pages = BTreeMap::new();
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(page) = name.strip_suffix(".md").filter(|page| *page != "SUMMARY") else { continue };
        let page = if page == "README" { "index" } else { page };
        let file = place.path().join(format!("{page}.html"));
        let html = fs::read_to_string(&file).unwrap_or_else(|_| panic!("`docs/{name}` is not in docs/SUMMARY.md"));
        pages.insert(format!("{page}.html"), html);
    }
    let mut dead = Vec::new();
    for (page, html) in &pages {
        for link in html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let is_outside = link.contains("://") || link.starts_with("mailto:");
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() { page.as_str() } else { file };
            if is_outside || Path::new(file).extension().is_none_or(|end| end != "html") {
                continue;
            }
            let is_there = match pages.get(file) {
                Some(html) => anchor.is_empty() || html.contains(&format!("id=\"{anchor}\"")),
                None => place.path().join(file).is_file(),
            };
            if !is_there {
                dead.push(format!("`{page}` links to `{link}`, which is not there"));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}
