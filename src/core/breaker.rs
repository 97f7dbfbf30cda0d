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
//!
//! Two more runs bring a rest, each further one of the run twice as long: of answers that nobody
//! can be heard in, which ringing telephones do not end, and of numbers that the carrier does not
//! know, which is how a list ends that is written as the carrier does not want it.

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

/// Unknown numbers in a row after which a trunk rests: of a list with one dead number in two, one
/// run of 20 in a million is chance.
const UNKNOWN_MAX: u32 = 20;

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
    /// The far end rings.
    Rings,
    /// The far end was reached, and the call is over.
    Through,
    /// It was answered, and can be heard.
    Heard,
    /// It was answered, and nobody can hear the other.
    Unheard,
    /// The carrier knows no such number, and nothing rang.
    Unknown,
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
    /// Answers in a row in which nobody could hear the other.
    unheard: u32,
    /// Unknown numbers in a row.
    unknown: u32,
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
        match word {
            Word::Nothing => self.taken_back(call, now),
            Word::Fault => self.failed(settings, call, now),
            Word::Unheard => {
                self.unheard = self.unheard.saturating_add(1);
                self.told_of(self.is_silent(settings), settings, call, now);
            }
            Word::Unknown => {
                self.unknown = self.unknown.saturating_add(1);
                self.told_of(self.unknown >= UNKNOWN_MAX, settings, call, now);
            }
            Word::Rings | Word::Through => {
                self.faults.clear();
                self.unknown = 0;
                if !self.is_silent(settings) {
                    self.state = State::Sound;
                } else if word == Word::Through {
                    // The probe was not answered, which tells nothing of the sound.
                    self.taken_back(call, now);
                }
            }
            Word::Heard => *self = Self::default(),
        }
    }

    /// Whether so many answers in a row could not be heard that ringing proves nothing.
    fn is_silent(&self, settings: &Settings) -> bool {
        self.unheard >= settings.faults.clamp(1, FAULTS_MAX)
    }

    /// Takes the end of one more call of a run that is as long as its bound, or is not yet: calls
    /// from before a rest say what is known.
    fn told_of(&mut self, bound: bool, settings: &Settings, call: CallId, now: Mono) {
        match self.state {
            State::Sound if bound => self.rest(settings, 1, now),
            State::Probed { nth, by, .. } if by == call && bound => {
                self.rest(settings, nth.saturating_add(1), now);
            }
            State::Probed { by, .. } if by == call => self.state = State::Sound,
            State::Sound | State::Resting { .. } | State::Probed { .. } => {}
        }
    }

    /// The probe says nothing of its trunk: the next call may be one.
    fn taken_back(&mut self, call: CallId, now: Mono) {
        if let State::Probed { nth, by, .. } = self.state
            && by == call
        {
            self.state = State::Resting { until: now, nth };
        }
    }

    fn failed(&mut self, settings: &Settings, call: CallId, now: Mono) {
        match self.state {
            State::Sound => self.count(settings, now),
            State::Probed { nth, by, .. } if by == call => {
                self.rest(settings, nth.saturating_add(1), now);
            }
            // Calls from before the rest say what is known.
            State::Resting { .. } | State::Probed { .. } => {}
        }
    }

    fn count(&mut self, settings: &Settings, now: Mono) {
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

    #[test]
    fn answers_nobody_is_heard_in_bring_a_rest_whatever_rings_meanwhile() {
        let (mut breaker, settings) = (Breaker::default(), Settings::default());
        let hear = |breaker: &mut Breaker, call, word, at| {
            breaker.hear(&settings, CallId(call), word, AT(at));
        };
        for call in 1..=5 {
            assert_eq!(breaker.told(), None);
            hear(&mut breaker, call, Word::Rings, call);
            hear(&mut breaker, call, Word::Unheard, call);
            hear(&mut breaker, call, Word::Through, call);
        }
        assert_eq!(breaker.rests_until(AT(5)), Some(AT(15)));
        hear(&mut breaker, 6, Word::Rings, 6);
        hear(&mut breaker, 6, Word::Unheard, 7);
        assert_eq!(breaker.rests_until(AT(7)), Some(AT(15)), "it was under way");
        breaker.begin(CallId(7), AT(15));
        hear(&mut breaker, 7, Word::Rings, 16);
        assert!(breaker.is_probed(), "a ringing telephone proves no sound");
        hear(&mut breaker, 7, Word::Through, 40);
        assert!(!breaker.is_probed(), "nobody answered: the next may try");
        breaker.begin(CallId(8), AT(41));
        hear(&mut breaker, 8, Word::Unheard, 50);
        assert_eq!(breaker.rests_until(AT(50)), Some(AT(70)), "twice as long");
        breaker.begin(CallId(9), AT(70));
        hear(&mut breaker, 9, Word::Heard, 80);
        assert_eq!(breaker.told(), None);
    }

    #[test]
    fn a_run_of_unknown_numbers_brings_a_rest_and_a_ringing_telephone_ends_it() {
        let (mut breaker, settings) = (Breaker::default(), Settings::default());
        let unknown = |breaker: &mut Breaker, calls| {
            for call in 1..=calls {
                breaker.hear(&settings, CallId(call), Word::Unknown, AT(0));
            }
        };
        unknown(&mut breaker, 19);
        breaker.hear(&settings, CallId(30), Word::Rings, AT(0));
        unknown(&mut breaker, 19);
        assert_eq!(breaker.told(), None);
        unknown(&mut breaker, 30);
        assert_eq!(breaker.rests_until(AT(0)), Some(AT(10)), "those under way add nothing");
        breaker.begin(CallId(50), AT(10));
        breaker.hear(&settings, CallId(50), Word::Unknown, AT(11));
        assert_eq!(breaker.rests_until(AT(11)), Some(AT(31)));
        breaker.begin(CallId(51), AT(31));
        breaker.hear(&settings, CallId(51), Word::Rings, AT(33));
        assert_eq!(breaker.told(), None);
    }
}
