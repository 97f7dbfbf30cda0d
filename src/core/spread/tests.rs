use std::collections::BTreeMap;

use super::*;
use crate::core::campaign::Mode;
use crate::core::fact::LeadNumber;
use crate::core::habits::{Habit, Tally};
use crate::core::order::Outcome;
use crate::core::rules::Week;
use crate::units::{ContactId, NumberId, PersonId, TrunkId, UnknownZone, Zone};

const HOUR: u64 = 3_600;
/// Monday 2023-11-20 at ten in the morning in Paris.
const MONDAY_TEN: Wall = Wall::micros(1_700_470_800_000_000);

fn after(hours: u64) -> Wall {
    MONDAY_TEN + Span::secs(hours * HOUR)
}

/// A campaign that calls on working days from 10 to 13 and 14 to 20 o'clock, in three slots.
fn settings(delay: Delay) -> Result<Settings, UnknownZone> {
    let mut settings = Settings::new(Mode::Progressive, TrunkId(1), Zone::new("Europe/Paris")?);
    let spans = vec![DaySpan { from: 600, to: 780 }, DaySpan { from: 840, to: 1_200 }];
    settings.rules.week = Week::default();
    settings.rules.week.days[..5].fill(spans);
    settings.retry.after = BTreeMap::from([(Outcome::NoAnswer, delay)]);
    let slots = [(540, 720), (720, 840), (1_020, 1_200)];
    let slots = slots.map(|(from, to)| DaySpan { from, to }).to_vec();
    settings.retry.plan = Some(Plan { slots, best_within: Span::secs(72 * HOUR) });
    Ok(settings)
}

fn lead(tried: &[Wall]) -> Result<Lead, UnknownZone> {
    let number = LeadNumber::new(NumberId(1), PersonId(1), Zone::new("Europe/Paris")?);
    let tried = tried.iter().map(|&at| Tried { at, outcome: Outcome::NoAnswer }).collect();
    Ok(Lead { tried, ..Lead::new(ContactId(1), vec![number]) })
}

fn next(settings: &Settings, habits: &Habits, lead: &Lead, ended: Wall) -> Option<Wall> {
    let wait = settings.retry.after.get(&Outcome::NoAnswer).map(|delay| delay.wait)?;
    let last = Tried { at: ended, outcome: Outcome::NoAnswer };
    let planned = Next::Retry { at: ended + wait, number: Some(NumberId(1)) };
    match spread((settings, habits), lead, last, planned) {
        Next::Retry { at, .. } => Some(at),
        Next::Callback(_) | Next::Done(_) | Next::Untouched => None,
    }
}

#[test]
fn a_morning_call_is_tried_next_at_another_time_of_another_day() -> Result<(), UnknownZone> {
    let wait = Delay::of(Span::secs(2 * HOUR), false);
    let delay = Delay { other_day: true, other_slot: true, ..wait };
    let (settings, habits) = (settings(delay)?, Habits::default());
    // Tuesday noon; then, as noon was tried too, Wednesday at five in the evening.
    let noon = next(&settings, &habits, &lead(&[])?, MONDAY_TEN);
    assert_eq!(noon, Some(after(26)));
    let evening = next(&settings, &habits, &lead(&[MONDAY_TEN])?, after(26));
    assert_eq!(evening, Some(after(48 + 7)));
    // All three were tried once: the next morning is as good as any.
    let again = next(&settings, &habits, &lead(&[MONDAY_TEN, after(26)])?, after(55));
    assert_eq!(again, Some(after(72)));
    Ok(())
}

#[test]
fn the_weekend_and_the_lunch_break_are_not_chosen() -> Result<(), UnknownZone> {
    let delay = Delay { other_day: true, ..Delay::of(Span::ZERO, false) };
    let (settings, habits) = (settings(delay)?, Habits::default());
    let friday = after(4 * 24);
    assert_eq!(next(&settings, &habits, &lead(&[])?, friday), Some(after(7 * 24)));
    let same_day = Delay { other_slot: true, ..Delay::of(Span::secs(3 * HOUR), false) };
    let settings = self::settings(same_day)?;
    // 13:00 is in a slot and closed by the hours: the evening begins at five.
    assert_eq!(next(&settings, &habits, &lead(&[])?, MONDAY_TEN), Some(after(7)));
    Ok(())
}

#[test]
fn the_hour_at_which_people_are_reached_is_waited_for_but_not_too_long() -> Result<(), UnknownZone>
{
    let delay = Delay { best_hour: true, ..Delay::of(Span::secs(HOUR), false) };
    let (mut settings, mut habits) = (settings(delay)?, Habits::default());
    let first = next(&settings, &habits, &lead(&[])?, MONDAY_TEN);
    assert_eq!(first, Some(after(1)), "where nothing is known, the first moment is best");
    let zone = Zone::new("Europe/Paris")?;
    for (at, tried, reached) in [(after(8), 100, 60), (after(1), 400, 20)] {
        let hour = Hour::of(at, &zone).expect("Paris is in the zone data");
        habits.learn(Habit { list: None, hour, tally: Tally { tried, reached } });
    }
    assert_eq!(next(&settings, &habits, &lead(&[])?, MONDAY_TEN), Some(after(8)));
    // An evening without an answer weighs less than sixty of a hundred; three weeks of them do not.
    let evenings = |count: u64| (1..=count).map(|day| after(8) - Span::secs(day * 24 * HOUR));
    let some = lead(&evenings(3).collect::<Vec<_>>())?;
    assert_eq!(next(&settings, &habits, &some, MONDAY_TEN), Some(after(8)));
    let many = lead(&evenings(24).collect::<Vec<_>>())?;
    assert_ne!(next(&settings, &habits, &many, MONDAY_TEN), Some(after(8)));
    let plan = settings.retry.plan.as_mut().expect("the campaign has a plan");
    plan.best_within = Span::secs(2 * HOUR);
    assert_eq!(next(&settings, &habits, &lead(&[])?, MONDAY_TEN), Some(after(2)));
    Ok(())
}

#[test]
fn a_plan_that_no_hour_meets_leaves_the_retry_as_it_was() -> Result<(), UnknownZone> {
    let delay = Delay { other_slot: true, ..Delay::of(Span::secs(HOUR), false) };
    let (mut settings, habits) = (settings(delay)?, Habits::default());
    settings.retry.plan = Some(Plan {
        slots: vec![DaySpan { from: 1_260, to: 1_320 }],
        best_within: Span::secs(HOUR),
    });
    assert_eq!(next(&settings, &habits, &lead(&[])?, MONDAY_TEN), Some(after(1)));
    Ok(())
}
