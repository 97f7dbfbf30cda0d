//! In which order contacts are claimed: scores, shares of lists, full quotas; and at what cost.

use std::collections::BTreeMap;

use cadran::core::campaign::DispositionClass;
use cadran::core::fact::Tried;
use cadran::core::order::{DoneReason, Next, Outcome, Record};
use cadran::core::quota::Quota;
use cadran::engine::clock::Clock;
use cadran::store::{ListShare, NewCampaign, NewContact, Store, Subject};
use cadran::units::{CampaignId, Span, Wall};

use super::fixture::{
    Done, House, LEASE, NOON, announce, call, campaign, closed, contact, list, new_campaign,
    opened, qualified, record, source, spent,
};

fn scored(external_id: &str, n: u32, score: u8) -> NewContact {
    NewContact { score, ..contact(external_id, n) }
}

/// Gives the references of what is claimed, in order.
async fn claimed(
    store: &Store,
    campaign: CampaignId,
    count: u32,
    now: Wall,
) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let claimed = store.claim(campaign, count, LEASE, now).await?;
    let name = |lead: &cadran::core::fact::Lead| {
        claimed.cards.get(&lead.contact).and_then(|card| card.external_id.clone())
    };
    Ok(claimed.leads.iter().filter_map(name).collect())
}

pub(super) async fn within_a_priority_the_highest_score_is_called_first(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    let urgent = NewContact { priority: 1, ..scored("urgent", 1, 0) };
    let people = [scored("bas", 2, 10), scored("haut", 3, 100), scored("moyen", 4, 50), urgent];
    list(store, campaign, people).await?;
    let first = claimed(store, campaign, 4, NOON).await?;
    assert_eq!(first, ["urgent", "haut", "moyen", "bas"]);
    let scores = [("bas".to_owned(), 90), ("haut".to_owned(), 0), ("inconnu".to_owned(), 5)];
    assert_eq!(store.score(campaign, &scores).await?, 2);
    let later = NOON + LEASE + Span::secs(1);
    assert_eq!(claimed(store, campaign, 4, later).await?, ["urgent", "bas", "moyen", "haut"]);
    Ok(())
}

pub(super) async fn a_retry_keeps_the_score_and_a_callback_comes_first(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [scored("a", 1, 80), scored("b", 2, 40), scored("c", 3, 20)]).await?;
    let leads = store.claim(campaign, 3, LEASE, NOON).await?.leads;
    let promise = cadran::core::fact::Callback { at: NOON, agent: None };
    let nexts = [
        Next::Retry { at: NOON, number: None },
        Next::Retry { at: NOON, number: None },
        Next::Callback(promise),
    ];
    for ((n, lead), next) in (1..).zip(&leads).zip(nexts) {
        let end = closed(n, campaign, lead, Outcome::NoAnswer, next);
        let told = record(Record::Completed(call(n)), NOON);
        store.commit(vec![opened(n, campaign, lead, 1), end, told]).await?;
    }
    assert_eq!(claimed(store, campaign, 3, NOON).await?, ["c", "a", "b"]);
    Ok(())
}

pub(super) async fn lists_with_a_share_are_claimed_in_turn(house: House) -> Done {
    let store = &house.store;
    let share = |file: &str, percent| ListShare { file: file.to_owned(), percent };
    let shares = vec![share("web.csv", 70), share("vieux.csv", 30)];
    let plain = NewCampaign { shares: Vec::new(), ..new_campaign("vente") };
    let mixed = NewCampaign { shares, ..plain.clone() };
    let campaign = store.set_campaign(&plain).await?;
    let people = |name: &'static str, from: u32| {
        (0..60).map(move |n| contact(&format!("{name}{n}"), from + n))
    };
    // One list was there before the shares, the other comes after them.
    store.import(campaign, &source("vieux.csv"), people("v", 0), async || false).await?;
    assert_eq!(store.set_campaign(&mixed).await?, campaign);
    store.import(campaign, &source("web.csv"), people("w", 100), async || false).await?;
    let hundred = claimed(store, campaign, 50, NOON).await?;
    let of_web = |all: &[String]| all.iter().filter(|name| name.starts_with('w')).count();
    assert_eq!((hundred.len(), of_web(&hundred)), (50, 35));
    assert_eq!(of_web(&hundred[..10]), 7, "{hundred:?}");
    // Once one list is dry the other has it all; without shares all lists are one again.
    let rest = claimed(store, campaign, 100, NOON).await?;
    assert_eq!((rest.len(), of_web(&rest)), (70, 25));
    store.set_campaign(&plain).await?;
    let later = NOON + LEASE + Span::secs(1);
    let again = claimed(store, campaign, 10, later).await?;
    assert_eq!(of_web(&again), 0, "the older list is due first: {again:?}");
    Ok(())
}

fn bretagne(max: u32) -> Quota {
    Quota {
        name: "Bretagne".to_owned(),
        fields: BTreeMap::from([("Region".to_owned(), "bretagne".to_owned())]),
        lists: Vec::new(),
        zones: Vec::new(),
        class: DispositionClass::ArguedPositive,
        max,
    }
}

fn of_region(external_id: &str, n: u32, region: &str) -> NewContact {
    let fields = BTreeMap::from([("region".to_owned(), region.to_owned())]);
    NewContact { fields, ..contact(external_id, n) }
}

pub(super) async fn a_full_quota_is_led_past_until_it_is_raised(house: House) -> Done {
    let with = |max| NewCampaign { quotas: vec![bretagne(max)], ..new_campaign("vente") };
    let campaign = house.store.set_campaign(&with(1)).await?;
    let people = (0..40).map(|n| {
        let region = if n < 30 { "Bretagne" } else { "Alsace" };
        of_region(&format!("{region}{n}"), n, region)
    });
    list(&house.store, campaign, people).await?;
    let lead = house.first_lead(campaign).await?;
    let done = Next::Done(DoneReason::Qualified);
    let writes = vec![
        opened(1, campaign, &lead, 1),
        qualified(1, campaign, &lead, 1, done),
        closed(1, campaign, &lead, Outcome::Connected, done),
        record(Record::Completed(call(1)), NOON),
    ];
    house.store.commit(writes).await?;
    assert_eq!(house.store.stale_stock().await, campaign);
    let next = claimed(&house.store, campaign, 3, NOON).await?;
    assert!(next.len() == 3 && next.iter().all(|name| name.starts_with('A')), "{next:?}");
    let quotas = house.store.quotas(campaign).await?;
    let told: Vec<_> = quotas.iter().map(|row| (row.reached, row.held, row.is_full())).collect();
    assert_eq!(told, [(1, 29, true)]);
    let rest = to_the_end(&house, campaign).await?;
    assert_eq!(rest, 10, "those that a full quota holds are not waited for");
    // What a restart counts anew is the same; a higher quota lets those go that were held.
    let house = house.reopened().await?;
    house.store.recover(NOON).await?;
    house.store.set_campaign(&with(1)).await?;
    let later = NOON + LEASE + Span::secs(1);
    let next = claimed(&house.store, campaign, 40, later).await?;
    assert_eq!(next.len(), 0, "{next:?}");
    house.store.set_campaign(&with(2)).await?;
    let next = claimed(&house.store, campaign, 40, later).await?;
    assert_eq!(next.len(), 29, "{next:?}");
    Ok(())
}

/// Calls all that is left, and gives how many they are; the store says then that nothing waits.
async fn to_the_end(
    house: &House,
    campaign: CampaignId,
) -> Result<usize, Box<dyn std::error::Error>> {
    let later = NOON + LEASE + Span::secs(1);
    let left = house.store.claim(campaign, 40, LEASE, later).await?.leads;
    let next = Next::Done(DoneReason::Exhausted);
    for (n, lead) in (100..).zip(&left) {
        let end = closed(n, campaign, lead, Outcome::NoAnswer, next);
        let told = record(Record::Completed(call(n)), NOON);
        house.store.commit(vec![opened(n, campaign, lead, 1), end, told]).await?;
    }
    let supply = house.store.claim(campaign, 40, LEASE, later).await?.supply;
    assert_eq!((supply.due, supply.waiting, supply.next_due), (0, 0, None));
    Ok(left.len())
}

pub(super) async fn an_erased_contact_counts_in_no_quota_on_what_was_known_of_it(
    house: House,
) -> Done {
    let store = &house.store;
    let with = NewCampaign { quotas: vec![bretagne(1)], ..new_campaign("vente") };
    let campaign = store.set_campaign(&with).await?;
    let people = (0..3).map(|n| of_region(&format!("Bretagne{n}"), n, "Bretagne"));
    list(store, campaign, people).await?;
    let lead = house.first_lead(campaign).await?;
    let done = Next::Done(DoneReason::Qualified);
    let writes = vec![
        opened(1, campaign, &lead, 1),
        qualified(1, campaign, &lead, 1, done),
        closed(1, campaign, &lead, Outcome::Connected, done),
        record(Record::Completed(call(1)), NOON),
    ];
    store.commit(writes).await?;
    assert_eq!(store.stale_stock().await, campaign);
    assert!(claimed(store, campaign, 3, NOON).await?.is_empty());
    store.erase(&Subject::Contact(lead.contact), NOON, false).await?;
    assert_eq!(store.stale_stock().await, campaign, "whoever was held is called again");
    let quotas = store.quotas(campaign).await?;
    let told: Vec<_> = quotas.iter().map(|row| (row.reached, row.held)).collect();
    assert_eq!(told, [(0, 0)], "as the next start counts");
    assert_eq!(claimed(store, campaign, 3, NOON).await?.len(), 2);
    Ok(())
}

pub(super) async fn leads_tell_their_attempts_where_the_retry_plan_asks(house: House) -> Done {
    let store = &house.store;
    let with = |history| NewCampaign { history, ..new_campaign("vente") };
    let campaign = store.set_campaign(&with(true)).await?;
    list(store, campaign, [contact("a", 1)]).await?;
    for (n, attempt) in [(1, 1), (2, 2)] {
        let lead = house.first_lead(campaign).await?;
        let next = Next::Retry { at: NOON, number: None };
        let end = closed(n, campaign, &lead, Outcome::NoAnswer, next);
        let told = record(Record::Completed(call(n)), NOON);
        store.commit(vec![opened(n, campaign, &lead, attempt), end, told]).await?;
    }
    let tried = [1, 2].map(|n| Tried { at: NOON + Span::secs(n), outcome: Outcome::NoAnswer });
    assert_eq!(house.first_lead(campaign).await?.tried, tried);
    let habits = store.habits(campaign, NOON - Span::secs(60)).await?;
    let told: Vec<_> = habits.iter().map(|own| (own.tally.tried, own.tally.reached)).collect();
    assert_eq!(told, [(2, 0)]);
    store.set_campaign(&with(false)).await?;
    let later = NOON + LEASE + LEASE.times(20);
    let lead = store.claim(campaign, 1, LEASE, later).await?.leads;
    assert!(lead.iter().all(|lead| lead.tried.is_empty()), "{lead:?}");
    Ok(())
}

pub(super) async fn a_claim_scans_no_list_and_sorts_none(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    let people =
        (0..20_000).map(|n| scored(&format!("c{n}"), n, u8::try_from(n % 100).unwrap_or(0)));
    list(store, campaign, people).await?;
    house.look().await?.run("analyze").await?;
    let told = store.explain_claim(campaign, NOON).await?.to_lowercase();
    let scans =
        ["seq scan on contact", "scan contact", "scan k\n", "temp b-tree for order by", "sort key"];
    for scan in scans {
        assert!(!told.contains(scan), "{scan}: {told}");
    }
    assert!(told.contains("contact_claim"), "{told}");
    Ok(())
}

pub(super) async fn fifty_thousand_contacts_are_put_in_another_order(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    let people = (0..50_000).map(|n| contact(&format!("c{n}"), n));
    list(store, campaign, people).await?;
    let score = |n: u32| (format!("c{n}"), u8::try_from(n % 101).unwrap_or(0));
    let scores: Vec<_> = (0..50_000).map(score).collect();
    let clock = Clock::start();
    assert_eq!(store.score(campaign, &scores).await?, 50_000);
    announce(&format!("50,000 contacts put in another order in {}", spent(clock)));
    let first = claimed(store, campaign, 495, NOON).await?;
    let best = |name: &String| name[1..].parse::<u32>().is_ok_and(|n| n % 101 == 100);
    assert_eq!(first.iter().filter(|name| best(name)).count(), 495);
    Ok(())
}
