//! Campaigns that share agents or an abandon rate: who they are, what is counted of them together,
//! and the decision they take together.

use std::collections::BTreeSet;

use super::agent::Agent;
use super::campaign::Campaign;
use super::pacing::crowd::{Crowd, Spot};
use super::pacing::pool::{self, Asked, Ledger, Member};
use super::pacing::rate::{Key, Rate};
use super::pacing::{Decision, Limit, Quiet, View, agents_of, lines_of};
use super::{Dialer, call, team::Team};
use crate::units::{AgentId, CampaignId, Mono, Now, Ratio};

impl Dialer {
    /// Counts those who answered and those abandoned in the window of a campaign's rate.
    pub(super) fn counts(&self, campaign: &Campaign) -> (u64, u64) {
        let rate = self.rates.get(&campaign.rate);
        rate.map_or((0, 0), |rate| rate.account.counts(&campaign.settings.account))
    }

    /// Gives a campaign and all that share agents at work with it, directly or through others, as
    /// far as they dial or have something under way.
    fn pool(&self, id: CampaignId) -> Vec<CampaignId> {
        let lives = |id: &CampaignId| self.campaigns.get(id).is_some_and(|c| c.runs() || !c.idle());
        let mut pool = vec![id];
        let mut seen = 0;
        while let Some(&mate) = pool.get(seen) {
            seen += 1;
            for team in self.teams.at_work_for(mate).filter(|team| team.campaigns.len() > 1) {
                for other in team.campaigns.iter().filter(|other| lives(other)) {
                    if !pool.contains(other) {
                        pool.push(*other);
                    }
                }
            }
        }
        // Agents may serve a campaign nobody has set.
        pool.retain(|id| self.campaigns.contains_key(id));
        pool.sort_unstable();
        pool
    }

    /// Draws the lines and ready agents of a pool, and gives the rates they are counted in.
    fn crowd(&self, pool: &[CampaignId]) -> (Crowd, Vec<Key>) {
        let mut keys: Vec<Key> = Vec::new();
        let mut crowd = Crowd::default();
        for &id in pool {
            let Some(campaign) = self.campaigns.get(&id) else { continue };
            let rate = keys.iter().position(|key| *key == campaign.rate).unwrap_or_else(|| {
                keys.push(campaign.rate);
                keys.len() - 1
            });
            let meets = |other: &CampaignId| {
                *other == id || self.teams.at_work_for(id).any(|t| t.campaigns.contains(other))
            };
            let beside = pool.iter().enumerate().filter(|(_, other)| meets(other));
            let like = |(place, spot): (usize, &Spot)| {
                spot.rate == rate && pool.get(place).is_some_and(|of| self.teams.alike(id, *of))
            };
            let group = crowd.spots.iter().enumerate().position(like);
            crowd.spots.push(Spot {
                lines: campaign.view().lines(),
                beside: beside.map(|(place, _)| place).collect(),
                rate,
                group: group.unwrap_or(crowd.spots.len()),
            });
        }
        for (place, team) in self.teams.each().enumerate().filter(|(_, team)| team.counted) {
            let serves = serving(team, pool);
            let bound = self.bound.iter().filter_map(|id| self.agents.get(id));
            let bound = bound.filter(|agent| agent.team == place).count();
            let ready = count(team.ready.len() + bound);
            if ready > 0 && !serves.is_empty() {
                crowd.teams.push((serves, ready));
            }
        }
        (crowd, keys)
    }

    fn of_rate(&self, key: Key) -> impl Iterator<Item = (CampaignId, &Campaign)> {
        self.campaigns.iter().filter(move |(_, c)| c.rate == key).map(|(&id, c)| (id, c))
    }

    /// Lets the windows of a pool's rates pass, and looks the day's hours up.
    pub(super) fn turn_rates(&mut self, now: Now, pool: &[CampaignId]) {
        for id in pool {
            let Some(campaign) = self.campaigns.get_mut(id) else { continue };
            campaign.turn(now.wall);
            let rate = self.rates.entry(campaign.rate).or_default();
            rate.account.turn(&campaign.settings.account, now.wall);
        }
    }

    /// Draws up the books of one rate for a decision of a pool.
    fn ledger<'d>(&self, now: Now, key: Key, rate: &'d Rate, pool: &[CampaignId]) -> Ledger<'d> {
        let all = || self.of_rate(key);
        // Campaigns of one rate are counted by one rule.
        let rule = all().next().map(|(_, campaign)| &campaign.settings.account);
        let (answered, abandoned) = rule.map(|rule| rate.account.counts(rule)).unwrap_or_default();
        let closes = rule.and_then(|rule| rate.account.closes(rule));
        let shares = all().filter(|(_, campaign)| campaign.runs()).filter_map(|(id, campaign)| {
            let home = count(self.teams.ready_at_home(id));
            Some(campaign.pacer.as_ref()?.share(
                now.mono,
                home,
                campaign.left(now.wall, closes),
                campaign.hopper.to_come(),
            ))
        });
        let elsewhere = all().filter(|(id, _)| !pool.contains(id)).collect::<Vec<_>>();
        let lost = elsewhere.iter().filter_map(|(_, campaign)| {
            let lines = f64::from(campaign.view().lines());
            Some(campaign.pacer.as_ref()?.lost().min(lines))
        });
        let caps = all().map(|(_, campaign)| campaign.settings.abandon.cap);
        let longest = all().map(|(_, campaign)| call::longest_wait(&campaign.manner()));
        let longest = longest.max().unwrap_or_default();
        let closing = |rule| rate.account.closes_within(rule, now.wall, longest);
        let strict = all().any(|(_, campaign)| campaign.is_strict());
        Ledger {
            rate,
            cap: caps.fold(Ratio::new(1.0), |least, cap| if cap < least { cap } else { least }),
            strict,
            closed: strict && rule.is_some_and(closing),
            answered,
            abandoned,
            brings: rule.map_or((1.0, 0.0), |rule| rate.account.brings(rule)),
            waiting: all().map(|(_, campaign)| campaign.view().waiting).sum(),
            shares: shares.collect(),
            lost_elsewhere: lost.sum(),
            exposed_elsewhere: self.exposed(key, elsewhere.into_iter().map(|(id, _)| id).collect()),
        }
    }

    /// Counts the calls of some campaigns of a rate that could still be abandoned.
    fn exposed(&self, key: Key, mut campaigns: Vec<CampaignId>) -> u32 {
        let mut exposed = 0;
        while let Some(id) = campaigns.pop() {
            let pool = self.pool(id);
            campaigns.retain(|other| !pool.contains(other));
            let (crowd, keys) = self.crowd(&pool);
            let rate = keys.iter().position(|own| *own == key);
            exposed += rate.map_or(0, |rate| crowd.exposed(rate, None));
        }
        exposed
    }

    /// Cuts a number of new calls of a campaign to those that break no proved cap among the
    /// campaigns that share its agents.
    pub(super) fn within_proofs(&mut self, now: Now, id: CampaignId, calls: u32) -> u32 {
        if calls == 0 || !self.campaigns.values().any(Campaign::is_strict) {
            return calls;
        }
        let pool = self.pool(id);
        self.turn_rates(now, &pool);
        let Some(place) = pool.iter().position(|mate| *mate == id) else { return calls };
        if !self.proves(&pool) {
            return calls;
        }
        let (crowd, keys) = self.crowd(&pool);
        let ledgers = self.ledgers_to_dial(now, &keys, &pool);
        pool::proved(&ledgers, crowd, place, calls)
    }

    /// Whether no proved cap counts on a ready agent.
    pub(super) fn proofs_spare(&self, now: Now, agent: &Agent) -> bool {
        let team = self.teams.at(agent.team);
        let Some(&first) = team.campaigns.first().filter(|_| team.counted) else { return true };
        let pool = self.pool(first);
        if !self.proves(&pool) {
            return true;
        }
        let (crowd, keys) = self.crowd(&pool);
        let without = crowd.without(&serving(team, &pool));
        pool::keeps_proofs(&self.ledgers(now, &keys, &pool), &crowd, &without)
    }

    /// Counts on the teams whose agents came to work, each as soon as no proved cap is put at risk:
    /// it may part campaigns whose lines counted on the same agents.
    pub(super) fn count_teams(&mut self, now: Now) {
        for place in self.teams.uncounted() {
            let first = self.teams.at(place).campaigns.first().copied();
            let pool = first.map(|first| self.pool(first)).unwrap_or_default();
            let before = self.proves(&pool).then(|| self.crowd(&pool));
            self.teams.at_mut(place).counted = true;
            if let Some((before, keys)) = before {
                let (after, _) = self.crowd(&pool);
                let ledgers = self.ledgers(now, &keys, &pool);
                let counted = pool::keeps_proofs(&ledgers, &before, &after);
                self.teams.at_mut(place).counted = counted;
            }
        }
    }

    /// Whether a team at work for some campaigns is not counted on.
    fn leaves_out(&self, pool: &[CampaignId]) -> bool {
        let mut teams = pool.iter().flat_map(|id| self.teams.at_work_for(*id));
        teams.any(|team| !team.counted)
    }

    /// Whether a cap is to be proved of some campaigns.
    pub(super) fn proves(&self, pool: &[CampaignId]) -> bool {
        // A strict campaign of another pool may stand behind a rate of this one.
        let strict = |id: &CampaignId| {
            let rate = self.campaigns.get(id).map(|campaign| campaign.rate);
            rate.is_some_and(|rate| self.of_rate(rate).any(|(_, mate)| mate.is_strict()))
        };
        pool.iter().any(strict)
    }

    /// Draws the ledgers of the rates of a pool to dial by: while a team waits to be counted on, no
    /// proved cap is dared more, so that what is dared falls until it can be.
    fn ledgers_to_dial(&self, now: Now, keys: &[Key], pool: &[CampaignId]) -> Vec<Ledger<'_>> {
        let waits = self.leaves_out(pool);
        let mut ledgers = self.ledgers(now, keys, pool);
        for ledger in ledgers.iter_mut().filter(|ledger| ledger.strict) {
            ledger.closed |= waits;
        }
        ledgers
    }

    /// Draws the ledgers of the rates of a pool, in the order in which its crowd counts them.
    fn ledgers(&self, now: Now, keys: &[Key], pool: &[CampaignId]) -> Vec<Ledger<'_>> {
        let ledger = |key: &Key| {
            let rate = self.rates.get(key).expect("a campaign that is set has its rate");
            self.ledger(now, *key, rate, pool)
        };
        keys.iter().map(ledger).collect()
    }

    /// Lets the pacers of a predictive campaign and of those that share its agents decide, if a
    /// decision is due, and places what they ask for. Gives the moment of the campaign's next.
    pub(super) fn pace_pool(&mut self, now: Now, id: CampaignId) -> Option<Mono> {
        let pool = self.pool(id);
        self.turn_rates(now, &pool);
        for &mate in &pool {
            if self.campaigns.get(&mate).is_some_and(|campaign| campaign.memory.turns(now)) {
                self.recall(now, mate);
            }
        }
        for &mate in &pool {
            self.dial_owed(now, mate, &pool);
        }
        let views = pool.iter().map(|&mate| self.view(mate)).collect::<Vec<_>>();
        let due = pool.iter().zip(&views).any(|(mate, view)| {
            let pacer = self.campaigns.get(mate).and_then(|campaign| campaign.pacer.as_ref());
            pacer.is_some_and(|pacer| pacer.due(now.mono, view))
        });
        if !due {
            let own = pool.iter().position(|mate| *mate == id)?;
            return Some(self.campaigns.get(&id)?.pacer.as_ref()?.next(now.mono, views.get(own)?));
        }
        let mut next = None;
        let asked = self.ask_pool(now, &pool, &views);
        for ((&mate, view), asked) in pool.iter().zip(&views).zip(asked) {
            let wake = self.grant(now, mate, view, &asked);
            if mate == id {
                next = wake;
            }
        }
        next
    }

    /// Asks the pacers of a pool.
    fn ask_pool(&mut self, now: Now, pool: &[CampaignId], views: &[View]) -> Vec<Asked> {
        for &mate in pool {
            self.watch_campaign(now, mate);
            if let Some(pacer) = self.campaigns.get_mut(&mate).and_then(|c| c.pacer.as_mut()) {
                pacer.begin(now.mono);
            }
        }
        let (crowd, keys) = self.crowd(pool);
        for &key in &keys {
            let at_work = |(id, campaign): (CampaignId, &Campaign)| {
                let pacer = campaign.pacer.as_ref().filter(|_| campaign.runs())?;
                Some(pacer.at_work(count(self.teams.ready_at_home(id))))
            };
            let agents = self.of_rate(key).filter_map(at_work).sum::<f64>();
            self.rates.entry(key).or_default().sized(agents);
        }
        let ledgers = self.ledgers_to_dial(now, &keys, pool);
        let members = pool.iter().zip(views).zip(&crowd.spots).filter_map(|((&id, view), spot)| {
            let beside = spot.beside.iter().filter_map(|place| pool.get(*place).copied());
            self.member(now, id, view, &beside.collect::<Vec<_>>())
        });
        pool::decide(now.mono, &members.collect::<Vec<_>>(), &ledgers, &crowd)
    }

    /// Counts the ready agents who count for a campaign that dials and have no line of it, because
    /// lines of others may take them. Of no use where the same agents serve all: the decision they
    /// take together leaves none idle, and its risks pay for all.
    fn owed(&self, now: Now, id: CampaignId) -> u32 {
        let calls = |c: &&Campaign| c.hungry() && self.may_place(now, c);
        let Some(campaign) = self.campaigns.get(&id).filter(calls) else { return 0 };
        let mode = campaign.settings.mode;
        if lines_of(mode, 1) == 0 {
            return 0;
        }
        let view = self.view(id);
        let served = view.ready.max(agents_of(mode, view.lines()));
        count(self.teams.ready_at_home(id)).saturating_sub(served)
    }

    /// Dials for ready agents who count for a campaign and whom lines of others may take: each is
    /// set aside for his line, as far as those lines can do without him.
    fn dial_owed(&mut self, now: Now, id: CampaignId, pool: &[CampaignId]) {
        if self.serves_all(id, pool) {
            return;
        }
        for _ in 0..self.owed(now, id) {
            let Some(agent) = self.teams.first_at_home(id) else { return };
            let spared = self.may_set_aside(now, agent);
            if !spared || self.place(now, id, None, Some(agent)).is_err() {
                return;
            }
        }
    }

    fn member(
        &self,
        now: Now,
        id: CampaignId,
        view: &View,
        beside: &[CampaignId],
    ) -> Option<Member<'_>> {
        let campaign = self.campaigns.get(&id)?;
        let waiting = beside.iter().filter_map(|other| self.campaigns.get(other));
        let waiting = waiting.map(|other| i64::from(other.view().waiting)).sum::<i64>();
        let ready = i64::from(count(self.teams.ready_for(&[id])));
        let whole = self.serves_all(id, beside);
        let asks = campaign.runs() && campaign.is_predictive();
        Some(Member {
            pacer: campaign.pacer.as_ref()?,
            view: *view,
            every: asks.then_some(campaign.settings.pace_every),
            value: campaign.settings.value,
            free: ready - waiting,
            home: self.teams.at_home(id),
            owed: if whole { 0 } else { self.owed(now, id) },
            only: (!whole).then(|| self.busy_for(id)),
        })
    }

    /// Whether all who serve some campaigns serve this one, too.
    fn serves_all(&self, id: CampaignId, others: &[CampaignId]) -> bool {
        let serves = |team: &Team| team.campaigns.contains(&id);
        others.iter().all(|other| self.teams.at_work_for(*other).all(serves))
    }

    /// Gives the busy agents who serve a campaign.
    fn busy_for(&self, id: CampaignId) -> BTreeSet<AgentId> {
        let busy = self.agents.iter().filter(|(_, agent)| agent.serving.is_some());
        let busy = busy.filter(|(_, agent)| self.teams.at(agent.team).campaigns.contains(&id));
        busy.map(|(&agent, _)| agent).collect()
    }

    /// Places what a campaign of a pool was granted. Gives the moment of its next decision.
    fn grant(&mut self, now: Now, id: CampaignId, view: &View, asked: &Asked) -> Option<Mono> {
        let Asked { ask, forecast, odds, held, lost, pause } = *asked;
        let campaign = self.campaigns.get_mut(&id)?;
        let decides = campaign.runs() && campaign.is_predictive();
        campaign.pacer.as_mut()?.end(now.mono + pause, lost);
        if !decides {
            return None;
        }
        let (placed, blocked) = self.place_all(now, id, ask.calls, Some(odds));
        let limit = match blocked {
            Some(blocked) => blocked.limit,
            // No more is asked for than there are contacts.
            None if ask.calls == view.stock => Limit::Stock,
            None => held.unwrap_or(Limit::Ask),
        };
        if ask.calls > 0 {
            let forecast = Some(forecast);
            self.decided(id, Decision { view: *view, ask, placed, limit, forecast });
        }
        let campaign = self.campaigns.get_mut(&id)?;
        let since = campaign.quiet.map_or(now.wall, |quiet| quiet.since);
        let quiet = Quiet { since, why: ask.why, limit, forecast };
        campaign.quiet = (ask.calls == 0).then_some(quiet);
        let pacer = campaign.pacer.as_mut()?;
        let mut next = pacer.next(now.mono, view);
        if let Some(until) = blocked.and_then(|blocked| blocked.until) {
            pacer.cut(until);
            next = next.min(until);
        }
        Some(next)
    }
}

/// Gives the places in a pool of the campaigns that a team serves, best first.
fn serving(team: &Team, pool: &[CampaignId]) -> Vec<usize> {
    let place = |id: &CampaignId| pool.iter().position(|mate| mate == id);
    team.campaigns.iter().filter_map(place).collect()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
