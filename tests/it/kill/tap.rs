//! A wire tap between the engine and the carrier: it writes down which calls are offered.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use cadran::engine::tasks::Tasks;
use tokio::net::UdpSocket;
use tokio::sync::watch;

/// A datagram of SIP over UDP is no longer (RFC 3261 §18.1.1).
const DATAGRAM_MAX: usize = 65_535;

/// The SIP Call-IDs under which each `X-Cadran-Call` was offered.
pub(super) type Offers = BTreeMap<String, BTreeSet<String>>;

/// The tap; it ends with its tasks.
pub(super) struct Tap {
    /// Where the engine finds what it takes for its carrier.
    pub(super) addr: SocketAddr,
    offers: Arc<Mutex<Offers>>,
    count: watch::Receiver<u64>,
}

impl Tap {
    /// Puts a tap on the way to a carrier.
    pub(super) async fn start(carrier: SocketAddr, tasks: &Tasks) -> Result<Self, Box<dyn Error>> {
        let near = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = near.local_addr()?;
        let offers = Arc::new(Mutex::new(Offers::new()));
        let (counted, count) = watch::channel(0);
        let kept = Arc::clone(&offers);
        tasks.spawn(async move {
            let mut engine = None;
            let (mut there, mut back) = (vec![0; DATAGRAM_MAX], vec![0; DATAGRAM_MAX]);
            loop {
                // A datagram for an engine that is dead is lost, as on any network.
                tokio::select! {
                    Ok((size, from)) = near.recv_from(&mut there) => {
                        engine = Some(from);
                        let datagram = there.get(..size).unwrap_or_default();
                        note(&kept, datagram, &counted);
                        drop(far.send_to(datagram, carrier).await);
                    }
                    Ok((size, _)) = far.recv_from(&mut back) => {
                        let datagram = back.get(..size).unwrap_or_default();
                        if let Some(engine) = engine {
                            drop(near.send_to(datagram, engine).await);
                        }
                    }
                    else => {}
                }
            }
        });
        Ok(Self { addr, offers, count })
    }

    /// Gives what was offered so far.
    pub(super) fn offers(&self) -> Offers {
        self.offers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives the changing number of calls offered.
    pub(super) fn count(&self) -> watch::Receiver<u64> {
        self.count.clone()
    }
}

fn note(offers: &Mutex<Offers>, datagram: &[u8], count: &watch::Sender<u64>) {
    let Ok(text) = std::str::from_utf8(datagram) else { return };
    if !text.starts_with("INVITE ") {
        return;
    }
    let header = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    // A call without the header is kept under the empty name, which no attempt has.
    let (call, dialog) = (header("X-Cadran-Call"), header("Call-ID"));
    let mut offers = offers.lock().unwrap_or_else(PoisonError::into_inner);
    if offers.entry(call).or_default().insert(dialog) {
        count.send_modify(|count| *count += 1);
    }
}
