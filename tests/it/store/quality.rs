//! Claims about how well the trunks carried their calls.

use cadran::core::fact::Lead;
use cadran::core::order::{Closed, EndedBy, Next, Outcome, Record};
use cadran::core::quality::Quality;
use cadran::store::{TrunkHour, Write};
use cadran::units::{CampaignId, Span, Wall};

use super::fixture::{
    Done, House, LEASE, NOON, REST, call, campaign, closed, contact, ended, list, opened, record,
};

/// A house with one lead and the trunk its calls go over.
async fn begun(house: &House) -> Result<(CampaignId, Lead), Box<dyn std::error::Error>> {
    house.store.trunk("ovh").await?;
    let id = campaign(&house.store, "jardin").await?;
    list(&house.store, id, [contact("a", 1)]).await?;
    let lead = house.first_lead(id).await?;
    Ok((id, lead))
}

/// The end of the nth call by the carrier before it rang.
fn turned_away(nth: u64, campaign: CampaignId, lead: &Lead, outcome: Outcome) -> Write {
    let Write::Record { record: Record::Closed(usual), .. } =
        closed(nth, campaign, lead, outcome, Next::Untouched)
    else {
        unreachable!("the fixture closes calls by a record")
    };
    record(Record::Closed(Closed { ended_by: EndedBy::Carrier, ..usual }), NOON)
}

async fn call_of(house: &House, writes: [Write; 2]) -> Done {
    for write in writes {
        house.store.commit(vec![write]).await?;
    }
    Ok(())
}

pub(crate) async fn a_trunks_hour_counts_what_its_calls_came_to(house: House) -> Done {
    let (id, lead) = begun(&house).await?;
    let trunk = house.store.trunk("ovh").await?;
    let next = Next::Untouched;
    let ends = [
        closed(1, id, &lead, Outcome::Connected, next),
        closed(2, id, &lead, Outcome::Connected, next),
        closed(3, id, &lead, Outcome::Busy, next),
        closed(4, id, &lead, Outcome::NoAnswer, next),
        turned_away(5, id, &lead, Outcome::Congestion),
        turned_away(6, id, &lead, Outcome::TrunkFault),
        closed(7, id, &lead, Outcome::Cancelled, next),
        ended(3_600, id, &lead, Outcome::Machine),
    ];
    for (nth, end) in [1, 2, 3, 4, 5, 6, 7, 3_600].into_iter().zip(ends) {
        call_of(&house, [opened(nth, id, &lead, 1), end]).await?;
    }
    house.store.keep_trunk_hours(NOON).await?;
    let first = Quality {
        seizures: 6,
        answered: 2,
        effective: 4,
        rang: 2,
        delay: Span::secs(2),
        talk: Span::secs(42),
    };
    let second = Quality {
        seizures: 1,
        answered: 1,
        effective: 1,
        rang: 0,
        delay: Span::ZERO,
        talk: Span::secs(9),
    };
    let hour = |at: Wall, quality| TrunkHour { trunk, at, quality };
    let later = NOON + Span::secs(3_600);
    assert_eq!(house.store.trunk_hours(NOON).await?, [hour(NOON, first), hour(later, second)]);
    assert_eq!(house.store.trunk_hours(later).await?, [hour(later, second)]);
    Ok(())
}

pub(crate) async fn a_trunks_hour_counted_again_stands_in_the_place_of_the_first_count(
    house: House,
) -> Done {
    let (id, lead) = begun(&house).await?;
    let next = Next::Untouched;
    for nth in 1..=2 {
        let end = closed(nth, id, &lead, Outcome::NoAnswer, next);
        call_of(&house, [opened(nth, id, &lead, 1), end]).await?;
        house.store.keep_trunk_hours(NOON).await?;
        house.store.keep_trunk_hours(NOON).await?;
        let hours = house.store.trunk_hours(NOON).await?;
        let seizures: Vec<_> = hours.iter().map(|hour| hour.quality.seizures).collect();
        assert_eq!(seizures, [nth]);
    }
    Ok(())
}

pub(crate) async fn an_attempt_never_placed_counts_for_nothing(house: House) -> Done {
    let (id, lead) = begun(&house).await?;
    let Write::Record { record: Record::Closed(cut), at } =
        closed(1, id, &lead, Outcome::Interrupted, Next::Untouched)
    else {
        return Err("an end is a record".into());
    };
    // The second was placed and cut by a crash.
    let ends = [EndedBy::Nobody, EndedBy::Dialer];
    for (nth, ended_by) in (1..).zip(ends) {
        let end = Closed { call: call(nth), ended_by, ..cut.clone() };
        let end = record(Record::Closed(end), at);
        let attempt = u32::try_from(nth)?;
        call_of(&house, [opened(nth, id, &lead, attempt), end]).await?;
        house.store.commit(vec![record(Record::Completed(call(nth)), NOON)]).await?;
    }
    let claimed = house.store.claim(id, 1, LEASE, NOON + REST).await?;
    let lead = claimed.leads.first().ok_or("it is free again")?;
    assert_eq!((lead.attempts, lead.faults), (2, 1));
    let recent: Vec<_> = lead.numbers.iter().map(|number| number.recent.clone()).collect();
    assert_eq!(recent, [[NOON + Span::secs(2)]]);
    Ok(())
}

pub(crate) async fn an_attempt_a_trunk_refused_reached_nobody(house: House) -> Done {
    let (id, lead) = begun(&house).await?;
    let ends = [
        turned_away(1, id, &lead, Outcome::Congestion),
        turned_away(2, id, &lead, Outcome::TrunkFault),
        closed(3, id, &lead, Outcome::NoAnswer, Next::Untouched),
        // Nobody tells that a trunk refused it.
        closed(4, id, &lead, Outcome::Congestion, Next::Untouched),
    ];
    for (nth, end) in (1..).zip(ends) {
        call_of(&house, [opened(nth, id, &lead, 1), end]).await?;
        house.store.commit(vec![record(Record::Completed(call(nth)), NOON)]).await?;
    }
    let claimed = house.store.claim(id, 1, LEASE, NOON + REST).await?;
    let numbers = claimed.leads.iter().flat_map(|lead| &lead.numbers);
    let recent: Vec<_> = numbers.map(|number| number.recent.clone()).collect();
    let tried = [3, 4].map(|nth| NOON + Span::secs(nth)).to_vec();
    assert_eq!(recent, [tried]);
    Ok(())
}
