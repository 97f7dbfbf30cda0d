//! What the campaigns of one abandon rate have in common: its account, and the price of an
//! abandoned call.

use super::account::Account;
use super::price::Price;
use crate::core::campaign::Settings;
use crate::units::{CampaignId, RateId};

/// Whose rate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::core) enum Key {
    /// One campaign's own.
    Own(CampaignId),
    /// That of all campaigns which name it.
    Shared(RateId),
}

/// One rate: equal prices in all its campaigns are the best split of its allowance (pacing.md
/// §4.8), so there is one.
#[derive(Clone, Debug)]
pub(in crate::core) struct Rate {
    pub(in crate::core) account: Account,
    pub(super) price: Price,
}

impl Key {
    /// Gives the rate a campaign with these settings is counted in.
    pub(in crate::core) fn of(id: CampaignId, settings: &Settings) -> Self {
        settings.account.shared.map_or(Self::Own(id), Self::Shared)
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self { account: Account::default(), price: Price::new() }
    }
}

impl Rate {
    /// Notes how many agents are at work for its campaigns.
    pub(in crate::core) fn sized(&mut self, agents: f64) {
        self.price.sized(agents);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::call::Call;
    use crate::core::campaign::{Campaign, Guarantee, Mode};
    use crate::core::fact::{Lead, LeadNumber};
    use crate::core::floor::CallStage::Waiting;
    use crate::core::pacing::predictive::{Odds, Pacer};
    use crate::units::{
        AgentId, CallId, ContactId, Now, NumberId, PersonId, TrunkId, UnknownZone, Zone,
    };

    #[test]
    fn a_forced_abandon_is_not_held_against_the_forecasts() -> Result<(), UnknownZone> {
        let (zone, now) = (Zone::new("Europe/Paris")?, Now::default());
        let mode = Mode::Predictive { guarantee: Guarantee::Expected };
        let mut campaign =
            Campaign::new(CampaignId(1), Settings::new(mode, TrunkId(1), zone.clone()));
        let mut pacer = Pacer::new(now.mono, campaign.settings.abandon.within);
        let odds = pacer.adopt(now.mono, now.mono, now.mono, true);
        campaign.pacer = Some(Box::new(pacer));
        let number = LeadNumber::new(NumberId(1), PersonId(1), zone);
        let lead = Arc::new(Lead::new(ContactId(1), vec![number]));
        let mut record = |forsaken| {
            let call =
                Call::new(CampaignId(1), Arc::clone(&lead), 0, TrunkId(1), now.mono, now.mono);
            let odds = Odds { unproved: false, ..odds };
            let call = Call { odds: Some(odds), forsaken, ..call };
            let mut rate = Rate::default();
            campaign.watched(now.mono, &mut rate, &call, (Waiting, now.mono), None);
            rate.price.record()
        };
        assert!(
            record(None) > record(Some((AgentId(1), CallId(1)))),
            "an abandon of the forecasts' own goes into the record"
        );
        assert!(
            (record(Some((AgentId(1), CallId(1)))) - 1.0).abs() < 1e-9,
            "a forced one does not"
        );
        Ok(())
    }
}
