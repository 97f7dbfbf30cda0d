//! Files to typed settings: `cadran.toml` for the engine, `campaigns/*.toml` for campaigns.
//!
//! Every problem of every file is reported at once, each with its file, line and column; keys
//! nobody knows are refused; secrets are named here and kept elsewhere.

pub mod account;
pub mod campaign;
mod codec;
mod desk;
mod dispositions;
pub mod encoding;
mod extensions;
mod grammar;
pub mod holidays;
pub mod hours;
mod incoming;
pub mod law;
pub mod likeness;
pub mod link;
pub mod measure;
pub mod numbering;
mod order;
mod pinpoint;
mod problem;
mod profile;
mod reader;
pub mod respect;
mod response;
mod retention;
mod retry;
mod routes;
pub mod scenario;
mod secret;
mod shared;
mod shown;
mod srtp;
mod store;
mod trunk;
mod unread;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

pub use campaign::Campaign;
pub use codec::Codec;
pub use desk::Desk;
pub use dispositions::{Disposition, Need};
pub use extensions::{EarlyMedia, Extensions, Refresher, Register, Reliable, SessionTimer};
pub use incoming::{Answering, Incoming};
pub use link::{Link, Sip};
pub use order::Order;
pub use problem::{Problem, Problems, Severity};
pub use profile::{Card, Profile};
pub use response::{Response, Words};
pub use retention::Retention;
pub use routes::{NamedRoute, PrefixRoutes};
pub use secret::{Secret, SecretMissing, SecretPlace, Webhook};
pub use shared::SharedRate;
pub use shown::ShownNumber;
pub use srtp::Srtp;
pub use store::{Database, StorePlace};
pub use trunk::{Auth, CallerId, Host, Identity, NumberFormat, Privacy, Redirect, Refer, Trunk};
pub use unread::{Change, Unread};

use crate::units::PauseId;
use reader::{Fields, Reader, Value};

/// Everything the engine is told by its files.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The engine's file.
    pub path: PathBuf,
    /// This node's number, the upper half of every call id.
    pub node: u16,
    /// Extensions.
    pub sip: Sip,
    /// Media.
    pub rtp: Rtp,
    /// The store.
    pub store: StorePlace,
    /// How long each kind of data is kept.
    pub retention: Retention,
    /// The door for the command line and other programs.
    pub api: Api,
    /// Where people open their pages, where asked.
    pub desk: Option<Desk>,
    /// Agents' phones.
    pub phones: Phones,
    /// The trunks, in the order of the file.
    pub trunks: Vec<Trunk>,
    /// The numbers shown, those with limits of their own first.
    pub shown: Vec<ShownNumber>,
    /// The pause codes; [`PauseId`] is a place in this list.
    pub pauses: Vec<Pause>,
    /// The webhook of campaigns without one of their own.
    pub webhook: Option<Webhook>,
    /// Where prompts (WAV) lie.
    pub prompts: PathBuf,
    /// Where tapes are written; `None` writes none.
    pub tapes: Option<PathBuf>,
    /// Where the campaigns' files lie.
    pub campaigns_folder: PathBuf,
    /// The campaigns, by name.
    pub campaigns: Vec<Campaign>,
    /// What should be looked at although it can be used.
    pub warnings: Vec<Problem>,
}

/// Media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rtp {
    /// The address media sockets are bound to.
    pub ip: IpAddr,
    /// An address of the other family they are bound to, for far ends that are reached over it.
    pub second: Option<IpAddr>,
    /// The address others see, when it is not the bound one.
    pub public: Option<IpAddr>,
    /// The first port, even.
    pub first: u16,
    /// The last port.
    pub last: u16,
}

impl Rtp {
    /// Gives the address we write into session descriptions.
    #[must_use]
    pub fn advertised(&self) -> IpAddr {
        self.public.unwrap_or(self.ip)
    }

    /// Gives how many legs have ports: each takes an even one for RTP and the next for RTCP
    /// (RFC 3550 §11).
    #[must_use]
    pub fn legs(&self) -> u32 {
        (u32::from(self.last) + 1).saturating_sub(u32::from(self.first)) / 2
    }

    /// Gives the range that has ports for so many legs: from the same first port on, or from as
    /// low a one as it takes to end with the last port there is. More than 32,256 legs have no
    /// range on one address; theirs ends above it.
    #[must_use]
    pub fn range_for(&self, legs: u32) -> String {
        let ports = legs.saturating_mul(2);
        let highest = PORTS_END.saturating_sub(ports).max(u32::from(PORT_FIRST));
        let first = u32::from(self.first).min(highest);
        format!("{first}-{}", first.saturating_add(ports).saturating_sub(1))
    }
}

/// The RTP ports are too few for every channel and agent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the RTP ports have room for {room} legs, but {channels} channels of trunks and {agents} \
     agents want {}: set `[rtp] ports` to {range}, or a wider range",
    channels.saturating_add(*agents)
)]
pub struct PortsShort {
    /// Legs that have ports.
    pub room: u32,
    /// Channels of all trunks.
    pub channels: u32,
    /// Agents there are.
    pub agents: u32,
    /// A range that is wide enough.
    pub range: String,
}

/// The door for the command line and other programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// The Unix socket, open to its owner only.
    pub socket: PathBuf,
    /// A loopback address for plain HTTP, where asked.
    pub http: Option<SocketAddr>,
}

/// Agents' phones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phones {
    /// The realm of their digest authentication.
    pub realm: String,
    /// Whether their audio is protected.
    pub srtp: Srtp,
}

/// A reason for a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The short name used in commands.
    pub code: String,
    /// What people read.
    pub label: String,
}

/// A configuration file is not larger than this: the largest example is under 8 KB.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A centre has no more campaigns than this in one folder.
const CAMPAIGNS_MAX: usize = 1_000;

/// Ports lent to calls unless told otherwise: 5,000 legs of an even and an odd port each.
const PORTS: (u16, u16) = (20_000, 29_999);

/// The first port above the system ports (RFC 6335 §6).
const PORT_FIRST: u16 = 1_024;

/// The end of the ports: they are numbers of 16 bits.
const PORTS_END: u32 = 1 << 16;

impl Config {
    /// Reads the engine's file and every campaign of its folder.
    ///
    /// # Errors
    /// A file cannot be read or has problems; all of them are told.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let text = read_engine_file(path)?;
        let (config, mut problems) = parse(path, &text);
        let Some(mut config) = config else { return Err(Problems(problems)) };
        config.load_campaigns(&mut problems);
        problems.sort_by_key(|problem| problem.severity);
        if has_error(&problems) {
            return Err(Problems(problems));
        }
        config.warnings = problems;
        Ok(config)
    }

    /// Reads the engine's file alone; the campaigns stay empty.
    ///
    /// # Errors
    /// The file cannot be read or has problems; all of them are told.
    pub fn load_engine(path: &Path) -> Result<Self, Problems> {
        Self::read(path, &read_engine_file(path)?)
    }

    /// Reads the text of the engine's file, which may not be on a disk yet; the campaigns stay
    /// empty. What the file names is looked for beside `path`.
    ///
    /// # Errors
    /// The text has problems; all of them are told.
    pub fn read(path: &Path, text: &str) -> Result<Self, Problems> {
        let (config, problems) = parse(path, text);
        config.filter(|_| !has_error(&problems)).ok_or(Problems(problems))
    }

    /// Gives how many legs there can be at once: one for each channel of the trunks, and one that
    /// each agent keeps for the shift.
    #[must_use]
    pub fn legs_wanted(&self, agents: u32) -> u32 {
        let channels = self.trunks.iter().map(|trunk| trunk.channels);
        channels.fold(agents, u32::saturating_add)
    }

    /// Checks that the RTP ports do not run out in the middle of a busy hour.
    ///
    /// # Errors
    /// They are too few for every channel and so many agents.
    pub fn check_ports(&self, agents: usize) -> Result<(), PortsShort> {
        let agents = u32::try_from(agents).unwrap_or(u32::MAX);
        let (room, wanted) = (self.rtp.legs(), self.legs_wanted(agents));
        if room >= wanted {
            return Ok(());
        }
        let (channels, range) = (self.legs_wanted(0), self.rtp.range_for(wanted));
        Err(PortsShort { room, channels, agents, range })
    }

    /// Finds a campaign by its name.
    #[must_use]
    pub fn campaign(&self, name: &str) -> Option<&Campaign> {
        self.campaigns.iter().find(|campaign| campaign.name == name)
    }

    /// Gives the pause of a break without a code: the second, as the first is that of signing in.
    #[must_use]
    pub fn usual_pause(&self) -> PauseId {
        PauseId(u16::from(self.pauses.len() > 1))
    }

    /// Finds a pause by its code.
    #[must_use]
    pub fn pause(&self, code: &str) -> Option<PauseId> {
        let place = self.pauses.iter().position(|pause| pause.code == code)?;
        u16::try_from(place).ok().map(PauseId)
    }

    fn load_campaigns(&mut self, problems: &mut Vec<Problem>) {
        let folder = &self.campaigns_folder;
        let (files, passed_over) = match toml_files(folder).and_then(|files| {
            let passed_over = meant_as_toml(folder)?;
            Ok((files, passed_over))
        }) {
            Ok(listed) => listed,
            Err(error) => {
                problems.extend(Problems::unreadable(folder, &error).0);
                return;
            }
        };
        if files.is_empty() {
            let hint = "put a file such as prospection.toml there, or name another folder under \
                        `[folders] campaigns`";
            problems.push(look(folder, "holds no campaign (*.toml)", hint.to_owned()));
        }
        problems.extend(passed_over);
        let mut names: BTreeMap<String, PathBuf> = BTreeMap::new();
        // Trunks that could not be read would make every route of theirs look wrong too.
        let trunks = (!has_error(problems)).then_some(self.trunks.as_slice());
        let around = campaign::Around { trunks, prompts: Some(&self.prompts) };
        for path in files {
            let (campaign, found) = match read_file(&path) {
                Ok(text) => campaign::parse(&path, &text, around),
                Err(unreadable) => (None, unreadable.0),
            };
            problems.extend(found);
            let Some(campaign) = campaign else { continue };
            if let Some(first) = names.insert(campaign.name.clone(), path.clone()) {
                problems.push(Problem {
                    severity: Severity::Error,
                    path,
                    line: campaign.name_line,
                    column: 1,
                    key: "name".to_owned(),
                    message: format!("{:?} is the name of {} too", campaign.name, first.display()),
                    hint: Some("give each campaign a name of its own".to_owned()),
                });
            }
            self.campaigns.push(campaign);
        }
        shared::number(&mut self.campaigns, problems);
        // A campaign that could not be read whole may show any number.
        if !self.campaigns.is_empty() && !has_error(problems) {
            problems.extend(shown::complete(self));
        }
    }
}

/// Numbers the abandon rates that campaigns name, and tells where campaigns of one rate differ.
pub fn join_rates(campaigns: &mut [Campaign]) -> Vec<Problem> {
    let mut problems = Vec::new();
    shared::number(campaigns, &mut problems);
    problems
}

fn has_error(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// Reads the engine's file; one that is not there may not have been made yet.
fn read_engine_file(path: &Path) -> Result<String, Problems> {
    read_file(path).map_err(|Problems(mut problems)| {
        for problem in problems.iter_mut().filter(|_| !path.exists()) {
            let hint = "copy docs/cadran.toml there and make it yours, or name yours with --config";
            problem.hint = Some(hint.to_owned());
        }
        Problems(problems)
    })
}

/// Reads a file of at most [`FILE_BYTES_MAX`] bytes.
fn read_file(path: &Path) -> Result<String, Problems> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .and_then(|_| match u64::try_from(bytes.len()) {
            Ok(length) if length <= FILE_BYTES_MAX => Ok(bytes),
            Ok(_) | Err(_) => Err(std::io::Error::other("it is larger than 1 MB")),
        })
        .map_err(|error| Problems::unreadable(path, &error))
        .and_then(|bytes| {
            String::from_utf8(bytes).map_err(|error| Problems::foreign(path, error.as_bytes()))
        })
}

/// Lists a folder's `*.toml`, sorted by name.
fn toml_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)?.take(10 * CAMPAIGNS_MAX) {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    if files.len() > CAMPAIGNS_MAX {
        let text = format!("it holds more than {CAMPAIGNS_MAX} campaigns");
        return Err(std::io::Error::other(text));
    }
    files.sort();
    Ok(files)
}

/// Warns of a folder's files that are not read for their names alone: `piscines.toml.txt`, which
/// an editor hides the end of, or `PISCINES.TOML`.
fn meant_as_toml(folder: &Path) -> std::io::Result<Vec<Problem>> {
    let mut warnings = Vec::new();
    for entry in std::fs::read_dir(folder)?.take(10 * CAMPAIGNS_MAX) {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let small = name.to_lowercase();
        let bare = small.strip_suffix(".txt").unwrap_or(&small);
        if let Some(stem) = bare.strip_suffix(".toml").filter(|_| !name.ends_with(".toml")) {
            let hint = format!("rename it to {stem}.toml if it is a campaign");
            let why = "is not read: the name of a campaign's file ends in .toml";
            warnings.push(look(&folder.join(&name), why, hint));
        }
    }
    warnings.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(warnings)
}

/// Makes a warning of a whole file or folder.
fn look(path: &Path, message: &str, hint: String) -> Problem {
    Problem {
        severity: Severity::Warning,
        path: path.to_owned(),
        line: 0,
        column: 0,
        key: String::new(),
        message: message.to_owned(),
        hint: Some(hint),
    }
}

/// Reads the engine's file; the campaigns stay empty.
fn parse(path: &Path, text: &str) -> (Option<Config>, Vec<Problem>) {
    let reader = Reader::new(path, text);
    let config = reader.parse().and_then(|document| {
        let root = Fields::root(&reader, &document);
        let config = engine(&reader, &root, path);
        root.finish();
        config
    });
    (config, reader.finish())
}

fn engine(reader: &Reader<'_>, root: &Fields<'_, '_>, path: &Path) -> Option<Config> {
    let node = root.or("node", 0, |value| value.whole(0..=u32::from(u16::MAX)));
    let sip = Sip::of(root);
    let rtp = rtp(root, &sip);
    let trunks = trunks(reader, root, &sip);
    let (prompts, tapes, campaigns_folder) = folders(reader, root);
    let webhook = root.table("webhook");
    let store = StorePlace::of(reader, root);
    Some(Config {
        path: path.to_owned(),
        node: u16::try_from(node).unwrap_or(u16::MAX),
        rtp,
        desk: Desk::of(root, &store),
        store,
        retention: Retention::of(root),
        api: api(reader, root),
        phones: phones(root, !sip.tls.is_empty()),
        sip,
        trunks,
        shown: shown::read(root),
        pauses: pauses(root),
        webhook: webhook.and_then(|fields| Webhook::of(&fields)),
        prompts,
        tapes,
        campaigns_folder,
        campaigns: Vec::new(),
        warnings: Vec::new(),
    })
}

fn rtp(root: &Fields<'_, '_>, sip: &Sip) -> Rtp {
    let mut rtp = Rtp {
        ip: sip.bind.ip(),
        second: sip.second.map(|second| second.ip()),
        public: sip.public,
        first: PORTS.0,
        last: PORTS.1,
    };
    let Some(fields) = root.table("rtp") else { return rtp };
    let mut ips = fields.get("ip").map(Value::one_or_more).unwrap_or_default().into_iter();
    if let Some(first) = ips.next().and_then(|value| ip(&value)) {
        rtp.ip = first;
        rtp.second = ips.next().and_then(|value| {
            let other = ip(&value)?;
            if other.is_ipv4() == first.is_ipv4() {
                let hint = "write one IPv4 and one IPv6 address of this machine";
                value.error("is no second address that can be used", Some(hint.to_owned()));
            }
            Some(other)
        });
    }
    link::no_third(ips.next());
    if let Some(public) = fields.get("public").and_then(|value| ip(&value)) {
        rtp.public = Some(public);
    }
    (rtp.first, rtp.last) = fields.or("ports", PORTS, |value| value.parse(ports));
    fields.finish();
    rtp
}

fn api(reader: &Reader<'_>, root: &Fields<'_, '_>) -> Api {
    let socket = reader.beside("cadran.sock");
    let Some(fields) = root.table("api") else { return Api { socket, http: None } };
    let http = fields.get("http").and_then(|value| {
        let http = address(&value)?;
        if !http.ip().is_loopback() {
            let hint = "write 127.0.0.1:8080; who may come in from outside is not settled yet";
            value.error("is no loopback address", Some(hint.to_owned()));
        }
        Some(http)
    });
    let api = Api { socket: fields.or("socket", socket, Value::file), http };
    fields.finish();
    api
}

/// Reads `[phones]`; `hidden` says whether they may come over TLS.
fn phones(root: &Fields<'_, '_>, hidden: bool) -> Phones {
    let realm = "cadran".to_owned();
    let Some(fields) = root.table("phones") else { return Phones { realm, srtp: Srtp::Off } };
    let realm = fields.or("realm", realm, |value| value.parse(realm_name));
    let phones = Phones { realm, srtp: Srtp::of(&fields, hidden) };
    fields.finish();
    phones
}

/// A realm stands in quotes in a SIP header: no quote, no backslash, no control sign.
fn realm_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
    if !text.is_empty() && text.len() <= 64 && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("is no realm: 1 to 64 letters, digits and signs without blanks or quotes".to_owned())
    }
}

fn trunks(reader: &Reader<'_>, root: &Fields<'_, '_>, sip: &Sip) -> Vec<Trunk> {
    let mut trunks = Vec::new();
    for fields in root.tables("trunk") {
        let (host, proxy) = (fields.get("host"), fields.get("proxy"));
        let Some(trunk) = Trunk::read(reader, fields, &trunks) else { continue };
        // Behind a proxy nothing goes to the host itself.
        let (to, written) = match &trunk.link.proxy {
            Some(proxy_host) => (proxy_host, proxy),
            None => (&trunk.host, host),
        };
        if let Some(written) = written {
            sip.warn_out_of_reach(&written, to);
        }
        trunks.push(trunk);
    }
    trunks
}

/// The pause every centre has; the first one holds between signing in and the first *ready*.
fn pauses(root: &Fields<'_, '_>) -> Vec<Pause> {
    let mut pauses: Vec<Pause> = Vec::new();
    for fields in root.tables("pause") {
        let code = fields.must("code", "\"repas\"").and_then(|value| value.name());
        let label = fields.get("label").and_then(|value| value.name());
        fields.finish();
        let Some(code) = code else { continue };
        if pauses.iter().any(|other| other.code == code) {
            fields.error("code", "is the code of another pause too", "rename one of them");
        }
        pauses.push(Pause { label: label.unwrap_or_else(|| code.clone()), code });
    }
    if pauses.is_empty() {
        let usual = [("arrivee", "Arrivée"), ("pause", "Pause"), ("repas", "Repas")];
        pauses.extend(usual.map(|(code, label)| Pause { code: code.into(), label: label.into() }));
    }
    pauses
}

fn folders(reader: &Reader<'_>, root: &Fields<'_, '_>) -> (PathBuf, Option<PathBuf>, PathBuf) {
    let (prompts, campaigns) = (reader.beside("prompts"), reader.beside("campaigns"));
    let Some(fields) = root.table("folders") else { return (prompts, None, campaigns) };
    let folders = (
        fields.or("prompts", prompts, Value::file),
        fields.get("tapes").and_then(|value| value.file()),
        fields.or("campaigns", campaigns, Value::file),
    );
    fields.finish();
    folders
}

fn address(value: &Value<'_, '_>) -> Option<SocketAddr> {
    value.parse(|text| {
        text.parse().map_err(|_| "is no address and port: write 192.0.2.1:5060".to_owned())
    })
}

fn ip(value: &Value<'_, '_>) -> Option<IpAddr> {
    value.parse(|text| match text.parse::<IpAddr>() {
        Ok(ip) if !ip.is_unspecified() => Ok(ip),
        Ok(_) | Err(_) => Err("is no address: write 192.0.2.1".to_owned()),
    })
}

/// Reads a port range such as `20000-29999`.
fn ports(text: &str) -> Result<(u16, u16), String> {
    let wrong = || "is no port range: write \"20000-29999\", the first one even".to_owned();
    let (first, last) = text.split_once('-').ok_or_else(wrong)?;
    let first: u16 = first.trim().parse().map_err(|_| wrong())?;
    let last: u16 = last.trim().parse().map_err(|_| wrong())?;
    let fits = first >= PORT_FIRST && first.is_multiple_of(2) && last > first;
    if fits { Ok((first, last)) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where an engine with trunks outside listens.
    const BOUND: &str = "[sip]\nbind = \"192.0.2.1:5060\"\n";

    /// An engine's file with one trunk of these keys, read as it would be from the disk.
    fn with_trunk(keys: &str) -> (Option<Config>, Vec<Problem>) {
        parse(Path::new("cadran.toml"), &format!("{BOUND}[[trunk]]\nname = \"t\"\n{keys}"))
    }

    #[test]
    fn each_profile_leaves_a_trunk_little_to_say_and_is_overruled_by_it() {
        for profile in Profile::built_in() {
            let named = format!(
                "profile = {:?}\nhost = \"192.0.2.9\"\nchannels = 4\nuser = \"u\"\n\
                 secret_env = \"S\"\n",
                profile.name
            );
            let (config, problems) = with_trunk(&named);
            assert_eq!(problems, [], "{}", profile.name);
            let trunks = config.map(|config| config.trunks).unwrap_or_default();
            let trunk = trunks.first().expect("a trunk without problems");
            assert_eq!((&*trunk.host.name, trunk.channels), ("192.0.2.9", 4));
            let (config, _) = with_trunk(&(named + "calls_per_second = \"7/s\"\n"));
            let trunks = config.map(|config| config.trunks).unwrap_or_default();
            assert_eq!(trunks.first().map(|trunk| trunk.calls_per_second), Some(7.0));
        }
    }

    #[test]
    fn a_profile_of_ones_own_is_read_and_its_mistakes_are_told_with_their_place()
    -> Result<(), std::io::Error> {
        let folder = tempfile::tempdir()?;
        let own = folder.path().join("own.toml");
        let keys = format!("profile = {:?}\nhost = \"192.0.2.9\"\nchannels = 4\n", own.display());
        let text = r#"calls_per_second = "3/s"
            [[response]]
            status = 480
            means = { en = "asleep", fr = "endormi" }
            remedy = { en = "wait", fr = "attendez" }"#;
        std::fs::write(&own, text)?;
        let (config, problems) = with_trunk(&keys);
        assert_eq!(problems, []);
        let trunk = config.and_then(|config| config.trunks.into_iter().next());
        let trunk = trunk.expect("a trunk without problems");
        let found = Response::find(&trunk.responses, &[], 480, "Gone to bed");
        assert_eq!(found.map(|found| &*found.means.fr), Some("endormi"));
        std::fs::write(&own, "calls_per_second = \"3/s\"\nchanels = 4\nname = \"me\"\n")?;
        let (_, problems) = with_trunk(&keys);
        let told = problems.iter().map(|problem| (problem.line, &*problem.key));
        assert_eq!(told.collect::<Vec<_>>(), [(2, "chanels"), (3, "name")]);
        Ok(())
    }

    #[test]
    fn the_port_range_to_write_has_room_and_ends_with_the_last_port() {
        let ip = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        for (first, legs, expected) in [
            (20_000, 1, "20000-20001"),
            (50_000, 7_768, "50000-65535"),
            (50_000, 8_000, "49536-65535"),
            (20_000, 32_256, "1024-65535"),
        ] {
            let rtp = Rtp { ip, second: None, public: None, first, last: first + 1 };
            let range = rtp.range_for(legs);
            assert_eq!(range, expected, "{legs} legs from {first}");
            let written = ports(&range).map(|(first, last)| Rtp { first, last, ..rtp }.legs());
            assert_eq!(written, Ok(legs), "{range}");
        }
    }
}
