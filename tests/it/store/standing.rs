//! What contacts wait for.

use cadran::core::Record;
use cadran::core::order::{DoneReason, Next, Outcome, RuleRefusal, Stage};
use cadran::core::rules::law::LawId;
use cadran::core::rules::{Refusal, RuleId};
use cadran::units::{ContactId, NumberId, Span};

use super::fixture::{
    Done, House, LEASE, NOON, REST, call, campaign, closed, contact, list, number_of, opened,
    record,
};

pub(super) async fn where_contacts_stand_is_told_and_what_they_wait_for(house: House) -> Done {
    let store = &house.store;
    let vente = campaign(store, "vente").await?;
    list(store, vente, (1..=5).map(|n| contact(&format!("c{n}"), n))).await?;
    let leads = store.claim(vente, 4, LEASE, NOON).await?.leads;
    let [put_off, later, over, on_line] = leads.as_slice() else {
        return Err("four contacts were due".into());
    };
    let until = NOON + REST;
    let number = put_off.numbers.first().map_or(NumberId(0), |number| number.number);
    let hours = Refusal { rule: RuleId::Window, law: Some(LawId::new("FR-5")), until: Some(until) };
    let refused = RuleRefusal {
        campaign: vente,
        contact: put_off.contact,
        number,
        stage: Stage::Hopper,
        refusal: hours.clone(),
        receipt: None,
        next: Next::Retry { at: until, number: None },
        at: NOON,
    };
    let retry = Next::Retry { at: until, number: None };
    let done = Next::Done(DoneReason::Exhausted);
    let completed = |n| record(Record::Completed(call(n)), NOON);
    store
        .commit(vec![
            record(Record::Refused(refused), NOON),
            opened(1, vente, later, 1),
            closed(1, vente, later, Outcome::NoAnswer, retry),
            completed(1),
            opened(2, vente, over, 1),
            closed(2, vente, over, Outcome::NoAnswer, done),
            completed(2),
            opened(3, vente, on_line, 1),
        ])
        .await?;
    let now = NOON + Span::secs(1);

    let ready = store.ready(vente, now, 10).await?;
    assert_eq!((ready.leads.len(), ready.contacts, ready.in_call), (1, 1, 1), "{ready:?}");
    assert_eq!(ready.closed.into_iter().collect::<Vec<_>>(), [(DoneReason::Exhausted, 1)]);

    let waiting = store.waiting(vente, now).await?;
    let of = |held: bool| waiting.iter().find(|one| one.rule.is_some() == held);
    let (ruled, retried) = of(true).zip(of(false)).ok_or("two groups")?;
    assert_eq!((ruled.contacts, ruled.until, ruled.promised), (1, Some(until), false));
    assert_eq!(ruled.rule, Some((RuleId::Window, hours.law.clone())));
    assert!(ruled.there.is_some(), "{ruled:?}");
    assert_eq!((retried.contacts, retried.until, waiting.len()), (1, Some(until), 2));

    let asked = [put_off.contact, over.contact, on_line.contact, ContactId(1)];
    let standings = store.standings(&asked, now).await?;
    let [first, closed, busy] = standings.as_slice() else { return Err("three exist".into()) };
    assert_eq!(first.put_off, Some((number, hours)));
    assert_eq!((first.due, first.done, first.in_call), (until, None, None));
    assert_eq!(first.digits.get(&number), Some(&number_of(1)?));
    assert_eq!((closed.done, closed.last_call), (Some(DoneReason::Exhausted), Some(call(2))));
    assert_eq!((busy.in_call, busy.external_id.as_deref()), (Some(call(3)), Some("c4")));

    assert_eq!(store.contacts_with(&number_of(2)?).await?, [later.contact]);
    assert_eq!(store.contacts_with(&number_of(77)?).await?, []);
    assert_eq!(store.contacts_named("c3").await?, [over.contact]);
    let person = on_line.numbers.first().ok_or("no number")?.person;
    assert_eq!(store.on_line().await?, [(person, call(3))]);
    Ok(())
}
