//! Events on their way to their endpoints.

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _};

use super::Sqlite;
use super::text::at;
use crate::store::{EndpointRow, EventRow, NewEvent, PAGE_MAX, StoreError};
use crate::units::{Span, Wall};

impl Sqlite {
    pub(in crate::store) async fn add_event(&self, event: &NewEvent) -> Result<(), StoreError> {
        let mut writer = self.writer().await;
        let mut db = writer.begin_with("begin immediate").await?;
        sqlx::query(
            "insert into endpoint (name) values ($2) on conflict (name) do nothing;
             insert into outbox (event_id, endpoint, kind, created_at, tries, next_try_at)
             values ($1, $2, $3, $4, 0, $4) on conflict (event_id) do nothing;
             insert into outbox_personal (event_id, body) values ($1, $5)
             on conflict (event_id) do nothing",
        )
        .bind(&event.id)
        .bind(&event.endpoint)
        .bind(&event.kind)
        .bind(at(event.created))
        .bind(&event.body)
        .execute(&mut *db)
        .await?;
        db.commit().await?;
        self.shared.event_added.notify_one();
        Ok(())
    }

    pub(in crate::store) async fn take_events(
        &self,
        endpoint: &str,
        limit: u32,
        lease: Span,
        now: Wall,
    ) -> Result<Vec<EventRow>, StoreError> {
        let rows = sqlx::query(
            "update outbox set next_try_at = $4
             where event_id in (
               select o.event_id from outbox o join endpoint e on e.name = o.endpoint
               where o.endpoint = $1 and o.next_try_at <= $3 and e.disabled_at is null
               order by o.next_try_at, o.event_id limit $2)
             returning *,
               (select body from outbox_personal p where p.event_id = outbox.event_id) as body",
        )
        .bind(endpoint)
        .bind(limit)
        .bind(at(now))
        .bind(at(now + lease))
        .fetch_all(&mut *self.writer().await)
        .await?;
        let mut events = rows.iter().map(event_row).collect::<Result<Vec<_>, _>>()?;
        events.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        Ok(events)
    }

    pub(in crate::store) async fn next_event(&self) -> Result<Option<Wall>, StoreError> {
        let next: Option<i64> = sqlx::query_scalar(
            "select min(o.next_try_at) from endpoint e join outbox o on o.endpoint = e.name
             where e.disabled_at is null and o.next_try_at is not null",
        )
        .fetch_one(&self.readers)
        .await?;
        Ok(next.map(Wall::micros))
    }

    pub(in crate::store) async fn events(
        &self,
        endpoint: Option<&str>,
        undelivered_only: bool,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        let rows = sqlx::query(
            "select o.*, p.body from outbox o
               left join outbox_personal p on p.event_id = o.event_id
             where ($1 is null or o.endpoint = $1) and (not $2 or o.delivered_at is null)
             order by o.created_at desc, o.event_id desc limit $3",
        )
        .bind(endpoint)
        .bind(undelivered_only)
        .bind(limit.clamp(1, PAGE_MAX))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(event_row).collect()
    }

    pub(in crate::store) async fn replay_event(
        &self,
        event: &str,
        now: Wall,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "update outbox set tries = 0, delivered_at = null, next_try_at = $2, error = null
             where event_id = $1",
        )
        .bind(event)
        .bind(at(now))
        .execute(&mut *self.writer().await)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Unknown("event"));
        }
        self.shared.event_added.notify_one();
        Ok(())
    }

    pub(in crate::store) async fn endpoints(&self) -> Result<Vec<EndpointRow>, StoreError> {
        let rows = sqlx::query(
            "select e.name, e.disabled_at,
               count(o.next_try_at) as pending,
               count(*) filter (where o.event_id is not null and o.delivered_at is null
                 and o.next_try_at is null) as failed,
               min(o.created_at) filter (where o.next_try_at is not null) as oldest
             from endpoint e left join outbox o on o.endpoint = e.name
             group by e.name, e.disabled_at order by e.name",
        );
        let rows = rows.fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                Ok(EndpointRow {
                    name: row.try_get("name")?,
                    disabled: row.try_get::<Option<i64>, _>("disabled_at")?.map(Wall::micros),
                    pending: row.try_get::<i64, _>("pending")?.cast_unsigned(),
                    failed: row.try_get::<i64, _>("failed")?.cast_unsigned(),
                    oldest: row.try_get::<Option<i64>, _>("oldest")?.map(Wall::micros),
                })
            })
            .collect()
    }

    pub(in crate::store) async fn enable_endpoint(
        &self,
        endpoint: &str,
        now: Wall,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await;
        let mut db = writer.begin_with("begin immediate").await?;
        let done = sqlx::query("update endpoint set disabled_at = null where name = $1")
            .bind(endpoint)
            .execute(&mut *db)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Unknown("endpoint"));
        }
        sqlx::query(
            "update outbox set next_try_at = $2 where endpoint = $1 and next_try_at is not null",
        )
        .bind(endpoint)
        .bind(at(now))
        .execute(&mut *db)
        .await?;
        db.commit().await?;
        self.shared.event_added.notify_one();
        Ok(())
    }
}

fn event_row(row: &SqliteRow) -> Result<EventRow, StoreError> {
    let wall = |column| row.try_get(column).map(|micros: Option<i64>| micros.map(Wall::micros));
    Ok(EventRow {
        id: row.try_get("event_id")?,
        endpoint: row.try_get("endpoint")?,
        kind: row.try_get("kind")?,
        body: row.try_get::<Option<String>, _>("body")?.unwrap_or_default(),
        created: Wall::micros(row.try_get("created_at")?),
        tries: row.try_get("tries")?,
        next_try: wall("next_try_at")?,
        delivered: wall("delivered_at")?,
        status: row.try_get("status")?,
        error: row.try_get("error")?,
    })
}
