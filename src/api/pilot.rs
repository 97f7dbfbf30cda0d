//! A pilot's report: whether the whole list is worth its cost, told after a small one.

use axum::extract::State;
use serde::Deserialize;

use super::chance::{self, float};
use super::compliance::moment;
use super::error::{Answer, ApiError};
use super::types::{Estimate, PilotReport, Price, Projection, Share, Verdict};
use super::{Desk, Search};
use crate::store::{IMPORT_MAX, Pilot};
use crate::units::{Wall, whole};

/// What an hour of production costs in € when nobody says: a supposition without a source, to be
/// replaced by the centre's own figure.
pub const HOURLY_COST: f64 = 32.0;

/// What a minute of telephone costs in € when nobody says: a supposition without a source, to be
/// replaced by the carrier's price.
pub const MINUTE_COST: f64 = 0.012;

/// No cost of an hour, a minute or a contact is above this: a slip of the keyboard.
const COST_MAX: f64 = 1_000_000.0;

/// How close, relatively, the contacts still needed are searched for: it is an "about".
const NEEDED_WITHIN: f64 = 0.001;

/// The query of `GET /v1/reports/pilot`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PilotQuery {
    campaign: String,
    since: Option<String>,
    #[serde(default = "hourly_cost")]
    hourly_cost: f64,
    #[serde(default = "minute_cost")]
    minute_cost: f64,
    cost_per_contact_max: Option<f64>,
    cost_per_argued_max: Option<f64>,
    cost_per_appointment_max: Option<f64>,
}

fn hourly_cost() -> f64 {
    HOURLY_COST
}

fn minute_cost() -> f64 {
    MINUTE_COST
}

/// What the calls cost and what they may cost, in €.
#[derive(Clone, Copy, Debug, Default)]
struct Terms {
    hour: f64,
    minute: f64,
    contact: Option<f64>,
    argued: Option<f64>,
    appointment: Option<f64>,
}

/// `GET /v1/reports/pilot`: one campaign's, from its first call or from `since` on.
pub(super) async fn pilot(
    State(desk): State<Desk>,
    Search(query): Search<PilotQuery>,
) -> Answer<PilotReport> {
    let terms = query.terms()?;
    let from = moment(query.since.as_deref())?.unwrap_or(Wall::micros(0));
    let (_, row) = desk.campaign(&query.campaign)?;
    let to = desk.clock.now().wall;
    let counted = desk.store.pilot(row.id, from, to).await?;
    Ok(axum::Json(report(row.name.clone(), from, to, &counted, &terms)))
}

impl PilotQuery {
    fn terms(&self) -> Result<Terms, ApiError> {
        let given = [
            ("hourly_cost", Some(self.hourly_cost)),
            ("minute_cost", Some(self.minute_cost)),
            ("cost_per_contact_max", self.cost_per_contact_max),
            ("cost_per_argued_max", self.cost_per_argued_max),
            ("cost_per_appointment_max", self.cost_per_appointment_max),
        ];
        for (name, cost) in given {
            if cost.is_some_and(|cost| !(0.0..=COST_MAX).contains(&cost)) {
                let wrong = format!("{name} is an amount in €, from 0 to {COST_MAX}");
                return Err(ApiError::invalid(wrong));
            }
        }
        Ok(Terms {
            hour: self.hourly_cost,
            minute: self.minute_cost,
            contact: self.cost_per_contact_max,
            argued: self.cost_per_argued_max,
            appointment: self.cost_per_appointment_max,
        })
    }
}

/// Reckons the report (words.md §2).
fn report(campaign: String, from: Wall, to: Wall, counted: &Pilot, terms: &Terms) -> PilotReport {
    let production_s = counted.production.as_secs_f64();
    let telephone_s = counted.billed.as_secs_f64();
    let cost = terms.hour * production_s / 3_600.0 + terms.minute * telephone_s / 60.0;
    let price = |count, target| price(count, cost, target, counted.tried);
    let cost_per_contact = price(counted.reached, terms.contact);
    let cost_per_argued = price(counted.argued, terms.argued);
    let cost_per_appointment = price(counted.appointments, terms.appointment);
    let (verdict, contacts_needed) =
        judge(&[&cost_per_contact, &cost_per_argued, &cost_per_appointment]);
    let valid = counted.attempts.saturating_sub(counted.attempts_invalid);
    PilotReport {
        campaign,
        from: from.to_string(),
        to: to.to_string(),
        verdict,
        contacts_needed,
        agents: counted.agents,
        attempts: counted.attempts,
        contacts: counted.contacts,
        contacts_closed: counted.contacts_closed,
        contacts_tried: counted.tried,
        contacts_reached: counted.reached,
        argued: counted.argued,
        argued_positive: counted.argued_positive,
        appointments: counted.appointments,
        list_validity: share(valid, counted.attempts, "attempts"),
        contact_rate: share(counted.reached, counted.tried, "contacts_tried"),
        argued_rate_closed: share(
            counted.argued_closed,
            counted.tried_closed,
            "contacts_tried_closed",
        ),
        argued_rate_reached: share(counted.argued, counted.reached, "contacts_reached"),
        positive_rate: share(counted.argued_positive, counted.argued, "argued"),
        penetration: Share {
            low: None,
            high: None,
            ..share(counted.contacts_closed, counted.contacts, "contacts")
        },
        production_s,
        telephone_s,
        hourly_cost: terms.hour,
        minute_cost: terms.minute,
        cost,
        cost_per_contact,
        cost_per_argued,
        cost_per_appointment,
        projection: (counted.tried > 0).then(|| projection(counted, production_s, cost)),
    }
}

fn share(part: u64, whole: u64, base: &str) -> Share {
    let [low, high] = chance::share(part, whole);
    let known = |value| (whole > 0).then_some(value);
    Share {
        part,
        whole,
        base: base.to_owned(),
        value: known(float(part) / float(whole)),
        low: known(low),
        high: known(high),
    }
}

/// Gives the cost of one of `count`, and what its target makes of it.
fn price(count: u64, cost: f64, target: Option<f64>, tried: u64) -> Price {
    if cost <= 0.0 {
        let verdict = target.map(|_| Verdict::NotYet);
        return Price { count, target, verdict, ..Price::default() };
    }
    let [low, high] = bounds(count, cost, 1.0);
    let verdict = target.map(|target| decide([low, high], target));
    let needed = target.filter(|_| verdict == Some(Verdict::NotYet));
    Price {
        count,
        value: (count > 0).then(|| cost / float(count)),
        low: Some(low),
        high: (count > 0).then_some(high),
        target,
        verdict,
        contacts_needed: needed.and_then(|target| contacts_needed(count, cost, target, tried)),
    }
}

/// Gives the interval of the cost of one, had the pilot been so many times as long and gone on the
/// same; the upper end of none is infinite.
fn bounds(count: u64, cost: f64, longer: f64) -> chance::Range {
    let [fewest, most] = chance::expected(float(count) * longer);
    [cost * longer / most, cost * longer / fewest]
}

fn decide([low, high]: chance::Range, target: f64) -> Verdict {
    if high < target {
        Verdict::Go
    } else if low > target {
        Verdict::NoGo
    } else {
        Verdict::NotYet
    }
}

/// Gives about how many more contacts must be tried until the interval leaves the target out;
/// `None` if no list is that long.
fn contacts_needed(count: u64, cost: f64, target: f64, tried: u64) -> Option<u64> {
    let decided = |longer| decide(bounds(count, cost, longer), target) != Verdict::NotYet;
    let longest = float(IMPORT_MAX as u64) / float(tried.max(1));
    let (mut short, mut long) = (1.0, 1.0_f64.max(longest));
    if !decided(long) {
        return None;
    }
    while long - short > NEEDED_WITHIN * short {
        let middle = f64::midpoint(short, long);
        if decided(middle) { long = middle } else { short = middle }
    }
    Some(whole(libm::ceil(float(tried) * (long - 1.0))).max(1))
}

/// Takes one verdict and the contacts it still needs from those of the targets.
fn judge(prices: &[&Price]) -> (Option<Verdict>, Option<u64>) {
    let given = |verdict| prices.iter().any(|price| price.verdict == Some(verdict));
    if given(Verdict::NoGo) {
        return (Some(Verdict::NoGo), None);
    }
    if !given(Verdict::NotYet) {
        return (given(Verdict::Go).then_some(Verdict::Go), None);
    }
    let open = prices.iter().filter(|price| price.verdict == Some(Verdict::NotYet));
    let needed = open.map(|price| price.contacts_needed).collect::<Option<Vec<_>>>();
    (Some(Verdict::NotYet), needed.and_then(|needed| needed.into_iter().max()))
}

/// Stretches what the tried contacts took and brought to the whole list: what is done stands, the
/// rest is foretold. Waiting keeps its share of the agents' time.
fn projection(counted: &Pilot, production_s: f64, cost: f64) -> Projection {
    let rest = counted.contacts.saturating_sub(counted.tried);
    let more = float(rest) / float(counted.tried);
    let stretched = |so_far: f64, end: Option<f64>| end.map(|end| so_far * (1.0 + more * end));
    // Each end of the time per contact, as a multiple of the mean.
    let mean = counted.handled_s / float(counted.tried);
    let ends = chance::mean(counted.tried, counted.handled_s, counted.handled_s_squared)
        .filter(|_| mean > 0.0)
        .map(|ends| ends.map(|end| end / mean));
    let estimate = |so_far: f64| Estimate {
        value: so_far * (1.0 + more),
        low: stretched(so_far, ends.map(|ends| ends[0])),
        high: stretched(so_far, ends.map(|ends| ends[1])),
    };
    let [few, many] = chance::of_the_next(counted.appointments, counted.tried, rest);
    Projection {
        contacts: counted.contacts,
        production_s: estimate(production_s),
        cost: estimate(cost),
        appointments: Estimate {
            value: float(counted.appointments) * (1.0 + more),
            low: Some(float(counted.appointments + few)),
            high: Some(float(counted.appointments + many)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Span;

    /// Two agents, ten hours, 200 contacts of 1,000: a pilot to be reckoned by hand.
    const COUNTED: Pilot = Pilot {
        attempts: 320,
        attempts_invalid: 16,
        contacts: 1_000,
        contacts_closed: 90,
        tried: 200,
        reached: 80,
        tried_closed: 88,
        argued: 50,
        argued_closed: 44,
        argued_positive: 15,
        appointments: 10,
        // 100 contacts of 240 s and 100 of none: mean 120, deviation 120.3.
        handled_s: 24_000.0,
        handled_s_squared: 5_760_000.0,
        billed: Span::secs(30_000),
        production: Span::secs(36_000),
        agents: 2,
    };

    const TERMS: Terms =
        Terms { hour: 32.0, minute: 0.012, contact: None, argued: None, appointment: None };

    fn told(counted: &Pilot, terms: &Terms) -> PilotReport {
        report("essai".to_owned(), Wall::micros(0), Wall::micros(1), counted, terms)
    }

    fn near(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 0.001 * expected.max(0.01))
    }

    #[test]
    fn every_figure_is_the_one_reckoned_by_hand() {
        let told = told(&COUNTED, &TERMS);
        let shares = [
            (&told.list_validity, 304.0 / 320.0, "attempts"),
            (&told.contact_rate, 0.4, "contacts_tried"),
            (&told.argued_rate_closed, 0.5, "contacts_tried_closed"),
            (&told.argued_rate_reached, 0.625, "contacts_reached"),
            (&told.positive_rate, 0.3, "argued"),
            (&told.penetration, 0.09, "contacts"),
        ];
        for (share, value, base) in shares {
            assert!(near(share.value, value) && share.base == base, "{share:?}");
        }
        assert_eq!((told.penetration.low, told.penetration.high), (None, None));
        // Clopper and Pearson of 80 in 200.
        assert!(near(told.contact_rate.low, 0.331_5) && near(told.contact_rate.high, 0.471_5));
        // 10 h × 32 € + 500 min × 0.012 € = 326 €.
        assert!(near(Some(told.cost), 326.0));
        assert!(near(told.cost_per_contact.value, 4.075));
        assert!(near(told.cost_per_argued.value, 6.52));
        // Ten appointments: Garwood's 4.7954 to 18.3904, so 326/18.3904 to 326/4.7954.
        let appointment = &told.cost_per_appointment;
        assert!(near(appointment.value, 32.6));
        assert!(near(appointment.low, 17.727) && near(appointment.high, 67.982));
        assert_eq!((told.verdict, told.contacts_needed), (None, None));
    }

    #[test]
    fn the_whole_list_costs_what_its_part_foretells() -> Result<(), &'static str> {
        let whole = told(&COUNTED, &TERMS).projection.ok_or("200 were tried")?;
        // Five times 10 h; Student's reach is 1.972 · 120.3 / √200 = 16.77 s on 120 s: 13.98 %
        // of the 40 h to come.
        let hours = |seconds| near(Some(whole.production_s.value), seconds);
        assert!(hours(180_000.0));
        assert!(near(whole.production_s.low, 180_000.0 - 144_000.0 * 0.139_78));
        assert!(near(whole.production_s.high, 180_000.0 + 144_000.0 * 0.139_78));
        assert!(near(Some(whole.cost.value), 1_630.0));
        assert!(near(whole.cost.high, 1_630.0 + 1_304.0 * 0.139_78));
        // 10 are taken; of 800 more about 40, and the luck of the draw besides.
        let [low, high] = [whole.appointments.low, whole.appointments.high];
        assert!(near(Some(whole.appointments.value), 50.0));
        assert!(low.is_some_and(|low| (26.0..=32.0).contains(&low)), "{low:?}");
        assert!(high.is_some_and(|high| (80.0..=92.0).contains(&high)), "{high:?}");
        Ok(())
    }

    #[test]
    fn a_target_is_met_missed_or_not_yet_decided() {
        // The interval is 17.73 € to 67.98 €.
        let table = [
            (70.0, Verdict::Go, false),
            (67.0, Verdict::NotYet, true),
            (25.0, Verdict::NotYet, true),
            (17.0, Verdict::NoGo, false),
            (32.6, Verdict::NotYet, false),
        ];
        for (target, verdict, tells_how_many) in table {
            let told = told(&COUNTED, &Terms { appointment: Some(target), ..TERMS });
            assert_eq!(told.verdict, Some(verdict), "{target}");
            assert_eq!(told.contacts_needed.is_some(), tells_how_many, "{target}");
        }
    }

    #[test]
    fn as_many_contacts_more_as_it_says_decide_the_target() -> Result<(), &'static str> {
        for target in [20.0, 25.0, 45.0, 60.0] {
            let told = told(&COUNTED, &Terms { appointment: Some(target), ..TERMS });
            let needed = told.contacts_needed.ok_or("a target off the estimate is decided")?;
            let after = |contacts: u64| {
                let longer = 1.0 + float(contacts) / 200.0;
                decide(bounds(10, 326.0, longer), target)
            };
            assert_ne!(after(needed), Verdict::NotYet, "{target}: {needed}");
            assert_eq!(after(needed - needed / 50 - 1), Verdict::NotYet, "{target}: {needed}");
        }
        Ok(())
    }

    #[test]
    fn one_target_missed_is_enough_and_every_one_must_be_met() {
        let go = Terms { appointment: Some(70.0), ..TERMS };
        let verdict = |terms: Terms| told(&COUNTED, &terms).verdict;
        assert_eq!(verdict(Terms { contact: Some(1.0), ..go }), Some(Verdict::NoGo));
        assert_eq!(verdict(Terms { argued: Some(6.5), ..go }), Some(Verdict::NotYet));
        assert_eq!(verdict(Terms { argued: Some(20.0), ..go }), Some(Verdict::Go));
    }

    #[test]
    fn a_pilot_without_a_single_appointment_says_no_once_it_has_cost_enough() {
        let none = Pilot { appointments: 0, ..COUNTED };
        let told_at = |target| told(&none, &Terms { appointment: Some(target), ..TERMS });
        // None is compatible with 3.6889 at most: 326 € / 3.6889 = 88.37 € each at the least.
        let cheap = told_at(80.0);
        assert_eq!(cheap.verdict, Some(Verdict::NoGo));
        let price = &cheap.cost_per_appointment;
        assert!(price.value.is_none() && near(price.low, 88.37) && price.high.is_none());
        let dear = told_at(100.0);
        // 100 € × 3.6889 / 326 € = 1.1316 times as long: 26.3 contacts more.
        assert_eq!((dear.verdict, dear.contacts_needed), (Some(Verdict::NotYet), Some(27)));
    }

    #[test]
    fn before_the_first_call_nothing_is_claimed() {
        let told = told(&Pilot::default(), &Terms { contact: Some(5.0), ..TERMS });
        assert_eq!((told.verdict, told.contacts_needed), (Some(Verdict::NotYet), None));
        assert_eq!((told.contact_rate.value, told.contact_rate.high), (None, None));
        assert_eq!(told.projection, None);
        assert_eq!(told.cost_per_contact.value, None);
    }
}
