//! The called network: takes every INVITE and lets a persona deal with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::audio::Audio;
use super::persona::{Dialled, Persona, Plan};
use super::report::{CallReport, Ledger, Outcome, Party};
use super::talk::Talk;
use super::voice::Voice;
use super::{Outage, Settings};
use crate::sip::socket::{Port, sleep_until};
use crate::units::{LegId, Mono, Span};
use crate::wire::sip::{CommandError, Event, Incoming, Sdp};

/// Numbers whose attempts are remembered: beyond that the town forgets them all.
const NUMBERS_MAX: usize = 1_000_000;
/// Calls at once: each holds a socket, and a process may seldom open more than this.
const CALLS_MAX: usize = 10_000;

/// What a call does next by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// The network reached the phone, or found that it cannot.
    Ring,
    /// The phone rang long enough for what the persona does.
    Decide,
    /// The called person has said everything.
    HangUp,
    /// A person who heard nobody until now hangs up.
    GiveUp,
}

/// One call as the called side sees it.
struct Call {
    plan: Plan,
    report: CallReport,
    talk: Talk,
    /// Our answer to the caller's offer; `None` if the caller made none.
    answer: Option<Sdp>,
    acknowledged: bool,
}

/// What the personas say.
struct Voices {
    person: Voice,
    greeting: Voice,
    ringback: Voice,
}

/// The virtual carrier's task.
pub(super) struct Exchange {
    settings: Settings,
    port: Port,
    audio: Audio,
    voices: Voices,
    outages: mpsc::Receiver<Outage>,
    outage: Outage,
    ledger: Arc<Mutex<Ledger>>,
    calls: BTreeMap<LegId, Call>,
    steps: BTreeSet<(Mono, LegId, Step)>,
    attempts: BTreeMap<Dialled, u32>,
    /// When the next call may come in, if calls per second are limited.
    open_at: Mono,
}

impl Exchange {
    pub(super) fn new(
        settings: Settings,
        port: Port,
        audio: Audio,
        outages: mpsc::Receiver<Outage>,
        ledger: Arc<Mutex<Ledger>>,
    ) -> Self {
        let voices = Voices {
            person: Voice::person(),
            greeting: Voice::greeting(),
            ringback: Voice::ringback(),
        };
        Self {
            settings,
            port,
            audio,
            voices,
            outages,
            outage: Outage::None,
            ledger,
            calls: BTreeMap::new(),
            steps: BTreeSet::new(),
            attempts: BTreeMap::new(),
            open_at: Mono::START,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            let next = self.steps.first().map(|(due, ..)| *due);
            let clock = self.port.clock();
            let deaf = self.outage == Outage::Silent;
            let goes_on = tokio::select! {
                turned = self.port.turn_beside(|_, _| deaf) => turned.is_ok(),
                () = sleep_until(clock, next) => true,
                outage = self.outages.recv() => match outage {
                    Some(outage) => {
                        self.outage = outage;
                        true
                    }
                    None => false,
                },
            };
            self.work();
            if !goes_on {
                break;
            }
        }
        let legs: Vec<_> = self.calls.keys().copied().collect();
        for leg in legs {
            self.hang_up(leg);
        }
        self.port.linger().await;
    }

    fn work(&mut self) {
        let now = self.port.now();
        while let Some(event) = self.port.endpoint.poll_event() {
            self.take(now, event);
        }
        while let Some((due, leg, step)) = self.steps.first().copied().filter(|s| s.0 <= now) {
            self.steps.remove(&(due, leg, step));
            self.step(now, leg, step);
        }
        self.port.flush();
        let mut ledger = lock(&self.ledger);
        ledger.stats.open = self.calls.len();
        ledger.stats.sip = self.port.endpoint.counters();
    }

    fn take(&mut self, now: Mono, event: Event) {
        match event {
            Event::Incoming(call) => self.receive(now, call),
            Event::Acked(leg, answer) => self.acknowledged(now, leg, answer),
            Event::Offer(leg, offer) => self.renegotiate(now, leg, offer.as_deref()),
            Event::Failed { leg, .. } => self.close(now, leg, Outcome::GivenUp, Party::Caller),
            Event::Ended { leg, bye, .. } => {
                let party = if bye { Party::Caller } else { Party::Network };
                self.close(now, leg, Outcome::Answered, party);
            }
            Event::Gone(leg) => self.close(now, leg, Outcome::Answered, Party::Callee),
            Event::TransferWanted(leg, _) => note(self.port.endpoint.tell_transfer(now, leg, 603)),
            Event::Ringing(_)
            | Event::Transferred { .. }
            | Event::Progress(..)
            | Event::Answered(..)
            | Event::Dialog(..)
            | Event::Reoffered(..)
            | Event::Digit(..)
            | Event::Phone(..)
            | Event::Bound(..)
            | Event::Options(..)
            | Event::Registered(..) => {}
        }
    }

    /// Takes a new call in, or turns it away where the network has no room for it.
    fn receive(&mut self, now: Mono, call: Incoming) {
        let dialled = Dialled::new(&call.to);
        let nth = {
            let mut ledger = lock(&self.ledger);
            ledger.stats.offered += 1;
            ledger.stats.offered
        };
        let room = self.settings.channels.unwrap_or(CALLS_MAX).min(CALLS_MAX);
        let spare = if self.outage == Outage::Refusing {
            Some("5")
        } else if self.calls.len() >= room || !self.paced(now) {
            Some("1")
        } else {
            None
        };
        if let Some(secs) = spare {
            lock(&self.ledger).stats.turned_away += 1;
            let refused = self.port.endpoint.reject(now, call.leg, 503, &[("Retry-After", secs)]);
            return note(refused);
        }
        let attempt = self.attempt(&dialled);
        let plan = self.settings.town.plan(self.settings.seed, &dialled, attempt);
        let report = CallReport::new(nth, dialled, plan.persona, now);
        let opened = self.open(call.leg, call.offer.as_deref());
        let (talk, answer) = match opened {
            Ok(both) => both,
            Err(status) => {
                lock(&self.ledger).close(report, Outcome::Refused(status), Party::Network, now);
                return note(self.port.endpoint.reject(now, call.leg, status, &[]));
            }
        };
        self.steps.insert((now + plan.post_dial, call.leg, Step::Ring));
        let call_state = Call { plan, report, talk, answer, acknowledged: false };
        self.calls.insert(call.leg, call_state);
    }

    /// Opens a call's audio and answers the caller's offer, or tells which status refuses it.
    fn open(&self, leg: LegId, offer: Option<&[u8]>) -> Result<(Talk, Option<Sdp>), u16> {
        let mut talk = Talk::open(&self.audio, leg).map_err(|error| {
            tracing::warn!(%error, "the virtual carrier has no port for a call's audio");
            500_u16
        })?;
        let Some(offer) = offer else { return Ok((talk, None)) };
        let answer = talk.answer(offer).map_err(|error| {
            tracing::debug!(%error, "the virtual carrier cannot use an offer");
            488_u16
        })?;
        Ok((talk, Some(answer)))
    }

    /// Counts how often a number was called.
    fn attempt(&mut self, dialled: &Dialled) -> u32 {
        if self.attempts.len() >= NUMBERS_MAX {
            self.attempts.clear();
        }
        let count = self.attempts.entry(dialled.clone()).or_insert(0);
        *count = count.saturating_add(1);
        *count
    }

    /// Tells whether the limit of calls per second lets one more in: the generic cell rate
    /// algorithm (ITU-T I.371 annex A) with a burst of a tenth of a second.
    fn paced(&mut self, now: Mono) -> bool {
        const BURST: Span = Span::millis(100);
        let Some(rate) = self.settings.calls_per_second else { return true };
        if self.open_at > now + BURST {
            return false;
        }
        self.open_at = self.open_at.max(now) + Span::from_secs_f64(1.0 / rate);
        true
    }

    fn step(&mut self, now: Mono, leg: LegId, step: Step) {
        let declined_unheard = self.network_declines();
        let Some(call) = self.calls.get_mut(&leg) else { return };
        match step {
            Step::Ring => match call.plan.persona {
                Persona::Invalid => self.refuse(now, leg, 404),
                Persona::Congested => self.refuse(now, leg, 503),
                Persona::Announced => self.announce(now, leg),
                Persona::Declines if declined_unheard => self.decline(now, leg),
                Persona::Talks
                | Persona::RingsOut
                | Persona::Busy
                | Persona::HangsUp
                | Persona::Voicemail
                | Persona::Slow
                | Persona::Declines => self.ring(now, leg),
            },
            Step::Decide => match call.plan.persona {
                Persona::RingsOut => self.refuse(now, leg, 480),
                Persona::Busy => self.refuse(now, leg, 486),
                Persona::Declines => self.decline(now, leg),
                Persona::Invalid => self.refuse(now, leg, 404),
                Persona::Congested => self.refuse(now, leg, 503),
                Persona::Talks
                | Persona::HangsUp
                | Persona::Voicemail
                | Persona::Slow
                | Persona::Announced => self.answer(now, leg),
            },
            Step::HangUp => self.hang_up(leg),
            Step::GiveUp if call.talk.heard().first_voice.is_none() => self.hang_up(leg),
            Step::GiveUp => {}
        }
    }

    fn ring(&mut self, now: Mono, leg: LegId) {
        note(self.port.endpoint.ring(now, leg));
        self.decide_later(now, leg);
    }

    /// Plays the network's own ringing tone before the answer.
    fn announce(&mut self, now: Mono, leg: LegId) {
        let Some(call) = self.calls.get_mut(&leg) else { return };
        let Some(answer) = call.answer.clone() else { return self.ring(now, leg) };
        note(self.port.endpoint.progress(now, leg, answer));
        call.talk.say(&self.voices.ringback, call.report.speaker());
        self.decide_later(now, leg);
    }

    fn decide_later(&mut self, now: Mono, leg: LegId) {
        let Some(call) = self.calls.get(&leg) else { return };
        self.steps.insert((now + call.plan.ring, leg, Step::Decide));
    }

    fn answer(&mut self, now: Mono, leg: LegId) {
        let Some(call) = self.calls.get_mut(&leg) else { return };
        let sdp = call.answer.clone().unwrap_or_else(|| call.talk.offer());
        match self.port.endpoint.accept(now, leg, sdp) {
            Ok(()) => {
                call.report.answered = Some(now);
                lock(&self.ledger).stats.answered += 1;
            }
            Err(error) => note(Err(error)),
        }
    }

    fn acknowledged(&mut self, now: Mono, leg: LegId, answer: Option<Sdp>) {
        let Some(call) = self.calls.get_mut(&leg) else { return };
        if let Some(answer) = answer
            && let Err(error) = call.talk.agree(&answer)
        {
            tracing::debug!(%error, "the virtual carrier cannot use an answer");
            return self.hang_up(leg);
        }
        if std::mem::replace(&mut call.acknowledged, true) {
            return;
        }
        let voice = match call.plan.persona {
            Persona::HangsUp => return self.hang_up(leg),
            Persona::Voicemail => &self.voices.greeting,
            Persona::Talks
            | Persona::RingsOut
            | Persona::Busy
            | Persona::Invalid
            | Persona::Slow
            | Persona::Declines
            | Persona::Congested
            | Persona::Announced => &self.voices.person,
        };
        call.talk.say(voice, call.report.speaker());
        self.steps.insert((now + call.plan.talk, leg, Step::HangUp));
        if let Some(silence) = call.plan.silence {
            self.steps.insert((now + silence, leg, Step::GiveUp));
        }
    }

    fn renegotiate(&mut self, now: Mono, leg: LegId, offer: Option<&[u8]>) {
        let Some(call) = self.calls.get_mut(&leg) else { return };
        let endpoint = &mut self.port.endpoint;
        note(match offer.map(|offer| call.talk.answer(offer)) {
            None => endpoint.accept(now, leg, call.talk.offer()),
            Some(Ok(answer)) => endpoint.accept(now, leg, answer),
            Some(Err(_)) => endpoint.reject(now, leg, 488, &[]),
        });
    }

    fn refuse(&mut self, now: Mono, leg: LegId, status: u16) {
        note(self.port.endpoint.reject(now, leg, status, &[]));
        self.close(now, leg, Outcome::Refused(status), Party::Callee);
    }

    /// Whether who declines is a network, which never lets it ring: people say 603 and 607.
    fn network_declines(&self) -> bool {
        let (status, reason) = self.settings.town.declines;
        !matches!(status, 603 | 607) || !reason.is_empty()
    }

    fn decline(&mut self, now: Mono, leg: LegId) {
        let (status, reason) = self.settings.town.declines;
        let header = [("Reason", reason)];
        let headers = if reason.is_empty() { &[][..] } else { &header[..] };
        note(self.port.endpoint.reject(now, leg, status, headers));
        self.close(now, leg, Outcome::Refused(status), Party::Callee);
    }

    fn hang_up(&mut self, leg: LegId) {
        let now = self.port.now();
        note(self.port.endpoint.hang_up(now, leg));
    }

    fn close(&mut self, now: Mono, leg: LegId, outcome: Outcome, party: Party) {
        let Some(call) = self.calls.remove(&leg) else { return };
        let mut report = call.report;
        report.heard = call.talk.heard();
        lock(&self.ledger).close(report, outcome, party, now);
    }
}

/// A command that came too late for its call changes nothing: the caller was faster.
fn note(done: Result<(), CommandError>) {
    if let Err(error) = done {
        tracing::debug!(%error, "the virtual carrier was too late");
    }
}

pub(super) fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}
