//! Scanners, forgers, floods and guessers, over real sockets: a call in progress goes on unharmed,
//! and what they sent is dropped and counted.

mod audio;
mod flood;
mod guesses;

use std::net::{Ipv4Addr, SocketAddr};

use cadran::carrier::{self, CarrierHandle, Cast, Outcome, Party};
use cadran::sip::{Command, Event};
use cadran::units::LegId;
use cadran::wire::sdp;
use tokio::net::UdpSocket;

use crate::carrier::{Checked, Dialer, PATIENCE, World, quiet_trunk, reports};

/// A number that the virtual carrier answers and does not hang up by itself for long.
const TALKS: &str = "+33199000004";

/// A call that is up over the virtual carrier, both sides speaking.
struct Scene {
    world: World,
    carrier: CarrierHandle,
    dialer: Dialer,
    leg: LegId,
    callee: SocketAddr,
}

impl Scene {
    async fn new() -> Checked<Self> {
        let world = World::new();
        let carrier = world.carrier(Cast::ByLastDigit, carrier::Settings::default()).await?;
        let mut dialer = world.dialer_towards(carrier.addr()).await?;
        let leg = dialer.dial(TALKS)?;
        let callee = sdp::accept_answer(&dialer.answered(leg).await?)?.rtp;
        Ok(Self { world, carrier, dialer, leg, callee })
    }

    /// Shows that the call is still up: its callee still speaks, a second call goes as if nothing
    /// had been, and hanging up ends what the carrier, too, takes for an answered call.
    async fn end(mut self) -> Checked {
        self.dialer.is_heard(self.callee).await?;
        let second = self.dialer.dial(TALKS)?;
        self.dialer.answered(second).await?;
        for leg in [second, self.leg] {
            self.dialer.sip.send(Command::HangUp(leg))?;
            assert_eq!(self.dialer.end(leg).await?, Event::Gone(leg));
        }
        for call in reports(&self.carrier, 2).await? {
            assert_eq!((call.outcome, call.ended_by), (Outcome::Answered, Party::Caller));
        }
        drop(self.world);
        Ok(())
    }
}

/// Somebody at an address that is no trunk and no phone.
async fn foe(host: u8) -> Checked<UdpSocket> {
    Ok(UdpSocket::bind((Ipv4Addr::new(127, 66, 6, host), 0)).await?)
}

/// Gives what came to a socket so far: datagrams the engine has sent are there at once.
fn came(socket: &UdpSocket) -> Vec<String> {
    let mut buffer = vec![0; 65_535];
    let mut came = Vec::new();
    while let Ok(length) = socket.try_recv(&mut buffer) {
        came.push(String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned());
    }
    came
}

/// A probe as SIPVicious sends it: another extension each time.
fn probe(method: &str, from: SocketAddr, to: SocketAddr, extension: u32) -> String {
    format!(
        "{method} sip:{extension}@{to} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {from};branch=z9hG4bK-{extension};rport\r\nMax-Forwards: 70\r\n\
         From: \"sipvicious\"<sip:{extension}@1.1.1.1>;tag={extension}\r\n\
         To: \"sipvicious\"<sip:{extension}@1.1.1.1>\r\nCall-ID: {extension}\r\n\
         CSeq: 1 {method}\r\nContact: <sip:{extension}@{from}>\r\n\
         User-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n"
    )
}

#[tokio::test]
async fn a_scan_of_extensions_is_told_nothing() -> Checked {
    let scene = Scene::new().await?;
    let to = scene.dialer.sip.local_addr();
    let (one, other) = (foe(1).await?, foe(2).await?);
    for extension in 100..400 {
        for (foe, method) in [(&one, "OPTIONS"), (&one, "INVITE"), (&other, "REGISTER")] {
            let probe = probe(method, foe.local_addr()?, to, extension);
            foe.send_to(probe.as_bytes(), to).await?;
        }
    }
    let figures = scene.dialer.counted(|it| it.counters.strangers >= 600).await?;
    // 400 of an address are read at once, and on a slow machine some more meanwhile.
    assert!((100..=200).contains(&figures.counters.unread), "{:?}", figures.counters);
    assert_eq!(came(&one), Vec::<String>::new(), "nobody is told that anybody is here");
    scene.dialer.counted(|it| it.counters.refused >= 300).await?;
    let challenges = came(&other);
    // As many as the kernel kept for it.
    assert!(challenges.len() > 50, "{}", challenges.len());
    for challenge in challenges {
        assert!(challenge.starts_with("SIP/2.0 401 "), "whatever the extension: {challenge}");
    }
    scene.end().await
}

#[tokio::test]
async fn datagrams_of_every_size_change_nothing() -> Checked {
    let scene = Scene::new().await?;
    let to = scene.dialer.sip.local_addr();
    let carriers = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let stranger = foe(3).await?;
    let before = scene.dialer.sip.figures().await?.counters;
    // 65,507 bytes are the most that IPv4 leaves a datagram of UDP.
    let sizes = [0, 1, 2, 3, 7, 100, 1_500, 9_000, 65_507];
    let probe = probe("OPTIONS", stranger.local_addr()?, to, 1);
    for socket in [&carriers, &stranger] {
        for size in sizes {
            let mut datagram = probe.clone().into_bytes();
            datagram.resize(size, b'\r');
            for datagram in [datagram, vec![0; size], vec![b'a'; size]] {
                socket.send_to(&datagram, to).await?;
            }
        }
    }
    let sent = 2 * 3 * u64::try_from(sizes.len())?;
    let figures = scene.dialer.counted(|it| it.counters.received >= before.received + sent).await?;
    assert!(figures.counters.garbage >= 30, "{:?}", figures.counters);
    assert_eq!(figures.legs, 1);
    scene.end().await
}

/// A carrier played by the test, with the call it was sent.
struct Played {
    _world: World,
    socket: UdpSocket,
    dialer: Dialer,
    engine: SocketAddr,
    leg: LegId,
    invite: String,
}

const ANSWER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                      m=audio 9 RTP/AVP 8\r\n";

impl Played {
    async fn new() -> Checked<Self> {
        let world = World::new();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let trunk = quiet_trunk(socket.local_addr()?);
        let mut dialer = world.dialer(vec![trunk], Vec::new()).await?;
        let (leg, engine) = (dialer.dial(TALKS)?, dialer.sip.local_addr());
        let mut played = Self { _world: world, socket, dialer, engine, leg, invite: String::new() };
        played.invite = played.hears("INVITE ").await?;
        Ok(played)
    }

    /// Waits for a message that begins so.
    async fn hears(&self, begins: &str) -> Checked<String> {
        let mut buffer = vec![0; 65_535];
        loop {
            let received = self.socket.recv(&mut buffer);
            let length = tokio::time::timeout(PATIENCE, received).await??;
            let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
            if text.starts_with(begins) {
                return Ok(text.into_owned());
            }
        }
    }

    fn field(&self, name: &str) -> &str {
        let line = self.invite.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_default()
    }

    fn answer(&self, status: &str, tag: &str, contact: SocketAddr) -> String {
        let fields = ["Via", "From", "Call-ID", "CSeq"].map(|name| {
            let value = self.field(name);
            format!("{name}: {value}\r\n")
        });
        format!(
            "SIP/2.0 {status}\r\n{}To: {};tag={tag}\r\nContact: <sip:x@{contact}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{ANSWER}",
            fields.concat(),
            self.field("To"),
            ANSWER.len(),
        )
    }

    /// Writes a request as the callee would inside the call.
    fn inside(&self, method: &str, cseq: u32, from: SocketAddr) -> String {
        format!(
            "{method} sip:cadran@{} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{method}{cseq}\
             \r\nMax-Forwards: 70\r\nFrom: {};tag=callee\r\nTo: {}\r\nCall-ID: {}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:x@{from}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{ANSWER}",
            self.engine,
            self.field("To"),
            self.field("From"),
            self.field("Call-ID"),
            ANSWER.len(),
        )
    }

    /// Lets somebody send a message to the engine.
    async fn says(&self, who: &UdpSocket, text: &str) -> Checked {
        who.send_to(text.as_bytes(), self.engine).await?;
        Ok(())
    }
}

#[tokio::test]
async fn forged_answers_neither_answer_end_nor_divert_a_call() -> Checked {
    let mut played = Played::new().await?;
    let foe = foe(4).await?;
    let (at, home) = (foe.local_addr()?, played.socket.local_addr()?);
    let branch = played.field("Via").split_once("branch=").ok_or("a branch")?.1.to_owned();
    let branch = branch.split(';').next().unwrap_or_default();
    let tag = played.field("From").split_once("tag=").ok_or("a tag")?.1.to_owned();
    let statuses = ["180 Ringing", "200 OK", "302 Moved", "403 No", "486 Busy", "503 No"];
    for status in statuses {
        let whole = played.answer(status, "thief", at);
        // Seen on the way, but sent from elsewhere; then with the carrier's address, but blind.
        played.says(&foe, &whole).await?;
        for (true_name, guess) in [(branch, "z9hG4bK0-1"), (&tag, "0-1")] {
            played.says(&played.socket, &whole.replace(true_name, guess)).await?;
        }
    }
    let figures = played.dialer.counted(|it| it.counters.received >= 18).await?;
    assert_eq!((figures.counters.forged, figures.counters.strangers), (12, 6));
    assert_eq!((figures.counters.stray_responses, figures.legs), (6, 1));
    // The INVITE may have been repeated. Of the blind answers the 200 may be that of a call we have
    // forgotten, which is ended where the carrier is: ours it does not touch, nor goes to the foe.
    let touches = |text: &String| !text.starts_with("INVITE ") && !text.contains(";tag=thief");
    assert_eq!(came(&played.socket).into_iter().find(touches), None);
    assert_eq!(came(&foe), Vec::<String>::new());
    let answer = played.answer("200 OK", "callee", home);
    played.says(&played.socket, &answer).await?;
    let leg = played.leg;
    let first = played.dialer.until(|event| (!matches!(event, Event::Trunk(..))).then_some(event));
    assert_eq!(first.await?, Event::Answered(leg, ANSWER.into()));
    while !played.hears("ACK ").await?.contains(";tag=callee") {}
    Ok(())
}

#[tokio::test]
async fn forged_requests_neither_end_nor_change_a_call() -> Checked {
    let mut played = Played::new().await?;
    let foe = foe(5).await?;
    let (at, home) = (foe.local_addr()?, played.socket.local_addr()?);
    let answer = played.answer("200 OK", "callee", home);
    played.says(&played.socket, &answer).await?;
    played.dialer.dialog(played.leg).await?;
    played.hears("ACK ").await?;
    let methods = ["BYE", "CANCEL", "INVITE", "UPDATE", "INFO", "REFER"];
    for (cseq, method) in (1..).zip(methods) {
        played.says(&foe, &played.inside(method, cseq, at)).await?;
        // The carrier's own name in Via makes no difference.
        played.says(&foe, &played.inside(method, cseq + 100, home)).await?;
    }
    let figures = played.dialer.counted(|it| it.counters.strangers >= 12).await?;
    assert_eq!((figures.counters.forged, figures.legs), (12, 1));
    assert_eq!(came(&foe), Vec::<String>::new());
    assert_eq!(came(&played.socket), Vec::<String>::new());
    played.says(&played.socket, &played.inside("BYE", 1, home)).await?;
    played.hears("SIP/2.0 200 ").await?;
    let leg = played.leg;
    let next = played.dialer.next().await?;
    assert_eq!(next, Event::Ended { leg, bye: true }, "the first word since the answer");
    Ok(())
}
