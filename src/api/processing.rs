//! What a person is told beside the data held: what it is for, who gets it, how long it stays, and
//! which rights there are (RGPD article 15 §1, points a to h).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Desk;
use super::gdpr::Held;
use crate::config::law::{CALLED, PURPOSES, word};
use crate::config::{Campaign, Retention};
use crate::units::Span;

/// What is done with a person's data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processing {
    /// What the data is for (a).
    pub purposes: Vec<HeldPurpose>,
    /// The kinds of data held (b): `identity`, `numbers`, `fields`, `calls`, `received_calls`,
    /// `rights_to_call`, `wishes`, `refusals`, `events`.
    pub categories: Vec<String>,
    /// Who was given data, or may be (c).
    pub recipients: Vec<Recipient>,
    /// How long each kind of data is kept (d).
    pub retention: Vec<KeptFor>,
    /// The person's rights (e, f): `access`, `rectification`, `erasure`, `restriction`,
    /// `objection`, `complaint`.
    pub rights: Vec<String>,
    /// Whether a machine alone decides anything with legal effects (h, article 22).
    pub automated_decisions: bool,
}

/// What a campaign uses the data for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeldPurpose {
    /// The client company on whose behalf.
    pub client: String,
    /// The campaign.
    pub campaign: String,
    /// `prospecting`, `contract`, `collection` or `survey`; `None` of a campaign without a file.
    pub purpose: Option<String>,
    /// Whom it calls: `consumers` or `professionals`.
    pub persons: Option<String>,
}

/// Who is given data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Recipient {
    /// `client`, a company; `webhook`, a host that is told of calls; `carrier`, a host that
    /// connects them.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// How long a kind of data is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFor {
    /// The key under `[retention]`.
    pub what: String,
    /// So many days.
    pub days: u64,
}

/// A list a contact came with (g).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldSource {
    /// The name of its file.
    pub file: String,
    /// When it came.
    pub at: String,
}

/// The rights there are (RGPD articles 15 to 18, 21 and 77).
const RIGHTS: [&str; 6] =
    ["access", "rectification", "erasure", "restriction", "objection", "complaint"];

/// Tells what is done with what is held.
pub(super) fn of(desk: &Desk, held: &Held) -> Processing {
    let of_contacts = held.contacts.iter().map(|it| (&it.client, &it.campaign));
    let of_calls = held.received.iter().map(|it| (&it.client, &it.campaign));
    let campaigns: BTreeSet<(&String, &String)> = of_contacts.chain(of_calls).collect();
    let (mut purposes, mut recipients) = (Vec::new(), BTreeSet::new());
    for (client, name) in campaigns {
        let campaign = desk.config.campaigns.iter().find(|campaign| campaign.name == *name);
        purposes.push(HeldPurpose {
            client: client.clone(),
            campaign: name.clone(),
            purpose: campaign.map(|it| word(it.purpose, &PURPOSES).to_owned()),
            persons: campaign.map(|it| word(it.persons, &CALLED).to_owned()),
        });
        recipients.insert(recipient("client", client));
        recipients.extend(campaign.into_iter().flat_map(|campaign| told(desk, campaign)));
    }
    Processing {
        purposes,
        categories: categories(held),
        recipients: recipients.into_iter().collect(),
        retention: kept(&desk.config.retention),
        rights: RIGHTS.map(str::to_owned).to_vec(),
        automated_decisions: false,
    }
}

fn recipient(kind: &str, name: &str) -> Recipient {
    Recipient { kind: kind.to_owned(), name: name.to_owned() }
}

/// Gives the hosts that hear of a campaign's calls.
fn told<'d>(desk: &'d Desk, campaign: &'d Campaign) -> impl Iterator<Item = Recipient> + 'd {
    let webhook = campaign.webhook.as_ref().or(desk.config.webhook.as_ref());
    let prefixed = campaign.by_prefix.iter().flat_map(|prefix| &prefix.over);
    let routes: BTreeSet<&str> =
        campaign.routes.iter().chain(prefixed).map(|route| route.trunk.as_str()).collect();
    let trunks = desk.config.trunks.iter().filter(move |it| routes.contains(it.name.as_str()));
    let carriers = trunks.map(|trunk| recipient("carrier", &trunk.host.name));
    webhook.into_iter().map(|webhook| recipient("webhook", webhook.host())).chain(carriers)
}

/// Names the kinds of data that are there.
fn categories(held: &Held) -> Vec<String> {
    let clients = || held.numbers.iter().flat_map(|number| &number.clients);
    let any = |of: fn(&super::gdpr::HeldContact) -> bool| held.contacts.iter().any(of);
    let kinds = [
        ("identity", any(|it| it.name.is_some() || it.external_id.is_some())),
        ("numbers", any(|it| !it.numbers.is_empty())),
        ("fields", any(|it| !it.fields.is_empty())),
        ("calls", any(|it| !it.calls.is_empty()) || clients().any(|it| !it.attempts.is_empty())),
        ("received_calls", !held.received.is_empty()),
        ("rights_to_call", clients().any(|it| !it.rights.is_empty())),
        ("wishes", clients().any(|it| !it.withdrawals.is_empty() || !it.opt_outs.is_empty())),
        ("refusals", any(|it| !it.refusals.is_empty())),
        ("events", any(|it| !it.webhooks.is_empty())),
    ];
    kinds.iter().filter(|(_, there)| *there).map(|(kind, _)| (*kind).to_owned()).collect()
}

fn kept(retention: &Retention) -> Vec<KeptFor> {
    const DAY: u64 = Span::secs(86_400).as_millis();
    let spans = [
        ("contacts", retention.contacts),
        ("details", retention.details),
        ("proofs", retention.proofs),
        ("german_proofs", retention.german_proofs),
        ("refusals", retention.refusals),
        ("webhooks", retention.webhooks),
    ];
    let days = |span: Span| span.as_millis() / DAY;
    spans.map(|(what, span)| KeptFor { what: what.to_owned(), days: days(span) }).to_vec()
}
