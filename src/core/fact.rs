//! Everything that can happen, told to the [`Dialer`](super::Dialer) in the past tense.
//!
//! A fact names campaigns, agents, trunks, contacts, numbers and persons by id, zone and class,
//! never by name or telephone number: the tape that holds the facts holds no personal data.

use serde::{Deserialize, Serialize};

use super::habits::Habit;
use super::order::Outcome;
use super::pacing::account::Bucket;
use super::pacing::prior::Lesson;
use super::pacing::truth::Truth;
use super::rules::consent::Right;
use super::{agent, campaign, inbound, trunks};
use crate::units::{
    AgentId, CallId, CampaignId, ClientId, ContactId, DispositionId, InboundId, ListId, NumberId,
    PauseId, PersonId, Ratio, RouteGroup, ShownId, Span, Territory, TrunkId, Wall, Zone,
};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// Something about a campaign.
    Campaign(CampaignId, CampaignFact),
    /// Something about a trunk.
    Trunk(TrunkId, TrunkFact),
    /// Something about an agent.
    Agent(AgentId, AgentFact),
    /// Something about a call.
    Call(CallId, CallFact),
    /// A person asked never to be called again, or an authority's list says so.
    DoNotCall(PersonId, DncScope),
    /// A person took back every right to call him or her that a client company had.
    Withdrawn(PersonId, ClientId),
    /// A contact was erased from the store: nobody is behind its id any more.
    Erased(ContactId),
    /// What a number shown had carried before the dialer was made, as far as it still counts.
    Shown(ShownId, Carried),
    /// Something about a call that came in.
    Inbound(InboundId, InboundFact),
}

/// What a number shown carried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// Calls that showed it, counted by the minute they began in, the oldest first.
    pub calls: Vec<(Wall, u32)>,
    /// When a network refused a call for it, the oldest first.
    pub blocks: Vec<Wall>,
}

/// What happened to a call that came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InboundFact {
    /// A trunk brought it.
    Arrived {
        /// The trunk.
        trunk: TrunkId,
        /// The campaigns that show the called number.
        campaigns: Vec<CampaignId>,
        /// Whether the caller's number is told.
        known: bool,
    },
    /// The store answered [`InboundOrder::Identify`](super::order::InboundOrder::Identify): which
    /// of the campaigns called the caller last, if any did.
    Identified(Option<CampaignId>),
    /// It is answered, and the caller hears.
    Answered,
    /// What was played has come to its end.
    Played,
    /// The caller pressed a key.
    Pressed(char),
    /// The caller's wish was written to the store; also told of a call that is over.
    Noted {
        /// Every person-slot of the consumer.
        persons: Vec<PersonId>,
        /// The client companies it reaches.
        clients: Vec<ClientId>,
    },
    /// The store did not take the wish.
    NotNoted,
    /// It is over, whoever ended it.
    Gone,
}

/// How far a do-not-call wish reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DncScope {
    /// Only this campaign.
    Campaign(CampaignId),
    /// Every campaign of this client company.
    Client(ClientId),
    /// Every campaign of the centre.
    Everyone,
}

/// What happened to a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignFact {
    /// Its settings were read, first or again; a running campaign takes them at once. Those that
    /// [`check`](campaign::Settings::check) refuses are a surprise and change nothing.
    Set(Box<campaign::Settings>),
    /// A manager started or resumed it.
    Started,
    /// A manager paused it: no new calls, those in flight go on.
    Paused,
    /// A manager drains it: no new calls, unanswered ones are cancelled, talks end by themselves.
    Drained,
    /// A manager stopped it: as drained, and talks are hung up.
    Stopped,
    /// The store answered an [`Order::Claim`](super::Order::Claim).
    Claimed {
        /// The leased contacts, in the order to be called; empty if none is due.
        leads: Vec<Lead>,
        /// What the list still holds behind them.
        supply: Supply,
    },
    /// New contacts were imported or became due: ask the store again.
    Refilled,
    /// What is in stock may not be what should be called any more, as a quota was filled or the
    /// order of the list changed: give it back and ask the store again.
    Restocked,
    /// Somebody corrected which numbers a contact has, or what is held against them: whoever holds
    /// the contact goes by these.
    Corrected {
        /// The contact.
        contact: ContactId,
        /// All its numbers, in the order to be tried.
        numbers: Vec<LeadNumber>,
    },
    /// At which hours people were reached before the dialer was made, for campaigns that look for
    /// the best one.
    Habits(Vec<Habit>),
    /// What the abandon rule counted before the dialer was made, as far as it is still in the
    /// rule's window.
    Counted(Vec<Bucket>),
    /// What the campaign's pacer had learnt before the dialer was made; for a predictive campaign.
    Remembered(Vec<Lesson>),
    /// The true laws of an invented world: what a predictive pacer would have to learn. For the
    /// benchmark of what could be known; no living centre can tell it.
    Known(Box<Truth>),
    /// A pacer outside the core wants so many calls placed now, at most; the next settle places
    /// what trunks, rates, stock and rules let through, and forgets the rest. Of two in one batch
    /// the later counts. Only for [`Mode::Directed`](super::campaign::Mode::Directed).
    Directed(u32),
}

/// What a campaign's list still holds, as counted by the store when it answered a claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supply {
    /// Contacts that could be claimed now beyond those given; `u64::MAX` for more than are counted.
    pub due: u64,
    /// Contacts that wait for a retry delay, a callback time or a lock, or are leased; counted
    /// where few are due.
    pub waiting: u64,
    /// When the earliest of the waiting ones falls due; told where few are due.
    pub next_due: Option<Wall>,
}

/// A contact leased to a campaign's hopper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lead {
    /// The contact.
    pub contact: ContactId,
    /// Its numbers in the order to be tried.
    pub numbers: Vec<LeadNumber>,
    /// Attempts already made for this contact in this campaign, on any number.
    pub attempts: u32,
    /// Of those, the ones that ended as congestion or trunk fault, or were never placed: no chance
    /// of the contact's.
    pub faults: u32,
    /// The number to be tried first: the one the latest [`Next::Retry`](super::order::Next) named,
    /// or the one a callback was promised on; `None` for the first of the list.
    pub next_number: Option<NumberId>,
    /// The callback that is due, if this lead is one.
    pub callback: Option<Callback>,
    /// The agent whose portfolio holds the contact: only he or she is offered it.
    pub owner: Option<AgentId>,
    /// The list it came from, if it came with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<ListId>,
    /// Its latest attempts that ended, oldest first, at most
    /// [`TOLD_MAX`](super::recycle::TOLD_MAX); told where the campaign's retry plan asks for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
}

/// An attempt of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// When it began.
    pub at: Wall,
    /// How it ended.
    pub outcome: Outcome,
}

/// One telephone number of a lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeadNumber {
    /// The number.
    pub number: NumberId,
    /// The person-slot it resolves to: attempts and wishes are pooled there.
    pub person: PersonId,
    /// The zone whose calling windows hold for it.
    pub zone: Zone,
    /// The territory whose law holds for it; `None` where none is known, and for numbers kept for
    /// fiction, which are nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub territory: Option<Territory>,
    /// What kind of number it is.
    pub class: NumberClass,
    /// The routes it goes over: those of the longest prefix that fits it.
    #[serde(default, skip_serializing_if = "RouteGroup::is_default")]
    pub group: RouteGroup,
    /// When whoever it belongs to was tried lately for the same client, on this number or on
    /// another, oldest first, at most 16.
    pub recent: Vec<Wall>,
    /// When this person was last abandoned for the same client, under whatever contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abandoned: Option<Wall>,
    /// When whoever it belongs to last refused in conversation for the same client, on whatever
    /// number and under whatever contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Wall>,
    /// What gives the client the right to call this person, at most
    /// [`RIGHTS_MAX`](super::rules::consent::RIGHTS_MAX).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rights: Vec<Right>,
    /// What kind of person the contact is, where it is not one as the campaign calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PersonKind>,
    /// The caller ID that was last shown to the person, by its place in the campaign's list, if it
    /// is still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<u16>,
    /// The caller IDs, likewise, with which a network refused the last call to the person as an
    /// unwanted caller's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<u16>,
    /// The number was found not to exist.
    pub invalid: bool,
    /// A do-not-call wish stands against it.
    pub do_not_call: bool,
}

impl Lead {
    /// Makes a contact that was never tried, with its numbers in the order to be tried.
    #[must_use]
    pub const fn new(contact: ContactId, numbers: Vec<LeadNumber>) -> Self {
        Self {
            contact,
            numbers,
            attempts: 0,
            faults: 0,
            next_number: None,
            callback: None,
            owner: None,
            list: None,
            tried: Vec::new(),
        }
    }
}

impl LeadNumber {
    /// Makes a fixed line that was never tried and that nothing stands against.
    #[must_use]
    pub const fn new(number: NumberId, person: PersonId, zone: Zone) -> Self {
        Self {
            number,
            person,
            zone,
            territory: None,
            class: NumberClass::Fixed,
            group: RouteGroup::DEFAULT,
            recent: Vec::new(),
            abandoned: None,
            refused: None,
            rights: Vec::new(),
            kind: None,
            shown: None,
            blocked: Vec::new(),
            invalid: false,
            do_not_call: false,
        }
    }
}

impl LeadNumber {
    /// Whether its contact is treated as a consumer; `None` where only the campaign tells.
    #[must_use]
    pub fn is_consumer(&self) -> Option<bool> {
        Some(self.kind?.is_consumer(self.class))
    }
}

/// What kind of person a contact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonKind {
    /// A consumer.
    Consumer,
    /// A professional, called in his or her profession.
    Professional,
    /// A professional without a company, whose mobile may be a consumer's.
    SoleTrader,
}

impl PersonKind {
    /// Whether such a person is treated as a consumer on a number of that class. A sole trader is a
    /// professional on a fixed line alone (FR-19): any other may be his or her own.
    #[must_use]
    pub fn is_consumer(self, class: NumberClass) -> bool {
        match self {
            Self::Consumer => true,
            Self::Professional => false,
            Self::SoleTrader => class != NumberClass::Fixed,
        }
    }
}

/// What kind of telephone number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberClass {
    /// A fixed line.
    Fixed,
    /// A mobile.
    Mobile,
    /// Anything else.
    Other,
}

/// A promise to call again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// When.
    pub at: Wall,
    /// Which agent promised it personally; `None` for any agent.
    pub agent: Option<AgentId>,
}

/// What happened to a trunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrunkFact {
    /// Its settings were read, first or again.
    Set(trunks::Settings),
    /// It answers.
    Up,
    /// It does not answer, or refuses everything.
    Down,
    /// It asked to be spared for a while (503 with Retry-After).
    Spared(Span),
    /// It may bring calls, as many as these limits let in.
    Receives(inbound::Limits),
}

/// What happened to an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentFact {
    /// The agent's campaigns were set, first or again.
    Set(agent::Settings),
    /// The agent signed in for a shift.
    LoggedIn,
    /// The agent's nailed-up leg carries audio.
    LegUp,
    /// The agent's nailed-up leg is gone.
    LegDown,
    /// The agent wants calls.
    Ready,
    /// The agent wants a break, now or after the present call.
    Paused(PauseId),
    /// The agent leaves, now or after the present call.
    LoggedOut,
    /// Preview: the agent dials the shown contact.
    PreviewDialed,
    /// Preview: the agent passes over the shown contact.
    PreviewSkipped(SkipReason),
    /// The agent ended the conversation.
    HungUp,
    /// The agent put the callee on hold.
    Held,
    /// The agent took the callee back.
    Retrieved,
    /// The agent said how the call ended; allowed from the bridging to the end of the wrap-up.
    ///
    /// It does not end the wrap-up: its time limit, `Ready`, `Paused` and `LoggedOut` do. Said
    /// before the talk's end, it spares the wrap-up altogether.
    Qualified {
        /// The call that is qualified.
        call: CallId,
        /// Its disposition in the campaign's list.
        disposition: DispositionId,
        /// The promised callback, if the disposition is one.
        callback: Option<Callback>,
    },
    /// The agent asked for more wrap-up time.
    WrapExtended(Span),
}

/// Why an agent passed over a previewed contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Not now: the contact comes back after its retry delay.
    Later,
    /// The record is wrong: it is closed.
    BadRecord,
    /// Somebody else looks after this contact: it is closed.
    NotOurs,
}

/// What happened to a call, as the signalling and the media tell it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallFact {
    /// The far end's phone rings.
    Ringing,
    /// The network plays something before the answer.
    EarlyMedia,
    /// The call was answered, the audio agreed on.
    Answered,
    /// The call was answered, but no audio can be agreed on: a person may have picked up. With
    /// the cause to be kept.
    Unusable(u16),
    /// The listener judged who answered.
    Heard(Heard),
    /// The call ended before it was answered.
    Failed {
        /// Why, in the core's words.
        failure: Failure,
        /// The carrier's own code (a SIP status), kept for the record and never interpreted.
        cause: u16,
        /// For how long the number asks not to be called, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Span>,
    },
    /// The callee hung up after the answer.
    HungUp,
    /// A leg's media or dialog broke after the answer.
    Lost,
    /// The agent, or somebody for him or her, wants the person handed over, to whom only the
    /// driver knows.
    TransferWanted,
    /// Somebody else has the person now, as [`Order::Transfer`](super::Order::Transfer) wanted; one
    /// that fails is no fact, for the talk goes on.
    Transferred,
    /// The notice for an abandoned call was played to its end.
    NoticePlayed,
    /// The leg is gone after [`Order::HangUp`](super::Order::HangUp).
    Gone,
    /// The store refused the attempt's row, so that nothing was dialled. The attempt is closed as
    /// interrupted all the same; a store without its row keeps only what becomes of the contact.
    NotRecorded,
}

/// Who or what answered, with the listener's confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heard {
    /// The verdict.
    pub what: Answerer,
    /// How sure, 0 to 1.
    pub confidence: Ratio,
}

/// Who or what answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answerer {
    /// A person.
    Human,
    /// A voicemail or answering machine.
    Machine,
    /// A fax or modem.
    Fax,
}

/// Why a call ended before it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The line is busy.
    Busy,
    /// The network says nobody answers, or the person is away.
    NoAnswer,
    /// The number does not exist or is no telephone.
    Invalid,
    /// The person or his equipment declined the call.
    Declined,
    /// The person does not want such calls, from whomever of the client (RFC 8197).
    Unwanted,
    /// A network took the number shown for an unwanted caller's (RFC 8688, ATIS-1000099).
    Blocked,
    /// The call was cancelled on our order.
    Cancelled,
    /// The carrier has no room at present.
    Congestion,
    /// The trunk refused for a reason of its own or ours: credentials, caller ID, codec, silence.
    TrunkFault,
}
