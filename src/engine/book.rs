//! What only the shell knows: numbers behind ids, names, caller IDs and prompts of campaigns.

use std::collections::{BTreeMap, VecDeque};

use crate::config::Response;
use crate::media::Prompt;
use crate::store::Claimed;
use crate::units::{AgentId, CampaignId, ContactId, Number, NumberId, RouteGroup, TrunkId};
use crate::wire::sdp::{Srtp, Terms};

/// Leased contacts whose numbers are kept, the latest ones: ten times the largest hopper there is,
/// so that a contact is dialled, and dialled again over another trunk, long before it is forgotten.
const CONTACTS_MAX: usize = 100_000;

/// What a campaign needs of the shell.
#[derive(Clone, Debug)]
pub struct CampaignPage {
    /// The name of its file.
    pub name: String,
    /// The skills it requires of its agents.
    pub requires: Vec<String>,
    /// The numbers it shows, in the order of the core's caller-ID index.
    pub caller_ids: Vec<Number>,
    /// The prefixes that have routes of their own, the longest first.
    pub prefixes: Vec<(String, RouteGroup)>,
    /// The notice of an abandoned call.
    pub notice: Prompt,
    /// The music on hold.
    pub hold: Prompt,
    /// What whoever calls one of its numbers hears.
    pub greeting: Prompt,
    /// The same for callers who are not known, or a number that several companies show.
    pub general: Prompt,
    /// That the caller's wish is written down.
    pub confirmation: Prompt,
}

/// What the shell needs of a trunk.
#[derive(Clone, Debug)]
pub struct TrunkPage {
    /// The name in the configuration.
    pub name: String,
    /// Whether our number is hidden from those called over it.
    pub hidden: bool,
    /// How its audio is agreed on.
    pub audio: Terms,
    /// Whether we have an account there.
    pub account: bool,
    /// What its carrier means by its responses, where that differs from the usual.
    pub responses: Vec<Response>,
    /// Whether its carrier hands callees over to others.
    pub transfers: bool,
    /// The status of its calls to numbers that no campaign shows.
    pub unknown: u16,
}

/// A contact's numbers; no larger than they are, as there are a hundred thousand of them.
type Digits = Box<[(NumberId, Number)]>;

/// The book.
#[derive(Debug, Default)]
pub struct Book {
    /// Every campaign.
    pub campaigns: BTreeMap<CampaignId, CampaignPage>,
    /// Every agent's name.
    pub agents: BTreeMap<AgentId, String>,
    /// Every trunk.
    pub trunks: BTreeMap<TrunkId, TrunkPage>,
    /// Whether the audio of agents' phones is protected.
    pub phones_srtp: Srtp,
    numbers: BTreeMap<ContactId, (u64, Digits)>,
    /// The claims in their order; a contact claimed again counts from then.
    leased: VecDeque<(u64, ContactId)>,
    claims: u64,
}

impl Book {
    /// Tells how the audio over a trunk is agreed on.
    #[must_use]
    pub fn trunk_audio(&self, trunk: TrunkId) -> Terms {
        self.trunks.get(&trunk).map(|page| page.audio.clone()).unwrap_or_default()
    }

    /// Gives a trunk's name for the log.
    #[must_use]
    pub fn trunk_name(&self, trunk: TrunkId) -> String {
        self.trunks.get(&trunk).map_or_else(|| trunk.to_string(), |page| page.name.clone())
    }

    /// Keeps the numbers of leased contacts.
    pub fn keep_numbers(&mut self, claimed: &Claimed) {
        for lead in &claimed.leads {
            let digits = lead.numbers.iter().filter_map(|number| {
                Some((number.number, claimed.digits.get(&number.number)?.clone()))
            });
            let digits: Digits = digits.collect();
            self.claims += 1;
            let (latest, held) = self.numbers.entry(lead.contact).or_default();
            *latest = self.claims;
            // Whoever is claimed again stays where he is: what lives long among what does not
            // keeps memory from being given back.
            if *held != digits {
                *held = digits;
            }
            self.leased.push_back((self.claims, lead.contact));
            if self.leased.len() > CONTACTS_MAX
                && let Some((claim, oldest)) = self.leased.pop_front()
                && self.numbers.get(&oldest).is_some_and(|(latest, _)| *latest == claim)
            {
                self.numbers.remove(&oldest);
            }
        }
    }

    /// Forgets the numbers of an erased contact.
    pub fn forget(&mut self, contact: ContactId) {
        self.numbers.remove(&contact);
    }

    /// Sorts claimed numbers into the groups of routes of their campaign: the longest prefix that
    /// fits counts.
    pub fn sort_numbers(&self, campaign: CampaignId, claimed: &mut Claimed) {
        let Some(page) = self.campaigns.get(&campaign) else { return };
        for number in claimed.leads.iter_mut().flat_map(|lead| &mut lead.numbers) {
            let Some(digits) = claimed.digits.get(&number.number) else { continue };
            let mut prefixes = page.prefixes.iter();
            let fits = prefixes.find(|(prefix, _)| digits.reveal().starts_with(prefix));
            number.group = fits.map_or(RouteGroup::DEFAULT, |(_, group)| *group);
        }
    }

    /// Gives the digits behind a leased contact's number.
    #[must_use]
    pub fn number(&self, contact: ContactId, number: NumberId) -> Option<&Number> {
        let (_, numbers) = self.numbers.get(&contact)?;
        let (_, digits) = numbers.iter().find(|(id, _)| *id == number)?;
        Some(digits)
    }

    /// Gives the campaigns that show a number.
    #[must_use]
    pub fn showing(&self, number: &Number) -> Vec<CampaignId> {
        let shows = |(_, page): &(_, &CampaignPage)| page.caller_ids.contains(number);
        self.campaigns.iter().filter(shows).map(|(id, _)| *id).collect()
    }

    /// Gives the caller ID of a campaign by its index.
    #[must_use]
    pub fn caller_id(&self, campaign: CampaignId, index: u16) -> Option<&Number> {
        self.campaigns.get(&campaign)?.caller_ids.get(usize::from(index))
    }
}
