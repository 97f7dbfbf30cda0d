//! Numbers shown to those called: what each may carry, and which operator holds its mandate.

use std::collections::BTreeMap;

use super::law::{self, Pack};
use super::measure;
use super::numbering;
use super::problem::{Problem, Severity};
use super::reader::{Fields, Value};
use super::trunk::{CHANNELS_MAX, Trunk};
use super::{Campaign, Config};
use crate::core::rules::caller_id::Card;
use crate::core::rules::law::Asks;
use crate::core::shown::{BLOCKS_MAX, Cap, Rest};
use crate::units::{Number, ShownId, Span, TrunkId};

/// A number that campaigns show, with what they may do together.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownNumber {
    /// The number.
    pub number: Number,
    /// Calls at once at most.
    pub channels: Option<u32>,
    /// Calls started per second at most.
    pub calls_per_second: Option<f64>,
    /// Calls in any hour at most.
    pub calls_per_hour: Option<u32>,
    /// Calls in any 24 hours at most.
    pub calls_per_day: Option<u32>,
    /// When it rests because networks refuse it; never if `None`.
    pub rest: Option<Rest>,
    /// The operator that holds its mandate, if one is named.
    pub operator: Option<String>,
    /// The trunks it may leave by, by name.
    pub trunks: Vec<String>,
    line: usize,
}

/// Calls in an hour or a day at most: what a whole centre places.
const BUDGET_MAX: u32 = 1_000_000;

/// Refusals are counted, and a number rests for them, so long at most.
const MONTH: Span = Span::secs(30 * 86_400);

impl ShownNumber {
    /// Gives a number of which nothing is said.
    fn bare(number: Number) -> Self {
        Self {
            number,
            channels: None,
            calls_per_second: None,
            calls_per_hour: None,
            calls_per_day: None,
            rest: Some(Rest::default()),
            operator: None,
            trunks: Vec::new(),
            line: 0,
        }
    }

    /// Gives what it may carry, as the core needs it.
    fn cap(&self, place: usize) -> Option<Cap> {
        let number = ShownId(u16::try_from(place).ok()?);
        Some(Cap {
            channels: self.channels,
            calls_per_second: self.calls_per_second,
            calls_per_hour: self.calls_per_hour,
            calls_per_day: self.calls_per_day,
            rest: self.rest,
            ..Cap::none(number)
        })
    }
}

impl Campaign {
    /// Gives what each of its numbers may carry, or nothing where nothing is known of them.
    pub(super) fn caller_caps(&self, shown: &[ShownNumber]) -> Vec<Option<Cap>> {
        let cap = |number: &Number| {
            let place = shown.iter().position(|shown| shown.number == *number)?;
            shown.get(place)?.cap(place)
        };
        let caps: Vec<_> = self.caller_ids.iter().map(cap).collect();
        if caps.iter().all(Option::is_none) { Vec::new() } else { caps }
    }

    /// Gives what the law knows of each of its numbers; nothing where a number is not among those
    /// of the engine's file, as in a campaign that was read by itself.
    pub(super) fn caller_cards(
        &self,
        shown: &[ShownNumber],
        trunks: &BTreeMap<String, TrunkId>,
    ) -> Vec<Card> {
        let packs = law::built_in();
        let card = |number: &Number| {
            let shown = shown.iter().find(|shown| shown.number == *number)?;
            let trunks = shown.trunks.iter().filter_map(|name| trunks.get(name).copied());
            let mandated = shown.operator.is_some();
            let trunks = trunks.collect();
            Some(Card { mandated, trunks, ..numbering::card(number, &packs) })
        };
        let cards: Option<Vec<_>> = self.caller_ids.iter().map(card).collect();
        cards.unwrap_or_default()
    }
}

/// Tells of a number of a campaign that the law of its own country lets no call of it show,
/// whoever is called.
pub(super) fn forbidden(
    value: &Value<'_, '_>,
    number: &Number,
    campaign: (law::Purpose, law::Called, crate::core::campaign::Mode),
    packs: &[Pack],
) {
    let (purpose, called, mode) = campaign;
    let card = Card { mandated: true, ..numbering::card(number, packs) };
    let Some(pack) = packs.iter().find(|pack| card.country.as_ref() == Some(&pack.territory))
    else {
        return;
    };
    let law = [pack.regime(purpose, called, None)];
    let now = law::latest();
    let forbids = card.forbidden(mode.into(), &law, Some(&pack.territory), now);
    let Some((_, id)) = forbids else { return };
    let mode = super::campaign::mode_word(mode);
    let known = pack.rules.iter().flat_map(|rule| &rule.asks);
    let message = format!("may not be shown in `mode = \"{mode}\"` ({})", id.as_str());
    let mut allowed: Vec<&str> = Vec::new();
    for asks in known {
        let Asks::Shows { classes, .. } = asks else { continue };
        let blocks = pack.numbers.iter().filter(|block| classes.contains(&block.class));
        allowed.extend(blocks.flat_map(|block| &block.begins).map(String::as_str));
    }
    let hint = if allowed.is_empty() {
        "show a number of another class: `cadran law show` says which".to_owned()
    } else {
        format!("show a number that begins with one of {}", allowed.join(", "))
    };
    value.error(&message, Some(hint));
}

/// Reads every `[[caller_id]]` of the engine's file.
pub(super) fn read(root: &Fields<'_, '_>) -> Vec<ShownNumber> {
    let mut all: Vec<ShownNumber> = Vec::new();
    for fields in root.tables("caller_id") {
        let value = fields.must("number", "\"+33162000000\"");
        let usual = Rest::default();
        let channels = fields.get("channels").and_then(|value| value.whole(1..=CHANNELS_MAX));
        let rate = fields.get("calls_per_second").and_then(|value| value.per_second());
        let budget = |key| fields.get(key).and_then(|value| value.whole(1..=BUDGET_MAX));
        let (hour, day) = (budget("calls_per_hour"), budget("calls_per_day"));
        let operator = fields.get("operator").and_then(|value| value.name());
        let run = fields.or("rest_after", Some((usual.blocks, usual.within)), |value| {
            value.parse(|text| match text {
                "never" | "jamais" => Ok(None),
                text => blocks(text).map(Some),
            })
        });
        let lasts = fields.or("rest", usual.lasts, |value| value.span_in(Span::secs(60)..=MONTH));
        fields.finish();
        let rest = run.map(|(blocks, within)| Rest { blocks, within, lasts });
        for value in value.map(Value::one_or_more).unwrap_or_default() {
            let Some(number) = super::campaign::caller_id(&value) else { continue };
            if all.iter().any(|other| other.number == number) {
                value.error("has its limits already", Some("keep one".to_owned()));
            }
            all.push(ShownNumber {
                channels,
                calls_per_second: rate,
                calls_per_hour: hour,
                calls_per_day: day,
                rest,
                operator: operator.clone(),
                line: value.line(),
                ..ShownNumber::bare(number)
            });
        }
    }
    all
}

/// Reads `5/1d`: so many refusals by networks within so long.
fn blocks(text: &str) -> Result<(u32, Span), String> {
    match measure::attempt_cap(text) {
        Ok(run) if run.max <= BLOCKS_MAX && run.window <= MONTH => Ok((run.max, run.window)),
        Ok(_) | Err(_) => Err(format!(
            "is no run of refusals: write \"5/1d\" with 1 to {BLOCKS_MAX} refusals within 30d, \
             or \"never\""
        )),
    }
}

/// Completes the numbers shown by those that only campaigns name, says which trunks each may leave
/// by, and tells of those with limits that no campaign shows and of those that cannot leave.
pub(super) fn complete(config: &mut Config) -> Vec<Problem> {
    let mut problems = unshown(config);
    let named = config.campaigns.iter().flat_map(|campaign| &campaign.caller_ids);
    for number in named {
        if config.shown.iter().all(|shown| shown.number != *number) {
            config.shown.push(ShownNumber::bare(number.clone()));
        }
    }
    for shown in &mut config.shown {
        let holds = |trunk: &&Trunk| match &shown.operator {
            Some(operator) => trunk.operators.contains(operator),
            None => true,
        };
        let trunks = config.trunks.iter().filter(holds).map(|trunk| trunk.name.clone());
        shown.trunks = trunks.collect();
    }
    let packs = law::built_in();
    for campaign in &config.campaigns {
        let numbers = campaign.caller_ids.iter();
        problems.extend(numbers.filter_map(|number| stays(config, campaign, number, &packs)));
        problems.extend(hidden(config, campaign, &packs));
    }
    problems
}

/// Tells of a campaign's number that none of its trunks may let out, or of whose mandate nothing is
/// said although the law of its country asks for one.
fn stays(config: &Config, campaign: &Campaign, number: &Number, packs: &[Pack]) -> Option<Problem> {
    let shown = config.shown.iter().find(|shown| shown.number == *number)?;
    let leaves = campaign.trunks().iter().any(|name| shown.trunks.iter().any(|own| own == name));
    let (country, _) = numbering::of(number, packs);
    let own = packs.iter().filter(|pack| Some(&pack.territory) == country.as_ref());
    let mut rules = own.flat_map(|pack| &pack.rules);
    let asked = rules.find(|rule| rule.asks.contains(&Asks::Mandate));
    let (severity, message, hint) = match (&shown.operator, asked) {
        (Some(operator), _) if !leaves => (
            Severity::Error,
            format!("no trunk of this campaign has the mandate of {operator:?}"),
            format!("add `operators = [{operator:?}]` to one of its trunks, or a route"),
        ),
        (None, Some(rule)) => (
            Severity::Warning,
            format!("names no operator with its mandate: calls are refused ({})", rule.id.as_str()),
            "add a [[caller_id]] with `number` and `operator` to cadran.toml, and `operators` \
             to its trunk; numbers kept for fiction are called without"
                .to_owned(),
        ),
        (Some(_) | None, _) => return None,
    };
    Some(of_caller_id(campaign, number, severity, (message, hint)))
}

/// Tells of the first number of a campaign that one of its trunks hides although the law of its
/// country wants it shown. The gate need not ask again: a call there that shows a number of another
/// country is refused for that number.
fn hidden(config: &Config, campaign: &Campaign, packs: &[Pack]) -> Option<Problem> {
    let laws = campaign.laws();
    let law = [laws.own, laws.others].concat();
    let (routes, now) = (campaign.trunks(), law::latest());
    let hides =
        |trunk: &&Trunk| trunk.caller_id.hidden && routes.iter().any(|route| *route == trunk.name);
    config.trunks.iter().filter(hides).find_map(|trunk| {
        let leaves = |number: &&Number| {
            let mut leaving = config.shown.iter().filter(|shown| shown.number == **number);
            leaving.any(|shown| shown.trunks.contains(&trunk.name))
        };
        campaign.caller_ids.iter().filter(leaves).find_map(|number| {
            let card = numbering::card(number, packs);
            let rule = card.must_be_shown(campaign.mode.into(), &law, now)?;
            let (name, rule) = (&trunk.name, rule.as_str());
            let message =
                format!("is hidden by trunk {name:?}, and the law wants it shown ({rule})");
            let hint = format!(
                "write `hide_caller_id = false` in trunk {name:?}, or take it out of this campaign"
            );
            Some(of_caller_id(campaign, number, Severity::Error, (message, hint)))
        })
    })
}

/// Makes a problem of a number that a campaign shows.
fn of_caller_id(
    campaign: &Campaign,
    number: &Number,
    severity: Severity,
    (message, hint): (String, String),
) -> Problem {
    let place = campaign.caller_ids.iter().position(|own| own == number).unwrap_or_default();
    Problem {
        severity,
        path: campaign.path.clone(),
        line: campaign.caller_ids_line,
        column: 1,
        key: format!("caller_ids[{}]", place + 1),
        message,
        hint: Some(hint),
    }
}

/// Tells of numbers with limits that no campaign shows: they may be misspelt.
fn unshown(config: &Config) -> Vec<Problem> {
    let nowhere = |shown: &&ShownNumber| {
        let limits = [shown.channels, shown.calls_per_hour, shown.calls_per_day];
        let limited = limits.iter().any(Option::is_some) || shown.calls_per_second.is_some();
        let shows = |campaign: &Campaign| campaign.caller_ids.contains(&shown.number);
        limited && !config.campaigns.iter().any(shows)
    };
    let warning = |shown: &ShownNumber| Problem {
        severity: Severity::Warning,
        path: config.path.clone(),
        line: shown.line,
        column: 1,
        key: "caller_id.number".to_owned(),
        message: "no campaign shows this number".to_owned(),
        hint: Some("write it as `caller_ids` of a campaign does, or remove it".to_owned()),
    };
    config.shown.iter().filter(nowhere).map(warning).collect()
}
