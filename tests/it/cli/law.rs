//! What `cadran law` answers.

use cadran::engine::clock::Clock;
use jiff::tz::TimeZone;

use super::running::{Engine, field};
use super::{Claim, code, json, run, text};

#[test]
fn the_law_is_asked_about_a_number_and_a_moment() -> Claim {
    let paris = "+33612345678";
    let alsace = ["+33388123456", "--postal-code", "67000"];
    let reunion = "+262692201234";
    type Case<'a> = (&'a [&'a str], &'a str, i32, Option<&'a str>, Option<&'a str>);
    let cases: [Case<'_>; 8] = [
        (&[paris], "2026-11-23T09:59:59", 4, Some("FR-5"), Some("2026-11-23 10:00 CET")),
        (&[paris], "2026-11-23T10:00", 0, None, None),
        (&[paris], "2026-11-11T10:00", 4, Some("FR-5"), Some("2026-11-12 10:00 CET")),
        (&[paris], "2025-12-26T10:00", 0, None, None),
        (&alsace, "2025-12-26T10:00", 4, Some("FR-5"), Some("2025-12-29 10:00 CET")),
        (&[reunion], "2026-11-23T20:00", 4, Some("FR-5"), Some("2026-11-24 10:00 +04")),
        (&[paris, "--purpose", "contract"], "2026-11-22T03:00", 0, None, None),
        (&["+33639981234"], "2026-11-22T03:00", 0, None, None),
    ];
    for (number, at, exit, rule, opens) in cases {
        let output = run(&[&["law", "test", "--json", "--at", at], number].concat())?;
        let answer = json(&output)?;
        assert_eq!(code(&output)?, exit, "{number:?} {at} {answer}");
        assert_eq!(field(&answer, "/rule").as_str(), rule, "{number:?} {at} {answer}");
        assert_eq!(field(&answer, "/opens").as_str(), opens, "{number:?} {at} {answer}");
    }
    Ok(())
}

#[test]
fn a_country_whose_hours_nobody_knows_is_told() -> Claim {
    let at = ["law", "test", "--at", "2026-11-22T03:00"];
    let australia = ["+61412345678", "--zone", "Australia/Sydney"];
    for (number, known) in
        [(australia.as_slice(), false), (&["+442071838750"], false), (&["+33612345678"], true)]
    {
        let answer = json(&run(&[&at, number, &["--json"]].concat())?)?;
        assert_eq!(field(&answer, "/hours_known"), known, "{answer}");
        let told = text(&run(&[&at, number].concat())?.stdout)?.to_owned();
        assert_eq!(told.contains("no hours are known there"), !known, "{told}");
    }
    Ok(())
}

#[test]
fn every_rule_is_printed_with_its_source_and_a_wrong_name_is_helped() -> Claim {
    let all = json(&run(&["law", "list", "--json"])?)?;
    let all = all.as_array().ok_or("no list")?;
    assert!(all.len() >= 20 && all.iter().all(|rule| field(rule, "/source") != ""), "{all:?}");
    let one = run(&["--lang", "fr", "law", "show", "fr-6"])?;
    assert!(text(&one.stdout)?.contains("quatre fois au plus en trente jours"), "{one:?}");
    let wrong = run(&["law", "show", "FR-55"])?;
    assert_eq!(code(&wrong)?, 5);
    assert!(text(&wrong.stderr)?.contains("FR-5"), "{wrong:?}");
    Ok(())
}

#[test]
fn a_contact_the_law_protects_waits_and_its_campaign_names_the_rule() -> Claim {
    // Wherever it is about three in the morning now: the campaign calls at any hour, the law not.
    let now = Clock::start().now().wall.timestamp().to_zoned(TimeZone::UTC);
    let ahead = (3 - i32::from(now.hour())).rem_euclid(24);
    let zone = if ahead > 14 {
        format!("Etc/GMT+{}", 24 - ahead)
    } else {
        // POSIX counts the hours west of Greenwich.
        format!("Etc/GMT-{ahead}")
    };
    let engine = Engine::start()?;
    // Whoever is left alone now has consented to be called.
    let day = now.date().yesterday()?;
    let list = format!("ref;téléphone;zone;consentement\nK1;+33612345678;{zone};{day}\n");
    std::fs::write(engine.folder.path().join("list.csv"), list)?;
    engine.ask(&["list", "import", "list.csv", "--campaign", "essai"])?;
    engine.ask(&["agent", "add", "a1", "--sip", "sip:{name}@127.0.0.1:9"])?;
    engine.ask(&["agent", "login", "a1"])?;
    engine.ask(&["campaign", "start", "essai"])?;
    let show = ["campaign", "show", "essai"];
    let shown = engine.ask_until(&show, "/idle/cause", "contacts_wait")?;
    assert_eq!(field(&shown, "/idle/rule"), "window", "{shown}");
    assert_eq!(field(&shown, "/idle/law"), "FR-5", "{shown}");
    let told = engine.run(&["campaign", "show", "essai"])?;
    assert!(text(&told.stdout)?.contains("(FR-5, cadran law show FR-5) until 2"), "{told:?}");
    Ok(())
}
