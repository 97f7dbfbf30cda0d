//! `cadran law`.

use clap::{Args, Subcommand};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::failure::{Exit, Failure, Outcome};
use super::listed::{self, Country};
use super::output::{Lang, Output, Sheet};
use crate::api::import;
use crate::config::law::{self, CALLED, Called, Mark, PURPOSES, Pack, PackRule, Purpose};
use crate::config::likeness::suggestion;
use crate::core::rules::law::{Asks, Regime};
use crate::core::rules::{Settings, Week, rings};
use crate::engine::clock::Clock;
use crate::units::{Territory, Wall, Zone};

/// Print the law the engine holds, and ask it about a number.
#[derive(Debug, Subcommand)]
pub(super) enum Law {
    /// List the rules of every country
    #[command(before_help = "Examples:
  cadran law list
  cadran law list --json")]
    List,
    /// Show a country's rules, or one rule, with their sources
    #[command(before_help = "Examples:
  cadran law show FR
  cadran law show FR-5")]
    Show {
        /// A country's code, or a rule's id
        which: String,
    },
    /// Ask whether a number may ring at a moment
    #[command(before_help = "Examples:
  cadran law test +33612345678
  cadran law test +33388123456 --postal-code 67000 --at 2026-12-26T10:30
  cadran law test +262692201234 --at 2026-11-23T10:30 --purpose contract

Only the law's hours and holidays are asked: the attempts, refusals and wishes of a person are the
engine's to know. The exit code is 0 when the number may ring and 4 when it may not.")]
    Test(Test),
}

/// A question to the law.
#[derive(Debug, Args)]
pub(super) struct Test {
    /// The number, as 0612345678 or +33612345678
    number: String,
    /// The country of a number without a country code, such as FR, GB or US
    #[arg(long, value_name = "COUNTRY", default_value = "FR", value_parser = listed::region)]
    region: Country,
    /// The moment on the called person's clock, as 2026-12-26T10:30; now unless told
    #[arg(long)]
    at: Option<String>,
    /// What for
    #[arg(long, default_value = "prospecting", value_parser = PURPOSES.map(|(word, _)| word))]
    purpose: String,
    /// Whom
    #[arg(long, default_value = "consumers", value_parser = CALLED.map(|(word, _)| word))]
    persons: String,
    /// The person's postal code
    #[arg(long)]
    postal_code: Option<String>,
    /// The person's time zone, as Indian/Reunion, where the number does not tell it
    #[arg(long)]
    zone: Option<String>,
}

impl Law {
    pub(super) fn run(self, output: &Output) -> Outcome {
        match self {
            Self::List => show(law::built_in(), output),
            Self::Show { which } => show(chosen(&which)?, output),
            Self::Test(test) => test.run(output),
        }
    }
}

/// A rule as `--json` gives it.
#[derive(serde::Serialize)]
struct RuleRow {
    id: String,
    territory: String,
    /// The day its pack was last looked over.
    version: String,
    mark: &'static str,
    source: String,
    from: Option<String>,
    until: Option<String>,
    purposes: Vec<&'static str>,
    persons: Vec<&'static str>,
    /// Whether the engine refuses the calls it forbids.
    held: bool,
    text: crate::config::Words,
}

impl RuleRow {
    fn of(pack: &Pack, rule: PackRule) -> Self {
        Self {
            territory: pack.territory.code().to_owned(),
            version: pack.version.to_string(),
            mark: match rule.mark {
                Mark::Read => "V",
                Mark::Secondary => "S",
                Mark::Memory => "M",
            },
            from: rule.from.map(|date| date.to_string()),
            until: rule.until.map(|date| date.to_string()),
            purposes: words(&rule.purposes, &PURPOSES),
            persons: words(&rule.persons, &CALLED),
            held: rule.held_otherwise || !rule.asks.is_empty(),
            id: rule.id.as_str().to_owned(),
            source: rule.source,
            text: rule.text,
        }
    }

    fn known(&self, lang: Lang) -> &'static str {
        match self.mark {
            "V" => lang.say("read", "lu"),
            "S" => lang.say("unverified, second hand", "non vérifié, de seconde main"),
            _ => lang.say("unverified", "non vérifié"),
        }
    }
}

fn words<T: PartialEq>(some: &[T], all: &[(&'static str, T)]) -> Vec<&'static str> {
    all.iter().filter(|(_, word)| some.contains(word)).map(|(name, _)| *name).collect()
}

/// Gives a country's pack, or the pack of one rule with that rule alone.
fn chosen(which: &str) -> Result<Vec<Pack>, Failure> {
    let same = |text: &str| text.eq_ignore_ascii_case(which);
    let mut packs = law::built_in();
    if packs.iter().any(|pack| same(pack.territory.code())) {
        packs.retain(|pack| same(pack.territory.code()));
        return Ok(packs);
    }
    let ids = packs.iter().flat_map(|pack| &pack.rules).map(|rule| rule.id.as_str().to_owned());
    let known: Vec<String> = ids.collect();
    for pack in &mut packs {
        pack.rules.retain(|rule| same(rule.id.as_str()));
    }
    packs.retain(|pack| !pack.rules.is_empty());
    if packs.is_empty() {
        let hint = suggestion(which, known.iter().map(String::as_str));
        let message = format!("no country and no rule is called {which:?}");
        let failure = Failure::new(Exit::NotFound, "law_unknown", message);
        return Err(failure.hint(hint.unwrap_or_else(|| "cadran law list".to_owned())));
    }
    Ok(packs)
}

fn show(packs: Vec<Pack>, output: &Output) -> Outcome {
    let rows = packs.into_iter().flat_map(|mut pack| {
        let rules = std::mem::take(&mut pack.rules);
        rules.into_iter().map(move |rule| RuleRow::of(&pack, rule))
    });
    let rows: Vec<RuleRow> = rows.collect();
    output.show(&rows, |lang| {
        let mut sheet = Sheet::new(&[
            lang.say("rule", "règle"),
            lang.say("since", "depuis"),
            lang.say("held by", "tenue par"),
            lang.say("known", "connue"),
            lang.say("what it says", "ce qu'elle dit"),
            "source",
        ]);
        for row in &rows {
            sheet.add([
                row.id.clone(),
                row.from.clone().unwrap_or_default(),
                if row.held { "cadran".to_owned() } else { lang.say("you", "vous").to_owned() },
                row.known(lang).to_owned(),
                lang.say(&row.text.en, &row.text.fr).to_owned(),
                row.source.clone(),
            ]);
        }
        sheet
    });
    Ok(Exit::Done)
}

/// What the law answers.
#[derive(serde::Serialize)]
struct Answer {
    may_ring: bool,
    territory: Option<String>,
    /// Whether hours of law are known there for such calls; without them the campaign's own alone
    /// hold.
    hours_known: bool,
    zone: String,
    /// On the called person's clock.
    at: String,
    rule: Option<String>,
    /// When it may ring, on the same clock.
    opens: Option<String>,
}

impl Test {
    fn run(&self, output: &Output) -> Outcome {
        let number = self.region.number(&self.number)?;
        let zone = match &self.zone {
            Some(name) => Zone::new(name).map_err(|error| usage(&error.to_string()))?,
            None => import::zone_of(&number).ok_or_else(|| {
                usage("the number's country has several time zones: add --zone NAME")
            })?,
        };
        let territory = import::territory::of(&number, self.postal_code.as_deref());
        let there = TimeZone::get(zone.name()).map_err(|error| usage(&error.to_string()))?;
        let at = self.moment(&there)?;
        let rules = Settings {
            week: Week::always(),
            attempts: Vec::new(),
            law: law::regimes(
                law::meant::<Purpose>(&self.purpose, &PURPOSES),
                law::meant::<Called>(&self.persons, &CALLED),
            ),
        };
        let refusal = rings(&rules, (&zone, territory.as_ref()), at).err();
        let local = |at: Wall| {
            at.timestamp().to_zoned(there.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string()
        };
        let answer = Answer {
            may_ring: refusal.is_none(),
            hours_known: hours_known(&rules.law, territory.as_ref()),
            territory: territory.as_ref().map(|territory| territory.code().to_owned()),
            zone: zone.name().to_owned(),
            at: local(at),
            rule: refusal.as_ref().and_then(|r| Some(r.law.as_ref()?.as_str().to_owned())),
            opens: refusal.as_ref().and_then(|refusal| refusal.until).map(local),
        };
        output.show(&answer, |lang| answer.told(territory.as_ref(), lang));
        Ok(if answer.may_ring { Exit::Done } else { Exit::Refused })
    }

    fn moment(&self, there: &TimeZone) -> Result<Wall, Failure> {
        let Some(at) = &self.at else { return Ok(Clock::start().now().wall) };
        let wrong = || usage(&format!("{at:?} is no moment: write 2026-12-26T10:30"));
        let local: DateTime = at.parse().map_err(|_| wrong())?;
        there.to_timestamp(local).map(Wall::from).map_err(|_| wrong())
    }
}

impl Answer {
    fn told(&self, territory: Option<&Territory>, lang: Lang) -> Sheet {
        let mut sheet = Sheet::new(&["", ""]);
        let may = if self.may_ring {
            lang.say("may ring", "peut sonner")
        } else {
            lang.say("may not ring", "ne peut pas sonner")
        };
        sheet.add([self.at.clone(), may.to_owned()]);
        let nobody = lang.say(
            "none: no law is known there, or the number is kept for fiction",
            "aucun : pas de loi connue, ou numéro réservé à la fiction",
        );
        let territory = territory.map_or(nobody, Territory::code).to_owned();
        sheet.add([lang.say("territory", "territoire").to_owned(), territory]);
        if !self.hours_known && self.territory.is_some() {
            let none = lang.say(
                "no hours are known there for such calls: the campaign's own alone hold",
                "pas d'horaires connus pour ces appels : ceux de la campagne valent seuls",
            );
            sheet.add([lang.say("law", "loi").to_owned(), none.to_owned()]);
        }
        if let Some(rule) = &self.rule {
            sheet.add([lang.say("rule", "règle").to_owned(), rule.clone()]);
        }
        if let Some(opens) = &self.opens {
            sheet.add([lang.say("opens", "ouvre").to_owned(), opens.clone()]);
        }
        sheet
    }
}

/// Tells whether hours are known for a territory.
fn hours_known(law: &[Regime], territory: Option<&Territory>) -> bool {
    let there = |regime: &&Regime| territory.is_some_and(|own| own.lies_in(&regime.territory));
    let mut rules = law.iter().filter(there).flat_map(|regime| &regime.rules);
    rules.any(|rule| matches!(rule.asks, Asks::Hours { .. }))
}

fn usage(message: &str) -> Failure {
    Failure::new(Exit::Usage, "law_question", message.to_owned())
}
