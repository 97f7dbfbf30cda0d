//! PostgreSQL servers for the tests: the one they share, and one of a test's own that may die.

use std::error::Error;
use std::process::{Command, Stdio};

use cadran::store::{Access, Place};

use crate::store::fixture::announce;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// The variable with the address of the server that tests share; `scripts/postgres run` sets it.
const SHARED: &str = "CADRAN_TEST_POSTGRES";

/// Makes an empty schema at the shared server and gives the way to it; `None`, said aloud, where
/// there is no server.
pub(crate) async fn schema() -> Fallible<Option<Place>> {
    let Ok(server) = std::env::var(SHARED) else {
        missing(&format!("{SHARED} is not set: `scripts/postgres run cargo nextest run`"))?;
        return Ok(None);
    };
    schema_at(&server).await.map(Some)
}

/// Makes an empty schema at a server and gives the way to it.
pub(crate) async fn schema_at(server: &str) -> Fallible<Place> {
    let name = format!("test_{:016x}", getrandom::u64()?);
    let mut db = <sqlx::PgConnection as sqlx::Connection>::connect(server).await?;
    let create = sqlx::AssertSqlSafe(format!("create schema {name}"));
    sqlx::raw_sql(create).execute(&mut db).await?;
    let url = format!("{server}?options=-csearch_path%3D{name}");
    Ok(Place::Server(Access { url, password: None }))
}

/// Says aloud what cannot be tested here; where everything must be, that is an error.
fn missing(what: &str) -> Fallible<()> {
    if std::env::var_os("CI").is_some() {
        return Err(what.into());
    }
    announce(&format!("NOT TESTED on PostgreSQL: {what}"));
    Ok(())
}

/// A server of one test's own, gone with it.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    /// Its address.
    pub(crate) url: String,
}

impl Server {
    /// Starts one; `None`, said aloud, where PostgreSQL is not installed.
    pub(crate) fn start() -> Fallible<Option<Self>> {
        let mut server = Self { folder: tempfile::tempdir()?, url: String::new() };
        let output = server.script("start")?.output()?;
        if output.status.code() == Some(3) {
            missing(String::from_utf8_lossy(&output.stderr).trim())?;
            return Ok(None);
        }
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        server.url = String::from_utf8(output.stdout)?.trim().to_owned();
        Ok(Some(server))
    }

    fn script(&self, verb: &str) -> Fallible<Command> {
        let path = self.folder.path().join("pg");
        let path = path.to_str().ok_or("a temporary folder has a plain name")?;
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/postgres"));
        command.args([verb, path]).stdin(Stdio::null());
        Ok(command)
    }

    /// Has it do something else: `start`, `stop`, or `kill` as in a crash.
    pub(crate) async fn must(&self, verb: &str) -> Fallible<()> {
        let mut command = tokio::process::Command::from(self.script(verb)?);
        let status = command.stdout(Stdio::null()).status().await?;
        if status.success() { Ok(()) } else { Err(format!("{verb}: {status}").into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let stopped = self.script("kill").map(|mut kill| kill.status());
        if !matches!(stopped, Ok(Ok(status)) if status.success()) {
            announce("a test's server was down already");
        }
    }
}
