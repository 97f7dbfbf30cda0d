//! What a relayed packet, a bridged call and a held agent cost: CPU time of the audio thread
//! alone, with far ends that send every 20 ms, and memory of the process.
//!
//! `cargo bench --bench relay`; it takes two and a half minutes. With `-- srtp` it measures only
//! the plain relay and the protected ones beside it, in a minute.
//!
//! *Packets per core-second* are the packets relayed, each received and sent on, by the CPU time,
//! user and system, of the audio thread over the same seconds. What is lost is not counted as
//! relayed; the far ends' CPU time is not counted. On loopback the kernel's work of receiving is
//! the sender's: a packet's arrival at the far end is in our figure, its arrival at our port in the
//! far end's.
//!
//! Where the far ends run decides much of the figure, and the scheduler would choose anew each
//! time. So both threads are given their cores: *apart*, the figure that counts, each packet
//! crosses from one core's caches to the other's and back; *together*, they share one core and
//! nothing crosses. What the kernel takes for the same two calls is printed for both.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::error::Error;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use cadran::engine::clock::Clock;
use cadran::media::{Codec, Event, Feed, Keys, MediaHandle, Remote, Settings};
use cadran::units::{LegId, Mono, Span};
use cadran::wire::rtp::{self, Stamp};
use cadran::wire::srtp::{Inbound, Key, Outbound, Suite, TRAILER_MAX};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use tokio::sync::mpsc;

/// How long each line is measured, after a second to settle.
const MEASURED: Span = Span::secs(4);
const SETTLING: Span = Span::secs(1);

/// The time between two packets of a far end.
const PACKET_TIME: Span = Span::millis(20);

/// The core of the far ends, and the one of the thread that is measured.
#[derive(Clone, Copy)]
struct Cores {
    far: usize,
    audio: usize,
}

impl Cores {
    const fn name(self) -> &'static str {
        if self.far == self.audio { "together" } else { "apart" }
    }
}

/// Gives the placements this machine has room for: apart, if it has two cores, and together.
fn placements() -> nix::Result<Vec<Cores>> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let mut cores = (0..CpuSet::count()).filter(|core| allowed.is_set(*core) == Ok(true));
    let far = cores.next().unwrap_or(0);
    let apart = cores.next().map(|audio| Cores { far, audio });
    Ok(apart.into_iter().chain([Cores { far, audio: far }]).collect())
}

/// Places a thread on a core; thread 0 is the one that asks.
fn place(thread: i32, core: usize) -> nix::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    sched_setaffinity(Pid::from_raw(thread), &cores)
}

/// The far ends of a number of legs, and the reactor between them.
struct Bench {
    media: MediaHandle,
    /// Taken so that the queue never fills.
    events: mpsc::Receiver<Event>,
    clock: Clock,
    thread: String,
    phones: Vec<Phone>,
}

struct Phone {
    socket: UdpSocket,
    leg: SocketAddr,
    sequence: u16,
    /// What protects its packets.
    outbound: Option<Outbound>,
}

/// The keys of a leg, the same for all: the far ends cost less to set up.
fn keys(suite: Suite) -> Option<Keys> {
    let key = |byte| Key::new(suite, &vec![byte; suite.key_length()]);
    Some(Keys { send: key(1)?, receive: key(2)? })
}

/// What a stretch of time cost.
struct Cost {
    relayed: u64,
    lost: u64,
    seconds: f64,
    cpu: f64,
}

impl Bench {
    fn new(cores: Cores) -> Result<Self, Box<dyn Error>> {
        let (told, events) = mpsc::channel(16_384);
        let clock = Clock::start();
        let settings = Settings {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            second: None,
            advertised: None,
            ports: 12_000..=19_999,
            silent_after: Span::secs(600),
            seed: 1,
        };
        let media = MediaHandle::start(settings, clock, told)?;
        // A new thread gives itself its name a moment after it was started.
        let patience = clock.mono() + Span::secs(5);
        let thread = loop {
            match thread_named("media")? {
                Some(thread) => break thread,
                None if clock.mono() > patience => return Err("no audio thread".into()),
                None => {}
            }
        };
        place(thread.rsplit('/').next().unwrap_or_default().parse()?, cores.audio)?;
        Ok(Self { media, events, clock, thread, phones: Vec::new() })
    }

    /// Opens so many legs with a phone each.
    fn open(&mut self, legs: u64, suite: Option<Suite>) -> Result<(), Box<dyn Error>> {
        let keys = suite.and_then(keys);
        for leg in (0..legs).map(LegId) {
            let local = self.media.open(leg, None)?;
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.set_nonblocking(true)?;
            let address = socket.local_addr()?;
            let remote = Remote {
                rtp: address,
                rtcp: address,
                codec: Codec::Pcma,
                dtmf: Some(101),
                send: true,
                receive: true,
                keys,
            };
            self.media.connect(leg, remote)?;
            self.media.feed(leg, Feed::Comfort)?;
            let outbound = keys.map(|keys| Outbound::new(keys.receive));
            self.phones.push(Phone { socket, leg: local.rtp, sequence: 0, outbound });
            // Opening is faster than the reactor's queue is long.
            while self.media.counters().legs + 500 < leg.0 {}
        }
        Ok(())
    }

    fn bridge(&mut self) -> Result<(), Box<dyn Error>> {
        for leg in (0..self.phones.len() as u64).step_by(2) {
            self.media.bridge(LegId(leg), LegId(leg + 1))?;
        }
        Ok(())
    }

    /// Lets every phone send a packet each `every`, evenly spread, and measures what that costs;
    /// with `every` zero they send as fast as this thread can.
    fn run(&mut self, every: Span) -> Result<Cost, Box<dyn Error>> {
        self.send_until(self.clock.mono() + SETTLING, every)?;
        let (began, spent, before) = (self.clock.mono(), cpu(&self.thread)?, self.media.counters());
        let sent = self.send_until(began + MEASURED, every)?;
        let after = self.media.counters();
        while self.events.try_recv().is_ok() {}
        let relayed = after.relayed - before.relayed;
        Ok(Cost {
            relayed,
            lost: sent.saturating_sub(relayed),
            seconds: self.clock.mono().since(began).as_secs_f64(),
            cpu: cpu(&self.thread)? - spent,
        })
    }

    /// Ends the reactor and waits until its thread is gone.
    fn end(self) {
        self.media.stop();
        while Path::new(&self.thread).exists() {}
    }

    fn send_until(&mut self, end: Mono, every: Span) -> Result<u64, Box<dyn Error>> {
        let (clock, began) = (self.clock, self.clock.mono());
        let count = self.phones.len() as u64;
        let mut sink = [0; 256];
        let mut sent = 0u64;
        loop {
            let now = clock.mono();
            if now >= end {
                return Ok(sent);
            }
            if now.since(began).as_micros() * count < sent * every.as_micros() {
                continue;
            }
            let place = usize::try_from(sent % count)?;
            let Some(phone) = self.phones.get_mut(place) else { continue };
            phone.sequence = phone.sequence.wrapping_add(1);
            let timestamp = u32::from(phone.sequence).wrapping_mul(rtp::FRAME);
            let ssrc = u32::try_from(place)?;
            let stamp = Stamp { marker: false, sequence: phone.sequence, timestamp, ssrc };
            let mut packet = [0x55; 172 + TRAILER_MAX];
            packet[..12].copy_from_slice(&rtp::header(stamp, 8));
            let length = match &mut phone.outbound {
                Some(outbound) => outbound.protect(&mut packet, 172)?,
                None => 172,
            };
            phone.socket.send_to(packet.get(..length).unwrap_or_default(), phone.leg)?;
            while phone.socket.recv_from(&mut sink).is_ok() {}
            sent += 1;
        }
    }
}

/// Gives the CPU time of a thread so far, in seconds.
fn cpu(task: &str) -> io::Result<f64> {
    let text = fs::read_to_string(format!("{task}/schedstat"))?;
    let nanos = text.split(' ').next().unwrap_or_default().parse::<u64>();
    let nanos = nanos.map_err(io::Error::other)?;
    Ok(Span::micros(nanos / 1_000).as_secs_f64())
}

/// Measures what the kernel alone takes for a packet in and a packet out over a thousand sockets,
/// at this very moment on this very machine: what no relay with a socket a leg can go below. Here
/// the far ends wait while the packets are relayed; in the other cases both work at once.
fn floor(cores: Cores) -> Result<(), Box<dyn Error>> {
    const ROUNDS: u32 = 200;
    const SOCKETS: u32 = 1_000;
    let bind = |_| {
        let (far, leg) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
        let addresses = (far.local_addr()?, leg.local_addr()?);
        Ok((far, leg, addresses))
    };
    let pairs = (0..SOCKETS).map(bind).collect::<io::Result<Vec<_>>>()?;
    let turn = Barrier::new(2);
    let relay = || -> io::Result<f64> {
        place(0, cores.audio)?;
        let before = cpu("/proc/thread-self")?;
        let mut packet = [0; 172];
        for _ in 0..ROUNDS {
            turn.wait();
            for (_, leg, (far, _)) in &pairs {
                leg.recv_from(&mut packet)?;
                leg.send_to(&packet, far)?;
            }
            turn.wait();
        }
        Ok(cpu("/proc/thread-self")? - before)
    };
    let spent = thread::scope(|scope| {
        let relay = scope.spawn(relay);
        let mut packet = [0x55; 172];
        for _ in 0..ROUNDS {
            for (far, _, (_, leg)) in &pairs {
                far.send_to(&packet, leg)?;
            }
            turn.wait();
            turn.wait();
            for (far, ..) in &pairs {
                far.recv_from(&mut packet)?;
            }
        }
        Ok::<_, Box<dyn Error>>(relay.join().map_err(|_| "the relay's thread died")??)
    })?;
    let each = spent / f64::from(ROUNDS * SOCKETS);
    let name = cores.name();
    println!(
        "| the kernel alone | {name} | {SOCKETS} | - | - | {:.2} µs | {:.0} | - |",
        1e6 * each,
        1.0 / each
    );
    Ok(())
}

/// Finds the newest thread of this process by its name.
fn thread_named(name: &str) -> Result<Option<String>, Box<dyn Error>> {
    let mut newest = None;
    for task in fs::read_dir("/proc/self/task")? {
        let Ok(task) = task else { continue };
        let path = task.path();
        if fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim() == name) {
            newest = Some(path.display().to_string());
        }
    }
    Ok(newest)
}

/// Gives the resident memory of the process in kilobytes.
fn memory() -> Result<f64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Relays between so many legs and prints what it costs.
#[expect(clippy::cast_precision_loss, reason = "counts of a few million")]
fn relay(
    cores: Cores,
    legs: u64,
    every: Span,
    name: &str,
    suite: Option<Suite>,
) -> Result<(), Box<dyn Error>> {
    let mut bench = Bench::new(cores)?;
    bench.open(legs, suite)?;
    bench.bridge()?;
    let cost = bench.run(every)?;
    println!(
        "| {name} | {} | {legs} | {:.0} | {:.1} % | {:.2} µs | {:.0} | {} |",
        cores.name(),
        cost.relayed as f64 / cost.seconds,
        100.0 * cost.cpu / cost.seconds,
        1e6 * cost.cpu / cost.relayed as f64,
        cost.relayed as f64 / cost.cpu,
        cost.lost,
    );
    bench.end();
    Ok(())
}

/// Feeds so many legs whose far ends send too, bridges them, and prints what both cost.
#[expect(clippy::cast_precision_loss, reason = "counts of a few thousand")]
fn hold(cores: Cores, legs: u64) -> Result<(), Box<dyn Error>> {
    let before = memory()?;
    let mut bench = Bench::new(cores)?;
    bench.open(legs, None)?;
    let cost = bench.run(PACKET_TIME)?;
    let held = memory()? - before;
    bench.bridge()?;
    bench.run(PACKET_TIME)?;
    let bridged = memory()? - before;
    println!(
        "| held agent, comfort tone | {} | {legs} | {:.4} % | {:.1} kB | {:.1} kB |",
        cores.name(),
        100.0 * cost.cpu / cost.seconds / legs as f64,
        held / legs as f64,
        2.0 * bridged / legs as f64,
    );
    bench.end();
    Ok(())
}

/// Opens and seals packets of 20 ms without a socket, as the relay does between two protected legs,
/// and prints what that costs.
fn cipher(suite: Suite) -> Result<(), Box<dyn Error>> {
    const ROUNDS: u16 = 50_000;
    let keys = keys(suite).ok_or("a key")?;
    let mut far = Outbound::new(keys.receive);
    let (mut inbound, mut outbound) = (Inbound::new(keys.receive), Outbound::new(keys.send));
    let sealed = (0..ROUNDS).map(|sequence| {
        let mut packet = [0x55; 172 + TRAILER_MAX];
        let stamp = Stamp { marker: false, sequence, timestamp: 0, ssrc: 1 };
        packet[..12].copy_from_slice(&rtp::header(stamp, 8));
        far.protect(&mut packet, 172).map(|length| (packet, length))
    });
    let mut sealed = sealed.collect::<Result<Vec<_>, _>>()?;
    let before = cpu("/proc/thread-self")?;
    for (packet, length) in &mut sealed {
        let plain = inbound.open(packet.get_mut(..*length).unwrap_or_default())?;
        outbound.protect(packet, plain)?;
    }
    let each = (cpu("/proc/thread-self")? - before) / f64::from(ROUNDS);
    println!("| {} | {:.2} µs |", suite.name(), 1e6 * each);
    Ok(())
}

/// Measures the plain relay and, right beside it, the protected ones.
fn protected(placements: &[Cores]) -> Result<(), Box<dyn Error>> {
    for cores in placements {
        relay(*cores, 1_000, PACKET_TIME, "plain", None)?;
        for suite in Suite::ALL {
            relay(*cores, 1_000, PACKET_TIME, suite.name(), Some(suite))?;
        }
        relay(*cores, 1_000, PACKET_TIME, "plain", None)?;
    }
    println!("\n| suite | opened and sealed, no socket |\n|---|---|");
    Suite::ALL.into_iter().try_for_each(cipher)
}

fn main() -> Result<(), Box<dyn Error>> {
    let placements = placements()?;
    // The far ends are this thread's in every placement.
    place(0, placements.first().ok_or("no core")?.far)?;
    if !std::env::args().any(|argument| argument == "srtp") {
        plain(&placements)?;
    }
    println!(
        "\n| relay | far ends | legs | packets/s | CPU | per packet | per core-second | lost |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    protected(&placements)
}

fn plain(placements: &[Cores]) -> Result<(), Box<dyn Error>> {
    // The larger first: memory once freed would hide what the next one takes.
    println!(
        "| case | far ends | legs | CPU of a core per leg | memory per leg | per bridged call |"
    );
    println!("|---|---|---|---|---|---|");
    for cores in placements {
        hold(*cores, 1_000)?;
    }
    println!(
        "\n| case | far ends | legs | packets/s | CPU | per packet | per core-second | lost |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for cores in placements {
        floor(*cores)?;
        relay(*cores, 100, PACKET_TIME, "relay, each leg every 20 ms", None)?;
        relay(*cores, 1_000, PACKET_TIME, "relay, each leg every 20 ms", None)?;
        relay(*cores, 4_000, PACKET_TIME, "relay, each leg every 20 ms", None)?;
        relay(*cores, 1_000, Span::ZERO, "relay, as fast as they come", None)?;
    }
    Ok(())
}
