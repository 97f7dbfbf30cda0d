//! Campaigns, their clients, trunks and dispositions.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Row as _};

use super::Sqlite;
use super::text::{read, word};
use crate::core::order::CampaignState;
use crate::store::{CampaignRow, NewCampaign, StoreError};
use crate::units::{CampaignId, ClientId, TrunkId};

impl Sqlite {
    pub(in crate::store) async fn trunk(&self, name: &str) -> Result<TrunkId, StoreError> {
        let mut writer = self.writer().await;
        sqlx::query(
            "insert into trunk (id, name) select coalesce(max(id), 0) + 1, $1 from trunk where true
             on conflict (name) do nothing",
        )
        .bind(name)
        .execute(&mut *writer)
        .await?;
        let id = sqlx::query_scalar("select id from trunk where name = $1").bind(name);
        Ok(TrunkId(id.fetch_one(&mut *writer).await?))
    }

    pub(in crate::store) async fn set_campaign(
        &self,
        campaign: &NewCampaign,
    ) -> Result<CampaignId, StoreError> {
        let mut writer = self.writer().await;
        let mut db = writer.begin_with("begin immediate").await?;
        let id = campaign_row(&mut db, campaign).await?;
        caller_ids(&mut db, id, campaign).await?;
        dispositions(&mut db, id, campaign).await?;
        db.commit().await?;
        Ok(CampaignId(id))
    }

    pub(in crate::store) async fn campaigns(&self) -> Result<Vec<CampaignRow>, StoreError> {
        let rows = sqlx::query(
            "select c.id, c.name, c.client_id, p.name as client_name, c.state, c.endpoint
             from campaign c join client p on p.id = c.client_id order by c.name",
        );
        let rows = rows.fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                Ok(CampaignRow {
                    id: CampaignId(row.try_get("id")?),
                    name: row.try_get("name")?,
                    client: ClientId(row.try_get("client_id")?),
                    client_name: row.try_get("client_name")?,
                    state: read("campaign state", row.try_get("state")?)?,
                    endpoint: row.try_get("endpoint")?,
                })
            })
            .collect()
    }
}

async fn campaign_row(
    db: &mut SqliteConnection,
    campaign: &NewCampaign,
) -> Result<u32, StoreError> {
    sqlx::query(
        "insert into client (id, name) select coalesce(max(id), 0) + 1, $2 from client where true
         on conflict (name) do nothing;
         insert into endpoint (name) select $3 where $3 is not null
         on conflict (name) do nothing;
         insert into campaign (id, client_id, name, state, state_at, endpoint, owner_epoch)
         select coalesce(max(id), 0) + 1, (select id from client where name = $2), $1, $4, 0, $3, 1
         from campaign where true
         on conflict (name) do update
           set client_id = excluded.client_id, endpoint = excluded.endpoint",
    )
    .bind(&campaign.name)
    .bind(&campaign.client)
    .bind(campaign.endpoint.as_ref())
    .bind(word(&CampaignState::Stopped))
    .execute(&mut *db)
    .await?;
    let id = sqlx::query_scalar("select id from campaign where name = $1").bind(&campaign.name);
    Ok(id.fetch_one(db).await?)
}

async fn caller_ids(
    db: &mut SqliteConnection,
    id: u32,
    campaign: &NewCampaign,
) -> Result<(), StoreError> {
    sqlx::query("delete from caller_id where campaign_id = $1").bind(id).execute(&mut *db).await?;
    for (position, number) in (0_u32..).zip(&campaign.caller_ids) {
        sqlx::query("insert into caller_id (campaign_id, position, e164) values ($1, $2, $3)")
            .bind(id)
            .bind(position)
            .bind(number.reveal())
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Rewrites the list; a disposition that left it keeps its row, for the calls that were given it.
async fn dispositions(
    db: &mut SqliteConnection,
    id: u32,
    campaign: &NewCampaign,
) -> Result<(), StoreError> {
    sqlx::query("update disposition set position = null where campaign_id = $1")
        .bind(id)
        .execute(&mut *db)
        .await?;
    for (position, disposition) in (0_u32..).zip(&campaign.dispositions) {
        sqlx::query(
            "insert into disposition (campaign_id, code, position, label, class)
             values ($1, $2, $3, $4, $5)
             on conflict (campaign_id, code) do update set position = excluded.position,
               label = excluded.label, class = excluded.class",
        )
        .bind(id)
        .bind(&disposition.code)
        .bind(position)
        .bind(&disposition.label)
        .bind(word(&disposition.class))
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}
