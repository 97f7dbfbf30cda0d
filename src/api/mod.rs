//! HTTP under /v1.

pub mod import;
pub mod types;

/// A list is not larger than this: five million contacts of fifty bytes.
pub const LIST_BYTES_MAX: usize = 256 << 20;
