//! The values in the fields of SIP: each stands in a message that is otherwise in order.
//!
//! The first byte says which message. The lines after it are fields: the first of a name takes
//! the place of the message's own, a further one is added; `-:` is the start line, `~:` the
//! method; what follows an empty line is the body.

use std::net::SocketAddr;

use cadran::units::{LegId, Mono, Span};
use cadran::wire::sip::{Endpoint, Target};

use super::stage::{
    AGENT, ANSWER, CARRIER, DIALER, OFFER, PHONE, TRUNK, about, call, claim_readable, claim_rest,
    endpoint, events, phone, registering, sent,
};

const LEG: LegId = LegId(1);

/// Gives messages with the fields told to an endpoint, in the place told.
pub fn run(data: &[u8]) {
    let Some((place, text)) = data.split_first() else { return };
    let told = Told::read(text);
    match place % 6 {
        0 => comes_in(&told),
        1 => answers(&told),
        2 => changes(&told),
        3 => registers(&told),
        4 => wants_to_register(&told),
        _ => pings(&told),
    }
}

/// The fields told, and the body if there is one.
struct Told<'d> {
    fields: Vec<(&'d [u8], &'d [u8])>,
    body: Option<&'d [u8]>,
}

impl<'d> Told<'d> {
    fn read(text: &'d [u8]) -> Self {
        let (mut fields, mut rest) = (Vec::new(), text);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            if line.is_empty() {
                return Self { fields, body: Some(rest) };
            }
            fields.extend(field(line));
        }
        fields.extend(field(rest));
        Self { fields, body: None }
    }

    fn named(&self, name: &[u8]) -> Option<&'d [u8]> {
        self.fields.iter().find(|(told, _)| *told == name).map(|(_, value)| *value)
    }

    /// Writes a message: a start line, its own fields, and what was told.
    fn write(&self, start: &str, own: &str, body: &[u8]) -> Vec<u8> {
        let mut message = self.named(b"-").unwrap_or(start.as_bytes()).to_vec();
        message.extend(b"\r\n");
        let mut written = Vec::new();
        for (name, value) in own.lines().filter_map(|line| field(line.as_bytes())) {
            let value = self.named(name).unwrap_or(value);
            message.extend([name, b": ", value, b"\r\n"].concat());
            written.push(name);
        }
        for (name, value) in &self.fields {
            let placed = written.iter().position(|own| own == name);
            match placed {
                Some(place) => drop(written.swap_remove(place)),
                None if matches!(*name, b"-" | b"~") => {}
                None => message.extend([name, &b": "[..], value, b"\r\n"].concat()),
            }
        }
        let body = self.body.unwrap_or(body);
        let length = format!("Content-Length: {}\r\n\r\n", body.len());
        message.extend([length.as_bytes(), body].concat());
        message
    }
}

fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at(colon);
    Some((name, value.get(1..)?.trim_ascii_start()))
}

/// An endpoint, what it sent last, and its legs.
struct Stage {
    endpoint: Endpoint,
    now: Mono,
    said: Vec<String>,
    legs: Vec<LegId>,
}

impl Stage {
    fn new() -> Self {
        Self {
            endpoint: endpoint(DIALER, true),
            now: Mono::START,
            said: Vec::new(),
            legs: Vec::new(),
        }
    }

    /// Checks what was sent, and takes note of the legs there are.
    fn look(&mut self, readable: bool) {
        for transmit in sent(&mut self.endpoint) {
            if readable {
                claim_readable(&transmit);
            }
            self.said.push(String::from_utf8_lossy(&transmit.bytes).into_owned());
        }
        for event in events(&mut self.endpoint) {
            match about(&event) {
                Some((leg, true)) => self.legs.retain(|open| *open != leg),
                Some((leg, false)) if !self.legs.contains(&leg) => self.legs.push(leg),
                Some(_) | None => {}
            }
        }
    }

    fn hear(&mut self, from: SocketAddr, message: &[u8], readable: bool) {
        self.endpoint.receive(self.now, from, message);
        self.look(readable);
    }

    /// Answers our latest request with the fields told.
    fn answer(&mut self, told: &Told<'_>, status: &str, more: &str, body: &[u8]) {
        let Some(request) = self.said.iter().rev().find(|text| !text.starts_with("SIP/")) else {
            return;
        };
        let own = copied(request) + more;
        let message = told.write(&format!("SIP/2.0 {status}"), &own, body);
        self.hear(CARRIER, &message, true);
    }

    /// Places a call and has it answered.
    fn talk(&mut self) {
        self.dial();
        let none = Told { fields: Vec::new(), body: None };
        self.answer(&none, "200 OK", CONTACT, ANSWER);
    }

    fn dial(&mut self) {
        let target = Target::Trunk(TRUNK, "+33199001234".to_owned());
        let placed = self.endpoint.invite(self.now, LEG, call(target));
        placed.expect("the trunk is known and the leg is new");
        self.legs.push(LEG);
        self.look(true);
    }

    fn wait(&mut self, span: Span) {
        let until = self.now + span;
        while let Some(next) = self.endpoint.next_timeout().filter(|next| *next <= until) {
            self.now = next.max(self.now);
            self.endpoint.handle_timeout(self.now);
            self.look(true);
        }
        self.now = until;
    }

    fn rest(mut self) {
        claim_rest(&mut self.endpoint, self.now, &mut self.legs);
    }
}

const CONTACT: &str = "Contact: <sip:callee@127.0.0.10:5070>\r\n";

/// Gives the fields a response copies, with a tag in To.
fn copied(request: &str) -> String {
    let mut copied = String::new();
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        let value = header(request, name);
        let tagged = name == "To" && !value.contains(";tag=");
        let tag = if tagged { ";tag=callee" } else { "" };
        copied.push_str(&format!("{name}: {value}{tag}\r\n"));
    }
    copied
}

fn header<'t>(text: &'t str, name: &str) -> &'t str {
    let fits = |line: &'t str| line.strip_prefix(name)?.strip_prefix(": ");
    text.lines().find_map(fits).unwrap_or_default()
}

fn request(told: &Told<'_>, method: &str, own: &str, body: &[u8]) -> Vec<u8> {
    let named = told.named(b"~").map(|name| String::from_utf8_lossy(name).into_owned());
    let method = named.as_deref().unwrap_or(method);
    let cseq = format!("CSeq: 7 {method}\r\nMax-Forwards: 70\r\n");
    told.write(&format!("{method} sip:a1@127.0.0.1 SIP/2.0"), &(own.to_owned() + &cseq), body)
}

/// A call comes in, is answered and ended.
fn comes_in(told: &Told<'_>) {
    let mut stage = Stage::new();
    let own = "Via: SIP/2.0/UDP 127.0.0.20:5080;branch=z9hG4bK1;rport\r\n\
               From: <sip:a2@cadran.test>;tag=1\r\nTo: <sip:b@cadran.test>\r\n\
               Call-ID: 1\r\nContact: <sip:a2@127.0.0.20:5080>\r\n\
               Supported: timer, 100rel\r\nContent-Type: application/sdp\r\n";
    stage.hear(PHONE, &request(told, "INVITE", own, OFFER), false);
    for leg in stage.legs.clone() {
        // Some of this makes no sense in the state the message led to, and is refused.
        let _ringing = stage.endpoint.ring(stage.now, leg);
        stage.look(true);
        let _early = stage.endpoint.progress(stage.now, leg, ANSWER.to_vec());
        stage.wait(Span::secs(1));
        let _answered = stage.endpoint.accept(stage.now, leg, ANSWER.to_vec());
        stage.look(true);
        stage.wait(Span::secs(40));
    }
    stage.rest();
}

/// The carrier answers our call, twice alike.
fn answers(told: &Told<'_>) {
    let mut stage = Stage::new();
    stage.dial();
    for _ in 0..2 {
        stage.answer(told, "183 Session Progress", CONTACT, ANSWER);
    }
    stage.wait(Span::secs(2));
    stage.rest();
}

/// The far end asks for something in the middle of a call.
fn changes(told: &Told<'_>) {
    let mut stage = Stage::new();
    stage.talk();
    let said = stage.said.first().cloned().unwrap_or_default();
    let own = format!(
        "Via: SIP/2.0/UDP 127.0.0.10:5070;branch=z9hG4bK2;rport\r\nFrom: {};tag=callee\r\n\
         To: {}\r\nCall-ID: {}\r\n{CONTACT}Content-Type: application/sdp\r\n",
        header(&said, "To"),
        header(&said, "From"),
        header(&said, "Call-ID"),
    );
    stage.hear(CARRIER, &request(told, "UPDATE", &own, OFFER), false);
    for leg in stage.legs.clone() {
        let _answered = stage.endpoint.accept(stage.now, leg, ANSWER.to_vec());
        stage.look(true);
        let _offered = stage.endpoint.reoffer(stage.now, leg, OFFER.to_vec());
        stage.look(true);
        stage.answer(told, "200 OK", CONTACT, ANSWER);
    }
    stage.wait(Span::secs(2));
    stage.rest();
}

/// The registrar answers our REGISTER; then a call goes the way it told us.
fn registers(told: &Told<'_>) {
    let mut stage = Stage::new();
    stage.endpoint.set_trunk(registering());
    stage.wait(Span::millis(1));
    let contact = "Contact: <sip:u@127.0.0.1:5060>;expires=600\r\n";
    for _ in 0..2 {
        stage.answer(told, "200 OK", contact, &[]);
    }
    stage.dial();
    stage.answer(told, "200 OK", CONTACT, ANSWER);
    stage.wait(Span::secs(2));
    stage.rest();
}

/// A phone registers with us; then its agent is called.
fn wants_to_register(told: &Told<'_>) {
    let mut stage = Stage::new();
    stage.endpoint.set_phone(phone(AGENT));
    let own = "Via: SIP/2.0/UDP 127.0.0.20:5080;branch=z9hG4bK3;rport\r\n\
               From: <sip:a1@cadran.test>;tag=1\r\nTo: <sip:a1@cadran.test>\r\n\
               Call-ID: 3\r\nContact: <sip:a1@127.0.0.20:5080>;expires=600\r\n";
    for _ in 0..2 {
        stage.hear(PHONE, &request(told, "REGISTER", own, &[]), false);
    }
    // Without the right password no phone is bound, and the call is refused.
    if stage.endpoint.invite(stage.now, LEG, call(Target::Phone(AGENT))).is_ok() {
        stage.legs.push(LEG);
    }
    stage.look(true);
    stage.rest();
}

/// The trunk answers a sign of life.
fn pings(told: &Told<'_>) {
    let mut stage = Stage::new();
    stage.endpoint.send_options(stage.now, TRUNK).expect("the trunk is known");
    stage.look(true);
    for _ in 0..2 {
        stage.answer(told, "200 OK", "", &[]);
    }
    stage.rest();
}
