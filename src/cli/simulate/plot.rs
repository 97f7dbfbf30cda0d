//! `simulate plot`: which charts a set of cells makes, and the bars for a terminal.

use std::collections::BTreeMap;

use super::cells::Solved;
use super::chart::{Axis, Chart, Direction, Point, Series};
use super::report::{Report, percent};
use crate::cli::output::Lang;
use crate::sim::course::{SLOT, Slot};

/// Slots of a point in the course of a day: a quarter of an hour.
const QUARTER: usize = 3;
/// The width of a full bar.
const BAR: usize = 40;

/// Gives the charts of a set of cells: by pool if there are several, else the dialers beside one
/// another, and the course of the day for each scenario and pool.
pub(super) fn charts(solved: &[Solved], lang: Lang) -> Vec<Chart> {
    let mut by_scenario: BTreeMap<&str, Vec<&Solved>> = BTreeMap::new();
    for cell in solved {
        by_scenario.entry(&cell.summary.scenario).or_default().push(cell);
    }
    let mut charts = Vec::new();
    for cells in by_scenario.values() {
        let mut by_pool: BTreeMap<u32, Vec<&Solved>> = BTreeMap::new();
        for cell in cells {
            by_pool.entry(cell.summary.agents).or_default().push(cell);
        }
        if by_pool.len() > 1 {
            charts.extend(by_size(cells, &by_pool, lang));
        }
        for pool in by_pool.values() {
            charts.push(trade(pool, lang));
            charts.push(course(pool, lang));
            charts.push(so_far(pool, lang));
        }
    }
    match lang {
        Lang::En => charts,
        Lang::Fr => charts.into_iter().map(Chart::with_commas).collect(),
    }
}

/// How a cell is shown: its name, its dialer's colour, and a stroke of its own among those of the
/// same dialer, which differ by their caps.
struct Look {
    name: String,
    color: usize,
    stroke: usize,
}

fn looks(cells: &[&Solved], lang: Lang) -> Vec<Look> {
    let caps = cells.iter().any(|cell| cell.summary.cap != cells[0].summary.cap);
    let look = |(nth, cell): (usize, &&Solved)| {
        let cap = if caps {
            format!(" ≤ {}", percent(cell.summary.cap.get(), None, lang))
        } else {
            String::new()
        };
        let word = cell.cell.word;
        let before = cells.iter().take(nth).filter(|other| other.cell.word == word);
        Look { name: word.name() + &cap, color: word.color(), stroke: before.count() }
    };
    cells.iter().enumerate().map(look).collect()
}

fn heading(cells: &[&Solved], what: &str, pool: bool, lang: Lang) -> String {
    let Some(first) = cells.first() else { return what.to_owned() };
    let agents = if pool {
        format!(", {} {}", first.summary.agents, lang.say("agents", "agents"))
    } else {
        String::new()
    };
    format!("{what} · {}{agents}", first.summary.scenario)
}

fn cap_of(cells: &[&Solved], direction: Direction, lang: Lang) -> Option<(Direction, f64, String)> {
    let cap = 100.0 * cells.first()?.summary.cap.get();
    let one = cells.iter().all(|cell| cell.summary.cap == cells[0].summary.cap);
    one.then(|| (direction, cap, format!("{} {cap:.1} %", lang.say("cap", "plafond"))))
}

/// Occupancy against abandon: the further up and to the left, the better.
fn trade(cells: &[&Solved], lang: Lang) -> Chart {
    let mut series = Vec::new();
    for (cell, Look { name, color, stroke }) in cells.iter().zip(looks(cells, lang)) {
        let report = Report::of(cell);
        let half = |ci95: Option<f64>| 100.0 * ci95.unwrap_or(0.0);
        let (up, along) = (half(report.occupancy_ci95), half(report.abandon_ci95));
        let says = format!(
            "{name}: {} / {}",
            percent(report.occupancy, report.occupancy_ci95, lang),
            percent(report.abandon, report.abandon_ci95, lang)
        );
        let (x, y) = (100.0 * report.abandon, 100.0 * report.occupancy);
        let points = vec![Point { x, y, spread: (along, up, up), says }];
        series.push(Series { name, color, stroke, line: false, points });
    }
    let limit = cap_of(cells, Direction::X, lang);
    let furthest = limit.as_ref().map_or(0.0, |limit| 1.2 * limit.1);
    framed(
        heading(cells, lang.say("Occupancy and abandon", "Occupation et abandon"), true, lang),
        Axis::linear(
            lang.say("abandon", "abandon"),
            0.0,
            most(&series, furthest, |p| p.x + p.spread.0).min(100.0),
            " %",
        ),
        lang.say("occupancy", "occupation"),
        series,
        limit,
    )
}

fn most(series: &[Series], least: f64, of: impl Fn(&Point) -> f64) -> f64 {
    series.iter().flat_map(|series| &series.points).map(of).fold(least, f64::max)
}

/// Frames series with a y axis in per cent that holds them all.
fn framed(
    title: String,
    x: Axis,
    label: &str,
    series: Vec<Series>,
    limit: Option<(Direction, f64, String)>,
) -> Chart {
    let level = match &limit {
        Some((Direction::Y, at, _)) => 1.2 * at,
        Some((Direction::X, ..)) | None => f64::NEG_INFINITY,
    };
    let high = most(&series, level, |point| point.y + point.spread.2);
    let low = -most(&series, f64::NEG_INFINITY, |point| point.spread.1 - point.y);
    let low = if level.is_finite() { 0.0 } else { low.clamp(0.0, 100.0) };
    let y = Axis::linear(label, low, high.clamp(0.0, 100.0), " %");
    Chart { title, x, y, series, limit }
}

/// Occupancy and abandon by the size of the pool.
fn by_size(cells: &[&Solved], pools: &BTreeMap<u32, Vec<&Solved>>, lang: Lang) -> [Chart; 2] {
    let place = |agents: u32| libm::log(f64::from(agents));
    let ticks = pools.keys().map(|agents| (place(*agents), agents.to_string())).collect();
    let x =
        Axis { label: lang.say("agents (log scale)", "agents (échelle log)").to_owned(), ticks };
    // By their place: every pool has the same dialers and caps in the same order.
    let mut lines: BTreeMap<usize, (Look, [Vec<Point>; 2])> = BTreeMap::new();
    for pool in pools.values() {
        for ((nth, cell), look) in pool.iter().enumerate().zip(looks(pool, lang)) {
            let name = look.name.clone();
            let report = Report::of(cell);
            let figures =
                [(report.occupancy, report.occupancy_ci95), (report.abandon, report.abandon_ci95)];
            let (_, both) = lines.entry(nth).or_insert_with(|| (look, [Vec::new(), Vec::new()]));
            for ((share, ci95), points) in figures.into_iter().zip(both) {
                let half = 100.0 * ci95.unwrap_or(0.0);
                let says =
                    format!("{name}, {} agents: {}", report.agents, percent(share, ci95, lang));
                let (x, y) = (place(report.agents), 100.0 * share);
                points.push(Point { x, y, spread: (0.0, half, half), says });
            }
        }
    }
    let series = |which: usize| {
        let of = |(look, both): &(Look, [Vec<Point>; 2])| {
            let (name, points) = (look.name.clone(), both[which].clone());
            Series { name, color: look.color, stroke: look.stroke, line: true, points }
        };
        lines.values().map(of).collect::<Vec<_>>()
    };
    let title = |what| heading(cells, what, false, lang);
    let (occupancy, abandon) = (lang.say("occupancy", "occupation"), "abandon");
    [
        framed(
            title(lang.say("Occupancy by pool", "Occupation selon l'équipe")),
            x.clone(),
            occupancy,
            series(0),
            None,
        ),
        framed(
            title(lang.say("Abandon by pool", "Abandon selon l'équipe")),
            x,
            abandon,
            series(1),
            cap_of(cells, Direction::Y, lang),
        ),
    ]
}

/// Occupancy in the course of the day: the mean of the days, and where four in five of them lie.
fn course(cells: &[&Solved], lang: Lang) -> Chart {
    let of = |slots: &[Slot], nth: usize| {
        // The last one may be cut short.
        let until = ((nth + 1) * QUARTER).min(slots.len());
        let quarter = sum(slots.get(nth * QUARTER..until).unwrap_or(&[]));
        quarter.occupancy().map(|share| 100.0 * share.get())
    };
    let title = lang.say("Occupancy through the day", "Occupation au fil de la journée");
    let series = through_the_day(cells, of, lang);
    framed(
        heading(cells, title, true, lang),
        hours(cells, lang),
        lang.say("occupancy", "occupation"),
        series,
        None,
    )
}

/// The abandon share of the day up to each moment.
fn so_far(cells: &[&Solved], lang: Lang) -> Chart {
    let of = |slots: &[Slot], nth: usize| {
        let until = sum(slots.get(..((nth + 1) * QUARTER).min(slots.len())).unwrap_or(&[]));
        (until.connected + until.abandoned > 0).then(|| 100.0 * until.abandon().get())
    };
    let title = lang.say("Abandon of the day so far", "Abandon depuis le début de la journée");
    let series = through_the_day(cells, of, lang);
    let limit = cap_of(cells, Direction::Y, lang);
    framed(heading(cells, title, true, lang), hours(cells, lang), "abandon", series, limit)
}

fn sum(slots: &[Slot]) -> Slot {
    let mut all = Slot::default();
    slots.iter().for_each(|slot| all.add(slot));
    all
}

/// Gives how many slots the longest day has.
fn slots(cells: &[&Solved]) -> usize {
    cells.iter().flat_map(|cell| &cell.summary.slots).map(Vec::len).max().unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "a day has some hundred slots")]
fn hour(slot: usize) -> f64 {
    slot as f64 * SLOT.as_secs_f64() / 3_600.0
}

fn hours(cells: &[&Solved], lang: Lang) -> Axis {
    Axis::linear(
        lang.say("hours since the start", "heures depuis le début"),
        0.0,
        hour(slots(cells)),
        " h",
    )
}

/// Makes a line a dialer of a figure that every day has, or has not, in every quarter of an hour.
fn through_the_day(
    cells: &[&Solved],
    of: impl Fn(&[Slot], usize) -> Option<f64>,
    lang: Lang,
) -> Vec<Series> {
    let mut all = Vec::new();
    for (cell, Look { name, color, stroke }) in cells.iter().zip(looks(cells, lang)) {
        let mut points = Vec::new();
        for nth in 0..slots(cells).div_ceil(QUARTER) {
            let mut days: Vec<f64> =
                cell.summary.slots.iter().filter_map(|slots| of(slots, nth)).collect();
            days.sort_by(f64::total_cmp);
            let at = |tenths: usize| days.get((days.len().saturating_sub(1) * tenths + 5) / 10);
            let (Some(low), Some(high)) = (at(1), at(9)) else { continue };
            #[expect(clippy::cast_precision_loss, reason = "no simulation has 2^53 days")]
            let y = days.iter().sum::<f64>() / days.len() as f64;
            let x = (hour(nth * QUARTER) + hour(((nth + 1) * QUARTER).min(slots(cells)))) / 2.0;
            let says = format!("{name}, {x:.2} h: {y:.1} % ({low:.1}–{high:.1})");
            points.push(Point {
                x,
                y,
                spread: (0.0, (y - low).max(0.0), (high - y).max(0.0)),
                says,
            });
        }
        all.push(Series { name, color, stroke, line: true, points });
    }
    all
}

/// Draws every cell's occupancy as a bar, with its abandon share beside it.
pub(super) fn bars(cells: &[Report], plain: bool, lang: Lang) -> String {
    let name = |cell: &Report| cell.name(lang);
    let width = cells.iter().map(|cell| name(cell).chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    let mut before = None;
    for cell in cells {
        let heading = (cell.scenario.clone(), cell.agents, percent(cell.abandon_cap, None, lang));
        if before.as_ref() != Some(&heading) {
            let (agents, days) = (lang.say("agents", "agents"), lang.say("days", "jours"));
            let cap = lang.say("cap", "plafond");
            out += &format!(
                "{}{} · {} {agents} · {} {days} · {cap} {}\n",
                if before.is_some() { "\n" } else { "" },
                heading.0,
                heading.1,
                cell.days,
                heading.2
            );
            before = Some(heading);
        }
        let over = if cell.abandon > cell.abandon_cap { " !" } else { "" };
        out += &format!(
            "{:width$}  {}  {:>12}   {} {}{over}\n",
            name(cell),
            bar(cell.occupancy, plain),
            percent(cell.occupancy, cell.occupancy_ci95, lang),
            lang.say("abandon", "abandon"),
            percent(cell.abandon, cell.abandon_ci95, lang),
        );
    }
    out
}

/// Draws a share as a bar of eighths, or of signs every terminal has.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 320")]
fn bar(share: f64, plain: bool) -> String {
    let eighths = (share.clamp(0.0, 1.0) * 8.0 * BAR as f64) as usize;
    let full = eighths / 8;
    let mut bar = if plain { "#" } else { "█" }.repeat(full);
    if !plain && !eighths.is_multiple_of(8) {
        bar.push(['▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8 - 1]);
    }
    let drawn = bar.chars().count();
    bar + &if plain { "." } else { "·" }.repeat(BAR - drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_wide_as_any_other() {
        for share in [0.0, 0.003, 0.5, 0.777, 1.0, 2.0] {
            for plain in [true, false] {
                assert_eq!(bar(share, plain).chars().count(), BAR, "{share}");
            }
        }
    }
}
