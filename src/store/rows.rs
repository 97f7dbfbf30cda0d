//! What goes into the store and what comes out of it, as values.

use std::collections::BTreeMap;

use super::{ListShare, NewConsent};
use crate::core::campaign::DispositionClass;
use crate::core::fact::{Callback, Heard, Lead, NumberClass, PersonKind, Supply};
use crate::core::order::{AgentState, CampaignState, EndedBy, Outcome, Record};
use crate::core::pacing::Decision;
use crate::core::quality::Quality;
use crate::core::quota::Quota;
use crate::engine::handle::Details;
use crate::sip::{Ha1, StoredBinding, StoredDialog};
use crate::units::{
    AgentId, CallId, CampaignId, ClientId, ContactId, InboundId, LegId, Number, NumberId, PersonId,
    Span, Territory, TrunkId, Wall, Zone,
};

/// One thing to be written down. Writing the same sequence again changes nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// A record of the core. [`Record::Completed`] also writes the webhook event into the outbox,
    /// in the same transaction.
    Record {
        /// What must survive.
        record: Record,
        /// When the core gave it.
        at: Wall,
    },
    /// What was agreed in a call; to be committed with its [`Record::Qualified`], before
    /// [`Record::Completed`]. The last one counts.
    Details {
        /// The call.
        call: CallId,
        /// What was agreed.
        details: Details,
        /// When that was said.
        at: Wall,
    },
    /// A SIP dialog was confirmed: a restart can end it.
    Dialog {
        /// Its leg.
        leg: LegId,
        /// Its call; `None` for an agent's nailed-up leg.
        call: Option<CallId>,
        /// What a BYE needs.
        dialog: StoredDialog,
    },
    /// A stored SIP dialog ended.
    DialogGone(LegId),
    /// Who called a number that campaigns show; to be committed with its [`Record::Received`].
    Caller {
        /// The call.
        inbound: InboundId,
        /// Who called, if that is known.
        from: Option<Number>,
        /// The number called.
        called: Number,
    },
    /// An agent's phones are registered: a restart finds them.
    Bindings {
        /// The agent.
        agent: AgentId,
        /// Where each phone is and until when that counts; the last one is rung.
        bindings: Vec<(StoredBinding, Wall)>,
    },
    /// The last of an agent's registrations ended.
    BindingGone(AgentId),
    /// How a delivery of an event went.
    Delivery(Delivery),
}

impl Write {
    /// Names what is written, without its contents.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Record { .. } => "record",
            Self::Details { .. } => "details",
            Self::Dialog { .. } => "dialog",
            Self::DialogGone(_) => "dialog gone",
            Self::Caller { .. } => "caller",
            Self::Bindings { .. } => "bindings",
            Self::BindingGone(_) => "binding gone",
            Self::Delivery(_) => "delivery",
        }
    }
}

/// How one delivery of an event went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The event.
    pub event: String,
    /// The how-manieth try it was, from 1.
    pub tries: u32,
    /// When the receiver answered, or failed to.
    pub at: Wall,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What went wrong, in words; never the answer's body.
    pub error: Option<String>,
    /// What becomes of the event.
    pub then: Then,
}

/// What becomes of an event after a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The receiver has it.
    Delivered,
    /// It is sent again then.
    Retry(Wall),
    /// Every try was made: it stays in the list of failures until somebody replays it.
    GiveUp,
    /// The receiver is gone for good (410): its endpoint is disabled and the event waits.
    Disable,
}

/// A client company's campaign as its file describes it, as far as the store must know.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCampaign {
    /// Its unique name.
    pub name: String,
    /// The client company's unique name.
    pub client: String,
    /// The name of the endpoint its events go to; `None` sends none and writes no outbox row.
    pub endpoint: Option<String>,
    /// The caller IDs, in the configured order.
    pub caller_ids: Vec<Number>,
    /// The dispositions; their place in the list is their
    /// [`DispositionId`](crate::units::DispositionId).
    pub dispositions: Vec<DispositionRow>,
    /// The shares of its lists.
    pub shares: Vec<ListShare>,
    /// What stops cells of its contacts.
    pub quotas: Vec<Quota>,
    /// Whether its leads tell how their earlier attempts ended.
    pub history: bool,
}

/// A disposition as reports and webhooks name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DispositionRow {
    /// The stable code, such as `rdv`.
    pub code: String,
    /// The label an agent reads.
    pub label: String,
    /// Its class.
    pub class: DispositionClass,
}

/// A stored campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CampaignRow {
    /// Its id.
    pub id: CampaignId,
    /// Its name.
    pub name: String,
    /// The client company.
    pub client: ClientId,
    /// The client company's name.
    pub client_name: String,
    /// The state at its last change.
    pub state: CampaignState,
    /// The endpoint its events go to.
    pub endpoint: Option<String>,
}

/// A contact to be imported.
#[derive(Clone, Debug, PartialEq)]
pub struct NewContact {
    /// The CRM's own id.
    pub external_id: Option<String>,
    /// The name an agent reads.
    pub name: Option<String>,
    /// Every other column of the list.
    pub fields: BTreeMap<String, String>,
    /// 1 is called first, 9 last; values outside are held inside.
    pub priority: u8,
    /// Of two contacts with one priority the one with the higher score is called first, 0 to
    /// [`SCORE_MAX`]; more is taken for that.
    pub score: u8,
    /// The agent whose portfolio holds it.
    pub owner: Option<AgentId>,
    /// What kind of person it is; `None` for one as the campaign calls.
    pub kind: Option<PersonKind>,
    /// Its numbers in the order to be tried, at most [`NUMBERS_MAX`]; more are dropped.
    pub numbers: Vec<NewNumber>,
    /// What gives the right to call each of them.
    pub consents: Vec<NewConsent>,
}

/// Numbers one contact may have: a record of a list has a handful of columns for them.
pub const NUMBERS_MAX: usize = 8;

/// The highest score.
pub const SCORE_MAX: u8 = 100;

/// The priority of a contact whose list names none.
pub const PRIORITY_DEFAULT: u8 = 5;

/// One telephone number of a contact to be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNumber {
    /// The number.
    pub number: Number,
    /// The zone whose calling windows hold for it.
    pub zone: Zone,
    /// The territory whose law holds for it, if one is known.
    pub territory: Option<Territory>,
    /// What kind of number it is.
    pub class: NumberClass,
}

/// Where an imported list comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportSource {
    /// The file's name, without its folders.
    pub file: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// SHA-256 of the file it was made from, such as a workbook, if it was made from one.
    pub original: Option<String>,
    /// When it is imported.
    pub at: Wall,
    /// Whether contacts are added whom another live campaign of the client has to call.
    pub also_elsewhere: bool,
}

/// What became of an imported list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportSummary {
    /// Contacts read.
    pub read: u64,
    /// Contacts added.
    pub added: u64,
    /// Contacts whose every number or whose external id the campaign had already, be it from
    /// further up in the same list.
    pub doubled_in_campaign: u64,
    /// Of those, the ones whose external id the campaign had, and none of whose numbers.
    pub ids_taken: u64,
    /// Contacts left out because another live campaign of the client has to call one of their
    /// numbers.
    pub elsewhere: u64,
    /// Contacts without a number.
    pub without_number: u64,
    /// Numbers left out of added contacts because another contact of the campaign has them.
    pub numbers_dropped: u64,
    /// Added contacts with at least one number under a do-not-call wish; the gate refuses those.
    pub do_not_call: u64,
    /// Rights to call that were recorded, also of contacts the campaign had already.
    pub consents: u64,
    /// Contacts of the client that waited for a right and are due, since one is recorded.
    pub woken: u64,
    /// Numbers on which a withdrawal counts now, since an added contact shows whose they are.
    pub withdrawn: u64,
    /// When this very file was imported before, if it was.
    pub seen_before: Option<Wall>,
}

/// The answer to a claim.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claimed {
    /// The leased contacts, in the order to be called.
    pub leads: Vec<Lead>,
    /// The digits behind their numbers.
    pub digits: BTreeMap<NumberId, Number>,
    /// Their cards.
    pub cards: BTreeMap<ContactId, Card>,
    /// What the list still holds.
    pub supply: Supply,
}

/// What a campaign's list holds, and what makes the next of its contacts wait.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// What the list holds; contacts in a call or being written up are counted nowhere.
    pub supply: Supply,
    /// The rule that refused the contact which falls due next, until then; `None` if it waits for
    /// a retry, a callback or the end of a lease.
    pub next_rule: Option<String>,
    /// The rule of law behind that one, if one is.
    pub next_law: Option<String>,
}

/// What an agent sees of a contact.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// The contact.
    pub contact: ContactId,
    /// Its campaign.
    pub campaign: CampaignId,
    /// The CRM's own id.
    pub external_id: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// Every other column of the list, as agents changed them.
    pub fields: BTreeMap<String, String>,
    /// Attempts made.
    pub attempts: u32,
    /// The promised callback.
    pub callback: Option<Callback>,
    /// Whether it is closed in its campaign.
    pub done: bool,
}

/// What the store found and mended when the engine started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovered {
    /// The count of the first new call of this node.
    pub first_call: u64,
    /// A leg id above every stored dialog's: new legs start here.
    pub first_leg: u64,
    /// The first id of calls that come in.
    pub first_inbound: u64,
    /// Attempts that were open and are now closed as interrupted.
    pub interrupted: Vec<CallId>,
    /// Dialogs an earlier run left up; each is to be ended, then [`Write::DialogGone`].
    pub dialogs: Vec<(LegId, StoredDialog)>,
    /// Where phones registered that an earlier run knew of, and until when that counts.
    pub bindings: Vec<(AgentId, StoredBinding, Wall)>,
    /// Every campaign, with the state it had.
    pub campaigns: Vec<CampaignRow>,
    /// Every agent, signed out.
    pub agents: Vec<AgentRow>,
    /// Agents who were signed in a short while ago, as they were.
    pub at_work: Vec<(AgentId, AgentState)>,
}

/// An agent to be added or changed, known by his or her name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAgent {
    /// The unique name, also the phone's user name.
    pub name: String,
    /// What the phone proves itself with; `None` keeps the stored one.
    pub ha1: Option<Ha1>,
    /// Where the phone is when it does not register, a SIP URI.
    pub contact_uri: Option<String>,
    /// The campaigns the agent takes calls of, best first.
    pub campaigns: Vec<CampaignId>,
    /// What the agent can do that campaigns may require; `None` keeps what is stored.
    pub skills: Option<Vec<String>>,
}

/// A stored agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRow {
    /// The id.
    pub id: AgentId,
    /// The unique name.
    pub name: String,
    /// What the phone proves itself with.
    pub ha1: Option<Ha1>,
    /// Where the phone is when it does not register, a SIP URI.
    pub contact_uri: Option<String>,
    /// The campaigns the agent takes calls of, best first.
    pub campaigns: Vec<CampaignId>,
    /// What the agent can do that campaigns may require, by name.
    pub skills: Vec<String>,
    /// The state at its last change.
    pub state: AgentState,
    /// When it changed; the epoch if it never did.
    pub since: Wall,
}

/// An attempt with everything known about it: what `call show` prints and `call.completed` says.
#[derive(Clone, Debug, PartialEq)]
pub struct CallRow {
    /// The attempt.
    pub call: CallId,
    /// The campaign.
    pub campaign: CampaignId,
    /// The campaign's name.
    pub campaign_name: String,
    /// The client company.
    pub client: ClientId,
    /// The contact.
    pub contact: ContactId,
    /// The CRM's own id of the contact.
    pub external_id: Option<String>,
    /// The number tried.
    pub number: NumberId,
    /// Its digits; `None` once they were erased.
    pub to: Option<Number>,
    /// The caller ID shown; `None` if it was hidden.
    pub from: Option<Number>,
    /// The trunk.
    pub trunk: TrunkId,
    /// The how-manieth attempt for the contact, from 1.
    pub attempt: u32,
    /// The agent who had it, if one did.
    pub agent: Option<AgentId>,
    /// The agent's name.
    pub agent_name: Option<String>,
    /// When it began.
    pub opened: Wall,
    /// When it first rang.
    pub ringing: Option<Wall>,
    /// When it was answered.
    pub answered: Option<Wall>,
    /// When it was bridged.
    pub bridged: Option<Wall>,
    /// When it ended; `None` while it lasts.
    pub ended: Option<Wall>,
    /// When its story was told to the end.
    pub completed: Option<Wall>,
    /// How it ended; `None` while it lasts.
    pub outcome: Option<Outcome>,
    /// The carrier's own code, 0 if there was none.
    pub cause: u16,
    /// Who ended it.
    pub ended_by: Option<EndedBy>,
    /// The listener's verdict.
    pub heard: Option<Heard>,
    /// How long the callee was on hold.
    pub held: Span,
    /// How long the agent wrote up, as told with the disposition.
    pub wrap: Option<Span>,
    /// The disposition.
    pub disposition: Option<DispositionRow>,
    /// What was agreed.
    pub details: Details,
}

impl CallRow {
    /// Gives how long callee and agent were joined, hold included; `None` if they were not, if
    /// they still are, or if a crash cut the call: nobody knows when that ended.
    #[must_use]
    pub fn talked(&self) -> Option<Span> {
        let (from, to) = self.bridged.zip(self.ended)?;
        (self.outcome != Some(Outcome::Interrupted)).then(|| to.since(from))
    }
}

/// Which calls to list; every part narrows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallFilter {
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// Of this contact.
    pub contact: Option<ContactId>,
    /// Of this agent.
    pub agent: Option<AgentId>,
    /// To this number, whatever the contact.
    pub to: Option<Number>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// Begun then or later.
    pub since: Option<Wall>,
    /// Begun before.
    pub until: Option<Wall>,
}

/// One page of a list, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The cursor of the next page; `None` at the end.
    pub next: Option<Cursor>,
}

/// Where a list goes on: after this moment and key. Opaque to users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The moment of the last row.
    pub at: Wall,
    /// The key of the last row.
    pub key: u64,
}

/// A pacer's decision as it was recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecisionRow {
    /// When it was made.
    pub at: Wall,
    /// The decision.
    pub decision: Decision,
}

/// Rows on one page at most.
pub const PAGE_MAX: u32 = 1_000;

/// How far a do-not-call wish reaches, as people name it.
pub use crate::core::fact::DncScope;

/// A do-not-call wish brought in from outside a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDoNotCall {
    /// The number.
    pub number: Number,
    /// How far it reaches.
    pub scope: DncScope,
    /// Why, in words.
    pub reason: String,
    /// Where it comes from: a list, a letter, an agent.
    pub source: String,
    /// When it was said.
    pub at: Wall,
    /// When it ends; `None` never.
    pub until: Option<Wall>,
}

/// A standing do-not-call wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoNotCallRow {
    /// Whose it is.
    pub person: PersonId,
    /// The number, unless it was never a contact's or was erased.
    pub number: Option<Number>,
    /// How far it reaches.
    pub scope: DncScope,
    /// Why.
    pub reason: String,
    /// Where it comes from.
    pub source: String,
    /// When it was said.
    pub at: Wall,
    /// When it ends; `None` never.
    pub until: Option<Wall>,
}

/// How well a trunk carried the calls begun in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrunkHour {
    /// The trunk.
    pub trunk: TrunkId,
    /// The hour's beginning.
    pub at: Wall,
    /// What became of its calls.
    pub quality: Quality,
}

/// An event to be put into the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Its id, the `webhook-id` of every delivery; it contains no full stop.
    pub id: String,
    /// The endpoint it goes to.
    pub endpoint: String,
    /// Its type, such as `webhook.test`.
    pub kind: String,
    /// The exact bytes to send.
    pub body: String,
    /// When it happened.
    pub created: Wall,
}

/// An event of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Its id, the `webhook-id` of every delivery.
    pub id: String,
    /// The endpoint it goes to.
    pub endpoint: String,
    /// Its type, such as `call.completed`.
    pub kind: String,
    /// The exact bytes to send.
    pub body: String,
    /// When it happened.
    pub created: Wall,
    /// Tries made.
    pub tries: u32,
    /// When it is tried next; `None` if it is not.
    pub next_try: Option<Wall>,
    /// When a receiver took it.
    pub delivered: Option<Wall>,
    /// The latest HTTP status.
    pub status: Option<u16>,
    /// What went wrong at the latest try.
    pub error: Option<String>,
}

/// An endpoint as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointRow {
    /// Its name.
    pub name: String,
    /// Since when it is disabled.
    pub disabled: Option<Wall>,
    /// Events that wait for it.
    pub pending: u64,
    /// Events given up.
    pub failed: u64,
    /// When the oldest waiting event happened.
    pub oldest: Option<Wall>,
}
