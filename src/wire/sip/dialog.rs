//! A dialog: who talks with whom, by which way, and in which order (RFC 3261 §12).

use std::net::SocketAddr;

use super::digest::Logins;
use super::event::{Hop, StoredDialog};
use super::lexer::{Message, Name};
use super::net::Net;
use super::scope::Scope;
use super::session::Wish;
use super::settings::Credentials;
use super::slab::Key;
use super::values::{
    Address, CSEQ_MAX, Method, Request, cseq, has_tag, is_sip, request_uri, uri_hop,
};
use super::writer::{ALLOW, Writer, party};
use crate::units::TrunkId;

/// The longest route set taken; real ones have one to three hops.
const ROUTES_MAX: usize = 16;
/// How far the CSeq of a dialog is advanced for its BYE where its later requests were not counted:
/// past them all.
const CSEQ_STEP: u32 = 1_000;

/// A confirmed dialog.
#[derive(Debug)]
pub(super) struct Dialog {
    pub(super) call_id: Vec<u8>,
    /// Our side as From writes it, with our tag.
    pub(super) local: Vec<u8>,
    /// The peer's side as To writes it, with its tag.
    pub(super) remote: Vec<u8>,
    pub(super) remote_tag: Vec<u8>,
    pub(super) cseq: u32,
    /// What answers a challenge inside the dialog.
    pub(super) credentials: Option<Credentials>,
    pub(super) logins: Logins,
    /// The credentials of the latest INVITE, as header lines: its ACK repeats them.
    pub(super) login_lines: Vec<u8>,
    /// Where requests go when the target names no address by digits, or one behind a NAT.
    pub(super) home: Home,
    /// What we want of the session's timer.
    pub(super) wish: Wish,
    /// Whether the peer takes UPDATE (RFC 3311 §5.1).
    pub(super) updates: bool,
    target: Vec<u8>,
    routes: Vec<Vec<u8>>,
    remote_cseq: Option<u32>,
}

/// Where a peer really is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Home {
    /// Where it was reached first.
    pub(super) address: Hop,
    /// What it calls itself while it is reached at `address`: a phone behind a NAT, or whoever
    /// opened a connection to us.
    pub(super) alias: Option<SocketAddr>,
}

impl Dialog {
    /// Makes the dialog of a 2xx to our INVITE (§12.1.2); `target` stands in for a missing
    /// Contact, and for a To that cannot be read.
    pub(super) fn of_response(
        response: &Message<'_>,
        target: &[u8],
        home: Home,
        wish: Wish,
    ) -> Self {
        let to = response.first(Name::To).and_then(|to| Some((to, Address::read(to)?)));
        let tag = to.as_ref().and_then(|(_, to)| to.tag()).unwrap_or_default();
        let number = response.first(Name::CSeq).and_then(cseq).map_or(1, |(number, _)| number);
        let mut routes = routes(response);
        routes.reverse();
        Self {
            call_id: party(response.first(Name::CallId).unwrap_or_default()),
            local: party(response.first(Name::From).unwrap_or_default()),
            remote: to.map_or_else(|| [b"<", target, b">"].concat(), |(to, _)| party(to)),
            remote_tag: tag.to_vec(),
            cseq: number,
            credentials: None,
            logins: Logins::default(),
            login_lines: Vec::new(),
            home,
            wish,
            updates: has_tag(response, Name::Allow, "UPDATE"),
            target: contact(response).unwrap_or(target).to_vec(),
            routes,
            remote_cseq: None,
        }
    }

    /// Makes the dialog of an INVITE that we answer with this tag (§12.1.1).
    pub(super) fn of_request(request: &Request<'_>, tag: &[u8], wish: Wish) -> Self {
        let mut local = party(request.message.first(Name::To).unwrap_or_default());
        local.extend_from_slice(b";tag=");
        local.extend_from_slice(tag);
        let source = request.source;
        let itself = || format!("sip:{}", source.address).into();
        let target = contact(request.message).map_or_else(itself, Vec::from);
        // Who opened a connection to us is reached by it, whatever he calls himself.
        let named = uri_hop(&target, source).filter(|_| source.transport.is_reliable());
        Self {
            call_id: request.call_id.to_vec(),
            local,
            remote: party(request.message.first(Name::From).unwrap_or_default()),
            remote_tag: request.from.tag().unwrap_or_default().to_vec(),
            cseq: 0,
            credentials: None,
            logins: Logins::default(),
            login_lines: Vec::new(),
            home: Home { address: source, alias: named.map(|hop| hop.address) },
            wish,
            updates: has_tag(request.message, Name::Allow, "UPDATE"),
            target,
            routes: routes(request.message),
            remote_cseq: Some(request.cseq),
        }
    }

    /// Makes the dialog of an earlier run.
    pub(super) fn of_stored(stored: &StoredDialog) -> Self {
        let StoredDialog { next_hop: address, transport, trunk, .. } = *stored;
        let hop = Hop { transport, address, trunk };
        Self {
            call_id: stored.call_id.clone().into(),
            local: stored.local.clone().into(),
            remote: stored.remote.clone().into(),
            remote_tag: Vec::new(),
            cseq: later(stored.cseq, CSEQ_STEP),
            credentials: None,
            logins: Logins::default(),
            login_lines: Vec::new(),
            home: Home { address: hop, alias: None },
            wish: Wish::default(),
            updates: false,
            target: stored.target.clone().into(),
            routes: stored.routes.iter().map(|route| route.clone().into()).collect(),
            remote_cseq: None,
        }
    }

    /// Gives the dialog as the store keeps it, with the trunk it went over.
    pub(super) fn stored(&self, account: Option<TrunkId>) -> StoredDialog {
        // A folded field may hold line ends and tabs.
        let text = |part: &[u8]| String::from_utf8_lossy(part).replace(char::is_control, " ");
        let hop = self.next_hop();
        StoredDialog {
            call_id: text(&self.call_id),
            local: text(&self.local),
            remote: text(&self.remote),
            target: text(&self.target),
            routes: self.routes.iter().map(|route| text(route)).collect(),
            cseq: self.cseq,
            next_hop: hop.address,
            transport: hop.transport,
            trunk: hop.trunk,
            account,
        }
    }

    /// Takes the CSeq of a request of the peer in; false if it comes too late (§12.2.2).
    pub(super) fn in_order(&mut self, cseq: u32) -> bool {
        let later = self.remote_cseq.is_none_or(|last| cseq > last);
        if later {
            self.remote_cseq = Some(cseq);
        }
        later
    }

    /// Goes on where an early dialog of the same far end stands.
    pub(super) fn follow(&mut self, early: &Self) {
        self.cseq = self.cseq.max(early.cseq);
        self.remote_cseq = early.remote_cseq;
    }

    /// Passes every request sent that was not counted here.
    pub(super) fn skip_ahead(&mut self) {
        self.cseq = later(self.cseq, CSEQ_STEP);
    }

    /// Takes a new remote target from a re-INVITE, an UPDATE or their 2xx (§12.2).
    pub(super) fn refresh(&mut self, message: &Message<'_>) {
        self.updates |= has_tag(message, Name::Allow, "UPDATE");
        if let Some(target) = contact(message) {
            self.target = target.to_vec();
        }
    }

    /// Tells where requests go: to the first hop, or else to the target. An address within the
    /// peer's own network, behind a NAT, gives way to the one the peer was reached at; so does one
    /// of the other family, of which we may have no address.
    pub(super) fn next_hop(&self) -> Hop {
        let first = self.routes.first().and_then(|route| Address::read(route));
        let uri = first.map_or(self.target.as_slice(), |route| route.uri);
        let home = self.home.address;
        let reached = |hop: &Hop| {
            hop.address.is_ipv4() == home.address.is_ipv4()
                && Scope::of(hop.ip()) >= Scope::of(home.ip())
        };
        let named = uri_hop(uri, home).filter(reached);
        named.filter(|hop| self.home.alias != Some(hop.address)).unwrap_or(home)
    }

    /// Begins a request with its own CSeq: all but its body.
    pub(super) fn request(&mut self, net: &mut Net, method: Method, key: Key) -> Writer {
        self.cseq = later(self.cseq, 1);
        self.write(net, method, self.cseq, key)
    }

    /// Makes the ACK to a 2xx; its CSeq is the INVITE's, its branch its own (§13.2.2.4).
    pub(super) fn ack(&mut self, net: &mut Net, cseq: u32) -> Vec<u8> {
        let key = Key { place: 0, secret: net.draw() };
        let mut writer = self.write(net, Method::Ack, cseq, key);
        writer.text(&self.login_lines).body("", &[]);
        writer.0
    }

    fn write(&mut self, net: &mut Net, method: Method, cseq: u32, key: Key) -> Writer {
        let (mut writer, hop) = (net.writer(), self.next_hop());
        let first = self.routes.first().and_then(|route| Address::read(route));
        // A first hop without `lr` is a strict router of RFC 2543 (§12.2.1.1).
        let strict = first.filter(|route| super::values::param(route.uri, "lr").is_none());
        let uri = strict.map_or(self.target.as_slice(), |route| request_uri(route.uri));
        writer.request_head(method, uri, &net.local(hop).via, key);
        for route in self.routes.iter().skip(usize::from(strict.is_some())) {
            writer.header("Route", route);
        }
        if strict.is_some() {
            writer.text("Route: <").text(&self.target).text(">\r\n");
        }
        writer.header("From", &self.local).header("To", &self.remote);
        writer.header("Call-ID", &self.call_id);
        writer.text("CSeq: ").number(cseq).text(" ").text(method.name()).text("\r\n");
        if matches!(method, Method::Invite | Method::Update | Method::Refer | Method::Notify) {
            writer.contact(net.local(hop)).header("Allow", ALLOW);
        }
        if method == Method::Ack {
            return writer;
        }
        let mut lines = Writer(Vec::new());
        self.logins.write(&mut lines, method.name(), uri, || net.draw());
        writer.text(&lines.0);
        if method == Method::Invite {
            self.login_lines = lines.0;
        }
        writer.header("User-Agent", &net.agent);
        writer
    }
}

/// Advances a CSeq, never beyond what may be said: a far end that said the highest itself gets it
/// again.
fn later(cseq: u32, by: u32) -> u32 {
    cseq.saturating_add(by).min(CSEQ_MAX)
}

/// Gives where the far end wants further requests: a SIP URI always (§8.1.1.8).
fn contact<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    let contact = message.list(Name::Contact).next().and_then(Address::read)?;
    is_sip(contact.uri).then(|| request_uri(contact.uri))
}

/// Gives the proxies that want to see further requests: SIP URIs, too, since a strict router's
/// becomes the request's own (§12.2.1.1).
fn routes(message: &Message<'_>) -> Vec<Vec<u8>> {
    let list = message.list(Name::RecordRoute).take(ROUTES_MAX);
    let leads = |route: &&[u8]| Address::read(route).is_some_and(|route| is_sip(route.uri));
    list.take_while(leads).map(party).collect()
}
