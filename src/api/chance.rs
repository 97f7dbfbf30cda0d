//! Intervals of 95 %: how far a figure may be from the truth when few were counted.
//!
//! All of them are exact for their model, so they hold with three contacts as with three thousand,
//! and on average they are a little too wide rather than too narrow.

use statrs::distribution::{Beta, ContinuousCDF, Gamma, StudentsT};
use statrs::function::beta::ln_beta;

/// The chance left on either side of an interval of 95 %.
const TAIL: f64 = 0.025;

/// A range, from its lower to its upper end.
pub(super) type Range = [f64; 2];

/// Gives the interval of a share: `part` of `whole`, by Clopper and Pearson, "The use of confidence
/// or fiducial limits illustrated in the case of the binomial", Biometrika 26 (1934), 404–413.
pub(super) fn share(part: u64, whole: u64) -> Range {
    let (part, rest) = (float(part.min(whole)), float(whole.saturating_sub(part)));
    let low = || beta(part, rest + 1.0).inverse_cdf(TAIL);
    let high = || beta(part + 1.0, rest).inverse_cdf(1.0 - TAIL);
    [if part > 0.0 { low() } else { 0.0 }, if rest > 0.0 { high() } else { 1.0 }]
}

/// Gives the interval of the mean of a Poisson count of which `counted` happened, by the gamma
/// quantiles of Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28 (1936),
/// 437–442. A count that is not whole is one scaled to another time.
pub(super) fn expected(counted: f64) -> Range {
    let low = || gamma(counted).inverse_cdf(TAIL);
    [if counted > 0.0 { low() } else { 0.0 }, gamma(counted + 1.0).inverse_cdf(1.0 - TAIL)]
}

/// Gives the interval of a mean, of which `count` values have this sum and sum of squares, by
/// Student, "The probable error of a mean", Biometrika 6 (1908), 1–25; `None` of fewer than two.
pub(super) fn mean(count: u64, sum: f64, squares: f64) -> Option<Range> {
    if count < 2 {
        return None;
    }
    let n = float(count);
    let mean = sum / n;
    let variance = ((squares - sum * mean) / (n - 1.0)).max(0.0);
    let student = StudentsT::new(0.0, 1.0, n - 1.0).expect("two values leave one degree");
    let reach = student.inverse_cdf(1.0 - TAIL) * libm::sqrt(variance / n);
    Some([(mean - reach).max(0.0), mean + reach])
}

/// Gives how many of the next `rest` will be such as `part` of `whole` were: the quantiles of the
/// beta-binomial law after the prior of Jeffreys, "An invariant form for the prior probability in
/// estimation problems", Proc. R. Soc. A 186 (1946), 453–461.
pub(super) fn of_the_next(part: u64, whole: u64, rest: u64) -> [u64; 2] {
    let (a, b) = (float(part.min(whole)) + 0.5, float(whole.saturating_sub(part)) + 0.5);
    let n = float(rest);
    let mut log_chance = ln_beta(a, b + n) - ln_beta(a, b);
    let (mut below, mut ends) = (0.0, [None, None]);
    for k in 0..rest {
        below += libm::exp(log_chance);
        for (end, level) in ends.iter_mut().zip([TAIL, 1.0 - TAIL]) {
            if end.is_none() && below >= level {
                *end = Some(k);
            }
        }
        if ends[1].is_some() {
            break;
        }
        let k = float(k);
        log_chance += libm::log((n - k) * (k + a) / ((k + 1.0) * (n - k - 1.0 + b)));
    }
    ends.map(|end| end.unwrap_or(rest))
}

fn beta(a: f64, b: f64) -> Beta {
    Beta::new(a, b).expect("a count and one more are above zero")
}

fn gamma(shape: f64) -> Gamma {
    Gamma::new(shape, 1.0).expect("a count that is not zero, or one more, is above zero")
}

/// Gives a count as a float.
#[expect(clippy::cast_precision_loss, reason = "no campaign counts to 2^53")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= 0.000_6 * expected.abs().max(0.1)
    }

    #[test]
    fn shares_have_the_limits_of_the_printed_tables() {
        // Clopper and Pearson's limits at 95 %; those of nought are 1 − 0.025^(1/n).
        let table = [
            (0, 20, 0.0, 0.168_4),
            (20, 20, 0.831_6, 1.0),
            (1, 10, 0.002_53, 0.445_0),
            (5, 10, 0.187_1, 0.812_9),
            (10, 100, 0.049_0, 0.176_2),
            (15, 1_000, 0.008_42, 0.024_62),
        ];
        for (part, whole, low, high) in table {
            let [found_low, found_high] = share(part, whole);
            assert!(near(found_low, low) && near(found_high, high), "{part}/{whole}");
        }
        let (nothing, none) = (share(0, 0), [0.0, 1.0]);
        assert!(near(nothing[0], none[0]) && near(nothing[1], none[1]), "nothing is known");
    }

    #[test]
    fn counts_have_the_limits_of_the_printed_tables() {
        // Garwood's limits at 95 %, as every table of the Poisson mean has them.
        let table = [
            (0.0, 0.0, 3.688_9),
            (1.0, 0.025_3, 5.571_6),
            (4.0, 1.089_9, 10.241_6),
            (10.0, 4.795_4, 18.390_4),
            (100.0, 81.363_9, 121.627_2),
        ];
        for (counted, low, high) in table {
            let [found_low, found_high] = expected(counted);
            assert!(near(found_low, low) && near(found_high, high), "{counted}");
        }
    }

    #[test]
    fn a_large_count_is_as_exact_as_a_small_one() {
        // Wilson and Hilferty's cube, which is exact to a hundredth at this size.
        let [low, high] = expected(1_000_000.0);
        let cube =
            |n: f64, z: f64| n * libm::pow(1.0 - 1.0 / (9.0 * n) + z / (3.0 * libm::sqrt(n)), 3.0);
        assert!((low - cube(1_000_000.0, -1.959_964)).abs() < 0.1, "{low}");
        assert!((high - cube(1_000_001.0, 1.959_964)).abs() < 0.1, "{high}");
        let [low, high] = share(500_000, 1_000_000);
        assert!((low - 0.499_02).abs() < 1e-5 && (high - 0.500_98).abs() < 1e-5, "{low} {high}");
    }

    /// Sums a law's chances of the counts whose interval holds the truth.
    fn held(law: impl Iterator<Item = (f64, Range)>, truth: f64) -> f64 {
        law.filter(|(_, [low, high])| (*low..=*high).contains(&truth)).map(|(p, _)| p).sum()
    }

    #[test]
    fn the_truth_is_inside_at_least_nineteen_times_out_of_twenty() {
        for step in 1..200_u32 {
            let p = f64::from(step) / 200.0;
            let (mut chance, n) = (libm::pow(1.0 - p, 25.0), 25);
            let binomial = (0..=n).map(|k| {
                let now = (chance, share(k, n));
                chance *= float(n - k) / float(k + 1) * p / (1.0 - p);
                now
            });
            let covered = held(binomial, p);
            assert!(covered >= 0.95, "share {p}: {covered}");
            let truth = f64::from(step) / 10.0;
            let mut chance = libm::exp(-truth);
            let poisson = (0..100).map(|k| {
                let now = (chance, expected(float(k)));
                chance *= truth / float(k + 1);
                now
            });
            let covered = held(poisson, truth);
            assert!(covered >= 0.95, "count {truth}: {covered}");
        }
    }

    #[test]
    fn a_mean_reaches_as_far_as_student_says() {
        // 2, 4, 6: mean 4, deviation 2, t(2) = 4.3027, so 4 ± 4.3027 · 2 / √3 = 4 ± 4.968.
        let [low, high] = mean(3, 12.0, 56.0).expect("three values");
        assert!(near(low, 0.0) && near(high, 8.968), "{low} {high}");
        // Ten of 1 and ten of 3: mean 2, deviation √(20/19), t(19) = 2.0930.
        let [low, high] = mean(20, 40.0, 100.0).expect("twenty values");
        assert!(near(low, 2.0 - 0.480_2) && near(high, 2.0 + 0.480_2), "{low} {high}");
        assert_eq!(mean(1, 5.0, 25.0), None);
    }

    #[test]
    fn what_comes_next_is_told_with_the_luck_of_the_draw() {
        // Of one more contact after one of two: either may happen.
        assert_eq!(of_the_next(1, 2, 1), [0, 1]);
        assert_eq!(of_the_next(5, 100, 0), [0, 0]);
        // Knowing nothing, Jeffreys' law of the next two is 3/8, 1/4, 3/8.
        assert_eq!(of_the_next(0, 0, 2), [0, 2]);
        // A long past leaves the binomial of 100 at ½: 40 to 60.
        assert_eq!(of_the_next(500_000, 1_000_000, 100), [40, 60]);
        // A short past leaves more: wider than the share's own interval tells, and still around 50.
        let [low, high] = of_the_next(10, 20, 100);
        assert!((25..=31).contains(&low) && (69..=75).contains(&high), "{low} {high}");
    }

    #[test]
    fn a_long_list_is_reckoned_without_running_out_of_numbers() {
        let [low, high] = of_the_next(400, 2_000, 1_000_000);
        // 20 % ± 1.96 · √(0.2 · 0.8 / 2000) = 18.2 % to 21.8 %.
        assert!((182_000..184_000).contains(&low) && (217_000..219_000).contains(&high));
    }
}
