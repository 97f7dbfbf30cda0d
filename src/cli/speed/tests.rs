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
