//! What `cadran gdpr` tells, erases and forgets.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use cadran::store::Place;
use nix::sys::signal::Signal;

use super::running::{Engine, field};
use super::{Claim, code, text};
use crate::store::fixture::Look;

/// A contact's mobile number, kept for fiction.
fn number(n: u32) -> String {
    format!("+33639980{n:03}")
}

/// An engine whose campaign has so many contacts; the list itself is gone.
fn filled(contacts: u32) -> Result<Engine, Box<dyn Error>> {
    let engine = Engine::start()?;
    let mut list = "nom;téléphone;ville\n".to_owned();
    for n in 0..contacts {
        list.push_str(&format!("Durand{n:03};0639980{n:03};Villeneuve{n:03}\n"));
    }
    let file = engine.folder.path().join("liste.csv");
    fs::write(&file, list)?;
    let report = engine.ask(&["list", "import", "liste.csv", "--campaign", "essai"])?;
    assert_eq!(field(&report, "/added"), contacts, "{report}");
    fs::remove_file(file)?;
    Ok(engine)
}

/// Whether a text stands in any file below a folder.
fn stands(folder: &Path, wanted: &str) -> Result<bool, std::io::Error> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if stands(&path, wanted)? {
                return Ok(true);
            }
        } else if path.is_file() {
            let bytes = fs::read(&path)?;
            if bytes.windows(wanted.len()).any(|window| window == wanted.as_bytes()) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

#[test]
fn a_person_is_told_everything_and_then_erased_for_good() -> Claim {
    let engine = filled(3)?;
    let (folder, who) = (engine.folder.path(), number(1));
    engine.ask(&["campaign", "start", "essai"])?;
    let told = engine.run(&["gdpr", "export", &who, "--to", "answers", "--lang", "fr"])?;
    assert_eq!(code(&told)?, 0, "{told:?}");
    let page = fs::read_to_string(folder.join("answers/33639980001.html"))?;
    for said in ["Durand001", "Villeneuve001", "+33639980001", "Données personnelles"] {
        assert!(page.contains(said), "{said} is not in {page}");
    }
    let json = fs::read_to_string(folder.join("answers/33639980001.json"))?;
    assert!(json.contains("Villeneuve001") && !json.contains("Durand002"), "{json}");
    // Beside the data, what article 15 asks to be told of it.
    for said in ["Finalités", "prospection commerciale", "fichier liste.csv", "la CNIL", "fiches :"]
    {
        assert!(page.contains(said), "{said} is not in {page}");
    }
    let whole: serde_json::Value = serde_json::from_str(&json)?;
    assert_eq!(field(&whole, "/processing/purposes/0/purpose"), "prospecting", "{whole}");
    assert_eq!(field(&whole, "/processing/retention/0/days"), 1098, "{whole}");
    assert_eq!(field(&whole, "/contacts/0/source/file"), "liste.csv", "{whole}");
    let clients = field(&whole, "/processing/recipients").to_string();
    assert!(clients.contains(r#""kind":"client","name":"Acme""#), "{clients}");
    fs::remove_dir_all(folder.join("answers"))?;
    // What would be erased is told, and nothing is without a word for it.
    let would = engine.ask(&["gdpr", "erase", &who, "--dry-run"])?;
    assert_eq!((field(&would, "/numbers"), field(&would, "/dry_run")), (&1.into(), &true.into()));
    let unsure = engine.run(&["gdpr", "erase", "06 39 98 00 01"])?;
    assert_eq!(code(&unsure)?, 4, "{unsure:?}");
    let held = engine.ask(&["gdpr", "export", &who])?;
    assert_eq!(field(&held, "/contacts/0/name"), "Durand001", "{held}");
    let id = field(&held, "/contacts/0/contact").to_string();
    let erased = engine.run(&["gdpr", "erase", "06 39 98 00 01", "--yes", "--lang", "en"])?;
    assert_eq!(code(&erased)?, 0, "{erased:?}");
    assert!(text(&erased.stderr)?.contains("cadran dnc add"), "{erased:?}");
    let again = engine.ask(&["gdpr", "erase", "--contact", &id, "--yes"])?;
    assert_eq!(field(&again, "/contacts"), &serde_json::json!([]), "{again}");
    let held = engine.ask(&["gdpr", "export", &who])?;
    assert_eq!(field(&held, "/contacts"), &serde_json::json!([]), "{held}");
    // That it was done is on the record, which still verifies.
    let chain = engine.ask(&["audit", "show", "--number", &who])?;
    assert_eq!(field(&chain, "/0/kind"), "erased", "{chain}");
    let verified = engine.ask(&["audit", "verify"])?;
    assert_eq!(field(&verified, "/sound"), true, "{verified}");
    // In no file there is a trace of him; of whoever stays, only sealed ones.
    for trace in ["39980001", "Durand001", "Villeneuve001", "39980002", "Durand002"] {
        assert!(!stands(folder, trace)?, "{trace} stands in a file");
    }
    let why = engine.ask(&["why", &id])?;
    assert!(why.to_string().contains("\"erased\""), "{why}");
    // A wish of before or after holds for a list that comes later.
    engine.ask(&["dnc", "add", &who])?;
    fs::write(folder.join("encore.csv"), "nom;téléphone\nDurand;0639980001\n")?;
    let list = engine.ask(&["list", "import", "encore.csv", "--campaign", "essai"])?;
    assert_eq!((field(&list, "/added"), field(&list, "/do_not_call")), (&1.into(), &1.into()));
    // What the tape tells names nobody: it replays as before.
    engine.ask(&["campaign", "stop", "essai"])?;
    engine.signal(Signal::SIGTERM)?;
    let mut engine = engine;
    engine.child.wait()?;
    let tape = fs::read_dir(folder_of(&engine).join("tapes"))?.next().ok_or("no tape")??.path();
    let tape = tape.to_str().ok_or("a path that is no text")?.to_owned();
    let replayed = engine.ask(&["replay", "verify", &tape])?;
    assert_eq!(field(&replayed, "/0/ending"), "same", "{replayed}");
    Ok(())
}

fn folder_of(engine: &Engine) -> &Path {
    engine.folder.path()
}

#[test]
fn nobody_is_meant_by_two_and_old_data_is_counted() -> Claim {
    let engine = filled(1)?;
    for wrong in [
        &["gdpr", "erase", "--yes"][..],
        &["gdpr", "erase", "+33639980000", "--contact", "1", "--yes"],
        &["gdpr", "export", "12"],
    ] {
        let refused = engine.run(wrong)?;
        assert_ne!(code(&refused)?, 0, "{refused:?}");
    }
    for how in [&["gdpr", "purge", "--dry-run"][..], &["gdpr", "purge"]] {
        let purged = engine.ask(how)?;
        assert_eq!(field(&purged, "/contacts"), 0, "{purged}");
    }
    let held = engine.ask(&["gdpr", "export", &number(0)])?;
    assert_eq!(field(&held, "/contacts/0/name"), "Durand000", "{held}");
    // A proof that must be kept for years is not thrown away by a slip of the keys.
    let settings = folder_of(&engine).join("cadran.toml");
    let usual = fs::read_to_string(&settings)?;
    for (kept, exit) in [("contacts = \"365d\"", 0), ("proofs = \"30d\"", 3)] {
        fs::write(&settings, format!("{usual}\n[retention]\n{kept}\n"))?;
        let checked = engine.run(&["campaign", "validate"])?;
        assert_eq!(code(&checked)?, exit, "{kept}: {checked:?}");
    }
    Ok(())
}

/// Kills, and persons who are erased at once in each.
const ROUNDS: u32 = 4;
const AT_ONCE: u32 = 8;

/// Contacts with part of what makes them one, or erased ones with any of it.
const HALVES: &str = "select count(*) from contact c
    where (c.erased_at is null) <> exists
        (select 1 from contact_personal p where p.contact_id = c.id)
      or (c.erased_at is null) <> exists (select 1 from number n where n.contact_id = c.id)
      or (c.erased_at is null) <> exists (select 1 from number n
        join person_personal d on d.person_id = n.person_id where n.contact_id = c.id)
      or (c.erased_at is null) = exists (select 1 from erased_number e where e.contact_id = c.id)";

#[test]
fn an_engine_killed_while_it_erases_leaves_nobody_half_erased() -> Claim {
    let mut engine = filled(ROUNDS * AT_ONCE)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let place = Place::File(folder_of(&engine).join("cadran.db"));
    let mut whole = 0;
    for round in 0..ROUNDS {
        let mut erasing = Vec::new();
        for n in round * AT_ONCE..(round + 1) * AT_ONCE {
            let mut erase = engine.command(&["gdpr", "erase", &number(n), "--yes"]);
            erasing.push(erase.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        }
        // So many are through when the engine dies; the others are somewhere in between.
        let through = usize::try_from(round)?;
        for erase in erasing.iter_mut().take(through) {
            erase.wait()?;
        }
        engine.restart()?;
        for mut erase in erasing {
            erase.wait()?;
        }
        let halves = runtime.block_on(async { Look::open(&place).await?.count(HALVES).await })?;
        assert_eq!(halves, 0, "after kill {round}");
        for n in round * AT_ONCE..(round + 1) * AT_ONCE {
            let held = engine.ask(&["gdpr", "export", &number(n)])?;
            let name = field(&held, "/contacts/0/name");
            let gone = field(&held, "/contacts") == &serde_json::json!([]);
            assert!(gone || name == &format!("Durand{n:03}"), "{held}");
            whole += u32::from(!gone);
            // Whoever asked again is erased then.
            let again = engine.ask(&["gdpr", "erase", &number(n), "--yes"])?;
            assert_eq!(field(&again, "/numbers"), u32::from(!gone), "{again}");
            assert!(!stands(folder_of(&engine), &format!("Durand{n:03}"))?);
        }
    }
    assert!(whole > 0, "no kill came before an erasure");
    let verified = engine.ask(&["audit", "verify"])?;
    assert_eq!(field(&verified, "/sound"), true, "{verified}");
    Ok(())
}
