//! Whether those who are ready cover the lines in flight.

use std::collections::BTreeSet;

use super::agent::{Agent, Event, State, Want};
use super::floor::CallStage;
use super::{Dialer, pacing};
use crate::units::{AgentId, CallId, CampaignId, Now};

impl Dialer {
    /// Whether the lines in flight can do without a ready agent: for each of his campaigns, and
    /// for all that share agents with them taken together, the others who are ready to stay are
    /// as many as the lines want.
    pub(super) fn can_spare(&self, agent: &Agent) -> bool {
        let own = &self.teams.at(agent.team).campaigns;
        let counted = usize::from(!agent.leaves());
        let covered = |campaigns: &[CampaignId]| {
            let wanted: u32 = campaigns.iter().map(|&id| self.agents_wanted(id)).sum();
            wanted as usize <= self.teams.ready_for(campaigns).saturating_sub(counted)
        };
        own.iter().all(|id| covered(std::slice::from_ref(id))) && covered(&self.teams.joined(own))
    }

    /// Puts off the going of an agent on whom a line in flight counts.
    pub(super) fn postponed(&mut self, id: AgentId, event: Event) -> Event {
        let needed = |agent: &Agent| agent.state == State::Ready && !self.can_spare(agent);
        if let Event::Wants(want @ (Want::Break(_) | Want::Leave)) = event
            && self.agents.get(&id).is_some_and(needed)
        {
            if let Some(agent) = self.agents.get_mut(&id).filter(|agent| !agent.leaves()) {
                agent.leaves_from = self.next_call;
            }
            return Event::Postpones(want);
        }
        event
    }

    /// Lets those go who wanted to and on whom no line in flight counts any more: when the others
    /// cover the lines, or the lines that rang when he wanted to go have resolved.
    pub(super) fn let_go(&mut self, now: Now) {
        let leaving = self.teams.each().flat_map(|team| &team.leaving).copied();
        let leaving: BTreeSet<_> = leaving.collect();
        for (_, id) in leaving {
            let free = |agent: &Agent| self.can_spare(agent) || !self.is_counted_on(agent);
            if self.agents.get(&id).is_some_and(free) {
                self.step_agent(now, id, Event::Freed);
            }
        }
    }

    /// Whether a line dialled before an agent wanted to go may still bring somebody for him.
    fn is_counted_on(&self, agent: &Agent) -> bool {
        use CallStage::{Dialing, Listening, Ringing, Waiting};
        let end = CallId::of(self.settings.node, agent.leaves_from);
        self.calls.range(..end).any(|(_, call)| {
            matches!(call.stage(), Dialing | Ringing | Listening | Waiting)
                && agent.settings.campaigns.contains(&call.campaign)
        })
    }

    /// Counts the ready agents a campaign's lines in flight count on.
    fn agents_wanted(&self, id: CampaignId) -> u32 {
        self.campaigns.get(&id).map_or(0, |campaign| {
            pacing::agents_of(campaign.settings.mode, campaign.view().lines())
        })
    }
}
