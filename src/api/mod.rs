//! HTTP under /v1.
