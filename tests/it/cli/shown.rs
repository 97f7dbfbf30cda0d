//! Numbers shown over real SIP: what the network says of them, their budgets and their mandates.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use cadran::carrier::{self, CarrierHandle, Cast, Persona, PhoneSettings, PhonesHandle, Town};
use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
use serde_json::Value;

use super::running::{Engine, field};
use super::{Claim, text};

/// What a centre's carrier and trunk are like.
pub(super) struct Line<'l> {
    /// How everybody answers, and what a network says that refuses.
    pub(super) everybody: (Persona, (u16, &'static str)),
    /// How long things take there, against life.
    pub(super) scale: f64,
    /// The trunk's keys beside its name and host.
    pub(super) trunk: &'l str,
    /// More of the engine's file, and of the campaign's.
    pub(super) extra: [&'l str; 2],
    /// Agents at work.
    pub(super) agents: u32,
    /// The campaign's mode.
    pub(super) mode: &'l str,
}

/// A centre whose carrier answers every call in one way.
pub(super) struct Centre {
    pub(super) engine: Engine,
    _carrier: CarrierHandle,
    _phones: PhonesHandle,
    pub(super) tasks: Tasks,
}

impl Centre {
    /// Starts one of one agent, with `extra` in the engine's file and calls to these numbers.
    async fn opened(
        everybody: (Persona, (u16, &'static str)),
        extra: &str,
        list: &str,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let trunk = "channels = 9\ncalls_per_second = \"50/s\"\n";
        let line = Line {
            everybody,
            scale: 0.01,
            trunk,
            extra: [extra, ""],
            agents: 1,
            mode: "progressive",
        };
        Self::of(&line, list).await
    }

    /// Starts one that calls these numbers.
    pub(super) async fn of(
        line: &Line<'_>,
        list: &str,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let tasks = Tasks::new();
        let (everybody, declines) = line.everybody;
        let cast = Cast::Only(everybody);
        let town = Town { cast, declines, scale: line.scale, ..Town::default() };
        let settings = carrier::Settings { town, ..carrier::Settings::default() };
        let carrier = carrier::start(settings, Clock::start(), &tasks).await?;
        let phones = PhoneSettings { count: line.agents, ..PhoneSettings::default() };
        let phones = carrier::start_phones(phones, Clock::start(), &tasks).await?;
        let engine = Engine::start_with(|folder| write(folder, carrier.addr(), line, list))?;
        let list = engine.folder.path().join("liste.csv");
        let list = list.to_str().ok_or("a path that is no text")?;
        engine.ask(&["list", "import", list, "--campaign", "essai", "--consent-later"])?;
        for nth in 1..=line.agents {
            let name = format!("a{nth}");
            engine.ask(&["agent", "add", &name, "--sip", &phones.contact(nth)])?;
            engine.ask(&["agent", "login", &name])?;
            engine.ask(&["agent", "ready", &name])?;
        }
        engine.ask(&["campaign", "start", "essai"])?;
        Ok(Self { engine, _carrier: carrier, _phones: phones, tasks })
    }

    fn calls(&self) -> Result<Vec<Value>, Box<dyn std::error::Error>> {
        let listed = self.engine.ask(&["call", "list", "--limit", "200"])?;
        Ok(field(&listed, "/calls").as_array().ok_or("no list of calls")?.clone())
    }
}

fn write(folder: &Path, carrier: SocketAddr, line: &Line<'_>, list: &str) -> std::io::Result<()> {
    let path = folder.join("cadran.toml");
    let text = fs::read_to_string(&path)?;
    let (head, _) =
        text.split_once("[[caller_id]]").ok_or_else(|| std::io::Error::other("no trunk"))?;
    let (keys, [engine, campaign]) = (line.trunk, line.extra);
    let trunk = format!(
        "[[trunk]]\nname = \"t1\"\nhost = \"{carrier}\"\noptions_every = \"never\"\n{keys}"
    );
    fs::write(&path, format!("{head}{trunk}{engine}"))?;
    let path = folder.join("campaigns/essai.toml");
    let file = fs::read_to_string(&path)?.replace("progressive", line.mode);
    fs::write(&path, file + campaign)?;
    fs::write(folder.join("liste.csv"), list)
}

/// Contacts with numbers kept for fiction (Arcep, décision 2018-0881).
pub(super) fn fiction() -> Result<String, std::fmt::Error> {
    let mut list = String::from("ref;nom;téléphone\n");
    for nth in 0..30 {
        writeln!(list, "K{nth};Moreau;06399800{nth:02}")?;
    }
    Ok(list)
}

pub(super) const NUMBER: &str = "[[caller_id]]\nnumber = \"+33162000000\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_networks_refuse_rests_and_why_says_so() -> Claim {
    for declines in
        [(608, ""), (603, "Q.850;cause=21;text=\"v=analytics1;url=https://a.example\";location=LN")]
    {
        let extra = format!("{NUMBER}rest_after = \"3/1h\"\nrest = \"1h\"\n");
        let refuses = (Persona::Declines, declines);
        let centre = Centre::opened(refuses, &extra, &fiction()?).await?;
        let engine = &centre.engine;
        let why = engine.ask_until(&["why", "essai"], "/causes/0/code", "caller-ids-rest")?;
        assert!(field(&why, "/causes/0/until").is_string(), "{why}");
        assert!(field(&why, "/causes/0/contacts").as_u64() >= Some(20), "{why}");
        let numbers = engine.ask(&["trunk", "numbers"])?;
        assert_eq!(field(&numbers, "/0/blocks"), 3, "{numbers}");
        assert_eq!(field(&numbers, "/0/class"), "verified");
        assert!(field(&numbers, "/0/rests_until").is_string(), "{numbers}");
        for call in centre.calls()? {
            assert_eq!(field(&call, "/outcome"), "blocked", "{call}");
        }
        let told = engine.run(&["why", "essai", "--lang", "fr"])?;
        assert!(text(&told.stdout)?.contains("indésirable"), "{told:?}");
        centre.tasks.abort();
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_without_a_signature_is_the_trunks_fault() -> Claim {
    for status in [428, 436, 437, 438] {
        let refuses = (Persona::Declines, (status, ""));
        let centre = Centre::opened(refuses, NUMBER, &fiction()?).await?;
        let engine = &centre.engine;
        engine.ask_until(&["trunk", "list"], "/0/unsigned/status", status)?;
        let told = engine.run(&["trunk", "list", "--lang", "en"])?;
        assert!(text(&told.stdout)?.contains("signed") || text(&told.stdout)?.contains("rests"));
        engine.ask_until(&["trunk", "list"], "/0/up", false)?;
        for call in centre.calls()? {
            assert!(["trunk_fault"].map(Value::from).contains(field(&call, "/outcome")), "{call}");
        }
        let numbers = engine.ask(&["trunk", "numbers"])?;
        assert_eq!(field(&numbers, "/0/blocks"), 0, "{numbers}");
        centre.tasks.abort();
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_answers_that_such_calls_are_unwanted_is_opposed_to_them() -> Claim {
    let refuses = (Persona::Declines, (607, ""));
    let list = "ref;téléphone\nK1;0639980001\n";
    let centre = Centre::opened(refuses, NUMBER, list).await?;
    let engine = &centre.engine;
    let why = engine.ask_until(&["why", "K1"], "/contacts/0/causes/0/code", "do-not-call")?;
    assert_eq!(field(&why, "/contacts/0/last/outcome"), "declined", "{why}");
    let wish = engine.run(&["dnc", "check", "+33639980001"])?;
    assert_eq!(super::code(&wish)?, 4, "{wish:?}");
    centre.tasks.abort();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_whose_hour_is_spent_waits_and_why_says_until_when() -> Claim {
    let extra = format!("{NUMBER}calls_per_hour = 4\n");
    let busy = (Persona::Busy, (603, ""));
    let centre = Centre::opened(busy, &extra, &fiction()?).await?;
    let engine = &centre.engine;
    let why = engine.ask_until(&["why", "essai"], "/causes/0/code", "caller-id-budgets")?;
    assert!(field(&why, "/causes/0/until").is_string(), "{why}");
    assert!(field(&why, "/causes/0/contacts").as_u64() >= Some(20), "{why}");
    let numbers = engine.ask(&["trunk", "numbers"])?;
    assert_eq!(
        (field(&numbers, "/0/hour"), field(&numbers, "/0/calls_per_hour")),
        (&4.into(), &4.into())
    );
    assert_eq!(centre.calls()?.len(), 4);
    centre.tasks.abort();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_french_number_without_a_mandate_is_shown_to_nobody_real() -> Claim {
    let list = "ref;téléphone;type\nK1;0612345678;Particulier\nK2;0145678901;Auto-entrepreneur\n";
    let busy = (Persona::Busy, (603, ""));
    let centre = Centre::opened(busy, "", list).await?;
    let engine = &centre.engine;
    let why = engine.ask_until(&["why", "essai"], "/causes/0/code", "no-mandate")?;
    assert_eq!(field(&why, "/causes/0/law"), "FR-14", "{why}");
    assert_eq!(field(&why, "/causes/0/contacts"), 2, "{why}");
    let one = engine.ask(&["why", "K2"])?;
    assert_eq!(field(&one, "/contacts/0/person"), "sole_trader", "{one}");
    let told = engine.run(&["why", "K2", "--lang", "fr"])?;
    assert!(text(&told.stdout)?.contains("entrepreneur individuel"), "{told:?}");
    let checked = engine.run(&["campaign", "validate", "--lang", "fr"])?;
    assert_eq!(super::code(&checked)?, 0, "{checked:?}");
    assert!(centre.calls()?.is_empty());
    centre.tasks.abort();
    Ok(())
}
