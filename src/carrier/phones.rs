//! Simulated agents' phones: they answer by themselves and send a tone with their mark.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::sync::{mpsc, oneshot};

use super::audio::Audio;
use super::ear::Heard;
use super::mark::Speaker;
use super::open_endpoint;
use super::register::Registrations;
use super::talk::Talk;
use super::voice::Voice;
use crate::engine::clock::Clock;
use crate::engine::tasks::Tasks;
use crate::sip::Tls;
use crate::sip::socket::{Port, sleep_until};
use crate::units::{LegId, Mono, Span, TrunkId};
use crate::wire::sip::{
    CommandError, Credentials, Event, Hop, Incoming, Invite, Sdp, Target, Transport, Trunk,
};

/// The pitch of an agent's tone, in hertz: apart from every tone a network plays.
const TONE: u32 = 1_300;
/// Orders that may wait: one or two a phone in the largest test.
const ORDERS_MAX: usize = 4_096;
/// How long the registrar may take to confirm that all phones have left.
const FAREWELL: Span = Span::secs(2);
/// The name under which the phones know the dialer they call.
const DIALER: TrunkId = TrunkId(0);

/// What the simulated phones need to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneSettings {
    /// Where all of them listen.
    pub listen: SocketAddr,
    /// How many there are: their users are `a1`, `a2` and so on.
    pub count: u32,
    /// What every tag comes from.
    pub seed: u64,
    /// How long each rings before it answers.
    pub answer_after: Span,
    /// Where they register, if they do.
    pub registrar: Option<Registrar>,
}

impl Default for PhoneSettings {
    /// Gives one phone on a loopback port the system chooses, which answers at once.
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            count: 1,
            seed: 2,
            answer_after: Span::ZERO,
            registrar: None,
        }
    }
}

/// Where simulated phones register and which way they call.
#[derive(Clone, PartialEq, Eq)]
pub struct Registrar {
    /// The dialer's SIP address.
    pub address: SocketAddr,
    /// What carries the phones' messages: over TCP and TLS all share one connection of theirs.
    pub transport: Transport,
    /// How the dialer is met over TLS; needed there.
    pub tls: Option<Tls>,
    /// The password of every phone's account.
    pub password: String,
    /// How long a registration is asked for.
    pub expires: Span,
}

impl Registrar {
    fn hop(&self) -> Hop {
        let trunk = (self.transport == Transport::Tls).then_some(DIALER);
        Hop { transport: self.transport, address: self.address, trunk }
    }
}

impl std::fmt::Debug for Registrar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registrar({}, ***, {})", self.address, self.expires)
    }
}

/// One simulated phone as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhoneReport {
    /// Which phone, from 1.
    pub nth: u32,
    /// Whether its registration stands.
    pub registered: bool,
    /// Calls it answered or placed that were answered.
    pub calls: u64,
    /// Whether it is in a call.
    pub up: bool,
    /// What it heard in its present or latest call.
    pub heard: Heard,
    /// The last word on the latest transfer it asked for.
    pub transferred: Option<u16>,
}

/// The way to the running phones, which end when this is dropped.
#[derive(Debug)]
pub struct PhonesHandle {
    addr: SocketAddr,
    orders: mpsc::Sender<Order>,
}

#[derive(Debug)]
enum Order {
    DialIn(u32),
    HangUp(u32),
    Transfer(u32, String),
    Report(oneshot::Sender<Vec<PhoneReport>>),
}

impl PhonesHandle {
    /// Gives the address all phones listen at.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Gives the contact of a phone, as a configuration writes it.
    #[must_use]
    pub fn contact(&self, nth: u32) -> String {
        format!("sip:{}@{}", user(nth), self.addr)
    }

    /// Gives every phone as it is now.
    ///
    /// # Errors
    /// The phones have ended.
    pub async fn reports(&self) -> io::Result<Vec<PhoneReport>> {
        let (answer, reports) = oneshot::channel();
        self.order(Order::Report(answer)).await?;
        reports.await.map_err(|_| ended())
    }

    /// Lets a phone call the dialer at its registrar's address.
    ///
    /// # Errors
    /// The phones have ended.
    pub async fn dial_in(&self, nth: u32) -> io::Result<()> {
        self.order(Order::DialIn(nth)).await
    }

    /// Lets a phone hang up.
    ///
    /// # Errors
    /// The phones have ended.
    pub async fn hang_up(&self, nth: u32) -> io::Result<()> {
        self.order(Order::HangUp(nth)).await
    }

    /// Presses a phone's transfer key and types a number.
    ///
    /// # Errors
    /// The phones have ended.
    pub async fn transfer(&self, nth: u32, to: &str) -> io::Result<()> {
        self.order(Order::Transfer(nth, to.to_owned())).await
    }

    /// Hangs every call up, takes every registration back and ends the phones.
    pub fn stop(self) {
        drop(self);
    }

    async fn order(&self, order: Order) -> io::Result<()> {
        self.orders.send(order).await.map_err(|_| ended())
    }
}

fn ended() -> io::Error {
    io::Error::other("the simulated phones have ended")
}

/// Gives the user part and account of a phone.
pub(super) fn user(nth: u32) -> String {
    format!("a{nth}")
}

/// Starts simulated agents' phones on the running runtime.
///
/// # Errors
/// The address is in use, or the system has no room for another thread or socket.
pub async fn start_phones(
    settings: PhoneSettings,
    clock: Clock,
    tasks: &Tasks,
) -> io::Result<PhonesHandle> {
    let PhoneSettings { listen, count, seed, answer_after, registrar } = settings;
    let mut port = Port::open(listen, clock, tasks, |local, others| {
        open_endpoint((local, others), seed, "phone")
    })?;
    let addr = port.local_addr();
    if let Some(registrar) = &registrar {
        let tls = registrar.tls.as_ref().map(Tls::client).transpose();
        port.streams().trust(DIALER, tls.map_err(io::Error::other)?);
    }
    let audio = Audio::start("phone-audio", addr.ip(), clock)?;
    let registrations =
        registrar.map(|registrar| Registrations::new(addr, count, registrar, clock.mono()));
    let (orders, inbox) = mpsc::channel(ORDERS_MAX);
    let phones = (1..=count).map(|nth| (nth, Phone::new(nth))).collect();
    let room = Room {
        port,
        audio,
        tone: Voice::tone(TONE),
        answer_after,
        registrations,
        phones,
        legs: BTreeMap::new(),
        ringing: BTreeSet::new(),
        placed: 0,
    };
    tasks.spawn(room.run(inbox));
    Ok(PhonesHandle { addr, orders })
}

/// One phone.
struct Phone {
    report: PhoneReport,
    call: Option<Call>,
}

/// A phone's call.
struct Call {
    leg: LegId,
    talk: Talk,
    /// Our answer to the dialer's offer; `None` where we offer.
    answer: Option<Sdp>,
    up: bool,
}

/// The task of all phones.
struct Room {
    port: Port,
    audio: Audio,
    tone: Voice,
    answer_after: Span,
    registrations: Option<Registrations>,
    phones: BTreeMap<u32, Phone>,
    legs: BTreeMap<LegId, u32>,
    ringing: BTreeSet<(Mono, LegId)>,
    placed: u64,
}

impl Phone {
    fn new(nth: u32) -> Self {
        Self { report: PhoneReport { nth, ..PhoneReport::default() }, call: None }
    }

    fn report(&self, registered: bool) -> PhoneReport {
        let heard = self.call.as_ref().map_or(self.report.heard, |call| call.talk.heard());
        let up = self.call.as_ref().is_some_and(|call| call.up);
        PhoneReport { registered, up, heard, ..self.report }
    }
}

impl Room {
    async fn run(mut self, mut inbox: mpsc::Receiver<Order>) {
        loop {
            self.work();
            let order = tokio::select! {
                turned = self.turn() => match turned {
                    Ok(()) => continue,
                    Err(_) => break,
                },
                order = inbox.recv() => order,
            };
            let Some(order) = order else { break };
            self.obey(order);
        }
        self.leave().await;
    }

    /// Waits for the network or for the next thing to do.
    async fn turn(&mut self) -> io::Result<()> {
        let ringing = self.ringing.first().map(|(due, _)| *due);
        let registering = self.registrations.as_ref().and_then(Registrations::due);
        let next = [ringing, registering].into_iter().flatten().min();
        let clock = self.port.clock();
        let registrations = &mut self.registrations;
        let taken = |now, datagram: &[u8]| {
            registrations.as_mut().is_some_and(|all| all.take(now, datagram))
        };
        tokio::select! {
            turned = self.port.turn_beside(taken) => turned,
            () = sleep_until(clock, next) => Ok(()),
        }
    }

    /// Hangs up, takes the registrations back, and waits a moment for the answers.
    async fn leave(mut self) {
        let (clock, now) = (self.port.clock(), self.port.now());
        let legs: Vec<_> = self.legs.keys().copied().collect();
        for leg in legs {
            note(self.port.endpoint.hang_up(now, leg));
        }
        if let Some(registrations) = &mut self.registrations {
            registrations.leave(now);
        }
        let end = Some(now + FAREWELL);
        while self.registrations.as_ref().is_some_and(|all| !all.left()) {
            self.work();
            let goes_on = tokio::select! {
                turned = self.turn() => turned.is_ok(),
                () = sleep_until(clock, end) => false,
            };
            if !goes_on {
                break;
            }
        }
        self.port.linger().await;
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::DialIn(nth) => self.dial_in(nth),
            Order::HangUp(nth) => {
                let call = self.phones.get(&nth).and_then(|phone| phone.call.as_ref());
                let Some(leg) = call.map(|call| call.leg) else { return };
                note(self.port.endpoint.hang_up(self.port.now(), leg));
            }
            Order::Transfer(nth, to) => self.transfer(nth, &to),
            Order::Report(answer) => {
                let stands = |nth| self.registrations.as_ref().is_some_and(|all| all.stands(nth));
                let reports = self.phones.iter();
                let reports = reports.map(|(nth, phone)| phone.report(stands(*nth))).collect();
                if answer.send(reports).is_err() {
                    tracing::debug!("nobody waits for the phones' reports any more");
                }
            }
        }
    }

    fn work(&mut self) {
        let now = self.port.now();
        while let Some(event) = self.port.endpoint.poll_event() {
            self.take(now, event);
        }
        while let Some((due, leg)) = self.ringing.first().copied().filter(|r| r.0 <= now) {
            self.ringing.remove(&(due, leg));
            self.answer(now, leg);
        }
        if let Some(registrations) = &mut self.registrations {
            let registrar = registrations.registrar().hop();
            while let Some(request) = registrations.ask(now) {
                self.port.transmit(registrar, request.as_bytes());
            }
        }
        self.port.flush();
    }

    fn take(&mut self, now: Mono, event: Event) {
        match event {
            Event::Incoming(call) => self.receive(now, call),
            Event::Acked(leg, answer) => self.begin(leg, answer),
            Event::Answered(leg, answer) => self.begin(leg, Some(answer)),
            Event::Offer(leg, offer) => self.renegotiate(now, leg, offer.as_deref()),
            Event::Failed { leg, .. } | Event::Ended { leg, .. } | Event::Gone(leg) => {
                self.end(leg);
            }
            Event::Transferred { leg, status, .. } => {
                let phone = self.legs.get(&leg).and_then(|nth| self.phones.get_mut(nth));
                if let Some(phone) = phone {
                    phone.report.transferred = Some(status);
                }
            }
            // Nobody has a phone transfer itself.
            Event::TransferWanted(leg, _) => note(self.port.endpoint.tell_transfer(now, leg, 603)),
            Event::Ringing(_)
            | Event::Progress(..)
            | Event::Dialog(..)
            | Event::Reoffered(..)
            | Event::Digit(..)
            | Event::Phone(..)
            | Event::Bound(..)
            | Event::Options(..)
            | Event::Registered(..) => {}
        }
    }

    /// Rings for a call, or says 404 for a phone that is none and 486 for one that is in use.
    fn receive(&mut self, now: Mono, call: Incoming) {
        let nth = call.to.strip_prefix('a').and_then(|nth| nth.parse().ok()).unwrap_or(0);
        let taken = match self.phones.get_mut(&nth) {
            None => Err(404),
            Some(phone) if phone.call.is_some() => Err(486),
            Some(phone) => ring(&self.audio, phone, &call),
        };
        match taken {
            Ok(()) => {
                self.legs.insert(call.leg, nth);
                self.ringing.insert((now + self.answer_after, call.leg));
                if self.answer_after > Span::ZERO {
                    note(self.port.endpoint.ring(now, call.leg));
                }
            }
            Err(status) => note(self.port.endpoint.reject(now, call.leg, status, &[])),
        }
    }

    fn answer(&mut self, now: Mono, leg: LegId) {
        let Some(call) = self.call(leg) else { return };
        let sdp = call.answer.clone().unwrap_or_else(|| call.talk.offer());
        note(self.port.endpoint.accept(now, leg, sdp));
    }

    /// Begins to speak, once, when both sides know that the call is answered.
    fn begin(&mut self, leg: LegId, answer: Option<Sdp>) {
        let tone = self.tone.clone();
        let Some(phone) = self.legs.get(&leg).and_then(|nth| self.phones.get_mut(nth)) else {
            return;
        };
        let Some(call) = phone.call.as_mut() else { return };
        if let Some(answer) = answer
            && let Err(error) = call.talk.agree(&answer)
        {
            tracing::warn!(%error, "a simulated phone cannot use an answer");
        }
        if !std::mem::replace(&mut call.up, true) {
            phone.report.calls += 1;
            call.talk.say(&tone, Speaker::Agent(phone.report.nth));
        }
    }

    fn renegotiate(&mut self, now: Mono, leg: LegId, offer: Option<&[u8]>) {
        let Some(call) = self.call(leg) else { return };
        let answer = match offer.map(|offer| call.talk.answer(offer)) {
            None => Some(call.talk.offer()),
            Some(answer) => answer.ok(),
        };
        let endpoint = &mut self.port.endpoint;
        note(match answer {
            Some(answer) => endpoint.accept(now, leg, answer),
            None => endpoint.reject(now, leg, 488, &[]),
        });
    }

    fn end(&mut self, leg: LegId) {
        let Some(phone) = self.legs.remove(&leg).and_then(|nth| self.phones.get_mut(&nth)) else {
            return;
        };
        if let Some(call) = phone.call.take() {
            phone.report.heard = call.talk.heard();
        }
    }

    fn call(&mut self, leg: LegId) -> Option<&mut Call> {
        let nth = self.legs.get(&leg)?;
        self.phones.get_mut(nth)?.call.as_mut()
    }

    /// Asks the dialer to hand over whom the phone's agent talks with; the dialer reads the
    /// number alone of what it is told.
    fn transfer(&mut self, nth: u32, to: &str) {
        let call = self.phones.get(&nth).and_then(|phone| phone.call.as_ref());
        let Some(leg) = call.map(|call| call.leg) else { return };
        let here = self.port.local_addr().into();
        let registrar = self.registrations.as_ref().map(Registrations::registrar);
        let at = registrar.map_or(here, Registrar::hop);
        self.port.endpoint.set_trunk(Trunk::new(DIALER, at));
        note(self.port.endpoint.transfer(self.port.now(), leg, DIALER, to));
    }

    fn dial_in(&mut self, nth: u32) {
        let Some(registrar) = self.registrations.as_ref().map(Registrations::registrar) else {
            return;
        };
        let Some(phone) = self.phones.get_mut(&nth).filter(|phone| phone.call.is_none()) else {
            return;
        };
        self.placed += 1;
        let leg = LegId(self.placed);
        let Ok(mut talk) = Talk::open(&self.audio, leg) else { return };
        let (user, password) = (user(nth), registrar.password.clone());
        let mut trunk = Trunk::new(DIALER, registrar.hop());
        trunk.credentials = Some(Credentials { user: user.clone(), password });
        self.port.endpoint.set_trunk(trunk);
        let target = Target::Trunk(DIALER, "cadran".to_owned());
        let call = Invite { target, from: Some(user), offer: talk.offer(), call_ref: None };
        match self.port.endpoint.invite(self.port.now(), leg, call) {
            Ok(()) => {
                phone.call = Some(Call { leg, talk, answer: None, up: false });
                self.legs.insert(leg, nth);
            }
            Err(error) => tracing::warn!(%error, "a simulated phone could not call"),
        }
    }
}

/// Gives a phone its call, or tells which status refuses it.
fn ring(audio: &Audio, phone: &mut Phone, call: &Incoming) -> Result<(), u16> {
    let mut talk = Talk::open(audio, call.leg).map_err(|_| 500_u16)?;
    let answer = match &call.offer {
        Some(offer) => Some(talk.answer(offer).map_err(|_| 488_u16)?),
        None => None,
    };
    phone.call = Some(Call { leg: call.leg, talk, answer, up: false });
    Ok(())
}

/// A command that came too late for its call changes nothing: the dialer was faster.
fn note(done: Result<(), CommandError>) {
    if let Err(error) = done {
        tracing::debug!(%error, "a simulated phone was too late");
    }
}
