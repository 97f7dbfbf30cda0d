//! Runs one `Dialer` against the world.

pub mod clock;
pub mod handle;
pub mod tape;
pub mod tasks;
