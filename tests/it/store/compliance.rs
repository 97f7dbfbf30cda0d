//! What the law may ask about: counts, and attempts with what is recorded as of their moment.

use cadran::core::Record;
use cadran::core::order::{DoneReason, Next, Outcome};
use cadran::core::rules::consent::Basis;
use cadran::store::{Answers, DncScope, NewConsent, NewDoNotCall, Tried};
use cadran::units::{CallId, ClientId, Span, Wall};

use super::fixture::{
    Done, House, LEASE, NOON, call, campaign, closed, contact, list, number_of, opened, record,
};

fn at(second: u64) -> Wall {
    NOON + Span::secs(second)
}

fn wish(n: u32, at: Wall, until: Option<Wall>) -> NewDoNotCall {
    NewDoNotCall {
        number: number_of(n).expect("five digits after the prefix are E.164"),
        scope: DncScope::Client(ClientId(1)),
        reason: "said so".to_owned(),
        source: "letter".to_owned(),
        at,
        until,
    }
}

pub(super) async fn attempts_are_told_with_what_was_recorded_as_of_their_moment(
    house: House,
) -> Done {
    let store = &house.store;
    let vente = campaign(store, "vente").await?;
    let mut entitled = contact("c3", 3);
    entitled.consents.push(NewConsent {
        basis: Basis::Consent,
        source: None,
        proof: None,
        line: 2,
        scope: None,
        obtained: Some(NOON - Span::secs(60)),
        expires: None,
        contract: None,
        object: None,
        out_of_hours: false,
    });
    list(store, vente, [contact("c1", 1), contact("c2", 2), entitled]).await?;
    let leads = store.claim(vente, 9, LEASE, NOON).await?.leads;
    let [first, second, third] = leads.as_slice() else { return Err("three are due".into()) };
    let next = Next::Done(DoneReason::Exhausted);
    for (n, lead, outcome) in [
        (1, first, Outcome::Connected),
        (2, first, Outcome::NoAnswer),
        (3, second, Outcome::NoAnswer),
        (4, third, Outcome::NoAnswer),
        (6, third, Outcome::NoAnswer),
    ] {
        let closed = closed(n, vente, lead, outcome, next);
        let completed = record(Record::Completed(call(n)), NOON);
        store.commit(vec![opened(n, vente, lead, 1), closed, completed]).await?;
    }
    store.add_do_not_call(&[wish(2, at(2), Some(at(60))), wish(1, at(50), None)]).await?;
    store.withdraw(&number_of(3)?, ClientId(1), at(5), "letter").await?;

    let page = store.asked_again(vente, (NOON, CallId(0)), at(60)).await?;
    let told = |tried: &Tried| {
        let number = tried.number.as_ref()?;
        Some((tried.at, number.recent.clone(), number.do_not_call, number.rights.len()))
    };
    let expected = [
        (at(1), vec![], false, 0),
        (at(2), vec![at(1)], false, 0),
        (at(3), vec![], true, 0),
        (at(4), vec![], false, 1),
        (at(6), vec![at(4)], false, 0),
    ];
    assert_eq!(page.iter().filter_map(told).collect::<Vec<_>>(), expected);
    let last = page.last().ok_or("five attempts")?;
    assert_eq!(store.asked_again(vente, (last.at, last.call), at(60)).await?, [], "the end");
    assert_eq!(store.asked_again(vente, (NOON, CallId(0)), at(3)).await?.len(), 2);

    let counted = store.compliance(vente, (NOON, at(60))).await?;
    assert_eq!((counted.attempts, counted.numbers, counted.attempts_of_one), (5, 3, 2));
    assert_eq!(counted.wishes.into_iter().collect::<Vec<_>>(), [("said so".to_owned(), 2)]);
    assert_eq!(counted.rights.into_iter().collect::<Vec<_>>(), [("consent".to_owned(), 1)]);
    assert_eq!(counted.withdrawals, 2, "one by letter, one by the wish that does not end");
    let answers = store.answers(vente, (NOON, at(60))).await?;
    assert_eq!(answers, Answers { humans: 1, abandoned: 0 });
    Ok(())
}
