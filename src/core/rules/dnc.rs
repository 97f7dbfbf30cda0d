//! Do-not-call wishes of this run, effective at once.

use super::super::fact::DncScope;
use super::noted::Noted;
use crate::units::{CampaignId, ClientId, Mono, PersonId};

/// The wishes that a lead claimed earlier cannot know of.
#[derive(Debug, Default)]
pub(crate) struct Wishes(Noted<(PersonId, DncScope), ()>);

impl Wishes {
    /// Notes a wish; `false` if it was known.
    pub(crate) fn note(&mut self, now: Mono, person: PersonId, scope: DncScope) -> bool {
        let new = self.0.get(&(person, scope)).is_none();
        if new {
            self.0.note(now, (person, scope), ());
        }
        new
    }

    /// Forgets wishes older than any lease: leads claimed since then carry them.
    pub(crate) fn forget_before(&mut self, moment: Mono) {
        self.0.forget_before(moment);
    }

    /// Whether a wish stands against calling the person for this campaign.
    pub(super) fn stands(&self, person: PersonId, client: ClientId, campaign: CampaignId) -> bool {
        !self.0.is_empty()
            && [DncScope::Everyone, DncScope::Client(client), DncScope::Campaign(campaign)]
                .into_iter()
                .any(|scope| self.0.get(&(person, scope)).is_some())
    }
}
