//! cadran: a predictive and progressive outbound dialer engine.
//!
//! The pure half compiles alone (`--no-default-features`): it never awaits, reads a clock or
//! touches the world. The shell half, behind the feature `engine`, does those things for it.

// The pure half.
pub mod core;
pub mod sim;
pub mod sound;
pub mod units;
pub mod wire;

// The shell half.
#[cfg(feature = "engine")]
pub mod api;
#[cfg(feature = "engine")]
pub mod carrier;
#[cfg(feature = "engine")]
pub mod cli;
#[cfg(feature = "engine")]
pub mod config;
#[cfg(feature = "engine")]
pub mod desk;
#[cfg(feature = "engine")]
pub mod engine;
#[cfg(feature = "engine")]
pub mod hooks;
#[cfg(feature = "engine")]
pub mod media;
#[cfg(feature = "engine")]
pub mod sip;
#[cfg(feature = "engine")]
pub mod store;
#[cfg(feature = "engine")]
pub mod watch;
