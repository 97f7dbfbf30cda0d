//! Do-not-call wishes of this run, effective at once.

use std::collections::{BTreeMap, VecDeque};

use super::super::fact::DncScope;
use crate::units::{CampaignId, ClientId, Mono, PersonId};

/// The wishes that a lead claimed earlier cannot know of.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    since: BTreeMap<(PersonId, DncScope), Mono>,
    order: VecDeque<(Mono, PersonId, DncScope)>,
}

impl Wishes {
    /// Notes a wish; `false` if it was known.
    pub(crate) fn note(&mut self, now: Mono, person: PersonId, scope: DncScope) -> bool {
        if self.since.contains_key(&(person, scope)) {
            return false;
        }
        self.since.insert((person, scope), now);
        self.order.push_back((now, person, scope));
        true
    }

    /// Forgets wishes older than any lease: leads claimed since then carry them.
    pub(crate) fn forget_before(&mut self, moment: Mono) {
        while let Some(&(at, person, scope)) = self.order.front() {
            if at >= moment {
                return;
            }
            self.order.pop_front();
            self.since.remove(&(person, scope));
        }
    }

    /// Whether a wish stands against calling the person for this campaign.
    pub(super) fn stands(&self, person: PersonId, client: ClientId, campaign: CampaignId) -> bool {
        !self.since.is_empty()
            && [DncScope::Everyone, DncScope::Client(client), DncScope::Campaign(campaign)]
                .into_iter()
                .any(|scope| self.since.contains_key(&(person, scope)))
    }
}
