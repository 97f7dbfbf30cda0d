//! Closed contacts that are called again.

use cadran::core::Record;
use cadran::core::order::{DoneReason, Next, Outcome};
use cadran::store::{ClosedAlike, DncScope, NewDoNotCall, Reopening};
use cadran::units::{ContactId, Span};

use super::fixture::{
    Done, House, LEASE, NOON, call, campaign, closed, contact, list, number_of, opened, qualified,
    record,
};

pub(super) async fn closed_contacts_are_opened_anew_by_how_they_ended(house: House) -> Done {
    let store = &house.store;
    let vente = campaign(store, "vente").await?;
    list(store, vente, (1..=5).map(|n| contact(&format!("c{n}"), n))).await?;
    let leads = store.claim(vente, 9, LEASE, NOON).await?.leads;
    for (n, lead, outcome, reason) in [
        (1, leads.first(), Outcome::NoAnswer, DoneReason::Exhausted),
        (2, leads.get(1), Outcome::Busy, DoneReason::Exhausted),
        (3, leads.get(2), Outcome::NoAnswer, DoneReason::NoNumber),
        (4, leads.get(3), Outcome::NoAnswer, DoneReason::DoNotCall),
        (5, leads.get(4), Outcome::NoAnswer, DoneReason::DoNotCall),
    ] {
        let lead = lead.ok_or("five are due")?;
        let closed = closed(n, vente, lead, outcome, Next::Done(reason));
        let completed = record(Record::Completed(call(n)), NOON);
        store.commit(vec![opened(n, vente, lead, 1), closed, completed]).await?;
    }
    let wish = |n, until| {
        Ok::<_, cadran::units::NotE164>(NewDoNotCall {
            number: number_of(n)?,
            scope: DncScope::Everyone,
            reason: "said so".to_owned(),
            source: "letter".to_owned(),
            at: NOON,
            until,
        })
    };
    let later = NOON + LEASE + LEASE;
    store.add_do_not_call(&[wish(4, Some(later))?, wish(5, None)?]).await?;

    let alike = store.closed_alike(vente).await?;
    let unreached = |one: &&ClosedAlike| one.reason == DoneReason::DoNotCall;
    let shut = alike.iter().find(unreached).ok_or("two are closed by a wish")?;
    assert_eq!((shut.outcome, shut.contacts), (Some(Outcome::NoAnswer), 2), "{alike:?}");
    assert_eq!(alike.len(), 4, "{alike:?}");

    let which = Reopening { outcomes: vec![Outcome::NoAnswer], ..Reopening::default() };
    assert_eq!(store.reopen(vente, &which, later, true).await?, 1, "counted only");
    assert!(store.claim(vente, 9, LEASE, later).await?.leads.is_empty());
    assert_eq!(store.reopen(vente, &which, later, false).await?, 1);
    assert_eq!(store.reopen(vente, &which, later, false).await?, 0, "it is open now");
    let again = store.claim(vente, 9, LEASE, later).await?.leads;
    let [lead] = again.as_slice() else { return Err("one is open".into()) };
    assert_eq!(lead.contact, leads.first().map_or(ContactId(0), |lead| lead.contact));
    assert_eq!((lead.attempts, lead.faults), (0, 0));
    let recent = lead.numbers.first().map_or(0, |number| number.recent.len());
    assert_eq!(recent, 1, "what the law counts stays");

    let freed = Reopening { freed: true, ..Reopening::default() };
    assert_eq!(store.reopen(vente, &freed, later - Span::secs(1), true).await?, 0);
    assert_eq!(store.reopen(vente, &freed, later, false).await?, 1, "the other wish stands");
    Ok(())
}

pub(super) async fn numbers_a_carrier_did_not_know_are_tried_again(house: House) -> Done {
    let store = &house.store;
    let vente = campaign(store, "vente").await?;
    list(store, vente, [contact("c1", 1)]).await?;
    let lead = house.first_lead(vente).await?;
    let closed = closed(1, vente, &lead, Outcome::Invalid, Next::Done(DoneReason::NoNumber));
    let completed = record(Record::Completed(call(1)), NOON);
    store.commit(vec![opened(1, vente, &lead, 1), closed, completed]).await?;
    let later = NOON + LEASE;
    let others = Reopening { outcomes: vec![Outcome::NoAnswer], ..Reopening::default() };
    assert_eq!(store.reopen(vente, &others, later, false).await?, 0);
    let which = Reopening { outcomes: vec![Outcome::Invalid], ..Reopening::default() };
    assert_eq!(store.reopen(vente, &which, later, false).await?, 1);
    let again = store.claim(vente, 9, LEASE, later).await?.leads;
    let [lead] = again.as_slice() else { return Err("it is due".into()) };
    assert!(lead.numbers.iter().all(|number| !number.invalid), "{lead:?}");
    Ok(())
}

pub(super) async fn whoever_is_on_the_line_is_not_opened_anew(house: House) -> Done {
    let store = &house.store;
    let vente = campaign(store, "vente").await?;
    list(store, vente, [contact("c1", 1)]).await?;
    let lead = house.first_lead(vente).await?;
    let said = qualified(1, vente, &lead, 1, Next::Done(DoneReason::Qualified));
    store.commit(vec![opened(1, vente, &lead, 1), said]).await?;
    let which = Reopening { dispositions: vec!["vente".to_owned()], ..Reopening::default() };
    let later = NOON + LEASE;
    assert_eq!(store.reopen(vente, &which, later, false).await?, 0, "the conversation goes on");
    let closed = closed(1, vente, &lead, Outcome::Connected, Next::Untouched);
    store.commit(vec![closed, record(Record::Completed(call(1)), NOON)]).await?;
    assert_eq!(store.reopen(vente, &which, later, false).await?, 1);
    Ok(())
}
