//! The moments a forecast looks ahead to, and the bins it counts ages in.

use crate::units::{Mono, Span};

/// How many moments ahead are looked at.
pub(super) const HORIZONS: usize = 13;

/// The moments ahead, in seconds: dense where most calls are answered, 40 s at the far end, beyond
/// which hardly a telephone rings (pacing.md's grid of the same moments).
pub(super) const HORIZON_S: [f64; HORIZONS] =
    [1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 13.0, 16.0, 20.0, 25.0, 31.0, 40.0];

/// A value at each moment ahead.
pub(super) type Curve = [f64; HORIZONS];

/// The width of a bin of ring ages, in seconds.
pub(super) const RING_BIN_S: f64 = 0.5;

/// Bins of ring ages: one minute; what rings longer stays in the last.
pub(super) const RING_BINS: usize = 120;

/// Which half second of the run a moment lies in.
pub(super) fn slot_of(moment: Mono) -> u64 {
    moment.as_micros() / SLOT.as_micros()
}

/// A half second.
pub(super) const SLOT: Span = Span::millis(500);

/// Bins of talk and write-up times.
pub(super) const STAY_BINS: usize = 100;

/// Where each bin of talk and write-up times begins, in seconds: 0, then from half a second up in
/// steps of a tenth, to 6,300 s; what lasts longer stays in the last.
pub(super) const STAY_EDGES: [f64; STAY_BINS + 1] = {
    let mut edges = [0.0; STAY_BINS + 1];
    let mut edge = 0.5;
    let mut bin = 1;
    while bin <= STAY_BINS {
        edges[bin] = edge;
        edge *= 1.1;
        bin += 1;
    }
    edges
};

/// The bin a stay of that many seconds lies in.
pub(super) fn stay_bin(seconds: f64) -> usize {
    STAY_EDGES.partition_point(|&edge| edge <= seconds).clamp(1, STAY_BINS) - 1
}

/// A bin or slot count as an index.
pub(super) fn index(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_age_lies_in_the_bin_whose_edges_hold_it() {
        for (age, bin) in [(0.0, 0), (0.49, 0), (0.5, 1), (0.55, 2), (1e9, STAY_BINS - 1)] {
            assert_eq!(stay_bin(age), bin, "{age}");
        }
    }
}
