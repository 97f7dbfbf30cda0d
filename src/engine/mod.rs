//! Runs one `Dialer` against the world.
//!
//! One task owns the dialer. It waits for anything to happen, turns a batch of happenings into
//! facts (`hear`), lets the dialer take and settle them, and performs its orders (`perform`).

mod audited;
pub mod book;
pub mod boot;
mod browser;
pub mod clock;
mod diagnosis;
mod foresight;
pub mod forget;
pub mod gauge;
pub mod handle;
mod hear;
mod inbound;
pub mod legs;
mod perform;
pub mod quality;
mod restock;
mod resume;
pub mod scribe;
pub mod tape;
pub mod tasks;
mod transfer;
mod trial;
pub mod trunks;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use self::book::Book;
use self::clock::Clock;
use self::handle::{Ask, Asked, Refused, Reply, Snapshot, TrunkHealth, Unsigned};
use self::inbound::Callers;
use self::legs::{Leg, Legs};
use self::scribe::{Scribe, Written};
use self::tape::Recorder;
use self::tasks::Tasks;
use self::transfer::Transfer;
use self::trial::Trial;
use crate::core::fact::Supply;
use crate::core::quality::Fall;
use crate::core::{Dialer, Fact, Order, Record};
use crate::media::{self, MediaHandle};
use crate::sip::{self, SipHandle};
use crate::store::{Claimed, Store};
use crate::units::{AgentId, CallId, CampaignId, ContactId, LegId, Mono, Now, Span, TrunkId, Wall};

/// Happenings taken into one batch at most, so that orders never wait long for a busy network.
const BATCH_MAX: usize = 256;

/// How often the snapshot is renewed while things happen.
const PUBLISH_EVERY: Span = Span::millis(200);

/// How soon the snapshot is renewed after an agent moved: the page shows a card before its call is
/// heard, and no eye tells 20 ms from none.
const PUBLISH_MOVE_EVERY: Span = Span::millis(20);

/// How often the snapshot is renewed while nothing happens: who reads it sees that we live.
const PUBLISH_IDLE_EVERY: Span = Span::secs(1);

/// Claims that may be answered at once: one per campaign is under way at most.
const CLAIMS_MAX: usize = 1_024;

/// Answer-to-audio measurements kept for the snapshot.
const AUDIO_KEPT: usize = 4_096;

/// Something that happened outside the core.
#[derive(Debug)]
enum Input {
    Sip(sip::Event),
    Media(media::Event),
    Asked(Asked),
    Written(Written),
    Claimed(CampaignId, Option<Claimed>),
    /// What the store says of a call that came in.
    Inbound(Fact),
    Time,
}

/// The store's answer to a campaign's claim; `None` if it failed.
type Answer = (CampaignId, Option<Claimed>);

/// Whether a call is still wanted while its row is being committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Yes,
    No,
}

/// The ears of the engine.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) sip: mpsc::Receiver<sip::Event>,
    pub(crate) media: mpsc::Receiver<media::Event>,
    pub(crate) asks: mpsc::Receiver<Asked>,
}

/// What the engine is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) clock: Clock,
    pub(crate) dialer: Dialer,
    pub(crate) store: Store,
    pub(crate) sip: SipHandle,
    pub(crate) media: MediaHandle,
    pub(crate) tape: Option<Recorder>,
    pub(crate) scribe: Scribe,
    pub(crate) book: Book,
    pub(crate) tasks: Tasks,
    /// Draws from the system's randomness.
    pub(crate) random: fn(&mut [u8]) -> io::Result<()>,
    pub(crate) inbox: Inbox,
    pub(crate) snapshot: watch::Sender<Arc<Snapshot>>,
    /// The trunks whose present hour is far below their record.
    pub(crate) falls: watch::Receiver<BTreeMap<TrunkId, Fall>>,
}

/// The engine: the one owner of a dialer.
#[derive(Debug)]
pub(crate) struct Engine {
    parts: Parts,
    legs: Legs,
    /// Legs an earlier run left up, which are being ended.
    stale: BTreeSet<LegId>,
    trials: BTreeMap<LegId, Trial>,
    /// Transfers that the far ends were asked for.
    transfers: BTreeMap<CallId, Transfer>,
    previews: BTreeMap<AgentId, (CampaignId, ContactId)>,
    /// Browsers that have an answer and have not joined, at most one of each agent.
    joining: BTreeMap<AgentId, (LegId, Leg)>,
    claims: (mpsc::Sender<Answer>, mpsc::Receiver<Answer>),
    callers: Callers,
    /// Facts of our own making, which go before the next one heard.
    pending: Vec<Fact>,
    uncommitted: BTreeMap<CallId, Wanted>,
    answer_to_audio_ms: VecDeque<f64>,
    /// Trunks at rest, each with the how-manieth rest in a row it is.
    rests: BTreeMap<TrunkId, u32>,
    /// How trunks are by their signs of life.
    health: BTreeMap<TrunkId, TrunkHealth>,
    /// The trunks whose calls were refused for want of a signature.
    unsigned: BTreeMap<TrunkId, Unsigned>,
    /// Until when the store is taken to fail, unless it fails again.
    store_fails_until: Mono,
    /// Since when the store takes no records, while it does not.
    store_away: Option<Wall>,
    /// Why, as the store says.
    store_fault: Option<String>,
    published: Mono,
    changed: bool,
    /// Whether an agent is in another state than the snapshot says.
    moved: bool,
    draining: bool,
}

impl Engine {
    /// Makes an engine whose legs are named from `first_leg` on, calls that come in from
    /// `first_inbound` on.
    pub(crate) fn new(parts: Parts, first_leg: u64, first_inbound: u64) -> Self {
        Self {
            parts,
            legs: Legs::starting_at(first_leg),
            stale: BTreeSet::new(),
            trials: BTreeMap::new(),
            transfers: BTreeMap::new(),
            previews: BTreeMap::new(),
            joining: BTreeMap::new(),
            claims: mpsc::channel(CLAIMS_MAX),
            callers: Callers::starting_at(first_inbound),
            pending: Vec::new(),
            uncommitted: BTreeMap::new(),
            answer_to_audio_ms: VecDeque::new(),
            rests: BTreeMap::new(),
            health: BTreeMap::new(),
            unsigned: BTreeMap::new(),
            store_fails_until: Mono::START,
            store_away: None,
            store_fault: None,
            published: Mono::START,
            changed: true,
            moved: false,
            draining: false,
        }
    }

    /// Runs until the engine has drained, then lets the store and the tape finish.
    ///
    /// `first` are the facts of the settings, taken before anything else.
    pub(crate) async fn run(mut self, first: Vec<Fact>) {
        self.batch(first, Vec::new());
        while !self.left() {
            let input = self.wait().await;
            let mut inputs = vec![input];
            while inputs.len() < BATCH_MAX {
                let Some(input) = self.poll() else { break };
                inputs.push(input);
            }
            let (mut facts, mut asked) = (Vec::new(), Vec::new());
            for input in inputs {
                match input {
                    Input::Asked(ask) => asked.push(ask),
                    Input::Sip(event) => {
                        let heard = self.hear_sip(event);
                        facts.append(&mut self.pending);
                        facts.extend(heard);
                    }
                    Input::Media(event) => facts.extend(self.hear_media(event)),
                    Input::Written(written) => facts.extend(self.hear_written(written)),
                    Input::Claimed(campaign, claimed) => {
                        facts.push(self.hear_claimed(campaign, claimed));
                    }
                    Input::Inbound(fact) => facts.push(fact),
                    Input::Time => self.tend_trials(),
                }
            }
            facts.append(&mut self.pending);
            self.batch(facts, asked);
        }
        self.publish();
        self.parts.scribe.finish().await;
        if let Some(tape) = self.parts.tape
            && let Err(error) = tape.finish()
        {
            tracing::error!(%error, "the tape is incomplete");
        }
    }

    /// Takes a batch of facts and requests, settles, and performs every order.
    fn batch(&mut self, mut facts: Vec<Fact>, asked: Vec<Asked>) {
        let now = self.parts.clock.now();
        let answered = !asked.is_empty();
        let due = self.parts.dialer.next_wake().is_some_and(|(moment, _)| moment <= now.mono);
        if facts.is_empty() && !answered && !due && !self.draining {
            self.publish_if_due(now);
            return;
        }
        for fact in &facts {
            self.parts.dialer.take(now, fact.clone());
        }
        let mut words = Vec::new();
        for (ask, back) in asked {
            if self.draining && ask.places_calls() {
                words.push((back, Err(Refused::Leaving)));
                continue;
            }
            match ask {
                // The contacts are in the store: the next start of the engine claims them.
                Ask::Refill(_) | Ask::Restock(_) if self.draining => {
                    words.push((back, Ok(Reply::Done)))
                }
                Ask::TestTrunk(trunk, call) => self.begin_trial(trunk, call, back),
                Ask::Transfer(call, to) => self.begin_transfer(now, call, to, (&mut facts, back)),
                Ask::AgentChanged(row) => self.change_agent(now, *row, &mut facts, back),
                ask @ (Ask::Campaign(..)
                | Ask::Refill(_)
                | Ask::Restock(_)
                | Ask::Agent(..)
                | Ask::Offer(..)
                | Ask::DoNotCall(..)
                | Ask::Withdrawn(..)
                | Ask::Erased(..)
                | Ask::Corrected(..)
                | Ask::Drain) => {
                    words.push((back, self.answer(now, ask, &mut facts)));
                }
            }
        }
        if self.draining {
            self.send_home(now, &mut facts);
        }
        self.parts.dialer.settle(now);
        let orders: Vec<Order> = std::iter::from_fn(|| self.parts.dialer.next_order()).collect();
        if let Some(tape) = &mut self.parts.tape {
            tape.begin(now, &facts);
            for order in &orders {
                tape.order(order);
            }
            tape.end();
        }
        self.moved |= orders.iter().any(moves_an_agent);
        self.perform(now, orders, words);
        self.changed = true;
        if answered {
            self.publish();
        } else {
            self.publish_if_due(now);
        }
    }

    /// Waits for the next thing that happens; earlier arms matter more.
    async fn wait(&mut self) -> Input {
        if !self.pending.is_empty() {
            return Input::Time;
        }
        let wake = self.parts.dialer.next_wake().map(|(moment, _)| moment);
        let renew = self.publish_due();
        let at = [wake, self.trial_due()].into_iter().flatten().fold(renew, Mono::min);
        let timer = tokio::time::sleep_until(self.parts.clock.instant(at));
        let inbox = &mut self.parts.inbox;
        tokio::select! {
            biased;
            Some(event) = inbox.sip.recv() => Input::Sip(event),
            Some(event) = inbox.media.recv() => Input::Media(event),
            Some(written) = self.parts.scribe.written() => Input::Written(written),
            Some((campaign, claimed)) = self.claims.1.recv() => Input::Claimed(campaign, claimed),
            Some(fact) = self.callers.told() => Input::Inbound(fact),
            Some(asked) = inbox.asks.recv() => Input::Asked(asked),
            () = timer => Input::Time,
        }
    }

    /// Takes what has happened already, without waiting.
    fn poll(&mut self) -> Option<Input> {
        let inbox = &mut self.parts.inbox;
        if let Ok(event) = inbox.sip.try_recv() {
            return Some(Input::Sip(event));
        }
        if let Ok(event) = inbox.media.try_recv() {
            return Some(Input::Media(event));
        }
        if let Some(written) = self.parts.scribe.try_written() {
            return Some(Input::Written(written));
        }
        if let Ok((campaign, claimed)) = self.claims.1.try_recv() {
            return Some(Input::Claimed(campaign, claimed));
        }
        if let Some(fact) = self.callers.try_told() {
            return Some(Input::Inbound(fact));
        }
        inbox.asks.try_recv().ok().map(Input::Asked)
    }

    /// Says when the snapshot is to be renewed.
    fn publish_due(&self) -> Mono {
        self.published
            + match (self.moved, self.changed) {
                (true, _) => PUBLISH_MOVE_EVERY,
                (false, true) => PUBLISH_EVERY,
                (false, false) => PUBLISH_IDLE_EVERY,
            }
    }

    fn publish_if_due(&mut self, now: Now) {
        if now.mono >= self.publish_due() {
            self.publish();
        }
    }

    /// Renews the snapshot others read.
    fn publish(&mut self) {
        let now = self.parts.clock.now();
        self.published = now.mono;
        (self.changed, self.moved) = (false, false);
        let snapshot = Snapshot {
            now,
            floor: self.parts.dialer.floor(now),
            answer_to_audio_ms: Arc::new(self.answer_to_audio_ms.iter().copied().collect()),
            previews: self.previews.clone(),
            trunks: self.health.clone(),
            unsigned: self.unsigned.clone(),
            falls: self.parts.falls.borrow().clone(),
            store_fails: self.store_fails_until > now.mono,
            store_away: self.store_away,
            store_fault: self.store_fault.clone(),
            draining: self.draining,
        };
        self.tell_rests(&snapshot);
        self.parts.snapshot.send_replace(Arc::new(snapshot));
    }

    /// Tells of trunks that are left alone after faults of their own, and of those that recovered.
    fn tell_rests(&mut self, snapshot: &Snapshot) {
        for floor in &snapshot.floor.trunks {
            let name = self.parts.book.trunks.get(&floor.trunk).map(|page| page.name.as_str());
            let trunk = name.unwrap_or_default();
            let Some(rest) = floor.rest else {
                if self.rests.remove(&floor.trunk).is_some() {
                    tracing::info!(trunk, "the trunk takes calls again");
                }
                continue;
            };
            let before = self.rests.insert(floor.trunk, rest.nth);
            let rests_s = rest.until.since(snapshot.now.mono).as_secs_f64();
            if before.is_none() {
                tracing::warn!(trunk, rests_s, "the trunk fails call after call and is left alone");
            } else if before < Some(rest.nth) {
                tracing::info!(trunk, rests_s, "the trunk failed its trial call and rests longer");
            }
        }
    }

    /// Keeps one answer-to-audio measurement, in milliseconds.
    fn keep_audio(&mut self, milliseconds: f64) {
        if self.answer_to_audio_ms.len() == AUDIO_KEPT {
            self.answer_to_audio_ms.pop_front();
        }
        self.answer_to_audio_ms.push_back(milliseconds);
    }

    /// Tells whether a drain is over: nothing rings, nobody talks, every leg is down.
    fn left(&self) -> bool {
        self.draining && self.legs.is_empty() && !self.parts.scribe.is_behind()
    }
}

/// Whether an order tells of an agent in another state, or with another card.
fn moves_an_agent(order: &Order) -> bool {
    matches!(
        order,
        Order::Record(Record::AgentState { .. }) | Order::ShowPreview(..) | Order::ClearPreview(_)
    )
}

/// What a failed claim tells the core: nothing now, ask again soon.
fn failed_supply(now: Now) -> Supply {
    Supply { due: 0, waiting: 1, next_due: Some(now.wall + Span::secs(2)) }
}
