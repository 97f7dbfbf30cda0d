//! `cadran trunk`.

use clap::{Args, Subcommand};

use super::client::{At, Client};
use super::failure::{Exit, Failure, Outcome};
use super::output::{Form, Lang, Output, Sheet, minute, moment};
use super::trial::Test;
use super::{Global, wait_for};
use crate::api::types;
use crate::config::likeness::suggestion;
use crate::config::{Profile, Response, Words};
use crate::core::quality::{Fall, Figure};
use crate::watch::{decimal, percent};

/// List and test trunks.
#[derive(Debug, Subcommand)]
pub(super) enum Trunk {
    /// List trunks with their load
    #[command(before_help = "Examples:
  cadran trunk list")]
    List,
    /// Show one trunk: its state, why and since when, its load, its hour
    #[command(before_help = "Examples:
  cadran trunk show ovh-1")]
    Show {
        /// The trunk's name
        trunk: String,
    },
    /// Show how well a trunk carries calls, hour by hour
    #[command(before_help = "Examples:
  cadran trunk quality ovh-1
  cadran trunk quality ovh-1 --hours 168

NER is the share of calls that reach the far end (ITU-T E.425), ASR of those that are answered
(E.411), ACD their average duration, PDD the average time until it rings.")]
    Quality(Quality),
    /// List the numbers shown: what each carried, how often networks refused it, which rest
    #[command(before_help = "Examples:
  cadran trunk numbers
  cadran trunk numbers --json")]
    Numbers,
    /// Place one test call and say how it went
    #[command(before_help = "Examples:
  cadran trunk test ovh-1 --to +33972101010 --from +33162000000
  cadran trunk test ovh-1 --to +33972101011 --from +33162000000 --echo

The trunk is asked for a sign of life, and its registration refreshed; the call is answered, heard
for 6 s and ended. What is wrong is told with what to do. The exit code is 0 when it was answered
and audio went both ways, 7 otherwise.

With --echo the number must send back what it hears: then the way there and back is measured, and a
key pressed. Only such a number tells whether it hears us, where the carrier sends no reports.")]
    Test(Test),
    /// List the carriers' profiles, or print one
    #[command(before_help = "Examples:
  cadran trunk profiles
  cadran trunk profiles ovh > profiles/mon-ovh.toml
  cadran trunk profiles ovh --json

A [[trunk]] with `profile = \"ovh\"` takes from it every key it does not give itself. A file of
your own is named by its path: `profile = \"profiles/mon-ovh.toml\"`; docs/profiles.md lists every
key of it.")]
    Profiles {
        /// The profile to print as it is written
        profile: Option<String>,
    },
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
            Self::Show { trunk } => show(&Client::open(global)?, &trunk, output),
            Self::Numbers => numbers(&Client::open(global)?, output),
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
    match profile.table().filter(|_| output.form == Form::Json) {
        Some(table) => output.json(&table),
        None => output.text(&profile.text),
    }
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

fn numbers(client: &Client, output: &Output) -> Outcome {
    let numbers: Vec<types::CallerIdView> = wait_for(client.get(&At::path(["caller-ids"])))?;
    output.show(&numbers, |lang| {
        let mut sheet = Sheet::new(&[
            lang.say("number", "numéro"),
            lang.say("class", "classe"),
            lang.say("operator", "opérateur"),
            "trunks",
            lang.say("hour", "heure"),
            lang.say("day", "jour"),
            lang.say("blocked", "bloqués"),
            lang.say("until", "jusqu'au"),
        ]);
        let of = |count: u32, most: Option<u32>| match most {
            Some(most) => format!("{count}/{most}"),
            None => count.to_string(),
        };
        for number in &numbers {
            let held = number.rests_until.as_ref().max(number.spent_until.as_ref());
            sheet.add([
                number.number.clone(),
                number.class.clone(),
                number.operator.clone().unwrap_or_else(|| "–".to_owned()),
                number.trunks.join(", "),
                of(number.hour, number.calls_per_hour),
                of(number.day, number.calls_per_day),
                number.blocks.to_string(),
                held.map_or_else(|| "–".to_owned(), |at| minute(at)),
            ]);
        }
        sheet
    });
    Ok(Exit::Done)
}

fn show(client: &Client, name: &str, output: &Output) -> Outcome {
    let trunks: Vec<types::Trunk> = wait_for(client.get(&At::path(["trunks"])))?;
    let Some(trunk) = trunks.iter().find(|trunk| trunk.name == name) else {
        let hint = suggestion(name, trunks.iter().map(|trunk| trunk.name.as_str()));
        let failure =
            Failure::new(Exit::NotFound, "trunk_unknown", format!("there is no trunk {name:?}"));
        return Err(failure.hint(hint.unwrap_or_default()));
    };
    output.show(trunk, |lang| {
        let mut sheet = Sheet::new(&["", ""]);
        let hour = trunk.hour.as_ref();
        for (english, french, value) in [
            ("trunk", "trunk", trunk.name.clone()),
            ("host", "hôte", trunk.host.clone()),
            ("state", "état", state(trunk, lang)),
            ("channels", "canaux", format!("{}/{}", trunk.busy, trunk.channels)),
            ("calls/s", "appels/s", trunk.calls_per_second.to_string()),
            ("NER", "NER", share(hour.and_then(|hour| hour.ner), lang)),
            ("ASR", "ASR", share(hour.and_then(|hour| hour.asr), lang)),
            ("alarm", "alarme", alarm(trunk, lang).unwrap_or_else(|| "–".into())),
        ] {
            sheet.add([lang.say(english, french).to_owned(), value]);
        }
        sheet
    });
    Ok(Exit::Done)
}

/// Says how a trunk is, why, and since when: in the alarm first, then at rest, then by its signs of
/// life.
fn state(trunk: &types::Trunk, lang: Lang) -> String {
    let why = trunk.why.as_deref();
    match (&*trunk.state, why, trunk.rests_s) {
        ("resting", Some("faults"), Some(seconds)) if seconds > 0.0 => {
            format!("{} {seconds:.0} s", lang.say("rests, tried in", "au repos, essai dans"))
        }
        ("resting", Some("faults"), _) => {
            lang.say("rests, tried by one call", "au repos, essayé par un appel").to_owned()
        }
        ("resting", Some("database"), _) => lang
            .say("rests: the database fails", "au repos : la base de données ne répond pas")
            .to_owned(),
        ("resting", ..) => {
            lang.say("rests at the carrier's wish", "au repos, l'opérateur le demande").to_owned()
        }
        _ => alarm(trunk, lang).unwrap_or_else(|| told(trunk, why, lang)),
    }
}

/// Says what is wrong with the calls of a trunk that answers.
fn alarm(trunk: &types::Trunk, lang: Lang) -> Option<String> {
    let unsigned = trunk.unsigned.as_ref().map(|unsigned| {
        let types::Unsigned { status, calls, at } = unsigned;
        let at = minute(at);
        match lang {
            Lang::En => {
                format!("{calls} calls refused as not rightly signed ({status}, last {at})")
            }
            Lang::Fr => {
                format!("{calls} appels refusés, signature absente ou fausse ({status}, le {at})")
            }
        }
    });
    unsigned.or_else(|| trunk.fall.map(|fall| below(&fall, lang)))
}

/// Says how a trunk is by its signs of life.
fn told(trunk: &types::Trunk, why: Option<&str>, lang: Lang) -> String {
    let word = match &*trunk.state {
        "down" => lang.say("down", "injoignable"),
        "degraded" => lang.say("degraded", "dégradé"),
        "unheard" => return lang.say("not heard yet", "pas encore entendu").to_owned(),
        _ if why == Some("unasked") => {
            let word = lang.say(
                "taken to be up: OPTIONS is never asked",
                "supposé joignable : OPTIONS n'est jamais demandé",
            );
            return word.to_owned();
        }
        _ => return lang.say("up", "joignable").to_owned(),
    };
    let why = match why {
        Some("silent") => lang.say("OPTIONS is not answered", "OPTIONS reste sans réponse"),
        Some("refusing") => lang.say("OPTIONS gets 503", "OPTIONS reçoit 503"),
        Some("slow") => {
            lang.say("answers slowly or not always", "répond lentement ou pas toujours")
        }
        Some("no_address") => lang.say("its host has no address", "son hôte n'a pas d'adresse"),
        Some("unreachable") => &cut_off(trunk.cause.as_deref().unwrap_or("unreachable"), lang),
        Some("unregistered") => &unregistered(trunk, lang),
        Some(other) => other,
        None => return word.to_owned(),
    };
    let since = trunk.since.as_deref().map(|at| moment(at, "%Y-%m-%d %H:%M"));
    let since = since.map(|at| format!(" {} {at}", lang.say("since", "depuis")));
    format!("{word}{}{} {why}", since.unwrap_or_default(), lang.colon())
}

/// Says what stands between us and a trunk, in the words of a test call's finding.
fn cut_off(cause: &str, lang: Lang) -> String {
    match Response::of_fault(cause) {
        Some(found) => lang.say(&found.means.en, &found.means.fr).to_owned(),
        None => cause.to_owned(),
    }
}

/// Says how the registrar did not take an account, and when it is asked again.
fn unregistered(trunk: &types::Trunk, lang: Lang) -> String {
    let how = match trunk.status {
        None => lang.say("the account is not registered yet", "le compte n'est pas enregistré"),
        Some(0) => {
            lang.say("the registrar cannot be reached", "l'enregistrement ne peut être envoyé")
        }
        Some(408) => {
            lang.say("the registrar does not answer", "l'enregistrement reste sans réponse")
        }
        Some(status) => &match status {
            401 | 403 | 404 | 407 => format!(
                "{} ({status})",
                lang.say("the carrier refuses the account", "l'opérateur refuse le compte")
            ),
            status => format!(
                "{} ({status})",
                lang.say("the account is not registered", "le compte n'est pas enregistré")
            ),
        },
    };
    let next = trunk.again_s.map(|seconds| match seconds {
        120.0.. => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{seconds:.0} s"),
    });
    let next =
        next.map(|span| format!(", {} {span}", lang.say("next try in", "nouvel essai dans")));
    format!("{how}{}", next.unwrap_or_default())
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
            minute(&hour.from),
            hour.seizures.to_string(),
            share(hour.ner, lang),
            share(hour.asr, lang),
            seconds(hour.acd_s),
            seconds(hour.pdd_s),
        ]);
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_told_on_this_machines_clock() {
        let from = "2026-11-23T10:00:00.123456789Z".to_owned();
        let hour = types::Hour { from, ..types::Hour::default() };
        let sheet = hours(&types::Hours { hours: vec![hour], ..types::Hours::default() }, Lang::Fr);
        let told = sheet.rows().first().and_then(|row| row.first()).map_or("", String::as_str);
        assert!(told.starts_with("2026-11-2") && !told.contains(['.']), "{told}");
        assert!(!told.contains("T1") && !told.ends_with('Z'), "{told}");
    }

    fn trunk(state: &str, why: Option<&str>) -> types::Trunk {
        types::Trunk {
            name: "t1".to_owned(),
            host: "sip.test".to_owned(),
            up: true,
            state: state.to_owned(),
            why: why.map(str::to_owned),
            cause: None,
            status: None,
            again_s: None,
            since: None,
            busy: 0,
            channels: 1,
            calls_per_second: 1.0,
            rests_s: None,
            hour: None,
            fall: None,
            unsigned: None,
        }
    }

    fn both(trunk: &types::Trunk) -> [String; 2] {
        [state(trunk, Lang::En), state(trunk, Lang::Fr)]
    }

    #[test]
    fn a_trunk_nobody_heard_is_not_said_to_be_up() {
        assert_eq!(both(&trunk("unheard", None)), ["not heard yet", "pas encore entendu"]);
        let [english, french] = both(&trunk("up", Some("unasked")));
        assert!(english.contains("OPTIONS is never asked"), "{english}");
        assert!(french.contains("OPTIONS n'est jamais demandé"), "{french}");
        assert_eq!(both(&trunk("up", None)), ["up", "joignable"]);
    }

    #[test]
    fn what_cuts_a_trunk_off_is_told_in_the_words_of_a_test_call() {
        let cause = Some("refused".to_owned());
        let [english, french] = both(&types::Trunk { cause, ..trunk("down", Some("unreachable")) });
        assert!(english.starts_with("down: connection refused on this port"), "{english}");
        assert!(french.starts_with("injoignable : connexion refusée sur ce port"), "{french}");
    }

    #[test]
    fn a_refused_account_is_told_with_its_answer_and_the_next_try() {
        let down = |status, again_s| types::Trunk {
            status: Some(status),
            again_s,
            ..trunk("down", Some("unregistered"))
        };
        let [english, french] = both(&down(403, Some(3_590.0)));
        assert_eq!(english, "down: the carrier refuses the account (403), next try in 60 min");
        assert_eq!(
            french,
            "injoignable : l'opérateur refuse le compte (403), nouvel essai dans 60 min"
        );
        for (status, said) in [(0, "envoyé"), (408, "sans réponse"), (503, "(503)")] {
            let [_, french] = both(&down(status, Some(42.0)));
            assert!(french.contains(said) && french.ends_with("dans 42 s"), "{french}");
        }
    }
}
