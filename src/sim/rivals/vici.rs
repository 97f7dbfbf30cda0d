//! VICIdial's rule for the dial level (`calculate_dial_level` in `bin/AST_VDadapt.pl`, the same in
//! inktel/Vicidial 2.4 and ccabrerar/vicidial 2.14): an integrator that pushes until ready agents
//! equal waiting calls, held back by the drop rule alone.

use super::adaptive::{Adaptive, Known, Method};
use crate::units::Ratio;

/// Gives the next level.
pub(super) fn level(settings: &Adaptive, cap: Ratio, known: &Known) -> f64 {
    let pushed = pushed(known).clamp(1.0, settings.level_max);
    let mut level = pushed;
    if known.one_minute.in_panic() {
        level /= 2.0;
    }
    if known.today.above(cap) {
        level = match settings.method {
            Method::HardLimit => 1.0,
            Method::Average => level / 2.0,
            Method::Tapered => level * tapered(known.left),
        };
    }
    level.max(1.0)
}

/// The integrator: level · (1 + (ready − waiting) / agents), kept to three digits.
pub(super) fn pushed(known: &Known) -> f64 {
    libm::round(known.level * (1.0 + known.difference / known.agents) * 1e3) / 1e3
}

/// What tapering multiplies with: the clock time left as HHMM over 1000, at most 1; nothing is
/// left of the level after the latest time.
pub(super) fn tapered(left: f64) -> f64 {
    (left / 1_000.0).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::super::adaptive::{Counts, Product};
    use super::*;

    const CAP: f64 = 0.03;

    fn settings(method: Method) -> Adaptive {
        Adaptive { product: Product::Vici, method, level_max: 3.0, available_only: false }
    }

    fn known(drops: u64, left: f64) -> Known {
        let today = Counts { calls: 400, answers: 100, drops };
        Known { level: 2.0, difference: 2.0, agents: 20.0, today, left, ..Known::default() }
    }

    #[test]
    fn only_the_drop_rule_holds_the_integrator_back() {
        let cases = [
            // At the limit nothing happens, whatever the method: 2 · (1 + 2/20).
            (Method::Average, 3, 600.0, 2.2),
            (Method::HardLimit, 3, 600.0, 2.2),
            (Method::Tapered, 3, 600.0, 2.2),
            // Above it each method does its own.
            (Method::Average, 4, 600.0, 1.1),
            (Method::HardLimit, 4, 600.0, 1.0),
            (Method::Tapered, 4, 1_200.0, 2.2),
            (Method::Tapered, 4, 600.0, 1.32),
            (Method::Tapered, 4, 100.0, 1.0),
            (Method::Tapered, 4, -5.0, 1.0),
        ];
        for (method, drops, left, expected) in cases {
            let level = level(&settings(method), Ratio::new(CAP), &known(drops, left));
            assert!((level - expected).abs() < 1e-9, "{method:?} {drops} {left}: {level}");
        }
    }

    #[test]
    fn fifty_calls_are_too_few_and_the_greatest_level_is_kept() {
        let few = Counts { calls: 50, answers: 20, drops: 9 };
        let early = Known { today: few, difference: 20.0, ..known(0, 600.0) };
        let level = level(&settings(Method::HardLimit), Ratio::new(CAP), &early);
        assert!((level - 3.0).abs() < 1e-9, "{level}");
    }

    #[test]
    fn a_minute_of_drops_halves_the_level() {
        let minute = Counts { calls: 30, answers: 20, drops: 16 };
        let bad = Known { one_minute: minute, ..known(0, 600.0) };
        let level = level(&settings(Method::HardLimit), Ratio::new(CAP), &bad);
        assert!((level - 1.1).abs() < 1e-9, "{level}");
    }
}
