//! Leaves a trunk alone after faults of its own, and tries it again: a circuit breaker
//! (Nygard, *Release It!*, 2007, ch. 5).
//!
//! ```text
//!             so many faults in a row, within the window
//!  Sound ──────────────────────────────────────────────► Resting ◄─────────┐ the probe fails:
//!    ▲                                                      │ time over,   │ twice as long
//!    │ any call gets through                                ▼ a call goes  │
//!    └────────────────────────────────────────────────── Probed ───────────┘
//! ```
//!
//! A call gets through when the far end rings, answers, is busy or says anything of its own; it
//! fails when the carrier refuses it or is silent. While a trunk is probed no other call goes out
//! over it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::units::{CallId, Mono, Span};

/// When a trunk is left alone, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Faults in a row after which it rests, 1 to 100.
    pub faults: u32,
    /// The time within which they come: rarer ones are chance.
    pub within: Span,
    /// The first rest; each further one is twice as long.
    pub least: Span,
    /// The longest rest.
    pub most: Span,
}

/// Faults in a row are counted up to here.
pub const FAULTS_MAX: u32 = 100;

impl Default for Settings {
    /// Gives a rest of 10 s to 10 min after five faults in a row within a minute. Of a trunk that
    /// refuses one call in ten, one run of five in a hundred thousand is chance.
    fn default() -> Self {
        Self { faults: 5, within: Span::secs(60), least: Span::secs(10), most: Span::secs(600) }
    }
}

/// A rest, as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// When the next call may try the trunk.
    pub until: Mono,
    /// The how-manieth rest in a row, from 1.
    pub nth: u32,
    /// Whether a single call tries it now.
    pub probed: bool,
}

/// What a call says of its trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// The far end was reached.
    Through,
    /// The trunk failed.
    Fault,
    /// Nothing: it was taken back before either.
    Nothing,
}

/// One trunk's breaker.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// The latest faults without a call that got through between them.
    faults: VecDeque<Mono>,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Sound,
    Resting {
        until: Mono,
        nth: u32,
    },
    Probed {
        since: Mono,
        nth: u32,
        by: CallId,
    },
}

impl Breaker {
    /// Notes that a call goes out; the first after a rest is the probe.
    pub(super) fn begin(&mut self, call: CallId, now: Mono) {
        if let State::Resting { nth, .. } = self.state {
            self.state = State::Probed { since: now, nth, by: call };
        }
    }

    /// Hears what a call says.
    pub(super) fn hear(&mut self, settings: &Settings, call: CallId, word: Word, now: Mono) {
        match (word, &self.state) {
            (Word::Through, _) => *self = Self::default(),
            (Word::Fault, State::Sound) => self.failed(settings, now),
            (Word::Fault, &State::Probed { nth, by, .. }) if by == call => {
                self.rest(settings, nth.saturating_add(1), now);
            }
            // The probe was taken back: the next call may be one.
            (Word::Nothing, &State::Probed { nth, by, .. }) if by == call => {
                self.state = State::Resting { until: now, nth };
            }
            // Calls from before the rest say what is known.
            (Word::Fault, State::Resting { .. } | State::Probed { .. }) | (Word::Nothing, _) => {}
        }
    }

    fn failed(&mut self, settings: &Settings, now: Mono) {
        let limit = settings.faults.clamp(1, FAULTS_MAX) as usize;
        self.faults.push_back(now);
        while self.faults.len() > limit {
            self.faults.pop_front();
        }
        let first = self.faults.front().copied().unwrap_or(now);
        if self.faults.len() == limit && now.since(first) <= settings.within {
            self.rest(settings, 1, now);
        }
    }

    fn rest(&mut self, settings: &Settings, nth: u32, now: Mono) {
        let doublings = nth.saturating_sub(1).min(20);
        let rest = settings.least.times(1 << doublings).min(settings.most.max(settings.least));
        self.faults.clear();
        self.state = State::Resting { until: now + rest, nth };
    }

    /// Says until when the trunk is left alone, if it is.
    pub(super) fn rests_until(&self, now: Mono) -> Option<Mono> {
        match self.state {
            State::Resting { until, .. } => Some(until).filter(|until| *until > now),
            State::Sound | State::Probed { .. } => None,
        }
    }

    /// Whether a single call tries the trunk now.
    pub(super) fn is_probed(&self) -> bool {
        matches!(self.state, State::Probed { .. })
    }

    /// Gives the rest it is in, until a call gets through.
    pub(super) fn told(&self) -> Option<Rest> {
        match self.state {
            State::Sound => None,
            State::Resting { until, nth } => Some(Rest { until, nth, probed: false }),
            State::Probed { since, nth, .. } => Some(Rest { until: since, nth, probed: true }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: fn(u64) -> Mono = |secs| Mono::START + Span::secs(secs);

    fn faults(breaker: &mut Breaker, at: impl IntoIterator<Item = u64>) {
        for (call, secs) in (100..).zip(at) {
            breaker.hear(&Settings::default(), CallId(call), Word::Fault, AT(secs));
        }
    }

    #[test]
    fn only_faults_in_a_row_and_close_together_bring_a_rest() {
        let mut breaker = Breaker::default();
        faults(&mut breaker, [0, 20, 40, 60, 80, 100]);
        assert_eq!(breaker.told(), None, "five in 80 s are too rare");
        breaker.hear(&Settings::default(), CallId(1), Word::Through, AT(100));
        faults(&mut breaker, [101, 101, 101, 101]);
        breaker.hear(&Settings::default(), CallId(1), Word::Nothing, AT(101));
        assert_eq!(breaker.told(), None);
        faults(&mut breaker, [102]);
        assert_eq!(breaker.rests_until(AT(102)), Some(AT(112)));
        assert_eq!(breaker.rests_until(AT(112)), None);
    }

    #[test]
    fn each_failed_probe_doubles_the_rest_up_to_a_bound_and_success_ends_it() {
        let mut breaker = Breaker::default();
        faults(&mut breaker, [0, 0, 0, 0, 0]);
        let mut now = 0;
        let mut rests = Vec::new();
        for probe in 1..=9 {
            let until = breaker.rests_until(AT(now)).unwrap_or_else(|| AT(now));
            rests.push(until.since(AT(now)).as_secs_f64());
            now += until.since(AT(now)).as_micros() / 1_000_000;
            breaker.begin(CallId(probe), AT(now));
            assert!(breaker.is_probed());
            // A call from before says nothing new.
            breaker.hear(&Settings::default(), CallId(99), Word::Fault, AT(now));
            assert!(breaker.is_probed());
            breaker.hear(&Settings::default(), CallId(probe), Word::Fault, AT(now));
        }
        assert_eq!(rests, [10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 600.0, 600.0, 600.0]);
        breaker.begin(CallId(20), AT(now + 600));
        breaker.hear(&Settings::default(), CallId(20), Word::Nothing, AT(now + 601));
        assert!(!breaker.is_probed(), "the next call may probe at once");
        breaker.hear(&Settings::default(), CallId(99), Word::Through, AT(now + 601));
        assert_eq!(breaker.told(), None);
    }
}
