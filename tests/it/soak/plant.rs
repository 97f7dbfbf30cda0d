//! A centre that calls at a steady rate for as long as it is told.

use std::error::Error;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use cadran::api::types::NewAgent;
use cadran::carrier::{self, CarrierHandle, PhoneSettings, PhonesHandle, Town};
use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
use cadran::store::Place;

use crate::program::Program;

/// How fast the called people live: a talk of half a minute takes a good half second.
const PACE: f64 = 0.02;
/// People there are at most: as many numbers as the plan keeps for fiction; each is called again
/// and again.
const PEOPLE_MAX: u64 = 60_000;
/// Blocks of ten thousand numbers kept for fiction (Arcep, décision 2018-0881).
const FICTION: [&str; 6] = ["019900", "063998", "026191", "035301", "046571", "053649"];
/// Calls the trunk takes at once, so that a wake-up that comes late costs none of its rate.
const BURST: u32 = 10;
/// Whatever is asked is answered within this, on a busy machine too.
const WITHIN: Duration = Duration::from_secs(120);

type Fallible<T = ()> = Result<T, Box<dyn Error>>;

/// Everything of the centre; the engine is a process of its own.
pub(super) struct Plant {
    pub(super) program: Program,
    pub(super) place: Place,
    pub(super) carrier: CarrierHandle,
    pub(super) clock: Clock,
    pub(super) agents: u32,
    phones: PhonesHandle,
    people: u64,
    outside: Tasks,
}

impl Plant {
    /// Opens a centre for so many calls a second, and starts its engine: nobody works yet.
    pub(super) async fn open(rate: u32, seconds: u64) -> Fallible<Self> {
        let (clock, outside) = (Clock::start(), Tasks::new());
        // No number is invalid and no trunk congested: both would slow the calls down for good.
        let mut town = Town { scale: PACE, ..Town::default() };
        for gone in [5, 8] {
            town.weights[gone] = 0.0;
        }
        let settings = carrier::Settings { town, ..carrier::Settings::default() };
        let carrier = carrier::start(settings, clock, &outside).await?;
        // Every second call is answered and keeps an agent for two seconds or so; with some more
        // it is the trunk's rate that binds, and not the agents.
        let agents = rate + rate * 3 / 5;
        let settings = PhoneSettings { count: agents, ..PhoneSettings::default() };
        let phones = carrier::start_phones(settings, clock, &outside).await?;
        let crm = start_crm(&outside).await?;
        let folder = tempfile::tempdir()?;
        let path = folder.path();
        std::fs::create_dir(path.join("campaigns"))?;
        std::fs::write(path.join("crm.key"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")?;
        let engine = format!(
            "[sip]\nbind = \"127.0.0.1:0\"\n[rtp]\nports = \"22000-25999\"\n\
             [[trunk]]\nname = \"t1\"\nhost = \"{}\"\nchannels = {}\n\
             calls_per_second = \"{rate}/s\"\nburst = {BURST}\n",
            carrier.addr(),
            rate * 4
        );
        std::fs::write(path.join("cadran.toml"), engine)?;
        std::fs::write(path.join("campaigns/endurance.toml"), CAMPAIGN.replace("{crm}", &crm))?;
        let place = Place::File(path.join("cadran.db"));
        let mut program = Program::new(folder, WITHIN)?;
        program.start().await?;
        let people = (u64::from(rate) * seconds).clamp(1_000, PEOPLE_MAX);
        Ok(Self { program, place, carrier, clock, agents, phones, people, outside })
    }

    /// Imports the people, brings the agents to work and starts the campaign.
    pub(super) async fn begin(&self) -> Fallible {
        let mut list = String::from("ref;nom;téléphone\n");
        for nth in 0..self.people {
            let block = FICTION.get(usize::try_from(nth / 10_000)?).ok_or("too many people")?;
            writeln!(list, "D{nth};Moreau;{block}{:04}", nth % 10_000)?;
        }
        self.program.import("endurance", list).await?;
        for nth in 1..=self.agents {
            let contact = Some(self.phones.contact(nth));
            let agent = NewAgent { name: format!("a{nth}"), contact, ..NewAgent::default() };
            self.program.post("agents", &agent).await?;
            for verb in ["login", "ready"] {
                self.program.post(&format!("agents/a{nth}/{verb}"), &()).await?;
            }
        }
        self.program.post("campaigns/endurance/start", &()).await
    }

    /// Stops calling, and sends everybody home.
    pub(super) async fn end(&self) -> Fallible {
        self.program.post("campaigns/endurance/stop", &()).await?;
        for nth in 1..=self.agents {
            self.program.post(&format!("agents/a{nth}/logout"), &()).await?;
        }
        Ok(())
    }

    /// Lets the engine leave.
    pub(super) async fn close(&mut self) -> Fallible {
        self.program.leave().await
    }
}

impl Drop for Plant {
    fn drop(&mut self) {
        self.outside.abort();
    }
}

/// Starts a receiver of webhooks that takes everything, and gives its address.
async fn start_crm(tasks: &Tasks) -> Fallible<String> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let router = Router::new().fallback(async || ());
    tasks.spawn(async move {
        let served = axum::serve(listener, router).await;
        served.expect("a bound listener serves until it is dropped");
    });
    Ok(format!("http://{address}/"))
}

const CAMPAIGN: &str = r#"
name = "endurance"
client = "Acme"
mode = "power"
lines_per_agent = 3.0
routes = ["t1"]
caller_ids = ["+33162000000"]
hours = "lun-dim 00:00-24:00"
[abandon]
recall_lock = "1s"
[wrap]
max = "1s"
default = "suite"
[retry]
attempts_max = 100
busy = "1s"
no_answer = "1s"
machine = "1s"
declined = "1s"
cancelled = "1s"
congestion = "1s"
[[disposition]]
key = "1"
code = "suite"
class = "cna"
then = "retry"
after = "1s"
[webhook]
url = "{crm}"
secret_file = "../crm.key"
"#;
