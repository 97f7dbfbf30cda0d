//! The simulated store: leases contacts, commits records, and closes what a crash left open.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::{List, Plan};
use super::rng::{Actor, Stream};
use crate::core::fact::{Answerer, Callback, Lead, LeadNumber, Supply, Tried};
use crate::core::order::{
    Abandoned, Bridged, Closed, EndedBy, Next, Opened, Outcome, Qualified, Record,
};
use crate::core::pacing::account::Bucket;
use crate::core::pacing::prior::Lesson;
use crate::core::recycle;
use crate::units::{
    CallId, CampaignId, ClientId, ContactId, ListId, Mono, Now, NumberId, PersonId, RouteGroup,
    Span, Wall, Zone,
};

/// Latest attempts told with a number (`LeadNumber::recent`).
const RECENT_MAX: usize = 16;

/// Latest attempts told with a lead.
const TRIED_MAX: usize = recycle::TOLD_MAX as usize;

/// What survives a crash.
#[derive(Clone, Debug)]
pub(super) struct Store {
    lists: BTreeMap<CampaignId, Shelf>,
    people: BTreeMap<PersonId, Person>,
    /// Numbers that do not exist, or are not their contact's.
    invalid: BTreeSet<NumberId>,
    /// Attempts with a row and no end.
    open: BTreeMap<CallId, Opened>,
    /// Those of them whose person was joined to an agent.
    talked: BTreeMap<CallId, Bridged>,
    /// Those of them whose person is abandoned.
    lost: BTreeMap<CallId, Abandoned>,
    /// The highest call count that has a row.
    pub(super) last_call: u64,
    zone: Zone,
    /// What the pacers have learnt, by campaign, list, hour and beginning.
    learnt: BTreeMap<(CampaignId, Option<ListId>, Option<u8>, Wall), Lesson>,
    /// What the abandon rules count, since the world began.
    accounts: BTreeMap<CampaignId, Bucket>,
}

#[derive(Clone, Debug)]
struct Shelf {
    client: ClientId,
    endless: bool,
    next: u64,
    /// The contact after the last, where the list is made as it is claimed.
    end: u64,
    contacts: BTreeMap<ContactId, Contact>,
}

#[derive(Clone, Debug)]
struct Contact {
    numbers: Vec<(NumberId, PersonId)>,
    attempts: u32,
    faults: u32,
    next_number: Option<NumberId>,
    callback: Option<Callback>,
    tried: Vec<Tried>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Free { due: Wall },
    Leased { until: Mono },
    Open,
    Done,
}

#[derive(Clone, Debug, Default)]
struct Person {
    tried: Vec<(ClientId, Wall)>,
    /// When last abandoned, by client.
    abandoned: BTreeMap<ClientId, Wall>,
    do_not_call: bool,
}

/// Why a record could not be true; told to the oracle.
pub(super) type Complaint = String;

impl Store {
    pub(super) fn new(plan: &Plan, zone: Zone) -> Self {
        let mut stream = Stream::new(plan.seed, Actor::Maker);
        let mut store = Self {
            lists: BTreeMap::new(),
            people: BTreeMap::new(),
            invalid: BTreeSet::new(),
            open: BTreeMap::new(),
            talked: BTreeMap::new(),
            lost: BTreeMap::new(),
            last_call: 0,
            zone,
            learnt: BTreeMap::new(),
            accounts: BTreeMap::new(),
        };
        for campaign in &plan.campaigns {
            let first = u64::from(campaign.id.0) << 40;
            let mut shelf = Shelf {
                client: campaign.settings.client,
                endless: campaign.list == List::Endless,
                next: first,
                end: campaign.scenario.leads.map_or(u64::MAX, |leads| first.saturating_add(leads)),
                contacts: BTreeMap::new(),
            };
            if let List::Bounded { contacts, shared, do_not_call } = campaign.list {
                for id in first..first + u64::from(contacts) {
                    let numbers: Vec<_> = (0..=stream.below(3))
                        .map(|nth| {
                            let previous = u64::from(id > first && stream.yes(shared));
                            (NumberId(id * 4 + nth), PersonId((id - previous) * 4 + nth))
                        })
                        .collect();
                    for (_, person) in &numbers {
                        let slot = store.people.entry(*person).or_default();
                        slot.do_not_call |= stream.yes(do_not_call);
                    }
                    shelf.contacts.insert(ContactId(id), Contact::new(numbers, plan.start));
                }
            }
            store.lists.insert(campaign.id, shelf);
        }
        store
    }

    /// Leases up to `count` due contacts.
    pub(super) fn claim(
        &mut self,
        now: Now,
        campaign: CampaignId,
        count: u32,
        lease: Span,
    ) -> (Vec<Lead>, Supply) {
        let Some(shelf) = self.lists.get_mut(&campaign) else {
            return (Vec::new(), Supply::default());
        };
        let list = list_of(campaign);
        if shelf.endless {
            let ids = shelf.next..shelf.end.min(shelf.next + u64::from(count));
            shelf.next = ids.end;
            let leads = ids.map(|id| fresh(id, list, &self.zone)).collect();
            return (leads, Supply { due: shelf.end - shelf.next, ..Supply::default() });
        }
        let mut due: Vec<(Wall, ContactId)> = Vec::new();
        let mut supply = Supply::default();
        for (id, contact) in &shelf.contacts {
            match contact.state {
                State::Free { due: at } if at <= now.wall => due.push((at, *id)),
                State::Free { due: at } => {
                    supply.waiting += 1;
                    supply.next_due = Some(supply.next_due.map_or(at, |first| first.min(at)));
                }
                State::Leased { until } if until <= now.mono => due.push((now.wall, *id)),
                State::Leased { .. } | State::Open => supply.waiting += 1,
                State::Done => {}
            }
        }
        due.sort_unstable();
        let given = due.len().min(usize::try_from(count).unwrap_or(usize::MAX));
        supply.due = (due.len() - given) as u64;
        let until = now.mono + lease;
        let mut leads = Vec::with_capacity(given);
        for (_, id) in due.into_iter().take(given) {
            if let Some(contact) = shelf.contacts.get_mut(&id) {
                contact.state = State::Leased { until };
                let lead = contact.lead(id, shelf.client, &self.people, &self.invalid, &self.zone);
                leads.push(Lead { list: Some(list), ..lead });
            }
        }
        (leads, supply)
    }

    /// Takes leased contacts back.
    pub(super) fn release(&mut self, now: Now, campaign: CampaignId, contacts: &[ContactId]) {
        let Some(shelf) = self.lists.get_mut(&campaign) else { return };
        for id in contacts {
            if let Some(contact) = shelf.contacts.get_mut(id)
                && matches!(contact.state, State::Leased { .. })
            {
                contact.state = State::Free { due: now.wall };
            }
        }
    }

    /// Commits one record.
    ///
    /// # Errors
    /// The record contradicts what is stored already.
    pub(super) fn commit(&mut self, record: &Record) -> Result<(), Complaint> {
        match record {
            Record::Opened(opened) => self.opened(opened),
            Record::Bridged(bridged) => {
                if !self.open.contains_key(&bridged.call) {
                    return Err(format!("{} was bridged and is not open", bridged.call));
                }
                self.talked.insert(bridged.call, *bridged);
                Ok(())
            }
            Record::Abandoned(abandoned) => {
                let call = abandoned.call;
                let open = self.open.contains_key(&call);
                if !open || self.lost.insert(call, abandoned.clone()).is_some() {
                    return Err(format!("{call} was abandoned and is not open, or was before"));
                }
                Ok(())
            }
            Record::Closed(closed) => self.closed(closed),
            Record::Qualified(qualified) => {
                self.qualified(qualified);
                Ok(())
            }
            Record::Refused(refused) => {
                self.next(refused.campaign, refused.contact, refused.next);
                Ok(())
            }
            Record::Skipped { campaign, contact, next, .. } => {
                self.next(*campaign, *contact, *next);
                Ok(())
            }
            Record::DoNotCall { person, .. } => {
                self.people.entry(*person).or_default().do_not_call = true;
                Ok(())
            }
            Record::Completed(_)
            | Record::AgentState { .. }
            | Record::CampaignState { .. }
            | Record::Decided(..)
            | Record::Received { .. }
            | Record::ReceivedEnded { .. } => Ok(()),
            Record::Learnt(campaign, lesson) => {
                self.learns(*campaign, lesson);
                Ok(())
            }
        }
    }

    fn opened(&mut self, opened: &Opened) -> Result<(), Complaint> {
        self.last_call = self.last_call.max(opened.call.count());
        if self.open.insert(opened.call, opened.clone()).is_some() {
            return Err(format!("{} was opened twice", opened.call));
        }
        let Some(shelf) = self.lists.get_mut(&opened.campaign) else {
            return Err(format!("{} is no campaign", opened.campaign));
        };
        if shelf.endless {
            return Ok(());
        }
        let person = self.people.entry(opened.person).or_default();
        person.tried.push((shelf.client, opened.at));
        let Some(contact) = shelf.contacts.get_mut(&opened.contact) else {
            return Err(format!("{} is no contact", opened.contact));
        };
        contact.attempts += 1;
        let before = core::mem::replace(&mut contact.state, State::Open);
        match before {
            State::Free { .. } | State::Leased { .. } => Ok(()),
            State::Open => Err(format!("{} was on the line already", opened.contact)),
            State::Done => Err(format!("{} was closed", opened.contact)),
        }
    }

    fn closed(&mut self, closed: &Closed) -> Result<(), Complaint> {
        let Some(opened) = self.open.remove(&closed.call) else {
            return Err(format!("{} was closed and is not open", closed.call));
        };
        self.lost.remove(&closed.call);
        self.talked.remove(&closed.call);
        if let Some(shelf) = self.lists.get_mut(&closed.campaign)
            && let Some(contact) = shelf.contacts.get_mut(&closed.contact)
        {
            let fault = matches!(closed.outcome, Outcome::Congestion | Outcome::TrunkFault);
            contact.faults += u32::from(fault);
            contact.tried.push(Tried { at: opened.at, outcome: closed.outcome });
            contact.tried.drain(..contact.tried.len().saturating_sub(TRIED_MAX));
            if matches!(closed.next, Next::Retry { .. }) {
                contact.callback = None;
            }
            if closed.reached_nobody() {
                let person = self.people.entry(opened.person).or_default();
                let this = |tried: &(ClientId, Wall)| *tried == (shelf.client, opened.at);
                person.tried.retain(|tried| !this(tried));
            }
            if closed.outcome == Outcome::Abandoned {
                let person = self.people.entry(opened.person).or_default();
                person.abandoned.insert(shelf.client, closed.ended);
            }
        }
        self.account(closed);
        if closed.outcome == Outcome::Invalid {
            self.invalid.insert(closed.number);
        }
        self.next(closed.campaign, closed.contact, closed.next);
        Ok(())
    }

    /// Refuses an attempt's row; the contact stays on the line until the attempt is closed.
    pub(super) fn refuse(&mut self, opened: &Opened) {
        self.last_call = self.last_call.max(opened.call.count());
        let shelf = self.lists.get_mut(&opened.campaign);
        let contact = shelf.and_then(|shelf| shelf.contacts.get_mut(&opened.contact));
        if let Some(contact) = contact {
            contact.state = State::Open;
        }
    }

    /// Keeps what becomes of the contact of an attempt whose row was refused.
    pub(super) fn closed_without_row(&mut self, closed: &Closed) {
        self.next(closed.campaign, closed.contact, closed.next);
    }

    fn qualified(&mut self, qualified: &Qualified) {
        // While the call is up its contact stays on the line; the end of the call sets it free.
        if !self.open.contains_key(&qualified.call) {
            self.next(qualified.campaign, qualified.contact, qualified.next);
        }
    }

    fn next(&mut self, campaign: CampaignId, id: ContactId, next: Next) {
        let Some(shelf) = self.lists.get_mut(&campaign) else { return };
        let Some(contact) = shelf.contacts.get_mut(&id) else { return };
        match next {
            Next::Retry { at, number } => {
                contact.next_number = number;
                contact.state = State::Free { due: at };
            }
            Next::Callback(callback) => {
                contact.callback = Some(callback);
                contact.state = State::Free { due: callback.at };
            }
            Next::Done(_) => contact.state = State::Done,
            Next::Untouched => contact.state = State::Free { due: Wall::micros(0) },
        }
    }

    /// Does what a restart does: closes open attempts as abandoned or interrupted and frees every
    /// lease.
    pub(super) fn recover(&mut self, now: Now) {
        for (_, lost) in core::mem::take(&mut self.lost) {
            // It is open, or it would not be among the lost.
            let ended = self.open.get(&lost.call).map(|opened| lost_for_good(opened, &lost));
            let _closed = ended.map(|closed| self.closed(&closed));
        }
        for (call, opened) in core::mem::take(&mut self.open) {
            if let Some(talked) = self.talked.remove(&call) {
                let from = talked.answered.unwrap_or(opened.at);
                self.bucket(opened.campaign, from).persons += 1;
            }
            let shelf = self.lists.get(&opened.campaign);
            let contact = shelf.and_then(|shelf| shelf.contacts.get(&opened.contact));
            let again = contact
                .and_then(|contact| contact.callback)
                .map_or(Next::Retry { at: now.wall, number: Some(opened.number) }, |promise| {
                    Next::Callback(Callback { at: promise.at.max(now.wall), ..promise })
                });
            self.next(opened.campaign, opened.contact, again);
        }
        // A contact still on the line here is one whose row was refused.
        for contact in self.lists.values_mut().flat_map(|shelf| shelf.contacts.values_mut()) {
            if matches!(contact.state, State::Leased { .. } | State::Open) {
                contact.state = State::Free { due: now.wall };
            }
        }
    }

    /// Keeps a lesson of what a pacer has learnt.
    pub(super) fn learns(&mut self, campaign: CampaignId, lesson: &Lesson) {
        let key = (campaign, lesson.list, lesson.hour, lesson.from);
        self.learnt.insert(key, lesson.clone());
    }

    /// Gives what a campaign's pacer has learnt.
    pub(super) fn learnt(&self, campaign: CampaignId) -> Vec<Lesson> {
        let own = self.learnt.iter().filter(|((of, ..), _)| *of == campaign);
        own.map(|(_, lesson)| lesson.clone()).collect()
    }

    /// Counts a closed attempt as the abandon rule does.
    fn account(&mut self, closed: &Closed) {
        let from = closed.answered.unwrap_or(closed.ended);
        let account = self.bucket(closed.campaign, from);
        let lost = closed.outcome == Outcome::Abandoned;
        account.persons += u64::from(lost || closed.outcome == Outcome::Connected);
        account.abandoned += u64::from(lost);
        let machine = closed.heard.is_some_and(|heard| heard.what == Answerer::Machine);
        account.machines += u64::from(machine);
    }

    fn bucket(&mut self, campaign: CampaignId, from: Wall) -> &mut Bucket {
        let account = self.accounts.entry(campaign);
        account.or_insert_with(|| Bucket { from, ..Bucket::default() })
    }

    /// Gives what a campaign's abandon rule has counted.
    pub(super) fn counted(&self, campaign: CampaignId) -> Option<Bucket> {
        self.accounts.get(&campaign).copied()
    }

    /// Gives the attempts that have a row and no end.
    pub(super) fn open_attempts(&self) -> BTreeSet<CallId> {
        self.open.keys().copied().collect()
    }
}

/// Gives the end of a call that a crash cut after its person was abandoned.
fn lost_for_good(opened: &Opened, lost: &Abandoned) -> Closed {
    Closed {
        call: opened.call,
        campaign: opened.campaign,
        contact: opened.contact,
        number: opened.number,
        outcome: Outcome::Abandoned,
        forced: lost.forced,
        cause: 0,
        ended_by: EndedBy::Dialer,
        agent: opened.agent,
        heard: lost.heard,
        ringing: None,
        answered: lost.answered,
        bridged: None,
        ended: lost.at,
        held: Span::ZERO,
        next: lost.next,
    }
}

impl Contact {
    fn new(numbers: Vec<(NumberId, PersonId)>, due: Wall) -> Self {
        let state = State::Free { due };
        let tried = Vec::new();
        Self { numbers, attempts: 0, faults: 0, next_number: None, callback: None, tried, state }
    }

    fn lead(
        &self,
        id: ContactId,
        client: ClientId,
        people: &BTreeMap<PersonId, Person>,
        invalid: &BTreeSet<NumberId>,
        zone: &Zone,
    ) -> Lead {
        let number = |(number, person): &(NumberId, PersonId)| {
            let known = people.get(person);
            let tried = known.map_or(&[][..], |known| known.tried.as_slice());
            let mine = tried.iter().filter(|(of, _)| *of == client);
            let mut recent: Vec<Wall> = mine.rev().take(RECENT_MAX).map(|(_, at)| *at).collect();
            recent.reverse();
            LeadNumber {
                // Every third number goes over the routes of a prefix, if there are any.
                group: RouteGroup(u16::from(number.0 % 3 == 0)),
                recent,
                abandoned: known.and_then(|known| known.abandoned.get(&client).copied()),
                invalid: invalid.contains(number),
                do_not_call: known.is_some_and(|known| known.do_not_call),
                ..LeadNumber::new(*number, *person, zone.clone())
            }
        };
        Lead {
            attempts: self.attempts,
            faults: self.faults,
            next_number: self.next_number,
            callback: self.callback,
            tried: self.tried.clone(),
            ..Lead::new(id, self.numbers.iter().map(number).collect())
        }
    }
}

/// Every campaign has one list.
fn list_of(campaign: CampaignId) -> ListId {
    ListId(campaign.0.into())
}

/// Makes a lead nobody has seen before; its one number and person bear the contact's own id.
fn fresh(id: u64, list: ListId, zone: &Zone) -> Lead {
    let number = LeadNumber::new(NumberId(id), PersonId(id), zone.clone());
    Lead { list: Some(list), ..Lead::new(ContactId(id), vec![number]) }
}
