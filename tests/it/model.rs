//! A small model of what a dialer owes the world, held against the core on random facts, sense
//! and nonsense mixed: one end per call, one call per agent and person, nothing out of turn.

mod hostile;
mod ledger;

use cadran::core::campaign::Mode;
use cadran::core::pacing::{self, View};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

type Claim = Result<(), Box<dyn std::error::Error>>;

/// Random stories told when `CADRAN_CASES` does not say how many.
const CASES: u32 = 100;

/// Runs a claim on values that are the same in every run.
fn for_all<S: Strategy>(
    cases: u32,
    strategy: &S,
    claim: impl Fn(S::Value) -> Result<(), TestCaseError>,
) -> Claim {
    let mut runner = TestRunner::deterministic();
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, runner.new_rng());
    runner.run(strategy, claim).map_err(|failed| failed.to_string().into())
}

fn view() -> impl Strategy<Value = View> {
    let few = || 0..2_000_u32;
    (few(), few(), few(), 0..3_u32, few()).prop_map(
        |(ready, ringing, listening, waiting, reserved)| View {
            ready,
            ringing: ringing + reserved,
            listening,
            waiting,
            reserved,
            ..View::default()
        },
    )
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![
        Just(Mode::Progressive),
        Just(Mode::Preview),
        (1.0..10.0).prop_map(|lines_per_agent| Mode::Power { lines_per_agent }),
    ]
}

#[test]
fn progressive_never_has_more_lines_than_ready_agents() -> Claim {
    for_all(2_000, &view(), |view| {
        let asked = pacing::ask(Mode::Progressive, &view).calls;
        prop_assert!(asked == 0 || view.lines() + asked <= view.ready, "{asked} of {view:?}");
        Ok(())
    })
}

#[test]
fn more_ready_agents_never_ask_for_fewer_calls() -> Claim {
    for_all(2_000, &(mode(), view(), 1..50_u32), |(mode, view, more)| {
        let larger = View { ready: view.ready + more, ..view };
        let (few, many) = (pacing::ask(mode, &view).calls, pacing::ask(mode, &larger).calls);
        prop_assert!(few <= many, "{mode:?}: {few} > {many} for {view:?}");
        Ok(())
    })
}

#[test]
fn nothing_is_dialled_while_persons_wait() -> Claim {
    for_all(2_000, &(mode(), view()), |(mode, view)| {
        prop_assert!(view.waiting == 0 || pacing::ask(mode, &view).calls == 0);
        Ok(())
    })
}

#[test]
fn random_facts_never_break_the_model_and_all_comes_to_rest() -> Claim {
    let cases = std::env::var("CADRAN_CASES").ok().map_or(Ok(CASES), |text| text.parse())?;
    for_all(cases, &hostile::story(), |story| hostile::play(&story).map_err(TestCaseError::fail))
}
