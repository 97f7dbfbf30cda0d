//! Chance: one seed, a stream for every actor, and the laws they draw from.
//!
//! A stream depends on the seed and on its actor alone, so that adding an actor, or having one
//! draw more, disturbs no other.

use rand_core::Rng as _;
use rand_pcg::Pcg64Mcg;

use crate::units::Span;

/// Who draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// One day of a run.
    Day(u64),
    /// The maker of a random world.
    Maker,
    /// The far end of the nth attempt at a contact.
    Callee(u64, u64),
    /// An agent.
    Agent(u32),
    /// The carrier: bursts, refusals and outages.
    Carrier,
    /// The world's misfortunes.
    Faults,
    /// The disk.
    Disk,
    /// The core's own chance.
    Core,
}

impl Actor {
    const fn words(self) -> [u64; 3] {
        match self {
            Self::Day(day) => [1, day, 0],
            Self::Maker => [2, 0, 0],
            Self::Callee(contact, attempt) => [3, contact, attempt],
            Self::Agent(agent) => [4, agent as u64, 0],
            Self::Carrier => [5, 0, 0],
            Self::Faults => [6, 0, 0],
            Self::Disk => [7, 0, 0],
            Self::Core => [8, 0, 0],
        }
    }
}

/// Scatters a word over all of its bits (the finaliser of SplitMix64: Steele, Lea, Flood,
/// "Fast splittable pseudorandom number generators", OOPSLA 2014, figure 17).
const fn scatter(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Makes the seed of an actor's own from a run's seed.
#[must_use]
pub fn seed_of(seed: u64, actor: Actor) -> u64 {
    // The golden-ratio step of the same paper keeps equal words at different places apart.
    actor.words().iter().fold(scatter(seed), |mixed, word| {
        scatter(mixed.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ scatter(*word))
    })
}

/// One actor's stream of chance (PCG-XSL-RR 128/64, O'Neill, HMC-CS-2014-0905).
#[derive(Clone, Debug)]
pub struct Stream(Pcg64Mcg);

impl Stream {
    /// Opens an actor's stream.
    #[must_use]
    pub fn new(seed: u64, actor: Actor) -> Self {
        let high = seed_of(seed, actor);
        Self(Pcg64Mcg::new(u128::from(high) << 64 | u128::from(scatter(!high))))
    }

    /// Draws a number from 0, included, to 1, excluded, with 53 random bits.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a float's mantissa")]
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Says yes with the given probability.
    pub fn yes(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Draws a whole number below `bound`; 0 when there is none.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The widening product of Lemire, "Fast random integer generation in an interval" (2019),
        // without its rejection: the bias is below bound / 2^64.
        let wide = u128::from(self.0.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// Draws from the standard normal law (Box and Muller, Annals of Mathematical Statistics 29,
    /// 1958).
    fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(core::f64::consts::TAU * self.unit())
    }

    /// Draws a length of time.
    pub fn span(&mut self, law: &Law) -> Span {
        Span::from_secs_f64(self.draw(law))
    }

    fn draw(&mut self, law: &Law) -> f64 {
        match &law.0 {
            Kind::Fixed(value) => *value,
            Kind::Uniform { lo, hi } => lo + (hi - lo) * self.unit(),
            Kind::Exp { mean } => -mean * libm::log(1.0 - self.unit()),
            Kind::Lognormal { mu, sigma } => libm::exp(mu + sigma * self.normal()),
            Kind::Lomax { scale, shape } => {
                scale * (libm::pow(1.0 - self.unit(), -1.0 / shape) - 1.0)
            }
            Kind::Mix(parts) => {
                let mut left = self.unit();
                for (weight, part) in parts {
                    if left < *weight {
                        return self.draw(part);
                    }
                    left -= weight;
                }
                parts.last().map_or(0.0, |(_, part)| self.draw(part))
            }
            Kind::Empirical(quantiles) => between(quantiles, self.unit()),
        }
    }
}

/// A law of durations in seconds; none of them gives a negative one.
#[derive(Clone, Debug, PartialEq)]
pub struct Law(Kind);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Fixed(f64),
    Uniform {
        lo: f64,
        hi: f64,
    },
    Exp {
        mean: f64,
    },
    Lognormal {
        mu: f64,
        sigma: f64,
    },
    Lomax {
        scale: f64,
        shape: f64,
    },
    Mix(Vec<(f64, Law)>),
    /// Quantiles at even steps, the least and the greatest among them.
    Empirical(Vec<f64>),
}

/// Quantiles kept of a sample: a step of half a hundredth.
const QUANTILES_MAX: usize = 201;

/// Gives the value at a share from 0 to 1 of the way through even steps.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "few steps")]
#[expect(clippy::cast_sign_loss, reason = "the share is not negative")]
fn between(steps: &[f64], share: f64) -> f64 {
    let place = share * (steps.len().saturating_sub(1)) as f64;
    let below = libm::floor(place);
    let at = |nth: usize| steps.get(nth).or_else(|| steps.last()).copied().unwrap_or(0.0);
    let (low, high) = (at(below as usize), at(below as usize + 1));
    low + (high - low) * (place - below)
}

/// Gives the share of even steps that do not exceed a value; the inverse of [`between`].
#[expect(clippy::cast_precision_loss, reason = "a few hundred steps")]
fn reached(steps: &[f64], value: f64) -> f64 {
    let above = steps.partition_point(|step| *step <= value);
    let (Some(below), Some(next)) = (above.checked_sub(1), steps.get(above)) else {
        return if above == 0 { 0.0 } else { 1.0 };
    };
    let low = steps.get(below).copied().unwrap_or(0.0);
    (below as f64 + (value - low) / (next - low)) / (steps.len() - 1) as f64
}

/// The numbers make no law of durations.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoLaw {
    /// A number is negative, not finite, or zero where it must not be.
    #[error("{what} is {value}: it must be {must}")]
    Number {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What it should be.
        must: &'static str,
    },
    /// A mixture has no part, or a sample no value.
    #[error("a mixture needs at least one part, a sample at least one value")]
    Empty,
}

fn positive(what: &'static str, value: f64) -> Result<f64, NoLaw> {
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err(NoLaw::Number { what, value, must: "greater than 0" })
    }
}

fn at_least(what: &'static str, value: f64, least: f64) -> Result<f64, NoLaw> {
    if value.is_finite() && value >= least {
        Ok(value)
    } else {
        Err(NoLaw::Number { what, value, must: "finite, not negative, and in order" })
    }
}

impl Law {
    /// Always `value` seconds.
    ///
    /// # Errors
    /// The value is negative or not finite.
    pub fn fixed(value: f64) -> Result<Self, NoLaw> {
        Ok(Self(Kind::Fixed(at_least("value", value, 0.0)?)))
    }

    /// Evenly from `lo` to `hi` seconds.
    ///
    /// # Errors
    /// A bound is negative or not finite, or they are in the wrong order.
    pub fn uniform(lo: f64, hi: f64) -> Result<Self, NoLaw> {
        let lo = at_least("lo", lo, 0.0)?;
        Ok(Self(Kind::Uniform { lo, hi: at_least("hi", hi, lo)? }))
    }

    /// Exponential with a mean in seconds.
    ///
    /// # Errors
    /// The mean is not positive.
    pub fn exp(mean: f64) -> Result<Self, NoLaw> {
        Ok(Self(Kind::Exp { mean: positive("mean", mean)? }))
    }

    /// Lognormal with an arithmetic mean in seconds and a coefficient of variation:
    /// σ² = ln(1 + cv²), μ = ln(mean) − σ²/2.
    ///
    /// # Errors
    /// The mean or the coefficient is not positive.
    pub fn lognormal(mean: f64, cv: f64) -> Result<Self, NoLaw> {
        let (mean, cv) = (positive("mean", mean)?, positive("cv", cv)?);
        let variance = libm::log1p(cv * cv);
        let mu = libm::log(mean) - variance / 2.0;
        Ok(Self(Kind::Lognormal { mu, sigma: libm::sqrt(variance) }))
    }

    /// Lomax (Pareto II) with a mean in seconds and a shape: scale = mean · (shape − 1).
    ///
    /// # Errors
    /// The mean is not positive, or the shape is not above 1 (there is no mean then).
    pub fn lomax(mean: f64, shape: f64) -> Result<Self, NoLaw> {
        let mean = positive("mean", mean)?;
        if !(shape.is_finite() && shape > 1.0) {
            return Err(NoLaw::Number { what: "shape", value: shape, must: "greater than 1" });
        }
        Ok(Self(Kind::Lomax { scale: mean * (shape - 1.0), shape }))
    }

    /// The share of draws that do not exceed so many seconds.
    #[must_use]
    pub fn by(&self, seconds: f64) -> f64 {
        match &self.0 {
            Kind::Fixed(value) => f64::from(u8::from(seconds >= *value)),
            _ if seconds <= 0.0 => 0.0,
            Kind::Uniform { lo, hi } if hi > lo => ((seconds - lo) / (hi - lo)).clamp(0.0, 1.0),
            Kind::Uniform { lo, .. } => f64::from(u8::from(seconds >= *lo)),
            Kind::Exp { mean } => 1.0 - libm::exp(-seconds / mean),
            Kind::Lognormal { mu, sigma } => {
                let z = (libm::log(seconds) - mu) / sigma;
                0.5 * libm::erfc(-z * core::f64::consts::FRAC_1_SQRT_2)
            }
            Kind::Lomax { scale, shape } => 1.0 - libm::pow(1.0 + seconds / scale, -shape),
            Kind::Empirical(steps) => reached(steps, seconds),
            Kind::Mix(parts) => parts.iter().map(|(weight, part)| weight * part.by(seconds)).sum(),
        }
    }

    /// As in a sample of seconds: its quantiles, joined by straight lines.
    ///
    /// # Errors
    /// The sample is empty, or a value is negative or not finite.
    #[expect(clippy::cast_precision_loss, reason = "no sample has 2^53 values")]
    pub fn empirical(mut sample: Vec<f64>) -> Result<Self, NoLaw> {
        for value in &sample {
            at_least("a measured value", *value, 0.0)?;
        }
        if sample.is_empty() {
            return Err(NoLaw::Empty);
        }
        sample.sort_by(f64::total_cmp);
        if sample.len() > QUANTILES_MAX {
            let steps = QUANTILES_MAX - 1;
            let at = |nth: usize| between(&sample, nth as f64 / steps as f64);
            sample = (0..=steps).map(at).collect();
        }
        Ok(Self(Kind::Empirical(sample)))
    }

    /// A mixture of laws with weights, which are scaled to sum to 1.
    ///
    /// # Errors
    /// There is no part, or a weight is not positive.
    pub fn mix(parts: Vec<(f64, Self)>) -> Result<Self, NoLaw> {
        let mut sum = 0.0;
        for (weight, _) in &parts {
            sum += positive("w", *weight)?;
        }
        if parts.is_empty() {
            return Err(NoLaw::Empty);
        }
        Ok(Self(Kind::Mix(parts.into_iter().map(|(weight, law)| (weight / sum, law)).collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_of(law: &Law) -> f64 {
        let mut stream = Stream::new(7, Actor::Maker);
        let draws = 200_000;
        (0..draws).map(|_| stream.draw(law)).sum::<f64>() / f64::from(draws)
    }

    #[test]
    fn every_law_keeps_its_mean() -> Result<(), NoLaw> {
        let cases = [
            (Law::fixed(4.0)?, 4.0),
            (Law::uniform(2.0, 6.0)?, 4.0),
            (Law::exp(4.0)?, 4.0),
            (Law::lognormal(4.0, 0.9)?, 4.0),
            (Law::lomax(4.0, 3.0)?, 4.0),
            (Law::empirical((0..1_000).map(|nth| f64::from(nth % 9)).collect())?, 4.0),
            (Law::mix(vec![(3.0, Law::fixed(1.0)?), (1.0, Law::exp(9.0)?)])?, 3.0),
        ];
        for (law, mean) in cases {
            let seen = mean_of(&law);
            assert!((seen - mean).abs() < 0.08, "{law:?}: {seen} is not {mean}");
        }
        Ok(())
    }

    #[test]
    fn numbers_that_make_no_law_are_refused() {
        assert!(Law::fixed(-1.0).is_err());
        assert!(Law::uniform(2.0, 1.0).is_err());
        assert!(Law::exp(f64::NAN).is_err());
        assert!(Law::lognormal(1.0, 0.0).is_err());
        assert!(Law::lomax(1.0, 1.0).is_err());
        assert!(Law::mix(Vec::new()).is_err());
        assert!(Law::empirical(Vec::new()).is_err());
        assert!(Law::empirical(vec![1.0, -1.0]).is_err());
    }

    #[test]
    fn the_streams_of_two_actors_have_nothing_in_common() {
        let actors = [
            Actor::Callee(1, 0),
            Actor::Callee(0, 1),
            Actor::Agent(1),
            Actor::Day(1),
            Actor::Carrier,
            Actor::Core,
        ];
        let mut seeds: Vec<u64> = actors.into_iter().map(|actor| seed_of(1, actor)).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 6);
    }
}
