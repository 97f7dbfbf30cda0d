//! `cadran why`.

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::call::outcome;
use super::client::{At, Client};
use super::failure::{Exit, Outcome};
use super::listed::{self, Country};
use super::output::{Form, Lang, Output, Sheet, moment};
use super::{Global, idle, wait_for};
use crate::api::types::{
    self, AgentWhy, BestHour, CampaignWhy, Cause, ContactWhy, ContactsWhy, Explained, FullQuota,
    IdleCause,
};
use crate::core::fact::PersonKind;
use crate::watch::{agent_state_word, campaign_state_word, clock, rest_word};

/// Explain why a campaign, an agent, a number or a contact waits.
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  cadran why prospection-fr                  why the campaign dials nobody, or no more
  cadran why amina                           why the agent waits
  cadran why 0612345678                      why the number is not called
  cadran why K-1042 --json                   the contact with that reference

The first cause comes first. The contacts it holds and the moment it ends stand with it.")]
pub(super) struct Why {
    /// A campaign's or agent's name, a number, a contact's id or reference
    of: String,
    /// What it is, where the name alone does not tell
    #[arg(long)]
    kind: Option<Kind>,
    /// The country of a number without a country code
    #[arg(long, value_name = "COUNTRY", default_value = "FR", value_parser = listed::region)]
    region: Country,
}

/// What may be asked about.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// A campaign
    Campaign,
    /// An agent
    Agent,
    /// A telephone number
    Number,
    /// A contact
    Contact,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Campaign => "campaign",
            Self::Agent => "agent",
            Self::Number => "number",
            Self::Contact => "contact",
        }
    }
}

impl Why {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let at = At::path(["why"]).with("of", Some(&self.of));
        let at = at.with("kind", self.kind.map(Kind::word)).with("region", Some(&self.region.code));
        let why: Explained = wait_for(Client::open(global)?.get(&at))?;
        match output.form {
            Form::Json => output.json(&why),
            Form::Plain => output.show(&why, |lang| sheet(&why, lang)),
            Form::Table => output.text(&format!("{}\n", told(&why, output.lang).join("\n"))),
        }
        Ok(Exit::Done)
    }
}

/// Lists the causes for programs that read lines: whose, code, how many, until when, the sentence.
fn sheet(why: &Explained, lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&["", "", "", "", ""]);
    let mut add = |whose: &str, cause: &Cause, sentence: String| {
        let count = cause.contacts.or(cause.agents).map(|count| count.to_string());
        sheet.add([
            whose.to_owned(),
            cause.code.clone(),
            count.unwrap_or_default(),
            cause.until.clone().unwrap_or_default(),
            sentence,
        ]);
    };
    match why {
        Explained::Campaign(why) => {
            let name = &why.campaign.name;
            why.causes.iter().for_each(|one| add(name, one, of_campaign(why, one, lang)));
        }
        Explained::Agent(why) => {
            let name = &why.agent.name;
            why.causes.iter().for_each(|one| add(name, one, of_agent(why, one, lang)));
        }
        Explained::Contacts(why) => {
            for contact in &why.contacts {
                let id = contact.contact.to_string();
                contact.causes.iter().for_each(|one| add(&id, one, of_contact(contact, one, lang)));
            }
        }
    }
    sheet
}

/// Tells it in lines.
fn told(why: &Explained, lang: Lang) -> Vec<String> {
    match why {
        Explained::Campaign(why) => campaign(why, lang),
        Explained::Agent(why) => agent(why, lang),
        Explained::Contacts(why) => contacts(why, lang),
    }
}

fn campaign(why: &CampaignWhy, lang: Lang) -> Vec<String> {
    let CampaignWhy { campaign, at, causes, callable, unasked } = why;
    let state = campaign_state_word(campaign.state, lang);
    let now = &campaign.now;
    let head = match (&campaign.idle, lang) {
        (Some(_), Lang::En) => format!("{state}, and nothing is dialled. First cause:"),
        (Some(_), Lang::Fr) => format!("{state}, et rien n'est appelé. Première cause :"),
        (None, Lang::En) => {
            format!("{state}: {} lines, {} agents talk.", now.lines(), now.talking)
        }
        (None, Lang::Fr) => {
            format!("{state} : {} lignes, {} agents en ligne.", now.lines(), now.talking)
        }
    };
    let mut lines = vec![format!("{} — {head}", campaign.name)];
    lines.extend(numbered(causes, at, lang, |cause| of_campaign(why, cause, lang)));
    lines.push(format!("  {} {callable}", lang.say("callable now:", "appelables maintenant :")));
    if *unasked > 0 {
        let more =
            lang.say("due, and not put to the rules yet:", "dues, non soumises aux règles :");
        lines.push(format!("  {more} {unasked}"));
    }
    lines.extend(nothing_to_do(causes, campaign.idle.as_ref(), lang));
    lines
}

fn agent(why: &AgentWhy, lang: Lang) -> Vec<String> {
    let AgentWhy { agent, at, causes, .. } = why;
    let state = agent_state_word(&agent.state, agent.leaving, lang);
    let since = clock(agent.since_s);
    let mut lines = vec![match lang {
        Lang::En => format!("{} — {state} for {since}", agent.name),
        Lang::Fr => format!("{} — {state} depuis {since}", agent.name),
    }];
    lines.extend(numbered(causes, at, lang, |cause| of_agent(why, cause, lang)));
    if causes.is_empty() {
        let next =
            lang.say("the next call is his or hers", "le prochain appel est pour lui ou elle");
        lines.push(format!("  {next}"));
    }
    lines
}

fn contacts(why: &ContactsWhy, lang: Lang) -> Vec<String> {
    let mut lines = Vec::new();
    for contact in &why.contacts {
        let number = contact.number.as_deref().unwrap_or("—");
        let known = contact.external_id.as_deref().map(|id| format!(" ({id})"));
        let state = if contact.callable {
            lang.say("callable now", "appelable maintenant")
        } else {
            lang.say("not called now", "pas d'appel maintenant")
        };
        let (name, known) = (&contact.campaign.name, known.unwrap_or_default());
        lines.push(format!("{number}{known} · {name} — {state}"));
        let sentence = |cause: &Cause| of_contact(contact, cause, lang);
        lines.extend(numbered(&contact.causes, &why.at, lang, sentence));
        let next = contact.next.as_deref().filter(|_| !contact.callable);
        lines.extend(next.map(|next| {
            let from = lang.say("may be called from", "appelable à partir du");
            format!("  {from} {}", moment_ahead(next, &why.at, lang))
        }));
        lines.extend(contact.hour.as_ref().map(|hour| format!("  {}", best_hour(hour, lang))));
        lines.extend(contact.person.map(|kind| format!("  {}", person(kind, lang))));
        lines.push(format!("  {}", tried(contact, lang)));
    }
    lines
}

/// Tells why the next attempt is at the hour it is.
fn best_hour(hour: &BestHour, lang: Lang) -> String {
    let at = moment(&hour.at, "%Y-%m-%d %H:%M %Z");
    let BestHour { tried, reached, own_tried, own_reached, .. } = hour;
    let chance = 100.0 * hour.chance;
    match lang {
        Lang::En => format!(
            "hour chosen: {at}, reached {chance:.0} % (list {reached} of {tried} at that hour, \
             contact {own_reached} of {own_tried})"
        ),
        Lang::Fr => format!(
            "heure choisie : {at}, joint {chance:.0} % (liste {reached} sur {tried} à cette heure, \
             fiche {own_reached} sur {own_tried})"
        ),
    }
}

/// Says what kind of person a contact is, and how the law treats it.
fn person(kind: PersonKind, lang: Lang) -> &'static str {
    match kind {
        PersonKind::Consumer => lang.say("a consumer", "un particulier"),
        PersonKind::Professional => lang.say("a professional", "un professionnel"),
        PersonKind::SoleTrader => lang.say(
            "a sole trader: a consumer but on a fixed line (FR-19)",
            "un entrepreneur individuel : un consommateur, sauf sur une ligne fixe (FR-19)",
        ),
    }
}

/// Tells of the last attempt.
fn tried(contact: &ContactWhy, lang: Lang) -> String {
    let Some(last) = &contact.last else {
        return lang.say("never tried", "jamais essayé").to_owned();
    };
    let at = moment(&last.started_at, "%Y-%m-%d %H:%M %Z");
    let outcome = match last.outcome {
        Some(_) => outcome(last, lang),
        None => lang.say("goes on", "en cours").to_owned(),
    };
    let disposition = last.disposition.as_deref().map(|code| format!(", {code}"));
    let (tries, disposition) = (contact.attempts, disposition.unwrap_or_default());
    match lang {
        Lang::En => format!("attempts: {tries}, the last on {at}: {outcome}{disposition}"),
        Lang::Fr => format!("tentatives : {tries}, la dernière le {at} : {outcome}{disposition}"),
    }
}

/// Numbers causes, each with how many it holds and until when.
fn numbered<'c>(
    causes: &'c [Cause],
    at: &'c str,
    lang: Lang,
    sentence: impl Fn(&Cause) -> String + 'c,
) -> impl Iterator<Item = String> + 'c {
    (1..).zip(causes).map(move |(place, cause)| {
        let contacts = cause.contacts.map(|count| match (count, lang) {
            (1, Lang::En) => " · 1 contact".to_owned(),
            (1, Lang::Fr) => " · 1 fiche".to_owned(),
            (count, Lang::En) => format!(" · {count} contacts"),
            (count, Lang::Fr) => format!(" · {count} fiches"),
        });
        let count = contacts.or_else(|| match cause.agents? {
            1 => Some(" · 1 agent".to_owned()),
            count => Some(format!(" · {count} agents")),
        });
        let until = cause.until.as_deref().map(|until| moment_ahead(until, at, lang));
        let until = until.map(|until| format!(" → {} {until}", lang.say("until", "jusqu'au")));
        let said = sentence(cause);
        let count = count.unwrap_or_default();
        format!("  {place}. {said}{count}{}", until.unwrap_or_default())
    })
}

/// Says when a moment is, and how long that is from now.
fn moment_ahead(then: &str, at: &str, lang: Lang) -> String {
    let local = moment(then, "%Y-%m-%d %H:%M %Z");
    let (then, at) = (then.parse::<Timestamp>().ok(), at.parse::<Timestamp>().ok());
    let left = then.zip(at).map(|(then, at)| then.duration_since(at).as_secs().max(0));
    let left = left.map(|seconds| match (seconds / 86_400, seconds / 3_600, seconds / 60) {
        (0, 0, minutes) => format!("{} min", minutes.max(1)),
        (0, hours, _) => format!("{hours} h"),
        (days, ..) => format!("{days} {}", lang.say("d", "j")),
    });
    let left = left.unwrap_or_default();
    format!("{local} ({} {left})", lang.say("in", "dans"))
}

/// Says that time mends it, where it does.
fn nothing_to_do(causes: &[Cause], idle: Option<&types::Idle>, lang: Lang) -> Option<String> {
    let first = causes.first()?;
    let waits = idle.is_some_and(|idle| idle.cause == IdleCause::ContactsWait);
    let served = causes.iter().all(|cause| cause.code != "nobody-signed-in");
    let passes = waits && served && first.until.is_some();
    passes.then(|| {
        let (en, fr) = (
            "Nothing to correct: calls go on by themselves then.",
            "Rien à corriger : les appels reprennent d'eux-mêmes.",
        );
        lang.say(en, fr).to_owned()
    })
}

/// Makes the sentence of a campaign's cause.
fn of_campaign(why: &CampaignWhy, cause: &Cause, lang: Lang) -> String {
    of_engine(&why.campaign, cause, lang).unwrap_or_else(|| of_rule(cause, lang))
}

/// Makes the sentence of an agent's cause.
fn of_agent(why: &AgentWhy, cause: &Cause, lang: Lang) -> String {
    let who = cause.who.as_deref().unwrap_or_default();
    let name = why.agent.name.as_str();
    let (en, fr) = match cause.code.as_str() {
        "signed-out" => {
            ("not signed in: cadran agent login {name}", "hors ligne : cadran agent login {name}")
        }
        "no-phone" => (
            "the phone is not connected: cadran agent list",
            "le poste n'est pas connecté : cadran agent list",
        ),
        "on-break" => (
            "on a break ({who}): cadran agent ready {name}",
            "en pause ({who}) : cadran agent ready {name}",
        ),
        "leaving" => (
            "a break or leave was asked for: no line is dialled for the agent any more",
            "une pause ou un départ est demandé : plus aucune ligne n'est composée pour l'agent",
        ),
        "resting" => return rest_word(who, lang).to_owned(),
        "no-campaign" => (
            "no campaign is served: cadran agent add {name} --campaign CAMPAIGN",
            "aucune campagne : cadran agent add {name} --campaign CAMPAGNE",
        ),
        "lacks-skill" => (
            "{campaign} wants {skill}: cadran agent add {name} --skill {skill}",
            "{campaign} demande {skill} : cadran agent add {name} --skill {skill}",
        ),
        "lines" => (
            "lines of {campaign} ring: the next who answers may be the agent's",
            "des lignes de {campaign} sonnent : le prochain décroché peut être pour l'agent",
        ),
        state => {
            let own =
                why.serves.iter().find(|own| Some(&own.campaign.name) == cause.campaign.as_ref());
            return match own {
                Some(own) => format!("{} : {}", own.campaign.name, of_campaign(own, cause, lang)),
                None => agent_state_word(state, false, lang).to_owned(),
            };
        }
    };
    let campaign = cause.campaign.as_deref().unwrap_or_default();
    let said = lang.say(en, fr).replace("{name}", name).replace("{who}", who);
    said.replace("{campaign}", campaign).replace("{skill}", &cause.skills.join(", "))
}

/// Makes the sentence of a contact's cause.
fn of_contact(contact: &ContactWhy, cause: &Cause, lang: Lang) -> String {
    let of_campaign = cause.campaign.as_ref().and_then(|name| {
        let said = of_engine(&contact.campaign, cause, lang)?;
        Some(format!("{name} : {said}"))
    });
    of_campaign.unwrap_or_else(|| of_rule(cause, lang))
}

/// Makes the sentence of what the engine says of a campaign, where the cause is that.
fn of_engine(campaign: &types::Campaign, cause: &Cause, lang: Lang) -> Option<String> {
    let idle = campaign.idle.as_ref()?;
    let own = idle.cause.code(&campaign.now) == cause.code;
    own.then(|| idle::sentence(campaign, idle, lang))
}

/// Makes the sentence of what a rule, a wait or a carrier says.
fn of_rule(cause: &Cause, lang: Lang) -> String {
    if let Some((means, remedy)) = cause.means.as_ref().zip(cause.remedy.as_ref()) {
        let (means, remedy) = match lang {
            Lang::En => (&means.en, &remedy.en),
            Lang::Fr => (&means.fr, &remedy.fr),
        };
        let carrier = lang.say("the carrier says:", "l'opérateur dit :");
        return format!("{carrier} {means}; {remedy}");
    }
    if let Some(FullQuota { name, reached, max }) = &cause.quota {
        return match lang {
            Lang::En => format!("quota full: {name}, {reached} of {max}"),
            Lang::Fr => format!("quota atteint : {name}, {reached} sur {max}"),
        };
    }
    let who = cause.who.as_deref().map(|who| format!(" ({who})")).unwrap_or_default();
    format!("{}{who}{}", idle::held(&cause.code, lang), idle::lawful(cause.law.as_deref()))
}
