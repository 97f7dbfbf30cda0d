//! Watches whether the pacers' forecasts come true, and raises the alarm when they do not.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;

use super::clock::Clock;
use crate::core::foresight::{JUDGED, Verdict};
use crate::store::Store;
use crate::units::{CampaignId, Span};

/// How often forecasts are compared: an alarm is of use within the minute.
const COMPARE_EVERY: Duration = Duration::from_secs(60);

/// Calls older than a day are not judged: yesterday's forecasts say nothing of today's.
const JUDGED_SINCE: Span = Span::secs(86_400);

/// Compares until `stopped` says so or is gone. A change for the worse is a warning in the log.
pub(super) async fn compare(
    store: Store,
    clock: Clock,
    campaigns: Vec<(CampaignId, String)>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut known: BTreeMap<CampaignId, Verdict> = BTreeMap::new();
    let mut ticks = tokio::time::interval(COMPARE_EVERY);
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            _ = ticks.tick() => {}
        }
        let now = clock.now().wall;
        for (id, name) in &campaigns {
            let foresight = match store.foresight(*id, now - JUDGED_SINCE, now, JUDGED).await {
                Ok(foresight) => foresight,
                Err(error) => {
                    tracing::warn!(%error, "forecasts cannot be compared with what came");
                    continue;
                }
            };
            let verdict = foresight.verdict();
            if known.insert(*id, verdict).unwrap_or(Verdict::Agrees) == verdict {
                continue;
            }
            let (foretold, abandoned) = (foresight.foretold, foresight.abandoned);
            match verdict {
                Verdict::Agrees => {
                    tracing::info!(campaign = %name, foretold, abandoned, "forecasts agree again");
                }
                Verdict::More | Verdict::Fewer => tracing::warn!(
                    campaign = %name,
                    foretold,
                    abandoned,
                    "abandons differ from the forecasts by more than chance: look at \
                     `cadran pacing explain`"
                ),
            }
        }
    }
}
