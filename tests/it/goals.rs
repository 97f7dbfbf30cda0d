//! The pacer's goals in small: a few cells of what `scripts/long pacing` measures in full.

use std::path::Path;

use cadran::config::scenario;
use cadran::core::campaign::{Guarantee, Mode};
use cadran::sim::optimum::Markov;
use cadran::sim::report::{Day, Summary};
use cadran::sim::rng::Law;
use cadran::sim::scenario::Scenario;
use cadran::sim::{RunSettings, run};
use cadran::units::{Ratio, Span};

type Claim = Result<(), Box<dyn std::error::Error>>;

const EXPECTED: Mode = Mode::Predictive { guarantee: Guarantee::Expected };
const STRICT: Mode = Mode::Predictive { guarantee: Guarantee::Strict };
const HOUR: u64 = 3_600;

/// Reads a scenario and cuts its day to so many seconds.
fn cut(name: &str, seconds: u64) -> Result<Scenario, Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scenarios");
    let text = std::fs::read_to_string(folder.join(name).with_extension("toml"))?;
    Ok(Scenario { day: Span::secs(seconds), ..scenario::read(&text)? })
}

fn days(scenario: &Scenario, agents: u32, mode: Mode, full_info: bool, days: u32) -> Summary {
    let (seed, check, meter) = (7, false, None);
    run(scenario, &RunSettings { agents, mode, days, seed, full_info, check, meter })
}

fn occupancy(summary: &Summary) -> f64 {
    summary.total.occupancy().get()
}

fn abandon(day: &Day) -> f64 {
    day.abandon().get()
}

#[test]
fn ten_agents_are_nearly_as_busy_as_if_every_law_were_known_and_within_the_cap() -> Claim {
    let evening = cut("b2c_evening", 2 * HOUR)?;
    let learnt = days(&evening, 10, EXPECTED, false, 2);
    let known = days(&evening, 10, EXPECTED, true, 2);
    let progressive = days(&evening, 10, Mode::Progressive, false, 2);
    assert!(abandon(&learnt.total) <= 0.03, "{}", abandon(&learnt.total));
    assert_eq!((learnt.days_over(), learnt.days_far_over), (0, 0), "{:?}", learnt.days);
    let (is, could, was) = (occupancy(&learnt), occupancy(&known), occupancy(&progressive));
    assert!(is >= 0.94 * could, "{is} of {could}");
    assert!(is >= was + 0.08, "{is} and {was} progressive");
    Ok(())
}

#[test]
fn the_strict_guarantee_costs_occupancy_and_never_the_cap() -> Claim {
    let office = cut("b2b", 2 * HOUR)?;
    let strict = days(&office, 5, STRICT, false, 2);
    let expected = days(&office, 5, EXPECTED, false, 2);
    let progressive = days(&office, 5, Mode::Progressive, false, 2);
    assert_eq!(strict.days_over(), 0, "{:?}", strict.days);
    assert_eq!(progressive.total.abandoned, 0);
    let (proved, foretold) = (occupancy(&strict), occupancy(&expected));
    assert!(proved > occupancy(&progressive) + 0.01, "{proved}");
    assert!(foretold > proved, "{foretold} and {proved} strict");
    Ok(())
}

#[test]
fn a_cold_start_of_twenty_agents_abandons_few() -> Claim {
    let morning = cut("b2c_evening", 900)?;
    let begun = days(&morning, 20, EXPECTED, false, 6);
    let first = begun.course().into_iter().next().ok_or("an empty day")?;
    assert!(first.connected > 100, "{first:?}");
    assert!(first.abandon().get() <= 0.06, "{first:?}");
    assert_eq!(begun.days_far_over, 0, "{:?}", begun.days);
    Ok(())
}

#[test]
fn a_step_of_the_answer_rate_is_weathered() -> Claim {
    let shock = cut("step_shock", 10_000)?;
    let weathered = days(&shock, 10, EXPECTED, false, 1);
    let worst = weathered.worst_window.get();
    assert!(worst > 0.0 && worst <= 0.20, "{worst}");
    assert_eq!(weathered.days_over(), 0, "{:?}", weathered.days);
    Ok(())
}

/// Where all is exponential the most any dialer can reach is known exactly; `scripts/pacing`
/// measures the same at 1, 3, 5 and 10 agents over days of 24 hours.
#[test]
fn five_agents_are_within_a_point_of_the_exact_optimum_and_within_the_cap() -> Claim {
    let town = cut("markov_check", 8 * HOUR)?;
    let (ring, talk) = (Span::secs(14), Span::secs(180));
    let live = town.outcomes.at(Span::ZERO).live;
    let laws = (&town.ring.live, &town.ring.no_answer, &town.talk);
    assert_eq!(laws, (&Law::exp(14.0)?, &Law::exp(14.0)?, &Law::exp(180.0)?));
    let pool = Markov { agents: 5, ring, answers: Ratio::new(live), talk, cap: town.cap };
    let optimum = pool.optimum().get();
    let paced = days(&town, 5, EXPECTED, false, 6);
    let (is, chance) = (occupancy(&paced), paced.occupancy_ci95().ok_or("days were run")?);
    assert!(chance < 0.01, "± {chance} says little: {:?}", paced.days);
    // A point, and the half of one that a change without a loss may move so few days by.
    assert!((is - optimum).abs() <= 0.015, "{is} ± {chance}, the optimum is {optimum}");
    assert!(abandon(&paced.total) <= town.cap.get(), "{:?}", paced.days);
    Ok(())
}
