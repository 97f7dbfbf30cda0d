//! What the orders have promised so far, and whether the next one may be.

use std::collections::{BTreeMap, BTreeSet};

use cadran::core::fact::{AgentFact, CallFact, CampaignFact, Lead};
use cadran::core::order::{AgentState, Outcome};
use cadran::core::{Fact, Order, Record};
use cadran::units::{AgentId, CallId, ContactId, Mono, PersonId, Span};

/// One call as the model knows it.
#[derive(Debug)]
struct Call {
    contact: ContactId,
    person: PersonId,
    dialled: bool,
    answered: bool,
    /// An order to end it went out, or its end was told.
    over: bool,
    agent: Option<AgentId>,
    lost: bool,
    closed: bool,
    completed: bool,
}

/// The model.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    calls: BTreeMap<CallId, Call>,
    agents: BTreeMap<AgentId, AgentState>,
    /// How long agents are left alone after a write-up, and when each wrote the last.
    breath: Span,
    wrote: BTreeMap<AgentId, Mono>,
    legs: BTreeSet<AgentId>,
    leased: BTreeSet<ContactId>,
    opened_now: BTreeSet<CallId>,
}

macro_rules! must {
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            return Err(format!($($what)+));
        }
    };
}

impl Ledger {
    /// Makes a ledger of a world whose agents are owed so long a breath.
    pub(super) fn owing(breath: Span) -> Self {
        Self { breath, ..Self::default() }
    }

    /// Hears a fact as the dialer does.
    pub(super) fn hear(&mut self, fact: &Fact) {
        match fact {
            Fact::Agent(agent, AgentFact::LegUp) => {
                self.legs.insert(*agent);
            }
            Fact::Agent(agent, AgentFact::LegDown) => {
                self.legs.remove(agent);
                for call in self.calls.values_mut().filter(|call| call.agent == Some(*agent)) {
                    call.agent = None;
                }
            }
            Fact::Campaign(_, CampaignFact::Claimed { leads, .. }) => {
                self.leased.extend(leads.iter().map(|lead: &Lead| lead.contact));
            }
            Fact::Call(id, fact) => {
                let Some(call) = self.calls.get_mut(id).filter(|call| !call.closed) else { return };
                call.answered |= matches!(fact, CallFact::Answered | CallFact::Unusable(_));
                call.over |= matches!(fact, CallFact::HungUp | CallFact::Gone);
            }
            Fact::Agent(..)
            | Fact::Campaign(..)
            | Fact::Trunk(..)
            | Fact::DoNotCall(..)
            | Fact::Withdrawn(..)
            | Fact::Erased(..)
            | Fact::Shown(..)
            | Fact::Inbound(..) => {}
        }
    }

    /// Takes one order down.
    ///
    /// # Errors
    /// The order must not be.
    pub(super) fn note(&mut self, now: Mono, order: &Order) -> Result<(), String> {
        match order {
            Order::Record(record) => return self.note_record(now, record),
            Order::Dial(dial) => {
                must!(self.opened_now.remove(&dial.call), "{} dialled without a row", dial.call);
                self.call(dial.call)?.dialled = true;
            }
            Order::Bridge(id, agent) => {
                must!(self.legs.contains(agent), "{agent} has no leg for {id}");
                let rests = self.wrote.get(agent).is_some_and(|&at| now < at + self.breath);
                must!(!rests, "{agent} got {id} before his breath was over");
                let busy = self
                    .calls
                    .iter()
                    .find(|(_, call)| call.agent == Some(*agent) && !call.over && !call.closed);
                must!(busy.is_none(), "{agent} got {id} and has {busy:?}");
                let call = self.call(*id)?;
                must!(call.answered && !call.over, "{id} was bridged: {call:?}");
                must!(call.agent.is_none(), "{id} was bridged twice");
                call.agent = Some(*agent);
            }
            Order::Cancel(id) => {
                let call = self.call(*id)?;
                must!(call.dialled && !call.answered, "{id} was cancelled: {call:?}");
                call.over = true;
            }
            // A call nobody knows any more may still have to be hung up.
            Order::HangUp(id) => {
                if let Some(call) = self.calls.get_mut(id) {
                    call.over = true;
                }
            }
            Order::Listen(id)
            | Order::Comfort(id)
            | Order::PlayNotice(id, _)
            | Order::Hold(id)
            | Order::Retrieve(id)
            | Order::Transfer(id) => {
                let call = self.call(*id)?;
                must!(call.answered && !call.closed, "{order:?}: {call:?}");
            }
            Order::Release(_, contacts) => {
                for contact in contacts {
                    must!(self.leased.remove(contact), "{contact} given back and not leased");
                }
            }
            Order::RaiseLeg(_)
            | Order::DropLeg(_)
            | Order::ShowPreview(..)
            | Order::ClearPreview(_)
            | Order::Claim { .. }
            | Order::Inbound(..) => {}
        }
        Ok(())
    }

    fn note_record(&mut self, now: Mono, record: &Record) -> Result<(), String> {
        match record {
            Record::Opened(opened) => {
                let (call, contact, person) = (opened.call, opened.contact, opened.person);
                let on_line = |call: &&Call| call.person == person && !call.closed;
                let twice = self.calls.values().find(on_line);
                must!(twice.is_none(), "{person} is called twice: {twice:?}");
                let replaced = |other: &Call| other.contact == contact && other.closed;
                let leased = self.leased.remove(&contact);
                must!(leased || self.calls.values().any(replaced), "{contact} is not leased");
                self.opened_now.insert(call);
                let fresh = Call {
                    contact,
                    person,
                    dialled: false,
                    answered: false,
                    over: false,
                    agent: None,
                    lost: false,
                    closed: false,
                    completed: false,
                };
                must!(self.calls.insert(call, fresh).is_none(), "{call} was opened twice");
            }
            Record::Bridged(bridged) => {
                let call = self.call(bridged.call)?;
                let so = call.agent == Some(bridged.agent) && !call.closed;
                must!(so, "{bridged:?}: {call:?}");
            }
            Record::Abandoned(abandoned) => {
                let call = self.call(abandoned.call)?;
                must!(!call.closed && !call.lost, "{} was abandoned twice", abandoned.call);
                call.lost = true;
            }
            Record::Closed(closed) => {
                let call = self.call(closed.call)?;
                must!(!call.closed, "{} was closed twice", closed.call);
                let other = call.lost && closed.outcome != Outcome::Abandoned;
                must!(!other, "{} was abandoned and ended {:?}", closed.call, closed.outcome);
                (call.closed, call.over) = (true, true);
            }
            Record::Completed(id) => {
                let call = self.call(*id)?;
                must!(call.closed && !call.completed, "{id} was completed: {call:?}");
                call.completed = true;
            }
            Record::Qualified(qualified) => {
                let call = self.call(qualified.call)?;
                must!(!call.completed, "{} was qualified too late", qualified.call);
            }
            Record::Refused(refused) => {
                self.leased.remove(&refused.contact);
            }
            Record::Skipped { contact, .. } => _ = self.leased.remove(contact),
            Record::AgentState { agent, state } => {
                let before = self.agents.insert(*agent, *state);
                must!(before != Some(*state), "{agent} is {state:?} again");
                if matches!(before, Some(AgentState::Wrapping(_))) {
                    self.wrote.insert(*agent, now);
                }
            }
            Record::DoNotCall { .. }
            | Record::CampaignState { .. }
            | Record::Decided(..)
            | Record::Learnt(..)
            | Record::Received { .. }
            | Record::ReceivedEnded { .. } => {}
        }
        Ok(())
    }

    /// Ends a batch: every row opened in it was dialled in it.
    pub(super) fn end_batch(&mut self) -> Result<(), String> {
        must!(self.opened_now.is_empty(), "opened and not dialled: {:?}", self.opened_now);
        Ok(())
    }

    /// Calls that have not ended.
    pub(super) fn open(&self) -> Vec<CallId> {
        self.calls.iter().filter(|(_, call)| !call.closed).map(|(&id, _)| id).collect()
    }

    /// Whether every call has its one end and its whole story, and everybody went home.
    pub(super) fn at_rest(&self) -> Result<(), String> {
        for (id, call) in &self.calls {
            must!(call.closed && call.completed, "{id} has no end: {call:?}");
        }
        for (agent, state) in &self.agents {
            must!(*state == AgentState::LoggedOut, "{agent} never came free: {state:?}");
        }
        Ok(())
    }

    fn call(&mut self, id: CallId) -> Result<&mut Call, String> {
        self.calls.get_mut(&id).ok_or_else(|| format!("nobody opened {id}"))
    }
}
