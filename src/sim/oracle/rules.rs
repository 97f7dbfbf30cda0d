//! What a call is judged by in the instant before its INVITE, and while it rings.

use super::{Campaign, FAULTS_FREE, Lease, Person};
use crate::core::campaign::Settings;
use crate::core::order::Opened;
use crate::core::rules::Week;
use crate::units::{Mono, Now, Span, Wall, Zone};

/// Says which rules a call breaks in the instant before its INVITE.
pub(super) fn broken(
    now: Now,
    opened: &Opened,
    campaign: &Campaign,
    person: &Person,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut against = |what: &str| wrong.push(format!("{} was opened {what}", opened.call));
    if person.calls > 0 {
        against("while its person is on the line");
    }
    let rules = &campaign.settings.rules;
    for cap in &rules.attempts {
        let tried = person.tried.iter().filter(|(_, at)| now.wall.since(*at) < cap.window);
        if tried.count() >= usize::try_from(cap.max).unwrap_or(usize::MAX) {
            against("beyond an attempt cap");
        }
    }
    let lock = campaign.settings.abandon.recall_lock;
    if person.abandoned.is_some_and(|(_, at)| now.wall.since(at) < lock) {
        against("though its person was abandoned lately");
    }
    if !campaign.remembers {
        return wrong;
    }
    let lease = campaign.leases.get(&opened.contact);
    let held = |lease: &Lease| lease.refused.is_some_and(|until| now.mono <= until);
    let lease = lease.filter(|lease| !lease.spent || held(lease));
    let Some(Lease { lead, .. }) = lease else {
        against("without a lease");
        return wrong;
    };
    if opened.attempt != lead.attempts + 1 {
        against("with a wrong count of attempts");
    }
    let allowed = campaign.settings.retry.attempts_max + lead.faults.min(FAULTS_FREE);
    if opened.attempt > allowed && lead.callback.is_none() {
        against("though every attempt was made");
    }
    let Some(number) = lead.numbers.iter().find(|number| number.number == opened.number) else {
        against("on a number that is not the contact's");
        return wrong;
    };
    if number.person != opened.person {
        against("for another person than the number's");
    }
    let routes = &campaign.settings.routes;
    let routes = campaign.settings.by_group.get(&number.group).unwrap_or(routes);
    if !routes.iter().any(|route| route.trunk == opened.trunk) {
        against("over a trunk that is none of its routes");
    }
    if number.do_not_call || number.invalid {
        against("against a do-not-call wish or a dead number");
    }
    if !rings_within(&rules.week, now.wall, &number.zone) {
        against("outside the calling windows");
    }
    wrong
}

/// Gives when the windows of the number of a call shut, looked for minute by minute as long as it
/// may ring; `None` if they stay open.
pub(super) fn bell(now: Now, opened: &Opened, campaign: &Campaign) -> Option<Mono> {
    let numbers = &campaign.leases.get(&opened.contact)?.lead.numbers;
    let number = numbers.iter().find(|number| number.number == opened.number)?;
    let Settings { rules, ring_max, .. } = &campaign.settings;
    let minute = Span::secs(60);
    let begun = now.wall.as_micros().rem_euclid(60_000_000);
    let mut left = minute - Span::micros(begun.unsigned_abs());
    while left < ring_max.times(2) {
        if !rings_within(&rules.week, now.wall + left, &number.zone) {
            return Some(now.mono + left);
        }
        left += minute;
    }
    None
}

/// Says whether a minute of the week is open in a zone.
fn rings_within(week: &Week, at: Wall, zone: &Zone) -> bool {
    let Ok(there) = at.timestamp().in_tz(zone.name()) else { return false };
    let day = usize::try_from(there.weekday().to_monday_zero_offset()).unwrap_or(0);
    let minute = i32::from(there.hour()) * 60 + i32::from(there.minute());
    let spans = week.days.get(day).map_or(&[][..], Vec::as_slice);
    spans.iter().any(|span| i32::from(span.from) <= minute && minute < i32::from(span.to))
}
