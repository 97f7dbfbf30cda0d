//! Samples: G.711, WAV, tones, mixing.
