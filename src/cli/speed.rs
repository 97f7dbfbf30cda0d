//! Why a campaign dials at the speed it does, in sentences.

use super::idle;
use super::output::{self, Lang};
use crate::api::types::{AbandonCap, Foretold, Pacing, Quiet, Recalled};
use crate::core::campaign::Guarantee;
use crate::core::foresight::Verdict;
use crate::core::pacing::{Decision, Forecast, Limit, View, Why};
use crate::units::whole;
use crate::watch::{decimal, percent};

/// Names a guarantee as the files do.
pub(super) fn guarantee_word(guarantee: Guarantee) -> &'static str {
    match guarantee {
        Guarantee::Expected => "expected",
        Guarantee::Strict => "strict",
    }
}

/// Names a mode as the files do, with what is guaranteed if that is more than usual.
pub(super) fn mode(mode: &str, guarantee: Option<Guarantee>) -> String {
    match guarantee {
        Some(Guarantee::Strict) => format!("{mode} ({})", guarantee_word(Guarantee::Strict)),
        Some(Guarantee::Expected) | None => mode.to_owned(),
    }
}

/// Says why, in a few sentences that need no other knowledge.
pub(super) fn sentences(pacing: &Pacing, lang: Lang) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(idle) = &pacing.idle {
        let why = idle::cause(&pacing.campaign, &pacing.now, &pacing.trunks, idle, lang);
        told.push(format!("{} {why}.", lang.say("Nothing rings now:", "Rien ne sonne :")));
    }
    match &pacing.decision {
        None => {
            let none = "No decision has been recorded yet: nothing was to be dialled.";
            let aucune = "Aucune décision n'est encore enregistrée : il n'y avait rien à appeler.";
            told.push(lang.say(none, aucune).to_owned());
        }
        Some(decision) => {
            told.extend(restart(pacing, lang));
            told.push(scene(&decision.view, lang));
            told.extend(decision.forecast.map(|forecast| outlook(&forecast, lang)));
            told.push(reason(pacing, decision, lang));
        }
    }
    if pacing.mode != "preview" {
        told.push(allowance(pacing, lang));
    }
    told.extend(pacing.foresight.as_ref().and_then(|foretold| record(foretold, lang)));
    told.extend(pacing.quiet.as_ref().and_then(|quiet| no_more(pacing, quiet, lang)));
    told.extend(pacing.recalled.as_ref().map(|recalled| memory(recalled, lang)));
    told
}

/// Says that the decision is of an engine that ran before this one.
fn restart(pacing: &Pacing, lang: Lang) -> Option<String> {
    let moment = |at: &str| output::moment(at, "%Y-%m-%d %H:%M:%S");
    let (began, made) = (moment(pacing.restarted.as_ref()?), moment(pacing.at.as_ref()?));
    Some(match lang {
        Lang::En => format!(
            "The engine was started again at {began} and has decided nothing since; what follows \
             is its last decision before, of {made}."
        ),
        Lang::Fr => format!(
            "Le moteur a redémarré à {began} et n'a rien décidé depuis ; ce qui suit est sa \
             dernière décision d'avant, du {made}."
        ),
    })
}

/// Names the limit of a decision, with the trunk if one bound.
pub(super) fn limit(pacing: &Pacing, decision: &Decision, lang: Lang) -> String {
    let word = crate::watch::limit_word(decision, lang);
    pacing.trunk.as_ref().map_or_else(|| word.to_owned(), |trunk| format!("{word} ({trunk})"))
}

/// Names the window and those counted in it, given as the files do.
pub(super) fn window(cap: &AbandonCap, lang: Lang) -> String {
    let window = match cap.window.as_str() {
        "day" => lang.say("a day", "un jour"),
        "campaign" => lang.say("the campaign", "la campagne"),
        span => span,
    };
    let shared = cap.shared.as_ref().map(|name| match lang {
        Lang::En => format!(", with all campaigns of the rate {name}"),
        Lang::Fr => format!(", avec toutes les campagnes du taux {name}"),
    });
    format!("{window} ({}, {}){}", whom(cap, lang), cap.zone, shared.unwrap_or_default())
}

fn whom(cap: &AbandonCap, lang: Lang) -> &'static str {
    match cap.of.as_str() {
        "answers" => lang.say("calls answered", "appels décrochés"),
        _ => lang.say("persons who answered", "personnes qui ont décroché"),
    }
}

/// A count with its noun; French keeps the singular for none.
fn many(count: u32, one: &str, more: &str, lang: Lang) -> String {
    let singular = count == 1 || (count == 0 && lang == Lang::Fr);
    format!("{count} {}", if singular { one } else { more })
}

fn scene(view: &View, lang: Lang) -> String {
    let View { ready, reserved, talking, wrapping, ringing, listening, waiting, .. } = *view;
    let team = ready + reserved + talking + wrapping;
    let up = listening + waiting;
    if lang == Lang::Fr {
        let agents = many(talking, "agent", "agents", lang);
        let talk = if talking < 2 { "parle" } else { "parlent" };
        let wait = if ready < 2 { "attend" } else { "attendent" };
        let lines = many(ringing, "numéro sonne", "numéros sonnent", lang);
        let mut told = format!(
            "{agents} sur {team} {talk}, {wrapping} en post-appel, {ready} {wait} un appel ; \
             {lines}"
        );
        if up > 0 {
            let (one, more) = ("personne décrochée attend", "personnes décrochées attendent");
            told = format!("{told}, {}", many(up, one, more, lang));
        }
        return told + ".";
    }
    let agents = many(team, "agent", "agents", lang);
    let talk = if talking == 1 { "talks" } else { "talk" };
    let write = if wrapping == 1 { "writes" } else { "write" };
    let wait = if ready == 1 { "waits" } else { "wait" };
    let lines = many(ringing, "number rings", "numbers ring", lang);
    let mut told = format!(
        "{talking} of {agents} {talk}, {wrapping} {write} up, {ready} {wait} for a call; {lines}"
    );
    if up > 0 {
        let persons = many(up, "answered person waits", "answered persons wait", lang);
        told = format!("{told}, {persons}");
    }
    told + "."
}

fn outlook(forecast: &Forecast, lang: Lang) -> String {
    let rounded = |number: f64| u32::try_from(whole(number)).unwrap_or(u32::MAX);
    let ahead = rounded(forecast.ahead.as_secs_f64());
    let (answers, releases) = (rounded(forecast.answers), rounded(forecast.releases));
    match lang {
        Lang::En => format!(
            "A call placed then would be answered after some {ahead} s; by then {} should have \
             answered and {} should have come free.",
            many(answers, "person", "persons", lang),
            many(releases, "busy agent", "busy agents", lang),
        ),
        Lang::Fr => {
            let answered = if answers < 2 { "devrait" } else { "devraient" };
            let freed = if releases < 2 { "se sera libéré" } else { "se seront libérés" };
            format!(
                "Un appel lancé à ce moment serait décroché après {ahead} s environ ; d'ici là {} \
                 {answered} avoir décroché et {} {freed}.",
                many(answers, "personne", "personnes", lang),
                many(releases, "agent occupé", "agents occupés", lang),
            )
        }
    }
}

/// Says what was asked and granted, and why no more.
fn reason(pacing: &Pacing, decision: &Decision, lang: Lang) -> String {
    let asked = many(decision.ask.calls, "line was wanted", "lines were wanted", lang);
    let voulu = many(decision.ask.calls, "ligne demandée", "lignes demandées", lang);
    let cut = |english: &str, french: &str| {
        let (trunk, placed) = (pacing.trunk.as_deref().unwrap_or("?"), decision.placed);
        let english = format!("{asked}, {placed} placed: {english}");
        let french = format!("{voulu}, {placed} accordées : {french}");
        lang.say(&english, &french).replace("{trunk}", trunk)
    };
    match decision.limit {
        Limit::Ask => wish(decision, lang),
        Limit::Abandon => held(pacing, decision, lang),
        Limit::Neighbor => cut(NEIGHBOR.0, NEIGHBOR.1),
        Limit::Owed => cut(OWED.0, OWED.1),
        Limit::Channels(_) => cut(
            "every channel of trunk {trunk} is taken.",
            "tous les canaux du trunk {trunk} sont pris.",
        ),
        Limit::CallsPerSecond(_) => cut(
            "trunk {trunk} takes no more calls this second; the next ones follow by themselves.",
            "le trunk {trunk} ne prend plus d'appels cette seconde ; les suivants partent seuls.",
        ),
        Limit::NoTrunk => {
            cut("no trunk of the campaign answers.", "aucun trunk de la campagne ne répond.")
        }
        Limit::CallerIds => cut(
            "every number shown carries all the calls it may.",
            "chaque numéro présenté porte déjà tous les appels permis.",
        ),
        Limit::Stock => cut(DRY.0, DRY.1),
    }
}

/// Says why the pacer wanted no more than it got.
fn wish(decision: &Decision, lang: Lang) -> String {
    let placed = decision.placed;
    let lines = many(placed, "line was dialled", "lines were dialled", lang);
    let lignes = many(placed, "appel est parti", "appels sont partis", lang);
    match decision.ask.why {
        Why::Predicted => match decision.forecast {
            Some(forecast) => price(&forecast, &lines, &lignes, lang),
            None => lang.say(&format!("{lines}."), &format!("{lignes}.")).to_owned(),
        },
        Why::Learning => lang
            .say(
                &format!(
                    "Too little is known yet to predict, so there is one line per idle agent: \
                     {lines}."
                ),
                &format!(
                    "On en sait encore trop peu pour prévoir : une ligne par agent libre, \
                     {lignes}."
                ),
            )
            .to_owned(),
        Why::OneLinePerIdleAgent => lang
            .say(
                &format!("One line is dialled per idle agent and no more: {lines}."),
                &format!("Une ligne par agent libre, jamais plus : {lignes}."),
            )
            .to_owned(),
        Why::FixedRatio => lang
            .say(
                &format!("A fixed number of lines is dialled per idle agent: {lines}."),
                &format!("Un nombre fixe de lignes par agent libre : {lignes}."),
            )
            .to_owned(),
        Why::NobodyIdle => {
            let nobody = "No agent is idle, so nothing is dialled.";
            lang.say(nobody, "Aucun agent n'est libre : rien ne part.").to_owned()
        }
        Why::PersonsWaiting => lang
            .say(
                "Persons wait for an agent, so nothing is dialled before they are served.",
                "Des personnes attendent un agent : rien ne part avant qu'elles soient servies.",
            )
            .to_owned(),
        Why::AgentDials => {
            lang.say("The agents dial by themselves.", "Les agents appellent eux-mêmes.").to_owned()
        }
        Why::Directed => lang
            .say("Another pacer names the calls.", "Un autre pacer décide des appels.")
            .to_owned(),
    }
}

/// Weighs the last call granted and the one refused against the price.
fn price(forecast: &Forecast, lines: &str, lignes: &str, lang: Lang) -> String {
    let threshold = percent(forecast.threshold.get(), lang);
    let chance = percent(forecast.chance.get(), lang);
    match forecast.next.filter(|next| *next > forecast.threshold) {
        Some(next) => {
            let next = percent(next.get(), lang);
            lang.say(
                &format!(
                    "So {lines}: one more would have had a {next} chance to meet nobody free, and \
                     the allowance lets {threshold} be risked per call."
                ),
                &format!(
                    "Donc {lignes} : un de plus aurait eu {next} de risque de ne trouver personne \
                     de libre, et le plafond permet de risquer {threshold} par appel."
                ),
            )
            .to_owned()
        }
        None => lang
            .say(
                &format!(
                    "So {lines}: the last has a {chance} chance to meet nobody free, and the \
                     allowance lets {threshold} be risked per call."
                ),
                &format!(
                    "Donc {lignes} : le dernier a {chance} de risque de ne trouver personne de \
                     libre, et le plafond permet de risquer {threshold} par appel."
                ),
            )
            .to_owned(),
    }
}

/// Says that the abandon rule holds the campaign back.
fn held(pacing: &Pacing, decision: &Decision, lang: Lang) -> String {
    let placed = decision.placed;
    let strict = pacing.guarantee == Some(Guarantee::Strict);
    let view = &decision.view;
    if strict && placed > 0 {
        let lines = many(placed, "line was", "lines were", lang);
        let lignes = many(placed, "ligne accordée", "lignes accordées", lang);
        let kept = "no more: the cap holds even if every call beyond the free agents is abandoned";
        let tenu = "pas plus : le plafond tient même si tous les appels au-delà des agents libres \
                    sont abandonnés";
        return match lang {
            Lang::En => format!("The proved cap binds: {lines} placed and {kept}."),
            Lang::Fr => format!("Le plafond prouvé limite : {lignes}, {tenu}."),
        };
    }
    let why = bound(strict, view, decision.forecast.as_ref(), lang);
    let beyond = placed > view.ready.saturating_sub(view.lines());
    if let Some(forecast) = decision.forecast.filter(|_| beyond) {
        let chance = percent(forecast.chance.get(), lang);
        let lines = many(placed, "line was dialled", "lines were dialled", lang);
        let lignes = many(placed, "appel est parti", "appels sont partis", lang);
        return match lang {
            Lang::En => format!(
                "The abandon rule binds: {why}. {lines}, the last with a {chance} chance to meet \
                 nobody free."
            ),
            Lang::Fr => format!(
                "La règle d'abandon limite : {why}. {lignes}, le dernier avec {chance} de risque \
                 de ne trouver personne de libre."
            ),
        };
    }
    match lang {
        Lang::En => format!(
            "The abandon rule binds: {why}, so there are lines for idle agents only: {placed} \
             placed."
        ),
        Lang::Fr => format!(
            "La règle d'abandon limite : {why}. Des lignes pour les agents libres seulement : \
             {placed} de plus."
        ),
    }
}

/// Less than this reads as 0.0.
const NO_ROOM: f64 = 0.05;

/// Says why the abandon rule lets nothing be risked, with what was counted at that moment.
fn bound(strict: bool, view: &View, forecast: Option<&Forecast>, lang: Lang) -> String {
    if strict {
        let english = "one line more could break the cap, of this window or of the next, if every \
                       call beyond the free agents were abandoned";
        let french = "une ligne de plus pourrait dépasser le plafond, de cette période ou de la \
                      suivante, si tous les appels au-delà des agents libres étaient abandonnés";
        return lang.say(english, french).to_owned();
    }
    let View { answered, abandoned, .. } = *view;
    let room = forecast.map_or(0.0, |forecast| forecast.room);
    let left = decimal(room, 1, lang);
    match (room >= NO_ROOM, lang) {
        (true, Lang::En) => format!(
            "after {abandoned} abandons among {answered} answers, the {left} abandons still \
             allowed are kept for the calls in flight and for bad luck"
        ),
        (true, Lang::Fr) => format!(
            "après {abandoned} abandons sur {answered} décrochés, les {left} abandons encore \
             permis restent en réserve pour les appels en cours et les coups du sort"
        ),
        (false, Lang::En) => format!(
            "after {abandoned} abandons among {answered} answers no abandon is allowed any more"
        ),
        (false, Lang::Fr) => format!(
            "après {abandoned} abandons sur {answered} décrochés, plus aucun abandon n'est permis"
        ),
    }
}

const NEIGHBOR: (&str, &str) = (
    "the abandon rule of a campaign whose lines ring for the same agents lets nothing more be \
     risked.",
    "la règle d'abandon d'une campagne dont les lignes sonnent pour les mêmes agents ne laisse \
     plus rien risquer.",
);
const OWED: (&str, &str) = (
    "a campaign that shares its agents first dials for one of its own who is ready.",
    "une campagne qui partage ses agents appelle d'abord pour l'un des siens, qui est prêt.",
);
const DRY: (&str, &str) = (
    "the list has no more contacts that may be called now.",
    "la liste n'a plus de fiches que l'on puisse appeler maintenant.",
);

/// What is shorter is the usual pause between two calls, in seconds.
const PAUSE_S: f64 = 5.0;

/// Says since when nothing more has been wanted, and why nothing is now.
fn no_more(pacing: &Pacing, quiet: &Quiet, lang: Lang) -> Option<String> {
    if quiet.for_s < PAUSE_S {
        return None;
    }
    let since = output::moment(&quiet.since, "%H:%M:%S");
    let Forecast { threshold, next, .. } = quiet.forecast;
    let risk = next.filter(|next| *next > threshold);
    let both = |(english, french): (&str, &str)| (english.to_owned(), french.to_owned());
    let (english, french) = match (risk, quiet.limit, quiet.why) {
        (_, Limit::Stock, _) => both(DRY),
        (_, Limit::Neighbor, _) => both(NEIGHBOR),
        (_, Limit::Owed, _) => both(OWED),
        (_, Limit::Abandon, _) => {
            let strict = pacing.guarantee == Some(Guarantee::Strict);
            let why = bound(strict, &pacing.now, Some(&quiet.forecast), lang);
            (
                format!("{why}, and no agent is free without a line."),
                format!("{why}, et aucun agent libre n'est sans ligne."),
            )
        }
        (_, _, Why::Learning) => (
            "too little is known yet to predict, and no agent is free without a line.".into(),
            "on en sait trop peu pour prévoir, et aucun agent libre n'est sans ligne.".into(),
        ),
        (Some(next), _, _) => {
            let (next, most) = (percent(next.get(), lang), percent(threshold.get(), lang));
            (
                format!(
                    "one call more would have a {next} chance to meet nobody free, and {most} may \
                     be risked."
                ),
                format!(
                    "un appel de plus aurait {next} de risque de ne trouver personne de libre, et \
                     l'on peut en risquer {most}."
                ),
            )
        }
        (None, _, _) => (
            "agents have all the lines they need.".to_owned(),
            "les agents ont toutes les lignes qu'il leur faut.".to_owned(),
        ),
    };
    Some(match lang {
        Lang::En => format!("Nothing more has been wanted since {since}: {english}"),
        Lang::Fr => format!("Plus rien n'est demandé depuis {since} : {french}"),
    })
}

/// Says that the pacer began with what earlier days taught it.
fn memory(recalled: &Recalled, lang: Lang) -> String {
    let day = |at: &str| output::moment(at, "%Y-%m-%d");
    let (calls, from, until) = (recalled.calls, day(&recalled.from), day(&recalled.until));
    let (english, french) = if from == until {
        (format!("on {from}"), format!("le {from}"))
    } else {
        (format!("from {from} to {until}"), format!("du {from} au {until}"))
    };
    match lang {
        Lang::En => format!(
            "It predicts from the first call on, with a stored prior: learnt {english}, {calls} \
             calls."
        ),
        Lang::Fr => format!(
            "La prévision vaut dès le premier appel, grâce à un acquis : {calls} appels, appris \
             {french}."
        ),
    }
}

fn allowance(pacing: &Pacing, lang: Lang) -> String {
    let cap = &pacing.cap;
    let (share, most) = (percent(cap.share, lang), percent(cap.cap, lang));
    let AbandonCap { answered, abandoned, .. } = cap;
    let (english, french) = match cap.window.as_str() {
        "day" => match another_day(pacing) {
            Some(day) => (format!("On {day}"), format!("Le {day}")),
            None => ("Today".to_owned(), "Aujourd'hui".to_owned()),
        },
        "campaign" => ("Since the campaign began".to_owned(), "Depuis le début".to_owned()),
        span => (format!("Over {span}"), format!("Sur {span}")),
    };
    let whom = whom(cap, lang);
    let (english, french) = match &cap.shared {
        Some(name) => (
            format!("{english}, in all campaigns of the rate {name},"),
            format!("{french}, dans toutes les campagnes du taux {name}"),
        ),
        None => (english, french),
    };
    let counted = format!("{abandoned} of {answered} {whom} were abandoned");
    lang.say(
        &format!("{english} {counted}: {share}, {most} allowed."),
        &format!("{french}, {abandoned} abandons sur {answered} {whom} : {share}, {most} permis."),
    )
    .to_owned()
}

/// Gives the day of the decision, where the rule's day is, if it is not the day that was asked for.
fn another_day(pacing: &Pacing) -> Option<jiff::civil::Date> {
    let day = |at: &str| {
        let at = at.parse::<jiff::Timestamp>().ok()?;
        at.in_tz(&pacing.cap.zone).ok().map(|there| there.date())
    };
    let made = day(pacing.at.as_ref()?)?;
    (day(&pacing.asked)? != made).then_some(made)
}

/// Says whether the forecasts came true; nothing before there is one.
fn record(foretold: &Foretold, lang: Lang) -> Option<String> {
    if foretold.answered == 0 {
        return None;
    }
    let (foreseen, came) = (decimal(foretold.foretold, 1, lang), foretold.abandoned);
    let (english, french) = match foretold.verdict {
        Verdict::Agrees => ("they agree.", "l'accord est bon."),
        Verdict::More => (
            "ALARM: more than chance explains. Look for what changed: agents who leave, calls \
             that last longer, a list that answers better.",
            "ALARME : plus que le hasard n'explique. Cherchez ce qui a changé : des agents qui \
             partent, des conversations plus longues, un fichier qui décroche mieux.",
        ),
        Verdict::Fewer => (
            "ALARM: fewer than chance explains; talk time is left unused.",
            "ALARME : moins que le hasard n'explique ; du temps de conversation est perdu.",
        ),
    };
    Some(match lang {
        Lang::En => format!("The forecasts foretold {foreseen} abandons, {came} came: {english}"),
        Lang::Fr => {
            format!("Les prévisions annonçaient {foreseen} abandons, {came} constatés : {french}")
        }
    })
}

#[cfg(test)]
mod tests;
