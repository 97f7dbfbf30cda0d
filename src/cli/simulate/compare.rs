//! `simulate compare`: what each dialer would do on the very same days, beside one of them.

use serde::Serialize;

use super::cells::Solved;
use super::report::{Report, percent, points, unowed_title};
use crate::cli::output::{Lang, Sheet};
use crate::sim::report::spread;
use crate::watch::decimal;

/// A dialer beside the one all are compared with.
#[derive(Debug, Serialize)]
pub(super) struct Beside {
    #[serde(flatten)]
    pub(super) cell: Report,
    /// Which dialer the differences are from.
    pub(super) against: String,
    /// Occupancy less the other's, the mean of the days.
    pub(super) occupancy_difference: f64,
    /// The half-width of its 95 % interval: the days are paired, so that what the day itself
    /// does cancels out.
    pub(super) occupancy_difference_ci95: Option<f64>,
    pub(super) abandon_difference: f64,
    pub(super) abandon_difference_ci95: Option<f64>,
    /// Minutes of talk an agent gains in an hour.
    pub(super) talk_min_per_hour_difference: f64,
}

impl Beside {
    /// Sets every cell beside the first of the same scenario and pool.
    pub(super) fn all(solved: &[Solved]) -> Vec<Self> {
        let same = |one: &Solved, other: &Solved| {
            let of = |solved: &Solved| (solved.summary.scenario.clone(), solved.summary.agents);
            of(one) == of(other)
        };
        let first = |cell: &Solved| solved.iter().find(|other| same(cell, other));
        solved.iter().filter_map(|cell| Some(Self::of(cell, first(cell)?))).collect()
    }

    fn of(cell: &Solved, base: &Solved) -> Self {
        let days = cell.summary.days.iter().zip(&base.summary.days);
        let occupancy: Vec<f64> = days.clone().map(|(a, b)| a.0.get() - b.0.get()).collect();
        let abandon: Vec<f64> = days.map(|(a, b)| a.1.get() - b.1.get()).collect();
        let (occupancy, occupancy_ci95) = mean(&occupancy);
        let (abandon, abandon_ci95) = mean(&abandon);
        let talk = |solved: &Solved| solved.summary.total.talk_min_per_hour();
        Self {
            cell: Report::of(cell),
            against: base.cell.word.name(),
            occupancy_difference: occupancy,
            occupancy_difference_ci95: occupancy_ci95,
            abandon_difference: abandon,
            abandon_difference_ci95: abandon_ci95,
            talk_min_per_hour_difference: talk(cell) - talk(base),
        }
    }
}

fn mean(differences: &[f64]) -> (f64, Option<f64>) {
    match spread(differences) {
        Some((mean, half_width)) => (mean, Some(half_width)),
        None => (differences.first().copied().unwrap_or(0.0), None),
    }
}

/// Shows the comparison, a line for each dialer.
pub(super) fn sheet(rows: &[Beside], lang: Lang) -> Sheet {
    let owes = rows.iter().any(|row| row.cell.occupancy_unowed.is_some());
    let mut titles = vec![
        lang.say("scenario", "scénario"),
        lang.say("agents", "agents"),
        lang.say("dialer", "numéroteur"),
        lang.say("occupancy", "occupation"),
        lang.say("difference", "écart"),
        lang.say("abandon", "abandon"),
        lang.say("days over", "jours hors plafond"),
        lang.say("talk/h", "conv./h"),
    ];
    titles.extend(owes.then(|| unowed_title(lang)));
    let mut sheet = Sheet::new(&titles);
    for Beside { cell, occupancy_difference, occupancy_difference_ci95, .. } in rows {
        let row = [
            cell.scenario.clone(),
            cell.agents.to_string(),
            cell.name(lang),
            percent(cell.occupancy, cell.occupancy_ci95, lang),
            points(*occupancy_difference, *occupancy_difference_ci95, lang),
            percent(cell.abandon, cell.abandon_ci95, lang),
            format!("{} / {}", cell.days_over, cell.days),
            decimal(cell.talk_min_per_hour, 1, lang) + " min",
        ];
        sheet.add(row.into_iter().chain(owes.then(|| cell.unowed(lang).unwrap_or_default())));
    }
    sheet
}
