//! How well the trunks carry calls, hour by hour.

use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};

use super::error::{Answer, ApiError};
use super::{Desk, Search};
use crate::core::quality::{Fall, Quality, RECORD};
use crate::engine::quality::falls;
use crate::store::TrunkHour;
use crate::units::{Ratio, Span};

/// Calls of a trunk that were refused because the number shown is not signed, or not rightly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsigned {
    /// The status of the latest: 428, 436, 437 or 438 (RFC 8224 §6.2.2).
    pub status: u16,
    /// When that was.
    pub at: String,
    /// How many there were.
    pub calls: u32,
}

/// One trunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trunk {
    /// The name.
    pub name: String,
    /// Where it leads.
    pub host: String,
    /// Whether it is used.
    pub up: bool,
    /// `up`, `degraded` or `down` by its signs of life, `unheard` before the first; `resting` while
    /// it is left alone.
    pub state: String,
    /// Why, unless it is up: `silent`, `refusing`, `unreachable`, `slow`, `unregistered`,
    /// `no_address`; `faults` of its own, `spared` at its own wish, `database` while that takes no
    /// records. `unasked` for a trunk that is taken to be up, as OPTIONS is never asked.
    pub why: Option<String>,
    /// What stands between us and a trunk that is `unreachable`, by the name a test call's finding
    /// has: `refused`, `tls-name`.
    #[serde(default)]
    pub cause: Option<String>,
    /// The status an `unregistered` account was refused with; 408 for silence, 0 if nothing could
    /// be sent.
    #[serde(default)]
    pub status: Option<u16>,
    /// Seconds until the registrar is asked again.
    #[serde(default)]
    pub again_s: Option<f64>,
    /// Since when it is up, degraded or down, RFC 3339 in UTC.
    pub since: Option<String>,
    /// Calls it carries.
    pub busy: u32,
    /// Calls it may carry.
    pub channels: u32,
    /// Calls it may start per second.
    pub calls_per_second: f64,
    /// Seconds until it is tried again, while it rests after faults of its own.
    pub rests_s: Option<f64>,
    /// Its present hour.
    pub hour: Option<Hour>,
    /// Set while that hour is far below the trunk's own record.
    pub fall: Option<Fall>,
    /// Its calls that were refused for want of a signature, since the engine started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsigned: Option<Unsigned>,
}

/// One hour of a trunk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hour {
    /// Its beginning, RFC 3339 in UTC.
    pub from: String,
    /// Calls sent to the trunk.
    pub seizures: u64,
    /// Answers per call (ASR, ITU-T E.411).
    pub asr: Option<f64>,
    /// Calls that reach the far end, per call (NER, ITU-T E.425).
    pub ner: Option<f64>,
    /// Average duration of answered calls, in seconds (ACD).
    pub acd_s: Option<f64>,
    /// Average time until it rings, in seconds (PDD).
    pub pdd_s: Option<f64>,
}

/// A trunk's hours and what they say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hours {
    /// The trunk's name.
    pub trunk: String,
    /// The hours with calls, the latest last.
    pub hours: Vec<Hour>,
    /// Set while the present hour is far below the trunk's own record.
    pub fall: Option<Fall>,
}

/// Which hours.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HoursQuery {
    /// How many, up to the present one.
    hours: Option<u64>,
}

/// Hours shown unless told otherwise: a day.
const HOURS: u64 = 24;

const HOUR: Span = Span::secs(3_600);

impl From<&Quality> for Hour {
    fn from(quality: &Quality) -> Self {
        let seconds = |span: Option<Span>| span.map(Span::as_secs_f64);
        Self {
            from: String::new(),
            seizures: quality.seizures,
            asr: quality.asr().map(Ratio::get),
            ner: quality.ner().map(Ratio::get),
            acd_s: seconds(quality.acd()),
            pdd_s: seconds(quality.pdd()),
        }
    }
}

impl From<&TrunkHour> for Hour {
    fn from(hour: &TrunkHour) -> Self {
        Self { from: hour.at.to_string(), ..Self::from(&hour.quality) }
    }
}

/// `GET /v1/trunks/{name}/quality`.
pub(super) async fn show(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Search(query): Search<HoursQuery>,
) -> Answer<Hours> {
    let (id, _) = desk.trunk(&name).await?;
    let now = desk.clock.now().wall;
    let most = RECORD.as_micros() / HOUR.as_micros();
    let hours = query.hours.unwrap_or(HOURS);
    if !(1..=most).contains(&hours) {
        let detail = format!("hours: {hours} is outside 1 to {most}");
        return Err(ApiError::invalid(detail).hint("the record is four weeks"));
    }
    let kept = desk.store.trunk_hours(now - RECORD).await?;
    let from = now.hour() - HOUR.times(hours - 1);
    let own = kept.iter().filter(|hour| hour.trunk == id && hour.at >= from);
    let fall = falls(&kept, now).remove(&id);
    Ok(axum::Json(Hours { trunk: name, hours: own.map(Hour::from).collect(), fall }))
}
