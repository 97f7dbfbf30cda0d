//! The cells of a simulation, each a scenario, a pool and a dialer, run on every core.
//!
//! Days are independent of one another: each has a seed of its own. They are handed to the cores
//! one by one and summed up in their order, so that the result is the same on any machine.

use core::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use indicatif::ProgressBar;

use super::dialers::{Dialer, Word};
use crate::core::campaign::Mode;
use crate::core::respect;
use crate::engine::clock;
use crate::engine::tasks::Tasks;
use crate::sim::oracle::Finding;
use crate::sim::report::{Day, Summary};
use crate::sim::rivals::Rival;
use crate::sim::rivals::hindsight::{self, Search, Setting};
use crate::sim::scenario::Scenario;
use crate::sim::{Learnt, RunSettings, run_day, run_next_day};

use crate::cli::failure::{Exit, Failure};
use crate::cli::output::Output;

/// One cell.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) scenario: Arc<Scenario>,
    pub(super) agents: u32,
    pub(super) word: Word,
    /// Lines per idle agent in power mode.
    pub(super) lines: f64,
    pub(super) days: u32,
    pub(super) seed: u64,
    pub(super) check: bool,
    pub(super) prior: Prior,
}

/// What the pacer of a cell begins its days with.
#[derive(Clone, Debug)]
pub(super) enum Prior {
    /// Nothing.
    None,
    /// What the days before taught it.
    Learn,
    /// The same every day.
    Given(Arc<Learnt>),
}

/// What a cell came to.
#[derive(Clone, Debug)]
pub(super) struct Solved {
    pub(super) cell: Cell,
    pub(super) summary: Summary,
    /// The setting that proved best, if the dialer was tuned in hindsight.
    pub(super) setting: Option<f64>,
    /// What its days taught its pacer, if each began with what those before did.
    pub(super) learnt: Option<Learnt>,
    /// The same days if nothing were owed to the agents, where something is.
    pub(super) unowed: Option<Summary>,
}

/// Days on their way from the cores at most: enough that none of them waits.
const UNDER_WAY_MAX: usize = 64;

/// Runs every cell, and once more without what it owes to its agents, to tell what that costs.
///
/// # Errors
/// The system has no room for a thread.
pub(super) fn solve(mut cells: Vec<Cell>, output: &Output) -> Result<Vec<Solved>, Failure> {
    let asked = cells.len();
    let owing = cells.iter().filter(|cell| cell.owes()).map(Cell::owing_nothing);
    let unowed = owing.collect::<Vec<_>>();
    cells.extend(unowed);
    let mut solved = solve_each(cells, output)?;
    let mut unowed = solved.split_off(asked.min(solved.len())).into_iter();
    for one in solved.iter_mut().filter(|one| one.cell.owes()) {
        one.unowed = unowed.next().map(|other| other.summary);
    }
    Ok(solved)
}

fn solve_each(cells: Vec<Cell>, output: &Output) -> Result<Vec<Solved>, Failure> {
    let asked: Vec<(usize, Try)> = (cells.iter().enumerate())
        .flat_map(|(nth, cell)| cell.tries().into_iter().map(move |tried| (nth, tried)))
        .collect();
    let jobs: Vec<Job> = asked.iter().map(|(nth, tried)| Job::of(&cells[*nth], *tried)).collect();
    let days = jobs.iter().map(|job| u64::from(job.run.days)).sum();
    let bar = output.progress(Some(days), output.lang.say("simulating", "simulation"));
    let mut open: Vec<Open> = cells.into_iter().map(Open::new).collect();
    for ((nth, tried), summary) in asked.into_iter().zip(run(jobs, &bar)?) {
        open[nth].tell(tried, summary);
    }
    bar.finish_and_clear();
    Ok(open.into_iter().filter_map(Open::solved).collect())
}

impl Cell {
    fn dialer(&self) -> Dialer {
        self.word.dialer(self.lines)
    }

    fn owes(&self) -> bool {
        self.scenario.respect != respect::Settings::default()
    }

    fn owing_nothing(&self) -> Self {
        let scenario = Scenario::clone(&self.scenario).owing(respect::Settings::default());
        Self { scenario: Arc::new(scenario), ..self.clone() }
    }

    /// Gives what its days are run with: every setting of a dialer tuned in hindsight.
    fn tries(&self) -> Vec<Try> {
        let rival = |rival, setting| Try {
            mode: Mode::Directed,
            full_info: false,
            rival: Some(rival),
            setting,
        };
        let own = |mode, full_info| Try { mode, full_info, rival: None, setting: None };
        match self.dialer() {
            Dialer::Own(mode) => vec![own(mode, false)],
            Dialer::Knowing(mode) => vec![own(mode, true)],
            Dialer::Rival(of) => vec![rival(of, None)],
            Dialer::Tuned(tune) => {
                let with = |setting: Setting| rival(tune.with(setting.lines()), Some(setting));
                hindsight::settings().map(with).collect()
            }
        }
    }
}

/// A setting to be tried on a cell's days.
#[derive(Clone, Copy)]
struct Try {
    mode: Mode,
    full_info: bool,
    rival: Option<Rival>,
    setting: Option<Setting>,
}

/// A cell that is being worked on.
struct Open {
    cell: Cell,
    search: Search,
    best: Option<(Option<Setting>, Summary, Option<Learnt>)>,
}

impl Open {
    fn new(cell: Cell) -> Self {
        Self { cell, search: Search::default(), best: None }
    }

    fn tell(&mut self, tried: Try, (summary, learnt): (Summary, Option<Learnt>)) {
        let held = summary.total.abandon() <= summary.cap;
        let occupancy = summary.total.occupancy().get();
        let better = tried.setting.is_none_or(|setting| self.search.tell(setting, held, occupancy));
        if better {
            self.best = Some((tried.setting, summary, learnt));
        }
    }

    fn solved(self) -> Option<Solved> {
        let (setting, summary, learnt) = self.best?;
        let setting = setting.map(Setting::lines);
        Some(Solved { cell: self.cell, summary, setting, learnt, unowed: None })
    }
}

/// The days of one cell under one setting.
pub(super) struct Job {
    pub(super) scenario: Arc<Scenario>,
    pub(super) run: RunSettings,
    pub(super) rival: Option<Rival>,
    pub(super) prior: Prior,
}

impl Job {
    fn of(cell: &Cell, tried: Try) -> Self {
        let run = RunSettings {
            agents: cell.agents,
            mode: tried.mode,
            full_info: tried.full_info,
            days: cell.days,
            seed: cell.seed,
            check: cell.check,
            meter: Some(clock::nanos),
        };
        let own = tried.rival.is_none() && !tried.full_info;
        let prior = if own { cell.prior.clone() } else { Prior::None };
        Self { scenario: Arc::clone(&cell.scenario), run, rival: tried.rival, prior }
    }

    /// Gives its days in groups of which each needs nothing of the others.
    fn groups(&self) -> Vec<Range<u32>> {
        match self.prior {
            Prior::None | Prior::Given(_) => (0..self.run.days).map(|day| day..day + 1).collect(),
            Prior::Learn => core::iter::once(0..self.run.days).collect(),
        }
    }

    /// Runs a day; one that learns takes what earlier ones learnt and adds to it.
    fn day(&self, day: u32, learnt: &mut Learnt) -> Ran {
        let next = |known: &Learnt| run_next_day(&self.scenario, &self.run, day, known);
        match &self.prior {
            Prior::None => run_day(&self.scenario, &self.run, self.rival, day),
            Prior::Given(known) => {
                let (day, findings, _) = next(known);
                (day, findings)
            }
            Prior::Learn => {
                let (day, findings, after) = next(learnt);
                *learnt = after;
                (day, findings)
            }
        }
    }
}

type Ran = (Day, Vec<Finding>);

/// Runs all days of all jobs on all cores, and sums each job's days up in their order.
pub(super) fn run(
    jobs: Vec<Job>,
    bar: &ProgressBar,
) -> Result<Vec<(Summary, Option<Learnt>)>, Failure> {
    let groups = |(nth, job): (usize, &Job)| job.groups().into_iter().map(move |days| (nth, days));
    let queue: Arc<Vec<(usize, Range<u32>)>> =
        Arc::new(jobs.iter().enumerate().flat_map(groups).collect());
    let jobs = Arc::new(jobs);
    let next = Arc::new(AtomicUsize::new(0));
    let (sender, done) = sync_channel(UNDER_WAY_MAX);
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(queue.len());
    for core in 0..cores {
        let (jobs, queue, next) = (Arc::clone(&jobs), Arc::clone(&queue), Arc::clone(&next));
        let sender = sender.clone();
        Tasks::thread(&format!("days-{core}"), move || {
            while let Some((nth, days)) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
                let (job, mut learnt) = (&jobs[*nth], Learnt::new());
                for day in days.clone() {
                    let ran = job.day(day, &mut learnt);
                    let last = day + 1 == days.end && matches!(job.prior, Prior::Learn);
                    let taught = last.then(|| core::mem::take(&mut learnt));
                    if sender.send((*nth, day, ran, taught)).is_err() {
                        return;
                    }
                }
            }
        })?;
    }
    drop(sender);
    let mut ran: Vec<Vec<Option<Ran>>> =
        jobs.iter().map(|job| (0..job.run.days).map(|_| None).collect()).collect();
    let mut taught: Vec<Option<Learnt>> = jobs.iter().map(|_| None).collect();
    for (nth, day, result, learnt) in done {
        bar.inc(1);
        ran[nth][day as usize] = Some(result);
        taught[nth] = learnt.or_else(|| taught[nth].take());
    }
    let sums = jobs.iter().zip(ran).map(|(job, days)| job.summed(days));
    sums.zip(taught).map(|(summary, learnt)| Ok((summary?, learnt))).collect()
}

impl Job {
    fn summed(&self, days: Vec<Option<Ran>>) -> Result<Summary, Failure> {
        let mut summary = Summary::of(&self.scenario, self.run.agents);
        for ran in days {
            let Some((day, findings)) = ran else {
                let message = "a simulated day ended in a defect of the program".to_owned();
                return Err(Failure::new(Exit::Error, "simulation_broken", message));
            };
            summary.add(&day, findings);
        }
        Ok(summary)
    }
}
