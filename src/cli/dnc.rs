//! `cadran dnc`.

use std::io;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::client::{At, Client};
use super::failure::{Exit, Failure, Outcome};
use super::listed::{self, Country};
use super::output::{Form, Lang, Output, Sheet, minute};
use super::{Global, wait_for, wishes};
use crate::api::dnc::{Changed, EndWishes, NUMBERS_MAX, NewWishes, Reach, Wish};
use crate::api::import;
use crate::api::types::{Campaign, ImportReport};
use crate::units::Number;

/// Keep the list of those who must not be called.
#[derive(Debug, Subcommand)]
pub(super) enum Dnc {
    /// Note that numbers must not be called; holds at once, in every queue
    #[command(before_help = "Examples:
  cadran dnc add +33639981234 --reason \"letter of 12 November\"
  cadran dnc add 0639981234 --client \"Jardins de France\" --until 2027-11-23T00:00:00+01:00")]
    Add(Add),
    /// End the wishes against numbers: they may be called again
    #[command(before_help = "Examples:
  cadran dnc remove +33639981234
  cadran dnc remove +33639981234 --campaign prospection-fr

Contacts that were closed by the wish stay closed until `cadran list recycle CAMPAIGN --freed`, and
consents that it took back are not given back: import a new one.")]
    Remove(Remove),
    /// Tell whether numbers must not be called, and why
    #[command(before_help = "Examples:
  cadran dnc check +33639981234

The exit code is 4 when a wish stands against any of them.")]
    Check(Check),
    /// Note every number of a list (CSV, or a workbook's first sheet)
    #[command(before_help = "Examples:
  cadran dnc import oppositions.csv
  cadran dnc import bloctel.csv --client \"Jardins de France\" --reason Bloctel

Columns client, campagne or portée (tous, client, campagne) tell how far the wish of a line reaches,
motif, source and jusqu'au why, where it comes from and when it ends: a line's own word counts
before that given for the whole list.

What is no number is told with its line, and what beside a number was none is counted; the exit
code is then 8.")]
    Import(Import),
    /// Print every wish that stands, as CSV or with --json
    #[command(before_help = "Examples:
  cadran dnc export > oppositions.csv

A number that was never a contact's, or was erased, is not known any more: its wish holds all the
same, by its fingerprint, and is printed without it.")]
    Export,
}

/// How far wishes reach.
#[derive(Clone, Debug, Args)]
#[group(multiple = false)]
struct Whose {
    /// For the campaigns of this client company alone
    #[arg(long)]
    client: Option<String>,
    /// For this campaign alone
    #[arg(long)]
    campaign: Option<String>,
}

/// Which numbers.
#[derive(Clone, Debug, Args)]
struct Numbers {
    /// The numbers
    #[arg(required = true)]
    numbers: Vec<String>,
    /// The country of numbers without a country code, such as FR, GB or US
    #[arg(long, value_name = "COUNTRY", default_value = "FR", value_parser = listed::region)]
    region: Country,
}

/// Numbers to be noted.
#[derive(Debug, Args)]
pub(super) struct Add {
    #[command(flatten)]
    numbers: Numbers,
    #[command(flatten)]
    whose: Whose,
    /// Why
    #[arg(long, default_value = "asked not to be called")]
    reason: String,
    /// When the wish ends, as 2027-11-23T00:00:00+01:00 [default: never]
    #[arg(long)]
    until: Option<String>,
}

/// Numbers that may be called again.
#[derive(Debug, Args)]
pub(super) struct Remove {
    #[command(flatten)]
    numbers: Numbers,
    #[command(flatten)]
    whose: Whose,
}

/// Numbers that are asked about.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    numbers: Numbers,
}

/// A list of numbers.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The list; `-` reads standard input
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    #[command(flatten)]
    whose: Whose,
    /// Why, where a line does not say
    #[arg(long, default_value = "asked not to be called")]
    reason: String,
    /// When they end, where a line does not say, as 2027-11-23T00:00:00+01:00 [default: never]
    #[arg(long)]
    until: Option<String>,
    /// The country of numbers without a country code, such as FR, GB or US
    #[arg(long, value_name = "COUNTRY", default_value = "FR", value_parser = listed::region)]
    region: Country,
}

impl Dnc {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let client = Client::open(global)?;
        match self {
            Self::Add(add) => add.run(&client, output),
            Self::Remove(remove) => remove.run(&client, output),
            Self::Check(check) => check.run(&client, output),
            Self::Import(import) => import.run(&client, output),
            Self::Export => export(&client, output),
        }
    }
}

impl From<Whose> for Reach {
    fn from(Whose { client, campaign }: Whose) -> Self {
        Self { client, campaign }
    }
}

impl Numbers {
    /// Reads the numbers as a list is read.
    fn read(&self) -> Result<Vec<Number>, Failure> {
        self.numbers.iter().map(|text| self.region.number(text)).collect()
    }
}

impl Add {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let numbers = self.numbers.read()?;
        let wish = NewWishes {
            reach: self.whose.into(),
            reason: self.reason,
            source: "cadran dnc add".to_owned(),
            until: self.until,
            numbers: Vec::new(),
        };
        let numbers = numbers.iter().map(|number| number.reveal().to_owned()).collect();
        let changed = send(client, &wish, numbers)?;
        told(changed, output);
        Ok(Exit::Done)
    }
}

impl Remove {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let reach = Reach::from(self.whose);
        let reach = (reach != Reach::default()).then_some(reach);
        let mut changed = 0;
        for number in self.numbers.read()? {
            let end = EndWishes { number: number.reveal().to_owned(), reach: reach.clone() };
            let one: Changed = wait_for(client.post(&At::path(["do-not-call", "end"]), &end))?;
            changed += one.changed;
        }
        told(Changed { changed }, output);
        if changed == 0 {
            let message = "no such wish stands against these numbers";
            let failure = Failure::new(Exit::NotFound, "wish_unknown", message);
            return Err(failure.hint("cadran dnc check NUMBER lists what stands"));
        }
        Ok(Exit::Done)
    }
}

impl Check {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let mut wishes = Vec::new();
        for number in self.numbers.read()? {
            let at = At::path(["do-not-call", number.reveal()]);
            wishes.extend(wait_for(client.get::<Vec<Wish>>(&at))?);
        }
        output.show(&wishes, |lang| sheet(&wishes, lang));
        Ok(if wishes.is_empty() { Exit::Done } else { Exit::Refused })
    }
}

impl Import {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let text = listed::plain_text(&self.file)?;
        let source = self.file.file_name().map(|name| name.to_string_lossy().into_owned());
        let given = NewWishes {
            reach: self.whose.into(),
            reason: self.reason,
            source: source.unwrap_or_else(|| "list".to_owned()),
            until: self.until,
            numbers: Vec::new(),
        };
        let campaigns: Vec<Campaign> = wait_for(client.get(&At::path(["campaigns"])))?;
        let read = wishes::read(text.as_slice(), &self.region, &given, &campaigns);
        let (wishes, report) = read?;
        let numbers: usize = wishes.iter().map(|wish| wish.numbers.len()).sum();
        let bar = output.progress(u64::try_from(numbers).ok(), "dnc");
        let mut changed = 0;
        for wish in &wishes {
            for some in wish.numbers.chunks(NUMBERS_MAX) {
                changed += send(client, wish, some.to_vec())?.changed;
                bar.inc(u64::try_from(some.len()).unwrap_or(0));
            }
        }
        bar.finish_and_clear();
        let report = ImportReport { file: self.file.display().to_string(), ..report };
        output.show(&Imported { added: changed, list: &report }, |lang| {
            let mut sheet = listed::read_summary(&report, lang);
            sheet.add([lang.say("noted", "notés").to_owned(), changed.to_string()]);
            sheet
        });
        // A number beside another may be the one that is not to be called.
        let left_out = report.rejected + report.numbers_left_out;
        Ok(if left_out > 0 { Exit::Rejects } else { Exit::Done })
    }
}

/// What an import did.
#[derive(serde::Serialize)]
struct Imported<'a> {
    added: u64,
    list: &'a ImportReport,
}

fn send(client: &Client, wish: &NewWishes, numbers: Vec<String>) -> Result<Changed, Failure> {
    let wishes = NewWishes { numbers, ..wish.clone() };
    wait_for(client.post(&At::path(["do-not-call"]), &wishes))
}

fn told(changed: Changed, output: &Output) {
    output.show(&changed, |lang| {
        let mut sheet = Sheet::new(&["", ""]);
        sheet.add([lang.say("wishes", "oppositions").to_owned(), changed.changed.to_string()]);
        sheet
    });
}

/// Prints every wish that stands.
fn export(client: &Client, output: &Output) -> Outcome {
    let mut all: Vec<Wish> = Vec::new();
    loop {
        let after = all.last().map(|wish| wish.page.clone());
        let at = At::path(["do-not-call"]).with("after", after);
        let mut page: Vec<Wish> = wait_for(client.get(&at))?;
        if page.is_empty() {
            break;
        }
        all.append(&mut page);
    }
    if output.form == Form::Table {
        output.text(&csv(&all)?);
    } else {
        output.show(&all, |lang| sheet(&all, lang));
    }
    Ok(Exit::Done)
}

/// Writes wishes so that `cadran dnc import` reads them back.
fn csv(wishes: &[Wish]) -> io::Result<String> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["telephone", "client", "campaign", "reason", "source", "at", "until"])?;
    for Wish { number, reach, reason, source, at, until, .. } in wishes {
        let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
        let cells = [text(&reach.client), text(&reach.campaign), reason.clone(), source.clone()];
        let number = import::unarmed(&text(number));
        let cells = cells.iter().map(|cell| import::unarmed(cell));
        csv.write_record([number].into_iter().chain(cells).chain([at.clone(), text(until)]))?;
    }
    let bytes = csv.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn sheet(wishes: &[Wish], lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&[
        lang.say("number", "numéro"),
        lang.say("reach", "portée"),
        lang.say("reason", "raison"),
        "source",
        lang.say("since", "depuis"),
        lang.say("until", "jusqu'au"),
    ]);
    for wish in wishes {
        let reach = wish.reach.client.as_ref().or(wish.reach.campaign.as_ref());
        let everyone = || lang.say("everyone", "tous").to_owned();
        sheet.add([
            wish.number.clone().unwrap_or_default(),
            reach.cloned().unwrap_or_else(everyone),
            wish.reason.clone(),
            wish.source.clone(),
            minute(&wish.at),
            wish.until.as_deref().map(minute).unwrap_or_default(),
        ]);
    }
    sheet
}
