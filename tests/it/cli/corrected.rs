//! What agents correct comes out of the list again, and goes in without harm.

use std::fs;
use std::path::Path;

use cadran::carrier::Persona;
use cadran::engine::tasks::Tasks;
use cadran::store::{self, Correction, NewNumber, Store};
use cadran::units::{ContactId, Number};
use nix::sys::signal::Signal;

use super::running::{Engine, field};
use super::shown::{Centre, Line, NUMBER};
use super::{Claim, code, text};
use crate::store::fixture::{NOON, mobile};

const LIST: &str = "id;nom;téléphone;email;ville\nA1;Camille;0199001234;ancien@example.org;Paris\n\
                    A2;Dominique;0199001235;;=cmd()\n";

/// Corrects a contact in the database of an engine that does not run.
async fn corrected(folder: &Path, contact: u64) -> Result<(), Box<dyn std::error::Error>> {
    let settings = store::Settings {
        key: Some(folder.join("cadran.key")),
        ..crate::store::fixture::settings(folder)
    };
    let tasks = Tasks::new();
    let store = Store::open(settings, &tasks).await?;
    let agent = store.agent("amina").await?.ok_or("no agent")?.id;
    let said = [("email", "=nouveau@example.org"), ("fonction", "achats")];
    store
        .correct(&Correction {
            contact: ContactId(contact),
            fields: said.map(|(field, value)| (field.to_owned(), value.to_owned())).into(),
            added: vec![NewNumber { number: Number::new("+33199001299")?, ..mobile(77) }],
            wrong: Vec::new(),
            agent,
            call: None,
            source: "api".to_owned(),
            at: NOON,
        })
        .await?;
    drop(store);
    tasks.finished().await;
    Ok(())
}

#[test]
fn corrections_are_exported_and_undone_by_no_list() -> Claim {
    let engine = Engine::start()?;
    fs::write(engine.folder.path().join("liste.csv"), LIST)?;
    let import = ["list", "import", "liste.csv", "--campaign", "essai"];
    assert_eq!(field(&engine.ask(&import)?, "/added"), 2);
    engine.ask(&["agent", "add", "amina", "--sip", "sip:{name}@127.0.0.1:9"])?;
    let whole = engine.ask(&["list", "export", "essai"])?;
    let id = field(&whole, "/0/contact").as_u64().ok_or("no contact")?;
    assert_eq!(field(&whole, "/0/fields/email"), "ancien@example.org", "{whole}");
    // An agent who never had the contact corrects nothing.
    let named = id.to_string();
    let stranger = ["agent", "correct", "amina", "--contact", &named, "email=x"];
    let refused = engine.run(&stranger)?;
    assert_eq!(code(&refused)?, 6, "{refused:?}");
    engine.signal(Signal::SIGKILL)?;
    let engine = engine.again_after(|folder| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(corrected(folder, id))
    })?;
    let output = engine.run(&["list", "export", "essai", "--changed"])?;
    let csv = text(&output.stdout)?;
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines.len(), 2, "{csv}");
    assert!(
        csv.starts_with("\u{feff}id;nom;telephone_1;telephone_2;email;fonction;_fiche;"),
        "{csv}"
    );
    assert!(
        lines[1].starts_with("A1;;'+33199001234;'+33199001299;'=nouveau@example.org;achats;"),
        "{csv}"
    );
    assert!(lines[1].ends_with(";amina"), "{csv}");
    fs::write(engine.folder.path().join("corrections.csv"), csv)?;
    // Neither the file of corrections nor the list as it was changes anything.
    for file in ["corrections.csv", "liste.csv"] {
        let again = engine.ask(&["list", "import", file, "--campaign", "essai"])?;
        assert_eq!(field(&again, "/added"), 0, "{file}: {again}");
    }
    let told = engine.ask(&["list", "export", "essai", "--changed"])?;
    assert_eq!(field(&told, "/0/fields/email"), "=nouveau@example.org", "{told}");
    assert_eq!(field(&told, "/0/changes/0/before"), "ancien@example.org", "{told}");
    let output = engine.run(&["list", "export", "essai"])?;
    let csv = text(&output.stdout)?;
    assert!(csv.contains(";'=cmd();"), "{csv}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_corrected_on_the_card_is_the_one_that_is_dialled() -> Claim {
    let line = Line {
        everybody: (Persona::Talks, (603, "")),
        scale: 0.01,
        trunk: "channels = 9\ncalls_per_second = \"50/s\"\n",
        extra: [NUMBER, "[wrap]\nmax = \"10m\"\n"],
        agents: 1,
        mode: "preview",
    };
    let centre = Centre::of(&line, "ref;téléphone\nK1;0639980001\nK2;0639980003\n").await?;
    let engine = &centre.engine;
    engine.ask_until(&["agent", "list"], "/0/state", "previewing")?;
    let (wrong, right) = ("+33639980001", "+33639980002");
    let correct = ["agent", "correct", "a1", "--wrong-number", wrong, "--number", right];
    assert_eq!(field(&engine.ask(&correct)?, "/changed"), 2);
    engine.ask(&["agent", "dial", "a1"])?;
    let calls = engine.ask_until(&["call", "list"], "/calls/0/to", right)?;
    assert_eq!(field(&calls, "/calls/1"), &serde_json::Value::Null, "{calls}");
    engine.ask_until(&["agent", "list"], "/0/state", "wrapping")?;
    // A call that is named must be one with this contact.
    let call = field(&calls, "/calls/0/call").as_u64().ok_or("no call")?.to_string();
    let contact = field(&calls, "/calls/0/contact").as_u64().ok_or("no contact")?;
    let said = |contact: u64, call: &str| {
        let (contact, field) = (contact.to_string(), "email=x@example.org");
        engine.run(&["agent", "correct", "a1", "--contact", &contact, "--call", call, field])
    };
    let whole = engine.ask(&["list", "export", "essai"])?;
    let other = [0, 1].map(|nth| field(&whole, &format!("/{nth}/contact")).as_u64());
    let other = other.into_iter().flatten().find(|id| *id != contact).ok_or("a second contact")?;
    let unknown = said(contact, "999999")?;
    assert_eq!(code(&unknown)?, 5, "{unknown:?}");
    let strange = said(other, &call)?;
    assert!(text(&strange.stderr)?.contains("a call with another contact"), "{strange:?}");
    let own = said(contact, &call)?;
    assert_eq!(code(&own)?, 0, "{own:?}");
    centre.tasks.abort();
    Ok(())
}
