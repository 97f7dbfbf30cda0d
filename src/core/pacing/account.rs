//! What the abandon rule counts: persons answered and abandoned, in the rule's own window.

use std::collections::VecDeque;

use jiff::tz::TimeZone;
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

    /// Gives the length of the parts a rolling window is counted in; `None` if it is one.
    #[must_use]
    pub fn part(&self) -> Option<Span> {
        match self.window {
            Window::Rolling(span) => Some(Span::micros(span.as_micros() / PARTS)),
            Window::Day | Window::Campaign => None,
        }
    }

    /// Gives the beginning of the window that holds a moment.
    #[must_use]
    pub fn begins(&self, at: Wall) -> Wall {
        match self.window {
            Window::Campaign => Wall::micros(0),
            Window::Rolling(span) => at - span,
            Window::Day => TimeZone::get(self.zone.name())
                .and_then(|zone| at.timestamp().to_zoned(zone).start_of_day())
                .map_or(at, |midnight| Wall::from(midnight.timestamp())),
        }
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
    /// The earliest first; where days are counted, of more days than the present one: a clock may
    /// be set forward by a day and back.
    buckets: VecDeque<Bucket>,
    /// The midnights before and after the present.
    day: Option<(Wall, Wall)>,
}

/// What was counted from a moment on, up to the next of its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// The moment.
    pub from: Wall,
    /// Persons who answered.
    pub persons: u64,
    /// Of those, the abandoned.
    pub abandoned: u64,
    /// Answers the detector took for a machine's.
    pub machines: u64,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core) enum Entry {
    Person,
    Abandoned,
    Machine,
}

/// Buckets kept where days are counted: two months, or fewer if several campaigns told theirs.
const DAYS_KEPT: usize = 64;

/// Into how many parts a rolling window is cut: what is older than it is forgotten a part at a
/// time, never too early.
const PARTS: u64 = 60;

impl Account {
    /// Takes what was counted before the dialer was made.
    pub(in crate::core) fn restore(&mut self, mut before: Vec<Bucket>) {
        before.sort_by_key(|bucket| bucket.from);
        // A part more than the window holds is the one that is about to leave it.
        let most = usize::try_from(PARTS).unwrap_or(usize::MAX) + 2;
        before.drain(..before.len().saturating_sub(most));
        // Campaigns that share a rate each tell what they counted.
        before.extend(self.buckets.drain(..));
        before.sort_by_key(|bucket| bucket.from);
        self.buckets.extend(before);
    }

    /// Counts something that happens now.
    pub(in crate::core) fn count(&mut self, settings: &Settings, at: Wall, entry: Entry) {
        self.turn(settings, at);
        let part = settings.part().unwrap_or(Span::MAX);
        let here = |bucket: &Bucket| self.holds(settings, bucket) && at.since(bucket.from) < part;
        let place = self.buckets.iter().rposition(here).unwrap_or_else(|| {
            let place = self.buckets.partition_point(|bucket| bucket.from <= at);
            self.buckets.insert(place, Bucket { from: at, ..Bucket::default() });
            place
        });
        let Some(bucket) = self.buckets.get_mut(place) else { return };
        match entry {
            Entry::Person => bucket.persons += 1,
            Entry::Abandoned => bucket.abandoned += 1,
            Entry::Machine => bucket.machines += 1,
        }
    }

    /// Whether what happens so long after now is counted in another window.
    pub(in crate::core) fn closes_within(&self, settings: &Settings, at: Wall, span: Span) -> bool {
        self.closes(settings).is_some_and(|until| at + span >= until)
    }

    /// Gives the end of the present window, if it has one.
    pub(in crate::core) fn closes(&self, settings: &Settings) -> Option<Wall> {
        let day = self.day.filter(|_| settings.window == Window::Day);
        day.map(|(_, midnight)| midnight)
    }

    /// Finds the midnights around now, which other settings may have moved.
    pub(in crate::core) fn find_day(&mut self, settings: &Settings, at: Wall) {
        self.day = midnights(&settings.zone, at);
    }

    /// Forgets what has left the window.
    pub(in crate::core) fn turn(&mut self, settings: &Settings, at: Wall) {
        if self.day.is_none_or(|(from, until)| at < from || at >= until) {
            self.find_day(settings, at);
        }
        while self.buckets.front().is_some_and(|old| self.done_with(settings, at, old)) {
            self.buckets.pop_front();
        }
    }

    /// Whether the earliest bucket need not be kept.
    fn done_with(&self, settings: &Settings, at: Wall, old: &Bucket) -> bool {
        match settings.window {
            Window::Rolling(span) => {
                at.since(old.from) >= span + settings.part().unwrap_or_default()
            }
            Window::Day => self.buckets.len() > DAYS_KEPT && !self.holds(settings, old),
            Window::Campaign => false,
        }
    }

    /// Whether a bucket counts at present.
    fn holds(&self, settings: &Settings, bucket: &Bucket) -> bool {
        let today = self.day.filter(|_| settings.window == Window::Day);
        today.is_none_or(|(from, until)| bucket.from >= from && bucket.from < until)
    }

    /// Those of whom the abandoned are a share, and the abandoned, in the window.
    pub(in crate::core) fn counts(&self, settings: &Settings) -> (u64, u64) {
        let Bucket { persons, machines, abandoned, .. } = self.sum(settings);
        #[expect(clippy::cast_precision_loss, reason = "2^53 calls are not made")]
        let mistaken = whole(libm::ceil(settings.false_positives.get() * machines as f64));
        let of = match settings.of {
            Denominator::Persons => persons + mistaken,
            Denominator::Answers => persons + machines,
        };
        (of, abandoned + mistaken)
    }

    /// What one person more brings along: how many of those of whom the abandoned are a share,
    /// and how many that count as abandoned, by the machines so far.
    #[expect(clippy::cast_precision_loss, reason = "2^53 calls are not made")]
    pub(in crate::core) fn brings(&self, settings: &Settings) -> (f64, f64) {
        let sum = self.sum(settings);
        let machines = sum.machines as f64 / sum.persons.max(1) as f64;
        let mistaken = settings.false_positives.get() * machines;
        match settings.of {
            Denominator::Persons => (1.0 + mistaken, mistaken),
            Denominator::Answers => (1.0 + machines, mistaken),
        }
    }

    /// Adds up what counts at present.
    fn sum(&self, settings: &Settings) -> Bucket {
        let holds = |bucket: &&Bucket| self.holds(settings, bucket);
        self.buckets.iter().filter(holds).fold(Bucket::default(), |sum, bucket| Bucket {
            from: sum.from,
            persons: sum.persons + bucket.persons,
            abandoned: sum.abandoned + bucket.abandoned,
            machines: sum.machines + bucket.machines,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::UnknownZone;

    #[test]
    fn a_clock_set_a_day_ahead_and_back_forgets_nothing() -> Result<(), UnknownZone> {
        let rule = Settings::calendar_day(Zone::new("Europe/Paris")?);
        let (day, at) = (Span::secs(86_400), Wall::micros(1_795_300_200_000_000));
        let mut account = Account::default();
        account.count(&rule, at, Entry::Person);
        account.count(&rule, at, Entry::Abandoned);
        account.count(&rule, at + day, Entry::Person);
        assert_eq!(account.counts(&rule), (1, 0));
        account.count(&rule, at + Span::secs(1), Entry::Person);
        assert_eq!(account.counts(&rule), (2, 1));
        Ok(())
    }

    #[test]
    fn machines_taken_for_persons_come_along_with_persons() -> Result<(), UnknownZone> {
        let paris = Settings::calendar_day(Zone::new("Europe/Paris")?);
        let rule = Settings { false_positives: Ratio::new(0.01), ..paris };
        let at = Wall::micros(1_795_300_200_000_000);
        let mut account = Account::default();
        (0..10).for_each(|_| account.count(&rule, at, Entry::Person));
        (0..20).for_each(|_| account.count(&rule, at, Entry::Machine));
        assert_eq!(account.brings(&rule), (1.02, 0.02));
        let all = Settings { of: Denominator::Answers, ..rule };
        assert_eq!(account.brings(&all), (3.0, 0.02));
        Ok(())
    }

    #[test]
    fn a_day_begins_at_its_zones_midnight() -> Result<(), UnknownZone> {
        // 2026-11-21T22:30:00Z is half past eleven in the evening in Paris, the day before in
        // New York.
        let at = Wall::micros(1_795_300_200_000_000);
        let from = |zone| Zone::new(zone).map(Settings::calendar_day);
        let paris = from("Europe/Paris")?.begins(at);
        assert_eq!(paris.to_string(), "2026-11-20T23:00:00Z");
        let new_york = from("America/New_York")?;
        assert_eq!(new_york.begins(at).to_string(), "2026-11-21T05:00:00Z");
        let rolling = Window::Rolling(Span::secs(3_600));
        let hour = Settings { window: rolling, ..new_york };
        assert_eq!(hour.begins(at), at - Span::secs(3_600));
        Ok(())
    }
}
