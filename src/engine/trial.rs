//! A test call over a trunk, outside every campaign: how far it came and what was heard.

use std::collections::BTreeSet;

use super::Engine;
use super::diagnosis::diagnose;
use super::handle::{Echo, Refused, Reply, Sign, TestCall, Trouble, TrunkReport, Word};
use super::legs::Party;
use super::perform::heard;
use crate::core::fact::CallFact;
use crate::media::{Feed, Quality};
use crate::sip::{Command, Peer, Said, Testimony};
use crate::units::{LegId, Mono, Span, TrunkId};
use crate::wire::sdp::{Direction, Remote, SdpError};

/// How long the trunk may take for a sign of life before the call goes out without: four
/// repetitions of a lost request (RFC 3261 §17.1.2.2), and a test ends within 15 s.
const PROBE_MAX: Span = Span::secs(2);

/// How long an answered test call is held so that its audio can be judged: the first reports of
/// the far end come within 5 s (RFC 3550 §6.2).
const LISTEN_FOR: Span = Span::secs(6);

/// When after the answer the key is pressed: echoes are set up by then, and come back in time.
const PRESS_AFTER: Span = Span::secs(2);

/// The key pressed: none that menus give a meaning of weight.
const KEY: &[u8] = b"5";

/// How long a test call may ring.
const RING_MAX: Span = Span::secs(15);

/// A call that was refused for want of room is tried once more, alone, after this or the
/// carrier's Retry-After: by then a refusal for too many calls a second has passed.
const AGAIN_AFTER: Span = Span::secs(2);

/// A carrier that wants a longer rest than this is not waited for.
const AGAIN_MAX: Span = Span::secs(10);

/// The statuses of a carrier without room: 429 (RFC 6585) and 503 (RFC 3261 §21.5.4).
const NO_ROOM: [u16; 2] = [429, 503];

/// What a call counts as that could not be sent (RFC 3261 §8.1.3.1).
const UNSENT: u16 = 503;

/// What silence counts as: 408 (RFC 3261 §17.1.1.2).
const SILENCE: u16 = 408;

/// What a call counts as that rang until we gave it up: 487 (RFC 3261 §21.4.25).
const GIVEN_UP: u16 = 487;

/// A test call under way.
#[derive(Debug)]
pub(super) struct Trial {
    back: Word,
    trunk: TrunkId,
    call: TestCall,
    started: Mono,
    until: Mono,
    /// When the key is pressed, while it is not.
    press: Option<Mono>,
    report: TrunkReport,
    stage: Stage,
}

/// How far a test call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The trunk is asked for signs of life.
    Probing,
    /// It is placed, and may ring or talk.
    Calling,
    /// It was refused and is tried once more after so long.
    Refused(Span),
    /// It is tried again when its time has come.
    Resting,
}

impl Trial {
    /// Notes how far the call has come.
    pub(super) fn heard(&mut self, now: Mono, fact: CallFact) {
        let after = millis(now.since(self.started));
        if matches!(fact, CallFact::Ringing | CallFact::EarlyMedia) {
            self.report.ringing_ms.get_or_insert(after);
        } else if fact == CallFact::Answered {
            self.report.answer_ms = Some(after);
            self.report.status = 200;
            self.until = now + LISTEN_FOR;
            if self.call.echo && self.report.dtmf {
                self.press = Some(now + PRESS_AFTER);
                self.report.dtmf_back = Some(false);
            }
        }
    }

    /// Gives what the far end hears.
    pub(super) fn feed(&self) -> Feed {
        if self.call.echo { Feed::Soundings } else { Feed::Comfort }
    }

    /// Notes what the far end's description agrees to.
    pub(super) fn connected(&mut self, remote: &Remote) {
        self.report.codec = Some(remote.codec.to_string());
        self.report.audio_to = Some(remote.rtp);
        self.report.dtmf = remote.dtmf.is_some();
    }

    /// Notes that the far end pressed a key: ours, if one was pressed.
    pub(super) fn key_came_back(&mut self) {
        if self.press.is_none() {
            self.report.dtmf_back = self.report.dtmf_back.map(|_| true);
        }
    }

    /// Notes what was said about the call.
    pub(super) fn witnessed(&mut self, said: &Said) {
        let Said { options, register, bound_for, call, trouble } = said;
        let report = &mut self.report;
        report.options = options.as_ref().map(last_sign);
        report.register = register.as_ref().map(last_sign);
        report.register_s = bound_for.map(Span::as_secs_f64);
        report.trouble = trouble.as_ref().map(|trouble| Trouble {
            code: trouble.obstacle.name().to_owned(),
            detail: trouble.detail.clone(),
        });
        let told = [options, register, call].into_iter().flatten();
        let changed: BTreeSet<_> = told.clone().flat_map(|one| &one.changed).collect();
        report.changed = changed.into_iter().map(|part| part.name().to_owned()).collect();
        report.seen_at = told.filter_map(|one| one.seen_at).next();
        let Some(call) = call else { return };
        report.path = call.answers.iter().copied().map(sign).collect();
        report.bye = call.bye;
        if report.status == 0 {
            // Nobody answered at all, or it rang until we gave up.
            report.status = call.answers.last().map_or(SILENCE, |(last, _)| (*last).max(GIVEN_UP));
        }
        report.caller_seen.clone_from(&call.caller);
        report.attestation.clone_from(&call.attestation);
    }

    /// Notes why the call was not answered.
    fn failed(&mut self, status: u16, retry_after: Option<Span>, reason: String) {
        let rest = retry_after.unwrap_or(AGAIN_AFTER);
        let first = self.report.refused.is_none();
        // Without a word of the carrier's the status is our own.
        let said = !reason.is_empty();
        if first && said && NO_ROOM.contains(&status) && rest <= AGAIN_MAX {
            self.report.refused = Some(status);
            self.stage = Stage::Refused(rest);
        }
        // Nobody said the 503 of a call that could not be sent (RFC 3261 §8.1.3.1).
        self.report.status = if status == UNSENT && !said { 0 } else { status };
        self.report.reason = reason;
    }

    /// Notes that the far end answered with what we cannot take: we hang up.
    pub(super) fn rejected(&mut self, why: &SdpError) {
        self.report.status = 200;
        self.report.rejected = Some(unfit(why).to_owned());
    }

    /// Notes that the call was not ended by us, but by the far end's BYE or without.
    pub(super) const fn ended(&mut self) {
        self.report.ended_there = true;
    }

    /// Notes what the audio measured.
    fn measured(&mut self, quality: &Quality) {
        let report = &mut self.report;
        report.sent = quality.sent;
        report.received = quality.received;
        report.lost = quality.lost;
        report.jitter_ms = quality.jitter_ms;
        report.round_trip_ms = quality.round_trip_ms;
        report.audio_from = quality.source;
        report.hears_us = quality.heard;
        report.echo = quality.echo.map(|echo| Echo {
            sent: echo.sent,
            back: echo.back,
            round_trip_ms: echo.round_trip_ms,
            jitter_ms: echo.jitter_ms,
        });
    }
}

/// Gives the finding's name for an answer that cannot be taken.
const fn unfit(why: &SdpError) -> &'static str {
    match why {
        SdpError::Unprotected | SdpError::NotOffered => "no-srtp",
        SdpError::NoCodec => "no-codec",
        SdpError::TooLong(_)
        | SdpError::TooManyStreams
        | SdpError::NoAudio
        | SdpError::Refused
        | SdpError::NoAddress => "no-usable-audio",
    }
}

fn millis(span: Span) -> f64 {
    span.as_secs_f64() * 1e3
}

fn sign((status, after): (u16, Span)) -> Sign {
    Sign { status, ms: millis(after) }
}

/// Gives a request's final answer; a status of 0 if none came.
fn last_sign(told: &Testimony) -> Sign {
    let last = told.answers.last().filter(|(status, _)| *status >= 200);
    last.copied().map(sign).unwrap_or_default()
}

impl Engine {
    /// Begins a test call; the report goes back when it has ended.
    pub(super) fn begin_trial(&mut self, trunk: TrunkId, call: TestCall, back: Word) {
        if !self.parts.book.trunks.contains_key(&trunk) {
            drop(back.send(Err(Refused::Unknown("trunk"))));
            return;
        }
        let (now, report) = (self.parts.clock.mono(), TrunkReport::default());
        let (stage, press) = (Stage::Probing, None);
        let trial = Trial { back, trunk, call, started: now, until: now, press, report, stage };
        self.probe_trial(trial);
    }

    /// Asks the trunk for signs of life; the call goes out when it has answered, or soon.
    fn probe_trial(&mut self, mut trial: Trial) {
        let id = self.legs.next_id();
        trial.stage = Stage::Probing;
        trial.until = self.parts.clock.mono() + PROBE_MAX;
        self.signal(Command::Probe(id, trial.trunk));
        self.trials.insert(id, trial);
    }

    /// Hears that a trunk has answered, or cannot.
    pub(super) fn hear_probed(&mut self, leg: LegId) {
        if self.trials.get(&leg).is_some_and(|trial| trial.stage == Stage::Probing) {
            self.place_trial(leg);
        }
    }

    fn place_trial(&mut self, id: LegId) {
        let Some(mut trial) = self.trials.remove(&id) else { return };
        let audio = self.parts.book.trunk_audio(trial.trunk);
        let far = self.parts.sip.reached_at(Peer::Trunk(trial.trunk));
        let Some((mut leg, entropy)) = self.open_leg(id, Party::Test, audio, far) else {
            drop(trial.back.send(Err(Refused::Busy)));
            return;
        };
        let offer = leg.side.offer(Direction::SendRecv, entropy);
        self.legs.insert(id, leg);
        let TestCall { to, from, .. } = trial.call.clone();
        let (trunk, call_ref) = (trial.trunk, format!("test-{id}"));
        trial.started = self.parts.clock.mono();
        trial.until = trial.started + RING_MAX;
        trial.stage = Stage::Calling;
        self.trials.insert(id, trial);
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

    /// Says when the next test call wants something done.
    pub(super) fn trial_due(&self) -> Option<Mono> {
        self.trials.values().map(|trial| trial.press.unwrap_or(trial.until)).min()
    }

    /// Does what is due of the test calls: places, presses a key, ends.
    pub(super) fn tend_trials(&mut self) {
        let now = self.parts.clock.mono();
        for (id, trial) in &mut self.trials {
            if trial.press.is_some_and(|due| due <= now) {
                trial.press = None;
                heard(self.parts.media.send_dtmf(*id, KEY));
            }
        }
        let due = |(_, trial): &(&LegId, &Trial)| trial.until <= now;
        let due = self.trials.iter().filter(due).map(|(id, trial)| (*id, trial.stage));
        for (id, stage) in due.collect::<Vec<_>>() {
            match stage {
                Stage::Probing => self.place_trial(id),
                Stage::Resting => {
                    if let Some(trial) = self.trials.remove(&id) {
                        self.probe_trial(trial);
                    }
                }
                Stage::Calling | Stage::Refused(_) => self.end_trial_call(now, id),
            }
        }
    }

    /// Hangs a test call up, or gives it up.
    pub(super) fn end_trial_call(&mut self, now: Mono, id: LegId) {
        if let Some(leg) = self.legs.leg_mut(id) {
            leg.ending = true;
        }
        let Some(trial) = self.trials.get_mut(&id) else { return };
        trial.until = now + RING_MAX;
        let answered = trial.report.status == 200;
        self.signal(if answered { Command::HangUp(id) } else { Command::Cancel(id) });
    }

    /// Sends the report of a test call whose audio was closed, or has it tried again.
    pub(super) fn end_trial(&mut self, leg: LegId, quality: &Quality) {
        let Some(mut trial) = self.trials.remove(&leg) else { return };
        if let Stage::Refused(rest) = trial.stage {
            trial.stage = Stage::Resting;
            trial.until = self.parts.clock.mono() + rest;
            self.trials.insert(leg, trial);
            return;
        }
        trial.measured(quality);
        let Trial { back, mut report, call, trunk, .. } = trial;
        if let Some(page) = self.parts.book.trunks.get(&trunk) {
            report.findings = diagnose(&report, page, call.from.as_ref());
        }
        // Whoever asked may have gone away: then nobody wants the report.
        drop(back.send(Ok(Reply::Tested(Box::new(report)))));
    }
}
