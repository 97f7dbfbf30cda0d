//! Blind transfers inside a dialog (RFC 3515): those we ask the far end for, and those it asks us
//! for.
//!
//! ```text
//! ours:   REFER ─► 202 ─► NOTIFY 100 … ─► NOTIFY 2xx or a refusal    told once
//!            └► a refusal, silence, no last word in time             told once
//! theirs: REFER ─► told: 202 and NOTIFY 100 ─► told: NOTIFY with the last word
//!            └► told: a refusal
//! ```

use super::change::Means;
use super::client::{News, Outcome, Owner};
use super::digest::Tries;
use super::endpoint::Endpoint;
use super::event::{CommandError, Event};
use super::leg::{Leg, Talking};
use super::lexer::{Message, Name, Split, trim};
use super::place::is_user;
use super::slab::Key;
use super::uac::{failure_reason, said};
use super::uas::{allow, no_dialog};
use super::values::{
    Address, Method, Request, content_type_is, param, request_uri, shown, uri_user,
};
use super::writer::{Writer, reason};
use crate::units::{LegId, Mono, Span, TrunkId};

/// How long the far end may take for the last word on a transfer: a minute's ringing, and half a
/// minute for what comes before. Whoever talks goes on talking meanwhile.
const TRANSFER_MAX: Span = Span::secs(90);

/// The type of a NOTIFY's body: the beginning of a response (RFC 3420).
const FRAGMENT: &str = "message/sipfrag";

/// A transfer that we asked the far end for.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) client: Key,
    /// Whom it is to call, as Refer-To writes it.
    to: Vec<u8>,
    /// The REFER's CSeq, by which its NOTIFYs may name it (RFC 3515 §2.4.6).
    cseq: u32,
    /// How often it was sent with credentials.
    tries: Tries,
    /// When it is given up.
    pub(super) until: Mono,
}

/// A transfer that the far end asks us for.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The REFER's transaction, until it is answered.
    server: Option<Key>,
    cseq: u32,
}

impl Wanted {
    /// Gives the transaction that waits for our answer.
    pub(super) const fn server(&self) -> Option<Key> {
        self.server
    }
}

impl Endpoint {
    pub(super) fn send_refer(
        &mut self,
        leg: LegId,
        trunk: TrunkId,
        user: &str,
    ) -> Result<(), CommandError> {
        let key = self.key(leg)?;
        let trunk = self.trunks.get(&trunk).ok_or(CommandError::UnknownTrunk)?;
        if !is_user(user) {
            return Err(CommandError::BadText);
        }
        let to = format!("<{}>", trunk.uri_of(user)).into();
        let talking = self.legs.get_mut(key).and_then(Leg::talking);
        let (dialog, talking) = talking.ok_or(CommandError::WrongState)?;
        if talking.transfer.is_some() {
            return Err(CommandError::WrongState);
        }
        let until = self.net.now + TRANSFER_MAX;
        let transfer = Transfer { client: key, to, cseq: 0, tries: Tries::default(), until };
        let means = (&mut self.clients, &mut self.net, dialog);
        talking.refer(means, key, Box::new(transfer));
        self.rewind(key);
        Ok(())
    }

    /// Takes the answer to our REFER: 2xx only says that the far end tries (RFC 3515 §2.4.2).
    pub(super) fn refer_news(
        &mut self,
        key: Key,
        news: News,
        status: u16,
        message: Option<&Message<'_>>,
    ) {
        if matches!(news.outcome, Outcome::Provisional | Outcome::Success) {
            return;
        }
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let id = leg.id;
        let Some((dialog, talking)) = leg.talking() else {
            return;
        };
        let Some(mut transfer) = talking.transfer.take() else {
            return;
        };
        if dialog.log_in_again(status, message, &mut transfer.tries) {
            talking.refer((&mut self.clients, &mut self.net, dialog), key, transfer);
        } else {
            let reason = message.map(|message| failure_reason(status, message));
            let (status, reason) = (said(status, message), reason.unwrap_or_default());
            self.events.push_back(Event::Transferred { leg: id, status, reason });
        }
        self.rewind(key);
    }

    /// A NOTIFY came: of our transfer, or of what we never asked for.
    pub(super) fn notified(&mut self, key: Key, print: u64, request: &Request<'_>) {
        let Some(event) = of_refer(request.message) else {
            self.reply(print, request, 405, allow());
            return;
        };
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let id = leg.id;
        let talking = leg.talking().map(|(_, talking)| talking);
        let ours = talking.filter(|talking| {
            talking.transfer.as_ref().is_some_and(|transfer| transfer.is_named(event))
        });
        let Some(talking) = ours else {
            self.reply(print, request, no_dialog().status, b"");
            return;
        };
        let last = last_word(request.message);
        if let Some((status, reason)) = last {
            talking.transfer = None;
            self.events.push_back(Event::Transferred { leg: id, status, reason });
        }
        self.reply(print, request, 200, b"");
        self.rewind(key);
    }

    /// A REFER came: whom the far end is to be transferred to is ours to judge.
    pub(super) fn referred(&mut self, key: Key, print: u64, request: &Request<'_>) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let id = leg.id;
        let Some((_, talking)) = leg.talking() else {
            self.reply(print, request, no_dialog().status, b"");
            return;
        };
        let mut named = request.message.all(Name::ReferTo);
        let (Some(to), None) = (named.next().and_then(Address::read), named.next()) else {
            self.reply(print, request, 400, b"");
            return;
        };
        if request_uri(to.uri) != to.uri {
            // A call of the far end's own is to be replaced (RFC 3891), of which we know nothing.
            self.reply(print, request, 603, b"");
        } else if talking.wanted.is_some() {
            self.reply_later(print, request);
        } else if self.servers.is_full() {
            self.counters.overflow += 1;
        } else {
            let server = self.servers.begin(&mut self.net, print, request, (key, b""));
            talking.wanted = Some(Wanted { server: Some(server), cseq: request.cseq });
            self.events.push_back(Event::TransferWanted(id, uri_user(to.uri)));
        }
    }

    pub(super) fn tell_wanted(&mut self, leg: LegId, status: u16) -> Result<(), CommandError> {
        let key = self.key(leg)?;
        let talking = self.legs.get_mut(key).and_then(Leg::talking);
        let (dialog, talking) = talking.ok_or(CommandError::WrongState)?;
        let wanted = talking.wanted.as_mut().ok_or(CommandError::WrongState)?;
        let (server, cseq, taken) = (wanted.server.take(), wanted.cseq, status < 300);
        let mut lines = Writer(Vec::new());
        if let Some(server) = server {
            lines.contact(self.net.local(dialog.next_hop()));
            let status = if taken { 202 } else { status };
            self.servers.respond(&mut self.net, server, status, |writer| {
                writer.text(&lines.0).no_body();
            });
        }
        let last = server.is_none();
        if last || !taken {
            talking.wanted = None;
        }
        if last || taken {
            let status = if last { status } else { 100 };
            notify((&mut self.clients, &mut self.net, dialog), cseq, status);
        }
        Ok(())
    }
}

impl Talking {
    /// Sends REFER, and says who asks (RFC 3892 §2).
    fn refer(&mut self, (clients, net, dialog): Means<'_>, leg: Key, mut transfer: Box<Transfer>) {
        transfer.client = clients.next_key(net);
        let mut writer = dialog.request(net, Method::Refer, transfer.client);
        transfer.cseq = dialog.cseq;
        writer.header("Refer-To", &transfer.to);
        if let Some(us) = Address::read(&dialog.local) {
            writer.text("Referred-By: <").text(us.uri).text(">\r\n");
        }
        writer.no_body();
        let names = (transfer.client, Owner::Leg(leg), Method::Refer);
        clients.begin(net, names, dialog.next_hop(), writer.0);
        self.transfer = Some(transfer);
    }
}

impl Transfer {
    /// Tells whether an Event header means this transfer: its id may be left out while there is
    /// one only (RFC 3515 §2.4.6).
    fn is_named(&self, event: &[u8]) -> bool {
        let id = param(event, "id");
        id.is_none_or(|id| id == self.cseq.to_string().as_bytes())
    }
}

/// Sends NOTIFY with how far a transfer is; one with a final status is the last.
fn notify((clients, net, dialog): Means<'_>, refer: u32, status: u16) {
    let client = clients.next_key(net);
    let mut writer = dialog.request(net, Method::Notify, client);
    writer.text("Event: refer;id=").number(refer).text("\r\n");
    let state = if status < 200 { "active;expires=90" } else { "terminated;reason=noresource" };
    writer.header("Subscription-State", state);
    let mut told = Writer(Vec::new());
    told.status(status, reason(status));
    writer.body("message/sipfrag;version=2.0", &told.0);
    clients.begin(net, (client, Owner::Nobody, Method::Notify), dialog.next_hop(), writer.0);
}

/// Gives the Event header of a transfer.
fn of_refer<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    let event = message.first(Name::Event)?;
    let package = Split::new(event, b';').next()?;
    trim(package).eq_ignore_ascii_case(b"refer").then_some(event)
}

/// Gives the last word of a NOTIFY, if it is one: the status of what the far end called, or 0 and
/// why it tells no more.
fn last_word(message: &Message<'_>) -> Option<(u16, String)> {
    let told = content_type_is(message, FRAGMENT.as_bytes()).then(|| fragment(message.body));
    if let Some((status, words)) = told.flatten().filter(|(status, _)| *status >= 200) {
        return Some((status, words));
    }
    let state = message.first(Name::SubscriptionState)?;
    let word = trim(Split::new(state, b';').next()?);
    word.eq_ignore_ascii_case(b"terminated").then(|| (0, shown(state)))
}

/// Reads the status line of a message's beginning (RFC 3420 §2).
fn fragment(body: &[u8]) -> Option<(u16, String)> {
    let line = body.split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
    let rest = trim(line.strip_prefix(b"SIP/2.0 ")?);
    let (digits, words) = rest.split_at_checked(3)?;
    let status = core::str::from_utf8(digits).ok()?.parse().ok()?;
    (100..700).contains(&status).then(|| (status, shown(words)))
}
