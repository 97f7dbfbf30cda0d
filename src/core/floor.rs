//! The state of everything, as others may read it between two batches.

use serde::{Deserialize, Serialize};

use super::order::{AgentState, CampaignState};
use super::pacing::{Decision, View};
use crate::units::{AgentId, CallId, CampaignId, ContactId, Mono, Span, TrunkId};

/// A copy of what the dialer knows, taken after a batch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// Every campaign, by id.
    pub campaigns: Vec<CampaignFloor>,
    /// Every agent, by id.
    pub agents: Vec<AgentFloor>,
    /// Every trunk, by id.
    pub trunks: Vec<TrunkFloor>,
    /// Every call in progress, by id.
    pub calls: Vec<CallFloor>,
    /// Facts that made no sense in the state they met.
    pub surprises: u64,
}

/// One campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignFloor {
    /// The campaign.
    pub campaign: CampaignId,
    /// Its state.
    pub state: CampaignState,
    /// What its pacer sees.
    pub view: View,
    /// Its latest decision that placed or was refused a call.
    pub decision: Option<Decision>,
    /// What it has done since the dialer was made.
    pub totals: Totals,
}

/// What a campaign has done since the dialer was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Attempts dialled.
    pub attempts: u64,
    /// Attempts answered by anyone or anything.
    pub answered: u64,
    /// Attempts bridged to an agent.
    pub bridged: u64,
    /// Persons abandoned.
    pub abandoned: u64,
    /// Attempts ended busy.
    pub busy: u64,
    /// Attempts nobody answered.
    pub no_answer: u64,
    /// Attempts that ended otherwise without an answer.
    pub failed: u64,
    /// Contacts refused by a rule.
    pub refused: u64,
    /// Dispositions given, by class: argued positive, argued negative, not argued.
    pub qualified: [u64; 3],
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentFloor {
    /// The agent.
    pub agent: AgentId,
    /// The state.
    pub state: AgentState,
    /// Since when.
    pub since: Mono,
    /// Whether the nailed-up leg carries audio.
    pub leg_up: bool,
    /// Calls handled since the agent signed in.
    pub handled: u64,
    /// Time spent talking or holding since the agent signed in.
    pub talk: Span,
    /// Time spent writing up.
    pub wrap: Span,
    /// Time spent ready or reserved.
    pub idle: Span,
    /// The campaign and contact of the present call or preview.
    pub card: Option<(CampaignId, ContactId)>,
}

/// One trunk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrunkFloor {
    /// The trunk.
    pub trunk: TrunkId,
    /// Whether it is used.
    pub up: bool,
    /// Calls it carries.
    pub busy: u32,
    /// Calls it may carry.
    pub channels: u32,
}

/// One call in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFloor {
    /// The call.
    pub call: CallId,
    /// Its campaign.
    pub campaign: CampaignId,
    /// Its contact.
    pub contact: ContactId,
    /// How far it has come.
    pub stage: CallStage,
    /// Since when.
    pub since: Mono,
    /// Its agent, once reserved or bridged.
    pub agent: Option<AgentId>,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStage {
    /// Dialled, nothing heard yet.
    Dialing,
    /// Ringing.
    Ringing,
    /// Answered, being listened to.
    Listening,
    /// A person waits for an agent.
    Waiting,
    /// Bridged.
    Talking,
    /// The notice of an abandoned call is playing.
    Notice,
    /// Being cancelled or hung up.
    Ending,
}
