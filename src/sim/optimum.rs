//! The greatest occupancy any dialer could reach where everything is exponential: the yardstick
//! for pacers of small pools.
//!
//! A line rings for an exponential time and ends in a person with a fixed probability; talks are
//! exponential; a person who finds no free agent is abandoned at once; lines may be added at any
//! moment and never given up. The state is (busy agents, lines), and the dialer chooses how many
//! lines there are. "Most talk with at most the cap abandoned" is a constrained Markov decision
//! problem: with a price λ on each abandoned call beyond the cap it becomes an unconstrained one,
//! solved by relative value iteration on the uniformised chain (Puterman, *Markov Decision
//! Processes*, 1994, §8.5 and §11.5), and the smallest value over all prices is the constrained
//! optimum (Altman, *Constrained Markov Decision Processes*, 1999, §12).

use crate::units::{Ratio, Span};

/// A pool where everything is exponential.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Markov {
    /// Agents, at least 1.
    pub agents: u32,
    /// The mean time a line rings, whatever becomes of it.
    pub ring: Span,
    /// The probability that a line ends in a person.
    pub answers: Ratio,
    /// The mean time an agent is busy with a person.
    pub talk: Span,
    /// The greatest allowed share of persons who are abandoned.
    pub cap: Ratio,
}

/// Lines considered at most, beyond any that pay: fewer than one in 10^6 of the time is spent
/// with so many even where lines are free.
const LINES_PER_AGENT: u32 = 4;
const LINES_MORE: u32 = 12;
/// How exactly the occupancy is told.
const EXACT: f64 = 1e-5;
/// Rounds of value iteration at most; with these chains a few hundred are enough.
const ROUNDS_MAX: u32 = 100_000;
/// A price, in mean talks of one agent per abandoned call, that no allowance is worth.
const PRICE_MAX: f64 = 8.0;
/// Narrowings of the price by the golden ratio: 0.618^24 is 10^-5.
const NARROWINGS: u32 = 24;
const GOLDEN: f64 = 0.618_033_988_749_894_9;

impl Markov {
    /// Gives the greatest share of time agents can talk under the cap, to ± 0.01 points.
    #[must_use]
    pub fn optimum(&self) -> Ratio {
        // The value is convex in the price: the golden section (Kiefer, "Sequential minimax search
        // for a maximum", 1953) closes in on the smallest.
        let (mut low, mut high) = (0.0, PRICE_MAX);
        let (mut left, mut right) = (high - GOLDEN * high, GOLDEN * high);
        let (mut at_left, mut at_right) = (self.value(left), self.value(right));
        for _ in 0..NARROWINGS {
            if at_left < at_right {
                high = right;
                (right, at_right) = (left, at_left);
                left = high - GOLDEN * (high - low);
                at_left = self.value(left);
            } else {
                low = left;
                (left, at_left) = (right, at_right);
                right = low + GOLDEN * (high - low);
                at_right = self.value(right);
            }
        }
        Ratio::new(at_left.min(at_right))
    }

    /// Gives the long-run gain: occupancy less the price of what is abandoned beyond the cap.
    fn value(&self, price: f64) -> f64 {
        let chain = Chain::of(self, price);
        let mut worth = vec![0.0; chain.states()];
        let mut next = worth.clone();
        for _ in 0..ROUNDS_MAX {
            let (least, most) = chain.step(&worth, &mut next);
            let base = next.first().copied().unwrap_or(0.0);
            next.iter_mut().for_each(|value| *value -= base);
            core::mem::swap(&mut worth, &mut next);
            // The gain lies between the least and the most that one step adds (Odoni's bounds).
            if (most - least) * chain.pace < EXACT {
                return (least + most) / 2.0 * chain.pace;
            }
        }
        1.0
    }
}

/// The uniformised chain with the rewards of one price.
struct Chain {
    agents: usize,
    lines_max: usize,
    /// Events per second, those that change nothing included.
    pace: f64,
    /// Per event: one line resolves, one talk ends.
    resolves: f64,
    ends: f64,
    answers: f64,
    /// Per event: what a busy agent is worth, what a person brings who is served or abandoned.
    busy: f64,
    served: f64,
    abandoned: f64,
}

impl Chain {
    fn of(pool: &Markov, price: f64) -> Self {
        let agents = f64::from(pool.agents.max(1));
        let lines_max = pool.agents.saturating_mul(LINES_PER_AGENT).saturating_add(LINES_MORE);
        let (ring, talk) = (pool.ring.as_secs_f64(), pool.talk.as_secs_f64());
        // A hundredth of idle events keeps the chain from being periodic.
        let pace = 1.01 * (agents / talk + f64::from(lines_max) / ring);
        let price = price * talk / agents;
        let cap = pool.cap.get();
        Self {
            agents: pool.agents.max(1) as usize,
            lines_max: lines_max as usize,
            pace,
            resolves: 1.0 / ring / pace,
            ends: 1.0 / talk / pace,
            answers: pool.answers.get(),
            busy: 1.0 / agents / pace,
            served: price * cap,
            abandoned: price * (cap - 1.0),
        }
    }

    const fn states(&self) -> usize {
        (self.agents + 1) * (self.lines_max + 1)
    }

    const fn place(&self, busy: usize, lines: usize) -> usize {
        busy * (self.lines_max + 1) + lines
    }

    /// Looks one event further from every state; gives the least and the most it adds.
    fn step(&self, worth: &[f64], next: &mut [f64]) -> (f64, f64) {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for busy in 0..=self.agents {
            // Lines may be added, so the best of all that have as many or more.
            let mut best = f64::NEG_INFINITY;
            for lines in (0..=self.lines_max).rev() {
                best = best.max(self.look(worth, busy, lines));
                let place = self.place(busy, lines);
                let added = best - worth[place];
                least = least.min(added);
                most = most.max(added);
                next[place] = best;
            }
        }
        (least, most)
    }

    /// Gives the worth of a state when its lines stay as they are until the next event.
    #[expect(clippy::cast_precision_loss, reason = "a pool is small")]
    fn look(&self, worth: &[f64], busy: usize, lines: usize) -> f64 {
        let at = |busy, lines| worth[self.place(busy, lines)];
        let mut value = self.busy * busy as f64;
        let mut stays = 1.0;
        if let Some(fewer) = lines.checked_sub(1) {
            let resolves = self.resolves * lines as f64;
            let (brings, after) = if busy < self.agents {
                (self.served, at(busy + 1, fewer))
            } else {
                (self.abandoned, at(busy, fewer))
            };
            value += resolves * self.answers * (brings + after);
            value += resolves * (1.0 - self.answers) * at(busy, fewer);
            stays -= resolves;
        }
        if let Some(fewer) = busy.checked_sub(1) {
            let ends = self.ends * busy as f64;
            value += ends * at(fewer, lines);
            stays -= ends;
        }
        value + stays * at(busy, lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(agents: u32, cap: f64) -> Markov {
        let (ring, talk) = (Span::secs(14), Span::secs(180));
        Markov { agents, ring, answers: Ratio::new(0.25), talk, cap: Ratio::new(cap) }
    }

    /// The table of an independent solver, docs/simulator.md, but for one agent.
    #[test]
    fn pools_have_the_optimum_of_an_independent_solver() {
        for (agents, expected) in [(3, 80.5), (5, 82.4), (10, 85.8)] {
            let optimum = 100.0 * pool(agents, 0.03).optimum().get();
            assert!((optimum - expected).abs() < 0.06, "{agents}: {optimum:.2}, not {expected}");
        }
    }

    /// One agent has two policies worth mixing, both renewals. One line when idle: a person after
    /// 56 s, nobody abandoned. Two lines: a person after 28 s, and the other line, unless the talk
    /// ends before it resolves, is a person too in one case of four, and abandoned. They are mixed
    /// so that the cap is kept over *all answers*.
    #[test]
    fn one_agent_mixes_one_line_and_two() {
        let (one, two) = (180.0 + 56.0, 180.0 + 28.0);
        let lost = 0.25 * (1.0 / 14.0) / (1.0 / 14.0 + 1.0 / 180.0);
        let excess = |cycle: f64, lost: f64| (lost - 0.03 * (1.0 + lost)) / cycle;
        let (spare, over) = (-excess(one, 0.0), excess(two, lost));
        let share = spare / (spare + over);
        let expected = 180.0 * ((1.0 - share) / one + share / two);
        let optimum = pool(1, 0.03).optimum().get();
        assert!((optimum - expected).abs() < 2e-4, "{optimum:.4}, not {expected:.4}");
    }

    /// One agent and nobody to be abandoned: a talk of 180 s, then one line after another, 14 s
    /// each, until a fourth of them on average is a person.
    #[test]
    fn without_an_allowance_one_agent_is_dialled_for_when_free() {
        let optimum = pool(1, 0.0).optimum().get();
        assert!((optimum - 180.0 / (180.0 + 4.0 * 14.0)).abs() < 0.01, "{optimum}");
    }
}
