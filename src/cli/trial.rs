//! `cadran trunk test`: one call, told in plain words.

use clap::Args;

use super::client::{At, Client};
use super::failure::{Exit, Failure, Outcome};
use super::french;
use super::listed::{self, Country};
use super::output::{Form, Lang, Output, Sheet};
use super::wait_for;
use crate::api::types;
use crate::config::Words;
use crate::engine::handle::{Sign, TrunkReport};
use crate::watch::{decimal, percent};

/// A test call.
#[derive(Debug, Args)]
pub(super) struct Test {
    /// The trunk's name
    trunk: String,
    /// Whom to call: a phone of yours
    #[arg(long, value_name = "NUMBER")]
    to: String,
    /// The number to show: one of the trunk's; without it ours is hidden
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
    /// The country of numbers without a country code, such as FR, GB or US
    #[arg(long, value_name = "COUNTRY", default_value = "FR", value_parser = listed::region)]
    region: Country,
    /// The number called sends back what it hears
    #[arg(long)]
    echo: bool,
}

impl Test {
    pub(super) fn run(self, client: &Client, output: &Output) -> Outcome {
        let path = At::path(["trunks", &self.trunk, "test"]);
        let number = |text: &String| self.region.number(text).map(|it| it.reveal().to_owned());
        let (to, from) = (number(&self.to)?, self.from.as_ref().map(number).transpose()?);
        let call = types::TrunkTest { to, from, echo: self.echo };
        let report: TrunkReport = wait_for(client.post(&path, &call))?;
        output.show(&report, |lang| told(&report, lang));
        let lang = output.lang;
        for finding in report.findings.iter().skip(usize::from(!serves(&report))) {
            let (means, remedy) = (said(&finding.means, lang), said(&finding.remedy, lang));
            output.warn(&format!("{means}\n    → {remedy}"));
        }
        if output.form == Form::Table && serves(&report) {
            output.text(&fit(&report, lang));
        }
        judged(&report, lang)
    }
}

/// A trunk serves when the call was answered and audio went both ways, as far as that was told, and
/// its account is registered, if it has one to be: without, no campaign's call goes out.
fn serves(report: &TrunkReport) -> bool {
    let heard = report.echo.is_none_or(|echo| echo.is_there());
    let registered = report.register.is_none_or(|register| register.status == 200);
    registered && report.status == 200 && report.sent > 0 && report.received > 0 && heard
}

/// A telephone rang, and whoever it is, or his telephone, did not take the call.
fn rang_out(report: &TrunkReport) -> bool {
    let rang = report.path.iter().any(|sign| sign.status == 180);
    rang && matches!(report.status, 408 | 480 | 486 | 487 | 600 | 603)
}

fn judged(report: &TrunkReport, lang: Lang) -> Outcome {
    if serves(report) {
        return Ok(Exit::Done);
    }
    let head = if rang_out(report) {
        lang.say(
            "nobody took the call, so that the trunk is not judged",
            "personne n'a pris l'appel : le trunk n'est pas jugé",
        )
    } else {
        lang.say("the trunk does not serve", "le trunk ne convient pas")
    };
    let failed = |code: &str, means: &str| {
        Failure::new(Exit::Unreachable, code, format!("{head}{} {means}", lang.colon()))
    };
    Err(match report.findings.first() {
        Some(worst) => {
            failed(&worst.code, said(&worst.means, lang)).hint(said(&worst.remedy, lang))
        }
        None => failed("call_failed", &meaning(report, lang)),
    })
}

/// Says that a trunk is fit, and what the call could not confirm.
fn fit(report: &TrunkReport, lang: Lang) -> String {
    let reserves = match report.findings.is_empty() {
        true => "",
        false => lang.say(", but for what is told above", ", aux réserves près ci-dessus"),
    };
    let went = lang.say(
        "the call was answered, audio came from the far end, and ours was sent",
        "l'appel a été décroché, du son est venu d'en face et le nôtre est parti",
    );
    let fit = lang.say("the trunk is fit", "le trunk convient");
    let mut told = format!("✔ {fit}{reserves}{} {went}\n", lang.colon());
    let unconfirmed = lang.say("not confirmed", "pas confirmé");
    let mut doubt = |english, french| {
        told += &format!("  {unconfirmed}{} {}\n", lang.colon(), lang.say(english, french));
    };
    if report.hears_us.is_none() && report.echo.is_none() {
        doubt(
            "whether the far end hears us, for it sends no RTCP reports; --echo tells, with a \
             number that sends back what it hears",
            "si l'autre bout nous entend, car il n'envoie pas de rapports RTCP ; --echo le dit, \
             avec un numéro qui renvoie ce qu'il entend",
        );
    }
    if report.caller_seen.is_none() {
        doubt(
            "which number was seen there: ask the person who answered",
            "quel numéro y a été vu : demandez à la personne qui a décroché",
        );
    }
    told
}

fn said(words: &Words, lang: Lang) -> &str {
    lang.say(&words.en, &words.fr)
}

/// A report's lines: what was looked at, and what was found.
struct Lines {
    lang: Lang,
    sheet: Sheet,
}

impl Lines {
    fn add(&mut self, english: &str, french: &str, value: Option<String>) {
        let none = self.lang.say("none", "aucun").to_owned();
        self.sheet.add([self.lang.say(english, french).to_owned(), value.unwrap_or(none)]);
    }
}

fn told(report: &TrunkReport, lang: Lang) -> Sheet {
    let mut lines = Lines { lang, sheet: Sheet::new(&["", ""]) };
    signalling(report, &mut lines);
    if report.codec.is_some() {
        audio(report, &mut lines);
        far_end(report, &mut lines);
    }
    if !report.changed.is_empty() {
        lines.add("changed on the way", "modifié en chemin", Some(report.changed.join(", ")));
    }
    if let Some(trouble) = &report.trouble {
        lines.add("not reached", "pas atteint", Some(french::told(&trouble.detail, lines.lang)));
    }
    lines.sheet
}

fn signalling(report: &TrunkReport, lines: &mut Lines) {
    let lang = lines.lang;
    let told = |sign: Sign, more: &str| match (sign.status, &report.trouble) {
        (0, Some(_)) => undelivered(lang),
        _ => answer(sign, more, lang),
    };
    if let Some(register) = report.register {
        let bound = report
            .register_s
            .filter(|_| register.status == 200)
            .map(|seconds| format!(", {} {seconds:.0} s", lang.say("expires in", "expire dans")));
        lines.add("REGISTER", "REGISTER", Some(told(register, &bound.unwrap_or_default())));
    }
    if let Some(options) = report.options {
        lines.add("OPTIONS", "OPTIONS", Some(told(options, "")));
    }
    if let Some(refused) = report.refused {
        lines.add("INVITE, first try", "INVITE, premier essai", Some(refused.to_string()));
    }
    lines.add("INVITE", "INVITE", Some(path(report, lang)));
}

/// Says that a request could not be sent, or that its connection broke.
fn undelivered(lang: Lang) -> String {
    lang.say("not delivered", "pas arrivé").to_owned()
}

/// Says how a request was answered.
fn answer(sign: Sign, more: &str, lang: Lang) -> String {
    match sign.status {
        0 => lang.say("no answer", "sans réponse").to_owned(),
        status => format!("{status} ({:.0} ms{more})", sign.ms),
    }
}

/// Says by which answers the call came to its end: `100 → 183 → 200 in 2.9 s`; and that it was we
/// who then hung up, if we could not take the answer.
fn path(report: &TrunkReport, lang: Lang) -> String {
    let steps: Vec<_> = report.path.iter().map(|sign| sign.status.to_string()).collect();
    let Some(last) = report.path.last().filter(|last| last.status == report.status) else {
        return meaning(report, lang);
    };
    let took = decimal(last.ms / 1e3, 1, lang);
    let way = format!("{} {} {took} s", steps.join(" → "), lang.say("in", "en"));
    match (&report.rejected, &*report.reason) {
        (Some(_), _) => {
            format!("{way}, {}", lang.say("then we hung up", "puis nous avons raccroché"))
        }
        (None, "") => way,
        (None, reason) => format!("{way} : {reason}"),
    }
}

/// Says the final status in words.
fn meaning(report: &TrunkReport, lang: Lang) -> String {
    match (report.status, &*report.reason) {
        (0, "") => undelivered(lang),
        (0, reason) => french::told(reason, lang),
        (408, "") => lang.say("no answer", "sans réponse").to_owned(),
        (200, _) => lang.say("200 answered", "200 décroché").to_owned(),
        (status, "") => status.to_string(),
        (status, reason) => format!("{status} {reason}"),
    }
}

fn audio(report: &TrunkReport, lines: &mut Lines) {
    let lang = lines.lang;
    let millis = |millis: Option<f64>| millis.map(|millis| format!("{millis:.0} ms"));
    let address = |at: Option<std::net::SocketAddr>| at.map(|at| at.to_string());
    lines.add("codec", "codec", report.codec.clone());
    if let Some(echo) = report.echo {
        let lost = f64::from(echo.sent.saturating_sub(echo.back)) / f64::from(echo.sent.max(1));
        let (jitter, loss) = (lang.say("jitter", "gigue"), lang.say("loss", "perte"));
        let way = match echo.is_there() {
            false => lang.say("✘ nothing comes back", "✘ rien ne revient").to_owned(),
            true => format!(
                "✔ {:.0} ms, {jitter} {:.0} ms, {loss} {}",
                echo.round_trip_ms,
                echo.jitter_ms,
                percent(lost, lang)
            ),
        };
        lines.add("audio there and back", "audio aller-retour", Some(way));
    }
    lines.add("audio wanted at", "son attendu à", address(report.audio_to));
    lines.add("audio came from", "son venu de", address(report.audio_from));
    lines.add("RTP packets sent", "paquets RTP envoyés", Some(report.sent.to_string()));
    let untold = lang.say("not told: no RTCP from there", "pas dit : pas de RTCP venu d'en face");
    let hears = report.hears_us.map(|yes| yes_or_no(yes, lang));
    lines.add("heard there", "entendu là-bas", hears.or_else(|| Some(untold.to_owned())));
    let counts = format!("{} ({} {})", report.received, report.lost, lang.say("lost", "perdus"));
    lines.add("RTP packets received", "paquets RTP reçus", Some(counts));
    let jitter = decimal(report.jitter_ms, 1, lang) + " ms";
    lines.add("jitter", "gigue", Some(jitter));
    let trip = millis(report.round_trip_ms).unwrap_or_else(|| untold.to_owned());
    lines.add("there and back by RTCP", "aller-retour par RTCP", Some(trip));
}

/// Says what only the far end can know.
fn far_end(report: &TrunkReport, lines: &mut Lines) {
    let lang = lines.lang;
    let keys = match (report.dtmf, report.dtmf_back) {
        (false, _) => lang.say("✘ not negotiated (RFC 4733)", "✘ pas négocié (RFC 4733)"),
        (true, None) => lang.say("negotiated (RFC 4733)", "négocié (RFC 4733)"),
        (true, Some(false)) => lang.say("sent, did not come back", "envoyé, n'est pas revenu"),
        (true, Some(true)) => lang.say("✔ sent and came back", "✔ envoyé et revenu"),
    };
    lines.add("DTMF", "DTMF", Some(keys.to_owned()));
    let bye = match (report.bye, report.ended_there) {
        (Some(200..300), _) => "✔".to_owned(),
        (Some(status), _) => format!("✘ {status}"),
        (None, true) => lang.say("the far end hung up", "l'autre bout a raccroché").to_owned(),
        (None, false) => lang.say("ours was not answered", "le nôtre est sans réponse").to_owned(),
    };
    lines.add("BYE", "BYE", Some(bye));
    let ask = lang.say(
        "not told: ask the person who answers which number they saw",
        "pas indiqué : demandez à la personne qui décroche quel numéro elle a vu",
    );
    let seen = report.caller_seen.clone().unwrap_or_else(|| ask.to_owned());
    lines.add("number seen there", "numéro vu de l'autre côté", Some(seen));
    if let Some(verstat) = &report.attestation {
        lines.add("attestation", "attestation", Some(attested(verstat, lang)));
    }
}

/// Says a `verstat` in words: the level that ends it, or that there is none.
fn attested(verstat: &str, lang: Lang) -> String {
    match verstat.strip_prefix("TN-Validation-Passed") {
        Some("" | "-A") => "A".to_owned(),
        Some(level) => level.trim_start_matches('-').to_owned(),
        None => format!("{} ({verstat})", lang.say("none", "aucune")),
    }
}

fn yes_or_no(yes: bool, lang: Lang) -> String {
    if yes { lang.say("yes", "oui") } else { lang.say("no", "non") }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::handle::{Echo, Finding};

    #[test]
    fn only_an_answered_call_with_audio_both_ways_is_good() {
        let report = |status, sent, received, code: &str| TrunkReport {
            status,
            sent,
            received,
            findings: vec![Finding { code: code.to_owned(), ..Finding::default() }],
            ..TrunkReport::default()
        };
        let mute = Some(Echo { sent: 10, back: 1, ..Echo::default() });
        let register = Some(Sign { status: 403, ..Sign::default() });
        assert_eq!(judged(&report(200, 150, 149, "poor-line"), Lang::En), Ok(Exit::Done));
        for (report, code) in [
            (report(200, 150, 0, "no-audio-in"), "no-audio-in"),
            (report(200, 0, 150, "no-audio-out"), "no-audio-out"),
            (TrunkReport { echo: mute, ..report(200, 150, 150, "no-echo") }, "no-echo"),
            (
                TrunkReport { register, ..report(200, 150, 150, "register-refused") },
                "register-refused",
            ),
            (report(486, 0, 0, "sip-486"), "sip-486"),
            (TrunkReport::default(), "call_failed"),
        ] {
            let failed = judged(&report, Lang::Fr).map_err(|failure| (failure.exit, failure.code));
            assert_eq!(failed, Err((Exit::Unreachable, code.to_owned())), "{report:?}");
        }
    }

    #[test]
    fn a_trunk_that_serves_is_said_to_with_what_was_not_confirmed() {
        let plain = TrunkReport { status: 200, sent: 9, received: 9, ..TrunkReport::default() };
        let told = fit(&plain, Lang::Fr);
        assert!(told.starts_with("✔ le trunk convient : l'appel a été décroché"), "{told}");
        assert!(told.contains("pas confirmé : si l'autre bout nous entend"), "{told}");
        let caller_seen = Some("+33162000000".to_owned());
        let sure = TrunkReport { hears_us: Some(true), caller_seen, ..plain.clone() };
        assert_eq!(fit(&sure, Lang::En).lines().count(), 1);
        let findings = vec![Finding::default()];
        let told = fit(&TrunkReport { findings, ..plain }, Lang::En);
        assert!(told.starts_with("✔ the trunk is fit, but for what is told above:"), "{told}");
    }

    #[test]
    fn the_way_of_a_call_is_told_in_one_line() {
        let sign = |status, ms| Sign { status, ms };
        let path_of = [sign(100, 12.0), sign(183, 900.0), sign(200, 2_910.0)].to_vec();
        let report = TrunkReport { status: 200, path: path_of, ..TrunkReport::default() };
        assert_eq!(path(&report, Lang::Fr), "100 → 183 → 200 en 2,9 s");
        assert_eq!(
            answer(sign(200, 37.2), ", expire dans 1800 s", Lang::Fr),
            "200 (37 ms, expire dans 1800 s)"
        );
        assert_eq!(answer(sign(0, 0.0), "", Lang::En), "no answer");
        let rejected = TrunkReport { rejected: Some("no-srtp".into()), ..report };
        assert_eq!(path(&rejected, Lang::En), "100 → 183 → 200 in 2.9 s, then we hung up");
        assert_eq!(path(&TrunkReport::default(), Lang::Fr), "pas arrivé");
        assert_eq!(attested("TN-Validation-Passed-B", Lang::Fr), "B");
        assert_eq!(attested("No-TN-Validation", Lang::Fr), "aucune (No-TN-Validation)");
    }
}
