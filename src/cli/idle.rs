//! Why a campaign dials nobody, in one plain sentence.

use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;

use super::french::told;
use super::output::{Lang, moment};
use crate::api::types::{Campaign, Idle, IdleCause};
use crate::core::pacing::View;
use crate::core::rules::RuleId;

/// Said of a campaign whose numbers shown have all reached their caps.
const NUMBERS_FULL: (&str, &str) = (
    "every number it shows carries all it may: see [[caller_id]] in cadran.toml",
    "chaque numéro présenté porte tout ce qu'il peut : voir [[caller_id]] de cadran.toml",
);

/// Said of a campaign whose numbers shown have carried all the calls of their hour or day.
const NUMBERS_SPENT: (&str, &str) = (
    "the calls per hour or day of every number it shows are spent: add numbers to caller_ids, or \
     see cadran trunk numbers",
    "les appels par heure ou par jour de chaque numéro présenté sont épuisés : ajoutez des numéros \
     à caller_ids, ou voyez cadran trunk numbers",
);

/// Said of a campaign whose numbers shown are refused by networks.
const NUMBERS_REST: (&str, &str) = (
    "networks take every number it shows for an unwanted caller's, and they rest: cadran trunk \
     numbers",
    "les réseaux prennent chaque numéro présenté pour celui d'un indésirable, ils sont au repos : \
     cadran trunk numbers",
);

/// Said of a campaign that has nobody else to call than those of full quotas.
const QUOTAS_FULL: (&str, &str) = (
    "every contact left is of a full quota: raise `max` of the [[quota]] and restart, or \
     cadran list import FILE --campaign {name}",
    "chaque fiche restante est d'un quota atteint : relevez `max` du [[quota]] et redémarrez, ou \
     cadran list import FICHIER --campaign {name}",
);

/// Said while a campaign's last calls go on.
const LAST_CALLS: (&str, &str) = (
    "the last contacts are on the line or being written up: nothing else is left to dial",
    "les dernières fiches sont en ligne ou en post-appel : il ne reste rien à appeler",
);

/// Said while nothing else hinders a campaign.
const STARTING: (&str, &str) = (
    "contacts are being fetched: calls come in a moment",
    "les fiches arrivent : les appels partent dans un instant",
);

/// Said of every campaign while nothing can be recorded.
const DATABASE_FAILS: (&str, &str) = (
    "the database takes no records: no call is placed until it does, conversations go on; see \
     cadran doctor",
    "la base de données n'enregistre plus : aucun appel ne part tant que cela dure, les \
     conversations continuent ; voir cadran doctor",
);

/// Says why nothing is dialled, and what to do.
pub(super) fn sentence(campaign: &Campaign, idle: &Idle, lang: Lang) -> String {
    let Campaign { name, now, trunks, .. } = campaign;
    cause(name, now, trunks, idle, lang)
}

/// Says why nothing is dialled in a campaign of that name, with those agents and trunks.
pub(super) fn cause(name: &str, now: &View, trunks: &[String], idle: &Idle, lang: Lang) -> String {
    let (en, fr) = match idle.cause {
        IdleCause::Stopped | IdleCause::Paused => (
            "it is not running: cadran campaign start {name}",
            "elle n'est pas en cours : cadran campaign start {name}",
        ),
        IdleCause::Draining => (
            "it is draining: conversations end, nothing new is dialled",
            "elle est en cours d'arrêt : les conversations se terminent, plus rien n'est appelé",
        ),
        IdleCause::Completed => (
            "it has no open contacts, and goes on by itself once there are some: \
             cadran list import FILE --campaign {name}",
            "elle n'a plus de fiche ouverte, et reprend d'elle-même dès qu'il y en a : \
             cadran list import FICHIER --campaign {name}",
        ),
        IdleCause::QuotasFull => QUOTAS_FULL,
        IdleCause::NoContacts => (
            "it has no contacts: cadran list import FILE --campaign {name}",
            "elle n'a pas de fiches : cadran list import FICHIER --campaign {name}",
        ),
        IdleCause::ContactsWait => return waiting(idle, lang),
        IdleCause::LastCalls => LAST_CALLS,
        IdleCause::ContactsPersonal => (
            "every contact left is for one agent, who is busy or away: cadran agent list",
            "chaque fiche restante attend son agent, occupé ou absent : cadran agent list",
        ),
        IdleCause::NobodySkilled => return nobody_skilled(idle, lang),
        IdleCause::NobodySignedIn if !idle.skills.is_empty() => return able_are_out(idle, lang),
        IdleCause::NobodySignedIn => (
            "no agent of it is signed in: cadran agent login --all",
            "aucun de ses agents n'est connecté : cadran agent login --all",
        ),
        IdleCause::NoPhone => (
            "no signed-in agent's phone is connected: cadran agent list shows whose",
            "aucun poste d'agent n'est connecté : cadran agent list montre lesquels",
        ),
        IdleCause::NobodyReady => return nobody_ready(now, lang),
        IdleCause::AgentsLent => return lent(name, idle, lang),
        IdleCause::AgentsAwaited => return awaited(idle, lang),
        IdleCause::AgentDials => (
            "in preview the agents dial: a card is shown to them, cadran agent dial NAME",
            "en preview ce sont les agents qui appellent, fiche à l'écran : cadran agent dial NOM",
        ),
        IdleCause::NoTrunk => (
            "no trunk of it answers ({trunks}): cadran trunk list",
            "aucun de ses trunks ne répond ({trunks}) : cadran trunk list",
        ),
        IdleCause::Database => DATABASE_FAILS,
        IdleCause::Channels => (
            "its trunks are full ({trunks}): cadran trunk list",
            "ses trunks sont pleins ({trunks}) : cadran trunk list",
        ),
        IdleCause::CallsPerSecond => (
            "a trunk takes no more calls this second: the next one follows by itself",
            "un trunk ne prend plus d'appels cette seconde : le suivant part de lui-même",
        ),
        IdleCause::CallerIds => NUMBERS_FULL,
        IdleCause::CallerIdBudgets => NUMBERS_SPENT,
        IdleCause::CallerIdsRest => NUMBERS_REST,
        IdleCause::Abandon => (
            "too many answered persons were abandoned: it waits for idle agents",
            "trop de personnes décrochées ont été abandonnées : elle attend des agents libres",
        ),
        IdleCause::Starting => STARTING,
    };
    lang.say(en, fr).replace("{name}", name).replace("{trunks}", &trunks.join(", "))
}

/// Tells which skills nobody has.
fn nobody_skilled(idle: &Idle, lang: Lang) -> String {
    let missing = idle.skills.join(", ");
    let said = lang.say(
        "nobody of its agents has the skill {skill}: cadran agent add NAME --skill {skill}",
        "aucun de ses agents n'a la compétence {skill} : cadran agent add NOM --skill {skill}",
    );
    said.replace("{skill}", &missing)
}

/// Tells that whoever has the skills is not there.
fn able_are_out(idle: &Idle, lang: Lang) -> String {
    let wanted = idle.skills.join(", ");
    let said = lang.say(
        "no agent of it with {skill} is signed in: cadran agent login --all",
        "aucun de ses agents avec {skill} n'est connecté : cadran agent login --all",
    );
    said.replace("{skill}", &wanted)
}

/// Tells who keeps the agents busy; only who is on a break can be called back.
fn nobody_ready(now: &View, lang: Lang) -> String {
    let (talking, wrapping, resting, paused) = (now.talking, now.wrapping, now.resting, now.paused);
    if paused > 0 {
        return match lang {
            Lang::En => format!(
                "no agent is ready ({talking} talking, {wrapping} writing up, {resting} resting, \
                 {paused} on a break): cadran agent ready NAME ends a break"
            ),
            Lang::Fr => format!(
                "aucun agent n'est prêt ({talking} en ligne, {wrapping} en post-appel, {resting} \
                 au repos, {paused} en pause) : cadran agent ready NOM met fin à une pause"
            ),
        };
    }
    if wrapping > 0 && talking + resting == 0 {
        return match lang {
            Lang::En => {
                format!("all {wrapping} agents are writing up: calls follow once one is free")
            }
            Lang::Fr => format!(
                "tous les agents ({wrapping}) sont en post-appel : les appels suivent dès qu'un \
                 agent est libre"
            ),
        };
    }
    if talking + wrapping + resting == 0 {
        let (en, fr) = (
            "no agent is free: calls follow once one is",
            "aucun agent n'est libre : \
             les appels suivent dès qu'il y en a un",
        );
        return lang.say(en, fr).to_owned();
    }
    match lang {
        Lang::En => format!(
            "all agents are talking or writing up ({talking} talking, {wrapping} writing up, \
             {resting} resting): calls follow once one is free"
        ),
        Lang::Fr => format!(
            "tous les agents sont en ligne ou en post-appel ({talking} en ligne, {wrapping} en \
             post-appel, {resting} au repos) : les appels suivent dès qu'un agent est libre"
        ),
    }
}

/// Tells whom the agents serve first, and what changes that: `value` does not, for the first line
/// of a free agent goes by his preference.
fn lent(name: &str, idle: &Idle, lang: Lang) -> String {
    let said = lang.say(
        "its agents are lent to {first}, which they name first: pause that one, or give this one \
         an agent who names it first: cadran agent add NAME --campaign {name} --campaign {first}",
        "ses agents sont prêtés à {first}, qu'ils ont en premier : mettez celle-là en pause, ou \
         donnez à celle-ci un agent qui l'a en premier : \
         cadran agent add NOM --campaign {name} --campaign {first}",
    );
    said.replace("{name}", name).replace("{first}", other(idle))
}

/// Tells whose lines may take the agents who are ready.
fn awaited(idle: &Idle, lang: Lang) -> String {
    let said = lang.say(
        "lines of {first} ring for the agents who are ready: calls follow once one is left free",
        "des lignes de {first} sonnent pour les agents prêts : les appels suivent dès que l'un \
         d'eux reste libre",
    );
    said.replace("{first}", other(idle))
}

fn other(idle: &Idle) -> &str {
    idle.lent_to.as_deref().unwrap_or("?")
}

/// Tells what the next contact waits for, and until when.
fn waiting(idle: &Idle, lang: Lang) -> String {
    let what = match idle.rule.as_deref().map(|rule| (rule, held(rule, lang))) {
        Some(("window", hours)) => hours.to_owned(),
        Some((_, rule)) => {
            format!("{} {rule}", lang.say("every contact left:", "fiches restantes :"))
        }
        None => lang
            .say(
                "every contact left waits for its next attempt or callback",
                "toutes les fiches restantes attendent leur prochaine tentative ou leur rappel",
            )
            .to_owned(),
    };
    let what = format!("{what}{}", lawful(idle.law.as_deref()));
    match idle.until.as_deref().map(|at| moment(at, "%Y-%m-%d %H:%M %Z")) {
        Some(until) => format!("{what} {} {until}", lang.say("until", "jusqu'au")),
        None => what,
    }
}

/// Names the rule of law behind a cause, and where it can be read.
pub(super) fn lawful(law: Option<&str>) -> String {
    law.map(|law| format!(" ({law}, cadran law show {law})")).unwrap_or_default()
}

/// Says what keeps a contact from being called, by the code of its cause; a code of another
/// version stands for itself.
pub(super) fn held(code: &str, lang: Lang) -> &str {
    let (en, fr) = match code {
        "holiday" => ("closed for a public holiday", "fermé, jour férié"),
        "retry-delay" => ("the time until the next attempt", "délai avant la prochaine tentative"),
        "quota-full" => (
            "its quota is full: raise `max` of the [[quota]]",
            "quota atteint : relevez `max` du [[quota]]",
        ),
        "callback" => ("a callback is promised for later", "un rappel est promis pour plus tard"),
        "in-call" => ("in a call, or being written up", "en appel ou en post-appel"),
        "qualified" => ("closed: an agent qualified it", "close : qualifiée par un agent"),
        "skipped" => ("closed: an agent set it aside", "close : écartée par un agent"),
        "erased" => ("closed: the person was erased", "close : personne effacée"),
        "wish-over" => (
            "closed by a wish that is over: cadran list recycle CAMPAIGN --freed",
            "close par une opposition levée : cadran list recycle CAMPAGNE --freed",
        ),
        "nobody-signed-in" => (
            "then too: no agent of it is signed in",
            "alors aussi : aucun de ses agents n'est en ligne",
        ),
        code => match RuleId::deserialize(code.into_deserializer()) {
            Ok(rule) => ruled(rule),
            Err(serde::de::value::Error { .. }) => return code,
        },
    };
    lang.say(en, fr)
}

/// Says what a rule keeps from being called.
fn ruled(rule: RuleId) -> (&'static str, &'static str) {
    match rule {
        RuleId::Window => ("outside the calling hours", "hors des horaires d'appel"),
        RuleId::AttemptCap => (
            "the attempts allowed in the time are made",
            "tentatives permises sur la période atteintes",
        ),
        RuleId::DoNotCall => ("not to be called: do-not-call list", "liste d'opposition"),
        RuleId::InvalidNumber => ("no number that exists", "aucun numéro qui existe"),
        RuleId::PersonBusy => {
            ("the same person is on the line already", "la même personne est déjà en ligne")
        }
        RuleId::Exhausted => (
            "every attempt of the campaign is made",
            "toutes les tentatives de la campagne sont faites",
        ),
        RuleId::AgentAway => ("kept for an agent who is away", "réservé à un agent absent"),
        RuleId::RecallLock => (
            "abandoned lately, and left alone since",
            "appel abandonné récemment, pas de nouvel appel",
        ),
        RuleId::Refused => ("refused lately", "refus récent"),
        RuleId::NoConsent => (
            "the law asks for a consent, and there is none: cadran consent import",
            "la loi exige un consentement, et il n'y en a pas : cadran consent import",
        ),
        RuleId::ConsentExpired => (
            "the consent that the law asks for is over: cadran consent import",
            "le consentement que la loi exige est échu : cadran consent import",
        ),
        RuleId::CallerId => (
            "the law lets no number of caller_ids be shown there: cadran campaign validate",
            "la loi ne permet d'y présenter aucun numéro de caller_ids : cadran campaign validate",
        ),
        RuleId::NoMandate => (
            "no trunk has the mandate of a number that may be shown: cadran campaign validate",
            "aucun trunk n'a le mandat d'un numéro présentable : cadran campaign validate",
        ),
        RuleId::BannedSubject => (
            "the law forbids calling about this subject without a contract that runs",
            "la loi interdit d'appeler à ce sujet sans contrat en cours",
        ),
        RuleId::NoRoute => (
            "no trunk or no number to show is free for it: cadran trunk list, trunk numbers",
            "ni trunk ni numéro présenté n'est libre : cadran trunk list, trunk numbers",
        ),
    }
}

/// Writes how many contacts each rule refused, the strictest first.
pub(super) fn refusals(idle: &Idle, lang: Lang) -> String {
    let mut rules: Vec<_> = idle.refused.iter().collect();
    rules.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let said = rules.iter().map(|(rule, count)| format!("{} {count}", told(rule, lang)));
    said.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_agents_on_a_break_are_called_back() {
        let all_busy = View { talking: 5, wrapping: 1, ..View::default() };
        let told = nobody_ready(&all_busy, Lang::En);
        assert!(told.starts_with("all agents are talking or writing up (5 talking"), "{told}");
        let one_away = View { paused: 1, ..all_busy };
        for lang in [Lang::En, Lang::Fr] {
            assert!(!nobody_ready(&all_busy, lang).contains("cadran"));
            assert!(!nobody_ready(&View::default(), lang).contains("cadran"));
            let called_back = nobody_ready(&one_away, lang);
            assert!(called_back.contains(": cadran agent ready N"), "{called_back}");
            assert!(!called_back.contains("--all"), "a break may have been given on purpose");
        }
    }

    #[test]
    fn all_who_write_up_are_told_apart_from_those_who_talk() {
        let all_write = View { wrapping: 3, ..View::default() };
        assert!(nobody_ready(&all_write, Lang::En).starts_with("all 3 agents are writing up"));
        assert!(nobody_ready(&all_write, Lang::Fr).contains("(3) sont en post-appel"));
        let one_talks = View { talking: 1, ..all_write };
        assert!(nobody_ready(&one_talks, Lang::En).starts_with("all agents are talking or"));
    }

    #[test]
    fn every_cause_of_a_contact_is_said_in_both_languages() {
        let codes = [
            "window",
            "holiday",
            "attempt-cap",
            "do-not-call",
            "invalid-number",
            "person-busy",
            "exhausted",
            "agent-away",
            "recall-lock",
            "refused",
            "no-consent",
            "consent-expired",
            "caller-id",
            "no-mandate",
            "banned-subject",
            "no-route",
            "retry-delay",
            "quota-full",
            "callback",
            "in-call",
            "qualified",
            "skipped",
            "erased",
            "wish-over",
            "nobody-signed-in",
        ];
        for code in codes {
            let (en, fr) = (held(code, Lang::En), held(code, Lang::Fr));
            assert!(en != code && fr != code && en != fr, "{code}: {en}, {fr}");
        }
        assert_eq!(held("of-another-version", Lang::En), "of-another-version");
    }

    #[test]
    fn the_campaign_that_has_the_agents_is_named() {
        let idle = |cause| Idle {
            cause,
            until: None,
            rule: None,
            law: None,
            skills: Vec::new(),
            lent_to: Some("sud".to_owned()),
            refused: std::collections::BTreeMap::new(),
        };
        let told = |why, lang| cause("nord", &View::default(), &[], &idle(why), lang);
        for lang in [Lang::En, Lang::Fr] {
            let lent = told(IdleCause::AgentsLent, lang);
            assert!(lent.ends_with(" --campaign nord --campaign sud"), "{lent}");
            let awaited = told(IdleCause::AgentsAwaited, lang);
            assert!(awaited.contains(" sud ") && !awaited.contains("cadran"), "{awaited}");
        }
    }
}
