//! Who calls whom, as a trunk writes it.

use crate::units::{Number, NumberForm};
use crate::wire::sip::Incoming;

/// What the users of a call that comes in say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// What may be the number called, the likelier first.
    pub(super) to: Vec<Number>,
    /// Who calls, in the trunk's form.
    pub(super) from: Option<Number>,
    /// Who calls, if the number called is French and the caller's written as in France.
    pub(super) national: Option<Number>,
    /// What could not be read, without its digits.
    pub(super) unread: Vec<String>,
}

/// Reads the users of a call in the form its trunk writes, or else as in France or without a plus
/// sign: only a number that campaigns show is answered, so a wrong guess is nobody's.
pub(super) fn read(form: NumberForm, call: &Incoming) -> Told {
    let mut told = Told::default();
    for user in [&call.to, &call.named] {
        for form in [form, NumberForm::NationalFr, NumberForm::Plain] {
            let number = form.read(user).filter(|number| !told.to.contains(number));
            told.to.extend(number);
        }
    }
    if told.to.is_empty() {
        told.unread.push(hidden(&call.to));
    }
    if call.hides {
        return told;
    }
    let users = || call.asserted.iter().chain([&call.from]);
    told.from = users().find_map(|user| form.read(user));
    told.national = users().find_map(|user| NumberForm::NationalFr.read(user));
    if told.from.is_none() && told.national.is_none() {
        let digits = |user: &&String| user.bytes().any(|byte| byte.is_ascii_digit());
        told.unread.extend(users().find(digits).map(|user| hidden(user)));
    }
    told
}

/// Letters of a user from which on its ends tell nobody who it is.
const SHOWN_FROM: usize = 8;

/// Writes the ends of a user and how long it is: `01••••••10`.
fn hidden(user: &str) -> String {
    let signs: Vec<char> = user.chars().collect();
    let (ends, length) = (signs.len() >= SHOWN_FROM, signs.len());
    let kept = |at: usize| ends && (at < 2 || at + 2 >= length);
    let sign = |(at, sign): (usize, &char)| if kept(at) { *sign } else { '•' };
    signs.iter().enumerate().map(sign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::LegId;

    fn call(to: &str, from: &str, hides: bool) -> Incoming {
        Incoming {
            leg: LegId(1),
            agent: None,
            trunk: None,
            to: to.to_owned(),
            named: String::new(),
            from: from.to_owned(),
            asserted: None,
            hides,
            offer: None,
        }
    }

    fn shown(number: Option<Number>) -> Option<String> {
        number.map(|number| number.reveal().to_owned())
    }

    #[test]
    fn numbers_are_read_as_the_trunk_writes_them_and_else_as_in_france() {
        for (form, to, from) in [
            (NumberForm::Plus, "+33162000000", "+33639980042"),
            (NumberForm::Plus, "0162000000", "0639980042"),
            (NumberForm::DoubleZero, "0162000000", "0033639980042"),
            (NumberForm::DoubleZero, "33162000000", "06.39.98.00.42"),
        ] {
            let told = read(form, &call(to, from, false));
            assert_eq!(shown(told.to.first().cloned()).as_deref(), Some("+33162000000"), "{to}");
            let caller = shown(told.from.or(told.national));
            assert_eq!(caller.as_deref(), Some("+33639980042"), "{from}");
            assert_eq!(told.unread, [""; 0]);
        }
    }

    #[test]
    fn whoever_hides_is_nobody_and_what_cannot_be_read_is_told_without_its_digits() {
        let told = read(NumberForm::Plus, &call("+33162000000", "+33639980042", true));
        assert_eq!((told.from, told.national, told.unread.len()), (None, None, 0));
        let told = read(NumberForm::Plus, &call("trunk-7", "0123-45678901", false));
        assert_eq!(told.to, []);
        assert_eq!(told.unread, ["•••••••", "01•••••••••01"]);
        let told = read(NumberForm::Plus, &call("+33162000000", "anonymous", false));
        assert_eq!((told.from, told.unread.len()), (None, 0));
    }
}
