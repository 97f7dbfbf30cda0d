//! Keeps how well the trunks carry calls, and raises the alarm when one falls below its record.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;

use super::clock::Clock;
use crate::core::quality::{Fall, Figure, RECORD};
use crate::store::{Store, StoreError, TrunkHour};
use crate::units::{Span, TrunkId, Wall};

/// How often the present hour is counted and judged: an alarm is of use within the minute.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// How long an hour that is over is counted again: the calls that began in it end.
const SETTLES: Span = Span::secs(1_800);

/// The trunks that are judged, and where their falls are told.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) names: BTreeMap<TrunkId, String>,
    pub(super) fallen: watch::Sender<BTreeMap<TrunkId, Fall>>,
}

/// Counts and judges at once and every minute, until `stopped` says so or is gone. A fall is a
/// warning in the log, once until the trunk recovers, and in the snapshot while it lasts.
pub(super) async fn watch(
    store: Store,
    clock: Clock,
    judged: Judged,
    mut stopped: watch::Receiver<bool>,
) {
    let mut known: BTreeMap<TrunkId, Figure> = BTreeMap::new();
    let mut ticks = tokio::time::interval(KEEP_EVERY);
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            _ = ticks.tick() => {}
        }
        let now = clock.now().wall;
        match count(&store, now).await {
            Ok(hours) => {
                let falls = falls(&hours, now);
                tell(&judged.names, &mut known, &falls);
                judged.fallen.send_replace(falls);
            }
            Err(error) => tracing::warn!(%error, "the trunks' hours cannot be counted"),
        }
    }
}

async fn count(store: &Store, now: Wall) -> Result<Vec<TrunkHour>, StoreError> {
    store.keep_trunk_hours((now - SETTLES).hour()).await?;
    store.trunk_hours(now - RECORD).await
}

/// Gives the trunks whose present hour falls below their record.
#[must_use]
pub fn falls(hours: &[TrunkHour], now: Wall) -> BTreeMap<TrunkId, Fall> {
    let present = hours.iter().filter(|hour| hour.at == now.hour());
    let fall = |hour: &TrunkHour| {
        let before = hours.iter().filter(|past| past.trunk == hour.trunk && past.at < hour.at);
        let record: Vec<_> = before.map(|past| past.quality).collect();
        Some((hour.trunk, hour.quality.falls_below(&record)?))
    };
    present.filter_map(fall).collect()
}

fn tell(
    names: &BTreeMap<TrunkId, String>,
    known: &mut BTreeMap<TrunkId, Figure>,
    falls: &BTreeMap<TrunkId, Fall>,
) {
    for (id, name) in names {
        let Some(fall) = falls.get(id) else {
            if known.remove(id).is_some() {
                tracing::info!(trunk = %name, "the trunk's hour is as good as its record again");
            }
            continue;
        };
        if known.insert(*id, fall.figure) != Some(fall.figure) {
            let (figure, hour, record) = (fall.figure, fall.hour.get(), fall.record.get());
            tracing::warn!(
                trunk = %name,
                ?figure,
                hour,
                record,
                "the trunk's hour is far below its record: look at `cadran trunk quality`"
            );
        }
    }
}
