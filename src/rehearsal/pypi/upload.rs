//! An upload: the checks of `file_upload` in warehouse/forklift/legacy.py, in their order, and what follows from them.

use std::io;
use std::path::Path;

use axum::body::Body;
use axum::http::header;
use axum::http::request::Parts;
use serde_json::Value;

use crate::digest::Digest;
use crate::rehearsal::percent::query;

use super::answer::{End, IndexAnswer};
use super::archive;
use super::attestation;
use super::fault::{Fault, FaultKind};
use super::filename;
use super::form::{Content, Failed, Form};
use super::metadata;
use super::project;
use super::shared::Shared;
use super::state::{self, File, Project, ago, now};
use super::token::{self, Identity};
use super::wheel::Candidate;
use crate::pypi::Metadata;
use crate::pypi::name::{is_name, normalize, repr};
use crate::pypi::version::Version;

/// From which age on, in days, a release takes no new files (`MAXIMUM_AGE_FOR_NEW_UPLOADS_DAYS`).
const OLDEST: u32 = 14;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

type Refusal = (u16, String);

/// A form that is good so far.
struct Upload<'a> {
    shared: &'a Shared,
    who: Identity,
    form: &'a Form,
    content: &'a Content,
    metadata: Metadata,
    version: Version,
    project: Project,
}

/// `POST /legacy/`.
pub(super) async fn answer(shared: &Shared, parts: &Parts, body: Body, midway: bool) -> End {
    let cut = midway || shared.strike(FaultKind::Body).is_some();
    let form = match Form::read(parts, body, &shared.folder, cut).await {
        Ok(form) => form,
        Err(Failed::Interrupted) => return End::Cut,
        Err(Failed::Malformed) => Form::default(),
    };
    let asked = query(parts.uri.query().unwrap_or_default(), ":action");
    match form.get(":action").map(str::to_owned).or(asked).as_deref() {
        Some("file_upload") => {}
        Some("submit" | "submit_pkg_info") => {
            let text = "Project pre-registration is no longer required or supported, upload your files instead.";
            return End::IndexAnswer(IndexAnswer::error(410, text));
        }
        Some("doc_upload") => {
            let text = "Uploading documentation is no longer supported, we recommend using https://readthedocs.org/.";
            return End::IndexAnswer(IndexAnswer::error(410, text));
        }
        _ => return End::IndexAnswer(IndexAnswer::error(405, "Method Not Allowed")),
    }
    // One at a time, as the locks of a database make it.
    let _turn = shared.uploads.lock().await;
    match tokio::task::block_in_place(|| take(shared, parts, &form)) {
        Ok(false) => End::IndexAnswer(IndexAnswer::empty(200)),
        Ok(true) => match shared.strike(FaultKind::Stored) {
            Some(Fault::LostAnswer) => End::Cut,
            Some(_) => End::IndexAnswer(IndexAnswer::error(502, "Bad Gateway")),
            None => End::IndexAnswer(IndexAnswer::empty(200)),
        },
        Err((status, text)) => End::IndexAnswer(IndexAnswer::error(status, text)),
    }
}

/// `POST /legacy`: no slash at the end.
pub(super) fn redirect() -> IndexAnswer {
    let text = "An upload was attempted to /legacy but the expected upload URL is /legacy/ (with a trailing slash)";
    IndexAnswer::error(308, text).header(header::LOCATION, "/legacy/")
}

/// Whether a file was stored; else it was there already.
fn take(shared: &Shared, parts: &Parts, form: &Form) -> Result<bool, Refusal> {
    if let Some(name) = &form.tuple {
        return Err((400, format!("{name}: Should not be a tuple.")));
    }
    let who = allowed(shared, parts)?;
    if form.get("protocol_version").unwrap_or("1") != "1" {
        return Err((400, "Unknown protocol version.".into()));
    }
    fields(form).map_err(|text| (400, text))?;
    let (metadata, version) = metadata::read(form, &shared.classifiers, shared.lenient).map_err(|text| (400, text))?;
    let Some(content) = &form.content else { return Err((400, "Upload payload does not have a file.".into())) };
    let name = metadata.get("name").unwrap_or_default();
    let project = project::for_upload(shared, &who, name)?;
    token::admit(shared, &who, &project).map_err(|text| (403, text))?;
    let project = Project { name: name.to_owned(), ..project };
    let upload = Upload { shared, who, form, content, metadata, version, project };
    if upload.is_there()? {
        return Ok(false);
    }
    let core_metadata = upload.inspect()?;
    let provenance = upload.provenance()?;
    upload.store(core_metadata, provenance).map_err(|error| (503, error.to_string()))?;
    Ok(true)
}

/// `ensure_uploads_allowed` of warehouse/forklift/decorators.py.
fn allowed(shared: &Shared, parts: &Parts) -> Result<Identity, Refusal> {
    let struck = shared.strike(FaultKind::Arrival);
    if struck == Some(Fault::ServerError) {
        return Err((503, "Service Unavailable".into()));
    }
    if shared.quirks.read_only || struck == Some(Fault::ReadOnly) {
        return Err((403, "Read-only mode: Uploads are temporarily disabled.".into()));
    }
    if shared.quirks.no_uploads {
        let text = "New uploads are temporarily disabled. See https://pypi.org/help/#admin-intervention for more \
                    information.";
        return Err((403, text.into()));
    }
    token::identify(shared, &parts.headers).ok_or_else(|| {
        let text = "Invalid or non-existent authentication information. See https://pypi.org/help/#invalid-auth for \
                    more information.";
        (403, text.into())
    })
}

/// `UploadForm` of warehouse/forklift/forms.py.
fn fields(form: &Form) -> Result<(), String> {
    let name = form.get("name").unwrap_or_default();
    let named = |error: &str| {
        let see = "https://packaging.python.org/specifications/core-metadata";
        Err(format!("{} is an invalid value for Name. Error: {error} See {see} for more information.", repr(name)))
    };
    let invalid = |field: &str, error: &str| Err(format!("Invalid value for {field}. Error: {error}"));
    if name.is_empty() {
        return named("This field is required.");
    }
    if !is_name(name) {
        return named("Start and end with a letter or numeral containing only ASCII numeric and '.', '_' and '-'.");
    }
    let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bad = |field| form.get(field).is_some_and(|digest| !is_digest(digest));
    // Of several errors the first by name is told.
    if bad("blake2_256_digest") {
        return invalid("blake2_256_digest", "Use a valid, hex-encoded, BLAKE2 message digest.");
    }
    match form.get("filetype") {
        None => return invalid("filetype", "This field is required."),
        Some("sdist" | "bdist_wheel") => {}
        Some(_) => return invalid("filetype", "Use a known file type."),
    }
    if bad("sha256_digest") {
        return invalid("sha256_digest", "Use a valid, hex-encoded, SHA256 message digest.");
    }
    match (form.get("filetype"), form.get("pyversion")) {
        (Some("bdist_wheel"), None) => {
            return invalid("pyversion", "Python version is required for binary distribution uploads.");
        }
        (Some("sdist"), Some(version)) if version != "source" => {
            return invalid("pyversion", "Use 'source' as Python version for an sdist.");
        }
        _ => {}
    }
    let digests = ["md5_digest", "sha256_digest", "blake2_256_digest"];
    if digests.iter().all(|digest| form.get(digest).is_none()) {
        return Err("Error: Include at least one message digest.".into());
    }
    Ok(())
}

impl Upload<'_> {
    /// What is checked before the file is looked into; true if the same file is there already.
    fn is_there(&self) -> Result<bool, Refusal> {
        let refuse = |text: String| Err::<bool, Refusal>((400, text));
        let (content, filetype) = (self.content, self.filetype());
        let name = &content.filename;
        filename::check(name, filetype).map_err(|text| (400, text))?;
        if content.media_type.starts_with("image/") {
            return refuse("Invalid distribution file.".into());
        }
        self.sizes().map_err(|text| (400, text))?;
        let digests = &content.digests;
        let given = |field, digest: &str| self.form.get(field).is_none_or(|given| given.eq_ignore_ascii_case(digest));
        if !given("md5_digest", &digests.md5)
            || !given("sha256_digest", &digests.sha256.hex())
            || !given("blake2_256_digest", &digests.blake2)
        {
            let text = "The digest supplied does not match a digest calculated from the uploaded file.";
            return refuse(text.into());
        }
        let state = self.shared.state();
        if let Some(file) = state.similar(name, &digests.blake2) {
            let same = file.filename == *name
                && file.digests.sha256 == digests.sha256
                && file.digests.blake2 == digests.blake2;
            if same {
                return Ok(true);
            }
            return refuse(format!(
                "File already exists ({}, with blake2_256 hash '{}'). See https://pypi.org/help/#file-name-reuse for \
                 more information.",
                repr(name),
                digests.blake2
            ));
        }
        if state.used.contains(name) {
            let text = "This filename was previously used by a file that has since been deleted. Use a different \
                        version. See https://pypi.org/help/#file-name-reuse for more information.";
            return refuse(text.into());
        }
        let release = self.project.find(&self.version);
        if release.is_some_and(|release| release.created < ago(OLDEST)) {
            return refuse(format!("Uploading new files to releases older than {OLDEST} days is not allowed."));
        }
        if filetype == "sdist" && release.is_some_and(|held| held.files.iter().any(|file| file.filetype == "sdist")) {
            return refuse("Only one sdist may be uploaded per release.".into());
        }
        Ok(false)
    }

    fn sizes(&self) -> Result<(), String> {
        let (quirks, name) = (&self.shared.quirks, repr(&self.project.name));
        let docs = "https://docs.pypi.org/project-management/storage-limits#requesting-a";
        let size = self.content.digests.size;
        let limit = quirks.file_limit.unwrap_or(100 * MIB);
        if size > limit {
            return Err(format!(
                "File too large. Limit for project {name} is {} MB. See {docs}-file-size-limit-increase for more \
                 information.",
                limit / MIB
            ));
        }
        let limit = quirks.project_limit.unwrap_or(10 * GIB);
        if size.saturating_add(self.project.size()) > limit {
            return Err(format!(
                "Project size too large. Limit for project {name} total size is {} GB. See \
                 {docs}-project-size-limit-increase",
                limit / GIB
            ));
        }
        Ok(())
    }

    /// Looks into the file; the `METADATA` of a wheel.
    fn inspect(&self) -> Result<Option<Vec<u8>>, Refusal> {
        let bad = |text: String| (400, text);
        let path: &Path = &self.content.path;
        let name = &self.content.filename;
        let archive = archive::open(path, name).map_err(|text| bad(format!("Invalid distribution file. {text}")))?;
        let (metadata, version) = (&self.metadata, &self.version);
        let candidate = Candidate { path, filename: name, project: &self.project.name, metadata, version };
        if self.filetype() == "sdist" {
            candidate.sdist(&archive).map_err(bad)?;
            return Ok(None);
        }
        candidate.wheel(&archive).map(Some).map_err(bad)
    }

    fn provenance(&self) -> Result<Option<Value>, Refusal> {
        let Some(text) = self.form.all("attestations").next() else { return Ok(None) };
        let sha256 = self.content.digests.sha256;
        attestation::provenance(self.who.publisher(), text, &self.content.filename, sha256)
            .map(Some)
            .map_err(|text| (400, format!("Invalid attestations supplied during upload: {text}")))
    }

    /// Puts the file where it is served from, and the project and the release if they are new.
    fn store(&self, core_metadata: Option<Vec<u8>>, provenance: Option<Value>) -> io::Result<()> {
        let (shared, content) = (self.shared, self.content);
        let pyversion = self.form.get("pyversion").unwrap_or("source").to_owned();
        let file = File {
            filename: content.filename.clone(),
            filetype: self.filetype().to_owned(),
            pyversion,
            digests: content.digests.clone(),
            core_metadata: core_metadata.as_deref().map(Digest::of),
            uploaded: now(),
            seeded: false,
            provenance,
        };
        let path = file.stored(&shared.folder);
        state::put(&path, &content.path, core_metadata.as_deref())?;
        let normal = normalize(&self.project.name);
        let mut state = shared.state();
        if !state.projects.contains_key(&normal) {
            state.created += 1;
        }
        state.used.insert(file.filename.clone());
        let project = state.projects.entry(normal.clone()).or_insert_with(|| self.project.clone());
        project.name.clone_from(&self.project.name);
        let release = project.release(&self.version, now());
        if release.files.is_empty() {
            release.metadata = self.metadata.clone();
        }
        let at = release.files.partition_point(|held| held.filename < file.filename);
        release.files.insert(at, file);
        state.journal(&normal);
        Ok(())
    }

    fn filetype(&self) -> &str {
        self.form.get("filetype").unwrap_or_default()
    }
}
