//! The virtual carrier: a real SIP and RTP endpoint with personas.
