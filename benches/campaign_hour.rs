//! A simulated hour of 500 agents: wall time, and what one settling costs.

use std::hint::black_box;
use std::time::Duration;

use cadran::config::scenario;
use cadran::core::campaign::Mode;
use cadran::sim::{RunSettings, run};
use cadran::units::Span;
use criterion::{Criterion, criterion_group, criterion_main};

const EVENING: &str = include_str!("../tests/it/scenarios/b2c_evening.toml");

fn campaign_hour(criterion: &mut Criterion) {
    let mut hour = scenario::read(EVENING).expect("the fixture is a scenario");
    hour.day = Span::secs(3_600);
    let settings =
        |mode| RunSettings { agents: 500, mode, days: 1, seed: 1, check: false, meter: None };
    let mut group = criterion.benchmark_group("campaign_hour");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    for (name, mode) in
        [("progressive", Mode::Progressive), ("power_2", Mode::Power { lines_per_agent: 2.0 })]
    {
        let settings = settings(mode);
        let summary = run(&hour, &settings);
        eprintln!(
            "{name}: {} attempts, {} batches, occupancy {}",
            summary.total.attempts,
            summary.total.batches,
            summary.total.occupancy()
        );
        group.bench_function(name, |bencher| bencher.iter(|| black_box(run(&hour, &settings))));
    }
    group.finish();
}

criterion_group!(benches, campaign_hour);
criterion_main!(benches);
