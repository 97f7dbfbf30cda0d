//! What a pilot's report is reckoned from.

use cadran::core::campaign::DispositionClass;
use cadran::core::order::{AgentState, DoneReason, Next, Outcome, Record};
use cadran::engine::handle::{Appointment, Details};
use cadran::store::{DispositionRow, NewAgent, NewCampaign, Pilot, Store, StoreError, Write};
use cadran::units::{AgentId, CallId, CampaignId, PauseId, Span};

use super::fixture::{
    Done, House, LEASE, NOON, REST, call, campaign, closed, contact, list, new_campaign, opened,
    qualified, record,
};

/// A campaign whose dispositions are an appointment, a refusal, a wrong number and an absence, in
/// this order.
pub(crate) fn pilot_campaign(name: &str) -> NewCampaign {
    let disposition =
        |code: &str, class| DispositionRow { code: code.to_owned(), label: code.to_owned(), class };
    NewCampaign {
        endpoint: None,
        dispositions: vec![
            disposition("rdv", DispositionClass::ArguedPositive),
            disposition("refus", DispositionClass::ArguedNegative),
            disposition("faux", DispositionClass::NotArgued),
            disposition("absent", DispositionClass::NotArgued),
        ],
        ..new_campaign(name)
    }
}

/// Fills a campaign with a small pilot: of five contacts four were tried in five calls, by Amina,
/// and by Bruno who serves another campaign too.
pub(crate) async fn fill(store: &Store, essai: CampaignId) -> Result<(), StoreError> {
    let other = campaign(store, "relance").await?;
    list(store, essai, (1..=5).map(|n| contact(&format!("e{n}"), n))).await?;
    list(store, other, [contact("r1", 9)]).await?;
    let done = Next::Done(DoneReason::Qualified);
    let retry = Next::Retry { at: NOON + REST, number: None };
    let told: [(u64, usize, Outcome, Next, Option<u16>); 5] = [
        (1, 0, Outcome::Connected, done, Some(0)),
        (2, 1, Outcome::Connected, done, Some(1)),
        (3, 2, Outcome::NoAnswer, retry, None),
        (4, 2, Outcome::Connected, retry, Some(3)),
        (5, 3, Outcome::Invalid, Next::Done(DoneReason::NoNumber), None),
    ];
    let leads = store.claim(essai, 5, LEASE, NOON).await?.leads;
    for (n, which, outcome, next, said) in told {
        let Some(lead) = leads.get(which) else { return Err(StoreError::Unknown("lead")) };
        let mut writes = vec![opened(n, essai, lead, 1), closed(n, essai, lead, outcome, next)];
        if said == Some(0) {
            let at = "2023-11-27T10:00:00+01:00".to_owned();
            let appointment = Appointment { at, place: None, salesperson: None };
            let details = Details { appointment: Some(appointment), ..Details::default() };
            writes.push(Write::Details { call: call(n), details, at: NOON });
        }
        writes.extend(said.map(|said| qualified(n, essai, lead, said, next)));
        writes.push(record(Record::Completed(call(n)), NOON));
        store.commit(writes).await?;
    }
    let elsewhere = store.claim(other, 1, LEASE, NOON).await?.leads;
    let Some(lead) = elsewhere.first() else { return Err(StoreError::Unknown("lead")) };
    let over = [
        opened(9, other, lead, 1),
        closed(9, other, lead, Outcome::Connected, Next::Untouched),
        record(Record::Completed(call(9)), NOON),
    ];
    store.commit(over.to_vec()).await?;
    work(store, essai, other).await
}

/// Amina works 300 s, rests 100 s and works 200 s; Bruno gives 120 s to the other campaign, 60 s to
/// this one, and waits 200 s for whoever comes.
async fn work(store: &Store, essai: CampaignId, other: CampaignId) -> Result<(), StoreError> {
    use AgentState::{LoggedOut, Paused, Ready, Talking, Wrapping};
    let amina = agent(store, "amina", &[essai]).await?;
    let shift = [
        (0, Ready),
        (100, Talking(call(1))),
        (160, Wrapping(call(1))),
        (200, Ready),
        (300, Paused(PauseId(0))),
        (400, Ready),
        (500, Talking(call(2))),
        (520, Wrapping(call(2))),
        (600, LoggedOut),
    ];
    states(store, amina, &shift).await?;
    let bruno = agent(store, "bruno", &[essai, other]).await?;
    let shift = [
        (0, Ready),
        (60, Talking(call(9))),
        (90, Wrapping(call(9))),
        (120, Ready),
        (150, Talking(call(4))),
        (170, Wrapping(call(4))),
        (180, Ready),
        (380, LoggedOut),
    ];
    states(store, bruno, &shift).await
}

async fn agent(store: &Store, name: &str, campaigns: &[CampaignId]) -> Result<AgentId, StoreError> {
    let new = NewAgent {
        name: name.to_owned(),
        ha1: None,
        contact_uri: None,
        campaigns: campaigns.to_vec(),
        skills: None,
    };
    store.set_agent(&new).await
}

async fn states(
    store: &Store,
    agent: AgentId,
    states: &[(u64, AgentState)],
) -> Result<(), StoreError> {
    let write =
        |&(after, state)| record(Record::AgentState { agent, state }, NOON + Span::secs(after));
    store.commit(states.iter().map(write).collect()).await
}

pub(super) async fn a_pilot_is_counted_by_contacts_and_not_by_calls(house: House) -> Done {
    let store = &house.store;
    let essai = store.set_campaign(&pilot_campaign("essai")).await?;
    fill(store, essai).await?;
    let counted = store.pilot(essai, NOON, NOON + Span::secs(3_600)).await?;
    let expected = Pilot {
        attempts: 5,
        attempts_invalid: 1,
        contacts: 5,
        contacts_closed: 3,
        tried: 4,
        reached: 3,
        tried_closed: 3,
        argued: 2,
        argued_closed: 2,
        argued_positive: 1,
        appointments: 1,
        // Three conversations of 20 s with 8 s of write-up each; one contact was never spoken to.
        handled_s: 84.0,
        handled_s_squared: 2_352.0,
        billed: Span::secs(63),
        production: Span::secs(500 + 60 + 100),
        agents: 2,
    };
    assert_eq!(counted, expected);
    Ok(())
}

pub(super) async fn a_pilot_counts_no_time_before_its_beginning_nor_after_its_end(
    house: House,
) -> Done {
    let store = &house.store;
    let essai = store.set_campaign(&pilot_campaign("essai")).await?;
    fill(store, essai).await?;
    let at = |seconds| NOON + Span::secs(seconds);
    let late = store.pilot(essai, at(450), at(3_600)).await?;
    assert_eq!((late.production, late.agents), (Span::secs(150), 1), "Bruno has left");
    assert_eq!((late.tried, late.attempts, late.contacts), (0, 0, 5));
    let early = store.pilot(essai, at(0), at(130)).await?;
    // Amina's 130 s; Bruno's 10 s of waiting for nobody yet are half ours.
    assert_eq!(early.production, Span::secs(135));
    Ok(())
}

pub(super) async fn nobody_works_while_the_engine_is_gone(house: House) -> Done {
    let essai = house.store.set_campaign(&pilot_campaign("essai")).await?;
    let amina = agent(&house.store, "amina", &[essai]).await?;
    let shift = [(0, AgentState::Ready), (90, AgentState::Wrapping(CallId::of(0, 1)))];
    states(&house.store, amina, &shift).await?;
    let house = house.reopened().await?;
    let tomorrow = NOON + Span::secs(86_400);
    house.store.recover(tomorrow).await?;
    let counted = house.store.pilot(essai, NOON, tomorrow).await?;
    assert_eq!(counted.production, Span::secs(90), "as far as the last sign of life");
    Ok(())
}
