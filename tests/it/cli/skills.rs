//! Skills and agents that change while a campaign runs.

use std::fs;
use std::path::Path;

use super::running::{Engine, field};
use super::{Claim, text};

/// Starts an engine whose campaign wants English, filled and running.
fn in_english() -> Result<Engine, Box<dyn std::error::Error>> {
    let engine = Engine::start_with(|folder| {
        let path = folder.join("campaigns/essai.toml");
        let file = fs::read_to_string(&path)?;
        fs::write(path, file.replace("mode =", "requires = [\"Anglais\"]\nmode ="))
    })?;
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("campaigns/lists/prospection.csv");
    let list = list.to_str().ok_or("a path that is no text")?;
    engine.ask(&["list", "import", list, "--campaign", "essai"])?;
    engine.ask(&["campaign", "start", "essai"])?;
    Ok(engine)
}

#[test]
fn a_skill_given_or_taken_while_the_campaign_runs_counts_at_once() -> Claim {
    let engine = in_english()?;
    let sip = ["--sip", "sip:{name}@127.0.0.1:9"];
    let add = |more: &[&str]| engine.ask(&[&["agent", "add", "a1"], &sip[..], more].concat());
    let cause = |wanted: &str| -> Claim {
        let shown = engine.ask(&["campaign", "show", "essai"])?;
        assert_eq!(field(&shown, "/idle/cause"), wanted, "{shown}");
        Ok(())
    };
    let added = add(&[])?;
    assert_eq!(field(&added, "/0/skills"), &serde_json::json!([]));
    engine.ask(&["agent", "login", "a1"])?;
    cause("nobody_skilled")?;
    for (lang, words) in [("en", "has the skill anglais"), ("fr", "n'a la compétence anglais")] {
        let shown = engine.run(&["campaign", "show", "essai", "--lang", lang])?;
        assert!(text(&shown.stdout)?.contains(words), "{shown:?}");
    }
    let doctor = |found: &str| -> Claim {
        let doctor = engine.run(&["doctor", "--lang", "en"])?;
        assert!(text(&doctor.stdout)?.contains(found), "{doctor:?}");
        Ok(())
    };
    doctor("essai: no agent of it has anglais")?;

    let able = add(&["--skill", "ANGLAIS", "--skill", "breton"])?;
    assert_eq!(field(&able, "/0/skills"), &serde_json::json!(["anglais", "breton"]));
    cause("no_phone")?;
    doctor("essai: agents with anglais: 1")?;
    assert_eq!(field(&add(&[])?, "/0/skills/0"), "anglais", "what is not named stays");
    add(&["--no-skill"])?;
    cause("nobody_skilled")
}

#[test]
fn skills_nobody_there_has_are_named_before_there_is_anybody_to_call() -> Claim {
    let engine = Engine::start_with(|folder| {
        let path = folder.join("campaigns/essai.toml");
        let file = fs::read_to_string(&path)?;
        fs::write(path, file.replace("mode =", "requires = [\"anglais\"]\nmode ="))
    })?;
    engine.ask(&["agent", "add", "a1", "a2", "--sip", "sip:{name}@127.0.0.1:9"])?;
    engine.ask(&["agent", "add", "a2", "--sip", "sip:a2@127.0.0.1:9", "--skill", "anglais"])?;
    engine.ask(&["agent", "login", "a1"])?;
    let shown = engine.ask(&["campaign", "show", "essai"])?;
    assert_eq!(field(&shown, "/unmet/0"), "anglais", "the stock is empty: {shown}");
    for (lang, words) in [("en", "who is signed in has anglais"), ("fr", "connecté n'a anglais")] {
        let shown = engine.run(&["campaign", "show", "essai", "--lang", lang])?;
        let told = text(&shown.stdout)?.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(words), "{told}");
    }
    engine.ask(&["agent", "login", "a2"])?;
    let shown = engine.ask(&["campaign", "show", "essai"])?;
    assert_eq!(field(&shown, "/unmet"), &serde_json::json!([]), "{shown}");
    Ok(())
}

#[test]
fn an_agent_who_is_removed_is_listed_no_more_and_may_come_back() -> Claim {
    let engine = in_english()?;
    let add = ["agent", "add", "a1", "--sip", "sip:{name}@127.0.0.1:9", "--skill", "anglais"];
    engine.ask(&add)?;
    engine.ask(&["agent", "login", "a1"])?;
    engine.ask(&["agent", "remove", "a1"])?;
    assert_eq!(engine.ask(&["agent", "list"])?, serde_json::json!([]));
    assert!(!engine.run(&["agent", "login", "a1"])?.status.success());
    let again = engine.ask(&add)?;
    assert_eq!(field(&again, "/0/state"), "logged_out");
    Ok(())
}
