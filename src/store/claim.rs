//! Leasing contacts to a hopper.

use std::collections::{BTreeMap, VecDeque};

use super::backend::{Row, both, each, statements};
use super::mix::LANE_TURNS;
use super::seal::{Seals, plain};
use super::text::{Told, at, from_json, json, read};
use super::{CLAIM_MAX, Card, Claimed, HELD, IN_CALL, NEVER, Outlook, Store};
use super::{StoreError, consent, quota};
use crate::core::fact::{Callback, Lead, LeadNumber, NumberClass, PersonKind, Supply, Tried};
use crate::core::recycle::TOLD_MAX;
use crate::core::rules::UNKNOWN_WAIT;
use crate::core::rules::consent::Right;
use crate::units::{
    AgentId, CampaignId, ContactId, ListId, Number, NumberId, PersonId, RouteGroup, Span,
    Territory, Wall, Zone,
};

/// Contacts counted of those that are due and of those that wait, unless more are claimed at once:
/// a pacer must know how a list ends, and all of a long one take too long to count. More than so
/// many due ones are told as more than there can be.
const SUPPLY_MAX: u32 = 2_000;

/// Contacts due with which a campaign is not at its end, so that those that wait are not counted.
const ENOUGH: u64 = 500;

/// Earlier attempts told with a number, as `LeadNumber::recent` has it.
const RECENT_MAX: u32 = 16;

/// Every person-slot behind some contacts, whether they hold its number or share another with a
/// contact of the same client that does, or did before it was erased.
macro_rules! behind {
    ($contacts:literal) => {
        concat!(
            "select n.contact_id, o.person_id
             from number n
               join campaign c on c.id = $2
               join number m on m.person_id = n.person_id
               join campaign s on s.id = m.campaign_id and s.client_id = c.client_id
               join number o on o.contact_id = m.contact_id
             where n.contact_id in (",
            $contacts,
            ")
             union
             select n.contact_id, o.person_id
             from number n
               join campaign c on c.id = $2
               join erased_number e on e.person_id = n.person_id and e.client_id = c.client_id
               join erased_number o on o.contact_id = e.contact_id
             where n.contact_id in (",
            $contacts,
            ")"
        )
    };
}

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
               n.invalid, p.e164, p.key as digits_key, k.kind,
               (select s.position from attempt a
                  join caller_id s on s.campaign_id = c.id and s.e164 = a.caller_e164
                where a.person_id = n.person_id and a.client_id = c.client_id
                  and coalesce(a.outcome, '') <> 'blocked'
                order by a.opened_at desc, s.position limit 1) as shown,
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
               join contact k on k.id = n.contact_id
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

/// The caller IDs with which a network refused the last call to the persons behind some numbers.
macro_rules! blocked_of {
    ($contacts:literal) => {
        concat!(
            "select distinct n.person_id, s.position
             from number n
               join campaign c on c.id = $2
               join attempt a on a.person_id = n.person_id and a.client_id = c.client_id
               join caller_id s on s.campaign_id = c.id and s.e164 = a.caller_e164
             where a.outcome = 'blocked' and n.contact_id in (",
            $contacts,
            ") and not exists (select 1 from attempt l
                 where l.person_id = a.person_id and l.client_id = a.client_id
                   and l.caller_e164 = a.caller_e164 and l.opened_at > a.opened_at
                   and coalesce(l.outcome, 'blocked') <> 'blocked'
                   and coalesce(l.ended_by, '') <> 'nobody')
             order by n.person_id, s.position"
        )
    };
}

/// How the latest attempts of some contacts ended.
macro_rules! tried_of {
    ($contacts:literal) => {
        concat!(
            "select contact_id, opened_at, outcome from (
               select contact_id, opened_at, outcome, row_number() over (
                 partition by contact_id order by opened_at desc, call_id desc) as back
               from attempt where outcome is not null and contact_id in (",
            $contacts,
            ")) as tried where back <= $2 order by contact_id, back desc"
        )
    };
}

/// Every turn of a campaign's contacts between two, each found by one look into the index, however
/// many contacts wait on it.
macro_rules! turns {
    ($campaign:literal, $from:literal, $to:literal) => {
        concat!(
            "with recursive step (turn) as (
               select min(turn) from contact where campaign_id = ",
            $campaign,
            " and turn >= ",
            $from,
            " union all
               select (select min(k.turn) from contact k
                 where k.campaign_id = ",
            $campaign,
            " and k.turn > step.turn)
               from step where step.turn < ",
            $to,
            ")"
        )
    };
}

/// Leases the contacts that are due, turn by turn.
macro_rules! lease {
    ($among:literal, $due:literal, $end:literal) => {
        concat!(
            "update contact set free_at = $4,
               lease_epoch = (select owner_epoch from campaign where id = $1)
             where id ",
            $among,
            turns!("$1", "$5", "$6"),
            $due,
            $end,
            " returning *, (select key from contact_personal where contact_id = id) as contact_key,
               (select fields from contact_personal where contact_id = id) as fields"
        )
    };
}

/// Counts contacts, turn by turn, and no more than are asked for.
macro_rules! count {
    ($of:literal) => {
        concat!(
            turns!("$1", "0", "9223372036854775807"),
            " select count(*) from (",
            $of,
            ") as found"
        )
    };
}

/// Counts what waits in a list, and finds what falls due next.
macro_rules! waits {
    ($waiting:literal) => {
        concat!(
            turns!("$1", "0", "9223372036854775807"),
            " select (select count(*) from (",
            $waiting,
            ") as waiting),
             (select min(next_at) from (select (select min(k.free_at) from contact k
                where k.campaign_id = $1 and k.turn = step.turn and k.free_at > $2) as next_at
              from step) as following where next_at < $4)"
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
        lease!(
            "in (",
            " select k.id from step cross join contact k
              where k.campaign_id = $1 and k.turn = step.turn and k.turn <= $6
                and k.free_at <= $3 limit $2",
            ")"
        ),
        // An array is made once: `in` may be joined the other way round, contact by contact.
        lease!(
            "= any (array(",
            " select due.id from step cross join lateral (
                select k.id from contact k
                where k.campaign_id = $1 and k.turn = step.turn and k.turn <= $6
                  and k.free_at <= $3
                order by k.free_at, k.id limit $2 for update skip locked) as due limit $2",
            "))"
        ),
    );
    NEXT_RULE = both(
        "select r.rule, r.law from contact k
           join rule_refusal r
             on r.contact_id = k.id and coalesce(r.until_at, r.at + $3) = k.free_at
         where k.campaign_id = $1 and k.free_at = $2 order by r.at desc limit 1",
    );
    DUE = each(
        count!(
            "select 1 from step cross join contact k
             where k.campaign_id = $1 and k.turn = step.turn and k.free_at <= $2 limit $3"
        ),
        count!(
            "select 1 from step cross join lateral (select 1 from contact k
               where k.campaign_id = $1 and k.turn = step.turn and k.free_at <= $2
               limit $3) as one limit $3"
        ),
    );
    WAITS = each(
        waits!(
            "select 1 from step cross join contact k
             where k.campaign_id = $1 and k.turn = step.turn and k.free_at > $2
               and k.free_at < $3 and k.free_at <> $4 limit $5"
        ),
        waits!(
            "select 1 from step cross join lateral (select 1 from contact k
               where k.campaign_id = $1 and k.turn = step.turn and k.free_at > $2
                 and k.free_at < $3 and k.free_at <> $4 limit $5) as one limit $5"
        ),
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
    BLOCKED = each(
        blocked_of!("select value from json_each($1)"),
        blocked_of!(
            "select cast(value as bigint) from jsonb_array_elements_text(cast($1 as jsonb))"
        ),
    );
    TRIED = each(
        tried_of!("select value from json_each($1)"),
        tried_of!("select cast(value as bigint) from jsonb_array_elements_text(cast($1 as jsonb))"),
    );
    CARD = both(
        "select k.*, p.key as contact_key, p.fields
         from contact k left join contact_personal p on p.contact_id = k.id where k.id = $1",
    );
    DIGITS = both(
        "select p.e164, p.key as digits_key
         from number n join person_personal p on p.person_id = n.person_id
         where n.id = $1",
    );
}

impl Store {
    /// Leases up to `count` due contacts (at most [`CLAIM_MAX`]) until `now + lease`: promised
    /// callbacks first, then by priority, score, due time and id; lists that have a share in turn.
    ///
    /// Contacts in a call and leased ones are never given, nor those of a full quota. A number
    /// under a do-not-call wish is given with its flag, so that the gate refuses it once, by its
    /// rule, on the record.
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
        let count = count.min(CLAIM_MAX);
        let (mut leased, mut wanted) = (Vec::new(), count);
        for _ in 0..quota::GOES_MAX {
            let mut more = self.lease_mixed(campaign, wanted, lease, now).await?;
            let dry = more.len() < to_usize(wanted);
            let contacts: Vec<ContactId> = more.iter().map(|row| row.card.contact).collect();
            let held = self.hold(campaign, &contacts).await?;
            more.retain(|row| !held.contains(&row.card.contact));
            leased.append(&mut more);
            if dry || leased.len() >= to_usize(count) {
                break;
            }
            wanted = quota::BEHIND.max(count);
        }
        let spare = leased.split_off(leased.len().min(to_usize(count)));
        if !spare.is_empty() {
            let spare: Vec<ContactId> = spare.iter().map(|row| row.card.contact).collect();
            self.release(&spare).await?;
        }
        let ids: Vec<i64> = leased.iter().map(|row| row.card.contact.0.cast_signed()).collect();
        let supply = self.supply(campaign, now, NEVER, SUPPLY_MAX.max(count)).await?;
        let mut claimed = Claimed { supply, ..Claimed::default() };
        let mut numbers = self.numbers(&json(&ids), campaign, now, &mut claimed.digits).await?;
        let history = self.shared.plans().get(&campaign).is_some_and(|plan| plan.history);
        let mut tried = if history { self.history(&json(&ids)).await? } else { BTreeMap::new() };
        for row in leased {
            let contact = row.card.contact;
            let lead = row.lead(numbers.remove(&contact).unwrap_or_default());
            let tried = latest(tried.remove(&contact), lead.attempts);
            claimed.leads.push(Lead { tried, ..lead });
            claimed.cards.insert(contact, row.card);
        }
        Ok(claimed)
    }

    /// Tells how the database would run the statements of a claim of a hundred, a line a step: that
    /// it looks no contact up but by the index, and sorts none but those it leases.
    ///
    /// # Errors
    /// The database failed.
    pub async fn explain_claim(
        &self,
        campaign: CampaignId,
        now: Wall,
    ) -> Result<String, StoreError> {
        let mut reader = self.reader().await?;
        let lease = LEASE.bind(campaign.0).bind(100).bind(at(now)).bind(at(now));
        let lease = lease.bind(0).bind(NEVER).explained(&mut reader.db()).await?;
        let due = DUE.bind(campaign.0).bind(at(now)).bind(SUPPLY_MAX);
        let due = due.explained(&mut reader.db()).await?;
        let waits = WAITS.bind(campaign.0).bind(at(now)).bind(NEVER).bind(HELD);
        let waits = waits.bind(SUPPLY_MAX).explained(&mut reader.db()).await?;
        Ok(format!("{lease}\n{due}\n{waits}"))
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

    /// Leases contacts, of each list as many as its share is.
    async fn lease_mixed(
        &self,
        campaign: CampaignId,
        count: u32,
        lease: Span,
        now: Wall,
    ) -> Result<Vec<Leased>, StoreError> {
        let mut trial = self.shared.plans().get(&campaign).map(|plan| plan.mix.clone());
        let Some(mix) = trial.as_mut().filter(|mix| mix.lanes() > 0) else {
            return self.lease(campaign, (0, NEVER), (count, lease), now).await;
        };
        let mut open = vec![true; mix.lanes()];
        let mut given: Vec<VecDeque<Leased>> = open.iter().map(|_| VecDeque::new()).collect();
        let mut promised = Vec::new();
        for lane in (0_i64..).map(|lane| lane * LANE_TURNS).take(open.len()) {
            let left = count - to_u32(promised.len());
            promised.extend(self.lease(campaign, (lane, lane), (left, lease), now).await?);
        }
        promised.sort_unstable_by_key(|row| (row.order.1, row.order.2));
        let count = to_usize(count) - promised.len();
        loop {
            let short = count - given.iter().map(VecDeque::len).sum::<usize>();
            let allotted = mix.allot(short, &open);
            if allotted.iter().all(|wanted| *wanted == 0) {
                break;
            }
            for (lane, wanted) in (0_i64..).zip(allotted).filter(|(_, wanted)| *wanted > 0) {
                let turns = (lane * LANE_TURNS + 1, (lane + 1) * LANE_TURNS - 1);
                let more = self.lease(campaign, turns, (to_u32(wanted), lease), now).await?;
                let place = to_usize(lane);
                if let (Some(open), Some(given)) = (open.get_mut(place), given.get_mut(place)) {
                    *open = more.len() == wanted;
                    given.extend(more);
                }
            }
        }
        if let Some(plan) = self.shared.plans().get_mut(&campaign) {
            promised.extend(plan.mix.interleave(given, &open));
        }
        Ok(promised)
    }

    /// Leases the contacts of some turns in one statement, so that no two claims can give the same
    /// one, and gives them in the order to be called.
    async fn lease(
        &self,
        campaign: CampaignId,
        (from, to): (i64, i64),
        (count, lease): (u32, Span),
        now: Wall,
    ) -> Result<Vec<Leased>, StoreError> {
        let lease = LEASE.bind(campaign.0).bind(count).bind(at(now)).bind(at(now + lease));
        let lease = lease.bind(from).bind(to);
        let mut writer = self.writer().await;
        let rows = lease.fetch_all(&mut writer.db().await?).await?;
        let leased = rows.iter().map(|row| leased(&self.shared.seals, row));
        let mut leased = leased.collect::<Result<Vec<_>, _>>()?;
        leased.sort_unstable_by_key(|row| row.order);
        Ok(leased)
    }

    /// Tells what a campaign's list still holds and what makes its next contact wait.
    ///
    /// # Errors
    /// The database failed.
    pub async fn outlook(&self, campaign: CampaignId, now: Wall) -> Result<Outlook, StoreError> {
        let supply = self.supply(campaign, now, IN_CALL, SUPPLY_MAX).await?;
        let wait = UNKNOWN_WAIT.as_micros().cast_signed();
        let rule = NEXT_RULE.bind(campaign.0).bind(supply.next_due.map(at)).bind(wait);
        let rule = rule.fetch_optional(&mut self.reader().await?.db()).await?;
        let next_rule = rule.as_ref().map(|row| row.try_get(0)).transpose()?;
        let next_law = rule.as_ref().map(|row| row.try_get(1)).transpose()?.flatten();
        Ok(Outlook { supply, next_rule, next_law })
    }

    /// Counts what the list still holds up to `most`, out of the index alone. Contacts in a call
    /// are waiting without a due time: they are counted before [`NEVER`] and not before
    /// [`IN_CALL`]. Those that a full quota holds wait for nothing that comes by itself, and are
    /// not counted. While enough are due, nobody asks for those that wait.
    async fn supply(
        &self,
        campaign: CampaignId,
        now: Wall,
        before: i64,
        most: u32,
    ) -> Result<Supply, StoreError> {
        let mut reader = self.reader().await?;
        let due = DUE.bind(campaign.0).bind(at(now)).bind(most);
        let due = due.fetch_one(&mut reader.db()).await?.try_get::<i64>(0)?.cast_unsigned();
        if due >= ENOUGH {
            let due = if due < u64::from(most) { due } else { u64::MAX };
            return Ok(Supply { due, ..Supply::default() });
        }
        let waits = WAITS.bind(campaign.0).bind(at(now)).bind(before).bind(HELD).bind(most);
        let row = waits.fetch_one(&mut reader.db()).await?;
        Ok(Supply {
            due,
            waiting: row.try_get::<i64>(0)?.cast_unsigned(),
            next_due: row.try_get::<Option<i64>>(1)?.map(Wall::micros),
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
        let blocked = self.blocked(contacts, campaign).await?;
        let numbers = NUMBERS.bind(contacts).bind(campaign.0).bind(at(now));
        let rows = numbers.fetch_all(&mut self.reader().await?.db()).await?;
        let mut numbers: BTreeMap<ContactId, Vec<LeadNumber>> = BTreeMap::new();
        for row in &rows {
            let (contact, mut number) = lead_number(&self.shared.seals, row, digits)?;
            number.recent = recent.get(&contact).cloned().unwrap_or_default();
            number.rights = rights.get(&number.person).cloned().unwrap_or_default();
            number.blocked = blocked.get(&number.person).cloned().unwrap_or_default();
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

    /// Reads the caller IDs with which a network refused the last call to the persons behind some
    /// contacts' numbers, by their places.
    async fn blocked(
        &self,
        contacts: &str,
        campaign: CampaignId,
    ) -> Result<BTreeMap<PersonId, Vec<u16>>, StoreError> {
        let rows = BLOCKED.bind(contacts).bind(campaign.0);
        let rows = rows.fetch_all(&mut self.reader().await?.db()).await?;
        let mut blocked: BTreeMap<PersonId, Vec<u16>> = BTreeMap::new();
        for row in rows {
            let person = PersonId(row.try_get::<i64>(0)?.cast_unsigned());
            blocked.entry(person).or_default().extend(u16::try_from(row.try_get::<u32>(1)?));
        }
        Ok(blocked)
    }

    /// Reads how the latest attempts of some contacts ended.
    pub(super) async fn history(
        &self,
        contacts: &str,
    ) -> Result<BTreeMap<ContactId, Vec<Tried>>, StoreError> {
        let rows = TRIED.bind(contacts).bind(TOLD_MAX);
        let rows = rows.fetch_all(&mut self.reader().await?.db()).await?;
        let mut tried: BTreeMap<ContactId, Vec<Tried>> = BTreeMap::new();
        for row in rows {
            let contact = ContactId(row.try_get::<i64>(0)?.cast_unsigned());
            let outcome = read("outcome", &row.try_get::<String>(2)?)?;
            let one = Tried { at: Wall::micros(row.try_get(1)?), outcome };
            tried.entry(contact).or_default().push(one);
        }
        Ok(tried)
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
        row.as_ref().map(|row| card(&self.shared.seals, row)).transpose()
    }

    /// Gives the digits of a number.
    ///
    /// # Errors
    /// The database failed.
    pub async fn digits(&self, number: NumberId) -> Result<Option<Number>, StoreError> {
        let row = DIGITS.bind(number.0.cast_signed());
        let row = row.fetch_optional(&mut self.reader().await?.db()).await?;
        Ok(row.map(|row| self.shared.seals.digits(&row)).transpose()?.flatten())
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
            tried: Vec::new(),
        }
    }
}

/// Reads a row of contact, with the name and fields of its card.
pub(super) fn leased(seals: &Seals, row: &Row) -> Result<Leased, StoreError> {
    let card = card(seals, row)?;
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

pub(super) fn card(seals: &Seals, row: &Row) -> Result<Card, StoreError> {
    let (name, fields) = told(seals, row)?.unwrap_or_default();
    let agent: Option<u32> = row.try_get("callback_agent_id")?;
    let callback: Option<i64> = row.try_get("callback_at")?;
    Ok(Card {
        contact: ContactId(row.try_get::<i64>("id")?.cast_unsigned()),
        campaign: CampaignId(row.try_get("campaign_id")?),
        external_id: row.try_get("external_id")?,
        name,
        fields,
        attempts: row.try_get("attempts")?,
        callback: callback
            .map(|micros| Callback { at: Wall::micros(micros), agent: agent.map(AgentId) }),
        done: row.try_get::<String>("state")? == "done",
    })
}

/// Reads what the list told of a contact; none once it was erased.
pub(super) fn told(seals: &Seals, row: &Row) -> Result<Option<Told>, StoreError> {
    let Some(text) = row.try_get::<Option<String>>("fields")? else { return Ok(None) };
    let text = plain(seals.contact(row)?.as_ref(), text)?;
    text.map(|text| from_json("contact's fields", &text)).transpose()
}

/// Reads a number. One whose digits were erased, or whose row cannot be read, is given as
/// invalid, so that the gate closes it instead of the campaign standing still.
fn lead_number(
    seals: &Seals,
    row: &Row,
    digits: &mut BTreeMap<NumberId, Number>,
) -> Result<(ContactId, LeadNumber), StoreError> {
    let id = |column| row.try_get::<i64>(column).map(i64::cast_unsigned);
    let number = NumberId(id("id")?);
    let zone = Zone::new(&row.try_get::<String>("zone")?);
    let class = read::<NumberClass>("number class", &row.try_get::<String>("class")?);
    let territory: Option<String> = row.try_get("territory")?;
    let territory = territory.map(|code| Territory::new(&code)).transpose();
    let e164 = seals.digits(row).ok().flatten();
    // What cannot be read is treated as the stricter law treats it.
    let kind: Option<String> = row.try_get("kind")?;
    let kind = kind.map(|kind| read("person kind", &kind).unwrap_or(PersonKind::Consumer));
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
        kind,
        shown: row.try_get::<Option<u32>>("shown")?.and_then(|at| u16::try_from(at).ok()),
        blocked: Vec::new(),
        abandoned: row.try_get::<Option<i64>>("abandoned_at")?.map(Wall::micros),
        refused: row.try_get::<Option<i64>>("refused_at")?.map(Wall::micros),
        invalid: unusable || row.try_get("invalid")?,
        do_not_call: row.try_get("do_not_call")?,
    };
    Ok((ContactId(id("contact_id")?), lead))
}

/// Keeps the attempts that count: those before a contact was opened anew do not.
pub(super) fn latest(tried: Option<Vec<Tried>>, attempts: u32) -> Vec<Tried> {
    let mut tried = tried.unwrap_or_default();
    tried.split_off(tried.len().saturating_sub(to_usize(attempts)))
}

fn to_usize<T: TryInto<usize>>(count: T) -> usize {
    count.try_into().unwrap_or(usize::MAX)
}

fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
