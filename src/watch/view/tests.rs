use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::core::floor::{Floor, Totals};
use crate::core::order::CampaignState;
use crate::core::pacing::prior::Recalled;
use crate::core::pacing::{self, Ask, Decision, Forecast, Limit, Why};
use crate::units::{AgentId, CallId, CampaignId, Now, Ratio, Span};

fn snapshot() -> Snapshot {
    let agent = |id, state| AgentFloor {
        agent: AgentId(id),
        state,
        leaving: id == 3,
        since: Mono::micros(1_000_000),
        leg_up: true,
        handled: 3,
        talk: Span::secs(61),
        wrap: Span::ZERO,
        idle: Span::secs(3),
        card: None,
        until: None,
        more: Span::ZERO,
        said: None,
        after: None,
    };
    let floor = Floor {
        agents: vec![
            agent(1, AgentState::Talking(CallId::of(0, 1))),
            agent(2, AgentState::Ready),
            agent(3, AgentState::Ready),
        ],
        ..Floor::default()
    };
    let now = Now { mono: Mono::micros(3_000_000), ..Now::default() };
    Snapshot { now, floor, ..Snapshot::default() }
}

fn names() -> Names {
    let agents = [(1, "amina"), (2, "bruno"), (3, "chloe")];
    let agents = agents.map(|(id, name)| (AgentId(id), name.to_owned()));
    Names { agents: agents.into(), ..Names::default() }
}

#[test]
fn the_line_counts_who_talks_and_who_waits() {
    let line = View::of(&snapshot(), &names(), Lang::En).line();
    assert!(line.starts_with("00:03  ready 2  ringing 0  talking 1  attempts 0"), "{line}");
    assert!(line.ends_with("  occupancy 95 %"), "{line}");
}

#[test]
fn a_predictive_campaign_says_why_it_dials_at_this_speed() -> Result<(), std::convert::Infallible> {
    let forecast = Forecast {
        threshold: Ratio::new(0.031),
        next: Some(Ratio::new(0.034)),
        ..Forecast::default()
    };
    let decision = Decision {
        view: pacing::View::default(),
        ask: Ask { calls: 1, why: Why::Predicted },
        placed: 1,
        limit: Limit::Ask,
        forecast: Some(forecast),
    };
    let mut snapshot = snapshot();
    snapshot.floor.campaigns.push(CampaignFloor {
        campaign: CampaignId(1),
        state: CampaignState::Running,
        view: pacing::View::default(),
        personal: 0,
        decision: Some(decision),
        no_trunk: false,
        quiet: None,
        recalled: None,
        totals: Totals::default(),
    });
    let view = View::of(&snapshot, &names(), Lang::Fr);
    assert!(view.line_with_speed().ends_with("un de plus risque 3,4 % > θ 3,1 %"));
    let mut terminal = Terminal::new(TestBackend::new(120, 16))?;
    terminal.draw(|frame| view.draw(frame))?;
    let screen = terminal.backend().to_string();
    assert!(screen.contains("un de plus risque 3,4 % > θ 3,1 %"), "{screen}");
    assert!(screen.contains("sans acquis : apprend en route"), "{screen}");
    let (from, until) = (crate::units::Wall::micros(0), crate::units::Wall::micros(0));
    let recalled = Recalled { calls: 4_210, from, until };
    snapshot.floor.campaigns.iter_mut().for_each(|floor| floor.recalled = Some(recalled));
    let told = View::of(&snapshot, &names(), Lang::En).prior_lines().join("");
    assert!(told.contains("stored prior: 4210 calls"), "{told}");
    Ok(())
}

#[test]
fn the_screen_names_every_agent_with_state_and_time() -> Result<(), std::convert::Infallible> {
    let view = View::of(&snapshot(), &names(), Lang::Fr);
    let mut terminal = Terminal::new(TestBackend::new(110, 16))?;
    terminal.draw(|frame| view.draw(frame))?;
    let screen = terminal.backend().to_string();
    for word in
        ["amina", "en ligne", "01:01", "bruno", "prêt", "00:02", "sur le départ", "Campagnes"]
    {
        assert!(screen.contains(word), "{word} is missing:\n{screen}");
    }
    Ok(())
}

#[test]
fn eighty_columns_hold_the_figures_that_matter_in_both_languages()
-> Result<(), std::convert::Infallible> {
    let forecast = Forecast {
        threshold: Ratio::new(0.031),
        answers: 16.0,
        releases: 13.2,
        next: Some(Ratio::new(0.034)),
        ahead: Span::secs(13),
        ..Forecast::default()
    };
    let ask = Ask { calls: 1, why: Why::Predicted };
    let view = pacing::View::default();
    let decision = Decision { view, ask, placed: 1, limit: Limit::Ask, forecast: Some(forecast) };
    let mut snapshot = snapshot();
    snapshot.floor.campaigns.push(CampaignFloor {
        campaign: CampaignId(1),
        state: CampaignState::Draining,
        view: pacing::View { ringing: 120, ..view },
        personal: 0,
        decision: Some(decision),
        no_trunk: false,
        quiet: None,
        recalled: None,
        totals: Totals {
            attempts: 123_456,
            answered: 40_000,
            bridged: 39_700,
            abandoned: 300,
            ..Totals::default()
        },
    });
    let english = [
        "ready 2",
        "talking 1",
        "bridged 39700",
        "abandoned 300 (0.8 %)",
        "occupancy 95 %",
        "speed set by",
        "the forecast",
        "13.2 agents freed",
        "one more risks 3.4 % > θ 3.1 %",
        "draining",
    ];
    let french = [
        "prêts 2",
        "en ligne 1",
        "en relation 39700",
        "abandonnés 300 (0,8 %)",
        "occupation 95 %",
        "vitesse fixée par",
        "la prévision",
        "13,2 agents libérés",
        "un de plus risque 3,4 % > θ 3,1 %",
        "en cours d'arrêt",
    ];
    let names =
        Names { campaigns: [(CampaignId(1), "prospection-fr".to_owned())].into(), ..names() };
    for (lang, words) in [(Lang::En, english), (Lang::Fr, french)] {
        let view = View::of(&snapshot, &names, lang);
        let mut terminal = Terminal::new(TestBackend::new(80, 24))?;
        terminal.draw(|frame| view.draw(frame))?;
        let screen = terminal.backend().to_string();
        for word in words {
            assert!(screen.contains(word), "{word} is missing:\n{screen}");
        }
    }
    Ok(())
}

#[test]
fn agents_that_do_not_fit_are_counted() -> Result<(), std::convert::Infallible> {
    let mut snapshot = snapshot();
    let first = snapshot.floor.agents.first().cloned();
    snapshot.floor.agents = first.into_iter().cycle().take(250).collect();
    for (height, shown) in [(24, 13), (250, 200)] {
        let mut terminal = Terminal::new(TestBackend::new(80, height))?;
        let view = View::of(&snapshot, &names(), Lang::En);
        terminal.draw(|frame| view.draw(frame))?;
        let screen = terminal.backend().to_string();
        assert_eq!(screen.matches("amina").count(), shown, "{screen}");
        assert!(screen.contains(&format!("+ {}", 250 - shown)), "{screen}");
    }
    Ok(())
}
