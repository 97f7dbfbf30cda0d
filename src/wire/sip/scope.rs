//! How far an address reaches.

use std::net::{IpAddr, Ipv6Addr};

/// From where packets reach an address, the narrowest first (RFC 4007 §4 calls it scope).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// From its own machine alone.
    Machine,
    /// From its own network alone (RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291 §2.5.6).
    Network,
    /// From everywhere.
    Global,
}

impl Scope {
    /// Tells from where packets reach an address.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        let unique_local = |v6: Ipv6Addr| v6.segments()[0] & 0xFE00 == 0xFC00;
        let ip = ip.to_canonical();
        let inside = match ip {
            IpAddr::V4(v4) => {
                let [first, second, ..] = v4.octets();
                let carrier_nat = first == 100 && second & 0xC0 == 64;
                v4.is_private() || v4.is_link_local() || carrier_nat
            }
            IpAddr::V6(v6) => unique_local(v6) || v6.segments()[0] & 0xFFC0 == 0xFE80,
        };
        match inside {
            true => Self::Network,
            false if ip.is_loopback() || ip.is_unspecified() => Self::Machine,
            false => Self::Global,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_told_from_public_ones() {
        for (ips, expected) in [
            (&["127.0.0.1", "::1", "0.0.0.0", "::ffff:127.0.0.1"][..], Scope::Machine),
            (&["10.1.2.3", "172.31.0.1", "192.168.0.1", "100.64.0.1"], Scope::Network),
            (&["169.254.0.9", "fd00::1", "fe80::1"], Scope::Network),
            (&["172.32.0.1", "100.128.0.1", "203.0.113.7", "2001:db8::1"], Scope::Global),
        ] {
            for ip in ips {
                assert_eq!(ip.parse().map(Scope::of), Ok(expected), "{ip}");
            }
        }
    }
}
