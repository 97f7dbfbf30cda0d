//! The oracle must see what it is there to see: every claim about a dialer is broken once.

use super::*;
use crate::core::campaign::Mode;
use crate::core::fact::Heard;
use crate::core::order::{Dial, DoneReason, EndedBy, Next};
use crate::sim::plan::List;
use crate::sim::swarm;
use crate::units::{NumberId, PauseId, Ratio};

const K: CampaignId = CampaignId(1);
const T: TrunkId = TrunkId(1);
const ONE: AgentId = AgentId(1);
const TWO: AgentId = AgentId(2);

struct Scene {
    oracle: Oracle,
    now: Now,
}

impl Scene {
    /// Two ready agents, one progressive campaign that does not listen, persons wait 2 s.
    fn new() -> Result<Self, swarm::NoWorld> {
        let mut plan = swarm::plan(1)?;
        plan.campaigns.truncate(1);
        plan.agents = vec![vec![K], vec![K]];
        for (_, trunk) in &mut plan.trunks {
            trunk.channels = 3;
            trunk.calls_per_second = 1.0;
            trunk.burst = 3;
        }
        let campaign = &mut plan.campaigns[0];
        campaign.list = List::Endless;
        campaign.settings.mode = Mode::Progressive;
        campaign.settings.listen = false;
        campaign.settings.abandon.within = Span::secs(2);
        campaign.settings.rules.attempts = Vec::new();
        let now = Now { mono: Mono::START, wall: plan.start };
        let mut scene = Self { oracle: Oracle::new(&plan), now };
        for agent in [ONE, TWO] {
            scene.oracle.fact(now, &Fact::Agent(agent, AgentFact::LegUp));
        }
        scene.gives(vec![shown(ONE, AgentState::Ready), shown(TWO, AgentState::Ready)]);
        Ok(scene)
    }

    fn at(&mut self, millis: u64) -> &mut Self {
        let gap = (Mono::START + Span::millis(millis)).since(self.now.mono);
        self.now = Now { mono: self.now.mono + gap, wall: self.now.wall + gap };
        self
    }

    fn hears(&mut self, call: u64, fact: CallFact) -> &mut Self {
        self.oracle.fact(self.now, &Fact::Call(CallId(call), fact));
        self
    }

    fn gives(&mut self, orders: Vec<Order>) -> &mut Self {
        self.oracle.orders(self.now, &orders);
        self
    }

    fn dials(&mut self, calls: &[u64]) -> &mut Self {
        let now = self.now;
        let orders = calls.iter().flat_map(|call| [opened(now, *call), dial(*call)]);
        self.gives(orders.collect())
    }

    fn finds(&self, what: &str) {
        let found = &self.oracle.findings;
        assert!(found.iter().any(|finding| finding.what.contains(what)), "{what}: {found:?}");
    }

    fn is_content(&self) {
        assert_eq!(self.oracle.findings, Vec::new());
    }
}

fn shown(agent: AgentId, state: AgentState) -> Order {
    Order::Record(Record::AgentState { agent, state })
}

fn opened(now: Now, call: u64) -> Order {
    Order::Record(Record::Opened(Opened {
        call: CallId(call),
        campaign: K,
        contact: ContactId(call),
        number: NumberId(call),
        person: PersonId(call),
        trunk: T,
        caller_id: 0,
        attempt: 1,
        agent: None,
        chance: None,
        receipt: None,
        at: now.wall,
    }))
}

fn dial(call: u64) -> Order {
    Order::Dial(Dial {
        call: CallId(call),
        campaign: K,
        contact: ContactId(call),
        number: NumberId(call),
        trunk: T,
        caller_id: 0,
        ring_max: Span::secs(30),
    })
}

fn closed(now: Now, call: u64, outcome: Outcome) -> Order {
    Order::Record(Record::Closed(Closed {
        call: CallId(call),
        campaign: K,
        contact: ContactId(call),
        number: NumberId(call),
        outcome,
        forced: false,
        cause: 0,
        ended_by: EndedBy::Dialer,
        agent: None,
        heard: None,
        ringing: None,
        answered: None,
        bridged: None,
        ended: now.wall,
        held: Span::ZERO,
        next: Next::Done(DoneReason::Exhausted),
    }))
}

fn bridge(call: u64, agent: AgentId) -> Order {
    Order::Bridge(CallId(call), agent)
}

fn talking(call: u64, agent: AgentId) -> Vec<Order> {
    vec![bridge(call, agent), shown(agent, AgentState::Talking(CallId(call)))]
}

type Claim = Result<(), swarm::NoWorld>;

#[test]
fn a_call_that_goes_well_leaves_the_oracle_content() -> Claim {
    let mut scene = Scene::new()?;
    scene.dials(&[1]).at(500).hears(1, CallFact::Answered).gives(talking(1, ONE));
    scene.at(9_000).hears(1, CallFact::HungUp);
    let over = closed(scene.now, 1, Outcome::Connected);
    let told = Order::Record(Record::Completed(CallId(1)));
    scene.gives(vec![over, shown(ONE, AgentState::LoggedOut), told]);
    scene.gives(vec![shown(TWO, AgentState::LoggedOut)]);
    scene.oracle.at_rest(scene.now.mono);
    scene.is_content();
    Ok(())
}

#[test]
fn more_lines_than_idle_agents_are_seen() -> Claim {
    let mut scene = Scene::new()?;
    scene.dials(&[1, 2]).is_content();
    scene.dials(&[3]).finds("3 lines for 2 idle agents");
    Ok(())
}

#[test]
fn a_full_trunk_and_a_drained_bucket_are_seen() -> Claim {
    let mut scene = Scene::new()?;
    scene.dials(&[1, 2, 3, 4]).finds("which is full");
    scene.finds("left too soon");
    Ok(())
}

#[test]
fn a_person_passed_over_or_left_waiting_is_seen() -> Claim {
    let mut scene = Scene::new()?;
    scene.dials(&[1, 2]).gives(vec![shown(TWO, AgentState::Paused(PauseId(1)))]);
    scene.gives(vec![shown(ONE, AgentState::Reserved(CallId(2)))]);
    scene.at(10).hears(1, CallFact::Answered).at(20).hears(2, CallFact::Answered);
    scene.gives(talking(2, ONE)).finds("a later person was served first");

    let mut scene = Scene::new()?;
    scene.dials(&[1]).at(10).hears(1, CallFact::Answered).gives(Vec::new());
    scene.finds("waiting while A1 is free");
    Ok(())
}

#[test]
fn abandoning_too_early_or_too_late_is_seen() -> Claim {
    let mut scene = Scene::new()?;
    let away = |agent| shown(agent, AgentState::Paused(PauseId(1)));
    scene.dials(&[1, 2]).gives(vec![away(ONE), away(TWO)]);
    scene.hears(1, CallFact::Answered).hears(2, CallFact::Answered).at(1_900);
    scene.gives(vec![closed(scene.now, 1, Outcome::Abandoned)]).finds("abandoned after 1.900s");
    scene.at(2_010).gives(Vec::new()).finds("waiting beyond the limit");
    Ok(())
}

#[test]
fn an_agent_with_two_calls_and_a_call_with_two_agents_are_seen() -> Claim {
    let mut scene = Scene::new()?;
    scene.dials(&[1, 2]).hears(1, CallFact::Answered).hears(2, CallFact::Answered);
    scene.gives(vec![bridge(1, ONE), bridge(2, ONE)]).finds("while talking on C1");
    scene.gives(vec![bridge(1, TWO)]).finds("and to A1 before");
    Ok(())
}

#[test]
fn bridging_a_ghost_is_seen() -> Claim {
    let mut scene = Scene::new()?;
    scene.dials(&[1]).gives(vec![bridge(1, ONE)]).finds("nobody on the line");
    let mut scene = Scene::new()?;
    scene.oracle.fact(scene.now, &Fact::Agent(ONE, AgentFact::LegDown));
    scene.dials(&[1]).hears(1, CallFact::Answered).gives(vec![bridge(1, ONE)]);
    scene.finds("who has no leg");
    Ok(())
}

#[test]
fn a_call_without_row_or_end_is_seen() -> Claim {
    let mut scene = Scene::new()?;
    scene.gives(vec![dial(1)]).finds("without a row");
    scene.dials(&[2]);
    let twice = closed(scene.now, 2, Outcome::Busy);
    scene.gives(vec![twice.clone(), twice]).finds("closed twice");
    scene.dials(&[3]).oracle.at_rest(Mono::START);
    scene.finds("C2 was never completed");
    scene.finds("C3 was never closed");
    scene.finds("A1 never came free");
    Ok(())
}

#[test]
fn a_machine_s_verdict_makes_nobody_wait() -> Claim {
    let mut scene = Scene::new()?;
    if let Some(campaign) = scene.oracle.campaigns.get_mut(&K) {
        campaign.settings.listen = true;
    }
    let heard = |what| CallFact::Heard(Heard { what, confidence: Ratio::new(1.0) });
    scene.dials(&[1, 2]).hears(1, CallFact::Answered).hears(1, heard(Answerer::Machine));
    scene.gives(Vec::new()).is_content();
    scene.hears(2, CallFact::Answered).hears(2, heard(Answerer::Human));
    scene.gives(Vec::new()).finds("C2 has a person waiting while A1 is free");
    Ok(())
}
