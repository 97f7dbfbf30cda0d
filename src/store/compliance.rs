//! What the law may ask about the calls of a campaign: what was refused, wished and agreed, and
//! every attempt with what was recorded of its person at that moment.

use std::collections::{BTreeMap, BTreeSet};

use super::backend::{Db, Row, Sql, both, each, statements};
use super::claim::reached;
use super::report::{count, counts};
use super::text::{at, json, read};
use super::{Store, StoreError};
use crate::core::fact::{LeadNumber, NumberClass, PersonKind};
use crate::core::rules::consent::{Basis, RIGHTS_MAX, Right};
use crate::units::{CallId, CampaignId, NumberId, PersonId, Territory, Wall, Zone};

/// Attempts of one page.
const PAGE: u32 = 500;

/// Earlier attempts told with a number, as `LeadNumber::recent` has it.
const RECENT_MAX: usize = 16;

/// What was counted of a campaign's days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compliance {
    /// Attempts.
    pub attempts: u64,
    /// Numbers tried.
    pub numbers: u64,
    /// Most attempts at one number.
    pub attempts_of_one: u64,
    /// What the gate refused: rule, rule of law behind it, how often, and how many contacts.
    pub refused: Vec<(String, Option<String>, u64, u64)>,
    /// Do-not-call wishes of the client's, the campaign's and everyone's reach, by their reason.
    pub wishes: BTreeMap<String, u64>,
    /// Rights to call given to the client, by their basis.
    pub rights: BTreeMap<String, u64>,
    /// Withdrawals of them, each where it was said.
    pub withdrawals: u64,
}

/// People who answered on a day, and those of them nobody was there for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Calls answered by people.
    pub humans: u64,
    /// Of them, those abandoned.
    pub abandoned: u64,
}

/// An attempt, with what is recorded of its person as of that moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// The call.
    pub call: CallId,
    /// When it was placed.
    pub at: Wall,
    /// The number as the gate should have seen it; `None` once its contact was erased.
    pub number: Option<LeadNumber>,
}

/// Every person-slot behind some contacts, as a claim finds them, and since when it is known to be:
/// since the latest of the numbers that show it was added.
macro_rules! behind_since {
    ($contacts:literal, $latest:literal) => {
        concat!(
            "select contact_id, person_id, min(since_at) from (
               select n.contact_id, o.person_id, ",
            $latest,
            "(coalesce(n.added_at, 0), coalesce(m.added_at, 0), coalesce(o.added_at, 0)) as since_at
               from number n
                 join campaign c on c.id = $2
                 join number m on m.person_id = n.person_id
                 join campaign s on s.id = m.campaign_id and s.client_id = c.client_id
                 join number o on o.contact_id = m.contact_id
               where n.contact_id in (",
            $contacts,
            ")
               union all
               select n.contact_id, o.person_id, ",
            $latest,
            "(coalesce(n.added_at, 0), coalesce(e.added_at, 0), coalesce(o.added_at, 0))
               from number n
                 join campaign c on c.id = $2
                 join erased_number e on e.person_id = n.person_id and e.client_id = c.client_id
                 join erased_number o on o.contact_id = e.contact_id
               where n.contact_id in (",
            $contacts,
            ")) as linked group by contact_id, person_id"
        )
    };
}

/// Wishes a campaign's gate heeds, out of the one table or the other.
macro_rules! wished {
    ($table:literal) => {
        concat!(
            "select d.person_id, 'wish', d.at, d.at, d.until_at, null, false
             from who join ",
            $table,
            " d on d.person_id = who.id
             where d.at < $3 and (d.scope = 'everyone'
               or d.scope = 'campaign' and d.scope_id = $2
               or d.scope = 'client' and d.scope_id = (select client_id from mine))
             union all "
        )
    };
}

/// What happened to some persons for a client until a moment: attempts that count, abandoned
/// calls, refusals, wishes, rights given and taken back, each with its moments and when it was
/// known of that person.
macro_rules! happened_to {
    ($persons:literal) => {
        concat!(
            "with who as materialized (select cast(value as bigint) as id from ",
            $persons,
            "), mine as materialized (select client_id from campaign where id = $2)
             select a.person_id, 'tried' as what, a.opened_at as at, a.opened_at as recorded_at,
               cast(null as bigint) as until_at, cast(null as text) as basis,
               false as out_of_hours
             from who join mine on true
               join attempt a on a.person_id = who.id and a.client_id = mine.client_id
             where a.opened_at < $3 and ",
            reached!(),
            " union all
             select a.person_id, 'abandoned', a.ended_at, a.ended_at, null, null, false
             from who join mine on true
               join attempt a on a.person_id = who.id and a.client_id = mine.client_id
             where a.ended_at < $3 and a.outcome = 'abandoned'
             union all
             select a.person_id, 'refused', a.qualified_at, a.qualified_at, null, null, false
             from who join mine on true
               join attempt a on a.person_id = who.id and a.client_id = mine.client_id
               join disposition d
                 on d.campaign_id = a.campaign_id and d.code = a.disposition_code
             where a.qualified_at < $3 and d.class = 'argued_negative'
             union all ",
            wished!("do_not_call"),
            wished!("past_wish"),
            "select k.person_id, 'right', k.obtained_at, k.recorded_at, k.expires_at, k.basis,
               k.out_of_hours
             from who join mine on true
               join consent k on k.person_id = who.id and k.client_id = mine.client_id
             where k.recorded_at < $3
             union all
             select w.person_id, 'withdrawn', w.at, coalesce(w.spread_at, w.at), null, null, false
             from who join mine on true
               join consent_withdrawal w
                 on w.person_id = who.id and w.client_id = mine.client_id
             where coalesce(w.spread_at, w.at) < $3"
        )
    };
}

statements! {
    SUMS = both(
        "select count(*), count(distinct person_id), coalesce((
             select max(tries) from (select count(*) as tries from attempt
               where campaign_id = $1 and opened_at >= $2 and opened_at < $3
               group by person_id) as by_person), 0)
         from attempt where campaign_id = $1 and opened_at >= $2 and opened_at < $3",
    );
    REFUSED = both(
        "select rule, law, count(*), count(distinct contact_id) from rule_refusal
         where campaign_id = $1 and at >= $2 and at < $3
         group by rule, law order by count(*) desc, rule, law",
    );
    WISHES = both(
        "select d.reason, count(*) from (
             select scope, scope_id, reason, at from do_not_call
             union all select scope, scope_id, reason, at from past_wish) d
           join campaign c on c.id = $1
         where d.at >= $2 and d.at < $3 and (d.scope = 'everyone'
           or d.scope = 'campaign' and d.scope_id = c.id
           or d.scope = 'client' and d.scope_id = c.client_id)
         group by d.reason",
    );
    RIGHTS = both(
        "select k.basis, count(*) from consent k join campaign c on c.id = $1
         where k.client_id = c.client_id and k.recorded_at >= $2 and k.recorded_at < $3
         group by k.basis",
    );
    WITHDRAWALS = both(
        "select count(*) from consent_withdrawal w join campaign c on c.id = $1
         where w.client_id = c.client_id and w.at >= $2 and w.at < $3 and w.spread_at is null",
    );
    ANSWERS = both(
        "select count(*) filter (where coalesce(heard, '') not in ('machine', 'fax')),
           count(*) filter (where outcome = 'abandoned')
         from attempt
         where campaign_id = $1 and opened_at >= $2 and opened_at < $3
           and answered_at is not null",
    );
    TRIED = both(
        "select a.call_id, a.opened_at, n.id, n.contact_id, n.person_id, n.zone, n.territory,
           n.class, k.kind
         from attempt a left join number n on n.id = a.number_id
           left join contact k on k.id = n.contact_id
         where a.campaign_id = $1 and (a.opened_at, a.call_id) > ($2, $3) and a.opened_at < $4
         order by a.opened_at, a.call_id limit $5",
    );
    BEHIND = each(
        behind_since!("select value from json_each($1)", "max"),
        behind_since!(
            "select cast(value as bigint) from jsonb_array_elements_text(cast($1 as jsonb))",
            "greatest"
        ),
    );
    HAPPENED = each(
        happened_to!("json_each($1)"),
        happened_to!("jsonb_array_elements_text(cast($1 as jsonb))"),
    );
}

/// What happened to one person, by its moments.
#[derive(Debug, Default)]
struct History {
    tried: Vec<Wall>,
    abandoned: Vec<Wall>,
    refused: Vec<Wall>,
    /// From when to when.
    wishes: Vec<(Wall, Option<Wall>)>,
    /// Each with when it was recorded.
    rights: Vec<(Wall, Right)>,
    /// Each with when it came to count on this number.
    withdrawn: Vec<(Wall, Wall)>,
}

/// The person-slots behind contacts, each with since when.
type Behind = BTreeMap<i64, Vec<(i64, Wall)>>;

impl Store {
    /// Counts what the law may ask about a campaign from `from`, included, to `to`, excluded.
    ///
    /// # Errors
    /// The database failed.
    pub async fn compliance(
        &self,
        campaign: CampaignId,
        (from, to): (Wall, Wall),
    ) -> Result<Compliance, StoreError> {
        let mut snapshot = self.readers.snapshot().await?;
        let mut db = snapshot.db();
        let span = |sql: Sql| sql.bind(campaign.0).bind(at(from)).bind(at(to));
        let sums = span(SUMS).fetch_one(&mut db).await?;
        let [attempts, numbers, attempts_of_one] = counts::<3>(&sums)?;
        let refused = span(REFUSED).fetch_all(&mut db).await?;
        let refused = refused
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?, count(row, 2)?, count(row, 3)?)));
        let refused = refused.collect::<Result<_, StoreError>>()?;
        let wishes = by_word(&span(WISHES).fetch_all(&mut db).await?)?;
        let rights = by_word(&span(RIGHTS).fetch_all(&mut db).await?)?;
        let withdrawals = count(&span(WITHDRAWALS).fetch_one(&mut db).await?, 0)?;
        Ok(Compliance { attempts, numbers, attempts_of_one, refused, wishes, rights, withdrawals })
    }

    /// Counts the people who answered a campaign's calls from `from`, included, to `to`, excluded.
    ///
    /// # Errors
    /// The database failed.
    pub async fn answers(
        &self,
        campaign: CampaignId,
        (from, to): (Wall, Wall),
    ) -> Result<Answers, StoreError> {
        let query = ANSWERS.bind(campaign.0).bind(at(from)).bind(at(to));
        let row = query.fetch_one(&mut self.reader().await?.db()).await?;
        let [humans, abandoned] = counts::<2>(&row)?;
        Ok(Answers { humans, abandoned })
    }

    /// Lists a campaign's attempts behind another one and before `to`, the oldest first, each with
    /// what is recorded of its person as of that moment; an empty page is the end.
    ///
    /// # Errors
    /// The database failed.
    pub async fn asked_again(
        &self,
        campaign: CampaignId,
        after: (Wall, CallId),
        to: Wall,
    ) -> Result<Vec<Tried>, StoreError> {
        let mut snapshot = self.readers.snapshot().await?;
        let mut db = snapshot.db();
        let page = TRIED.bind(campaign.0).bind(at(after.0)).bind(after.1.0.cast_signed());
        let rows = page.bind(at(to)).bind(PAGE).fetch_all(&mut db).await?;
        let contacts = rows.iter().map(|row| row.try_get::<Option<i64>>(3));
        let contacts = contacts.collect::<Result<BTreeSet<_>, _>>()?;
        let contacts: Vec<i64> = contacts.into_iter().flatten().collect();
        let behind = behind(&mut db, campaign, &contacts).await?;
        let until = rows.last().map_or(Ok(at(to)), |row| row.try_get::<i64>(1))?;
        let histories = histories(&mut db, campaign, &behind, until).await?;
        rows.iter().map(|row| tried(row, &behind, &histories)).collect()
    }
}

fn by_word(rows: &[Row]) -> Result<BTreeMap<String, u64>, StoreError> {
    rows.iter().map(|row| Ok((row.try_get(0)?, count(row, 1)?))).collect()
}

/// Gives the person-slots behind each contact.
async fn behind(
    db: &mut Db<'_>,
    campaign: CampaignId,
    contacts: &[i64],
) -> Result<Behind, StoreError> {
    let mut behind = Behind::new();
    for row in BEHIND.bind(json(&contacts)).bind(campaign.0).fetch_all(db).await? {
        let since = Wall::micros(row.try_get(2)?);
        behind.entry(row.try_get(0)?).or_default().push((row.try_get(1)?, since));
    }
    Ok(behind)
}

/// Gives what happened to each person before a moment.
async fn histories(
    db: &mut Db<'_>,
    campaign: CampaignId,
    behind: &Behind,
    until: i64,
) -> Result<BTreeMap<i64, History>, StoreError> {
    let persons: BTreeSet<i64> = behind.values().flatten().map(|(person, _)| *person).collect();
    let query = HAPPENED.bind(json(&persons)).bind(campaign.0).bind(until);
    let mut histories: BTreeMap<i64, History> = BTreeMap::new();
    for row in query.fetch_all(db).await? {
        let history = histories.entry(row.try_get(0)?).or_default();
        let moment =
            |place| Ok::<_, StoreError>(row.try_get::<Option<i64>>(place)?.map(Wall::micros));
        let (begins, ends) = (moment(2)?, moment(4)?);
        let told = moment(3)?;
        match row.try_get::<String>(1)?.as_str() {
            "tried" => history.tried.extend(begins),
            "abandoned" => history.abandoned.extend(begins),
            "refused" => history.refused.extend(begins),
            "wish" => history.wishes.extend(begins.map(|begins| (begins, ends))),
            "withdrawn" => history.withdrawn.extend(begins.zip(told)),
            _ => {
                // One that cannot be read gives no right.
                let basis = row.try_get::<Option<String>>(5)?;
                let basis = basis.and_then(|basis| read::<Basis>("basis", &basis).ok());
                let out_of_hours = row.try_get(6)?;
                let recorded = Wall::micros(row.try_get(3)?);
                let right = |basis| {
                    let (obtained, until) = (begins, ends);
                    (recorded, Right { id: None, basis, obtained, until, out_of_hours })
                };
                history.rights.extend(basis.map(right));
            }
        }
    }
    Ok(histories)
}

/// Reads an attempt, and its number as the gate should have seen it.
fn tried(
    row: &Row,
    behind: &Behind,
    histories: &BTreeMap<i64, History>,
) -> Result<Tried, StoreError> {
    let call = CallId(row.try_get::<i64>(0)?.cast_unsigned());
    let at = Wall::micros(row.try_get(1)?);
    let (Some(id), Some(contact), Some(person)) =
        (row.try_get::<Option<i64>>(2)?, row.try_get(3)?, row.try_get::<Option<i64>>(4)?)
    else {
        return Ok(Tried { call, at, number: None });
    };
    let contact: i64 = contact;
    let zone = row.try_get::<Option<String>>(5)?.and_then(|zone| Zone::new(&zone).ok());
    let Some(zone) = zone else { return Ok(Tried { call, at, number: None }) };
    let territory: Option<String> = row.try_get(6)?;
    let own = histories.get(&person);
    let whole = || {
        let persons = behind.get(&contact).into_iter().flatten();
        let known = persons.filter(|(_, since)| *since <= at);
        known.filter_map(|(person, _)| histories.get(person))
    };
    let before = |moments: &[Wall]| moments.iter().copied().filter(|then| *then < at).max();
    let mut number =
        LeadNumber::new(NumberId(id.cast_unsigned()), PersonId(person.cast_unsigned()), zone);
    number.territory = territory.and_then(|code| Territory::new(&code).ok());
    let class: Option<String> = row.try_get(7)?;
    let class = class.and_then(|class| read("number class", &class).ok());
    number.class = class.unwrap_or(NumberClass::Other);
    let kind: Option<String> = row.try_get(8)?;
    number.kind = kind.map(|kind| read("person kind", &kind).unwrap_or(PersonKind::Consumer));
    number.recent = whole().flat_map(|one| &one.tried).copied().filter(|then| *then < at).collect();
    number.recent.sort_unstable();
    let old = number.recent.len().saturating_sub(RECENT_MAX);
    number.recent.drain(..old);
    number.refused = whole().filter_map(|one| before(&one.refused)).max();
    number.do_not_call = whole()
        .flat_map(|one| &one.wishes)
        .any(|(begins, ends)| *begins < at && ends.is_none_or(|ends| at < ends));
    if let Some(own) = own {
        number.abandoned = before(&own.abandoned);
        number.rights = own.rights_at(at);
    }
    Ok(Tried { call, at, number: Some(number) })
}

impl History {
    /// Gives the rights that nobody had taken back at a moment.
    fn rights_at(&self, at: Wall) -> Vec<Right> {
        let stands = |(recorded, right): &&(Wall, Right)| {
            let mut later = self.withdrawn.iter().filter(|(_, told)| *told < at);
            *recorded < at
                && !later.any(|(then, _)| right.obtained.is_none_or(|obtained| *then >= obtained))
        };
        let rights = self.rights.iter().filter(stands).map(|(_, right)| *right);
        let mut rights: Vec<Right> = rights.collect();
        // The latest given, as a lead tells of them.
        rights.sort_by_key(|right| core::cmp::Reverse(right.obtained));
        rights.truncate(RIGHTS_MAX);
        rights
    }
}
