//! What the virtual carrier tells about the calls it took.

use std::collections::VecDeque;

use super::ear::Heard;
use super::mark::Speaker;
use super::persona::{Dialled, Persona};
use crate::units::{Mono, Span};
use crate::wire::sip::Counters;

/// Reports kept; beyond that the oldest are forgotten. A demo of an hour makes some thousands.
const REPORTS_MAX: usize = 100_000;

/// How a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered.
    Answered,
    /// It was refused with this status.
    Refused(u16),
    /// The caller cancelled it, or vanished, before an answer.
    GivenUp,
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// The dialer.
    Caller,
    /// The called person, or his network.
    Callee,
    /// Nobody: requests stayed unanswered.
    Network,
}

/// One call as the called side saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallReport {
    /// Which call of this carrier it was, from 1.
    pub nth: u64,
    /// The number that was dialled.
    pub dialled: Dialled,
    /// How the number behaved.
    pub persona: Persona,
    /// How the call went.
    pub outcome: Outcome,
    /// Who ended it.
    pub ended_by: Party,
    /// When the INVITE came.
    pub offered: Mono,
    /// When the 200 left.
    pub answered: Option<Mono>,
    /// When it ended.
    pub ended: Mono,
    /// What was heard.
    pub heard: Heard,
}

impl CallReport {
    pub(super) fn new(nth: u64, dialled: Dialled, persona: Persona, offered: Mono) -> Self {
        Self {
            nth,
            dialled,
            persona,
            outcome: Outcome::GivenUp,
            ended_by: Party::Caller,
            offered,
            answered: None,
            ended: offered,
            heard: Heard::default(),
        }
    }

    /// Gives the time from the answer to the first packet of an agent.
    #[must_use]
    pub fn heard_after(&self) -> Option<Span> {
        Some(self.heard.first_agent?.since(self.answered?))
    }

    /// Gives the mark this call's audio bears.
    #[must_use]
    pub fn speaker(&self) -> Speaker {
        Speaker::Callee(u32::try_from(self.nth % (1 << 31)).unwrap_or_default())
    }
}

/// What the virtual carrier counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// INVITEs of new calls.
    pub offered: u64,
    /// Calls turned away: an outage, the limit of channels or of calls per second.
    pub turned_away: u64,
    /// Calls refused by a persona.
    pub refused: u64,
    /// Calls the caller gave up before an answer.
    pub given_up: u64,
    /// Calls answered.
    pub answered: u64,
    /// Ended calls on which a person answered, spoke for a while and heard somebody.
    pub heard: u64,
    /// Calls that have not ended.
    pub open: usize,
    /// The SIP endpoint's counters.
    pub sip: Counters,
}

/// The carrier's memory.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) stats: Stats,
    pub(super) reports: VecDeque<CallReport>,
}

impl Ledger {
    pub(super) fn close(
        &mut self,
        report: CallReport,
        outcome: Outcome,
        ended_by: Party,
        ended: Mono,
    ) {
        match outcome {
            Outcome::Answered => {
                self.stats.heard += u64::from(report.heard.first_voice.is_some());
            }
            Outcome::Refused(_) => self.stats.refused += 1,
            Outcome::GivenUp => self.stats.given_up += 1,
        }
        if self.reports.len() == REPORTS_MAX {
            self.reports.pop_front();
        }
        self.reports.push_back(CallReport { outcome, ended_by, ended, ..report });
    }
}
