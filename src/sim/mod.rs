//! A seeded town that calls the same [`Dialer`].
//!
//! Callees, carrier, agents, store and misfortunes are events in virtual time; every fact goes to
//! the very dialer that runs live, and every order it gives is performed by the town.

mod agenda;
mod callee;
mod carrier;
pub mod course;
pub mod faults;
mod known;
pub mod learn;
pub mod optimum;
pub mod oracle;
pub mod plan;
pub mod report;
pub mod rivals;
pub mod rng;
pub mod scenario;
mod staff;
mod store;
pub mod swarm;

use std::collections::{BTreeMap, BTreeSet};

use crate::core::campaign::Mode;
use crate::core::fact::{CallFact, CampaignFact};
use crate::core::order::Dial;
use crate::core::pacing::prior::{KEPT, Lesson};
use crate::core::{Dialer, Fact, Order, Record, Settings};
use crate::units::{AgentId, CallId, CampaignId, Mono, Now, Span, Zone};
use agenda::Agenda;
use carrier::Carrier;
use faults::Mishap;
use oracle::{Finding, Oracle};
use plan::Plan;
use report::{Day, Summary, Tally};
use rivals::Rival;
use rng::{Actor, Stream, seed_of};
use scenario::Scenario;
use store::Store;

/// How to run a scenario.
#[derive(Clone, Copy, Debug)]
pub struct RunSettings {
    /// The nominal pool.
    pub agents: u32,
    /// How calls are started.
    pub mode: Mode,
    /// How many campaign-days.
    pub days: u32,
    /// The seed; each day has its own, made from this one.
    pub seed: u64,
    /// Whether a predictive pacer is told the true laws of the scenario instead of learning them.
    pub full_info: bool,
    /// Whether the oracle looks on and every day is run until all is at rest.
    pub check: bool,
    /// A nanosecond counter to measure the dialer with; a simulation has no clock of its own.
    pub meter: Option<fn() -> u64>,
}

/// Runs a scenario for some days and sums them up.
#[must_use]
pub fn run(scenario: &Scenario, run: &RunSettings) -> Summary {
    let mut summary = Summary::of(scenario, run.agents);
    for nth in 0..run.days {
        let (day, findings) = run_day(scenario, run, None, nth);
        summary.add(&day, findings);
    }
    summary
}

/// Runs one of a run's days, paced by a rival if there is one instead of the run's mode. Days
/// depend on nothing but their arguments, so that they may be run in any order and anywhere.
#[must_use]
pub fn run_day(
    scenario: &Scenario,
    run: &RunSettings,
    rival: Option<Rival>,
    nth: u32,
) -> (Day, Vec<Finding>) {
    let mode = if rival.is_some() { Mode::Directed } else { run.mode };
    let seed = seed_of(run.seed, Actor::Day(u64::from(nth)));
    let plan = Plan::of(scenario, &RunSettings { mode, ..*run }, seed);
    World::new(plan).paced_by(rival).metered(run.meter).run()
}

/// What the campaigns of a world have learnt on its days.
pub type Learnt = BTreeMap<CampaignId, Vec<Lesson>>;

/// Runs one of a run's days that begins with what earlier days taught its pacers; gives that to
/// the next day, a day older and with what this one taught.
#[must_use]
pub fn run_next_day(
    scenario: &Scenario,
    run: &RunSettings,
    nth: u32,
    learnt: &Learnt,
) -> (Day, Vec<Finding>, Learnt) {
    let seed = seed_of(run.seed, Actor::Day(u64::from(nth)));
    let plan = Plan::of(scenario, run, seed);
    World::new(plan).metered(run.meter).remembering(learnt).run_and_learn()
}

/// Sees every batch of every dialer a world makes, as a tape would.
pub trait Witness {
    /// A dialer was made.
    fn made(&mut self, settings: Settings, now: Now);
    /// A batch was taken, settled and drained.
    fn batch(&mut self, now: Now, facts: &[Fact], orders: &[Order]);
}

/// A world in motion.
pub struct World<'w> {
    plan: Plan,
    now: Mono,
    /// How far the wall clock has jumped, in microseconds.
    jumped: i64,
    agenda: Agenda<Event>,
    /// Whether the engine runs, and how often it crashed.
    up: bool,
    epoch: u32,
    dialer: Dialer,
    facts: Vec<Fact>,
    orders: Vec<Order>,
    store: Store,
    /// When the disk has finished what it was given.
    disk_free: Mono,
    disk: Stream,
    /// Batches on their way to the disk, and dials that wait for theirs.
    uncommitted: usize,
    held: BTreeSet<CallId>,
    unrecorded: BTreeSet<CallId>,
    carrier: Carrier,
    lines: BTreeMap<CallId, callee::Line>,
    /// Answered calls of this moment whose patience starts if the batch leaves them waiting.
    unbridged: Vec<CallId>,
    staff: Vec<staff::Agent>,
    /// Other dialers' pacers, one a campaign, if they pace.
    rivals: Vec<rivals::Seat>,
    chance: Stream,
    tally: Tally,
    oracle: Option<Oracle>,
    witness: Option<&'w mut dyn Witness>,
    meter: Option<fn() -> u64>,
    /// Batches without the clock having moved.
    turns: u32,
}

/// What can happen in the world.
enum Event {
    Line(CallId, callee::Step),
    Played(CallId),
    Supervise(CallId),
    Agent(AgentId, staff::Step),
    /// The pool goes to this share.
    Staffing(f64),
    /// A fact on its way to the engine of that epoch.
    Fact(u32, Box<Fact>),
    /// The disk has written a batch of that epoch.
    Written(u32, Vec<Record>, Vec<Dial>),
    Claim(u32, CampaignId, u32, Span),
    Mishap(Mishap),
    RivalsTurn,
    DayEnds,
}

/// How long after the day a world may take to come to rest: a talk of a heavy tail, and guards.
const REST_MAX: Span = Span::secs(6 * 3_600);
/// What a day is older than the next.
const DAY: Span = Span::secs(86_400);
/// Batches at one moment before the world is said to stand still.
const TURNS_MAX: u32 = 10_000;
/// The zone of every simulated number.
const ZONE: &str = "Europe/Paris";

impl<'w> World<'w> {
    /// Makes a world from its plan; nothing has happened yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let zone = zone();
        let seed = plan.seed;
        Self {
            now: Mono::START,
            jumped: 0,
            agenda: Agenda::default(),
            up: true,
            epoch: 0,
            dialer: Dialer::new(settings_of(seed, 0)),
            facts: Vec::new(),
            orders: Vec::new(),
            store: Store::new(&plan, zone),
            disk_free: Mono::START,
            disk: Stream::new(seed, Actor::Disk),
            uncommitted: 0,
            held: BTreeSet::new(),
            unrecorded: BTreeSet::new(),
            carrier: Carrier::new(seed, plan.campaigns.iter().map(|c| &c.scenario)),
            lines: BTreeMap::new(),
            unbridged: Vec::new(),
            staff: (0..plan.agents.len()).map(|nth| staff::Agent::new(seed, nth)).collect(),
            rivals: Vec::new(),
            chance: Stream::new(seed, Actor::Faults),
            tally: Tally::until(plan.ends()),
            oracle: plan.check_every.map(|_| Oracle::new(&plan)),
            witness: None,
            meter: None,
            turns: 0,
            plan,
        }
    }

    /// Lets somebody see every batch.
    #[must_use]
    pub fn witnessed(mut self, witness: &'w mut dyn Witness) -> Self {
        self.witness = Some(witness);
        self
    }

    /// Measures every settling with a nanosecond counter.
    #[must_use]
    pub fn metered(mut self, meter: Option<fn() -> u64>) -> Self {
        self.meter = meter;
        self
    }

    /// Lets its campaigns begin with what they learnt on earlier days.
    #[must_use]
    pub fn remembering(mut self, learnt: &Learnt) -> Self {
        for (&campaign, lessons) in learnt {
            lessons.iter().for_each(|lesson| self.store.learns(campaign, lesson));
        }
        self
    }

    /// Runs the world to the end of its day, or to rest if its plan says so.
    #[must_use]
    pub fn run(self) -> (Day, Vec<Finding>) {
        let (day, findings, _) = self.run_and_learn();
        (day, findings)
    }

    /// Does the same, and gives what its campaigns have learnt to a world of the next day.
    #[must_use]
    pub fn run_and_learn(mut self) -> (Day, Vec<Finding>, Learnt) {
        self.boot();
        self.plan_day();
        self.plan_mishaps();
        while let Some(at) = self.next_moment() {
            self.turns = if at > self.now { 0 } else { self.turns + 1 };
            if self.turns > TURNS_MAX {
                self.find("the world stands still: the dialer wakes without end");
                break;
            }
            if at >= self.limit() || self.at_rest() {
                break;
            }
            self.now = at;
            while let Some(event) = self.agenda.due(self.now) {
                self.happen(event);
            }
            let wakes = self.dialer.next_wake().is_some_and(|(at, _)| at <= self.now);
            if self.up && (wakes || !self.facts.is_empty()) {
                self.step();
            }
        }
        self.finish()
    }

    /// Gives what was learnt as a day ago: every world begins on the same morning.
    fn learnt(&mut self) -> Learnt {
        let (now, mut learnt) = (self.now().wall, Learnt::new());
        for campaign in &self.plan.campaigns {
            for lesson in self.dialer.learnt(campaign.id, now) {
                self.store.learns(campaign.id, &lesson);
            }
            let mut lessons = self.store.learnt(campaign.id);
            for lesson in &mut lessons {
                (lesson.from, lesson.until) = (lesson.from - DAY, lesson.until - DAY);
            }
            lessons.retain(|lesson| now.since(lesson.until) <= KEPT);
            learnt.insert(campaign.id, lessons);
        }
        learnt
    }

    fn finish(mut self) -> (Day, Vec<Finding>, Learnt) {
        let learnt = self.learnt();
        self.now = self.now.max(self.plan.ends().min(self.limit()));
        self.close_books();
        let findings = match self.oracle.take() {
            Some(mut oracle) => {
                if self.plan.rest {
                    oracle.at_rest(self.now);
                }
                oracle.findings()
            }
            None => Vec::new(),
        };
        (self.tally.day, findings, learnt)
    }

    fn limit(&self) -> Mono {
        if self.plan.rest { self.plan.ends() + REST_MAX } else { self.plan.ends() }
    }

    fn at_rest(&self) -> bool {
        self.now > self.plan.ends()
            && self.uncommitted == 0
            && self.lines.is_empty()
            && self.store.open_attempts().is_empty()
            && self.staff.iter().all(staff::Agent::rests)
    }

    fn plan_day(&mut self) {
        let steps = match self.plan.habits.staffing.as_slice() {
            [] => vec![(Span::ZERO, 1.0)],
            steps => steps.iter().map(|(at, share)| (*at, share.get())).collect(),
        };
        for (at, share) in steps {
            self.after(at, Event::Staffing(share));
        }
        if self.plan.rest {
            self.after(self.plan.day, Event::DayEnds);
        }
    }

    /// Replaces the dialer by a new one that knows nothing.
    fn start_dialer(&mut self) {
        let settings = settings_of(self.plan.seed, self.store.last_call);
        self.dialer = Dialer::new(settings);
        let now = self.now();
        if let Some(witness) = &mut self.witness {
            witness.made(settings, now);
        }
    }

    fn now(&self) -> Now {
        let start = self.plan.start.as_micros().saturating_add(self.jumped);
        let wall = crate::units::Wall::micros(start) + self.now.since(Mono::START);
        Now { mono: self.now, wall }
    }

    fn after(&mut self, gap: Span, event: Event) {
        self.agenda.add(self.now + gap, event);
    }

    fn next_moment(&self) -> Option<Mono> {
        let event = self.agenda.next();
        let wake = self.dialer.next_wake().filter(|_| self.up).map(|(at, _)| at.max(self.now));
        let fact = (!self.facts.is_empty()).then_some(self.now);
        [event, wake, fact].into_iter().flatten().min()
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Line(call, step) => self.line_steps(call, step),
            Event::Played(call) => self.played(call),
            Event::Supervise(call) => self.supervise(call),
            Event::Agent(agent, step) => self.agent_steps(agent, step),
            Event::Staffing(share) if self.now < self.plan.ends() => self.staff_to(share),
            Event::Fact(epoch, fact) if epoch == self.epoch => self.tell_surely(*fact),
            Event::Written(epoch, records, dials) if epoch == self.epoch => {
                self.uncommitted -= 1;
                self.commit(&records, dials);
            }
            Event::Claim(epoch, campaign, count, lease) if epoch == self.epoch => {
                let (leads, supply) = self.store.claim(self.now(), campaign, count, lease);
                let claimed = CampaignFact::Claimed { leads, supply };
                self.tell_surely(Fact::Campaign(campaign, claimed));
            }
            Event::Mishap(mishap) => self.mishap(mishap),
            Event::RivalsTurn => self.rivals_turn(),
            Event::DayEnds => {
                for campaign in 0..self.plan.campaigns.len() {
                    let id = self.plan.campaigns[campaign].id;
                    self.tell_surely(Fact::Campaign(id, CampaignFact::Drained));
                }
                self.staff_to(0.0);
            }
            Event::Staffing(_) | Event::Fact(..) | Event::Written(..) | Event::Claim(..) => {}
        }
    }

    /// One batch: take the facts, settle, drain the orders; then perform them.
    fn step(&mut self) {
        let now = self.now();
        let facts = core::mem::take(&mut self.facts);
        if let Some(oracle) = &mut self.oracle {
            facts.iter().for_each(|fact| oracle.fact(now, fact));
        }
        let seen = self.witness.is_some().then(|| facts.clone());
        let started = self.meter.map(|meter| meter());
        for fact in facts {
            self.dialer.take(now, fact);
        }
        self.dialer.settle(now);
        let mut orders = core::mem::take(&mut self.orders);
        while let Some(order) = self.dialer.next_order() {
            orders.push(order);
        }
        self.tally.day.batches += 1;
        if let (Some(meter), Some(started)) = (self.meter, started) {
            self.tally.day.settle_ns.count(meter().saturating_sub(started));
        }
        if let (Some(witness), Some(facts)) = (&mut self.witness, seen) {
            witness.batch(now, &facts, &orders);
        }
        if let Some(oracle) = &mut self.oracle {
            oracle.orders(now, &orders);
            let every = self.plan.check_every.unwrap_or(u64::MAX);
            if self.tally.day.batches.is_multiple_of(every)
                && let Err(violation) = self.dialer.check()
            {
                oracle.find(now.mono, violation.to_string());
            }
        }
        self.perform(&mut orders);
        self.orders = orders;
        self.start_patience();
    }

    fn perform(&mut self, orders: &mut Vec<Order>) {
        let mut records = Vec::new();
        let mut dials = Vec::new();
        for order in orders.drain(..) {
            match order {
                Order::Record(record) => {
                    self.publish(&record);
                    records.push(record);
                }
                Order::Dial(dial) => {
                    self.held.insert(dial.call);
                    dials.push(dial);
                }
                Order::Cancel(call) | Order::HangUp(call) => self.tear_down(call),
                Order::Listen(call) => self.listen(call),
                Order::Bridge(call, agent) => self.bridge(call, agent),
                Order::PlayNotice(call, _) => self.play_notice(call),
                Order::RaiseLeg(agent) => self.raise_leg(agent),
                Order::DropLeg(agent) => self.drop_leg(agent),
                Order::ShowPreview(agent, _, contact) => self.show_preview(agent, contact),
                Order::Claim { campaign, count, lease } => {
                    let gap = self.disk_gap();
                    self.after(gap, Event::Claim(self.epoch, campaign, count, lease));
                }
                Order::Release(campaign, contacts) => {
                    self.store.release(self.now(), campaign, &contacts);
                }
                Order::Comfort(_)
                | Order::Hold(_)
                | Order::Retrieve(_)
                | Order::Transfer(_)
                | Order::ClearPreview(_)
                | Order::Inbound(..) => {}
            }
        }
        if self.plan.faults.disk.is_none() {
            self.commit(&records, dials);
        } else if !records.is_empty() || !dials.is_empty() {
            let gap = self.disk_gap();
            self.uncommitted += 1;
            self.after(gap, Event::Written(self.epoch, records, dials));
        }
    }

    /// Gives the time until the one disk has written what it is given now.
    fn disk_gap(&mut self) -> Span {
        let Some(law) = &self.plan.faults.disk else { return Span::ZERO };
        self.disk_free = self.disk_free.max(self.now) + self.disk.span(law);
        self.disk_free.since(self.now)
    }

    /// Shows and counts what a record says, at once.
    fn publish(&mut self, record: &Record) {
        match record {
            Record::AgentState { agent, state } => self.show_state(*agent, *state),
            Record::Decided(..) if self.tally.counts(self.now) => self.tally.day.decisions += 1,
            Record::Closed(closed) => self.tally.closed(self.now, closed),
            Record::Decided(..)
            | Record::Bridged(_)
            | Record::Abandoned(_)
            | Record::Learnt(..)
            | Record::Opened(_)
            | Record::Completed(_)
            | Record::Qualified(_)
            | Record::Refused(_)
            | Record::Skipped { .. }
            | Record::DoNotCall { .. }
            | Record::CampaignState { .. }
            | Record::Received { .. }
            | Record::ReceivedEnded { .. } => {}
        }
    }

    /// Writes a batch's records down, then places its calls.
    fn commit(&mut self, records: &[Record], dials: Vec<Dial>) {
        for record in records {
            if let Err(complaint) = self.write_down(record) {
                self.find(&complaint);
            }
        }
        for dial in dials {
            if self.held.remove(&dial.call) {
                self.dial(&dial);
            }
        }
    }

    fn write_down(&mut self, record: &Record) -> Result<(), store::Complaint> {
        if let Record::Opened(opened) = record
            && self.now < Mono::START + self.plan.faults.lasts
            && self.disk.yes(self.plan.faults.refused)
        {
            self.held.remove(&opened.call);
            self.unrecorded.insert(opened.call);
            self.store.refuse(opened);
            self.tell_surely(Fact::Call(opened.call, CallFact::NotRecorded));
            return Ok(());
        }
        if let Record::Closed(closed) = record
            && self.unrecorded.remove(&closed.call)
        {
            self.store.closed_without_row(closed);
            if closed.answered.is_none() {
                return Ok(());
            }
            return Err(format!("{} had no row and was answered", closed.call));
        }
        self.store.commit(record)
    }

    fn find(&mut self, what: &str) {
        if let Some(oracle) = &mut self.oracle {
            oracle.find(self.now, what.to_owned());
        }
    }
}

/// Gives the zone of every simulated number.
fn zone() -> Zone {
    Zone::new(ZONE).expect("the bundled zone data has Europe/Paris")
}

fn settings_of(seed: u64, last_call: u64) -> Settings {
    Settings { node: 1, first_call: last_call + 1, seed: seed_of(seed, Actor::Core) }
}
