//! The bounded stock of claimed leads.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fact::{Lead, LeadNumber, Supply};
use super::order::Next;
use crate::units::{AgentId, ContactId, Mono, Now, Span, TrunkId, Wall};

/// How large the stock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Leads held at most, 1 to 10,000.
    pub size: u32,
    /// More are claimed when fewer than this are left.
    pub low: u32,
    /// How long a claimed lead is held before it is given back.
    pub lease: Span,
}

impl Default for Settings {
    /// Gives a stock that lasts some twenty agents for minutes, held for ten of them.
    fn default() -> Self {
        Self { size: 200, low: 100, lease: Span::secs(600) }
    }
}

/// How long a claim may stay unanswered before it is made again; a healthy store takes
/// milliseconds, a busy one seconds.
const CLAIM_GUARD: Span = Span::secs(30);

/// The pause after a claim that brought nothing to call, doubled each time up to
/// [`FRUITLESS_PAUSE_MAX`]: an unbroken row of refusals must not churn the whole list.
const FRUITLESS_PAUSE: Span = Span::secs(1);

/// The longest such pause; an imported list or a contact that falls due ends it sooner.
const FRUITLESS_PAUSE_MAX: Span = Span::secs(300);

/// How often the store is asked when contacts wait and nobody knows until when: leases of others.
const BLIND_PAUSE: Span = Span::secs(60);

/// The part of a lease that is left unused, so that no lead is dialled when the store already
/// thinks it free.
const LEASE_MARGIN_PARTS: u64 = 10;

/// A lead in stock.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stocked {
    pub(super) lead: Arc<Lead>,
    /// When it must have been dialled or given back.
    pub(super) until: Mono,
    /// Trunks that refused it just now: it goes over another.
    pub(super) tried: Vec<TrunkId>,
}

impl Stocked {
    /// Gives it the numbers its contact has now.
    pub(super) fn correct(&mut self, numbers: &[LeadNumber]) {
        Arc::make_mut(&mut self.lead).numbers = numbers.to_vec();
    }

    /// The only agent who may be offered it, if there is one.
    pub(super) fn for_agent(&self) -> Option<AgentId> {
        self.lead.callback.and_then(|callback| callback.agent).or(self.lead.owner)
    }
}

/// A campaign's stock of leads and its dealings with the store.
#[derive(Debug, Default)]
pub(super) struct Hopper {
    callbacks: VecDeque<Stocked>,
    open: VecDeque<Stocked>,
    personal: BTreeMap<AgentId, VecDeque<Stocked>>,
    personal_count: usize,
    /// Every contact this campaign has leased: in stock, shown to an agent or on the line.
    leased: BTreeSet<ContactId>,
    /// No lead's time ends before this.
    expires: Option<Mono>,
    /// When the outstanding claim is given up.
    claimed_until: Option<Mono>,
    last_claim: Mono,
    not_before: Mono,
    fruitless: u32,
    supply: Option<Supply>,
    /// A lead was resolved since the store counted its supply.
    stale: bool,
}

impl Hopper {
    /// Leads that any agent may be given.
    pub(super) fn stock(&self) -> usize {
        self.callbacks.len() + self.open.len()
    }

    /// Leads in all.
    pub(super) fn len(&self) -> usize {
        self.stock() + self.personal_count
    }

    /// Leads that may still be dialled today as far as is known: those in stock, and those due in
    /// the store when it was asked last. `None` before it was asked. Those that fall due later are
    /// not among them.
    pub(super) fn to_come(&self) -> Option<u64> {
        self.supply.map(|supply| supply.due.saturating_add(self.stock() as u64))
    }

    /// Notes a lease; `false` if the contact is leased already.
    pub(super) fn lease(&mut self, contact: ContactId) -> bool {
        self.leased.insert(contact)
    }

    /// Stocks a lead whose lease is noted: callbacks before the rest, personal ones apart.
    pub(super) fn stock_up(&mut self, stocked: Stocked) {
        self.expires = Some(self.expires.map_or(stocked.until, |at| at.min(stocked.until)));
        if let Some(agent) = stocked.for_agent() {
            self.personal.entry(agent).or_default().push_back(stocked);
            self.personal_count += 1;
        } else if stocked.lead.callback.is_some() {
            self.callbacks.push_back(stocked);
        } else {
            self.open.push_back(stocked);
        }
    }

    /// Stocks a lead whose lease is noted before all others for any agent.
    pub(super) fn stock_first(&mut self, stocked: Stocked) {
        self.expires = Some(self.expires.map_or(stocked.until, |at| at.min(stocked.until)));
        self.callbacks.push_front(stocked);
    }

    /// Takes the next lead for any agent; it stays leased.
    pub(super) fn take(&mut self) -> Option<Stocked> {
        self.take_at(0)
    }

    /// Shows the lead for any agent at that place, from 0.
    pub(super) fn peek(&self, place: usize) -> Option<&Stocked> {
        self.callbacks.iter().chain(&self.open).nth(place)
    }

    /// Takes the lead for any agent at that place; it stays leased.
    pub(super) fn take_at(&mut self, place: usize) -> Option<Stocked> {
        match place.checked_sub(self.callbacks.len()) {
            None => self.callbacks.remove(place),
            Some(place) => self.open.remove(place),
        }
    }

    /// Shows the next lead that only this agent may be given.
    pub(super) fn peek_for(&self, agent: AgentId) -> Option<&Stocked> {
        self.personal.get(&agent)?.front()
    }

    /// Takes the next lead that only this agent may be given; it stays leased.
    pub(super) fn take_for(&mut self, agent: AgentId) -> Option<Stocked> {
        let queue = self.personal.get_mut(&agent)?;
        let stocked = queue.pop_front();
        if queue.is_empty() {
            self.personal.remove(&agent);
        }
        self.personal_count -= usize::from(stocked.is_some());
        stocked
    }

    /// Whether leads are in stock that only one agent may be given.
    pub(super) fn awaits(&self) -> bool {
        self.personal_count > 0
    }

    /// The agents for whom personal leads are in stock.
    pub(super) fn awaited(&self) -> impl Iterator<Item = AgentId> {
        self.personal.keys().copied()
    }

    /// Ends a contact's lease: it was closed, refused, passed over or given back.
    pub(super) fn resolved(&mut self, contact: ContactId) {
        self.leased.remove(&contact);
    }

    /// Takes a contact out of stock and ends its lease.
    pub(super) fn forget(&mut self, contact: ContactId) {
        let before = self.len();
        for queue in self.personal.values_mut().chain([&mut self.callbacks, &mut self.open]) {
            queue.retain(|stocked| stocked.lead.contact != contact);
        }
        self.personal.retain(|_, queue| !queue.is_empty());
        self.personal_count = self.personal.values().map(VecDeque::len).sum();
        if self.len() < before {
            self.resolved(contact);
        }
    }

    /// Gives a contact in stock the numbers it has now.
    pub(super) fn correct(&mut self, contact: ContactId, numbers: &[LeadNumber]) {
        let queues = self.personal.values_mut().chain([&mut self.callbacks, &mut self.open]);
        let mut stock = queues.flatten();
        if let Some(stocked) = stock.find(|stocked| stocked.lead.contact == contact) {
            stocked.correct(numbers);
        }
    }

    /// Takes every lead out of stock, or every one whose time is over; they stay leased.
    pub(super) fn empty_out(&mut self, over_at: Option<Mono>) -> Vec<Stocked> {
        if over_at.is_some_and(|now| self.expires.is_none_or(|at| at > now)) {
            return Vec::new();
        }
        let over = |stocked: &Stocked| over_at.is_none_or(|now| stocked.until <= now);
        let mut out = Vec::new();
        let queues = self.personal.values_mut().chain([&mut self.callbacks, &mut self.open]);
        let mut expires: Option<Mono> = None;
        for queue in queues {
            let (gone, kept) = queue.drain(..).partition(over);
            *queue = kept;
            let first = queue.iter().map(|stocked| stocked.until).min();
            expires = [expires, first].into_iter().flatten().min();
            out.extend::<VecDeque<Stocked>>(gone);
        }
        self.personal.retain(|_, queue| !queue.is_empty());
        self.personal_count = self.personal.values().map(VecDeque::len).sum();
        self.expires = expires;
        out
    }

    /// Says how many leads to claim now, and notes the claim; `None` if none.
    ///
    /// `idle` says that nothing of the campaign is in flight, `wanted` that somebody is at work
    /// for whom leads would be claimed.
    pub(super) fn claim(
        &mut self,
        settings: &Settings,
        now: Mono,
        idle: bool,
        wanted: bool,
    ) -> Option<u32> {
        self.claimed_until = self.claimed_until.filter(|&until| until > now);
        if self.claimed_until.is_some() || self.claim_at(settings, idle, wanted)? > now {
            return None;
        }
        self.claimed_until = Some(now + CLAIM_GUARD);
        self.last_claim = now;
        Some(settings.size - count(self.len()))
    }

    /// Says from when on leads are to be claimed, if they are wanted at all.
    fn claim_at(&self, settings: &Settings, idle: bool, wanted: bool) -> Option<Mono> {
        let low = count(self.stock()) < settings.low.clamp(1, settings.size.max(1));
        if !low || count(self.len()) >= settings.size {
            return None;
        }
        // The store's count is old: only a new one tells whether the campaign is at its end.
        let unsure = idle && self.stale && self.len() == 0;
        if unsure {
            Some(self.not_before.min(self.last_claim + self.pause()))
        } else if wanted || self.supply.is_none() {
            Some(self.not_before)
        } else {
            None
        }
    }

    /// Takes the store's answer to the claim; `false` if none is outstanding.
    pub(super) fn answered(&mut self, now: Now, supply: Supply) -> bool {
        if self.claimed_until.take().is_none() {
            return false;
        }
        let due = |at: Wall| now.mono + at.since(now.wall);
        self.not_before = match (supply.due, supply.next_due) {
            (0, Some(at)) => due(at),
            (0, None) if supply.waiting > 0 => now.mono + BLIND_PAUSE,
            (0, None) => Mono::micros(u64::MAX),
            (_, _) => now.mono,
        };
        self.supply = Some(supply);
        self.stale = false;
        true
    }

    /// Notes whether the answered claim brought anything that may be called.
    pub(super) fn judged(&mut self, now: Mono, fruitful: bool) {
        self.fruitless = if fruitful { 0 } else { self.fruitless.saturating_add(1) };
        if !fruitful {
            self.not_before = self.not_before.max(now + self.pause());
        }
    }

    /// Notes that a contact of this campaign falls due then, or never again.
    pub(super) fn due_at(&mut self, now: Now, at: Option<Wall>) {
        self.stale = true;
        let Some(at) = at else { return };
        let at = now.mono + at.since(now.wall);
        self.not_before = self.not_before.min(at.max(self.last_claim + self.pause()));
    }

    /// Notes that the list was filled: the store is asked at once.
    pub(super) fn refilled(&mut self, now: Mono) {
        self.not_before = now;
        self.fruitless = 0;
        self.supply = None;
    }

    /// Whether the store said that nothing is left, and nothing has happened since.
    pub(super) fn dry(&self) -> bool {
        self.len() == 0
            && self.claimed_until.is_none()
            && !self.stale
            && self.supply.is_some_and(|supply| supply.due == 0 && supply.waiting == 0)
    }

    /// When the hopper next wants to be looked at; `running` says whether it may claim.
    pub(super) fn wake(
        &self,
        settings: &Settings,
        idle: bool,
        wanted: bool,
        running: bool,
    ) -> Option<Mono> {
        let claim = || self.claimed_until.or_else(|| self.claim_at(settings, idle, wanted));
        let claim = if running { claim() } else { None };
        [claim, self.expires].into_iter().flatten().filter(|at| at.as_micros() < u64::MAX).min()
    }

    /// Every lead in stock.
    pub(super) fn each(&self) -> impl Iterator<Item = &Stocked> {
        self.personal.values().chain([&self.callbacks, &self.open]).flatten()
    }

    /// Every leased contact.
    pub(super) fn leased(&self) -> &BTreeSet<ContactId> {
        &self.leased
    }

    fn pause(&self) -> Span {
        let Some(doublings) = self.fruitless.checked_sub(1) else { return Span::ZERO };
        FRUITLESS_PAUSE.times(1 << doublings.min(20)).min(FRUITLESS_PAUSE_MAX)
    }
}

fn count(leads: usize) -> u32 {
    u32::try_from(leads).unwrap_or(u32::MAX)
}

/// When a lead that its trunk refused must have been dialled over another or given back: before the
/// store gives it out again; `None` if it would at once or never.
pub(super) fn held_until(settings: &Settings, now: Now, next: Next) -> Option<Mono> {
    let due = match next {
        Next::Retry { at, .. } => at,
        Next::Callback(callback) => callback.at,
        Next::Done(_) | Next::Untouched => return None,
    };
    let lease = settings.lease.min(due.since(now.wall));
    let until = lease_end(&Settings { lease, ..*settings }, now.mono);
    (until > now.mono).then_some(until)
}

/// When a lead leased now must have been dialled or given back.
pub(super) fn lease_end(settings: &Settings, now: Mono) -> Mono {
    let margin = Span::micros(settings.lease.as_micros() / LEASE_MARGIN_PARTS);
    now + (settings.lease - margin)
}
