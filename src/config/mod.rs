//! Files to typed settings.

pub mod scenario;
