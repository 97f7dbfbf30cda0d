//! Calls through a network that loses, doubles and delays what passes: each ends rightly, and both
//! sides agree on how.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use cadran::engine::clock::Clock;
use cadran::media::{self, Feed, MediaHandle};
use cadran::sip::{Command, Event};
use cadran::units::{LegId, Mono, Number, Span};
use cadran::wire::sdp::{self, Direction, Origin};
use tokio::sync::mpsc;
use tokio::time::timeout_at;

use crate::carrier::{Checked, Dialer, TRUNK, World, ending};
use crate::far::{FarEnd, Plan, Weather};

/// 30 % of the signalling lost, 10 % doubled, a quarter overtaken; 5 % of the audio lost.
const STORM: Weather = Weather { lost: 300, doubled: 100, late: 250, audio_lost: 50 };
const CALLS: u64 = 200;
/// The last calls begin after so long.
const BEGUN_WITHIN: Span = Span::secs(5);
/// How long the two sides may take to agree: an INVITE and a BYE that get through last, 32 s each
/// (RFC 3261 §17.1.1.2, §17.1.2.2), and what both talked in between.
const AGREED_WITHIN: Duration = Duration::from_secs(120);

/// Of five numbers, two talk until they are hung up on, one hangs up, one rings until long after
/// it was given up, one is busy.
fn plan(number: &str) -> Plan {
    let nth = number.bytes().next_back().unwrap_or_default() % 5;
    Plan {
        after: Span::millis(if nth == 3 { 45_000 } else { 400 + 300 * u64::from(nth) }),
        answers: match nth {
            0..=2 => Some(true),
            3 => None,
            _ => Some(false),
        },
        talks: (nth == 2).then_some(Span::secs(3)),
    }
}

fn number(leg: LegId) -> String {
    format!("+3319900{:04}", leg.0)
}

/// What became of a call, as the engine saw it.
#[derive(Clone, Debug, Default)]
struct Told {
    answered: bool,
    last: Option<Event>,
}

/// Calls under way through the storm.
struct Crossing {
    clock: Clock,
    far: FarEnd,
    dialer: Dialer,
    media: MediaHandle,
    sounds: mpsc::Receiver<media::Event>,
    /// When each call begins, and when it is given up or hung up.
    due: BTreeSet<(Mono, LegId, Act)>,
    told: BTreeMap<LegId, Told>,
    _world: World,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Dial,
    HangUp,
}

impl Crossing {
    async fn new() -> Checked<Self> {
        let world = World::new();
        let clock = world.clock();
        let far = FarEnd::start(clock, STORM, plan, 30)?;
        let dialer = world.dialer_towards(far.addr).await?;
        let (tell, sounds) = mpsc::channel(65_536);
        let settings = media::Settings {
            second: None,
            ip: Ipv4Addr::LOCALHOST.into(),
            advertised: None,
            ports: 28_000..=29_999,
            silent_after: Span::secs(600),
            seed: 30,
        };
        let media = MediaHandle::start(settings, clock, tell)?;
        let (began, told) = (clock.mono(), BTreeMap::new());
        let wait = |leg: LegId| Span::micros(BEGUN_WITHIN.as_micros() * leg.0 / CALLS);
        let due = (1..=CALLS).map(LegId).map(|leg| (began + wait(leg), leg, Act::Dial));
        let due = due.collect();
        Ok(Self { clock, far, dialer, media, sounds, due, told, _world: world })
    }

    fn is_over(&self) -> bool {
        self.due.is_empty() && self.told.values().all(|call| call.last.is_some())
    }

    /// Does what is due next.
    fn act(&mut self) -> Checked {
        let Some((_, leg, act)) = self.due.pop_first() else {
            return Err(format!("not all ended: {:?}", self.told).into());
        };
        if act == Act::HangUp {
            return Ok(self.dialer.sip.send(Command::HangUp(leg))?);
        }
        let local = self.media.open(leg, None)?;
        self.dialer.sip.send(Command::Dial {
            leg,
            trunk: TRUNK,
            to: Number::new(&number(leg))?,
            from: None,
            offer: sdp::offer(local, Origin::new(leg.0), Direction::SendRecv),
            call_ref: String::new(),
        })?;
        self.told.insert(leg, Told::default());
        // Whoever still rings then is given up, whoever talks is hung up on.
        self.due.insert((self.clock.mono() + Span::secs(8), leg, Act::HangUp));
        Ok(())
    }

    fn take(&mut self, event: Event) -> Checked {
        if let Event::Answered(leg, answer) = &event {
            self.media.connect(*leg, sdp::accept_answer(answer)?)?;
            self.media.feed(*leg, Feed::Comfort)?;
            self.told.entry(*leg).or_default().answered = true;
        }
        if let Some(leg) = ending(&event) {
            self.media.close(leg)?;
            let call = self.told.entry(leg).or_default();
            assert!(call.last.replace(event).is_none(), "{leg} ended twice");
        }
        Ok(())
    }

    /// Gives how many of a thousand packets did not come, over all calls.
    async fn audio_lost(&mut self) -> Checked<u64> {
        let (mut received, mut lost, mut closed) = (0, 0, 0);
        while closed < CALLS {
            let event = self.sounds.recv().await.ok_or("the audio has ended")?;
            if let media::Event::Closed(_, quality) = event {
                (received, lost) = (received + quality.received, lost + quality.lost);
                closed += 1;
            }
        }
        assert!(received > 10_000, "{received} packets");
        Ok(1_000 * lost / (received + lost))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_ends_rightly_in_a_network_that_loses_a_third() -> Checked {
    let mut crossing = Crossing::new().await?;
    let clock = crossing.clock;
    let patience = clock.instant(clock.mono()) + AGREED_WITHIN;
    while !crossing.is_over() {
        let wake = crossing.due.first().map_or(patience, |(at, ..)| clock.instant(*at));
        match timeout_at(wake, crossing.dialer.next()).await {
            Ok(Ok(event)) => crossing.take(event)?,
            // Nothing is told for so long while a timer of 32 s runs.
            Ok(Err(_)) => {}
            Err(_) => crossing.act()?,
        }
    }
    // The far end may still wait for the last word of what is over here.
    let settled = async {
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        while crossing.far.seen().values().any(|seen| seen.ends == 0) {
            looks.tick().await;
        }
    };
    if timeout_at(patience, settled).await.is_err() {
        let open = crossing.far.seen().into_iter().filter(|(_, seen)| seen.ends == 0);
        return Err(format!("still up at the far end: {:?}", open.collect::<Vec<_>>()).into());
    }
    assert_eq!(crossing.dialer.sip.figures().await?.legs, 0, "a leg is left up");
    agree(&crossing.told, &crossing.far)?;
    let lost = crossing.audio_lost().await?;
    assert!((30..80).contains(&lost), "{lost} of a thousand packets lost");
    Ok(())
}

/// Both sides must tell the same of each call.
fn agree(told: &BTreeMap<LegId, Told>, far: &FarEnd) -> Checked {
    let seen = far.seen();
    let (mut answered, mut unheard) = (0, 0);
    for (leg, call) in told {
        let last = call.last.as_ref().ok_or("every call has ended")?;
        let Some(theirs) = seen.get(&number(*leg)) else {
            // Not one of its seven INVITEs came through.
            unheard += 1;
            assert!(!call.answered && !matches!(last, Event::Ended { .. }), "{leg}: {call:?}");
            continue;
        };
        answered += u32::from(call.answered);
        assert_eq!(theirs.ends, 1, "{leg}: {theirs:?} {call:?}");
        // Whom we heard answer did answer, and whose answer we acknowledged knows it.
        assert!(theirs.answered || !call.answered, "{leg}: {theirs:?} {call:?}");
        assert!(call.answered || !theirs.acknowledged, "{leg}: {theirs:?} {call:?}");
        let nth = plan(&number(*leg));
        if let Event::Failed { status, .. } = last {
            let right = *status == 408 || nth.answers == Some(false) && *status == 486;
            assert!(right && !call.answered, "{leg}: {call:?}");
        }
    }
    assert!(unheard <= 10, "{unheard} calls never came through");
    // Three of five answer; what they say gets through to nearly all of them.
    assert!(answered >= 100, "{answered} calls were answered");
    Ok(())
}
