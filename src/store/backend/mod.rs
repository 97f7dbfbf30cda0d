//! One narrow door to SQLite and to PostgreSQL: statements, values, rows and connections.
//!
//! The use cases of the store are written once, on this door. A [`Sql`] is one text where both
//! engines read it alike, and two side by side where they do not; four kinds of value go in and
//! come out, and lists travel as JSON.

mod postgres;
mod sqlite;
mod value;
mod writer;

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnection, PgPool};
use sqlx::query::Query as Bound;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool};
use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _, SqlStr};

pub(super) use value::{Row, Value};
pub(super) use writer::{Transaction, Writer};

use super::{Place, Settings, StoreError};

/// Connections that read: the API's lists and the hopper's details seldom need more at once.
const READERS_MAX: u32 = 4;

/// How long PostgreSQL may leave a statement unanswered before its connection is given up: longer
/// than the slowest report, shorter than a caller's patience with a database that is gone.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// A statement, in the words of each engine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sql {
    sqlite: &'static str,
    postgres: &'static str,
}

/// Makes a statement that both engines read alike.
pub(super) const fn both(text: &'static str) -> Sql {
    Sql { sqlite: text, postgres: text }
}

/// Makes a statement from two texts with the same parameters and the same meaning.
pub(super) const fn each(sqlite: &'static str, postgres: &'static str) -> Sql {
    Sql { sqlite, postgres }
}

impl Sql {
    /// Begins to fill it in.
    pub(super) fn query(self) -> Query {
        Query { sql: self, more: String::new(), whole: None, values: Vec::new() }
    }

    /// Begins to fill it in with its first parameter.
    pub(super) fn bind(self, value: impl Into<Value>) -> Query {
        self.query().bind(value)
    }

    /// Prepares it, so that a text the database does not take is found before it is needed.
    async fn prepare(self, db: &mut Db<'_>) -> Result<(), sqlx::Error> {
        match db {
            Db::Sqlite(db) => db.prepare(SqlStr::from_static(self.sqlite)).await.map(drop),
            Db::Postgres(db) => db.prepare(SqlStr::from_static(self.postgres)).await.map(drop),
        }
    }
}

/// Declares the statements of a file, and a list of them all for [`prepare_all`].
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)+) => {
        $($(#[$doc])* const $name: $crate::store::backend::Sql = $sql;)+

        /// Every statement of this file.
        pub(super) const STATEMENTS: &[(&str, $crate::store::backend::Sql)] =
            &[$((stringify!($name), $name)),+];
    };
}
pub(super) use statements;

/// Makes a statement that writes twice: the second time, if the first changed a row. What may be
/// given besides is written in any case. SQLite tells by `changes()`, the count of rows the
/// statement before changed (<https://www.sqlite.org/lang_corefunc.html#changes>).
macro_rules! guarded {
    ($first:expr, $then:expr $(, $also:expr)?) => {
        $crate::store::backend::each(
            concat!($first, "; ", $then, " and changes() > 0" $(, "; ", $also)?),
            concat!(
                "with done as (", $first, " returning 1)" $(, ", also as (", $also, ")")?, " ",
                $then, " and exists (select 1 from done)"
            ),
        )
    };
}
pub(super) use guarded;

/// Makes such a statement that gives columns of the rows the first one changed; its rows are all to
/// be fetched.
macro_rules! told {
    ($first:expr => $columns:literal, $then:expr $(, $also:expr)?) => {
        $crate::store::backend::each(
            concat!(
                $first, " returning ", $columns, "; ", $then, " and changes() > 0" $(, "; ", $also)?
            ),
            concat!(
                "with done as (", $first, " returning ", $columns, ")"
                $(, ", also as (", $also, ")")?, ", second as (", $then,
                " and exists (select 1 from done)) select * from done"
            ),
        )
    };
}
pub(super) use told;

/// Makes a statement that writes in several tables.
macro_rules! together {
    ($first:expr, $last:expr) => {
        $crate::store::backend::each(
            concat!($first, "; ", $last),
            concat!("with first as (", $first, ") ", $last),
        )
    };
    ($first:expr, $second:expr, $last:expr) => {
        $crate::store::backend::each(
            concat!($first, "; ", $second, "; ", $last),
            concat!("with first as (", $first, "), second as (", $second, ") ", $last),
        )
    };
}
pub(super) use together;

/// A statement with its parameters.
#[derive(Debug)]
pub(super) struct Query {
    sql: Sql,
    /// What was appended, the same for both engines.
    more: String,
    /// Another text in its place.
    whole: Option<String>,
    values: Vec<Value>,
}

impl Query {
    /// Fills in the next parameter.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Appends a piece of text that both engines read alike.
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.more.push_str(text);
        self
    }

    /// Appends a parameter.
    pub(super) fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        self.more.push('$');
        self.more.push_str(&self.values.len().to_string());
        self
    }

    fn text(&self, text: &'static str) -> SqlStr {
        if let Some(whole) = &self.whole {
            return AssertSqlSafe(whole.clone()).into_sql_str();
        }
        if self.more.is_empty() {
            return SqlStr::from_static(text);
        }
        AssertSqlSafe(format!("{text}{}", self.more)).into_sql_str()
    }

    fn sqlite(self) -> Bound<'static, sqlx::Sqlite, SqliteArguments> {
        let query = sqlx::query(self.text(self.sql.sqlite));
        self.values.into_iter().fold(query, |query, value| match value {
            Value::Integer(value) => query.bind(value),
            Value::Real(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Flag(value) => query.bind(value),
        })
    }

    fn postgres(self) -> Bound<'static, sqlx::Postgres, PgArguments> {
        let query = sqlx::query(self.text(self.sql.postgres));
        self.values.into_iter().fold(query, |query, value| match value {
            Value::Integer(value) => query.bind(value),
            Value::Real(value) => query.bind(value),
            Value::Text(value) => query.bind(value.map(postgres::storable)),
            Value::Flag(value) => query.bind(value),
        })
    }

    /// Runs it and gives how many rows it changed.
    pub(super) async fn execute(self, db: &mut Db<'_>) -> Result<u64, StoreError> {
        Ok(match db {
            Db::Sqlite(db) => self.sqlite().execute(&mut **db).await?.rows_affected(),
            Db::Postgres(db) => answered(self.postgres().execute(&mut **db)).await?.rows_affected(),
        })
    }

    /// Runs it and gives its rows.
    pub(super) async fn fetch_all(self, db: &mut Db<'_>) -> Result<Vec<Row>, StoreError> {
        Ok(match db {
            Db::Sqlite(db) => {
                let rows = self.sqlite().fetch_all(&mut **db).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Db::Postgres(db) => {
                let rows = answered(self.postgres().fetch_all(&mut **db)).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// Tells how the database would run it, a line a step.
    pub(super) async fn explained(mut self, db: &mut Db<'_>) -> Result<String, StoreError> {
        let text = match db {
            Db::Sqlite(_) => format!("explain query plan {}", self.sql.sqlite),
            Db::Postgres(_) => format!("explain {}", self.sql.postgres),
        };
        let column = if matches!(db, Db::Sqlite(_)) { "detail" } else { "QUERY PLAN" };
        self.whole = Some(text);
        let rows = self.fetch_all(db).await?;
        let lines = rows.iter().map(|row| row.try_get::<String>(column));
        Ok(lines.collect::<Result<Vec<_>, _>>()?.join("\n"))
    }

    /// Runs it and gives its first row, if there is one.
    pub(super) async fn fetch_optional(self, db: &mut Db<'_>) -> Result<Option<Row>, StoreError> {
        Ok(match db {
            Db::Sqlite(db) => self.sqlite().fetch_optional(&mut **db).await?.map(Row::Sqlite),
            Db::Postgres(db) => {
                answered(self.postgres().fetch_optional(&mut **db)).await?.map(Row::Postgres)
            }
        })
    }

    /// Runs it and gives its one row.
    pub(super) async fn fetch_one(self, db: &mut Db<'_>) -> Result<Row, StoreError> {
        let row = self.fetch_optional(db).await?;
        row.ok_or(StoreError::Database(sqlx::Error::RowNotFound))
    }
}

/// Waits for PostgreSQL's answer, but not for ever.
async fn answered<T>(
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let late = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    tokio::time::timeout(ANSWER_WITHIN, answer).await.map_err(late)?
}

/// A connection, for a statement or several.
pub(super) enum Db<'a> {
    /// To a file.
    Sqlite(&'a mut SqliteConnection),
    /// To a server.
    Postgres(&'a mut PgConnection),
}

/// Prepares every statement and forgets it again: the types of its parameters are told when it is
/// first run.
pub(super) async fn prepare_all(
    db: &mut Db<'_>,
    statements: &[&[(&'static str, Sql)]],
) -> Result<(), StoreError> {
    for (name, sql) in statements.iter().copied().flatten() {
        let refused = |source| StoreError::Statement { name, source };
        sql.prepare(db).await.map_err(refused)?;
    }
    match db {
        Db::Sqlite(db) => sqlx::Connection::clear_cached_statements(&mut **db).await?,
        Db::Postgres(db) => sqlx::Connection::clear_cached_statements(&mut **db).await?,
    }
    Ok(())
}

/// The connections that read.
#[derive(Clone, Debug)]
pub(super) enum Readers {
    /// Of a file.
    Sqlite(SqlitePool),
    /// Of a server.
    Postgres(PgPool),
}

impl Readers {
    /// Takes one of them.
    pub(super) async fn reader(&self) -> Result<Reader, StoreError> {
        Ok(match self {
            Self::Sqlite(pool) => Reader::Sqlite(pool.acquire().await?),
            Self::Postgres(pool) => Reader::Postgres(pool.acquire().await?),
        })
    }

    /// Takes one whose statements all see the same moment.
    pub(super) async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Ok(match self {
            Self::Sqlite(pool) => Snapshot::Sqlite(pool.begin().await?),
            Self::Postgres(pool) => {
                let begin = "begin isolation level repeatable read read only";
                Snapshot::Postgres(pool.begin_with(begin).await?)
            }
        })
    }
}

/// A connection that reads.
pub(super) enum Reader {
    /// Of a file.
    Sqlite(PoolConnection<sqlx::Sqlite>),
    /// Of a server.
    Postgres(PoolConnection<sqlx::Postgres>),
}

impl Reader {
    /// Lends the connection.
    pub(super) fn db(&mut self) -> Db<'_> {
        match self {
            Self::Sqlite(connection) => Db::Sqlite(connection),
            Self::Postgres(connection) => Db::Postgres(connection),
        }
    }
}

/// A connection that reads one moment of the database; it ends when it is dropped.
pub(super) enum Snapshot {
    /// Of a file.
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    /// Of a server.
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Snapshot {
    /// Lends the connection.
    pub(super) fn db(&mut self) -> Db<'_> {
        match self {
            Self::Sqlite(connection) => Db::Sqlite(connection),
            Self::Postgres(connection) => Db::Postgres(connection),
        }
    }
}

/// Opens the database with its schema brought up to date: what writes, and what reads.
pub(super) async fn open(settings: &Settings) -> Result<(Writer, Readers), StoreError> {
    match &settings.place {
        Place::File(path) => sqlite::open(path, settings.full_sync).await,
        Place::Server(access) => postgres::open(access, settings.full_sync, settings.random).await,
    }
}

/// A connection of somebody who looks at a database without opening the store.
pub(super) enum Look {
    /// At a file.
    Sqlite(SqliteConnection),
    /// At a server.
    Postgres(PgConnection),
}

impl Look {
    /// Connects.
    pub(super) async fn at(place: &Place) -> Result<Self, StoreError> {
        Ok(match place {
            Place::File(path) => Self::Sqlite(sqlite::look(path).await?),
            Place::Server(access) => Self::Postgres(postgres::look(access).await?),
        })
    }

    /// Lets all its statements from now on see the same moment.
    pub(super) async fn begin(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(db) => db.execute("begin").await?.rows_affected(),
            Self::Postgres(db) => {
                // To compile a statement takes longer than to read some thousand rows with it.
                let begin = "set jit = off; begin isolation level repeatable read read only";
                answered(db.execute(begin)).await?.rows_affected()
            }
        };
        Ok(())
    }

    /// Lends the connection.
    pub(super) fn db(&mut self) -> Db<'_> {
        match self {
            Self::Sqlite(connection) => Db::Sqlite(connection),
            Self::Postgres(connection) => Db::Postgres(connection),
        }
    }
}

/// Says which engine and which version stands there, without opening the store.
pub(super) async fn version(place: &Place) -> Result<String, StoreError> {
    match place {
        Place::File(path) => sqlite::version(path).await,
        Place::Server(access) => postgres::version(access).await,
    }
}
