//! What a cell of a simulation came to, as JSON and as a table.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cells::{Prior, Solved};
use crate::cli::output::{Lang, Sheet};
use crate::core::order;
use crate::sim::oracle::Finding;
use crate::sim::report::{Day, Histogram};
use crate::units::{Mono, Ratio};
use crate::watch::decimal;

/// One cell; shares are from 0 to 1.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) scenario: String,
    pub(super) agents: u32,
    pub(super) mode: String,
    pub(super) days: u32,
    pub(super) occupancy: f64,
    pub(super) abandon: f64,
    /// The greatest abandon share of a day.
    pub(super) worst_day: f64,
    /// Days above the cap.
    pub(super) days_over: u64,
    /// Days above the cap by more than two answers: above cap + 2/n.
    pub(super) days_far_over: u64,
    /// The greatest abandon share of a clock hour with 30 answers or more.
    pub(super) worst_hour: f64,
    /// The greatest abandon share of 500 consecutive answers.
    pub(super) worst_500: f64,
    /// The abandon share of the first five minutes of all days together.
    pub(super) abandon_first_5_min: f64,
    /// The abandon share of all the rest of the days.
    pub(super) abandon_after_5_min: f64,
    /// Answers, connected or abandoned, of each five minutes of all days together.
    pub(super) answers_by_5_min: Vec<u64>,
    /// Those of them that were abandoned.
    pub(super) abandoned_by_5_min: Vec<u64>,
    pub(super) talk_min_per_hour: f64,
    pub(super) idle_s_per_call: f64,
    /// The median cost of taking a batch of facts and settling, as measured on this machine.
    pub(super) decision_ns: f64,
    pub(super) decision_ns_p99: f64,
    pub(super) seed: u64,
    /// What the pacer began each day with, for dialers that remember.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prior: Option<Began>,
    pub(super) abandon_cap: f64,
    pub(super) occupancy_ci95: Option<f64>,
    /// Each day's, in the order of the days, so that cells can be compared day by day.
    pub(super) days_occupancy: Vec<f64>,
    pub(super) abandon_ci95: Option<f64>,
    /// The one setting that proved best, for dialers tuned in hindsight.
    pub(super) best_setting: Option<f64>,
    /// The occupancy of the same days if nothing were owed to the agents, where something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) occupancy_unowed: Option<f64>,
    /// What is owed costs so much of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) occupancy_loss: Option<f64>,
    pub(super) attempts: u64,
    pub(super) connected: u64,
    pub(super) abandoned: u64,
    /// Of those, the ones that the loss of an agent's leg forced, and the abandon share without
    /// them; `abandon` and all that is measured against the cap has them.
    pub(super) forced: u64,
    pub(super) abandon_unforced: f64,
    pub(super) amd_false: u64,
    pub(super) outcomes: BTreeMap<order::Outcome, u64>,
    pub(super) agent_wait_s: Waits,
    pub(super) person_wait_s: Waits,
    pub(super) findings: Vec<String>,
}

/// What a pacer began its days with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Began {
    /// Nothing.
    None,
    /// What the days before taught it.
    Learn,
    /// What a file says was learnt.
    Given,
}

impl Began {
    fn with(prior: &Prior) -> Self {
        match prior {
            Prior::None => Self::None,
            Prior::Learn => Self::Learn,
            Prior::Given(_) => Self::Given,
        }
    }

    fn say(self, lang: Lang) -> &'static str {
        match self {
            Self::None => lang.say("none", "aucun"),
            Self::Learn => lang.say("of the days before", "des jours d'avant"),
            Self::Given => lang.say("of a file", "d'un fichier"),
        }
    }
}

/// Percentiles of a wait in seconds.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Waits {
    p50: f64,
    p90: f64,
    p99: f64,
}

impl Waits {
    fn of(millis: &Histogram) -> Self {
        let seconds = |share: f64| millis.quantile(Ratio::new(share)) / 1_000.0;
        Self { p50: seconds(0.5), p90: seconds(0.9), p99: seconds(0.99) }
    }

    fn say(&self, lang: Lang) -> String {
        let [p50, p90, p99] = [self.p50, self.p90, self.p99].map(|wait| decimal(wait, 1, lang));
        format!("{p50} / {p90} / {p99} s")
    }
}

impl Report {
    pub(super) fn of(solved: &Solved) -> Self {
        let Solved { cell, summary, setting, unowed, .. } = solved;
        let total = &summary.total;
        let course = summary.course();
        let first = course.first().copied().unwrap_or_default();
        let after = Day {
            abandoned: total.abandoned - first.abandoned,
            connected: total.connected - first.connected,
            ..Day::default()
        };
        let unowed = unowed.as_ref().map(|unowed| unowed.total.occupancy().get());
        let finding =
            |finding: &Finding| format!("{} s: {}", finding.at.since(Mono::START), finding.what);
        Self {
            scenario: summary.scenario.clone(),
            agents: summary.agents,
            mode: cell.word.name(),
            days: cell.days,
            occupancy: total.occupancy().get(),
            abandon: total.abandon().get(),
            worst_day: summary.worst_day().get(),
            days_over: summary.days_over(),
            days_far_over: summary.days_far_over,
            worst_hour: summary.worst_hour.get(),
            worst_500: summary.worst_window.get(),
            abandon_first_5_min: first.abandon().get(),
            abandon_after_5_min: after.abandon().get(),
            answers_by_5_min: course.iter().map(|slot| slot.connected + slot.abandoned).collect(),
            abandoned_by_5_min: course.iter().map(|slot| slot.abandoned).collect(),
            talk_min_per_hour: total.talk_min_per_hour(),
            idle_s_per_call: total.idle_s_per_call(),
            decision_ns: total.settle_ns.quantile(Ratio::new(0.5)),
            decision_ns_p99: total.settle_ns.quantile(Ratio::new(0.99)),
            seed: cell.seed,
            prior: cell.word.remembers().then(|| Began::with(&cell.prior)),
            abandon_cap: summary.cap.get(),
            occupancy_ci95: summary.occupancy_ci95(),
            days_occupancy: summary.days.iter().map(|(occupancy, _)| occupancy.get()).collect(),
            abandon_ci95: summary.abandon_ci95(),
            best_setting: *setting,
            occupancy_unowed: unowed,
            occupancy_loss: unowed.map(|unowed| unowed - total.occupancy().get()),
            attempts: total.attempts,
            connected: total.connected,
            abandoned: total.abandoned,
            forced: total.forced,
            abandon_unforced: total.abandon_unforced().get(),
            amd_false: total.amd_false,
            outcomes: total.outcomes.clone(),
            agent_wait_s: Waits::of(&total.agent_waits),
            person_wait_s: Waits::of(&total.person_waits),
            findings: summary.findings.iter().map(finding).collect(),
        }
    }
}

impl Report {
    /// Names the dialer, with the setting that proved best.
    pub(super) fn name(&self, lang: Lang) -> String {
        let setting = self.best_setting.map(|best| format!(" ({})", decimal(best, 2, lang)));
        self.mode.clone() + &setting.unwrap_or_default()
    }

    /// Writes the occupancy if nothing were owed to the agents, and what that would gain.
    pub(super) fn unowed(&self, lang: Lang) -> Option<String> {
        let (unowed, loss) = self.occupancy_unowed.zip(self.occupancy_loss)?;
        Some(format!("{} ({})", percent(unowed, None, lang), points(loss, None, lang)))
    }
}

/// Writes a share as a percentage, with the half-width of its interval if there is one.
pub(super) fn percent(share: f64, half_width: Option<f64>, lang: Lang) -> String {
    format!("{} %{}", decimal(share * 100.0, 1, lang), give_or_take(half_width, lang))
}

/// Writes a difference of shares in points, with its sign.
pub(super) fn points(share: f64, half_width: Option<f64>, lang: Lang) -> String {
    let size = decimal(share.abs() * 100.0, 1, lang);
    let sign = if share >= 0.0 { "+" } else { "−" };
    format!("{sign}{size}{} pt", give_or_take(half_width, lang))
}

fn give_or_take(half_width: Option<f64>, lang: Lang) -> String {
    half_width.map_or_else(String::new, |half| format!(" ± {}", decimal(half * 100.0, 1, lang)))
}

/// Intervals of fewer days are told to be wide: Student's factor, 2.8 of five days, is 12.7 of two.
const FEW: u32 = 5;

/// Says that the intervals of so few days tell little; nothing of one day, which has none.
pub(super) fn few(days: u32, lang: Lang) -> Option<String> {
    (2..FEW).contains(&days).then(|| match lang {
        Lang::En => format!(
            "An interval of {days} days is wide and says little: take more, such as --days 8."
        ),
        Lang::Fr => format!(
            "Un intervalle sur {days} journées est large et dit peu : en prendre plus, --days 8."
        ),
    })
}

/// The heading of that column.
pub(super) fn unowed_title(lang: Lang) -> &'static str {
    lang.say("without [respect]", "sans [respect]")
}

/// Shows one cell in full, several of them a line each.
pub(super) fn sheet(cells: &[Report], lang: Lang) -> Sheet {
    match cells {
        [one] => in_full(one, lang),
        [] | [_, _, ..] => a_line_each(cells, lang),
    }
}

/// Shows several cells, a line each.
pub(super) fn a_line_each(cells: &[Report], lang: Lang) -> Sheet {
    let owes = cells.iter().any(|cell| cell.occupancy_unowed.is_some());
    let mut titles = vec![
        lang.say("scenario", "scénario"),
        lang.say("cap", "plafond"),
        lang.say("agents", "agents"),
        lang.say("dialer", "numéroteur"),
        lang.say("occupancy", "occupation"),
        lang.say("abandon", "abandon"),
        lang.say("worst day", "pire jour"),
        lang.say("days over", "jours hors plafond"),
        lang.say("talk/h", "conv./h"),
        lang.say("idle/call", "attente/appel"),
    ];
    titles.extend(owes.then(|| unowed_title(lang)));
    let mut sheet = Sheet::new(&titles);
    for cell in cells {
        let row = [
            cell.scenario.clone(),
            percent(cell.abandon_cap, None, lang),
            cell.agents.to_string(),
            cell.name(lang),
            percent(cell.occupancy, cell.occupancy_ci95, lang),
            percent(cell.abandon, cell.abandon_ci95, lang),
            percent(cell.worst_day, None, lang),
            format!("{} / {}", cell.days_over, cell.days),
            decimal(cell.talk_min_per_hour, 1, lang) + " min",
            decimal(cell.idle_s_per_call, 1, lang) + " s",
        ];
        sheet.add(row.into_iter().chain(owes.then(|| cell.unowed(lang).unwrap_or_default())));
    }
    sheet
}

fn in_full(cell: &Report, lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&["", ""]);
    let mut line = |english: &str, french: &str, value: String| {
        sheet.add([lang.say(english, french).to_owned(), value]);
    };
    let (agents, days) = (cell.agents, cell.days);
    line("scenario", "scénario", cell.scenario.clone());
    line("agents × days", "agents × journées", format!("{agents} × {days}"));
    line("dialer", "numéroteur", cell.mode.clone());
    if let Some(best) = cell.best_setting {
        line("best setting", "meilleur réglage", decimal(best, 2, lang));
    }
    line("seed", "graine", cell.seed.to_string());
    if let Some(prior) = cell.prior {
        line("stored prior", "acquis", prior.say(lang).to_owned());
    }
    line("occupancy", "taux d'occupation", percent(cell.occupancy, cell.occupancy_ci95, lang));
    if let Some(unowed) = cell.unowed(lang) {
        line("  without [respect]", "  sans [respect]", unowed);
    }
    line(
        "talk per hour",
        "conversation par heure",
        decimal(cell.talk_min_per_hour, 1, lang) + " min",
    );
    line("agent's wait p50/p90/p99", "attente agent p50/p90/p99", cell.agent_wait_s.say(lang));
    line("person's wait p50/p90/p99", "attente appelé p50/p90/p99", cell.person_wait_s.say(lang));
    line("attempts", "appels émis", cell.attempts.to_string());
    line("connected", "mis en relation", cell.connected.to_string());
    let abandon = percent(cell.abandon, cell.abandon_ci95, lang);
    line("abandoned", "abandonnés", format!("{} ({abandon})", cell.abandoned));
    if cell.forced > 0 {
        let without = percent(cell.abandon_unforced, None, lang);
        let forced = format!("{} ({} {without})", cell.forced, lang.say("without", "sans"));
        line("  by a lost agent", "  par perte d'un agent", forced);
    }
    line("worst day's abandon", "abandon du pire jour", percent(cell.worst_day, None, lang));
    let over = format!("{} / {days}", cell.days_over);
    line("days over the cap", "jours au-dessus du plafond", over);
    for finding in &cell.findings {
        line("found wrong", "anomalie", finding.clone());
    }
    sheet
}
