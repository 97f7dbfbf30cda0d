//! What is wrong with a trunk, by how a test call over it went.

use super::book::TrunkPage;
use super::handle::{Finding, Sign, TrunkReport};
use crate::config::Response;
use crate::sip::Scope;
use crate::units::Number;

/// The share of lost packets from which people hear it: by ITU-T G.113 Appendix I G.711 loses a
/// tenth of its quality with about so many.
const LOST_MAX: f64 = 0.02;

/// Jitter beyond which the usual buffer of 60 ms runs dry at times, in milliseconds.
const JITTER_MAX_MS: f64 = 30.0;

/// Pings that may be lost before the line is a poor one: one in ten, and never the only one.
const PINGS_LOST_MAX: f64 = 0.1;

/// The digits by which two writings of one number are known as the same: a national number of the
/// countries around has so many (ITU-T E.164 national annexes; France: nine).
const DIGITS_MIN: usize = 8;

/// Tells what is wrong, the worst first; nothing if the trunk serves. `shown` is the number the
/// call showed.
pub(super) fn diagnose(
    report: &TrunkReport,
    trunk: &TrunkPage,
    shown: Option<&Number>,
) -> Vec<Finding> {
    let words = Words { own: &trunk.responses, usual: Response::usual() };
    let named = |code: &&str| words.of_fault(code);
    let way: Vec<_> = way(report).iter().filter_map(named).collect();
    if let Some(rejected) = &report.rejected {
        return way.into_iter().chain(words.of_fault(rejected)).collect();
    }
    if report.status == 200 {
        let mut faults = audio(report);
        faults.extend(caller(report, shown));
        return way.into_iter().chain(faults.iter().filter_map(named)).collect();
    }
    let refusal = refusal(report, trunk, shown.is_some(), &words);
    way.into_iter().chain(refusal).collect()
}

/// What is wrong on the way to the carrier, whatever became of the call.
fn way(report: &TrunkReport) -> Vec<&str> {
    let mut faults: Vec<_> = report.trouble.iter().map(|trouble| trouble.code.as_str()).collect();
    if !report.changed.is_empty() {
        faults.push("alg");
    } else if report.seen_at.is_some() {
        faults.push("own-address");
    }
    match report.register.map(|sign| sign.status) {
        None | Some(200..300) => {}
        // What keeps the call from the carrier keeps this from its registrar.
        Some(0) if report.trouble.is_some() => {}
        Some(0) => faults.push("register-silent"),
        Some(401 | 403 | 404 | 407) => faults.push("register-refused"),
        Some(_) => faults.push("register-failed"),
    }
    faults
}

fn refusal(
    report: &TrunkReport,
    trunk: &TrunkPage,
    shown: bool,
    words: &Words<'_>,
) -> Option<Finding> {
    let pace = ["cps", "calls per second", "rate limit", "too many"];
    let reason = report.reason.to_lowercase();
    let fault = match report.status {
        0 | 408 if report.trouble.is_some() => return None,
        // Nothing could be sent, or the connection broke.
        0 => Some("unreachable"),
        408 if report.reason.is_empty() => match answered(report) {
            // Whoever refuses the account need not answer its calls.
            Some(false) => return None,
            Some(true) => Some("call-silent"),
            None => Some("silent"),
        },
        401 | 407 if !trunk.account => Some("account-missing"),
        403 if !shown => Some("number-hidden"),
        _ if pace.iter().any(|word| reason.contains(word)) => Some("pace"),
        _ => None,
    };
    // A second try alone that came further says that the first came too soon after others.
    let passed = report.refused.is_some() && !matches!(report.status, 0 | 408 | 429 | 503);
    let fault = if passed { fault.or(Some("pace")) } else { fault };
    let said = || words.of_status(report.status, &report.reason);
    fault.and_then(|code| words.of_fault(code)).or_else(said)
}

/// Tells whether the carrier answered before the call, and then whether it takes our account;
/// `None` if it said nothing.
fn answered(report: &TrunkReport) -> Option<bool> {
    let said = |sign: Option<Sign>| sign.map(|sign| sign.status).filter(|status| *status > 0);
    let (options, register) = (said(report.options), said(report.register));
    options.or(register).map(|_| register.is_none_or(|status| status < 300))
}

fn audio(report: &TrunkReport) -> Vec<&'static str> {
    let mut faults = Vec::new();
    let announced = report.audio_to.map(|to| to.ip());
    let announced = announced.filter(|ip| Scope::of(*ip) == Scope::Network);
    if announced.is_some_and(|ip| report.audio_from.is_none_or(|from| from.ip() != ip)) {
        faults.push("private-address");
    }
    if report.received == 0 {
        faults.push("no-audio-in");
    }
    if report.sent == 0 || report.hears_us == Some(false) {
        faults.push("no-audio-out");
    } else if report.received > 0 && report.echo.is_some_and(|echo| !echo.is_there()) {
        faults.push("no-echo");
    }
    if report.refused.is_some() {
        faults.push("pace");
    }
    if is_poor(report) {
        faults.push("poor-line");
    }
    if !report.dtmf {
        faults.push("no-dtmf");
    }
    faults
}

fn is_poor(report: &TrunkReport) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "2^53 packets take longer than any call")]
    let lost = report.lost as f64 / (report.lost + report.received).max(1) as f64;
    let pings = report.echo.filter(|echo| echo.is_there()).is_some_and(|echo| {
        let away = echo.sent.saturating_sub(echo.back);
        away > 1 && f64::from(away) > PINGS_LOST_MAX * f64::from(echo.sent)
    });
    lost > LOST_MAX || report.jitter_ms > JITTER_MAX_MS || pings
}

/// What the far end tells of the caller.
fn caller(report: &TrunkReport, shown: Option<&Number>) -> Vec<&'static str> {
    let mut faults = Vec::new();
    let another = |seen: &String| shown.is_some_and(|shown| !is_same(shown, seen));
    if report.caller_seen.as_ref().is_some_and(another) {
        faults.push("other-number");
    }
    let attested = report.attestation.as_deref().map(str::to_lowercase).unwrap_or_default();
    if attested.contains("failed") || attested.starts_with("no-tn") {
        faults.push("not-attested");
    }
    faults
}

/// Whether two writings mean one number: one ends in the other's national digits.
fn is_same(shown: &Number, seen: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let (shown, seen) = (digits(shown.reveal()), digits(seen));
    let national = seen.trim_start_matches('0');
    national.len() >= DIGITS_MIN && (shown.ends_with(national) || national.ends_with(&shown))
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
    use crate::engine::handle::{Echo, Trouble};
    use crate::wire::sdp::Terms;

    fn page(account: bool) -> TrunkPage {
        let name = "t".to_owned();
        TrunkPage {
            name,
            hidden: false,
            audio: Terms::default(),
            account,
            responses: Vec::new(),
            transfers: false,
            unknown: 404,
        }
    }

    fn codes(report: &TrunkReport, account: bool, shown: bool) -> Vec<String> {
        let own = Number::new("+33162000000").ok().filter(|_| shown);
        let found = diagnose(report, &page(account), own.as_ref());
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
        // One that tells what it saw, and an echo that lost a ping.
        for seen in ["+33162000000", "0033162000000", "0162000000", "33162000000"] {
            let echo = Some(Echo { sent: 11, back: 10, round_trip_ms: 61.0, jitter_ms: 3.0 });
            let register = Some(Sign { status: 200, ms: 37.0 });
            let caller_seen = Some(seen.to_owned());
            let attestation = Some("TN-Validation-Passed-B".to_owned());
            let told = TrunkReport { echo, register, caller_seen, attestation, ..good() };
            assert_eq!(codes(&told, true, true), [""; 0]);
        }
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
    fn each_fault_on_the_way_is_named_before_what_comes_of_it() {
        let refused = |status| TrunkReport {
            register: Some(Sign { status, ms: 20.0 }),
            status: 401,
            reason: "Unauthorized".into(),
            ..TrunkReport::default()
        };
        let changed = vec!["Via".to_owned()];
        let seen_at = "203.0.113.7".parse().ok();
        let trouble = |code: &str| Some(Trouble { code: code.into(), detail: "so".into() });
        let away = |sent, back| Some(Echo { sent, back, ..Echo::default() });
        for (report, expected) in [
            (refused(403), &["register-refused", "sip-401"][..]),
            (refused(0), &["register-silent", "sip-401"]),
            (refused(500), &["register-failed", "sip-401"]),
            (TrunkReport { changed: changed.clone(), seen_at, ..good() }, &["alg"]),
            (TrunkReport { changed, received: 0, ..good() }, &["alg", "no-audio-in"]),
            (TrunkReport { seen_at, received: 0, ..good() }, &["own-address", "no-audio-in"]),
            (TrunkReport { trouble: trouble("dns"), ..TrunkReport::default() }, &["dns"]),
            (TrunkReport::default(), &["unreachable"]),
            (TrunkReport { echo: away(11, 0), ..good() }, &["no-echo"]),
            (TrunkReport { echo: away(11, 0), received: 0, ..good() }, &["no-audio-in"]),
            (TrunkReport { echo: away(11, 7), ..good() }, &["poor-line"]),
            (TrunkReport { echo: away(10, 1), ..good() }, &["no-echo"]),
            (TrunkReport { caller_seen: Some("+33199999999".into()), ..good() }, &["other-number"]),
            (TrunkReport { caller_seen: Some("anonymous".into()), ..good() }, &["other-number"]),
            (
                TrunkReport { attestation: Some("No-TN-Validation".into()), ..good() },
                &["not-attested"],
            ),
        ] {
            assert_eq!(codes(&report, true, true), expected, "{report:?}");
        }
    }

    #[test]
    fn each_obstacle_is_named_and_nothing_besides() {
        let all = [
            "dns",
            "dns-silent",
            "loopback",
            "no-family",
            "refused",
            "no-route",
            "connect-timeout",
            "broken",
            "no-sip",
            "no-tls",
            "tls-name",
            "tls-dates",
            "tls-issuer",
            "tls-authority",
            "tls-pin",
            "tls",
        ];
        for code in all {
            let trouble = Some(Trouble { code: code.into(), detail: "so".into() });
            for (status, asked) in [(0, None), (408, None), (0, Some(Sign::default()))] {
                let (trouble, register) = (trouble.clone(), asked);
                let report = TrunkReport { trouble, status, register, ..TrunkReport::default() };
                assert_eq!(codes(&report, true, true), [code], "{report:?}");
            }
        }
    }

    #[test]
    fn whoever_answered_anything_is_not_called_silent() {
        let sign = |status| Some(Sign { status, ms: 0.0 });
        let silent = |register, options| TrunkReport {
            register,
            options,
            status: 408,
            ..TrunkReport::default()
        };
        for (report, expected) in [
            (silent(None, None), &["silent"][..]),
            (silent(None, sign(0)), &["silent"]),
            (silent(sign(0), sign(0)), &["register-silent", "silent"]),
            (silent(None, sign(200)), &["call-silent"]),
            (silent(sign(200), sign(0)), &["call-silent"]),
            (silent(sign(403), sign(0)), &["register-refused"]),
            (silent(sign(403), sign(200)), &["register-refused"]),
        ] {
            assert_eq!(codes(&report, true, true), expected, "{report:?}");
        }
    }

    #[test]
    fn an_answer_we_could_not_take_is_our_own_verdict() {
        for code in ["no-srtp", "no-codec", "no-usable-audio"] {
            let rejected = Some(code.to_owned());
            let report = TrunkReport { status: 200, rejected, ..TrunkReport::default() };
            assert_eq!(codes(&report, true, true), [code]);
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
}
