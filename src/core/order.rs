//! Everything the [`Dialer`](super::Dialer) can ask for: orders are imperative, records are what
//! must survive, decisions say why.

use serde::{Deserialize, Serialize};

use super::fact::{Callback, DncScope, Heard, SkipReason};
use super::pacing::Decision;
use super::pacing::prior::Lesson;
use super::respect::Rest;
use super::rules::Refusal;
use super::rules::receipt::Receipt;
use crate::units::{
    AgentId, CallId, CampaignId, ClientId, ContactId, DispositionId, InboundId, NumberId, PauseId,
    PersonId, Ratio, Span, TrunkId, Wall,
};

/// One thing to be done by whoever drives the dialer.
///
/// The driver commits the records of a batch before it performs the batch's [`Order::Dial`]s
/// (*no call without a row*); every other order goes out at once (*no human waits for a disk*).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Write this down so that it survives.
    Record(Record),
    /// Place a call.
    Dial(Dial),
    /// Give up a call that was not answered.
    Cancel(CallId),
    /// End an answered call; the driver answers with `Gone` when the leg is gone.
    HangUp(CallId),
    /// Judge who answered; the driver answers with `Heard`.
    Listen(CallId),
    /// Let a waiting person hear that the line lives.
    Comfort(CallId),
    /// Join the callee and the agent, both ways, at once, and show the agent the card.
    Bridge(CallId, AgentId),
    /// Play the campaign's notice of an abandoned call; the driver answers with `NoticePlayed`.
    PlayNotice(CallId, CampaignId),
    /// Put the callee on hold: music to the callee, silence to the agent.
    Hold(CallId),
    /// End the hold.
    Retrieve(CallId),
    /// Have the far end call whom it is to be handed over to; the talk goes on meanwhile, and the
    /// driver answers with `Transferred` if that succeeds.
    Transfer(CallId),
    /// Call the agent's phone, or await its call, and keep that leg for the shift.
    RaiseLeg(AgentId),
    /// Hang up the agent's nailed-up leg.
    DropLeg(AgentId),
    /// Show the agent a contact to be dialled or passed over (preview).
    ShowPreview(AgentId, CampaignId, ContactId),
    /// Take a shown preview away.
    ClearPreview(AgentId),
    /// Lease up to `count` due contacts to the campaign's hopper; answered with `Claimed`.
    Claim {
        /// The campaign.
        campaign: CampaignId,
        /// How many contacts at most.
        count: u32,
        /// How long the lease holds; contacts neither dialled nor given back by then are free.
        lease: Span,
    },
    /// Give leased contacts back untouched.
    Release(CampaignId, Vec<ContactId>),
    /// Something for a call that came in.
    Inbound(InboundId, InboundOrder),
}

/// What is asked for a call that came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InboundOrder {
    /// Do not answer it.
    Refuse(Turned),
    /// Find which of these campaigns called the caller last.
    Identify(Vec<CampaignId>),
    /// Answer it.
    Answer,
    /// Play this campaign's words from their beginning.
    Play(Words, CampaignId),
    /// Play nothing, and write down that the caller wants no more calls of these client companies.
    Note(Vec<ClientId>),
    /// End it.
    HangUp,
}

/// Why a call that came in is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turned {
    /// No campaign shows the called number, or the trunk is to bring no calls.
    Unknown,
    /// The trunk brought as many as it may.
    Busy,
}

/// What a caller hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Words {
    /// Who called, for which company, and which key ends that.
    Greeting,
    /// The same of callers who are not known, or of a number that several companies show.
    General,
    /// That the wish is written down.
    Confirmation,
}

/// A call to place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dial {
    /// The new call's id.
    pub call: CallId,
    /// On behalf of which campaign.
    pub campaign: CampaignId,
    /// Whom.
    pub contact: ContactId,
    /// On which of the contact's numbers.
    pub number: NumberId,
    /// Over which trunk.
    pub trunk: TrunkId,
    /// Which of the campaign's caller IDs to show, by its place in the configured list.
    pub caller_id: u16,
    /// How long it may ring; the core cancels then, the driver need not.
    pub ring_max: Span,
}

/// What must survive a crash. Each becomes rows in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// An attempt begins: its row must exist before the INVITE leaves.
    Opened(Opened),
    /// A person is joined to an agent, the first or another. Its end follows; a restart that finds
    /// none knows who talked to whom and since when.
    Bridged(Bridged),
    /// A person is abandoned and the line still stands. Its end follows; a restart that finds
    /// none closes the attempt as abandoned.
    Abandoned(Abandoned),
    /// An attempt ended.
    Closed(Closed),
    /// The attempt's story is told to the end, disposition included: the CRM may hear of it.
    Completed(CallId),
    /// An agent qualified a call; may come again while the wrap-up lasts, the last one counts.
    Qualified(Qualified),
    /// A contact was refused by a rule, at the hopper or in the instant before the INVITE.
    Refused(RuleRefusal),
    /// A previewed contact was passed over.
    Skipped {
        /// The campaign.
        campaign: CampaignId,
        /// The contact.
        contact: ContactId,
        /// The agent who passed it over.
        agent: AgentId,
        /// Why.
        reason: SkipReason,
        /// What becomes of the contact.
        next: Next,
    },
    /// A person must not be called again.
    DoNotCall {
        /// The person-slot.
        person: PersonId,
        /// How far the wish reaches.
        scope: DncScope,
        /// The call in which it was said, if it was.
        call: Option<CallId>,
    },
    /// An agent's state changed.
    AgentState {
        /// The agent.
        agent: AgentId,
        /// The new state.
        state: AgentState,
    },
    /// A campaign's state changed.
    CampaignState {
        /// The campaign.
        campaign: CampaignId,
        /// The new state.
        state: CampaignState,
    },
    /// The pacer decided how many calls to place.
    Decided(CampaignId, Decision),
    /// A campaign's pacer has learnt, in place of an earlier lesson of the same list, hour and
    /// beginning. No call waits for it.
    Learnt(CampaignId, Box<Lesson>),
    /// A call that came in was answered.
    Received {
        /// The call.
        inbound: InboundId,
        /// The trunk that brought it.
        trunk: TrunkId,
        /// The campaign it was answered for.
        campaign: CampaignId,
        /// When.
        at: Wall,
    },
    /// A call that came in and was answered is over.
    ReceivedEnded {
        /// The call.
        inbound: InboundId,
        /// When.
        at: Wall,
    },
}

/// The beginning of an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// The attempt.
    pub call: CallId,
    /// The campaign.
    pub campaign: CampaignId,
    /// The contact.
    pub contact: ContactId,
    /// The number tried.
    pub number: NumberId,
    /// The person-slot it resolves to.
    pub person: PersonId,
    /// The trunk.
    pub trunk: TrunkId,
    /// The caller ID shown, by its place in the campaign's list.
    pub caller_id: u16,
    /// The how-manieth attempt for this contact, from 1.
    pub attempt: u32,
    /// The agent it is dialled for: in preview, for personal callbacks, and where lines of other
    /// campaigns may take him from the one he prefers.
    pub agent: Option<AgentId>,
    /// The chance of abandon its decision foretold for each call it granted, should a person
    /// answer; `None` if no forecast placed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<Ratio>,
    /// What the gate had before it when it let the call out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Box<Receipt>>,
    /// When.
    pub at: Wall,
}

/// A conversation that begins, or goes on with another agent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bridged {
    /// The attempt.
    pub call: CallId,
    /// The agent who has it now.
    pub agent: AgentId,
    /// The listener's verdict, if one was given.
    pub heard: Option<Heard>,
    /// When it first rang.
    pub ringing: Option<Wall>,
    /// When it was answered.
    pub answered: Option<Wall>,
    /// When it was first bridged.
    pub bridged: Option<Wall>,
}

/// A person whom no agent will be given any more, while the notice plays or the line is hung up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Abandoned {
    /// The attempt.
    pub call: CallId,
    /// The contact.
    pub contact: ContactId,
    /// The listener's verdict, if one was given.
    pub heard: Option<Heard>,
    /// When it was answered.
    pub answered: Option<Wall>,
    /// When the person was abandoned.
    pub at: Wall,
    /// Whether it was forced, as in [`Closed`].
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub forced: bool,
    /// What becomes of the contact.
    pub next: Next,
}

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    /// The attempt.
    pub call: CallId,
    /// The campaign.
    pub campaign: CampaignId,
    /// The contact.
    pub contact: ContactId,
    /// The number tried.
    pub number: NumberId,
    /// How it ended; [`Outcome::Invalid`] also marks the number.
    pub outcome: Outcome,
    /// Of an abandoned one, whether only the loss of an agent's leg left the person without one:
    /// the agent was ready when it was dialled, was set aside for it, or talked in it.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub forced: bool,
    /// The carrier's own code, 0 if there was none.
    pub cause: u16,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// The agent who had it, if one did.
    pub agent: Option<AgentId>,
    /// The listener's verdict, if one was given.
    pub heard: Option<Heard>,
    /// When it first rang.
    pub ringing: Option<Wall>,
    /// When it was answered.
    pub answered: Option<Wall>,
    /// When it was bridged.
    pub bridged: Option<Wall>,
    /// When it ended.
    pub ended: Wall,
    /// How long the callee was on hold in all.
    pub held: Span,
    /// What becomes of the contact; a disposition may change it later.
    pub next: Next,
}

impl Closed {
    /// Whether nobody was called: it was never placed, or its trunk refused it before the far end
    /// can have rung.
    #[must_use]
    pub fn reached_nobody(&self) -> bool {
        let refused = matches!(self.outcome, Outcome::Congestion | Outcome::TrunkFault)
            && self.ended_by == EndedBy::Carrier
            && self.ringing.is_none()
            && self.answered.is_none();
        refused || self.ended_by == EndedBy::Nobody
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A person talked with an agent.
    Connected,
    /// A person answered and no agent came in time, or the person left before one did.
    Abandoned,
    /// A machine answered and no agent was troubled.
    Machine,
    /// The line was busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// The number does not exist.
    Invalid,
    /// The call was declined.
    Declined,
    /// A network took the number shown for an unwanted caller's: no word of the contact's.
    Blocked,
    /// We gave it up before the answer: surplus, drained, or the agent left.
    Cancelled,
    /// The carrier had no room.
    Congestion,
    /// The trunk failed, or what it answered had no usable audio.
    TrunkFault,
    /// The engine stopped in the middle of it, or never placed it.
    Interrupted,
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The person called.
    Callee,
    /// The agent.
    Agent,
    /// The dialer: limits, notice, drain, stop.
    Dialer,
    /// The carrier or its network.
    Carrier,
    /// The agent, by handing the person over to somebody else.
    Transfer,
    /// Nobody: it was never placed, for the store did not take its row in time, we had no room for
    /// it, or it was taken back before that.
    Nobody,
}

/// What becomes of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// It may be tried again from then on.
    Retry {
        /// From when.
        at: Wall,
        /// The number to be tried first, handed back in the lead; `None` for the first.
        number: Option<NumberId>,
    },
    /// It was promised a call.
    Callback(Callback),
    /// It is closed in this campaign.
    Done(DoneReason),
    /// It stays as it was, free to be claimed at once.
    Untouched,
}

/// Why a contact is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoneReason {
    /// A final disposition was given.
    Qualified,
    /// Every allowed attempt was made.
    Exhausted,
    /// No usable number is left.
    NoNumber,
    /// It must not be called.
    DoNotCall,
    /// An agent set it aside.
    Skipped,
    /// It was erased.
    Erased,
}

/// An agent's word on a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Qualified {
    /// The call.
    pub call: CallId,
    /// The campaign.
    pub campaign: CampaignId,
    /// The contact.
    pub contact: ContactId,
    /// The agent; `None` when the wrap-up ran out and the campaign's default was set.
    pub agent: Option<AgentId>,
    /// The disposition.
    pub disposition: DispositionId,
    /// What becomes of the contact.
    pub next: Next,
    /// The number tried is not the contact's and is to be marked invalid.
    pub wrong_number: bool,
    /// How long the wrap-up has lasted so far.
    pub wrap: Span,
    /// When.
    pub at: Wall,
}

/// A contact refused by a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleRefusal {
    /// The campaign.
    pub campaign: CampaignId,
    /// The contact.
    pub contact: ContactId,
    /// The number that was about to be called.
    pub number: NumberId,
    /// Where it was refused.
    pub stage: Stage,
    /// The rule and when it may pass.
    pub refusal: Refusal,
    /// What the gate had before it; `None` for a contact without a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Box<Receipt>>,
    /// What becomes of the contact.
    pub next: Next,
    /// When.
    pub at: Wall,
}

/// Where the gate was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// When the contact entered the hopper.
    Hopper,
    /// In the instant before the INVITE.
    Dial,
}

/// An agent's state as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// Not at work.
    LoggedOut,
    /// On a break, with its code.
    Paused(PauseId),
    /// Waiting for a call.
    Ready,
    /// Looking at a contact to be dialled.
    Previewing(ContactId),
    /// Set aside for a call that is being dialled or was just answered.
    Reserved(CallId),
    /// Talking.
    Talking(CallId),
    /// The callee is on hold.
    Holding(CallId),
    /// Writing up the call.
    Wrapping(CallId),
    /// Left alone between two calls, and why.
    Resting(Rest),
}

impl AgentState {
    /// Names the state as its serialized form does, without what it holds.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LoggedOut => "logged_out",
            Self::Paused(_) => "paused",
            Self::Ready => "ready",
            Self::Previewing(_) => "previewing",
            Self::Reserved(_) => "reserved",
            Self::Talking(_) => "talking",
            Self::Holding(_) => "holding",
            Self::Wrapping(_) => "wrapping",
            Self::Resting(_) => "resting",
        }
    }
}

/// A campaign's state as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignState {
    /// Known, never started or stopped.
    Stopped,
    /// Dialling.
    Running,
    /// No new calls until it is resumed.
    Paused,
    /// No new calls; it stops when the last one ends.
    Draining,
    /// Running, and nothing is left to dial, now or later.
    Completed,
}
