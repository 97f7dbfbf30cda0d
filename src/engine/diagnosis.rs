//! What is wrong with a trunk, by how a test call over it went.

use std::net::{IpAddr, Ipv6Addr};

use super::book::TrunkPage;
use super::handle::{Finding, TrunkReport};
use crate::config::Response;

/// The share of lost packets from which people hear it: by ITU-T G.113 Appendix I G.711 loses a
/// tenth of its quality with about so many.
const LOST_MAX: f64 = 0.02;

/// Jitter beyond which the usual buffer of 60 ms runs dry at times, in milliseconds.
const JITTER_MAX_MS: f64 = 30.0;

/// Tells what is wrong, the worst first; nothing if the trunk serves.
pub(super) fn diagnose(report: &TrunkReport, trunk: &TrunkPage, shown: bool) -> Vec<Finding> {
    let words = Words { own: &trunk.responses, usual: Response::usual() };
    if report.status == 200 {
        return audio(report).into_iter().filter_map(|code| words.of_fault(code)).collect();
    }
    let pace = ["cps", "calls per second", "rate limit", "too many"];
    let reason = report.reason.to_lowercase();
    let fault = match report.status {
        0 => Some("unreachable"),
        408 if report.reason.is_empty() => Some("silent"),
        401 | 407 if !trunk.account => Some("account-missing"),
        403 if !shown => Some("number-hidden"),
        _ if pace.iter().any(|word| reason.contains(word)) => Some("pace"),
        _ => None,
    };
    // A second try alone that came further says that the first came too soon after others.
    let passed = report.refused.is_some() && !matches!(report.status, 0 | 408 | 429 | 503);
    let fault = if passed { fault.or(Some("pace")) } else { fault };
    let said = || words.of_status(report.status, &report.reason);
    fault.and_then(|code| words.of_fault(code)).or_else(said).into_iter().collect()
}

fn audio(report: &TrunkReport) -> Vec<&'static str> {
    let mut faults = Vec::new();
    let announced = report.audio_to.map(|to| to.ip()).filter(|ip| is_private(*ip));
    if announced.is_some_and(|ip| report.audio_from.is_none_or(|from| from.ip() != ip)) {
        faults.push("private-address");
    }
    if report.received == 0 {
        faults.push("no-audio-in");
    }
    if report.sent == 0 || report.hears_us == Some(false) {
        faults.push("no-audio-out");
    }
    if report.refused.is_some() {
        faults.push("pace");
    }
    #[expect(clippy::cast_precision_loss, reason = "2^53 packets take longer than any call")]
    let lost = report.lost as f64 / (report.lost + report.received).max(1) as f64;
    if lost > LOST_MAX || report.jitter_ms > JITTER_MAX_MS {
        faults.push("poor-line");
    }
    if !report.dtmf {
        faults.push("no-dtmf");
    }
    faults
}

/// Whether no packet of another network reaches it (RFC 1918, RFC 6598, RFC 3927, RFC 4193,
/// RFC 4291 §2.5.6).
fn is_private(ip: IpAddr) -> bool {
    let unique_local = |v6: Ipv6Addr| v6.segments()[0] & 0xFE00 == 0xFC00;
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let carrier_nat = first == 100 && second & 0xC0 == 64;
            v4.is_private() || v4.is_link_local() || carrier_nat
        }
        IpAddr::V6(v6) => unique_local(v6) || v6.segments()[0] & 0xFFC0 == 0xFE80,
    }
}

/// Where the words of findings come from.
struct Words<'r> {
    own: &'r [Response],
    usual: Vec<Response>,
}

impl Words<'_> {
    fn of_fault(&self, code: &str) -> Option<Finding> {
        let named = |response: &&Response| response.fault == code;
        let response = self.own.iter().chain(&self.usual).find(named)?;
        Some(finding(code.to_owned(), response))
    }

    fn of_status(&self, status: u16, reason: &str) -> Option<Finding> {
        let code = format!("sip-{status}");
        let found = Response::find(self.own, &self.usual, status, reason);
        found.map(|response| finding(code, response)).or_else(|| self.of_fault("other"))
    }
}

fn finding(code: String, response: &Response) -> Finding {
    Finding { code, means: response.means.clone(), remedy: response.remedy.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::sdp::Srtp;

    fn page(account: bool) -> TrunkPage {
        let name = "t".to_owned();
        TrunkPage { name, hidden: false, srtp: Srtp::Off, account, responses: Vec::new() }
    }

    fn codes(report: &TrunkReport, account: bool, shown: bool) -> Vec<String> {
        let found = diagnose(report, &page(account), shown);
        assert!(found.iter().all(|one| !one.means.fr.is_empty() && !one.remedy.en.is_empty()));
        found.into_iter().map(|one| one.code).collect()
    }

    /// An answered call with audio both ways.
    fn good() -> TrunkReport {
        let far = "192.0.2.7:4000".parse().ok();
        TrunkReport {
            status: 200,
            sent: 300,
            received: 299,
            dtmf: true,
            audio_to: far,
            audio_from: far,
            hears_us: Some(true),
            ..TrunkReport::default()
        }
    }

    #[test]
    fn a_trunk_that_serves_has_nothing_wrong() {
        assert_eq!(codes(&good(), true, true), [""; 0]);
        // A carrier in our own network, and one that reports nothing.
        let near = "10.0.0.7:4000".parse().ok();
        let near = TrunkReport { audio_to: near, audio_from: near, hears_us: None, ..good() };
        assert_eq!(codes(&near, true, true), [""; 0]);
    }

    #[test]
    fn each_fault_of_the_audio_is_named() {
        let private = "10.0.0.7:4000".parse().ok();
        for (report, expected) in [
            (TrunkReport { received: 0, audio_from: None, ..good() }, &["no-audio-in"][..]),
            (TrunkReport { hears_us: Some(false), ..good() }, &["no-audio-out"]),
            (TrunkReport { audio_to: private, ..good() }, &["private-address"]),
            (
                TrunkReport { audio_to: private, audio_from: None, received: 0, ..good() },
                &["private-address", "no-audio-in"],
            ),
            (TrunkReport { lost: 40, ..good() }, &["poor-line"]),
            (TrunkReport { jitter_ms: 45.0, ..good() }, &["poor-line"]),
            (TrunkReport { dtmf: false, ..good() }, &["no-dtmf"]),
            (TrunkReport { refused: Some(503), ..good() }, &["pace"]),
        ] {
            assert_eq!(codes(&report, true, true), expected, "{report:?}");
        }
    }

    #[test]
    fn each_refusal_is_named() {
        let refused = |status, reason: &str, first| TrunkReport {
            status,
            reason: reason.into(),
            refused: first,
            ..TrunkReport::default()
        };
        for (report, account, shown, expected) in [
            (refused(0, "", None), true, true, "unreachable"),
            (refused(408, "", None), true, true, "silent"),
            (refused(401, "Unauthorized", None), true, true, "sip-401"),
            (refused(401, "Unauthorized", None), false, true, "account-missing"),
            (refused(403, "Forbidden", None), true, true, "sip-403"),
            (refused(403, "Forbidden", None), true, false, "number-hidden"),
            (refused(488, "Not Acceptable Here", None), true, true, "sip-488"),
            (refused(503, "Service Unavailable", Some(503)), true, true, "sip-503"),
            (refused(503, "CPS limit exceeded", Some(503)), true, true, "pace"),
            (refused(486, "Busy Here", Some(503)), true, true, "pace"),
            (refused(699, "Odd", None), true, true, "other"),
        ] {
            assert_eq!(codes(&report, account, shown), [expected], "{report:?}");
        }
    }

    #[test]
    fn private_addresses_are_told_from_public_ones() {
        let told = |ip: &str| ip.parse().map(is_private);
        let private =
            ["10.1.2.3", "172.31.0.1", "192.168.0.1", "100.64.0.1", "169.254.0.9", "fd00::1"];
        assert!(private.iter().chain(&["fe80::1"]).all(|ip| told(ip) == Ok(true)));
        let public = ["127.0.0.1", "172.32.0.1", "100.128.0.1", "203.0.113.7", "2001:db8::1"];
        assert!(public.iter().all(|ip| told(ip) == Ok(false)));
    }
}
