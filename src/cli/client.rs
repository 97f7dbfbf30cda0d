//! The way to a running engine: HTTP over its Unix socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Global;
use super::failure::{Exit, Failure};
use crate::api::Bytes;
use crate::api::types::Problem;
use crate::config::Config;

/// An answer takes at most this long, a test call and a large list included.
const ANSWER_WITHIN: Duration = Duration::from_secs(300);

/// A running engine.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    socket: PathBuf,
}

impl Client {
    /// Finds the engine's socket: `--socket`, or the configuration's.
    pub(super) fn open(global: &Global) -> Result<Self, Failure> {
        let socket = match &global.socket {
            Some(socket) => socket.clone(),
            None => Config::load_engine(&global.config_path())?.api.socket,
        };
        Self::at(socket)
    }

    /// Makes the way to the engine that answers on a socket.
    pub(super) fn at(socket: PathBuf) -> Result<Self, Failure> {
        super::install_crypto();
        let http = reqwest::Client::builder()
            .unix_socket(socket.as_path())
            .timeout(ANSWER_WITHIN)
            .no_proxy()
            .build()
            .map_err(|error| Failure::new(Exit::Error, "client", error))?;
        Ok(Self { http, socket })
    }

    /// Asks for something.
    pub(super) async fn get<T: DeserializeOwned>(&self, at: &At<'_>) -> Result<T, Failure> {
        self.answer(self.http.request(Method::GET, at.url()?)).await
    }

    /// Has something done.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        at: &At<'_>,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.answer(self.http.request(Method::POST, at.url()?).json(body)).await
    }

    /// Has something changed.
    pub(super) async fn patch<T: DeserializeOwned>(
        &self,
        at: &At<'_>,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.answer(self.http.request(Method::PATCH, at.url()?).json(body)).await
    }

    /// Sends a list.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        at: &At<'_>,
        body: Bytes,
    ) -> Result<T, Failure> {
        let request = self.http.request(Method::POST, at.url()?);
        self.answer(request.header("content-type", "text/csv").body(body)).await
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T, Failure> {
        let response = request.send().await.map_err(|error| unreachable(&self.socket, &error))?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(|error| unreachable(&self.socket, &error))?;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|error| {
                let message = format!("the engine's answer is unreadable: {error}");
                Failure::new(Exit::Error, "answer_unreadable", message)
                    .hint("the engine and this command may be of different versions")
            });
        }
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Err(problem.into()),
            Err(_) => Err(Failure::new(Exit::Error, "answer", format!("the engine says {status}"))),
        }
    }
}

fn unreachable(socket: &Path, error: &reqwest::Error) -> Failure {
    let what = if error.is_timeout() { "does not answer in time" } else { "does not answer" };
    let message = format!("the engine {what} at {}", socket.display());
    Failure::new(Exit::Unreachable, "engine_unreachable", message)
        .hint("start it with `cadran serve`, or name its socket with --socket or --config")
}

/// A resource: path segments and a query, each encoded as needed.
#[derive(Clone, Debug)]
pub(super) struct At<'a> {
    path: Vec<&'a str>,
    query: Vec<(&'static str, String)>,
}

impl<'a> At<'a> {
    /// Names a resource under `/v1`.
    pub(super) fn path<const N: usize>(path: [&'a str; N]) -> Self {
        Self { path: path.to_vec(), query: Vec::new() }
    }

    /// Adds a part of the query, if there is one.
    pub(super) fn with(mut self, key: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (key, value.to_string())));
        self
    }

    fn url(&self) -> Result<Url, Failure> {
        let wrong = |what: &str| Failure::new(Exit::Usage, "address", what);
        let mut url = Url::parse("http://cadran/v1").map_err(|_| wrong("no base address"))?;
        url.path_segments_mut().map_err(|()| wrong("no base address"))?.extend(&self.path);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Ok(url)
    }
}
