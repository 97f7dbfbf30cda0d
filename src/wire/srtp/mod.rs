//! SRTP and SRTCP (RFC 3711, RFC 7714): RTP and RTCP that nobody on the way reads or forges.
//!
//! A [`Key`] is what session descriptions exchange (RFC 4568). Each direction has its own, and
//! from it an [`Outbound`] or an [`Inbound`] derives everything else. Both work in the buffer
//! the packet lies in. Nothing here draws randomness: a key is an argument.

mod context;
mod transform;
mod window;

#[cfg(test)]
mod tests;

use std::fmt;

pub use context::{Inbound, Outbound};

/// The most bytes a protected packet is longer than a plain one: the tag of AES-GCM and the
/// index of SRTCP (RFC 7714 §9, §13.2).
pub const TRAILER_MAX: usize = transform::GCM_TAG + context::INDEX_WORD;

/// The longest master key with its salt, in bytes: AES-256-GCM's (RFC 7714 §12).
const KEY_MAX: usize = 32 + transform::GCM_SALT;

/// What a packet is encrypted and authenticated with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suite {
    /// AES-256 in Galois/counter mode (RFC 7714 §14.1).
    Gcm256,
    /// AES-128 in Galois/counter mode (RFC 7714 §14.1).
    Gcm128,
    /// AES-128 in counter mode, HMAC-SHA1 cut to 80 bits (RFC 4568 §6.2.1).
    Cm80,
    /// AES-128 in counter mode, HMAC-SHA1 cut to 32 bits for RTP, to 80 for RTCP
    /// (RFC 4568 §6.2.2).
    Cm32,
}

impl Suite {
    /// Every suite, the strongest first.
    pub const ALL: [Self; 4] = [Self::Gcm256, Self::Gcm128, Self::Cm80, Self::Cm32];

    /// Gives the name in session descriptions (RFC 4568 §6.2, RFC 7714 §14.1).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gcm256 => "AEAD_AES_256_GCM",
            Self::Gcm128 => "AEAD_AES_128_GCM",
            Self::Cm80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Cm32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// Finds a suite by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// Gives the length of the master key, without its salt, in bytes.
    const fn cipher_key(self) -> usize {
        match self {
            Self::Gcm256 => 32,
            Self::Gcm128 | Self::Cm80 | Self::Cm32 => 16,
        }
    }

    /// Gives the length of the master key and its salt together, in bytes (RFC 4568 §6.2,
    /// RFC 7714 §12).
    #[must_use]
    pub const fn key_length(self) -> usize {
        match self {
            Self::Gcm256 | Self::Gcm128 => self.cipher_key() + transform::GCM_SALT,
            Self::Cm80 | Self::Cm32 => self.cipher_key() + transform::CM_SALT,
        }
    }
}

/// A master key with its salt, for one direction of one stream. Prints without its bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key {
    suite: Suite,
    bytes: [u8; KEY_MAX],
}

impl Key {
    /// Makes a key of its bytes, the salt last; `None` if there are too few or too many.
    #[must_use]
    pub fn new(suite: Suite, bytes: &[u8]) -> Option<Self> {
        let mut key = Self { suite, bytes: [0; KEY_MAX] };
        let place = key.bytes.get_mut(..bytes.len())?;
        place.copy_from_slice(bytes);
        (bytes.len() == suite.key_length()).then_some(key)
    }

    /// Gives what the key is for.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Gives the bytes, the salt last: for the session description and the derivation alone.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        self.bytes.get(..self.suite.key_length()).unwrap_or_default()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, ••••)", self.suite.name())
    }
}

/// Why a packet is not taken or not sent; nothing is changed then, and the packet is to be
/// dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is too short, or not version 2 of RTP.
    #[error("not a protected packet: wrong version or cut short")]
    Malformed,
    /// Whoever made it does not have the key, or it was changed on the way.
    #[error("the packet's authentication tag is wrong")]
    Forged,
    /// It came before, or is older than what is remembered (RFC 3711 §3.3.2).
    #[error("the packet came before, or is too old to tell")]
    Replayed,
    /// An SRTCP packet without encryption, which nobody agreed on (RFC 4568 §6.3.2).
    #[error("the report is not encrypted")]
    Cleartext,
    /// One key was used by more sources than are remembered.
    #[error("the key is used by too many sources")]
    TooManySources,
    /// The buffer has no room for the trailer: ours to mend.
    #[error("no room for the trailer of a protected packet")]
    NoRoom,
    /// The key has protected all the packets it may (RFC 3711 §9.2).
    #[error("the key has protected all the packets it may")]
    Spent,
}
