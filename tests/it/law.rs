//! No call against the law: random persons, moments and histories, told by an oracle that shares
//! no rule, table or calendar code with the product.
//!
//! `CADRAN_QUESTIONS=1000000` asks more often.

mod calls;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use cadran::config::law::{Called, Purpose, regimes};
use cadran::core::campaign::{Disposition, DispositionClass, Mode, Settings as Campaign, Then};
use cadran::core::fact::{AgentFact, CallFact, CampaignFact, Lead, LeadNumber, Supply, TrunkFact};
use cadran::core::rules::consent::{Basis, Right};
use cadran::core::rules::law::LawId;
use cadran::core::rules::{Refusal, RuleId};
use cadran::core::{Dialer, Fact, Order, Record, Settings, agent, trunks};
use cadran::units::{AgentId, CallId, CampaignId, ClientId, ContactId, DispositionId};
use cadran::units::{Mono, Now, NumberId, PauseId, PersonId, Span, Territory, TrunkId, Wall, Zone};
use jiff::civil::{Date, DateTime, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};
use rand_core::Rng as _;
use rand_pcg::Pcg64Mcg;

const CAMPAIGN: CampaignId = CampaignId(1);
const TRUNK: TrunkId = TrunkId(1);
const AGENT: AgentId = AgentId(1);

/// Questions asked when `CADRAN_QUESTIONS` does not say how many.
const QUESTIONS: u64 = 50_000;

/// Territories with their zones: every French zone, and one of each other country with hours.
const TERRITORIES: [(&str, &str); 17] = [
    ("FR", "Europe/Paris"),
    ("FR-67", "Europe/Paris"),
    ("FR-971", "America/Guadeloupe"),
    ("FR-972", "America/Martinique"),
    ("FR-973", "America/Cayenne"),
    ("FR-974", "Indian/Reunion"),
    ("FR-976", "Indian/Mayotte"),
    ("FR-PM", "America/Miquelon"),
    ("FR-NC", "Pacific/Noumea"),
    ("FR-PF", "Pacific/Tahiti"),
    ("FR-WF", "Pacific/Wallis"),
    ("DE", "Europe/Berlin"),
    ("IT", "Europe/Rome"),
    ("ES", "Europe/Madrid"),
    ("US", "America/Denver"),
    ("CA", "America/Toronto"),
    ("GB", "Europe/London"),
];

/// A question: may this person be called now?
struct Question {
    territory: &'static str,
    zone: &'static str,
    at: Zoned,
    purpose: Purpose,
    called: Called,
    /// Earlier attempts, and the latest refusal in conversation.
    tried: Vec<Zoned>,
    refused: Option<Zoned>,
    /// What gives the right to call, and when all of that was taken back.
    given: Vec<Given>,
    withdrawn: Option<Zoned>,
}

/// A consent or a contract.
#[derive(Clone, Debug)]
struct Given {
    contract: bool,
    obtained: Option<Zoned>,
    /// The first moment at which it is over by itself.
    until: Option<Zoned>,
    out_of_hours: bool,
}

/// Every public holiday of 2024 to 2035 by territory, from a calendar unrelated to the product's.
struct Oracle {
    holidays: BTreeMap<&'static str, BTreeSet<Date>>,
}

impl Oracle {
    fn new() -> Result<Self, Box<dyn Error>> {
        let mut holidays = BTreeMap::<_, BTreeSet<Date>>::new();
        for line in include_str!("law/holidays.txt").lines().filter(|line| !line.starts_with('#')) {
            let (head, days) = line.split_at(line.find(' ').unwrap_or(0) + 5);
            let (territory, year) = head.split_once(' ').ok_or("no year")?;
            for day in days.split_whitespace() {
                let day: Date = format!("{year}-{day}").parse()?;
                holidays.entry(territory).or_default().insert(day);
            }
        }
        // The library knows Alsace and Moselle by one of their departments.
        let moselle = holidays.get("FR-57").cloned().ok_or("no Moselle")?;
        holidays.insert("FR-67", moselle);
        Ok(Self { holidays })
    }

    /// The answer, by the texts themselves.
    fn allows(&self, question: &Question) -> bool {
        let Question { territory, at, purpose, called, tried, refused, .. } = question;
        let (entitled, any_hour) = question.entitled();
        let selling = *purpose == Purpose::Prospecting;
        let consumer = *called == Called::Consumers;
        let holiday = self.holidays.get(territory).is_some_and(|days| days.contains(&at.date()));
        let hour = f64::from(at.hour()) + f64::from(at.minute()) / 60.0;
        let (sunday, saturday) =
            (at.weekday() == Weekday::Sunday, at.weekday() == Weekday::Saturday);
        let within = |days: i64| tried.iter().filter(|then| apart(then, at) < days).count();
        match territory.get(..2) {
            // D.223-9: weekdays 10 to 13 and 14 to 20, no holiday, four in thirty days, sixty days;
            // L.223-1: nobody without a consent or a contract.
            Some("FR") if selling && consumer => {
                let hours = (10.0..13.0).contains(&hour) || (14.0..20.0).contains(&hour);
                let left_alone = refused.as_ref().is_some_and(|then| apart(then, at) <= 60);
                let open = any_hour || hours && !sunday && !saturday && !holiday;
                (entitled || !opted_in(at)) && open && within(30) < 4 && !left_alone
            }
            // UWG § 7: no consumer is sold anything without his or her consent.
            Some("DE") => {
                let may = !(selling && consumer) || entitled;
                may && (8.0..20.0).contains(&hour) && !sunday && !holiday && within(1) < 3
            }
            Some("IT") if selling => (9.0..20.0).contains(&hour) && !sunday && !holiday,
            Some("ES") if selling && consumer => {
                entitled && (9.0..21.0).contains(&hour) && !sunday && !saturday && !holiday
            }
            Some("US") if selling => (8.0..21.0).contains(&hour),
            Some("CA") if selling && (saturday || sunday) => (10.0..18.0).contains(&hour),
            Some("CA") if selling => (9.0..21.5).contains(&hour),
            _ => true,
        }
    }
}

impl Question {
    /// Whether something gives the right to call at this moment, and to call at any hour.
    fn entitled(&self) -> (bool, bool) {
        let at = &self.at;
        let country = self.territory.get(..2);
        let days_max = match country {
            Some("FR") if opted_in(at) => 365,
            Some("ES") => 730,
            _ => i64::MAX,
        };
        let stands = |given: &&Given| {
            let Given { contract, obtained, until, .. } = given;
            let begun = obtained.as_ref().is_none_or(|then| then <= at);
            let over = until.as_ref().is_some_and(|end| at >= end);
            let taken_back = match (&self.withdrawn, obtained) {
                (Some(back), Some(then)) => then <= back,
                (Some(_), None) => true,
                (None, _) => false,
            };
            let young = obtained.as_ref().is_some_and(|then| apart(then, at) <= days_max);
            let known = if *contract {
                until.is_some() && (country == Some("ES") || country == Some("FR") && opted_in(at))
            } else {
                young
            };
            begun && !over && !taken_back && known
        };
        let mut standing = self.given.iter().filter(stands);
        let any_hour = standing.clone().any(|given| given.out_of_hours && !given.contract);
        (standing.next().is_some(), any_hour)
    }
}

/// Whether the French law of 2025 is in force: from 11 August 2026.
fn opted_in(at: &Zoned) -> bool {
    at.timestamp().as_second() >= 1_786_399_200
}

/// Calendar days between two moments, on the later one's clock.
fn apart(then: &Zoned, at: &Zoned) -> i64 {
    let then = then.timestamp().to_zoned(at.time_zone().clone()).date();
    i64::from((at.date() - then).get_days())
}

struct Chance(Pcg64Mcg);

impl Chance {
    fn below(&mut self, most: u32) -> u32 {
        self.0.next_u32() % most
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(self.below(u32::try_from(all.len()).ok()?) as usize).copied()
    }

    /// A moment of 2024 to 2035: half of them within two seconds of a whole or half hour.
    fn moment(&mut self, zone: &TimeZone) -> Result<Zoned, Box<dyn Error>> {
        let day = date(2024, 1, 1).checked_add(i64::from(self.below(4_382)).days())?;
        let seconds = if self.below(2) == 0 {
            i64::from(self.below(48)) * 1_800 + i64::from(self.below(5)) - 2
        } else {
            i64::from(self.below(86_400))
        };
        let local = DateTime::from_parts(day, jiff::civil::Time::midnight());
        Ok(zone.to_zoned(local.checked_add(seconds.seconds())?)?)
    }

    /// A moment so many days before another, give or take a day and some hours.
    fn before(&mut self, at: &Zoned, days: u32) -> Result<Zoned, Box<dyn Error>> {
        let days = i64::from(days) + i64::from(self.below(3)) - 1;
        let back = at.checked_sub(days.max(0).days())?;
        let minutes = i64::from(self.below(1_440));
        let then = back.checked_sub(minutes.minutes())?;
        Ok(if &then < at { then } else { at.checked_sub(1.minute())? })
    }

    fn question(&mut self) -> Result<Question, Box<dyn Error>> {
        let (territory, zone) = self.of(&TERRITORIES).ok_or("no territory")?;
        let at = self.moment(&TimeZone::get(zone)?)?;
        let purposes =
            [Purpose::Prospecting, Purpose::Contract, Purpose::Collection, Purpose::Survey];
        // Half of all questions are of prospecting, where most rules are.
        let purpose = if self.below(2) == 0 { None } else { self.of(&purposes) };
        let called = if self.below(3) == 0 { Called::Professionals } else { Called::Consumers };
        let mut tried = Vec::new();
        for _ in 0..self.below(6) {
            let days = self.of(&[0, 0, 1, 10, 29, 30, 31]).unwrap_or(0);
            let then = self.before(&at, days)?;
            // Nobody can be tried twice at one moment.
            if !tried.contains(&then) {
                tried.push(then);
            }
        }
        let days = self.of(&[0, 30, 59, 60, 61]).unwrap_or(0);
        let refused = if self.below(3) == 0 { Some(self.before(&at, days)?) } else { None };
        let purpose = purpose.unwrap_or_default();
        let mut given = Vec::new();
        for _ in 0..self.below(3) {
            given.push(self.given(&at)?);
        }
        let withdrawn = match self.below(12) {
            0 | 1 => Some(self.before(&at, 40)?),
            2 => given.iter().find_map(|given| given.obtained.clone()).filter(|then| *then <= at),
            _ => None,
        };
        Ok(Question { territory, zone, at, purpose, called, tried, refused, given, withdrawn })
    }

    /// A consent or contract at the edges of its life.
    fn given(&mut self, at: &Zoned) -> Result<Given, Box<dyn Error>> {
        let days = self.of(&[0, 1, 40, 364, 365, 366, 729, 730, 731]).unwrap_or(0);
        let obtained = match self.below(12) {
            0 => None,
            1 => Some(at.checked_add(1.second())?),
            2 => Some(at.clone()),
            _ => Some(self.before(at, days)?),
        };
        let until = match self.below(8) {
            0 => Some(at.clone()),
            1 => Some(at.checked_sub(1.day())?),
            2 => Some(at.checked_add(1.second())?),
            3 | 4 => Some(at.checked_add(20.days())?),
            _ => None,
        };
        let (contract, out_of_hours) = (self.below(3) == 0, self.below(3) == 0);
        Ok(Given { contract, obtained, until, out_of_hours })
    }
}

/// Whether the product dials: a whole dialer with an agent who is ready and the contact in stock.
fn dials(question: &Question) -> Result<bool, Box<dyn Error>> {
    let wall = Wall::from(question.at.timestamp());
    let zone = Zone::new(question.zone)?;
    let mut campaign = Campaign::new(Mode::Progressive, TRUNK, zone.clone());
    campaign.rules.law = regimes_of(question.purpose, question.called);
    // To the last second: that a call needs time to ring is not asked here.
    campaign.ring_min = Span::ZERO;
    let mut tried: Vec<Wall> = question.tried.iter().map(|at| at.timestamp().into()).collect();
    tried.sort_unstable();
    let number = LeadNumber {
        territory: Some(Territory::new(question.territory)?),
        recent: tried,
        refused: question.refused.as_ref().map(|at| at.timestamp().into()),
        rights: question.given.iter().map(right).collect(),
        ..LeadNumber::new(NumberId(1), PersonId(1), zone)
    };
    let lead = Lead::new(ContactId(1), vec![number]);
    let trunk = trunks::Settings { channels: 5, calls_per_second: 5.0, burst: 5, rest: None };
    let settings = agent::Settings { campaigns: vec![CAMPAIGN], pause_at_login: PauseId(0) };
    let claimed = CampaignFact::Claimed { leads: vec![lead], supply: Supply::default() };
    let mut dialer = Dialer::new(Settings { node: 1, first_call: 1, seed: 1 });
    let mut dialled = false;
    if let Some(back) = &question.withdrawn {
        let now = Now { mono: Mono::START, wall: back.timestamp().into() };
        dialer.take(now, Fact::Withdrawn(PersonId(1), ClientId(1)));
        dialer.settle(now);
    }
    let batches = [
        vec![
            Fact::Trunk(TRUNK, TrunkFact::Set(trunk)),
            Fact::Campaign(CAMPAIGN, CampaignFact::Set(Box::new(campaign))),
            Fact::Campaign(CAMPAIGN, CampaignFact::Started),
            Fact::Agent(AGENT, AgentFact::Set(settings)),
            Fact::Agent(AGENT, AgentFact::LoggedIn),
        ],
        vec![Fact::Agent(AGENT, AgentFact::LegUp), Fact::Agent(AGENT, AgentFact::Ready)],
        vec![Fact::Campaign(CAMPAIGN, claimed)],
    ];
    for (nth, batch) in (0..).zip(batches) {
        let now = Now { mono: Mono::START + Span::micros(nth), wall };
        batch.into_iter().for_each(|fact| dialer.take(now, fact));
        dialer.settle(now);
        while let Some(order) = dialer.next_order() {
            dialled |= matches!(order, Order::Dial(_));
        }
    }
    Ok(dialled)
}

/// A right as the gate reads it.
fn right(given: &Given) -> Right {
    let moment = |at: &Option<Zoned>| at.as_ref().map(|at| Wall::from(at.timestamp()));
    Right {
        id: None,
        basis: if given.contract { Basis::Contract } else { Basis::Consent },
        obtained: moment(&given.obtained),
        until: moment(&given.until),
        out_of_hours: given.out_of_hours,
    }
}

/// The law is read from its files once for each kind of campaign.
fn regimes_of(purpose: Purpose, called: Called) -> Vec<cadran::core::rules::law::Regime> {
    type Known = Vec<((Purpose, Called), Vec<cadran::core::rules::law::Regime>)>;
    thread_local! {
        static KNOWN: std::cell::RefCell<Known> = const { std::cell::RefCell::new(Vec::new()) };
    }
    KNOWN.with_borrow_mut(|known| {
        if let Some((_, law)) = known.iter().find(|(kind, _)| *kind == (purpose, called)) {
            return law.clone();
        }
        let law = regimes(purpose, called);
        known.push(((purpose, called), law.clone()));
        law
    })
}

/// A consent of 1 November 2026.
const CONSENT: Right = Right {
    id: None,
    basis: Basis::Consent,
    obtained: Some(Wall::micros(1_793_487_600_000_000)),
    until: None,
    out_of_hours: false,
};

/// Asks about a consumer in Paris who is sold something, at a moment of Monday 23 November 2026.
fn monday(at: &str, given: &[(bool, &str, &str)]) -> Result<Question, Box<dyn Error>> {
    let zone = TimeZone::get("Europe/Paris")?;
    let moment = |text: &str| -> Result<Option<Zoned>, Box<dyn Error>> {
        if text.is_empty() {
            return Ok(None);
        }
        Ok(Some(zone.to_zoned(text.parse()?)?))
    };
    let given = given.iter().map(|(contract, obtained, until)| {
        let (obtained, until) = (moment(obtained)?, moment(until)?);
        Ok(Given { contract: *contract, obtained, until, out_of_hours: false })
    });
    let given = given.collect::<Result<_, Box<dyn Error>>>()?;
    Ok(Question {
        territory: "FR",
        zone: "Europe/Paris",
        at: moment(&format!("2026-11-23T{at}"))?.ok_or("no moment")?,
        purpose: Purpose::Prospecting,
        called: Called::Consumers,
        tried: Vec::new(),
        refused: None,
        given,
        withdrawn: None,
    })
}

#[test]
fn a_right_to_call_holds_to_the_end_of_its_last_day_and_no_second_longer()
-> Result<(), Box<dyn Error>> {
    type Case<'c> = (&'c str, &'c [(bool, &'c str, &'c str)], bool);
    let cases: [Case<'_>; 11] = [
        ("10:00", &[], false),
        // Days 365 and 366.
        ("10:00", &[(false, "2025-11-23T00:00", "")], true),
        ("19:59:59", &[(false, "2025-11-23T23:59", "")], true),
        ("10:00", &[(false, "2025-11-22T23:59:59", "")], false),
        // A second later than now.
        ("10:00", &[(false, "2026-11-23T10:00:01", "")], false),
        // The end it was given with.
        ("10:00", &[(false, "2026-11-01T00:00", "2026-11-23T10:00")], false),
        ("10:00", &[(false, "2026-11-01T00:00", "2026-11-24T00:00")], true),
        // A contract that ends today, one that ended yesterday, one without an end.
        ("19:59:59", &[(true, "", "2026-11-24T00:00")], true),
        ("10:00", &[(true, "", "2026-11-23T00:00")], false),
        ("10:00", &[(true, "2026-11-01T00:00", "")], false),
        ("10:00", &[(true, "", "2026-11-23T00:00"), (false, "2026-11-01T00:00", "")], true),
    ];
    for (at, given, may) in cases {
        assert_eq!(dials(&monday(at, given)?)?, may, "{at} {given:?}");
    }
    Ok(())
}

#[test]
fn what_was_taken_back_a_second_ago_gives_no_right() -> Result<(), Box<dyn Error>> {
    let given = [(false, "2026-11-23T09:00:00", "")];
    for (back, may) in [("08:59:59", true), ("09:00:00", false), ("09:59:59", false)] {
        let mut question = monday("10:00", &given)?;
        question.withdrawn = Some(monday(back, &[])?.at);
        assert_eq!(dials(&question)?, may, "{back}");
    }
    Ok(())
}

#[test]
fn only_a_consent_to_other_hours_opens_them_and_only_where_it_may() -> Result<(), Box<dyn Error>> {
    let mut question = monday("21:30", &[(false, "2026-11-01T00:00", "")])?;
    assert!(!dials(&question)?, "a consent to calls is none to calls at night");
    question.given.iter_mut().for_each(|given| given.out_of_hours = true);
    assert!(dials(&question)?);
    question.territory = "DE";
    question.zone = "Europe/Berlin";
    assert!(!dials(&question)?, "that of Germany knows no such consent");
    Ok(())
}

#[test]
fn a_refusal_in_conversation_silences_the_person_at_once() -> Result<(), Box<dyn Error>> {
    let zone = Zone::new("Europe/Paris")?;
    let wall = Wall::from("2026-11-23T09:30:00Z".parse::<jiff::Timestamp>()?);
    let mut campaign = Campaign::new(Mode::Progressive, TRUNK, zone.clone());
    campaign.rules.law = regimes_of(Purpose::Prospecting, Called::Consumers);
    let refusal = Disposition { class: DispositionClass::ArguedNegative, then: Then::Close };
    campaign.dispositions.insert(DispositionId(0), refusal);
    let trunk = trunks::Settings { channels: 5, calls_per_second: 5.0, burst: 5, rest: None };
    let settings = agent::Settings { campaigns: vec![CAMPAIGN], pause_at_login: PauseId(0) };
    // Two contacts that are one person.
    let claimed = |contact: u64| -> Result<Fact, Box<dyn Error>> {
        let number = LeadNumber::new(NumberId(contact), PersonId(7), zone.clone());
        let rights = vec![CONSENT];
        let number = LeadNumber { territory: Some(Territory::new("FR")?), rights, ..number };
        let leads = vec![Lead::new(ContactId(contact), vec![number])];
        let supply = Supply::default();
        Ok(Fact::Campaign(CAMPAIGN, CampaignFact::Claimed { leads, supply }))
    };
    let (call, agent) = (CallId::of(1, 1), |fact| Fact::Agent(AGENT, fact));
    let said = AgentFact::Qualified { call, disposition: DispositionId(0), callback: None };
    let batches = [
        vec![
            Fact::Trunk(TRUNK, TrunkFact::Set(trunk)),
            Fact::Campaign(CAMPAIGN, CampaignFact::Set(Box::new(campaign))),
            Fact::Campaign(CAMPAIGN, CampaignFact::Started),
            agent(AgentFact::Set(settings)),
            agent(AgentFact::LoggedIn),
        ],
        vec![agent(AgentFact::LegUp), agent(AgentFact::Ready)],
        vec![claimed(1)?],
        vec![Fact::Call(call, CallFact::Answered)],
        vec![Fact::Call(call, CallFact::HungUp)],
        vec![agent(said), agent(AgentFact::Ready)],
        vec![claimed(2)?],
    ];
    let mut dialer = Dialer::new(Settings { node: 1, first_call: 1, seed: 1 });
    let (mut dialled, mut refused) = (0, Vec::new());
    for (nth, batch) in (0..).zip(batches) {
        let now = Now { mono: Mono::START + Span::secs(nth), wall: wall + Span::secs(nth) };
        batch.into_iter().for_each(|fact| dialer.take(now, fact));
        dialer.settle(now);
        while let Some(order) = dialer.next_order() {
            if matches!(order, Order::Dial(_)) {
                dialled += 1;
            } else if let Order::Record(Record::Refused(told)) = order {
                refused.push(told.refusal);
            }
        }
    }
    // The first weekday after sixty full days: 23 January 2027 is a Saturday.
    let opens = Wall::from("2027-01-25T09:00:00Z".parse::<jiff::Timestamp>()?);
    let law = Some(LawId::new("FR-7"));
    let expected = Refusal { rule: RuleId::Refused, law, until: Some(opens) };
    assert_eq!((dialled, refused), (1, vec![expected]));
    Ok(())
}

#[test]
fn no_call_is_placed_against_the_law_and_none_is_refused_without_it() -> Result<(), Box<dyn Error>>
{
    let questions = std::env::var("CADRAN_QUESTIONS").map_or(Ok(QUESTIONS), |text| text.parse())?;
    let oracle = Oracle::new()?;
    let mut chance = Chance(Pcg64Mcg::new(0x1a3));
    let (mut allowed, mut refused) = (0_u64, 0_u64);
    for _ in 0..questions {
        let question = chance.question()?;
        let may = oracle.allows(&question);
        let told = || {
            let Question { territory, at, purpose, called, tried, refused, .. } = &question;
            let Question { given, withdrawn, .. } = &question;
            format!(
                "{territory} {at} {purpose:?} {called:?} tried {tried:?} refused {refused:?} \
                 given {given:?} withdrawn {withdrawn:?}"
            )
        };
        assert_eq!(dials(&question)?, may, "{}", told());
        if may { allowed += 1 } else { refused += 1 }
    }
    assert!(allowed > questions / 10 && refused > questions / 10, "{allowed} {refused}");
    Ok(())
}
