//! `cadran trunk`.

use clap::{Args, Subcommand};

use super::client::{At, Client};
use super::failure::{Exit, Failure, Outcome};
use super::output::{Lang, Output, Sheet};
use super::{Global, wait_for};
use crate::api::types;
use crate::config::likeness::suggestion;
use crate::config::{Profile, Response, Words};
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
    /// List the carriers' profiles, or print one
    #[command(before_help = "Examples:
  cadran trunk profiles
  cadran trunk profiles ovh > profiles/mon-ovh.toml

A [[trunk]] with `profile = \"ovh\"` takes from it every key it does not give itself. A file of
your own is named by its path: `profile = \"profiles/mon-ovh.toml\"`.")]
    Profiles {
        /// The profile to print as it is written
        profile: Option<String>,
    },
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
        match self {
            Self::List => list(&Client::open(global)?, output),
            Self::Test(test) => test.run(&Client::open(global)?, output),
            Self::Profiles { profile: None } => profiles(output),
            Self::Profiles { profile: Some(name) } => print_profile(&name, output),
        }
    }
}

/// A profile as `--json` gives it.
#[derive(serde::Serialize)]
struct ProfileRow {
    profile: String,
    title: String,
    note: Words,
}

fn profiles(output: &Output) -> Outcome {
    let row = |profile: Profile| {
        let card = profile.card()?;
        Some(ProfileRow { profile: profile.name, title: card.title, note: card.note })
    };
    let rows: Vec<_> = Profile::built_in().into_iter().filter_map(row).collect();
    output.show(&rows, |lang| {
        let known = lang.say("what to know", "à savoir");
        let mut sheet = Sheet::new(&[lang.say("profile", "profil"), "", known]);
        for row in &rows {
            let note = lang.say(&row.note.en, &row.note.fr).to_owned();
            sheet.add([row.profile.clone(), row.title.clone(), note]);
        }
        sheet
    });
    Ok(Exit::Done)
}

fn print_profile(name: &str, output: &Output) -> Outcome {
    let Some(profile) = Profile::named(name) else {
        let known = Profile::built_in();
        let hint = suggestion(name, known.iter().map(|profile| profile.name.as_str()));
        let message = format!("no profile {name:?} comes along");
        return Err(
            Failure::new(Exit::NotFound, "profile_unknown", message).hint(hint.unwrap_or_default())
        );
    };
    output.text(&profile.text);
    Ok(Exit::Done)
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

/// Says what a final status usually means on a trunk.
fn meaning(status: u16, lang: Lang) -> String {
    let usual = Response::usual();
    let means = match Response::find(&[], &usual, status, "") {
        Some(response) => lang.say(&response.means.en, &response.means.fr),
        None if status == 200 => lang.say("answered", "décroché"),
        None => lang.say("see RFC 3261", "voir la RFC 3261"),
    };
    format!("{status} ({means})")
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
