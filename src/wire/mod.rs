//! Bytes and timers of the protocols: SIP, SDP, RTP, RTCP, SRTP, DTMF events.

pub mod dtmf;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod sip;
pub mod srtp;
