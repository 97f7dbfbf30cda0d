//! The lines in flight and the ready agents of campaigns that share agents: how many calls could
//! be abandoned at worst.

/// One campaign among those that share agents.
#[derive(Clone, Debug, Default)]
pub(in crate::core) struct Spot {
    /// Its lines in flight that want one of the ready agents.
    pub(in crate::core) lines: u32,
    /// Ready agents who serve it.
    pub(in crate::core) ready: u32,
    /// The places of those that share agents with it, its own among them.
    pub(in crate::core) beside: Vec<usize>,
    /// The place of its rate.
    pub(in crate::core) rate: usize,
}

/// All campaigns that share agents, directly or through others.
#[derive(Clone, Debug, Default)]
pub(in crate::core) struct Crowd {
    pub(in crate::core) spots: Vec<Spot>,
    /// For each rate, the ready agents who serve every campaign of it here.
    pub(in crate::core) common: Vec<u32>,
}

impl Crowd {
    /// Counts the calls of a rate that could be abandoned if nobody came free any more, with one
    /// line more of a campaign if one is named: the lines that may take its ready agents, beyond
    /// those agents. docs/pacing.md has the proof.
    pub(in crate::core) fn exposed(&self, rate: usize, more: Option<usize>) -> u32 {
        let lines = |place: usize| {
            let own = self.spots.get(place).map_or(0, |spot| spot.lines);
            own + u32::from(more == Some(place))
        };
        let of_rate = self.spots.iter().enumerate().filter(|(_, spot)| spot.rate == rate);
        let each = of_rate.map(|(place, spot)| {
            let beside = spot.beside.iter().map(|&other| lines(other)).sum::<u32>();
            beside.saturating_sub(spot.ready).min(lines(place))
        });
        let all = (0..self.spots.len()).map(lines).sum::<u32>();
        let common = self.common.get(rate).copied().unwrap_or(0);
        each.sum::<u32>().min(all.saturating_sub(common))
    }

    /// Counts one line more.
    pub(in crate::core) fn add_line(&mut self, place: usize) {
        if let Some(spot) = self.spots.get_mut(place) {
            spot.lines += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(spots: &[(u32, u32, &[usize], usize)], common: &[u32]) -> Crowd {
        let spot = |&(lines, ready, beside, rate): &(u32, u32, &[usize], usize)| Spot {
            lines,
            ready,
            beside: beside.to_vec(),
            rate,
        };
        Crowd { spots: spots.iter().map(spot).collect(), common: common.to_vec() }
    }

    #[test]
    fn lines_beyond_the_agents_they_may_take_are_exposed() {
        let lone = crowd(&[(5, 3, &[0], 0)], &[3]);
        assert_eq!((lone.exposed(0, None), lone.exposed(0, Some(0))), (2, 3));
        // One pool and one rate: the lines of both beyond the agents of both.
        let pool = crowd(&[(5, 6, &[0, 1], 0), (3, 6, &[0, 1], 0)], &[6]);
        assert_eq!((pool.exposed(0, None), pool.exposed(0, Some(1))), (2, 3));
        // One pool, two rates: the other's lines take agents, but only own calls count.
        let two = crowd(&[(1, 6, &[0, 1], 0), (9, 6, &[0, 1], 1)], &[6, 6]);
        assert_eq!((two.exposed(0, None), two.exposed(1, None)), (1, 4));
        // Agents partly shared: the second has an agent of its own, whom the first cannot take.
        let partly = crowd(&[(1, 1, &[0, 1], 0), (1, 2, &[0, 1], 1)], &[1, 2]);
        assert_eq!((partly.exposed(0, None), partly.exposed(1, None)), (1, 0));
    }
}
