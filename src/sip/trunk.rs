//! A carrier's side of the settings: its address, how numbers are written for it, its health.

use std::net::SocketAddr;

use super::tls::Tls;
use crate::units::{Mono, NumberForm, Span, TrunkId};
use crate::wire::sip::{
    Credentials, EarlyMedia, Hop, Identity, Reliability, SessionTimers, Transport,
};

/// A SIP trunk as the configuration describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    /// Its id.
    pub id: TrunkId,
    /// Where requests go, as `host:port` or `host` (port 5060, RFC 3261 §19.1.2); looked up when
    /// the trunk is set.
    pub host: String,
    /// What carries its messages.
    pub transport: Transport,
    /// How it is met over TLS; needed there.
    pub tls: Option<Tls>,
    /// The proxy every call is led through, written like `host`; requests go there instead.
    pub proxy: Option<String>,
    /// Moves requests over 1,300 bytes from UDP to TCP (RFC 3261 §18.1.1).
    pub large_over_tcp: bool,
    /// How often two line ends are sent over UDP so that a NAT keeps the way open (RFC 5626
    /// §3.5.1); never if `None`.
    pub keep_alive: Option<Span>,
    /// The domain in request URIs and From; `host` without its port if `None`.
    pub domain: Option<String>,
    /// Further hosts whose messages are taken for this trunk's.
    pub sources: Vec<String>,
    /// The account that answers the carrier's challenges.
    pub credentials: Option<Credentials>,
    /// How the shown number is written into From, P-Asserted-Identity and Privacy.
    pub identity: Identity,
    /// How called numbers are written.
    pub called_form: NumberForm,
    /// How our own number is written.
    pub caller_form: NumberForm,
    /// How many redirections (3xx) back to the same trunk are followed; 0 fails the call.
    pub redirects_max: u8,
    /// Writes the `X-Cadran-Call` header with the call's public id.
    pub call_header: bool,
    /// How long a call may last without a sign from the carrier.
    pub session: SessionTimers,
    /// Whether provisional answers are asked for reliably.
    pub reliable: Reliability,
    /// Whether sound before the answer is heard.
    pub early_media: EarlyMedia,
    /// Further header lines of each INVITE, name and value.
    pub headers: Vec<(String, String)>,
    /// Keeps the account registered.
    pub register: Option<Register>,
    /// How often OPTIONS asks for a sign of life; never if `None`.
    pub options_every: Option<Span>,
}

impl Trunk {
    /// Makes a trunk without account, with numbers in E.164 and a sign of life every 30 seconds.
    #[must_use]
    pub fn new(id: TrunkId, host: impl Into<String>) -> Self {
        Self {
            id,
            host: host.into(),
            transport: Transport::Udp,
            tls: None,
            proxy: None,
            large_over_tcp: false,
            keep_alive: None,
            domain: None,
            sources: Vec::new(),
            credentials: None,
            identity: Identity::default(),
            called_form: NumberForm::Plus,
            caller_form: NumberForm::Plus,
            redirects_max: 0,
            call_header: false,
            session: SessionTimers::default(),
            reliable: Reliability::default(),
            early_media: EarlyMedia::default(),
            headers: Vec::new(),
            register: None,
            options_every: Some(Span::secs(30)),
        }
    }
}

impl Trunk {
    /// Gives the hop to an address of this trunk.
    pub(super) fn hop(&self, address: SocketAddr) -> Hop {
        let trunk = (self.transport == Transport::Tls).then_some(self.id);
        Hop { transport: self.transport, address, trunk }
    }

    /// Gives the Route to a proxy (RFC 3261 §16.12).
    pub(super) fn route(&self, proxy: &str) -> String {
        let transport = match self.transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
            Transport::Tls => ";transport=tls",
        };
        format!("sip:{proxy};lr{transport}")
    }

    /// Gives the host that REGISTER names: the registrar's, or else the trunk's domain or host.
    pub(super) fn registrar_domain(&self) -> String {
        let named = self.register.as_ref().and_then(|register| register.registrar.clone());
        named.or_else(|| self.domain.clone()).unwrap_or_else(|| self.host.clone())
    }
}

/// Where and for how long a trunk's account registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// The registrar, as `host:port` or `host`; the trunk's host if `None`.
    pub registrar: Option<String>,
    /// How long a binding is asked for.
    pub expires: Span,
}

/// Two line ends over UDP now and then, so that a NAT keeps the way open (RFC 5626 §3.5.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Ping {
    every: Span,
    due: Mono,
    to: SocketAddr,
}

impl Ping {
    /// Begins at once, if the trunk wants it and has no connection, which pings by itself.
    pub(super) fn new(trunk: &Trunk, to: Hop, now: Mono) -> Option<Self> {
        let every = trunk.keep_alive.filter(|_| to.transport == Transport::Udp)?;
        Some(Self { every, due: now, to: to.address })
    }

    /// Tells when the next is due.
    pub(super) const fn due(&self) -> Mono {
        self.due
    }

    /// Gives where to send one now, if it is due.
    pub(super) fn turn(&mut self, now: Mono) -> Option<SocketAddr> {
        let due = self.due <= now;
        if due {
            self.due = now + self.every;
        }
        due.then_some(self.to)
    }
}

/// Looks a host up: `host:port`, `host`, or an address.
///
/// # Errors
/// The name has no address now.
pub async fn resolve(host: &str, transport: Transport) -> std::io::Result<SocketAddr> {
    let port = transport.port();
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    if let Ok(ip) = host.trim_matches(['[', ']']).parse() {
        return Ok(SocketAddr::new(ip, port));
    }
    let named = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let text = if named { host.to_owned() } else { format!("{host}:{port}") };
    let mut found = tokio::net::lookup_host(text).await?;
    let missing = || std::io::Error::new(std::io::ErrorKind::NotFound, "no address for this name");
    found.next().ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_over_udp_is_pinged_as_often_as_it_wants() {
        let (now, every) = (Mono::START, Span::secs(25));
        let to: SocketAddr = ([192, 0, 2, 1], 5_060).into();
        let trunk = Trunk { keep_alive: Some(every), ..Trunk::new(TrunkId(1), "192.0.2.1") };
        let mut ping = Ping::new(&trunk, to.into(), now).expect("it wants pings");
        assert_eq!([ping.turn(now), ping.turn(now)], [Some(to), None]);
        assert_eq!((ping.due(), ping.turn(now + every)), (now + every, Some(to)));
        let tcp = Hop { transport: Transport::Tcp, ..to.into() };
        assert!(Ping::new(&trunk, tcp, now).is_none(), "connections ping by themselves");
    }
}
