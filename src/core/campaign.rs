//! A running campaign: settings, counters, members.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::call::{Call, Effect, Manner};
use super::fact::LeadNumber;
use super::floor::{CallStage, Totals};
use super::habits::Habits;
use super::hopper::Hopper;
use super::order::{CampaignState, Outcome};
use super::pacing::account::{self, Entry};
use super::pacing::memory::Memory;
use super::pacing::predictive::{Line, Pacer};
use super::pacing::rate::{Key, Rate};
use super::pacing::{Decision, Quiet, View};
use super::rules::caller_id::Card;
use super::rules::hours::{Hours, Today, today};
use super::rules::{Gate, Persons};
use super::trunks::Rota;
use super::{hopper, inbound, recycle, respect, rules, shown};
use crate::units::{
    AgentId, CallId, CampaignId, ClientId, DispositionId, Mono, Ratio, RouteGroup, Span, Territory,
    TrunkId, Wall, Zone,
};

/// Everything a campaign's manager decided, as the core needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// On whose behalf.
    pub client: ClientId,
    /// How calls are started.
    pub mode: Mode,
    /// The trunks it may use.
    pub routes: Vec<Route>,
    /// The trunks for the numbers of a group, in the place of those.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_group: BTreeMap<RouteGroup, Vec<Route>>,
    /// How many caller IDs are configured; they are shown in turn.
    pub caller_ids: u16,
    /// What each caller ID may carry, by its place, if any of them has a limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caller_caps: Vec<Option<shown::Cap>>,
    /// What the law knows of each caller ID, by its place; none is asked about without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caller_cards: Vec<Card>,
    /// How long a call may ring before it is given up.
    pub ring_max: Span,
    /// How long a call must have rung before a surplus one may be given up.
    pub ring_min: Span,
    /// Whether answers are judged human or machine before an agent is troubled.
    pub listen: bool,
    /// What happens when a person answers and no agent is free.
    pub abandon: Abandon,
    /// How the share of abandoned persons is counted.
    pub account: account::Settings,
    /// The write-up after a talk.
    pub wrap: Wrap,
    /// What is owed to the agents between and among its calls.
    #[serde(default)]
    pub respect: respect::Settings,
    /// Who may be called when.
    pub rules: rules::Settings,
    /// The rules for contacts of another kind than those it calls for the most part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<Box<Others>>,
    /// When a contact is tried again.
    pub retry: recycle::Settings,
    /// The stock of claimed contacts.
    pub hopper: hopper::Settings,
    /// What each disposition means.
    pub dispositions: BTreeMap<DispositionId, Disposition>,
    /// How often the pacer runs when nothing happens, within [`PACE_EVERY_RANGE`].
    pub pace_every: Span,
    /// What an answered call is worth, against those of other campaigns that share its agents,
    /// within [`VALUE`]. Calls that prediction alone allows go where they are worth most.
    #[serde(default = "worth_one")]
    pub value: f64,
    /// What a caller of its numbers may do.
    #[serde(default, skip_serializing_if = "inbound::Settings::is_default")]
    pub inbound: inbound::Settings,
}

/// The rules for contacts of the kind that a campaign calls by exception.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Others {
    /// Whether these are the consumers; the professionals otherwise.
    pub consumers: bool,
    /// Who of them may be called when.
    pub rules: rules::Settings,
}

fn worth_one() -> f64 {
    1.0
}

fn is_free(cost: &u32) -> bool {
    *cost == 0
}

/// How calls are started.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The agent sees the contact first, then dials or passes over.
    Preview,
    /// One line per idle agent.
    Progressive,
    /// A fixed number of lines per idle agent.
    Power {
        /// Lines per idle agent, at least 1.
        lines_per_agent: f64,
    },
    /// As many lines as the agents who will be free by the time somebody answers.
    Predictive {
        /// How the abandon cap is kept.
        guarantee: Guarantee,
    },
    /// As many calls as somebody outside the core names, from moment to moment: for other pacers
    /// over the same dialer. No campaign file offers it.
    Directed,
}

/// How a predictive campaign keeps its abandon cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guarantee {
    /// By forecast: the share at the end of the window stays below the cap, but for rare chance.
    Expected,
    /// By proof: no moment ends above the cap for want of an agent, whatever the calls in flight
    /// become. docs/pacing.md says which persons are counted beside.
    Strict,
}

/// A trunk a campaign may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The trunk.
    pub trunk: TrunkId,
    /// Trunks of a lower tier are used first; a higher one only while every lower one is down,
    /// resting or out of channels. A lower tier's calls per second are waited for.
    pub tier: u8,
    /// What it costs, in any unit: within a tier the cheapest that can take a call now goes first.
    #[serde(default, skip_serializing_if = "is_free")]
    pub cost: u32,
    /// The share of calls among the trunks of one tier and cost, at least 1.
    pub weight: u16,
}

/// What happens when a person answers and no agent is free.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Abandon {
    /// How long a person may wait for an agent before the call counts as abandoned.
    pub within: Span,
    /// Whether a notice is played before the call is ended.
    pub notice: bool,
    /// How long an abandoned person is not called again.
    pub recall_lock: Span,
    /// The greatest allowed share of answered persons who are abandoned.
    pub cap: Ratio,
}

/// The write-up after a talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrap {
    /// How long it may last; `None` for no limit.
    pub max: Option<Span>,
    /// The disposition set when the time runs out; without one the contact is retried later.
    pub default: Option<DispositionId>,
    /// How much an agent may add in all.
    pub extension_max: Span,
}

/// What a disposition means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disposition {
    /// Its class.
    pub class: DispositionClass,
    /// What becomes of the contact.
    pub then: Then,
}

/// The class of a disposition (words.md: CA+, CA−, CNA).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DispositionClass {
    /// The offer was made and accepted in some form (CA+).
    ArguedPositive,
    /// The offer was made and refused (CA−).
    ArguedNegative,
    /// The offer could not be made (CNA).
    NotArgued,
}

/// What a disposition makes of the contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// The contact is closed.
    Close,
    /// The contact is tried again after this long.
    Retry(Span),
    /// The agent names the moment; without one the contact is tried again after this long.
    Callback(Span),
    /// The contact is closed and its person is never called again for this client.
    DoNotCall,
    /// The number is wrong: the next number is tried, or the contact is closed.
    WrongNumber,
}

/// A call rings 30 s before it is given up unless told otherwise.
pub const RING_MAX: Span = Span::secs(30);

/// A surplus call rings at least 15 s: 16 CFR 310.4(b)(4)(ii) and Ofcom's 2010 statement.
pub const RING_MIN: Span = Span::secs(15);

/// The least and greatest worth of an answered call: beyond them, start or stop the campaign.
pub const VALUE: (f64, f64) = (0.01, 100.0);

/// How often a pacer may run when nothing happens: no more than a hundred times a second, and
/// often enough that a forecast of half a minute's ringing is not a minute old.
pub const PACE_EVERY_RANGE: (Span, Span) = (Span::millis(10), Span::secs(60));

/// How often the pacer of a campaign runs unless told otherwise: the reference simulator's tick.
const PACE_EVERY: Span = Span::millis(250);

impl Default for Abandon {
    /// Gives what the strictest rule of those we know asks: an answered person waits at most 2 s
    /// and at most 3 % are abandoned (16 CFR 310.4(b)(4), Ofcom 2010), who are left alone for 72 h
    /// (Ofcom's 2010 statement). No notice: there is no recording of one.
    fn default() -> Self {
        Self {
            within: Span::secs(2),
            notice: false,
            recall_lock: Span::secs(72 * 3_600),
            cap: Ratio::new(0.03),
        }
    }
}

impl Mode {
    /// Gives what a predictive campaign guarantees of its cap.
    #[must_use]
    pub fn guarantee(self) -> Option<Guarantee> {
        match self {
            Self::Predictive { guarantee } => Some(guarantee),
            Self::Preview | Self::Progressive | Self::Power { .. } | Self::Directed => None,
        }
    }
}

impl Settings {
    /// Makes a campaign over one trunk that may call at any hour and tries every contact once; an
    /// agent writes up as long as he or she likes. `zone` is where the abandon rule's day ends.
    /// For worlds of one's own: a living campaign's manager decides each of these.
    #[must_use]
    pub fn new(mode: Mode, trunk: TrunkId, zone: Zone) -> Self {
        Self {
            client: ClientId(1),
            mode,
            routes: vec![Route { trunk, tier: 0, cost: 0, weight: 1 }],
            by_group: BTreeMap::new(),
            caller_ids: 1,
            caller_caps: Vec::new(),
            caller_cards: Vec::new(),
            ring_max: RING_MAX,
            ring_min: RING_MIN,
            listen: false,
            abandon: Abandon::default(),
            account: account::Settings::calendar_day(zone),
            wrap: Wrap { max: None, default: None, extension_max: Span::ZERO },
            respect: respect::Settings::default(),
            rules: rules::Settings { week: rules::Week::always(), ..rules::Settings::default() },
            others: None,
            retry: recycle::Settings { attempts_max: 1, after: BTreeMap::new(), plan: None },
            hopper: hopper::Settings::default(),
            dispositions: BTreeMap::new(),
            pace_every: PACE_EVERY,
            value: worth_one(),
            inbound: inbound::Settings::default(),
        }
    }

    /// Gives the trunks for the numbers of a group.
    pub(super) fn routes_of(&self, group: RouteGroup) -> &[Route] {
        self.by_group.get(&group).unwrap_or(&self.routes)
    }

    /// Gives every trunk it may use for some number.
    pub(super) fn all_routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().chain(self.by_group.values().flatten())
    }

    /// Whether a number's contact is of the kind that the campaign calls by exception.
    pub(super) fn is_other(&self, number: &LeadNumber) -> bool {
        let consumer = number.is_consumer();
        self.others.as_ref().is_some_and(|others| consumer == Some(others.consumers))
    }

    /// Gives the rules for a number, by the kind of its contact.
    #[must_use]
    pub fn rules_of(&self, number: &LeadNumber) -> &rules::Settings {
        let others = self.others.as_ref().filter(|_| self.is_other(number));
        others.map_or(&self.rules, |others| &others.rules)
    }

    /// Gives the routes to the numbers of a group that a caller ID may leave by.
    pub(super) fn routes_by(&self, group: RouteGroup, caller_id: u16) -> Cow<'_, [Route]> {
        let routes = self.routes_of(group);
        let Some(card) = self.caller_cards.get(usize::from(caller_id)) else {
            return Cow::Borrowed(routes);
        };
        let holds = |route: &&Route| card.trunks.contains(&route.trunk);
        Cow::Owned(routes.iter().filter(holds).copied().collect())
    }

    /// Gives every caller ID by its place, one after the other from `turn` on, going round.
    pub(super) fn turns(&self, turn: u16) -> impl Iterator<Item = u16> + use<> {
        (turn..self.caller_ids).chain(0..turn.min(self.caller_ids))
    }

    /// Whether every call goes the same ways, whoever is called.
    pub(super) fn is_one_way(&self) -> bool {
        self.by_group.is_empty() && self.caller_cards.is_empty()
    }

    /// Gives what a caller ID may carry, if it has a limit.
    pub(super) fn caller_cap(&self, index: u16) -> Option<&shown::Cap> {
        self.caller_caps.get(usize::from(index)).and_then(Option::as_ref)
    }
}

/// A campaign as the dialer keeps it.
#[derive(Debug)]
pub(super) struct Campaign {
    pub(super) settings: Settings,
    pub(super) state: CampaignState,
    pub(super) hopper: Hopper,
    /// Its calling windows, and those of contacts of the other kind.
    pub(super) hours: [Hours; 2],
    /// Whose turn it is among the routes of each group.
    pub(super) rotas: BTreeMap<RouteGroup, Rota>,
    /// Persons waiting for an agent, the longest waiting first.
    pub(super) waiting: BTreeSet<(Mono, CallId)>,
    /// Calls in progress by stage.
    pub(super) stages: [u32; CallStage::ALL.len()],
    /// When its pacer and its hopper are woken.
    pub(super) pace_at: Option<Mono>,
    pub(super) hopper_at: Option<Mono>,
    /// Calls that have an agent set aside.
    pub(super) reserved: u32,
    /// Agents looking at a contact of this campaign.
    pub(super) previewing: u32,
    /// Agents who want the contact they look at dialled.
    pub(super) wanted: BTreeSet<AgentId>,
    /// Agents writing up a call of this campaign.
    pub(super) wrapping: u32,
    /// Lines that may be given up because agents left while they rang.
    pub(super) surplus: u32,
    /// No line may be given up before this.
    pub(super) surplus_at: Mono,
    pub(super) totals: Totals,
    /// The rate its abandoned calls are counted in.
    pub(super) rate: Key,
    /// Where the leads in stock are called: zone, territory and the calling hours of that day.
    days: Vec<(Zone, Option<Territory>, Option<Today>)>,
    /// What a predictive campaign learns.
    pub(super) pacer: Option<Box<Pacer>>,
    /// What it remembers and keeps for later days.
    pub(super) memory: Memory,
    /// At which hours its contacts are reached.
    pub(super) habits: Habits,
    pub(super) decision: Option<Decision>,
    /// Since when its pacer has wanted no more calls, and why it does not now.
    pub(super) quiet: Option<Quiet>,
    /// Calls named from outside since the campaign was settled last.
    pub(super) directed: u32,
    /// The caller ID whose turn it is.
    pub(super) caller_id: u16,
}

impl Campaign {
    /// Makes a campaign that was never started.
    pub(super) fn new(id: CampaignId, settings: Settings) -> Self {
        Self {
            rate: Key::of(id, &settings),
            days: Vec::new(),
            settings,
            state: CampaignState::Stopped,
            hopper: Hopper::default(),
            hours: <[Hours; 2]>::default(),
            rotas: BTreeMap::new(),
            waiting: BTreeSet::new(),
            stages: [0; CallStage::ALL.len()],
            pace_at: None,
            hopper_at: None,
            reserved: 0,
            previewing: 0,
            wanted: BTreeSet::new(),
            wrapping: 0,
            surplus: 0,
            surplus_at: Mono::START,
            totals: Totals::default(),
            pacer: None,
            memory: Memory::default(),
            habits: Habits::default(),
            decision: None,
            quiet: None,
            directed: 0,
            caller_id: 0,
        }
    }

    /// Takes other settings.
    pub(super) fn set(&mut self, id: CampaignId, settings: Settings) {
        self.rate = Key::of(id, &settings);
        let within = settings.abandon.within;
        if let Some(pacer) = self.pacer.as_mut().filter(|_| within != self.settings.abandon.within)
        {
            pacer.waits(within);
        }
        self.settings = settings;
        self.hours = <[Hours; 2]>::default();
        self.days.clear();
    }

    /// Notes in which zones the leads in stock are called.
    pub(super) fn note_zones(&mut self) {
        let mut zones: Vec<(&Zone, &Option<Territory>)> = Vec::new();
        for number in self.hopper.each().flat_map(|stocked| &stocked.lead.numbers) {
            if !zones.contains(&(&number.zone, &number.territory)) {
                zones.push((&number.zone, &number.territory));
            }
        }
        let known = |there: &(&Zone, &Option<Territory>)| {
            self.days.iter().any(|(zone, territory, _)| (zone, territory) == *there)
        };
        if zones.len() != self.days.len() || !zones.iter().all(known) {
            let day = |(zone, territory): (&Zone, &Option<Territory>)| {
                (zone.clone(), territory.clone(), None)
            };
            self.days = zones.into_iter().map(day).collect();
        }
    }

    /// Looks the day's calling hours up, once a day.
    pub(super) fn turn(&mut self, at: Wall) {
        if self.days.is_empty() {
            self.days.push((self.settings.account.zone.clone(), None, None));
        }
        for (zone, territory, day) in &mut self.days {
            if day.as_ref().is_none_or(|day| !day.holds(at)) {
                *day = today(&self.settings.rules, (zone, territory.as_ref()), at);
            }
        }
    }

    /// Calling time left before the window of its rate closes, if the calling ends at a known
    /// moment: today's, when the calling hours leave part of the day out, in the zone that is the
    /// next to be done; zones that are done keep the others from nothing.
    pub(super) fn left(&self, at: Wall, closes: Option<Wall>) -> Option<Span> {
        let closes = closes?;
        let mut least = None;
        for (.., day) in &self.days {
            let left = day.as_ref()?.left(at, closes)?;
            if left > Span::ZERO {
                least = Some(least.map_or(left, |least: Span| least.min(left)));
            }
        }
        Some(least.unwrap_or(Span::ZERO))
    }

    /// Gives the gate of its calls; `campaign` is its own id.
    pub(super) fn gate<'a>(&'a mut self, campaign: CampaignId, persons: &'a Persons) -> Gate<'a> {
        Gate { campaign, settings: &self.settings, hours: &mut self.hours, persons }
    }

    /// Gives what the call machine needs of the settings.
    pub(super) fn manner(&self) -> Manner {
        Manner {
            listen: self.settings.listen,
            notice: self.settings.abandon.notice,
            ring_max: self.settings.ring_max,
            abandon_within: self.settings.abandon.within,
        }
    }

    /// Counts the calls in one stage.
    pub(super) fn count(&self, stage: CallStage) -> u32 {
        self.stages[stage as usize]
    }

    /// Counts a call into and out of stages.
    pub(super) fn recount(&mut self, from: Option<CallStage>, to: Option<CallStage>) {
        if from == to {
            return;
        }
        if let Some(stage) = from {
            let count = &mut self.stages[stage as usize];
            *count = count.saturating_sub(1);
        }
        if let Some(stage) = to {
            self.stages[stage as usize] += 1;
        }
    }

    /// Counts a person who is abandoned, in the moment that is decided and once only; one who was
    /// never judged is counted as having answered, too. Says whether this is that moment.
    pub(super) fn count_lost(
        &self,
        rate: &mut Rate,
        at: Wall,
        call: &mut Call,
        effect: Option<Effect>,
    ) -> bool {
        let closes = matches!(effect, Some(Effect::Close { outcome: Outcome::Abandoned, .. }));
        if !(closes || call.is_lost()) || core::mem::replace(&mut call.lost, true) {
            return false;
        }
        if !core::mem::replace(&mut call.person, true) {
            rate.account.count(&self.settings.account, at, Entry::Person);
        }
        rate.account.count(&self.settings.account, at, Entry::Abandoned);
        true
    }

    /// Lets its pacer see that a line leaves a stage it has been in since a moment.
    pub(super) fn watched(
        &mut self,
        now: Mono,
        rate: &mut Rate,
        call: &Call,
        (from, since): (CallStage, Mono),
        to: Option<CallStage>,
    ) {
        let (Some(pacer), Some(odds)) = (&mut self.pacer, call.odds) else { return };
        // The pacer does not answer for what the loss of an agent or of audio forced.
        let odds = if call.is_forced() { odds.off_the_record() } else { odds };
        let line = Line { dialed: call.dialed, since, odds, given_up: call.was_given_up() };
        pacer.call_moved(now, rate, &line, (from, to));
        self.memory.call_moved(now, &line, call.lead.list, from, to);
    }

    /// Whether nothing of it is in flight: no call, no preview, no write-up.
    pub(super) fn idle(&self) -> bool {
        self.previewing == 0 && self.wrapping == 0 && self.stages.iter().all(|&calls| calls == 0)
    }

    /// Whether it dials by prediction.
    pub(super) fn is_predictive(&self) -> bool {
        matches!(self.settings.mode, Mode::Predictive { .. })
    }

    /// Whether its cap is to be proved.
    pub(super) fn is_strict(&self) -> bool {
        self.settings.mode.guarantee() == Some(Guarantee::Strict)
    }

    /// Whether somebody outside the core names its calls.
    pub(super) fn is_directed(&self) -> bool {
        self.settings.mode == Mode::Directed
    }

    /// Whether it dials.
    pub(super) fn runs(&self) -> bool {
        self.state == CampaignState::Running
    }

    /// Whether it has contacts that an idle agent could be given now.
    pub(super) fn hungry(&self) -> bool {
        self.runs() && self.hopper.stock() > 0
    }

    /// Counts what the pacer sees, but for the agents and the abandon rule.
    pub(super) fn view(&self) -> View {
        View {
            reserved: self.reserved,
            talking: self.count(CallStage::Talking),
            wrapping: self.wrapping,
            ringing: self.count(CallStage::Dialing) + self.count(CallStage::Ringing),
            listening: self.count(CallStage::Listening),
            waiting: self.count(CallStage::Waiting),
            stock: u32::try_from(self.hopper.stock()).unwrap_or(u32::MAX),
            directed: self.directed,
            ..View::default()
        }
    }

    /// Passes the turn on from the caller ID that is shown.
    pub(super) fn showed(&mut self, caller_id: u16) {
        self.caller_id = (caller_id + 1).checked_rem(self.settings.caller_ids).unwrap_or(0);
    }

    /// Counts an attempt's end, and whether its person was abandoned for want of something else
    /// than an agent.
    pub(super) fn tally(&mut self, outcome: Outcome, forced: bool) {
        let totals = &mut self.totals;
        match outcome {
            Outcome::Connected | Outcome::Machine => {}
            Outcome::Abandoned => {
                totals.abandoned += 1;
                totals.forced += u64::from(forced);
            }
            Outcome::Busy => totals.busy += 1,
            Outcome::NoAnswer => totals.no_answer += 1,
            Outcome::Invalid
            | Outcome::Declined
            | Outcome::Blocked
            | Outcome::Cancelled
            | Outcome::Congestion
            | Outcome::TrunkFault => totals.failed += 1,
            Outcome::Interrupted => totals.attempts = totals.attempts.saturating_sub(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::fact::{Lead, LeadNumber};
    use crate::core::hopper::Stocked;
    use crate::core::rules::DaySpan;
    use crate::units::{ContactId, NumberId, PersonId, TrunkId, UnknownZone};

    /// A campaign that calls from ten to eight, with a lead in each zone, at a moment.
    fn calling(zones: &[&str], at: Wall) -> Result<Campaign, UnknownZone> {
        let mut settings = Settings::new(Mode::Progressive, TrunkId(1), Zone::new("Europe/Paris")?);
        settings.rules.week.days.fill(vec![DaySpan { from: 600, to: 1_200 }]);
        let mut campaign = Campaign::new(CampaignId(1), settings);
        for (zone, contact) in zones.iter().zip(1..) {
            let number = LeadNumber::new(NumberId(contact), PersonId(contact), Zone::new(zone)?);
            let lead = Arc::new(Lead::new(ContactId(contact), vec![number]));
            let until = Mono::micros(u64::MAX);
            campaign.hopper.stock_up(Stocked { lead, until, tried: Vec::new() });
        }
        campaign.note_zones();
        campaign.turn(at);
        Ok(campaign)
    }

    /// 2026-11-21T09:00:00Z: ten o'clock in Paris, one in the afternoon on Réunion.
    const MORNING: Wall = Wall::micros(1_795_251_600_000_000);
    const HOUR: Span = Span::secs(3_600);

    #[test]
    fn calling_ends_where_the_leads_are_called_first() -> Result<(), UnknownZone> {
        let midnight = Some(MORNING + HOUR.times(14));
        let left = |zones: &[&str], at| Ok(calling(zones, at)?.left(at, midnight));
        assert_eq!(left(&["Europe/Paris"], MORNING)?, Some(HOUR.times(10)));
        assert_eq!(left(&["Europe/Paris", "Indian/Reunion"], MORNING)?, Some(HOUR.times(7)));
        // A zone that is done for the day leaves the others their time.
        let evening = MORNING + HOUR.times(8);
        assert_eq!(left(&["Indian/Reunion"], evening)?, Some(Span::ZERO));
        assert_eq!(left(&["Europe/Paris", "Indian/Reunion"], evening)?, Some(HOUR.times(2)));
        Ok(())
    }

    #[test]
    fn no_answer_is_counted_on_past_the_midnight_of_the_rule() -> Result<(), UnknownZone> {
        // Half past eleven in Paris: half past six in the evening on Guadeloupe.
        let at = MORNING + Span::secs(13 * 3_600 + 1_800);
        let campaign = calling(&["America/Guadeloupe"], at)?;
        assert_eq!(campaign.left(at, Some(at + Span::secs(1_800))), Some(Span::secs(1_800)));
        assert_eq!(campaign.left(at, Some(at + HOUR.times(9))), Some(Span::secs(5_400)));
        assert_eq!(campaign.left(at, None), None);
        Ok(())
    }
}
