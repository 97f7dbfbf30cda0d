//! The public shapes of `/v1`: what the server answers and the command line reads.
//!
//! Additive only within `/v1`: fields are added, never renamed or removed. Times are RFC 3339 in
//! UTC, durations seconds with `_s` in their name, shares 0 to 1, keys never translated.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use super::accounts::{Account, Invitation, NewAccount, RevokeRequest, Revoked, Session};
pub use super::cause::{
    AgentWhy, BestHour, CampaignWhy, Cause, ContactWhy, ContactsWhy, Explained, FullQuota, Kind,
};
pub use super::health::Health;
pub use super::idle::{Idle, IdleCause};
pub use super::quality::{Hour, Hours, Trunk, Unsigned};
pub use super::scores::{ScoreReport, Scored};
pub use super::shown::CallerIdView;
use crate::core::campaign::{DispositionClass, Guarantee};
use crate::core::fact::SkipReason;
use crate::core::floor::Totals;
use crate::core::foresight;
use crate::core::order::{CampaignState, EndedBy, Outcome};
use crate::core::pacing::{Decision, Forecast, Limit, View, Why};
use crate::engine::handle::Details;

/// What the engine was started with, beside what stands in the files now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// When the engine was started and read its files.
    pub read_at: String,
    /// The files that are not as it read them; it goes on as it was until it is started again.
    pub unread: Vec<Unread>,
}

/// A file that is not as the engine read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// The file.
    pub file: String,
    /// Its campaign, if it is one's and can be read.
    pub campaign: Option<String>,
    /// What became of it.
    pub change: Change,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was not there.
    Added,
    /// It was written again.
    Changed,
    /// It is there no more.
    Removed,
}

/// One campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    /// Its name.
    pub name: String,
    /// What people read.
    pub title: String,
    /// The client company.
    pub client: String,
    /// What it calls for, as its file says it.
    #[serde(default)]
    pub purpose: String,
    /// Whom it calls, as its file says it.
    #[serde(default)]
    pub persons: String,
    /// What it calls about, if its file says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// `preview`, `progressive`, `power` or `predictive`.
    pub mode: String,
    /// What a predictive campaign guarantees of its cap.
    #[serde(default)]
    pub guarantee: Option<Guarantee>,
    /// Its state.
    pub state: CampaignState,
    /// The calling windows, as configured.
    pub hours: String,
    /// The trunks, best first.
    pub trunks: Vec<String>,
    /// What the pacer sees.
    pub now: View,
    /// The pacer's latest decision.
    pub decision: Option<Decision>,
    /// What it has done since the engine started.
    pub totals: Totals,
    /// The dispositions agents choose from.
    pub dispositions: Vec<Disposition>,
    /// Why nothing is dialled now; told of one campaign at a time and not in brief, `None` while
    /// calls ring.
    #[serde(default)]
    pub idle: Option<Idle>,
    /// The share of its agents' time spent talking or writing up in this shift; told of one
    /// campaign at a time.
    #[serde(default)]
    pub occupancy: Option<f64>,
    /// The skills it requires of its agents.
    #[serde(default)]
    pub requires: Vec<String>,
    /// Those of them that no signed-in agent of it has, or, if each is there but nobody has them
    /// all, every one; told of one campaign at a time.
    #[serde(default)]
    pub unmet: Vec<String>,
}

/// Why a campaign dials at the speed it does, now or at a past moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pacing {
    /// The campaign's name.
    pub campaign: String,
    /// Its mode.
    pub mode: String,
    /// How a predictive campaign keeps its cap: `expected` or `strict`.
    pub guarantee: Option<Guarantee>,
    /// The trunks, best first.
    pub trunks: Vec<String>,
    /// The moment that is explained.
    pub asked: String,
    /// What the pacer sees, or saw when it decided then.
    pub now: View,
    /// When the decision in force then was made; `None` if there was none.
    pub at: Option<String>,
    /// When the engine was last started, if the decision is older.
    #[serde(default)]
    pub restarted: Option<String>,
    /// That decision: what was seen, asked, granted and foreseen, and the limit that bound.
    pub decision: Option<Decision>,
    /// The trunk that bound, if one did.
    pub trunk: Option<String>,
    /// The abandon rule and where it stood when that was decided; where it stands, if nothing was.
    pub cap: AbandonCap,
    /// Whether the forecasts of the rule's window came true by then; `None` but for predictive
    /// campaigns.
    pub foresight: Option<Foretold>,
    /// Why nothing is dialled at all; told of the present only.
    pub idle: Option<Idle>,
    /// Since when nothing more has been wanted, and why; told of the present only, `None` while
    /// calls are wanted.
    #[serde(default)]
    pub quiet: Option<Quiet>,
    /// What the pacer began with, if it remembers earlier days; told of the present only.
    #[serde(default)]
    pub recalled: Option<Recalled>,
}

/// Why a predictive campaign wants no more calls now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quiet {
    /// Since when.
    pub since: String,
    /// For how long, in seconds.
    pub for_s: f64,
    /// Why.
    pub why: Why,
    /// What says no: the forecast itself (`ask`), or what bound it.
    pub limit: Limit,
    /// What is foreseen now.
    pub forecast: Forecast,
}

/// What a pacer remembers of earlier days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recalled {
    /// The calls it was learnt from.
    pub calls: u64,
    /// When the first of them was counted.
    pub from: String,
    /// When the last was.
    pub until: String,
}

/// The abandon rule and where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AbandonCap {
    /// The greatest allowed share.
    pub cap: f64,
    /// `day`, `campaign`, or the length of a rolling window.
    pub window: String,
    /// The name of the rate, if other campaigns are counted in it, too.
    #[serde(default)]
    pub shared: Option<String>,
    /// Where the day's midnight is.
    pub zone: String,
    /// Of whom: `persons` or `answers`.
    pub of: String,
    /// Seconds after which a person without an agent counts as abandoned.
    pub within_s: f64,
    /// Those of whom the abandoned are a share, in the window.
    pub answered: u64,
    /// The abandoned.
    pub abandoned: u64,
    /// Their share.
    pub share: f64,
}

/// Forecasts against what came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Foretold {
    /// The beginning of the rule's window.
    pub from: String,
    /// Calls of the window placed on a forecast and answered by a person.
    pub answered: u64,
    /// Abandons foretold of them.
    pub foretold: f64,
    /// Abandons that came.
    pub abandoned: u64,
    /// Whether the latest of them disagree with their forecasts by more than chance: an alarm.
    pub verdict: foresight::Verdict,
}

/// A campaign after a lever was pulled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Driven {
    /// The campaign.
    #[serde(flatten)]
    pub campaign: Campaign,
    /// Whether anything changed: it may have been in that state already.
    pub changed: bool,
    /// Whether it is written down: if not, the database takes no records now, and a restart before
    /// it is back forgets the change.
    pub stored: bool,
    /// Contacts of it that stay open; told of a drain that is written down.
    #[serde(default)]
    pub open: Option<u64>,
}

/// One disposition of a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disposition {
    /// The code.
    pub code: String,
    /// The digit an agent presses.
    pub key: Option<u8>,
    /// What people read.
    pub label: String,
    /// The class.
    pub class: DispositionClass,
    /// What the agent must say besides: `amount`, `appointment` or `callback`.
    pub needs: Option<String>,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// The name.
    pub name: String,
    /// `logged_out`, `paused`, `ready`, `previewing`, `reserved`, `talking`, `holding`, `wrapping`,
    /// `resting`.
    pub state: String,
    /// Whether the agent is ready only until the lines in flight can do without him or her: the
    /// break or leave asked for comes then.
    #[serde(default)]
    pub leaving: bool,
    /// The pause's code, when paused.
    pub pause: Option<String>,
    /// Why the agent rests, when resting: `breath` or `occupancy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<String>,
    /// Seconds in this state.
    pub since_s: f64,
    /// Whether the phone's leg carries audio.
    pub leg_up: bool,
    /// The phone's fixed address, if it does not register.
    pub contact: Option<String>,
    /// The campaigns, best first.
    pub campaigns: Vec<String>,
    /// What he or she can do that campaigns may require.
    #[serde(default)]
    pub skills: Vec<String>,
    /// The present call, or the one being written up.
    pub call: Option<u64>,
    /// The campaign of the present call or preview.
    pub campaign: Option<String>,
    /// The contact of the present call or preview.
    pub contact_id: Option<u64>,
    /// Calls handled in this shift.
    pub handled: u64,
    /// Seconds talking or holding in this shift.
    pub talk_s: f64,
    /// Seconds writing up in this shift.
    pub wrap_s: f64,
    /// Seconds ready, reserved or resting in this shift.
    pub idle_s: f64,
}

/// An agent to be added or changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAgent {
    /// The name, also the phone's user name.
    pub name: String,
    /// The campaigns, best first; none means every campaign.
    #[serde(default)]
    pub campaigns: Vec<String>,
    /// What the agent can do that campaigns may require; left out, the skills stay as they are.
    #[serde(default)]
    pub skills: Option<Vec<String>>,
    /// The phone's fixed address, a SIP URI.
    #[serde(default)]
    pub contact: Option<String>,
    /// The password with which the phone registers; kept as a hash only.
    #[serde(default)]
    pub secret: Option<String>,
}

/// A break.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// The pause's code; otherwise the second configured one, as the first is that of signing in.
    #[serde(default)]
    pub code: Option<String>,
}

/// Why a previewed contact is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkipRequest {
    /// `later`, `bad_record` or `not_ours`.
    pub reason: SkipReason,
}

impl Default for SkipRequest {
    /// The contact comes back later.
    fn default() -> Self {
        Self { reason: SkipReason::Later }
    }
}

/// Whom a call is to be handed over to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferRequest {
    /// The number, E.164.
    pub to: String,
}

/// What was asked is done, or under way; `GET /v1/agents?fresh=true` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Always true: refusals are problems.
    pub accepted: bool,
}

/// An agent's word on a call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualifyRequest {
    /// The disposition's code or key.
    pub disposition: String,
    /// The call; the agent's present one otherwise.
    #[serde(default)]
    pub call: Option<u64>,
    /// When to call back, RFC 3339; without offset in the zone of the number called.
    #[serde(default)]
    pub callback_at: Option<String>,
    /// Whether the callback is the agent's own.
    #[serde(default)]
    pub callback_personal: bool,
    /// What was agreed.
    #[serde(default)]
    pub details: Details,
}

/// One call attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The attempt.
    pub call: u64,
    /// The campaign.
    pub campaign: String,
    /// The contact.
    pub contact: u64,
    /// The CRM's own id of the contact.
    pub external_id: Option<String>,
    /// The number called, E.164; `None` once erased.
    pub to: Option<String>,
    /// The number shown.
    pub from: Option<String>,
    /// The trunk.
    pub trunk: String,
    /// The how-manieth attempt for the contact.
    pub attempt: u32,
    /// The agent.
    pub agent: Option<String>,
    /// When it began.
    pub started_at: String,
    /// When it first rang.
    pub ringing_at: Option<String>,
    /// When it was answered.
    pub answered_at: Option<String>,
    /// When it was bridged.
    pub bridged_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// How it ended; `None` while it lasts.
    pub outcome: Option<Outcome>,
    /// The carrier's final SIP status, 0 if there was none.
    pub sip_code: u16,
    /// Who ended it.
    pub ended_by: Option<EndedBy>,
    /// Seconds from the bridging to the end, hold included; `None` if a crash cut it.
    pub talk_s: Option<f64>,
    /// Seconds on hold.
    pub hold_s: f64,
    /// Seconds of writing up.
    pub wrap_s: Option<f64>,
    /// The disposition's code.
    pub disposition: Option<String>,
    /// What was agreed.
    pub details: Details,
}

/// A page of calls, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calls {
    /// The calls.
    pub calls: Vec<Call>,
    /// What to give as `after` for the next page.
    pub next: Option<String>,
}

/// What a campaign did in a span of time (words.md §2).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// The campaign.
    pub campaign: String,
    /// From then on.
    pub from: String,
    /// Until then.
    pub to: String,
    /// Attempts.
    pub attempts: u64,
    /// Attempts answered by anyone or anything; of those under way, the ones whose person was given
    /// an agent or abandoned.
    pub answered: u64,
    /// Answered by a machine.
    pub machines: u64,
    /// Answered by a person.
    pub humans: u64,
    /// Bridged to an agent.
    pub bridged: u64,
    /// Persons abandoned.
    pub abandoned: u64,
    /// Of those, the ones whom only the loss of an agent's leg left without one; the law counts
    /// them, too.
    #[serde(default)]
    pub forced: u64,
    /// Calls to its numbers that were answered.
    #[serde(default)]
    pub called_back: u64,
    /// Of those, the ones whose callers asked to be called no more.
    #[serde(default)]
    pub oppositions: u64,
    /// Abandoned of the persons who answered.
    pub abandon_ratio: f64,
    /// Attempts by outcome.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Dispositions by code.
    pub dispositions: BTreeMap<String, u64>,
    /// CA+.
    pub argued_positive: u64,
    /// CA−.
    pub argued_negative: u64,
    /// CNA.
    pub not_argued: u64,
    /// Sales.
    pub sales: u64,
    /// Their sum in cents.
    pub sales_cents: i64,
    /// Σ talk.
    pub talk_s: f64,
    /// Σ hold.
    pub hold_s: f64,
    /// Σ write-up.
    pub wrap_s: f64,
    /// Mean time from the answer to the bridging.
    pub answer_to_bridge_mean_s: Option<f64>,
    /// Contacts of the campaign.
    pub contacts: u64,
    /// Contacts closed.
    pub contacts_done: u64,
    /// Contacts refused by a rule, by rule id.
    pub refused: BTreeMap<String, u64>,
}

/// A test call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrunkTest {
    /// Whom to call, E.164.
    pub to: String,
    /// The number to show, E.164; without it ours is hidden.
    #[serde(default)]
    pub from: Option<String>,
    /// Whether the far end sends back what it hears.
    #[serde(default)]
    pub echo: bool,
}

/// Which webhook to test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookTest {
    /// The campaign whose webhook is tested.
    pub campaign: String,
}

/// An event on its way to a receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The event's id, the `webhook-id` header of every try.
    pub event: String,
    /// The endpoint.
    pub endpoint: String,
    /// The type, such as `call.completed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened.
    pub created_at: String,
    /// Tries made.
    pub tries: u32,
    /// When it is tried next.
    pub next_try_at: Option<String>,
    /// When a receiver took it.
    pub delivered_at: Option<String>,
    /// The latest HTTP status.
    pub status: Option<u16>,
    /// What went wrong at the latest try.
    pub error: Option<String>,
}

/// What became of a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImportReport {
    /// The file.
    pub file: String,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// How its text is written: `UTF-8`, `UTF-8 with mark`, `UTF-16`, `Windows-1252`, `workbook`…
    #[serde(default)]
    pub encoding: String,
    /// The sheet of a workbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// The sign between columns.
    pub delimiter: String,
    /// Columns, as read → what they mean.
    pub columns: BTreeMap<String, String>,
    /// Records read, neither the header nor blank ones counted.
    pub rows: u64,
    /// Blank records, passed over.
    #[serde(default)]
    pub blank: u64,
    /// Records that may be imported.
    pub importable: u64,
    /// Of those, the ones with a mended number.
    pub repaired: u64,
    /// Numbers left out of importable records because they are none.
    pub numbers_left_out: u64,
    /// Importable records whose kind of person cannot be read: they are treated as consumers.
    #[serde(default)]
    pub persons_unread: u64,
    /// Importable records with a number whose zone is only that named for the whole list.
    #[serde(default)]
    pub zones_supposed: u64,
    /// Records that may not be imported.
    pub rejected: u64,
    /// Rejected records by reason.
    pub reasons: BTreeMap<String, u64>,
    /// The first three rejects of each reason.
    pub examples: Vec<Rejected>,
    /// Contacts added; zero in a dry run.
    pub added: u64,
    /// Contacts the campaign had already.
    pub known: u64,
    /// Of those, the ones known by their reference alone: their numbers are others.
    #[serde(default)]
    pub ids_taken: u64,
    /// Contacts left out because another live campaign of the client has to call them.
    #[serde(default)]
    pub elsewhere: u64,
    /// Added contacts under a do-not-call wish: kept, and never dialled.
    pub do_not_call: u64,
    /// Importable records with a right to call that is not over.
    #[serde(default)]
    pub consents: u64,
    /// Importable records whose every right is over already: it is kept as a proof of calls made.
    #[serde(default)]
    pub consents_over: u64,
    /// Rights that were recorded, one a number, those over among them; those known already are
    /// not.
    #[serde(default)]
    pub consents_added: u64,
    /// Records imported without the right they speak of, by reason.
    #[serde(default)]
    pub consents_unusable: BTreeMap<String, u64>,
    /// Seconds taken.
    pub seconds: f64,
}

/// A record that may not be imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Its line in the file, from 1.
    pub line: u64,
    /// The title of the column at fault, if one alone is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The reason's code.
    pub reason: String,
    /// What to do about it.
    pub fix: String,
}

/// An error as RFC 9457 has it, with a stable `code` and a `hint`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Always `about:blank`: the code tells the kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// What is wrong.
    pub detail: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A pilot's report: what a small list tells of the whole one (docs/reports.md).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PilotReport {
    /// The campaign.
    pub campaign: String,
    /// Calls begun from then on are counted.
    pub from: String,
    /// Until then.
    pub to: String,
    /// Go on or not; `None` when no target was given.
    pub verdict: Option<Verdict>,
    /// About how many contacts more decide every target; `None` when none are needed, or when no
    /// number can be told.
    pub contacts_needed: Option<u64>,
    /// Agents who worked.
    pub agents: u32,
    /// A: attempts.
    pub attempts: u64,
    /// F: contacts loaded.
    pub contacts: u64,
    /// Fc: contacts closed, called or not.
    pub contacts_closed: u64,
    /// Contacts tried.
    pub contacts_tried: u64,
    /// Contacts an agent spoke with.
    pub contacts_reached: u64,
    /// CA: contacts to whom the offer was made.
    pub argued: u64,
    /// CA+: contacts who accepted.
    pub argued_positive: u64,
    /// Contacts with an appointment.
    pub appointments: u64,
    /// Attempts to valid numbers, of attempts.
    pub list_validity: Share,
    /// Contacts reached, of contacts tried.
    pub contact_rate: Share,
    /// Contacts argued and closed, of tried contacts closed.
    pub argued_rate_closed: Share,
    /// Contacts argued, of contacts reached.
    pub argued_rate_reached: Share,
    /// CA+, of CA.
    pub positive_rate: Share,
    /// Contacts closed, of contacts loaded; counted, so without an interval.
    pub penetration: Share,
    /// The agents' time signed in for calls, breaks left out.
    pub production_s: f64,
    /// From answer to end, machines included.
    pub telephone_s: f64,
    /// What an hour of production costs, in €.
    pub hourly_cost: f64,
    /// What a minute of telephone costs, in €.
    pub minute_cost: f64,
    /// What the calls cost in all, in €.
    pub cost: f64,
    /// In €, per contact reached.
    pub cost_per_contact: Price,
    /// In €, per contact argued.
    pub cost_per_argued: Price,
    /// In €, per contact with an appointment.
    pub cost_per_appointment: Price,
    /// The whole list, worked as deep as the contacts tried; `None` when none was.
    pub projection: Option<Projection>,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval is under the target.
    Go,
    /// The whole interval is over the target.
    NoGo,
    /// The interval holds the target.
    NotYet,
}

/// A share of a base, with its interval of 95 %.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// How many.
    pub part: u64,
    /// Of how many.
    pub whole: u64,
    /// Of what: the field that counts the base.
    pub base: String,
    /// The share, 0 to 1; `None` of an empty base.
    pub value: Option<f64>,
    /// The lower end (Clopper–Pearson 1934).
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

/// A cost per something, with its interval of 95 % and its target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// Of what there were so many.
    pub count: u64,
    /// The cost of one; `None` when there was none.
    pub value: Option<f64>,
    /// The lower end (Garwood 1936).
    pub low: Option<f64>,
    /// The upper end; `None` when there was none, and any cost is possible.
    pub high: Option<f64>,
    /// The most it may cost.
    pub target: Option<f64>,
    /// What the target makes of it.
    pub verdict: Option<Verdict>,
    /// About how many contacts more decide it, if they go on costing and bringing the same; `None`
    /// when none are needed, or more than a list may hold.
    pub contacts_needed: Option<u64>,
}

/// The whole list, as the contacts tried foretell it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Projection {
    /// Contacts loaded.
    pub contacts: u64,
    /// The agents' time (Student 1908).
    pub production_s: Estimate,
    /// The cost, in €; as sure as the time.
    pub cost: Estimate,
    /// Contacts with an appointment (beta-binomial, prior of Jeffreys 1946).
    pub appointments: Estimate,
}

/// A figure with its interval of 95 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// The lower end; `None` when too little was counted.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}
