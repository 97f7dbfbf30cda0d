//! Tones made here, so that the engine speaks before anybody has recorded anything.
//!
//! No frequency is one that the trade's tone detectors act on (fax 1,100 and 2,100 Hz, DTMF).

use core::f64::consts::TAU;

use super::{Clip, RATE};

/// The amplitude of 0 dBm0 in A-law: G.711's full scale lies at +3.14 dBm0 (table 5).
const DBM0: f64 = 32_768.0 * 0.696_6;

/// Fading a tone in and out over 10 ms keeps it from clicking.
const FADE_MS: u32 = 10;

/// One piece of a sound.
#[derive(Clone, Copy, Debug)]
struct Note {
    hertz: f64,
    /// Power in dBm0 as an amplitude ratio: 0.1 is -20 dBm0.
    level: f64,
    ms: u32,
}

const fn rest(ms: u32) -> Note {
    Note { hertz: 0.0, level: 0.0, ms }
}

/// Makes the sound a waiting agent hears: a soft short tone every five seconds.
#[must_use]
pub fn comfort() -> Clip {
    play(&[Note { hertz: 392.0, level: 0.03, ms: 160 }, rest(4_840)])
}

/// Makes France's ringback: 440 Hz, 1.5 s in every 5 s (ITU-T E.180 Supplement 2).
#[must_use]
pub fn ringback() -> Clip {
    play(&[Note { hertz: 440.0, level: 0.1, ms: 1_500 }, rest(3_500)])
}

/// Makes the short tone that tells an agent a person is on the line.
#[must_use]
pub fn agent_beep() -> Clip {
    play(&[Note { hertz: 880.0, level: 0.1, ms: 120 }])
}

/// Makes the notice played when no agent came and nothing was recorded: three falling tones,
/// twice. It says nothing, so the law's spoken notice must be configured before real dialling.
#[must_use]
pub fn notice() -> Clip {
    let falling = [659.0, 523.0, 440.0].map(|hertz| Note { hertz, level: 0.1, ms: 350 });
    let [high, middle, low] = falling;
    play(&[high, middle, low, rest(500), high, middle, low, rest(300)])
}

/// Makes the confirmation played when nothing was recorded: three rising tones.
#[must_use]
pub fn confirmation() -> Clip {
    let [low, middle, high] =
        [440.0, 523.0, 659.0].map(|hertz| Note { hertz, level: 0.1, ms: 250 });
    play(&[low, middle, high, rest(400)])
}

/// Makes the music on hold used when none is configured: a slow, soft arpeggio.
#[must_use]
pub fn hold() -> Clip {
    let melody = [262.0, 330.0, 392.0, 523.0, 392.0, 330.0, 294.0, 349.0, 440.0, 349.0, 294.0];
    let notes = melody.map(|hertz| [Note { hertz, level: 0.05, ms: 450 }, rest(50)]);
    play(notes.as_flattened())
}

fn play(notes: &[Note]) -> Clip {
    let samples: Vec<i16> = notes.iter().flat_map(|note| sound(*note)).collect();
    Clip::from_linear(&samples)
}

fn sound(note: Note) -> impl Iterator<Item = i16> {
    let samples = note.ms * RATE / 1_000;
    let fade = FADE_MS * RATE / 1_000;
    (0..samples).map(move |at| {
        let edge = at.min(samples - 1 - at).min(fade);
        let loud = DBM0 * note.level * f64::from(edge) / f64::from(fade);
        let phase = TAU * note.hertz * f64::from(at) / f64::from(RATE);
        linear(loud * libm::sin(phase))
    })
}

#[expect(clippy::cast_possible_truncation, reason = "`as` saturates; levels stay below 0 dBm0")]
fn linear(value: f64) -> i16 {
    value as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::g711;

    /// The share of a sound's energy at one frequency (Goertzel's recurrence).
    fn share(samples: &[f64], hertz: f64) -> f64 {
        let turn = 2.0 * libm::cos(TAU * hertz / f64::from(RATE));
        let (mut one, mut two) = (0.0, 0.0);
        for sample in samples {
            (one, two) = (sample + turn * one - two, one);
        }
        let energy: f64 = samples.iter().map(|sample| sample * sample).sum();
        let count = f64::from(u32::try_from(samples.len()).expect("a short sound"));
        2.0 * (one * one + two * two - turn * one * two) / (energy * count)
    }

    fn heard(clip: &Clip, samples: core::ops::Range<usize>) -> Vec<f64> {
        clip.a()
            .iter()
            .take(samples.end)
            .skip(samples.start)
            .map(|s| g711::a_linear(*s).into())
            .collect()
    }

    #[test]
    fn ringback_is_frances() {
        let clip = ringback();
        assert_eq!(clip.len(), 40_000);
        assert!(share(&heard(&clip, 0..12_000), 440.0) > 0.9);
        let pause = heard(&clip, 12_000..40_000);
        assert!(pause.iter().all(|sample| sample.abs() <= 8.0), "3.5 s of silence");
    }

    #[test]
    fn no_sound_is_louder_than_a_telephone_bears() {
        for clip in [comfort(), ringback(), agent_beep(), notice(), hold()] {
            let loudest = heard(&clip, 0..clip.len()).into_iter().fold(0.0, f64::max);
            assert!(loudest > 500.0 && loudest < DBM0 * 0.2, "{loudest}");
        }
    }

    #[test]
    fn sounds_end_softly() {
        for clip in [agent_beep(), notice(), hold()] {
            let last = clip.mu().last().map(|sample| g711::mu_linear(*sample).abs());
            assert!(last.is_some_and(|last| last < 64), "{last:?}");
        }
    }
}
