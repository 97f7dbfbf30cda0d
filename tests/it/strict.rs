//! The proved cap: whatever the calls in flight become, no moment ends above it.
//!
//! An adversary plays strict campaigns: one, or several that share a rate, agents, or both, among
//! them some that keep no proof. It lets nobody come free while lines ring, answers every line at
//! once when no agent is ready, or answers none for long and then all; it judges answers persons
//! or machines, and has leads of an agent's own. It asks for breaks, signs agents out, breaks their
//! legs and gives them other campaigns whatever they do, so that teams are founded and left empty;
//! it takes previews and skips them, and pauses campaigns. The count of abandoned persons of a
//! strict campaign, but for those whom only a broken leg left without an agent, must stay within
//! the cap at every step; where agents are shared, one who is lost may be missed in another
//! campaign, so each broken leg is allowed one person there. Half of the steps break no leg: there
//! nobody is left out of the count, and no line is given up. `CADRAN_STEPS=10000000` plays longer.

mod moments;

use std::collections::{BTreeMap, BTreeSet};

use cadran::core::campaign::{self, Guarantee, Mode, Settings as Campaign};
use cadran::core::fact::{
    AgentFact, Answerer, CallFact, CampaignFact, Failure, Heard, Lead, LeadNumber, SkipReason,
    Supply, TrunkFact,
};
use cadran::core::order::{Abandoned, AgentState, Outcome};
use cadran::core::pacing::account;
use cadran::core::{Dialer, Fact, Order, Record, Settings, agent, trunks};
use cadran::sim::rng::{Actor, Stream};
use cadran::units::{
    AgentId, CallId, CampaignId, ContactId, Mono, Now, NumberId, PauseId, PersonId, RateId, Ratio,
    Span, TrunkId, Wall, Zone,
};

type Claim = Result<(), Box<dyn std::error::Error>>;

/// Steps played when `CADRAN_STEPS` does not say how many.
const STEPS: u64 = 100_000;
/// The rate that campaigns have in common.
const SHARED: Option<RateId> = Some(RateId(1));
const STRICT: Mode = Mode::Predictive { guarantee: Guarantee::Strict };
const EXPECTED: Mode = Mode::Predictive { guarantee: Guarantee::Expected };
const CAP: f64 = 0.03;
const BREAK: PauseId = PauseId(1);
/// The chance that a lead is an agent's own, that a write-up is followed by a break, that an agent
/// asks for one at a step whatever he does, and that a break ends at a step.
const OWNED: f64 = 0.01;
const BREAKS: f64 = 0.03;
const ASKS: f64 = 0.01;
const RETURNS: f64 = 0.1;
/// The chance that an answer listened to is judged at a step, and then a person.
const JUDGED: f64 = 0.4;
const HUMAN: f64 = 0.7;
/// The chance at a step that somebody signs out, is given other campaigns, or loses his leg, and
/// that a campaign is paused; that who is out comes back, and that a preview is taken or skipped.
const LEAVES: f64 = 0.004;
const MOVES: f64 = 0.003;
const FALLS: f64 = 0.001;
const PAUSES: f64 = 0.002;
const COMES: f64 = 0.05;
const DECIDES: f64 = 0.3;
/// The chance that who is given other campaigns prefers them the other way round, and that he also
/// serves one of so many that nobody has set: each makes another team.
const TURNED: f64 = 0.5;
const BESIDE: f64 = 0.5;
const UNSET: u64 = 8;
/// How long a call may ring, and how many persons the cap must allow before its nearness counts:
/// of a cap that allows one, a single person abandoned is nearly all.
const RING_MAX: Span = Span::secs(120);
const ALLOWED: f64 = 3.0;

/// What is played: each campaign's mode and rate, and each agent's campaigns.
#[derive(Clone, Debug)]
struct Town {
    campaigns: Vec<(Mode, Option<RateId>)>,
    agents: Vec<Vec<CampaignId>>,
}

struct Adversary<'t> {
    dialer: Dialer,
    town: &'t Town,
    now: Mono,
    chance: Stream,
    zone: Zone,
    owed: Vec<Fact>,
    contacts: u64,
    dialed: BTreeMap<CallId, Mono>,
    ringing: BTreeSet<CallId>,
    listening: BTreeSet<CallId>,
    talking: BTreeMap<CallId, AgentId>,
    writing: BTreeSet<AgentId>,
    away: BTreeSet<AgentId>,
    out: BTreeSet<AgentId>,
    shown: BTreeSet<AgentId>,
    /// Calls whose persons only a broken leg left without an agent.
    forced: BTreeSet<CallId>,
    /// Whether legs that are raised come up.
    legs: bool,
    /// How likely a lead is an agent's own, and that a leg breaks at a step.
    owned: f64,
    falls: f64,
    /// How likely the adversary answers, lets a line fail, and lets an agent come free.
    mood: [f64; 3],
    seen: Seen,
}

/// How often what is to be tested happened.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Calls of a strict campaign were placed beyond the agents who were ready for it.
    beyond: u64,
    /// An answer was judged, a machine; a break began; a lead of an agent's own was handed out.
    machines: u64,
    breaks: u64,
    owned: u64,
    /// A signing out, and a broken leg.
    outs: u64,
    falls: u64,
    /// The greatest share of what the cap allows that was abandoned, broken legs left out.
    nearest: f64,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.beyond += other.beyond;
        self.machines += other.machines;
        self.breaks += other.breaks;
        self.owned += other.owned;
        self.outs += other.outs;
        self.falls += other.falls;
        self.nearest = self.nearest.max(other.nearest);
    }

    /// Fails unless everything happened at least so often.
    fn enough(self, beyond: u64, others: u64, near: f64) {
        assert!(self.beyond > beyond, "{self:?}: nothing was tested");
        let least = self.machines.min(self.breaks).min(self.owned).min(self.outs);
        assert!(least > others && self.falls > 0, "{self:?}: something was not tested");
        assert!(self.nearest > near, "{self:?}: the cap was never near");
    }
}

impl Town {
    fn strict(&self) -> impl Iterator<Item = CampaignId> {
        let ids = (1..).map(CampaignId).zip(&self.campaigns);
        ids.filter(|(_, (mode, _))| *mode == STRICT).map(|(id, _)| id)
    }
}

impl Adversary<'_> {
    fn clock(&self) -> Now {
        Now { mono: self.now, wall: Wall::micros(0) + self.now.since(Mono::START) }
    }

    fn batch(&mut self) {
        let now = self.clock();
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
                self.dialed.insert(dial.call, self.now);
                self.ringing.insert(dial.call);
            }
            Order::Listen(call) => {
                self.listening.insert(call);
            }
            Order::Bridge(call, agent) => {
                self.listening.remove(&call);
                self.talking.insert(call, agent);
            }
            Order::HangUp(call) => {
                self.listening.remove(&call);
                self.owed.push(Fact::Call(call, CallFact::Gone));
            }
            Order::Cancel(call) => {
                self.ringing.remove(&call);
                self.judge_cancel(call);
                let failed =
                    CallFact::Failed { failure: Failure::Cancelled, cause: 487, after: None };
                self.owed.push(Fact::Call(call, failed));
            }
            Order::RaiseLeg(agent) if self.legs => {
                let up = [AgentFact::LegUp, AgentFact::Ready];
                self.owed.extend(up.map(|fact| Fact::Agent(agent, fact)));
            }
            Order::Claim { campaign, count, .. } => {
                let leads = (0..count).map(|_| self.lead(campaign)).collect();
                let supply = Supply { due: 1_000_000, ..Supply::default() };
                let claimed = CampaignFact::Claimed { leads, supply };
                self.owed.push(Fact::Campaign(campaign, claimed));
            }
            Order::Record(Record::Decided(id, decision)) => {
                let beyond = decision.view.lines() + decision.placed > decision.view.ready;
                let dared = decision.placed > 0 && beyond && self.town.strict().any(|of| of == id);
                self.seen.beyond += u64::from(dared);
            }
            Order::Record(Record::Abandoned(Abandoned { call, forced: true, .. })) => {
                self.forced.insert(call);
            }
            Order::Record(Record::Closed(closed)) => {
                self.dialed.remove(&closed.call);
                if closed.outcome == Outcome::Abandoned && closed.forced {
                    self.forced.insert(closed.call);
                }
            }
            Order::Record(Record::AgentState { agent, state: AgentState::Paused(BREAK) }) => {
                self.seen.breaks += u64::from(self.away.insert(agent));
            }
            Order::Record(Record::AgentState { agent, state: AgentState::LoggedOut }) => {
                self.seen.outs += u64::from(self.out.insert(agent));
            }
            Order::ShowPreview(agent, ..) => {
                self.shown.insert(agent);
            }
            Order::ClearPreview(agent) => _ = self.shown.remove(&agent),
            Order::Record(_)
            | Order::Comfort(_)
            | Order::PlayNotice(..)
            | Order::Hold(_)
            | Order::Retrieve(_)
            | Order::Transfer(_)
            | Order::RaiseLeg(_)
            | Order::DropLeg(_)
            | Order::Release(..)
            | Order::Inbound(..) => {}
        }
    }

    /// Fails if a line is given up before its time, though no leg broke.
    fn judge_cancel(&self, call: CallId) {
        let rang = self.dialed.get(&call).map(|dialed| self.now.since(*dialed));
        let over = rang.is_some_and(|rang| rang >= RING_MAX);
        assert!(over || self.falls > 0.0, "{call} is given up after {rang:?}, and no leg broke");
    }

    /// Makes a contact nobody has called, now and then one that only one agent may be offered.
    fn lead(&mut self, campaign: CampaignId) -> Lead {
        let id = self.contacts;
        self.contacts += 1;
        let number = LeadNumber::new(NumberId(id), PersonId(id), self.zone.clone());
        let mut lead = Lead::new(ContactId(id), vec![number]);
        if self.chance.yes(self.owned) {
            lead.owner = self.somebody(|campaigns| campaigns.contains(&campaign));
            self.seen.owned += u64::from(lead.owner.is_some());
        }
        lead
    }

    /// Draws an agent from those of some campaigns.
    fn somebody(&mut self, of: impl Fn(&[CampaignId]) -> bool) -> Option<AgentId> {
        let all = (1..).map(AgentId).zip(&self.town.agents);
        let some = all.filter(|(_, campaigns)| of(campaigns)).map(|(agent, _)| agent);
        let some = some.collect::<Vec<_>>();
        let nth = self.chance.below(some.len().max(1) as u64);
        some.get(usize::try_from(nth).ok()?).copied()
    }

    /// Judges who answered, lets somebody ask for a break, and calls agents back from theirs.
    fn judge_and_rest(&mut self) {
        if self.chance.yes(ASKS)
            && let Some(agent) = self.somebody(|_| true)
        {
            self.owed.push(Fact::Agent(agent, AgentFact::Paused(BREAK)));
        }
        for call in self.listening.clone() {
            if self.chance.yes(JUDGED) {
                self.listening.remove(&call);
                let human = self.chance.yes(HUMAN);
                self.seen.machines += u64::from(!human);
                let what = if human { Answerer::Human } else { Answerer::Machine };
                let heard = Heard { what, confidence: Ratio::new(0.9) };
                self.owed.push(Fact::Call(call, CallFact::Heard(heard)));
            }
        }
        for agent in self.away.clone() {
            if self.chance.yes(RETURNS) {
                self.away.remove(&agent);
                self.owed.push(Fact::Agent(agent, AgentFact::Ready));
            }
        }
    }

    /// Signs agents out and in, gives them other campaigns, breaks legs, and pauses campaigns.
    fn disturb(&mut self) {
        let all = u32::try_from(self.town.campaigns.len()).unwrap_or(u32::MAX);
        if self.chance.yes(LEAVES)
            && let Some(agent) = self.somebody(|_| true)
        {
            self.owed.push(Fact::Agent(agent, AgentFact::LoggedOut));
        }
        if self.chance.yes(MOVES)
            && let Some(agent) = self.somebody(|_| true)
        {
            let served = (1..=all).filter(|_| self.chance.yes(0.6)).map(CampaignId);
            let served = served.collect::<Vec<_>>();
            let mut campaigns = if served.is_empty() { vec![CampaignId(1)] } else { served };
            if self.chance.yes(TURNED) {
                campaigns.reverse();
            }
            if self.chance.yes(BESIDE) {
                let unset = u32::try_from(self.chance.below(UNSET)).unwrap_or_default();
                campaigns.push(CampaignId(100 + unset));
            }
            let settings = agent::Settings { campaigns, pause_at_login: PauseId(0) };
            self.owed.push(Fact::Agent(agent, AgentFact::Set(settings)));
        }
        if self.chance.yes(self.falls)
            && let Some(agent) = self.somebody(|_| true)
            && self.dialer.agent(self.clock(), agent).is_some_and(|agent| agent.leg_up)
        {
            self.seen.falls += 1;
            self.owed.push(Fact::Agent(agent, AgentFact::LegDown));
        }
        for id in (1..=all).map(CampaignId) {
            if self.chance.yes(PAUSES) {
                self.owed.push(Fact::Campaign(id, CampaignFact::Paused));
            } else if self.chance.yes(COMES) {
                self.owed.push(Fact::Campaign(id, CampaignFact::Started));
            }
        }
        for agent in self.out.clone() {
            if self.chance.yes(COMES) {
                self.out.remove(&agent);
                self.owed.push(Fact::Agent(agent, AgentFact::LoggedIn));
            }
        }
        for agent in self.shown.clone() {
            if self.chance.yes(DECIDES) {
                self.shown.remove(&agent);
                let skips = self.chance.yes(0.3);
                let skipped = AgentFact::PreviewSkipped(SkipReason::Later);
                let fact = if skips { skipped } else { AgentFact::PreviewDialed };
                self.owed.push(Fact::Agent(agent, fact));
            }
        }
    }

    /// Gives those who answered calls of a campaign's rate, those abandoned of them, and of these
    /// the ones whom broken legs may have left without an agent.
    fn tally(&self, id: CampaignId) -> (u64, u64, u64) {
        let (answered, abandoned) = self.dialer.tally(id);
        let alone = self.town.campaigns.len() == 1;
        let forced = if alone { self.forced.len() as u64 } else { self.seen.falls };
        (answered, abandoned, forced)
    }

    /// Fails if a strict campaign is above its cap.
    fn judge(&mut self, told: &str) {
        for id in self.town.strict().collect::<Vec<_>>() {
            let (answered, abandoned, forced) = self.tally(id);
            let allowed = CAP * answered as f64;
            let counted = abandoned.saturating_sub(forced) as f64;
            assert!(
                counted <= allowed,
                "{told}: {abandoned} of {answered} abandoned in {id}, {forced} of them by a broken \
                 leg: {:?}",
                self.town
            );
            if allowed >= ALLOWED {
                self.seen.nearest = self.seen.nearest.max(counted / allowed);
            }
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
            let failed = CallFact::Failed { failure: Failure::NoAnswer, cause: 480, after: None };
            let fact = match (self.chance.yes(answers), self.chance.yes(fails)) {
                (true, _) => CallFact::Answered,
                (false, true) => failed,
                (false, false) => continue,
            };
            self.ringing.remove(&call);
            self.owed.push(Fact::Call(call, fact));
        }
        self.judge_and_rest();
        self.disturb();
        for agent in self.writing.clone() {
            self.writing.remove(&agent);
            let rests = self.chance.yes(BREAKS);
            let fact = if rests { AgentFact::Paused(BREAK) } else { AgentFact::Ready };
            self.owed.push(Fact::Agent(agent, fact));
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

fn campaign(zone: Zone, mode: Mode, shared: Option<RateId>, listen: bool) -> Campaign {
    let base = Campaign::new(mode, TrunkId(1), zone);
    Campaign {
        ring_max: RING_MAX,
        listen,
        abandon: campaign::Abandon { cap: Ratio::new(CAP), ..base.abandon },
        // The whole campaign is one window: nothing is ever forgiven.
        account: account::Settings { window: account::Window::Campaign, shared, ..base.account },
        ..base
    }
}

fn adversary(town: &Town, seed: u64) -> Result<Adversary<'_>, Box<dyn std::error::Error>> {
    let zone = Zone::new("Europe/Paris")?;
    let trunk =
        trunks::Settings { channels: 500, calls_per_second: 1_000.0, burst: 500, rest: None };
    let mut owed = vec![Fact::Trunk(TrunkId(1), TrunkFact::Set(trunk))];
    for (id, (mode, rate)) in (1..).map(CampaignId).zip(&town.campaigns) {
        let listen = (u64::from(id.0) + seed).is_multiple_of(2);
        let settings = Box::new(campaign(zone.clone(), *mode, *rate, listen));
        owed.push(Fact::Campaign(id, CampaignFact::Set(settings)));
        owed.push(Fact::Campaign(id, CampaignFact::Started));
    }
    for (agent, campaigns) in (1..).map(AgentId).zip(&town.agents) {
        let campaigns = campaigns.clone();
        let settings = agent::Settings { campaigns, pause_at_login: PauseId(0) };
        let facts = [AgentFact::Set(settings), AgentFact::LoggedIn];
        owed.extend(facts.map(|fact| Fact::Agent(agent, fact)));
    }
    Ok(Adversary {
        dialer: Dialer::new(Settings { node: 1, first_call: 1, seed }),
        town,
        now: Mono::START,
        chance: Stream::new(seed, Actor::Maker),
        zone,
        owed,
        contacts: 1,
        dialed: BTreeMap::new(),
        ringing: BTreeSet::new(),
        listening: BTreeSet::new(),
        talking: BTreeMap::new(),
        writing: BTreeSet::new(),
        away: BTreeSet::new(),
        out: BTreeSet::new(),
        shown: BTreeSet::new(),
        forced: BTreeSet::new(),
        legs: true,
        owned: OWNED,
        falls: FALLS,
        mood: [0.2, 0.2, 0.2],
        seen: Seen::default(),
    })
}

/// Plays a town, half of the steps with legs that break; no strict campaign's rate may ever be
/// above the cap.
fn play(town: &Town, steps: u64, seed: u64) -> Result<Seen, Box<dyn std::error::Error>> {
    let mut seen = Seen::default();
    for falls in [FALLS, 0.0] {
        let mut world = adversary(town, seed)?;
        world.falls = falls;
        for step in 0..steps / 2 {
            world.batch();
            world.judge(&format!("seed {seed}, step {step}, legs break at {falls}"));
            world.play();
        }
        seen.add(world.seen);
    }
    Ok(seen)
}

fn steps() -> Result<u64, std::num::ParseIntError> {
    std::env::var("CADRAN_STEPS").map_or(Ok(STEPS), |text| text.parse())
}

/// So many agents who serve these campaigns, the first choice going round.
fn serving(count: u32, campaigns: &[u32]) -> Vec<Vec<CampaignId>> {
    let ids = campaigns.iter().copied().map(CampaignId).cycle();
    let some = |nth: u32| ids.clone().skip(nth as usize).take(campaigns.len()).collect();
    (0..count).map(some).collect()
}

#[test]
fn no_adversary_takes_a_strict_campaign_over_its_cap() -> Claim {
    let steps = steps()?;
    let pools = [1, 2, 5, 20];
    let mut seen = Seen::default();
    for (agents, seed) in pools.into_iter().zip(1..) {
        let town = Town { campaigns: vec![(STRICT, None)], agents: serving(agents, &[1]) };
        seen.add(play(&town, steps / pools.len() as u64, seed)?);
    }
    seen.enough(steps / 1_000, steps / 1_000, 0.9);
    Ok(())
}

#[test]
fn no_adversary_takes_two_campaigns_of_one_rate_over_its_cap() -> Claim {
    let steps = steps()? / 4;
    let one_pool = |agents| serving(agents, &[1, 2]);
    let two_pools = |one, two| [serving(one, &[1]), serving(two, &[2])].concat();
    let pools = [one_pool(3), one_pool(12), two_pools(2, 6), two_pools(10, 10)];
    let mut seen = Seen::default();
    for (agents, seed) in pools.into_iter().zip(1..) {
        let town = Town { campaigns: vec![(STRICT, SHARED), (STRICT, SHARED)], agents };
        seen.add(play(&town, steps / 4, seed)?);
    }
    seen.enough(steps / 1_000, steps / 1_250, 0.9);
    Ok(())
}

/// Three campaigns, the first strict and the others of any kind, and agents who serve any of them.
fn random_town(seed: u64) -> Town {
    let mut chance = Stream::new(seed, Actor::Maker);
    let kinds = [
        (STRICT, SHARED),
        (STRICT, None),
        (EXPECTED, None),
        (Mode::Progressive, SHARED),
        (Mode::Progressive, None),
        (Mode::Power { lines_per_agent: 2.0 }, None),
        (Mode::Preview, SHARED),
    ];
    let mut campaigns = vec![(STRICT, SHARED)];
    let kind = |chance: &mut Stream| {
        kinds.get(usize::try_from(chance.below(kinds.len() as u64)).ok()?).copied()
    };
    campaigns.extend((0..2).filter_map(|_| kind(&mut chance)));
    let agents = 2 + chance.below(10);
    let some = |chance: &mut Stream| {
        let served = (1..=3).filter(|_| chance.yes(0.6)).map(CampaignId).collect::<Vec<_>>();
        if served.is_empty() { vec![CampaignId(1)] } else { served }
    };
    Town { campaigns, agents: (0..agents).map(|_| some(&mut chance)).collect() }
}

#[test]
fn no_adversary_takes_a_strict_rate_over_its_cap_in_random_shared_pools() -> Claim {
    let towns = 16;
    let all = steps()? / 5;
    let steps = all / towns;
    let mut seen = Seen::default();
    for seed in 1..=towns {
        seen.add(play(&random_town(seed), steps, seed)?);
    }
    // Each town is small and played for a short time.
    seen.enough(all / 1_000, all / 1_000, 0.5);
    Ok(())
}

#[test]
fn no_line_dared_is_left_when_the_day_ends() -> Claim {
    let mut seen = Seen::default();
    for seed in 1..=40 {
        let town = Town { campaigns: vec![(STRICT, None)], agents: serving(5, &[1]) };
        let mut world = adversary(&town, seed)?;
        // Who was forced is counted since the start, who was abandoned since midnight.
        world.falls = 0.0;
        let base = campaign(world.zone.clone(), STRICT, None, false);
        let account = account::Settings { window: account::Window::Day, ..base.account.clone() };
        let settings = Box::new(Campaign { account, ..base });
        world.owed.push(Fact::Campaign(CampaignId(1), CampaignFact::Set(settings)));
        // In Paris, in winter, the day ends at 23:00 UTC.
        let midnight = Mono::START + Span::secs(23 * 3_600);
        world.now = Mono::micros(midnight.as_micros() - Span::secs(1_800).as_micros());
        while world.now < midnight + Span::secs(30) {
            world.batch();
            world.judge(&format!("seed {seed}, {:?} before midnight", midnight.since(world.now)));
            if world.now >= midnight {
                // The worst of every line at once: answered, and nobody comes free.
                world.mood = [1.0, 0.0, 0.0];
            }
            world.play();
        }
        seen.add(world.seen);
    }
    assert!(seen.beyond > 20, "{seen:?}: nothing was tested");
    Ok(())
}
