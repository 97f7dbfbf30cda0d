//! Seals over what names a person, each under a key of the person's or contact's own: whoever
//! destroys the key has erased all that was sealed with it.
//!
//! AES-256-GCM (NIST SP 800-38D) with random nonces. A person's key is wrapped by a key of the
//! centre's, a contact's by its client company's; both are derived from the key file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::backend::Row;
use super::fingerprint::{Fingerprints, KEY_BYTES};
use super::{Random, StoreError};
use crate::units::Number;

/// What every sealed text begins with; plain ones begin with `+` or `{`.
const MARK: &str = "s1:";

/// Whose key wraps another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrap {
    /// The centre's: a number belongs to no client company alone.
    Centre,
    /// A client company's.
    Client(u32),
}

/// Makes and opens the keys of persons and contacts.
pub(super) struct Seals {
    root: Fingerprints,
    centre: Seal,
    /// Over what lives only as long as a call.
    passing: Seal,
    /// Over the secrets of people who sign in.
    accounts: Seal,
    random: Random,
}

/// A key that seals and opens texts.
pub(super) struct Seal {
    key: LessSafeKey,
    random: Random,
}

impl std::fmt::Debug for Seals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seals(hidden)")
    }
}

impl Seals {
    /// Derives the keys that wrap others from the key file's.
    pub(super) fn new(root: Fingerprints, random: Random) -> Self {
        let derived = |label: &[u8]| Seal::new(&root.derive(label), random);
        let (centre, passing) = (derived(b"cadran centre key"), derived(b"cadran passing key"));
        let accounts = derived(b"cadran account key");
        Self { root, centre, passing, accounts, random }
    }

    /// Draws a key of somebody's own, and gives it with the text it is stored as.
    pub(super) fn draw(&self, wrap: Wrap) -> Result<(Seal, String), StoreError> {
        let mut key = [0; KEY_BYTES];
        (self.random)(&mut key).map_err(sqlx::Error::Io)?;
        let wrapped = match wrap {
            Wrap::Centre => self.centre.seal(key)?,
            // A campaign may change over to another client company: the key tells whose it is.
            Wrap::Client(client) => format!("{client}:{}", self.client(client).seal(key)?),
        };
        Ok((Seal::new(&key, self.random), wrapped))
    }

    /// Opens a stored key.
    pub(super) fn key(&self, wrapped: &str) -> Result<Seal, StoreError> {
        let key = if is_sealed(wrapped) {
            self.centre.open(wrapped)?
        } else {
            let (client, wrapped) = wrapped.split_once(':').ok_or_else(broken)?;
            self.client(client.parse().map_err(|_| broken())?).open(wrapped)?
        };
        let key = <[u8; KEY_BYTES]>::try_from(key).map_err(|_| broken())?;
        Ok(Seal::new(&key, self.random))
    }

    /// Gives the seal over what lives only as long as a call.
    pub(super) fn passing(&self) -> &Seal {
        &self.passing
    }

    /// Gives the seal over the secrets of people who sign in.
    pub(super) fn accounts(&self) -> &Seal {
        &self.accounts
    }

    /// Reads the digits of a row with `e164` and `digits_key`; none once they were erased.
    pub(super) fn digits(&self, row: &Row) -> Result<Option<Number>, StoreError> {
        let Some(text) = row.try_get::<Option<String>>("e164")? else { return Ok(None) };
        let key: Option<String> = row.try_get("digits_key")?;
        let key = key.map(|key| self.key(&key)).transpose()?;
        Ok(plain(key.as_ref(), text)?.and_then(|text| Number::new(&text).ok()))
    }

    /// Reads the key of the contact a row with `contact_key` tells of; none once it was erased.
    pub(super) fn contact(&self, row: &Row) -> Result<Option<Seal>, StoreError> {
        let Some(key) = row.try_get::<Option<String>>("contact_key")? else { return Ok(None) };
        self.key(&key).map(Some)
    }

    fn client(&self, client: u32) -> Seal {
        let key = self.root.derive(format!("cadran client key {client}").as_bytes());
        Seal::new(&key, self.random)
    }
}

impl Seal {
    fn new(key: &[u8; KEY_BYTES], random: Random) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("AES-256 takes keys of 32 bytes");
        Self { key: LessSafeKey::new(key), random }
    }

    /// Seals a text.
    pub(super) fn seal(&self, text: impl AsRef<[u8]>) -> Result<String, StoreError> {
        let mut nonce = [0; NONCE_LEN];
        (self.random)(&mut nonce).map_err(sqlx::Error::Io)?;
        let mut sealed = nonce.to_vec();
        let mut body = text.as_ref().to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let done = self.key.seal_in_place_append_tag(nonce, Aad::empty(), &mut body);
        done.map_err(|_| StoreError::Setting("text: it is too long to be sealed"))?;
        sealed.append(&mut body);
        let mut text = String::from(MARK);
        BASE64.encode_string(&sealed, &mut text);
        Ok(text)
    }

    fn open(&self, text: &str) -> Result<Vec<u8>, StoreError> {
        let sealed = text.strip_prefix(MARK).and_then(|text| BASE64.decode(text).ok());
        let mut sealed = sealed.ok_or_else(broken)?;
        if sealed.len() < NONCE_LEN {
            return Err(broken());
        }
        let mut body = sealed.split_off(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(&sealed).map_err(|_| broken())?;
        let opened = self.key.open_in_place(nonce, Aad::empty(), &mut body);
        Ok(opened.map_err(|_| broken())?.to_vec())
    }
}

/// Reads a text that is sealed with a key, or was never sealed; none if its key was destroyed.
pub(super) fn plain(key: Option<&Seal>, text: String) -> Result<Option<String>, StoreError> {
    if !is_sealed(&text) {
        return Ok(Some(text));
    }
    let Some(key) = key else { return Ok(None) };
    String::from_utf8(key.open(&text)?).map(Some).map_err(|_| broken())
}

/// Tells whether a text is sealed.
pub(super) fn is_sealed(text: &str) -> bool {
    text.starts_with(MARK)
}

fn broken() -> StoreError {
    StoreError::Corrupt { what: "seal", value: "its key does not open it".to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    /// Fills bytes so that no two fillings are alike.
    fn other_bytes(bytes: &mut [u8]) -> std::io::Result<()> {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        bytes.fill(NEXT.fetch_add(1, Ordering::Relaxed));
        Ok(())
    }

    fn seals(file: &str) -> Result<(tempfile::TempDir, Seals), StoreError> {
        let folder = tempfile::tempdir().map_err(sqlx::Error::Io)?;
        let root = Fingerprints::open(&folder.path().join(file), Some(other_bytes))?;
        Ok((folder, Seals::new(root, other_bytes)))
    }

    #[test]
    fn what_is_sealed_opens_with_its_own_key_alone() -> Result<(), StoreError> {
        let (_folder, seals) = seals("key")?;
        let (mine, wrapped) = seals.draw(Wrap::Client(1))?;
        let (other, _) = seals.draw(Wrap::Client(1))?;
        let sealed = mine.seal("Camille Durand")?;
        assert!(is_sealed(&sealed) && !sealed.contains("Camille"), "{sealed}");
        let again = seals.key(&wrapped)?;
        let read = plain(Some(&again), sealed.clone())?;
        assert_eq!(read.as_deref(), Some("Camille Durand"));
        assert_eq!(plain(None, sealed.clone())?, None, "the key is gone");
        let wrong = plain(Some(&other), sealed.clone());
        assert!(matches!(wrong, Err(StoreError::Corrupt { .. })), "{wrong:?}");
        assert_ne!(mine.seal("Camille Durand")?, sealed, "every seal is another");
        Ok(())
    }

    #[test]
    fn a_key_is_wrapped_by_its_client_company_and_its_key_file() -> Result<(), StoreError> {
        let (_folder, own) = seals("one")?;
        let (_elsewhere, others) = seals("two")?;
        let (_, wrapped) = own.draw(Wrap::Client(1))?;
        own.key(&wrapped)?;
        let sealed = wrapped.strip_prefix("1:").unwrap_or_default();
        let clients = format!("2:{sealed}");
        for (seals, key) in [
            (&own, clients.as_str()),
            (&own, sealed),
            (&own, "x:s1:AAAA"),
            (&own, ""),
            (&others, wrapped.as_str()),
        ] {
            let opened = seals.key(key).map(drop);
            assert!(matches!(opened, Err(StoreError::Corrupt { .. })), "{key}");
        }
        Ok(())
    }

    #[test]
    fn whatever_is_no_seal_is_an_error_or_plain() -> Result<(), StoreError> {
        let (_folder, seals) = seals("key")?;
        let (key, _) = seals.draw(Wrap::Centre)?;
        for text in ["s1:", "s1:AAAA", "s1:é", "s1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            let read = plain(Some(&key), text.to_owned());
            assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{text}: {read:?}");
        }
        assert_eq!(plain(Some(&key), "+33612".to_owned())?.as_deref(), Some("+33612"));
        Ok(())
    }
}
