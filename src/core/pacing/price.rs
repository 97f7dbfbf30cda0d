//! What an abandoned call costs: the allowance that is left, spread over the answers to come, and
//! the threshold on the chance of abandon that spends it so.

/// The account of the abandon rule at a moment, with what is on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Books {
    /// The greatest allowed share.
    pub(super) cap: f64,
    /// Persons who answered, and those abandoned, in the rule's window.
    pub(super) answered: f64,
    pub(super) abandoned: f64,
    /// Abandons to be expected of the calls in flight.
    pub(super) pending: f64,
    /// Calls in flight beyond the free agents, with one more.
    pub(super) exposed: f64,
    /// Answers per second, as of late.
    pub(super) rate: f64,
    /// Calling time left in the window, in seconds; `None` if its end is not known.
    pub(super) left_s: Option<f64>,
    /// Agents at work.
    pub(super) agents: f64,
    /// The share of the answers to come that comes even if nothing is risked any more.
    pub(super) unrisked: f64,
    /// How many of those of whom the abandoned are a share an answer to come brings, and how many
    /// that count as abandoned whatever is done: machines the detector may have been wrong about.
    pub(super) brings: (f64, f64),
}

/// The threshold and what was learnt of its effect.
#[derive(Clone, Debug)]
pub(super) struct Price {
    /// Thresholds in force and chances foretold, summed over answers: how much of a threshold is
    /// used on average.
    thresholds: f64,
    chances: f64,
    /// Abandons foretold and had.
    foretold: f64,
    had: f64,
    /// How far a threshold is used in a pool of this size, at first guess.
    size: f64,
}

/// The pseudo-abandons the threshold's effect is first guessed with: by judgement; no source gives
/// it.
const PRIOR_USED: f64 = 0.6;
/// How many answers' chances the effect remembers, in foretold abandons.
const USED_MEMORY: f64 = 12.0;
/// The least share of a threshold that is taken for used.
const USED_MIN: f64 = 0.25;
/// Pseudo-abandons of a forecast that is right, and how many abandons its record remembers.
const PRIOR_RIGHT: f64 = 10.0;
const RIGHT_MEMORY: f64 = 100.0;
/// How far the record may move the threshold.
const RIGHT_MAX: f64 = 2.5;
/// The greatest threshold, whatever is left to spend.
const THRESHOLD_MAX: f64 = 0.5;
/// The share of an abandon that is kept back: with the gain of gambling about the square root of
/// its risk, the best spending of r abandons over m answers is (r − 0.45) / m an answer for
/// r ≥ 1 (docs/pacing.md, "The budget").
const KEPT_BACK: f64 = 0.45;
/// How much of the progressive idleness a pool keeps: half of it with so many agents, falling with
/// this power of their number (fitted to the full-information column of pacing.md §3).
const POOL_AGENTS: f64 = 12.0;
const POOL_POWER: f64 = 0.8;
/// Standard deviations of the count of answers to come that are not counted upon, and the
/// variance of that count over its mean (docs/pacing.md, "The budget").
const SURE: f64 = 2.0;
const DISPERSION: f64 = 1.2;
/// The share of the answers in doubt, those that come only if calls are risked, which the pace
/// counts upon; the gate counts upon none. With fewer a large pool saves too much for its last
/// hour, with more one of twenty agents waits more (docs/pacing.md, "The budget").
const DOUBTFUL: f64 = 0.6;
/// How many times the cap the aim may be: a little under the clamp of pacing.md §4.4, which is
/// 2.5, so that a large pool that has saved up keeps its last hour within 5 % (docs/pacing.md, "The
/// budget"); and how many times more in a pool of one, by judgement: no source gives it.
const AIM_MAX: f64 = 2.2;
const AIM_MAX_ALONE: f64 = 15.0;
/// The time over which an allowance is spread whose end is not known, in seconds: half an hour, by
/// judgement; no source gives it.
const BLIND_S: f64 = 1_800.0;

/// The share of the answers to come that comes even if nothing is risked any more: then agents
/// wait, and in a large pool far fewer persons answer. `progressive` is the share of their time so
/// many agents would be busy with one line each.
pub(super) fn unrisked(agents: f64, progressive: f64) -> f64 {
    let pooled = 1.0 / (1.0 + libm::pow(agents / POOL_AGENTS, POOL_POWER));
    progressive / (1.0 - (1.0 - progressive) * pooled)
}

impl Books {
    /// Answers to be expected in what is left of the window.
    fn coming(&self) -> f64 {
        self.rate * self.left_s.unwrap_or(BLIND_S)
    }

    /// Those that come but for bad luck, if so large a share of them comes: the most, where each
    /// uses up more of the allowance than it brings.
    fn likely(&self, share: f64) -> f64 {
        if self.left_s.is_none() {
            return 0.0;
        }
        let (of, lost) = self.brings;
        if lost > self.cap * of {
            let mean = self.coming();
            return mean + SURE * libm::sqrt(DISPERSION * mean);
        }
        let mean = share * self.coming();
        (mean - SURE * libm::sqrt(DISPERSION * mean)).max(0.0)
    }

    /// Abandons that so many answers more allow, less those had.
    fn allowed(&self, answers: f64) -> f64 {
        let (of, lost) = self.brings;
        self.cap * (self.answered + of * answers) - self.abandoned - lost * answers
    }

    /// Abandons that may still be had: those that the answers which come for sure allow, less
    /// those had.
    pub(super) fn room(&self) -> f64 {
        self.allowed(self.likely(self.unrisked))
    }

    /// The share of the answers to come that should be abandoned; 0 if none may be.
    pub(super) fn aim(&self) -> f64 {
        let relied = self.likely(DOUBTFUL + (1.0 - DOUBTFUL) * self.unrisked);
        let rest = self.allowed(relied) - self.pending - KEPT_BACK;
        // Where no end is known a surplus of earlier days may leave the window before it is spent.
        let most = if self.left_s.is_some() { AIM_MAX } else { 1.0 };
        let most = self.cap * (most + AIM_MAX_ALONE / self.agents.max(1.0));
        (rest / self.coming().max(1.0)).clamp(0.0, most)
    }
}

impl Price {
    pub(super) fn new() -> Self {
        let used = PRIOR_USED;
        let (thresholds, chances) = (used, used);
        Self { thresholds, chances, foretold: PRIOR_RIGHT, had: PRIOR_RIGHT, size: 1.0 }
    }

    /// Notes how many agents are at work: in a small pool most calls that are placed risk less
    /// than the threshold allows, because calls are whole. The form is that of the first threshold
    /// in pacing.md §4.4, 0.025 (1 + 2 / N), and 0.85 about its 0.025 over a cap of 0.03 (κ(N) in
    /// docs/pacing.md, "The budget").
    pub(super) fn sized(&mut self, agents: f64) {
        self.size = 0.85 * (1.0 + 2.0 / agents.max(1.0));
    }

    /// Gives the threshold that makes the aimed share.
    pub(super) fn threshold(&self, aim: f64) -> f64 {
        let used = self.chances / self.thresholds;
        (aim * self.size / used / self.record()).min(THRESHOLD_MAX)
    }

    /// A person answered a call that was placed at a threshold with a foretold chance.
    pub(super) fn answered(&mut self, threshold: f64, chance: f64) {
        self.foretold += chance;
        if threshold > 0.0 {
            self.thresholds += threshold / self.size;
            self.chances += chance;
        }
        // Floors and trunks, not the threshold, may have bound for hours.
        self.thresholds = self.thresholds.min(self.chances / USED_MIN);
        if self.chances > USED_MEMORY {
            let keep = USED_MEMORY / self.chances;
            self.thresholds *= keep;
            self.chances *= keep;
        }
        if self.foretold > RIGHT_MEMORY {
            let keep = RIGHT_MEMORY / self.foretold;
            self.foretold *= keep;
            self.had *= keep;
        }
    }

    /// A person was abandoned.
    pub(super) fn abandoned(&mut self) {
        self.had += 1.0;
    }

    /// Abandons had over those foretold.
    pub(super) fn record(&self) -> f64 {
        (self.had / self.foretold).clamp(1.0 / RIGHT_MAX, RIGHT_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Books = Books {
        cap: 0.03,
        answered: 1_000.0,
        abandoned: 30.0,
        pending: 0.0,
        exposed: 1.0,
        rate: 0.05,
        left_s: Some(10_000.0),
        agents: 20.0,
        unrisked: 0.8,
        brings: (1.0, 0.0),
    };

    #[test]
    fn a_day_on_its_allowance_aims_a_little_below_the_cap() {
        let aim = DAY.aim();
        assert!(aim > 0.02 && aim < 0.03, "{aim}");
    }

    #[test]
    fn machines_to_come_use_up_what_persons_to_come_allow() {
        let spent = |lost: f64| Books { brings: (1.0 + lost, lost), ..DAY };
        assert!(spent(0.01).aim() < 0.75 * DAY.aim());
        assert!(spent(0.01).room() < DAY.room() && spent(0.05).aim() <= 0.0);
        // Each machine costs more than its person brings: the fewest are no longer the worst case.
        assert!(spent(0.05).room() < 0.03 * 1_500.0 - 30.0 - 0.02 * 500.0);
    }

    #[test]
    fn nothing_is_risked_when_one_abandon_more_could_not_be_made_up_for() {
        assert!(Books { abandoned: 42.0, ..DAY }.aim() <= 0.0);
        assert!(Books { abandoned: 41.0, ..DAY }.room() < 0.0);
        assert!(Books { left_s: Some(0.0), ..DAY }.aim() <= 0.0);
        assert!(Books { left_s: Some(0.0), abandoned: 28.0, ..DAY }.aim() > 0.0);
        assert!(Books { left_s: None, ..DAY }.aim() <= 0.0);
    }

    #[test]
    fn a_threshold_that_is_half_used_is_doubled() {
        let mut price = Price::new();
        for _ in 0..2_000 {
            price.answered(0.04 * price.size, 0.02);
            price.had = price.foretold;
        }
        assert!((price.threshold(0.03) - 0.06).abs() < 0.002, "{price:?}");
    }
}
