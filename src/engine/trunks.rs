//! A trunk of the settings as the signalling needs it, and how it is as the signalling tells.

use std::net::SocketAddr;

use super::Engine;
use super::handle::{TrunkHealth, Unsigned};
use crate::config::link::{Identification, Transport, Trust};
use crate::config::{self, Refresher, Reliable, SecretMissing, SessionTimer};
use crate::core::Fact;
use crate::core::fact::TrunkFact;
use crate::sip::{self, Ailment, Door, Reliability, SessionTimers, TimerMode, TrunkState};
use crate::units::{Span, TrunkId};

/// How often a call follows a redirection inside its trunk's host: carriers move a call once, and a
/// second time only when they balance load.
const REDIRECTS_MAX: u8 = 2;

impl Engine {
    /// Hears how a trunk is; the core hears only whether it may be used.
    pub(super) fn hear_trunk(
        &mut self,
        trunk: TrunkId,
        state: TrunkState,
        ailment: Option<Ailment>,
    ) -> Option<Fact> {
        let before = self.health.get(&trunk).copied();
        let known = before.filter(|before| before.state == state);
        let since = known.map_or_else(|| self.parts.clock.now().wall, |before| before.since);
        self.health.insert(trunk, TrunkHealth { state, ailment, since });
        let name = |ailment: Option<Ailment>| {
            (ailment.map(Ailment::name), ailment.and_then(Ailment::cause))
        };
        let (why, cause) = name(ailment);
        if known.is_none_or(|before| name(before.ailment) != (why, cause)) {
            let (trunk, state) = (self.parts.book.trunk_name(trunk), state.name());
            if ailment.is_none() {
                tracing::info!(trunk, state, "the trunk is well");
            } else {
                tracing::warn!(trunk, state, why, cause, "the trunk is not well");
            }
        }
        if known.is_some() {
            return None;
        }
        // A degraded trunk is in use: its calls tell soon enough whether they go through.
        let down = state == TrunkState::Down;
        Some(Fact::Trunk(trunk, if down { TrunkFact::Down } else { TrunkFact::Up }))
    }
}

impl Engine {
    /// Keeps that a call of a trunk was refused for want of a signature, and says so: no contact
    /// and no other trunk is to blame, and somebody must talk to the operator.
    pub(super) fn unbelieved(&mut self, trunk: TrunkId, status: u16) {
        let at = self.parts.clock.now().wall;
        let before = self.unsigned.get(&trunk);
        let (calls, last) = before.map_or((0, None), |before| (before.calls, Some(before.at)));
        if last.is_none_or(|last| at.since(last) >= UNSIGNED_SAID_EVERY) {
            let trunk = self.parts.book.trunk_name(trunk);
            tracing::warn!(
                trunk,
                status,
                "a call was refused because its caller ID is not signed, or not rightly: have the \
                 operator sign calls of that number, or name another operator of its mandate"
            );
        }
        let calls = calls.saturating_add(1);
        self.unsigned.insert(trunk, Unsigned { status, at, calls });
        self.changed = true;
    }
}

/// A trunk without signatures is told of again after so long without such a refusal.
const UNSIGNED_SAID_EVERY: Span = Span::secs(60);

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
    let link = &trunk.link;
    Ok(sip::Trunk {
        id,
        host: trunk.host.to_string(),
        transport: link.transport.into(),
        choices: link.choices.iter().map(|choice| (*choice).into()).collect(),
        tls: Some(tls(trunk)),
        proxy: link.proxy.as_ref().map(ToString::to_string),
        large_over_tcp: link.large_over_tcp,
        keep_alive: link.keep_alive,
        domain: trunk.domain.clone(),
        sources: link.sources.iter().map(ToString::to_string).collect(),
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
        receives: trunk.incoming.limits.is_some(),
        received_form: trunk.incoming.form,
    })
}

/// Gives how a trunk is met where TLS carries its messages.
/// Gives how a trunk is believed over TLS.
#[must_use]
pub fn tls(trunk: &config::Trunk) -> sip::Tls {
    let link = &trunk.link;
    let server = link.proxy.as_ref().unwrap_or(&trunk.host);
    sip::Tls {
        name: link.tls_name.clone().unwrap_or_else(|| server.name.clone()),
        trust: match &link.trust {
            Trust::System => sip::Trust::System,
            Trust::File(path) => sip::Trust::File(path.clone()),
            Trust::Pin(pin) => sip::Trust::Pin(*pin),
        },
        identification: link.identification.as_ref().map(Into::into),
    }
}

/// Gives where the signalling listens besides.
pub(super) fn doors(sip: &config::Sip) -> Vec<Door> {
    let door = |transport| move |bind: &SocketAddr| Door { transport, bind: *bind };
    let second = sip.second.iter().map(door(sip::Transport::Udp));
    let tcp = sip.tcp.iter().map(door(sip::Transport::Tcp));
    second.chain(tcp).chain(sip.tls.iter().map(door(sip::Transport::Tls))).collect()
}

impl From<Transport> for sip::Transport {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Udp => Self::Udp,
            Transport::Tcp => Self::Tcp,
            Transport::Tls => Self::Tls,
        }
    }
}

impl From<&Identification> for sip::Identification {
    fn from(own: &Identification) -> Self {
        Self { certificate: own.certificate.clone(), key: own.key.clone() }
    }
}

fn identity(trunk: &config::Trunk) -> sip::Identity {
    let caller = &trunk.caller_id;
    let written = |header| caller.identity.contains(&header);
    sip::Identity {
        account: trunk.auth.as_ref().map(|auth| auth.user.clone()),
        from_account: caller.from_account,
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
