//! Claims about the numbers shown, and the kinds of persons called.

use cadran::core::fact::PersonKind;
use cadran::core::order::{Next, Outcome, Record, RuleRefusal, Stage};
use cadran::core::rules::{Refusal, RuleId};
use cadran::store::NewContact;
use cadran::units::{NumberId, Span};

use super::fixture::{
    Done, House, LEASE, NOON, campaign, closed, contact, list, number_of, opened, record,
};

pub(crate) async fn a_lead_tells_what_kind_of_person_it_is_and_which_number_was_shown(
    house: House,
) -> Done {
    let id = campaign(&house.store, "jardin").await?;
    let kinds = [None, Some(PersonKind::Professional), Some(PersonKind::SoleTrader)];
    let contacts = kinds
        .into_iter()
        .zip(1..)
        .map(|(kind, n)| NewContact { kind, ..contact(&format!("c{n}"), n) });
    list(&house.store, id, contacts).await?;
    let claimed = house.store.claim(id, 9, LEASE, NOON).await?;
    let told: Vec<_> = claimed.leads.iter().map(|lead| lead.numbers[0].kind).collect();
    assert_eq!(told, kinds);
    assert!(claimed.leads.iter().all(|lead| lead.numbers[0].shown.is_none()));

    let again = Next::Retry { at: NOON + Span::secs(600), number: None };
    for (n, outcome) in [(1, Outcome::Busy), (2, Outcome::Blocked)] {
        let lead = &claimed.leads[usize::try_from(n)? - 1];
        house.store.commit(vec![opened(n, id, lead, 1)]).await?;
        let over = record(Record::Completed(super::fixture::call(n)), NOON);
        house.store.commit(vec![closed(n, id, lead, outcome, again), over]).await?;
    }
    let later = NOON + LEASE + Span::secs(700);
    let mut claimed = house.store.claim(id, 9, LEASE, later).await?;
    claimed.leads.sort_by_key(|lead| lead.contact);
    let shown: Vec<_> = claimed.leads.iter().map(|lead| lead.numbers[0].shown).collect();
    assert_eq!(shown, [Some(0), None, None], "not the one that a network refused");
    let blocked: Vec<_> =
        claimed.leads.iter().map(|lead| lead.numbers[0].blocked.clone()).collect();
    assert_eq!(blocked, [vec![], vec![0], vec![]]);
    let spent: Vec<_> = claimed.leads.iter().map(|lead| lead.attempts - lead.faults).collect();
    assert_eq!(spent, [1, 0, 0]);

    // It was let through since.
    let lead = &claimed.leads[1];
    house.store.commit(vec![opened(3, id, lead, 1)]).await?;
    let over = record(Record::Completed(super::fixture::call(3)), NOON);
    house.store.commit(vec![closed(3, id, lead, Outcome::Busy, again), over]).await?;
    let claimed = house.store.claim(id, 9, LEASE, later + LEASE + Span::secs(700)).await?;
    let passed = claimed.leads.iter().find(|again| again.contact == lead.contact);
    let told = passed.map(|lead| (lead.numbers[0].shown, lead.numbers[0].blocked.clone()));
    assert_eq!(told, Some((Some(0), vec![])));
    Ok(())
}

pub(crate) async fn what_a_number_carried_is_counted_and_refusals_are_kept(house: House) -> Done {
    let id = campaign(&house.store, "jardin").await?;
    list(&house.store, id, [contact("a", 1)]).await?;
    let lead = house.first_lead(id).await?;
    for (n, outcome) in [(1, Outcome::Busy), (2, Outcome::Blocked), (130, Outcome::Busy)] {
        house.store.commit(vec![opened(n, id, &lead, 1)]).await?;
        let end = closed(n, id, &lead, outcome, Next::Untouched);
        house.store.commit(vec![end]).await?;
    }
    let house = house.reopened().await?;
    let mut carried = house.store.carried(NOON + Span::secs(3_600)).await?;
    let carried = carried.remove(&number_of(900)?).ok_or("nothing is told of the number")?;
    let counted: Vec<u32> = carried.calls.iter().map(|(_, calls)| *calls).collect();
    assert_eq!(counted, [2, 1], "{carried:?}");
    assert_eq!(carried.blocks, [NOON + Span::secs(2)]);
    let later = house.store.carried(NOON + Span::secs(61 * 86_400)).await?;
    assert!(later.is_empty(), "{later:?}");
    Ok(())
}

pub(crate) async fn contacts_that_wait_for_a_number_are_due_at_the_next_start(
    house: House,
) -> Done {
    let id = campaign(&house.store, "jardin").await?;
    list(&house.store, id, [contact("a", 1), contact("b", 2)]).await?;
    let claimed = house.store.claim(id, 9, LEASE, NOON).await?;
    let tomorrow = NOON + cadran::core::rules::UNKNOWN_WAIT;
    for (lead, rule) in claimed.leads.iter().zip([RuleId::CallerId, RuleId::NoConsent]) {
        let refused = RuleRefusal {
            campaign: id,
            contact: lead.contact,
            number: lead.numbers.first().map_or(NumberId(0), |number| number.number),
            stage: Stage::Hopper,
            refusal: Refusal { rule, law: None, until: None },
            next: Next::Retry { at: tomorrow, number: None },
            at: NOON,
            receipt: None,
        };
        house.store.commit(vec![record(Record::Refused(refused), NOON)]).await?;
    }
    let soon = NOON + Span::secs(60);
    assert_eq!(house.store.claim(id, 9, LEASE, soon).await?.leads, []);
    house.store.wake_unshown(soon).await?;
    let due = house.store.claim(id, 9, LEASE, soon).await?.leads;
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].contact, claimed.leads[0].contact);
    Ok(())
}
