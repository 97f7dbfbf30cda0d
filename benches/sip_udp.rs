//! What an attempt costs with its sockets: the SIP shell against a callee that is always busy.
//!
//! `cargo bench --bench sip_udp` prints one JSON line a rate: attempts, failures, repetitions,
//! the shell's CPU per attempt (user and system time of its own thread, kernel's share of the
//! sockets included) and the slowest answer. The callee is the simplest that can be, on a thread
//! of its own, so that two cores are enough.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
use cadran::sip::{self, Command, Event, SipError, SipHandle, Trunk};
use cadran::units::{LegId, Mono, NotE164, Number, TrunkId};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

const TRUNK: TrunkId = TrunkId(1);
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 20000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";
/// Attempts a second that are tried, each for [`SECONDS`].
const RATES: [u64; 4] = [500, 2_000, 4_000, 8_000];
const SECONDS: u64 = 5;
/// The length of one step of the sender.
const TICK: Duration = Duration::from_millis(5);

fn main() -> Result<(), Box<dyn Error>> {
    let stop = Arc::new(AtomicBool::new(false));
    let callee = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = callee.local_addr()?;
    socket2::SockRef::from(&callee).set_recv_buffer_size(4 << 20)?;
    callee.set_read_timeout(Some(Duration::from_millis(100)))?;
    let stopped = Arc::clone(&stop);
    let busy = Tasks::thread("callee", move || always_busy(&callee, &stopped))?;
    // One thread runs the shell and nothing else but the counting of its events.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for rate in RATES {
        let line = runtime.block_on(attempts(address, rate))?;
        print(&line);
    }
    stop.store(true, Ordering::Relaxed);
    busy.join().map_err(|_| "the callee's thread failed".into())
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn print(line: &str) {
    println!("{line}");
}

/// Says 486 to every INVITE with its own headers, and nothing to an ACK.
fn always_busy(socket: &UdpSocket, stopped: &AtomicBool) {
    let mut datagram = [0; 4_096];
    while !stopped.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut datagram) else { continue };
        let Some(text) = datagram.get(..length).and_then(|text| str::from_utf8(text).ok()) else {
            continue;
        };
        if !text.starts_with("INVITE") {
            continue;
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
        if socket.send_to(answer.as_bytes(), from).is_err() {
            return;
        }
    }
}

/// Gives the user and system time of this thread in microseconds.
fn cpu() -> nix::Result<i64> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD)?;
    Ok(usage.user_time().num_microseconds() + usage.system_time().num_microseconds())
}

/// Places attempts at a steady rate and waits for every end.
async fn attempts(callee: SocketAddr, rate: u64) -> Result<String, Box<dyn Error>> {
    let (clock, tasks) = (Clock::start(), Tasks::new());
    let settings = sip::Settings {
        also: Vec::new(),
        identification: None,
        bind: (Ipv4Addr::LOCALHOST, 0).into(),
        public: None,
        nameservers: Vec::new(),
        realm: "bench".to_owned(),
        seed: 1,
        trunks: vec![Trunk { options_every: None, ..Trunk::new(TRUNK, callee.to_string()) }],
        phones: Vec::new(),
    };
    let (sip, mut events) = sip::start(settings, clock, &tasks).await?;
    let total = rate * SECONDS;
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
    Ok(format!(
        "{{\"rate\":{rate},\"attempts\":{total},\"failed\":{},\"repeated\":{},\"unsent\":{},\
         \"cpu_us_per_attempt\":{:.1},\"slowest_ms\":{:.1},\"per_s\":{:.0}}}",
        tally.failed,
        figures.counters.retransmitted,
        figures.unsent,
        spent as f64 / total as f64,
        tally.slowest as f64 / 1_000.0,
        total as f64 / took,
    ))
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
