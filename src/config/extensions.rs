//! What a trunk may use of SIP beyond plain calls.

use super::reader::Fields;
use super::trunk::{Host, host};
use crate::units::Span;

/// The shortest session interval (RFC 4028 §5).
const SESSION_LEAST: Span = Span::secs(90);
/// The longest session interval: a day, longer than any call.
const SESSION_MOST: Span = Span::secs(86_400);
/// What RFC 4028 §4 recommends.
const SESSION_USUAL: Span = Span::secs(1_800);

/// The binding asked for unless told otherwise: an hour, as RFC 3261 §10.2.1.1 supposes.
const REGISTER_USUAL: Span = Span::secs(3_600);
/// The shortest binding asked for: below it refreshes are a load, and carriers answer 423.
const REGISTER_LEAST: Span = Span::secs(60);

/// Further headers of one INVITE: more would push it over a datagram's usual 1,300 bytes
/// (RFC 3261 §18.1.1).
const HEADERS_MAX: usize = 16;
/// The longest value of a further header, for the same reason.
const VALUE_MAX: usize = 128;

/// The protocol's extensions on one trunk.
#[derive(Clone, Debug, PartialEq)]
pub struct Extensions {
    /// When calls have a session timer.
    pub timer: SessionTimer,
    /// The interval asked for, 90 s to 1 day.
    pub interval: Span,
    /// The shortest interval taken, 90 s to `interval`.
    pub least: Span,
    /// Who is to refresh.
    pub refresher: Refresher,
    /// Whether provisional answers come reliably.
    pub reliable: Reliable,
    /// Whether sound before the answer is heard.
    pub early_media: EarlyMedia,
    /// Further headers of each INVITE, name and value; at most 16.
    pub headers: Vec<(String, String)>,
    /// Where the account registers, if it does.
    pub register: Option<Register>,
}

/// Where and for how long a trunk's account registers (RFC 3261 §10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// The registrar, where it is not the trunk's host.
    pub registrar: Option<Host>,
    /// How long a binding is asked for, 60 s to 1 day.
    pub expires: Span,
}

/// When calls have a session timer (RFC 4028).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionTimer {
    /// Never.
    Refuse,
    /// When the carrier asks.
    Accept,
    /// Always asked for.
    Ask,
}

/// Who refreshes the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// Whoever the carrier chooses.
    Any,
    /// We.
    Us,
    /// The carrier.
    Them,
}

/// Whether sound before the answer is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlyMedia {
    /// Always.
    Play,
    /// Never.
    Ignore,
    /// Once the network vouches for it (P-Early-Media, RFC 5009).
    Authorised,
}

/// Whether provisional answers come reliably (RFC 3262).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reliable {
    /// Not offered.
    Off,
    /// The carrier chooses.
    Supported,
    /// Demanded.
    Required,
}

const TIMERS: [(&str, SessionTimer); 3] = [
    ("refuse", SessionTimer::Refuse),
    ("accept", SessionTimer::Accept),
    ("ask", SessionTimer::Ask),
];

const REFRESHERS: [(&str, Refresher); 3] =
    [("any", Refresher::Any), ("us", Refresher::Us), ("them", Refresher::Them)];

const EARLY_MEDIA: [(&str, EarlyMedia); 3] = [
    ("play", EarlyMedia::Play),
    ("ignore", EarlyMedia::Ignore),
    ("authorised", EarlyMedia::Authorised),
];

const RELIABLE: [(&str, Reliable); 3] =
    [("off", Reliable::Off), ("supported", Reliable::Supported), ("required", Reliable::Required)];

impl Extensions {
    /// Reads the keys of a `[[trunk]]` table.
    pub(super) fn of(fields: &Fields<'_, '_>, account: bool) -> Self {
        let interval = fields.or("session_interval", SESSION_USUAL, |value| {
            value.span_in(SESSION_LEAST..=SESSION_MOST)
        });
        Self {
            timer: fields.or("session_timer", SessionTimer::Accept, |value| value.choice(&TIMERS)),
            interval,
            least: fields.or("session_least", SESSION_LEAST, |value| {
                value.span_in(SESSION_LEAST..=interval)
            }),
            refresher: fields
                .or("session_refresher", Refresher::Any, |value| value.choice(&REFRESHERS)),
            reliable: fields.or("reliable", Reliable::Supported, |value| value.choice(&RELIABLE)),
            early_media: fields
                .or("early_media", EarlyMedia::Play, |value| value.choice(&EARLY_MEDIA)),
            headers: headers(fields),
            register: register(fields, account),
        }
    }
}

fn register(fields: &Fields<'_, '_>, account: bool) -> Option<Register> {
    let wanted = fields.or("register", false, |value| value.flag());
    if wanted && !account {
        fields.error("user", "is missing", "to register, a trunk needs `user` and a secret");
    }
    let registrar = fields.get("registrar").and_then(|value| value.parse(host));
    let expires = fields.or("register_expires", REGISTER_USUAL, |value| {
        value.span_in(REGISTER_LEAST..=SESSION_MOST)
    });
    wanted.then_some(Register { registrar, expires })
}

/// Reads `[trunk.headers]`: names that begin with `X-`, since every other is the protocol's own.
fn headers(fields: &Fields<'_, '_>) -> Vec<(String, String)> {
    let Some(table) = fields.table("headers") else { return Vec::new() };
    let mut headers = Vec::new();
    for (name, value) in table.entries() {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let own = name.strip_prefix("X-").is_some_and(|rest| !rest.is_empty());
        if !own || !name.bytes().all(letter) {
            value.error("is no header of yours: its name must begin with X-", None);
            continue;
        }
        let text = value.parse(|text| match text.len() {
            0..=VALUE_MAX if !text.contains(char::is_control) => Ok(text.to_owned()),
            0..=VALUE_MAX => Err("holds a line's end or another control character".to_owned()),
            _ => Err(format!("is longer than {VALUE_MAX} bytes")),
        });
        headers.extend(text.map(|text| (name, text)));
    }
    if headers.len() > HEADERS_MAX {
        fields.error("headers", "are too many", "16 at most: each makes the INVITE longer");
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::super::reader::Reader;
    use super::*;

    fn read(text: &str) -> (Option<Extensions>, usize) {
        let reader = Reader::new(std::path::Path::new("cadran.toml"), text);
        let document = reader.parse();
        let extensions = document.as_ref().map(|document| {
            let fields = Fields::root(&reader, document);
            Extensions::of(&fields, true)
        });
        (extensions, reader.finish().len())
    }

    #[test]
    fn a_trunk_that_says_nothing_heeds_the_carrier() {
        let (Some(usual), 0) = read("") else { panic!("nothing is wrong with nothing") };
        assert_eq!((usual.timer, usual.reliable), (SessionTimer::Accept, Reliable::Supported));
        assert_eq!((usual.interval, usual.least), (Span::secs(1_800), Span::secs(90)));
        assert_eq!((usual.early_media, usual.register), (EarlyMedia::Play, None));
    }

    #[test]
    fn every_extension_can_be_set() {
        let text = "session_timer = \"ask\"\nsession_interval = \"10m\"\nreliable = \"required\"\n\
            session_refresher = \"us\"\nearly_media = \"authorised\"\nregister = true\n\
            registrar = \"reg.example:5070\"\nregister_expires = \"30m\"\n\
            [headers]\nX-Account = \"42\"\n";
        let (Some(set), 0) = read(text) else { panic!("{text}") };
        assert_eq!((set.timer, set.interval), (SessionTimer::Ask, Span::secs(600)));
        assert_eq!((set.refresher, set.reliable), (Refresher::Us, Reliable::Required));
        assert_eq!(set.headers, [("X-Account".to_owned(), "42".to_owned())]);
        let register = set.register.map(|register| (register.registrar, register.expires));
        let registrar = Host { name: "reg.example".to_owned(), port: Some(5_070) };
        assert_eq!(register, Some((Some(registrar), Span::secs(1_800))));
    }

    #[test]
    fn what_no_carrier_takes_is_refused_where_it_stands() {
        for wrong in [
            "session_interval = \"60s\"",
            "session_interval = \"10m\"\nsession_least = \"11m\"",
            "session_timer = \"perhaps\"",
            "register_expires = \"1s\"",
            "[headers]\nVia = \"x\"",
            "[headers]\nX-A = \"a\\nb\"",
            "[headers]\n\"X-A: b\" = \"c\"",
        ] {
            assert_eq!(read(wrong).1, 1, "{wrong}");
        }
    }
}
