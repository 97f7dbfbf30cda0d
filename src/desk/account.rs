//! Signing in and out, invitations, second factors.

use std::net::IpAddr;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};

use super::gate::token;
use super::password::{self, SALT_BYTES};
use super::refusal::{Refusal, body};
use super::tries::Try;
use super::{Entrance, Peer, Role, SignedIn, totp};
use crate::store::{AccountRow, Credentials, Token};
use crate::units::Span;

/// How long a session lasts: a shift with its breaks and what comes after.
const SESSION: Span = Span::secs(12 * 3_600);

/// What signs somebody in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    name: String,
    password: String,
    #[serde(default)]
    code: Option<String>,
}

/// An invitation's token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Invited {
    invitation: String,
}

/// What accepts an invitation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Accept {
    invitation: String,
    password: String,
}

/// A second factor that is to be asked for from now on, or no more; the password once more, so that
/// a seat left open loses nobody the account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Factor {
    password: String,
    #[serde(default)]
    secret: String,
    #[serde(default)]
    code: String,
}

/// Who somebody is.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Me {
    name: String,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<u32>,
}

/// A second factor to be put into a telephone.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Proposal {
    secret: String,
    uri: String,
}

/// `POST /desk/sign-in`.
pub(super) async fn sign_in(
    State(entrance): State<Entrance>,
    Extension(Peer(from)): Extension<Peer>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Refusal> {
    let asked: SignIn = body(&bytes)?;
    let name = asked.name.trim().to_lowercase();
    let (tried, known) = prove(&entrance, &name, (from, asked.password)).await?;
    match (&known.totp, asked.code.filter(|code| !code.trim().is_empty())) {
        (Some(_), None) => {
            tried.forgive();
            let detail = "a code is asked for beside the password";
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "code_needed", detail));
        }
        (Some(secret), Some(code)) => spend(&entrance, &known, (secret, &code)).await?,
        (None, _) => {}
    }
    tried.forgive();
    begin(&entrance, known.account, &headers).await
}

fn wrong() -> Refusal {
    let detail = "the name or the password is wrong";
    Refusal::new(StatusCode::UNAUTHORIZED, "credentials_wrong", detail)
}

/// Takes a code of a second factor, once.
async fn spend(
    entrance: &Entrance,
    known: &Credentials,
    (secret, code): (&str, &str),
) -> Result<(), Refusal> {
    let now = entrance.desk.clock.now().wall;
    if let Some(step) = totp::step(secret, code, now)
        && entrance.desk.store.spend_totp(known.account.id, step).await?
    {
        return Ok(());
    }
    tracing::warn!(account = known.account.id, "a code was wrong");
    Err(wrong_code())
}

fn wrong_code() -> Refusal {
    let detail = "the code is wrong, or was used before: wait for the next one";
    Refusal::new(StatusCode::UNAUTHORIZED, "code_wrong", detail)
}

/// Begins a session under a token that nobody knew before.
async fn begin(
    entrance: &Entrance,
    account: AccountRow,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let now = entrance.desk.clock.now().wall;
    let before = token(headers, entrance.secure);
    let begun = entrance.desk.store.begin_session(account.id, before.as_ref(), now, now + SESSION);
    let token = begun.await?.ok_or_else(wrong)?;
    tracing::info!(account = account.id, "signed in");
    let cookie = cookie(token.reveal(), SESSION, entrance.secure);
    Ok(([(header::SET_COOKIE, cookie)], Json(Me::of_row(account))).into_response())
}

/// The name of the cookie. The prefix `__Host-` keeps other hosts of the domain from setting it,
/// and is for TLS alone (RFC 6265bis §4.1.3.2).
pub(super) const fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-cadran" } else { "cadran" }
}

fn cookie(token: &str, lasts: Span, secure: bool) -> HeaderValue {
    let (name, seconds) = (cookie_name(secure), lasts.as_micros() / 1_000_000);
    let only = if secure { "; Secure" } else { "" };
    let text =
        format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{only}");
    HeaderValue::try_from(text).expect("a token is hexadecimal digits")
}

/// `POST /desk/sign-out`.
pub(super) async fn sign_out(
    State(entrance): State<Entrance>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    if let Some(token) = token(&headers, entrance.secure) {
        entrance.desk.store.end_session(&token).await?;
    }
    let cookie = cookie("", Span::ZERO, entrance.secure);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// `GET /desk/me`.
pub(super) async fn me(Extension(who): Extension<SignedIn>) -> Json<Me> {
    Json(Me { name: who.name, role: who.role, agent: who.agent.map(|agent| agent.0) })
}

impl Me {
    fn of_row(account: AccountRow) -> Self {
        let agent = account.agent.map(|agent| agent.0);
        Self { name: account.name, role: account.role, agent }
    }
}

/// `POST /desk/invitation`: whom an invitation is for.
pub(super) async fn invited(
    State(entrance): State<Entrance>,
    Extension(Peer(from)): Extension<Peer>,
    bytes: Bytes,
) -> Result<Json<Me>, Refusal> {
    let asked: Invited = body(&bytes)?;
    let account = invitee(&entrance, &Token::new(&asked.invitation), from).await?;
    Ok(Json(Me::of_row(account)))
}

/// `POST /desk/invitation/accept`: chooses the password and signs in.
pub(super) async fn accept(
    State(entrance): State<Entrance>,
    Extension(Peer(from)): Extension<Peer>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Refusal> {
    let asked: Accept = body(&bytes)?;
    let token = Token::new(&asked.invitation);
    let account = invitee(&entrance, &token, from).await?;
    if !password::fits(&asked.password, &account.name) {
        let detail = "a password has 12 letters at least, and is not made of the account's name";
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "password_weak", detail));
    }
    let store = &entrance.desk.store;
    let hash = entrance.passwords.hash(asked.password, store.draw::<SALT_BYTES>()?).await?;
    let accepted = store.accept(&token, &hash, entrance.desk.clock.now().wall).await?;
    begin(&entrance, accepted.ok_or_else(spent)?, &headers).await
}

/// Finds whom an invitation is for. Guesses are counted by address, and those of one token
/// together, so that a stranger's shut out nobody who was invited.
async fn invitee(entrance: &Entrance, token: &Token, from: IpAddr) -> Result<AccountRow, Refusal> {
    let desk = &entrance.desk;
    let now = desk.clock.mono();
    let tried = entrance.tries.begin(token.reveal(), from, now).map_err(Refusal::later)?;
    let found = desk.store.invited(token, desk.clock.now().wall).await?;
    let account = found.ok_or_else(spent)?;
    tried.forgive();
    Ok(account)
}

fn spent() -> Refusal {
    let detail = "the invitation was used, replaced or is too old: ask for another one";
    Refusal::new(StatusCode::GONE, "invitation_over", detail)
}

/// `POST /desk/second-factor`: a secret to be put into a telephone; nothing is kept of it yet.
pub(super) async fn propose_factor(
    State(entrance): State<Entrance>,
    Extension(who): Extension<SignedIn>,
) -> Result<Json<Proposal>, Refusal> {
    let secret = totp::base32(&entrance.desk.store.draw::<{ totp::SECRET_BYTES }>()?);
    Ok(Json(Proposal { uri: totp::uri(&who.name, &secret), secret }))
}

/// `PUT /desk/second-factor`: asks for codes from now on, if one of them is right.
pub(super) async fn set_factor(
    State(entrance): State<Entrance>,
    Extension(who): Extension<SignedIn>,
    Extension(Peer(from)): Extension<Peer>,
    bytes: Bytes,
) -> Result<StatusCode, Refusal> {
    let asked: Factor = body(&bytes)?;
    let (tried, _) = prove(&entrance, &who.name, (from, asked.password)).await?;
    tried.forgive();
    let now = entrance.desk.clock.now().wall;
    let step = totp::step(&asked.secret, &asked.code, now).ok_or_else(wrong_code)?;
    entrance.desk.store.set_totp(who.account, Some(&asked.secret)).await?;
    entrance.desk.store.spend_totp(who.account, step).await?;
    tracing::info!(account = who.account, "a second factor is asked for");
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /desk/second-factor/remove`.
pub(super) async fn remove_factor(
    State(entrance): State<Entrance>,
    Extension(who): Extension<SignedIn>,
    Extension(Peer(from)): Extension<Peer>,
    bytes: Bytes,
) -> Result<StatusCode, Refusal> {
    let asked: Factor = body(&bytes)?;
    let (tried, _) = prove(&entrance, &who.name, (from, asked.password)).await?;
    tried.forgive();
    entrance.desk.store.set_totp(who.account, None).await?;
    tracing::info!(account = who.account, "a second factor is asked for no more");
    Ok(StatusCode::NO_CONTENT)
}

/// Has somebody prove the password of an account. The try counts until it is forgiven; what is our
/// own fault counts for nothing.
async fn prove<'e>(
    entrance: &'e Entrance,
    name: &str,
    (from, password): (IpAddr, String),
) -> Result<(Try<'e>, Credentials), Refusal> {
    let now = entrance.desk.clock.mono();
    let tried = entrance.tries.begin(name, from, now).map_err(Refusal::later)?;
    match known(entrance, name, password).await {
        Ok(Some(known)) => Ok((tried, known)),
        Ok(None) => {
            tracing::warn!("a sign-in failed");
            Err(wrong())
        }
        Err(ours) => {
            tried.forgive();
            Err(ours)
        }
    }
}

/// Gives what an account proves itself with, if this is its password.
async fn known(
    entrance: &Entrance,
    name: &str,
    password: String,
) -> Result<Option<Credentials>, Refusal> {
    let known = entrance.desk.store.credentials(name).await?;
    let hash = known.as_ref().and_then(|known| known.password.clone());
    let right = entrance.passwords.is(password, hash).await?;
    Ok(known.filter(|known| right && known.account.disabled.is_none()))
}
