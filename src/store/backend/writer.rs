//! The one connection that writes.

use std::fs::File;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use super::Db;
use super::postgres::Session;
use crate::store::StoreError;

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
