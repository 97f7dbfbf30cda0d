//! `cadran list`.

use clap::{Args, Subcommand};

use super::client::{At, Client};
use super::exported::Export;
use super::failure::{Exit, Failure, Outcome};
use super::listed::{self, Listed};
use super::output::Output;
use super::recycle::Recycling;
use super::{Global, wait_for};
use crate::api::import::Need;
use crate::api::types::{Agent, Campaign, ImportReport};
use crate::config::likeness::suggestion;
use crate::config::{Config, law};
use crate::core::rules::law::Regime;
use crate::units::AgentId;

/// Import and export lists of contacts, and call closed contacts again.
#[derive(Debug, Subcommand)]
pub(super) enum List {
    /// Import a list (CSV, or a sheet of a workbook) into a campaign
    #[command(before_help = "Examples:
  cadran list import mars.csv --dry-run        check it; needs neither engine nor campaign
  cadran list import mars.csv --campaign prospection-fr
  cadran list import mars.xlsx --sheet Prospects --campaign prospection-fr
  cadran list import mars.csv --columns crm.toml --dry-run    write what the columns mean there
  cadran list import leads.csv --campaign power-us --region US

Rejected records go to mars.rejets.csv beside the list, or to mars.rejets-2.csv if that one holds
others, with reason and fix; mend them there and import that file. The exit code is then 8.")]
    Import(Import),
    /// Export a campaign's list as it stands, or what agents corrected of it
    #[command(before_help = "Examples:
  cadran list export prospection-fr > prospection.csv
  cadran list export qualification-fichier --changed > corrections.csv
  cadran list export qualification-fichier --changed --json    with the history of each field

The file is one that Excel in French opens, and that `cadran list import` reads back: it adds
nothing and undoes no correction, as a list imported again never changes a card.")]
    Export(Export),
    /// Call closed contacts again, as if they had never been tried
    #[command(before_help = "Examples:
  cadran list recycle prospection-fr                               how its closed contacts ended
  cadran list recycle prospection-fr --outcomes no_answer,busy --dry-run
  cadran list recycle prospection-fr --dispositions hors-cible

What the law counts of a person stays: attempts, refusals and wishes hold as before.")]
    Recycle(Recycling),
}

/// A list to be imported.
#[derive(Debug, Args)]
pub(super) struct Import {
    #[command(flatten)]
    list: Listed,
    /// The campaign; a dry run does without
    #[arg(long, required_unless_present = "dry_run")]
    campaign: Option<String>,
    /// Import also whom another live campaign of the client has to call
    #[arg(long)]
    elsewhere: bool,
    /// Import also whom the law lets nobody call without a consent, and none is told: they wait for
    /// `cadran consent import`
    #[arg(long)]
    consent_later: bool,
}

impl List {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        match self {
            Self::Import(import) => import.run(global, output),
            Self::Export(export) => export.run(global, output),
            Self::Recycle(recycling) => recycling.run(global, output),
        }
    }
}

impl Import {
    fn run(self, global: &Global, output: &Output) -> Outcome {
        let mut options = self.list.options()?;
        // Nothing is written for a campaign that is not there.
        let engine = match &self.campaign {
            Some(name) if self.list.dry_run => {
                let law = find_campaign(name, global, output)?;
                options.need = self.need(law.unwrap_or_default());
                None
            }
            Some(name) => {
                let client = Client::open(global)?;
                let campaign: Campaign = wait_for(client.get(&At::path(["campaigns", name])))?;
                options.need = self.need(law_of(&campaign));
                let agents: Vec<Agent> = wait_for(client.get(&At::path(["agents"])))?;
                // The engine knows their ids; here it is enough that they are there.
                let agents = agents.into_iter().map(|agent| (agent.name, AgentId(0)));
                options.agents = Some(agents.collect());
                Some((client, name))
            }
            None => None,
        };
        let text = self.list.text(output)?;
        let mapping = options.mapping.clone();
        let mut report = self.list.check(&text, options, output)?;
        if let Some((client, campaign)) = engine.filter(|_| report.importable > 0) {
            let path = At::path(["campaigns", campaign, "contacts:import"])
                .with("consent_later", self.consent_later.then_some(true))
                .with("elsewhere", self.elsewhere.then_some(true));
            let sent = self.list.send(&client, path, &mapping, text, output)?;
            report = ImportReport {
                added: sent.added,
                known: sent.known,
                ids_taken: sent.ids_taken,
                elsewhere: sent.elsewhere,
                do_not_call: sent.do_not_call,
                consents_added: sent.consents_added,
                seconds: report.seconds + sent.seconds,
                ..report
            };
        }
        output.show(&report, |lang| listed::summary(&report, true, lang));
        self.list.advise(&report, output);
        Ok(if report.rejected > 0 { Exit::Rejects } else { Exit::Done })
    }

    /// Says what right to call a record must bring.
    fn need(&self, law: Vec<Regime>) -> Need {
        if self.consent_later { Need::Nothing } else { Need::ByLaw(law) }
    }
}

/// Gives the law that concerns a campaign.
fn law_of(campaign: &Campaign) -> Vec<Regime> {
    law::regimes(
        law::meant(&campaign.purpose, &law::PURPOSES),
        law::meant(&campaign.persons, &law::CALLED),
    )
}

/// Looks the campaign up without an engine, in the files, if there are any; gives the law that
/// concerns it.
fn find_campaign(
    name: &str,
    global: &Global,
    output: &Output,
) -> Result<Option<Vec<Regime>>, Failure> {
    if global.config.is_none() && !global.config_path().exists() {
        output.warn(output.lang.say(
            "no ./cadran.toml here, so the campaign was not looked up: name it with --config",
            "pas de ./cadran.toml ici, la campagne n'a pas été cherchée : donnez --config",
        ));
        return Ok(None);
    }
    let config = Config::load(&global.config_path())?;
    if let Some(campaign) = config.campaign(name) {
        return Ok(Some(campaign.rules().law));
    }
    let known = config.campaigns.iter().map(|campaign| campaign.name.as_str());
    let hint = suggestion(name, known);
    let folder = config.campaigns_folder.display();
    let failure = Failure::new(Exit::NotFound, "campaign_unknown", format!("no campaign {name:?}"));
    Err(failure.hint(hint.unwrap_or_else(|| format!("{folder} holds no campaign yet"))))
}
