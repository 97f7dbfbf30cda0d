//! What a pilot's report is reckoned from: counts per contact, and the agents' time.

use super::Store;
use super::backend::{Db, Row, both, statements};
use super::report::counts;
use super::text::at;
use super::{Pilot, StoreError};
use crate::units::{AgentId, CampaignId, Span, Wall};

statements! {
    /// Counts the contacts that were tried, each once however often it was called.
    TRIED = both(
        "select count(*),
           count(*) filter (where reached + argued > 0),
           coalesce(sum(closed), 0),
           coalesce(sum(argued), 0),
           count(*) filter (where argued + closed = 2),
           coalesce(sum(positive), 0),
           coalesce(sum(appointed), 0),
           coalesce(sum(handled), 0.0),
           coalesce(sum(handled * handled), 0.0)
         from (
           select
             max(case when a.bridged_at is not null and not a.wrong_number
               and coalesce(a.heard, '') not in ('machine', 'fax')
               then 1 else 0 end) as reached,
             max(case when d.class in ('argued_positive', 'argued_negative')
               then 1 else 0 end) as argued,
             max(case when d.class = 'argued_positive' then 1 else 0 end) as positive,
             max(case when a.appointed then 1 else 0 end) as appointed,
             max(case when k.state = 'done' then 1 else 0 end) as closed,
             cast(sum(coalesce(a.wrap_us, 0) + case
               when a.ended_at > a.bridged_at and a.outcome <> 'interrupted'
               then a.ended_at - a.bridged_at else 0 end) as double precision)
               / 1000000.0 as handled
           from attempt a
             left join contact k on k.id = a.contact_id
             left join disposition d
               on d.campaign_id = a.campaign_id and d.code = a.disposition_code
           where a.campaign_id = $1 and a.opened_at >= $2 and a.opened_at < $3
           group by a.contact_id) as tried",
    );
    /// The attempts, the minutes the carrier bills and what the list holds.
    ATTEMPTS = both(
        "select count(*),
           count(*) filter (where wrong_number or outcome = 'invalid'),
           cast(coalesce(sum(case when ended_at > answered_at and outcome <> 'interrupted'
             then ended_at - answered_at else 0 end), 0) as bigint),
           (select count(*) from contact where campaign_id = $1),
           (select count(*) from contact where campaign_id = $1 and state = 'done')
         from attempt where campaign_id = $1 and opened_at >= $2 and opened_at < $3",
    );
    AGENTS = both(
        "select agent_id from agent_campaign where campaign_id = $1
         union
         select agent_id from attempt
         where campaign_id = $1 and opened_at >= $2 and opened_at < $3 and agent_id is not null",
    );
    STATES = both(
        "select at, state, case
             when state in ('reserved', 'talking', 'holding', 'wrapping')
               then (select campaign_id from attempt where call_id = subject)
             when state = 'previewing'
               then (select campaign_id from contact where id = subject)
           end
         from agent_state
         where agent_id = $1 and at < $3 and at >= coalesce(
           (select max(at) from agent_state where agent_id = $1 and at <= $2), $2)
         order by at",
    );
    SERVED = both("select distinct campaign_id from agent_campaign where agent_id = $1");
}

impl Store {
    /// Counts what a pilot's report is reckoned from: what a campaign did from `from`, included,
    /// to `to`, excluded, contact by contact, and the time its agents gave it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn pilot(
        &self,
        campaign: CampaignId,
        from: Wall,
        to: Wall,
    ) -> Result<Pilot, StoreError> {
        // One read transaction, so that the counts agree with each other.
        let mut snapshot = self.readers.snapshot().await?;
        let mut db = snapshot.db();
        let mut pilot = tried(&mut db, campaign, from, to).await?;
        attempts(&mut db, campaign, from, to, &mut pilot).await?;
        for agent in agents(&mut db, campaign, from, to).await? {
            let worked = production(&mut db, agent, campaign, from, to).await?;
            pilot.agents += u32::from(worked > Span::ZERO);
            pilot.production += worked;
        }
        Ok(pilot)
    }
}

/// Counts the contacts that were tried, each once however often it was called.
async fn tried(
    db: &mut Db<'_>,
    campaign: CampaignId,
    from: Wall,
    to: Wall,
) -> Result<Pilot, StoreError> {
    let row = TRIED.bind(campaign.0).bind(at(from)).bind(at(to)).fetch_one(db).await?;
    let [tried, reached, tried_closed, argued, argued_closed, argued_positive, appointments] =
        counts(&row)?;
    Ok(Pilot {
        tried,
        reached,
        tried_closed,
        argued,
        argued_closed,
        argued_positive,
        appointments,
        handled_s: row.try_get(7)?,
        handled_s_squared: row.try_get(8)?,
        ..Pilot::default()
    })
}

/// Counts the attempts, the minutes the carrier bills and what the list holds.
async fn attempts(
    db: &mut Db<'_>,
    campaign: CampaignId,
    from: Wall,
    to: Wall,
    pilot: &mut Pilot,
) -> Result<(), StoreError> {
    let row = ATTEMPTS.bind(campaign.0).bind(at(from)).bind(at(to)).fetch_one(db).await?;
    let billed;
    [pilot.attempts, pilot.attempts_invalid, billed, pilot.contacts, pilot.contacts_closed] =
        counts(&row)?;
    pilot.billed = Span::micros(billed);
    Ok(())
}

/// Names the agents who serve the campaign, or did in the span.
async fn agents(
    db: &mut Db<'_>,
    campaign: CampaignId,
    from: Wall,
    to: Wall,
) -> Result<Vec<AgentId>, StoreError> {
    let rows = AGENTS.bind(campaign.0).bind(at(from)).bind(at(to)).fetch_all(db).await?;
    rows.iter().map(|row| row.try_get(0).map(AgentId)).collect()
}

/// Sums an agent's time for a campaign: signed in for calls, breaks left out.
///
/// The wait before a call belongs to the call's campaign; a wait that no call ended is shared
/// equally among the agent's campaigns.
async fn production(
    db: &mut Db<'_>,
    agent: AgentId,
    campaign: CampaignId,
    from: Wall,
    to: Wall,
) -> Result<Span, StoreError> {
    let rows = STATES.bind(agent.0).bind(at(from)).bind(at(to)).fetch_all(db).await?;
    let states = rows.iter().map(Stretch::read).collect::<Result<Vec<_>, _>>()?;
    let served = SERVED.bind(agent.0).fetch_all(db).await?;
    let served = served.iter().map(|row| row.try_get(0)).collect::<Result<Vec<u32>, _>>()?;
    let (mut worked, mut waited, mut unclaimed) = (Span::ZERO, Span::ZERO, Span::ZERO);
    let ends = states.iter().skip(1).map(|next| next.from).chain([to]);
    for (stretch, end) in states.iter().zip(ends) {
        let lasted = end.since(stretch.from.max(from));
        match (stretch.kind, stretch.campaign) {
            (Kind::Away, _) => {}
            (Kind::Out, _) => unclaimed += std::mem::take(&mut waited),
            (Kind::Working, None) => waited += lasted,
            (Kind::Working, Some(of)) => {
                let wait = std::mem::take(&mut waited);
                if of == campaign {
                    worked += wait + lasted;
                }
            }
        }
    }
    let shared = (unclaimed + waited).as_micros() / (served.len() as u64).max(1);
    let ours = served.contains(&campaign.0);
    Ok(if ours { worked + Span::micros(shared) } else { worked })
}

/// A state of an agent, until the next one.
struct Stretch {
    from: Wall,
    kind: Kind,
    /// The campaign of the call or card it is about.
    campaign: Option<CampaignId>,
}

#[derive(Clone, Copy)]
enum Kind {
    Out,
    Away,
    Working,
}

impl Stretch {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let kind = match row.try_get::<String>(1)?.as_str() {
            "logged_out" => Kind::Out,
            "paused" => Kind::Away,
            _ => Kind::Working,
        };
        Ok(Self {
            from: Wall::micros(row.try_get(0)?),
            kind,
            campaign: row.try_get::<Option<u32>>(2)?.map(CampaignId),
        })
    }
}
