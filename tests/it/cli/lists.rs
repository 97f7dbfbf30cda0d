//! Lists that have come whole, and an engine that ends or a campaign that is gone before they are
//! read in.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use cadran::store::Place;
use nix::sys::signal::Signal;

use super::running::{Engine, TRIES_MAX};
use super::{Claim, text};
use crate::store::fixture::Look;

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
