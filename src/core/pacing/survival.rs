//! How long talks and write-ups last: product-limit tables (Kaplan and Meier, JASA 53, 1958) on
//! logarithmic bins, with what is under way counted as not yet over.

use std::collections::BTreeMap;

use super::grid::{STAY_BINS, STAY_EDGES};

/// The stays of one kind, present and past.
#[derive(Clone, Debug)]
pub(super) struct Stays {
    /// Who is in each bin now.
    here: [u32; STAY_BINS],
    total: u32,
    /// Entries into each bin and ends in it so far, with forgetting.
    entered: [f64; STAY_BINS],
    ended: [f64; STAY_BINS],
    prior: Vec<(f64, f64)>,
    unfaded: f64,
    /// Ends since the tables were last worked out.
    pub(super) news: u32,
    /// The share that outlasts each bin edge.
    left: [f64; STAY_BINS + 1],
    hazard: [f64; STAY_BINS],
}

/// How many ended stays the tables remember.
const MEMORY: f64 = 1_500.0;

impl Stays {
    /// Makes a table that begins with so many pseudo-stays of a lognormal law with a mean in
    /// seconds and a coefficient of variation.
    pub(super) fn new(count: f64, mean: f64, cv: f64) -> Self {
        let variance = libm::log1p(cv * cv);
        let (mu, sigma) = (libm::log(mean) - variance / 2.0, libm::sqrt(variance));
        let left = |edge: f64| {
            if edge > 0.0 {
                0.5 * libm::erfc((libm::log(edge) - mu) / (sigma * core::f64::consts::SQRT_2))
            } else {
                1.0
            }
        };
        let bins = STAY_EDGES.windows(2).map(|edges| {
            let (from, to) = (left(edges[0]), left(edges[1]));
            (count * from, count * (from - to))
        });
        Self::with_prior(bins.collect())
    }

    /// Makes a table that begins with pseudo-entries and pseudo-ends for each bin.
    pub(super) fn with_prior(prior: Vec<(f64, f64)>) -> Self {
        let mut stays = Self {
            here: [0; STAY_BINS],
            total: 0,
            entered: [0.0; STAY_BINS],
            ended: [0.0; STAY_BINS],
            prior,
            unfaded: 0.0,
            news: 0,
            left: [1.0; STAY_BINS + 1],
            hazard: [0.0; STAY_BINS],
        };
        stays.learn();
        stays
    }

    /// Somebody comes into a bin; gives the chance foretold for the stay to end in it.
    pub(super) fn enter(&mut self, bin: usize) -> f64 {
        self.here[bin] += 1;
        self.total += 1;
        self.entered[bin] += 1.0;
        self.hazard[bin]
    }

    /// Somebody leaves a bin: the stay is over, or has only grown older or out of sight.
    pub(super) fn leave(&mut self, bin: usize, over: bool) {
        self.here[bin] = self.here[bin].saturating_sub(1);
        self.total = self.total.saturating_sub(1);
        if over {
            self.ended[bin] += 1.0;
            self.unfaded += 1.0;
            self.news += 1;
        }
    }

    /// Who is in each bin now.
    pub(super) fn by_age(&self) -> &[u32; STAY_BINS] {
        &self.here
    }

    /// How many are under way.
    pub(super) fn total(&self) -> u32 {
        self.total
    }

    /// Works the table out from what was seen.
    pub(super) fn learn(&mut self) {
        self.news = 0;
        if self.unfaded > 0.0 {
            let keep = libm::exp(-self.unfaded / MEMORY);
            self.unfaded = 0.0;
            self.entered.iter_mut().chain(&mut self.ended).for_each(|count| *count *= keep);
        }
        for bin in 0..STAY_BINS {
            let (entered, ended) = self.prior.get(bin).copied().unwrap_or_default();
            // Whoever is in the bin now has been at risk in half of it (the actuarial estimate).
            let risk = entered + self.entered[bin] - 0.5 * f64::from(self.here[bin]);
            let chance = if risk > 1e-9 { (ended + self.ended[bin]) / risk } else { 0.0 };
            self.hazard[bin] = chance.clamp(0.0, 1.0);
            self.left[bin + 1] = self.left[bin] * (1.0 - self.hazard[bin]);
        }
    }

    /// Begins with what was learnt before: stays that ended and that went out of sight, by bin,
    /// as so many pseudo-stays at most.
    pub(super) fn seed(&mut self, past: &BTreeMap<u8, [f64; 2]>, most: f64) {
        let all = past.values().flatten().sum::<f64>();
        let scale = (most / all.max(1e-9)).min(1.0);
        for (&bin, [over, seen]) in past {
            let bin = usize::from(bin).min(STAY_BINS - 1);
            self.ended[bin] += scale * over;
            self.entered[..=bin].iter_mut().for_each(|count| *count += scale * (over + seen));
        }
        self.learn();
    }

    /// Takes a known law instead of what was seen: the share that outlasts each bin edge.
    pub(super) fn know(&mut self, left: &[f64]) {
        for (kept, known) in self.left.iter_mut().zip(left) {
            *kept = *known;
        }
    }

    /// The share that outlasts each bin edge.
    pub(super) fn left(&self) -> &[f64; STAY_BINS + 1] {
        &self.left
    }

    /// The mean of the table, in seconds.
    pub(super) fn mean(&self) -> f64 {
        let widths = STAY_EDGES.windows(2).map(|edges| edges[1] - edges[0]);
        let halves = self.left.windows(2).map(|left| 0.5 * (left[0] + left[1]));
        widths.zip(halves).map(|(width, left)| width * left).sum()
    }
}

/// Walks along a survival table: the moments asked for never go back.
pub(super) struct Walk<'t> {
    left: &'t [f64; STAY_BINS + 1],
    bin: usize,
}

impl<'t> Walk<'t> {
    /// Begins at a bin.
    pub(super) fn from(left: &'t [f64; STAY_BINS + 1], bin: usize) -> Self {
        Self { left, bin }
    }

    /// The share that outlasts a moment, linearly between two edges.
    pub(super) fn at(&mut self, seconds: f64) -> f64 {
        while self.bin + 1 < STAY_BINS && STAY_EDGES[self.bin + 1] <= seconds {
            self.bin += 1;
        }
        let (from, to) = (STAY_EDGES[self.bin], STAY_EDGES[self.bin + 1]);
        let part = ((seconds - from) / (to - from)).clamp(0.0, 1.0);
        self.left[self.bin] + (self.left[self.bin + 1] - self.left[self.bin]) * part
    }
}

#[cfg(test)]
mod tests {
    use super::super::grid::stay_bin;
    use super::*;

    /// Lets one stay of so many seconds go by.
    fn pass(stays: &mut Stays, seconds: f64, over: bool) {
        let last = stay_bin(seconds);
        for bin in 0..=last {
            stays.enter(bin);
            stays.leave(bin, over && bin == last);
        }
    }

    #[test]
    fn the_product_limit_keeps_what_is_censored_out_of_the_ends() {
        let mut stays = Stays::new(0.0, 100.0, 1.0);
        for nth in 0..1_000 {
            // Half last 20 s; the others were seen for 10 s only and say nothing of 20 s.
            pass(&mut stays, if nth % 2 == 0 { 20.0 } else { 10.0 }, nth % 2 == 0);
        }
        stays.learn();
        let mut walk = Walk::from(stays.left(), 0);
        assert!(walk.at(15.0) > 0.999 && walk.at(25.0) < 0.001);
    }

    #[test]
    fn the_first_guess_has_the_mean_it_was_made_with() {
        let stays = Stays::new(12.0, 120.0, 1.0);
        assert!((stays.mean() - 120.0).abs() < 4.0, "{}", stays.mean());
    }
}
