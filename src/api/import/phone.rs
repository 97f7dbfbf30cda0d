//! A cell of a list → the telephone numbers in it, with their class and zone.
//!
//! What is certain is mended: what a spreadsheet took off or put around, a second number beside the
//! first. What is not is refused, with its reason.

use rlibphonenumber::{
    PHONE_NUMBER_UTIL, ParseError, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region,
    ValidationError,
};

use super::reason::Reason;
use super::{fiction, remark, territory, zones};
use crate::core::fact::NumberClass;
use crate::store::NewNumber;
use crate::units::{Number, Zone};

/// A telephone number as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Phone {
    /// The number, its class and zone.
    pub(super) number: NewNumber,
    /// Whether the cell had to be mended.
    pub(super) repaired: bool,
    /// Whether its zone is that supposed of the whole list.
    pub(super) supposed: bool,
}

/// What a cell holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Phones {
    /// The numbers that are certain.
    pub(super) found: Vec<Phone>,
    /// Why the rest is none; a cell without a digit holds no number and nothing wrong.
    pub(super) wrong: Option<Reason>,
}

/// A cell is no longer than this: two numbers with a remark on each.
const CELL_CHARS_MAX: usize = 200;

/// So many digits are a number, or were to be one; fewer belong to a remark ("poste 12").
const DIGITS_MIN: usize = 6;

/// Digits of a French number behind its zero or +33.
const FRENCH_DIGITS: usize = 9;

/// The French overseas prefixes after the 0, with the country code that reaches them
/// (plan de numérotation, Arcep). 639 98 is kept for fiction in metropolitan France.
const OVERSEAS: [(&str, &str); 14] = [
    ("262", "262"),
    ("263", "262"),
    ("269", "262"),
    ("639", "262"),
    ("692", "262"),
    ("693", "262"),
    ("590", "590"),
    ("690", "590"),
    ("691", "590"),
    ("594", "594"),
    ("694", "594"),
    ("596", "596"),
    ("696", "596"),
    ("697", "596"),
];

/// The country codes of overseas France whose numbers have nine digits behind them.
const OVERSEAS_CODES: [&str; 4] = ["262", "590", "594", "596"];

/// The country code whose numbers keep the zero they begin with.
const ITALY: &str = "39";

/// The country code of French Guiana.
const GUIANA: &str = "594";

/// Saint-Pierre-et-Miquelon is called as 0508 and six digits, and abroad as +508 and those six.
const MIQUELON: &str = "508";

/// Numbers that cost their caller more than a call (Arcep, décision 2018-0881: 089).
const PREMIUM: &str = "+3389";

/// Country codes near to France, and of its Pacific islands, whose numbers have six digits: with
/// the code they are as long as a French number that lost its zero. Of others that short, 298 and
/// 299, nobody has numbers in a French list, and Finistère and Rennes have theirs there.
const NEIGHBORS: [&str; 5] = ["352", "376", "681", "687", "689"];

/// The number of every form's example.
const EXAMPLE: &str = "+33123456789";

/// So many zeros at the end of a number whose digits had to be put back are those of `3,36E+10`.
const ZEROS_LOST: &str = "00000";

/// What tells more of a number than its own digits do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hints<'a> {
    /// The country of numbers without a country code.
    pub(super) region: Region,
    /// The person's own zone, which the record tells.
    pub(super) zone: Option<&'a Zone>,
    /// The zone of numbers that do not tell theirs.
    pub(super) supposed: Option<&'a Zone>,
    /// The person's postal code.
    pub(super) postal_code: Option<&'a str>,
}

impl Hints<'_> {
    /// Knows the country alone.
    pub(super) fn of(region: Region) -> Self {
        Self { region, zone: None, supposed: None, postal_code: None }
    }
}

/// Reads a cell.
pub(super) fn read(cell: &str, hints: Hints<'_>) -> Phones {
    let refused = |reason| Phones { found: Vec::new(), wrong: Some(reason) };
    let (text, mended) = plain(cell);
    if lost(&text) {
        return refused(Reason::NumberLost);
    }
    if !text.contains(|c: char| c.is_ascii_digit()) {
        return Phones::default();
    }
    if text.chars().count() > CELL_CHARS_MAX {
        return refused(Reason::NumberLong);
    }
    let (text, taken) = remark::undated(&text);
    if taken > 0 && digits_of(&text) < DIGITS_MIN {
        return refused(Reason::NumberOther);
    }
    let mut read = undated(&text, mended || taken > 0, hints);
    if taken >= DIGITS_MIN {
        read.wrong = read.wrong.or(Some(Reason::NumberOther));
    }
    read
}

/// Reads a text without dates.
fn undated(text: &str, mended: bool, hints: Hints<'_>) -> Phones {
    if text.contains(char::is_alphabetic) {
        return beside_words(text, hints);
    }
    match one(text, hints) {
        Ok(phone) => {
            let repaired = phone.repaired || mended;
            Phones { found: vec![Phone { repaired, ..phone }], wrong: None }
        }
        Err(reason) => {
            let parts = parts(text, hints);
            // Where every part is a number, so is one that lost its zero.
            let all = parts.len() > 1 && parts.iter().all(Result::is_ok);
            let read = gather(parts, all);
            let wrong = read.wrong.or(Some(reason));
            if read.found.is_empty() { Phones { wrong, ..read } } else { read }
        }
    }
}

/// Reads the numbers of a cell with words in it: only those that are whole, because a letter may
/// stand for a digit.
fn beside_words(text: &str, hints: Hints<'_>) -> Phones {
    let read = gather(parts(text, hints), false);
    let telling =
        [Reason::NumberPremium, Reason::NumberOther, Reason::ZoneUnknown, Reason::CountryUnknown];
    if !read.found.is_empty() || read.wrong.is_some_and(|reason| telling.contains(&reason)) {
        return read;
    }
    Phones { wrong: Some(Reason::NumberLetters), ..read }
}

/// Keeps the numbers among the parts of a cell, and why another part is none.
fn gather(parts: Vec<Result<Phone, Reason>>, guesses: bool) -> Phones {
    let mut read = Phones::default();
    for part in parts {
        match part {
            Ok(phone) if guesses || !phone.repaired => {
                read.found.push(Phone { repaired: true, ..phone });
            }
            Ok(_) => read.wrong = read.wrong.or(Some(Reason::NumberShort)),
            Err(reason) => read.wrong = read.wrong.or(Some(reason)),
        }
    }
    read
}

/// Takes a cell apart where a second number may begin, and reads each part.
fn parts(text: &str, hints: Hints<'_>) -> Vec<Result<Phone, Reason>> {
    let apart = [" - ", " / ", ", "]
        .iter()
        .fold(text.replace('+', ";+"), |text, sign| text.replace(sign, ";"));
    let (coarse, left_out) = remark::parts(&apart, DIGITS_MIN);
    let mut read = Vec::new();
    for part in coarse {
        let whole = one(part, hints);
        let fine = if whole.is_err() { finer(part) } else { Vec::new() };
        if fine.is_empty() {
            read.push(whole);
        } else {
            read.extend(fine.iter().map(|part| one(part, hints)));
        }
    }
    if left_out {
        read.push(Err(Reason::NumberOther));
    }
    read
}

/// Takes a part that is no number apart once more: French numbers one behind the other, or signs
/// that also stand between the pairs of a number.
fn finer(part: &str) -> Vec<String> {
    let digits: String = part.chars().filter(char::is_ascii_digit).collect();
    let tens: Vec<_> =
        (0..digits.len()).step_by(10).filter_map(|at| digits.get(at..at + 10)).collect();
    let french = tens.len() > 1 && tens.iter().all(|ten| ten.starts_with('0'));
    if french && tens.len() * 10 == digits.len() {
        return tens.into_iter().map(str::to_owned).collect();
    }
    let fine = part.split(['/', ',', '\\']).filter(|part| digits_of(part) >= DIGITS_MIN);
    fine.filter(|fine| *fine != part).map(str::to_owned).collect()
}

fn digits_of(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// Takes off what spreadsheets put around numbers (`="06…"`, `'06…`, `.0`), and writes blanks and
/// dashes plainly; tells whether anything was taken off.
fn plain(cell: &str) -> (String, bool) {
    let cell = cell.trim();
    let inner = cell.strip_prefix('=').filter(|rest| rest.starts_with('"')).unwrap_or(cell);
    let inner = inner.trim_matches(['"', '\'', '’', '`']);
    let text: String = inner.chars().filter_map(sign).collect();
    let text = text.trim();
    let integer = text.split_once(['.', ',']).filter(|(digits, zeros)| {
        let all = |text: &str, of: fn(&u8) -> bool| text.as_bytes().iter().all(of);
        all(digits, u8::is_ascii_digit) && digits.len() > 8 && matches!(*zeros, "0" | "00")
    });
    let whole = integer.map_or(text, |(digits, _)| digits);
    (whole.to_owned(), inner.len() != cell.len() || integer.is_some())
}

/// Writes a sign plainly; `None` if it cannot be seen.
fn sign(sign: char) -> Option<char> {
    match sign {
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => None,
        '\u{ad}' | '\u{feff}' => None,
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Some('-'),
        '·' | '•' | '∙' => Some('.'),
        '⁄' | '∕' => Some('/'),
        '\n' | '\r' => Some('\n'),
        _ if sign.is_whitespace() => Some(' '),
        _ => Some(sign),
    }
}

/// Tells whether a spreadsheet wrote something else than the digits: `3,36E+10`, `####`, `#N/A`, or
/// the result of +33-6… taken for a sum.
fn lost(text: &str) -> bool {
    let figures = |text: &str, also: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || also.contains(c))
    };
    let compact: String = text.chars().filter(|c| *c != ' ').collect();
    let power = compact.split_once(['E', 'e']).is_some_and(|(mantissa, exponent)| {
        let mantissa = mantissa.trim_start_matches(['=', '+', '-']);
        figures(mantissa, ".,") && figures(exponent.trim_start_matches(['+', '-']), "")
    });
    let sum = compact
        .strip_prefix('-')
        .is_some_and(|rest| figures(rest, "") && !rest.starts_with('0') && !text.contains(' '));
    power || sum || (text.starts_with('#') && digits_of(text) < DIGITS_MIN)
}

/// Reads a text that is one number and nothing else; it is repaired if digits were put back.
fn one(text: &str, hints: Hints<'_>) -> Result<Phone, Reason> {
    let region = hints.region;
    let (abroad, digits) = compact(text);
    let foreign = || {
        let bare = !abroad && !digits.starts_with('0');
        bare && parse(&format!("+{digits}"), region).is_ok_and(|number| number.is_valid())
    };
    let written = if abroad {
        Ok((international(&digits), false))
    } else if region == Region::FR {
        french(&digits)
    } else {
        Ok((digits.clone(), false))
    };
    let read = written.and_then(|(text, repaired)| {
        let number = parse(&text, region).and_then(assigned)?;
        let bare = !abroad && !digits.starts_with('0');
        let lost = bare && number.format_as(PhoneNumberFormat::National).starts_with('0');
        Ok((number, repaired || lost))
    });
    let (parsed, repaired) = match read {
        Err(Reason::NumberShort | Reason::NumberLong | Reason::NumberUnassigned) if foreign() => {
            return Err(Reason::NumberForeign);
        }
        read => read?,
    };
    let e164 = parsed.format_as(PhoneNumberFormat::E164);
    let number = Number::new(&e164).map_err(|_| Reason::NumberUnassigned)?;
    if repaired && e164.ends_with(ZEROS_LOST) {
        return Err(Reason::NumberLost);
    }
    let known = hints.zone.cloned().or_else(|| zones::usual_zone(&number));
    let supposed = known.is_none();
    let zone =
        known.or_else(|| hints.supposed.filter(|zone| zones::possible(&number, zone)).cloned());
    let zone = zone.ok_or(Reason::ZoneUnknown)?;
    let territory = territory::of_parsed(&parsed, &e164, hints.postal_code);
    let class = class(&parsed, &e164);
    Ok(Phone { number: NewNumber { number, zone, territory, class }, repaired, supposed })
}

/// Gives the digits of a text, and whether they begin with a country code: what follows `+` or 00.
/// A zero in brackets behind that is dialled within the country only, but in Italy, whose numbers
/// keep it (ITU-T E.129, +39): without it a landline of Varese is a stranger's mobile.
fn compact(text: &str) -> (bool, String) {
    let open = text.trim_start_matches(['(', ' ']);
    let plus = open.starts_with('+');
    let text = match open.split_once("(0)") {
        Some((code, rest)) if plus || open.starts_with("00") => {
            let code: String = code.chars().filter(char::is_ascii_digit).collect();
            let zero = if code.trim_start_matches('0') == ITALY { "0" } else { "" };
            format!("{}{code}{zero}{rest}", if plus { "+" } else { "" })
        }
        Some(_) | None => open.to_owned(),
    };
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix("00") {
        Some(digits) if !plus => (true, digits.to_owned()),
        Some(_) | None => (plus, digits),
    }
}

/// Writes digits that begin with a country code; overseas France has codes of its own.
fn international(digits: &str) -> String {
    let national = digits.strip_prefix("33").map(|rest| rest.trim_start_matches('0'));
    match national.filter(|national| national.len() == FRENCH_DIGITS) {
        Some(national) => reached(national),
        None => format!("+{digits}"),
    }
}

/// Writes a French number internationally, and tells whether digits had to be put back.
fn french(digits: &str) -> Result<(String, bool), Reason> {
    let behind = |start: &str| {
        let rest = digits.strip_prefix(start)?;
        (rest.len() == FRENCH_DIGITS && !rest.starts_with('0')).then_some(rest)
    };
    if let Some(national) = behind("0") {
        return Ok((reached(national), false));
    }
    if let Some(national) = behind("").or_else(|| behind("33")).or_else(|| behind("330")) {
        return if is_neighbors(digits) {
            Err(Reason::NumberForeign)
        } else {
            Ok((reached(national), true))
        };
    }
    let overseas = OVERSEAS
        .iter()
        .any(|(prefix, code)| behind(code).is_some_and(|national| national.starts_with(prefix)));
    match digits.len() {
        _ if overseas => Ok((format!("+{digits}"), true)),
        0..=FRENCH_DIGITS => Err(Reason::NumberShort),
        10 => Err(Reason::NumberUnassigned),
        _ => Err(Reason::NumberLong),
    }
}

/// Tells whether digits may as well be a neighbor's number with its country code.
fn is_neighbors(digits: &str) -> bool {
    digits.len() == FRENCH_DIGITS
        && NEIGHBORS.iter().any(|code| digits.starts_with(code))
        && parse(&format!("+{digits}"), Region::FR).is_ok_and(|number| number.is_valid())
}

/// Writes nine French digits with the country code that reaches them.
fn reached(national: &str) -> String {
    let fiction = national.starts_with(fiction::MOBILE);
    let code = OVERSEAS.iter().find(|(prefix, _)| national.starts_with(prefix) && !fiction);
    match national.strip_prefix(MIQUELON) {
        Some(rest) => format!("+{MIQUELON}{rest}"),
        None => format!("+{}{national}", code.map_or("33", |(_, code)| *code)),
    }
}

fn parse(text: &str, region: Region) -> Result<PhoneNumber, Reason> {
    PHONE_NUMBER_UTIL.parse(text, Some(region)).map_err(|error| match error {
        ParseError::InvalidCountryCode => Reason::CountryUnknown,
        ParseError::TooShortAfterIdd | ParseError::TooShortNsn => Reason::NumberShort,
        ParseError::TooLongNsn => Reason::NumberLong,
        ParseError::NotANumber(_) => Reason::NumberUnassigned,
    })
}

/// Gives the number if a person may have it.
fn assigned(number: PhoneNumber) -> Result<PhoneNumber, Reason> {
    let e164 = number.format_as(PhoneNumberFormat::E164);
    let kind = number.get_type();
    let costly = [PhoneNumberType::PremiumRate, PhoneNumberType::SharedCost].contains(&kind);
    if costly || e164.starts_with(PREMIUM) {
        return Err(Reason::NumberPremium);
    }
    if e164 == EXAMPLE {
        return Err(Reason::NumberUnassigned);
    }
    // A number of some kind is a valid one: asking would find the kind once more.
    let valid = fiction::kept(&e164) || kind != PhoneNumberType::Unknown;
    // Every 09 is valid in metropolitan France, also where the block is of an overseas department.
    let there = if valid && !e164.starts_with("+339") { None } else { e164.strip_prefix("+33") };
    if let Some(there) = there.and_then(overseas) {
        return Ok(there);
    }
    if valid {
        return Ok(number);
    }
    Err(match number.is_possible_with_reason() {
        Err(ValidationError::TooShort) => Reason::NumberShort,
        Err(ValidationError::TooLong) => Reason::NumberLong,
        Err(ValidationError::InvalidCountryCode) => Reason::CountryUnknown,
        Ok(_) | Err(_) => Reason::NumberUnassigned,
    })
}

/// Gives a French number with the code of the overseas department whose block it is in, such as
/// 0709 35, 0947 5 or 0976 2. French Guiana is told all of 0976 here, and has what nobody else has.
fn overseas(national: &str) -> Option<PhoneNumber> {
    let of = |code: &&str| {
        parse(&format!("+{code}{national}"), Region::FR).ok().filter(PhoneNumber::is_valid)
    };
    let (guiana, others): (Vec<&str>, Vec<&str>) =
        OVERSEAS_CODES.iter().partition(|code| **code == GUIANA);
    let mut there: Vec<_> = others.iter().filter_map(of).collect();
    if there.is_empty() {
        there.extend(guiana.iter().filter_map(of));
    }
    if there.len() == 1 { there.pop() } else { None }
}

fn class(number: &PhoneNumber, e164: &str) -> NumberClass {
    let class = number.get_type();
    if class == PhoneNumberType::FixedLine {
        NumberClass::Fixed
    } else if class == PhoneNumberType::Mobile || fiction::is_mobile(e164) {
        NumberClass::Mobile
    } else {
        NumberClass::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told = (String, NumberClass, String, bool);

    /// Reads a French cell that holds one number, or gives why it holds none.
    fn fr(cell: &str) -> Result<Told, Option<Reason>> {
        let read = read(cell, Hints::of(Region::FR));
        let [phone] = read.found.as_slice() else { return Err(read.wrong) };
        let number = &phone.number;
        let zone = number.zone.name().to_owned();
        Ok((number.number.reveal().to_owned(), number.class, zone, phone.repaired))
    }

    fn all(cell: &str) -> (Vec<String>, Option<Reason>) {
        let read = read(cell, Hints::of(Region::FR));
        let number = |phone: &Phone| phone.number.number.reveal().to_owned();
        (read.found.iter().map(number).collect(), read.wrong)
    }

    #[test]
    fn french_numbers_are_read_in_every_dress() {
        let cells = [
            ("01 99 00 12 34", false),
            ("01.99.00.12.34", false),
            ("01/99/00/12/34", false),
            ("01,99,00,12,34", false),
            ("01\u{2011}99\u{2011}00\u{2011}12\u{2011}34", false),
            ("(01) 99 00 12 34", false),
            ("+33 (0)1 99 00 12 34", false),
            ("(+33) 1 99 00 12 34", false),
            ("0033199001234", false),
            ("00 33 (0) 199 001 234", false),
            ("01\u{202f}99\u{a0}00 12 34", false),
            ("\u{202a}01 99 00 12 34\u{202c}", false),
            ("199001234", true),
            ("199001234.0", true),
            ("33199001234,00", true),
            ("33199001234", true),
            ("330199001234", true),
            ("=\"0199001234\"", true),
            ("'0199001234", true),
            ("Tél. : 01 99 00 12 34", true),
            ("01 99 00 12 34 (standard, poste 12)", true),
        ];
        for (cell, repaired) in cells {
            let expected =
                ("+33199001234".into(), NumberClass::Fixed, "Europe/Paris".into(), repaired);
            assert_eq!(fr(cell), Ok(expected), "{cell}");
        }
    }

    #[test]
    fn numbers_kept_for_fiction_are_mobile_and_metropolitan() {
        let expected = ("+33639981234".into(), NumberClass::Mobile, "Europe/Paris".into(), false);
        assert_eq!(fr("06 39 98 12 34"), Ok(expected));
    }

    #[test]
    fn overseas_numbers_have_their_own_country_and_zone() {
        let cells = [
            ("0262 20 12 34", "+262262201234", "Indian/Reunion"),
            ("0692 20 12 34", "+262692201234", "Indian/Reunion"),
            ("+33 692 20 12 34", "+262692201234", "Indian/Reunion"),
            ("692201234", "+262692201234", "Indian/Reunion"),
            ("262692201234", "+262692201234", "Indian/Reunion"),
            ("0639 20 12 34", "+262639201234", "Indian/Mayotte"),
            ("0709 35 12 34", "+262709351234", "Indian/Mayotte"),
            ("0590 20 12 34", "+590590201234", "America/Guadeloupe"),
            ("0694 20 12 34", "+594694201234", "America/Cayenne"),
            ("0696 20 12 34", "+596696201234", "America/Martinique"),
            ("0508 41 12 34", "+508411234", "America/Miquelon"),
            ("0976 22 33 44", "+262976223344", "Indian/Reunion"),
            ("0947 91 23 45", "+262947912345", "Indian/Reunion"),
            ("0976 01 23 45", "+590976012345", "America/Guadeloupe"),
            ("0976 61 23 45", "+596976612345", "America/Martinique"),
            ("0972 12 34 56", "+33972123456", "Europe/Paris"),
        ];
        for (cell, number, zone) in cells {
            let read = fr(cell).map(|(number, _, zone, _)| (number, zone));
            assert_eq!(read, Ok((number.into(), zone.into())), "{cell}");
        }
    }

    #[test]
    fn italy_keeps_the_zero_that_others_dial_within_the_country_only() {
        for (cell, number) in [
            ("+39 (0)332 281234", "+390332281234"),
            ("0039 (0)341 123456", "+390341123456"),
            ("+44 (0)20 7946 0123", "+442079460123"),
            ("+33 (0)1 99 00 12 34", "+33199001234"),
        ] {
            assert_eq!(all(cell), (vec![number.to_owned()], None), "{cell}");
        }
    }

    #[test]
    fn two_numbers_in_a_cell_are_two_numbers() {
        let (first, second) = ("+33199001234", "+33639981234");
        for cell in [
            "01 99 00 12 34 / 06 39 98 12 34",
            "01 99 00 12 34 ou 06.39.98.12.34",
            "0199001234\n0639981234",
            "0199001234/0639981234",
            "0199001234 0639981234",
            "+33199001234 +33639981234",
            "199001234;639981234",
            "bureau 01 99 00 12 34, portable 06 39 98 12 34",
        ] {
            assert_eq!(all(cell), (vec![first.to_owned(), second.to_owned()], None), "{cell}");
        }
        assert_eq!(all("01 99 00 12 34/35"), (vec![first.to_owned()], None));
        let rest = (vec![first.to_owned()], Some(Reason::NumberShort));
        assert_eq!(all("01 99 00 12 34 / 06 39 98"), rest);
        assert_eq!(all("0199001/234567890"), (vec![], Some(Reason::NumberShort)));
    }

    #[test]
    fn what_cannot_be_known_is_refused_with_its_reason() {
        for (cell, reason) in [
            ("3,36E+10", Reason::NumberLost),
            ("1.99001E+08", Reason::NumberLost),
            ("3,36 e10", Reason::NumberLost),
            ("=3,36E+10", Reason::NumberLost),
            ("########", Reason::NumberLost),
            ("-199001201", Reason::NumberLost),
            ("01 99 00 12", Reason::NumberShort),
            ("019900123", Reason::NumberShort),
            ("3949", Reason::NumberShort),
            ("01 99 00 12 34 5", Reason::NumberLong),
            ("73282932000074", Reason::NumberLong),
            ("O1 99 00 12 34", Reason::NumberLetters),
            ("O6 39 98 12 34", Reason::NumberLetters),
            ("01 99 OO 12 34", Reason::NumberLetters),
            ("00 00 00 00 00", Reason::CountryUnknown),
            ("+999 1234567", Reason::CountryUnknown),
            ("1234567890", Reason::NumberUnassigned),
            ("07 00 12 34 56", Reason::NumberUnassigned),
            ("32475123456", Reason::NumberForeign),
            ("442079460123", Reason::NumberForeign),
            ("0899 12 34 56", Reason::NumberPremium),
            ("+33 892 12 34 56", Reason::NumberPremium),
            ("service 0 820 12 34 56", Reason::NumberPremium),
            ("+1 850 555 0123", Reason::ZoneUnknown),
        ] {
            assert_eq!(fr(cell), Err(Some(reason)), "{cell}");
        }
        for nothing in ["néant", "-", "N/C", "à demander"] {
            assert_eq!(fr(nothing), Err(None), "{nothing}");
        }
    }

    #[test]
    fn a_date_a_fax_or_a_reference_beside_a_number_is_no_second_number() {
        let number = "+33639980001";
        for cell in [
            "06 39 98 00 01 (rappeler le 05/11/25 14:30)",
            "06 39 98 00 01 rappeler le 05/11/2025 10h",
            "06 39 98 00 01 - 05/11/25 14:30",
            "06 39 98 00 01, réf 0412345678",
            "Tél 06 39 98 00 01 Fax 01 99 00 00 02",
            "06 39 98 00 01 / fax : 01 99 00 00 02",
            "06 39 98 00 01 (port.) 01 99 00 00 02 (fax)",
            "06 39 98 00 01 né le 12051980 0412345678",
            "06 39 98 00 01 N° client 0412345678",
        ] {
            assert_eq!(all(cell), (vec![number.to_owned()], Some(Reason::NumberOther)), "{cell}");
        }
        for cell in [
            "05/11/25 14:30",
            "05/11/2025 10h",
            "2025-11-05 14:30:00",
            "05.11.2025 10",
            "réf 0412345678",
            "fax 01 99 00 00 02",
            "01 99 00 00 02 (fax)",
            "ancien numéro : 01 99 00 00 02",
        ] {
            assert_eq!(fr(cell), Err(Some(Reason::NumberOther)), "{cell}");
        }
        for cell in ["06 39 98 00 01 après 18h", "tél/fax 06 39 98 00 01"] {
            assert_eq!(all(cell), (vec![number.to_owned()], None), "{cell}");
        }
    }

    #[test]
    fn digits_that_cannot_be_put_back_for_certain_are_not() {
        for (cell, reason) in [
            ("33600000000", Reason::NumberLost),
            ("612300000", Reason::NumberLost),
            ("33612300000", Reason::NumberLost),
            ("352431234", Reason::NumberForeign),
            ("687271234", Reason::NumberForeign),
            ("123456789", Reason::NumberUnassigned),
            ("0123456789", Reason::NumberUnassigned),
        ] {
            assert_eq!(fr(cell), Err(Some(reason)), "{cell}");
        }
        for (cell, number) in [
            ("06 12 30 00 00", "+33612300000"),
            ("612340000", "+33612340000"),
            ("298443322", "+33298443322"),
            ("299443322", "+33299443322"),
            ("0687271234", "+33687271234"),
            ("491234567", "+33491234567"),
        ] {
            assert_eq!(all(cell), (vec![number.to_owned()], None), "{cell}");
        }
    }

    #[test]
    fn a_lists_zone_is_supposed_only_of_numbers_that_do_not_tell_theirs()
    -> Result<(), Box<dyn std::error::Error>> {
        let (york, paris) = (Zone::new("America/New_York")?, Zone::new("Europe/Paris")?);
        let american = Hints { supposed: Some(&york), ..Hints::of(Region::US) };
        let own = Hints { zone: Some(&paris), ..american };
        for (cell, hints, zone) in [
            ("+33 1 99 00 12 34", american, Ok("Europe/Paris")),
            ("+262 692 20 12 34", american, Ok("Indian/Reunion")),
            ("(310) 555-0123", american, Ok("America/Los_Angeles")),
            ("(808) 555-0123", american, Ok("Pacific/Honolulu")),
            ("(850) 555-0123", american, Ok("America/New_York")),
            ("(928) 555-0123", american, Err(Reason::ZoneUnknown)),
            ("(310) 555-0123", own, Ok("Europe/Paris")),
        ] {
            let read = read(cell, hints);
            let found = read.found.first().map(|phone| phone.number.zone.name());
            assert_eq!(found.ok_or(read.wrong), zone.map_err(Some), "{cell}");
        }
        Ok(())
    }

    #[test]
    fn other_regions_are_read_as_theirs() {
        for (cell, region, number, zone, repaired) in [
            ("020 7946 0123", Region::GB, "+442079460123", "Europe/London", false),
            ("2079460123", Region::GB, "+442079460123", "Europe/London", true),
            ("(202) 555-0123", Region::US, "+12025550123", "America/New_York", false),
            ("0033199001234", Region::US, "+33199001234", "Europe/Paris", false),
        ] {
            let read = read(cell, Hints::of(region));
            let [phone] = read.found.as_slice() else { panic!("{cell}: {read:?}") };
            assert_eq!((phone.number.number.reveal(), phone.repaired), (number, repaired));
            assert_eq!(phone.number.zone.name(), zone, "{cell}");
        }
    }
}
