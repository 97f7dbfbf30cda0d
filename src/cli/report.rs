//! `cadran report`.

use clap::{Args, Subcommand};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::client::{At, Client};
use super::compliance::Compliance;
use super::failure::{Exit, Outcome};
use super::output::{Form, Lang, Output, Sheet};
use super::{Global, wait_for};
use crate::api::types::{Estimate, PilotReport, Price, Share, Verdict};
use crate::api::{HOURLY_COST, MINUTE_COST};
use crate::watch::decimal;

/// Write reports for a manager.
#[derive(Debug, Subcommand)]
pub(super) enum Report {
    /// Say whether a list is worth its cost, after a small part of it
    #[command(before_help = "Examples:
  cadran report pilot vente --hourly-cost 29.50 --cost-per-appointment-max 60
  cadran report pilot vente --since 2026-03-02 --cost-per-argued-max 12 --json")]
    Pilot(Pilot),
    /// Say whether a campaign kept the law: what was refused and wished, who was abandoned, and
    /// every attempt put to the gate once more
    #[command(before_help = "Examples:
  cadran report compliance prospection-fr                       the last thirty days
  cadran report compliance prospection-fr --since 2026-10-01 --until 2026-11-01 --json

The exit code is 4 where an attempt stands against a rule, or there are too many to ask about.")]
    Compliance(Compliance),
}

/// Which pilot, and what it may cost.
#[derive(Debug, Args)]
pub(super) struct Pilot {
    /// The campaign's name
    campaign: String,
    /// What an hour of production costs, in €
    #[arg(long, value_name = "EUR", default_value_t = HOURLY_COST, value_parser = euros)]
    hourly_cost: f64,
    /// What a minute of telephone costs, in €
    #[arg(long, value_name = "EUR", default_value_t = MINUTE_COST, value_parser = euros)]
    minute_cost: f64,
    /// The most a contact reached may cost, in €
    #[arg(long, value_name = "EUR", value_parser = euros)]
    cost_per_contact_max: Option<f64>,
    /// The most a contact argued may cost, in €
    #[arg(long, value_name = "EUR", value_parser = euros)]
    cost_per_argued_max: Option<f64>,
    /// The most an appointment may cost, in €
    #[arg(long, value_name = "EUR", value_parser = euros)]
    cost_per_appointment_max: Option<f64>,
    /// Count calls from this day or moment on, such as 2026-03-02; every call otherwise
    #[arg(long, value_name = "DATE", value_parser = since)]
    since: Option<jiff::Timestamp>,
}

/// Reads an amount; a decimal comma is taken too.
fn euros(text: &str) -> Result<f64, String> {
    match text.trim().replace(',', ".").parse::<f64>() {
        Ok(euros) if (0.0..=1_000_000.0).contains(&euros) => Ok(euros),
        Ok(_) | Err(_) => Err("is no amount in €: write one such as 29.50".to_owned()),
    }
}

/// Reads a day, from its first moment on this machine's clock, or a moment.
pub(super) fn since(text: &str) -> Result<jiff::Timestamp, String> {
    let day = text.parse::<Date>().ok().filter(|_| !text.contains('T'));
    let begins = day.and_then(|day| day.to_zoned(TimeZone::system()).ok());
    begins.map(|day| day.timestamp()).or_else(|| text.parse().ok()).ok_or_else(|| {
        "is no day: write one such as 2026-03-02, or 2026-03-02T09:00:00+01:00".to_owned()
    })
}

impl Report {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        match self {
            Self::Pilot(pilot) => pilot.run(global, output),
            Self::Compliance(compliance) => compliance.run(global, output),
        }
    }
}

impl Pilot {
    fn run(self, global: &Global, output: &Output) -> Outcome {
        let client = Client::open(global)?;
        let path = At::path(["reports", "pilot"])
            .with("campaign", Some(&self.campaign))
            .with("hourly_cost", Some(self.hourly_cost))
            .with("minute_cost", Some(self.minute_cost))
            .with("cost_per_contact_max", self.cost_per_contact_max)
            .with("cost_per_argued_max", self.cost_per_argued_max)
            .with("cost_per_appointment_max", self.cost_per_appointment_max)
            .with("since", self.since);
        let told: PilotReport = wait_for(client.get(&path))?;
        if output.form == Form::Table {
            output.text(&head(&told, output.lang));
        }
        output.show(&told, |lang| sheet(&told, lang));
        if output.form == Form::Table {
            output.text(&foot(output.lang));
        }
        Ok(Exit::Done)
    }
}

/// Says the verdict, and what each target makes of it.
fn head(told: &PilotReport, lang: Lang) -> String {
    let mut text = format!("{} · {}\n", told.campaign, verdict(told.verdict, lang));
    for (name, price) in prices(told, lang) {
        if let (Some(target), Some(verdict)) = (price.target, price.verdict) {
            let said = reason(verdict, price, told, lang);
            text += &format!("  {name} ≤ {} : {said}\n", money(target, lang));
        }
    }
    if told.verdict.is_none() {
        text += lang.say(
            "  give what one may cost: --cost-per-contact-max, --cost-per-argued-max, \
             --cost-per-appointment-max\n",
            "  donnez un coût à ne pas dépasser : --cost-per-contact-max, \
             --cost-per-argued-max, --cost-per-appointment-max\n",
        );
    }
    text + "\n"
}

fn verdict(verdict: Option<Verdict>, lang: Lang) -> &'static str {
    match verdict {
        Some(Verdict::Go) => lang.say("GO", "GO : on continue"),
        Some(Verdict::NoGo) => lang.say("NO-GO", "NO-GO : on arrête"),
        Some(Verdict::NotYet) => {
            lang.say("NOT YET: go on trying", "PAS ENCORE : poursuivre l'essai")
        }
        None => lang.say("no target, no verdict", "pas d'objectif, pas de verdict"),
    }
}

/// Says why a target has its verdict, or how far it is from one.
fn reason(verdict: Verdict, price: &Price, told: &PilotReport, lang: Lang) -> String {
    match verdict {
        Verdict::Go => {
            lang.say("go, met even at the dearest", "go, tenu même au plus cher").to_owned()
        }
        Verdict::NoGo => lang
            .say("no-go, missed even at the cheapest", "no-go, dépassé même au moins cher")
            .to_owned(),
        Verdict::NotYet => {
            let left = told.contacts.saturating_sub(told.contacts_tried);
            let open = lang.say("not yet", "pas encore");
            match price.contacts_needed {
                Some(needed) if needed <= left => match lang {
                    Lang::En => format!("{open}, about {needed} more contacts needed"),
                    Lang::Fr => format!("{open}, encore {needed} fiches environ"),
                },
                Some(needed) => match lang {
                    Lang::En => format!(
                        "{open}, about {needed} more contacts needed, and the list has {left} left"
                    ),
                    Lang::Fr => {
                        format!("{open}, encore {needed} fiches environ, il en reste {left}")
                    }
                },
                None => match lang {
                    Lang::En => format!("{open}, too close to tell how many more contacts"),
                    Lang::Fr => format!("{open}, trop serré pour dire combien de fiches encore"),
                },
            }
        }
    }
}

fn prices(told: &PilotReport, lang: Lang) -> [(&'static str, &Price); 3] {
    [
        (lang.say("cost per contact reached", "coût par contact"), &told.cost_per_contact),
        (lang.say("cost per contact argued", "coût par CA"), &told.cost_per_argued),
        (lang.say("cost per appointment", "coût par RDV"), &told.cost_per_appointment),
    ]
}

fn sheet(told: &PilotReport, lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&[
        lang.say("figure", "indicateur"),
        lang.say("value", "valeur"),
        lang.say("95 % interval", "intervalle à 95 %"),
        lang.say("of", "base"),
    ]);
    add_rates(&mut sheet, told, lang);
    let hours = |seconds: f64| decimal(seconds / 3_600.0, 1, lang) + " h";
    let agents = format!("{} {}", told.agents, lang.say("agents", "télévendeurs"));
    add(
        &mut sheet,
        lang.say("production hours", "heures de production"),
        [hours(told.production_s), String::new(), agents],
    );
    let at = format!(
        "{}/h, {} €/min",
        money(told.hourly_cost, lang),
        decimal(told.minute_cost, 3, lang)
    );
    add(&mut sheet, lang.say("cost", "coût"), [money(told.cost, lang), String::new(), at]);
    for (name, price) in prices(told, lang) {
        let none = || "–".to_owned();
        let value = price.value.map_or_else(none, |value| money(value, lang));
        let interval = between(price.low, price.high, |value| money(value, lang), lang);
        add(&mut sheet, name, [value, interval, price.count.to_string()]);
    }
    if let Some(whole) = &told.projection {
        let all = format!("{} {}", whole.contacts, lang.say("contacts", "fiches"));
        let mut foretell = |name, estimate: Estimate, say: &dyn Fn(f64) -> String| {
            let interval = between(estimate.low, estimate.high, say, lang);
            add(&mut sheet, name, [say(estimate.value), interval, all.clone()]);
        };
        let count = |value: f64| decimal(value, 0, lang);
        foretell(
            lang.say("whole list: hours", "tout le fichier : heures"),
            whole.production_s,
            &hours,
        );
        foretell(lang.say("whole list: cost", "tout le fichier : coût"), whole.cost, &|value| {
            money(value, lang)
        });
        foretell(
            lang.say("whole list: appointments", "tout le fichier : RDV"),
            whole.appointments,
            &count,
        );
    }
    sheet
}

fn add_rates(sheet: &mut Sheet, told: &PilotReport, lang: Lang) {
    let tried = lang.say("contacts tried", "fiches appelées");
    add(sheet, tried, [told.contacts_tried.to_string(), String::new(), told.contacts.to_string()]);
    let contacts_tried = ("contacts tried", "fiches appelées");
    let rates = [
        (&told.list_validity, ("list validity", "validité du fichier"), ("attempts", "appels")),
        (&told.contact_rate, ("contact rate", "taux de contact"), contacts_tried),
        (
            &told.argued_rate_closed,
            ("argued rate, of closed", "taux d'argumentation, sur closes"),
            ("tried contacts closed", "fiches appelées closes"),
        ),
        (
            &told.argued_rate_reached,
            ("argued rate, of reached", "taux d'argumentation, sur contacts"),
            ("contacts reached", "contacts"),
        ),
        (&told.positive_rate, ("positive rate", "taux de CA+"), ("contacts argued", "CA")),
        (&told.penetration, ("penetration", "pénétration"), ("contacts loaded", "fiches chargées")),
    ];
    for (share, name, base) in rates {
        add_share(sheet, lang.say(name.0, name.1), share, lang.say(base.0, base.1), lang);
    }
    let appointments = lang.say("appointments", "rendez-vous");
    add(sheet, appointments, [told.appointments.to_string(), String::new(), String::new()]);
}

fn add_share(sheet: &mut Sheet, name: &str, share: &Share, base: &str, lang: Lang) {
    let percent = |value: f64| decimal(value * 100.0, 1, lang) + " %";
    let value = share.value.map_or_else(|| "–".to_owned(), percent);
    let interval = between(share.low, share.high, percent, lang);
    add(sheet, name, [value, interval, format!("{}/{} {base}", share.part, share.whole)]);
}

fn add(sheet: &mut Sheet, name: &str, [value, interval, of]: [String; 3]) {
    sheet.add([name.to_owned(), value, interval, of]);
}

/// Writes an interval; one without an upper end begins somewhere.
fn between(low: Option<f64>, high: Option<f64>, say: impl Fn(f64) -> String, lang: Lang) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!("{} – {}", say(low), say(high)),
        (Some(low), None) => format!("{} {}", lang.say("at least", "au moins"), say(low)),
        (None, _) => String::new(),
    }
}

fn money(euros: f64, lang: Lang) -> String {
    decimal(euros, 2, lang) + " €"
}

fn foot(lang: Lang) -> String {
    lang.say(
        "\nIntervals: rates Clopper–Pearson, costs Garwood, hours Student, appointments \
         beta-binomial (docs/reports.md).\n",
        "\nIntervalles : taux Clopper-Pearson, coûts Garwood, heures Student, RDV bêta-binomiale \
         (docs/reports.md).\n",
    )
    .to_owned()
}
