//! Sockets for `wire::sip`: trunks, agents' phones, and the task that owns the user agent.

mod called;
mod connection;
mod handle;
mod health;
mod outcome;
mod phones;
mod places;
mod probe;
mod resolver;
mod shell;
pub(crate) mod socket;
mod strangers;
mod streams;
mod tls;
mod trouble;
mod trunk;

use crate::core::fact::Failure;
use crate::units::{AgentId, LegId, Number, Span, TrunkId};

pub use crate::wire::sip::{
    Counters, Credentials, EarlyMedia, Ha1, Identity, Part, Privacy, Refresher, Reliability, Scope,
    Sdp, SessionTimers, StoredBinding, StoredDialog, Testimony, TimerMode, Transport, Way,
};
pub use handle::{Figures, Peer, SipHandle};
pub use health::{Ailment, Refusal, TrunkState};
pub use outcome::{failure, is_of_attestation};
pub use phones::Phone;
pub use probe::Said;
pub use resolver::{By, FindError, Found, Resolver};
pub use shell::{Left, Settings, SipError, start};
pub use socket::Door;
pub use tls::{Identification, Tls, TlsError, Trust};
pub use trouble::{Obstacle, Trouble};
pub use trunk::{Register, Trunk};

/// What the signalling is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Call a number over a trunk.
    Dial {
        /// The new leg.
        leg: LegId,
        /// The trunk.
        trunk: TrunkId,
        /// Whom to call.
        to: Number,
        /// Which number to show; `None` hides it by the trunk's privacy rule.
        from: Option<Number>,
        /// Our offer.
        offer: Sdp,
        /// The call's public id for the switchable `X-Cadran-Call` header.
        call_ref: String,
    },
    /// Before a test call with this leg: ask the trunk for a sign of life and refresh its
    /// registration, then note what is said about the call. Answered by [`Event::Probed`].
    Probe(LegId, TrunkId),
    /// Call an agent's phone at its registered or configured contact.
    DialAgent {
        /// The new leg.
        leg: LegId,
        /// The agent.
        agent: AgentId,
        /// Our offer.
        offer: Sdp,
    },
    /// Give up an unanswered leg (CANCEL when a provisional came, not before).
    Cancel(LegId),
    /// End an answered leg (BYE).
    HangUp(LegId),
    /// Ask an answered leg's far end whether it is still there, by a refresh of the session. One
    /// that is not there ends in [`Event::Ended`].
    Refresh(LegId),
    /// Ask an answered leg's far end to call somebody else and leave us. Answered by
    /// [`Event::Transferred`].
    Transfer {
        /// The leg.
        leg: LegId,
        /// The trunk it goes over.
        trunk: TrunkId,
        /// Whom the far end is to call.
        to: Number,
    },
    /// Tell a leg's far end how the transfer it wanted goes: taken (202) or refused, then, if
    /// taken, its final status.
    TellTransfer(LegId, u16),
    /// Answer an incoming leg, or an offer inside a dialog.
    Accept(LegId, Sdp),
    /// Refuse an incoming leg or an offer inside a dialog with this status.
    Reject(LegId, u16),
}

/// What the signalling reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// 180: the far end rings.
    Ringing(LegId),
    /// 183 or 180 with a session description: early media.
    Progress(LegId, Sdp),
    /// 200: answered, with the far end's answer. Already acknowledged.
    Answered(LegId, Sdp),
    /// A dialog was confirmed: keep it so that a restart can end it.
    Dialog(LegId, StoredDialog),
    /// The leg ended before it was answered.
    Failed {
        /// The leg.
        leg: LegId,
        /// Why, by the one documented table.
        failure: Failure,
        /// The final status, 408 for our own time-out, 0 for none.
        status: u16,
        /// Retry-After, if the carrier asked for it.
        retry_after: Option<Span>,
        /// The far end's own words, at most 128 characters; empty if it said none.
        reason: String,
    },
    /// An answered leg ended by the far end, or lost.
    Ended {
        /// The leg.
        leg: LegId,
        /// Whether the far end said BYE; otherwise the dialog was lost.
        bye: bool,
    },
    /// A leg we hung up or cancelled is gone, or one that an earlier run left up.
    Gone(LegId),
    /// The far end offers a change inside the dialog (re-INVITE or UPDATE); `None` asks us to
    /// offer. Answer with `Accept` or `Reject`.
    Offer(LegId, Option<Sdp>),
    /// The far end answered an offer of ours made inside the dialog.
    Reanswered(LegId, Sdp),
    /// How a transfer we asked for ended, and the far end's own words, at most 128 characters; the
    /// leg still stands. 2xx: somebody else has the far end; 408 if it said nothing in time, 0 if
    /// it gave up telling or could not be asked; otherwise the status of the refusal.
    Transferred(LegId, u16, String),
    /// A leg's far end wants to be transferred to this number, `None` if what it named is none;
    /// answer with `TellTransfer`.
    TransferWanted(LegId, Option<Number>),
    /// An agent's phone calls in; answer with `Accept` or `Reject`.
    Incoming(LegId, AgentId, Sdp),
    /// A call comes in over a trunk; answer with `Accept` or `Reject`.
    Called(Box<Called>),
    /// The far end acknowledged our answer: it hears from now on.
    Acked(LegId),
    /// A DTMF key came by INFO (`application/dtmf-relay`).
    Digit(LegId, char),
    /// An agent's phone registered (`true`) or left (`false`).
    Phone(AgentId, bool),
    /// An agent's phone is registered there: keep that for so long, so that a restart finds it.
    Bound(AgentId, Vec<(StoredBinding, Span)>),
    /// A trunk is in another state than before, by its answers to OPTIONS and its registration;
    /// what ails it unless it is well.
    Trunk(TrunkId, TrunkState, Option<Ailment>),
    /// A probed trunk has answered, or cannot be asked: the test call may be placed.
    Probed(LegId),
    /// What was said about a test call; the leg's last event follows.
    Witnessed(LegId, Box<Said>),
    /// A trunk asks to be spared for so long (503 with Retry-After to OPTIONS).
    Rest(TrunkId, Span),
}

/// A call that comes in over a trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// The new leg.
    pub leg: LegId,
    /// The trunk.
    pub trunk: TrunkId,
    /// What may be the number called, the likelier first: that of the request URI, that of To.
    pub to: Vec<Number>,
    /// Who calls, by P-Asserted-Identity or else From; `None` if that is hidden or no number.
    pub from: Option<Number>,
    /// Who calls, if the number called is French and the caller's is written as in France.
    pub national: Option<Number>,
    /// What could not be read, without its digits.
    pub unread: Vec<String>,
    /// The caller's offer; `None` asks us to offer in the answer.
    pub offer: Option<Sdp>,
}
