//! Who sits where: the one page that counts of each agent, and what the desk itself must remember.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::protocol::UNDO_S;
use crate::units::{AgentId, CallId, Mono, PauseId, Span};

/// What the desk remembers of an agent between two pages; the engine knows all the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// The break to go on when one more call is over.
    pub(super) last_call: Option<PauseId>,
    /// The call whose disposition was given here, and when.
    pub(super) said: Option<(CallId, Mono)>,
    /// The call whose disposition was taken back and not given anew.
    pub(super) undone: Option<CallId>,
}

impl Note {
    /// Gives until when the disposition of a call can be taken back.
    pub(super) fn undoable(&self, call: Option<CallId>) -> Option<Mono> {
        let (said, at) = self.said?;
        (Some(said) == call).then(|| at + Span::secs(UNDO_S))
    }
}

/// Every agent's seat; there are as many as agents.
#[derive(Clone, Debug, Default)]
pub(super) struct Seats(Arc<Mutex<BTreeMap<AgentId, Seat>>>);

#[derive(Debug, Default)]
struct Seat {
    turn: watch::Sender<u64>,
    note: Note,
}

impl Seats {
    /// Takes an agent's seat for a page; whoever has it sees the turn change. Gives the page's own
    /// turn.
    pub(super) fn take(&self, agent: AgentId) -> (u64, watch::Receiver<u64>) {
        self.with(agent, |seat| {
            seat.turn.send_modify(|turn| *turn += 1);
            let turns = seat.turn.subscribe();
            let own = *turns.borrow();
            (own, turns)
        })
    }

    /// Reads what is remembered of an agent.
    pub(super) fn read<T>(&self, agent: AgentId, read: impl FnOnce(&Note) -> T) -> T {
        self.with(agent, |seat| read(&seat.note))
    }

    /// Changes what is remembered of an agent.
    pub(super) fn note(&self, agent: AgentId, change: impl FnOnce(&mut Note)) {
        self.with(agent, |seat| change(&mut seat.note));
    }

    fn with<T>(&self, agent: AgentId, work: impl FnOnce(&mut Seat) -> T) -> T {
        let mut seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(seats.entry(agent).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_page_has_the_seat_and_the_earlier_one_sees_it() {
        let (seats, agent) = (Seats::default(), AgentId(1));
        let (first, turns) = seats.take(agent);
        assert_eq!(*turns.borrow(), first);
        let (second, _) = seats.take(agent);
        assert_eq!(*turns.borrow(), second);
        assert_ne!(first, second);
    }

    #[test]
    fn only_the_disposition_of_the_present_call_can_be_taken_back() {
        let (call, other) = (CallId(1), CallId(2));
        let note = Note { said: Some((call, Mono::START)), ..Note::default() };
        assert_eq!(note.undoable(Some(call)), Some(Mono::START + Span::secs(UNDO_S)));
        assert_eq!((note.undoable(Some(other)), note.undoable(None)), (None, None));
    }
}
