//! The words of the page: none is missing, in either language.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::{Claim, PAGE};

fn words() -> Claim<BTreeMap<String, [String; 2]>> {
    let text = fs::read_to_string(Path::new(PAGE).join("desk-words.js"))?;
    let table = text.split_once("WORDS = ").and_then(|(_, rest)| rest.trim_end().strip_suffix(';'));
    Ok(serde_json::from_str(table.ok_or("no table")?)?)
}

/// Gives what stands in double quotes behind each of some beginnings.
fn named(text: &str, before: &str) -> BTreeSet<String> {
    let found = text.split(before).skip(1).filter_map(|rest| rest.split_once('"'));
    found.map(|(word, _)| word.to_owned()).collect()
}

/// Keys of which the page makes the end: states, causes, rules, codes.
const MADE: [&str; 8] = ["field.", "state.", "outcome.", "right.", "skip.", "why.", "rule.", "no."];

#[test]
fn no_word_of_the_page_is_missing_or_left_over() -> Claim {
    let words = words()?;
    let mut used = BTreeSet::new();
    for name in ["index.html", "desk.js", "desk-call.js", "desk-person.js"] {
        let text = fs::read_to_string(Path::new(PAGE).join(name))?;
        for before in ["say(\"", "data-word=\"", "data-label=\""] {
            used.extend(named(&text, before));
        }
        // What is said once a wish is done, and which of two words.
        for before in ["}, \"", "? \"", ": \""] {
            used.extend(named(&text, before).into_iter().filter(|word| words.contains_key(word)));
        }
    }
    let missing: Vec<_> = used.iter().filter(|key| !words.contains_key(*key)).collect();
    assert!(missing.is_empty(), "without words: {missing:?}");
    let made = |key: &String| MADE.iter().any(|begin| key.starts_with(begin));
    let idle: Vec<_> = words.keys().filter(|key| !used.contains(*key) && !made(key)).collect();
    assert!(idle.is_empty(), "words of nothing: {idle:?}");
    for (key, [en, fr]) in &words {
        assert!(!en.trim().is_empty() && !fr.trim().is_empty(), "{key}");
        let given = |text: &str| named(&text.replace('}', "\""), "{");
        assert_eq!(given(en), given(fr), "{key}: the two languages tell the same");
    }
    Ok(())
}

#[test]
fn every_state_cause_and_refusal_has_its_sentence() -> Claim {
    let words = words()?;
    let source = |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
    let has = |key: String| assert!(words.contains_key(&key), "{key} has no words");
    for state in [
        "logged_out",
        "paused",
        "ready",
        "previewing",
        "reserved",
        "talking",
        "holding",
        "wrapping",
        "resting",
    ] {
        has(format!("state.{state}"));
    }
    let asks = source("src/desk/asks.rs")?;
    for code in named(&asks, "refusal(\"") {
        has(format!("no.{code}"));
    }
    for code in named(&asks, "=> \"") {
        has(format!("no.{code}"));
    }
    // Who is ready is never kept by what keeps all; the page has one sentence for the rest.
    let idle = source("src/api/idle.rs")?;
    for code in named(&idle, "=> \"").into_iter().filter(|code| !code.starts_with("all-")) {
        if code != "nobody-skilled" && code != "nobody-signed-in" {
            has(format!("why.{code}"));
        }
    }
    Ok(())
}
