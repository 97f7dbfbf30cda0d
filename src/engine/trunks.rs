//! A trunk of the settings as the signalling needs it.

use crate::config::{self, Refresher, Reliable, SecretMissing, SessionTimer};
use crate::sip::{self, Reliability, SessionTimers, TimerMode};
use crate::units::TrunkId;

/// How often a call follows a redirection inside its trunk's host: carriers move a call once, and a
/// second time only when they balance load.
const REDIRECTS_MAX: u8 = 2;

/// Gives a trunk as the signalling needs it.
///
/// # Errors
/// The password is not where the settings say.
pub(super) fn carrier_side(
    id: TrunkId,
    trunk: &config::Trunk,
) -> Result<sip::Trunk, SecretMissing> {
    let credentials = match &trunk.auth {
        Some(auth) => Some(sip::Credentials {
            user: auth.user.clone(),
            password: auth.password()?.reveal().to_owned(),
        }),
        None => None,
    };
    Ok(sip::Trunk {
        id,
        host: format!("{}:{}", trunk.host.name, trunk.host.port),
        domain: trunk.domain.clone(),
        sources: Vec::new(),
        identity: sip::Identity {
            account: credentials.as_ref().map(|credentials| credentials.user.clone()),
            from_account: false,
            asserted: trunk.caller_id.identity != config::Identity::From,
        },
        credentials,
        called_form: trunk.number_format.to,
        caller_form: trunk.number_format.from,
        redirects_max: match trunk.redirect {
            config::Redirect::Refuse => 0,
            config::Redirect::SameHost => REDIRECTS_MAX,
        },
        call_header: trunk.call_header,
        session: session(&trunk.signalling),
        reliable: match trunk.signalling.reliable {
            Reliable::Off => Reliability::Off,
            Reliable::Supported => Reliability::Supported,
            Reliable::Required => Reliability::Required,
        },
        options_every: trunk.options_every,
    })
}

fn session(signalling: &config::Signalling) -> SessionTimers {
    SessionTimers {
        mode: match signalling.timer {
            SessionTimer::Refuse => TimerMode::Refuse,
            SessionTimer::Accept => TimerMode::Accept,
            SessionTimer::Ask => TimerMode::Ask,
        },
        interval: signalling.interval,
        least: signalling.least,
        refresher: match signalling.refresher {
            Refresher::Any => sip::Refresher::Any,
            Refresher::Us => sip::Refresher::Us,
            Refresher::Them => sip::Refresher::Them,
        },
    }
}
