//! Bytes and timers of the protocols: SIP, SDP, RTP, RTCP, DTMF events.

pub mod dtmf;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod sip;
