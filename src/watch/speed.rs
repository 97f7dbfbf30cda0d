//! Why a campaign dials at the speed it does, in one line.

use jiff::tz::TimeZone;

use super::words::Lang;
use crate::core::pacing::prior::Recalled;
use crate::core::pacing::{Decision, Forecast, Limit, Why};
use crate::units::Wall;

/// Writes a number with so many places as people read it: `3.4`, in French `3,4`.
#[must_use]
pub fn decimal(number: f64, places: usize, lang: Lang) -> String {
    let text = format!("{number:.places$}");
    match lang {
        Lang::En => text,
        Lang::Fr => text.replace('.', ","),
    }
}

/// Writes a share as people read it: `3.4 %`, `3,4 %`.
#[must_use]
pub fn percent(share: f64, lang: Lang) -> String {
    decimal(share * 100.0, 1, lang) + " %"
}

/// Says what held a decision back.
#[must_use]
pub fn limit_word(decision: &Decision, lang: Lang) -> &'static str {
    match decision.limit {
        Limit::Ask => match decision.ask.why {
            Why::Predicted => lang.say("the forecast", "la prévision"),
            Why::Learning => lang.say("learning", "l'apprentissage"),
            Why::Directed => lang.say("another pacer", "un autre pacer"),
            Why::AgentDials
            | Why::OneLinePerIdleAgent
            | Why::FixedRatio
            | Why::NobodyIdle
            | Why::PersonsWaiting => lang.say("the agents", "les agents"),
        },
        Limit::Abandon => lang.say("the abandon rule", "la règle d'abandon"),
        Limit::Neighbor => lang.say(
            "the abandon rule of a campaign that shares its agents",
            "la règle d'abandon d'une campagne aux mêmes agents",
        ),
        Limit::Owed => lang.say(
            "a campaign that shares its agents and goes first",
            "une campagne aux mêmes agents, qui passe d'abord",
        ),
        Limit::Channels(_) => lang.say("trunk channels", "les canaux du trunk"),
        Limit::CallsPerSecond(_) => lang.say("calls per second", "les appels/s"),
        Limit::NoTrunk => lang.say("no trunk", "aucun trunk"),
        Limit::CallerIds => lang.say("the numbers shown", "les numéros présentés"),
        Limit::Stock => lang.say("the list", "la liste"),
    }
}

/// Says why a campaign with a forecast dials at this speed; for the others [`limit_word`] says
/// all there is.
#[must_use]
pub fn speed(decision: &Decision, lang: Lang) -> String {
    let bound = limit_word(decision, lang).to_owned();
    let Some(forecast) = decision.forecast else { return bound };
    match (decision.limit, decision.ask.why) {
        (Limit::Ask, Why::Learning) => {
            let fallback = lang.say(": one line per idle agent", " : une ligne par agent libre");
            format!("{bound}{fallback}")
        }
        (Limit::Ask, _) => format!("{}; {}", expected(&forecast, lang), risk(&forecast, lang)),
        (Limit::Abandon, _) => {
            let view = decision.view;
            let then = lang.say("then", "alors");
            format!("{bound} ({}/{} {then})", view.abandoned, view.answered)
        }
        (
            Limit::Channels(_)
            | Limit::CallsPerSecond(_)
            | Limit::NoTrunk
            | Limit::CallerIds
            | Limit::Neighbor
            | Limit::Owed
            | Limit::Stock,
            _,
        ) => bound,
    }
}

/// Says from what a predictive pacer began: with what earlier days taught it, or with nothing.
#[must_use]
pub fn prior(recalled: Option<&Recalled>, lang: Lang) -> String {
    let Some(Recalled { calls, from, until }) = recalled else {
        return lang
            .say("no stored prior: learns from its first calls", "sans acquis : apprend en route")
            .to_owned();
    };
    let day = |at: Wall| at.timestamp().to_zoned(TimeZone::system()).strftime("%Y-%m-%d");
    let (from, until) = (day(*from).to_string(), day(*until).to_string());
    let days = if from == until { from } else { format!("{from} – {until}") };
    match lang {
        Lang::En => format!("stored prior: {calls} calls, {days}"),
        Lang::Fr => format!("acquis : {calls} appels, {days}"),
    }
}

fn expected(forecast: &Forecast, lang: Lang) -> String {
    let Forecast { answers, releases, .. } = forecast;
    let ahead = forecast.ahead.as_secs_f64();
    let (answers, releases) = (decimal(*answers, 1, lang), decimal(*releases, 1, lang));
    match lang {
        Lang::En => format!("in {ahead:.0} s {answers} answers, {releases} agents freed"),
        Lang::Fr => format!("d'ici {ahead:.0} s {answers} décrochés, {releases} agents libérés"),
    }
}

fn risk(forecast: &Forecast, lang: Lang) -> String {
    let threshold = percent(forecast.threshold.get(), lang);
    match forecast.next {
        Some(next) if next > forecast.threshold => {
            let next = percent(next.get(), lang);
            format!("{} {next} > θ {threshold}", lang.say("one more risks", "un de plus risque"))
        }
        Some(_) | None => {
            let chance = percent(forecast.chance.get(), lang);
            format!("{} {chance} ≤ θ {threshold}", lang.say("the last risks", "le dernier risque"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::pacing::{Ask, View};
    use crate::units::{Ratio, Span};

    fn decision(limit: Limit, why: Why) -> Decision {
        let forecast = Forecast {
            threshold: Ratio::new(0.031),
            answers: 6.0,
            releases: 3.2,
            chance: Ratio::new(0.024),
            next: Some(Ratio::new(0.034)),
            ahead: Span::secs(13),
            ..Forecast::default()
        };
        let view = View { answered: 1_000, abandoned: 31, ..View::default() };
        let ask = Ask { calls: 1, why };
        Decision { view, ask, placed: 1, limit, forecast: Some(forecast) }
    }

    #[test]
    fn the_line_tells_the_forecast_and_the_price() {
        let predicted = decision(Limit::Ask, Why::Predicted);
        assert_eq!(
            speed(&predicted, Lang::En),
            "in 13 s 6.0 answers, 3.2 agents freed; one more risks 3.4 % > θ 3.1 %"
        );
        assert!(speed(&predicted, Lang::Fr).ends_with("un de plus risque 3,4 % > θ 3,1 %"));
        let held = speed(&decision(Limit::Abandon, Why::Predicted), Lang::Fr);
        assert_eq!(held, "la règle d'abandon (31/1000 alors)");
        let learning = speed(&decision(Limit::Ask, Why::Learning), Lang::En);
        assert_eq!(learning, "learning: one line per idle agent");
        let dry = speed(&decision(Limit::Stock, Why::Predicted), Lang::En);
        assert_eq!(dry, "the list");
    }

    #[test]
    fn the_prior_is_told_with_its_calls_or_as_missing() {
        const DAY: i64 = 86_400_000_000;
        // Noon and a year after: no zone makes one day of them.
        let (from, until) = (Wall::micros(DAY / 2), Wall::micros(365 * DAY + DAY / 2));
        let stored = Recalled { calls: 4_210, from, until };
        let told = prior(Some(&stored), Lang::En);
        assert!(told.starts_with("stored prior: 4210 calls, 1970-01-0"), "{told}");
        assert!(told.contains(" – 1971-01-0"), "{told}");
        let told = prior(Some(&Recalled { until: from, ..stored }), Lang::Fr);
        assert!(told.starts_with("acquis : 4210 appels, ") && !told.contains('–'), "{told}");
        assert!(prior(None, Lang::En).starts_with("no stored prior"));
    }
}
