//! What else stands in a telephone cell: dates, times of day, fax numbers, references. Their digits
//! may well look like somebody's number.

/// Words before digits that are no number to call: a fax, a reference, a birthday, a number that
/// is none any more. As [`plain`](super::columns::plain) writes them.
const NOT_TO_CALL: &str = "fax telecopie telecopieur telefax ref refs reference dossier \
    contrat facture commande devis n_client no_client numero_client code_client matricule \
    siret siren rcs tva naf ape iban rib compte cb carte secu nir id code cp bp ne nee \
    naissance rappel rappeler rappele rappels rdv date heure order account customer_number \
    customer_no invoice vat callback born dob since depuis";

/// Words that take a number out of use, whatever stands beside them.
const OUT_OF_USE: &str = "ancien ancienne anciens faux fausse pas plus errone erronee mauvais hs \
    resilie resiliee old wrong not former opposition";

/// Words that make digits a number to call, even beside one of [`NOT_TO_CALL`]: "tél/fax".
const TO_CALL: &str = "tel tels telephone telephones phone portable port mobile mob gsm fixe \
    cellulaire cell ligne standard";

/// Words behind a number that make it a fax.
const FAX: &str = "fax telecopie telecopieur telefax";

/// Digits, the signs between them, and the words before them.
struct Part<'t> {
    before: String,
    digits: &'t str,
}

/// Takes a text apart where letters or signs end a number; gives the parts with at least
/// `digits_min` digits, and whether others were left out because of the words beside them.
pub(super) fn parts(text: &str, digits_min: usize) -> (Vec<&str>, bool) {
    let (parts, behind) = cut(text, digits_min);
    let (mut kept, mut opened) = (Vec::new(), false);
    for (place, part) in parts.iter().enumerate() {
        let own = bracketed(&part.before, opened).1;
        opened = part.digits.trim_end().ends_with('(');
        let next = parts.get(place + 1);
        let after = next.map_or(behind.as_str(), |next| bracketed(&next.before, opened).0);
        if !no_call(own) && !any(after, FAX) {
            kept.push(part.digits);
        }
    }
    let left_out = kept.len() < parts.len();
    (kept, left_out)
}

/// Parts what stands in brackets that were opened before from what follows them.
fn bracketed(words: &str, opened: bool) -> (&str, &str) {
    if opened { words.split_once(')').unwrap_or((words, "")) } else { ("", words) }
}

fn cut(text: &str, digits_min: usize) -> (Vec<Part<'_>>, String) {
    let (mut parts, mut before) = (Vec::new(), String::new());
    let ends = |c: char| c.is_alphabetic() || ";|&\n".contains(c);
    for piece in text.split_inclusive(ends) {
        let body = piece.trim_end_matches(ends);
        if body.bytes().filter(u8::is_ascii_digit).count() >= digits_min {
            parts.push(Part { before: std::mem::take(&mut before), digits: body });
        } else {
            before.push_str(body);
        }
        before.push_str(piece.get(body.len()..).unwrap_or_default());
    }
    (parts, before)
}

/// Tells whether words forbid to call the number behind them.
fn no_call(words: &str) -> bool {
    any(words, OUT_OF_USE) || (any(words, NOT_TO_CALL) && !any(words, TO_CALL))
}

fn any(words: &str, known: &str) -> bool {
    let words = format!("_{}_", super::columns::plain(words));
    known.split_whitespace().any(|known| words.contains(&format!("_{known}_")))
}

/// Takes dates and times of day out of a text, and tells how many digits they had.
pub(super) fn undated(text: &str) -> (String, usize) {
    if !text.contains(['.', '/', '-', ':', 'h', 'H']) {
        return (text.to_owned(), 0);
    }
    let signs: Vec<char> = text.chars().collect();
    let (mut plain, mut taken, mut at) = (String::new(), 0, 0);
    while let Some(sign) = signs.get(at) {
        let rest = signs.get(at..).unwrap_or_default();
        let mut before = plain.chars().rev();
        let inside = match before.next() {
            Some('+') => true,
            Some('.' | '/' | '-' | ':') => before.next().is_some_and(|sign| sign.is_ascii_digit()),
            before => before.is_some_and(|sign| sign.is_ascii_digit()),
        };
        match date(rest).or_else(|| clock(rest)).filter(|_| sign.is_ascii_digit() && !inside) {
            Some(length) => {
                let gone = rest.iter().take(length);
                taken += gone.filter(|sign| sign.is_ascii_digit()).count();
                plain.push(';');
                at += length;
            }
            None => {
                plain.push(*sign);
                at += 1;
            }
        }
    }
    (plain, taken)
}

/// Gives the length of the date a text begins with: 5/11/25, 05.11.2025, 2025-11-05.
fn date(signs: &[char]) -> Option<usize> {
    let (first, one) = figures(signs)?;
    let sign = *signs.get(one).filter(|sign| "./-".contains(**sign))?;
    let (second, two) = figures(signs.get(one + 1..)?)?;
    let at = one + 1 + two;
    if *signs.get(at)? != sign {
        return None;
    }
    let (third, three) = figures(signs.get(at + 1..)?)?;
    let end = at + 1 + three;
    let goes_on =
        signs.get(end) == Some(&sign) && signs.get(end + 1).is_some_and(char::is_ascii_digit);
    let year = |value: u32, length: usize| length == 4 && (1900..2100).contains(&value);
    let months = |one: u32, two: u32| {
        (1..=31).contains(&one) && (1..=31).contains(&two) && (one <= 12 || two <= 12)
    };
    let short = one <= 2 && two <= 2 && months(first, second);
    let is_date = (short && (three == 2 || year(third, three)))
        || (year(first, one) && two <= 2 && three <= 2 && months(second, third));
    (is_date && !goes_on).then_some(end)
}

/// Gives the length of the time of day a text begins with: 14:30, 14:30:00, 9h, 10 h 30.
fn clock(signs: &[char]) -> Option<usize> {
    let (_, mut end) = figures(signs).filter(|(hour, length)| *hour <= 24 && *length <= 2)?;
    let sixtieth = |from: usize| {
        let (value, length) = signs.get(from..).and_then(figures)?;
        (value < 60 && length == 2).then_some(from + length)
    };
    if signs.get(end) == Some(&':') {
        end = sixtieth(end + 1)?;
        if signs.get(end) == Some(&':') {
            end = sixtieth(end + 1)?;
        }
        return (signs.get(end) != Some(&':')).then_some(end);
    }
    end += usize::from(signs.get(end) == Some(&' '));
    let hour = matches!(signs.get(end), Some('h' | 'H'));
    let word = signs.get(end + 1).is_some_and(|sign| sign.is_alphabetic());
    (hour && !word).then(|| sixtieth(end + 1).unwrap_or(end + 1))
}

/// Gives the number a text begins with and its length, four digits at most.
fn figures(signs: &[char]) -> Option<(u32, usize)> {
    let digits: String = signs.iter().take_while(|sign| sign.is_ascii_digit()).take(5).collect();
    let value = digits.parse().ok().filter(|_| digits.len() <= 4)?;
    Some((value, digits.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_of_day_are_taken_out_and_numbers_stay() {
        for (text, rest) in [
            ("06 39 98 00 01 (rappeler le 05/11/25 14:30)", "06 39 98 00 01 (rappeler le ; ;)"),
            ("06 39 98 00 01 - 05/11/2025 10h", "06 39 98 00 01 - ; ;"),
            ("5.11.25", ";"),
            ("2025-11-05 14:30:00", "; ;"),
            ("après 18h ou 9 h 30", "après ; ou ; 30"),
            ("9h30-12h", ";-;"),
        ] {
            assert_eq!(undated(text).0, rest);
        }
        for number in [
            "01/02/03/04/05",
            "01.02.03.04.05",
            "01-02-03-04-05",
            "+33 1.02.03.04.05",
            "+1.02.03.04",
            "01 02 03 04 05",
            "0102030405",
            "Tél:0102030405",
            "020-7946-0123",
            "10 hommes",
            "06 39 98 00 01 hors bureau",
        ] {
            assert_eq!(undated(number), (number.to_owned(), 0));
        }
    }

    #[test]
    fn words_say_which_numbers_are_to_be_called() {
        let number = "01 99 00 12 34";
        for words in
            ["", "Tél ", "Mme Noël ", "tél/fax ", "Tél client : ", "bureau (matin) ", "cabinet : "]
        {
            let text = format!("{words}{number}");
            let (kept, left_out) = parts(&text, 6);
            assert!(kept.len() == 1 && !left_out, "{text}: {kept:?}");
        }
        for words in
            ["fax ", "Réf. ", "N° client : ", "SIRET ", "né ", "ancien tél ", "n'est plus le "]
        {
            let text = format!("{words}{number}");
            assert!(parts(&text, 6).0.is_empty(), "{text}");
        }
        let (kept, left_out) = parts("01 99 00 12 34 (fax) 06 39 98 00 01 (portable)", 6);
        assert_eq!((kept.len(), left_out), (1, true));
        assert!(kept.iter().all(|part| part.contains("39 98")));
        assert!(parts("01 99 00 12 34 - fax", 6).0.is_empty());
        let (kept, left_out) = parts("01 99 00 12 34 (bureau) fax 01 99 00 12 35", 6);
        assert_eq!((kept.len(), left_out), (1, true));
        assert_eq!(parts("01 99 00 12 34 (ne pas appeler le matin)", 6).0.len(), 1);
    }
}
