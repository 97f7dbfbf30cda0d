//! What the abandon rule counts: persons answered and abandoned, in the rule's own window.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::core::rules::hours::midnights;
use crate::units::{RateId, Ratio, Span, Wall, Zone, whole};

/// How the share of abandoned persons is counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Over which time.
    pub window: Window,
    /// Of whom.
    pub of: Denominator,
    /// The share of the detector's *machine* verdicts that count as abandoned persons: a reasoned
    /// estimate of its false positives, 0 if they are not counted (Ofcom's 2010 statement asks for
    /// it).
    pub false_positives: Ratio,
    /// Where midnight is.
    pub zone: Zone,
    /// The rate it has in common with other campaigns: they are counted together. `None` for one
    /// of its own.
    #[serde(default)]
    pub shared: Option<RateId>,
}

impl Settings {
    /// Counts persons abandoned among persons who answered, by the calendar day in a zone.
    #[must_use]
    pub const fn calendar_day(zone: Zone) -> Self {
        let (window, of) = (Window::Day, Denominator::Persons);
        Self { window, of, false_positives: Ratio::new(0.0), zone, shared: None }
    }
}

/// The time over which the share is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// A calendar day.
    Day,
    /// The campaign from its first call on.
    Campaign,
    /// The time before this moment, of this length.
    Rolling(Span),
}

/// Of whom the abandoned persons are a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denominator {
    /// Persons who answered, as far as the detector can tell.
    Persons,
    /// All calls answered, machines among them.
    Answers,
}

/// The counts of a campaign, or of all that share its rate.
#[derive(Clone, Debug, Default)]
pub(in crate::core) struct Account {
    /// The latest last.
    buckets: VecDeque<Bucket>,
    /// The midnights before and after the present.
    day: Option<(Wall, Wall)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    from: Wall,
    persons: u64,
    abandoned: u64,
    machines: u64,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core) enum Entry {
    Person,
    Abandoned,
    Machine,
}

/// Into how many parts a rolling window is cut: what is older than it is forgotten a part at a
/// time, never too early.
const PARTS: u64 = 60;

impl Account {
    /// Counts something that happens now.
    pub(in crate::core) fn count(&mut self, settings: &Settings, at: Wall, entry: Entry) {
        let part = match settings.window {
            Window::Rolling(span) => Span::micros(span.as_micros() / PARTS),
            Window::Day | Window::Campaign => Span::MAX,
        };
        if self.buckets.back().is_none_or(|last| at.since(last.from) >= part) {
            self.buckets.push_back(Bucket { from: at, ..Bucket::default() });
        }
        let Some(bucket) = self.buckets.back_mut() else { return };
        match entry {
            Entry::Person => bucket.persons += 1,
            Entry::Abandoned => bucket.abandoned += 1,
            Entry::Machine => bucket.machines += 1,
        }
    }

    /// Forgets what has left the window.
    pub(in crate::core) fn turn(&mut self, settings: &Settings, at: Wall) {
        if self.day.is_none_or(|(from, until)| at < from || at >= until) {
            let first = self.day.is_none();
            self.day = midnights(&settings.zone, at);
            if settings.window == Window::Day && !first {
                self.buckets.clear();
            }
        }
        if let Window::Rolling(span) = settings.window {
            let part = Span::micros(span.as_micros() / PARTS);
            while self.buckets.front().is_some_and(|old| at.since(old.from) >= span + part) {
                self.buckets.pop_front();
            }
        }
    }

    /// Those of whom the abandoned are a share, and the abandoned, in the window.
    pub(in crate::core) fn counts(&self, settings: &Settings) -> (u64, u64) {
        let sum = |of: fn(&Bucket) -> u64| self.buckets.iter().map(of).sum::<u64>();
        let (persons, machines) = (sum(|b| b.persons), sum(|b| b.machines));
        #[expect(clippy::cast_precision_loss, reason = "2^53 calls are not made")]
        let mistaken = whole(libm::ceil(settings.false_positives.get() * machines as f64));
        let of = match settings.of {
            Denominator::Persons => persons + mistaken,
            Denominator::Answers => persons + machines,
        };
        (of, sum(|b| b.abandoned) + mistaken)
    }
}
