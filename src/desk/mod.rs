//! The desk: the pages people work with, and the door to them.
//!
//! Whoever comes in is known by the cookie of a session; [`ROUTES`] says which role may have which
//! path, and nobody has another one.

mod account;
mod asks;
mod card;
mod certificate;
pub mod door;
mod files;
mod gate;
pub mod moment;
mod password;
pub mod protocol;
mod refusal;
mod seats;
pub mod session;
mod totp;
mod tries;
mod view;
mod waiting;
mod words;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

pub use certificate::CertificateError;
pub use door::{Door, DoorError};
pub use gate::{ROUTES, Who};

pub use crate::store::Role;

use crate::api::Desk;
use crate::store::{INVITED_FOR, StoreError, Token};
use crate::units::AgentId;
use password::Passwords;
use tries::Tries;

/// A request's body is not larger than this: notes and fields of one contact.
pub const BODY_BYTES_MAX: usize = 64 << 10;

/// The name of the first administrator's account.
const FIRST: &str = "admin";

/// Who a request comes from: the door puts it on every request it lets pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The account.
    pub account: u32,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The agent whose seat it takes.
    pub agent: Option<AgentId>,
}

/// The address a request came from.
#[derive(Clone, Copy, Debug)]
struct Peer(IpAddr);

/// What the way in is made of.
#[derive(Clone, Debug)]
struct Entrance {
    desk: Desk,
    /// What browsers may call us.
    origins: Arc<[String]>,
    /// Whether people come over TLS, ours or a proxy's.
    secure: bool,
    /// Whether browsers are to come over TLS alone from now on.
    lasting: bool,
    passwords: Passwords,
    tries: Arc<Tries>,
}

/// Lets people in until the API closes.
pub async fn serve(desk: Desk, door: Door) {
    let routes = router(&desk, &door, session::router(desk.clone()));
    let (tasks, closing) = (desk.tasks.clone(), desk.closing.clone());
    drop(desk);
    door.serve(routes, tasks, closing).await;
}

/// Lays out every path of a door; `behind` is what else stands behind it, in [`ROUTES`] too.
pub fn router(desk: &Desk, door: &Door, behind: Router) -> Router {
    let entrance = Entrance {
        desk: desk.clone(),
        origins: door.origins().into(),
        secure: door.origins().iter().all(|origin| origin.starts_with("https:")),
        lasting: door.is_vouched_for(),
        passwords: Passwords::new(desk.tasks.clone()),
        tries: Arc::new(Tries::new()),
    };
    Router::new()
        .route("/", get(files::home))
        .route("/desk", get(files::home))
        .route("/desk/", get(files::index))
        .route("/desk/sign-in", get(files::sign_in).post(account::sign_in))
        .route("/desk/sign-out", post(account::sign_out))
        .route("/desk/invitation", get(files::invitation).post(account::invited))
        .route("/desk/invitation/accept", post(account::accept))
        .route("/desk/account", get(files::account))
        .route("/desk/me", get(account::me))
        .route("/desk/second-factor", post(account::propose_factor).put(account::set_factor))
        .route("/desk/second-factor/remove", post(account::remove_factor))
        .route("/desk/{*file}", get(files::file))
        .with_state(entrance.clone())
        .merge(behind)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(entrance.clone(), gate::pass))
        .fallback(gate::no_such_path)
        .layer(middleware::map_response_with_state(entrance, gate::dress))
}

/// Invites the first administrator as long as nobody has chosen a password yet.
///
/// # Errors
/// The database failed.
pub async fn first_invitation(desk: &Desk) -> Result<Option<Token>, StoreError> {
    let accounts = desk.store.accounts().await?;
    if accounts.iter().any(|account| account.enrolled) {
        return Ok(None);
    }
    let now = desk.clock.now().wall;
    let first = accounts.iter().find(|account| account.role == Role::Administrator);
    let name = first.map_or(FIRST, |account| &account.name);
    let until = now + INVITED_FOR;
    desk.store.invite(name, (Role::Administrator, None), now, until).await.map(Some)
}
