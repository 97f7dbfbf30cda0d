//! Which day and hour a contact is tried again: another part of the day than before, or the hour at
//! which it is likeliest reached.

use jiff::tz::TimeZone;

use super::campaign::Settings;
use super::fact::{Lead, Tried};
use super::habits::{Habits, Hour, own_hours};
use super::order::Next;
use super::recycle::{Delay, Plan};
use super::rules::{DaySpan, hours};
use crate::units::{Span, Wall};

/// How far ahead a moment is looked for: a week, and a day for those that begin late.
const AHEAD: Span = Span::secs(8 * 86_400);

/// A moment the contact may be tried again.
struct Moment {
    at: Wall,
    hour: Hour,
    slot: Option<usize>,
    /// Whether it is another day than that of the last attempt.
    another_day: bool,
}

/// Puts the next attempt where the campaign's plan wants it, no earlier than it was; what is no
/// retry stays.
pub(super) fn spread(
    (settings, habits): (&Settings, &Habits),
    lead: &Lead,
    last: Tried,
    next: Next,
) -> Next {
    let Next::Retry { at, number } = next else { return next };
    let Some(plan) = settings.retry.plan.as_ref() else { return next };
    let Some(delay) = settings.retry.after.get(&last.outcome) else { return next };
    if !(delay.other_day || delay.other_slot || delay.best_hour) {
        return next;
    }
    moment((settings, habits), (plan, delay), lead, last, next)
        .map_or(Next::Retry { at, number }, |at| Next::Retry { at, number })
}

fn moment(
    (settings, habits): (&Settings, &Habits),
    (plan, delay): (&Plan, &Delay),
    lead: &Lead,
    last: Tried,
    next: Next,
) -> Option<Wall> {
    let Next::Retry { at, number } = next else { return None };
    let called = lead.numbers.iter().find(|own| Some(own.number) == number);
    let called = called.or_else(|| lead.numbers.first())?;
    let zone = TimeZone::get(called.zone.name()).ok()?;
    let there = (&called.zone, called.territory.as_ref());
    let rules = settings.rules_of(called);
    let open = hours::open_between(rules, there, at, at + AHEAD);
    let own: Vec<Tried> = lead.tried.iter().copied().chain([last]).collect();
    let mut moments = Vec::new();
    for (from, until) in open {
        moments.extend(of_stretch(plan, &zone, (from, until), last.at));
    }
    moments.retain(|moment| {
        (moment.another_day || !delay.other_day) && (moment.slot.is_some() || plan.slots.is_empty())
    });
    if delay.other_slot && !plan.slots.is_empty() {
        let used = |slot: Option<usize>| {
            let there = |tried: &&Tried| slot_of(&plan.slots, tried.at, &zone) == slot;
            own.iter().filter(there).count()
        };
        let fewest = moments.iter().map(|moment| used(moment.slot)).min()?;
        moments.retain(|moment| used(moment.slot) == fewest);
    }
    let first = moments.first()?.at;
    if !delay.best_hour {
        return Some(first);
    }
    let hours = own_hours(&own, &zone);
    let chance = |moment: &Moment| habits.odds(lead.list, moment.hour, &hours).chance;
    let mut best = (first, f64::MIN);
    for moment in moments.iter().filter(|moment| moment.at <= first + plan.best_within) {
        let chance = chance(moment);
        if chance > best.1 {
            best = (moment.at, chance);
        }
    }
    Some(best.0)
}

/// Gives the moments of an open stretch: its beginning, and every whole hour and beginning of a
/// slot in it.
fn of_stretch(
    plan: &Plan,
    zone: &TimeZone,
    (from, until): (Wall, Wall),
    last: Wall,
) -> Vec<Moment> {
    let last = last.timestamp().to_zoned(zone.clone()).date();
    let (mut at, mut moments) = (from, Vec::new());
    while at < until {
        let local = at.timestamp().to_zoned(zone.clone());
        moments.push(Moment {
            at,
            hour: Hour::there(at, zone),
            slot: slot_of(&plan.slots, at, zone),
            another_day: local.date() > last,
        });
        let minute = minute_of(at, zone);
        let hour = (minute / 60 + 1) * 60;
        let edges = plan.slots.iter().map(|slot| slot.from).filter(|edge| *edge > minute);
        let edge = edges.chain([hour]).min().unwrap_or(hour);
        let seconds = u64::from(local.second().unsigned_abs());
        let whole = Span::secs(u64::from(edge - minute) * 60 - seconds);
        let part = Span::micros(at.as_micros().rem_euclid(1_000_000).unsigned_abs());
        at = at + (whole - part);
    }
    moments
}

fn slot_of(slots: &[DaySpan], at: Wall, zone: &TimeZone) -> Option<usize> {
    let minute = minute_of(at, zone);
    slots.iter().position(|slot| (slot.from..slot.to).contains(&minute))
}

fn minute_of(at: Wall, zone: &TimeZone) -> u16 {
    let local = at.timestamp().to_zoned(zone.clone());
    u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs())
}

#[cfg(test)]
mod tests;
