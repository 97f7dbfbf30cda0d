//! Progressive: one line per idle agent, so that whoever answers finds one.

use super::{Ask, View, Why};

/// Asks for as many lines as there are idle agents without one.
pub(super) fn ask(view: &View) -> Ask {
    super::fill(view, view.ready, Why::OneLinePerIdleAgent)
}
