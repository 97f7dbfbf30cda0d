//! WAV files with telephone sound: 8,000 Hz, one channel, 16-bit linear, A-law or µ-law.

use super::{Clip, RATE};

/// The longest prompt taken, in samples: ten minutes, more than any notice or music loop needs.
pub const SAMPLES_MAX: usize = 10 * 60 * RATE as usize;

const LINEAR: u16 = 1;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const EXTENSIBLE: u16 = 0xFFFE;

/// Why a file is no prompt; the user's to mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WavError {
    /// No RIFF/WAVE header.
    #[error("not a WAV file: it does not begin with RIFF and WAVE")]
    NotWav,
    /// The `fmt ` or `data` chunk is missing or cut short.
    #[error("the WAV file has no complete `fmt ` chunk followed by a `data` chunk")]
    Incomplete,
    /// Another rate or channel count.
    #[error("the WAV file has {rate} Hz and {channels} channels; convert it to 8000 Hz mono")]
    Shape {
        /// Samples a second.
        rate: u32,
        /// Channels.
        channels: u16,
    },
    /// Another form of samples.
    #[error("the WAV file has format {format} with {bits} bits; use 16-bit PCM, A-law or µ-law")]
    Format {
        /// The format tag.
        format: u16,
        /// Bits a sample.
        bits: u16,
    },
    /// Longer than [`SAMPLES_MAX`].
    #[error("the WAV file is longer than ten minutes")]
    TooLong,
}

/// Reads a WAV file's bytes.
///
/// # Errors
/// The bytes are not such a file; see [`WavError`].
pub fn read(bytes: &[u8]) -> Result<Clip, WavError> {
    if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
        return Err(WavError::NotWav);
    }
    let mut rest = bytes.get(12..).unwrap_or_default();
    let mut format = None;
    while let Some((name, after)) = rest.split_first_chunk::<4>() {
        let (size, after) = after.split_first_chunk::<4>().ok_or(WavError::Incomplete)?;
        let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
        // A writer that was stopped leaves a size beyond the end: what is there is taken.
        let body = after.get(..size).unwrap_or(after);
        match name {
            b"fmt " => format = Some(shape(body)?),
            b"data" => return clip(format.ok_or(WavError::Incomplete)?, body),
            _ => {}
        }
        let padded = size.saturating_add(size % 2);
        rest = after.get(padded..).unwrap_or_default();
    }
    Err(WavError::Incomplete)
}

/// Reads the format chunk and gives the format tag, the one behind an extensible tag included.
fn shape(body: &[u8]) -> Result<u16, WavError> {
    let half = |place: usize| {
        body.get(place..).and_then(<[u8]>::first_chunk).copied().map(u16::from_le_bytes)
    };
    let fields = (half(0), half(2), half(4), half(6), half(14));
    let (Some(tag), Some(channels), Some(low), Some(high), Some(bits)) = fields else {
        return Err(WavError::Incomplete);
    };
    let rate = u32::from(high) << 16 | u32::from(low);
    if rate != RATE || channels != 1 {
        return Err(WavError::Shape { rate, channels });
    }
    let format = if tag == EXTENSIBLE { half(24).ok_or(WavError::Incomplete)? } else { tag };
    match (format, bits) {
        (LINEAR, 16) | (A_LAW | MU_LAW, 8) => Ok(format),
        _ => Err(WavError::Format { format, bits }),
    }
}

fn clip(format: u16, body: &[u8]) -> Result<Clip, WavError> {
    let samples = if format == LINEAR { body.len() / 2 } else { body.len() };
    if samples > SAMPLES_MAX {
        return Err(WavError::TooLong);
    }
    Ok(match format {
        A_LAW => Clip::from_a(body),
        MU_LAW => Clip::from_mu(body),
        _ => {
            let pairs = body.as_chunks::<2>().0.iter();
            Clip::from_linear(&pairs.map(|pair| i16::from_le_bytes(*pair)).collect::<Vec<_>>())
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(format: u16, bits: u16, rate: u32, channels: u16, data: &[u8]) -> Vec<u8> {
        let size = |bytes: usize| u32::try_from(bytes).expect("small").to_le_bytes();
        let mut out = b"RIFF".to_vec();
        out.extend(size(46 + data.len()));
        out.extend(b"WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0");
        out.extend(format.to_le_bytes());
        out.extend(channels.to_le_bytes());
        out.extend(rate.to_le_bytes());
        out.extend((rate * u32::from(bits) / 8).to_le_bytes());
        out.extend((bits / 8).to_le_bytes());
        out.extend(bits.to_le_bytes());
        out.extend(b"data");
        out.extend(size(data.len()));
        out.extend(data);
        out
    }

    #[test]
    fn the_three_forms_are_read() {
        let mu = read(&file(MU_LAW, 8, 8_000, 1, &[0x80, 0xFF]));
        assert_eq!(mu.map(|clip| clip.mu().to_vec()), Ok(vec![0x80, 0xFF]));
        let a = read(&file(A_LAW, 8, 8_000, 1, &[0x2A, 0xD5]));
        assert_eq!(a.map(|clip| clip.a().to_vec()), Ok(vec![0x2A, 0xD5]));
        let linear = read(&file(LINEAR, 16, 8_000, 1, &[0, 0, 0xFF, 0x7F, 1]));
        assert_eq!(linear.map(|clip| clip.mu().to_vec()), Ok(vec![0xFF, 0x80]));
    }

    #[test]
    fn what_is_no_telephone_sound_is_named() {
        assert_eq!(read(b"OggS"), Err(WavError::NotWav));
        assert_eq!(read(b"RIFF\0\0\0\0WAVEfmt "), Err(WavError::Incomplete));
        let stereo = read(&file(LINEAR, 16, 44_100, 2, &[]));
        assert_eq!(stereo, Err(WavError::Shape { rate: 44_100, channels: 2 }));
        let float = read(&file(3, 32, 8_000, 1, &[]));
        assert_eq!(float, Err(WavError::Format { format: 3, bits: 32 }));
        let long = read(&file(MU_LAW, 8, 8_000, 1, &vec![0; SAMPLES_MAX + 1]));
        assert_eq!(long, Err(WavError::TooLong));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            tail in proptest::collection::vec(any::<u8>(), 0..64), keep in 0usize..60,
        ) {
            let mut bytes = file(LINEAR, 16, 8_000, 1, &[1, 2]);
            bytes.truncate(keep);
            bytes.extend(tail);
            prop_assert!(read(&bytes).map_or(true, |clip| clip.len() < 100));
        }
    }
}
