//! Who lives behind a number, and how he takes a call.

use core::f64::consts::TAU;
use core::fmt;

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use crate::units::Span;

/// How a called number behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Persona {
    /// Rings, answers, talks, hangs up at the end of the talk.
    Talks,
    /// Rings until the caller gives up, or 480 when the network's patience ends.
    RingsOut,
    /// Rings, then 486.
    Busy,
    /// Answers and hangs up at once.
    HangsUp,
    /// Answers late with a greeting and a beep, then listens.
    Voicemail,
    /// Is no number: 404.
    Invalid,
    /// Talks as well, but answers only after a long ring.
    Slow,
    /// Rings, then 603, or what [`Town::declines`] says; a network says it without ringing.
    Declines,
    /// Cannot be reached for want of room: 503.
    Congested,
    /// Hears a network announcement before it answers: 183 with early media, then talks.
    Announced,
}

impl Persona {
    /// Every persona, in the order of the last digit that asks for it under
    /// [`Cast::ByLastDigit`].
    pub const ALL: [Self; 10] = [
        Self::Talks,
        Self::RingsOut,
        Self::Busy,
        Self::HangsUp,
        Self::Voicemail,
        Self::Invalid,
        Self::Slow,
        Self::Declines,
        Self::Congested,
        Self::Announced,
    ];
}

/// How the personas are given to the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cast {
    /// Drawn by the town's weights; the same seed, number and attempt always draw the same.
    Drawn,
    /// The number's last digit is the place in [`Persona::ALL`]; for tests and trials by hand.
    ByLastDigit,
    /// Everybody is the same.
    Only(Persona),
}

/// A time drawn from a lognormal law, the usual shape of ring and talk times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lasting {
    /// Half of the draws are shorter.
    pub median: Span,
    /// The standard deviation of the logarithm; 0 makes every draw the median.
    pub sigma: f64,
    /// No draw is longer.
    pub most: Span,
}

/// The called population. Every time is multiplied by [`Town::scale`].
#[derive(Clone, Debug, PartialEq)]
pub struct Town {
    /// How personas are given out.
    pub cast: Cast,
    /// How often each persona is drawn, in the order of [`Persona::ALL`]; any positive scale.
    pub weights: [f64; 10],
    /// From the INVITE to the first ringing, between these two, evenly.
    pub post_dial: (Span, Span),
    /// From the ringing to a person's answer.
    pub ring: Lasting,
    /// From the ringing to a slow person's or a voicemail's answer.
    pub long_ring: Lasting,
    /// From the ringing to 486 or 603.
    pub refusal: Lasting,
    /// The status of who declines, and the Reason header with it, empty for none.
    pub declines: (u16, &'static str),
    /// From the answer to the called person's own hang-up.
    pub talk: Lasting,
    /// How long the network lets a phone ring.
    pub patience: Span,
    /// How long a person who hears nobody waits before hanging up.
    pub silence_patience: Span,
    /// From a voicemail's answer to its hang-up.
    pub message: Span,
    /// What every time above is multiplied by: 0.1 is ten times faster than life.
    pub scale: f64,
}

impl Default for Town {
    /// Gives an evening among private people, in life's own time: a person answers every third
    /// call. The shares and times are invented to be plausible and to show every persona; they
    /// are no statistics.
    fn default() -> Self {
        let lasting = |median: u64, sigma, most: u64| Lasting {
            median: Span::millis(median),
            sigma,
            most: Span::millis(most),
        };
        Self {
            cast: Cast::Drawn,
            weights: [28.0, 26.0, 12.0, 2.0, 16.0, 5.0, 3.0, 3.0, 3.0, 2.0],
            post_dial: (Span::millis(100), Span::millis(600)),
            ring: lasting(6_000, 0.6, 25_000),
            long_ring: lasting(15_000, 0.25, 40_000),
            refusal: lasting(1_000, 0.5, 4_000),
            declines: (603, ""),
            talk: lasting(30_000, 0.9, 600_000),
            patience: Span::secs(60),
            silence_patience: Span::secs(6),
            message: Span::secs(25),
            scale: 1.0,
        }
    }
}

/// How one call will go, as far as it is up to the called side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) persona: Persona,
    /// From the INVITE to the first ringing.
    pub(crate) post_dial: Span,
    /// From the ringing to the answer or the refusal.
    pub(crate) ring: Span,
    /// From the answer to the hang-up.
    pub(crate) talk: Span,
    /// From the answer to the hang-up if nobody is heard.
    pub(crate) silence: Option<Span>,
}

impl Town {
    /// Draws how a call goes: the same for the same seed, number and attempt, whatever was called
    /// in between, so that two dialers find the same town.
    pub(crate) fn plan(&self, seed: u64, dialled: &Dialled, attempt: u32) -> Plan {
        let mut draw = Draw::new(seed, dialled, attempt);
        let persona = match self.cast {
            Cast::Drawn => draw.weighted(&self.weights),
            Cast::ByLastDigit => dialled.last_digit_persona(),
            Cast::Only(persona) => persona,
        };
        let (soonest, latest) = self.post_dial;
        let post_dial = soonest.as_secs_f64()
            + draw.unit() * (latest.as_secs_f64() - soonest.as_secs_f64()).max(0.0);
        let [ring, long_ring, refusal, talk] =
            [self.ring, self.long_ring, self.refusal, self.talk].map(|law| draw.lasting(law));
        let (ring, talk, silence) = match persona {
            Persona::Talks | Persona::Announced => (ring, talk, Some(self.silence_patience)),
            Persona::Slow => (long_ring, talk, Some(self.silence_patience)),
            Persona::Voicemail => (long_ring, self.message, None),
            Persona::HangsUp => (ring, Span::ZERO, None),
            Persona::RingsOut => (self.patience, Span::ZERO, None),
            Persona::Busy | Persona::Declines => (refusal, Span::ZERO, None),
            Persona::Invalid | Persona::Congested => (Span::ZERO, Span::ZERO, None),
        };
        let scaled = |span: Span| Span::from_secs_f64(span.as_secs_f64() * self.scale);
        Plan {
            persona,
            post_dial: Span::from_secs_f64(post_dial * self.scale),
            ring: scaled(ring),
            talk: scaled(talk),
            silence: silence.map(scaled),
        }
    }
}

/// A number as it was dialled, in whatever form the trunk writes it. Prints redacted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dialled(String);

impl Dialled {
    pub(crate) fn new(user: &str) -> Self {
        Self(user.chars().filter(|sign| sign.is_ascii_digit() || *sign == '+').collect())
    }

    /// Gives every digit. Never log this above DEBUG.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn last_digit_persona(&self) -> Persona {
        let digit = self.0.chars().last().and_then(|sign| sign.to_digit(10)).unwrap_or(0);
        let place = usize::try_from(digit).unwrap_or(0);
        Persona::ALL.get(place).copied().unwrap_or(Persona::Talks)
    }
}

impl fmt::Debug for Dialled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.len().saturating_sub(2);
        write!(f, "•••• {}", self.0.get(shown..).unwrap_or_default())
    }
}

/// The randomness of one call.
struct Draw(Pcg64);

impl Draw {
    fn new(seed: u64, dialled: &Dialled, attempt: u32) -> Self {
        // FNV-1a (draft-eastlake-fnv §2): spreads similar numbers over the generator's seeds.
        let bytes = dialled.0.bytes().chain(attempt.to_le_bytes());
        let hash = bytes.fold(seed ^ 0xCBF2_9CE4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
        Self(Pcg64::seed_from_u64(hash))
    }

    /// Draws evenly from 0.0 up to but without 1.0.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a float holds exactly")]
    fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn weighted(&mut self, weights: &[f64; 10]) -> Persona {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (persona, weight) in Persona::ALL.into_iter().zip(weights) {
            left -= weight;
            if left < 0.0 {
                return persona;
            }
        }
        Persona::Talks
    }

    /// Draws by Box and Muller (1958), eq. 2, then takes the exponential.
    fn lasting(&mut self, law: Lasting) -> Span {
        let (radius, angle) = (1.0 - self.unit(), self.unit());
        let normal = libm::sqrt(-2.0 * libm::log(radius)) * libm::cos(TAU * angle);
        let drawn = law.median.as_secs_f64() * libm::exp(law.sigma * normal);
        Span::from_secs_f64(drawn).min(law.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> impl Iterator<Item = Dialled> {
        (0..10_000).map(|nth| Dialled::new(&format!("+3319900{nth:04}")))
    }

    #[test]
    fn the_same_seed_number_and_attempt_always_behave_the_same() {
        let town = Town::default();
        let plans = |seed| numbers().map(|n| town.plan(seed, &n, 1)).collect::<Vec<_>>();
        assert_eq!(plans(7), plans(7));
        assert_ne!(plans(7), plans(8));
        let again: Vec<_> = numbers().map(|n| town.plan(7, &n, 2)).collect();
        assert_ne!(plans(7), again);
    }

    #[test]
    fn personas_come_as_often_as_their_weights_say() {
        let town = Town::default();
        let total: f64 = town.weights.iter().sum();
        for (persona, weight) in Persona::ALL.into_iter().zip(town.weights) {
            let count = numbers().filter(|n| town.plan(1, n, 1).persona == persona).count();
            let share = f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / 10_000.0;
            // Four standard deviations of a binomial share of 10,000.
            let expected = weight / total;
            let slack = 4.0 * libm::sqrt(expected * (1.0 - expected) / 10_000.0);
            assert!((share - expected).abs() < slack, "{persona:?}: {share} for {expected}");
        }
    }

    #[test]
    fn half_of_the_talks_are_shorter_than_the_median() {
        let town = Town { cast: Cast::Only(Persona::Talks), scale: 0.1, ..Town::default() };
        let median = Span::secs(3);
        let shorter = numbers().filter(|n| town.plan(3, n, 1).talk < median).count();
        assert!((4_800..5_200).contains(&shorter), "{shorter} of 10,000");
    }

    #[test]
    fn the_last_digit_names_the_persona() {
        let town = Town { cast: Cast::ByLastDigit, ..Town::default() };
        for (digit, persona) in Persona::ALL.into_iter().enumerate() {
            let number = Dialled::new(&format!("019900000{digit}"));
            assert_eq!(town.plan(1, &number, 1).persona, persona);
        }
    }

    #[test]
    fn a_dialled_number_prints_without_its_digits() {
        assert_eq!(format!("{:?}", Dialled::new("0199001234")), "•••• 34");
    }
}
