//! Endpoints with every extension on, and what must be true of whatever they send.

use std::net::SocketAddr;

use cadran::units::{AgentId, LegId, Mono, Span, TrunkId};
use cadran::wire::sip::{
    Credentials, EarlyMedia, Endpoint, Event, Ha1, Identity, Invite, Phone, Refresher,
    Registration, Reliability, SessionTimers, Settings, Target, TimerMode, Transmit, Trunk, Way,
};

/// The trunk every call goes over.
pub const TRUNK: TrunkId = TrunkId(1);
/// An agent whose phone registers; its account is `a1`.
pub const AGENT: AgentId = AgentId(1);
/// An agent whose phone has a fixed contact.
pub const FIXED: AgentId = AgentId(2);
/// Where the dialer is.
pub const DIALER: SocketAddr = local(1, 5060);
/// Where the carrier is.
pub const CARRIER: SocketAddr = local(10, 5070);
/// Where the agents' phones are.
pub const PHONE: SocketAddr = local(20, 5080);

/// Session descriptions are read by a target of their own.
pub const OFFER: &[u8] = b"v=0\r\nm=audio 40000 RTP/AVP 8\r\n";
/// What answers it.
pub const ANSWER: &[u8] = b"v=0\r\nm=audio 20000 RTP/AVP 8\r\n";

/// Timers that one endpoint may let pass before it comes to rest: a call has seven or so, and
/// repeats each request up to ten times.
const TIMERS_MAX: usize = 100_000;

const fn local(host: u8, port: u16) -> SocketAddr {
    let ip = std::net::Ipv4Addr::new(127, 0, 0, host);
    SocketAddr::V4(std::net::SocketAddrV4::new(ip, port))
}

/// Gives a trunk that speaks every extension.
pub fn trunk() -> Trunk {
    Trunk {
        credentials: Some(Credentials { user: "u".to_owned(), password: "p".to_owned() }),
        identity: Identity {
            account: Some("u".to_owned()),
            asserted: true,
            preferred: true,
            remote_party: true,
            diversion: Some("+33199000000".to_owned()),
            ..Identity::default()
        },
        redirects_max: 2,
        call_header: true,
        session: SessionTimers {
            mode: TimerMode::Ask,
            refresher: Refresher::Us,
            ..SessionTimers::default()
        },
        reliable: Reliability::Supported,
        early_media: EarlyMedia::Authorised,
        ..Trunk::new(TRUNK, CARRIER)
    }
}

/// Gives the same trunk with an account that registers.
pub fn registering() -> Trunk {
    let register = Registration {
        registrar: "carrier.test".to_owned(),
        domain: "carrier.test".to_owned(),
        ways: vec![Way { hop: CARRIER.into(), priority: 0, weight: 0 }],
        expires: Span::secs(600),
    };
    Trunk { register: Some(register), ..trunk() }
}

/// Gives an agent's phone.
pub fn phone(agent: AgentId) -> Phone {
    let fixed = agent == FIXED;
    // Hashes of nothing: no password fits, and reading comes before.
    let ha1 = Ha1 { md5: "0".repeat(32), sha256: "0".repeat(64) };
    Phone {
        agent,
        user: format!("a{}", agent.0),
        ha1: (!fixed).then_some(ha1),
        contact: fixed.then(|| (format!("sip:a2@{PHONE}"), PHONE.into())),
    }
}

/// Gives an endpoint that knows the trunk and both phones.
pub fn endpoint(local: SocketAddr, open: bool) -> Endpoint {
    let mut endpoint = bare(local, open);
    endpoint.set_trunk(trunk());
    endpoint.set_phone(phone(AGENT));
    endpoint.set_phone(phone(FIXED));
    endpoint
}

fn bare(local: SocketAddr, open: bool) -> Endpoint {
    let texts = ["cadran", "cadran.test"].map(str::to_owned);
    let [user_agent, realm] = texts;
    Endpoint::new(Settings { local, others: Vec::new(), user_agent, seed: 7, realm, open })
}

/// Gives the usual call.
pub fn call(target: Target) -> Invite {
    Invite {
        target,
        from: Some("+33199005678".to_owned()),
        offer: OFFER.to_vec(),
        call_ref: Some("C1".to_owned()),
    }
}

/// Gives the leg an event is about, and whether it is the leg's last.
pub fn about(event: &Event) -> Option<(LegId, bool)> {
    match event {
        Event::Ringing(leg)
        | Event::Progress(leg, _)
        | Event::Answered(leg, _)
        | Event::Dialog(leg, _)
        | Event::Offer(leg, _)
        | Event::Acked(leg, _)
        | Event::Reoffered(leg, _, _)
        | Event::Transferred { leg, .. }
        | Event::TransferWanted(leg, _)
        | Event::Digit(leg, _) => Some((*leg, false)),
        Event::Failed { leg, .. } | Event::Ended { leg, .. } | Event::Gone(leg) => {
            Some((*leg, true))
        }
        Event::Incoming(incoming) => Some((incoming.leg, false)),
        Event::Phone(..) | Event::Bound(..) | Event::Options(..) | Event::Registered(..) => None,
    }
}

/// Takes everything an endpoint wants to send.
pub fn sent(endpoint: &mut Endpoint) -> Vec<Transmit> {
    std::iter::from_fn(|| endpoint.poll_transmit()).collect()
}

/// Takes everything an endpoint reports.
pub fn events(endpoint: &mut Endpoint) -> Vec<Event> {
    std::iter::from_fn(|| endpoint.poll_event()).collect()
}

/// Claims that another endpoint can read what this one sent: no peer's text broke its frame.
pub fn claim_readable(transmit: &Transmit) {
    // An ACK says back to the far end what it called itself, readable or not (RFC 3261 §17.1.1.3);
    // so does the answer to what could not be read, its Via among it (RFC 4475 §3.1.2.1), or is of
    // a version whose fields are unknown (§3.1.2.16).
    let said_back = [&b"ACK "[..], b"SIP/2.0 400 ", b"SIP/2.0 505 "];
    if said_back.iter().any(|start| transmit.bytes.starts_with(start)) {
        return;
    }
    let mut reader = bare(CARRIER, true);
    reader.receive(Mono::START, DIALER, &transmit.bytes);
    let shown = || String::from_utf8_lossy(&transmit.bytes).into_owned();
    assert_eq!(reader.counters().garbage, 0, "sent what is no message: {}", shown());
    for answer in sent(&mut reader) {
        let bad = [&b"SIP/2.0 400 "[..], b"SIP/2.0 416 ", b"SIP/2.0 505 "];
        let refused = bad.iter().any(|status| answer.bytes.starts_with(status));
        assert!(!refused, "sent what is refused: {}", shown());
    }
}

/// Lets every timer pass and claims that nothing is left: the legs are hung up as often as it
/// takes, and nobody answers any more.
pub fn claim_rest(endpoint: &mut Endpoint, mut now: Mono, legs: &mut Vec<LegId>) {
    endpoint.unregister(now);
    for _ in 0..TIMERS_MAX {
        for leg in legs.clone() {
            // A leg that is being hung up already may be told so again.
            let _again = endpoint.hang_up(now, leg);
        }
        sent(endpoint);
        for event in events(endpoint) {
            match about(&event) {
                Some((leg, true)) => legs.retain(|open| *open != leg),
                Some((leg, false)) if !legs.contains(&leg) => panic!("{event:?} after the end"),
                Some(_) | None => {}
            }
        }
        let Some(next) = endpoint.next_timeout() else { break };
        now = now.max(next);
        endpoint.handle_timeout(now);
    }
    assert_eq!(endpoint.next_timeout(), None, "timers go on for ever");
    assert_eq!(endpoint.legs(), 0, "legs are left");
    assert_eq!(endpoint.unfinished(), 0, "something is unfinished");
    assert_eq!(endpoint.transactions(), 0, "transactions are left");
    assert_eq!(legs, &[], "legs never ended");
}
