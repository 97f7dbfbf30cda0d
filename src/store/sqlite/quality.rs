//! How well the trunks carried their calls, hour by hour.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::Sqlite;
use super::text::at;
use crate::core::quality::Quality;
use crate::store::{StoreError, TrunkHour};
use crate::units::{Span, TrunkId, Wall};

impl Sqlite {
    pub(in crate::store) async fn keep_trunk_hours(&self, from: Wall) -> Result<(), StoreError> {
        // Calls we took back before they rang, or cut ourselves, say nothing of the trunk. They are
        // counted beside the writer: whoever commits waits for a few rows only.
        let count = sqlx::query(
            "select trunk_id, opened_at - opened_at % 3600000000 as hour_at, count(*) as seizures,
               count(answered_at) as answered,
               count(*) filter (where answered_at is not null
                 or outcome in ('busy', 'no_answer', 'declined', 'cancelled')) as effective,
               count(ringing_at) as rang, coalesce(sum(ringing_at - opened_at), 0) as delay_us,
               coalesce(sum(ended_at - answered_at), 0) as talk_us
             from attempt
             where opened_at >= $1 and ended_at is not null and outcome <> 'interrupted'
               and (outcome <> 'cancelled' or ringing_at is not null)
             group by 1, 2",
        );
        let rows = count.bind(at(from)).fetch_all(&self.readers).await?;
        for hour in rows.iter().map(trunk_hour) {
            let hour = hour?;
            let quality = hour.quality;
            let keep = sqlx::query(
                "insert into trunk_hour
                   (trunk_id, hour_at, seizures, answered, effective, rang, delay_us, talk_us)
                 values ($1, $2, $3, $4, $5, $6, $7, $8)
                 on conflict (trunk_id, hour_at) do update set
                   seizures = excluded.seizures, answered = excluded.answered,
                   effective = excluded.effective, rang = excluded.rang,
                   delay_us = excluded.delay_us, talk_us = excluded.talk_us",
            );
            keep.bind(hour.trunk.0)
                .bind(at(hour.at))
                .bind(quality.seizures.cast_signed())
                .bind(quality.answered.cast_signed())
                .bind(quality.effective.cast_signed())
                .bind(quality.rang.cast_signed())
                .bind(quality.delay.as_micros().cast_signed())
                .bind(quality.talk.as_micros().cast_signed())
                .execute(&mut *self.writer().await)
                .await?;
        }
        Ok(())
    }

    pub(in crate::store) async fn trunk_hours(
        &self,
        from: Wall,
    ) -> Result<Vec<TrunkHour>, StoreError> {
        let rows =
            sqlx::query("select * from trunk_hour where hour_at >= $1 order by trunk_id, hour_at");
        let rows = rows.bind(at(from)).fetch_all(&self.readers).await?;
        rows.iter().map(trunk_hour).collect()
    }
}

fn trunk_hour(row: &SqliteRow) -> Result<TrunkHour, StoreError> {
    let count = |column| row.try_get::<i64, _>(column).map(i64::cast_unsigned);
    Ok(TrunkHour {
        trunk: TrunkId(row.try_get("trunk_id")?),
        at: Wall::micros(row.try_get("hour_at")?),
        quality: Quality {
            seizures: count("seizures")?,
            answered: count("answered")?,
            effective: count("effective")?,
            rang: count("rang")?,
            delay: Span::micros(count("delay_us")?),
            talk: Span::micros(count("talk_us")?),
        },
    })
}
