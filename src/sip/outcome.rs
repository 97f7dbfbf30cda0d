//! The one table from a SIP final response to the core's words for why a call failed.

use crate::core::fact::Failure;

/// Tells what a final response to our INVITE means.
///
/// | status | meaning | why |
/// | --- | --- | --- |
/// | 486, 600 | [`Failure::Busy`] | the line is in use (RFC 3261 §21.4.24, §21.6.1) |
/// | 408, 480, 487 | [`Failure::NoAnswer`] | the far network gave up ringing (§21.4.9, §21.4.18, §21.4.25) |
/// | 404, 410, 484, 485, 604 | [`Failure::Invalid`] | no such number, or not a whole one (§21.4.5, §21.4.11, §21.4.22, §21.4.23, §21.6.3) |
/// | 433, 603, 607, 608 | [`Failure::Declined`] | the person or his filter refused (RFC 5079, RFC 3261 §21.6.2, RFC 8197, RFC 8688) |
/// | 500, 502, 503, 504, 580 | [`Failure::Congestion`] | no room or a fault on the way that passes (§21.5.1, §21.5.3-5, RFC 3312 §8) |
/// | everything else | [`Failure::TrunkFault`] | our credentials, caller ID, codec or form, or a redirection not followed |
///
/// 487 to our own CANCEL is no failure: the leg is reported gone. Silence of the trunk (RFC 3261
/// §17.1.1.2, Timer B) comes as 408 with `silent` and is the trunk's fault, not the callee's.
#[must_use]
pub fn failure(status: u16, silent: bool) -> Failure {
    match status {
        408 if silent => Failure::TrunkFault,
        486 | 600 => Failure::Busy,
        408 | 480 | 487 => Failure::NoAnswer,
        404 | 410 | 484 | 485 | 604 => Failure::Invalid,
        433 | 603 | 607 | 608 => Failure::Declined,
        500 | 502 | 503 | 504 | 580 => Failure::Congestion,
        _ => Failure::TrunkFault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_final_response_has_one_meaning() {
        for (statuses, expected) in [
            (&[486, 600][..], Failure::Busy),
            (&[408, 480, 487], Failure::NoAnswer),
            (&[404, 410, 484, 485, 604], Failure::Invalid),
            (&[433, 603, 607, 608], Failure::Declined),
            (&[500, 502, 503, 504, 580], Failure::Congestion),
            (&[301, 302, 401, 403, 407, 415, 488, 606, 699], Failure::TrunkFault),
        ] {
            for status in statuses {
                assert_eq!(failure(*status, false), expected, "{status}");
            }
        }
    }

    #[test]
    fn a_silent_trunk_is_not_a_person_who_does_not_answer() {
        assert_eq!(failure(408, true), Failure::TrunkFault);
    }
}
