//! How a campaign file says over which time, and of whom, the abandoned are counted.

use super::campaign::plain_name;
use super::likeness::suggestion;
use super::measure;
use super::reader::{Fields, Value};
use super::shared::SharedRate;
use crate::core::pacing::account::{Denominator, Settings, Window};
use crate::units::{Ratio, Span, Zone};

/// Where a campaign's day begins unless told otherwise.
const ZONE: &str = "Europe/Paris";

/// What is said of a zone nobody knows.
const NO_ZONE: &str = "is no time zone: write an IANA name such as \"Europe/Paris\"";

/// What is said of a proved cap over a rolling window.
const UNPROVED: &str = "rolls, and a strict cap cannot be proved over it: persons who answered \
    leave the window, so calls within the cap when they were dialled may be beyond it when they \
    are answered";

/// What is said of a proved cap that counts the detector's false positives.
const MISTAKEN: &str = "counts machines as abandoned, and a strict cap cannot be proved over \
    them: they come whatever is dialled";

/// The shortest and longest rolling window.
const ROLLING: (Span, Span) = (Span::secs(3_600), Span::secs(90 * 86_400));

/// Of whom the abandoned may be a share.
const DENOMINATORS: [(&str, Denominator); 2] =
    [("persons", Denominator::Persons), ("answers", Denominator::Answers)];

/// Gives the counting of a file that says nothing of it: by the calendar day in Paris.
pub(super) fn usual() -> Settings {
    Settings::calendar_day(Zone::new(ZONE).expect("the bundled zone data has Europe/Paris"))
}

/// Reads the keys of `[abandon]` that say how the share is counted, and the name of the rate if
/// it is shared.
pub(super) fn read(fields: &Fields<'_, '_>, strict: bool) -> (Settings, Option<SharedRate>) {
    let usual = usual();
    let shared = fields
        .get("shared")
        .and_then(|value| Some(SharedRate { line: value.line(), name: value.parse(plain_name)? }));
    let settings = Settings {
        window: fields.or("window", usual.window, window),
        of: fields.or("of", usual.of, |value| value.choice(&DENOMINATORS)),
        false_positives: fields.or("false_positives", usual.false_positives, Value::ratio),
        zone: fields.or("zone", usual.zone, |value| {
            value.parse(|text| Zone::new(text).map_err(|_| NO_ZONE.to_owned()))
        }),
        // The number is given when all campaigns are known.
        shared: None,
    };
    if strict && matches!(settings.window, Window::Rolling(_)) {
        refuse(
            fields,
            "window",
            UNPROVED,
            "take \"day\" or \"campaign\", or guarantee \"expected\"",
        );
    }
    if strict && settings.false_positives > Ratio::new(0.0) {
        let hint = "leave it out, or take guarantee \"expected\"";
        refuse(fields, "false_positives", MISTAKEN, hint);
    }
    (settings, shared)
}

fn refuse(fields: &Fields<'_, '_>, key: &'static str, message: &str, hint: &str) {
    if let Some(value) = fields.get(key) {
        value.error(message, Some(hint.to_owned()));
    }
}

/// Reads `day`, `campaign` or the length of a rolling window.
fn window(value: &Value<'_, '_>) -> Option<Window> {
    if value.text()?.starts_with(|first: char| first.is_ascii_digit()) {
        return value.span_in(ROLLING.0..=ROLLING.1).map(Window::Rolling);
    }
    let text = value.text()?;
    match text {
        "day" => Some(Window::Day),
        "campaign" => Some(Window::Campaign),
        _ => {
            let hint = suggestion(text, ["day", "campaign", "30d"].into_iter());
            value.error(&format!("{text:?} is no choice here"), hint);
            None
        }
    }
}

/// Names a window as the files do.
#[must_use]
pub fn window_word(window: Window) -> String {
    match window {
        Window::Day => "day".to_owned(),
        Window::Campaign => "campaign".to_owned(),
        Window::Rolling(span) => measure::say(span),
    }
}

/// Names a denominator as the files do.
#[must_use]
pub fn denominator_word(of: Denominator) -> &'static str {
    match of {
        Denominator::Persons => "persons",
        Denominator::Answers => "answers",
    }
}
