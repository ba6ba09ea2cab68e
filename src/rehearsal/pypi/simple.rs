//! The simple index: HTML (PEP 503) and JSON (PEP 691, 700, 714, 740, 792), as warehouse/api/simple.py answers.

use axum::http::{HeaderMap, HeaderName, header};
use serde_json::{Value, json};

use crate::rehearsal::html::escape;
use crate::world::http::encode_path;

use super::answer::{IndexAnswer, preferred};
use super::fault::FaultKind;
use super::shared::Shared;
use super::state::{File, Project, ProjectRelease, iso, now};
use crate::pypi::name::normalize;

const VERSION: &str = "1.4";
const HTML: &str = "text/html";
const HTML_V1: &str = "application/vnd.pypi.simple.v1+html";
const JSON_V1: &str = "application/vnd.pypi.simple.v1+json";
pub(super) const SERIAL: HeaderName = HeaderName::from_static("x-pypi-last-serial");

/// `GET /simple/`.
pub(super) fn all(shared: &Shared, headers: &HeaderMap) -> IndexAnswer {
    let state = shared.state();
    let kind = kind(headers);
    let text = if kind == JSON_V1 {
        let projects: Vec<_> = state
            .projects
            .values()
            .map(|project| json!({ "name": project.name, "_last-serial": project.serial }))
            .collect();
        let meta = json!({ "api-version": VERSION, "_last-serial": state.serial });
        json!({ "meta": meta, "projects": projects }).to_string()
    } else {
        let link = |(normal, project): (&String, &Project)| {
            format!("    <a href=\"/simple/{normal}/\">{}</a>\n", escape(&project.name))
        };
        let links: String = state.projects.iter().map(link).collect();
        page("Simple index", "", &links, state.serial)
    };
    cached(kind, text, state.serial)
}

/// `GET /simple/NAME/`.
pub(super) fn project(shared: &Shared, headers: &HeaderMap, name: &str) -> IndexAnswer {
    let stale = shared.strike(FaultKind::Index).is_some();
    let state = shared.state();
    let normal = normalize(name);
    let unknown = || IndexAnswer::bytes(404, "text/plain; charset=UTF-8", "404 Not Found");
    let Some(project) = state.projects.get(&normal).filter(|project| !stale || project.seeded) else {
        return unknown();
    };
    if normal != name {
        return IndexAnswer::empty(301).header(header::LOCATION, format!("/simple/{normal}/"));
    }
    let lag = i64::try_from(shared.quirks.index_lag).unwrap_or(i64::MAX);
    let shown = |file: &File| file.seeded || (!stale && now().saturating_sub(file.uploaded) >= lag);
    let files = |release| each(release, &shown);
    let held: Vec<(&ProjectRelease, &File)> = project.releases.iter().flat_map(files).collect();
    let kind = kind(headers);
    let text = if kind == JSON_V1 {
        let mut versions: Vec<String> = held.iter().map(|(release, _)| release.version.to_string()).collect();
        versions.dedup();
        let files: Vec<_> = held.iter().map(|(release, file)| entry(shared, &normal, release, file)).collect();
        json!({
            "meta": { "api-version": VERSION, "_last-serial": project.serial },
            "name": normal,
            "project-status": { "status": "active" },
            "versions": versions,
            "files": files,
        })
        .to_string()
    } else {
        let links: String = held.iter().map(|(release, file)| link(&entry(shared, &normal, release, file))).collect();
        let title = format!("Links for {normal}");
        let body = format!("    <h1>{title}</h1>\n{links}");
        page(&title, "    <meta name=\"pypi:project-status\" content=\"active\">\n", &body, project.serial)
    };
    cached(kind, text, project.serial)
}

fn each<'a>(release: &'a ProjectRelease, shown: &impl Fn(&File) -> bool) -> Vec<(&'a ProjectRelease, &'a File)> {
    release.files.iter().filter(|file| shown(file)).map(|file| (release, file)).collect()
}

/// A file as the JSON has it.
fn entry(shared: &Shared, normal: &str, release: &ProjectRelease, file: &File) -> Value {
    let core = file.core_metadata.map_or(json!(false), |digest| json!({ "sha256": digest.hex() }));
    let version = &release.version;
    let provenance = file.provenance.as_ref().map(|_| {
        format!("http://{}/integrity/{normal}/{version}/{}/provenance", shared.address, encode_path(&file.filename))
    });
    let yanked = match release.yanked.as_deref() {
        None => json!(false),
        Some("") => json!(true),
        Some(reason) => json!(reason),
    };
    json!({
        "filename": file.filename,
        "url": url(shared, file),
        "hashes": { "sha256": file.digests.sha256.hex() },
        "requires-python": release.metadata.get("requires_python"),
        "size": file.digests.size,
        "upload-time": format!("{}Z", iso(file.uploaded)),
        "yanked": yanked,
        "data-dist-info-metadata": core,
        "core-metadata": core,
        "provenance": provenance,
    })
}

fn link(file: &Value) -> String {
    let text = |value: &Value| escape(value.as_str().unwrap_or_default());
    let mut attributes = String::new();
    if file["requires-python"].is_string() {
        attributes.push_str(&format!(" data-requires-python=\"{}\"", text(&file["requires-python"])));
    }
    if file["yanked"] != false {
        attributes.push_str(&format!(" data-yanked=\"{}\"", text(&file["yanked"])));
    }
    let core = text(&file["core-metadata"]["sha256"]);
    if !core.is_empty() {
        let both = format!(" data-dist-info-metadata=\"sha256={core}\" data-core-metadata=\"sha256={core}\"");
        attributes.push_str(&both);
    }
    if file["provenance"].is_string() {
        attributes.push_str(&format!(" data-provenance=\"{}\"", text(&file["provenance"])));
    }
    let (url, sha256) = (text(&file["url"]), text(&file["hashes"]["sha256"]));
    format!("    <a href=\"{url}#sha256={sha256}\"{attributes}>{}</a><br />\n", text(&file["filename"]))
}

fn page(title: &str, meta: &str, body: &str, serial: u64) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n  <head>\n    <meta name=\"pypi:repository-version\" \
         content=\"{VERSION}\">\n{meta}    <title>{title}</title>\n  </head>\n  <body>\n{body}  </body>\n</html>\n\
         <!--SERIAL {serial}-->"
    )
}

fn cached(kind: &str, text: String, serial: u64) -> IndexAnswer {
    let kind = if kind == JSON_V1 { kind.to_owned() } else { format!("{kind}; charset=UTF-8") };
    IndexAnswer::bytes(200, &kind, text)
        .header(header::CACHE_CONTROL, "max-age=600, public")
        .header(header::VARY, "Accept")
        .header(SERIAL, serial.to_string())
}

/// `_select_content_type` of warehouse/api/simple.py.
fn kind(headers: &HeaderMap) -> &'static str {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.and_then(|accept| preferred(accept, &[HTML, HTML_V1, JSON_V1])).unwrap_or(HTML)
}

pub(super) fn url(shared: &Shared, file: &File) -> String {
    format!("http://{}/files/{}", shared.address, encode_path(&file.path()))
}
