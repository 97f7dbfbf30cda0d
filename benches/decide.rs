//! What a predictive decision costs at 10 agents with 40 calls in flight, 100 with 500 and 1,000
//! with 5,000 (docs/pacing.md): from an event to the last order, event by event.
//!
//! `cargo bench --no-default-features --bench decide` prints quantiles in nanoseconds. For
//! instructions run one size alone under a counter: `CADRAN_ROUNDS=20000 CADRAN_AGENTS=1000
//! valgrind --tool=callgrind target/release/deps/decide-…` plays that many events after the pool
//! is at work, and leaves; less the same with `CADRAN_ROUNDS=0`.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

use cadran::core::campaign::{Guarantee, Mode, Settings as Campaign};
use cadran::core::fact::{
    AgentFact, CallFact, CampaignFact, Failure, Lead, LeadNumber, Supply, TrunkFact,
};
use cadran::core::{Dialer, Fact, Order, Settings, agent, hopper, trunks};
use cadran::sim::rng::{Actor, Law, Stream};
use cadran::units::{
    AgentId, CampaignId, ContactId, Mono, Now, NumberId, PauseId, PersonId, Span, TrunkId, Wall,
    Zone,
};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const CAMPAIGN: CampaignId = CampaignId(1);
const TRUNK: TrunkId = TrunkId(1);
/// Pools, and the share of calls answered that keeps so many calls in flight beside them: a
/// call rings 30 s, a talk and its write-up last 180 s, so an agent keeps 30 / (180 · share) lines.
const SIZES: [(u32, f64); 3] = [(10, 0.025), (100, 0.043), (1_000, 0.036)];
const RING_S: f64 = 30.0;
const TALK_S: f64 = 160.0;
const WRAP_S: f64 = 20.0;
/// How long the pool works before anything is measured: every table has been learnt.
const WARM: Span = Span::secs(1_200);
/// Events measured in a pool.
const EVENTS: usize = 50_000;

/// A pool at work over a list that never ends.
struct Floor {
    dialer: Dialer,
    now: Mono,
    queue: BTreeMap<(Mono, u64), Fact>,
    planned: u64,
    chance: Stream,
    laws: [Law; 3],
    answered: f64,
    zone: Zone,
    contacts: u64,
}

impl Floor {
    fn new(agents: u32, answered: f64) -> Outcome<Self> {
        let zone = Zone::new("Europe/Paris")?;
        let mut floor = Self {
            dialer: Dialer::new(Settings { node: 1, first_call: 1, seed: 1 }),
            now: Mono::START,
            queue: BTreeMap::new(),
            planned: 0,
            chance: Stream::new(1, Actor::Maker),
            laws: [
                Law::lognormal(RING_S, 0.4)?,
                Law::lognormal(TALK_S, 0.8)?,
                Law::lognormal(WRAP_S, 0.8)?,
            ],
            answered,
            zone: zone.clone(),
            contacts: 1,
        };
        let mode = Mode::Predictive { guarantee: Guarantee::Expected };
        let campaign = Campaign {
            ring_max: Span::secs(120),
            hopper: hopper::Settings { size: 10_000, low: 5_000, lease: Span::secs(600) },
            ..Campaign::new(mode, TRUNK, zone)
        };
        let trunk =
            trunks::Settings { channels: 20_000, calls_per_second: 1e4, burst: 2_000, rest: None };
        floor.later(Span::ZERO, Fact::Trunk(TRUNK, TrunkFact::Set(trunk)));
        for fact in [CampaignFact::Set(Box::new(campaign)), CampaignFact::Started] {
            floor.later(Span::ZERO, Fact::Campaign(CAMPAIGN, fact));
        }
        for agent in (1..=agents).map(AgentId) {
            let settings =
                agent::Settings { campaigns: vec![CAMPAIGN], pause_at_login: PauseId(0) };
            let arrives =
                [AgentFact::Set(settings), AgentFact::LoggedIn, AgentFact::LegUp, AgentFact::Ready];
            arrives.into_iter().for_each(|fact| floor.later(Span::ZERO, Fact::Agent(agent, fact)));
        }
        while floor.now < Mono::START + WARM {
            floor.event();
        }
        Ok(floor)
    }

    fn later(&mut self, gap: Span, fact: Fact) {
        self.planned += 1;
        self.queue.insert((self.now + gap, self.planned), fact);
    }

    fn draw(&mut self, law: usize) -> Span {
        self.chance.span(&self.laws[law])
    }

    /// Plays what happens next; gives what the dialer made of it, in nanoseconds.
    #[expect(clippy::disallowed_methods, reason = "a bench measures")]
    fn event(&mut self) -> u128 {
        let happens = self.queue.keys().next().map(|(at, _)| *at);
        let wakes = self.dialer.next_wake().map(|(at, _)| at.max(self.now));
        self.now = happens.into_iter().chain(wakes).min().unwrap_or(self.now);
        let now = Now { mono: self.now, wall: Wall::micros(0) + self.now.since(Mono::START) };
        let due = self.queue.first_entry().filter(|entry| entry.key().0 <= self.now);
        let fact = due.map(std::collections::btree_map::OccupiedEntry::remove);
        let began = Instant::now();
        if let Some(fact) = fact {
            self.dialer.take(now, fact);
        }
        self.dialer.settle(now);
        let mut orders = Vec::new();
        while let Some(order) = self.dialer.next_order() {
            orders.push(black_box(order));
        }
        let took = began.elapsed().as_nanos();
        orders.into_iter().for_each(|order| self.perform(order));
        took
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing is shown, played or written here")]
    fn perform(&mut self, order: Order) {
        match order {
            Order::Dial(dial) => {
                let ring = self.draw(0);
                let failed =
                    CallFact::Failed { failure: Failure::NoAnswer, cause: 480, after: None };
                let answers = self.chance.yes(self.answered);
                let fact = if answers { CallFact::Answered } else { failed };
                self.later(ring, Fact::Call(dial.call, fact));
            }
            Order::Bridge(call, agent) => {
                let (talk, wrap) = (self.draw(1), self.draw(2));
                self.later(talk, Fact::Call(call, CallFact::HungUp));
                self.later(talk + wrap, Fact::Agent(agent, AgentFact::Ready));
            }
            Order::HangUp(call) => self.later(Span::ZERO, Fact::Call(call, CallFact::Gone)),
            Order::Cancel(call) => {
                let failed =
                    CallFact::Failed { failure: Failure::Cancelled, cause: 487, after: None };
                self.later(Span::ZERO, Fact::Call(call, failed));
            }
            Order::Claim { count, .. } => {
                let ids = self.contacts..self.contacts + u64::from(count);
                self.contacts = ids.end;
                let zone = || self.zone.clone();
                let number = |id| LeadNumber::new(NumberId(id), PersonId(id), zone());
                let leads = ids.map(|id| Lead::new(ContactId(id), vec![number(id)])).collect();
                let supply = Supply { due: 1_000_000, ..Supply::default() };
                let claimed = CampaignFact::Claimed { leads, supply };
                self.later(Span::ZERO, Fact::Campaign(CAMPAIGN, claimed));
            }
            _ => {}
        }
    }
}

fn main() -> Outcome<()> {
    if let Ok(rounds) = std::env::var("CADRAN_ROUNDS") {
        let agents = std::env::var("CADRAN_AGENTS").map_or(Ok(1_000), |text| text.parse())?;
        let share = SIZES.iter().find(|(size, _)| *size >= agents).map_or(0.036, |size| size.1);
        let mut floor = Floor::new(agents, share)?;
        for _ in 0..rounds.parse::<u64>()? {
            black_box(floor.event());
        }
        return Ok(());
    }
    for (agents, share) in SIZES {
        let mut floor = Floor::new(agents, share)?;
        let mut took: Vec<u128> = (0..EVENTS).map(|_| floor.event()).collect();
        took.sort_unstable();
        let at = |thousandth: usize| took.get(EVENTS * thousandth / 1_000).copied().unwrap_or(0);
        let calls = floor.dialer.calls_in_progress();
        writeln!(
            std::io::stdout(),
            "{agents} agents, {calls} calls: p50 {} ns, p90 {} ns, p99 {} ns, p99.9 {} ns",
            at(500),
            at(900),
            at(990),
            at(999),
        )?;
    }
    Ok(())
}
