//! Contacts' cards: what agents correct, what was corrected, and lists with where they stand.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::dnc::number;
use super::error::{Answer, ApiError};
use super::{Desk, Search, body, import};
use crate::core::order::{DoneReason, Outcome};
use crate::engine::handle::{Ask, Refused};
use crate::store::{
    CallFilter, CampaignRow, Change, Claimed, Correction, ListedContact, NAME, NUMBER, NUMBERS_MAX,
    NewNumber, PAGE_MAX, Standing,
};
use crate::units::{AgentId, CallId, ContactId, Number};

/// Fields one request may correct.
const FIELDS_MAX: usize = 100;

/// Letters of a field's name, and of its value.
const FIELD_MAX: usize = 100;
const VALUE_MAX: usize = 2_000;

/// The body of `PATCH /v1/contacts/{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corrections {
    /// The agent who has, or had, the contact in a call.
    pub agent: String,
    /// In which call; one of that agent's with the contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<u64>,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Fields with their new values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Numbers the contact has besides, E.164.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add_numbers: Vec<String>,
    /// Numbers that are not the contact's, E.164; they stay on the card and are called no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wrong_numbers: Vec<String>,
}

/// How many values a correction changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrected {
    /// So many; those that were so already are not counted.
    pub changed: u64,
}

/// A number of a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactNumber {
    /// The number in E.164.
    pub number: String,
    /// Whether it is wrong, by the carrier's or an agent's word.
    pub wrong: bool,
}

/// One correction of one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// The field; `name` and `number` besides those of the list.
    pub field: String,
    /// What it was; null for one that was not there.
    pub before: Option<String>,
    /// What it is since; null for a number that is wrong.
    pub after: Option<String>,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// The agent, if one is known.
    pub agent: Option<String>,
    /// In which call.
    pub call: Option<u64>,
    /// Through what: `api`, `page`, or `qualification`.
    pub source: String,
}

/// A contact with where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// The contact.
    pub contact: u64,
    /// The CRM's own id.
    pub external_id: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// Every other column of the list, as agents corrected them.
    pub fields: BTreeMap<String, String>,
    /// Its numbers in their order.
    pub numbers: Vec<ContactNumber>,
    /// `open` or `done`.
    pub state: String,
    /// Why it is done.
    pub done: Option<DoneReason>,
    /// When it is due, if it is open and in no call, RFC 3339 in UTC.
    pub due_at: Option<String>,
    /// The promised callback, RFC 3339 in UTC.
    pub callback_at: Option<String>,
    /// Attempts made.
    pub attempts: u32,
    /// How its last call ended.
    pub outcome: Option<Outcome>,
    /// What its agent said of that.
    pub disposition: Option<String>,
    /// What agents corrected, the oldest first.
    pub changes: Vec<FieldChange>,
}

impl Contact {
    /// Gives the fields of the list that agents corrected, each with its present value, `name`
    /// among them.
    #[must_use]
    pub fn corrected(&self) -> BTreeMap<&str, &str> {
        let fields = self.changes.iter().map(|change| change.field.as_str());
        let value = |field: &str| {
            if field == NAME { self.name.as_ref() } else { self.fields.get(field) }
        };
        let fields = fields.filter(|field| *field != NUMBER);
        fields.filter_map(|field| Some((field, value(field)?.as_str()))).collect()
    }
}

/// The query of `GET /v1/campaigns/{name}/contacts`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[serde(default)]
    changed: bool,
    after: Option<u64>,
    #[serde(default = "page")]
    limit: u32,
}

fn page() -> u32 {
    PAGE_MAX
}

/// `GET /v1/campaigns/{name}/contacts`: the list as it stands, a page at a time.
pub(super) async fn list(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Search(query): Search<ListQuery>,
) -> Answer<Vec<Contact>> {
    let campaign = desk.campaign(&name)?.1.id;
    let after = query.after.map(ContactId);
    let rows = desk.store.listed(campaign, after, query.changed, query.limit).await?;
    Ok(axum::Json(rows.into_iter().map(contact).collect()))
}

/// `PATCH /v1/contacts/{id}`: an agent corrects a contact during a call or after it.
pub(super) async fn correct(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Answer<Corrected> {
    let new: Corrections = body(&bytes)?;
    let contact = id.trim_start_matches('L').parse().map(ContactId).map_err(|_| {
        ApiError::new(StatusCode::NOT_FOUND, "contact_unknown", format!("no contact {id:?}"))
    })?;
    let agent = desk.agent_id(&new.agent).await?;
    Ok(axum::Json(corrected(&desk, (agent, contact), new, "api").await?))
}

/// Writes what an agent corrects of a contact, through whatever door.
pub(crate) async fn corrected(
    desk: &Desk,
    (agent, contact): (AgentId, ContactId),
    new: Corrections,
    source: &str,
) -> Result<Corrected, ApiError> {
    let call = had(desk, agent, contact, new.call.map(CallId)).await?;
    let mut fields = checked(new.fields)?;
    fields.extend(new.name.map(|name| (NAME.to_owned(), name)));
    let correction = Correction {
        contact,
        fields,
        added: numbers(&new.add_numbers, read)?,
        wrong: numbers(&new.wrong_numbers, number)?,
        agent,
        call,
        source: source.to_owned(),
        at: desk.clock.now().wall,
    };
    let correcting = desk.clone();
    let changed = desk.see_through(async move { correcting.correct(&correction).await }).await;
    Ok(Corrected { changed: changed.ok_or(Refused::Leaving)?? })
}

impl Desk {
    /// Writes a correction, and has whoever holds the contact go by it; gives how many values
    /// changed.
    async fn correct(&self, new: &Correction) -> Result<u64, ApiError> {
        let corrected = self.store.correct(new).await?;
        if !corrected.numbers {
            return Ok(corrected.changed);
        }
        let standing = self.store.standings(&[new.contact], new.at).await?.pop();
        let Some(Standing { campaign, lead, digits, .. }) = standing else {
            return Ok(corrected.changed);
        };
        let Some(own) = self.campaigns.iter().find(|row| row.id == campaign) else {
            return Ok(corrected.changed);
        };
        let client = own.client;
        let withdrawn = corrected.withdrawn.into_iter();
        self.tell(withdrawn.map(|person| Ask::Withdrawn(person, client))).await?;
        // What is wished and counted on a number that was added holds for all who share it.
        let alike = self.campaigns.iter().filter(|row| row.client == client && row.id != campaign);
        let others = alike.filter(|_| !new.added.is_empty()).filter(|row| self.runs(row));
        self.tell(others.map(|row| Ask::Restock(row.id))).await?;
        if self.runs(own) {
            let read = Claimed { leads: vec![lead], digits, ..Claimed::default() };
            self.tell([Ask::Corrected(campaign, Box::new(read))].into_iter()).await?;
        }
        Ok(corrected.changed)
    }

    /// Whether the engine has a campaign: one without a file is in the store alone.
    pub(super) fn runs(&self, row: &CampaignRow) -> bool {
        self.config.campaign(&row.name).is_some()
    }
}

/// Gives the call in which an agent has or had a contact: the one named, the present one, or the
/// latest.
async fn had(
    desk: &Desk,
    agent: AgentId,
    contact: ContactId,
    named: Option<CallId>,
) -> Result<Option<CallId>, ApiError> {
    if let Some(named) = named {
        return with(desk, (agent, contact), named).await.map(Some);
    }
    let filter = CallFilter { contact: Some(contact), agent: Some(agent), ..CallFilter::default() };
    let calls = desk.store.calls(&filter, None, 1).await?.rows;
    if let Some(row) = calls.first() {
        return Ok(Some(row.call));
    }
    if shows(desk, agent, contact).await? {
        return Ok(None);
    }
    let detail = "this agent has no such contact on the card, and had no call with it";
    Err(ApiError::new(StatusCode::CONFLICT, "contact_not_had", detail)
        .hint("`cadran call list --agent NAME` shows the calls with their contacts"))
}

/// Takes a call that was named: one of the agent's with the contact.
async fn with(
    desk: &Desk,
    (agent, contact): (AgentId, ContactId),
    named: CallId,
) -> Result<CallId, ApiError> {
    let show = "`cadran call list --agent NAME` shows the calls with their contacts";
    let Some(row) = desk.store.call(named).await? else {
        let detail = format!("no call {named}");
        return Err(ApiError::new(StatusCode::NOT_FOUND, "call_unknown", detail).hint(show));
    };
    let other = |detail: &str| {
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "call_of_another", detail).hint(show)
    };
    if row.contact != contact {
        return Err(other("call: that was a call with another contact"));
    }
    // Who was only just bridged to it may not be in its row yet.
    if row.agent == Some(agent) || row.agent.is_none() && shows(desk, agent, contact).await? {
        return Ok(named);
    }
    Err(other("call: that was another agent's call with this contact"))
}

/// Whether an agent has a contact on the card.
async fn shows(desk: &Desk, agent: AgentId, contact: ContactId) -> Result<bool, ApiError> {
    let snapshot = desk.fresh().await?;
    let floor = snapshot.floor.agents.iter().find(|floor| floor.agent == agent);
    Ok(floor.and_then(|floor| floor.card).is_some_and(|card| card.1 == contact))
}

fn checked(fields: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ApiError> {
    let fits = |(field, value): (&String, &String)| {
        let name = !field.trim().is_empty() && field.chars().count() <= FIELD_MAX;
        name && field != NUMBER && value.chars().count() <= VALUE_MAX
    };
    if fields.len() > FIELDS_MAX || !fields.iter().all(fits) {
        let detail = format!(
            "fields: at most {FIELDS_MAX}, names of 1 to {FIELD_MAX} letters, values of at most \
             {VALUE_MAX}"
        );
        return Err(ApiError::invalid(detail).hint("numbers go into add_numbers, wrong_numbers"));
    }
    Ok(fields)
}

fn numbers<T>(
    texts: &[String],
    read: impl Fn(&str) -> Result<T, ApiError>,
) -> Result<Vec<T>, ApiError> {
    if texts.len() > NUMBERS_MAX {
        return Err(ApiError::invalid(format!("too many numbers: give {NUMBERS_MAX} at most")));
    }
    texts.iter().map(|text| read(text)).collect()
}

/// Reads a number with its zone, place and kind.
fn read(text: &str) -> Result<NewNumber, ApiError> {
    let number: Number = number(text)?;
    import::whole(&number).ok_or_else(|| {
        ApiError::invalid("the number is none that can be called, or nobody knows its time zone")
            .hint("write it as +33612345678")
    })
}

fn contact(row: ListedContact) -> Contact {
    let ListedContact { card, numbers, done, due, outcome, disposition, changes } = row;
    Contact {
        contact: card.contact.0,
        external_id: card.external_id,
        name: card.name,
        fields: card.fields,
        numbers: numbers
            .into_iter()
            .map(|(number, wrong)| ContactNumber { number: number.reveal().to_owned(), wrong })
            .collect(),
        state: if card.done { "done" } else { "open" }.to_owned(),
        done,
        due_at: due.map(|due| due.to_string()),
        callback_at: card.callback.map(|callback| callback.at.to_string()),
        attempts: card.attempts,
        outcome,
        disposition,
        changes: changes.into_iter().map(field_change).collect(),
    }
}

pub(super) fn field_change(change: Change) -> FieldChange {
    FieldChange {
        field: change.field,
        before: change.before,
        after: change.after,
        at: change.at.to_string(),
        agent: change.agent,
        call: change.call.map(|call| call.0),
        source: change.source,
    }
}
