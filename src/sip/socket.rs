//! The sockets of the signalling and the endpoint that speaks through them.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::connection::Blame;
use super::strangers::Strangers;
use super::streams::{Happening, Sent, Streams};
use super::tls::Identification;
use super::trouble::{Obstacle, Trouble, Troubles};
use crate::engine::clock::Clock;
use crate::engine::tasks::Tasks;
use crate::units::{Mono, Span};
use crate::wire::sip::{Endpoint, Hop, Settings, Transport};

/// What the kernel may hold for us each way, in bytes: a burst of a second at 2,000 attempts a
/// second is about 4 MB. The kernel may grant less (`net.core.rmem_max`).
const BUFFER_BYTES: usize = 4 << 20;
/// The largest UDP datagram.
const DATAGRAM_MAX: usize = 65_535;
/// Datagrams taken in before their answers go out: small enough for prompt acknowledgements.
const BATCH_MAX: usize = 64;
/// How long a stopped endpoint waits for the answers to its last BYEs: one repetition of each
/// (RFC 3261 §17.1.2.2: T1 is 500 ms).
const LAST_WORDS: Span = Span::secs(1);

/// A further address to listen at, besides the one for datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Door {
    /// What for. Datagrams are taken at one more address, of the other family.
    pub transport: Transport,
    /// The address; port 0 lets the system choose.
    pub bind: SocketAddr,
}

/// Where a [`Port`] listens.
#[derive(Clone, Debug)]
pub(crate) struct Doors {
    /// For datagrams.
    pub(crate) bind: SocketAddr,
    /// Further ones.
    pub(crate) also: Vec<Door>,
    /// What those who come over TLS are shown.
    pub(crate) identification: Option<Identification>,
}

impl From<SocketAddr> for Doors {
    fn from(bind: SocketAddr) -> Self {
        Self { bind, also: Vec::new(), identification: None }
    }
}

/// A bound UDP socket.
#[derive(Debug)]
struct Udp {
    socket: UdpSocket,
    /// The same socket once more: what is sent need not ask the runtime whether it may.
    sender: std::net::UdpSocket,
    at: SocketAddr,
}

impl Udp {
    fn open(bind: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(bind), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_recv_buffer_size(BUFFER_BYTES)?;
        socket.set_send_buffer_size(BUFFER_BYTES)?;
        if bind.is_ipv6() {
            // IPv4 has a socket of its own.
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&bind.into())?;
        let sender = socket.try_clone()?.into();
        let socket = UdpSocket::from_std(socket.into())?;
        let at = socket.local_addr()?;
        Ok(Self { socket, sender, at })
    }
}

/// The sockets with the SIP endpoint behind them.
#[derive(Debug)]
pub(crate) struct Port {
    /// The endpoint; after every call into it, [`Port::flush`].
    pub(crate) endpoint: Endpoint,
    /// One or two: of each family at most one.
    datagrams: Vec<Udp>,
    streams: Streams,
    strangers: Strangers,
    troubles: Troubles,
    clock: Clock,
    datagram: Box<[u8]>,
    unsent: u64,
}

impl Port {
    /// Binds the sockets on the running runtime and makes the endpoint for the addresses they
    /// got.
    pub(crate) fn open(
        doors: impl Into<Doors>,
        clock: Clock,
        tasks: &Tasks,
        settings: impl FnOnce(SocketAddr, Vec<(Transport, SocketAddr)>) -> Settings,
    ) -> io::Result<Self> {
        let Doors { bind, also, identification } = doors.into();
        let first = Udp::open(bind)?;
        let (at, mut datagrams, mut others) = (first.at, vec![first], Vec::new());
        let streams = Streams::new(tasks.clone(), clock, at);
        for Door { transport, bind } in also {
            let own = identification.as_ref().filter(|_| transport == Transport::Tls);
            let tls = own.map(Identification::server).transpose().map_err(io::Error::other)?;
            let got = match transport {
                Transport::Udp if bind.is_ipv4() == at.is_ipv4() || datagrams.len() > 1 => {
                    return Err(io::Error::other("one address of each family takes datagrams"));
                }
                Transport::Udp => {
                    let second = Udp::open(bind)?;
                    let at = second.at;
                    datagrams.push(second);
                    at
                }
                Transport::Tls if tls.is_none() => {
                    return Err(io::Error::other("TLS needs a certificate and its key"));
                }
                Transport::Tcp | Transport::Tls => streams.listen(bind, tls)?,
            };
            others.push((transport, got));
        }
        Ok(Self {
            endpoint: Endpoint::new(settings(at, others)),
            datagrams,
            streams,
            strangers: Strangers::default(),
            troubles: Troubles::default(),
            clock,
            datagram: vec![0; DATAGRAM_MAX].into_boxed_slice(),
            unsent: 0,
        })
    }

    /// Gives the address datagrams are taken at.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.main().at
    }

    fn main(&self) -> &Udp {
        self.datagrams.first().expect("a port opens with a socket")
    }

    /// Counts the messages that could not be sent.
    pub(crate) const fn unsent(&self) -> u64 {
        self.unsent
    }

    /// Gives the connections.
    pub(crate) const fn streams(&mut self) -> &mut Streams {
        &mut self.streams
    }

    /// Gives the clock the endpoint lives by.
    pub(crate) const fn clock(&self) -> Clock {
        self.clock
    }

    /// Reads the clock.
    pub(crate) fn now(&self) -> Mono {
        self.clock.mono()
    }

    /// Waits for the network or for the endpoint's next timer, and lets the endpoint deal with
    /// it. Nothing is lost when this is dropped while it waits.
    pub(crate) async fn turn(&mut self) -> io::Result<()> {
        self.turn_beside(|_, _| false).await
    }

    /// Does what [`Port::turn`] does, but first shows every datagram to somebody beside the
    /// endpoint, who may take it.
    pub(crate) async fn turn_beside(
        &mut self,
        taken: impl FnMut(Mono, &[u8]) -> bool,
    ) -> io::Result<()> {
        if self.endpoint.next_timeout().is_some_and(|due| due <= self.now()) {
            self.endpoint.handle_timeout(self.now());
        } else {
            let mut taken = taken;
            let happening = tokio::select! {
                ready = readable(&self.datagrams) => ready.map(|()| None)?,
                happening = self.streams.next(|ip| self.endpoint.is_met(ip)) => Some(happening),
                () = sleep_until(self.clock, self.endpoint.next_timeout()) => None,
            };
            self.attend(happening, &mut taken);
            self.read(&mut taken);
            self.strangers.warn(&self.endpoint.counters());
            let now = self.now();
            if self.endpoint.next_timeout().is_some_and(|due| due <= now) {
                self.endpoint.handle_timeout(now);
            }
        }
        self.flush();
        Ok(())
    }

    /// Lets the last BYEs, CANCELs and REGISTERs be answered, for a moment, and refuses whoever
    /// rings. Events are dropped.
    pub(crate) async fn linger(&mut self) {
        let (clock, end) = (self.clock, Some(self.now() + LAST_WORDS));
        self.refuse_ringing();
        while self.endpoint.unfinished() > 0 {
            let turned = tokio::select! {
                turned = self.turn() => turned.is_ok(),
                () = sleep_until(clock, end) => false,
            };
            while self.endpoint.poll_event().is_some() {}
            self.refuse_ringing();
            if !turned {
                return;
            }
        }
    }

    fn refuse_ringing(&mut self) {
        self.endpoint.refuse_ringing(self.now());
        self.flush();
    }

    /// Takes in what the sockets hold, up to a batch.
    fn read(&mut self, taken: &mut impl FnMut(Mono, &[u8]) -> bool) {
        let now = self.now();
        for udp in &self.datagrams {
            for _ in 0..BATCH_MAX {
                match udp.socket.try_recv_from(&mut self.datagram) {
                    Ok((length, from)) => {
                        let datagram = self.datagram.get(..length).unwrap_or_default();
                        if !taken(now, datagram) && !self.endpoint.receive(now, from, datagram) {
                            self.strangers.note(now, from.ip());
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => tracing::debug!(%error, "a datagram could not be read"),
                }
            }
        }
    }

    /// Takes in what happened at the connections, up to a batch. A stranger's is closed.
    fn attend(
        &mut self,
        mut happening: Option<Happening>,
        taken: &mut impl FnMut(Mono, &[u8]) -> bool,
    ) {
        let now = self.now();
        for _ in 0..BATCH_MAX {
            match happening {
                Some(Happening::Message(hop, message)) => {
                    if !taken(now, &message) && !self.endpoint.receive(now, hop, &message) {
                        self.strangers.note(now, hop.ip());
                        self.streams.close(hop);
                    }
                }
                Some(Happening::Gone(hop, blame)) => {
                    match blame {
                        Blame::Guest => self.strangers.note(now, hop.ip()),
                        Blame::Far(trouble) => self.troubles.note(hop, trouble),
                        Blame::Nobody => {}
                    }
                    self.endpoint.disconnected(now, hop);
                }
                Some(Happening::Nothing) => {}
                None => return,
            }
            happening = self.streams.ready();
        }
    }

    /// Sends what the endpoint has to say. A datagram the system refuses is counted and left to
    /// SIP's own repetitions.
    pub(crate) fn flush(&mut self) {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            self.transmit(transmit.to, &transmit.bytes);
            self.endpoint.recycle(transmit.bytes);
        }
    }

    /// Sends one message; notes what keeps it from its far end.
    pub(crate) fn transmit(&mut self, to: Hop, message: &[u8]) {
        self.troubles.forget(to);
        let now = self.clock.mono();
        if !to.transport.is_reliable() {
            let Err(trouble) = self.send(message, to.address) else { return };
            let stays = trouble.obstacle.stays();
            self.troubles.note(to, trouble);
            if stays {
                self.endpoint.unreachable(now, to);
            }
            return;
        }
        match self.streams.send(to, message) {
            Sent::Away => {}
            Sent::NoRoom => {
                self.unsent += 1;
                self.endpoint.unsent(now, message);
            }
            Sent::Nowhere => {
                self.unsent += 1;
                let why = format!("{} {}: no connection is free", to.transport, to.address);
                self.troubles.note(to, Trouble::new(Obstacle::Broken, why));
                self.endpoint.disconnected(now, to);
            }
        }
    }

    /// Tells what kept the latest message to a hop from it.
    pub(super) fn trouble(&self, hop: Hop) -> Option<&Trouble> {
        self.troubles.of(hop)
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// What keeps it from its far end. Who has no room for it now is no such thing: it is counted.
    pub(crate) fn send(&mut self, datagram: &[u8], to: SocketAddr) -> Result<(), Trouble> {
        let fits = |udp: &&Udp| udp.at.is_ipv4() == to.is_ipv4();
        let udp = self.datagrams.iter().find(fits);
        let own = udp.map(|udp| udp.at);
        if let (Some(udp), None) = (udp, Obstacle::between(own.as_slice(), to.ip())) {
            let Err(error) = udp.sender.send_to(datagram, to) else { return Ok(()) };
            self.unsent += 1;
            tracing::debug!(%error, "a datagram was not sent");
            let stands = Obstacle::of(&error) == Obstacle::NoRoute;
            let trouble = || Trouble::new(Obstacle::NoRoute, format!("UDP {to}: {error}"));
            return if stands { Err(trouble()) } else { Ok(()) };
        }
        self.unsent += 1;
        let obstacle = Obstacle::between(own.as_slice(), to.ip()).unwrap_or(Obstacle::Family);
        Err(Trouble::own(obstacle, to))
    }
}

/// Waits until one of the sockets holds something.
async fn readable(datagrams: &[Udp]) -> io::Result<()> {
    match datagrams {
        [first, second, ..] => tokio::select! {
            ready = first.socket.readable() => ready,
            ready = second.socket.readable() => ready,
        },
        [first] => first.socket.readable().await,
        [] => std::future::pending().await,
    }
}

/// Waits until a moment; for ever if there is none.
pub(crate) async fn sleep_until(clock: Clock, moment: Option<Mono>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(clock.instant(moment)).await,
        None => std::future::pending().await,
    }
}
