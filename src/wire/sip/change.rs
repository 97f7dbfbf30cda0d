//! What we ask for inside a dialog: changes of the session, its refreshes, and its end.

use super::cause::Why;
use super::client::{Ack, Clients, News, Outcome, Owner};
use super::dialog::Dialog;
use super::digest::Tries;
use super::endpoint::Endpoint;
use super::event::{CommandError, Event, Sdp};
use super::leg::{Change, Leg, Pending, Phase, Session, Talking};
use super::lexer::{Message, Name};
use super::net::{Due, Net};
use super::session::Timer;
use super::slab::Key;
use super::uac::said;
use super::values::{Method, cseq, sdp};
use super::writer::SDP_TYPE;
use crate::units::{Mono, Span};

/// How often an offer that meets one of the peer is made again: each wait is drawn anew, so that a
/// fifth meeting is no accident.
const GLARES_MAX: u8 = 5;

/// What a dialog sends its requests with.
pub(super) type Means<'a> = (&'a mut Clients, &'a mut Net, &'a mut Dialog);

impl Endpoint {
    pub(super) fn send_reoffer(&mut self, key: Key, offer: Sdp) -> Result<(), CommandError> {
        let talking = self.legs.get_mut(key).and_then(Leg::talking);
        let (dialog, talking) = talking.ok_or(CommandError::WrongState)?;
        if !talking.is_settled() || talking.again.is_some() {
            return Err(CommandError::WrongState);
        }
        let change = Change::new(key, offer, true);
        talking.offer((&mut self.clients, &mut self.net, dialog), key, change);
        Ok(())
    }

    pub(super) fn reoffer_news(
        &mut self,
        key: Key,
        news: News,
        status: u16,
        message: Option<&Message<'_>>,
    ) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let (id, ours) = (leg.id, leg.is_ours());
        let Some((dialog, talking)) =
            leg.talking().filter(|_| news.outcome != Outcome::Provisional)
        else {
            return;
        };
        let Pending::Ours(mut change) = core::mem::replace(&mut talking.pending, Pending::None)
        else {
            return;
        };
        let now = self.net.now;
        if let Some(message) = message.filter(|_| news.outcome == Outcome::Success) {
            dialog.refresh(message);
            let number = message.first(Name::CSeq).and_then(cseq).map_or(0, |(number, _)| number);
            let bytes = dialog.ack(&mut self.net, number);
            let (tag, to) = (dialog.remote_tag.clone(), dialog.next_hop());
            self.clients.acknowledge(&mut self.net, news.key, Ack { tag, to, bytes });
            talking.local = change.offer;
            talking.timer = dialog.wish.of_answer(message).map(|agreed| Timer::start(now, agreed));
            self.events.push_back(Event::Reoffered(id, status, sdp(message).unwrap_or_default()));
        } else if dialog.wish.raise(status, message, &mut change.tries)
            || dialog.log_in_again(status, message, &mut change.tries)
        {
            talking.offer((&mut self.clients, &mut self.net, dialog), key, change);
        } else if matches!(status, 408 | 481) || !change.asked && talking.is_cut_off(message) {
            // The peer knows the dialog no longer (RFC 3261 §12.2.1.2).
            self.lose(key, Why::Lost);
            return;
        } else if status == 491 && change.glares < GLARES_MAX {
            change.glares += 1;
            talking.again = Some((now + glare_pause(ours, self.net.draw()), change));
        } else if change.asked {
            self.events.push_back(Event::Reoffered(id, status, Vec::new()));
        } else if let Some(timer) = &mut talking.timer {
            timer.put_off(now);
        }
        self.rewind(key);
    }

    /// Takes the news of an UPDATE that refreshes the session (RFC 4028 §10).
    pub(super) fn refresh_news(
        &mut self,
        key: Key,
        news: News,
        status: u16,
        message: Option<&Message<'_>>,
    ) {
        let talking = self.legs.get_mut(key).and_then(Leg::talking);
        let Some((dialog, talking)) = talking.filter(|_| news.outcome != Outcome::Provisional)
        else {
            return;
        };
        let Some((_, mut tries)) = talking.refreshing.take() else {
            return;
        };
        let now = self.net.now;
        if let Some(message) = message.filter(|_| news.outcome == Outcome::Success) {
            dialog.refresh(message);
            talking.timer = dialog.wish.of_answer(message).map(|agreed| Timer::start(now, agreed));
        } else if dialog.wish.raise(status, message, &mut tries)
            || dialog.log_in_again(status, message, &mut tries)
        {
            talking.update((&mut self.clients, &mut self.net, dialog), key, tries);
        } else if matches!(status, 408 | 481) || talking.is_cut_off(message) {
            let why = if talking.timer.is_some() { Why::Expired } else { Why::Lost };
            self.lose(key, why);
            return;
        } else if matches!(status, 405 | 501) {
            dialog.updates = false;
            self.refresh_session(key);
        } else if let Some(timer) = &mut talking.timer {
            timer.put_off(now);
        }
        self.rewind(key);
    }

    /// Does what is due in an answered leg.
    pub(super) fn talk_due(&mut self, key: Key) {
        let now = self.net.now;
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let id = leg.id;
        let Some((dialog, talking)) = leg.talking() else {
            return;
        };
        if talking.timer.as_ref().is_some_and(|timer| timer.has_run_out(now)) {
            self.lose(key, Why::Expired);
            return;
        }
        if talking.transfer.take_if(|transfer| transfer.until <= now).is_some() {
            let (status, reason) = (408, String::new());
            self.events.push_back(Event::Transferred { leg: id, status, reason });
        }
        let settled = talking.is_settled();
        if let Some((_, change)) = talking.again.take_if(|(at, _)| *at <= now) {
            if settled {
                talking.offer((&mut self.clients, &mut self.net, dialog), key, change);
            } else {
                // Theirs is being answered: ours follows a little later.
                talking.again = Some((now + glare_pause(true, self.net.draw()), change));
            }
        }
        if talking.timer.as_mut().is_some_and(|timer| timer.take_refresh(now)) {
            self.refresh_session(key);
        }
        self.rewind(key);
    }

    /// Refreshes the session by UPDATE if the peer takes it (RFC 4028 §7.4), else by re-INVITE.
    pub(super) fn refresh_session(&mut self, key: Key) {
        let Some((dialog, talking)) = self.legs.get_mut(key).and_then(Leg::talking) else {
            return;
        };
        if talking.refreshing.is_some() {
            return;
        }
        let settled = talking.is_settled() && talking.again.is_none();
        let now = self.net.now;
        let means = (&mut self.clients, &mut self.net, dialog);
        if means.2.updates {
            talking.update(means, key, Tries::default());
        } else if settled {
            let change = Change::new(key, talking.local.clone(), false);
            talking.offer(means, key, change);
        } else if let Some(timer) = &mut talking.timer {
            timer.put_off(now);
        }
    }

    /// Sets an answered leg's timer to what is due next.
    pub(super) fn rewind(&mut self, key: Key) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let next: Option<Mono> = leg.talking().and_then(|(_, talking)| talking.next());
        self.net.set_timer(Due::Leg(key), &mut leg.due, next);
    }

    pub(super) fn bye_news(
        &mut self,
        key: Key,
        news: News,
        status: u16,
        message: Option<&Message<'_>>,
    ) {
        if news.outcome == Outcome::Provisional {
            return;
        }
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let id = leg.id;
        let Some(Session { dialog, phase: Phase::Leaving(leaving) }) = leg.session() else {
            return self.stale_news(key, news, status, message);
        };
        // A server that came back knows nothing of the old connection: a new one may reach it.
        let anew = said(status, message) == 0 && !core::mem::replace(&mut leaving.anew, true);
        if anew || dialog.log_in_again(status, message, &mut leaving.tries) {
            let means = (&mut self.clients, &mut self.net, dialog);
            send_bye(means, Owner::Leg(key), Why::Cleared);
        } else {
            self.finish(key, Event::Gone(id));
        }
    }

    /// Ends a dialog that broke, with a BYE for good measure.
    pub(super) fn lose(&mut self, key: Key, why: Why) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let id = leg.id;
        if let Some((dialog, _)) = leg.talking() {
            send_bye((&mut self.clients, &mut self.net, dialog), Owner::Nobody, why);
        }
        self.finish(key, Event::Ended { leg: id, bye: false, reason: String::new() });
    }
}

impl Talking {
    /// Tells whether a refresh that nobody answered leaves nothing to wait for: where a timer runs,
    /// what could not be sent is tried again until its end.
    fn is_cut_off(&self, answer: Option<&Message<'_>>) -> bool {
        answer.is_none() && self.timer.is_none()
    }

    /// Sends an offer by re-INVITE.
    fn offer(&mut self, (clients, net, dialog): Means<'_>, leg: Key, mut change: Change) {
        change.client = clients.next_key(net);
        let mut writer = dialog.request(net, Method::Invite, change.client);
        dialog.wish.write_next(&mut writer, self.timer.as_ref());
        writer.body(SDP_TYPE, &change.offer);
        let names = (change.client, Owner::Leg(leg), Method::Invite);
        clients.begin(net, names, dialog.next_hop(), writer.0);
        self.pending = Pending::Ours(change);
    }

    /// Sends a refresh by UPDATE, without a description (RFC 4028 §7.4).
    fn update(&mut self, (clients, net, dialog): Means<'_>, leg: Key, tries: Tries) {
        let client = clients.next_key(net);
        let mut writer = dialog.request(net, Method::Update, client);
        dialog.wish.write_next(&mut writer, self.timer.as_ref());
        writer.body("", &[]);
        let names = (client, Owner::Leg(leg), Method::Update);
        clients.begin(net, names, dialog.next_hop(), writer.0);
        self.refreshing = Some((client, tries));
    }
}

impl Dialog {
    /// Answers a challenge to a request inside the dialog, if that may help.
    pub(super) fn log_in_again(
        &mut self,
        status: u16,
        message: Option<&Message<'_>>,
        tries: &mut Tries,
    ) -> bool {
        let Self { logins, credentials, .. } = self;
        message.is_some_and(|said| logins.answer((status, said), tries, credentials.as_ref()))
    }
}

/// Sends BYE into a dialog.
pub(super) fn send_bye((clients, net, dialog): Means<'_>, owner: Owner, why: Why) {
    let client = clients.next_key(net);
    let mut writer = dialog.request(net, Method::Bye, client);
    writer.why(why).body("", &[]);
    clients.begin(net, (client, owner, Method::Bye), dialog.next_hop(), writer.0);
}

/// Draws how long an offer that met one of the peer waits (RFC 3261 §14.1): 2.1 to 4 s for who
/// owns the Call-ID, up to 2 s for the other, in steps of 10 ms.
fn glare_pause(ours: bool, chance: u64) -> Span {
    Span::millis(10 * if ours { 210 + chance % 191 } else { chance % 201 })
}
