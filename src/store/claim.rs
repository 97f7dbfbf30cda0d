//! Leasing contacts to a hopper.

use std::collections::BTreeMap;

use super::backend::{Row, both, each, statements};
use super::text::{at, from_json, json, read};
use super::{CLAIM_MAX, Card, Claimed, Outlook, StoreError, consent};
use super::{IN_CALL, NEVER, Store};
use crate::core::fact::{Callback, Lead, LeadNumber, NumberClass, Supply};
use crate::core::rules::UNKNOWN_WAIT;
use crate::core::rules::consent::Right;
use crate::units::{
    AgentId, CampaignId, ContactId, ListId, Number, NumberId, PersonId, RouteGroup, Span,
    Territory, Wall, Zone,
};

/// Earlier attempts told with a number, as `LeadNumber::recent` has it.
const RECENT_MAX: u32 = 16;

/// Every person-slot behind some contacts, whether they hold its number or share another with a
/// contact of the same client that does.
macro_rules! behind {
    ($contacts:literal) => {
        concat!(
            "select distinct n.contact_id, o.person_id
             from number n
               join campaign c on c.id = $2
               join number m on m.person_id = n.person_id
               join campaign s on s.id = m.campaign_id and s.client_id = c.client_id
               join number o on o.contact_id = m.contact_id
             where n.contact_id in (",
            $contacts,
            ")"
        )
    };
}
pub(super) use behind;

/// Of attempts `a`, those that count as one: neither never placed, nor refused by a trunk before
/// they rang, which reach nobody.
macro_rules! reached {
    () => {
        "coalesce(a.ended_by, '') <> 'nobody'
           and not (a.ringing_at is null and a.answered_at is null
             and coalesce(a.ended_by, '') = 'carrier'
             and a.outcome in ('congestion', 'trunk_fault'))"
    };
}
pub(super) use reached;

/// The numbers of some contacts, with what the gate must know of their persons.
macro_rules! numbers_of {
    ($contacts:literal) => {
        concat!(
            "with behind as materialized (",
            behind!($contacts),
            ") select n.id, n.contact_id, n.person_id, n.zone, n.class, n.territory,
               n.invalid, p.e164,
               exists (select 1 from behind b
                 join do_not_call d on d.person_id = b.person_id
                 where b.contact_id = n.contact_id and (d.until_at is null or d.until_at > $3)
                   and (d.scope = 'everyone'
                     or d.scope = 'campaign' and d.scope_id = n.campaign_id
                     or d.scope = 'client' and d.scope_id = c.client_id)) as do_not_call,
               (select max(a.ended_at) from attempt a
                 where a.person_id = n.person_id and a.client_id = c.client_id
                   and a.outcome = 'abandoned') as abandoned_at,
               (select max(a.qualified_at) from behind b
                 join attempt a on a.person_id = b.person_id and a.client_id = c.client_id
                 join disposition d
                   on d.campaign_id = a.campaign_id and d.code = a.disposition_code
                 where b.contact_id = n.contact_id
                   and d.class = 'argued_negative') as refused_at
             from number n
               join campaign c on c.id = $2
               left join person_personal p on p.person_id = n.person_id
             where n.contact_id in (",
            $contacts,
            ") order by n.contact_id, n.position"
        )
    };
}

/// When the persons behind some contacts were tried lately for the campaign's client.
macro_rules! recent_of {
    ($contacts:literal) => {
        concat!(
            "select contact_id, opened_at from (
               select b.contact_id, a.opened_at, row_number() over (
                 partition by b.contact_id order by a.opened_at desc) as back
               from (",
            behind!($contacts),
            ") b
                 join campaign c on c.id = $2
                 join attempt a on a.person_id = b.person_id and a.client_id = c.client_id
               where ",
            reached!(),
            ") as tried where back <= $3 order by contact_id, opened_at"
        )
    };
}

statements! {
    RELEASE = each(
        "update contact set free_at = next_at
         where id in (select value from json_each($1))
           and state = 'open' and open_call_id is null
           and lease_epoch = (select owner_epoch from campaign where id = campaign_id)",
        "update contact set free_at = next_at
         where id in (select cast(value as bigint)
             from jsonb_array_elements_text(cast($1 as jsonb)))
           and state = 'open' and open_call_id is null
           and lease_epoch = (select owner_epoch from campaign where id = campaign_id)",
    );
    LEASE = each(
        "update contact set free_at = $4,
           lease_epoch = (select owner_epoch from campaign where id = $1)
         where id in (
           select id from contact where campaign_id = $1 and free_at <= $3
           order by turn, free_at, id limit $2)
         returning *, (select name from contact_personal where contact_id = id) as name,
           (select fields from contact_personal where contact_id = id) as fields",
        "update contact set free_at = $4,
           lease_epoch = (select owner_epoch from campaign where id = $1)
         where id in (
           select id from contact where campaign_id = $1 and free_at <= $3
           order by turn, free_at, id limit $2 for update skip locked)
         returning *, (select name from contact_personal where contact_id = id) as name,
           (select fields from contact_personal where contact_id = id) as fields",
    );
    NEXT_RULE = both(
        "select r.rule, r.law from contact k
           join rule_refusal r
             on r.contact_id = k.id and coalesce(r.until_at, r.at + $3) = k.free_at
         where k.campaign_id = $1 and k.free_at = $2 order by r.at desc limit 1",
    );
    SUPPLY = both(
        "select count(*) filter (where free_at <= $2),
           count(*) filter (where free_at > $2 and free_at < $3),
           min(free_at) filter (where free_at > $2 and free_at < $4)
         from contact where campaign_id = $1",
    );
    NUMBERS = each(
        numbers_of!("select value from json_each($1)"),
        numbers_of!(
            "select cast(value as bigint) from jsonb_array_elements_text(cast($1 as jsonb))"
        ),
    );
    RECENT = each(
        recent_of!("select value from json_each($1)"),
        recent_of!(
            "select cast(value as bigint) from jsonb_array_elements_text(cast($1 as jsonb))"
        ),
    );
    CARD = both(
        "select k.*, p.name, p.fields
         from contact k left join contact_personal p on p.contact_id = k.id where k.id = $1",
    );
    DIGITS = both(
        "select p.e164 from number n join person_personal p on p.person_id = n.person_id
         where n.id = $1",
    );
}

impl Store {
    /// Leases up to `count` due contacts (at most [`CLAIM_MAX`]) until `now + lease`: promised
    /// callbacks first, then by priority, due time and id.
    ///
    /// Contacts in a call and leased ones are never given. A number under a do-not-call wish is
    /// given with its flag, so that the gate refuses it once, by its rule, on the record.
    ///
    /// # Errors
    /// The database failed.
    pub async fn claim(
        &self,
        campaign: CampaignId,
        count: u32,
        lease: Span,
        now: Wall,
    ) -> Result<Claimed, StoreError> {
        let mut leased = self.lease(campaign, count.min(CLAIM_MAX), lease, now).await?;
        leased.sort_unstable_by_key(|row| row.order);
        let ids: Vec<i64> = leased.iter().map(|row| row.card.contact.0.cast_signed()).collect();
        let mut claimed =
            Claimed { supply: self.supply(campaign, now, NEVER).await?, ..Claimed::default() };
        let mut numbers = self.numbers(&json(&ids), campaign, now, &mut claimed.digits).await?;
        for row in leased {
            let contact = row.card.contact;
            claimed.leads.push(row.lead(numbers.remove(&contact).unwrap_or_default()));
            claimed.cards.insert(contact, row.card);
        }
        Ok(claimed)
    }

    /// Gives leased contacts back untouched.
    ///
    /// # Errors
    /// The database failed.
    pub async fn release(&self, contacts: &[ContactId]) -> Result<(), StoreError> {
        let ids: Vec<i64> = contacts.iter().map(|contact| contact.0.cast_signed()).collect();
        let mut writer = self.writer().await;
        RELEASE.bind(json(&ids)).execute(&mut writer.db().await?).await?;
        Ok(())
    }

    /// Leases the contacts in one statement, so that no two claims can give the same one.
    async fn lease(
        &self,
        campaign: CampaignId,
        count: u32,
        lease: Span,
        now: Wall,
    ) -> Result<Vec<Leased>, StoreError> {
        let lease = LEASE.bind(campaign.0).bind(count).bind(at(now)).bind(at(now + lease));
        let mut writer = self.writer().await;
        let rows = lease.fetch_all(&mut writer.db().await?).await?;
        rows.iter().map(leased).collect()
    }

    /// Tells what a campaign's list still holds and what makes its next contact wait.
    ///
    /// # Errors
    /// The database failed.
    pub async fn outlook(&self, campaign: CampaignId, now: Wall) -> Result<Outlook, StoreError> {
        let supply = self.supply(campaign, now, IN_CALL).await?;
        let wait = UNKNOWN_WAIT.as_micros().cast_signed();
        let rule = NEXT_RULE.bind(campaign.0).bind(supply.next_due.map(at)).bind(wait);
        let rule = rule.fetch_optional(&mut self.reader().await?.db()).await?;
        let next_rule = rule.as_ref().map(|row| row.try_get(0)).transpose()?;
        let next_law = rule.as_ref().map(|row| row.try_get(1)).transpose()?.flatten();
        Ok(Outlook { supply, next_rule, next_law })
    }

    /// Counts what the list still holds, out of the index alone. Contacts in a call are waiting
    /// without a due time: they are counted before [`NEVER`] and not before [`IN_CALL`].
    async fn supply(
        &self,
        campaign: CampaignId,
        now: Wall,
        before: i64,
    ) -> Result<Supply, StoreError> {
        let supply = SUPPLY.bind(campaign.0).bind(at(now)).bind(before).bind(IN_CALL);
        let row = supply.fetch_one(&mut self.reader().await?.db()).await?;
        Ok(Supply {
            due: row.try_get::<i64>(0)?.cast_unsigned(),
            waiting: row.try_get::<i64>(1)?.cast_unsigned(),
            next_due: row.try_get::<Option<i64>>(2)?.map(Wall::micros),
        })
    }

    /// Reads the numbers of some contacts, with what the gate must know of their persons.
    pub(super) async fn numbers(
        &self,
        contacts: &str,
        campaign: CampaignId,
        now: Wall,
        digits: &mut BTreeMap<NumberId, Number>,
    ) -> Result<BTreeMap<ContactId, Vec<LeadNumber>>, StoreError> {
        let recent = self.recent(contacts, campaign).await?;
        let rights = self.rights(contacts, campaign).await?;
        let numbers = NUMBERS.bind(contacts).bind(campaign.0).bind(at(now));
        let rows = numbers.fetch_all(&mut self.reader().await?.db()).await?;
        let mut numbers: BTreeMap<ContactId, Vec<LeadNumber>> = BTreeMap::new();
        for row in &rows {
            let (contact, mut number) = lead_number(row, digits)?;
            number.recent = recent.get(&contact).cloned().unwrap_or_default();
            number.rights = rights.get(&number.person).cloned().unwrap_or_default();
            numbers.entry(contact).or_default().push(number);
        }
        Ok(numbers)
    }

    /// Reads when the persons behind some contacts were tried lately for the campaign's client;
    /// attempts that were never placed, or that a trunk refused before they rang, reached nobody.
    async fn recent(
        &self,
        contacts: &str,
        campaign: CampaignId,
    ) -> Result<BTreeMap<ContactId, Vec<Wall>>, StoreError> {
        let recent = RECENT.bind(contacts).bind(campaign.0).bind(RECENT_MAX);
        let rows = recent.fetch_all(&mut self.reader().await?.db()).await?;
        let mut recent: BTreeMap<ContactId, Vec<Wall>> = BTreeMap::new();
        for row in rows {
            let contact = ContactId(row.try_get::<i64>(0)?.cast_unsigned());
            recent.entry(contact).or_default().push(Wall::micros(row.try_get(1)?));
        }
        Ok(recent)
    }

    /// Reads what gives the campaign's client the right to call the persons behind some contacts.
    async fn rights(
        &self,
        contacts: &str,
        campaign: CampaignId,
    ) -> Result<BTreeMap<PersonId, Vec<Right>>, StoreError> {
        let rows = consent::rights(contacts, campaign.0);
        let rows = rows.fetch_all(&mut self.reader().await?.db()).await?;
        let mut rights: BTreeMap<PersonId, Vec<Right>> = BTreeMap::new();
        for row in &rows {
            let (person, right) = consent::right(row)?;
            rights.entry(person).or_default().extend(right);
        }
        Ok(rights)
    }

    /// Gives a contact's card.
    ///
    /// # Errors
    /// The database failed.
    pub async fn card(&self, contact: ContactId) -> Result<Option<Card>, StoreError> {
        let row = CARD.bind(contact.0.cast_signed());
        let row = row.fetch_optional(&mut self.reader().await?.db()).await?;
        row.as_ref().map(card).transpose()
    }

    /// Gives the digits of a number.
    ///
    /// # Errors
    /// The database failed.
    pub async fn digits(&self, number: NumberId) -> Result<Option<Number>, StoreError> {
        let row = DIGITS.bind(number.0.cast_signed());
        let row = row.fetch_optional(&mut self.reader().await?.db()).await?;
        let text: Option<String> = row.map(|row| row.try_get(0)).transpose()?;
        Ok(text.and_then(|text| Number::new(&text).ok()))
    }
}

/// A contact as it is leased.
pub(super) struct Leased {
    order: (i64, i64, ContactId),
    pub(super) card: Card,
    faults: u32,
    next_number: Option<NumberId>,
    owner: Option<AgentId>,
    list: Option<ListId>,
}

impl Leased {
    /// Gives what the gate is asked about, with the contact's numbers.
    pub(super) fn lead(&self, numbers: Vec<LeadNumber>) -> Lead {
        Lead {
            contact: self.card.contact,
            numbers,
            attempts: self.card.attempts,
            faults: self.faults,
            next_number: self.next_number,
            callback: self.card.callback,
            owner: self.owner,
            list: self.list,
        }
    }
}

/// Reads a row of contact, with the name and fields of its card.
pub(super) fn leased(row: &Row) -> Result<Leased, StoreError> {
    let card = card(row)?;
    let next: Option<i64> = row.try_get("next_number_id")?;
    let list: Option<i64> = row.try_get("list_import_id")?;
    Ok(Leased {
        order: (row.try_get("turn")?, row.try_get("next_at")?, card.contact),
        faults: row.try_get("faults")?,
        next_number: next.map(|id| NumberId(id.cast_unsigned())),
        owner: row.try_get::<Option<u32>>("owner_agent_id")?.map(AgentId),
        list: list.map(|id| ListId(id.cast_unsigned())),
        card,
    })
}

pub(super) fn card(row: &Row) -> Result<Card, StoreError> {
    let fields: Option<String> = row.try_get("fields")?;
    let agent: Option<u32> = row.try_get("callback_agent_id")?;
    let callback: Option<i64> = row.try_get("callback_at")?;
    Ok(Card {
        contact: ContactId(row.try_get::<i64>("id")?.cast_unsigned()),
        campaign: CampaignId(row.try_get("campaign_id")?),
        external_id: row.try_get("external_id")?,
        name: row.try_get("name")?,
        fields: fields
            .map(|fields| from_json("contact's fields", &fields))
            .transpose()?
            .unwrap_or_default(),
        attempts: row.try_get("attempts")?,
        callback: callback
            .map(|micros| Callback { at: Wall::micros(micros), agent: agent.map(AgentId) }),
        done: row.try_get::<String>("state")? == "done",
    })
}

/// Reads a number. One whose digits were erased, or whose row cannot be read, is given as
/// invalid, so that the gate closes it instead of the campaign standing still.
fn lead_number(
    row: &Row,
    digits: &mut BTreeMap<NumberId, Number>,
) -> Result<(ContactId, LeadNumber), StoreError> {
    let id = |column| row.try_get::<i64>(column).map(i64::cast_unsigned);
    let number = NumberId(id("id")?);
    let zone = Zone::new(&row.try_get::<String>("zone")?);
    let class = read::<NumberClass>("number class", &row.try_get::<String>("class")?);
    let territory: Option<String> = row.try_get("territory")?;
    let territory = territory.map(|code| Territory::new(&code)).transpose();
    let e164: Option<String> = row.try_get("e164")?;
    let e164 = e164.and_then(|text| Number::new(&text).ok());
    let unusable = zone.is_err() || class.is_err() || territory.is_err() || e164.is_none();
    if let Some(e164) = e164 {
        digits.insert(number, e164);
    }
    let lead = LeadNumber {
        number,
        person: PersonId(id("person_id")?),
        zone: zone
            .or_else(|_| Zone::new("Etc/UTC"))
            .map_err(|_| StoreError::Corrupt { what: "zone", value: number.to_string() })?,
        territory: territory.ok().flatten(),
        class: class.unwrap_or(NumberClass::Other),
        group: RouteGroup::DEFAULT,
        recent: Vec::new(),
        rights: Vec::new(),
        abandoned: row.try_get::<Option<i64>>("abandoned_at")?.map(Wall::micros),
        refused: row.try_get::<Option<i64>>("refused_at")?.map(Wall::micros),
        invalid: unusable || row.try_get("invalid")?,
        do_not_call: row.try_get("do_not_call")?,
    };
    Ok((ContactId(id("contact_id")?), lead))
}
