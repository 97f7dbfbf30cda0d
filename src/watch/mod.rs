//! The supervisor's live view in the terminal, and one line a second where there is none.

mod speed;
mod view;
mod words;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers};

pub use speed::{decimal, limit_word, percent, prior, speed};
pub use view::View;
pub use words::{Lang, agent_state_word, campaign_state_word, clock, rest_word};

use crate::engine::handle::Handle;
use crate::units::{AgentId, CampaignId, TrunkId};

/// How often the screen is drawn: people see no stutter, and the engine does not notice.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// How often a line is printed where there is no screen.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// The names behind the ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The campaigns' names.
    pub campaigns: BTreeMap<CampaignId, String>,
    /// The agents' names.
    pub agents: BTreeMap<AgentId, String>,
    /// The trunks' names.
    pub trunks: BTreeMap<TrunkId, String>,
    /// The pauses' labels, by their place.
    pub pauses: Vec<String>,
}

/// Why a view ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// What it waited for has happened.
    Over,
    /// Somebody pressed `q` or Ctrl-C.
    Asked,
}

/// Shows the floor on the whole terminal until `until` is done or somebody wants to leave.
///
/// # Errors
/// The terminal cannot be drawn on.
pub async fn screen(
    handle: &Handle,
    names: &Names,
    lang: Lang,
    until: impl Future<Output = ()>,
) -> io::Result<Ended> {
    let mut terminal = ratatui::try_init()?;
    let _restore = Restore;
    let mut until = pin!(until);
    let mut ticks = tokio::time::interval(DRAW_EVERY);
    loop {
        tokio::select! {
            () = &mut until => return Ok(Ended::Over),
            _ = ticks.tick() => {}
        }
        while event::poll(Duration::ZERO)? {
            if let Event::Key(key) = event::read()?
                && leaves(key)
            {
                return Ok(Ended::Asked);
            }
        }
        let view = View::of(&handle.snapshot(), names, lang);
        terminal.draw(|frame| view.draw(frame))?;
    }
}

/// Tells the floor line by line until `until` is done.
pub async fn lines(
    handle: &Handle,
    names: &Names,
    lang: Lang,
    until: impl Future<Output = ()>,
    mut say: impl FnMut(&str),
) {
    let mut until = pin!(until);
    let mut ticks = tokio::time::interval(LINE_EVERY);
    let mut told = Vec::new();
    loop {
        tokio::select! {
            () = &mut until => return,
            _ = ticks.tick() => {}
        }
        let view = View::of(&handle.snapshot(), names, lang);
        let priors = view.prior_lines();
        // They hardly ever change.
        if priors != told {
            priors.iter().for_each(|line| say(line));
            told = priors;
        }
        say(&view.line_with_speed());
    }
}

fn leaves(key: KeyEvent) -> bool {
    let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    control_c || key.code == KeyCode::Char('q')
}

/// Gives the terminal back, whatever happens.
struct Restore;

impl Drop for Restore {
    fn drop(&mut self) {
        ratatui::restore();
    }
}
