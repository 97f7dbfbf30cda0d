//! One browser's leg: ICE-lite, DTLS-SRTP and RTCP by `str0m`, which nothing else here names.
//!
//! What the browser sends goes in as it came and comes out as plain RTP; plain RTP goes in and
//! leaves protected. The machine has no thread and no timer: the reactor's tick drives it.

use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use str0m::change::SdpOffer;
use str0m::media::{Direction, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpPacket, RtpWrite};
use str0m::{Candidate, Event as Told, Input, Output, Rtc, RtcConfig, crypto};

use super::world::World;
use super::{Codec, Event, MediaError};
use crate::units::LegId;
use crate::wire::rtp::{self, Stamp};
use crate::wire::sdp::{BODY_MAX, SdpError};

/// How long a browser may take from the answer to its first key: ICE and DTLS need a few round
/// trips, and a slow machine a second or two.
const JOIN_MAX: Duration = Duration::from_secs(10);

/// How long a browser may be quiet before it counts as gone. Its microphone gives a packet every
/// 20 ms, muted or not, and its checks of consent (RFC 7675) come every 2.5 s in Chromium, which
/// a page without a microphone must not fail; all is to be told within 3 s.
const GONE_AFTER: Duration = Duration::from_millis(2_800);

/// What every browser's leg is made from: one certificate for all of them, made once.
pub(super) struct Browsers {
    config: RtcConfig,
}

impl Browsers {
    /// Makes the certificate.
    pub(super) fn new() -> io::Result<Self> {
        let certificate = crypto::from_feature_flags().dtls_provider.generate_certificate();
        let certificate =
            certificate.ok_or_else(|| io::Error::other("no certificate for browsers"))?;
        let config = RtcConfig::new()
            .set_ice_lite(true)
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_pcma(true, false)
            .enable_pcmu(true, false)
            .set_dtls_cert(certificate);
        Ok(Self { config })
    }

    /// Answers a browser's offer; it will be met at this address of ours.
    pub(super) fn answer(
        &self,
        offer: &str,
        at: SocketAddr,
        now: Instant,
    ) -> Result<(Browser, String), MediaError> {
        if offer.len() > BODY_MAX {
            return Err(refusal(&SdpError::TooLong(offer.len())));
        }
        let offer = SdpOffer::from_sdp_string(offer).map_err(|error| refusal(&error))?;
        let mut rtc = self.config.clone().build(now);
        let candidate = Candidate::host(at, "udp").map_err(|error| refusal(&error))?;
        rtc.add_local_candidate(candidate);
        let answer = rtc.sdp_api().accept_offer(offer).map_err(|error| refusal(&error))?;
        let answer = answer.to_sdp_string();
        // The machine wants to be asked after each change; before a first check it sends nothing.
        while !matches!(rtc.poll_output(), Ok(Output::Timeout(_)) | Err(_)) {}
        let (mid, codec) = agreed(&rtc, &answer).ok_or_else(|| refusal(&SdpError::NoCodec))?;
        let browser = Browser {
            rtc,
            at,
            mid,
            codec,
            due: now,
            begun: now,
            heard: now,
            joined: false,
            told: None,
            sequence: None,
        };
        Ok((browser, answer))
    }
}

/// Finds the first stream that goes both ways, and its codec: the first by the browser's order.
fn agreed(rtc: &Rtc, answer: &str) -> Option<(Mid, Codec)> {
    let mids = answer.lines().filter_map(|line| line.strip_prefix("a=mid:"));
    mids.map(Mid::from).find_map(|mid| {
        let media = rtc.media(mid).filter(|media| media.direction() == Direction::SendRecv)?;
        let codec = media.remote_pts().iter().find_map(|pt| Codec::of(**pt))?;
        Some((mid, codec))
    })
}

fn refusal(why: &dyn fmt::Display) -> MediaError {
    MediaError::Offer(why.to_string())
}

/// One browser's machine.
pub(super) struct Browser {
    rtc: Rtc,
    /// Where the browser was told to meet us.
    at: SocketAddr,
    mid: Mid,
    codec: Codec,
    /// When the machine wants the time again.
    due: Instant,
    begun: Instant,
    heard: Instant,
    joined: bool,
    /// What was told last.
    told: Option<Event>,
    /// The last sequence number sent, with its rollovers (RFC 3711 §3.3.1).
    sequence: Option<u64>,
}

impl Browser {
    /// Gives the form of the audio the browser wants first.
    pub(super) const fn codec(&self) -> Codec {
        self.codec
    }

    /// Tells whether ICE and DTLS are through.
    pub(super) const fn is_joined(&self) -> bool {
        self.joined
    }

    /// Takes a datagram in. If it was audio, the buffer holds so many bytes of plain RTP now.
    pub(super) fn take(
        &mut self,
        (buffer, length): (&mut [u8], usize),
        from: SocketAddr,
        socket: &UdpSocket,
        world: &mut World,
    ) -> Option<usize> {
        let (now, datagram) = (world.instant(), buffer.get(..length)?);
        let Ok(received) = Receive::new(Protocol::Udp, from, self.at, datagram) else {
            world.counters.malformed += 1;
            return None;
        };
        let input = Input::Receive(now, received);
        if !self.rtc.accepts(&input) {
            world.counters.strangers += 1;
            return None;
        }
        self.heard = now;
        plain(&self.turn(input, socket)?, buffer)
    }

    /// Sends a packet of plain RTP; its SSRC becomes the one the answer named. Tells whether it
    /// left.
    pub(super) fn send(&mut self, packet: &[u8], socket: &UdpSocket, now: Instant) -> bool {
        let Ok(header) = rtp::read(packet) else { return false };
        let payload = packet.get(header.start..header.end).unwrap_or_default();
        let sequence = extended(self.sequence, header.sequence);
        self.sequence = Some(sequence);
        let pt = header.payload_type.into();
        let write = RtpWrite::new(pt, sequence.into(), header.timestamp, now, payload);
        let mut streams = self.rtc.direct_api();
        let Some(stream) = streams.stream_tx_by_mid(self.mid, None) else { return false };
        stream.write_rtp(write.marker(header.marker));
        self.drain(socket);
        self.turn(Input::Timeout(now), socket);
        self.rtc.is_alive()
    }

    /// Does what is due, and gives what is new to tell of its leg.
    pub(super) fn tick(&mut self, leg: LegId, socket: &UdpSocket, now: Instant) -> Option<Event> {
        if now >= self.due {
            self.turn(Input::Timeout(now), socket);
        }
        if self.told == Some(Event::Left(leg)) {
            return None;
        }
        let late = if self.joined {
            now.duration_since(self.heard) > GONE_AFTER
        } else {
            now.duration_since(self.begun) > JOIN_MAX
        };
        let news = if late || !self.rtc.is_alive() {
            Some(Event::Left(leg))
        } else {
            self.joined.then_some(Event::Joined(leg))
        };
        let new = news != self.told;
        self.told = news;
        news.filter(|_| new)
    }

    /// Says goodbye: the browser learns at once that nobody is there any more.
    pub(super) fn close(&mut self, socket: &UdpSocket) {
        // A machine that cannot close has no far end to tell.
        self.rtc.close().ok();
        self.drain(socket);
    }

    /// Gives the machine something, and the network what it makes of it; hands out the audio.
    fn turn(&mut self, input: Input<'_>, socket: &UdpSocket) -> Option<RtpPacket> {
        if let Err(error) = self.rtc.handle_input(input) {
            // Anybody can send what cannot be read; what ends the connection closes the machine.
            tracing::debug!(%error, "a browser's datagram was not understood");
        }
        self.drain(socket)
    }

    fn drain(&mut self, socket: &UdpSocket) -> Option<RtpPacket> {
        let mut heard = None;
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(due)) => {
                    self.due = due;
                    return heard;
                }
                // What the system does not send is lost on the way, as any datagram may be.
                Ok(Output::Transmit(out)) => {
                    socket.send_to(&out.contents, out.destination).ok();
                }
                Ok(Output::Event(Told::RtpPacket(packet))) => heard = Some(packet),
                Ok(Output::Event(event)) => self.joined |= matches!(event, Told::Connected),
                Err(error) => {
                    tracing::info!(%error, "a browser's connection failed");
                    self.rtc.disconnect();
                }
            }
        }
    }
}

impl fmt::Debug for Browsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Browsers")
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Browser({}, joined: {})", self.at, self.joined)
    }
}

/// Writes a packet as plain RTP and gives its length; `None` if there is no room for it.
fn plain(packet: &RtpPacket, buffer: &mut [u8]) -> Option<usize> {
    let stamp = Stamp {
        marker: packet.header.marker,
        sequence: packet.header.sequence_number,
        timestamp: packet.header.timestamp,
        ssrc: *packet.header.ssrc,
    };
    let header = rtp::header(stamp, *packet.header.payload_type);
    let length = header.len() + packet.payload.len();
    let (head, body) = buffer.get_mut(..length)?.split_at_mut(header.len());
    head.copy_from_slice(&header);
    body.copy_from_slice(&packet.payload);
    Some(length)
}

/// Gives a sequence number its rollovers: the nearest to the last one that ends in it.
fn extended(last: Option<u64>, sequence: u16) -> u64 {
    let Some(last) = last else { return sequence.into() };
    let [.., high, low] = last.to_be_bytes();
    let step = sequence.wrapping_sub(u16::from_be_bytes([high, low])).cast_signed();
    last.saturating_add_signed(step.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_number_rolls_over_and_a_late_one_does_not() {
        assert_eq!(extended(None, 7), 7);
        assert_eq!(extended(Some(65_535), 0), 65_536);
        assert_eq!(extended(Some(65_536), 65_534), 65_534);
        assert_eq!(extended(Some(131_073), 2), 131_074);
    }
}
