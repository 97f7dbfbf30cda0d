//! Calls nobody has any more: dialogs an earlier run left up, each ended with BYE until its far end
//! has heard it, and answers to what was forgotten.

use super::cause::Why;
use super::change::send_bye;
use super::client::{News, Outcome, Owner};
use super::dialog::{Dialog, Home};
use super::digest::Tries;
use super::endpoint::Endpoint;
use super::event::{CommandError, Event, Hop, StoredDialog};
use super::leg::{INCOMING_BIT, Leg, Phase, Session, State};
use super::lexer::{Message, Name};
use super::net::Due;
use super::session::Wish;
use super::slab::Key;
use super::values::{Address, is_sip, request_uri};
use crate::units::{LegId, Mono, Span, TrunkId};

/// How long a BYE that failed is sent anew: the time a network or a carrier has to come up.
const AGAIN_FOR: Span = Span::secs(300);
/// The pause before that.
const AGAIN_AFTER: Span = Span::secs(30);

/// How far the end of a dialog of an earlier run is.
#[derive(Debug)]
pub(super) struct Stale {
    /// The trunk whose account answers a challenge; it may be known only later.
    account: Option<TrunkId>,
    /// How many challenges to the present BYE were answered.
    logins: Tries,
    /// When the BYE is not sent anew any more.
    until: Mono,
}

impl Endpoint {
    /// Ends a dialog of an earlier run, which keeps the leg's id it had. BYE is sent until the far
    /// end has heard it, or for some five minutes; ends in [`Event::Gone`].
    ///
    /// To be told before any call comes in: those are named after the ones left here.
    ///
    /// # Errors
    /// The leg's id is in use, the tables are full, or a stored text holds a control character.
    pub fn end_stale(
        &mut self,
        now: Mono,
        leg: LegId,
        stored: &StoredDialog,
    ) -> Result<(), CommandError> {
        self.net.now = now;
        if leg.0 & INCOMING_BIT != 0 {
            self.incoming = self.incoming.max(leg.0 & !INCOMING_BIT);
        }
        let texts = [&stored.call_id, &stored.local, &stored.remote, &stored.target];
        if texts.into_iter().chain(&stored.routes).any(|text| text.contains(char::is_control)) {
            return Err(CommandError::BadText);
        }
        if self.by_id.contains_key(&leg) {
            return Err(CommandError::LegInUse);
        }
        if self.legs.is_full() || self.clients.is_full() {
            return Err(CommandError::Full);
        }
        let stale =
            Stale { account: stored.account, logins: Tries::default(), until: now + AGAIN_FOR };
        let session = Session { dialog: Dialog::of_stored(stored), phase: Phase::Stale(stale) };
        let key = self.legs.next_key(self.net.draw());
        let state = State::Session(Box::new(session));
        self.legs.insert(key, Leg { id: leg, state, due: None, far: None });
        self.by_id.insert(leg, key);
        self.end_again(key);
        Ok(())
    }

    /// Sends the BYE of a dialog of an earlier run; false if the leg is none.
    pub(super) fn end_again(&mut self, key: Key) -> bool {
        let session = self.legs.get_mut(key).and_then(Leg::session);
        let Some(Session { dialog, phase: Phase::Stale(stale) }) = session else {
            return false;
        };
        stale.logins = Tries::default();
        let trunk = stale.account.and_then(|trunk| self.trunks.get(&trunk));
        dialog.credentials = trunk.and_then(|trunk| trunk.credentials.clone());
        let means = (&mut self.clients, &mut self.net, dialog);
        send_bye(means, Owner::Leg(key), Why::Cleared);
        true
    }

    /// Takes the news of such a BYE: only who takes it, or says that there is no such dialog, has
    /// ended the call (RFC 3261 §15.1.1).
    pub(super) fn stale_news(
        &mut self,
        key: Key,
        news: News,
        status: u16,
        message: Option<&Message<'_>>,
    ) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let id = leg.id;
        let State::Session(session) = &mut leg.state else {
            return;
        };
        let Session { dialog, phase: Phase::Stale(stale) } = &mut **session else {
            return;
        };
        let over = news.outcome == Outcome::Success || status == 481;
        if dialog.log_in_again(status, message, &mut stale.logins) {
            let means = (&mut self.clients, &mut self.net, dialog);
            send_bye(means, Owner::Leg(key), Why::Cleared);
        } else if over || self.net.now >= stale.until {
            self.finish(key, Event::Gone(id));
        } else {
            let next = self.net.now + AGAIN_AFTER;
            self.net.set_timer(Due::Leg(key), &mut leg.due, Some(next));
        }
    }

    /// Ends the call of a 2xx to an INVITE that is known no longer, as it rang when an earlier run
    /// was killed, or was given up long ago: ACK, then BYE (RFC 3261 §13.2.2.4). Nothing proves
    /// such an answer, so that a dialog in use is let be, and nobody but peers is sent anything.
    pub(super) fn end_unasked(&mut self, from: Hop, message: &Message<'_>) {
        // Every URI that we call is one of SIP: whoever says another back was never called.
        let callee = message.first(Name::To).and_then(Address::read);
        let Some(callee) = callee.filter(|callee| is_sip(callee.uri)) else {
            return;
        };
        let home = Home { address: from, alias: None };
        let target = request_uri(callee.uri);
        let mut dialog = Dialog::of_response(message, target, home, Wish::default());
        let ours = Address::read(&dialog.local).and_then(|local| local.tag());
        let leg = ours.and_then(|tag| self.leg_in(tag, &dialog.remote_tag, &dialog.call_id));
        if leg.is_some() {
            return;
        }
        if self.clients.is_full() || !self.may_ask(from.ip()) {
            self.counters.overflow += 1;
            return;
        }
        let named = dialog.next_hop();
        // Who opened a connection to us is reached by it.
        if from.transport.is_reliable() || !self.is_peer(named.ip()) {
            dialog.home.alias = Some(named.address);
        }
        let ack = dialog.ack(&mut self.net, dialog.cseq);
        self.net.send(dialog.next_hop(), ack);
        dialog.skip_ahead();
        let means = (&mut self.clients, &mut self.net, &mut dialog);
        send_bye(means, Owner::Nobody, Why::Lost);
    }
}
