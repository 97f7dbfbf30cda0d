//! Another simulator drives the dialer: facts in, orders out, its own clock and its own chance.
//!
//! `cargo run --release --no-default-features --example own_simulator -- 20 6` plays 20 agents for
//! 6 hours: exponential rings, talks and write-ups, one call in four answered by a person.

use std::collections::BTreeMap;
use std::io::Write as _;

use cadran::core::campaign::{Abandon, Guarantee, Mode, Route, Settings as Campaign, Wrap};
use cadran::core::fact::{
    AgentFact, CallFact, CampaignFact, Failure, Lead, LeadNumber, NumberClass, Supply, TrunkFact,
};
use cadran::core::pacing::account;
use cadran::core::rules::{DaySpan, Week};
use cadran::core::{Dialer, Fact, Order, Settings, agent, hopper, recycle, respect, rules, trunks};
use cadran::units::{
    AgentId, CallId, CampaignId, ClientId, ContactId, Mono, Now, NumberId, PauseId, PersonId,
    Ratio, Span, TrunkId, Wall, Zone,
};
use rand_core::Rng as _;
use rand_pcg::Pcg64Mcg;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const CAMPAIGN: CampaignId = CampaignId(1);
/// 2026-01-05T09:00:00Z, a Monday, 10 o'clock in Paris: the campaign's hours begin.
const OPENS: Wall = Wall::micros(1_767_603_600_000_000);

struct World {
    dialer: Dialer,
    now: Mono,
    /// What will happen; the count keeps what happens at one moment in order.
    queue: BTreeMap<(Mono, u64), Fact>,
    planned: u64,
    talks: BTreeMap<CallId, AgentId>,
    chance: Pcg64Mcg,
    zone: Zone,
    contacts: u64,
    busy: f64,
    bridged: u64,
}

impl World {
    fn exponential(&mut self, mean: f64) -> Span {
        let unit = f64::from(self.chance.next_u32()) / 4_294_967_296.0;
        Span::from_secs_f64(-mean * libm::log(1.0 - unit))
    }

    fn later(&mut self, gap: Span, fact: Fact) {
        self.planned += 1;
        self.queue.insert((self.now + gap, self.planned), fact);
    }

    /// One batch: the facts of this moment, one settling, its orders.
    fn batch(&mut self, facts: Vec<Fact>) {
        let now = Now { mono: self.now, wall: OPENS + self.now.since(Mono::START) };
        facts.into_iter().for_each(|fact| self.dialer.take(now, fact));
        self.dialer.settle(now);
        while let Some(order) = self.dialer.next_order() {
            self.perform(order);
        }
    }

    fn perform(&mut self, order: Order) {
        match order {
            Order::Dial(dial) => {
                let ring = self.exponential(12.0);
                let person = self.chance.next_u32().is_multiple_of(4);
                let failed = CallFact::Failed { failure: Failure::NoAnswer, cause: 480 };
                let fact = if person { CallFact::Answered } else { failed };
                self.later(ring, Fact::Call(dial.call, fact));
            }
            Order::Bridge(call, agent) => {
                let talk = self.exponential(160.0);
                self.busy += talk.as_secs_f64();
                self.bridged += 1;
                self.talks.insert(call, agent);
                self.later(talk, Fact::Call(call, CallFact::HungUp));
            }
            Order::HangUp(call) => self.later(Span::ZERO, Fact::Call(call, CallFact::Gone)),
            Order::Cancel(call) => {
                let failed = CallFact::Failed { failure: Failure::Cancelled, cause: 487 };
                self.later(Span::ZERO, Fact::Call(call, failed));
            }
            Order::RaiseLeg(agent) => {
                self.later(Span::ZERO, Fact::Agent(agent, AgentFact::LegUp));
                self.later(Span::ZERO, Fact::Agent(agent, AgentFact::Ready));
            }
            Order::Claim { count, .. } => {
                let ids = self.contacts..self.contacts + u64::from(count);
                self.contacts = ids.end;
                let leads = ids.map(|id| lead(id, &self.zone)).collect();
                let supply = Supply { due: 1_000_000, ..Supply::default() };
                let claimed = CampaignFact::Claimed { leads, supply };
                self.later(Span::ZERO, Fact::Campaign(CAMPAIGN, claimed));
            }
            // Nobody is shown or played anything here, and rows are a store's.
            Order::Record(_)
            | Order::Listen(_)
            | Order::Comfort(_)
            | Order::PlayNotice(..)
            | Order::Hold(_)
            | Order::Retrieve(_)
            | Order::DropLeg(_)
            | Order::ShowPreview(..)
            | Order::ClearPreview(_)
            | Order::Release(..) => {}
        }
    }

    /// Goes from moment to moment: what happens, and when the dialer wants to wake.
    fn run(&mut self, until: Mono) {
        loop {
            let happens = self.queue.keys().next().map(|(at, _)| *at);
            let wakes = self.dialer.next_wake().map(|(at, _)| at.max(self.now));
            let Some(at) = [happens, wakes].into_iter().flatten().min().filter(|at| *at < until)
            else {
                return;
            };
            self.now = at;
            let mut facts = Vec::new();
            while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= at) {
                facts.push(entry.remove());
            }
            for fact in &facts {
                if let Fact::Call(call, CallFact::HungUp) = fact
                    && let Some(agent) = self.talks.remove(call)
                {
                    let wrap = self.exponential(20.0);
                    self.busy += wrap.as_secs_f64();
                    self.later(wrap, Fact::Agent(agent, AgentFact::Ready));
                }
            }
            self.batch(facts);
        }
    }
}

fn lead(id: u64, zone: &Zone) -> Lead {
    let number = LeadNumber {
        number: NumberId(id),
        person: PersonId(id),
        zone: zone.clone(),
        class: NumberClass::Fixed,
        recent: Vec::new(),
        invalid: false,
        do_not_call: false,
        abandoned: None,
    };
    Lead {
        contact: ContactId(id),
        numbers: vec![number],
        attempts: 0,
        faults: 0,
        next_number: None,
        callback: None,
        owner: None,
    }
}

fn campaign(zone: Zone, hours: u16) -> Campaign {
    // The calling hours tell the pacer when its day ends.
    let open = DaySpan { from: 600, to: 600 + 60 * hours };
    Campaign {
        client: ClientId(1),
        mode: Mode::Predictive { guarantee: Guarantee::Expected },
        routes: vec![Route { trunk: TrunkId(1), tier: 0, weight: 1 }],
        caller_ids: 1,
        ring_max: Span::secs(60),
        ring_min: Span::secs(15),
        listen: false,
        abandon: Abandon {
            within: Span::secs(2),
            notice: false,
            recall_lock: Span::secs(259_200),
            cap: Ratio::new(0.03),
        },
        account: account::Settings::calendar_day(zone),
        wrap: Wrap { max: None, default: None, extension_max: Span::ZERO },
        respect: respect::Settings::default(),
        rules: rules::Settings {
            week: Week { days: std::array::from_fn(|_| vec![open]) },
            attempts: Vec::new(),
        },
        retry: recycle::Settings { attempts_max: 1, after: BTreeMap::new() },
        hopper: hopper::Settings { size: 2_000, low: 1_000, lease: Span::secs(600) },
        dispositions: BTreeMap::new(),
        pace_every: Span::millis(250),
    }
}

fn main() -> Outcome<()> {
    let mut words = std::env::args().skip(1);
    let agents: u32 = words.next().map_or(Ok(20), |word| word.parse())?;
    let hours: u16 = words.next().map_or(Ok(6), |word| word.parse())?;
    let zone = Zone::new("Europe/Paris")?;
    let mut world = World {
        dialer: Dialer::new(Settings { node: 1, first_call: 1, seed: 1 }),
        now: Mono::START,
        queue: BTreeMap::new(),
        planned: 0,
        talks: BTreeMap::new(),
        chance: Pcg64Mcg::new(0x5eed),
        zone: zone.clone(),
        contacts: 1,
        busy: 0.0,
        bridged: 0,
    };
    let trunk = trunks::Settings { channels: 10 * agents, calls_per_second: 100.0, burst: 100 };
    let mut facts = vec![
        Fact::Trunk(TrunkId(1), TrunkFact::Set(trunk)),
        Fact::Campaign(CAMPAIGN, CampaignFact::Set(Box::new(campaign(zone, hours)))),
        Fact::Campaign(CAMPAIGN, CampaignFact::Started),
    ];
    for agent in (1..=agents).map(AgentId) {
        let settings = agent::Settings { campaigns: vec![CAMPAIGN], pause_at_login: PauseId(0) };
        facts.push(Fact::Agent(agent, AgentFact::Set(settings)));
        facts.push(Fact::Agent(agent, AgentFact::LoggedIn));
    }
    world.batch(facts);
    world.run(Mono::START + Span::secs(3_600 * u64::from(hours)));
    let now = Now { mono: world.now, wall: OPENS + world.now.since(Mono::START) };
    let floor = world.dialer.floor(now);
    let abandoned = floor.campaigns.first().map_or(0, |campaign| campaign.totals.abandoned);
    let paid = f64::from(agents) * 3_600.0 * f64::from(hours);
    writeln!(
        std::io::stdout(),
        "{agents} agents, {hours} h: occupancy {:.1} %, {} talks, {abandoned} abandoned",
        100.0 * world.busy / paid,
        world.bridged,
    )?;
    Ok(())
}
