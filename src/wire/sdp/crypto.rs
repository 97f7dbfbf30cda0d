//! SRTP keys in session descriptions (RFC 4568).

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::writer::put;
use crate::wire::srtp::{Key, Suite};

/// Some phones leave out the padding, though RFC 4568 §6.1 wants it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key lives for 2^48 packets at most (RFC 3711 §9.2).
const LIFETIME_MAX: u64 = 1 << 48;

/// Whether a leg's audio is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Srtp {
    /// Never: keys that are offered are ignored.
    #[default]
    Off,
    /// If the far end can: offered within RTP/AVP (RFC 8643), so that nobody refuses the call.
    Preferred,
    /// Always: offered as RTP/SAVP, and nothing else is taken.
    Mandatory,
}

/// The keys of both directions. Prints without their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    /// What we send under.
    pub send: Key,
    /// What the far end sends under.
    pub receive: Key,
}

/// Random bytes, enough for one new key of each suite; good for one description.
pub struct Entropy([u8; Self::LENGTH]);

impl Entropy {
    /// How many bytes it takes.
    pub const LENGTH: usize = {
        let (mut length, mut place) = (0, 0);
        while place < Suite::ALL.len() {
            length += Suite::ALL[place].key_length();
            place += 1;
        }
        length
    };

    /// Takes bytes, which must come from a generator fit for keys and serve nothing else.
    #[must_use]
    pub const fn new(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// Makes a key of each suite.
    pub(super) fn keys(self) -> [Key; Suite::ALL.len()] {
        let mut rest = self.0.as_slice();
        Suite::ALL.map(|suite| {
            let bytes = rest.split_off(..suite.key_length()).unwrap_or_default();
            Key::new(suite, bytes).expect("there are as many bytes as the suites want")
        })
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy(••••)")
    }
}

/// One `a=crypto` attribute that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) tag: u32,
    pub(super) key: Key,
}

impl Line {
    /// Reads `1 AES_CM_128_HMAC_SHA1_80 inline:…|2^31` (RFC 4568 §9.1); `None` for what is
    /// malformed and for what we do not do: other suites, a master key identifier, several keys,
    /// and session parameters that change what goes over the wire (§6.3).
    pub(super) fn read(value: &str) -> Option<Self> {
        let mut words = value.split_whitespace();
        let tag = words.next()?;
        let tag = tag.parse().ok().filter(|_| tag.len() <= 9 && tag.starts_with(is_digit))?;
        let suite = Suite::named(words.next()?)?;
        let (method, secret) = words.next()?.split_once(':')?;
        let (key, rest) = secret.split_once('|').unwrap_or((secret, "2^48"));
        let usual = method.eq_ignore_ascii_case("inline") && is_lifetime(rest);
        if !usual || !words.all(is_harmless) {
            return None;
        }
        Some(Self { tag, key: Key::new(suite, &BASE64.decode(key).ok()?)? })
    }

    /// Writes the attribute, without a lifetime: the longest is meant (RFC 4568 §6.1).
    pub(super) fn write(&self, text: &mut String) {
        let (suite, key) = (self.key.suite().name(), BASE64.encode(self.key.reveal()));
        put(text, format_args!("a=crypto:{} {suite} inline:{key}\r\n", self.tag));
    }
}

const fn is_digit(letter: char) -> bool {
    letter.is_ascii_digit()
}

/// Tells whether a key's parameter is a lifetime, `2^n` or a number. Whoever sends under the key
/// counts and renews it (RFC 4568 §6.1), so that any is fine with us.
fn is_lifetime(text: &str) -> bool {
    let packets = match text.split_once('^') {
        Some(("2", power)) => power.parse().ok().and_then(|power| 1u64.checked_shl(power)),
        Some(_) => None,
        None => text.parse().ok().filter(|_| text.starts_with(is_digit)),
    };
    packets.is_some_and(|packets| (1..=LIFETIME_MAX).contains(&packets))
}

/// Tells whether a session parameter can be ignored: the hint about the replay window, the usual
/// rate of derivation, and what is marked as optional (RFC 4568 §6.3).
fn is_harmless(parameter: &str) -> bool {
    let parameter = parameter.to_ascii_uppercase();
    parameter.starts_with('-') || parameter.starts_with("WSH=") || parameter == "KDR=0"
}
