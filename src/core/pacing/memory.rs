//! What a campaign remembers of its earlier days, and what it counts for the next ones.
//!
//! Only the slow tables are remembered: when calls are answered and how long agents are busy. How
//! far this moment departs from them is followed afresh each day (`level.rs`).

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Unit, ZonedRound};

use super::grid::RING_BINS;
use super::predictive::{Line, age};
use super::prior::{Calls, Ends, KEPT, LESSONS_MAX, Lesson, Recalled, Ring, Service};
use crate::core::floor::CallStage;
use crate::units::{ListId, Mono, Now, Span, Wall, Zone};

/// A list in an hour of the day.
type Cell = (Option<ListId>, u8);

/// The memory of one campaign.
#[derive(Clone, Debug, Default)]
pub(in crate::core) struct Memory {
    /// Earlier days, older ones weighing less.
    past: BTreeMap<Cell, Law>,
    service: Past,
    recalled: Option<Recalled>,
    /// What was counted since `begun`, and what of it was not written down yet.
    fresh: BTreeMap<Cell, Calls>,
    changed: BTreeSet<Cell>,
    begun: Option<Wall>,
    written: Mono,
    hour: Option<Hour>,
    /// The law the pacer's tables were told last.
    told: Option<Law>,
    /// What it was drawn for.
    drawn_for: Option<Sought>,
}

/// The hour, and the parts each list has in the stock.
type Sought = (u8, Vec<(Option<ListId>, u32)>);

/// An hour of a day.
#[derive(Clone, Copy, Debug)]
struct Hour {
    of_day: u8,
    day: Date,
    from: Wall,
    until: Wall,
}

/// Talks and write-ups of earlier days, weighted.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    /// Stays that ended and went out of sight, by bin.
    pub(super) talks: BTreeMap<u8, [f64; 2]>,
    pub(super) wraps: BTreeMap<u8, [f64; 2]>,
    pub(super) returned: f64,
    pub(super) written: f64,
}

/// Calls by ring age and by what became of them: persons, machines, failed, given up. Weighted
/// counts, or shares of one call.
#[derive(Clone, Debug)]
pub(super) struct Law {
    pub(super) rings: Vec<[f64; 4]>,
    verdicts: f64,
    listened_s: f64,
}

/// What a pacer's tables are to begin with.
#[derive(Clone, Debug)]
pub(in crate::core) struct Drawn {
    /// The shares of a call.
    pub(super) law: Law,
    /// How many calls they are worth.
    pub(super) worth: f64,
    /// Mean time to a verdict, in seconds, if any was seen.
    pub(super) delay_s: Option<f64>,
    pub(super) service: Past,
}

/// What the tables that were told are to be moved by.
#[derive(Clone, Copy, Debug)]
pub(in crate::core) struct Shift {
    /// The odds that a call is answered, new over old.
    pub(super) answered: f64,
    /// The odds that who answers is a person, new over old.
    pub(super) person: f64,
}

/// What the hour, or the stock, changes.
#[derive(Clone, Debug)]
pub(in crate::core) enum Recall {
    /// Begin with this.
    Begin(Box<Drawn>),
    /// Move by this.
    Move(Shift),
}

/// Parts a stock's lists are told apart in: a twentieth more of one list moves the odds of an
/// answer by less than what is worth a move, unless lists differ fivefold.
const STOCK_PARTS: u32 = 20;
/// Fewer calls than these say nothing: ± 10 points at a share of a half.
const CALLS_MIN: f64 = 100.0;
/// The pseudo-calls by which an hour is drawn towards its list, and a list towards its campaign:
/// the credibility n / (n + k) of Bühlmann (ASTIN Bulletin 4, 1967), k being the variance within
/// over the variance between. Answer shares of 0.3 that differ by 0.05 among hours and lists give
/// 0.21 / 0.0025, about 100.
const CREDIBILITY: f64 = 100.0;
/// How many pseudo-calls a prior is worth if the hour itself was never seen, and at most.
const WORTH_MIN: f64 = 40.0;
const WORTH_MAX: f64 = 200.0;
/// How far the hour of the campaign vouches for a list it has never seen.
const NEW_LIST: f64 = 0.5;
/// The odds are moved by this factor at most: more is left to the levels.
const SHIFT_MAX: f64 = 3.0;
/// Less is not worth working the tables out again.
const SHIFT_MIN: f64 = 0.01;
/// Calls of a week ago count half.
const HALF_LIFE_DAYS: f64 = 7.0;
/// A day, in seconds.
const DAY_S: f64 = 86_400.0;
/// How often what was learnt is written down: a crash loses so much of it at most.
const WRITE_EVERY: Span = Span::secs(300);
/// Cells counted at most; beyond, a list's calls are counted as of no list.
const CELLS_MAX: usize = 4_096;

impl Memory {
    /// Takes what earlier runs wrote down.
    pub(in crate::core) fn take(&mut self, now: Now, lessons: &[Lesson]) {
        for lesson in lessons.iter().take(usize::try_from(LESSONS_MAX).unwrap_or(usize::MAX)) {
            let old = now.wall.since(lesson.until);
            if old > KEPT {
                continue;
            }
            let weight = libm::exp2(-old.as_secs_f64() / DAY_S / HALF_LIFE_DAYS);
            match lesson.hour {
                Some(hour) => {
                    let cell = (lesson.list, hour.min(23));
                    self.past.entry(cell).or_default().count(&lesson.calls, weight);
                }
                None => self.service.count(&lesson.service, weight),
            }
            let calls = lesson.calls.all();
            self.recalled = Some(self.recalled.map_or(
                Recalled { calls, from: lesson.from, until: lesson.until },
                |before| Recalled {
                    calls: before.calls + calls,
                    from: before.from.min(lesson.from),
                    until: before.until.max(lesson.until),
                },
            ));
        }
        (self.told, self.drawn_for) = (None, None);
    }

    /// What the pacer began with, if it did.
    pub(in crate::core) fn recalled(&self) -> Option<Recalled> {
        self.recalled.filter(|_| self.told.is_some())
    }

    /// Whether another hour has begun, or the clock was set.
    pub(in crate::core) fn turns(&self, now: Now) -> bool {
        self.hour.is_none_or(|hour| now.wall < hour.from || now.wall >= hour.until)
    }

    /// Goes to the present hour; with a new day, what was counted becomes the past. Gives the
    /// lessons of the day that is over.
    pub(in crate::core) fn turn(&mut self, now: Now, zone: &Zone, served: &Service) -> Vec<Lesson> {
        let hour = Hour::at(zone, now.wall);
        let over = self.hour.replace(hour).is_some_and(|before| before.day != hour.day);
        let begun = *self.begun.get_or_insert(now.wall);
        if !over {
            return Vec::new();
        }
        let lessons = self.lessons(now, served);
        let faded = libm::exp2(-now.wall.since(begun).as_secs_f64() / DAY_S / HALF_LIFE_DAYS);
        self.past.values_mut().for_each(|law| law.scale(faded));
        self.past.retain(|_, law| law.all() >= 1.0);
        self.service.scale(faded);
        for (cell, calls) in core::mem::take(&mut self.fresh) {
            self.past.entry(cell).or_default().count(&calls, 1.0);
        }
        self.service.count(served, 1.0);
        self.begun = Some(now.wall);
        lessons
    }

    /// Draws what the pacer is to expect of a stock in the present hour: what it is to begin with
    /// if it is `new`, else by how much it is to move. `None` when too little is known.
    pub(in crate::core) fn recall(
        &mut self,
        stock: &BTreeMap<Option<ListId>, u32>,
        new: bool,
    ) -> Option<Recall> {
        let hour = self.hour?.of_day;
        // Every claim asks: the sums are made again only when the hour or the stock is another.
        let all = stock.values().sum::<u32>().max(1);
        let parts = stock.iter().map(|(&list, &leads)| (list, leads * STOCK_PARTS / all));
        let sought = Some((hour, parts.collect()));
        if self.drawn_for == sought {
            return None;
        }
        self.drawn_for = sought;
        let drawn = self.draw(hour, stock)?;
        let Some(before) = &self.told else {
            self.told = new.then(|| drawn.law.clone());
            return new.then(|| Recall::Begin(Box::new(drawn)));
        };
        let odds = |of: fn(&Law) -> f64| {
            let odds = |share: f64| share / (1.0 - share).max(1e-9);
            let moved = odds(of(&drawn.law)) / odds(of(before)).max(1e-9);
            moved.clamp(1.0 / SHIFT_MAX, SHIFT_MAX)
        };
        let shift = Shift { answered: odds(Law::answered), person: odds(Law::person) };
        if [shift.answered, shift.person].iter().all(|odds| (odds - 1.0).abs() < SHIFT_MIN) {
            return None;
        }
        self.told = Some(drawn.law);
        Some(Recall::Move(shift))
    }

    /// A list in an hour is drawn towards the list, that towards the campaign in the hour, and that
    /// towards the campaign: each by as much as its own calls are few.
    fn draw(&self, hour: u8, stock: &BTreeMap<Option<ListId>, u32>) -> Option<Drawn> {
        let mut campaign = self.sum(|_| true);
        let seen = campaign.all();
        let all = stock.values().map(|&leads| f64::from(leads)).sum::<f64>();
        if seen < CALLS_MIN || all < 1.0 {
            return None;
        }
        let delay_s = (campaign.verdicts > 0.0).then(|| campaign.listened_s / campaign.verdicts);
        campaign.scale(1.0 / seen);
        let mut of_hour = self.sum(|cell| cell.1 == hour);
        let hour_known = of_hour.drawn_to(&campaign);
        let (mut law, mut known) = (Law::default(), 0.0);
        for (&list, &leads) in stock {
            let part = f64::from(leads) / all;
            let mut of_list = self.sum(|cell| cell.0 == list);
            of_list.drawn_to(&of_hour);
            let mut own = self.sum(|cell| *cell == (list, hour));
            known += part * own.drawn_to(&of_list).max(NEW_LIST * hour_known);
            law.add(&own, part);
        }
        let worth = (WORTH_MIN + (WORTH_MAX - WORTH_MIN) * known).min(seen);
        Some(Drawn { law, worth, delay_s, service: self.service.clone() })
    }

    fn sum(&self, wanted: impl Fn(&Cell) -> bool) -> Law {
        let mut sum = Law::default();
        let laws = self.past.iter().filter(|(cell, _)| wanted(cell));
        laws.for_each(|(_, law)| sum.add(law, 1.0));
        sum
    }

    /// Counts a call of a list that leaves a stage.
    pub(in crate::core) fn call_moved(
        &mut self,
        now: Mono,
        line: &Line,
        list: Option<ListId>,
        from: CallStage,
        to: Option<CallStage>,
    ) {
        use CallStage::{Dialing, Ending, Listening, Notice, Ringing, Talking, Waiting};
        let person = matches!(to, Some(Waiting | Talking));
        let (bin, of): (_, fn(&mut Ring) -> &mut u32) = match from {
            Dialing | Ringing => match to {
                Some(Ringing | Listening) => return,
                Some(Waiting | Talking) => (age(line.dialed, now), |ring| &mut ring.persons),
                Some(Dialing | Notice | Ending) | None if line.given_up => {
                    (age(line.dialed, now), |ring| &mut ring.given_up)
                }
                Some(Dialing | Notice | Ending) | None => {
                    (age(line.dialed, now), |ring| &mut ring.failed)
                }
            },
            Listening if person => (age(line.dialed, line.since), |ring| &mut ring.persons),
            Listening => (age(line.dialed, line.since), |ring| &mut ring.machines),
            Waiting | Talking | Notice | Ending => return,
        };
        let Some(hour) = self.hour else { return };
        let known = self.fresh.len() < CELLS_MAX || self.fresh.contains_key(&(list, hour.of_day));
        let cell = (list.filter(|_| known), hour.of_day);
        let calls = self.fresh.entry(cell).or_default();
        let count = of(calls.at(bin));
        *count = count.saturating_add(1);
        if from == Listening {
            calls.verdicts = calls.verdicts.saturating_add(1);
            calls.listened += now.since(line.since);
        }
        self.changed.insert(cell);
    }

    /// Whether what was counted is to be written down, `soon` if the campaign comes to rest.
    pub(in crate::core) fn due(&self, now: Mono, soon: bool) -> bool {
        !self.changed.is_empty() && (soon || now.since(self.written) >= WRITE_EVERY)
    }

    /// Gives the lessons that changed since they were written down, and the agents' lesson.
    pub(in crate::core) fn lessons(&mut self, now: Now, served: &Service) -> Vec<Lesson> {
        self.written = now.mono;
        let changed = core::mem::take(&mut self.changed);
        self.gathered(&changed, now.wall, served)
    }

    /// Gives every lesson counted since the dialer was made, or since the day began.
    pub(in crate::core) fn all(&self, now: Wall, served: &Service) -> Vec<Lesson> {
        self.gathered(&self.fresh.keys().copied().collect(), now, served)
    }

    /// Gives the lessons of some cells, and the agents' lesson.
    fn gathered(&self, cells: &BTreeSet<Cell>, until: Wall, served: &Service) -> Vec<Lesson> {
        let mut lessons = self.of(cells, until);
        let from = self.begun.unwrap_or(until);
        lessons.push(Lesson { from, until, service: served.clone(), ..Lesson::default() });
        lessons
    }

    fn of(&self, cells: &BTreeSet<Cell>, until: Wall) -> Vec<Lesson> {
        let from = self.begun.unwrap_or(until);
        let lesson = |&(list, hour): &Cell| {
            let calls = self.fresh.get(&(list, hour))?.clone();
            Some(Lesson { list, hour: Some(hour), from, until, calls, ..Lesson::default() })
        };
        cells.iter().filter_map(lesson).collect()
    }
}

impl Default for Law {
    fn default() -> Self {
        Self { rings: vec![[0.0; 4]; RING_BINS], verdicts: 0.0, listened_s: 0.0 }
    }
}

impl Law {
    fn count(&mut self, calls: &Calls, weight: f64) {
        for (&bin, &ring) in &calls.rings {
            let counts = <[u32; 4]>::from(ring).map(f64::from);
            let row = &mut self.rings[usize::from(bin).min(RING_BINS - 1)];
            row.iter_mut().zip(counts).for_each(|(sum, count)| *sum += weight * count);
        }
        self.verdicts += weight * f64::from(calls.verdicts);
        self.listened_s += weight * calls.listened.as_secs_f64();
    }

    fn add(&mut self, other: &Self, weight: f64) {
        for (row, others) in self.rings.iter_mut().zip(&other.rings) {
            row.iter_mut().zip(others).for_each(|(sum, count)| *sum += weight * count);
        }
        self.verdicts += weight * other.verdicts;
        self.listened_s += weight * other.listened_s;
    }

    fn scale(&mut self, factor: f64) {
        self.rings.iter_mut().flatten().for_each(|count| *count *= factor);
        self.verdicts *= factor;
        self.listened_s *= factor;
    }

    fn all(&self) -> f64 {
        self.rings.iter().flatten().sum()
    }

    /// Makes shares of the counts, drawn towards others' by how few they are; gives their
    /// credibility.
    fn drawn_to(&mut self, others: &Self) -> f64 {
        let counted = self.all();
        self.add(others, CREDIBILITY);
        self.scale(1.0 / (counted + CREDIBILITY));
        counted / (counted + CREDIBILITY)
    }

    fn sum(&self, fate: usize) -> f64 {
        self.rings.iter().filter_map(|row| row.get(fate)).sum()
    }

    /// The share of answers among the calls whose end says something.
    fn answered(&self) -> f64 {
        let answered = self.sum(0) + self.sum(1);
        answered / (answered + self.sum(2)).max(1e-9)
    }

    /// The share of persons among the answers.
    fn person(&self) -> f64 {
        self.sum(0) / (self.sum(0) + self.sum(1)).max(1e-9)
    }
}

impl Past {
    fn count(&mut self, service: &Service, weight: f64) {
        for (kept, counted) in
            [(&mut self.talks, &service.talks), (&mut self.wraps, &service.wraps)]
        {
            for (&bin, &Ends { over, seen }) in counted {
                let row = kept.entry(bin).or_default();
                row[0] += weight * f64::from(over);
                row[1] += weight * f64::from(seen);
            }
        }
        self.returned += weight * f64::from(service.returned);
        self.written += weight * f64::from(service.written);
    }

    fn scale(&mut self, factor: f64) {
        let rows = self.talks.values_mut().chain(self.wraps.values_mut());
        rows.flatten().for_each(|count| *count *= factor);
        self.returned *= factor;
        self.written *= factor;
    }
}

impl Hour {
    /// Gives the hour around a moment; in a zone the data does not know, that of Greenwich.
    fn at(zone: &Zone, at: Wall) -> Self {
        let zone = TimeZone::get(zone.name()).unwrap_or(TimeZone::UTC);
        let local = at.timestamp().to_zoned(zone);
        let round = ZonedRound::new().smallest(Unit::Hour).mode(jiff::RoundMode::Trunc);
        let from = local.round(round).map_or(at, |hour| Wall::from(hour.timestamp()));
        let of_day = u8::try_from(local.hour()).unwrap_or(0);
        Self { of_day, day: local.date(), from, until: from + Span::secs(3_600) }
    }
}

#[cfg(test)]
mod tests;
