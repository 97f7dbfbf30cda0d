//! Signatures under a key that only this database has, so that what is handed out can be told
//! from what was changed since.

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use super::fingerprint::{Fingerprints, from_hex, hex};
use super::{Store, StoreError};

/// Bytes of a signature (RFC 8032, §5.1.6).
const SIGNATURE_BYTES: usize = 64;

/// Bytes of a public key (RFC 8032, §5.1.5).
const KEY_BYTES: usize = 32;

/// A signature with the key that tells whether it is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The public key, Ed25519 (RFC 8032), in hexadecimal.
    pub key: String,
    /// The signature, in hexadecimal.
    pub value: String,
}

impl Signature {
    /// Tells whether it is the key's over these bytes. Only small hexadecimal digits count, so that
    /// no other text is as good as the one that was handed out.
    #[must_use]
    pub fn fits(&self, bytes: &[u8]) -> bool {
        let key = from_hex::<KEY_BYTES>(&self.key);
        let value = from_hex::<SIGNATURE_BYTES>(&self.value);
        let Some((key, value)) = key.zip(value) else { return false };
        UnparsedPublicKey::new(&ED25519, key).verify(bytes, &value).is_ok()
    }
}

/// Reads a public key as people hand it on, in hexadecimal or base64; gives it as signatures have
/// it.
#[must_use]
pub fn public_key(text: &str) -> Option<String> {
    use base64::Engine as _;
    let text = text.trim();
    if let Some(key) = from_hex::<KEY_BYTES>(&text.to_ascii_lowercase()) {
        return Some(hex(&key));
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    (bytes.len() == KEY_BYTES).then(|| hex(&bytes))
}

/// What signs.
#[derive(Debug)]
pub(super) struct Signer(Ed25519KeyPair);

impl Signer {
    /// Derives it from the key file: the same as long as that is kept.
    pub(super) fn of(fingerprints: &Fingerprints) -> Result<Self, StoreError> {
        let seed = fingerprints.derive(b"cadran consent proof");
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
        let refused = |_| StoreError::Setting("key: no signature can be made with it");
        Ok(Self(pair.map_err(refused)?))
    }

    /// Gives the public key, in hexadecimal.
    pub(super) fn key(&self) -> String {
        hex(self.0.public_key().as_ref())
    }

    /// Signs bytes.
    pub(super) fn sign(&self, bytes: &[u8]) -> Signature {
        Signature { key: self.key(), value: hex(self.0.sign(bytes).as_ref()) }
    }

    /// Tells whether it signed bytes so.
    pub(super) fn signed(&self, bytes: &[u8], value: &str) -> bool {
        Signature { key: self.key(), value: value.to_owned() }.fits(bytes)
    }
}

impl Store {
    /// Signs bytes with the key derived from this database's key file: the same as long as that
    /// file is kept.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        self.shared.signer.sign(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_read_in_hexadecimal_and_base64() {
        let key = "00ff".repeat(16);
        let base64 = "AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8=";
        for text in [&*key, &*key.to_uppercase(), &format!(" {base64}\n")] {
            assert_eq!(public_key(text).as_deref(), Some(&*key), "{text}");
        }
        for text in ["", "00ff", "AP8A", &key[..63], &format!("{key}00")] {
            assert_eq!(public_key(text), None, "{text}");
        }
    }
}
