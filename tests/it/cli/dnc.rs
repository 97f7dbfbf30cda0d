//! What `cadran dnc` keeps.

use std::fs;

use super::running::{Engine, field};
use super::{Claim, code, json, text};

const LINE: &str = "+33639981234";

#[test]
fn a_wish_is_noted_checked_and_ended() -> Claim {
    let engine = Engine::start()?;
    let free = engine.run(&["dnc", "check", LINE])?;
    assert_eq!(code(&free)?, 0, "{free:?}");
    let letter = ["dnc", "add", "06 39 98 12 34", "--reason", "letter of 12 November"];
    assert_eq!(field(&engine.ask(&letter)?, "/changed"), 1);
    let held = engine.run(&["--json", "dnc", "check", LINE])?;
    assert_eq!(code(&held)?, 4, "{held:?}");
    let wishes = json(&held)?;
    assert_eq!(field(&wishes, "/0/number"), LINE, "{wishes}");
    assert_eq!(field(&wishes, "/0/reason"), "letter of 12 November", "{wishes}");
    // A wish of another reach is not that one.
    let other = engine.run(&["dnc", "remove", LINE, "--campaign", "essai"])?;
    assert_eq!(code(&other)?, 5, "{other:?}");
    assert_eq!(field(&engine.ask(&["dnc", "remove", LINE])?, "/changed"), 1);
    assert_eq!(code(&engine.run(&["dnc", "check", LINE])?)?, 0);
    for (wrong, said) in [
        (["dnc", "add", "061234", "--reason", "x"], "no telephone number"),
        (["dnc", "add", LINE, "--client", "Nobody"], "no client company"),
        (["dnc", "add", LINE, "--until", "2020-01-01T00:00:00Z"], "no moment to come"),
    ] {
        let refused = engine.run(&wrong)?;
        assert_ne!(code(&refused)?, 0, "{wrong:?}");
        assert!(text(&refused.stderr)?.contains(said), "{refused:?}");
    }
    Ok(())
}

#[test]
fn a_list_of_wishes_goes_in_and_comes_out() -> Claim {
    let engine = Engine::start()?;
    let list = "téléphone;motif\n0639981234;courrier\n06 39 98 12 35;=cmd()\n12;court\n";
    fs::write(engine.folder.path().join("oppositions.csv"), list)?;
    let import = ["--json", "dnc", "import", "oppositions.csv", "--campaign", "essai"];
    let output = engine.run(&import)?;
    assert_eq!(code(&output)?, 8, "{output:?}");
    let report = json(&output)?;
    assert_eq!(field(&report, "/added"), 2, "{report}");
    assert_eq!(field(&report, "/list/reasons/number_short"), 1, "{report}");
    // A contact of the list is refused by its wish, which then is known by its number.
    fs::write(engine.folder.path().join("contacts.csv"), "téléphone\n0639981234\n")?;
    let contacts = engine.ask(&["list", "import", "contacts.csv", "--campaign", "essai"])?;
    assert_eq!(field(&contacts, "/do_not_call"), 1, "{contacts}");
    let output = engine.run(&["dnc", "export"])?;
    let csv = text(&output.stdout)?;
    assert!(csv.lines().any(|line| line.starts_with("'+33639981234,,essai,")), "{csv}");
    assert!(csv.lines().any(|line| line.starts_with(",,essai,")), "{csv}");
    fs::write(engine.folder.path().join("again.csv"), csv)?;
    let again = engine.run(&["--json", "dnc", "import", "again.csv"])?;
    assert_eq!(field(&json(&again)?, "/added"), 1, "{again:?}");
    Ok(())
}

#[test]
fn each_line_of_a_list_says_how_far_its_wish_reaches_why_and_until_when() -> Claim {
    let engine = Engine::start()?;
    let list = "téléphone;client;campagne;portée;motif;source;jusqu'au\n\
        0639981201;;ESSAI;;courrier;lettre 12;31/12/2099\n\
        0639981202;;essai;tous;;;\n\
        0639981203;;;;;;\n\
        0639981204;;ailleurs;;;;\n\
        0639981205;;;;;;31/12/2019\n\
        0639981206;;;;;;bientôt\n\
        0639981207;;;lune;;;\n";
    fs::write(engine.folder.path().join("oppositions.csv"), list)?;
    let import =
        ["--json", "dnc", "import", "oppositions.csv", "--campaign", "essai", "--reason", "liste"];
    let output = engine.run(&import)?;
    assert_eq!(code(&output)?, 8, "{output:?}");
    let report = json(&output)?;
    assert_eq!(field(&report, "/added"), 3, "{report}");
    assert_eq!(field(&report, "/list/importable"), 3, "{report}");
    let reasons = [("reach_unknown", 2), ("end_over", 1), ("end_unreadable", 1)];
    for (reason, count) in reasons {
        assert_eq!(field(&report, &format!("/list/reasons/{reason}")), count, "{report}");
    }
    assert_eq!(field(&report, "/list/examples/0/line"), 5, "{report}");
    assert_eq!(field(&report, "/list/examples/0/column"), "campagne", "{report}");
    let wish = |last: u32| {
        let output = engine.run(&["--json", "dnc", "check", &format!("+3363998120{last}")])?;
        json(&output)
    };
    let first = wish(1)?;
    assert_eq!(field(&first, "/0/reach/campaign"), "essai", "{first}");
    assert_eq!(field(&first, "/0/reason"), "courrier", "{first}");
    assert_eq!(field(&first, "/0/source"), "lettre 12", "{first}");
    assert_eq!(field(&first, "/0/until"), "2099-12-31T23:00:00Z", "{first}");
    let second = wish(2)?;
    assert_eq!(field(&second, "/0/reach"), &serde_json::json!({}), "{second}");
    assert_eq!(field(&second, "/0/source"), "oppositions.csv", "{second}");
    let third = wish(3)?;
    assert_eq!(field(&third, "/0/reach/campaign"), "essai", "the list's own: {third}");
    assert_eq!(field(&third, "/0/reason"), "liste", "{third}");
    Ok(())
}
