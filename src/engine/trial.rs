//! A test call over a trunk, outside every campaign: how far it came and what was heard.

use super::Engine;
use super::handle::{Refused, Reply, TrunkReport, Word};
use super::legs::Party;
use crate::core::fact::CallFact;
use crate::media::Quality;
use crate::sip::Command;
use crate::units::{LegId, Mono, Number, Span, TrunkId};
use crate::wire::sdp::Direction;

/// How long an answered test call is held so that its audio can be judged.
const LISTEN_FOR: Span = Span::secs(3);

/// How long a test call may ring.
const RING_MAX: Span = Span::secs(15);

/// A test call under way.
#[derive(Debug)]
pub(super) struct Trial {
    back: Word,
    started: Mono,
    until: Mono,
    report: TrunkReport,
}

impl Trial {
    /// Notes how far the call has come.
    pub(super) fn heard(&mut self, now: Mono, fact: CallFact) {
        let after = now.since(self.started).as_secs_f64() * 1e3;
        if matches!(fact, CallFact::Ringing | CallFact::EarlyMedia) {
            self.report.ringing_ms.get_or_insert(after);
        } else if fact == CallFact::Answered {
            self.report.answer_ms = Some(after);
            self.report.status = 200;
            self.until = now + LISTEN_FOR;
        }
    }

    /// Notes the final status of a call that was not answered.
    pub(super) fn failed(&mut self, status: u16) {
        self.report.status = status;
    }
}

impl Engine {
    /// Places a test call; the report goes back when it has ended.
    pub(super) fn begin_trial(&mut self, trunk: TrunkId, to: Number, back: Word) {
        let id = self.legs.next_id();
        let refusal = if self.parts.book.trunks.contains_key(&trunk) {
            Refused::Busy
        } else {
            Refused::Unknown("trunk")
        };
        let known = refusal == Refused::Busy;
        let srtp = self.parts.book.trunk_srtp(trunk);
        let opened = known.then(|| self.open_leg(id, Party::Test, srtp)).flatten();
        let Some((mut leg, entropy)) = opened else {
            drop(back.send(Err(refusal)));
            return;
        };
        let offer = leg.side.offer(Direction::SendRecv, entropy);
        self.legs.insert(id, leg);
        let started = self.parts.clock.mono();
        let until = started + RING_MAX;
        self.trials.insert(id, Trial { back, started, until, report: TrunkReport::default() });
        let call_ref = format!("test-{id}");
        self.signal(Command::Dial { leg: id, trunk, to, from: None, offer, call_ref });
    }

    /// Says when the next test call is to be ended.
    pub(super) fn trial_due(&self) -> Option<Mono> {
        self.trials.values().map(|trial| trial.until).min()
    }

    /// Ends the test calls whose time is over.
    pub(super) fn end_due_trials(&mut self) {
        let now = self.parts.clock.mono();
        let mut commands = Vec::new();
        for (&id, trial) in &mut self.trials {
            if trial.until <= now {
                trial.until = now + RING_MAX;
                if let Some(leg) = self.legs.leg_mut(id) {
                    leg.ending = true;
                }
                let answered = trial.report.status == 200;
                commands.push(if answered { Command::HangUp(id) } else { Command::Cancel(id) });
            }
        }
        for command in commands {
            self.signal(command);
        }
    }

    /// Sends the report of a test call whose audio was closed.
    pub(super) fn end_trial(&mut self, leg: LegId, quality: Quality) {
        let Some(mut trial) = self.trials.remove(&leg) else { return };
        trial.report.sent = quality.sent;
        trial.report.received = quality.received;
        trial.report.lost = quality.lost;
        trial.report.jitter_ms = quality.jitter_ms;
        // Whoever asked may have gone away: then nobody wants the report.
        drop(trial.back.send(Ok(Reply::Tested(trial.report))));
    }
}
