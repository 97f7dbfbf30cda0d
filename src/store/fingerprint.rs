//! Keyed fingerprints of telephone numbers.
