//! G.711: 8-bit logarithmic samples (ITU-T G.711 (11/1988), tables 1 and 2).
//!
//! Every conversion is one look into a table that the compiler made from the definition.

/// Silence in µ-law: positive zero.
pub const MU_SILENCE: u8 = 0xFF;

/// Silence in A-law: the smallest positive value.
pub const A_SILENCE: u8 = 0xD5;

/// Which of the two laws a sample is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// µ-law.
    Mu,
    /// A-law.
    A,
}

impl Law {
    /// Decodes a sample.
    #[must_use]
    pub fn linear(self, sample: u8) -> i16 {
        match self {
            Self::Mu => mu_linear(sample),
            Self::A => a_linear(sample),
        }
    }
}

/// Added to a magnitude before µ-law's segments are told by its highest bit.
const MU_BIAS: i32 = 132;

static MU_LINEAR: [i16; 256] = linear_table(true);
static A_LINEAR: [i16; 256] = linear_table(false);
static MU_TO_A: [u8; 256] = law_table(true);
static A_TO_MU: [u8; 256] = law_table(false);

/// Decodes a µ-law sample; the result fills 14 bits, aligned to 16.
#[must_use]
pub fn mu_linear(sample: u8) -> i16 {
    MU_LINEAR[usize::from(sample)]
}

/// Decodes an A-law sample; the result fills 13 bits, aligned to 16.
#[must_use]
pub fn a_linear(sample: u8) -> i16 {
    A_LINEAR[usize::from(sample)]
}

/// Converts µ-law samples to A-law where they are.
pub fn mu_to_a(samples: &mut [u8]) {
    for sample in samples {
        *sample = MU_TO_A[usize::from(*sample)];
    }
}

/// Converts A-law samples to µ-law where they are.
pub fn a_to_mu(samples: &mut [u8]) {
    for sample in samples {
        *sample = A_TO_MU[usize::from(*sample)];
    }
}

/// Encodes a linear sample in µ-law.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "7 bits are left")]
pub const fn mu_of(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (sample as i32).abs() + MU_BIAS;
    let magnitude = if magnitude > 0x7FFF { 0x7FFF } else { magnitude };
    // The bias makes bit 7 the lowest that can lead.
    let segment = 24 - magnitude.leading_zeros() as i32;
    let step = magnitude >> (segment + 3) & 0x0F;
    !(sign | (segment << 4 | step) as u8)
}

/// Encodes a linear sample in A-law.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "7 bits are left")]
pub const fn a_of(sample: i16) -> u8 {
    // Negative values mirror without a second zero: -1 is the first step below.
    let (sign, magnitude) = if sample < 0 { (0, !(sample as i32)) } else { (0x80, sample as i32) };
    let code = if magnitude < 0x100 {
        magnitude >> 4
    } else {
        let segment = 24 - magnitude.leading_zeros() as i32;
        segment << 4 | magnitude >> (segment + 3) & 0x0F
    };
    (sign | code as u8) ^ 0x55
}

#[expect(clippy::cast_possible_truncation, reason = "14 bits at most")]
const fn mu_decode(sample: u8) -> i16 {
    let code = !sample;
    let step = (code & 0x0F) as i32;
    let magnitude = (((step << 3) + MU_BIAS) << (code >> 4 & 7)) - MU_BIAS;
    (if code & 0x80 == 0 { magnitude } else { -magnitude }) as i16
}

#[expect(clippy::cast_possible_truncation, reason = "13 bits aligned to 16 at most")]
const fn a_decode(sample: u8) -> i16 {
    let code = sample ^ 0x55;
    let (segment, step) = (code >> 4 & 7, (code & 0x0F) as i32);
    let magnitude = match segment {
        0 => (step << 4) + 8,
        segment => ((step << 4) + 0x108) << (segment - 1),
    };
    (if code & 0x80 == 0 { -magnitude } else { magnitude }) as i16
}

#[expect(clippy::cast_possible_truncation, reason = "the index stays below 256")]
const fn linear_table(mu: bool) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = if mu { mu_decode(code as u8) } else { a_decode(code as u8) };
        code += 1;
    }
    table
}

#[expect(clippy::cast_possible_truncation, reason = "the index stays below 256")]
const fn law_table(from_mu: bool) -> [u8; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let sample = code as u8;
        table[code] = if from_mu { a_of(mu_decode(sample)) } else { mu_of(a_decode(sample)) };
        code += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corners_of_both_laws_are_the_standards() {
        // G.711 table 2a and 1a, last and first decision values, aligned to 16 bits.
        assert_eq!((mu_linear(0x80), mu_linear(0x00)), (32_124, -32_124));
        assert_eq!((mu_linear(0xFF), mu_linear(0x7F)), (0, 0));
        assert_eq!((a_linear(0xAA), a_linear(0x2A)), (32_256, -32_256));
        assert_eq!((a_linear(0xD5), a_linear(0x55)), (8, -8));
        assert_eq!((mu_of(0), a_of(0)), (MU_SILENCE, A_SILENCE));
    }

    #[test]
    fn each_code_is_the_code_of_its_own_value() {
        for code in 0..=255 {
            assert_eq!(a_of(a_linear(code)), code, "A-law {code:#x}");
            let back = mu_of(mu_linear(code));
            assert!(back == code || (code, back) == (0x7F, 0xFF), "µ-law {code:#x}");
        }
    }

    #[test]
    fn encoding_takes_the_nearest_value() {
        for sample in (i16::MIN..=i16::MAX).step_by(7) {
            let off = |value: i16| (i32::from(value) - i32::from(sample)).abs();
            let nearest =
                |decode: fn(u8) -> i16| (0..=255).map(|code| off(decode(code))).min().unwrap_or(0);
            // Where segments meet, the decision value is not halfway between the two values.
            let meet = i32::from(sample).abs() / 64 + 16;
            assert!(off(mu_linear(mu_of(sample))) <= nearest(mu_linear) + meet, "µ of {sample}");
            assert!(off(a_linear(a_of(sample))) <= nearest(a_linear) + meet, "A of {sample}");
        }
    }

    #[test]
    fn the_way_to_the_other_law_and_back_stays_within_a_step() {
        for code in 0..=255u8 {
            let mut samples = [code];
            mu_to_a(&mut samples);
            a_to_mu(&mut samples);
            let [back] = samples;
            let (before, after) = (i32::from(mu_linear(code)), i32::from(mu_linear(back)));
            let step = before.abs() / 16 + 16;
            assert!((after - before).abs() <= step, "{code:#x} came as {back:#x}");
        }
    }
}
