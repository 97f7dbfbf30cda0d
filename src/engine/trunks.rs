//! A trunk of the settings as the signalling needs it.

use std::net::SocketAddr;

use crate::config::link::{Identification, Transport, Trust};
use crate::config::{self, Refresher, Reliable, SecretMissing, SessionTimer};
use crate::sip::{self, Door, Reliability, SessionTimers, TimerMode};
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
    let link = &trunk.link;
    Ok(sip::Trunk {
        id,
        host: trunk.host.to_string(),
        transport: link.transport.into(),
        tls: Some(tls(trunk)),
        proxy: link.proxy.as_ref().map(ToString::to_string),
        large_over_tcp: link.large_over_tcp,
        keep_alive: link.keep_alive,
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

/// Gives how a trunk is met where TLS carries its messages.
fn tls(trunk: &config::Trunk) -> sip::Tls {
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
