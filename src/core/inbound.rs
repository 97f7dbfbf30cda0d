//! Calls that come in to the numbers campaigns show: the caller is told who called, and may end it
//! with a key. No agent is needed and no campaign need run.
//!
//! ```text
//! Asking ─► Answering ─► Speaking ◄─► Pausing ─► Leaving ─► gone
//!                            └─ the key ─► Noting ─► Confirming ─┘
//! ```
//!
//! Whatever the stage, it ends by a moment of its own: no call is up for longer than [`LENGTH_MAX`]
//! and its farewell. It has no part in pacing, and takes no trunk channel of the calls placed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::campaign::Campaign;
use super::fact::{DncScope, InboundFact};
use super::order::{InboundOrder, Order, Record, Turned, Words};
use super::{Dialer, Wake, trunks};
use crate::units::{CampaignId, ClientId, InboundId, Mono, Now, Span, TrunkId};

/// The longest a caller is kept: three greetings of half a minute and the confirmation.
pub const LENGTH_MAX: Span = Span::secs(180);

/// How long the store may take to say who called: a caller waits that long for the answer.
const ASK_MAX: Span = Span::secs(2);

/// How long the answer may take to come through: 64 times T1 and a little.
const ANSWER_MAX: Span = Span::secs(40);

/// How often the greeting is played.
const GREETINGS: u8 = 3;

/// The silence after each, to press the key.
const PAUSE: Span = Span::secs(3);

/// How long a farewell may take.
const FAREWELL_MAX: Span = Span::secs(60);

/// How many calls a trunk may bring.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// At once.
    pub calls: u32,
    /// A second, in the long run; as many as `calls` may come together.
    pub calls_per_second: f64,
}

/// What a campaign's manager decided of calls to its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The key that ends the campaign's calls.
    pub key: char,
}

impl Default for Settings {
    fn default() -> Self {
        Self { key: '9' }
    }
}

impl Settings {
    /// Tells whether these are the usual ones.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The calls of one trunk.
#[derive(Debug)]
pub(super) struct Door {
    limits: Limits,
    busy: u32,
    /// When as many as may come together may come again.
    full: Mono,
}

impl Door {
    /// Lets one more call in, if the limits do.
    fn admit(&mut self, now: Mono) -> bool {
        let interval = trunks::interval(self.limits.calls_per_second);
        let ahead = interval.times(u64::from(self.limits.calls.saturating_sub(1)));
        let free = self.busy < self.limits.calls && self.full.since(now) <= ahead;
        if free {
            self.busy += 1;
            self.full = self.full.max(now) + interval;
        }
        free
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Asking,
    Answering,
    /// Which greeting it is.
    Speaking(u8),
    Pausing(u8),
    Noting,
    Confirming,
    Leaving,
}

/// One call that came in.
#[derive(Debug)]
pub(super) struct Inbound {
    trunk: TrunkId,
    /// The campaigns that show the number; the one it is answered for is alone or the first.
    campaigns: Vec<CampaignId>,
    /// Whether the caller's number is told: without it no wish can be noted.
    known: bool,
    stage: Stage,
    answered: bool,
    /// When it is ended at the latest.
    ends: Mono,
}

impl Dialer {
    pub(super) fn take_limits(&mut self, trunk: TrunkId, limits: Limits) {
        let door = self.doors.entry(trunk);
        let door = door.or_insert(Door { limits, busy: 0, full: Mono::START });
        door.limits = limits;
    }

    pub(super) fn take_inbound(&mut self, now: Now, id: InboundId, fact: InboundFact) {
        match fact {
            InboundFact::Arrived { trunk, campaigns, known } => {
                self.arrived(now, id, (trunk, campaigns, known));
            }
            InboundFact::Noted { persons, clients } => {
                for client in clients {
                    for person in &persons {
                        self.note_wish(now, *person, DncScope::Client(client), None);
                    }
                }
                self.confirm(now, id);
            }
            InboundFact::Gone => self.inbound_gone(now, id),
            InboundFact::Identified(campaign) => self.identified(now, id, campaign),
            // Whoever hung up meanwhile waits for nothing.
            InboundFact::NotNoted if !self.inbound.contains_key(&id) => {}
            InboundFact::Answered
            | InboundFact::Played
            | InboundFact::Pressed(_)
            | InboundFact::NotNoted => self.step_inbound(now, id, &fact),
        }
    }

    fn arrived(
        &mut self,
        now: Now,
        id: InboundId,
        (trunk, mut campaigns, known): (TrunkId, Vec<CampaignId>, bool),
    ) {
        if self.inbound.contains_key(&id) {
            return self.surprise();
        }
        campaigns.retain(|campaign| self.campaigns.contains_key(campaign));
        let door = self.doors.get_mut(&trunk).filter(|_| !campaigns.is_empty());
        let Some(door) = door else { return self.inbound_order(id, refuse(Turned::Unknown)) };
        if !door.admit(now.mono) {
            return self.inbound_order(id, refuse(Turned::Busy));
        }
        let ends = now.mono + ASK_MAX;
        let asked = campaigns.clone();
        let stage = Stage::Asking;
        let call = Inbound { trunk, campaigns, known, stage, answered: false, ends };
        self.inbound.insert(id, call);
        if known {
            self.timers.set(Wake::Inbound(id), ends);
            self.inbound_order(id, InboundOrder::Identify(asked));
        } else {
            self.answer_inbound(now, id);
        }
    }

    fn identified(&mut self, now: Now, id: InboundId, campaign: Option<CampaignId>) {
        let asking = |call: &&mut Inbound| call.stage == Stage::Asking;
        // An answer that comes too late tells nothing that is still wanted.
        let Some(call) = self.inbound.get_mut(&id).filter(asking) else { return };
        if let Some(campaign) = campaign.filter(|campaign| call.campaigns.contains(campaign)) {
            call.campaigns = vec![campaign];
        }
        self.answer_inbound(now, id);
    }

    fn answer_inbound(&mut self, now: Now, id: InboundId) {
        self.enter(id, Stage::Answering, now.mono + ANSWER_MAX);
        self.inbound_order(id, InboundOrder::Answer);
    }

    fn step_inbound(&mut self, now: Now, id: InboundId, fact: &InboundFact) {
        let Some(call) = self.inbound.get_mut(&id) else { return self.surprise() };
        let (stage, campaigns) = (call.stage, &call.campaigns);
        match (stage, fact) {
            (Stage::Answering, InboundFact::Answered) => {
                call.answered = true;
                call.ends = now.mono + LENGTH_MAX;
                let (trunk, campaign) = (call.trunk, campaigns.first().copied());
                if let Some(campaign) = campaign {
                    let at = now.wall;
                    self.record(Record::Received { inbound: id, trunk, campaign, at });
                }
                self.greet(id, 1);
            }
            (Stage::Speaking(nth), InboundFact::Played) => {
                let ends = call.ends;
                self.stage(id, Stage::Pausing(nth), ends.min(now.mono + PAUSE));
            }
            (Stage::Confirming, InboundFact::Played) | (Stage::Noting, InboundFact::NotNoted) => {
                self.part(now, id);
            }
            (Stage::Speaking(_) | Stage::Pausing(_), InboundFact::Pressed(key)) => {
                let first = campaigns.first().and_then(|first| self.campaigns.get(first));
                if call.known && first.is_some_and(|of| of.settings.inbound.key == *key) {
                    let clients = clients(campaigns, &self.campaigns);
                    let ends = call.ends;
                    self.stage(id, Stage::Noting, ends);
                    self.inbound_order(id, InboundOrder::Note(clients));
                }
            }
            // Keys pressed twice, and ends of what was cut short.
            (_, InboundFact::Pressed(_) | InboundFact::Played) => {}
            (..) => self.surprise(),
        }
    }

    /// Does what is due for a call that came in.
    pub(super) fn inbound_due(&mut self, now: Now, id: InboundId) {
        let Some(call) = self.inbound.get(&id) else { return };
        match call.stage {
            Stage::Asking => self.answer_inbound(now, id),
            Stage::Pausing(nth) if nth < GREETINGS && now.mono < call.ends => {
                self.greet(id, nth + 1);
            }
            // Its last word was lost.
            Stage::Leaving => self.inbound_gone(now, id),
            Stage::Answering
            | Stage::Speaking(_)
            | Stage::Pausing(_)
            | Stage::Noting
            | Stage::Confirming => self.part(now, id),
        }
    }

    fn greet(&mut self, id: InboundId, nth: u8) {
        let Some(call) = self.inbound.get(&id) else { return };
        let several = clients(&call.campaigns, &self.campaigns).len() > 1;
        let words = if several || !call.known { Words::General } else { Words::Greeting };
        let ends = call.ends;
        self.speak(id, words);
        self.stage(id, Stage::Speaking(nth), ends);
    }

    fn confirm(&mut self, now: Now, id: InboundId) {
        let noting = |call: &&Inbound| call.stage == Stage::Noting;
        // Whoever hung up meanwhile has the wish all the same.
        if self.inbound.get(&id).filter(noting).is_some() {
            self.speak(id, Words::Confirmation);
            self.enter(id, Stage::Confirming, now.mono + LENGTH_MAX);
        }
    }

    fn part(&mut self, now: Now, id: InboundId) {
        self.inbound_order(id, InboundOrder::HangUp);
        self.enter(id, Stage::Leaving, now.mono + FAREWELL_MAX);
    }

    fn inbound_gone(&mut self, now: Now, id: InboundId) {
        let Some(call) = self.inbound.remove(&id) else { return self.surprise() };
        self.timers.clear(Wake::Inbound(id));
        if let Some(door) = self.doors.get_mut(&call.trunk) {
            door.busy = door.busy.saturating_sub(1);
        }
        if call.answered {
            self.record(Record::ReceivedEnded { inbound: id, at: now.wall });
        }
    }

    fn speak(&mut self, id: InboundId, words: Words) {
        let first = self.inbound.get(&id).and_then(|call| call.campaigns.first());
        if let Some(campaign) = first.copied() {
            self.inbound_order(id, InboundOrder::Play(words, campaign));
        }
    }

    /// Moves a call to a stage that ends the call at a moment.
    fn enter(&mut self, id: InboundId, stage: Stage, ends: Mono) {
        if let Some(call) = self.inbound.get_mut(&id) {
            call.ends = ends;
        }
        self.stage(id, stage, ends);
    }

    fn stage(&mut self, id: InboundId, stage: Stage, due: Mono) {
        if let Some(call) = self.inbound.get_mut(&id) {
            call.stage = stage;
            self.timers.set(Wake::Inbound(id), due);
        }
    }

    fn inbound_order(&mut self, id: InboundId, order: InboundOrder) {
        self.orders.push_back(Order::Inbound(id, order));
    }
}

const fn refuse(why: Turned) -> InboundOrder {
    InboundOrder::Refuse(why)
}

/// Gives the client companies of campaigns, each once.
fn clients(of: &[CampaignId], campaigns: &BTreeMap<CampaignId, Campaign>) -> Vec<ClientId> {
    let all = of.iter().filter_map(|id| campaigns.get(id));
    let all: BTreeSet<_> = all.map(|known| known.settings.client).collect();
    all.into_iter().collect()
}
