//! Campaigns, their clients, trunks and dispositions.

use super::Store;
use super::backend::{Db, both, statements};
use super::text::{read, word};
use super::{CampaignRow, NewCampaign, StoreError, mix};
use crate::core::order::CampaignState;
use crate::units::{CampaignId, ClientId, TrunkId};

statements! {
    ADD_TRUNK = both(
        "insert into trunk (id, name) select coalesce(max(id), 0) + 1, $1 from trunk where true
         on conflict (name) do nothing",
    );
    TRUNK = both("select id from trunk where name = $1");
    CAMPAIGNS = both(
        "select c.id, c.name, c.client_id, p.name as client_name, c.state, c.endpoint
         from campaign c join client p on p.id = c.client_id order by c.name",
    );
    ADD_CLIENT = both(
        "insert into client (id, name) select coalesce(max(id), 0) + 1, $1 from client where true
         on conflict (name) do nothing",
    );
    /// What a campaign's contacts and calls were for.
    CLIENT_OF = both(
        "select p.name, exists (select 1 from contact k where k.campaign_id = c.id)
           or exists (select 1 from attempt a where a.campaign_id = c.id) as used
         from campaign c join client p on p.id = c.client_id where c.name = $1",
    );
    CLIENT = both("select id from client where name = $1");
    RENAME_CLIENT = both("update client set name = $2 where name = $1");
    ADD_ENDPOINT = both("insert into endpoint (name) values ($1) on conflict (name) do nothing");
    SET_CAMPAIGN = both(
        "insert into campaign (id, client_id, name, state, state_at, endpoint, owner_epoch)
         select coalesce(max(id), 0) + 1, (select id from client where name = $2), $1, $4, 0, $3, 1
         from campaign where true
         on conflict (name) do update
           set client_id = excluded.client_id, endpoint = excluded.endpoint",
    );
    CAMPAIGN = both("select id from campaign where name = $1");
    FORGET_CALLER_IDS = both("delete from caller_id where campaign_id = $1");
    ADD_CALLER_ID = both("insert into caller_id (campaign_id, position, e164) values ($1, $2, $3)");
    UNLIST_DISPOSITIONS = both("update disposition set position = null where campaign_id = $1");
    SET_DISPOSITION = both(
        "insert into disposition (campaign_id, code, position, label, class)
         values ($1, $2, $3, $4, $5)
         on conflict (campaign_id, code) do update set position = excluded.position,
           label = excluded.label, class = excluded.class",
    );
}

impl Store {
    /// Gives a trunk's id by its configured name, the same after every restart.
    ///
    /// # Errors
    /// The database failed.
    pub async fn trunk(&self, name: &str) -> Result<TrunkId, StoreError> {
        let mut writer = self.writer().await;
        let mut db = writer.db().await?;
        ADD_TRUNK.bind(name).execute(&mut db).await?;
        Ok(TrunkId(TRUNK.bind(name).fetch_one(&mut db).await?.try_get(0)?))
    }

    /// Gives a client company another name: all that was called, refused and agreed for it stays
    /// its own. What was done before changes nothing.
    ///
    /// # Errors
    /// [`StoreError::ClientTaken`] if there is one of each name, or the database failed.
    pub async fn rename_client(&self, was: &str, name: &str) -> Result<(), StoreError> {
        let mut writer = self.writer().await;
        let mut transaction = writer.begin().await?;
        let mut db = transaction.db()?;
        if was == name || CLIENT.bind(was).fetch_optional(&mut db).await?.is_none() {
            return Ok(());
        }
        if CLIENT.bind(name).fetch_optional(&mut db).await?.is_some() {
            return Err(StoreError::ClientTaken { was: was.to_owned(), name: name.to_owned() });
        }
        RENAME_CLIENT.bind(was).bind(name).execute(&mut db).await?;
        transaction.commit().await
    }

    /// Adds or changes a campaign, known by its name.
    ///
    /// # Errors
    /// [`StoreError::OtherClient`] if it has contacts or calls of another client company, or the
    /// database failed.
    pub async fn set_campaign(&self, campaign: &NewCampaign) -> Result<CampaignId, StoreError> {
        let mut writer = self.writer().await;
        let mut transaction = writer.begin().await?;
        let mut db = transaction.db()?;
        let id = campaign_row(&mut db, campaign).await?;
        caller_ids(&mut db, id, campaign).await?;
        dispositions(&mut db, id, campaign).await?;
        mix::set(&mut db, id, campaign).await?;
        transaction.commit().await?;
        drop(writer);
        let id = CampaignId(id);
        self.plan(id, campaign).await?;
        Ok(id)
    }

    /// Lists every campaign by name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn campaigns(&self) -> Result<Vec<CampaignRow>, StoreError> {
        let rows = CAMPAIGNS.query().fetch_all(&mut self.reader().await?.db()).await?;
        rows.iter()
            .map(|row| {
                Ok(CampaignRow {
                    id: CampaignId(row.try_get("id")?),
                    name: row.try_get("name")?,
                    client: ClientId(row.try_get("client_id")?),
                    client_name: row.try_get("client_name")?,
                    state: read("campaign state", &row.try_get::<String>("state")?)?,
                    endpoint: row.try_get("endpoint")?,
                })
            })
            .collect()
    }
}

async fn campaign_row(db: &mut Db<'_>, campaign: &NewCampaign) -> Result<u32, StoreError> {
    if let Some(row) = CLIENT_OF.bind(&campaign.name).fetch_optional(db).await? {
        let was: String = row.try_get(0)?;
        if was != campaign.client && row.try_get(1)? {
            let (campaign, name) = (campaign.name.clone(), campaign.client.clone());
            return Err(StoreError::OtherClient { campaign, was, name });
        }
    }
    ADD_CLIENT.bind(&campaign.client).execute(db).await?;
    if let Some(endpoint) = &campaign.endpoint {
        ADD_ENDPOINT.bind(endpoint).execute(db).await?;
    }
    SET_CAMPAIGN
        .bind(&campaign.name)
        .bind(&campaign.client)
        .bind(campaign.endpoint.as_ref())
        .bind(word(&CampaignState::Stopped))
        .execute(db)
        .await?;
    CAMPAIGN.bind(&campaign.name).fetch_one(db).await?.try_get(0)
}

async fn caller_ids(db: &mut Db<'_>, id: u32, campaign: &NewCampaign) -> Result<(), StoreError> {
    FORGET_CALLER_IDS.bind(id).execute(db).await?;
    for (position, number) in (0_u32..).zip(&campaign.caller_ids) {
        ADD_CALLER_ID.bind(id).bind(position).bind(number.reveal()).execute(db).await?;
    }
    Ok(())
}

/// Rewrites the list; a disposition that left it keeps its row, for the calls that were given it.
async fn dispositions(db: &mut Db<'_>, id: u32, campaign: &NewCampaign) -> Result<(), StoreError> {
    UNLIST_DISPOSITIONS.bind(id).execute(db).await?;
    for (position, disposition) in (0_u32..).zip(&campaign.dispositions) {
        SET_DISPOSITION
            .bind(id)
            .bind(&disposition.code)
            .bind(position)
            .bind(&disposition.label)
            .bind(word(&disposition.class))
            .execute(db)
            .await?;
    }
    Ok(())
}
