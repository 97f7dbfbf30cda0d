//! Whether those who are ready cover the lines in flight.

use super::{Dialer, pacing};
use crate::units::CampaignId;

impl Dialer {
    /// Whether the lines in flight can do without one ready agent of the team at a place: for
    /// each of its campaigns, and for all that share agents with them taken together, the others
    /// who are ready are as many as the lines want.
    pub(super) fn can_spare_one(&self, place: usize) -> bool {
        let own = &self.teams.at(place).campaigns;
        let covered = |campaigns: &[CampaignId]| {
            let wanted: u32 = campaigns.iter().map(|&id| self.agents_wanted(id)).sum();
            wanted as usize <= self.teams.ready_for(campaigns).saturating_sub(1)
        };
        own.iter().all(|id| covered(std::slice::from_ref(id))) && covered(&self.teams.joined(own))
    }

    /// Counts the ready agents a campaign's lines in flight count on.
    fn agents_wanted(&self, id: CampaignId) -> u32 {
        self.campaigns.get(&id).map_or(0, |campaign| {
            pacing::agents_of(campaign.settings.mode, campaign.view().lines())
        })
    }
}
