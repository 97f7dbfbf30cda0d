//! `cadran doctor`.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;

use clap::Args;
use serde::Serialize;

use super::client::{At, Client};
use super::failure::{Exit, Outcome};
use super::french::told;
use super::output::{Lang, Output, Sheet};
use super::{Global, wait_for};
use crate::api::network::{Network, Signalling};
use crate::api::types::Agent;
use crate::config::campaign::lacks;
use crate::config::link::Transport;
use crate::config::{
    Answering, Campaign, Config, Database, Host, Problem, Response, SecretPlace, Sip, Trunk,
};
use crate::engine;
use crate::engine::boot::store_place;
use crate::engine::clock::Clock;
use crate::hooks::sign::SigningKey;
use crate::media::Prompts;
use crate::sip::{By, FindError, Obstacle, Resolver};
use crate::{sip, store};

/// How to make a signing key for a webhook.
pub(super) const NEW_KEY: &str = "make a key: (printf whsec_; openssl rand -base64 32) > FILE";

/// `cadran doctor`.
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  cadran doctor
  cadran doctor --config /etc/cadran/cadran.toml --json")]
pub(super) struct Doctor {}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Fine,
    Look,
    Wrong,
}

/// One thing checked.
#[derive(Debug, Serialize)]
struct Check {
    what: &'static str,
    verdict: Verdict,
    found: String,
    fix: Option<String>,
    /// Found and fix in French, where they are no sentences of the list of `french.rs`.
    #[serde(skip)]
    french: Option<(String, String)>,
}

impl Check {
    fn fine(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, verdict: Verdict::Fine, found: found.into(), fix: None, french: None }
    }

    fn wrong(what: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        let fix = Some(fix.into());
        Self { what, verdict: Verdict::Wrong, found: found.into(), fix, french: None }
    }

    fn look(self) -> Self {
        Self { verdict: Verdict::Look, ..self }
    }

    /// Gives what was found and the fix in a language.
    fn told(&self, lang: Lang) -> [String; 2] {
        let fix = self.fix.as_deref().unwrap_or_default();
        match (&self.french, lang) {
            (Some((found, fix)), Lang::Fr) => [found.clone(), fix.clone()],
            (Some(_), Lang::En) | (None, _) => [told(&self.found, lang), told(fix, lang)],
        }
    }
}

impl Doctor {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let mut checks = vec![clock(), zones(), open_files()];
        match Config::load(&global.config_path()) {
            Ok(config) => {
                configured(&config, &mut checks);
                checks.extend(skills(global, &config));
                checks.extend(network(global));
            }
            Err(problems) => {
                let own = global.config_path();
                checks.extend(problems.0.iter().map(|found| problem(found, &own)));
            }
        }
        output.show(&checks, |lang| sheet(&checks, lang));
        let well = checks.iter().all(|check| check.verdict != Verdict::Wrong);
        Ok(if well { Exit::Done } else { Exit::Invalid })
    }
}

fn configured(config: &Config, checks: &mut Vec<Check>) {
    checks.push(Check::fine("configuration", config.path.display().to_string()));
    checks.extend(config.warnings.iter().map(|found| problem(found, &config.path).look()));
    checks.extend(database(config));
    checks.push(folder("socket", config.api.socket.parent()));
    checks.extend(tapes(config));
    let (sip, rtp) = (&config.sip, &config.rtp);
    let datagrams = [sip.bind].into_iter().chain(sip.second);
    checks.extend(datagrams.map(|at| port("SIP port", at, "udp")));
    let streams = sip.tcp.iter().chain(&sip.tls);
    checks.extend(streams.map(|at| port("SIP port", *at, "tcp")));
    checks.extend(config.desk.iter().map(|desk| port("desk port", desk.bind, "tcp")));
    let ips = [rtp.ip].into_iter().chain(rtp.second);
    checks.extend(ips.map(|ip| port("first RTP port", SocketAddr::new(ip, rtp.first), "udp")));
    checks.push(rtp_room(config));
    checks.extend(trunk_hosts(config));
    checks.extend(certificates(config));
    checks.extend(doors(config));
    for trunk in &config.trunks {
        let auth = trunk.auth.as_ref();
        checks.extend(auth.map(|auth| secret("trunk secret", &trunk.name, &auth.secret, |_| None)));
    }
    let own =
        |campaign: &'_ Campaign| campaign.webhook.clone().map(|it| (campaign.name.clone(), it));
    let shared = config.webhook.clone().map(|webhook| ("cadran.toml".to_owned(), webhook));
    for (name, webhook) in shared.into_iter().chain(config.campaigns.iter().filter_map(own)) {
        checks.push(secret("webhook secret", &name, &webhook.secret, not_a_key));
    }
    for campaign in &config.campaigns {
        let Answering { greeting, general, confirmation, .. } = &campaign.answering;
        let spoken = [greeting, general, confirmation].map(|file| ("incoming", file, SPEAK));
        for (what, file, hint) in [("notice", &campaign.notice, RECORD)].into_iter().chain(spoken) {
            let Some(path) = file.as_ref().map(|file| config.prompts.join(file)) else { continue };
            checks.push(match Prompts::read(&path) {
                Ok(_) => Check::fine(what, path.display().to_string()),
                Err(why) => Check::wrong(what, format!("{}: {why}", campaign.name), hint),
            });
        }
    }
}

/// Says which database keeps the store, and whether it can be used.
fn database(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    let at = match &config.store.database {
        Database::File(path) => {
            checks.push(folder("database", path.parent()));
            path.display().to_string()
        }
        Database::Server { url, password } => {
            let password = password.as_ref();
            checks.extend(password.map(|it| secret("database secret", url, it, |_| None)));
            url.clone()
        }
    };
    let Ok(place) = store_place(&config.store.database) else { return checks };
    let key = &config.store.key_file;
    let found = wait_for(async {
        let version = store::version(&place).await;
        let checked =
            if version.is_ok() { Some(store::check_key(&place, key).await) } else { None };
        Ok((version, checked))
    });
    let (version, checked) = match found {
        Ok(found) => found,
        Err(failure) => {
            checks.push(Check::wrong("database", failure.message, "run it again"));
            return checks;
        }
    };
    checks.push(match version {
        Ok(version) => Check::fine("database", format!("{version}: {at}")),
        Err(error) => Check::wrong("database", error.to_string(), MEND_DATABASE),
    });
    checks.extend(checked.map(|checked| match checked {
        Ok(()) if key.exists() => Check::fine("key file", key.display().to_string()),
        // A new database makes one.
        Ok(()) => folder("key file", key.parent()),
        Err(error @ (store::StoreError::Key { .. } | store::StoreError::WrongKey)) => {
            Check::wrong("key file", error.to_string(), MEND_KEY)
        }
        Err(error) => Check::wrong("database", error.to_string(), MEND_DATABASE),
    }));
    checks
}

/// What to do when the key file is lost or another.
const MEND_KEY: &str = "put the file kept with this database there, or name it: `[store] key_file`";

/// What to look at when a database cannot be used.
const MEND_DATABASE: &str = "look at `[store]`, and whether the server runs and lets cadran in";

/// Asks the running engine whether anybody has the skills each campaign requires; only it knows
/// the agents, so that without one nothing is said.
fn skills(global: &Global, config: &Config) -> Vec<Check> {
    let demanding = config.campaigns.iter().filter(|campaign| !campaign.requires.is_empty());
    let mut demanding = demanding.peekable();
    let asked = demanding.peek().and_then(|_| Client::open(global).ok()).map(|client| {
        let agents: Result<Vec<Agent>, _> = wait_for(client.get(&At::path(["agents"])));
        agents
    });
    let Some(Ok(agents)) = asked else { return Vec::new() };
    let judged = |campaign: &Campaign| {
        let able = |agent: &&Agent| {
            agent.campaigns.contains(&campaign.name)
                && lacks(&campaign.requires, &agent.skills).is_empty()
        };
        let (name, wanted) = (&campaign.name, campaign.requires.join(", "));
        match agents.iter().filter(able).count() {
            0 => {
                let fix = format!("cadran agent add NAME --campaign {name} --skill {wanted}");
                Check::wrong("skills", format!("{name}: no agent of it has {wanted}"), fix).look()
            }
            able => Check::fine("skills", format!("{name}: agents with {wanted}: {able}")),
        }
    };
    demanding.map(judged).collect()
}

/// Asks the running engine what it dropped; without one nothing is said.
fn network(global: &Global) -> Vec<Check> {
    let counted = Client::open(global)
        .and_then(|client| wait_for(async { client.get::<Network>(&At::path(["network"])).await }));
    let Ok(Network { sip, audio }) = counted else { return Vec::new() };
    let Signalling { garbage, strangers, unread, forged, wrong_passwords, held_off, .. } = sip;
    let signalling = Check::fine(
        "SIP dropped",
        format!(
            "strangers {strangers}, of these unread {unread}; garbage {garbage}; forged {forged}; \
             wrong passwords {wrong_passwords}, made to wait {held_off}"
        ),
    );
    let heard = format!(
        "strangers {}, malformed {}, forged {}, replayed {}",
        audio.strangers, audio.malformed, audio.forged, audio.replayed
    );
    let seen = forged + wrong_passwords + held_off + unread > 0;
    let fix = seen.then(|| "see \"Abuse\" in docs/operations.md".to_owned());
    let signalling = Check { fix, ..if seen { signalling.look() } else { signalling } };
    vec![signalling, Check::fine("audio dropped", heard)]
}

/// What makes a notice usable.
const RECORD: &str = "record it as WAV, 8 kHz mono, or take `notice` out of the campaign";
const SPEAK: &str = "record it as WAV, 8 kHz mono, or take the key out: then a tone is played";

/// Looks the hosts of every trunk up, as the engine does.
fn trunk_hosts(config: &Config) -> Vec<Check> {
    let sip = &config.sip;
    let own: Vec<_> = [sip.bind].into_iter().chain(sip.second).collect();
    let looked = wait_for(async {
        let resolver = match Resolver::new(&sip.nameservers, &own) {
            Ok(resolver) => resolver,
            Err(error) => return Ok(vec![unfound("every trunk", &error)]),
        };
        let mut checks = Vec::new();
        for trunk in &config.trunks {
            for host in hosts(trunk) {
                checks.push(trunk_host(&resolver, sip, trunk, &host.to_string()).await);
            }
        }
        Ok(checks)
    });
    looked.unwrap_or_else(|failure| vec![Check::wrong(HOST, failure.message, "run it again")])
}

/// Reads the certificates that connections over TLS need, as the start will.
fn certificates(config: &Config) -> Vec<Check> {
    const CERTIFICATES: &str = "certificates";
    let judged = |name: &str, read: Result<(), sip::TlsError>| match read {
        Ok(()) => Check::fine(CERTIFICATES, name.to_owned()),
        Err(error) => Check::wrong(CERTIFICATES, format!("{name}: {error}"), MEND_CERTIFICATES),
    };
    let own = config.sip.identification.as_ref().map(sip::Identification::from);
    let own = own.map(|own| judged("[sip]", own.check()));
    let desk = config.desk.as_ref().and_then(|desk| desk.identification.as_ref());
    let desk = desk.map(|desk| judged("[desk]", sip::Identification::from(desk).check()));
    let secured = config.trunks.iter().filter(|trunk| trunk.link.uses(Transport::Tls));
    let trunks = secured.map(|trunk| judged(&trunk.name, engine::trunks::tls(trunk).check()));
    own.into_iter().chain(desk).chain(trunks).collect()
}

/// What to do about certificates that are of no use.
const MEND_CERTIFICATES: &str =
    "look at ca_file, tls_name, certificate_file and key_file: without them no engine starts";

/// Looks whether trunks over connections can connect to us too: a carrier that closed an idle one
/// opens another to the address we told it, to hang up a call for instance.
fn doors(config: &Config) -> Vec<Check> {
    let sip = &config.sip;
    let shut = |transport: &Transport| match transport {
        Transport::Udp => false,
        Transport::Tcp => sip.tcp.is_empty(),
        Transport::Tls => sip.tls.is_empty(),
    };
    let trunks = config.trunks.iter().filter(|trunk| {
        let link = &trunk.link;
        std::iter::once(&link.transport).chain(&link.choices).any(shut)
    });
    let told = trunks.map(|trunk| {
        let told = format!("{}: the carrier cannot connect to us", trunk.name);
        Check::wrong("door", told, "add `tcp` or `tls` to [sip], as the trunk's transport").look()
    });
    told.collect()
}

/// Gives where a trunk's requests go, and its registrar, where that is another.
fn hosts(trunk: &Trunk) -> impl Iterator<Item = &Host> {
    let first = trunk.link.proxy.as_ref().unwrap_or(&trunk.host);
    let register = trunk.extensions.register.as_ref().filter(|_| trunk.link.proxy.is_none());
    std::iter::once(first).chain(register.and_then(|register| register.registrar.as_ref()))
}

async fn trunk_host(resolver: &Resolver, sip: &Sip, trunk: &Trunk, host: &str) -> Check {
    let link = &trunk.link;
    let transports = std::iter::once(&link.transport).chain(&link.choices);
    let transports: Vec<sip::Transport> = transports.map(|one| (*one).into()).collect();
    let name = format!("{}: {host}", trunk.name);
    let found = match resolver.find(host, &transports).await {
        Ok(found) => found,
        Err(error) => return unfound(&name, &error),
    };
    if let Some(obstacle) = out_of_reach(sip, &found.ways) {
        let Some(words) = Response::of_fault(obstacle.name()) else {
            return Check::wrong(HOST, format!("{name}: {}", obstacle.name()), "see docs/sip.md");
        };
        let (means, remedy) = (words.means, words.remedy);
        let french = Some((format!("{name} : {}", means.fr), remedy.fr));
        let wrong = Check::wrong(HOST, format!("{name}: {}", means.en), remedy.en);
        return Check { french, ..wrong };
    }
    let server = |way: &sip::Way| {
        let (transport, address) = (way.hop.transport, way.hop.address);
        format!("{address} over {transport}, priority {}", way.priority)
    };
    let servers: Vec<_> = found.ways.iter().map(server).collect();
    let by = match found.by {
        By::Digits => return Check::fine(HOST, name),
        By::Address => "its address",
        By::Srv => "SRV",
        By::Naptr => "NAPTR and SRV",
    };
    Check::fine(HOST, format!("{name} by {by}: {}", servers.join("; ")))
}

/// Tells what keeps our own addresses from every way to a host.
fn out_of_reach(sip: &Sip, ways: &[sip::Way]) -> Option<Obstacle> {
    let own: Vec<_> = [sip.bind].into_iter().chain(sip.second).collect();
    let between = |way: &sip::Way| Obstacle::between(&own, way.hop.ip());
    let mut obstacles = ways.iter().map(between);
    let first = obstacles.next().flatten();
    first.filter(|_| obstacles.all(|other| other.is_some()))
}

const HOST: &str = "trunk host";

fn unfound(name: &str, error: &FindError) -> Check {
    let fix = "correct `host`, or look at this machine's DNS; the trunk is down until it is found";
    Check::wrong(HOST, format!("{name}: {error}"), fix)
}

/// Fetches a secret; `wrong` says what else is wrong with it.
fn secret(
    what: &'static str,
    name: &str,
    place: &SecretPlace,
    wrong: fn(&str) -> Option<String>,
) -> Check {
    let fix = match place {
        SecretPlace::File(path) => {
            format!("write the secret into {}, readable by cadran only", path.display())
        }
        SecretPlace::Env(variable) => {
            format!("export {variable}=… in the shell or unit that starts cadran")
        }
    };
    match place.read() {
        Err(missing) => Check::wrong(what, format!("{name}: {}", missing), fix),
        Ok(secret) => match wrong(secret.reveal()) {
            None => Check::fine(what, format!("{name}: {place}")),
            Some(wrong) => Check::wrong(what, format!("{name}: {place}: {wrong}"), NEW_KEY),
        },
    }
}

fn not_a_key(secret: &str) -> Option<String> {
    SigningKey::new(secret).err().map(|error| error.to_string())
}

/// The law's clock must be right: no computer of this program's time shows an earlier year.
fn clock() -> Check {
    let now = Clock::start().now().wall;
    let year = now.timestamp().to_zoned(jiff::tz::TimeZone::UTC).year();
    if year >= 2025 {
        Check::fine("clock", now.to_string())
    } else {
        Check::wrong("clock", now.to_string(), "set the time, and keep it with chrony or ntpd")
    }
}

/// The zones that French calling windows need.
fn zones() -> Check {
    let wanted = ["Europe/Paris", "Indian/Reunion", "America/Martinique", "Pacific/Noumea"];
    let missing: Vec<_> =
        wanted.iter().filter(|zone| crate::units::Zone::new(zone).is_err()).collect();
    if missing.is_empty() {
        Check::fine("time zones", format!("bundled: {}", wanted.join(", ")))
    } else {
        Check::wrong("time zones", format!("{missing:?} missing"), "install cadran again")
    }
}

/// Sockets, the database and the API together need about this many open files.
const OPEN_FILES_MIN: u64 = 4_096;

fn open_files() -> Check {
    use nix::sys::resource::{Resource, getrlimit};
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, _)) if soft >= OPEN_FILES_MIN => Check::fine("open files", soft.to_string()),
        Ok((soft, _)) => {
            Check::wrong("open files", soft.to_string(), "run `ulimit -n 65536` before").look()
        }
        Err(error) => Check::wrong("open files", error.to_string(), "ask the system's keeper"),
    }
}

fn folder(what: &'static str, folder: Option<&Path>) -> Check {
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    match tempfile::tempfile_in(folder) {
        Ok(_) => Check::fine(what, format!("{} can be written", folder.display())),
        Err(error) => {
            let fix = format!("create {} and let cadran's user write there", folder.display());
            Check::wrong(what, error.to_string(), fix)
        }
    }
}

fn port(what: &'static str, address: SocketAddr, over: &str) -> Check {
    let bound = match over {
        "tcp" => TcpListener::bind(address).map(drop),
        _ => UdpSocket::bind(address).map(drop),
    };
    match bound {
        Ok(()) => Check::fine(what, format!("{address}/{over} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let fix = "another program has it, perhaps a running cadran: `cadran health`";
            Check::wrong(what, format!("{address}/{over} is taken"), fix).look()
        }
        Err(error) => {
            let fix = "bind an address of this machine: see `ip address`";
            Check::wrong(what, format!("{address}/{over}: {error}"), fix)
        }
    }
}

/// Compares the ports with the channels; how many agents there are only the engine knows, which
/// compares again whenever one is added.
fn rtp_room(config: &Config) -> Check {
    let (legs, channels) = (config.rtp.legs(), config.legs_wanted(0));
    let found = format!("{legs} legs for {channels} channels and the agents");
    if legs > channels {
        return Check::fine("RTP ports", found);
    }
    let range = config.rtp.range_for(channels);
    let fix = format!("set `rtp.ports` to {range} and two more for each agent");
    Check::wrong("RTP ports", found, fix)
}

/// The folder of tapes is made at the start if its own folder is there.
fn tapes(config: &Config) -> Option<Check> {
    let path = config.tapes.as_deref()?;
    Some(folder("tapes", if path.exists() { Some(path) } else { path.parent() }))
}

/// Tells a problem of a file; `own` is the engine's.
fn problem(problem: &Problem, own: &Path) -> Check {
    let located = Problem { hint: None, ..problem.clone() };
    let campaigns = problem.path != own && !problem.path.starts_with("profile");
    let page = if campaigns { "see docs/campaigns.md" } else { "see docs/cadran.toml" };
    let fix = problem.hint.clone().unwrap_or_else(|| page.to_owned());
    Check::wrong("configuration", located.to_string(), fix)
}

fn sheet(checks: &[Check], lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&[
        "",
        lang.say("check", "contrôle"),
        lang.say("found", "trouvé"),
        lang.say("fix", "remède"),
    ]);
    for check in checks {
        let mark = match check.verdict {
            Verdict::Fine => "✔",
            Verdict::Look => "!",
            Verdict::Wrong => "✘",
        };
        let [found, fix] = check.told(lang);
        sheet.add([mark.to_owned(), told(check.what, lang), found, fix]);
    }
    sheet
}
