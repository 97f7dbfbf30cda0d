use std::fs;
use std::path::Path;

use super::*;

/// Files all of whose sentences people read.
const READ_BY_ALL: [&str; 2] = ["src/config", "src/cli/doctor.rs"];

/// Texts of those files that nobody is told, and those that are made of translated parts.
const NOT_TOLD: [&str; 6] = [
    "every trunk",
    "sans limite",
    "lun-ven 10:00-13:00, 14:00-20:00",
    "the bundled zone data has Europe/Paris",
    "its address",
    "NAPTR and SRV",
];

/// Gives every text in quotes of a source file, its tests left out, with gaps for its arguments.
fn texts(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let source = lines.collect::<Vec<_>>().join("\n").replace("'\"'", "").replace("b'\"'", "");
    let mut texts = Vec::new();
    let mut rest = source.as_str();
    while let Some((_, after)) = rest.split_once('"') {
        let mut text = String::new();
        let mut signs = after.char_indices();
        let mut end = after.len();
        while let Some((at, sign)) = signs.next() {
            match (sign, signs.clone().next()) {
                ('"', _) => {
                    end = at + 1;
                    break;
                }
                ('\\', Some((_, '\n'))) => {
                    while signs.clone().next().is_some_and(|(_, sign)| sign.is_whitespace()) {
                        signs.next();
                    }
                }
                ('\\', Some((_, escaped))) => {
                    signs.next();
                    text.push(if escaped == 'n' { '\n' } else { escaped });
                }
                (sign, _) => text.push(sign),
            }
        }
        texts.push(with_gaps(&text));
        rest = after.get(end..).unwrap_or_default();
    }
    texts
}

fn with_gaps(text: &str) -> String {
    let mut pieces = text.split('{');
    let mut gapped = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once('}') {
            Some((_, after)) => {
                gapped.push_str(GAP);
                gapped.push_str(after);
            }
            None => gapped.push_str(piece),
        }
    }
    gapped
}

fn sources(at: &Path) -> std::io::Result<Vec<(String, Vec<String>)>> {
    if at.is_file() {
        let name = at.display().to_string();
        let told = name.ends_with(".rs") && !name.contains("tests") && !name.contains("french");
        return Ok(if told { vec![(name, texts(&fs::read_to_string(at)?))] } else { Vec::new() });
    }
    let mut all = Vec::new();
    for entry in fs::read_dir(at)? {
        all.extend(sources(&entry?.path())?);
    }
    Ok(all)
}

/// Whether a text is a sentence: two words outside its gaps, and no example of what to write.
fn is_sentence(text: &str) -> bool {
    let words = text.split([' ', '\n']).filter(|word| {
        word.len() > 1 && word.chars().all(|c| c.is_alphabetic() || ",;:.'`".contains(c))
    });
    !text.starts_with(['"', '[', '\n', ')']) && !text.starts_with("Examples:") && words.count() >= 2
}

#[test]
fn every_sentence_of_the_files_and_of_the_doctor_is_said_in_french() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut english = Vec::new();
    for at in READ_BY_ALL {
        for (file, texts) in sources(&root.join(at))? {
            // Scenarios are a simulator's, whose words are English.
            let told = texts.into_iter().filter(|text| {
                !file.ends_with("scenario.rs") && is_sentence(text) && !NOT_TOLD.contains(&&**text)
            });
            english.extend(told.filter(|text| {
                let said = text.replace(GAP, "7");
                [said.clone(), format!("\"a\" {said}"), format!("a: {said}")]
                    .iter()
                    .all(|said| line(said) == *said)
            }));
        }
    }
    assert_eq!(english, Vec::<String>::new());
    Ok(())
}

#[test]
fn every_sentence_that_has_its_french_is_said_somewhere() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let said: Vec<String> = sources(&root)?.into_iter().flat_map(|(_, texts)| texts).collect();
    let mut stale = Vec::new();
    for (english, french) in pairs() {
        // The longest piece stands for the sentence: others may come from its arguments.
        let piece = english.split(GAP).max_by_key(|piece| piece.len()).unwrap_or_default();
        let piece = piece.trim_matches([' ', ':', ';', '"', '`', '(', ')']);
        if !said.iter().any(|text| text.contains(piece)) && !FROM_OUTSIDE.contains(&english) {
            stale.push(english);
        }
        let gaps = english.matches(GAP).count();
        assert!(!french.contains(&format!("{{{}}}", gaps + 1)), "{french}");
    }
    assert_eq!(stale, [""; 0]);
    Ok(())
}

/// What the operating system, the TOML parser and the database driver say, sentences that are put
/// together of several, and rules by their serialized names.
const FROM_OUTSIDE: [&str; 28] = [
    "{}: error: cannot be read: {}",
    "{} is not an E.164 number: write + and 4 to 15 digits",
    "the engine does not answer at {}",
    "the engine does not answer in time at {}",
    "no action {}",
    "no campaign, agent or contact {}",
    "integer",
    "datetime",
    "No such file or directory (os error {})",
    "Permission denied (os error {})",
    "Address already in use (os error {})",
    "Cannot assign requested address (os error {})",
    "Connection refused (os error {})",
    "Is a directory (os error {})",
    "Not a directory (os error {})",
    "error communicating with database: {}",
    "{}: error: {}: {}",
    "{}: error: {}",
    "{}: warning: {}: {}",
    "{}: warning: {}",
    "{} by its address: {}",
    "{} by SRV: {}",
    "{} by NAPTR and SRV: {}",
    "the demo's CRM took {} signed webhooks",
    "string",
    "boolean",
    "attempt-cap",
    "agent-away",
];

#[test]
fn a_problem_of_a_file_keeps_its_place_and_is_told_in_french() {
    let english = "campaigns/a.toml:4:7: error: mode: \"progresive\" is no choice here\n    \
                   → did you mean `progressive`?";
    let french = "campaigns/a.toml:4:7 : erreur : mode : \"progresive\" n'est pas un choix \
                  possible ici\n    → vouliez-vous dire `progressive` ?";
    assert_eq!(told(english, Lang::Fr), french);
    assert_eq!(told(english, Lang::En), english);
    let key = "a.toml:4:7: error: window: \"campain\" is no choice here\n    \
               → did you mean `campaign`?";
    let said = told(key, Lang::Fr);
    assert!(said.contains(" window : \"campain\"") && said.contains("`campaign`"), "{said}");
    let unheard = "a sentence nobody put into French";
    assert_eq!(told(unheard, Lang::Fr), unheard);
    for (english, french) in [
        (
            "error: trunk[2].name: is the name of another trunk too",
            "erreur : trunk[2].name : est aussi le nom d'un autre trunk",
        ),
        (
            "error: is text in Windows-1252 or Latin-1 by all appearances, not UTF-8",
            "erreur : est, selon toute apparence, du texte en Windows-1252 ou Latin-1, \
             pas en UTF-8",
        ),
        (
            "warning: is not read: the name of a campaign's file ends in .toml",
            "attention : n'est pas lu : le nom d'un fichier de campagne finit par .toml",
        ),
        (
            "error: caller_ids[1]: \"0162\" is a French number without its country code: write +33",
            "erreur : caller_ids[1] : \"0162\" est un numéro français sans l'indicatif du pays : \
          écrivez +33",
        ),
    ] {
        let said = told(&format!("a.toml:4:7: {english}"), Lang::Fr);
        assert_eq!(said, format!("a.toml:4:7 : {french}"));
    }
    let nested = "a.toml: error: cannot be read: No such file or directory (os error 2)";
    let said = "a.toml : erreur : illisible : aucun fichier ni dossier de ce nom";
    assert_eq!(told(nested, Lang::Fr), said);
}
