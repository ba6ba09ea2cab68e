//! The JSON API of projects and releases, as warehouse/legacy/api/json.py answers, and files with their provenance.

use axum::http::header;
use serde_json::{Map, Value, json};

use super::answer::IndexAnswer;
use super::shared::Shared;
use super::simple::{SERIAL, url};
use super::state::{self, File, Project, ProjectRelease, iso};
use crate::pypi::name::normalize;

/// `GET /pypi/NAME/json` and `GET /pypi/NAME/VERSION/json`.
pub(super) fn answer(shared: &Shared, name: &str, version: Option<&str>) -> IndexAnswer {
    let unknown = || IndexAnswer::json(404, &json!({ "message": "Not Found" }));
    let state = shared.state();
    let normal = normalize(name);
    let Some(project) = state.projects.get(&normal) else { return unknown() };
    let release = match version {
        None => latest(project),
        Some(version) => version.parse().ok().and_then(|version| project.find(&version)),
    };
    let Some(release) = release else { return unknown() };
    if normal != name {
        let version = version.map_or(String::new(), |version| format!("/{version}"));
        return IndexAnswer::empty(301).header(header::LOCATION, format!("/pypi/{normal}{version}/json"));
    }
    let listed = |release: &ProjectRelease| -> Vec<Value> {
        release.files.iter().map(|file| entry(shared, release, file)).collect()
    };
    let roles: Vec<_> = project.owners.iter().map(|user| json!({ "role": "Owner", "user": user })).collect();
    let mut data = json!({
        "info": info(shared, project, release),
        "urls": listed(release),
        "vulnerabilities": [],
        "last_serial": project.serial,
        "ownership": { "roles": roles, "organization": null },
    });
    if version.is_none() {
        let all: Map<_, _> =
            project.releases.iter().map(|held| (held.version.to_string(), listed(held).into())).collect();
        data["releases"] = all.into();
    }
    IndexAnswer::json(200, &data)
        .header(header::CACHE_CONTROL, "max-age=900, public")
        .header(SERIAL, project.serial.to_string())
}

/// Not yanked before yanked, releases before prereleases, then the newest.
fn latest(project: &Project) -> Option<&ProjectRelease> {
    project
        .releases
        .iter()
        .max_by_key(|release| (release.yanked.is_none(), !release.version.is_prerelease(), release.version.clone()))
}

fn info(shared: &Shared, project: &Project, release: &ProjectRelease) -> Value {
    let metadata = &release.metadata;
    let one = |name| json!(metadata.get(name));
    let all = |name| {
        let values = metadata.all(name);
        if values.is_empty() { Value::Null } else { json!(values) }
    };
    let urls: Map<_, _> = metadata
        .all("project_urls")
        .iter()
        .filter_map(|pair| pair.split_once(','))
        .map(|(label, url)| (label.trim().to_owned(), json!(url.trim())))
        .collect();
    let page = format!("http://{}/project/{}/", shared.address, project.name);
    json!({
        "name": project.name,
        "version": release.version.to_string(),
        "summary": one("summary"),
        "description_content_type": one("description_content_type"),
        "description": metadata.get("description").unwrap_or_default(),
        "keywords": one("keywords"),
        "license": one("license"),
        "license_expression": one("license_expression"),
        "license_files": all("license_file"),
        "classifiers": metadata.all("classifiers"),
        "author": one("author"),
        "author_email": one("author_email"),
        "maintainer": one("maintainer"),
        "maintainer_email": one("maintainer_email"),
        "requires_python": one("requires_python"),
        "platform": one("platform"),
        "downloads": { "last_day": -1, "last_week": -1, "last_month": -1 },
        "package_url": page,
        "project_url": page,
        "project_urls": if urls.is_empty() { Value::Null } else { urls.into() },
        "release_url": format!("{page}{}/", release.version),
        "requires_dist": all("requires_dist"),
        "provides_extra": all("provides_extra"),
        "docs_url": null,
        "bugtrack_url": null,
        "home_page": one("home_page"),
        "download_url": one("download_url"),
        "yanked": release.yanked.is_some(),
        "yanked_reason": release.yanked.as_deref().filter(|reason| !reason.is_empty()),
        "dynamic": all("dynamic"),
    })
}

fn entry(shared: &Shared, release: &ProjectRelease, file: &File) -> Value {
    let digests = &file.digests;
    json!({
        "filename": file.filename,
        "packagetype": file.filetype,
        "python_version": file.pyversion,
        "has_sig": false,
        "comment_text": null,
        "md5_digest": digests.md5,
        "digests": { "md5": digests.md5, "sha256": digests.sha256.hex(), "blake2b_256": digests.blake2 },
        "core-metadata": file.core_metadata.map_or(json!(false), |digest| json!({ "sha256": digest.hex() })),
        "size": digests.size,
        "downloads": -1,
        "upload_time": iso(file.uploaded),
        "upload_time_iso_8601": format!("{}Z", iso(file.uploaded)),
        "url": url(shared, file),
        "requires_python": release.metadata.get("requires_python"),
        "yanked": release.yanked.is_some(),
        "yanked_reason": release.yanked.as_deref().filter(|reason| !reason.is_empty()),
    })
}

/// `GET /files/…`: a file, or the metadata beside it (PEP 658).
pub(super) fn file(shared: &Shared, path: &str) -> IndexAnswer {
    let state = shared.state();
    if let Some(file) = state.files().find(|file| file.path() == path) {
        return IndexAnswer::file(file.stored(&shared.folder), file.digests.size)
            .header(header::CACHE_CONTROL, "max-age=365000000, immutable, public");
    }
    let described = path.strip_suffix(".metadata");
    let file = state.files().find(|file| Some(file.path().as_str()) == described && file.core_metadata.is_some());
    let bytes = file.and_then(|file| std::fs::read(state::beside(&file.stored(&shared.folder))).ok());
    bytes.map_or_else(
        || IndexAnswer::error(404, "Not Found"),
        |bytes| IndexAnswer::bytes(200, "binary/octet-stream", bytes),
    )
}

/// `GET /integrity/NAME/VERSION/FILE/provenance` (PEP 740, warehouse/api/integrity.py).
pub(super) fn provenance(shared: &Shared, name: &str, version: &str, filename: &str) -> IndexAnswer {
    let state = shared.state();
    let project = state.projects.get(&normalize(name));
    let release = project.and_then(|project| project.find(&version.parse().ok()?));
    let file = release.and_then(|release| release.files.iter().find(|file| file.filename == filename));
    match file {
        Some(File { provenance: Some(provenance), .. }) => IndexAnswer::json(200, provenance),
        Some(_) => IndexAnswer::json(404, &json!({ "message": format!("No provenance available for {filename}") })),
        None => IndexAnswer::error(404, "Not Found"),
    }
}
