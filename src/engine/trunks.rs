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
        identity: identity(trunk),
        credentials,
        called_form: trunk.number_format.to,
        caller_form: trunk.number_format.from,
        redirects_max: match trunk.redirect {
            config::Redirect::Refuse => 0,
            config::Redirect::SameHost => REDIRECTS_MAX,
        },
        call_header: trunk.call_header,
        session: session(&trunk.extensions),
        reliable: match trunk.extensions.reliable {
            Reliable::Off => Reliability::Off,
            Reliable::Supported => Reliability::Supported,
            Reliable::Required => Reliability::Required,
        },
        early_media: match trunk.extensions.early_media {
            config::EarlyMedia::Play => sip::EarlyMedia::Play,
            config::EarlyMedia::Ignore => sip::EarlyMedia::Ignore,
            config::EarlyMedia::Authorised => sip::EarlyMedia::Authorised,
        },
        headers: trunk.extensions.headers.clone(),
        register: trunk.extensions.register.as_ref().map(|register| sip::Register {
            registrar: register.registrar.as_ref().map(ToString::to_string),
            expires: register.expires,
        }),
        options_every: trunk.options_every,
    })
}

fn identity(trunk: &config::Trunk) -> sip::Identity {
    let caller = &trunk.caller_id;
    let written = |header| caller.identity.contains(&header);
    sip::Identity {
        account: trunk.auth.as_ref().map(|auth| auth.user.clone()),
        from_account: false,
        asserted: written(config::Identity::Asserted),
        preferred: written(config::Identity::Preferred),
        remote_party: written(config::Identity::RemoteParty),
        diversion: caller.diversion.as_ref().map(|from| trunk.number_format.from.write(from)),
        privacy: match caller.privacy {
            config::Privacy::Id => sip::Privacy::Id,
            config::Privacy::User => sip::Privacy::User,
            config::Privacy::Full => sip::Privacy::Full,
        },
    }
}

fn session(extensions: &config::Extensions) -> SessionTimers {
    SessionTimers {
        mode: match extensions.timer {
            SessionTimer::Refuse => TimerMode::Refuse,
            SessionTimer::Accept => TimerMode::Accept,
            SessionTimer::Ask => TimerMode::Ask,
        },
        interval: extensions.interval,
        least: extensions.least,
        refresher: match extensions.refresher {
            Refresher::Any => sip::Refresher::Any,
            Refresher::Us => sip::Refresher::Us,
            Refresher::Them => sip::Refresher::Them,
        },
    }
}
