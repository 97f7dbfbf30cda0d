//! Directed: somebody outside the core says how many.

use super::{Ask, View, Why};

/// Asks for what was named since the last settle.
pub(super) fn ask(view: &View) -> Ask {
    Ask { calls: view.directed, why: Why::Directed }
}
