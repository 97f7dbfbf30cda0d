//! SQLite: one connection writes, in groups; several read beside it (write-ahead log).

mod campaigns;
mod claim;
mod decisions;
mod import;
mod outbox;
mod people;
mod pilot;
mod prior;
mod quality;
mod recover;
mod report;
mod text;
mod write;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tokio::sync::{Mutex, MutexGuard, Notify, mpsc, oneshot};

use super::fingerprint::{Fingerprints, random_hex};
use super::{COMMITS_MAX, GROUP_MAX, Settings, StoreError, Teller, Write};
use crate::engine::tasks::Tasks;
use crate::units::Span;

/// The schema, embedded.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Connections that read: the API's lists and the hopper's details seldom need more at once.
const READERS_MAX: u32 = 4;

/// How long a statement waits for another program's lock before it fails as busy.
const BUSY_AFTER: Duration = Duration::from_secs(5);

/// The greatest node number: ids stay positive in the database's signed 64 bits.
const NODE_MAX: u16 = 0x7FFF;

/// Where the node's number begins in an id, as in a `CallId`.
const NODE_SHIFT: u32 = 48;

/// A moment that never comes, for contacts that are done.
pub(super) const NEVER: i64 = i64::MAX;

/// The moment before, for contacts in a call or being written up.
pub(super) const IN_CALL: i64 = NEVER - 1;

/// The SQLite store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Sqlite {
    writer: Arc<Mutex<SqliteConnection>>,
    commits: mpsc::Sender<Commit>,
    readers: SqlitePool,
    shared: Arc<Shared>,
}

/// What never changes while the store is open.
#[derive(Debug)]
struct Shared {
    fingerprints: Fingerprints,
    /// Tells this database's events from another's.
    instance: String,
    node: u16,
    interrupted_rest: Span,
    tell: Teller,
    event_added: Notify,
}

/// A caller's writes and the way back.
struct Commit {
    writes: Vec<Write>,
    done: oneshot::Sender<Result<(), StoreError>>,
}

impl Sqlite {
    pub(super) async fn open(settings: Settings, tasks: &Tasks) -> Result<Self, StoreError> {
        if settings.node > NODE_MAX {
            return Err(StoreError::Setting("node: must be 0 to 32767"));
        }
        let opening = |source| StoreError::Open { path: settings.path.clone(), source };
        create(&settings.path).map_err(|error| opening(sqlx::Error::Io(error)))?;
        let options = options(&settings);
        let mut writer = options.connect().await.map_err(opening)?;
        MIGRATIONS
            .run(&mut writer)
            .await
            .map_err(|source| StoreError::Migrate { path: settings.path.clone(), source })?;
        let (fingerprints, instance) = identity(&mut writer, &settings).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .connect_lazy_with(options.read_only(true));
        let shared = Arc::new(Shared {
            fingerprints,
            instance,
            node: settings.node,
            interrupted_rest: settings.interrupted_rest,
            tell: settings.tell,
            event_added: Notify::new(),
        });
        let writer = Arc::new(Mutex::new(writer));
        let (commits, waiting) = mpsc::channel(COMMITS_MAX);
        tasks.spawn(commit_groups(Arc::clone(&writer), Arc::clone(&shared), waiting));
        Ok(Self { writer, commits, readers, shared })
    }

    pub(super) async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let (done, answer) = oneshot::channel();
        let commit = Commit { writes, done };
        self.commits.send(commit).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    pub(super) async fn event_added(&self) {
        self.shared.event_added.notified().await;
    }

    /// Takes the one connection that writes.
    async fn writer(&self) -> MutexGuard<'_, SqliteConnection> {
        self.writer.lock().await
    }
}

/// Creates a missing database file for its owner alone: it will hold names and numbers. SQLite
/// gives the files beside it the same mode.
fn create(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600).open(path).map(drop)
}

fn options(settings: &Settings) -> SqliteConnectOptions {
    let sync = if settings.full_sync { SqliteSynchronous::Full } else { SqliteSynchronous::Normal };
    SqliteConnectOptions::new()
        .filename(&settings.path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(sync)
        .foreign_keys(true)
        .busy_timeout(BUSY_AFTER)
        .disable_statement_logging()
}

/// Opens the key file and checks that it belongs to this database; a new database gets its own.
async fn identity(
    writer: &mut SqliteConnection,
    settings: &Settings,
) -> Result<(Fingerprints, String), StoreError> {
    let path = settings.key.clone().unwrap_or_else(|| beside(&settings.path));
    let stored = meta(writer, "key_check").await?;
    let fingerprints = Fingerprints::open(&path, stored.is_none().then_some(settings.random))?;
    if stored.is_some_and(|stored| stored != fingerprints.check()) {
        return Err(StoreError::WrongKey);
    }
    let instance = random_hex::<4>(settings.random)
        .map_err(|error| StoreError::Key { path, why: error.to_string() })?;
    for (name, value) in [("instance", &instance), ("key_check", &fingerprints.check())] {
        sqlx::query("insert into meta (name, value) values ($1, $2) on conflict do nothing")
            .bind(name)
            .bind(value)
            .execute(&mut *writer)
            .await?;
    }
    let instance = meta(writer, "instance").await?.unwrap_or(instance);
    Ok((fingerprints, instance))
}

fn beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".key");
    PathBuf::from(path)
}

async fn meta(writer: &mut SqliteConnection, name: &str) -> Result<Option<String>, StoreError> {
    let value = sqlx::query_scalar("select value from meta where name = $1");
    Ok(value.bind(name).fetch_optional(writer).await?)
}

/// Writes what waits, group after group, until every sender is gone.
async fn commit_groups(
    writer: Arc<Mutex<SqliteConnection>>,
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
        let mut writer = writer.lock().await;
        commit_group(&mut writer, &shared, group).await;
    }
}

/// Commits a group together; if that fails, each commit alone, so that only the culprit hears it.
async fn commit_group(writer: &mut SqliteConnection, shared: &Shared, group: Vec<Commit>) {
    let Err(error) = transaction(writer, shared, &group).await else {
        return group.into_iter().for_each(|commit| answer(commit.done, Ok(())));
    };
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
    writer: &mut SqliteConnection,
    shared: &Shared,
    commits: &[Commit],
) -> Result<(), StoreError> {
    let mut transaction = writer.begin_with("begin immediate").await?;
    let mut events = 0;
    for write in commits.iter().flat_map(|commit| &commit.writes) {
        events += write::apply(&mut transaction, shared, write).await?;
    }
    transaction.commit().await?;
    if events > 0 {
        shared.event_added.notify_one();
    }
    Ok(())
}

/// Gives the next free id of a table for this node.
async fn next_id(
    db: &mut SqliteConnection,
    table: &'static str,
    node: u16,
) -> Result<i64, StoreError> {
    let lowest = i64::from(node) << NODE_SHIFT;
    let highest = lowest | ((1 << NODE_SHIFT) - 1);
    let select = format!("select max(id) from {table} where id between $1 and $2");
    let last: Option<i64> =
        sqlx::query_scalar(AssertSqlSafe(select)).bind(lowest).bind(highest).fetch_one(db).await?;
    Ok(last.unwrap_or(lowest) + 1)
}
