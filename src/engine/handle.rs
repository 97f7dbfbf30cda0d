//! What others may ask of the engine, and the snapshot they read.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use crate::config::Words;
use crate::core::fact::{Callback, DncScope, SkipReason};
use crate::core::floor::Floor;
use crate::core::quality::Fall;
use crate::sip::{Ailment, TrunkState};
use crate::store::{AgentRow, Claimed};
use crate::units::{
    AgentId, CallId, CampaignId, ClientId, ContactId, DispositionId, Now, Number, PauseId,
    PersonId, Span, TrunkId, Wall,
};

/// A request to the engine.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Start, pause, drain or stop a campaign.
    Campaign(CampaignId, CampaignVerb),
    /// Contacts were imported: claim again.
    Refill(CampaignId),
    /// A quota was filled or a list put in another order: give the stock back and claim again.
    Restock(CampaignId),
    /// Something an agent does or has done for him or her.
    Agent(AgentId, AgentVerb),
    /// Take an agent's browser for the telephone: its WebRTC offer is answered, and its leg is the
    /// agent's once it has joined.
    Offer(AgentId, Box<str>),
    /// An agent was added to the store or changed in it: take the new row.
    AgentChanged(Box<AgentRow>),
    /// A person's do-not-call wish was written to the store.
    DoNotCall(PersonId, DncScope),
    /// A person's withdrawal of a client company's rights was written to the store.
    Withdrawn(PersonId, ClientId),
    /// A contact was erased from the store.
    Erased(ContactId),
    /// A contact's numbers were corrected in the store: as they are now, with their digits.
    Corrected(CampaignId, Box<Claimed>),
    /// Hand the person in a call over to this number: the word comes when that has succeeded or
    /// failed.
    Transfer(CallId, Number),
    /// Place one test call over a trunk and report how it went.
    TestTrunk(TrunkId, TestCall),
    /// Stop dialling, let conversations end, then leave.
    Drain,
}

impl Ask {
    /// Tells whether calls would come of it, to whomever; an engine that leaves places none.
    #[must_use]
    pub fn places_calls(&self) -> bool {
        match self {
            Self::Campaign(_, verb) => *verb == CampaignVerb::Start,
            Self::Agent(_, verb) => matches!(verb, AgentVerb::Login | AgentVerb::Dial),
            Self::TestTrunk(..) | Self::Offer(..) => true,
            Self::Refill(_)
            | Self::Restock(_)
            | Self::AgentChanged(_)
            | Self::DoNotCall(..)
            | Self::Withdrawn(..)
            | Self::Erased(..)
            | Self::Corrected(..)
            | Self::Transfer(..)
            | Self::Drain => false,
        }
    }
}

/// What a manager does with a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CampaignVerb {
    /// Start or resume.
    Start,
    /// No new calls.
    Pause,
    /// No new calls, then stop.
    Drain,
    /// Stop now, ending conversations.
    Stop,
}

/// What an agent does.
#[derive(Clone, Debug, PartialEq)]
pub enum AgentVerb {
    /// Sign in for a shift.
    Login,
    /// Want calls.
    Ready,
    /// Want a break.
    Pause(PauseId),
    /// Leave.
    Logout,
    /// Preview: dial the shown contact.
    Dial,
    /// Preview: pass over the shown contact.
    Skip(SkipReason),
    /// End the conversation.
    HangUp,
    /// Put the callee on hold.
    Hold,
    /// Take the callee back.
    Retrieve,
    /// Say how the call ended.
    Qualify(Box<Qualification>),
    /// Ask for more wrap-up time.
    ExtendWrap(Span),
}

/// An agent's word on a call, with the details that never enter the core.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Qualification {
    /// The call; `None` for the agent's present one.
    pub call: Option<CallId>,
    /// The disposition.
    pub disposition: Option<DispositionId>,
    /// The promised callback.
    pub callback: Option<Callback>,
    /// What was agreed, for the store and the webhook only.
    pub details: Details,
}

/// What was agreed in a call: personal or commercial data, kept out of the core and the tape.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Details {
    /// Free notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// A sale's amount in the campaign's currency, in cents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_cents: Option<i64>,
    /// An appointment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appointment: Option<Appointment>,
    /// Fields of the contact the agent changed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changed_fields: BTreeMap<String, String>,
}

/// An appointment taken in a call.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Appointment {
    /// When it begins, RFC 3339 with offset.
    pub at: String,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// With which salesperson.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salesperson: Option<String>,
}

/// What the engine answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// It was done, or is under way.
    Done,
    /// The answer to a browser's offer.
    Answer(String),
    /// How a test call went.
    Tested(Box<TrunkReport>),
}

/// A test call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestCall {
    /// Whom to call.
    pub to: Number,
    /// The number to show; `None` hides ours.
    pub from: Option<Number>,
    /// Whether the far end sends back what it hears: then the way is measured, and a key pressed.
    pub echo: bool,
}

/// Something wrong with a trunk, and what to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// A name that stays: `sip-403`, `no-audio-in`.
    pub code: String,
    /// What is wrong.
    pub means: Words,
    /// What to do.
    pub remedy: Words,
}

/// An answer, and how long it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sign {
    /// The status, 0 if none came in time.
    pub status: u16,
    /// Milliseconds since the request.
    pub ms: f64,
}

/// What came back of our sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Echo {
    /// Pings sent that had time to come back.
    pub sent: u32,
    /// Those that did.
    pub back: u32,
    /// There and back, in milliseconds.
    pub round_trip_ms: f64,
    /// How much that differs from ping to ping, in milliseconds.
    pub jitter_ms: f64,
}

impl Echo {
    /// Tells whether there is an echo: half of the pings came back, where a voice is taken for one
    /// ping in ten at most.
    #[must_use]
    pub const fn is_there(&self) -> bool {
        self.back > 0 && self.back.saturating_mul(2) >= self.sent
    }
}

/// Why a trunk cannot be reached at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Trouble {
    /// The finding's name: `dns`.
    pub code: String,
    /// What the system says.
    pub detail: String,
}

/// How a test call went.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TrunkReport {
    /// How OPTIONS was answered before the call; `None` if it could not be asked.
    #[serde(default)]
    pub options: Option<Sign>,
    /// How REGISTER was answered before the call; `None` for a trunk that does not register.
    #[serde(default)]
    pub register: Option<Sign>,
    /// For how many seconds the account was bound then.
    #[serde(default)]
    pub register_s: Option<f64>,
    /// Every answer to the INVITE in its order, repetitions left out.
    #[serde(default)]
    pub path: Vec<Sign>,
    /// The final status of the INVITE; 408 for silence, 487 for a call that rang until it was given
    /// up, 0 for one that could not be sent.
    pub status: u16,
    /// INVITE to ringing, in milliseconds.
    pub ringing_ms: Option<f64>,
    /// INVITE to answer, in milliseconds.
    pub answer_ms: Option<f64>,
    /// The codec agreed.
    pub codec: Option<String>,
    /// RTP packets sent.
    #[serde(default)]
    pub sent: u64,
    /// RTP packets received.
    pub received: u64,
    /// RTP packets lost.
    pub lost: u64,
    /// Jitter in milliseconds.
    pub jitter_ms: f64,
    /// The carrier's own words with its final status.
    #[serde(default)]
    pub reason: String,
    /// The status a first try was refused with, when this is the second, made alone.
    #[serde(default)]
    pub refused: Option<u16>,
    /// Where the far end wants its audio, by its answer.
    #[serde(default)]
    pub audio_to: Option<SocketAddr>,
    /// Where its audio came from.
    #[serde(default)]
    pub audio_from: Option<SocketAddr>,
    /// Whether the far end reports that it hears us; `None` if it reports nothing.
    #[serde(default)]
    pub hears_us: Option<bool>,
    /// There and back by RTCP, in milliseconds.
    #[serde(default)]
    pub round_trip_ms: Option<f64>,
    /// Whether keys can be sent as telephone events (RFC 4733).
    #[serde(default)]
    pub dtmf: bool,
    /// Whether a key pressed came back, where an echo was asked for.
    #[serde(default)]
    pub dtmf_back: Option<bool>,
    /// What came back of our sound, where an echo was asked for.
    #[serde(default)]
    pub echo: Option<Echo>,
    /// The final status of our BYE, where the call was ours to end.
    #[serde(default)]
    pub bye: Option<u16>,
    /// The finding's name for an answer that we could not take and hung up on: `no-srtp`.
    #[serde(default)]
    pub rejected: Option<String>,
    /// Whether the far end ended the call before we did.
    #[serde(default)]
    pub ended_there: bool,
    /// The number shown, as the far end saw it; `None` if it does not tell.
    #[serde(default)]
    pub caller_seen: Option<String>,
    /// How the far end found that number attested (`verstat`); `None` if it does not tell.
    #[serde(default)]
    pub attestation: Option<String>,
    /// The headers of ours that came back changed, or that count wrongly.
    #[serde(default)]
    pub changed: Vec<String>,
    /// The address the carrier sees us at, where it is not the one we tell.
    #[serde(default)]
    pub seen_at: Option<IpAddr>,
    /// Why the trunk could not be reached, where nothing came back.
    #[serde(default)]
    pub trouble: Option<Trouble>,
    /// What is wrong, the worst first.
    #[serde(default)]
    pub findings: Vec<Finding>,
}

/// Why the engine did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such campaign, agent, call or trunk.
    #[error("no such {0}")]
    Unknown(&'static str),
    /// It cannot be done in the present state.
    #[error("{0}")]
    WrongState(String),
    /// The carrier hands nobody over.
    #[error(
        "the trunk {0} transfers no calls: if its carrier takes REFER, set refer = \"transfer\" \
         there and start the engine again"
    )]
    NoTransfer(String),
    /// The far end did not do what it was asked for; the call goes on.
    #[error("the call was not transferred and goes on: {0}")]
    NotTransferred(String),
    /// It would make calls, and the engine leaves.
    #[error("the engine is leaving: it places no more calls until it is started again")]
    Leaving,
    /// The engine is stopping or too busy to take requests, or its store fails.
    #[error(
        "the engine takes no requests now: it is stopping, its database fails, or more than \
         {ASKS_MAX} wait"
    )]
    Busy,
}

/// Requests that may wait at once; beyond that the caller is told to come back.
pub const ASKS_MAX: usize = 1_024;

/// The way back to whoever asked.
pub type Word = oneshot::Sender<Result<Reply, Refused>>;

/// A request with the way back to whoever asked.
pub type Asked = (Ask, Word);

/// How a trunk is, by its signs of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrunkHealth {
    /// The state.
    pub state: TrunkState,
    /// What ails it, unless it is well.
    pub ailment: Option<Ailment>,
    /// Since when.
    pub since: Wall,
}

/// Calls that a trunk sent and others did not believe: they were not signed, or not rightly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsigned {
    /// The status of the latest refusal (RFC 8224 §6.2.2).
    pub status: u16,
    /// When that was.
    pub at: Wall,
    /// How many there were since the engine started.
    pub calls: u32,
}

/// The snapshot others read: the core's floor with what only the shell knows.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// When it was taken.
    pub now: Now,
    /// The core's state.
    pub floor: Floor,
    /// 200 OK to two-way audio of the calls bridged so far, in milliseconds, latest 4,096.
    pub answer_to_audio_ms: Arc<Vec<f64>>,
    /// Contacts shown to agents in preview, by agent.
    pub previews: BTreeMap<AgentId, (CampaignId, ContactId)>,
    /// How the trunks are that told of themselves.
    pub trunks: BTreeMap<TrunkId, TrunkHealth>,
    /// The trunks whose calls were refused for want of a signature.
    pub unsigned: BTreeMap<TrunkId, Unsigned>,
    /// The trunks whose present hour is far below their record.
    pub falls: BTreeMap<TrunkId, Fall>,
    /// Whether no call is placed because the database takes no records, or did not a moment ago.
    pub store_fails: bool,
    /// Since when the database takes no records, while it does not.
    pub store_away: Option<Wall>,
    /// Why, as the store says.
    pub store_fault: Option<String>,
    /// Whether the engine is leaving.
    pub draining: bool,
}

/// The door to a running engine; cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    asks: mpsc::Sender<Asked>,
    snapshot: watch::Receiver<Arc<Snapshot>>,
}

impl Handle {
    /// Joins the two ends the engine made.
    #[must_use]
    pub fn new(asks: mpsc::Sender<Asked>, snapshot: watch::Receiver<Arc<Snapshot>>) -> Self {
        Self { asks, snapshot }
    }

    /// Asks the engine for something and waits for its word, which comes once what it makes the
    /// engine record is committed.
    ///
    /// # Errors
    /// The engine refused; see [`Refused`].
    pub async fn ask(&self, ask: Ask) -> Result<Reply, Refused> {
        let (back, word) = oneshot::channel();
        self.asks.try_send((ask, back)).map_err(|_| Refused::Busy)?;
        word.await.map_err(|_| Refused::Busy)?
    }

    /// Gives the latest snapshot, at most one second old while the engine runs.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.borrow().clone()
    }

    /// Gives the changing snapshot, to wait on.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.clone()
    }
}
