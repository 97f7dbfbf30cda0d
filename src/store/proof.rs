//! Signatures under a key that only this database has, so that what is handed out can be told
//! from what was changed since.

use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::fingerprint::hex;
use super::{Store, StoreError};

/// A signature with the key that tells whether it is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The public key, Ed25519 (RFC 8032), in hexadecimal.
    pub key: String,
    /// The signature, in hexadecimal.
    pub value: String,
}

impl Store {
    /// Signs bytes with the key derived from this database's key file: the same as long as that
    /// file is kept.
    ///
    /// # Errors
    /// The key cannot be made.
    pub fn sign(&self, bytes: &[u8]) -> Result<Signature, StoreError> {
        let seed = self.shared.fingerprints.derive(b"cadran consent proof");
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed)
            .map_err(|_| StoreError::Setting("key: no signature can be made with it"))?;
        let value = hex(pair.sign(bytes).as_ref());
        Ok(Signature { key: hex(pair.public_key().as_ref()), value })
    }
}
