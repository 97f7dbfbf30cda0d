//! Where the API listens: a Unix socket, and a loopback address where asked.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::error::ApiError;

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Another engine answers on the socket.
    #[error("another engine answers at {0}: stop it, or give this one a socket of its own")]
    Taken(PathBuf),
    /// The socket cannot be made.
    #[error("cannot listen at {path}: {source}; check that its folder exists and is ours")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The address cannot be bound.
    #[error("cannot listen at {address}: {source}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Serving failed.
    #[error("the API stopped: {0}")]
    Serve(io::Error),
}

/// A Unix socket, open to its owner only; connections wait until it is served.
#[derive(Debug)]
pub struct Door {
    listener: UnixListener,
    path: PathBuf,
}

impl Door {
    /// Takes the socket, before the engine starts: two engines must not share a store.
    ///
    /// # Errors
    /// Another engine has it, or it cannot be made.
    pub async fn at(path: &Path) -> Result<Self, DoorError> {
        if UnixStream::connect(path).await.is_ok() {
            return Err(DoorError::Taken(path.to_owned()));
        }
        let listener = private_listener(path)
            .map_err(|source| DoorError::Socket { path: path.to_owned(), source })?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Answers requests until `until` is done, then removes the socket.
    ///
    /// # Errors
    /// Serving failed.
    pub async fn serve(
        self,
        router: Router,
        until: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), DoorError> {
        let served = axum::serve(self.listener, router).with_graceful_shutdown(until).await;
        // A socket left behind is replaced at the next start.
        drop(std::fs::remove_file(self.path));
        served.map_err(DoorError::Serve)
    }
}

/// Makes the socket under another name, closes it to others, then moves it into its place, so
/// that there is no moment at which others could open it there.
fn private_listener(path: &Path) -> io::Result<UnixListener> {
    let mut making = path.as_os_str().to_owned();
    making.push(".new");
    let making = PathBuf::from(making);
    match std::fs::remove_file(&making) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&making)?;
    std::fs::set_permissions(&making, PermissionsExt::from_mode(0o600))?;
    std::fs::rename(&making, path)?;
    Ok(listener)
}

/// Listens on a loopback address and gives the work of serving it. Requests that a web page
/// could have made are refused: whoever reads pages on this machine is not its master.
///
/// # Errors
/// The address cannot be bound.
pub async fn serve_http(
    address: SocketAddr,
    router: Router,
    until: impl Future<Output = ()> + Send + 'static,
) -> Result<impl Future<Output = Result<(), DoorError>> + Send + 'static, DoorError> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| DoorError::Address { address, source })?;
    let router = router.layer(middleware::from_fn(local_programs_only));
    Ok(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(until).await;
        served.map_err(DoorError::Serve)
    })
}

async fn local_programs_only(request: Request, next: Next) -> Response {
    if from_a_page(request.headers()) {
        let detail = "requests of web pages are not taken";
        return ApiError::new(StatusCode::FORBIDDEN, "origin_refused", detail)
            .hint("ask from a program on this machine, to 127.0.0.1 or localhost")
            .into_response();
    }
    next.run(request).await
}

/// Tells whether a browser may have sent this: pages give an Origin, and a name that was made to
/// point here is no name of ours.
fn from_a_page(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    headers.contains_key(header::ORIGIN) || !matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}
