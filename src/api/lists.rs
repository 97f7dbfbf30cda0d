//! `POST /v1/campaigns/{name}/contacts:import`: a list in the body, spooled to disk, then read.

use std::io::{self, BufReader, Seek};
use std::pin::Pin;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use sha2::Digest;
use tokio::io::AsyncWriteExt;

use super::error::{Answer, ApiError};
use super::import::{self, List, Options, Row};
use super::types::ImportReport;
use super::{Desk, LIST_BYTES_MAX, Search};
use crate::engine::handle::Ask;
use crate::store::{ImportSource, NewContact, hex};
use crate::units::Zone;

/// The query of an import.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportQuery {
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    zone: Option<Zone>,
    #[serde(default)]
    dry_run: bool,
}

/// Reads a list into a campaign, or only reads it.
pub(super) async fn import(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Search(query): Search<ImportQuery>,
    body: Body,
) -> Answer<ImportReport> {
    let started = desk.clock.mono();
    let (_, campaign) = desk.campaign(&name).await?;
    let options = options(&desk, &query).await?;
    let (spool, sha256) = spool(body).await?;
    let list = List::open(BufReader::new(spool), options).map_err(|error| {
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "list_invalid", error.to_string())
    })?;
    let mut contacts = Contacts { list, failed: None };
    let mut report = ImportReport { dry_run: query.dry_run, ..ImportReport::default() };
    let file = query.file.unwrap_or_else(|| "list.csv".to_owned());
    if query.dry_run {
        contacts.by_ref().for_each(drop);
    } else {
        let at = desk.clock.now().wall;
        let source = ImportSource { file: file.clone(), sha256, at };
        let written = desk.store.import(campaign.id, &source, &mut contacts, |_| {}).await?;
        report.added = written.added;
        report.known = written.doubled_in_campaign;
        report.do_not_call = written.do_not_call;
        desk.handle.ask(Ask::Refill(campaign.id)).await?;
    }
    if let Some(error) = contacts.failed {
        return Err(spool_error(&error));
    }
    let seconds = desk.clock.mono().since(started).as_secs_f64();
    let ImportReport { added, known, do_not_call, dry_run, .. } = report;
    let read = contacts.list.report();
    Ok(axum::Json(ImportReport { file, added, known, do_not_call, dry_run, seconds, ..read }))
}

async fn options(desk: &Desk, query: &ImportQuery) -> Result<Options, ApiError> {
    let usual = Options::default();
    let region = match &query.region {
        None => usual.region,
        Some(code) => import::region(code).ok_or_else(|| {
            ApiError::invalid(format!("region: {code:?} is no ISO 3166 country such as FR"))
        })?,
    };
    let agents = desk.store.agents().await?.into_iter().map(|row| (row.name, row.id)).collect();
    Ok(Options { region, zone: query.zone.clone(), agents: Some(agents) })
}

/// Writes the body into a file without a name, and takes its SHA-256 on the way.
async fn spool(mut body: Body) -> Result<(std::fs::File, String), ApiError> {
    let file = tempfile::tempfile().map_err(|error| spool_error(&error))?;
    let mut file = tokio::fs::File::from_std(file);
    let (mut hash, mut length) = (sha2::Sha256::new(), 0);
    while let Some(chunk) = next_chunk(&mut body).await? {
        length += chunk.len();
        if length > LIST_BYTES_MAX {
            let detail = "the list is larger than 256 MB";
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "list_too_large", detail)
                .hint("split it; importing the same contact twice adds nothing"));
        }
        hash.update(&chunk);
        file.write_all(&chunk).await.map_err(|error| spool_error(&error))?;
    }
    file.flush().await.map_err(|error| spool_error(&error))?;
    let mut file = file.into_std().await;
    file.rewind().map_err(|error| spool_error(&error))?;
    Ok((file, hex(&hash.finalize())))
}

/// Gives the next bytes of a body; `None` at its end.
async fn next_chunk(body: &mut Body) -> Result<Option<Bytes>, ApiError> {
    loop {
        let frame = std::future::poll_fn(|task| Pin::new(&mut *body).poll_frame(task)).await;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => {
                let detail = format!("the list did not come to its end: {error}");
                return Err(ApiError::new(StatusCode::BAD_REQUEST, "body_broken", detail));
            }
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

fn spool_error(error: &io::Error) -> ApiError {
    let detail = format!("the list cannot be kept for reading: {error}");
    ApiError::new(StatusCode::INSUFFICIENT_STORAGE, "spool", detail)
        .hint("make room in the temporary folder (TMPDIR)")
}

/// The importable contacts of a list; a failed read ends it and is kept.
struct Contacts {
    list: List<BufReader<std::fs::File>>,
    failed: Option<io::Error>,
}

impl Iterator for Contacts {
    type Item = NewContact;

    fn next(&mut self) -> Option<NewContact> {
        loop {
            match self.list.next_row() {
                Ok(Some(Row::Contact(contact))) => return Some(contact),
                Ok(Some(Row::Reject(_))) => {}
                Ok(None) => return None,
                Err(error) => {
                    self.failed = Some(error);
                    return None;
                }
            }
        }
    }
}
