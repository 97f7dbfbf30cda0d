//! `cadran trunk`.

use clap::{Args, Subcommand};

use super::client::{At, Client};
use super::failure::{Exit, Failure, Outcome};
use super::output::{Form, Lang, Output, Sheet};
use super::{Global, wait_for};
use crate::api::types;
use crate::core::quality::{Fall, Figure};
use crate::engine::handle::TrunkReport;
use crate::watch::{decimal, percent};

/// List and test trunks.
#[derive(Debug, Subcommand)]
pub(super) enum Trunk {
    /// List trunks with their load
    #[command(before_help = "Examples:
  cadran trunk list")]
    List,
    /// Show how well a trunk carries calls, hour by hour
    #[command(before_help = "Examples:
  cadran trunk quality ovh-1
  cadran trunk quality ovh-1 --hours 168

NER is the share of calls that reach the far end (ITU-T E.425), ASR of those that are answered
(E.411), ACD their average duration, PDD the average time until it rings.")]
    Quality(Quality),
    /// Place one test call and say how it went
    #[command(before_help = "Examples:
  cadran trunk test ovh-1 --to +33972101010

It is answered, heard for 3 s and ended. The exit code is 0 when it was answered and audio went both
ways, 7 otherwise.")]
    Test(Test),
}

/// A test call.
#[derive(Debug, Args)]
pub(super) struct Test {
    /// The trunk's name
    trunk: String,
    /// Whom to call, E.164: a phone of yours
    #[arg(long, value_name = "NUMBER")]
    to: String,
}

/// A trunk's hours.
#[derive(Debug, Args)]
pub(super) struct Quality {
    /// The trunk's name
    trunk: String,
    /// How many hours, up to the present one
    #[arg(long, default_value_t = 24)]
    hours: u32,
}

impl Trunk {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let client = Client::open(global)?;
        match self {
            Self::List => list(&client, output),
            Self::Quality(quality) => quality.run(&client, output),
            Self::Test(test) => test.run(&client, output),
        }
    }
}

fn list(client: &Client, output: &Output) -> Outcome {
    let trunks: Vec<types::Trunk> = wait_for(client.get(&At::path(["trunks"])))?;
    output.show(&trunks, |lang| {
        let mut sheet = Sheet::new(&[
            "trunk",
            lang.say("host", "hôte"),
            lang.say("state", "état"),
            lang.say("channels", "canaux"),
            lang.say("calls/s", "appels/s"),
            "NER",
            "ASR",
        ]);
        for trunk in &trunks {
            let hour = trunk.hour.as_ref();
            sheet.add([
                trunk.name.clone(),
                trunk.host.clone(),
                state(trunk, lang),
                format!("{}/{}", trunk.busy, trunk.channels),
                trunk.calls_per_second.to_string(),
                share(hour.and_then(|hour| hour.ner), lang),
                share(hour.and_then(|hour| hour.asr), lang),
            ]);
        }
        sheet
    });
    Ok(Exit::Done)
}

/// Says how a trunk is: down, at rest after faults, far below its record, or well.
fn state(trunk: &types::Trunk, lang: Lang) -> String {
    match (trunk.rests_s, trunk.up, trunk.fall) {
        (Some(seconds), _, _) if seconds > 0.0 => {
            format!("{} {seconds:.0} s", lang.say("rests, tried in", "au repos, essai dans"))
        }
        (Some(_), _, _) => {
            lang.say("rests, tried by one call", "au repos, essayé par un appel").to_owned()
        }
        (None, false, _) => lang.say("down", "injoignable").to_owned(),
        (None, true, Some(fall)) => below(&fall, lang),
        (None, true, None) => lang.say("up", "joignable").to_owned(),
    }
}

/// Says by how much the present hour is below the record.
fn below(fall: &Fall, lang: Lang) -> String {
    let figure = match fall.figure {
        Figure::Ner => "NER",
        Figure::Asr => "ASR",
    };
    let (hour, record) = (percent(fall.hour.get(), lang), percent(fall.record.get(), lang));
    let instead = lang.say("instead of", "au lieu de");
    format!("{} : {figure} {hour} {instead} {record}", lang.say("ALARM", "ALARME"))
}

fn share(share: Option<f64>, lang: Lang) -> String {
    share.map_or_else(|| "–".to_owned(), |share| percent(share, lang))
}

impl Quality {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let path = At::path(["trunks", &self.trunk, "quality"]).with("hours", Some(self.hours));
        let told: types::Hours = wait_for(client.get(&path))?;
        if output.form == Form::Table
            && let Some(fall) = &told.fall
        {
            output.text(&format!("{}\n\n", below(fall, output.lang)));
        }
        output.show(&told, |lang| hours(&told, lang));
        Ok(Exit::Done)
    }
}

fn hours(told: &types::Hours, lang: Lang) -> Sheet {
    let calls = lang.say("calls", "appels");
    let mut sheet = Sheet::new(&[lang.say("hour", "heure"), calls, "NER", "ASR", "ACD", "PDD"]);
    let seconds = |seconds: Option<f64>| {
        seconds.map_or_else(|| "–".to_owned(), |seconds| decimal(seconds, 1, lang) + " s")
    };
    for hour in &told.hours {
        sheet.add([
            hour.from.clone(),
            hour.seizures.to_string(),
            share(hour.ner, lang),
            share(hour.asr, lang),
            seconds(hour.acd_s),
            seconds(hour.pdd_s),
        ]);
    }
    sheet
}

impl Test {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let path = At::path(["trunks", &self.trunk, "test"]);
        let report: TrunkReport = wait_for(client.post(&path, &types::TrunkTest { to: self.to }))?;
        output.show(&report, |lang| told(&report, lang));
        judged(&report, output.lang)
    }
}

/// A test call is good when it was answered and audio went both ways.
fn judged(report: &TrunkReport, lang: Lang) -> Outcome {
    if report.status != 200 {
        let status = match report.status {
            0 => lang.say("no answer to the INVITE", "aucune réponse à l'INVITE").to_owned(),
            status => meaning(status, lang),
        };
        let head = lang.say("the test call failed", "l'appel d'essai a échoué");
        return Err(Failure::new(Exit::Unreachable, "call_failed", format!("{head}: {status}")));
    }
    let message = match (report.sent, report.received) {
        (1.., 1..) => return Ok(Exit::Done),
        (_, 0) => lang.say(
            "the test call was answered, but no audio came from the far end",
            "l'appel d'essai a été décroché, mais aucun son n'est venu d'en face",
        ),
        (0, _) => lang.say(
            "the test call was answered, but no audio was sent",
            "l'appel d'essai a été décroché, mais aucun son n'a été envoyé",
        ),
    };
    Err(Failure::new(Exit::Unreachable, "no_audio", message).hint(lang.say(
        "open the UDP ports of [rtp] in the firewall, and set [rtp] public to the address the \
         carrier sees; or call a number that speaks",
        "ouvrez les ports UDP de [rtp] dans le pare-feu et donnez dans [rtp] public l'adresse vue \
         par l'opérateur ; ou appelez un numéro qui parle",
    )))
}

fn told(report: &TrunkReport, lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&["", ""]);
    let mut line = |english: &str, french: &str, value: Option<String>| {
        let none = lang.say("none", "aucune").to_owned();
        sheet.add([lang.say(english, french).to_owned(), value.unwrap_or(none)]);
    };
    let millis = |millis: Option<f64>| millis.map(|millis| format!("{millis:.0} ms"));
    line("OPTIONS answered after", "réponse à OPTIONS", millis(report.options_ms));
    let status = (report.status > 0).then(|| meaning(report.status, lang));
    line("INVITE", "INVITE", status);
    line("ringing after", "sonnerie après", millis(report.ringing_ms));
    line("answered after", "décroché après", millis(report.answer_ms));
    line("codec", "codec", report.codec.clone());
    line("RTP packets sent", "paquets RTP envoyés", Some(report.sent.to_string()));
    line("RTP packets received", "paquets RTP reçus", Some(report.received.to_string()));
    line("lost", "perdus", Some(report.lost.to_string()));
    line("jitter", "gigue", Some(decimal(report.jitter_ms, 1, lang) + " ms"));
    sheet
}

/// Says what a final status usually means on a trunk (interfaces of several French carriers; RFC
/// 3261 §21 for the codes).
fn meaning(status: u16, lang: Lang) -> String {
    let (english, french) = match status {
        200 => ("answered", "décroché"),
        401 | 407 => ("wrong user or password", "utilisateur ou mot de passe refusé"),
        403 => ("refused, often the number shown", "refusé, souvent le numéro présenté"),
        404 | 484 | 604 => ("the number does not exist", "le numéro n'existe pas"),
        408 => ("no answer from the trunk", "le trunk ne répond pas"),
        480 => ("nobody answers", "personne ne répond"),
        486 | 600 => ("busy", "occupé"),
        487 => ("cancelled by us", "annulé par nous"),
        488 | 606 => ("no codec in common", "aucun codec commun"),
        503 => ("no room on the trunk", "trunk saturé"),
        603 | 608 => ("declined", "rejeté"),
        _ => ("see RFC 3261", "voir la RFC 3261"),
    };
    format!("{status} ({})", lang.say(english, french))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answered_call_with_audio_both_ways_is_good() {
        let report = |status, sent, received| TrunkReport {
            status,
            sent,
            received,
            ..TrunkReport::default()
        };
        assert_eq!(judged(&report(200, 150, 149), Lang::En), Ok(Exit::Done));
        for (report, code) in [
            (report(200, 150, 0), "no_audio"),
            (report(200, 0, 150), "no_audio"),
            (report(486, 0, 0), "call_failed"),
            (report(0, 0, 0), "call_failed"),
        ] {
            let failed = judged(&report, Lang::Fr).map_err(|failure| (failure.exit, failure.code));
            assert_eq!(failed, Err((Exit::Unreachable, code.to_owned())), "{report:?}");
        }
    }
}
