//! How a trunk is: what its signs of life and its registrar told.

use crate::units::{Mono, Span};
use crate::wire::sip::Registered;

/// An answer slower than this is slow: a sign of life that arrives at once is answered within T1,
/// 500 ms (RFC 3261 §17.1.1.1), and one that had to be repeated takes longer than that and a
/// way back.
const SLOW: Span = Span::secs(1);
/// Prompt answers in a row after which a trunk that missed one, or was slow, is well again: with
/// answers that come and go it stays degraded.
const PROMPT_MIN: u8 = 3;
/// The longest rest a trunk is given at its own word: an hour, then it is asked again.
const REST_MAX: Span = Span::secs(3_600);

/// How a trunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrunkState {
    /// It answers promptly, and its account stands where it has one.
    Up,
    /// It answers, but slowly or not always: in use, and worth a look.
    Degraded,
    /// It does not answer, or its account is not registered.
    Down,
}

impl TrunkState {
    /// Gives its name, which stays.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// Why a trunk is not well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ailment {
    /// It does not answer OPTIONS.
    Silent,
    /// It answers OPTIONS with 503.
    Refusing,
    /// It answers slowly, or not every time.
    Slow,
    /// Its account is not registered.
    Unregistered,
    /// Its host has no address.
    Nameless,
}

impl Ailment {
    /// Gives its name, which stays.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Refusing => "refusing",
            Self::Slow => "slow",
            Self::Unregistered => "unregistered",
            Self::Nameless => "no_address",
        }
    }
}

/// A trunk's state, and what ails it unless it is well.
pub(super) type Condition = (TrunkState, Option<Ailment>);

/// What a sign of life, or the registrar, changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct News {
    /// The new state, if it is another.
    pub(super) state: Option<Condition>,
    /// For how long the trunk asks to be spared.
    pub(super) rest: Option<Span>,
}

/// One trunk's health.
#[derive(Clone, Copy, Debug)]
pub(super) struct Health {
    every: Option<Span>,
    due: Option<Mono>,
    asked: Mono,
    /// Whether the latest sign of life was answered; `None` before the first.
    answers: Option<bool>,
    /// Whether it was refused with 503.
    refused: bool,
    /// How many answers in a row must still be prompt.
    owed: u8,
    /// Whether the account stands; `None` for a trunk that does not register.
    registered: Option<bool>,
    told: Option<TrunkState>,
}

impl Health {
    /// Begins with a sign of life at once, or in good faith if none is wanted; a trunk that
    /// registers is down until it is `registered`.
    pub(super) fn new(every: Option<Span>, registered: Option<bool>, now: Mono) -> Self {
        Self {
            every,
            due: every.map(|_| now),
            asked: now,
            answers: if every.is_none() { Some(true) } else { None },
            refused: false,
            owed: 0,
            registered,
            told: None,
        }
    }

    /// Gives the state a trunk begins with, where that is known without a word of it.
    pub(super) fn begin(&mut self) -> Option<Condition> {
        self.change()
    }

    /// Tells when the next sign of life is to be asked for.
    pub(super) const fn due(&self) -> Option<Mono> {
        self.due
    }

    /// Notes that one was asked for.
    pub(super) fn asked(&mut self, now: Mono) {
        self.asked = now;
        self.due = self.every.map(|every| now + every);
    }

    /// Takes the answer in, 408 for silence; a trunk that is asked only for a test call is not
    /// judged by it. Any answer but 503 is a sign of life: many carriers
    /// answer OPTIONS with 404 or 405 (RFC 3261 §11.2). A 503 that says for how long (§21.5.4)
    /// is a trunk that asks for rest.
    pub(super) fn answered(&mut self, now: Mono, status: u16, retry_after: Option<Span>) -> News {
        if self.every.is_none() {
            return News { state: None, rest: None };
        }
        let rest = retry_after.filter(|_| status == 503).map(|span| span.min(REST_MAX));
        if let Some(rest) = rest {
            self.due = self.due.map(|due| due.max(now + rest));
        } else if matches!(status, 408 | 503) {
            self.answers = Some(false);
            self.refused = status == 503;
            self.owed = PROMPT_MIN;
        } else {
            self.answers = Some(true);
            let slow = now.since(self.asked) > SLOW;
            self.owed = if slow { PROMPT_MIN } else { self.owed.saturating_sub(1) };
        }
        News { state: self.change(), rest }
    }

    /// Takes the registrar's word in, and says it in plain words.
    pub(super) fn registered(&mut self, host: &str, told: Registered) -> News {
        say(host, told);
        self.registered = Some(matches!(told, Registered::Standing(_)));
        News { state: self.change(), rest: None }
    }

    fn change(&mut self) -> Option<Condition> {
        let well = self.owed == 0;
        let silence = if self.refused { Ailment::Refusing } else { Ailment::Silent };
        let condition = match (self.answers, self.registered) {
            (Some(false), _) => (TrunkState::Down, Some(silence)),
            (_, Some(false)) => (TrunkState::Down, Some(Ailment::Unregistered)),
            (None, None) => return None,
            (Some(true) | None, Some(true) | None) if well => (TrunkState::Up, None),
            (Some(true) | None, Some(true) | None) => (TrunkState::Degraded, Some(Ailment::Slow)),
        };
        (self.told.replace(condition.0) != Some(condition.0)).then_some(condition)
    }
}

/// Says how an account stands at its registrar, in plain words.
fn say(host: &str, told: Registered) {
    match told {
        Registered::Standing(span) => {
            tracing::info!(host, seconds = span.as_millis() / 1_000, "registered at the carrier");
        }
        Registered::Failed { status, again } => {
            let again = again.as_millis() / 1_000;
            tracing::warn!(host, status, again, "not registered at the carrier: it is asked again");
        }
        Registered::Refused { status, again } => {
            let again = again.as_millis() / 1_000;
            tracing::error!(
                host,
                status,
                again,
                "the carrier refuses the account: user or password is wrong, or it is locked; \
                 no call goes out over this trunk until that is mended"
            );
        }
        Registered::Left => tracing::info!(host, "no longer registered at the carrier"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TrunkState::{Degraded, Down, Up};

    /// Answers every half minute, each after so many milliseconds.
    fn states(answers: &[(u64, u16)]) -> Vec<Option<TrunkState>> {
        let mut health = Health::new(Some(Span::secs(30)), None, Mono::START);
        let mut now = Mono::START;
        let answer = |&(late, status): &(u64, u16)| {
            now = now + Span::secs(30);
            health.asked(now);
            health.answered(now + Span::millis(late), status, None).state.map(|(state, _)| state)
        };
        answers.iter().map(answer).collect()
    }

    #[test]
    fn a_trunk_is_down_when_it_is_silent_and_up_after_three_prompt_words() {
        let told = states(&[(20, 200), (20, 405), (32_000, 408), (9, 503), (9, 200), (9, 404)]);
        assert_eq!(told, [Some(Up), None, Some(Down), None, Some(Degraded), None]);
        let told = states(&[(32_000, 408), (20, 200), (20, 200), (20, 200), (20, 200)]);
        assert_eq!(told, [Some(Down), Some(Degraded), None, Some(Up), None]);
    }

    #[test]
    fn a_trunk_that_answers_slowly_or_every_other_time_is_degraded() {
        let told = states(&[(20, 200), (1_500, 200), (20, 200), (20, 200), (20, 200)]);
        assert_eq!(told, [Some(Up), Some(Degraded), None, None, Some(Up)]);
        let told = states(&[(32_000, 408), (20, 200), (32_000, 408), (20, 200)]);
        assert_eq!(told, [Some(Down), Some(Degraded), Some(Down), Some(Degraded)]);
    }

    #[test]
    fn a_trunk_that_asks_for_rest_rests_and_is_not_asked_meanwhile() {
        let mut health = Health::new(Some(Span::secs(30)), None, Mono::START);
        health.asked(Mono::START);
        let news = health.answered(Mono::START, 503, Some(Span::secs(300)));
        assert_eq!(news, News { state: None, rest: Some(Span::secs(300)) });
        assert_eq!(health.due(), Some(Mono::START + Span::secs(300)));
        let news = health.answered(Mono::START, 503, Some(Span::secs(99_999)));
        assert_eq!(news.rest, Some(REST_MAX));
        let news = health.answered(Mono::START, 404, Some(Span::secs(300)));
        assert_eq!(news, News { state: Some((Up, None)), rest: None }, "only a 503 means it");
    }

    #[test]
    fn a_trunk_that_registers_is_down_until_it_has_and_when_it_has_not() {
        let standing = Registered::Standing(Span::secs(60));
        let failed = Registered::Failed { status: 503, again: Span::secs(60) };
        let mut health = Health::new(None, Some(false), Mono::START);
        let outside = Some((Down, Some(Ailment::Unregistered)));
        assert_eq!(health.begin(), outside);
        assert_eq!(health.registered("reg.test", standing).state, Some((Up, None)));
        assert_eq!(health.registered("reg.test", failed).state, outside);
        assert_eq!(health.answered(Mono::START, 200, None).state, None, "OPTIONS mends no account");
        assert_eq!(health.registered("reg.test", standing).state, Some((Up, None)));
        assert_eq!(health.registered("reg.test", Registered::Left).state, outside);
    }

    #[test]
    fn a_trunk_that_is_not_well_says_what_ails_it() {
        let told = |status| {
            let mut health = Health::new(Some(Span::secs(30)), None, Mono::START);
            health.asked(Mono::START);
            health.answered(Mono::START, status, None).state
        };
        assert_eq!(told(408), Some((Down, Some(Ailment::Silent))));
        assert_eq!(told(503), Some((Down, Some(Ailment::Refusing))));
        assert_eq!(told(404), Some((Up, None)));
    }

    #[test]
    fn a_trunk_asked_for_a_test_call_only_is_not_judged_by_its_answer() {
        let mut health = Health::new(None, None, Mono::START);
        assert_eq!(health.begin(), Some((Up, None)));
        assert_eq!(health.answered(Mono::START, 408, None).state, None);
    }

    #[test]
    fn a_sign_of_life_is_asked_for_at_once_and_then_regularly() {
        let mut health = Health::new(Some(Span::secs(30)), None, Mono::micros(5));
        assert_eq!((health.due(), health.begin()), (Some(Mono::micros(5)), None));
        health.asked(Mono::micros(7));
        assert_eq!(health.due(), Some(Mono::micros(30_000_007)));
        let mut quiet = Health::new(None, None, Mono::START);
        assert_eq!((quiet.due(), quiet.begin()), (None, Some((Up, None))));
    }
}
