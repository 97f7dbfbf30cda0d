//! `cadran list`.

use clap::{Args, Subcommand};

use super::client::{At, Client};
use super::exported::Export;
use super::failure::{Exit, Failure, Outcome};
use super::inspect::Inspect;
use super::listed::{self, Listed};
use super::map::Map;
use super::output::Output;
use super::recycle::Recycling;
use super::{Global, score, wait_for};
use crate::api::import::Need;
use crate::api::types::{Agent, Campaign, ImportReport};
use crate::config::Config;
use crate::config::law::{self, Laws};
use crate::config::likeness::suggestion;
use crate::units::AgentId;

/// Import and export lists of contacts, order them, and call closed contacts again.
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
    /// Say what a list is and what an import would make of it; nothing is written
    #[command(before_help = "Examples:
  cadran list inspect mars.csv
  cadran list inspect mars.xlsx --sheet Prospects --json
  cadran list inspect mars.csv --columns crm --campaign prospection-fr    by the law for that one

It tells the encoding and the sign between columns, what each column is taken for, how many of its
cells are filled and one of them, what state the numbers are in and whose they are. It needs neither
engine nor campaign.")]
    Inspect(Inspect),
    /// Keep what the columns of lists mean under a name, for `--columns NAME`
    #[command(before_help = "Examples:
  cadran list map                                 the names that are kept
  cadran list map crm --from mars.csv             keep what the columns of that list are taken for
  cadran list map crm                             show it
  cadran list map crm --set \"Contact=phone\" --set \"CA=fields.turnover\" --unset Remarque
  cadran list import avril.csv --columns crm --campaign prospection-fr

They stand in the folder columns beside cadran.toml, as files that can be edited.")]
    Map(Map),
    /// Call closed contacts again, as if they had never been tried
    #[command(before_help = "Examples:
  cadran list recycle prospection-fr                               how its closed contacts ended
  cadran list recycle prospection-fr --outcomes no_answer,busy --dry-run
  cadran list recycle prospection-fr --dispositions hors-cible

What the law counts of a person stays: attempts, refusals and wishes hold as before.")]
    Recycle(Recycling),
    /// Give contacts of a campaign other scores: within a priority the highest is called first
    #[command(before_help = "Examples:
  cadran list score appetence.csv --campaign prospection-fr

The file is a CSV with two columns, the reference of the contacts (ref, id) and score, 0 to 100.")]
    Score(score::Score),
    /// Export a campaign's list as it stands, or what agents corrected of it
    #[command(before_help = "Examples:
  cadran list export prospection-fr > prospection.csv
  cadran list export qualification-fichier --changed > corrections.csv
  cadran list export qualification-fichier --changed --json    with the history of each field

The file is one that Excel in French opens, and that `cadran list import` reads back: it adds
nothing and undoes no correction, as a list imported again never changes a card.")]
    Export(Export),
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
            Self::Inspect(inspect) => inspect.run(global, output),
            Self::Map(map) => map.run(global, output),
            Self::Recycle(recycling) => recycling.run(global, output),
            Self::Score(score) => score.run(global, output),
            Self::Export(export) => export.run(global, output),
        }
    }
}

impl Import {
    fn run(self, global: &Global, output: &Output) -> Outcome {
        let mut options = self.list.source.options(global)?;
        // Nothing is written for a campaign that is not there.
        let campaign = match &self.campaign {
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
                Some(name)
            }
            None => None,
        };
        let text = self.list.source.text(output)?;
        let mapping = options.mapping.clone();
        let report = if let Some(campaign) = campaign {
            let at = At::path(["campaigns", campaign, "contacts:import"])
                .with("consent_later", self.consent_later.then_some(true))
                .with("elsewhere", self.elsewhere.then_some(true));
            let [checked, sent] =
                self.list.import(&text, options, (at, &mapping), global, output)?;
            ImportReport {
                added: sent.added,
                known: sent.known,
                ids_taken: sent.ids_taken,
                elsewhere: sent.elsewhere,
                do_not_call: sent.do_not_call,
                consents_added: sent.consents_added,
                ..checked
            }
        } else {
            self.list.check(&text, options, global, output)?
        };
        output.show(&report, |lang| listed::summary(&report, true, lang));
        self.list.advise(&report, output);
        Ok(if report.rejected > 0 { Exit::Rejects } else { Exit::Done })
    }

    /// Says what right to call a record must bring.
    fn need(&self, laws: Laws) -> Need {
        if self.consent_later { Need::Nothing } else { Need::ByLaw(laws) }
    }
}

/// Gives the law that concerns a campaign.
fn law_of(campaign: &Campaign) -> Laws {
    Laws::of(
        law::meant(&campaign.purpose, &law::PURPOSES),
        law::meant(&campaign.persons, &law::CALLED),
        campaign.subject.as_deref(),
    )
}

/// Looks the campaign up without an engine, in the files, if there are any; gives the law that
/// concerns it.
pub(super) fn find_campaign(
    name: &str,
    global: &Global,
    output: &Output,
) -> Result<Option<Laws>, Failure> {
    if global.config.is_none() && !global.config_path().exists() {
        output.warn(output.lang.say(
            "no ./cadran.toml here, so the campaign was not looked up: name it with --config",
            "pas de ./cadran.toml ici, la campagne n'a pas été cherchée : donnez --config",
        ));
        return Ok(None);
    }
    let config = Config::load(&global.config_path())?;
    if let Some(campaign) = config.campaign(name) {
        return Ok(Some(campaign.laws()));
    }
    let known = config.campaigns.iter().map(|campaign| campaign.name.as_str());
    let hint = suggestion(name, known);
    let folder = config.campaigns_folder.display();
    let failure = Failure::new(Exit::NotFound, "campaign_unknown", format!("no campaign {name:?}"));
    Err(failure.hint(hint.unwrap_or_else(|| format!("{folder} holds no campaign yet"))))
}
