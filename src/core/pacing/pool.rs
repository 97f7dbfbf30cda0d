//! A decision of all campaigns that share agents: one forecast of releases, each campaign's own
//! hazards, and the calls granted to whom they are worth most. A campaign that shares with nobody
//! is the pool of one.

use std::collections::BTreeSet;

use super::balance::{Balance, Load};
use super::crowd::Crowd;
use super::grant::{self, Grant, Purse, Question, Seat, floor};
use super::grid::HORIZONS;
use super::predictive::{Odds, Pacer, Share};
use super::price::{Books, unrisked};
use super::rate::Rate;
use super::{Ask, Forecast, Limit, View, Why};
use crate::units::{AgentId, Mono, Ratio, Span};

/// One campaign of the pool.
#[derive(Debug)]
pub(in crate::core) struct Member<'p> {
    pub(in crate::core) pacer: &'p Pacer,
    pub(in crate::core) view: View,
    /// How often it decides when nothing happens; `None` for one that only looks on.
    pub(in crate::core) every: Option<Span>,
    /// What an answered call of it is worth.
    pub(in crate::core) value: f64,
    /// Ready agents who serve it, less persons who wait for any of them.
    pub(in crate::core) free: i64,
    /// Agents at work whose first choice it is.
    pub(in crate::core) home: u32,
    /// Ready agents among them who have no line of it, because lines of others may take them.
    pub(in crate::core) owed: u32,
    /// The busy agents who serve it, if some of its neighbours' do not.
    pub(in crate::core) only: Option<BTreeSet<AgentId>>,
}

/// One rate of the pool.
#[derive(Debug)]
pub(in crate::core) struct Ledger<'p> {
    pub(in crate::core) rate: &'p Rate,
    pub(in crate::core) cap: Ratio,
    /// Whether the cap is to be proved.
    pub(in crate::core) strict: bool,
    /// Whether no more may be exposed now, whatever the cap admits: a call placed now may be
    /// abandoned in the rate's next window, or, where calls are granted, a team waits to be counted
    /// on.
    pub(in crate::core) closed: bool,
    /// Persons who answered, those abandoned, and those who wait.
    pub(in crate::core) answered: u64,
    pub(in crate::core) abandoned: u64,
    pub(in crate::core) waiting: u32,
    /// What an answer to come brings along in the count, by its rule.
    pub(in crate::core) brings: (f64, f64),
    /// What each of its campaigns adds, and the abandons expected of those in other pools.
    pub(in crate::core) shares: Vec<Share>,
    pub(in crate::core) lost_elsewhere: f64,
    /// Calls of its campaigns in other pools that could be abandoned.
    pub(in crate::core) exposed_elsewhere: u32,
}

/// What a campaign asks for, and why.
#[derive(Clone, Copy, Debug)]
pub(in crate::core) struct Asked {
    pub(in crate::core) ask: Ask,
    pub(in crate::core) forecast: Forecast,
    /// What every call asked for is placed with.
    pub(in crate::core) odds: Odds,
    /// What held it back, if the forecast did not.
    pub(in crate::core) held: Option<Limit>,
    /// Abandons expected of its calls in flight.
    pub(in crate::core) lost: f64,
    /// How long the next decision may wait if nothing happens.
    pub(in crate::core) pause: Span,
}

/// Calls asked for at once at most, and more, one for so many agents: a flood cannot be taken back.
/// Both by judgement; no source gives them.
const BURST: u32 = 12;
const BURST_AGENTS: u32 = 4;
/// How many times the campaign's own pace a decision may wait when nothing is near (docs/pacing.md,
/// "Prediction").
const SLOW: u64 = 4;
/// How likely a person who waits already is abandoned: by judgement; no source gives it.
const WAITING_LOST: f64 = 0.7;

/// Decides how many calls every campaign of a pool places now, in the order of the members, who
/// stand in the crowd at the same places.
pub(in crate::core) fn decide(
    now: Mono,
    members: &[Member<'_>],
    ledgers: &[Ledger<'_>],
    crowd: &Crowd,
) -> Vec<Asked> {
    let purses = ledgers.iter().map(Ledger::purse).collect::<Vec<_>>();
    let books = |place: usize| {
        let rate = crowd.spots[place].rate;
        let exposed = crowd.exposed(rate, Some(place)) + purses[rate].exposed_elsewhere;
        Books { exposed: f64::from(exposed), ..purses[rate].books }
    };
    let wants = |(place, member): (usize, &Member<'_>)| {
        member.every.is_some()
            && (floor(&member.view) > 0 || (member.pacer.warm() && books(place).aim() > 0.0))
    };
    if !members.iter().enumerate().any(wants) {
        let idle = members.iter().enumerate();
        return idle.map(|(place, member)| member.nothing(books(place).room())).collect();
    }
    let loads = (0..members.len()).map(|place| load(now, members, crowd, place));
    let loads = loads.collect::<Vec<_>>();
    let seats = members.iter().zip(&loads).map(|(member, load)| member.seat(load));
    let seats = seats.collect::<Vec<_>>();
    let seen = seats.iter().map(|seat| (seat.balance.expected(), seat.balance.ahead_s()));
    let seen = seen.collect::<Vec<_>>();
    let rooms = purses.iter().map(|purse| purse.books.room()).collect::<Vec<_>>();
    let room = |place: usize| rooms[crowd.spots[place].rate];
    let grants = Question { seats, purses, crowd: crowd.clone() }.answer();
    let asked = members.iter().zip(grants).zip(seen).enumerate();
    asked
        .map(|(place, ((member, grant), ((answers, releases), ahead_s)))| {
            let forecast = Forecast {
                threshold: Ratio::new(grant.threshold),
                answers,
                releases,
                chance: Ratio::new(grant.last),
                room: room(place),
                mean: Ratio::new(grant.mean),
                next: grant.refused(),
                ahead: Span::from_secs_f64(ahead_s),
            };
            member.asked(now, &grant, forecast)
        })
        .collect()
}

/// Cuts a number of new calls of a campaign to those that break no proved cap of the pool.
pub(in crate::core) fn proved(
    ledgers: &[Ledger<'_>],
    mut crowd: Crowd,
    place: usize,
    calls: u32,
) -> u32 {
    let purses = ledgers.iter().map(Ledger::purse).collect::<Vec<_>>();
    for placed in 0..calls {
        if grant::unproved(&purses, &crowd, place).is_some() {
            return placed;
        }
        crowd.add_line(place);
    }
    calls
}

/// Whether no proved cap of the pool is put at risk by what makes one crowd of another.
pub(in crate::core) fn keeps_proofs(ledgers: &[Ledger<'_>], before: &Crowd, after: &Crowd) -> bool {
    let purses = ledgers.iter().map(Ledger::purse).collect::<Vec<_>>();
    grant::keeps_proofs(
        &purses,
        |rate| before.exposed(rate, None),
        |rate| after.exposed(rate, None),
    )
}

/// Draws what is on its way to the agents of one member.
fn load(now: Mono, members: &[Member<'_>], crowd: &Crowd, place: usize) -> Load {
    let member = &members[place];
    let pacer = member.pacer;
    let (mut lines, mut busy) = (Vec::new(), Vec::new());
    pacer.lines(now, &mut lines);
    let own = lines.len();
    pacer.releases(None, &mut busy);
    let (mut answer_spread, mut release_spread) = pacer.spreads(now);
    let mut quick = *pacer.quick();
    for other in crowd.spots[place].beside.iter().filter(|other| **other != place) {
        let other = members[*other].pacer;
        other.lines(now, &mut lines);
        other.releases(member.only.as_ref(), &mut busy);
        let (answers, releases) = other.spreads(now);
        answer_spread = answer_spread.max(answers);
        release_spread = release_spread.max(releases);
        // Whoever is slower to be done with.
        for (row, others) in quick.iter_mut().zip(other.quick()) {
            row.iter_mut().zip(others).for_each(|(own, other)| *own = own.min(*other));
        }
    }
    let fresh = pacer.fresh(now);
    Load { lines, own, busy, free: member.free, answer_spread, release_spread, fresh, quick }
}

impl Member<'_> {
    fn seat(&self, load: &Load) -> Seat {
        let (view, busy) = (&self.view, self.pacer.busy());
        let most = view.stock.min(BURST + (view.ready + busy) / BURST_AGENTS);
        let asks = self.every.is_some();
        Seat {
            balance: Balance::new(load),
            reach: load.fresh[HORIZONS - 1],
            warm: self.pacer.warm(),
            floor: if asks { floor(view) } else { 0 },
            most: if asks { most } else { 0 },
            value: self.value,
            busy: f64::from(busy),
            home: f64::from(self.home),
            owed: self.owed,
        }
    }

    fn why(&self) -> Why {
        if self.pacer.warm() { Why::Predicted } else { Why::Learning }
    }

    fn nothing(&self, room: f64) -> Asked {
        Asked {
            ask: Ask { calls: 0, why: self.why() },
            forecast: Forecast { room, ..Forecast::default() },
            odds: Odds::UNFORESEEN,
            held: self.pacer.warm().then_some(Limit::Abandon),
            lost: self.pacer.lost(),
            pause: self.every.unwrap_or(Span::secs(1)).times(SLOW),
        }
    }

    fn asked(&self, now: Mono, grant: &Grant, forecast: Forecast) -> Asked {
        // The further the next call is from being granted, the longer time alone may take.
        let pause = match grant.next / grant.threshold.max(1e-9) {
            ratio if ratio < 1.25 => 1,
            ratio if ratio < 2.0 => 2,
            _ => SLOW,
        };
        Asked {
            ask: Ask { calls: grant.calls, why: self.why() },
            forecast,
            odds: Odds {
                threshold: grant.threshold,
                chance: grant.mean,
                unproved: self.pacer.unproved(now),
            },
            held: grant.held,
            lost: grant.lost,
            pause: self.every.unwrap_or(Span::secs(1)).times(pause),
        }
    }
}

impl Ledger<'_> {
    /// Sums up what is known of the rate, without what is on its way.
    #[expect(clippy::cast_precision_loss, reason = "2^53 calls are not made")]
    fn purse(&self) -> Purse<'_> {
        let sum = Share::sum(&self.shares);
        let books = Books {
            cap: self.cap.get(),
            // Who still waits has not been served, and may not count as such when the day ends.
            answered: self.answered.saturating_sub(u64::from(self.waiting)) as f64,
            abandoned: self.abandoned as f64,
            pending: WAITING_LOST * f64::from(self.waiting)
                + self.rate.price.record() * self.lost_elsewhere,
            exposed: 0.0,
            rate: sum.rate,
            left_s: sum.left_s,
            agents: sum.agents,
            unrisked: unrisked(sum.agents, sum.progressive),
            brings: self.brings,
        };
        Purse {
            books,
            lost_elsewhere: self.lost_elsewhere,
            price: &self.rate.price,
            exposed_elsewhere: self.exposed_elsewhere,
            strict: self.strict,
            closed: self.closed,
        }
    }
}

impl Share {
    /// Sums up what the campaigns of a rate add: their answers are counted as if all had as much
    /// calling time left as the one that calls longest.
    pub(in crate::core) fn sum(shares: &[Self]) -> Self {
        let agents = shares.iter().map(|share| share.agents).sum::<f64>();
        let ends = shares.iter().filter_map(|share| share.left_s);
        let left_s = ends
            .fold(None, |most: Option<f64>, left| Some(most.map_or(left, |most| most.max(left))));
        let part = |of: f64, whole: f64| if of < whole { of / whole } else { 1.0 };
        let rate = shares.iter().map(|share| match (share.left_s, left_s) {
            (Some(left), Some(most)) => share.rate * part(left, most),
            // Nobody knows how long this one goes on: its answers are not counted upon.
            (None, Some(_)) => 0.0,
            (_, None) => share.rate,
        });
        let progressive = shares.iter().map(|share| share.progressive * part(share.agents, agents));
        Self {
            rate: rate.sum(),
            left_s,
            agents,
            progressive: if agents > 0.0 {
                progressive.sum()
            } else {
                shares.first().map_or(0.0, |share| share.progressive)
            },
        }
    }
}

#[cfg(test)]
mod tests;
