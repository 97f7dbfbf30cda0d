//! When a failed delivery is tried again: a pure function of the event, the try and the answer.

use sha2::{Digest as _, Sha256};

use crate::store::Then;
use crate::units::{Ratio, Span, Wall};

/// The waits after each failed try (Standard Webhooks 1.0, "Deliverability and reliability":
/// the example schedule, about 75 hours in all).
pub const WAITS: [Span; 9] = [
    Span::secs(5),
    Span::secs(5 * 60),
    Span::secs(30 * 60),
    Span::secs(2 * 3_600),
    Span::secs(5 * 3_600),
    Span::secs(10 * 3_600),
    Span::secs(14 * 3_600),
    Span::secs(20 * 3_600),
    Span::secs(24 * 3_600),
];

/// A wait is prolonged by at most this share of itself, so that events that failed together do
/// not come back together.
const JITTER: f64 = 0.2;

/// The longest wait a receiver may ask for: that of the schedule.
pub const RETRY_AFTER_MAX: Span = Span::secs(24 * 3_600);

/// How a receiver answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// With an HTTP status, and a wait asked for by `Retry-After`.
    Status(u16, Option<Span>),
    /// Not at all: no connection, no answer in time, or an address that may not be called.
    Nothing,
}

/// Decides what becomes of an event after its `tries`th try, from 1.
///
/// Any 2xx is success, 410 disables the endpoint; everything else, redirects included, is a
/// failure (Standard Webhooks 1.0). A `Retry-After` prolongs the wait, it never shortens it.
#[must_use]
pub fn decide(event: &str, tries: u32, answer: Answer, now: Wall) -> Then {
    let asked = match answer {
        Answer::Status(200..=299, _) => return Then::Delivered,
        Answer::Status(410, _) => return Then::Disable,
        Answer::Status(_, asked) => asked,
        Answer::Nothing => None,
    };
    let index = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
    let Some(wait) = WAITS.get(index) else { return Then::GiveUp };
    let jitter = Span::from_secs_f64(wait.as_secs_f64() * JITTER * chance(event, tries).get());
    let asked = asked.unwrap_or(Span::ZERO).min(RETRY_AFTER_MAX);
    Then::Retry(now + (*wait + jitter).max(asked))
}

/// Draws a share of 1 from the event and the try, the same each time.
fn chance(event: &str, tries: u32) -> Ratio {
    let digest = Sha256::new().chain_update(event).chain_update(tries.to_be_bytes()).finalize();
    let (first, _) = digest.split_first_chunk::<4>().expect("a SHA-256 digest has 32 bytes");
    Ratio::new(f64::from(u32::from_be_bytes(*first)) / f64::from(u32::MAX))
}

/// Reads a `Retry-After` header: seconds or an HTTP date (RFC 9110 §10.2.3).
#[must_use]
pub fn retry_after(header: &str, now: Wall) -> Option<Span> {
    if let Ok(seconds) = header.trim().parse() {
        return Some(Span::secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(header.trim()).ok()?;
    Some(Wall::from(date).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Wall = Wall::micros(1_700_481_600_000_000);

    fn wait(tries: u32, answer: Answer) -> Option<Span> {
        match decide("evt_1", tries, answer, NOW) {
            Then::Retry(at) => Some(at.since(NOW)),
            Then::Delivered | Then::GiveUp | Then::Disable => None,
        }
    }

    #[test]
    fn failures_wait_ever_longer_and_end_after_ten_tries() {
        let mut all = Span::ZERO;
        for (tries, least) in (1..).zip(WAITS) {
            for answer in [Answer::Nothing, Answer::Status(500, None), Answer::Status(302, None)] {
                let wait = wait(tries, answer).unwrap_or(Span::ZERO);
                assert!(wait >= least, "try {tries}: {wait}");
                assert!(wait <= Span::from_secs_f64(least.as_secs_f64() * 1.2), "{tries}: {wait}");
            }
            all += least;
        }
        assert_eq!(all, Span::secs(272_105), "75 h 35 min 5 s");
        assert_eq!(decide("evt_1", 10, Answer::Nothing, NOW), Then::GiveUp);
        assert_eq!(decide("evt_1", u32::MAX, Answer::Nothing, NOW), Then::GiveUp);
    }

    #[test]
    fn success_is_any_2xx_and_410_disables() {
        for status in 200..=299 {
            assert_eq!(decide("e", 1, Answer::Status(status, None), NOW), Then::Delivered);
        }
        assert_eq!(decide("e", 1, Answer::Status(410, None), NOW), Then::Disable);
    }

    #[test]
    fn the_same_event_and_try_wait_the_same_and_others_differ() {
        let at = |event, tries| decide(event, tries, Answer::Nothing, NOW);
        assert_eq!(at("a", 3), at("a", 3));
        assert_ne!(at("a", 3), at("b", 3));
    }

    #[test]
    fn retry_after_prolongs_a_wait_within_a_day_and_never_shortens_it() {
        let asked = |seconds| wait(1, Answer::Status(429, Some(Span::secs(seconds))));
        assert_eq!(asked(600), Some(Span::secs(600)));
        assert_eq!(asked(1), wait(1, Answer::Nothing));
        assert_eq!(asked(1 << 40), Some(RETRY_AFTER_MAX));
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        assert_eq!(retry_after(" 120 ", NOW), Some(Span::secs(120)));
        assert_eq!(retry_after("Mon, 20 Nov 2023 12:01:00 GMT", NOW), Some(Span::secs(60)));
        assert_eq!(retry_after("Mon, 20 Nov 2023 11:00:00 GMT", NOW), Some(Span::ZERO));
        for nonsense in ["", "soon", "-5", "1e3"] {
            assert_eq!(retry_after(nonsense, NOW), None, "{nonsense}");
        }
    }
}
