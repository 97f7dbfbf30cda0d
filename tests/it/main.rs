//! Every test that looks at the product from outside its modules, in one binary.

mod house;
mod model;
mod scenes;
mod seat;
mod strict;
mod swarm;
mod torture;

#[cfg(feature = "engine")]
mod abuse;
#[cfg(feature = "engine")]
mod agree;
#[cfg(feature = "engine")]
mod campaigns;
#[cfg(feature = "engine")]
mod carrier;
#[cfg(feature = "engine")]
mod cli;
#[cfg(feature = "engine")]
mod compose;
#[cfg(feature = "engine")]
mod desk;
#[cfg(feature = "engine")]
mod far;
#[cfg(feature = "engine")]
mod foretold;
#[cfg(feature = "engine")]
mod fuzz;
#[cfg(feature = "engine")]
mod goals;
#[cfg(feature = "engine")]
mod hard;
#[cfg(feature = "engine")]
mod hooks;
#[cfg(feature = "engine")]
mod import;
#[cfg(feature = "engine")]
mod kill;
#[cfg(feature = "engine")]
mod law;
#[cfg(feature = "engine")]
mod lossy;
#[cfg(feature = "engine")]
mod media;
#[cfg(feature = "engine")]
mod migrations;
#[cfg(feature = "engine")]
mod names;
#[cfg(feature = "engine")]
mod peers;
#[cfg(feature = "engine")]
mod ports;
#[cfg(feature = "engine")]
mod postgres;
#[cfg(feature = "engine")]
mod priors;
#[cfg(feature = "engine")]
mod program;
#[cfg(feature = "engine")]
mod replay;
#[cfg(feature = "engine")]
mod sipp;
#[cfg(feature = "engine")]
mod soak;
#[cfg(feature = "engine")]
mod srtp;
#[cfg(feature = "engine")]
mod store;
#[cfg(feature = "engine")]
mod transport;
#[cfg(feature = "webrtc")]
mod webrtc;
#[cfg(feature = "engine")]
mod what_if;
