//! Trunks: channels, calls per second, weights and failover.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::campaign::Route;
use super::pacing::Limit;
use crate::units::{Mono, Span, TrunkId, whole};

/// What a trunk can carry.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Calls it carries at once at most.
    pub channels: u32,
    /// Calls started per second at most, as a token bucket on the core's own clock.
    pub calls_per_second: f64,
    /// Calls that may start together before the rate binds, at least 1.
    pub burst: u32,
}

impl Settings {
    /// The time one call's token takes to come back, rounded up: never a call too early.
    fn interval(&self) -> Span {
        Span::micros(whole(libm::ceil(1e6 / self.calls_per_second)).max(1))
    }
}

/// One trunk as the core knows it; usable from the moment its settings are read.
#[derive(Debug)]
struct Trunk {
    settings: Settings,
    up: bool,
    spared_until: Mono,
    busy: u32,
    /// When the bucket would be full again: the "theoretical arrival time" of the generic cell
    /// rate algorithm (ITU-T I.371 Annex A), a token bucket in whole microseconds.
    full_at: Mono,
}

impl Trunk {
    /// When the next call may start, as far as the rate is concerned.
    fn next_token(&self) -> Mono {
        let ahead = self.settings.interval().times(u64::from(self.settings.burst.max(1) - 1));
        Mono::micros(self.full_at.as_micros().saturating_sub(ahead.as_micros()))
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
        let fresh =
            Trunk { settings, up: true, spared_until: Mono::START, busy: 0, full_at: Mono::START };
        self.all.entry(id).or_insert(fresh).settings = settings;
    }

    /// Notes whether a trunk answers; `false` if there is no such trunk.
    pub(super) fn mark(&mut self, id: TrunkId, up: bool) -> bool {
        let Some(trunk) = self.all.get_mut(&id) else { return false };
        trunk.up = up;
        if up {
            trunk.spared_until = Mono::START;
        }
        true
    }

    /// Leaves a trunk alone until then at least; `false` if there is no such trunk.
    pub(super) fn spare(&mut self, id: TrunkId, until: Mono) -> bool {
        let Some(trunk) = self.all.get_mut(&id) else { return false };
        trunk.spared_until = trunk.spared_until.max(until);
        true
    }

    /// Chooses the trunk of the next call: the lowest tier that has a free channel on a trunk in
    /// use, in it by weight. A rate is waited for: a higher tier is for failures and full lines.
    pub(super) fn choose(
        &self,
        routes: &[Route],
        rota: &mut Rota,
        now: Mono,
        except: Option<TrunkId>,
    ) -> Result<TrunkId, Blocked> {
        let other = |route: &&Route| Some(route.trunk) != except;
        let has_room = |route: &&Route| self.has_room(route.trunk, now);
        let tier = routes.iter().filter(other).filter(has_room).map(|route| route.tier).min();
        let tier = |route: &&Route| other(route) && tier.is_none_or(|lowest| route.tier == lowest);
        let usable = |route: &&Route| self.blocked(route.trunk, now).is_none();
        let mut sum = 0;
        let mut best: Option<(i64, TrunkId)> = None;
        for route in routes.iter().filter(tier).filter(usable) {
            let weight = i64::from(route.weight.max(1));
            let credit = rota.credit.entry(route.trunk).or_insert(0);
            *credit += weight;
            sum += weight;
            if best.is_none_or(|(most, _)| *credit > most) {
                best = Some((*credit, route.trunk));
            }
        }
        let Some((credit, trunk)) = best else {
            return Err(self.why_blocked(routes.iter().filter(tier), now));
        };
        rota.credit.insert(trunk, credit - sum);
        Ok(trunk)
    }

    /// Whether a trunk is in use and has a channel free.
    fn has_room(&self, id: TrunkId, now: Mono) -> bool {
        let waits = |blocked: Blocked| matches!(blocked.limit, Limit::CallsPerSecond(_));
        self.blocked(id, now).is_none_or(waits)
    }

    /// Counts a call onto a trunk.
    pub(super) fn seize(&mut self, id: TrunkId, now: Mono) {
        if let Some(trunk) = self.all.get_mut(&id) {
            trunk.busy += 1;
            trunk.full_at = trunk.full_at.max(now) + trunk.settings.interval();
        }
    }

    /// Counts a call off a trunk.
    pub(super) fn release(&mut self, id: TrunkId) {
        if let Some(trunk) = self.all.get_mut(&id) {
            trunk.busy = trunk.busy.saturating_sub(1);
        }
    }

    /// Gives each trunk with whether it is used now, its calls and its channels, by id.
    pub(super) fn each(&self, now: Mono) -> impl Iterator<Item = (TrunkId, bool, u32, u32)> {
        self.all.iter().map(move |(&id, trunk)| {
            let up = trunk.up && trunk.spared_until <= now;
            (id, up, trunk.busy, trunk.settings.channels)
        })
    }

    /// Whether a trunk is in use, full or not.
    pub(super) fn is_up(&self, id: TrunkId, now: Mono) -> bool {
        self.all.get(&id).is_some_and(|trunk| trunk.up && trunk.spared_until <= now)
    }

    fn blocked(&self, id: TrunkId, now: Mono) -> Option<Blocked> {
        let Some(trunk) = self.all.get(&id).filter(|trunk| trunk.up) else {
            return Some(Blocked { limit: Limit::NoTrunk, until: None });
        };
        if trunk.spared_until > now {
            return Some(Blocked { limit: Limit::NoTrunk, until: Some(trunk.spared_until) });
        }
        if trunk.busy >= trunk.settings.channels {
            return Some(Blocked { limit: Limit::Channels(id), until: None });
        }
        let token = trunk.next_token();
        let limit = Limit::CallsPerSecond(id);
        (token > now).then_some(Blocked { limit, until: Some(token) })
    }

    /// Names the limit nearest to passing: a token, then a channel, then a trunk that rests.
    fn why_blocked<'a>(&self, routes: impl Iterator<Item = &'a Route>, now: Mono) -> Blocked {
        let rank = |blocked: &Blocked| match blocked.limit {
            Limit::CallsPerSecond(_) => 0,
            Limit::Channels(_) => 1,
            Limit::NoTrunk | Limit::Ask | Limit::Abandon | Limit::Stock => 2,
        };
        routes
            .filter_map(|route| self.blocked(route.trunk, now))
            .min_by_key(|blocked| (rank(blocked), blocked.until.is_none(), blocked.until))
            .unwrap_or(Blocked { limit: Limit::NoTrunk, until: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(trunk: u32, tier: u8, weight: u16) -> Route {
        Route { trunk: TrunkId(trunk), tier, weight }
    }

    fn wide() -> Settings {
        Settings { channels: 1_000, calls_per_second: 1e6, burst: 1_000 }
    }

    #[test]
    fn a_bucket_lets_the_burst_through_and_then_the_rate() {
        let mut trunks = Trunks::default();
        trunks.set(TrunkId(1), Settings { channels: 99, calls_per_second: 10.0, burst: 3 });
        let routes = [route(1, 0, 1)];
        let mut started = Vec::new();
        for ms in 0..=400_u64 {
            let now = Mono::START + Span::millis(ms);
            while trunks.choose(&routes, &mut Rota::default(), now, None).is_ok() {
                trunks.seize(TrunkId(1), now);
                started.push(ms);
            }
        }
        assert_eq!(started, [0, 0, 0, 100, 200, 300, 400]);
    }

    #[test]
    fn a_lower_tier_short_of_a_token_is_waited_for() {
        let mut trunks = Trunks::default();
        let slow = |channels| Settings { channels, calls_per_second: 1.0, burst: 1 };
        trunks.set(TrunkId(1), slow(9));
        trunks.set(TrunkId(2), wide());
        let routes = [route(1, 0, 1), route(2, 1, 1)];
        let choose = |trunks: &Trunks| {
            let chosen = trunks.choose(&routes, &mut Rota::default(), Mono::START, None);
            chosen.map_err(|blocked| blocked.limit)
        };
        trunks.seize(TrunkId(1), Mono::START);
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
            chosen.extend(trunks.choose(&routes, &mut rota, Mono::START, None).map(|t| t.0));
        }
        assert_eq!(chosen, [1, 1, 2, 1, 1, 1, 2, 1]);
        trunks.mark(TrunkId(1), false);
        trunks.spare(TrunkId(2), Mono::START + Span::secs(5));
        let overflow = trunks.choose(&routes, &mut rota, Mono::START, None);
        assert_eq!(overflow, Ok(TrunkId(3)));
        let none = trunks.choose(&routes, &mut rota, Mono::START, Some(TrunkId(3)));
        assert_eq!(none.map_err(|blocked| blocked.limit), Err(Limit::NoTrunk));
    }
}
