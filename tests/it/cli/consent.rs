//! Consents by the command line: imported, asked for, taken back, proved.

use std::fs;

use cadran::engine::clock::Clock;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;

use super::running::{Engine, field};
use super::{Claim, code, json, run, text};

/// Real numbers of nobody's acquaintance: the law holds for them.
const NUMBERS: [&str; 3] = ["+33612345678", "+33612345679", "+33612345680"];

/// The day so many days before today, on the clock of Paris, as French spreadsheets write it.
fn days_ago(days: i64) -> Result<String, Box<dyn std::error::Error>> {
    let paris = TimeZone::get("Europe/Paris")?;
    let today = Clock::start().now().wall.timestamp().to_zoned(paris).date();
    Ok(today.checked_sub(days.days())?.strftime("%d/%m/%Y").to_string())
}

#[test]
fn a_list_for_consumers_brings_its_consents_or_is_rejected() -> Claim {
    let engine = Engine::start()?;
    let folder = engine.folder.path();
    let [one, two, three] = NUMBERS;
    let list = format!(
        "tél;Date consentement;source consentement\n{one};{};formulaire\n{two};oui;\n{three};;\n\
         01 99 00 00 01;;\n+33612345681;{};\n+33612345682;{};\n",
        days_ago(365)?,
        days_ago(366)?,
        days_ago(-1)?,
    );
    fs::write(folder.join("mars.csv"), list)?;
    let import = ["list", "import", "mars.csv", "--campaign", "essai"];
    let dry =
        engine.run(&[&import[..], &["--dry-run", "--json", "--config", "cadran.toml"]].concat())?;
    assert_eq!(code(&dry)?, 8, "{dry:?}");
    let output = engine.run(&[&import[..], &["--json"]].concat())?;
    assert_eq!(code(&output)?, 8, "{output:?}");
    let told = json(&output)?;
    for told in [&told, &json(&dry)?] {
        assert_eq!(field(told, "/columns/Date consentement"), "consent.obtained_at");
        for reason in ["missing", "unreadable", "over", "future"] {
            assert_eq!(field(told, &format!("/reasons/consent_{reason}")), 1, "{reason} {told}");
        }
    }
    // A number kept for fiction is nobody's: no law is asked for it.
    assert_eq!((field(&told, "/added"), field(&told, "/consents_added")), (&2.into(), &1.into()));
    let rejects = fs::read_to_string(folder.join("mars.rejets.csv"))?;
    assert!(
        rejects.contains("Date consentement : écrivez un jour, par ex. 12/09/2026"),
        "{rejects}"
    );
    let french = engine.run(&[&import[..], &["--lang", "fr"]].concat())?;
    assert!(text(&french.stdout)?.contains("1 sans date de consentement ni contrat"), "{french:?}");
    let later = engine.ask(&[&import[..], &["--consent-later"]].concat())?;
    assert_eq!((field(&later, "/added"), field(&later, "/rejected")), (&4.into(), &0.into()));
    assert_eq!(field(&later, "/consents_unusable/consent_unreadable"), 1, "{later}");
    // Whoever calls reads what the consent is, too.
    let check = engine.ask(&["consent", "check", one])?;
    assert_eq!(field(&check, "/clients/0/basis"), "consent", "{check}");
    let proof = field(&check, "/clients/0/rights/0/proof").as_str().ok_or("no proof")?.to_owned();
    assert!(proof.starts_with("sha256:") && proof.ends_with(" line 2"), "{proof}");
    // A number is taken as a list may have it.
    let national = engine.ask(&["consent", "check", "06 12 34 56 78"])?;
    assert_eq!(field(&national, "/number"), one, "{national}");
    let none = engine.run(&["consent", "check", "0612", "--lang", "fr"])?;
    assert_eq!(code(&none)?, 3, "{none:?}");
    Ok(())
}

#[test]
fn a_campaign_waits_for_consents_and_says_so() -> Claim {
    let engine = Engine::start()?;
    let folder = engine.folder.path();
    let [one, ..] = NUMBERS;
    fs::write(folder.join("mars.csv"), format!("tél\n{one}\n"))?;
    engine.ask(&["list", "import", "mars.csv", "--campaign", "essai", "--consent-later"])?;
    engine.ask(&["agent", "add", "a1", "--sip", "sip:{name}@127.0.0.1:9"])?;
    engine.ask(&["agent", "login", "a1"])?;
    engine.ask(&["campaign", "start", "essai"])?;
    let show = ["campaign", "show", "essai"];
    let shown = engine.ask_until(&show, "/idle/rule", "no-consent")?;
    assert_eq!(field(&shown, "/idle/law"), "FR-1", "{shown}");
    assert_eq!(field(&shown, "/idle/refused/no-consent"), 1, "{shown}");
    let told = engine.run(&[&show[..], &["--lang", "fr"]].concat())?;
    assert!(text(&told.stdout)?.contains("cadran consent import"), "{told:?}");
    for (of, causes) in [(one, "/contacts/0/causes"), ("essai", "/causes")] {
        let why = engine.ask(&["why", of])?;
        let first = |key| field(&why, &format!("{causes}/0/{key}")).clone();
        assert_eq!((first("code"), first("law")), ("no-consent".into(), "FR-1".into()), "{why}");
        assert!(first("until").is_null() && field(&why, "/contacts/0/next").is_null(), "{why}");
    }
    fs::write(folder.join("oui.csv"), format!("tél;date\n{one};{}\n", days_ago(3)?))?;
    let given = engine.ask(&["consent", "import", "oui.csv", "--client", "Acme"])?;
    assert_eq!(field(&given, "/consents_added"), 1, "{given}");
    let why = engine.ask(&["why", one])?;
    assert_ne!(field(&why, "/contacts/0/causes/0/code"), "no-consent", "{why}");
    // At once, not tomorrow: the contact waits for hours or an agent's phone now.
    let due = |value: &serde_json::Value| field(value, "/idle/rule") != "no-consent";
    assert!(
        due(&engine.ask_until(&show, "/idle/refused/no-consent", 1)?) || {
            let mut tries = 0..super::running::TRIES_MAX;
            tries.any(|_| engine.ask(&show).is_ok_and(|shown| due(&shown)))
        }
    );
    Ok(())
}

#[test]
fn what_is_taken_back_counts_no_more_and_what_is_proved_can_be_checked() -> Claim {
    let engine = Engine::start()?;
    let folder = engine.folder.path();
    let [one, two, three] = NUMBERS;
    let list = format!(
        "tel;obtained_at;source;proof;hors horaires;contrat;objet contrat;fin contrat\n\
         {one};{};salon <b>;REF-1;oui;;;\n{two};;;;;C-9;pergola;{}\n{three};;;;;C-8;;\n",
        days_ago(3)?,
        days_ago(-30)?,
    );
    fs::write(folder.join("oui.csv"), list)?;
    let import = ["consent", "import", "oui.csv", "--client"];
    let unknown = engine.run(&[&import[..], &["Acmé"]].concat())?;
    assert_eq!(code(&unknown)?, 5, "{unknown:?}");
    let output = engine.run(&[&import[..], &["Acme", "--json"]].concat())?;
    assert_eq!(code(&output)?, 8, "{output:?}");
    let told = json(&output)?;
    assert_eq!(field(&told, "/reasons/contract_incomplete"), 1, "{told}");
    assert_eq!(field(&told, "/consents_added"), 2, "{told}");
    let check = |number: &str| -> Result<(i32, serde_json::Value), Box<dyn std::error::Error>> {
        let output = engine.run(&["consent", "check", number, "--json"])?;
        Ok((code(&output)?, field(&json(&output)?, "/clients/0").clone()))
    };
    let (exit, standing) = check(one)?;
    assert_eq!((exit, field(&standing, "/out_of_hours")), (0, &true.into()), "{standing}");
    let (exit, standing) = check(two)?;
    assert_eq!((exit, field(&standing, "/basis")), (0, &"contract".into()), "{standing}");
    let (exit, standing) = check(three)?;
    assert_eq!((exit, field(&standing, "/law")), (4, &"FR-1".into()), "{standing}");
    assert_eq!(field(&standing, "/rule"), "no-consent");

    let proved = engine.run(&["consent", "prove", one, "--to", "proofs", "--lang", "fr"])?;
    assert_eq!(code(&proved)?, 0, "{proved:?}");
    let file = folder.join("proofs/33612345678.json");
    let page = fs::read_to_string(file.with_extension("html"))?;
    assert!(page.contains("salon &lt;b&gt;") && page.contains("REF-1"), "{page}");
    assert!(page.contains("Consentements et contrats") && !page.contains("http"), "{page}");
    let path = file.to_str().ok_or("a path that is no text")?;
    assert_eq!(code(&run(&["consent", "prove", "--verify", path])?)?, 0, "without an engine");
    let key = engine.ask(&["audit", "key"])?;
    let key = field(&key, "/key").as_str().ok_or("no key")?.to_owned();
    let prove = ["consent", "prove", "--verify", path, "--lang", "fr"];
    let unpinned = run(&prove)?;
    assert!(text(&unpinned.stderr)?.contains("seul le fichier"), "{unpinned:?}");
    let pinned = run(&[&prove[..], &["--key", &key]].concat())?;
    assert_eq!(code(&pinned)?, 0, "{pinned:?}");
    assert!(!text(&pinned.stderr)?.contains("seul le fichier"), "{pinned:?}");
    let other = run(&[&prove[..], &["--key", &"0".repeat(64)]].concat())?;
    assert_eq!(code(&other)?, 4, "{other:?}");
    assert!(text(&other.stderr)?.contains("une autre clé"), "{other:?}");
    let signed = fs::read_to_string(&file)?;
    fs::write(&file, signed.replace("REF-1", "REF-2"))?;
    let changed = run(&["consent", "prove", "--verify", path, "--lang", "fr"])?;
    assert_eq!(code(&changed)?, 4, "{changed:?}");
    assert!(text(&changed.stderr)?.contains("modifié après sa signature"), "{changed:?}");

    let withdraw = ["consent", "withdraw", one, "--source", "lettre", "--client", "Acme"];
    let gone = engine.ask(&withdraw)?;
    assert_eq!(field(&gone, "/clients/0/may_call"), false, "{gone}");
    assert_eq!(check(one)?.0, 4);
    let again = engine.ask(&[&import[..], &["Acme", "--rejects", "r.csv"]].concat());
    assert!(again.is_err(), "one record is still incomplete");
    assert_eq!(check(one)?.0, 4, "the same list again revives nothing");
    let shown = engine.run(&["consent", "show", one, "--lang", "en"])?;
    assert!(text(&shown.stdout)?.contains("lettre"), "{shown:?}");
    Ok(())
}
