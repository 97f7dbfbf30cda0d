//! Whether forecasts of abandoned calls come true.

use serde::{Deserialize, Serialize};

/// Calls that persons answered, what their forecasts foretold and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Foresight {
    /// Calls placed on a forecast that a person answered.
    pub answered: u64,
    /// Abandons foretold: the sum of the chances those calls were placed with.
    pub foretold: f64,
    /// The variance of their count if the forecasts are right and the calls independent.
    pub variance: f64,
    /// Of those calls, the abandoned.
    pub abandoned: u64,
}

/// What the comparison says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Chance alone explains the difference, or there is too little to compare.
    Agrees,
    /// More were abandoned than foretold.
    More,
    /// Fewer were abandoned than foretold: talk time is left unused.
    Fewer,
}

/// The answered calls among which forecasts are judged, the latest: enough to tell twice the
/// abandons at a cap of 3 % from chance, few enough to be of this hour in a pool of twenty.
pub const JUDGED: u32 = 500;

/// A forecast is doubted when abandons are beyond this factor of what was foretold, or its
/// inverse: less costs little, because the pacer corrects itself by its record (pacing.md §4.6).
const FACTOR: f64 = 2.0;

/// And when chance would do as much less often than once in a thousand comparisons: the normal
/// quantile of 0.999.
const SIGMAS: f64 = 3.09;

/// Abandons come in clusters, several persons answering one after another while nobody frees: the
/// variance of their count is about twice that of independent calls.
const CLUSTERS: f64 = 2.0;

/// Half an abandon is taken off the difference: the count is whole, the normal law is not.
const CONTINUITY: f64 = 0.5;

impl Foresight {
    /// Compares what was foretold with what came, one-sided at the level of 1 in 1,000.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        #[expect(clippy::cast_precision_loss, reason = "2^53 calls are not made")]
        let had = self.abandoned as f64;
        // A forecast that foretells nothing must still be refutable: one abandon is its unit.
        let sigma = libm::sqrt(CLUSTERS * self.variance.max(1.0));
        let apart = (had - self.foretold).abs() - CONTINUITY;
        if apart <= SIGMAS * sigma {
            Verdict::Agrees
        } else if had > FACTOR * self.foretold {
            Verdict::More
        } else if had < self.foretold / FACTOR {
            Verdict::Fewer
        } else {
            Verdict::Agrees
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_difference_that_matters_and_is_no_chance_is_told() {
        use Verdict::{Agrees, Fewer, More};
        for (foretold, abandoned, expected) in [
            (0.0, 0, Agrees),
            (0.0, 4, Agrees),
            (0.0, 5, More),
            (6.0, 12, Agrees),
            (6.0, 18, More),
            (15.0, 5, Agrees),
            (15.0, 31, Agrees),
            (15.0, 33, More),
            (40.0, 10, Fewer),
            (40.0, 25, Agrees),
            (400.0, 520, Agrees),
        ] {
            let variance = foretold * 0.97;
            let told = Foresight { answered: 1_000, foretold, variance, abandoned };
            assert_eq!(told.verdict(), expected, "{told:?}");
        }
    }
}
