//! Consents: what gives a client company the right to call a number, its proof and its end.

use axum::body::Body;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};

use super::error::{Answer, ApiError};
use super::import::{self, Mapping, Need, Options, territory};
use super::lists;
use super::types::ImportReport;
use super::{Desk, Search, dnc};
use crate::config::law::{self, Called, Purpose};
use crate::core::fact::DncScope;
use crate::core::rules::consent::{self, Right};
use crate::engine::handle::{Ask, Refused};
use crate::store::proof::Signature;
use crate::store::{CallFilter, CallRow, ConsentRow, Cursor, DoNotCallRow, ImportSource, PAGE_MAX};
use crate::units::{CampaignId, ClientId, Number, Wall, Zone};

/// Attempts told in a dossier at most: ten years of one a day.
const ATTEMPTS_MAX: usize = 4_000;

/// Everything known about the right to call one number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dossier {
    /// The form of this text.
    pub version: u32,
    /// When it was written.
    pub issued_at: String,
    /// The number.
    pub number: String,
    /// The territory whose law holds for it, if one is known.
    pub territory: Option<String>,
    /// The zone whose days count.
    pub zone: String,
    /// What each client company has.
    pub clients: Vec<ClientDossier>,
}

/// What one client company has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientDossier {
    /// Its name.
    pub client: String,
    /// Whether it may call a consumer there to sell something; hours, attempts and refusals are
    /// other rules.
    pub may_call: bool,
    /// The rule that says it may not: `no-consent`, `consent-expired` or `do-not-call`.
    pub rule: Option<String>,
    /// The rule of law behind it; where it may, the one by which a right is needed.
    pub law: Option<String>,
    /// What its right rests on, where it has one.
    pub basis: Option<String>,
    /// Until when it has it, if that ends.
    pub until: Option<String>,
    /// Whether that right opens hours of the law.
    pub out_of_hours: bool,
    /// Every right that was ever recorded, by age.
    pub rights: Vec<RightRow>,
    /// Every time the person took them back.
    pub withdrawals: Vec<Said>,
    /// Wishes not to be called that stand.
    pub opt_outs: Vec<Said>,
    /// Attempts, newest first.
    pub attempts: Vec<Attempt>,
}

/// A right as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightRow {
    /// `consent` or `contract`.
    pub basis: String,
    /// Where it was given.
    pub source: Option<String>,
    /// The hash, id or address of its proof: what the list says, or else SHA-256 of the list
    /// itself and the line in it.
    pub proof: String,
    /// What it covers.
    pub scope: Option<String>,
    /// When it was given.
    pub obtained_at: Option<String>,
    /// When it ends by itself.
    pub expires_at: Option<String>,
    /// The contract.
    pub contract: Option<String>,
    /// What that is about.
    pub object: Option<String>,
    /// Whether the person agreed to calls outside the hours of the law.
    pub out_of_hours: bool,
    /// When it was recorded.
    pub recorded_at: String,
    /// When it was taken back.
    pub withdrawn_at: Option<String>,
}

/// Something a person said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// When.
    pub at: String,
    /// Where.
    pub source: String,
}

/// An attempt to call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When.
    pub at: String,
    /// For which campaign.
    pub campaign: String,
    /// How it ended; `None` while it lasts.
    pub outcome: Option<String>,
    /// What the agent said of it.
    pub disposition: Option<String>,
}

/// A dossier with its signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// A [`Dossier`].
    pub statement: serde_json::Value,
    /// Who says so.
    pub signature: Seal,
}

/// A signature over the statement as compact JSON with sorted keys, in UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// `Ed25519` (RFC 8032).
    pub algorithm: String,
    /// The public key, in hexadecimal.
    pub key: String,
    /// The signature, in hexadecimal.
    pub value: String,
}

/// Something a person took back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// The number.
    pub number: String,
    /// From which client company; from every one if it is not named.
    #[serde(default)]
    pub client: Option<String>,
    /// Where it was said.
    #[serde(default)]
    pub source: Option<String>,
}

/// The query of a dossier.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AboutQuery {
    number: String,
    #[serde(default)]
    client: Option<String>,
}

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
    /// A mapping of columns, in JSON.
    #[serde(default)]
    columns: Option<String>,
    /// SHA-256 of the file the list was made from.
    #[serde(default)]
    original: Option<String>,
}

/// `GET /v1/consents`.
pub(super) async fn show(
    State(desk): State<Desk>,
    Search(query): Search<AboutQuery>,
) -> Answer<Dossier> {
    Ok(axum::Json(dossier(&desk, &query).await?))
}

/// `GET /v1/consents/proof`.
pub(super) async fn prove(
    State(desk): State<Desk>,
    Search(query): Search<AboutQuery>,
) -> Answer<Signed> {
    let statement = serde_json::json!(dossier(&desk, &query).await?);
    let signature = desk.store.sign(statement.to_string().as_bytes());
    let (algorithm, key, value) = ("Ed25519".to_owned(), signature.key, signature.value);
    Ok(axum::Json(Signed { statement, signature: Seal { algorithm, key, value } }))
}

/// `POST /v1/consents/withdraw`; effective at once, also for a call that only rings.
pub(super) async fn withdraw(
    State(desk): State<Desk>,
    bytes: axum::body::Bytes,
) -> Answer<Dossier> {
    let Withdrawal { number, client, source } = super::body(&bytes)?;
    let query = AboutQuery { number, client };
    let number = dnc::number(&query.number)?;
    let source = source.unwrap_or_else(|| "withdrawn by hand".to_owned());
    let (clients, taking) = (clients(&desk, query.client.as_deref())?, desk.clone());
    desk.see_through(async move {
        for (client, _) in clients {
            let at = taking.clock.now().wall;
            let persons = taking.store.withdraw(&number, client, at, &source).await?;
            taking.tell(persons.into_iter().map(|person| Ask::Withdrawn(person, client))).await?;
        }
        Ok::<(), ApiError>(())
    })
    .await
    .ok_or(Refused::Leaving)??;
    Ok(axum::Json(dossier(&desk, &query).await?))
}

/// `POST /v1/clients/{client}/consents:import`: a list of numbers and consents in the body.
pub(super) async fn import(
    State(desk): State<Desk>,
    Path(client): Path<String>,
    Search(query): Search<ImportQuery>,
    body: Body,
) -> Answer<ImportReport> {
    let started = desk.clock.mono();
    let found = clients(&desk, Some(&client))?;
    let Some((client, _)) = found.first() else { return Err(no_client(&desk, &client)) };
    let mapping: Option<Mapping> =
        query.columns.as_deref().map(serde_json::from_str).transpose().map_err(not_json)?;
    let at = desk.clock.now().wall;
    let options = Options {
        region: lists::region_of(query.region.as_deref())?,
        zone: query.zone,
        agents: None,
        mapping: mapping.unwrap_or_default().of_consents(),
        need: Need::Always,
        at: Some(at),
        uncalled: false,
    };
    let (list, sha256) = lists::spool(&desk.config.store.lists, body).await?;
    let contacts = lists::contacts(&list, options).await?;
    let file = query.file.unwrap_or_else(|| "list.csv".to_owned());
    let original = lists::original_of(query.original)?;
    let source = ImportSource { file, sha256, original, at, also_elsewhere: true };
    let (client, reading) = (*client, desk.clone());
    // A list that has come whole is read in even if whoever sent it goes away.
    let read = async move { read_in(&reading, client, &source, contacts).await };
    let report = desk.see_through(read).await.unwrap_or_else(|| Err(cut()))?;
    let seconds = desk.clock.mono().since(started).as_secs_f64();
    Ok(axum::Json(ImportReport { seconds, ..report }))
}

/// Makes the error of a list that the engine's end cut.
fn cut() -> ApiError {
    ApiError::from(Refused::Leaving).hint("import the list again: nothing is recorded twice")
}

/// Records the consents of a list, however long the database is away meanwhile, and has campaigns
/// of the client look for contacts that waited for them.
async fn read_in(
    desk: &Desk,
    client: ClientId,
    source: &ImportSource,
    mut contacts: lists::Contacts,
) -> Result<ImportReport, ApiError> {
    let patience = || lists::may_wait(desk);
    let recorded = desk.store.record_consents(client, source, &mut contacts, patience).await;
    let (added, woken) =
        recorded.map_err(|error| if error.again() { cut() } else { error.into() })?;
    if added + woken > 0 {
        for row in desk.campaigns.iter().filter(|row| row.client == client && desk.runs(row)) {
            desk.handle.ask(Ask::Refill(row.id)).await?;
        }
    }
    let file = source.file.clone();
    Ok(ImportReport { file, consents_added: added, ..contacts.report()? })
}

fn not_json(error: serde_json::Error) -> ApiError {
    ApiError::invalid(error.to_string())
}

/// Gives the client companies of that name, or every one, with their names.
fn clients(desk: &Desk, name: Option<&str>) -> Result<Vec<(ClientId, String)>, ApiError> {
    let mut clients: Vec<(ClientId, String)> = Vec::new();
    for row in desk.campaigns.iter() {
        let wanted = name.is_none_or(|name| row.client_name == name);
        if wanted && !clients.iter().any(|(id, _)| *id == row.client) {
            clients.push((row.client, row.client_name.clone()));
        }
    }
    match name {
        Some(name) if clients.is_empty() => Err(no_client(desk, name)),
        _ => Ok(clients),
    }
}

/// Makes the error of a client company that no campaign has.
pub(super) fn no_client(desk: &Desk, name: &str) -> ApiError {
    let known = desk.campaigns.iter().map(|row| row.client_name.as_str());
    ApiError::unknown("client company", "client_unknown", name, known)
}

fn campaigns_of(desk: &Desk, client: ClientId) -> impl Iterator<Item = CampaignId> {
    desk.campaigns.iter().filter(move |row| row.client == client).map(|row| row.id)
}

/// What the store knows about a number.
struct Known {
    rights: Vec<ConsentRow>,
    withdrawals: Vec<crate::store::WithdrawalRow>,
    wishes: Vec<DoNotCallRow>,
    calls: Vec<CallRow>,
}

impl Known {
    async fn of(desk: &Desk, number: &Number, now: Wall) -> Result<Self, ApiError> {
        let filter = CallFilter { to: Some(number.clone()), ..CallFilter::default() };
        let mut calls = Vec::new();
        let mut after: Option<Cursor> = None;
        while calls.len() < ATTEMPTS_MAX {
            let page = desk.store.calls(&filter, after.as_ref(), PAGE_MAX).await?;
            calls.extend(page.rows);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(Self {
            rights: desk.store.consents(number).await?,
            withdrawals: desk.store.withdrawals(number).await?,
            wishes: desk.store.do_not_call(number, now).await?,
            calls,
        })
    }
}

/// Tells all that is known about the right to call one number.
pub(super) async fn of_number(desk: &Desk, number: &Number) -> Result<Dossier, ApiError> {
    let query = AboutQuery { number: number.reveal().to_owned(), client: None };
    dossier(desk, &query).await
}

async fn dossier(desk: &Desk, query: &AboutQuery) -> Result<Dossier, ApiError> {
    let number = dnc::number(&query.number)?;
    let now = desk.clock.now().wall;
    let territory = territory::of(&number, None);
    // Where a country has several zones its number tells none: its days are those of Greenwich.
    let zone = import::zone_of(&number).map_or_else(|| Zone::new("Etc/UTC"), Ok);
    let zone = zone.map_err(|error| ApiError::invalid(error.to_string()))?;
    let law = law::regimes(Purpose::Prospecting, Called::Consumers);
    let known = Known::of(desk, &number, now).await?;
    let clients = clients(desk, query.client.as_deref())?.into_iter().map(|(id, name)| {
        let own = known.rights.iter().filter(|row| row.client == id);
        let rights: Vec<Right> = own.filter_map(ConsentRow::right).collect();
        let there = (&zone, territory.as_ref());
        let standing = consent::standing(&law, there, (&rights, None), now);
        let needed = consent::needed(&law, territory.as_ref(), now);
        known.client(desk, (id, name), &standing, needed.map(|id| id.as_str()))
    });
    Ok(Dossier {
        version: 1,
        issued_at: now.to_string(),
        number: number.reveal().to_owned(),
        territory: territory.as_ref().map(|territory| territory.code().to_owned()),
        zone: zone.name().to_owned(),
        clients: clients.collect(),
    })
}

impl Known {
    fn client(
        &self,
        desk: &Desk,
        (id, name): (ClientId, String),
        standing: &consent::Standing,
        needed: Option<&str>,
    ) -> ClientDossier {
        let reaches = |wish: &&DoNotCallRow| match wish.scope {
            DncScope::Everyone => true,
            DncScope::Client(client) => client == id,
            DncScope::Campaign(campaign) => campaigns_of(desk, id).any(|of| of == campaign),
        };
        let unwanted =
            self.wishes.iter().filter(|wish| !matches!(wish.scope, DncScope::Campaign(_)));
        let unwanted = unwanted.clone().any(|wish| reaches(&wish));
        let refusal = standing.refusal.as_ref();
        let (rule, law) = match refusal {
            _ if unwanted => (Some("do-not-call".to_owned()), None),
            Some(refusal) => {
                let law = refusal.law.as_ref().map(|law| law.as_str().to_owned());
                (Some(word(&refusal.rule)), law)
            }
            None => (None, needed.map(str::to_owned)),
        };
        let said = |at: Wall, source: &str| Said { at: at.to_string(), source: source.to_owned() };
        let withdrawals = self.withdrawals.iter().filter(|row| row.client == id);
        ClientDossier {
            client: name,
            may_call: rule.is_none(),
            rule,
            law,
            basis: standing.right.map(|right| right.basis.name().to_owned()),
            until: standing.until.map(|at| at.to_string()),
            out_of_hours: standing.opens_hours.is_some(),
            rights: self.rights.iter().filter(|row| row.client == id).map(right_row).collect(),
            withdrawals: withdrawals.map(|row| said(row.at, &row.source)).collect(),
            opt_outs: self.wishes.iter().filter(reaches).map(|w| said(w.at, &w.source)).collect(),
            attempts: self.calls.iter().filter(|row| row.client == id).map(attempt).collect(),
        }
    }
}

fn right_row(row: &ConsentRow) -> RightRow {
    let told = |at: Option<Wall>| at.map(|at| at.to_string());
    let list = || format!("sha256:{} line {}", row.list_sha256, row.told.line);
    RightRow {
        basis: row.told.basis.name().to_owned(),
        source: row.told.source.clone(),
        proof: row.told.proof.clone().unwrap_or_else(list),
        scope: row.told.scope.clone(),
        obtained_at: told(row.told.obtained),
        expires_at: told(row.told.expires),
        contract: row.told.contract.clone(),
        object: row.told.object.clone(),
        out_of_hours: row.told.out_of_hours,
        recorded_at: row.recorded.to_string(),
        withdrawn_at: told(row.withdrawn),
    }
}

fn attempt(row: &CallRow) -> Attempt {
    Attempt {
        at: row.opened.to_string(),
        campaign: row.campaign_name.clone(),
        outcome: row.outcome.as_ref().map(word),
        disposition: row.disposition.as_ref().map(|disposition| disposition.code.clone()),
    }
}

/// Gives the word of a variant without data.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}

impl Signed {
    /// Tells whether the statement is the one that was signed with the key beside it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let Seal { algorithm, key, value } = &self.signature;
        let signature = Signature { key: key.clone(), value: value.clone() };
        algorithm == "Ed25519" && signature.fits(self.statement.to_string().as_bytes())
    }

    /// Gives what is stated.
    ///
    /// # Errors
    /// It is no dossier of a version known here.
    pub fn dossier(&self) -> Result<Dossier, serde_json::Error> {
        serde_json::from_value(self.statement.clone())
    }
}
