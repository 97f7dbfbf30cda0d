//! Agents, and persons who must not be called.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _};

use super::text::{at, read_agent_state, read_scope, scope, some_at};
use super::{Sqlite, next_id};
use crate::store::{AgentRow, DoNotCallRow, Ha1, NewAgent, NewDoNotCall, StoreError};
use crate::units::{AgentId, CampaignId, Number, Wall};

impl Sqlite {
    pub(in crate::store) async fn set_agent(
        &self,
        agent: &NewAgent,
    ) -> Result<AgentId, StoreError> {
        let mut writer = self.writer().await;
        let mut db = writer.begin_with("begin immediate").await?;
        sqlx::query(
            "insert into agent (id, name, ha1_md5, ha1_sha256, contact_uri, state, state_at)
             select coalesce(max(id), 0) + 1, $1, $2, $3, $4, 'logged_out', 0
             from agent where true
             on conflict (name) do update set contact_uri = excluded.contact_uri,
               removed = false,
               ha1_md5 = coalesce(excluded.ha1_md5, ha1_md5),
               ha1_sha256 = coalesce(excluded.ha1_sha256, ha1_sha256)",
        )
        .bind(&agent.name)
        .bind(agent.ha1.as_ref().map(|ha1| &ha1.md5))
        .bind(agent.ha1.as_ref().map(|ha1| &ha1.sha256))
        .bind(agent.contact_uri.as_ref())
        .execute(&mut *db)
        .await?;
        let id = sqlx::query_scalar("select id from agent where name = $1").bind(&agent.name);
        let id: u32 = id.fetch_one(&mut *db).await?;
        sqlx::query("delete from agent_campaign where agent_id = $1")
            .bind(id)
            .execute(&mut *db)
            .await?;
        for (position, campaign) in (0_u32..).zip(&agent.campaigns) {
            sqlx::query(
                "insert into agent_campaign (agent_id, position, campaign_id) values ($1, $2, $3)",
            )
            .bind(id)
            .bind(position)
            .bind(campaign.0)
            .execute(&mut *db)
            .await?;
        }
        if let Some(skills) = &agent.skills {
            sqlx::query("delete from agent_skill where agent_id = $1")
                .bind(id)
                .execute(&mut *db)
                .await?;
            for skill in skills {
                sqlx::query(
                    "insert into agent_skill (agent_id, skill) values ($1, $2)
                     on conflict (agent_id, skill) do nothing",
                )
                .bind(id)
                .bind(skill)
                .execute(&mut *db)
                .await?;
            }
        }
        db.commit().await?;
        Ok(AgentId(id))
    }

    pub(in crate::store) async fn remove_agent(&self, agent: AgentId) -> Result<(), StoreError> {
        let mut writer = self.writer().await;
        let mut db = writer.begin_with("begin immediate").await?;
        sqlx::query(
            "delete from agent_campaign where agent_id = $1;
             delete from agent_skill where agent_id = $1;
             update agent set removed = true, contact_uri = null, ha1_md5 = null,
               ha1_sha256 = null where id = $1",
        )
        .bind(agent.0)
        .execute(&mut *db)
        .await?;
        db.commit().await?;
        Ok(())
    }

    pub(in crate::store) async fn agents(&self) -> Result<Vec<AgentRow>, StoreError> {
        let mut db = self.readers.begin().await?;
        let members: Vec<(u32, u32)> = sqlx::query_as(
            "select agent_id, campaign_id from agent_campaign order by agent_id, position",
        )
        .fetch_all(&mut *db)
        .await?;
        let mut campaigns: BTreeMap<u32, Vec<CampaignId>> = BTreeMap::new();
        for (agent, campaign) in members {
            campaigns.entry(agent).or_default().push(CampaignId(campaign));
        }
        let able: Vec<(u32, String)> =
            sqlx::query_as("select agent_id, skill from agent_skill order by agent_id, skill")
                .fetch_all(&mut *db)
                .await?;
        let mut skills: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for (agent, skill) in able {
            skills.entry(agent).or_default().push(skill);
        }
        let rows = sqlx::query("select * from agent where not removed order by name")
            .fetch_all(&mut *db)
            .await?;
        db.commit().await?;
        rows.iter()
            .map(|row| {
                let id = row.try_get("id")?;
                let campaigns = campaigns.remove(&id).unwrap_or_default();
                agent_row(row, campaigns, skills.remove(&id).unwrap_or_default())
            })
            .collect()
    }

    pub(in crate::store) async fn agent(&self, name: &str) -> Result<Option<AgentRow>, StoreError> {
        Ok(self.agents().await?.into_iter().find(|agent| agent.name == name))
    }

    pub(in crate::store) async fn add_do_not_call(
        &self,
        wish: &NewDoNotCall,
    ) -> Result<(), StoreError> {
        let (word, id) = scope(wish.scope);
        let mut writer = self.writer().await;
        let mut db = writer.begin_with("begin immediate").await?;
        let person = next_id(&mut db, "person", self.shared.node).await?;
        // A wish needs the fingerprint only: the digits of a stranger are not kept.
        sqlx::query(
            "insert into person (id, fingerprint) values ($1, $2)
             on conflict (fingerprint) do nothing;
             insert into do_not_call (person_id, scope, scope_id, reason, source, at, until_at)
             select id, $3, $4, $5, $6, $7, $8 from person where fingerprint = $2
             on conflict (person_id, scope, scope_id) do update set reason = excluded.reason,
               source = excluded.source, at = excluded.at, until_at = excluded.until_at",
        )
        .bind(person)
        .bind(self.shared.fingerprints.of(&wish.number))
        .bind(word)
        .bind(id)
        .bind(&wish.reason)
        .bind(&wish.source)
        .bind(at(wish.at))
        .bind(some_at(wish.until))
        .execute(&mut *db)
        .await?;
        db.commit().await?;
        Ok(())
    }

    pub(in crate::store) async fn do_not_call(
        &self,
        number: &Number,
        now: Wall,
    ) -> Result<Vec<DoNotCallRow>, StoreError> {
        let rows = sqlx::query(
            "select d.* from do_not_call d join person p on p.id = d.person_id
             where p.fingerprint = $1 and (d.until_at is null or d.until_at > $2)
             order by d.at",
        )
        .bind(self.shared.fingerprints.of(number))
        .bind(at(now))
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(DoNotCallRow {
                    scope: read_scope(row.try_get("scope")?, row.try_get("scope_id")?)?,
                    reason: row.try_get("reason")?,
                    source: row.try_get("source")?,
                    at: Wall::micros(row.try_get("at")?),
                    until: row.try_get::<Option<i64>, _>("until_at")?.map(Wall::micros),
                })
            })
            .collect()
    }
}

fn agent_row(
    row: &SqliteRow,
    campaigns: Vec<CampaignId>,
    skills: Vec<String>,
) -> Result<AgentRow, StoreError> {
    let ha1 = Option::zip(row.try_get("ha1_md5")?, row.try_get("ha1_sha256")?);
    Ok(AgentRow {
        id: AgentId(row.try_get("id")?),
        name: row.try_get("name")?,
        ha1: ha1.map(|(md5, sha256)| Ha1 { md5, sha256 }),
        contact_uri: row.try_get("contact_uri")?,
        campaigns,
        skills,
        state: read_agent_state(row.try_get("state")?, row.try_get("state_subject")?)?,
        since: Wall::micros(row.try_get("state_at")?),
    })
}
