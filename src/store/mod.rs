//! What must survive.
//!
//! One [`Store`], one method per use case, each written once in the file of its subject. Behind
//! the door of `backend` sits SQLite or PostgreSQL, with one connection that writes and several
//! that read.
//!
//! **Group commit.** [`Store::commit`] queues its writes; one task takes what waits, at most
//! [`GROUP_MAX`] writes, into one transaction and answers every caller after the commit.
//!
//! **Replay is harmless.** Every write is guarded by a key, so that a sequence written twice
//! leaves the same rows as written once.
//!
//! **Personal data** (digits, names, fields, notes) sits in the tables `*_personal` only, sealed
//! under keys of each person and contact; a person is known elsewhere by a keyed fingerprint of the
//! number.

mod access;
mod account;
mod attempt;
pub mod audit;
mod backend;
mod campaigns;
mod cards;
mod claim;
mod compliance;
mod consent;
mod counts;
mod decisions;
mod erase;
mod error;
mod fingerprint;
mod identity;
mod import;
mod inbound;
mod mix;
mod outbox;
mod pen;
mod people;
mod pilot;
mod prior;
pub mod proof;
mod purge;
mod quality;
mod quota;
mod reading;
mod recover;
mod reopen;
mod report;
mod rows;
mod score;
mod seal;
mod sealing;
mod shown;
mod standing;
mod text;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as Mutexed, MutexGuard as Guard, PoisonError};

use tokio::sync::{MutexGuard, Notify, mpsc, oneshot};

pub use access::RefusalRow;
pub use account::{AccountRow, Credentials, INVITED_FOR, Role, SessionRow, Token};
pub use audit::chain::AuditedSettings;
use backend::{Db, Reader, Readers, Sql};
pub use cards::{Change, Corrected, Correction, ListedContact, NAME, NUMBER};
pub use compliance::{Answers, Compliance, Tried};
pub use consent::{ConsentRow, NewConsent, WithdrawalRow};
pub use counts::{Pilot, Stats};
pub use erase::{Erased, Subject};
pub use error::{Fault, StoreError};
use fingerprint::Fingerprints;
pub(crate) use fingerprint::hex;
pub use inbound::{InboundRow, NewOpposition};
pub use mix::ListShare;
use pen::{Lender, Pen};
use proof::Signer;
pub use purge::{Kept, Purged};
pub use quota::QuotaRow;
pub use recover::STILL_THERE;
pub use reopen::{ClosedAlike, Reopening};
pub use rows::{
    AgentRow, CallFilter, CallRow, CampaignRow, Card, Claimed, Cursor, DecisionRow, Delivery,
    DispositionRow, DncScope, DoNotCallRow, EndpointRow, EventRow, ImportSource, ImportSummary,
    NUMBERS_MAX, NewAgent, NewCampaign, NewContact, NewDoNotCall, NewEvent, NewNumber, Outlook,
    PAGE_MAX, PRIORITY_DEFAULT, Page, Recovered, SCORE_MAX, Then, TrunkHour, Write,
};
pub use score::SCORES_MAX;
use seal::Seals;
pub use standing::{Ready, STANDINGS_MAX, Standing, Waiting};

use crate::engine::tasks::Tasks;
pub use crate::sip::Ha1;
use crate::units::{CampaignId, Span};

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

/// Makes the body of the event that a call came in, or, if `true`, that its caller wants no calls.
pub type InboundTeller = fn(opposed: bool, call: &InboundRow) -> String;

/// Fills bytes from the one source of true randomness.
pub type Random = fn(&mut [u8]) -> std::io::Result<()>;

/// The greatest node number: ids stay positive in the database's signed 64 bits.
const NODE_MAX: u16 = 0x7FFF;

/// Where the node's number begins in an id, as in a `CallId`.
const NODE_SHIFT: u32 = 48;

/// A moment that never comes, for contacts that are done.
const NEVER: i64 = i64::MAX;

/// The moment before, for contacts in a call or being written up.
const IN_CALL: i64 = NEVER - 1;

/// The moment before that, for contacts that a full quota holds.
const HELD: i64 = IN_CALL - 1;

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file for SQLite; it is created if it is missing, its folder is not.
    File(PathBuf),
    /// A database of a PostgreSQL server, which must exist.
    Server(Access),
}

/// Where a PostgreSQL database is, and how to come in.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// `postgres://user@host:port/database`, with libpq's options (`sslmode`, `sslrootcert`,
    /// `options`) and without the password.
    pub url: String,
    /// The password, if one is asked for.
    pub password: Option<String>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Access").field(&self.url).finish()
    }
}

/// How the store is opened.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the database is.
    pub place: Place,
    /// The file with the key of the number fingerprints; `None` means that of a database file with
    /// `.key` added. Created for its owner alone (0600) when the database is new.
    pub key: Option<PathBuf>,
    /// This node's number, 0 to 32767: the upper bits of every id it makes.
    pub node: u16,
    /// Whether each commit waits for the disk itself (SQLite `synchronous = FULL`, PostgreSQL
    /// `synchronous_commit = on`). Without it a crash of this program loses nothing, but a power
    /// cut, and with PostgreSQL a crash of the server, may lose the last commits.
    pub full_sync: bool,
    /// How long a contact rests whose call was interrupted by a crash.
    pub interrupted_rest: Span,
    /// Makes the webhook bodies of calls placed.
    pub tell: Teller,
    /// Makes those of calls that came in.
    pub tell_inbound: InboundTeller,
    /// Fills bytes from the system's randomness, for a new database's key and name.
    pub random: Random,
}

/// The database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    writer: Arc<Lender>,
    commits: mpsc::Sender<Commit>,
    readers: Readers,
    shared: Arc<Shared>,
}

/// What never changes while the store is open.
#[derive(Debug)]
struct Shared {
    fingerprints: Fingerprints,
    seals: Seals,
    signer: Arc<Signer>,
    random: Random,
    /// Tells this database's events from another's.
    instance: String,
    node: u16,
    interrupted_rest: Span,
    tell: Teller,
    tell_inbound: InboundTeller,
    event_added: Notify,
    /// What claims must know of campaigns, kept by whoever writes.
    plans: Mutexed<BTreeMap<CampaignId, quota::Plan>>,
    /// Campaigns whose stock is not what should be called any more, since anybody asked.
    stale: Mutexed<BTreeSet<CampaignId>>,
    stock_stale: Notify,
}

impl Shared {
    fn plans(&self) -> Guard<'_, BTreeMap<CampaignId, quota::Plan>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stale(&self) -> Guard<'_, BTreeSet<CampaignId>> {
        self.stale.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a campaign is to claim anew what it holds: others are due, or not to be called.
    fn restock(&self, campaign: CampaignId) {
        self.stale().insert(campaign);
        self.stock_stale.notify_one();
    }
}

/// A caller's writes and the way back.
#[derive(Debug)]
struct Commit {
    writes: Vec<Write>,
    done: oneshot::Sender<Result<(), StoreError>>,
}

/// Every statement there is.
const ALL_STATEMENTS: [&[(&str, Sql)]; 34] = [
    access::STATEMENTS,
    account::STATEMENTS,
    attempt::STATEMENTS,
    audit::ALL[0],
    audit::ALL[1],
    audit::ALL[2],
    audit::ALL[3],
    audit::ALL[4],
    campaigns::STATEMENTS,
    cards::STATEMENTS,
    claim::STATEMENTS,
    compliance::STATEMENTS,
    consent::STATEMENTS,
    decisions::STATEMENTS,
    erase::STATEMENTS,
    identity::STATEMENTS,
    import::STATEMENTS,
    inbound::STATEMENTS,
    mix::STATEMENTS,
    outbox::STATEMENTS,
    people::STATEMENTS,
    pilot::STATEMENTS,
    prior::STATEMENTS,
    purge::STATEMENTS,
    quality::STATEMENTS,
    quota::STATEMENTS,
    recover::STATEMENTS,
    reopen::STATEMENTS,
    report::STATEMENTS,
    score::STATEMENTS,
    sealing::STATEMENTS,
    shown::STATEMENTS,
    standing::STATEMENTS,
    write::STATEMENTS,
];

/// Says which database engine of which version is found at a place, without opening the store: a
/// file that is missing counts as one that can be made.
///
/// # Errors
/// The file is no database, or the server cannot be reached or lets nobody in.
pub async fn version(place: &Place) -> Result<String, StoreError> {
    backend::version(place).await
}

/// Checks without opening the store that a key file is the one its database was filled with. A
/// database that is still empty takes any, and makes one that is missing.
///
/// # Errors
/// The key cannot be read or is another, or the database cannot be read.
pub async fn check_key(place: &Place, key: &Path) -> Result<(), StoreError> {
    identity::check_key(place, key).await
}

impl Store {
    /// Opens the database, creates or migrates it, prepares every statement once, and starts the
    /// task that writes.
    ///
    /// The task ends when every clone of the store is dropped and all that waited is written.
    ///
    /// # Errors
    /// The database, its schema or its key cannot be used, or another engine uses it.
    pub async fn open(settings: Settings, tasks: &Tasks) -> Result<Self, StoreError> {
        if settings.node > NODE_MAX {
            return Err(StoreError::Setting("node: must be 0 to 32767"));
        }
        let (mut writer, readers) = backend::open(&settings).await?;
        let (fingerprints, instance) = {
            let mut db = writer.db().await?;
            backend::prepare_all(&mut db, &ALL_STATEMENTS).await?;
            identity::establish(&mut db, &settings).await?
        };
        let seals = Seals::new(fingerprints.clone(), settings.random);
        sealing::seal_all(&mut writer, &seals).await?;
        let signer = Arc::new(Signer::of(&fingerprints)?);
        let pen = Pen::new(writer, fingerprints.clone(), Arc::clone(&signer), settings.node);
        let shared = Arc::new(Shared {
            fingerprints,
            seals,
            signer,
            random: settings.random,
            instance,
            node: settings.node,
            interrupted_rest: settings.interrupted_rest,
            tell: settings.tell,
            tell_inbound: settings.tell_inbound,
            event_added: Notify::new(),
            plans: Mutexed::default(),
            stale: Mutexed::default(),
            stock_stale: Notify::new(),
        });
        let writer = Arc::new(Lender::new(pen));
        let (commits, waiting) = mpsc::channel(COMMITS_MAX);
        tasks.spawn(commit_groups(Arc::clone(&writer), Arc::clone(&shared), waiting));
        Ok(Self { writer, commits, readers, shared })
    }

    /// Writes all of it in one transaction, possibly shared with other callers, and returns when
    /// it is committed. If one write is refused, none of this call's is written.
    ///
    /// Dropping the future does not take the writes back once they are queued.
    ///
    /// # Errors
    /// The database refused a write, or the store is closed.
    pub async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let (done, answer) = oneshot::channel();
        let commit = Commit { writes, done };
        self.commits.send(commit).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Waits until an event was put into the outbox, or was since the last time.
    pub async fn event_added(&self) {
        self.shared.event_added.notified().await;
    }

    /// Waits until a campaign's stock is not what should be called any more, as a quota was filled
    /// or contacts were let go, and tells which campaign's.
    pub async fn stale_stock(&self) -> CampaignId {
        loop {
            let stale = self.shared.stale().pop_first();
            match stale {
                Some(campaign) => return campaign,
                None => self.shared.stock_stale.notified().await,
            }
        }
    }

    /// Takes the one connection that writes.
    async fn writer(&self) -> MutexGuard<'_, Pen> {
        self.writer.lend().await
    }

    /// Takes a connection that reads.
    async fn reader(&self) -> Result<Reader, StoreError> {
        self.readers.reader().await
    }
}

/// Takes a step again as long as the database is busy, away or broken and `patience`, which waits a
/// while, says so.
///
/// # Errors
/// The step failed for good, or patience ended.
pub async fn insist<T, S, P>(
    step: impl Fn() -> S,
    patience: impl Fn() -> P,
) -> Result<T, StoreError>
where
    S: Future<Output = Result<T, StoreError>>,
    P: Future<Output = bool>,
{
    loop {
        let done = step().await;
        let again = done.as_ref().is_err_and(StoreError::again);
        if !(again && patience().await) {
            return done;
        }
    }
}

/// Writes what waits, group after group, until every sender is gone; the audit chain is signed
/// then, as far as it goes.
async fn commit_groups(
    writer: Arc<Lender>,
    shared: Arc<Shared>,
    mut waiting: mpsc::Receiver<Commit>,
) {
    while let Some(first) = waiting.recv().await {
        let mut count = first.writes.len();
        let mut group = vec![first];
        while count < GROUP_MAX {
            let Ok(next) = waiting.try_recv() else { break };
            count += next.writes.len();
            group.push(next);
        }
        let mut writer = writer.lend().await;
        commit_group(&mut writer, &shared, group).await;
    }
    if let Err(error) = writer.lend().await.sign().await {
        tracing::warn!(%error, "the audit chain is not signed to its end; the next start does it");
    }
}

/// Commits a group together; if a write of it is refused, each commit alone, so that only the
/// culprit hears it. A database that is gone or broken is not asked once more for each of them.
async fn commit_group(writer: &mut Pen, shared: &Shared, group: Vec<Commit>) {
    let Err(error) = transaction(writer, shared, &group).await else {
        return group.into_iter().for_each(|commit| answer(commit.done, Ok(())));
    };
    if error.again() {
        for commit in group {
            answer(commit.done, Err(error.likewise()));
        }
        return;
    }
    match <[Commit; 1]>::try_from(group) {
        Ok([only]) => answer(only.done, Err(error)),
        Err(group) => {
            for commit in group {
                let result = transaction(writer, shared, std::slice::from_ref(&commit)).await;
                answer(commit.done, result);
            }
        }
    }
}

fn answer(done: oneshot::Sender<Result<(), StoreError>>, result: Result<(), StoreError>) {
    if let Err(Err(error)) = done.send(result) {
        tracing::error!(%error, "a write failed and nobody waits for its answer");
    }
}

async fn transaction(
    writer: &mut Pen,
    shared: &Shared,
    commits: &[Commit],
) -> Result<(), StoreError> {
    let mut entry = writer.begin().await?;
    let mut events = 0;
    for write in commits.iter().flat_map(|commit| &commit.writes) {
        let (mut db, notes) = entry.parts()?;
        events += write::apply(&mut db, notes, shared, write).await?;
    }
    entry.commit().await?;
    if events > 0 {
        shared.event_added.notify_one();
    }
    Ok(())
}

/// Gives the next free id of a table for this node, from a statement that looks up the highest
/// between two.
async fn next_id(db: &mut Db<'_>, highest: Sql, node: u16) -> Result<i64, StoreError> {
    let first = i64::from(node) << NODE_SHIFT;
    let last = first | ((1 << NODE_SHIFT) - 1);
    let row = highest.bind(first).bind(last).fetch_one(db).await?;
    Ok(row.try_get::<Option<i64>>(0)?.unwrap_or(first) + 1)
}
