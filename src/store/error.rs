//! What can go wrong with the store: whose fault, and whether to try again.

use std::path::PathBuf;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be opened or created.
    #[error("cannot open the database {path}: {source}; check that its folder can be written")]
    Open {
        /// Where it was looked for.
        path: PathBuf,
        /// What the driver said.
        source: sqlx::Error,
    },
    /// The schema could not be brought up to date.
    #[error("cannot bring the database {path} up to date: {source}")]
    Migrate {
        /// The database.
        path: PathBuf,
        /// What the migrator said: a newer or an edited migration, or the database's own error.
        source: sqlx::migrate::MigrateError,
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
            Self::Unknown(_) | Self::Conflict(_) | Self::TooLong(_) | Self::Setting(_) => {
                Fault::Caller
            }
            Self::Open { .. }
            | Self::Migrate { .. }
            | Self::Key { .. }
            | Self::WrongKey
            | Self::Corrupt { .. }
            | Self::Busy(_) => Fault::Operator,
            Self::Closed | Self::Database(_) => Fault::Us,
        }
    }

    /// Says whether the same request may succeed later by itself.
    #[must_use]
    pub fn again(&self) -> bool {
        matches!(self, Self::Busy(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if matches!(error, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) {
            return Self::Busy(error);
        }
        let Some(database) = error.as_database_error() else {
            return Self::Database(error);
        };
        if database.is_unique_violation() || database.is_foreign_key_violation() {
            return Self::Conflict("a row of that name or id");
        }
        // SQLite's primary result codes 5 BUSY, 6 LOCKED, 7 NOMEM, 8 READONLY, 10 IOERR, 13 FULL
        // and 14 CANTOPEN speak of the machine, not of the row; they sit in the lower eight bits
        // of the extended code (https://www.sqlite.org/rescode.html, §2).
        let code = database.code().and_then(|code| code.parse::<u32>().ok());
        match code.map(|code| code & 0xFF) {
            Some(5..=8 | 10 | 13 | 14) => Self::Busy(error),
            Some(_) | None => Self::Database(error),
        }
    }
}
