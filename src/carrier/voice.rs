//! What the far ends of test calls say: invented speech, greetings and tones.

use core::f64::consts::TAU;
use std::sync::Arc;

use crate::sound::{Clip, RATE, g711, tone};
use crate::units::whole;
use crate::wire::sdp::Codec;

/// Samples in a packet of 20 ms.
pub(crate) const FRAME: usize = 160;

/// A piece of audio in both flavours of G.711, a whole number of packets long.
#[derive(Clone, Debug)]
pub(crate) struct Voice {
    clip: Arc<Clip>,
    /// The packet at which the piece starts again after its end; `None` ends it in silence.
    again: Option<usize>,
}

impl Voice {
    /// A person: a short word, a pause as one who waits for an answer, then a conversation in
    /// turns for ever.
    pub(crate) fn person() -> Self {
        let mut spoken = Vec::new();
        speak(&mut spoken, 0.45, 190.0);
        rest(&mut spoken, 1.2);
        let hello = spoken.len();
        for turn in 0..4 {
            // ITU-T P.59 table 1: a mean talkspurt of 1.004 s and a mean pause of 1.587 s.
            speak(&mut spoken, 0.6 + 0.27 * f64::from(turn), 180.0);
            rest(&mut spoken, 1.1 + 0.32 * f64::from(turn));
        }
        Self::new(spoken, Some(hello))
    }

    /// A voicemail: some seconds of speech with short breaths, a beep of 1 kHz, silence.
    pub(crate) fn greeting() -> Self {
        let mut spoken = Vec::new();
        for phrase in 0..4 {
            speak(&mut spoken, 1.5 + 0.2 * f64::from(phrase), 130.0);
            rest(&mut spoken, 0.25);
        }
        whistle(&mut spoken, 0.4, 1_000.0);
        Self::new(spoken, None)
    }

    /// The network's ringing tone, for ever.
    pub(crate) fn ringback() -> Self {
        Self { clip: Arc::new(tone::ringback()), again: Some(0) }
    }

    /// A tone for ever, of a whole number of hertz.
    pub(crate) fn tone(hertz: u32) -> Self {
        let mut heard = Vec::new();
        whistle(&mut heard, 1.0, f64::from(hertz));
        Self::new(heard, Some(0))
    }

    fn new(mut samples: Vec<i16>, again: Option<usize>) -> Self {
        samples.resize(samples.len().next_multiple_of(FRAME), 0);
        let clip = Arc::new(Clip::from_linear(&samples));
        Self { clip, again: again.map(|at| at / FRAME) }
    }

    /// Gives a packet's payload by its place in the stream; silence after the end.
    pub(crate) fn frame(&self, codec: Codec, place: usize) -> [u8; FRAME] {
        let (samples, silence) = match codec {
            Codec::Pcmu => (self.clip.mu(), g711::MU_SILENCE),
            Codec::Pcma => (self.clip.a(), g711::A_SILENCE),
        };
        let length = samples.len() / FRAME;
        let place = match self.again {
            Some(again) if place >= length => {
                again + (place - again) % length.saturating_sub(again).max(1)
            }
            Some(_) | None => place,
        };
        let piece = samples.get(place * FRAME..(place + 1) * FRAME);
        piece.and_then(|piece| piece.try_into().ok()).unwrap_or([silence; FRAME])
    }
}

fn samples_in(secs: f64) -> u32 {
    u32::try_from(whole(secs * f64::from(RATE))).unwrap_or(RATE)
}

#[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and the level is below i16")]
fn push(samples: &mut Vec<i16>, level: f64) {
    samples.push(level as i16);
}

fn rest(samples: &mut Vec<i16>, secs: f64) {
    samples.extend((0..samples_in(secs)).map(|_| 0));
}

/// A sine at a quarter of full scale, about -11 dBm0.
fn whistle(samples: &mut Vec<i16>, secs: f64, hertz: f64) {
    for nth in 0..samples_in(secs) {
        let turn = hertz * f64::from(nth) / f64::from(RATE);
        push(samples, 8_000.0 * libm::sin(TAU * turn));
    }
}

/// Something that has speech's pitch, formants and syllables but no words: pulses through two
/// resonators that move with each syllable (the source-filter model, Fant 1960).
fn speak(samples: &mut Vec<i16>, secs: f64, pitch: f64) {
    // First and second formants of five vowels in hertz (Peterson and Barney 1952, table II).
    const VOWELS: [(f64, f64); 5] =
        [(730.0, 1_090.0), (270.0, 2_290.0), (570.0, 840.0), (300.0, 870.0), (530.0, 1_840.0)];
    const SYLLABLE: u32 = RATE / 5;
    let (mut first, mut second) = (Resonator::default(), Resonator::default());
    let mut phase = 0.0;
    for nth in 0..samples_in(secs) {
        let within = f64::from(nth % SYLLABLE) / f64::from(SYLLABLE);
        let vowel = usize::try_from(nth / SYLLABLE).unwrap_or(0) % VOWELS.len();
        let (low, high) = VOWELS.get(vowel).copied().unwrap_or((500.0, 1_500.0));
        phase += (pitch - 20.0 * within) / f64::from(RATE);
        let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
        phase -= pulse;
        let loudness = libm::sin(0.5 * TAU * within);
        let voiced = first.pass(low, pulse) + 0.6 * second.pass(high, pulse);
        push(samples, 7_000.0 * loudness * voiced);
    }
}

/// A two-pole resonator with a bandwidth of 90 Hz.
#[derive(Default)]
struct Resonator {
    last: f64,
    before: f64,
}

impl Resonator {
    fn pass(&mut self, hertz: f64, input: f64) -> f64 {
        let radius = libm::exp(-0.5 * TAU * 90.0 / f64::from(RATE));
        let turn = libm::cos(TAU * hertz / f64::from(RATE));
        let output = input + 2.0 * radius * turn * self.last - radius * radius * self.before;
        self.before = self.last;
        self.last = output;
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_goes_on_and_a_greeting_ends() {
        let loud = |voice: &Voice, place: usize| {
            let frame = voice.frame(Codec::Pcma, place);
            frame.iter().any(|byte| (byte ^ 0x55) & 0x70 >= 0x50)
        };
        let hours = 0..180_000;
        let (person, greeting) = (Voice::person(), Voice::greeting());
        assert!(hours.clone().skip(179_000).any(|place| loud(&person, place)));
        assert!((0..400).any(|place| loud(&greeting, place)));
        assert!(!hours.skip(1_000).any(|place| loud(&greeting, place)));
    }

    #[test]
    fn nothing_is_said_louder_than_the_line_carries() {
        for voice in [Voice::person(), Voice::greeting(), Voice::tone(1_300), Voice::ringback()] {
            let clipped = voice.clip.mu().iter().filter(|byte| **byte & 0x7F == 0).count();
            assert_eq!(clipped, 0);
        }
    }
}
