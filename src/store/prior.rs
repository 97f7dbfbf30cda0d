//! What is given back to a campaign when the engine starts: what its pacer has learnt, and what
//! its abandon rule has counted.

use std::collections::BTreeMap;

use super::Store;
use super::StoreError;
use super::backend::{Query, Row, both, each, statements};
use super::report::count;
use super::text::{at, from_json, json, read};
use crate::core::habits::{self, Habit, Hour, Tally};
use crate::core::pacing::account::Bucket;
use crate::core::pacing::prior::{KEPT, LESSONS_MAX, Lesson};
use crate::units::{CampaignId, ListId, Span, Wall, Zone};

/// The longest a call may have been under way when it was answered: dialled before the window, and
/// answered in it.
const RING_MAX: Span = Span::secs(600);

/// Microseconds of an hour.
const HOUR_US: i64 = 3_600_000_000;

statements! {
    LEARNT = each(
        "insert into prior (campaign_id, list_id, hour, from_at, until_at, calls, counts)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (campaign_id, list_id, hour, from_at) do update
           set until_at = excluded.until_at, calls = excluded.calls, counts = excluded.counts
           where excluded.until_at >= until_at;
         delete from prior where campaign_id = $1 and until_at < $8",
        "with forgotten as (delete from prior where campaign_id = $1 and until_at < $8)
         insert into prior (campaign_id, list_id, hour, from_at, until_at, calls, counts)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (campaign_id, list_id, hour, from_at) do update
           set until_at = excluded.until_at, calls = excluded.calls, counts = excluded.counts
           where excluded.until_at >= prior.until_at",
    );
    LESSONS = both(
        "select * from prior where campaign_id = $1 and until_at >= $2
         order by until_at desc, list_id, hour limit $3",
    );
    /// Attempts by list, zone and hour since 1970.
    HABITS = both(
        "select k.list_import_id, n.zone, a.opened_at / 3600000000 as hour, a.outcome, count(*)
         from attempt a
           join number n on n.id = a.number_id
           left join contact k on k.id = a.contact_id
         where a.campaign_id = $1 and a.opened_at >= $2 and a.outcome is not null
         group by 1, 2, 3, 4",
    );
    COUNTED = both(
        "select min(answered_at),
           count(*) filter (where outcome in ('connected', 'abandoned') or bridged_at is not null),
           count(*) filter (where outcome = 'abandoned'),
           count(*) filter (where heard = 'machine')
         from attempt
         where campaign_id = $1 and opened_at >= $2 and answered_at >= $3
         group by (answered_at - $3) / $4 order by 1",
    );
}

impl Store {
    /// Tells at which hours the persons of a campaign's lists were reached since a moment.
    ///
    /// # Errors
    /// The database failed.
    pub async fn habits(
        &self,
        campaign: CampaignId,
        since: Wall,
    ) -> Result<Vec<Habit>, StoreError> {
        let rows = HABITS.bind(campaign.0).bind(at(since));
        let rows = rows.fetch_all(&mut self.reader().await?.db()).await?;
        let mut tallies: BTreeMap<(Option<ListId>, Hour), Tally> = BTreeMap::new();
        for row in &rows {
            let list: Option<i64> = row.try_get(0)?;
            let Ok(zone) = Zone::new(&row.try_get::<String>(1)?) else { continue };
            let hour = Wall::micros(row.try_get::<i64>(2)? * HOUR_US);
            let Some(hour) = Hour::of(hour, &zone) else { continue };
            let outcome = read("outcome", &row.try_get::<String>(3)?)?;
            let Some(reached) = habits::reached(outcome) else { continue };
            let count = u32::try_from(row.try_get::<i64>(4)?).unwrap_or(u32::MAX);
            let list = list.map(|id| ListId(id.cast_unsigned()));
            let tally = tallies.entry((list, hour)).or_default();
            tally.tried = tally.tried.saturating_add(count);
            tally.reached = tally.reached.saturating_add(if reached { count } else { 0 });
        }
        let habit = |((list, hour), tally)| Habit { list, hour, tally };
        Ok(tallies.into_iter().map(habit).collect())
    }
}

/// Writes a lesson, in place of an earlier count of the same beginning.
pub(super) fn learnt(campaign: CampaignId, lesson: &Lesson) -> Query {
    LEARNT
        .bind(campaign.0)
        .bind(lesson.list.map_or(0, |list| list.0.cast_signed()))
        .bind(lesson.hour.map_or(-1, i32::from))
        .bind(at(lesson.from))
        .bind(at(lesson.until))
        .bind(lesson.calls.all().cast_signed())
        .bind(json(&Lesson {
            from: Wall::micros(0),
            until: Wall::micros(0),
            list: None,
            ..lesson.clone()
        }))
        .bind(at(lesson.until - KEPT))
}

impl Store {
    /// Gives what a campaign's pacer has learnt in the four weeks before a moment, latest first, at
    /// most [`LESSONS_MAX`] lessons.
    ///
    /// # Errors
    /// The database failed.
    pub async fn learnt(&self, campaign: CampaignId, now: Wall) -> Result<Vec<Lesson>, StoreError> {
        let rows = LESSONS.bind(campaign.0).bind(at(now - KEPT)).bind(i64::from(LESSONS_MAX));
        let rows = rows.fetch_all(&mut self.reader().await?.db()).await?;
        rows.iter().map(lesson).collect()
    }

    /// Counts the closed calls answered from a moment on as the abandon rule does, in parts of that
    /// length, or in one. Of the calls that a crash cut those are in it whose person talked to an
    /// agent or was abandoned by then: nobody wrote down who answered the others.
    ///
    /// # Errors
    /// The database failed.
    pub async fn counted(
        &self,
        campaign: CampaignId,
        from: Wall,
        part: Option<Span>,
    ) -> Result<Vec<Bucket>, StoreError> {
        let part = part.map_or(i64::MAX, |part| part.as_micros().cast_signed().max(1));
        let dialled = Wall::micros(at(from).saturating_sub(RING_MAX.as_micros().cast_signed()));
        let rows = COUNTED.bind(campaign.0).bind(at(dialled)).bind(at(from)).bind(part);
        let bucket = |row: &Row| {
            Ok(Bucket {
                from: Wall::micros(row.try_get(0)?),
                persons: count(row, 1)?,
                abandoned: count(row, 2)?,
                machines: count(row, 3)?,
            })
        };
        let rows = rows.fetch_all(&mut self.reader().await?.db()).await?;
        rows.iter().map(bucket).collect()
    }
}

fn lesson(row: &Row) -> Result<Lesson, StoreError> {
    let list: i64 = row.try_get("list_id")?;
    let lesson: Lesson = from_json("what a pacer learnt", &row.try_get::<String>("counts")?)?;
    Ok(Lesson {
        list: (list != 0).then(|| ListId(list.cast_unsigned())),
        from: Wall::micros(row.try_get("from_at")?),
        until: Wall::micros(row.try_get("until_at")?),
        ..lesson
    })
}
