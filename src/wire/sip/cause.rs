//! Why a call is given up or ended, as the Reason header says it (RFC 3326).

use super::writer::Writer;

/// Why we end what we began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// We hang up, as anybody does.
    Cleared,
    /// Another fork was answered.
    Elsewhere,
    /// Nobody refreshed the session (RFC 4028 §10).
    Expired,
    /// Our answer was never acknowledged, or the peer knows the dialog no longer.
    Lost,
}

impl Writer {
    /// Writes the Reason line of a BYE or CANCEL.
    pub(super) fn why(&mut self, why: Why) -> &mut Self {
        self.header(
            "Reason",
            match why {
                Why::Cleared => "Q.850;cause=16;text=\"Normal call clearing\"",
                Why::Elsewhere => "SIP;cause=200;text=\"Call completed elsewhere\"",
                Why::Expired => "SIP;cause=408;text=\"Session timer expired\"",
                Why::Lost => "SIP;cause=481;text=\"Dialog lost\"",
            },
        )
    }
}
