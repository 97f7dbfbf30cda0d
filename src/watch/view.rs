//! What the live view shows, made from one snapshot.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Paragraph, Row, Table};

use super::Names;
use super::speed::{limit_word, percent, prior, speed};
use super::words::{Lang, agent_state_word, campaign_state_word, clock, rest_word};
use crate::core::floor::{AgentFloor, CampaignFloor, TrunkFloor, occupancy};
use crate::core::order::AgentState;
use crate::core::pacing::Limit;
use crate::engine::handle::Snapshot;
use crate::units::{Mono, Ratio};

/// Agents shown before the rest is only counted: no terminal is taller.
const AGENTS_SHOWN: usize = 200;

/// The floor in words, ready to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    lang: Lang,
    since: String,
    campaigns: Vec<[String; 8]>,
    agents: Vec<(AgentState, [String; 7])>,
    /// How many agents there are, those included that no terminal shows.
    agents_total: usize,
    trunks: Vec<String>,
    sums: Sums,
    occupancy: Option<Ratio>,
    /// Of each campaign with a forecast: its name, and why it dials at this speed.
    speeds: Vec<(String, String)>,
    /// Of the same campaigns: from what their pacers began.
    priors: Vec<(String, String)>,
    draining: bool,
}

/// The counters of every campaign together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sums {
    ringing: u32,
    talking: u32,
    ready: u32,
    attempts: u64,
    answered: u64,
    bridged: u64,
    abandoned: u64,
}

impl View {
    /// Puts a snapshot into words.
    #[must_use]
    pub fn of(snapshot: &Snapshot, names: &Names, lang: Lang) -> Self {
        let now = snapshot.now.mono;
        let floor = &snapshot.floor;
        let agent = |agent: &AgentFloor| (agent.state, agent_row(agent, names, lang, now));
        let mut sums = Sums::default();
        for campaign in &floor.campaigns {
            sums.ringing += campaign.view.ringing;
            sums.attempts += campaign.totals.attempts;
            sums.answered += campaign.totals.answered;
            sums.bridged += campaign.totals.bridged;
            sums.abandoned += campaign.totals.abandoned;
        }
        for agent in &floor.agents {
            let talks = matches!(agent.state, AgentState::Talking(_) | AgentState::Holding(_));
            sums.talking += u32::from(talks);
            sums.ready += u32::from(agent.state == AgentState::Ready);
        }
        let campaign =
            |campaign: &CampaignFloor| campaign_row(campaign, names, lang, snapshot.store_fails);
        let trunk = |trunk: &TrunkFloor| {
            let name = names.trunks.get(&trunk.trunk).cloned();
            let name = name.unwrap_or_else(|| trunk.trunk.to_string());
            let up = trunk_word(trunk, snapshot, lang);
            format!("{name} {}/{}{up}", trunk.busy, trunk.channels)
        };
        Self {
            lang,
            since: clock(now.since(Mono::START).as_secs_f64()),
            campaigns: floor.campaigns.iter().map(campaign).collect(),
            agents: floor.agents.iter().take(AGENTS_SHOWN).map(agent).collect(),
            agents_total: floor.agents.len(),
            trunks: floor.trunks.iter().map(trunk).collect(),
            sums,
            occupancy: occupancy(&floor.agents),
            speeds: floor.campaigns.iter().filter_map(|c| speed_row(c, names, lang)).collect(),
            priors: floor.campaigns.iter().filter_map(|c| prior_row(c, names, lang)).collect(),
            draining: snapshot.draining,
        }
    }

    /// Puts the floor into one line.
    #[must_use]
    pub fn line(&self) -> String {
        let draining = self.lang.say("  draining", "  arrêt en douceur");
        let draining = if self.draining { draining } else { "" };
        format!("{}  {}  {}{draining}", self.since, self.present(), self.outcome())
    }

    /// Says what goes on, and how many calls that took.
    fn present(&self) -> String {
        let (Sums { ready, ringing, talking, attempts, .. }, lang) = (self.sums, self.lang);
        match lang {
            Lang::En => {
                format!("ready {ready}  ringing {ringing}  talking {talking}  attempts {attempts}")
            }
            Lang::Fr => {
                format!("prêts {ready}  sonnent {ringing}  en ligne {talking}  appels {attempts}")
            }
        }
    }

    /// Says what the calls came to.
    fn outcome(&self) -> String {
        let (Sums { answered, bridged, abandoned, .. }, lang) = (self.sums, self.lang);
        let lost = lost(bridged, abandoned, lang);
        let busy = self.busy();
        match lang {
            Lang::En => format!("answered {answered}  bridged {bridged}  abandoned {lost}{busy}"),
            Lang::Fr => {
                format!("décrochés {answered}  en relation {bridged}  abandonnés {lost}{busy}")
            }
        }
    }

    /// Puts the floor into one line, with the reason of each predictive campaign's speed.
    #[must_use]
    pub fn line_with_speed(&self) -> String {
        let speeds = self.speeds.iter().map(|(_, speed)| format!("  · {speed}"));
        std::iter::once(self.line()).chain(speeds).collect()
    }

    /// Says of each predictive campaign from what its pacer began, a line each.
    #[must_use]
    pub fn prior_lines(&self) -> Vec<String> {
        self.priors.iter().map(|(name, prior)| format!("{name}: {prior}")).collect()
    }

    /// Tells how much of their time the agents are busy, once any of it has passed.
    fn busy(&self) -> String {
        let share = |share: Ratio| {
            let word = self.lang.say("occupancy", "occupation");
            format!("  {word} {:.0} %", share.get() * 100.0)
        };
        self.occupancy.map(share).unwrap_or_default()
    }

    /// Draws the floor.
    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let rows = u16::try_from(self.campaigns.len()).unwrap_or(u16::MAX).saturating_add(3);
        let told = self.head(frame.area().width);
        let [head, campaigns, agents, foot] = Layout::vertical([
            Constraint::Length(u16::try_from(told.lines.len()).unwrap_or(u16::MAX)),
            Constraint::Length(rows),
            Constraint::Min(3),
            Constraint::Length(2),
        ])
        .areas(frame.area());
        frame.render_widget(Paragraph::new(told), head);
        frame.render_widget(self.campaign_table(campaigns.width), campaigns);
        frame.render_widget(self.agent_table(agents.width, agents.height), agents);
        frame.render_widget(Paragraph::new(self.foot()), foot);
    }

    fn head(&self, width: u16) -> Text<'static> {
        let mut lines = vec![
            Line::from(format!(" cadran  {}  {}", self.since, self.present())).bold(),
            Line::from(format!(" {}", self.outcome())),
        ];
        for (name, why) in self.speeds.iter().chain(&self.priors) {
            let whole = Line::from(format!(" {name}: {why}"));
            match why.split_once("; ").filter(|_| whole.width() > usize::from(width)) {
                Some((first, then)) => {
                    lines.push(Line::from(format!(" {name}: {first};")));
                    lines.push(Line::from(format!("   {then}")));
                }
                None => lines.push(whole),
            }
        }
        Text::from(lines)
    }

    fn foot(&self) -> Text<'_> {
        let keys = if self.draining {
            self.lang.say(" letting conversations end", " les conversations se terminent")
        } else {
            self.lang.say(" q, Ctrl-C: leave politely", " q, Ctrl-C : quitter poliment")
        };
        Text::from(vec![Line::from(format!(" trunks  {}", self.trunks.join("   "))), keys.into()])
    }

    fn campaign_table(&self, width: u16) -> Table<'_> {
        let lang = self.lang;
        let titles = [
            lang.say("campaign", "campagne"),
            lang.say("state", "état"),
            lang.say("lines", "lignes"),
            lang.say("attempts", "appels"),
            lang.say("answered", "décrochés"),
            lang.say("bridged", "en relation"),
            lang.say("abandoned", "abandonnés"),
            lang.say("speed set by", "vitesse fixée par"),
        ];
        let widths = fitting(width, [CAMPAIGN_WIDE, CAMPAIGN_NARROW]);
        let rows = self.campaigns.iter().map(|cells| row(cells, widths));
        Table::new(rows, shown(widths))
            .header(row(&titles, widths).bold())
            .block(Block::bordered().title(lang.say(" Campaigns ", " Campagnes ")))
    }

    /// Draws the agents there is room for; the last row counts the others.
    fn agent_table(&self, width: u16, height: u16) -> Table<'_> {
        let lang = self.lang;
        let titles = [
            "agent",
            lang.say("state", "état"),
            lang.say("for", "depuis"),
            lang.say("calls", "appels"),
            lang.say("talk", "conversation"),
            lang.say("wrap-up", "post-appel"),
            lang.say("idle", "attente"),
        ];
        let widths = fitting(width, [AGENT_WIDE, AGENT_NARROW]);
        // The frame and the titles take three.
        let room = usize::from(height.saturating_sub(3));
        let all = self.agents_total <= room.min(self.agents.len());
        let drawn = if all { room } else { room.saturating_sub(1) }.min(self.agents.len());
        let rows = self
            .agents
            .iter()
            .take(drawn)
            .map(|(state, cells)| row(cells, widths).style(Style::new().fg(color(*state))));
        let more = self.agents_total.saturating_sub(drawn);
        let more = (more > 0).then(|| {
            let word = lang.say("… and others", "… et d'autres").to_owned();
            Row::new([word, format!("+ {more}")])
        });
        Table::new(rows.chain(more), shown(widths))
            .header(row(&titles, widths).bold())
            .block(Block::bordered().title(" Agents "))
    }
}

/// The columns of campaigns; one of no width is left out. The narrow ones fit a terminal of 80
/// columns with its frame, and leave out what the head sums up.
const CAMPAIGN_WIDE: [u16; 8] = [20, 16, 7, 8, 10, 12, 14, 21];
const CAMPAIGN_NARROW: [u16; 8] = [14, 16, 0, 0, 0, 11, 12, 21];

/// The columns of agents, in the same way.
const AGENT_WIDE: [u16; 7] = [14, 24, 8, 8, 13, 11, 9];
const AGENT_NARROW: [u16; 7] = [16, 22, 7, 6, 12, 10, 0];

/// Gives the wide columns where they fit with a blank between them and a frame around.
fn fitting<const N: usize>(width: u16, [wide, narrow]: [[u16; N]; 2]) -> [u16; N] {
    let taken = wide.iter().fold(1_u16, |taken, column| taken.saturating_add(column + 1));
    if taken < width { wide } else { narrow }
}

/// Gives the widths of the columns that are shown.
fn shown<const N: usize>(widths: [u16; N]) -> impl Iterator<Item = Constraint> {
    widths.into_iter().filter(|width| *width > 0).map(Constraint::Length)
}

/// Makes a row of the cells that are shown.
fn row<const N: usize>(cells: &[impl AsRef<str>; N], widths: [u16; N]) -> Row<'static> {
    let cells = cells.iter().zip(widths).filter(|(_, width)| *width > 0);
    Row::new(cells.map(|(cell, _)| cell.as_ref().to_owned()))
}

/// Writes how many persons were abandoned, and their share of those who were bridged or abandoned.
fn lost(bridged: u64, abandoned: u64, lang: Lang) -> String {
    #[expect(clippy::cast_precision_loss, reason = "no campaign counts to 2^53")]
    let share = abandoned as f64 / (bridged + abandoned).max(1) as f64;
    format!("{abandoned} ({})", percent(share, lang))
}

/// Gives a state's colour; the word says the same, so that nothing hangs on colour alone.
fn color(state: AgentState) -> Color {
    match state {
        AgentState::Talking(_) | AgentState::Holding(_) => Color::Green,
        AgentState::Wrapping(_) | AgentState::Resting(_) => Color::Yellow,
        AgentState::Reserved(_) | AgentState::Previewing(_) => Color::Cyan,
        AgentState::Ready => Color::Reset,
        AgentState::Paused(_) | AgentState::LoggedOut => Color::DarkGray,
    }
}

/// Says what is wrong with a trunk, if anything is.
fn trunk_word(trunk: &TrunkFloor, snapshot: &Snapshot, lang: Lang) -> &'static str {
    let state = snapshot.trunks.get(&trunk.trunk).map(|health| health.state.name());
    match (trunk.up, trunk.rest, state) {
        (_, Some(_), _) => lang.say(" RESTS", " AU REPOS"),
        (false, None, Some("up" | "degraded")) if snapshot.store_fails => {
            lang.say(" RESTS", " AU REPOS")
        }
        (false, None, _) => lang.say(" DOWN", " INJOIGNABLE"),
        (true, None, _) if snapshot.falls.contains_key(&trunk.trunk) => {
            lang.say(" ALARM: FAR BELOW ITS RECORD", " ALARME : LOIN SOUS SON NIVEAU")
        }
        (true, None, Some("degraded")) => lang.say(" DEGRADED", " DÉGRADÉ"),
        (true, None, _) => "",
    }
}

fn name(campaign: &CampaignFloor, names: &Names) -> String {
    let id = campaign.campaign;
    names.campaigns.get(&id).cloned().unwrap_or_else(|| id.to_string())
}

fn speed_row(campaign: &CampaignFloor, names: &Names, lang: Lang) -> Option<(String, String)> {
    let decision = campaign.decision.filter(|decision| decision.forecast.is_some())?;
    Some((name(campaign, names), speed(&decision, lang)))
}

fn prior_row(campaign: &CampaignFloor, names: &Names, lang: Lang) -> Option<(String, String)> {
    campaign.decision.filter(|decision| decision.forecast.is_some())?;
    Some((name(campaign, names), prior(campaign.recalled.as_ref(), lang)))
}

fn campaign_row(
    campaign: &CampaignFloor,
    names: &Names,
    lang: Lang,
    store_fails: bool,
) -> [String; 8] {
    let CampaignFloor { state, view, totals, .. } = campaign;
    // While the store fails every trunk is left alone.
    let why = campaign.decision.map(|decision| match decision.limit == Limit::NoTrunk {
        true if store_fails => lang.say("the database fails", "la base ne répond pas"),
        true | false => limit_word(&decision, lang),
    });
    [
        name(campaign, names),
        campaign_state_word(*state, lang).to_owned(),
        (view.ringing + view.listening + view.waiting).to_string(),
        totals.attempts.to_string(),
        totals.answered.to_string(),
        totals.bridged.to_string(),
        lost(totals.bridged, totals.abandoned, lang),
        why.unwrap_or_default().to_owned(),
    ]
}

fn agent_row(agent: &AgentFloor, names: &Names, lang: Lang, now: Mono) -> [String; 7] {
    let word = agent_state_word(agent.state.name(), agent.leaving, lang);
    let why = match agent.state {
        AgentState::Paused(pause) => names.pauses.get(usize::from(pause.0)).cloned(),
        AgentState::Resting(why) => Some(rest_word(why.name(), lang).to_owned()),
        AgentState::LoggedOut
        | AgentState::Ready
        | AgentState::Previewing(_)
        | AgentState::Reserved(_)
        | AgentState::Talking(_)
        | AgentState::Holding(_)
        | AgentState::Wrapping(_) => None,
    };
    [
        names.agents.get(&agent.agent).cloned().unwrap_or_else(|| agent.agent.to_string()),
        why.map_or_else(|| word.to_owned(), |why| format!("{word} · {why}")),
        clock(now.since(agent.since).as_secs_f64()),
        agent.handled.to_string(),
        clock(agent.talk.as_secs_f64()),
        clock(agent.wrap.as_secs_f64()),
        clock(agent.idle.as_secs_f64()),
    ]
}

#[cfg(test)]
mod tests;
