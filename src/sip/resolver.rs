//! Where a host's servers are, by DNS (RFC 3263): NAPTR records say which transports it serves, SRV
//! records by which servers, A and AAAA records where those are.

use std::cmp::Reverse;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::rdata::{NAPTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use crate::units::Span;
use crate::wire::sip::{Hop, Transport, Way};

/// How long one question to a name server may take before it is repeated: a public resolver that
/// asks all the way down answers well within it.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// How often a question that was not answered is asked again.
const REPEATED: usize = 1;
/// How long all questions about one host may take together.
const FIND_MAX: Duration = Duration::from_secs(10);
/// Answers kept at once: some dozens of trunks with some servers each.
const KEPT_MAX: u64 = 512;
/// The longest an answer is believed, whatever it says itself: a zone that was mended is seen
/// within the hour.
const LONGEST: Span = Span::secs(3_600);
/// The shortest: a record that may not be kept (TTL 0) is asked for this often.
const SHORTEST: Span = Span::secs(1);
/// How long it is believed that there is no such record (RFC 2308 §5 allows hours), and how long
/// a failed look-up rests: a name server that was restarted is back by then, and one that does
/// not know the name is not pestered.
pub(super) const AGAIN: Span = Span::secs(30);
/// NAPTR records looked at, the best ones: there are three transports.
const SERVICES_MAX: usize = 4;
/// SRV records looked at, the best ones: each is another question or two.
const SERVERS_MAX: usize = 16;
/// Addresses of one server: a carrier has one or two.
const ADDRESSES_MAX: usize = 8;
/// Ways to one host: a call will not try more.
const WAYS_MAX: usize = 32;
/// Divides into equal shares among one to eight addresses.
const SHARES: u32 = 840;

/// Asks the name servers. Its answers are kept for as long as they say, up to an hour, and that
/// there is no such record for 30 s; 512 answers at once.
#[derive(Clone, Debug)]
pub struct Resolver {
    dns: TokioResolver,
    /// The families we speak, A or AAAA, the preferred one first.
    families: Vec<RecordType>,
}

/// Where a host is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The ways there, the best first; one at least, 32 at most.
    pub ways: Vec<Way>,
    /// Which records said so.
    pub by: By,
    /// How long it is believed, 1 s to 1 h; `None` for an address, which is no matter of DNS.
    pub good_for: Option<Span>,
}

/// Which records led to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// None: it was written as an address.
    Digits,
    /// A or AAAA alone.
    Address,
    /// SRV.
    Srv,
    /// NAPTR and SRV.
    Naptr,
}

/// Why a host was not found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// The settings' fault, or the zone's.
    #[error("the name {0} does not exist (NXDOMAIN): correct it, or ask its owner")]
    NoName(String),
    /// The settings' fault, or the zone's.
    #[error("{0} has no SRV record for {1} and no address: correct it, or ask its owner")]
    NoServer(String, String),
    /// The settings' fault, or the zone's.
    #[error("{0} has no address of a family we listen in: correct it, or ask its owner")]
    NoAddress(String),
    /// The zone's fault: wait until its owner mends it.
    #[error("{0} says by its SRV records that it does not serve {1}: use what it serves")]
    NotServed(String, String),
    /// The zone's fault: wait until its owner mends it.
    #[error("the SRV record {0} leads to {1}, which has no address we can use: tell its owner")]
    Astray(String, String),
    /// The network's fault, or the name server's. Try again.
    #[error(
        "no name server answers about {0}: look at this machine's DNS; a host with its port needs \
         no SRV"
    )]
    Silent(String),
    /// This machine's fault or the network's. Try again.
    #[error("no name server can be reached about {0}: {1}")]
    Unreachable(String, String),
    /// The name server's fault, or the zone's. Try again.
    #[error("the name server does not tell about {0}: {1}; ask its keeper")]
    Refused(String, String),
    /// The settings' fault.
    #[error("{0:?} is no name of a host")]
    BadName(String),
}

impl Resolver {
    /// Makes a resolver that asks these name servers, or the system's if there are none, for
    /// addresses of the families of our own, the first one preferred.
    ///
    /// # Errors
    /// The library refuses its settings.
    pub fn new(nameservers: &[SocketAddr], own: &[SocketAddr]) -> Result<Self, FindError> {
        let provider = TokioRuntimeProvider::default();
        let mut builder = if nameservers.is_empty() {
            TokioResolver::builder_tokio().unwrap_or_else(|error| {
                tracing::warn!(%error, "no name server is known: only the hosts file is read");
                TokioResolver::builder_with_config(ResolverConfig::default(), provider)
            })
        } else {
            let servers = nameservers.iter().map(server).collect();
            let config = ResolverConfig::from_name_servers(servers);
            TokioResolver::builder_with_config(config, provider)
        };
        let options = builder.options_mut();
        options.timeout = ANSWER_MAX;
        options.attempts = REPEATED;
        // Answers with many records come without a connection.
        options.edns0 = true;
        options.cache_size = KEPT_MAX;
        options.positive_max_ttl = Some(std(LONGEST));
        options.negative_max_ttl = Some(std(AGAIN));
        let dns = builder
            .build()
            .map_err(|error| FindError::Unreachable("any host".to_owned(), error.to_string()))?;
        let mut families = Vec::new();
        for at in own {
            let family = if at.is_ipv4() { RecordType::A } else { RecordType::AAAA };
            if !families.contains(&family) {
                families.push(family);
            }
        }
        Ok(Self { dns, families })
    }

    /// Finds where a host is reached by one of these transports, of which the first is usual.
    /// Only a name without a port has NAPTR and SRV records, and NAPTR only if there is a choice
    /// (RFC 3263 §4.1, §4.2).
    ///
    /// # Errors
    /// It is not found, or no name server tells within 10 s.
    pub async fn find(&self, host: &str, transports: &[Transport]) -> Result<Found, FindError> {
        if let Some(found) = by_digits(host, transports) {
            return Ok(found);
        }
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        };
        let bad = || FindError::BadName(host.to_owned());
        let port = port.map(|port| port.parse().map_err(|_| bad())).transpose()?;
        let name = absolute(name).ok_or_else(bad)?;
        let mut search = Search { resolver: self, good_for: LONGEST };
        let found = tokio::time::timeout(FIND_MAX, search.ask(&name, port, transports));
        let (ways, by) = found.await.unwrap_or_else(|_| Err(FindError::Silent(host.to_owned())))?;
        Ok(Found { ways, by, good_for: Some(search.good_for.max(SHORTEST)) })
    }
}

/// Gives where a host is that is written as an address.
pub(super) fn by_digits(host: &str, transports: &[Transport]) -> Option<Found> {
    let transport = usual(transports);
    let address = host.parse().ok().or_else(|| {
        let ip = host.trim_matches(['[', ']']).parse().ok()?;
        Some(SocketAddr::new(ip, transport.port()))
    })?;
    let way = Way { hop: Hop { transport, address, trunk: None }, priority: 0, weight: 0 };
    Some(Found { ways: vec![way], by: By::Digits, good_for: None })
}

fn usual(transports: &[Transport]) -> Transport {
    transports.first().copied().unwrap_or(Transport::Udp)
}

/// A name with a dot is the whole name; another may be completed by the system's search list.
fn absolute(name: &str) -> Option<Name> {
    let mut read = Name::from_ascii(name).ok()?;
    if read.num_labels() > 1 {
        read.set_fqdn(true);
    }
    Some(read).filter(|name| !name.is_root())
}

fn server(at: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = at.port();
        connection
    });
    NameServerConfig::new(at.ip(), true, connections.into())
}

fn std(span: Span) -> Duration {
    Duration::from_micros(span.as_micros())
}

/// The questions about one host.
struct Search<'r> {
    resolver: &'r Resolver,
    /// How long the answers so far hold together.
    good_for: Span,
}

impl Search<'_> {
    async fn ask(
        &mut self,
        host: &Name,
        port: Option<u16>,
        transports: &[Transport],
    ) -> Result<(Vec<Way>, By), FindError> {
        let transport = usual(transports);
        if let Some(port) = port {
            let ways = self.addresses(host).await?;
            return Ok((equal(&ways, port, transport), By::Address));
        }
        let (services, by) = self.services(host, transports).await?;
        let mut refused = None;
        for (transport, service) in services {
            match self.servers(transport, &service).await? {
                Some(ways) if !ways.is_empty() => return Ok((ways, by)),
                Some(_) => refused = Some(transport),
                None => {}
            }
        }
        if let Some(transport) = refused {
            return Err(FindError::NotServed(told(host), transport.to_string()));
        }
        match self.addresses(host).await {
            Ok(ips) => Ok((equal(&ips, transport.port(), transport), By::Address)),
            Err(FindError::NoAddress(host)) => {
                let wanted: Vec<_> = transports.iter().map(ToString::to_string).collect();
                Err(FindError::NoServer(host, wanted.join(", ")))
            }
            Err(error) => Err(error),
        }
    }

    /// Gives the SRV names to ask for, the best first: those of the NAPTR records that name one of
    /// the transports, or else the usual ones (RFC 3263 §4.1).
    async fn services(
        &mut self,
        host: &Name,
        transports: &[Transport],
    ) -> Result<(Vec<(Transport, Name)>, By), FindError> {
        if transports.len() > 1 {
            let answers = self.records(host, RecordType::NAPTR).await?;
            let mut rules: Vec<_> =
                answers.iter().filter_map(|data| rule(data, transports)).collect();
            rules.sort_by_key(|(order, _)| *order);
            rules.truncate(SERVICES_MAX);
            if !rules.is_empty() {
                return Ok((rules.into_iter().map(|(_, service)| service).collect(), By::Naptr));
            }
        }
        let service = |transport: &Transport| {
            let prefix = match transport {
                Transport::Udp => "_sip._udp",
                Transport::Tcp => "_sip._tcp",
                Transport::Tls => "_sips._tcp",
            };
            let mut name = Name::from_ascii(prefix).ok()?.append_name(host).ok()?;
            name.set_fqdn(host.is_fqdn());
            Some((*transport, name))
        };
        Ok((transports.iter().filter_map(service).collect(), By::Srv))
    }

    /// Gives the ways to a service's servers: none if it says so (a target of "."), `None` if it
    /// has no SRV record (RFC 2782).
    async fn servers(
        &mut self,
        transport: Transport,
        service: &Name,
    ) -> Result<Option<Vec<Way>>, FindError> {
        let answers = self.records(service, RecordType::SRV).await?;
        let srv = |data: &RData| if let RData::SRV(srv) = data { Some(srv.clone()) } else { None };
        let mut records: Vec<SRV> = answers.iter().filter_map(srv).collect();
        if records.is_empty() {
            return Ok(None);
        }
        records.retain(|record| !record.target.is_root());
        records.sort_by(|one, other| rank(one).cmp(&rank(other)));
        records.truncate(SERVERS_MAX);
        let (mut ways, mut fault) = (Vec::new(), None);
        for SRV { priority, weight, port, mut target, .. } in records {
            target.set_fqdn(true);
            let ips = match self.addresses(&target).await {
                Ok(ips) => ips,
                Err(FindError::NoName(_) | FindError::NoAddress(_)) => {
                    fault = Some(FindError::Astray(told(service), told(&target)));
                    continue;
                }
                Err(error) => {
                    fault = Some(error);
                    continue;
                }
            };
            for way in equal(&ips, port, transport) {
                let way = Way { priority, weight: u32::from(weight) * way.weight, ..way };
                if ways.len() < WAYS_MAX && !ways.iter().any(|held: &Way| held.hop == way.hop) {
                    ways.push(way);
                }
            }
        }
        match fault {
            Some(fault) if ways.is_empty() => Err(fault),
            // A server whose address is missing may be found soon.
            Some(_) => {
                self.good_for = self.good_for.min(AGAIN);
                Ok(Some(ways))
            }
            None => Ok(Some(ways)),
        }
    }

    /// Gives the addresses of a name in the first of our families that it has any in.
    async fn addresses(&mut self, name: &Name) -> Result<Vec<IpAddr>, FindError> {
        let mut missing = FindError::NoAddress(told(name));
        for family in self.resolver.families.clone() {
            let answers = match self.records(name, family).await {
                Ok(answers) => answers,
                Err(error @ FindError::NoName(_)) => {
                    missing = error;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let mut ips: Vec<_> = answers.iter().filter_map(RData::ip_addr).collect();
            // Name servers turn the order from answer to answer.
            ips.sort_unstable();
            ips.truncate(ADDRESSES_MAX);
            if !ips.is_empty() {
                return Ok(ips);
            }
        }
        Err(missing)
    }

    /// Gives a name's records of a kind; none if there are none. That the name does not exist is
    /// an error for addresses alone: few hosts have the others.
    async fn records(&mut self, name: &Name, kind: RecordType) -> Result<Vec<RData>, FindError> {
        let lookup = match self.resolver.dns.lookup(name.clone(), kind).await {
            Ok(lookup) => lookup,
            Err(error) if error.is_nx_domain() && kind.is_ip_addr() => {
                return Err(FindError::NoName(told(name)));
            }
            Err(error) if error.is_no_records_found() => return Ok(Vec::new()),
            Err(error) => return Err(unasked(told(name), &error)),
        };
        for record in lookup.answers() {
            self.good_for = self.good_for.min(Span::secs(record.ttl.into()));
        }
        let of_kind = lookup.answers().iter().filter(|record| record.record_type() == kind);
        Ok(of_kind.map(|record| record.data.clone()).collect())
    }
}

/// Puts SRV records in an order that does not hang on that of the answer, the best first.
fn rank(record: &SRV) -> (u16, Reverse<u16>, &Name, u16) {
    (record.priority, Reverse(record.weight), &record.target, record.port)
}

/// Gives ways of equal right to the addresses of one server.
fn equal(ips: &[IpAddr], port: u16, transport: Transport) -> Vec<Way> {
    let count = u32::try_from(ips.len()).unwrap_or(u32::MAX).max(1);
    let way = |ip: &IpAddr| {
        let hop = Hop { transport, address: SocketAddr::new(*ip, port), trunk: None };
        Way { hop, priority: 0, weight: SHARES / count }
    };
    ips.iter().map(way).collect()
}

/// Reads a NAPTR record: how early it is to be tried, and which SRV records it names (RFC 3263
/// §4.1: flag "s", no expression).
fn rule(data: &RData, transports: &[Transport]) -> Option<((u16, u16), (Transport, Name))> {
    let RData::NAPTR(NAPTR { order, preference, flags, services, regexp, replacement, .. }) = data
    else {
        return None;
    };
    let transport = match services.to_ascii_uppercase().as_slice() {
        b"SIP+D2U" => Transport::Udp,
        b"SIP+D2T" => Transport::Tcp,
        b"SIPS+D2T" => Transport::Tls,
        _ => return None,
    };
    let fits = flags.eq_ignore_ascii_case(b"s") && regexp.is_empty() && !replacement.is_root();
    if !fits || !transports.contains(&transport) {
        return None;
    }
    let mut name = replacement.clone();
    name.set_fqdn(true);
    Some(((*order, *preference), (transport, name)))
}

/// Writes a name without its last dot.
fn told(name: &Name) -> String {
    let text = name.to_ascii();
    text.strip_suffix('.').map(str::to_owned).unwrap_or(text)
}

/// Tells why a question was not answered at all.
fn unasked(name: String, error: &NetError) -> FindError {
    if matches!(error, NetError::Timeout) {
        FindError::Silent(name)
    } else if matches!(error, NetError::Io(_) | NetError::NoConnections) {
        FindError::Unreachable(name, error.to_string())
    } else if let NetError::Dns(DnsError::ResponseCode(code)) = error {
        FindError::Refused(name, code.to_string())
    } else {
        FindError::Refused(name, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_no_matter_of_dns() {
        let at = |host, transports: &[_]| {
            by_digits(host, transports).and_then(|found| found.ways.first().map(|way| way.hop))
        };
        let hop = |text: &str, transport| {
            text.parse().ok().map(|address| Hop { transport, address, trunk: None })
        };
        let (udp, tls) = (Transport::Udp, Transport::Tls);
        assert_eq!(at("192.0.2.1", &[udp]), hop("192.0.2.1:5060", udp));
        assert_eq!(at("192.0.2.1", &[tls, udp]), hop("192.0.2.1:5061", tls));
        assert_eq!(at("192.0.2.1:5070", &[tls]), hop("192.0.2.1:5070", tls));
        assert_eq!(at("[2001:db8::1]", &[udp]), hop("[2001:db8::1]:5060", udp));
        assert_eq!(at("[2001:db8::1]:5070", &[udp]), hop("[2001:db8::1]:5070", udp));
        assert_eq!(at("sip.example", &[udp]), None);
    }

    #[test]
    fn the_addresses_of_a_server_share_its_weight() {
        let ips: Vec<_> = (1..=8).map(|last| IpAddr::from([192, 0, 2, last])).collect();
        for count in 1..=ips.len() {
            let ways = equal(&ips[..count], 5_060, Transport::Udp);
            assert_eq!(ways.iter().map(|way| way.weight).sum::<u32>(), SHARES, "of {count}");
        }
    }
}
