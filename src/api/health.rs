//! Whether the engine lives, and what it carries.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::Desk;
use super::error::Answer;
use crate::units::Mono;

/// Whether the engine lives, and how it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// The version of the program.
    pub version: String,
    /// The node's number.
    pub node: u16,
    /// Seconds since it started.
    pub uptime_s: f64,
    /// Whether it is leaving.
    pub draining: bool,
    /// Whether the database answers and takes records.
    pub database_ok: bool,
    /// Since when it takes none, once the engine has noticed.
    pub database_fails_since: Option<String>,
    /// What is wrong with it and what to do, while it takes none or does not answer.
    #[serde(default)]
    pub database_fault: Option<String>,
    /// Calls in progress.
    pub calls: u64,
    /// Facts that made no sense in the state they met.
    pub surprises: u64,
    /// SIP legs that have not ended: calls, and agents' own.
    pub legs: u64,
    /// SIP transactions that are under way, or linger for half a minute to recognise repetitions.
    pub transactions: u64,
    /// Legs that have their two RTP ports.
    pub audio: u64,
}

/// A database that is well answers within milliseconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Asks the database for anything, and tells why it does not answer: an engine that has nothing to
/// write does not notice that it is away.
async fn fault(desk: &Desk) -> Option<String> {
    match tokio::time::timeout(ANSWER_WITHIN, desk.store.campaigns()).await {
        Ok(asked) => asked.err().map(|error| error.to_string()),
        Err(_) => Some("the database does not answer".to_owned()),
    }
}

pub(super) async fn health(State(desk): State<Desk>) -> Answer<Health> {
    let snapshot = desk.handle.snapshot();
    // Signalling that has ended carries nothing.
    let load = desk.gauge.read().await.unwrap_or_default();
    let since = snapshot.store_away;
    let fault = match snapshot.store_fault.clone().filter(|_| since.is_some()) {
        Some(fault) => Some(fault),
        None => fault(&desk).await,
    };
    Ok(Json(Health {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        node: desk.config.node,
        uptime_s: desk.clock.mono().since(Mono::START).as_secs_f64(),
        draining: snapshot.draining,
        database_ok: since.is_none() && fault.is_none(),
        database_fails_since: since.map(|since| since.to_string()),
        database_fault: fault,
        calls: u64::try_from(snapshot.floor.calls.len()).unwrap_or(u64::MAX),
        surprises: snapshot.floor.surprises,
        legs: load.legs,
        transactions: load.transactions,
        audio: load.audio,
    }))
}
