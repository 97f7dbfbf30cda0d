//! What numbers shown carried before a start, and the contacts that waited for other numbers.

use std::collections::BTreeMap;

use super::backend::{both, statements};
use super::text::at;
use super::{Store, StoreError};
use crate::core::fact::Carried;
use crate::core::rules::UNKNOWN_WAIT;
use crate::core::shown::GRAIN;
use crate::units::{Number, Span, Wall};

/// Calls are counted for budgets of a day at most.
const CALLS_SINCE: Span = Span::secs(86_400 + 60);

/// A rest lasts a month at most, after a run of refusals of a month.
const BLOCKS_SINCE: Span = Span::secs(60 * 86_400);

statements! {
    CALLS = both(
        "select caller_e164, opened_at / $2 as part, count(*) as calls from attempt
         where opened_at > $1 and caller_e164 is not null and coalesce(ended_by, '') <> 'nobody'
         group by caller_e164, opened_at / $2 order by caller_e164, part",
    );
    BLOCKS = both(
        "select caller_e164, opened_at from attempt
         where outcome = 'blocked' and opened_at > $1 and caller_e164 is not null
         order by opened_at",
    );
    WAKE = both(
        "update contact set next_at = $1, free_at = $1,
           callback_at = case when callback_at is null then null else $1 end
         where state = 'open' and open_call_id is null and free_at = next_at and next_at > $1
           and id in (
             select c.id from campaign g cross join rule_refusal r cross join contact c
             where r.campaign_id = g.id and r.at > $1 - $2
               and r.rule in ('caller-id', 'no-mandate', 'banned-subject')
               and c.id = r.contact_id and r.at + $2 = c.next_at)",
    );
}

impl Store {
    /// Gives what each number shown carried lately, and when networks refused it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn carried(&self, now: Wall) -> Result<BTreeMap<Number, Carried>, StoreError> {
        let mut all: BTreeMap<Number, Carried> = BTreeMap::new();
        let grain = GRAIN.as_micros().cast_signed();
        let mut reader = self.reader().await?;
        let calls = CALLS.bind(at(now - CALLS_SINCE)).bind(grain);
        for row in calls.fetch_all(&mut reader.db()).await? {
            let Ok(number) = Number::new(&row.try_get::<String>(0)?) else { continue };
            let minute = Wall::micros(row.try_get::<i64>(1)?.saturating_mul(grain));
            let calls = u32::try_from(row.try_get::<i64>(2)?).unwrap_or(u32::MAX);
            all.entry(number).or_default().calls.push((minute, calls));
        }
        let blocks = BLOCKS.bind(at(now - BLOCKS_SINCE));
        for row in blocks.fetch_all(&mut reader.db()).await? {
            let Ok(number) = Number::new(&row.try_get::<String>(0)?) else { continue };
            let refused = Wall::micros(row.try_get(1)?);
            all.entry(number).or_default().blocks.push(refused);
        }
        Ok(all)
    }

    /// Makes contacts due that waited for a number that may be shown to them, a trunk with its
    /// mandate, or another subject: the settings are read anew.
    ///
    /// # Errors
    /// The database failed.
    pub async fn wake_unshown(&self, now: Wall) -> Result<(), StoreError> {
        let mut writer = self.writer().await;
        let wake = WAKE.bind(at(now)).bind(UNKNOWN_WAIT.as_micros().cast_signed());
        wake.execute(&mut writer.db().await?).await?;
        Ok(())
    }
}
