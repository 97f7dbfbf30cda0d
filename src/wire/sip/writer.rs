//! Writes messages straight into byte buffers.

use std::net::IpAddr;

use super::client::COOKIE;
use super::event::Hop;
use super::lexer::{Message, Name, Split};
use super::net::Local;
use super::slab::Key;
use super::values::{Method, Request, Via, is_address, param};

/// The methods we take, as Allow lists them.
pub(super) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY";
/// The type of a session description.
pub(super) const SDP_TYPE: &str = "application/sdp";

/// A message being written.
#[derive(Debug)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    /// Writes text as it is.
    pub(super) fn text(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.0.extend_from_slice(text.as_ref());
        self
    }

    /// Writes a number in decimal digits.
    pub(super) fn number(&mut self, number: impl Into<u64>) -> &mut Self {
        let mut number = number.into();
        let mut digits = [b'0'; 20];
        let mut length = 0;
        for place in digits.iter_mut().rev() {
            let digit = u8::try_from(number % 10).expect("a remainder by ten fits");
            *place = b'0' + digit;
            number /= 10;
            length += 1;
            if number == 0 {
                break;
            }
        }
        let written = digits.len() - length;
        self.text(digits.get(written..).unwrap_or_default())
    }

    /// Writes a key in hexadecimal digits.
    pub(super) fn key(&mut self, key: Key) -> &mut Self {
        self.hex(key.place.into(), 1).text("-").hex(key.secret, 16)
    }

    /// Writes a number in at least so many hexadecimal digits.
    pub(super) fn hex(&mut self, number: u64, digits: u32) -> &mut Self {
        let length = digits.max((u64::BITS - number.leading_zeros()).div_ceil(4));
        for place in (0..length).rev() {
            let digit = usize::try_from(number >> (4 * place) & 0xF).unwrap_or_default();
            self.0.extend(b"0123456789abcdef".get(digit));
        }
        self
    }

    /// Begins a request of ours: its first line, Via and Max-Forwards.
    pub(super) fn request_head(
        &mut self,
        method: Method,
        uri: &[u8],
        via: &str,
        key: Key,
    ) -> &mut Self {
        self.text(method.name()).text(" ").text(uri).text(" SIP/2.0\r\nVia: SIP/2.0/");
        self.text(via).text(";branch=").text(COOKIE).key(key);
        self.text(";rport\r\nMax-Forwards: 70\r\n")
    }

    /// Writes a peer's text with the line ends of folded lines made blanks.
    pub(super) fn unfolded(&mut self, text: &[u8]) -> &mut Self {
        let flat = text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte });
        self.0.extend(flat);
        self
    }

    /// Writes a header line.
    pub(super) fn header(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Self {
        self.text(name).text(": ").text(value).text("\r\n")
    }

    /// Ends the headers and writes the body; an empty one has no type.
    pub(super) fn body(&mut self, kind: &str, body: &[u8]) -> &mut Self {
        if !body.is_empty() {
            self.header("Content-Type", kind);
        }
        self.text("Content-Length: ").number(body.len() as u64).text("\r\n\r\n").text(body)
    }

    /// Writes the fields a response copies from its request (RFC 3261 §8.2.6.2), with our tag
    /// in To unless it has one.
    pub(super) fn answer_head(&mut self, request: &Request<'_>, tag: &[u8]) -> &mut Self {
        self.copied(request.message, request.source);
        self.text("To: ").unfolded(request.message.first(Name::To).unwrap_or_default());
        if request.to.tag().is_none() {
            self.text(";tag=").text(tag);
        }
        self.text("\r\n")
    }

    /// Writes Via, Record-Route, From, Call-ID and CSeq of a request, as far as it has them.
    pub(super) fn copied(&mut self, message: &Message<'_>, source: Hop) -> &mut Self {
        for (place, value) in message.all(Name::Via).enumerate() {
            self.text("Via: ");
            if place == 0 {
                self.top_via(value, source);
            } else {
                self.unfolded(value);
            }
            self.text("\r\n");
        }
        let copied = [
            ("Record-Route: ", Name::RecordRoute),
            ("From: ", Name::From),
            ("Call-ID: ", Name::CallId),
            ("CSeq: ", Name::CSeq),
        ];
        for (name, field) in copied {
            for value in message.all(field) {
                self.text(name).unfolded(value).text("\r\n");
            }
        }
        self
    }

    /// Writes the topmost Via with the address it came from (RFC 3261 §18.2.1, RFC 3581 §4).
    fn top_via(&mut self, value: &[u8], source: Hop) {
        let top = Split::new(value, b',').next().unwrap_or_default();
        let rest = value.get(top.len()..).unwrap_or_default();
        let mut asked = false;
        for (place, part) in Split::new(top, b';').enumerate() {
            let flag = place > 0 && part.trim_ascii().eq_ignore_ascii_case(b"rport");
            asked |= flag;
            self.text(if place > 0 { ";" } else { "" });
            if flag {
                self.text("rport=").number(source.address.port());
            } else {
                self.unfolded(part.trim_ascii());
            }
        }
        let via = Via::read(top);
        let foreign = via.is_none_or(|via| {
            !is_address(via.host, source.ip()) && param(via.params, "received").is_none()
        });
        if asked || foreign {
            self.text(";received=").text(source.ip().to_string());
        }
        self.unfolded(rest);
    }

    /// Writes our Contact.
    pub(super) fn contact(&mut self, local: &Local) -> &mut Self {
        self.text("Contact: <sip:cadran@").text(&local.contact).text(">\r\n")
    }

    /// Writes a status line.
    pub(super) fn status(&mut self, status: u16, reason: &str) -> &mut Self {
        self.text("SIP/2.0 ").number(status).text(" ").text(reason).text("\r\n")
    }
}

/// Gives the value of a From or To for our own requests: unfolded, as the peer wrote it.
pub(super) fn party(address: &[u8]) -> Vec<u8> {
    let mut writer = Writer(Vec::with_capacity(address.len()));
    writer.unfolded(address);
    writer.0
}

/// Writes an address as the host of a URI.
pub(super) fn host_text(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// The reason phrase of a status (RFC 3261 §21 and the RFCs that add to it).
pub(super) fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        _ => "Answer",
    }
}
