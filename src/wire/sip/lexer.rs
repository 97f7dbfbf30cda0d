//! Frames a datagram into a SIP message of slices: nothing is copied, nothing is trusted.

/// The longest message taken: a UDP datagram cannot be longer.
pub(super) const MESSAGE_MAX: usize = 65_535;
/// The most header lines taken; honest messages have fewer than 40.
const HEADERS_MAX: usize = 128;

/// What a datagram turned out to be.
#[derive(Debug)]
pub(super) enum Frame<'a> {
    /// Line ends only (RFC 5626 §3.5.1).
    KeepAlive,
    /// No SIP message, or a response that breaks the rules of framing.
    Garbage,
    /// A message; a request may carry a [`Fault`].
    Message(Message<'a>),
}

/// A framed message.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) start: Start<'a>,
    pub(super) body: &'a [u8],
    /// Why a request has to be refused; responses with a fault are [`Frame::Garbage`].
    pub(super) fault: Option<Fault>,
    headers: Vec<(Name, &'a [u8])>,
}

/// A start line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start<'a> {
    Request { method: &'a [u8], uri: &'a [u8] },
    Response { status: u16, reason: &'a [u8] },
}

/// A status and its reason phrase for a request that cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) status: u16,
    pub(super) reason: &'static str,
}

impl Fault {
    pub(super) const fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason }
    }
}

/// The header fields this stack reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Accept,
    Allow,
    AssertedIdentity,
    Authorization,
    CallId,
    Contact,
    ContentEncoding,
    ContentLength,
    ContentType,
    CSeq,
    EarlyMedia,
    Event,
    Expires,
    From,
    Identity,
    MaxForwards,
    MinExpires,
    MinSe,
    Path,
    Privacy,
    ProxyAuthenticate,
    ProxyRequire,
    RAck,
    Reason,
    RecordRoute,
    ReferTo,
    Require,
    RetryAfter,
    RSeq,
    ServiceRoute,
    SessionExpires,
    SubscriptionState,
    Supported,
    To,
    Via,
    WwwAuthenticate,
    Other,
}

impl Name {
    /// Reads a field's name: the long one or its compact form (RFC 3261 §7.3.3).
    fn of(text: &[u8]) -> Self {
        if let [letter] = text {
            return Self::of_letter(letter.to_ascii_lowercase());
        }
        // By their length first: most names are then told by one comparison.
        let known: &[(&str, Self)] = match text.len() {
            2 => &[("To", Self::To)],
            3 => &[("Via", Self::Via)],
            4 => &[
                ("From", Self::From),
                ("CSeq", Self::CSeq),
                ("RSeq", Self::RSeq),
                ("RAck", Self::RAck),
                ("Path", Self::Path),
            ],
            5 => &[("Allow", Self::Allow), ("Event", Self::Event)],
            6 => &[("Accept", Self::Accept), ("Reason", Self::Reason), ("Min-SE", Self::MinSe)],
            7 => &[
                ("Call-ID", Self::CallId),
                ("Contact", Self::Contact),
                ("Require", Self::Require),
                ("Expires", Self::Expires),
                ("Privacy", Self::Privacy),
            ],
            8 => &[("Identity", Self::Identity), ("Refer-To", Self::ReferTo)],
            9 => &[("Supported", Self::Supported)],
            11 => &[("Retry-After", Self::RetryAfter), ("Min-Expires", Self::MinExpires)],
            12 => &[
                ("Max-Forwards", Self::MaxForwards),
                ("Record-Route", Self::RecordRoute),
                ("Content-Type", Self::ContentType),
            ],
            13 => &[
                ("Authorization", Self::Authorization),
                ("Proxy-Require", Self::ProxyRequire),
                ("Service-Route", Self::ServiceRoute),
                ("P-Early-Media", Self::EarlyMedia),
            ],
            14 => &[("Content-Length", Self::ContentLength)],
            15 => &[("Session-Expires", Self::SessionExpires)],
            16 => &[
                ("Content-Encoding", Self::ContentEncoding),
                ("WWW-Authenticate", Self::WwwAuthenticate),
            ],
            18 => &[
                ("Proxy-Authenticate", Self::ProxyAuthenticate),
                ("Subscription-State", Self::SubscriptionState),
            ],
            19 => &[("P-Asserted-Identity", Self::AssertedIdentity)],
            _ => &[],
        };
        let found = known.iter().find(|(name, _)| text.eq_ignore_ascii_case(name.as_bytes()));
        found.map_or(Self::Other, |(_, name)| *name)
    }

    fn of_letter(letter: u8) -> Self {
        match letter {
            b'c' => Self::ContentType,
            b'e' => Self::ContentEncoding,
            b'f' => Self::From,
            b'i' => Self::CallId,
            b'k' => Self::Supported,
            b'l' => Self::ContentLength,
            b'm' => Self::Contact,
            b'o' => Self::Event,
            b'r' => Self::ReferTo,
            b't' => Self::To,
            b'v' => Self::Via,
            b'x' => Self::SessionExpires,
            b'y' => Self::Identity,
            _ => Self::Other,
        }
    }

    /// Tells whether the field may stand once only (RFC 3261 §7.3.1: no list in its grammar).
    fn is_single(self) -> bool {
        matches!(
            self,
            Self::CallId
                | Self::ContentLength
                | Self::ContentType
                | Self::CSeq
                | Self::From
                | Self::MaxForwards
                | Self::To
        )
    }
}

impl<'a> Message<'a> {
    /// Gives the value of the first field of a name.
    pub(super) fn first(&self, name: Name) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// Gives the value of every field of a name.
    pub(super) fn all(&self, name: Name) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(found, _)| *found == name).map(|(_, value)| *value)
    }

    /// Gives every element of the comma-separated lists in the fields of a name.
    pub(super) fn list(&self, name: Name) -> impl Iterator<Item = &'a [u8]> {
        self.all(name).flat_map(|value| Split::new(value, b',')).map(trim)
    }
}

/// Frames a datagram.
pub(super) fn frame(datagram: &[u8]) -> Frame<'_> {
    if datagram.len() > MESSAGE_MAX {
        return Frame::Garbage;
    }
    let Some(begin) = datagram.iter().position(|byte| !matches!(byte, b'\r' | b'\n')) else {
        return Frame::KeepAlive;
    };
    message(datagram.get(begin..).unwrap_or_default()).map_or(Frame::Garbage, Frame::Message)
}

fn message(bytes: &[u8]) -> Option<Message<'_>> {
    let (line, mut rest) = first_line(bytes)?;
    let (start, mut fault) = start_line(line)?;
    let mut headers = Vec::with_capacity(24);
    let mut closed = false;
    while let Some((field, after)) = first_line(rest) {
        if field.is_empty() {
            closed = true;
            rest = after;
            break;
        }
        let (name, value, after) = header(rest);
        rest = after;
        if let Some(name) = name {
            if headers.len() == HEADERS_MAX {
                return None;
            }
            headers.push((name, value));
        }
    }
    let mut message = Message { start, headers, body: rest, fault: None };
    if !closed {
        message.body = &[];
        fault = fault.or(Some(Fault::new(400, "Headers Cut Off")));
    }
    fault = fault.or_else(|| doubled(&message)).or_else(|| cut_body(&mut message));
    if fault.is_some() && matches!(start, Start::Response { .. }) {
        return None;
    }
    message.fault = fault;
    Some(message)
}

/// Splits off the first line, without its line end; a bare LF ends a line too.
fn first_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at(end);
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest.get(1..).unwrap_or_default()))
}

/// Reads one header field with its folded lines; a line that is none gives no name.
fn header(bytes: &[u8]) -> (Option<Name>, &[u8], &[u8]) {
    let mut length = 0;
    loop {
        let rest = bytes.get(length..).unwrap_or_default();
        length += rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |end| end + 1);
        if !matches!(bytes.get(length), Some(b' ' | b'\t')) {
            break;
        }
    }
    let (field, rest) = bytes.split_at(length);
    let Some(colon) = field.iter().position(|byte| *byte == b':') else {
        return (None, &[], rest);
    };
    let (name, value) = field.split_at(colon);
    let name = trim(name);
    if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
        return (None, &[], rest);
    }
    (Some(Name::of(name)), trim(value.get(1..).unwrap_or_default()), rest)
}

fn start_line(line: &[u8]) -> Option<(Start<'_>, Option<Fault>)> {
    if let Some(rest) = strip_ignore_case(line, b"SIP/2.0 ") {
        let status = number(rest.get(..3)?)?;
        let reason = match rest.get(3) {
            None => &[][..],
            Some(b' ') => rest.get(4..)?,
            Some(_) => return None,
        };
        let status = u16::try_from(status).ok().filter(|code| (100..700).contains(code))?;
        return Some((Start::Response { status, reason }, None));
    }
    let space = line.iter().position(|byte| *byte == b' ')?;
    let (method, rest) = line.split_at(space);
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
        return None;
    }
    let rest = rest.get(1..)?;
    let Some(split) = rest.iter().rposition(|byte| *byte == b' ') else {
        let fault = Fault::new(400, "No SIP Version");
        return Some((Start::Request { method, uri: rest }, Some(fault)));
    };
    let (uri, version) = rest.split_at(split);
    let version = version.get(1..)?;
    let odd = |byte: &u8| matches!(byte, b'<' | b'>' | b'"') || byte.is_ascii_whitespace();
    let fault = if strip_ignore_case(version, b"SIP/").is_none() {
        Some(Fault::new(400, "Bad Request Line"))
    } else if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        Some(Fault::new(505, "Version Not Supported"))
    } else if uri.is_empty() || uri.iter().any(odd) {
        Some(Fault::new(400, "Bad Request-URI"))
    } else {
        None
    };
    Some((Start::Request { method, uri }, fault))
}

fn doubled(message: &Message<'_>) -> Option<Fault> {
    let mut headers = message.headers.iter().enumerate();
    let again = headers.find(|(place, (name, value))| {
        let earlier = message.headers.iter().take(*place);
        // A Content-Length said twice alike does no harm, and happens.
        name.is_single()
            && earlier.clone().any(|(other, held)| {
                other == name && (*name != Name::ContentLength || held != value)
            })
    });
    again.map(|_| Fault::new(400, "Header Field Twice"))
}

/// Cuts the body to Content-Length (RFC 3261 §18.3); absent, it goes to the datagram's end.
fn cut_body(message: &mut Message<'_>) -> Option<Fault> {
    let text = message.first(Name::ContentLength)?;
    let length = number(text).and_then(|length| usize::try_from(length).ok());
    match length.and_then(|length| message.body.get(..length)) {
        Some(body) => {
            message.body = body;
            None
        }
        None => Some(Fault::new(400, "Bad Content-Length")),
    }
}

/// Reads how long the body behind whole headers is; `None` if they do not say it once and clearly.
pub(super) fn content_length(head: &[u8]) -> Option<usize> {
    let (_, mut rest) = first_line(head)?;
    let mut found = None;
    while first_line(rest).is_some_and(|(field, _)| !field.is_empty()) {
        let (name, value, after) = header(rest);
        rest = after;
        if name == Some(Name::ContentLength) {
            let length = usize::try_from(number(value)?).ok()?;
            if found.replace(length).is_some_and(|earlier| earlier != length) {
                return None;
            }
        }
    }
    found
}

/// Splits a field value at a separator that stands outside quotes and angle brackets.
#[derive(Clone, Debug)]
pub(super) struct Split<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Split<'a> {
    pub(super) fn new(value: &'a [u8], separator: u8) -> Self {
        Self { rest: Some(value), separator }
    }
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let Some(end) = position_outside(rest, self.separator) else {
            self.rest = None;
            return Some(rest);
        };
        let (element, after) = rest.split_at(end);
        self.rest = after.get(1..);
        Some(element)
    }
}

/// Finds a byte outside quoted strings and angle brackets.
pub(super) fn position_outside(value: &[u8], wanted: u8) -> Option<usize> {
    let (mut quoted, mut angled, mut escaped) = (false, false, false);
    value.iter().position(|&byte| {
        if escaped {
            escaped = false;
            return false;
        }
        match byte {
            b'\\' if quoted => escaped = true,
            b'"' if !angled => quoted = !quoted,
            _ if quoted => {}
            _ if byte == wanted && !angled => return true,
            b'<' => angled = true,
            b'>' => angled = false,
            _ => {}
        }
        false
    })
}

/// Cuts white space, line ends of folded lines included, off both ends.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

/// Reads a number of decimal digits and nothing else.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// Tells whether a byte may stand in a token (RFC 3261 §25.1).
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// Strips a prefix whatever its case.
pub(super) fn strip_ignore_case<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}
