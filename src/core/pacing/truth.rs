//! The true laws of an invented world, told to the pacer: the benchmark of what could be known.

use serde::{Deserialize, Serialize};

use super::grid::{RING_BIN_S, RING_BINS, STAY_EDGES, slot_of};
use super::hazard::{Reach, rows};
use crate::units::{Now, Span, Wall};

/// What a simulator knows and a pacer has to learn. Only simulations can tell it: it is the same
/// decision rule with nothing left to estimate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// The share of each fate from a moment of dialling on, in the order of the moments.
    pub shares: Vec<(Wall, Vec<f64>)>,
    /// The fates.
    pub fates: Vec<Fate>,
    /// Mean time from an answer to its verdict.
    pub verdict: Span,
    /// The share of talks that outlast each of [`stay_edges`].
    pub talk: Vec<f64>,
    /// The share of write-ups that outlast each of [`stay_edges`].
    pub wrap: Vec<f64>,
    /// The share of write-ups after which the agent takes calls.
    pub returns: f64,
}

/// What may become of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fate {
    /// The share that has come to it by each half second after the dialling, from 0 on.
    pub by: Vec<f64>,
    /// The chance that it brings somebody who is taken for a person: 0 if nobody answers.
    pub person: f64,
}

/// The moments at which [`Truth::talk`] and [`Truth::wrap`] are told, in seconds.
#[must_use]
pub fn stay_edges() -> &'static [f64] {
    &STAY_EDGES
}

/// How many half seconds [`Fate::by`] tells, the first being 0.
pub const RING_STEPS: usize = RING_BINS + 1;

/// The true tables of calls, by when they were dialled.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// From which half second on which table holds.
    tables: Vec<(u64, Reach)>,
}

impl Known {
    pub(super) fn new(now: Now, truth: &Truth) -> Self {
        let tables = truth.shares.iter().map(|(at, shares)| {
            let mono = now.mono + at.since(now.wall);
            (slot_of(mono), reach(truth, shares))
        });
        Self { tables: tables.collect() }
    }

    /// The table of calls dialled in a half second.
    pub(super) fn at(&self, slot: u64) -> Option<&Reach> {
        let after = self.tables.partition_point(|(from, _)| *from <= slot);
        self.tables.get(after.saturating_sub(1)).map(|(_, reach)| reach)
    }
}

fn reach(truth: &Truth, shares: &[f64]) -> Reach {
    let mut left = [1.0; RING_STEPS];
    let mut reached = [0.0; RING_STEPS];
    let mut person = [0.0; RING_BINS];
    for bin in 0..RING_STEPS {
        for (fate, share) in truth.fates.iter().zip(shares) {
            let by = fate.by.get(bin).copied().unwrap_or(1.0);
            left[bin] -= share * by;
            reached[bin] += share * by * fate.person;
        }
        left[bin] = left[bin].max(0.0);
    }
    for (bin, person) in person.iter_mut().enumerate() {
        // Of the answers of this half second, those of a person or taken for one.
        let (mut answers, mut persons) = (0.0, 0.0);
        for (fate, share) in truth.fates.iter().zip(shares).filter(|(fate, _)| fate.person > 0.0) {
            let by = |bin: usize| fate.by.get(bin).copied().unwrap_or(1.0);
            let come = share * (by(bin + 1) - by(bin));
            answers += come;
            persons += come * fate.person;
        }
        *person = if answers > 1e-12 { persons / answers } else { 0.0 };
    }
    let delay_s = truth.verdict.as_secs_f64();
    let ringing = rows(&left, &reached, delay_s).collect();
    let ring_s = RING_BIN_S * left.iter().sum::<f64>();
    Reach { ringing, person, delay_s, ring_s }
}
