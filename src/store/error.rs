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
    /// The database is damaged, its schema was changed, or its user lacks a right: what was to be
    /// written is owed until somebody has mended that.
    #[error(
        "the database is damaged, was changed, or forbids what the engine must do: {0}; restore \
         it, or give its user back the rights to its tables"
    )]
    Broken(sqlx::Error),
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
            | Self::Busy(_)
            | Self::Broken(_) => Fault::Operator,
            Self::Closed | Self::Database(_) => Fault::Us,
        }
    }

    /// Says whether the same request may succeed later: by itself, or once the database is mended.
    #[must_use]
    pub fn again(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Broken(_) | Self::InUse(_))
    }

    /// Says the same to one more of those whom a database that takes nothing concerns.
    pub(super) fn likewise(&self) -> Self {
        let said = |text: String| sqlx::Error::from(std::io::Error::other(text));
        if let Self::Broken(error) = self {
            Self::Broken(said(error.to_string()))
        } else if let Self::Busy(error) = self {
            Self::Busy(said(error.to_string()))
        } else {
            Self::Busy(said(self.to_string()))
        }
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
        let database = error.as_database_error();
        if database.is_some_and(|it| it.is_unique_violation() || it.is_foreign_key_violation()) {
            return Self::Conflict("a row of that name or id");
        }
        match Cause::of(&error) {
            Cause::Passing => Self::Busy(error),
            Cause::Asked => Self::Database(error),
            Cause::Broken => Self::Broken(error),
        }
    }
}

/// What a database's error speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The machine or the network, for a while.
    Passing,
    /// What was asked: the database would take another row.
    Asked,
    /// The database itself: it takes no row before somebody has mended it. Whatever is not known to
    /// be one of the others counts as this, since a row that waits is not lost.
    Broken,
}

impl Cause {
    fn of(error: &sqlx::Error) -> Self {
        use sqlx::Error::{Encode, RowNotFound};
        if is_cut(error) {
            return Self::Passing;
        }
        if matches!(error, RowNotFound | Encode(_)) {
            return Self::Asked;
        }
        let Some(database) = error.as_database_error() else { return Self::Broken };
        let code = database.code().unwrap_or_default();
        if database.try_downcast_ref::<PgDatabaseError>().is_some() {
            return Self::of_server(&code);
        }
        code.parse().map_or(Self::Broken, Self::of_file)
    }

    fn of_server(code: &str) -> Self {
        if is_one_of(code, &SERVER_PASSING) {
            Self::Passing
        } else if is_one_of(code, &SERVER_ASKED) {
            Self::Asked
        } else {
            Self::Broken
        }
    }

    /// SQLite's primary result codes sit in the lower eight bits of the extended code
    /// (<https://www.sqlite.org/rescode.html>, §2): passing are 5 BUSY, 6 LOCKED, 7 NOMEM,
    /// 8 READONLY, 10 IOERR, 13 FULL and 14 CANTOPEN; of what was asked speak 18 TOOBIG,
    /// 19 CONSTRAINT, 20 MISMATCH and 25 RANGE.
    const fn of_file(code: u32) -> Self {
        match code & 0xFF {
            5..=8 | 10 | 13 | 14 => Self::Passing,
            18..=20 | 25 => Self::Asked,
            _ => Self::Broken,
        }
    }
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
    is_one_of(&code, codes)
}

/// Tells whether a code is one of these, or of these classes.
fn is_one_of(code: &str, classes: &[&str]) -> bool {
    classes.iter().any(|class| code.starts_with(class))
}

/// Those of [`SERVER_PASSING`] with which a server takes nobody: connection exception, invalid
/// authorization, no such database, shutdown.
const SERVER_AWAY: [&str; 4] = ["08", "28", "3D000", "57P"];

/// PostgreSQL's codes and classes that speak of the server: connection exception, read-only (a
/// standby), invalid authorization, no such database, rollback of a deadlock, insufficient
/// resources (disk full among them), lock not available, operator intervention (shutdown,
/// timeout), system error (<https://www.postgresql.org/docs/15/errcodes-appendix.html>).
const SERVER_PASSING: [&str; 9] = ["08", "25006", "28", "3D000", "40", "53", "55P03", "57", "58"];

/// Those that speak of what was asked: cardinality, data, integrity, the check of a view, program
/// limits, and what a trigger of the operator's own refuses.
const SERVER_ASKED: [&str; 6] = ["21", "22", "23", "44", "54", "P0"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_speaks_of_a_row_is_laid_at_its_door() {
        use Cause::{Asked, Broken, Passing};
        for (code, cause) in [
            ("08006", Passing),
            ("53100", Passing),
            ("25006", Passing),
            ("22021", Asked),
            ("23514", Asked),
            ("54000", Asked),
            // No such table, no such column, no right; a statement prepared for another schema;
            // pages that are damaged.
            ("42P01", Broken),
            ("42703", Broken),
            ("42501", Broken),
            ("0A000", Broken),
            ("XX001", Broken),
            ("", Broken),
        ] {
            assert_eq!(Cause::of_server(code), cause, "{code}");
        }
        // ERROR (no such table), PERM, CORRUPT, SCHEMA, AUTH and NOTADB; 2067 is a kind of 19.
        for (codes, cause) in [
            (&[5, 7, 13, 522][..], Passing),
            (&[18, 19, 2_067], Asked),
            (&[1, 3, 11, 267, 17, 23, 26], Broken),
        ] {
            for code in codes {
                assert_eq!(Cause::of_file(*code), cause, "{code}");
            }
        }
    }
}
