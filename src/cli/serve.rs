//! `cadran serve`.

use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use super::Global;
use super::failure::{Exit, Failure, Outcome};
use super::output::Output;
use crate::api::{self, Desk};
use crate::config::Config;
use crate::engine::boot::{self, Running};
use crate::engine::handle::{Ask, CampaignVerb};

/// `cadran serve`.
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  cadran serve
  cadran serve --config /etc/cadran/cadran.toml

The first Ctrl-C or SIGTERM places no new calls, lets conversations end and leaves; the second one
ends them. CADRAN_LOG sets what is logged: info, or debug,cadran::sip=trace.")]
pub(super) struct Serve {}

/// How long conversations have to end after the second signal: BYEs are repeated for as long
/// (RFC 3261 §17.1.2.2, Timer F).
const FAREWELL_MAX: Duration = Duration::from_secs(32);

/// How long what still runs after the engine may take: the last rows and webhooks.
const CLOSE_MAX: Duration = Duration::from_secs(25);

impl Serve {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let config = Config::load(&global.config_path())?;
        for warning in &config.warnings {
            output.warn(&warning.to_string());
        }
        super::install_crypto();
        start_logs("info");
        runtime()?.block_on(serve(config, output))
    }
}

/// Makes the runtime of an engine: one thread more than it needs at rest.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// Starts the log: for people on a terminal, one JSON object a line elsewhere.
pub(super) fn start_logs(usual: &str) {
    let filter = EnvFilter::try_from_env("CADRAN_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // A log that was started already goes on.
    drop(if io::stderr().is_terminal() { log.try_init() } else { log.json().try_init() });
}

async fn serve(config: Config, output: &Output) -> Outcome {
    let mut signals = Signals::listen()?;
    let mut running = boot::start(config).await.map_err(cannot_start)?;
    let (leaving, left) = watch::channel(false);
    open_doors(&running, &left).await?;
    let socket = running.config.api.socket.display().to_string();
    output.note(&format!("ready: commands are taken at {socket}"));
    tokio::select! {
        () = signals.next() => {
            output.note("no new calls; conversations may end; once more to end them");
            let handle = running.handle.clone();
            let campaigns = running.store.campaigns().await.unwrap_or_default();
            tokio::select! {
                () = running.drain() => {}
                () = signals.next() => {
                    for campaign in campaigns {
                        // A campaign that does not run has nothing to stop.
                        drop(handle.ask(Ask::Campaign(campaign.id, CampaignVerb::Stop)).await);
                    }
                    drop(tokio::time::timeout(FAREWELL_MAX, running.ended()).await);
                }
            }
        }
        () = running.ended() => {}
    }
    leaving.send_replace(true);
    close(running).await;
    Ok(Exit::Done)
}

/// Waits for the last rows and webhooks.
pub(super) async fn close(running: Running) {
    let tasks = running.tasks.clone();
    drop(running);
    if tokio::time::timeout(CLOSE_MAX, tasks.finished()).await.is_err() {
        tasks.abort();
    }
}

/// Opens the API's socket, and its loopback address where one is configured.
pub(super) async fn open_doors(
    running: &Running,
    left: &watch::Receiver<bool>,
) -> Result<(), Failure> {
    let desk = Desk {
        handle: running.handle.clone(),
        store: running.store.clone(),
        config: running.config.clone(),
        clock: running.clock,
    };
    let until = || {
        let mut left = left.clone();
        // A sender that is gone means leaving too.
        async move { drop(left.wait_for(|left| *left).await) }
    };
    let cannot_listen = |error: api::DoorError| Failure::new(Exit::Error, "api", error);
    let router = api::router(desk);
    let api = &running.config.api;
    let socket = api::serve_socket(&api.socket, router.clone(), until()).await;
    let socket = socket.map_err(cannot_listen)?;
    running.tasks.spawn(async move { logged(socket.await) });
    if let Some(address) = api.http {
        let http = api::serve_http(address, router, until()).await.map_err(cannot_listen)?;
        running.tasks.spawn(async move { logged(http.await) });
    }
    Ok(())
}

fn logged(served: Result<(), api::DoorError>) {
    if let Err(error) = served {
        tracing::error!(%error, "commands are no longer taken");
    }
}

pub(super) fn cannot_start(error: boot::BootError) -> Failure {
    Failure::new(Exit::Error, "cannot_start", error)
}

/// Ctrl-C and SIGTERM, either of which asks to leave.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to listen, so that no signal from here on ends the program by itself.
    pub(super) fn listen() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
