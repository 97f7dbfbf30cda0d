//! The SIP shell against `rsipstack`, both ways: a second implementation that shares no code with
//! ours.
//!
//! Its program is the package `tests/peers`, built beside cadran by `scripts/test`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use cadran::core::fact::Failure;
use cadran::sip::{Command, Event, Phone};
use cadran::units::AgentId;
use cadran::wire::sdp::{self, Local, Origin};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command as Program};
use tokio::time::Instant;

use crate::carrier::{Checked, Dialer, PATIENCE, World, ending, refused};

/// How many calls go each way.
const CALLS: u64 = 1_000;
/// Calls that are up at once.
const AT_ONCE: usize = 50;
/// How long we talk before we hang up.
const TALKS: Duration = Duration::from_millis(100);

/// The running peer; it is ended with the test.
struct Peer {
    program: Child,
    lines: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl Peer {
    /// Starts the peer, or tells aloud that it is missing.
    async fn start(arguments: &[&str]) -> Checked<Option<Self>> {
        let Some(program) = program() else {
            if std::env::var_os("CI").is_some() {
                return Err(format!("the peer is not there; {BUILD}").into());
            }
            announce(&format!("NOT TESTED: the peer is not there; {BUILD}"));
            return Ok(None);
        };
        let mut program = Program::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(program.stdout.take().ok_or("an output")?).lines();
        let first = tokio::time::timeout(PATIENCE, lines.next_line()).await??;
        let address = first.as_deref().and_then(|line| line.strip_prefix("at "));
        let address = address.ok_or("the peer's address")?.parse()?;
        Ok(Some(Self { program, lines, address }))
    }

    /// Ends its input; gives what it counted.
    async fn counts(mut self) -> Checked<BTreeMap<String, u64>> {
        drop(self.program.stdin.take());
        let mut counts = BTreeMap::new();
        while let Some(line) = tokio::time::timeout(PATIENCE, self.lines.next_line()).await?? {
            let (what, count) = line.rsplit_once(' ').ok_or("a count")?;
            counts.insert(what.to_owned(), count.parse()?);
        }
        Ok(counts)
    }
}

const BUILD: &str =
    "build it: cargo build --manifest-path tests/peers/Cargo.toml --target-dir target";

/// Finds the peer's program beside cadran's own, where it is built with the same target folder.
fn program() -> Option<PathBuf> {
    let profiles = Path::new(env!("CARGO_BIN_EXE_cadran")).parent()?.parent()?;
    ["release", "debug"]
        .map(|profile| profiles.join(profile).join("peers"))
        .into_iter()
        .find(|it| it.exists())
}

#[expect(clippy::print_stderr, reason = "a test that cannot run says so aloud")]
fn announce(text: &str) {
    eprintln!("{text}");
}

/// Commands to give, each at its time, in the order of time.
type Due = VecDeque<(Instant, Command)>;

/// Waits for the next event; gives none if a command fell due before, which is then given.
async fn next_before(dialer: &mut Dialer, due: &mut Due) -> Checked<Option<Event>> {
    let Some((at, _)) = due.front() else { return Ok(Some(dialer.next().await?)) };
    if let Ok(event) = tokio::time::timeout_at(*at, dialer.next()).await {
        return Ok(Some(event?));
    }
    if let Some((_, command)) = due.pop_front() {
        dialer.sip.send(command)?;
    }
    Ok(None)
}

/// What became of our calls.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ends {
    hung_up: u64,
    hung_up_on: u64,
    busy: u64,
    given_up: u64,
}

#[tokio::test]
async fn another_stack_takes_our_calls() -> Checked {
    let Some(peer) = Peer::start(&["called"]).await? else { return Ok(()) };
    let world = World::new();
    let clock = world.clock();
    let mut dialer = world.dialer_towards(peer.address).await?;
    let (mut next, mut up, mut ends) = (0, BTreeMap::new(), Ends::default());
    let mut due = Due::new();
    while next < CALLS || !up.is_empty() {
        while next < CALLS && up.len() < AT_ONCE {
            up.insert(dialer.dial(&format!("+3319900{next:04}"))?, next % 10);
            next += 1;
        }
        let Some(event) = next_before(&mut dialer, &mut due).await? else { continue };
        let at = clock.instant(clock.mono()) + TALKS;
        if let Event::Ringing(leg) = &event
            && up.get(leg) == Some(&9)
        {
            due.push_back((at, Command::Cancel(*leg)));
        } else if let Event::Answered(leg, answer) = &event {
            assert!(sdp::accept_answer(answer)?.send);
            if up.get(leg).is_some_and(|digit| digit % 2 == 0) {
                due.push_back((at, Command::HangUp(*leg)));
            }
        }
        let Some(digit) = ending(&event).and_then(|leg| up.remove(&leg)) else { continue };
        match (digit, &event) {
            (9, Event::Gone(_)) => ends.given_up += 1,
            (8, Event::Failed { .. }) => {
                let end = refused(event).ok_or("a refusal")?;
                assert_eq!((end.1, end.2), (Failure::Busy, 486));
                ends.busy += 1;
            }
            (1 | 3 | 5 | 7, Event::Ended { bye: true, .. }) => ends.hung_up_on += 1,
            (0 | 2 | 4 | 6, Event::Gone(_)) => ends.hung_up += 1,
            _ => return Err(format!("a call to …{digit} ended so: {event:?}").into()),
        }
    }
    let of_digit =
        |wanted: &[u64]| (0..CALLS).filter(|nth| wanted.contains(&(nth % 10))).count() as u64;
    let expected = Ends {
        hung_up: of_digit(&[0, 2, 4, 6]),
        hung_up_on: of_digit(&[1, 3, 5, 7]),
        busy: of_digit(&[8]),
        given_up: of_digit(&[9]),
    };
    assert_eq!(ends, expected);
    let counts = peer.counts().await?;
    let of = |what: &str| counts.get(what).copied().unwrap_or_default();
    assert_eq!((of("calls"), of("faults")), (CALLS, 0), "{counts:?}");
    let confirmed = expected.hung_up + expected.hung_up_on;
    assert_eq!(of("confirmed"), confirmed, "{counts:?}");
    let told = (of("ended by the caller"), of("ended by the called"));
    assert_eq!(told, (expected.hung_up, expected.hung_up_on), "{counts:?}");
    assert_eq!((of("refused"), of("cancelled")), (expected.busy, expected.given_up));
    let figures = dialer.sip.figures().await?;
    assert_eq!((figures.legs, figures.unsent), (0, 0));
    Ok(())
}

#[tokio::test]
async fn another_stack_calls_us_as_an_agents_phone() -> Checked {
    let world = World::new();
    let clock = world.clock();
    let agent = AgentId(1);
    // The peer may still lose it to another program: then it cannot start.
    let at = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let contact = Some(format!("sip:a1@{at}"));
    let phone = Phone { agent, user: "a1".to_owned(), ha1: None, contact };
    let mut dialer = world.dialer(Vec::new(), vec![phone]).await?;
    let to = dialer.sip.local_addr().to_string();
    let caller = ["caller", &at.to_string(), &to, "a1", &CALLS.to_string()];
    let Some(peer) = Peer::start(&caller).await? else { return Ok(()) };
    let rtp = dialer.audio.local_addr()?;
    let mut due = Due::new();
    let (mut ours, mut ends) = (BTreeSet::new(), (0, 0));
    while ends.0 + ends.1 < CALLS {
        let Some(event) = next_before(&mut dialer, &mut due).await? else { continue };
        if let Event::Incoming(leg, from, offer) = event {
            assert_eq!(from, agent);
            let (answer, _) = sdp::answer(&offer, Local { rtp, rtcp: rtp }, Origin::new(leg.0))?;
            dialer.sip.send(Command::Accept(leg, answer))?;
            // Every other one is ended by us, the others by the caller.
            if leg.0 % 2 == 1 && ours.insert(leg) {
                let at = clock.instant(clock.mono()) + TALKS;
                due.push_back((at, Command::HangUp(leg)));
            }
        } else if let Some(leg) = ending(&event) {
            let expected = if ours.contains(&leg) {
                ends.0 += 1;
                Event::Gone(leg)
            } else {
                ends.1 += 1;
                Event::Ended { leg, bye: true }
            };
            assert_eq!(event, expected);
        }
    }
    let counts = peer.counts().await?;
    let of = |what: &str| counts.get(what).copied().unwrap_or_default();
    assert_eq!((of("calls"), of("faults")), (CALLS, 0), "{counts:?}");
    let told = (of("ended by the called"), of("ended by the caller"));
    assert_eq!(told, ends, "both sides tell the same");
    assert_eq!(dialer.sip.figures().await?.legs, 0);
    Ok(())
}
