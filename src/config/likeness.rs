//! The one place that guesses what a misspelt word was meant to be.

/// A suggestion is made for a misspelt word at least this like a known one (Jaro-Winkler, 0 to 1):
/// low enough for two swapped letters in a short key, high enough not to guess wildly.
const LIKENESS_MIN: f64 = 0.8;

/// Known words listed when none is like enough; a longer list helps nobody.
const LISTED_MAX: usize = 12;

/// Gives the known word most like a misspelt one, whatever its capitals, if one is like enough and
/// no other is as like: between `ca+` and `ca-` nobody can guess what `ca` meant.
#[must_use]
pub fn likeliest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let lower = word.to_lowercase();
    let like = known.map(|known| (strsim::jaro_winkler(&lower, &known.to_lowercase()), known));
    let mut like: Vec<_> = like.filter(|(likeness, _)| *likeness >= LIKENESS_MIN).collect();
    like.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    match *like.as_slice() {
        [(best, _), (second, _), ..] if best <= second => None,
        [(_, known), ..] => Some(known),
        [] => None,
    }
}

/// Names the known word most like a misspelt one, or else the known words; `None` if there is none.
#[must_use]
pub fn suggestion<'k>(word: &str, known: impl Iterator<Item = &'k str> + Clone) -> Option<String> {
    if let Some(best) = likeliest(word, known.clone()) {
        return Some(format!("did you mean `{best}`?"));
    }
    let listed: Vec<_> = known.clone().take(LISTED_MAX).collect();
    let more = if known.count() > LISTED_MAX { ", …" } else { "" };
    (!listed.is_empty()).then(|| format!("known here: {}{more}", listed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_likely_word_is_suggested() {
        let modes = ["preview", "progressive", "power", "predictive"];
        let suggested = |word| suggestion(word, modes.into_iter());
        for (word, meant) in
            [("predictif", "predictive"), ("PROGRESIVE", "progressive"), ("pwoer", "power")]
        {
            assert_eq!(suggested(word), Some(format!("did you mean `{meant}`?")));
        }
        assert_eq!(likeliest("ca", ["ca+", "ca-", "cna"].into_iter()), None);
        let all = "known here: preview, progressive, power, predictive";
        assert_eq!(suggested("zzz").as_deref(), Some(all));
        assert_eq!(suggestion("zzz", [].into_iter()), None);
    }

    #[test]
    fn a_long_list_is_cut() {
        let names: Vec<String> = (10..40).map(|place| format!("a{place}")).collect();
        let hint = suggestion("zzz", names.iter().map(String::as_str)).unwrap_or_default();
        assert!(hint.ends_with("a20, a21, …"), "{hint}");
    }
}
