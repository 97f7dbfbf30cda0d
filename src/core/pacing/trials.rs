//! Exact laws of sums of unequal Bernoulli trials.

/// Laws of several sums, side by side.
#[derive(Clone, Debug)]
pub(super) struct Laws {
    /// Room of one law: the trials it may come to, and one.
    width: usize,
    /// `width` chances of so many successes each, from none up.
    chances: Vec<f64>,
    /// How many of them are followed.
    filled: Vec<usize>,
}

/// A greatest count less likely than this is not followed: a millionth of the least chance that
/// decides anything.
const COUNT_MIN: f64 = 1e-12;

impl Laws {
    /// So many laws of sums of no trial yet, each with room for so many trials.
    pub(super) fn of_nothing(laws: usize, trials: u32) -> Self {
        let width = usize::try_from(trials).unwrap_or(usize::MAX) + 1;
        let mut chances = vec![0.0; laws * width];
        chances.iter_mut().step_by(width).for_each(|none| *none = 1.0);
        Self { width, chances, filled: vec![1; laws] }
    }

    /// The chances of each count that is followed.
    pub(super) fn of(&self, law: usize) -> &[f64] {
        let from = law * self.width;
        &self.chances[from..from + self.filled[law]]
    }

    /// Adds one trial to the law of a sum; a trial there is no room for only fails.
    pub(super) fn trial(&mut self, law: usize, p: f64) {
        let from = law * self.width;
        let filled = self.filled[law];
        let (q, mut before) = (1.0 - p, 0.0);
        for chance in &mut self.chances[from..from + filled] {
            let here = *chance;
            *chance = here * q + before * p;
            before = here;
        }
        let most = before * p;
        if most > COUNT_MIN && filled < self.width {
            self.chances[from + filled] = most;
            self.filled[law] = filled + 1;
        }
    }
}

/// The chance that one sum is at least another and so many more together.
pub(super) fn exceeds(own: &[f64], other: &[f64], more: i64) -> f64 {
    let (mut chance, mut tail) = (0.0, 0.0);
    // From the greatest count down: `tail` is the chance of at least so many.
    let mut place = own.len();
    for (count, likely) in other.iter().enumerate().rev() {
        let needed = i64::try_from(count).unwrap_or(i64::MAX).saturating_add(more);
        let needed = usize::try_from(needed).unwrap_or(0);
        while place > needed {
            place -= 1;
            tail += own[place];
        }
        chance += likely * tail;
    }
    chance
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{Binomial, Discrete as _};

    use super::*;

    #[test]
    fn the_law_of_a_sum_is_the_binomial_when_chances_are_equal() {
        let mut laws = Laws::of_nothing(2, 8);
        (0..8).for_each(|_| laws.trial(1, 0.3));
        let law = Binomial::new(0.3, 8).expect("0.3 is a chance");
        assert_eq!((laws.of(0), laws.of(1).len()), ([1.0].as_slice(), 9));
        for (count, chance) in (0..).zip(laws.of(1)) {
            assert!((law.pmf(count) - chance).abs() < 1e-12, "{count}");
        }
    }

    #[test]
    fn a_count_as_good_as_impossible_is_not_followed() {
        let mut laws = Laws::of_nothing(1, 60);
        (0..60).for_each(|_| laws.trial(0, 0.005));
        let law = Binomial::new(0.005, 60).expect("0.005 is a chance");
        assert!(laws.of(0).len() < 12, "{:?}", laws.of(0));
        let missed = 1.0 - laws.of(0).iter().sum::<f64>();
        assert!(missed < 60.0 * COUNT_MIN, "{missed}");
        assert!((laws.of(0)[3] - law.pmf(3)).abs() < 1e-12);
    }

    #[test]
    fn one_sum_is_compared_with_another_and_some_more() {
        let (two, one) = ([0.25, 0.5, 0.25], [0.5, 0.5]);
        let chances = [-2, -1, 0, 1, 2].map(|more| exceeds(&two, &one, more));
        let known = [1.0, 1.0, 7.0 / 8.0, 0.5, 1.0 / 8.0];
        let apart = chances.iter().zip(known).map(|(chance, known)| (chance - known).abs());
        assert!(apart.sum::<f64>() < 1e-12, "{chances:?}");
    }
}
