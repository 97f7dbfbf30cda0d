//! What a simulation found, as values; text and JSON are made elsewhere.

use std::collections::BTreeMap;

use statrs::distribution::{ContinuousCDF as _, StudentsT};

use super::course::{Course, Slot};
use super::oracle::Finding;
use super::scenario::Scenario;
use crate::core::order::{Closed, Outcome};
use crate::units::{Mono, Ratio, Span};

/// What one simulated campaign-day came to; days may be added up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Day {
    /// Time agents talked.
    pub talk: Span,
    /// Time agents wrote up.
    pub wrap: Span,
    /// Time agents waited for a call, reserved or not.
    pub idle: Span,
    /// Time agents were on a break.
    pub paused: Span,
    /// Attempts dialled.
    pub attempts: u64,
    /// Live answers bridged to an agent, machines taken for persons among them.
    pub connected: u64,
    /// Live answers no agent came for.
    pub abandoned: u64,
    /// Of those, the ones whom only the loss of an agent's leg left without one.
    pub forced: u64,
    /// Persons taken for machines and dropped; not counted as abandoned.
    pub amd_false: u64,
    /// Closed attempts by outcome.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// From knowing that a person answered to the bridge.
    pub person_waits: Histogram,
    /// From an agent's becoming free to the bridge.
    pub agent_waits: Histogram,
    /// Times the dialer was asked to settle.
    pub batches: u64,
    /// Decisions the pacer recorded.
    pub decisions: u64,
    /// What one settling cost, in nanoseconds, if the runner lent a meter.
    pub settle_ns: Histogram,
    /// The course of the day; that of days added up is the first one's.
    pub course: Course,
}

impl Day {
    /// Adds another day, or part of one, to this one.
    pub fn add(&mut self, other: &Self) {
        self.talk += other.talk;
        self.wrap += other.wrap;
        self.idle += other.idle;
        self.paused += other.paused;
        self.attempts += other.attempts;
        self.connected += other.connected;
        self.abandoned += other.abandoned;
        self.forced += other.forced;
        self.amd_false += other.amd_false;
        for (outcome, count) in &other.outcomes {
            *self.outcomes.entry(*outcome).or_default() += count;
        }
        self.person_waits.add(&other.person_waits);
        self.agent_waits.add(&other.agent_waits);
        self.batches += other.batches;
        self.decisions += other.decisions;
        self.settle_ns.add(&other.settle_ns);
    }

    /// Gives the occupancy: (talk + wrap) / (talk + wrap + idle).
    #[must_use]
    pub fn occupancy(&self) -> Ratio {
        let busy = (self.talk + self.wrap).as_secs_f64();
        share(busy, busy + self.idle.as_secs_f64())
    }

    /// Gives the abandon share: abandoned / (abandoned + connected).
    #[must_use]
    pub fn abandon(&self) -> Ratio {
        let abandoned = count(self.abandoned);
        share(abandoned, abandoned + count(self.connected))
    }

    /// Gives the abandon share without those that the loss of an agent's leg forced: what the pacer
    /// itself answers for. The law counts all of them.
    #[must_use]
    pub fn abandon_unforced(&self) -> Ratio {
        let abandoned = count(self.abandoned.saturating_sub(self.forced));
        share(abandoned, abandoned + count(self.connected))
    }

    /// Gives the minutes of talk per hour of talk, wrap-up and idleness.
    #[must_use]
    pub fn talk_min_per_hour(&self) -> f64 {
        let talk = self.talk.as_secs_f64();
        60.0 * share(talk, (self.talk + self.wrap + self.idle).as_secs_f64()).get()
    }

    /// Gives the idle seconds per connected call, 0 if there was none.
    #[must_use]
    pub fn idle_s_per_call(&self) -> f64 {
        let connected = count(self.connected);
        if connected > 0.0 { self.idle.as_secs_f64() / connected } else { 0.0 }
    }
}

pub(super) fn share(part: f64, whole: f64) -> Ratio {
    Ratio::new(if whole > 0.0 { part / whole } else { 0.0 })
}

#[expect(clippy::cast_precision_loss, reason = "no simulation counts to 2^53")]
pub(super) const fn count(number: u64) -> f64 {
    number as f64
}

/// What a run of several days came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The scenario's name.
    pub scenario: String,
    /// The nominal pool.
    pub agents: u32,
    /// The abandon cap the days are measured against.
    pub cap: Ratio,
    /// Every day's occupancy and abandon share, in the order of the days.
    pub days: Vec<(Ratio, Ratio)>,
    /// Every day's slots, in the order of the days.
    pub slots: Vec<Vec<Slot>>,
    /// Days whose abandon share is above the cap by more than two of the day's answers.
    pub days_far_over: u64,
    /// The greatest abandon share of a clock hour of any day.
    pub worst_hour: Ratio,
    /// The greatest abandon share of 500 consecutive answers of any day.
    pub worst_window: Ratio,
    /// All days added up.
    pub total: Day,
    /// What was found wrong, if it was looked for; at most
    /// [`FINDINGS_MAX`](super::oracle::FINDINGS_MAX) a day.
    pub findings: Vec<Finding>,
}

impl Summary {
    /// Starts the summary of a scenario's days, of which none has come in.
    #[must_use]
    pub fn of(scenario: &Scenario, agents: u32) -> Self {
        let (scenario, cap) = (scenario.name.clone(), scenario.cap);
        Self { scenario, agents, cap, ..Self::default() }
    }

    /// Takes in one more day.
    pub fn add(&mut self, day: &Day, findings: Vec<Finding>) {
        self.days.push((day.occupancy(), day.abandon()));
        let allowed = self.cap.get() * count(day.abandoned + day.connected) + 2.0;
        self.days_far_over += u64::from(count(day.abandoned) > allowed);
        self.slots.push(day.course.slots.clone());
        let worse = |one: Ratio, other: Ratio| if other > one { other } else { one };
        self.worst_hour = worse(self.worst_hour, day.course.worst_hour());
        self.worst_window = worse(self.worst_window, day.course.worst_window());
        self.total.add(day);
        self.findings.extend(findings);
    }

    /// Gives each five minutes of all days together, as far as the longest of them goes.
    #[must_use]
    pub fn course(&self) -> Vec<Slot> {
        let longest = self.slots.iter().map(Vec::len).max().unwrap_or(0);
        let mut course = vec![Slot::default(); longest];
        for day in &self.slots {
            course.iter_mut().zip(day).for_each(|(all, slot)| all.add(slot));
        }
        course
    }

    /// Gives the greatest abandon share of a day.
    #[must_use]
    pub fn worst_day(&self) -> Ratio {
        let shares = self.days.iter().map(|(_, abandon)| abandon.get());
        Ratio::new(shares.fold(0.0, f64::max))
    }

    /// Counts the days whose abandon share is above the cap.
    #[must_use]
    pub fn days_over(&self) -> u64 {
        self.days.iter().filter(|(_, abandon)| abandon.get() > self.cap.get()).count() as u64
    }

    /// Gives the half-width of the 95 % confidence interval of the occupancy, taking the days as
    /// independent. `None` with fewer than two days.
    #[must_use]
    pub fn occupancy_ci95(&self) -> Option<f64> {
        let days: Vec<f64> = self.days.iter().map(|(occupancy, _)| occupancy.get()).collect();
        spread(&days).map(|(_, half_width)| half_width)
    }

    /// Gives the same for the abandon share of a day.
    #[must_use]
    pub fn abandon_ci95(&self) -> Option<f64> {
        let days: Vec<f64> = self.days.iter().map(|(_, abandon)| abandon.get()).collect();
        spread(&days).map(|(_, half_width)| half_width)
    }
}

/// Gives the mean of independent values and the half-width of its 95 % confidence interval:
/// t · s / √n with Student's t for n − 1 degrees of freedom (Gosset, "The probable error of a
/// mean", Biometrika 6, 1908). `None` with fewer than two values.
#[must_use]
pub fn spread(values: &[f64]) -> Option<(f64, f64)> {
    let n = count(values.len() as u64);
    // No law has less than one degree of freedom.
    let student = StudentsT::new(0.0, 1.0, (n - 1.0).max(0.0)).ok()?;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|value| (value - mean) * (value - mean));
    let deviation = libm::sqrt(squares.sum::<f64>() / (n - 1.0));
    let half_width = student.inverse_cdf(0.975) * deviation / libm::sqrt(n);
    Some((mean, half_width))
}

/// Counts of values in steps of 5 %, so that days can be added up and quantiles told to ± 2.5 %.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

/// The steps of a [`Histogram`]: 1.05^500 is 4 · 10^10, beyond any wait in microseconds.
const STEPS_MAX: usize = 500;
const STEP: f64 = 1.05;

impl Histogram {
    /// Counts a value; fractions below 1 count as 0.
    #[expect(clippy::cast_possible_truncation, reason = "held below STEPS_MAX")]
    pub fn count(&mut self, value: u64) {
        let step = if value == 0 { 0.0 } else { 1.0 + libm::log(count(value)) / libm::log(STEP) };
        let step = (crate::units::whole(step).min(STEPS_MAX as u64 - 1)) as usize;
        if self.counts.len() <= step {
            self.counts.resize(step + 1, 0);
        }
        if let Some(counted) = self.counts.get_mut(step) {
            *counted += 1;
            self.total += 1;
        }
    }

    /// Adds another histogram's counts.
    pub fn add(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (counted, more) in self.counts.iter_mut().zip(&other.counts) {
            *counted += more;
        }
        self.total += other.total;
    }

    /// Gives how many values were counted.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Gives the value that the share `q` of the values does not exceed, to ± 2.5 %; 0 if there
    /// are none.
    #[must_use]
    pub fn quantile(&self, q: Ratio) -> f64 {
        let rank = crate::units::whole(libm::ceil(q.get() * count(self.total))).max(1);
        let mut seen = 0;
        for (step, counted) in self.counts.iter().enumerate() {
            seen += counted;
            if seen >= rank && step > 0 {
                return libm::pow(STEP, count(step as u64) - 1.0);
            }
            if seen >= rank {
                return 0.0;
            }
        }
        0.0
    }
}

/// Keeps a day's figures while it runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) day: Day,
    /// The moment after which nothing counts any more.
    pub(super) ends: Mono,
}

/// What an agent's time is booked as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    Talk,
    Wrap,
    Idle,
    Paused,
    Off,
}

impl Tally {
    pub(super) fn until(ends: Mono) -> Self {
        Self { day: Day::default(), ends }
    }

    pub(super) fn counts(&self, now: Mono) -> bool {
        now < self.ends
    }

    /// Books an agent's time from a moment until now, as far as it lies within the day.
    pub(super) fn book(&mut self, time: Time, since: Mono, now: Mono) {
        let until = now.min(self.ends);
        let span = until.since(since);
        match time {
            Time::Talk | Time::Wrap => self.day.course.book(true, since, until),
            Time::Idle => self.day.course.book(false, since, until),
            Time::Paused | Time::Off => {}
        }
        match time {
            Time::Talk => self.day.talk += span,
            Time::Wrap => self.day.wrap += span,
            Time::Idle => self.day.idle += span,
            Time::Paused => self.day.paused += span,
            Time::Off => {}
        }
    }

    pub(super) fn bridged(&mut self, now: Mono, person: Span, agent: Span) {
        if self.counts(now) {
            self.day.connected += 1;
            self.day.course.answered(now, false);
            self.day.person_waits.count(person.as_millis());
            self.day.agent_waits.count(agent.as_millis());
        }
    }

    pub(super) fn closed(&mut self, now: Mono, closed: &Closed) {
        if self.counts(now) {
            *self.day.outcomes.entry(closed.outcome).or_default() += 1;
            self.day.forced += u64::from(closed.forced);
            if closed.outcome == Outcome::Abandoned {
                self.day.abandoned += 1;
                self.day.course.answered(now, true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_told_within_their_step() {
        let mut histogram = Histogram::default();
        (1..=1_000).for_each(|value| histogram.count(value));
        for (q, value) in [(0.5, 500.0), (0.95, 950.0), (0.0, 1.0)] {
            let told = histogram.quantile(Ratio::new(q));
            assert!((told - value).abs() <= value * 0.026, "{q}: {told}");
        }
        assert_eq!(histogram.total(), 1_000);
    }

    #[test]
    fn days_add_up_to_pooled_shares() {
        let full = Day { talk: Span::secs(30), idle: Span::secs(10), ..Day::default() };
        let bad = Day { idle: Span::secs(20), abandoned: 1, connected: 9, ..Day::default() };
        let mut summary = Summary { cap: Ratio::new(0.03), ..Summary::default() };
        summary.add(&full, Vec::new());
        summary.add(&bad, Vec::new());
        assert_eq!(summary.total.occupancy(), Ratio::new(0.5));
        assert_eq!(summary.worst_day(), Ratio::new(0.1));
        assert_eq!(summary.days_over(), 1);
        // Two days at 0.75 and 0: s = 0.5303, t = 12.706.
        let half_width = summary.occupancy_ci95().unwrap_or_default();
        assert!((half_width - 12.706 * 0.375).abs() < 1e-3, "{half_width}");
    }

    /// Quantiles as printed in tables of Student's law: at 40 days still 3 % beyond the normal
    /// law's 1.96.
    #[test]
    fn an_interval_is_students_however_many_the_days() {
        for (days, quantile) in [(3_u32, 4.303), (31, 2.042), (40, 2.0227), (500, 1.9647)] {
            let values = (0..days).map(|day| f64::from(day % 2)).collect::<Vec<_>>();
            let (n, ones) = (f64::from(days), values.iter().sum::<f64>());
            let deviation = libm::sqrt(ones * (n - ones) / n / (n - 1.0));
            let told = spread(&values).map(|(_, half_width)| half_width).unwrap_or_default();
            let of = told * libm::sqrt(n) / deviation;
            assert!((of - quantile).abs() < 1e-3, "{days} days: {of}, not {quantile}");
        }
        assert_eq!((spread(&[]), spread(&[1.0])), (None, None));
    }
}
