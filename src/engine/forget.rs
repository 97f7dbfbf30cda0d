//! Keeps the store from growing without end: what has been kept long enough is forgotten.
//!
//! What a decision foretold stands with its calls, so the comparison of forecasts with what came
//! loses nothing; `cadran pacing explain` tells of past moments as far back as decisions are kept.

use std::time::Duration;

use tokio::sync::watch;

use super::clock::Clock;
use super::tasks::Tasks;
use crate::config::Retention;
use crate::store::{Kept, Purged, Store, StoreError};
use crate::units::{Span, Wall};

/// Decisions of a campaign kept at most: some 400 MB, and a week of five decisions a second in
/// eight hours a day.
pub const DECISIONS_MAX: u32 = 1_000_000;

/// How often old ones are looked for: an hour's worth is a small part of four weeks'.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);

/// How long after its start an engine looks for the first time for other things that are old: a
/// start in the middle of a day has more urgent work.
const FIRST_PURGE: Duration = Duration::from_secs(600);

/// How often it does so then: their times are counted in days.
const PURGE_EVERY: Duration = Duration::from_secs(86_400);

/// How long the store rests between two portions, in which it has other work to do.
const REST: Duration = Duration::from_millis(20);

/// Starts to forget all that the settings give a time, until `stopped` says so or is gone.
pub fn start(
    store: &Store,
    clock: Clock,
    retention: &Retention,
    tasks: &Tasks,
    stopped: &watch::Receiver<bool>,
) {
    tasks.spawn(decisions(store.clone(), clock, retention.decisions, stopped.clone()));
    tasks.spawn(daily(store.clone(), clock, kept(retention), stopped.clone()));
}

/// Forgets old decisions at once and every hour, until `stopped` says so or is gone.
pub async fn decisions(store: Store, clock: Clock, kept: Span, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(FORGET_EVERY);
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            _ = ticks.tick() => {}
        }
        let before = clock.now().wall - kept;
        loop {
            match store.forget_decisions(before, DECISIONS_MAX).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "old decisions cannot be forgotten; tried again");
                    break;
                }
            }
            if tokio::time::timeout(REST, stopped.changed()).await.is_ok() {
                return;
            }
        }
    }
}

/// Forgets once a day what was kept long enough, until `stopped` says so or is gone.
async fn daily(store: Store, clock: Clock, kept: Kept, mut stopped: watch::Receiver<bool>) {
    let mut wait = FIRST_PURGE;
    while tokio::time::timeout(wait, stopped.changed()).await.is_err() {
        wait = PURGE_EVERY;
        match all(&store, &kept, clock.now().wall, &mut stopped).await {
            Ok(purged) if purged.rows() == 0 => {}
            Ok(Purged { contacts, proofs, details, webhooks, refusals, .. }) => {
                tracing::info!(
                    contacts,
                    proofs,
                    details,
                    webhooks,
                    refusals,
                    "what was kept long enough is forgotten"
                );
            }
            Err(error) => {
                tracing::warn!(%error, "what is old cannot be forgotten; tried again tomorrow");
            }
        }
    }
}

/// Forgets all that was kept long enough, with rests for those who write, until `stopped` changes.
///
/// # Errors
/// The store failed; what is left is forgotten the next time.
pub async fn all(
    store: &Store,
    kept: &Kept,
    now: Wall,
    stopped: &mut watch::Receiver<bool>,
) -> Result<Purged, StoreError> {
    let mut all = Purged::default();
    loop {
        let portion = store.purge(kept, now).await?;
        let done = portion.rows() == 0;
        all.add(portion);
        if done || tokio::time::timeout(REST, stopped.changed()).await.is_ok() {
            if all.rows() > 0 {
                store.overwrite().await;
            }
            return Ok(all);
        }
    }
}

/// Gives the times that the settings tell for what the store holds.
#[must_use]
pub fn kept(retention: &Retention) -> Kept {
    Kept {
        contacts: retention.contacts,
        proofs: retention.proofs,
        german_proofs: retention.german_proofs,
        details: retention.details,
        webhooks: retention.webhooks,
        refusals: retention.refusals,
    }
}
