//! Early dialogs of a call we placed: provisional answers, reliable ones acknowledged with PRACK
//! (RFC 3262 §4), and what the far end asks for before it answers.

use super::client::Owner;
use super::dialog::Dialog;
use super::digest::Tries;
use super::endpoint::Endpoint;
use super::event::{Event, Sdp};
use super::leg::{Calling, Cancel, Leg, State};
use super::lexer::{Message, Name, number};
use super::settings::EarlyMedia;
use super::slab::Key;
use super::uac::remote_tag;
use super::uas::{capabilities, unreadable};
use super::values::{Method, Request, has_tag, sdp};
use super::writer::Writer;

/// How many early dialogs of one call are told apart; others are heard but not remembered.
const EARLY_MAX: usize = 8;

/// One fork of our INVITE that gave a sign.
#[derive(Debug)]
pub(super) struct Early {
    pub(super) dialog: Box<Dialog>,
    /// Its latest description.
    pub(super) sdp: Option<Sdp>,
    /// Whether that was told.
    told: bool,
    /// Whether a description came reliably, and so is the answer to our offer (RFC 3262 §5).
    settled: bool,
    /// The number of its latest reliable answer, from 1; 0 before the first.
    rseq: u32,
    /// The latest PRACK, and how often it was sent with credentials.
    pub(super) prack: Option<Key>,
    tries: Tries,
    /// Its UPDATE that waits for our answer.
    pub(super) offer: Option<Key>,
}

/// What a provisional answer is to the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Not numbered.
    Loose,
    /// Numbered, and the next one.
    Next(u32),
    /// A repetition, or one that overtook another: not for now.
    Not,
}

impl Endpoint {
    pub(super) fn provisional(&mut self, key: Key, status: u16, message: &Message<'_>) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let id = leg.id;
        let State::Calling(calling) = &mut leg.state else {
            return;
        };
        calling.provisional = true;
        if calling.cancel != Cancel::No {
            if calling.cancel == Cancel::Wanted {
                self.send_cancel(key);
            }
            return;
        }
        if status == 100 {
            return;
        }
        let turn = calling.turn(message);
        match turn {
            Turn::Not => return,
            Turn::Next(rseq) => self.acknowledge_early(key, message, rseq),
            Turn::Loose => {}
        }
        let Some(calling) = self.legs.get_mut(key).and_then(Leg::calling) else {
            return;
        };
        let heard = calling.early_media.lets(message);
        // A telephone may ring behind whatever is more than 100: 181 and 182 ring another, many
        // carriers say 183 alone, and sound that is none of ours tells nothing else.
        if !calling.rang && (status == 180 || !heard || sdp(message).is_none()) {
            calling.rang = true;
            self.events.push_back(Event::Ringing(id));
        }
        let held = calling.early(message);
        if let Some(sdp) = sdp(message) {
            let known = |held: &Early| held.told && held.sdp.as_ref() == Some(&sdp);
            let news = heard && !held.as_deref().is_some_and(known);
            if let Some(held) = held {
                held.told = heard;
                held.settled |= turn != Turn::Loose;
                held.sdp = Some(sdp.clone());
            }
            if news {
                self.events.push_back(Event::Progress(id, sdp));
            }
        }
    }

    /// Acknowledges a reliable provisional answer: PRACK in its early dialog (RFC 3262 §4).
    fn acknowledge_early(&mut self, key: Key, message: &Message<'_>, rseq: u32) {
        let Some(calling) = self.legs.get_mut(key).and_then(Leg::calling) else {
            return;
        };
        let Calling { early, uri, home, wish, .. } = calling;
        let tag = remote_tag(message);
        let Some(place) = early.iter().position(|early| early.dialog.remote_tag == tag) else {
            return;
        };
        if let Some(early) = early.get_mut(place) {
            if early.rseq == 0 {
                // An unreliable answer before it may have left Contact and Record-Route out.
                let mut dialog = Dialog::of_response(message, uri, *home, *wish);
                dialog.follow(&early.dialog);
                *early.dialog = dialog;
            }
            early.rseq = rseq;
            early.tries = Tries::default();
        }
        self.send_prack(key, place);
    }

    /// Sends the PRACK of an early dialog's latest reliable answer.
    fn send_prack(&mut self, key: Key, place: usize) {
        let Some(calling) = self.legs.get_mut(key).and_then(Leg::calling) else {
            return;
        };
        let Calling { early, logins, cseq, .. } = calling;
        let Some(Early { dialog, rseq, prack, .. }) = early.get_mut(place) else {
            return;
        };
        // One count of the nonce for all the call's requests.
        dialog.logins = core::mem::take(logins);
        let client = self.clients.next_key(&mut self.net);
        let mut writer = dialog.request(&mut self.net, Method::Prack, client);
        writer.text("RAck: ").number(*rseq).text(" ").number(*cseq).text(" INVITE\r\n");
        writer.body("", &[]);
        *logins = core::mem::take(&mut dialog.logins);
        *prack = Some(client);
        let names = (client, Owner::Leg(key), Method::Prack);
        self.clients.begin(&mut self.net, names, dialog.next_hop(), writer.0);
    }

    /// Takes the answer to a PRACK in: a challenge is answered, and the rest is its sender's
    /// business, who repeats what was not acknowledged.
    pub(super) fn prack_news(
        &mut self,
        key: Key,
        client: Key,
        status: u16,
        message: Option<&Message<'_>>,
    ) {
        let calling = self.legs.get_mut(key).and_then(Leg::calling);
        let Some((Calling { early, logins, credentials, .. }, message)) = calling.zip(message)
        else {
            return;
        };
        let Some(place) = early.iter().position(|early| early.prack == Some(client)) else {
            return;
        };
        let again = early.get_mut(place).is_some_and(|early| {
            logins.answer((status, message), &mut early.tries, credentials.as_ref())
        });
        if again {
            self.send_prack(key, place);
        }
    }

    /// Deals with a request of a far end that has not answered yet (RFC 3311 §5.2).
    pub(super) fn inside_early(&mut self, key: Key, print: u64, request: &Request<'_>) {
        match request.method {
            Method::Options => self.reply(print, request, 200, capabilities()),
            Method::Info => self.reply(print, request, 200, b""),
            Method::Update => self.updated_early(key, print, request),
            // The called side may not end what it has not answered (RFC 3261 §15).
            Method::Bye
            | Method::Invite
            | Method::Prack
            | Method::Register
            | Method::NotAllowed
            | Method::Refer
            | Method::Notify
            | Method::Unknown
            | Method::Ack
            | Method::Cancel => self.reply(print, request, 481, b""),
        }
    }

    fn updated_early(&mut self, key: Key, print: u64, request: &Request<'_>) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let id = leg.id;
        let Some(calling) = leg.calling() else {
            return;
        };
        let given_up = calling.cancel != Cancel::No;
        let tag = request.from.tag().unwrap_or_default();
        let mut early = calling.early.iter_mut();
        let Some(early) = early.find(|early| early.dialog.remote_tag == tag) else {
            return;
        };
        early.dialog.refresh(request.message);
        if request.message.body.is_empty() {
            let mut contact = Writer(Vec::new());
            contact.contact(self.net.local(request.source));
            self.reply(print, request, 200, &contact.0);
        } else if let Some((fault, headers)) = unreadable(request) {
            self.reply(print, request, fault.status, headers);
        } else if !early.settled || given_up {
            // Our own offer has no answer yet (RFC 3311 §5.2).
            self.reply(print, request, 491, b"");
        } else if early.offer.is_some() {
            self.reply_later(print, request);
        } else if self.servers.is_full() {
            self.counters.overflow += 1;
        } else {
            early.offer = Some(self.servers.begin(&mut self.net, print, request, (key, b"")));
            self.events.push_back(Event::Offer(id, request.sdp()));
        }
    }
}

impl Early {
    fn new(dialog: Dialog) -> Self {
        Self {
            dialog: Box::new(dialog),
            sdp: None,
            told: false,
            settled: false,
            rseq: 0,
            prack: None,
            tries: Tries::default(),
            offer: None,
        }
    }

    /// Takes the transaction of its offer out.
    pub(super) fn take(&mut self) -> Option<Key> {
        self.offer.take()
    }
}

impl Calling {
    /// Gives the early dialog that a provisional answer makes or belongs to (RFC 3261 §12.1), as
    /// long as there is room for it.
    fn early(&mut self, message: &Message<'_>) -> Option<&mut Early> {
        let tag = remote_tag(message);
        let known = self.early.iter().any(|early| early.dialog.remote_tag == tag);
        if !known && self.early.len() < EARLY_MAX {
            let dialog = Dialog::of_response(message, &self.uri, self.home, self.wish);
            self.early.push(Early::new(dialog));
        }
        self.early.iter_mut().find(|early| early.dialog.remote_tag == tag)
    }

    /// Tells what a provisional answer is to the one before it in its early dialog.
    fn turn(&mut self, message: &Message<'_>) -> Turn {
        if !has_tag(message, Name::Require, "100rel") {
            return Turn::Loose;
        }
        let rseq = message.first(Name::RSeq).and_then(number);
        let rseq = rseq.and_then(|rseq| u32::try_from(rseq).ok()).filter(|rseq| *rseq > 0);
        let early = self.early(message);
        match (early, rseq) {
            (Some(early), Some(rseq)) if first_or_next(early.rseq, rseq) => Turn::Next(rseq),
            (Some(_) | None, Some(_) | None) => Turn::Not,
        }
    }

    /// Takes the transaction of an offer of the far end out that waits for our answer.
    pub(super) fn take_offer(&mut self) -> Option<Key> {
        self.early.iter_mut().find_map(Early::take)
    }
}

impl EarlyMedia {
    /// Tells whether the sound this provisional answer announces is heard.
    fn lets(self, message: &Message<'_>) -> bool {
        match self {
            Self::Play => true,
            Self::Ignore => false,
            // What the far end may send towards us is named from its side (RFC 5009 §8).
            Self::Authorised => {
                ["sendrecv", "sendonly"].iter().any(|way| has_tag(message, Name::EarlyMedia, way))
            }
        }
    }
}

/// Tells whether a number follows the latest, of which 0 is none.
fn first_or_next(latest: u32, rseq: u32) -> bool {
    latest == 0 || latest.checked_add(1) == Some(rseq)
}
