//! Every state of an agent meets every event.

use std::sync::Arc;

use crate::core::agent::{Agent, Event, Leg, Settings, State, Want, Writing};
use crate::core::fact::{Lead, SkipReason};
use crate::core::hopper::Stocked;
use crate::core::respect::{self, Rest};
use crate::units::{CallId, CampaignId, ContactId, Mono, PauseId, Span};

const NOW: Mono = Mono::micros(1_000_000);

fn stocked() -> Stocked {
    let lead = Lead::new(ContactId(1), Vec::new());
    Stocked { lead: Arc::new(lead), until: NOW, tried: Vec::new() }
}

fn writing(call: u64) -> Box<Writing> {
    Box::new(Writing {
        call: CallId(call),
        campaign: CampaignId(1),
        lead: stocked().lead,
        index: 0,
        since: NOW,
        until: Some(NOW),
        extension: Span::secs(5),
        said: None,
    })
}

fn states() -> [State; 10] {
    [
        State::LoggedOut,
        State::Paused { code: PauseId(1), when_up: false },
        State::Paused { code: PauseId(0), when_up: true },
        State::Ready,
        State::Previewing(CampaignId(1), stocked()),
        State::Reserved(CallId(1)),
        State::Talking(CallId(1)),
        State::Holding(CallId(1)),
        State::Wrapping(writing(1)),
        State::Resting { until: NOW, why: Rest::Breath },
    ]
}

fn events() -> [(&'static str, Event); 24] {
    [
        ("signs in", Event::SignedIn),
        ("leg rose", Event::LegRose),
        ("leg fell", Event::LegFell),
        ("wants calls", Event::Wants(Want::Calls)),
        ("wants a break", Event::Wants(Want::Break(PauseId(2)))),
        ("leaves", Event::Wants(Want::Leave)),
        ("is to leave later", Event::Postpones(Want::Leave)),
        ("dials", Event::Dials),
        ("skips", Event::Skips(SkipReason::Later)),
        ("hangs up", Event::HangsUp),
        ("holds", Event::Holds),
        ("retrieves", Event::Retrieves),
        ("qualifies", Event::Qualifies(CallId(1))),
        ("qualifies another", Event::Qualifies(CallId(2))),
        ("extends", Event::Extends(Span::secs(9))),
        ("extends by nothing", Event::Extends(Span::ZERO)),
        ("is shown", Event::Shown(CampaignId(1), stocked())),
        ("is set aside", Event::SetAside(CallId(1))),
        ("joins", Event::Joined(CallId(1))),
        ("joins another", Event::Joined(CallId(2))),
        ("is freed", Event::Freed),
        ("talk over", Event::TalkOver(Some(writing(1)))),
        ("talk over, said", Event::TalkOver(None)),
        ("time is up", Event::TimeUp),
    ]
}

/// An agent in a state, with the leg that goes with it.
fn agent(state: State) -> Agent {
    let settings = Settings { campaigns: vec![CampaignId(1)], pause_at_login: PauseId(0) };
    let mut agent = Agent::new(settings, 0, Mono::START);
    agent.leg = match state {
        State::LoggedOut => Leg::Down,
        State::Paused { when_up: true, .. } => Leg::Raising,
        State::Paused { when_up: false, .. }
        | State::Ready
        | State::Previewing(..)
        | State::Reserved(_)
        | State::Talking(_)
        | State::Holding(_)
        | State::Wrapping(_)
        | State::Resting { .. } => Leg::Up,
    };
    agent.state = state;
    agent
}

fn name(state: &State) -> String {
    let waits = matches!(state, State::Paused { when_up: true, .. });
    format!("{:?}{}", agent(state.clone()).label(), if waits { " for the leg" } else { "" })
}

/// Where an event leads: `!` nowhere, as a surprise; `-` nowhere, in peace.
fn cell(state: &State, event: Event) -> String {
    let mut agent = agent(state.clone());
    let Ok(effect) = agent.step(NOW, event) else {
        assert_eq!(agent.state, *state, "a surprise changes nothing");
        return "!".to_owned();
    };
    let told = effect.map_or(String::new(), |effect| {
        let told = format!("{effect:?}");
        told.split(['(', ' ']).next().unwrap_or_default().to_owned()
    });
    let moved = if agent.state == *state { "-".to_owned() } else { name(&agent.state) };
    format!("{moved} {told}").trim_end().to_owned()
}

#[test]
fn every_state_meets_every_event_as_the_table_says() {
    let mut played = String::new();
    for state in states() {
        for (event_name, event) in events() {
            let state_name = name(&state);
            let line = format!("{state_name:<34} {event_name:<20} {}", cell(&state, event));
            played.push_str(line.trim_end());
            played.push('\n');
        }
    }
    assert_eq!(played, include_str!("agent.txt"), "src/core/tests/agent.txt should be:\n{played}");
}

#[test]
fn a_wish_waits_for_the_end_of_the_write_up() {
    let mut agent = agent(State::Talking(CallId(1)));
    for event in [Event::Wants(Want::Leave), Event::TalkOver(Some(writing(1))), Event::TimeUp] {
        assert!(agent.at_work());
        assert!(agent.step(NOW, event).is_ok());
    }
    assert_eq!((agent.state, agent.leg), (State::LoggedOut, Leg::Down));
}

#[test]
fn a_wish_put_off_is_kept_or_taken_back() {
    let put_off = |after: Event| {
        let mut agent = agent(State::Ready);
        for event in [Event::Postpones(Want::Leave), after, Event::Freed] {
            assert!(agent.step(NOW, event).is_ok());
        }
        agent.state
    };
    assert_eq!(put_off(Event::Wants(Want::Calls)), State::Ready);
    let on_break = State::Paused { code: PauseId(2), when_up: false };
    assert_eq!(put_off(Event::Postpones(Want::Break(PauseId(2)))), on_break);
}

#[test]
fn a_leg_that_never_rises_is_given_up() {
    let mut agent = agent(State::Paused { code: PauseId(0), when_up: true });
    let mut now = NOW;
    while !agent.leg_failed() {
        let next = agent.next_raise(now);
        assert!(next > now && next.since(now) <= Span::secs(60));
        now = next;
    }
    assert!(now.since(NOW) > Span::secs(1_700) && now.since(NOW) < Span::secs(2_100));
}

#[test]
fn whoever_is_owed_a_breath_rests_first_and_a_break_does_not_spare_it() {
    let secs = |secs| NOW + Span::secs(secs);
    let on_break = Event::Wants(Want::Break(PauseId(2)));
    let resting = State::Resting { until: secs(40), why: Rest::Breath };
    let paused = State::Paused { code: PauseId(2), when_up: false };
    for (talked, written) in [(30, None), (10, Some(writing(1)))] {
        let mut agent = agent(State::Ready);
        agent.shift.take(respect::Settings { breath: Span::secs(10), ..Default::default() }, false);
        agent.since = NOW;
        let mut events = vec![
            (0, Event::Joined(CallId(1)), State::Talking(CallId(1))),
            (talked, Event::TalkOver(written.clone()), resting.clone()),
        ];
        if let Some(writing) = written {
            events[1].2 = State::Wrapping(writing);
            events.push((30, Event::Wants(Want::Calls), resting.clone()));
        }
        events.extend([
            (31, Event::Wants(Want::Calls), resting.clone()),
            (32, on_break.clone(), paused.clone()),
            (33, Event::Wants(Want::Calls), resting.clone()),
            (34, Event::LegFell, resting.clone()),
            (35, Event::LegRose, resting.clone()),
            (40, Event::TimeUp, State::Ready),
        ]);
        for (at, event, expected) in events {
            assert!(agent.step(secs(at), event.clone()).is_ok(), "{event:?}");
            assert_eq!(agent.state, expected, "{event:?}");
        }
        // All but the second of the break counts as waiting.
        assert_eq!(agent.times(secs(40)).2, Span::secs(9));
    }
}
