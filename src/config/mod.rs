//! Files to typed settings.
