//! What the law may ask about: counts, and attempts with what is recorded as of their moment.

use std::collections::BTreeMap;
use std::error::Error;

use cadran::core::Record;
use cadran::core::order::{DoneReason, Next, Outcome};
use cadran::core::rules::consent::Basis;
use cadran::store::{
    Answers, Correction, DncScope, NewAgent, NewConsent, NewContact, NewDoNotCall, Tried,
};
use cadran::units::{CallId, CampaignId, ClientId, Span, Wall};

use super::consents::consent;
use super::fixture::{
    Done, House, LEASE, NOON, call, campaign, closed, contact, list, mobile, number_of, opened,
    record,
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

/// Attempts on the first number of a contact, so many seconds after noon.
async fn tried_at(house: &House, seconds: &[u64]) -> Result<CampaignId, Box<dyn Error>> {
    let store = &house.store;
    let vente = campaign(store, "vente").await?;
    let entitled = NewContact { consents: vec![consent(NOON - Span::secs(60))], ..contact("a", 1) };
    list(store, vente, [entitled]).await?;
    let lead = house.first_lead(vente).await?;
    for &n in seconds {
        let closed = closed(n, vente, &lead, Outcome::NoAnswer, Next::Untouched);
        let completed = record(Record::Completed(call(n)), NOON);
        store.commit(vec![opened(n, vente, &lead, 1), closed, completed]).await?;
    }
    Ok(vente)
}

/// Whether a wish stood when each attempt was placed, and how many rights did.
async fn stood(house: &House, vente: CampaignId) -> Result<Vec<(bool, usize)>, Box<dyn Error>> {
    let page = house.store.asked_again(vente, (NOON, CallId(0)), at(900)).await?;
    let numbers = page.into_iter().filter_map(|tried| tried.number);
    Ok(numbers.map(|number| (number.do_not_call, number.rights.len())).collect())
}

pub(super) async fn a_later_wish_hides_no_earlier_one(house: House) -> Done {
    let vente = tried_at(&house, &[5, 15, 35, 55, 75]).await?;
    let store = &house.store;
    // One that ended by itself, one that was ended, and one for good.
    for (begins, ends) in [(10, Some(20)), (30, Some(90)), (70, None)] {
        store.add_do_not_call(&[wish(1, at(begins), ends.map(at))]).await?;
        if begins == 30 {
            store.end_do_not_call(&number_of(1)?, None, at(40)).await?;
        }
    }
    let wished = stood(&house, vente).await?.into_iter().map(|(wished, _)| wished);
    assert_eq!(wished.collect::<Vec<_>>(), [false, true, true, false, true]);
    let counted = store.compliance(vente, (NOON, at(90))).await?.wishes;
    assert_eq!(counted.into_values().sum::<u64>(), 3);
    Ok(())
}

pub(super) async fn what_a_new_number_shows_faults_no_attempt_of_before(house: House) -> Done {
    let vente = tried_at(&house, &[40, 60]).await?;
    let store = &house.store;
    // Another number's person wants no calls and took its rights back, long before the attempts.
    store.withdraw(&number_of(2)?, ClientId(1), at(1), "letter").await?;
    store.add_do_not_call(&[wish(2, at(2), Some(at(800)))]).await?;
    assert_eq!(stood(&house, vente).await?, [(false, 1), (false, 1)]);
    let amina = NewAgent {
        name: "amina".to_owned(),
        ha1: None,
        contact_uri: None,
        campaigns: Vec::new(),
        skills: None,
    };
    let correction = Correction {
        contact: store.listed(vente, None, false, 1).await?[0].card.contact,
        fields: BTreeMap::new(),
        added: vec![mobile(2)],
        wrong: Vec::new(),
        agent: store.set_agent(&amina).await?,
        call: None,
        source: "api".to_owned(),
        at: at(50),
    };
    assert_eq!(store.correct(&correction).await?.withdrawn.len(), 1);
    assert_eq!(stood(&house, vente).await?, [(false, 1), (true, 0)]);
    Ok(())
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
