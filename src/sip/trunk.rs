//! A carrier's side of the settings: its address, how numbers are written for it, its health.

use std::net::SocketAddr;

use super::places::Places;
use super::resolver::by_digits;
use super::tls::Tls;
use crate::units::{Mono, NumberForm, Span, TrunkId};
use crate::wire::sip::{
    self, Credentials, EarlyMedia, Identity, Reliability, SessionTimers, Transport, Way,
};

/// A SIP trunk as the configuration describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    /// Its id.
    pub id: TrunkId,
    /// Where requests go, as `host:port` or `host`: looked up by RFC 3263 when the trunk is set,
    /// and again whenever the answer's time has passed.
    pub host: String,
    /// What carries its messages.
    pub transport: Transport,
    /// What may carry them too, if its host's NAPTR or SRV records say so.
    pub choices: Vec<Transport>,
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
    /// Takes the calls it brings.
    pub receives: bool,
    /// How the numbers of such calls are written.
    pub received_form: NumberForm,
}

impl Trunk {
    /// Makes a trunk without account, with numbers in E.164 and a sign of life every 30 seconds.
    #[must_use]
    pub fn new(id: TrunkId, host: impl Into<String>) -> Self {
        Self {
            id,
            host: host.into(),
            transport: Transport::Udp,
            choices: Vec::new(),
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
            receives: false,
            received_form: NumberForm::Plus,
        }
    }
}

impl Trunk {
    /// Gives what may carry its messages, the usual one first.
    pub(super) fn transports(&self) -> Vec<Transport> {
        let others = self.choices.iter().filter(|choice| **choice != self.transport);
        std::iter::once(self.transport).chain(others.copied()).collect()
    }

    /// Gives the trunk as the endpoint wants it, its hosts already looked up.
    pub(super) fn known(&self, places: &Places) -> sip::Trunk {
        let register = self.register.as_ref().map(|register| sip::Registration {
            registrar: self.registrar_domain(),
            domain: self.domain.clone().unwrap_or_else(|| self.registrar_domain()),
            ways: places.registrar.clone(),
            expires: register.expires,
        });
        sip::Trunk {
            ways: places.ways.clone(),
            proxy: self.proxy.as_ref().map(|proxy| self.route(proxy)),
            large_over_tcp: self.large_over_tcp,
            domain: self.domain.clone().or_else(|| host_name(&self.host)),
            sources: places.sources.clone(),
            credentials: self.credentials.clone(),
            identity: self.identity.clone(),
            redirects_max: self.redirects_max,
            call_header: self.call_header,
            session: self.session,
            reliable: self.reliable,
            early_media: self.early_media,
            headers: self.headers.clone(),
            register,
            receives: self.receives,
            ..sip::Trunk::new(self.id, places.first())
        }
    }

    /// Gives the Route to a proxy (RFC 3261 §16.12). Where DNS chooses, no transport is named.
    fn route(&self, proxy: &str) -> String {
        let transport = match self.transport {
            Transport::Tcp if self.choices.is_empty() => ";transport=tcp",
            Transport::Tls if self.choices.is_empty() => ";transport=tls",
            Transport::Udp | Transport::Tcp | Transport::Tls => "",
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
#[derive(Clone, Debug)]
pub(super) struct Ping {
    every: Span,
    due: Mono,
    to: Vec<SocketAddr>,
}

impl Ping {
    /// Begins at once, if the trunk wants it and is reached over UDP; connections ping by
    /// themselves.
    pub(super) fn new(trunk: &Trunk, ways: &[Way], now: Mono) -> Option<Self> {
        let hops = ways.iter().map(|way| way.hop);
        let datagrams = hops.filter(|hop| hop.transport == Transport::Udp);
        let to: Vec<_> = datagrams.map(|hop| hop.address).collect();
        let every = trunk.keep_alive.filter(|_| !to.is_empty())?;
        Some(Self { every, due: now, to })
    }

    /// Tells when the next is due.
    pub(super) const fn due(&self) -> Mono {
        self.due
    }

    /// Gives where to send one now; nowhere if it is not due.
    pub(super) fn turn(&mut self, now: Mono) -> &[SocketAddr] {
        if self.due > now {
            return &[];
        }
        self.due = now + self.every;
        &self.to
    }
}

/// Gives the name of a host without its port; `None` if it is written as an address.
fn host_name(host: &str) -> Option<String> {
    if by_digits(host, &[]).is_some() {
        return None;
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::sip::Hop;

    #[test]
    fn a_trunk_over_udp_is_pinged_as_often_as_it_wants() {
        let (now, every) = (Mono::START, Span::secs(25));
        let to: [SocketAddr; 2] = [1, 2].map(|last| ([192, 0, 2, last], 5_060).into());
        let way = |hop| Way { hop, priority: 0, weight: 0 };
        let trunk = Trunk { keep_alive: Some(every), ..Trunk::new(TrunkId(1), "192.0.2.1") };
        let ways = to.map(|to| way(to.into()));
        let mut ping = Ping::new(&trunk, &ways, now).expect("it wants pings");
        assert_eq!(ping.turn(now), to, "every server, for any of them may call back");
        assert!(ping.turn(now).is_empty());
        assert_eq!((ping.due(), ping.turn(now + every)), (now + every, &to[..]));
        let tcp = way(Hop { transport: Transport::Tcp, ..to[0].into() });
        assert!(Ping::new(&trunk, &[tcp], now).is_none(), "connections ping by themselves");
    }

    #[test]
    fn requests_name_the_host_and_not_the_server_that_dns_gave() {
        let named = |host: &str| host_name(host);
        assert_eq!(named("sip.example:5070").as_deref(), Some("sip.example"));
        assert_eq!(named("sip.example").as_deref(), Some("sip.example"));
        assert_eq!([named("192.0.2.1:5070"), named("[2001:db8::1]")], [None, None]);
    }
}
