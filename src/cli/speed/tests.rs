use super::*;
use crate::core::pacing::Ask;
use crate::units::{Ratio, Span};

fn pacing(limit: Limit, why: Why, verdict: Verdict) -> Pacing {
    let view = View {
        ready: 6,
        talking: 12,
        wrapping: 2,
        ringing: 31,
        answered: 1_012,
        abandoned: 23,
        ..View::default()
    };
    let forecast = Forecast {
        threshold: Ratio::new(0.031),
        answers: 6.2,
        releases: 2.9,
        chance: Ratio::new(0.024),
        room: 4.1,
        mean: Ratio::new(0.02),
        next: Some(Ratio::new(0.034)),
        ahead: Span::millis(12_800),
    };
    let ask = Ask { calls: 2, why };
    Pacing {
        campaign: "jardin".to_owned(),
        mode: "predictive".to_owned(),
        guarantee: Some(Guarantee::Expected),
        trunks: vec!["ovh-1".to_owned()],
        asked: "2026-11-23T13:32:00Z".to_owned(),
        now: view,
        at: Some("2026-11-23T13:31:59Z".to_owned()),
        decision: Some(Decision { view, ask, placed: 2, limit, forecast: Some(forecast) }),
        trunk: None,
        cap: AbandonCap {
            shared: None,
            cap: 0.03,
            window: "day".to_owned(),
            zone: "Europe/Paris".to_owned(),
            of: "persons".to_owned(),
            within_s: 2.0,
            answered: 1_012,
            abandoned: 23,
            share: 23.0 / 1_012.0,
        },
        foresight: Some(Foretold {
            from: "2026-11-22T23:00:00Z".to_owned(),
            answered: 990,
            foretold: 21.4,
            abandoned: 22,
            verdict,
        }),
        idle: None,
        quiet: None,
        recalled: None,
        restarted: None,
    }
}

#[test]
fn a_supervisor_reads_who_is_busy_who_comes_free_and_what_one_more_would_risk() {
    let told = sentences(&pacing(Limit::Ask, Why::Predicted, Verdict::Agrees), Lang::En);
    assert_eq!(
        told,
        [
            "12 of 20 agents talk, 2 write up, 6 wait for a call; 31 numbers ring.",
            "A call placed then would be answered after some 13 s; by then 6 persons should have \
             answered and 3 busy agents should have come free.",
            "So 2 lines were dialled: one more would have had a 3.4 % chance to meet nobody free, \
             and the allowance lets 3.1 % be risked per call.",
            "Today 23 of 1012 persons who answered were abandoned: 2.3 %, 3.0 % allowed.",
            "The forecasts foretold 21.4 abandons, 22 came: they agree.",
        ]
    );
}

#[test]
fn the_same_is_said_in_french() {
    let told = sentences(&pacing(Limit::Ask, Why::Predicted, Verdict::Agrees), Lang::Fr);
    assert_eq!(
        told,
        [
            "12 agents sur 20 parlent, 2 en post-appel, 6 attendent un appel ; 31 numéros sonnent.",
            "Un appel lancé à ce moment serait décroché après 13 s environ ; d'ici là 6 personnes \
             devraient avoir décroché et 3 agents occupés se seront libérés.",
            "Donc 2 appels sont partis : un de plus aurait eu 3,4 % de risque de ne trouver \
             personne de libre, et le plafond permet de risquer 3,1 % par appel.",
            "Aujourd'hui, 23 abandons sur 1012 personnes qui ont décroché : 2,3 %, 3,0 % permis.",
            "Les prévisions annonçaient 21,4 abandons, 22 constatés : l'accord est bon.",
        ]
    );
}

#[test]
fn every_reason_and_limit_has_its_sentence() {
    use crate::units::TrunkId;
    let trunk = TrunkId(1);
    let limits = [
        (Limit::Ask, "idle agent"),
        (Limit::Abandon, "abandon rule"),
        (Limit::Channels(trunk), "every channel of trunk ovh-1"),
        (Limit::CallsPerSecond(trunk), "this second"),
        (Limit::NoTrunk, "no trunk"),
        (Limit::CallerIds, "every number shown"),
        (Limit::Stock, "no more contacts"),
    ];
    for (limit, words) in limits {
        let told = Pacing {
            trunk: Some("ovh-1".to_owned()),
            ..pacing(limit, Why::Learning, Verdict::More)
        };
        let told = sentences(&told, Lang::En).join(" ");
        assert!(told.contains(words) && told.contains("ALARM"), "{limit:?}: {told}");
        assert!(!told.contains('{'), "{told}");
    }
}

#[test]
fn a_campaign_without_a_decision_says_so() {
    let silent = Pacing {
        decision: None,
        foresight: None,
        ..pacing(Limit::Ask, Why::Predicted, Verdict::Agrees)
    };
    let told = sentences(&silent, Lang::Fr).join(" ");
    assert!(told.starts_with("Aucune décision"), "{told}");
}

#[test]
fn a_prior_and_a_pause_are_told_with_their_reasons() {
    let plain = pacing(Limit::Ask, Why::Predicted, Verdict::Agrees);
    let forecast = plain.decision.and_then(|made| made.forecast).unwrap_or_default();
    let quiet = |for_s, limit, why| Quiet {
        since: "2026-11-23T13:31:59Z".to_owned(),
        for_s,
        why,
        limit,
        forecast,
    };
    let recalled = |until: &str| Recalled {
        calls: 4_210,
        from: "2026-11-20T12:00:00Z".to_owned(),
        until: until.to_owned(),
    };
    let told = |quiet, until, lang| {
        let pacing = Pacing { quiet, recalled: Some(recalled(until)), ..plain.clone() };
        sentences(&pacing, lang)[3..].join(" ")
    };
    let (same, later) = ("2026-11-20T12:30:00Z", "2026-11-22T12:00:00Z");
    let text = told(Some(quiet(8.0, Limit::Ask, Why::Predicted)), same, Lang::En);
    assert!(text.contains("one call more would have a 3.4 % chance"), "{text}");
    assert!(text.contains("stored prior: learnt on 2026-11-20, 4210 calls."), "{text}");
    let text = told(Some(quiet(8.0, Limit::Abandon, Why::Predicted)), later, Lang::Fr);
    let kept = "les 4,1 abandons encore permis restent en réserve";
    assert!(text.contains(kept) && text.contains("23 abandons sur 1012 décrochés"), "{text}");
    assert!(text.contains("4210 appels, appris du 2026-11-20 au 2026-11-22."), "{text}");
    let text = told(Some(quiet(4.0, Limit::Abandon, Why::Predicted)), later, Lang::Fr);
    assert!(!text.contains("Plus rien"), "a pause of four seconds is no news: {text}");
    for (limit, word) in [
        (Limit::Stock, "the list has no more contacts"),
        (Limit::Neighbor, "abandon rule of a campaign whose lines ring for the same agents"),
        (Limit::Owed, "first dials for one of its own who is ready"),
    ] {
        let text = told(Some(quiet(8.0, limit, Why::Predicted)), same, Lang::En);
        assert!(text.contains(word), "{limit:?}: {text}");
    }
}

#[test]
fn what_may_still_be_abandoned_is_never_called_nothing() {
    let held = pacing(Limit::Abandon, Why::Predicted, Verdict::Agrees);
    let told = |room, lang| {
        let mut held = held.clone();
        let forecast = held.decision.as_mut().and_then(|made| made.forecast.as_mut());
        forecast.expect("this decision has a forecast").room = room;
        sentences(&held, lang).join(" ")
    };
    let some = told(1.5, Lang::En);
    assert!(some.contains("the 1.5 abandons still allowed are kept for"), "{some}");
    assert!(!some.contains("nothing"), "{some}");
    assert!(told(1.5, Lang::Fr).contains("les 1,5 abandons encore permis"));
    assert!(told(-0.4, Lang::En).contains("no abandon is allowed any more"));
}

#[test]
fn a_line_beyond_the_idle_agents_is_told_with_its_risk_where_the_abandon_rule_binds() {
    let told = |ringing, lang| {
        let mut held = pacing(Limit::Abandon, Why::Predicted, Verdict::Agrees);
        let decision = held.decision.as_mut().expect("a decision was made");
        decision.view = View { ringing, ..decision.view };
        sentences(&held, lang).join(" ")
    };
    // Six are ready and two were placed: with four ringing both are theirs, with five one is, with
    // six none.
    let idle = told(4, Lang::En);
    assert!(idle.contains("lines for idle agents only: 2 placed"), "{idle}");
    let risked = "2 lines were dialled, the last with a 2.4 % chance to meet nobody free.";
    for ringing in [5, 6, 31] {
        let told = told(ringing, Lang::En);
        assert!(told.contains(risked) && !told.contains("idle agents only"), "{told}");
    }
    let french = told(31, Lang::Fr);
    let risked = "2 appels sont partis, le dernier avec 2,4 % de risque";
    assert!(french.contains(risked), "{french}");
}

#[test]
fn a_decision_older_than_the_engine_is_told_as_of_its_own_moment() {
    let mut old = pacing(Limit::Ask, Why::Predicted, Verdict::Agrees);
    old.asked = "2026-11-24T09:00:00Z".to_owned();
    old.restarted = Some("2026-11-24T08:59:00Z".to_owned());
    let told = sentences(&old, Lang::En);
    let first = told.first().expect("something is told");
    assert!(first.starts_with("The engine was started again at 2026-11-24"), "{told:?}");
    assert!(first.contains("its last decision before, of 2026-11-23"), "{told:?}");
    let told = told.join(" ");
    assert!(told.contains("On 2026-11-23 23 of 1012") && !told.contains("Today"), "{told}");
    let told = sentences(&old, Lang::Fr).join(" ");
    assert!(told.contains("Le moteur a redémarré") && told.contains("Le 2026-11-23, 23"), "{told}");
}
