//! SIP (RFC 3261) as sans-IO machines on `rsip` values.
//!
//! An [`Endpoint`] is fed datagrams, commands and the time; it gives datagrams and [`Event`]s.
//! After every call that took `now`, drain [`Endpoint::poll_transmit`] and
//! [`Endpoint::poll_event`], then wait until [`Endpoint::next_timeout`].

mod answer;
mod cause;
mod change;
mod client;
mod dialog;
mod digest;
mod early;
mod endpoint;
mod event;
mod guesses;
mod hear;
mod inside;
mod leg;
mod lexer;
mod net;
mod ping;
mod place;
mod register;
mod registrar;
mod reliable;
mod scope;
mod server;
mod session;
mod settings;
mod slab;
mod sources;
mod stale;
mod stream;
mod targets;
mod transfer;
mod uac;
mod uas;
mod values;
mod witness;
mod writer;

pub use cause::{q850_cause, tells_of_callee};
pub use endpoint::{Endpoint, LEGS_MAX};
pub use event::{
    CommandError, Counters, Event, Hop, Incoming, Invite, Registered, Sdp, StoredBinding,
    StoredDialog, Target, Transmit, Transport,
};
pub use scope::Scope;
pub use settings::{
    Credentials, EarlyMedia, Ha1, Identity, Phone, Privacy, Refresher, Registration, Reliability,
    SessionTimers, Settings, TimerMode, Trunk,
};
pub use sources::Sources;
pub use stream::{Broken, Framer, Piece};
pub use targets::Way;
pub use witness::{Part, Subject, Testimony};

#[cfg(test)]
mod tests;
