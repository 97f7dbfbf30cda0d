//! The rule: one more call as long as its own chance of being abandoned is worth its price.

use super::balance::Balance;
use super::price::{Books, Price};
use super::{View, strict};
use crate::core::campaign::Guarantee;

/// The chance that the calls in flight break the abandon rule which is no longer run: some dozens
/// of times a day one more call stands at this edge, and one day in a hundred may break the rule
/// in a pool of a few, one in five hundred in a larger one (pacing.md §5).
const RUIN: f64 = 1e-4;

/// What the rule weighs.
#[derive(Debug)]
pub(super) struct Question<'q> {
    pub(super) view: &'q View,
    pub(super) price: &'q Price,
    pub(super) books: Books,
    pub(super) balance: Balance,
    /// The chance that a new call brings a person.
    pub(super) reach: f64,
    pub(super) guarantee: Guarantee,
    /// Whether enough is known to risk anything.
    pub(super) warm: bool,
    /// Calls asked for at once at most, beyond one per free agent.
    pub(super) most: u32,
}

/// What it grants.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Grant {
    pub(super) calls: u32,
    /// The threshold in force at the end.
    pub(super) threshold: f64,
    /// The chance of abandon of the last call granted, and of all of them on average.
    pub(super) last: f64,
    pub(super) mean: f64,
    /// The chance of abandon of the next call, which was not granted.
    pub(super) next: f64,
    /// The abandon rule, not the forecast, said no.
    pub(super) held: bool,
}

impl Question<'_> {
    /// Calls that are safe: one line per free agent, while nobody waits for one.
    pub(super) fn floor(view: &View) -> u32 {
        if view.waiting > 0 { 0 } else { view.ready.saturating_sub(view.lines()) }
    }

    /// Grants calls one by one, each judged with those before it on their way.
    pub(super) fn answer(mut self) -> Grant {
        let floor = Self::floor(self.view);
        let waiting = self.books.pending;
        let mut grant = Grant::default();
        let mut sum = 0.0;
        while grant.calls < self.most.max(floor) {
            let (chance, lost) = self.balance.risk();
            self.books.exposed = exposed(self.view, grant.calls + 1);
            self.books.pending = waiting + self.price.record() * (lost + chance * self.reach);
            let aim = if self.warm && self.affordable() { self.books.aim() } else { 0.0 };
            grant.threshold = self.price.threshold(aim);
            grant.next = chance;
            if grant.calls >= floor {
                grant.held = self.warm && (aim <= 0.0 || !self.proved());
                if grant.held || aim <= 0.0 || chance > grant.threshold {
                    break;
                }
            }
            grant.calls += 1;
            grant.last = chance;
            sum += chance;
            self.balance.add_call();
        }
        grant.mean = if grant.calls > 0 { sum / f64::from(grant.calls) } else { 0.0 };
        grant
    }

    /// Whether the day keeps its cap even if the calls in flight fare badly.
    fn affordable(&self) -> bool {
        let room = self.books.room();
        room >= 0.0 && (self.books.exposed <= room || self.balance.ruin(room) < RUIN)
    }

    /// Whether the guarantee allows one call more beyond the free agents.
    fn proved(&self) -> bool {
        let (cap, view) = (self.books.cap, self.view);
        self.guarantee == Guarantee::Expected
            || strict::admits(cap, self.books.answered, view.abandoned, self.books.exposed)
    }
}

/// The calls in flight, so many new ones among them, that have no free agent.
pub(super) fn exposed(view: &View, calls: u32) -> f64 {
    f64::from((view.lines() + calls).saturating_sub(view.ready))
}
