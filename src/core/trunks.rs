//! Trunks: channels, calls per second, weights and failover.

use serde::{Deserialize, Serialize};

/// What a trunk can carry.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Calls it carries at once at most.
    pub channels: u32,
    /// Calls started per second at most, as a token bucket on the core's own clock.
    pub calls_per_second: f64,
    /// Calls that may start together before the rate binds, at least 1.
    pub burst: u32,
}
