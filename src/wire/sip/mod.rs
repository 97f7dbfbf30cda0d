//! SIP (RFC 3261) as sans-IO machines on `rsip` values.
