//! `cadran trunk`.

use clap::{Args, Subcommand};

use super::client::{At, Client};
use super::failure::{Exit, Failure, Outcome};
use super::output::{Form, Lang, Output, Sheet};
use super::{Global, wait_for};
use crate::api::types;
use crate::config::likeness::suggestion;
use crate::config::{Profile, Words};
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
  cadran trunk test ovh-1 --to +33972101010 --from +33162000000

It is answered, heard for 6 s and ended. What is wrong is told with what to do. The exit code is 0
when it was answered and audio went both ways, 7 otherwise.")]
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
    /// The number to show, E.164: one of the trunk's; without it ours is hidden
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
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
        match self {
            Self::List => list(&Client::open(global)?, output),
            Self::Quality(quality) => quality.run(&Client::open(global)?, output),
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
        let call = types::TrunkTest { to: self.to, from: self.from };
        let report: TrunkReport = wait_for(client.post(&path, &call))?;
        output.show(&report, |lang| told(&report, lang));
        let lang = output.lang;
        for finding in report.findings.iter().skip(usize::from(!serves(&report))) {
            let (means, remedy) = (said(&finding.means, lang), said(&finding.remedy, lang));
            output.warn(&format!("{means}\n    → {remedy}"));
        }
        judged(&report, lang)
    }
}

/// A trunk serves when the call was answered and audio went both ways.
fn serves(report: &TrunkReport) -> bool {
    report.status == 200 && report.sent > 0 && report.received > 0
}

fn judged(report: &TrunkReport, lang: Lang) -> Outcome {
    if serves(report) {
        return Ok(Exit::Done);
    }
    let head = lang.say("the trunk does not serve", "le trunk ne convient pas");
    let failed =
        |code: &str, means: &str| Failure::new(Exit::Unreachable, code, format!("{head}: {means}"));
    Err(match report.findings.first() {
        Some(worst) => {
            failed(&worst.code, said(&worst.means, lang)).hint(said(&worst.remedy, lang))
        }
        None => failed("call_failed", &meaning(report, lang)),
    })
}

fn said(words: &Words, lang: Lang) -> &str {
    lang.say(&words.en, &words.fr)
}

fn told(report: &TrunkReport, lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&["", ""]);
    let mut line = |english: &str, french: &str, value: Option<String>| {
        let none = lang.say("none", "aucune").to_owned();
        sheet.add([lang.say(english, french).to_owned(), value.unwrap_or(none)]);
    };
    let millis = |millis: Option<f64>| millis.map(|millis| format!("{millis:.0} ms"));
    let address = |at: Option<std::net::SocketAddr>| at.map(|at| at.to_string());
    line("OPTIONS answered after", "réponse à OPTIONS", millis(report.options_ms));
    if let Some(refused) = report.refused {
        line("INVITE, first try", "INVITE, premier essai", Some(refused.to_string()));
    }
    line("INVITE", "INVITE", Some(meaning(report, lang)));
    line("ringing after", "sonnerie après", millis(report.ringing_ms));
    line("answered after", "décroché après", millis(report.answer_ms));
    line("codec", "codec", report.codec.clone());
    let yes =
        |yes: bool| if yes { lang.say("yes", "oui") } else { lang.say("no", "non") }.to_owned();
    line("keys (RFC 4733)", "touches (RFC 4733)", Some(yes(report.dtmf)));
    line("audio wanted at", "son attendu à", address(report.audio_to));
    line("audio came from", "son venu de", address(report.audio_from));
    line("RTP packets sent", "paquets RTP envoyés", Some(report.sent.to_string()));
    line("heard there", "entendu là-bas", report.hears_us.map(yes));
    line("RTP packets received", "paquets RTP reçus", Some(report.received.to_string()));
    line("lost", "perdus", Some(report.lost.to_string()));
    line("jitter", "gigue", Some(decimal(report.jitter_ms, 1, lang) + " ms"));
    line("there and back", "aller-retour", millis(report.round_trip_ms));
    sheet
}

/// Says the final status in words.
fn meaning(report: &TrunkReport, lang: Lang) -> String {
    match (report.status, &*report.reason) {
        (0, _) => lang.say("no answer to the INVITE", "aucune réponse à l'INVITE").to_owned(),
        (200, _) => lang.say("200 answered", "200 décroché").to_owned(),
        (status, "") => status.to_string(),
        (status, reason) => format!("{status} {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::handle::Finding;

    #[test]
    fn only_an_answered_call_with_audio_both_ways_is_good() {
        let report = |status, sent, received, code: &str| TrunkReport {
            status,
            sent,
            received,
            findings: vec![Finding { code: code.to_owned(), ..Finding::default() }],
            ..TrunkReport::default()
        };
        assert_eq!(judged(&report(200, 150, 149, "poor-line"), Lang::En), Ok(Exit::Done));
        for (report, code) in [
            (report(200, 150, 0, "no-audio-in"), "no-audio-in"),
            (report(200, 0, 150, "no-audio-out"), "no-audio-out"),
            (report(486, 0, 0, "sip-486"), "sip-486"),
            (TrunkReport::default(), "call_failed"),
        ] {
            let failed = judged(&report, Lang::Fr).map_err(|failure| (failure.exit, failure.code));
            assert_eq!(failed, Err((Exit::Unreachable, code.to_owned())), "{report:?}");
        }
    }
}
