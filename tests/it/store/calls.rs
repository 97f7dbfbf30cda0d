//! Claims, calls, and what a crash leaves of them.

use std::collections::BTreeSet;

use cadran::core::fact::{Callback, DncScope, Lead, SkipReason, Supply};
use cadran::core::order::{
    AgentState, CampaignState, DoneReason, Next, Outcome, Record, RuleRefusal, Stage,
};
use cadran::core::rules::{Refusal, RuleId};
use cadran::engine::clock::Clock;
use cadran::engine::handle::Details;
use cadran::store::{
    CallFilter, Fault, ImportSource, NewAgent, NewContact, NewDoNotCall, STILL_THERE, StoreError,
    Write,
};
use cadran::units::{AgentId, CampaignId, ContactId, LegId, PauseId, Span, Territory};

use super::fixture::{
    Done, House, LEASE, NOON, REST, announce, binding, bound, call, campaign, closed, contact,
    dialog, list, mobile, new_campaign, number_of, opened, qualified, record, refused, source,
    spent, tell, with_priority,
};

pub(super) async fn a_claim_leases_callbacks_first_then_by_priority_and_age(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    let urgent = with_priority(contact("urgent", 1), 1);
    let later = contact("later", 2);
    let promised = with_priority(contact("promised", 3), 9);
    let future = with_priority(contact("future", 4), 1);
    list(store, campaign, [later, urgent, promised, future]).await?;
    let all = store.claim(campaign, 10, LEASE, NOON).await?;
    let of = |name: &str| {
        let card = all.cards.values().find(|card| card.external_id.as_deref() == Some(name));
        card.map(|card| card.contact).ok_or("no card")
    };
    let back = [
        (of("promised")?, Next::Callback(Callback { at: NOON, agent: Some(AgentId(3)) })),
        (of("future")?, Next::Retry { at: NOON + Span::secs(3_600), number: None }),
        (of("urgent")?, Next::Untouched),
        (of("later")?, Next::Untouched),
    ];
    for (contact, next) in back {
        store.commit(vec![refused(campaign, contact, next, NOON)]).await?;
    }
    let again = store.claim(campaign, 10, LEASE, NOON + Span::secs(1)).await?;
    let order: Vec<ContactId> = again.leads.iter().map(|lead| lead.contact).collect();
    assert_eq!(order, [of("promised")?, of("urgent")?, of("later")?]);
    let first = again.leads.first().ok_or("no lead")?;
    assert_eq!(first.callback, Some(Callback { at: NOON, agent: Some(AgentId(3)) }));
    assert_eq!(again.supply.next_due, Some(NOON + Span::secs(1) + LEASE), "the leases end first");
    Ok(())
}

pub(super) async fn a_leased_contact_is_free_again_when_its_lease_ends_or_is_given_back(
    house: House,
) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [contact("a", 1), contact("b", 2)]).await?;
    let leased = store.claim(campaign, 10, LEASE, NOON).await?;
    assert_eq!(leased.leads.len(), 2);
    assert_eq!(store.claim(campaign, 10, LEASE, NOON).await?.leads.len(), 0);
    let given = leased.leads.first().ok_or("no lead")?.contact;
    store.release(&[given]).await?;
    let again = store.claim(campaign, 10, LEASE, NOON).await?;
    assert_eq!(again.leads.iter().map(|lead| lead.contact).collect::<Vec<_>>(), [given]);
    let after = NOON + LEASE;
    assert_eq!(store.claim(campaign, 10, LEASE, after).await?.leads.len(), 2);
    Ok(())
}

pub(super) async fn a_contact_in_a_call_is_not_claimed_before_the_call_is_completed(
    house: House,
) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [contact("a", 1)]).await?;
    let lead = house.first_lead(campaign).await?;
    store.commit(vec![opened(1, campaign, &lead, 1)]).await?;
    store.release(&[lead.contact]).await?;
    let late = NOON + LEASE + LEASE;
    assert_eq!(store.claim(campaign, 1, LEASE, late).await?.leads.len(), 0, "dialling");
    let outlook = store.outlook(campaign, late).await?;
    assert_eq!(outlook.supply, Supply::default(), "nothing waits for its time");
    store.commit(vec![closed(1, campaign, &lead, Outcome::Connected, Next::Untouched)]).await?;
    let held = store.claim(campaign, 1, LEASE, late).await?;
    assert_eq!((held.leads.len(), held.supply.waiting), (0, 1), "the agent writes it up");
    store.commit(vec![record(Record::Completed(call(1)), NOON)]).await?;
    assert_eq!(store.claim(campaign, 1, LEASE, late).await?.leads.len(), 1);
    Ok(())
}

pub(super) async fn two_claims_at_once_never_give_the_same_contact(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, (0..200).map(|n| contact(&format!("c{n}"), n))).await?;
    let claim = || store.claim(campaign, 30, LEASE, NOON);
    let (a, b, c, d) = tokio::join!(claim(), claim(), claim(), claim());
    let mut given = Vec::new();
    for claimed in [a?, b?, c?, d?] {
        given.extend(claimed.leads.into_iter().map(|lead| lead.contact));
    }
    assert_eq!(given.len(), 120);
    assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), 120);
    Ok(())
}

pub(super) async fn a_lead_tells_what_the_gate_must_know(house: House) -> Done {
    let store = &house.store;
    let (here, elsewhere) = (campaign(store, "vente").await?, campaign(store, "relance").await?);
    let mut two = contact("a", 1);
    two.numbers.push(mobile(2));
    list(store, elsewhere, [two.clone()]).await?;
    let other = house.first_lead(elsewhere).await?;
    for n in 0..20 {
        store
            .commit(vec![
                opened(n, elsewhere, &other, 1),
                closed(n, elsewhere, &other, Outcome::NoAnswer, Next::Untouched),
                record(Record::Completed(call(n)), NOON),
            ])
            .await?;
    }
    list(store, here, [two]).await?;
    let wish = NewDoNotCall {
        number: number_of(2)?,
        scope: DncScope::Everyone,
        reason: "a letter".to_owned(),
        source: "test".to_owned(),
        at: NOON,
        until: None,
    };
    store.add_do_not_call(&[wish]).await?;
    let claimed = store.claim(here, 1, LEASE, NOON).await?;
    let lead = claimed.leads.first().ok_or("no lead")?;
    let [fixed, mobile] = lead.numbers.as_slice() else { return Err("two numbers".into()) };
    assert_eq!(fixed.person, other.numbers.first().ok_or("none")?.person, "one slot per number");
    assert_eq!(fixed.recent.len(), 16, "at most 16, pooled over the client's campaigns");
    assert!(fixed.recent.is_sorted());
    assert_eq!((fixed.do_not_call, mobile.do_not_call), (true, true), "one consumer");
    assert_eq!(claimed.digits.get(&mobile.number), Some(&number_of(2)?));
    assert_eq!(fixed.zone.name(), "Europe/Paris");
    Ok(())
}

pub(super) async fn a_claim_counts_what_the_list_still_holds(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, (0..10).map(|n| contact(&format!("c{n}"), n))).await?;
    let claimed = store.claim(campaign, 4, LEASE, NOON).await?;
    assert_eq!((claimed.supply.due, claimed.supply.waiting), (6, 4));
    let lead = claimed.leads.first().ok_or("no lead")?;
    let done = refused(campaign, lead.contact, Next::Done(DoneReason::DoNotCall), NOON);
    store.commit(vec![done]).await?;
    let claimed = store.claim(campaign, 0, LEASE, NOON).await?;
    assert_eq!((claimed.supply.due, claimed.supply.waiting), (6, 3));
    Ok(())
}

pub(super) async fn a_closed_call_decides_when_its_contact_is_due(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [contact("a", 1)]).await?;
    let lead = house.first_lead(campaign).await?;
    let due = NOON + Span::secs(900);
    store
        .commit(vec![
            opened(1, campaign, &lead, 1),
            closed(1, campaign, &lead, Outcome::Busy, Next::Retry { at: due, number: None }),
            record(Record::Completed(call(1)), NOON),
        ])
        .await?;
    let early = store.claim(campaign, 1, LEASE, due - Span::micros(1)).await?;
    assert_eq!((early.leads.len(), early.supply.next_due), (0, Some(due)));
    let claimed = store.claim(campaign, 1, LEASE, due).await?;
    let again = claimed.leads.first().ok_or("not due")?;
    assert_eq!(again.attempts, 1);
    Ok(())
}

pub(super) async fn a_disposition_overrules_the_close_whichever_comes_first(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [contact("a", 1), contact("b", 2)]).await?;
    let claimed = store.claim(campaign, 2, LEASE, NOON).await?;
    let promise = Next::Callback(Callback { at: NOON + REST, agent: None });
    for (n, lead) in (1..).zip(&claimed.leads) {
        let close =
            closed(n, campaign, lead, Outcome::Connected, Next::Retry { at: NOON, number: None });
        let said = qualified(n, campaign, lead, 0, promise);
        let (first, second) = if n == 1 { (close, said) } else { (said, close) };
        let done = record(Record::Completed(call(n)), NOON);
        store.commit(vec![opened(n, campaign, lead, 1), first, second, done]).await?;
        let card = store.card(lead.contact).await?.ok_or("no card")?;
        let callback = card.callback.ok_or("the promise was lost")?;
        assert_eq!(callback, Callback { at: NOON + REST, agent: None }, "call {n}");
    }
    Ok(())
}

pub(super) async fn a_wrong_number_is_not_given_as_usable_again(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    let mut two = contact("a", 1);
    two.numbers.push(mobile(2));
    list(store, campaign, [two]).await?;
    let lead = house.first_lead(campaign).await?;
    let retry = Next::Retry { at: NOON, number: None };
    store
        .commit(vec![
            opened(1, campaign, &lead, 1),
            closed(1, campaign, &lead, Outcome::Connected, retry),
            qualified(1, campaign, &lead, 2, retry),
            record(Record::Completed(call(1)), NOON),
        ])
        .await?;
    let invalid =
        |lead: &Lead| -> Vec<bool> { lead.numbers.iter().map(|number| number.invalid).collect() };
    let lead = house.first_lead(campaign).await?;
    assert_eq!(invalid(&lead), [true, false], "the agent said so");
    let mut tried = lead.clone();
    tried.numbers.remove(0);
    store
        .commit(vec![
            opened(2, campaign, &tried, 2),
            closed(2, campaign, &tried, Outcome::Invalid, retry),
            record(Record::Completed(call(2)), NOON),
        ])
        .await?;
    assert_eq!(invalid(&house.first_lead(campaign).await?), [true, true], "the network said so");
    Ok(())
}

pub(super) async fn a_completed_call_leaves_one_event_with_its_whole_story(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [contact("crm-7", 1)]).await?;
    let lead = house.first_lead(campaign).await?;
    let mut details = Details { notes: Some("rappeler le soir".to_owned()), ..Details::default() };
    details.changed_fields.insert("ville".to_owned(), "Lyon".to_owned());
    details.amount_cents = Some(12_900);
    let done = record(Record::Completed(call(1)), NOON + Span::secs(90));
    store.commit(vec![opened(1, campaign, &lead, 1)]).await?;
    let close = closed(1, campaign, &lead, Outcome::Connected, Next::Untouched);
    let said = qualified(1, campaign, &lead, 1, Next::Done(DoneReason::Qualified));
    let write = Write::Details { call: call(1), details: details.clone(), at: NOON };
    store.commit(vec![close, write, said, done.clone()]).await?;
    store.commit(vec![done]).await?;
    let events = store.events(None, false, 10).await?;
    let [event] = events.as_slice() else { return Err("exactly one event".into()) };
    assert_eq!((event.kind.as_str(), event.endpoint.as_str()), ("call.completed", "crm"));
    assert!(!event.id.contains('.'), "Standard Webhooks: an id has no full stop");
    let row = store.call(call(1)).await?.ok_or("no call")?;
    assert_eq!(event.body, tell(1, &row), "the body tells the row as it was committed");
    assert_eq!(row.details, details);
    assert_eq!(row.external_id.as_deref(), Some("crm-7"));
    assert_eq!((row.to, row.from), (Some(number_of(1)?), Some(number_of(900)?)));
    let said = row.disposition.ok_or("no disposition")?;
    assert_eq!((said.code.as_str(), said.label.as_str()), ("vente", "Vente"));
    let card = store.card(lead.contact).await?.ok_or("no card")?;
    assert_eq!(card.fields.get("ville").map(String::as_str), Some("Lyon"));
    assert!(card.done);
    Ok(())
}

pub(super) async fn a_campaign_without_an_endpoint_leaves_no_event(house: House) -> Done {
    let store = &house.store;
    let mut silent = new_campaign("silencieuse");
    silent.endpoint = None;
    let campaign = store.set_campaign(&silent).await?;
    list(store, campaign, [contact("a", 1)]).await?;
    let lead = house.first_lead(campaign).await?;
    store
        .commit(vec![
            opened(1, campaign, &lead, 1),
            closed(1, campaign, &lead, Outcome::Busy, Next::Untouched),
            record(Record::Completed(call(1)), NOON),
        ])
        .await?;
    assert!(store.events(None, false, 10).await?.is_empty());
    assert!(store.call(call(1)).await?.ok_or("no call")?.completed.is_some());
    Ok(())
}

pub(super) async fn a_crash_closes_open_attempts_as_interrupted_once(house: House) -> Done {
    let campaign = campaign(&house.store, "vente").await?;
    let names = (1..=4).map(|n| contact(&format!("c{n}"), n));
    list(&house.store, campaign, names).await?;
    let leads = house.store.claim(campaign, 4, LEASE, NOON).await?.leads;
    for (n, lead) in (1..).zip(&leads) {
        let mut writes = vec![opened(n, campaign, lead, 1)];
        if n >= 2 {
            writes.push(closed(n, campaign, lead, Outcome::Connected, Next::Untouched));
        }
        if n >= 3 {
            writes.push(qualified(n, campaign, lead, 1, Next::Done(DoneReason::Qualified)));
        }
        if n >= 4 {
            writes.push(record(Record::Completed(call(n)), NOON));
        }
        house.store.commit(writes).await?;
    }
    let mut house = house;
    for crash in 1..=3 {
        house = house.reopened().await?;
        let found = house.store.recover(NOON + REST).await?;
        assert_eq!(found.interrupted, if crash == 1 { vec![call(1)] } else { vec![] });
        assert_eq!(found.first_call, 5, "the next call gets a new number");
    }
    let events = house.store.events(None, false, 100).await?;
    let ids: BTreeSet<&str> = events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!((events.len(), ids.len()), (4, 4), "one event per attempt");
    let rows = house.store.calls(&CallFilter::default(), None, 10).await?.rows;
    assert!(rows.iter().all(|row| row.ended.is_some() && row.completed.is_some()));
    let cut: Vec<_> = rows.iter().filter(|row| row.outcome == Some(Outcome::Interrupted)).collect();
    assert_eq!(cut.iter().map(|row| row.call).collect::<Vec<_>>(), [call(1)]);
    let now = house.store.claim(campaign, 9, LEASE, NOON + REST).await?;
    assert_eq!(now.leads.len(), 1, "the second call's contact stayed untouched");
    let rested = house.store.claim(campaign, 9, LEASE, NOON + REST + REST).await?;
    assert!(rested.leads.iter().any(|lead| lead.attempts == 1));
    Ok(())
}

pub(super) async fn a_crash_keeps_the_promise_of_the_callback_it_cut(house: House) -> Done {
    let campaign = campaign(&house.store, "vente").await?;
    list(&house.store, campaign, [contact("a", 1), contact("b", 2)]).await?;
    let leads = house.store.claim(campaign, 2, LEASE, NOON).await?.leads;
    let far = NOON + REST + REST + REST;
    for (n, lead) in (1..).zip(&leads) {
        let promise = Callback { at: NOON, agent: Some(AgentId(3)) };
        let promised = refused(campaign, lead.contact, Next::Callback(promise), NOON);
        let mut writes = vec![promised, opened(n, campaign, lead, 1)];
        if n == 2 {
            let anew = Next::Callback(Callback { at: far, agent: None });
            writes.push(qualified(n, campaign, lead, 1, anew));
        }
        house.store.commit(writes).await?;
    }
    let house = house.reopened().await?;
    house.store.recover(NOON + REST).await?;
    let due = NOON + REST + REST;
    let mut promises = Vec::new();
    for lead in &leads {
        promises.push(house.store.card(lead.contact).await?.ok_or("no card")?.callback);
    }
    let kept = Callback { at: due, agent: Some(AgentId(3)) };
    assert_eq!(promises, [Some(kept), Some(Callback { at: far, agent: None })]);
    let early = house.store.claim(campaign, 9, LEASE, due - Span::micros(1)).await?;
    assert_eq!(early.leads, [], "a person just cut off is not called at once");
    let again = house.store.claim(campaign, 9, LEASE, due).await?;
    let again: Vec<_> = again.leads.iter().map(|lead| (lead.callback, lead.attempts)).collect();
    assert_eq!(again, [(Some(kept), 1)]);
    Ok(())
}

pub(super) async fn a_lead_tells_that_its_person_was_abandoned_under_another_contact(
    house: House,
) -> Done {
    let (vente, suivi) =
        (campaign(&house.store, "vente").await?, campaign(&house.store, "suivi").await?);
    list(&house.store, vente, [contact("a", 1), contact("b", 2)]).await?;
    let same = ImportSource { sha256: "another".to_owned(), ..source("autre.csv") };
    house.store.import(suivi, &same, [contact("x", 1), contact("y", 2)], async || false).await?;
    let leads = house.store.claim(vente, 2, LEASE, NOON).await?.leads;
    let later = Next::Retry { at: NOON + LEASE + LEASE, number: None };
    for (n, outcome) in [(1, Outcome::Abandoned), (2, Outcome::NoAnswer)] {
        let lead = leads.get(usize::try_from(n - 1)?).ok_or("no lead")?;
        let done = record(Record::Completed(call(n)), NOON);
        let closed = closed(n, vente, lead, outcome, later);
        house.store.commit(vec![opened(n, vente, lead, 1), closed, done]).await?;
    }
    let house = house.reopened().await?;
    house.store.recover(NOON + REST).await?;
    let claimed = house.store.claim(suivi, 2, LEASE, NOON + REST).await?.leads;
    let abandoned: Vec<_> =
        claimed.iter().flat_map(|lead| &lead.numbers).map(|number| number.abandoned).collect();
    assert_eq!(abandoned, [Some(NOON + Span::secs(28)), None]);
    Ok(())
}

pub(super) async fn a_lead_tells_whose_law_holds_and_that_its_person_refused(house: House) -> Done {
    let (vente, suivi) =
        (campaign(&house.store, "vente").await?, campaign(&house.store, "suivi").await?);
    let there = |mut contact: NewContact| {
        contact.numbers.iter_mut().for_each(|number| number.territory = Territory::new("FR").ok());
        contact
    };
    list(&house.store, vente, [there(contact("a", 1)), contact("b", 2)]).await?;
    let same = ImportSource { sha256: "another".to_owned(), ..source("autre.csv") };
    let list = [there(contact("x", 1)), contact("y", 2)];
    house.store.import(suivi, &same, list, async || false).await?;
    let leads = house.store.claim(vente, 2, LEASE, NOON).await?.leads;
    for (n, disposition) in [(1, 3), (2, 0)] {
        let lead = leads.get(usize::try_from(n - 1)?).ok_or("no lead")?;
        let next = Next::Done(DoneReason::Qualified);
        let done = record(Record::Completed(call(n)), NOON);
        let closed = closed(n, vente, lead, Outcome::Connected, next);
        let said = qualified(n, vente, lead, disposition, next);
        house.store.commit(vec![opened(n, vente, lead, 1), closed, said, done]).await?;
    }
    let claimed = house.store.claim(suivi, 2, LEASE, NOON + REST).await?.leads;
    let numbers = claimed.iter().flat_map(|lead| &lead.numbers);
    let told: Vec<_> = numbers.map(|n| (n.territory.as_ref(), n.refused)).collect();
    let france = Territory::new("FR")?;
    assert_eq!(told, [(Some(&france), Some(NOON + Span::secs(36))), (None, None)]);
    Ok(())
}

pub(super) async fn a_consumer_is_one_whatever_the_number_called(house: House) -> Done {
    let (vente, suivi) =
        (campaign(&house.store, "vente").await?, campaign(&house.store, "suivi").await?);
    let mut two = contact("a", 1);
    two.numbers.push(mobile(2));
    list(&house.store, vente, [two]).await?;
    let same = ImportSource { sha256: "another".to_owned(), ..source("autre.csv") };
    let both = [contact("x", 2), contact("y", 3)];
    house.store.import(suivi, &same, both, async || false).await?;
    let lead = house.first_lead(vente).await?;
    let next = Next::Done(DoneReason::Qualified);
    let done = record(Record::Completed(call(1)), NOON);
    let closed = closed(1, vente, &lead, Outcome::Connected, next);
    let said = qualified(1, vente, &lead, 3, next);
    house.store.commit(vec![opened(1, vente, &lead, 1), closed, said, done]).await?;
    let claimed = house.store.claim(suivi, 2, LEASE, NOON + REST).await?.leads;
    let numbers = claimed.iter().flat_map(|lead| &lead.numbers);
    let told: Vec<_> = numbers.map(|number| (number.recent.len(), number.refused)).collect();
    assert_eq!(told, [(1, Some(NOON + Span::secs(36))), (0, None)]);
    Ok(())
}

pub(super) async fn a_crash_gives_dialogs_leases_and_call_numbers_back(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [contact("a", 1), contact("b", 2)]).await?;
    store.claim(campaign, 2, Span::secs(86_400), NOON).await?;
    let agent = NewAgent {
        name: "amina".to_owned(),
        ha1: None,
        contact_uri: None,
        campaigns: vec![campaign],
        skills: None,
    };
    let agent = store.set_agent(&agent).await?;
    let state = CampaignState::Running;
    store
        .commit(vec![
            Write::Dialog { leg: LegId(7), call: None, dialog: dialog("seven") },
            Write::Dialog { leg: LegId(9), call: Some(call(1)), dialog: dialog("nine") },
            Write::DialogGone(LegId(7)),
            record(Record::AgentState { agent, state: AgentState::Ready }, NOON),
            record(Record::CampaignState { campaign, state }, NOON),
        ])
        .await?;
    let house = house.reopened().await?;
    let found = house.store.recover(NOON).await?;
    assert_eq!(found.dialogs, [(LegId(9), dialog("nine"))]);
    assert_eq!((found.first_leg, found.first_call), (10, 1));
    assert_eq!(found.campaigns.first().map(|row| row.state), Some(CampaignState::Running));
    assert_eq!(found.agents.first().map(|row| row.state), Some(AgentState::LoggedOut));
    assert_eq!(house.store.claim(campaign, 9, LEASE, NOON).await?.leads.len(), 2);
    Ok(())
}

pub(super) async fn a_crash_tells_who_was_at_work(mut house: House) -> Done {
    let mut ids = Vec::new();
    for name in ["amina", "basile", "chloe"] {
        let agent = NewAgent {
            name: name.to_owned(),
            ha1: None,
            contact_uri: None,
            campaigns: Vec::new(),
            skills: None,
        };
        ids.push(house.store.set_agent(&agent).await?);
    }
    let [amina, basile, chloe] = ids[..] else { return Err("three agents".into()) };
    let states = [
        (amina, AgentState::Talking(call(1))),
        (basile, AgentState::Paused(PauseId(2))),
        (chloe, AgentState::LoggedOut),
    ];
    let at_work = &states[..2];
    // Each day: how long after the last states the engine still lived, how long it was gone then.
    let days = [
        (Span::ZERO, STILL_THERE, at_work),
        (Span::ZERO, STILL_THERE + Span::millis(1), &[]),
        (Span::secs(9_000), STILL_THERE, at_work),
        (Span::secs(9_000), STILL_THERE + Span::millis(1), &[]),
    ];
    for (nth, (lived, gone, there)) in (0..).zip(days) {
        let noon = NOON + Span::secs(86_400 * nth);
        let is = states.map(|(agent, state)| record(Record::AgentState { agent, state }, noon));
        house.store.commit(is.into()).await?;
        house.store.note_alive(noon + lived).await?;
        house = house.reopened().await?;
        let found = house.store.recover(noon + lived + gone).await?;
        assert_eq!(found.at_work, there, "{lived:?} {gone:?}");
        assert!(found.agents.iter().all(|row| row.state == AgentState::LoggedOut));
    }
    Ok(())
}

pub(super) async fn a_crash_gives_back_where_phones_were_registered(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    let mut ids = Vec::new();
    for name in ["amina", "basile", "chloe", "driss", "emile"] {
        let agent = NewAgent {
            name: name.to_owned(),
            ha1: None,
            contact_uri: None,
            campaigns: vec![campaign],
            skills: None,
        };
        ids.push(store.set_agent(&agent).await?);
    }
    let [amina, basile, chloe, driss, emile] = ids[..] else { return Err("five agents".into()) };
    store
        .commit(vec![
            bound(amina, 5_061, NOON + REST),
            bound(amina, 5_062, NOON + REST.times(2)),
            bound(basile, 5_063, NOON),
            bound(chloe, 5_064, NOON + REST),
            Write::BindingGone(chloe),
            bound(driss, 5_065, NOON + REST),
            Write::Bindings {
                agent: emile,
                bindings: vec![
                    (binding(5_067), NOON + REST),
                    (binding(5_068), NOON),
                    (binding(5_066), NOON + REST.times(2)),
                ],
            },
        ])
        .await?;
    store.remove_agent(driss).await?;
    let house = house.reopened().await?;
    let found = house.store.recover(NOON).await?;
    let wanted = [
        (amina, binding(5_062), NOON + REST.times(2)),
        (emile, binding(5_067), NOON + REST),
        (emile, binding(5_066), NOON + REST.times(2)),
    ];
    assert_eq!(found.bindings, wanted, "each in its time, and in the order of the logins");
    Ok(())
}

pub(super) async fn an_attempt_of_an_unknown_campaign_is_refused_alone(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [contact("a", 1)]).await?;
    let lead = house.first_lead(campaign).await?;
    let bad = store.commit(vec![opened(1, CampaignId(99), &lead, 1)]);
    let good = store.commit(vec![opened(2, campaign, &lead, 1)]);
    let (bad, good) = tokio::join!(bad, good);
    let error = bad.expect_err("campaign 99 does not exist");
    assert!(matches!(error, StoreError::Unknown("campaign")), "{error}");
    assert_eq!((error.fault(), error.again()), (Fault::Caller, false));
    good?;
    assert!(store.call(call(1)).await?.is_none());
    assert!(store.call(call(2)).await?.is_some());
    Ok(())
}

pub(super) async fn a_refused_or_skipped_contact_goes_where_the_core_says(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [contact("a", 1), contact("b", 2)]).await?;
    let leads = store.claim(campaign, 2, LEASE, NOON).await?.leads;
    let [a, b] = leads.as_slice() else { return Err("two leads".into()) };
    let due = NOON + Span::secs(10);
    let skipped = Record::Skipped {
        campaign,
        contact: b.contact,
        agent: AgentId(1),
        reason: SkipReason::BadRecord,
        next: Next::Done(DoneReason::Skipped),
    };
    let no = refused(campaign, a.contact, Next::Retry { at: due, number: None }, NOON);
    store.commit(vec![no, record(skipped, NOON)]).await?;
    assert_eq!(store.claim(campaign, 9, LEASE, NOON).await?.leads.len(), 0);
    let later = store.claim(campaign, 9, LEASE, due).await?;
    assert_eq!(later.leads.iter().map(|lead| lead.contact).collect::<Vec<_>>(), [a.contact]);
    let stats = store.stats(campaign, NOON, due).await?;
    assert_eq!(stats.refused.get("window"), Some(&1));
    assert_eq!((stats.contacts, stats.contacts_done), (2, 1));
    Ok(())
}

pub(super) async fn a_refusal_that_was_none_lets_the_consumers_contacts_go(house: House) -> Done {
    let store = &house.store;
    let (vente, autre) = (campaign(store, "vente").await?, campaign(store, "autre").await?);
    list(store, vente, [contact("a", 1)]).await?;
    list(store, autre, [contact("b", 1), contact("c", 2)]).await?;
    let lead = house.first_lead(vente).await?;
    let day = NOON + Span::secs(61 * 86_400);
    let next = Next::Retry { at: day, number: None };
    let talk = closed(1, vente, &lead, Outcome::Connected, next);
    let refus = qualified(1, vente, &lead, 3, next);
    store.commit(vec![opened(1, vente, &lead, 1), talk, refus]).await?;
    for other in store.claim(autre, 2, LEASE, NOON).await?.leads {
        let number = other.numbers.first().ok_or("a number")?.number;
        let refusal = RuleRefusal {
            campaign: autre,
            contact: other.contact,
            number,
            stage: Stage::Hopper,
            refusal: Refusal { rule: RuleId::Refused, law: None, until: Some(day) },
            receipt: None,
            next,
            at: NOON,
        };
        store.commit(vec![record(Record::Refused(refusal), NOON)]).await?;
    }
    let due = async || {
        let leads = store.claim(autre, 9, LEASE, NOON + REST).await?.leads;
        Ok::<_, StoreError>(leads.iter().map(|lead| lead.contact).collect::<Vec<_>>())
    };
    assert_eq!(due().await?, []);
    // The same word again frees nobody; another word frees those of this consumer.
    store.commit(vec![qualified(1, vente, &lead, 3, next)]).await?;
    assert_eq!(due().await?, []);
    store.commit(vec![qualified(1, vente, &lead, 0, next)]).await?;
    assert_eq!(store.stale_stock().await, autre);
    assert_eq!(due().await?.len(), 1);
    Ok(())
}

pub(super) async fn many_callers_share_few_transactions(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, (0..400).map(|n| contact(&format!("c{n}"), n))).await?;
    let leads = store.claim(campaign, 400, LEASE, NOON).await?.leads;
    let (told, mut results) = tokio::sync::mpsc::channel(leads.len());
    let clock = Clock::start();
    for (n, lead) in (1..).zip(leads) {
        let (store, told) = (store.clone(), told.clone());
        house.tasks.spawn(async move {
            let done = record(Record::Completed(call(n)), NOON);
            let next = Next::Retry { at: NOON + REST, number: None };
            let close = closed(n, campaign, &lead, Outcome::NoAnswer, next);
            let result = store.commit(vec![opened(n, campaign, &lead, 1), close, done]).await;
            told.send(result).await.expect("the test waits for every answer");
        });
    }
    drop(told);
    while let Some(result) = results.recv().await {
        result?;
    }
    announce(&format!(
        "400 attempts of 400 callers opened, closed and completed in {}",
        spent(clock)
    ));
    let stats = store.stats(campaign, NOON, NOON + Span::secs(1_000)).await?;
    assert_eq!((stats.attempts, store.events(None, false, 1_000).await?.len()), (400, 400));
    Ok(())
}
