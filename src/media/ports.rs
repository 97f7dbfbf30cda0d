//! Pairs of UDP ports, RTP on an even one and RTCP on the next (RFC 3550 §11).

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::{Domain, Protocol, Socket, Type};

use super::MediaError;

/// The kernel's room for packets not read yet, in bytes: about 25 packets, half a second of
/// audio. Older audio is worth nothing, and ten thousand legs must not fill the memory.
const RECEIVE_BUFFER: usize = 16 * 1_024;

/// The two sockets of a leg.
#[derive(Debug)]
pub(super) struct Pair {
    /// The port of RTP; RTCP's is the next.
    pub(super) port: u16,
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
}

/// The configured ports, taken in turn so that a port rests as long as possible.
#[derive(Debug)]
pub(super) struct Ports {
    first: u16,
    pairs: u32,
    turn: AtomicU32,
}

impl Ports {
    /// Takes the even ports of a range whose next port lies in it too.
    pub(super) fn new(range: &RangeInclusive<u16>) -> Result<Self, MediaError> {
        let first = u32::from(*range.start()).next_multiple_of(2);
        let pairs = (u32::from(*range.end()) + 1).saturating_sub(first) / 2;
        match u16::try_from(first) {
            Ok(first) if pairs > 0 && first > 0 => {
                Ok(Self { first, pairs, turn: AtomicU32::new(0) })
            }
            _ => Err(MediaError::Range { first: *range.start(), last: *range.end() }),
        }
    }

    /// Binds the next free pair at an address.
    pub(super) fn bind(&self, ip: IpAddr) -> Result<Pair, MediaError> {
        for _ in 0..self.pairs {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.pairs;
            let port = u16::try_from(u32::from(self.first) + 2 * turn)
                .expect("every pair lies in a range of u16");
            match pair(ip, port) {
                Ok(pair) => return Ok(pair),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(MediaError::Socket { ip, port, error }),
            }
        }
        Err(MediaError::NoPort { pairs: self.pairs })
    }
}

fn pair(ip: IpAddr, port: u16) -> io::Result<Pair> {
    Ok(Pair { port, rtp: socket(ip, port)?, rtcp: socket(ip, port + 1)? })
}

fn socket(ip: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let at = SocketAddr::new(ip, port);
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
    if ip.is_ipv6() {
        // IPv4 has sockets of its own.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(&at.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An address of the loopback network that nothing else here uses.
    const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 77));

    fn pairs(range: RangeInclusive<u16>) -> Option<(u16, u32)> {
        Ports::new(&range).ok().map(|ports| (ports.first, ports.pairs))
    }

    #[test]
    fn a_range_gives_whole_pairs_on_even_ports() {
        assert_eq!(pairs(10_000..=10_003), Some((10_000, 2)));
        assert_eq!(pairs(10_001..=10_004), Some((10_002, 1)));
        assert_eq!(pairs(65_534..=65_535), Some((65_534, 1)));
        assert_eq!(pairs(65_535..=65_535), None);
        assert_eq!(pairs(10_000..=10_000), None);
    }

    #[test]
    fn a_full_range_says_so_and_a_freed_pair_is_found() -> Result<(), MediaError> {
        let ports = Ports::new(&(18_870..=18_873))?;
        let first = ports.bind(LOOPBACK)?;
        let second = ports.bind(LOOPBACK)?;
        assert!(matches!(ports.bind(LOOPBACK), Err(MediaError::NoPort { pairs: 2 })));
        drop(first);
        assert!(ports.bind(LOOPBACK).is_ok());
        drop(second);
        Ok(())
    }
}
