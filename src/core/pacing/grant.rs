//! The rule: one more call as long as its own chance of being abandoned is worth its price, for
//! the campaign to which it is worth most.

use super::balance::Balance;
use super::crowd::{Crowd, Spot};
use super::price::{Books, Price};
use super::{Limit, View, strict};
use crate::units::Ratio;

/// The chance that the calls in flight break the abandon rule which is not run. Near a day's end
/// every event may bring one more call to this edge, some thousand times: so one day in five
/// hundred may break the rule (pacing.md §5 allows so many from five agents on).
const RUIN: f64 = 2e-6;

/// A campaign that may be granted calls, or only looks on.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) balance: Balance,
    /// The chance that a new call brings a person.
    pub(super) reach: f64,
    /// Whether enough is known to risk anything.
    pub(super) warm: bool,
    /// Calls that are safe.
    pub(super) floor: u32,
    /// Calls asked for at once at most, beyond the safe ones.
    pub(super) most: u32,
    /// What an answered call is worth.
    pub(super) value: f64,
    /// Agents who talk or write up for it, and those whose first choice it is.
    pub(super) busy: f64,
    pub(super) home: f64,
    /// Ready agents who count for it and have no line of it, because lines of others may take them.
    pub(super) owed: u32,
}

/// One rate the calls are counted in.
#[derive(Debug)]
pub(super) struct Purse<'q> {
    /// Without what is on its way.
    pub(super) books: Books,
    pub(super) price: &'q Price,
    /// Calls of its campaigns in other pools that could be abandoned, and how many are expected to
    /// be.
    pub(super) exposed_elsewhere: u32,
    pub(super) lost_elsewhere: f64,
    /// Whether its cap is proved.
    pub(super) strict: bool,
    /// Whether no more may be exposed now: what is placed may be abandoned in its next window,
    /// where nothing is earned yet, or, where calls are granted, a team waits to be counted on.
    pub(super) closed: bool,
}

/// What the rule weighs: campaigns that share agents, each at its place in the crowd.
#[derive(Debug)]
pub(super) struct Question<'q> {
    pub(super) seats: Vec<Seat>,
    pub(super) purses: Vec<Purse<'q>>,
    pub(super) crowd: Crowd,
}

/// What it grants to one campaign.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Grant {
    pub(super) calls: u32,
    /// The threshold in force at the end.
    pub(super) threshold: f64,
    /// The chance of abandon of the last call granted, and of all of them on average.
    pub(super) last: f64,
    pub(super) mean: f64,
    /// The chance of abandon of the next call, which was not granted.
    pub(super) next: f64,
    /// What said no, if the forecast did not.
    pub(super) held: Option<Limit>,
    /// Abandons to be expected of its calls in flight.
    pub(super) lost: f64,
}

/// A call that may be granted: to whom, and how much it is worth.
#[derive(Clone, Copy, Debug)]
struct Offer {
    place: usize,
    worth: f64,
    /// The campaign's agents at work and answers to come, over the agents who prefer it.
    served: f64,
}

/// Worths closer than this are taken for equal: a tenth of an answered call is less than a
/// forecast can tell. Among equals each campaign keeps the share of agents who prefer it.
const EQUAL: f64 = 0.1;

/// Calls that are safe: one line per free agent, while nobody waits for one.
pub(super) fn floor(view: &View) -> u32 {
    if view.waiting > 0 { 0 } else { view.ready.saturating_sub(view.lines()) }
}

impl Question<'_> {
    /// Grants calls one by one, each judged with those before it on their way.
    pub(super) fn answer(mut self) -> Vec<Grant> {
        let mut grants = vec![Grant::default(); self.seats.len()];
        let mut sums = vec![0.0; self.seats.len()];
        loop {
            let mut seats = self.seats.iter().zip(&grants);
            if !seats.any(|(seat, grant)| grant.calls < seat.most.max(seat.floor)) {
                break;
            }
            let risks = self.seats.iter().map(|seat| seat.balance.risk()).collect::<Vec<_>>();
            grants.iter_mut().zip(&risks).for_each(|(grant, risk)| grant.lost = risk.1);
            let Some(place) = self.next(&risks, &mut grants) else { break };
            let (chance, _) = risks[place];
            grants[place].calls += 1;
            grants[place].last = chance;
            sums[place] += chance;
            self.add_call(place);
        }
        for (grant, sum) in grants.iter_mut().zip(sums) {
            grant.mean = if grant.calls > 0 { sum / f64::from(grant.calls) } else { 0.0 };
        }
        grants
    }

    fn add_call(&mut self, place: usize) {
        self.crowd.add_line(place);
        let fresh = *self.seats[place].balance.fresh();
        for (other, seat) in self.seats.iter_mut().enumerate() {
            if self.crowd.spots[other].beside.contains(&place) {
                seat.balance.add_call(&fresh, other == place);
            }
        }
    }

    /// Finds the campaign the next call is granted to.
    fn next(&self, risks: &[(f64, f64)], grants: &mut [Grant]) -> Option<usize> {
        let mut offers = Vec::new();
        for (place, (seat, grant)) in self.seats.iter().zip(grants).enumerate() {
            if grant.calls >= seat.most.max(seat.floor) {
                continue;
            }
            let (chance, _) = risks[place];
            let own = self.crowd.spots[place].rate;
            let (own_aim, (aim, threshold)) = self.allowed(place, risks);
            let unproved = unproved(&self.purses, &self.crowd, place);
            (grant.threshold, grant.next) = (threshold, chance);
            if grant.calls < seat.floor && unproved.is_none() {
                return Some(place);
            }
            grant.held = if !seat.warm {
                None
            } else if own_aim <= 0.0 || unproved == Some(own) {
                Some(Limit::Abandon)
            } else if aim <= 0.0 || unproved.is_some() {
                Some(Limit::Neighbor)
            } else if chance <= threshold && self.yields(place) {
                Some(Limit::Owed)
            } else {
                None
            };
            if grant.held.is_some() || aim <= 0.0 || chance > threshold {
                continue;
            }
            let price = (1.0 - threshold) / threshold;
            let worth = seat.value * (1.0 - chance) - price * chance;
            let served = (seat.busy + seat.balance.own_answers()) / seat.home.max(1e-3);
            offers.push(Offer { place, worth, served });
        }
        let best = offers.iter().map(|offer| offer.worth).fold(f64::NEG_INFINITY, f64::max);
        let equals = offers.iter().filter(|offer| offer.worth >= best - EQUAL);
        equals.min_by(|one, other| one.served.total_cmp(&other.served)).map(|offer| offer.place)
    }

    /// Whether a campaign leaves the agents it shares to one that they count for and that has no
    /// line for one of them: the first line per free agent comes before all that are risked.
    fn yields(&self, place: usize) -> bool {
        let mut beside = self.crowd.spots[place].beside.iter();
        beside.any(|&other| other != place && self.seats[other].owed > 0)
    }

    /// Gives the share of answers that a campaign's own rate allows to be lost, and the least share
    /// and the least threshold that the rates of the persons allow whom one call more puts at risk.
    fn allowed(&self, place: usize, risks: &[(f64, f64)]) -> (f64, (f64, f64)) {
        let seat = &self.seats[place];
        let own = self.crowd.spots[place].rate;
        let (chance, _) = risks[place];
        let books = self.books(own, place, risks, chance * seat.reach);
        let dares = seat.warm && self.affordable(place, own, &books, risks);
        let aim = if dares { books.aim() } else { 0.0 };
        let mut least = (aim, self.purses[own].price.threshold(aim));
        for (rate, purse) in self.purses.iter().enumerate().filter(|(rate, _)| *rate != own) {
            let at_risk = self.crowd.spots[place].beside.iter().any(|&other| {
                let spot = &self.crowd.spots[other];
                spot.rate == rate && spot.lines > 0
            });
            if at_risk {
                let books = self.books(rate, place, risks, 0.0);
                let affordable = self.affordable(place, rate, &books, risks);
                let aim = if affordable { books.aim() } else { 0.0 };
                least = (least.0.min(aim), least.1.min(purse.price.threshold(aim)));
            }
        }
        (aim, least)
    }

    /// Gives a rate's books with what is on its way, a little more of it lost if need be.
    fn books(&self, rate: usize, more: usize, risks: &[(f64, f64)], lost: f64) -> Books {
        let purse = &self.purses[rate];
        let of_rate = risks.iter().zip(&self.crowd.spots).filter(|(_, spot)| spot.rate == rate);
        let flying = of_rate.map(|((_, lost), _)| lost).sum::<f64>();
        Books {
            exposed: self.exposed(rate, Some(more)),
            pending: purse.books.pending + purse.price.record() * (flying + lost),
            ..purse.books
        }
    }

    /// Whether a rate keeps its cap even if the calls in flight fare badly. Whoever finds nobody
    /// among the calls beside a campaign is taken for one of the rate's.
    fn affordable(&self, place: usize, rate: usize, books: &Books, risks: &[(f64, f64)]) -> bool {
        let room = books.room();
        let here = room - self.worst_apart(place, rate, risks);
        room >= 0.0
            && (books.exposed <= room
                || (here >= 0.0 && self.seats[place].balance.ruin(here) < RUIN))
    }

    /// Gives hardly less than will be lost of a rate's calls that no balance of a campaign sees:
    /// those in other pools, and of campaigns in its own that share no agents with it.
    fn worst_apart(&self, place: usize, rate: usize, risks: &[(f64, f64)]) -> f64 {
        let Purse { lost_elsewhere, exposed_elsewhere, .. } = self.purses[rate];
        let beside = &self.crowd.spots[place].beside;
        let others = risks.iter().zip(&self.crowd.spots).enumerate();
        let apart = others.filter(|(other, (_, s))| s.rate == rate && !beside.contains(other));
        let sum = |(lost, lines), (_, (risk, spot)): (_, (&(f64, f64), &Spot))| {
            (lost + risk.1, lines + spot.lines)
        };
        let (lost, lines) = apart.fold((lost_elsewhere, exposed_elsewhere), sum);
        // Three deviations of a count whose variance is twice its mean: abandons come in clusters.
        (lost + 3.0 * libm::sqrt(2.0 * lost)).min(f64::from(lines))
    }

    fn exposed(&self, rate: usize, more: Option<usize>) -> f64 {
        f64::from(self.crowd.exposed(rate, more) + self.purses[rate].exposed_elsewhere)
    }
}

/// Gives a rate whose proved cap one call more of a campaign puts at risk, its own first.
pub(super) fn unproved(purses: &[Purse<'_>], crowd: &Crowd, place: usize) -> Option<usize> {
    let own = crowd.spots[place].rate;
    let before = |rate| crowd.exposed(rate, None);
    let after = |rate| crowd.exposed(rate, Some(place));
    let at_risk = |rate: &usize| {
        let purse = &purses[*rate];
        purse.strict && !keeps_proof(purse, before(*rate), after(*rate))
    };
    let others = (0..purses.len()).filter(|rate| *rate != own);
    core::iter::once(own).chain(others).find(at_risk)
}

/// Whether no proved cap is put at risk by what takes the calls exposed in each rate from one
/// number to another.
pub(super) fn keeps_proofs(
    purses: &[Purse<'_>],
    before: impl Fn(usize) -> u32,
    after: impl Fn(usize) -> u32,
) -> bool {
    let mut strict = purses.iter().enumerate().filter(|(_, purse)| purse.strict);
    strict.all(|(rate, purse)| keeps_proof(purse, before(rate), after(rate)))
}

/// Whether a strict rate admits that another number of its calls is exposed.
fn keeps_proof(purse: &Purse<'_>, before: u32, after: u32) -> bool {
    let Purse { books, exposed_elsewhere, .. } = purse;
    let worst = f64::from(after + exposed_elsewhere);
    let admits = || strict::admits(books.cap, books.answered, books.abandoned, worst);
    after <= before || (!purse.closed && admits())
}

impl Grant {
    /// Gives the chance of the call that was refused, if one was.
    pub(super) fn refused(&self) -> Option<Ratio> {
        (self.next > self.last).then(|| Ratio::new(self.next))
    }
}

#[cfg(test)]
mod tests {
    use super::super::balance::Load;
    use super::*;

    #[test]
    fn room_is_not_spent_twice_by_campaigns_of_one_rate_that_share_no_agents() {
        let price = Price::new();
        let books = Books { cap: 0.03, answered: 100.0, rate: 1.0, ..Books::default() };
        let purse = |strict| Purse {
            books,
            price: &price,
            exposed_elsewhere: 0,
            lost_elsewhere: 0.0,
            strict,
            closed: false,
        };
        let seat = || Seat {
            balance: Balance::new(&Load::default()),
            reach: 0.3,
            warm: true,
            floor: 0,
            most: 1,
            value: 1.0,
            busy: 0.0,
            home: 0.0,
            owed: 0,
        };
        // The first and the last have a rate in common, the one between them agents with both.
        let spot = |lines, beside: &[usize], rate, group| Spot {
            lines,
            beside: beside.to_vec(),
            rate,
            group,
        };
        let spots = vec![spot(0, &[0, 1], 0, 0), spot(0, &[0, 1, 2], 1, 1), spot(9, &[1, 2], 0, 2)];
        let question = Question {
            seats: vec![seat(), seat(), seat()],
            purses: vec![purse(false), purse(false)],
            crowd: Crowd { spots, teams: Vec::new() },
        };
        let aim = |lost| question.allowed(0, &[(0.0, 0.0), (0.0, 0.0), (0.0, lost)]).0;
        assert!(aim(0.0) > 0.0, "three may be lost, and hardly anybody is");
        // Half a person on average is up to 3.5 with bad luck.
        assert!(aim(0.5) <= 0.0, "the last one's lines may use up what is left");
    }
}
