//! How well a trunk carries calls, hour by hour, and whether an hour falls below its own record.

use serde::{Deserialize, Serialize};

use crate::units::{Ratio, Span};

/// What became of the calls that went out over a trunk, counted by the moment each began.
///
/// Calls that we took back before they rang, or that our own stop cut, say nothing of the trunk
/// and are not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// Calls sent to the trunk.
    pub seizures: u64,
    /// Of those, the answered ones.
    pub answered: u64,
    /// Of those, the ones that reached the far end: answered, busy, rung without answer, declined,
    /// or refused there for the number shown.
    pub effective: u64,
    /// Of those, the ones that rang, or brought early media.
    pub rang: u64,
    /// From the call's beginning to its first ringing, over all that rang.
    pub delay: Span,
    /// From the answer to the end, over all answered.
    pub talk: Span,
}

/// A figure of a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// The network effectiveness ratio.
    Ner,
    /// The answer-seizure ratio.
    Asr,
}

/// An hour far below a trunk's own record.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fall {
    /// Of which figure; the network's own where both fell.
    pub figure: Figure,
    /// The hour's share.
    pub hour: Ratio,
    /// That of the record.
    pub record: Ratio,
}

/// An hour is judged from so many calls on: at a share of a half, four standard deviations are
/// then 28 points.
pub const SEIZURES_MIN: u64 = 50;

/// And against so many hours that are themselves large enough: a working day and a half.
pub const HOURS_MIN: usize = 12;

/// How long a record reaches back: as long as what the pacers learn, four weeks.
pub const RECORD: Span = crate::core::pacing::prior::KEPT;

/// Chance alone brings an hour so far below its record once in 30,000 (the normal law). An hour is
/// judged each minute while it fills, and a centre has some ten trunks: less would cry wolf.
const SIGMAS: f64 = 4.0;

/// A fall by less than a fifth of the record is not worth a telephone call to the carrier.
const MATTERS: f64 = 0.8;

impl Quality {
    /// Gives the answer-seizure ratio (ITU-T E.411): the share of calls that are answered.
    #[must_use]
    pub fn asr(&self) -> Option<Ratio> {
        share(self.answered, self.seizures)
    }

    /// Gives the network effectiveness ratio (ITU-T E.425): the share of calls that reach the far
    /// end, whatever is done there.
    #[must_use]
    pub fn ner(&self) -> Option<Ratio> {
        share(self.effective, self.seizures)
    }

    /// Gives the average duration of the answered calls (ACD).
    #[must_use]
    pub fn acd(&self) -> Option<Span> {
        mean(self.talk, self.answered)
    }

    /// Gives the average delay until it rings (post-dial delay).
    #[must_use]
    pub fn pdd(&self) -> Option<Span> {
        mean(self.delay, self.rang)
    }

    /// Says whether an hour falls well below a record of other hours of the same trunk: by a
    /// one-sided test of its count against the record's share, at four standard deviations. Answers
    /// come and go with the hour of the day and the list, so the binomial variance is widened by
    /// how much the record's own hours differ: Pearson's dispersion (McCullagh and Nelder,
    /// *Generalized Linear Models*, 2nd ed. 1989, §4.5).
    #[must_use]
    pub fn falls_below(&self, record: &[Self]) -> Option<Fall> {
        self.falls(record, Figure::Ner, |hour| hour.effective)
            .or_else(|| self.falls(record, Figure::Asr, |hour| hour.answered))
    }

    fn falls(&self, record: &[Self], figure: Figure, good: fn(&Self) -> u64) -> Option<Fall> {
        let large = |hour: &&Self| hour.seizures >= SEIZURES_MIN;
        let hours: Vec<(f64, f64)> = record
            .iter()
            .filter(large)
            .map(|hour| (float(good(hour)), float(hour.seizures)))
            .collect();
        if self.seizures < SEIZURES_MIN || hours.len() < HOURS_MIN {
            return None;
        }
        let (sum, all) = hours.iter().fold((0.0, 0.0), |(x, n), hour| (x + hour.0, n + hour.1));
        // Half a call on either side keeps a perfect record refutable.
        let p = (sum + 0.5) / (all + 1.0);
        let apart = |(x, n): &(f64, f64)| (x - n * p) * (x - n * p) / (n * p * (1.0 - p));
        let dispersion = hours.iter().map(apart).sum::<f64>() / float(hours.len() as u64 - 1);
        let (had, n) = (float(good(self)), float(self.seizures));
        let variance = dispersion.max(1.0) * n * p * (1.0 - p) * (1.0 + n / all);
        // Half a call is taken off the difference: the count is whole, the normal law is not.
        let short = n * p - had - 0.5;
        let falls = short > SIGMAS * libm::sqrt(variance) && had < MATTERS * n * p;
        falls.then(|| Fall { figure, hour: Ratio::new(had / n), record: Ratio::new(p) })
    }
}

fn share(part: u64, whole: u64) -> Option<Ratio> {
    (whole > 0).then(|| Ratio::new(float(part) / float(whole)))
}

fn mean(sum: Span, count: u64) -> Option<Span> {
    sum.as_micros().checked_div(count).map(Span::micros)
}

#[expect(clippy::cast_precision_loss, reason = "no hour counts to 2^53 calls")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(seizures: u64, effective: u64, answered: u64) -> Quality {
        Quality { seizures, answered, effective, ..Quality::default() }
    }

    fn told(record: &[Quality], hour: Quality) -> Option<Figure> {
        hour.falls_below(record).map(|fall| fall.figure)
    }

    #[test]
    fn ratios_are_those_of_the_recommendations() {
        let quality = Quality {
            seizures: 200,
            answered: 80,
            effective: 170,
            rang: 160,
            delay: Span::secs(320),
            talk: Span::secs(7_200),
        };
        assert_eq!(quality.asr(), Some(Ratio::new(0.4)));
        assert_eq!(quality.ner(), Some(Ratio::new(0.85)));
        assert_eq!(quality.acd(), Some(Span::secs(90)));
        assert_eq!(quality.pdd(), Some(Span::secs(2)));
        let none = Quality::default();
        assert_eq!((none.asr(), none.ner(), none.acd(), none.pdd()), (None, None, None, None));
    }

    #[test]
    fn an_hour_well_below_a_steady_record_is_told() {
        let steady = vec![hour(400, 380, 160); 20];
        assert_eq!(told(&steady, hour(400, 376, 150)), None);
        assert_eq!(told(&steady, hour(400, 380, 100)), Some(Figure::Asr));
        assert_eq!(told(&steady, hour(400, 200, 80)), Some(Figure::Ner), "the network's own first");
        assert_eq!(told(&steady, hour(60, 20, 8)), Some(Figure::Ner));
        assert_eq!(told(&steady, hour(40, 0, 0)), None, "too few calls to judge");
        assert_eq!(told(&steady[..11], hour(400, 0, 0)), None, "too short a record");
        assert_eq!(told(&vec![hour(400, 400, 400); 20], hour(400, 300, 300)), Some(Figure::Ner));
        assert_eq!(told(&steady, hour(400, 400, 400)), None, "better is no fall");
    }

    #[test]
    fn a_record_that_swings_with_the_day_forgives_its_own_swings() {
        let swings = |n: u64| hour(400, 380, if n.is_multiple_of(2) { 100 } else { 220 });
        let record: Vec<_> = (0..20).map(swings).collect();
        assert_eq!(told(&record, hour(400, 380, 90)), None);
        let large = vec![hour(100_000, 95_000, 40_000); 20];
        assert_eq!(told(&large, hour(100_000, 95_000, 38_000)), None, "too small to matter");
    }
}
