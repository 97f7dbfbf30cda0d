//! Callers of the numbers campaigns show: their legs, and who they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use super::Engine;
use super::hear::{INTERNAL, NO_USABLE_AUDIO};
use super::legs::Party;
use super::perform::heard;
use crate::core::fact::InboundFact;
use crate::core::order::{InboundOrder, Turned, Words};
use crate::core::{Fact, Record};
use crate::media::Feed;
use crate::sip::{self, Called, Command};
use crate::store::{NewOpposition, Write, insist};
use crate::units::{CampaignId, ClientId, InboundId, LegId, Now, Number, TrunkId};
use crate::wire::sdp::{self, Direction};

/// 486 Busy Here (RFC 3261 §21.4.24): as many callers are here as there may be.
const BUSY: u16 = 486;

/// 480 Temporarily Unavailable (RFC 3261 §21.4.18): the engine leaves.
const LEAVING: u16 = 480;

/// How French numbers begin.
const FRANCE: &str = "+33";

/// Answers of the store that may wait at once, two for each caller of a large centre.
const NEWS_MAX: usize = 2_048;

/// How long, and how often, a wish is written again while the store fails: the caller hears no
/// confirmation meanwhile, but the wish is not lost with the call.
const NOTE_EVERY: Duration = Duration::from_millis(500);
const NOTES_MAX: u32 = 1_200;

/// Whoever called a number that campaigns show.
#[derive(Debug)]
struct Caller {
    leg: LegId,
    trunk: TrunkId,
    called: Number,
    from: Option<Number>,
    offer: Option<sip::Sdp>,
    campaign: Option<CampaignId>,
}

/// Every caller, and what the store says of them.
#[derive(Debug)]
pub(super) struct Callers {
    next: u64,
    calls: BTreeMap<InboundId, Caller>,
    legs: BTreeMap<LegId, InboundId>,
    /// Trunks of which it was said that their numbers cannot be read.
    unread: BTreeSet<TrunkId>,
    news: (mpsc::Sender<Fact>, mpsc::Receiver<Fact>),
}

impl Callers {
    /// Makes an empty table whose first call has this id.
    pub(super) fn starting_at(first: u64) -> Self {
        let (calls, legs, unread) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { next: first, calls, legs, unread, news: mpsc::channel(NEWS_MAX) }
    }

    /// Waits for what the store says next.
    pub(super) async fn told(&mut self) -> Option<Fact> {
        self.news.1.recv().await
    }

    /// Takes what the store has said already.
    pub(super) fn try_told(&mut self) -> Option<Fact> {
        self.news.1.try_recv().ok()
    }

    fn forget(&mut self, id: InboundId) -> Option<Caller> {
        let caller = self.calls.remove(&id)?;
        self.legs.remove(&caller.leg);
        Some(caller)
    }
}

impl Engine {
    /// Hears of a call that comes in over a trunk.
    pub(super) fn hear_called(&mut self, call: Called) -> Option<Fact> {
        let Called { leg, trunk, to, from, national, unread, offer } = call;
        self.tell_unread(trunk, &unread);
        if self.draining {
            self.signal(Command::Reject(leg, LEAVING));
            return None;
        }
        let book = &self.parts.book;
        let mut numbers = to.into_iter().map(|number| (book.showing(&number), number));
        let found = numbers.find(|(campaigns, _)| !campaigns.is_empty());
        let Some((campaigns, called)) = found else {
            let (unknown, name) = book
                .trunks
                .get(&trunk)
                .map_or((INTERNAL, ""), |page| (page.unknown, page.name.as_str()));
            tracing::debug!(trunk = name, "a call to a number that no campaign shows");
            self.signal(Command::Reject(leg, unknown));
            return None;
        };
        let id = InboundId(self.callers.next);
        self.callers.next += 1;
        let from = from.or_else(|| national.filter(|_| called.reveal().starts_with(FRANCE)));
        let known = from.is_some();
        let caller = Caller { leg, trunk, called, from, offer, campaign: None };
        self.callers.calls.insert(id, caller);
        self.callers.legs.insert(leg, id);
        Some(Fact::Inbound(id, InboundFact::Arrived { trunk, campaigns, known }))
    }

    /// Says once of each trunk that what it writes cannot be read.
    fn tell_unread(&mut self, trunk: TrunkId, unread: &[String]) {
        let Some(written) = unread.first().filter(|_| self.callers.unread.insert(trunk)) else {
            return;
        };
        let name = self.parts.book.trunks.get(&trunk).map_or("", |page| page.name.as_str());
        tracing::warn!(
            trunk = name,
            written,
            "a call that came in has a number that cannot be read: set incoming_format of the \
             trunk as its carrier writes them"
        );
    }

    /// Hears what the signalling says of a caller; `None` for everybody and everything else.
    pub(super) fn hear_caller(&mut self, event: &sip::Event) -> Option<Fact> {
        let of = |leg: &LegId| self.callers.legs.get(leg).copied();
        if let sip::Event::Acked(leg) = event {
            return Some(Fact::Inbound(of(leg)?, InboundFact::Answered));
        }
        if let sip::Event::Digit(leg, key) = event {
            return Some(Fact::Inbound(of(leg)?, InboundFact::Pressed(*key)));
        }
        let over = if let sip::Event::Failed { leg, .. } | sip::Event::Ended { leg, .. } = event {
            leg
        } else if let sip::Event::Gone(leg) = event {
            leg
        } else {
            return None;
        };
        let id = of(over)?;
        self.callers.forget(id);
        self.drop_leg(*over);
        Some(Fact::Inbound(id, InboundFact::Gone))
    }

    /// Does what the core asks for a call that came in.
    pub(super) fn perform_inbound(&mut self, now: Now, id: InboundId, order: InboundOrder) {
        match order {
            InboundOrder::Refuse(why) => self.turn_away(id, why),
            InboundOrder::Identify(campaigns) => self.identify(id, campaigns),
            InboundOrder::Answer => self.answer_caller(id),
            InboundOrder::Play(words, campaign) => self.speak_to(id, words, campaign),
            InboundOrder::Note(clients) => self.oppose(now, id, clients),
            InboundOrder::HangUp => {
                if let Some(leg) = self.callers.calls.get(&id).map(|caller| caller.leg) {
                    self.end_leg(leg, Command::HangUp(leg));
                }
            }
        }
    }

    /// Gives what is to be written of the caller beside a record.
    pub(super) fn caller_of(&mut self, record: &Record) -> Option<Write> {
        let Record::Received { inbound, campaign, .. } = record else { return None };
        let caller = self.callers.calls.get_mut(inbound)?;
        caller.campaign = Some(*campaign);
        let (from, called) = (caller.from.clone(), caller.called.clone());
        Some(Write::Caller { inbound: *inbound, from, called })
    }

    fn turn_away(&mut self, id: InboundId, why: Turned) {
        let Some(caller) = self.callers.forget(id) else { return };
        let status = match why {
            Turned::Busy => BUSY,
            Turned::Unknown => {
                let page = self.parts.book.trunks.get(&caller.trunk);
                page.map_or(INTERNAL, |page| page.unknown)
            }
        };
        tracing::debug!(%id, status, "a call that came in is not answered");
        self.signal(Command::Reject(caller.leg, status));
    }

    fn identify(&self, id: InboundId, campaigns: Vec<CampaignId>) {
        let from = self.callers.calls.get(&id).and_then(|caller| caller.from.clone());
        let (store, back) = (self.parts.store.clone(), self.callers.news.0.clone());
        self.parts.tasks.spawn(async move {
            let found = match from {
                Some(from) => store.last_caller(&from, &campaigns).await,
                None => Ok(None),
            };
            let last = found.unwrap_or_else(|error| {
                tracing::error!(%id, %error, "who called the caller is not known");
                None
            });
            // A closed inbox means that the engine has left, and the call with it.
            drop(back.send(Fact::Inbound(id, InboundFact::Identified(last))).await);
        });
    }

    fn answer_caller(&mut self, id: InboundId) {
        let Some(caller) = self.callers.calls.get_mut(&id) else { return };
        let (leg, trunk, offer) = (caller.leg, caller.trunk, caller.offer.take());
        let audio = self.parts.book.trunk_audio(trunk);
        let told = offer.as_ref().and_then(|offer| sdp::read(offer).ok());
        let far = told
            .map(|offer| offer.rtp.ip())
            .or_else(|| self.parts.sip.reached_at(sip::Peer::Trunk(trunk)));
        let Some((mut held, entropy)) = self.open_leg(leg, Party::Caller(id), audio, far) else {
            return self.cannot_answer(id, INTERNAL);
        };
        held.trunk = Some(trunk);
        let answer = match &offer {
            None => held.side.offer(Direction::SendRecv, entropy),
            Some(offer) => match held.side.answer(offer, entropy) {
                Ok((answer, remote)) => {
                    heard(self.parts.media.connect(leg, remote));
                    answer
                }
                Err(error) => {
                    tracing::warn!(%id, %error, "a call that came in offers no usable audio");
                    heard(self.parts.media.close(leg));
                    return self.cannot_answer(id, NO_USABLE_AUDIO);
                }
            },
        };
        held.answered = Some(self.parts.clock.mono());
        self.legs.insert(leg, held);
        heard(self.parts.media.feed(leg, Feed::Silence));
        self.signal(Command::Accept(leg, answer));
    }

    fn cannot_answer(&mut self, id: InboundId, status: u16) {
        if let Some(caller) = self.callers.forget(id) {
            self.signal(Command::Reject(caller.leg, status));
        }
        self.pending.push(Fact::Inbound(id, InboundFact::Gone));
    }

    fn speak_to(&self, id: InboundId, words: Words, campaign: CampaignId) {
        let page = self.parts.book.campaigns.get(&campaign);
        let Some((caller, page)) = self.callers.calls.get(&id).zip(page) else { return };
        let prompt = match words {
            Words::Greeting => page.greeting,
            Words::General => page.general,
            Words::Confirmation => page.confirmation,
        };
        heard(self.parts.media.feed(caller.leg, Feed::Prompt(prompt)));
    }

    /// Writes a caller's wish down; the core hears of it once that is committed, whatever became
    /// of the call.
    fn oppose(&self, now: Now, id: InboundId, clients: Vec<ClientId>) {
        let Some(caller) = self.callers.calls.get(&id) else { return };
        heard(self.parts.media.feed(caller.leg, Feed::Silence));
        let known = caller.from.clone().zip(caller.campaign);
        let (trunk, called) = (caller.trunk, caller.called.clone());
        let (store, back) = (self.parts.store.clone(), self.callers.news.0.clone());
        self.parts.tasks.spawn(async move {
            let fact = match known {
                Some((from, campaign)) => {
                    let clients = clients.clone();
                    let at = now.wall;
                    let new =
                        NewOpposition { inbound: id, trunk, campaign, clients, from, called, at };
                    let tries = AtomicU32::new(0);
                    let patience = || {
                        let more = tries.fetch_add(1, Ordering::Relaxed) < NOTES_MAX;
                        async move {
                            tokio::time::sleep(NOTE_EVERY).await;
                            more
                        }
                    };
                    insist(|| store.oppose(&new), patience).await
                }
                None => Ok(Vec::new()),
            };
            let fact = match fact {
                Ok(persons) if !persons.is_empty() => InboundFact::Noted { persons, clients },
                Ok(_) => InboundFact::NotNoted,
                Err(error) => {
                    tracing::error!(%id, %error, "a caller's wish could not be written down");
                    InboundFact::NotNoted
                }
            };
            // A closed inbox means that the engine has left: the wish is in the store.
            drop(back.send(Fact::Inbound(id, fact)).await);
        });
    }
}
