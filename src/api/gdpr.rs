//! What is held of a person, and its erasure (RGPD articles 15 and 17).

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::consents::{self, Dossier};
use super::contacts::{self, FieldChange};
use super::error::{Answer, ApiError};
use super::processing::{self, HeldSource, Processing};
use super::{Desk, Search, body, calls, dnc, types};
use crate::engine::forget;
use crate::engine::handle::{Ask, Refused};
use crate::store::{CallFilter, Cursor, Erased, InboundRow, PAGE_MAX, Purged, StoreError, Subject};
use crate::units::{ContactId, Number, TrunkId, Wall};

/// Calls told of one contact at most: ten years of one a day.
const CALLS_MAX: usize = 4_000;

/// Who is meant: whoever has a number, or one contact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whom {
    /// The number in E.164: every contact that has it, with their other numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// A contact's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<u64>,
    /// Whether it is only told what would be erased.
    #[serde(default)]
    pub dry_run: bool,
}

/// What an erasure destroyed, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Whether it was only rehearsed.
    pub dry_run: bool,
    /// The ids of the contacts that are nobody's any more.
    pub contacts: Vec<u64>,
    /// Numbers whose digits are gone.
    pub numbers: u64,
    /// Numbers that another contact still needs.
    pub numbers_kept: u64,
    /// Calls whose notes, appointments and changed fields are gone.
    pub details: u64,
    /// Webhook events that tell of a call without its person now.
    pub webhooks: u64,
    /// Whether a wish not to be called stands against the number; not told of a contact.
    pub do_not_call: Option<bool>,
}

/// Everything held of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// The form of this text.
    pub version: u32,
    /// When it was written.
    pub issued_at: String,
    /// Every contact.
    pub contacts: Vec<HeldContact>,
    /// Every number: consents, withdrawals, wishes and attempts by client company.
    pub numbers: Vec<Dossier>,
    /// Calls that came in from these numbers, newest first.
    #[serde(default)]
    pub received: Vec<HeldInbound>,
    /// What is done with all of it.
    #[serde(default)]
    pub processing: Processing,
}

/// Everything held of a contact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldContact {
    /// Its id.
    pub contact: u64,
    /// Its campaign.
    pub campaign: String,
    /// The client company.
    pub client: String,
    /// The list it came with.
    #[serde(default)]
    pub source: Option<HeldSource>,
    /// The CRM's own id.
    pub external_id: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// Every other column of the list, as agents changed them.
    pub fields: BTreeMap<String, String>,
    /// What agents corrected, the oldest first.
    #[serde(default)]
    pub changes: Vec<FieldChange>,
    /// Its numbers.
    pub numbers: Vec<String>,
    /// Whether it is closed.
    pub done: bool,
    /// The promised callback.
    pub callback_at: Option<String>,
    /// Calls, newest first, with their notes.
    pub calls: Vec<types::Call>,
    /// What rules refused, newest first.
    pub refusals: Vec<HeldRefusal>,
    /// What the CRM was sent, or will be.
    pub webhooks: Vec<HeldEvent>,
}

/// A call that came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldInbound {
    /// When it was answered.
    pub at: String,
    /// Who called.
    pub from: Option<String>,
    /// The number called.
    pub to: Option<String>,
    /// The campaign it was answered for.
    pub campaign: String,
    /// The client company.
    pub client: String,
    /// When the caller asked to be called no more.
    pub opposed_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
}

/// A refusal by a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldRefusal {
    /// When.
    pub at: String,
    /// The rule.
    pub rule: String,
    /// The rule of law behind it.
    pub law: Option<String>,
    /// Until when.
    pub until: Option<String>,
}

/// An event for the CRM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldEvent {
    /// Its id.
    pub event: String,
    /// The endpoint.
    pub endpoint: String,
    /// When it happened.
    pub at: String,
    /// When it was delivered.
    pub delivered_at: Option<String>,
    /// What it says.
    pub body: String,
}

/// The body of `POST /v1/gdpr/purge`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purge {
    /// Whether it is only counted.
    #[serde(default)]
    pub dry_run: bool,
}

/// What was forgotten, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// Whether it was only counted.
    pub dry_run: bool,
    /// Contacts erased.
    pub contacts: u64,
    /// Proofs of consents.
    pub proofs: u64,
    /// Details of calls.
    pub details: u64,
    /// Webhook events.
    pub webhooks: u64,
    /// Refusals by rules.
    pub refusals: u64,
}

/// `GET /v1/gdpr/export`: everything held of a person.
pub(super) async fn export(State(desk): State<Desk>, Search(whom): Search<Whom>) -> Answer<Held> {
    let subject = subject(&whom)?;
    let now = desk.clock.now().wall;
    let contacts = desk.store.contacts_of(&subject).await?;
    let mut numbers = Vec::new();
    if let Subject::Number(number) = &subject {
        numbers.push(number.clone());
    }
    let trunks = calls::trunk_names(&desk).await?;
    let mut held = Vec::new();
    for standing in desk.store.standings(&contacts, now).await? {
        let own: Vec<_> = standing.digits.values().cloned().collect();
        numbers
            .extend(own.iter().filter(|new| !numbers.contains(new)).cloned().collect::<Vec<_>>());
        let row = desk.campaigns.iter().find(|row| row.id == standing.campaign);
        let contact = standing.lead.contact;
        let card = desk.store.card(contact).await?;
        let (name, fields) = card.map(|card| (card.name, card.fields)).unwrap_or_default();
        held.push(HeldContact {
            contact: contact.0,
            campaign: row.map(|row| row.name.clone()).unwrap_or_default(),
            client: row.map(|row| row.client_name.clone()).unwrap_or_default(),
            source: source_of(&desk, contact).await?,
            external_id: standing.external_id,
            name,
            fields,
            changes: changes_of(&desk, contact).await?,
            numbers: own.iter().map(|number| number.reveal().to_owned()).collect(),
            done: standing.done.is_some(),
            callback_at: standing.lead.callback.map(|callback| callback.at.to_string()),
            calls: calls_of(&desk, contact, &trunks).await?,
            refusals: refusals_of(&desk, contact).await?,
            webhooks: events_of(&desk, contact).await?,
        });
    }
    let (mut dossiers, mut received) = (Vec::new(), Vec::new());
    for number in &numbers {
        received.extend(desk.store.inbound_from(number).await?.into_iter().map(inbound));
        dossiers.push(consents::of_number(&desk, number).await?);
    }
    let mut held = Held {
        version: 1,
        issued_at: now.to_string(),
        contacts: held,
        numbers: dossiers,
        received,
        processing: Processing::default(),
    };
    held.processing = processing::of(&desk, &held);
    Ok(axum::Json(held))
}

/// `POST /v1/gdpr/erase`: destroys the keys of a person, and takes him or her out of every stock.
pub(super) async fn erase(State(desk): State<Desk>, bytes: Bytes) -> Answer<Erasure> {
    let whom: Whom = body(&bytes)?;
    let subject = subject(&whom)?;
    let now = desk.clock.now().wall;
    let (erasing, dry_run) = (desk.clone(), whom.dry_run);
    let erased = desk
        .see_through(async move {
            let erased = erasing.store.erase(&subject, now, dry_run).await.map_err(engaged)?;
            if !dry_run {
                erasing.tell(erased.contacts.iter().copied().map(Ask::Erased)).await?;
            }
            let wish = match &subject {
                Subject::Number(number) => {
                    Some(!erasing.store.do_not_call(number, now).await?.is_empty())
                }
                Subject::Contact(_) => None,
            };
            Ok::<_, ApiError>((erased, wish))
        })
        .await
        .ok_or(Refused::Leaving)??;
    let (Erased { contacts, persons, kept, details, events }, do_not_call) = erased;
    Ok(axum::Json(Erasure {
        dry_run,
        contacts: contacts.into_iter().map(|contact| contact.0).collect(),
        numbers: persons.len() as u64,
        numbers_kept: kept,
        details,
        webhooks: events,
        do_not_call,
    }))
}

/// `POST /v1/gdpr/purge`: forgets what was kept long enough, as the daily job does.
pub(super) async fn purge(State(desk): State<Desk>, bytes: Bytes) -> Answer<Forgotten> {
    let Purge { dry_run } = body(&bytes)?;
    let (now, kept) = (desk.clock.now().wall, forget::kept(&desk.config.retention));
    let purged = if dry_run {
        desk.store.purgeable(&kept, now).await?
    } else {
        let (store, mut closing) = (desk.store.clone(), desk.closing.clone());
        let purging = async move { forget::all(&store, &kept, now, &mut closing).await };
        desk.see_through(purging).await.ok_or(Refused::Leaving)??
    };
    let Purged { contacts, proofs, details, webhooks, refusals, .. } = purged;
    Ok(axum::Json(Forgotten { dry_run, contacts, proofs, details, webhooks, refusals }))
}

fn subject(whom: &Whom) -> Result<Subject, ApiError> {
    match (&whom.number, whom.contact) {
        (Some(number), None) => Ok(Subject::Number(dnc::number(number)?)),
        (None, Some(contact)) => Ok(Subject::Contact(ContactId(contact))),
        (Some(_), Some(_)) | (None, None) => {
            Err(ApiError::invalid("give a number or a contact, one of the two"))
        }
    }
}

fn engaged(error: StoreError) -> ApiError {
    if let StoreError::Engaged(..) = error {
        return ApiError::new(StatusCode::CONFLICT, "contact_engaged", error.to_string())
            .hint("nothing was erased; ask again when the call is over and written up");
    }
    error.into()
}

async fn calls_of(
    desk: &Desk,
    contact: ContactId,
    trunks: &BTreeMap<TrunkId, String>,
) -> Result<Vec<types::Call>, ApiError> {
    let filter = CallFilter { contact: Some(contact), ..CallFilter::default() };
    let (mut told, mut after) = (Vec::new(), None::<Cursor>);
    while told.len() < CALLS_MAX {
        let page = desk.store.calls(&filter, after.as_ref(), PAGE_MAX).await?;
        told.extend(page.rows.into_iter().map(|row| calls::view(row, trunks)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(told)
}

async fn source_of(desk: &Desk, contact: ContactId) -> Result<Option<HeldSource>, ApiError> {
    let list = desk.store.list_of(contact).await?;
    Ok(list.map(|(file, at)| HeldSource { file, at: at.to_string() }))
}

async fn changes_of(desk: &Desk, contact: ContactId) -> Result<Vec<FieldChange>, ApiError> {
    let changes = desk.store.changes(contact).await?;
    Ok(changes.into_iter().map(contacts::field_change).collect())
}

fn inbound(row: InboundRow) -> HeldInbound {
    let digits = |number: Option<Number>| number.map(|number| number.reveal().to_owned());
    let said = |at: Option<Wall>| at.map(|at| at.to_string());
    HeldInbound {
        at: row.answered.to_string(),
        from: digits(row.from),
        to: digits(row.to),
        campaign: row.campaign_name,
        client: row.client_name,
        opposed_at: said(row.opposed),
        ended_at: said(row.ended),
    }
}

async fn refusals_of(desk: &Desk, contact: ContactId) -> Result<Vec<HeldRefusal>, ApiError> {
    let rows = desk.store.refusals(contact).await?;
    let told = rows.into_iter().map(|row| HeldRefusal {
        at: row.at.to_string(),
        rule: row.rule,
        law: row.law,
        until: row.until.map(|at| at.to_string()),
    });
    Ok(told.collect())
}

async fn events_of(desk: &Desk, contact: ContactId) -> Result<Vec<HeldEvent>, ApiError> {
    let rows = desk.store.events_of(contact).await?;
    let said = |at: Option<Wall>| at.map(|at| at.to_string());
    let told = rows.into_iter().map(|row| HeldEvent {
        event: row.id,
        endpoint: row.endpoint,
        at: row.created.to_string(),
        delivered_at: said(row.delivered),
        body: row.body,
    });
    Ok(told.collect())
}
