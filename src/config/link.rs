//! How SIP messages are carried: where we listen, and by what a trunk is reached.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::reader::{Fields, Value};
use super::trunk::{Host, host};
use super::{address, ip};
use crate::units::Span;

/// Signalling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sip {
    /// Where we listen for datagrams.
    pub bind: SocketAddr,
    /// Where we listen for datagrams of the other family.
    pub second: Option<SocketAddr>,
    /// The address others see, when it is not the bound one.
    pub public: Option<IpAddr>,
    /// Where we listen for connections.
    pub tcp: Vec<SocketAddr>,
    /// Where we listen for connections over TLS.
    pub tls: Vec<SocketAddr>,
    /// What those who come over TLS are shown.
    pub identification: Option<Identification>,
    /// The name servers that trunks' hosts are asked of; the system's if there are none.
    pub nameservers: Vec<SocketAddr>,
}

/// A certificate with its chain, and its key: PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identification {
    /// The certificates.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// What carries SIP messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// Connections.
    Tcp,
    /// Connections inside TLS.
    Tls,
}

/// Whose certificate is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those the system's bundle vouches for.
    System,
    /// Those the certificates of a PEM file vouch for.
    File(PathBuf),
    /// The one with this SHA-256.
    Pin([u8; 32]),
}

/// By what a trunk is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What carries its messages.
    pub transport: Transport,
    /// What may carry them too, if DNS says so.
    pub choices: Vec<Transport>,
    /// Whose certificate is believed, over TLS.
    pub trust: Trust,
    /// The name the certificate must bear, when it is not the host's.
    pub tls_name: Option<String>,
    /// What we show over TLS.
    pub identification: Option<Identification>,
    /// The proxy every call is led through.
    pub proxy: Option<Host>,
    /// Hosts of the carrier's besides, whose requests are its own: calls that come in, and the end
    /// of calls whose route names a host.
    pub sources: Vec<Host>,
    /// Whether requests too long for a datagram go over TCP.
    pub large_over_tcp: bool,
    /// How often a NAT is kept open; never if `None`.
    pub keep_alive: Option<Span>,
}

/// Where SIP is listened for unless told otherwise: on this machine only.
const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5_060);

/// NATs forget a UDP flow after 30 s at the earliest (RFC 4787 §4.3 asks for 120 s); more often
/// than every 5 s is a nuisance.
const KEEP_ALIVE: (Span, Span) = (Span::secs(5), Span::secs(120));

/// As many as resolv.conf(5) takes (MAXNS).
const NAMESERVERS_MAX: usize = 3;

const TRANSPORTS: [(&str, Transport); 3] =
    [("udp", Transport::Udp), ("tcp", Transport::Tcp), ("tls", Transport::Tls)];

impl Sip {
    /// Gives the address we write into Via and Contact.
    #[must_use]
    pub fn advertised(&self) -> SocketAddr {
        SocketAddr::new(self.public.unwrap_or_else(|| self.bind.ip()), self.bind.port())
    }

    /// Warns of a trunk's host, written as an address, that no address of ours reaches. A name's
    /// addresses only DNS knows.
    pub(super) fn warn_out_of_reach(&self, written: &Value<'_, '_>, host: &Host) {
        let Ok(to) = host.name.parse::<IpAddr>() else { return };
        let own = [self.bind].into_iter().chain(self.second);
        let mut fit = own.filter(|at| at.is_ipv4() == to.is_ipv4()).peekable();
        let family = if to.is_ipv4() { "IPv4" } else { "IPv6" };
        if fit.peek().is_none() {
            let message = format!("is an {family} address, but `bind` in [sip] has none");
            written.warn(&message, "give `bind` a list with one address of each family");
        } else if fit.all(|at| at.ip().is_loopback()) && !to.is_loopback() {
            let message =
                "is out of reach unless it is this machine: `bind` in [sip] is a loopback address";
            let hint = "set `bind` to the address of this machine that the trunk reaches";
            written.warn(message, hint);
        }
    }

    /// Reads `[sip]`.
    pub(super) fn of(root: &Fields<'_, '_>) -> Self {
        let mut sip = Self {
            bind: USUAL,
            second: None,
            public: None,
            tcp: Vec::new(),
            tls: Vec::new(),
            identification: None,
            nameservers: Vec::new(),
        };
        let Some(fields) = root.table("sip") else { return sip };
        let mut bind = fields.get("bind").map(Value::one_or_more).unwrap_or_default().into_iter();
        sip.bind = bind.next().and_then(|value| address(&value)).unwrap_or(USUAL);
        sip.second = bind.next().and_then(|value| second(&value, sip.bind));
        no_third(bind.next());
        sip.public = fields.get("public").and_then(|value| ip(&value));
        let several = |key| {
            let values = fields.get(key).map(Value::one_or_more).unwrap_or_default();
            values.iter().filter_map(address).collect::<Vec<_>>()
        };
        (sip.tcp, sip.tls) = (several("tcp"), several("tls"));
        let seen = |at: &SocketAddr| {
            let public = sip.public.is_some_and(|public| public.is_ipv4() == at.is_ipv4());
            public || !at.ip().is_unspecified()
        };
        if ![sip.bind].iter().chain(&sip.tcp).chain(&sip.tls).all(seen) {
            let hint = "add the address others reach us at, such as `public = \"203.0.113.7\"`";
            fields.error("public", "is missing although every address is bound", hint);
        }
        sip.nameservers = nameservers(&fields);
        sip.identification = Identification::of(&fields);
        if sip.identification.is_none() && !sip.tls.is_empty() {
            let hint = "add `certificate_file = \"…\"` and `key_file = \"…\"`, PEM files";
            fields.error("certificate_file", "is missing although we listen for TLS", hint);
        }
        fields.finish();
        sip
    }
}

/// Reads the addresses of name servers; 53 is DNS's port (RFC 1035 §4.2).
fn nameservers(fields: &Fields<'_, '_>) -> Vec<SocketAddr> {
    let server = |text: &str| {
        let ip = || text.parse().ok().map(|ip| SocketAddr::new(ip, 53));
        let address = text.parse().ok().or_else(ip);
        address.ok_or_else(|| "is no address: write 192.0.2.53".to_owned())
    };
    let values = fields.get("nameservers").map(Value::one_or_more).unwrap_or_default();
    if let Some(value) = values.get(NAMESERVERS_MAX) {
        value.error("is one too many", Some("name three at most, as the system does".to_owned()));
    }
    values.iter().take(NAMESERVERS_MAX).filter_map(|value| value.parse(server)).collect()
}

/// Complains of a third address.
pub(super) fn no_third(third: Option<Value<'_, '_>>) {
    if let Some(third) = third {
        let hint = "write one address, or one of each family";
        third.error("is one too many", Some(hint.to_owned()));
    }
}

fn second(value: &Value<'_, '_>, first: SocketAddr) -> Option<SocketAddr> {
    let second = address(value)?;
    if second.is_ipv4() == first.is_ipv4() || second.ip().is_unspecified() {
        let hint = "write one IPv4 and one IPv6 address of this machine";
        value.error("is no second address that can be used", Some(hint.to_owned()));
        return None;
    }
    Some(second)
}

impl Identification {
    pub(super) fn of(fields: &Fields<'_, '_>) -> Option<Self> {
        let certificate = fields.get("certificate_file").and_then(|value| value.file());
        let key = fields.get("key_file").and_then(|value| value.file());
        if certificate.is_some() != key.is_some() {
            let (missing, there) = if key.is_none() {
                ("key_file", "certificate")
            } else {
                ("certificate_file", "key")
            };
            let hint = "a certificate and its key are two files: name both";
            fields.error(missing, &format!("is missing beside the {there}"), hint);
        }
        Some(Self { certificate: certificate?, key: key? })
    }
}

impl Link {
    /// Tells whether a transport may carry its messages.
    #[must_use]
    pub fn uses(&self, transport: Transport) -> bool {
        self.transport == transport || self.choices.contains(&transport)
    }

    /// Tells whether nothing but TLS carries its messages.
    pub(super) fn is_secret(&self) -> bool {
        self.transport == Transport::Tls && self.choices.is_empty()
    }

    /// Reads the keys of a `[[trunk]]` table.
    pub(super) fn of(fields: &Fields<'_, '_>) -> Self {
        let named = fields.get("transport").map(Value::one_or_more).unwrap_or_default();
        let mut named = named.iter().filter_map(|value| value.choice(&TRANSPORTS));
        let transport = named.next().unwrap_or(Transport::Udp);
        let choices: Vec<_> = named.filter(|choice| *choice != transport).collect();
        let secured = transport == Transport::Tls || choices.contains(&Transport::Tls);
        let file = fields.get("ca_file").and_then(|value| value.file());
        let pin = fields.get("pin_sha256").and_then(|value| value.parse(fingerprint));
        let link = Self {
            transport,
            choices,
            trust: match (file, pin) {
                (_, Some(pin)) => Trust::Pin(pin),
                (Some(file), None) => Trust::File(file),
                (None, None) => Trust::System,
            },
            tls_name: fields.get("tls_name").and_then(|value| value.name()),
            identification: Identification::of(fields),
            proxy: fields.get("proxy").and_then(|value| value.parse(host)),
            sources: sources(fields),
            large_over_tcp: fields.or("large_over_tcp", false, |value| value.flag()),
            keep_alive: fields
                .get("keep_alive")
                .and_then(|value| value.span_in(KEEP_ALIVE.0..=KEEP_ALIVE.1)),
        };
        let of_tls = ["ca_file", "pin_sha256", "tls_name", "certificate_file", "key_file"];
        for key in of_tls.into_iter().filter(|_| !secured) {
            if let Some(value) = fields.get(key) {
                let hint = "add `transport = \"tls\"`, or take the key out";
                value.error("is of no use without TLS", Some(hint.to_owned()));
            }
        }
        link
    }
}

/// Further hosts of a trunk at most: each is looked up.
const SOURCES_MAX: usize = 32;

fn sources(fields: &Fields<'_, '_>) -> Vec<Host> {
    let values = fields.get("sources").map(Value::one_or_more).unwrap_or_default();
    if let Some(one_more) = values.get(SOURCES_MAX) {
        let hint = format!("name {SOURCES_MAX} at most, or one host name that has all addresses");
        one_more.error("is one too many", Some(hint));
    }
    values.iter().take(SOURCES_MAX).filter_map(|value| value.parse(host)).collect()
}

/// Reads a SHA-256: 64 hexadecimal digits, with or without colons, as `openssl x509 -fingerprint
/// -sha256` writes it.
fn fingerprint(text: &str) -> Result<[u8; 32], String> {
    let digits: Vec<_> = text.chars().filter(|c| *c != ':').map(|c| c.to_digit(16)).collect();
    let mut pin = [0; 32];
    let pairs = digits.chunks(2).map(|pair| match *pair {
        [Some(high), Some(low)] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    });
    let bytes = pairs.collect::<Option<Vec<_>>>().filter(|bytes| bytes.len() == pin.len());
    let bytes = bytes.ok_or("is no SHA-256: write its 64 hexadecimal digits")?;
    pin.copy_from_slice(&bytes);
    Ok(pin)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;

    fn problems(sip: &str, trunk: &str) -> Vec<String> {
        let usual = "name = \"t\"\nhost = \"c.test\"\nchannels = 1\ncalls_per_second = \"1/s\"";
        let text = format!("[sip]\n{sip}\n[[trunk]]\n{usual}\n{trunk}\n");
        let (_, problems) = parse(Path::new("cadran.toml"), &text);
        problems.into_iter().map(|problem| problem.to_string()).collect()
    }

    #[test]
    fn what_does_not_fit_together_is_said() {
        let two = "bind = [\"192.0.2.1:5060\", \"[2001:db8::1]:5060\"]\ntcp = \"192.0.2.1:5060\"";
        let tls = "transport = \"tls\"\ntls_name = \"sip.c.test\"\nproxy = \"[2001:db8::2]\"";
        assert_eq!(problems(two, tls), [""; 0]);
        let asked = format!("{two}\nnameservers = [\"192.0.2.53\", \"[2001:db8::53]:5353\"]");
        assert_eq!(problems(&asked, &tls.replace("\"tls\"", "[\"udp\", \"tls\"]")), [""; 0]);
        for (sip, trunk, said) in [
            ("bind = [\"192.0.2.1:5060\", \"192.0.2.2:5060\"]", "", "no second address"),
            (&two.replace("]:5060\"]", "]:5060\", \"[::1]:1\"]"), "", "one too many"),
            ("tls = \"192.0.2.1:5061\"", "", "certificate_file: is missing"),
            ("certificate_file = \"a.crt\"", "", "key_file: is missing"),
            ("nameservers = \"dns.test\"", "", "is no address"),
            (&format!("nameservers = {:?}", ["192.0.2.53"; 4]), "", "one too many"),
            ("tcp = \"0.0.0.0:5060\"", "", "public: is missing"),
            ("bind = \"[::]:5060\"\npublic = \"192.0.2.1\"", "", "public: is missing"),
            ("", "tls_name = \"sip.c.test\"", "of no use without TLS"),
            ("", "transport = \"sctp\"", "transport"),
            ("", "transport = \"tls\"\npin_sha256 = \"ab\"", "no SHA-256"),
            ("", "keep_alive = \"1s\"", "keep_alive"),
            ("", "sources = [\"192.0.2.17\", \"no host!\"]", "no host!\" is no host"),
            ("", &format!("sources = {:?}", ["192.0.2.17"; 33]), "one too many"),
        ] {
            let told = problems(sip, trunk);
            assert!(told.len() == 1 && told[0].contains(said), "{sip} {trunk}: {told:?}");
        }
    }

    #[test]
    fn a_trunk_that_no_address_of_ours_reaches_is_warned_of() {
        let loopback = "trunk[1].host: is out of reach unless it is this machine: `bind` in [sip]";
        let family = "trunk[1].host: is an IPv6 address, but `bind` in [sip] has none";
        let both = "bind = [\"192.0.2.1:5060\", \"[2001:db8::9]:5060\"]";
        for (sip, host, said) in [
            ("", "203.0.113.20", Some(loopback)),
            ("bind = \"127.0.0.1:5060\"", "203.0.113.20:5070", Some(loopback)),
            ("bind = \"127.0.0.1:5060\"", "127.0.0.9", None),
            ("bind = \"127.0.0.1:5060\"", "sip.carrier.test", None),
            ("bind = \"192.0.2.1:5060\"", "203.0.113.20", None),
            ("bind = \"192.0.2.1:5060\"", "[2001:db8::1]", Some(family)),
            (both, "[2001:db8::1]", None),
            (both, "203.0.113.20", None),
        ] {
            let text = format!(
                "[sip]\n{sip}\n[[trunk]]\nname = \"t\"\nhost = \"{host}\"\nchannels = 1\n\
                 calls_per_second = \"1/s\"\n"
            );
            let (_, found) = parse(Path::new("cadran.toml"), &text);
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            let one = found.len() == 1 && said.is_some_and(|said| found[0].contains(said));
            assert!(one || said.is_none() && found.is_empty(), "{sip} {host}: {found:?}");
        }
    }

    #[test]
    fn a_fingerprint_is_read_as_programs_write_it() {
        let colons = ["AB"; 32].join(":");
        assert_eq!(fingerprint(&colons), Ok([0xAB; 32]));
        assert_eq!(fingerprint(&"0f".repeat(32)), Ok([0x0F; 32]));
        for bad in ["", "ab", &"0f".repeat(33), &"0g".repeat(32), &"0".repeat(63)] {
            assert!(fingerprint(bad).is_err(), "{bad}");
        }
    }
}
