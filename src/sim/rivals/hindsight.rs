//! The best setting in hindsight: of those whose days, all together, hold the cap, the one with
//! the highest occupancy.
//!
//! No dialer can do this live. It is the most generous baseline there is: somebody tuned the one
//! parameter on the very days it is judged by. A drop rule makes occupancy fall again beyond the
//! best setting, at a share that stays near the cap, and it may rise a second time: so every
//! setting of the scale is tried.

/// A search for the best setting.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The occupancy of the best setting so far; 0 if it does not hold the cap.
    best: Option<f64>,
}

/// The last step of the scale: 1.05^44 is 8.6 lines per agent, as many as a list of bad numbers
/// bears.
const LAST: u32 = 44;
const STEP: f64 = 1.05;

/// Gives the settings of the scale, which are all tried, from one line per agent on.
pub fn settings() -> impl Iterator<Item = Setting> {
    (0..=LAST).map(Setting)
}

impl Search {
    /// Takes in the occupancy under a setting and whether its days held the cap; says whether it
    /// is the best so far.
    pub fn tell(&mut self, tried: Setting, held: bool, occupancy: f64) -> bool {
        // Where none holds the cap, one line per agent is the least bad.
        let better = match self.best {
            Some(best) => held && occupancy > best,
            None => held || tried.0 == 0,
        };
        if better {
            self.best = Some(if held { occupancy } else { 0.0 });
        }
        better
    }
}

/// A setting on the scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting(u32);

impl Setting {
    /// Gives the lines per agent.
    #[must_use]
    pub fn lines(self) -> f64 {
        libm::pow(STEP, f64::from(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches where a setting has an occupancy, or does not hold the cap.
    fn found(world: impl Fn(Setting) -> Option<f64>) -> Option<Setting> {
        let (mut search, mut best) = (Search::default(), None);
        for tried in settings() {
            let occupancy = world(tried);
            if search.tell(tried, occupancy.is_some(), occupancy.unwrap_or(0.9)) {
                best = Some(tried);
            }
        }
        best
    }

    #[test]
    fn the_search_ends_at_the_best_setting_that_holds() {
        for edge in [1.0, 1.51, 2.7, 5.0] {
            let best = found(|tried| match tried.lines() {
                lines if lines <= edge => Some(0.5 + lines / 50.0),
                lines => (lines > 6.0).then_some(0.4),
            });
            let best = best.map(Setting::lines).unwrap_or_default();
            assert!(best <= edge && edge < best * STEP, "{edge}: {best}");
        }
    }

    /// A peak of one step, far from the broad one and from any round place on the scale.
    #[test]
    fn a_second_higher_peak_is_not_passed_over() {
        for second in [1, 13, 26, 34, 43] {
            let best = found(|tried| {
                let broad = 0.6 - 0.01 * f64::from(tried.0.abs_diff(8));
                Some(if tried.0 == second { 0.7 } else { broad })
            });
            assert_eq!(best, Some(Setting(second)));
        }
    }

    #[test]
    fn where_nothing_holds_one_line_per_agent_is_told() {
        assert_eq!(found(|_| None), Some(Setting(0)));
    }
}
