//! The way of a call: which trunk it goes over and which number it shows, and whether a lead has
//! one now.

use std::collections::BTreeSet;

use super::Dialer;
use super::campaign::{Campaign, Settings};
use super::fact::{Lead, LeadNumber};
use super::order::Stage;
use super::pacing::Limit;
use super::rules::Refused;
use super::trunks::{Blocked, Tariff};
use crate::units::{CampaignId, Now, RouteGroup, Span, Territory, TrunkId};

/// A trunk that rests no longer than this is waited for.
const MOMENT: Span = Span::secs(60);

/// The trunk a call goes over and the number it shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) trunk: TrunkId,
    /// By its place in the campaign's list.
    pub(super) caller_id: u16,
}

/// The kinds of numbers that go the same ways: those of a group, in a territory where the law says
/// which numbers may be shown.
type Direction = (RouteGroup, Option<Territory>);

/// The routes among which a call's turn goes now, and the number it would show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    routes: Tariff,
    caller_id: u16,
}

/// What hinders a lead from being called now, if anything.
#[derive(Debug)]
pub(super) enum Prospect {
    /// A rule, for good or for a while.
    Refused(Refused),
    /// No trunk to its number at that place, or no number that may be shown there, has room.
    Blocked(Blocked, usize),
    /// Nothing: its number at that place may be called.
    Clear(usize, Opening),
}

/// The directions found without a way while a lead is looked for.
#[derive(Debug, Default)]
pub(super) struct Closed {
    /// Whether the country called tells which numbers may be shown.
    by_country: bool,
    ways: BTreeSet<Direction>,
    /// Those whose way will not open soon.
    dead_ends: BTreeSet<Direction>,
    /// Leads of these that were passed over.
    pub(super) waiting: u32,
}

impl Closed {
    /// Makes an empty set for a campaign.
    pub(super) fn of(settings: &Settings) -> Self {
        Self { by_country: !settings.caller_cards.is_empty(), ..Self::default() }
    }

    fn direction(&self, number: &LeadNumber) -> Direction {
        (number.group, number.territory.clone().filter(|_| self.by_country))
    }

    /// Adds the way to a number; `dead_end` says that it will not open soon.
    pub(super) fn add(&mut self, number: &LeadNumber, dead_end: bool) {
        let way = self.direction(number);
        if dead_end {
            self.dead_ends.insert(way.clone());
        }
        self.ways.insert(way);
    }

    /// Whether no number of a lead has a way.
    pub(super) fn holds(&self, lead: &Lead) -> bool {
        let closed = |number: &LeadNumber| self.ways.contains(&self.direction(number));
        !self.ways.is_empty() && lead.numbers.iter().all(closed)
    }

    /// Whether no number of a lead will have one soon.
    pub(super) fn is_dead_end(&self, lead: &Lead) -> bool {
        let dead = |number: &LeadNumber| self.dead_ends.contains(&self.direction(number));
        !self.dead_ends.is_empty() && lead.numbers.iter().all(dead)
    }
}

impl Dialer {
    /// Looks whether a lead may be called now and has a way. Where every number of the campaign
    /// goes over the same trunks, no rule is asked while these are blocked.
    pub(super) fn prospect(
        &mut self,
        now: Now,
        id: CampaignId,
        lead: &Lead,
        tried: &[TrunkId],
    ) -> Option<Prospect> {
        let settings = &self.campaigns.get(&id)?.settings;
        let (one_group, one_way) = (settings.by_group.is_empty(), settings.is_one_way());
        let same = match one_group.then(|| self.room(now, id, RouteGroup::DEFAULT, tried)) {
            Some(Err(blocked)) => return Some(Prospect::Blocked(blocked, 0)),
            Some(Ok(opening)) => Some(opening).filter(|_| one_way),
            None => None,
        };
        let index = match self.may_call(now, id, lead, Stage::Dial)? {
            Ok(index) => index,
            Err(refused) => return Some(Prospect::Refused(refused)),
        };
        match same.map_or_else(|| self.opening(now, id, (lead, index), tried), Ok) {
            Ok(opening) => Some(Prospect::Clear(index, opening)),
            Err(blocked) => Some(Prospect::Blocked(blocked, index)),
        }
    }

    /// Says which ways a call to a lead's number at that place has now and which number it shows,
    /// and if it has none, why: the number that the person was shown before, else the next in turn
    /// that may be shown there, has room and a trunk with its mandate. One with which a network
    /// refused the last call to him comes after all others.
    pub(super) fn opening(
        &self,
        now: Now,
        id: CampaignId,
        (lead, index): (&Lead, usize),
        tried: &[TrunkId],
    ) -> Result<Opening, Blocked> {
        let campaign = self.campaigns.get(&id).ok_or(NOWHERE)?;
        let settings = &campaign.settings;
        let number = lead.numbers.get(index).ok_or(NOWHERE)?;
        if settings.caller_cards.is_empty() {
            return self.room(now, id, number.group, tried);
        }
        let mut nearest: Option<Blocked> = None;
        let shown = number.shown.filter(|shown| *shown < settings.caller_ids);
        let turns = || shown.into_iter().chain(settings.turns(campaign.caller_id));
        let blocked = |caller_id: &u16| number.blocked.contains(caller_id);
        let unblocked = turns().filter(|caller_id| !blocked(caller_id));
        for caller_id in unblocked.chain(turns().filter(blocked)) {
            if settings.forbids_showing(usize::from(caller_id), number, now.wall).is_some() {
                continue;
            }
            let room = self.shown.room(settings.caller_cap(caller_id), now);
            let routes = || settings.routes_by(number.group, caller_id);
            match room.and_then(|()| self.trunks.room(&routes(), now.mono, tried)) {
                Ok(routes) => return Ok(Opening { routes, caller_id }),
                Err(blocked) => {
                    nearest = Some(nearest.map_or(blocked, |nearest| nearest.sooner(blocked)));
                }
            }
        }
        Err(nearest.unwrap_or(NOWHERE))
    }

    /// Whether no call of a campaign whose numbers all go over the same trunks has a way now,
    /// whoever is called: the rest of its stock need not be looked at.
    pub(super) fn is_shut(&self, now: Now, id: CampaignId) -> bool {
        let settings = self.campaigns.get(&id).map(|campaign| &campaign.settings);
        settings.is_some_and(|settings| settings.by_group.is_empty())
            && self.room(now, id, RouteGroup::DEFAULT, &[]).is_err()
    }

    /// Says which ways a call to the numbers of a group has now, and if it has none, why.
    pub(super) fn room(
        &self,
        now: Now,
        id: CampaignId,
        group: RouteGroup,
        tried: &[TrunkId],
    ) -> Result<Opening, Blocked> {
        let campaign = self.campaigns.get(&id).ok_or(NOWHERE)?;
        let routes = self.trunks.room(campaign.settings.routes_of(group), now.mono, tried)?;
        let caps = &campaign.settings.caller_caps;
        let caller_id = self.shown.choose(caps, campaign.caller_id, now)?;
        Ok(Opening { routes, caller_id })
    }

    /// Whether there is a way for a call of a campaign now, to whomever.
    pub(super) fn may_place(&self, now: Now, campaign: &Campaign) -> bool {
        let settings = &campaign.settings;
        let caps = &settings.caller_caps;
        let mut groups = [&settings.routes].into_iter().chain(settings.by_group.values());
        groups.any(|routes| self.trunks.room(routes, now.mono, &[]).is_ok())
            && self.shown.choose(caps, campaign.caller_id, now).is_ok()
    }

    /// Whether every way to a number is shut for longer than a moment, while others of the campaign
    /// are not: where nothing can be called at all, nobody stands in another's way. A way is a
    /// number that may be shown there and has a budget, with a trunk in use that it may leave by.
    pub(super) fn is_dead_end(
        &self,
        now: Now,
        id: CampaignId,
        number: &LeadNumber,
        blocked: Blocked,
    ) -> bool {
        let Some(campaign) = self.campaigns.get(&id) else { return false };
        let settings = &campaign.settings;
        let opens = |caller_id: u16, group: RouteGroup| {
            let cap = settings.caller_cap(caller_id);
            !cap.is_some_and(|cap| self.shown.is_held(cap, now.wall, now.wall + MOMENT))
                && self.trunks.any_up(settings.routes_by(group, caller_id).iter(), now.mono)
        };
        let shows = |caller_id: &u16| {
            settings.forbids_showing(usize::from(*caller_id), number, now.wall).is_none()
        };
        let groups = || settings.by_group.keys().copied().chain([RouteGroup::DEFAULT]);
        blocked.until.is_none_or(|until| until > now.mono + MOMENT)
            && !settings.turns(0).filter(shows).any(|caller_id| opens(caller_id, number.group))
            && settings.turns(0).any(|caller_id| groups().any(|group| opens(caller_id, group)))
    }

    /// Chooses the way of the call that is placed now to a lead's number at that place, for which
    /// there is room; `None` if there is none any more.
    pub(super) fn choose_way(
        &mut self,
        now: Now,
        id: CampaignId,
        (lead, index): (&Lead, usize),
        tried: &[TrunkId],
        opening: Opening,
    ) -> Option<Way> {
        let campaign = self.campaigns.get_mut(&id)?;
        let group = group_of(lead, index);
        let routes = campaign.settings.routes_by(group, opening.caller_id);
        let rota = campaign.rotas.entry(group).or_default();
        let trunk = self.trunks.turn(&routes, rota, now.mono, tried, opening.routes)?;
        Some(Way { trunk, caller_id: opening.caller_id })
    }

    /// Whether another trunk than those is in use for a lead's number, full or not.
    pub(super) fn has_other_way(
        &self,
        now: Now,
        id: CampaignId,
        (lead, index): (&Lead, usize),
        tried: &[TrunkId],
    ) -> bool {
        let Some(campaign) = self.campaigns.get(&id) else { return false };
        let mut routes = campaign.settings.routes_of(group_of(lead, index)).iter();
        routes
            .any(|route| !tried.contains(&route.trunk) && self.trunks.is_up(route.trunk, now.mono))
    }
}

/// There is no such campaign.
const NOWHERE: Blocked = Blocked { limit: Limit::NoTrunk, until: None };

fn group_of(lead: &Lead, index: usize) -> RouteGroup {
    lead.numbers.get(index).map_or(RouteGroup::DEFAULT, |number| number.group)
}
