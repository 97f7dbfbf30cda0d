//! The one table from a SIP final response to the core's words for why a call failed.

use crate::core::fact::Failure;
use crate::wire::sip::q850_cause;

/// Tells what a final response to our INVITE means.
///
/// | status | meaning | why |
/// | --- | --- | --- |
/// | 486, 600 | [`Failure::Busy`] | the line is in use (RFC 3261 §21.4.24, §21.6.1) |
/// | 408, 480, 487 | [`Failure::NoAnswer`] | the far network gave up ringing (§21.4.9, §21.4.18, §21.4.25) |
/// | 404, 410, 484, 485, 604 | [`Failure::Invalid`] | no such number, or not a whole one (§21.4.5, §21.4.11, §21.4.22, §21.4.23, §21.6.3) |
/// | 433, 603 | [`Failure::Declined`] | the person or his filter refused (RFC 5079, RFC 3261 §21.6.2) |
/// | 607 | [`Failure::Unwanted`] | the person wants no such calls (RFC 8197) |
/// | 608, 603 as below | [`Failure::Blocked`] | analytics took the number shown for an unwanted caller's (RFC 8688) |
/// | 428, 436, 437, 438 | [`Failure::TrunkFault`] | the call was not signed, or not so that it can be believed (RFC 8224 §6.2.2): our operator's, or the number's mandate |
/// | 500, 502, 503, 504, 580 | [`Failure::Congestion`] | no room or a fault on the way that passes (§21.5.1, §21.5.3-5, RFC 3312 §8) |
/// | everything else | [`Failure::TrunkFault`] | our credentials, caller ID, codec or form, or a redirection not followed |
///
/// Where the status says little, a Q.850 cause in the Reason header (RFC 3326) says more, by
/// RFC 3398 §7.2.4.1. 487 to our own CANCEL is no failure: the leg is reported gone. Silence of the
/// trunk (RFC 3261 §17.1.1.2, Timer B) comes as 408 without a `reason`, a connection that broke as
/// 503 without one (§8.1.3.1): the trunk's fault, not the callee's.
///
/// A 603 is a network's where its phrase is `Network Blocked` or its Reason header tells of
/// analytics, `v=analytics1;…` (ATIS-1000099, "603+"); any other is the person's own.
#[must_use]
pub fn failure(status: u16, reason: &str) -> Failure {
    if matches!(status, 408 | 503) && reason.is_empty() {
        return Failure::TrunkFault;
    }
    let vague = matches!(status, 408 | 480 | 487 | 500 | 502..=504 | 580);
    if let Some(meant) = q850_cause(reason).filter(|_| vague).and_then(by_cause) {
        return meant;
    }
    match status {
        486 | 600 => Failure::Busy,
        408 | 480 | 487 => Failure::NoAnswer,
        404 | 410 | 484 | 485 | 604 => Failure::Invalid,
        603 if is_of_analytics(reason) => Failure::Blocked,
        433 | 603 => Failure::Declined,
        607 => Failure::Unwanted,
        608 => Failure::Blocked,
        428 | 436..=438 => Failure::TrunkFault,
        500 | 502..=504 | 580 => Failure::Congestion,
        _ => Failure::TrunkFault,
    }
}

/// Tells whether a network's analytics refused a call, by what a 603 says of it.
fn is_of_analytics(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    reason.contains("network blocked") || reason.contains("v=analytics")
}

/// Tells whether a status says that the call was not signed so that it can be believed
/// (RFC 8224 §6.2.2): 428 Use Identity Header, 436 Bad Identity Info, 437 Unsupported Credential,
/// 438 Invalid Identity Header.
#[must_use]
pub const fn is_of_attestation(status: u16) -> bool {
    matches!(status, 428 | 436..=438)
}

/// Tells what a cause of ITU-T Q.850 §2.2.7 means, by the statuses RFC 3398 §7.2.4.1 maps it to;
/// `None` for causes that say no more than a status does. 2 and 3, no route, are mapped to 404
/// there: but it is the carrier who has no route, and the number stays good.
fn by_cause(cause: u8) -> Option<Failure> {
    match cause {
        1 | 22 | 28 => Some(Failure::Invalid),
        2 | 3 => Some(Failure::Congestion),
        17 => Some(Failure::Busy),
        18..=20 => Some(Failure::NoAnswer),
        21 => Some(Failure::Declined),
        34 | 38 | 41 | 42 | 44 | 47 => Some(Failure::Congestion),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::sip::tells_of_callee;

    #[test]
    fn every_final_response_has_one_meaning() {
        for (statuses, expected) in [
            (&[486, 600][..], Failure::Busy),
            (&[408, 480, 487], Failure::NoAnswer),
            (&[404, 410, 484, 485, 604], Failure::Invalid),
            (&[433, 603], Failure::Declined),
            (&[607], Failure::Unwanted),
            (&[608], Failure::Blocked),
            (&[500, 502, 503, 504, 580], Failure::Congestion),
            (
                &[301, 302, 401, 403, 407, 415, 428, 436, 437, 438, 488, 606, 699],
                Failure::TrunkFault,
            ),
        ] {
            for status in statuses {
                assert_eq!(failure(*status, "Phrase"), expected, "{status}");
            }
        }
    }

    #[test]
    fn a_cause_means_something_of_the_callee_just_where_the_stack_says_so() {
        for cause in 0..=u8::MAX {
            let of_callee = by_cause(cause).is_some_and(|meant| meant != Failure::Congestion);
            assert_eq!(tells_of_callee(cause), of_callee, "{cause}");
        }
    }

    #[test]
    fn a_silent_trunk_is_not_a_person_who_does_not_answer() {
        assert_eq!([408, 503].map(|status| failure(status, "")), [Failure::TrunkFault; 2]);
    }

    #[test]
    fn a_cause_says_what_a_vague_status_does_not() {
        for (status, reason, expected) in [
            (503, "Q.850;cause=17;text=\"User busy\"", Failure::Busy),
            (480, "Q.850 ; cause=1", Failure::Invalid),
            (500, "SIP;cause=500, q.850;text=\"x\";Cause = 34", Failure::Congestion),
            (480, "Q.850;cause=21", Failure::Declined),
            (502, "Q.850;cause=18", Failure::NoAnswer),
            (503, "Q.850;cause=16", Failure::Congestion),
            (503, "Q.850;cause=999", Failure::Congestion),
            (503, "Q.850", Failure::Congestion),
            (480, "SIP;cause=486", Failure::NoAnswer),
            (486, "Q.850;cause=34", Failure::Busy),
            (403, "Q.850;cause=21", Failure::TrunkFault),
            (603, "Network Blocked", Failure::Blocked),
            (603, "Q.850;cause=21, Network Blocked", Failure::Blocked),
            (503, "Q.850;cause=34, User Busy", Failure::Congestion),
            (
                603,
                "Q.850;cause=21;text=\"v=analytics1;url=https://a.example\";location=LN",
                Failure::Blocked,
            ),
            (603, "Decline", Failure::Declined),
            (603, "Q.850;cause=21", Failure::Declined),
        ] {
            assert_eq!(failure(status, reason), expected, "{status} {reason}");
        }
    }
}
