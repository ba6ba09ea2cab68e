//! Uploads: streamed to a file of the spool and hashed on the way; what ends early stays behind as a `starter`.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use axum::body::Body;
use axum::http::header;
use futures_util::StreamExt;

use crate::digest::Hashing;
use crate::rehearsal::percent::query;

use super::answer::{GithubAnswer, custom, field};
use super::api::may_write;
use super::asked::Asked;
use super::event::Effect;
use super::json as shape;
use super::route::Route;
use super::rules::{self, MAX_ASSET, NewAsset, Outcome};
use super::shared::Shared;
use super::state::Stored;

pub(super) enum Upload {
    Answered(GithubAnswer),
    /// In the middle: so many bytes were read.
    Interrupted {
        received: u64,
        effects: Vec<Effect>,
    },
}

/// `POST …/assets?name=…`. With `interrupt` it stops in the middle of the body.
pub(super) async fn upload(shared: &Shared, asked: &Asked<'_>, release: u64, body: Body, interrupt: bool) -> Upload {
    let (id, length) = match begin(shared, asked, release) {
        Ok(begun) => begun,
        Err(refusal) => {
            // A client that is still sending would not hear an answer before it is done.
            let received = drain(body).await;
            return Upload::Answered(GithubAnswer { received, ..refusal });
        }
    };
    let started = vec![Effect::AssetStarted { release, id, name: name(asked) }];
    let limit = if interrupt { length / 2 } else { u64::MAX };
    match store(&shared.spooled(id), body, limit).await {
        Ok((stored, true)) if stored.size == length => Upload::Answered(finish(shared, asked, release, id, stored)),
        Ok((stored, _)) => Upload::Interrupted { received: stored.size, effects: started },
        Err(error) => {
            let answer = GithubAnswer::error(500, &format!("Error saving asset: {error}"));
            Upload::Answered(answer.effects(started))
        }
    }
}

/// A 502 in front of the real upload: the body is read, the asset begun and never finished.
pub(super) async fn bad_gateway(shared: &Shared, asked: &Asked<'_>, release: u64, body: Body) -> GithubAnswer {
    let begun = begin(shared, asked, release);
    let received = drain(body).await;
    match begun {
        Ok((id, _)) => {
            let effects = vec![Effect::AssetStarted { release, id, name: name(asked) }];
            GithubAnswer { received, effects, ..GithubAnswer::html(502, UNICORN.to_owned()) }
        }
        Err(refusal) => GithubAnswer { received, ..refusal },
    }
}

/// GitHub's front end answers in HTML when what lies behind it fails.
const UNICORN: &str = "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>\n";

/// The checks before the first byte, and the asset's entry: its number and the promised length.
fn begin(shared: &Shared, asked: &Asked<'_>, release: u64) -> Outcome<(u64, u64)> {
    let mut state = shared.state();
    let mut writing = state.write(asked.target).ok_or_else(GithubAnswer::not_found)?;
    may_write(writing.repository, asked.who, &Route::Upload(release))?;
    let text = |name| asked.headers.get(name).and_then(|value| value.to_str().ok());
    let Some(length) = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok()) else {
        return Err(GithubAnswer::error(400, "Bad Content-Length: "));
    };
    let Some(content_type) = text(header::CONTENT_TYPE).filter(|kind| kind.contains('/')) else {
        return Err(GithubAnswer::invalid(&[field("ReleaseAsset", "missing_field", "content_type")]));
    };
    let size = |message| Err(GithubAnswer::invalid(&[custom("ReleaseAsset", Some("size"), message)]));
    match length {
        0 => return size("size must be greater than or equal to 1"),
        MAX_ASSET.. => return size("size must be less than or equal to 2147483648"),
        _ => {}
    }
    let label = query(asked.query, "label").filter(|label| !label.is_empty());
    let name = query(asked.query, "name").unwrap_or_default();
    let asset = NewAsset { name, label, content_type: content_type.to_owned() };
    Ok((rules::begin_asset(&mut writing, release, asset)?, length))
}

fn finish(shared: &Shared, asked: &Asked<'_>, release: u64, id: u64, stored: Stored) -> GithubAnswer {
    let mut state = shared.state();
    let outcome = state.write(asked.target).ok_or_else(GithubAnswer::not_found).and_then(|mut writing| {
        let effect = rules::finish_asset(&mut writing, release, id, stored)?;
        let repository = &*writing.repository;
        let release = repository.releases.get(&release).ok_or_else(GithubAnswer::not_found)?;
        let asset = release.assets.get(&id).ok_or_else(GithubAnswer::not_found)?;
        Ok(GithubAnswer::json(201, shape::asset(asked.to, repository, release, asset)).effects(vec![effect]))
    });
    GithubAnswer { received: stored.size, ..outcome.unwrap_or_else(|refusal| refusal) }
}

/// Writes a body to a file until it ends, breaks or passes `limit`; says whether it came to its end. A chunk is at most
/// a socket buffer, so writing it to the page cache here is cheaper than handing it to another thread.
async fn store(path: &Path, body: Body, limit: u64) -> anyhow::Result<(Stored, bool)> {
    let mut file = Hashing::new(File::create(path)?);
    let mut chunks = body.into_data_stream();
    let mut taken = 0;
    let complete = loop {
        match chunks.next().await {
            Some(Ok(chunk)) => {
                file.write_all(&chunk)?;
                taken += chunk.len() as u64;
            }
            Some(Err(_)) => break false,
            None => break true,
        }
        if taken >= limit {
            break false;
        }
    };
    let (_, sha256, size) = file.finish();
    Ok((Stored { size, sha256 }, complete))
}

pub(super) async fn drain(body: Body) -> u64 {
    let mut chunks = body.into_data_stream();
    let mut size = 0;
    while let Some(Ok(chunk)) = chunks.next().await {
        size += chunk.len() as u64;
    }
    size
}

fn name(asked: &Asked<'_>) -> String {
    rules::stored_name(&query(asked.query, "name").unwrap_or_default())
}
