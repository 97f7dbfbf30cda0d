//! How often a person may be tried: rolling windows over what the store and this run know.

use std::collections::{BTreeSet, VecDeque};

use super::AttemptCap;
use crate::units::{ClientId, Mono, PersonId, Wall};

/// The attempts of this run that a lead claimed earlier cannot know of.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    by_person: BTreeSet<(PersonId, ClientId, Wall)>,
    order: VecDeque<(Mono, (PersonId, ClientId, Wall))>,
}

impl Attempts {
    /// Notes an attempt.
    pub(crate) fn note(&mut self, now: Mono, at: Wall, client: ClientId, person: PersonId) {
        self.by_person.insert((person, client, at));
        self.order.push_back((now, (person, client, at)));
    }

    /// Takes the latest attempt at a person back: it reached nobody.
    pub(crate) fn take_back(&mut self, client: ClientId, person: PersonId) {
        let same = |(_, (who, of, _)): &(Mono, _)| (*of, *who) == (client, person);
        let Some(place) = self.order.iter().rposition(same) else { return };
        if let Some((_, attempt)) = self.order.remove(place) {
            self.by_person.remove(&attempt);
        }
    }

    /// Forgets attempts older than any lease: leads claimed since then know of them.
    pub(crate) fn forget_before(&mut self, moment: Mono) {
        while let Some((_, attempt)) = self.order.pop_front_if(|(at, _)| *at < moment) {
            self.by_person.remove(&attempt);
        }
    }

    /// Says until when a cap forbids another attempt, or `None` if none does.
    ///
    /// An attempt that the store and this run both know is counted once: one person cannot be
    /// tried twice in one millisecond.
    pub(super) fn forbidden_until(
        &self,
        caps: &[AttemptCap],
        recent: &[Wall],
        (client, person): (ClientId, PersonId),
        at: Wall,
    ) -> Option<Wall> {
        if caps.is_empty() {
            return None;
        }
        let [first, last] = [i64::MIN, i64::MAX].map(|at| (person, client, Wall::micros(at)));
        let ours = self.by_person.range(first..=last).map(|&(.., at)| at);
        let mut all = recent.iter().copied().chain(ours).collect::<Vec<_>>();
        if all.is_empty() {
            return None;
        }
        all.sort_unstable();
        all.dedup_by_key(|moment| moment.as_micros().div_euclid(1_000));
        caps.iter().filter_map(|cap| until(*cap, &all, at)).max()
    }
}

fn until(cap: AttemptCap, all: &[Wall], at: Wall) -> Option<Wall> {
    let within = |moment: &&Wall| **moment + cap.window > at;
    let count = all.iter().filter(within).count();
    let max = usize::try_from(cap.max.max(1)).unwrap_or(usize::MAX);
    let over = count.checked_sub(max)?;
    all.iter().filter(within).nth(over).map(|&moment| moment + cap.window)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Span;

    #[test]
    fn the_fifth_attempt_waits_until_the_first_leaves_the_window() {
        let day = Span::secs(86_400);
        let cap = [AttemptCap { max: 4, window: day.times(30) }];
        let start = Wall::micros(0);
        let who = (ClientId(1), PersonId(7));
        let mut attempts = Attempts::default();
        let recent = [0, 1, 2].map(|days| start + day.times(days));
        attempts.note(Mono::START, recent[2], who.0, who.1);
        let third = start + day.times(3);
        assert_eq!(attempts.forbidden_until(&cap, &recent, who, third), None);
        attempts.note(Mono::START, third, who.0, who.1);
        let asked = start + day.times(4);
        let until = attempts.forbidden_until(&cap, &recent, who, asked);
        assert_eq!(until, Some(start + day.times(30)));
        assert_eq!(attempts.forbidden_until(&cap, &recent, who, start + day.times(30)), None);
        let other = (ClientId(2), PersonId(7));
        assert_eq!(attempts.forbidden_until(&cap, &[], other, asked), None);
    }

    #[test]
    fn an_attempt_that_reached_nobody_is_taken_back() {
        let cap = [AttemptCap { max: 2, window: Span::secs(60) }];
        let (who, at) = ((ClientId(1), PersonId(7)), |secs| Wall::micros(0) + Span::secs(secs));
        let mut attempts = Attempts::default();
        attempts.note(Mono::START, at(0), who.0, who.1);
        attempts.note(Mono::START, at(1), ClientId(1), PersonId(8));
        attempts.note(Mono::START, at(2), who.0, who.1);
        assert_eq!(attempts.forbidden_until(&cap, &[], who, at(3)), Some(at(60)));
        attempts.take_back(who.0, who.1);
        assert_eq!(attempts.forbidden_until(&cap, &[], who, at(3)), None);
        attempts.take_back(who.0, who.1);
        attempts.take_back(who.0, who.1);
        attempts.forget_before(Mono::START + Span::secs(1));
        assert!(attempts.by_person.is_empty() && attempts.order.is_empty());
    }

    #[test]
    fn what_every_lead_knows_is_forgotten() {
        let mut attempts = Attempts::default();
        attempts.note(Mono::START, Wall::micros(0), ClientId(1), PersonId(7));
        attempts.forget_before(Mono::START + Span::secs(1));
        assert!(attempts.by_person.is_empty() && attempts.order.is_empty());
    }
}
