//! The second factor: codes of six digits that change every 30 s (RFC 6238, RFC 4226).

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use crate::units::Wall;

/// Bytes of a secret: RFC 4226 §4 recommends 160 bits.
pub(super) const SECRET_BYTES: usize = 20;

/// Seconds a code lasts (RFC 6238 §4.1).
const STEP: u64 = 30;

/// Codes of so many steps before and after are taken too (RFC 6238 §5.2 recommends one).
const SLACK: u64 = 1;

/// Digits of base 32 (RFC 4648 §6).
const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Tells which step a code is of, if it is one that is taken now.
pub(super) fn step(secret: &str, code: &str, now: Wall) -> Option<u64> {
    let secret = from_base32(secret)?;
    let code: String = code.chars().filter(|sign| !sign.is_whitespace()).collect();
    if code.len() != 6 || !code.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let code: u32 = code.parse().ok()?;
    let present = now.as_micros().max(0).unsigned_abs() / 1_000_000 / STEP;
    let mut steps = present.saturating_sub(SLACK)..=present + SLACK;
    steps.find(|step| code_of(&secret, *step) == code)
}

/// Gives the code of a step (RFC 4226 §5.3).
fn code_of(secret: &[u8], step: u64) -> u32 {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 0xF);
    let word = u32::from_be_bytes([hash[at], hash[at + 1], hash[at + 2], hash[at + 3]]);
    (word & 0x7FFF_FFFF) % 1_000_000
}

/// Gives what an authenticator reads: the key URI that all of them know.
pub(super) fn uri(name: &str, secret: &str) -> String {
    let plain = |sign: &char| sign.is_ascii_alphanumeric() || "-_.".contains(*sign);
    let name: String = name.chars().filter(plain).collect();
    format!("otpauth://totp/cadran:{name}?secret={secret}&issuer=cadran")
}

/// Writes bytes in base 32, without padding.
pub(super) fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    for five in bytes.chunks(5) {
        let mut block = [0; 8];
        block[3..3 + five.len()].copy_from_slice(five);
        let block = u64::from_be_bytes(block);
        let digits = (five.len() * 8).div_ceil(5);
        let digit = |nth| usize::try_from(block >> (35 - 5 * nth) & 31).unwrap_or_default();
        text.extend((0..digits).map(|nth| char::from(DIGITS[digit(nth)])));
    }
    text
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for sign in text.bytes() {
        let digit = DIGITS.iter().position(|digit| *digit == sign.to_ascii_uppercase())?;
        held = held << 5 | u32::try_from(digit).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xFF).ok()?);
        }
    }
    (bytes.len() >= SECRET_BYTES).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238's appendix B: `12345678901234567890`.
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn at(seconds: i64) -> Wall {
        Wall::micros(seconds * 1_000_000)
    }

    #[test]
    fn the_codes_are_those_of_the_rfc() {
        assert_eq!(base32(b"12345678901234567890"), SECRET);
        for (seconds, code, of) in [
            (59, "287082", 1),
            (1_111_111_109, "081804", 37_037_036),
            (1_111_111_111, "050 471", 37_037_037),
            (1_234_567_890, "005924", 41_152_263),
            (2_000_000_000, "279037", 66_666_666),
            (20_000_000_000, "353130", 666_666_666),
        ] {
            assert_eq!(step(SECRET, code, at(seconds)), Some(of), "{seconds}");
            assert_eq!(step(SECRET, code, at(seconds + 30)), Some(of), "a step late");
            assert_eq!(step(SECRET, code, at(seconds + 120)), None, "too late");
        }
    }

    #[test]
    fn what_is_no_code_or_secret_is_refused() {
        for code in ["", "28708", "2870820", "28708a", "+87082"] {
            assert_eq!(step(SECRET, code, at(59)), None, "{code}");
        }
        for secret in ["", "GEZDGNBV", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1"] {
            assert_eq!(step(secret, "287082", at(59)), None, "{secret}");
        }
        for bytes in [&b""[..], b"f", b"fo", b"foo", b"foob", b"fooba", b"foobar"] {
            // RFC 4648 §10, without padding.
            let known = ["", "MY", "MZXQ", "MZXW6", "MZXW6YQ", "MZXW6YTB", "MZXW6YTBOI"];
            assert_eq!(base32(bytes), known[bytes.len()]);
        }
    }
}
