//! HTTP under /v1.

pub mod import;
pub mod types;
