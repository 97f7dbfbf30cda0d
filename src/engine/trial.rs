//! A test call over a trunk, outside every campaign: how far it came and what was heard.

use super::Engine;
use super::diagnosis::diagnose;
use super::handle::{Refused, Reply, TestCall, TrunkReport, Word};
use super::legs::Party;
use crate::core::fact::CallFact;
use crate::media::Quality;
use crate::sip::{Command, Peer};
use crate::units::{LegId, Mono, Span, TrunkId};
use crate::wire::sdp::{Direction, Remote};

/// How long an answered test call is held so that its audio can be judged: the first reports of
/// the far end come within 5 s (RFC 3550 §6.2).
const LISTEN_FOR: Span = Span::secs(6);

/// How long a test call may ring.
const RING_MAX: Span = Span::secs(15);

/// A call that was refused for want of room is tried once more, alone, after this or the
/// carrier's Retry-After: by then a refusal for too many calls a second has passed.
const AGAIN_AFTER: Span = Span::secs(2);

/// A carrier that wants a longer rest than this is not waited for.
const AGAIN_MAX: Span = Span::secs(10);

/// The statuses of a carrier without room: 429 (RFC 6585) and 503 (RFC 3261 §21.5.4).
const NO_ROOM: [u16; 2] = [429, 503];

/// A test call under way.
#[derive(Debug)]
pub(super) struct Trial {
    back: Word,
    trunk: TrunkId,
    call: TestCall,
    started: Mono,
    until: Mono,
    report: TrunkReport,
    stage: Stage,
}

/// How far a test call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It is placed, and may ring or talk.
    Calling,
    /// It was refused and is tried once more after so long.
    Refused(Span),
    /// It is placed again when its time has come.
    Resting,
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

    /// Notes what the far end's description agrees to.
    pub(super) fn connected(&mut self, remote: &Remote) {
        self.report.codec = Some(remote.codec.to_string());
        self.report.audio_to = Some(remote.rtp);
        self.report.dtmf = remote.dtmf.is_some();
    }

    /// Notes why the call was not answered.
    fn failed(&mut self, status: u16, retry_after: Option<Span>, reason: String) {
        let rest = retry_after.unwrap_or(AGAIN_AFTER);
        let first = self.report.refused.is_none();
        if first && NO_ROOM.contains(&status) && rest <= AGAIN_MAX {
            self.report.refused = Some(status);
            self.stage = Stage::Refused(rest);
        }
        self.report.status = status;
        self.report.reason = reason;
    }
}

impl Engine {
    /// Places a test call; the report goes back when it has ended.
    pub(super) fn begin_trial(&mut self, trunk: TrunkId, call: TestCall, back: Word) {
        if !self.parts.book.trunks.contains_key(&trunk) {
            drop(back.send(Err(Refused::Unknown("trunk"))));
            return;
        }
        let now = self.parts.clock.mono();
        self.place_trial(Trial {
            back,
            trunk,
            call,
            started: now,
            until: now,
            report: TrunkReport::default(),
            stage: Stage::Calling,
        });
    }

    fn place_trial(&mut self, trial: Trial) {
        let id = self.legs.next_id();
        let srtp = self.parts.book.trunk_srtp(trial.trunk);
        let far = self.parts.sip.reached_at(Peer::Trunk(trial.trunk));
        let Some((mut leg, entropy)) = self.open_leg(id, Party::Test, srtp, far) else {
            drop(trial.back.send(Err(Refused::Busy)));
            return;
        };
        let offer = leg.side.offer(Direction::SendRecv, entropy);
        self.legs.insert(id, leg);
        let TestCall { to, from } = trial.call.clone();
        let (trunk, call_ref) = (trial.trunk, format!("test-{id}"));
        let started = self.parts.clock.mono();
        let stage = Stage::Calling;
        self.trials.insert(id, Trial { started, until: started + RING_MAX, stage, ..trial });
        self.signal(Command::Dial { leg: id, trunk, to, from, offer, call_ref });
    }

    /// Notes why a test call was not answered, if this leg is one.
    pub(super) fn hear_trial_failure(
        &mut self,
        leg: LegId,
        status: u16,
        retry_after: Option<Span>,
        reason: String,
    ) {
        if let Some(trial) = self.trials.get_mut(&leg) {
            trial.failed(status, retry_after, reason);
        }
    }

    /// Says when the next test call is to be ended, or placed again.
    pub(super) fn trial_due(&self) -> Option<Mono> {
        self.trials.values().map(|trial| trial.until).min()
    }

    /// Ends the test calls whose time is over, and places those again that have rested.
    pub(super) fn end_due_trials(&mut self) {
        let now = self.parts.clock.mono();
        let due = |(_, trial): &(&LegId, &Trial)| trial.until <= now;
        let due: Vec<_> = self.trials.iter().filter(due).map(|(id, _)| *id).collect();
        for id in due {
            if self.trials.get(&id).is_some_and(|trial| trial.stage == Stage::Resting) {
                if let Some(trial) = self.trials.remove(&id) {
                    self.place_trial(trial);
                }
                continue;
            }
            if let Some(leg) = self.legs.leg_mut(id) {
                leg.ending = true;
            }
            let Some(trial) = self.trials.get_mut(&id) else { continue };
            trial.until = now + RING_MAX;
            let answered = trial.report.status == 200;
            self.signal(if answered { Command::HangUp(id) } else { Command::Cancel(id) });
        }
    }

    /// Sends the report of a test call whose audio was closed, or has it tried again.
    pub(super) fn end_trial(&mut self, leg: LegId, quality: Quality) {
        let Some(mut trial) = self.trials.remove(&leg) else { return };
        if let Stage::Refused(rest) = trial.stage {
            trial.stage = Stage::Resting;
            trial.until = self.parts.clock.mono() + rest;
            self.trials.insert(leg, trial);
            return;
        }
        let Trial { back, mut report, .. } = trial;
        report.sent = quality.sent;
        report.received = quality.received;
        report.lost = quality.lost;
        report.jitter_ms = quality.jitter_ms;
        report.round_trip_ms = quality.round_trip_ms;
        report.audio_from = quality.source;
        report.hears_us = quality.heard;
        if let Some(page) = self.parts.book.trunks.get(&trial.trunk) {
            report.findings = diagnose(&report, page, trial.call.from.is_some());
        }
        // Whoever asked may have gone away: then nobody wants the report.
        drop(back.send(Ok(Reply::Tested(Box::new(report)))));
    }
}
