//! Routes by prefix and their fall-back, over real SIP: two virtual carriers, one without room.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use cadran::carrier::{self, CarrierHandle, Cast, Persona, PhoneSettings, Town};
use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
use serde_json::Value;

use super::running::{Engine, TRIES_MAX, field};
use super::{Claim, text};

/// Contacts: as many with a mobile as with a fixed line, all numbers kept for fiction
/// (Arcep, décision 2018-0881).
const CONTACTS: u32 = 40;

/// Starts a carrier where everybody is the same and lives twenty times faster.
async fn town(everybody: Persona, tasks: &Tasks) -> std::io::Result<CarrierHandle> {
    let town = Town { cast: Cast::Only(everybody), scale: 0.05, ..Town::default() };
    let settings = carrier::Settings { town, ..carrier::Settings::default() };
    carrier::start(settings, Clock::start(), tasks).await
}

/// Mobiles go over the cheapest of two trunks, which refuses every call, the rest over the other.
fn write(folder: &Path, cheap: SocketAddr, good: SocketAddr) -> std::io::Result<()> {
    let path = folder.join("cadran.toml");
    let (head, _) = fs::read_to_string(&path)?
        .split_once("[[caller_id]]")
        .map(|(head, tail)| (head.to_owned(), tail.to_owned()))
        .ok_or_else(|| std::io::Error::other("the project has no trunk"))?;
    let trunk = |name: &str, host: SocketAddr| {
        format!(
            "[[trunk]]\nname = \"{name}\"\nhost = \"{host}\"\nchannels = 9\n\
             calls_per_second = \"50/s\"\noptions_every = \"never\"\n\
             rest_after = \"3/10m\"\nrest_min = \"10m\"\n"
        )
    };
    let shown = "[[caller_id]]\nnumber = \"+33162000000\"\nchannels = 5\n";
    fs::write(&path, head + &trunk("cheap", cheap) + &trunk("good", good) + shown)?;
    let path = folder.join("campaigns/essai.toml");
    let campaign = fs::read_to_string(&path)?.replace("\"t1\"", "\"good\"");
    let routes = "[[route]]\nto = [\"+336\", \"+337\"]\n\
                  over = [{ trunk = \"cheap\", cost = 0.01 }, { trunk = \"good\", cost = 0.02 }]\n\
                  [wrap]\nmax = \"0s\"\n";
    fs::write(path, campaign + routes)?;
    let mut list = String::from("ref;nom;téléphone\n");
    for nth in 0..CONTACTS {
        let block = if nth % 2 == 0 { "06399800" } else { "01990000" };
        writeln!(list, "K{nth};Moreau;{block}{nth:02}").map_err(std::io::Error::other)?;
    }
    fs::write(folder.join("liste.csv"), list)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_cheapest_trunk_refuses_goes_over_the_next_and_it_is_left_alone() -> Claim {
    let tasks = Tasks::new();
    let cheap = town(Persona::Congested, &tasks).await?;
    let good = town(Persona::Talks, &tasks).await?;
    let settings = PhoneSettings { count: 2, ..PhoneSettings::default() };
    let phones = carrier::start_phones(settings, Clock::start(), &tasks).await?;
    let engine = Engine::start_with(|folder| write(folder, cheap.addr(), good.addr()))?;
    let list = engine.folder.path().join("liste.csv");
    let list = list.to_str().ok_or("a path that is no text")?;
    engine.ask(&["list", "import", list, "--campaign", "essai"])?;
    for (nth, name) in [(1, "a1"), (2, "a2")] {
        engine.ask(&["agent", "add", name, "--sip", &phones.contact(nth)])?;
        engine.ask(&["agent", "login", name])?;
        engine.ask(&["agent", "ready", name])?;
    }
    engine.ask(&["campaign", "start", "essai"])?;
    let rests = engine.ask_until(&["trunk", "list"], "/0/up", false)?;
    assert!(field(&rests, "/0/rests_s").as_f64() > Some(60.0), "{rests}");
    assert_eq!(field(&rests, "/1/up"), true, "{rests}");
    let told = engine.run(&["trunk", "list", "--lang", "fr"])?;
    assert!(text(&told.stdout)?.contains("au repos"), "{told:?}");
    let refused = all_carried(&engine)?;
    engine.ask(&["campaign", "drain", "essai"])?;
    engine.ask_until(&["campaign", "show", "essai"], "/state", "stopped")?;

    assert!((3..=4).contains(&refused.len()), "three in a row, and who rang beside: {refused:?}");
    for (call, again) in &refused {
        assert_eq!(field(call, "/outcome"), "congestion", "{call}");
        assert_eq!(field(again, "/attempt"), 2, "{again}");
    }
    assert_eq!(usize::try_from(cheap.stats().offered), Ok(refused.len()));
    let quality = engine.ask(&["trunk", "quality", "cheap"])?;
    assert_eq!(field(&quality, "/trunk"), "cheap");
    tasks.abort();
    Ok(())
}

/// Waits until somebody answered over the good trunk whom the cheap one refused, for every one of
/// its calls; gives each with the call that came through.
fn all_carried(engine: &Engine) -> Result<Vec<(Value, Value)>, Box<dyn std::error::Error>> {
    for _ in 0..TRIES_MAX {
        let listed = engine.ask(&["call", "list", "--limit", "200"])?;
        let calls = field(&listed, "/calls").as_array().ok_or("no list of calls")?;
        let refused = calls.iter().filter(|call| field(call, "/trunk") == "cheap");
        let carried = |call: &Value| {
            let again = calls.iter().find(|other| {
                field(other, "/trunk") == "good"
                    && field(other, "/contact") == field(call, "/contact")
                    && field(other, "/answered_at").is_string()
            })?;
            Some((call.clone(), again.clone()))
        };
        if let Some(all) = refused.map(carried).collect() {
            return Ok(all);
        }
    }
    Err(format!("in {TRIES_MAX} answers somebody was called over the cheap trunk alone").into())
}
