//! Property: any sequence of writes, written twice, leaves the same rows as written once.

use cadran::core::fact::{Callback, DncScope, Lead, SkipReason};
use cadran::core::order::{AgentState, CampaignState, DoneReason, Next, Outcome, Record};
use cadran::engine::handle::Details;
use cadran::store::{Delivery, Then, Write};
use cadran::units::{AgentId, CampaignId, LegId, PauseId, Span};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::fixture::{
    Done, House, LEASE, NOON, bound, bridged, call, campaign, closed, contact, dialog, list,
    opened, qualified, record, refused,
};

/// Contacts the writes speak of.
const CONTACTS: usize = 3;

/// How far the present call of a contact has come.
#[derive(Clone, Copy, Default)]
struct Stage {
    call: Option<u64>,
    closed: bool,
    attempts: u32,
}

/// Turns a random choice into a write that makes sense after the ones before.
struct Story {
    campaign: CampaignId,
    leads: Vec<Lead>,
    stages: [Stage; CONTACTS],
    calls: u64,
    writes: Vec<Write>,
}

impl Story {
    fn step(&mut self, contact: usize, choice: u8, seed: u64) {
        let (campaign, lead) = (self.campaign, self.leads[contact].clone());
        let at = NOON + Span::secs(self.writes.len() as u64 / 2);
        let next = match seed % 4 {
            0 => Next::Retry { at: at + Span::secs(seed), number: None },
            1 => Next::Callback(Callback { at: at + Span::secs(seed), agent: Some(AgentId(1)) }),
            2 => Next::Done(DoneReason::Qualified),
            _ => Next::Untouched,
        };
        let stage = &mut self.stages[contact];
        match (choice % 8, stage.call) {
            (0..4, None) => {
                self.calls += 1;
                stage.attempts += 1;
                stage.call = Some(self.calls);
                self.writes.push(opened(self.calls, campaign, &lead, stage.attempts));
            }
            (0 | 1, Some(n)) if !stage.closed => {
                stage.closed = true;
                let outcome =
                    if seed.is_multiple_of(5) { Outcome::Invalid } else { Outcome::Connected };
                self.writes.push(closed(n, campaign, &lead, outcome, next));
            }
            (0 | 1, Some(n)) => {
                *stage = Stage { attempts: stage.attempts, ..Stage::default() };
                self.writes.push(record(Record::Completed(call(n)), at));
            }
            (2, Some(n)) => {
                let disposition = u16::try_from(seed % 4).unwrap_or(0);
                self.writes.push(qualified(n, campaign, &lead, disposition, next));
            }
            (3, Some(n)) => {
                let mut details = Details { amount_cents: Some(100), ..Details::default() };
                details.changed_fields.insert("ville".to_owned(), seed.to_string());
                self.writes.push(Write::Details { call: call(n), details, at });
            }
            (4, Some(n)) => {
                let agent = u32::try_from(seed).unwrap_or(1);
                self.writes.push(bridged(n, agent));
            }
            (4, None) => self.writes.push(refused(campaign, lead.contact, next, at)),
            (5, None) => {
                let (contact, reason) = (lead.contact, SkipReason::Later);
                let agent = AgentId(1);
                let skip = Record::Skipped { campaign, contact, agent, reason, next };
                self.writes.push(record(skip, at));
            }
            _ => self.aside(contact, seed),
        }
    }

    /// What concerns no contact's course.
    fn aside(&mut self, contact: usize, seed: u64) {
        let at = NOON + Span::secs(self.writes.len() as u64 / 3);
        let leg = LegId(seed % 3);
        let agent = AgentId(1);
        let state =
            if seed.is_multiple_of(2) { AgentState::Ready } else { AgentState::Paused(PauseId(2)) };
        let campaign = self.campaign;
        let write = match seed % 12 {
            0 => Write::Dialog { leg, call: None, dialog: dialog(&seed.to_string()) },
            1 => Write::DialogGone(leg),
            2 | 8 => record(Record::AgentState { agent, state }, at),
            3 | 9 => record(Record::CampaignState { campaign, state: CampaignState::Running }, at),
            4 | 10 => {
                let Some(number) = self.leads[contact].numbers.first() else { return };
                let (person, scope) = (number.person, DncScope::Campaign(campaign));
                record(Record::DoNotCall { person, scope, call: Some(call(seed)) }, at)
            }
            6 => bound(agent, u16::try_from(seed).unwrap_or(0), at),
            7 => Write::BindingGone(agent),
            _ => Write::Delivery(Delivery {
                event: "evt_known".to_owned(),
                tries: 1 + u32::try_from(seed % 3).unwrap_or(0),
                at,
                status: Some(500),
                error: None,
                then: if seed.is_multiple_of(4) { Then::Disable } else { Then::Retry(at) },
            }),
        };
        self.writes.push(write);
    }
}

async fn replayed(house: &House, nth: u64, choices: &[(usize, u8, u64)]) -> Done {
    let store = &house.store;
    let campaign = campaign(store, &format!("vente {nth}")).await?;
    list(store, campaign, (0..3).map(|n| contact(&format!("c{n}"), n))).await?;
    let leads = store.claim(campaign, 3, LEASE, NOON).await?.leads;
    store
        .add_event(&cadran::store::NewEvent {
            id: "evt_known".to_owned(),
            endpoint: "crm".to_owned(),
            kind: "webhook.test".to_owned(),
            body: String::new(),
            created: NOON,
        })
        .await?;
    let stages = [Stage::default(); CONTACTS];
    let mut story = Story { campaign, leads, stages, calls: nth * CALLS, writes: Vec::new() };
    for &(contact, choice, seed) in choices {
        story.step(contact, choice, seed);
    }
    for chunk in story.writes.chunks(3) {
        store.commit(chunk.to_vec()).await?;
    }
    let once = house.dump().await?;
    store.commit(story.writes).await?;
    let twice = house.dump().await?;
    for ((table, once), (_, twice)) in once.iter().zip(&twice) {
        let (once, twice) = (without_seals(once), without_seals(twice));
        assert_eq!(once, twice, "table {table} after {choices:?}");
    }
    Ok(())
}

/// Takes sealed texts out of rows: the same text sealed again is another.
fn without_seals(rows: &str) -> String {
    let mut parts = rows.split("s1:");
    let mut left = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let sealed = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
        left.push_str(part.trim_start_matches(sealed));
    }
    left
}

/// Random stories told to each engine.
const STORIES: u64 = 32;

/// Calls of a story at most.
const CALLS: u64 = 1_000;

pub(super) async fn writes_written_twice_leave_the_same_rows(house: House) -> Done {
    let mut runner = TestRunner::default();
    let choices = prop::collection::vec((0..CONTACTS, any::<u8>(), 0..1_000_u64), 1..60);
    for story in 0..STORIES {
        let choices = choices.new_tree(&mut runner).map_err(|reason| reason.to_string())?.current();
        replayed(&house, story, &choices).await?;
    }
    Ok(())
}
