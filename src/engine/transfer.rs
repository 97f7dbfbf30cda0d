//! Transfers: the person in a call is handed over to a number that only the shell knows.

use super::Engine;
use super::handle::{Refused, Reply, Word};
use super::legs::Party;
use crate::core::Fact;
use crate::core::fact::CallFact;
use crate::sip::Command;
use crate::units::{CallId, LegId, Now, Number};

/// What a phone's wish to transfer is answered with if it is taken: 202 Accepted (RFC 3515 §2.4.2).
const TAKEN: u16 = 202;

/// And if it is not, or came to nothing: 603 Decline (RFC 3261 §21.6.2).
const DECLINED: u16 = 603;

/// What silence counts as: 408 (RFC 3261 §17.1.1.2).
const SILENCE: u16 = 408;

/// A transfer that the far end was asked for.
#[derive(Debug)]
pub(super) struct Transfer {
    to: Number,
    back: Back,
}

/// Who is told how it ends.
#[derive(Debug)]
enum Back {
    /// Whoever asked the engine.
    Word(Word),
    /// The agent's phone that asked.
    Phone(LegId),
}

impl Engine {
    /// Begins a transfer that somebody asks for; the word goes back when it has ended.
    pub(super) fn begin_transfer(
        &mut self,
        now: Now,
        call: CallId,
        to: Number,
        (facts, back): (&mut Vec<Fact>, Word),
    ) {
        let mut may = self.may_transfer(call);
        if may.is_ok() {
            let before = self.parts.dialer.surprises();
            self.note(now, Fact::Call(call, CallFact::TransferWanted), facts);
            if self.parts.dialer.surprises() > before {
                may = Err(Refused::WrongState("nobody talks in this call now".to_owned()));
            }
        }
        match may {
            Ok(()) => {
                self.transfers.insert(call, Transfer { to, back: Back::Word(back) });
            }
            // Whoever asked may have gone away: then nobody wants the word.
            Err(refused) => drop(back.send(Err(refused))),
        }
    }

    /// Tells whether a call can be asked to be transferred now.
    fn may_transfer(&self, call: CallId) -> Result<(), Refused> {
        let leg = self.legs.of_call(call).and_then(|id| self.legs.leg(id));
        let leg = leg.filter(|leg| !leg.ending);
        let trunk = leg.and_then(|leg| leg.trunk).ok_or(Refused::Unknown("call under way"))?;
        let book = &self.parts.book;
        if !book.trunks.get(&trunk).is_some_and(|page| page.transfers) {
            return Err(Refused::NoTransfer(book.trunk_name(trunk)));
        }
        if self.transfers.contains_key(&call) {
            let detail = "the call is being transferred already: wait until that has ended";
            return Err(Refused::WrongState(detail.to_owned()));
        }
        Ok(())
    }

    /// Asks the far end of a call to call whom it is to be handed over to.
    pub(super) fn transfer(&mut self, call: CallId) {
        let Some(to) = self.transfers.get(&call).map(|transfer| transfer.to.clone()) else {
            return;
        };
        let id = self.legs.of_call(call);
        let found = id.and_then(|leg| Some((leg, self.legs.leg(leg)?.trunk?)));
        let asked =
            found.is_some_and(|(leg, trunk)| self.signal(Command::Transfer { leg, trunk, to }));
        if !asked {
            self.end_transfer(call, Err(Refused::Busy));
        }
    }

    /// Hears how a transfer ended.
    pub(super) fn hear_transferred(
        &mut self,
        leg: LegId,
        status: u16,
        reason: &str,
    ) -> Option<Fact> {
        let Party::Callee(call) = self.legs.leg(leg)?.party else { return None };
        let done = (200..300).contains(&status);
        tracing::info!(%call, status, reason, "the call was to be transferred");
        if done {
            self.end_transfer(call, Ok(Reply::Done));
            return Some(Fact::Call(call, CallFact::Transferred));
        }
        let why = match (status, reason) {
            (SILENCE, "") => "the far end did not say how it went".to_owned(),
            (0, why) => format!("the far end says no more of it ({why})"),
            (status, why) => format!("{status} {why}"),
        };
        self.end_transfer(call, Err(Refused::NotTransferred(why)));
        None
    }

    /// Hears that a far end wants to be transferred: an agent's phone may so have the person its
    /// agent talks with handed over, and nobody else.
    pub(super) fn hear_transfer_wanted(&mut self, leg: LegId, to: Option<Number>) -> Option<Fact> {
        let talk = self.talk_at(leg).filter(|call| self.may_transfer(*call).is_ok());
        let (Some(call), Some(to)) = (talk, to) else {
            tracing::info!(%leg, "a transfer that was wanted is refused");
            self.signal(Command::TellTransfer(leg, DECLINED));
            return None;
        };
        self.transfers.insert(call, Transfer { to, back: Back::Phone(leg) });
        self.signal(Command::TellTransfer(leg, TAKEN));
        Some(Fact::Call(call, CallFact::TransferWanted))
    }

    /// Finds the call that the agent of this leg talks in.
    fn talk_at(&self, leg: LegId) -> Option<CallId> {
        let Party::Agent(agent) = self.legs.leg(leg)?.party else { return None };
        self.present_call(self.parts.clock.now(), agent)
    }

    /// Tells whoever wanted a transfer that its call is over.
    pub(super) fn cut_transfer(&mut self, call: CallId) {
        let detail = "the call ended before the far end said how the transfer went".to_owned();
        self.end_transfer(call, Err(Refused::WrongState(detail)));
    }

    fn end_transfer(&mut self, call: CallId, word: Result<Reply, Refused>) {
        match self.transfers.remove(&call).map(|transfer| transfer.back) {
            // Whoever asked may have gone away: then nobody wants the word.
            Some(Back::Word(back)) => drop(back.send(word)),
            Some(Back::Phone(leg)) => {
                self.signal(Command::TellTransfer(leg, if word.is_ok() { 200 } else { DECLINED }));
            }
            None => {}
        }
    }
}
