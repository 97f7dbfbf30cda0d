//! The SIP shell against SIPp, an implementation that shares no code with ours.
//!
//! Each test starts SIPp as the called side with one scenario of `tests/it/sipp` on a free loopback
//! port and dials it. SIPp's exit code says whether the call went as its scenario wants.

mod extensions;
mod transfer;
mod ways;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use cadran::core::fact::Failure;
use cadran::sip::{Command, Credentials, Event, Sdp, Trunk};
use cadran::units::{LegId, Span, TrunkId};
use cadran::wire::sdp::{self, Direction, Local, Origin};
use tokio::process::{Child, Command as Program};

use crate::carrier::{Checked, Dialer, World, refused};
use crate::ports::free_port;

const NUMBER: &str = "+33199000042";
const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A running SIPp; it is ended with the test.
struct Sipp {
    program: Child,
    address: SocketAddr,
    /// Where it runs and finds its audio.
    _folder: tempfile::TempDir,
}

impl Sipp {
    /// Starts SIPp as the called side for some calls, over UDP, or tells aloud that it is missing.
    fn start(scenario: &str, calls: u32) -> Checked<Option<Self>> {
        Self::listen(scenario, calls, (V4, "u1"), None)
    }

    /// Starts SIPp at an address with its name of a transport. It may be met at another port.
    fn listen(
        scenario: &str,
        calls: u32,
        (ip, transport): (IpAddr, &str),
        seen: Option<u16>,
    ) -> Checked<Option<Self>> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/it/sipp")
            .join(scenario)
            .with_extension("xml");
        let folder = tempfile::tempdir()?;
        // Three seconds of a square wave of 1 kHz in A-law.
        let clip: Vec<u8> = [0x95, 0x95, 0x95, 0x95, 0x15, 0x15, 0x15, 0x15].repeat(3_000);
        std::fs::write(folder.path().join("clip.alaw"), clip)?;
        let address = free_port(ip)?;
        let seen = seen.unwrap_or_else(|| address.port());
        let started = Program::new("sipp")
            .current_dir(folder.path())
            .args(["-nostdin", "-i", &ip.to_string(), "-p", &address.port().to_string()])
            .args(["-t", transport, "-key", "seen", &seen.to_string()])
            .args(["-mp", &free_port(ip)?.port().to_string(), "-rtp_echo"])
            .args(["-m", &calls.to_string(), "-timeout", "20s", "-timeout_error"])
            .arg("-sf")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        match started {
            Ok(program) => Ok(Some(Self { program, address, _folder: folder })),
            Err(error) if std::env::var_os("CI").is_some() => {
                Err(format!("sipp cannot be started: {error}; install sip-tester").into())
            }
            Err(error) => {
                announce(&format!("NOT TESTED: sipp cannot be started: {error}"));
                Ok(None)
            }
        }
    }

    /// Waits for SIPp's own verdict.
    async fn verdict(mut self) -> Checked {
        let status: ExitStatus = self.program.wait().await?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("sipp's scenario did not go through: {status}").into())
        }
    }
}

#[expect(clippy::print_stderr, reason = "a test that cannot run says so aloud")]
fn announce(text: &str) {
    eprintln!("{text}");
}

/// Dials one call of a scenario.
async fn call(world: &World, sipp: &Sipp) -> Checked<(Dialer, LegId)> {
    let mut dialer = world.dialer_towards(sipp.address).await?;
    let leg = dialer.dial(NUMBER)?;
    Ok((dialer, leg))
}

/// Hangs up and waits for both sides to agree that the call is over.
async fn hang_up(mut dialer: Dialer, leg: LegId, sipp: Sipp) -> Checked {
    dialer.sip.send(Command::HangUp(leg))?;
    assert_eq!(dialer.end(leg).await?, Event::Gone(leg));
    sipp.verdict().await
}

async fn fails(scenario: &str, failure: Failure, status: u16, wait: Option<Span>) -> Checked {
    let world = World::new();
    let Some(sipp) = Sipp::start(scenario, 1)? else { return Ok(()) };
    let (mut dialer, leg) = call(&world, &sipp).await?;
    let end = dialer.end(leg).await?;
    assert_eq!(refused(end), Some((leg, failure, status, wait)));
    sipp.verdict().await
}

#[tokio::test]
async fn an_answered_call_is_hung_up_by_us() -> Checked {
    let world = World::new();
    let Some(sipp) = Sipp::start("answer", 1)? else { return Ok(()) };
    let (mut dialer, leg) = call(&world, &sipp).await?;
    dialer.until(|event| (event == Event::Ringing(leg)).then_some(())).await?;
    let remote = sdp::accept_answer(&dialer.answered(leg).await?)?;
    assert!(remote.send && remote.receive && remote.dtmf == Some(101));
    hang_up(dialer, leg, sipp).await
}

#[tokio::test]
async fn a_busy_line_is_busy() -> Checked {
    fails("busy", Failure::Busy, 486, None).await
}

#[tokio::test]
async fn a_line_that_rings_out_is_cancelled() -> Checked {
    let world = World::new();
    let Some(sipp) = Sipp::start("no_answer", 1)? else { return Ok(()) };
    let (mut dialer, leg) = call(&world, &sipp).await?;
    dialer.until(|event| (event == Event::Ringing(leg)).then_some(())).await?;
    dialer.sip.send(Command::Cancel(leg))?;
    assert_eq!(dialer.end(leg).await?, Event::Gone(leg));
    sipp.verdict().await
}

#[tokio::test]
async fn an_unknown_number_is_invalid() -> Checked {
    fails("not_found", Failure::Invalid, 404, None).await
}

#[tokio::test]
async fn a_congested_carrier_says_how_long_to_wait() -> Checked {
    fails("congestion", Failure::Congestion, 503, Some(Span::secs(5))).await
}

/// Dials over a trunk with an account, and gives the leg's first word on it.
async fn authenticated(password: &str, sipp: &Sipp) -> Checked<(World, Dialer, LegId)> {
    let world = World::new();
    let credentials = Credentials { user: "cadran".to_owned(), password: password.to_owned() };
    let trunk = Trunk {
        credentials: Some(credentials),
        options_every: None,
        ..Trunk::new(TrunkId(1), sipp.address.to_string())
    };
    let mut dialer = world.dialer(vec![trunk], Vec::new()).await?;
    let leg = dialer.dial(NUMBER)?;
    Ok((world, dialer, leg))
}

#[tokio::test]
async fn a_trunk_with_an_account_proves_itself() -> Checked {
    for scenario in ["auth", "proxy_auth"] {
        let Some(sipp) = Sipp::start(scenario, 1)? else { return Ok(()) };
        let (_world, mut dialer, leg) = authenticated("bon courage", &sipp).await?;
        dialer.answered(leg).await?;
        hang_up(dialer, leg, sipp).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_the_trunks_fault() -> Checked {
    let Some(sipp) = Sipp::start("auth", 1)? else { return Ok(()) };
    let (_world, mut dialer, leg) = authenticated("mauvais", &sipp).await?;
    let end = dialer.end(leg).await?;
    assert_eq!(refused(end), Some((leg, Failure::TrunkFault, 403, None)));
    sipp.verdict().await
}

#[tokio::test]
async fn early_media_comes_before_the_answer() -> Checked {
    let world = World::new();
    let Some(sipp) = Sipp::start("early_media", 1)? else { return Ok(()) };
    let (mut dialer, leg) = call(&world, &sipp).await?;
    let early = dialer.until(|event| {
        let Event::Progress(which, sdp) = event else { return None };
        (which == leg).then_some(sdp)
    });
    assert!(sdp::accept_answer(&early.await?).is_ok());
    dialer.answered(leg).await?;
    hang_up(dialer, leg, sipp).await
}

async fn is_hung_up_on(scenario: &str) -> Checked {
    let world = World::new();
    let Some(sipp) = Sipp::start(scenario, 1)? else { return Ok(()) };
    let (mut dialer, leg) = call(&world, &sipp).await?;
    dialer.answered(leg).await?;
    assert_eq!(dialer.end(leg).await?, Event::Ended { leg, bye: true });
    sipp.verdict().await
}

#[tokio::test]
async fn a_callee_may_hang_up_at_once() -> Checked {
    is_hung_up_on("bye_at_once").await
}

#[tokio::test]
async fn a_callee_may_talk_and_hang_up() -> Checked {
    is_hung_up_on("talk").await
}

#[tokio::test]
async fn hold_and_its_end_are_answered_inside_the_dialog() -> Checked {
    let world = World::new();
    let Some(sipp) = Sipp::start("hold", 1)? else { return Ok(()) };
    let (mut dialer, leg) = call(&world, &sipp).await?;
    dialer.answered(leg).await?;
    let rtp = dialer.audio.local_addr()?;
    let (local, mut origin) = (Local { rtp, rtcp: rtp }, Origin::new(7));
    let mut directions = Vec::new();
    for _ in 0..2 {
        let offer = offer(&mut dialer, leg).await?.ok_or("a re-INVITE with an offer")?;
        directions.push(sdp::read(&offer)?.direction);
        origin = origin.next();
        let (answer, _) = sdp::answer(&offer, local, origin)?;
        dialer.sip.send(Command::Accept(leg, answer))?;
    }
    assert_eq!(directions, [Direction::SendOnly, Direction::SendRecv]);
    assert_eq!(offer(&mut dialer, leg).await?, None);
    let ours = sdp::offer(local, origin.next(), Direction::SendRecv);
    dialer.sip.send(Command::Accept(leg, ours))?;
    let answer = dialer.until(|event| {
        let Event::Reanswered(which, sdp) = event else { return None };
        (which == leg).then_some(sdp)
    });
    assert!(sdp::accept_answer(&answer.await?).is_ok());
    assert_eq!(dialer.end(leg).await?, Event::Ended { leg, bye: true });
    sipp.verdict().await
}

/// Waits for a change the far end asks for.
async fn offer(dialer: &mut Dialer, leg: LegId) -> Checked<Option<Sdp>> {
    dialer
        .until(|event| {
            let Event::Offer(which, sdp) = event else { return None };
            (which == leg).then_some(sdp)
        })
        .await
}

#[tokio::test]
async fn two_hundred_refusals_at_once_are_all_told() -> Checked {
    let world = World::new();
    let Some(sipp) = Sipp::start("fast_busy", 200)? else { return Ok(()) };
    let mut dialer = world.dialer_towards(sipp.address).await?;
    for _ in 0..200 {
        dialer.dial(NUMBER)?;
    }
    for _ in 0..200 {
        let busy = |event| {
            let Event::Failed { status, .. } = event else { return None };
            Some(status)
        };
        assert_eq!(dialer.until(busy).await?, 486);
    }
    sipp.verdict().await
}

#[tokio::test]
async fn the_far_ends_audio_comes_to_the_offered_port() -> Checked {
    let world = World::new();
    let Some(sipp) = Sipp::start("audio", 1)? else { return Ok(()) };
    let (mut dialer, leg) = call(&world, &sipp).await?;
    let remote = sdp::accept_answer(&dialer.answered(leg).await?)?;
    for _ in 0..20 {
        let (packet, from) = dialer.packet().await?;
        assert_eq!((packet.len(), packet[1] & 0x7F, from), (172, 8, remote.rtp));
    }
    hang_up(dialer, leg, sipp).await
}
