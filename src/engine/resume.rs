//! Picks up what an earlier run left: agents and where their phones are, running campaigns, dialogs
//! that still stand.

use super::Engine;
use super::hear::phone;
use crate::config::Config;
use crate::core::Fact;
use crate::core::campaign::Mode;
use crate::core::fact::CampaignFact;
use crate::core::habits::KEPT_DAYS;
use crate::core::order::CampaignState;
use crate::sip::Phone;
use crate::store::{Recovered, Store, StoreError};
use crate::units::{ShownId, Span, Wall};

impl Engine {
    /// Gives the facts that restore what an earlier run left; the signalling has what is its own.
    pub(super) fn resume(&mut self, recovered: Recovered) -> Vec<Fact> {
        self.stale = recovered.dialogs.iter().map(|(leg, _)| *leg).collect();
        if !recovered.interrupted.is_empty() {
            let calls = recovered.interrupted.len();
            tracing::warn!(calls, "calls were interrupted by the last stop");
        }
        self.know_phones(recovered.agents.iter().map(phone).collect());
        let agents = recovered.agents.into_iter();
        let mut facts: Vec<Fact> = agents.map(|row| self.set_agent(row)).collect();
        for row in recovered.campaigns {
            if !self.parts.book.campaigns.contains_key(&row.id) {
                continue;
            }
            let again = match row.state {
                CampaignState::Running | CampaignState::Completed => &[CampaignFact::Started][..],
                CampaignState::Paused => &[CampaignFact::Started, CampaignFact::Paused][..],
                CampaignState::Stopped | CampaignState::Draining => &[],
            };
            facts.extend(again.iter().map(|fact| Fact::Campaign(row.id, fact.clone())));
        }
        facts
    }

    /// Tells the signalling of every agent's phone; one whose host is unknown is left out aloud.
    fn know_phones(&self, phones: Vec<Phone>) {
        let sip = self.parts.sip.clone();
        self.parts.tasks.spawn(async move {
            for phone in phones {
                if let Err(error) = sip.set_phone(&phone).await {
                    tracing::warn!(agent = %phone.agent, %error, "an agent's phone is left out");
                }
            }
        });
    }
}

/// Gives what each campaign's abandon rule has counted in its window, what its pacer learnt, and
/// what the numbers shown carried.
pub(super) async fn remembered(
    config: &Config,
    store: &Store,
    now: Wall,
) -> Result<Vec<Fact>, StoreError> {
    let mut facts = Vec::new();
    for row in store.campaigns().await? {
        let Some(campaign) = config.campaign(&row.name) else { continue };
        let account = &campaign.account;
        let counted = store.counted(row.id, account.begins(now), account.part()).await?;
        facts.push(Fact::Campaign(row.id, CampaignFact::Counted(counted)));
        if campaign.retry.seeks_best() {
            match store.habits(row.id, now - Span::secs(KEPT_DAYS * 86_400)).await {
                Ok(known) => facts.push(Fact::Campaign(row.id, CampaignFact::Habits(known))),
                Err(error) => {
                    tracing::warn!(campaign = %row.name, %error, "the best hours cannot be read");
                }
            }
        }
        if !matches!(campaign.mode, Mode::Predictive { .. }) {
            continue;
        }
        match store.learnt(row.id, now).await {
            Ok(known) => facts.push(Fact::Campaign(row.id, CampaignFact::Remembered(known))),
            // It only has to learn again.
            Err(error) => {
                tracing::warn!(campaign = %row.name, %error, "what was learnt cannot be read");
            }
        }
    }
    store.wake_unshown(now).await?;
    let mut carried = store.carried(now).await?;
    for (place, shown) in (0..).zip(&config.shown) {
        if let Some(carried) = carried.remove(&shown.number) {
            facts.push(Fact::Shown(ShownId(place), carried));
        }
    }
    Ok(facts)
}
