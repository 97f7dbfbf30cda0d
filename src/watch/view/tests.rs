use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::core::floor::Floor;
use crate::units::{AgentId, CallId, Now, Span};

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
        idle: Span::ZERO,
        card: None,
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
