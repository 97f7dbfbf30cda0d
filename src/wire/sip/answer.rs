//! Our answers to what a peer asks, and what becomes of answers nobody acknowledges.

use super::cause::Why;
use super::change::send_bye;
use super::client::Owner;
use super::endpoint::Endpoint;
use super::event::{CommandError, Event, Sdp};
use super::leg::{Leaving, Leg, Pending, Phase, Ringing, State, Talking};
use super::lexer::Fault;
use super::session::Timer;
use super::slab::Key;
use super::transfer::Wanted;
use super::values::Request;
use super::writer::{ALLOW, SDP_TYPE, Writer};
use crate::units::{LegId, Span};

impl Endpoint {
    pub(super) fn accept_leg(&mut self, leg: LegId, sdp: &Sdp) -> Result<(), CommandError> {
        let key = self.key(leg)?;
        let held = self.legs.get_mut(key).ok_or(CommandError::UnknownLeg)?;
        let (server, timer) = match &mut held.state {
            State::Calling(calling) => {
                let server = calling.take_offer().ok_or(CommandError::WrongState)?;
                calling.offer.clone_from(sdp);
                (server, None)
            }
            State::Session(session) => match &mut session.phase {
                Phase::Ringing(ringing) => match ringing.offer.take() {
                    Some(server) => (server, None),
                    None => return self.accept_call(key, sdp),
                },
                Phase::Talking(talking) => {
                    let before = talking.unacked;
                    let settled = talking.settle(sdp).ok_or(CommandError::WrongState)?;
                    // Whoever asks by a further INVITE has our 2xx to the one before, though its
                    // ACK was lost or overtaken (RFC 5407 §3.1.4).
                    if let Some(before) = before.filter(|_| talking.unacked != before) {
                        self.servers.came_through(&mut self.net, before);
                    }
                    settled
                }
                Phase::Leaving(_) | Phase::Stale(_) => return Err(CommandError::WrongState),
            },
        };
        let home = held.home();
        let wish = held.talking().map(|(dialog, talking)| {
            talking.timer = timer.map(|agreed| Timer::start(self.net.now, agreed));
            dialog.wish
        });
        let mut lines = Writer(Vec::with_capacity(128));
        lines.contact(self.net.local(home)).header("Allow", ALLOW);
        if let Some(wish) = wish {
            wish.write_answer(&mut lines, timer);
        }
        self.servers.respond(&mut self.net, server, 200, |writer| {
            writer.text(&lines.0).body(SDP_TYPE, sdp);
        });
        self.rewind(key);
        Ok(())
    }

    /// Answers the INVITE of an incoming leg, once its reliable provisional answers came through.
    pub(super) fn accept_call(&mut self, key: Key, sdp: &Sdp) -> Result<(), CommandError> {
        let leg = self.legs.get_mut(key).ok_or(CommandError::UnknownLeg)?;
        let id = leg.id;
        let (dialog, ringing) = leg.ringing().ok_or(CommandError::WrongState)?;
        if ringing.reliable.keeps(sdp) {
            return Ok(());
        }
        let &mut Ringing { server, timer, offer, .. } = ringing;
        let mut lines = Writer(Vec::with_capacity(128));
        lines.contact(self.net.local(dialog.home.address)).header("Allow", ALLOW);
        dialog.wish.write_answer(&mut lines, timer);
        let stored = dialog.stored(None);
        if self.settings.open {
            // Whoever takes every call in has no secrets before callers who try their trunk out.
            lines.header("X-Caller-Seen", stored.remote.split(';').next().unwrap_or_default());
        }
        let timer = timer.map(|agreed| Timer::start(self.net.now, agreed));
        let mut talking = Talking::new(Some(server), sdp.clone(), timer);
        if let Some(offer) = offer {
            talking.pending = Pending::TheirUpdate(offer, None);
        }
        if let Some(session) = leg.session() {
            session.phase = Phase::Talking(talking);
        }
        self.events.push_back(Event::Dialog(id, stored));
        self.servers.respond(&mut self.net, server, 200, |writer| {
            writer.text(&lines.0).body(SDP_TYPE, sdp);
        });
        self.rewind(key);
        Ok(())
    }

    pub(super) fn reject_leg(
        &mut self,
        leg: LegId,
        status: u16,
        headers: &[(&str, &str)],
    ) -> Result<(), CommandError> {
        let control = |text: &str| text.contains(char::is_control);
        if headers.iter().any(|(name, value)| control(name) || control(value)) {
            return Err(CommandError::BadText);
        }
        if !(300..700).contains(&status) {
            return Err(CommandError::WrongState);
        }
        let key = self.key(leg)?;
        let held = self.legs.get_mut(key).ok_or(CommandError::UnknownLeg)?;
        let mut over = false;
        let server = match &mut held.state {
            State::Calling(calling) => calling.take_offer(),
            State::Session(session) => match &mut session.phase {
                Phase::Ringing(ringing) => {
                    let offer = ringing.offer.take();
                    over = offer.is_none();
                    offer.or(Some(ringing.server))
                }
                Phase::Talking(talking) => {
                    let server = talking.pending.server();
                    server.inspect(|_| talking.pending = Pending::None)
                }
                Phase::Leaving(_) | Phase::Stale(_) => None,
            },
        };
        let server = server.ok_or(CommandError::WrongState)?;
        self.servers.respond(&mut self.net, server, status, |writer| {
            for (name, value) in headers {
                writer.header(name, value);
            }
            writer.body("", &[]);
        });
        if over {
            self.finish(key, Event::Gone(leg));
        }
        Ok(())
    }

    /// An answer of ours was never acknowledged: the dialog is ended (RFC 3261 §13.3.1.4), a
    /// call that only rang is refused (RFC 3262 §3).
    pub(super) fn never_acknowledged(&mut self, key: Key) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let id = leg.id;
        if let Some((_, ringing)) = leg.ringing() {
            let server = ringing.server;
            self.servers.respond(&mut self.net, server, 504, Writer::no_body);
            let reason = "a reliable answer was never acknowledged".to_owned();
            let failed = Event::Failed { leg: id, status: 504, retry_after: None, reason };
            self.finish(key, failed);
            return;
        }
        let Some((_, talking)) = leg.talking() else {
            return;
        };
        talking.unacked = None;
        if talking.hang_up {
            self.hang_up_talking(key);
        } else {
            self.lose(key, Why::Lost);
        }
    }

    /// Hangs an answered leg up: BYE, once our 2xx was acknowledged.
    pub(super) fn hang_up_talking(&mut self, key: Key) {
        let Some(session) = self.legs.get_mut(key).and_then(Leg::session) else {
            return;
        };
        let Phase::Talking(talking) = &mut session.phase else {
            return;
        };
        if talking.unacked.is_some() {
            talking.hang_up = true;
            return;
        }
        let wanted = talking.wanted.as_ref().and_then(Wanted::server);
        for server in [talking.pending.server(), wanted].into_iter().flatten() {
            self.servers.respond(&mut self.net, server, 487, Writer::no_body);
        }
        if let Some(client) = talking.pending.client() {
            self.clients.abandon(&mut self.net, client);
        }
        session.phase = Phase::Leaving(Leaving::default());
        let means = (&mut self.clients, &mut self.net, &mut session.dialog);
        send_bye(means, Owner::Leg(key), Why::Cleared);
        self.rewind(key);
    }

    /// Answers a request at once within a transaction, so that its repetitions are known.
    pub(super) fn reply(&mut self, print: u64, request: &Request<'_>, status: u16, headers: &[u8]) {
        if self.servers.is_full() {
            self.counters.overflow += 1;
            return;
        }
        let leg = Key { place: u32::MAX, secret: 0 };
        let mut tag = Writer(Vec::new());
        tag.hex(print, 16);
        let server = self.servers.begin(&mut self.net, print, request, (leg, &tag.0));
        self.servers.respond(&mut self.net, server, status, |writer| {
            writer.text(headers).body("", &[]);
        });
    }

    /// Asks a peer whose offer meets another of its own to wait up to ten seconds (§14.2).
    pub(super) fn reply_later(&mut self, print: u64, request: &Request<'_>) {
        let mut retry = Writer(b"Retry-After: ".to_vec());
        retry.number(self.net.draw() % 10).text("\r\n");
        self.reply(print, request, 500, &retry.0);
    }

    /// Refuses a session timer that is too short (RFC 4028 §9).
    pub(super) fn reply_brief(&mut self, print: u64, request: &Request<'_>, least: Span) {
        let mut brief = Writer(b"Min-SE: ".to_vec());
        brief.number(least.as_millis() / 1_000).text("\r\n");
        self.reply(print, request, 422, &brief.0);
    }

    /// Answers a request without remembering it; its repetition gets the same answer anew
    /// (RFC 3261 §8.2.7).
    pub(super) fn refuse(&mut self, request: &Request<'_>, fault: Fault, headers: &[u8]) {
        self.counters.refused += u64::from(fault.status >= 300);
        let mut tag = Writer(Vec::new());
        tag.hex(self.servers.print(request, request.method), 16);
        let mut writer = self.net.writer();
        writer.status(fault.status, fault.reason).answer_head(request, &tag.0);
        writer.header("Server", &self.net.agent).text(headers).body("", &[]);
        self.net.send(request.via.answer_to(request.source), writer.0);
    }
}
