//! The ways out of a campaign: its trunks, and those for the numbers of some prefixes.

use std::collections::BTreeMap;

use super::Campaign;
use super::campaign::UnknownTrunk;
use super::likeness::suggestion;
use super::measure;
use super::reader::{Fields, Value};
use super::trunk::Trunk;
use crate::core::breaker;
use crate::core::campaign::Route;
use crate::units::{RouteGroup, Span, TrunkId, whole};

/// A trunk by its name, with its place among others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRoute {
    /// The trunk's name in `cadran.toml`.
    pub trunk: String,
    /// Lower tiers are used first.
    pub tier: u8,
    /// What a minute costs, in millionths of the unit it is written in; 0 if it is not said.
    pub cost: u32,
    /// The share of calls within the tier, among trunks of one cost.
    pub weight: u16,
}

/// The trunks for the numbers that begin with one of some prefixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixRoutes {
    /// The prefixes, international, such as `+336`.
    pub to: Vec<String>,
    /// The trunks, in the place of the campaign's others.
    pub over: Vec<NamedRoute>,
}

/// What a price's fraction is counted in.
const COST_GRAIN: f64 = 1e6;

/// No minute costs more, in any currency a carrier bills in.
const COST_MAX: f64 = 1_000.0;

/// A campaign's prefixes in all: each claimed number is held against every one.
const PREFIXES_MAX: usize = 1_000;

/// Digits of a prefix at most: those of a number (ITU-T E.164 §6).
const PREFIX_DIGITS_MAX: usize = 15;

impl Campaign {
    /// Gives the trunks it may use, each once.
    #[must_use]
    pub fn trunks(&self) -> Vec<&str> {
        let prefixed = self.by_prefix.iter().flat_map(|prefix| &prefix.over);
        let mut names: Vec<&str> = Vec::new();
        for route in self.routes.iter().chain(prefixed) {
            if !names.contains(&route.trunk.as_str()) {
                names.push(&route.trunk);
            }
        }
        names
    }

    /// Gives every prefix with the group of routes its numbers go over, the longest first.
    #[must_use]
    pub fn prefixes(&self) -> Vec<(String, RouteGroup)> {
        let groups = self.by_prefix.iter().zip((1..).map(RouteGroup));
        let mut prefixes: Vec<_> = groups
            .flat_map(|(prefix, group)| prefix.to.iter().map(move |to| (to.clone(), group)))
            .collect();
        prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        prefixes
    }

    pub(super) fn core_routes(
        &self,
        routes: &[NamedRoute],
        trunks: &BTreeMap<String, TrunkId>,
    ) -> Result<Vec<Route>, UnknownTrunk> {
        let route = |route: &NamedRoute| {
            let NamedRoute { tier, cost, weight, .. } = *route;
            let unknown =
                || UnknownTrunk { campaign: self.name.clone(), trunk: route.trunk.clone() };
            let trunk = *trunks.get(&route.trunk).ok_or_else(unknown)?;
            Ok(Route { trunk, tier, cost, weight })
        };
        routes.iter().map(route).collect()
    }

    pub(super) fn core_groups(
        &self,
        trunks: &BTreeMap<String, TrunkId>,
    ) -> Result<BTreeMap<RouteGroup, Vec<Route>>, UnknownTrunk> {
        let groups = self.by_prefix.iter().zip((1..).map(RouteGroup));
        groups.map(|(prefix, group)| Ok((group, self.core_routes(&prefix.over, trunks)?))).collect()
    }
}

/// Reads `routes`; `alone` says that no `[[route]]` leads anywhere either.
pub(super) fn usual(
    root: &Fields<'_, '_>,
    alone: bool,
    trunks: Option<&[Trunk]>,
) -> Vec<NamedRoute> {
    let Some(value) = root.must("routes", "[\"ovh-1\"]") else { return Vec::new() };
    if alone && value.is_list() && value.list().is_empty() {
        let hint = "name a [[trunk]] of cadran.toml: `routes = [\"ovh-1\"]`";
        value.error("names no trunk: nothing could be dialled", Some(hint.to_owned()));
    }
    read(&value.one_or_more(), trunks)
}

/// Reads a list of trunks, which `trunks` are to hold.
fn read(values: &[Value<'_, '_>], trunks: Option<&[Trunk]>) -> Vec<NamedRoute> {
    let mut routes: Vec<NamedRoute> = Vec::new();
    for value in values {
        let Some(route) = route(value) else { continue };
        let known = |trunks: &[Trunk]| trunks.iter().any(|trunk| trunk.name == route.trunk);
        if let Some(trunks) = trunks.filter(|trunks| !known(trunks)) {
            let names = trunks.iter().map(|trunk| trunk.name.as_str());
            let hint = suggestion(&route.trunk, names);
            let hint = hint.or_else(|| Some("add a [[trunk]] to it".to_owned()));
            let message = format!("cadran.toml has no trunk {:?}", route.trunk);
            value.error(&message, hint);
        }
        if routes.iter().any(|other| other.trunk == route.trunk) {
            value.error("names a trunk twice", Some("keep one".to_owned()));
        }
        routes.push(route);
    }
    routes
}

fn route(value: &Value<'_, '_>) -> Option<NamedRoute> {
    if value.is_text() {
        return Some(NamedRoute { trunk: value.name()?, tier: 0, cost: 0, weight: 1 });
    }
    let fields = value.fields()?;
    let trunk = fields.must("trunk", "\"ovh-1\"").and_then(|value| value.name());
    let tier = fields.or("tier", 0, |value| value.whole(0..=9));
    let cost = fields.or("cost", 0.0, |value| value.real(0.0..=COST_MAX));
    let weight = fields.or("weight", 1, |value| value.whole(1..=1_000));
    fields.finish();
    Some(NamedRoute {
        trunk: trunk?,
        tier: u8::try_from(tier).unwrap_or(u8::MAX),
        cost: u32::try_from(whole(libm::round(cost * COST_GRAIN))).unwrap_or(u32::MAX),
        weight: u16::try_from(weight).unwrap_or(u16::MAX),
    })
}

/// Reads every `[[route]]` of a campaign.
pub(super) fn by_prefix(root: &Fields<'_, '_>, trunks: Option<&[Trunk]>) -> Vec<PrefixRoutes> {
    let mut all: Vec<PrefixRoutes> = Vec::new();
    let mut count = 0;
    for fields in root.tables("route") {
        let to = fields.must("to", "[\"+336\", \"+337\"]").map(Value::one_or_more);
        let over = fields.must("over", "[\"ovh-1\"]").map(Value::one_or_more);
        fields.finish();
        let nowhere = [&to, &over].iter().any(|list| list.as_ref().is_some_and(Vec::is_empty));
        let mut prefixes: Vec<String> = Vec::new();
        for value in to.unwrap_or_default() {
            let Some(prefix) = value.parse(prefix) else { continue };
            let mut others = all.iter().flat_map(|routes| &routes.to).chain(&prefixes);
            if others.any(|other| *other == prefix) {
                value.error("has routes already", Some("keep one".to_owned()));
            }
            count += 1;
            prefixes.push(prefix);
        }
        let over = over.map(|over| read(&over, trunks)).unwrap_or_default();
        if nowhere {
            fields.error("", "leads nowhere", "name a prefix in `to` and a trunk in `over`");
        }
        all.push(PrefixRoutes { to: prefixes, over });
    }
    if count > PREFIXES_MAX {
        let message = format!("has more than {PREFIXES_MAX} prefixes in all");
        root.error("route", &message, "write shorter prefixes: the longest that fits counts");
    }
    all
}

/// Reads a prefix such as `+336`.
pub(super) fn prefix(text: &str) -> Result<String, String> {
    let text = text.replace([' ', '.'], "");
    let digits = text.strip_prefix('+').unwrap_or("");
    let fits = (1..=PREFIX_DIGITS_MAX).contains(&digits.len()) && !digits.starts_with('0');
    if fits && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text)
    } else {
        Err("is no prefix: write it international, \"+336\" for French 06".to_owned())
    }
}

/// Reads when a trunk is left alone after faults of its own.
pub(super) fn rest(fields: &Fields<'_, '_>) -> Option<breaker::Settings> {
    let usual = breaker::Settings::default();
    let after = fields.or("rest_after", Some((usual.faults, usual.within)), |value| {
        value.parse(|text| match text {
            "never" | "jamais" => Ok(None),
            text => faults(text).map(Some),
        })
    });
    let limits = || Span::secs(1)..=Span::secs(3_600);
    let least = fields.sound("rest_min", usual.least, |value| value.span_in(limits()));
    let most = fields.sound("rest_max", usual.most, |value| value.span_in(limits()));
    if least.zip(most).is_some_and(|(least, most)| least > most) {
        fields.error("rest_min", "is longer than rest_max", "rests grow from min to max");
    }
    let (faults, within) = after?;
    let (least, most) = (least.unwrap_or(usual.least), most.unwrap_or(usual.most));
    Some(breaker::Settings { faults, within, least, most })
}

/// Reads `5/60s`: so many faults within so long.
fn faults(text: &str) -> Result<(u32, Span), String> {
    match measure::attempt_cap(text) {
        Ok(run) if run.max <= breaker::FAULTS_MAX => Ok((run.max, run.window)),
        Ok(_) | Err(_) => {
            let most = breaker::FAULTS_MAX;
            Err(format!(
                "is no run of faults: write \"5/60s\" with 1 to {most} faults, or \"never\""
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_international() {
        let good = [("+33", "+33"), ("+33 6", "+336"), ("+1", "+1")];
        for (text, read) in good {
            assert_eq!(prefix(text).as_deref(), Ok(read));
        }
        for text in ["06", "336", "+", "+06", "+33x", "+3361234567890123"] {
            assert!(prefix(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_run_of_faults_is_short() {
        assert_eq!(faults("5/60s"), Ok((5, Span::secs(60))));
        assert!(faults("0/60s").is_err() && faults("101/60s").is_err() && faults("5").is_err());
    }
}
