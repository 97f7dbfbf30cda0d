//! Keeps what predictive campaigns learn, and gives it back to them when the hour or the stock
//! turns.

use std::collections::BTreeMap;

use super::order::CampaignState;
use super::pacing::prior::Lesson;
use super::{Dialer, Record};
use crate::units::{CampaignId, Now, Wall};

impl Dialer {
    /// Gives what a campaign's pacer has learnt since the dialer was made, or since its day began.
    #[must_use]
    pub fn learnt(&self, id: CampaignId, now: Wall) -> Vec<Lesson> {
        let campaign = self.campaigns.get(&id);
        let paced = campaign.and_then(|campaign| Some((campaign, campaign.pacer.as_ref()?)));
        paced.map_or_else(Vec::new, |(campaign, pacer)| campaign.memory.all(now, pacer.served()))
    }

    /// Lets a pacer expect what such an hour and such a stock brought on earlier days.
    pub(super) fn recall(&mut self, now: Now, id: CampaignId) {
        let Some(campaign) = self.campaigns.get_mut(&id) else { return };
        let Some(pacer) = &mut campaign.pacer else { return };
        let zone = &campaign.settings.account.zone;
        let mut over = Vec::new();
        if campaign.memory.turns(now) {
            over = campaign.memory.turn(now, zone, pacer.served());
            if !over.is_empty() {
                pacer.forget_served();
            }
        }
        let mut stock = BTreeMap::new();
        for stocked in campaign.hopper.each() {
            *stock.entry(stocked.lead.list).or_insert(0_u32) += 1;
        }
        if let Some(recall) = campaign.memory.recall(&stock, pacer.is_new()) {
            pacer.recall(&recall);
        }
        for lesson in over {
            self.record(Record::Learnt(id, Box::new(lesson)));
        }
    }

    /// Writes down what was learnt: now and then, and when the campaign comes to rest.
    pub(super) fn keep_learnt(&mut self, now: Now, id: CampaignId) {
        let Some(campaign) = self.campaigns.get_mut(&id) else { return };
        let rests = campaign.state != CampaignState::Running && campaign.idle();
        let Some(pacer) = campaign.pacer.as_ref().filter(|_| campaign.memory.due(now.mono, rests))
        else {
            return;
        };
        for lesson in campaign.memory.lessons(now, pacer.served()) {
            self.record(Record::Learnt(id, Box::new(lesson)));
        }
    }
}
