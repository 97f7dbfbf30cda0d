//! Why nothing reaches somebody: what the system, DNS or TLS said, so that people are told the
//! cause and not the 503 that SIP makes of it (RFC 3261 §8.1.3.1).

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};

use super::resolver::FindError;
use crate::wire::sip::Hop;

/// Far ends whose trouble is kept: as many as connections we open; one too many replaces another.
const TROUBLES_MAX: usize = 512;

/// What stands between us and a far end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Its host is not to be found, by what DNS says.
    Name,
    /// No name server tells where its host is.
    NameServer,
    /// We listen on a loopback address, and it is not on this machine.
    Loopback,
    /// We listen on no address of its family.
    Family,
    /// It refuses connections on that port.
    Refused,
    /// This machine has no route there, or its own firewall forbids it.
    NoRoute,
    /// The connection was not open in time.
    Late,
    /// The connection broke.
    Broken,
    /// What answers there speaks no SIP.
    NoSip,
    /// What listens there speaks no TLS.
    NoTls,
    /// Its certificate bears another name than the one it is reached by.
    TlsName,
    /// Its certificate is not valid yet, or no longer.
    TlsDates,
    /// Its certificate is vouched for by nobody we believe.
    TlsIssuer,
    /// Its certificate is an authority's own, which no server may show (RFC 5280 §4.2.1.9).
    TlsAuthority,
    /// Its certificate is not the pinned one.
    TlsPin,
    /// No TLS could be agreed on otherwise.
    Tls,
}

impl Obstacle {
    /// Gives its name, which stays: that of the finding of a test call.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "dns",
            Self::NameServer => "dns-silent",
            Self::Loopback => "loopback",
            Self::Family => "no-family",
            Self::Refused => "refused",
            Self::NoRoute => "no-route",
            Self::Late => "connect-timeout",
            Self::Broken => "broken",
            Self::NoSip => "no-sip",
            Self::NoTls => "no-tls",
            Self::TlsName => "tls-name",
            Self::TlsDates => "tls-dates",
            Self::TlsIssuer => "tls-issuer",
            Self::TlsAuthority => "tls-authority",
            Self::TlsPin => "tls-pin",
            Self::Tls => "tls",
        }
    }

    /// Tells whether sending again cannot help: only other settings do.
    pub(super) const fn stays(self) -> bool {
        matches!(self, Self::Loopback | Self::Family)
    }

    /// Reads what an error of the system means.
    pub(super) fn of(error: &io::Error) -> Self {
        let kind = error.kind();
        if kind == ErrorKind::ConnectionRefused {
            Self::Refused
        } else if matches!(
            kind,
            ErrorKind::NetworkUnreachable
                | ErrorKind::HostUnreachable
                | ErrorKind::PermissionDenied
                | ErrorKind::AddrNotAvailable
        ) {
            Self::NoRoute
        } else if kind == ErrorKind::TimedOut {
            Self::Late
        } else {
            Self::Broken
        }
    }

    /// Tells whether our own addresses keep us from reaching another: none is of its family, or all
    /// of those are loopback addresses and it is not on this machine.
    #[must_use]
    pub fn between(own: &[SocketAddr], to: IpAddr) -> Option<Self> {
        let mut fit = own.iter().filter(|at| at.is_ipv4() == to.is_ipv4()).peekable();
        if fit.peek().is_none() {
            return Some(Self::Family);
        }
        let confined = fit.all(|at| at.ip().is_loopback()) && !to.is_loopback();
        (confined && !is_ours(to)).then_some(Self::Loopback)
    }
}

/// Tells whether an address is this machine's, in the one way every system has: it can be bound.
fn is_ours(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

/// An obstacle, and what was said of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Trouble {
    /// What stands between.
    pub obstacle: Obstacle,
    /// What the system says, or DNS, or the other end's TLS.
    pub detail: String,
}

impl Trouble {
    pub(super) fn new(obstacle: Obstacle, detail: impl Into<String>) -> Self {
        Self { obstacle, detail: detail.into() }
    }

    /// Says that our own addresses keep us from a far end.
    pub(super) fn own(obstacle: Obstacle, to: SocketAddr) -> Self {
        let why = if obstacle == Obstacle::Loopback {
            "[sip] bind is a loopback address, which reaches this machine only"
        } else if to.is_ipv6() {
            "[sip] bind has no IPv6 address"
        } else {
            "[sip] bind has no IPv4 address"
        };
        Self::new(obstacle, format!("{to}: {why}"))
    }

    pub(super) fn of(fault: &FindError) -> Self {
        let obstacle = match fault {
            FindError::Silent(_) | FindError::Unreachable(..) | FindError::Refused(..) => {
                Obstacle::NameServer
            }
            FindError::NoName(_)
            | FindError::NoServer(..)
            | FindError::NoAddress(_)
            | FindError::NotServed(..)
            | FindError::Astray(..)
            | FindError::BadName(_) => Obstacle::Name,
        };
        Self::new(obstacle, fault.to_string())
    }
}

/// What came of the latest message to each far end that could not be reached.
#[derive(Debug, Default)]
pub(super) struct Troubles(BTreeMap<Hop, Trouble>);

impl Troubles {
    pub(super) fn note(&mut self, hop: Hop, trouble: Trouble) {
        if self.0.len() >= TROUBLES_MAX && !self.0.contains_key(&hop) {
            self.0.pop_first();
        }
        self.0.insert(hop, trouble);
    }

    pub(super) fn forget(&mut self, hop: Hop) {
        self.0.remove(&hop);
    }

    pub(super) fn of(&self, hop: Hop) -> Option<&Trouble> {
        self.0.get(&hop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_address_reaches_this_machine_only_and_a_family_only_itself() {
        let own = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| text.parse().expect("an address")).collect()
        };
        let here = own(&["127.0.0.1:5060"]);
        let both = own(&["127.0.0.1:5060", "[2001:db8::9]:5060"]);
        for (own, to, expected) in [
            (&here, "127.0.0.7", None),
            (&here, "203.0.113.20", Some(Obstacle::Loopback)),
            (&here, "2001:db8::1", Some(Obstacle::Family)),
            (&both, "2001:db8::1", None),
            (&both, "203.0.113.20", Some(Obstacle::Loopback)),
            (&own(&["[::1]:5060"]), "2001:db8::1", Some(Obstacle::Loopback)),
            (&own(&["[::1]:5060"]), "127.0.0.1", Some(Obstacle::Family)),
            (&own(&["0.0.0.0:5060"]), "203.0.113.20", None),
        ] {
            let to = to.parse().expect("an address");
            assert_eq!(Obstacle::between(own, to), expected, "{own:?} {to}");
        }
    }

    #[test]
    fn what_the_system_says_is_understood() {
        for (kind, expected) in [
            (ErrorKind::ConnectionRefused, Obstacle::Refused),
            (ErrorKind::NetworkUnreachable, Obstacle::NoRoute),
            (ErrorKind::HostUnreachable, Obstacle::NoRoute),
            (ErrorKind::PermissionDenied, Obstacle::NoRoute),
            (ErrorKind::TimedOut, Obstacle::Late),
            (ErrorKind::ConnectionReset, Obstacle::Broken),
        ] {
            assert_eq!(Obstacle::of(&kind.into()), expected, "{kind}");
        }
    }
}
