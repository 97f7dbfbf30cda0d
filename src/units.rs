//! Times, ids, ratios and telephone numbers: the words every other module speaks.
//!
//! Times are the program's own so that a tape can write them down and a simulation can invent
//! them: [`Mono`] measures intervals, [`Wall`] is people's and the law's clock.

use core::{fmt, ops};

use serde::{Deserialize, Serialize};

/// A length of time, in microseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Span(u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest span there is.
    pub const MAX: Self = Self(u64::MAX);

    /// Makes a span of whole microseconds.
    #[must_use]
    pub const fn micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Makes a span of whole milliseconds.
    #[must_use]
    pub const fn millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Makes a span of whole seconds.
    #[must_use]
    pub const fn secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Makes a span from seconds with a fraction; negative and unordered values give zero.
    #[must_use]
    pub fn from_secs_f64(secs: f64) -> Self {
        Self(whole(secs * 1e6))
    }

    /// Gives the length in microseconds.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Gives the length in whole milliseconds, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// Gives the length in seconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
    pub const fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Multiplies by a whole number, stopping at [`Span::MAX`].
    #[must_use]
    pub const fn times(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl ops::Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl ops::AddAssign for Span {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl ops::Sub for Span {
    type Output = Self;
    /// Subtracts, stopping at zero.
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl From<Span> for core::time::Duration {
    fn from(span: Span) -> Self {
        Self::from_micros(span.0)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.0 / 1_000_000, self.0 / 1_000 % 1_000)
    }
}

/// A moment on the monotonic clock, in microseconds since the engine or the simulation started.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Mono(u64);

impl Mono {
    /// The moment the clock started.
    pub const START: Self = Self(0);

    /// Makes a moment from microseconds since the start.
    #[must_use]
    pub const fn micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Gives the microseconds since the start.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Gives the time passed since an earlier moment, zero if it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl ops::Add<Span> for Mono {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

/// A moment of people's time, in microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Wall(i64);

impl Wall {
    /// Makes a moment from microseconds since the Unix epoch.
    #[must_use]
    pub const fn micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Gives the microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Gives the time passed since an earlier moment, zero if it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        let gap = self.0.saturating_sub(earlier.0);
        Span(if gap > 0 { gap.unsigned_abs() } else { 0 })
    }

    /// Gives the beginning of its hour in UTC.
    #[must_use]
    pub const fn hour(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(3_600_000_000)))
    }

    /// Gives the beginning of the stretch of a length that the moment lies in, as stretches follow
    /// each other from the Unix epoch on; the moment itself for a length of zero.
    #[must_use]
    pub fn floor(self, length: Span) -> Self {
        let length = length.as_micros().cast_signed();
        Self(self.0.saturating_sub(self.0.checked_rem_euclid(length).unwrap_or(0)))
    }

    /// Gives the moment as a `jiff` timestamp, held inside the range `jiff` can express.
    #[must_use]
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }
}

impl From<jiff::Timestamp> for Wall {
    fn from(timestamp: jiff::Timestamp) -> Self {
        Self(timestamp.as_microsecond())
    }
}

impl ops::Add<Span> for Wall {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add_unsigned(span.0))
    }
}

impl ops::Sub<Span> for Wall {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub_unsigned(span.0))
    }
}

impl fmt::Display for Wall {
    /// Writes RFC 3339 in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.timestamp())
    }
}

/// One reading of both clocks: intervals by `mono`, law and people's appointments by `wall`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Now {
    /// The monotonic clock.
    pub mono: Mono,
    /// The wall clock.
    pub wall: Wall,
}

impl Now {
    /// Gives the wall time that a monotonic moment has, or will have, if the wall does not jump.
    #[must_use]
    pub fn wall_at(self, moment: Mono) -> Wall {
        if moment >= self.mono {
            self.wall + moment.since(self.mono)
        } else {
            self.wall - self.mono.since(moment)
        }
    }
}

/// Turns a non-negative float into a whole number: rounded to nearest, NaN and negatives give 0.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the one checked place: `as` saturates, and NaN and negatives are ruled out here"
)]
pub fn whole(value: f64) -> u64 {
    if value > 0.0 { libm::round(value) as u64 } else { 0 }
}

/// A share of a whole, 0.0 to 1.0.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratio(f64);

impl Ratio {
    /// Makes a ratio; values outside 0..=1 are held inside it and NaN gives 0.
    #[must_use]
    pub const fn new(value: f64) -> Self {
        Self(if value > 1.0 {
            1.0
        } else if value > 0.0 {
            value
        } else {
            0.0
        })
    }

    /// Gives the value, 0.0 to 1.0.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} %", self.0 * 100.0)
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($inner:ty) $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    )*};
}

ids! {
    /// One campaign.
    CampaignId(u32) "K";
    /// One client company (*commanditaire*), on whose behalf contacts are called.
    ClientId(u32) "P";
    /// One télévendeur.
    AgentId(u32) "A";
    /// One SIP trunk.
    TrunkId(u32) "T";
    /// The called numbers of a campaign that go over the same routes, by its place among them, from
    /// 1; 0 for all others.
    RouteGroup(u16) "X";
    /// One number shown that has limits of its own.
    ShownId(u16) "Y";
    /// One abandon rate that several campaigns share.
    RateId(u32) "R";
    /// One imported list.
    ListId(u64) "F";
    /// One contact: a record of a list.
    ContactId(u64) "L";
    /// One telephone number of one contact; its digits stay in the store.
    NumberId(u64) "N";
    /// One person-slot: one per physical telephone number, whatever the records that hold it.
    PersonId(u64) "S";
    /// One recorded right to call: a consent, or a contract.
    ConsentId(u64) "E";
    /// One disposition (*qualification*) of a campaign, by its place in the campaign's list.
    DispositionId(u16) "D";
    /// One pause code of the centre, by its place in the configured list.
    PauseId(u16) "Z";
    /// One media and signalling leg: a callee's, or an agent's nailed-up one.
    LegId(u64) "G";
    /// One call that came in to a number that campaigns show.
    InboundId(u64) "I";
}

impl Default for RouteGroup {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl RouteGroup {
    /// The numbers that no prefix of the campaign fits.
    pub const DEFAULT: Self = Self(0);

    /// Whether no prefix fits.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::DEFAULT
    }
}

/// One call attempt, unique across nodes: the upper 16 bits name the node, the rest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub u64);

impl CallId {
    /// Makes the id of a node's nth call; `count` keeps its lower 48 bits.
    #[must_use]
    pub const fn of(node: u16, count: u64) -> Self {
        Self((node as u64) << 48 | (count & 0xFFFF_FFFF_FFFF))
    }

    /// Gives the count within the node.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.0 & 0xFFFF_FFFF_FFFF
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "C{}", self.0)
    }
}

/// The IANA name of a time zone, such as `Europe/Paris`; known to the bundled zone data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(std::sync::Arc<str>);

/// The name is no time zone of the bundled zone data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone {0:?}: use an IANA name such as Europe/Paris")]
pub struct UnknownZone(String);

impl Zone {
    /// Looks a zone up by its IANA name.
    ///
    /// # Errors
    /// The bundled zone data has no such zone.
    pub fn new(name: &str) -> Result<Self, UnknownZone> {
        jiff::tz::TimeZone::get(name)
            .map(|_| Self(name.into()))
            .map_err(|_| UnknownZone(name.to_owned()))
    }

    /// Gives the IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Zone {
    type Error = UnknownZone;
    fn try_from(name: String) -> Result<Self, UnknownZone> {
        Self::new(&name)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.0.as_ref().to_owned()
    }
}

/// A country, or a part of one, by its ISO 3166 code: `FR`, `FR-974`, `GB-SCT`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Territory(std::sync::Arc<str>);

/// The text is no ISO 3166 code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no ISO 3166 code: write a country as FR, a part of one as FR-974")]
pub struct NoTerritory(String);

impl Territory {
    /// Reads a code of ISO 3166-1 (two letters) or 3166-2 (a hyphen and one to three letters or
    /// digits behind them); that the code is in use is not checked.
    ///
    /// # Errors
    /// The text has another form.
    pub fn new(code: &str) -> Result<Self, NoTerritory> {
        let (country, part) = code.split_once('-').map_or((code, None), |(a, b)| (a, Some(b)));
        let upper = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        };
        let country = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
        if country && part.is_none_or(|part| (1..=3).contains(&part.len()) && upper(part)) {
            Ok(Self(code.into()))
        } else {
            Err(NoTerritory(code.to_owned()))
        }
    }

    /// Gives the code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0
    }

    /// Gives the country's own code.
    #[must_use]
    pub fn country(&self) -> &str {
        self.0.get(..2).unwrap_or(&self.0)
    }

    /// Whether it is that territory or a part of it.
    #[must_use]
    pub fn lies_in(&self, other: &Self) -> bool {
        self == other || self.country() == other.code()
    }
}

impl TryFrom<String> for Territory {
    type Error = NoTerritory;
    fn try_from(code: String) -> Result<Self, NoTerritory> {
        Self::new(&code)
    }
}

impl From<Territory> for String {
    fn from(territory: Territory) -> Self {
        territory.0.as_ref().to_owned()
    }
}

/// A telephone number in E.164 form (`+` and at most 15 digits, ITU-T E.164 §6).
///
/// `Debug` and `Display` redact it; [`Number::reveal`] gives every digit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(String);

/// The text is no E.164 number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an E.164 number: write + and 4 to 15 digits")]
pub struct NotE164;

impl Number {
    /// Reads a number written as `+` and 4 to 15 digits, with no other sign.
    ///
    /// # Errors
    /// The text has another form.
    pub fn new(text: &str) -> Result<Self, NotE164> {
        let digits = text.strip_prefix('+').ok_or(NotE164)?;
        let fits = (4..=15).contains(&digits.len()) && !digits.starts_with('0');
        if fits && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotE164)
        }
    }

    /// Gives the whole number. Never log this above DEBUG.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Gives its digits behind the `+` as one count, which tells two numbers apart in an eighth of
    /// the room: there are fifteen at most, and the first is no zero. Never log this above DEBUG.
    #[must_use]
    pub fn digits(&self) -> u64 {
        let digits = self.0.bytes().filter(u8::is_ascii_digit);
        digits.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
    }
}

/// How a carrier wants telephone numbers written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberForm {
    /// `+33199001234` (ITU-T E.164 with its plus sign).
    Plus,
    /// `33199001234`.
    Plain,
    /// `0033199001234`.
    DoubleZero,
    /// `0199001234` for French numbers, `00…` for the others.
    NationalFr,
}

impl NumberForm {
    /// Writes a number in this form.
    #[must_use]
    pub fn write(self, number: &Number) -> String {
        let digits = number.reveal().trim_start_matches('+');
        match self {
            Self::Plus => number.reveal().to_owned(),
            Self::Plain => digits.to_owned(),
            Self::DoubleZero => format!("00{digits}"),
            Self::NationalFr => match digits.strip_prefix("33") {
                Some(national) => format!("0{national}"),
                None => format!("00{digits}"),
            },
        }
    }

    /// Reads a number that a carrier tells, written in this form, with a plus sign or with `00`;
    /// visual separators count for nothing (RFC 3966 §5.1.1). `None` if it is no number.
    #[must_use]
    pub fn read(self, text: &str) -> Option<Number> {
        let text: String = text.chars().filter(|sign| !"-.() ".contains(*sign)).collect();
        let whole = if text.starts_with('+') {
            text
        } else if let Some(digits) = text.strip_prefix("00") {
            format!("+{digits}")
        } else if let Some(digits) = text.strip_prefix('0') {
            // Ten digits from 01 on (Arcep, décision 2018-0881).
            let french = self == Self::NationalFr && digits.len() == 9;
            format!("+33{}", Some(digits).filter(|_| french)?)
        } else {
            // Fewer digits may be those of a place, which nobody knows here.
            let whole = self == Self::Plain || text.len() >= 10;
            format!("+{}", Some(text).filter(|_| whole)?)
        };
        Number::new(&whole).ok()
    }
}

impl fmt::Display for Number {
    /// Writes the first three characters and the last two digits: `+33 •••• 78`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tail = self.0.len().saturating_sub(2).max(3);
        write!(f, "{} •••• {}", &self.0[..3], &self.0[tail..])
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_lies_in_itself_and_in_its_country() -> Result<(), NoTerritory> {
        let (france, reunion) = (Territory::new("FR")?, Territory::new("FR-974")?);
        assert!(reunion.lies_in(&france) && reunion.lies_in(&reunion) && france.lies_in(&france));
        assert!(!france.lies_in(&reunion) && !reunion.lies_in(&Territory::new("FR-97")?));
        for wrong in ["", "fr", "FRA", "F", "FR-", "FR-9744", "FR-é", "FR_97", "12"] {
            assert_eq!(Territory::new(wrong), Err(NoTerritory(wrong.to_owned())));
        }
        Ok(())
    }

    #[test]
    fn a_printed_number_hides_its_middle() -> Result<(), NotE164> {
        let number = Number::new("+33199001234")?;
        assert_eq!(format!("{number} {number:?}"), "+33 •••• 34 +33 •••• 34");
        Ok(())
    }

    #[test]
    fn every_carrier_gets_numbers_its_own_way() -> Result<(), NotE164> {
        let (paris, london) = (Number::new("+33199001234")?, Number::new("+442079460001")?);
        for (form, inside, outside) in [
            (NumberForm::Plus, "+33199001234", "+442079460001"),
            (NumberForm::Plain, "33199001234", "442079460001"),
            (NumberForm::DoubleZero, "0033199001234", "00442079460001"),
            (NumberForm::NationalFr, "0199001234", "00442079460001"),
        ] {
            assert_eq!((form.write(&paris), form.write(&london)), (inside.into(), outside.into()));
        }
        Ok(())
    }

    #[test]
    fn what_carriers_write_is_read_back_and_nothing_else() {
        let all =
            [NumberForm::Plus, NumberForm::Plain, NumberForm::DoubleZero, NumberForm::NationalFr];
        for (text, number, by) in [
            ("+33199001234", "+33199001234", &all[..]),
            ("+33-1 99.00(12)34", "+33199001234", &all[..]),
            ("0033199001234", "+33199001234", &all[..]),
            ("33199001234", "+33199001234", &all[..]),
            ("4520012345", "+4520012345", &all[..]),
            ("0199001234", "+33199001234", &[NumberForm::NationalFr]),
            ("299001", "+299001", &[NumberForm::Plain]),
            ("anonymous", "", &[]),
            ("", "", &[]),
        ] {
            for form in all {
                let read = form.read(text).map(|number| number.reveal().to_owned());
                let wanted = by.contains(&form).then(|| number.to_owned());
                assert_eq!(read, wanted, "{text:?} {form:?}");
            }
        }
    }

    #[test]
    fn only_e164_makes_a_number() {
        for bad in ["", "+", "0199001234", "+0199001234", "+33 1", "+1234567890123456", "+331é2"] {
            assert_eq!(Number::new(bad), Err(NotE164), "{bad}");
        }
    }

    #[test]
    fn floats_become_whole_numbers_without_surprise() {
        let cases = [(0.4, 0), (0.5, 1), (-3.0, 0), (f64::NAN, 0), (f64::INFINITY, u64::MAX)];
        for (value, expected) in cases {
            assert_eq!(whole(value), expected, "{value}");
        }
    }

    #[test]
    fn a_call_id_keeps_its_node_and_count_apart() {
        let id = CallId::of(3, 42);
        assert_eq!((id.0 >> 48, id.count()), (3, 42));
    }

    #[test]
    fn wall_time_follows_the_monotonic_clock_both_ways() {
        let now = Now { mono: Mono::micros(50), wall: Wall::micros(1_000) };
        assert_eq!(now.wall_at(Mono::micros(60)), Wall::micros(1_010));
        assert_eq!(now.wall_at(Mono::micros(40)), Wall::micros(990));
    }
}
