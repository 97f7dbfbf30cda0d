//! Everything that can happen to two endpoints and the network between them, in any order.

use std::collections::VecDeque;
use std::net::SocketAddr;

use cadran::units::{LegId, Mono, Span};
use cadran::wire::sip::{Endpoint, Event, StoredDialog, Target};

use super::script::Script;
use super::stage::{
    AGENT, ANSWER, CARRIER, DIALER, FIXED, OFFER, PHONE, TRUNK, about, call, claim_rest, endpoint,
    events, phone, registering, sent, trunk,
};

/// Steps that one run takes: a call with every extension has thirty or so.
const STEPS_MAX: usize = 400;
/// Datagrams on their way; the network loses the oldest beyond that.
const FLIGHT_MAX: usize = 64;

/// Statuses that are answered differently.
const STATUSES: [&str; 16] = [
    "100 Trying",
    "180 Ringing",
    "183 Session Progress",
    "199 Early Dialog Terminated",
    "200 OK",
    "202 Accepted",
    "302 Moved Temporarily",
    "401 Unauthorized",
    "407 Proxy Authentication Required",
    "408 Request Timeout",
    "422 Session Interval Too Small",
    "423 Interval Too Brief",
    "481 Call/Transaction Does Not Exist",
    "487 Request Terminated",
    "491 Request Pending",
    "503 Service Unavailable",
];

/// Lines that change what a message means.
const LINES: [&str; 16] = [
    "Require: 100rel\r\nRSeq: 1\r\n",
    "Require: 100rel\r\nRSeq: 4294967295\r\n",
    "RAck: 1 1 INVITE\r\n",
    "Supported: timer, 100rel\r\n",
    "Require: timer\r\nSession-Expires: 90;refresher=uac\r\n",
    "Session-Expires: 90;refresher=uas\r\n",
    "Min-SE: 3600\r\n",
    "Min-Expires: 3600\r\n",
    "Retry-After: 1\r\n",
    "Contact: <sip:b@127.0.0.10:5070>\r\n",
    "Contact: <sip:c@127.0.0.20:5080>;expires=60\r\n",
    "Record-Route: <sip:127.0.0.10;lr>\r\n",
    "Service-Route: <sip:127.0.0.10:5071;lr>\r\n",
    "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n",
    "Proxy-Authenticate: Digest realm=\"r\", nonce=\"m\", stale=true\r\n",
    "Content-Type: application/sdp\r\n",
];

/// Methods that are asked for inside a call.
const METHODS: [&str; 8] = ["INVITE", "ACK", "BYE", "CANCEL", "UPDATE", "PRACK", "INFO", "OPTIONS"];

/// Lets a script happen, and claims that everything comes to an end afterwards.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let mut world = World::new();
    for _ in 0..STEPS_MAX {
        let Some(deed) = script.byte() else { break };
        world.step(deed, &mut script);
        world.look();
    }
    for side in &mut world.sides {
        claim_rest(&mut side.endpoint, world.now, &mut side.legs);
    }
}

/// An endpoint and what is known of it.
struct Side {
    at: SocketAddr,
    endpoint: Endpoint,
    /// The legs that have not ended.
    legs: Vec<LegId>,
    next_leg: u64,
    dialogs: Vec<StoredDialog>,
    /// The latest request it sent, and the latest INVITE.
    asked: Vec<u8>,
    invited: Vec<u8>,
}

impl Side {
    fn new(at: SocketAddr, open: bool) -> Self {
        let (asked, invited) = (Vec::new(), Vec::new());
        let (legs, dialogs) = (Vec::new(), Vec::new());
        Self { at, endpoint: endpoint(at, open), legs, next_leg: 1, dialogs, asked, invited }
    }

    fn take(&mut self, event: Event) {
        if let Some((leg, last)) = about(&event) {
            if matches!(event, Event::Incoming(_)) {
                assert!(!self.legs.contains(&leg), "a leg came in twice");
                self.legs.push(leg);
            }
            assert!(self.legs.contains(&leg), "{event:?} after the end");
            if last {
                self.legs.retain(|open| *open != leg);
            }
        }
        if let Event::Dialog(_, dialog) = event {
            self.dialogs = vec![dialog];
        }
    }

    /// Says something in the name of an engine; what makes no sense is refused, which is fine.
    fn command(&mut self, now: Mono, script: &mut Script<'_>) {
        let what = script.below(12);
        let leg = script.below(self.legs.len() + 1);
        let leg = self.legs.get(leg).copied().unwrap_or(LegId(0));
        let end = &mut self.endpoint;
        let _refused = match what {
            0 | 1 => {
                let target = match what {
                    0 => Target::Trunk(TRUNK, "+33199001234".to_owned()),
                    _ => Target::Phone(if leg.0 % 2 == 0 { AGENT } else { FIXED }),
                };
                let new = LegId(self.next_leg);
                let placed = end.invite(now, new, call(target));
                if placed.is_ok() {
                    self.next_leg += 1;
                    self.legs.push(new);
                }
                placed
            }
            2 => end.cancel(now, leg),
            3 => end.hang_up(now, leg),
            4 => end.ring(now, leg),
            5 => end.progress(now, leg, ANSWER.to_vec()),
            6 => end.accept(now, leg, ANSWER.to_vec()),
            7 => end.reject(now, leg, 300 + u16::from(script.byte().unwrap_or(0)), &[]),
            8 => end.reoffer(now, leg, OFFER.to_vec()),
            9 => end.send_options(now, TRUNK),
            10 => match self.dialogs.first() {
                Some(dialog) => {
                    let stale = LegId(self.next_leg);
                    let begun = end.end_stale(now, stale, dialog);
                    if begun.is_ok() {
                        self.next_leg += 1;
                        self.legs.push(stale);
                    }
                    begun
                }
                None => Ok(()),
            },
            _ => {
                self.arrange(now, script.below(8));
                Ok(())
            }
        };
    }

    /// Changes what the endpoint knows of its peers.
    fn arrange(&mut self, now: Mono, what: usize) {
        let end = &mut self.endpoint;
        match what {
            0 => end.set_trunk(trunk()),
            1 => end.set_trunk(registering()),
            2 => end.remove_trunk(TRUNK),
            3 => end.set_phone(phone(AGENT)),
            4 => end.remove_phone(AGENT),
            5 => end.set_phone(phone(FIXED)),
            6 => end.remove_phone(FIXED),
            _ => end.unregister(now),
        }
    }
}

/// A datagram on its way.
#[derive(Clone)]
struct Flying {
    /// The place of the side it goes to.
    to: usize,
    from: SocketAddr,
    bytes: Vec<u8>,
}

struct World {
    now: Mono,
    sides: [Side; 2],
    flight: VecDeque<Flying>,
}

impl World {
    fn new() -> Self {
        let sides = [Side::new(DIALER, false), Side::new(CARRIER, true)];
        Self { now: Mono::START, sides, flight: VecDeque::new() }
    }

    fn step(&mut self, deed: u8, script: &mut Script<'_>) {
        match deed % 16 {
            0..=2 => self.deliver(0, |_| {}),
            3 => drop(self.flight.pop_front()),
            4 => {
                if let Some(first) = self.flight.front().cloned() {
                    self.flight.push_back(first);
                }
            }
            5 => self.deliver(script.below(FLIGHT_MAX), |_| {}),
            6 => {
                let (place, byte) = (script.below(1_024), script.byte().unwrap_or(0));
                self.deliver(0, |flying| {
                    if let Some(changed) = flying.bytes.get_mut(place) {
                        *changed = byte;
                    }
                });
            }
            7 => {
                let line = LINES[script.below(LINES.len())];
                self.deliver(0, |flying| insert(&mut flying.bytes, line));
            }
            8 | 9 => self.sides[0].command(self.now, script),
            10 => self.sides[1].command(self.now, script),
            11 => {
                let next = self.sides.iter().filter_map(|side| side.endpoint.next_timeout()).min();
                self.pass(next.unwrap_or(self.now));
            }
            12 => self.pass(self.now + Span::millis(100 * u64::from(script.byte().unwrap_or(0)))),
            13 => self.respond(script),
            14 => self.request(script),
            _ => {
                let length = script.below(256);
                let bytes = script.take(length).to_vec();
                let from = if length.is_multiple_of(2) { CARRIER } else { PHONE };
                self.launch(Flying { to: 0, from, bytes });
            }
        }
    }

    fn deliver(&mut self, place: usize, change: impl FnOnce(&mut Flying)) {
        let place = place.checked_rem(self.flight.len()).unwrap_or(0);
        let Some(mut flying) = self.flight.remove(place) else { return };
        change(&mut flying);
        let now = self.now;
        self.sides[flying.to].endpoint.receive(now, flying.from, &flying.bytes);
    }

    fn launch(&mut self, flying: Flying) {
        if self.flight.len() == FLIGHT_MAX {
            self.flight.pop_front();
        }
        self.flight.push_back(flying);
    }

    fn pass(&mut self, until: Mono) {
        for side in &mut self.sides {
            if side.endpoint.next_timeout().is_some_and(|next| next <= until) {
                side.endpoint.handle_timeout(until);
            }
        }
        self.now = self.now.max(until);
    }

    /// Answers the latest request of either side with a status and a line of no matter what.
    fn respond(&mut self, script: &mut Script<'_>) {
        let place = script.below(2);
        let status = STATUSES[script.below(STATUSES.len())];
        let line = LINES[script.below(LINES.len())];
        let tag = [";tag=one", ";tag=two", ""][script.below(3)];
        let request = String::from_utf8_lossy(&self.sides[place].asked).into_owned();
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            let value = header(&request, name);
            let tag = if name == "To" && !value.contains(";tag=") { tag } else { "" };
            text.push_str(&format!("{name}: {value}{tag}\r\n"));
        }
        text.push_str(&format!("Contact: <sip:b@127.0.0.10:5070>\r\n{line}\r\n"));
        let from = self.sides[1 - place].at;
        self.launch(Flying { to: place, from, bytes: text.into_bytes() });
    }

    /// Asks the side that sent the latest INVITE for something within its dialog.
    fn request(&mut self, script: &mut Script<'_>) {
        let place = script.below(2);
        let method = METHODS[script.below(METHODS.len())];
        let line = LINES[script.below(LINES.len())];
        let tag = [";tag=one", ";tag=two", ""][script.below(3)];
        let cseq = script.below(4);
        let invite = String::from_utf8_lossy(&self.sides[place].invited).into_owned();
        let side = &self.sides[1 - place];
        let text = format!(
            "{method} sip:cadran@{} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{cseq};rport\r\n\
             Max-Forwards: 70\r\nFrom: {}{tag}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\
             \r\nContact: <sip:b@127.0.0.10:5070>\r\n{line}\r\n",
            self.sides[place].at,
            side.at,
            header(&invite, "To"),
            header(&invite, "From"),
            header(&invite, "Call-ID"),
        );
        let from = side.at;
        self.launch(Flying { to: place, from, bytes: text.into_bytes() });
    }

    /// Puts what was sent on its way, takes what was reported, and compares the accounts.
    fn look(&mut self) {
        for place in 0..self.sides.len() {
            let other = self.sides[1 - place].at;
            let side = &mut self.sides[place];
            let transmits = sent(&mut side.endpoint);
            for event in events(&mut side.endpoint) {
                side.take(event);
            }
            assert_eq!(side.endpoint.legs(), side.legs.len(), "legs that nobody told of");
            let from = side.at;
            for transmit in transmits {
                let side = &mut self.sides[place];
                if !transmit.bytes.starts_with(b"SIP/") {
                    side.asked.clone_from(&transmit.bytes);
                }
                if transmit.bytes.starts_with(b"INVITE ") {
                    side.invited.clone_from(&transmit.bytes);
                }
                if transmit.to == other.into() {
                    self.launch(Flying { to: 1 - place, from, bytes: transmit.bytes });
                }
            }
        }
    }
}

/// Inserts a line after the first.
fn insert(message: &mut Vec<u8>, line: &str) {
    if let Some(end) = message.iter().position(|byte| *byte == b'\n') {
        message.splice(end + 1..end + 1, line.bytes());
    }
}

fn header<'t>(text: &'t str, name: &str) -> &'t str {
    let fits = |line: &'t str| line.strip_prefix(name)?.strip_prefix(": ");
    text.lines().find_map(fits).unwrap_or_default()
}
