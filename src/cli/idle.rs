//! Why a campaign dials nobody, in one plain sentence.

use super::french::told;
use super::output::{Lang, moment};
use crate::api::types::{Campaign, Idle, IdleCause};
use crate::core::pacing::View;

/// Said of a campaign whose numbers shown have all reached their caps.
const NUMBERS_FULL: (&str, &str) = (
    "every number it shows carries all it may: see [[caller_id]] in cadran.toml",
    "chaque numéro présenté porte tout ce qu'il peut : voir [[caller_id]] de cadran.toml",
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
        IdleCause::NoContacts => (
            "it has no contacts: cadran list import FILE --campaign {name}",
            "elle n'a pas de fiches : cadran list import FICHIER --campaign {name}",
        ),
        IdleCause::ContactsWait => return waiting(idle, lang),
        IdleCause::LastCalls => (
            "the last contacts are on the line or being written up: nothing else is left to dial",
            "les dernières fiches sont en ligne ou en post-appel : il ne reste rien à appeler",
        ),
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
    let what = match idle.rule.as_deref() {
        Some("window") => lang.say("outside the calling hours", "hors des horaires d'appel"),
        Some("attempt-cap") => lang.say(
            "every contact left had the attempts allowed",
            "toutes les fiches restantes ont eu les tentatives permises",
        ),
        Some("refused") => lang.say(
            "every contact left refused lately",
            "toutes les fiches restantes ont refusé récemment",
        ),
        Some("no-consent") => lang.say(
            "every contact left lacks the consent that the law asks for: cadran consent import",
            "les fiches restantes n'ont pas le consentement que la loi exige : \
             cadran consent import",
        ),
        Some("consent-expired") => lang.say(
            "every contact left has a consent that is over: cadran consent import",
            "les fiches restantes ont un consentement échu : cadran consent import",
        ),
        Some("agent-away") => lang.say(
            "every contact left belongs to an agent who is away",
            "toutes les fiches restantes appartiennent à un agent absent",
        ),
        Some("no-route") => lang.say(
            "no trunk for the prefixes of the contacts left is in use: cadran trunk list",
            "aucun trunk pour les préfixes des fiches restantes n'est en service : \
             cadran trunk list",
        ),
        Some(_) | None => lang.say(
            "every contact left waits for its next attempt or callback",
            "toutes les fiches restantes attendent leur prochaine tentative ou leur rappel",
        ),
    };
    let law = |law: &str| format!(" ({law}, cadran law show {law})");
    let what = format!("{what}{}", idle.law.as_deref().map(law).unwrap_or_default());
    match idle.until.as_deref().map(|at| moment(at, "%Y-%m-%d %H:%M %Z")) {
        Some(until) => format!("{what} {} {until}", lang.say("until", "jusqu'au")),
        None => what,
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
