//! How far what happens now departs from what the slow tables say: a factor with its uncertainty.
//!
//! Three gamma–Poisson filters of different memory follow `observed / expected`; they are mixed by
//! how well each foretold the latest events, so that a jump is followed within tens of events and
//! a steady level is known to a few per cent.

/// A fast multiplier on a slow expectation.
#[derive(Clone, Debug)]
pub(super) struct Level {
    filters: [Filter; 3],
    /// Counted, but not yet taken in: a filter step needs an exponential, so they are gathered.
    observed: f64,
    expected: f64,
    mean: f64,
    variance: f64,
    volatility: Volatility,
}

#[derive(Clone, Copy, Debug)]
struct Filter {
    /// How many expected events it remembers.
    memory: f64,
    observed: f64,
    expected: f64,
    /// Its discounted log-likelihood.
    fit: f64,
}

/// Common-mode jumps from window to window, beyond what chance explains.
#[derive(Clone, Copy, Debug, Default)]
struct Volatility {
    observed: f64,
    expected: f64,
    level: f64,
    slots: u32,
    excess: f64,
    noise: f64,
    scale: f64,
}

/// Pseudo-events at the level 1 that every filter begins with.
const PRIOR: f64 = 5.0;
/// Events after which a filter's record of good forecasts counts a third.
const FIT_MEMORY: f64 = 60.0;
/// The least weight of a filter, as a logarithm: a jump must find the fast one awake.
const FIT_FLOOR: f64 = -6.0;
/// Expected events gathered before a filter step.
const STEP: f64 = 0.25;
/// Half seconds in a window of the volatility: 20 s, about a lead time.
const WINDOW_SLOTS: u32 = 40;
/// What each window leaves of the earlier ones' weight.
const WINDOW_KEEP: f64 = 0.99;

impl Level {
    /// Makes a level of 1 whose filters remember so many expected events.
    pub(super) fn new(memories: [f64; 3]) -> Self {
        let filter = |memory| Filter { memory, observed: 0.0, expected: 0.0, fit: 0.0 };
        Self {
            filters: memories.map(filter),
            observed: 0.0,
            expected: 0.0,
            mean: 1.0,
            variance: 1.0 / PRIOR,
            volatility: Volatility { level: 1.0, ..Volatility::default() },
        }
    }

    /// Counts events that happened and those the slow tables had foretold for the same time.
    pub(super) fn count(&mut self, observed: f64, expected: f64) {
        self.observed += observed;
        self.expected += expected;
        self.volatility.observed += observed;
        self.volatility.expected += expected;
    }

    /// Ends a half second: takes in what was counted, once it is worth a step.
    pub(super) fn tick(&mut self) {
        self.volatility.tick(self.mean);
        if self.expected < STEP && self.observed < 1.0 {
            return;
        }
        let (observed, expected) = (self.observed, self.expected);
        (self.observed, self.expected) = (0.0, 0.0);
        let forget = libm::exp(-expected / FIT_MEMORY);
        for filter in &mut self.filters {
            let foretold = (filter.mean() * expected).max(1e-6);
            filter.fit = forget * filter.fit + observed * libm::log(foretold) - foretold;
            let keep = libm::exp(-expected / filter.memory);
            filter.observed = keep * filter.observed + observed;
            filter.expected = keep * filter.expected + expected;
        }
        let best = self.filters.iter().map(|filter| filter.fit).fold(f64::MIN, f64::max);
        for filter in &mut self.filters {
            filter.fit = (filter.fit - best).max(FIT_FLOOR);
        }
        self.mix();
    }

    fn mix(&mut self) {
        let weights = self.filters.map(|filter| libm::exp(filter.fit));
        let sum = weights.iter().sum::<f64>();
        let parts = || self.filters.iter().zip(weights).map(|(filter, w)| (filter, w / sum));
        let mean = parts().map(|(filter, w)| w * filter.mean()).sum::<f64>();
        let within = parts().map(|(filter, w)| w * filter.mean() / (PRIOR + filter.expected));
        let between = parts().map(|(filter, w)| {
            let off = filter.mean() - mean;
            w * off * off
        });
        (self.mean, self.variance) = (mean, within.sum::<f64>() + between.sum::<f64>());
    }

    /// The level: what happens over what was foretold.
    pub(super) fn mean(&self) -> f64 {
        self.mean
    }

    /// The squared coefficient of variation of the level in the near future: what is not known of
    /// it, and how it jumps.
    pub(super) fn spread(&self) -> f64 {
        self.variance / (self.mean * self.mean).max(1e-9) + self.volatility.value()
    }

    /// Begins again at 1: the slow tables have learnt the level by now.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.filters.map(|filter| filter.memory));
    }
}

impl Filter {
    fn mean(&self) -> f64 {
        (PRIOR + self.observed) / (PRIOR + self.expected)
    }
}

impl Volatility {
    fn tick(&mut self, level: f64) {
        self.slots += 1;
        if self.slots < WINDOW_SLOTS {
            return;
        }
        let foretold = self.level * self.expected;
        let off = self.observed - foretold;
        self.excess = WINDOW_KEEP * self.excess + off * off - foretold;
        self.noise = WINDOW_KEEP * self.noise + 2.0 * foretold * foretold + foretold;
        self.scale = WINDOW_KEEP * self.scale + foretold * foretold;
        (self.observed, self.expected, self.slots, self.level) = (0.0, 0.0, 0, level);
    }

    /// The part of the squared jumps that chance alone does not explain, relative to the level.
    fn value(&self) -> f64 {
        if self.scale > 0.0 {
            (self.excess - libm::sqrt(self.noise)).max(0.0) / self.scale
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(level: &mut Level, ticks: u32, per_tick: f64) {
        for _ in 0..ticks {
            level.count(per_tick, 1.0);
            level.tick();
        }
    }

    #[test]
    fn a_level_is_followed_within_tens_of_events_and_then_known_well() {
        let mut level = Level::new([30.0, 150.0, 1_000.0]);
        fed(&mut level, 2_000, 1.0);
        assert!((level.mean() - 1.0).abs() < 0.02 && level.spread() < 0.0125, "{level:?}");
        fed(&mut level, 60, 0.2);
        assert!(level.mean() < 0.41, "{level:?}");
        fed(&mut level, 60, 1.0);
        assert!(level.mean() > 0.75, "{level:?}");
    }

    #[test]
    fn chance_alone_is_no_volatility_but_common_jumps_are() {
        let mut calm = Level::new([30.0, 150.0, 1_000.0]);
        fed(&mut calm, 4_000, 1.0);
        assert!(calm.volatility.value() < 1e-9);
        let mut wild = calm.clone();
        for turn in 0..100 {
            fed(&mut wild, 40, if turn % 2 == 0 { 0.5 } else { 1.5 });
        }
        assert!(wild.volatility.value() > 0.05, "{wild:?}");
    }
}
