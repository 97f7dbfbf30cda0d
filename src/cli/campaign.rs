//! `cadran campaign`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueHint};
use serde::Serialize;

use super::client::{At, Client};
use super::failure::{Exit, Failure, Outcome};
use super::output::{Form, Lang, Output, Sheet};
use super::speed::mode;
use super::{Global, idle, unread, wait_for};
use crate::api::types::{self, IdleCause};
use crate::config::{self, Config, Problem, Problems, Severity, measure};
use crate::core::campaign::Guarantee;
use crate::core::order::CampaignState;
use crate::core::pacing::{Decision, View};
use crate::units::Span;
use crate::watch::{campaign_state_word, percent, speed};

/// How often a waiting command asks how far the campaign is.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Check, list and drive campaigns.
#[derive(Debug, Subcommand)]
pub(super) enum Campaign {
    /// Check campaign files before anything rings
    #[command(before_help = "Examples:
  cadran campaign validate                          every campaign of ./cadran.toml
  cadran campaign validate campaigns/vente.toml     one file by itself")]
    Validate(Validate),
    /// List the campaigns of a running engine
    #[command(before_help = "Examples:
  cadran campaign list
  cadran campaign list --json")]
    List,
    /// Show one campaign, and why it dials nobody if it does not
    #[command(before_help = "Examples:
  cadran campaign show prospection-fr")]
    Show(Named),
    /// Start or resume a campaign
    #[command(before_help = "Examples:
  cadran campaign start prospection-fr
  cadran campaign start prospection-fr --wait --timeout 2h")]
    Start(Waited),
    /// Place no new calls until it is started again
    #[command(before_help = "Examples:
  cadran campaign pause prospection-fr")]
    Pause(Named),
    /// Place no new calls, let conversations end, then stop
    #[command(before_help = "Examples:
  cadran campaign drain prospection-fr --wait")]
    Drain(Waited),
    /// Stop now, ending conversations
    #[command(before_help = "Examples:
  cadran campaign stop prospection-fr --confirm prospection-fr")]
    Stop(Stop),
}

/// Which files to check.
#[derive(Debug, Args)]
pub(super) struct Validate {
    /// Campaign files; every campaign of the engine's file otherwise
    #[arg(value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
}

/// One campaign.
#[derive(Debug, Args)]
pub(super) struct Named {
    /// The campaign's name
    name: String,
}

/// One campaign, and whether to wait for it.
#[derive(Debug, Args)]
pub(super) struct Waited {
    /// The campaign's name
    name: String,
    /// Return when it has completed or stopped
    #[arg(long)]
    wait: bool,
    /// Wait at most this long, such as 30s or 2h
    #[arg(long, value_name = "TIME", value_parser = measure::span, requires = "wait")]
    timeout: Option<Span>,
}

/// One campaign to be stopped.
#[derive(Debug, Args)]
pub(super) struct Stop {
    /// The campaign's name
    name: String,
    /// Its name again, when conversations would be cut
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
}

impl Campaign {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        match self {
            Self::Validate(files) => validate(global, output, files.files),
            Self::List => list(global, output),
            Self::Show(named) => show(global, output, &named.name),
            Self::Start(waited) => drive(global, output, "start", waited),
            Self::Pause(named) => drive(global, output, "pause", Waited::at_once(named.name)),
            Self::Drain(waited) => drive(global, output, "drain", waited),
            Self::Stop(stop) => stop.run(global, output),
        }
    }
}

impl Waited {
    fn at_once(name: String) -> Self {
        Self { name, wait: false, timeout: None }
    }
}

impl Stop {
    fn run(self, global: &Global, output: &Output) -> Outcome {
        let client = Client::open(global)?;
        let campaign: types::Campaign = wait_for(client.get(&brief(&self.name)))?;
        let talks = campaign.now.talking;
        if talks > 0 && self.confirm.as_deref() != Some(&self.name) {
            let message = format!("{talks} conversations would be cut");
            let hint = format!(
                "let them end with `cadran campaign drain {0}`, or add --confirm {0}",
                self.name
            );
            return Err(Failure::new(Exit::Refused, "talks_in_progress", message).hint(hint));
        }
        drive(global, output, "stop", Waited::at_once(self.name))
    }
}

#[derive(Serialize)]
struct Checked {
    ok: bool,
    campaigns: Vec<CheckedCampaign>,
    problems: Vec<CheckedProblem>,
}

#[derive(Serialize)]
struct CheckedCampaign {
    name: String,
    file: PathBuf,
    mode: &'static str,
    guarantee: Option<Guarantee>,
    hours: String,
    dispositions: usize,
}

#[derive(Serialize)]
struct CheckedProblem {
    severity: &'static str,
    file: PathBuf,
    line: usize,
    column: usize,
    key: String,
    message: String,
    hint: Option<String>,
}

fn validate(global: &Global, output: &Output, files: Vec<PathBuf>) -> Outcome {
    let alone = !files.is_empty();
    let (campaigns, problems) = if alone { check_files(&files) } else { check_all(global) };
    let ok = problems.iter().all(|problem| problem.severity == Severity::Warning);
    let exit = if ok { Exit::Done } else { Exit::Invalid };
    if output.form == Form::Json {
        output.json(&Checked {
            ok,
            campaigns: campaigns.iter().map(checked).collect(),
            problems: problems.into_iter().map(checked_problem).collect(),
        });
        return Ok(exit);
    }
    let (wrong, look): (Vec<_>, Vec<_>) =
        problems.into_iter().partition(|problem| problem.severity == Severity::Error);
    if !look.is_empty() {
        output.note(&Problems(look).to_string());
    }
    if !wrong.is_empty() {
        return Err(Problems(wrong).into());
    }
    output.show(&(), |lang| summary(&campaigns, lang));
    if alone {
        output.note(output.lang.say(
            "    routes and notices were not looked up: without a file's name they are held \
             against cadran.toml",
            "    trunks et annonces n'ont pas été cherchés : sans nom de fichier, ils sont \
             confrontés à cadran.toml",
        ));
    }
    output.note(output.lang.say(
        "    → cadran doctor looks at the secrets, trunks and ports they need",
        "    → cadran doctor regarde les secrets, trunks et ports qu'il leur faut",
    ));
    Ok(exit)
}

fn check_all(global: &Global) -> (Vec<config::Campaign>, Vec<Problem>) {
    match Config::load(&global.config_path()) {
        Ok(config) => (config.campaigns, config.warnings),
        Err(problems) => (Vec::new(), problems.0),
    }
}

fn check_files(files: &[PathBuf]) -> (Vec<config::Campaign>, Vec<Problem>) {
    let (mut campaigns, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        match config::Campaign::load(file) {
            Ok(mut campaign) => {
                problems.append(&mut campaign.warnings);
                campaigns.push(campaign);
            }
            Err(found) => problems.extend(found.0),
        }
    }
    problems.extend(config::join_rates(&mut campaigns));
    (campaigns, problems)
}

fn checked(campaign: &config::Campaign) -> CheckedCampaign {
    CheckedCampaign {
        name: campaign.name.clone(),
        file: campaign.path.clone(),
        mode: config::campaign::mode_word(campaign.mode),
        guarantee: campaign.mode.guarantee(),
        hours: config::hours::say(&campaign.week),
        dispositions: campaign.dispositions.len(),
    }
}

fn checked_problem(problem: Problem) -> CheckedProblem {
    CheckedProblem {
        severity: match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        file: problem.path,
        line: problem.line,
        column: problem.column,
        key: problem.key,
        message: problem.message,
        hint: problem.hint,
    }
}

fn summary(campaigns: &[config::Campaign], lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&[
        lang.say("campaign", "campagne"),
        "mode",
        lang.say("hours (callee's zone)", "horaires (fuseau de l'appelé)"),
        lang.say("dispositions", "qualifications"),
        lang.say("file", "fichier"),
    ]);
    for campaign in campaigns {
        let checked = checked(campaign);
        sheet.add([
            checked.name,
            mode(checked.mode, checked.guarantee),
            checked.hours,
            checked.dispositions.to_string(),
            checked.file.display().to_string(),
        ]);
    }
    sheet
}

fn list(global: &Global, output: &Output) -> Outcome {
    let client = Client::open(global)?;
    let campaigns: Vec<types::Campaign> = wait_for(client.get(&At::path(["campaigns"])))?;
    output.show(&campaigns, |lang| {
        let mut sheet = Sheet::new(&[
            lang.say("campaign", "campagne"),
            lang.say("state", "état"),
            "mode",
            lang.say("attempts", "appels"),
            lang.say("bridged", "en relation"),
            lang.say("abandoned", "abandonnés"),
            lang.say("ringing", "sonnent"),
            lang.say("talking", "en ligne"),
        ]);
        for campaign in &campaigns {
            sheet.add([
                campaign.name.clone(),
                campaign_state_word(campaign.state, lang).to_owned(),
                mode(&campaign.mode, campaign.guarantee),
                campaign.totals.attempts.to_string(),
                campaign.totals.bridged.to_string(),
                campaign.totals.abandoned.to_string(),
                campaign.now.ringing.to_string(),
                campaign.now.talking.to_string(),
            ]);
        }
        sheet
    });
    if campaigns.is_empty() && output.form != Form::Json {
        output.warn(output.lang.say(
            "the engine found no campaign when it started: `cadran campaign validate` says where \
             it looks",
            "le moteur n'a trouvé aucune campagne à son démarrage : `cadran campaign validate` \
             dit où il les cherche",
        ));
    }
    since_this_start(output);
    unread::warn(&client, None, output)
}

/// Says what the counters of campaigns count.
fn since_this_start(output: &Output) {
    if output.form == Form::Json {
        return;
    }
    output.note(output.lang.say(
        "counted since the engine started; `cadran stats` counts the last 24 hours",
        "compté depuis le démarrage du moteur ; `cadran stats` compte les dernières 24 heures",
    ));
}

fn show(global: &Global, output: &Output, name: &str) -> Outcome {
    let client = Client::open(global)?;
    let campaign: types::Campaign = wait_for(client.get(&At::path(["campaigns", name])))?;
    output.show(&campaign, |lang| described(&campaign, lang));
    since_this_start(output);
    unread::warn(&client, Some(name), output)
}

fn described(campaign: &types::Campaign, lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&["", ""]);
    let mut line = |english: &str, french: &str, value: String| {
        sheet.add([lang.say(english, french).to_owned(), value]);
    };
    let (now, totals) = (&campaign.now, &campaign.totals);
    line("name", "nom", campaign.name.clone());
    line("title", "titre", campaign.title.clone());
    line("client company", "commanditaire", campaign.client.clone());
    line("state", "état", campaign_state_word(campaign.state, lang).to_owned());
    line("mode", "mode", mode(&campaign.mode, campaign.guarantee));
    line("hours", "horaires", campaign.hours.clone());
    line("trunks", "trunks", campaign.trunks.join(", "));
    if !campaign.requires.is_empty() {
        line("skills required", "compétences requises", skills(campaign, lang));
    }
    line("agents ready", "agents prêts", now.ready.to_string());
    line("agents talking", "agents en ligne", now.talking.to_string());
    line("agents writing up", "agents en post-appel", now.wrapping.to_string());
    line("agents resting", "agents au repos", now.resting.to_string());
    line("calls ringing", "appels qui sonnent", now.ringing.to_string());
    line("attempts", "appels émis", totals.attempts.to_string());
    line("answered", "décrochés", totals.answered.to_string());
    line("bridged", "mis en relation", totals.bridged.to_string());
    line("abandoned", "abandonnés", totals.abandoned.to_string());
    if let Some(decision) = campaign.decision.filter(|decision| decision.forecast.is_some()) {
        line("speed", "vitesse", paced(campaign, &decision, lang));
    }
    line("refused by a rule", "refusés par une règle", totals.refused.to_string());
    if let Some(why) = &campaign.idle {
        if !why.refused.is_empty() {
            line("  in the last 24 h", "  ces dernières 24 h", idle::refusals(why, lang));
        }
        let why = idle::sentence(campaign, why, lang);
        line("nothing is dialled", "rien n'est appelé", why);
    }
    for disposition in &campaign.dispositions {
        let key = disposition.key.map_or_else(String::new, |key| format!("[{key}] "));
        let value = format!("{key}{} ({})", disposition.label, disposition.code);
        line("disposition", "qualification", value);
    }
    sheet
}

/// Names the skills that a campaign requires, and says if nobody there can take its calls.
fn skills(campaign: &types::Campaign, lang: Lang) -> String {
    let (wanted, unmet) = (campaign.requires.join(", "), campaign.unmet.join(", "));
    if unmet.is_empty() {
        return wanted;
    }
    match lang {
        Lang::En => format!(
            "{wanted}; nobody who is signed in has {unmet}: cadran agent list, cadran agent add \
             NAME --skill {unmet}"
        ),
        Lang::Fr => format!(
            "{wanted} ; aucun agent connecté n'a {unmet} : cadran agent list, cadran agent add \
             NOM --skill {unmet}"
        ),
    }
}

/// Says in one line what a predictive campaign makes of its agents and its cap, and why it dials
/// at this speed.
fn paced(campaign: &types::Campaign, decision: &Decision, lang: Lang) -> String {
    let now = &campaign.now;
    #[expect(clippy::cast_precision_loss, reason = "no campaign counts to 2^53")]
    let abandon = now.abandoned as f64 / now.answered.max(1) as f64;
    let occupancy = campaign.occupancy.map_or_else(String::new, |share| {
        format!("{} {:.0} %, ", lang.say("occupancy", "occupation"), share * 100.0)
    });
    format!("{occupancy}abandon {}; {}", percent(abandon, lang), speed(decision, lang))
}

fn drive(global: &Global, output: &Output, verb: &str, waited: Waited) -> Outcome {
    let client = Client::open(global)?;
    let name = waited.name;
    let path = At::path(["campaigns", &name, verb]);
    let driven: types::Driven = wait_for(async {
        let driven: types::Driven = client.post(&path, &()).await?;
        still_there(&driven, output);
        if !waited.wait && (verb != "start" || !driven.stored) {
            return Ok(driven);
        }
        if !waited.wait {
            let campaign = client.get(&At::path(["campaigns", &name])).await?;
            return Ok(types::Driven { campaign, ..driven });
        }
        let ended = until_ended(&client, &name, verb == "start", output);
        let campaign = match waited.timeout {
            None => ended.await,
            Some(limit) => tokio::time::timeout(limit.into(), ended).await.map_err(|_| {
                let message = format!("{name} is not over after {}", measure::say(limit));
                Failure::new(Exit::Error, "timeout", message)
                    .hint(format!("it goes on; look at it with `cadran campaign show {name}`"))
            })?,
        }?;
        Ok(types::Driven { campaign, ..driven })
    })?;
    if output.form == Form::Json {
        output.json(&driven);
    } else {
        let state = campaign_state_word(driven.campaign.state, output.lang);
        let already = if driven.changed { "" } else { output.lang.say("already ", "déjà ") };
        output.note(&format!("{name}{} {already}{state}", output.lang.colon()));
        if !driven.stored {
            output.note(output.lang.say(NOT_STORED[0], NOT_STORED[1]));
        }
        match without_contacts(&driven.campaign, output.lang) {
            Some(why) if verb == "start" => output.note(&format!("    → {why}")),
            Some(_) | None => {
                let next = if verb == "start" { "campaign show" } else { "stats" };
                output.note(&format!("    → cadran {next} {name}"));
            }
        }
    }
    if verb == "start" {
        return unread::warn(&client, Some(&name), output);
    }
    Ok(Exit::Done)
}

/// What is said of a lever whose pull the database could not take, in both languages.
const NOT_STORED: [&str; 2] = [
    "done, but the database does not answer: it is written down when that is back; an engine that \
     starts before knows nothing of it",
    "fait, mais la base ne répond pas : ce sera écrit à son retour ; un moteur relancé d'ici là \
     n'en saura rien",
];

/// Says of a drain what is still on the line, and how much of the list is left.
fn still_there(driven: &types::Driven, output: &Output) {
    let Some(open) = driven.open.filter(|_| output.form != Form::Json) else { return };
    let View { ringing, listening, waiting, talking, wrapping, .. } = driven.campaign.now;
    let up = listening + waiting;
    output.note(&match output.lang {
        Lang::En => format!(
            "still there: {ringing} ringing, {up} answered, {talking} talking, {wrapping} writing \
             up; contacts left open: {open}"
        ),
        Lang::Fr => format!(
            "encore là : {ringing} qui sonnent, {up} décrochés, {talking} en ligne, {wrapping} en \
             post-appel ; fiches encore ouvertes : {open}"
        ),
    });
}

/// Names a campaign without why it dials nobody.
fn brief(name: &str) -> At<'_> {
    At::path(["campaigns", name]).with("brief", Some(true))
}

/// Says of a campaign that was started, or has ended, that it has nobody to call.
fn without_contacts(campaign: &types::Campaign, lang: Lang) -> Option<String> {
    let idle = campaign.idle.as_ref()?;
    let cause = idle.cause;
    let empty = cause == IdleCause::QuotasFull
        || matches!(cause, IdleCause::Completed | IdleCause::NoContacts);
    empty.then(|| idle::sentence(campaign, idle, lang))
}

/// Asks again and again until the campaign has nothing left to do.
async fn until_ended(
    client: &Client,
    name: &str,
    was_started: bool,
    output: &Output,
) -> Result<types::Campaign, Failure> {
    let bar = output.progress(None, output.lang.say("attempts", "appels émis"));
    let mut begun = !was_started;
    loop {
        let campaign: types::Campaign = client.get(&brief(name)).await?;
        bar.set_position(campaign.totals.attempts);
        let over = match campaign.state {
            CampaignState::Completed => true,
            CampaignState::Stopped => begun,
            CampaignState::Running | CampaignState::Paused | CampaignState::Draining => {
                begun = true;
                false
            }
        };
        if over {
            bar.finish_and_clear();
            return Ok(campaign);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}
