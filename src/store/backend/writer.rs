//! The one connection that writes.

use std::fs::File;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use super::Db;
use super::postgres::Session;
use crate::store::StoreError;

/// Brings SQLite's write-ahead log into the file and cuts it. Whoever reads meanwhile is waited for
/// a moment only, as others wait to write (the usual time is `BUSY_AFTER`).
const CUT_LOG: &str = "pragma busy_timeout = 100; pragma wal_checkpoint(truncate);
    pragma busy_timeout = 5000";

/// SQLite's page cache while much is written in one transaction, in KiB with the sign it wants: the
/// leaves of the index of a million fingerprints. What has no room is written early.
const MUCH_ROOM: &str = "pragma cache_size = -65536";

/// SQLite's own page cache. With less room it gives back at once what it has too much.
const LITTLE_ROOM: &str = "pragma cache_size = -2000";

/// The connection that writes; a server's is made anew when it was lost.
#[derive(Debug)]
pub(in crate::store) enum Writer {
    /// To a file.
    Sqlite {
        /// The connection.
        db: SqliteConnection,
        /// How it is made anew.
        options: Box<SqliteConnectOptions>,
        /// Whether a transaction was begun and not committed. SQLite itself rolls some of those
        /// back (a full disk), and the connection no longer knows whether it is in one.
        doubtful: bool,
        /// Keeps other engines out while it is open.
        _lock: File,
    },
    /// To a server.
    Postgres(Box<Session>),
}

impl Writer {
    /// Begins a transaction; one that is not committed is rolled back.
    pub(in crate::store) async fn begin(&mut self) -> Result<Transaction<'_>, StoreError> {
        Ok(match self {
            Self::Sqlite { db, options, doubtful, .. } => {
                if *doubtful {
                    *db = options.connect().await?;
                }
                let begun = db.begin_with("begin immediate").await?;
                *doubtful = true;
                Transaction::Sqlite(begun, doubtful)
            }
            Self::Postgres(session) => {
                session.begin().await?;
                Transaction::Postgres(session)
            }
        })
    }

    /// Makes room for the pages of a long transaction, or gives it back. A server keeps pages for
    /// itself.
    pub(in crate::store) async fn make_room(&mut self, much: bool) -> Result<(), StoreError> {
        if let Self::Sqlite { db, .. } = self {
            db.execute(if much { MUCH_ROOM } else { LITTLE_ROOM }).await?;
        }
        Ok(())
    }

    /// Writes the whole database anew, so that nothing of changed rows is left in their old places.
    pub(in crate::store) async fn rewrite(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { db, .. } => {
                db.execute("vacuum").await?;
            }
            Self::Postgres(session) => session.rewrite().await?,
        }
        self.overwrite().await;
        Ok(())
    }

    /// Leaves nothing of erased rows where that can be had at once: SQLite's write-ahead log is
    /// brought into the file, which has zeros in their places, and cut. PostgreSQL's dead rows are
    /// its own vacuum's. A log that somebody reads is cut the next time.
    pub(in crate::store) async fn overwrite(&mut self) {
        if let Self::Sqlite { db, .. } = self
            && let Err(error) = db.execute(CUT_LOG).await
        {
            tracing::warn!(%error, "the write-ahead log still holds what was erased");
        }
    }

    /// Lends the connection for a statement that is a transaction of its own.
    pub(in crate::store) async fn db(&mut self) -> Result<Db<'_>, StoreError> {
        Ok(match self {
            Self::Sqlite { db, .. } => Db::Sqlite(db),
            Self::Postgres(session) => Db::Postgres(session.ready().await?),
        })
    }
}

/// A transaction of the writer.
pub(in crate::store) enum Transaction<'a> {
    /// Of a file.
    Sqlite(sqlx::Transaction<'a, sqlx::Sqlite>, &'a mut bool),
    /// Of a server.
    Postgres(&'a mut Session),
}

impl Transaction<'_> {
    /// Lends the connection.
    pub(in crate::store) fn db(&mut self) -> Result<Db<'_>, StoreError> {
        Ok(match self {
            Self::Sqlite(db, _) => Db::Sqlite(db),
            Self::Postgres(session) => Db::Postgres(session.connected()?),
        })
    }

    /// Makes what was written last.
    pub(in crate::store) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(db, doubtful) => {
                db.commit().await?;
                *doubtful = false;
            }
            Self::Postgres(session) => session.commit().await?,
        }
        Ok(())
    }
}
