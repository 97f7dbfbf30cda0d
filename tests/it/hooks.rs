//! Webhooks against a receiver that fails, stalls, repeats, redirects and leaves.

mod sink;

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use cadran::core::order::{DoneReason, Next, Outcome, Record};
use cadran::engine::clock::Clock;
use cadran::engine::handle::{Appointment, Details};
use cadran::hooks::event::{CallCompleted, Event, Status, Test};
use cadran::hooks::sign::SigningKey;
use cadran::hooks::{Courier, Endpoint, NotAnEndpoint, Settings, event, test_event};
use cadran::store::{Store, Write};
use cadran::units::{Span, Wall};
use sink::{Answer, Sink};
use tokio::sync::watch;

use crate::store::fixture::{
    Done, House, LEASE, NOON, announce, call, campaign, closed, contact, list, number_of, opened,
    qualified, record,
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Allows the sink, which stands on this machine, and does not wait long for one that stalls.
const HERE: Settings = Settings { loopback: true, timeout: Duration::from_millis(300) };

fn endpoint(url: &str) -> Result<Endpoint, Box<dyn Error>> {
    Ok(Endpoint::new("crm", url, vec![SigningKey::new(SECRET)?])?)
}

fn courier(house: &House, url: &str) -> Result<Courier, Box<dyn Error>> {
    let (store, tasks) = (house.store.clone(), house.tasks.clone());
    Ok(Courier::new(store, Clock::start(), tasks, vec![endpoint(url)?], HERE)?)
}

/// Delivers what is due at `now` and waits for it.
async fn round(courier: &Courier, now: Wall) -> Result<usize, Box<dyn Error>> {
    let started = courier.start(now).await?;
    courier.idle().await;
    Ok(started)
}

async fn one_event(store: &Store) -> Result<String, Box<dyn Error>> {
    let event = test_event("crm", NOON);
    store.add_event(&event).await?;
    Ok(event.id)
}

#[tokio::test]
async fn a_delivery_carries_the_standards_headers_and_a_signature_that_verifies() -> Done {
    let (house, sink) = (House::sqlite().await?, Sink::start(&[]).await?);
    let id = one_event(&house.store).await?;
    assert_eq!(round(&courier(&house, &sink.url)?, NOON + Span::millis(1_500)).await?, 1);
    let received = sink.received();
    let [got] = received.as_slice() else { return Err("one delivery".into()) };
    assert_eq!(got.header("webhook-id"), id);
    assert_eq!(got.header("webhook-timestamp"), "1700481601");
    assert_eq!(got.header("content-type"), "application/json");
    let signed = SigningKey::new(SECRET)?.sign(&id, 1_700_481_601, &got.body);
    assert_eq!(got.header("webhook-signature"), signed);
    let event: Event<Test> = serde_json::from_str(&got.body)?;
    assert_eq!(
        (event.kind.as_str(), event.timestamp.as_str()),
        ("webhook.test", "2023-11-20T12:00:00.000Z",)
    );
    let stored = house.store.events(None, false, 1).await?.remove(0);
    assert_eq!((stored.status, stored.tries, stored.next_try), (Some(200), 1, None));
    assert!(stored.delivered.is_some());
    Ok(())
}

#[tokio::test]
async fn a_failed_delivery_is_repeated_under_the_same_id_when_its_wait_is_over() -> Done {
    let house = House::sqlite().await?;
    let sink = Sink::start(&[Answer::Status(500), Answer::Stall, Answer::Status(404)]).await?;
    let id = one_event(&house.store).await?;
    let courier = courier(&house, &sink.url)?;
    assert_eq!(round(&courier, NOON).await?, 1);
    assert_eq!(round(&courier, NOON + Span::secs(4)).await?, 0, "5 s have not passed");
    let mut now = NOON;
    for wait in [7, 400, 2_400] {
        now = now + Span::secs(wait);
        assert_eq!(round(&courier, now).await?, 1, "after {wait} s");
    }
    assert_eq!(round(&courier, now + Span::secs(900_000)).await?, 0, "it is delivered");
    let received = sink.received();
    assert_eq!(received.len(), 4);
    assert!(received.iter().all(|got| got.header("webhook-id") == id));
    assert!(received.windows(2).all(|pair| pair[0].body == pair[1].body));
    let timestamps: Vec<_> = received.iter().map(|got| got.header("webhook-timestamp")).collect();
    assert!(timestamps.is_sorted_by(|a, b| a < b), "each try has its own time: {timestamps:?}");
    Ok(())
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_tried_again_and_says_why() -> Done {
    let (house, sink) = (House::sqlite().await?, Sink::start(&[]).await?);
    let courier = courier(&house, &sink.url)?;
    sink.leave().await;
    one_event(&house.store).await?;
    round(&courier, NOON).await?;
    let event = house.store.events(None, true, 1).await?.remove(0);
    assert_eq!((event.status, event.tries), (None, 1));
    assert!(event.next_try.is_some());
    let error = event.error.ok_or("no reason")?;
    assert!(!error.is_empty() && !error.contains("hook"), "the address may hold a token: {error}");
    Ok(())
}

#[tokio::test]
async fn after_ten_tries_an_event_is_given_up_and_can_be_replayed() -> Done {
    let house = House::sqlite().await?;
    let sink = Sink::start(&[Answer::Status(503); 10]).await?;
    let id = one_event(&house.store).await?;
    let courier = courier(&house, &sink.url)?;
    let mut now = NOON;
    while round(&courier, now).await? == 1 {
        now = now + Span::secs(2 * 86_400);
    }
    assert_eq!(sink.received().len(), 10);
    let failed = house.store.events(Some("crm"), true, 10).await?;
    assert_eq!(
        failed.iter().map(|event| (event.tries, event.next_try)).collect::<Vec<_>>(),
        [(10, None)]
    );
    assert_eq!(house.store.endpoints().await?.first().map(|row| row.failed), Some(1));
    house.store.replay_event(&id, now).await?;
    assert_eq!(round(&courier, now).await?, 1);
    assert!(house.store.events(Some("crm"), true, 10).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() -> Done {
    let (house, target) = (House::sqlite().await?, Sink::start(&[]).await?);
    let sink = Sink::start(&[Answer::Redirect(target.port)]).await?;
    one_event(&house.store).await?;
    round(&courier(&house, &sink.url)?, NOON).await?;
    assert_eq!((sink.received().len(), target.received().len()), (1, 0));
    let event = house.store.events(None, true, 1).await?.remove(0);
    assert_eq!(event.status, Some(307));
    assert!(event.next_try.is_some());
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_is_gone_disables_its_endpoint_until_it_is_enabled() -> Done {
    let house = House::sqlite().await?;
    let sink = Sink::start(&[Answer::Status(410)]).await?;
    one_event(&house.store).await?;
    let courier = courier(&house, &sink.url)?;
    round(&courier, NOON).await?;
    let far = NOON + Span::secs(400_000);
    assert_eq!(round(&courier, far).await?, 0);
    assert_eq!(house.store.next_event().await?, None, "nothing is worth waking for");
    let row = house.store.endpoints().await?.remove(0);
    assert!(row.disabled.is_some());
    assert_eq!(row.pending, 1);
    house.store.enable_endpoint("crm", far).await?;
    assert_eq!(round(&courier, far).await?, 1);
    assert!(house.store.events(None, true, 1).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn retry_after_is_honoured() -> Done {
    let house = House::sqlite().await?;
    let sink = Sink::start(&[Answer::Busy(3_600)]).await?;
    one_event(&house.store).await?;
    let courier = courier(&house, &sink.url)?;
    round(&courier, NOON).await?;
    assert_eq!(round(&courier, NOON + Span::secs(3_590)).await?, 0);
    assert_eq!(round(&courier, NOON + Span::secs(3_610)).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_delivery_sends_it_again_under_the_same_id() -> Done {
    let house = House::sqlite().await?;
    let sink = Sink::start(&[Answer::Stall]).await?;
    let id = one_event(&house.store).await?;
    let first = courier(&house, &sink.url)?;
    assert_eq!(first.start(NOON).await?, 1);
    sink.wait_for(1).await;
    house.tasks.abort();
    drop(first);
    let house = house.reopened().await?;
    house.store.recover(NOON).await?;
    let courier = courier(&house, &sink.url)?;
    assert_eq!(round(&courier, NOON + Span::secs(30)).await?, 0, "it may still be under way");
    assert_eq!(round(&courier, NOON + Span::secs(60)).await?, 1);
    let ids: Vec<_> = sink.received().iter().map(|got| got.header("webhook-id")).collect();
    assert_eq!(ids, [id.clone(), id]);
    Ok(())
}

#[tokio::test]
async fn every_event_arrives_when_a_tenth_of_the_answers_fail() -> Done {
    let house = House::sqlite().await?;
    let script: Vec<_> =
        (0..300).map(|n| Answer::Status(if n % 10 == 3 { 502 } else { 204 })).collect();
    let sink = Sink::start(&script).await?;
    for n in 0..200 {
        let mut event = test_event("crm", NOON + Span::micros(n));
        event.id = format!("evt_{n}");
        house.store.add_event(&event).await?;
    }
    let courier = courier(&house, &sink.url)?;
    let mut now = NOON + Span::secs(1);
    for _ in 0..200 {
        round(&courier, now).await?;
        now = now + Span::secs(5);
    }
    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    for got in sink.received() {
        *arrived.entry(got.header("webhook-id")).or_default() += 1;
    }
    assert_eq!(arrived.len(), 200);
    assert!(house.store.events(None, true, 10).await?.is_empty(), "all taken");
    Ok(())
}

#[tokio::test]
async fn addresses_of_this_machine_and_of_metadata_are_not_called() -> Done {
    let (house, sink) = (House::sqlite().await?, Sink::start(&[]).await?);
    let make = |url: &str, settings| -> Result<Courier, Box<dyn Error>> {
        let (store, tasks) = (house.store.clone(), house.tasks.clone());
        Ok(Courier::new(store, Clock::start(), tasks, vec![endpoint(url)?], settings)?)
    };
    let closed = Settings { loopback: false, ..HERE };
    for url in ["http://169.254.169.254/latest", "http://[fe80::1]/", "http://0.0.0.0/"] {
        assert!(make(url, HERE).is_err(), "{url}");
    }
    for url in ["http://127.0.0.1/", "http://2130706433/", "http://[::1]:80/", "http://0x7f.1/"] {
        assert!(make(url, closed).is_err(), "{url}");
    }
    one_event(&house.store).await?;
    let by_name = format!("http://localhost:{}/hook", sink.port);
    round(&make(&by_name, closed)?, NOON).await?;
    assert!(sink.received().is_empty(), "a name that leads to this machine is found out");
    let event = house.store.events(None, true, 1).await?.remove(0);
    assert_eq!(event.status, None);
    assert!(event.error.ok_or("no reason")?.contains("this machine"));
    let bad = ["ftp://crm.example/", "crm.example", "data:text/plain,x"];
    for url in bad {
        let error = Endpoint::new("crm", url, vec![SigningKey::new(SECRET)?]);
        assert_eq!(error.err(), Some(NotAnEndpoint::Url("crm".to_owned())), "{url}");
    }
    Ok(())
}

#[tokio::test]
async fn every_disposition_reaches_the_receiver_once() -> Done {
    let (house, sink) = (House::sqlite().await?, Sink::start(&[]).await?);
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, (0..100).map(|n| contact(&format!("c{n}"), n))).await?;
    let leads = store.claim(campaign, 100, LEASE, NOON).await?.leads;
    let (stop, stopped) = watch::channel(false);
    house.tasks.spawn(courier(&house, &sink.url)?.run(stopped));
    let clock = sink.clock();
    let mut committed = BTreeMap::new();
    for (n, lead) in (1..).zip(&leads) {
        let done = Next::Done(DoneReason::Qualified);
        let close = closed(n, campaign, lead, Outcome::Connected, Next::Untouched);
        store.commit(vec![opened(n, campaign, lead, 1), close]).await?;
        let said = qualified(n, campaign, lead, 1, done);
        store.commit(vec![said, record(Record::Completed(call(n)), NOON)]).await?;
        committed.insert(call(n).to_string(), clock.mono());
    }
    sink.wait_for(100).await;
    stop.send(true)?;
    let mut waits = Vec::new();
    for got in sink.received() {
        let event: Event<CallCompleted> = serde_json::from_str(&got.body)?;
        let from = committed.remove(&event.data.call_id).ok_or("an unknown call, or again")?;
        waits.push(got.at().since(from));
    }
    assert_eq!(committed, BTreeMap::new());
    waits.sort_unstable();
    let p99 = waits.get(98).ok_or("fewer than 99")?;
    announce(&format!("100 dispositions: p99 from commit to receiver {p99}"));
    Ok(())
}

#[tokio::test]
async fn call_completed_says_everything_the_page_promises() -> Done {
    let house = House::sqlite().await?;
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [contact("crm-7", 1)]).await?;
    let lead = house.first_lead(campaign).await?;
    let details = Details {
        notes: Some("rappeler".to_owned()),
        amount_cents: Some(4_990),
        appointment: Some(Appointment {
            at: "2023-11-27T10:00:00+01:00".to_owned(),
            place: Some("Lyon".to_owned()),
            salesperson: None,
        }),
        changed_fields: BTreeMap::from([("ville".to_owned(), "Lyon".to_owned())]),
    };
    store
        .commit(vec![
            opened(1, campaign, &lead, 1),
            closed(1, campaign, &lead, Outcome::Connected, Next::Untouched),
            Write::Details { call: call(1), details: details.clone(), at: NOON },
            qualified(1, campaign, &lead, 1, Next::Done(DoneReason::Qualified)),
        ])
        .await?;
    let row = store.call(call(1)).await?.ok_or("no call")?;
    let body = event::call_completed(1, &row);
    let told: Event<CallCompleted> = serde_json::from_str(&body)?;
    let data = told.data;
    assert_eq!((data.sequence, data.attempt_no, data.status), (1, 1, Status::Completed));
    assert_eq!(data.to.as_deref(), Some(number_of(1)?.reveal()));
    assert_eq!(data.from.as_deref(), Some(number_of(900)?.reveal()));
    assert_eq!(data.started_at, "2023-11-20T12:00:01.000Z");
    assert_eq!((data.ring_s, data.wait_s), (Some(5.0), Some(1.0)));
    assert_eq!((data.talk_s, data.hold_s, data.wrap_s), (Some(16.0), Some(4.0), Some(8.0)));
    assert_eq!(data.disposition.map(|said| said.code), Some("vente".to_owned()));
    assert_eq!((data.notes, data.appointment), (details.notes, details.appointment));
    let raw: serde_json::Value = serde_json::from_str(&body)?;
    let fields = raw["data"].as_object().ok_or("data is an object")?;
    let page = std::fs::read_to_string("docs/webhooks.md")?;
    for field in fields.keys() {
        assert!(page.contains(&format!("`{field}`")), "docs/webhooks.md does not name {field}");
    }
    Ok(())
}
