//! Who may have which path: one table, and the guard that asks it of every request.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::account::cookie_name;
use super::refusal::Refusal;
use super::{Entrance, Peer, SignedIn};
use crate::store::{Role, Token};

/// Who may have a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Whoever comes.
    Anybody,
    /// Whoever is signed in with one of these roles.
    These(&'static [Role]),
}

/// Everybody who has an account.
const SIGNED_IN: Who = Who::These(&Role::ALL);

/// Those who may take a seat; which one, their account says.
const SEATED: Who = Who::These(&[Role::Agent, Role::Supervisor, Role::Manager]);

/// Every path there is, with its method and who may have it. What is not here nobody has.
pub const ROUTES: [(&str, &str, Who); 16] = [
    ("GET", "/", Who::Anybody),
    ("GET", "/desk", Who::Anybody),
    ("GET", "/desk/", SIGNED_IN),
    ("GET", "/desk/sign-in", Who::Anybody),
    ("POST", "/desk/sign-in", Who::Anybody),
    ("POST", "/desk/sign-out", SIGNED_IN),
    ("GET", "/desk/invitation", Who::Anybody),
    ("POST", "/desk/invitation", Who::Anybody),
    ("POST", "/desk/invitation/accept", Who::Anybody),
    ("GET", "/desk/account", SIGNED_IN),
    ("GET", "/desk/me", SIGNED_IN),
    ("POST", "/desk/second-factor", SIGNED_IN),
    ("PUT", "/desk/second-factor", SIGNED_IN),
    ("POST", "/desk/second-factor/remove", SIGNED_IN),
    ("GET", "/desk/socket", SEATED),
    // What pages are made of; it holds nothing of anybody.
    ("GET", "/desk/{*file}", Who::Anybody),
];

/// The header every request that changes something bears: a page of another site cannot add it
/// without being asked whether it may (Fetch §3.3.6), and nobody says that it may.
const OWN_HEADER: &str = "x-cadran";

/// A request is answered within this time, its body read; a socket lives on behind it.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// What a page may load and who may show it (CSP level 3). Sockets and audio come from here alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; media-src 'self' blob:; img-src 'self' data:; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Headers of every answer, beside the policy.
const HEADERS: [(&str, &str); 6] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "microphone=(self), camera=(), geolocation=(), payment=()"),
];

/// Lets a request pass, with who it comes from, or refuses it.
pub(super) async fn pass(
    State(entrance): State<Entrance>,
    mut request: Request,
    next: Next,
) -> Response {
    match judge(&entrance, &mut request).await {
        Ok(()) => match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
            Ok(answer) => answer,
            Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
        },
        Err(refused) => refused,
    }
}

async fn judge(entrance: &Entrance, request: &mut Request) -> Result<(), Response> {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let who = path.as_deref().and_then(|path| who(request.method(), path));
    let who = who.ok_or_else(|| no_path().into_response())?;
    let headers = request.headers();
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if !(safe && !headers.contains_key(header::UPGRADE) || is_own(headers, &entrance.origins)) {
        let detail = "only our own pages may ask this";
        let refusal = Refusal::new(StatusCode::FORBIDDEN, "origin_refused", detail);
        return Err(refusal.into_response());
    }
    if !safe && !headers.contains_key(OWN_HEADER) {
        let detail = "the header X-Cadran is missing, which our own pages send";
        let refusal = Refusal::new(StatusCode::FORBIDDEN, "header_missing", detail);
        return Err(refusal.into_response());
    }
    let peer = peer(entrance, request);
    request.extensions_mut().insert(peer);
    let Who::These(roles) = who else { return Ok(()) };
    let who = signed_in(entrance, request.headers()).await.map_err(IntoResponse::into_response)?;
    let Some(who) = who else {
        if path.as_deref().is_some_and(is_page) {
            return Err(Redirect::to("/desk/sign-in").into_response());
        }
        let refusal = Refusal::new(StatusCode::UNAUTHORIZED, "signed_out", "sign in first");
        return Err(refusal.into_response());
    };
    if !roles.contains(&who.role) {
        let detail = "this account's role may not do that";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "role_refused", detail).into_response());
    }
    request.extensions_mut().insert(who);
    Ok(())
}

/// Tells who may have a path.
fn who(method: &Method, path: &str) -> Option<Who> {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let found = ROUTES.iter().find(|(known, at, _)| *known == method && *at == path);
    found.map(|(_, _, who)| *who)
}

/// Tells whether people open a path by hand.
fn is_page(path: &str) -> bool {
    matches!(path, "/desk/" | "/desk/account")
}

/// Tells whether one of our own pages asks (RFC 6454 §7).
fn is_own(headers: &HeaderMap, origins: &[String]) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    origin.is_some_and(|origin| origins.iter().any(|own| own == origin))
}

/// Gives the address a request came from; of one that a proxy on this machine hands on, the address
/// the proxy saw.
fn peer(entrance: &Entrance, request: &Request) -> Peer {
    let bound = request.extensions().get::<Peer>().copied();
    let Peer(address) = bound.unwrap_or(Peer(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
    let proxied = entrance.desk.config.desk.as_ref().is_some_and(|desk| desk.public.is_some());
    if !(proxied && address.is_loopback()) {
        return Peer(address);
    }
    let told = request.headers().get_all("x-forwarded-for").iter().next_back();
    let last = told.and_then(|told| told.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    Peer(last.unwrap_or(address))
}

/// Tells whose session a request belongs to.
async fn signed_in(entrance: &Entrance, headers: &HeaderMap) -> Result<Option<SignedIn>, Refusal> {
    let Some(token) = token(headers, entrance.secure) else { return Ok(None) };
    let now = entrance.desk.clock.now().wall;
    let account = entrance.desk.store.signed_in(&token, now).await?;
    Ok(account.map(|account| SignedIn {
        account: account.id,
        name: account.name,
        role: account.role,
        agent: account.agent,
    }))
}

/// Reads the session's token from the cookies.
pub(super) fn token(headers: &HeaderMap, secure: bool) -> Option<Token> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|it| it.split_once('='));
    let found = pairs.find(|(name, _)| name.trim() == cookie_name(secure));
    found.map(|(_, value)| Token::new(value.trim()))
}

fn no_path() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "path_unknown", "there is no such path")
}

/// Answers for a path there is not.
pub(super) async fn no_such_path() -> Response {
    no_path().into_response()
}

/// Adds what every answer bears.
pub(super) async fn dress(State(entrance): State<Entrance>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if entrance.lasting {
        // RFC 6797 §6.1; a year. A certificate nobody vouches for would shut people out that long.
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
