//! The page: projects, their releases, and the files of each.

use crate::rehearsal::html::{copy, escape, frame};
use crate::shown;

use super::shared::Shared;
use super::simple::url;
use super::state::{Project, ProjectRelease, iso};

pub(super) fn all(shared: &Shared) -> String {
    let state = shared.state();
    let mut body: String = state.projects.values().map(|held| project(shared, held)).collect();
    if body.is_empty() {
        body.push_str("<header><span class=\"repository\"><b>Package index</b></span></header>\n<p class=\"empty\">Nothing has been uploaded here yet.</p>\n");
    }
    frame("Package index", &body)
}

fn project(shared: &Shared, project: &Project) -> String {
    let mut html = format!("<header><span class=\"repository\"><b>{}</b></span></header>\n", escape(&project.name));
    for held in project.releases.iter().rev() {
        html.push_str(&release(shared, project, held));
    }
    if project.releases.is_empty() {
        html.push_str("<p class=\"empty\">No releases.</p>\n");
    }
    html
}

fn release(shared: &Shared, project: &Project, release: &ProjectRelease) -> String {
    let version = release.version.to_string();
    let name = &project.name;
    let command = escape(&format!("pip install --index-url http://{}/simple/ {name}=={version}", shared.address));
    let mut rows = String::new();
    for file in &release.files {
        let digest = file.digests.sha256.to_string();
        rows.push_str(&format!(
            "<tr><td class=\"name\"><a href=\"{}\">{}</a></td><td>{}</td><td class=\"size\" title=\"{} bytes\">{}</td>\
             <td class=\"digest\"><div><code>{digest}</code>{}</div></td></tr>\n",
            escape(&url(shared, file)),
            escape(&file.filename),
            escape(&file.pyversion),
            file.digests.size,
            shown::size(file.digests.size),
            copy(&digest, "Copy digest"),
        ));
    }
    let label = if release.version.is_prerelease() { "<span class=\"label\">prerelease</span>" } else { "" };
    format!(
        "<article>\n<h1>{}{label}</h1>\n<p class=\"facts\"><span><i>released</i> {}</span><span>{}</span></p>\n\
         <section class=\"commands\"><h2>Install</h2>{}<pre><code>{command}</code></pre></section>\n\
         <section class=\"assets\"><h2>Files</h2>\n<table><thead><tr><th>File</th><th>Python</th>\
         <th class=\"size\">Size</th><th class=\"digest\">Digest</th></tr></thead>\n<tbody>{rows}</tbody></table></section>\n\
         </article>\n",
        escape(&version),
        iso(release.created).replace('T', " "),
        escape(release.metadata.get("summary").unwrap_or_default()),
        copy(&command, "Copy command"),
    )
}
