//! What the database must say once everything is over.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use super::centre::Centre;
use crate::store::fixture::Look;
use cadran::units::CallId;

/// Figures of a whole run.
#[derive(Debug)]
#[expect(dead_code, reason = "printed as a whole by `Debug`")]
pub(super) struct Told {
    /// Attempts on record.
    pub(super) attempts: usize,
    /// Of those, the ones a crash cut.
    pub(super) interrupted: i64,
    /// Of those, the conversations.
    pub(super) talks: i64,
    /// INVITEs the carrier was sent.
    pub(super) offered: usize,
    /// Qualifications the engine accepted.
    pub(super) qualified: usize,
    /// Lists on their way at a kill that are there as a whole; none of the others' contacts is.
    pub(super) imported: usize,
    /// Webhooks the receiver was sent, repetitions not counted.
    pub(super) events: usize,
    /// Webhooks sent more than once.
    pub(super) repeated: usize,
}

/// What must not exist, and why.
const NEVER: [(&str, &str); 7] = [
    (
        "an attempt that was never closed",
        "select count(*) from attempt
         where ended_at is null or completed_at is null or outcome is null",
    ),
    (
        "a contact in two calls at once",
        "select count(*) from attempt one join attempt two
         on one.contact_id = two.contact_id and one.call_id < two.call_id
         where two.opened_at < one.ended_at and one.opened_at < two.ended_at",
    ),
    (
        "two attempts with the same number for a contact",
        "select count(*) from (select 1 from attempt group by contact_id, attempt
         having count(*) > 1) as doubled",
    ),
    (
        "a contact whose count of attempts is not its attempts",
        "select count(*) from contact where attempts <>
         (select count(*) from attempt where contact_id = contact.id)",
    ),
    (
        "a contact kept in a call that is over",
        "select count(*) from contact where open_call_id is not null",
    ),
    (
        "an attempt without exactly one event",
        "select count(*) from attempt where 1 <> (select count(*) from outbox
         where outbox.call_id = attempt.call_id and kind = 'call.completed')",
    ),
    ("an event nobody took", "select count(*) from outbox where delivered_at is null"),
];

/// Compares the database with what the carrier, the agents and the receiver know.
pub(super) async fn check(centre: &Centre) -> Result<Told, Box<dyn Error>> {
    let mut db = Look::open(centre.place()).await?;
    for (what, query) in NEVER {
        assert_eq!(db.count(query).await?, 0, "{what}");
    }
    let attempts = db.pairs("select call_id, disposition_code from attempt").await?;
    let attempts: BTreeMap<_, _> = attempts.into_iter().collect();
    let offers = centre.offers();
    for (call, dialogs) in &offers {
        assert_eq!(dialogs.len(), 1, "{call:?} was offered more than once");
        let id: u64 = call.strip_prefix('C').ok_or("a call without its name")?.parse()?;
        let kept = attempts.contains_key(&id.cast_signed());
        assert!(kept, "{call} was dialled and is not on record");
    }
    for (&CallId(call), code) in centre.qualified() {
        let kept = attempts.get(&call.cast_signed()).cloned().flatten();
        assert_eq!(kept.as_deref(), Some(*code), "the disposition of C{call} was lost");
    }
    let talked = db
        .pairs(
            "select a.call_id, g.name from attempt a join agent g on g.id = a.agent_id
             where a.answered_at is not null and a.bridged_at >= a.answered_at",
        )
        .await?;
    let talked: BTreeMap<_, _> = talked.into_iter().collect();
    for (&CallId(call), agent) in centre.talked() {
        let kept = talked.get(&call.cast_signed()).cloned().flatten();
        assert_eq!(kept.as_ref(), Some(agent), "nobody knows who talked in C{call}");
    }
    let contacts = db.pairs("select id, external_id from contact").await?;
    let contacts: BTreeSet<_> = contacts.into_iter().filter_map(|(_, id)| id).collect();
    let mut imported = 0;
    for (list, accepted) in centre.lists() {
        let whole = list.len();
        let there = list.filter(|nth| contacts.contains(&format!("K{nth:05}.1"))).count();
        assert!(there == whole || there == 0, "{there} of a list's {whole} contacts are there");
        assert!(there == whole || !accepted, "an accepted list is not there");
        imported += usize::from(there == whole);
    }
    let events = db.pairs("select created_at, event_id from outbox").await?;
    let events: BTreeSet<String> = events.into_iter().filter_map(|(_, id)| id).collect();
    let received = centre.received();
    let known: BTreeSet<String> = received.keys().cloned().collect();
    assert_eq!(known, events, "the receiver knows other events than the outbox");
    Ok(Told {
        attempts: attempts.len(),
        interrupted: db.count("select count(*) from attempt where outcome = 'interrupted'").await?,
        talks: db
            .count(
                "select count(*) from attempt
                 where outcome = 'interrupted' and bridged_at is not null",
            )
            .await?,
        offered: offers.len(),
        qualified: centre.qualified().len(),
        imported,
        events: events.len(),
        repeated: received.values().filter(|times| **times > 1).count(),
    })
}
