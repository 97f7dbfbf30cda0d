//! A browser of the test's own, made of `str0m`: it offers, joins, sends a tone and listens.

use std::error::Error;
use std::f64::consts::TAU;
use std::net::UdpSocket;
use std::time::Duration;

use cadran::engine::clock::Clock;
use cadran::sound::{RATE, g711};
use cadran::units::{Mono, Span};
use cadran::wire::rtp::FRAME;
use cadran::wire::sdp::Codec;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc};

/// One packet of audio.
const PACKET: Span = Span::millis(20);

/// Samples kept of what was heard: a second.
const KEPT: usize = RATE as usize;

pub(crate) struct Browser {
    rtc: Rtc,
    socket: UdpSocket,
    clock: Clock,
    mid: Mid,
    codec: Codec,
    /// The pitch it sends, in hertz; nothing if 0.
    pub(crate) pitch: u32,
    pending: Option<SdpPendingOffer>,
    joined: bool,
    next_packet: Mono,
    sent: u64,
    /// Packets heard.
    pub(crate) packets: u64,
    /// The last second heard, as linear samples.
    pub(crate) heard: Vec<i16>,
}

impl Browser {
    /// Opens one that would like Opus and can do both laws, one of them first, and its offer.
    pub(crate) fn open(clock: Clock, codec: Codec) -> Result<(Self, String), Box<dyn Error>> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let config = Rtc::builder().set_rtp_mode(true).clear_codecs().enable_opus(true, false);
        let config = match codec {
            Codec::Pcma => config.enable_pcma(true, false).enable_pcmu(true, false),
            Codec::Pcmu => config.enable_pcmu(true, false).enable_pcma(true, false),
        };
        let now = clock.mono();
        let mut rtc = config.build(clock.instant(now).into_std());
        rtc.add_local_candidate(Candidate::host(socket.local_addr()?, "udp")?);
        let mut changes = rtc.sdp_api();
        let mid = changes.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        let (offer, pending) = changes.apply().ok_or("nothing to offer")?;
        let browser = Self {
            rtc,
            socket,
            clock,
            mid,
            codec,
            pitch: 0,
            pending: Some(pending),
            joined: false,
            next_packet: now,
            sent: 0,
            packets: 0,
            heard: Vec::new(),
        };
        Ok((browser, offer.to_sdp_string()))
    }

    /// Takes the answer; from now on `step` is to be called again and again.
    pub(crate) fn accept(&mut self, answer: &str) -> Result<(), Box<dyn Error>> {
        let answer = SdpAnswer::from_sdp_string(answer)?;
        let pending = self.pending.take().ok_or("answered twice")?;
        Ok(self.rtc.sdp_api().accept_answer(pending, answer)?)
    }

    /// Closes as a page does that is left.
    pub(crate) fn close(mut self) -> Result<(), Box<dyn Error>> {
        self.rtc.close()?;
        self.drain().map(|_| ())
    }

    pub(crate) fn is_joined(&self) -> bool {
        self.joined
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.rtc.is_alive()
    }

    /// Lets it live until the question is answered with yes, for ten seconds at most.
    pub(crate) fn live_until(
        &mut self,
        done: impl Fn(&Self) -> bool,
    ) -> Result<(), Box<dyn Error>> {
        let end = self.clock.mono() + Span::secs(10);
        while !done(self) {
            if self.clock.mono() > end {
                return Err(format!("the browser waits for ever; it heard {}", self.packets).into());
            }
            self.step()?;
        }
        Ok(())
    }

    /// Lives for one datagram or packet time.
    pub(crate) fn step(&mut self) -> Result<(), Box<dyn Error>> {
        let mut buffer = [0; 2_000];
        self.drain()?;
        self.socket.set_read_timeout(Some(Duration::from_millis(5)))?;
        let read = self.socket.recv_from(&mut buffer);
        let now = self.clock.instant(self.clock.mono()).into_std();
        let input = match read {
            Ok((length, from)) => {
                let at = self.socket.local_addr()?;
                let datagram = buffer.get(..length).unwrap_or_default();
                Input::Receive(now, Receive::new(Protocol::Udp, from, at, datagram)?)
            }
            Err(_) => Input::Timeout(now),
        };
        self.rtc.handle_input(input)?;
        self.drain()?;
        if self.joined && self.clock.mono() >= self.next_packet {
            self.next_packet = self.next_packet.max(self.clock.mono()) + PACKET;
            self.speak()?;
        }
        Ok(())
    }

    fn speak(&mut self) -> Result<(), Box<dyn Error>> {
        let first = self.sent * u64::from(FRAME);
        let payload: Vec<u8> = (first..first + u64::from(FRAME))
            .map(|nth| encode(self.codec, tone(self.pitch, nth)))
            .collect();
        let now = self.clock.instant(self.clock.mono()).into_std();
        let time = u32::try_from(first)?;
        let pt = self.codec.payload_type().into();
        let write = RtpWrite::new(pt, self.sent.into(), time, now, payload);
        let mut streams = self.rtc.direct_api();
        streams.stream_tx_by_mid(self.mid, None).ok_or("no stream to send on")?.write_rtp(write);
        self.sent += 1;
        self.drain()?;
        self.rtc.handle_input(Input::Timeout(now))?;
        self.drain()
    }

    fn drain(&mut self) -> Result<(), Box<dyn Error>> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(_) => return Ok(()),
                Output::Transmit(out) => {
                    self.socket.send_to(&out.contents, out.destination)?;
                }
                Output::Event(Event::Connected) => self.joined = true,
                Output::Event(Event::RtpPacket(packet)) => {
                    self.packets += 1;
                    let codec = Codec::of(*packet.header.payload_type).ok_or("no G.711")?;
                    self.heard.extend(packet.payload.iter().map(|byte| linear(codec, *byte)));
                    let beyond = self.heard.len().saturating_sub(KEPT);
                    self.heard.drain(..beyond);
                }
                Output::Event(_) => {}
            }
        }
    }
}

/// Gives a sample of a tone at a quarter of full scale.
#[expect(clippy::cast_possible_truncation, reason = "a quarter of full scale fits")]
pub(crate) fn tone(hertz: u32, nth: u64) -> i16 {
    let turn = f64::from(hertz) * nth as f64 / f64::from(RATE);
    (8_192.0 * libm::sin(TAU * turn)) as i16
}

pub(crate) fn encode(codec: Codec, sample: i16) -> u8 {
    match codec {
        Codec::Pcmu => g711::mu_of(sample),
        Codec::Pcma => g711::a_of(sample),
    }
}

pub(crate) fn linear(codec: Codec, byte: u8) -> i16 {
    match codec {
        Codec::Pcmu => g711::mu_linear(byte),
        Codec::Pcma => g711::a_linear(byte),
    }
}

/// Gives how much of what was heard is a tone of this pitch, by Goertzel's sum: 1 for nothing
/// else.
pub(crate) fn share(samples: &[i16], hertz: u32) -> f64 {
    let (mut real, mut imaginary, mut energy) = (0.0, 0.0, 0.0);
    for (nth, sample) in samples.iter().enumerate() {
        let (sample, turn) = (f64::from(*sample), f64::from(hertz) * nth as f64 / f64::from(RATE));
        let (sine, cosine) = libm::sincos(TAU * turn);
        real += sample * cosine;
        imaginary += sample * sine;
        energy += sample * sample;
    }
    let count = samples.len() as f64;
    if energy > 0.0 { 2.0 * (real * real + imaginary * imaginary) / (count * energy) } else { 0.0 }
}
