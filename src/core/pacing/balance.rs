//! Will there be an agent? The balance of answers against agents who come free, as a chance.
//!
//! Each line answers by a moment ahead with a chance of its own, each busy agent is free by then
//! with one of his: two sums of unequal Bernoulli trials. Small ones are convolved exactly, large
//! ones have a normal law with Edgeworth's first correction.

use super::grid::{Curve, HORIZON_S, HORIZONS};
use super::trials::{Laws, exceeds};
use crate::units::whole;

/// What is on its way, as sums over the lines and over the busy agents.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    /// The lines' chances, each with how many lines have it.
    pub(super) lines: Vec<(Curve, u32)>,
    /// How many of these entries, the first, are of the campaign's own lines.
    pub(super) own: usize,
    /// The busy agents' chances.
    pub(super) busy: Vec<(Curve, u32)>,
    /// Ready agents, less persons who wait for one.
    pub(super) free: i64,
    /// The squared coefficients of variation of the levels of answers and of releases.
    pub(super) answer_spread: f64,
    pub(super) release_spread: f64,
    /// The chance of a person of one more call.
    pub(super) fresh: Curve,
    /// `quick[k][j]`: who is bridged at moment j has been done with at moment k.
    pub(super) quick: [Curve; HORIZONS],
}

/// Sums of powers of chances: enough for mean, variance and skewness.
#[derive(Clone, Copy, Debug, Default)]
struct Powers {
    one: Curve,
    two: Curve,
    three: Curve,
}

/// The balance with the calls granted so far.
#[derive(Clone, Debug)]
pub(super) struct Balance {
    free: i64,
    fresh: Curve,
    /// How a new call's answer spreads over the moments: these weights sum to 1.
    weights: Curve,
    answer_spread: f64,
    release_spread: f64,
    answers: Powers,
    /// Answers expected of the campaign's own lines.
    own: Curve,
    releases: Powers,
    /// Releases of persons answered on the way.
    quick: [Curve; HORIZONS],
    exact: Option<Exact>,
}

/// Exact laws at each moment that has weight.
#[derive(Clone, Debug)]
struct Exact {
    /// Calls that may still be added.
    more: u32,
    moments: Vec<usize>,
    /// Scale of the answers at each node of the level's law, and the node's weight.
    nodes: Vec<(f64, f64)>,
    /// For each moment the releases, and for each moment and node the answers.
    releases: Laws,
    answers: Laws,
}

/// The largest sums that are convolved (pacing.md §4.3).
const EXACT_BUSY: u32 = 22;
const EXACT_LINES: u32 = 66;
/// Room for calls granted in one decision of a small pool.
const EXACT_MORE: u32 = 6;
/// A few quick releases stand as so many trials of an equal part of their mean.
const QUICK_TRIALS: u32 = 4;
/// Agents less likely to be free than this are taken for busy.
const CHANCE_MIN: f64 = 1e-4;
/// Moments with less weight than this do not matter.
const WEIGHT_MIN: f64 = 0.015;
/// A level less spread than this is taken for known.
const SPREAD_MIN: f64 = 1e-3;

impl Powers {
    fn add(&mut self, chances: &Curve, count: f64) {
        for (k, &p) in chances.iter().enumerate() {
            let many = count * p;
            self.one[k] += many;
            self.two[k] += many * p;
            self.three[k] += many * p * p;
        }
    }

    fn variance(&self, k: usize) -> f64 {
        (self.one[k] - self.two[k]).max(0.0)
    }

    /// The third cumulant of a sum of Bernoulli trials: Σ p(1 − p)(1 − 2p).
    fn third(&self, k: usize) -> f64 {
        self.one[k] - 3.0 * self.two[k] + 2.0 * self.three[k]
    }
}

impl Balance {
    pub(super) fn new(load: &Load) -> Self {
        let mut answers = Powers::default();
        let mut own = [0.0; HORIZONS];
        for (nth, (chances, count)) in load.lines.iter().enumerate() {
            if nth == load.own {
                own = answers.one;
            }
            answers.add(chances, f64::from(*count));
        }
        if load.own >= load.lines.len() {
            own = answers.one;
        }
        let mut releases = Powers::default();
        for (chances, count) in &load.busy {
            releases.add(chances, f64::from(*count));
        }
        let weights = weights(&load.fresh);
        let lines = load.lines.iter().map(|(_, count)| count).sum::<u32>();
        let busy = load.busy.iter().map(|(_, count)| count).sum::<u32>();
        let mut made = Self {
            free: load.free,
            fresh: load.fresh,
            weights,
            answer_spread: load.answer_spread,
            release_spread: load.release_spread,
            answers,
            own,
            releases,
            quick: load.quick,
            exact: None,
        };
        if busy <= EXACT_BUSY && lines <= EXACT_LINES {
            made.exact = Some(Exact::new(load, &made, lines, busy));
        }
        made
    }

    /// Releases, within each moment, of persons who answer on the way and are done with quickly.
    fn extra(&self, k: usize) -> f64 {
        let mut before = 0.0;
        let mut extra = 0.0;
        for j in 0..k {
            extra += (self.answers.one[j] - before) * self.quick[k][j];
            before = self.answers.one[j];
        }
        extra
    }

    /// The chance of a person of one more call.
    pub(super) fn fresh(&self) -> &Curve {
        &self.fresh
    }

    /// Persons expected of the campaign's own lines.
    pub(super) fn own_answers(&self) -> f64 {
        self.own[HORIZONS - 1]
    }

    /// Counts one more call, of the campaign itself or of another that shares its agents.
    pub(super) fn add_call(&mut self, chances: &Curve, own: bool) {
        self.answers.add(chances, 1.0);
        if own {
            self.own.iter_mut().zip(chances).for_each(|(sum, p)| *sum += p);
        }
        if let Some(exact) = &mut self.exact {
            if exact.more > 0 {
                exact.more -= 1;
                exact.add_line(chances, 1);
            } else {
                self.exact = None;
            }
        }
    }

    /// The chance that a new call, if a person answers it, finds nobody in time; and how many of
    /// the campaign's calls in flight are expected to be abandoned, each at the moment of its
    /// answer.
    pub(super) fn risk(&self) -> (f64, f64) {
        let (mut chance, mut lost, mut before) = (0.0, 0.0, 0.0);
        let moments = (0..HORIZONS).filter(|&k| self.weights[k] > 0.0);
        for (place, k) in moments.enumerate() {
            let tail = self.tail_at(place, k, self.free);
            chance += self.weights[k] * tail;
            lost += (self.own[k] - before) * tail;
            before = self.own[k];
        }
        (chance.clamp(0.0, 1.0), lost.max(0.0))
    }

    /// The chance that more of the calls in flight than so many are abandoned, if a new one is
    /// answered: that the answers exceed what agents there are by more. The moment at which that
    /// is likeliest stands for all.
    pub(super) fn ruin(&self, allowed: f64) -> f64 {
        let allowed = i64::try_from(whole(libm::floor(allowed))).unwrap_or(i64::MAX);
        let free = self.free.saturating_add(allowed);
        let moments = (0..HORIZONS).filter(|&k| self.weights[k] > 0.0).enumerate();
        moments.map(|(place, k)| self.tail_at(place, k, free)).fold(0.0, f64::max)
    }

    fn tail_at(&self, place: usize, k: usize, free: i64) -> f64 {
        match &self.exact {
            Some(exact) => exact.tail(place, free),
            None => self.tail(k, free),
        }
    }

    /// The chance that the answers by a moment exceed what agents there are, by Edgeworth's
    /// series to the third cumulant (Feller II, XVI.4).
    fn tail(&self, k: usize, free: i64) -> f64 {
        let extra = self.extra(k);
        let (answers, releases) = (self.answers.one[k], self.releases.one[k]);
        let mean = answers - releases - extra;
        let variance = self.answers.variance(k)
            + self.releases.variance(k)
            + extra
            + answers * answers * self.answer_spread
            + releases * releases * self.release_spread;
        #[expect(clippy::cast_precision_loss, reason = "2^53 agents are not employed")]
        let room = free as f64 - 0.5 - mean;
        if variance < 1e-9 {
            return if room > 0.0 { 0.0 } else { 1.0 };
        }
        let sigma = libm::sqrt(variance);
        let x = room / sigma;
        let third = self.answers.third(k) - self.releases.third(k) - extra;
        let skew = third / (variance * sigma);
        let density = libm::exp(-0.5 * x * x) / libm::sqrt(core::f64::consts::TAU);
        let tail = 0.5 * libm::erfc(x * core::f64::consts::FRAC_1_SQRT_2);
        (tail + density * skew * (x * x - 1.0) / 6.0).clamp(0.0, 1.0)
    }

    /// How many seconds ahead the answer to a new call is expected.
    pub(super) fn ahead_s(&self) -> f64 {
        HORIZON_S.iter().zip(&self.weights).map(|(ahead, weight)| ahead * weight).sum()
    }

    /// Persons expected, and agents, by the time a new call would be answered.
    pub(super) fn expected(&self) -> (f64, f64) {
        let mean = |curve: &Curve| curve.iter().zip(&self.weights).map(|(v, w)| v * w).sum::<f64>();
        (mean(&self.answers.one), mean(&self.releases.one))
    }
}

/// How the answer of a new call spreads over the moments; all on the middle if nobody answers.
fn weights(fresh: &Curve) -> Curve {
    let mut weights = [0.0; HORIZONS];
    let reach = fresh[HORIZONS - 1];
    if reach < 1e-6 {
        weights[HORIZONS / 2] = 1.0;
        return weights;
    }
    let mut before = 0.0;
    for (weight, &reached) in weights.iter_mut().zip(fresh) {
        let share = (reached - before) / reach;
        *weight = if share > WEIGHT_MIN { share } else { 0.0 };
        before = reached;
    }
    let sum = weights.iter().sum::<f64>();
    weights.map(|weight| weight / sum)
}

impl Exact {
    fn new(load: &Load, balance: &Balance, lines: u32, busy: u32) -> Self {
        let moments = (0..HORIZONS).filter(|&k| balance.weights[k] > 0.0).collect::<Vec<_>>();
        let nodes = nodes(load.answer_spread);
        let mut releases = Laws::of_nothing(moments.len(), busy + QUICK_TRIALS);
        for (law, &k) in moments.iter().enumerate() {
            for (chances, count) in load.busy.iter().filter(|(chances, _)| chances[k] > CHANCE_MIN)
            {
                (0..*count).for_each(|_| releases.trial(law, chances[k]));
            }
            let extra = balance.extra(k);
            if extra > 1e-3 {
                let each = (extra / f64::from(QUICK_TRIALS)).min(1.0);
                (0..QUICK_TRIALS).for_each(|_| releases.trial(law, each));
            }
        }
        let answers = Laws::of_nothing(moments.len() * nodes.len(), lines + EXACT_MORE);
        let mut made = Self { more: EXACT_MORE, moments, nodes, releases, answers };
        for (chances, count) in &load.lines {
            made.add_line(chances, *count);
        }
        made
    }

    fn add_line(&mut self, chances: &Curve, count: u32) {
        for (place, &k) in self.moments.iter().enumerate() {
            for (node, (scale, _)) in self.nodes.iter().enumerate() {
                let (law, p) = (place * self.nodes.len() + node, (chances[k] * scale).min(1.0));
                (0..count).for_each(|_| self.answers.trial(law, p));
            }
        }
    }

    /// The chance that the answers by one of the moments exceed what agents there are.
    fn tail(&self, place: usize, free: i64) -> f64 {
        let releases = self.releases.of(place);
        let nodes = self.nodes.iter().enumerate();
        let answers = |node: usize| self.answers.of(place * self.nodes.len() + node);
        nodes.map(|(node, (_, weight))| weight * exceeds(answers(node), releases, free)).sum()
    }
}

/// The three nodes of Gauss and Hermite for a level with that squared coefficient of variation:
/// 1 and 1 ± √(3 cv²), of weight 2/3, 1/6 and 1/6.
fn nodes(spread: f64) -> Vec<(f64, f64)> {
    if spread < SPREAD_MIN {
        return vec![(1.0, 1.0)];
    }
    let off = libm::sqrt(3.0 * spread);
    vec![((1.0 - off).max(0.0), 1.0 / 6.0), (1.0, 2.0 / 3.0), (1.0 + off, 1.0 / 6.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(lines: u32, busy: u32, free: i64) -> Load {
        let mut fresh = [0.0; HORIZONS];
        fresh.iter_mut().zip(HORIZON_S).for_each(|(p, t)| {
            *p = 0.25 * (1.0 - libm::exp(-t / 10.0));
        });
        Load {
            lines: vec![(fresh, lines)],
            own: 1,
            busy: vec![([0.07; HORIZONS], busy)],
            free,
            fresh,
            ..Load::default()
        }
    }

    #[test]
    fn exact_and_normal_laws_agree_where_both_hold() {
        for (lines, busy, free) in [(40, 20, 5), (60, 22, 8), (66, 10, 9)] {
            let exact = Balance::new(&load(lines, busy, free));
            assert!(exact.exact.is_some());
            let normal = Balance { exact: None, ..exact.clone() };
            let (one, other) = (exact.risk().0, normal.risk().0);
            assert!((one - other).abs() < 0.006 + 0.06 * one, "{one} {other}");
        }
    }

    #[test]
    fn a_free_agent_more_never_makes_abandoning_likelier() {
        for (lines, busy) in [(0, 1), (3, 2), (20, 15), (400, 300)] {
            let chances = (-2..20).map(|free| Balance::new(&load(lines, busy, free)).risk().0);
            let chances = chances.collect::<Vec<_>>();
            assert!(chances.windows(2).all(|pair| pair[1] <= pair[0] + 1e-12), "{chances:?}");
        }
    }

    #[test]
    fn a_lone_call_with_nobody_busy_or_free_is_abandoned() {
        assert!((Balance::new(&load(0, 0, 0)).risk().0 - 1.0).abs() < 1e-12);
        assert!(Balance::new(&load(0, 0, 1)).risk().0.abs() < 1e-12);
    }
}
