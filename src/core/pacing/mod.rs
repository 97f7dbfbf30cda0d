//! How many calls to place now: `View → Ask → Limit → Decision`.

use serde::{Deserialize, Serialize};

use crate::units::TrunkId;

/// What the pacer sees of a campaign: counts, nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Agents waiting for a call.
    pub ready: u32,
    /// Agents reserved for a call that is being dialled for them.
    pub reserved: u32,
    /// Agents talking or holding.
    pub talking: u32,
    /// Agents writing up.
    pub wrapping: u32,
    /// Agents on a break.
    pub paused: u32,
    /// Calls dialled that have not been answered.
    pub ringing: u32,
    /// Calls answered and being listened to.
    pub listening: u32,
    /// Persons waiting for an agent.
    pub waiting: u32,
    /// Leads in the hopper that may be called now.
    pub stock: u32,
    /// Persons who answered, in the campaign's abandon window.
    pub answered: u64,
    /// Of those, the abandoned.
    pub abandoned: u64,
}

/// How many new calls the pacer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// New calls wanted.
    pub calls: u32,
    /// Why.
    pub why: Why,
}

/// Why the pacer wants that many calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The mode starts calls only on an agent's word.
    AgentDials,
    /// One line per idle agent.
    OneLinePerIdleAgent,
    /// The fixed ratio of lines to idle agents.
    FixedRatio,
    /// No agent is idle.
    NobodyIdle,
    /// Persons are waiting: nothing is dialled until they are served.
    PersonsWaiting,
}

/// What cut the ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Nothing: all that was asked was granted.
    Ask,
    /// The abandon rule.
    Abandon,
    /// Every usable trunk is full.
    Channels(TrunkId),
    /// A trunk's calls per second.
    CallsPerSecond(TrunkId),
    /// No trunk of the campaign is usable.
    NoTrunk,
    /// The hopper had no lead that may be called now.
    Stock,
}

/// One decision, explained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// What was seen.
    pub view: View,
    /// What was wanted.
    pub ask: Ask,
    /// How many calls were placed.
    pub placed: u32,
    /// What bound.
    pub limit: Limit,
}
