//! The command line against a running engine.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use cadran::core::Record;
use cadran::core::pacing::{Ask, Decision, Forecast, Limit, View, Why};
use cadran::engine::tasks::Tasks;
use cadran::store::{self, Store};
use cadran::units::{Ratio, Span, TrunkId};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Claim, cadran, code, json, text};
use crate::ports;
use crate::store::fixture::NOON;

/// A running engine in a folder of its own; ended by force if a test leaves it behind.
pub(crate) struct Engine {
    pub(super) folder: tempfile::TempDir,
    pub(super) child: Child,
}

impl Drop for Engine {
    fn drop(&mut self) {
        // An engine that has ended already needs no force.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Engine {
    /// Starts an engine on free ports and waits until it says that it serves.
    pub(super) fn start() -> Result<Self, Box<dyn Error>> {
        Self::start_with(|_| Ok(()))
    }

    /// Starts an engine whose project was changed before.
    pub(crate) fn start_with(
        change: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        write_project(folder.path())?;
        change(folder.path())?;
        Self::serve(folder)
    }

    /// Starts an engine on a project that is written already.
    fn serve(folder: tempfile::TempDir) -> Result<Self, Box<dyn Error>> {
        let child = spawn(folder.path())?;
        let mut engine = Self { folder, child };
        engine.until_it_serves()?;
        Ok(engine)
    }

    /// Kills it where it stands and starts it again.
    pub(super) fn restart(&mut self) -> Claim {
        self.child.kill()?;
        self.child.wait()?;
        self.child = spawn(self.folder.path())?;
        self.until_it_serves()
    }

    fn until_it_serves(&mut self) -> Claim {
        let stderr = self.child.stderr.take().ok_or("no standard error")?;
        let mut told = String::new();
        let mut lines = BufReader::new(stderr);
        while lines.read_line(&mut told)? > 0 {
            if told.contains("serving:") {
                return Ok(());
            }
        }
        Err(format!("the engine did not start: {told}").into())
    }

    /// Waits for the end of one that was killed, and starts it again on the same project.
    pub(super) fn again(self) -> Result<Self, Box<dyn Error>> {
        self.again_after(|_| Ok(()))
    }

    /// The same, and has something done to the project in between.
    pub(super) fn again_after(
        mut self,
        change: impl FnOnce(&Path) -> Result<(), Box<dyn Error>>,
    ) -> Result<Self, Box<dyn Error>> {
        self.child.wait()?;
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir()?);
        change(folder.path())?;
        Self::serve(folder)
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = cadran();
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Output, Box<dyn Error>> {
        Ok(self.command(arguments).output()?)
    }

    pub(super) fn signal(&self, signal: Signal) -> Claim {
        Ok(kill(Pid::from_raw(i32::try_from(self.child.id())?), signal)?)
    }

    /// Runs a command that must succeed and reads its JSON.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<serde_json::Value, Box<dyn Error>> {
        let output = self.command(arguments).arg("--json").output()?;
        if code(&output)? == 0 {
            json(&output)
        } else {
            Err(format!("{arguments:?}: {}", text(&output.stderr)?).into())
        }
    }

    /// Reads a resource from the socket, with the heads of the answer.
    fn get(&self, path: &str) -> std::io::Result<String> {
        let mut socket = UnixStream::connect(self.folder.path().join("cadran.sock"))?;
        write!(socket, "GET {path} HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Asks until the answer has a value in one place; each try is a process of its own.
    pub(crate) fn ask_until(
        &self,
        arguments: &[&str],
        place: &str,
        wanted: impl Into<serde_json::Value>,
    ) -> Result<serde_json::Value, Box<dyn Error>> {
        let wanted = wanted.into();
        let mut answer = serde_json::Value::Null;
        for _ in 0..TRIES_MAX {
            answer = self.ask(arguments)?;
            if field(&answer, place) == &wanted {
                return Ok(answer);
            }
        }
        Err(format!("{place} is never {wanted} in {TRIES_MAX} answers, at last {answer}").into())
    }
}

fn spawn(folder: &Path) -> std::io::Result<Child> {
    let mut serve = cadran();
    serve.arg("serve").current_dir(folder).stdout(Stdio::null()).stderr(Stdio::piped());
    serve.spawn()
}

/// A process takes some 5 ms: an engine that has not come there in 10 s never will.
pub(super) const TRIES_MAX: u32 = 2_000;

/// Finds a port of this machine that nobody has.
pub(super) fn free_port() -> std::io::Result<u16> {
    Ok(ports::free_port(Ipv4Addr::LOCALHOST.into())?.port())
}

fn write_project(folder: &Path) -> Result<(), Box<dyn Error>> {
    let (sip, carrier) = (free_port()?, free_port()?);
    let (rtp, rtp_last) = ports::audio_range()?;
    fs::create_dir(folder.join("campaigns"))?;
    fs::create_dir(folder.join("tapes"))?;
    fs::write(
        folder.join("cadran.toml"),
        format!(
            "[sip]\nbind = \"127.0.0.1:{sip}\"\n[rtp]\nports = \"{rtp}-{rtp_last}\"\n\
             [folders]\ntapes = \"tapes\"\n\
             [[caller_id]]\nnumber = \"+33162000000\"\noperator = \"essai\"\n\
             [[trunk]]\nname = \"t1\"\noperators = [\"essai\"]\n\
             host = \"127.0.0.1:{carrier}\"\nchannels = 5\n\
             calls_per_second = \"5/s\"\noptions_every = \"never\"\n"
        ),
    )?;
    fs::write(
        folder.join("campaigns/essai.toml"),
        "name = \"essai\"\nclient = \"Acme\"\nmode = \"progressive\"\nroutes = [\"t1\"]\n\
         caller_ids = [\"+33162000000\"]\nhours = \"lun-dim 00:00-24:00\"\n\
         [[disposition]]\nkey = \"1\"\ncode = \"vente\"\nclass = \"ca+\"\nneeds = \"amount\"\n",
    )?;
    Ok(())
}

pub(crate) fn field<'v>(value: &'v serde_json::Value, path: &str) -> &'v serde_json::Value {
    value.pointer(path).unwrap_or(&serde_json::Value::Null)
}

#[test]
fn a_campaign_is_filled_and_driven_over_the_socket() -> Claim {
    let engine = Engine::start()?;
    assert_eq!(field(&engine.ask(&["health"])?, "/draining"), false);

    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("campaigns/lists/prospection.csv");
    let list = list.to_str().ok_or("a path that is no text")?;
    let first = engine.ask(&["list", "import", list, "--campaign", "essai"])?;
    assert_eq!((field(&first, "/added"), field(&first, "/known")), (&60.into(), &0.into()));
    let again = engine.ask(&["list", "import", list, "--campaign", "essai"])?;
    assert_eq!((field(&again, "/added"), field(&again, "/known")), (&0.into(), &60.into()));

    let started = engine.ask(&["campaign", "start", "essai"])?;
    assert_eq!(field(&started, "/state"), "running");
    let paused = engine.ask(&["campaign", "pause", "essai"])?;
    assert_eq!(field(&paused, "/state"), "paused");
    let stopped = engine.ask(&["campaign", "stop", "essai"])?;
    assert_eq!(field(&stopped, "/state"), "stopped");
    let stats = engine.ask(&["stats", "essai"])?;
    assert_eq!(field(&stats, "/0/contacts"), 60);
    assert_eq!(field(&engine.ask(&["call", "list"])?, "/calls"), &serde_json::json!([]));
    assert_eq!(field(&engine.ask(&["trunk", "list"])?, "/0/channels"), 5);
    let shown = engine.ask(&["trunk", "show", "t1"])?;
    assert_eq!((field(&shown, "/state"), field(&shown, "/why")), (&"up".into(), &"unasked".into()));
    assert_eq!(code(&engine.run(&["trunk", "show", "t2"])?)?, 5);
    assert_eq!(engine.ask(&["webhook", "deliveries"])?, serde_json::json!([]));
    Ok(())
}

#[test]
fn agents_are_added_and_sent_on_breaks() -> Claim {
    let engine = Engine::start()?;
    let added = engine.ask(&["agent", "add", "a1", "a2", "--sip", "sip:{name}@127.0.0.1:9"])?;
    assert_eq!(field(&added, "/1/contact"), "sip:a2@127.0.0.1:9");
    assert_eq!(field(&added, "/0/campaigns/0"), "essai");
    let login = engine.ask(&["agent", "login", "--all"])?;
    assert_eq!(field(&login, "/0/state"), "paused");
    assert_eq!(field(&login, "/0/pause"), "arrivee");
    engine.ask(&["agent", "login", "--all"])?;
    let away = engine.ask(&["agent", "pause", "a1"])?;
    assert_eq!(field(&away, "/0/pause"), "pause", "the first is that of signing in");
    let lunch = engine.ask(&["agent", "pause", "a1", "--code", "repas"])?;
    assert_eq!(field(&lunch, "/0/pause"), "repas");
    let left = engine.ask(&["agent", "logout", "a1"])?;
    assert_eq!(field(&left, "/0/state"), "logged_out");
    Ok(())
}

#[test]
fn a_lever_pulled_twice_is_done_already() -> Claim {
    let engine = Engine::start()?;
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("campaigns/lists/prospection.csv");
    let list = list.to_str().ok_or("a path that is no text")?;
    engine.ask(&["list", "import", list, "--campaign", "essai"])?;
    for (verb, state) in [
        ("stop", "stopped"),
        ("drain", "stopped"),
        ("start", "running"),
        ("pause", "paused"),
        ("stop", "stopped"),
    ] {
        engine.ask(&["campaign", verb, "essai"])?;
        let again = engine.ask(&["campaign", verb, "essai"])?;
        assert_eq!(
            (field(&again, "/state"), field(&again, "/changed")),
            (&state.into(), &false.into())
        );
    }
    let told = engine.run(&["campaign", "stop", "essai"])?;
    assert!(text(&told.stderr)?.contains("already stopped"), "{told:?}");
    assert_eq!(field(&engine.ask(&["health"])?, "/surprises"), 0);
    Ok(())
}

#[test]
fn a_drain_tells_what_is_still_there_and_what_is_left() -> Claim {
    let engine = Engine::start()?;
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("campaigns/lists/prospection.csv");
    let list = list.to_str().ok_or("a path that is no text")?;
    engine.ask(&["list", "import", list, "--campaign", "essai"])?;
    engine.ask(&["campaign", "start", "essai"])?;
    let drained = engine.run(&["campaign", "drain", "essai", "--lang", "en"])?;
    let told = text(&drained.stderr)?;
    assert!(told.contains("0 ringing, 0 answered, 0 talking"), "{told}");
    assert!(told.contains("contacts left open: 60"), "{told}");
    assert_eq!(field(&engine.ask(&["campaign", "drain", "essai"])?, "/open"), 60);
    Ok(())
}

#[test]
fn a_file_the_engine_has_not_read_is_spoken_of() -> Claim {
    let engine = Engine::start()?;
    let quiet = engine.run(&["campaign", "list", "--lang", "en"])?;
    assert!(!text(&quiet.stderr)?.contains("cadran serve"), "{quiet:?}");
    let file = engine.folder.path().join("campaigns/essai.toml");
    let file_text = fs::read_to_string(&file)?;
    fs::write(file.with_file_name("vente.toml"), file_text.replace("\"essai\"", "\"vente\""))?;
    let unknown = engine.run(&["campaign", "start", "vente"])?;
    assert_eq!(code(&unknown)?, 5);
    let told = text(&unknown.stderr)?;
    assert!(told.contains("vente.toml was added after the engine started"), "{told}");
    fs::write(&file, file_text)?;
    let said = |arguments: &[&str], file: &str| -> Result<bool, Box<dyn Error>> {
        let output = engine.run(arguments)?;
        Ok(text(&output.stderr)?.contains(file))
    };
    let list = ["campaign", "list", "--lang", "en"];
    assert!(said(&list, "essai.toml was changed after")?, "a changed file");
    assert!(said(&list, "vente.toml was added after")?, "an added file");
    assert!(said(&list, "start it again")?, "what to do");
    for verb in ["show", "start"] {
        let one = ["campaign", verb, "essai", "--lang", "fr"];
        assert!(said(&one, "essai.toml a été modifié après")?, "{verb}");
        assert!(!said(&one, "vente.toml")?, "{verb} tells of its own file only");
    }
    Ok(())
}

#[test]
fn one_agent_who_is_refused_keeps_no_other_from_working() -> Claim {
    let engine = Engine::start()?;
    engine.ask(&["agent", "add", "a1", "a2", "a3", "--sip", "sip:{name}@127.0.0.1:9"])?;
    engine.ask(&["agent", "login", "a3"])?;
    let output = engine.run(&["agent", "ready", "--all", "--json"])?;
    assert_eq!(code(&output)?, 6);
    let told = text(&output.stderr)?;
    let refused = |name: &str| told.lines().any(|line| line.contains(&format!("{name} cannot")));
    assert!(refused("a1") && refused("a2") && !refused("a3"), "{told}");
    let done = json(&output)?;
    assert_eq!((field(&done, "/0/name"), field(&done, "/1")), (&"a3".into(), &().into()));
    Ok(())
}

#[test]
fn a_phone_that_is_not_there_is_spoken_of() -> Claim {
    let engine = Engine::start()?;
    fs::write(engine.folder.path().join("amina.secret"), "tres-secret-31\n")?;
    engine.ask(&["agent", "add", "amina", "--secret-file", "amina.secret"])?;
    for verb in ["login", "ready"] {
        let output = engine.run(&["agent", verb, "amina"])?;
        assert_eq!(code(&output)?, 0);
        let told = text(&output.stderr)?;
        assert!(told.contains("no phone is registered as amina"), "{told}");
        assert!(told.contains("→ register it"), "{told}");
    }
    Ok(())
}

#[test]
fn a_campaign_that_dials_nobody_says_why() -> Claim {
    let engine = Engine::start()?;
    let cause = |wanted: &str| -> Claim {
        let shown = engine.ask(&["campaign", "show", "essai"])?;
        assert_eq!(field(&shown, "/idle/cause"), wanted, "{shown}");
        Ok(())
    };
    cause("stopped")?;
    let brief = engine.get("/v1/campaigns/essai?brief=true")?;
    assert!(brief.contains(r#""state":"stopped""#) && brief.contains(r#""idle":null"#), "{brief}");
    engine.ask(&["agent", "add", "a1", "--sip", "sip:{name}@127.0.0.1:9"])?;
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("campaigns/lists/prospection.csv");
    let list = list.to_str().ok_or("a path that is no text")?;
    engine.ask(&["list", "import", list, "--campaign", "essai"])?;
    engine.ask(&["campaign", "start", "essai"])?;
    cause("nobody_signed_in")?;
    engine.ask(&["agent", "login", "a1"])?;
    cause("no_phone")?;
    for (lang, words) in [("en", "no signed-in agent's phone"), ("fr", "aucun poste d'agent")] {
        let shown = engine.run(&["campaign", "show", "essai", "--lang", lang])?;
        assert!(text(&shown.stdout)?.contains(words), "{shown:?}");
    }
    engine.ask(&["campaign", "pause", "essai"])?;
    cause("paused")
}

/// Starts an engine whose campaign is predictive, with one decision of noon in its database.
fn predictive() -> Result<Engine, Box<dyn Error>> {
    let forecast = Forecast {
        threshold: Ratio::new(0.031),
        answers: 6.2,
        releases: 2.9,
        chance: Ratio::new(0.024),
        next: Some(Ratio::new(0.034)),
        ahead: Span::secs(13),
        ..Forecast::default()
    };
    let decision = Decision {
        view: View { talking: 12, ringing: 31, answered: 200, abandoned: 5, ..View::default() },
        ask: Ask { calls: 2, why: Why::Predicted },
        placed: 1,
        limit: Limit::Channels(TrunkId(1)),
        forecast: Some(forecast),
    };
    Engine::start_with(|folder| {
        let path = folder.join("campaigns/essai.toml");
        let text = fs::read_to_string(&path)?;
        fs::write(&path, text.replace("\"progressive\"", "\"predictive\""))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(decided(folder, decision)).map_err(std::io::Error::other)
    })
}

/// Writes the decision down before an engine has the database.
async fn decided(folder: &Path, decision: Decision) -> Result<(), store::StoreError> {
    let settings = store::Settings {
        key: Some(folder.join("cadran.key")),
        ..crate::store::fixture::settings(folder)
    };
    let tasks = Tasks::new();
    let store = Store::open(settings, &tasks).await?;
    let campaign = crate::store::fixture::campaign(&store, "essai").await?;
    let record = Record::Decided(campaign, decision);
    store.commit(vec![store::Write::Record { record, at: NOON }]).await?;
    drop(store);
    tasks.finished().await;
    Ok(())
}

#[test]
fn a_decision_is_explained_in_figures_and_in_both_languages() -> Claim {
    let engine = predictive()?;
    let told = engine.ask(&["pacing", "explain", "essai"])?;
    let close = |path: &str, wanted: f64| {
        let found = field(&told, path).as_f64();
        assert!(found.is_some_and(|found| (found - wanted).abs() < 1e-9), "{path}: {told}");
    };
    close("/decision/forecast/threshold", 0.031);
    close("/decision/forecast/next", 0.034);
    close("/cap/cap", 0.03);
    assert_eq!(field(&told, "/guarantee"), "expected");
    assert_eq!(field(&told, "/at"), &NOON.to_string());
    assert_eq!(field(&told, "/trunk"), "t1");
    assert_eq!(field(&told, "/cap/window"), "day");
    assert_eq!(field(&told, "/foresight/verdict"), "agrees");
    assert_eq!(field(&told, "/idle/cause"), "stopped");
    // The decision is older than this engine: its own figures are told, not those of now.
    assert!(field(&told, "/restarted").is_string(), "{told}");
    assert_eq!(field(&told, "/cap/abandoned"), 5);
    assert_eq!(field(&told, "/now/abandoned"), 0);
    for (lang, wanted) in [
        (
            "en",
            [
                "The engine was started again",
                "12 of 12 agents talk",
                "6 persons should have answered",
                "every channel of trunk",
                "5/200",
            ],
        ),
        (
            "fr",
            [
                "Le moteur a redémarré",
                "12 agents sur 12 parlent",
                "6 personnes devraient",
                "tous les canaux du trunk t1",
                "5/200",
            ],
        ),
    ] {
        let output = engine.run(&["pacing", "explain", "essai", "--lang", lang])?;
        let told = text(&output.stdout)?;
        assert!(wanted.iter().all(|words| told.contains(words)), "{told}");
    }
    Ok(())
}

#[test]
fn moments_are_told_and_read_on_this_machines_clock() -> Claim {
    let engine = predictive()?;
    let there = |arguments: &[&str]| -> Result<String, Box<dyn Error>> {
        let output = engine.command(arguments).env("TZ", "Pacific/Kiritimati").output()?;
        Ok(text(&output.stdout)?.to_owned())
    };
    // Fourteen hours before UTC, and in the next day: that of the decision, at noon, is at two.
    let local = NOON.timestamp().to_zoned(jiff::tz::TimeZone::get("Pacific/Kiritimati")?);
    let [clock, day] = ["%H:%M", "%F"].map(|form| local.strftime(form).to_string());
    let told = there(&["pacing", "explain", "essai", "--lang", "en"])?;
    assert!(told.contains(&clock), "{clock}: {told}");
    let [before, after] = ["01:59", "02:01"].map(|at| format!("{day}T{at}"));
    let at = |moment: &str| there(&["pacing", "explain", "essai", "--json", "--at", moment]);
    assert!(at(&before)?.contains("\"decision\": null"), "{}", at(&before)?);
    assert!(at(&after)?.contains(&NOON.to_string()), "{}", at(&after)?);
    Ok(())
}

#[test]
fn a_past_moment_is_explained_by_the_decision_in_force_then() -> Claim {
    let engine = predictive()?;
    let at = |moment: String| engine.ask(&["pacing", "explain", "essai", "--at", &moment]);
    let before = at((NOON - Span::secs(1)).to_string())?;
    assert_eq!(field(&before, "/decision"), &serde_json::Value::Null);
    let after = at((NOON + Span::secs(60)).to_string())?;
    assert_eq!(field(&after, "/at"), &NOON.to_string());
    // What was abandoned then, not what is now.
    assert_eq!(field(&after, "/cap/abandoned"), 5);
    assert_eq!(field(&after, "/idle"), &serde_json::Value::Null);
    let output = engine.run(&["pacing", "explain", "essai", "--at", "yesterday"])?;
    assert_eq!(code(&output)?, 2, "{output:?}");
    let none = engine.ask(&["pacing", "explain"])?;
    assert_eq!(none, serde_json::json!([]), "no campaign runs");
    let output = engine.run(&["pacing", "explain", "esai"])?;
    assert!(text(&output.stderr)?.contains("did you mean `essai`?"), "{output:?}");
    Ok(())
}

#[test]
fn outside_the_hours_a_campaign_says_until_when() -> Claim {
    // Two days from now, so that no zone of the list is open yet.
    let wall = cadran::engine::clock::Clock::start().now().wall + Span::secs(172_800);
    let day = wall.timestamp().to_zoned(jiff::tz::TimeZone::UTC).strftime("%A").to_string();
    let engine = Engine::start_with(|folder| {
        let path = folder.join("campaigns/essai.toml");
        let text = fs::read_to_string(&path)?;
        fs::write(&path, text.replace("lun-dim 00:00-24:00", &format!("{day} 10:00-12:00")))
    })?;
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("campaigns/lists/prospection.csv");
    let list = list.to_str().ok_or("a path that is no text")?;
    engine.ask(&["list", "import", list, "--campaign", "essai"])?;
    engine.ask(&["agent", "add", "a1", "--sip", "sip:{name}@127.0.0.1:9"])?;
    engine.ask(&["agent", "login", "a1"])?;
    engine.ask(&["campaign", "start", "essai"])?;
    let show = ["campaign", "show", "essai"];
    let shown = engine.ask_until(&show, "/idle/cause", "contacts_wait")?;
    assert_eq!(field(&shown, "/idle/rule"), "window", "{shown}");
    assert_eq!(field(&shown, "/idle/refused/window"), 60, "{shown}");
    assert!(field(&shown, "/idle/until").is_string(), "{shown}");
    let told = engine.run(&["campaign", "show", "essai", "--lang", "fr"])?;
    assert!(text(&told.stdout)?.contains("hors des horaires d'appel jusqu'au 2"), "{told:?}");
    Ok(())
}

#[test]
fn a_phones_password_is_taken_from_a_file_and_never_kept() -> Claim {
    let engine = Engine::start()?;
    let secret = "tres-secret-31";
    fs::write(engine.folder.path().join("amina.secret"), format!("{secret}\n"))?;
    let added = engine.ask(&["agent", "add", "amina", "--secret-file", "amina.secret"])?;
    assert!(!added.to_string().contains(secret));
    for file in ["cadran.db", "cadran.db-wal"] {
        let bytes = fs::read(engine.folder.path().join(file))?;
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{file} holds the password");
    }
    Ok(())
}

#[test]
fn what_cannot_be_done_has_its_code_and_a_hint() -> Claim {
    let engine = Engine::start()?;
    let cases: [(&[&str], i32, &str); 8] = [
        (&["campaign", "start", "esai"], 5, "did you mean `essai`?"),
        (&["agent", "login", "nobody"], 5, "there is no agent at all yet"),
        (&["agent", "login", "--all"], 5, "cadran agent add"),
        (&["agent", "add", "bruno"], 3, "--secret-file"),
        (&["call", "show", "999"], 5, ""),
        (&["trunk", "test", "t9", "--to", "+33199000001"], 5, "known here: t1"),
        (&["trunk", "test", "t1", "--to", "12a"], 3, "+33639981234"),
        (&["webhook", "test", "essai"], 6, "[webhook]"),
    ];
    for (arguments, expected, hint) in cases {
        let output = engine.run(arguments)?;
        let told = text(&output.stderr)?;
        assert_eq!(code(&output)?, expected, "{arguments:?}: {told}");
        assert!(told.contains(hint), "{arguments:?}: {hint:?} is not in {told:?}");
    }
    Ok(())
}

#[test]
fn a_signal_drains_the_engine_and_its_tape_replays() -> Claim {
    let mut engine = Engine::start()?;
    engine.ask(&["campaign", "start", "essai"])?;
    engine.signal(Signal::SIGTERM)?;
    assert_eq!(engine.child.wait()?.code(), Some(0));
    assert!(!engine.folder.path().join("cadran.sock").exists());
    let mut tapes = fs::read_dir(engine.folder.path().join("tapes"))?;
    let tape = tapes.next().ok_or("no tape was written")??.path();
    let tape = tape.to_str().ok_or("a path that is no text")?;
    let replayed = engine.ask(&["replay", "verify", tape])?;
    assert_eq!(field(&replayed, "/0/ending"), "same");
    Ok(())
}

#[test]
fn health_is_answered_while_the_last_webhook_waits() -> Claim {
    let receiver = std::net::TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/", receiver.local_addr()?);
    let mut engine = Engine::start_with(|folder| {
        let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
        fs::write(folder.join("campaigns/key"), key)?;
        let path = folder.join("campaigns/essai.toml");
        let hook = format!("[webhook]\nurl = \"{url}\"\nsecret_file = \"key\"\n");
        fs::write(&path, fs::read_to_string(&path)? + &hook)
    })?;
    let test = engine.command(&["webhook", "test", "essai"]).stdout(Stdio::null()).spawn();
    let mut test = test?;
    // The receiver takes the connection and says nothing: the delivery is under way.
    let (held, _) = receiver.accept()?;
    kill(Pid::from_raw(i32::try_from(engine.child.id())?), Signal::SIGTERM)?;
    engine.ask_until(&["health"], "/draining", true)?;
    let still = engine.ask(&["health"])?;
    assert_eq!(field(&still, "/draining"), true, "the engine has left, its webhook has not");
    drop((held, receiver));
    assert_eq!(engine.child.wait()?.code(), Some(0));
    test.kill()?;
    test.wait()?;
    Ok(())
}

#[test]
fn a_configuration_that_cannot_serve_is_refused_with_its_remedy() -> Claim {
    let folder = tempfile::tempdir()?;
    write_project(folder.path())?;
    let path = folder.path().join("cadran.toml");
    let good = fs::read_to_string(&path)?;
    let named = good.replace("host =", "user = \"me\"\nsecret_file = \"nowhere\"\nhost =");
    let cases = [
        (good.replace("channels = 5", "channels = 900"), "900 channels of trunks and 0 agents"),
        (named, "nowhere"),
        (good.replace("[folders]", "[store]\ndatabase = \"no/where.db\"\n[folders]"), "where.db"),
    ];
    for (engine, wanted) in cases {
        fs::write(&path, engine)?;
        let output = cadran().arg("serve").current_dir(folder.path()).output()?;
        let told = text(&output.stderr)?;
        assert_eq!(code(&output)?, 3, "{told}");
        assert!(told.contains(wanted) && told.contains("cadran doctor"), "{told}");
    }
    Ok(())
}

#[test]
fn an_agent_without_a_port_is_refused_and_never_the_engine_that_has_him() -> Claim {
    let folder = tempfile::tempdir()?;
    write_project(folder.path())?;
    let path = folder.path().join("cadran.toml");
    let text = fs::read_to_string(&path)?;
    let with = |channels: u32| {
        let channels = format!("channels = {channels}");
        fs::write(&path, text.replace("channels = 5", &channels))
    };
    // A thousand ports carry five hundred legs.
    with(499)?;
    let mut engine = Engine::serve(folder)?;
    let add = |engine: &Engine, name: &str| {
        engine.run(&["agent", "add", name, "--sip", "sip:{name}@127.0.0.1:9"])
    };
    assert_eq!(code(&add(&engine, "a1")?)?, 0);
    let refused = add(&engine, "a2")?;
    assert_eq!(code(&refused)?, 6);
    let told = super::text(&refused.stderr)?;
    assert!(told.contains("499 channels of trunks and 2 agents want 501"), "{told}");
    assert_eq!(code(&add(&engine, "a1")?)?, 0, "one who is there already needs no more");
    kill(Pid::from_raw(i32::try_from(engine.child.id())?), Signal::SIGTERM)?;
    assert_eq!(engine.child.wait()?.code(), Some(0));
    with(500)?;
    let folder = std::mem::replace(&mut engine.folder, tempfile::tempdir()?);
    let again = Engine::serve(folder)?;
    assert_eq!(field(&again.ask(&["agent", "list"])?, "/0/name"), "a1");
    Ok(())
}

#[test]
fn two_engines_never_share_a_socket() -> Claim {
    let engine = Engine::start()?;
    let second = engine.run(&["serve"])?;
    assert_eq!(code(&second)?, 6, "{}", text(&second.stderr)?);
    assert!(text(&second.stderr)?.contains("another engine answers"));
    assert_eq!(field(&engine.ask(&["health"])?, "/draining"), false);
    Ok(())
}

#[test]
fn the_socket_is_its_owners_alone() -> Claim {
    use std::os::unix::fs::PermissionsExt;
    let engine = Engine::start()?;
    let mode = fs::metadata(engine.folder.path().join("cadran.sock"))?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    Ok(())
}
