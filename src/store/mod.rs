//! What must survive.
//!
//! One [`Store`], one method per use case. Behind it sits SQLite, with one connection that
//! writes and several that read; PostgreSQL joins as a second variant with the same methods.
//!
//! **Group commit.** [`Store::commit`] queues its writes; one task takes what waits, at most
//! [`GROUP_MAX`] writes, into one transaction and answers every caller after the commit.
//!
//! **Replay is harmless.** Every write is guarded by a key, so that a sequence written twice
//! leaves the same rows as written once.
//!
//! **Personal data** (digits, names, fields, notes) sits in the tables `*_personal` only; a
//! person is known elsewhere by a keyed fingerprint of the number.

mod counts;
mod error;
mod fingerprint;
mod rows;
mod sqlite;

use std::path::PathBuf;

pub use counts::{Pilot, Stats};
pub use error::{Fault, StoreError};
pub(crate) use fingerprint::hex;
pub use rows::{
    AgentRow, CallFilter, CallRow, CampaignRow, Card, Claimed, Cursor, DecisionRow, Delivery,
    DispositionRow, DncScope, DoNotCallRow, EndpointRow, EventRow, ImportSource, ImportSummary,
    NUMBERS_MAX, NewAgent, NewCampaign, NewContact, NewDoNotCall, NewEvent, NewNumber, Outlook,
    PAGE_MAX, PRIORITY_DEFAULT, Page, Recovered, Then, TrunkHour, Write,
};
pub use sqlite::Sqlite;

use crate::core::foresight::Foresight;
use crate::core::pacing::account::Bucket;
use crate::core::pacing::prior::Lesson;
use crate::engine::tasks::Tasks;
pub use crate::sip::Ha1;
use crate::units::{AgentId, CallId, CampaignId, ContactId, Number, NumberId, Span, TrunkId, Wall};

/// Writes in one transaction at most: a few milliseconds of work (benches/claim.rs).
pub const GROUP_MAX: usize = 500;

/// Commits that may wait at once; beyond that [`Store::commit`] waits for room. Two seconds of
/// a thousand attempts a second.
pub const COMMITS_MAX: usize = 2_048;

/// Contacts claimed at once at most, the size of the largest hopper.
pub const CLAIM_MAX: u32 = 10_000;

/// Contacts in one imported list at most: a large centre's year of work, and some 100 MB of
/// numbers to compare with while it is read.
pub const IMPORT_MAX: usize = 1_000_000;

/// Decisions of a campaign forgotten at once at most: a transaction no longer than that of
/// [`GROUP_MAX`] writes.
pub const FORGET_MAX: u32 = 500;

/// Makes the body of an event from a completed call: the seam to `hooks::event`, so that the
/// body is written in the transaction of the record without the store knowing its public shape.
pub type Teller = fn(sequence: u32, call: &CallRow) -> String;

/// Fills bytes from the one source of true randomness.
pub type Random = fn(&mut [u8]) -> std::io::Result<()>;

/// How the store is opened.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The database file; it is created if it is missing, its folder is not.
    pub path: PathBuf,
    /// The file with the key of the number fingerprints; `None` means the database's path with
    /// `.key` added. Created for its owner alone (0600) when the database is new.
    pub key: Option<PathBuf>,
    /// This node's number, 0 to 32767: the upper bits of every id it makes.
    pub node: u16,
    /// Whether each commit waits for the disk itself (SQLite `synchronous = FULL`). Without it a
    /// crash of the program loses nothing, but a power cut may lose the last commits.
    pub full_sync: bool,
    /// How long a contact rests whose call was interrupted by a crash.
    pub interrupted_rest: Span,
    /// Makes the webhook bodies.
    pub tell: Teller,
    /// Fills bytes from the system's randomness, for a new database's key and name.
    pub random: Random,
}

/// The database.
#[derive(Clone, Debug)]
pub enum Store {
    /// One file on this machine.
    Sqlite(Sqlite),
}

impl Store {
    /// Opens the database, creates or migrates it, and starts the task that writes.
    ///
    /// The task ends when every clone of the store is dropped and all that waited is written.
    ///
    /// # Errors
    /// The file, its schema or its key cannot be used.
    pub async fn open(settings: Settings, tasks: &Tasks) -> Result<Self, StoreError> {
        Ok(Self::Sqlite(Sqlite::open(settings, tasks).await?))
    }

    // What the engine does.

    /// Writes all of it in one transaction, possibly shared with other callers, and returns when
    /// it is committed. If one write is refused, none of this call's is written.
    ///
    /// Dropping the future does not take the writes back once they are queued.
    ///
    /// # Errors
    /// The database refused a write, or the store is closed.
    pub async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.commit(writes).await,
        }
    }

    /// Leases up to `count` due contacts (at most [`CLAIM_MAX`]) until `now + lease`: promised
    /// callbacks first, then by priority, due time and id.
    ///
    /// Contacts in a call and leased ones are never given. A number under a do-not-call wish is
    /// given with its flag, so that the gate refuses it once, by its rule, on the record.
    ///
    /// # Errors
    /// The database failed.
    pub async fn claim(
        &self,
        campaign: CampaignId,
        count: u32,
        lease: Span,
        now: Wall,
    ) -> Result<Claimed, StoreError> {
        match self {
            Self::Sqlite(store) => store.claim(campaign, count, lease, now).await,
        }
    }

    /// Tells what a campaign's list still holds and what makes its next contact wait.
    ///
    /// # Errors
    /// The database failed.
    pub async fn outlook(&self, campaign: CampaignId, now: Wall) -> Result<Outlook, StoreError> {
        match self {
            Self::Sqlite(store) => store.outlook(campaign, now).await,
        }
    }

    /// Gives leased contacts back untouched.
    ///
    /// # Errors
    /// The database failed.
    pub async fn release(&self, contacts: &[ContactId]) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.release(contacts).await,
        }
    }

    /// Mends what a crash left, once, before the engine dials: open attempts are closed as
    /// interrupted, or as abandoned if their person was by then, and completed (outbox row
    /// included), leases end, agents are signed out.
    ///
    /// # Errors
    /// The database failed.
    pub async fn recover(&self, now: Wall) -> Result<Recovered, StoreError> {
        match self {
            Self::Sqlite(store) => store.recover(now).await,
        }
    }

    /// Gives a trunk's id by its configured name, the same after every restart.
    ///
    /// # Errors
    /// The database failed.
    pub async fn trunk(&self, name: &str) -> Result<TrunkId, StoreError> {
        match self {
            Self::Sqlite(store) => store.trunk(name).await,
        }
    }

    // Campaigns and their lists.

    /// Adds or changes a campaign, known by its name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn set_campaign(&self, campaign: &NewCampaign) -> Result<CampaignId, StoreError> {
        match self {
            Self::Sqlite(store) => store.set_campaign(campaign).await,
        }
    }

    /// Lists every campaign by name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn campaigns(&self) -> Result<Vec<CampaignRow>, StoreError> {
        match self {
            Self::Sqlite(store) => store.campaigns().await,
        }
    }

    /// Imports contacts into a campaign, in chunks between which others may write. `progress` is
    /// told how many were read so far. The same list again adds nothing.
    ///
    /// A number belongs to one contact of a campaign: one that is known already is left out, and
    /// a contact left without any is counted as doubled.
    ///
    /// # Errors
    /// There is no such campaign, the list is longer than [`IMPORT_MAX`], or the database failed;
    /// the chunks written before stay, and importing the list again goes on from there.
    pub async fn import<I>(
        &self,
        campaign: CampaignId,
        source: &ImportSource,
        contacts: I,
        progress: impl FnMut(u64) + Send,
    ) -> Result<ImportSummary, StoreError>
    where
        I: IntoIterator<Item = NewContact>,
        I::IntoIter: Send,
    {
        match self {
            Self::Sqlite(store) => {
                store.import(campaign, source, contacts.into_iter(), progress).await
            }
        }
    }

    /// Gives a contact's card.
    ///
    /// # Errors
    /// The database failed.
    pub async fn card(&self, contact: ContactId) -> Result<Option<Card>, StoreError> {
        match self {
            Self::Sqlite(store) => store.card(contact).await,
        }
    }

    /// Gives the digits of a number.
    ///
    /// # Errors
    /// The database failed.
    pub async fn digits(&self, number: NumberId) -> Result<Option<Number>, StoreError> {
        match self {
            Self::Sqlite(store) => store.digits(number).await,
        }
    }

    /// Adds a do-not-call wish from outside a call; a wish of the same reach is replaced.
    ///
    /// # Errors
    /// The database failed.
    pub async fn add_do_not_call(&self, wish: &NewDoNotCall) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.add_do_not_call(wish).await,
        }
    }

    /// Lists the wishes that stand against a number.
    ///
    /// # Errors
    /// The database failed.
    pub async fn do_not_call(
        &self,
        number: &Number,
        now: Wall,
    ) -> Result<Vec<DoNotCallRow>, StoreError> {
        match self {
            Self::Sqlite(store) => store.do_not_call(number, now).await,
        }
    }

    // Agents.

    /// Adds an agent, or changes the one of that name.
    ///
    /// # Errors
    /// A campaign does not exist, or the database failed.
    pub async fn set_agent(&self, agent: &NewAgent) -> Result<AgentId, StoreError> {
        match self {
            Self::Sqlite(store) => store.set_agent(agent).await,
        }
    }

    /// Removes an agent: he or she is listed no more and serves nothing; calls still name him or
    /// her. Adding the name again brings the same agent back.
    ///
    /// # Errors
    /// The database failed.
    pub async fn remove_agent(&self, agent: AgentId) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.remove_agent(agent).await,
        }
    }

    /// Lists every agent by name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn agents(&self) -> Result<Vec<AgentRow>, StoreError> {
        match self {
            Self::Sqlite(store) => store.agents().await,
        }
    }

    /// Finds an agent by name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn agent(&self, name: &str) -> Result<Option<AgentRow>, StoreError> {
        match self {
            Self::Sqlite(store) => store.agent(name).await,
        }
    }

    // What was done.

    /// Lists calls, newest first, at most [`PAGE_MAX`] a page.
    ///
    /// # Errors
    /// The database failed.
    pub async fn calls(
        &self,
        filter: &CallFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<CallRow>, StoreError> {
        match self {
            Self::Sqlite(store) => store.calls(filter, after, limit).await,
        }
    }

    /// Gives one call.
    ///
    /// # Errors
    /// The database failed.
    pub async fn call(&self, call: CallId) -> Result<Option<CallRow>, StoreError> {
        match self {
            Self::Sqlite(store) => store.call(call).await,
        }
    }

    /// Counts what a campaign did from `from`, included, to `to`, excluded.
    ///
    /// # Errors
    /// The database failed.
    pub async fn stats(
        &self,
        campaign: CampaignId,
        from: Wall,
        to: Wall,
    ) -> Result<Stats, StoreError> {
        match self {
            Self::Sqlite(store) => store.stats(campaign, from, to).await,
        }
    }

    /// Gives a campaign's latest recorded decision at or before a moment.
    ///
    /// # Errors
    /// The database failed.
    pub async fn decision(
        &self,
        campaign: CampaignId,
        until: Wall,
    ) -> Result<Option<DecisionRow>, StoreError> {
        match self {
            Self::Sqlite(store) => store.decision(campaign, until).await,
        }
    }

    /// Forgets the decisions made before a moment, and of each campaign the oldest beyond `most`,
    /// but never its latest: at most [`FORGET_MAX`] of each campaign at once, so that whoever
    /// commits waits a few milliseconds. Gives how many were forgotten; call it again until none
    /// are.
    ///
    /// # Errors
    /// The database failed; what is left is forgotten the next time.
    pub async fn forget_decisions(&self, before: Wall, most: u32) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(store) => store.forget_decisions(before, most).await,
        }
    }

    /// Compares the forecasts of a campaign's calls dialled from `from` to `until`, both
    /// included, with what became of them: of those a person answered and that are over, the
    /// `latest`. Calls placed without a forecast do not count.
    ///
    /// # Errors
    /// The database failed.
    pub async fn foresight(
        &self,
        campaign: CampaignId,
        from: Wall,
        until: Wall,
        latest: u32,
    ) -> Result<Foresight, StoreError> {
        match self {
            Self::Sqlite(store) => store.foresight(campaign, from, until, latest).await,
        }
    }

    /// Gives what a campaign's pacer has learnt in the four weeks before a moment, latest first, at
    /// most [`LESSONS_MAX`](crate::core::pacing::prior::LESSONS_MAX) lessons.
    ///
    /// # Errors
    /// The database failed.
    pub async fn learnt(&self, campaign: CampaignId, now: Wall) -> Result<Vec<Lesson>, StoreError> {
        match self {
            Self::Sqlite(store) => store.learnt(campaign, now).await,
        }
    }

    /// Counts the closed calls answered from a moment on as the abandon rule does, in parts of that
    /// length, or in one. Calls that a crash cut are not in it, but for persons who were abandoned
    /// by then: nobody wrote down who answered the others.
    ///
    /// # Errors
    /// The database failed.
    pub async fn counted(
        &self,
        campaign: CampaignId,
        from: Wall,
        part: Option<Span>,
    ) -> Result<Vec<Bucket>, StoreError> {
        match self {
            Self::Sqlite(store) => store.counted(campaign, from, part).await,
        }
    }

    /// Counts what a pilot's report is reckoned from: what a campaign did from `from`, included,
    /// to `to`, excluded, contact by contact, and the time its agents gave it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn pilot(
        &self,
        campaign: CampaignId,
        from: Wall,
        to: Wall,
    ) -> Result<Pilot, StoreError> {
        match self {
            Self::Sqlite(store) => store.pilot(campaign, from, to).await,
        }
    }

    /// Counts how well the trunks carried the calls begun from a moment on, the beginning of an
    /// hour, and keeps it hour by hour in the place of earlier counts.
    ///
    /// # Errors
    /// The database failed.
    pub async fn keep_trunk_hours(&self, from: Wall) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.keep_trunk_hours(from).await,
        }
    }

    /// Gives the kept hours of every trunk from a moment on, by trunk and hour.
    ///
    /// # Errors
    /// The database failed.
    pub async fn trunk_hours(&self, from: Wall) -> Result<Vec<TrunkHour>, StoreError> {
        match self {
            Self::Sqlite(store) => store.trunk_hours(from).await,
        }
    }

    // The outbox.

    /// Puts an event into the outbox of an endpoint, at most once by its id.
    ///
    /// # Errors
    /// The database failed.
    pub async fn add_event(&self, event: &NewEvent) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.add_event(event).await,
        }
    }

    /// Takes up to `limit` events due for an endpoint, oldest first; they are not given again
    /// before `now + lease`, unless a [`Delivery`] says so.
    ///
    /// # Errors
    /// The database failed.
    pub async fn take_events(
        &self,
        endpoint: &str,
        limit: u32,
        lease: Span,
        now: Wall,
    ) -> Result<Vec<EventRow>, StoreError> {
        match self {
            Self::Sqlite(store) => store.take_events(endpoint, limit, lease, now).await,
        }
    }

    /// Says when the next event of an enabled endpoint falls due.
    ///
    /// # Errors
    /// The database failed.
    pub async fn next_event(&self) -> Result<Option<Wall>, StoreError> {
        match self {
            Self::Sqlite(store) => store.next_event().await,
        }
    }

    /// Waits until an event was put into the outbox, or was since the last time.
    pub async fn event_added(&self) {
        match self {
            Self::Sqlite(store) => store.event_added().await,
        }
    }

    /// Lists events, newest first, of one endpoint or all, with or without the delivered ones.
    ///
    /// # Errors
    /// The database failed.
    pub async fn events(
        &self,
        endpoint: Option<&str>,
        undelivered_only: bool,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        match self {
            Self::Sqlite(store) => store.events(endpoint, undelivered_only, limit).await,
        }
    }

    /// Sends an event again from the first try on, delivered or not.
    ///
    /// # Errors
    /// There is no such event, or the database failed.
    pub async fn replay_event(&self, event: &str, now: Wall) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.replay_event(event, now).await,
        }
    }

    /// Lists the endpoints that events were written for.
    ///
    /// # Errors
    /// The database failed.
    pub async fn endpoints(&self) -> Result<Vec<EndpointRow>, StoreError> {
        match self {
            Self::Sqlite(store) => store.endpoints().await,
        }
    }

    /// Enables an endpoint again; its waiting events are tried at once.
    ///
    /// # Errors
    /// There is no such endpoint, or the database failed.
    pub async fn enable_endpoint(&self, endpoint: &str, now: Wall) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.enable_endpoint(endpoint, now).await,
        }
    }
}
