//! Events on their way to their endpoints.

use super::Store;
use super::backend::{Row, both, statements};
use super::seal::{Seals, plain};
use super::text::at;
use super::{EndpointRow, EventRow, NewEvent, PAGE_MAX, StoreError};
use crate::units::{Span, Wall};

statements! {
    ADD_ENDPOINT = both("insert into endpoint (name) values ($1) on conflict (name) do nothing");
    ADD = both(
        "insert into outbox (event_id, endpoint, kind, created_at, tries, next_try_at)
         values ($1, $2, $3, $4, 0, $4) on conflict (event_id) do nothing",
    );
    ADD_BODY = both(
        "insert into outbox_personal (event_id, body) values ($1, $2)
         on conflict (event_id) do nothing",
    );
    TAKE = both(
        "update outbox set next_try_at = $4
         where event_id in (
           select o.event_id from outbox o join endpoint e on e.name = o.endpoint
           where o.endpoint = $1 and o.next_try_at <= $3 and e.disabled_at is null
           order by o.next_try_at, o.event_id limit $2)
         returning *,
           (select body from outbox_personal p where p.event_id = outbox.event_id) as body,
           coalesce(
             (select k.key from attempt a join contact_personal k on k.contact_id = a.contact_id
               where a.call_id = outbox.call_id),
             (select i.key from inbound_call_personal i
               where i.inbound_id = outbox.inbound_id)) as contact_key",
    );
    NEXT = both(
        "select min(o.next_try_at) from endpoint e join outbox o on o.endpoint = e.name
         where e.disabled_at is null and o.next_try_at is not null",
    );
    EVENTS = both(
        "select o.*, p.body, coalesce(k.key, i.key) as contact_key
         from outbox o left join outbox_personal p on p.event_id = o.event_id
           left join attempt a on a.call_id = o.call_id
           left join contact_personal k on k.contact_id = a.contact_id
           left join inbound_call_personal i on i.inbound_id = o.inbound_id
         where (cast($1 as text) is null or o.endpoint = $1) and (not $2 or o.delivered_at is null)
         order by o.created_at desc, o.event_id desc limit $3",
    );
    REPLAY = both(
        "update outbox set tries = 0, delivered_at = null, next_try_at = $2, error = null
         where event_id = $1",
    );
    ENDPOINTS = both(
        "select e.name, e.disabled_at,
           count(o.next_try_at) as pending,
           count(*) filter (where o.event_id is not null and o.delivered_at is null
             and o.next_try_at is null) as failed,
           min(o.created_at) filter (where o.next_try_at is not null) as oldest
         from endpoint e left join outbox o on o.endpoint = e.name
         group by e.name, e.disabled_at order by e.name",
    );
    ENABLE = both("update endpoint set disabled_at = null where name = $1");
    HURRY = both(
        "update outbox set next_try_at = $2 where endpoint = $1 and next_try_at is not null",
    );
}

impl Store {
    /// Puts an event into the outbox of an endpoint, at most once by its id.
    ///
    /// # Errors
    /// The database failed.
    pub async fn add_event(&self, event: &NewEvent) -> Result<(), StoreError> {
        let mut writer = self.writer().await;
        let mut transaction = writer.begin().await?;
        let mut db = transaction.db()?;
        ADD_ENDPOINT.bind(&event.endpoint).execute(&mut db).await?;
        ADD.bind(&event.id)
            .bind(&event.endpoint)
            .bind(&event.kind)
            .bind(at(event.created))
            .execute(&mut db)
            .await?;
        ADD_BODY.bind(&event.id).bind(&event.body).execute(&mut db).await?;
        transaction.commit().await?;
        self.shared.event_added.notify_one();
        Ok(())
    }

    /// Takes up to `limit` events due for an endpoint, oldest first; they are not given again
    /// before `now + lease`, unless a delivery says so.
    ///
    /// # Errors
    /// The database failed.
    pub async fn take_events(
        &self,
        endpoint: &str,
        limit: u32,
        lease: Span,
        now: Wall,
    ) -> Result<Vec<EventRow>, StoreError> {
        let take = TAKE.bind(endpoint).bind(limit).bind(at(now)).bind(at(now + lease));
        let mut writer = self.writer().await;
        let rows = take.fetch_all(&mut writer.db().await?).await?;
        drop(writer);
        let events = rows.iter().map(|row| event_row(&self.shared.seals, row));
        let mut events = events.collect::<Result<Vec<_>, _>>()?;
        events.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        Ok(events)
    }

    /// Says when the next event of an enabled endpoint falls due.
    ///
    /// # Errors
    /// The database failed.
    pub async fn next_event(&self) -> Result<Option<Wall>, StoreError> {
        let row = NEXT.query().fetch_one(&mut self.reader().await?.db()).await?;
        let next: Option<i64> = row.try_get(0)?;
        Ok(next.map(Wall::micros))
    }

    /// Lists events, newest first, of one endpoint or all, with or without the delivered ones.
    ///
    /// # Errors
    /// The database failed.
    pub async fn events(
        &self,
        endpoint: Option<&str>,
        undelivered_only: bool,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        let events = EVENTS.bind(endpoint).bind(undelivered_only).bind(limit.clamp(1, PAGE_MAX));
        let rows = events.fetch_all(&mut self.reader().await?.db()).await?;
        rows.iter().map(|row| event_row(&self.shared.seals, row)).collect()
    }

    /// Sends an event again from the first try on, delivered or not.
    ///
    /// # Errors
    /// There is no such event, or the database failed.
    pub async fn replay_event(&self, event: &str, now: Wall) -> Result<(), StoreError> {
        let mut writer = self.writer().await;
        let replay = REPLAY.bind(event).bind(at(now));
        if replay.execute(&mut writer.db().await?).await? == 0 {
            return Err(StoreError::Unknown("event"));
        }
        self.shared.event_added.notify_one();
        Ok(())
    }

    /// Lists the endpoints that events were written for.
    ///
    /// # Errors
    /// The database failed.
    pub async fn endpoints(&self) -> Result<Vec<EndpointRow>, StoreError> {
        let rows = ENDPOINTS.query().fetch_all(&mut self.reader().await?.db()).await?;
        rows.iter()
            .map(|row| {
                Ok(EndpointRow {
                    name: row.try_get("name")?,
                    disabled: row.try_get::<Option<i64>>("disabled_at")?.map(Wall::micros),
                    pending: row.try_get::<i64>("pending")?.cast_unsigned(),
                    failed: row.try_get::<i64>("failed")?.cast_unsigned(),
                    oldest: row.try_get::<Option<i64>>("oldest")?.map(Wall::micros),
                })
            })
            .collect()
    }

    /// Enables an endpoint again; its waiting events are tried at once.
    ///
    /// # Errors
    /// There is no such endpoint, or the database failed.
    pub async fn enable_endpoint(&self, endpoint: &str, now: Wall) -> Result<(), StoreError> {
        let mut writer = self.writer().await;
        let mut transaction = writer.begin().await?;
        let mut db = transaction.db()?;
        if ENABLE.bind(endpoint).execute(&mut db).await? == 0 {
            return Err(StoreError::Unknown("endpoint"));
        }
        HURRY.bind(endpoint).bind(at(now)).execute(&mut db).await?;
        transaction.commit().await?;
        self.shared.event_added.notify_one();
        Ok(())
    }
}

pub(super) fn event_row(seals: &Seals, row: &Row) -> Result<EventRow, StoreError> {
    let body: Option<String> = row.try_get("body")?;
    let body = body.map(|body| plain(seals.contact(row)?.as_ref(), body)).transpose()?.flatten();
    let wall = |column| row.try_get(column).map(|micros: Option<i64>| micros.map(Wall::micros));
    Ok(EventRow {
        id: row.try_get("event_id")?,
        endpoint: row.try_get("endpoint")?,
        kind: row.try_get("kind")?,
        body: body.unwrap_or_default(),
        created: Wall::micros(row.try_get("created_at")?),
        tries: row.try_get("tries")?,
        next_try: wall("next_try_at")?,
        delivered: wall("delivered_at")?,
        status: row.try_get("status")?,
        error: row.try_get("error")?,
    })
}
