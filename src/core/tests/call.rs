//! Every state of a call meets every event.

use std::sync::Arc;

use crate::core::call::{Call, Effect, Event, Manner, State, Surprise};
use crate::core::fact::{Answerer, Failure, Heard, Lead, LeadNumber};
use crate::core::order::{EndedBy, Outcome};
use crate::units::{
    AgentId, CampaignId, ContactId, Mono, Now, NumberId, PersonId, Ratio, Span, TrunkId,
    UnknownZone, Wall, Zone,
};

const MANNER: Manner =
    Manner { listen: true, notice: true, ring_max: Span::secs(30), abandon_within: Span::secs(2) };

fn states() -> [(&'static str, State); 8] {
    let talking = |hold| State::Talking { agent: AgentId(1), hold };
    [
        ("Dialing", State::Dialing),
        ("Ringing", State::Ringing),
        ("Listening", State::Listening),
        ("Waiting", State::Waiting),
        ("Talking", talking(None)),
        ("on hold", talking(Some(Mono::START))),
        ("Notice", State::Notice),
        ("Ending", State::Ending { outcome: Outcome::NoAnswer, by: EndedBy::Dialer }),
    ]
}

fn events() -> [Event; 21] {
    let judged = |what| Event::Judged(Heard { what, confidence: Ratio::new(1.0) });
    [
        Event::Rang,
        Event::Answered,
        Event::Unusable(488),
        judged(Answerer::Human),
        judged(Answerer::Machine),
        Event::Failed(Failure::Busy, 486),
        Event::HungUp,
        Event::Lost,
        Event::NoticePlayed,
        Event::Gone,
        Event::NotRecorded,
        Event::TimeUp,
        Event::GivenUp,
        Event::Stopped,
        Event::Bridged(AgentId(2)),
        Event::AgentHungUp,
        Event::AgentLost,
        Event::Held,
        Event::Retrieved,
        Event::TransferWanted,
        Event::Transferred,
    ]
}

/// A call in a state; what came after the answer was answered.
fn call(state: State) -> Result<Call, UnknownZone> {
    let number = LeadNumber::new(NumberId(1), PersonId(1), Zone::new("Europe/Paris")?);
    let lead = Lead::new(ContactId(1), vec![number]);
    let due = Mono::micros(9);
    let call = Call::new(CampaignId(1), Arc::new(lead), 0, TrunkId(1), Mono::START, due);
    let before = matches!(state, State::Dialing | State::Ringing | State::Ending { .. });
    let answered = if before { None } else { Some(Wall::micros(1)) };
    let due = call.due.filter(|_| !matches!(state, State::Talking { .. }));
    let bridged = answered.filter(|_| matches!(state, State::Talking { .. }));
    Ok(Call { state, answered, bridged, due, ..call })
}

/// Where an event leads: `!` nowhere, as a surprise; `-` nowhere, in peace.
fn cell(state: State, event: Event) -> Result<String, UnknownZone> {
    let mut call = call(state)?;
    let now = Now { mono: Mono::micros(5), wall: Wall::micros(5) };
    let step = call.step(now, &MANNER, event);
    let effect = match step {
        Err(Surprise) => {
            assert_eq!(call.state, state, "a surprise changes nothing: {event:?}");
            return Ok("!".to_owned());
        }
        Ok(None) if call.state == state => return Ok("-".to_owned()),
        Ok(None) => String::new(),
        Ok(Some(Effect::Close { outcome, by, .. })) => return Ok(format!("{outcome:?}/{by:?}")),
        Ok(Some(effect)) => format!("{effect:?}"),
    };
    assert_eq!(call.due.is_none(), matches!(call.state, State::Talking { .. }), "{event:?}");
    let ends = if let State::Ending { outcome, .. } = call.state {
        format!(" {outcome:?}")
    } else {
        String::new()
    };
    Ok(format!("{:?} {effect}{ends}", call.stage()).trim_end().to_owned())
}

fn table() -> Result<String, UnknownZone> {
    let mut table = String::new();
    for (name, state) in states() {
        for event in events() {
            let event_name = format!("{event:?}").replace("confidence: Ratio(1.0)", "");
            let line = format!("{name:<10} {event_name:<34} {}", cell(state, event)?);
            table.push_str(line.trim_end());
            table.push('\n');
        }
    }
    Ok(table)
}

#[test]
fn every_state_meets_every_event_as_the_table_says() -> Result<(), UnknownZone> {
    let played = table()?;
    assert_eq!(played, include_str!("call.txt"), "src/core/tests/call.txt should read:\n{played}");
    Ok(())
}

#[test]
fn the_time_on_hold_is_summed_up() -> Result<(), UnknownZone> {
    let mut call = call(State::Talking { agent: AgentId(1), hold: None })?;
    let at = |micros| Now { mono: Mono::micros(micros), wall: Wall::micros(0) };
    for (moment, event) in [(10, Event::Held), (15, Event::Retrieved), (20, Event::Held)] {
        assert!(call.step(at(moment), &MANNER, event).is_ok());
    }
    assert_eq!(call.held_until(Mono::micros(27)), Span::micros(12));
    assert!(call.step(at(30), &MANNER, Event::Lost).is_ok());
    assert_eq!(call.held_until(Mono::micros(99)), Span::micros(15));
    Ok(())
}

#[test]
fn a_person_handed_over_was_connected_whoever_serves_him_now() -> Result<(), UnknownZone> {
    let now = Now { mono: Mono::micros(5), wall: Wall::micros(5) };
    let served = |state| call(state).map(|call| Call { bridged: Some(now.wall), ..call });
    let handed_over = State::Ending { outcome: Outcome::Connected, by: EndedBy::Transfer };
    let waits = served(State::Waiting)?;
    for mut call in [served(State::Talking { agent: AgentId(1), hold: None })?, waits] {
        assert_eq!(call.step(now, &MANNER, Event::Transferred), Ok(Some(Effect::HangUp)));
        assert_eq!(call.state, handed_over);
        let closed = Effect::Close { outcome: Outcome::Connected, cause: 0, by: EndedBy::Transfer };
        assert_eq!(call.step(now, &MANNER, Event::Gone), Ok(Some(closed)));
    }
    Ok(())
}
