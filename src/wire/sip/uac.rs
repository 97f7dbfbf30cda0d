//! The calls we placed, from the INVITE on, and every answer to a request of ours.

use super::cause::{Why, q850_cause, tells_of_callee};
use super::change::send_bye;
use super::client::{Ack, News, Outcome, Owner};
use super::dialog::{Dialog, Home};
use super::digest::{Logins, Tries};
use super::early::Early;
use super::endpoint::Endpoint;
use super::event::{CommandError, Event, Hop, Transport};
use super::leg::{Calling, Cancel, Leaving, Leg, Pending, Phase, Session, State, Talking};
use super::lexer::{Message, Name, Start, number};
use super::net::{Due, Net, T1_64};
use super::session::{Timer, Wish};
use super::settings::Trunk;
use super::slab::Key;
use super::values::{Address, Method, request_uri, sdp, shown, uri_hop, uri_host};
use super::writer::{ALLOW, SDP_TYPE, Writer, reason};
use crate::units::Span;

/// Signatures taken from one redirection: one for the caller, one for a diversion, two to spare.
const IDENTITIES_MAX: usize = 4;
/// The longest of them: an ES256 PASSporT has some 500 characters.
const IDENTITY_MAX: usize = 4_096;
/// The longest request sent as a datagram where TCP may be had: longer ones could be cut into
/// fragments on their way, which NATs lose (RFC 3261 §18.1.1).
const DATAGRAM_BYTES: usize = 1_300;
/// The longest Retry-After believed: a day.
const RETRY_AFTER_MAX: u64 = 86_400;

impl Endpoint {
    /// Sends the INVITE of a calling leg: first, with credentials, or redirected.
    pub(super) fn send_invite(&mut self, key: Key) {
        let Some(calling) = self.legs.get_mut(key).and_then(Leg::calling) else {
            return;
        };
        let net = &mut self.net;
        let client = self.clients.next_key(net);
        calling.client = client;
        calling.provisional = false;
        calling.cseq += 1;
        let mut lines = Writer(core::mem::take(&mut calling.login_lines));
        lines.0.clear();
        calling.logins.write(&mut lines, "INVITE", &calling.uri, || net.draw());
        calling.login_lines = lines.0;
        calling.sent_to = calling.home.address;
        let mut invite = calling.write_invite(net);
        let datagram = calling.sent_to.transport == Transport::Udp;
        if datagram && calling.large_over_tcp && invite.len() > DATAGRAM_BYTES {
            calling.sent_to.transport = Transport::Tcp;
            net.recycle(invite);
            invite = calling.write_invite(net);
        }
        let names = (client, Owner::Leg(key), Method::Invite);
        self.clients.begin(net, names, calling.sent_to, invite);
    }

    /// Gives the server a call's request went to: a large one's connection is a way to it, not
    /// another server.
    fn server_of(&mut self, key: Key, news: News) -> Hop {
        let calling = self.legs.get_mut(key).and_then(Leg::calling);
        calling.map_or(news.to, |calling| calling.home.address)
    }

    /// Takes the next way of a call whose request was refused for want of room or never came
    /// through; false if there is none. The hop is spared for a while (RFC 3263 §4.3). What came
    /// from beyond the hop tells nothing of its room, and nobody is rung up twice by one attempt.
    fn next_way(
        &mut self,
        key: Key,
        (server, status): (Hop, u16),
        message: Option<&Message<'_>>,
    ) -> bool {
        let Some(calling) = self.legs.get_mut(key).and_then(Leg::calling) else {
            return false;
        };
        if calling.may_have_rung() || message.is_some_and(is_of_callee) {
            return false;
        }
        let unconnected = message.is_none() && status == 503 && calling.sent_to != server;
        if !unconnected {
            let asked = message.and_then(|message| message.first(Name::RetryAfter));
            self.spared.note(self.net.now, server, asked.and_then(retry_after_span));
        }
        if calling.cancel != Cancel::No {
            return false;
        }
        if unconnected {
            // Nobody listens for connections there: as a datagram after all (§18.1.1).
            calling.large_over_tcp = false;
            return true;
        }
        let Some(next) = calling.spare.pop() else {
            return false;
        };
        calling.home.address = next;
        calling.tries = Tries::default();
        calling.logins = Logins::default();
        true
    }

    pub(super) fn cancel_call(&mut self, key: Key) -> Result<(), CommandError> {
        let Some(calling) = self.legs.get_mut(key).and_then(Leg::calling) else {
            return Err(CommandError::WrongState);
        };
        if calling.cancel == Cancel::No {
            calling.cancel = Cancel::Wanted;
            if calling.provisional {
                self.send_cancel(key);
            }
        }
        Ok(())
    }

    pub(super) fn send_cancel(&mut self, key: Key) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let State::Calling(calling) = &mut leg.state else {
            return;
        };
        calling.cancel = Cancel::Sent;
        let net = &mut self.net;
        let mut writer = net.writer();
        let via = &net.local(calling.sent_to).via;
        writer.request_head(Method::Cancel, &calling.uri, via, calling.client);
        writer.text(&calling.routes);
        calling.write_parties(&mut writer, Method::Cancel);
        writer.why(Why::Cleared).body("", &[]);
        self.clients.cancel(net, calling.client, calling.sent_to, writer.0);
        let end = net.now + T1_64;
        net.set_timer(Due::Leg(key), &mut leg.due, Some(end));
    }

    /// Takes the news of a client transaction in; without a message it timed out.
    pub(super) fn client_news(&mut self, news: News, status: u16, message: Option<&Message<'_>>) {
        match news.owner {
            Owner::Ping(trunk, left) => self.ping_news((trunk, left), news, status, message),
            Owner::Register(trunk, _) => self.registrar_news(trunk, news, status, message),
            Owner::Nobody => self.end_fork(news, message),
            Owner::Leg(key) if news.method == Method::Bye => {
                self.bye_news(key, news, status, message);
            }
            Owner::Leg(key) => {
                let leg = self.legs.get_mut(key);
                match leg.map_or(Asked::Nothing, |leg| leg.asked(news.key)) {
                    Asked::Call => self.invite_news(key, news, status, message),
                    Asked::Prack => self.prack_news(key, news.key, status, message),
                    Asked::Change => self.reoffer_news(key, news, status, message),
                    Asked::Refresh => self.refresh_news(key, news, status, message),
                    Asked::Transfer => self.refer_news(key, news, status, message),
                    Asked::Nothing => self.end_fork(news, message),
                }
            }
        }
    }

    fn invite_news(&mut self, key: Key, news: News, status: u16, message: Option<&Message<'_>>) {
        let server = self.server_of(key, news);
        self.spared.heard(self.net.now, server, message.map_or(0, |_| status));
        match (news.outcome, message) {
            (Outcome::Provisional, Some(message)) => self.provisional(key, status, message),
            (Outcome::Success, Some(message)) => self.answered(key, news, message),
            (Outcome::Failure, Some(message)) => {
                let calling = self.legs.get_mut(key).and_then(Leg::calling);
                let again = calling.is_some_and(|calling| calling.may_ask_again(status, message))
                    || (300..400).contains(&status) && self.redirected(key, message)
                    || status == 503 && self.next_way(key, (server, status), Some(message));
                if again {
                    self.send_invite(key);
                } else {
                    self.failed(key, status, Some(message));
                }
            }
            (Outcome::Timeout, _) if self.next_way(key, (server, status), None) => {
                self.send_invite(key);
            }
            (Outcome::Timeout, _)
            | (Outcome::Provisional | Outcome::Success | Outcome::Failure, None) => {
                self.failed(key, status, None);
            }
        }
    }

    /// A 2xx came: acknowledges it, and talks, or hangs up if the call was given up: whoever
    /// picked up is told of all the same.
    fn answered(&mut self, key: Key, news: News, message: &Message<'_>) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let id = leg.id;
        let State::Calling(calling) = &mut leg.state else {
            return;
        };
        let mut dialog = Dialog::of_response(message, &calling.uri, calling.home, calling.wish);
        dialog.login_lines = core::mem::take(&mut calling.login_lines);
        let bytes = dialog.ack(&mut self.net, calling.cseq);
        let ack = Ack { tag: dialog.remote_tag.clone(), to: dialog.next_hop(), bytes };
        self.clients.acknowledge(&mut self.net, news.key, ack);
        dialog.cseq = calling.cseq;
        dialog.logins = core::mem::take(&mut calling.logins);
        dialog.credentials = calling.credentials.take();
        let mut early = core::mem::take(&mut calling.early);
        let own = early.iter().position(|early| early.dialog.remote_tag == dialog.remote_tag);
        let own = own.map(|place| early.swap_remove(place));
        let (held, offer) = own.map_or((None, None), |own| {
            dialog.follow(&own.dialog);
            (own.sdp, own.offer)
        });
        // The other forks' offers will not be answered any more.
        for server in early.iter_mut().filter_map(Early::take) {
            self.servers.respond(&mut self.net, server, 487, Writer::no_body);
        }
        let answer = sdp(message).or(held).unwrap_or_default();
        self.net.set_timer(Due::Leg(key), &mut leg.due, None);
        self.events.push_back(Event::Answered(id, answer));
        if calling.cancel != Cancel::No {
            let means = (&mut self.clients, &mut self.net, &mut dialog);
            send_bye(means, Owner::Leg(key), Why::Cleared);
            let phase = Phase::Leaving(Leaving::default());
            leg.state = State::Session(Box::new(Session { dialog, phase }));
            return;
        }
        let timer = dialog.wish.of_answer(message);
        let timer = timer.map(|agreed| Timer::start(self.net.now, agreed));
        let mut talking = Talking::new(None, core::mem::take(&mut calling.offer), timer);
        if let Some(server) = offer {
            talking.pending = Pending::TheirUpdate(server, None);
        }
        self.events.push_back(Event::Dialog(id, dialog.stored(calling.trunk)));
        leg.state = State::Session(Box::new(Session { dialog, phase: Phase::Talking(talking) }));
        self.rewind(key);
    }

    /// Ends a fork that nobody waits for: ACK, then BYE (RFC 3261 §13.2.2.4), with the credentials
    /// of the fork that talks, and past the requests of its early dialog.
    fn end_fork(&mut self, news: News, message: Option<&Message<'_>>) {
        let Some(message) =
            message.filter(|_| news.outcome == Outcome::Success && news.method == Method::Invite)
        else {
            return;
        };
        let home = Home { address: news.to, alias: None };
        let target = self.clients.request_uri(news.key).unwrap_or_default();
        let mut dialog = Dialog::of_response(message, &target, home, Wish::default());
        let talks = self.clients.leg(news.key).and_then(|leg| self.legs.get_mut(leg)?.session());
        let mut talks = talks.map(|session| &mut session.dialog);
        if let Some(talks) = &mut talks {
            dialog.login_lines.clone_from(&talks.login_lines);
            dialog.logins = core::mem::take(&mut talks.logins);
        }
        let bytes = dialog.ack(&mut self.net, dialog.cseq);
        let ack = Ack { tag: dialog.remote_tag.clone(), to: dialog.next_hop(), bytes };
        self.clients.acknowledge(&mut self.net, news.key, ack);
        dialog.skip_ahead();
        let means = (&mut self.clients, &mut self.net, &mut dialog);
        send_bye(means, Owner::Nobody, Why::Elsewhere);
        if let Some(talks) = talks {
            talks.logins = dialog.logins;
        }
    }

    fn failed(&mut self, key: Key, status: u16, message: Option<&Message<'_>>) {
        let Some(leg) = self.legs.get(key) else {
            return;
        };
        let given_up = matches!(&leg.state, State::Calling(c) if c.cancel != Cancel::No);
        let event = if given_up {
            Event::Gone(leg.id)
        } else {
            let beyond = matches!(&leg.state, State::Calling(c) if c.may_have_rung());
            // Who says 503 once a telephone may ring is not the carrier.
            let retry_after = message.filter(|_| status != 503 || !beyond);
            let retry_after = retry_after.and_then(|message| message.first(Name::RetryAfter));
            Event::Failed {
                leg: leg.id,
                status,
                retry_after: retry_after.and_then(retry_after_span),
                reason: message.map(|m| failure_reason(status, m)).unwrap_or_default(),
            }
        };
        self.finish(key, event);
    }

    /// Follows a redirection to a host of the same trunk, if its settings allow it.
    fn redirected(&mut self, key: Key, message: &Message<'_>) -> bool {
        let Some(calling) = self.legs.get_mut(key).and_then(Leg::calling) else {
            return false;
        };
        let trunk = calling.trunk.and_then(|id| self.trunks.get(&id));
        let Some(trunk) = trunk.filter(|_| calling.redirects > 0 && calling.cancel == Cancel::No)
        else {
            return false;
        };
        let contact = message.list(Name::Contact).filter_map(Address::read).find_map(|contact| {
            trunk_address(trunk, contact.uri).map(|address| (contact.uri, address))
        });
        let Some((uri, address)) = contact else {
            return false;
        };
        calling.redirects -= 1;
        calling.tries = Tries::default();
        calling.logins = Logins::default();
        calling.uri = request_uri(uri).to_vec();
        calling.routes.clear();
        calling.identity = identities(message);
        calling.home.address = address;
        true
    }
}

impl Calling {
    fn write_invite(&self, net: &mut Net) -> Vec<u8> {
        let mut writer = net.writer();
        let local = net.local(self.sent_to);
        writer.request_head(Method::Invite, &self.uri, &local.via, self.client);
        writer.text(&self.routes);
        self.write_parties(&mut writer, Method::Invite);
        writer.contact(net.local(self.home.address)).header("Allow", ALLOW);
        writer.header("User-Agent", &net.agent);
        self.wish.write_first(&mut writer);
        writer.text(&self.headers).text(&self.identity).text(&self.login_lines);
        writer.body(SDP_TYPE, &self.offer);
        writer.0
    }

    /// Asks for a longer session timer after 422 (RFC 4028 §7.3), answers a challenge; tells
    /// whether either may help.
    fn may_ask_again(&mut self, status: u16, message: &Message<'_>) -> bool {
        let Self { wish, logins, tries, credentials, .. } = self;
        self.cancel == Cancel::No
            && (wish.raise(status, Some(message), tries)
                || logins.answer((status, message), tries, credentials.as_ref()))
    }

    /// Tells whether a telephone may have rung, or was heard.
    fn may_have_rung(&self) -> bool {
        self.rang || self.early.iter().any(|early| early.sdp.is_some())
    }

    /// Writes From, To, Call-ID and CSeq.
    fn write_parties(&self, writer: &mut Writer, method: Method) {
        writer.header("From", &self.from).header("To", &self.to).header("Call-ID", &self.call_id);
        writer.text("CSeq: ").number(self.cseq).text(" ").text(method.name()).text("\r\n");
    }
}

/// What a leg wants to hear about from a transaction.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Call,
    Prack,
    Change,
    Refresh,
    Transfer,
    Nothing,
}

impl Leg {
    fn asked(&mut self, client: Key) -> Asked {
        if let Some(calling) = self.calling() {
            return if calling.client == client {
                Asked::Call
            } else if calling.early.iter().any(|early| early.prack == Some(client)) {
                Asked::Prack
            } else {
                Asked::Nothing
            };
        }
        let Some((_, talking)) = self.talking() else {
            return Asked::Nothing;
        };
        if talking.refreshing.is_some_and(|(held, _)| held == client) {
            return Asked::Refresh;
        }
        if talking.transfer.as_ref().is_some_and(|transfer| transfer.client == client) {
            return Asked::Transfer;
        }
        match &talking.pending {
            Pending::Ours(change) if change.client == client => Asked::Change,
            Pending::Ours(_) | Pending::None | Pending::Theirs(..) | Pending::TheirUpdate(..) => {
                Asked::Nothing
            }
        }
    }
}

/// Gives the address of a redirection's contact if it is the trunk's own.
fn trunk_address(trunk: &Trunk, uri: &[u8]) -> Option<Hop> {
    if trunk.domain.is_some() && uri_host(uri) == trunk.domain {
        return Some(trunk.address);
    }
    uri_hop(uri, trunk.address).filter(|hop| trunk.owns(hop.ip()))
}

/// Copies the signatures that a redirection brings for the call it sends on (RFC 8224 §4): they are
/// not ours to read, and broken by any change. Header lines too long for a datagram are left out.
fn identities(message: &Message<'_>) -> Vec<u8> {
    let mut lines = Writer(Vec::new());
    let fits = |value: &&[u8]| value.len() <= IDENTITY_MAX;
    for value in message.all(Name::Identity).filter(fits).take(IDENTITIES_MAX) {
        lines.text("Identity: ").unfolded(value).text("\r\n");
    }
    lines.0
}

pub(super) fn remote_tag<'a>(message: &Message<'a>) -> &'a [u8] {
    let to = message.first(Name::To).and_then(Address::read);
    to.and_then(|to| to.tag()).unwrap_or_default()
}

/// Reads Retry-After: whole seconds, before any comment or parameter (RFC 3261 §20.33).
pub(super) fn retry_after_span(value: &[u8]) -> Option<Span> {
    let digits = value.split(|byte| !byte.is_ascii_digit()).next().and_then(number)?;
    Some(Span::secs(digits.min(RETRY_AFTER_MAX)))
}

/// Gives every value of Reason, one for each protocol (RFC 3326 §2), as one field.
fn reasons(message: &Message<'_>) -> Vec<u8> {
    message.all(Name::Reason).collect::<Vec<_>>().join(&b", "[..])
}

/// Tells whether a refusal names a cause that lies with the number called.
fn is_of_callee(message: &Message<'_>) -> bool {
    q850_cause(&shown(&reasons(message))).is_some_and(tells_of_callee)
}

/// Gives what is told of a status: the 503 that a request counts as which could not be sent, or
/// whose connection broke (RFC 3261 §8.1.3.1), was said by nobody.
pub(super) const fn said(status: u16, message: Option<&Message<'_>>) -> u16 {
    if message.is_none() && status == 503 { 0 } else { status }
}

/// Gives the Reason header (RFC 3326), and behind it the reason phrase where that says more than
/// the status does; or else our own phrase: it is empty for silence alone.
pub(super) fn failure_reason(status: u16, message: &Message<'_>) -> String {
    let phrase = match message.start {
        Start::Response { reason, .. } => shown(reason),
        Start::Request { .. } => String::new(),
    };
    let (told, usual) = (shown(&reasons(message)), reason(status));
    let says_more = !phrase.is_empty() && !phrase.eq_ignore_ascii_case(usual);
    match (told.is_empty(), says_more) {
        (false, true) => format!("{told}, {phrase}"),
        (false, false) => told,
        (true, true) => phrase,
        (true, false) => usual.to_owned(),
    }
}
