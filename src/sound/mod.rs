//! Samples: G.711, WAV, tones.

pub mod g711;
pub mod sounder;
pub mod tone;
pub mod wav;

/// Samples a second of everything here: the telephone's rate.
pub const RATE: u32 = 8_000;

/// A sound ready to be sent, in both laws, 8,000 samples a second.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip {
    mu: Box<[u8]>,
    a: Box<[u8]>,
}

impl Clip {
    /// Makes a clip of 16-bit linear samples.
    #[must_use]
    pub fn from_linear(samples: &[i16]) -> Self {
        Self {
            mu: samples.iter().map(|sample| g711::mu_of(*sample)).collect(),
            a: samples.iter().map(|sample| g711::a_of(*sample)).collect(),
        }
    }

    /// Makes a clip of µ-law samples.
    #[must_use]
    pub fn from_mu(samples: &[u8]) -> Self {
        let mut a: Box<[u8]> = samples.into();
        g711::mu_to_a(&mut a);
        Self { mu: samples.into(), a }
    }

    /// Makes a clip of A-law samples.
    #[must_use]
    pub fn from_a(samples: &[u8]) -> Self {
        let mut mu: Box<[u8]> = samples.into();
        g711::a_to_mu(&mut mu);
        Self { mu, a: samples.into() }
    }

    /// Gives the samples in µ-law.
    #[must_use]
    pub fn mu(&self) -> &[u8] {
        &self.mu
    }

    /// Gives the samples in A-law.
    #[must_use]
    pub fn a(&self) -> &[u8] {
        &self.a
    }

    /// Gives the length in samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.mu.len()
    }

    /// Tells whether there is nothing to hear.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mu.is_empty()
    }
}

impl core::fmt::Debug for Clip {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Clip({} samples)", self.len())
    }
}
