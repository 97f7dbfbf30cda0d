//! A receiver of webhooks that answers as it is told.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, header};
use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
use cadran::units::Mono;
use tokio::sync::watch;

/// How the sink answers once.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// With this status.
    Status(u16),
    /// Never.
    Stall,
    /// With 307 to the sink on another port.
    Redirect(u16),
    /// With 429 and this `Retry-After`.
    Busy(u32),
}

/// What the sink was sent.
#[derive(Clone, Debug)]
pub(super) struct Received {
    headers: HeaderMap,
    at: Mono,
    /// The body.
    pub(super) body: String,
}

impl Received {
    /// Gives a header's text.
    pub(super) fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    }

    /// Gives when it came, on the sink's clock.
    pub(super) fn at(&self) -> Mono {
        self.at
    }
}

/// A receiver on this machine; it leaves when it is dropped.
pub(super) struct Sink {
    /// Where it listens.
    pub(super) url: String,
    /// On which port.
    pub(super) port: u16,
    tasks: Tasks,
    desk: Arc<Desk>,
}

struct Desk {
    script: Mutex<VecDeque<Answer>>,
    received: Mutex<Vec<Received>>,
    count: watch::Sender<usize>,
    clock: Clock,
}

impl Sink {
    /// Starts one that gives these answers, then 200 for ever.
    pub(super) async fn start(script: &[Answer]) -> Result<Self, Box<dyn Error>> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let desk = Arc::new(Desk {
            script: Mutex::new(script.iter().copied().collect()),
            received: Mutex::default(),
            count: watch::Sender::new(0),
            clock: Clock::start(),
        });
        let router = Router::new().fallback(take).with_state(Arc::clone(&desk));
        let tasks = Tasks::new();
        tasks.spawn(async move {
            let served = axum::serve(listener, router).await;
            served.expect("a bound listener serves until it is dropped");
        });
        Ok(Self { url: format!("http://127.0.0.1:{port}/hook"), port, tasks, desk })
    }

    /// Gives what came so far.
    pub(super) fn received(&self) -> Vec<Received> {
        self.desk.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until so many deliveries came.
    pub(super) async fn wait_for(&self, count: usize) {
        let mut came = self.desk.count.subscribe();
        let enough = came.wait_for(|came| *came >= count).await;
        drop(enough.expect("the desk lives as long as the sink"));
    }

    /// Stops listening and waits until it does.
    pub(super) async fn leave(self) {
        self.tasks.abort();
        self.tasks.finished().await;
    }

    /// Gives the clock by which arrivals are told.
    pub(super) fn clock(&self) -> Clock {
        self.desk.clock
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.tasks.abort();
    }
}

async fn take(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: String) -> Response<Body> {
    let at = desk.clock.mono();
    let count = {
        let mut received = desk.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.push(Received { headers, at, body });
        received.len()
    };
    desk.count.send_replace(count);
    let answer = desk.script.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let response = Response::builder();
    let response = match answer.unwrap_or(Answer::Status(200)) {
        Answer::Status(status) => response.status(status).body(Body::empty()),
        Answer::Stall => std::future::pending().await,
        Answer::Redirect(port) => response
            .status(307)
            .header(header::LOCATION, format!("http://127.0.0.1:{port}/"))
            .body(Body::empty()),
        Answer::Busy(seconds) => {
            response.status(429).header(header::RETRY_AFTER, seconds).body(Body::empty())
        }
    };
    response.expect("statuses and headers of the script are valid")
}
