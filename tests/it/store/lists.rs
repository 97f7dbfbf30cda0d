//! Lists, people, reports, and where personal data stands.

use cadran::core::fact::DncScope;
use cadran::core::order::{AgentState, CampaignState, DoneReason, Next, Outcome, Record};
use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
use cadran::store::{
    CallFilter, Fault, Ha1, ImportSource, NewAgent, NewDoNotCall, Place, Store, StoreError,
};
use cadran::units::{ClientId, Span};

use super::fixture::{
    Done, House, LEASE, NOON, REST, announce, call, campaign, closed, contact, list, mobile,
    new_campaign, number_of, opened, qualified, record, source, spent,
};

pub(super) async fn the_same_list_twice_adds_nothing(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    let people = || (0..1_200).map(|n| contact(&format!("c{n}"), n));
    let first = list(store, campaign, people()).await?;
    assert_eq!((first.read, first.added, first.seen_before), (1_200, 1_200, None));
    let again = list(store, campaign, people()).await?;
    assert_eq!((again.added, again.doubled_in_campaign), (0, 1_200));
    assert_eq!(again.seen_before, Some(NOON));
    let other = store.set_campaign(&new_campaign("relance")).await?;
    assert_eq!(list(store, other, people()).await?.added, 1_200, "another campaign takes them");
    Ok(())
}

pub(super) async fn whoever_wants_to_write_waits_for_a_portion_and_not_for_a_list(
    house: House,
) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    let people = (0..5_000).map(|n| contact(&format!("c{n}"), n));
    let import = async {
        let summary = list(store, campaign, people).await;
        (summary, store.agents().await.map(|agents| agents.len()))
    };
    let others = async {
        for n in 0..u32::MAX {
            let agent = NewAgent {
                name: format!("agent{n}"),
                ha1: None,
                contact_uri: None,
                campaigns: Vec::new(),
                skills: None,
            };
            store.set_agent(&agent).await?;
        }
        Ok::<_, StoreError>(())
    };
    let (summary, agents) = tokio::select! {
        imported = import => imported,
        ended = others => return Ok(ended?),
    };
    assert_eq!(summary?.added, 5_000);
    let agents = agents?;
    assert!(agents >= 8, "{agents} others wrote between ten portions");
    Ok(())
}

pub(super) async fn doubles_are_counted_where_they_stand(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [contact("old", 1)]).await?;
    store.add_do_not_call(&[wish(7, DncScope::Everyone)?]).await?;
    let mut half_known = contact("half", 1);
    half_known.numbers.push(mobile(2));
    let mut nobody = contact("nobody", 3);
    nobody.numbers.clear();
    let people = [
        contact("new number, known person", 1),
        contact("old", 4),
        half_known,
        nobody,
        contact("fresh", 5),
        contact("fresh", 6),
        contact("fresh number twice", 5),
        contact("unwilling", 7),
    ];
    let summary = store.import(campaign, &source("two.csv"), people, async || false).await?;
    assert_eq!((summary.read, summary.added), (8, 3), "half, fresh, unwilling");
    let doubled = "by its number and its external id, each in the campaign and in the list";
    assert_eq!(summary.doubled_in_campaign, 4, "{doubled}");
    assert_eq!((summary.without_number, summary.numbers_dropped), (1, 1));
    assert_eq!(summary.do_not_call, 1);
    Ok(())
}

pub(super) async fn whom_another_live_campaign_has_to_call_is_left_out(house: House) -> Done {
    let store = &house.store;
    let here = campaign(store, "vente").await?;
    let there = store.set_campaign(&new_campaign("relance")).await?;
    list(store, there, (0..4).map(|n| contact(&format!("c{n}"), n))).await?;
    let running = Record::CampaignState { campaign: there, state: CampaignState::Running };
    store.commit(vec![record(running, NOON)]).await?;
    let done = store.claim(there, 1, LEASE, NOON).await?.leads;
    let lead = done.first().ok_or("nothing was claimed")?;
    let finished = Next::Done(DoneReason::Qualified);
    store
        .commit(vec![
            opened(1, there, lead, 1),
            closed(1, there, lead, Outcome::Connected, finished),
            record(Record::Completed(call(1)), NOON),
        ])
        .await?;
    let people = || (0..6).map(|n| contact(&format!("d{n}"), n));
    let told = store.import(here, &source("a.csv"), people(), async || false).await?;
    assert_eq!((told.added, told.elsewhere), (3, 3), "two unknown ones and the finished one");
    let again = store.import(here, &source("a.csv"), people(), async || false).await?;
    assert_eq!((again.added, again.elsewhere, again.doubled_in_campaign), (0, 3, 3));
    let wanted = ImportSource { also_elsewhere: true, ..source("b.csv") };
    let told = store.import(here, &wanted, people(), async || false).await?;
    assert_eq!((told.added, told.elsewhere), (3, 0));
    Ok(())
}

pub(super) async fn references_taken_by_other_numbers_are_counted(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, (0..3).map(|n| contact(&n.to_string(), n))).await?;
    let other_file = [contact("0", 0), contact("1", 11), contact("2", 12), contact("3", 13)];
    let told = store.import(campaign, &source("b.csv"), other_file, async || false).await?;
    assert_eq!((told.added, told.doubled_in_campaign, told.ids_taken), (1, 3, 2));
    Ok(())
}

pub(super) async fn fifty_thousand_contacts_are_imported_and_claimed(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    let clock = Clock::start();
    let people = (0..50_000).map(|n| contact(&format!("c{n}"), n));
    let summary = list(store, campaign, people).await?;
    announce(&format!("50,000 contacts imported in {}", spent(clock)));
    assert_eq!(summary.added, 50_000);
    let clock = Clock::start();
    let claimed = store.claim(campaign, 500, LEASE, NOON).await?;
    announce(&format!("500 of 50,000 claimed with numbers and cards in {}", spent(clock)));
    assert_eq!((claimed.leads.len(), claimed.cards.len()), (500, 500));
    assert_eq!(claimed.supply.due, u64::MAX, "no claim counts a whole list");
    Ok(())
}

pub(super) async fn agents_and_campaigns_keep_their_ids_by_name(house: House) -> Done {
    let store = &house.store;
    let (first, second) = (campaign(store, "vente").await?, campaign(store, "relance").await?);
    assert_ne!(first, second);
    assert_eq!(campaign(store, "vente").await?, first);
    assert_eq!(store.trunk("ovh").await?, store.trunk("ovh").await?);
    assert_ne!(store.trunk("ovh").await?, store.trunk("telnyx").await?);
    let ha1 = Ha1 { md5: "m".repeat(32), sha256: "s".repeat(64) };
    let mut agent = NewAgent {
        name: "amina".to_owned(),
        ha1: Some(ha1.clone()),
        contact_uri: Some("sip:amina@127.0.0.1:5070".to_owned()),
        campaigns: vec![second, first],
        skills: None,
    };
    let id = store.set_agent(&agent).await?;
    agent.ha1 = None;
    agent.campaigns = vec![first];
    assert_eq!(store.set_agent(&agent).await?, id);
    let row = store.agent("amina").await?.ok_or("no agent")?;
    assert_eq!((row.id, row.state), (id, AgentState::LoggedOut));
    assert_eq!((row.ha1, row.campaigns.clone()), (Some(ha1), vec![first]));
    assert_eq!(store.agents().await?.len(), 1);
    assert!(store.agent("bruno").await?.is_none());
    agent.campaigns = vec![cadran::units::CampaignId(77)];
    let error = store.set_agent(&agent).await.expect_err("campaign 77 does not exist");
    assert_eq!(error.fault(), Fault::Caller);
    Ok(())
}

pub(super) async fn calls_are_listed_newest_first_page_by_page(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, (0..5).map(|n| contact(&format!("c{n}"), n))).await?;
    let leads = store.claim(campaign, 5, LEASE, NOON).await?.leads;
    for (n, lead) in (1..).zip(&leads) {
        let outcome = if n == 3 { Outcome::Busy } else { Outcome::NoAnswer };
        let close = closed(n, campaign, lead, outcome, Next::Untouched);
        store.commit(vec![opened(n, campaign, lead, 1), close]).await?;
    }
    let all = CallFilter::default();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.calls(&all, after.as_ref(), 2).await?;
        seen.extend(page.rows.iter().map(|row| row.call.count()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let busy = CallFilter { outcome: Some(Outcome::Busy), ..all.clone() };
    let rows = store.calls(&busy, None, 10).await?.rows;
    assert_eq!(rows.iter().map(|row| row.call).collect::<Vec<_>>(), [call(3)]);
    let one = CallFilter { to: Some(number_of(4)?), campaign: Some(campaign), ..all };
    let rows = store.calls(&one, None, 10).await?.rows;
    assert_eq!(rows.iter().map(|row| row.to.clone()).collect::<Vec<_>>(), [Some(number_of(4)?)]);
    Ok(())
}

pub(super) async fn stats_count_what_the_calls_tell(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, (0..4).map(|n| contact(&format!("c{n}"), n))).await?;
    let leads = store.claim(campaign, 4, LEASE, NOON).await?.leads;
    let outcomes = [Outcome::Connected, Outcome::Connected, Outcome::Busy, Outcome::NoAnswer];
    for ((n, lead), outcome) in (1..).zip(&leads).zip(outcomes) {
        let mut writes =
            vec![opened(n, campaign, lead, 1), closed(n, campaign, lead, outcome, Next::Untouched)];
        if outcome == Outcome::Connected {
            let done = Next::Done(DoneReason::Qualified);
            writes.push(qualified(n, campaign, lead, u16::from(n == 1), done));
        }
        writes.push(record(Record::Completed(call(n)), NOON));
        store.commit(writes).await?;
    }
    let stats = store.stats(campaign, NOON, NOON + REST).await?;
    assert_eq!((stats.attempts, stats.rang, stats.answered), (4, 2, 2));
    assert_eq!((stats.humans, stats.machines, stats.bridged, stats.abandoned), (2, 0, 2, 0));
    assert_eq!((stats.argued_positive, stats.argued_negative, stats.not_argued), (1, 0, 1));
    assert_eq!((stats.talk, stats.hold), (Span::secs(32), Span::secs(8)));
    assert_eq!((stats.wait, stats.wrap), (Span::secs(2), Span::secs(16)));
    assert_eq!((stats.contacts, stats.contacts_done), (4, 2));
    assert_eq!(stats.outcomes.get(&Outcome::Busy), Some(&1));
    assert_eq!(stats.dispositions.get("vente"), Some(&1));
    assert_eq!(store.stats(campaign, NOON + REST, NOON + REST + REST).await?.attempts, 0);
    Ok(())
}

pub(super) async fn a_do_not_call_wish_reaches_as_far_as_it_says(house: House) -> Done {
    let store = &house.store;
    let (here, there) = (campaign(store, "vente").await?, campaign(store, "relance").await?);
    for campaign in [here, there] {
        list(store, campaign, (1..=4).map(|n| contact(&format!("c{n}"), n))).await?;
    }
    store.add_do_not_call(&[wish(1, DncScope::Campaign(here))?]).await?;
    store.add_do_not_call(&[wish(2, DncScope::Client(ClientId(1)))?]).await?;
    let over = NewDoNotCall { until: Some(NOON), ..wish(3, DncScope::Everyone)? };
    store.add_do_not_call(&[over]).await?;
    let mut forbidden = Vec::new();
    for campaign in [here, there] {
        let leads = store.claim(campaign, 9, LEASE, NOON).await?.leads;
        let numbers = leads.iter().flat_map(|lead| &lead.numbers);
        forbidden.push(numbers.map(|number| number.do_not_call).collect::<Vec<_>>());
    }
    assert_eq!(forbidden, [[true, true, false, false], [false, true, false, false]]);
    assert_eq!(store.do_not_call(&number_of(2)?, NOON).await?.len(), 1);
    assert!(store.do_not_call(&number_of(3)?, NOON).await?.is_empty(), "it ended");
    Ok(())
}

pub(super) async fn a_wish_holds_on_every_number_of_a_consumer(house: House) -> Done {
    let store = &house.store;
    let (here, there) = (campaign(store, "vente").await?, campaign(store, "relance").await?);
    let two = |name: &str, one: u32, other: u32| {
        let mut two = contact(name, one);
        two.numbers.extend(contact(name, other).numbers);
        two
    };
    list(store, here, [two("a", 1, 2), contact("b", 4)]).await?;
    list(store, there, [two("a", 2, 3)]).await?;
    let persons = store.add_do_not_call(&[wish(1, DncScope::Client(ClientId(1)))?]).await?;
    assert_eq!(persons.len(), 2, "the engine is told of both numbers");
    let mut forbidden = Vec::new();
    for campaign in [here, there] {
        let leads = store.claim(campaign, 9, LEASE, NOON).await?.leads;
        let numbers = leads.iter().flat_map(|lead| &lead.numbers);
        forbidden.push(numbers.map(|number| number.do_not_call).collect::<Vec<_>>());
    }
    assert_eq!(forbidden, [vec![true, true, false], vec![true, true]]);
    Ok(())
}

pub(super) async fn of_two_wishes_the_one_that_ends_later_stands(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [contact("a", 1), contact("b", 2), contact("c", 3)]).await?;
    let client = DncScope::Client(ClientId(1));
    let after = |seconds| NOON + Span::secs(seconds);
    let ends =
        |n, seconds| wish(n, client).map(|it| NewDoNotCall { until: Some(after(seconds)), ..it });
    store.add_do_not_call(&[wish(1, client)?, ends(1, 60)?]).await?;
    store.add_do_not_call(&[ends(2, 120)?, ends(2, 60)?]).await?;
    let persons = store.add_do_not_call(&[ends(3, 60)?]).await?;
    let person = *persons.first().ok_or("nobody")?;
    let said = Record::DoNotCall { person, scope: client, call: Some(call(1)) };
    store.commit(vec![record(said, after(1))]).await?;
    for (seconds, standing) in [(90, [1, 1, 1]), (150, [1, 0, 1])] {
        for (n, standing) in (1..).zip(standing) {
            let stands = store.do_not_call(&number_of(n)?, after(seconds)).await?;
            assert_eq!(stands.len(), standing, "{n} after {seconds} s");
        }
    }
    Ok(())
}

pub(super) async fn an_ended_wish_stands_no_more_and_can_be_said_again(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [contact("a", 1)]).await?;
    let client = DncScope::Client(ClientId(1));
    let wishes = [wish(1, client)?, wish(1, DncScope::Everyone)?, wish(2, client)?];
    let persons = store.add_do_not_call(&wishes).await?;
    let [known, _stranger] = persons.as_slice() else { return Err("not two".into()) };
    // A stranger's digits are not kept; pages of one row each.
    let (mut after, mut told) = (None, Vec::new());
    while let Some(row) = store.do_not_calls(after, 1, NOON).await?.pop() {
        after = Some((row.person, row.scope));
        told.push((row.scope, row.number));
    }
    let number = Some(number_of(1)?);
    assert_eq!(told, [(client, number.clone()), (DncScope::Everyone, number), (client, None)]);
    let now = NOON + Span::secs(1);
    assert_eq!(store.end_do_not_call(&number_of(1)?, Some(client), now).await?, 1);
    assert_eq!(store.end_do_not_call(&number_of(1)?, None, now).await?, 1);
    assert_eq!(store.end_do_not_call(&number_of(1)?, None, now).await?, 0);
    assert_eq!(store.do_not_calls(None, 9, now).await?.len(), 1);
    let claimed = store.claim(campaign, 1, LEASE, now).await?.leads;
    let lead = claimed.first().ok_or("no lead")?;
    assert!(lead.numbers.iter().all(|number| !number.do_not_call), "{lead:?}");
    let said = Record::DoNotCall { person: *known, scope: client, call: Some(call(1)) };
    store.commit(vec![opened(1, campaign, lead, 1), record(said, now + Span::secs(9))]).await?;
    assert_eq!(store.do_not_call(&number_of(1)?, now + Span::secs(9)).await?.len(), 1);
    Ok(())
}

pub(super) async fn another_key_file_is_refused(house: House) -> Done {
    use std::os::unix::fs::PermissionsExt as _;
    for file in std::fs::read_dir(house.dir.path())? {
        let file = file?;
        let mode = file.metadata()?.permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file:?} is its owner's alone");
    }
    let (dir, settings) = house.closed().await;
    let key = dir.path().join("cadran.db.key");
    let reopen = async || {
        let tasks = Tasks::new();
        let store = Store::open(settings.clone(), &tasks).await?;
        drop(store);
        tasks.finished().await;
        Ok::<_, StoreError>(())
    };
    reopen().await?;
    let checked = async || cadran::store::check_key(&settings.place, &key).await;
    checked().await?;
    std::fs::write(&key, "0".repeat(64))?;
    let error = checked().await.expect_err("the key is another");
    assert!(matches!(error, StoreError::WrongKey), "{error}");
    let error = reopen().await.expect_err("the key is another");
    assert!(matches!(error, StoreError::WrongKey), "{error}");
    std::fs::remove_file(&key)?;
    let error = checked().await.expect_err("the key is lost");
    assert!(matches!(error, StoreError::Key { .. }), "{error}");
    let error = reopen().await.expect_err("a lost key is not made anew");
    assert_eq!(error.fault(), Fault::Operator, "{error}");
    Ok(())
}

pub(super) async fn two_stores_never_share_a_database(house: House) -> Done {
    let second = Store::open(house.settings.clone(), &Tasks::new()).await;
    let error = second.expect_err("the first store is open");
    assert!(matches!(error, StoreError::InUse(_)), "{error}");
    assert_eq!(error.fault(), Fault::Operator);
    let house = house.reopened().await?;
    house.store.campaigns().await?;
    Ok(())
}

pub(super) async fn the_version_is_told_without_opening_the_store(house: House) -> Done {
    let told = cadran::store::version(&house.settings.place).await?;
    let engine = match house.settings.place {
        Place::File(_) => "SQLite 3.",
        Place::Server(_) => "PostgreSQL 1",
    };
    assert!(told.starts_with(engine), "{told}");
    Ok(())
}

pub(super) async fn a_changed_schema_is_found_when_the_store_is_opened(house: House) -> Done {
    house.look().await?.run("alter table preview_skip drop column reason").await?;
    let (_dir, settings) = house.closed().await;
    let error = Store::open(settings, &Tasks::new()).await.expect_err("a column is missing");
    assert!(matches!(error, StoreError::Statement { name: "SKIPPED", .. }), "{error}");
    Ok(())
}

fn wish(n: u32, scope: DncScope) -> Result<NewDoNotCall, cadran::units::NotE164> {
    Ok(NewDoNotCall {
        number: number_of(n)?,
        scope,
        reason: "a letter".to_owned(),
        source: "test".to_owned(),
        at: NOON,
        until: None,
    })
}
