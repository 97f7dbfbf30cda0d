//! `cadran serve`.

use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::Global;
use super::doctor::NEW_KEY;
use super::failure::{Exit, Failure, Outcome};
use super::output::Output;
use crate::api::{self, Desk, Door, DoorError};
use crate::config::Config;
use crate::desk;
use crate::engine::boot::{self, BootError, Running};
use crate::engine::handle::{Ask, CampaignVerb};
use crate::engine::tasks::Tasks;

/// Conversations cut by a second signal are given this long to be ended properly (32 s would be
/// RFC 3261's timer B; an operator who signals twice wants less).
const CUT_WITHIN: Duration = Duration::from_secs(5);

/// `cadran serve`.
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  cadran serve
  cadran serve --config /etc/cadran/cadran.toml

The first Ctrl-C, SIGTERM or SIGHUP places no new calls, lets conversations end and leaves; the
second one ends them.")]
pub(super) struct Serve {}

impl Serve {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let config = Config::load(&global.config_path())?;
        for warning in &config.warnings {
            output.note(&warning.to_string());
        }
        super::install_crypto();
        super::log(output, "info");
        tokio::runtime::Runtime::new()?.block_on(serve(config, output))
    }
}

async fn serve(config: Config, output: &Output) -> Outcome {
    let mut signals = Signals::new()?;
    let door = Door::at(&config.api.socket).await?;
    let mut running = boot::start(config).await.map_err(start_failed)?;
    let doors = open(&running, door).await?;
    doors.open_desk(output).await?;
    output.note(&format!(
        "{} SIP {}, API {}",
        output.lang.say("serving:", "en service :"),
        running.config.sip.bind,
        running.config.api.socket.display()
    ));
    let exit = tokio::select! {
        () = running.ended() => Exit::Done,
        () = signals.next() => leave(&mut running, &mut signals, output).await,
    };
    if exit == Exit::Done {
        // Whoever watches the drain is answered as long as something is still to be sent.
        tokio::select! {
            () = running.delivered() => {}
            () = signals.next() => {}
        }
    }
    doors.close().await;
    running.close().await;
    Ok(exit)
}

pub(super) fn start_failed(error: BootError) -> Failure {
    let exit = if error.is_configuration() { Exit::Invalid } else { Exit::Error };
    let doctor = "`cadran doctor` checks the configuration, ports, folders and secrets";
    let key = matches!(error, BootError::Key(..));
    let hint = if key { format!("{NEW_KEY}; {doctor}") } else { doctor.to_owned() };
    Failure::new(exit, "start_failed", error).hint(hint)
}

/// The API's doors while they are open.
#[derive(Debug)]
pub(super) struct Doors {
    closing: watch::Sender<bool>,
    desk: Desk,
}

impl Doors {
    /// Takes no more requests, and waits for those under way.
    pub(super) async fn close(self) {
        self.closing.send_replace(true);
        self.desk.tasks.finished().await;
    }

    /// Opens the door to the pages, where there is one, and says where it is.
    async fn open_desk(&self, output: &Output) -> Result<(), Failure> {
        let desk = &self.desk;
        let Some(settings) = &desk.config.desk else { return Ok(()) };
        let door = desk::Door::open(settings).await?;
        let origins = door.origins();
        let origin = origins.first().map_or("", String::as_str);
        output.note(&format!("{} {origin}", output.lang.say("desk:", "pages :")));
        if let Some(fingerprint) = door.fingerprint() {
            output.note(&format!(
                "    {}\n    SHA-256 {fingerprint}",
                output.lang.say(
                    "nobody vouches for its certificate: browsers ask once, and this must be it:",
                    "personne ne garantit son certificat : le navigateur demande, ce doit être :",
                )
            ));
        }
        let first = desk::first_invitation(desk).await;
        if let Some(token) = first.map_err(|error| Failure::new(Exit::Error, "store", error))? {
            output.note(&format!(
                "    {}\n    {}",
                output.lang.say(
                    "the first administrator chooses a password here, within 3 days:",
                    "le premier administrateur choisit son mot de passe ici, sous 3 jours :",
                ),
                settings.link(door.address(), token.reveal())
            ));
        }
        desk.tasks.spawn(desk::serve(desk.clone(), door));
        Ok(())
    }
}

/// Opens the API of a running engine.
pub(super) async fn open(running: &Running, door: Door) -> Result<Doors, Failure> {
    let tasks = Tasks::new();
    let (closing, closed) = watch::channel(false);
    let desk = Desk {
        handle: running.handle.clone(),
        store: running.store.clone(),
        config: running.config.clone(),
        campaigns: running.campaigns.clone(),
        gauge: running.gauge.clone(),
        clock: running.clock,
        tasks: tasks.clone(),
        closing: closed.clone(),
    };
    tasks.spawn(desk.clone().finish_lists());
    let router = api::router(desk.clone());
    if let Some(address) = running.config.api.http {
        let serving = api::serve_http(address, router.clone(), until(closed.clone())).await?;
        tasks.spawn(told(serving));
    }
    tasks.spawn(told(door.serve(router, until(closed))));
    Ok(Doors { closing, desk })
}

async fn until(mut closed: watch::Receiver<bool>) {
    // A sender that is gone closes the doors too.
    drop(closed.wait_for(|closed| *closed).await);
}

async fn told(serving: impl Future<Output = Result<(), DoorError>>) {
    if let Err(error) = serving.await {
        tracing::error!(%error, "the API is gone");
    }
}

/// Drains; a second signal cuts what is left.
async fn leave(running: &mut Running, signals: &mut Signals, output: &Output) -> Exit {
    output.note(output.lang.say(
        "draining: no new calls, conversations end by themselves; once more to cut them",
        "arrêt en douceur : plus d'appels, les conversations s'achèvent ; une 2e fois pour couper",
    ));
    let handle = running.handle.clone();
    tokio::select! {
        () = running.drain() => return Exit::Done,
        () = signals.next() => {}
    }
    for campaign in &handle.snapshot().floor.campaigns {
        let stop = Ask::Campaign(campaign.campaign, CampaignVerb::Stop);
        if let Err(refused) = handle.ask(stop).await {
            output.warn(&refused.to_string());
        }
    }
    tokio::select! {
        () = running.ended() => {}
        () = signals.next() => {}
        () = tokio::time::sleep(CUT_WITHIN) => {}
    }
    Exit::Interrupted
}

/// Ctrl-C, SIGTERM and the SIGHUP of a terminal that goes away, one as good as the other.
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    /// Begins to listen.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

impl From<desk::DoorError> for Failure {
    fn from(error: desk::DoorError) -> Self {
        match &error {
            desk::DoorError::Address { .. } => Self::new(Exit::Error, "cannot_listen", error),
            desk::DoorError::Certificate(_) => Self::new(Exit::Invalid, "no_certificate", error),
        }
    }
}

impl From<DoorError> for Failure {
    fn from(error: DoorError) -> Self {
        let (exit, code) = match &error {
            DoorError::Taken(_) => (Exit::WrongState, "socket_taken"),
            DoorError::Socket { .. } | DoorError::Address { .. } => (Exit::Error, "cannot_listen"),
            DoorError::Serve(_) => (Exit::Error, "api_stopped"),
        };
        Self::new(exit, code, error)
    }
}
