//! Power: a fixed number of lines per idle agent.

use super::{Ask, View, Why};
use crate::units::whole;

/// Asks for ⌊lines per agent × idle agents⌋ lines in all, never fewer than one per idle agent.
pub(super) fn ask(lines_per_agent: f64, view: &View) -> Ask {
    super::fill(view, lines(lines_per_agent, view.ready), Why::FixedRatio)
}

/// The lines so many idle agents are given.
pub(super) fn lines(lines_per_agent: f64, ready: u32) -> u32 {
    let lines = whole(libm::floor(lines_per_agent * f64::from(ready)));
    u32::try_from(lines).unwrap_or(u32::MAX).max(ready)
}

/// The fewest idle agents who are given so many lines.
pub(super) fn agents(lines_per_agent: f64, lines: u32) -> u32 {
    let agents = whole(libm::ceil(f64::from(lines) / lines_per_agent.max(1.0)));
    u32::try_from(agents).unwrap_or(u32::MAX)
}
