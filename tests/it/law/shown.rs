//! Which number may be shown: every class of number, mode, country and mandate, told by an oracle
//! that knows beginnings of numbers and nothing of the product's plans and packs.

use std::error::Error;

use cadran::config::law::{Called, Laws, Purpose, built_in, regimes, regimes_about};
use cadran::config::numbering;
use cadran::core::campaign::{Guarantee, Mode, Others, Settings as Campaign};
use cadran::core::fact::{
    AgentFact, CallFact, CampaignFact, Failure, Lead, LeadNumber, NumberClass, PersonKind, Supply,
    TrunkFact,
};
use cadran::core::order::{DoneReason, Next, Outcome};
use cadran::core::rules::RuleId;
use cadran::core::rules::caller_id::Card;
use cadran::core::rules::consent::{Basis, Right};
use cadran::core::shown::{Cap, Rest};
use cadran::core::{Dialer, Fact, Order, Record, Settings, agent, trunks};
use cadran::units::{
    AgentId, CallId, CampaignId, ContactId, Mono, Now, Number, NumberId, PauseId, PersonId,
    ShownId, Span, Territory, TrunkId, Wall, Zone,
};

type Claim = Result<(), Box<dyn Error>>;

const CAMPAIGN: CampaignId = CampaignId(1);
const AGENT: AgentId = AgentId(1);
const OVER: TrunkId = TrunkId(1);
/// A Monday morning in Paris, in hours of the law there, in Madrid, Berlin and on Réunion.
const MONDAY: &str = "2026-11-23T10:30:00Z";

/// A number of every class there is.
const SHOWN: [&str; 20] = [
    "+33123456789",
    "+33562345678",
    "+33162000000",
    "+33271000000",
    "+33569000000",
    "+33948000000",
    "+33949000000",
    "+33947600000",
    "+596947700000",
    "+262262123456",
    "+33972123456",
    "+33937123456",
    "+33939123456",
    "+33612345678",
    "+33712345678",
    "+262692123456",
    "+33801234567",
    "+34612345678",
    "+34912345678",
    "+442079460000",
];

const CALLED: [(&str, &str); 7] = [
    ("FR", "Europe/Paris"),
    ("FR-67", "Europe/Paris"),
    ("FR-974", "Indian/Reunion"),
    ("ES", "Europe/Madrid"),
    ("GB", "Europe/London"),
    ("DE", "Europe/Berlin"),
    ("", "Europe/Paris"),
];

/// What is known of the mandate of the number shown.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mandate {
    /// The trunk's operator holds it.
    Held,
    /// Another operator does.
    Elsewhere,
    /// Nobody named one.
    Untold,
}

fn modes() -> [(&'static str, Mode); 4] {
    [
        ("preview", Mode::Preview),
        ("progressive", Mode::Progressive),
        ("power", Mode::Power { lines_per_agent: 1.0 }),
        ("predictive", Mode::Predictive { guarantee: Guarantee::Expected }),
    ]
}

/// Says from the texts alone whether a call may be placed.
fn lawful(shown: &str, mode: &str, called: &str, mandate: Mandate, purpose: Purpose) -> bool {
    if mandate == Mandate::Elsewhere {
        return false;
    }
    // Numbers kept for fiction are nobody's: no law speaks of them.
    if called.is_empty() {
        return true;
    }
    let french = ["+33", "+262", "+590", "+594", "+596"].iter().any(|code| shown.starts_with(code));
    let to_france = called.starts_with("FR");
    let national = ["+33", "+262", "+590", "+594", "+596"]
        .iter()
        .find_map(|code| shown.strip_prefix(code))
        .unwrap_or("");
    let french_mobile = french && (national.starts_with('6') || national.starts_with('7'));
    let spanish_mobile = shown.starts_with("+346");
    let mobile = french_mobile || spanish_mobile;
    let platform = french && ["937", "938", "939"].iter().any(|b| national.starts_with(b));
    let special = french && national.starts_with('8');
    let npv = ["162", "163", "270", "271", "377", "378", "424", "425", "568", "569", "948", "949"]
        .iter()
        .chain(&["9475", "9476", "9477", "9478", "9479"])
        .any(|block| french && national.starts_with(block));
    if french || to_france {
        // Arcep 2022-1583: machines show an NPV. 06 and 07 never, platforms and 08 neither.
        if mode != "preview" && !npv || mobile || platform || special {
            return false;
        }
    }
    // Orden TDF/149/2025, of commercial calls.
    let spain = called == "ES" || shown.starts_with("+34");
    if spain && mobile && purpose == Purpose::Prospecting {
        return false;
    }
    // Arcep 2025-2215.
    !(french && mandate == Mandate::Untold)
}

/// A whole dialer with an agent who is ready, who dials what is shown to him.
struct Desk {
    dialer: Dialer,
    now: Now,
    orders: Vec<Order>,
}

impl Desk {
    fn opened(campaign: Campaign, at: &str) -> Result<Self, Box<dyn Error>> {
        let wall: Wall = at.parse::<jiff::Timestamp>()?.into();
        let dialer = Dialer::new(Settings { node: 1, first_call: 1, seed: 1 });
        let now = Now { mono: Mono::START, wall };
        let mut desk = Self { dialer, now, orders: Vec::new() };
        let trunk = trunks::Settings { channels: 5, calls_per_second: 50.0, burst: 5, rest: None };
        let settings = agent::Settings { campaigns: vec![CAMPAIGN], pause_at_login: PauseId(0) };
        desk.tell([
            Fact::Trunk(OVER, TrunkFact::Set(trunk)),
            Fact::Campaign(CAMPAIGN, CampaignFact::Set(Box::new(campaign))),
            Fact::Campaign(CAMPAIGN, CampaignFact::Started),
            Fact::Agent(AGENT, AgentFact::Set(settings)),
            Fact::Agent(AGENT, AgentFact::LoggedIn),
            Fact::Agent(AGENT, AgentFact::LegUp),
            Fact::Agent(AGENT, AgentFact::Ready),
        ]);
        Ok(desk)
    }

    fn tell(&mut self, facts: impl IntoIterator<Item = Fact>) {
        facts.into_iter().for_each(|fact| self.dialer.take(self.now, fact));
        self.dialer.settle(self.now);
        self.orders.extend(std::iter::from_fn(|| self.dialer.next_order()));
    }

    fn wait(&mut self, pause: Span) {
        self.now = Now { mono: self.now.mono + pause, wall: self.now.wall + pause };
        self.tell([]);
    }

    /// Offers a contact, and has the agent dial it where the mode leaves that to him.
    fn offer(&mut self, contact: u64, number: LeadNumber) {
        let leads = vec![Lead::new(ContactId(contact), vec![number])];
        let supply = Supply { due: 9, ..Supply::default() };
        self.tell([Fact::Campaign(CAMPAIGN, CampaignFact::Claimed { leads, supply })]);
        if self.orders.iter().any(|order| matches!(order, Order::ShowPreview(..))) {
            self.tell([Fact::Agent(AGENT, AgentFact::PreviewDialed)]);
        }
    }

    /// The call last dialled, and the caller ID it shows.
    fn dialled(&self) -> Option<(CallId, u16)> {
        self.orders.iter().rev().find_map(|order| {
            let Order::Dial(dial) = order else { return None };
            Some((dial.call, dial.caller_id))
        })
    }

    fn refused(&self) -> Option<(RuleId, Option<String>)> {
        self.orders.iter().rev().find_map(|order| {
            let Order::Record(Record::Refused(refused)) = order else { return None };
            let law = refused.refusal.law.as_ref().map(|law| law.as_str().to_owned());
            Some((refused.refusal.rule, law))
        })
    }

    fn ends(&mut self, failure: Failure, cause: u16) -> Option<(Outcome, Next)> {
        let (call, _) = self.dialled()?;
        self.tell([Fact::Call(call, CallFact::Failed { failure, cause, after: None })]);
        self.orders.iter().rev().find_map(|order| {
            let Order::Record(Record::Closed(closed)) = order else { return None };
            (closed.call == call).then_some((closed.outcome, closed.next))
        })
    }
}

fn card(number: &str, mandate: Mandate) -> Result<Card, Box<dyn Error>> {
    let (country, class) = numbering::of(&Number::new(number)?, &built_in());
    let trunks = if mandate == Mandate::Elsewhere { vec![TrunkId(9)] } else { vec![OVER] };
    Ok(Card { country, class, mandated: mandate != Mandate::Untold, trunks })
}

/// A number called in a country, with every right to call it.
fn called(territory: &str, zone: &str, person: u64) -> Result<LeadNumber, Box<dyn Error>> {
    let number = LeadNumber::new(NumberId(person), PersonId(person), Zone::new(zone)?);
    let territory = Some(territory).filter(|code| !code.is_empty());
    let territory = territory.map(Territory::new).transpose()?;
    Ok(LeadNumber { territory, rights: vec![super::CONSENT], ..number })
}

#[test]
fn no_call_shows_a_number_against_the_law_of_any_class_mode_country_and_mandate() -> Claim {
    let (mut dials, mut refuses) = (0, 0);
    for purpose in [Purpose::Prospecting, Purpose::Survey] {
        let law = regimes(purpose, Called::Consumers);
        for shown in SHOWN {
            for (word, mode) in modes() {
                for (territory, zone) in CALLED {
                    for mandate in [Mandate::Held, Mandate::Elsewhere, Mandate::Untold] {
                        let mut campaign = Campaign::new(mode, OVER, Zone::new("Europe/Paris")?);
                        campaign.rules.law = law.clone();
                        campaign.caller_cards = vec![card(shown, mandate)?];
                        let mut desk = Desk::opened(campaign, MONDAY)?;
                        desk.offer(1, called(territory, zone, 1)?);
                        let expected = lawful(shown, word, territory, mandate, purpose);
                        let what = format!("{shown} {word} to {territory:?} {mandate:?}");
                        let told = desk.refused();
                        // A pacer that foretells may want no call, whatever the gate says.
                        let placed = desk.dialled().is_some();
                        let waits = expected && word == "predictive";
                        assert!(placed == expected || waits, "{what}: {told:?}");
                        assert_eq!(told.is_none(), expected, "{what}");
                        *(if expected { &mut dials } else { &mut refuses }) += 1;
                    }
                }
            }
        }
    }
    assert!(dials > 300 && refuses > 300, "{dials} dialled, {refuses} refused");
    Ok(())
}

#[test]
fn each_refusal_names_its_rule_of_law() -> Claim {
    for (shown, mode, mandate, rule, law) in [
        ("+33123456789", Mode::Progressive, Mandate::Held, RuleId::CallerId, Some("FR-12")),
        ("+33612345678", Mode::Preview, Mandate::Held, RuleId::CallerId, Some("FR-13")),
        ("+33162000000", Mode::Progressive, Mandate::Untold, RuleId::NoMandate, Some("FR-14")),
        ("+33162000000", Mode::Progressive, Mandate::Elsewhere, RuleId::NoMandate, Some("FR-14")),
        ("+34912345678", Mode::Preview, Mandate::Elsewhere, RuleId::NoMandate, None),
    ] {
        let mut campaign = Campaign::new(mode, OVER, Zone::new("Europe/Paris")?);
        campaign.rules.law = regimes(Purpose::Prospecting, Called::Consumers);
        campaign.caller_cards = vec![card(shown, mandate)?];
        let mut desk = Desk::opened(campaign, MONDAY)?;
        desk.offer(1, called("FR", "Europe/Paris", 1)?);
        assert_eq!(desk.refused(), Some((rule, law.map(str::to_owned))), "{shown} {mandate:?}");
    }
    Ok(())
}

#[test]
fn mandates_are_asked_for_since_2026_only() -> Claim {
    for (at, dials) in [("2025-12-31T09:30:00Z", true), ("2026-01-02T09:30:00Z", false)] {
        let mut campaign = Campaign::new(Mode::Progressive, OVER, Zone::new("Europe/Paris")?);
        campaign.rules.law = regimes(Purpose::Survey, Called::Professionals);
        campaign.caller_cards = vec![card("+33162000000", Mandate::Untold)?];
        let mut desk = Desk::opened(campaign, at)?;
        desk.offer(1, called("FR", "Europe/Paris", 1)?);
        assert_eq!(desk.dialled().is_some(), dials, "{at}");
    }
    Ok(())
}

#[test]
fn each_country_is_shown_the_number_that_may_be_and_the_same_person_the_same() -> Claim {
    let mut campaign = Campaign::new(Mode::Progressive, OVER, Zone::new("Europe/Paris")?);
    campaign.rules.law = regimes(Purpose::Survey, Called::Professionals);
    let numbers = ["+442079460000", "+33162000000", "+33270000000"];
    let cards = numbers.map(|number| card(number, Mandate::Held));
    campaign.caller_cards = cards.into_iter().collect::<Result<_, _>>()?;
    campaign.caller_ids = 3;
    let mut desk = Desk::opened(campaign, MONDAY)?;
    let mut shown = Vec::new();
    let uk = ("GB", "Europe/London");
    let fr = ("FR", "Europe/Paris");
    for (person, ((territory, zone), before)) in (1..).zip([
        (fr, None),
        (fr, None),
        (fr, Some(2)),
        (uk, None),
        (fr, None),
        (uk, Some(7)),
        (fr, Some(0)),
    ]) {
        let number = LeadNumber { shown: before, ..called(territory, zone, person)? };
        desk.offer(person, number);
        shown.extend(desk.dialled().map(|(_, caller_id)| caller_id));
        desk.ends(Failure::Busy, 486);
        desk.wait(Span::secs(2));
    }
    assert_eq!(shown, [1, 2, 2, 0, 1, 2, 1], "the British number never to France");
    Ok(())
}

#[test]
fn a_number_that_was_blocked_for_a_person_is_shown_again_only_for_want_of_another() -> Claim {
    let mut campaign = Campaign::new(Mode::Progressive, OVER, Zone::new("Europe/Paris")?);
    campaign.rules.law = regimes(Purpose::Survey, Called::Professionals);
    let numbers = ["+442079460000", "+33162000000", "+33270000000"];
    let cards = numbers.map(|number| card(number, Mandate::Held));
    campaign.caller_cards = cards.into_iter().collect::<Result<_, _>>()?;
    campaign.caller_ids = 3;
    let mut desk = Desk::opened(campaign, MONDAY)?;
    let mut shown = Vec::new();
    for (person, (before, blocked)) in (1..).zip([
        (Some(1), vec![]),
        (Some(1), vec![1]),
        (Some(1), vec![1, 2]),
        (None, vec![1]),
        (Some(2), vec![1]),
        (None, vec![0, 1, 2]),
    ]) {
        let number = called("FR", "Europe/Paris", person)?;
        desk.offer(person, LeadNumber { shown: before, blocked, ..number });
        shown.extend(desk.dialled().map(|(_, caller_id)| caller_id));
        desk.ends(Failure::Busy, 486);
        desk.wait(Span::secs(2));
    }
    assert_eq!(shown, [1, 2, 1, 2, 2, 1]);
    Ok(())
}

#[test]
fn a_refusal_for_the_number_is_its_own_and_costs_the_contact_nothing() -> Claim {
    let mut campaign = Campaign::new(Mode::Progressive, OVER, Zone::new("Europe/Paris")?);
    let rest = Rest { blocks: 2, within: Span::secs(3_600), lasts: Span::secs(60) };
    campaign.caller_caps = vec![Some(Cap { rest: Some(rest), ..Cap::none(ShownId(4)) })];
    campaign.retry.attempts_max = 1;
    let mut desk = Desk::opened(campaign, MONDAY)?;
    for person in 1..=3 {
        desk.offer(person, called("", "Europe/Paris", person)?);
        if person == 3 {
            break;
        }
        let (outcome, next) = desk.ends(Failure::Blocked, 608).ok_or("not closed")?;
        assert_eq!(outcome, Outcome::Blocked);
        assert!(matches!(next, Next::Retry { .. }), "the one attempt is not spent: {next:?}");
        desk.wait(Span::secs(2));
    }
    let dialled =
        |desk: &Desk| desk.orders.iter().filter(|order| matches!(order, Order::Dial(_))).count();
    assert_eq!(dialled(&desk), 2, "the number rests");
    let floor = desk.dialer.floor(desk.now);
    assert_eq!((floor.shown[0].number, floor.shown[0].blocks), (ShownId(4), 2));
    desk.wait(Span::secs(60));
    assert_eq!(dialled(&desk), 3, "and is shown again");
    Ok(())
}

#[test]
fn who_wants_no_such_calls_is_never_called_again() -> Claim {
    let mut campaign = Campaign::new(Mode::Progressive, OVER, Zone::new("Europe/Paris")?);
    campaign.retry.attempts_max = 9;
    let client = campaign.client;
    let mut desk = Desk::opened(campaign, MONDAY)?;
    desk.offer(1, called("", "Europe/Paris", 1)?);
    let (_, next) = desk.ends(Failure::Unwanted, 607).ok_or("not closed")?;
    assert_eq!(next, Next::Done(DoneReason::DoNotCall));
    let wish = |order: &Order| {
        let Order::Record(Record::DoNotCall { person, scope, call }) = order else { return None };
        Some((*person, *scope, call.is_some()))
    };
    let scope = cadran::core::fact::DncScope::Client(client);
    assert_eq!(desk.orders.iter().find_map(wish), Some((PersonId(1), scope, true)));
    desk.wait(Span::secs(2));
    desk.offer(2, called("", "Europe/Paris", 1)?);
    assert_eq!(desk.refused().map(|(rule, _)| rule), Some(RuleId::DoNotCall));
    Ok(())
}

#[test]
fn a_banned_subject_is_called_about_with_a_contract_only() -> Claim {
    let contract = Right {
        basis: Basis::Contract,
        until: Some("2027-01-01T00:00:00Z".parse::<jiff::Timestamp>()?.into()),
        ..super::CONSENT
    };
    let professionals = (Called::Professionals, Some(PersonKind::Consumer));
    for (subject, (persons, kind), rights, dials) in [
        ("energy_renovation", (Called::Consumers, None), vec![super::CONSENT], false),
        ("home_adaptation", (Called::Consumers, None), vec![super::CONSENT], false),
        ("energy_renovation", (Called::Consumers, None), vec![contract], true),
        ("garden", (Called::Consumers, None), vec![super::CONSENT], true),
        ("energy_renovation", (Called::Professionals, None), vec![], true),
        ("energy_renovation", professionals, vec![super::CONSENT], false),
    ] {
        let laws = Laws::of(Purpose::Prospecting, persons, Some(subject));
        assert_eq!(laws.own, regimes_about(Purpose::Prospecting, persons, Some(subject)));
        let mut desk = Desk::opened(by(laws)?, MONDAY)?;
        desk.offer(1, LeadNumber { rights, kind, ..called("FR", "Europe/Paris", 1)? });
        let told = desk.refused();
        assert_eq!(desk.dialled().is_some(), dials, "{subject} {persons:?} {kind:?}: {told:?}");
        if !dials {
            assert_eq!(told, Some((RuleId::BannedSubject, Some("FR-9".to_owned()))));
        }
    }
    Ok(())
}

#[test]
fn the_law_of_a_contacts_own_kind_holds_for_it() -> Claim {
    use PersonKind::{Consumer, Professional, SoleTrader};
    let saturday = "2026-11-21T09:30:00Z";
    for (persons, kind, class, dials) in [
        (Called::Consumers, None, NumberClass::Fixed, false),
        (Called::Consumers, Some(Professional), NumberClass::Mobile, true),
        (Called::Consumers, Some(SoleTrader), NumberClass::Fixed, true),
        (Called::Consumers, Some(SoleTrader), NumberClass::Mobile, false),
        (Called::Consumers, Some(SoleTrader), NumberClass::Other, false),
        (Called::Professionals, None, NumberClass::Mobile, true),
        (Called::Professionals, Some(Consumer), NumberClass::Fixed, false),
        (Called::Professionals, Some(SoleTrader), NumberClass::Mobile, false),
        (Called::Professionals, Some(SoleTrader), NumberClass::Fixed, true),
    ] {
        for (at, rights) in [(MONDAY, vec![]), (saturday, vec![super::CONSENT])] {
            let laws = Laws::of(Purpose::Prospecting, persons, None);
            let mut desk = Desk::opened(by(laws)?, at)?;
            let number = called("FR", "Europe/Paris", 1)?;
            desk.offer(1, LeadNumber { kind, class, rights, ..number });
            assert_eq!(desk.dialled().is_some(), dials, "{persons:?} {kind:?} {class:?} {at}");
        }
    }
    Ok(())
}

/// A campaign by the law for both kinds of persons.
fn by(laws: Laws) -> Result<Campaign, Box<dyn Error>> {
    let mut campaign = Campaign::new(Mode::Progressive, OVER, Zone::new("Europe/Paris")?);
    let rules = |law| cadran::core::rules::Settings { law, ..campaign.rules.clone() };
    let others = Others { consumers: !laws.consumers, rules: rules(laws.others) };
    let own = rules(laws.own);
    campaign.others = Some(Box::new(others));
    campaign.rules = own;
    Ok(campaign)
}
