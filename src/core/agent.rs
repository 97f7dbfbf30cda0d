//! One agent's machine.

use serde::{Deserialize, Serialize};

use crate::units::{CampaignId, PauseId};

/// What an agent may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The campaigns the agent takes calls of, best first.
    pub campaigns: Vec<CampaignId>,
    /// The pause code an agent has between signing in and the first *ready*.
    pub pause_at_login: PauseId,
}
