//! Writes session descriptions.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use super::crypto::Line;
use super::{Codec, Direction, Local, Origin};

/// The codecs of an offer whose trunk names none: A-law first, as Europe's networks have it.
pub(super) const USUAL: &[Codec] = &[Codec::Pcma, Codec::Pcmu];

/// Writes an offer of one stream.
pub(super) fn offer(local: Local, origin: Origin, audio: &Audio<'_>) -> Vec<u8> {
    let mut text = head(local, origin);
    audio.write(&mut text, local);
    text.into_bytes()
}

/// Writes the session level.
pub(super) fn head(local: Local, origin: Origin) -> String {
    let mut text = String::with_capacity(320);
    let Origin { id, version } = origin;
    let ip = network(local.rtp.ip());
    put(&mut text, format_args!("v=0\r\no=- {id} {version} {ip}\r\ns=-\r\nc={ip}\r\nt=0 0\r\n"));
    text
}

/// An audio stream to write.
#[derive(Debug)]
pub(super) struct Audio<'a> {
    pub(super) profile: &'a str,
    pub(super) codecs: &'a [Codec],
    pub(super) dtmf: Option<u8>,
    pub(super) direction: Direction,
    pub(super) crypto: &'a [Line],
}

impl Audio<'_> {
    pub(super) fn write(&self, text: &mut String, local: Local) {
        put(text, format_args!("m=audio {} {}", local.rtp.port(), self.profile));
        let codecs = self.codecs.iter().map(|codec| codec.payload_type());
        for payload_type in codecs.chain(self.dtmf) {
            put(text, format_args!(" {payload_type}"));
        }
        text.push_str("\r\n");
        for codec in self.codecs {
            put(text, format_args!("a=rtpmap:{} {codec}/8000\r\n", codec.payload_type()));
        }
        if let Some(pt) = self.dtmf {
            put(text, format_args!("a=rtpmap:{pt} telephone-event/8000\r\na=fmtp:{pt} 0-16\r\n"));
        }
        if Some(local.rtcp.port()) != local.rtp.port().checked_add(1) {
            put(text, format_args!("a=rtcp:{}\r\n", local.rtcp.port()));
        }
        for line in self.crypto {
            line.write(text);
        }
        put(text, format_args!("a=ptime:20\r\na={}\r\n", self.direction.name()));
    }
}

fn network(ip: IpAddr) -> String {
    format!("IN {} {ip}", if ip.is_ipv4() { "IP4" } else { "IP6" })
}

pub(super) fn put(text: &mut String, part: fmt::Arguments<'_>) {
    text.write_fmt(part).expect("a String takes everything");
}
