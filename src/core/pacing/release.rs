//! When busy agents come free: each by his own age in talk or write-up.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::grid::{Curve, HORIZON_S, HORIZONS, STAY_BINS, STAY_EDGES, stay_bin};
use super::level::Level;
use super::memory::Past;
use super::prior::Service;
use super::survival::{Stays, Walk};
use crate::units::{AgentId, Mono, Span};

/// What a busy agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Task {
    /// Talks or holds.
    Talk,
    /// Writes up, or rests after it.
    Wrap,
}

#[derive(Clone, Copy, Debug)]
struct Seat {
    task: Task,
    since: Mono,
    bin: usize,
}

/// The busy agents and what is known of talks and write-ups.
#[derive(Clone, Debug)]
pub(super) struct Release {
    seats: BTreeMap<AgentId, Seat>,
    /// When each grows into his next bin.
    growing: BTreeSet<(Mono, AgentId)>,
    pub(super) talk: Stays,
    pub(super) wrap: Stays,
    /// The level of talk ends.
    pub(super) ending: Level,
    /// Write-ups that ended ready, and all.
    returned: f64,
    written: f64,
    /// How long a person waits on average before it is too late, in seconds.
    grace_s: f64,
    /// The mean time a call keeps an agent, by the tables.
    handling_s: f64,
    known: bool,
    /// What was seen, as whole counts.
    served: Service,
    learnt_at: Mono,
    table: Freed,
}

/// How likely a busy agent is free within each moment ahead (and the grace).
#[derive(Clone, Debug)]
pub(super) struct Freed {
    pub(super) talking: Vec<Curve>,
    pub(super) wrapping: Vec<Curve>,
    /// `quick[k][j]`: somebody bridged at moment j has been done with at moment k.
    pub(super) quick: [Curve; HORIZONS],
}

/// Memories of the level's filters in expected talk ends (pacing.md §4.2).
const MEMORIES: [f64; 3] = [40.0, 200.0, 2_000.0];
/// Pseudo-write-ups that end ready, and all, before any is seen: one break in twenty calls, by
/// judgement; no source gives it.
const RETURNED: (f64, f64) = (19.0, 20.0);
/// How many write-ups the share of returns remembers: by judgement; no source gives it.
const RETURNS_MEMORY: f64 = 1_000.0;
/// How many stays of each kind what was learnt before is worth at most (docs/pacing.md, "Priors").
const SEED_MAX: f64 = 100.0;
/// The least and greatest pause between two workings of the tables: the two of pacing.md §4.2, by
/// what is new in place of the hour of the day.
const LEARN_MIN: Span = Span::secs(5);
const LEARN_MAX: Span = Span::secs(30);

/// Where the talk may end within the time ahead: the steps of the convolution, in seconds.
const STEPS: usize = 24;
const STEP_S: [f64; STEPS + 1] = [
    0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.5, 5.5, 6.5, 7.5, 9.0, 10.5, 12.0, 14.0, 16.0, 18.0,
    20.0, 23.0, 26.0, 30.0, 34.0, 38.0, 43.0,
];

impl Release {
    pub(super) fn new(grace_s: f64) -> Self {
        let mut made = Self {
            seats: BTreeMap::new(),
            growing: BTreeSet::new(),
            talk: Stays::new(12.0, 120.0, 1.0),
            wrap: Stays::new(8.0, 15.0, 0.8),
            ending: Level::new(MEMORIES),
            returned: RETURNED.0,
            written: RETURNED.1,
            grace_s,
            handling_s: 0.0,
            known: false,
            served: Service::default(),
            learnt_at: Mono::START,
            table: Freed {
                talking: vec![[0.0; HORIZONS]; STAY_BINS],
                wrapping: vec![[0.0; HORIZONS]; STAY_BINS],
                quick: [[0.0; HORIZONS]; HORIZONS],
            },
        };
        made.foretell();
        made
    }

    /// Takes another grace.
    pub(super) fn grant(&mut self, grace_s: f64) {
        self.grace_s = grace_s;
        self.foretell();
    }

    pub(super) fn freed(&self) -> &Freed {
        &self.table
    }

    /// Busy agents.
    pub(super) fn busy(&self) -> u32 {
        self.talk.total() + self.wrap.total()
    }

    /// Busy agents by the bin of their age in a task, all or those among `only`.
    pub(super) fn by_age(
        &self,
        task: Task,
        only: Option<&BTreeSet<AgentId>>,
    ) -> Cow<'_, [u32; STAY_BINS]> {
        let all = if task == Task::Talk { self.talk.by_age() } else { self.wrap.by_age() };
        let Some(only) = only else { return Cow::Borrowed(all) };
        let mut some = [0; STAY_BINS];
        for (_, seat) in self.seats.iter().filter(|(agent, _)| only.contains(agent)) {
            some[seat.bin] += u32::from(seat.task == task);
        }
        Cow::Owned(some)
    }

    /// The mean time a call keeps an agent, in seconds.
    pub(super) fn handling_s(&self) -> f64 {
        self.handling_s
    }

    /// An agent begins a talk or a write-up.
    pub(super) fn begin(&mut self, now: Mono, agent: AgentId, task: Task, since: Mono) {
        self.end(agent, false);
        let seat = Seat { task, since, bin: stay_bin(now.since(since).as_secs_f64()) };
        for bin in 0..=seat.bin {
            let foretold = self.stays(task).enter(bin);
            if task == Task::Talk {
                self.ending.count(0.0, foretold);
            }
            if bin < seat.bin {
                self.stays(task).leave(bin, false);
            }
        }
        self.seats.insert(agent, seat);
        self.growing.extend(grows_at(&seat).map(|at| (at, agent)));
    }

    /// An agent's talk or write-up ends, or he goes out of sight before it does.
    pub(super) fn end(&mut self, agent: AgentId, over: bool) -> Option<Task> {
        let seat = self.seats.remove(&agent)?;
        if let Some(at) = grows_at(&seat) {
            self.growing.remove(&(at, agent));
        }
        self.stays(seat.task).leave(seat.bin, over);
        self.served.ended(seat.task == Task::Talk, seat.bin, over);
        if over && seat.task == Task::Talk {
            self.ending.count(1.0, 0.0);
        }
        Some(seat.task)
    }

    /// A write-up of no time at all: the talk was qualified before it ended.
    pub(super) fn skip_wrap(&mut self) {
        self.wrap.enter(0);
        self.wrap.leave(0, true);
        self.served.ended(false, 0, true);
    }

    /// An agent whose write-up is over takes calls again, or does not.
    pub(super) fn returns(&mut self, ready: bool) {
        let keep = 1.0 - 1.0 / RETURNS_MEMORY;
        self.served.returns(ready);
        self.written = keep * self.written + 1.0;
        self.returned = keep * self.returned + f64::from(u8::from(ready));
    }

    fn stays(&mut self, task: Task) -> &mut Stays {
        match task {
            Task::Talk => &mut self.talk,
            Task::Wrap => &mut self.wrap,
        }
    }

    /// Lets everybody grow older, and works the tables out when enough is new.
    pub(super) fn advance(&mut self, now: Mono, turned: bool) {
        while let Some(&(at, agent)) = self.growing.first().filter(|(at, _)| *at <= now) {
            self.growing.remove(&(at, agent));
            let Some(seat) = self.seats.get_mut(&agent) else { continue };
            let (task, bin) = (seat.task, seat.bin);
            seat.bin = bin + 1;
            let seat = *seat;
            self.stays(task).leave(bin, false);
            let foretold = self.stays(task).enter(seat.bin);
            if task == Task::Talk {
                self.ending.count(0.0, foretold);
            }
            self.growing.extend(grows_at(&seat).map(|at| (at, agent)));
        }
        if turned {
            self.ending.tick();
        }
        let news = self.talk.news + self.wrap.news;
        let pause = now.since(self.learnt_at);
        let due = pause >= LEARN_MAX || (pause >= LEARN_MIN && news >= 8);
        if news > 0 && due && !self.known {
            self.learnt_at = now;
            self.talk.learn();
            self.wrap.learn();
            self.foretell();
        }
    }

    /// Takes known laws for what would be learnt.
    pub(super) fn know(&mut self, talk: &[f64], wrap: &[f64], returns: f64) {
        self.known = true;
        self.talk.know(talk);
        self.wrap.know(wrap);
        (self.returned, self.written) = (returns, 1.0);
        self.foretell();
    }

    /// What was seen, as whole counts.
    pub(super) fn served(&self) -> &Service {
        &self.served
    }

    /// Begins those counts again.
    pub(super) fn forget_served(&mut self) {
        self.served = Service::default();
    }

    /// Begins with what was learnt before.
    pub(super) fn seed(&mut self, past: &Past) {
        self.talk.seed(&past.talks, SEED_MAX);
        self.wrap.seed(&past.wraps, SEED_MAX);
        let scale = (SEED_MAX / past.written.max(1e-9)).min(1.0);
        self.returned += scale * past.returned;
        self.written += scale * past.written;
        self.foretell();
    }

    /// Whether the laws are known, so that no level is put on them.
    pub(super) fn level(&self) -> f64 {
        if self.known { 1.0 } else { self.ending.mean() }
    }

    fn foretell(&mut self) {
        self.handling_s = self.talk.mean() + self.wrap.mean();
        let returns = (self.returned / self.written).min(1.0);
        let grace = self.grace_s;
        let wraps = Written::new(self.wrap.left(), grace);
        for bin in 0..STAY_BINS {
            let age = 0.5 * (STAY_EDGES[bin] + STAY_EDGES[bin + 1]);
            let talking = residual(self.talk.left(), bin, age);
            self.table.talking[bin] = wraps.after(&talking).map(|chance| returns * chance);
            let mut walk = Walk::from(self.wrap.left(), bin);
            let now = walk.at(age).max(1e-9);
            self.table.wrapping[bin] =
                HORIZON_S.map(|ahead| returns * (1.0 - walk.at(age + ahead + grace) / now));
        }
        for (k, row) in self.table.quick.iter_mut().enumerate() {
            for (j, chance) in row.iter_mut().enumerate() {
                let ahead = if j < k { HORIZON_S[k] - HORIZON_S[j] } else { 0.0 };
                let fresh = &self.table.talking[0];
                *chance = if j < k { curve_at(fresh, ahead - grace) } else { 0.0 };
            }
        }
    }
}

/// Reads a curve at a time between its moments.
fn curve_at(curve: &Curve, seconds: f64) -> f64 {
    if seconds <= 0.0 {
        return 0.0;
    }
    let mut before = (0.0, 0.0);
    for (&moment, &value) in HORIZON_S.iter().zip(curve) {
        if seconds <= moment {
            return before.1 + (value - before.1) * (seconds - before.0) / (moment - before.0);
        }
        before = (moment, value);
    }
    before.1
}

/// The chance that a talk of an age ends in each step of the time ahead.
fn residual(left: &[f64; STAY_BINS + 1], bin: usize, age: f64) -> [f64; STEPS] {
    let mut walk = Walk::from(left, bin);
    let now = walk.at(age).max(1e-9);
    let mut before = 1.0;
    let mut ends = [0.0; STEPS];
    for (step, end) in ends.iter_mut().enumerate() {
        let after = (walk.at(age + STEP_S[step + 1]) / now).min(before);
        *end = before - after;
        before = after;
    }
    ends
}

/// The chance that a write-up begun in a step is over by each moment ahead and its grace.
struct Written([[f64; STEPS]; HORIZONS]);

impl Written {
    fn new(left: &[f64; STAY_BINS + 1], grace: f64) -> Self {
        let mut over = [[0.0; STEPS]; HORIZONS];
        for (row, ahead) in over.iter_mut().zip(HORIZON_S) {
            let end = ahead + grace;
            let mut walk = Walk::from(left, 0);
            // The later the step, the shorter the time left: filled backwards, walked forwards.
            for step in (0..STEPS).rev() {
                let (from, to) = (STEP_S[step], STEP_S[step + 1]);
                let part = ((end - from) / (to - from)).clamp(0.0, 1.0);
                let time = end - from - 0.5 * part * (to - from);
                row[step] = if part > 0.0 { part * (1.0 - walk.at(time.max(0.0))) } else { 0.0 };
            }
        }
        Self(over)
    }

    fn after(&self, ends: &[f64; STEPS]) -> Curve {
        let mut curve = [0.0; HORIZONS];
        for (value, row) in curve.iter_mut().zip(&self.0) {
            *value = row.iter().zip(ends).map(|(over, end)| over * end).sum();
        }
        curve
    }
}

/// When a stay grows into its next bin; the last bin has none.
fn grows_at(seat: &Seat) -> Option<Mono> {
    let edge = STAY_EDGES[seat.bin + 1];
    (seat.bin + 1 < STAY_BINS).then(|| seat.since + Span::from_secs_f64(edge))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_talks_longer_is_free_sooner_when_talks_have_a_usual_length() {
        let mut release = Release::new(1.5);
        let mut now = Mono::START;
        for _ in 0..300 {
            release.begin(now, AgentId(1), Task::Talk, now);
            for _ in 0..200 {
                now = now + Span::millis(500);
                release.advance(now, true);
            }
            release.end(AgentId(1), true);
            release.skip_wrap();
            release.returns(true);
        }
        release.talk.learn();
        release.wrap.learn();
        release.foretell();
        let (young, old) = (stay_bin(20.0), stay_bin(93.0));
        let freed = release.freed();
        assert!(freed.talking[young][7] < 0.05, "{:?}", freed.talking[young]);
        assert!(freed.talking[old][7] > 0.6, "{:?}", freed.talking[old]);
    }

    #[test]
    fn busy_agents_are_counted_in_the_bin_of_their_age() {
        let mut release = Release::new(1.5);
        release.begin(Mono::START, AgentId(7), Task::Talk, Mono::START);
        release.advance(Mono::START + Span::secs(100), true);
        assert_eq!(release.talk.by_age()[stay_bin(100.0)], 1);
        assert_eq!(release.end(AgentId(7), true), Some(Task::Talk));
        assert_eq!((release.busy(), release.growing.len()), (0, 0));
    }
}
