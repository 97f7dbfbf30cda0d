//! PostgreSQL: one session writes and holds the lock; a pool reads beside it.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{ConnectOptions as _, Executor as _};
use tokio::time::{sleep, timeout};

use super::{READERS_MAX, Readers, Writer, answered};
use crate::store::fingerprint::random_hex;
use crate::store::{Access, Random, StoreError};

/// The schema, embedded.
static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a connection may take to come about, password and lock included.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How long the start waits for the lock of an engine that has just died: a server on the same
/// machine notices within milliseconds, on another one after the keep-alives of [`SESSION`].
const LOCK_WITHIN: Duration = Duration::from_secs(5);

/// How long a new session waits for the lock of the one it ended.
const RELOCK_WITHIN: Duration = Duration::from_secs(2);

/// How long a connection may take to roll back before it is given up.
const SETTLE_WITHIN: Duration = Duration::from_secs(2);

/// How often it asks for the lock meanwhile.
const LOCK_EVERY: Duration = Duration::from_millis(100);

/// Statements kept prepared: more than there are, those of lists with conditions included.
const STATEMENTS_MAX: usize = 256;

/// The first half of the lock's key, `cadr` in ASCII; the second is made of the schema's name.
const LOCK_CLASS: i32 = 0x6361_6472;

/// What every session asks of the server: an end to statements nobody waits for any more, to locks
/// that are not given and to peers that are gone, all within half a minute.
const SESSION: [(&str, &str); 7] = [
    ("client_min_messages", "error"),
    ("statement_timeout", "20s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "20s"),
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "2"),
    ("tcp_keepalives_count", "3"),
];

/// Makes the driver's options of an address.
fn options(access: &Access) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(&access.url).map_err(opening(access))?;
    let options = match &access.password {
        Some(password) => options.password(password),
        None => options,
    };
    Ok(options
        .options(SESSION)
        .application_name("cadran")
        .statement_cache_capacity(STATEMENTS_MAX)
        .disable_statement_logging())
}

fn opening(access: &Access) -> impl Fn(sqlx::Error) -> StoreError {
    |source| StoreError::opening(access.url.clone(), source)
}

pub(super) async fn open(
    access: &Access,
    full_sync: bool,
    random: Random,
) -> Result<(Writer, Readers), StoreError> {
    // Without it a commit may be lost even when only the server crashes.
    let commits = if full_sync { "on" } else { "off" };
    let options = options(access)?.options([("synchronous_commit", commits)]);
    let name = random_hex::<8>(random).map_err(|error| opening(access)(error.into()))?;
    let name = format!("cadran writer {name}");
    let mut session = Session {
        options: options.clone().application_name(&name),
        name,
        database: access.url.clone(),
        db: None,
        unsure: false,
    };
    session.take_over().await?;
    session.migrate().await?;
    let readers = PgPoolOptions::new()
        .max_connections(READERS_MAX)
        .acquire_timeout(CONNECT_WITHIN)
        .connect_lazy_with(options);
    Ok((Writer::Postgres(Box::new(session)), Readers::Postgres(readers)))
}

/// Connects to look at the database only.
pub(super) async fn look(access: &Access) -> Result<PgConnection, StoreError> {
    connect(&options(access)?).await.map_err(opening(access))
}

/// Says which PostgreSQL answers.
pub(super) async fn version(access: &Access) -> Result<String, StoreError> {
    let mut db = look(access).await?;
    let version: String = sqlx::query_scalar("select current_setting('server_version')")
        .fetch_one(&mut db)
        .await
        .map_err(opening(access))?;
    Ok(format!("PostgreSQL {version}"))
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let late = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    timeout(CONNECT_WITHIN, options.connect()).await.map_err(late)?
}

/// The session that writes. It holds the lock of the database as long as it lasts, and when it is
/// lost a new one ends what is left of it before it writes anything.
pub(in crate::store) struct Session {
    options: PgConnectOptions,
    /// The name this run of the program has at the server.
    name: String,
    /// The address, for errors.
    database: String,
    db: Option<PgConnection>,
    /// Whether a transaction may be open, or an answer outstanding, that nobody waits for.
    unsure: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({}, {})", self.database, self.name)
    }
}

impl Session {
    /// Connects for the first time; an engine that has just died may hold the lock for a moment.
    async fn take_over(&mut self) -> Result<(), StoreError> {
        let opening = |source| StoreError::opening(self.database.clone(), source);
        let mut db = connect(&self.options).await.map_err(opening)?;
        if !lock(&mut db, LOCK_WITHIN).await.map_err(opening)? {
            return Err(StoreError::InUse(self.database.clone()));
        }
        self.db = Some(db);
        Ok(())
    }

    async fn migrate(&mut self) -> Result<(), StoreError> {
        let database = self.database.clone();
        let db = self.connected()?;
        // A change of a large table may take longer than any other statement.
        db.execute("set statement_timeout = 0").await?;
        MIGRATIONS
            .run(&mut *db)
            .await
            .map_err(|source| StoreError::Migrate { database, source })?;
        db.execute("reset statement_timeout").await?;
        Ok(())
    }

    /// Writes the tables that held plain personal data anew.
    pub(super) async fn rewrite(&mut self) -> Result<(), StoreError> {
        let db = self.connected()?;
        // A large table may take longer than any other statement.
        db.execute("set statement_timeout = 0").await?;
        let rewrite = "vacuum full person_personal, contact_personal, attempt_personal,
             outbox_personal, dialog_personal, contact_change_personal, inbound_call_personal";
        db.execute(rewrite).await?;
        db.execute("reset statement_timeout").await?;
        Ok(())
    }

    /// Connects anew. Whatever is wrong with the server now may be mended while we run, so that
    /// every error but another engine's lock is one to try again after.
    async fn connect_again(&mut self) -> Result<(), StoreError> {
        self.db = None;
        let mut db = connect(&self.options).await.map_err(StoreError::Busy)?;
        answered(end_others(&mut db, &self.name)).await.map_err(StoreError::Busy)?;
        if !lock(&mut db, RELOCK_WITHIN).await.map_err(StoreError::Busy)? {
            return Err(StoreError::InUse(self.database.clone()));
        }
        tracing::info!(database = self.database, "connected to the database again");
        self.db = Some(db);
        self.unsure = false;
        Ok(())
    }

    /// Gives the connection, if there is one.
    pub(super) fn connected(&mut self) -> Result<&mut PgConnection, StoreError> {
        let gone = || StoreError::Busy(sqlx::Error::Io(std::io::ErrorKind::NotConnected.into()));
        self.db.as_mut().ok_or_else(gone)
    }

    /// Gives a connection on which nothing is under way.
    pub(super) async fn ready(&mut self) -> Result<&mut PgConnection, StoreError> {
        if !self.settle().await {
            self.connect_again().await?;
        }
        self.unsure = true;
        self.connected()
    }

    /// Begins a transaction, on a new connection if the old one is dead.
    pub(super) async fn begin(&mut self) -> Result<(), StoreError> {
        if self.settle().await && self.say("begin").await.is_ok() {
            return Ok(());
        }
        self.connect_again().await?;
        self.say("begin").await
    }

    /// Commits the transaction that was begun.
    pub(super) async fn commit(&mut self) -> Result<(), StoreError> {
        self.say("commit").await?;
        self.unsure = false;
        Ok(())
    }

    async fn say(&mut self, word: &'static str) -> Result<(), StoreError> {
        self.unsure = true;
        let db = self.connected()?;
        answered(db.execute(word)).await?;
        Ok(())
    }

    /// Rolls back what may be open; tells whether the connection is of use.
    async fn settle(&mut self) -> bool {
        let Some(db) = &mut self.db else { return false };
        if self.unsure {
            let settled = timeout(SETTLE_WITHIN, db.execute("rollback")).await;
            self.unsure = !matches!(settled, Ok(Ok(_)));
        }
        !self.unsure
    }
}

/// Takes the lock that keeps two engines from driving one database; it ends with the connection.
async fn lock(db: &mut PgConnection, within: Duration) -> Result<bool, sqlx::Error> {
    let asked = async {
        loop {
            let taken =
                sqlx::query_scalar("select pg_try_advisory_lock($1, hashtext(current_schema()))");
            if taken.bind(LOCK_CLASS).fetch_one(&mut *db).await? {
                return Ok(true);
            }
            sleep(LOCK_EVERY).await;
        }
    };
    timeout(within, asked).await.unwrap_or(Ok(false))
}

/// Ends earlier sessions of this run: one whose network broke may still be about to commit.
async fn end_others(db: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    let end = sqlx::query(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = $1 and usename = current_user and pid <> pg_backend_pid()",
    );
    end.bind(name).execute(db).await.map(drop)
}

/// Puts the sign for "no character" in place of the one that no text of PostgreSQL may hold,
/// written plainly or as JSON escapes it (<https://www.postgresql.org/docs/15/datatype-json.html>).
pub(super) fn storable(text: String) -> String {
    if !text.contains('\0') && !text.contains("\\u0000") {
        return text;
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['\0', '\\']) {
        let (before, found) = rest.split_at(at);
        kept.push_str(before);
        // Another escape is kept whole, so that the second half of `\\\\` begins none.
        let (sign, length) = match found.get(..6) {
            _ if found.starts_with('\0') => ("\u{fffd}", 1),
            Some("\\u0000") => ("\u{fffd}", 6),
            _ if found.starts_with("\\\\") => ("\\\\", 2),
            _ => ("\\", 1),
        };
        kept.push_str(sign);
        rest = found.get(length..).unwrap_or_default();
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::storable;

    #[test]
    fn the_one_character_a_server_refuses_is_replaced() {
        for (text, kept) in [
            ("Zoé", "Zoé"),
            ("a\0b", "a\u{fffd}b"),
            (r#"{"note":"a\u0000b"}"#, "{\"note\":\"a\u{fffd}b\"}"),
            (r#"{"note":"a\\u0000b\n"}"#, r#"{"note":"a\\u0000b\n"}"#),
        ] {
            assert_eq!(storable(text.to_owned()), kept);
        }
    }
}
