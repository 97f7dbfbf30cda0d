//! Junk by the ten thousand, at the signalling and at the audio, during bridged calls.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use cadran::engine::tasks::Tasks;
use cadran::media::{self, MediaHandle};
use cadran::sip::{Command, Event};
use cadran::units::{LegId, Number, Span};
use cadran::wire::rtp::{self, Stamp};
use cadran::wire::sdp::{self, Direction, Origin};
use rand_core::Rng as _;
use rand_pcg::Pcg64;

use super::probe;
use crate::carrier::{Checked, Dialer, TRUNK, World, ending};
use crate::far::{FarEnd, Plan, Weather};

/// The callees and the agents: all answer and talk until they are hung up on.
fn talkative(_number: &str) -> Plan {
    Plan { after: Span::millis(10), answers: Some(true), talks: None }
}

/// Bridged calls between far ends, through the signalling and the audio of the engine.
struct Floor {
    far: FarEnd,
    dialer: Dialer,
    media: MediaHandle,
    legs: Vec<(LegId, SocketAddr)>,
    _media_events: tokio::sync::mpsc::Receiver<media::Event>,
    world: World,
}

impl Floor {
    async fn new(calls: u64, ports: std::ops::RangeInclusive<u16>) -> Checked<Self> {
        let world = World::new();
        let clock = world.clock();
        let far = FarEnd::start(clock, Weather::default(), talkative, 7)?;
        let mut dialer = world.dialer_towards(far.addr).await?;
        let (told, media_events) = tokio::sync::mpsc::channel(65_536);
        let settings = media::Settings {
            second: None,
            ip: Ipv4Addr::LOCALHOST.into(),
            advertised: None,
            ports,
            silent_after: Span::secs(600),
            seed: 7,
        };
        let media = MediaHandle::start(settings, clock, told)?;
        let mut legs = Vec::new();
        for leg in (1..=2 * calls).map(LegId) {
            let local = media.open(leg, None)?;
            legs.push((leg, local.rtp));
            dialer.sip.send(Command::Dial {
                leg,
                trunk: TRUNK,
                to: Number::new(&format!("+3319900{:04}", leg.0))?,
                from: None,
                offer: sdp::offer(local, Origin::new(leg.0), Direction::SendRecv),
                call_ref: String::new(),
            })?;
        }
        for _ in &legs {
            let (leg, answer) = dialer
                .until(|event| {
                    let Event::Answered(leg, answer) = event else { return None };
                    Some((leg, answer))
                })
                .await?;
            media.connect(leg, sdp::accept_answer(&answer)?)?;
        }
        for leg in (1..=2 * calls).step_by(2) {
            media.bridge(LegId(leg), LegId(leg + 1))?;
        }
        Ok(Self { far, dialer, media, legs, _media_events: media_events, world })
    }

    /// Lets the calls go on for a while; gives what their far ends heard of each other.
    async fn talk(&mut self, during: Duration) -> Checked<Talk> {
        drop(self.far.heard());
        let clock = self.world.clock();
        let end = clock.instant(clock.mono()) + during;
        while let Ok(event) = tokio::time::timeout_at(end, self.dialer.next()).await {
            // Nothing is told for so long that `next` gives up: that is well.
            if let Ok(event) = event
                && let Some(leg) = ending(&event)
            {
                return Err(format!("{leg} was lost: {event:?}").into());
            }
        }
        let mut heard = self.far.heard();
        heard.delays.sort_unstable();
        Ok(Talk { said: heard.said, delays: heard.delays })
    }

    /// Hangs every call up; each must still have been there, on both sides.
    async fn end(mut self) -> Checked {
        for (leg, _) in &self.legs {
            self.dialer.sip.send(Command::HangUp(*leg))?;
        }
        for _ in &self.legs {
            let last = self.dialer.until(|event| ending(&event).map(|_| event)).await?;
            assert!(matches!(last, Event::Gone(_)), "{last:?}");
        }
        let seen = self.far.seen();
        assert_eq!(seen.len(), self.legs.len());
        for (number, call) in seen {
            assert!(call.answered && call.acknowledged && call.ends == 1, "{number}: {call:?}");
        }
        Ok(())
    }
}

/// What the far ends said and heard in a while.
struct Talk {
    said: u64,
    delays: Vec<u32>,
}

impl Talk {
    /// Gives the delay that so many of a thousand packets do not exceed, in milliseconds.
    fn delay_ms(&self, of_thousand: usize) -> f64 {
        let place = self.delays.len().saturating_sub(1) * of_thousand / 1_000;
        f64::from(self.delays.get(place).copied().unwrap_or(u32::MAX)) / 1_000.0
    }

    fn missing(&self) -> u64 {
        self.said.saturating_sub(self.delays.len() as u64)
    }
}

/// A flood from strangers' addresses, which ends when this is dropped.
struct Flood {
    /// What ends the thread when it is gone.
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
    sent: Arc<AtomicU64>,
}

impl Flood {
    fn begin(per_second: u64, targets: Vec<SocketAddr>) -> Checked<Self> {
        let foes = (1..=8).map(|host| UdpSocket::bind((Ipv4Addr::new(127, 66, 7, host), 0)));
        let foes = foes.collect::<Result<Vec<_>, _>>()?;
        let (first, second) = (foes[0].local_addr()?, targets[0]);
        let mut chance = Pcg64::new(66, 1);
        let mut junk: Vec<Vec<u8>> = ["OPTIONS", "REGISTER", "INVITE", "BYE"]
            .map(|method| probe(method, first, second, 100).into_bytes())
            .into();
        for (sequence, length) in (0..).zip([0, 1, 4, 12, 60, 172, 172, 172, 400, 1_400]) {
            let stamp = Stamp { marker: false, sequence, timestamp: 0, ssrc: 66 };
            let noise: Vec<u8> = (0..length).map(|_| chance.next_u64().to_be_bytes()[0]).collect();
            junk.push([&rtp::header(stamp, 8)[..], &noise].concat());
            junk.push(noise);
        }
        let (stop, stopped) = sync_channel(1);
        let clock = cadran::engine::clock::Clock::start();
        let count = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&count);
        let thread = Tasks::thread("flood", move || {
            let (began, mut sent) = (clock.mono(), 0u64);
            while stopped.recv_timeout(Duration::from_millis(1)) == Err(RecvTimeoutError::Timeout) {
                let due = clock.mono().since(began).as_micros() * per_second / 1_000_000;
                while sent < due {
                    let drawn = usize::try_from(chance.next_u64() >> 33).unwrap_or_default();
                    let datagram = &junk[drawn % junk.len()];
                    let to = targets[(drawn >> 8) % targets.len()];
                    // What the system has no room for was sent all the same, as on a network.
                    drop(foes[(drawn >> 4) % foes.len()].send_to(datagram, to));
                    sent += 1;
                }
                counted.store(sent, Ordering::Relaxed);
            }
        })?;
        Ok(Self { stop, thread, sent: count })
    }

    /// Ends it; gives how many datagrams were sent.
    fn end(self) -> Checked<u64> {
        drop(self.stop);
        self.thread.join().map_err(|_| "the flood's thread died")?;
        Ok(self.sent.load(Ordering::Relaxed))
    }
}

/// Where the junk goes: the signalling, the audio, and both alike.
fn targets(floor: &Floor) -> [(&'static str, Vec<SocketAddr>); 3] {
    let sip = vec![floor.dialer.sip.local_addr(); floor.legs.len()];
    let rtcp = |rtp: &SocketAddr| SocketAddr::new(rtp.ip(), rtp.port() + 1);
    let audio: Vec<_> = floor.legs.iter().flat_map(|(_, rtp)| [*rtp, *rtp, rtcp(rtp)]).collect();
    let both = sip.iter().chain(sip.iter()).chain(sip.iter()).chain(&audio).copied().collect();
    [("SIP", sip), ("RTP", audio), ("both", both)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_lost_in_a_flood() -> Checked {
    let mut floor = Floor::new(10, 25_000..=25_999).await?;
    for (_, at) in targets(&floor) {
        let flood = Flood::begin(5_000, at)?;
        let talk = floor.talk(Duration::from_secs(2)).await?;
        assert!(flood.end()? > 1_000, "it was a flood");
        assert!(talk.delays.len() > 500, "the calls are heard: {}", talk.delays.len());
    }
    let counters = floor.dialer.sip.figures().await?.counters;
    assert!(counters.unread > 500, "{counters:?}");
    assert!(floor.media.counters().strangers > 100);
    floor.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "two minutes with the whole machine: scripts/long flood"]
#[expect(clippy::print_stdout, reason = "it prints its table")]
async fn a_flood_of_fifty_thousand_a_second_costs_no_call_and_little_delay() -> Checked {
    const CALLS: u64 = 200;
    const PER_SECOND: u64 = 50_000;
    let mut floor = Floor::new(CALLS, 25_000..=27_999).await?;
    println!(
        "{CALLS} bridged calls; junk from 8 addresses; delay of a packet from far end to far end"
    );
    println!("junk at | junk a second | packets | missing | p50 ms | p99 ms | p99.9 ms | max ms");
    let row = |at: &str, rate: u64, talk: &Talk| {
        println!(
            "{at} | {rate} | {} | {} | {:.2} | {:.2} | {:.2} | {:.2}",
            talk.said,
            talk.missing(),
            talk.delay_ms(500),
            talk.delay_ms(990),
            talk.delay_ms(999),
            talk.delay_ms(1_000),
        );
    };
    let mut added = Vec::new();
    for (at, targets) in targets(&floor) {
        let before = floor.talk(Duration::from_secs(10)).await?;
        row("nothing", 0, &before);
        let flood = Flood::begin(PER_SECOND, targets)?;
        let talk = floor.talk(Duration::from_secs(20)).await?;
        row(at, flood.end()? / 20, &talk);
        added.push((at, talk.delay_ms(990) - before.delay_ms(990)));
    }
    println!("signalling: {:?}", floor.dialer.sip.figures().await?.counters);
    println!("audio: {:?}", floor.media.counters());
    println!("added p99 in ms, against the quiet before each (goal: 5): {added:.2?}");
    floor.end().await?;
    assert!(added.iter().all(|(_, added)| *added <= 5.0), "{added:?}");
    Ok(())
}
