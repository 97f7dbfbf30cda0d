//! The supervisor's live view in the terminal.
