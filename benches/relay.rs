//! What a relayed packet, a bridged call and a held agent cost: CPU time of the audio thread
//! alone, with far ends that send every 20 ms, and memory of the process.
//!
//! `cargo bench --bench relay`; it takes half a minute.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::error::Error;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use cadran::engine::clock::Clock;
use cadran::media::{Codec, Event, Feed, MediaHandle, Remote, Settings};
use cadran::units::{LegId, Mono, Span};
use cadran::wire::rtp::{self, Stamp};
use tokio::sync::mpsc;

/// How long each line is measured, after a second to settle.
const MEASURED: Span = Span::secs(4);
const SETTLING: Span = Span::secs(1);

/// The time between two packets of a far end.
const PACKET_TIME: Span = Span::millis(20);

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
}

/// What a stretch of time cost.
struct Cost {
    relayed: u64,
    fed: u64,
    lost: u64,
    seconds: f64,
    cpu: f64,
}

impl Bench {
    fn new() -> Result<Self, Box<dyn Error>> {
        let (told, events) = mpsc::channel(16_384);
        let clock = Clock::start();
        let settings = Settings {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
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
        Ok(Self { media, events, clock, thread, phones: Vec::new() })
    }

    /// Opens so many legs with a phone each.
    fn open(&mut self, legs: u64) -> Result<(), Box<dyn Error>> {
        for leg in (0..legs).map(LegId) {
            let local = self.media.open(leg)?;
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
            };
            self.media.connect(leg, remote)?;
            self.media.feed(leg, Feed::Comfort)?;
            self.phones.push(Phone { socket, leg: local.rtp, sequence: 0 });
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

    /// Lets every phone send a packet each 20 ms, evenly spread, and measures what that costs.
    fn run(&mut self) -> Result<Cost, Box<dyn Error>> {
        self.send_until(self.clock.mono() + SETTLING)?;
        let (began, cpu, before) = (self.clock.mono(), cpu(&self.thread)?, self.media.counters());
        let sent = self.send_until(began + MEASURED)?;
        let after = self.media.counters();
        while self.events.try_recv().is_ok() {}
        let relayed = after.relayed - before.relayed;
        Ok(Cost {
            relayed,
            fed: after.fed - before.fed,
            lost: sent.saturating_sub(relayed),
            seconds: self.clock.mono().since(began).as_secs_f64(),
            cpu: cpu(&self.thread)? - cpu,
        })
    }

    /// Ends the reactor and waits until its thread has said so.
    fn end(mut self) {
        self.media.stop();
        while self.events.blocking_recv().is_some() {}
    }

    fn send_until(&mut self, end: Mono) -> Result<u64, Box<dyn Error>> {
        let (clock, began) = (self.clock, self.clock.mono());
        let count = self.phones.len() as u64;
        let mut sink = [0; 256];
        let mut sent = 0u64;
        loop {
            let now = clock.mono();
            if now >= end {
                return Ok(sent);
            }
            if now.since(began).as_micros() * count < sent * PACKET_TIME.as_micros() {
                continue;
            }
            let place = usize::try_from(sent % count)?;
            let Some(phone) = self.phones.get_mut(place) else { continue };
            phone.sequence = phone.sequence.wrapping_add(1);
            let timestamp = u32::from(phone.sequence).wrapping_mul(rtp::FRAME);
            let ssrc = u32::try_from(place)?;
            let stamp = Stamp { marker: false, sequence: phone.sequence, timestamp, ssrc };
            let mut packet = [0x55; 172];
            packet[..12].copy_from_slice(&rtp::header(stamp, 8));
            phone.socket.send_to(&packet, phone.leg)?;
            while phone.socket.recv_from(&mut sink).is_ok() {}
            sent += 1;
        }
    }
}

/// Gives the CPU time of a thread so far, in seconds.
fn cpu(task: &str) -> Result<f64, Box<dyn Error>> {
    let text = fs::read_to_string(format!("{task}/schedstat"))?;
    let nanos: u64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(Span::micros(nanos / 1_000).as_secs_f64())
}

/// Measures what the kernel alone takes for a packet in and a packet out, at this very moment on
/// this very machine: what no relay of its kind can go below.
fn floor() -> Result<(), Box<dyn Error>> {
    const PACKETS: u32 = 200_000;
    let (from, to) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    let (address, mut packet) = (to.local_addr()?, [0x55; 172]);
    let before = cpu("/proc/thread-self")?;
    for _ in 0..PACKETS {
        from.send_to(&packet, address)?;
        to.recv_from(&mut packet)?;
    }
    let each = (cpu("/proc/thread-self")? - before) / f64::from(PACKETS);
    println!("| the kernel alone | - | - | - | {:.2} µs | {:.0} | - |", 1e6 * each, 1.0 / each);
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

#[expect(clippy::cast_precision_loss, reason = "counts of a few million")]
fn main() -> Result<(), Box<dyn Error>> {
    println!(
        "| case | legs | packets/s | CPU of a core | per packet | packets/core-second | lost |"
    );
    println!("|---|---|---|---|---|---|---|");
    floor()?;
    for legs in [100, 1_000, 4_000] {
        let mut bench = Bench::new()?;
        bench.open(legs)?;
        bench.bridge()?;
        let cost = bench.run()?;
        let per_second = cost.relayed as f64 / cost.seconds;
        println!(
            "| relay, each leg every 20 ms | {legs} | {per_second:.0} | {:.1} % | {:.2} µs | {:.0} | {} |",
            100.0 * cost.cpu / cost.seconds,
            1e6 * cost.cpu / cost.relayed as f64,
            cost.relayed as f64 / cost.cpu,
            cost.lost,
        );
        bench.end();
    }
    println!("\n| case | legs | CPU of a core per leg | memory per leg | per bridged call |");
    println!("|---|---|---|---|---|");
    for legs in [100, 1_000] {
        let mut bench = Bench::new()?;
        let before = memory()?;
        bench.open(legs)?;
        let cost = bench.run()?;
        let held = memory()? - before;
        bench.bridge()?;
        bench.run()?;
        let bridged = memory()? - before;
        println!(
            "| held agent, comfort tone, {:.0} packets/s out | {legs} | {:.4} % | {:.1} kB | {:.1} kB |",
            cost.fed as f64 / cost.seconds,
            100.0 * cost.cpu / cost.seconds / legs as f64,
            held / legs as f64,
            2.0 * bridged / legs as f64,
        );
        bench.end();
    }
    Ok(())
}
