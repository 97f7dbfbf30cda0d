//! Keeps the store from growing without end: old decisions are forgotten.
//!
//! What a decision foretold stands with its calls, so the comparison of forecasts with what came
//! loses nothing; `cadran pacing explain` tells of past moments as far back as decisions are kept.

use std::time::Duration;

use tokio::sync::watch;

use super::clock::Clock;
use crate::core::pacing::prior;
use crate::store::Store;
use crate::units::Span;

/// How long decisions are kept: as long as what the pacers learnt, by which they were made.
pub const DECISIONS_KEPT: Span = prior::KEPT;

/// Decisions of a campaign kept at most: some 400 MB, and a week of five decisions a second in
/// eight hours a day.
pub const DECISIONS_MAX: u32 = 1_000_000;

/// How often old ones are looked for: an hour's worth is a small part of four weeks'.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);

/// How long the store rests between two portions, in which it has other work to do.
const REST: Duration = Duration::from_millis(20);

/// Forgets what is old at once and every hour, until `stopped` says so or is gone.
pub async fn decisions(store: Store, clock: Clock, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(FORGET_EVERY);
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            _ = ticks.tick() => {}
        }
        let before = clock.now().wall - DECISIONS_KEPT;
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
