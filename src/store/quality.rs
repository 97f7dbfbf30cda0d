//! How well the trunks carried their calls, hour by hour.

use super::Store;
use super::backend::{Row, both, statements};
use super::text::at;
use super::{StoreError, TrunkHour};
use crate::core::quality::Quality;
use crate::units::{Span, TrunkId, Wall};

statements! {
    /// Calls we took back before they rang, or that a crash cut, say nothing of the trunk.
    CARRIED = both(
        "select trunk_id, opened_at - opened_at % 3600000000 as hour_at, count(*) as seizures,
           count(answered_at) as answered,
           count(*) filter (where answered_at is not null
             or outcome in ('busy', 'no_answer', 'declined', 'blocked', 'cancelled')) as effective,
           count(ringing_at) as rang,
           cast(coalesce(sum(ringing_at - opened_at), 0) as bigint) as delay_us,
           cast(coalesce(sum(ended_at - answered_at), 0) as bigint) as talk_us
         from attempt
         where opened_at >= $1 and ended_at is not null and outcome <> 'interrupted'
           and (outcome <> 'cancelled' or ringing_at is not null)
         group by 1, 2",
    );
    KEEP = both(
        "insert into trunk_hour
           (trunk_id, hour_at, seizures, answered, effective, rang, delay_us, talk_us)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (trunk_id, hour_at) do update set
           seizures = excluded.seizures, answered = excluded.answered,
           effective = excluded.effective, rang = excluded.rang,
           delay_us = excluded.delay_us, talk_us = excluded.talk_us",
    );
    HOURS = both("select * from trunk_hour where hour_at >= $1 order by trunk_id, hour_at");
}

impl Store {
    /// Counts how well the trunks carried the calls begun from a moment on, the beginning of an
    /// hour, and keeps it hour by hour in the place of earlier counts.
    ///
    /// # Errors
    /// The database failed.
    pub async fn keep_trunk_hours(&self, from: Wall) -> Result<(), StoreError> {
        // Counted beside the writer: whoever commits waits for a few rows only.
        let rows = CARRIED.bind(at(from)).fetch_all(&mut self.reader().await?.db()).await?;
        for row in &rows {
            let TrunkHour { trunk, at: hour, quality } = trunk_hour(row)?;
            let keep = KEEP
                .bind(trunk.0)
                .bind(at(hour))
                .bind(quality.seizures.cast_signed())
                .bind(quality.answered.cast_signed())
                .bind(quality.effective.cast_signed())
                .bind(quality.rang.cast_signed())
                .bind(quality.delay.as_micros().cast_signed())
                .bind(quality.talk.as_micros().cast_signed());
            let mut writer = self.writer().await;
            keep.execute(&mut writer.db().await?).await?;
        }
        Ok(())
    }

    /// Gives the kept hours of every trunk from a moment on, by trunk and hour.
    ///
    /// # Errors
    /// The database failed.
    pub async fn trunk_hours(&self, from: Wall) -> Result<Vec<TrunkHour>, StoreError> {
        let rows = HOURS.bind(at(from)).fetch_all(&mut self.reader().await?.db()).await?;
        rows.iter().map(trunk_hour).collect()
    }
}

fn trunk_hour(row: &Row) -> Result<TrunkHour, StoreError> {
    let count = |column| row.try_get::<i64>(column).map(i64::cast_unsigned);
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
