//! What the law does to calls being placed: the bell that ends them, and one consumer's numbers.

use std::error::Error;

use cadran::config::law::{Called, Purpose};
use cadran::core::campaign::{Disposition, DispositionClass, Mode, Settings as Campaign, Then};
use cadran::core::fact::{
    AgentFact, CallFact, CampaignFact, Failure, Lead, LeadNumber, Supply, TrunkFact,
};
use cadran::core::order::{EndedBy, Next, Outcome};
use cadran::core::rules::consent::{Basis, Right};
use cadran::core::rules::law::LawId;
use cadran::core::rules::receipt::{Receipt, Tally};
use cadran::core::rules::{Refusal, RuleId};
use cadran::core::{Dialer, Fact, Order, Record, Settings, agent, trunks};
use cadran::units::{AgentId, CallId, CampaignId, ClientId, ContactId, DispositionId};
use cadran::units::{Mono, Now, NumberId, PauseId, PersonId, Span, Territory, TrunkId, Wall, Zone};

const CAMPAIGN: CampaignId = CampaignId(1);
const TRUNK: TrunkId = TrunkId(1);
const AGENT: AgentId = AgentId(1);
const PARIS: &str = "Europe/Paris";

type Claim = Result<(), Box<dyn Error>>;

/// A campaign among French consumers with one agent, who is ready.
struct Desk {
    dialer: Dialer,
    /// What every number is offered with.
    rights: Vec<Right>,
    begun: Wall,
    now: Now,
}

impl Desk {
    fn opened(at: &str) -> Result<Self, Box<dyn Error>> {
        let begun = wall(at)?;
        let mut campaign = Campaign::new(Mode::Progressive, TRUNK, Zone::new(PARIS)?);
        campaign.rules.law = super::regimes_of(Purpose::Prospecting, Called::Consumers);
        campaign.ring_max = Span::secs(40);
        campaign.retry.attempts_max = 9;
        let meanings = [
            (DispositionClass::ArguedNegative, Then::Close),
            (DispositionClass::NotArgued, Then::DoNotCall),
        ];
        for (id, (class, then)) in (0..).zip(meanings) {
            campaign.dispositions.insert(DispositionId(id), Disposition { class, then });
        }
        let trunk = trunks::Settings { channels: 5, calls_per_second: 5.0, burst: 5, rest: None };
        let settings = agent::Settings { campaigns: vec![CAMPAIGN], pause_at_login: PauseId(0) };
        let dialer = Dialer::new(Settings { node: 1, first_call: 1, seed: 1 });
        let rights = vec![super::CONSENT];
        let mut desk = Self { dialer, rights, begun, now: Now { mono: Mono::START, wall: begun } };
        desk.tell([
            Fact::Trunk(TRUNK, TrunkFact::Set(trunk)),
            Fact::Campaign(CAMPAIGN, CampaignFact::Set(Box::new(campaign))),
            Fact::Campaign(CAMPAIGN, CampaignFact::Started),
            Fact::Agent(AGENT, AgentFact::Set(settings)),
            Fact::Agent(AGENT, AgentFact::LoggedIn),
            Fact::Agent(AGENT, AgentFact::LegUp),
            Fact::Agent(AGENT, AgentFact::Ready),
        ]);
        Ok(desk)
    }

    fn at(&mut self, at: &str) -> Claim {
        let wall = wall(at)?;
        self.now = Now { mono: Mono::START + wall.since(self.begun), wall };
        Ok(())
    }

    fn tell(&mut self, facts: impl IntoIterator<Item = Fact>) -> Vec<Order> {
        facts.into_iter().for_each(|fact| self.dialer.take(self.now, fact));
        self.dialer.settle(self.now);
        std::iter::from_fn(|| self.dialer.next_order()).collect()
    }

    /// Lets time pass until the hopper asks for more.
    fn wait(&mut self) {
        let pause = Span::secs(2);
        self.now = Now { mono: self.now.mono + pause, wall: self.now.wall + pause };
        self.tell([]);
    }

    /// Offers a contact with these persons' numbers; says what came of it.
    fn claim(&mut self, contact: u64, persons: &[u64]) -> Result<Vec<Order>, Box<dyn Error>> {
        let number = |&person: &u64| -> Result<LeadNumber, Box<dyn Error>> {
            let id = NumberId(contact * 10 + person);
            let number = LeadNumber::new(id, PersonId(person), Zone::new(PARIS)?);
            let rights = self.rights.clone();
            Ok(LeadNumber { territory: Some(Territory::new("FR")?), rights, ..number })
        };
        let numbers = persons.iter().map(number).collect::<Result<_, _>>()?;
        let leads = vec![Lead::new(ContactId(contact), numbers)];
        // There is more to claim, so that the campaign is not done.
        let supply = Supply { due: 9, ..Supply::default() };
        let claimed = CampaignFact::Claimed { leads, supply };
        Ok(self.tell([Fact::Campaign(CAMPAIGN, claimed)]))
    }

    /// Lets a call be answered, bridged, ended and qualified.
    fn talk(&mut self, call: CallId, disposition: DispositionId) {
        let said = AgentFact::Qualified { call, disposition, callback: None };
        self.tell([Fact::Call(call, CallFact::Answered)]);
        self.tell([Fact::Call(call, CallFact::HungUp)]);
        self.tell([Fact::Agent(AGENT, said), Fact::Agent(AGENT, AgentFact::Ready)]);
        self.wait();
    }
}

fn wall(text: &str) -> Result<Wall, jiff::Error> {
    text.parse::<jiff::Timestamp>().map(Wall::from)
}

fn dialled(orders: &[Order]) -> Option<CallId> {
    let dials = |order: &Order| if let Order::Dial(dial) = order { Some(dial.call) } else { None };
    orders.iter().find_map(dials)
}

fn refusal(orders: &[Order]) -> Option<Refusal> {
    orders.iter().find_map(|order| {
        let Order::Record(Record::Refused(refused)) = order else { return None };
        Some(refused.refusal.clone())
    })
}

/// What the gate had before it when it let a call out or refused it.
fn receipt(orders: &[Order]) -> Option<Receipt> {
    orders.iter().find_map(|order| {
        let Order::Record(record) = order else { return None };
        let receipt = if let Record::Refused(told) = record { told.receipt.as_ref() } else { None };
        let opened = if let Record::Opened(told) = record { told.receipt.as_ref() } else { None };
        receipt.or(opened).map(|receipt| Receipt::clone(receipt))
    })
}

#[test]
fn every_attempt_and_every_refusal_says_what_decided_it() -> Claim {
    let mut desk = Desk::opened("2026-11-23T09:30:00Z")?;
    let ends = Some(wall("2027-11-01T23:00:00Z")?);
    for contact in 1..=5 {
        let orders = desk.claim(contact, &[1])?;
        let told = receipt(&orders).ok_or("no receipt")?;
        assert_eq!(told.zone.name(), PARIS);
        assert_eq!(told.territory.as_ref().map(Territory::code), Some("FR"));
        assert!(told.edition.starts_with("20"), "{told:?}");
        let rules: Vec<_> = told.rules.iter().map(LawId::as_str).collect();
        let held = "FR-1 FR-2 FR-3 FR-5 FR-6 FR-7 FR-12 FR-13 FR-14";
        assert_eq!(rules.join(" "), held);
        let right = told.right.ok_or("no right")?;
        assert_eq!((right.basis, right.until), (Basis::Consent, ends), "its 365th day");
        let law = Some(LawId::new("FR-6"));
        let made = u32::try_from(contact - 1)?;
        assert_eq!(told.attempts, [Tally { law, made, allowed: 4 }]);
        let Some(call) = dialled(&orders) else { continue };
        assert!(contact < 5, "a fifth attempt");
        let busy = CallFact::Failed { failure: Failure::Busy, cause: 17, after: None };
        desk.tell([Fact::Call(call, CallFact::Ringing)]);
        desk.tell([Fact::Call(call, busy)]);
        desk.wait();
    }
    Ok(())
}

#[test]
fn the_bell_ends_the_ring_to_the_second() -> Claim {
    // 12:59:40 in Paris; the ring would go on until 13:00:20.
    for rang in [false, true] {
        let mut desk = Desk::opened("2026-11-23T11:59:40Z")?;
        let call = dialled(&desk.claim(1, &[1])?).ok_or("not dialled")?;
        if rang {
            desk.at("2026-11-23T11:59:42Z")?;
            desk.tell([Fact::Call(call, CallFact::Ringing)]);
        }
        desk.at("2026-11-23T11:59:59.999999Z")?;
        assert!(!desk.tell([]).contains(&Order::Cancel(call)), "it ended early");
        let wake = desk.dialer.next_wake();
        desk.at("2026-11-23T12:00:00Z")?;
        assert_eq!(wake.map(|(at, _)| at), Some(desk.now.mono));
        let orders = desk.tell([]);
        assert!(orders.contains(&Order::Cancel(call)), "rang {rang}: {orders:?}");
        let gone = desk.tell([Fact::Call(call, CallFact::Gone)]);
        let closed = gone.iter().find_map(|order| {
            let Order::Record(Record::Closed(closed)) = order else { return None };
            Some((closed.outcome, closed.ended_by, closed.next))
        });
        let (outcome, by, next) = closed.ok_or("not closed")?;
        assert_eq!((outcome, by), (Outcome::Cancelled, EndedBy::Dialer));
        assert!(matches!(next, Next::Retry { .. }), "{next:?}");
    }
    Ok(())
}

#[test]
fn a_call_answered_before_the_bell_goes_on() -> Claim {
    let mut desk = Desk::opened("2026-11-23T11:59:40Z")?;
    let call = dialled(&desk.claim(1, &[1])?).ok_or("not dialled")?;
    desk.at("2026-11-23T11:59:59Z")?;
    let answered = desk.tell([Fact::Call(call, CallFact::Answered)]);
    assert!(answered.contains(&Order::Bridge(call, AGENT)), "{answered:?}");
    desk.at("2026-11-23T12:00:30Z")?;
    let ends = [Order::Cancel(call), Order::HangUp(call)];
    assert!(!desk.tell([]).iter().any(|order| ends.contains(order)), "the talk was cut");
    Ok(())
}

#[test]
fn no_call_begins_that_the_bell_would_end_before_its_least_ring() -> Claim {
    // 15 seconds are the least ring; the afternoon opens at 14:00, 23 November is a Monday.
    let cases = [
        ("2026-11-23T11:59:45Z", None),
        ("2026-11-23T11:59:45.000001Z", Some("2026-11-23T13:00:00Z")),
        ("2026-11-23T18:59:59Z", Some("2026-11-24T09:00:00Z")),
    ];
    for (at, until) in cases {
        let orders = Desk::opened(at)?.claim(1, &[1])?;
        assert_eq!(dialled(&orders).is_some(), until.is_none(), "{at}");
        let told = refusal(&orders).map(|refusal| (refusal.rule, refusal.law, refusal.until));
        let expected = match until {
            Some(until) => Some((RuleId::Window, Some(LawId::new("FR-5")), Some(wall(until)?))),
            None => None,
        };
        assert_eq!(told, expected, "{at}");
    }
    Ok(())
}

#[test]
fn who_refuses_on_one_number_refuses_on_all_he_has() -> Claim {
    for disposition in [DispositionId(0), DispositionId(1)] {
        let mut desk = Desk::opened("2026-11-23T09:30:00Z")?;
        let call = dialled(&desk.claim(1, &[1, 2])?).ok_or("not dialled")?;
        desk.talk(call, disposition);
        let orders = desk.claim(2, &[2])?;
        let rule = refusal(&orders).map(|refusal| refusal.rule);
        let expected = [RuleId::Refused, RuleId::DoNotCall];
        assert_eq!(rule.as_ref(), expected.get(usize::from(disposition.0)), "{orders:?}");
        desk.wait();
        let orders = desk.claim(3, &[3])?;
        assert!(dialled(&orders).is_some(), "somebody else was not called: {orders:?}");
    }
    Ok(())
}

#[test]
fn attempts_are_one_consumers_whatever_the_number() -> Claim {
    let mut desk = Desk::opened("2026-11-23T09:30:00Z")?;
    for contact in 1..=4 {
        // Each attempt is on the consumer's first number, by another contact's record.
        let call = dialled(&desk.claim(contact, &[1, 2])?).ok_or("not dialled")?;
        desk.tell([Fact::Call(call, CallFact::Ringing)]);
        let busy = CallFact::Failed { failure: Failure::Busy, cause: 17, after: None };
        desk.tell([Fact::Call(call, busy)]);
        desk.wait();
    }
    let told = refusal(&desk.claim(5, &[2])?).ok_or("a fifth attempt")?;
    assert_eq!((told.rule, told.law), (RuleId::AttemptCap, Some(LawId::new("FR-6"))));
    Ok(())
}

#[test]
fn a_consent_to_other_hours_silences_the_bell_and_rings_its_own() -> Claim {
    // Its 365th day ends at midnight in Paris, 23:00 in UTC.
    let obtained = Some(wall("2025-11-23T10:00:00Z")?);
    let rights = vec![Right { obtained, out_of_hours: true, ..super::CONSENT }];
    for (at, bell) in
        [("2026-11-23T11:59:40Z", None), ("2026-11-23T22:59:40Z", Some("2026-11-23T23:00:00Z"))]
    {
        let mut desk = Desk { rights: rights.clone(), ..Desk::opened(at)? };
        let call = dialled(&desk.claim(1, &[1])?).ok_or("not dialled")?;
        desk.tell([Fact::Call(call, CallFact::Ringing)]);
        desk.at(bell.unwrap_or("2026-11-23T12:00:19Z"))?;
        assert_eq!(desk.tell([]).contains(&Order::Cancel(call)), bell.is_some(), "{at}");
    }
    Ok(())
}

#[test]
fn what_is_taken_back_ends_the_ring_at_once() -> Claim {
    for (client, ends) in [(ClientId(1), true), (ClientId(2), false)] {
        let mut desk = Desk::opened("2026-11-23T09:30:00Z")?;
        let call = dialled(&desk.claim(1, &[1])?).ok_or("not dialled")?;
        desk.tell([Fact::Call(call, CallFact::Ringing)]);
        let orders = desk.tell([Fact::Withdrawn(PersonId(1), client)]);
        assert_eq!(orders.contains(&Order::Cancel(call)), ends, "{orders:?}");
        desk.tell([Fact::Call(call, CallFact::Gone)]);
        desk.wait();
        let rule = refusal(&desk.claim(2, &[1])?).map(|refusal| refusal.rule);
        assert_eq!(rule, ends.then_some(RuleId::NoConsent));
    }
    Ok(())
}
