//! Random stories: whatever an engine, a carrier, agents and a store could ever tell, in any
//! order, and then a calm end in which the driver does as it is told.

use std::collections::BTreeMap;

use cadran::core::campaign::{
    self, Abandon, Disposition, DispositionClass, Guarantee, Mode, Route, Then, Wrap,
};
use cadran::core::fact::{
    AgentFact, Answerer, CallFact, Callback, CampaignFact, DncScope, Failure, Heard, InboundFact,
    Lead, LeadNumber, NumberClass, SkipReason, Supply, TrunkFact,
};
use cadran::core::order::InboundOrder;
use cadran::core::pacing::account;
use cadran::core::rules::{AttemptCap, Week};
use cadran::core::shown::Cap;
use cadran::core::{
    Dialer, Fact, Order, Settings, agent, breaker, hopper, inbound, recycle, respect, rules, trunks,
};
use cadran::units::{
    AgentId, CallId, CampaignId, ClientId, ContactId, DispositionId, InboundId, Mono, Now,
    NumberId, PauseId, PersonId, Ratio, RouteGroup, ShownId, Span, TrunkId, Wall, Zone,
};
use proptest::collection::vec;
use proptest::prelude::*;

use super::ledger::Ledger;

const AGENTS: u32 = 4;
const CAMPAIGNS: u32 = 2;

/// One batch: time that passes, then facts.
#[derive(Clone, Debug)]
struct Batch {
    after: Span,
    facts: Vec<Told>,
}

/// One fact; a call is named by how lately it was opened.
#[derive(Clone, Debug)]
enum Told {
    Fact(Fact),
    Call(u64, CallFact),
    Qualified(AgentId, u64, u16),
    /// The store answers a claim with so many contacts from there on.
    Claimed(CampaignId, u64, u64, Option<AgentId>),
    /// The driver does what its orders say, and the callee picks up if `true`.
    Obedient(bool),
}

/// A world and what happens in it.
#[derive(Clone, Debug)]
pub(super) struct Story {
    modes: [Mode; 2],
    listen: bool,
    wrap: Option<Span>,
    respect: respect::Settings,
    batches: Vec<Batch>,
}

/// Gives random stories.
pub(super) fn story() -> impl Strategy<Value = Story> {
    let mode = || {
        prop_oneof![
            2 => Just(Mode::Progressive),
            1 => Just(Mode::Preview),
            1 => (1.0..4.0).prop_map(|lines_per_agent| Mode::Power { lines_per_agent }),
            1 => Just(Mode::Directed),
            1 => Just(Mode::Predictive { guarantee: Guarantee::Expected }),
            1 => Just(Mode::Predictive { guarantee: Guarantee::Strict }),
        ]
    };
    let wrap = prop_oneof![Just(None), (0..30_u64).prop_map(|secs| Some(Span::secs(secs)))];
    let batch = (prop_oneof![Just(0), 1..3_000_u64, 1..60_000_u64], vec(told(), 0..5))
        .prop_map(|(millis, facts)| Batch { after: Span::millis(millis), facts });
    let respect = (0..20_u64, proptest::option::of(0.3..1.0), proptest::option::of(1..4_u32))
        .prop_map(|(breath, ceiling, hard_from)| respect::Settings {
            breath: Span::secs(breath.saturating_sub(10)),
            occupancy_max: ceiling.map(Ratio::new),
            hard_from,
        });
    ([mode(), mode()], any::<bool>(), wrap, respect, vec(batch, 1..120)).prop_map(
        |(modes, listen, wrap, respect, batches)| Story { modes, listen, wrap, respect, batches },
    )
}

fn told() -> impl Strategy<Value = Told> {
    let campaign = || (1..=CAMPAIGNS).prop_map(CampaignId);
    let who = || (1..=AGENTS).prop_map(AgentId);
    let agent_fact = prop_oneof![
        3 => Just(AgentFact::LoggedIn),
        4 => Just(AgentFact::LegUp),
        1 => Just(AgentFact::LegDown),
        6 => Just(AgentFact::Ready),
        1 => (0..3_u16).prop_map(|code| AgentFact::Paused(PauseId(code))),
        1 => Just(AgentFact::LoggedOut),
        2 => Just(AgentFact::PreviewDialed),
        1 => Just(AgentFact::PreviewSkipped(SkipReason::Later)),
        1 => Just(AgentFact::HungUp),
        1 => Just(AgentFact::Held),
        1 => Just(AgentFact::Retrieved),
        1 => Just(AgentFact::WrapExtended(Span::secs(10))),
        1 => vec(campaign(), 0..3).prop_map(|campaigns| {
            AgentFact::Set(agent::Settings { campaigns, pause_at_login: PauseId(0) })
        }),
    ];
    let campaign_fact = prop_oneof![
        6 => Just(CampaignFact::Started),
        1 => Just(CampaignFact::Paused),
        1 => Just(CampaignFact::Drained),
        1 => Just(CampaignFact::Stopped),
        1 => Just(CampaignFact::Refilled),
        4 => (0..20_u32).prop_map(CampaignFact::Directed),
    ];
    let trunk_fact = prop_oneof![
        2 => Just(TrunkFact::Up),
        1 => Just(TrunkFact::Down),
        1 => Just(TrunkFact::Spared(Span::secs(3))),
        1 => (0..3_u32).prop_map(|calls| {
            TrunkFact::Receives(inbound::Limits { calls, calls_per_second: 0.5 })
        }),
    ];
    let scope = prop_oneof![
        Just(DncScope::Everyone),
        Just(DncScope::Client(ClientId(1))),
        Just(DncScope::Campaign(CampaignId(2))),
    ];
    let owner = prop_oneof![3 => Just(None), 1 => who().prop_map(Some)];
    prop_oneof![
        8 => (who(), agent_fact).prop_map(|(id, fact)| Told::Fact(Fact::Agent(id, fact))),
        2 => (campaign(), campaign_fact)
            .prop_map(|(id, fact)| Told::Fact(Fact::Campaign(id, fact))),
        1 => (1..=2_u32, trunk_fact)
            .prop_map(|(id, fact)| Told::Fact(Fact::Trunk(TrunkId(id), fact))),
        1 => (0..40_u64, scope).prop_map(|(id, s)| Told::Fact(Fact::DoNotCall(PersonId(id), s))),
        1 => (0..40_u64, 1..=2_u32)
            .prop_map(|(id, of)| Told::Fact(Fact::Withdrawn(PersonId(id), ClientId(of)))),
        3 => (0..4_u64, inbound_fact())
            .prop_map(|(id, fact)| Told::Fact(Fact::Inbound(InboundId(id), fact))),
        1 => (0..40_u64).prop_map(|id| Told::Fact(Fact::Erased(ContactId(id)))),
        8 => (0..6_u64, call_fact()).prop_map(|(back, fact)| Told::Call(back, fact)),
        1 => (who(), 0..4_u64, 0..5_u16).prop_map(|(a, back, d)| Told::Qualified(a, back, d)),
        4 => (campaign(), 0..40_u64, 0..8_u64, owner)
            .prop_map(|(id, first, count, owner)| Told::Claimed(id, first, count, owner)),
        4 => any::<bool>().prop_map(Told::Obedient),
    ]
}

fn inbound_fact() -> impl Strategy<Value = InboundFact> {
    let campaigns = || vec((1..=CAMPAIGNS).prop_map(CampaignId), 0..3);
    let wish =
        (vec((0..40_u64).prop_map(PersonId), 0..2), vec((1..=2_u32).prop_map(ClientId), 0..2));
    prop_oneof![
        3 => (1..=2_u32, campaigns(), any::<bool>()).prop_map(|(trunk, campaigns, known)| {
            InboundFact::Arrived { trunk: TrunkId(trunk), campaigns, known }
        }),
        2 => campaigns().prop_map(|some| InboundFact::Identified(some.first().copied())),
        3 => Just(InboundFact::Answered),
        2 => Just(InboundFact::Played),
        2 => prop_oneof![Just('9'), Just('1')].prop_map(InboundFact::Pressed),
        1 => wish.prop_map(|(persons, clients)| InboundFact::Noted { persons, clients }),
        1 => Just(InboundFact::NotNoted),
        2 => Just(InboundFact::Gone),
    ]
}

fn call_fact() -> impl Strategy<Value = CallFact> {
    let heard = |what| CallFact::Heard(Heard { what, confidence: Ratio::new(0.5) });
    let failed = |failure| CallFact::Failed { failure, cause: 1, after: None };
    prop_oneof![
        3 => Just(CallFact::Ringing),
        1 => Just(CallFact::EarlyMedia),
        5 => Just(CallFact::Answered),
        1 => Just(CallFact::Unusable(488)),
        3 => Just(heard(Answerer::Human)),
        1 => Just(heard(Answerer::Machine)),
        1 => Just(failed(Failure::Busy)),
        1 => Just(failed(Failure::Invalid)),
        1 => Just(failed(Failure::Congestion)),
        1 => Just(failed(Failure::Cancelled)),
        2 => Just(CallFact::HungUp),
        1 => Just(CallFact::Lost),
        1 => Just(CallFact::NoticePlayed),
        1 => Just(CallFact::TransferWanted),
        1 => Just(CallFact::Transferred),
        2 => Just(CallFact::Gone),
        1 => Just(CallFact::NotRecorded),
    ]
}

struct Stage {
    dialer: Dialer,
    ledger: Ledger,
    now: Now,
    opened: Vec<CallId>,
    /// What an obedient driver still has to tell.
    owed: Vec<Fact>,
    claimed: u64,
    zone: Zone,
}

/// Plays a story to its end.
///
/// # Errors
/// What the dialer must not have done.
pub(super) fn play(story: &Story) -> Result<(), String> {
    let mut stage = Stage {
        dialer: Dialer::new(Settings { node: 1, first_call: 1, seed: 1 }),
        ledger: Ledger::owing(story.respect.breath),
        now: Now { mono: Mono::START, wall: Wall::micros(1_800_000_000_000_000) },
        opened: Vec::new(),
        owed: Vec::new(),
        claimed: 0,
        zone: Zone::new("Europe/Paris").map_err(|error| error.to_string())?,
    };
    stage.batch(world(story))?;
    for batch in &story.batches {
        stage.pass(batch.after)?;
        let facts = batch.facts.iter().flat_map(|told| stage.facts(told)).collect();
        stage.batch(facts)?;
    }
    stage.come_to_rest()
}

impl Stage {
    fn facts(&mut self, told: &Told) -> Vec<Fact> {
        let lately = |back: u64| {
            let back = usize::try_from(back).unwrap_or(0);
            self.opened.iter().rev().nth(back).copied().unwrap_or(CallId(back as u64))
        };
        match told {
            Told::Fact(fact) => vec![fact.clone()],
            Told::Call(back, fact) => vec![Fact::Call(lately(*back), *fact)],
            Told::Qualified(agent, back, disposition) => {
                let fact = AgentFact::Qualified {
                    call: lately(*back),
                    disposition: DispositionId(*disposition),
                    callback: Some(Callback {
                        at: self.now.wall + Span::secs(60),
                        agent: Some(*agent),
                    }),
                };
                vec![Fact::Agent(*agent, fact)]
            }
            Told::Claimed(campaign, first, count, owner) => {
                let leads = (*first..first + count).map(|id| self.lead(*campaign, id, *owner));
                let leads = leads.collect();
                let supply = Supply { due: 5, ..Supply::default() };
                vec![Fact::Campaign(*campaign, CampaignFact::Claimed { leads, supply })]
            }
            Told::Obedient(picks_up) => {
                let mut facts = std::mem::take(&mut self.owed);
                if *picks_up {
                    let open = self.ledger.open();
                    facts.extend(open.into_iter().map(|id| Fact::Call(id, CallFact::Answered)));
                }
                facts
            }
        }
    }

    /// Makes a lead; contacts of both campaigns share persons, and some have no number at all.
    fn lead(&self, campaign: CampaignId, id: u64, owner: Option<AgentId>) -> Lead {
        let number = |nth: u64| LeadNumber {
            class: NumberClass::Mobile,
            group: RouteGroup(u16::from(id % 5 < 2)),
            invalid: id % 11 == 3,
            do_not_call: id % 13 == 5,
            ..LeadNumber::new(NumberId(id * 2 + nth), PersonId(id / 2 + nth), self.zone.clone())
        };
        Lead {
            attempts: u32::try_from(id % 5).unwrap_or(0),
            next_number: (id % 4 == 1).then_some(NumberId(id * 2 + 1)),
            callback: (id % 7 == 2).then_some(Callback { at: self.now.wall, agent: owner }),
            owner,
            ..Lead::new(
                ContactId(u64::from(campaign.0) * 1_000 + id),
                (0..id % 3).map(number).collect(),
            )
        }
    }

    fn batch(&mut self, facts: Vec<Fact>) -> Result<(), String> {
        // One fact a batch: only then does the model know what the dialer knew at each order.
        for fact in facts {
            self.ledger.hear(&fact);
            self.dialer.take(self.now, fact);
            self.settle()?;
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        self.dialer.settle(self.now);
        while let Some(order) = self.dialer.next_order() {
            self.ledger.note(self.now.mono, &order)?;
            match order {
                Order::Dial(dial) => self.opened.push(dial.call),
                Order::Cancel(call) => {
                    let failure = Failure::Cancelled;
                    self.owed.push(Fact::Call(
                        call,
                        CallFact::Failed { failure, cause: 487, after: None },
                    ));
                }
                Order::HangUp(call) => self.owed.push(Fact::Call(call, CallFact::Gone)),
                Order::RaiseLeg(agent) => self.owed.push(Fact::Agent(agent, AgentFact::LegUp)),
                Order::DropLeg(agent) => self.owed.push(Fact::Agent(agent, AgentFact::LegDown)),
                Order::Record(_)
                | Order::Listen(_)
                | Order::Comfort(_)
                | Order::Bridge(..)
                | Order::PlayNotice(..)
                | Order::Hold(_)
                | Order::Retrieve(_)
                | Order::Transfer(_)
                | Order::ShowPreview(..)
                | Order::ClearPreview(_)
                | Order::Release(..)
                | Order::Inbound(
                    _,
                    InboundOrder::Refuse(_)
                    | InboundOrder::Identify(_)
                    | InboundOrder::Answer
                    | InboundOrder::Play(..)
                    | InboundOrder::Note(_),
                ) => {}
                Order::Inbound(id, InboundOrder::HangUp) => {
                    self.owed.push(Fact::Inbound(id, InboundFact::Gone));
                }
                Order::Claim { campaign, count, .. } => {
                    let first = self.claimed;
                    self.claimed += u64::from(count);
                    let leads = (first..self.claimed).map(|id| self.lead(campaign, id, None));
                    let leads = leads.collect();
                    let supply = Supply { due: 5, ..Supply::default() };
                    let claimed = CampaignFact::Claimed { leads, supply };
                    self.owed.push(Fact::Campaign(campaign, claimed));
                }
            }
        }
        self.ledger.end_batch()?;
        self.dialer.check().map_err(|violation| violation.to_string())
    }

    /// Lets time pass, with every wake at its own moment.
    fn pass(&mut self, span: Span) -> Result<(), String> {
        let end = self.now.mono + span;
        for _ in 0..10_000 {
            let Some((due, _)) = self.dialer.next_wake().filter(|&(due, _)| due <= end) else {
                self.advance(end);
                return Ok(());
            };
            self.advance(due.max(self.now.mono));
            self.settle()?;
        }
        Err("the dialer never rests".to_owned())
    }

    fn advance(&mut self, to: Mono) {
        self.now = Now { mono: to, wall: self.now.wall_at(to) };
    }

    /// The facts turn friendly: everybody is sent home and everything comes to its end.
    fn come_to_rest(&mut self) -> Result<(), String> {
        let stop = (1..=CAMPAIGNS)
            .map(|id| Fact::Campaign(CampaignId(id), CampaignFact::Stopped))
            .collect();
        self.batch(stop)?;
        for _ in 0..5 {
            let mut facts = std::mem::take(&mut self.owed);
            for agent in (1..=AGENTS).map(AgentId) {
                let home = [AgentFact::HungUp, AgentFact::LoggedOut];
                facts.extend(home.map(|fact| Fact::Agent(agent, fact)));
            }
            self.batch(facts)?;
            self.pass(Span::secs(60))?;
        }
        self.ledger.at_rest()
    }
}

fn world(story: &Story) -> Vec<Fact> {
    let mut facts = Vec::new();
    for id in 1..=2 {
        // One of them is left alone after two faults in a row.
        let rest = (id == 2).then(|| breaker::Settings { faults: 2, ..Default::default() });
        let settings = trunks::Settings { channels: 5, calls_per_second: 2.0, burst: 2, rest };
        facts.push(Fact::Trunk(TrunkId(id), TrunkFact::Set(settings)));
    }
    for (id, mode) in (1..=CAMPAIGNS).zip(story.modes) {
        let zone = Zone::new("Europe/Paris").expect("the bundled zone data has Europe/Paris");
        let settings = Box::new(campaign(story, mode, zone));
        facts.push(Fact::Campaign(CampaignId(id), CampaignFact::Set(settings)));
    }
    for id in 1..=AGENTS {
        let both = vec![CampaignId(1 + id % 2), CampaignId(2 - id % 2)];
        let campaigns = if id < 3 { both } else { vec![CampaignId(1)] };
        let settings = agent::Settings { campaigns, pause_at_login: PauseId(0) };
        facts.push(Fact::Agent(AgentId(id), AgentFact::Set(settings)));
        let arrives = [AgentFact::LoggedIn, AgentFact::LegUp, AgentFact::Ready];
        facts.extend(arrives.map(|fact| Fact::Agent(AgentId(id), fact)));
    }
    let started = |id| Fact::Campaign(CampaignId(id), CampaignFact::Started);
    facts.extend((1..=CAMPAIGNS).map(started));
    facts
}

fn campaign(story: &Story, mode: Mode, zone: Zone) -> campaign::Settings {
    let then = [
        Then::Close,
        Then::Retry(Span::secs(30)),
        Then::Callback(Span::secs(30)),
        Then::DoNotCall,
        Then::WrongNumber,
    ];
    let class = DispositionClass::NotArgued;
    let dispositions = (0..).map(DispositionId).zip(then.map(|then| Disposition { class, then }));
    let cap = |number| {
        let (channels, calls_per_second) = (Some(1), Some(0.5));
        Some(Cap { channels, calls_per_second, ..Cap::none(ShownId(number)) })
    };
    let route = |trunk| Route { trunk: TrunkId(trunk), tier: 0, cost: 0, weight: 1 };
    campaign::Settings {
        client: ClientId(1),
        mode,
        routes: vec![route(1), route(2)],
        by_group: BTreeMap::from([(RouteGroup(1), vec![route(2)])]),
        caller_ids: 3,
        caller_caps: vec![cap(1), None, cap(2)],
        caller_cards: Vec::new(),
        ring_max: Span::secs(20),
        ring_min: Span::secs(5),
        listen: story.listen,
        abandon: Abandon {
            within: Span::secs(2),
            notice: true,
            recall_lock: Span::secs(100),
            cap: Ratio::new(0.1),
        },
        account: account::Settings::calendar_day(zone),
        wrap: Wrap {
            max: story.wrap,
            default: Some(DispositionId(1)),
            extension_max: Span::secs(20),
        },
        respect: story.respect,
        rules: rules::Settings {
            week: Week::always(),
            attempts: vec![AttemptCap { max: 6, window: Span::secs(300) }],
            law: Vec::new(),
        },
        others: None,
        retry: recycle::Settings { attempts_max: 4, after: BTreeMap::new(), plan: None },
        hopper: hopper::Settings { size: 6, low: 4, lease: Span::secs(90) },
        dispositions: dispositions.collect(),
        pace_every: Span::millis(250),
        value: 1.0,
        inbound: inbound::Settings::default(),
    }
}
