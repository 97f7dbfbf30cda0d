//! What somebody meets who uses the program for the first time.

use std::error::Error;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;

use cadran::store::Place;
use nix::sys::signal::Signal;

use super::running::{Engine, field, free_port};
use super::{Claim, cadran, code, json, run, text};
use crate::ports::audio_range;
use crate::store::fixture::House;

/// Answers asked for until one is as it should be: each takes some 5 ms.
const TRIES_MAX: u32 = 2_000;

/// Asks until the answer is yes, or too often.
fn until(asked: impl Fn() -> Result<bool, Box<dyn Error>>) -> Result<bool, Box<dyn Error>> {
    for _ in 0..TRIES_MAX {
        if asked()? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[test]
fn a_terminal_that_goes_away_drains_the_engine() -> Claim {
    let mut engine = Engine::start()?;
    engine.signal(Signal::SIGHUP)?;
    assert_eq!(engine.child.wait()?.code(), Some(0));
    assert!(!engine.folder.path().join("cadran.sock").exists());
    Ok(())
}

#[test]
fn nothing_makes_calls_while_the_engine_leaves() -> Claim {
    let phone = UdpSocket::bind("127.0.0.1:0")?;
    let mut engine = Engine::start()?;
    let uri = format!("sip:a1@{}", phone.local_addr()?);
    engine.ask(&["agent", "add", "a1", "--sip", &uri])?;
    engine.ask(&["agent", "login", "a1"])?;
    // The phone says nothing to its INVITE, so that its leg keeps the engine from leaving.
    engine.signal(Signal::SIGTERM)?;
    let leaves = || Ok(field(&engine.ask(&["health"])?, "/draining") == true);
    assert!(until(leaves)?, "the engine never leaves");
    let trial = ["trunk", "test", "t1", "--to", "+33972101010"];
    let levers: [&[&str]; 3] = [&["campaign", "start", "essai"], &["agent", "login", "a1"], &trial];
    for lever in levers {
        let refused = engine.run(lever)?;
        assert_eq!(code(&refused)?, 6, "{refused:?}");
        assert!(text(&refused.stderr)?.contains("the engine is leaving"), "{refused:?}");
    }
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("campaigns/lists/prospection.csv");
    let list = list.to_str().ok_or("a path that is no text")?;
    let imported = engine.ask(&["list", "import", list, "--campaign", "essai"])?;
    assert_eq!(field(&imported, "/added"), 60);
    engine.signal(Signal::SIGTERM)?;
    engine.child.wait()?;
    Ok(())
}

#[test]
fn the_files_of_the_documentation_serve() -> Claim {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (sip, (rtp, rtp_last)) = (free_port()?, audio_range()?);
    let engine = Engine::start_with(|folder| {
        let settings = fs::read_to_string(root.join("docs/cadran.toml"))?;
        let settings = settings.replace("192.0.2.10:5060", &format!("127.0.0.1:{sip}"));
        let settings = settings.replace("20000-29999", &format!("{rtp}-{rtp_last}"));
        fs::write(folder.join("cadran.toml"), settings)?;
        fs::remove_file(folder.join("campaigns/essai.toml"))?;
        fs::copy(
            root.join("campaigns/prospection-fr.toml"),
            folder.join("campaigns/prospection-fr.toml"),
        )?;
        fs::create_dir(folder.join("secrets"))?;
        for (name, secret) in [
            ("ovh-1", "a password"),
            ("webhook", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            ("acme-jardin.key", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ] {
            fs::write(folder.join("secrets").join(name), secret)?;
        }
        Ok(())
    })?;
    // The carrier of the example has no address: its trunk is down, and the engine serves.
    let down = || Ok(field(&engine.ask(&["trunk", "list"])?, "/0/up") == false);
    assert!(until(down)?, "the trunk stays up");
    Ok(())
}

#[test]
fn an_agent_who_is_out_may_be_signed_out_and_must_sign_in_to_work() -> Claim {
    let engine = Engine::start()?;
    engine.ask(&["agent", "add", "a1", "--sip", "sip:{name}@127.0.0.1:9"])?;
    assert_eq!(field(&engine.ask(&["agent", "logout", "a1"])?, "/0/state"), "logged_out");
    let refused = engine.run(&["agent", "ready", "a1"])?;
    assert_eq!(code(&refused)?, 6);
    assert!(
        text(&refused.stderr)?.contains("→ sign in first: cadran agent login a1"),
        "{refused:?}"
    );
    Ok(())
}

#[test]
fn a_campaign_started_without_contacts_says_so() -> Claim {
    let engine = Engine::start()?;
    let started = engine.run(&["campaign", "start", "essai"])?;
    assert_eq!(code(&started)?, 0);
    let told = text(&started.stderr)?;
    assert!(told.contains("cadran list import FILE --campaign essai"), "{told}");
    Ok(())
}

#[test]
fn rejects_are_written_for_a_campaign_that_is_there() -> Claim {
    let engine = Engine::start()?;
    let list = engine.folder.path().join("mars.csv");
    fs::write(&list, "nom;tel\nA;01 99 00 00 01\nB;3,36E+10\n")?;
    let unknown = engine.run(&["list", "import", "mars.csv", "--campaign", "esai"])?;
    assert_eq!(code(&unknown)?, 5, "{unknown:?}");
    assert!(!list.with_extension("rejets.csv").exists());
    let known = engine.run(&["list", "import", "mars.csv", "--campaign", "essai"])?;
    assert_eq!(code(&known)?, 8, "{known:?}");
    assert!(list.with_extension("rejets.csv").exists());
    Ok(())
}

#[test]
fn mended_rejects_are_never_written_over() -> Claim {
    let folder = tempfile::tempdir()?;
    let list = folder.path().join("mars.csv");
    fs::write(&list, "nom;tel\nA;01 99 00 00 01\nB;3,36E+10\n")?;
    let dry_run = || {
        let arguments = ["list", "import", "--campaign", "x", "--dry-run", "mars.csv"];
        cadran().args(arguments).current_dir(folder.path()).output()
    };
    let (first, second) = (list.with_extension("rejets.csv"), list.with_extension("rejets-2.csv"));
    assert_eq!((code(&dry_run()?)?, code(&dry_run()?)?), (8, 8));
    assert!(first.exists() && !second.exists());
    let mended = fs::read_to_string(&first)?.replace("3,36E+10", "01 99 00 00 02");
    fs::write(&first, &mended)?;
    assert!(text(&dry_run()?.stderr)?.contains("mars.rejets-2.csv"));
    assert_eq!(fs::read_to_string(&first)?, mended);
    let arguments = ["list", "import", "--campaign", "x", "--dry-run", "--json"];
    let report = json(&cadran().args(arguments).arg(&first).output()?)?;
    let columns = report.pointer("/columns").ok_or("no columns")?;
    for ours in ["_ligne", "_motif", "_correction_proposee"] {
        assert_eq!(columns.get(ours), Some(&"ignored".into()), "{columns}");
    }
    Ok(())
}

#[test]
fn words_that_mean_nothing_are_answered_in_words() -> Claim {
    let region = ["list", "import", "a.csv", "--campaign", "x", "--region", "XX"];
    let cases: [(&[&str], i32, &str); 3] = [
        (&region, 2, " FR "),
        (&["call", "show", "abc"], 2, "such as 42"),
        (&["doctor", "--config", "nowhere.toml"], 3, "copy docs/cadran.toml"),
    ];
    for (arguments, expected, said) in cases {
        let output = run(arguments)?;
        let told = [text(&output.stdout)?, text(&output.stderr)?].concat();
        assert_eq!(code(&output)?, expected, "{told}");
        assert!(
            told.split_whitespace().collect::<Vec<_>>().join(" ").contains(said.trim()),
            "{told}"
        );
    }
    let output = run(&["serve", "--config", "nowhere.toml", "--json"])?;
    let told: serde_json::Value = serde_json::from_slice(&output.stderr)?;
    let hint = told.get("hint").and_then(serde_json::Value::as_str).unwrap_or_default();
    assert!(hint.contains("copy docs/cadran.toml"), "{told}");
    let message = told.get("message").and_then(serde_json::Value::as_str).unwrap_or_default();
    assert!(!message.contains('→'), "{told}");
    Ok(())
}

#[test]
fn the_doctor_finds_what_would_keep_calls_from_being_made() -> Claim {
    let project = crate::campaigns::project()?;
    fs::create_dir(project.path().join("secrets"))?;
    fs::write(project.path().join("secrets/webhook"), "too short")?;
    let output = cadran().args(["doctor", "--json"]).current_dir(project.path()).output()?;
    assert_eq!(code(&output)?, 3);
    let checks = json(&output)?;
    let checks = checks.as_array().ok_or("no list")?;
    let found = |what: &str, found: &str, fix: &str| {
        let said = |check: &serde_json::Value, key: &str, part: &str| {
            let text = check.get(key).and_then(serde_json::Value::as_str);
            text.is_some_and(|text| text.contains(part))
        };
        let wanted = |check: &&serde_json::Value| {
            said(check, "what", what) && said(check, "found", found) && said(check, "fix", fix)
        };
        checks.iter().find(wanted).map(|_| ()).ok_or_else(|| format!("{what}: {checks:#?}"))
    };
    found("webhook secret", "cadran.toml", "openssl rand -base64 32")?;
    found("webhook secret", "rendez-vous-fr", "export CADRAN_WEBHOOK_METALLERIE=")?;
    found("trunk secret", "ovh-1", "secrets/ovh-1")?;
    found("trunk host", "siptrunk.example", "correct `host`")?;
    Ok(())
}

#[tokio::test]
async fn the_doctor_misses_a_lost_key_file_as_the_engine_does() -> Claim {
    let project = crate::campaigns::project()?;
    let database = project.path().join("cadran.db");
    let doctor = || -> Result<String, Box<dyn Error>> {
        let output = cadran().args(["doctor", "--json"]).current_dir(project.path()).output()?;
        let checks = json(&output)?;
        let checks = checks.as_array().ok_or("no list")?;
        let key = checks.iter().find(|check| field(check, "/what") == "key file");
        let key = key.ok_or_else(|| format!("no key file: {checks:#?}"))?;
        Ok(format!("{} {}", field(key, "/verdict"), field(key, "/found")))
    };
    assert!(doctor()?.starts_with("\"fine\""), "a new database makes one: {}", doctor()?);
    let (_folder, settings) = House::at(Place::File(database)).await?.closed().await;
    let told = doctor()?;
    assert!(told.starts_with("\"wrong\"") && told.contains("cadran.key"), "{told}");
    fs::copy(settings.key.ok_or("a house has a key")?, project.path().join("cadran.key"))?;
    assert!(doctor()?.starts_with("\"fine\""), "{}", doctor()?);
    Ok(())
}
