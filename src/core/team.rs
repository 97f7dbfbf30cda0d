//! Teams: agents who serve the same campaigns in the same order of preference.

use std::collections::BTreeSet;

use super::order::AgentState;
use crate::units::{AgentId, CampaignId, Mono};

/// One team.
#[derive(Debug)]
pub(super) struct Team {
    /// Its campaigns, best first.
    pub(super) campaigns: Vec<CampaignId>,
    /// Its ready agents, the longest waiting first.
    pub(super) ready: BTreeSet<(Mono, AgentId)>,
    /// Those who are about to leave or kept for leads of their own: no line is dialled for them,
    /// but they take an answer nobody else can.
    pub(super) aside: BTreeSet<(Mono, AgentId)>,
    /// Whether proofs count on its agents, and part its campaigns from those it does not serve.
    pub(super) counted: bool,
    /// Its agents on a break.
    pub(super) paused: u32,
    /// Its agents who rest.
    pub(super) resting: u32,
    /// Its agents signed in.
    pub(super) at_work: u32,
    /// The campaign its ready agents count for: the best one that has contacts to call, or at
    /// least runs.
    pub(super) home: Option<CampaignId>,
}

/// Every team there ever was in this run; a handful.
#[derive(Debug, Default)]
pub(super) struct Teams {
    all: Vec<Team>,
}

impl Teams {
    /// Gives the place of the team with these campaigns, founding it if need be.
    pub(super) fn place(&mut self, campaigns: &[CampaignId]) -> usize {
        let found = self.all.iter().position(|team| team.campaigns == campaigns);
        found.unwrap_or_else(|| {
            self.all.push(Team {
                campaigns: campaigns.to_vec(),
                ready: BTreeSet::new(),
                aside: BTreeSet::new(),
                counted: false,
                paused: 0,
                resting: 0,
                at_work: 0,
                home: None,
            });
            self.all.len() - 1
        })
    }

    /// Gives the team at a place.
    pub(super) fn at(&self, place: usize) -> &Team {
        self.all.get(place).expect("places are given out by this list, which never shrinks")
    }

    /// Gives the team at a place, to change.
    pub(super) fn at_mut(&mut self, place: usize) -> &mut Team {
        self.all.get_mut(place).expect("places are given out by this list, which never shrinks")
    }

    /// Gives every team.
    pub(super) fn each(&self) -> impl Iterator<Item = &Team> {
        self.all.iter()
    }

    /// Gives the teams that serve a campaign.
    pub(super) fn of(&self, campaign: CampaignId) -> impl Iterator<Item = &Team> {
        self.all.iter().filter(move |team| team.campaigns.contains(&campaign))
    }

    /// Gives the longest-waiting ready agent who serves a campaign; one who stands aside only if
    /// there is no other.
    pub(super) fn first_ready(&self, campaign: CampaignId) -> Option<AgentId> {
        let stays = self.of(campaign).filter_map(|team| team.ready.first()).min();
        let aside = || self.of(campaign).filter_map(|team| team.aside.first()).min();
        stays.or_else(aside).map(|&(_, agent)| agent)
    }

    /// Gives every ready agent who serves a campaign and does not stand aside, and since when he
    /// waits.
    pub(super) fn all_ready(&self, campaign: CampaignId) -> impl Iterator<Item = (Mono, AgentId)> {
        self.of(campaign).flat_map(|team| &team.ready).copied()
    }

    /// Gives the longest-waiting ready agent who counts for a campaign.
    pub(super) fn first_at_home(&self, campaign: CampaignId) -> Option<AgentId> {
        let home = |team: &&Team| team.home == Some(campaign);
        self.all.iter().filter(home).filter_map(|team| team.ready.first()).min().map(|&(_, a)| a)
    }

    /// Counts the ready agents who count for a campaign.
    pub(super) fn ready_at_home(&self, campaign: CampaignId) -> usize {
        let home = |team: &&Team| team.home == Some(campaign);
        self.all.iter().filter(home).map(|team| team.ready.len()).sum()
    }

    /// Counts the ready agents who serve any of these campaigns.
    pub(super) fn ready_for(&self, campaigns: &[CampaignId]) -> usize {
        let serves = |team: &&Team| team.campaigns.iter().any(|id| campaigns.contains(id));
        self.all.iter().filter(serves).map(|team| team.ready.len()).sum()
    }

    /// Whether the very same teams serve two campaigns, of those that are counted on.
    pub(super) fn alike(&self, one: CampaignId, other: CampaignId) -> bool {
        let serves = |team: &Team, id| team.campaigns.contains(&id);
        self.all
            .iter()
            .filter(|team| team.counted)
            .all(|team| serves(team, one) == serves(team, other))
    }

    /// Counts no more on teams with nobody at work, and gives the places of those at work that are
    /// not counted on yet.
    pub(super) fn uncounted(&mut self) -> Vec<usize> {
        let mut places = Vec::new();
        for (place, team) in self.all.iter_mut().enumerate() {
            team.counted &= team.at_work > 0;
            if team.at_work > 0 && !team.counted {
                places.push(place);
            }
        }
        places
    }

    /// Gives the teams at work that serve a campaign.
    pub(super) fn at_work_for(&self, campaign: CampaignId) -> impl Iterator<Item = &Team> {
        self.of(campaign).filter(|team| team.at_work > 0)
    }

    /// Counts the agents at work who count for a campaign.
    pub(super) fn at_home(&self, campaign: CampaignId) -> u32 {
        let home = |team: &&Team| team.home == Some(campaign);
        self.all.iter().filter(home).map(|team| team.at_work).sum()
    }

    /// Gives these campaigns and all that share agents with them, directly or through others.
    pub(super) fn joined(&self, campaigns: &[CampaignId]) -> Vec<CampaignId> {
        let mut joined = campaigns.to_vec();
        let mut seen = 0;
        while let Some(&id) = joined.get(seen) {
            seen += 1;
            let beside = self.of(id).flat_map(|team| team.campaigns.iter().copied());
            for other in beside {
                if !joined.contains(&other) {
                    joined.push(other);
                }
            }
        }
        joined
    }

    /// Gives every team its home anew: the first of its campaigns that `hungers`, else the first
    /// that `runs`.
    pub(super) fn find_homes(
        &mut self,
        hungers: impl Fn(CampaignId) -> bool,
        runs: impl Fn(CampaignId) -> bool,
    ) {
        for team in &mut self.all {
            let campaigns = || team.campaigns.iter().copied();
            team.home =
                campaigns().find(|&id| hungers(id)).or_else(|| campaigns().find(|&id| runs(id)));
        }
    }
}

impl Team {
    /// Puts an agent who is in none into the queue of those who stay or of those who stand aside.
    pub(super) fn enqueue(&mut self, place: (Mono, AgentId), aside: bool) {
        let queue = if aside { &mut self.aside } else { &mut self.ready };
        queue.insert(place);
    }

    /// Moves an agent between the queues, if need be.
    pub(super) fn requeue(&mut self, place: (Mono, AgentId), aside: bool) {
        self.dequeue(place);
        self.enqueue(place, aside);
    }

    /// Takes an agent out of his queue; says whether he was in one.
    pub(super) fn dequeue(&mut self, place: (Mono, AgentId)) -> bool {
        self.ready.remove(&place) || self.aside.remove(&place)
    }

    /// Counts an agent out of one state and into another.
    pub(super) fn recount(&mut self, from: AgentState, to: AgentState) {
        let paused = |state| u32::from(matches!(state, AgentState::Paused(_)));
        let resting = |state| u32::from(matches!(state, AgentState::Resting(_)));
        let at_work = |state| u32::from(state != AgentState::LoggedOut);
        self.paused = (self.paused + paused(to)).saturating_sub(paused(from));
        self.resting = (self.resting + resting(to)).saturating_sub(resting(from));
        self.at_work = (self.at_work + at_work(to)).saturating_sub(at_work(from));
    }
}
