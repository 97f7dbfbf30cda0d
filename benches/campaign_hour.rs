//! A simulated hour of 500 agents: wall time of the whole town, and what the tape of one batch
//! costs the engine.

use std::hint::black_box;
use std::time::Duration;

use cadran::config::scenario;
use cadran::core::campaign::Mode;
use cadran::core::fact::{AgentFact, CallFact};
use cadran::core::order::AgentState;
use cadran::core::{Fact, Order, Record, Settings};
use cadran::engine::tape::Recorder;
use cadran::sim::{RunSettings, run};
use cadran::units::{AgentId, CallId, Mono, Now, Span, Wall};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const EVENING: &str = include_str!("../tests/it/scenarios/b2c_evening.toml");

fn campaign_hour(criterion: &mut Criterion) {
    let mut hour = scenario::read(EVENING).expect("the fixture is a scenario");
    hour.day = Span::secs(3_600);
    let mut group = criterion.benchmark_group("campaign_hour_500_agents");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    for (name, mode) in
        [("progressive", Mode::Progressive), ("power_2", Mode::Power { lines_per_agent: 2.0 })]
    {
        let settings = RunSettings {
            agents: 500,
            mode,
            days: 1,
            seed: 1,
            check: false,
            full_info: false,
            meter: None,
        };
        group.throughput(Throughput::Elements(run(&hour, &settings).total.batches));
        group.bench_function(name, |bencher| bencher.iter(|| black_box(run(&hour, &settings))));
    }
    group.finish();
}

fn tape_batch(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("the machine has room for a tape");
    let settings = Settings { node: 1, first_call: 1, seed: 1 };
    let mut recorder = Recorder::create(&dir.path().join("tape"), settings, Now::default(), false)
        .expect("the machine has room for a tape");
    let (call, agent) = (CallId::of(1, 77), AgentId(5));
    let facts = [Fact::Call(call, CallFact::Answered), Fact::Agent(agent, AgentFact::Ready)];
    let state = AgentState::Talking(call);
    let orders = [Order::Record(Record::AgentState { agent, state }), Order::Bridge(call, agent)];
    let mut moment = 0;
    criterion.bench_function("tape_of_one_batch", |bencher| {
        bencher.iter(|| {
            moment += 1_000;
            let wall = Wall::micros(1_767_603_600_000_000);
            recorder.begin(Now { mono: Mono::micros(moment), wall }, &facts);
            orders.iter().for_each(|order| recorder.order(order));
            recorder.end();
        });
    });
}

criterion_group!(benches, campaign_hour, tape_batch);
criterion_main!(benches);
