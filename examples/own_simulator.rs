//! Another simulator drives the dialer: facts in, orders out, its own clock and its own chance.
//!
//! `cargo run --release --no-default-features --example own_simulator -- 20 6` plays 20 agents for
//! 6 hours: exponential rings, talks and write-ups, one call in four answered by a person.

use std::collections::BTreeMap;
use std::io::Write as _;

use cadran::core::campaign::{Guarantee, Mode, Settings as Campaign};
use cadran::core::fact::{AgentFact, CallFact, CampaignFact, Failure, Lead, LeadNumber};
use cadran::core::fact::{Supply, TrunkFact};
use cadran::core::{Dialer, Fact, Order, Settings, agent, rules, trunks};
use cadran::units::{AgentId, CampaignId, ContactId, NumberId, PauseId, PersonId, TrunkId};
use cadran::units::{Mono, Now, Span, Wall, Zone};
use rand_core::Rng as _;
use rand_pcg::Pcg64Mcg;

const CAMPAIGN: CampaignId = CampaignId(1);
const TRUNK: TrunkId = TrunkId(1);
const UNANSWERED: CallFact =
    CallFact::Failed { failure: Failure::NoAnswer, cause: 480, after: None };

/// What a world is made of: the dialer, the time, what will happen, and chance.
struct World {
    dialer: Dialer,
    now: Mono,
    queue: BTreeMap<Mono, Vec<Fact>>,
    chance: Pcg64Mcg,
    zone: Zone,
    contacts: u64,
    busy: Span,
}

impl World {
    fn exponential(&mut self, mean: f64) -> Span {
        let unit = f64::from(self.chance.next_u32()) / 4_294_967_296.0;
        Span::from_secs_f64(-mean * libm::log(1.0 - unit))
    }

    fn later(&mut self, gap: Span, fact: Fact) {
        self.queue.entry(self.now + gap).or_default().push(fact);
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing is shown, played or written here")]
    fn perform(&mut self, order: Order) {
        match order {
            Order::Dial(dial) => {
                let ring = self.exponential(12.0);
                let answers = self.chance.next_u32().is_multiple_of(4);
                let fact = if answers { CallFact::Answered } else { UNANSWERED };
                self.later(ring, Fact::Call(dial.call, fact));
            }
            Order::Bridge(call, agent) => {
                let (talk, wrap) = (self.exponential(160.0), self.exponential(20.0));
                self.busy += talk + wrap;
                self.later(talk, Fact::Call(call, CallFact::HungUp));
                self.later(talk + wrap, Fact::Agent(agent, AgentFact::Ready));
            }
            Order::HangUp(call) => self.later(Span::ZERO, Fact::Call(call, CallFact::Gone)),
            Order::Cancel(call) => self.later(Span::ZERO, Fact::Call(call, UNANSWERED)),
            Order::RaiseLeg(agent) => {
                self.later(Span::ZERO, Fact::Agent(agent, AgentFact::LegUp));
                self.later(Span::ZERO, Fact::Agent(agent, AgentFact::Ready));
            }
            Order::Claim { count, .. } => {
                let ids = self.contacts..self.contacts + u64::from(count);
                self.contacts = ids.end;
                let number = |id| LeadNumber::new(NumberId(id), PersonId(id), self.zone.clone());
                let leads = ids.map(|id| Lead::new(ContactId(id), vec![number(id)])).collect();
                let supply = Supply { due: 1_000_000, ..Supply::default() };
                let claimed = CampaignFact::Claimed { leads, supply };
                self.later(Span::ZERO, Fact::Campaign(CAMPAIGN, claimed));
            }
            _ => {}
        }
    }

    /// Goes from moment to moment, when something happens or the dialer wants to wake: the facts
    /// of the moment, one settling, its orders.
    fn run(&mut self, until: Mono) {
        loop {
            let happens = self.queue.keys().next().copied();
            let wakes = self.dialer.next_wake().map(|(at, _)| at.max(self.now));
            let next = [happens, wakes].into_iter().flatten().min();
            let Some(at) = next.filter(|at| *at < until) else { return };
            self.now = at;
            let now = Now { mono: at, wall: Wall::micros(0) + at.since(Mono::START) };
            let facts = self.queue.remove(&at).unwrap_or_default();
            facts.into_iter().for_each(|fact| self.dialer.take(now, fact));
            self.dialer.settle(now);
            while let Some(order) = self.dialer.next_order() {
                self.perform(order);
            }
        }
    }
}

/// Plays from midnight until the calling hours end, which tell the pacer how much of its day is
/// left; gives the share of it the agents were busy, who answered and who was abandoned.
fn play(agents: u32, hours: u16) -> Result<(f64, u64, u64), Box<dyn std::error::Error>> {
    let dialer = Dialer::new(Settings { node: 1, first_call: 1, seed: 1 });
    let (now, queue, chance) = (Mono::START, BTreeMap::new(), Pcg64Mcg::new(0x5eed));
    let (zone, busy) = (Zone::new("UTC")?, Span::ZERO);
    let mut world = World { dialer, now, queue, chance, zone, contacts: 1, busy };
    let mode = Mode::Predictive { guarantee: Guarantee::Expected };
    let mut campaign = Campaign::new(mode, TRUNK, world.zone.clone());
    let today = rules::DaySpan { from: 0, to: 60 * hours };
    campaign.rules.week.days = std::array::from_fn(|_| vec![today]);
    let trunk =
        trunks::Settings { channels: 10 * agents, calls_per_second: 100.0, burst: 100, rest: None };
    world.later(Span::ZERO, Fact::Trunk(TRUNK, TrunkFact::Set(trunk)));
    for fact in [CampaignFact::Set(Box::new(campaign)), CampaignFact::Started] {
        world.later(Span::ZERO, Fact::Campaign(CAMPAIGN, fact));
    }
    for agent in (1..=agents).map(AgentId) {
        let settings = agent::Settings { campaigns: vec![CAMPAIGN], pause_at_login: PauseId(0) };
        world.later(Span::ZERO, Fact::Agent(agent, AgentFact::Set(settings)));
        world.later(Span::ZERO, Fact::Agent(agent, AgentFact::LoggedIn));
    }
    let day = Span::secs(3_600).times(u64::from(hours));
    world.run(Mono::START + day);
    let (answered, abandoned) = world.dialer.tally(CAMPAIGN);
    let share = world.busy.as_secs_f64() / day.as_secs_f64() / f64::from(agents);
    Ok((share, answered, abandoned))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let agents: u32 = words.next().map_or(Ok(20), |word| word.parse())?;
    let hours: u16 = words.next().map_or(Ok(6), |word| word.parse())?;
    let (busy, answered, abandoned) = play(agents, hours.min(24))?;
    let told = format!("occupancy {:.1} %, {abandoned} of {answered} abandoned", 100.0 * busy);
    Ok(writeln!(std::io::stdout(), "{agents} agents, {hours} h: {told}")?)
}

#[test]
fn it_keeps_ten_agents_busier_than_one_line_each_would_and_within_the_cap()
-> Result<(), Box<dyn std::error::Error>> {
    // One line an idle agent rings 48 s for each 180 s of talk and write-up.
    let progressive = 180.0 / (180.0 + 48.0);
    let (occupancy, answered, abandoned) = play(10, 3)?;
    assert!((progressive + 0.05..0.95).contains(&occupancy), "{occupancy}");
    assert!(answered > 300 && abandoned as f64 <= 0.03 * answered as f64, "{abandoned}");
    Ok(())
}
