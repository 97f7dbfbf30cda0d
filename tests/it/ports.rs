//! Ports for programs that are told theirs before they start.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Those that no kernel gives away by itself: the range it draws from begins at 32768 (Linux) or
/// 49152 (RFC 6335 §6), so that nobody gets the port between our look and the program's.
const PORTS: core::ops::Range<u16> = 10_000..20_000;

/// Ranges for audio lie so far above the ports of their process.
const AUDIO: u16 = 10_000;

/// Neighbouring processes begin their search so far apart, which leaves each a range for audio.
const APART: u32 = 1_009;

/// Finds a port that nobody has, neither for datagrams nor for connections.
///
/// # Errors
/// Every one of them is taken.
pub(crate) fn free_port(ip: IpAddr) -> std::io::Result<SocketAddr> {
    static ASKED: AtomicU16 = AtomicU16::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    let own = std::process::id() % count * APART;
    let mut found = Err(std::io::ErrorKind::AddrInUse.into());
    for _ in 0..count {
        let nth = (own + u32::from(ASKED.fetch_add(1, Ordering::Relaxed))) % count;
        let at = SocketAddr::new(ip, PORTS.start + u16::try_from(nth).unwrap_or(0));
        found = UdpSocket::bind(at).and_then(|_udp| TcpListener::bind(at)).map(|_tcp| at);
        if found.is_ok() {
            break;
        }
    }
    found
}

/// Gives the first and last port of a range for audio that tests at the same time have not.
///
/// # Errors
/// Every port is taken.
pub(crate) fn audio_range() -> std::io::Result<(u16, u16)> {
    let first = (free_port(Ipv4Addr::LOCALHOST.into())?.port() + AUDIO) & !1;
    Ok((first, first + 999))
}
