//! Persons handed over to others by a carrier, judged by SIPp.

use cadran::carrier::{PhoneSettings, PhonesHandle, start_phones};
use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
use serde_json::Value;

use super::*;
use crate::carrier::phones::phone_is;
use crate::cli::running::{Engine, field};

const TO: &str = "+33199000077";

/// An engine whose agent talks with SIPp over a trunk.
struct Talk {
    sipp: Sipp,
    engine: Engine,
    phones: PhonesHandle,
    tasks: Tasks,
    /// The call's number.
    call: String,
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.tasks.abort();
    }
}

impl Talk {
    /// Has SIPp play a scenario to an agent, over a trunk with these keys.
    async fn begin(scenario: &str, keys: &str) -> Checked<Option<Self>> {
        let Some(sipp) = Sipp::start(scenario, 1)? else { return Ok(None) };
        let tasks = Tasks::new();
        let phones = start_phones(PhoneSettings::default(), Clock::start(), &tasks).await?;
        let at = sipp.address;
        let engine = Engine::start_with(|folder| write(folder, at, keys))?;
        engine.ask(&["agent", "add", "a1", "--sip", &phones.contact(1)])?;
        engine.ask(&["list", "import", "list.csv", "--campaign", "essai"])?;
        engine.ask(&["agent", "login", "a1"])?;
        engine.ask(&["agent", "ready", "a1"])?;
        engine.ask(&["campaign", "start", "essai"])?;
        let agents = engine.ask_until(&["agent", "list"], "/0/state", "talking")?;
        let call = field(&agents, "/0/call").to_string();
        Ok(Some(Self { sipp, engine, phones, tasks, call }))
    }

    fn transfer(&self) -> Checked<(bool, String)> {
        let done = self.engine.run(&["call", "transfer", &self.call, TO, "--lang", "en"])?;
        Ok((done.status.success(), String::from_utf8(done.stderr)?))
    }

    /// Waits until the call was handed over and its agent writes it up.
    fn is_handed_over(&self) -> Checked<Value> {
        let shown = ["call", "show", &self.call];
        let call = self.engine.ask_until(&shown, "/ended_by", "transfer")?;
        assert_eq!(field(&call, "/outcome"), "connected", "{call}");
        self.engine.ask_until(&["agent", "list"], "/0/state", "wrapping")
    }

    /// Sees that the agent still talks, and has him hang up.
    async fn goes_on(mut self) -> Checked {
        let agents = self.engine.ask(&["agent", "list"])?;
        assert_eq!(field(&agents, "/0/state"), "talking", "{agents}");
        self.engine.ask(&["agent", "hangup", "a1"])?;
        let status = self.sipp.program.wait().await?;
        assert!(status.success(), "sipp is not content: {status}");
        let call = self.engine.ask_until(&["call", "show", &self.call], "/ended_by", "agent")?;
        assert_eq!(field(&call, "/outcome"), "connected", "{call}");
        Ok(())
    }
}

fn write(folder: &Path, at: SocketAddr, keys: &str) -> std::io::Result<()> {
    let file = folder.join("cadran.toml");
    let lines = std::fs::read_to_string(&file)?;
    let lines = lines.lines().map(|line| match line.split_once(" = ") {
        Some(("host", _)) => format!("host = \"{at}\"\nto_format = \"00e164\"\n{keys}\n"),
        Some(_) | None => format!("{line}\n"),
    });
    std::fs::write(file, lines.collect::<String>())?;
    std::fs::write(folder.join("list.csv"), "ref;nom;téléphone\nK1;Moreau;0199000042\n")
}

const TRANSFERS: &str = "refer = \"transfer\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_handed_over_and_the_agent_writes_it_up() -> Checked {
    let Some(mut talk) = Talk::begin("transfer", TRANSFERS).await? else { return Ok(()) };
    assert_eq!(talk.transfer()?, (true, String::new()));
    talk.is_handed_over()?;
    let status = talk.sipp.program.wait().await?;
    assert!(status.success(), "sipp is not content: {status}");
    let (done, told) = talk.transfer()?;
    assert!(!done && told.contains("no such call under way"), "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_that_fails_is_told_and_the_talk_goes_on() -> Checked {
    for (scenario, why) in [("transfer_refused", "603"), ("transfer_busy", "486 Busy Here")] {
        let Some(talk) = Talk::begin(scenario, TRANSFERS).await? else { return Ok(()) };
        let (done, told) = talk.transfer()?;
        let expected = format!("the call was not transferred and goes on: {why}");
        assert!(!done && told.contains(&expected), "{told}");
        talk.goes_on().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_that_transfers_nobody_is_not_asked() -> Checked {
    let Some(talk) = Talk::begin("answer", "").await? else { return Ok(()) };
    let (done, told) = talk.transfer()?;
    assert!(!done && told.contains("set refer = \"transfer\" there"), "{told}");
    // Nor is it when the agent's phone wants it.
    talk.phones.transfer(1, "0199000077").await?;
    phone_is(&talk.phones, 1, |phone| phone.transferred == Some(603)).await?;
    talk.goes_on().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agents_phone_hands_over_by_its_transfer_key() -> Checked {
    let Some(mut talk) = Talk::begin("transfer", TRANSFERS).await? else { return Ok(()) };
    talk.phones.transfer(1, "0199000077").await?;
    talk.is_handed_over()?;
    phone_is(&talk.phones, 1, |phone| phone.transferred == Some(200) && phone.up).await?;
    let status = talk.sipp.program.wait().await?;
    assert!(status.success(), "sipp is not content: {status}");
    Ok(())
}
