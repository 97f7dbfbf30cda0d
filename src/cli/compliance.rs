//! `cadran report compliance`.

use clap::Args;

use super::client::{At, Client};
use super::failure::{Exit, Outcome};
use super::output::{Form, Lang, Output, Sheet, moment};
use super::report::since;
use super::{Global, wait_for};
use crate::api::compliance::{Against, ComplianceReport};
use crate::watch::percent;

/// Which campaign, and when.
#[derive(Debug, Args)]
pub(super) struct Compliance {
    /// The campaign's name
    campaign: String,
    /// From this day or moment on, such as 2026-03-02 [default: thirty days ago]
    #[arg(long, value_name = "DATE", value_parser = since)]
    since: Option<jiff::Timestamp>,
    /// Until this day or moment, which is left out [default: now]
    #[arg(long, value_name = "DATE", value_parser = since)]
    until: Option<jiff::Timestamp>,
}

impl Compliance {
    /// Exit code 4 where attempts stand against a rule, or were too many to be asked about.
    pub(super) fn run(&self, global: &Global, output: &Output) -> Outcome {
        let path = At::path(["reports", "compliance"])
            .with("campaign", Some(&self.campaign))
            .with("since", self.since)
            .with("until", self.until);
        let told: ComplianceReport = wait_for(Client::open(global)?.get(&path))?;
        if output.form == Form::Table {
            output.text(&head(&told, output.lang));
        }
        output.show(&told, |lang| sheet(&told, lang));
        if output.form == Form::Table {
            output.text(&format!("\n{}", verdict(&told, output.lang)));
        }
        let again = &told.asked_again;
        let sound = again.against.is_empty() && again.unasked == 0;
        Ok(if sound { Exit::Done } else { Exit::Refused })
    }
}

fn head(told: &ComplianceReport, lang: Lang) -> String {
    let day = |text: &str| moment(text, "%Y-%m-%d %H:%M");
    let (from, to) = (day(&told.from), day(&told.to));
    let (campaign, client) = (&told.campaign, &told.client);
    match lang {
        Lang::En => format!("{campaign} for {client}, from {from} to {to}\n\n"),
        Lang::Fr => format!("{campaign} pour {client}, du {from} au {to}\n\n"),
    }
}

fn sheet(told: &ComplianceReport, lang: Lang) -> Sheet {
    let mut sheet =
        Sheet::new(&[lang.say("figure", "indicateur"), lang.say("value", "valeur"), ""]);
    let mut add = |name: &str, value: String, more: String| {
        sheet.add([name.to_owned(), value, more]);
    };
    let numbers = format!("{} {}", told.numbers, lang.say("numbers", "numéros"));
    add(lang.say("attempts", "tentatives"), told.attempts.to_string(), numbers);
    let of_one = lang.say("most at one number", "au plus pour un numéro");
    add(of_one, told.attempts_of_one.to_string(), String::new());
    for one in &told.refused {
        let name = format!("{} {}", lang.say("refused:", "refusé :"), named(&one.rule, &one.law));
        let contacts = format!("{} {}", one.contacts, lang.say("contacts", "fiches"));
        add(&name, one.times.to_string(), contacts);
    }
    let abandoned = &told.abandoned;
    let ratio = abandoned.ratio.map_or_else(|| "–".to_owned(), |ratio| percent(ratio, lang));
    let of = format!(
        "{}/{} {}, {} {}",
        abandoned.abandoned,
        abandoned.humans,
        lang.say("humans", "humains"),
        lang.say("cap", "plafond"),
        percent(abandoned.cap, lang)
    );
    add(lang.say("abandoned", "abandons"), ratio, of);
    if let Some(worst) = &abandoned.worst_day {
        let of = format!("{}/{}, {}", worst.abandoned, worst.humans, worst.day);
        add(lang.say("worst day", "pire journée"), percent(worst.ratio, lang), of);
    }
    let over = lang.say("days above the cap", "journées au-dessus du plafond");
    add(over, abandoned.days_over.to_string(), String::new());
    for (reason, count) in &told.wishes {
        let wish = lang.say("do-not-call wishes", "oppositions");
        add(wish, count.to_string(), reason.clone());
    }
    for (basis, count) in &told.rights {
        let right = lang.say("rights to call recorded", "droits d'appeler enregistrés");
        add(right, count.to_string(), basis.clone());
    }
    let withdrawn = lang.say("withdrawals", "retraits de consentement");
    add(withdrawn, told.withdrawals.to_string(), String::new());
    for one in &told.asked_again.against {
        let name = format!("{} {}", lang.say("AGAINST", "CONTRAIRE À"), named(&one.rule, &one.law));
        add(&name, one.attempts.to_string(), calls(one, lang));
    }
    sheet
}

fn named(rule: &str, law: &Option<String>) -> String {
    law.as_ref().map_or_else(|| rule.to_owned(), |law| format!("{rule} ({law})"))
}

fn calls(one: &Against, lang: Lang) -> String {
    let calls = one.calls.iter().map(|call| call.to_string()).collect::<Vec<_>>().join(" ");
    format!("{} {calls}", lang.say("calls", "appels"))
}

/// Says what asking the gate again came to.
fn verdict(told: &ComplianceReport, lang: Lang) -> String {
    let again = &told.asked_again;
    let mut text = if again.against.is_empty() {
        match lang {
            Lang::En => {
                format!("{} attempts asked again: none stands against a rule.\n", again.attempts)
            }
            Lang::Fr => format!(
                "{} appels réexaminés : aucun n'est contraire à une règle.\n",
                again.attempts
            ),
        }
    } else {
        lang.say(
            "Some attempts stand against a rule as it is now and with what is recorded now: look \
             at them with cadran call show CALL.\n",
            "Des appels sont contraires à une règle telle qu'elle est aujourd'hui et à ce qui est \
             enregistré aujourd'hui : voyez-les par cadran call show APPEL.\n",
        )
        .to_owned()
    };
    for (count, en, fr) in [
        (
            again.erased,
            "of contacts erased since: not asked",
            "de fiches effacées depuis : non réexaminés",
        ),
        (
            again.unasked,
            "not asked: choose fewer days",
            "non réexaminés : choisissez moins de jours",
        ),
    ] {
        if count > 0 {
            text += &format!("{count} {}\n", lang.say(en, fr));
        }
    }
    text
}
