//! The SIP shell against the virtual carrier, over real loopback sockets.

pub(crate) mod phones;

use std::collections::BTreeMap;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use cadran::carrier::{
    self, CallReport, CarrierHandle, Cast, Outage, Outcome, Party, PhoneSettings, PhonesHandle,
    Town,
};
use cadran::core::fact::Failure;
use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
use cadran::sip::{
    self, Ailment, Command, Event, Figures, Phone, Sdp, SipError, SipHandle, StoredDialog, Trunk,
    TrunkState,
};
use cadran::units::{AgentId, LegId, Number, NumberForm, Span, TrunkId};
use cadran::wire::sdp::{self, Direction, Local, Origin};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

pub(crate) type Checked<T = ()> = Result<T, Box<dyn Error>>;

/// How long anything on loopback may take before a test calls it lost.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const TRUNK: TrunkId = TrunkId(1);
pub(crate) const REALM: &str = "cadran.test";

/// What runs during one test; it all ends with the test.
pub(crate) struct World {
    tasks: Tasks,
    clock: Clock,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { tasks: Tasks::new(), clock: Clock::start() }
    }

    pub(crate) const fn clock(&self) -> Clock {
        self.clock
    }

    pub(crate) async fn dialer(&self, trunks: Vec<Trunk>, phones: Vec<Phone>) -> Checked<Dialer> {
        self.dialer_of(settings((Ipv4Addr::LOCALHOST, 0).into(), trunks, phones)).await
    }

    pub(crate) async fn dialer_of(&self, settings: sip::Settings) -> Checked<Dialer> {
        let (sip, events) = sip::start(settings, self.clock, &self.tasks).await?;
        let audio = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Dialer { sip, events, audio, legs: 0 })
    }

    pub(crate) async fn dialer_towards(&self, carrier: SocketAddr) -> Checked<Dialer> {
        self.dialer(vec![quiet_trunk(carrier)], Vec::new()).await
    }

    /// Starts a carrier in which everything goes twenty times faster than life.
    pub(crate) async fn carrier(
        &self,
        cast: Cast,
        settings: carrier::Settings,
    ) -> Checked<CarrierHandle> {
        let town = Town { cast, scale: 0.05, ..Town::default() };
        let settings = carrier::Settings { town, ..settings };
        Ok(carrier::start(settings, self.clock, &self.tasks).await?)
    }

    async fn by_digit(&self) -> Checked<(CarrierHandle, Dialer)> {
        let carrier = self.carrier(Cast::ByLastDigit, carrier::Settings::default()).await?;
        let dialer = self.dialer_towards(carrier.addr()).await?;
        Ok((carrier, dialer))
    }

    pub(crate) async fn phones(&self, settings: PhoneSettings) -> Checked<PhonesHandle> {
        Ok(carrier::start_phones(settings, self.clock, &self.tasks).await?)
    }
}

pub(crate) fn settings(bind: SocketAddr, trunks: Vec<Trunk>, phones: Vec<Phone>) -> sip::Settings {
    sip::Settings {
        bind,
        also: Vec::new(),
        identification: None,
        public: None,
        nameservers: Vec::new(),
        realm: REALM.to_owned(),
        seed: 99,
        trunks,
        phones,
        left: sip::Left::default(),
    }
}

/// A trunk that sends no OPTIONS, so that a test counts its own datagrams only.
pub(crate) fn quiet_trunk(carrier: SocketAddr) -> Trunk {
    Trunk { options_every: None, ..Trunk::new(TRUNK, carrier.to_string()) }
}

/// A SIP shell under test.
pub(crate) struct Dialer {
    pub(crate) sip: SipHandle,
    events: mpsc::Receiver<Event>,
    pub(crate) audio: UdpSocket,
    legs: u64,
}

/// Gives what a call failed by, without the carrier's words.
pub(crate) fn refused(event: Event) -> Option<(LegId, Failure, u16, Option<Span>)> {
    let Event::Failed { leg, failure, status, retry_after, .. } = event else { return None };
    Some((leg, failure, status, retry_after))
}

impl Dialer {
    pub(crate) fn offer(&self) -> Checked<Sdp> {
        let rtp = self.audio.local_addr()?;
        Ok(sdp::offer(Local { rtp, rtcp: rtp }, Origin::new(7), Direction::SendRecv))
    }

    pub(crate) fn dial(&mut self, number: &str) -> Checked<LegId> {
        self.legs += 1;
        let leg = LegId(self.legs);
        self.sip.send(Command::Dial {
            leg,
            trunk: TRUNK,
            to: Number::new(number)?,
            from: Some(Number::new("+33162000000")?),
            offer: self.offer()?,
            call_ref: format!("call-{}", self.legs),
        })?;
        Ok(leg)
    }

    pub(crate) fn dial_agent(&mut self, agent: AgentId) -> Checked<LegId> {
        self.legs += 1;
        let leg = LegId(self.legs);
        self.sip.send(Command::DialAgent { leg, agent, offer: self.offer()? })?;
        Ok(leg)
    }

    pub(crate) async fn next(&mut self) -> Checked<Event> {
        let event = tokio::time::timeout(PATIENCE, self.events.recv()).await?;
        event.ok_or_else(|| "the SIP task has ended".into())
    }

    /// Waits for an event that is wanted; every other one is dropped.
    pub(crate) async fn until<T>(&mut self, wanted: impl Fn(Event) -> Option<T>) -> Checked<T> {
        loop {
            let event = self.next().await?;
            if let Some(found) = wanted(event) {
                return Ok(found);
            }
        }
    }

    pub(crate) async fn answered(&mut self, leg: LegId) -> Checked<Sdp> {
        self.until(|event| {
            if let Event::Answered(which, sdp) = event {
                return (which == leg).then_some(Ok(sdp));
            }
            (ending(&event) == Some(leg)).then(|| Err(format!("{event:?}, no answer").into()))
        })
        .await?
    }

    pub(crate) async fn dialog(&mut self, leg: LegId) -> Checked<StoredDialog> {
        self.until(|event| {
            let Event::Dialog(which, dialog) = event else { return None };
            (which == leg).then_some(dialog)
        })
        .await
    }

    /// Waits for a leg's last event.
    pub(crate) async fn end(&mut self, leg: LegId) -> Checked<Event> {
        self.until(|event| (ending(&event) == Some(leg)).then_some(event)).await
    }

    /// Waits until the shell's counters satisfy a claim.
    pub(crate) async fn counted(&self, claim: impl Fn(Figures) -> bool) -> Checked<Figures> {
        let deadline = tokio::time::timeout(PATIENCE, async {
            loop {
                let figures = self.sip.figures().await?;
                if claim(figures) {
                    return Ok(figures);
                }
                tokio::task::yield_now().await;
            }
        });
        deadline.await?
    }

    /// Waits for an RTP packet.
    pub(crate) async fn packet(&self) -> Checked<(Vec<u8>, SocketAddr)> {
        let mut packet = vec![0; 1_500];
        let received = tokio::time::timeout(PATIENCE, self.audio.recv_from(&mut packet));
        let (length, from) = received.await??;
        packet.truncate(length);
        Ok((packet, from))
    }

    /// Drops what was heard and not listened to.
    pub(crate) fn forget_audio(&self) {
        let mut old = [0; 1_500];
        while self.audio.try_recv_from(&mut old).is_ok() {}
    }

    /// Waits until the far end has certainly heard all that was sent to it: it listens before it
    /// speaks, so the second packet it says from now on comes after.
    pub(crate) async fn is_heard(&self, remote: SocketAddr) -> Checked {
        self.forget_audio();
        let mut spoke = 0;
        while spoke < 2 {
            spoke += u32::from(self.packet().await?.1 == remote);
        }
        Ok(())
    }
}

/// Names the leg of which this is the last event.
pub(crate) fn ending(event: &Event) -> Option<LegId> {
    if let Event::Failed { leg, .. } | Event::Ended { leg, .. } | Event::Gone(leg) = event {
        Some(*leg)
    } else {
        None
    }
}

/// Waits until the carrier has reported so many calls.
pub(crate) async fn reports(carrier: &CarrierHandle, count: usize) -> Checked<Vec<CallReport>> {
    let deadline = tokio::time::timeout(PATIENCE, async {
        loop {
            let calls = carrier.calls();
            if calls.len() >= count {
                return calls;
            }
            tokio::task::yield_now().await;
        }
    });
    Ok(deadline.await?)
}

#[tokio::test]
async fn every_refusal_reaches_the_engine_with_its_meaning() -> Checked {
    let world = World::new();
    let (carrier, mut dialer) = world.by_digit().await?;
    for (number, expected, code) in [
        ("+33199000001", Failure::NoAnswer, 480),
        ("+33199000002", Failure::Busy, 486),
        ("+33199000005", Failure::Invalid, 404),
        ("+33199000007", Failure::Declined, 603),
        ("+33199000008", Failure::Congestion, 503),
    ] {
        let leg = dialer.dial(number)?;
        let end = dialer.end(leg).await?;
        assert_eq!(refused(end), Some((leg, expected, code, None)));
    }
    let outcomes: Vec<_> = reports(&carrier, 5).await?.iter().map(|call| call.outcome).collect();
    assert_eq!(outcomes, [480, 486, 404, 603, 503].map(Outcome::Refused));
    Ok(())
}

#[tokio::test]
async fn a_person_answers_talks_and_hangs_up() -> Checked {
    let world = World::new();
    let (carrier, mut dialer) = world.by_digit().await?;
    let leg = dialer.dial("+33199000000")?;
    assert_eq!(dialer.next().await?, Event::Trunk(TRUNK, TrunkState::Up, None));
    assert_eq!(dialer.next().await?, Event::Ringing(leg));
    let answer = dialer.answered(leg).await?;
    assert!(sdp::accept_answer(&answer)?.send);
    assert_eq!(dialer.end(leg).await?, Event::Ended { leg, bye: true });
    let calls = reports(&carrier, 1).await?;
    assert_eq!((calls[0].outcome, calls[0].ended_by), (Outcome::Answered, Party::Callee));
    assert_eq!(calls[0].heard_after(), None);
    Ok(())
}

#[tokio::test]
async fn a_person_who_is_hung_up_on_says_so() -> Checked {
    let world = World::new();
    let (carrier, mut dialer) = world.by_digit().await?;
    let leg = dialer.dial("+33199000004")?;
    dialer.answered(leg).await?;
    dialer.sip.send(Command::HangUp(leg))?;
    assert_eq!(dialer.end(leg).await?, Event::Gone(leg));
    let calls = reports(&carrier, 1).await?;
    assert_eq!((calls[0].outcome, calls[0].ended_by), (Outcome::Answered, Party::Caller));
    Ok(())
}

#[tokio::test]
async fn a_ringing_call_can_be_given_up() -> Checked {
    let world = World::new();
    let (carrier, mut dialer) = world.by_digit().await?;
    let leg = dialer.dial("+33199000001")?;
    dialer.until(|event| (event == Event::Ringing(leg)).then_some(())).await?;
    dialer.sip.send(Command::Cancel(leg))?;
    assert_eq!(dialer.end(leg).await?, Event::Gone(leg));
    assert_eq!(reports(&carrier, 1).await?[0].outcome, Outcome::GivenUp);
    Ok(())
}

#[tokio::test]
async fn an_announcement_is_early_media() -> Checked {
    let world = World::new();
    let (_carrier, mut dialer) = world.by_digit().await?;
    let leg = dialer.dial("+33199000009")?;
    let early = dialer
        .until(|event| {
            let Event::Progress(which, sdp) = event else { return None };
            (which == leg).then_some(sdp)
        })
        .await?;
    let answer = dialer.answered(leg).await?;
    assert_eq!(sdp::accept_answer(&early)?, sdp::accept_answer(&answer)?);
    Ok(())
}

#[tokio::test]
async fn the_called_side_is_heard_and_hears() -> Checked {
    let world = World::new();
    let (carrier, mut dialer) = world.by_digit().await?;
    let leg = dialer.dial("+33199000004")?;
    let remote = sdp::accept_answer(&dialer.answered(leg).await?)?;
    let (bytes, from) = dialer.packet().await?;
    assert_eq!((bytes.len(), bytes[1] & 0x7F, from), (172, 8, remote.rtp));
    // The packet is sent back as it came: the carrier hears its own callee's mark.
    for _ in 0..3 {
        dialer.audio.send_to(&bytes, remote.rtp).await?;
    }
    dialer.is_heard(remote.rtp).await?;
    dialer.sip.send(Command::HangUp(leg))?;
    dialer.end(leg).await?;
    let call = reports(&carrier, 1).await?.remove(0);
    assert_eq!(call.heard.speaker, Some(call.speaker()));
    assert_eq!((call.heard.packets, call.heard.lost, call.heard_after()), (3, 0, None));
    Ok(())
}

#[tokio::test]
async fn two_hundred_calls_at_once_all_end_once() -> Checked {
    let world = World::new();
    let carrier = world.carrier(Cast::Drawn, carrier::Settings::default()).await?;
    let mut dialer = world.dialer_towards(carrier.addr()).await?;
    for nth in 0..200 {
        dialer.dial(&format!("+3319900{nth:04}"))?;
    }
    let mut ends: BTreeMap<LegId, u32> = BTreeMap::new();
    while ends.len() < 200 {
        let event = dialer.next().await?;
        if let Some(leg) = ending(&event) {
            *ends.entry(leg).or_default() += 1;
        }
    }
    assert!(ends.values().all(|count| *count == 1));
    let stats = carrier.stats();
    let calls = reports(&carrier, 200).await?;
    assert_eq!((stats.offered, stats.turned_away, calls.len()), (200, 0, 200));
    let figures = dialer.sip.figures().await?;
    assert_eq!((figures.legs, figures.unsent, figures.counters.garbage), (0, 0, 0));
    Ok(())
}

#[tokio::test]
async fn a_carrier_turns_away_what_exceeds_its_calls_per_second() -> Checked {
    let world = World::new();
    let limits = carrier::Settings { calls_per_second: Some(1.0), ..Default::default() };
    let carrier = world.carrier(Cast::ByLastDigit, limits).await?;
    let mut dialer = world.dialer_towards(carrier.addr()).await?;
    let mut spared = 0;
    for nth in 0..40 {
        dialer.dial(&format!("+3319900{nth:03}5"))?;
    }
    for _ in 0..40 {
        let (status, retry_after) = dialer
            .until(|event| {
                let Event::Failed { status, retry_after, .. } = event else { return None };
                Some((status, retry_after))
            })
            .await?;
        if (status, retry_after) == (503, Some(Span::secs(1))) {
            spared += 1;
        } else {
            assert_eq!(status, 404);
        }
    }
    // One passes at once, and one more for each second that the machine takes.
    assert!((30..=39).contains(&spared), "{spared} of 40 were turned away");
    assert_eq!(carrier.stats().turned_away, spared);
    Ok(())
}

#[tokio::test]
async fn a_refusing_carrier_asks_to_be_spared() -> Checked {
    let world = World::new();
    let (carrier, mut dialer) = world.by_digit().await?;
    carrier.set_outage(Outage::Refusing).await?;
    let leg = dialer.dial("+33199000000")?;
    let failure = Failure::Congestion;
    let retry_after = Some(Span::secs(5));
    let reason = "Service Unavailable".to_owned();
    let failed = Event::Failed { leg, failure, status: 503, retry_after, reason };
    assert_eq!(dialer.end(leg).await?, failed);
    Ok(())
}

#[tokio::test]
async fn a_call_survives_a_carrier_that_is_deaf_for_a_moment() -> Checked {
    let world = World::new();
    let (carrier, mut dialer) = world.by_digit().await?;
    carrier.set_outage(Outage::Silent).await?;
    let leg = dialer.dial("+33199000002")?;
    dialer.counted(|figures| figures.counters.retransmitted > 0).await?;
    carrier.set_outage(Outage::None).await?;
    let (failure, status, retry_after) = (Failure::Busy, 486, None);
    let reason = "Busy Here".to_owned();
    let failed = Event::Failed { leg, failure, status, retry_after, reason };
    assert_eq!(dialer.end(leg).await?, failed);
    assert_eq!(carrier.stats().offered, 1);
    Ok(())
}

#[tokio::test]
async fn strangers_and_garbage_are_dropped_and_counted() -> Checked {
    let world = World::new();
    let (_carrier, mut dialer) = world.by_digit().await?;
    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let to = dialer.sip.local_addr();
    // The dialer's trunk is on this machine too: a stranger is another machine's address.
    let elsewhere = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 77), 0)).await?;
    let from = elsewhere.local_addr()?;
    let invite = format!(
        "INVITE sip:a1@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK1\r\n\
         Max-Forwards: 70\r\nFrom: <sip:x@{from}>;tag=1\r\nTo: <sip:a1@{to}>\r\nCall-ID: s1\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:x@{from}>\r\nContent-Length: 0\r\n\r\n"
    );
    elsewhere.send_to(invite.as_bytes(), to).await?;
    for garbage in [&b"hello"[..], &[0xFF; 200], b"INVITE\r\n\r\n"] {
        stranger.send_to(garbage, to).await?;
    }
    let figures = dialer.counted(|figures| figures.counters.received >= 4).await?;
    assert_eq!(figures.counters.strangers, 1);
    assert_eq!(figures.counters.garbage, 3);
    assert_eq!(figures.counters.sent, 0);
    // And the next call goes as if nothing had been.
    let leg = dialer.dial("+33199000005")?;
    assert!(matches!(dialer.end(leg).await?, Event::Failed { status: 404, .. }));
    Ok(())
}

#[tokio::test]
async fn a_restarted_dialer_ends_what_was_left_up() -> Checked {
    let world = World::new();
    let (carrier, mut dialer) = world.by_digit().await?;
    let leg = dialer.dial("+33199000004")?;
    let stored = dialer.dialog(leg).await?;
    let trunks = vec![quiet_trunk(carrier.addr())];
    let settings = settings((Ipv4Addr::LOCALHOST, 0).into(), trunks, Vec::new());
    let left = sip::Left { dialogs: vec![(leg, stored)], bindings: Vec::new() };
    let mut restarted = world.dialer_of(sip::Settings { left, ..settings }).await?;
    let call = reports(&carrier, 1).await?.remove(0);
    assert_eq!(restarted.end(leg).await?, Event::Gone(leg));
    assert_eq!((call.outcome, call.ended_by), (Outcome::Answered, Party::Caller));
    Ok(())
}

#[tokio::test]
async fn a_trunk_is_asked_for_a_sign_of_life() -> Checked {
    let world = World::new();
    let carrier = world.carrier(Cast::ByLastDigit, carrier::Settings::default()).await?;
    let trunk = Trunk::new(TRUNK, carrier.addr().to_string());
    let mut dialer = world.dialer(vec![trunk], Vec::new()).await?;
    assert_eq!(dialer.next().await?, Event::Trunk(TRUNK, TrunkState::Up, None));
    Ok(())
}

#[tokio::test]
async fn a_number_is_dialled_in_the_trunks_form() -> Checked {
    let world = World::new();
    let carrier = world.carrier(Cast::ByLastDigit, carrier::Settings::default()).await?;
    let trunk = Trunk { called_form: NumberForm::NationalFr, ..quiet_trunk(carrier.addr()) };
    let mut dialer = world.dialer(vec![trunk], Vec::new()).await?;
    let leg = dialer.dial("+33199000005")?;
    dialer.end(leg).await?;
    assert_eq!(reports(&carrier, 1).await?[0].dialled.reveal(), "0199000005");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_placed_fails_at_once() -> Checked {
    let world = World::new();
    let mut dialer = world.dialer(Vec::new(), Vec::new()).await?;
    let leg = dialer.dial("+33199000000")?;
    let failed = |leg| Event::Failed {
        leg,
        failure: Failure::TrunkFault,
        status: 0,
        retry_after: None,
        reason: String::new(),
    };
    assert_eq!(dialer.next().await?, failed(leg));
    let leg = dialer.dial_agent(AgentId(4))?;
    assert_eq!(dialer.next().await?, failed(leg));
    Ok(())
}

#[tokio::test]
async fn an_address_in_use_or_unspecified_is_refused_with_a_reason() -> Checked {
    let world = World::new();
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    for (bind, expected) in [
        (taken.local_addr()?, "is another program using the port?"),
        ((Ipv4Addr::UNSPECIFIED, 0).into(), "set the public address as well"),
    ] {
        let Err(error) =
            sip::start(settings(bind, Vec::new(), Vec::new()), world.clock, &world.tasks).await
        else {
            return Err(format!("{bind} was taken").into());
        };
        assert!(error.to_string().contains(expected), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_trunk_without_an_address_is_down_and_holds_nobody_up() -> Checked {
    let world = World::new();
    let unknown = Trunk::new(TRUNK, "no-such-host.invalid");
    let mut dialer = world.dialer(vec![unknown.clone()], Vec::new()).await?;
    assert_eq!(
        dialer.events.recv().await,
        Some(Event::Trunk(TRUNK, TrunkState::Down, Some(Ailment::Nameless)))
    );
    assert!(matches!(dialer.sip.set_trunk(unknown).await, Err(SipError::Resolve { .. })));
    let Dialer { sip, events, .. } = dialer;
    drop((sip, events));
    world.tasks.finished().await;
    Ok(())
}
