//! A running campaign: settings, counters, members.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{hopper, recycle, rules};
use crate::units::{ClientId, DispositionId, Ratio, Span, TrunkId};

/// Everything a campaign's manager decided, as the core needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// On whose behalf.
    pub client: ClientId,
    /// How calls are started.
    pub mode: Mode,
    /// The trunks it may use.
    pub routes: Vec<Route>,
    /// How many caller IDs are configured; they are shown in turn.
    pub caller_ids: u16,
    /// How long a call may ring before it is given up.
    pub ring_max: Span,
    /// How long a call must have rung before a surplus one may be given up.
    pub ring_min: Span,
    /// Whether answers are judged human or machine before an agent is troubled.
    pub listen: bool,
    /// What happens when a person answers and no agent is free.
    pub abandon: Abandon,
    /// The write-up after a talk.
    pub wrap: Wrap,
    /// Who may be called when.
    pub rules: rules::Settings,
    /// When a contact is tried again.
    pub retry: recycle::Settings,
    /// The stock of claimed contacts.
    pub hopper: hopper::Settings,
    /// What each disposition means.
    pub dispositions: BTreeMap<DispositionId, Disposition>,
    /// How often the pacer runs when nothing happens.
    pub pace_every: Span,
}

/// How calls are started.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The agent sees the contact first, then dials or passes over.
    Preview,
    /// One line per idle agent.
    Progressive,
    /// A fixed number of lines per idle agent.
    Power {
        /// Lines per idle agent, at least 1.
        lines_per_agent: f64,
    },
}

/// A trunk a campaign may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The trunk.
    pub trunk: TrunkId,
    /// Trunks of a lower tier are used first; a higher one only when no lower one has room.
    pub tier: u8,
    /// The share of calls among the trunks of one tier, at least 1.
    pub weight: u16,
}

/// What happens when a person answers and no agent is free.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Abandon {
    /// How long a person may wait for an agent before the call counts as abandoned.
    pub within: Span,
    /// Whether a notice is played before the call is ended.
    pub notice: bool,
    /// How long an abandoned person is not called again.
    pub recall_lock: Span,
    /// The greatest allowed share of answered persons who are abandoned.
    pub cap: Ratio,
}

/// The write-up after a talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrap {
    /// How long it may last; `None` for no limit.
    pub max: Option<Span>,
    /// The disposition set when the time runs out; without one the contact is retried later.
    pub default: Option<DispositionId>,
    /// How much an agent may add in all.
    pub extension_max: Span,
}

/// What a disposition means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disposition {
    /// Its class.
    pub class: DispositionClass,
    /// What becomes of the contact.
    pub then: Then,
}

/// The class of a disposition (words.md: CA+, CA−, CNA).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DispositionClass {
    /// The offer was made and accepted in some form (CA+).
    ArguedPositive,
    /// The offer was made and refused (CA−).
    ArguedNegative,
    /// The offer could not be made (CNA).
    NotArgued,
}

/// What a disposition makes of the contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// The contact is closed.
    Close,
    /// The contact is tried again after this long.
    Retry(Span),
    /// The agent names the moment; without one the contact is tried again after this long.
    Callback(Span),
    /// The contact is closed and its person is never called again for this client.
    DoNotCall,
    /// The number is wrong: the next number is tried, or the contact is closed.
    WrongNumber,
}
