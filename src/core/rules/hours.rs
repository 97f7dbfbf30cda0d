//! Weekly calling windows in the called number's zone.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{DaySpan, Week};
use crate::units::{Span, Wall, Zone};

/// Days searched for the next opening: a week and the day it starts in.
const DAYS_AHEAD: usize = 8;

/// A stretch of time in which a zone's window stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spell {
    from: Wall,
    until: Wall,
    /// Whether calls may ring.
    pub(super) open: bool,
    /// When they may again, if not now; `None` if the week has no window.
    pub(super) opens: Option<Wall>,
}

/// The windows of one campaign, remembered per zone so that asking costs two comparisons.
#[derive(Debug, Default)]
pub(crate) struct Hours {
    spells: BTreeMap<Zone, Spell>,
}

impl Hours {
    /// Gives the spell that holds at a moment.
    pub(super) fn at(&mut self, week: &Week, zone: &Zone, at: Wall) -> Spell {
        if let Some(spell) = self.spells.get(zone)
            && spell.from <= at
            && at < spell.until
        {
            return *spell;
        }
        let spell = spell(week, zone, at);
        self.spells.insert(zone.clone(), spell);
        spell
    }
}

/// Works a spell out. A zone the data does not know is closed: what is unreadable fails closed.
fn spell(week: &Week, zone: &Zone, at: Wall) -> Spell {
    let closed = Spell { from: at, until: at + Span::secs(86_400), open: false, opens: None };
    let Ok(zone) = TimeZone::get(zone.name()) else { return closed };
    let local = at.timestamp().to_zoned(zone.clone());
    let minute =
        u16::try_from(local.hour()).unwrap_or(0) * 60 + u16::try_from(local.minute()).unwrap_or(0);
    let open = spans(week, local.date()).any(|span| span.from <= minute && minute < span.to);
    let days = std::iter::successors(Some(local.date()), |date| date.tomorrow().ok());
    let mut next_edge = closed.until;
    let mut opens = None;
    for date in days.take(DAYS_AHEAD) {
        for span in spans(week, date) {
            let start = moment(date, span.from, &zone).filter(|&edge| edge > at);
            let end = moment(date, span.to, &zone).filter(|&edge| edge > at);
            next_edge = [start, end].into_iter().flatten().fold(next_edge, Wall::min);
            opens = opens.or(start);
        }
    }
    // A change of the clocks may repeat or skip part of a window: look again right after it.
    let shift = zone.following(at.timestamp()).next().map(|shift| Wall::from(shift.timestamp()));
    let until = shift.map_or(next_edge, |shift| shift.min(next_edge));
    Spell { from: at, until, open, opens: if open { None } else { opens } }
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
}

/// Gives the midnights before and after a moment; `None` in a zone the data does not know.
pub(crate) fn midnights(zone: &Zone, at: Wall) -> Option<(Wall, Wall)> {
    let day = today(&Week::default(), zone, at)?;
    Some((day.from, day.until))
}

/// Gives the calendar day around a moment; `None` in a zone the data does not know.
pub(crate) fn today(week: &Week, zone: &Zone, at: Wall) -> Option<Today> {
    let zone = TimeZone::get(zone.name()).ok()?;
    let date = at.timestamp().to_zoned(zone.clone()).date();
    let open = spans(week, date)
        .filter_map(|span| Some((moment(date, span.from, &zone)?, moment(date, span.to, &zone)?)));
    Some(Today {
        from: moment(date, 0, &zone)?,
        until: moment(date, 1_440, &zone)?,
        open: open.collect(),
    })
}

fn spans(week: &Week, date: Date) -> impl Iterator<Item = &DaySpan> {
    let day = usize::from(date.weekday().to_monday_zero_offset().unsigned_abs());
    week.days.get(day).into_iter().flatten().filter(|span| span.from < span.to)
}

fn moment(date: Date, minute: u16, zone: &TimeZone) -> Option<Wall> {
    let (date, minute) =
        if minute >= 1_440 { (date.tomorrow().ok()?, minute - 1_440) } else { (date, minute) };
    let hour = i8::try_from(minute / 60).ok().filter(|&hour| hour < 24)?;
    let local = date.at(hour, i8::try_from(minute % 60).ok()?, 0, 0);
    zone.to_timestamp(local).ok().map(Wall::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn week() -> Week {
        let day = vec![DaySpan { from: 600, to: 780 }, DaySpan { from: 840, to: 1_200 }];
        let mut week = Week::default();
        week.days[..5].fill(day);
        week
    }

    fn wall(text: &str) -> Result<Wall, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(Wall::from)
    }

    #[test]
    fn french_windows_open_and_close_to_the_second() -> Result<(), Box<dyn std::error::Error>> {
        let cases = [
            ("2026-11-20T08:59:59Z", "Europe/Paris", false, "2026-11-20T09:00:00Z"),
            ("2026-11-20T09:00:00Z", "Europe/Paris", true, ""),
            ("2026-11-20T11:59:59Z", "Europe/Paris", true, ""),
            ("2026-11-20T12:00:00Z", "Europe/Paris", false, "2026-11-20T13:00:00Z"),
            ("2026-11-20T18:59:59Z", "Europe/Paris", true, ""),
            ("2026-11-20T19:00:00Z", "Europe/Paris", false, "2026-11-23T09:00:00Z"),
            ("2026-11-20T09:00:00Z", "Indian/Reunion", false, "2026-11-20T10:00:00Z"),
            // Summer time ends on Sunday 25 October 2026: Monday opens an hour later in UTC.
            ("2026-10-24T10:00:00Z", "Europe/Paris", false, "2026-10-26T09:00:00Z"),
            ("2026-10-23T08:00:00Z", "Europe/Paris", true, ""),
        ];
        let mut hours = Hours::default();
        for (at, zone, open, opens) in cases {
            let spell = hours.at(&week(), &Zone::new(zone)?, wall(at)?);
            let expected = if opens.is_empty() { None } else { Some(wall(opens)?) };
            assert_eq!((spell.open, spell.opens), (open, expected), "{at} {zone}");
        }
        Ok(())
    }

    #[test]
    fn a_week_without_windows_never_opens() -> Result<(), Box<dyn std::error::Error>> {
        let spell = spell(&Week::default(), &Zone::new("Europe/Paris")?, Wall::micros(0));
        assert_eq!((spell.open, spell.opens), (false, None));
        Ok(())
    }
}
