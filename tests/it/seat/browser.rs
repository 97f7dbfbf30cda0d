//! The page in a headless Chromium, driven by keys alone; `tests/page/` holds what is pressed.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use super::{Centre, Claim, DAYS, closed_day};

/// Where the browser may be.
const CHROMIUM: [&str; 2] = ["/usr/bin/chromium", "/usr/bin/google-chrome"];

/// Gives the folder of the browser's tests where all they need is installed; tells aloud what is
/// missing, and fails for it where `CI` is true.
#[expect(clippy::print_stderr, reason = "a test that cannot run says so aloud")]
fn installed() -> Claim<Option<(PathBuf, &'static str)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page");
    let browser = CHROMIUM.into_iter().find(|place| Path::new(place).exists());
    let missing = match browser {
        None => "Chromium is missing: apt-get install chromium",
        Some(browser) if folder.join("node_modules/playwright-core").exists() => {
            return Ok(Some((folder, browser)));
        }
        Some(_) => "the browser's driver is missing: npm ci --prefix tests/page",
    };
    if std::env::var("CI").is_ok_and(|ci| ci == "true") {
        return Err(missing.into());
    }
    eprintln!("note: the page is not tested: {missing}");
    Ok(None)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shift_is_worked_by_keys_in_a_browser() -> Claim {
    let Some((folder, browser)) = installed()? else { return Ok(()) };
    let centre = Centre::open("progressive", 12).await?;
    let driven = Command::new("node")
        .arg("desk.mjs")
        .current_dir(folder)
        .env("PAGE", centre.url("desk/"))
        .env("CHROMIUM", browser)
        .env("CLOSED_DAY", DAYS[closed_day()])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let driven = driven.await?;
    let told = String::from_utf8_lossy(&driven.stderr);
    assert!(driven.status.success(), "{told}\n{}", String::from_utf8_lossy(&driven.stdout));
    let calls = centre.get("calls?limit=50").await?;
    let calls = calls["calls"].as_array().ok_or("no calls")?;
    let said: Vec<_> = calls.iter().rev().map(|call| call["disposition"].clone()).collect();
    let expected = ["refus", "rappel", "opposition", "vente"].map(|code| json!(code));
    assert_eq!(said.get(..4), Some(&expected[..]), "{calls:?}");
    let sale = calls.iter().find(|call| call["disposition"] == "vente").ok_or("no sale")?;
    assert_eq!(sale["details"]["amount_cents"], 14_990);
    centre.close();
    Ok(())
}
