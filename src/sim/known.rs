//! The true laws of a scenario, as a pacer that knew them would use them.

use super::rng::Law;
use super::scenario::{Fate, Scenario, Shares};
use crate::core::pacing::truth::{self, RING_STEPS, Truth, stay_edges};
use crate::units::{Mono, Now, Span};

/// The fates in the order of a truth's shares.
const FATES: [Fate; 5] = [Fate::Live, Fate::Machine, Fate::Busy, Fate::NoAnswer, Fate::Fail];
/// How often shares that ramp are told anew, in seconds.
const RAMP_STEP_S: u64 = 30;
/// The steps in which a set-up is taken apart, in seconds, and how many there are.
const SETUP_STEP_S: f64 = 0.1;
const SETUP_STEPS: u32 = 200;

/// Works out what a pacer would have to learn in a world of this scenario that begins now.
pub(super) fn truth(scenario: &Scenario, now: Now) -> Truth {
    let amd = &scenario.amd;
    let (live, machine, verdict) = if amd.enabled {
        (1.0 - amd.false_machine.get(), amd.missed_machine.get(), mean_s(&amd.delay))
    } else {
        (1.0, 1.0, 0.0)
    };
    let person = |fate| match fate {
        Fate::Live => live,
        Fate::Machine => machine,
        Fate::Busy | Fate::NoAnswer | Fate::Fail => 0.0,
    };
    let fates = FATES.map(|fate| truth::Fate {
        by: resolved(&scenario.setup, scenario.ring.before(fate)),
        person: person(fate),
    });
    let first = scenario.outcomes.at(Span::ZERO);
    let (live, machine) = (first.live * live, first.machine * machine);
    let misled = machine / (live + machine).max(1e-9);
    let outlasts = |law: &Law, edge: f64| 1.0 - law.by(edge);
    let talk = stay_edges().iter().map(|&edge| {
        (1.0 - misled) * outlasts(&scenario.talk, edge) + misled * outlasts(&amd.missed_talk, edge)
    });
    let pauses = scenario.agents.pause.as_ref().map_or(0.0, |(share, _)| share.get());
    let handling = mean_s(&scenario.talk) + mean_s(&scenario.wrap);
    let stays = scenario.agents.churn.as_ref().map_or(1.0, |(stay, _)| {
        let stay = mean_s(stay);
        stay / (stay + handling)
    });
    Truth {
        shares: shares(scenario, now),
        fates: fates.to_vec(),
        verdict: Span::from_secs_f64(verdict),
        talk: talk.collect(),
        wrap: stay_edges().iter().map(|&edge| outlasts(&scenario.wrap, edge)).collect(),
        returns: (1.0 - pauses) * stays,
    }
}

/// The shares of the fates whenever they change.
fn shares(scenario: &Scenario, now: Now) -> Vec<(crate::units::Wall, Vec<f64>)> {
    let list = |shares: Shares| {
        vec![shares.live, shares.machine, shares.busy, shares.no_answer, shares.fail]
    };
    let mut told: Vec<(crate::units::Wall, Vec<f64>)> = Vec::new();
    let mut at = Span::ZERO;
    while at < scenario.day {
        let shares = list(scenario.outcomes.at(at));
        if told.last().is_none_or(|(_, before)| *before != shares) {
            told.push((now.wall_at(Mono::START + at), shares));
        }
        at += Span::secs(RAMP_STEP_S);
    }
    told
}

/// The share that is resolved by each half second: set-up and ring time, one after the other.
fn resolved(setup: &Law, ring: &Law) -> Vec<f64> {
    let steps = (1..=SETUP_STEPS).map(|step| {
        let to = SETUP_STEP_S * f64::from(step);
        (to - 0.5 * SETUP_STEP_S, setup.by(to) - setup.by(to - SETUP_STEP_S))
    });
    let steps = steps.filter(|(_, share)| *share > 1e-6).collect::<Vec<_>>();
    let sum = steps.iter().map(|(_, share)| share).sum::<f64>().max(1e-9);
    (0..RING_STEPS)
        .map(|step| {
            #[expect(clippy::cast_precision_loss, reason = "there are 121")]
            let by = 0.5 * step as f64;
            steps.iter().map(|(gap, share)| share / sum * ring.by(by - gap)).sum()
        })
        .collect()
}

/// The mean of a law, by the area over its distribution.
fn mean_s(law: &Law) -> f64 {
    let edges = stay_edges();
    let left = edges.iter().map(|&edge| 1.0 - law.by(edge)).collect::<Vec<_>>();
    let areas = edges.windows(2).zip(left.windows(2));
    areas.map(|(edge, left)| (edge[1] - edge[0]) * 0.5 * (left[0] + left[1])).sum()
}
