//! Posting events, from the outbox to their endpoints.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, Url, redirect};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use super::retry::{Answer, decide, retry_after};
use super::sign::{SigningKey, signatures};
use crate::engine::clock::Clock;
use crate::engine::tasks::Tasks;
use crate::store::{Delivery, EventRow, Store, StoreError, Then, Write};
use crate::units::{Span, Wall};

/// How deliveries are made.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Whether endpoints on this machine may be called.
    pub loopback: bool,
    /// How long a receiver may take, less than a minute.
    pub timeout: Duration,
}

impl Default for Settings {
    /// No endpoint on this machine, and 20 s (Standard Webhooks 1.0: 15 to 30 s).
    fn default() -> Self {
        Self { loopback: false, timeout: Duration::from_secs(20) }
    }
}

/// Deliveries to one endpoint at once at most: a slow receiver is not run over, and does not
/// keep the others' events waiting.
pub const CONCURRENT_MAX: usize = 16;

/// How long an event being delivered is set aside: longer than a delivery can take. After a
/// crash it is sent again then.
const LEASE: Span = Span::secs(60);

/// The longest sleep: a clock that was set is noticed by then.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// The shortest sleep while something is due that cannot be sent yet.
const SLEEP_MIN: Duration = Duration::from_millis(250);

/// How long events are gathered after the first: a round over the outbox serves all of them.
const GATHER: Duration = Duration::from_millis(5);

/// Where events are posted.
#[derive(Clone, Debug)]
pub struct Endpoint {
    name: String,
    url: Url,
    keys: Vec<SigningKey>,
}

/// The address cannot be an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEndpoint {
    /// It is no http or https address.
    #[error("the webhook address of {0} is no http or https address")]
    Url(String),
    /// It has no key to sign with.
    #[error("the webhook of {0} has no secret")]
    NoKey(String),
    /// Its host is an address that may not be called.
    #[error("the webhook address of {0} is {1}")]
    Forbidden(String, Forbidden),
}

/// Why an address may not be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// This machine itself, and the configuration does not allow it.
    #[error("this machine, which has to be allowed in the configuration")]
    Loopback,
    /// An address of the link or of a cloud's metadata, or no host's address at all.
    #[error("a link-local, metadata, multicast or empty address: no receiver lives there")]
    NoHost,
}

impl Endpoint {
    /// Makes an endpoint; with several keys each delivery carries one signature per key.
    ///
    /// # Errors
    /// The address is no http or https address, or there is no key.
    pub fn new(name: &str, url: &str, keys: Vec<SigningKey>) -> Result<Self, NotAnEndpoint> {
        let url = Url::parse(url).map_err(|_| NotAnEndpoint::Url(name.to_owned()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(NotAnEndpoint::Url(name.to_owned()));
        }
        if keys.is_empty() {
            return Err(NotAnEndpoint::NoKey(name.to_owned()));
        }
        Ok(Self { name: name.to_owned(), url, keys })
    }

    /// Gives the host if it is written as an IP address; names are looked up by [`Guarded`].
    fn address(&self) -> Option<IpAddr> {
        self.url.host_str()?.trim_matches(['[', ']']).parse().ok()
    }
}

/// Takes due events out of the outbox and posts them; cheap to clone.
#[derive(Clone, Debug)]
pub struct Courier {
    store: Store,
    clock: Clock,
    tasks: Tasks,
    client: Client,
    endpoints: Arc<BTreeMap<String, (Endpoint, Arc<Semaphore>)>>,
    freed: Arc<Notify>,
}

impl Courier {
    /// Makes a courier for some endpoints, with one HTTP client for all of them.
    ///
    /// # Errors
    /// An endpoint's address may not be called.
    ///
    /// # Panics
    /// The HTTP client cannot be built even without certificates, which needs no resource.
    pub fn new(
        store: Store,
        clock: Clock,
        tasks: Tasks,
        endpoints: Vec<Endpoint>,
        settings: Settings,
    ) -> Result<Self, NotAnEndpoint> {
        for endpoint in &endpoints {
            if let Some(forbidden) =
                endpoint.address().and_then(|ip| forbidden(ip, settings.loopback))
            {
                return Err(NotAnEndpoint::Forbidden(endpoint.name.clone(), forbidden));
            }
        }
        let endpoints = endpoints.into_iter().map(|endpoint| {
            let permits = Arc::new(Semaphore::new(CONCURRENT_MAX));
            (endpoint.name.clone(), (endpoint, permits))
        });
        Ok(Self {
            store,
            clock,
            tasks,
            client: client(settings),
            endpoints: Arc::new(endpoints.collect()),
            freed: Arc::new(Notify::new()),
        })
    }

    /// Delivers until `stop` says true or its sender is gone; then sends what is due once more
    /// and waits for the deliveries under way.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow_and_update() {
            self.start_logged().await;
            let pause = self.pause().await;
            tokio::select! {
                () = self.store.event_added() => (),
                () = self.freed.notified() => (),
                () = tokio::time::sleep(pause) => (),
                changed = stop.changed() => {
                    if changed.is_err() {
                        break;
                    }
                }
            }
            tokio::time::sleep(GATHER).await;
        }
        self.start_logged().await;
        self.idle().await;
    }

    /// Starts delivering what is due at `now`, as far as its endpoints have room, and gives the
    /// number of deliveries begun.
    ///
    /// # Errors
    /// The store failed.
    pub async fn start(&self, now: Wall) -> Result<usize, StoreError> {
        let mut started = 0;
        for (name, (endpoint, permits)) in &*self.endpoints {
            let room = u32::try_from(permits.available_permits()).unwrap_or(0);
            if room == 0 {
                continue;
            }
            for event in self.store.take_events(name, room, LEASE, now).await? {
                let permit = Arc::clone(permits).try_acquire_owned();
                let permit = permit.expect("only this task takes permits, and it counted them");
                self.tasks.spawn(self.clone().deliver(endpoint.clone(), event, now, permit));
                started += 1;
            }
        }
        Ok(started)
    }

    /// Waits until no delivery is under way.
    pub async fn idle(&self) {
        for (_, permits) in self.endpoints.values() {
            let all = u32::try_from(CONCURRENT_MAX).expect("a small number");
            drop(permits.acquire_many(all).await);
        }
    }

    async fn start_logged(&self) {
        if let Err(error) = self.start(self.clock.now().wall).await {
            tracing::warn!(%error, "cannot take events out of the outbox");
        }
    }

    /// Says how long there is nothing to do.
    async fn pause(&self) -> Duration {
        match self.store.next_event().await {
            Ok(Some(next)) => {
                let wait = Duration::from(next.since(self.clock.now().wall));
                wait.clamp(SLEEP_MIN, SLEEP_MAX)
            }
            Ok(None) | Err(_) => SLEEP_MAX,
        }
    }

    async fn deliver(
        self,
        endpoint: Endpoint,
        event: EventRow,
        now: Wall,
        permit: OwnedSemaphorePermit,
    ) {
        let begun = self.clock.mono();
        let (answer, error) = self.post(&endpoint, &event, now).await;
        let at = now + self.clock.mono().since(begun);
        let tries = event.tries.saturating_add(1);
        let then = decide(&event.id, tries, answer, at);
        let status = match answer {
            Answer::Status(status, _) => Some(status),
            Answer::Nothing => None,
        };
        report(&endpoint, &event, tries, status, error.as_deref(), then);
        let delivery = Delivery { event: event.id, tries, at, status, error, then };
        if let Err(error) = self.store.commit(vec![Write::Delivery(delivery)]).await {
            tracing::warn!(%error, "a delivery is not noted: the event will be sent again");
        }
        drop(permit);
        self.freed.notify_one();
    }

    /// Posts an event once.
    async fn post(
        &self,
        endpoint: &Endpoint,
        event: &EventRow,
        now: Wall,
    ) -> (Answer, Option<String>) {
        let timestamp = now.timestamp().as_second();
        let signature = signatures(&endpoint.keys, &event.id, timestamp, &event.body);
        let request = self
            .client
            .post(endpoint.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &event.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(event.body.clone());
        match request.send().await {
            Ok(response) => {
                let status = response.status();
                let asked = response.headers().get(RETRY_AFTER).and_then(|text| text.to_str().ok());
                let asked = asked.and_then(|text| retry_after(text, now));
                let error = (!status.is_success()).then(|| format!("answered {status}"));
                (Answer::Status(status.as_u16(), asked), error)
            }
            Err(error) => (Answer::Nothing, Some(reason(error))),
        }
    }
}

fn report(
    endpoint: &Endpoint,
    event: &EventRow,
    tries: u32,
    status: Option<u16>,
    error: Option<&str>,
    then: Then,
) {
    let (endpoint, event) = (&endpoint.name, &event.id);
    match then {
        Then::Delivered => tracing::debug!(endpoint, event, tries, "event delivered"),
        Then::Retry(next) => {
            tracing::info!(endpoint, event, tries, status, error, %next, "event not delivered");
        }
        Then::GiveUp => {
            tracing::warn!(endpoint, event, tries, status, error, "event given up: replay it");
        }
        Then::Disable => {
            tracing::warn!(endpoint, event, "the receiver is gone: its endpoint is disabled");
        }
    }
}

/// Says what went wrong without the address, which may hold a token.
fn reason(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Builds the one client: no redirects, no proxy, no forbidden address.
fn client(settings: Settings) -> Client {
    // A second installation is refused and changes nothing: somebody installed one already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = || -> ClientBuilder {
        Client::builder()
            .user_agent(concat!("cadran/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(settings.timeout)
            .pool_max_idle_per_host(CONCURRENT_MAX)
            .dns_resolver(Arc::new(Guarded { loopback: settings.loopback }))
    };
    builder().build().unwrap_or_else(|error| {
        tracing::warn!(%error, "no certificates on this machine: https webhooks will fail");
        builder().tls_certs_only([]).build().expect("a client without certificates can be built")
    })
}

/// Looks host names up and leaves out the addresses that may not be called. The connection is
/// made to what was checked here, so that a second look-up cannot lead elsewhere.
struct Guarded {
    loopback: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let loopback = self.loopback;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let mut refused = None;
            let mut allowed: Vec<SocketAddr> = Vec::new();
            for address in found {
                match forbidden(address.ip(), loopback) {
                    Some(why) => refused = Some(why),
                    None => allowed.push(address),
                }
            }
            match refused {
                Some(why) if allowed.is_empty() => Err(why.into()),
                Some(_) | None => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

/// The IPv6 address of Amazon's metadata service (AWS EC2 user guide, "Use IMDS").
const METADATA: IpAddr = IpAddr::V6(std::net::Ipv6Addr::new(0xFD00, 0xEC2, 0, 0, 0, 0, 0, 0x254));

/// Says why an address may not be called. Private networks may: a CRM often stands there.
fn forbidden(address: IpAddr, loopback: bool) -> Option<Forbidden> {
    let address = address.to_canonical();
    if address.is_loopback() {
        return (!loopback).then_some(Forbidden::Loopback);
    }
    let no_host = match address {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast() || ip.octets()[0] == 0,
        IpAddr::V6(ip) => ip.is_unicast_link_local() || address == METADATA,
    };
    (no_host || address.is_unspecified() || address.is_multicast()).then_some(Forbidden::NoHost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_without_a_receiver_are_forbidden() -> Result<(), std::net::AddrParseError> {
        for text in [
            "169.254.169.254",
            "169.254.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "255.255.255.255",
            "224.0.0.1",
            "fe80::1",
            "fd00:ec2::254",
            "::",
            "ff02::1",
            "::ffff:169.254.169.254",
        ] {
            assert_eq!(forbidden(text.parse()?, true), Some(Forbidden::NoHost), "{text}");
        }
        for text in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(forbidden(text.parse()?, false), Some(Forbidden::Loopback), "{text}");
            assert_eq!(forbidden(text.parse()?, true), None, "{text}");
        }
        for text in ["192.0.2.1", "10.0.0.8", "192.168.1.2", "2001:db8::1", "fd12::1"] {
            assert_eq!(forbidden(text.parse()?, false), None, "{text}");
        }
        Ok(())
    }
}
