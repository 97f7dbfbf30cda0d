//! What falls due when, in one stable order: moment, then kind, then id.

use std::collections::{BTreeMap, BTreeSet};

use super::Wake;
use crate::units::Mono;

/// At most one moment per [`Wake`].
#[derive(Debug, Default)]
pub(super) struct Timers {
    order: BTreeSet<(Mono, Wake)>,
    at: BTreeMap<Wake, Mono>,
}

impl Timers {
    /// Sets a wake's moment, in place of any earlier one.
    pub(super) fn set(&mut self, wake: Wake, at: Mono) {
        if let Some(before) = self.at.insert(wake, at) {
            if before == at {
                return;
            }
            self.order.remove(&(before, wake));
        }
        self.order.insert((at, wake));
    }

    /// Forgets a wake.
    pub(super) fn clear(&mut self, wake: Wake) {
        if let Some(before) = self.at.remove(&wake) {
            self.order.remove(&(before, wake));
        }
    }

    /// Sets or forgets a wake.
    pub(super) fn put(&mut self, wake: Wake, at: Option<Mono>) {
        match at {
            Some(at) => self.set(wake, at),
            None => self.clear(wake),
        }
    }

    /// Takes the first wake that is due.
    pub(super) fn pop_due(&mut self, now: Mono) -> Option<Wake> {
        let &(at, wake) = self.order.first()?;
        if at > now {
            return None;
        }
        self.clear(wake);
        Some(wake)
    }

    /// Gives the first wake and its moment.
    pub(super) fn first(&self) -> Option<(Mono, Wake)> {
        self.order.first().copied()
    }

    /// Gives every wake.
    pub(super) fn wakes(&self) -> impl Iterator<Item = Wake> {
        self.at.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{AgentId, CallId};

    #[test]
    fn wakes_come_by_moment_then_kind_then_id() {
        let mut timers = Timers::default();
        let (call, agent) = (Wake::Call(CallId(1)), Wake::Agent(AgentId(1)));
        timers.set(agent, Mono::micros(5));
        timers.set(Wake::Call(CallId(2)), Mono::micros(5));
        timers.set(call, Mono::micros(9));
        timers.set(call, Mono::micros(5));
        let due = std::iter::from_fn(|| timers.pop_due(Mono::micros(5))).collect::<Vec<_>>();
        assert_eq!(due, [call, Wake::Call(CallId(2)), agent]);
        assert_eq!(timers.first(), None);
    }
}
