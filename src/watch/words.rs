//! The words people read, in both languages.

/// The language of tables and messages; keys, codes and flags are never translated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// French.
    Fr,
}

impl Lang {
    /// Chooses between the two wordings.
    #[must_use]
    pub fn say<'t>(self, english: &'t str, french: &'t str) -> &'t str {
        match self {
            Self::En => english,
            Self::Fr => french,
        }
    }
}

impl Lang {
    /// Gives the colon as it is set: French has a space before it.
    #[must_use]
    pub fn colon(self) -> &'static str {
        self.say(":", " :")
    }
}

/// Names an agent's state, given as the API does, and whether a break or leave is near.
#[must_use]
pub fn agent_state_word(state: &str, leaving: bool, lang: Lang) -> &str {
    match state {
        "ready" if leaving => lang.say("ready, leaving", "prêt, sur le départ"),
        "logged_out" => lang.say("signed out", "hors ligne"),
        "paused" => lang.say("on a break", "pause"),
        "ready" => lang.say("ready", "prêt"),
        "previewing" => lang.say("reading the card", "lit la fiche"),
        "reserved" => lang.say("reserved", "réservé"),
        "talking" => lang.say("talking", "en ligne"),
        "holding" => lang.say("on hold", "en garde"),
        "wrapping" => lang.say("writing up", "post-appel"),
        "resting" => lang.say("resting", "au repos"),
        other => other,
    }
}

/// Says why an agent rests, given as the API does.
#[must_use]
pub fn rest_word(why: &str, lang: Lang) -> &str {
    match why {
        "breath" => lang.say("breath between two calls", "pause entre deux appels"),
        "occupancy" => lang.say("above the occupancy ceiling", "plafond d'occupation atteint"),
        other => other,
    }
}

/// Names a campaign's state.
#[must_use]
pub fn campaign_state_word(state: crate::core::order::CampaignState, lang: Lang) -> &'static str {
    use crate::core::order::CampaignState as State;
    match state {
        State::Stopped => lang.say("stopped", "arrêtée"),
        State::Running => lang.say("running", "en cours"),
        State::Paused => lang.say("paused", "en pause"),
        State::Draining => lang.say("draining", "en cours d'arrêt"),
        State::Completed => lang.say("completed", "terminée"),
    }
}

/// Writes seconds as a clock: `02:41`, `1:02:03`.
#[must_use]
pub fn clock(seconds: f64) -> String {
    let seconds = crate::units::whole(seconds);
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{rest:02}")
    } else {
        format!("{minutes:02}:{rest:02}")
    }
}
