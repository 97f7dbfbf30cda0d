//! Agents, and persons who must not be called.

use std::collections::{BTreeMap, BTreeSet};

use super::audit::chain::Notes;
use super::audit::{Kind, said};
use super::backend::{Db, Row, both, each, statements};
use super::consent::take_back;
use super::seal::Seals;
use super::text::{at, json, read_agent_state, read_scope, scope, some_at};
use super::{
    AgentRow, DncScope, DoNotCallRow, Ha1, NewAgent, NewDoNotCall, PAGE_MAX, Shared, Store,
    StoreError, Write, next_id, write,
};
use crate::units::{AgentId, CampaignId, Number, PersonId, Wall};

/// Writes wishes down; each row of them once.
macro_rules! add_wishes {
    ($wishes:literal) => {
        concat!(
            "insert into do_not_call (person_id, scope, scope_id, reason, source, at, until_at)
             select p.id, j.value ->> 1, cast(j.value ->> 2 as bigint), j.value ->> 3,
               j.value ->> 4, cast(j.value ->> 5 as bigint), cast(j.value ->> 6 as bigint)
             from ",
            $wishes,
            " cross join person p where p.fingerprint = j.value ->> 0
             on conflict (person_id, scope, scope_id) do update set reason = excluded.reason,
               source = excluded.source, at = excluded.at,
               until_at = case when excluded.until_at < do_not_call.until_at
                 then do_not_call.until_at else excluded.until_at end
             where do_not_call.until_at is not null
             returning person_id, scope, scope_id, reason, source, at, until_at"
        )
    };
}

/// Of wishes that later ones replace it is kept from when to when they stood.
macro_rules! keep_wishes {
    ($wishes:literal) => {
        concat!(
            "insert into past_wish (person_id, scope, scope_id, reason, source, at, until_at)
             select d.person_id, d.scope, d.scope_id, d.reason, d.source, d.at, d.until_at from ",
            $wishes,
            " cross join person p cross join do_not_call d
             where p.fingerprint = j.value ->> 0 and d.person_id = p.id
               and d.scope = j.value ->> 1 and d.scope_id = cast(j.value ->> 2 as bigint)
               and d.at < cast(j.value ->> 5 as bigint) and d.until_at is not null
             on conflict do nothing"
        )
    };
}

/// Every number of the contacts that share one of some, or did before they were erased: whoever
/// has several is one consumer. `cross join` holds SQLite to the order written: it would read all
/// numbers there are.
macro_rules! consumers {
    ($fingerprints:literal) => {
        concat!(
            "with said as (select id from person where fingerprint in (select value from ",
            $fingerprints,
            "))
             select id from said
             union
             select o.person_id from said p cross join number n cross join number o
             where n.person_id = p.id and o.contact_id = n.contact_id
             union
             select o.person_id from said p cross join erased_number e cross join erased_number o
             where e.person_id = p.id and o.contact_id = e.contact_id"
        )
    };
}

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
    /// A wish or a right needs the fingerprint only: the digits of a stranger are not kept.
    ADD_PERSONS = each(
        "insert into person (id, fingerprint)
         select value ->> 0, value ->> 1 from json_each($1) where true
         on conflict (fingerprint) do nothing",
        "insert into person (id, fingerprint)
         select cast(value ->> 0 as bigint), value ->> 1
         from jsonb_array_elements(cast($1 as jsonb))
         on conflict (fingerprint) do nothing",
    );
    /// The same of one wish of a person-slot.
    KEEP_WISH = both(
        "insert into past_wish (person_id, scope, scope_id, reason, source, at, until_at)
         select person_id, scope, scope_id, reason, source, at, until_at from do_not_call
         where person_id = $1 and scope = $2 and scope_id = $3 and at < $4
           and until_at is not null
         on conflict do nothing",
    );
    KEEP_WISHES = each(
        keep_wishes!("json_each($1) j"),
        keep_wishes!("jsonb_array_elements(cast($1 as jsonb)) j (value)"),
    );
    ADD_WISHES = each(
        add_wishes!("json_each($1) j"),
        add_wishes!("jsonb_array_elements(cast($1 as jsonb)) j (value)"),
    );
    CONSUMERS = each(
        consumers!("json_each($1)"),
        consumers!("jsonb_array_elements_text(cast($1 as jsonb)) j (value)"),
    );
    WISHES = both(
        "select d.*, n.e164, n.key as digits_key from do_not_call d
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
        "select d.*, n.e164, n.key as digits_key from do_not_call d
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
    /// reach the one that ends later stands. Gives the person-slots of the consumers, each once.
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
        let persons = add_wishes(&mut db, notes, &self.shared, wishes).await?;
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
        rows.iter().map(|row| wish_row(&self.shared.seals, row)).collect()
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
        rows.iter().map(|row| wish_row(&self.shared.seals, row)).collect()
    }
}

/// Makes person-slots for fingerprints that have none; gives the fingerprints as second of each row
/// of a JSON array, in their order.
pub(super) async fn add_persons<'f>(
    db: &mut Db<'_>,
    node: u16,
    fingerprints: impl Iterator<Item = &'f str>,
) -> Result<String, StoreError> {
    let first = next_id(db, HIGHEST_PERSON, node).await?;
    let persons = json(&(first..).zip(fingerprints).collect::<Vec<_>>());
    ADD_PERSONS.bind(&persons).execute(db).await?;
    Ok(persons)
}

/// Keeps what a new wish of a person is about to replace.
pub(super) async fn keep_wish(
    db: &mut Db<'_>,
    person: i64,
    (word, id): (&str, u32),
    moment: Wall,
) -> Result<(), StoreError> {
    KEEP_WISH.bind(person).bind(word).bind(id).bind(at(moment)).execute(db).await.map(drop)
}

/// Adds wishes; gives the person-slots of the consumers, each once.
pub(super) async fn add_wishes(
    db: &mut Db<'_>,
    notes: &mut Notes,
    shared: &Shared,
    wishes: &[NewDoNotCall],
) -> Result<Vec<PersonId>, StoreError> {
    let prints = wishes.iter().map(|wish| shared.fingerprints.of(&wish.number));
    let prints: Vec<String> = prints.collect();
    add_persons(db, shared.node, prints.iter().map(String::as_str)).await?;
    let mut rest: Vec<_> = prints.iter().map(String::as_str).zip(wishes).collect();
    while !rest.is_empty() {
        // A statement can change a row only once.
        let mut reached = BTreeSet::new();
        let first =
            |(print, wish): &(_, &NewDoNotCall)| reached.insert((*print, scope(wish.scope)));
        let (once, again): (Vec<_>, Vec<_>) = rest.into_iter().partition(first);
        write_wishes(db, notes, once).await?;
        rest = again;
    }
    // Whoever wants no call for a time only takes back nothing that gave the right to.
    let lasting = prints.iter().zip(wishes).filter(|(_, wish)| wish.until.is_none());
    let lasting = lasting.map(|(print, wish)| (print.as_str(), wish.scope, wish.at, &*wish.source));
    take_back(db, notes, lasting).await?;
    let rows = CONSUMERS.bind(json(&prints)).fetch_all(db).await?;
    let person = |row: &Row| Ok(PersonId(row.try_get::<i64>(0)?.cast_unsigned()));
    let persons: Result<BTreeSet<_>, StoreError> = rows.iter().map(person).collect();
    Ok(persons?.into_iter().collect())
}

/// Writes wishes down of different numbers or reaches, whose person-slots are there.
async fn write_wishes(
    db: &mut Db<'_>,
    notes: &mut Notes,
    wishes: Vec<(&str, &NewDoNotCall)>,
) -> Result<(), StoreError> {
    let row = |(print, wish): (&str, &NewDoNotCall)| {
        let (word, id) = scope(wish.scope);
        let (reason, source) = (wish.reason.clone(), wish.source.clone());
        (print.to_owned(), word, id, reason, source, at(wish.at), some_at(wish.until))
    };
    let rows = json(&wishes.into_iter().map(row).collect::<Vec<_>>());
    KEEP_WISHES.bind(&rows).execute(db).await?;
    for row in ADD_WISHES.bind(rows).fetch_all(db).await? {
        let (word, id): (String, i64) = (row.try_get(1)?, row.try_get(2)?);
        let (reason, source): (String, String) = (row.try_get(3)?, row.try_get(4)?);
        let words = notes.of_words(&said::wish_words(&reason, &source));
        let said = said::wish((&word, id), row.try_get(6)?, words);
        notes.add(Wall::micros(row.try_get(5)?), Kind::Wish, row.try_get(0)?, &said);
    }
    Ok(())
}

fn wish_row(seals: &Seals, row: &Row) -> Result<DoNotCallRow, StoreError> {
    Ok(DoNotCallRow {
        person: PersonId(row.try_get::<i64>("person_id")?.cast_unsigned()),
        number: seals.digits(row)?,
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
