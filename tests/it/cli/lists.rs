//! Lists that have come whole, and an engine that ends or a campaign that is gone before they are
//! read in.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use cadran::store::Place;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::Signal;

use super::running::{Engine, TRIES_MAX};
use super::{Claim, cadran, code, json, text};
use crate::store::fixture::{Look, announce};

/// Waits until so many files are kept in the folder of lists.
fn kept(engine: &Engine, wanted: usize) -> Claim {
    let folder = engine.folder.path().join("lists");
    for _ in 0..TRIES_MAX {
        if fs::read_dir(&folder).is_ok_and(|files| files.count() == wanted) {
            return Ok(());
        }
        engine.ask(&["health"])?;
    }
    Err(format!("never {wanted} files in {}", folder.display()).into())
}

#[tokio::test]
async fn a_list_that_waits_for_the_database_holds_no_engine_back_and_is_kept() -> Claim {
    let mut engine = Engine::start()?;
    let database = Place::File(engine.folder.path().join("cadran.db"));
    let mut other = Look::open(&database).await?;
    other.run("begin immediate").await?;
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("campaigns/lists/prospection.csv");
    let list = list.to_str().ok_or("a path that is no text")?;
    let mut import = engine.command(&["list", "import", list, "--campaign", "essai"]);
    let import = import.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    // The list and its order.
    kept(&engine, 2)?;
    engine.signal(Signal::SIGTERM)?;
    assert_eq!(engine.child.wait()?.code(), Some(0));
    let told = import.wait_with_output()?;
    let told = text(&told.stderr)?;
    assert!(told.contains("the next start reads it in"), "{told}");
    assert_eq!(fs::read_dir(engine.folder.path().join("lists"))?.count(), 2);
    Ok(())
}

#[test]
fn a_kept_list_that_can_never_be_read_in_is_let_go_of() -> Claim {
    let engine = Engine::start_with(|folder| {
        let lists = folder.join("lists");
        fs::create_dir(&lists)?;
        fs::write(lists.join("9-ab.list"), "telephone\n01 99 00 00 01\n")?;
        let order = "{\"campaign\":\"partie\",\"file\":\"mars.csv\",\"region\":null,\
                     \"zone\":null,\"sha256\":\"ab\",\"at\":1}";
        fs::write(lists.join("9-ab.order"), order)
    })?;
    kept(&engine, 0)
}

#[test]
fn a_dry_run_needs_nothing_but_the_list_and_keeps_what_its_columns_mean() -> Claim {
    let folder = tempfile::tempdir()?;
    let import = |arguments: &[&str]| {
        let mut command = cadran();
        command.current_dir(folder.path()).args(["list", "import", "--dry-run"]);
        command.args(arguments).output()
    };
    fs::write(folder.path().join("mars.csv"), "Nom;Joignable au\nA;01 99 00 00 01\n")?;
    let unknown = import(&["mars.csv"])?;
    assert_eq!(code(&unknown)?, 3);
    assert!(text(&unknown.stderr)?.contains("--columns"), "{unknown:?}");
    fs::write(folder.path().join("crm.toml"), "[columns]\n\"joignable au\" = \"fone\"\n")?;
    let wrong = import(&["mars.csv", "--columns", "crm.toml", "--lang", "fr"])?;
    assert_eq!(code(&wrong)?, 3);
    assert!(text(&wrong.stderr)?.contains("\"fone\" n'est pas un sens"), "{wrong:?}");
    fs::write(folder.path().join("crm.toml"), "[columns]\n\"joignable au\" = \"phone\"\n")?;
    let known = import(&["mars.csv", "--columns", "crm.toml", "--json"])?;
    assert_eq!(code(&known)?, 0, "{known:?}");
    assert_eq!(json(&known)?.pointer("/columns/Joignable au"), Some(&"phone".into()));
    fs::write(folder.path().join("avril.csv"), "ref,Tél\n1,01 99 00 00 01\n")?;
    let kept = import(&["avril.csv", "--columns", "avril.toml"])?;
    assert_eq!(code(&kept)?, 0, "{kept:?}");
    let columns = fs::read_to_string(folder.path().join("avril.toml"))?;
    assert!(columns.contains("\"Tél\" = \"phone\"\nref = \"external_id\""), "{columns}");
    assert_eq!(code(&import(&["avril.csv", "--columns", "avril.toml"])?)?, 0);
    Ok(())
}

#[test]
fn a_list_is_inspected_without_an_engine_and_nothing_is_written() -> Claim {
    let folder = tempfile::tempdir()?;
    let list = b"Nom;T\xe9l;Ville;type\r\nA;01 99 00 00 01;Lyon;pro\r\nB;0262 12 34 56;;pro\r\n\
        C;612345678;Nice;particulier\r\nD;12;Nice;\r\n";
    fs::write(folder.path().join("mars.csv"), list)?;
    let mut command = cadran();
    command.current_dir(folder.path()).args(["list", "inspect", "mars.csv"]);
    let looked = command.arg("--json").output()?;
    assert_eq!(code(&looked)?, 0, "{looked:?}");
    let told = json(&looked)?;
    for (place, wanted) in [
        ("/encoding", serde_json::json!("Windows-1252")),
        ("/delimiter", ";".into()),
        ("/columns/Tél", "phone".into()),
        ("/importable", 3.into()),
        ("/repaired", 1.into()),
        ("/reasons/number_short", 1.into()),
        ("/cells/1/title", "Tél".into()),
        ("/cells/1/filled", 4.into()),
        ("/cells/2/filled", 3.into()),
        ("/cells/2/example", "Lyon".into()),
        ("/whose/territories", serde_json::json!({ "FR": 1, "FR-974": 1, "fiction": 1 })),
        ("/whose/classes", serde_json::json!({ "fixed": 2, "mobile": 1 })),
        ("/whose/zones/Indian~1Reunion", 1.into()),
        ("/whose/persons", serde_json::json!({ "consumer": 1, "professional": 2 })),
    ] {
        assert_eq!(told.pointer(place), Some(&wanted), "{place}: {told}");
    }
    let mut command = cadran();
    command.current_dir(folder.path()).args(["list", "inspect", "mars.csv", "--lang", "fr"]);
    let looked = command.output()?;
    let told = text(&looked.stdout)?;
    for said in ["Tél → phone  4 remplies  « 01 99 00 00 01 »", "2 professionnels", "1 mobile"]
    {
        assert!(told.contains(said), "{said}: {told}");
    }
    assert_eq!(fs::read_dir(folder.path())?.count(), 1, "no file beside the list");
    Ok(())
}

#[test]
fn meanings_of_columns_are_kept_under_a_name_listed_shown_and_edited() -> Claim {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("mars.csv"), "Nom;Joignable au;CA\nA;01 99 00 00 01;12\n")?;
    let run = |arguments: &[&str]| {
        let mut command = cadran();
        command.current_dir(folder.path()).args(["--json", "list"]).args(arguments).output()
    };
    let unknown = run(&["map", "crm"])?;
    assert_eq!(code(&unknown)?, 5, "{unknown:?}");
    assert!(text(&unknown.stderr)?.contains("--from"), "{unknown:?}");
    let wrong = run(&["map", "crm", "--set", "CA=turnover"])?;
    assert_eq!(code(&wrong)?, 3, "{wrong:?}");
    assert!(!folder.path().join("columns").exists(), "what means nothing is not kept");
    let set = ["--set", "joignable au=phone", "--set", "CA=fields.turnover"];
    let made = run(&[&["map", "crm", "--from", "mars.csv"], &set[..]].concat())?;
    assert_eq!(code(&made)?, 0, "{made:?}");
    let columns =
        serde_json::json!({ "CA": "fields.turnover", "Nom": "name", "joignable au": "phone" });
    assert_eq!(json(&made)?.pointer("/columns"), Some(&columns));
    let import = run(&["import", "mars.csv", "--dry-run", "--columns", "crm"])?;
    assert_eq!(code(&import)?, 0, "{import:?}");
    assert_eq!(json(&import)?.pointer("/columns/CA"), Some(&"fields.turnover".into()));
    // A slip of the pen is no new mapping.
    let slip = run(&["import", "mars.csv", "--dry-run", "--columns", "crn"])?;
    assert_eq!(code(&slip)?, 5, "{slip:?}");
    assert!(!folder.path().join("columns/crn.toml").exists());
    let edited = run(&["map", "crm", "--unset", "ca", "--set", "NOM=ignored"])?;
    let columns = serde_json::json!({ "NOM": "ignored", "joignable au": "phone" });
    assert_eq!(json(&edited)?.pointer("/columns"), Some(&columns));
    assert_eq!(json(&run(&["map", "crm"])?)?.pointer("/columns"), Some(&columns), "it is kept");
    assert_eq!(code(&run(&["map", "crm", "--unset", "Ville"])?)?, 5);
    let all = json(&run(&["map"])?)?;
    assert_eq!(all.pointer("/0/name"), Some(&"crm".into()), "{all}");
    assert_eq!(all.as_array().map(Vec::len), Some(1), "{all}");
    Ok(())
}

#[test]
fn a_workbook_is_imported_once_and_references_taken_by_others_are_told() -> Claim {
    let engine = Engine::start()?;
    let lists = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/import/lists");
    let book = engine.folder.path().join("mars.xlsx");
    fs::copy(lists.join("classeur.xlsx"), &book)?;
    let import = |list: &str, more: &[&str]| {
        engine.run(&[&["list", "import", list, "--campaign", "essai", "--json"], more].concat())
    };
    let count = |output: &std::process::Output, key: &str| {
        Ok::<_, Box<dyn std::error::Error>>(json(output)?.get(key).and_then(|n| n.as_u64()))
    };
    let first = import("mars.xlsx", &[])?;
    assert_eq!(code(&first)?, 8, "{first:?}");
    assert_eq!((count(&first, "added")?, count(&first, "rejected")?), (Some(6), Some(4)));
    assert!(text(&first.stderr)?.contains("Ancien"), "the other sheet is told: {first:?}");
    assert!(book.with_extension("rejets.csv").exists());
    let again = import("mars.xlsx", &["--sheet", "prospects"])?;
    assert_eq!((count(&again, "added")?, count(&again, "known")?), (Some(0), Some(6)));
    let none = import("mars.xlsx", &["--sheet", "Avril"])?;
    assert!(text(&none.stderr)?.contains("Prospects, Ancien"), "{none:?}");
    for (file, digits) in [("a.csv", "0199005"), ("b.csv", "0199006")] {
        let records = format!("ref;tel\n1;{digits}001\n2;{digits}002\n");
        fs::write(engine.folder.path().join(file), records)?;
    }
    assert_eq!(count(&import("a.csv", &[])?, "added")?, Some(2));
    let taken = import("b.csv", &[])?;
    assert_eq!((count(&taken, "added")?, count(&taken, "ids_taken")?), (Some(0), Some(2)));
    assert!(text(&taken.stderr)?.contains("--columns"), "{taken:?}");
    fs::write(engine.folder.path().join("sans.toml"), "[columns]\nref = \"ignored\"\n")?;
    assert_eq!(count(&import("b.csv", &["--columns", "sans.toml"])?, "added")?, Some(2));
    fs::write(engine.folder.path().join("c.csv"), "tel;agent\n0199007001;nobody\n")?;
    let unknown = import("c.csv", &[])?;
    assert_eq!(code(&unknown)?, 8, "{unknown:?}");
    let rejects = fs::read_to_string(engine.folder.path().join("c.rejets.csv"))?;
    assert!(rejects.contains("agent_unknown"), "{rejects}");
    Ok(())
}

#[test]
#[ignore = "minutes, and told only where it is optimised: scripts/long import"]
fn lists_of_fifty_thousand_and_of_a_million_records_are_imported() -> Claim {
    for records in [50_000_u32, 1_000_000] {
        let engine = Engine::start()?;
        let mut list = String::from("ref;nom;prénom;téléphone;ville;cp\n");
        for n in 0..records {
            writeln!(list, "R{n};Martin{};Léa;0199{n:06};Lyon;69003", n % 977)?;
        }
        fs::write(engine.folder.path().join("liste.csv"), list)?;
        let import = ["list", "import", "liste.csv", "--campaign", "essai", "--consent-later"];
        let told = engine.ask(&import)?;
        assert_eq!(told.get("added"), Some(&records.into()), "{told}");
        let status = fs::read_to_string(format!("/proc/{}/status", engine.child.id()))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("?");
        let command = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss() / 1_024;
        announce(&format!(
            "{records} records in {} s, check included; at most{peak} in the engine, {command} MB \
             in the command",
            told.get("seconds").ok_or("no seconds")?,
        ));
    }
    Ok(())
}
