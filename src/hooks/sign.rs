//! Signatures of Standard Webhooks 1.0, symmetric scheme (`v1`, HMAC-SHA256).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What a written key begins with (Standard Webhooks 1.0, "Signature scheme").
const PREFIX: &str = "whsec_";

/// The lengths a key may have, in bytes (Standard Webhooks 1.0: 24 to 64).
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A key shared with the receiver. `Debug` hides it.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

/// The text is no signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// It does not begin as a key does.
    #[error("a webhook secret begins with whsec_")]
    Prefix,
    /// What follows is not base64.
    #[error("a webhook secret is whsec_ and base64; what follows whsec_ is not base64")]
    Base64,
    /// It is too short to be safe, or longer than the standard allows.
    #[error("a webhook secret holds 24 to 64 bytes, this one {0}")]
    Length(usize),
}

impl SigningKey {
    /// Reads a key written as `whsec_` and base64.
    ///
    /// # Errors
    /// The text has another form or length.
    pub fn new(text: &str) -> Result<Self, NotAKey> {
        let written = text.trim().strip_prefix(PREFIX).ok_or(NotAKey::Prefix)?;
        let key = STANDARD.decode(written).map_err(|_| NotAKey::Base64)?;
        if !KEY_BYTES.contains(&key.len()) {
            return Err(NotAKey::Length(key.len()));
        }
        let mac = Hmac::new_from_slice(&key).map_err(|_| NotAKey::Length(key.len()))?;
        Ok(Self(mac))
    }

    /// Writes a key as a key file holds it.
    #[must_use]
    pub fn write(key: &[u8; 32]) -> String {
        format!("{PREFIX}{}", STANDARD.encode(key))
    }

    /// Signs one delivery: `v1,` and base64 of the HMAC of `id.timestamp.body`.
    ///
    /// `timestamp` is the delivery's, in Unix seconds; `body` is what is sent, byte for byte.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body.as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(hidden)")
    }
}

/// Writes the `webhook-signature` header: one signature per key, so that a receiver may change
/// from an old key to a new one at leisure.
#[must_use]
pub fn signatures(keys: &[SigningKey], id: &str, timestamp: i64, body: &str) -> String {
    let signatures: Vec<_> = keys.iter().map(|key| key.sign(id, timestamp, body)).collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_gives_its_published_signature() -> Result<(), NotAKey> {
        let key = SigningKey::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
        let body = r#"{"test": 2432232314}"#;
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        Ok(())
    }

    #[test]
    fn vectors_computed_by_another_program_agree() -> Result<(), NotAKey> {
        // Python 3: base64(hmac.new(key, f"{id}.{ts}.{body}".encode(), "sha256").digest())
        let vectors = [
            (vec![7; 24], "evt_1", 0, "", "w0259R546zsYz2u6sbRA+Hcu/lg9UfrFA10Mv9Z8qCU="),
            (
                vec![255; 64],
                "evt_é",
                1_700_000_000,
                "{\"a\":\"€\"}",
                "v1rUQaBK+WcVXDeT+HE2/UO0uoF6dWoJL0O53jk7T10=",
            ),
        ];
        for (key, id, timestamp, body, expected) in vectors {
            let key = SigningKey::new(&format!("whsec_{}", STANDARD.encode(key)))?;
            assert_eq!(key.sign(id, timestamp, body), format!("v1,{expected}"), "{id}");
        }
        Ok(())
    }

    #[test]
    fn two_keys_give_two_signatures_in_one_header() -> Result<(), NotAKey> {
        let old = SigningKey::new(&format!("whsec_{}", STANDARD.encode([1; 32])))?;
        let new = SigningKey::new(&format!("whsec_{}", STANDARD.encode([2; 32])))?;
        let both = signatures(&[new.clone(), old.clone()], "evt", 5, "x");
        assert_eq!(both, format!("{} {}", new.sign("evt", 5, "x"), old.sign("evt", 5, "x")));
        Ok(())
    }

    #[test]
    fn a_key_of_another_form_is_refused_and_never_printed() -> Result<(), NotAKey> {
        for (text, error) in [
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NotAKey::Prefix),
            ("whsec_not base64", NotAKey::Base64),
            ("whsec_AAAA", NotAKey::Length(3)),
        ] {
            assert_eq!(SigningKey::new(text).err(), Some(error), "{text}");
        }
        let key = SigningKey::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
        assert_eq!(format!("{key:?}"), "SigningKey(hidden)");
        Ok(())
    }
}
