//! One decision of a progressive campaign at 10, 100 and 1,000 agents: a talk ends, its agent is
//! ready, the next call is dialled and answered.
//!
//! `cargo bench --no-default-features --bench settle` measures time. For instructions, run one
//! size alone under a counter: `CADRAN_ROUNDS=100000 CADRAN_AGENTS=1000 valgrind
//! --tool=callgrind target/release/deps/settle-…` plays that many rounds and leaves.

use std::collections::BTreeMap;
use std::hint::black_box;

use cadran::core::campaign::{Disposition, DispositionClass, Mode, Settings as Campaign, Then};
use cadran::core::fact::{AgentFact, CallFact, CampaignFact, Lead, LeadNumber, Supply, TrunkFact};
use cadran::core::{Dialer, Fact, Order, Settings, agent, hopper, trunks};
use cadran::units::{
    AgentId, CallId, CampaignId, ContactId, DispositionId, Mono, Now, NumberId, PauseId, PersonId,
    Span, TrunkId, Wall, Zone,
};
use criterion::{BenchmarkId, Criterion};

const CAMPAIGN: CampaignId = CampaignId(1);
const TRUNK: TrunkId = TrunkId(1);

/// A floor at work: every agent talks, but for one who waits for the call that rings.
struct Floor {
    dialer: Dialer,
    now: Now,
    zone: Zone,
    next_contact: u64,
    /// Talks, the oldest first.
    talks: std::collections::VecDeque<(CallId, AgentId)>,
    ringing: std::collections::VecDeque<CallId>,
}

impl Floor {
    fn new(agents: u32) -> Result<Self, Box<dyn std::error::Error>> {
        let mut floor = Self {
            dialer: Dialer::new(Settings { node: 1, first_call: 1, seed: 1 }),
            now: Now { mono: Mono::START, wall: Wall::micros(1_795_000_000_000_000) },
            zone: Zone::new("Europe/Paris")?,
            next_contact: 1,
            talks: std::collections::VecDeque::new(),
            ringing: std::collections::VecDeque::new(),
        };
        let trunk =
            trunks::Settings { channels: 9_999, calls_per_second: 1e6, burst: 9_999, rest: None };
        floor.tell(Fact::Trunk(TRUNK, TrunkFact::Set(trunk)));
        floor.tell(Fact::Campaign(
            CAMPAIGN,
            CampaignFact::Set(Box::new(campaign(floor.zone.clone()))),
        ));
        floor.tell(Fact::Campaign(CAMPAIGN, CampaignFact::Started));
        for id in (1..=agents).map(AgentId) {
            let settings =
                agent::Settings { campaigns: vec![CAMPAIGN], pause_at_login: PauseId(0) };
            let at_work = [AgentFact::LoggedIn, AgentFact::LegUp, AgentFact::Ready];
            floor.tell(Fact::Agent(id, AgentFact::Set(settings)));
            at_work.into_iter().for_each(|fact| floor.tell(Fact::Agent(id, fact)));
        }
        floor.settle();
        while floor.ringing.len() > 1 {
            floor.answer();
        }
        Ok(floor)
    }

    fn tell(&mut self, fact: Fact) {
        self.dialer.take(self.now, fact);
    }

    /// Settles and does what the orders say, claims included.
    fn settle(&mut self) {
        self.dialer.settle(self.now);
        while let Some(order) = self.dialer.next_order() {
            match black_box(order) {
                Order::Dial(dial) => self.ringing.push_back(dial.call),
                Order::Bridge(call, agent) => self.talks.push_back((call, agent)),
                Order::Claim { count, .. } => {
                    let first = self.next_contact;
                    self.next_contact += u64::from(count);
                    let leads = (first..self.next_contact).map(|id| lead(id, &self.zone));
                    let leads = leads.collect();
                    let supply = Supply { due: 1_000_000, ..Supply::default() };
                    self.tell(Fact::Campaign(CAMPAIGN, CampaignFact::Claimed { leads, supply }));
                    self.dialer.settle(self.now);
                }
                Order::Record(_)
                | Order::Cancel(_)
                | Order::HangUp(_)
                | Order::Listen(_)
                | Order::Comfort(_)
                | Order::PlayNotice(..)
                | Order::Hold(_)
                | Order::Retrieve(_)
                | Order::Transfer(_)
                | Order::RaiseLeg(_)
                | Order::DropLeg(_)
                | Order::ShowPreview(..)
                | Order::ClearPreview(_)
                | Order::Release(..)
                | Order::Inbound(..) => {}
            }
        }
    }

    fn answer(&mut self) {
        let Some(call) = self.ringing.pop_front() else { return };
        self.tell(Fact::Call(call, CallFact::Ringing));
        self.tell(Fact::Call(call, CallFact::Answered));
        self.settle();
    }

    /// One talk ends and is qualified, its agent is ready, a call is dialled; the one that rang is
    /// answered and bridged.
    fn round(&mut self) {
        self.now =
            Now { mono: self.now.mono + Span::millis(10), wall: self.now.wall + Span::millis(10) };
        if let Some((call, agent)) = self.talks.pop_front() {
            let disposition = DispositionId(1);
            self.tell(Fact::Agent(
                agent,
                AgentFact::Qualified { call, disposition, callback: None },
            ));
            self.tell(Fact::Call(call, CallFact::HungUp));
            self.settle();
        }
        self.answer();
    }
}

fn campaign(zone: Zone) -> Campaign {
    let sale = Disposition { class: DispositionClass::ArguedPositive, then: Then::Close };
    Campaign {
        hopper: hopper::Settings { size: 3_000, low: 1_000, lease: Span::secs(600) },
        dispositions: BTreeMap::from([(DispositionId(1), sale)]),
        ..Campaign::new(Mode::Progressive, TRUNK, zone)
    }
}

fn lead(id: u64, zone: &Zone) -> Lead {
    let number = LeadNumber::new(NumberId(id), PersonId(id), zone.clone());
    Lead::new(ContactId(id), vec![number])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Ok(rounds) = std::env::var("CADRAN_ROUNDS") {
        let agents = std::env::var("CADRAN_AGENTS").map_or(Ok(1_000), |text| text.parse())?;
        let mut floor = Floor::new(agents)?;
        for _ in 0..rounds.parse::<u64>()? {
            floor.round();
        }
        black_box(floor.dialer.surprises());
        return Ok(());
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("settle");
    for agents in [10, 100, 1_000] {
        let mut floor = Floor::new(agents)?;
        group.bench_function(BenchmarkId::new("talk_to_talk", agents), |b| {
            b.iter(|| floor.round());
        });
        group.bench_function(BenchmarkId::new("idle", agents), |b| {
            b.iter(|| floor.dialer.settle(black_box(floor.now)));
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
