//! One call attempt's machine.
//!
//! ```text
//!            answered, listen            human, or no verdict in time
//! Dialing ──────────────────► Listening ─────────────────────────────► Waiting ◄────────┐
//!    │ rings                   ▲   │ machine, fax                       │  ▲           │ the
//!    ▼                         │   │                             bridge │  │ answered  │ agent's
//! Ringing ─────────────────────┘   │                                    ▼  │ (no       │ leg
//!    │  └──────────────────────────┼────────────────────────────────────┼──┘ listening)│ is lost
//!    │                             │          nobody came in time       ▼              │
//!    │ ring time over,             │         ┌────────────── Waiting  Talking ─────────┘
//!    │ given up                    │         ▼                          │ either side hangs up
//!    │                             │       Notice                       │
//!    ▼                             ▼         ▼                          ▼
//!  Ending(cancel) ───────────►  Ending(hang up) ─────────────────────► gone: one outcome
//! ```
//!
//! A failure before the answer and the callee's own hang-up lead straight to *gone*; an answer
//! without usable audio is hung up. Whoever was handed over to somebody else is hung up, too: until
//! then the talk goes on. In `Ending`
//! the driver owes us the leg's end; if it never comes the guard frees the call.

use std::sync::Arc;

use super::fact::{Answerer, CallFact, Failure, Heard, Lead, LeadNumber};
use super::floor::CallStage;
use super::order::{EndedBy, Next, Outcome};
use super::pacing::predictive::Odds;
use crate::units::{
    AgentId, CallId, CampaignId, DispositionId, Mono, Now, ShownId, Span, TrunkId, Wall,
};

/// How long the driver may take to end a leg before the call is freed without its word: more
/// than SIP's Timer B and Timer H, 64 × T1 = 32 s (RFC 3261 §17.1.1.2 and §17.2.1).
pub(super) const ENDING_MAX: Span = Span::secs(40);

/// How long the listener may judge before the answer is taken for a person's: a person must not
/// stand in silence because a verdict was lost.
pub(super) const LISTENING_MAX: Span = Span::secs(10);

/// Gives the longest time from dialling to an abandon: rung out, listened to, waited.
pub(super) fn longest_wait(manner: &Manner) -> Span {
    // The ring time is counted anew once it rings.
    manner.ring_max.times(2) + LISTENING_MAX + manner.abandon_within
}

/// How long a notice may play before the call is ended without its end being told.
pub(super) const NOTICE_MAX: Span = Span::secs(30);

/// How far the call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Dialled, nothing heard yet.
    Dialing,
    /// It rings, or the network plays something.
    Ringing,
    /// Answered; man or machine?
    Listening,
    /// A person waits for an agent.
    Waiting,
    /// Bridged; `hold` says since when the callee is on hold.
    Talking { agent: AgentId, hold: Option<Mono> },
    /// The notice of an abandoned call plays.
    Notice,
    /// Cancelled or hung up on our order: what it will have been, and by whom.
    Ending { outcome: Outcome, by: EndedBy },
}

/// What can happen to a call: the driver's facts in the machine's words, and our own moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Event {
    Rang,
    Answered,
    Unusable(u16),
    Judged(Heard),
    Failed(Failure, u16),
    HungUp,
    Lost,
    NoticePlayed,
    Gone,
    NotRecorded,
    /// The state's own time is over.
    TimeUp,
    /// An unanswered call is not wanted any more.
    GivenUp,
    /// The campaign was stopped.
    Stopped,
    /// An agent was found for the waiting person.
    Bridged(AgentId),
    /// The agent ended the talk.
    AgentHungUp,
    /// The agent's leg broke.
    AgentLost,
    Held,
    Retrieved,
    /// The person is to be handed over to somebody else.
    TransferWanted,
    /// Somebody else has the person.
    Transferred,
}

impl From<CallFact> for Event {
    fn from(fact: CallFact) -> Self {
        match fact {
            CallFact::Ringing | CallFact::EarlyMedia => Self::Rang,
            CallFact::Answered => Self::Answered,
            CallFact::Unusable(cause) => Self::Unusable(cause),
            CallFact::Heard(heard) => Self::Judged(heard),
            CallFact::Failed { failure, cause, .. } => Self::Failed(failure, cause),
            CallFact::HungUp => Self::HungUp,
            CallFact::Lost => Self::Lost,
            CallFact::TransferWanted => Self::TransferWanted,
            CallFact::Transferred => Self::Transferred,
            CallFact::NoticePlayed => Self::NoticePlayed,
            CallFact::Gone => Self::Gone,
            CallFact::NotRecorded => Self::NotRecorded,
        }
    }
}

/// What a transition asks of the dialer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Judge who answered.
    Listen,
    /// A person is on the line: find an agent.
    Person,
    /// Join callee and agent.
    Bridge(AgentId),
    /// Give up the unanswered call.
    Cancel,
    /// End the answered call.
    HangUp,
    /// Play the notice.
    Notice,
    /// Put the callee on hold.
    Hold,
    /// End the hold.
    Retrieve,
    /// Hand the person over.
    Transfer,
    /// The call is gone.
    Close { outcome: Outcome, cause: u16, by: EndedBy },
}

/// The event makes no sense in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Surprise;

/// What of the campaign's settings a transition needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) listen: bool,
    pub(super) notice: bool,
    pub(super) ring_max: Span,
    pub(super) abandon_within: Span,
}

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) campaign: CampaignId,
    /// The contact as it was before this attempt.
    pub(super) lead: Arc<Lead>,
    /// The place of the number tried.
    pub(super) index: usize,
    pub(super) trunk: TrunkId,
    pub(super) dialed: Mono,
    /// What its campaign's pacer placed it with, if it counts on any agent.
    pub(super) odds: Option<Odds>,
    pub(super) state: State,
    /// Since when it is in its state.
    pub(super) since: Mono,
    /// When the state's own time is over.
    pub(super) due: Option<Mono>,
    /// When the calling windows shut, if that is while it may still ring.
    pub(super) bell: Option<Mono>,
    /// The agent set aside for it before it is bridged.
    pub(super) reserved: Option<AgentId>,
    /// The agent who had it last.
    pub(super) served: Option<AgentId>,
    pub(super) ringing: Option<Wall>,
    pub(super) answered: Option<Wall>,
    pub(super) bridged: Option<Wall>,
    pub(super) held: Span,
    pub(super) heard: Option<Heard>,
    /// Why an answered call could not be used; 0 if it could.
    pub(super) cause: u16,
    /// For how long the number asked not to be called.
    pub(super) spare: Span,
    /// The person does not want such calls.
    pub(super) unwanted: bool,
    /// The disposition given, and what it made of the contact.
    pub(super) qualified: Option<(DispositionId, Next)>,
    /// A person answered, and was counted.
    pub(super) person: bool,
    /// That person was abandoned, and was counted.
    pub(super) lost: bool,
    /// Its person has no agent only because this one lost his leg, and the first call that was
    /// dialled without counting on him.
    pub(super) forsaken: Option<(AgentId, CallId)>,
    /// It was answered, and nobody can hear the other.
    pub(super) deaf: bool,
    /// It was closed without ever having been sent: it tells nothing of those who are called.
    pub(super) never_placed: bool,
    /// An agent writes it up.
    pub(super) writing: bool,
    /// The trunks that refused it before this attempt.
    pub(super) tried: Vec<TrunkId>,
    /// The number it shows, if that has limits of its own.
    pub(super) shown: Option<ShownId>,
    /// The caller ID it shows, by its place in the campaign's list.
    pub(super) caller_id: u16,
}

impl Call {
    /// Makes a call that is being dialled.
    pub(super) fn new(
        campaign: CampaignId,
        lead: Arc<Lead>,
        index: usize,
        trunk: TrunkId,
        now: Mono,
        due: Mono,
    ) -> Self {
        Self {
            campaign,
            lead,
            index,
            trunk,
            dialed: now,
            odds: None,
            state: State::Dialing,
            since: now,
            due: Some(due),
            bell: None,
            reserved: None,
            served: None,
            ringing: None,
            answered: None,
            bridged: None,
            held: Span::ZERO,
            heard: None,
            cause: 0,
            spare: Span::ZERO,
            unwanted: false,
            qualified: None,
            person: false,
            lost: false,
            forsaken: None,
            deaf: false,
            never_placed: false,
            writing: false,
            tried: Vec::new(),
            shown: None,
            caller_id: 0,
        }
    }

    /// The number tried; a call is made of a lead and a place in it, so there is one.
    pub(super) fn number(&self) -> &LeadNumber {
        self.lead.numbers.get(self.index).expect("a call is opened on a number its lead has")
    }

    /// Whether it was cancelled or hung up on our order.
    pub(super) fn gave_up(&self) -> bool {
        matches!(self.state, State::Ending { .. })
    }

    /// Whether its person is abandoned and will not be bridged any more.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.state, State::Notice | State::Ending { outcome: Outcome::Abandoned, .. })
    }

    /// Whether it was given up on our own wish before its ring time was over, or never placed.
    pub(super) fn was_given_up(&self) -> bool {
        self.never_placed || matches!(self.state, State::Ending { outcome: Outcome::Cancelled, .. })
    }

    /// Whether it is abandoned, if it is, for want of an agent's leg or of audio, not of an agent.
    pub(super) fn is_forced(&self) -> bool {
        self.deaf || self.forsaken.is_some()
    }

    /// Whether it still waits for an answer and was not given up.
    pub(super) fn unanswered(&self) -> bool {
        matches!(self.state, State::Dialing | State::Ringing)
    }

    /// How long the callee was on hold in all.
    pub(super) fn held_until(&self, now: Mono) -> Span {
        match self.state {
            State::Talking { hold: Some(since), .. } => self.held + now.since(since),
            State::Dialing
            | State::Ringing
            | State::Listening
            | State::Waiting
            | State::Talking { hold: None, .. }
            | State::Notice
            | State::Ending { .. } => self.held,
        }
    }

    /// How far it has come, as others see it.
    pub(super) fn stage(&self) -> CallStage {
        match self.state {
            State::Dialing => CallStage::Dialing,
            State::Ringing => CallStage::Ringing,
            State::Listening => CallStage::Listening,
            State::Waiting => CallStage::Waiting,
            State::Talking { .. } => CallStage::Talking,
            State::Notice => CallStage::Notice,
            State::Ending { .. } => CallStage::Ending,
        }
    }

    /// Moves the call by one event and says what that asks for, if anything.
    ///
    /// # Errors
    /// The event makes no sense in the present state; nothing changed.
    pub(super) fn step(
        &mut self,
        now: Now,
        manner: &Manner,
        event: Event,
    ) -> Result<Option<Effect>, Surprise> {
        use {EndedBy::*, Event::*, Outcome::*, State::*};
        let effect = match (self.state, event) {
            (Dialing, Rang) => return Ok(self.rings(now, manner)),
            (Ringing, Rang) | (Ending { .. }, Rang | GivenUp | Stopped) => return Ok(None),
            (_, TransferWanted | Transferred) => return self.hand_over(now, event == Transferred),
            (Dialing | Ringing, Answered) => self.answer(now, manner),
            (Dialing | Ringing, Unusable(cause)) => self.deaf(now, cause),
            (Dialing | Ringing, Failed(failure, cause)) => failed(meaning(failure), cause),
            (Dialing | Ringing, HungUp) => gone(Abandoned, Callee),
            (Dialing | Ringing, Gone) => gone(TrunkFault, Carrier),
            (Ending { outcome: Abandoned, by }, NotRecorded) => failed((Abandoned, by), self.cause),
            (Dialing | Ending { .. }, NotRecorded) => gone(Interrupted, Nobody),
            (Dialing | Ringing, TimeUp) => self.ring_out(now),
            (Dialing | Ringing, GivenUp | Stopped) => self.end(now, Cancelled, Dialer),
            (Listening, Judged(heard)) => self.judge(now, manner, heard),
            (Listening, TimeUp) => self.wait(now, manner),
            (Waiting, Bridged(agent)) => self.bridge(now, agent),
            (Waiting, TimeUp) if manner.notice => self.notice(now),
            (Waiting | Notice, TimeUp) | (Notice, NoticePlayed) => self.end(now, Abandoned, Dialer),
            (Listening | Waiting | Notice | Talking { .. }, Stopped) => {
                self.end(now, self.worth(), Dialer)
            }
            (Listening | Waiting | Notice | Talking { .. }, Lost) => {
                self.end(now, self.worth(), Carrier)
            }
            (Listening | Waiting | Notice | Talking { .. }, HungUp) => gone(self.worth(), Callee),
            (Listening | Waiting | Notice | Talking { .. }, Gone) => gone(self.worth(), Carrier),
            (Talking { .. }, AgentHungUp) => self.end(now, Connected, Agent),
            (Talking { .. }, AgentLost) => self.wait(now, manner),
            (Talking { agent, hold: None }, Held) => self.hold(now, agent),
            (Talking { agent, hold: Some(since) }, Retrieved) => self.retrieve(now, agent, since),
            (Ending { .. }, Answered | Unusable(_)) if self.answered.is_none() => self.crossed(now),
            (Ending { outcome, by }, Failed(failure, cause)) => {
                failed(self.settled(outcome, by, failure), cause)
            }
            (Ending { outcome, by }, HungUp | Lost | Gone | TimeUp) => {
                failed((outcome, by), self.cause)
            }
            (
                Dialing | Ringing,
                Judged(_) | Lost | NoticePlayed | Bridged(_) | AgentHungUp | AgentLost | Held
                | Retrieved,
            )
            | (Ringing, NotRecorded)
            | (
                Listening | Waiting | Notice | Talking { .. },
                Rang | Answered | Unusable(_) | Failed(..) | NotRecorded | GivenUp,
            )
            | (Listening | Talking { .. }, NoticePlayed | Bridged(_))
            | (Waiting | Notice | Talking { .. }, Judged(_))
            | (Waiting, NoticePlayed)
            | (Notice, Bridged(_))
            | (Listening | Waiting | Notice, AgentHungUp | AgentLost | Held | Retrieved)
            | (Talking { .. }, TimeUp | Held | Retrieved)
            | (
                Ending { .. },
                Answered | Unusable(_) | Judged(_) | NoticePlayed | Bridged(_) | AgentHungUp
                | AgentLost | Held | Retrieved,
            ) => return Err(Surprise),
        };
        Ok(Some(effect))
    }

    /// Has the person handed over to somebody else, or hangs up once that is done: who was talked
    /// with was connected, though the agent's leg was lost meanwhile.
    fn hand_over(&mut self, now: Now, done: bool) -> Result<Option<Effect>, Surprise> {
        match self.state {
            State::Talking { .. } if !done => Ok(Some(Effect::Transfer)),
            State::Talking { .. } | State::Waiting if done && self.bridged.is_some() => {
                Ok(Some(self.end(now, Outcome::Connected, EndedBy::Transfer)))
            }
            State::Ending { .. } if done => Ok(None),
            State::Dialing
            | State::Ringing
            | State::Listening
            | State::Waiting
            | State::Talking { .. }
            | State::Notice
            | State::Ending { .. } => Err(Surprise),
        }
    }

    /// What the answered call was if it ended now: whoever got nobody was abandoned.
    fn worth(&self) -> Outcome {
        if matches!(self.state, State::Talking { .. }) {
            Outcome::Connected
        } else {
            Outcome::Abandoned
        }
    }

    fn enter(&mut self, now: Now, state: State, time: Option<Span>) {
        self.held = self.held_until(now.mono);
        self.state = state;
        self.since = now.mono;
        self.due = time.map(|time| now.mono + time);
    }

    fn rings(&mut self, now: Now, manner: &Manner) -> Option<Effect> {
        self.ringing = Some(now.wall);
        let rung_out = now.mono + manner.ring_max;
        self.enter(now, State::Ringing, None);
        self.due = Some(self.bell.map_or(rung_out, |bell| bell.min(rung_out)));
        None
    }

    /// Gives up a call that its ring time, or the bell, is over for.
    fn ring_out(&mut self, now: Now) -> Effect {
        let outcome = if self.bell.is_some_and(|bell| bell <= now.mono) {
            Outcome::Cancelled
        } else if self.state == State::Dialing {
            Outcome::TrunkFault
        } else {
            Outcome::NoAnswer
        };
        self.end(now, outcome, EndedBy::Dialer)
    }

    fn answer(&mut self, now: Now, manner: &Manner) -> Effect {
        self.answered = Some(now.wall);
        if !manner.listen {
            return self.wait(now, manner);
        }
        self.enter(now, State::Listening, Some(LISTENING_MAX));
        Effect::Listen
    }

    /// Ends an answered call in which nobody can hear the other: whoever picked up got nobody.
    fn deaf(&mut self, now: Now, cause: u16) -> Effect {
        self.answered = Some(now.wall);
        (self.cause, self.deaf) = (cause, true);
        self.end(now, Outcome::Abandoned, EndedBy::Carrier)
    }

    fn judge(&mut self, now: Now, manner: &Manner, heard: Heard) -> Effect {
        self.heard = Some(heard);
        match heard.what {
            Answerer::Human => self.wait(now, manner),
            Answerer::Machine | Answerer::Fax => self.end(now, Outcome::Machine, EndedBy::Dialer),
        }
    }

    fn wait(&mut self, now: Now, manner: &Manner) -> Effect {
        self.enter(now, State::Waiting, Some(manner.abandon_within));
        Effect::Person
    }

    fn bridge(&mut self, now: Now, agent: AgentId) -> Effect {
        self.bridged = self.bridged.or(Some(now.wall));
        self.served = Some(agent);
        self.enter(now, State::Talking { agent, hold: None }, None);
        Effect::Bridge(agent)
    }

    fn notice(&mut self, now: Now) -> Effect {
        self.enter(now, State::Notice, Some(NOTICE_MAX));
        Effect::Notice
    }

    fn hold(&mut self, now: Now, agent: AgentId) -> Effect {
        self.state = State::Talking { agent, hold: Some(now.mono) };
        Effect::Hold
    }

    fn retrieve(&mut self, now: Now, agent: AgentId, since: Mono) -> Effect {
        self.held += now.mono.since(since);
        self.state = State::Talking { agent, hold: None };
        Effect::Retrieve
    }

    fn end(&mut self, now: Now, outcome: Outcome, by: EndedBy) -> Effect {
        self.enter(now, State::Ending { outcome, by }, Some(ENDING_MAX));
        if self.answered.is_some() { Effect::HangUp } else { Effect::Cancel }
    }

    /// The answer crossed our cancel: whoever picked up got nobody.
    fn crossed(&mut self, now: Now) -> Effect {
        self.answered = Some(now.wall);
        self.end(now, Outcome::Abandoned, EndedBy::Dialer)
    }

    /// What it was if it failed while we were giving it up: a failure that says more than our own
    /// cancel stands, and an answered call stays what it was.
    fn settled(&self, outcome: Outcome, by: EndedBy, failure: Failure) -> (Outcome, EndedBy) {
        let stays = self.answered.is_some() || failure == Failure::Cancelled;
        if stays { (outcome, by) } else { meaning(failure) }
    }
}

fn gone(outcome: Outcome, by: EndedBy) -> Effect {
    failed((outcome, by), 0)
}

fn failed((outcome, by): (Outcome, EndedBy), cause: u16) -> Effect {
    Effect::Close { outcome, cause, by }
}

fn meaning(failure: Failure) -> (Outcome, EndedBy) {
    match failure {
        Failure::Busy => (Outcome::Busy, EndedBy::Callee),
        Failure::NoAnswer => (Outcome::NoAnswer, EndedBy::Callee),
        Failure::Invalid => (Outcome::Invalid, EndedBy::Carrier),
        Failure::Declined | Failure::Unwanted => (Outcome::Declined, EndedBy::Callee),
        Failure::Blocked => (Outcome::Blocked, EndedBy::Carrier),
        Failure::Cancelled => (Outcome::Cancelled, EndedBy::Dialer),
        Failure::Congestion => (Outcome::Congestion, EndedBy::Carrier),
        Failure::TrunkFault => (Outcome::TrunkFault, EndedBy::Carrier),
    }
}
