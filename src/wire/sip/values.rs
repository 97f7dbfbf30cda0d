//! Values read out of a message's slices; `rsip` tells addresses from names.

use std::net::{IpAddr, SocketAddr};

use super::event::{Hop, Sdp, Transport};
use super::lexer::{
    Fault, Message, Name, Split, Start, is_token, number, position_outside, strip_ignore_case, trim,
};

/// What this stack does with a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Register,
    Info,
    Update,
    Prack,
    Refer,
    Notify,
    /// Known to RFCs, not allowed here: answered 405.
    NotAllowed,
    /// Unknown: answered 501 outside dialogs, 405 inside.
    Unknown,
}

impl Method {
    /// Reads a method's name; case counts (RFC 3261 §7.1).
    pub(super) fn of(name: &[u8]) -> Self {
        match name {
            b"INVITE" => Self::Invite,
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"OPTIONS" => Self::Options,
            b"REGISTER" => Self::Register,
            b"INFO" => Self::Info,
            b"UPDATE" => Self::Update,
            b"PRACK" => Self::Prack,
            b"REFER" => Self::Refer,
            b"NOTIFY" => Self::Notify,
            b"MESSAGE" | b"SUBSCRIBE" | b"PUBLISH" => Self::NotAllowed,
            _ => Self::Unknown,
        }
    }

    /// Gives the name, for the methods we send.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Options => "OPTIONS",
            Self::Register => "REGISTER",
            Self::Info => "INFO",
            Self::Update => "UPDATE",
            Self::Prack => "PRACK",
            Self::Refer => "REFER",
            Self::Notify => "NOTIFY",
            Self::NotAllowed | Self::Unknown => "UNKNOWN",
        }
    }
}

/// A name-addr or addr-spec with its header parameters (RFC 3261 §20.10).
#[derive(Clone, Copy, Debug)]
pub(super) struct Address<'a> {
    pub(super) uri: &'a [u8],
    params: &'a [u8],
}

impl<'a> Address<'a> {
    /// Reads From, To, Contact, Route or Record-Route; `None` if it is none.
    pub(super) fn read(value: &'a [u8]) -> Option<Self> {
        let value = trim(value);
        let (uri, params) = if let Some(open) = position_outside(value, b'<') {
            let inside = value.get(open + 1..)?;
            let close = inside.iter().position(|byte| *byte == b'>')?;
            let (uri, after) = inside.split_at(close);
            (trim(uri), trim(after.get(1..)?))
        } else {
            let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
            let (uri, params) = value.split_at(end);
            (trim(uri), params)
        };
        let bare = params.is_empty() || params.starts_with(b";");
        // Outside angle brackets a URI may hold neither comma nor question mark (§20.10).
        let odd = |byte: &u8| byte.is_ascii_whitespace() || b"\"<>".contains(byte);
        let angled = value.contains(&b'<');
        let unclear = |byte: &u8| !angled && b"?,".contains(byte);
        let fits = !uri.is_empty() && bare && !uri.iter().any(|b| odd(b) || unclear(b));
        fits.then_some(Self { uri, params })
    }

    /// Gives a header parameter's value: empty if it stands without one.
    pub(super) fn param(&self, name: &str) -> Option<&'a [u8]> {
        param(self.params, name)
    }

    /// Gives the tag, if there is one and it is not empty.
    pub(super) fn tag(&self) -> Option<&'a [u8]> {
        self.param("tag").filter(|tag| !tag.is_empty())
    }
}

/// Gives a parameter's value out of `;name=value` text: empty if it stands without one.
pub(super) fn param<'a>(params: &'a [u8], name: &str) -> Option<&'a [u8]> {
    Split::new(params, b';').find_map(|part| {
        let end = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
        let (key, value) = part.split_at(end);
        trim(key)
            .eq_ignore_ascii_case(name.as_bytes())
            .then(|| trim(value.get(1..).unwrap_or_default()))
    })
}

/// A topmost Via.
#[derive(Clone, Copy, Debug)]
pub(super) struct Via<'a> {
    pub(super) host: &'a [u8],
    pub(super) port: Option<u16>,
    pub(super) params: &'a [u8],
}

impl<'a> Via<'a> {
    /// Reads one Via element (RFC 3261 §20.42), white space anywhere.
    pub(super) fn read(element: &'a [u8]) -> Option<Self> {
        let rest = trim(strip_ignore_case(trim(element), b"SIP")?);
        let rest = trim(rest.strip_prefix(b"/")?);
        let rest = trim(rest.strip_prefix(b"2.0")?);
        let rest = trim(rest.strip_prefix(b"/")?);
        let end = rest.iter().position(u8::is_ascii_whitespace)?;
        let (transport, rest) = rest.split_at(end);
        let end = rest.iter().position(|byte| *byte == b';').unwrap_or(rest.len());
        let (sent_by, params) = rest.split_at(end);
        let (host, port) = host_port(trim(sent_by))?;
        let filled = Split::new(params, b';').skip(1).all(|part| !trim(part).is_empty());
        let fits = !transport.is_empty() && transport.iter().all(|byte| is_token(*byte)) && filled;
        fits.then_some(Self { host, port, params })
    }

    pub(super) fn branch(&self) -> Option<&'a [u8]> {
        param(self.params, "branch").filter(|branch| !branch.is_empty())
    }

    /// Where the response goes (RFC 3261 §18.2.2, RFC 3581 §4): back on the connection the
    /// request came by; `maddr` is ignored, as nobody
    /// may turn our answers to a third address.
    pub(super) fn answer_to(&self, source: Hop) -> Hop {
        if source.transport.is_reliable() || param(self.params, "rport").is_some() {
            source
        } else {
            let port = self.port.unwrap_or_else(|| source.transport.port());
            Hop { address: SocketAddr::new(source.ip(), port), ..source }
        }
    }
}

fn host_port(sent_by: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let bracket = sent_by.iter().rposition(|byte| *byte == b']').unwrap_or(0);
    let colon = sent_by.iter().rposition(|byte| *byte == b':').filter(|at| *at > bracket);
    let (host, port) = sent_by.split_at(colon.unwrap_or(sent_by.len()));
    let host = trim(host);
    let port = match trim(port.get(1..).unwrap_or_default()) {
        b"" => None,
        digits => Some(u16::try_from(number(digits)?).ok()?),
    };
    let fits = !host.is_empty() && !host.iter().any(u8::is_ascii_whitespace);
    fits.then_some((host, port))
}

/// The highest CSeq (RFC 3261 §8.1.1.5).
pub(super) const CSEQ_MAX: u32 = (1 << 31) - 1;

/// Reads a CSeq: its number below 2^31 (RFC 3261 §8.1.1.5) and its method's name.
pub(super) fn cseq(value: &[u8]) -> Option<(u32, &[u8])> {
    let end = value.iter().position(u8::is_ascii_whitespace)?;
    let (digits, method) = value.split_at(end);
    let number = u32::try_from(number(digits)?).ok().filter(|number| *number <= CSEQ_MAX)?;
    Some((number, trim(method)))
}

/// A request whose mandatory fields were read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) message: &'a Message<'a>,
    pub(super) source: Hop,
    pub(super) method: Method,
    pub(super) uri: &'a [u8],
    pub(super) via: Via<'a>,
    pub(super) from: Address<'a>,
    pub(super) to: Address<'a>,
    pub(super) call_id: &'a [u8],
    pub(super) cseq: u32,
}

impl<'a> Request<'a> {
    /// Reads the fields every request must have (RFC 3261 §8.1.1, §8.2.2).
    pub(super) fn read(message: &'a Message<'a>, source: Hop) -> Result<Self, Fault> {
        let Start::Request { method: name, uri } = message.start else {
            return Err(Fault::new(400, "Not A Request"));
        };
        if let Some(fault) = message.fault {
            return Err(fault);
        }
        let bad = |reason| Fault::new(400, reason);
        let mut vias = message.list(Name::Via).map(Via::read);
        let via = vias.next().flatten().ok_or_else(|| bad("Bad Via"))?;
        if vias.any(|via| via.is_none()) {
            return Err(bad("Bad Via"));
        }
        let address = |name| message.first(name).and_then(Address::read);
        let from = address(Name::From).ok_or_else(|| bad("Bad Or Missing From"))?;
        let to = address(Name::To).ok_or_else(|| bad("Bad Or Missing To"))?;
        let call_id = message.first(Name::CallId).filter(|id| !id.is_empty());
        let call_id = call_id.ok_or_else(|| bad("Missing Call-ID"))?;
        let cseq = message.first(Name::CSeq).and_then(cseq);
        let (cseq, cseq_method) = cseq.ok_or_else(|| bad("Bad Or Missing CSeq"))?;
        let method = Method::of(name);
        if cseq_method != name {
            return Err(bad("CSeq Method Mismatch"));
        }
        if !is_sip(uri) {
            return Err(Fault::new(416, "Unsupported URI Scheme"));
        }
        // Header fields in a URI belong into contacts and links, not here (§19.1.1).
        if request_uri(uri) != uri {
            return Err(bad("Headers In Request-URI"));
        }
        Ok(Self { message, source, method, uri, via, from, to, call_id, cseq })
    }

    /// Gives the body if it is a session description.
    pub(super) fn sdp(&self) -> Option<Sdp> {
        sdp(self.message)
    }
}

/// Gives a message's body if it is a session description.
pub(super) fn sdp(message: &Message<'_>) -> Option<Sdp> {
    let of_type = content_type_is(message, b"application/sdp");
    (of_type && !message.body.is_empty()).then(|| message.body.to_vec())
}

/// Tells whether a list of option tags or methods holds one (RFC 3261 §19.2).
pub(super) fn has_tag(message: &Message<'_>, list: Name, tag: &str) -> bool {
    message.list(list).any(|held| held.eq_ignore_ascii_case(tag.as_bytes()))
}

/// Tells whether Content-Type names this type, parameters aside.
pub(super) fn content_type_is(message: &Message<'_>, wanted: &[u8]) -> bool {
    message
        .first(Name::ContentType)
        .and_then(|value| Split::new(value, b';').next())
        .is_some_and(|value| trim(value).eq_ignore_ascii_case(wanted))
}

/// Tells whether a URI is `sip:` or `sips:`.
pub(super) fn is_sip(uri: &[u8]) -> bool {
    after_scheme(uri).is_some()
}

fn after_scheme(uri: &[u8]) -> Option<&[u8]> {
    strip_ignore_case(uri, b"sip:").or_else(|| strip_ignore_case(uri, b"sips:"))
}

/// Gives a URI as it may stand in a request line: without the header fields it may have elsewhere,
/// behind the first question mark after the user part (RFC 3261 §19.1.1).
pub(super) fn request_uri(uri: &[u8]) -> &[u8] {
    let host = uri.iter().rposition(|byte| *byte == b'@').unwrap_or(0);
    let fields = uri.iter().skip(host).position(|byte| *byte == b'?');
    fields.and_then(|fields| uri.get(..host + fields)).unwrap_or(uri)
}

/// Gives what stands behind the user part of a SIP URI, up to its header fields, and the host and
/// the port it begins with (RFC 3261 §25.1); `None` if it is none or not text. `rsip` reads neither
/// brackets nor a user part with a dot.
fn uri_host_port(uri: &[u8]) -> Option<(&[u8], rsip::Host, Option<u16>)> {
    let rest = request_uri(after_scheme(uri)?).rsplit(|byte| *byte == b'@').next()?;
    let (host, port) = host_port(Split::new(rest, b';').next()?)?;
    let host = core::str::from_utf8(without_brackets(host)).ok()?;
    Some((rest, host.into(), port))
}

/// Gives the hop a URI names by digits; `None` for a host name. Who names no transport is reached
/// by the one he was reached by before, `home`, or else over UDP (RFC 3263 §4.1).
pub(super) fn uri_hop(text: &[u8], home: Hop) -> Option<Hop> {
    let (rest, rsip::Host::IpAddr(ip), port) = uri_host_port(text)? else {
        return None;
    };
    let named = param(rest, "transport");
    let transport = match named.map(<[u8]>::to_ascii_lowercase).as_deref() {
        _ if strip_ignore_case(text, b"sips:").is_some() => Transport::Tls,
        Some(b"tls") => Transport::Tls,
        Some(b"tcp") => Transport::Tcp,
        None if ip == home.ip() => home.transport,
        Some(_) | None => Transport::Udp,
    };
    let trunk = home.trunk.filter(|_| transport == Transport::Tls);
    let address = SocketAddr::new(ip, port.unwrap_or_else(|| transport.port()));
    Some(Hop { transport, address, trunk })
}

/// Gives the user part of a SIP URI, without parameters; empty if there is none.
pub(super) fn uri_user(uri: &[u8]) -> String {
    let after = uri.iter().position(|byte| *byte == b':').map_or(0, |colon| colon + 1);
    let rest = uri.get(after..).unwrap_or_default();
    let user = rest.iter().position(|byte| *byte == b'@').and_then(|end| rest.get(..end));
    // The number of a tel URI stands alone (RFC 3966 §3).
    let tel = uri.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"tel:"));
    let user = user.or_else(|| tel.then_some(rest));
    let user = user.and_then(|user| user.split(|b| matches!(b, b':' | b';')).next());
    // A plus sign may come escaped.
    String::from_utf8_lossy(user.unwrap_or_default()).replace("%2B", "+").replace("%2b", "+")
}

/// Gives the host of a SIP URI as text: an address or a name.
pub(super) fn uri_host(text: &[u8]) -> Option<String> {
    uri_host_port(text).map(|(_, host, _)| host.to_string())
}

/// Tells whether a Via host is the address the datagram came from (RFC 3261 §18.2.1).
pub(super) fn is_address(host: &[u8], source: IpAddr) -> bool {
    core::str::from_utf8(without_brackets(host)).ok().and_then(|host| host.parse::<IpAddr>().ok())
        == Some(source)
}

/// Gives a host without the brackets of an IPv6 address.
fn without_brackets(host: &[u8]) -> &[u8] {
    host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host)
}

/// Gives a text of a peer for people's eyes: unfolded, without controls, at most 128 characters.
pub(super) fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(trim(text)).chars().filter(|c| !c.is_control()).take(128).collect()
}
