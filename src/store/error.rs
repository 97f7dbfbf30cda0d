//! What can go wrong with the store: whose fault, and whether to try again.

use std::path::PathBuf;

use sqlx::postgres::PgDatabaseError;

use crate::units::{CallId, ContactId};

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be opened or created.
    #[error(
        "cannot open the database {database}: {}; check that a file's folder can be written, or a \
         server's address, user and password", said(.source)
    )]
    Open {
        /// Where it was looked for.
        database: String,
        /// What the driver said.
        source: sqlx::Error,
    },
    /// The server has no such database.
    #[error("the server has no such database: {database}; create it with `createdb`")]
    Missing {
        /// Its address.
        database: String,
    },
    /// The schema could not be brought up to date.
    #[error("cannot bring the database {database} up to date: {source}")]
    Migrate {
        /// The database.
        database: String,
        /// What the migrator said: a newer or an edited migration, or the database's own error.
        source: sqlx::migrate::MigrateError,
    },
    /// Another engine drives the database.
    #[error("another engine uses the database {0}; stop it, or give this one its own")]
    InUse(String),
    /// The database does not take one of the program's statements: its schema was changed.
    #[error("the database does not take the statement {name}: {source}; restore its schema")]
    Statement {
        /// The statement.
        name: &'static str,
        /// What the database said.
        source: sqlx::Error,
    },
    /// The key file of the fingerprints cannot be read or made, or is not 32 bytes in hexadecimal.
    #[error("cannot use the key file {path}: {why}; restore it from a backup of this database")]
    Key {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The key file is not the one this database was filled with.
    #[error("the key file does not belong to this database; restore the one kept with it")]
    WrongKey,
    /// A setting cannot be used.
    #[error("store setting {0}")]
    Setting(&'static str),
    /// There is no such campaign, agent, call, event or endpoint.
    #[error("no such {0}")]
    Unknown(&'static str),
    /// The write contradicts what is stored, such as a name that is taken.
    #[error("{0} exists already, or names something that does not")]
    Conflict(&'static str),
    /// The contact is in a call, or the call is being written up: it can be erased after that.
    #[error("contact {0} is in call {1}, or that is being written up: erase it once it is over")]
    Engaged(ContactId, CallId),
    /// A campaign's contacts and calls are another client company's than its file says.
    #[error(
        "campaign {campaign}: its contacts and calls are those of {was:?}, its file says \
         client = {name:?}; what was called, refused and agreed counts by client company. The same \
         company under another name: write client_was = {was:?} beside it. Another company: give \
         its campaign another name"
    )]
    OtherClient {
        /// The campaign.
        campaign: String,
        /// Whose it is.
        was: String,
        /// Whose it is said to be.
        name: String,
    },
    /// A client company cannot take the name of another one.
    #[error(
        "client_was: {was:?} cannot be called {name:?} now, for there is a client company of each \
         name; two are never made one: leave client_was out, and keep each campaign's client"
    )]
    ClientTaken {
        /// Its name until now.
        was: String,
        /// The other one's.
        name: String,
    },
    /// A list to be imported is larger than the store takes at once.
    #[error("the list holds more than {0} contacts: split it")]
    TooLong(usize),
    /// A stored value cannot be read back.
    #[error("the database holds an unreadable {what}: {value:?}")]
    Corrupt {
        /// Which value.
        what: &'static str,
        /// What was found, never personal data.
        value: String,
    },
    /// What was asked for cannot be written where it was to be.
    #[error("the file cannot be written: {0}")]
    Export(std::io::Error),
    /// The store is closing and takes nothing more.
    #[error("the store is closed")]
    Closed,
    /// The database is locked by another program, out of room, or its disk fails for the moment.
    #[error("the database is busy, out of room or cannot be reached: {0}")]
    Busy(sqlx::Error),
    /// Any other error of the database.
    #[error("database error: {0}")]
    Database(sqlx::Error),
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Whoever asked: an unknown name, a doubled one, too much at once.
    Caller,
    /// Whoever runs the machine: disk, permissions, key file, another program.
    Operator,
    /// This program.
    Us,
}

impl StoreError {
    /// Says whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unknown(_)
            | Self::Conflict(_)
            | Self::Engaged(..)
            | Self::TooLong(_)
            | Self::OtherClient { .. }
            | Self::ClientTaken { .. }
            | Self::Setting(_) => Fault::Caller,
            Self::Open { .. }
            | Self::Missing { .. }
            | Self::Migrate { .. }
            | Self::InUse(_)
            | Self::Statement { .. }
            | Self::Key { .. }
            | Self::WrongKey
            | Self::Corrupt { .. }
            | Self::Export(_)
            | Self::Busy(_) => Fault::Operator,
            Self::Closed | Self::Database(_) => Fault::Us,
        }
    }

    /// Says whether the same request may succeed later by itself.
    #[must_use]
    pub fn again(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::InUse(_))
    }

    /// Tells whether the database cannot be reached at all.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Busy(error) if is_cut(error) || is_of_server(error, &SERVER_AWAY))
    }
}

/// Gives what a driver said without the line of the server's own source.
fn said(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |it| it.message().to_owned())
}

impl StoreError {
    /// Tells why a database could not be opened. PostgreSQL's code for one that is not there is
    /// 3D000 (<https://www.postgresql.org/docs/15/errcodes-appendix.html>).
    pub(super) fn opening(database: String, source: sqlx::Error) -> Self {
        let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
        if code.is_some_and(|code| code == "3D000") {
            return Self::Missing { database };
        }
        Self::Open { database, source }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_passing(&error) {
            return Self::Busy(error);
        }
        let database = error.as_database_error();
        if database.is_some_and(|it| it.is_unique_violation() || it.is_foreign_key_violation()) {
            return Self::Conflict("a row of that name or id");
        }
        Self::Database(error)
    }
}

/// Tells whether an error speaks of the machine or the network, not of what was asked.
fn is_passing(error: &sqlx::Error) -> bool {
    if is_cut(error) || is_of_server(error, &SERVER_PASSING) {
        return true;
    }
    let Some(database) = error.as_database_error() else { return false };
    if database.try_downcast_ref::<PgDatabaseError>().is_some() {
        return false;
    }
    let code = database.code().unwrap_or_default();
    // SQLite's primary result codes 5 BUSY, 6 LOCKED, 7 NOMEM, 8 READONLY, 10 IOERR, 13 FULL and
    // 14 CANTOPEN; they sit in the lower eight bits of the extended code
    // (https://www.sqlite.org/rescode.html, §2).
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xFF, 5..=8 | 10 | 13 | 14))
}

/// Tells whether nothing of the server's was heard.
fn is_cut(error: &sqlx::Error) -> bool {
    use sqlx::Error::{Io, PoolTimedOut, Protocol, Tls};
    matches!(error, Io(_) | PoolTimedOut | Protocol(_) | Tls(_))
}

/// Tells whether PostgreSQL says one of these codes, or a code of these classes.
fn is_of_server(error: &sqlx::Error, codes: &[&str]) -> bool {
    let database = error.as_database_error();
    let database = database.filter(|it| it.try_downcast_ref::<PgDatabaseError>().is_some());
    let code = database.and_then(sqlx::error::DatabaseError::code).unwrap_or_default();
    codes.iter().any(|class| code.starts_with(class))
}

/// Those of [`SERVER_PASSING`] with which a server takes nobody: connection exception, invalid
/// authorization, no such database, shutdown.
const SERVER_AWAY: [&str; 4] = ["08", "28", "3D000", "57P"];

/// PostgreSQL's codes and classes that speak of the server: connection exception, read-only (a
/// standby), invalid authorization, no such database, rollback of a deadlock, insufficient
/// resources (disk full among them), lock not available, operator intervention (shutdown,
/// timeout), system error (<https://www.postgresql.org/docs/15/errcodes-appendix.html>).
const SERVER_PASSING: [&str; 9] = ["08", "25006", "28", "3D000", "40", "53", "55P03", "57", "58"];
