//! Claims about decisions, and what became of their forecasts.

use std::time::Duration;

use cadran::core::foresight::Foresight;
use cadran::core::order::{Closed, Opened, Outcome, Record};
use cadran::core::pacing::{Ask, Decision, Forecast, Limit, View, Why, prior};
use cadran::engine::clock::Clock;
use cadran::engine::forget;
use cadran::store::{DecisionRow, StoreError, Write};
use cadran::units::{CampaignId, Ratio, Span, TrunkId, Wall};
use tokio::sync::watch;
use tokio::time::timeout;

use super::fixture::{Done, House, NOON, campaign, contact, ended, foretold, list, record};

fn decision(mean: f64) -> Decision {
    let forecast = Forecast {
        threshold: Ratio::new(0.031),
        answers: 6.25,
        releases: 2.875,
        chance: Ratio::new(0.024),
        room: -0.5,
        mean: Ratio::new(mean),
        next: Some(Ratio::new(0.034)),
        ahead: Span::millis(12_800),
    };
    Decision {
        view: View { ready: 6, talking: 12, answered: 1_012, abandoned: 23, ..View::default() },
        ask: Ask { calls: 2, why: Why::Predicted },
        placed: 1,
        limit: Limit::Channels(TrunkId(7)),
        forecast: Some(forecast),
    }
}

fn decided(campaign: CampaignId, decision: Decision, at: Wall) -> Write {
    record(Record::Decided(campaign, decision), at)
}

pub(crate) async fn a_decision_is_read_back_as_it_was_made(house: House) -> Done {
    let store = &house.store;
    let id = campaign(store, "jardin").await?;
    let predicted = decision(0.02);
    let stock = Decision { limit: Limit::Stock, forecast: None, ..predicted };
    let lone = predicted.forecast.map(|forecast| Forecast { next: None, ..forecast });
    let granted = Decision { limit: Limit::Ask, forecast: lone, ..predicted };
    let made = [predicted, stock, granted];
    let at = |nth: u64| NOON + Span::secs(10 * nth);
    let rows = (0..).zip(made).map(|(nth, decision)| decided(id, decision, at(nth)));
    store.commit(rows.collect()).await?;
    assert_eq!(store.decision(id, NOON - Span::secs(1)).await?, None);
    for (nth, decision) in (0..).zip(made) {
        let expected = Some(DecisionRow { at: at(nth), decision });
        assert_eq!(store.decision(id, at(nth) + Span::secs(9)).await?, expected);
    }
    assert_eq!(store.decision(CampaignId(99), at(9)).await?, None);
    Ok(())
}

pub(crate) async fn decisions_of_one_instant_keep_their_own_forecasts(house: House) -> Done {
    let store = &house.store;
    let id = campaign(store, "jardin").await?;
    list(store, id, (1..=3).map(|n| contact(&format!("c{n}"), n))).await?;
    let leads = store.claim(id, 3, Span::secs(60), NOON).await?.leads;
    let (first, second) = (decision(0.01), decision(0.04));
    // The first granted the calls 1 and 2, the second call 3, all in the same microsecond.
    let begun = NOON + Span::secs(1);
    let chances = [Some(0.01), Some(0.01), Some(0.04)];
    let opens = (1..).zip(&leads).zip(chances);
    let mut opens = opens.map(|((nth, lead), chance)| {
        let Write::Record { record: Record::Opened(opened), at } =
            foretold(nth, id, lead, 1, chance)
        else {
            unreachable!("the fixture opens a call")
        };
        record(Record::Opened(Opened { at: begun, ..opened }), at)
    });
    let mut writes: Vec<Write> = opens.by_ref().take(2).collect();
    writes.push(decided(id, first, begun));
    writes.extend(opens);
    writes.push(decided(id, second, begun));
    writes.extend((1..).zip(&leads).map(|(nth, lead)| ended(nth, id, lead, Outcome::Connected)));
    for _ in 0..2 {
        store.commit(writes.clone()).await?;
        let all = store.foresight(id, begun, begun, 100).await?;
        assert!((all.foretold - 0.06).abs() < 1e-12, "{all:?}");
        let told = store.decision(id, begun).await?;
        assert_eq!(told, Some(DecisionRow { at: begun, decision: second }));
    }
    Ok(())
}

pub(crate) async fn old_decisions_are_forgotten_but_the_latest(house: House) -> Done {
    let store = &house.store;
    let (id, idle) = (campaign(store, "jardin").await?, campaign(store, "maison").await?);
    let nth = |nth: u64| NOON + Span::secs(nth);
    let made = (1..=1_200).map(|n| decided(id, decision(0.02), nth(n)));
    let quiet = (1..=2).map(|n| decided(idle, decision(0.02), nth(n)));
    store.commit(made.chain(quiet).collect()).await?;
    let kept = async |most, before| -> Result<_, StoreError> {
        let mut forgotten = Vec::new();
        while forgotten.last() != Some(&0) {
            forgotten.push(store.forget_decisions(before, most).await?);
        }
        Ok(forgotten)
    };
    // In portions, and not the one made at the very moment.
    assert_eq!(kept(2_000, nth(1_101)).await?, [501, 500, 100, 0]);
    assert_eq!(store.decision(id, nth(1_100)).await?, None);
    let at = |row: Option<DecisionRow>| row.map(|row| row.at);
    assert_eq!(at(store.decision(id, nth(1_101)).await?), Some(nth(1_101)));
    assert_eq!(at(store.decision(idle, nth(9)).await?), Some(nth(2)), "its latest stays");
    // The newest ten, however young the others are.
    assert_eq!(kept(10, NOON).await?, [90, 0]);
    assert_eq!(store.decision(id, nth(1_190)).await?, None);
    assert_eq!(at(store.decision(id, nth(1_191)).await?), Some(nth(1_191)));
    assert_eq!(kept(10, NOON + Span::secs(9_000)).await?, [9, 0]);
    assert_eq!(at(store.decision(id, nth(9_000)).await?), Some(nth(1_200)));
    Ok(())
}

pub(crate) async fn an_engine_that_starts_forgets_what_is_older_than_four_weeks(
    house: House,
) -> Done {
    let House { dir: _dir, tasks, store, .. } = house;
    let (id, clock) = (campaign(&store, "jardin").await?, Clock::start());
    let today = clock.now().wall;
    let young = today - prior::KEPT + Span::secs(3_600);
    let moments = [NOON, NOON + Span::secs(1), young, today];
    store.commit(moments.map(|at| decided(id, decision(0.02), at)).into()).await?;
    let (stop, stopped) = watch::channel(false);
    tasks.spawn(forget::decisions(store.clone(), clock, prior::KEPT, stopped));
    let forgotten = async {
        while store.decision(id, NOON + Span::secs(9)).await?.is_some() {}
        Ok::<_, StoreError>(())
    };
    timeout(Duration::from_secs(30), forgotten).await??;
    assert_eq!(store.decision(id, young).await?.map(|row| row.at), Some(young));
    drop((stop, store));
    tasks.finished().await;
    Ok(())
}

pub(crate) async fn forecasts_are_compared_with_what_became_of_their_calls(house: House) -> Done {
    let store = &house.store;
    let id = campaign(store, "jardin").await?;
    list(store, id, (1..=6).map(|n| contact(&format!("c{n}"), n))).await?;
    let leads = store.claim(id, 6, Span::secs(60), NOON).await?.leads;
    let outcomes = [
        (Outcome::Connected, Some(0.01)),
        (Outcome::Abandoned, Some(0.02)),
        (Outcome::Connected, Some(0.04)),
        (Outcome::NoAnswer, Some(0.5)),
        (Outcome::Machine, Some(0.5)),
        (Outcome::Abandoned, None),
    ];
    for ((nth, lead), (outcome, chance)) in (1..).zip(&leads).zip(outcomes) {
        let opened = foretold(nth, id, lead, 1, chance);
        store.commit(vec![opened, ended(nth, id, lead, outcome)]).await?;
    }
    let all = store.foresight(id, NOON, NOON + Span::secs(60), 100).await?;
    assert_eq!((all.answered, all.abandoned), (3, 1));
    assert!((all.foretold - 0.07).abs() < 1e-12, "{all:?}");
    let variance = 0.01 * 0.99 + 0.02 * 0.98 + 0.04 * 0.96;
    assert!((all.variance - variance).abs() < 1e-12, "{all:?}");
    let latest = store.foresight(id, NOON, NOON + Span::secs(60), 1).await?;
    assert_eq!((latest.answered, latest.abandoned), (1, 0));
    let none = store.foresight(id, NOON - Span::secs(9), NOON, 100).await?;
    assert_eq!(none, Foresight::default());
    Ok(())
}

pub(crate) async fn forced_abandons_are_counted_apart_and_refute_no_forecast(house: House) -> Done {
    let store = &house.store;
    let id = campaign(store, "jardin").await?;
    list(store, id, (1..=2).map(|n| contact(&format!("c{n}"), n))).await?;
    let leads = store.claim(id, 2, Span::secs(60), NOON).await?.leads;
    for ((nth, lead), forced) in (1..).zip(&leads).zip([true, false]) {
        let opened = foretold(nth, id, lead, 1, Some(0.02));
        let Write::Record { record: Record::Closed(closed), at } =
            ended(nth, id, lead, Outcome::Abandoned)
        else {
            return Err("the fixture ends no call".into());
        };
        let closed = record(Record::Closed(Closed { forced, ..closed }), at);
        store.commit(vec![opened, closed]).await?;
    }
    let stats = store.stats(id, NOON, NOON + Span::secs(60)).await?;
    assert_eq!((stats.abandoned, stats.forced), (2, 1));
    let told = store.foresight(id, NOON, NOON + Span::secs(60), 100).await?;
    assert_eq!((told.answered, told.abandoned), (2, 1));
    let counted = store.counted(id, NOON, None).await?;
    assert_eq!(counted.iter().map(|bucket| bucket.abandoned).sum::<u64>(), 2, "the law counts all");
    Ok(())
}
