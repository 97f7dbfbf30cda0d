//! The bounded stock of claimed leads.

use serde::{Deserialize, Serialize};

use crate::units::Span;

/// How large the stock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Leads held at most, 1 to 10,000.
    pub size: u32,
    /// More are claimed when fewer than this are left.
    pub low: u32,
    /// How long a claimed lead is held before it is given back.
    pub lease: Span,
}
