//! What cadran reads of others, each reader with what must be true of it whatever comes.
//!
//! A target takes any bytes and panics if a claim does not hold. `fuzz_targets/` gives them to
//! libFuzzer; `tests/it/fuzz.rs` replays the corpora and every finding with no fuzzer at all.

pub mod config;
pub mod list;
pub mod rtcp;
pub mod rtp;
mod script;
pub mod sdp;
pub mod sip;
mod stage;
pub mod tape;
pub mod transactions;
pub mod values;

/// A target takes any bytes, and panics where a claim of its does not hold.
pub type Target = fn(&[u8]);

/// Every target by its name: that of its program, its corpus and its folder of findings.
pub const TARGETS: [(&str, Target); 9] = [
    ("sip", sip::run),
    ("values", values::run),
    ("sdp", sdp::run),
    ("rtp", rtp::run),
    ("rtcp", rtcp::run),
    ("transactions", transactions::run),
    ("config", config::run),
    ("list", list::run),
    ("tape", tape::run),
];
