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
