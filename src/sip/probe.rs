//! Test calls: what a trunk answers before one, and what is said about it.

use std::collections::BTreeMap;

use super::Event;
use super::shell::Shell;
use super::trouble::Trouble;
use crate::units::{LegId, Span, TrunkId};
use crate::wire::sip::{Subject, Testimony};

/// Test calls under way at once; the oldest is no longer watched when there is one more.
const PROBES_MAX: usize = 16;

/// What was said about a test call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// About the sign of life asked for before it.
    pub options: Option<Testimony>,
    /// About the refresh of the registration; `None` for a trunk that does not register.
    pub register: Option<Testimony>,
    /// For how long the account was bound then.
    pub bound_for: Option<Span>,
    /// About the call; `None` if it could not be placed.
    pub call: Option<Testimony>,
    /// Why the trunk cannot be reached, if nothing came back of the call.
    pub trouble: Option<Trouble>,
}

/// The test calls under way.
#[derive(Debug, Default)]
pub(super) struct Probes {
    /// Whose trunk was asked, by leg, with whether that was told already.
    under_way: BTreeMap<LegId, (TrunkId, bool)>,
}

impl Probes {
    /// Tells whether a leg is a test call's.
    pub(super) fn has(&self, leg: LegId) -> bool {
        self.under_way.contains_key(&leg)
    }
}

impl Shell {
    /// Asks a trunk for signs of life before a test call.
    pub(super) fn probe(&mut self, leg: LegId, trunk: TrunkId) {
        if self.probes.under_way.len() >= PROBES_MAX
            && let Some((oldest, _)) = self.probes.under_way.pop_first()
        {
            drop(self.testimony(oldest, trunk));
        }
        self.probes.under_way.insert(leg, (trunk, false));
        let now = self.port.now();
        if self.port.endpoint.send_options(now, trunk).is_ok() {
            self.port.endpoint.watch(leg, Subject::Options);
            if let Some(met) = self.trunks.get_mut(&trunk).and_then(|line| line.met.as_mut()) {
                met.health.asked(now);
            }
        }
        if self.port.endpoint.register_anew(now, trunk) {
            self.port.endpoint.watch(leg, Subject::Register);
        }
    }

    /// Tells of the trunks that have answered, or that nothing reaches.
    pub(super) fn tell_probed(&mut self) {
        let open = self.probes.under_way.iter().filter(|(_, (_, told))| !told);
        let settled = open.filter(|(leg, (trunk, _))| {
            self.port.endpoint.is_settled(**leg) || self.trouble(*trunk).is_some()
        });
        let settled: Vec<_> = settled.map(|(leg, _)| *leg).collect();
        for leg in settled {
            self.probes.under_way.entry(leg).and_modify(|(_, told)| *told = true);
            self.waiting.push_back(Event::Probed(leg));
        }
    }

    /// Tells what was said about a test call, whose leg is over.
    pub(super) fn tell_witnessed(&mut self, leg: LegId) {
        if let Some((trunk, _)) = self.probes.under_way.remove(&leg) {
            let said = self.testimony(leg, trunk);
            self.waiting.push_back(Event::Witnessed(leg, Box::new(said)));
        }
    }

    fn testimony(&mut self, leg: LegId, trunk: TrunkId) -> Said {
        let now = self.port.now();
        let endpoint = &mut self.port.endpoint;
        let options = endpoint.dismiss(leg, Subject::Options);
        let register = endpoint.dismiss(leg, Subject::Register);
        let call = endpoint.dismiss(leg, Subject::Call);
        let bound_for = endpoint.bound_for(now, trunk);
        let heard = call.as_ref().is_some_and(|call| !call.answers.is_empty());
        let trouble = self.trouble(trunk).filter(|_| !heard);
        Said { options, register, bound_for, call, trouble }
    }

    /// Tells what stands between us and a trunk.
    fn trouble(&self, trunk: TrunkId) -> Option<Trouble> {
        let line = self.trunks.get(&trunk)?;
        match &line.met {
            Some(met) => met.trouble(&self.port).cloned(),
            None => line.fault.as_ref().map(Trouble::of),
        }
    }
}
