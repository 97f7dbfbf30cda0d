//! Pages about a number or person, such as the proof of a consent: one file to print each, in
//! French or English, without anything from elsewhere.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::call::{outcome, outcome_word};
use super::consent::why;
use super::french::told;
use super::output::Lang;
use crate::api::consents::{Attempt, ClientDossier, Dossier, RightRow, Said, Signed};
use crate::api::contacts::FieldChange;
use crate::api::gdpr::{Held, HeldContact, HeldInbound};
use crate::api::processing::{HeldSource, Processing};
use crate::api::types::Call;

/// How it looks; dark on white, tables that do not break over two pages.
const STYLE: &str = "body{font:14px/1.5 sans-serif;margin:2em auto;max-width:60em;color:#111}\
    table{border-collapse:collapse;width:100%;margin:0 0 1em}\
    th,td{border:1px solid #999;padding:.3em .5em;text-align:left;vertical-align:top;\
    overflow-wrap:anywhere}th{background:#eee}tr{break-inside:avoid}\
    footer{font-size:11px;overflow-wrap:anywhere;border-top:1px solid #999;padding-top:1em}";

/// Writes the page of a signed dossier.
pub(super) fn page(signed: &Signed, dossier: &Dossier, lang: Lang) -> String {
    let writer = Writer { lang, zone: TimeZone::get(&dossier.zone).unwrap_or(TimeZone::UTC) };
    let mut html = begun(lang.say("Right to call", "Droit d'appel"), &dossier.number, lang);
    let none = lang.say("none known", "aucun connu");
    let facts = [
        (lang.say("Number", "Numéro"), dossier.number.clone()),
        (
            lang.say("Territory", "Territoire"),
            dossier.territory.clone().unwrap_or_else(|| none.into()),
        ),
        (lang.say("Issued", "Établi le"), writer.at(&dossier.issued_at)),
        (lang.say("Clock", "Heures de"), dossier.zone.clone()),
    ];
    writer.rows(&mut html, &[], facts.into_iter().map(|(name, value)| vec![name.into(), value]));
    for client in &dossier.clients {
        writer.client(&mut html, client);
    }
    let seal = &signed.signature;
    let footer = lang.say(
        "The file of the same name in JSON holds this statement with its signature: \
         cadran consent prove --verify FILE.",
        "Le fichier JSON de même nom contient cette déclaration avec sa signature : \
         cadran consent prove --verify FICHIER.",
    );
    let (key, signature) = (lang.say("key", "clé"), lang.say("signature", "signature"));
    html.push_str(&format!(
        "<footer>{footer}<br>{} · {key} {}<br>{signature} {}</footer>\n</body></html>\n",
        escaped(&seal.algorithm),
        escaped(&seal.key),
        escaped(&seal.value),
    ));
    html
}

/// Writes the page of everything held of a person.
pub(super) fn held(held: &Held, lang: Lang) -> String {
    let first = held.numbers.first().map_or("Etc/UTC", |dossier| &dossier.zone);
    let writer = Writer { lang, zone: TimeZone::get(first).unwrap_or(TimeZone::UTC) };
    let numbers: Vec<_> = held.numbers.iter().map(|dossier| dossier.number.as_str()).collect();
    let title = lang.say("Personal data held", "Données personnelles détenues");
    let mut html = begun(title, &numbers.join(", "), lang);
    writer.say(&mut html, "p", &writer.at(&held.issued_at));
    writer.processing(&mut html, &held.processing);
    for contact in &held.contacts {
        writer.contact(&mut html, contact);
    }
    for dossier in &held.numbers {
        writer.say(&mut html, "h1", &dossier.number);
        for client in &dossier.clients {
            writer.client(&mut html, client);
        }
    }
    if !held.received.is_empty() {
        writer.received(&mut html, &held.received);
    }
    html.push_str("</body></html>\n");
    html
}

fn begun(title: &str, of: &str, lang: Lang) -> String {
    let (code, of) = (lang.say("en", "fr"), escaped(of));
    format!(
        "<!doctype html>\n<html lang=\"{code}\"><head><meta charset=\"utf-8\">\
         <title>{title} {of}</title><style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n"
    )
}

/// What the codes of [`Processing`] say in English and French.
const WORDS: [(&str, &str, &str); 28] = [
    ("prospecting", "to offer something for sale", "prospection commerciale"),
    ("contract", "to carry out a contract", "exécution d'un contrat"),
    ("collection", "to collect what is owed", "recouvrement"),
    ("survey", "to ask questions", "enquête"),
    ("identity", "name and reference", "nom et référence"),
    ("numbers", "telephone numbers", "numéros de téléphone"),
    ("fields", "other columns of the list", "autres colonnes du fichier"),
    ("calls", "calls, their ends and notes", "appels, leurs issues et notes"),
    ("received_calls", "calls received", "appels reçus"),
    ("rights_to_call", "consents and contracts", "consentements et contrats"),
    ("wishes", "withdrawals and opt-outs", "retraits et oppositions"),
    ("refusals", "calls refused by rules", "appels refusés par les règles"),
    ("events", "what other systems were told", "ce que d'autres systèmes ont reçu"),
    ("client", "the client company", "le donneur d'ordre"),
    ("webhook", "is told of calls", "reçoit l'issue des appels"),
    ("carrier", "connects the calls", "achemine les appels"),
    ("kept contacts", "contacts", "fiches"),
    ("kept details", "notes of calls", "notes d'appels"),
    ("kept proofs", "proofs of consents", "preuves de consentement"),
    ("kept german_proofs", "the same in Germany", "les mêmes en Allemagne"),
    ("kept refusals", "refusals by rules", "refus des règles"),
    ("kept webhooks", "what other systems were told", "ce que d'autres systèmes ont reçu"),
    ("access", "access (article 15)", "accès (article 15)"),
    ("rectification", "rectification (article 16)", "rectification (article 16)"),
    ("erasure", "erasure (article 17)", "effacement (article 17)"),
    ("restriction", "restriction (article 18)", "limitation (article 18)"),
    ("objection", "objection, at any time (article 21)", "opposition, à tout moment (article 21)"),
    (
        "complaint",
        "complaint to a supervisory authority, in France the CNIL (article 77)",
        "réclamation auprès d'une autorité de contrôle, en France la CNIL (article 77)",
    ),
];

fn word(code: &str, lang: Lang) -> String {
    let known = WORDS.iter().find(|(known, ..)| *known == code);
    known.map_or(code, |(_, english, french)| lang.say(english, french)).to_owned()
}

struct Writer {
    lang: Lang,
    zone: TimeZone,
}

impl Writer {
    /// Writes a moment on the called person's clock; one that cannot be read stays as it is.
    fn at(&self, text: &str) -> String {
        text.parse::<Timestamp>().map_or_else(
            |_| text.to_owned(),
            |at| at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
        )
    }

    fn some_at(&self, text: &Option<String>) -> String {
        text.as_deref().map(|text| self.at(text)).unwrap_or_default()
    }

    fn contact(&self, html: &mut String, contact: &HeldContact) {
        let lang = self.lang;
        self.say(html, "h2", &format!("{} · {}", contact.client, contact.campaign));
        let optional = |name: &str, value: &Option<String>| {
            value.as_ref().map(|value| vec![name.to_owned(), value.clone()])
        };
        let facts = [
            Some(vec![lang.say("Contact", "Fiche").to_owned(), contact.contact.to_string()]),
            contact
                .source
                .as_ref()
                .map(|list| vec![lang.say("Source", "Source").to_owned(), self.source(list)]),
            optional(lang.say("Reference", "Référence"), &contact.external_id),
            optional(lang.say("Name", "Nom"), &contact.name),
            Some(vec![lang.say("Numbers", "Numéros").to_owned(), contact.numbers.join(", ")]),
            optional(lang.say("Callback", "Rappel promis"), &contact.callback_at),
        ];
        let fields = contact.fields.iter().map(|(key, value)| vec![key.clone(), value.clone()]);
        self.rows(html, &[], facts.into_iter().flatten().chain(fields));
        if !contact.changes.is_empty() {
            self.changes(html, &contact.changes);
        }
        self.say(html, "h3", lang.say("Calls", "Appels"));
        let titles = [
            lang.say("when", "le"),
            lang.say("to", "vers"),
            lang.say("outcome", "issue"),
            lang.say("disposition", "qualification"),
            "notes",
        ];
        self.rows(html, &titles, contact.calls.iter().map(|call| self.call(call)));
        self.say(html, "h3", lang.say("Refused by rules", "Refusé par les règles"));
        let refusals = contact.refusals.iter().map(|refusal| {
            let law = refusal.law.clone().unwrap_or_default();
            vec![self.at(&refusal.at), told(&refusal.rule, lang), law]
        });
        self.rows(html, &[lang.say("when", "le"), lang.say("rule", "règle"), ""], refusals);
        self.say(html, "h3", lang.say("Sent to other systems", "Transmis à d'autres systèmes"));
        let events = contact.webhooks.iter().map(|event| {
            vec![self.at(&event.at), event.endpoint.clone(), self.some_at(&event.delivered_at)]
        });
        let titles = [lang.say("when", "le"), lang.say("to", "vers"), lang.say("sent", "transmis")];
        self.rows(html, &titles, events);
    }

    fn source(&self, list: &HeldSource) -> String {
        let came = self.lang.say("list {file} of {at}", "fichier {file} du {at}");
        came.replace("{at}", &self.at(&list.at)).replace("{file}", &list.file)
    }

    /// Tells what is done with the data, as article 15 §1 asks.
    fn processing(&self, html: &mut String, told: &Processing) {
        let lang = self.lang;
        self.say(html, "h2", lang.say("What is done with them", "Ce qui en est fait"));
        let row = |name: &str, said: Vec<String>| vec![name.to_owned(), said.join(" ; ")];
        let words = |codes: &[String]| codes.iter().map(|code| word(code, lang)).collect();
        let purposes = told.purposes.iter().map(|of| {
            let purpose = of.purpose.as_deref().map(|code| word(code, lang)).unwrap_or_default();
            format!("{} · {} · {purpose}", of.client, of.campaign)
        });
        let recipients =
            told.recipients.iter().map(|to| format!("{} ({})", to.name, word(&to.kind, lang)));
        let days = lang.say("days", "jours");
        let kept = told.retention.iter().map(|kept| {
            let what = word(&format!("kept {}", kept.what), lang);
            format!("{what}{} {} {days}", lang.colon(), kept.days)
        });
        let alone = lang.say(
            "none: no decision with legal effects is made by a machine alone",
            "aucune : nulle décision à effet juridique n'est prise par une machine seule",
        );
        let alone = if told.automated_decisions { lang.say("yes", "oui") } else { alone };
        let rows = [
            row(lang.say("Purposes", "Finalités"), purposes.collect()),
            row(lang.say("Categories", "Catégories"), words(&told.categories)),
            row(lang.say("Recipients", "Destinataires"), recipients.collect()),
            row(lang.say("Kept", "Durées de conservation"), kept.collect()),
            row(lang.say("Rights", "Droits"), words(&told.rights)),
            row(lang.say("Automated decisions", "Décisions automatisées"), vec![alone.to_owned()]),
        ];
        self.rows(html, &[], rows.into_iter());
    }

    fn changes(&self, html: &mut String, changes: &[FieldChange]) {
        let lang = self.lang;
        self.say(html, "h3", lang.say("Corrected by agents", "Corrigé par les agents"));
        let titles = [
            lang.say("when", "le"),
            lang.say("field", "champ"),
            lang.say("before", "avant"),
            lang.say("since", "depuis"),
            "agent",
        ];
        let row = |change: &FieldChange| {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let (before, after) = (text(&change.before), text(&change.after));
            vec![self.at(&change.at), change.field.clone(), before, after, text(&change.agent)]
        };
        self.rows(html, &titles, changes.iter().map(row));
    }

    fn received(&self, html: &mut String, calls: &[HeldInbound]) {
        let lang = self.lang;
        self.say(html, "h1", lang.say("Calls received", "Appels reçus"));
        let titles = [
            lang.say("when", "le"),
            lang.say("from", "de"),
            lang.say("to", "vers"),
            lang.say("campaign", "campagne"),
            lang.say("asked not to be called", "opposition"),
        ];
        let row = |call: &HeldInbound| {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let campaign = format!("{} · {}", call.client, call.campaign);
            let (from, to) = (text(&call.from), text(&call.to));
            vec![self.at(&call.at), from, to, campaign, self.some_at(&call.opposed_at)]
        };
        self.rows(html, &titles, calls.iter().map(row));
    }

    fn call(&self, call: &Call) -> Vec<String> {
        vec![
            self.at(&call.started_at),
            call.to.clone().unwrap_or_default(),
            outcome(call, self.lang),
            call.disposition.clone().unwrap_or_default(),
            call.details.notes.clone().unwrap_or_default(),
        ]
    }

    fn client(&self, html: &mut String, client: &ClientDossier) {
        let lang = self.lang;
        let may = if client.may_call {
            lang.say("may call", "peut appeler")
        } else {
            lang.say("may not call", "ne peut pas appeler")
        };
        let law = client.law.as_ref().map(|law| format!(" ({law})")).unwrap_or_default();
        let until = client
            .until
            .as_deref()
            .map(|at| format!(", {} {}", lang.say("until", "jusqu'au"), self.at(at)));
        let standing = format!("{may} : {}{law}{}", why(client, lang), until.unwrap_or_default());
        self.say(html, "h2", &client.client);
        self.say(html, "p", &standing);
        self.say(html, "h3", lang.say("Consents and contracts", "Consentements et contrats"));
        let titles = [
            lang.say("basis", "fondement"),
            "source",
            lang.say("proof", "preuve"),
            lang.say("covers", "portée"),
            lang.say("given", "recueilli le"),
            lang.say("ends", "fin"),
            lang.say("recorded", "enregistré le"),
            lang.say("taken back", "retiré le"),
        ];
        self.rows(html, &titles, client.rights.iter().map(|right| self.right(right)));
        self.say(html, "h3", lang.say("Withdrawals and opt-outs", "Retraits et oppositions"));
        let said = |said: &Said| vec![self.at(&said.at), said.source.clone()];
        let all = client.withdrawals.iter().chain(&client.opt_outs);
        self.rows(html, &[lang.say("when", "le"), "source"], all.map(said));
        self.say(html, "h3", lang.say("Attempts", "Tentatives"));
        let titles = [
            lang.say("when", "le"),
            lang.say("campaign", "campagne"),
            lang.say("outcome", "issue"),
            lang.say("disposition", "qualification"),
        ];
        let attempt = |attempt: &Attempt| {
            let empty = String::default;
            let outcome = attempt.outcome.as_deref();
            let outcome = outcome.map_or_else(empty, |code| outcome_word(code, lang));
            let disposition = attempt.disposition.clone().unwrap_or_else(empty);
            vec![self.at(&attempt.at), attempt.campaign.clone(), outcome, disposition]
        };
        self.rows(html, &titles, client.attempts.iter().map(attempt));
    }

    fn right(&self, right: &RightRow) -> Vec<String> {
        let hours = self.lang.say("out of hours too", "hors horaires aussi").to_owned();
        let hours = right.out_of_hours.then_some(hours);
        let covers = [right.scope.clone(), right.contract.clone(), right.object.clone(), hours];
        vec![
            told(&right.basis, self.lang),
            right.source.clone().unwrap_or_default(),
            right.proof.clone(),
            covers.into_iter().flatten().collect::<Vec<_>>().join(", "),
            self.some_at(&right.obtained_at),
            self.some_at(&right.expires_at),
            self.at(&right.recorded_at),
            self.some_at(&right.withdrawn_at),
        ]
    }

    fn say(&self, html: &mut String, tag: &str, text: &str) {
        html.push_str(&format!("<{tag}>{}</{tag}>\n", escaped(text)));
    }

    /// Writes a table; of no rows, that there are none.
    fn rows(&self, html: &mut String, titles: &[&str], rows: impl Iterator<Item = Vec<String>>) {
        let row = |html: &mut String, tag: &str, cells: &[String]| {
            html.push_str("<tr>");
            cells.iter().for_each(|cell| {
                html.push_str(&format!("<{tag}>{}</{tag}>", escaped(cell)));
            });
            html.push_str("</tr>\n");
        };
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return self.say(html, "p", self.lang.say("None.", "Néant."));
        }
        html.push_str("<table>\n");
        if !titles.is_empty() {
            let titles: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
            row(html, "th", &titles);
        }
        rows.for_each(|cells| row(html, "td", &cells));
        html.push_str("</table>\n");
    }
}

/// Writes a text so that HTML takes none of it for its own.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
