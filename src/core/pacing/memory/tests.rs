use super::*;
use crate::units::UnknownZone;

type Claim = Result<(), Box<dyn std::error::Error>>;

/// 2023-11-20T10:00:00Z.
const TEN: Wall = Wall::micros(1_700_474_400_000_000);
const HOUR: Span = Span::secs(3_600);
const KNOWN: Option<ListId> = Some(ListId(1));
const OTHER: Option<ListId> = Some(ListId(2));
const NEW: Option<ListId> = Some(ListId(3));

fn now(wall: Wall) -> Now {
    Now { mono: Mono::START + wall.since(TEN), wall }
}

fn utc() -> Result<Zone, UnknownZone> {
    Zone::new("Etc/UTC")
}

/// A thousand calls, so many of which were answered by persons after ten seconds.
fn lesson(list: Option<ListId>, hour: u8, persons: u32, until: Wall) -> Lesson {
    let mut calls = Calls::default();
    *calls.at(20) = Ring { persons, failed: 1_000 - persons, ..Ring::default() };
    Lesson { list, hour: Some(hour), from: until, until, calls, ..Lesson::default() }
}

fn taught(lessons: &[Lesson]) -> Result<Memory, UnknownZone> {
    let mut memory = Memory::default();
    memory.take(now(TEN), lessons);
    memory.turn(now(TEN), &utc()?, &Service::default());
    Ok(memory)
}

fn drawn(memory: &Memory, hour: u8, list: Option<ListId>) -> Result<Drawn, &'static str> {
    memory.draw(hour, &BTreeMap::from([(list, 10)])).ok_or("nothing was drawn")
}

#[test]
fn an_hour_is_drawn_from_its_own_calls_and_a_new_list_from_its_hour() -> Claim {
    let memory = taught(&[
        lesson(KNOWN, 10, 500, TEN),
        lesson(KNOWN, 11, 100, TEN),
        lesson(OTHER, 11, 100, TEN),
    ])?;
    let known = drawn(&memory, 10, KNOWN)?;
    assert!((known.law.answered() - 0.49).abs() < 0.02, "{}", known.law.answered());
    assert!((known.worth - 185.0).abs() < 1.0, "{}", known.worth);
    let new = drawn(&memory, 11, NEW)?;
    assert!((new.law.answered() - 0.11).abs() < 0.01, "{}", new.law.answered());
    assert!((40.0..120.0).contains(&new.worth) && new.worth > 100.0, "{}", new.worth);
    let unseen = drawn(&memory, 3, NEW)?;
    assert!((unseen.law.answered() - 0.7 / 3.0).abs() < 1e-9, "{}", unseen.law.answered());
    assert!((unseen.worth - 40.0).abs() < 1e-9, "{}", unseen.worth);
    Ok(())
}

#[test]
fn a_mixed_stock_is_a_mixed_law_and_a_hundred_calls_are_the_least() -> Claim {
    let memory = taught(&[lesson(KNOWN, 10, 500, TEN), lesson(OTHER, 10, 100, TEN)])?;
    let apart = [KNOWN, OTHER].map(|list| drawn(&memory, 10, list).map(|law| law.law.answered()));
    let [Ok(high), Ok(low)] = apart else { return Err("nothing was drawn".into()) };
    let stock = BTreeMap::from([(KNOWN, 30), (OTHER, 10)]);
    let mixed = memory.draw(10, &stock).ok_or("nothing was drawn")?.law.answered();
    assert!((mixed - 0.75 * high - 0.25 * low).abs() < 1e-9, "{mixed} of {high} and {low}");
    let mut few = lesson(KNOWN, 10, 30, TEN);
    few.calls.rings.values_mut().for_each(|ring| ring.failed = 69);
    assert!(drawn(&taught(&[few])?, 10, KNOWN).is_err());
    Ok(())
}

#[test]
fn a_week_ago_counts_half_and_five_weeks_ago_not_at_all() -> Claim {
    let week = Span::secs(7 * 86_400);
    let lessons = [lesson(KNOWN, 10, 200, TEN - week), lesson(KNOWN, 10, 500, TEN)];
    let old = lesson(KNOWN, 10, 1_000, TEN - week.times(5));
    let share = |lessons: &[Lesson]| -> Result<f64, Box<dyn std::error::Error>> {
        Ok(taught(lessons)?.sum(|_| true).answered())
    };
    let two = share(&lessons)?;
    assert!((two - 600.0 / 1_500.0).abs() < 1e-9, "{two}");
    let [first, second] = lessons;
    assert!((share(&[first, second, old])? - two).abs() < 1e-9);
    Ok(())
}

#[test]
fn another_hour_moves_the_odds_once() -> Claim {
    let mut memory = taught(&[lesson(KNOWN, 10, 500, TEN), lesson(KNOWN, 11, 200, TEN)])?;
    let stock = BTreeMap::from([(KNOWN, 10)]);
    assert!(matches!(memory.recall(&stock, true), Some(Recall::Begin(_))));
    assert!(memory.recall(&stock, false).is_none(), "nothing has turned");
    assert!(!memory.turns(now(TEN + Span::secs(3_599))));
    assert!(memory.turns(now(TEN + HOUR)));
    memory.turn(now(TEN + HOUR), &utc()?, &Service::default());
    let Some(Recall::Move(shift)) = memory.recall(&stock, false) else {
        return Err("the hour did not turn".into());
    };
    assert!((0.2..0.4).contains(&shift.answered), "{shift:?}");
    assert!((shift.person - 1.0).abs() < 1e-9, "{shift:?}");
    assert!(memory.recall(&stock, false).is_none(), "it was moved twice");
    Ok(())
}
