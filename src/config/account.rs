//! How a campaign file says over which time, and of whom, the abandoned are counted.

use super::measure;
use super::reader::Fields;
use crate::core::pacing::account::{Denominator, Settings, Window};
use crate::units::{Ratio, Span, Zone};

/// Where a campaign's day begins unless told otherwise.
const ZONE: &str = "Europe/Paris";

/// The shortest and longest rolling window.
const ROLLING: (Span, Span) = (Span::secs(3_600), Span::secs(90 * 86_400));

/// Gives the counting of a file that says nothing of it: by the calendar day in Paris.
pub(super) fn usual() -> Settings {
    Settings::calendar_day(Zone::new(ZONE).expect("the bundled zone data has Europe/Paris"))
}

/// Reads the keys of `[abandon]` that say how the share is counted.
pub(super) fn read(fields: &Fields<'_, '_>) -> Settings {
    let usual = usual();
    let words = [("persons", Denominator::Persons), ("answers", Denominator::Answers)];
    Settings {
        window: fields.or("window", usual.window, |value| value.parse(window)),
        of: fields.or("of", usual.of, |value| value.choice(&words)),
        false_positives: fields.or("false_positives", Ratio::new(0.0), |value| value.ratio()),
        zone: fields.or("zone", usual.zone.clone(), |value| {
            value.parse(|text| Zone::new(text).map_err(|unknown| unknown.to_string()))
        }),
    }
}

/// Reads `day`, `campaign` or the length of a rolling window.
fn window(text: &str) -> Result<Window, String> {
    match text.trim() {
        "day" => Ok(Window::Day),
        "campaign" => Ok(Window::Campaign),
        other => match measure::span(other) {
            Ok(span) if (ROLLING.0..=ROLLING.1).contains(&span) => Ok(Window::Rolling(span)),
            Ok(_) | Err(_) => Err(
                "is no window: write \"day\", \"campaign\", or a length of time from \"1h\" to \
                     \"90d\""
                    .to_owned(),
            ),
        },
    }
}
