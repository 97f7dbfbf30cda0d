//! The client transactions of RFC 3261 §17.1, with the Accepted state of RFC 6026.
//!
//! ```text
//! INVITE:  Calling ─► Proceeding ─► Completed (300–699, timer D) ─► gone
//!             └────────────┴──────► Accepted  (2xx, timer M)     ─► gone
//! others:  Trying ─► Pending ─► Finished (timer K) ─► gone
//! ```

use super::event::Hop;
use super::lexer::{Message, Name};
use super::net::{Due, Net, T1, T1_64, T2, T4};
use super::slab::{Key, Slab};
use super::values::{Address, Method};
use crate::units::{Mono, Span, TrunkId};

/// How many client transactions may live at once: 2,000 attempts a second, each lingering 32 s
/// after its refusal (timer D), twice over.
const CLIENTS_MAX: usize = 131_072;
/// How many forks of one INVITE are acknowledged; further 2xx are left to their senders' timers.
const FORKS_MAX: usize = 8;
/// How long a server of several may be silent before the next is asked. RFC 3263 §4.3 waits for
/// timer F, 32 s, but leaves open what else tells a client that a server failed; RFC 5626 §4.4.1
/// takes a far end for dead that says nothing for 10 s. Over UDP five copies went there by then.
const SILENT: Span = Span::secs(10);
/// The magic cookie of RFC 3261 §8.1.1.7.
pub(super) const COOKIE: &str = "z9hG4bK";

/// Who hears of a transaction's fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Leg(Key),
    /// A sign of life, which so many further ways of the trunk may still be asked for.
    Ping(TrunkId, usize),
    /// A REGISTER, with which so many further ways to the registrar may still be tried.
    Register(TrunkId, usize),
    Nobody,
}

impl Owner {
    /// Gives how long a request may go without any answer: where another server is left, it is
    /// asked once this one is taken for dead, and not when the transaction is over.
    const fn patience(self) -> Span {
        match self {
            Self::Ping(_, 1..) | Self::Register(_, 1..) => SILENT,
            Self::Ping(_, 0) | Self::Register(_, 0) | Self::Leg(_) | Self::Nobody => T1_64,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum State {
    Calling { pause: Span, end: Mono },
    Proceeding,
    Completed,
    Accepted,
    Trying { pause: Span, end: Mono },
    Pending { end: Mono },
    Finished,
}

/// A request of ours under way, or lingering to recognise repeated answers.
#[derive(Debug)]
struct Client {
    to: Hop,
    owner: Owner,
    method: Method,
    state: State,
    due: Option<Mono>,
    /// The whole request while it may be repeated; then, for an INVITE, its request URI and its
    /// Route lines, as its ACK repeats them.
    request: Vec<u8>,
    acks: Vec<Ack>,
    /// The CANCEL of an INVITE, which has the INVITE's branch (§9.1).
    cancel: Option<Key>,
}

// Of a refused attempt this lingers, with its request URI and its timer, for 32 seconds.
const _: () = assert!(size_of::<Client>() <= 192);

/// The ACK to one fork's 2xx.
#[derive(Debug)]
pub(super) struct Ack {
    pub(super) tag: Vec<u8>,
    pub(super) to: Hop,
    pub(super) bytes: Vec<u8>,
}

/// What a response or a timer means to the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Provisional,
    Success,
    Failure,
    Timeout,
}

/// A transaction's news.
#[derive(Clone, Copy, Debug)]
pub(super) struct News {
    pub(super) key: Key,
    pub(super) owner: Owner,
    pub(super) method: Method,
    pub(super) to: Hop,
    pub(super) outcome: Outcome,
}

/// Every client transaction.
#[derive(Debug)]
pub(super) struct Clients(Slab<Client>);

impl Clients {
    pub(super) fn new() -> Self {
        Self(Slab::new(CLIENTS_MAX))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether no new call or ping may begin; what ends a call always may.
    pub(super) fn is_full(&self) -> bool {
        self.0.is_full()
    }

    /// Gives the request URI of an INVITE that was answered.
    pub(super) fn request_uri(&self, key: Key) -> Option<Vec<u8>> {
        self.0.get(key).map(|client| client.kept().0.to_vec())
    }

    /// Gives the leg whose business a transaction is.
    pub(super) fn leg(&self, key: Key) -> Option<Key> {
        match self.0.get(key)?.owner {
            Owner::Leg(leg) => Some(leg),
            Owner::Ping(..) | Owner::Register(..) | Owner::Nobody => None,
        }
    }

    /// Gives the key of the next transaction: its branch is written before it begins.
    pub(super) fn next_key(&self, net: &mut Net) -> Key {
        self.0.next_key(net.draw())
    }

    /// Sends a request and begins its transaction.
    pub(super) fn begin(
        &mut self,
        net: &mut Net,
        (key, owner, method): (Key, Owner, Method),
        to: Hop,
        request: Vec<u8>,
    ) {
        let end = net.now + owner.patience();
        net.send_copy(to, &request);
        let state = if method == Method::Invite {
            State::Calling { pause: T1, end }
        } else {
            State::Trying { pause: T1, end }
        };
        let mut due = None;
        let first = if to.transport.is_reliable() { end } else { net.now + T1 };
        net.set_timer(Due::Client(key), &mut due, Some(first));
        net.awaited.set(&mut None, Some(to.ip()));
        let acks = Vec::new();
        self.0.insert(key, Client { to, owner, method, state, due, request, acks, cancel: None });
    }

    /// Sends the CANCEL of an INVITE, once, and begins its transaction.
    pub(super) fn cancel(&mut self, net: &mut Net, invite: Key, to: Hop, request: Vec<u8>) {
        let key = self.next_key(net);
        if let Some(client) = self.0.get_mut(invite) {
            client.cancel = Some(key);
            self.begin(net, (key, Owner::Nobody, Method::Cancel), to, request);
        }
    }

    /// Finds the transaction a branch names (RFC 3261 §17.1.3), if its method matches.
    pub(super) fn find(&self, branch: &[u8], method: &[u8]) -> Option<(Key, Hop)> {
        let mut key = branch_key(branch)?;
        let mut client = self.0.get(key)?;
        if method == b"CANCEL" {
            key = client.cancel?;
            client = self.0.get(key)?;
        }
        (client.method.name().as_bytes() == method).then_some((key, client.to))
    }

    /// Takes a response to a transaction in; gives news if it is the owner's business.
    pub(super) fn response(
        &mut self,
        net: &mut Net,
        key: Key,
        status: u16,
        message: &Message<'_>,
    ) -> Option<News> {
        let client = self.0.get_mut(key)?;
        let reliable = client.to.transport.is_reliable();
        let (state, due, outcome) = match client.state {
            State::Calling { .. } if status < 200 => {
                // Nobody cancels what was left to itself: it ends by its own time.
                let left = client.owner == Owner::Nobody;
                let end = left.then(|| net.now + T1_64);
                (State::Proceeding, end, Outcome::Provisional)
            }
            State::Proceeding if status < 200 => {
                (State::Proceeding, client.due, Outcome::Provisional)
            }
            State::Calling { .. } | State::Proceeding if status < 300 => {
                (State::Accepted, Some(net.now + T1_64), Outcome::Success)
            }
            State::Calling { .. } | State::Proceeding => {
                (State::Completed, Some(net.now + T1_64), Outcome::Failure)
            }
            State::Completed if status >= 300 => {
                net.repeated += 1;
                client.acknowledge(net, key, message);
                return None;
            }
            // One fork may answer after all was refused (RFC 3261 §16.7, step 5).
            State::Completed | State::Accepted => {
                if !(200..300).contains(&status) || client.acknowledge_again(net, message) {
                    return None;
                }
                (client.state, client.due, Outcome::Success)
            }
            State::Trying { end, .. } if status < 200 => {
                // Who says something is not dead: the transaction has all its time (timer F).
                let rest = T1_64.as_micros() - client.owner.patience().as_micros();
                let end = end + Span::micros(rest);
                let next = if reliable { end } else { (net.now + T2).min(end) };
                (State::Pending { end }, Some(next), Outcome::Provisional)
            }
            State::Pending { end } if status < 200 => {
                let next = if reliable { end } else { (net.now + T2).min(end) };
                (State::Pending { end }, Some(next), Outcome::Provisional)
            }
            State::Trying { .. } | State::Pending { .. } => {
                let outcome = if status < 300 { Outcome::Success } else { Outcome::Failure };
                (State::Finished, Some(net.now + T4), outcome)
            }
            State::Finished => return None,
        };
        client.state = state;
        net.set_timer(Due::Client(key), &mut client.due, due);
        client.forget_request();
        if matches!(client.state, State::Completed) && outcome == Outcome::Failure {
            client.acknowledge(net, key, message);
        }
        let news = client.news(key, outcome);
        // Nothing is repeated on a stream: timers D and K are zero (§17.1.1.2, §17.1.2.2).
        if reliable && matches!(client.state, State::Completed | State::Finished) {
            self.forget(net, key);
        }
        Some(news)
    }

    /// Ends the transactions whose request may not have come through a connection that broke; an
    /// INVITE with a provisional answer waits for its final one by another (§18.2.2).
    pub(super) fn lost(&mut self, net: &mut Net, hop: Hop) -> Vec<News> {
        let keys = self.0.keys_of(|client| client.asks() && client.to == hop);
        keys.into_iter().filter_map(|key| self.unsent(net, key)).collect()
    }

    /// Ends a transaction whose request could not be sent; gives nothing if it was answered
    /// meanwhile.
    pub(super) fn unsent(&mut self, net: &mut Net, key: Key) -> Option<News> {
        self.0.get(key).filter(|client| client.asks())?;
        self.forget(net, key).map(|client| client.news(key, Outcome::Timeout))
    }

    fn forget(&mut self, net: &mut Net, key: Key) -> Option<Client> {
        let mut client = self.0.remove(key)?;
        net.set_timer(Due::Client(key), &mut client.due, None);
        net.awaited.set(&mut Some(client.to.ip()), None);
        Some(client)
    }

    /// Sends the ACK of a fork's 2xx and remembers it for the 2xx's repetitions.
    pub(super) fn acknowledge(&mut self, net: &mut Net, key: Key, ack: Ack) {
        net.send_copy(ack.to, &ack.bytes);
        if let Some(client) = self.0.get_mut(key) {
            client.acks.push(ack);
        }
    }

    /// Leaves an INVITE to itself that was cancelled, or whose call is over: a late 2xx is still
    /// ended properly, and nobody hears.
    pub(super) fn abandon(&mut self, net: &mut Net, key: Key) {
        if let Some(client) = self.0.get_mut(key) {
            client.owner = Owner::Nobody;
            if matches!(client.state, State::Proceeding) {
                let end = net.now + T1_64;
                net.set_timer(Due::Client(key), &mut client.due, Some(end));
            }
        }
    }

    /// Does what is due: repeats the request or lets the transaction go.
    pub(super) fn due(&mut self, net: &mut Net, key: Key) -> Option<News> {
        let client = self.0.get_mut(key)?;
        client.due = None;
        let (state, next, end) = match client.state {
            State::Calling { pause, end } => {
                let pause = pause.times(2);
                (State::Calling { pause, end }, net.now + pause, end)
            }
            State::Trying { pause, end } => {
                let pause = pause.times(2).min(T2);
                (State::Trying { pause, end }, net.now + pause, end)
            }
            State::Pending { end } => (client.state, net.now + T2, end),
            State::Proceeding | State::Completed | State::Accepted | State::Finished => {
                self.forget(net, key);
                return None;
            }
        };
        if net.now >= end {
            let news = client.news(key, Outcome::Timeout);
            self.forget(net, key);
            return Some(news);
        }
        client.state = state;
        net.repeat(client.to, &client.request);
        net.set_timer(Due::Client(key), &mut client.due, Some(next.min(end)));
        None
    }
}

impl Client {
    /// Tells whether the request still waits for its answer.
    const fn asks(&self) -> bool {
        matches!(self.state, State::Calling { .. } | State::Trying { .. } | State::Pending { .. })
    }

    fn news(&self, key: Key, outcome: Outcome) -> News {
        News { key, owner: self.owner, method: self.method, to: self.to, outcome }
    }

    /// Lets the request's bytes go once nothing can ask for them again; of an INVITE the URI
    /// stays, for the ACK.
    fn forget_request(&mut self) {
        match self.state {
            State::Calling { .. } | State::Trying { .. } | State::Pending { .. } => {}
            State::Proceeding | State::Completed | State::Accepted => {
                if self.request.starts_with(b"INVITE ") {
                    let mut kept = Vec::with_capacity(64);
                    let uri = self.request.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
                    kept.extend_from_slice(uri);
                    kept.extend_from_slice(b"\r\n");
                    // Route follows the request line, Via and Max-Forwards at once.
                    let lines = self.request.split_inclusive(|byte| *byte == b'\n').skip(3);
                    for line in lines.take_while(|line| line.starts_with(b"Route: ")) {
                        kept.extend_from_slice(line);
                    }
                    self.request = kept;
                }
            }
            State::Finished => self.request = Vec::new(),
        }
    }

    /// Gives the request URI and the Route lines of an INVITE that was answered.
    fn kept(&self) -> (&[u8], &[u8]) {
        let end = self.request.iter().position(|byte| *byte == b'\r');
        let (uri, rest) = self.request.split_at(end.unwrap_or(self.request.len()));
        (uri, rest.get(2..).unwrap_or_default())
    }

    /// Sends the ACK to a refusal, made of the response and the request URI (RFC 3261 §17.1.1.3).
    fn acknowledge(&self, net: &mut Net, key: Key, response: &Message<'_>) {
        let field = |name| response.first(name).unwrap_or_default();
        let number = field(Name::CSeq).split(u8::is_ascii_whitespace).next().unwrap_or_default();
        let (uri, routes) = self.kept();
        let mut writer = net.writer();
        writer.request_head(Method::Ack, uri, &net.local(self.to).via, key).text(routes);
        writer
            .text("From: ")
            .unfolded(field(Name::From))
            .text("\r\nTo: ")
            .unfolded(field(Name::To));
        writer.text("\r\nCall-ID: ").unfolded(field(Name::CallId)).text("\r\nCSeq: ");
        writer.text(number).text(" ACK\r\n").body("", &[]);
        net.send(self.to, writer.0);
    }

    /// Sends the ACK of a repeated 2xx again; tells whether nothing more need be done.
    fn acknowledge_again(&self, net: &mut Net, response: &Message<'_>) -> bool {
        let to = response.first(Name::To).and_then(Address::read);
        let tag = to.and_then(|to| to.tag()).unwrap_or_default();
        let known = self.acks.iter().find(|ack| ack.tag == tag);
        if let Some(ack) = known {
            net.repeat(ack.to, &ack.bytes);
        }
        known.is_some() || self.acks.len() >= FORKS_MAX
    }
}

/// Reads the key out of a branch of ours.
fn branch_key(branch: &[u8]) -> Option<Key> {
    Key::read(branch.strip_prefix(COOKIE.as_bytes())?)
}
