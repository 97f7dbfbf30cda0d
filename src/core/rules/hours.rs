//! Calling windows in the called number's zone: the campaign's own and those of the law there.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::holidays::{self, Holiday};
use super::law::{Asks, LawId, at_territory};
use super::{DaySpan, Settings, Week};
use crate::units::{Span, Territory, Wall, Zone};

/// Days searched for the next opening: two weeks, which holidays may fill, and the first day.
const DAYS_AHEAD: usize = 15;

/// Windows looked at in turn until all are open; between two of them is a day at most as a rule.
const OPENINGS_MAX: usize = 64;

/// A stretch of time in which the windows of a territory stay as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spell {
    from: Wall,
    until: Wall,
    /// Whether calls may ring.
    pub(super) open: bool,
    /// The rule of law that says they may not, unless it is the campaign that says so.
    pub(super) law: Option<LawId>,
    /// When they may again, if not now; `None` if never in two weeks.
    pub(super) opens: Option<Wall>,
}

/// The windows of one campaign, remembered by zone and territory: asking costs some comparisons.
#[derive(Debug, Default)]
pub(crate) struct Hours {
    /// First of all persons, then of those whose consent opens hours of the law.
    spells: [BTreeMap<Zone, BTreeMap<Option<Territory>, Spell>>; 2],
}

impl Hours {
    /// Gives the spell that holds at a moment, for a person who consented to more hours or not.
    pub(super) fn at(
        &mut self,
        rules: &Settings,
        (zone, territory, opened): (&Zone, &Option<Territory>, bool),
        at: Wall,
    ) -> Spell {
        let [usual, open] = &mut self.spells;
        let spells = if opened { open } else { usual };
        if let Some(spell) = spells.get(zone).and_then(|territories| territories.get(territory))
            && spell.from <= at
            && at < spell.until
        {
            return spell.clone();
        }
        let spell = spell(rules, (zone, territory.as_ref()), opened, at);
        let territories = spells.entry(zone.clone()).or_default();
        territories.insert(territory.clone(), spell.clone());
        spell
    }

    /// Gives when the windows shut within a time, at once if they are not open, and the spell that
    /// begins then; `None` if they stay open as long.
    pub(super) fn shut_within(
        &mut self,
        rules: &Settings,
        there: (&Zone, &Option<Territory>, bool),
        at: Wall,
        within: Span,
    ) -> Option<(Wall, Spell)> {
        let (mut from, mut spell) = (at, self.at(rules, there, at));
        while spell.open {
            from = spell.until;
            if from >= at + within {
                return None;
            }
            spell = self::spell(rules, (there.0, there.1.as_ref()), there.2, from);
        }
        Some((from, spell))
    }
}

/// One week of windows, with the days on which it has none.
struct Window<'a> {
    law: Option<&'a LawId>,
    week: &'a Week,
    holidays: &'a [Holiday],
    territory: Option<&'a Territory>,
    /// When the rule ceases to hold.
    ends: Option<Wall>,
}

impl Window<'_> {
    fn spans(&self, date: Date) -> impl Iterator<Item = &DaySpan> {
        let day = usize::from(date.weekday().to_monday_zero_offset().unsigned_abs());
        let spans = self.week.days.get(day).filter(|_| !self.rests(date));
        spans.into_iter().flatten().filter(|span| span.from < span.to)
    }

    /// Whether a day is a public holiday on which it is closed.
    fn rests(&self, date: Date) -> bool {
        self.territory.is_some_and(|territory| {
            !self.holidays.is_empty()
                && holidays::in_year(self.holidays, territory, date.year()).contains(&date)
        })
    }

    /// Gives its spans of a day as moments.
    fn stretches(&self, date: Date, zone: &TimeZone) -> Vec<(Wall, Wall)> {
        let span =
            |span: &DaySpan| Some((moment(date, span.from, zone)?, moment(date, span.to, zone)?));
        self.spans(date).filter_map(span).collect()
    }

    /// Whether calls may ring, until when that is so at least, and when they may next if not.
    fn at(&self, zone: &TimeZone, at: Wall) -> (bool, Wall, Option<Wall>) {
        let local = at.timestamp().to_zoned(zone.clone());
        let minute = u16::try_from(local.hour()).unwrap_or(0) * 60
            + u16::try_from(local.minute()).unwrap_or(0);
        let within = |span: &DaySpan| span.from <= minute && minute < span.to;
        let open = self.spans(local.date()).any(within);
        let days = std::iter::successors(Some(local.date()), |date| date.tomorrow().ok());
        let tomorrow = at + Span::secs(86_400);
        let mut next_edge = self.ends.map_or(tomorrow, |ends| ends.min(tomorrow));
        let mut opens = None;
        for date in days.take(DAYS_AHEAD) {
            for span in self.spans(date) {
                let start = moment(date, span.from, zone).filter(|&edge| edge > at);
                let end = moment(date, span.to, zone).filter(|&edge| edge > at);
                next_edge = [start, end].into_iter().flatten().fold(next_edge, Wall::min);
                opens = opens.or(start);
            }
            if opens.is_some() {
                break;
            }
        }
        (open, next_edge, opens)
    }
}

/// Gives the windows that all must be open, the campaign's own first; without those that a consent
/// opens where the person gave it.
fn windows<'a>(
    rules: &'a Settings,
    (territory, opened): (Option<&'a Territory>, bool),
    at: Wall,
) -> impl Iterator<Item = Window<'a>> {
    let own = Window { law: None, week: &rules.week, holidays: &[], territory, ends: None };
    let law = at_territory(&rules.law, territory).flat_map(move |regime| {
        let rules = regime.rules.iter().filter(move |rule| rule.holds(at));
        rules.filter_map(move |rule| match &rule.asks {
            Asks::Hours { opened_by_consent: true, .. } if opened => None,
            Asks::Hours { week, closed_on_holidays, .. } => Some(Window {
                law: Some(&rule.id),
                week,
                holidays: if *closed_on_holidays { &regime.holidays } else { &[] },
                territory,
                ends: rule.until,
            }),
            Asks::Attempts { .. }
            | Asks::Silence { .. }
            | Asks::Consent
            | Asks::OrContract
            | Asks::ConsentLife { .. }
            | Asks::Contract
            | Asks::Shows { .. }
            | Asks::Hides { .. }
            | Asks::Mandate => None,
        })
    });
    std::iter::once(own).chain(law)
}

/// Works a spell out. A zone the data does not know is closed: what is unreadable fails closed.
pub(super) fn spell(
    rules: &Settings,
    (zone, territory): (&Zone, Option<&Territory>),
    opened: bool,
    at: Wall,
) -> Spell {
    let until = at + Span::secs(86_400);
    let mut spell = Spell { from: at, until, open: false, law: None, opens: None };
    let Ok(zone) = TimeZone::get(zone.name()) else { return spell };
    spell.open = true;
    for window in windows(rules, (territory, opened), at) {
        let (open, until, _) = window.at(&zone, at);
        spell.until = spell.until.min(until);
        if spell.open && !open {
            spell.open = false;
            spell.law = window.law.cloned();
        }
    }
    // A rule may come into force, and a change of the clocks repeat or skip part of a window: look
    // again right after it.
    let begins = at_territory(&rules.law, territory).flat_map(|regime| &regime.rules);
    let begins = begins.filter_map(|rule| rule.from).filter(|from| *from > at);
    spell.until = begins.fold(spell.until, Wall::min);
    let shift = zone.following(at.timestamp()).next().map(|shift| Wall::from(shift.timestamp()));
    spell.until = shift.map_or(spell.until, |shift| shift.min(spell.until));
    if !spell.open {
        spell.opens = next_opening(rules, (territory, opened), &zone, at);
    }
    spell
}

/// Gives the stretches of time between two moments in which calls may ring.
pub(crate) fn open_between(
    rules: &Settings,
    there: (&Zone, Option<&Territory>),
    from: Wall,
    until: Wall,
) -> Vec<(Wall, Wall)> {
    let (mut at, mut open) = (from, Vec::new());
    for _ in 0..OPENINGS_MAX {
        let spell = spell(rules, there, false, at);
        if spell.open {
            open.push((at, spell.until.min(until)));
        }
        let next = if spell.open { Some(spell.until) } else { spell.opens };
        match next.filter(|next| *next > at && *next < until) {
            Some(next) => at = next,
            None => break,
        }
    }
    open
}

/// Gives the first moment at which every window is open.
fn next_opening(
    rules: &Settings,
    there: (Option<&Territory>, bool),
    zone: &TimeZone,
    at: Wall,
) -> Option<Wall> {
    let mut moment = at;
    for _ in 0..OPENINGS_MAX {
        let closed = windows(rules, there, moment).find_map(|window| {
            let (open, _, opens) = window.at(zone, moment);
            (!open).then_some(opens)
        });
        match closed {
            None => return Some(moment),
            Some(opens) => moment = opens?,
        }
    }
    None
}

/// A calendar day in a zone, with its calling hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Today {
    /// Midnight, and the next.
    from: Wall,
    until: Wall,
    open: Vec<(Wall, Wall)>,
}

impl Today {
    /// Whether a moment lies in the day.
    pub(crate) fn holds(&self, at: Wall) -> bool {
        (self.from..self.until).contains(&at)
    }

    /// Gives the calling time left today, up to a moment; `None` when the day is open from end to
    /// end, so that its hours do not tell when the calling stops.
    pub(crate) fn left(&self, at: Wall, by: Wall) -> Option<Span> {
        let sum = |from: Wall, until: Wall| {
            let open = self.open.iter();
            let left = open.map(|&(opens, closes)| closes.min(until).since(opens.max(from)));
            left.fold(Span::ZERO, |sum, span| sum + span)
        };
        (sum(self.from, self.until) < self.until.since(self.from)).then(|| sum(at, by))
    }

    /// Keeps of its hours what another week's windows leave.
    fn cut(&mut self, other: &[(Wall, Wall)]) {
        let both = |&(from, until): &(Wall, Wall)| {
            let common =
                other.iter().map(move |(opens, closes)| (from.max(*opens), until.min(*closes)));
            common.filter(|(opens, closes)| opens < closes).collect::<Vec<_>>()
        };
        self.open = self.open.iter().flat_map(both).collect();
    }
}

/// Gives the midnights before and after a moment; `None` in a zone the data does not know.
pub(crate) fn midnights(zone: &Zone, at: Wall) -> Option<(Wall, Wall)> {
    let day = day(zone, at)?.2;
    Some((day.from, day.until))
}

/// Gives the calendar day around a moment with the hours of a territory; `None` in a zone the data
/// does not know.
pub(crate) fn today(
    rules: &Settings,
    (zone, territory): (&Zone, Option<&Territory>),
    at: Wall,
) -> Option<Today> {
    let (zone, date, mut day) = day(zone, at)?;
    for window in windows(rules, (territory, false), at) {
        day.cut(&window.stretches(date, &zone));
    }
    Some(day)
}

/// Gives the rule of law that keeps the rest of a day closed for a public holiday; `None` if calls
/// may ring later that day, or would not on the same day of another week either.
pub(super) fn holiday(
    rules: &Settings,
    (zone, territory): (&Zone, Option<&Territory>),
    at: Wall,
) -> Option<LawId> {
    let (zone, date, whole) = day(zone, at)?;
    let left = |kept: bool| {
        let mut day = whole.clone();
        for window in windows(rules, (territory, false), at) {
            let window = if kept { window } else { Window { holidays: &[], ..window } };
            day.cut(&window.stretches(date, &zone));
        }
        day.open.iter().any(|(_, until)| *until > at)
    };
    if left(true) || !left(false) {
        return None;
    }
    windows(rules, (territory, false), at).find(|window| window.rests(date))?.law.cloned()
}

/// Gives the calendar day around a moment, open from end to end.
fn day(zone: &Zone, at: Wall) -> Option<(TimeZone, Date, Today)> {
    let zone = TimeZone::get(zone.name()).ok()?;
    let date = at.timestamp().to_zoned(zone.clone()).date();
    let (from, until) = (moment(date, 0, &zone)?, moment(date, 1_440, &zone)?);
    Some((zone, date, Today { from, until, open: vec![(from, until)] }))
}

/// Gives the calendar day of a moment; `None` in a zone the data does not know.
pub(super) fn date(zone: &TimeZone, at: Wall) -> Date {
    at.timestamp().to_zoned(zone.clone()).date()
}

/// Gives the beginning of the calendar day so many days after another.
pub(super) fn day_after(zone: &TimeZone, from: Date, days: u16) -> Option<Wall> {
    let hours = jiff::SignedDuration::from_hours(i64::from(days) * 24);
    moment(from.checked_add(hours).ok()?, 0, zone)
}

fn moment(date: Date, minute: u16, zone: &TimeZone) -> Option<Wall> {
    let (date, minute) =
        if minute >= 1_440 { (date.tomorrow().ok()?, minute - 1_440) } else { (date, minute) };
    let hour = i8::try_from(minute / 60).ok().filter(|&hour| hour < 24)?;
    let local = date.at(hour, i8::try_from(minute % 60).ok()?, 0, 0);
    zone.to_timestamp(local).ok().map(Wall::from)
}

#[cfg(test)]
mod tests;
