//! The words of the scenes: facts read, orders told.

use std::collections::BTreeMap;
use std::str::FromStr;

use cadran::core::campaign::{
    self, Disposition, DispositionClass, Guarantee, Mode, Route, Then, Wrap,
};
use cadran::core::fact::{
    AgentFact, Answerer, CallFact, Callback, CampaignFact, DncScope, Failure, Heard, InboundFact,
    Lead, LeadNumber, SkipReason, Supply, TrunkFact,
};
use cadran::core::order::{InboundOrder, Next, Order, Outcome, Record};
use cadran::core::rules::caller_id::{Card, Class, Dialing};
use cadran::core::rules::law::{Asks, LawId, Regime, Rule};
use cadran::core::rules::{AttemptCap, DaySpan, Week};
use cadran::core::shown::Cap;
use cadran::core::{self, Fact, agent, hopper, inbound, recycle, trunks};
use cadran::units::{
    AgentId, CallId, CampaignId, ClientId, ContactId, DispositionId, InboundId, Now, NumberId,
    PauseId, PersonId, Ratio, RouteGroup, ShownId, Span, Territory, TrunkId, Wall, Zone,
};

/// What the header of a scene introduced.
#[derive(Default)]
pub(super) struct World {
    campaigns: BTreeMap<CampaignId, campaign::Settings>,
    leads: BTreeMap<ContactId, Lead>,
}

/// An order in the scene's words, with its kind so that it can be hidden.
pub(super) struct Told {
    pub(super) kind: &'static str,
    pub(super) text: String,
}

impl World {
    /// Reads a line above the table.
    pub(super) fn header(&mut self, first: &str, rest: &[&str]) -> Result<Vec<Fact>, String> {
        let (&name, rest) = rest.split_first().ok_or("a name is missing")?;
        match first {
            "campaign" => {
                let id = CampaignId(number(name, 'K')?);
                let settings = settings(standing()?, rest)?;
                self.campaigns.insert(id, settings.clone());
                Ok(vec![Fact::Campaign(id, CampaignFact::Set(Box::new(settings)))])
            }
            "trunk" => {
                let (channels, calls_per_second, burst) = (99, 99.0, 99);
                let mut trunk = trunks::Settings { channels, calls_per_second, burst, rest: None };
                for (key, value) in pairs(rest)? {
                    match key {
                        "channels" => trunk.channels = parse(value)?,
                        "cps" => trunk.calls_per_second = parse(value)?,
                        "burst" => trunk.burst = parse(value)?,
                        "rest" => trunk.rest = Some(breaker(value)?),
                        _ => return Err(format!("no trunk has {key}")),
                    }
                }
                Ok(vec![Fact::Trunk(TrunkId(number(name, 'T')?), TrunkFact::Set(trunk))])
            }
            "agent" => {
                let (campaigns, then) = rest.split_first().ok_or("agents serve campaigns")?;
                let id = AgentId(number(name, 'A')?);
                let mut facts = vec![Fact::Agent(id, serves(campaigns)?)];
                if then.first() == Some(&"ready") {
                    facts.extend(arrives(id));
                }
                Ok(facts)
            }
            "lead" => {
                let id = ContactId(number(name, 'L')?);
                let lead = lead(id, rest)?;
                self.leads.insert(id, lead);
                Ok(Vec::new())
            }
            _ => Err(format!("nothing is called {first}")),
        }
    }

    /// Reads one fact of the table.
    pub(super) fn facts(&mut self, now: Now, text: &str) -> Result<Vec<Fact>, String> {
        let words = text.split_whitespace().collect::<Vec<_>>();
        let (&who, words) = words.split_first().ok_or("who did what?")?;
        let (&what, rest) = words.split_first().ok_or("what happened?")?;
        match who.chars().next() {
            Some('K') => {
                let id = CampaignId(number(who, 'K')?);
                Ok(vec![Fact::Campaign(id, self.campaign(now, id, what, rest)?)])
            }
            Some('C') => Ok(vec![Fact::Call(CallId(number(who, 'C')?), call(what, rest)?)]),
            Some('A') if what == "arrives" => Ok(arrives(AgentId(number(who, 'A')?)).to_vec()),
            Some('A') => {
                Ok(vec![Fact::Agent(AgentId(number(who, 'A')?), agent_fact(now, what, rest)?)])
            }
            Some('L') if what == "erased" => Ok(vec![Fact::Erased(ContactId(number(who, 'L')?))]),
            Some('T') => {
                let fact = match what {
                    "up" => TrunkFact::Up,
                    "down" => TrunkFact::Down,
                    "receives" => TrunkFact::Receives(inbound::Limits {
                        calls: parse(rest.first().ok_or("how many?")?)?,
                        calls_per_second: parse(rest.get(1).ok_or("how many a second?")?)?,
                    }),
                    "spared" => TrunkFact::Spared(span(rest.first().ok_or("how long?")?)?),
                    _ => return Err(format!("no trunk does {what}")),
                };
                Ok(vec![Fact::Trunk(TrunkId(number(who, 'T')?), fact)])
            }
            Some('S') => {
                let scope = match rest.first() {
                    None => DncScope::Everyone,
                    Some(name) if name.starts_with('P') => {
                        DncScope::Client(ClientId(number(name, 'P')?))
                    }
                    Some(name) => DncScope::Campaign(CampaignId(number(name, 'K')?)),
                };
                Ok(vec![Fact::DoNotCall(PersonId(number(who, 'S')?), scope)])
            }
            Some('I') => {
                let id = InboundId(number(who, 'I')?);
                Ok(vec![Fact::Inbound(id, inbound_fact(what, rest)?)])
            }
            Some(_) | None => Err(format!("who is {who}?")),
        }
    }

    fn campaign(
        &mut self,
        now: Now,
        id: CampaignId,
        what: &str,
        rest: &[&str],
    ) -> Result<CampaignFact, String> {
        Ok(match what {
            "started" => CampaignFact::Started,
            "paused" => CampaignFact::Paused,
            "drained" => CampaignFact::Drained,
            "stopped" => CampaignFact::Stopped,
            "refilled" => CampaignFact::Refilled,
            "restocked" => CampaignFact::Restocked,
            "corrected" => {
                let contact = ContactId(number(rest.first().ok_or("whose?")?, 'L')?);
                let Lead { numbers, .. } = lead(contact, rest.get(1..).unwrap_or_default())?;
                CampaignFact::Corrected { contact, numbers }
            }
            "directed" => CampaignFact::Directed(parse(rest.first().ok_or("how many?")?)?),
            "set" => {
                let known = self.campaigns.get(&id).cloned().ok_or("no such campaign")?;
                let new = settings(known, rest)?;
                self.campaigns.insert(id, new.clone());
                CampaignFact::Set(Box::new(new))
            }
            "claimed" => {
                let mut leads = Vec::new();
                let mut supply = Supply::default();
                for word in rest {
                    match word.split_once('=') {
                        Some(("due", value)) => supply.due = parse(value)?,
                        Some(("waiting", value)) => supply.waiting = parse(value)?,
                        Some(("next", value)) => supply.next_due = Some(now.wall + span(value)?),
                        Some((key, _)) => return Err(format!("no supply has {key}")),
                        None => {
                            let id = ContactId(number(word, 'L')?);
                            leads.push(self.leads.get(&id).cloned().ok_or("no such lead")?);
                        }
                    }
                }
                CampaignFact::Claimed { leads, supply }
            }
            _ => return Err(format!("no campaign is {what}")),
        })
    }
}

fn arrives(id: AgentId) -> [Fact; 3] {
    [AgentFact::LoggedIn, AgentFact::LegUp, AgentFact::Ready].map(|fact| Fact::Agent(id, fact))
}

fn standing() -> Result<campaign::Settings, String> {
    let zone = Zone::new("Europe/Paris").map_err(|error| error.to_string())?;
    let delay = |secs| recycle::Delay::of(Span::secs(secs), false);
    let disposition = |class, then| Disposition { class, then };
    Ok(campaign::Settings {
        wrap: Wrap { max: Some(Span::secs(60)), default: None, extension_max: Span::secs(30) },
        retry: recycle::Settings {
            attempts_max: 5,
            after: BTreeMap::from([
                (Outcome::Busy, delay(600)),
                (Outcome::NoAnswer, delay(7_200)),
                (Outcome::Machine, delay(3_600)),
            ]),
            plan: None,
        },
        hopper: hopper::Settings { size: 10, low: 5, lease: Span::secs(600) },
        dispositions: BTreeMap::from([
            (DispositionId(1), disposition(DispositionClass::ArguedPositive, Then::Close)),
            (DispositionId(2), disposition(DispositionClass::ArguedNegative, Then::DoNotCall)),
            (
                DispositionId(3),
                disposition(DispositionClass::NotArgued, Then::Callback(Span::secs(3_600))),
            ),
            (DispositionId(4), disposition(DispositionClass::NotArgued, Then::WrongNumber)),
            (
                DispositionId(5),
                disposition(DispositionClass::NotArgued, Then::Retry(Span::secs(1_800))),
            ),
        ]),
        ..campaign::Settings::new(Mode::Progressive, TrunkId(1), zone)
    })
}

fn settings(
    mut settings: campaign::Settings,
    words: &[&str],
) -> Result<campaign::Settings, String> {
    for (key, value) in pairs(words)? {
        match key {
            "mode" => settings.mode = mode(value)?,
            "client" => settings.client = ClientId(number(value, 'P')?),
            "routes" => settings.routes = list(value, route)?,
            "group" => {
                let (group, routes) = value.split_once(':').ok_or("a group is X1:T1,T2")?;
                let group = RouteGroup(number(group, 'X')?);
                settings.by_group.insert(group, list(routes, route)?);
            }
            "shows" => settings.caller_caps = list(value, shown)?,
            "cards" => settings.caller_cards = list(value, card)?,
            "law" => settings.rules.law = list(value, own_numbers)?,
            "listen" => settings.listen = parse(value)?,
            "notice" => settings.abandon.notice = parse(value)?,
            "within" => settings.abandon.within = span(value)?,
            "lock" => settings.abandon.recall_lock = span(value)?,
            "cap" => settings.abandon.cap = Ratio::new(parse(value)?),
            "ring_max" => settings.ring_max = span(value)?,
            "ring_min" => settings.ring_min = span(value)?,
            "wrap" if value == "none" => settings.wrap.max = None,
            "wrap" => settings.wrap.max = Some(span(value)?),
            "default" => settings.wrap.default = Some(DispositionId(number(value, 'D')?)),
            "breath" => settings.respect.breath = span(value)?,
            "occupancy" => settings.respect.occupancy_max = Some(Ratio::new(parse(value)?)),
            "hard_from" => settings.respect.hard_from = Some(parse(value)?),
            "attempts" => settings.retry.attempts_max = parse(value)?,
            "caps" => settings.rules.attempts = list(value, cap)?,
            "week" => settings.rules.week = Week { days: week(value)? },
            "next_number" => {
                let delay = recycle::Delay::of(span(value)?, true);
                settings.retry.after.insert(Outcome::NoAnswer, delay);
            }
            "size" => settings.hopper.size = parse(value)?,
            "low" => settings.hopper.low = parse(value)?,
            "lease" => settings.hopper.lease = span(value)?,
            "caller_ids" => settings.caller_ids = parse(value)?,
            _ => return Err(format!("no campaign has {key}")),
        }
    }
    Ok(settings)
}

fn mode(text: &str) -> Result<Mode, String> {
    Ok(match text.split_once(':') {
        Some(("power", lines)) => Mode::Power { lines_per_agent: parse(lines)? },
        None if text == "progressive" => Mode::Progressive,
        None if text == "preview" => Mode::Preview,
        None if text == "directed" => Mode::Directed,
        None if text == "predictive" => Mode::Predictive { guarantee: Guarantee::Expected },
        None if text == "strict" => Mode::Predictive { guarantee: Guarantee::Strict },
        Some(_) | None => return Err(format!("no mode {text}")),
    })
}

/// `3/60s/10s`: after three faults in a row within a minute, for ten seconds and then longer.
fn breaker(text: &str) -> Result<core::breaker::Settings, String> {
    let mut parts = text.split('/');
    let mut next = || parts.next().ok_or("a rest is written 3/60s/10s");
    Ok(core::breaker::Settings {
        faults: parse(next()?)?,
        within: span(next()?)?,
        least: span(next()?)?,
        ..core::breaker::Settings::default()
    })
}

/// `ES:T1`: a number of a country, and the trunk it leaves by.
fn card(text: &str) -> Result<Card, String> {
    let (country, trunk) = text.split_once(':').ok_or("a card is written ES:T1")?;
    let country = Territory::new(country).map_err(|error| error.to_string())?;
    let trunks = vec![TrunkId(number(trunk, 'T')?)];
    Ok(Card { country: Some(country), class: Class::Verified, mandated: true, trunks })
}

/// `ES`: a country where no numbers but its own are shown.
fn own_numbers(text: &str) -> Result<Regime, String> {
    let territory = Territory::new(text).map_err(|error| error.to_string())?;
    let modes = vec![Dialing::Progressive];
    let asks = Asks::Shows { modes, classes: vec![Class::Verified] };
    let rule = Rule { id: LawId::new(text), from: None, until: None, asks };
    Ok(Regime { territory, edition: "".into(), holidays: Vec::new(), rules: vec![rule] })
}

/// `Y1/2/0.5/60`: a number with its channels, calls per second and per hour; `-` for no limit.
fn shown(text: &str) -> Result<Option<Cap>, String> {
    fn cap<T: FromStr>(text: Option<&str>) -> Result<Option<T>, String> {
        text.filter(|text| *text != "-").map(parse).transpose()
    }
    let mut parts = text.split('/');
    let number = ShownId(number(parts.next().unwrap_or(""), 'Y')?);
    let (channels, calls_per_second) = (cap(parts.next())?, cap(parts.next())?);
    let calls_per_hour = cap(parts.next())?;
    Ok(Some(Cap { channels, calls_per_second, calls_per_hour, ..Cap::none(number) }))
}

/// `T1/0/3/50`: trunk, tier, weight, cost; all but the first may be left out.
fn route(text: &str) -> Result<Route, String> {
    let mut parts = text.split('/');
    let trunk = TrunkId(number(parts.next().unwrap_or(""), 'T')?);
    let tier = parts.next().map_or(Ok(0), parse)?;
    let weight = parts.next().map_or(Ok(1), parse)?;
    Ok(Route { trunk, tier, weight, cost: parts.next().map_or(Ok(0), parse)? })
}

/// `4/30d`: at most four within thirty days.
fn cap(text: &str) -> Result<AttemptCap, String> {
    let (max, window) = text.split_once('/').ok_or("a cap is written 4/30d")?;
    Ok(AttemptCap { max: parse(max)?, window: span(window)? })
}

/// `10:00-13:00,14:00-20:00` from Monday to Friday.
fn week(text: &str) -> Result<[Vec<DaySpan>; 7], String> {
    let minute = |text: &str| {
        let (hour, minute) = text.split_once(':').ok_or("a time is written 10:00")?;
        Ok::<u16, String>(parse::<u16>(hour)? * 60 + parse::<u16>(minute)?)
    };
    let day = list(text, |text| {
        let (from, to) = text.split_once('-').ok_or("a span is written 10:00-13:00")?;
        Ok(DaySpan { from: minute(from)?, to: minute(to)? })
    })?;
    Ok(std::array::from_fn(|weekday| if weekday < 5 { day.clone() } else { Vec::new() }))
}

/// `L7 N1/S3@Europe/Paris:FR N2 attempts=2 callback=0s,A1 owner=A1`; a number's person is its own.
fn lead(contact: ContactId, words: &[&str]) -> Result<Lead, String> {
    let mut lead = Lead::new(contact, Vec::new());
    for word in words {
        match word.split_once('=') {
            None => lead.numbers.push(lead_number(word)?),
            Some(("attempts", value)) => lead.attempts = parse(value)?,
            Some(("faults", value)) => lead.faults = parse(value)?,
            Some(("next", value)) => lead.next_number = Some(NumberId(number(value, 'N')?)),
            Some(("owner", value)) => lead.owner = Some(AgentId(number(value, 'A')?)),
            Some(("callback", "any")) => {
                lead.callback = Some(Callback { at: Wall::micros(0), agent: None });
            }
            Some(("callback", value)) => {
                let agent = Some(AgentId(number(value, 'A')?));
                lead.callback = Some(Callback { at: Wall::micros(0), agent });
            }
            Some((key, _)) => return Err(format!("no lead has {key}")),
        }
    }
    if lead.numbers.is_empty() {
        lead.numbers.push(lead_number(&format!("N{}", contact.0))?);
    }
    Ok(lead)
}

fn lead_number(text: &str) -> Result<LeadNumber, String> {
    let (text, dnc) = text.strip_suffix('!').map_or((text, false), |text| (text, true));
    let (text, invalid) = text.strip_suffix('?').map_or((text, false), |text| (text, true));
    let (text, group) = text.split_once('~').unwrap_or((text, "X0"));
    let group = RouteGroup(number(group, 'X')?);
    let (text, zone) = text.split_once('@').unwrap_or((text, "Europe/Paris"));
    let (zone, territory) = zone.split_once(':').map_or((zone, None), |(z, t)| (z, Some(t)));
    let territory = territory.map(Territory::new).transpose().map_err(|error| error.to_string())?;
    let (text, person) = text.split_once('/').map_or((text, None), |(n, s)| (n, Some(s)));
    let id: u64 = number(text, 'N')?;
    let person = PersonId(person.map_or(Ok(id), |person| number(person, 'S'))?);
    let zone = Zone::new(zone).map_err(|error| error.to_string())?;
    Ok(LeadNumber {
        invalid,
        do_not_call: dnc,
        group,
        territory,
        ..LeadNumber::new(NumberId(id), person, zone)
    })
}

fn call(what: &str, rest: &[&str]) -> Result<CallFact, String> {
    let heard = |what| CallFact::Heard(Heard { what, confidence: Ratio::new(0.9) });
    Ok(match what {
        "ringing" => CallFact::Ringing,
        "early" => CallFact::EarlyMedia,
        "answered" => CallFact::Answered,
        "unusable" => CallFact::Unusable(488),
        "human" => heard(Answerer::Human),
        "machine" => heard(Answerer::Machine),
        "fax" => heard(Answerer::Fax),
        "hung_up" => CallFact::HungUp,
        "lost" => CallFact::Lost,
        "played" => CallFact::NoticePlayed,
        "gone" => CallFact::Gone,
        "transfer" => CallFact::TransferWanted,
        "transferred" => CallFact::Transferred,
        "not_recorded" => CallFact::NotRecorded,
        "failed" => {
            let after = rest.get(1).map(|text| span(text)).transpose()?;
            let (failure, cause) = match rest.get(..1).unwrap_or_default() {
                ["busy"] => (Failure::Busy, 486),
                ["no_answer"] => (Failure::NoAnswer, 480),
                ["invalid"] => (Failure::Invalid, 404),
                ["declined"] => (Failure::Declined, 603),
                ["cancelled"] => (Failure::Cancelled, 487),
                ["congestion"] => (Failure::Congestion, 503),
                ["trunk_fault"] => (Failure::TrunkFault, 403),
                [..] => return Err("failed how?".to_owned()),
            };
            CallFact::Failed { failure, cause, after }
        }
        _ => return Err(format!("no call is {what}")),
    })
}

fn agent_fact(now: Now, what: &str, rest: &[&str]) -> Result<AgentFact, String> {
    let first = rest.first().copied().unwrap_or("");
    Ok(match what {
        "login" => AgentFact::LoggedIn,
        "leg_up" => AgentFact::LegUp,
        "leg_down" => AgentFact::LegDown,
        "ready" => AgentFact::Ready,
        "pause" => AgentFact::Paused(PauseId(number(first, 'Z')?)),
        "logout" => AgentFact::LoggedOut,
        "serves" => serves(first)?,
        "dial" => AgentFact::PreviewDialed,
        "skip" => AgentFact::PreviewSkipped(match first {
            "later" => SkipReason::Later,
            "bad_record" => SkipReason::BadRecord,
            "not_ours" => SkipReason::NotOurs,
            _ => return Err("skipped why?".to_owned()),
        }),
        "hang_up" => AgentFact::HungUp,
        "hold" => AgentFact::Held,
        "retrieve" => AgentFact::Retrieved,
        "extend" => AgentFact::WrapExtended(span(first)?),
        "qualify" => {
            let disposition = DispositionId(number(rest.get(1).unwrap_or(&""), 'D')?);
            let callback = match rest.get(2..) {
                None | Some([]) => None,
                Some([at]) => Some(Callback { at: now.wall + span(at)?, agent: None }),
                Some([at, who, ..]) => {
                    let agent = Some(AgentId(number(who, 'A')?));
                    Some(Callback { at: now.wall + span(at)?, agent })
                }
            };
            AgentFact::Qualified { call: CallId(number(first, 'C')?), disposition, callback }
        }
        _ => return Err(format!("no agent does {what}")),
    })
}

/// `arrived T1 K1 K2 [hidden]`, `identified [K1]`, `answered`, `played`, `pressed 9`,
/// `noted S1 P1`, `not-noted`, `gone`.
fn inbound_fact(what: &str, rest: &[&str]) -> Result<InboundFact, String> {
    let marked = |letter| rest.iter().copied().filter(move |word: &&str| word.starts_with(letter));
    let campaigns = || marked('K').map(|name| number(name, 'K').map(CampaignId));
    Ok(match what {
        "arrived" => InboundFact::Arrived {
            trunk: TrunkId(number(rest.first().unwrap_or(&""), 'T')?),
            campaigns: campaigns().collect::<Result<_, _>>()?,
            known: !rest.contains(&"hidden"),
        },
        "identified" => InboundFact::Identified(campaigns().next().transpose()?),
        "answered" => InboundFact::Answered,
        "played" => InboundFact::Played,
        "pressed" => InboundFact::Pressed(parse(rest.first().ok_or("which key?")?)?),
        "noted" => InboundFact::Noted {
            persons: marked('S')
                .map(|name| number(name, 'S').map(PersonId))
                .collect::<Result<_, _>>()?,
            clients: marked('P')
                .map(|name| number(name, 'P').map(ClientId))
                .collect::<Result<_, _>>()?,
        },
        "not-noted" => InboundFact::NotNoted,
        "gone" => InboundFact::Gone,
        _ => return Err(format!("no caller is {what}")),
    })
}

/// `K1,K2`
fn serves(campaigns: &str) -> Result<AgentFact, String> {
    let campaigns = list(campaigns, |name| number(name, 'K').map(CampaignId))?;
    Ok(AgentFact::Set(agent::Settings { campaigns, pause_at_login: PauseId(0) }))
}

/// Tells an order in the scene's words.
pub(super) fn tell(now: Now, order: &Order) -> Told {
    let told = |kind, text| Told { kind, text };
    match order {
        Order::Record(record) => record_told(now, record),
        Order::Dial(dial) => {
            let shown =
                if dial.caller_id == 0 { String::new() } else { format!(" #{}", dial.caller_id) };
            told("dial", format!("dial {} {} {}{shown}", dial.call, dial.number, dial.trunk))
        }
        Order::Cancel(call) => told("cancel", format!("cancel {call}")),
        Order::HangUp(call) => told("hang_up", format!("hang up {call}")),
        Order::Listen(call) => told("listen", format!("listen {call}")),
        Order::Comfort(call) => told("comfort", format!("comfort {call}")),
        Order::Bridge(call, agent) => told("bridge", format!("bridge {call} {agent}")),
        Order::PlayNotice(call, campaign) => told("notice", format!("notice {call} {campaign}")),
        Order::Hold(call) => told("hold", format!("hold {call}")),
        Order::Retrieve(call) => told("retrieve", format!("retrieve {call}")),
        Order::Transfer(call) => told("transfer", format!("transfer {call}")),
        Order::RaiseLeg(agent) => told("legs", format!("raise leg {agent}")),
        Order::DropLeg(agent) => told("legs", format!("drop leg {agent}")),
        Order::ShowPreview(agent, campaign, contact) => {
            told("show", format!("show {agent} {campaign} {contact}"))
        }
        Order::ClearPreview(agent) => told("clear", format!("clear {agent}")),
        Order::Claim { campaign, count, .. } => told("claim", format!("claim {campaign} {count}")),
        Order::Release(campaign, contacts) => {
            let contacts = contacts.iter().map(ToString::to_string).collect::<Vec<_>>();
            told("release", format!("release {campaign} {}", contacts.join(" ")))
        }
        Order::Inbound(inbound, order) => told("inbound", inbound_told(*inbound, order)),
    }
}

fn inbound_told(inbound: InboundId, order: &InboundOrder) -> String {
    match order {
        InboundOrder::Refuse(why) => format!("refuse {inbound} {}", word(why)),
        InboundOrder::Identify(campaigns) => format!("identify {inbound} {}", names(campaigns)),
        InboundOrder::Answer => format!("answer {inbound}"),
        InboundOrder::Play(words, campaign) => {
            format!("play {inbound} {} {campaign}", word(words))
        }
        InboundOrder::Note(clients) => format!("note {inbound} {}", names(clients)),
        InboundOrder::HangUp => format!("part {inbound}"),
    }
}

fn names<T: ToString>(ids: &[T]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn record_told(now: Now, record: &Record) -> Told {
    let told = |kind, text| Told { kind, text };
    match record {
        Record::Opened(opened) => {
            let whom = opened.agent.map_or(String::new(), |agent| format!(" for {agent}"));
            let (call, contact, attempt) = (opened.call, opened.contact, opened.attempt);
            told("opened", format!("opened {call} {contact} attempt {attempt}{whom}"))
        }
        Record::Closed(closed) => {
            let (call, by) = (closed.call, word(&closed.ended_by));
            let (outcome, next) = (word(&closed.outcome), next(now, closed.next));
            let forced = if closed.forced { " forced" } else { "" };
            told("closed", format!("closed {call} {outcome} by {by}{forced}: {next}"))
        }
        Record::Bridged(bridged) => {
            told("bridged", format!("bridged {} {}", bridged.call, bridged.agent))
        }
        Record::Abandoned(abandoned) => {
            let (call, next) = (abandoned.call, next(now, abandoned.next));
            let forced = if abandoned.forced { " forced" } else { "" };
            told("abandoned", format!("abandoned {call}{forced}: {next}"))
        }
        Record::Completed(call) => told("completed", format!("completed {call}")),
        Record::Qualified(qualified) => {
            let (call, disposition) = (qualified.call, qualified.disposition);
            let whom =
                qualified.agent.map_or_else(|| "default".to_owned(), |agent| agent.to_string());
            let wrong = if qualified.wrong_number { " wrong number" } else { "" };
            let next = next(now, qualified.next);
            let text = format!("qualified {call} {disposition} by {whom}:{wrong} {next}");
            told("qualified", text)
        }
        Record::Refused(refused) => {
            let (contact, number, stage) = (refused.contact, refused.number, word(&refused.stage));
            let (rule, next) = (word(&refused.refusal.rule), next(now, refused.next));
            told("refused", format!("refused {contact} {number} {rule} at {stage}: {next}"))
        }
        Record::Skipped { contact, agent, next: after, .. } => {
            told("skipped", format!("skipped {contact} by {agent}: {}", next(now, *after)))
        }
        Record::DoNotCall { person, scope, .. } => {
            told("dnc", format!("do not call {person} {}", word(scope)))
        }
        Record::AgentState { agent, state } => {
            told("agents", format!("agent {agent} {}", word(state)))
        }
        Record::CampaignState { campaign, state } => {
            told("campaigns", format!("campaign {campaign} {}", word(state)))
        }
        Record::Decided(campaign, decision) => {
            let (asked, placed) = (decision.ask.calls, decision.placed);
            let limit = word(&decision.limit);
            told("decided", format!("decided {campaign} {placed} of {asked} {limit}"))
        }
        Record::Learnt(campaign, lesson) => {
            told("learnt", format!("learnt {campaign} {} calls", lesson.calls.all()))
        }
        Record::Received { inbound, trunk, campaign, .. } => {
            told("received", format!("received {inbound} {trunk} {campaign}"))
        }
        Record::ReceivedEnded { inbound, .. } => told("received", format!("over {inbound}")),
    }
}

fn next(now: Now, next: Next) -> String {
    let wait = |at: Wall| format!("{}s", at.since(now.wall).as_micros() / 1_000_000);
    match next {
        Next::Retry { at, number } => {
            let number = number.map_or(String::new(), |number| format!(" {number}"));
            format!("retry {}{number}", wait(at))
        }
        Next::Callback(callback) => {
            let whom = callback.agent.map_or(String::new(), |agent| format!(" {agent}"));
            format!("callback {}{whom}", wait(callback.at))
        }
        Next::Done(reason) => format!("done {}", word(&reason)),
        Next::Untouched => "untouched".to_owned(),
    }
}

/// A value's name as its tape spells it, without punctuation.
fn word(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_default();
    let plain = json.replace(['{', '}', '"', '[', ']'], "");
    plain.replace(':', " ")
}

fn pairs<'a>(words: &[&'a str]) -> Result<Vec<(&'a str, &'a str)>, String> {
    let pair =
        |word: &&'a str| word.split_once('=').ok_or_else(|| format!("{word}: write key=value"));
    words.iter().map(pair).collect()
}

fn list<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.split(',').map(read).collect()
}

fn parse<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("cannot read {text}"))
}

fn number<T: FromStr>(text: &str, prefix: char) -> Result<T, String> {
    parse(text.strip_prefix(prefix).ok_or_else(|| format!("{text}: write {prefix} and a number"))?)
}

/// `2s`, `1.5s`, `30m`, `8h`, `30d`.
fn span(text: &str) -> Result<Span, String> {
    let units = [('s', 1.0), ('m', 60.0), ('h', 3_600.0), ('d', 86_400.0)];
    let unit = units.iter().find(|(unit, _)| text.ends_with(*unit));
    let (unit, factor) = unit.ok_or_else(|| format!("{text}: write 2s, 30m, 8h or 30d"))?;
    Ok(Span::from_secs_f64(parse::<f64>(text.trim_end_matches(*unit))? * factor))
}
