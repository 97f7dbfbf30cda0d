//! How often a person may be tried: rolling windows over what the store and this run know.

use std::collections::{BTreeSet, VecDeque};

use jiff::tz::TimeZone;

use super::AttemptCap;
use super::hours::{date, day_after};
use crate::units::{ClientId, Mono, PersonId, Wall};

/// The attempts of this run that a lead claimed earlier cannot know of.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    by_person: BTreeSet<(PersonId, ClientId, Wall)>,
    order: VecDeque<(Mono, (PersonId, ClientId, Wall))>,
}

impl Attempts {
    /// Notes an attempt.
    pub(crate) fn note(&mut self, now: Mono, at: Wall, client: ClientId, person: PersonId) {
        self.by_person.insert((person, client, at));
        self.order.push_back((now, (person, client, at)));
    }

    /// Takes the latest attempt at a person back: it reached nobody.
    pub(crate) fn take_back(&mut self, client: ClientId, person: PersonId) {
        let same = |(_, (who, of, _)): &(Mono, _)| (*of, *who) == (client, person);
        let Some(place) = self.order.iter().rposition(same) else { return };
        if let Some((_, attempt)) = self.order.remove(place) {
            self.by_person.remove(&attempt);
        }
    }

    /// Forgets attempts older than any lease: leads claimed since then know of them.
    pub(crate) fn forget_before(&mut self, moment: Mono) {
        while let Some((_, attempt)) = self.order.pop_front_if(|(at, _)| *at < moment) {
            self.by_person.remove(&attempt);
        }
    }

    /// Gives when a person was tried for a client, as far as the store and this run know, in order.
    ///
    /// An attempt that both know is given once: one person cannot be tried twice in one
    /// millisecond.
    pub(super) fn of(&self, recent: &[Wall], (client, person): (ClientId, PersonId)) -> Vec<Wall> {
        let [first, last] = [i64::MIN, i64::MAX].map(|at| (person, client, Wall::micros(at)));
        let ours = self.by_person.range(first..=last).map(|&(.., at)| at);
        let mut all = recent.iter().copied().chain(ours).collect::<Vec<_>>();
        all.sort_unstable();
        all.dedup_by_key(|moment| moment.as_micros().div_euclid(1_000));
        all
    }
}

/// Says until when a cap forbids another attempt beside some others, or `None` if none does.
pub(super) fn forbidden_until(caps: &[AttemptCap], tried: &[Wall], at: Wall) -> Option<Wall> {
    caps.iter().filter_map(|cap| until(*cap, tried, at)).max()
}

/// Says until when a cap over so many calendar days, an attempt's own among them, forbids another
/// attempt, or `None` if it does not.
pub(super) fn forbidden_in_days(
    (max, days): (u8, u16),
    tried: &[Wall],
    zone: &TimeZone,
    at: Wall,
) -> Option<Wall> {
    let over = counted_in_days(days, tried, zone, at).count();
    let over = over.checked_sub(usize::from(max.max(1)))?;
    counted_in_days(days, tried, zone, at).nth(over)
}

/// Counts the attempts that a cap over so many calendar days counts at a moment.
pub(super) fn made_in_days(days: u16, tried: &[Wall], zone: &TimeZone, at: Wall) -> u32 {
    u32::try_from(counted_in_days(days, tried, zone, at).count()).unwrap_or(u32::MAX)
}

/// Gives when each attempt that such a cap counts leaves it.
fn counted_in_days(
    days: u16,
    tried: &[Wall],
    zone: &TimeZone,
    at: Wall,
) -> impl Iterator<Item = Wall> {
    let frees = move |moment: &Wall| day_after(zone, date(zone, *moment), days);
    tried.iter().filter_map(frees).filter(move |frees| *frees > at)
}

/// Counts the attempts that a cap counts at a moment.
pub(super) fn made(cap: AttemptCap, tried: &[Wall], at: Wall) -> u32 {
    u32::try_from(counted(cap, tried, at).count()).unwrap_or(u32::MAX)
}

/// Gives when each attempt that a cap counts leaves it.
fn counted(cap: AttemptCap, tried: &[Wall], at: Wall) -> impl Iterator<Item = Wall> {
    tried.iter().map(move |moment| *moment + cap.window).filter(move |leaves| *leaves > at)
}

fn until(cap: AttemptCap, all: &[Wall], at: Wall) -> Option<Wall> {
    let max = usize::try_from(cap.max.max(1)).unwrap_or(usize::MAX);
    let over = counted(cap, all, at).count().checked_sub(max)?;
    counted(cap, all, at).nth(over)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Span;

    #[test]
    fn the_fifth_attempt_waits_until_the_first_leaves_the_window() {
        let day = Span::secs(86_400);
        let cap = [AttemptCap { max: 4, window: day.times(30) }];
        let start = Wall::micros(0);
        let who = (ClientId(1), PersonId(7));
        let mut attempts = Attempts::default();
        let recent = [0, 1, 2].map(|days| start + day.times(days));
        attempts.note(Mono::START, recent[2], who.0, who.1);
        let third = start + day.times(3);
        let until = |attempts: &Attempts, recent: &[Wall], who, at| {
            forbidden_until(&cap, &attempts.of(recent, who), at)
        };
        assert_eq!(until(&attempts, &recent, who, third), None);
        attempts.note(Mono::START, third, who.0, who.1);
        let asked = start + day.times(4);
        let free = start + day.times(30);
        assert_eq!(until(&attempts, &recent, who, asked), Some(free));
        assert_eq!(until(&attempts, &recent, who, free), None);
        let other = (ClientId(2), PersonId(7));
        assert_eq!(until(&attempts, &[], other, asked), None);
    }

    #[test]
    fn calendar_days_end_at_midnight_there() -> Result<(), Box<dyn std::error::Error>> {
        let zone = TimeZone::get("Europe/Paris")?;
        let wall = |text: &str| text.parse::<jiff::Timestamp>().map(Wall::from);
        // The clocks go back between: 30 days are 721 hours.
        let tried = [wall("2026-10-05T17:59:00Z")?, wall("2026-10-06T08:00:00Z")?];
        let until = |max, at: &str| {
            Ok::<_, jiff::Error>(forbidden_in_days((max, 30), &tried, &zone, wall(at)?))
        };
        assert_eq!(until(2, "2026-11-03T22:59:59Z")?, Some(wall("2026-11-03T23:00:00Z")?));
        assert_eq!(until(2, "2026-11-03T23:00:00Z")?, None);
        assert_eq!(until(1, "2026-11-03T23:00:00Z")?, Some(wall("2026-11-04T23:00:00Z")?));
        assert_eq!(until(3, "2026-10-06T09:00:00Z")?, None);
        Ok(())
    }

    #[test]
    fn an_attempt_that_reached_nobody_is_taken_back() {
        let cap = [AttemptCap { max: 2, window: Span::secs(60) }];
        let (who, at) = ((ClientId(1), PersonId(7)), |secs| Wall::micros(0) + Span::secs(secs));
        let mut attempts = Attempts::default();
        attempts.note(Mono::START, at(0), who.0, who.1);
        attempts.note(Mono::START, at(1), ClientId(1), PersonId(8));
        attempts.note(Mono::START, at(2), who.0, who.1);
        let until = |attempts: &Attempts| forbidden_until(&cap, &attempts.of(&[], who), at(3));
        assert_eq!(until(&attempts), Some(at(60)));
        attempts.take_back(who.0, who.1);
        assert_eq!(until(&attempts), None);
        attempts.take_back(who.0, who.1);
        attempts.take_back(who.0, who.1);
        attempts.forget_before(Mono::START + Span::secs(1));
        assert!(attempts.by_person.is_empty() && attempts.order.is_empty());
    }

    #[test]
    fn what_every_lead_knows_is_forgotten() {
        let mut attempts = Attempts::default();
        attempts.note(Mono::START, Wall::micros(0), ClientId(1), PersonId(7));
        attempts.forget_before(Mono::START + Span::secs(1));
        assert!(attempts.by_person.is_empty() && attempts.order.is_empty());
    }
}
