//! Where the store lies: a file, or a database of a PostgreSQL server.

use std::path::PathBuf;

use super::SecretPlace;
use super::likeness::suggestion;
use super::reader::{Fields, Reader, Value};

/// Where the store lies, and how sure its commits are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorePlace {
    /// The database.
    pub database: Database,
    /// The key that seals personal columns; made when missing.
    pub key_file: PathBuf,
    /// Whether each commit waits for the disk itself, so that even a power cut loses none. Left
    /// out, PostgreSQL does, as else a crash of its server would cost commits, and SQLite does not.
    pub full_sync: bool,
    /// Where imported lists wait until they are in the database.
    pub lists: PathBuf,
}

/// What keeps the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file, kept by SQLite.
    File(PathBuf),
    /// A database of a PostgreSQL server.
    Server {
        /// Its address, without a password.
        url: String,
        /// Where the password is kept, if one is needed.
        password: Option<SecretPlace>,
    },
}

impl StorePlace {
    /// Reads the `[store]` table, or takes the files beside the configuration.
    pub(super) fn of(reader: &Reader<'_>, root: &Fields<'_, '_>) -> Self {
        let mut place = Self {
            database: Database::File(reader.beside("cadran.db")),
            key_file: reader.beside("cadran.key"),
            full_sync: false,
            lists: reader.beside("lists"),
        };
        let Some(fields) = root.table("store") else { return place };
        if let Some(database) = fields.get("database") {
            if let Some(url) = server(&database) {
                let password = SecretPlace::of(&fields, false);
                place.database = Database::Server { url, password };
                place.full_sync = true;
            } else if let Some(path) = database.file() {
                place.database = Database::File(path);
            }
        }
        place.key_file = fields.or("key_file", place.key_file, Value::file);
        place.full_sync = fields.or("full_sync", place.full_sync, Value::flag);
        // The key is made when missing, so its folder can be written to.
        let beside = place.key_file.with_file_name("lists");
        place.lists = fields.or("lists", beside, Value::file);
        fields.finish();
        place
    }
}

/// The options of an address that are taken, those of libpq (PostgreSQL 15, §34.1.2) but the
/// password and what every session of ours sets itself.
const OPTIONS: [&str; 10] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "options",
];

/// How sure a connection is, as libpq names it (PostgreSQL 15, §34.19).
const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// Refuses options nobody would heed.
fn check_options(value: &Value<'_, '_>, options: &str) {
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let (key, set) = option.split_once('=').unwrap_or((option, ""));
        if !OPTIONS.contains(&key) {
            let hint = suggestion(key, OPTIONS.into_iter());
            value.error(&format!("has the unknown option {key:?}"), hint);
        } else if key == "sslmode" && !SSL_MODES.contains(&set) {
            value.error(
                &format!("has no such sslmode: {set:?}"),
                suggestion(set, SSL_MODES.into_iter()),
            );
        }
    }
}

/// Reads a server's address, if it is one, and checks what can be told of it without asking.
fn server(value: &Value<'_, '_>) -> Option<String> {
    let url = value.text()?;
    let Some(rest) = ["postgres://", "postgresql://"].iter().find_map(|it| url.strip_prefix(it))
    else {
        let (scheme, _) = url.split_once("://")?;
        let hint = "write a file's path, or `postgres://user@host/database`";
        let message = format!("names a database of {scheme:?}: SQLite and PostgreSQL are known");
        value.error(&message, Some(hint.to_owned()));
        return Some(url.to_owned());
    };
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    if user.contains(':') || options.split('&').any(|option| option.starts_with("password=")) {
        let hint = "keep it in a file or variable: `secret_file = \"…\"` or `secret_env`";
        value.error("a password may not be written here", Some(hint.to_owned()));
    } else if database.is_empty() && !options.split('&').any(|option| option.starts_with("dbname="))
    {
        let hint = "write `postgres://user@host/database`";
        value.error("names no database", Some(hint.to_owned()));
    } else {
        check_options(value, options);
    }
    Some(url.to_owned())
}
