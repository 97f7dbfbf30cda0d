//! Preview: the agent sees the contact first, then dials or passes over.

use super::{Ask, View, Why};

/// Asks for nothing: calls start on an agent's word alone.
pub(super) fn ask(_view: &View) -> Ask {
    Ask { calls: 0, why: Why::AgentDials }
}
