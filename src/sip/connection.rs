//! One connection of the signalling: a task that cuts what comes into messages and writes what
//! goes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::socket::sleep_until;
use super::tls::{self, Client};
use super::trouble::{Obstacle, Trouble};
use crate::engine::clock::Clock;
use crate::units::{Mono, Span};
use crate::wire::sip::{Broken, Framer, Hop, Piece};

/// How long a connection may take to be open: four SYNs (RFC 6298: 1 s, doubled) and a handshake.
const OPEN_TIME: Duration = Duration::from_secs(8);
/// How long one message may take to be written: a far end that reads nothing has gone.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// How long what was sent may go without the acknowledgement of the far end's system, which has
/// died then, or cannot be reached (RFC 5482; RFC 6298 repeats it some six times meanwhile). The
/// system's own patience is a quarter of an hour; a request's is 32 s, and it may go another way.
const UNHEARD: Duration = Duration::from_secs(20);
/// How long a connection that came in may be silent before its first message.
const FIRST_WORDS: Span = Span::secs(10);
/// How long any connection may be silent: longer than a registration lasts.
const SILENCE_MAX: Span = Span::secs(3_700);
/// How often a connection that we opened is kept open: RFC 5626 §4.4.1 wants 95 to 120 s.
const PING_EVERY: Span = Span::secs(100);
/// Bytes read at once.
const READ_BYTES: usize = 8_192;

/// How a connection comes about.
pub(super) enum Begin {
    /// We open it, from this address if it is of the same family.
    Open(SocketAddr, Option<Client>),
    /// It came in.
    Accept(TcpStream, Option<Arc<ServerConfig>>),
}

/// What a connection tells.
pub(super) enum News {
    /// A message came.
    Message(Hop, u64, Vec<u8>),
    /// It is gone; why we had to give it up, or what was wrong with a far end that opened it.
    Gone(Hop, u64, Blame),
}

/// Who is to blame for a connection's end.
#[derive(Debug)]
pub(super) enum Blame {
    /// Nobody, or nobody knows.
    Nobody,
    /// A far end that opened it: for what it said, or was too slow to say.
    Guest,
    /// A far end that we opened it to, or what stands between: what it is.
    Far(Trouble),
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("it could not be opened: {0}")]
    Unopened(Trouble),
    #[error("TLS: {}", tls::trouble(.0))]
    Handshake(io::Error),
    #[error("it was not open within {} s", OPEN_TIME.as_secs())]
    Late,
    #[error("the far end took too long")]
    Slow,
    #[error("the far end was silent for longer than a registration lasts")]
    Silent,
    #[error("{0}")]
    Broken(#[from] Broken),
    #[error("{0}")]
    Failed(#[from] io::Error),
}

/// One connection.
pub(super) struct Connection {
    pub(super) hop: Hop,
    /// Tells it from an earlier one with the same far end.
    pub(super) id: u64,
    pub(super) outbox: mpsc::Receiver<Vec<u8>>,
    /// Whether the far end has yet to say something to what we opened it for, or asked last: one
    /// that closes a connection on which all is said does no harm.
    pub(super) owed: bool,
    pub(super) news: mpsc::Sender<News>,
    pub(super) clock: Clock,
}

impl Connection {
    /// Opens it, speaks until one side has enough, and tells that it is gone.
    pub(super) async fn run(mut self, begin: Begin) {
        let came_in = matches!(begin, Begin::Accept(..));
        let ended = match timeout(OPEN_TIME, open(self.hop, begin)).await {
            Err(_) if came_in => Err(End::Slow),
            Err(_) => Err(End::Late),
            Ok(Err(end)) => Err(end),
            Ok(Ok(Opened::Tcp(stream))) => self.converse(stream, came_in).await,
            Ok(Ok(Opened::Tls(stream))) => self.converse(*stream, came_in).await,
        };
        let (far, transport, unsent) = (self.hop.address, self.hop.transport, self.outbox.len());
        let blame = if !came_in {
            if self.owed { Blame::Far(trouble(self.hop, &ended)) } else { Blame::Nobody }
        } else if matches!(ended, Err(End::Slow | End::Broken(_) | End::Handshake(_))) {
            Blame::Guest
        } else {
            Blame::Nobody
        };
        match ended {
            Err(error) if !came_in => {
                tracing::info!(%far, ?transport, %error, unsent, "a connection failed");
            }
            Err(error) => tracing::debug!(%far, %error, unsent, "a connection was closed"),
            Ok(()) => tracing::debug!(%far, unsent, "a connection ended"),
        }
        // A signalling that has ended needs no news.
        drop(self.news.send(News::Gone(self.hop, self.id, blame)).await);
    }

    async fn converse(
        &mut self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        came_in: bool,
    ) -> Result<(), End> {
        let mut framer = Framer::default();
        let mut buffer = vec![0; READ_BYTES];
        let mut heard = self.clock.mono();
        let mut patience = if came_in { FIRST_WORDS } else { SILENCE_MAX };
        let mut ping = (!came_in).then(|| heard + PING_EVERY);
        loop {
            let late = earlier(Some(heard + patience), framer.deadline());
            tokio::select! {
                read = stream.read(&mut buffer) => {
                    let bytes = buffer.get(..read?).unwrap_or_default();
                    if bytes.is_empty() {
                        return Ok(());
                    }
                    let now = self.clock.mono();
                    framer.push(now, bytes);
                    let (messages, pings) = self.deliver(&mut framer).await?;
                    if messages > 0 {
                        (heard, patience) = (now, SILENCE_MAX);
                        self.owed = false;
                    }
                    for _ in 0..pings {
                        say(&mut stream, b"\r\n").await?;
                    }
                }
                message = self.outbox.recv() => {
                    let Some(message) = message else {
                        // The signalling has had enough of it.
                        stream.shutdown().await?;
                        return Ok(());
                    };
                    self.owed |= asks(&message);
                    say(&mut stream, &message).await?;
                    ping = ping.map(|_| self.clock.mono() + PING_EVERY);
                }
                () = sleep_until(self.clock, ping) => {
                    say(&mut stream, b"\r\n\r\n").await?;
                    ping = Some(self.clock.mono() + PING_EVERY);
                }
                () = sleep_until(self.clock, late) => {
                    let silent = patience == SILENCE_MAX && framer.deadline().is_none();
                    return Err(if silent { End::Silent } else { End::Slow });
                }
            }
        }
    }

    /// Hands whole messages on; gives how many there were, and how many pings.
    async fn deliver(&self, framer: &mut Framer) -> Result<(usize, usize), End> {
        let (mut messages, mut pings) = (0, 0);
        while let Some(piece) = framer.piece()? {
            match piece {
                Piece::Message(message) => {
                    messages += 1;
                    let news = News::Message(self.hop, self.id, message.to_vec());
                    self.news.send(news).await.map_err(|_| io::Error::other("stopped"))?;
                }
                Piece::Ping => pings += 1,
                Piece::Pong => {}
            }
        }
        Ok((messages, pings))
    }
}

/// Tells whether a message is one that must be answered: no response and no ACK is (RFC 3261 §17).
fn asks(message: &[u8]) -> bool {
    !message.starts_with(b"SIP/2.0 ") && !message.starts_with(b"ACK ")
}

/// Tells what became of a connection that we opened.
fn trouble(hop: Hop, ended: &Result<(), End>) -> Trouble {
    let Hop { transport, address, .. } = hop;
    match ended {
        Err(End::Unopened(trouble)) => trouble.clone(),
        Err(End::Handshake(error)) => tls::trouble(error),
        Err(End::Late) => {
            Trouble::new(Obstacle::Late, format!("{transport} {address}: {}", End::Late))
        }
        Err(end @ End::Broken(Broken::NoSip)) => {
            Trouble::new(Obstacle::NoSip, format!("{transport} {address}: {end}"))
        }
        Err(end @ (End::Slow | End::Silent | End::Broken(_) | End::Failed(_))) => {
            Trouble::new(Obstacle::Broken, format!("{transport} {address}: {end}"))
        }
        Ok(()) => Trouble::new(
            Obstacle::Broken,
            format!("{transport} {address}: the far end closed the connection"),
        ),
    }
}

enum Opened {
    Tcp(TcpStream),
    Tls(Box<tokio_rustls::TlsStream<TcpStream>>),
}

async fn open(hop: Hop, begin: Begin) -> Result<Opened, End> {
    match begin {
        Begin::Open(from, tls) => {
            let own = Obstacle::between(&[from], hop.address.ip());
            if let Some(obstacle) = own.filter(|obstacle| *obstacle == Obstacle::Loopback) {
                return Err(End::Unopened(Trouble::own(obstacle, hop.address)));
            }
            let unopened = |error: io::Error| {
                let detail = format!("{} {}: {error}", hop.transport, hop.address);
                End::Unopened(Trouble::new(Obstacle::of(&error), detail))
            };
            let stream = connect(from, hop.address).await.map_err(unopened)?;
            settle(&stream)?;
            let Some((config, name)) = tls else { return Ok(Opened::Tcp(stream)) };
            let stream = TlsConnector::from(config).connect(name, stream).await;
            Ok(Opened::Tls(Box::new(stream.map_err(End::Handshake)?.into())))
        }
        Begin::Accept(stream, tls) => {
            settle(&stream)?;
            let Some(config) = tls else { return Ok(Opened::Tcp(stream)) };
            let stream = TlsAcceptor::from(config).accept(stream).await;
            Ok(Opened::Tls(Box::new(stream.map_err(End::Handshake)?.into())))
        }
    }
}

/// Connects from the address we listen on, so that a far end that knows us by it does so here.
async fn connect(from: SocketAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if from.is_ipv4() == to.is_ipv4() && !from.ip().is_unspecified() {
        socket.bind(SocketAddr::new(from.ip(), 0))?;
    }
    socket.connect(to).await
}

/// Has every message sent at once, and a far end that died silently noticed.
fn settle(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_user_timeout(Some(UNHEARD))
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<(), End> {
    let written = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    Ok(timeout(WRITE_TIME, written).await.map_err(|_| End::Slow)??)
}

fn earlier(one: Option<Mono>, other: Option<Mono>) -> Option<Mono> {
    [one, other].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    use super::*;
    use crate::wire::sip::Transport;

    type Checked<T = ()> = Result<T, Box<dyn std::error::Error>>;

    /// What a far end is blamed for that takes a message, says something and closes.
    async fn blamed(asked: &[u8], said: &[u8]) -> Checked<Option<Obstacle>> {
        let own = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(own).await?;
        let hop = Hop { transport: Transport::Tcp, address: listener.local_addr()?, trunk: None };
        let (out, outbox) = mpsc::channel(1);
        let (news, mut told) = mpsc::channel(4);
        let connection = Connection { hop, id: 1, outbox, owed: true, news, clock: Clock::start() };
        out.send(asked.to_vec()).await?;
        let far = async {
            let (mut stream, _) = listener.accept().await?;
            stream.read_exact(&mut vec![0; asked.len()]).await?;
            stream.write_all(said).await
        };
        let (spoken, ()) = tokio::join!(far, connection.run(Begin::Open(own, None)));
        spoken?;
        while let Some(news) = told.recv().await {
            if let News::Gone(_, _, blame) = news {
                return Ok(match blame {
                    Blame::Far(trouble) => Some(trouble.obstacle),
                    Blame::Nobody | Blame::Guest => None,
                });
            }
        }
        Err("it did not end".into())
    }

    #[tokio::test]
    async fn a_far_end_that_has_answered_may_close_the_connection() -> Checked {
        let said = |first: &str| format!("{first}\r\nContent-Length: 0\r\n\r\n").into_bytes();
        let (register, bye) = (said("REGISTER sip:a SIP/2.0"), said("BYE sip:a SIP/2.0"));
        let (ok, ack) = (said("SIP/2.0 200 OK"), said("ACK sip:a SIP/2.0"));
        assert_eq!(blamed(&register, b"").await?, Some(Obstacle::Broken));
        assert_eq!(blamed(&register, &ok).await?, None);
        // Who hangs up on our ACK, or once we have answered, owes nothing either.
        assert_eq!(blamed(&[&register[..], &ack].concat(), &ok).await?, None);
        assert_eq!(blamed(&ok, &bye).await?, None);
        Ok(())
    }

    /// What the system makes of it, RFC 5482 says; that it is asked to is ours.
    #[tokio::test]
    async fn the_system_is_told_to_give_up_a_far_end_that_died_silently() -> Checked {
        let own = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(own).await?;
        let hop = Hop { transport: Transport::Tcp, address: listener.local_addr()?, trunk: None };
        let (ours, came) = tokio::join!(open(hop, Begin::Open(own, None)), listener.accept());
        let theirs = open(hop, Begin::Accept(came?.0, None)).await;
        for opened in [ours, theirs] {
            let Opened::Tcp(stream) = opened? else { return Err("no TLS was asked for".into()) };
            assert_eq!(SockRef::from(&stream).tcp_user_timeout()?, Some(Duration::from_secs(20)));
        }
        Ok(())
    }
}
