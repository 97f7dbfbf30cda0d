//! `cadran replay day`: a recorded day under other circumstances.
//!
//! Kept of the day are its staffing, its hours and what was measured; who is called and what
//! becomes of it is drawn. Each seed draws another sample of what was recorded and then another
//! day, so that the bands hold both what one day does not tell and the chance of the next.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueHint};
use serde::Serialize;

use super::cells::{self, Job, Prior};
use super::dialers::{Dialer, Word, lines_per_agent};
use super::report::{few, percent, points};
use super::{cap, lines, warn_of_lines};
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::output::{Lang, Output, Sheet};
use crate::cli::replay;
use crate::core::campaign::Mode;
use crate::core::{Fact, Order};
use crate::engine::tape::{self, Ending};
use crate::sim::RunSettings;
use crate::sim::learn::{Learner, NoDay};
use crate::sim::report;
use crate::sim::rivals::Rival;
use crate::sim::rng::{Actor, Stream, seed_of};
use crate::sim::scenario::Scenario;
use crate::units::Ratio;

/// A recorded day, and what is to be different.
#[derive(Debug, Args)]
pub(in crate::cli) struct Day {
    /// The day's tape
    #[arg(value_hint = ValueHint::FilePath)]
    tape: PathBuf,
    /// Another abandon cap, such as 2%
    #[arg(long, value_parser = cap)]
    cap: Option<Ratio>,
    /// Another greatest number of agents; they come and go in the same proportions
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    agents: Option<u32>,
    /// Another dialer; those known only afterwards are none
    #[arg(long, value_enum)]
    mode: Option<Word>,
    /// Other lines per idle agent in power mode, 1 to 10 [default: the day's, else 1.5]
    #[arg(long, value_parser = lines)]
    lines: Option<f64>,
    /// Days drawn
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    seeds: u32,
    /// The first seed: the same one gives the same figures
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

/// How the calls of a drawn day are paced.
#[derive(Clone, Copy)]
struct Paced {
    mode: Mode,
    full_info: bool,
    rival: Option<Rival>,
}

/// The figures of a day in both languages.
const FIGURES: [(&str, &str); 4] = [
    ("occupancy", "occupation"),
    ("abandon", "abandon"),
    ("talks", "conversations"),
    ("calls", "appels"),
];

/// What a day came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Figures {
    occupancy: f64,
    abandon: f64,
    talks: f64,
    calls: f64,
}

/// Where 95 of 100 such days lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Band {
    mean: f64,
    low: f64,
    high: f64,
}

/// The bands of the figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Bands {
    occupancy: Band,
    abandon: Band,
    talks: Band,
    calls: Band,
}

/// A recorded day beside itself and beside what is asked.
#[derive(Debug, Serialize)]
struct Beside {
    tape: PathBuf,
    seeds: u32,
    seed: u64,
    agents: u32,
    abandon_cap: f64,
    recorded: Figures,
    /// The day drawn again as it was.
    as_it_was: Bands,
    /// Whether the recorded figures lie within those bands: the check of the model.
    reproduced: bool,
    /// The figures that lie outside.
    outside: Vec<&'static str>,
    /// The day drawn with what was asked.
    what_if: Option<Bands>,
    /// What if less as it was, each pair of the same seed.
    difference: Option<Bands>,
    /// What is not known, and what is taken for granted.
    unknown: String,
}

impl Figures {
    fn of(day: &report::Day) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "no day has 2^53 calls")]
        let count = |calls: u64| calls as f64;
        Self {
            occupancy: day.occupancy().get(),
            abandon: day.abandon().get(),
            talks: count(day.connected),
            calls: count(day.attempts),
        }
    }

    fn less(self, other: Self) -> Self {
        Self {
            occupancy: self.occupancy - other.occupancy,
            abandon: self.abandon - other.abandon,
            talks: self.talks - other.talks,
            calls: self.calls - other.calls,
        }
    }
}

impl Band {
    /// Gives where one more value lies in 95 of 100 cases: mean ± t · s · √(1 + 1/n), Student's
    /// prediction interval.
    fn of(values: &[f64]) -> Self {
        let (mean, half_width) = report::spread(values).unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "there are at most 10,000")]
        let half_width = half_width * (values.len() as f64 + 1.0).sqrt();
        Self { mean, low: mean - half_width, high: mean + half_width }
    }

    fn holds(self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    fn say(self, show: impl Fn(f64) -> String) -> String {
        format!("{} ({} … {})", show(self.mean), show(self.low), show(self.high))
    }
}

impl Bands {
    fn of(days: &[Figures]) -> Self {
        let band = |of: fn(&Figures) -> f64| Band::of(&days.iter().map(of).collect::<Vec<_>>());
        Self {
            occupancy: band(|day| day.occupancy),
            abandon: band(|day| day.abandon),
            talks: band(|day| day.talks),
            calls: band(|day| day.calls),
        }
    }

    /// Cuts off what cannot be: less than nothing, more than all.
    fn possible(mut self) -> Self {
        for band in [&mut self.occupancy, &mut self.abandon, &mut self.talks, &mut self.calls] {
            band.low = band.low.max(0.0);
        }
        for share in [&mut self.occupancy, &mut self.abandon] {
            share.high = share.high.min(1.0);
        }
        self
    }

    fn outside(&self, day: &Figures) -> Vec<&'static str> {
        let pairs = [
            (self.occupancy, day.occupancy),
            (self.abandon, day.abandon),
            (self.talks, day.talks),
            (self.calls, day.calls),
        ];
        let named = FIGURES.iter().zip(pairs);
        named.filter(|(_, (band, was))| !band.holds(*was)).map(|((name, _), _)| *name).collect()
    }
}

impl Day {
    pub(in crate::cli) fn run(self, output: &Output) -> Outcome {
        let learner = learn(&self.tape, output)?;
        let was = learner.mode().map(|mode| Paced { mode, full_info: false, rival: None });
        let was = was.filter(|was| was.mode != Mode::Directed);
        let was = was.ok_or_else(|| self.unlearnable(&"nobody knows how its calls were paced"))?;
        let own = Word::of(was.mode).filter(|_| self.lines.is_some());
        let asked = self.mode.or(own).map_or(Ok(was), |word| self.paced(word, was.mode))?;
        let lines = self.lines.filter(|_| matches!(asked.mode, Mode::Power { .. }));
        if self.lines.is_some() && lines.is_none() {
            warn_of_lines(output);
        }
        let drawn = self.drawn(&learner).map_err(|error| self.unlearnable(&error))?;
        let changed =
            self.cap.is_some() || self.agents.is_some() || self.mode.is_some() || lines.is_some();
        let changed_days = if changed { drawn.as_slice() } else { &[] };
        let mut jobs: Vec<Job> = drawn.iter().map(|(day, seed)| job(day, *seed, was)).collect();
        jobs.extend(changed_days.iter().map(|(day, seed)| {
            let scenario = self.changed(day.clone());
            job(&scenario, *seed, asked)
        }));
        let bar = output.progress(u64::try_from(jobs.len()).ok(), "replay");
        let run = cells::run(jobs, &bar)?;
        bar.finish_and_clear();
        let days: Vec<_> = run.iter().map(|(summary, _)| Figures::of(&summary.total)).collect();
        let beside = self.beside(&learner, &drawn, &days, output.lang);
        output.show(&beside, |lang| beside.sheet(lang));
        beside.remark(output);
        Ok(Exit::Done)
    }

    fn unlearnable(&self, why: &dyn std::fmt::Display) -> Failure {
        let message = format!("{}: {why}", self.tape.display());
        Failure::new(Exit::Invalid, "nothing_to_learn", message)
            .hint("take the tape of a fuller day, of a campaign that cadran paced itself")
    }

    fn paced(&self, word: Word, day: Mode) -> Result<Paced, Failure> {
        let own = |mode, full_info| Ok(Paced { mode, full_info, rival: None });
        match word.dialer(lines_per_agent(self.lines, Some(day))) {
            Dialer::Own(mode) => own(mode, false),
            Dialer::Knowing(mode) => own(mode, true),
            Dialer::Rival(rival) => {
                Ok(Paced { mode: Mode::Directed, full_info: false, rival: Some(rival) })
            }
            Dialer::Tuned(_) => {
                let message = format!("{} needs to know how the day ends", word.name());
                Err(Failure::new(Exit::Invalid, "mode_unknown_beforehand", message)
                    .hint("take predictive, progressive, power or a rival as it comes"))
            }
        }
    }

    /// Draws a sample of what was recorded for each seed.
    fn drawn(&self, learner: &Learner) -> Result<Vec<(Scenario, u64)>, NoDay> {
        let name = self.tape.file_stem().unwrap_or_default().to_string_lossy();
        let draw = |nth: u32| {
            let seed = seed_of(self.seed, Actor::Day(u64::from(nth)));
            let resampled = learner.resampled(&mut Stream::new(seed, Actor::Maker));
            resampled.scenario(&name).map(|scenario| (scenario, seed))
        };
        (0..self.seeds).map(draw).collect()
    }

    /// Changes what was asked for; the trunks stay what they were.
    fn changed(&self, day: Scenario) -> Scenario {
        let pool = f64::from(day.pool.unwrap_or(1));
        let agents = self.agents.or(day.pool).unwrap_or(1);
        let scale = pool / f64::from(agents);
        Scenario {
            cap: self.cap.unwrap_or(day.cap),
            pool: Some(agents),
            trunks_per_agent: day.trunks_per_agent * scale,
            calls_per_second_per_agent: day.calls_per_second_per_agent * scale,
            ..day
        }
    }

    fn beside(
        &self,
        learner: &Learner,
        drawn: &[(Scenario, u64)],
        days: &[Figures],
        lang: Lang,
    ) -> Beside {
        let (was, asked) = days.split_at(drawn.len().min(days.len()));
        let recorded = Figures::of(&learner.recorded());
        let as_it_was = Bands::of(was).possible();
        let outside = as_it_was.outside(&recorded);
        let less: Vec<_> = asked.iter().zip(was).map(|(what, was)| what.less(*was)).collect();
        let changed = |days: &[Figures]| (!days.is_empty()).then(|| Bands::of(days));
        let (pool, cap) =
            drawn.first().map_or((1, Ratio::new(0.0)), |(day, _)| (day.pool.unwrap_or(1), day.cap));
        Beside {
            tape: self.tape.clone(),
            seeds: self.seeds,
            seed: self.seed,
            agents: self.agents.unwrap_or(pool),
            abandon_cap: self.cap.unwrap_or(cap).get(),
            recorded,
            as_it_was,
            reproduced: outside.is_empty(),
            outside,
            what_if: changed(asked).map(Bands::possible),
            difference: changed(&less),
            unknown: lang.say(UNKNOWN.0, UNKNOWN.1).to_owned(),
        }
    }
}

/// What no recording of one day can tell.
const UNKNOWN: (&str, &str) = (
    "Not known, and so drawn: what the calls never placed would have met, and in what order the \
     list would have been called. Taken for granted: more calls or fewer, earlier or later in the \
     hour, are answered as those recorded in that hour; talks and write-ups last as they did; \
     people wait as in the scenario files. Not carried over: what earlier days had taught the \
     pacer, so each drawn day begins cold; the abandoned counted before the recording, the window \
     they are counted in and a rate shared with other campaigns, so each drawn day counts its own \
     alone; calling hours, unless they never end: they end for the pacer when the recording did.",
    "Inconnu, donc tiré au sort : ce qu'auraient donné les appels jamais passés, et dans quel \
     ordre le fichier aurait été appelé. Supposé : plus ou moins d'appels, plus tôt ou plus tard \
     dans l'heure, décrochent comme ceux enregistrés à cette heure ; conversations et post-appels \
     durent autant ; les appelés patientent comme dans les scénarios. Non repris : ce que les \
     jours précédents avaient appris, chaque journée tirée commence donc à froid ; les abandons \
     comptés avant l'enregistrement, leur fenêtre de compte et un taux partagé avec d'autres \
     campagnes, chaque journée compte donc les siens, seule ; les horaires d'appel, sauf s'ils ne \
     finissent jamais : ils finissent pour l'algorithme avec l'enregistrement.",
);

fn job(scenario: &Scenario, seed: u64, paced: Paced) -> Job {
    let Paced { mode, full_info, rival } = paced;
    let agents = scenario.pool.unwrap_or(1);
    let run = RunSettings { agents, mode, days: 1, seed, check: false, full_info, meter: None };
    Job { scenario: Arc::new(scenario.clone()), run, rival, prior: Prior::None }
}

/// Takes a tape in, as far as this version's dialer gives the same orders.
pub(super) fn learn(path: &Path, output: &Output) -> Result<Learner, Failure> {
    let mut learner = Learner::default();
    let mut seen = |now, facts: &[Fact], orders: &[Order]| learner.batch(now, facts, orders);
    let verdict = tape::replay(path, &mut seen).map_err(|error| replay::unreadable(&error))?;
    let lang = output.lang;
    if !matches!(verdict.ending, Ending::Same | Ending::CutShort) {
        let (_, _, detail) = replay::told(&verdict.ending);
        let short = lang
            .say("only the tape's beginning is taken: ", "seul le début de la bande est repris : ");
        output.warn(&format!("{short}{detail}"));
    }
    let dialed = learner.dialed();
    if dialed > 1 {
        let busiest = lang.say(
            "{count} campaigns dialled: only the calls of the one with most are modelled, by all \
             the agents of that day",
            "{count} campagnes ont appelé : seuls les appels de celle qui en a le plus sont \
             modélisés, par tous les agents de la journée",
        );
        output.warn(&busiest.replace("{count}", &dialed.to_string()));
    }
    Ok(learner)
}

impl Beside {
    fn sheet(&self, lang: Lang) -> Sheet {
        let [occupancy, abandon, talks, calls] = FIGURES.map(|(en, fr)| lang.say(en, fr));
        let mut sheet = Sheet::new(&["", occupancy, abandon, talks, calls]);
        let share = |share: f64| percent(share, None, lang);
        let whole = |count: f64| format!("{count:.0}");
        let day = &self.recorded;
        sheet.add([
            lang.say("as recorded", "telle qu'enregistrée").to_owned(),
            share(day.occupancy),
            share(day.abandon),
            whole(day.talks),
            whole(day.calls),
        ]);
        let drawn = [
            (lang.say("drawn again as it was", "rejouée telle quelle"), Some(&self.as_it_was)),
            (lang.say("what if", "et si"), self.what_if.as_ref()),
        ];
        for (name, bands) in drawn {
            let Some(bands) = bands else { continue };
            sheet.add([
                name.to_owned(),
                bands.occupancy.say(share),
                bands.abandon.say(share),
                bands.talks.say(whole),
                bands.calls.say(whole),
            ]);
        }
        if let Some(less) = &self.difference {
            let points = |share: f64| points(share, None, lang);
            let more = |count: f64| format!("{count:+.0}").replace('-', "−");
            sheet.add([
                lang.say("difference", "différence").to_owned(),
                less.occupancy.say(points),
                less.abandon.say(points),
                less.talks.say(more),
                less.calls.say(more),
            ]);
        }
        sheet
    }

    /// Says that bands of few days are wide.
    fn few(&self, lang: Lang) -> Option<String> {
        few(self.seeds, lang).map(|few| few.replace("--days", "--seeds"))
    }

    /// Says in sentences whether the model holds and what is not known.
    fn remark(&self, output: &Output) {
        let lang = output.lang;
        let bands = lang.say(
            "In brackets: where 95 of 100 such days lie. {seeds} days drawn from seed {seed}.",
            "Entre parenthèses : où tombent 95 journées sur 100. {seeds} journées tirées, graine \
             {seed}.",
        );
        let seeds = bands.replace("{seeds}", &self.seeds.to_string());
        output.note(&seeds.replace("{seed}", &self.seed.to_string()));
        if self.reproduced {
            output.note(lang.say(
                "The model reproduces the day: every recorded figure lies within its band.",
                "Le modèle reproduit la journée : chaque chiffre enregistré est dans sa bande.",
            ));
        } else {
            let doubt = lang.say(
                "the model does not reproduce the day, the rest is doubtful: outside is",
                "le modèle ne reproduit pas la journée, le reste est douteux : hors bande",
            );
            let outside = FIGURES.iter().filter(|(en, _)| self.outside.contains(en));
            let outside: Vec<_> = outside.map(|(en, fr)| lang.say(en, fr)).collect();
            output.warn(&format!("{doubt} {}", outside.join(", ")));
        }
        output.note(&self.unknown);
        if let Some(few) = self.few(lang) {
            output.note(&few);
        }
    }
}
