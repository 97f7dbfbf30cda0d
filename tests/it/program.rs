//! `cadran serve` as a process of its own, asked over its API.

use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use cadran::api::types::Health;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::process::{Child, Command};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

/// How often a state is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

type Fallible<T = ()> = Result<T, Box<dyn Error>>;

/// A project's folder and the engine that serves it, while it runs.
pub(crate) struct Program {
    folder: tempfile::TempDir,
    http: reqwest::Client,
    engine: Option<Child>,
    patience: Duration,
}

impl Program {
    /// Takes a folder with `cadran.toml`; whatever is waited for comes within the patience.
    pub(crate) fn new(folder: tempfile::TempDir, patience: Duration) -> Fallible<Self> {
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .unix_socket(folder.path().join("cadran.sock"))
            .no_proxy()
            .timeout(patience)
            .build()?;
        Ok(Self { folder, http, engine: None, patience })
    }

    /// Starts the engine and waits until it answers.
    pub(crate) async fn start(&mut self) -> Fallible {
        let log = File::options().append(true).create(true).open(self.log_file())?;
        let engine = Command::new(env!("CARGO_BIN_EXE_cadran"))
            .args(["serve", "--config", "cadran.toml"])
            .current_dir(self.folder.path())
            .env("CADRAN_LOG", "info")
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        self.engine = Some(engine);
        let mut look = ticks();
        while self.get::<Health>("health").await.is_err() {
            look.tick().await;
            let engine = self.engine.as_mut().ok_or("no engine")?;
            if let Some(status) = engine.try_wait()? {
                return Err(format!("{status}: {}", self.log()?).into());
            }
        }
        Ok(())
    }

    /// Kills the engine on the spot.
    pub(crate) async fn kill(&mut self) -> Fallible {
        Ok(self.engine.take().ok_or("no engine")?.kill().await?)
    }

    /// Asks the engine to leave and waits until it has, in good order.
    pub(crate) async fn leave(&mut self) -> Fallible {
        let process = self.process()?;
        let mut engine = self.engine.take().ok_or("no engine")?;
        kill(Pid::from_raw(process), Signal::SIGTERM)?;
        let status = timeout(self.patience, engine.wait()).await??;
        if status.success() { Ok(()) } else { Err(self.trouble("no good end").into()) }
    }

    /// Gives the engine's process.
    pub(crate) fn process(&self) -> Fallible<i32> {
        let id = self.engine.as_ref().and_then(Child::id).ok_or("no process")?;
        Ok(i32::try_from(id)?)
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Fallible<T> {
        Ok(self.http.get(url(path)).send().await?.error_for_status()?.json().await?)
    }

    /// Asks for what is refused now, and gives the problem it is refused with.
    pub(crate) async fn refusal(&self, path: &str) -> Fallible<serde_json::Value> {
        let answer = self.http.get(url(path)).send().await?;
        if answer.status().is_success() {
            return Err(format!("{path} was answered").into());
        }
        Ok(answer.json().await?)
    }

    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> Fallible {
        self.ask::<serde::de::IgnoredAny>(path, body).await.map(drop)
    }

    /// Has something done and gives the answer.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Fallible<T> {
        let answer = self.http.post(url(path)).json(body).send().await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer.json().await?);
        }
        Err(format!("{path}: {status} {}", answer.text().await?).into())
    }

    /// Imports a list; fails if it is not accepted, or nobody knows.
    pub(crate) fn import(
        &self,
        campaign: &str,
        list: String,
    ) -> impl Future<Output = Fallible> + use<> {
        let path = format!("campaigns/{campaign}/contacts:import?file=liste.csv");
        let request = self.http.post(url(&path)).header("content-type", "text/csv").body(list);
        async {
            let answer = request.send().await?;
            if answer.status().is_success() { Ok(()) } else { Err(answer.text().await?.into()) }
        }
    }

    /// Gives the project's folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Gives what the engine has logged so far.
    pub(crate) fn log(&self) -> Fallible<String> {
        Ok(std::fs::read_to_string(self.log_file())?)
    }

    /// Says what is wrong, with the last lines of the log.
    pub(crate) fn trouble(&self, what: &str) -> String {
        let log = self.log().unwrap_or_default();
        let tail: Vec<_> = log.lines().rev().take(30).collect();
        format!("{what}\n{}", tail.join("\n"))
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("engine.log")
    }
}

fn url(path: &str) -> String {
    format!("http://cadran/v1/{path}")
}

/// Ticks as often as a state is looked at.
pub(crate) fn ticks() -> Interval {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
