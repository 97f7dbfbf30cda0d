//! `[respect]`: what a campaign owes to its agents.

use core::ops::RangeInclusive;

use super::reader::Fields;
use crate::core::respect::Settings;
use crate::units::{Ratio, Span};

/// A breath is a matter of seconds; whoever wants more wants a break.
pub const BREATH: RangeInclusive<Span> = Span::ZERO..=Span::secs(600);

/// The lowest ceiling on occupancy: below a half, a rest could be longer than the call before it.
pub const OCCUPANCY_MIN: f64 = 0.5;

/// Reads the table; without it nothing is owed.
pub(super) fn read(root: &Fields<'_, '_>) -> Settings {
    let mut settings = Settings::default();
    let Some(fields) = root.table("respect") else { return settings };
    settings.breath = fields.or("breath", Span::ZERO, |value| value.span_in(BREATH));
    settings.occupancy_max = fields.get("occupancy_max").and_then(|value| {
        let ceiling = value.ratio()?;
        if ceiling < Ratio::new(OCCUPANCY_MIN) {
            let hint = "write one from \"50%\" to \"100%\", such as \"85%\"";
            value.error("is too low a ceiling on occupancy", Some(hint.to_owned()));
        }
        Some(ceiling)
    });
    settings.hard_from = fields.get("hard_from").and_then(|value| value.whole(1..=100));
    fields.finish();
    settings
}
