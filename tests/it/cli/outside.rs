//! The whole engine against a carrier and phones written by others, kept outside this repository:
//! each numbered behaviour of that carrier once, judged by what the carrier and the phones saw.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Claim;
use super::running::{Engine, free_port};

/// How the carrier's call of each behaviour is to end: its last answer, 0 for none. Busy, rung
/// out, refused, and calls whose CANCEL is lost or answered wrongly; 09 to 12 want a password, 12
/// whatever is sent; 22 redirects; 29 says nothing at all.
const FINALS: [(u8, u16); 16] = [
    (1, 486),
    (2, 487),
    (3, 503),
    (4, 404),
    (12, 407),
    (19, 488),
    (22, 302),
    (23, 603),
    (24, 480),
    (29, 0),
    (30, 487),
    (42, 0),
    (43, 486),
    // A CANCEL that meets the answer, and an answer without audio: hung up at once, as is
    // `GONE_AT_ONCE`, by itself.
    (6, 200),
    (GONE_AT_ONCE, 200),
    (18, 200),
];
/// Hangs up as soon as it is acknowledged: whether anybody was heard is a matter of luck.
const GONE_AT_ONCE: u8 = 7;
/// Behaviours that answer and are joined to an agent, 28 after PRACK and 31 after 422.
const JOINED: [u8; 27] = [
    0, 5, 8, 9, 10, 11, 13, 14, 15, 16, 17, 20, 21, 26, 27, 28, 31, 32, 33, 35, 36, 37, 39, 40, 44,
    45, 46,
];
/// Where the phones are.
const PHONES: &str = "127.0.0.20";
const AGENTS: &str = "30";
/// The longest behaviour rings for 30 s and is silent for 32 s more.
const SECONDS: &str = "150";

/// One of the programs outside, which tells a line of JSON for each call that has ended.
struct Outside {
    program: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Outside {
    fn start(folder: &Path, script: &str, flags: &[&str], build: &Path) -> std::io::Result<Self> {
        let mut program = Command::new("python3")
            .arg(folder.join(script))
            .args(flags)
            .args(["--seconds", SECONDS])
            .env("CADRAN_LAB_BIN", build)
            .env("PYTHONUNBUFFERED", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let told = program.stdout.take().expect("it was just piped");
        Ok(Self { program, lines: BufReader::new(told).lines() })
    }

    fn line(&mut self) -> Result<Option<serde_json::Value>, Box<dyn std::error::Error>> {
        Ok(self.lines.next().transpose()?.map(|line| serde_json::from_str(&line)).transpose()?)
    }

    /// Ends it and gives what it has to complain of.
    fn complaints(mut self) -> Result<Vec<String>, Box<dyn std::error::Error>> {
        kill(Pid::from_raw(i32::try_from(self.program.id())?), Signal::SIGTERM)?;
        let mut complaints = Vec::new();
        while let Some(line) = self.line()? {
            complaints.extend(line.get("complaint").map(ToString::to_string));
        }
        Ok(complaints)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // One that has ended already needs no force.
        drop(self.program.kill());
        drop(self.program.wait());
    }
}

/// The folder of the carrier and the phones, unless it is not at hand.
fn outside() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let shared = std::env::var_os("CADRAN_SHARED");
    let folder = shared.map_or_else(|| root.join("../shared"), PathBuf::from).join("calls");
    let there = folder.join("carrier.py").is_file();
    if !there {
        skipped(&folder);
    }
    there.then_some(folder)
}

#[expect(clippy::print_stderr, reason = "a test that cannot run says so")]
fn skipped(folder: &Path) {
    eprintln!("SKIPPED: no carrier and phones in {}", folder.display());
}

fn behaviours() -> impl Iterator<Item = u8> {
    FINALS.iter().map(|(code, _)| *code).chain(JOINED)
}

/// Starts an engine with a trunk to the carrier, a list with each behaviour's number, and agents.
fn campaign(carrier: u16, phones: u16) -> Result<Engine, Box<dyn std::error::Error>> {
    let engine = Engine::start_with(|folder| {
        let path = folder.join("cadran.toml");
        let text = fs::read_to_string(&path)?;
        let (head, _) = text.split_once("[[caller_id]]").unwrap_or((&text, ""));
        fs::write(folder.join("carrier.secret"), "s3cret\n")?;
        let trunk = format!(
            "[[trunk]]\nname = \"t1\"\nhost = \"127.0.0.10:{carrier}\"\nuser = \"cadran\"\n\
             secret_file = \"carrier.secret\"\nchannels = 60\ncalls_per_second = \"20/s\"\n\
             session_timer = \"ask\"\nsession_interval = \"90s\"\noptions_every = \"never\"\n\
             rest_after = \"never\"\n"
        );
        fs::write(&path, head.to_owned() + &trunk)?;
        let numbers = behaviours().map(|code| format!("01990099{code:02}\n"));
        fs::write(folder.join("list.csv"), format!("telephone\n{}", numbers.collect::<String>()))?;
        let path = folder.join("campaigns/essai.toml");
        let text = fs::read_to_string(&path)?;
        let wrap = "[wrap]\nmax = \"1s\"\ndefault = \"fait\"\n[[disposition]]\ncode = \"fait\"\n\
                    class = \"cna\"\n[[disposition]]";
        fs::write(&path, text.replacen("[[disposition]]", wrap, 1))
    })?;
    let list = engine.folder.path().join("list.csv");
    let list = list.to_str().ok_or("a path that is no text")?;
    let names = (1..=AGENTS.parse::<u32>()?).map(|nth| format!("a{nth}")).collect::<Vec<_>>();
    let sip = format!("sip:{{name}}@{PHONES}:{phones}");
    let mut add = vec!["agent", "add"];
    add.extend(names.iter().map(String::as_str));
    engine.ask(&[&add[..], &["--sip", &sip]].concat())?;
    engine.ask(&["list", "import", list, "--campaign", "essai"])?;
    engine.ask(&["agent", "login", "--all", "--wait"])?;
    engine.ask(&["agent", "ready", "--all"])?;
    engine.ask(&["campaign", "start", "essai"])?;
    Ok(engine)
}

#[test]
fn every_behaviour_of_a_carrier_from_outside_ends_as_it_should() -> Claim {
    let Some(folder) = outside() else { return Ok(()) };
    let build = tempfile::tempdir()?;
    let (carrier, phones) = (free_port()?, free_port()?);
    let flags = ["--port", &carrier.to_string(), "--rtp-base", "20000"];
    let mut seen = Outside::start(&folder, "carrier.py", &flags, build.path())?;
    let flags = ["--n", AGENTS, "--ip", PHONES, "--port", &phones.to_string()];
    let agents = Outside::start(&folder, "agents.py", &flags, build.path())?;
    let engine = campaign(carrier, phones)?;

    let mut calls = BTreeMap::new();
    let all = behaviours().count();
    while calls.len() < all {
        let call = seen.line()?.ok_or_else(|| format!("the carrier saw only {calls:?}"))?;
        let number = call.get("num").and_then(|number| number.as_str()).ok_or("no number")?;
        let code = number.get(number.len() - 2..).unwrap_or_default().parse::<u8>()?;
        let final_ = call.get("final").and_then(serde_json::Value::as_u64);
        let joined = call.get("agent_heard_after").is_some();
        // A contact is called again where the trunk, not the person, refused.
        calls.entry(code).or_insert((final_, joined));
    }
    drop(engine);
    for (code, wanted) in FINALS {
        let ended = calls.get(&code).and_then(|(ended, _)| *ended);
        assert_eq!(ended, Some(u64::from(wanted)), "behaviour {code}: {calls:?}");
    }
    for code in behaviours().filter(|code| *code != GONE_AT_ONCE) {
        let joined = calls.get(&code).map(|(_, joined)| *joined);
        assert_eq!(joined, Some(JOINED.contains(&code)), "behaviour {code}: {calls:?}");
    }
    assert_eq!((seen.complaints()?, agents.complaints()?), (Vec::new(), Vec::new()));
    Ok(())
}
