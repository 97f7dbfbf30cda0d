//! A whole call centre on this machine: project folder, carrier, phones, CRM, engine.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Demo;
use crate::api::import::fiction::FRENCH;
use crate::api::types::{Accepted, Agent, Campaign, ImportReport, NewAgent};
use crate::api::{Door, Inspector};
use crate::carrier::{self, CarrierHandle, PhoneSettings, PhonesHandle, Town};
use crate::cli::client::{At, Client};
use crate::cli::failure::{Exit, Failure};
use crate::cli::serve::{self, Doors};
use crate::config::Config;
use crate::core::pacing::prior::Lesson;
use crate::engine::boot::{self, Running};
use crate::engine::clock::Clock;
use crate::engine::handle::{Ask, CampaignVerb};
use crate::engine::tasks::Tasks;
use crate::sim::Learnt;
use crate::units::Wall;
use crate::watch::Names;

/// The demo's one campaign.
pub(super) const CAMPAIGN: &str = "jardin";

/// How fast the carrier's people live: people answer after some 2 s and talk for some 10 s.
const PACE: f64 = 0.33;

/// Before every call.
const EPOCH: Wall = Wall::micros(0);

/// How long the last write-ups and BYEs may take.
const FAREWELL_MAX: Duration = Duration::from_secs(10);

/// The project's folder: a temporary one, or one to be kept.
#[derive(Debug)]
enum Folder {
    Temporary(tempfile::TempDir),
    Kept(PathBuf),
}

impl Folder {
    fn open(keep: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = keep else { return Ok(Self::Temporary(tempfile::tempdir()?)) };
        std::fs::create_dir_all(path)?;
        if std::fs::read_dir(path)?.next().is_some() {
            let message = format!("{} is not empty", path.display());
            return Err(Failure::new(Exit::Invalid, "folder_taken", message)
                .hint("name a folder that does not exist yet"));
        }
        Ok(Self::Kept(path.canonicalize()?))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }
}

/// The running centre.
#[derive(Debug)]
pub(super) struct Centre {
    pub(super) running: Running,
    pub(super) names: Names,
    crm: Inspector,
    doors: Doors,
    outside: Tasks,
    carrier: CarrierHandle,
    phones: PhonesHandle,
    folder: Folder,
}

impl Centre {
    /// Builds the centre and starts its campaign.
    pub(super) async fn open(demo: &Demo) -> Result<Self, Failure> {
        let folder = Folder::open(demo.keep.as_deref())?;
        let (clock, outside) = (Clock::start(), Tasks::new());
        let town = Town { scale: PACE, ..Town::default() };
        let carrier = carrier::Settings { seed: demo.seed, town, ..carrier::Settings::default() };
        let carrier = carrier::start(carrier, clock, &outside).await?;
        let count = u32::from(demo.agents);
        let phones = PhoneSettings { count, seed: demo.seed, ..PhoneSettings::default() };
        let phones = carrier::start_phones(phones, clock, &outside).await?;
        let crm = Inspector::open(&outside).await?;
        write_project(folder.path(), carrier.addr(), crm.address())?;

        let config = Config::load(&folder.path().join("cadran.toml"))?;
        let door = Door::at(&config.api.socket).await?;
        boot::teach(&config, CAMPAIGN, &lessons(&config)?).await.map_err(serve::start_failed)?;
        let running = boot::start(config).await.map_err(serve::start_failed)?;
        let doors = serve::open(&running, door).await?;
        let client = Client::at(running.config.api.socket.clone())?;
        // Nobody waits at work while the list is read.
        load(&client, demo.contacts, folder.path()).await?;
        hire(&client, &phones, count).await?;
        let _: Campaign = client.post(&At::path(["campaigns", CAMPAIGN, "start"]), &()).await?;
        let names = names(&running).await.map_err(serve::start_failed)?;
        Ok(Self { running, names, crm, doors, outside, carrier, phones, folder })
    }

    /// Gives how many webhooks the CRM took.
    pub(super) fn events(&self) -> u64 {
        self.crm.events()
    }

    /// Gives how many abandons the forecasts of the calls answered foretold, if there were any.
    pub(super) async fn foretold(&self) -> Option<f64> {
        let until = self.running.clock.now().wall;
        let &campaign = self.names.campaigns.keys().next()?;
        let foresight = self.running.store.foresight(campaign, EPOCH, until, u32::MAX).await;
        match foresight {
            Ok(foresight) => (foresight.answered > 0).then_some(foresight.foretold),
            Err(error) => {
                tracing::warn!(%error, "the forecasts cannot be summed up");
                None
            }
        }
    }

    /// Ends what still goes on, and waits until the engine has left.
    pub(super) async fn end_conversations(&mut self) {
        let handle = self.running.handle.clone();
        for &campaign in self.names.campaigns.keys() {
            // An engine that has left already has nothing to stop.
            drop(handle.ask(Ask::Campaign(campaign, CampaignVerb::Stop)).await);
        }
        if tokio::time::timeout(FAREWELL_MAX, self.running.ended()).await.is_err() {
            tracing::warn!("the engine did not leave in time");
        }
    }

    /// Closes the centre once the engine has left; gives the folder if it is kept.
    pub(super) async fn close(self) -> Option<PathBuf> {
        let Self { running, doors, outside, carrier, phones, folder, .. } = self;
        doors.close().await;
        running.close().await;
        carrier.stop();
        drop(phones);
        outside.abort();
        match folder {
            Folder::Temporary(_) => None,
            Folder::Kept(path) => Some(path),
        }
    }
}

async fn names(running: &Running) -> Result<Names, boot::BootError> {
    let (store, config) = (&running.store, &running.config);
    let mut names = Names::default();
    for trunk in &config.trunks {
        names.trunks.insert(store.trunk(&trunk.name).await?, trunk.name.clone());
    }
    names.campaigns = store.campaigns().await?.into_iter().map(|row| (row.id, row.name)).collect();
    names.agents = store.agents().await?.into_iter().map(|row| (row.id, row.name)).collect();
    names.pauses = config.pauses.iter().map(|pause| pause.label.clone()).collect();
    Ok(names)
}

/// Writes the project a user would write.
fn write_project(folder: &Path, carrier: SocketAddr, crm: SocketAddr) -> Result<(), Failure> {
    let key = boot::new_signing_key().map_err(serve::start_failed)?;
    std::fs::create_dir_all(folder.join("campaigns"))?;
    std::fs::create_dir_all(folder.join("tapes"))?;
    std::fs::write(folder.join("crm.key"), format!("{key}\n"))?;
    let engine = ENGINE.replace("{carrier}", &carrier.to_string());
    std::fs::write(folder.join("cadran.toml"), engine)?;
    let campaign = CAMPAIGN_FILE.replace("{crm}", &crm.to_string());
    std::fs::write(folder.join("campaigns").join(format!("{CAMPAIGN}.toml")), campaign)?;
    Ok(())
}

const ENGINE: &str = include_str!("cadran.toml");
const CAMPAIGN_FILE: &str = include_str!("jardin.toml");

/// What the simulator learnt of the demo's own town, so that the demo predicts from its first
/// second. Made anew with
/// `cadran simulate run tests/it/scenarios/jardin.toml --mode predictive --prior learn --prior-out
/// src/cli/demo/prior.json`.
const PRIOR: &str = include_str!("prior.json");

/// Gives that as learnt at this hour of the day and at the next.
fn lessons(config: &Config) -> Result<Vec<Lesson>, Failure> {
    let learnt: Learnt = serde_json::from_str(PRIOR)
        .map_err(|error| Failure::new(Exit::Error, "demo_prior", error.to_string()))?;
    let zone = config.campaign(CAMPAIGN).map(|campaign| campaign.account.zone.name());
    let now = Clock::start().now().wall.timestamp();
    let hour = zone.and_then(|zone| now.in_tz(zone).ok()).map_or(0, |there| there.hour());
    let hour = u8::try_from(hour).unwrap_or(0);
    let mut lessons = Vec::new();
    for lesson in learnt.into_values().flatten() {
        match lesson.hour {
            None => lessons.push(lesson),
            Some(_) => lessons.extend([hour, (hour + 1) % 24].map(|hour| Lesson {
                list: None,
                hour: Some(hour),
                ..lesson.clone()
            })),
        }
    }
    Ok(lessons)
}

/// Adds the agents, signs them in and has them ask for calls.
async fn hire(client: &Client, phones: &PhonesHandle, count: u32) -> Result<(), Failure> {
    for nth in 1..=count {
        let name = format!("a{nth}");
        let contact = Some(phones.contact(nth));
        let agent = NewAgent { name: name.clone(), contact, ..NewAgent::default() };
        let _: Agent = client.post(&At::path(["agents"]), &agent).await?;
        for verb in ["login", "ready"] {
            let _: Accepted = client.post(&At::path(["agents", &name, verb]), &()).await?;
        }
    }
    Ok(())
}

/// Invented people there can be, each with a number of his own.
pub(super) const PEOPLE_MAX: u32 = 60_000;

/// Gives the number of one of them.
fn fictional(nth: u32) -> String {
    let block = usize::try_from(nth / 10_000).unwrap_or_default() % FRENCH.len();
    format!("0{}{:04}", FRENCH[block], nth % 10_000)
}

/// Imports a list of invented people.
async fn load(client: &Client, contacts: u32, folder: &Path) -> Result<(), Failure> {
    let mut list = String::from("ref;nom;prénom;téléphone;ville\n");
    for nth in 0..contacts {
        let pick = |names: &[&'static str], step: u32| {
            let place = usize::try_from(nth / step).unwrap_or_default() % names.len();
            names[place]
        };
        let (first, last) = (pick(&FIRST_NAMES, 1), pick(&LAST_NAMES, 7));
        let town = pick(&TOWNS, 3);
        writeln!(list, "J{nth:05};{last};{first};{};{town}", fictional(nth))
            .map_err(|error| Failure::new(Exit::Error, "list", error))?;
    }
    std::fs::write(folder.join("contacts.csv"), &list)?;
    let at =
        At::path(["campaigns", CAMPAIGN, "contacts:import"]).with("file", Some("contacts.csv"));
    let report: ImportReport = client.send(&at, list.into_bytes().into()).await?;
    if report.added == u64::from(contacts) {
        return Ok(());
    }
    let message = format!("only {} of {contacts} contacts were imported", report.added);
    Err(Failure::new(Exit::Error, "import", message))
}

const FIRST_NAMES: [&str; 7] = ["Nadia", "Marc", "Julie", "Théo", "Amina", "Paul", "Sofia"];
const LAST_NAMES: [&str; 6] = ["Moreau", "Robert", "Vidal", "Mercier", "Blanc", "Meunier"];
const TOWNS: [&str; 5] = ["Lyon", "Dijon", "Brest", "Lille", "Tours"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_of_the_greatest_number_of_people_has_a_number_of_his_own() {
        let numbers = (0..PEOPLE_MAX).map(fictional).collect::<BTreeSet<_>>();
        assert_eq!(numbers.len(), PEOPLE_MAX as usize);
        assert!(numbers.iter().all(|number| number.len() == 10));
    }
}
