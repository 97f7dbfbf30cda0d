//! French for what is said in English where it is made: problems of files, errors, checks.
//!
//! A sentence that is made here in two languages is chosen with `Lang::say`. What comes from
//! deeper, from the engine or over its API has one wording, English, which programs read too; it
//! is put into French in the moment it is printed, by a list of sentences with their gaps.

use super::output::Lang;

/// English sentences, each with its French under it and an empty line after it. `{}` is a gap,
/// `{1}` what stood in the first one, `{=1}` the same word for word.
const SENTENCES: &str = include_str!("french/sentences.txt");

/// What stands for a gap.
const GAP: &str = "{}";

/// How the problem of a file begins: what stands in its gaps is put into French by itself, however
/// much of it another sentence would fit.
const FRAMES: [&str; 2] = ["{}: error: {}", "{}: warning: {}"];

/// How such a beginning goes on where a key is named.
const KEYED: &str = ": {}: {}";

/// Gives a text in a language, line by line; what nobody put into French stays English.
pub(super) fn told(text: &str, lang: Lang) -> String {
    match lang {
        Lang::En => text.to_owned(),
        Lang::Fr => text.split('\n').map(line).collect::<Vec<_>>().join("\n"),
    }
}

/// Gives the pairs of the list.
fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    SENTENCES.trim_end().split("\n\n").filter_map(|pair| pair.split_once('\n'))
}

/// Puts a line into French: by the sentence that leaves the least to its gaps, whose content is
/// put into French too, except in quotes: there it is what somebody wrote, or has to write.
fn line(text: &str) -> String {
    let fitting = pairs().filter_map(|(en, fr)| Some((en, fr, gaps(en, text)?)));
    let fitting = fitting.filter(|(en, _, found)| !en.ends_with(KEYED) || named(found));
    let closest = fitting.max_by_key(|(en, ..)| {
        let own = en.len() - GAP.len() * en.matches(GAP).count();
        (FRAMES.iter().any(|frame| en.starts_with(frame)), own)
    });
    let Some((_, french, found)) = closest else { return text.to_owned() };
    let mut said = String::new();
    let mut rest = french;
    while let Some((before, after)) = rest.split_once('{') {
        said.push_str(before);
        let gap = after.split_once('}').and_then(|(nth, after)| {
            let bare = nth.trim_start_matches('=');
            let content = *found.get(bare.parse::<usize>().ok()?.checked_sub(1)?)?;
            let quoted = bare != nth || said.ends_with(['`', '"']);
            Some((if quoted { content.to_owned() } else { line(content) }, after))
        });
        match gap {
            Some((content, after)) => {
                said.push_str(&content);
                rest = after;
            }
            None => {
                said.push('{');
                rest = after;
            }
        }
    }
    said + rest
}

/// Tells whether a key stands in the gap behind the place: a sentence has blanks.
fn named(found: &[&str]) -> bool {
    !found.get(1).is_some_and(|key| key.contains(' '))
}

/// Gives what stands in the gaps of a sentence; `None` if the text is another one.
fn gaps<'t>(sentence: &str, text: &'t str) -> Option<Vec<&'t str>> {
    let mut pieces = sentence.split(GAP);
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let mut found = Vec::new();
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        let at = match pieces.peek() {
            Some(_) => rest.find(piece)?,
            None => rest.strip_suffix(piece)?.len(),
        };
        let (gap, after) = rest.split_at_checked(at)?;
        found.push(gap);
        rest = after.get(piece.len()..)?;
    }
    (rest.is_empty() && found.iter().all(|gap| !gap.is_empty())).then_some(found)
}

#[cfg(test)]
mod tests;
