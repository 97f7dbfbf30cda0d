//! SDP offer and answer for G.711 audio (RFC 8866, RFC 3264).
