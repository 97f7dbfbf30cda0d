//! The lines in flight and the ready agents of campaigns that share agents: how many calls could
//! be abandoned at worst.

/// One campaign among those that share agents.
#[derive(Clone, Debug, Default)]
pub(in crate::core) struct Spot {
    /// Its lines in flight that want one of the ready agents.
    pub(in crate::core) lines: u32,
    /// The places of those that share agents at work with it, its own among them.
    pub(in crate::core) beside: Vec<usize>,
    /// The place of its rate.
    pub(in crate::core) rate: usize,
    /// The first place of its rate that the very same teams serve.
    pub(in crate::core) group: usize,
}

/// All campaigns that share agents, directly or through others.
#[derive(Clone, Debug, Default)]
pub(in crate::core) struct Crowd {
    pub(in crate::core) spots: Vec<Spot>,
    /// Teams: whom they serve, and how many of their agents are ready.
    pub(in crate::core) teams: Vec<(Vec<usize>, u32)>,
}

impl Crowd {
    /// Counts the calls of a rate that could be abandoned if nobody came free any more, with one
    /// line more of a campaign if one is named. docs/pacing.md has the proof.
    pub(in crate::core) fn exposed(&self, rate: usize, more: Option<usize>) -> u32 {
        let lines = |place: usize| {
            let own = self.spots.get(place).map_or(0, |spot| spot.lines);
            own + u32::from(more == Some(place))
        };
        let spots = || self.spots.iter().enumerate().filter(|(_, spot)| spot.rate == rate);
        let groups = spots().filter(|(place, spot)| *place == spot.group).map(|(place, _)| place);
        let each = groups.map(|group| {
            let own = spots().filter(|(_, spot)| spot.group == group);
            let own = own.map(|(place, _)| lines(place)).sum::<u32>();
            let (ready, taken) = self.agents(group, lines);
            (own + taken).saturating_sub(ready).min(own)
        });
        each.sum()
    }

    /// Counts the ready agents of a group of campaigns, and those that lines of others may take.
    fn agents(&self, group: usize, lines: impl Fn(usize) -> u32) -> (u32, u32) {
        let (mut ready, mut taken) = (0, 0);
        // Teams that serve the same others are one: a line takes one agent in all of them.
        let mut shared: Vec<(Vec<usize>, u32)> = Vec::new();
        for (serves, here) in self.teams.iter().filter(|(serves, _)| serves.contains(&group)) {
            ready += here;
            let own = |place: usize| self.spots.get(place).is_some_and(|spot| spot.group == group);
            let others = serves.iter().copied().filter(|&place| !own(place) && lines(place) > 0);
            let mut others = others.collect::<Vec<_>>();
            if others.is_empty() {
                continue;
            }
            others.sort_unstable();
            match shared.iter_mut().find(|(known, _)| *known == others) {
                Some((_, count)) => *count += here,
                None => shared.push((others, *here)),
            }
        }
        for (others, here) in shared {
            taken += here.min(others.into_iter().map(&lines).sum());
        }
        (ready, taken)
    }

    /// Gives the crowd without one ready agent of a team, known by whom it serves.
    pub(in crate::core) fn without(&self, team: &[usize]) -> Self {
        let mut less = self.clone();
        if let Some((_, ready)) = less.teams.iter_mut().find(|(serves, _)| serves == team) {
            *ready = ready.saturating_sub(1);
        }
        less
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

    /// Campaigns by their lines, rate and group; teams by whom they serve and who is ready.
    fn crowd(spots: &[(u32, usize, usize)], teams: &[(&[usize], u32)]) -> Crowd {
        let beside = (0..spots.len()).collect::<Vec<_>>();
        let spot = |&(lines, rate, group): &(u32, usize, usize)| Spot {
            lines,
            beside: beside.clone(),
            rate,
            group,
        };
        let teams = teams.iter().map(|(serves, ready)| (serves.to_vec(), *ready));
        Crowd { spots: spots.iter().map(spot).collect(), teams: teams.collect() }
    }

    #[test]
    fn lines_beyond_the_agents_they_may_take_are_exposed() {
        let lone = crowd(&[(5, 0, 0)], &[(&[0], 3)]);
        assert_eq!((lone.exposed(0, None), lone.exposed(0, Some(0))), (2, 3));
        // One pool and one rate: the lines of both beyond the agents of both.
        let pool = crowd(&[(5, 0, 0), (3, 0, 0)], &[(&[0, 1], 4), (&[1, 0], 2)]);
        assert_eq!((pool.exposed(0, None), pool.exposed(0, Some(1))), (2, 3));
        // One pool, two rates: the other's lines take agents, but only own calls count.
        let two = crowd(&[(1, 0, 0), (9, 1, 1)], &[(&[0, 1], 4), (&[1, 0], 2)]);
        assert_eq!((two.exposed(0, None), two.exposed(1, None)), (1, 4));
        // Agents partly shared: the second has one of its own, whom the first cannot take.
        let partly = crowd(&[(1, 0, 0), (1, 1, 1)], &[(&[0, 1], 1), (&[1], 1)]);
        assert_eq!((partly.exposed(0, None), partly.exposed(1, None)), (1, 0));
        // Two pools of one rate.
        let apart = crowd(&[(4, 0, 0), (1, 0, 1)], &[(&[0], 2), (&[1], 5)]);
        assert_eq!((apart.exposed(0, None), apart.exposed(0, Some(1))), (2, 2));
    }
}
