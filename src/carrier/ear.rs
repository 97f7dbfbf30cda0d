//! What one end of a test call heard, measured packet by packet.

use rtp_rs::RtpReader;

use super::mark::{Mark, Speaker};
use crate::sound::g711;
use crate::units::{Mono, Span};
use crate::wire::sdp::Codec;

/// Two packets further apart than this leave a gap a person notices: three packets of 20 ms.
const GAP: Span = Span::millis(60);
/// The mean absolute sample above which a packet is taken for a voice: -30 dB of full scale,
/// above comfort noise and far below speech.
const LOUD: u64 = 1_000;

/// What was heard on one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// RTP packets with G.711 audio.
    pub packets: u64,
    /// Datagrams that were something else.
    pub other: u64,
    /// Sequence numbers that never came.
    pub lost: u64,
    /// Pauses of more than 60 ms between two packets.
    pub gaps: u64,
    /// The longest time between two packets.
    pub longest_gap: Span,
    /// Changes of the synchronisation source.
    pub changes: u64,
    /// When the first packet came.
    pub first_packet: Option<Mono>,
    /// When the first packet came that bore a mark or was loud.
    pub first_voice: Option<Mono>,
    /// When the first packet came that bore an agent's mark.
    pub first_agent: Option<Mono>,
    /// Who spoke last, if his packets bear a mark.
    pub speaker: Option<Speaker>,
}

/// Listens to one stream.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    heard: Heard,
    last: Option<Last>,
}

/// The stream's latest packet.
#[derive(Clone, Copy, Debug)]
struct Last {
    at: Mono,
    source: u32,
    sequence: u16,
}

impl Ear {
    /// Gives what was heard so far.
    pub(crate) const fn heard(&self) -> Heard {
        self.heard
    }

    /// Takes a datagram in.
    pub(crate) fn hear(&mut self, now: Mono, datagram: &[u8]) {
        let Ok(packet) = RtpReader::new(datagram) else {
            self.heard.other += 1;
            return;
        };
        let Some(codec) = Codec::of(packet.payload_type()) else {
            self.heard.other += 1;
            return;
        };
        self.heard.packets += 1;
        self.heard.first_packet.get_or_insert(now);
        self.follow(now, packet.ssrc(), packet.sequence_number().into());
        let mark = Mark::read(codec, packet.payload());
        if let Some(mark) = mark {
            self.heard.speaker = Some(mark.speaker);
            if matches!(mark.speaker, Speaker::Agent(_)) {
                self.heard.first_agent.get_or_insert(now);
            }
        }
        if self.heard.first_voice.is_none() && (mark.is_some() || loud(codec, packet.payload())) {
            self.heard.first_voice = Some(now);
        }
    }

    fn follow(&mut self, now: Mono, source: u32, sequence: u16) {
        let Some(last) = self.last.replace(Last { at: now, source, sequence }) else { return };
        let pause = now.since(last.at);
        self.heard.longest_gap = self.heard.longest_gap.max(pause);
        self.heard.gaps += u64::from(pause > GAP);
        if last.source != source {
            self.heard.changes += 1;
            return;
        }
        match sequence.wrapping_sub(last.sequence) {
            0 => {}
            step @ 1..0x8000 => self.heard.lost += u64::from(step - 1),
            _ => {
                // A late packet was counted as lost when its successor came first.
                self.heard.lost = self.heard.lost.saturating_sub(1);
                self.last = Some(Last { at: now, ..last });
            }
        }
    }
}

fn loud(codec: Codec, payload: &[u8]) -> bool {
    let level = |byte: &u8| {
        let sample = match codec {
            Codec::Pcmu => g711::mu_linear(*byte),
            Codec::Pcma => g711::a_linear(*byte),
        };
        u64::from(sample.unsigned_abs())
    };
    let total: u64 = payload.iter().map(level).sum();
    let count = u64::try_from(payload.len()).unwrap_or(u64::MAX);
    total > LOUD * count
}

#[cfg(test)]
mod tests {
    use rtp_rs::RtpPacketBuilder;

    use super::*;

    fn packet(sequence: u16, source: u32, payload: &[u8]) -> Vec<u8> {
        RtpPacketBuilder::new()
            .payload_type(0)
            .ssrc(source)
            .sequence(sequence.into())
            .timestamp(u32::from(sequence) * 160)
            .payload(payload)
            .build()
            .expect("a header of fixed size and a payload make a packet")
    }

    #[test]
    fn loss_gaps_and_late_packets_are_told_apart() {
        let mut ear = Ear::default();
        for (ms, sequence) in [(0, 65_534), (20, 65_535), (40, 0), (120, 3), (121, 2), (140, 4)] {
            ear.hear(Mono::START + Span::millis(ms), &packet(sequence, 1, &[0xFF; 160]));
        }
        let heard = ear.heard();
        assert_eq!((heard.packets, heard.lost, heard.gaps), (6, 1, 1));
        assert_eq!(heard.longest_gap, Span::millis(80));
        assert_eq!(heard.first_voice, None);
    }

    #[test]
    fn a_voice_is_known_by_its_mark_or_by_its_level() {
        let mut marked = [0xFF; 160];
        Mark { speaker: Speaker::Agent(4), count: 0 }.write(Codec::Pcmu, &mut marked);
        for (payload, speaker) in [(marked, Some(Speaker::Agent(4))), ([0x8F; 160], None)] {
            let mut ear = Ear::default();
            ear.hear(Mono::START, &packet(1, 1, &[0xFF; 160]));
            ear.hear(Mono::micros(20_000), &packet(2, 1, &payload));
            assert_eq!(ear.heard().first_voice, Some(Mono::micros(20_000)));
            assert_eq!(ear.heard().speaker, speaker);
        }
    }

    #[test]
    fn what_is_no_g711_is_counted_apart() {
        let mut ear = Ear::default();
        for datagram in [&b"hello"[..], &[], &packet(1, 1, &[])[..11]] {
            ear.hear(Mono::START, datagram);
        }
        assert_eq!((ear.heard().packets, ear.heard().other), (0, 3));
    }
}
