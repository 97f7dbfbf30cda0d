//! Properties of the whole predictive rule, over random pasts.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::super::crowd::Spot;
use super::super::predictive::Line;
use super::*;
use crate::core::floor::CallStage;
use crate::core::order::AgentState;
use crate::units::CallId;

/// Random pasts looked at of one campaign.
const CASES: u32 = 100;
/// And of two.
const PAIRS: u32 = 100;
/// Ready agents tried, in order: around none, few and many.
const READY: [u32; 12] = [0, 1, 2, 3, 4, 6, 9, 11, 12, 13, 20, 35];

/// What happened: so long after the step before, a dial, an answer, a failure, or an end.
type Past = Vec<(u16, u8)>;

/// A campaign with a past.
struct Grown {
    pacer: Pacer,
    rate: Rate,
    ringing: Vec<Mono>,
}

fn grown(past: &Past, first_agent: u32) -> (Grown, Mono) {
    let mut now = Mono::START;
    let mut rate = Rate::default();
    let mut pacer = Pacer::new(now, Span::secs(2));
    let (mut ringing, mut talking) = (Vec::new(), Vec::new());
    let call = CallId(1);
    let mut next = first_agent;
    for &(gap, what) in past {
        now = now + Span::millis(u64::from(gap));
        let line = |dialed| Line { dialed, since: dialed, odds: Odds::UNFORESEEN, given_up: false };
        match what {
            0..=4 => {
                pacer.dialed(now);
                ringing.push(now);
            }
            5..=6 if !ringing.is_empty() => {
                let line = line(ringing.remove(0));
                let moved = (CallStage::Ringing, Some(CallStage::Talking));
                pacer.call_moved(now, &mut rate, &line, moved);
                let agent = AgentId(next);
                pacer.agent_moved(now, agent, AgentState::Ready, AgentState::Talking(call));
                talking.push(agent);
                next += 1;
            }
            7..=8 if !ringing.is_empty() => {
                let line = line(ringing.remove(0));
                pacer.call_moved(now, &mut rate, &line, (CallStage::Ringing, None));
            }
            9 if !talking.is_empty() => {
                let agent = talking.remove(0);
                pacer.agent_moved(now, agent, AgentState::Talking(call), AgentState::Ready);
            }
            _ => {}
        }
    }
    pacer.begin(now);
    (Grown { pacer, rate, ringing }, now)
}

/// Asks a pool of campaigns with so many ready agents, who serve all of them: the calls of each.
fn calls(now: Mono, pool: &[Grown], ready: u32, answered: u64, abandoned: u64) -> Vec<u32> {
    let lines = |grown: &Grown| u32::try_from(grown.ringing.len()).unwrap_or(u32::MAX);
    let mates = u32::try_from(pool.len()).unwrap_or(u32::MAX);
    let homes = (0..mates).map(|nth| ready / mates + u32::from(nth < ready % mates));
    let homes = homes.collect::<Vec<_>>();
    let beyond = |place: usize| lines(&pool[place]).saturating_sub(homes[place]);
    let member = |place: usize| {
        let grown = &pool[place];
        let others = (0..pool.len()).filter(|other| *other != place);
        let view = View {
            ready: homes[place].saturating_sub(others.map(beyond).sum::<u32>()),
            ringing: lines(grown),
            stock: 1_000,
            ..View::default()
        };
        Member {
            pacer: &grown.pacer,
            view,
            every: Some(Span::millis(250)),
            value: 1.0,
            free: i64::from(ready),
            home: homes[place],
            owed: 0,
            only: None,
        }
    };
    let members = (0..pool.len()).map(member).collect::<Vec<_>>();
    let beside = (0..pool.len()).collect::<Vec<_>>();
    let spot = |grown| Spot { lines: lines(grown), beside: beside.clone(), rate: 0, group: 0 };
    let spots = pool.iter().map(spot).collect();
    let crowd = Crowd { spots, teams: vec![(beside.clone(), ready)] };
    let left = Some(Span::secs(7_200));
    let ledger = Ledger {
        rate: &pool[0].rate,
        cap: Ratio::new(0.03),
        strict: false,
        closed: false,
        answered,
        abandoned,
        waiting: 0,
        brings: (1.0, 0.0),
        shares: pool
            .iter()
            .zip(&homes)
            .map(|(g, home)| g.pacer.share(now, *home, left, None))
            .collect(),
        lost_elsewhere: 0.0,
        exposed_elsewhere: 0,
    };
    decide(now, &members, &[ledger], &crowd).iter().map(|asked| asked.ask.calls).collect()
}

/// With more agents ready, calls that bring fewer persons are never asked for: a call of one
/// campaign may bring several times as many as one of another. Tells whether any was risked.
fn never_fewer(now: Mono, pool: &[Grown], of: (u64, u64)) -> Result<bool, TestCaseError> {
    let asked = READY.map(|ready| calls(now, pool, ready, of.0, of.1));
    let persons = |calls: &Vec<u32>| {
        let each = calls
            .iter()
            .zip(pool)
            .map(|(calls, grown)| f64::from(*calls) * grown.pacer.fresh(now)[HORIZONS - 1]);
        each.sum::<f64>()
    };
    let grows = asked.windows(2).all(|pair| persons(&pair[0]) <= persons(&pair[1]) + 1e-9);
    prop_assert!(grows, "{asked:?} with {:?} answered and abandoned", of);
    Ok(READY.iter().zip(asked).any(|(ready, calls)| calls.iter().sum::<u32>() > *ready))
}

fn past() -> impl Strategy<Value = Past> {
    proptest::collection::vec((0..1_500_u16, 0..10_u8), 50..600)
}

fn for_all<S: Strategy>(
    cases: u32,
    strategy: &S,
    claim: impl Fn(S::Value) -> Result<(), TestCaseError>,
) -> Result<(), String> {
    let rng = TestRunner::deterministic().new_rng();
    let config =
        Config { cases, failure_persistence: None, max_shrink_iters: 100, ..Config::default() };
    TestRunner::new_with_rng(config, rng).run(strategy, claim).map_err(|failed| failed.to_string())
}

#[test]
fn more_ready_agents_never_ask_for_fewer_calls() -> Result<(), String> {
    let dared = core::cell::Cell::new(0);
    for_all(CASES, &(past(), 0..2_000_u64, 0..40_u64), |(past, answered, abandoned)| {
        let (grown, now) = grown(&past, 0);
        let dares = never_fewer(now, &[grown], (answered, abandoned.min(answered / 30)))?;
        dared.set(dared.get() + u32::from(dares));
        Ok(())
    })?;
    assert!(dared.get() > CASES / 10, "only {} pasts let it risk a call", dared.get());
    Ok(())
}

#[test]
fn more_ready_agents_never_ask_for_fewer_calls_of_two_campaigns() -> Result<(), String> {
    for_all(PAIRS, &(past(), past(), 0..2_000_u64), |(one, other, answered)| {
        let ((one, early), (other, late)) = (grown(&one, 0), grown(&other, 1_000));
        let now = early.max(late);
        let mut pool = [one, other];
        pool.iter_mut().for_each(|grown| grown.pacer.begin(now));
        never_fewer(now, &pool, (answered, answered / 50))?;
        Ok(())
    })
}
