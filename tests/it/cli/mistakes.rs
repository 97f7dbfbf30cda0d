//! Seeded mistakes: the first line of the answer names file, line, column and key.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;

use super::{Claim, cadran, code, text};

const CAMPAIGN: &str = r#"name = "essai"
title = "Essai"
client = "Acme"
mode = "progressive"
routes = ["t1"]
caller_ids = ["+33162000000"]
hours = "lun-ven 10:00-13:00, 14:00-20:00"
attempt_caps = ["4/30d"]

[ring]
min = "15s"
max = "25s"

[abandon]
within = "2s"
cap = "3%"

[wrap]
max = "60s"
default = "refus"

[retry]
busy = "20m"

[hopper]
size = 100

[[disposition]]
key = "1"
code = "vente"
class = "ca+"

[[disposition]]
key = "2"
code = "refus"
class = "ca-"

[webhook]
url = "https://crm.example/"
secret_file = "key"
"#;

const ENGINE: &str = r#"[sip]
bind = "127.0.0.1:5060"

[rtp]
ports = "20000-20999"

[api]
http = "127.0.0.1:8080"

[folders]
campaigns = "campaigns"

[[trunk]]
name = "t1"
host = "sip.example"
user = "me"
secret_file = "key"
channels = 10
calls_per_second = "2/s"
"#;

/// What stands in the good file, what is put in its place with `§` where the finger must point,
/// and the key that must be named.
type Mistake = (&'static str, &'static str, &'static str);

const CAMPAIGN_MISTAKES: [Mistake; 57] = [
    (r#"mode = "progressive""#, r#"mode = §"progresive""#, "mode"),
    (r#"mode = "progressive""#, "mode = \"progressive\"\nguarantee = §\"strict\"", "guarantee"),
    (r#"mode = "progressive""#, r#"§mod = "progressive""#, "mod"),
    (r#"name = "essai""#, r#"name = §"Essai 2""#, "name"),
    (r#"name = "essai""#, r#"name = §7"#, "name"),
    (r#"client = "Acme""#, r#"client = §"  ""#, "client"),
    (r#"routes = ["t1"]"#, r#"routes = [§"t9"]"#, "routes[1]"),
    (r#"routes = ["t1"]"#, r#"routes = ["t1", §"t1"]"#, "routes[2]"),
    (r#"routes = ["t1"]"#, r#"routes = [{ trunk = "t1", weight = §0 }]"#, "routes[1].weight"),
    (r#"routes = ["t1"]"#, r#"routes = [{ trunk = "t1", §prio = 1 }]"#, "routes[1].prio"),
    (r#"routes = ["t1"]"#, "routes = [{ trunk = \"t1\", cost = §-1 }]", "routes[1].cost"),
    ("[ring]", "[[route]]\nto = [§\"06\"]\nover = [\"t1\"]\n[ring]", "route[1].to[1]"),
    ("[ring]", "[[route]]\nto = \"+336\"\nover = [§\"t9\"]\n[ring]", "route[1].over[1]"),
    ("[ring]", "[[route]]\nto = [\"+336\", §\"+33 6\"]\nover = [\"t1\"]\n[ring]", "route[1].to[2]"),
    (r#"["+33162000000"]"#, r#"[§"0162000000"]"#, "caller_ids[1]"),
    (r#"["+33162000000"]"#, r"§[]", "caller_ids"),
    (r#"["+33162000000"]"#, r#"[§"+33 1 62"]"#, "caller_ids[1]"),
    (r#"["+33162000000"]"#, r#"§"0162000000""#, "caller_ids"),
    (r#"["+33162000000"]"#, "§33162000000", "caller_ids"),
    (r#"["+33162000000"]"#, r#"[§"+33123456789"]"#, "caller_ids[1]"),
    (r#"["+33162000000"]"#, r#"["+33162000000", §"+33612345678"]"#, "caller_ids[2]"),
    (
        r#"mode = "progressive""#,
        "mode = \"progressive\"\nsubject = §\"energy_renovation\"",
        "subject",
    ),
    (
        r#"mode = "progressive""#,
        "mode = \"progressive\"\nsubject = §\"energy_renovaton\"",
        "subject",
    ),
    (r#"routes = ["t1"]"#, "routes = §[]", "routes"),
    (r#"cap = "3%""#, r#"cap = §"100%""#, "abandon.cap"),
    (r#"cap = "3%""#, "cap = \"3%\"\nwindow = §\"campain\"", "abandon.window"),
    (r#"cap = "3%""#, "cap = \"3%\"\n§notic = \"n.wav\"", "abandon.notic"),
    (r#"mode = "progressive""#, "mode = \"power\"\nlines_per_agent = §11", "lines_per_agent"),
    ("lun-ven 10:00-13:00", "lun-ven 13:00-10:00", "hours"),
    (
        r#"hours = "lun-ven 10:00-13:00, 14:00-20:00""#,
        r#"hours = §"lundredi 10:00-13:00""#,
        "hours",
    ),
    (
        r#"hours = "lun-ven 10:00-13:00, 14:00-20:00""#,
        r#"hours = §"lun 10:00-13:00, 12:00-14:00""#,
        "hours",
    ),
    (r#"["4/30d"]"#, r#"[§"quatre"]"#, "attempt_caps[1]"),
    (r#"min = "15s""#, "min = §15", "ring.min"),
    (r#"max = "25s""#, r#"max = §"25 parsecs""#, "ring.max"),
    (r#"max = "25s""#, r#"max = §"25h""#, "ring.max"),
    (r#"within = "2s""#, r#"withn = "2s""#, "abandon.withn"),
    (r#"cap = "3%""#, "cap = §0.03", "abandon.cap"),
    (r#"cap = "3%""#, r#"cap = §"130%""#, "abandon.cap"),
    (r#"default = "refus""#, r#"default = §"refu""#, "wrap.default"),
    (r#"busy = "20m""#, r#"busy = §"bientôt""#, "retry.busy"),
    (r#"busy = "20m""#, r#"§bussy = "20m""#, "retry.bussy"),
    ("size = 100", "size = §0", "hopper.size"),
    (r#"key = "2""#, r#"key = §"12""#, "disposition[2].key"),
    (r#"code = "refus""#, r#"code = §"un refus""#, "disposition[2].code"),
    (r#"class = "ca-""#, r#"class = §"négatif""#, "disposition[2].class"),
    (r#"class = "ca-""#, "class = \"ca-\"\nthen = §\"rappeler\"", "disposition[2].then"),
    (r#"secret_file = "key""#, r#"secret = §"whsec_MfKQ9r8GKYqrTwjU""#, "webhook.secret"),
    (r#"url = "https://crm.example/""#, r#"url = §"crm.example""#, "webhook.url"),
    (r#"secret_file = "key""#, "secret_file = \"key\"\nevents = §[]", "webhook.events"),
    (
        r#"secret_file = "key""#,
        "secret_file = \"key\"\nevents = [§\"call.complete\"]",
        "webhook.events[1]",
    ),
    (r#"mode = "progressive""#, "mode = \"predictive\"\nguarantee = §\"certain\"", "guarantee"),
    (r#"cap = "3%""#, "cap = \"3%\"\nwindow = §\"dya\"", "abandon.window"),
    (r#"cap = "3%""#, "cap = \"3%\"\nwindow = §\"91d\"", "abandon.window"),
    (r#"cap = "3%""#, "cap = \"3%\"\nwindow = §30", "abandon.window"),
    (r#"cap = "3%""#, "cap = \"3%\"\nof = §\"person\"", "abandon.of"),
    (r#"cap = "3%""#, "cap = \"3%\"\nzone = §\"Europe/Pariss\"", "abandon.zone"),
    (r#"cap = "3%""#, "cap = \"3%\"\nfalse_positives = §0.05", "abandon.false_positives"),
];

const LAST: &str = "calls_per_second = \"2/s\"";
const CPS: &str = "trunk[1].calls_per_second";
const CHANNELS: &str = "trunk[1].channels";

const ENGINE_MISTAKES: [Mistake; 32] = [
    ("channels = 10", "channels = 10\nrest_after = §\"5\"", "trunk[1].rest_after"),
    ("channels = 10", "channels = 10\nrest_min = §\"2h\"", "trunk[1].rest_min"),
    (
        "[folders]",
        "[[caller_id]]\nnumber = §\"0162000000\"\nchannels = 2\n[folders]",
        "caller_id[1].number",
    ),
    (
        "[folders]",
        "[[caller_id]]\nnumber = \"+33162000000\"\nchannels = §0\n[folders]",
        "caller_id[1].channels",
    ),
    (
        "[folders]",
        "[[caller_id]]\nnumber = \"+33162000000\"\ncalls_per_hour = §0\n[folders]",
        "caller_id[1].calls_per_hour",
    ),
    (
        "[folders]",
        "[[caller_id]]\nnumber = \"+33162000000\"\nrest_after = §\"5\"\n[folders]",
        "caller_id[1].rest_after",
    ),
    (r#"bind = "127.0.0.1:5060""#, r#"bind = §"localhost""#, "sip.bind"),
    ("[api]", "[store]\ndatabase = §\"postgres://u@h/d?sslmod=require\"\n[api]", "store.database"),
    ("[api]", "[store]\ndatabase = §\"postgres://u@h/d?sslmode=yes\"\n[api]", "store.database"),
    ("[api]", "[store]\ndatabase = §\"mysql://u@h/d\"\n[api]", "store.database"),
    ("[api]", "[store]\ndatabase = §\"postgres://u@h\"\n[api]", "store.database"),
    (LAST, "options_every = \"30s\"\nto_format = \"e164\"\ncalls_per_second = §2", CPS),
    (LAST, "options_every = \"30s\"\nto_format = \"e164\"\ncalls_per_second = §\"2\"", CPS),
    ("channels = 10", "options_every = \"30s\"\nidentity = \"from\"\nchannels = §\"10\"", CHANNELS),
    (
        "channels = 10",
        "options_every = \"30s\"\nidentity = \"from\"\n§chanels = 10",
        "trunk[1].chanels",
    ),
    ("channels = 10", "profile = \"ovh\"\nchannels = §\"10\"", CHANNELS),
    ("channels = 10", "profile = \"vonage\"\n§chanels = 10", "trunk[1].chanels"),
    (LAST, "profile = §\"ovhh\"", "trunk[1].profile"),
    (r#"bind = "127.0.0.1:5060""#, r#"§binds = "127.0.0.1:5060""#, "sip.binds"),
    ("[rtp]", "[§rpt]", "rpt"),
    ("[rtp]", "[store]\nfull_sync = §\"yes\"\n[rtp]", "store.full_sync"),
    ("[rtp]", "[store]\ndatabase = §\"postgres://u:pw@h/d\"\n[rtp]", "store.database"),
    ("[rtp]", "[store]\ndatabase = §\"postgres://u@h\"\n[rtp]", "store.database"),
    (r#""20000-20999""#, r#"§"20001-20000""#, "rtp.ports"),
    (r#"http = "127.0.0.1:8080""#, r#"http = §"0.0.0.0:8080""#, "api.http"),
    (r#"host = "sip.example""#, r#"host = §"sip example""#, "trunk[1].host"),
    (r#"secret_file = "key""#, r#"password = §"12345""#, "trunk[1].password"),
    ("channels = 10", r#"channels = §"10""#, "trunk[1].channels"),
    (r#"calls_per_second = "2/s""#, "calls_per_second = §2", "trunk[1].calls_per_second"),
    ("channels = 10", "channels = 10\nredirect = §\"follow\"", "trunk[1].redirect"),
    ("channels = 10", "channels = 10\nrefer = §\"yes\"", "trunk[1].refer"),
    ("channels = 10", "channels = 10\nprofile = §\"ohv\"", "trunk[1].profile"),
];

/// Puts the mistake in and gives the text with the line and column of its `§`.
fn seeded(good: &str, mistake: &Mistake) -> Result<(String, Option<(usize, usize)>), String> {
    let (from, to, _) = mistake;
    if !good.contains(from) {
        return Err(format!("{from:?} is not in the good file"));
    }
    let marked = good.replacen(from, to, 1);
    let Some(at) = marked.find('§') else { return Ok((marked, None)) };
    let before = &marked[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
    Ok((marked.replacen('§', "", 1), Some((line, column))))
}

/// Writes both files, runs `campaign validate` and gives its exit code and what it says.
fn whole_answer(engine: &str, campaign: &str) -> Result<(i32, String), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("campaigns"))?;
    fs::write(folder.path().join("cadran.toml"), engine)?;
    fs::write(folder.path().join("campaigns/essai.toml"), campaign)?;
    let output = cadran().args(["campaign", "validate"]).current_dir(folder.path()).output()?;
    Ok((code(&output)?, text(&output.stderr)?.to_owned()))
}

#[test]
fn the_good_files_are_good() -> Claim {
    let mandate = "operators = [\"OVH\"]\n[[caller_id]]\nnumber = \"+33162000000\"\n";
    let engine = format!("{ENGINE}{mandate}operator = \"OVH\"\n");
    let (code, told) = whole_answer(&engine, CAMPAIGN)?;
    assert!(code == 0 && !told.contains("error") && !told.contains("warning"), "{told}");
    Ok(())
}

#[test]
fn no_trunk_hides_a_number_that_the_law_wants_shown() -> Claim {
    let engine = |number: &str| {
        format!(
            "{ENGINE}hide_caller_id = true\noperators = [\"OVH\"]\n\
             [[caller_id]]\nnumber = \"{number}\"\noperator = \"OVH\"\n"
        )
    };
    for (number, mode, law) in [
        ("+33162000000", "progressive", Some("FR-12")),
        ("+33162000000", "preview", Some("FR-14")),
        ("+442079460000", "progressive", None),
    ] {
        let mode = format!("mode = \"{mode}\"");
        let campaign = CAMPAIGN.replace("+33162000000", number);
        let campaign = campaign.replace("mode = \"progressive\"", &mode);
        let (code, told) = whole_answer(&engine(number), &campaign)?;
        assert_eq!(code, if law.is_some() { 3 } else { 0 }, "{number} {mode}: {told}");
        for word in law.into_iter().chain(law.map(|_| "trunk \"t1\"")) {
            assert!(told.contains(word) && told.contains("caller_ids[1]"), "{word}: {told}");
        }
    }
    let other = engine("+33162000000").replace("[\"OVH\"]", "[\"SFR\"]");
    let (_, told) = whole_answer(&other, CAMPAIGN)?;
    assert!(!told.contains("hide_caller_id"), "it does not leave by that trunk: {told}");
    Ok(())
}

#[test]
fn every_mistake_in_a_campaign_is_pointed_at() -> Claim {
    for mistake in &CAMPAIGN_MISTAKES {
        let (campaign, place) = seeded(CAMPAIGN, mistake)?;
        let (code, told) = whole_answer(ENGINE, &campaign)?;
        pointed_at(mistake, place, "campaigns/essai.toml", code, &told)?;
    }
    Ok(())
}

#[test]
fn every_mistake_in_the_engines_file_is_pointed_at() -> Claim {
    for mistake in &ENGINE_MISTAKES {
        let (engine, place) = seeded(ENGINE, mistake)?;
        let (code, told) = whole_answer(&engine, CAMPAIGN)?;
        pointed_at(mistake, place, "cadran.toml", code, &told)?;
    }
    Ok(())
}

fn pointed_at(
    (_, to, key): &Mistake,
    place: Option<(usize, usize)>,
    file: &str,
    code: i32,
    told: &str,
) -> Result<(), String> {
    let first = told.lines().next().unwrap_or_default();
    // One mistake is one error: what follows from it is not told.
    let errors = told.matches(": error: ").count();
    let head = match place {
        Some((line, column)) => format!("{file}:{line}:{column}: error: {key}: "),
        None => format!("{file}:"),
    };
    if code == 3
        && errors == 1
        && first.starts_with(&head)
        && first.contains(&format!(": error: {key}: "))
    {
        Ok(())
    } else {
        Err(format!("{to}: wanted exit 3 and {head:?}, got {code} and {told:?}"))
    }
}

/// What a line has in backquotes and in quotes, addresses left out: they are examples.
fn quoted(line: &str) -> BTreeSet<&str> {
    let within = |sign| line.split(sign).skip(1).step_by(2);
    within('`').chain(within('"')).filter(|text| !text.contains("://")).collect()
}

#[test]
fn every_mistake_is_told_in_french() -> Claim {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("campaigns"))?;
    let told = |engine: &str, campaign: &str, lang: &str| -> Result<String, Box<dyn Error>> {
        fs::write(folder.path().join("cadran.toml"), engine)?;
        fs::write(folder.path().join("campaigns/essai.toml"), campaign)?;
        let validate = ["--lang", lang, "campaign", "validate"];
        let output = cadran().args(validate).current_dir(folder.path()).output()?;
        Ok(text(&output.stderr)?.to_owned())
    };
    let campaigns = CAMPAIGN_MISTAKES.iter().map(|mistake| (CAMPAIGN, mistake));
    for (good, mistake) in campaigns.chain(ENGINE_MISTAKES.iter().map(|it| (ENGINE, it))) {
        let (wrong, _) = seeded(good, mistake)?;
        let (engine, campaign) = match good {
            CAMPAIGN => (ENGINE, wrong.as_str()),
            _ => (wrong.as_str(), CAMPAIGN),
        };
        let (en, fr) = (told(engine, campaign, "en")?, told(engine, campaign, "fr")?);
        for (en, fr) in en.lines().zip(fr.lines()) {
            // Behind the place and the key, which are the same.
            let hint = en.starts_with(' ');
            let parts = if hint { 1 } else { 4 };
            let said = |line: &str| line.splitn(parts, ": ").last().unwrap_or_default().to_owned();
            assert_ne!(said(en), said(fr), "{en}");
            assert_eq!(quoted(en), quoted(fr), "what is written in a file has no French");
        }
    }
    Ok(())
}

#[test]
fn a_number_that_an_unreadable_campaign_may_show_is_not_called_unused() -> Claim {
    let engine = format!("{ENGINE}\n[[caller_id]]\nnumber = \"+33162000000\"\nchannels = 2\n");
    for (from, to) in [
        ("mode = \"progressive\"\n", "mode = \"progresive\"\n"),
        ("title = \"Essai\"", "title = \"Essai"),
        ("client = \"Acme\"\n", ""),
        ("[\"+33162000000\"]", "[\"0162000000\"]"),
    ] {
        let (_, told) = whole_answer(&engine, &CAMPAIGN.replacen(from, to, 1))?;
        assert!(told.contains(": error: ") && !told.contains("warning"), "{to}: {told}");
    }
    let (_, told) = whole_answer(&engine, &CAMPAIGN.replace("+33162000000", "+33162000001"))?;
    assert!(told.contains("no campaign shows this number"), "{told}");
    Ok(())
}

#[test]
fn a_key_of_the_whole_file_below_a_table_is_sent_up() -> Claim {
    for (key, table) in [
        ("attempt_caps = [\"4/30d\"]\n", "[retry]\n"),
        ("hours = \"lun-ven 10:00-13:00, 14:00-20:00\"\n", "[abandon]\n"),
        ("mode = \"progressive\"\n", "[webhook]\n"),
        ("client = \"Acme\"\n", "class = \"ca-\"\n"),
    ] {
        let wrong = CAMPAIGN.replacen(key, "", 1).replacen(table, &format!("{table}  {key}"), 1);
        let (code, told) = whole_answer(ENGINE, &wrong)?;
        assert_eq!((code, told.matches("error: ").count()), (3, 1), "{told}");
        assert!(told.contains("move the line up, above the first [table]"), "{told}");
    }
    let engine = ENGINE.replace("[sip]\n", "[sip]\nnode = 3\n");
    let (_, told) = whole_answer(&engine, CAMPAIGN)?;
    assert!(told.contains("cadran.toml:2:1: error: sip.node: is a key of the whole"), "{told}");
    let (_, told) = whole_answer(ENGINE, &CAMPAIGN.replace("[\"t1\"]", "[{ mode = 1 }]"))?;
    assert!(!told.contains("above the first"), "nothing above an inline table: {told}");
    Ok(())
}

#[test]
fn a_folder_without_campaigns_says_so_and_names_what_looks_like_one() -> Claim {
    let folder = tempfile::tempdir()?;
    let campaigns = folder.path().join("campaigns");
    fs::create_dir(&campaigns)?;
    fs::write(folder.path().join("cadran.toml"), ENGINE)?;
    let told = |lang: &str| -> Result<(i32, String), Box<dyn Error>> {
        let validate = ["--lang", lang, "campaign", "validate"];
        let output = cadran().args(validate).current_dir(folder.path()).output()?;
        Ok((code(&output)?, text(&output.stderr)?.to_owned()))
    };
    let (code, empty) = told("en")?;
    assert_eq!(code, 0, "{empty}");
    assert!(empty.contains("campaigns: warning: holds no campaign (*.toml)"), "{empty}");
    assert!(told("fr")?.1.contains("attention : ne contient aucune campagne"));
    fs::write(campaigns.join("piscines.toml.txt"), CAMPAIGN)?;
    fs::write(campaigns.join("notes.txt"), "")?;
    let (_, meant) = told("en")?;
    let renamed = "rename it to piscines.toml if it is a campaign";
    assert!(meant.contains("piscines.toml.txt: warning: is not read"), "{meant}");
    assert!(meant.contains(renamed) && !meant.contains("notes"), "{meant}");
    fs::write(campaigns.join("essai.toml"), CAMPAIGN)?;
    let (_, beside) = told("en")?;
    assert!(beside.contains(renamed) && !beside.contains("holds no campaign"), "{beside}");
    Ok(())
}

/// What is wrong by the grammar of TOML, where, and what is advised.
const GRAMMAR: [(&str, &str, &str, &str); 14] = [
    ("[ring]", "cost = §0,9\n[ring]", "a number has no comma", "write 0.9"),
    ("[\"t1\"]", "[{ trunk = \"t1\", cost = §0,9 }]", "a number has no comma", "write 0.9"),
    ("[ring]", "x = §non\n[ring]", "neither true nor false", "write `false`"),
    ("[ring]", "x = §True # so\n[ring]", "neither true nor false", "write `true`"),
    ("\"Essai\"", "§“Essai”", "quotes are not straight", "write straight quotes: \"…\""),
    ("[\"t1\"]", "§[«t1»]", "quotes are not straight", "write straight quotes: \"…\""),
    ("\"Essai\"", "§Essai # so", "a text stands in quotes", "write \"Essai\""),
    ("\"Essai\"", "§normal", "a text stands in quotes", "write \"normal\""),
    ("\"20m\"", "§20m", "a text stands in quotes", "write \"20m\""),
    ("[hopper]", "§[ring]", "the table \"ring\" is there twice", "below one `[ring]`"),
    (
        "[hopper]",
        "[disposition]\nkey = \"5\"\ncode = \"x\"\n[hopper]",
        "there twice",
        "`[[disposition]]`",
    ),
    ("client = ", "§title = \"a\"\nclient = ", "duplicate key", "remove one of the two lines"),
    ("[\"t1\"]", "[\"t1\"§", "unclosed array", "write ] behind the last value"),
    ("[\"+33162000000\"]", "0162000000", "does not begin with 0", "a telephone number in quotes"),
];

#[test]
fn each_mistake_of_grammar_is_told_once_with_what_to_write() -> Claim {
    for (from, to, message, hint) in GRAMMAR {
        let mistake = (from, to, "");
        let (campaign, place) = seeded(CAMPAIGN, &mistake)?;
        let (code, told) = whole_answer(ENGINE, &campaign)?;
        assert_eq!((code, told.matches("error: ").count()), (3, 1), "{to}: {told}");
        assert!(told.contains(message) && told.contains(hint), "{to}: {told}");
        if let Some((line, _)) = place {
            assert!(told.contains(&format!("essai.toml:{line}:")), "{to}: {told}");
        }
    }
    let another = "\n[trunk]\nname = \"b\"\nhost = \"b\"\n";
    let trunks = ENGINE.replace("[[trunk]]", "[trunk]") + another + another;
    let (_, told) = whole_answer(&trunks, CAMPAIGN)?;
    assert_eq!(told.matches("error: ").count(), 1, "{told}");
    assert!(told.contains("write `[[trunk]]` above each of them"), "{told}");
    Ok(())
}

#[test]
fn hours_and_french_numbers_get_their_own_advice() -> Claim {
    for (from, to, said) in [
        ("14:00-20:00", "20:00-10:00", "does not end after its beginning: \"20:00-10:00\""),
        ("14:00-20:00", "14:00-25:00", "\"14:00-25:00\" goes beyond 24:00"),
        ("14:00-20:00", "14:00", "is not like 10:00-13:00"),
        ("+33162000000", "01 62 00 00 00", "country code: write +33162000000"),
        ("+33162000000", "01.62.00.00.00", "country code: write +33162000000"),
        ("+33162000000", "0162", "write + and 4 to 15 digits"),
    ] {
        let (_, told) = whole_answer(ENGINE, &CAMPAIGN.replace(from, to))?;
        assert!(told.contains(said), "{to}: {told}");
    }
    Ok(())
}

#[test]
fn several_mistakes_are_told_at_once() -> Claim {
    let campaign = CAMPAIGN
        .replace(r#"within = "2s""#, "within = 2")
        .replace(r#"busy = "20m""#, r#"busi = "20m""#)
        .replace(r#"class = "ca+""#, "");
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("essai.toml");
    fs::write(&path, campaign)?;
    let output = cadran().args(["campaign", "validate"]).arg(&path).output()?;
    let told = text(&output.stderr)?;
    for key in ["abandon.within", "retry.busi", "disposition[1].class"] {
        assert!(told.contains(&format!("error: {key}: ")), "{key} is not in\n{told}");
    }
    assert!(told.contains("did you mean `busy`?"), "{told}");
    Ok(())
}

#[test]
fn files_of_one_rate_that_differ_are_told_when_they_are_named() -> Claim {
    let folder = tempfile::tempdir()?;
    let file = |name: &str, cap: &str| {
        let path = folder.path().join(name).with_extension("toml");
        let shared = format!("shared = \"maison\"\ncap = \"{cap}\"");
        let renamed = CAMPAIGN.replace(r#"name = "essai""#, &format!("name = {name:?}"));
        fs::write(&path, renamed.replace(r#"cap = "3%""#, &shared)).map(|()| path)
    };
    let paths = [file("une", "3%")?, file("deux", "2%")?];
    let output = cadran().args(["campaign", "validate"]).args(paths).output()?;
    let told = text(&output.stderr)?;
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("cap is 2%, not 3%"), "{told}");
    Ok(())
}

#[test]
fn broken_toml_is_pointed_at_and_nothing_else_is_blamed() -> Claim {
    let campaign = CAMPAIGN.replace(r#"title = "Essai""#, "title = \"Essai");
    let engine = ENGINE.replace("[sip]", "[sip");
    for (engine, campaign, place) in
        [(ENGINE, &*campaign, "campaigns/essai.toml:2:"), (&*engine, CAMPAIGN, "cadran.toml:1:")]
    {
        let (code, told) = whole_answer(engine, campaign)?;
        assert_eq!(code, 3);
        assert!(told.starts_with(place), "{told}");
        assert_eq!(told.matches("error: ").count(), 1, "{told}");
    }
    Ok(())
}

#[test]
fn a_french_word_for_a_mode_is_understood_as_a_mistake() -> Claim {
    for (french, english) in [("predictif", "predictive"), ("progressif", "progressive")] {
        let campaign = CAMPAIGN.replace(r#"mode = "progressive""#, &format!("mode = {french:?}"));
        let (_, told) = whole_answer(ENGINE, &campaign)?;
        assert!(told.contains(&format!("did you mean `{english}`?")), "{told}");
    }
    Ok(())
}

#[test]
fn a_misspelt_word_of_the_abandon_rule_is_guessed() -> Claim {
    for (key, written, meant) in [
        ("window", "days", "day"),
        ("window", "campagne", "campaign"),
        ("of", "person", "persons"),
        ("of", "anwsers", "answers"),
    ] {
        let rule = format!("cap = \"3%\"\n{key} = {written:?}");
        let campaign = CAMPAIGN.replace(r#"cap = "3%""#, &rule);
        let (_, told) = whole_answer(ENGINE, &campaign)?;
        assert!(told.contains(&format!("did you mean `{meant}`?")), "{told}");
    }
    let strict = "mode = \"predictive\"\nguarantee = \"stricte\"";
    let campaign = CAMPAIGN.replace(r#"mode = "progressive""#, strict);
    let (_, told) = whole_answer(ENGINE, &campaign)?;
    assert!(told.contains("did you mean `strict`?"), "{told}");
    Ok(())
}

#[test]
fn hints_list_what_may_be_written_and_blame_nothing_else() -> Claim {
    let cases = [
        (r#"class = "ca-""#, r#"class = "ca""#, "known here: argued_positive, ca+,", 1),
        (r#"max = "25s""#, r#"max = "5 parsecs""#, "ring.max", 1),
        (
            r#"secret_file = "key""#,
            "secret_file = \"key\"\nzzz = 1",
            "known here: url, secret_file,",
            1,
        ),
        (r#"cap = "3%""#, "cap = \"3%\"\nnotice = \"no.wav\"", "take `notice` out", 1),
    ];
    for (from, to, said, count) in cases {
        let (code, told) = whole_answer(ENGINE, &CAMPAIGN.replacen(from, to, 1))?;
        assert_eq!((code, told.matches("error: ").count()), (3, count), "{told}");
        assert!(told.contains(said) && !told.contains("password"), "{told}");
    }
    Ok(())
}

#[test]
fn a_secret_is_never_repeated() -> Claim {
    let holds = |mistake: &&Mistake| mistake.1.contains("MfKQ9r8GKYqrTwjU");
    let mistake = CAMPAIGN_MISTAKES.iter().find(holds).ok_or("no mistake holds a secret")?;
    let (campaign, _) = seeded(CAMPAIGN, mistake)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("essai.toml");
    fs::write(&path, campaign)?;
    let output = cadran().args(["campaign", "validate"]).arg(&path).output()?;
    let printed = [output.stdout, output.stderr].concat();
    assert!(text(&printed)?.contains("webhook.secret"));
    assert!(!text(&printed)?.contains("MfKQ9r8GKYqrTwjU"));
    Ok(())
}
