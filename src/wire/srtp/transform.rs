//! Session keys and what they do to one packet (RFC 3711 §4, RFC 7714).

use aes::cipher::consts::{U12, U16};
use aes::cipher::{BlockCipherEncrypt, BlockSizeUser, InnerIvInit, KeyInit, StreamCipherCore};
use aes::{Aes128Enc, Aes256Enc};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{AesGcm, Nonce, Tag};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::{Key, Suite};

/// The salt of AES in counter mode, in bytes (RFC 3711 §8.2).
pub(super) const CM_SALT: usize = 14;

/// The salt of AES-GCM, in bytes (RFC 7714 §12).
pub(super) const GCM_SALT: usize = 12;

/// The tag of AES-GCM, in bytes (RFC 7714 §13.2).
pub(super) const GCM_TAG: usize = 16;

/// The key of HMAC-SHA1, in bytes (RFC 3711 §8.2).
const MAC_KEY: usize = 20;

/// The tags of HMAC-SHA1 (RFC 4568 §6.2), in bytes.
const MAC_LONG: usize = 10;
const MAC_SHORT: usize = 4;

/// The head of a report that stays readable, in bytes (RFC 3711 §3.4).
pub(super) const REPORT_HEAD: usize = 8;

/// What session keys are for; each protocol has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Rtp,
    Rtcp,
}

impl Protocol {
    /// Gives the labels of cipher key, authentication key and salt (RFC 3711 §4.3.2).
    const fn labels(self) -> [u8; 3] {
        match self {
            Self::Rtp => [0, 1, 2],
            Self::Rtcp => [3, 4, 5],
        }
    }
}

/// One packet as the transforms see it.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) ssrc: u32,
    /// The packet's index: 48 bits for RTP, 31 for RTCP.
    pub(super) index: u64,
    /// What stays readable.
    pub(super) head: &'a [u8],
    pub(super) body: &'a mut [u8],
    /// What else is authenticated: the rollover counter, or the index with its E bit.
    pub(super) word: [u8; 4],
}

/// The session keys of one protocol in one direction.
pub(super) struct Transform {
    protocol: Protocol,
    cipher: Cipher,
    /// The length of the tag in bytes.
    pub(super) tag: usize,
}

enum Cipher {
    Counter(Counter),
    Gcm128(Gcm<Aes128Enc>),
    Gcm256(Box<Gcm<Aes256Enc>>),
}

impl Transform {
    /// Derives the session keys (RFC 3711 §4.3 with a key derivation rate of 0; RFC 7714 §11).
    pub(super) fn derive(key: &Key, protocol: Protocol) -> Self {
        let (cipher, tag) = match key.suite() {
            Suite::Gcm256 => (Cipher::Gcm256(Box::new(Gcm::derive(key, protocol))), GCM_TAG),
            Suite::Gcm128 => (Cipher::Gcm128(Gcm::derive(key, protocol)), GCM_TAG),
            suite @ (Suite::Cm80 | Suite::Cm32) => {
                let short = suite == Suite::Cm32 && protocol == Protocol::Rtp;
                let counter = Counter::derive(key, protocol);
                (Cipher::Counter(counter), if short { MAC_SHORT } else { MAC_LONG })
            }
        };
        Self { protocol, cipher, tag }
    }

    /// Tells whether a report's index follows its tag instead of preceding it (RFC 7714 §9.1).
    pub(super) const fn tags_before_the_index(&self) -> bool {
        !matches!(self.cipher, Cipher::Counter(_))
    }

    /// Encrypts the body and writes the tag, which is as long as the transform's.
    pub(super) fn seal(&self, parts: Parts<'_>, tag: &mut [u8]) {
        let whole = match &self.cipher {
            Cipher::Counter(counter) => counter.seal(parts),
            Cipher::Gcm128(gcm) => gcm.seal(self.protocol, parts),
            Cipher::Gcm256(gcm) => gcm.seal(self.protocol, parts),
        };
        tag.copy_from_slice(whole.get(..self.tag).unwrap_or_default());
    }

    /// Decrypts the body if the tag is right; otherwise everything stays as it was.
    #[must_use]
    pub(super) fn open(&self, parts: Parts<'_>, tag: &[u8]) -> bool {
        match &self.cipher {
            Cipher::Counter(counter) => counter.open(parts, tag),
            Cipher::Gcm128(gcm) => gcm.open(self.protocol, parts, tag),
            Cipher::Gcm256(gcm) => gcm.open(self.protocol, parts, tag),
        }
    }
}

/// AES in counter mode with HMAC-SHA1 (RFC 3711 §4.1.1, §4.2.1).
struct Counter {
    cipher: Aes128Enc,
    mac: Hmac<Sha1>,
    salt: [u8; CM_SALT],
}

impl Counter {
    fn derive(key: &Key, protocol: Protocol) -> Self {
        let (mut secret, mut mac, mut salt) = ([0; 16], [0; MAC_KEY], [0; CM_SALT]);
        derive::<Aes128Enc>(key, protocol, [&mut secret, &mut mac, &mut salt]);
        let mac = Hmac::new_from_slice(&mac).expect("HMAC takes keys of any length");
        Self { cipher: Aes128Enc::new(&secret.into()), mac, salt }
    }

    fn seal(&self, mut parts: Parts<'_>) -> [u8; GCM_TAG] {
        self.encrypt(&mut parts);
        let tag = self.authenticate(&parts).finalize().into_bytes();
        *tag.first_chunk().expect("SHA-1 gives 20 bytes")
    }

    fn open(&self, mut parts: Parts<'_>, tag: &[u8]) -> bool {
        let right = self.authenticate(&parts).verify_truncated_left(tag).is_ok();
        if right {
            self.encrypt(&mut parts);
        }
        right
    }

    /// Adds the keystream, which encrypts and decrypts.
    fn encrypt(&self, parts: &mut Parts<'_>) {
        let mut first = [0; 16];
        let (salted, _) = first.split_at_mut(CM_SALT);
        salted.copy_from_slice(&self.salt);
        add_packet(salted, parts);
        encrypt(&self.cipher, first, parts.body);
    }

    fn authenticate(&self, parts: &Parts<'_>) -> Hmac<Sha1> {
        let mut mac = self.mac.clone();
        mac.update(parts.head);
        mac.update(parts.body);
        mac.update(&parts.word);
        mac
    }
}

/// AES in Galois/counter mode (RFC 7714).
struct Gcm<C> {
    cipher: AesGcm<C, U12>,
    salt: [u8; GCM_SALT],
}

impl<C: Aes> Gcm<C> {
    fn derive(key: &Key, protocol: Protocol) -> Self {
        let (mut secret, mut salt) = (aes::cipher::Key::<C>::default(), [0; GCM_SALT]);
        derive::<C>(key, protocol, [&mut secret, &mut [], &mut salt]);
        Self { cipher: AesGcm::new(&secret), salt }
    }

    fn seal(&self, protocol: Protocol, parts: Parts<'_>) -> [u8; GCM_TAG] {
        let nonce = self.nonce(&parts);
        let sealed = match protocol {
            Protocol::Rtp => {
                self.cipher.encrypt_inout_detached(&nonce, parts.head, parts.body.into())
            }
            Protocol::Rtcp => {
                let aad = report_aad(&parts);
                self.cipher.encrypt_inout_detached(&nonce, &aad, parts.body.into())
            }
        };
        sealed.expect("a datagram is shorter than the 64 GiB of AES-GCM").into()
    }

    fn open(&self, protocol: Protocol, parts: Parts<'_>, tag: &[u8]) -> bool {
        let Ok(tag) = Tag::try_from(tag) else { return false };
        let nonce = self.nonce(&parts);
        let opened = match protocol {
            Protocol::Rtp => {
                self.cipher.decrypt_inout_detached(&nonce, parts.head, parts.body.into(), &tag)
            }
            Protocol::Rtcp => {
                let aad = report_aad(&parts);
                self.cipher.decrypt_inout_detached(&nonce, &aad, parts.body.into(), &tag)
            }
        };
        opened.is_ok()
    }

    /// Makes the nonce (RFC 7714 §8.1, §9.1).
    fn nonce(&self, parts: &Parts<'_>) -> Nonce<U12> {
        let mut nonce = self.salt;
        add_packet(&mut nonce, parts);
        nonce.into()
    }
}

/// What AES-GCM authenticates of a report besides its body (RFC 7714 §9.2).
fn report_aad(parts: &Parts<'_>) -> [u8; REPORT_HEAD + 4] {
    let mut aad = [0; REPORT_HEAD + 4];
    let (head, word) = aad.split_at_mut(REPORT_HEAD);
    head.copy_from_slice(parts.head);
    word.copy_from_slice(&parts.word);
    aad
}

/// Adds a packet's source and index to the last ten bytes of a salt (RFC 3711 §4.1.1,
/// RFC 7714 §8.1).
fn add_packet(salt: &mut [u8], parts: &Parts<'_>) {
    let [_, _, index @ ..] = parts.index.to_be_bytes();
    let packet = parts.ssrc.to_be_bytes().into_iter().chain(index);
    for (byte, add) in salt.iter_mut().rev().zip(packet.rev()) {
        *byte ^= add;
    }
}

/// The AES of a suite.
trait Aes: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + KeyInit {}
impl<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + KeyInit> Aes for C {}

/// Adds the keystream that begins with a counter block.
fn encrypt<C: Aes>(cipher: &C, first: [u8; 16], bytes: &mut [u8]) {
    CtrCore::<_, Ctr128BE>::inner_iv_init(cipher, &first.into())
        .apply_keystream_partial(bytes.into());
}

/// Derives cipher key, authentication key and salt (RFC 3711 §4.3.1). Twelve bytes of salt count
/// as fourteen that end with zeros (RFC 7714 §11).
fn derive<C: Aes>(key: &Key, protocol: Protocol, secrets: [&mut [u8]; 3]) {
    let (master, salt) = key.reveal().split_at(key.suite().cipher_key());
    let cipher = C::new_from_slice(master).expect("the suite says how long its cipher's key is");
    for (label, secret) in protocol.labels().into_iter().zip(secrets) {
        let mut first = [0; 16];
        for (byte, salt) in first.iter_mut().zip(salt) {
            *byte = *salt;
        }
        // The label stands before the 48 bits of an index that is always 0 here.
        first[7] ^= label;
        encrypt(&cipher, first, secret);
    }
}

#[cfg(test)]
pub(super) use vectors::{keystream_of, session_keys};

/// What the RFCs' examples are told in: session keys, and keystream without a packet.
#[cfg(test)]
mod vectors {
    use super::{
        Aes128Enc, Cipher, GCM_SALT, GCM_TAG, Gcm, Key, KeyInit, Protocol, Suite, Transform,
        derive, encrypt,
    };

    impl Transform {
        pub(in super::super) fn of_session(
            suite: Suite,
            protocol: Protocol,
            secret: &[u8],
            salt: [u8; GCM_SALT],
        ) -> Self {
            let secret = secret.get(..suite.cipher_key()).expect("32 bytes are enough");
            let length = "the suite's own length";
            let cipher = if suite == Suite::Gcm256 {
                let cipher = KeyInit::new_from_slice(secret).expect(length);
                Cipher::Gcm256(Box::new(Gcm { cipher, salt }))
            } else {
                let cipher = KeyInit::new_from_slice(secret).expect(length);
                Cipher::Gcm128(Gcm { cipher, salt })
            };
            Self { protocol, cipher, tag: GCM_TAG }
        }
    }

    pub(in super::super) fn keystream_of(secret: &[u8], salt: &[u8], length: usize) -> Vec<u8> {
        let cipher = Aes128Enc::new_from_slice(secret).expect("sixteen bytes");
        let (mut first, mut stream) = ([0; 16], vec![0; length]);
        first.iter_mut().zip(salt).for_each(|(byte, salt)| *byte = *salt);
        encrypt(&cipher, first, &mut stream);
        stream
    }

    pub(in super::super) fn session_keys(key: &Key, lengths: [usize; 3]) -> [Vec<u8>; 3] {
        let mut keys = lengths.map(|length| vec![0; length]);
        let [cipher, mac, salt] = &mut keys;
        derive::<Aes128Enc>(key, Protocol::Rtp, [cipher, mac, salt]);
        keys
    }
}
