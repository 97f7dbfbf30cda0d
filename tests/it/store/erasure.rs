//! Keys of persons and contacts: what is sealed, what erasing destroys, what must stay.

use std::path::Path;

use cadran::core::fact::DncScope;
use cadran::core::order::{DoneReason, Next, Outcome, Record};
use cadran::engine::handle::Details;
use cadran::store::{
    Correction, Erased, Kept, NAME, NewAgent, NewCampaign, NewContact, NewDoNotCall, NewOpposition,
    Place, Reopening, Store, StoreError, Subject, Write,
};
use cadran::units::{CampaignId, InboundId, Span, Wall};

use super::fixture::{
    Done, House, LEASE, NOON, REST, call, campaign, closed, contact, list, mobile, new_campaign,
    number_of, opened, qualified, record, refused,
};

/// A contact whose name, digits and notes are found wherever they are written plain.
const NTH: u32 = 12_345;

/// What must be nowhere: its digits, its name, what was noted of it.
const PLAIN: [&str; 4] = ["990012345", "Camille 12345", "allergique", "Place Verte"];

fn personal() -> NewContact {
    let mut personal = contact("crm-12345", NTH);
    personal.fields.insert("adresse".to_owned(), "Place Verte".to_owned());
    personal
}

fn notes(n: u64) -> Write {
    let changed = [("ville".to_owned(), "Lyon".to_owned())];
    let notes = Some("allergique au pollen".to_owned());
    let details = Details { notes, changed_fields: changed.into(), ..Details::default() };
    Write::Details { call: call(n), details, at: NOON }
}

/// A conversation with whoever is due, on the record from its beginning to its end.
async fn talk(house: &House, campaign: CampaignId, n: u64) -> Done {
    let lead = house.first_lead(campaign).await?;
    let begun = opened(n, campaign, &lead, 1);
    let over = closed(n, campaign, &lead, Outcome::Connected, Next::Untouched);
    let next = Next::Retry { at: NOON + REST, number: None };
    let word = qualified(n, campaign, &lead, 0, next);
    let told = record(Record::Completed(call(n)), NOON);
    Ok(house.store.commit(vec![begun, over, notes(n), word, told]).await?)
}

fn nth(n: u32) -> Result<Subject, Box<dyn std::error::Error>> {
    Ok(Subject::Number(number_of(n)?))
}

/// Every byte of the database's own files; empty for one of a server.
fn files(house: &House) -> Result<Vec<u8>, std::io::Error> {
    let Place::File(path) = &house.settings.place else { return Ok(Vec::new()) };
    let mut bytes = std::fs::read(path)?;
    for more in ["-wal", "-shm", "-journal"] {
        let beside = format!("{}{more}", path.display());
        if Path::new(&beside).exists() {
            bytes.extend(std::fs::read(beside)?);
        }
    }
    Ok(bytes)
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Nothing personal is plain in any row, nor in the files.
async fn nothing_is_plain(house: &House) -> Done {
    let bytes = files(house)?;
    for text in PLAIN {
        assert!(!holds(&bytes, text), "{text} stands in the files");
        for (table, rows) in house.dump().await? {
            assert!(!rows.contains(text), "{table} holds {text}");
        }
    }
    Ok(())
}

pub(super) async fn what_names_a_person_is_sealed_and_read_as_before(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [personal()]).await?;
    talk(&house, campaign, 1).await?;
    nothing_is_plain(&house).await?;
    let row = store.call(call(1)).await?.ok_or("the call is gone")?;
    assert_eq!(row.to, Some(number_of(NTH)?));
    assert_eq!(row.details.notes.as_deref(), Some("allergique au pollen"));
    let card = store.card(row.contact).await?.ok_or("the card is gone")?;
    assert_eq!(card.name.as_deref(), Some("Camille 12345"));
    let fields: Vec<_> = card.fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(fields, [("adresse", "Place Verte"), ("ville", "Lyon")]);
    assert_eq!(store.digits(row.number).await?, Some(number_of(NTH)?));
    let due = NOON + Span::secs(60);
    for events in
        [store.events(None, false, 9).await?, store.take_events("crm", 9, LEASE, due).await?]
    {
        let [event] = events.as_slice() else { return Err("one event".into()) };
        assert!(event.body.contains("+331990012345") && event.body.contains("Lyon"), "{event:?}");
    }
    Ok(())
}

pub(super) async fn whoever_is_erased_is_nowhere_and_what_counts_stays(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [personal(), contact("other", 2)]).await?;
    talk(&house, campaign, 1).await?;
    let before = store.stats(campaign, NOON, NOON + REST).await?;
    let contact = store.call(call(1)).await?.ok_or("the call is gone")?.contact;
    let would = store.erase(&nth(NTH)?, NOON, true).await?;
    assert_eq!(would.contacts, [contact]);
    assert!(store.card(contact).await?.is_some_and(|card| card.name.is_some()), "only rehearsed");
    let erased = store.erase(&nth(NTH)?, NOON, false).await?;
    assert_eq!(erased, would);
    assert_eq!((erased.persons.len(), erased.kept), (1, 0));
    assert_eq!((erased.details, erased.events), (1, 1));
    nothing_is_plain(&house).await?;
    let mut look = house.look().await?;
    for rows in ["person_personal", "contact_personal", "number"] {
        let count = match rows {
            "person_personal" => look.count("select count(*) from person_personal").await?,
            "contact_personal" => look.count("select count(*) from contact_personal").await?,
            _ => look.count("select count(*) from number").await?,
        };
        assert_eq!(count, 1, "{rows}: the other contact's alone");
    }
    // Who closed contacts opens anew finds it no more.
    let which =
        Reopening { outcomes: Vec::new(), dispositions: vec!["rappel".into()], freed: true };
    assert_eq!(store.reopen(campaign, &which, NOON, false).await?, 0);
    // Once more finds nobody.
    assert_eq!(store.erase(&nth(NTH)?, NOON, false).await?, Erased::default());
    let again = store.erase(&Subject::Contact(contact), NOON, false).await?;
    assert_eq!(again, Erased::default());
    let row = store.call(call(1)).await?.ok_or("the attempt stays")?;
    assert_eq!((row.to, row.external_id, row.details), (None, None, Details::default()));
    assert_eq!(row.outcome, Some(Outcome::Connected));
    let card = store.card(contact).await?.ok_or("its row stays")?;
    assert!(card.done && card.name.is_none() && card.fields.is_empty(), "{card:?}");
    let after = store.stats(campaign, NOON, NOON + REST).await?;
    assert_eq!(after, cadran::store::Stats { contacts_done: 1, ..before });
    // The event that waits tells of the call, and of nobody.
    let events = store.take_events("crm", 9, LEASE, NOON + Span::secs(60)).await?;
    let [event] = events.as_slice() else { return Err("one event".into()) };
    assert!(event.body.contains("\"connected\""), "{event:?}");
    assert!(PLAIN.iter().all(|text| !event.body.contains(text)), "{event:?}");
    assert!(!event.body.contains("Lyon") && !event.body.contains("crm-12345"), "{event:?}");
    let house = house.reopened().await?;
    nothing_is_plain(&house).await
}

pub(super) async fn an_erased_contact_is_neither_called_nor_opened_again(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [personal(), contact("b", 2)]).await?;
    let lead = house.first_lead(campaign).await?;
    // In a call it is not erased: whoever talks to it sees its card.
    store.commit(vec![opened(1, campaign, &lead, 1)]).await?;
    let busy = store.erase(&nth(NTH)?, NOON, false).await;
    let error = busy.expect_err("the contact is in a call");
    assert!(matches!(error, StoreError::Engaged(it, c) if it == lead.contact && c == call(1)));
    let retry = Next::Retry { at: NOON, number: None };
    let over = closed(1, campaign, &lead, Outcome::NoAnswer, retry);
    store.commit(vec![over, record(Record::Completed(call(1)), NOON)]).await?;
    // It is leased to a dialer that does not know yet.
    let lead = house.first_lead(campaign).await?;
    store.erase(&nth(NTH)?, NOON, false).await?;
    let late = store.commit(vec![opened(2, campaign, &lead, 2)]).await;
    let error = late.expect_err("nobody is called without a row");
    assert!(matches!(error, StoreError::Unknown(_)), "{error}");
    assert_eq!(store.call(call(2)).await?, None);
    let over = closed(2, campaign, &lead, Outcome::Interrupted, retry);
    let refusal = refused(campaign, lead.contact, retry, NOON);
    store.commit(vec![over, record(Record::Completed(call(2)), NOON), refusal]).await?;
    store.release(&[lead.contact]).await?;
    let claimed = store.claim(campaign, 9, LEASE, NOON + REST).await?;
    let left: Vec<_> = claimed.leads.iter().map(|lead| lead.contact).collect();
    assert!(left.len() == 1 && !left.contains(&lead.contact), "{left:?}");
    Ok(())
}

pub(super) async fn an_erased_consumer_stays_one_for_wishes_and_attempts(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    // One consumer with two numbers, called twice on the first; then he wants to be forgotten.
    let both = NewContact { numbers: vec![mobile(NTH), mobile(7)], ..personal() };
    list(store, campaign, [both]).await?;
    talk(&house, campaign, 1).await?;
    talk(&house, campaign, 2).await?;
    let erased = store.erase(&nth(7)?, NOON, false).await?;
    assert_eq!((erased.contacts.len(), erased.persons.len()), (1, 2));
    nothing_is_plain(&house).await?;
    // A list brings the second number alone: both attempts count on it, and a wish against the
    // first, which nobody knows any more but by its fingerprint, holds.
    let again = list(store, campaign, [contact("again", 7)]).await?;
    assert_eq!((again.added, again.doubled_in_campaign), (1, 0));
    let lead = house.first_lead(campaign).await?;
    let numbers: Vec<_> = lead.numbers.iter().map(|n| (n.recent.len(), n.do_not_call)).collect();
    assert_eq!(numbers, [(2, false)]);
    store.release(&[lead.contact]).await?;
    let wish = NewDoNotCall {
        number: number_of(NTH)?,
        scope: DncScope::Everyone,
        reason: "letter".to_owned(),
        source: "letter".to_owned(),
        at: NOON,
        until: None,
    };
    let persons = store.add_do_not_call(&[wish]).await?;
    let second = lead.numbers.first().ok_or("a number")?.person;
    assert!(persons.contains(&second), "a running engine hears of the other number too");
    let lead = house.first_lead(campaign).await?;
    assert!(lead.numbers.iter().all(|number| number.do_not_call), "{lead:?}");
    let store = &house.reopened().await?.store;
    let wishes = store.do_not_call(&number_of(NTH)?, NOON).await?;
    assert_eq!(wishes.len(), 1, "the wish stands");
    Ok(())
}

pub(super) async fn a_number_another_contact_needs_is_kept(house: House) -> Done {
    let store = &house.store;
    let (vente, relance) = (campaign(store, "vente").await?, campaign(store, "relance").await?);
    let both = NewContact { numbers: vec![mobile(NTH), mobile(7)], ..personal() };
    list(store, vente, [both]).await?;
    list(store, relance, [contact("flatmate", 7)]).await?;
    let claimed = store.claim(vente, 9, LEASE, NOON).await?;
    let lead = claimed.leads.first().ok_or("a lead")?;
    let erased = store.erase(&Subject::Contact(lead.contact), NOON, false).await?;
    assert_eq!((erased.contacts.as_slice(), erased.kept), (&[lead.contact][..], 1));
    assert_eq!(erased.persons.len(), 1);
    let left = store.claim(relance, 9, LEASE, NOON).await?;
    assert_eq!(left.digits.values().collect::<Vec<_>>(), [&number_of(7)?]);
    nothing_is_plain(&house).await
}

pub(super) async fn what_an_older_program_left_plain_is_sealed_at_the_start(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [personal()]).await?;
    talk(&house, campaign, 1).await?;
    let contact = store.call(call(1)).await?.ok_or("the call is gone")?.contact;
    call_back(&house, campaign, 1, NTH).await?;
    let mut look = house.look().await?;
    for plain in [
        "delete from meta where name = 'sealed'",
        "update person_personal set key = null, e164 = '+331990012345'",
        "update contact_personal set key = null, name = 'Camille 12345',
           fields = '{\"adresse\":\"Place Verte\"}'",
        "update attempt_personal set details = '{\"notes\":\"allergique au pollen\"}'",
        "update outbox_personal set body = '{\"to\":\"+331990012345\"}'",
        "update contact_change_personal set before = 'Place Verte', after = null",
        "update inbound_call_personal set key = null, from_e164 = '+331990012345',
           to_e164 = '+331990000900'",
    ] {
        look.run(plain).await?;
    }
    drop(look);
    let house = house.reopened().await?;
    nothing_is_plain(&house).await?;
    let row = house.store.call(call(1)).await?.ok_or("the call is gone")?;
    assert_eq!(row.to, Some(number_of(NTH)?));
    assert_eq!(row.details.notes.as_deref(), Some("allergique au pollen"));
    let card = house.store.card(contact).await?.ok_or("the card is gone")?;
    assert_eq!(card.name.as_deref(), Some("Camille 12345"));
    assert_eq!(card.fields.get("adresse").map(String::as_str), Some("Place Verte"));
    let events = house.store.events(None, false, 9).await?;
    assert!(events.iter().all(|event| event.body == "{\"to\":\"+331990012345\"}"), "{events:?}");
    let changes = house.store.changes(contact).await?;
    let told = changes.iter().map(|it| (it.before.as_deref(), it.after.as_deref()));
    assert_eq!(told.collect::<Vec<_>>(), [(Some("Place Verte"), None)]);
    let row = house.store.inbound(InboundId(1)).await?.ok_or("the call is gone")?;
    assert_eq!((row.from, row.to), (Some(number_of(NTH)?), Some(number_of(900)?)));
    let sealed = house.dump().await?;
    let house = house.reopened().await?;
    assert_eq!(house.dump().await?, sealed, "once is enough");
    Ok(())
}

/// Somebody calls back and wants to be called no more.
async fn call_back(house: &House, campaign: CampaignId, n: u64, from: u32) -> Done {
    let (store, inbound) = (&house.store, InboundId(n));
    let trunk = store.trunk("t1").await?;
    let client = store.campaigns().await?.first().ok_or("one campaign")?.client;
    let new = NewOpposition {
        inbound,
        trunk,
        campaign,
        clients: vec![client],
        from: number_of(from)?,
        called: number_of(900)?,
        at: NOON,
    };
    store.oppose(&new).await?;
    let over = Record::ReceivedEnded { inbound, at: NOON + Span::secs(20) };
    Ok(store.commit(vec![record(over, NOON)]).await?)
}

pub(super) async fn what_agents_corrected_and_who_called_back_is_sealed_and_erased(
    house: House,
) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [personal()]).await?;
    talk(&house, campaign, 1).await?;
    let contact = store.call(call(1)).await?.ok_or("the call is gone")?.contact;
    let amina = NewAgent {
        name: "amina".to_owned(),
        ha1: None,
        contact_uri: None,
        campaigns: Vec::new(),
        skills: None,
    };
    let fields = [(NAME, "Camille 12345 Petit"), ("adresse", "Place Verte 2")];
    let new = Correction {
        contact,
        fields: fields.map(|(field, value)| (field.to_owned(), value.to_owned())).into(),
        added: vec![mobile(7)],
        wrong: vec![number_of(NTH)?],
        agent: store.set_agent(&amina).await?,
        call: Some(call(1)),
        source: "api".to_owned(),
        at: NOON,
    };
    assert_eq!(store.correct(&new).await?.changed, 4);
    call_back(&house, campaign, 1, NTH).await?;
    nothing_is_plain(&house).await?;
    let changes = store.changes(contact).await?;
    assert_eq!(changes.len(), 5, "with the town of the call: {changes:?}");
    let wrong = changes
        .iter()
        .find(|it| it.before.as_deref() == number_of(NTH).ok().as_ref().map(|n| n.reveal()));
    assert!(wrong.is_some(), "{changes:?}");
    let listed = store.listed(campaign, None, true, 10).await?;
    let [only] = listed.as_slice() else { return Err("one contact was corrected".into()) };
    assert_eq!(only.card.name.as_deref(), Some("Camille 12345 Petit"));
    assert_eq!(only.numbers, [(number_of(NTH)?, true), (number_of(7)?, false)]);
    let received = store.inbound_from(&number_of(NTH)?).await?;
    let [row] = received.as_slice() else { return Err("one call came in".into()) };
    assert_eq!(row.from, Some(number_of(NTH)?));
    let events = store.take_events("crm", 9, LEASE, NOON + Span::secs(60)).await?;
    let from = events.iter().filter(|event| event.body.contains("+331990012345"));
    assert_eq!(from.count(), 3, "call.completed, call.opposed, call.received: {events:?}");
    let erased = store.erase(&nth(NTH)?, NOON, false).await?;
    assert_eq!((erased.contacts.len(), erased.persons.len(), erased.events), (1, 2, 3));
    nothing_is_plain(&house).await?;
    let mut look = house.look().await?;
    let left = "select (select count(*) from contact_change_personal)
        + (select count(*) from inbound_call_personal)";
    assert_eq!(look.count(left).await?, 0);
    assert!(store.changes(contact).await?.is_empty());
    assert!(store.listed(campaign, None, false, 10).await?.is_empty());
    assert!(store.correct(&new).await.is_err(), "there is nobody to correct");
    let row = store.inbound(InboundId(1)).await?.ok_or("the call stays")?;
    assert_eq!((row.from, row.opposed), (None, Some(NOON)));
    let later = NOON + LEASE + Span::secs(120);
    for event in store.take_events("crm", 9, LEASE, later).await? {
        assert!(!event.body.is_empty() && !event.body.contains("90012345"), "{event:?}");
    }
    let stats = store.stats(campaign, NOON, NOON + REST).await?;
    assert_eq!((stats.called_back, stats.oppositions), (1, 1));
    Ok(())
}

pub(super) async fn a_stranger_who_called_is_told_and_erased_by_the_number(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [contact("other", 2)]).await?;
    let (trunk, inbound) = (store.trunk("t1").await?, InboundId(1));
    let received = Record::Received { inbound, trunk, campaign, at: NOON };
    let from = Some(number_of(NTH)?);
    let caller = Write::Caller { inbound, from: from.clone(), called: number_of(900)? };
    let over = Record::ReceivedEnded { inbound, at: NOON + Span::secs(20) };
    let writes = vec![record(received, NOON), caller, record(over, NOON)];
    store.commit(writes.clone()).await?;
    store.commit(writes).await?;
    nothing_is_plain(&house).await?;
    let told = store.inbound_from(&number_of(NTH)?).await?;
    assert_eq!(told.iter().map(|row| row.from.clone()).collect::<Vec<_>>(), [from]);
    // What is old is forgotten, but not before its events are.
    let later = NOON + years(2);
    assert_eq!(store.purgeable(&KEPT, later).await?.details, 0);
    let erased = store.erase(&nth(NTH)?, NOON, false).await?;
    assert_eq!((erased.contacts.len(), erased.persons.len(), erased.events), (0, 1, 1));
    assert!(store.inbound_from(&number_of(NTH)?).await?.is_empty());
    assert_eq!(store.erase(&nth(NTH)?, NOON, false).await?, Erased::default());
    call_back(&house, campaign, 2, 7).await?;
    for event in store.events(None, false, 9).await? {
        let sent = cadran::store::Delivery {
            event: event.id,
            tries: 1,
            at: NOON,
            status: Some(200),
            error: None,
            then: cadran::store::Then::Delivered,
        };
        store.commit(vec![Write::Delivery(sent)]).await?;
    }
    let purged = store.purge(&KEPT, later).await?;
    assert_eq!((purged.webhooks, purged.details), (3, 1));
    assert!(store.inbound_from(&number_of(7)?).await?.is_empty());
    assert_eq!(store.do_not_call(&number_of(7)?, later).await?.len(), 1, "the wish stands");
    Ok(())
}

pub(super) async fn a_campaign_that_changes_its_client_still_opens_its_contacts(
    house: House,
) -> Done {
    let store = &house.store;
    let vente = campaign(store, "vente").await?;
    list(store, vente, [personal()]).await?;
    talk(&house, vente, 1).await?;
    let mut look = house.look().await?;
    look.run("insert into client (id, name) values (77, 'another')").await?;
    look.run("update campaign set client_id = 77").await?;
    drop(look);
    let later = NOON + REST;
    let claimed = store.claim(vente, 1, LEASE, later).await?;
    assert_eq!(claimed.cards.len(), 1);
    let lead = claimed.leads.first().ok_or("the contact is due")?;
    store.commit(vec![opened(2, vente, lead, 2), notes(2)]).await?;
    let row = store.call(call(2)).await?.ok_or("the call is gone")?;
    assert_eq!(row.details.notes.as_deref(), Some("allergique au pollen"));
    Ok(())
}

pub(super) async fn a_client_company_keeps_all_that_is_its_own_under_another_name(
    house: House,
) -> Done {
    let store = &house.store;
    let vente = campaign(store, "vente").await?;
    let renamed = NewCampaign { client: "Acme SA".to_owned(), ..new_campaign("vente") };
    // Nobody was called for it yet: whose it is may still be mended.
    store.set_campaign(&renamed).await?;
    store.set_campaign(&new_campaign("vente")).await?;
    list(store, vente, [personal()]).await?;
    talk(&house, vente, 1).await?;
    let other = store.set_campaign(&renamed).await;
    assert!(matches!(other, Err(StoreError::OtherClient { .. })), "{other:?}");
    let taken = store.rename_client("acme", "Acme SA").await;
    assert!(matches!(taken, Err(StoreError::ClientTaken { .. })), "{taken:?}");
    let before = store.campaigns().await?.first().ok_or("one campaign")?.client;
    for _ in 0..2 {
        store.rename_client("acme", "Acme & Fils").await?;
    }
    let renamed = NewCampaign { client: "Acme & Fils".to_owned(), ..renamed };
    assert_eq!(store.set_campaign(&renamed).await?, vente);
    let row = store.campaigns().await?.into_iter().next().ok_or("one campaign")?;
    assert_eq!((row.client, &*row.client_name), (before, "Acme & Fils"));
    let lead = store.claim(vente, 1, LEASE, NOON + REST).await?.leads;
    let recent = lead.first().and_then(|lead| lead.numbers.first()).map(|own| own.recent.len());
    assert_eq!(recent, Some(1), "the attempt made under the old name counts");
    Ok(())
}

fn years(n: u64) -> Span {
    Span::secs(n * 366 * 86_400)
}

pub(super) const KEPT: Kept = Kept {
    contacts: Span::secs(3 * 366 * 86_400),
    proofs: Span::secs(3 * 366 * 86_400),
    german_proofs: Span::secs(5 * 366 * 86_400),
    details: Span::secs(366 * 86_400),
    webhooks: Span::secs(30 * 86_400),
    refusals: Span::secs(366 * 86_400),
};

pub(super) async fn each_kind_of_data_is_forgotten_when_its_time_is_over(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [personal(), contact("b", 2)]).await?;
    talk(&house, campaign, 1).await?;
    let talked = store.call(call(1)).await?.ok_or("the call is gone")?.contact;
    let wait = Next::Done(DoneReason::NoNumber);
    let lead = store.claim(campaign, 1, LEASE, NOON).await?.leads;
    let other = lead.first().ok_or("the other")?.contact;
    store.commit(vec![refused(campaign, other, wait, NOON)]).await?;
    let wish = NewDoNotCall {
        number: number_of(2)?,
        scope: DncScope::Everyone,
        reason: "letter".to_owned(),
        source: "letter".to_owned(),
        at: NOON,
        until: None,
    };
    store.add_do_not_call(&[wish]).await?;
    let told = |purged: &cadran::store::Purged| {
        (purged.contacts, purged.details, purged.webhooks, purged.refusals)
    };
    let young = store.purgeable(&KEPT, NOON + Span::secs(86_400)).await?;
    assert_eq!(told(&young), (0, 0, 0, 0));
    // The event waits for its endpoint still: it is not forgotten, however old.
    assert_eq!(told(&store.purgeable(&KEPT, NOON + years(2)).await?), (0, 1, 0, 1));
    let sent = cadran::store::Delivery {
        event: store.events(None, false, 1).await?.remove(0).id,
        tries: 1,
        at: NOON,
        status: Some(200),
        error: None,
        then: cadran::store::Then::Delivered,
    };
    store.commit(vec![Write::Delivery(sent)]).await?;
    let later = NOON + years(2);
    assert_eq!(told(&store.purgeable(&KEPT, later).await?), (0, 1, 1, 1));
    assert_eq!(told(&store.purge(&KEPT, later).await?), (0, 1, 1, 1));
    assert_eq!(store.purge(&KEPT, later).await?.rows(), 0, "nothing is left");
    // Somebody spoke to the first one eight seconds after their list came.
    let three = NOON + years(3) + Span::secs(4);
    assert_eq!(store.purgeable(&KEPT, three).await?.contacts, 1);
    let purged = store.purge(&KEPT, three).await?;
    assert_eq!(purged.erased, [other]);
    let purged = store.purge(&KEPT, NOON + years(3) + Span::secs(40)).await?;
    assert_eq!(purged.erased, [talked]);
    nothing_is_plain(&house).await?;
    let wishes = house.store.do_not_call(&number_of(2)?, NOON + years(4)).await?;
    assert_eq!(wishes.len(), 1, "a wish is never forgotten");
    Ok(())
}

pub(super) async fn a_proof_is_kept_for_years_after_its_right(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    let german = cadran::units::Territory::new("DE")?;
    let mut people = [contact("fr", 1), contact("de", 2), contact("contract", 3)];
    for (nth, person) in people.iter_mut().enumerate() {
        let mut given = super::consents::consent(NOON);
        if nth == 2 {
            given.basis = cadran::core::rules::consent::Basis::Contract;
        }
        person.consents = vec![given];
        if nth == 1 {
            person.numbers.iter_mut().for_each(|n| n.territory = Some(german.clone()));
        }
    }
    list(store, campaign, people).await?;
    let at = async |moment: Wall| store.purgeable(&KEPT, moment).await.map(|it| it.proofs);
    assert_eq!(at(NOON + years(4)).await?, 0, "three years after two");
    assert_eq!(at(NOON + years(5)).await?, 1);
    assert_eq!(at(NOON + years(7)).await?, 2, "five after two");
    assert_eq!(store.purge(&KEPT, NOON + years(7)).await?.proofs, 2);
    assert_eq!(at(NOON + years(50)).await?, 0, "a contract without an end may still run");
    let rights = store.consents(&number_of(3)?).await?;
    assert_eq!(rights.len(), 1);
    Ok(())
}

pub(super) async fn a_sealed_text_without_its_key_opens_for_nobody(house: House) -> Done {
    let Place::File(path) = house.settings.place.clone() else { return Ok(()) };
    let campaign = campaign(&house.store, "vente").await?;
    list(&house.store, campaign, [personal(), contact("b", 2)]).await?;
    let sealed =
        house.look().await?.pairs("select contact_id, fields from contact_personal").await?;
    house.store.erase(&nth(NTH)?, NOON, false).await?;
    let text = sealed.first().and_then(|(_, text)| text.clone()).ok_or("a sealed card")?;
    assert!(!holds(&files(&house)?, &text), "the sealed text is overwritten too");
    let (dir, settings) = house.closed().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut db: sqlx::SqliteConnection = sqlx::ConnectOptions::connect(&options).await?;
    sqlx::query("insert into contact_personal (contact_id, fields) values (1, ?)")
        .bind(&text)
        .execute(&mut db)
        .await?;
    drop(db);
    let tasks = cadran::engine::tasks::Tasks::new();
    let store = Store::open(settings, &tasks).await?;
    let card = store.card(cadran::units::ContactId(1)).await?.ok_or("its row stays")?;
    assert!(card.name.is_none() && card.fields.is_empty(), "{card:?}");
    drop((store, dir));
    tasks.finished().await;
    Ok(())
}
