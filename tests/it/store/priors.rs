//! Claims about what is given back to a campaign when the engine starts.

use std::collections::BTreeMap;

use cadran::core::order::{Abandoned, Next, Outcome, Record};
use cadran::core::pacing::account::Bucket;
use cadran::core::pacing::prior::{Calls, Ends, Lesson, Ring, Service};
use cadran::store::{StoreError, Write};
use cadran::units::{AgentId, CampaignId, ListId, Span, Wall};

use super::fixture::{
    Done, House, NOON, bridged, call, campaign, contact, ended, list, opened, record,
};

const DAY: Span = Span::secs(86_400);

fn lesson(hour: u8, from: Wall, until: Wall, persons: u32) -> Lesson {
    let ring = Ring { persons, machines: 2, failed: 3, given_up: 1 };
    let calls =
        Calls { rings: BTreeMap::from([(20, ring)]), verdicts: 7, listened: Span::millis(6_300) };
    let list = Some(ListId(1 << 48 | 3));
    Lesson { list, hour: Some(hour), from, until, calls, service: Service::default() }
}

fn learnt(campaign: CampaignId, lesson: &Lesson) -> Write {
    record(Record::Learnt(campaign, Box::new(lesson.clone())), lesson.until)
}

pub(crate) async fn a_lesson_is_read_back_as_it_was_counted_last(house: House) -> Done {
    let store = &house.store;
    let id = campaign(store, "jardin").await?;
    let other = campaign(store, "maison").await?;
    let agents = Lesson {
        from: NOON,
        until: NOON + Span::secs(300),
        service: Service {
            talks: BTreeMap::from([(40, Ends { over: 5, seen: 1 })]),
            written: 5,
            returned: 4,
            ..Service::default()
        },
        ..Lesson::default()
    };
    let early = lesson(12, NOON, NOON + Span::secs(300), 4);
    let late = lesson(12, NOON, NOON + Span::secs(600), 9);
    let next = lesson(13, NOON, NOON + Span::secs(600), 1);
    for written in [[&early, &agents], [&late, &next], [&early, &late]] {
        store.commit(written.map(|lesson| learnt(id, lesson)).into()).await?;
    }
    store.commit(vec![learnt(other, &early)]).await?;
    let now = NOON + Span::secs(700);
    assert_eq!(store.learnt(id, now).await?, [late, next, agents]);
    assert_eq!(store.learnt(other, now).await?, [early]);
    assert_eq!(store.learnt(CampaignId(99), now).await?, []);
    Ok(())
}

pub(crate) async fn a_lesson_is_forgotten_after_four_weeks(house: House) -> Done {
    let store = &house.store;
    let id = campaign(store, "jardin").await?;
    let old = lesson(12, NOON, NOON, 4);
    store.commit(vec![learnt(id, &old)]).await?;
    assert_eq!(store.learnt(id, NOON + DAY.times(28)).await?, [old]);
    assert_eq!(store.learnt(id, NOON + DAY.times(28) + Span::secs(1)).await?, []);
    let late = NOON + DAY.times(29);
    let new = lesson(12, late, late, 1);
    store.commit(vec![learnt(id, &new)]).await?;
    assert_eq!(store.learnt(id, NOON).await?, [new], "the old row was not deleted");
    Ok(())
}

pub(crate) async fn a_restart_counts_what_the_abandon_rule_had_counted(house: House) -> Done {
    let id = campaign(&house.store, "jardin").await?;
    list(&house.store, id, (1..=7).map(|n| contact(&format!("c{n}"), n))).await?;
    let leads = house.store.claim(id, 7, Span::secs(60), NOON).await?.leads;
    let outcomes = [
        Outcome::Connected,
        Outcome::Abandoned,
        Outcome::Machine,
        Outcome::NoAnswer,
        Outcome::Connected,
        Outcome::Abandoned,
    ];
    for ((nth, lead), outcome) in (1..).zip(&leads).zip(outcomes) {
        house.store.commit(vec![opened(nth, id, lead, 1), ended(nth, id, lead, outcome)]).await?;
    }
    // The seventh is cut before its person got an agent: nobody wrote down that it was answered.
    house.store.commit(vec![opened(7, id, &leads[6], 1)]).await?;
    let house = house.reopened().await?;
    house.store.recover(NOON + Span::secs(60)).await?;
    let answered = |nth: u64| NOON + Span::secs(nth + 5);
    let bucket = |from, persons, abandoned, machines| Bucket { from, persons, abandoned, machines };
    let day = house.store.counted(id, NOON, None).await?;
    assert_eq!(day, [bucket(answered(1), 4, 2, 1)]);
    let since = house.store.counted(id, answered(2), None).await?;
    assert_eq!(since, [bucket(answered(2), 3, 2, 1)]);
    let parts = house.store.counted(id, answered(1), Some(Span::secs(4))).await?;
    assert_eq!(parts, [bucket(answered(1), 2, 1, 1), bucket(answered(5), 2, 1, 0)]);
    assert_eq!(house.store.counted(CampaignId(99), NOON, None).await?, []);
    Ok(())
}

pub(crate) async fn a_crash_during_the_notice_still_counts_the_abandoned(house: House) -> Done {
    let id = campaign(&house.store, "jardin").await?;
    list(&house.store, id, (1..=2).map(|n| contact(&format!("c{n}"), n))).await?;
    let leads = house.store.claim(id, 2, Span::secs(60), NOON).await?.leads;
    // The notice plays for the first from the eighth second on; the second only waits.
    let (answered, lost, lock) = (NOON + Span::secs(6), NOON + Span::secs(8), NOON + DAY.times(3));
    let abandoned = Abandoned {
        call: call(1),
        contact: leads[0].contact,
        heard: None,
        answered: Some(answered),
        at: lost,
        forced: true,
        next: Next::Retry { at: lock, number: None },
    };
    let noted = record(Record::Abandoned(abandoned), lost);
    let opens = vec![opened(1, id, &leads[0], 1), opened(2, id, &leads[1], 1)];
    house.store.commit([opens, vec![noted.clone(), noted]].concat()).await?;
    let mut house = house;
    // The second restart finds nothing more to mend.
    for interrupted in [vec![call(2)], vec![]] {
        house = house.reopened().await?;
        let recovered = house.store.recover(NOON + DAY).await?;
        assert_eq!(recovered.interrupted, interrupted);
        let counted = house.store.counted(id, NOON, None).await?;
        let bucket = Bucket { from: answered, persons: 1, abandoned: 1, machines: 0 };
        assert_eq!(counted, [bucket]);
    }
    let row = house.store.call(call(1)).await?.ok_or("the call is gone")?;
    assert_eq!((row.outcome, row.ended), (Some(Outcome::Abandoned), Some(lost)));
    assert!(row.completed.is_some(), "the CRM never hears of it");
    let stats = house.store.stats(id, NOON, NOON + DAY).await?;
    assert_eq!((stats.abandoned, stats.forced), (1, 1));
    // Locked as long as the rule says, and known as abandoned to every contact of the person.
    let contacts = async |at| -> Result<Vec<_>, StoreError> {
        let claimed = house.store.claim(id, 2, Span::secs(60), at).await?;
        Ok(claimed.leads.into_iter().map(|lead| lead.contact).collect())
    };
    assert_eq!(contacts(lock - Span::secs(1)).await?, [leads[1].contact]);
    let late = house.store.claim(id, 2, Span::secs(60), lock + DAY).await?.leads;
    let first = late.iter().find(|lead| lead.contact == leads[0].contact).ok_or("never free")?;
    assert_eq!(first.numbers.first().and_then(|number| number.abandoned), Some(lost));
    Ok(())
}

pub(crate) async fn a_crash_in_a_conversation_keeps_who_talked_to_whom_and_counts_the_answer(
    house: House,
) -> Done {
    let id = campaign(&house.store, "jardin").await?;
    list(&house.store, id, (1..=3).map(|n| contact(&format!("c{n}"), n))).await?;
    let leads = house.store.claim(id, 3, Span::secs(60), NOON).await?.leads;
    // The first talks on with a second agent; the second loses his agent and is given none; the
    // third rings.
    let lost = NOON + Span::secs(20);
    let abandoned = Abandoned {
        call: call(2),
        contact: leads[1].contact,
        heard: None,
        answered: Some(NOON + Span::secs(8)),
        at: lost,
        forced: true,
        next: Next::Untouched,
    };
    let opens = (1..).zip(&leads).map(|(n, lead)| opened(n, id, lead, 1)).collect();
    let talks = vec![bridged(1, 4), bridged(1, 5), bridged(2, 4)];
    let noted = vec![record(Record::Abandoned(abandoned), lost)];
    house.store.commit([opens, talks, noted].concat()).await?;
    let (answered, joined) = (NOON + Span::secs(7), NOON + Span::secs(8));
    let told = async |house: &House| -> Result<_, StoreError> {
        let stats = house.store.stats(id, NOON, NOON + DAY).await?;
        Ok((stats.answered, stats.bridged, stats.humans, stats.talk))
    };
    // Counted at once, not only when the call is over.
    assert_eq!(told(&house).await?, (2, 2, 2, Span::ZERO));
    let house = house.reopened().await?;
    let recovered = house.store.recover(NOON + DAY).await?;
    assert_eq!(recovered.interrupted, [call(1), call(3)]);
    let row = house.store.call(call(1)).await?.ok_or("the call is gone")?;
    assert_eq!((row.outcome, row.agent), (Some(Outcome::Interrupted), Some(AgentId(5))));
    let moments = (Some(NOON + Span::secs(2)), Some(answered), Some(joined));
    assert_eq!((row.ringing, row.answered, row.bridged), moments);
    assert_eq!(row.talked(), None, "nobody knows how long it was");
    let row = house.store.call(call(2)).await?.ok_or("the call is gone")?;
    assert_eq!((row.outcome, row.ended), (Some(Outcome::Abandoned), Some(lost)));
    assert_eq!((row.agent, row.bridged), (Some(AgentId(4)), Some(NOON + Span::secs(9))));
    let counted = house.store.counted(id, NOON, None).await?;
    assert_eq!(counted, [Bucket { from: answered, persons: 2, abandoned: 1, machines: 0 }]);
    // Of the abandoned it is known when it ended.
    let talk = lost.since(NOON + Span::secs(9));
    assert_eq!(told(&house).await?, (2, 2, 2, talk));
    assert_eq!(house.store.pilot(id, NOON, NOON + DAY + DAY).await?.billed, Span::secs(12));
    Ok(())
}
