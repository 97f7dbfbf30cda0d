//! What agents correct, and what callers refuse.

use std::collections::BTreeMap;

use cadran::core::Record;
use cadran::core::fact::DncScope;
use cadran::engine::handle::Details;
use cadran::store::{Correction, NAME, NUMBER, NewAgent, NewOpposition, Write};
use cadran::units::{AgentId, ContactId, InboundId, Span, TrunkId};

use super::fixture::{
    Done, House, LEASE, NOON, call, campaign, contact, list, mobile, number_of, opened, record,
};

async fn amina(house: &House) -> Result<AgentId, Box<dyn std::error::Error>> {
    let new = NewAgent {
        name: "amina".to_owned(),
        ha1: None,
        contact_uri: None,
        campaigns: Vec::new(),
        skills: None,
    };
    Ok(house.store.set_agent(&new).await?)
}

fn correction(contact: ContactId, agent: AgentId) -> Correction {
    Correction {
        contact,
        fields: BTreeMap::new(),
        added: Vec::new(),
        wrong: Vec::new(),
        agent,
        call: Some(call(1)),
        source: "api".to_owned(),
        at: NOON + Span::secs(60),
    }
}

pub(super) async fn a_correction_keeps_what_was_before_with_agent_call_and_date(
    house: House,
) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "essai").await?;
    let agent = amina(&house).await?;
    list(store, campaign, [contact("a", 1), contact("b", 2)]).await?;
    let lead = house.first_lead(campaign).await?;
    store.commit(vec![opened(1, campaign, &lead, 1)]).await?;
    let fields = [(NAME, "Camille Petit"), ("ville", "Lyon"), ("email", "c@example.org")];
    let fields = fields.map(|(field, value)| (field.to_owned(), value.to_owned()));
    let new = Correction { fields: fields.into(), ..correction(lead.contact, agent) };
    assert_eq!(store.correct(&new).await?.changed, 3);
    assert_eq!(store.correct(&new).await?.changed, 0, "what is so already changes nothing");
    // There, back to what it was, and there again: each word counts, however often it is written.
    let said = |town: &str, second| {
        let changed_fields = BTreeMap::from([("ville".to_owned(), town.to_owned())]);
        let details = Details { changed_fields, ..Details::default() };
        Write::Details { call: call(1), details, at: NOON + Span::secs(second) }
    };
    let words = vec![said("Nice", 90), said("Lyon", 91), said("Nice", 92)];
    store.commit(words.clone()).await?;
    store.commit(words).await?;
    let changes = store.changes(lead.contact).await?;
    let told: Vec<_> = changes
        .iter()
        .map(|it| (&*it.field, it.before.as_deref(), it.after.as_deref(), &*it.source))
        .collect();
    assert_eq!(
        told,
        [
            ("email", None, Some("c@example.org"), "api"),
            (NAME, Some("Camille 1"), Some("Camille Petit"), "api"),
            ("ville", Some("Paris"), Some("Lyon"), "api"),
            ("ville", Some("Lyon"), Some("Nice"), "qualification"),
            ("ville", Some("Nice"), Some("Lyon"), "qualification"),
            ("ville", Some("Lyon"), Some("Nice"), "qualification"),
        ],
        "{changes:?}"
    );
    let by = changes.first().map(|it| (it.agent.as_deref(), it.call, it.at));
    assert_eq!(by, Some((Some("amina"), Some(call(1)), NOON + Span::secs(60))));
    let at = changes.last().map(|it| it.at);
    assert_eq!(at, Some(NOON + Span::secs(92)), "when it was said, not when the call ended");
    let listed = store.listed(campaign, None, true, 10).await?;
    let [only] = listed.as_slice() else { return Err("one contact was corrected".into()) };
    assert_eq!(only.card.fields.get("ville").map(String::as_str), Some("Nice"));
    assert_eq!(store.listed(campaign, None, false, 10).await?.len(), 2);
    let unknown = correction(ContactId(999), agent);
    assert!(store.correct(&unknown).await.is_err(), "no such contact");
    Ok(())
}

pub(super) async fn a_number_is_added_or_wrong_and_a_list_imported_again_changes_no_card(
    house: House,
) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "essai").await?;
    let agent = amina(&house).await?;
    list(store, campaign, [contact("a", 1), contact("b", 2)]).await?;
    let leads = store.claim(campaign, 2, LEASE, NOON).await?.leads;
    let lead = leads.first().ok_or("two are due")?;
    let at = |wrong| correction_of_numbers(lead.contact, agent, wrong);
    let corrected = store.correct(&at(true)?).await?;
    assert_eq!((corrected.changed, corrected.numbers), (2, true));
    assert_eq!(store.correct(&at(true)?).await?.changed, 0);
    let taken = Correction { added: vec![mobile(2)], ..correction(lead.contact, agent) };
    assert!(store.correct(&taken).await.is_err(), "another contact's");
    let listed = store.listed(campaign, None, true, 10).await?;
    let numbers = listed.first().map(|listed| listed.numbers.clone());
    assert_eq!(numbers, Some(vec![(number_of(1)?, true), (number_of(7)?, false)]));
    let changes = store.changes(lead.contact).await?;
    assert!(changes.iter().all(|change| change.field == NUMBER) && changes.len() == 2);
    // The list as it was brings nothing back, by its reference or by the number that is wrong.
    let again = list(store, campaign, [contact("a", 1), contact("b", 2)]).await?;
    assert_eq!(again.added, 0, "{again:?}");
    let mut nameless = contact("a", 1);
    nameless.external_id = None;
    let source = super::fixture::source("sans-reference.csv");
    let again = store.import(campaign, &source, [nameless], async || false).await?;
    assert_eq!(again.added, 0, "{again:?}");
    // A wrong number that was right after all.
    assert_eq!(store.correct(&at(false)?).await?.changed, 1);
    // Whoever took rights back on a number that is added took them back on those there were.
    let client = store.campaigns().await?.first().ok_or("one campaign")?.client;
    store.withdraw(&number_of(8)?, client, NOON, "lettre").await?;
    let added = Correction { added: vec![mobile(8)], ..correction(lead.contact, agent) };
    let corrected = store.correct(&added).await?;
    assert_eq!((corrected.changed, corrected.withdrawn.len()), (1, 2), "{corrected:?}");
    Ok(())
}

fn correction_of_numbers(
    contact: ContactId,
    agent: AgentId,
    wrong: bool,
) -> Result<Correction, Box<dyn std::error::Error>> {
    let (added, wrong) =
        if wrong { (vec![mobile(7)], vec![number_of(1)?]) } else { (vec![mobile(1)], Vec::new()) };
    Ok(Correction { added, wrong, ..correction(contact, agent) })
}

pub(super) async fn a_wish_of_a_caller_is_written_once_with_its_events(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "essai").await?;
    let trunk = store.trunk("t1").await?;
    list(store, campaign, [contact("a", 1)]).await?;
    let lead = house.first_lead(campaign).await?;
    store.commit(vec![opened(1, campaign, &lead, 1)]).await?;
    let from = number_of(1)?;
    assert_eq!(store.last_caller(&from, &[campaign]).await?, Some(campaign));
    assert_eq!(store.last_caller(&number_of(5)?, &[campaign]).await?, None);
    let client = store.campaigns().await?.first().ok_or("one campaign")?.client;
    let (inbound, called) = (InboundId(1), number_of(900)?);
    let new = NewOpposition {
        inbound,
        trunk,
        campaign,
        clients: vec![client],
        from: from.clone(),
        called: called.clone(),
        at: NOON,
    };
    let persons = store.oppose(&new).await?;
    assert_eq!(persons, [lead.numbers.first().ok_or("a number")?.person]);
    assert_eq!(store.oppose(&new).await?, persons);
    // The record of the call may come behind its wish.
    let received = Record::Received { inbound, trunk, campaign, at: NOON };
    let caller = Write::Caller { inbound, from: Some(from.clone()), called };
    let over = Record::ReceivedEnded { inbound, at: NOON + Span::secs(20) };
    let over = record(over, NOON);
    store.commit(vec![caller, record(received, NOON), over.clone(), over]).await?;
    let wishes = store.do_not_call(&from, NOON + Span::secs(1)).await?;
    let [wish] = wishes.as_slice() else { return Err("one wish".into()) };
    assert_eq!((wish.scope, &*wish.source), (DncScope::Client(client), "call back I1"));
    assert_eq!(store.withdrawals(&from).await?.len(), 1);
    let mut kinds: Vec<_> =
        store.events(None, false, 10).await?.into_iter().map(|event| event.kind).collect();
    kinds.sort();
    assert_eq!(kinds, ["call.opposed", "call.received"]);
    let stats = store.stats(campaign, NOON, NOON + Span::secs(60)).await?;
    assert_eq!((stats.called_back, stats.oppositions), (1, 1));
    let row = store.inbound(inbound).await?.ok_or("no call")?;
    assert_eq!((row.from, row.ended), (Some(from), Some(NOON + Span::secs(20))));
    Ok(())
}

pub(super) async fn a_call_that_came_in_and_was_cut_is_ended_by_the_next_start(
    house: House,
) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "essai").await?;
    let trunk: TrunkId = store.trunk("t1").await?;
    let first = store.recover(NOON).await?.first_inbound;
    let inbound = InboundId(first);
    let received = Record::Received { inbound, trunk, campaign, at: NOON };
    store.commit(vec![record(received, NOON)]).await?;
    let later = NOON + Span::secs(300);
    assert_eq!(store.recover(later).await?.first_inbound, first + 1);
    store.recover(later + Span::secs(1)).await?;
    let row = store.inbound(inbound).await?.ok_or("no call")?;
    assert_eq!((row.ended, row.from), (Some(later), None));
    assert_eq!(store.events(None, false, 10).await?.len(), 1, "told once");
    Ok(())
}
