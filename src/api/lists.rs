//! `POST /v1/campaigns/{name}/contacts:import`: a list in the body, spooled to disk, then read.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use sha2::Digest;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;

use super::error::{Answer, ApiError};
use super::import::{self, List, Need, Options, Row};
use super::inbox::{self, Kept, Order};
use super::types::ImportReport;
use super::{Desk, LIST_BYTES_MAX, Search};
use crate::config::law::Laws;
use crate::engine::handle::{Ask, Refused};
use crate::store::{
    AgentRow, CampaignRow, IMPORT_MAX, ImportSource, NewContact, StoreError, hex, insist,
};
use crate::units::Zone;

/// How long a list waits for a database that is busy or away before it is tried again.
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// Records passed over without a look at other work: some milliseconds.
const STRIDE: usize = 10_000;

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
    /// A mapping of columns, in JSON.
    #[serde(default)]
    columns: Option<String>,
    #[serde(default)]
    elsewhere: bool,
    /// Whether records are wanted that have no right to call.
    #[serde(default)]
    consent_later: bool,
    /// SHA-256 of the file the list was made from.
    #[serde(default)]
    original: Option<String>,
}

/// Reads a list into a campaign, or only reads it. One that has come whole is read in even if
/// whoever sent it goes away.
pub(super) async fn import(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Search(query): Search<ImportQuery>,
    body: Body,
) -> Answer<ImportReport> {
    let (settings, _) = desk.campaign(&name)?;
    let laws = settings.laws();
    let columns = query.columns.as_deref().map(serde_json::from_str).transpose();
    let columns =
        columns.map_err(|error| ApiError::invalid(error.to_string()))?.unwrap_or_default();
    let folder = &desk.config.store.lists;
    let (list, sha256) = spool(folder, body).await?;
    let order = Order {
        campaign: name,
        file: query.file.unwrap_or_else(|| "list.csv".to_owned()),
        region: query.region,
        zone: query.zone,
        sha256,
        at: desk.clock.now().wall,
        columns,
        elsewhere: query.elsewhere,
        consent_later: query.consent_later,
        original: original_of(query.original)?,
    };
    let agents = desk.store.agents().await?;
    let copy = || list.reopen().map(BufReader::new).map_err(|error| spool_error(&error));
    // Before the list is kept: what cannot be read now never will be.
    measure(open(copy()?, &order, agents.clone(), &laws)?.list).await?;
    if query.dry_run {
        let contacts = open(copy()?, &order, agents, &laws)?;
        return Ok(axum::Json(look_through(&desk, contacts, order.file)?));
    }
    let kept = Kept::keep(folder, list, order);
    let kept = kept.map_err(|error| spool_error(&error))?;
    let reading = desk.clone();
    let read = desk.see_through(async move { kept.read(&reading).await }).await;
    read.unwrap_or_else(|| Err(cut())).map(axum::Json)
}

/// Takes the hash of the file a list was made from: what stands as the proof of a right to call is
/// SHA-256 in hexadecimal, or is refused.
pub(super) fn original_of(text: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digits && text.len() == 64 {
        return Ok(Some(text.to_ascii_lowercase()));
    }
    let detail = format!("original: {text:?} is no SHA-256 of a file");
    Err(ApiError::invalid(detail).hint("give its 64 hexadecimal digits, or leave it out"))
}

/// Makes the error of a list that the engine's end leaves to the next start.
pub(super) fn cut() -> ApiError {
    ApiError::from(Refused::Leaving).hint("the list is kept: the next start reads it in")
}

/// Reads a list into its campaign, however long the database is away meanwhile.
pub(super) async fn read_in(
    desk: &Desk,
    list: BufReader<File>,
    order: &Order,
) -> Result<ImportReport, ApiError> {
    let started = desk.clock.mono();
    let (settings, campaign) = desk.campaign(&order.campaign)?;
    let laws = settings.laws();
    let patience = || may_wait(desk);
    let failed = |error: StoreError| if error.again() { cut() } else { error.into() };
    let agents = insist(|| desk.store.agents(), patience).await.map_err(failed)?;
    let mut contacts = open(list, order, agents, &laws)?;
    let Order { file, sha256, original, at, elsewhere: also_elsewhere, .. } = order.clone();
    let source = ImportSource { file: file.clone(), sha256, original, at, also_elsewhere };
    let written = desk.store.import(campaign.id, &source, &mut contacts, patience).await;
    let written = written.map_err(failed)?;
    let alike = |row: &&CampaignRow| row.client == campaign.client && row.id != campaign.id;
    let others = desk.campaigns.iter().filter(alike).filter(|row| desk.runs(row));
    for row in others.filter(|_| written.woken + written.withdrawn > 0) {
        // A right to call may be what contacts of another campaign waited for; one in stock there
        // may turn out to be of somebody who took it back.
        let ask = if written.withdrawn > 0 { Ask::Restock } else { Ask::Refill };
        desk.handle.ask(ask(row.id)).await?;
    }
    desk.handle.ask(Ask::Refill(campaign.id)).await?;
    Ok(ImportReport {
        file,
        added: written.added,
        known: written.doubled_in_campaign,
        ids_taken: written.ids_taken,
        elsewhere: written.elsewhere,
        do_not_call: written.do_not_call,
        consents_added: written.consents,
        seconds: desk.clock.mono().since(started).as_secs_f64(),
        ..contacts.report()?
    })
}

/// Waits for a database that is busy or away; tells whether it is worth another try, which it is
/// until the engine ends.
pub(super) async fn may_wait(desk: &Desk) -> bool {
    let mut closing = desk.closing.clone();
    tokio::time::timeout(RETRY_EVERY, closing.wait_for(|closing| *closing)).await.is_err()
}

/// Says what a list would bring.
fn look_through(
    desk: &Desk,
    mut contacts: Contacts,
    file: String,
) -> Result<ImportReport, ApiError> {
    let started = desk.clock.mono();
    contacts.by_ref().for_each(drop);
    let seconds = desk.clock.mono().since(started).as_secs_f64();
    Ok(ImportReport { file, dry_run: true, seconds, ..contacts.report()? })
}

/// Refuses a list with more records than the store takes, before any of it is read in.
async fn measure(mut list: List<impl BufRead>) -> Result<(), ApiError> {
    let mut records = 0;
    loop {
        let passed = list.pass_over(STRIDE).map_err(|error| spool_error(&error))?;
        records += passed;
        if records > IMPORT_MAX {
            return Err(StoreError::TooLong(IMPORT_MAX).into());
        }
        if passed < STRIDE {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

fn open(
    list: BufReader<File>,
    order: &Order,
    agents: Vec<AgentRow>,
    laws: &Laws,
) -> Result<Contacts, ApiError> {
    opened(list, options(order, agents, laws)?)
}

fn opened(list: BufReader<File>, options: Options) -> Result<Contacts, ApiError> {
    let list = List::open(list, options).map_err(|error| {
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "list_invalid", error.to_string())
    })?;
    Ok(Contacts { list, failed: None })
}

fn options(order: &Order, agents: Vec<AgentRow>, laws: &Laws) -> Result<Options, ApiError> {
    let region = region_of(order.region.as_deref())?;
    let agents = agents.into_iter().map(|row| (row.name, row.id)).collect();
    let mapping = order.columns.clone();
    let need = if order.consent_later { Need::Nothing } else { Need::ByLaw(laws.clone()) };
    let (zone, at) = (order.zone.clone(), Some(order.at));
    Ok(Options { region, zone, agents: Some(agents), mapping, need, at, uncalled: false })
}

/// Finds the country of a list's numbers.
pub(super) fn region_of(code: Option<&str>) -> Result<import::Region, ApiError> {
    let Some(code) = code else { return Ok(Options::default().region) };
    import::region(code).ok_or_else(|| {
        ApiError::invalid(format!("region: {code:?} is no ISO 3166 country such as FR"))
    })
}

/// Opens a list that was spooled, unless it has more records than the store takes.
pub(super) async fn contacts(list: &NamedTempFile, options: Options) -> Result<Contacts, ApiError> {
    let copy = || list.reopen().map(BufReader::new).map_err(|error| spool_error(&error));
    measure(opened(copy()?, options.clone())?.list).await?;
    opened(copy()?, options)
}

/// Writes the body into a file, and takes its SHA-256 on the way.
pub(super) async fn spool(
    folder: &std::path::Path,
    mut body: Body,
) -> Result<(NamedTempFile, String), ApiError> {
    let list = inbox::begin(folder).map_err(|error| spool_error(&error))?;
    let file = list.reopen().map_err(|error| spool_error(&error))?;
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
    Ok((list, hex(&hash.finalize())))
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

pub(super) fn spool_error(error: &io::Error) -> ApiError {
    let detail = format!("the list cannot be kept for reading: {error}");
    ApiError::new(StatusCode::INSUFFICIENT_STORAGE, "spool", detail)
        .hint("make room in the folder of lists (`lists` of [store]), or let cadran write there")
}

/// The importable contacts of a list; a failed read ends it and is kept.
pub(super) struct Contacts {
    list: List<BufReader<File>>,
    failed: Option<io::Error>,
}

impl Contacts {
    /// Gives what was found in the list, unless it could not be read to its end.
    pub(super) fn report(self) -> Result<ImportReport, ApiError> {
        self.failed.map_or_else(|| Ok(self.list.report()), |error| Err(spool_error(&error)))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_list_longer_than_the_store_takes_is_refused_before_any_of_it_is_read_in()
    -> Result<(), Box<dyn std::error::Error>> {
        for (records, refused) in [(0, false), (IMPORT_MAX, false), (IMPORT_MAX + 1, true)] {
            let text = format!("telephone\n{}", "1\n".repeat(records));
            let list = List::open(text.as_bytes(), Options::default())?;
            assert_eq!(measure(list).await.is_err(), refused, "{records}");
        }
        Ok(())
    }
}
