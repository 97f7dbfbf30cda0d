//! SQLite: one connection writes; several read beside it (write-ahead log).

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};

use super::{READERS_MAX, Readers, Writer};
use crate::store::StoreError;

/// The schema, embedded.
static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Page cache of a reader, in KiB with the sign SQLite wants; the writer's is SQLite's own 2,000.
/// SQLite is built to share what all of them may keep: a writer takes over what its readers may,
/// page by page, in a heap of its own, and the memory would grow for hours. Readers' statements
/// look at a few pages each, and the system keeps the file's.
const READER_CACHE: &str = "-64";

/// Rows that wait to be taken before the database's thread stops: those of a portion of a list.
const ROWS_READY: usize = 500;

/// How long a statement waits for another program's lock before it fails as busy.
const BUSY_AFTER: Duration = Duration::from_secs(5);

pub(super) async fn open(path: &Path, full_sync: bool) -> Result<(Writer, Readers), StoreError> {
    let opening = |source| StoreError::Open { database: path.display().to_string(), source };
    create(path).map_err(|error| opening(sqlx::Error::Io(error)))?;
    let lock = lock(path)?;
    let options = options(path, full_sync);
    let mut writer = options.connect().await.map_err(opening)?;
    let migrating = |source| StoreError::Migrate { database: path.display().to_string(), source };
    MIGRATIONS.run(&mut writer).await.map_err(migrating)?;
    // A file's connections do not wear out as a server's do: made anew every half hour, each would
    // lose its page cache and leave its thread's heap in pieces.
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS_MAX)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with(options.clone().read_only(true).pragma("cache_size", READER_CACHE));
    let options = Box::new(options);
    let writer = Writer::Sqlite { db: writer, options, doubtful: false, _lock: lock };
    Ok((writer, Readers::Sqlite(readers)))
}

/// Creates a missing database file for its owner alone: it will hold names and numbers. SQLite
/// gives the files beside it the same mode.
fn create(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600).open(path).map(drop)
}

/// Takes the lock beside the database, which ends with the process however it ends: two engines on
/// one database would call the same persons.
fn lock(path: &Path) -> Result<File, StoreError> {
    let database = || path.display().to_string();
    let failed = |error| StoreError::Open { database: database(), source: sqlx::Error::Io(error) };
    let mut options = OpenOptions::new();
    let file = options.create(true).append(true).mode(0o600).open(beside(path)).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(database())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    PathBuf::from(path)
}

fn options(path: &Path, full_sync: bool) -> SqliteConnectOptions {
    let sync = if full_sync { SqliteSynchronous::Full } else { SqliteSynchronous::Normal };
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(sync)
        .foreign_keys(true)
        // What is erased is overwritten in the file.
        .pragma("secure_delete", "on")
        .busy_timeout(BUSY_AFTER)
        .row_buffer_size(ROWS_READY)
        .disable_statement_logging()
}

/// Connects to look at the file only; one that is missing is made later, and looks empty.
pub(super) async fn look(path: &Path) -> Result<SqliteConnection, StoreError> {
    let opening = |source| StoreError::Open { database: path.display().to_string(), source };
    let options = match path.try_exists() {
        Ok(true) => SqliteConnectOptions::new().filename(path).read_only(true),
        Ok(false) => SqliteConnectOptions::new().in_memory(true),
        Err(error) => return Err(opening(sqlx::Error::Io(error))),
    };
    options.disable_statement_logging().connect().await.map_err(opening)
}

/// Says which SQLite reads the file, and whether it does.
pub(super) async fn version(path: &Path) -> Result<String, StoreError> {
    let opening = |source| StoreError::Open { database: path.display().to_string(), source };
    let mut db = look(path).await?;
    // Counting the tables reads the file: one that is no database is found out.
    let version = sqlx::query_scalar(
        "select 'SQLite ' || sqlite_version() from (select count(*) from sqlite_master)",
    );
    version.fetch_one(&mut db).await.map_err(opening)
}
