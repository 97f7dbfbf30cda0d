//! Agents, and persons who must not be called.

use std::collections::BTreeMap;

use super::audit::chain::Notes;
use super::audit::{Kind, said};
use super::backend::{Db, Row, both, statements};
use super::consent::take_back;
use super::text::{at, read_agent_state, read_scope, scope, some_at};
use super::{
    AgentRow, DncScope, DoNotCallRow, Ha1, NewAgent, NewDoNotCall, PAGE_MAX, Shared, Store,
    StoreError, Write, next_id, write,
};
use crate::units::{AgentId, CampaignId, Number, PersonId, Wall};

statements! {
    SET_AGENT = both(
        "insert into agent (id, name, ha1_md5, ha1_sha256, contact_uri, state, state_at)
         select coalesce(max(id), 0) + 1, $1, $2, $3, $4, 'logged_out', 0
         from agent where true
         on conflict (name) do update set contact_uri = excluded.contact_uri,
           removed = false,
           ha1_md5 = coalesce(excluded.ha1_md5, agent.ha1_md5),
           ha1_sha256 = coalesce(excluded.ha1_sha256, agent.ha1_sha256)",
    );
    AGENT = both("select id from agent where name = $1");
    LEAVE_CAMPAIGNS = both("delete from agent_campaign where agent_id = $1");
    SERVE_CAMPAIGN = both(
        "insert into agent_campaign (agent_id, position, campaign_id) values ($1, $2, $3)",
    );
    FORGET_SKILLS = both("delete from agent_skill where agent_id = $1");
    ADD_SKILL = both(
        "insert into agent_skill (agent_id, skill) values ($1, $2)
         on conflict (agent_id, skill) do nothing",
    );
    REMOVE_AGENT = both(
        "update agent set removed = true, contact_uri = null, ha1_md5 = null, ha1_sha256 = null
         where id = $1",
    );
    MEMBERS = both(
        "select agent_id, campaign_id from agent_campaign order by agent_id, position",
    );
    SKILLS = both("select agent_id, skill from agent_skill order by agent_id, skill");
    AGENTS = both("select * from agent where not removed order by name");
    HIGHEST_PERSON = both("select max(id) from person where id between $1 and $2");
    /// A wish needs the fingerprint only: the digits of a stranger are not kept.
    ADD_PERSON = both(
        "insert into person (id, fingerprint) values ($1, $2) on conflict (fingerprint) do nothing",
    );
    ADD_WISH = both(
        "insert into do_not_call (person_id, scope, scope_id, reason, source, at, until_at)
         select id, $2, $3, $4, $5, $6, $7 from person where fingerprint = $1
         on conflict (person_id, scope, scope_id) do update set reason = excluded.reason,
           source = excluded.source, at = excluded.at,
           until_at = case when excluded.until_at < do_not_call.until_at
             then do_not_call.until_at else excluded.until_at end
         where do_not_call.until_at is not null
         returning person_id, until_at",
    );
    /// Every number of the contacts that share one: whoever has several is one consumer.
    CONSUMER = both(
        "select p.id from person p where p.fingerprint = $1
         union
         select o.person_id from person p
           join number n on n.person_id = p.id
           join number o on o.contact_id = n.contact_id
         where p.fingerprint = $1",
    );
    WISHES = both(
        "select d.*, n.e164 from do_not_call d
           join person p on p.id = d.person_id
           left join person_personal n on n.person_id = p.id
         where p.fingerprint = $1 and (d.until_at is null or d.until_at > $2)
         order by d.at",
    );
    /// A wish that ends keeps its row: that it was there can be told later.
    END_WISHES = both(
        "update do_not_call set until_at = $2
         where person_id = (select id from person where fingerprint = $1)
           and (until_at is null or until_at > $2)
           and ($3 = '' or scope = $3 and scope_id = $4)
         returning person_id, scope, scope_id, at, reason, source",
    );
    STANDING = both(
        "select d.*, n.e164 from do_not_call d
           left join person_personal n on n.person_id = d.person_id
         where (d.until_at is null or d.until_at > $1)
           and (d.person_id, d.scope, d.scope_id) > ($2, $3, $4)
         order by d.person_id, d.scope, d.scope_id limit $5",
    );
}

impl Store {
    /// Adds an agent, or changes the one of that name.
    ///
    /// # Errors
    /// A campaign does not exist, or the database failed.
    pub async fn set_agent(&self, agent: &NewAgent) -> Result<AgentId, StoreError> {
        let mut writer = self.writer().await;
        let mut transaction = writer.begin().await?;
        let mut db = transaction.db()?;
        SET_AGENT
            .bind(&agent.name)
            .bind(agent.ha1.as_ref().map(|ha1| &ha1.md5))
            .bind(agent.ha1.as_ref().map(|ha1| &ha1.sha256))
            .bind(agent.contact_uri.as_ref())
            .execute(&mut db)
            .await?;
        let id: u32 = AGENT.bind(&agent.name).fetch_one(&mut db).await?.try_get(0)?;
        LEAVE_CAMPAIGNS.bind(id).execute(&mut db).await?;
        for (position, campaign) in (0_u32..).zip(&agent.campaigns) {
            SERVE_CAMPAIGN.bind(id).bind(position).bind(campaign.0).execute(&mut db).await?;
        }
        if let Some(skills) = &agent.skills {
            FORGET_SKILLS.bind(id).execute(&mut db).await?;
            for skill in skills {
                ADD_SKILL.bind(id).bind(skill).execute(&mut db).await?;
            }
        }
        transaction.commit().await?;
        Ok(AgentId(id))
    }

    /// Removes an agent: he or she is listed no more and serves nothing; calls still name him or
    /// her. Adding the name again brings the same agent back.
    ///
    /// # Errors
    /// The database failed.
    pub async fn remove_agent(&self, agent: AgentId) -> Result<(), StoreError> {
        let mut writer = self.writer().await;
        let mut entry = writer.begin().await?;
        let (mut db, notes) = entry.parts()?;
        for forget in [LEAVE_CAMPAIGNS, FORGET_SKILLS, REMOVE_AGENT] {
            forget.bind(agent.0).execute(&mut db).await?;
        }
        write::apply(&mut db, notes, &self.shared, &Write::BindingGone(agent)).await?;
        entry.commit().await
    }

    /// Lists every agent by name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn agents(&self) -> Result<Vec<AgentRow>, StoreError> {
        let mut snapshot = self.readers.snapshot().await?;
        let mut db = snapshot.db();
        let mut campaigns: BTreeMap<u32, Vec<CampaignId>> = BTreeMap::new();
        for row in MEMBERS.query().fetch_all(&mut db).await? {
            let campaign = CampaignId(row.try_get(1)?);
            campaigns.entry(row.try_get(0)?).or_default().push(campaign);
        }
        let mut skills: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for row in SKILLS.query().fetch_all(&mut db).await? {
            skills.entry(row.try_get(0)?).or_default().push(row.try_get(1)?);
        }
        let rows = AGENTS.query().fetch_all(&mut db).await?;
        rows.iter()
            .map(|row| {
                let id = row.try_get("id")?;
                let campaigns = campaigns.remove(&id).unwrap_or_default();
                agent_row(row, campaigns, skills.remove(&id).unwrap_or_default())
            })
            .collect()
    }

    /// Finds an agent by name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn agent(&self, name: &str) -> Result<Option<AgentRow>, StoreError> {
        Ok(self.agents().await?.into_iter().find(|agent| agent.name == name))
    }

    /// Adds do-not-call wishes from outside a call, all or none; of two of the same number and
    /// reach the one that ends later stands. Gives the person-slots of the consumers.
    ///
    /// # Errors
    /// The database failed.
    pub async fn add_do_not_call(
        &self,
        wishes: &[NewDoNotCall],
    ) -> Result<Vec<PersonId>, StoreError> {
        let mut writer = self.writer().await;
        let mut entry = writer.begin().await?;
        let (mut db, notes) = entry.parts()?;
        let mut persons = Vec::with_capacity(wishes.len());
        for wish in wishes {
            persons.extend(add_wish(&mut db, notes, &self.shared, wish).await?);
        }
        entry.commit().await?;
        Ok(persons)
    }

    /// Ends the wishes that stand against a number, of one reach or of all; tells how many did.
    ///
    /// # Errors
    /// The database failed.
    pub async fn end_do_not_call(
        &self,
        number: &Number,
        reach: Option<DncScope>,
        now: Wall,
    ) -> Result<u64, StoreError> {
        let (word, id) = reach.map_or(("", 0), scope);
        let fingerprint = self.shared.fingerprints.of(number);
        let end = END_WISHES.bind(fingerprint).bind(at(now)).bind(word).bind(id);
        let mut writer = self.writer().await;
        let mut entry = writer.begin().await?;
        let (mut db, notes) = entry.parts()?;
        let ended = end.fetch_all(&mut db).await?;
        for row in &ended {
            let (reach, id): (String, i64) = (row.try_get(1)?, row.try_get(2)?);
            let (reason, source): (String, String) = (row.try_get(4)?, row.try_get(5)?);
            let words = notes.of_words(&said::wish_words(&reason, &source));
            let said = said::wish_end((&reach, id), row.try_get(3)?, words);
            notes.add(now, Kind::WishEnd, row.try_get(0)?, &said);
        }
        entry.commit().await?;
        Ok(ended.len() as u64)
    }

    /// Lists the wishes that stand against a number.
    ///
    /// # Errors
    /// The database failed.
    pub async fn do_not_call(
        &self,
        number: &Number,
        now: Wall,
    ) -> Result<Vec<DoNotCallRow>, StoreError> {
        let wishes = WISHES.bind(self.shared.fingerprints.of(number)).bind(at(now));
        let rows = wishes.fetch_all(&mut self.reader().await?.db()).await?;
        rows.iter().map(wish_row).collect()
    }

    /// Lists the wishes that stand, at most `limit` behind another one, in the order of persons.
    ///
    /// # Errors
    /// The database failed.
    pub async fn do_not_calls(
        &self,
        after: Option<(PersonId, DncScope)>,
        limit: u32,
        now: Wall,
    ) -> Result<Vec<DoNotCallRow>, StoreError> {
        let person = after.map_or(-1, |(person, _)| person.0.cast_signed());
        let (word, id) = after.map_or(("", 0), |(_, reach)| scope(reach));
        let page = STANDING.bind(at(now)).bind(person).bind(word).bind(id);
        let rows = page.bind(limit.min(PAGE_MAX));
        let rows = rows.fetch_all(&mut self.reader().await?.db()).await?;
        rows.iter().map(wish_row).collect()
    }
}

/// Adds one wish; gives the person-slots of the consumer.
pub(super) async fn add_wish(
    db: &mut Db<'_>,
    notes: &mut Notes,
    shared: &Shared,
    wish: &NewDoNotCall,
) -> Result<Vec<PersonId>, StoreError> {
    let (word, id) = scope(wish.scope);
    let person = next_id(db, HIGHEST_PERSON, shared.node).await?;
    let fingerprint = shared.fingerprints.of(&wish.number);
    ADD_PERSON.bind(person).bind(&fingerprint).execute(db).await?;
    let rows = ADD_WISH
        .bind(&fingerprint)
        .bind(word)
        .bind(id)
        .bind(&wish.reason)
        .bind(&wish.source)
        .bind(at(wish.at))
        .bind(some_at(wish.until))
        .fetch_all(db)
        .await?;
    for row in rows {
        let words = notes.of_words(&said::wish_words(&wish.reason, &wish.source));
        let said = said::wish((word, id.into()), row.try_get(1)?, words);
        notes.add(wish.at, Kind::Wish, row.try_get(0)?, &said);
    }
    // Whoever wants no call for a time only takes back nothing that gave the right to.
    if wish.until.is_none() {
        take_back(db, notes, (&fingerprint, wish.scope), wish.at, &wish.source).await?;
    }
    let rows = CONSUMER.bind(fingerprint).fetch_all(db).await?;
    rows.iter().map(|row| Ok(PersonId(row.try_get::<i64>(0)?.cast_unsigned()))).collect()
}

fn wish_row(row: &Row) -> Result<DoNotCallRow, StoreError> {
    let e164: Option<String> = row.try_get("e164")?;
    Ok(DoNotCallRow {
        person: PersonId(row.try_get::<i64>("person_id")?.cast_unsigned()),
        number: e164.and_then(|text| Number::new(&text).ok()),
        scope: read_scope(&row.try_get::<String>("scope")?, row.try_get("scope_id")?)?,
        reason: row.try_get("reason")?,
        source: row.try_get("source")?,
        at: Wall::micros(row.try_get("at")?),
        until: row.try_get::<Option<i64>>("until_at")?.map(Wall::micros),
    })
}

fn agent_row(
    row: &Row,
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
        state: read_agent_state(&row.try_get::<String>("state")?, row.try_get("state_subject")?)?,
        since: Wall::micros(row.try_get("state_at")?),
    })
}
