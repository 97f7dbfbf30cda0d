//! What a world is made of: campaigns, trunks, agents, lists and misfortunes.

use std::collections::BTreeMap;

use super::RunSettings;
use super::faults::Faults;
use super::scenario::{Habits, Scenario};
use crate::core::campaign::{Abandon, Disposition, DispositionClass, Mode, Settings, Then};
use crate::core::{hopper, rules, trunks};
use crate::units::{CampaignId, DispositionId, Mono, RateId, Span, TrunkId, Wall, whole};

/// A whole world, ready to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed of everything that is left to chance.
    pub seed: u64,
    /// People's time when the world begins.
    pub start: Wall,
    /// How long the campaigns run.
    pub day: Span,
    /// The campaigns.
    pub campaigns: Vec<CampaignPlan>,
    /// The trunks.
    pub trunks: Vec<(TrunkId, trunks::Settings)>,
    /// Every agent's campaigns, best first; the agents are numbered from 1 in this order.
    pub agents: Vec<Vec<CampaignId>>,
    /// How the agents come, pause and go.
    pub habits: Habits,
    /// How agents behave in their calls.
    pub manners: Manners,
    /// What goes wrong.
    pub faults: Faults,
    /// Whether the world goes on after the day until every call and agent has come to rest.
    pub rest: bool,
    /// How many batches pass between two self-checks of the dialer while the oracle looks on;
    /// `None` if it does not.
    pub check_every: Option<u64>,
}

/// One campaign of a world.
#[derive(Clone, Debug)]
pub struct CampaignPlan {
    /// Its id.
    pub id: CampaignId,
    /// Its settings for the core.
    pub settings: Settings,
    /// Whether its pacer is told the true laws of its scenario.
    pub full_info: bool,
    /// How its people behave.
    pub scenario: Scenario,
    /// Its list.
    pub list: List,
}

/// A campaign's list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum List {
    /// Every claim is served with contacts never seen before.
    Endless,
    /// So many contacts, each with one to three numbers; some share a number.
    Bounded {
        /// Contacts in all.
        contacts: u32,
        /// The share of numbers that belong to the previous contact as well.
        shared: f64,
        /// The share of contacts on the do-not-call list.
        do_not_call: f64,
    },
}

/// How agents behave in their calls; all are shares of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Manners {
    /// Calls the callee is put on hold in.
    pub holds: f64,
    /// Calls qualified before they end, so that no wrap-up follows.
    pub early: f64,
    /// Wrap-ups the agent lets run out.
    pub forgets: f64,
    /// Wishes for a break or to leave that are told during the call instead of after it.
    pub impatient: f64,
    /// Previews passed over.
    pub skips: f64,
}

/// The first campaign of a scenario world.
pub(super) const CAMPAIGN: CampaignId = CampaignId(1);
const TRUNK: TrunkId = TrunkId(1);
/// The rate of a scenario whose campaigns are counted together.
const RATE: RateId = RateId(1);

/// 2026-01-05T09:00:00Z, a Monday; scenario campaigns may call at any hour.
pub(super) const MONDAY: Wall = Wall::micros(1_767_603_600_000_000);

/// The minute of [`MONDAY`] in the zone of the simulated numbers, one hour east of Greenwich.
const OPENS: u16 = 600;
const MIDNIGHT: u16 = 1_440;

/// Dispositions of simulated campaigns, by place: sale, refusal, callback, wrong number, opt-out.
pub(super) const DISPOSITIONS: [Disposition; 5] = [
    Disposition { class: DispositionClass::ArguedPositive, then: Then::Close },
    Disposition { class: DispositionClass::ArguedNegative, then: Then::Close },
    Disposition { class: DispositionClass::NotArgued, then: Then::Callback(Span::secs(1_800)) },
    Disposition { class: DispositionClass::NotArgued, then: Then::WrongNumber },
    Disposition { class: DispositionClass::ArguedNegative, then: Then::DoNotCall },
];

/// How long a call rings at most in a scenario: beyond every ring time of the files, which give
/// up by themselves after about 28 s.
const RING_MAX: Span = Span::secs(120);
/// Batches between two self-checks of a dialer whose stock is thousands of leads.
const CHECK_EVERY: u64 = 1_000;
/// Contacts per agent the hopper holds: more than any business scenario has lines for.
const STOCK_PER_AGENT: u32 = 20;
const STOCK_MAX: u32 = 10_000;

impl Plan {
    /// Makes the world of one day of a scenario: no faults, an endless list, no legal limits.
    #[must_use]
    pub fn of(scenario: &Scenario, run: &RunSettings, seed: u64) -> Self {
        let pool = f64::from(run.agents);
        let calls_per_second =
            (scenario.calls_per_second_per_agent * pool).max(scenario.calls_per_second_min);
        let at_most = |value: f64| u32::try_from(whole(value)).unwrap_or(u32::MAX).max(1);
        let all = core::iter::once(scenario).chain(&scenario.companions);
        let ids = (CAMPAIGN.0..).map(CampaignId);
        let mut campaigns: Vec<_> = ids.zip(all).map(|(id, of)| campaign(id, of, run)).collect();
        if scenario.shared_rate {
            campaigns.iter_mut().for_each(|c| c.settings.account.shared = Some(RATE));
        }
        Self {
            seed,
            start: MONDAY,
            day: scenario.day,
            trunks: vec![(
                TRUNK,
                trunks::Settings {
                    channels: at_most(scenario.trunks_per_agent * pool),
                    calls_per_second,
                    // One second's worth at once, as a carrier counts.
                    burst: at_most(calls_per_second),
                    rest: None,
                },
            )],
            agents: (0..run.agents as usize).map(|nth| preferred(&campaigns, nth)).collect(),
            campaigns,
            habits: scenario.agents.clone(),
            manners: Manners { skips: 0.1, ..Manners::default() },
            faults: Faults { planned: scenario.outages.clone(), ..Faults::default() },
            rest: run.check,
            check_every: run.check.then_some(CHECK_EVERY),
        }
    }

    /// Gives the moment the day ends.
    #[must_use]
    pub fn ends(&self) -> Mono {
        Mono::START + self.day
    }
}

fn campaign(id: CampaignId, scenario: &Scenario, run: &RunSettings) -> CampaignPlan {
    let settings = settings_of(scenario, run);
    let (full_info, scenario) = (run.full_info, scenario.clone());
    CampaignPlan { id, settings, full_info, scenario, list: List::Endless }
}

/// Gives an agent's campaigns, best first: each campaign is the first choice of as many agents.
fn preferred(campaigns: &[CampaignPlan], nth: usize) -> Vec<CampaignId> {
    let ids = campaigns.iter().map(|campaign| campaign.id).cycle();
    ids.skip(nth % campaigns.len()).take(campaigns.len()).collect()
}

fn settings_of(scenario: &Scenario, run: &RunSettings) -> Settings {
    let size = run.agents.saturating_mul(STOCK_PER_AGENT).clamp(50, STOCK_MAX);
    let base = Settings::new(run.mode, TRUNK, super::zone());
    Settings {
        ring_max: RING_MAX,
        listen: scenario.amd.enabled,
        abandon: Abandon { within: scenario.connect_within, cap: scenario.cap, ..base.abandon },
        respect: scenario.respect,
        rules: rules::Settings { week: hours(scenario), ..rules::Settings::default() },
        hopper: hopper::Settings { size, low: size / 2, ..base.hopper },
        dispositions: dispositions(),
        value: scenario.value,
        ..base
    }
}

/// Gives calling hours that open with the world and close when its day ends, so that the pacer of
/// a campaign knows when its day is over, unless it may call around the clock.
fn hours(scenario: &Scenario) -> rules::Week {
    if scenario.around_the_clock {
        return rules::Week::always();
    }
    let mut left = scenario.day.as_micros().div_ceil(60_000_000);
    let mut from = OPENS;
    let days = core::array::from_fn(|_| {
        let minutes = u16::try_from(left).unwrap_or(u16::MAX).min(MIDNIGHT - from);
        let span = rules::DaySpan { from, to: from + minutes };
        left -= u64::from(minutes);
        from = 0;
        if minutes > 0 { vec![span] } else { Vec::new() }
    });
    rules::Week { days }
}

pub(super) fn dispositions() -> BTreeMap<DispositionId, Disposition> {
    (0..).map(DispositionId).zip(DISPOSITIONS).collect()
}

/// Says whether the mode is the one-line-per-idle-agent one.
pub(super) const fn progressive(mode: Mode) -> bool {
    matches!(mode, Mode::Progressive)
}
