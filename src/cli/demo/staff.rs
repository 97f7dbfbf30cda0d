//! The simulated télévendeurs' hands: they write up each call and ask for the next one.

use std::collections::BTreeMap;

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use crate::core::order::AgentState;
use crate::engine::clock::Clock;
use crate::engine::handle::{AgentVerb, Appointment, Ask, Details, Handle, Qualification};
use crate::units::{AgentId, CallId, DispositionId, Mono, Span};

/// A write-up lasts between these two.
const WRAP: (Span, Span) = (Span::millis(800), Span::millis(3_500));

/// How often each disposition of the demo's campaign is given, in the order of its file: sale,
/// appointment, callback, refusal, wrong number, machine, do not call.
const SHARES: [u64; 7] = [8, 10, 12, 40, 3, 22, 5];

/// Works until the engine is gone.
pub(super) async fn work(handle: Handle, clock: Clock, seed: u64) {
    let mut chance = Pcg64::seed_from_u64(seed);
    let mut due: BTreeMap<AgentId, (CallId, Mono)> = BTreeMap::new();
    let mut floor = handle.watch();
    while floor.changed().await.is_ok() {
        let snapshot = floor.borrow_and_update().clone();
        let now = clock.mono();
        for agent in &snapshot.floor.agents {
            let AgentState::Wrapping(call) = agent.state else {
                due.remove(&agent.agent);
                continue;
            };
            let (known, at) =
                due.entry(agent.agent).or_insert_with(|| (call, now + wrap(&mut chance)));
            if *known == call && *at <= now {
                due.remove(&agent.agent);
                write_up(&handle, agent.agent, call, &mut chance).await;
            }
        }
    }
}

fn wrap(chance: &mut Pcg64) -> Span {
    let (least, most) = WRAP;
    Span::micros(least.as_micros() + chance.next_u64() % (most - least).as_micros())
}

async fn write_up(handle: &Handle, agent: AgentId, call: CallId, chance: &mut Pcg64) {
    let disposition = disposition(chance);
    let details = match disposition {
        0 => Details { amount_cents: Some(4_900), ..Details::default() },
        1 => Details { appointment: Some(appointment()), ..Details::default() },
        _ => Details::default(),
    };
    let qualification = Qualification {
        call: Some(call),
        disposition: Some(DispositionId(disposition)),
        callback: None,
        details,
    };
    for verb in [AgentVerb::Qualify(Box::new(qualification)), AgentVerb::Ready] {
        if let Err(refused) = handle.ask(Ask::Agent(agent, verb)).await {
            tracing::debug!(%agent, %refused, "a write-up came too late");
        }
    }
}

fn disposition(chance: &mut Pcg64) -> u16 {
    let mut draw = chance.next_u64() % SHARES.iter().sum::<u64>();
    let mut place = 0;
    for share in SHARES {
        if draw < share {
            break;
        }
        draw -= share;
        place += 1;
    }
    place
}

fn appointment() -> Appointment {
    Appointment {
        at: "2030-01-08T10:00:00+01:00".to_owned(),
        place: Some("chez le client".to_owned()),
        salesperson: Some("Claire".to_owned()),
    }
}
