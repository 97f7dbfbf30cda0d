//! A call centre around an engine that is a process of its own.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use cadran::api::types::{Agent, Campaign, Driven, Health, NewAgent, QualifyRequest};
use cadran::carrier::{
    self, CarrierHandle, Cast, PhoneReport, PhoneSettings, PhonesHandle, Registrar, Town,
};
use cadran::core::order::CampaignState;
use cadran::engine::clock::Clock;
use cadran::engine::handle::Details;
use cadran::engine::tasks::Tasks;
use cadran::sip::Transport;
use cadran::store::Place;
use cadran::store::audit::Auditor;
use cadran::units::{CallId, Mono, Span};
use rand_core::Rng;
use rand_pcg::Pcg64;
use tokio::time::timeout;

use super::Claim;
use super::tap::{Offers, Tap};
use crate::program::{Program, ticks};

/// Agents, each with a phone.
const AGENTS: u32 = 8;
/// Contacts there are before the first round.
const CONTACTS: u32 = 200;
/// Contacts of the list that is on its way at a kill, and how often it names each: as many rows as
/// the store takes in three pieces.
const LIST: u32 = 60;
const TIMES: u32 = 20;
/// The password of every phone's account.
const SECRET: &str = "entrez-sans-frapper";
/// How fast the called people live: a talk of half a minute takes half a second.
const PACE: f64 = 0.02;
/// Blocks of ten thousand numbers each, kept for fiction (Arcep, décision 2018-0881).
const BLOCKS: [&str; 6] = ["019900", "026191", "035301", "046571", "053649", "063998"];
/// Whatever is waited for comes within this, on a busy machine too: an event that was under way at
/// a kill is leased for a minute.
const WITHIN: Duration = Duration::from_secs(120);

type Fallible<T> = Result<T, Box<dyn Error>>;
/// Event ids, and how often each came.
type Received = BTreeMap<String, u32>;

/// Everything but the engine, which comes and goes.
pub(super) struct Centre {
    program: Program,
    place: Place,
    carrier: CarrierHandle,
    phones: PhonesHandle,
    tap: Tap,
    received: Arc<Mutex<Received>>,
    qualified: BTreeMap<CallId, &'static str>,
    /// Who was seen in which call before something later was accepted.
    talked: BTreeMap<CallId, String>,
    contacts: u32,
    /// The first contact of each list that was on its way at a kill, and whether it was accepted.
    lists: Vec<(u32, bool)>,
    /// Whether the agents' phones register; told before the first start.
    pub(super) registers: bool,
    seed: u64,
    sip: SocketAddrV4,
    /// The longest it took from a restart until every agent was at work.
    pub(super) longest: Span,
    /// Phones that a crash left in a call which nobody ended.
    pub(super) stuck: u32,
    outside: Tasks,
}

impl Centre {
    /// Opens one whose engine does not run yet, with its database in a file or at a server.
    pub(super) async fn open(seed: u64, server: Option<Place>) -> Fallible<Self> {
        let (clock, outside) = (Clock::start(), Tasks::new());
        let town = Town { scale: PACE, cast: Cast::Drawn, ..Town::default() };
        let settings = carrier::Settings { seed, town, ..carrier::Settings::default() };
        let carrier = carrier::start(settings, clock, &outside).await?;
        let settings = PhoneSettings { count: AGENTS, seed, ..PhoneSettings::default() };
        let phones = carrier::start_phones(settings, clock, &outside).await?;
        let tap = Tap::start(carrier.addr(), &outside).await?;
        let received = Arc::default();
        let crm = start_crm(Arc::clone(&received), &outside).await?;
        let folder = tempfile::tempdir()?;
        let place = server.unwrap_or_else(|| Place::File(folder.path().join("cadran.db")));
        let sip = engine_address();
        write_project(&folder, sip, &tap, &crm, &place)?;
        let program = Program::new(folder, WITHIN)?;
        Ok(Self {
            program,
            place,
            carrier,
            phones,
            tap,
            received,
            qualified: BTreeMap::new(),
            talked: BTreeMap::new(),
            contacts: 0,
            lists: Vec::new(),
            registers: false,
            seed,
            sip,
            longest: Span::ZERO,
            stuck: 0,
            outside,
        })
    }

    /// Starts the engine and waits until every agent is at work, as all are by themselves after a
    /// crash; the first time there is more to do.
    pub(super) async fn serve(&mut self, first: bool) -> Claim {
        let clock = Clock::start();
        self.program.start().await?;
        if first {
            self.hire().await?;
            self.import(CONTACTS, 1)?.await?;
        }
        if first {
            for nth in 1..=AGENTS {
                for verb in ["login", "ready"] {
                    self.program.post(&format!("agents/a{nth}/{verb}"), &()).await?;
                }
            }
        } else {
            self.free_phones().await?;
        }
        self.until_seated().await?;
        if first {
            self.program.post("campaigns/essai/start", &()).await?;
        } else {
            self.longest = self.longest.max(clock.mono().since(Mono::START));
        }
        Ok(())
    }

    async fn hire(&mut self) -> Claim {
        for nth in 1..=AGENTS {
            let contact = (!self.registers).then(|| self.phones.contact(nth));
            let secret = self.registers.then(|| SECRET.to_owned());
            let name = format!("a{nth}");
            let agent = NewAgent { name, contact, secret, ..NewAgent::default() };
            self.program.post("agents", &agent).await?;
        }
        if self.registers {
            self.register().await?;
        }
        Ok(())
    }

    /// Takes phones that register in the place of those that do not.
    async fn register(&mut self) -> Claim {
        let registrar = Registrar {
            address: self.sip.into(),
            transport: Transport::Udp,
            tls: None,
            password: SECRET.to_owned(),
            // So long that nothing but the store tells a restart where they are.
            expires: Span::secs(3_600),
        };
        let registrar = Some(registrar);
        let seed = self.seed;
        let settings = PhoneSettings { count: AGENTS, seed, registrar, ..Default::default() };
        self.phones = carrier::start_phones(settings, Clock::start(), &self.outside).await?;
        let mut look = ticks();
        while !self.phones.reports().await?.iter().all(|phone| phone.registered) {
            look.tick().await;
        }
        Ok(())
    }

    /// Waits until every agent's phone carries its leg.
    async fn until_seated(&self) -> Claim {
        let seated = timeout(WITHIN, async {
            let mut look = ticks();
            let agents = async || self.program.get::<Vec<Agent>>("agents?fresh=true").await;
            while !agents().await?.iter().all(|agent| agent.leg_up) {
                look.tick().await;
            }
            Claim::Ok(())
        });
        seated.await.map_err(|_| self.trouble("an agent has no leg"))?
    }

    /// Makes a list of contacts nobody gave before, each named several times.
    fn import(
        &mut self,
        contacts: u32,
        times: u32,
    ) -> Fallible<impl Future<Output = Claim> + use<>> {
        let mut list = String::from("ref;nom;téléphone\n");
        for nth in self.contacts..self.contacts + contacts {
            let block = BLOCKS.get(usize::try_from(nth / 10_000)?).ok_or("no more numbers")?;
            for time in 1..=times {
                writeln!(list, "K{nth:05}.{time};Moreau;{block}{:04}", nth % 10_000)?;
            }
        }
        self.contacts += contacts;
        Ok(self.program.import("essai", list))
    }

    /// Waits until the restarted engine has ended the legs it left up and called the phones anew;
    /// counts those that stay in a call it forgot.
    async fn free_phones(&mut self) -> Claim {
        let mut look = ticks();
        let mut forgotten = Vec::new();
        for _ in 0..100 {
            let agents = self.program.get::<Vec<Agent>>("agents?fresh=true").await?;
            let phones = self.phones.reports().await?;
            let in_a_call = |agent: &Agent| {
                let named = |phone: &PhoneReport| format!("a{}", phone.nth) == agent.name;
                phones.iter().find(|phone| named(phone) && phone.up).map(|phone| phone.nth)
            };
            let legless = agents.iter().filter(|agent| !agent.leg_up);
            forgotten = legless.filter_map(in_a_call).collect();
            if agents.iter().all(|agent| agent.leg_up) {
                return Ok(());
            }
            look.tick().await;
        }
        for nth in forgotten {
            self.stuck += 1;
            self.phones.hang_up(nth).await?;
        }
        Ok(())
    }

    /// Works until some more calls were offered.
    pub(super) async fn work(&mut self, calls: u64, dice: &mut Pcg64) -> Claim {
        let count = self.tap.count();
        let enough = *count.borrow() + calls;
        let worked = timeout(WITHIN, async {
            while *count.borrow() < enough {
                self.qualify_some(dice).await?;
            }
            Claim::Ok(())
        });
        worked.await.map_err(|_| self.trouble("too few calls"))?
    }

    /// Works until some more calls were offered and for a moment longer, while a list is imported,
    /// then kills the engine.
    pub(super) async fn work_then_kill(
        &mut self,
        calls: u64,
        after: Span,
        dice: &mut Pcg64,
    ) -> Claim {
        self.work(calls, dice).await?;
        let (first, list) = (self.contacts, self.import(LIST, TIMES)?);
        let mut accepted = false;
        let importing = async {
            accepted = list.await.is_ok();
            std::future::pending::<Claim>().await
        };
        let qualifying = async {
            loop {
                self.qualify_some(dice).await?;
            }
        };
        // The moment may fall into a request: then nobody knows whether it was accepted.
        let worked = timeout(after.into(), async {
            tokio::select! { failed = qualifying => failed, never = importing => never }
        });
        let worked: Result<Claim, _> = worked.await;
        worked.unwrap_or(Ok(()))?;
        self.lists.push((first, accepted));
        self.program.kill().await
    }

    /// Writes up some of the calls that wait for it; the others are left to run out.
    async fn qualify_some(&mut self, dice: &mut Pcg64) -> Claim {
        const CODES: [&str; 4] = ["vente", "refus", "rappel", "opposition"];
        let agents = self.program.get::<Vec<Agent>>("agents?fresh=true").await?;
        let talks = agents.iter().filter(|agent| agent.state == "talking");
        let talks = talks.filter_map(|agent| Some((CallId(agent.call?), agent.name.clone())));
        let talks: Vec<_> = talks.collect();
        for agent in agents {
            let (true, Some(call)) = (agent.state == "wrapping", agent.call) else { continue };
            // A second word on a call may be on its way at the kill: then either may be on record.
            if self.qualified.contains_key(&CallId(call)) {
                continue;
            }
            let pick = usize::try_from(dice.next_u64() % 6)?;
            let Some(&code) = CODES.get(pick) else { continue };
            let details =
                Details { amount_cents: (pick == 0).then_some(100), ..Details::default() };
            let word = QualifyRequest {
                disposition: code.to_owned(),
                call: Some(call),
                details,
                ..QualifyRequest::default()
            };
            // The write-up may have run out in the meantime: then the word is refused.
            if self.program.post(&format!("agents/{}/qualify", agent.name), &word).await.is_ok() {
                self.qualified.insert(CallId(call), code);
                // The word came after the talks had begun, and is given when it is written.
                self.talked.extend(talks.iter().cloned());
            }
        }
        Ok(())
    }

    /// Ends the campaign and lets the engine leave once the receiver has everything.
    pub(super) async fn leave(&mut self) -> Claim {
        self.program.post("campaigns/essai/drain", &()).await?;
        let quiet = timeout(WITHIN, async {
            let mut look = ticks();
            while !self.is_quiet().await? {
                look.tick().await;
            }
            Claim::Ok(())
        });
        quiet.await.map_err(|_| self.trouble("calls or events remain"))??;
        self.program.leave().await
    }

    /// Tells whether no call goes on, no agent writes one up, and no event or list is on its way.
    async fn is_quiet(&self) -> Fallible<bool> {
        let busy = ["reserved", "talking", "holding", "wrapping"];
        let agents = self.program.get::<Vec<Agent>>("agents?fresh=true").await?;
        let idle = !agents.iter().any(|agent| busy.contains(&agent.state.as_str()));
        let left: Vec<serde_json::Value> =
            self.program.get("webhooks/deliveries?waiting=true").await?;
        let health: Health = self.program.get("health").await?;
        let lists = std::fs::read_dir(self.program.folder().join("lists"))?.count();
        Ok(idle && health.calls == 0 && left.is_empty() && lists == 0)
    }

    /// Waits until the engine reads its database again.
    pub(super) async fn until_it_answers(&self) -> Claim {
        let answers = timeout(WITHIN, async {
            let mut look = ticks();
            while self.program.get::<Vec<Agent>>("agents?fresh=true").await.is_err() {
                look.tick().await;
            }
        });
        answers.await.map_err(|_| self.trouble("the database is not read").into())
    }

    /// Pulls a lever of the campaign.
    pub(super) async fn pull(&self, verb: &str) -> Fallible<Driven> {
        self.program.ask(&format!("campaigns/essai/{verb}"), &()).await
    }

    /// Gives the problem a path is refused with now.
    pub(super) async fn refusal(&self, path: &str) -> Fallible<serde_json::Value> {
        self.program.refusal(path).await
    }

    /// Gives the campaign's state.
    pub(super) async fn state(&self) -> Fallible<CampaignState> {
        Ok(self.program.get::<Campaign>("campaigns/essai?brief=true").await?.state)
    }

    /// Waits until the engine's health is so.
    pub(super) async fn until_health(&self, so: impl Fn(&Health) -> bool) -> Fallible<Health> {
        let waited = timeout(WITHIN, async {
            let mut look = ticks();
            loop {
                let health = self.program.get::<Health>("health").await?;
                if so(&health) {
                    return Fallible::Ok(health);
                }
                look.tick().await;
            }
        });
        waited.await.map_err(|_| self.trouble("the health is otherwise"))?
    }

    /// Verifies the audit chain against the rows it speaks of, whatever a kill cut.
    pub(super) async fn check_chain(&self) -> Claim {
        let key = self.program.folder().join("cadran.key");
        let verdict = Auditor::open(&self.place, &key).await?.verify().await?;
        assert!(verdict.is_sound(), "{:?}", verdict.faults);
        assert!(verdict.rows > 0, "the chain tells of nothing: {verdict:?}");
        Ok(())
    }

    /// Kills the engine and starts another.
    pub(super) async fn kill_and_start(&mut self) -> Claim {
        self.program.kill().await?;
        self.program.start().await
    }

    fn trouble(&self, what: &str) -> String {
        self.program.trouble(&format!("{what}: {:?}", self.carrier.stats()))
    }

    /// Gives where the database is.
    pub(super) const fn place(&self) -> &Place {
        &self.place
    }

    /// Holds on while there is no database: once what was on its way has gone out, nobody is
    /// called, and the calls that stand go on. The log was so long before the database went. Gives
    /// how many phones still carried a call.
    pub(super) async fn endure(&mut self, before: usize, outage: Duration) -> Fallible<usize> {
        let mut count = self.tap.count();
        let mut look = ticks();
        let noticed = |log: &str| log.contains("the store fails; calls are held");
        let notice = timeout(WITHIN, async {
            loop {
                let log = self.program.log()?;
                if log.get(before..).is_some_and(noticed) {
                    return Claim::Ok(());
                }
                look.tick().await;
            }
        });
        notice.await.map_err(|_| self.trouble("the outage was not noticed"))??;
        // The batch that was being performed when the word came may still call.
        drop(timeout(Duration::from_secs(1), count.wait_for(|_| false)).await);
        count.mark_unchanged();
        let up = self.phones.reports().await?.iter().filter(|phone| phone.up).count();
        match timeout(outage, count.changed()).await {
            Ok(_) => Err(self.trouble("somebody was called without a database").into()),
            Err(_) => Ok(up),
        }
    }

    /// Gives how long the engine's log is.
    pub(super) fn logged(&self) -> Fallible<usize> {
        Ok(self.program.log()?.len())
    }

    /// Gives what was offered to the carrier.
    pub(super) fn offers(&self) -> Offers {
        self.tap.offers()
    }

    /// Gives the accepted dispositions.
    pub(super) fn qualified(&self) -> &BTreeMap<CallId, &'static str> {
        &self.qualified
    }

    /// Gives who was seen in which call.
    pub(super) fn talked(&self) -> &BTreeMap<CallId, String> {
        &self.talked
    }

    /// Gives the contacts of each list that was on its way at a kill, and whether it was accepted.
    pub(super) fn lists(&self) -> impl Iterator<Item = (Range<u32>, bool)> {
        self.lists.iter().map(|&(first, accepted)| (first..first + LIST, accepted))
    }

    /// Gives the events the receiver was sent.
    pub(super) fn received(&self) -> Received {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Centre {
    fn drop(&mut self) {
        self.outside.abort();
    }
}

/// Starts a receiver that counts how often each event came, and gives its address.
async fn start_crm(received: Arc<Mutex<Received>>, tasks: &Tasks) -> Fallible<String> {
    let take = |State(received): State<Arc<Mutex<Received>>>, headers: HeaderMap| async move {
        let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
        let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
        *received.entry(id.to_owned()).or_default() += 1;
    };
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let router = Router::new().fallback(take).with_state(received);
    tasks.spawn(async move {
        let served = axum::serve(listener, router).await;
        served.expect("a bound listener serves until it is dropped");
    });
    Ok(format!("http://{address}/"))
}

/// Gives an address that nobody else takes while the engine is dead: what the dead one's calls
/// still say is to reach the next one. All of 127.0.0.0/8 is this machine (RFC 5735 §3), a process
/// has an address of its own there, and each engine of it a port.
fn engine_address() -> SocketAddrV4 {
    static PORT: AtomicU16 = AtomicU16::new(5_060);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let ip = Ipv4Addr::new(127, 64 | (high % 64), middle, low);
    SocketAddrV4::new(ip, PORT.fetch_add(1, Ordering::Relaxed))
}

fn write_project(
    folder: &tempfile::TempDir,
    sip: SocketAddrV4,
    tap: &Tap,
    crm: &str,
    place: &Place,
) -> Claim {
    let folder = folder.path();
    std::fs::create_dir(folder.join("campaigns"))?;
    std::fs::write(folder.join("crm.key"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")?;
    let database = match place {
        Place::File(path) => path.display().to_string(),
        Place::Server(access) => access.url.clone(),
    };
    let engine = format!(
        "[store]\ndatabase = \"{database}\"\n\
         [sip]\nbind = \"{sip}\"\n[rtp]\nports = \"40000-41999\"\n\
         [folders]\ncampaigns = \"campaigns\"\n\
         [[trunk]]\nname = \"t1\"\nhost = \"{}\"\nchannels = 100\n\
         calls_per_second = \"50/s\"\noptions_every = \"never\"\ncall_header = true\n",
        tap.addr
    );
    std::fs::write(folder.join("cadran.toml"), engine)?;
    std::fs::write(folder.join("campaigns/essai.toml"), CAMPAIGN.replace("{crm}", crm))?;
    Ok(())
}

const CAMPAIGN: &str = r#"
name = "essai"
client = "Acme"
mode = "progressive"
routes = ["t1"]
caller_ids = ["+33162000000"]
hours = "lun-dim 00:00-24:00"
[ring]
min = "15s"
max = "20s"
[wrap]
max = "2s"
default = "sans-suite"
[retry]
attempts_max = 3
busy = "1s"
no_answer = "1s"
[[disposition]]
key = "1"
code = "vente"
class = "ca+"
needs = "amount"
[[disposition]]
key = "2"
code = "refus"
class = "ca-"
[[disposition]]
key = "3"
code = "rappel"
class = "cna"
then = "callback"
after = "2s"
[[disposition]]
key = "4"
code = "opposition"
class = "ca-"
then = "do_not_call"
[[disposition]]
key = "8"
code = "sans-suite"
class = "cna"
then = "retry"
after = "2h"
[webhook]
url = "{crm}"
secret_file = "../crm.key"
"#;
