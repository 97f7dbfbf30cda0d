//! Thirteen days that hurt: each file is read, runs, and does to the dialer what it says.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cadran::config::scenario;
use cadran::core::campaign::{Guarantee, Mode, Route};
use cadran::core::order::{AgentState, CampaignState, Outcome};
use cadran::core::{Fact, Order, Record, Settings, trunks};
use cadran::sim::learn::{Learner, NoDay};
use cadran::sim::plan::Plan;
use cadran::sim::report::{Day, Summary};
use cadran::sim::scenario::Scenario;
use cadran::sim::{RunSettings, Witness, World, run};
use cadran::units::{AgentId, CallId, CampaignId, Mono, Now, Span, TrunkId, Wall};

type Claim = Result<(), Box<dyn std::error::Error>>;

const NAMES: [&str; 13] = [
    "list_swap",
    "trunk_loss",
    "spam_lifted",
    "exodus",
    "bursts",
    "heavy_tails",
    "three_with_breaks",
    "misjudged_machines",
    "lunch_gap",
    "monday_cold",
    "two_campaigns",
    "forty_minutes",
    "list_runs_dry",
];

fn read(name: &str) -> Result<Scenario, Box<dyn std::error::Error>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/scenarios/hard");
    let text = std::fs::read_to_string(folder.join(name).with_extension("toml"))?;
    Ok(scenario::read(&text)?)
}

fn progressive(scenario: &Scenario, check: bool) -> Summary {
    let (agents, mode) = (scenario.pool.unwrap_or(6), Mode::Progressive);
    run(
        scenario,
        &RunSettings { agents, mode, days: 1, seed: 3, check, meter: None, full_info: false },
    )
}

#[test]
fn every_hard_day_is_read_and_runs_without_a_finding() -> Claim {
    for name in NAMES {
        let scenario = read(name)?;
        assert_eq!(scenario.name, name);
        let summary = progressive(&scenario, true);
        assert_eq!(summary.findings, Vec::new(), "{name}");
        assert!(summary.total.connected > 20, "{name}: {}", summary.total.connected);
        assert!(summary.total.abandon() < summary.cap, "{name}: even progressive abandons");
    }
    Ok(())
}

#[test]
fn by_forecast_a_hard_day_keeps_its_cap_too() -> Claim {
    for name in NAMES {
        let scenario = read(name)?;
        let mode = Mode::Predictive { guarantee: Guarantee::Expected };
        let (days, seed, check) = (1, 3, false);
        let (full_info, meter) = (false, None);
        let settings = RunSettings { agents: 3, mode, days, seed, full_info, check, meter };
        let summary = run(&scenario, &settings);
        assert_eq!(summary.days_over(), 0, "{name}: {}", summary.total.abandon());
    }
    Ok(())
}

#[test]
fn what_a_list_that_runs_dry_would_have_allowed_is_not_spent_before() -> Claim {
    let scenario = read("list_runs_dry")?;
    let mode = Mode::Predictive { guarantee: Guarantee::Expected };
    let (full_info, meter, check) = (false, None, false);
    let settings = RunSettings { agents: 20, mode, days: 4, seed: 1, full_info, check, meter };
    let endless = Scenario { leads: None, ..scenario.clone() };
    let (dry, endless) = (run(&scenario, &settings), run(&endless, &settings));
    assert_eq!(dry.days_over(), 0, "{}", dry.worst_day());
    assert!(dry.total.attempts * 5 < endless.total.attempts * 4, "the list was long enough");
    assert!(dry.total.abandon().get() > 0.02, "nothing was risked: {}", dry.total.abandon());
    Ok(())
}

#[test]
fn a_swapped_list_talks_and_rings_otherwise() -> Claim {
    let swapped = read("list_swap")?;
    let kept = Scenario { swaps: Vec::new(), ..swapped.clone() };
    let (swapped, kept) = (progressive(&swapped, false).total, progressive(&kept, false).total);
    let talk = |day: &Day| day.talk.as_secs_f64() / day.connected as f64;
    assert!(talk(&swapped) < 0.95 * talk(&kept), "{} and {}", talk(&swapped), talk(&kept));
    Ok(())
}

#[test]
fn a_lost_trunk_fails_calls_only_while_the_dialer_does_not_know() -> Claim {
    let scenario = read("trunk_loss")?;
    let faults = |told: bool| {
        let mut scenario = scenario.clone();
        scenario.outages.iter_mut().for_each(|outage| outage.told = told);
        let outcomes = progressive(&scenario, false).total.outcomes;
        outcomes.get(&Outcome::TrunkFault).copied().unwrap_or(0)
    };
    let (told, untold) = (faults(true), faults(false));
    // One may be dialled in the very moment the trunk is lost.
    assert!(untold > 100 && told <= 2, "{untold} faults unknown, {told} known");
    Ok(())
}

#[test]
fn agents_of_two_campaigns_serve_both() -> Claim {
    let both = read("two_campaigns")?;
    let alone = Scenario { companions: Vec::new(), ..both.clone() };
    let (both, alone) = (progressive(&both, false), progressive(&alone, false));
    let talk = |summary: &Summary| {
        summary.total.talk.as_secs_f64() / summary.total.connected.max(1) as f64
    };
    // The second campaign's talks are twice as long.
    assert!(talk(&both) > 1.1 * talk(&alone), "{} and {}", talk(&both), talk(&alone));
    Ok(())
}

/// Hands every batch of a world to a learner, as a tape would.
struct Recording(Learner);

impl Witness for Recording {
    fn made(&mut self, _settings: Settings, _now: Now) {}

    fn batch(&mut self, now: Now, facts: &[Fact], orders: &[Order]) {
        self.0.batch(now, facts, orders);
    }
}

#[test]
fn a_recorded_day_teaches_the_scenario_it_came_from() -> Claim {
    let original = read("lunch_gap")?;
    let run_of = |days, seed| {
        let (agents, mode) = (12, Mode::Progressive);
        RunSettings { agents, mode, days, seed, check: false, full_info: false, meter: None }
    };
    let recorded = |original: &Scenario| {
        let mut recording = Recording(Learner::default());
        let plan = Plan::of(original, &run_of(1, 5), 5);
        let (day, _) = World::new(plan).witnessed(&mut recording).run();
        recording.0.scenario("yesterday").map(|learnt| (day, learnt))
    };
    let (day, learnt) = recorded(&original)?;
    assert_eq!((learnt.name.as_str(), learnt.pool), ("yesterday", Some(12)));
    assert!(!learnt.around_the_clock);
    // Neither rings, so that half of them take a second beyond the usual set-up, as they should.
    for (what, law) in [("busy", &learnt.ring.busy), ("fail", &learnt.ring.fail)] {
        let within_a_second = law.by(1.0);
        assert!((0.3..=0.7).contains(&within_a_second), "{what}: {within_a_second}");
    }
    let open = Scenario { around_the_clock: true, ..original.clone() };
    assert!(recorded(&open)?.1.around_the_clock, "its pacer never saw the end of its hours");
    let again = run(&learnt, &run_of(2, 8)).total;
    let (was, is) = (day.occupancy().get(), again.occupancy().get());
    assert!((was - is).abs() < 0.05, "occupancy {was} and {is}");
    let answers = |day: &Day| day.connected as f64 / day.attempts as f64;
    let (was, is) = (answers(&day), answers(&again));
    assert!((was - is).abs() < 0.02, "answers {was} and {is}");
    Ok(())
}

#[test]
fn a_drain_is_no_part_of_a_recorded_day() -> Claim {
    let settings = RunSettings {
        agents: 12,
        mode: Mode::Progressive,
        days: 1,
        seed: 5,
        check: false,
        full_info: false,
        meter: None,
    };
    let mut recording = Recording(Learner::default());
    let plan = Plan::of(&read("lunch_gap")?, &settings, 5);
    let (day, _) = World::new(plan).witnessed(&mut recording).run();
    let mut learner = recording.0;
    let was = learner.recorded();
    assert_eq!(was.attempts, day.attempts);
    let end = Mono::START + learner.scenario("day")?.day.times(2);
    let at = |mono: Mono| Now { mono, wall: Wall::micros(0) + mono.since(Mono::START) };
    let state = |state| Order::Record(Record::CampaignState { campaign: CampaignId(1), state });
    learner.batch(at(end), &[], &[state(CampaignState::Draining)]);
    let (drained, length) = (learner.recorded(), learner.scenario("day")?.day);
    let after = |minutes| at(end + Span::secs(60).times(minutes));
    let state_of = |state| Order::Record(Record::AgentState { agent: AgentId(1), state });
    learner.batch(after(10), &[], &[state_of(AgentState::Talking(CallId(1)))]);
    assert_eq!(learner.recorded().idle, drained.idle);
    assert_eq!(
        learner.recorded().connected,
        drained.connected + 1,
        "an answer of a line that rang"
    );
    assert_eq!(learner.scenario("day")?.day, length);
    // A pause is: the agents of a campaign that goes on have waited.
    learner.batch(after(20), &[], &[state(CampaignState::Running)]);
    assert!(learner.recorded().idle > drained.idle && learner.scenario("day")?.day > length);
    Ok(())
}

#[test]
fn of_too_short_a_day_nothing_is_learnt() {
    let learnt = Learner::default().scenario("nothing");
    assert_eq!(learnt, Err(NoDay::TooFew { calls: 0 }));
}

#[test]
fn keys_of_a_hard_day_that_nobody_knows_are_refused() -> Claim {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/scenarios/hard");
    let text = |name: &str| std::fs::read_to_string(folder.join(name));
    let cases = [
        (text("trunk_loss.toml")?.replace("told = false", "told = false\nloud = true"), "loud"),
        (text("list_swap.toml")?.replace("[swap.ring]", "[swap.rings]"), "rings"),
        (text("two_campaigns.toml")?.replace("name = \"b2b\"", "name = \"b2b\"\ncap = 0.1"), "cap"),
        (text("three_with_breaks.toml")?.replace("pool = 3", "pool = 0"), "agents.pool"),
        (text("list_swap.toml")?.replace("[[swap]]\nat_s = 1", "[[swap]]\nat_s = -1"), "swap.at_s"),
    ];
    for (text, key) in cases {
        let told = scenario::read(&text).err().map(|error| error.to_string());
        assert!(told.as_ref().is_some_and(|told| told.contains(key)), "{key}: {told:?}");
    }
    Ok(())
}

/// Counts the persons each campaign spoke to.
#[derive(Default)]
struct Bridged(BTreeMap<CampaignId, u32>);

impl Witness for Bridged {
    fn made(&mut self, _settings: Settings, _now: Now) {}

    fn batch(&mut self, _now: Now, _facts: &[Fact], orders: &[Order]) {
        for order in orders {
            if let Order::Record(Record::Closed(closed)) = order {
                let persons = self.0.entry(closed.campaign).or_default();
                *persons += u32::from(closed.bridged.is_some());
            }
        }
    }
}

#[test]
fn a_campaign_has_calls_for_the_one_agent_who_prefers_it() -> Claim {
    let both = read("two_campaigns")?;
    for guarantee in [Guarantee::Expected, Guarantee::Strict] {
        let mut spoken = Bridged::default();
        for seed in 1..4 {
            let (agents, mode, days, check) = (6, Mode::Predictive { guarantee }, 1, seed == 1);
            let (full_info, meter) = (false, None);
            let run = RunSettings { agents, mode, days, seed, check, meter, full_info };
            let mut plan = Plan::of(&both, &run, seed);
            let (first, second) = (plan.campaigns[0].id, plan.campaigns[1].id);
            plan.day = Span::secs(9_000);
            plan.agents = vec![vec![second]; 6];
            plan.agents[0] = vec![first, second];
            let (_, findings) = World::new(plan).witnessed(&mut spoken).run();
            assert_eq!(findings, Vec::new());
        }
        // It was 40 and 21 while the other's lines kept its own from being dialled.
        let spoken = spoken.0.get(&CampaignId(1)).copied().unwrap_or_default();
        assert!(spoken > 50, "{guarantee:?}: {spoken} persons in seven hours and a half");
    }
    Ok(())
}

#[test]
fn a_campaign_whose_trunk_is_full_holds_no_other_back() -> Claim {
    let both = read("two_campaigns")?;
    let mut spoken = Bridged::default();
    for seed in 1..4 {
        let mode = Mode::Predictive { guarantee: Guarantee::Expected };
        let (agents, days, check, full_info) = (6, 1, false, false);
        let run = RunSettings { agents, mode, days, seed, check, meter: None, full_info };
        let mut plan = Plan::of(&both, &run, seed);
        let (first, second) = (plan.campaigns[0].id, plan.campaigns[1].id);
        plan.day = Span::secs(9_000);
        // Two prefer the first, whose trunk carries the call of one of them.
        plan.agents = vec![vec![second]; 6];
        plan.agents[..2].fill(vec![first, second]);
        let narrow = TrunkId(77);
        let settings = trunks::Settings { channels: 1, ..plan.trunks[0].1 };
        plan.trunks.push((narrow, settings));
        let route = Route { trunk: narrow, tier: 0, cost: 0, weight: 1 };
        plan.campaigns[0].settings.routes = vec![route];
        let (_, findings) = World::new(plan).witnessed(&mut spoken).run();
        assert_eq!(findings, Vec::new());
    }
    let spoken = spoken.0.get(&CampaignId(2)).copied().unwrap_or_default();
    // It was 329 while the first, which could not dial, was waited for.
    assert!(spoken > 350, "{spoken} persons in seven hours and a half");
    Ok(())
}
