//! Where a trunk's hosts are: looked up once, and again whenever the answer's time has passed.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::resolver::{AGAIN, FindError, Found, Resolver, by_digits};
use super::trunk::Trunk;
use crate::units::Span;
use crate::wire::sip::{Hop, Transport, Way};

/// Where a trunk's hosts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    /// The ways to its host, or to its proxy; one at least.
    pub(super) ways: Vec<Way>,
    /// The ways to its registrar, where that is another.
    pub(super) registrar: Vec<Way>,
    /// Whose messages are taken for the trunk's besides.
    pub(super) sources: Vec<IpAddr>,
}

/// Places, and how long they are believed; for ever if DNS had no part in them.
pub(super) type Believed = (Places, Option<Span>);

impl Places {
    /// Gives the best way.
    pub(super) fn first(&self) -> Hop {
        self.ways.first().expect("a host that was found has a way").hop
    }
}

/// Gives where a trunk's hosts are if all are written as addresses.
pub(super) fn by_digits_alone(trunk: &Trunk) -> Option<Believed> {
    let transports = trunk.transports();
    let found: Option<Vec<_>> = hosts(trunk).map(|host| by_digits(host, &transports)).collect();
    Some(put_together(trunk, found?))
}

/// Looks a trunk's hosts up.
///
/// # Errors
/// One is not found.
pub(super) async fn find(resolver: &Resolver, trunk: &Trunk) -> Result<Believed, FindError> {
    let transports = trunk.transports();
    let mut found = Vec::new();
    for host in hosts(trunk) {
        found.push(resolver.find(host, &transports).await?);
    }
    Ok(put_together(trunk, found))
}

/// Looks a trunk's hosts up after a rest, and then whenever the answer's time has passed, until the
/// trunk is forgotten: the far end of `lives` is dropped then.
pub(super) async fn keep(
    (resolver, trunk): (Resolver, Arc<Trunk>),
    rest: Option<Span>,
    news: mpsc::WeakSender<(Arc<Trunk>, Result<Places, FindError>)>,
    mut lives: oneshot::Sender<Infallible>,
) {
    let mut rest = rest;
    while let Some(span) = rest {
        let next = async {
            tokio::time::sleep(Duration::from_micros(span.as_micros())).await;
            find(&resolver, &trunk).await
        };
        let found = tokio::select! {
            () = lives.closed() => return,
            found = next => found,
        };
        rest = found.as_ref().map_or(Some(AGAIN), |(_, good_for)| *good_for);
        let Some(news) = news.upgrade() else { return };
        if news.send((Arc::clone(&trunk), found.map(|(places, _)| places))).await.is_err() {
            return;
        }
    }
}

/// Gives the hosts to look up: where requests go, the registrar if it is another, the sources. A
/// proxy leads to the registrar by itself.
fn hosts(trunk: &Trunk) -> impl Iterator<Item = &str> {
    let first = trunk.proxy.as_ref().unwrap_or(&trunk.host);
    let hosts = std::iter::once(first).chain(registrar(trunk)).chain(&trunk.sources);
    hosts.map(String::as_str)
}

fn registrar(trunk: &Trunk) -> Option<&String> {
    let register = trunk.register.as_ref().filter(|_| trunk.proxy.is_none())?;
    register.registrar.as_ref()
}

/// Puts together what was found of [`hosts`], in their order.
fn put_together(trunk: &Trunk, found: Vec<Found>) -> Believed {
    let good_for = found.iter().filter_map(|found| found.good_for).min();
    let mut ways = found.into_iter().map(|found| {
        let own = |way: Way| {
            // A connection over TLS is believed by what this trunk's settings say.
            let trunk = (way.hop.transport == Transport::Tls).then_some(trunk.id);
            Way { hop: Hop { trunk, ..way.hop }, ..way }
        };
        found.ways.into_iter().map(own).collect::<Vec<_>>()
    });
    let first = ways.next().unwrap_or_default();
    let registrar = registrar(trunk).and_then(|_| ways.next()).unwrap_or_default();
    let sources = ways.flatten().map(|way| way.hop.ip()).collect();
    (Places { ways: first, registrar, sources }, good_for)
}
