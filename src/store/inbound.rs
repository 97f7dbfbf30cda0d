//! Calls that came in to the numbers campaigns show, and what their callers refused.

use super::backend::{Db, Query, Row, both, statements, together};
use super::people::{add_persons, add_wishes};
use super::seal::{Seals, Wrap, plain};
use super::text::at;
use super::{DncScope, NewDoNotCall, Shared, Store, StoreError, next_id};
use crate::units::{CampaignId, ClientId, InboundId, Number, PersonId, TrunkId, Wall};

/// Why such a wish stands.
const REASON: &str = "asked not to be called";

/// The kind of the event that tells of such a wish.
pub(super) const OPPOSED_KIND: &str = "call.opposed";

/// Calls told of one number at most.
const FROM_MAX: u32 = 1_000;

/// A call that came in, with all that hangs on it; a condition is to be appended.
macro_rules! select_inbound {
    () => {
        "select i.*, c.name as campaign_name, c.endpoint, c.client_id, l.name as client_name,
           t.name as trunk_name, p.key as contact_key, p.from_e164, p.to_e164
         from inbound_call i
           join campaign c on c.id = i.campaign_id
           join client l on l.id = c.client_id
           join trunk t on t.id = i.trunk_id
           left join inbound_call_personal p on p.inbound_id = i.id
         where "
    };
}

statements! {
    HIGHEST = both("select max(id) from inbound_call where id between $1 and $2");
    OPEN = both("select id from inbound_call where ended_at is null order by id");
    RECEIVED = both(
        "insert into inbound_call (id, trunk_id, campaign_id, answered_at)
         values ($1, $2, $3, $4) on conflict (id) do nothing",
    );
    CALLER = together!(
        "insert into inbound_call_personal (inbound_id, key, from_e164, to_e164)
         values ($1, $3, $4, $5) on conflict (inbound_id) do nothing",
        "update inbound_call set person_id = (select id from person where fingerprint = $2)
         where id = $1"
    );
    ENDED = both("update inbound_call set ended_at = $2 where id = $1 and ended_at is null");
    OPPOSED = both(
        "update inbound_call set opposed_at = $2,
           person_id = (select id from person where fingerprint = $3)
         where id = $1 and opposed_at is null",
    );
    CALL = both(concat!(select_inbound!(), "i.id = $1"));
    FROM = both(concat!(
        select_inbound!(),
        "i.person_id = (select id from person where fingerprint = $1)
           and p.inbound_id is not null
         order by i.answered_at desc, i.id desc limit $2"
    ));
    TOLD = together!(
        "insert into outbox (event_id, endpoint, campaign_id, inbound_id, kind, created_at,
           tries, next_try_at)
         values ($1, $2, $3, $7, $4, $5, 0, $5) on conflict do nothing",
        "insert into outbox_personal (event_id, body) values ($1, $6) on conflict do nothing"
    );
    /// The campaigns that called a person, the last one first.
    LAST_CALLER = both(
        "select a.campaign_id from attempt a join person p on p.id = a.person_id
         where p.fingerprint = $1 order by a.opened_at desc limit 100",
    );
}

/// A caller's wish to be called no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOpposition {
    /// The call.
    pub inbound: InboundId,
    /// The trunk that brought it.
    pub trunk: TrunkId,
    /// The campaign it was answered for.
    pub campaign: CampaignId,
    /// The client companies the wish reaches.
    pub clients: Vec<ClientId>,
    /// Who called.
    pub from: Number,
    /// The number called.
    pub called: Number,
    /// When the key was pressed.
    pub at: Wall,
}

/// A call that came in and was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundRow {
    /// The call.
    pub inbound: InboundId,
    /// The trunk's name.
    pub trunk: String,
    /// The campaign it was answered for.
    pub campaign: CampaignId,
    /// The campaign's name.
    pub campaign_name: String,
    /// The campaign's client company.
    pub client: ClientId,
    /// The client company's name.
    pub client_name: String,
    /// Who called; `None` if that was hidden, or was erased.
    pub from: Option<Number>,
    /// The number called; `None` once it was erased.
    pub to: Option<Number>,
    /// When it was answered.
    pub answered: Wall,
    /// When the caller's wish was written down.
    pub opposed: Option<Wall>,
    /// When it ended.
    pub ended: Option<Wall>,
}

impl Store {
    /// Tells which of some campaigns called a person last, if any did.
    ///
    /// # Errors
    /// The database failed.
    pub async fn last_caller(
        &self,
        number: &Number,
        campaigns: &[CampaignId],
    ) -> Result<Option<CampaignId>, StoreError> {
        let rows = LAST_CALLER.bind(self.shared.fingerprints.of(number));
        let rows = rows.fetch_all(&mut self.reader().await?.db()).await?;
        for row in &rows {
            let campaign = CampaignId(row.try_get(0)?);
            if campaigns.contains(&campaign) {
                return Ok(Some(campaign));
            }
        }
        Ok(None)
    }

    /// Writes a caller's wish down, with its event, once for each call. Gives the person-slots of
    /// the consumer.
    ///
    /// # Errors
    /// The database failed; nothing was written.
    pub async fn oppose(&self, new: &NewOpposition) -> Result<Vec<PersonId>, StoreError> {
        let mut writer = self.writer().await;
        let mut entry = writer.begin().await?;
        let (mut db, notes) = entry.parts()?;
        // The record of the call may still be on its way.
        received(new.inbound, new.trunk, new.campaign, new.at).execute(&mut db).await?;
        caller(&mut db, &self.shared, new.inbound, Some(&new.from), &new.called).await?;
        let wish = |client: &ClientId| NewDoNotCall {
            number: new.from.clone(),
            scope: DncScope::Client(*client),
            reason: REASON.to_owned(),
            source: format!("call back {}", new.inbound),
            at: new.at,
            until: None,
        };
        let wishes: Vec<_> = new.clients.iter().map(wish).collect();
        let persons = add_wishes(&mut db, notes, &self.shared, &wishes).await?;
        let fingerprint = self.shared.fingerprints.of(&new.from);
        let opposed = OPPOSED.bind(id(new.inbound)).bind(at(new.at)).bind(fingerprint);
        if opposed.execute(&mut db).await? > 0 {
            tell(&mut db, &self.shared, new.inbound, new.at, true).await?;
        }
        entry.commit().await?;
        self.shared.event_added.notify_one();
        Ok(persons)
    }

    /// Gives a call that came in.
    ///
    /// # Errors
    /// The database failed.
    pub async fn inbound(&self, inbound: InboundId) -> Result<Option<InboundRow>, StoreError> {
        read(&mut self.reader().await?.db(), &self.shared.seals, inbound).await
    }

    /// Lists the calls that came in from a number, the latest first, a thousand at most.
    ///
    /// # Errors
    /// The database failed.
    pub async fn inbound_from(&self, number: &Number) -> Result<Vec<InboundRow>, StoreError> {
        let rows = FROM.bind(self.shared.fingerprints.of(number)).bind(FROM_MAX);
        let rows = rows.fetch_all(&mut self.reader().await?.db()).await?;
        rows.iter().map(|row| inbound_row(&self.shared.seals, row)).collect()
    }
}

/// Reads a call that came in.
pub(super) async fn read(
    db: &mut Db<'_>,
    seals: &Seals,
    inbound: InboundId,
) -> Result<Option<InboundRow>, StoreError> {
    let row = CALL.bind(id(inbound)).fetch_optional(db).await?;
    row.as_ref().map(|row| inbound_row(seals, row)).transpose()
}

/// Ends what a crash left open, each with its event; gives the first free id.
pub(super) async fn recover(
    db: &mut Db<'_>,
    shared: &Shared,
    now: Wall,
) -> Result<u64, StoreError> {
    for row in OPEN.query().fetch_all(db).await? {
        let inbound = InboundId(row.try_get::<i64>(0)?.cast_unsigned());
        ended(db, shared, inbound, now).await?;
    }
    Ok(next_id(db, HIGHEST, shared.node).await?.cast_unsigned())
}

/// Notes that a call was answered.
pub(super) fn received(
    inbound: InboundId,
    trunk: TrunkId,
    campaign: CampaignId,
    moment: Wall,
) -> Query {
    RECEIVED.bind(id(inbound)).bind(trunk.0).bind(campaign.0).bind(at(moment))
}

/// Keeps who called, sealed under a key of the call's own: a caller need not be a contact.
pub(super) async fn caller(
    db: &mut Db<'_>,
    shared: &Shared,
    inbound: InboundId,
    from: Option<&Number>,
    called: &Number,
) -> Result<(), StoreError> {
    let fingerprint = from.map(|from| shared.fingerprints.of(from));
    if let Some(fingerprint) = &fingerprint {
        add_persons(db, shared.node, [fingerprint.as_str()].into_iter()).await?;
    }
    let (seal, key) = shared.seals.draw(Wrap::Centre)?;
    let from = from.map(|from| seal.seal(from.reveal())).transpose()?;
    let caller = CALLER.bind(id(inbound)).bind(fingerprint).bind(key).bind(from);
    caller.bind(seal.seal(called.reveal())?).execute(db).await?;
    Ok(())
}

/// Notes that a call is over, and tells its endpoint once.
pub(super) async fn ended(
    db: &mut Db<'_>,
    shared: &Shared,
    inbound: InboundId,
    moment: Wall,
) -> Result<u32, StoreError> {
    if ENDED.bind(id(inbound)).bind(at(moment)).execute(db).await? == 0 {
        return Ok(0);
    }
    tell(db, shared, inbound, moment, false).await
}

/// Puts the event of a call, or of its wish, into the outbox of its campaign's endpoint.
async fn tell(
    db: &mut Db<'_>,
    shared: &Shared,
    inbound: InboundId,
    moment: Wall,
    opposed: bool,
) -> Result<u32, StoreError> {
    let Some(row) = CALL.bind(id(inbound)).fetch_optional(db).await? else { return Ok(0) };
    let Some(endpoint) = row.try_get::<Option<String>>("endpoint")? else { return Ok(0) };
    let call = inbound_row(&shared.seals, &row)?;
    let body = (shared.tell_inbound)(opposed, &call);
    let body =
        shared.seals.contact(&row)?.map_or_else(|| Ok(body.clone()), |key| key.seal(&body))?;
    let kind = if opposed { OPPOSED_KIND } else { "call.received" };
    let event = format!("evt_{}_{inbound}_{}", shared.instance, u8::from(opposed) + 1);
    TOLD.bind(event)
        .bind(endpoint)
        .bind(call.campaign.0)
        .bind(kind)
        .bind(at(moment))
        .bind(body)
        .bind(id(inbound))
        .execute(db)
        .await?;
    Ok(1)
}

fn inbound_row(seals: &Seals, row: &Row) -> Result<InboundRow, StoreError> {
    let key = seals.contact(row)?;
    let number = |column: &str| {
        let Some(text) = row.try_get::<Option<String>>(column)? else { return Ok(None) };
        let text = plain(key.as_ref(), text)?;
        Ok::<_, StoreError>(text.and_then(|text| Number::new(&text).ok()))
    };
    let moment =
        |column: &str| Ok::<_, StoreError>(row.try_get::<Option<i64>>(column)?.map(Wall::micros));
    Ok(InboundRow {
        inbound: InboundId(row.try_get::<i64>("id")?.cast_unsigned()),
        trunk: row.try_get("trunk_name")?,
        campaign: CampaignId(row.try_get("campaign_id")?),
        campaign_name: row.try_get("campaign_name")?,
        client: ClientId(row.try_get("client_id")?),
        client_name: row.try_get("client_name")?,
        from: number("from_e164")?,
        to: number("to_e164")?,
        answered: Wall::micros(row.try_get("answered_at")?),
        opposed: moment("opposed_at")?,
        ended: moment("ended_at")?,
    })
}

const fn id(inbound: InboundId) -> i64 {
    inbound.0.cast_signed()
}
