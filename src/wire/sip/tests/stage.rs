//! The dialer alone, and a carrier written out by hand.

use super::*;

/// The dialer alone; the test plays the carrier.
pub(super) struct Stage {
    pub(super) dialer: Endpoint,
    pub(super) now: Mono,
    pub(super) carrier: SocketAddr,
}

impl Stage {
    pub(super) fn new(seed: u64) -> Self {
        let mut dialer = Endpoint::new(settings("127.0.0.1:5060", seed, false));
        dialer.set_trunk(trunk());
        Self { dialer, now: Mono::START, carrier: trunk().address.address }
    }

    /// A dialer whose trunk is as told.
    pub(super) fn over(trunk: Trunk) -> Self {
        let mut stage = Self::new(78);
        stage.dialer.set_trunk(trunk);
        stage
    }

    pub(super) fn dial(&mut self) -> String {
        self.dialer.invite(self.now, LEG, call()).expect("the trunk is known");
        self.next()
    }

    pub(super) fn say(&mut self, text: &str) {
        self.dialer.receive(self.now, self.carrier, text.as_bytes());
    }

    pub(super) fn wait(&mut self, span: Span) {
        let limit = self.now + span;
        while let Some(at) = self.dialer.next_timeout().filter(|at| *at <= limit) {
            self.dialer.handle_timeout(at);
        }
        self.now = limit;
    }

    /// Goes on to the next timer, whenever that is.
    pub(super) fn skip(&mut self) {
        self.now = self.dialer.next_timeout().expect("a timer runs");
        self.dialer.handle_timeout(self.now);
    }

    pub(super) fn sent(&mut self) -> Option<(SocketAddr, String)> {
        let transmit = self.dialer.poll_transmit()?;
        Some((transmit.to.address, String::from_utf8_lossy(&transmit.bytes).into_owned()))
    }

    /// Gives the only message sent.
    pub(super) fn next(&mut self) -> String {
        let (_, text) = self.sent().expect("a message was sent");
        assert_eq!(self.sent(), None, "and only one");
        text
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.dialer.poll_event()).collect()
    }
}

/// Answers a request: its fields copied, `tag` in To, `more` lines, `body`.
pub(super) fn answer(request: &str, status: &str, tag: &str, more: &str, body: &[u8]) -> String {
    let field = |name| header(request, name).expect("our requests are whole");
    let tag = if tag.is_empty() { String::new() } else { format!(";tag={tag}") };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         {more}{kind}Content-Length: {}\r\n\r\n{}",
        field("Via"),
        field("From"),
        field("To"),
        field("Call-ID"),
        field("CSeq"),
        body.len(),
        String::from_utf8_lossy(body),
    )
}

pub(super) const CONTACT: &str = "Contact: <sip:callee@127.0.0.10:5070>\r\n";

/// Writes a request of the callee's inside the dialog of this INVITE.
pub(super) fn inside(invite: &str, method: &str, cseq: u32, more: &str, body: &[u8]) -> String {
    let field = |name| header(invite, name).expect("our requests are whole");
    format!(
        "{method} sip:cadran@127.0.0.1:5060 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.10:5070;branch=z9hG4bK{method}{cseq};rport\r\n\
         Max-Forwards: 70\r\nFrom: {};tag=callee\r\nTo: {}\r\nCall-ID: {}\r\n\
         CSeq: {cseq} {method}\r\n{CONTACT}{more}Content-Length: {}\r\n\r\n{}",
        field("To"),
        field("From"),
        field("Call-ID"),
        body.len(),
        String::from_utf8_lossy(body),
    )
}

/// A dialer that talks; gives its INVITE.
pub(super) fn talking(stage: &mut Stage) -> String {
    let invite = stage.dial();
    stage.say(&answer(&invite, "200 OK", "callee", CONTACT, ANSWER));
    stage.next();
    stage.events();
    invite
}
