//! The two loops of VICIdial and of what was built on it, joined by one number, the dial level.
//!
//! The adapt loop (`AST_VDadapt.pl`) samples agents and waiting calls every second and moves the
//! level every 15 s; what it does then is each product's own ([`vici`], [`osdial`]). The dial loop
//! (`AST_VDauto_dial.pl`) turns the level into calls every 2.5 s. Read in inktel/Vicidial 2.4,
//! ccabrerar/vicidial 2.14 and southskies/osdial; told in pacing.md §1.1.

use std::collections::VecDeque;

use super::{Pacer, Seen, osdial, vici};
use crate::units::{Mono, Ratio, Span, whole};

/// How a product with a dial level is set up; what is not here is at its default: intensity 0,
/// difference target 0, no thresholds on the number of agents.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adaptive {
    /// Whose rules.
    pub product: Product,
    /// What happens above the drop limit.
    pub method: Method,
    /// The greatest level (`adaptive_maximum_level`, 3.0 by default), at least 1.
    pub level_max: f64,
    /// Whether the level counts lines per idle agent only (`available_only_ratio_tally`).
    pub available_only: bool,
}

/// Whose rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// VICIdial, and GOautodial which is built on it.
    Vici,
    /// OSDial.
    Osdial,
}

/// What happens when the day's drops are above the limit (`dial_method`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `ADAPT_AVERAGE`: the level is lowered until the day's share is good again.
    Average,
    /// `ADAPT_HARD_LIMIT`: one line per agent until the day's share is good again.
    HardLimit,
    /// `ADAPT_TAPERED`: tolerant in the morning, strict at the end of the day.
    Tapered,
}

/// The greatest level of a campaign nobody tuned.
pub const LEVEL_MAX_DEFAULT: f64 = 3.0;

/// What the adapt loop knows when it moves the level.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    /// The present level.
    pub(super) level: f64,
    /// Ready agents less waiting calls, the mean of 15 samples.
    pub(super) difference: f64,
    /// Agents, the mean of 15 samples.
    pub(super) agents: f64,
    pub(super) one_minute: Counts,
    pub(super) five_minutes: Counts,
    pub(super) today: Counts,
    /// The time left to the latest moment as the difference of two clock readings HHMM, so that an
    /// hour counts 100.
    pub(super) left: f64,
}

/// What was counted up to a moment, or between two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) calls: u64,
    pub(super) answers: u64,
    pub(super) drops: u64,
}

impl Counts {
    fn since(self, earlier: Self) -> Self {
        Self {
            calls: self.calls - earlier.calls,
            answers: self.answers.saturating_sub(earlier.answers),
            drops: self.drops.saturating_sub(earlier.drops),
        }
    }

    /// Gives the drops as a share of the answers, 0 without any.
    pub(super) fn drops_of_answers(self) -> f64 {
        if self.answers == 0 { 0.0 } else { of(self.drops, self.answers) }
    }

    /// Gives the drops as a share of the calls, 0 without any.
    pub(super) fn drops_of_calls(self) -> f64 {
        if self.calls == 0 { 0.0 } else { of(self.drops, self.calls) }
    }

    /// Whether the last minute was so bad that the level falls whatever the method: more than 20
    /// calls, and over half of them dropped.
    pub(super) fn in_panic(self) -> bool {
        self.calls > 20 && self.drops_of_calls() > 0.5
    }

    /// Whether the day is above the limit; 50 calls are too few to judge it by.
    pub(super) fn above(self, cap: Ratio) -> bool {
        self.calls > 50 && self.drops_of_answers() > cap.get()
    }
}

#[expect(clippy::cast_precision_loss, reason = "no simulated day counts to 2^53")]
fn of(part: u64, all: u64) -> f64 {
    part as f64 / all as f64
}

const SAMPLE: Span = Span::secs(1);
const SAMPLES: usize = 15;
const ADAPT: Span = Span::secs(15);
const REFRESH: Span = Span::secs(60);
const DIAL: Span = Span::millis(2_500);
/// Counts of the last five minutes and their beginning.
const REFRESHES: usize = 6;
/// The clock reading at which every simulated day begins, in hours: six of them end at 18:00.
const DAY_BEGINS: u64 = 12;
/// The default of `adaptive_latest_server_time`.
const LATEST: f64 = 2_100.0;

/// Both loops of one campaign.
pub(super) struct Loops {
    settings: Adaptive,
    cap: Ratio,
    level: f64,
    /// Ready, waiting, all agents: the latest samples.
    samples: VecDeque<(f64, f64, f64)>,
    /// The counts at the latest refreshes, the oldest first.
    counts: VecDeque<Counts>,
    next_sample: Mono,
    next_adapt: Mono,
    next_refresh: Mono,
    next_dial: Mono,
    /// Calls the dial loop still spaces out, and those placed when it was asked last.
    owed: u32,
    placed: u64,
}

impl Loops {
    pub(super) fn new(settings: Adaptive, cap: Ratio) -> Self {
        Self {
            settings,
            cap,
            level: 1.0,
            samples: VecDeque::with_capacity(SAMPLES),
            counts: VecDeque::from([Counts::default()]),
            next_sample: Mono::START,
            next_adapt: Mono::START + ADAPT,
            next_refresh: Mono::START + REFRESH,
            next_dial: Mono::START,
            owed: 0,
            placed: 0,
        }
    }

    fn sample(&mut self, seen: &Seen) {
        let view = &seen.view;
        let at_work = match self.settings.product {
            Product::Vici => view.ready + view.talking + view.wrapping + view.paused,
            Product::Osdial if self.settings.available_only => view.ready,
            Product::Osdial => view.ready + view.talking,
        };
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        let (ready, waiting) = (f64::from(view.ready), f64::from(view.waiting));
        self.samples.push_back((ready, waiting, f64::from(at_work)));
    }

    fn refresh(&mut self, seen: &Seen) {
        if self.counts.len() == REFRESHES {
            self.counts.pop_front();
        }
        let (answers, drops) = (seen.view.answered, seen.view.abandoned);
        self.counts.push_back(Counts { calls: seen.placed, answers, drops });
    }

    fn known(&self, now: Mono) -> Known {
        let (mut ready, mut waiting, mut agents) = (0.0, 0.0, 0.0);
        for sample in &self.samples {
            ready += sample.0;
            waiting += sample.1;
            agents += sample.2;
        }
        let count = if self.samples.is_empty() { 1.0 } else { of(self.samples.len() as u64, 1) };
        let today = self.counts.back().copied().unwrap_or_default();
        let back = |refreshes: usize| {
            let then = self.counts.len().saturating_sub(1 + refreshes);
            today.since(self.counts.get(then).copied().unwrap_or_default())
        };
        Known {
            level: self.level,
            difference: (ready - waiting) / count,
            agents: agents / count,
            one_minute: back(1),
            five_minutes: back(REFRESHES - 1),
            today,
            left: LATEST - clock(now.since(Mono::START)),
        }
    }

    /// Gives the calls missing to what the level asks for.
    fn missing(&self, seen: &Seen) -> u32 {
        let view = &seen.view;
        let lines = view.ringing + view.listening + view.waiting;
        let agents = if self.settings.available_only { 0 } else { view.talking };
        // Conversations count as agents and as calls alike, unless only idle agents count.
        let goal = libm::round(self.level * f64::from(view.ready + agents));
        let goal = u32::try_from(whole(goal)).unwrap_or(u32::MAX);
        goal.saturating_sub(lines + agents)
    }
}

impl Pacer for Loops {
    fn turn(&mut self, seen: &Seen) -> u32 {
        let now = seen.now;
        if due(&mut self.next_sample, SAMPLE, now) {
            self.sample(seen);
        }
        if due(&mut self.next_refresh, REFRESH, now) {
            self.refresh(seen);
        }
        if due(&mut self.next_adapt, ADAPT, now) {
            let known = self.known(now);
            if known.agents > 0.0 {
                self.level = match self.settings.product {
                    Product::Vici => vici::level(&self.settings, self.cap, &known),
                    Product::Osdial => osdial::level(&self.settings, self.cap, &known),
                };
            }
        }
        // What the rate or the trunks held back is placed as they let it, until the next round.
        let placed = u32::try_from(seen.placed - self.placed).unwrap_or(u32::MAX);
        self.placed = seen.placed;
        self.owed = self.owed.saturating_sub(placed);
        if due(&mut self.next_dial, DIAL, now) {
            self.owed = self.missing(seen);
        }
        self.owed
    }
}

/// Says whether a loop's turn has come, and notes its next one.
fn due(next: &mut Mono, every: Span, now: Mono) -> bool {
    let due = now >= *next;
    if due {
        *next = now + every;
    }
    due
}

/// Reads the clock as HHMM so long after the day began.
#[expect(clippy::cast_precision_loss, reason = "a day has few minutes")]
fn clock(after: Span) -> f64 {
    let minutes = after.as_micros() / 60_000_000;
    ((DAY_BEGINS + minutes / 60) * 100 + minutes % 60) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::pacing::View;

    fn loops(available_only: bool, level: f64) -> Loops {
        let (product, method, level_max) = (Product::Vici, Method::Average, 3.0);
        let settings = Adaptive { product, method, level_max, available_only };
        Loops { level, ..Loops::new(settings, Ratio::new(0.03)) }
    }

    fn seen(ms: u64, placed: u64, view: View) -> Seen {
        Seen { now: Mono::START + Span::millis(ms), view, placed }
    }

    #[test]
    fn conversations_count_as_agents_and_as_calls() {
        // 2 · (3 + 7) = 20 lines wanted; 7 talk, 4 ring, 1 waits.
        let view = View { ready: 3, talking: 7, ringing: 4, waiting: 1, ..View::default() };
        assert_eq!(loops(false, 2.0).turn(&seen(250, 0, view)), 8);
        // Only the three idle ones: 6 lines, less 5.
        assert_eq!(loops(true, 2.0).turn(&seen(250, 0, view)), 1);
    }

    #[test]
    fn a_round_owes_what_was_held_back_and_nothing_more() {
        let view = View { ready: 10, ..View::default() };
        let mut loops = loops(false, 1.0);
        assert_eq!(loops.turn(&seen(250, 0, view)), 10);
        // Four left: six are owed, although other agents have become free meanwhile.
        let view = View { ready: 15, ringing: 4, ..View::default() };
        assert_eq!(loops.turn(&seen(500, 4, view)), 6);
        assert_eq!(loops.turn(&seen(2_750, 10, View { ringing: 10, ..view })), 5);
    }

    #[test]
    fn five_idle_agents_of_twenty_raise_the_level_by_a_quarter_every_15_s() {
        let view = View { ready: 5, talking: 10, wrapping: 4, paused: 1, ..View::default() };
        let mut loops = loops(false, 1.0);
        for quarter in 1..=120 {
            loops.turn(&seen(250 * quarter, 0, view));
        }
        // 30 s: 1.25 · 1.25, to three digits as the product keeps it.
        assert!((loops.level - 1.563).abs() < 1e-9, "{}", loops.level);
    }

    #[test]
    fn an_hour_counts_a_hundred_on_the_clock() {
        assert!((clock(Span::secs(21_600)) - clock(Span::secs(1_800)) - 570.0).abs() < 1e-9);
    }
}
