//! The best setting in hindsight: of those whose days, all together, hold the cap, the one with
//! the highest occupancy.
//!
//! No dialer can do this live. It is the most generous baseline there is: somebody tuned the one
//! parameter on the very days it is judged by. A drop rule makes occupancy fall again beyond the
//! best setting, at a share that stays near the cap; so the whole scale is looked over in strides,
//! then the steps around the best stride.

/// A search for the best setting.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The step and occupancy of the best setting known to hold the cap.
    best: Option<(u32, f64)>,
    /// Whether the strides are done, and the steps around the best.
    round: u32,
}

/// Steps of the scale: 1.05^44 is 8.6 lines per agent, as many as a list of bad numbers bears.
const STEPS: u32 = 44;
const STEP: f64 = 1.05;
const STRIDE: u32 = 4;

/// How many settings a search tries at most.
pub const TRIES_MAX: u32 = STEPS / STRIDE + 1 + 2 * (STRIDE - 1);

impl Search {
    /// Gives the settings to be tried next; none when the search is over.
    #[must_use]
    pub fn next(&self) -> Vec<Setting> {
        match (self.round, self.best) {
            (0, _) => (0..=STEPS).step_by(STRIDE as usize).map(Setting).collect(),
            (1, Some((best, _))) => {
                let around = best.saturating_sub(STRIDE - 1)..=(best + STRIDE - 1).min(STEPS);
                around.filter(|step| *step != best).map(Setting).collect()
            }
            (1, None) | (2.., _) => Vec::new(),
        }
    }

    /// Takes in the occupancy under a setting and whether its days held the cap; says whether it
    /// is the best so far.
    pub fn tell(&mut self, tried: Setting, held: bool, occupancy: f64) -> bool {
        // Where none holds the cap, one line per agent is the least bad.
        let better = match self.best {
            Some((_, best)) => held && occupancy > best,
            None => held || tried.0 == 0,
        };
        if better {
            self.best = Some((tried.0, if held { occupancy } else { 0.0 }));
        }
        better
    }

    /// Ends a round: all settings of [`Search::next`] were told.
    pub fn turn(&mut self) {
        self.round += 1;
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

    /// Searches where occupancy rises to `edge` lines and falls beyond, where the cap still holds.
    fn found(edge: f64) -> (Option<f64>, u32) {
        let (mut search, mut best, mut tries) = (Search::default(), None, 0);
        loop {
            let next = search.next();
            if next.is_empty() {
                return (best, tries);
            }
            for tried in next {
                let lines = tried.lines();
                let occupancy = if lines <= edge { 0.5 + lines / 50.0 } else { 0.4 };
                if search.tell(tried, lines <= edge || lines > 6.0, occupancy) {
                    best = Some(lines);
                }
                tries += 1;
            }
            search.turn();
        }
    }

    #[test]
    fn the_search_ends_at_the_best_setting_that_holds() {
        for edge in [1.0, 1.51, 2.7, 5.0] {
            let (best, tries) = found(edge);
            let best = best.unwrap_or_default();
            assert!(best <= edge && edge < best * STEP, "{edge}: {best}");
            assert!(tries <= TRIES_MAX, "{tries} tries");
        }
    }

    #[test]
    fn where_nothing_holds_one_line_per_agent_is_told() {
        let mut search = Search::default();
        let told: Vec<bool> =
            search.next().into_iter().map(|tried| search.tell(tried, false, 0.9)).collect();
        assert_eq!(told.iter().filter(|best| **best).count(), 1);
        assert_eq!(told.first(), Some(&true));
    }
}
