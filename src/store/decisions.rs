//! The pacers' decisions, what became of their forecasts, and what the pacers have learnt.

use super::Store;
use super::backend::{Query, Row, both, statements};
use super::text::{at, from_json, json, read, word};
use super::{DecisionRow, FORGET_MAX, StoreError};
use crate::core::foresight::Foresight;
use crate::core::pacing::{Ask, Decision, Forecast, Limit};
use crate::units::{CampaignId, Ratio, Span, TrunkId, Wall};

statements! {
    DECIDED = both(
        "insert into decision
           (campaign_id, at, asked, why, placed, limited_by, limit_trunk_id, seen,
            threshold, answers, releases, chance, mean_chance, next_chance, room, ahead_us)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         on conflict (campaign_id, at) do update set
           asked = excluded.asked, why = excluded.why, placed = excluded.placed,
           limited_by = excluded.limited_by, limit_trunk_id = excluded.limit_trunk_id,
           seen = excluded.seen, threshold = excluded.threshold, answers = excluded.answers,
           releases = excluded.releases, chance = excluded.chance,
           mean_chance = excluded.mean_chance, next_chance = excluded.next_chance,
           room = excluded.room, ahead_us = excluded.ahead_us",
    );
    DECISION = both(
        "select * from decision where campaign_id = $1 and at <= $2 order by at desc limit 1",
    );
    /// The moments at which the list is full, and of the latest.
    BOUNDS = both(
        "select
           (select at from decision where campaign_id = $1 order by at desc limit 1 offset $2),
           (select max(at) from decision where campaign_id = $1)",
    );
    FORGET = both(
        "delete from decision where campaign_id = $1 and at in
           (select at from decision where campaign_id = $1 and at < $2 order by at limit $3)",
    );
    FORESIGHT = both(
        "select count(*), coalesce(sum(chance), 0.0), coalesce(sum(chance * (1 - chance)), 0.0),
           count(*) filter (where outcome = 'abandoned' and not forced)
         from (
           select chance, outcome, forced from attempt
           where campaign_id = $1 and opened_at >= $2 and opened_at <= $3
             and answered_at is not null and ended_at is not null
             and coalesce(heard, 'human') not in ('machine', 'fax')
             and outcome <> 'interrupted' and chance is not null
           order by opened_at desc, call_id desc limit $4) as foretold",
    );
}

/// Writes a decision.
pub(super) fn decided(campaign: CampaignId, decision: &Decision, moment: Wall) -> Query {
    let (limit, trunk) = match decision.limit {
        Limit::Channels(trunk) => ("channels".to_owned(), Some(trunk.0)),
        Limit::CallsPerSecond(trunk) => ("calls_per_second".to_owned(), Some(trunk.0)),
        Limit::Ask
        | Limit::Abandon
        | Limit::Neighbor
        | Limit::Owed
        | Limit::NoTrunk
        | Limit::CallerIds
        | Limit::Stock => (word(&decision.limit), None),
    };
    let forecast = decision.forecast;
    // Of several decisions in one instant the last one stands, as in the campaign's own view; each
    // call has its forecast in its own row.
    DECIDED
        .bind(campaign.0)
        .bind(at(moment))
        .bind(decision.ask.calls)
        .bind(word(&decision.ask.why))
        .bind(decision.placed)
        .bind(limit)
        .bind(trunk)
        .bind(json(&decision.view))
        .bind(forecast.map(|forecast| forecast.threshold.get()))
        .bind(forecast.map(|forecast| forecast.answers))
        .bind(forecast.map(|forecast| forecast.releases))
        .bind(forecast.map(|forecast| forecast.chance.get()))
        .bind(forecast.map(|forecast| forecast.mean.get()))
        .bind(forecast.and_then(|forecast| forecast.next).map(Ratio::get))
        .bind(forecast.map(|forecast| forecast.room))
        .bind(forecast.map(|forecast| forecast.ahead.as_micros().cast_signed()))
}

impl Store {
    /// Gives a campaign's latest recorded decision at or before a moment.
    ///
    /// # Errors
    /// The database failed.
    pub async fn decision(
        &self,
        campaign: CampaignId,
        until: Wall,
    ) -> Result<Option<DecisionRow>, StoreError> {
        let row = DECISION.bind(campaign.0).bind(at(until));
        let row = row.fetch_optional(&mut self.reader().await?.db()).await?;
        row.as_ref().map(decision_row).transpose()
    }

    /// Forgets the decisions made before a moment, and of each campaign the oldest beyond `most`,
    /// but never its latest: at most [`FORGET_MAX`] of each campaign at once, so that whoever
    /// commits waits a few milliseconds. Gives how many were forgotten; call it again until none
    /// are.
    ///
    /// # Errors
    /// The database failed; what is left is forgotten the next time.
    pub async fn forget_decisions(&self, before: Wall, most: u32) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        for campaign in self.campaigns().await? {
            let bounds = BOUNDS.bind(campaign.id.0).bind(most);
            let row = bounds.fetch_one(&mut self.reader().await?.db()).await?;
            let (full, latest) = (row.try_get::<Option<i64>>(0)?, row.try_get(1)?);
            let Some(latest) = latest else { continue };
            let old = full.map_or(i64::MIN, |full| full.saturating_add(1)).max(at(before));
            let forget = FORGET.bind(campaign.id.0).bind(old.min(latest)).bind(FORGET_MAX);
            let mut writer = self.writer().await;
            forgotten += forget.execute(&mut writer.db().await?).await?;
        }
        Ok(forgotten)
    }

    /// Compares the forecasts of a campaign's calls dialled from `from` to `until`, both
    /// included, with what became of them: of those a person answered and that are over, the
    /// `latest`. Calls placed without a forecast do not count.
    ///
    /// # Errors
    /// The database failed.
    pub async fn foresight(
        &self,
        campaign: CampaignId,
        from: Wall,
        until: Wall,
        latest: u32,
    ) -> Result<Foresight, StoreError> {
        let row = FORESIGHT.bind(campaign.0).bind(at(from)).bind(at(until)).bind(latest);
        let row = row.fetch_one(&mut self.reader().await?.db()).await?;
        let count = |column| row.try_get::<i64>(column).map(i64::cast_unsigned);
        Ok(Foresight {
            answered: count(0)?,
            foretold: row.try_get(1)?,
            variance: row.try_get(2)?,
            abandoned: count(3)?,
        })
    }
}

fn decision_row(row: &Row) -> Result<DecisionRow, StoreError> {
    let seen: String = row.try_get("seen")?;
    let decision = Decision {
        view: from_json("what a decision saw", &seen)?,
        ask: Ask {
            calls: row.try_get("asked")?,
            why: read("why", &row.try_get::<String>("why")?)?,
        },
        placed: row.try_get("placed")?,
        limit: limit(row)?,
        forecast: forecast(row)?,
    };
    Ok(DecisionRow { at: Wall::micros(row.try_get("at")?), decision })
}

fn limit(row: &Row) -> Result<Limit, StoreError> {
    let word: String = row.try_get("limited_by")?;
    let trunk = row.try_get::<Option<u32>>("limit_trunk_id")?.map(TrunkId);
    match (word.as_str(), trunk) {
        ("channels", Some(trunk)) => Ok(Limit::Channels(trunk)),
        ("calls_per_second", Some(trunk)) => Ok(Limit::CallsPerSecond(trunk)),
        (word, _) => read("limit", word),
    }
}

fn forecast(row: &Row) -> Result<Option<Forecast>, StoreError> {
    let number = |column| row.try_get::<Option<f64>>(column).map(Option::unwrap_or_default);
    let share = |column| number(column).map(Ratio::new);
    let Some(threshold) = row.try_get::<Option<f64>>("threshold")? else { return Ok(None) };
    let ahead: Option<i64> = row.try_get("ahead_us")?;
    Ok(Some(Forecast {
        threshold: Ratio::new(threshold),
        answers: number("answers")?,
        releases: number("releases")?,
        chance: share("chance")?,
        room: number("room")?,
        mean: share("mean_chance")?,
        next: row.try_get::<Option<f64>>("next_chance")?.map(Ratio::new),
        ahead: Span::micros(ahead.unwrap_or(0).cast_unsigned()),
    }))
}
