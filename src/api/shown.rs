//! `GET /v1/caller-ids`: the numbers shown, what they carry, and which of them rest.

use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::Desk;
use super::error::Answer;
use crate::config::law;
use crate::config::numbering::{self, CLASSES};
use crate::config::{Campaign, ShownNumber};
use crate::core::floor::ShownFloor;
use crate::core::rules::caller_id::Class;
use crate::engine::handle::Snapshot;
use crate::units::Wall;

/// One number shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallerIdView {
    /// The number, E.164.
    pub number: String,
    /// Its class in its country's plan: `geographic`, `verified`, `mobile`…
    pub class: String,
    /// The operator that holds its mandate, if one is named.
    pub operator: Option<String>,
    /// The trunks it may leave by.
    pub trunks: Vec<String>,
    /// The campaigns that show it.
    pub campaigns: Vec<String>,
    /// Calls that show it now.
    pub busy: u32,
    /// Calls that showed it within an hour.
    pub hour: u32,
    /// Calls in any hour at most, if that is limited.
    pub calls_per_hour: Option<u32>,
    /// Calls that showed it within a day.
    pub day: u32,
    /// Calls in any day at most, if that is limited.
    pub calls_per_day: Option<u32>,
    /// Until when its budgets are spent, if one is.
    pub spent_until: Option<String>,
    /// How often a network refused it within a day (SIP 608, or a 603 of analytics).
    pub blocks: usize,
    /// Until when it rests for that, if it does.
    pub rests_until: Option<String>,
}

/// `GET /v1/caller-ids`.
pub(super) async fn list(State(desk): State<Desk>) -> Answer<Vec<CallerIdView>> {
    let snapshot = desk.handle.snapshot();
    let packs = law::built_in();
    let view = |(place, shown): (usize, &ShownNumber)| {
        let floor = at(&snapshot, place);
        let (_, class) = numbering::of(&shown.number, &packs);
        let campaigns = desk.config.campaigns.iter();
        let shows = campaigns.filter(|campaign| campaign.caller_ids.contains(&shown.number));
        let moment = |at: Option<Wall>| at.map(|at| at.to_string());
        CallerIdView {
            number: shown.number.reveal().to_owned(),
            class: word(class).to_owned(),
            operator: shown.operator.clone(),
            trunks: shown.trunks.clone(),
            campaigns: shows.map(|campaign| campaign.name.clone()).collect(),
            busy: floor.map_or(0, |floor| floor.busy),
            hour: floor.map_or(0, |floor| floor.hour),
            calls_per_hour: shown.calls_per_hour,
            day: floor.map_or(0, |floor| floor.day),
            calls_per_day: shown.calls_per_day,
            spent_until: moment(floor.and_then(|floor| floor.spent_until)),
            blocks: floor.map_or(0, |floor| floor.blocks),
            rests_until: moment(floor.and_then(|floor| floor.rests_until)),
        }
    };
    Ok(axum::Json(desk.config.shown.iter().enumerate().map(view).collect()))
}

/// Gives how each number of a campaign is.
pub(super) fn of_campaign(
    desk: &Desk,
    campaign: &Campaign,
    snapshot: &Snapshot,
) -> Vec<ShownFloor> {
    let all = desk.config.shown.iter().enumerate();
    let own = all.filter(|(_, shown)| campaign.caller_ids.contains(&shown.number));
    own.filter_map(|(place, _)| at(snapshot, place).copied()).collect()
}

fn at(snapshot: &Snapshot, place: usize) -> Option<&ShownFloor> {
    snapshot.floor.shown.iter().find(|floor| usize::from(floor.number.0) == place)
}

fn word(class: Class) -> &'static str {
    CLASSES.iter().find(|(_, known)| *known == class).map_or("other", |(word, _)| *word)
}
