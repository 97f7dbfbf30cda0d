//! Trunks: the ways out to the telephone network.

use std::net::{IpAddr, SocketAddr};

use super::codec::Codec;
use super::extensions::Extensions;
use super::incoming::Incoming;
use super::link::Link;
use super::measure;
use super::profile::{Card, Profile};
use super::reader::{Fields, Reader, Value};
use super::response::Response;
use super::secret::{Secret, SecretMissing, SecretPlace};
use super::srtp::Srtp;
use crate::core::{breaker, trunks};
use crate::units::{Number, NumberForm, Span, whole};

/// A trunk carries no more calls than there are UDP ports.
pub(super) const CHANNELS_MAX: u32 = 60_000;

/// Calls that may ever start together: more would come as a blow to any carrier.
const BURST_MAX: u32 = 1_000;

/// How long a timer may oversleep: what a fast trunk may start meanwhile starts together then,
/// or its rate could never be reached.
const TIMER_SLACK: Span = Span::millis(10);

/// One trunk.
#[derive(Clone, Debug, PartialEq)]
pub struct Trunk {
    /// The name campaigns use.
    pub name: String,
    /// Where requests go.
    pub host: Host,
    /// By what it is reached.
    pub link: Link,
    /// The host part of request and From addresses, when it is not `host`.
    pub domain: Option<String>,
    /// Who we say we are when challenged.
    pub auth: Option<Auth>,
    /// Calls it carries at once at most.
    pub channels: u32,
    /// Calls started per second at most.
    pub calls_per_second: f64,
    /// Calls that may start together before the rate binds, 1 to 1,000.
    pub burst: u32,
    /// How called numbers are written.
    pub number_format: NumberFormat,
    /// How our own number is shown.
    pub caller_id: CallerId,
    /// How often OPTIONS asks whether the trunk lives; `None` never asks.
    pub options_every: Option<Span>,
    /// What a 3xx answer does.
    pub redirect: Redirect,
    /// Whether its carrier hands callees over to others.
    pub refer: Refer,
    /// Whether INVITEs carry the call's id as `X-Cadran-Call`.
    pub call_header: bool,
    /// The operators whose mandates it holds: numbers of others do not leave by it.
    pub operators: Vec<String>,
    /// When it is left alone after faults of its own.
    pub rest: Option<breaker::Settings>,
    /// Whether its audio is protected.
    pub srtp: Srtp,
    /// The codecs it speaks, the preferred one first; the usual ones if empty.
    pub codecs: Vec<Codec>,
    /// What its carrier means by its responses, where that differs from the usual.
    pub responses: Vec<Response>,
    /// Which extensions of SIP it speaks.
    pub extensions: Extensions,
    /// What becomes of the calls it brings.
    pub incoming: Incoming,
}

/// A host with its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A name or an address.
    pub name: String,
    /// The port, if one is written: without it DNS may name another (RFC 3263 §4.2).
    pub port: Option<u16>,
}

/// A user name with its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// The user name.
    pub user: String,
    /// Where the password is kept.
    pub secret: SecretPlace,
}

impl Auth {
    /// Fetches the password.
    ///
    /// # Errors
    /// It is not where it should be; see [`SecretMissing`].
    pub fn password(&self) -> Result<Secret, SecretMissing> {
        self.secret.read()
    }
}

/// How a telephone number is written towards a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberFormat {
    /// The called number.
    pub to: NumberForm,
    /// The number shown.
    pub from: NumberForm,
}

/// How our own number is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerId {
    /// Which headers carry it.
    pub identity: Vec<Identity>,
    /// Whether From names the account instead, for carriers that know their customer by it.
    pub from_account: bool,
    /// Whether the callee sees it; hidden ones use Privacy (RFC 3323, RFC 3325).
    pub hidden: bool,
    /// What a hidden number asks for.
    pub privacy: Privacy,
    /// The number calls are said to be diverted from (RFC 5806).
    pub diversion: Option<Number>,
}

/// What a hidden number asks for (RFC 3323 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// `id`.
    Id,
    /// `user;id`.
    User,
    /// `header;user;id`.
    Full,
}

/// Which header vouches for our number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// From, which always does.
    From,
    /// P-Asserted-Identity too (RFC 3325 §9.1).
    Asserted,
    /// P-Preferred-Identity too (RFC 3325 §9.2).
    Preferred,
    /// Remote-Party-ID too (draft-ietf-sip-privacy-04).
    RemoteParty,
}

/// What a 3xx answer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// The attempt fails.
    Refuse,
    /// The new address is tried if it lies at the trunk's own host.
    SameHost,
}

/// Whether a carrier hands callees over to others by REFER (RFC 3515).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refer {
    /// Never: nothing is asked of it.
    Refuse,
    /// It does: agents may transfer calls.
    Transfer,
}

impl Trunk {
    /// Gives the trunk's limits as the core needs them.
    #[must_use]
    pub fn settings(&self) -> trunks::Settings {
        trunks::Settings {
            channels: self.channels,
            calls_per_second: self.calls_per_second,
            burst: self.burst,
            rest: self.rest,
        }
    }

    /// Gives the host part of its SIP addresses.
    #[must_use]
    pub fn domain(&self) -> String {
        match &self.domain {
            Some(domain) => domain.clone(),
            None => self.host.to_string(),
        }
    }

    /// Reads a `[[trunk]]` table over the profile it names, beside the trunks read before it.
    pub(super) fn read(
        reader: &Reader<'_>,
        fields: Fields<'_, '_>,
        others: &[Self],
    ) -> Option<Self> {
        let named = fields.get("profile");
        let profile = named.as_ref().and_then(Profile::of);
        let lost = named.is_some() && profile.is_none();
        let profile = profile.unwrap_or_default();
        let path = profile.path();
        let beneath = Reader::new(&path, &profile.text);
        let trunk = beneath.parse().and_then(|document| {
            let base = Fields::root(&beneath, &document);
            let card = Card::of(&base);
            let fields = fields.over(&base);
            let trunk = Self::of(&fields, card.responses);
            if others.iter().any(|other| trunk.as_ref().is_some_and(|new| new.name == other.name)) {
                fields.error("name", "is the name of another trunk too", "rename one of them");
            }
            if lost {
                fields.forgive();
            }
            fields.finish();
            base.finish();
            trunk
        });
        reader.include(beneath.finish());
        trunk
    }

    fn of(fields: &Fields<'_, '_>, responses: Vec<Response>) -> Option<Self> {
        let link = Link::of(fields);
        let name = fields.must("name", "\"ovh-1\"").and_then(|value| value.name());
        let host =
            fields.must("host", "\"sip.carrier.example\"").and_then(|value| value.parse(host));
        let user = fields.get("user").and_then(|value| value.name());
        let secret = SecretPlace::of(fields, user.is_some());
        if secret.is_some() && user.is_none() {
            fields.error("user", "is missing", "a secret needs `user = \"…\"`");
        }
        let channels =
            fields.must("channels", "30").and_then(|value| value.whole(1..=CHANNELS_MAX));
        let rate = fields.must("calls_per_second", "\"2/s\"").and_then(|value| value.per_second());
        let number_format = NumberFormat {
            to: fields.or("to_format", NumberForm::Plus, |value| value.choice(&FORMS)),
            from: fields.or("from_format", NumberForm::Plus, |value| value.choice(&FORMS)),
        };
        // What may be left out stands first: every key is asked for before the first `?` gives up.
        Some(Self {
            domain: fields.get("domain").and_then(|value| value.name()),
            extensions: Extensions::of(fields, user.is_some()),
            caller_id: caller_id(fields, user.is_some()),
            incoming: Incoming::of(fields, &FORMS, number_format.from),
            auth: user.zip(secret).map(|(user, secret)| Auth { user, secret }),
            burst: fields
                .get("burst")
                .and_then(|value| value.whole(1..=BURST_MAX))
                .unwrap_or_else(|| least_burst(rate.unwrap_or_default())),
            number_format,
            options_every: options_every(fields),
            redirect: fields.or("redirect", Redirect::Refuse, |value| value.choice(&REDIRECT)),
            refer: fields.or("refer", Refer::Refuse, |value| value.choice(&REFER)),
            call_header: fields.or("call_header", false, |value| value.flag()),
            operators: operators(fields),
            rest: super::routes::rest(fields),
            srtp: Srtp::of(fields, link.is_secret()),
            codecs: Codec::list(fields),
            link,
            responses,
            name: name?,
            host: host?,
            channels: channels?,
            calls_per_second: rate?,
        })
    }
}

/// A trunk holds the mandates of so many operators at most: it is one carrier's.
const OPERATORS_MAX: usize = 20;

fn operators(fields: &Fields<'_, '_>) -> Vec<String> {
    let values = fields.get("operators").map(Value::one_or_more).unwrap_or_default();
    if let Some(value) = values.get(OPERATORS_MAX) {
        let hint = format!("name {OPERATORS_MAX} at most");
        value.error("is an operator too many", Some(hint));
    }
    values.iter().filter_map(Value::name).collect()
}

const FORMS: [(&str, NumberForm); 4] = [
    ("+e164", NumberForm::Plus),
    ("e164", NumberForm::Plain),
    ("00e164", NumberForm::DoubleZero),
    ("national-fr", NumberForm::NationalFr),
];

const IDENTITY: [(&str, Identity); 4] = [
    ("from", Identity::From),
    ("p-asserted-identity", Identity::Asserted),
    ("p-preferred-identity", Identity::Preferred),
    ("remote-party-id", Identity::RemoteParty),
];

const PRIVACY: [(&str, Privacy); 3] =
    [("id", Privacy::Id), ("user;id", Privacy::User), ("header;user;id", Privacy::Full)];

fn caller_id(fields: &Fields<'_, '_>, account: bool) -> CallerId {
    let identity = fields.get("identity").map(Value::one_or_more).unwrap_or_default();
    let identity: Vec<_> = identity.iter().filter_map(|value| value.choice(&IDENTITY)).collect();
    let from_account = fields.or("from_account", false, |value| value.flag());
    if from_account && !account {
        fields.error("user", "is missing", "with `from_account`, From names `user`: write it");
    }
    if from_account && identity.iter().all(|header| *header == Identity::From) {
        let hint = "From names the account then: write `identity = \"p-asserted-identity\"`, or \
                    what the carrier's sheet says";
        fields.error("identity", "carries the number shown in From alone", hint);
    }
    CallerId {
        identity,
        from_account,
        hidden: fields.or("hide_caller_id", false, |value| value.flag()),
        privacy: fields.or("privacy", Privacy::Id, |value| value.choice(&PRIVACY)),
        diversion: fields.get("diversion").and_then(|value| {
            value.parse(|text| {
                Number::new(text).map_err(|_| "is no number: write +33162000000".to_owned())
            })
        }),
    }
}

const REDIRECT: [(&str, Redirect); 2] =
    [("refuse", Redirect::Refuse), ("same-host", Redirect::SameHost)];

const REFER: [(&str, Refer); 2] = [("refuse", Refer::Refuse), ("transfer", Refer::Transfer)];

/// OPTIONS asks every 30 s unless told otherwise: a dead trunk is noticed within a minute.
const OPTIONS_EVERY: Span = Span::secs(30);

fn options_every(fields: &Fields<'_, '_>) -> Option<Span> {
    fields.or("options_every", Some(OPTIONS_EVERY), |value| {
        value.parse(|text| match text {
            "never" | "jamais" => Ok(None),
            text => match measure::span(text)? {
                every if every < Span::secs(5) => Err("is under 5s: carriers mind".to_owned()),
                every => Ok(Some(every)),
            },
        })
    })
}

/// Reads `name`, `name:port`, `address`, `address:port`, `[v6]:port`.
pub(super) fn host(text: &str) -> Result<Host, String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(Host { name: address.ip().to_string(), port: Some(address.port()) });
    }
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(Host { name: address.to_string(), port: None });
    }
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) => (name, port.parse().ok().filter(|port| *port > 0).map(Some)),
        None => (text, Some(None)),
    };
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    match port {
        Some(port) if !name.is_empty() && name.len() <= 253 && name.bytes().all(letter) => {
            Ok(Host { name: name.to_owned(), port })
        }
        Some(_) | None => Err("is no host: write sip.carrier.example or 192.0.2.1:5060".to_owned()),
    }
}

/// Gives the calls that may start together where the file does not say: those of
/// [`TIMER_SLACK`], at least one.
fn least_burst(calls_per_second: f64) -> u32 {
    let calls = whole(libm::ceil(calls_per_second * TIMER_SLACK.as_secs_f64()));
    u32::try_from(calls).unwrap_or(BURST_MAX).clamp(1, BURST_MAX)
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.name;
        match (name.contains(':'), self.port) {
            (true, Some(port)) => write!(f, "[{name}]:{port}"),
            (true, None) => write!(f, "[{name}]"),
            (false, Some(port)) => write!(f, "{name}:{port}"),
            (false, None) => write!(f, "{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_keep_the_port_that_is_written() {
        let port = |text| host(text).map(|host| host.port);
        assert_eq!(port("sip.example.net"), Ok(None));
        assert_eq!(port("127.0.0.10:5070"), Ok(Some(5_070)));
        assert_eq!(port("[::1]:5070"), Ok(Some(5_070)));
        for text in ["[::1]:5070", "[::1]", "192.0.2.1", "sip.example.net:5060"] {
            assert_eq!(host(text).map(|host| host.to_string()), Ok(text.to_owned()));
        }
        assert!(host("a b").is_err() && host("x:0").is_err() && host("").is_err());
    }

    #[test]
    fn a_fast_trunk_may_start_together_what_a_timer_oversleeps() {
        assert_eq!([0.5, 100.0, 101.0, 5_000.0, 1e9].map(least_burst), [1, 1, 2, 50, 1_000]);
    }

    #[test]
    fn from_names_the_account_only_beside_a_header_with_the_number_shown() {
        let read = |lines: &str| {
            let text = format!(
                "[[trunk]]\nname = \"t\"\nhost = \"c.test\"\nchannels = 1\n\
                 calls_per_second = \"1/s\"\nfrom_account = true\n{lines}"
            );
            let (config, problems) = crate::config::parse(std::path::Path::new("c.toml"), &text);
            let trunks = config.map(|config| config.trunks).unwrap_or_default();
            let set = trunks.first().is_some_and(|trunk| trunk.caller_id.from_account);
            (set, problems.iter().map(|problem| problem.key.clone()).collect::<Vec<_>>())
        };
        let account = "user = \"0033162000000\"\nsecret_env = \"X\"\n";
        let shown = "identity = \"p-preferred-identity\"\n";
        assert_eq!(read(&format!("{account}{shown}")), (true, Vec::new()));
        assert_eq!(read(shown).1, ["trunk[1].user"]);
        assert_eq!(read(account).1, ["trunk[1].identity"], "the number shown stands nowhere");
    }
}
