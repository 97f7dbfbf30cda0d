//! Where people come in: connections over TLS, or plain on loopback, each with its limits.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::Peer;
use super::certificate::{self, CertificateError};
use crate::config;
use crate::engine::tasks::Tasks;

/// Connections at once: two hundred seats with a socket and a few requests each.
const CONNECTIONS_MAX: usize = 1_024;

/// A handshake, and the head of a request, come within this time; a connection that asks for
/// nothing is closed as late.
const HEAD_WITHIN: Duration = Duration::from_secs(15);

/// Bytes of a request's head; browsers send less than 2 KB.
pub const HEAD_BYTES_MAX: usize = 16 << 10;

/// Header fields of a request; browsers send some twenty.
const HEADERS_MAX: usize = 64;

/// How long the door rests when the system has no more files to open.
const REST: Duration = Duration::from_millis(100);

/// Why nobody can come in.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The address cannot be bound.
    #[error("the desk cannot listen at {address}: {source}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// There is nothing to show over TLS.
    #[error("the desk has no certificate: {0}")]
    Certificate(#[from] CertificateError),
}

/// A door that is bound; people wait until it is served.
pub struct Door {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    origins: Vec<String>,
    fingerprint: Option<String>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Door").field(&self.address).finish()
    }
}

impl Door {
    /// Binds it, and makes its certificate where none is named.
    ///
    /// # Errors
    /// The address cannot be bound, or the certificate is of no use.
    pub async fn open(settings: &config::Desk) -> Result<Self, DoorError> {
        let bind = settings.bind;
        let address = |source| DoorError::Address { address: bind, source };
        let (tls, fingerprint) = if settings.speaks_tls() {
            let (shown, fingerprint) = certificate::shown(settings)?;
            (Some(TlsAcceptor::from(shown)), fingerprint)
        } else {
            (None, None)
        };
        let listener = TcpListener::bind(bind).await.map_err(address)?;
        let bound = listener.local_addr().map_err(address)?;
        let origins = settings.origins(bound);
        Ok(Self { listener, address: bound, tls, origins, fingerprint })
    }

    /// Gives where it is bound.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives what browsers may call it; the first is what people open.
    #[must_use]
    pub fn origins(&self) -> Vec<String> {
        self.origins.clone()
    }

    /// Gives the fingerprint of the certificate, if it is of our own making.
    #[must_use]
    pub fn fingerprint(&self) -> Option<&str> {
        self.fingerprint.as_deref()
    }

    /// Tells whether browsers believe it: over TLS, with a certificate given to us or to a proxy.
    pub(super) fn is_vouched_for(&self) -> bool {
        self.fingerprint.is_none() && self.origins.iter().all(|it| it.starts_with("https:"))
    }

    /// Lets people in until `closing` says so.
    pub async fn serve(self, router: Router, tasks: Tasks, mut closing: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let next = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, self.listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                next = next => next,
                () = closed(&mut closing) => return,
            };
            // The semaphore is never closed.
            let Ok(place) = place else { return };
            match accepted {
                Ok((stream, from)) => {
                    let visit = Visit { router: router.clone(), from, closing: closing.clone() };
                    tasks.spawn(visit.begin(stream, self.tls.clone(), place));
                }
                Err(error) => {
                    tracing::warn!(%error, "the desk takes nobody for a moment");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }
}

/// Waits until nobody is let in any more.
async fn closed(closing: &mut watch::Receiver<bool>) {
    // A sender that is gone closes the door too.
    drop(closing.wait_for(|closing| *closing).await);
}

/// Somebody who came in.
struct Visit {
    router: Router,
    from: SocketAddr,
    closing: watch::Receiver<bool>,
}

impl Visit {
    async fn begin(self, stream: TcpStream, tls: Option<TlsAcceptor>, _: OwnedSemaphorePermit) {
        // Small messages at once: a call's card does not wait for the next one.
        drop(stream.set_nodelay(true));
        let Some(tls) = tls else { return self.stay(stream).await };
        // Strangers try every port; what they do wrong is told at DEBUG.
        match tokio::time::timeout(HEAD_WITHIN, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.stay(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "no handshake at the desk"),
            Err(_) => tracing::debug!("no handshake at the desk in time"),
        }
    }

    /// Answers requests until the other side goes or the door closes.
    async fn stay(mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let (routes, peer) = (TowerToHyperService::new(self.router), Peer(self.from.ip()));
        let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(peer);
            routes.call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = closed(&mut self.closing) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection to the desk was cut");
        }
    }
}
