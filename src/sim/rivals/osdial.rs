//! OSDial's rule for the dial level (southskies/osdial, `bin/AST_VDadapt.pl` 2.0.4): VICIdial's
//! integrator with a gentler drop rule, which lowers the level by a thousandth a turn, leaves it
//! alone after a good minute and raises it again after five.

use super::adaptive::{Adaptive, Known, Method};
use super::vici::{pushed, tapered};
use crate::units::Ratio;

/// The smallest level (`VARadapt_min_level`).
const LEVEL_MIN: f64 = 1.0;
/// A step of the drop rule (`VARadapt_overlimit_mod` = 1, in thousandths).
const STEP: f64 = 0.001;

/// Gives the next level.
pub(super) fn level(settings: &Adaptive, cap: Ratio, known: &Known) -> f64 {
    let pushed = pushed(known).clamp(LEVEL_MIN, settings.level_max);
    let level = if known.one_minute.in_panic() {
        known.level * (1.0 - STEP) * 0.75
    } else if known.today.above(cap) {
        match settings.method {
            Method::HardLimit => LEVEL_MIN,
            Method::Average => eased(cap, known),
            Method::Tapered => pushed * tapered(known.left),
        }
    } else {
        pushed
    };
    level.clamp(LEVEL_MIN, settings.level_max)
}

/// The level of a day above its limit, by what the last minutes were like.
fn eased(cap: Ratio, known: &Known) -> f64 {
    let good = |share: f64| share <= cap.get();
    let minute = good(known.one_minute.drops_of_answers());
    match (minute, good(known.five_minutes.drops_of_answers())) {
        (true, true) => known.level * (1.0 + STEP),
        (true, false) => known.level,
        (false, true | false) => known.level * (1.0 - STEP),
    }
}

#[cfg(test)]
mod tests {
    use super::super::adaptive::{Counts, Product};
    use super::*;

    #[test]
    fn above_the_limit_the_last_minutes_decide() {
        let product = Product::Osdial;
        let method = Method::Average;
        let settings = Adaptive { product, method, level_max: 3.0, available_only: false };
        let counts = |calls, drops| Counts { calls, answers: 10, drops };
        let cases = [(0, 0, 2.002), (0, 2, 2.0), (2, 2, 1.998), (16, 16, 1.4985)];
        for (minute, five, expected) in cases {
            let known = Known {
                level: 2.0,
                difference: 4.0,
                agents: 20.0,
                one_minute: counts(30, minute),
                five_minutes: counts(150, five),
                today: counts(400, 4),
                left: 600.0,
            };
            let level = level(&settings, Ratio::new(0.03), &known);
            assert!((level - expected).abs() < 1e-9, "{minute} {five}: {level}");
        }
    }
}
