//! The proved cap: what may be risked if the worst comes of every call in flight.

/// Says whether one more call may be placed beyond the free agents.
///
/// `exposed` are the calls in flight beyond the free agents, the new one included: at most so many
/// can still be abandoned, however unlucky the day. Nothing is risked before the first `1 / cap`
/// persons have answered. docs/pacing.md has the proof.
pub(super) fn admits(cap: f64, answered: f64, abandoned: f64, exposed: f64) -> bool {
    let allowance = cap * answered;
    allowance >= 1.0 && abandoned + exposed <= allowance
}

#[cfg(test)]
mod tests {
    use super::admits;

    #[test]
    fn a_call_beyond_the_free_agents_needs_room_for_the_worst() {
        for (answered, abandoned, exposed, admitted) in [
            (33, 0, 1, false),
            (34, 0, 1, true),
            (34, 0, 2, false),
            (34, 1, 1, false),
            (67, 1, 1, true),
            (1_000, 20, 10, true),
            (1_000, 20, 11, false),
        ] {
            assert_eq!(
                admits(0.03, f64::from(answered), f64::from(abandoned), f64::from(exposed)),
                admitted,
                "{answered} {abandoned} {exposed}"
            );
        }
    }
}
