//! Every connection of the signalling: who has one, who may have one more, and what they told.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::connection::{Begin, Blame, Connection, News};
use super::tls::Client;
use crate::engine::clock::Clock;
use crate::engine::tasks::Tasks;
use crate::units::TrunkId;
use crate::wire::sip::{Hop, Sources, Transport};

/// Connections that others opened: a floor of 1,000 phones and as much again.
const THEIRS_MAX: usize = 2_048;
/// Connections that we opened: some to each server of each trunk.
const OURS_MAX: usize = 512;
/// Connections from one address: 400 phones behind one NAT.
const THEIRS_PER_ADDRESS_MAX: usize = 400;
/// Messages that may wait for one connection: what a trunk's calls say in the second in which it
/// opens. One more is not sent, and the others are not lost with it.
const OUTBOX_MAX: usize = 256;
/// Messages that may wait for the signalling; their connections then wait too.
const NEWS_MAX: usize = 1_024;
/// Connections that may wait to be taken in.
const DOOR_MAX: usize = 64;

/// A connection there is.
struct Held {
    id: u64,
    outbox: mpsc::Sender<Vec<u8>>,
    /// Whether the far end opened it.
    theirs: bool,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It is on its way, or fails with its connection.
    Away,
    /// Too many wait for the connection; they go on.
    NoRoom,
    /// There is no connection, and none can be opened.
    Nowhere,
}

/// A stream that came in at a listener.
struct Guest {
    stream: TcpStream,
    from: SocketAddr,
    transport: Transport,
    tls: Option<Arc<ServerConfig>>,
}

/// What happened at the connections.
#[derive(Debug)]
pub(super) enum Happening {
    /// A message came from a hop.
    Message(Hop, Vec<u8>),
    /// A connection has ended, and who is to blame.
    Gone(Hop, Blame),
    /// Nothing the signalling need know.
    Nothing,
}

/// See the module.
pub(crate) struct Streams {
    tasks: Tasks,
    clock: Clock,
    /// The address connections of ours come from.
    from: SocketAddr,
    held: BTreeMap<Hop, Held>,
    /// How many of them others opened.
    theirs: usize,
    per_address: BTreeMap<IpAddr, usize>,
    /// How often peers have connected: some do for each request.
    peers: Sources,
    /// How often everybody else has.
    guests: Sources,
    count: u64,
    news: (mpsc::Sender<News>, mpsc::Receiver<News>),
    door: (mpsc::Sender<Guest>, mpsc::Receiver<Guest>),
    trusted: BTreeMap<TrunkId, Client>,
    refused: u64,
    foul: u64,
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").field("held", &self.held.len()).finish_non_exhaustive()
    }
}

impl Streams {
    pub(super) fn new(tasks: Tasks, clock: Clock, from: SocketAddr) -> Self {
        Self {
            tasks,
            clock,
            from,
            held: BTreeMap::new(),
            theirs: 0,
            per_address: BTreeMap::new(),
            peers: Sources::of_peers(),
            guests: Sources::of_guests(),
            count: 0,
            news: mpsc::channel(NEWS_MAX),
            door: mpsc::channel(DOOR_MAX),
            trusted: BTreeMap::new(),
            refused: 0,
            foul: 0,
        }
    }

    /// Listens for connections, over TLS with a configuration; gives the address.
    pub(super) fn listen(
        &self,
        at: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<SocketAddr> {
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(at),
            socket2::Type::STREAM,
            Some(socket2::Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        if at.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&at.into())?;
        // As many as may wait to be taken in.
        socket.listen(DOOR_MAX.try_into().unwrap_or(i32::MAX))?;
        let listener = TcpListener::from_std(socket.into())?;
        let at = listener.local_addr()?;
        self.tasks.spawn(welcome(listener, tls, self.door.0.clone()));
        Ok(at)
    }

    /// Makes known how a trunk is met over TLS.
    pub(crate) fn trust(&mut self, trunk: TrunkId, tls: Option<Client>) {
        match tls {
            Some(tls) => drop(self.trusted.insert(trunk, tls)),
            None => drop(self.trusted.remove(&trunk)),
        }
    }

    /// Counts the connections there are.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Counts the connections that were not taken in.
    pub(super) const fn refused(&self) -> u64 {
        self.refused
    }

    /// Counts the connections that were closed for what came, or did not come, by them.
    pub(super) const fn foul(&self) -> u64 {
        self.foul
    }

    /// Sends a message on the connection to a hop, or opens one.
    pub(super) fn send(&mut self, hop: Hop, message: &[u8]) -> Sent {
        if !self.held.contains_key(&hop) {
            let tls = hop.trunk.and_then(|trunk| self.trusted.get(&trunk)).cloned();
            if tls.is_none() && hop.transport == Transport::Tls || self.ours() >= OURS_MAX {
                return Sent::Nowhere;
            }
            self.begin(hop, Begin::Open(self.from, tls));
        }
        match self.held.get(&hop).map(|held| held.outbox.try_send(message.to_vec())) {
            // News of a connection that has just ended is on its way, and why it did: this message
            // fails with it.
            Some(Ok(()) | Err(TrySendError::Closed(_))) => Sent::Away,
            Some(Err(TrySendError::Full(_))) => Sent::NoRoom,
            None => Sent::Nowhere,
        }
    }

    /// Ends a connection, after what waits for it.
    pub(super) fn close(&mut self, hop: Hop) {
        if self.held.remove(&hop).is_some_and(|held| held.theirs) {
            self.theirs -= 1;
            if let Some(count) = self.per_address.get_mut(&hop.ip()) {
                *count -= 1;
                if *count == 0 {
                    self.per_address.remove(&hop.ip());
                }
            }
        }
    }

    /// Waits until something happens; is told whose addresses are peers'. Nothing is lost when this
    /// is dropped while it waits.
    pub(super) async fn next(&mut self, is_peer: impl Fn(IpAddr) -> bool) -> Happening {
        let news = tokio::select! {
            // What is under way goes before what begins.
            biased;
            news = self.news.1.recv() => news,
            guest = self.door.1.recv() => {
                if let Some(guest) = guest {
                    let known = is_peer(guest.from.ip());
                    self.take_in(guest, known);
                }
                return Happening::Nothing;
            }
        };
        self.told(news.expect("this holds a sender itself"))
    }

    /// Gives what has happened already; `None` if nothing has.
    pub(super) fn ready(&mut self) -> Option<Happening> {
        let news = self.news.1.try_recv().ok()?;
        Some(self.told(news))
    }

    fn told(&mut self, news: News) -> Happening {
        match news {
            News::Message(hop, id, message) if self.is_held(hop, id) => {
                Happening::Message(hop, message)
            }
            News::Gone(hop, id, blame) if self.is_held(hop, id) => {
                self.close(hop);
                self.foul += u64::from(matches!(blame, Blame::Guest));
                Happening::Gone(hop, blame)
            }
            News::Message(..) | News::Gone(..) => Happening::Nothing,
        }
    }

    fn is_held(&self, hop: Hop, id: u64) -> bool {
        self.held.get(&hop).is_some_and(|held| held.id == id)
    }

    /// Counts the connections that we opened.
    fn ours(&self) -> usize {
        self.held.len() - self.theirs
    }

    fn take_in(&mut self, guest: Guest, known: bool) {
        let Guest { stream, from, transport, tls } = guest;
        let (now, ip) = (self.clock.mono(), from.ip());
        let there = self.per_address.get(&ip).copied().unwrap_or_default();
        let is_full = self.theirs >= THEIRS_MAX || there >= THEIRS_PER_ADDRESS_MAX;
        let often = if known { &mut self.peers } else { &mut self.guests };
        if is_full || !often.have_room(now, ip) {
            self.refused += 1;
            return;
        }
        often.charge(now, ip);
        let hop = Hop { transport, address: from, trunk: None };
        // The system gives a port again only when its connection has ended.
        self.close(hop);
        self.begin(hop, Begin::Accept(stream, tls));
    }

    fn begin(&mut self, hop: Hop, begin: Begin) {
        let (outbox, waiting) = mpsc::channel(OUTBOX_MAX);
        self.count += 1;
        let theirs = matches!(begin, Begin::Accept(..));
        if theirs {
            self.theirs += 1;
            *self.per_address.entry(hop.ip()).or_default() += 1;
        }
        self.held.insert(hop, Held { id: self.count, outbox, theirs });
        let (news, clock) = (self.news.0.clone(), self.clock);
        let connection =
            Connection { hop, id: self.count, outbox: waiting, owed: true, news, clock };
        self.tasks.spawn(connection.run(begin));
    }
}

/// Takes connections from a listener to the door until nobody stands there any more.
async fn welcome(listener: TcpListener, tls: Option<Arc<ServerConfig>>, door: mpsc::Sender<Guest>) {
    let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = door.closed() => return,
        };
        match accepted {
            Ok((stream, from)) => {
                let guest = Guest { stream, from, transport, tls: tls.clone() };
                if door.send(guest).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                // Out of file descriptors, most likely: some time lets others end.
                tracing::warn!(%error, "a connection could not be taken in");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn a_message_too_many_leaves_the_connection_to_those_before_it() -> io::Result<()> {
        let own = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(own).await?;
        let hop = Hop { transport: Transport::Tcp, address: listener.local_addr()?, trunk: None };
        let mut streams = Streams::new(Tasks::new(), Clock::start(), own);
        // Nothing else runs until this waits: the connection is not open yet.
        for _ in 0..OUTBOX_MAX {
            assert_eq!(streams.send(hop, b"ACK\r\n"), Sent::Away);
        }
        assert_eq!(streams.send(hop, b"ACK\r\n"), Sent::NoRoom);
        assert_eq!(streams.len(), 1, "it is kept");
        let (mut stream, _) = listener.accept().await?;
        let mut told = vec![0; OUTBOX_MAX * b"ACK\r\n".len()];
        stream.read_exact(&mut told).await?;
        assert_eq!(streams.send(hop, b"ACK\r\n"), Sent::Away, "there is room again");
        Ok(())
    }
}
