//! Why a call is given up or ended, as the Reason header says it (RFC 3326), ours and theirs.

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
    /// Our answer was never acknowledged, or one side knows the dialog no longer.
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

/// Reads the Q.850 cause out of a Reason header's values (RFC 3326 §2); `None` without one.
#[must_use]
pub fn q850_cause(reason: &str) -> Option<u8> {
    let mut params = reason.split(',').find_map(|value| {
        let mut parts = value.split(';').map(str::trim);
        parts.next()?.eq_ignore_ascii_case("Q.850").then_some(parts)
    })?;
    params.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("cause").then(|| value.trim().parse().ok())?
    })
}

/// Tells whether a Q.850 cause lies with the number called (ITU-T Q.850 §2.2.7), so that no other
/// way there would end otherwise. 2 and 3, no route, are the network's: another may have one.
#[must_use]
pub const fn tells_of_callee(cause: u8) -> bool {
    matches!(cause, 1 | 17..=22 | 28)
}
