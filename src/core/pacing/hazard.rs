//! When dialled calls are answered: competing-risk hazards by ring age, learnt with the exposure
//! of the calls in flight, and what they foretell for each call that rings.

use super::grid::{Curve, HORIZON_S, HORIZONS, RING_BIN_S, RING_BINS, index};
use super::level::Level;
use super::memory::{Drawn, Shift};

/// What the lines in flight have been, and the tables learnt from them.
#[derive(Clone, Debug)]
pub(super) struct Hazard {
    /// The half second the counts stand at.
    slot: u64,
    /// Lines that ring, by age in half seconds.
    lines: [u32; RING_BINS],
    total: u32,
    /// Answers and other ends of this half second, by age.
    answered: [u32; RING_BINS],
    failed: [u32; RING_BINS],
    /// Half seconds at risk, answers and other ends so far, with forgetting.
    risk: [f64; RING_BINS],
    answers: [f64; RING_BINS],
    others: [f64; RING_BINS],
    /// Verdicts so far, and those for a person, by the ring age of the answer.
    judged: [f64; RING_BINS],
    persons: [f64; RING_BINS],
    /// Mean time from answer to verdict.
    delay_s: f64,
    verdicts: f64,
    /// The half second the tables were last worked out in, and whether anything ended since.
    learnt: u64,
    news: bool,
    /// Calls resolved since the start, and since the tables were last faded.
    resolved: u64,
    unfaded: f64,
    /// The level of the answers, of early failures, and of the verdicts for a person.
    pub(super) answering: Level,
    failing: Level,
    judging: Level,
    table: Reach,
    /// Foretold per call at risk in one half second, at level 1.
    base: Base,
}

#[derive(Clone, Debug)]
struct Base {
    answer: [f64; RING_BINS],
    other: [f64; RING_BINS],
    person: [f64; RING_BINS],
}

/// How likely a person is on the line within each moment ahead.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    /// By present ring age.
    pub(super) ringing: Vec<Curve>,
    /// The chance that who answered at this ring age is judged a person.
    pub(super) person: [f64; RING_BINS],
    /// Mean time from answer to verdict, in seconds.
    pub(super) delay_s: f64,
    /// Mean time from dialling to the end of the ringing, in seconds.
    pub(super) ring_s: f64,
}

/// How many resolved calls the tables remember.
const MEMORY: f64 = 3_000.0;
/// The pseudo-calls the tables begin with, their mean ring time and the share answered by a
/// person: prudent, that is high.
const PRIOR_CALLS: f64 = 40.0;
const PRIOR_RING_S: f64 = 18.0;
const PRIOR_ANSWERED: f64 = 0.35;
/// Pseudo-verdicts drawn towards the mean of all ages.
const PRIOR_VERDICTS: f64 = 4.0;
/// The mean delay of a verdict before one was seen, in seconds, and the weight of that guess.
const PRIOR_DELAY_S: f64 = 0.9;
const PRIOR_DELAYS: f64 = 4.0;
/// Failures up to this age are the network's own: their rate moves as one.
const EARLY_BINS: usize = 12;
/// Memories of the level filters in expected events (pacing.md §4.2).
const MEMORIES: [f64; 3] = [30.0, 150.0, 1_000.0];
/// The least and greatest pause between two workings of the tables, in half seconds.
const LEARN_MIN: u64 = 2;
/// Half seconds without any fact, an hour of them, after which whatever rings has rung longest: no
/// living trunk is silent so long, but a damaged tape may be.
const GAP_MAX: u64 = 7_200;
const LEARN_MAX: u64 = 10;
/// The least share still ringing that a table row is worked out for.
const SURVIVORS_MIN: f64 = 1e-9;

impl Hazard {
    pub(super) fn new(slot: u64) -> Self {
        let zeros = [0.0; RING_BINS];
        let mut made = Self {
            slot,
            lines: [0; RING_BINS],
            total: 0,
            answered: [0; RING_BINS],
            failed: [0; RING_BINS],
            risk: zeros,
            answers: zeros,
            others: zeros,
            judged: zeros,
            persons: zeros,
            delay_s: PRIOR_DELAY_S,
            verdicts: PRIOR_DELAYS,
            learnt: slot,
            news: false,
            resolved: 0,
            unfaded: 0.0,
            answering: Level::new(MEMORIES),
            failing: Level::new(MEMORIES),
            judging: Level::new(MEMORIES),
            table: Reach {
                ringing: Vec::new(),
                person: zeros,
                delay_s: PRIOR_DELAY_S,
                ring_s: PRIOR_RING_S,
            },
            base: Base { answer: zeros, other: zeros, person: zeros },
        };
        made.learn();
        made
    }

    /// Lines that ring, by age; the last with any is the end.
    pub(super) fn by_age(&self) -> &[u32; RING_BINS] {
        &self.lines
    }

    /// Calls resolved since the start.
    pub(super) fn resolved(&self) -> u64 {
        self.resolved
    }

    pub(super) fn reach(&self) -> &Reach {
        &self.table
    }

    /// A call is dialled, or was in that half second.
    pub(super) fn dialed(&mut self, slot: u64) {
        let age = self.age(slot);
        self.lines[age] += 1;
        self.total += 1;
    }

    /// A call stopped ringing: answered, failed, or (`None`) given up by us, which says nothing.
    pub(super) fn stopped(&mut self, dialed: u64, answered: Option<bool>) {
        let age = self.age(dialed);
        self.lines[age] = self.lines[age].saturating_sub(1);
        self.total = self.total.saturating_sub(1);
        match answered {
            Some(true) => self.answered[age] += 1,
            Some(false) => self.failed[age] += 1,
            None => return,
        }
        self.resolved += 1;
        self.news = true;
    }

    /// Whoever answered at that ring age was judged, after so many seconds.
    pub(super) fn judged(&mut self, age: usize, person: bool, after_s: f64) {
        let age = age.min(RING_BINS - 1);
        let person = f64::from(u8::from(person));
        self.judging.count(person, self.base.person[age]);
        self.judged[age] += 1.0;
        self.persons[age] += person;
        self.verdicts = (self.verdicts + 1.0).min(MEMORY);
        self.delay_s += (after_s - self.delay_s) / self.verdicts;
    }

    fn age(&self, slot: u64) -> usize {
        index(self.slot.saturating_sub(slot)).min(RING_BINS - 1)
    }

    /// Lets time pass up to a half second; says whether the tables were worked out anew.
    pub(super) fn advance(&mut self, slot: u64) -> bool {
        let mut turned = false;
        while self.slot < slot {
            let gap = slot - self.slot;
            if gap > RING_BINS as u64 && (self.total == 0 || gap > GAP_MAX) {
                let ringing = self.lines.iter().sum();
                self.lines.fill(0);
                self.lines[RING_BINS - 1] = ringing;
                self.slot = slot - 1;
            }
            self.turn();
            self.slot += 1;
            turned = true;
        }
        let pause = self.slot.saturating_sub(self.learnt);
        if (pause >= LEARN_MIN && self.news) || (pause >= LEARN_MAX && self.total > 0) {
            (self.learnt, self.news) = (self.slot, false);
            self.learn();
        }
        turned
    }

    /// Ends a half second: who was at risk, what happened, and everybody grows older.
    fn turn(&mut self) {
        let mut gone = 0.0;
        let (mut answers, mut foretold) = (0.0, 0.0);
        let (mut failures, mut feared) = (0.0, 0.0);
        for age in 0..RING_BINS {
            let (answered, failed) = (self.answered[age], self.failed[age]);
            let at_risk = self.lines[age] + answered + failed;
            if at_risk == 0 {
                continue;
            }
            let (at_risk, answered) = (f64::from(at_risk), f64::from(answered));
            let failed = f64::from(failed);
            self.risk[age] += at_risk;
            self.answers[age] += answered;
            self.others[age] += failed;
            gone += answered + failed;
            answers += answered;
            foretold += at_risk * self.base.answer[age];
            if age < EARLY_BINS {
                failures += failed;
                feared += at_risk * self.base.other[age];
            }
        }
        self.answering.count(answers, foretold);
        self.failing.count(failures, feared);
        for level in [&mut self.answering, &mut self.failing, &mut self.judging] {
            level.tick();
        }
        self.unfaded += gone;
        if gone > 0.0 {
            self.answered = [0; RING_BINS];
            self.failed = [0; RING_BINS];
        }
        let oldest = self.lines[RING_BINS - 1];
        self.lines.copy_within(..RING_BINS - 1, 1);
        self.lines[RING_BINS - 1] += oldest;
        self.lines[0] = 0;
    }

    /// Works the tables out from what was seen.
    fn learn(&mut self) {
        if self.unfaded > MEMORY / 300.0 {
            let keep = libm::exp(-self.unfaded / MEMORY);
            self.unfaded = 0.0;
            let tables = [
                &mut self.risk,
                &mut self.answers,
                &mut self.others,
                &mut self.judged,
                &mut self.persons,
            ];
            for table in tables {
                table.iter_mut().for_each(|count| *count *= keep);
            }
        }
        let (judged, persons) = (self.judged.iter().sum::<f64>(), self.persons.iter().sum::<f64>());
        let mean = (persons + PRIOR_VERDICTS) / (judged + PRIOR_VERDICTS);
        let fade = libm::exp(-RING_BIN_S / PRIOR_RING_S);
        let hazard = 1.0 - fade;
        let mut prior = PRIOR_CALLS;
        let smooth = |table: &[f64; RING_BINS], bin: usize| {
            let beside = |bin: Option<usize>| bin.and_then(|bin| table.get(bin)).copied();
            2.0 * table[bin]
                + beside(bin.checked_sub(1)).unwrap_or(table[bin])
                + beside(Some(bin + 1)).unwrap_or(table[bin])
        };
        for bin in 0..RING_BINS {
            let risk = smooth(&self.risk, bin) + 4.0 * prior;
            let answers = smooth(&self.answers, bin) + 4.0 * prior * hazard * PRIOR_ANSWERED;
            let others = smooth(&self.others, bin) + 4.0 * prior * hazard * (1.0 - PRIOR_ANSWERED);
            self.base.answer[bin] = answers / risk;
            self.base.other[bin] = others / risk;
            self.base.person[bin] =
                (self.persons[bin] + PRIOR_VERDICTS * mean) / (self.judged[bin] + PRIOR_VERDICTS);
            prior *= fade;
        }
        self.foretell();
    }

    /// Puts the levels on the tables and follows a call from each age on.
    fn foretell(&mut self) {
        let (answering, failing) = (self.answering.mean(), self.failing.mean());
        let judging = self.judging.mean();
        let mut left = [0.0; RING_BINS + 1];
        let mut reached = [0.0; RING_BINS + 1];
        left[0] = 1.0;
        for bin in 0..RING_BINS {
            let early = if bin < EARLY_BINS { failing } else { 1.0 };
            let (answer, other) = (answering * self.base.answer[bin], early * self.base.other[bin]);
            let squeeze = (answer + other).max(1.0);
            let person = (judging * self.base.person[bin]).min(1.0);
            self.table.person[bin] = person;
            reached[bin + 1] = reached[bin] + left[bin] * answer / squeeze * person;
            left[bin + 1] = left[bin] * (1.0 - (answer + other) / squeeze);
        }
        self.table.delay_s = self.delay_s;
        self.table.ring_s = RING_BIN_S * left.iter().sum::<f64>();
        self.table.ringing.clear();
        self.table.ringing.extend(rows(&left, &reached, self.delay_s));
    }

    /// Begins with what was learnt before: so many pseudo-calls of that law.
    pub(super) fn seed(&mut self, drawn: &Drawn) {
        let mut outlasting = 0.0;
        for (bin, row) in drawn.law.rings.iter().enumerate().rev().take(RING_BINS) {
            let [persons, machines, failed, given_up] = row.map(|share| drawn.worth * share);
            outlasting += persons + machines + failed;
            self.risk[bin] += outlasting;
            self.answers[bin] += persons + machines;
            self.others[bin] += failed;
            self.judged[bin] += persons + machines;
            self.persons[bin] += persons;
            outlasting += given_up;
        }
        if let Some(delay_s) = drawn.delay_s {
            let weight = drawn.worth / (drawn.worth + self.verdicts);
            self.delay_s += weight * (delay_s - self.delay_s);
            self.verdicts += drawn.worth;
        }
        self.learn();
    }

    /// Moves the odds of answers and of persons among them: another hour, or another list.
    pub(super) fn shift(&mut self, by: Shift) {
        for bin in 0..RING_BINS {
            self.answers[bin] = (self.answers[bin] * by.answered).min(self.risk[bin]);
            let others = self.judged[bin] - self.persons[bin];
            let all = by.person * self.persons[bin] + others;
            if all > 0.0 {
                self.persons[bin] *= by.person * self.judged[bin] / all;
            }
        }
        self.learn();
    }

    /// Begins the levels again: the tables have learnt them.
    pub(super) fn reset_levels(&mut self) {
        for level in [&mut self.answering, &mut self.failing, &mut self.judging] {
            level.reset();
        }
    }
}

/// How far along the bins each moment ahead lies once the verdict's delay is taken off: whole
/// bins, and the part of the next.
fn steps(delay_s: f64) -> [(usize, f64); HORIZONS] {
    HORIZON_S.map(|ahead| {
        let bins = ((ahead - delay_s) / RING_BIN_S).max(0.0);
        let whole = libm::floor(bins);
        (index(crate::units::whole(whole)), bins - whole)
    })
}

/// The chance that a call still ringing at an age has a person on the line within each moment:
/// answered so much earlier that the verdict is in. `left` and `reached` are the shares still
/// ringing and answered by a person at each bin's edge.
pub(super) fn rows(left: &[f64], reached: &[f64], delay_s: f64) -> impl Iterator<Item = Curve> {
    let steps = steps(delay_s);
    let last = reached.len() - 1;
    left.iter().take(RING_BINS).enumerate().map(move |(age, &left)| {
        if left < SURVIVORS_MIN {
            return [0.0; HORIZONS];
        }
        let scale = 1.0 / left;
        let mut row = [0.0; HORIZONS];
        for (chance, (whole, part)) in row.iter_mut().zip(steps) {
            let (here, next) =
                (reached[(age + whole).min(last)], reached[(age + whole + 1).min(last)]);
            *chance = ((here + (next - here) * part - reached[age]) * scale).clamp(0.0, 1.0);
        }
        row
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_in_flight_does_not_look_like_a_fall_of_the_answer_rate() {
        // Calls a half second apart, answered one in four after ten seconds, until the prior
        // counts no more.
        let mut hazard = Hazard::new(0);
        let mut slot = 0;
        for wave in 0..4_000_u64 {
            hazard.dialed(slot);
            if wave >= 20 {
                hazard.stopped(slot - 20, Some(wave % 4 == 0));
            }
            slot += 1;
            hazard.advance(slot);
        }
        let before = hazard.reach().ringing[0][9];
        for _ in 0..200 {
            hazard.dialed(slot);
        }
        for _ in 0..18 {
            slot += 1;
            hazard.advance(slot);
        }
        let after = hazard.reach().ringing[0][9];
        assert!((before - 0.25).abs() < 0.02, "{before}");
        assert!((after - before).abs() < 0.02, "{before} became {after}");
    }

    #[test]
    fn chances_grow_with_the_time_ahead_and_stay_chances() {
        let mut hazard = Hazard::new(0);
        for slot in 0..500 {
            hazard.dialed(slot);
            hazard.advance(slot + 1);
            hazard.stopped(slot, Some(slot % 3 == 0));
        }
        for row in &hazard.reach().ringing {
            assert!(row.iter().all(|chance| (0.0..=1.0).contains(chance)), "{row:?}");
            assert!(row.is_sorted(), "{row:?}");
        }
    }
}
