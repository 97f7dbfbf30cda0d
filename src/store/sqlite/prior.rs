//! What is given back to a campaign when the engine starts: what its pacer has learnt, and what
//! its abandon rule has counted.

use sqlx::Row as _;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite as Engine, SqliteArguments, SqliteRow};

use super::Sqlite;
use super::report::count;
use super::text::{at, from_json, json};
use crate::core::pacing::account::Bucket;
use crate::core::pacing::prior::{KEPT, LESSONS_MAX, Lesson};
use crate::store::StoreError;
use crate::units::{CampaignId, ListId, Span, Wall};

/// The longest a call may have been under way when it was answered: dialled before the window, and
/// answered in it.
const RING_MAX: Span = Span::secs(600);

/// Writes a lesson, in place of an earlier count of the same beginning.
pub(super) fn learnt(
    campaign: CampaignId,
    lesson: &Lesson,
) -> Query<'static, Engine, SqliteArguments> {
    sqlx::query(
        "insert into prior (campaign_id, list_id, hour, from_at, until_at, calls, counts)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (campaign_id, list_id, hour, from_at) do update
           set until_at = excluded.until_at, calls = excluded.calls, counts = excluded.counts
           where excluded.until_at >= until_at;
         delete from prior where campaign_id = $1 and until_at < $8",
    )
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

impl Sqlite {
    pub(in crate::store) async fn learnt(
        &self,
        campaign: CampaignId,
        now: Wall,
    ) -> Result<Vec<Lesson>, StoreError> {
        let rows = sqlx::query(
            "select * from prior where campaign_id = $1 and until_at >= $2
             order by until_at desc, list_id, hour limit $3",
        );
        let rows = rows.bind(campaign.0).bind(at(now - KEPT)).bind(LESSONS_MAX);
        rows.fetch_all(&self.readers).await?.iter().map(lesson).collect()
    }

    pub(in crate::store) async fn counted(
        &self,
        campaign: CampaignId,
        from: Wall,
        part: Option<Span>,
    ) -> Result<Vec<Bucket>, StoreError> {
        let rows = sqlx::query(
            "select min(answered_at), count(*) filter (where outcome in ('connected', 'abandoned')),
               count(*) filter (where outcome = 'abandoned'),
               count(*) filter (where heard = 'machine')
             from attempt
             where campaign_id = $1 and opened_at >= $2 and answered_at >= $3
             group by (answered_at - $3) / $4 order by 1",
        );
        let part = part.map_or(i64::MAX, |part| part.as_micros().cast_signed().max(1));
        let dialled = Wall::micros(at(from).saturating_sub(RING_MAX.as_micros().cast_signed()));
        let rows = rows.bind(campaign.0).bind(at(dialled)).bind(at(from)).bind(part);
        let bucket = |row: &SqliteRow| {
            Ok(Bucket {
                from: Wall::micros(row.try_get(0)?),
                persons: count(row, 1)?,
                abandoned: count(row, 2)?,
                machines: count(row, 3)?,
            })
        };
        rows.fetch_all(&self.readers).await?.iter().map(bucket).collect()
    }
}

fn lesson(row: &SqliteRow) -> Result<Lesson, StoreError> {
    let list: i64 = row.try_get("list_id")?;
    let lesson: Lesson = from_json("what a pacer learnt", row.try_get("counts")?)?;
    Ok(Lesson {
        list: (list != 0).then(|| ListId(list.cast_unsigned())),
        from: Wall::micros(row.try_get("from_at")?),
        until: Wall::micros(row.try_get("until_at")?),
        ..lesson
    })
}
