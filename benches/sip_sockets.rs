//! What an attempt costs with its sockets: the SIP shell against a callee that is always busy.
//!
//! `cargo bench --bench sip_sockets` prints one JSON line a transport and rate: attempts, failures,
//! repetitions, the shell's CPU per attempt (user and system time of its own thread, kernel's share
//! of the sockets included) and the slowest answer; then a line a transport for the first attempt
//! of an engine, which opens the connection. The callee is the simplest that can be, on a thread
//! of its own, so that two cores are enough.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
use cadran::sip::{self, Command, Event, SipError, SipHandle, Tls, Transport, Trunk, Trust};
use cadran::units::{LegId, Mono, NotE164, Number, TrunkId};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const TRUNK: TrunkId = TrunkId(1);
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 20000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";
/// Attempts a second that are tried, each for [`SECONDS`].
const RATES: [u64; 4] = [500, 2_000, 4_000, 8_000];
const SECONDS: u64 = 5;
/// Engines whose first attempt is measured.
const FIRSTS: u32 = 100;
/// The length of one step of the sender.
const TICK: Duration = Duration::from_millis(5);
/// The name the callee's certificate bears.
const NAME: &str = "callee.test";
/// Where the callee's certificate is left for the shell to trust.
const CERTIFICATE: &str = "callee.crt";
/// The largest piece of a stream that is read at once, and the largest datagram.
const PIECE: usize = 16_384;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let callees = [
        (Transport::Udp, datagrams()?),
        (Transport::Tcp, streams(None)?),
        (Transport::Tls, streams(Some(identified(folder.path())?))?),
    ];
    // One thread runs the shell and nothing else but the counting of its events.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for (transport, callee) in callees {
        let trunk = trunk(transport, callee, folder.path());
        for rate in RATES {
            let run = runtime.block_on(attempts(trunk.clone(), rate, rate * SECONDS))?;
            print(&format!("{{\"transport\":\"{transport:?}\",\"rate\":{rate},{}}}", run.told()));
        }
    }
    for (transport, callee) in callees {
        let trunk = trunk(transport, callee, folder.path());
        let mut spent = 0.0;
        for _ in 0..FIRSTS {
            spent += runtime.block_on(attempts(trunk.clone(), 1_000, 1))?.cpu_us_per_attempt;
        }
        let mean = spent / f64::from(FIRSTS);
        print(&format!("{{\"transport\":\"{transport:?}\",\"first_cpu_us\":{mean:.1}}}"));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn print(line: &str) {
    println!("{line}");
}

fn trunk(transport: Transport, callee: SocketAddr, folder: &Path) -> Trunk {
    let trust = Trust::File(folder.join(CERTIFICATE));
    let tls = Tls { name: NAME.to_owned(), trust, identification: None };
    let tls = (transport == Transport::Tls).then_some(tls);
    Trunk { transport, tls, options_every: None, ..Trunk::new(TRUNK, callee.to_string()) }
}

/// Makes a certificate, leaves it in a folder and gives what shows it.
fn identified(folder: &Path) -> Result<Arc<ServerConfig>, Box<dyn Error>> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    std::fs::write(folder.join(CERTIFICATE), made.cert.pem())?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
    let config =
        ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)?;
    Ok(Arc::new(config))
}

/// Starts a callee that lives until the process ends, and gives its address.
fn datagrams() -> Result<SocketAddr, Box<dyn Error>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = socket.local_addr()?;
    socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20)?;
    Tasks::thread("callee", move || {
        let mut datagram = vec![0; PIECE];
        while let Ok((length, from)) = socket.recv_from(&mut datagram) {
            let text = datagram.get(..length).and_then(|text| str::from_utf8(text).ok());
            let Some(answer) = text.and_then(busy) else { continue };
            if socket.send_to(answer.as_bytes(), from).is_err() {
                return;
            }
        }
    })?;
    Ok(address)
}

/// The same over connections, one after the other; inside TLS with what shows a certificate.
fn streams(identified: Option<Arc<ServerConfig>>) -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    Tasks::thread("callee", move || {
        // What breaks a connection is seen by the shell at the other end.
        for stream in listener.incoming().flatten() {
            drop(stream.set_nodelay(true));
            drop(match &identified {
                None => converse(stream),
                Some(config) => ServerConnection::new(Arc::clone(config))
                    .map_err(std::io::Error::other)
                    .and_then(|tls| converse(StreamOwned::new(tls, stream))),
            });
        }
    })?;
    Ok(address)
}

/// Answers what comes over a connection until it ends.
fn converse(mut stream: impl Read + Write) -> std::io::Result<()> {
    let (mut piece, mut waiting) = (vec![0; PIECE], Vec::new());
    loop {
        let length = stream.read(&mut piece)?;
        if length == 0 {
            return Ok(());
        }
        waiting.extend(piece.iter().take(length));
        let mut answers = String::new();
        while let Some(length) = framed(&waiting) {
            let message: Vec<u8> = waiting.drain(..length).collect();
            answers.extend(str::from_utf8(&message).ok().and_then(busy));
        }
        stream.write_all(answers.as_bytes())?;
        stream.flush()?;
    }
}

/// Gives the length of the first message, if it is there whole.
fn framed(waiting: &[u8]) -> Option<usize> {
    let head = waiting.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = str::from_utf8(waiting.get(..head)?).ok()?;
    let length = text.lines().find_map(|line| line.strip_prefix("Content-Length:"));
    let body: usize = length.map_or(Some(0), |length| length.trim().parse().ok())?;
    (waiting.len() >= head + body).then_some(head + body)
}

/// Says 486 to an INVITE with its own headers, and nothing to an ACK.
fn busy(text: &str) -> Option<String> {
    if !text.starts_with("INVITE") {
        return None;
    }
    let mut answer = String::from("SIP/2.0 486 Busy Here\r\n");
    for line in text.split("\r\n").take_while(|line| !line.is_empty()) {
        let kept = ["Via:", "From:", "Call-ID:", "CSeq:"];
        if line.starts_with("To:") {
            answer.extend([line, ";tag=busy\r\n"]);
        } else if kept.iter().any(|name| line.starts_with(name)) {
            answer.extend([line, "\r\n"]);
        }
    }
    answer.push_str("Content-Length: 0\r\n\r\n");
    Some(answer)
}

/// Gives the user and system time of this thread in microseconds.
fn cpu() -> nix::Result<i64> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD)?;
    Ok(usage.user_time().num_microseconds() + usage.system_time().num_microseconds())
}

/// Places attempts at a steady rate and waits for every end.
async fn attempts(trunk: Trunk, rate: u64, total: u64) -> Result<Run, Box<dyn Error>> {
    let (clock, tasks) = (Clock::start(), Tasks::new());
    let settings = sip::Settings {
        also: Vec::new(),
        identification: None,
        bind: (Ipv4Addr::LOCALHOST, 0).into(),
        public: None,
        nameservers: Vec::new(),
        realm: "bench".to_owned(),
        seed: 1,
        trunks: vec![trunk],
        phones: Vec::new(),
        left: sip::Left::default(),
    };
    let (sip, mut events) = sip::start(settings, clock, &tasks).await?;
    let (began, cpu_began) = (clock.mono(), cpu()?);
    let mut sent: Vec<Mono> = Vec::new();
    let mut tally = Tally::default();
    let mut ticks = tokio::time::interval(TICK);
    while tally.ended < total {
        tokio::select! {
            _ = ticks.tick(), if (sent.len() as u64) < total => {
                let now = clock.mono();
                let owed = now.since(began).as_micros() * rate / 1_000_000;
                while (sent.len() as u64) < owed.min(total) {
                    // A full queue is no failure: the rest waits for the next tick.
                    match dial(&sip, sent.len() as u64 + 1)? {
                        Err(SipError::Busy) => break,
                        dialled => dialled?,
                    }
                    sent.push(now);
                }
            }
            event = events.recv() => tally.count(event, &sent, clock.mono())?,
        }
    }
    let spent = cpu()? - cpu_began;
    let took = clock.mono().since(began).as_secs_f64();
    let figures = sip.figures().await?;
    Ok(Run {
        total,
        cpu_us_per_attempt: spent as f64 / total as f64,
        took,
        repeated: figures.counters.retransmitted,
        unsent: figures.unsent,
        tally,
    })
}

fn dial(sip: &SipHandle, nth: u64) -> Result<Result<(), SipError>, NotE164> {
    let dialled = Command::Dial {
        leg: LegId(nth),
        trunk: TRUNK,
        to: Number::new("+33199001234")?,
        from: Some(Number::new("+33162000000")?),
        offer: OFFER.as_bytes().to_vec(),
        call_ref: format!("bench-{nth}"),
    };
    Ok(sip.send(dialled))
}

/// What a run of attempts cost, and what became of them.
struct Run {
    total: u64,
    cpu_us_per_attempt: f64,
    /// Seconds.
    took: f64,
    repeated: u64,
    unsent: u64,
    tally: Tally,
}

impl Run {
    /// Tells it as the members of a JSON object.
    fn told(&self) -> String {
        format!(
            "\"attempts\":{},\"failed\":{},\"repeated\":{},\"unsent\":{},\
             \"cpu_us_per_attempt\":{:.1},\"slowest_ms\":{:.1},\"per_s\":{:.0}",
            self.total,
            self.tally.failed,
            self.repeated,
            self.unsent,
            self.cpu_us_per_attempt,
            self.tally.slowest as f64 / 1_000.0,
            self.total as f64 / self.took,
        )
    }
}

/// What became of the attempts.
#[derive(Default)]
struct Tally {
    ended: u64,
    failed: u64,
    slowest: u64,
}

impl Tally {
    fn count(
        &mut self,
        event: Option<Event>,
        sent: &[Mono],
        now: Mono,
    ) -> Result<(), Box<dyn Error>> {
        let event = event.ok_or("the SIP task has ended")?;
        let Event::Failed { leg, status, .. } = event else { return Ok(()) };
        self.ended += 1;
        self.failed += u64::from(status != 486);
        let place = usize::try_from(leg.0)?.checked_sub(1).ok_or("legs count from 1")?;
        let began = sent.get(place).ok_or("a leg that was never dialled")?;
        self.slowest = self.slowest.max(now.since(*began).as_micros());
        Ok(())
    }
}
