//! How a trunk is: what its signs of life and its registrar told.

use super::trouble::Obstacle;
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
    /// OPTIONS cannot be sent to it, and why.
    Unreachable(Obstacle),
    /// It answers slowly, or not every time.
    Slow,
    /// Its account is not registered, and what was answered; `None` before any answer.
    Unregistered(Option<Refusal>),
    /// Its host has no address.
    Nameless,
}

/// How a registrar did not take an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its status, 408 for silence, 0 if nothing could be sent.
    pub status: u16,
    /// When it is asked again.
    pub again: Mono,
}

impl Ailment {
    /// Gives its name, which stays.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Refusing => "refusing",
            Self::Unreachable(_) => "unreachable",
            Self::Slow => "slow",
            Self::Unregistered(_) => "unregistered",
            Self::Nameless => "no_address",
        }
    }

    /// Gives the name of what stands between us and the trunk; `None` if it can be reached.
    #[must_use]
    pub const fn cause(self) -> Option<&'static str> {
        match self {
            Self::Unreachable(obstacle) => Some(obstacle.name()),
            Self::Nameless => Some(Obstacle::Name.name()),
            Self::Silent | Self::Refusing | Self::Slow | Self::Unregistered(_) => None,
        }
    }

    /// Gives how its registrar did not take its account, where that is what ails it.
    #[must_use]
    pub const fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Unregistered(refusal) => refusal,
            Self::Silent | Self::Refusing | Self::Unreachable(_) | Self::Slow | Self::Nameless => {
                None
            }
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
    /// What it is that keeps it from answering.
    silence: Ailment,
    /// How many answers in a row must still be prompt.
    owed: u8,
    /// Whether the account stands; `None` for a trunk that does not register.
    registered: Option<bool>,
    /// How the registrar did not take it.
    refusal: Option<Refusal>,
    told: Option<Condition>,
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
            silence: Ailment::Silent,
            owed: 0,
            registered,
            refusal: None,
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

    /// Takes the answer in, 408 for silence, and what cut the trunk off if nothing could be sent.
    ///
    /// A trunk that is asked only for a test call is not judged by it. Any answer but 503 is a sign
    /// of life: many carriers answer OPTIONS with 404 or 405 (RFC 3261 §11.2). A 503 that says for
    /// how long (§21.5.4) is a trunk that asks for rest.
    pub(super) fn answered(
        &mut self,
        now: Mono,
        status: u16,
        retry_after: Option<Span>,
        cut: Option<Obstacle>,
    ) -> News {
        if self.every.is_none() {
            return News { state: None, rest: None };
        }
        let rest = retry_after.filter(|_| status == 503).map(|span| span.min(REST_MAX));
        if let Some(rest) = rest {
            self.due = self.due.map(|due| due.max(now + rest));
        } else if cut.is_some() || matches!(status, 408 | 503) {
            self.answers = Some(false);
            let said = if status == 503 { Ailment::Refusing } else { Ailment::Silent };
            self.silence = cut.map_or(said, Ailment::Unreachable);
            self.owed = PROMPT_MIN;
        } else {
            self.answers = Some(true);
            let slow = now.since(self.asked) > SLOW;
            self.owed = if slow { PROMPT_MIN } else { self.owed.saturating_sub(1) };
        }
        News { state: self.change(), rest }
    }

    /// Takes the registrar's word in, and says it in plain words: the same word once.
    pub(super) fn registered(&mut self, now: Mono, host: &str, told: Registered) -> News {
        let refusal = match told {
            Registered::Failed { status, again } | Registered::Refused { status, again } => {
                Some(Refusal { status, again: now + again })
            }
            Registered::Standing(_) | Registered::Left => None,
        };
        let same = refusal.zip(self.refusal).is_some_and(|(new, old)| new.status == old.status);
        if !same {
            say(host, told);
        }
        self.refusal = refusal;
        self.registered = Some(matches!(told, Registered::Standing(_)));
        News { state: self.change(), rest: None }
    }

    fn change(&mut self) -> Option<Condition> {
        let well = self.owed == 0;
        let condition = match (self.answers, self.registered) {
            (Some(false), _) => (TrunkState::Down, Some(self.silence)),
            (_, Some(false)) => (TrunkState::Down, Some(Ailment::Unregistered(self.refusal))),
            (None, None) => return None,
            (Some(true) | None, Some(true) | None) if well => (TrunkState::Up, None),
            (Some(true) | None, Some(true) | None) => (TrunkState::Degraded, Some(Ailment::Slow)),
        };
        (self.told.replace(condition) != Some(condition)).then_some(condition)
    }
}

/// Says how an account stands at its registrar, in plain words.
fn say(host: &str, told: Registered) {
    match told {
        Registered::Standing(span) => {
            tracing::info!(host, seconds = span.as_millis() / 1_000, "registered at the carrier");
        }
        Registered::Failed { status: 0, again } => {
            let again = again.as_millis() / 1_000;
            tracing::warn!(host, again, "the registrar cannot be reached: it is tried again");
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
            health
                .answered(now + Span::millis(late), status, None, None)
                .state
                .map(|(state, _)| state)
        };
        answers.iter().map(answer).collect()
    }

    #[test]
    fn a_trunk_is_down_when_it_is_silent_and_up_after_three_prompt_words() {
        let told = states(&[(20, 200), (20, 405), (32_000, 408), (9, 503), (9, 200), (9, 404)]);
        let why = "503 is another ailment than silence";
        assert_eq!(told, [Some(Up), None, Some(Down), Some(Down), Some(Degraded), None], "{why}");
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
        let news = health.answered(Mono::START, 503, Some(Span::secs(300)), None);
        assert_eq!(news, News { state: None, rest: Some(Span::secs(300)) });
        assert_eq!(health.due(), Some(Mono::START + Span::secs(300)));
        let news = health.answered(Mono::START, 503, Some(Span::secs(99_999)), None);
        assert_eq!(news.rest, Some(REST_MAX));
        let news = health.answered(Mono::START, 404, Some(Span::secs(300)), None);
        assert_eq!(news, News { state: Some((Up, None)), rest: None }, "only a 503 means it");
    }

    #[test]
    fn a_trunk_that_registers_is_down_until_it_has_and_when_it_has_not() {
        let standing = Registered::Standing(Span::secs(60));
        let failed = Registered::Failed { status: 503, again: Span::secs(60) };
        let mut health = Health::new(None, Some(false), Mono::START);
        assert_eq!(health.begin(), Some((Down, Some(Ailment::Unregistered(None)))));
        let outside = |refusal| Some((Down, Some(Ailment::Unregistered(refusal))));
        let mut told = |told| health.registered(Mono::START, "reg.test", told).state;
        let again = Mono::START + Span::secs(60);
        assert_eq!(told(standing), Some((Up, None)));
        assert_eq!(told(failed), outside(Some(Refusal { status: 503, again })));
        assert_eq!(
            told(Registered::Refused { status: 403, again: Span::secs(60) }),
            outside(Some(Refusal { status: 403, again }))
        );
        assert_eq!(
            health.answered(Mono::START, 200, None, None).state,
            None,
            "OPTIONS mends no account"
        );
        let mut told = |told| health.registered(Mono::START, "reg.test", told).state;
        assert_eq!(told(standing), Some((Up, None)));
        assert_eq!(told(Registered::Left), outside(None));
    }

    #[test]
    fn a_trunk_that_is_not_well_says_what_ails_it() {
        let mut health = Health::new(Some(Span::secs(30)), None, Mono::START);
        let mut told = |status, cut| {
            health.asked(Mono::START);
            health.answered(Mono::START, status, None, cut).state
        };
        assert_eq!(told(404, None), Some((Up, None)));
        assert_eq!(told(408, None), Some((Down, Some(Ailment::Silent))));
        assert_eq!(told(503, None), Some((Down, Some(Ailment::Refusing))));
        let cut = Obstacle::Refused;
        let unreachable = Some((Down, Some(Ailment::Unreachable(cut))));
        assert_eq!(told(0, Some(cut)), unreachable, "nobody said 503");
        assert_eq!(told(0, Some(cut)), None);
    }

    #[test]
    fn a_trunk_asked_for_a_test_call_only_is_not_judged_by_its_answer() {
        let mut health = Health::new(None, None, Mono::START);
        assert_eq!(health.begin(), Some((Up, None)));
        assert_eq!(health.answered(Mono::START, 408, None, None).state, None);
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
