//! Trunks: channels, calls per second, weights and failover.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::breaker::{self, Breaker, Word};
use super::campaign::Route;
use super::floor::TrunkFloor;
use super::pacing::Limit;
use crate::units::{CallId, Mono, Span, TrunkId, whole};

/// What a trunk can carry.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Calls it carries at once at most.
    pub channels: u32,
    /// Calls started per second at most, as a token bucket on the core's own clock.
    pub calls_per_second: f64,
    /// Calls that may start together before the rate binds, at least 1.
    pub burst: u32,
    /// When it is left alone after faults of its own; never if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<breaker::Settings>,
}

/// The calls something carries: how many, and how fast they began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    pub(super) busy: u32,
    /// When the bucket would be full again: the "theoretical arrival time" of the generic cell
    /// rate algorithm (ITU-T I.371 Annex A), a token bucket in whole microseconds.
    full_at: Mono,
}

impl Load {
    /// Counts a call on, whose token takes so long to come back.
    pub(super) fn seize(&mut self, interval: Span, now: Mono) {
        self.busy += 1;
        self.full_at = self.full_at.max(now) + interval;
    }

    /// Counts a call off.
    pub(super) fn release(&mut self) {
        self.busy = self.busy.saturating_sub(1);
    }

    /// When the next call may start, as far as the rate is concerned.
    pub(super) fn next_token(&self, interval: Span, burst: u32) -> Mono {
        let ahead = interval.times(u64::from(burst.max(1) - 1));
        Mono::micros(self.full_at.as_micros().saturating_sub(ahead.as_micros()))
    }
}

/// The time one call's token takes to come back, rounded up: never a call too early.
pub(super) fn interval(calls_per_second: f64) -> Span {
    Span::micros(whole(libm::ceil(1e6 / calls_per_second)).max(1))
}

/// One trunk as the core knows it; usable from the moment its settings are read.
#[derive(Debug)]
struct Trunk {
    settings: Settings,
    /// The time one call's token takes to come back.
    interval: Span,
    up: bool,
    spared_until: Mono,
    load: Load,
    breaker: Breaker,
}

impl Trunk {
    /// Whether calls may go over it, as far as it answers and was not told to be left alone.
    fn is_up(&self, now: Mono) -> bool {
        self.up && self.spared_until <= now && self.breaker.rests_until(now).is_none()
    }
}

/// Why no trunk takes a call now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blocked {
    /// What binds.
    pub(super) limit: Limit,
    /// When that passes by itself, if it does.
    pub(super) until: Option<Mono>,
}

impl Blocked {
    /// Gives the one of two that passes first.
    pub(super) fn sooner(self, other: Self) -> Self {
        let when = |blocked: &Self| (blocked.until.is_none(), blocked.until);
        if when(&other) < when(&self) { other } else { self }
    }
}

/// The routes of one tier and one cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tariff {
    tier: u8,
    cost: u32,
}

/// Whose turn it is among a campaign's routes: smooth weighted round robin, as in nginx's
/// `ngx_http_upstream_round_robin`: each usable route gains its weight, the richest pays the sum.
#[derive(Debug, Default)]
pub(super) struct Rota {
    credit: BTreeMap<TrunkId, i64>,
}

/// Every trunk.
#[derive(Debug, Default)]
pub(super) struct Trunks {
    all: BTreeMap<TrunkId, Trunk>,
}

impl Trunks {
    /// Takes settings, of a new trunk or a known one.
    pub(super) fn set(&mut self, id: TrunkId, settings: Settings) {
        let interval = interval(settings.calls_per_second);
        let fresh = Trunk {
            settings,
            interval,
            up: true,
            spared_until: Mono::START,
            load: Load::default(),
            breaker: Breaker::default(),
        };
        let trunk = self.all.entry(id).or_insert(fresh);
        (trunk.settings, trunk.interval) = (settings, interval);
        if settings.rest.is_none() {
            trunk.breaker = Breaker::default();
        }
    }

    /// Notes whether a trunk answers; `false` if there is no such trunk. One that asked to be left
    /// alone (RFC 3261 §21.5.4) still is: who answers OPTIONS need not have room for calls.
    pub(super) fn mark(&mut self, id: TrunkId, up: bool) -> bool {
        let Some(trunk) = self.all.get_mut(&id) else { return false };
        trunk.up = up;
        true
    }

    /// Leaves a trunk alone until then at least; `false` if there is no such trunk.
    pub(super) fn spare(&mut self, id: TrunkId, until: Mono) -> bool {
        let Some(trunk) = self.all.get_mut(&id) else { return false };
        trunk.spared_until = trunk.spared_until.max(until);
        true
    }

    /// Hears what a call says of its trunk: that it gets through, that it failed there, or nothing.
    pub(super) fn hear(&mut self, id: TrunkId, call: CallId, word: Word, now: Mono) {
        let Some(trunk) = self.all.get_mut(&id) else { return };
        if let Some(settings) = &trunk.settings.rest {
            trunk.breaker.hear(settings, call, word, now);
        }
    }

    /// Whether one of some routes is in use.
    pub(super) fn any_up<'r>(
        &self,
        mut routes: impl Iterator<Item = &'r Route>,
        now: Mono,
    ) -> bool {
        routes.any(|route| self.is_up(route.trunk, now))
    }

    /// Says among which routes the next call's turn goes: the lowest tier that has a free channel
    /// on a trunk in use, in it the cheapest that can take a call now. A rate is waited for: a
    /// higher tier is for failures and full lines. If no route takes a call now, says why.
    pub(super) fn room(
        &self,
        routes: &[Route],
        now: Mono,
        except: &[TrunkId],
    ) -> Result<Tariff, Blocked> {
        let rank = |route: &Route| {
            let takes = self.takes(route, now, except)?;
            Some((route.tier, !takes, route.cost))
        };
        match routes.iter().filter_map(rank).min() {
            Some((tier, false, cost)) => Ok(Tariff { tier, cost }),
            Some((tier, true, _)) => {
                Err(self.why_blocked(routes.iter().filter(|route| route.tier == tier), now, except))
            }
            None => Err(self.why_blocked(routes.iter(), now, except)),
        }
    }

    /// Chooses the trunk of the next call among the routes of a tariff, by weight; `None` if none
    /// of them takes a call now.
    pub(super) fn turn(
        &self,
        routes: &[Route],
        rota: &mut Rota,
        now: Mono,
        except: &[TrunkId],
        tariff: Tariff,
    ) -> Option<TrunkId> {
        let among = |route: &&Route| {
            let own = Tariff { tier: route.tier, cost: route.cost };
            own == tariff && self.takes(route, now, except) == Some(true)
        };
        let mut sum = 0;
        let mut richest: Option<(i64, TrunkId)> = None;
        for route in routes.iter().filter(among) {
            let weight = i64::from(route.weight.max(1));
            let credit = rota.credit.entry(route.trunk).or_insert(0);
            *credit += weight;
            sum += weight;
            if richest.is_none_or(|(most, _)| *credit > most) {
                richest = Some((*credit, route.trunk));
            }
        }
        let (credit, trunk) = richest?;
        rota.credit.insert(trunk, credit - sum);
        Some(trunk)
    }

    /// Whether a route takes a call now, or as soon as its rate lets it; `None` if it does neither.
    fn takes(&self, route: &Route, now: Mono, except: &[TrunkId]) -> Option<bool> {
        if except.contains(&route.trunk) {
            return None;
        }
        match self.blocked(route.trunk, now) {
            None => Some(true),
            Some(Blocked { limit: Limit::CallsPerSecond(_), .. }) => Some(false),
            Some(_) => None,
        }
    }

    /// Counts a call onto a trunk.
    pub(super) fn seize(&mut self, id: TrunkId, call: CallId, now: Mono) {
        if let Some(trunk) = self.all.get_mut(&id) {
            trunk.load.seize(trunk.interval, now);
            trunk.breaker.begin(call, now);
        }
    }

    /// Counts a call off a trunk.
    pub(super) fn release(&mut self, id: TrunkId) {
        if let Some(trunk) = self.all.get_mut(&id) {
            trunk.load.release();
        }
    }

    /// Gives every trunk as others may see it, by id.
    pub(super) fn each(&self, now: Mono) -> impl Iterator<Item = TrunkFloor> {
        self.all.iter().map(move |(&id, trunk)| TrunkFloor {
            trunk: id,
            up: trunk.is_up(now),
            busy: trunk.load.busy,
            channels: trunk.settings.channels,
            rest: trunk.breaker.told(),
        })
    }

    /// Whether a trunk is in use, full or not.
    pub(super) fn is_up(&self, id: TrunkId, now: Mono) -> bool {
        self.all.get(&id).is_some_and(|trunk| trunk.is_up(now))
    }

    fn blocked(&self, id: TrunkId, now: Mono) -> Option<Blocked> {
        let no_trunk = |until| Some(Blocked { limit: Limit::NoTrunk, until });
        let Some(trunk) = self.all.get(&id).filter(|trunk| trunk.up) else {
            return no_trunk(None);
        };
        let left_alone = trunk.breaker.rests_until(now).max(Some(trunk.spared_until));
        if let Some(until) = left_alone.filter(|until| *until > now) {
            return no_trunk(Some(until));
        }
        if trunk.breaker.is_probed() {
            return no_trunk(None);
        }
        if trunk.load.busy >= trunk.settings.channels {
            return Some(Blocked { limit: Limit::Channels(id), until: None });
        }
        let token = trunk.load.next_token(trunk.interval, trunk.settings.burst);
        let limit = Limit::CallsPerSecond(id);
        (token > now).then_some(Blocked { limit, until: Some(token) })
    }

    /// Names the limit nearest to passing: a token, then a channel, then a trunk that rests.
    fn why_blocked<'a>(
        &self,
        routes: impl Iterator<Item = &'a Route>,
        now: Mono,
        except: &[TrunkId],
    ) -> Blocked {
        let rank = |blocked: &Blocked| match blocked.limit {
            Limit::CallsPerSecond(_) => 0,
            Limit::Channels(_) => 1,
            Limit::NoTrunk
            | Limit::CallerIds
            | Limit::Ask
            | Limit::Abandon
            | Limit::Neighbor
            | Limit::Owed
            | Limit::Stock => 2,
        };
        routes
            .filter(|route| !except.contains(&route.trunk))
            .filter_map(|route| self.blocked(route.trunk, now))
            .min_by_key(|blocked| (rank(blocked), blocked.until.is_none(), blocked.until))
            .unwrap_or(Blocked { limit: Limit::NoTrunk, until: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(trunk: u32, tier: u8, weight: u16) -> Route {
        Route { trunk: TrunkId(trunk), tier, cost: 0, weight }
    }

    fn wide() -> Settings {
        Settings { channels: 1_000, calls_per_second: 1e6, burst: 1_000, rest: None }
    }

    fn choose(
        trunks: &Trunks,
        routes: &[Route],
        rota: &mut Rota,
        now: Mono,
        except: &[TrunkId],
    ) -> Result<TrunkId, Limit> {
        let tariff = trunks.room(routes, now, except).map_err(|blocked| blocked.limit)?;
        trunks.turn(routes, rota, now, except, tariff).ok_or(Limit::Stock)
    }

    #[test]
    fn a_bucket_lets_the_burst_through_and_then_the_rate() {
        let mut trunks = Trunks::default();
        trunks.set(
            TrunkId(1),
            Settings { channels: 99, calls_per_second: 10.0, burst: 3, rest: None },
        );
        let routes = [route(1, 0, 1)];
        let mut started = Vec::new();
        for ms in 0..=400_u64 {
            let now = Mono::START + Span::millis(ms);
            while choose(&trunks, &routes, &mut Rota::default(), now, &[]).is_ok() {
                trunks.seize(TrunkId(1), CallId(1), now);
                started.push(ms);
            }
        }
        assert_eq!(started, [0, 0, 0, 100, 200, 300, 400]);
    }

    #[test]
    fn a_lower_tier_short_of_a_token_is_waited_for() {
        let mut trunks = Trunks::default();
        let slow = |channels| Settings { channels, calls_per_second: 1.0, burst: 1, rest: None };
        trunks.set(TrunkId(1), slow(9));
        trunks.set(TrunkId(2), wide());
        let routes = [route(1, 0, 1), route(2, 1, 1)];
        let choose =
            |trunks: &Trunks| choose(trunks, &routes, &mut Rota::default(), Mono::START, &[]);
        trunks.seize(TrunkId(1), CallId(1), Mono::START);
        assert_eq!(choose(&trunks), Err(Limit::CallsPerSecond(TrunkId(1))));
        trunks.set(TrunkId(1), slow(1));
        assert_eq!(choose(&trunks), Ok(TrunkId(2)));
    }

    #[test]
    fn weights_share_calls_and_a_higher_tier_only_overflows() {
        let mut trunks = Trunks::default();
        for id in 1..=3 {
            trunks.set(TrunkId(id), wide());
        }
        let routes = [route(1, 0, 3), route(2, 0, 1), route(3, 1, 9)];
        let mut rota = Rota::default();
        let mut chosen = Vec::new();
        for _ in 0..8 {
            chosen.extend(choose(&trunks, &routes, &mut rota, Mono::START, &[]).map(|t| t.0));
        }
        assert_eq!(chosen, [1, 1, 2, 1, 1, 1, 2, 1]);
        trunks.mark(TrunkId(1), false);
        trunks.spare(TrunkId(2), Mono::START + Span::secs(5));
        let overflow = choose(&trunks, &routes, &mut rota, Mono::START, &[]);
        assert_eq!(overflow, Ok(TrunkId(3)));
        let none = choose(&trunks, &routes, &mut rota, Mono::START, &[TrunkId(3)]);
        assert_eq!(none, Err(Limit::NoTrunk));
    }

    #[test]
    fn a_trunk_that_asked_for_rest_has_all_of_it_however_well_it_answers() {
        let mut trunks = Trunks::default();
        trunks.set(TrunkId(1), wide());
        trunks.spare(TrunkId(1), Mono::START + Span::secs(600));
        trunks.mark(TrunkId(1), false);
        trunks.mark(TrunkId(1), true);
        let room = |secs| trunks.room(&[route(1, 0, 1)], Mono::START + Span::secs(secs), &[]);
        let until = Some(Mono::START + Span::secs(600));
        assert_eq!(room(599), Err(Blocked { limit: Limit::NoTrunk, until }));
        assert_eq!(room(600), Ok(Tariff { tier: 0, cost: 0 }));
    }

    #[test]
    fn the_cheapest_route_that_can_take_a_call_goes_first_within_its_tier() {
        let mut trunks = Trunks::default();
        let one = Settings { channels: 1, ..wide() };
        for (id, settings) in [(1, one), (2, one), (3, wide()), (4, wide())] {
            trunks.set(TrunkId(id), settings);
        }
        let priced = |trunk, tier, cost| Route { cost, ..route(trunk, tier, 1) };
        let routes = [priced(3, 0, 9), priced(2, 0, 7), priced(1, 0, 4), priced(4, 1, 1)];
        let mut chosen = Vec::new();
        for call in 0..4 {
            let trunk = choose(&trunks, &routes, &mut Rota::default(), Mono::START, &[]);
            chosen.extend(trunk.map(|trunk| trunk.0));
            trunks.seize(trunk.unwrap_or(TrunkId(9)), CallId(call), Mono::START);
        }
        assert_eq!(chosen, [1, 2, 3, 3], "a higher tier is not cheaper, it is for failures");
    }
}
