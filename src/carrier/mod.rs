//! The virtual carrier: a real SIP and RTP endpoint with personas, and real agents' phones.
//!
//! `demo` and tests dial it as they would dial any carrier. It knows nothing of the dialer but
//! what comes over the wire, so that its reports are a second opinion.

mod audio;
mod ear;
mod exchange;
mod mark;
mod persona;
mod phones;
mod register;
mod report;
mod talk;
mod voice;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;

use crate::engine::clock::Clock;
use crate::engine::tasks::Tasks;
use crate::sip::socket::{Doors, Port};
use crate::sip::{Door, Identification};
use crate::wire::sip;

use audio::Audio;
use exchange::{Exchange, lock};
use report::Ledger;

pub use ear::Heard;
pub use mark::Speaker;
pub use persona::{Cast, Dialled, Lasting, Persona, Town};
pub use phones::{PhoneReport, PhoneSettings, PhonesHandle, Registrar, start_phones};
pub use report::{CallReport, Outcome, Party, Stats};

/// What the virtual carrier needs to begin.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where it listens; its audio ports are on the same address, chosen by the system.
    pub listen: SocketAddr,
    /// Where it listens besides: for connections, and in the other family.
    pub also: Vec<Door>,
    /// What those who come over TLS are shown.
    pub identification: Option<Identification>,
    /// What every draw and every tag comes from.
    pub seed: u64,
    /// Who lives there.
    pub town: Town,
    /// New calls a second it takes before it says 503; no limit if `None`.
    pub calls_per_second: Option<f64>,
    /// Calls at once it takes before it says 503; ten thousand if `None`.
    pub channels: Option<usize>,
}

impl Default for Settings {
    /// Gives a carrier without limits on a loopback port the system chooses.
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            also: Vec::new(),
            identification: None,
            seed: 1,
            town: Town::default(),
            calls_per_second: None,
            channels: None,
        }
    }
}

/// A trouble of the whole carrier, switched on by a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// All is well.
    None,
    /// Every new call gets 503 with Retry-After.
    Refusing,
    /// Nothing is answered: datagrams are lost.
    Silent,
}

/// The way to a running virtual carrier, which ends when this is dropped.
#[derive(Debug)]
pub struct CarrierHandle {
    addr: SocketAddr,
    also: Vec<(sip::Transport, SocketAddr)>,
    outages: mpsc::Sender<Outage>,
    ledger: Arc<Mutex<Ledger>>,
}

impl CarrierHandle {
    /// Gives the address a trunk dials.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Gives where it listens besides, in the order of its settings.
    #[must_use]
    pub fn also(&self) -> &[(sip::Transport, SocketAddr)] {
        &self.also
    }

    /// Gives what was counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        lock(&self.ledger).stats
    }

    /// Gives the calls that have ended, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<CallReport> {
        lock(&self.ledger).reports.iter().cloned().collect()
    }

    /// Switches an outage on or off.
    ///
    /// # Errors
    /// The carrier has ended.
    pub async fn set_outage(&self, outage: Outage) -> io::Result<()> {
        self.outages.send(outage).await.map_err(|_| io::Error::other("the carrier has ended"))
    }

    /// Hangs every call up and ends the carrier.
    pub fn stop(self) {
        drop(self);
    }
}

/// Starts a virtual carrier on the running runtime.
///
/// # Errors
/// The address is in use, or the system has no room for another thread or socket.
pub async fn start(settings: Settings, clock: Clock, tasks: &Tasks) -> io::Result<CarrierHandle> {
    let seed = settings.seed;
    let (also, identification) = (settings.also.clone(), settings.identification.clone());
    let doors = Doors { bind: settings.listen, also, identification };
    let port = Port::open(doors, clock, tasks, |local, others| {
        open_endpoint((local, others), seed, "carrier")
    })?;
    let (addr, also) = (port.local_addr(), port.endpoint.settings().others.clone());
    let audio = Audio::start("carrier-audio", addr.ip(), clock)?;
    let (outages, switch) = mpsc::channel(1);
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let exchange = Exchange::new(settings, port, audio, switch, Arc::clone(&ledger));
    tasks.spawn(exchange.run());
    Ok(CarrierHandle { addr, also, outages, ledger })
}

fn open_endpoint(
    (local, others): (SocketAddr, Vec<(sip::Transport, SocketAddr)>),
    seed: u64,
    name: &str,
) -> sip::Settings {
    sip::Settings {
        local,
        others,
        user_agent: format!("cadran-virtual-{name}/{}", env!("CARGO_PKG_VERSION")),
        seed,
        realm: name.to_owned(),
        open: true,
    }
}
