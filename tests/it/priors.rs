//! What earlier days taught: a pacer that remembers predicts from its first call, one that
//! remembers wrongly breaks no cap, and a restart forgets no abandon.

use std::collections::BTreeSet;

use cadran::config::scenario;
use cadran::core::campaign::{Guarantee, Mode};
use cadran::core::fact::CampaignFact;
use cadran::core::order::Outcome;
use cadran::core::pacing::Why;
use cadran::core::pacing::prior::Lesson;
use cadran::core::{Dialer, Fact, Order, Record, Settings};
use cadran::sim::plan::Plan;
use cadran::sim::report::Day;
use cadran::sim::rng::Law;
use cadran::sim::scenario::Scenario;
use cadran::sim::{Learnt, RunSettings, Witness, World};
use cadran::units::{CampaignId, Mono, Now, Span};

type Claim = Result<(), Box<dyn std::error::Error>>;

/// A town that lives fast: some 2,000 calls in ten minutes of twenty agents.
const TOWN: &str = include_str!("scenarios/jardin.toml");
const CAMPAIGN: CampaignId = CampaignId(1);
const AGENTS: u32 = 20;
const CAP: f64 = 0.03;
/// The beginning of a day, in which a prior is all there is.
const FIRST: Span = Span::secs(300);

/// The town when so many calls in a hundred are answered by persons, and by machines in
/// proportion as far as there is room.
fn town(length: Span, live: u32) -> Result<Scenario, Box<dyn std::error::Error>> {
    let live = f64::from(live) / 100.0;
    let machine = (live * 0.16 / 0.35).min(0.8 * (1.0 - live));
    let rest = 1.0 - live - machine;
    let mut text = TOWN.to_owned();
    for (name, was, now) in [
        ("live", 0.35, live),
        ("machine", 0.16, machine),
        ("busy", 0.15, rest * 0.15 / 0.49),
        ("noanswer", 0.26, rest * 0.26 / 0.49),
        ("fail", 0.08, rest * 0.08 / 0.49),
    ] {
        let share = format!("\n{name} = {was}\n");
        assert!(text.contains(&share), "the town has other shares: {share}");
        text = text.replace(&share, &format!("\n{name} = {now}\n"));
    }
    let mut town = scenario::read(&text)?;
    town.day = length;
    Ok(town)
}

/// When, what happened, and what was ordered.
type Batch = (Now, Vec<Fact>, Vec<Order>);

/// What a day's orders tell.
#[derive(Debug, Default)]
struct Seen {
    /// Persons who answered in the day's first minutes, and those abandoned.
    first: (u32, u32),
    predicted: u32,
    learning: u32,
    lessons: u32,
    /// The batches of every dialer the world made.
    lives: Vec<(Settings, Vec<Batch>)>,
    keep: bool,
}

impl Witness for Seen {
    fn made(&mut self, settings: Settings, _: Now) {
        self.lives.push((settings, Vec::new()));
    }

    fn batch(&mut self, now: Now, facts: &[Fact], orders: &[Order]) {
        for order in orders {
            if let Order::Record(Record::Decided(_, decision)) = order {
                let learning = decision.ask.why == Why::Learning;
                self.learning += u32::from(learning);
                self.predicted += u32::from(!learning);
            } else if let Order::Record(Record::Learnt(..)) = order {
                self.lessons += 1;
            } else if let Order::Record(Record::Closed(closed)) = order {
                let lost = u32::from(closed.outcome == Outcome::Abandoned);
                let answered = closed.answered.unwrap_or(closed.ended);
                if answered.since(now.wall_at(Mono::START)) < FIRST {
                    self.first.0 += u32::from(closed.outcome == Outcome::Connected) + lost;
                    self.first.1 += lost;
                }
            }
        }
        if let Some((_, batches)) = self.lives.last_mut().filter(|_| self.keep) {
            batches.push((now, facts.to_vec(), orders.to_vec()));
        }
    }
}

/// Runs a day that begins with what was learnt; gives it and what it taught.
fn day(town: &Scenario, seed: u64, learnt: &Learnt, seen: &mut Seen) -> (Day, Learnt) {
    let run = RunSettings {
        agents: AGENTS,
        mode: Mode::Predictive { guarantee: Guarantee::Expected },
        days: 1,
        seed,
        full_info: false,
        check: true,
        meter: None,
    };
    let world = World::new(Plan::of(town, &run, seed)).remembering(learnt).witnessed(seen);
    let (day, findings, taught) = world.run_and_learn();
    assert_eq!(findings, []);
    (day, taught)
}

#[test]
fn a_pacer_that_remembers_predicts_from_its_first_decision() -> Claim {
    let town = town(Span::secs(600), 35)?;
    let mut cold = Seen::default();
    let (_, learnt) = day(&town, 1, &Learnt::new(), &mut cold);
    assert!(cold.learning > 0 && cold.predicted > 0, "a cold start learns first: {cold:?}");
    assert!(cold.lessons > 0, "nothing was written down: {cold:?}");
    let calls = learnt[&CAMPAIGN].iter().map(|lesson| lesson.calls.all()).sum::<u64>();
    assert!(calls > 1_000, "{calls} calls were counted");
    let mut warm = Seen::default();
    let (_, both) = day(&town, 2, &learnt, &mut warm);
    assert_eq!(warm.learning, 0, "{warm:?}");
    assert!(warm.predicted > 0);
    let all = both[&CAMPAIGN].iter().map(|lesson| lesson.calls.all()).sum::<u64>();
    assert!(all > calls, "the second day taught nothing");
    Ok(())
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "a few thousand calls are counted exactly")]
fn an_answer_rate_that_doubled_or_halved_since_breaks_no_cap() -> Claim {
    let today = town(Span::secs(1_200), 35)?;
    for before in [17, 70] {
        let then = town(Span::secs(600), before)?;
        let (_, learnt) = day(&then, 1, &Learnt::new(), &mut Seen::default());
        let mut first = (0, 0);
        for seed in 2..=5 {
            let mut seen = Seen::default();
            let (day, _) = day(&today, seed, &learnt, &mut seen);
            assert_eq!(seen.learning, 0, "the prior was not taken");
            let persons = (day.connected + day.abandoned) as f64;
            let held = day.abandoned as f64 <= CAP * persons;
            assert!(held, "learnt at {before} %, day {seed}: {day:?}");
            first = (first.0 + seen.first.0, first.1 + seen.first.1);
        }
        let share = f64::from(first.1) / f64::from(first.0.max(1));
        assert!(first.0 > 300, "learnt at {before} %: {first:?} says nothing");
        assert!(share <= 0.06, "learnt at {before} %: {first:?} in the first minutes");
    }
    Ok(())
}

#[test]
fn a_day_that_remembers_is_decided_again_to_the_bit_from_its_tape() -> Claim {
    let town = town(Span::secs(400), 35)?;
    let (_, learnt) = day(&town, 1, &Learnt::new(), &mut Seen::default());
    let mut seen = Seen { keep: true, ..Seen::default() };
    day(&town, 2, &learnt, &mut seen);
    for (settings, batches) in &seen.lives {
        let mut dialer = Dialer::new(*settings);
        let mut remembered = 0;
        for (now, facts, orders) in batches {
            // As the tape holds them.
            let facts: Vec<Fact> = serde_json::from_str(&serde_json::to_string(facts)?)?;
            for fact in facts {
                let recalls = matches!(fact, Fact::Campaign(_, CampaignFact::Remembered(_)));
                remembered += u32::from(recalls);
                dialer.take(*now, fact);
            }
            dialer.settle(*now);
            let again = std::iter::from_fn(|| dialer.next_order()).collect::<Vec<_>>();
            assert_eq!(*orders, again);
        }
        assert_eq!(remembered, 1);
    }
    Ok(())
}

#[test]
fn a_crash_forgets_no_abandon_and_little_of_what_was_learnt() -> Claim {
    let town = town(Span::secs(900), 35)?;
    let run = RunSettings {
        agents: AGENTS,
        mode: Mode::Predictive { guarantee: Guarantee::Expected },
        days: 1,
        seed: 3,
        full_info: false,
        check: true,
        meter: None,
    };
    let mut plan = Plan::of(&town, &run, 3);
    plan.faults.lasts = Span::secs(600);
    plan.faults.crash = Some(Law::fixed(500.0)?);
    let mut seen = Seen { keep: true, ..Seen::default() };
    let (_, findings) = World::new(plan).witnessed(&mut seen).run();
    assert_eq!(findings, []);
    let [(_, before), (_, after), ..] = seen.lives.as_slice() else {
        return Err("the engine never crashed".into());
    };
    let (mut persons, mut lost, mut left, mut talks) = (0, 0, BTreeSet::new(), BTreeSet::new());
    let mut written: Vec<&Lesson> = Vec::new();
    for order in before.iter().flat_map(|(_, _, orders)| orders) {
        if let Order::Record(Record::Bridged(bridged)) = order {
            talks.insert(bridged.call);
        } else if let Order::Record(Record::Closed(closed)) = order {
            talks.remove(&closed.call);
            persons += u64::from(closed.outcome == Outcome::Connected);
            lost += u64::from(closed.outcome == Outcome::Abandoned && !left.remove(&closed.call));
        } else if let Order::Record(Record::Abandoned(abandoned)) = order {
            talks.remove(&abandoned.call);
            lost += u64::from(left.insert(abandoned.call));
        } else if let Order::Record(Record::Learnt(_, lesson)) = order {
            written.push(lesson);
        }
    }
    assert!(lost > 0 && !talks.is_empty(), "nothing could be forgotten: {lost}, {talks:?}");
    // Whoever talked when it crashed had answered, too.
    let persons = persons + talks.len() as u64;
    let restored = after.iter().flat_map(|(_, facts, _)| facts);
    let (mut counted, mut remembered) = ((0, 0), 0);
    for fact in restored {
        if let Fact::Campaign(_, CampaignFact::Counted(buckets)) = fact {
            counted.0 += buckets.iter().map(|bucket| bucket.persons).sum::<u64>();
            counted.1 += buckets.iter().map(|bucket| bucket.abandoned).sum::<u64>();
        } else if let Fact::Campaign(_, CampaignFact::Remembered(lessons)) = fact {
            remembered += lessons.len();
        }
    }
    assert_eq!(counted, (persons + lost, lost));
    assert!(remembered > 0 && written.len() >= remembered, "{remembered} of {}", written.len());
    let first = after.iter().flat_map(|(_, _, orders)| orders).find_map(|order| {
        if let Order::Record(Record::Decided(_, decision)) = order { Some(decision) } else { None }
    });
    let first = first.ok_or("the restarted engine decided nothing")?;
    assert!(first.view.abandoned >= lost && first.view.answered >= persons + lost, "{first:?}");
    assert_eq!(first.ask.why, Why::Predicted, "the restarted engine had to learn again");
    Ok(())
}
