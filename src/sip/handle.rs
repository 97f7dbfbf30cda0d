//! The handle to the task that owns the SIP endpoint.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use tokio::sync::{mpsc, oneshot, watch};

use super::Command;
use super::phones::Phone;
use super::places::{self, Believed};
use super::resolver::Resolver;
use super::shell::SipError;
use super::tls::{Client, Tls};
use super::trunk::Trunk;
use crate::units::{AgentId, TrunkId};
use crate::wire::sip::{self, Counters, Transport};

/// What the signalling counted since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The endpoint's counters.
    pub counters: Counters,
    /// Messages that could not be sent.
    pub unsent: u64,
    /// Connections there are.
    pub connections: usize,
    /// Connections that were not taken in, for there were too many.
    pub refused_connections: u64,
    /// Connections that were closed for garbage, or because their far ends took too long.
    pub closed_connections: u64,
    /// Legs that have not ended.
    pub legs: usize,
    /// Transactions that are under way or linger to recognise repetitions.
    pub transactions: usize,
}

/// Somebody who can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// Whoever a trunk leads to.
    Trunk(TrunkId),
    /// An agent at a phone.
    Phone(AgentId),
}

/// What waits for the task.
pub(super) enum Order {
    Perform(Command),
    SetTrunk(Box<(Trunk, Option<Client>, Believed)>),
    RemoveTrunk(TrunkId),
    SetPhone(sip::Phone),
    RemovePhone(AgentId),
    Count(oneshot::Sender<Figures>),
}

/// The way to the signalling task; the task ends when every handle is gone.
#[derive(Clone, Debug)]
pub struct SipHandle {
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) local: SocketAddr,
    pub(super) also: Vec<(Transport, SocketAddr)>,
    pub(super) resolver: Resolver,
    pub(super) reached: watch::Receiver<BTreeMap<Peer, IpAddr>>,
}

impl SipHandle {
    /// Gives the address the signalling is bound to.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Gives the addresses peers reach us at besides, in the order of the settings.
    #[must_use]
    pub fn also(&self) -> &[(Transport, SocketAddr)] {
        &self.also
    }

    /// Tells at which address somebody is reached now, so that audio can be offered in the same
    /// family; `None` if nobody knows.
    #[must_use]
    pub fn reached_at(&self, peer: Peer) -> Option<IpAddr> {
        self.reached.borrow().get(&peer).copied()
    }

    /// Asks for something, without waiting.
    ///
    /// # Errors
    /// Too many commands wait, or the task has ended.
    pub fn send(&self, command: Command) -> Result<(), SipError> {
        self.order(Order::Perform(command))
    }

    /// Makes a trunk known or changes it; looks its hosts up first.
    ///
    /// # Errors
    /// A host is not found, a certificate is of no use, too many commands wait, or the task has
    /// ended.
    pub async fn set_trunk(&self, trunk: Trunk) -> Result<(), SipError> {
        let trusted = trusted(&trunk)?;
        let unfound = |source| SipError::Resolve { host: trunk.host.clone(), source };
        let found = places::find(&self.resolver, &trunk).await.map_err(unfound)?;
        self.order(Order::SetTrunk(Box::new((trunk, trusted, found))))
    }

    /// Forgets a trunk; its calls go on.
    ///
    /// # Errors
    /// Too many commands wait, or the task has ended.
    pub fn remove_trunk(&self, trunk: TrunkId) -> Result<(), SipError> {
        self.order(Order::RemoveTrunk(trunk))
    }

    /// Makes an agent's phone known or changes it; looks its host up first.
    ///
    /// # Errors
    /// The host has no address, too many commands wait, or the task has ended.
    pub async fn set_phone(&self, phone: &Phone) -> Result<(), SipError> {
        let known = known_phone(&self.resolver, phone).await?;
        self.order(Order::SetPhone(known))
    }

    /// Forgets an agent's phone; its call goes on.
    ///
    /// # Errors
    /// Too many commands wait, or the task has ended.
    pub fn remove_phone(&self, agent: AgentId) -> Result<(), SipError> {
        self.order(Order::RemovePhone(agent))
    }

    /// Asks for the counters.
    ///
    /// # Errors
    /// Too many commands wait, or the task has ended.
    pub async fn figures(&self) -> Result<Figures, SipError> {
        let (answer, figures) = oneshot::channel();
        self.order(Order::Count(answer))?;
        figures.await.map_err(|_| SipError::Stopped)
    }

    fn order(&self, order: Order) -> Result<(), SipError> {
        self.orders.try_send(order).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SipError::Busy,
            mpsc::error::TrySendError::Closed(_) => SipError::Stopped,
        })
    }
}

/// Reads whom a trunk believes over TLS.
pub(super) fn trusted(trunk: &Trunk) -> Result<Option<Client>, SipError> {
    let unfit = |source| SipError::Tls { host: trunk.host.clone(), source };
    let tls = trunk.tls.as_ref().filter(|_| trunk.transports().contains(&Transport::Tls));
    tls.map(Tls::client).transpose().map_err(unfit)
}

/// Looks up where a phone is.
pub(super) async fn known_phone(
    resolver: &Resolver,
    phone: &Phone,
) -> Result<sip::Phone, SipError> {
    let Some(host) = phone.contact_host() else { return Ok(phone.known(None)) };
    let unfound = |source| SipError::Resolve { host: host.to_owned(), source };
    let found = resolver.find(host, &[phone.transport()]).await.map_err(unfound)?;
    Ok(phone.known(found.ways.first().map(|way| way.hop.address)))
}
