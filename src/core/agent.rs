//! One agent's machine.
//!
//! ```text
//!              signs in                wants calls, leg up            shown a contact
//! LoggedOut ─────────────► Paused ◄──────────────────────► Ready ◄──────────────────► Previewing
//!     ▲  leaves              ▲    wants a break, leg lost   │ ▲ ▲    skips, withdrawn      │ dials
//!     │                      │                              │ │ │                          ▼
//!     │                      │      a person answered       │ │ └─────────────────────► Reserved
//!     │                      │          ┌───────────────────┘ │    its call was not       │
//!     │   a wish made        │          ▼          rested     │    answered               │
//!     └── during the ──── (after) ◄─ Wrapping ──► Resting ────┤                           │
//!         call                         ▲ talk over            │                           │
//!                                      └───────── Talking ◄───┴───────────────────────────┘
//!                                            holds ▼    ▲ retrieves       answered
//!                                                 Holding
//! ```
//!
//! A break or a leave wanted while reserved, talking or holding is a wish that waits for the
//! call's end; while wrapping it ends the write-up. One who is ready stays until the lines in
//! flight can do without him (`cover.rs`). An agent whose leg is lost in a talk leaves
//! the person to the next free colleague. Whoever would be ready and is owed a rest (`respect.rs`)
//! rests first, back from a break as well; a break or a leave ends a rest.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::call::Surprise;
use super::fact::{AgentFact, Lead, SkipReason};
use super::hopper::Stocked;
use super::order::AgentState;
use super::respect::{Rest, Shift};
use crate::units::{CallId, CampaignId, DispositionId, Mono, PauseId, Span};

/// What an agent may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The campaigns the agent takes calls of, best first.
    pub campaigns: Vec<CampaignId>,
    /// The pause code an agent has between signing in and the first *ready*.
    pub pause_at_login: PauseId,
}

/// The first pause before a lost leg is raised again; each further one is twice as long.
const LEG_PAUSE: Span = Span::secs(1);

/// The longest such pause.
const LEG_PAUSE_MAX: Span = Span::secs(60);

/// How often a leg is raised again in a row before the agent is signed out: half an hour in all,
/// after which nobody sits there.
const LEG_TRIES_MAX: u32 = 35;

/// The agent's nailed-up leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leg {
    /// Not wanted, or to be raised when its timer says so.
    Down,
    /// Asked for.
    Raising,
    /// Carries audio.
    Up,
}

/// What an agent wants, at once or after the present call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Calls,
    Break(PauseId),
    Leave,
}

/// A call to be written up.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Writing {
    pub(super) call: CallId,
    pub(super) campaign: CampaignId,
    pub(super) lead: Arc<Lead>,
    /// The place of the number that was called.
    pub(super) index: usize,
    pub(super) since: Mono,
    pub(super) until: Option<Mono>,
    /// How much may still be added to `until`.
    pub(super) extension: Span,
    /// The disposition given, if one was.
    pub(super) said: Option<DispositionId>,
}

/// What the agent does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    LoggedOut,
    /// `when_up`: wants calls as soon as the leg carries audio.
    Paused {
        code: PauseId,
        when_up: bool,
    },
    Ready,
    Previewing(CampaignId, Stocked),
    Reserved(CallId),
    Talking(CallId),
    Holding(CallId),
    Wrapping(Box<Writing>),
    Resting {
        until: Mono,
        why: Rest,
    },
}

impl State {
    pub(super) fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }
}

/// What can happen to an agent: facts in the machine's words, and our own moves.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    SignedIn,
    LegRose,
    LegFell,
    Wants(Want),
    /// The agent wants to go, and a line in flight counts on him.
    Postpones(Want),
    Dials,
    Skips(SkipReason),
    HangsUp,
    Holds,
    Retrieves,
    Qualifies(CallId),
    Extends(Span),
    /// A contact is shown to be dialled.
    Shown(CampaignId, Stocked),
    /// A call is dialled for the agent.
    SetAside(CallId),
    /// The agent is bridged.
    Joined(CallId),
    /// The call dialled for the agent, or the preview, came to nothing; no line in flight counts
    /// on him any more.
    Freed,
    /// The talk is over; what is to be written up, if anything.
    TalkOver(Option<Box<Writing>>),
    /// The write-up's, the preview's or the rest's time is over.
    TimeUp,
}

impl Event {
    /// Puts a fact into the machine's words; `None` for settings, which are no event.
    pub(super) fn of(fact: &AgentFact) -> Option<Self> {
        Some(match *fact {
            AgentFact::Set(_) => return None,
            AgentFact::LoggedIn => Self::SignedIn,
            AgentFact::LegUp => Self::LegRose,
            AgentFact::LegDown => Self::LegFell,
            AgentFact::Ready => Self::Wants(Want::Calls),
            AgentFact::Paused(code) => Self::Wants(Want::Break(code)),
            AgentFact::LoggedOut => Self::Wants(Want::Leave),
            AgentFact::PreviewDialed => Self::Dials,
            AgentFact::PreviewSkipped(reason) => Self::Skips(reason),
            AgentFact::HungUp => Self::HangsUp,
            AgentFact::Held => Self::Holds,
            AgentFact::Retrieved => Self::Retrieves,
            AgentFact::Qualified { call, .. } => Self::Qualifies(call),
            AgentFact::WrapExtended(span) => Self::Extends(span),
        })
    }
}

/// What a transition asks of the dialer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    RaiseLeg,
    DropLeg,
    /// Dial the shown contact.
    Dial(CampaignId),
    /// The agent passed the shown contact over.
    Skip(CampaignId, Stocked, SkipReason),
    /// Take the shown contact back.
    Withdraw(CampaignId, Stocked),
    /// Give up the call that is dialled for the agent.
    GiveUp(CallId),
    /// The call that is dialled for the agent must do without.
    Unreserve(CallId),
    EndTalk(CallId),
    /// The talk lost its agent.
    LoseTalk(CallId),
    Hold(CallId),
    Retrieve(CallId),
    /// Note the disposition.
    Qualify,
    /// The write-up's time is longer now.
    Extended,
    /// The write-up is over.
    Written(Box<Writing>),
}

/// One agent.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) settings: Settings,
    pub(super) team: usize,
    pub(super) state: State,
    /// Since when in that state.
    pub(super) since: Mono,
    /// Since when without a call: the longest-waiting agent is served first.
    pub(super) idle_since: Mono,
    pub(super) leg: Leg,
    /// The campaign of the call in hand, if he comes back to it.
    pub(super) serving: Option<CampaignId>,
    pub(super) handled: u64,
    pub(super) talk: Span,
    pub(super) wrap: Span,
    pub(super) idle: Span,
    pub(super) shift: Shift,
    /// What the agent wants once the present call is over.
    wish: Want,
    /// The count of the first call dialled after the agent wanted to go: none from then on can
    /// have counted on him.
    pub(super) leaves_from: u64,
    /// The count of the first call dialled after the agent was kept for leads of his own, if he
    /// is: none from then on can count on him.
    pub(super) kept_from: Option<u64>,
    /// The campaigns the agent will serve as soon as no line in flight and no proved cap counts on
    /// him for the present ones.
    pub(super) posted: Option<Settings>,
    leg_tries: u32,
}

impl Agent {
    /// Makes an agent who is not at work, from then on.
    pub(super) fn new(settings: Settings, team: usize, since: Mono) -> Self {
        Self {
            settings,
            team,
            state: State::LoggedOut,
            since,
            idle_since: since,
            leg: Leg::Down,
            serving: None,
            handled: 0,
            talk: Span::ZERO,
            wrap: Span::ZERO,
            idle: Span::ZERO,
            shift: Shift::default(),
            wish: Want::Calls,
            leaves_from: 0,
            kept_from: None,
            posted: None,
            leg_tries: 0,
        }
    }

    /// The state as others see it.
    pub(super) fn label(&self) -> AgentState {
        match &self.state {
            State::LoggedOut => AgentState::LoggedOut,
            State::Paused { code, .. } => AgentState::Paused(*code),
            State::Ready => AgentState::Ready,
            State::Previewing(_, stocked) => AgentState::Previewing(stocked.lead.contact),
            State::Reserved(call) => AgentState::Reserved(*call),
            State::Talking(call) => AgentState::Talking(*call),
            State::Holding(call) => AgentState::Holding(*call),
            State::Wrapping(writing) => AgentState::Wrapping(writing.call),
            State::Resting { why, .. } => AgentState::Resting(*why),
        }
    }

    /// Whether the agent is signed in.
    pub(super) fn at_work(&self) -> bool {
        !matches!(self.state, State::LoggedOut)
    }

    /// Whether the agent will take anybody's calls again after the one in hand: he neither goes
    /// then nor is kept for leads of his own.
    pub(super) fn comes_back(&self) -> bool {
        self.wish == Want::Calls && self.kept_from.is_none()
    }

    /// Whether the agent is ready only until the lines in flight can do without him.
    pub(super) fn leaves(&self) -> bool {
        self.state.is_ready() && self.wish != Want::Calls
    }

    /// Whether the agent leaves, or goes over to other campaigns as soon as they can do without
    /// him.
    pub(super) fn goes(&self) -> bool {
        self.leaves() || (self.state.is_ready() && self.posted.is_some())
    }

    /// Whether the agent is ready and no new line is dialled for him: he goes, or is kept for leads
    /// of his own. He still takes an answer nobody else can.
    pub(super) fn is_aside(&self) -> bool {
        self.goes() || (self.state.is_ready() && self.kept_from.is_some())
    }

    /// When the present state ends by itself.
    pub(super) fn due(&self) -> Option<Mono> {
        match &self.state {
            State::Previewing(_, stocked) => Some(stocked.until),
            State::Wrapping(writing) => writing.until,
            State::Resting { until, .. } => Some(*until),
            State::LoggedOut
            | State::Paused { .. }
            | State::Ready
            | State::Reserved(_)
            | State::Talking(_)
            | State::Holding(_) => None,
        }
    }

    /// How much may still be added to the present write-up.
    pub(super) fn more(&self) -> Span {
        if let State::Wrapping(writing) = &self.state { writing.extension } else { Span::ZERO }
    }

    /// Where the agent goes after the present call, if not back to ready.
    pub(super) fn after(&self) -> Option<AgentState> {
        match self.wish {
            Want::Calls => None,
            Want::Break(code) => Some(AgentState::Paused(code)),
            Want::Leave => Some(AgentState::LoggedOut),
        }
    }

    /// Says when the leg that just fell is to be raised again.
    pub(super) fn next_raise(&mut self, now: Mono) -> Mono {
        let pause = LEG_PAUSE.times(1 << self.leg_tries.min(20)).min(LEG_PAUSE_MAX);
        self.leg_tries += 1;
        now + pause
    }

    /// Whether the leg has failed too often in a row.
    pub(super) fn leg_failed(&self) -> bool {
        self.leg_tries > LEG_TRIES_MAX
    }

    /// Notes that the leg is asked for again.
    pub(super) fn raise_again(&mut self) {
        self.leg = Leg::Raising;
    }

    /// Moves the agent by one event and says what that asks for, if anything.
    ///
    /// # Errors
    /// The event makes no sense in the present state; nothing changed.
    pub(super) fn step(&mut self, now: Mono, event: Event) -> Result<Option<Effect>, Surprise> {
        use Event::*;
        use State::*;
        if matches!(event, LegRose | LegFell) {
            return self.step_leg(now, event == LegRose);
        }
        let effect = match (&self.state, event) {
            (LoggedOut, SignedIn) => self.sign_in(now),
            (Paused { .. } | Ready, Wants(want)) => self.rest(now, want),
            (Previewing(..), Wants(Want::Calls)) => None,
            (Previewing(..), Wants(want)) => self.withdraw(now, want),
            (Reserved(_) | Talking(_) | Holding(_), Wants(want)) => self.keep_in_mind(want),
            (Ready, Postpones(want)) => self.keep_in_mind(want),
            (Wrapping(_), Wants(want)) => self.written(now, want),
            (Wrapping(_), TimeUp) => self.written(now, self.wish),
            (Resting { .. }, event) => return self.step_rest(now, &event),
            (Wrapping(_), Extends(span)) => return self.extend(span),
            (Wrapping(own), Qualifies(call)) if own.call == call => Some(Effect::Qualify),
            (Ready, Shown(campaign, stocked)) => self.go(now, Previewing(campaign, stocked)),
            (Previewing(campaign, _), Dials) => Some(Effect::Dial(*campaign)),
            (Previewing(..), Skips(reason)) => self.skip(now, reason),
            (Previewing(..), TimeUp) => self.withdraw(now, Want::Calls),
            (Ready | Previewing(..), SetAside(call)) => self.go(now, Reserved(call)),
            (Ready | Previewing(..) | Reserved(_), Freed) => self.rest(now, self.wish),
            (Ready, Joined(call)) => self.go(now, Talking(call)),
            (Reserved(own), Joined(call)) if *own == call => self.go(now, Talking(call)),
            (Reserved(call), HangsUp) => self.give_up(now, *call),
            (Talking(call) | Holding(call), HangsUp) => Some(Effect::EndTalk(*call)),
            (Talking(call), Holds) => self.hold(now, *call),
            (Holding(call), Retrieves) => self.retrieve(now, *call),
            (Talking(_) | Holding(_), TalkOver(writing)) => self.talk_over(now, writing),
            (Talking(own) | Holding(own), Qualifies(call)) if *own == call => Some(Effect::Qualify),
            (
                Paused { .. }
                | Ready
                | Previewing(..)
                | Reserved(_)
                | Talking(_)
                | Holding(_)
                | Wrapping(_),
                SignedIn,
            )
            | (LoggedOut, Wants(_))
            | (LoggedOut | Paused { .. }, Shown(..) | SetAside(_) | Joined(_) | Freed)
            | (
                LoggedOut | Paused { .. } | Ready,
                Dials | Skips(_) | HangsUp | Holds | Retrieves | Qualifies(_) | Extends(_)
                | TalkOver(_) | TimeUp,
            )
            | (
                Previewing(..),
                HangsUp | Holds | Retrieves | Qualifies(_) | Extends(_) | Shown(..) | Joined(_)
                | TalkOver(_),
            )
            | (
                Reserved(_) | Talking(_) | Holding(_),
                Dials | Skips(_) | Holds | Retrieves | Qualifies(_) | Extends(_) | Shown(..)
                | SetAside(_) | Joined(_) | TimeUp,
            )
            | (Reserved(_), TalkOver(_))
            | (Talking(_) | Holding(_), Freed)
            | (
                Wrapping(_),
                Dials | Skips(_) | HangsUp | Holds | Retrieves | Qualifies(_) | Shown(..)
                | SetAside(_) | Joined(_) | Freed | TalkOver(_),
            )
            | (_, LegRose | LegFell | Postpones(_)) => return Err(Surprise),
        };
        Ok(effect)
    }

    /// Moves one who rests: only his going or the end of the rest changes that.
    fn step_rest(&mut self, now: Mono, event: &Event) -> Result<Option<Effect>, Surprise> {
        if let Event::Wants(want @ (Want::Break(_) | Want::Leave)) = *event {
            Ok(self.rest(now, want))
        } else if matches!(event, Event::TimeUp) {
            Ok(self.rest(now, Want::Calls))
        } else if matches!(event, Event::Wants(Want::Calls)) {
            Ok(None)
        } else {
            Err(Surprise)
        }
    }

    /// Moves the leg, and with it the agent: a leg lost takes the agent from whatever he does.
    fn step_leg(&mut self, now: Mono, rose: bool) -> Result<Option<Effect>, Surprise> {
        match (self.leg, rose) {
            (Leg::Down, true) if !self.at_work() => Ok(Some(Effect::DropLeg)),
            (Leg::Down, false) if !self.at_work() => Ok(None),
            (Leg::Down | Leg::Raising, true) => {
                (self.leg, self.leg_tries) = (Leg::Up, 0);
                if matches!(self.state, State::Paused { when_up: true, .. }) {
                    self.rest(now, Want::Calls);
                }
                Ok(None)
            }
            (Leg::Up | Leg::Raising, false) => {
                self.leg = Leg::Down;
                Ok(self.leg_lost(now))
            }
            (Leg::Up, true) | (Leg::Down, false) => Err(Surprise),
        }
    }

    fn leg_lost(&mut self, now: Mono) -> Option<Effect> {
        let effect = match self.state {
            State::LoggedOut
            | State::Paused { .. }
            | State::Wrapping(_)
            | State::Resting { .. } => return None,
            State::Ready => None,
            State::Previewing(..) => return self.withdraw(now, Want::Calls),
            State::Reserved(call) => Some(Effect::Unreserve(call)),
            State::Talking(call) | State::Holding(call) => Some(Effect::LoseTalk(call)),
        };
        self.rest(now, self.wish);
        effect
    }

    /// Gives the time spent talking or holding, writing up, and waiting, up to a moment.
    pub(super) fn times(&self, now: Mono) -> (Span, Span, Span) {
        let time = now.since(self.since);
        let Self { talk, wrap, idle, .. } = *self;
        match self.state {
            State::Talking(_) | State::Holding(_) => (talk + time, wrap, idle),
            State::Wrapping(_) => (talk, wrap + time, idle),
            State::Ready | State::Reserved(_) | State::Previewing(..) | State::Resting { .. } => {
                (talk, wrap, idle + time)
            }
            State::LoggedOut | State::Paused { .. } => (talk, wrap, idle),
        }
    }

    fn enter(&mut self, now: Mono, state: State) {
        self.book(now);
        if state.is_ready() && !self.waits() {
            self.idle_since = now;
        }
        self.state = state;
    }

    /// Counts the time spent in the present state.
    fn book(&mut self, now: Mono) {
        if now == self.since {
            return;
        }
        let (talk, wrap, idle) = self.times(now);
        self.shift.pass(false, idle - self.idle);
        self.shift.pass(true, (talk - self.talk) + (wrap - self.wrap));
        (self.talk, self.wrap, self.idle) = (talk, wrap, idle);
        self.since = now;
    }

    fn go(&mut self, now: Mono, state: State) -> Option<Effect> {
        self.enter(now, state);
        None
    }

    fn sign_in(&mut self, now: Mono) -> Option<Effect> {
        self.shift.begin(now.since(self.since));
        (self.handled, self.leg_tries, self.leg) = (0, 0, Leg::Raising);
        (self.talk, self.wrap, self.idle) = (Span::ZERO, Span::ZERO, Span::ZERO);
        let code = self.settings.pause_at_login;
        self.enter(now, State::Paused { code, when_up: false });
        Some(Effect::RaiseLeg)
    }

    /// Goes where the agent wants to be when no call holds him; calls need the leg.
    fn rest(&mut self, now: Mono, want: Want) -> Option<Effect> {
        let state = match want {
            Want::Calls if self.leg != Leg::Up => {
                State::Paused { code: self.settings.pause_at_login, when_up: true }
            }
            Want::Calls => self.rested(now),
            Want::Break(code) => State::Paused { code, when_up: false },
            Want::Leave => State::LoggedOut,
        };
        self.wish = Want::Calls;
        if matches!(state, State::LoggedOut) {
            self.leg = Leg::Down;
        }
        if state != self.state {
            self.enter(now, state);
        }
        None
    }

    /// Where one goes who wants calls and may be owed a rest first.
    fn rested(&self, now: Mono) -> State {
        // Waiting for a call is rest as well, and the end of a rest is not judged again.
        let over = matches!(self.state, State::Resting { until, .. } if until <= now);
        let owed = if self.waits() || over { None } else { self.shift.rest(now) };
        owed.map_or(State::Ready, |(until, why)| State::Resting { until, why })
    }

    /// Whether the agent waits for a call, set aside for one or not.
    fn waits(&self) -> bool {
        matches!(self.state, State::Ready | State::Reserved(_) | State::Previewing(..))
    }

    fn keep_in_mind(&mut self, want: Want) -> Option<Effect> {
        self.wish = want;
        None
    }

    fn withdraw(&mut self, now: Mono, want: Want) -> Option<Effect> {
        let State::Previewing(campaign, stocked) = &self.state else { return None };
        let effect = Effect::Withdraw(*campaign, stocked.clone());
        self.rest(now, want);
        Some(effect)
    }

    fn skip(&mut self, now: Mono, reason: SkipReason) -> Option<Effect> {
        let State::Previewing(campaign, stocked) = &self.state else { return None };
        let effect = Effect::Skip(*campaign, stocked.clone(), reason);
        self.rest(now, Want::Calls);
        Some(effect)
    }

    fn give_up(&mut self, now: Mono, call: CallId) -> Option<Effect> {
        self.rest(now, self.wish);
        Some(Effect::GiveUp(call))
    }

    fn hold(&mut self, now: Mono, call: CallId) -> Option<Effect> {
        self.enter(now, State::Holding(call));
        Some(Effect::Hold(call))
    }

    fn retrieve(&mut self, now: Mono, call: CallId) -> Option<Effect> {
        self.enter(now, State::Talking(call));
        Some(Effect::Retrieve(call))
    }

    fn talk_over(&mut self, now: Mono, writing: Option<Box<Writing>>) -> Option<Effect> {
        self.handled += 1;
        match writing {
            Some(writing) => self.go(now, State::Wrapping(writing)),
            None => {
                self.book(now);
                self.shift.done(now);
                self.rest(now, self.wish)
            }
        }
    }

    fn written(&mut self, now: Mono, want: Want) -> Option<Effect> {
        let State::Wrapping(writing) = &self.state else { return None };
        let effect = Effect::Written(writing.clone());
        self.book(now);
        self.shift.done(now);
        self.rest(now, want);
        Some(effect)
    }

    fn extend(&mut self, span: Span) -> Result<Option<Effect>, Surprise> {
        let State::Wrapping(writing) = &mut self.state else { return Err(Surprise) };
        let more = span.min(writing.extension);
        let Some(until) = writing.until.filter(|_| more > Span::ZERO) else {
            return Err(Surprise);
        };
        writing.until = Some(until + more);
        writing.extension = writing.extension - more;
        Ok(Some(Effect::Extended))
    }
}
