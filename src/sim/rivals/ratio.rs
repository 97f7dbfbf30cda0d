//! A fixed ratio: so many lines per idle agent, whatever happens.
//!
//! WombatDialer's queue end-point works so: free agents times a *boost factor*
//! (blog.wombatdialer.com, "Understanding queue end-points").

use super::{Pacer, Seen};
use crate::units::whole;

/// So many lines per idle agent.
pub(super) struct Fixed {
    pub(super) lines_per_agent: f64,
}

impl Pacer for Fixed {
    fn turn(&mut self, seen: &Seen) -> u32 {
        let lines = whole(libm::floor(self.lines_per_agent * f64::from(seen.view.ready)));
        let lines = u32::try_from(lines).unwrap_or(u32::MAX);
        lines.max(seen.view.ready).saturating_sub(seen.view.lines())
    }
}
