//! Claims about decisions, and what became of their forecasts.

use cadran::core::fact::Lead;
use cadran::core::foresight::Foresight;
use cadran::core::order::{Closed, EndedBy, Next, Outcome, Record};
use cadran::core::pacing::{Ask, Decision, Forecast, Limit, View, Why};
use cadran::store::{DecisionRow, Write};
use cadran::units::{CampaignId, NumberId, Ratio, Span, TrunkId, Wall};

use super::fixture::{Done, House, NOON, call, campaign, contact, list, opened, record};

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

pub(crate) async fn forecasts_are_compared_with_what_became_of_their_calls(house: House) -> Done {
    let store = &house.store;
    let id = campaign(store, "jardin").await?;
    list(store, id, (1..=6).map(|n| contact(&format!("c{n}"), n))).await?;
    let leads = store.claim(id, 6, Span::secs(60), NOON).await?.leads;
    // The nth call is dialled n seconds after noon, with the decision of that instant.
    let outcomes = [
        (Outcome::Connected, true, Some(0.01)),
        (Outcome::Abandoned, true, Some(0.02)),
        (Outcome::Connected, true, Some(0.04)),
        (Outcome::NoAnswer, false, Some(0.5)),
        (Outcome::Machine, false, Some(0.5)),
        (Outcome::Abandoned, true, None),
    ];
    for ((nth, lead), (outcome, answered, mean)) in (1..).zip(&leads).zip(outcomes) {
        let mut writes = vec![opened(nth, id, lead, 1)];
        writes.extend(mean.map(|mean| decided(id, decision(mean), NOON + Span::secs(nth))));
        writes.push(ended(nth, id, lead, outcome, answered));
        store.commit(writes).await?;
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

/// The end of the nth call, answered by a person or by nobody.
fn ended(nth: u64, campaign: CampaignId, lead: &Lead, outcome: Outcome, answered: bool) -> Write {
    let moment = NOON + Span::secs(nth + 5);
    let closed = Closed {
        call: call(nth),
        campaign,
        contact: lead.contact,
        number: lead.numbers.first().map_or(NumberId(0), |number| number.number),
        outcome,
        cause: 200,
        ended_by: EndedBy::Callee,
        agent: None,
        heard: None,
        ringing: None,
        answered: answered.then_some(moment),
        bridged: None,
        ended: moment + Span::secs(9),
        held: Span::ZERO,
        next: Next::Untouched,
    };
    record(Record::Closed(closed), moment)
}
