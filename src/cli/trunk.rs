//! `cadran trunk`.

use clap::{Args, Subcommand};

use super::client::{At, Client};
use super::failure::{Exit, Failure, Outcome};
use super::output::{Lang, Output, Sheet};
use super::{Global, wait_for};
use crate::api::types;
use crate::engine::handle::TrunkReport;
use crate::watch::decimal;

/// List and test trunks.
#[derive(Debug, Subcommand)]
pub(super) enum Trunk {
    /// List trunks with their load
    #[command(before_help = "Examples:
  cadran trunk list")]
    List,
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

impl Trunk {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let client = Client::open(global)?;
        match self {
            Self::List => list(&client, output),
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
        ]);
        for trunk in &trunks {
            let up = lang.say(
                if trunk.up { "up" } else { "down" },
                if trunk.up { "joignable" } else { "injoignable" },
            );
            sheet.add([
                trunk.name.clone(),
                trunk.host.clone(),
                up.to_owned(),
                format!("{}/{}", trunk.busy, trunk.channels),
                trunk.calls_per_second.to_string(),
            ]);
        }
        sheet
    });
    Ok(Exit::Done)
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
