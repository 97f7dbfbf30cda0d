//! Keyed fingerprints of telephone numbers, so that a person is recognised without the digits.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{Random, StoreError};
use crate::units::Number;

/// The key's length: that of the hash's output, the least RFC 2104 §3 recommends.
pub(super) const KEY_BYTES: usize = 32;

/// Makes fingerprints under one key.
#[derive(Clone)]
pub(super) struct Fingerprints(Hmac<Sha256>);

impl std::fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprints(hidden)")
    }
}

impl Fingerprints {
    /// Reads the key file; with `create` a missing one is made, readable by its owner alone.
    pub(super) fn open(path: &Path, create: Option<Random>) -> Result<Self, StoreError> {
        let fault = |why: String| StoreError::Key { path: PathBuf::from(path), why };
        let text = match (fs::read_to_string(path), create) {
            (Ok(text), _) => text,
            (Err(error), Some(random)) if error.kind() == ErrorKind::NotFound => {
                make(path, random).map_err(|error| fault(error.to_string()))?
            }
            (Err(error), _) => return Err(fault(error.to_string())),
        };
        let key = from_hex::<KEY_BYTES>(&text.trim().to_ascii_lowercase())
            .ok_or_else(|| fault("it is not 64 hexadecimal digits".to_owned()))?;
        let mac = Hmac::new_from_slice(&key).map_err(|error| fault(error.to_string()))?;
        Ok(Self(mac))
    }

    /// Gives the fingerprint of a number: half of HMAC-SHA256 of its E.164 form, in hexadecimal.
    /// RFC 2104 §5 allows no less; twice as many of them share a page of their index.
    pub(super) fn of(&self, number: &Number) -> String {
        hex(self.derive(number.reveal().as_bytes()).split_at(KEY_BYTES / 2).0)
    }

    /// Gives a text that only this key makes, to recognise the key without storing it.
    pub(super) fn check(&self) -> String {
        self.digest(b"cadran key check")
    }

    /// Gives a short text that tells whether words of people's are the same, and not what they are:
    /// half of HMAC-SHA256, as RFC 2104 §5 allows.
    pub(super) fn of_words(&self, words: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(b"cadran audit words\n");
        mac.update(words.as_bytes());
        let whole: [u8; KEY_BYTES] = mac.finalize().into_bytes().into();
        hex(whole.split_at(KEY_BYTES / 2).0)
    }

    /// Gives a key of its own for each use, from which this one cannot be had.
    pub(super) fn derive(&self, label: &[u8]) -> [u8; KEY_BYTES] {
        let mut mac = self.0.clone();
        mac.update(label);
        mac.finalize().into_bytes().into()
    }

    fn digest(&self, bytes: &[u8]) -> String {
        hex(&self.derive(bytes))
    }
}

/// Draws random bytes, in hexadecimal: keys and ids that must not repeat.
pub(super) fn random_hex<const N: usize>(random: Random) -> std::io::Result<String> {
    let mut bytes = [0; N];
    random(&mut bytes)?;
    Ok(hex(&bytes))
}

fn make(path: &Path, random: Random) -> std::io::Result<String> {
    let text = random_hex::<KEY_BYTES>(random)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(text)
}

/// Writes bytes in hexadecimal, two lower-case digits each.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
    halves.filter_map(|half| char::from_digit(half.into(), 16)).collect()
}

/// Reads bytes written so; capital letters are no digits here.
pub(super) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |sign: u8| match sign {
        b'0'..=b'9' => Some(sign - b'0'),
        b'a'..=b'f' => Some(sign - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if text.len() != N * 2 {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let &[high, low] = digits else { return None };
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}
