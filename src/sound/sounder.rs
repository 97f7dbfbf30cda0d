//! Sounds a line out as a ship does the sea: short pings go out, and what comes back of them tells
//! how long the way is and how much is lost on it.
//!
//! Each ping is a tone, and the next one has another, so that a late echo is not taken for that of
//! a later ping. Both directions are measured by the same ear, so its own delay cancels out.

use core::f64::consts::TAU;

use super::g711::Law;
use super::{Clip, RATE};
use crate::units::{Mono, Span};

/// The pings' tones in hertz: within the telephone's band (ITU-T G.712: 300 to 3,400 Hz), and none
/// that detectors act on: DTMF (Q.23), fax (T.30: 1,100 and 2,100 Hz), line signals (Q.452).
const TONES: [f64; 6] = [550.0, 1_020.0, 1_420.0, 1_800.0, 2_420.0, 2_900.0];
/// A ping's length: three packets of 20 ms, so that one lost packet loses no ping.
const PING_MS: u32 = 60;
/// From ping to ping: an echo later than six of them, 3 s, is nobody's idea of a call.
const EVERY_MS: u32 = 500;
/// A ping's amplitude: -15 dB of full scale, as loud as speech.
const LEVEL: f64 = 5_800.0;
/// The ear judges blocks of 5 ms.
const BLOCK: usize = 40;
/// The share of a block's energy that must lie at one tone; speech rarely comes near it.
const SHARE: f64 = 0.8;
/// The mean square below which a block is silence: -45 dB of full scale, the loudest a line's own
/// noise may be (ITU-T G.712 idle noise is far below).
const SILENCE: f64 = 34_000.0;
/// Blocks in a row that make a tone: three quarters of what fits into one packet.
const BLOCKS_MIN: u8 = 3;
/// A ping that has been away for less than this may still come back.
const AWAY: Span = Span::secs(1);
/// So may one that is no later than this against the slowest.
const LATE: Span = Span::millis(100);

/// What came back.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Echo {
    /// Pings that had time to come back.
    pub sent: u32,
    /// Those that did.
    pub back: u32,
    /// There and back in milliseconds, on average; 0 if none came back.
    pub round_trip_ms: f64,
    /// How much that differs from one ping to the next, in milliseconds, on average.
    pub jitter_ms: f64,
}

/// A ping under way or back.
#[derive(Clone, Copy, Debug)]
struct Ping {
    tone: usize,
    left: Mono,
    back: Option<Span>,
}

/// Listens for the beginnings of tones.
#[derive(Debug, Default)]
struct Ear {
    tone: Option<usize>,
    blocks: u8,
}

/// See the module.
#[derive(Debug)]
pub struct Sounder {
    clip: Clip,
    at: usize,
    pings: Vec<Ping>,
    own: Ear,
    far: Ear,
}

impl Default for Sounder {
    fn default() -> Self {
        Self {
            clip: Clip::from_linear(&song()),
            at: 0,
            pings: Vec::new(),
            own: Ear::default(),
            far: Ear::default(),
        }
    }
}

/// Makes one round of pings with their pauses.
fn song() -> Vec<i16> {
    let ping = PING_MS * RATE / 1_000;
    let fade = f64::from(RATE) / 400.0;
    let round = TONES.iter().flat_map(|tone| {
        (0..EVERY_MS * RATE / 1_000).map(move |at| {
            if at >= ping {
                return 0.0;
            }
            let edge = f64::from(at.min(ping - at)).min(fade) / fade;
            LEVEL * edge * libm::sin(TAU * tone * f64::from(at) / f64::from(RATE))
        })
    });
    round.map(linear).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and no ping is so loud")]
fn linear(value: f64) -> i16 {
    value as i16
}

impl Sounder {
    /// Writes the next samples to be sent, as many as a packet holds.
    pub fn speak(&mut self, now: Mono, packet: &mut [u8], law: Law) {
        let song = match law {
            Law::Mu => self.clip.mu(),
            Law::A => self.clip.a(),
        };
        let ahead = song.iter().cycle().skip(self.at);
        packet.iter_mut().zip(ahead).for_each(|(place, sample)| *place = *sample);
        self.at = (self.at + packet.len()) % song.len();
        for (tone, offset) in self.own.hear(packet, law) {
            if self.pings.len() < PINGS_MAX {
                self.pings.push(Ping { tone, left: now + offset, back: None });
            }
        }
    }

    /// Hears a packet of the far end.
    pub fn hear(&mut self, now: Mono, packet: &[u8], law: Law) {
        for (tone, offset) in self.far.hear(packet, law) {
            let at = now + offset;
            let mut away = self.pings.iter_mut().rev().filter(|ping| ping.tone == tone);
            if let Some(ping) = away.find(|ping| ping.back.is_none() && ping.left <= at) {
                ping.back = Some(at.since(ping.left));
            }
        }
    }

    /// Tells what came back so far.
    #[must_use]
    pub fn echo(&self, now: Mono) -> Echo {
        let longest = self.pings.iter().filter_map(|ping| ping.back).max();
        let away = longest.map_or(AWAY, |longest| AWAY.max(longest + LATE));
        let counts = |ping: &&Ping| ping.back.is_some() || now.since(ping.left) >= away;
        let trips: Vec<f64> = self.pings.iter().filter_map(|ping| ping.back).map(millis).collect();
        let steps = trips.iter().zip(trips.iter().skip(1)).map(|(one, next)| (next - one).abs());
        Echo {
            sent: count(self.pings.iter().filter(counts).count()),
            back: count(trips.len()),
            round_trip_ms: mean(trips.iter().copied()),
            jitter_ms: mean(steps),
        }
    }
}

/// Pings remembered: four minutes of them, far more than a test lasts.
const PINGS_MAX: usize = 512;

impl Ear {
    /// Gives the tones that begin in a packet, and how far into it.
    fn hear(&mut self, packet: &[u8], law: Law) -> Vec<(usize, Span)> {
        let samples: Vec<f64> = packet.iter().map(|byte| law.linear(*byte).into()).collect();
        let mut begun = Vec::new();
        for (place, block) in samples.chunks_exact(BLOCK).enumerate() {
            let tone = tone_of(block);
            self.blocks = if tone == self.tone { self.blocks.saturating_add(1) } else { 1 };
            self.tone = tone;
            if let Some(tone) = tone.filter(|_| self.blocks == BLOCKS_MIN) {
                begun.push((tone, Span::millis(5 * place as u64)));
            }
        }
        begun
    }
}

/// Finds the tone a block is made of, if it is one.
fn tone_of(block: &[f64]) -> Option<usize> {
    let energy: f64 = block.iter().map(|sample| sample * sample).sum();
    let length = mean_count(block.len());
    if energy < SILENCE * length {
        return None;
    }
    let share = |tone: &f64| 2.0 * power(block, *tone) / (energy * length);
    TONES.iter().position(|tone| share(tone) > SHARE)
}

/// Gives the power at one frequency (Goertzel's recurrence).
fn power(block: &[f64], hertz: f64) -> f64 {
    let turn = 2.0 * libm::cos(TAU * hertz / f64::from(RATE));
    let (mut one, mut two) = (0.0, 0.0);
    for sample in block {
        (one, two) = (sample + turn * one - two, one);
    }
    one * one + two * two - turn * one * two
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, number) = values.fold((0.0, 0_u32), |(sum, number), value| (sum + value, number + 1));
    if number == 0 { 0.0 } else { sum / f64::from(number) }
}

fn mean_count(length: usize) -> f64 {
    f64::from(count(length))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn millis(span: Span) -> f64 {
    span.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::sound::g711;

    const PACKET: Span = Span::millis(20);

    /// Sounds a line out for six seconds; `line` carries a packet to the far end and back after
    /// so many packet times, in µ-law, or loses it.
    fn sounded(delay: usize, mut line: impl FnMut(usize, &[u8]) -> Option<Vec<u8>>) -> Echo {
        let mut sounder = Sounder::default();
        let mut way: VecDeque<Option<Vec<u8>>> = VecDeque::from(vec![None; delay]);
        let mut now = Mono::START;
        for number in 0..300 {
            let mut packet = [0; 160];
            sounder.speak(now, &mut packet, Law::A);
            way.push_back(line(number, &packet));
            if let Some(Some(back)) = way.pop_front() {
                sounder.hear(now, &back, Law::Mu);
            }
            now = now + PACKET;
        }
        sounder.echo(now)
    }

    /// The far end's echo, so many times quieter.
    fn echoed(packet: &[u8], quieter: i16) -> Vec<u8> {
        packet.iter().map(|byte| g711::mu_of(g711::a_linear(*byte) / quieter)).collect()
    }

    #[test]
    fn an_echo_tells_the_way_there_and_back() {
        for delay in [0, 3, 40, 120] {
            let echo = sounded(delay, |_, packet| Some(echoed(packet, 1)));
            assert_eq!((echo.sent, echo.back, echo.jitter_ms), (echo.back, echo.back, 0.0));
            assert!(echo.back >= 6, "{echo:?}");
            let expected = millis(PACKET) * mean_count(delay);
            assert!((echo.round_trip_ms - expected).abs() < 1e-6, "{echo:?} after {delay}");
        }
    }

    #[test]
    fn a_quiet_echo_is_heard() {
        let echo = sounded(5, |_, packet| Some(echoed(packet, 8)));
        assert_eq!(echo.sent, echo.back);
        assert!((echo.round_trip_ms - 100.0).abs() < 5.1, "{echo:?}");
    }

    #[test]
    fn lost_pings_are_counted() {
        // The second of every two pings finds no way: 25 packets from one to the next.
        let echo = sounded(1, |number, packet| (number / 25 % 2 == 0).then(|| echoed(packet, 1)));
        assert_eq!((echo.sent, echo.back), (11, 6));
    }

    #[test]
    fn silence_noise_and_a_voice_are_no_echo() {
        let mut state = 1_u32;
        let mut noise = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            i16::try_from(state >> 18).unwrap_or_default() - 8_192
        };
        let voice = |at: usize| {
            let at = f64::from(u32::try_from(at).expect("a short call"));
            let parts = [(180.0, 3_000.0), (360.0, 4_000.0), (540.0, 3_500.0), (720.0, 2_000.0)];
            linear(
                parts.iter().map(|(hertz, level)| level * libm::sin(TAU * hertz * at / 8e3)).sum(),
            )
        };
        let mu = |samples: Vec<i16>| Some(samples.into_iter().map(g711::mu_of).collect());
        for echo in [
            sounded(0, |_, packet| mu(vec![0; packet.len()])),
            sounded(0, |_, packet| mu(packet.iter().map(|_| noise()).collect())),
            sounded(0, |number, _| mu((0..160).map(|at| voice(number * 160 + at)).collect())),
            sounded(0, |_, _| None),
        ] {
            assert_eq!((echo.sent, echo.back), (10, 0), "{echo:?}");
        }
    }
}
