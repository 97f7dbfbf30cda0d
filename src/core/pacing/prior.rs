//! What a pacer has learnt, as whole counts that can be written down: by the list the contacts
//! came from and by the hour of the day. Counts only: no call, no contact, no agent is in them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::units::{ListId, Span, Wall};

/// How long a lesson is kept: 4 weeks, when it weighs a sixteenth (docs/pacing.md, "Priors").
pub const KEPT: Span = Span::secs(28 * 86_400);

/// Lessons of a campaign's pacer given and taken at most, the latest: four weeks of seventy lists a
/// day.
pub const LESSONS_MAX: u32 = 20_000;

/// What was counted of one list in one hour of the day, or of the agents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lesson {
    /// The list the contacts came from; `None` for contacts of no list, and for the agents' lesson.
    pub list: Option<ListId>,
    /// The hour of the day in the campaign's zone, 0 to 23; `None` for the agents' lesson.
    pub hour: Option<u8>,
    /// When the count began: a lesson counted further bears the same moment, and replaces it.
    pub from: Wall,
    /// When it was counted last.
    pub until: Wall,
    /// What became of the calls.
    #[serde(default, skip_serializing_if = "Calls::is_empty")]
    pub calls: Calls,
    /// What the agents did; empty but on the agents' lesson.
    #[serde(default, skip_serializing_if = "Service::is_empty")]
    pub service: Service,
}

/// What became of calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// By ring age in half seconds, 0 to 119; what rang longer is in the last.
    pub rings: BTreeMap<u8, Ring>,
    /// Answers that were listened to until a verdict.
    pub verdicts: u32,
    /// The time that took in all.
    pub listened: Span,
}

/// What became of the calls that stopped ringing at one age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u32; 4]", into = "[u32; 4]")]
pub struct Ring {
    /// A person answered.
    pub persons: u32,
    /// Somebody or something else answered.
    pub machines: u32,
    /// Nobody did.
    pub failed: u32,
    /// We gave it up, which says only that nobody had answered so far.
    pub given_up: u32,
}

/// What agents did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Talks, by the bin of their length: 0 up to half a second, then in steps of a tenth.
    pub talks: BTreeMap<u8, Ends>,
    /// Write-ups, likewise.
    pub wraps: BTreeMap<u8, Ends>,
    /// Write-ups after which the agent took calls again.
    pub returned: u32,
    /// Write-ups in all.
    pub written: u32,
}

/// The stays that were last seen in one bin of lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u32; 2]", into = "[u32; 2]")]
pub struct Ends {
    /// Those that ended there.
    pub over: u32,
    /// Those that went out of sight there, which says only that they lasted so long.
    pub seen: u32,
}

/// What a pacer began with, for those who want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recalled {
    /// The calls it was learnt from.
    pub calls: u64,
    /// The time in which they were made.
    pub from: Wall,
    /// The end of that time.
    pub until: Wall,
}

impl From<[u32; 4]> for Ring {
    fn from([persons, machines, failed, given_up]: [u32; 4]) -> Self {
        Self { persons, machines, failed, given_up }
    }
}

impl From<Ring> for [u32; 4] {
    fn from(ring: Ring) -> Self {
        [ring.persons, ring.machines, ring.failed, ring.given_up]
    }
}

impl From<[u32; 2]> for Ends {
    fn from([over, seen]: [u32; 2]) -> Self {
        Self { over, seen }
    }
}

impl From<Ends> for [u32; 2] {
    fn from(ends: Ends) -> Self {
        [ends.over, ends.seen]
    }
}

impl Calls {
    /// Counts them.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.rings.values().flat_map(|ring| <[u32; 4]>::from(*ring)).map(u64::from).sum()
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What became of the calls that stopped ringing in a bin.
    pub(super) fn at(&mut self, bin: usize) -> &mut Ring {
        self.rings.entry(u8::try_from(bin).unwrap_or(u8::MAX)).or_default()
    }
}

impl Service {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Counts a talk, or a write-up, that ended or went out of sight in a bin.
    pub(super) fn ended(&mut self, talk: bool, bin: usize, over: bool) {
        let stays = if talk { &mut self.talks } else { &mut self.wraps };
        let ends = stays.entry(u8::try_from(bin).unwrap_or(u8::MAX)).or_default();
        let count = if over { &mut ends.over } else { &mut ends.seen };
        *count = count.saturating_add(1);
    }

    /// Counts a write-up that is over, and whether the agent takes calls again.
    pub(super) fn returns(&mut self, ready: bool) {
        self.written = self.written.saturating_add(1);
        self.returned = self.returned.saturating_add(u32::from(ready));
    }
}
