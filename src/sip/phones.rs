//! Agents' phones as the configuration describes them.

use std::net::SocketAddr;

use crate::units::AgentId;
use crate::wire::sip::{self, Ha1};

/// An agent's telephone: at a fixed contact, or registering with us, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// Whose it is.
    pub agent: AgentId,
    /// The user part of its address of record, and its account at our registrar.
    pub user: String,
    /// What its account proves itself with; without it the phone cannot register.
    pub ha1: Option<Ha1>,
    /// Where it is reached while it is not registered: `sip:a1@host:port`.
    pub contact: Option<String>,
}

impl Phone {
    /// Gives the host and port of the contact, as written.
    pub(super) fn contact_host(&self) -> Option<&str> {
        let uri = self.contact.as_deref()?.trim_matches(['<', '>']);
        let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
        let after_user = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        after_user.split([';', '?']).next()
    }

    /// Gives what the contact wants to be reached by. A phone over TLS registers: we reach it by
    /// the connection it opened.
    pub(super) fn transport(&self) -> sip::Transport {
        let params = self.contact.as_deref().unwrap_or_default().trim_end_matches('>').split(';');
        let tcp = params.skip(1).any(|param| param.eq_ignore_ascii_case("transport=tcp"));
        if tcp { sip::Transport::Tcp } else { sip::Transport::Udp }
    }

    /// Gives the phone as the endpoint wants it, the contact's host already looked up.
    pub(super) fn known(&self, address: Option<SocketAddr>) -> sip::Phone {
        let contact = self.contact.clone().map(|uri| uri.trim_matches(['<', '>']).to_owned());
        sip::Phone {
            agent: self.agent,
            user: self.user.clone(),
            ha1: self.ha1.clone(),
            contact: contact.zip(address.map(|address| {
                let transport = self.transport();
                sip::Hop { transport, address, trunk: None }
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contacts_host_is_found_in_every_usual_form() {
        for (contact, host) in [
            ("sip:a1@127.0.0.20:5080", "127.0.0.20:5080"),
            ("<sip:a1@phone.example;transport=udp>", "phone.example"),
            ("sip:phone.example?x=1", "phone.example"),
            ("sip:a:b@[::1]:5080", "[::1]:5080"),
        ] {
            let phone = Phone {
                agent: AgentId(1),
                user: "a1".into(),
                ha1: None,
                contact: Some(contact.into()),
            };
            assert_eq!(phone.contact_host(), Some(host), "{contact}");
        }
    }
}
