//! Whose database it is: its name in events, and the key its fingerprints are made with.

use std::path::{Path, PathBuf};

use super::backend::{Db, Look, both, each, statements};
use super::fingerprint::{Fingerprints, random_hex};
use super::{Place, Settings, StoreError};

statements! {
    META = both("select value from meta where name = $1");
    HAS_META = each(
        "select count(*) from sqlite_master where name = 'meta'",
        "select count(*) from information_schema.tables
         where table_schema = current_schema() and table_name = 'meta'",
    );
    SET_META = both("insert into meta (name, value) values ($1, $2) on conflict do nothing");
}

/// Opens the key file and checks that it belongs to this database; a new database gets its own.
pub(super) async fn establish(
    db: &mut Db<'_>,
    settings: &Settings,
) -> Result<(Fingerprints, String), StoreError> {
    let path = match (&settings.key, &settings.place) {
        (Some(key), _) => key.clone(),
        (None, Place::File(database)) => beside(database),
        (None, Place::Server(_)) => {
            return Err(StoreError::Setting("key: a server's database needs a key file"));
        }
    };
    let stored = meta(db, "key_check").await?;
    let fingerprints = Fingerprints::open(&path, stored.is_none().then_some(settings.random))?;
    if stored.is_some_and(|stored| stored != fingerprints.check()) {
        return Err(StoreError::WrongKey);
    }
    let instance = random_hex::<4>(settings.random)
        .map_err(|error| StoreError::Key { path, why: error.to_string() })?;
    for (name, value) in [("instance", &instance), ("key_check", &fingerprints.check())] {
        set_meta(db, name, value).await?;
    }
    let instance = meta(db, "instance").await?.unwrap_or(instance);
    Ok((fingerprints, instance))
}

/// Checks without opening the store that a key file is the one its database was filled with. A
/// database that is still empty takes any, and makes one that is missing.
pub(super) async fn check_key(place: &Place, key: &Path) -> Result<(), StoreError> {
    let mut look = Look::at(place).await?;
    let mut db = look.db();
    let filled: i64 = HAS_META.query().fetch_one(&mut db).await?.try_get(0)?;
    let stored = if filled > 0 { meta(&mut db, "key_check").await? } else { None };
    if stored.is_none() && !key.exists() {
        return Ok(());
    }
    let check = Fingerprints::open(key, None)?.check();
    if stored.is_none_or(|stored| stored == check) { Ok(()) } else { Err(StoreError::WrongKey) }
}

fn beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".key");
    PathBuf::from(path)
}

/// Notes something of the whole database, once.
pub(super) async fn set_meta(db: &mut Db<'_>, name: &str, value: &str) -> Result<(), StoreError> {
    SET_META.bind(name).bind(value).execute(db).await.map(drop)
}

/// Reads what was noted.
pub(super) async fn meta(db: &mut Db<'_>, name: &str) -> Result<Option<String>, StoreError> {
    let row = META.bind(name).fetch_optional(db).await?;
    row.map(|row| row.try_get(0)).transpose()
}
