//! One UDP socket and the endpoint that speaks through it.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use crate::engine::clock::Clock;
use crate::units::{Mono, Span};
use crate::wire::sip::{Endpoint, Settings};

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

/// A bound UDP socket with the SIP endpoint behind it.
#[derive(Debug)]
pub(crate) struct Port {
    /// The endpoint; after every call into it, [`Port::flush`].
    pub(crate) endpoint: Endpoint,
    socket: UdpSocket,
    /// The same socket once more: what is sent need not ask the runtime whether it may.
    sender: std::net::UdpSocket,
    clock: Clock,
    datagram: Box<[u8]>,
    unsent: u64,
}

impl Port {
    /// Binds a socket on the running runtime and makes the endpoint for the address it got.
    pub(crate) fn open(
        bind: SocketAddr,
        clock: Clock,
        settings: impl FnOnce(SocketAddr) -> Settings,
    ) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(bind), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_recv_buffer_size(BUFFER_BYTES)?;
        socket.set_send_buffer_size(BUFFER_BYTES)?;
        socket.set_nonblocking(true)?;
        socket.bind(&bind.into())?;
        let sender = socket.try_clone()?.into();
        let socket = UdpSocket::from_std(socket.into())?;
        let endpoint = Endpoint::new(settings(socket.local_addr()?));
        let datagram = vec![0; DATAGRAM_MAX].into_boxed_slice();
        Ok(Self { endpoint, socket, sender, clock, datagram, unsent: 0 })
    }

    /// Gives the address the socket is bound to.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Counts the datagrams the system refused to send.
    pub(crate) const fn unsent(&self) -> u64 {
        self.unsent
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
            tokio::select! {
                ready = self.socket.readable() => ready?,
                () = sleep_until(self.clock, self.endpoint.next_timeout()) => {}
            }
            self.read(taken);
            let now = self.now();
            if self.endpoint.next_timeout().is_some_and(|due| due <= now) {
                self.endpoint.handle_timeout(now);
            }
        }
        self.flush();
        Ok(())
    }

    /// Lets the last BYEs and CANCELs be answered, for a moment. Events are dropped.
    pub(crate) async fn linger(&mut self) {
        let (clock, end) = (self.clock, Some(self.now() + LAST_WORDS));
        self.flush();
        while self.endpoint.legs() > 0 {
            let turned = tokio::select! {
                turned = self.turn() => turned.is_ok(),
                () = sleep_until(clock, end) => false,
            };
            while self.endpoint.poll_event().is_some() {}
            if !turned {
                return;
            }
        }
    }

    /// Takes in what the socket holds, up to a batch.
    fn read(&mut self, mut taken: impl FnMut(Mono, &[u8]) -> bool) {
        let now = self.now();
        for _ in 0..BATCH_MAX {
            match self.socket.try_recv_from(&mut self.datagram) {
                Ok((length, from)) => {
                    let datagram = self.datagram.get(..length).unwrap_or_default();
                    if !taken(now, datagram) {
                        self.endpoint.receive(now, from, datagram);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => tracing::debug!(%error, "a datagram could not be read"),
            }
        }
    }

    /// Sends what the endpoint has to say. A datagram the system refuses is counted and left to
    /// SIP's own repetitions.
    pub(crate) fn flush(&mut self) {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            if transmit.to.transport.is_reliable() {
                self.endpoint.disconnected(self.clock.mono(), transmit.to);
            } else {
                self.send(&transmit.bytes, transmit.to.address);
            }
            self.endpoint.recycle(transmit.bytes);
        }
    }

    /// Sends one datagram.
    pub(crate) fn send(&mut self, datagram: &[u8], to: SocketAddr) {
        if let Err(error) = self.sender.send_to(datagram, to) {
            self.unsent += 1;
            tracing::debug!(%error, "a datagram was not sent");
        }
    }
}

/// Waits until a moment; for ever if there is none.
pub(crate) async fn sleep_until(clock: Clock, moment: Option<Mono>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(clock.instant(moment)).await,
        None => std::future::pending().await,
    }
}
