//! Whether those who are ready cover the lines in flight, and who is kept for leads of his own.

use std::collections::BTreeSet;

use super::agent::{Agent, Event, Settings, Want};
use super::campaign::Campaign;
use super::floor::CallStage;
use super::{Dialer, pacing};
use crate::units::{AgentId, CallId, CampaignId, Now};

impl Dialer {
    /// Whether the lines in flight can do without a ready agent: as many of them find an agent
    /// among the others who are ready to stay, each line among those who serve its campaign, and
    /// no proved cap counts on him.
    pub(super) fn can_spare(&self, now: Now, id: AgentId) -> bool {
        let Some(agent) = self.agents.get(&id) else { return false };
        let proved_without = agent.is_aside() && !self.bound.contains(&id);
        (proved_without || self.proofs_spare(now, agent))
            && self.lines_spare(agent, |id| self.agents_wanted(id))
    }

    /// Whether a ready agent may be set aside for a line of the campaign he counts for: the lines
    /// of strict campaigns are their proof's business, and count on whoever comes free.
    pub(super) fn may_set_aside(&self, now: Now, id: AgentId) -> bool {
        let strict = |id| self.campaigns.get(&id).is_some_and(Campaign::is_strict);
        let wanted = |id| if strict(id) { 0 } else { self.agents_wanted(id) };
        let spared = |agent| self.proofs_spare(now, agent) && self.lines_spare(agent, wanted);
        self.agents.get(&id).is_some_and(spared)
    }

    fn lines_spare(&self, agent: &Agent, wanted: impl Fn(CampaignId) -> u32) -> bool {
        let joined = self.teams.joined(&self.teams.at(agent.team).campaigns);
        let mut own = 0;
        let mut squads = Vec::new();
        for (place, team) in self.teams.each().enumerate() {
            let mut ready = u32::try_from(team.ready.len()).unwrap_or(u32::MAX);
            if place == agent.team {
                own = squads.len();
                ready = ready.saturating_sub(u32::from(!agent.is_aside()));
            }
            let serves = |id: &CampaignId| joined.iter().position(|other| other == id);
            squads
                .push(Squad { ready, serves: team.campaigns.iter().filter_map(serves).collect() });
        }
        let wanted = joined.iter().map(|&id| wanted(id)).collect();
        Cover::of(wanted, squads).can_do_without(own)
    }

    /// Puts off the going of an agent on whom a line in flight counts.
    pub(super) fn postponed(&mut self, now: Now, id: AgentId, event: Event) -> Event {
        let ready = |agent: &Agent| agent.state.is_ready();
        if let Event::Wants(want @ (Want::Break(_) | Want::Leave)) = event
            && self.agents.get(&id).is_some_and(ready)
            && !self.can_spare(now, id)
        {
            self.stay_a_while(now, id);
            return Event::Postpones(want);
        }
        event
    }

    /// Puts off an agent's going over to other campaigns.
    pub(super) fn put_off(&mut self, now: Now, id: AgentId, settings: Settings) {
        self.stay_a_while(now, id);
        let Some(agent) = self.agents.get_mut(&id) else { return };
        agent.posted = Some(settings);
        self.teams.at_mut(agent.team).requeue((agent.idle_since, id), true);
    }

    fn stay_a_while(&mut self, now: Now, id: AgentId) {
        self.bind(now, id);
        if let Some(agent) = self.agents.get_mut(&id).filter(|agent| !agent.goes()) {
            agent.leaves_from = agent.kept_from.unwrap_or(self.next_call);
        }
    }

    /// Lets those go who wanted to, or are wanted elsewhere, and on whom no line in flight counts
    /// any more: when the others cover the lines, or the lines that rang when he wanted to go have
    /// resolved.
    pub(super) fn let_go(&mut self, now: Now) {
        let leaving = self.teams.each().flat_map(|team| &team.aside).copied();
        let mut leaving = leaving.collect::<Vec<_>>();
        leaving.sort_unstable();
        let mut gone = false;
        for (_, id) in leaving {
            let Some(agent) = self.agents.get(&id).filter(|agent| agent.goes()) else { continue };
            let awaited = self.is_counted_on(agent, agent.leaves_from) || self.bound.contains(&id);
            if awaited && !self.can_spare(now, id) {
                continue;
            }
            if agent.leaves() {
                self.step_agent(now, id, Event::Freed);
            } else if let Some(posted) = self.agents.get_mut(&id).and_then(|a| a.posted.take()) {
                self.post(now, id, posted);
            }
            gone = true;
        }
        if gone {
            // Whoever went over may be the first of his team.
            self.count_teams(now);
        }
    }

    /// Whether a line dialled before the call of that count may still bring somebody for an agent.
    pub(super) fn is_counted_on(&self, agent: &Agent, from: u64) -> bool {
        use CallStage::{Dialing, Listening, Ringing, Waiting};
        let end = CallId::of(self.settings.node, from);
        self.calls.range(..end).any(|(_, call)| {
            matches!(call.stage(), Dialing | Ringing | Listening | Waiting)
                && call.reserved.is_none()
                && agent.settings.campaigns.contains(&call.campaign)
        })
    }

    /// Keeps every agent at work for whom a lead of his own is in stock: no new line is dialled
    /// for him, ready or busy, until it was. Otherwise a predictive campaign, whose lines are
    /// always more than its ready agents, could never spare him.
    pub(super) fn keep_agents(&mut self, now: Now) {
        if self.kept.is_empty() && !self.campaigns.values().any(|c| c.hopper.awaits()) {
            return;
        }
        let mut awaited = BTreeSet::new();
        for (id, campaign) in &self.campaigns {
            let serves = |agent: &Agent| agent.at_work() && agent.settings.campaigns.contains(id);
            let serves = |id: &AgentId| self.agents.get(id).is_some_and(serves);
            if campaign.hopper.awaits() && self.dials(now, campaign) {
                awaited.extend(campaign.hopper.awaited().filter(serves));
            }
        }
        let before = core::mem::replace(&mut self.kept, awaited.clone());
        for &id in before.symmetric_difference(&awaited) {
            self.keep(now, id, awaited.contains(&id));
        }
    }

    /// Whether a campaign runs and has a trunk.
    pub(super) fn dials(&self, now: Now, campaign: &Campaign) -> bool {
        campaign.runs() && self.trunks.any_up(campaign.settings.all_routes(), now.mono)
    }

    /// Keeps counting on a ready agent who is about to stand aside, if a proof needs him.
    fn bind(&mut self, now: Now, id: AgentId) {
        let needed = |agent: &Agent| !agent.is_aside() && !self.proofs_spare(now, agent);
        if self.agents.get(&id).is_some_and(needed) {
            self.bound.insert(id);
        }
    }

    /// Counts no more on those who stand aside and whom the proofs can spare by now.
    pub(super) fn unbind(&mut self, now: Now) {
        for id in self.bound.clone() {
            if self.agents.get(&id).is_none_or(|agent| self.proofs_spare(now, agent)) {
                self.bound.remove(&id);
            }
        }
    }

    /// Keeps an agent, or gives him back to all; while he is kept his pacer foresees no release.
    fn keep(&mut self, now: Now, id: AgentId, kept: bool) {
        if kept && self.agents.get(&id).is_some_and(|agent| agent.state.is_ready()) {
            self.bind(now, id);
        }
        let Some(agent) = self.agents.get_mut(&id) else { return };
        agent.kept_from = kept.then_some(self.next_call);
        if agent.state.is_ready() {
            let (place, aside) = ((agent.idle_since, id), agent.is_aside());
            self.teams.at_mut(agent.team).requeue(place, aside);
            if !aside {
                self.bound.remove(&id);
            }
        }
        if kept {
            self.lose_sight(now.mono, id);
        }
    }

    /// Counts the ready agents a campaign's lines in flight count on.
    fn agents_wanted(&self, id: CampaignId) -> u32 {
        self.campaigns.get(&id).map_or(0, |campaign| {
            pacing::agents_of(campaign.settings.mode, campaign.view().lines())
        })
    }
}

/// Ready agents who serve the same campaigns, these by their places in a list.
#[derive(Clone, Debug)]
struct Squad {
    ready: u32,
    serves: Vec<usize>,
}

/// A greatest matching of wanted agents to ready ones, by augmenting paths (Ford and Fulkerson,
/// "Maximal flow through a network", 1956); campaigns and squads are a handful.
#[derive(Debug)]
struct Cover {
    /// Agents each campaign still wants.
    wanted: Vec<u32>,
    /// Each squad with those of its agents nobody counts on.
    squads: Vec<Squad>,
    /// How many agents of each squad each campaign counts on.
    given: Vec<Vec<u32>>,
}

impl Cover {
    fn of(wanted: Vec<u32>, squads: Vec<Squad>) -> Self {
        let given = vec![vec![0; squads.len()]; wanted.len()];
        let mut cover = Self { wanted, squads, given };
        for campaign in 0..cover.wanted.len() {
            cover.take_idle(campaign);
        }
        for campaign in 0..cover.wanted.len() {
            // One whom no path serves is not served by a later one either.
            while cover.wanted[campaign] > 0 && cover.augments(campaign) {
                cover.wanted[campaign] -= 1;
            }
        }
        cover
    }

    /// Gives a campaign the idle agents who serve it, as far as it wants them.
    fn take_idle(&mut self, campaign: usize) {
        for (place, squad) in self.squads.iter_mut().enumerate() {
            if squad.serves.contains(&campaign) {
                let taken = self.wanted[campaign].min(squad.ready);
                self.wanted[campaign] -= taken;
                squad.ready -= taken;
                self.given[campaign][place] += taken;
            }
        }
    }

    /// Finds one more agent for a campaign, moving agents between campaigns where need be.
    fn augments(&mut self, campaign: usize) -> bool {
        let mut asked = vec![false; self.wanted.len()];
        self.serve(campaign, &mut asked)
    }

    /// Finds an agent for a campaign without asking those campaigns that were asked before.
    fn serve(&mut self, campaign: usize, asked: &mut [bool]) -> bool {
        asked[campaign] = true;
        for place in 0..self.squads.len() {
            if !self.squads[place].serves.contains(&campaign) {
                continue;
            }
            if self.squads[place].ready > 0 {
                self.squads[place].ready -= 1;
                self.given[campaign][place] += 1;
                return true;
            }
            for other in 0..self.wanted.len() {
                if !asked[other] && self.given[other][place] > 0 && self.serve(other, asked) {
                    self.given[other][place] -= 1;
                    self.given[campaign][place] += 1;
                    return true;
                }
            }
        }
        false
    }

    /// Whether one agent more in a squad would serve nobody more.
    fn can_do_without(mut self, squad: usize) -> bool {
        if let Some(squad) = self.squads.get_mut(squad) {
            squad.ready += 1;
        }
        !(0..self.wanted.len()).any(|campaign| self.wanted[campaign] > 0 && self.augments(campaign))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// The most lines that find an agent, by trying every agent for every line.
    fn most(lines: &[usize], agents: &[&[usize]]) -> usize {
        let Some((line, rest)) = lines.split_first() else { return 0 };
        let mut best = most(rest, agents);
        for (place, serves) in agents.iter().enumerate() {
            if serves.contains(line) {
                let others: Vec<_> = [&agents[..place], &agents[place + 1..]].concat();
                best = best.max(1 + most(rest, &others));
            }
        }
        best
    }

    fn squad() -> impl Strategy<Value = Squad> {
        (0..3_u32, vec(0..3_usize, 0..3)).prop_map(|(ready, mut serves)| {
            serves.sort_unstable();
            serves.dedup();
            Squad { ready, serves }
        })
    }

    proptest! {
        #[test]
        fn an_agent_is_spared_if_and_only_if_no_line_loses_its_agent(
            wanted in vec(0..3_u32, 3),
            squads in vec(squad(), 1..4),
            own in 0..3_usize,
        ) {
            let own = own % squads.len();
            let lines: Vec<usize> = (0..wanted.len())
                .flat_map(|id| (0..wanted[id]).map(move |_| id))
                .collect();
            let mut agents: Vec<&[usize]> = squads
                .iter()
                .flat_map(|squad| (0..squad.ready).map(|_| squad.serves.as_slice()))
                .collect();
            let without = most(&lines, &agents);
            agents.push(&squads[own].serves);
            let with = most(&lines, &agents);
            let cover = Cover::of(wanted.clone(), squads.clone());
            let served = lines.len() - cover.wanted.iter().sum::<u32>() as usize;
            prop_assert_eq!(served, without);
            prop_assert_eq!(cover.can_do_without(own), with == without);
        }
    }
}
