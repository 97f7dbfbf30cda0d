//! Random worlds: small, odd and unlucky, each made from one seed.

use std::collections::BTreeMap;

use super::faults::Faults;
use super::oracle::Finding;
use super::plan::{CampaignPlan, List, MONDAY, Manners, Plan, dispositions};
use super::report::Day;
use super::rng::{Actor, Law, NoLaw, Stream, seed_of};
use super::scenario::{Amd, Block, Habits, NoScenario, Outcomes, Ring, Scenario, Shares};
use super::{Witness, World};
use crate::core::campaign::{Abandon, Guarantee, Mode, Route, Settings, Wrap};
use crate::core::order::Outcome;
use crate::core::pacing::account;
use crate::core::shown::Cap;
use crate::core::{breaker, hopper, recycle, respect, rules, trunks};
use crate::units::{
    CampaignId, ClientId, DispositionId, RateId, Ratio, RouteGroup, ShownId, Span, TrunkId,
};

/// The numbers of a random world were no numbers: a defect of its maker.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoWorld {
    /// A law was none.
    #[error(transparent)]
    Law(#[from] NoLaw),
    /// A scenario was none.
    #[error(transparent)]
    Scenario(#[from] NoScenario),
}

/// Makes a random world from a seed and runs it until it comes to rest.
///
/// # Errors
/// The maker of worlds is defective; see [`NoWorld`].
pub fn run(seed: u64, witness: Option<&mut dyn Witness>) -> Result<(Day, Vec<Finding>), NoWorld> {
    let world = World::new(plan(seed)?);
    Ok(match witness {
        Some(witness) => world.witnessed(witness).run(),
        None => world.run(),
    })
}

/// Makes the plan of a random world.
///
/// # Errors
/// The maker of worlds is defective; see [`NoWorld`].
pub fn plan(seed: u64) -> Result<Plan, NoWorld> {
    let mut chance = Stream::new(seed, Actor::Maker);
    let day = Span::secs(1_200 + chance.below(3_600));
    let campaigns = 1 + chance.below(2);
    let trunks = 1 + chance.below(3);
    let agents = 1 + chance.below(8);
    let ids: Vec<CampaignId> = (1..=campaigns).map(|id| CampaignId(small(id))).collect();
    let mut plans = Vec::new();
    for id in &ids {
        plans.push(campaign(&mut chance, *id, day, trunks)?);
    }
    share(seed, &mut plans);
    let trunk = |chance: &mut Stream, id: u64| {
        let settings = trunks::Settings {
            channels: small(1 + chance.below(2 * agents)),
            calls_per_second: 0.2 + 5.0 * chance.unit(),
            burst: small(1 + chance.below(4)),
            rest: None,
        };
        (TrunkId(small(id)), settings)
    };
    let mut made = Plan {
        seed,
        // Any hour of the week, so that windows open and close in some worlds.
        start: MONDAY + Span::secs(chance.below(7 * 86_400)),
        day,
        campaigns: plans,
        trunks: (1..=trunks).map(|id| trunk(&mut chance, id)).collect(),
        agents: (0..agents).map(|_| some(&mut chance, &ids)).collect(),
        habits: habits(&mut chance, day)?,
        manners: Manners {
            holds: 0.3 * chance.unit(),
            early: 0.3 * chance.unit(),
            forgets: 0.3 * chance.unit(),
            impatient: chance.unit(),
            skips: 0.4 * chance.unit(),
        },
        faults: faults(&mut chance, day)?,
        rest: true,
        check_every: Some(1),
    };
    for campaign in &mut made.campaigns {
        campaign.settings.respect = owed(&mut chance);
    }
    ways(seed, &mut made);
    Ok(made)
}

fn owed(chance: &mut Stream) -> respect::Settings {
    respect::Settings {
        breath: if chance.yes(0.4) { Span::millis(chance.below(30_000)) } else { Span::ZERO },
        occupancy_max: chance.yes(0.3).then(|| Ratio::new(0.4 + 0.6 * chance.unit())),
        hard_from: chance.yes(0.4).then(|| small(1 + chance.below(3))),
    }
}

/// Lets the campaigns of some worlds be counted in one rate, and those of others be predictive.
fn share(seed: u64, plans: &mut [CampaignPlan]) {
    // A stream of its own, so that what else a seed means stays as it was.
    let mut chance = Stream::new(seed_of(seed, Actor::Maker), Actor::Maker);
    let shared = chance.yes(0.4).then_some(RateId(1));
    let guarantee = if chance.yes(0.5) { Guarantee::Strict } else { Guarantee::Expected };
    // A few: a predictive campaign decides a thousand times an hour, whatever happens.
    let predictive = chance.yes(0.06);
    for plan in plans {
        plan.settings.account.shared = shared;
        plan.settings.value = if chance.yes(0.3) { 3.0 } else { 1.0 };
        if predictive {
            plan.settings.mode = Mode::Predictive { guarantee };
            plan.settings.pace_every = Span::secs(2);
        }
    }
}

/// Gives some trunks a breaker, and some campaigns routes by prefix and limits on a number shown.
fn ways(seed: u64, plan: &mut Plan) {
    // A stream of its own, as above.
    let mut chance = Stream::new(seed_of(seed, Actor::Carrier), Actor::Maker);
    for (_, trunk) in &mut plan.trunks {
        let faults = small(1 + chance.below(4));
        let least = Span::secs(1 + chance.below(60));
        let rest = breaker::Settings { faults, least, ..breaker::Settings::default() };
        trunk.rest = chance.yes(0.4).then_some(rest);
    }
    for CampaignPlan { settings, .. } in &mut plan.campaigns {
        if chance.yes(0.3) {
            let mut routes = settings.routes.clone();
            let dropped = usize::try_from(chance.below(3)).unwrap_or(0);
            routes.truncate(routes.len().saturating_sub(dropped).max(1));
            for route in &mut routes {
                route.cost = small(chance.below(3));
            }
            settings.by_group.insert(RouteGroup(1), routes);
        }
        if chance.yes(0.3) {
            let cap = Cap {
                number: ShownId(1),
                channels: Some(small(1 + chance.below(4))),
                calls_per_second: chance.yes(0.5).then_some(0.1 + chance.unit()),
            };
            let others = usize::from(settings.caller_ids).saturating_sub(1);
            settings.caller_caps = [vec![Some(cap)], vec![None; others]].concat();
        }
    }
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Draws a non-empty choice, in a random order.
fn some(chance: &mut Stream, all: &[CampaignId]) -> Vec<CampaignId> {
    let first = usize::try_from(chance.below(all.len() as u64)).unwrap_or(0);
    let count = if chance.yes(0.5) { 1 } else { all.len() };
    all.iter().cycle().skip(first).take(count).copied().collect()
}

fn campaign(
    chance: &mut Stream,
    id: CampaignId,
    day: Span,
    trunks: u64,
) -> Result<CampaignPlan, NoWorld> {
    let scenario = scenario(chance, day)?;
    let mode = match chance.below(4) {
        0 => Mode::Preview,
        1 => Mode::Power { lines_per_agent: 1.0 + 2.0 * chance.unit() },
        2.. => Mode::Progressive,
    };
    let list = if chance.yes(0.2) {
        List::Endless
    } else {
        List::Bounded {
            contacts: small(5 + chance.below(120)),
            shared: 0.2 * chance.unit(),
            do_not_call: 0.2 * chance.unit(),
        }
    };
    let route = |chance: &mut Stream, trunk: u64| Route {
        trunk: TrunkId(small(trunk)),
        tier: u8::from(chance.yes(0.3)),
        cost: 0,
        weight: if chance.yes(0.5) { 1 } else { 3 },
    };
    let size = small(1 + chance.below(40));
    Ok(CampaignPlan {
        id,
        list,
        full_info: false,
        settings: Settings {
            client: ClientId(1),
            mode,
            routes: (1..=trunks).map(|trunk| route(chance, trunk)).collect(),
            by_group: BTreeMap::new(),
            caller_ids: if chance.yes(0.5) { 1 } else { 3 },
            caller_caps: Vec::new(),
            ring_max: Span::secs(15 + chance.below(30)),
            ring_min: Span::secs(chance.below(15)),
            listen: scenario.amd.enabled,
            abandon: Abandon {
                within: scenario.connect_within,
                notice: chance.yes(0.5),
                recall_lock: Span::secs(chance.below(72 * 3_600)),
                cap: scenario.cap,
            },
            account: account::Settings::calendar_day(super::zone()),
            wrap: Wrap {
                max: chance.yes(0.7).then(|| Span::secs(10 + chance.below(60))),
                default: chance.yes(0.5).then_some(DispositionId(1)),
                extension_max: Span::secs(60),
            },
            respect: respect::Settings::default(),
            rules: rules::Settings { week: week(chance), attempts: caps(chance), law: Vec::new() },
            retry: retry(chance),
            hopper: hopper::Settings {
                size,
                low: size / 2 + 1,
                lease: Span::secs(30 + chance.below(600)),
            },
            dispositions: dispositions(),
            pace_every: Span::millis(250 + chance.below(2_000)),
            value: 1.0,
            inbound: Default::default(),
        },
        scenario,
    })
}

fn week(chance: &mut Stream) -> rules::Week {
    if chance.yes(0.7) {
        return rules::Week::always();
    }
    let mut day = || {
        let from = 60 * u16::try_from(chance.below(10)).unwrap_or(0);
        let morning = rules::DaySpan { from, to: from + 300 };
        vec![morning, rules::DaySpan { from: from + 330, to: from + 800 }]
    };
    rules::Week { days: core::array::from_fn(|_| day()) }
}

fn caps(chance: &mut Stream) -> Vec<rules::AttemptCap> {
    let cap = |chance: &mut Stream| rules::AttemptCap {
        max: small(1 + chance.below(4)),
        window: Span::secs(300 + chance.below(86_400)),
    };
    (0..chance.below(3)).map(|_| cap(chance)).collect()
}

fn retry(chance: &mut Stream) -> recycle::Settings {
    let outcomes = [
        Outcome::Busy,
        Outcome::NoAnswer,
        Outcome::Machine,
        Outcome::Abandoned,
        Outcome::Congestion,
        Outcome::TrunkFault,
        Outcome::Cancelled,
        Outcome::Interrupted,
    ];
    let mut after = BTreeMap::new();
    for outcome in outcomes {
        if chance.yes(0.8) {
            let wait = if chance.yes(0.2) { 0 } else { 30 + chance.below(1_800) };
            let next_number = chance.yes(0.5);
            after.insert(outcome, recycle::Delay { wait: Span::secs(wait), next_number });
        }
    }
    recycle::Settings { attempts_max: small(1 + chance.below(6)), after }
}

fn scenario(chance: &mut Stream, day: Span) -> Result<Scenario, NoWorld> {
    let live = 0.1 + 0.6 * chance.unit();
    let rest = 1.0 - live;
    let shares = Shares {
        live,
        machine: rest * 0.3,
        busy: rest * 0.2,
        no_answer: rest * 0.3,
        fail: rest * 0.2,
    };
    Ok(Scenario {
        name: "swarm".to_owned(),
        day,
        cap: Ratio::new(0.03),
        connect_within: Span::millis(500 + chance.below(4_000)),
        patience: Law::exp(1.0 + 9.0 * chance.unit())?,
        setup: Law::lognormal(1.0 + 2.0 * chance.unit(), 0.5)?,
        ring: Ring {
            live: Law::lognormal(8.0, 0.7)?,
            machine: Law::lognormal(15.0, 0.3)?,
            busy: Law::fixed(1.0)?,
            no_answer: Law::uniform(10.0, 60.0)?,
            fail: Law::exp(1.0)?,
        },
        outcomes: Outcomes::new(vec![Block { at: Span::ZERO, shares, ramp: false }])?,
        burst: None,
        amd: Amd {
            enabled: chance.yes(0.6),
            delay: Law::uniform(0.4, 1.4)?,
            false_machine: Ratio::new(0.1 * chance.unit()),
            missed_machine: Ratio::new(0.3 * chance.unit()),
            missed_talk: Law::exp(7.0)?,
        },
        talk: Law::mix(vec![
            (0.7, Law::exp(5.0 + 40.0 * chance.unit())?),
            // A tail that ends within the hours a world may take to come to rest.
            (0.3, Law::lomax(60.0, 4.0)?),
        ])?,
        wrap: Law::exp(2.0 + 20.0 * chance.unit())?,
        agents: Habits { pause: None, staffing: Vec::new(), churn: None },
        trunks_per_agent: 1.0,
        calls_per_second_per_agent: 1.0,
        calls_per_second_min: 1.0,
        swaps: Vec::new(),
        outages: Vec::new(),
        companions: Vec::new(),
        shared_rate: false,
        leads: None,
        around_the_clock: false,
        value: 1.0,
        respect: respect::Settings::default(),
        pool: None,
    })
}

fn habits(chance: &mut Stream, day: Span) -> Result<Habits, NoWorld> {
    let half = Span::micros(day.as_micros() / 2);
    let pause = Law::exp(60.0)?;
    let churn = (Law::exp(120.0 + 1_000.0 * chance.unit())?, Law::exp(90.0)?);
    Ok(Habits {
        pause: chance.yes(0.5).then_some((Ratio::new(0.1), pause)),
        staffing: if chance.yes(0.3) {
            vec![(Span::ZERO, Ratio::new(1.0)), (half, Ratio::new(chance.unit()))]
        } else {
            Vec::new()
        },
        churn: chance.yes(0.4).then_some(churn),
    })
}

fn faults(chance: &mut Stream, day: Span) -> Result<Faults, NoWorld> {
    // One world in five has no misfortune, so that the plain way is walked too.
    if chance.yes(0.2) {
        return Ok(Faults::default());
    }
    let mut share = |most: f64| if chance.yes(0.5) { most * chance.unit() } else { 0.0 };
    let (lost, late, doubled, refused) = (share(0.05), share(0.1), share(0.1), share(0.05));
    Ok(Faults {
        lasts: Span::micros(day.as_micros() / 5 * 4),
        lost,
        late,
        doubled,
        late_by: Some(Law::exp(1.5)?),
        refused,
        disk: chance.yes(0.5).then_some(Law::exp(0.002 + chance.unit())?),
        round_trip: chance.yes(0.7).then_some(Law::exp(0.02 + 0.5 * chance.unit())?),
        crash: chance.yes(0.3).then_some(Law::exp(600.0)?),
        leg_drop: chance.yes(0.4).then_some(Law::exp(120.0)?),
        outage: chance.yes(0.3).then_some((Law::exp(600.0)?, Law::exp(60.0)?)),
        jump: chance.yes(0.3).then_some(Law::exp(400.0)?),
        planned: Vec::new(),
    })
}
