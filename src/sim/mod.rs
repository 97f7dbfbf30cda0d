//! A seeded town that calls the same Dialer.
