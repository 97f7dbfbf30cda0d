//! Where contacts stand: what makes each wait, so that who asks why nothing is dialled can be told.

use std::collections::BTreeMap;

use super::backend::{Row, both, each, statements};
use super::claim::{latest, leased};
use super::text::{at, json, read, read_some};
use super::{IN_CALL, Store, StoreError};
use crate::core::fact::Lead;
use crate::core::order::DoneReason;
use crate::core::rules::law::LawId;
use crate::core::rules::{Refusal, RuleId, UNKNOWN_WAIT};
use crate::units::{
    CallId, CampaignId, ContactId, Number, NumberId, PersonId, Territory, Wall, Zone,
};

/// Contacts told of one number or reference at most: a live one is in a few campaigns.
pub const STANDINGS_MAX: u32 = 20;

/// A contact with what the gate must know of it, and what it waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Its campaign.
    pub campaign: CampaignId,
    /// What the gate is asked about; its numbers' route groups are the usual one.
    pub lead: Lead,
    /// The digits of its numbers; those that were erased are missing.
    pub digits: BTreeMap<NumberId, Number>,
    /// The CRM's own id.
    pub external_id: Option<String>,
    /// Why it is closed, if it is.
    pub done: Option<DoneReason>,
    /// The call it is in or is being written up of.
    pub in_call: Option<CallId>,
    /// The last attempt.
    pub last_call: Option<CallId>,
    /// When it is due.
    pub due: Wall,
    /// The rule that put it off until then, and the number it was asked about, if a rule did.
    pub put_off: Option<(NumberId, Refusal)>,
}

/// Contacts of a campaign that wait for the same thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// The rule that put them off, and the rule of law behind it; without one they wait for a retry
    /// or a callback.
    pub rule: Option<(RuleId, Option<LawId>)>,
    /// Where the number that rule was asked about is called.
    pub there: Option<(Zone, Option<Territory>)>,
    /// Whether a callback was promised to them.
    pub promised: bool,
    /// How many they are.
    pub contacts: u64,
    /// When that ends for the first of them; `None` if not by waiting.
    pub until: Option<Wall>,
}

/// The contacts of a campaign that wait for nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ready {
    /// The first of them, in the order they would be called.
    pub leads: Vec<Lead>,
    /// How many they all are.
    pub contacts: u64,
    /// How many contacts are in a call or being written up.
    pub in_call: u64,
    /// How many are closed, by the reason.
    pub closed: BTreeMap<DoneReason, u64>,
}

statements! {
    OF_PERSON = both(
        "select n.contact_id from number n join person p on p.id = n.person_id
         where p.fingerprint = $1 order by n.contact_id desc limit $2",
    );
    OF_REFERENCE = both(
        "select k.id from campaign c
           join contact k on k.campaign_id = c.id and k.external_id = $1
         order by k.id desc limit $2",
    );
    /// The latest rule that put a contact off until the moment it is due at.
    STANDINGS = each(
        "select k.*, null as contact_key, null as fields, r.number_id as put_off_number, r.rule,
           r.law, r.until_at
         from contact k
           left join rule_refusal r
             on r.contact_id = k.id and coalesce(r.until_at, r.at + $2) = k.next_at
         where k.id in (select value from json_each($1)) order by k.id, r.at, r.number_id",
        "select k.*, cast(null as text) as contact_key, cast(null as text) as fields,
           r.number_id as put_off_number, r.rule, r.law, r.until_at
         from contact k
           left join rule_refusal r
             on r.contact_id = k.id and coalesce(r.until_at, r.at + $2) = k.next_at
         where k.id in (select cast(value as bigint)
             from jsonb_array_elements_text(cast($1 as jsonb)))
         order by k.id, r.at, r.number_id",
    );
    WAITING = both(
        "select rule, law, zone, territory, promised, count(*) as contacts,
           min(until_at) as until_at
         from (
           select case when r.rule is null then k.next_at else r.until_at end as until_at,
             k.callback_at is not null as promised, r.rule, r.law, n.zone, n.territory,
             row_number() over (partition by k.id order by r.at desc, r.number_id) as nth
           from contact k
             left join rule_refusal r
               on r.contact_id = k.id and coalesce(r.until_at, r.at + $4) = k.next_at
             left join number n on n.id = r.number_id
           where k.campaign_id = $1 and k.free_at < $3 and k.next_at > $2 and k.held is null
         ) as put_off
         where nth = 1 group by rule, law, zone, territory, promised",
    );
    READY = each(
        "select k.*, null as contact_key, null as fields from contact k
         where k.campaign_id = $1 and k.free_at < $3 and k.next_at <= $2 and k.held is null
         order by k.turn, k.next_at, k.id limit $4",
        "select k.*, cast(null as text) as contact_key, cast(null as text) as fields from contact k
         where k.campaign_id = $1 and k.free_at < $3 and k.next_at <= $2 and k.held is null
         order by k.turn, k.next_at, k.id limit $4",
    );
    TALLY = both(
        "select count(*) filter (where free_at < $3 and next_at <= $2 and held is null) as ready,
           count(*) filter (where free_at = $3) as in_call
         from contact where campaign_id = $1",
    );
    DONE = both(
        "select done_reason, count(*) as contacts from contact
         where campaign_id = $1 and state = 'done' group by done_reason",
    );
    ON_LINE = both(
        "select person_id, call_id from attempt
         where completed_at is null and ended_at is null order by call_id",
    );
}

impl Store {
    /// Finds the contacts that have a number, the latest first, [`STANDINGS_MAX`] at most.
    ///
    /// # Errors
    /// The database failed.
    pub async fn contacts_with(&self, number: &Number) -> Result<Vec<ContactId>, StoreError> {
        let found = OF_PERSON.bind(self.shared.fingerprints.of(number)).bind(STANDINGS_MAX);
        let rows = found.fetch_all(&mut self.reader().await?.db()).await?;
        rows.iter().map(contact_id).collect()
    }

    /// Finds the contacts with a reference of the CRM's, the latest first, [`STANDINGS_MAX`] at
    /// most.
    ///
    /// # Errors
    /// The database failed.
    pub async fn contacts_named(&self, reference: &str) -> Result<Vec<ContactId>, StoreError> {
        let found = OF_REFERENCE.bind(reference).bind(STANDINGS_MAX);
        let rows = found.fetch_all(&mut self.reader().await?.db()).await?;
        rows.iter().map(contact_id).collect()
    }

    /// Tells where contacts stand; those that do not exist are left out.
    ///
    /// # Errors
    /// The database failed.
    pub async fn standings(
        &self,
        contacts: &[ContactId],
        now: Wall,
    ) -> Result<Vec<Standing>, StoreError> {
        let ids: Vec<i64> = contacts.iter().map(|contact| contact.0.cast_signed()).collect();
        let query = STANDINGS.bind(json(&ids)).bind(unknown_wait());
        let rows = query.fetch_all(&mut self.reader().await?.db()).await?;
        let mut standings: BTreeMap<ContactId, Standing> = BTreeMap::new();
        for row in &rows {
            // A later refusal of the same contact takes the place of an earlier one.
            let standing = self.standing(row, now, &standings).await?;
            standings.insert(standing.lead.contact, standing);
        }
        Ok(standings.into_values().collect())
    }

    async fn standing(
        &self,
        row: &Row,
        now: Wall,
        known: &BTreeMap<ContactId, Standing>,
    ) -> Result<Standing, StoreError> {
        let put_off = put_off(row)?;
        let leased = leased(&self.shared.seals, row)?;
        let contact = leased.card.contact;
        if let Some(known) = known.get(&contact) {
            return Ok(Standing { put_off, ..known.clone() });
        }
        let (campaign, mut digits) = (leased.card.campaign, BTreeMap::new());
        let ids = json(&[contact.0.cast_signed()]);
        let mut numbers = self.numbers(&ids, campaign, now, &mut digits).await?;
        let tried = latest(self.history(&ids).await?.remove(&contact), leased.card.attempts);
        let call = |column| {
            let id: Option<i64> = row.try_get(column)?;
            Ok::<_, StoreError>(id.map(|id| CallId(id.cast_unsigned())))
        };
        let done: Option<String> = row.try_get("done_reason")?;
        let done = read_some("reason of a closed contact", done.as_deref())?;
        Ok(Standing {
            campaign,
            lead: Lead { tried, ..leased.lead(numbers.remove(&contact).unwrap_or_default()) },
            digits,
            done: done.filter(|_| leased.card.done),
            in_call: call("open_call_id")?,
            last_call: call("last_call_id")?,
            due: Wall::micros(row.try_get("next_at")?),
            put_off,
            external_id: leased.card.external_id,
        })
    }

    /// Groups the waiting contacts of a campaign by what they wait for.
    ///
    /// # Errors
    /// The database failed.
    pub async fn waiting(
        &self,
        campaign: CampaignId,
        now: Wall,
    ) -> Result<Vec<Waiting>, StoreError> {
        let query = WAITING.bind(campaign.0).bind(at(now)).bind(IN_CALL).bind(unknown_wait());
        let rows = query.fetch_all(&mut self.reader().await?.db()).await?;
        rows.iter().map(waiting).collect()
    }

    /// Tells of the contacts of a campaign that wait for nothing, of `most` of them one by one, and
    /// counts those in calls and those closed.
    ///
    /// # Errors
    /// The database failed.
    pub async fn ready(
        &self,
        campaign: CampaignId,
        now: Wall,
        most: u32,
    ) -> Result<Ready, StoreError> {
        let query = READY.bind(campaign.0).bind(at(now)).bind(IN_CALL).bind(most);
        let rows = query.fetch_all(&mut self.reader().await?.db()).await?;
        let leased = rows.iter().map(|row| leased(&self.shared.seals, row));
        let leased = leased.collect::<Result<Vec<_>, _>>()?;
        let ids: Vec<i64> =
            leased.iter().map(|leased| leased.card.contact.0.cast_signed()).collect();
        let mut numbers = self.numbers(&json(&ids), campaign, now, &mut BTreeMap::new()).await?;
        let mut own = |contact| numbers.remove(&contact).unwrap_or_default();
        let leads = leased.iter().map(|leased| leased.lead(own(leased.card.contact))).collect();
        let mut reader = self.reader().await?;
        let tally = TALLY.bind(campaign.0).bind(at(now)).bind(IN_CALL);
        let tally = tally.fetch_one(&mut reader.db()).await?;
        let count = |row: &Row, column| row.try_get::<i64>(column).map(i64::cast_unsigned);
        let mut closed = BTreeMap::new();
        for row in DONE.bind(campaign.0).fetch_all(&mut reader.db()).await? {
            let reason: Option<String> = row.try_get("done_reason")?;
            let reason = read_some("reason of a closed contact", reason.as_deref())?;
            if let Some(reason) = reason {
                closed.insert(reason, count(&row, "contacts")?);
            }
        }
        let (contacts, in_call) = (count(&tally, "ready")?, count(&tally, "in_call")?);
        Ok(Ready { leads, contacts, in_call, closed })
    }

    /// Gives the persons who are in a call now, with it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn on_line(&self) -> Result<Vec<(PersonId, CallId)>, StoreError> {
        let rows = ON_LINE.query().fetch_all(&mut self.reader().await?.db()).await?;
        let id = |row: &Row, column| row.try_get::<i64>(column).map(i64::cast_unsigned);
        rows.iter().map(|row| Ok((PersonId(id(row, 0)?), CallId(id(row, 1)?)))).collect()
    }
}

fn contact_id(row: &Row) -> Result<ContactId, StoreError> {
    Ok(ContactId(row.try_get::<i64>(0)?.cast_unsigned()))
}

/// Reads the rule that put a contact off until it is due.
fn put_off(row: &Row) -> Result<Option<(NumberId, Refusal)>, StoreError> {
    let Some((rule, law)) = rule(row)? else { return Ok(None) };
    let number = NumberId(row.try_get::<i64>("put_off_number")?.cast_unsigned());
    Ok(Some((number, Refusal { rule, law, until: until(row)? })))
}

fn until(row: &Row) -> Result<Option<Wall>, StoreError> {
    Ok(row.try_get::<Option<i64>>("until_at")?.map(Wall::micros))
}

/// How long a contact waits for a rule that does not say when it passes, in microseconds.
fn unknown_wait() -> i64 {
    UNKNOWN_WAIT.as_micros().cast_signed()
}

fn rule(row: &Row) -> Result<Option<(RuleId, Option<LawId>)>, StoreError> {
    let rule: Option<String> = row.try_get("rule")?;
    let law: Option<String> = row.try_get("law")?;
    let law = law.map(|id| LawId::new(&id));
    rule.map(|rule| Ok((read("rule", &rule)?, law))).transpose()
}

fn waiting(row: &Row) -> Result<Waiting, StoreError> {
    let zone: Option<String> = row.try_get("zone")?;
    let territory: Option<String> = row.try_get("territory")?;
    let territory = territory.and_then(|code| Territory::new(&code).ok());
    let there = zone.and_then(|name| Zone::new(&name).ok()).map(|zone| (zone, territory));
    Ok(Waiting {
        rule: rule(row)?,
        there,
        promised: row.try_get("promised")?,
        contacts: row.try_get::<i64>("contacts")?.cast_unsigned(),
        until: until(row)?,
    })
}
