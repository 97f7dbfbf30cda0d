//! The proved cap: whatever the calls in flight become, no moment ends above it.
//!
//! An adversary plays a strict campaign. It lets nobody come free while lines ring, answers every
//! line at once when no agent is ready, or answers none for long and then all. The count of
//! abandoned persons must stay within the cap at every step. `CADRAN_STEPS=10000000` plays longer.

use std::collections::{BTreeMap, BTreeSet};

use cadran::core::campaign::{Abandon, Guarantee, Mode, Route, Settings as Campaign, Wrap};
use cadran::core::fact::{
    AgentFact, CallFact, CampaignFact, Failure, Lead, LeadNumber, NumberClass, Supply, TrunkFact,
};
use cadran::core::pacing::account;
use cadran::core::rules::{DaySpan, Week};
use cadran::core::{
    Dialer, Fact, Order, Record, Settings, agent, hopper, recycle, respect, rules, trunks,
};
use cadran::sim::rng::{Actor, Stream};
use cadran::units::{
    AgentId, CallId, CampaignId, ClientId, ContactId, Mono, Now, NumberId, PauseId, PersonId,
    Ratio, Span, TrunkId, Wall, Zone,
};

type Claim = Result<(), Box<dyn std::error::Error>>;

/// Steps played when `CADRAN_STEPS` does not say how many.
const STEPS: u64 = 100_000;
const CAMPAIGN: CampaignId = CampaignId(1);
const CAP: f64 = 0.03;

struct Adversary {
    dialer: Dialer,
    now: Mono,
    chance: Stream,
    zone: Zone,
    owed: Vec<Fact>,
    contacts: u64,
    ringing: BTreeSet<CallId>,
    talking: BTreeMap<CallId, AgentId>,
    writing: BTreeSet<AgentId>,
    /// How likely the adversary answers, lets a line fail, and lets an agent come free.
    mood: [f64; 3],
    beyond: u64,
}

impl Adversary {
    fn batch(&mut self) {
        let now = Now { mono: self.now, wall: Wall::micros(0) + self.now.since(Mono::START) };
        let facts = std::mem::take(&mut self.owed);
        facts.into_iter().for_each(|fact| self.dialer.take(now, fact));
        self.dialer.settle(now);
        while let Some(order) = self.dialer.next_order() {
            self.perform(order);
        }
    }

    fn perform(&mut self, order: Order) {
        match order {
            Order::Dial(dial) => {
                self.ringing.insert(dial.call);
            }
            Order::Bridge(call, agent) => {
                self.talking.insert(call, agent);
            }
            Order::HangUp(call) => self.owed.push(Fact::Call(call, CallFact::Gone)),
            Order::Cancel(call) => {
                self.ringing.remove(&call);
                let failed = CallFact::Failed { failure: Failure::Cancelled, cause: 487 };
                self.owed.push(Fact::Call(call, failed));
            }
            Order::RaiseLeg(agent) => {
                let up = [AgentFact::LegUp, AgentFact::Ready];
                self.owed.extend(up.map(|fact| Fact::Agent(agent, fact)));
            }
            Order::Claim { count, .. } => {
                let ids = self.contacts..self.contacts + u64::from(count);
                self.contacts = ids.end;
                let leads = ids.map(|id| lead(id, &self.zone)).collect();
                let supply = Supply { due: 1_000_000, ..Supply::default() };
                let claimed = CampaignFact::Claimed { leads, supply };
                self.owed.push(Fact::Campaign(CAMPAIGN, claimed));
            }
            Order::Record(Record::Decided(_, decision)) => {
                let lines = decision.view.lines() + decision.placed;
                self.beyond += u64::from(lines > decision.view.ready);
            }
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

    /// Does something to every line and agent with the chances of the present mood.
    fn play(&mut self) {
        if self.chance.yes(0.02) {
            self.mood = std::array::from_fn(|_| match self.chance.below(4) {
                0 => 0.0,
                1 => 0.02,
                2 => 0.2,
                3.. => 1.0,
            });
        }
        let [answers, fails, frees] = self.mood;
        for call in self.ringing.clone() {
            let failed = CallFact::Failed { failure: Failure::NoAnswer, cause: 480 };
            let fact = match (self.chance.yes(answers), self.chance.yes(fails)) {
                (true, _) => CallFact::Answered,
                (false, true) => failed,
                (false, false) => continue,
            };
            self.ringing.remove(&call);
            self.owed.push(Fact::Call(call, fact));
        }
        for agent in self.writing.clone() {
            self.writing.remove(&agent);
            self.owed.push(Fact::Agent(agent, AgentFact::Ready));
        }
        for (call, agent) in self.talking.clone() {
            if self.chance.yes(frees) {
                self.talking.remove(&call);
                self.writing.insert(agent);
                self.owed.push(Fact::Call(call, CallFact::HungUp));
            }
        }
        let wakes = self.dialer.next_wake().map(|(at, _)| at);
        let step = self.now + Span::millis(1 + self.chance.below(3_000));
        self.now = wakes.map_or(step, |at| at.clamp(self.now, step)).max(self.now);
    }
}

fn lead(id: u64, zone: &Zone) -> Lead {
    let number = LeadNumber {
        number: NumberId(id),
        person: PersonId(id),
        zone: zone.clone(),
        class: NumberClass::Mobile,
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

fn campaign(zone: Zone) -> Campaign {
    let open = DaySpan { from: 0, to: 1_440 };
    Campaign {
        client: ClientId(1),
        mode: Mode::Predictive { guarantee: Guarantee::Strict },
        routes: vec![Route { trunk: TrunkId(1), tier: 0, weight: 1 }],
        caller_ids: 1,
        ring_max: Span::secs(120),
        ring_min: Span::secs(15),
        listen: false,
        abandon: Abandon {
            within: Span::secs(2),
            notice: false,
            recall_lock: Span::secs(1),
            cap: Ratio::new(CAP),
        },
        // The whole campaign is one window: nothing is ever forgiven.
        account: account::Settings {
            window: account::Window::Campaign,
            ..account::Settings::calendar_day(zone)
        },
        wrap: Wrap { max: None, default: None, extension_max: Span::ZERO },
        respect: respect::Settings::default(),
        rules: rules::Settings {
            week: Week { days: std::array::from_fn(|_| vec![open]) },
            attempts: Vec::new(),
        },
        retry: recycle::Settings { attempts_max: 1, after: BTreeMap::new() },
        hopper: hopper::Settings { size: 200, low: 100, lease: Span::secs(600) },
        dispositions: BTreeMap::new(),
        pace_every: Span::millis(250),
    }
}

fn adversary(agents: u32, seed: u64) -> Result<Adversary, Box<dyn std::error::Error>> {
    let zone = Zone::new("Europe/Paris")?;
    let trunk = trunks::Settings { channels: 500, calls_per_second: 1_000.0, burst: 500 };
    let mut owed = vec![
        Fact::Trunk(TrunkId(1), TrunkFact::Set(trunk)),
        Fact::Campaign(CAMPAIGN, CampaignFact::Set(Box::new(campaign(zone.clone())))),
        Fact::Campaign(CAMPAIGN, CampaignFact::Started),
    ];
    for agent in (1..=agents).map(AgentId) {
        let settings = agent::Settings { campaigns: vec![CAMPAIGN], pause_at_login: PauseId(0) };
        let facts = [AgentFact::Set(settings), AgentFact::LoggedIn];
        owed.extend(facts.map(|fact| Fact::Agent(agent, fact)));
    }
    Ok(Adversary {
        dialer: Dialer::new(Settings { node: 1, first_call: 1, seed }),
        now: Mono::START,
        chance: Stream::new(seed, Actor::Maker),
        zone,
        owed,
        contacts: 1,
        ringing: BTreeSet::new(),
        talking: BTreeMap::new(),
        writing: BTreeSet::new(),
        mood: [0.2, 0.2, 0.2],
        beyond: 0,
    })
}

#[test]
fn no_adversary_takes_a_strict_campaign_over_its_cap() -> Claim {
    let steps = match std::env::var("CADRAN_STEPS") {
        Ok(text) => text.parse()?,
        Err(_) => STEPS,
    };
    let pools = [1, 2, 5, 20];
    let mut beyond = 0;
    for (agents, seed) in pools.into_iter().zip(1..) {
        let mut world = adversary(agents, seed)?;
        for step in 0..steps / pools.len() as u64 {
            world.batch();
            let (answered, abandoned) = world.dialer.tally(CAMPAIGN);
            assert!(
                abandoned as f64 <= CAP * answered as f64,
                "{agents} agents, step {step}: {abandoned} of {answered} abandoned"
            );
            world.play();
        }
        beyond += world.beyond;
    }
    assert!(beyond > steps / 1_000, "it dared only {beyond} times: nothing was tested");
    Ok(())
}
