//! Rights to call: what a claim tells of them, and what takes them back.

use cadran::core::order::{Next, Record, RuleRefusal, Stage};
use cadran::core::rules::consent::{Basis, Right};
use cadran::core::rules::{Refusal, RuleId, UNKNOWN_WAIT};
use cadran::store::{DncScope, ImportSource, NewConsent, NewContact, NewDoNotCall, Store};
use cadran::units::{CampaignId, ClientId, NumberId, Span, Wall};

use super::fixture::{
    Done, House, LEASE, NOON, call, campaign, contact, list, number_of, record, source,
};

const ACME: ClientId = ClientId(1);

/// A consent given at a moment.
pub(super) fn consent(obtained: Wall) -> NewConsent {
    NewConsent {
        basis: Basis::Consent,
        source: Some("formulaire".to_owned()),
        proof: None,
        line: 2,
        scope: None,
        obtained: Some(obtained),
        expires: None,
        contract: None,
        object: None,
        out_of_hours: false,
    }
}

fn contract(ends: Wall) -> NewConsent {
    let (id, object) = (Some("C-12".to_owned()), Some("pergola".to_owned()));
    let none = NewConsent { basis: Basis::Contract, obtained: None, ..consent(NOON) };
    NewConsent { expires: Some(ends), contract: id, object, ..none }
}

fn entitled(n: u32, consents: Vec<NewConsent>) -> NewContact {
    NewContact { consents, ..contact(&format!("c{n}"), n) }
}

/// Records rights outside of a campaign's list.
async fn give(
    store: &Store,
    file: &str,
    n: u32,
    consents: Vec<NewConsent>,
) -> Result<u64, cadran::store::StoreError> {
    let source = source(file);
    let given = store.record_consents(ACME, &source, [entitled(n, consents)], async || false);
    Ok(given.await?.0)
}

/// The rights of the first number of each contact that is due, in the order of their age.
async fn rights(
    store: &Store,
    campaign: CampaignId,
) -> Result<Vec<Vec<Right>>, Box<dyn std::error::Error>> {
    let leads = store.claim(campaign, 9, LEASE, NOON).await?.leads;
    let ids: Vec<_> = leads.iter().map(|lead| lead.contact).collect();
    store.release(&ids).await?;
    let numbers = leads.into_iter().flat_map(|lead| lead.numbers);
    let unnamed = |right: Right| Right { id: None, ..right };
    Ok(numbers.map(|number| number.rights.into_iter().map(unnamed).collect()).collect())
}

fn right(given: &NewConsent) -> Right {
    let NewConsent { basis, obtained, expires: until, out_of_hours, .. } = *given;
    Right { id: None, basis, obtained, until, out_of_hours }
}

pub(super) async fn a_lead_tells_the_rights_of_its_client_that_nobody_took_back(
    house: House,
) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    let (old, contract) = (consent(NOON - Span::secs(60)), contract(NOON + LEASE));
    let told = list(store, campaign, [entitled(1, vec![old.clone(), contract.clone()])]).await?;
    assert_eq!((told.added, told.consents), (1, 2));
    assert_eq!(rights(store, campaign).await?, [[right(&contract), right(&old)]]);
    let number = number_of(1)?;
    let person = store.withdraw(&number, ACME, NOON, "lettre").await?;
    assert_eq!(rights(store, campaign).await?, [[]], "one that has no day among them");
    // The old list again revives nothing; what is given afterwards counts.
    assert_eq!(give(store, "encore.csv", 1, vec![old.clone()]).await?, 0);
    let early = consent(NOON - Span::secs(1));
    assert_eq!(give(store, "avant.csv", 1, vec![early]).await?, 1);
    assert_eq!(rights(store, campaign).await?, [[]]);
    let fresh = consent(NOON + Span::secs(1));
    assert_eq!(give(store, "apres.csv", 1, vec![fresh.clone()]).await?, 1);
    assert_eq!(rights(store, campaign).await?, [[right(&fresh)]]);
    let history = store.consents(&number).await?;
    let withdrawn: Vec<_> = history.iter().map(|row| row.withdrawn).collect();
    assert_eq!(withdrawn, [Some(NOON), Some(NOON), Some(NOON), None]);
    assert_eq!(history.iter().filter_map(cadran::store::ConsentRow::right).count(), 1);
    let said = store.withdrawals(&number).await?;
    assert_eq!((said.len(), said[0].client, said[0].source.as_str()), (1, ACME, "lettre"));
    assert_eq!(person.len(), 1);
    assert_eq!(store.withdraw(&number, ACME, NOON, "lettre").await?, []);
    assert_eq!(store.withdrawals(&number).await?.len(), 1, "said twice, written once");
    Ok(())
}

pub(super) async fn the_same_consent_in_another_list_adds_nothing(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    let given = consent(NOON - Span::secs(60));
    assert_eq!(list(store, campaign, [entitled(1, vec![given.clone()])]).await?.consents, 1);
    for again in ["a.csv", "b.csv"] {
        assert_eq!(give(store, again, 1, vec![NewConsent { line: 7, ..given.clone() }]).await?, 0);
    }
    let proved = NewConsent { proof: Some("9f86d081".to_owned()), ..given };
    assert_eq!(give(store, "b.csv", 1, vec![proved]).await?, 1, "its proof is new");
    assert_eq!(rights(store, campaign).await?.concat().len(), 2);
    let from: ImportSource = ImportSource { original: Some("xlsx".to_owned()), ..source("c.csv") };
    let other = entitled(2, vec![contract(NOON)]);
    assert_eq!(store.record_consents(ACME, &from, [other], async || false).await?, (1, 0));
    let row = store.consents(&number_of(2)?).await?;
    let told = row.first().ok_or("a stranger's right is kept")?;
    assert_eq!((told.list_sha256.as_str(), told.told.line), ("xlsx", 2));
    Ok(())
}

pub(super) async fn whoever_wants_no_call_takes_every_right_back(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    let given = || vec![consent(NOON - Span::secs(60))];
    list(store, campaign, (1..=4).map(|n| entitled(n, given()))).await?;
    let leads = store.claim(campaign, 9, LEASE, NOON).await?.leads;
    let person = |at: usize| leads.get(at).and_then(|lead| lead.numbers.first()).map(|n| n.person);
    let in_a_call = |person, scope| Record::DoNotCall { person, scope, call: Some(call(1)) };
    let first = person(0).ok_or("nobody is due")?;
    store.commit(vec![record(in_a_call(first, DncScope::Client(ACME)), NOON)]).await?;
    let reaches = [
        (2, DncScope::Everyone, None),
        (3, DncScope::Campaign(campaign), None),
        (4, DncScope::Client(ACME), Some(NOON + Span::secs(60))),
    ];
    for (n, scope, until) in reaches {
        let wish = NewDoNotCall {
            number: number_of(n)?,
            scope,
            reason: "demande".to_owned(),
            source: "lettre".to_owned(),
            at: NOON,
            until,
        };
        store.add_do_not_call(&[wish]).await?;
    }
    store.release(&leads.iter().map(|lead| lead.contact).collect::<Vec<_>>()).await?;
    let counts: Vec<_> = rights(store, campaign).await?.iter().map(Vec::len).collect();
    assert_eq!(counts, [0, 0, 1, 1], "for one campaign, or for a time, takes nothing back");
    Ok(())
}

pub(super) async fn a_right_is_taken_back_on_every_number_of_a_consumer(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    let given = || vec![consent(NOON - Span::secs(60))];
    let mut two = entitled(1, given());
    two.numbers.extend(entitled(2, Vec::new()).numbers);
    list(store, campaign, [two, entitled(3, given())]).await?;
    let counts = async || -> Result<Vec<usize>, Box<dyn std::error::Error>> {
        Ok(rights(store, campaign).await?.iter().map(Vec::len).collect())
    };
    assert_eq!(counts().await?, [1, 1, 1]);
    let persons = store.withdraw(&number_of(2)?, ACME, NOON, "lettre").await?;
    assert_eq!(persons.len(), 2);
    assert_eq!(counts().await?, [0, 0, 1], "somebody else took nothing back");
    // Nor does a number that is learned of later bring back what was given before.
    let mut later = entitled(4, given());
    later.numbers.extend(entitled(1, Vec::new()).numbers);
    let suivi = super::fixture::campaign(store, "suivi").await?;
    let same = ImportSource { also_elsewhere: true, ..source("suite.csv") };
    store.import(suivi, &same, [later], async || false).await?;
    assert_eq!(rights(store, suivi).await?, [[], []]);
    Ok(())
}

pub(super) async fn a_right_lets_go_whoever_waited_for_one(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, (1..=3).map(|n| contact(&format!("c{n}"), n))).await?;
    let leads = store.claim(campaign, 9, LEASE, NOON).await?.leads;
    let until = NOON + UNKNOWN_WAIT;
    let rules = [RuleId::NoConsent, RuleId::ConsentExpired, RuleId::AttemptCap];
    for (lead, rule) in leads.iter().zip(rules) {
        let refusal = RuleRefusal {
            campaign,
            contact: lead.contact,
            number: NumberId(1),
            stage: Stage::Hopper,
            refusal: Refusal { rule, law: None, until: None },
            receipt: None,
            next: Next::Retry { at: until, number: None },
            at: NOON,
        };
        store.commit(vec![record(Record::Refused(refusal), NOON)]).await?;
    }
    let outlook = store.outlook(campaign, NOON).await?;
    assert_eq!((outlook.supply.due, outlook.supply.next_due), (0, Some(until)));
    assert!(outlook.next_rule.is_some(), "what they wait for is told");
    for n in 1..=3 {
        give(store, "oui.csv", n, vec![consent(NOON)]).await?;
    }
    assert_eq!(store.outlook(campaign, NOON).await?.supply.due, 2, "not whom another rule holds");
    Ok(())
}

pub(super) async fn a_list_cut_short_lets_go_whoever_waited_when_it_is_read_again(
    house: House,
) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [contact("c1", 1), contact("c2", 2)]).await?;
    let leads = store.claim(campaign, 9, LEASE, NOON).await?.leads;
    for lead in &leads {
        let refusal = RuleRefusal {
            campaign,
            contact: lead.contact,
            number: NumberId(1),
            stage: Stage::Hopper,
            refusal: Refusal { rule: RuleId::NoConsent, law: None, until: None },
            receipt: None,
            next: Next::Retry { at: NOON + UNKNOWN_WAIT, number: None },
            at: NOON,
        };
        store.commit(vec![record(Record::Refused(refusal), NOON)]).await?;
    }
    let read_in = async |seconds| {
        let at = NOON + Span::secs(seconds);
        let source = ImportSource { also_elsewhere: true, at, ..source("oui.csv") };
        let told = vec![entitled(1, vec![consent(NOON)])];
        store.import(campaign, &source, told, async || false).await
    };
    let first = read_in(1).await?;
    assert_eq!((first.added, first.consents, first.woken), (0, 1, 1));
    // As if the engine had died between its last row and this: the other contact waits still.
    let waits = "update contact set next_at = (select max(next_at) from contact),
                   free_at = (select max(next_at) from contact)";
    house.look().await?.run(waits).await?;
    let again = read_in(2).await?;
    assert_eq!((again.added, again.consents, again.woken), (0, 0, 1));
    assert_eq!(store.outlook(campaign, NOON + LEASE).await?.supply.due, 1);
    Ok(())
}

pub(super) async fn a_right_that_cannot_be_read_is_none(house: House) -> Done {
    let store = &house.store;
    let campaign = campaign(store, "vente").await?;
    list(store, campaign, [entitled(1, vec![consent(NOON)])]).await?;
    house.look().await?.run("update consent set basis = 'promise'").await?;
    assert_eq!(rights(store, campaign).await?, [[]]);
    Ok(())
}
