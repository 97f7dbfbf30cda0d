//! Accounts: invitations, sessions, second factors.

use cadran::store::{NewAgent, Role, StoreError, Token};
use cadran::units::{AgentId, Span};

use super::fixture::{Done, House, LEASE, NOON};

/// Any text stands for a hash here: the store does not read it.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA";

/// Whether a text stands anywhere in the database.
async fn is_kept(house: &House, text: &str) -> Result<bool, Box<dyn std::error::Error>> {
    Ok(house.dump().await?.iter().any(|(_, rows)| rows.contains(text)))
}

pub(crate) async fn an_invitation_is_accepted_once_and_before_its_end(house: House) -> Done {
    let (store, until) = (&house.store, NOON + LEASE);
    let seat = (Role::Supervisor, None);
    let late = store.invite("claire", seat, NOON, until).await?;
    assert_eq!(store.accept(&late, HASH, until).await?, None, "its time is over");
    let token = store.invite("claire", seat, NOON, until).await?;
    assert_eq!(store.invited(&late, NOON).await?, None, "the later one took its place");
    let account = store.invited(&token, NOON).await?.ok_or("nobody is invited")?;
    assert_eq!((&*account.name, account.role, account.enrolled), ("claire", seat.0, false));

    let (one, two) =
        tokio::join!(store.accept(&token, HASH, NOON), store.accept(&token, HASH, NOON));
    let accepted: Vec<_> = [one?, two?].into_iter().flatten().collect();
    assert_eq!(accepted.len(), 1, "of two at once one is accepted");
    assert!(accepted[0].enrolled && accepted[0].invited_until.is_none());
    assert_eq!(store.invited(&token, NOON).await?, None);
    assert!(!is_kept(&house, token.reveal()).await?, "only its SHA-256 is");
    let nobody = store.invite("x", (Role::Agent, Some(AgentId(9))), NOON, until).await;
    assert!(matches!(nobody, Err(StoreError::Conflict(_))), "{nobody:?}");
    Ok(())
}

pub(crate) async fn a_session_ends_with_its_time_its_account_and_the_next_sign_in(
    house: House,
) -> Done {
    let (store, until) = (&house.store, NOON + LEASE);
    let name = "amina".to_owned();
    let agent = NewAgent { name, ha1: None, contact_uri: None, campaigns: vec![], skills: None };
    let agent = store.set_agent(&agent).await?;
    let invitation = store.invite("amina", (Role::Agent, Some(agent)), NOON, until).await?;
    let id = store.accounts().await?[0].id;
    assert_eq!(store.begin_session(id, None, NOON, until).await?, None, "no password yet");
    store.accept(&invitation, HASH, NOON).await?;

    let begin = async |before: Option<&Token>| -> Result<Token, Box<dyn std::error::Error>> {
        Ok(store.begin_session(id, before, NOON, until).await?.ok_or("no session")?)
    };
    let first = begin(None).await?;
    let account = store.signed_in(&first, NOON).await?.ok_or("nobody is signed in")?;
    assert_eq!((account.id, account.agent), (id, Some(agent)));
    assert_eq!(store.signed_in(&first, until).await?, None, "its time is over");
    assert!(!is_kept(&house, first.reveal()).await?, "only its SHA-256 is");

    let next = begin(Some(&first)).await?;
    assert_ne!(next, first);
    assert_eq!(store.signed_in(&first, NOON).await?, None, "the one before is over");
    store.end_session(&next).await?;
    assert_eq!(store.signed_in(&next, NOON).await?, None);

    for _ in 0..9 {
        begin(None).await?;
    }
    let sessions = store.sessions(id, NOON).await?;
    assert_eq!(sessions.len(), 8, "the oldest went");
    assert_eq!(store.end_sessions(id, Some(&sessions[0].id)).await?, 1);
    assert_eq!(store.end_sessions(id, None).await?, 7);

    let last = begin(None).await?;
    store.disable_account(id, NOON).await?;
    assert_eq!(store.signed_in(&last, NOON).await?, None);
    assert_eq!(store.begin_session(id, None, NOON, until).await?, None);
    assert_eq!(store.accounts().await?[0].disabled, Some(NOON));
    let again = store.invite("amina", (Role::Agent, Some(agent)), NOON, until).await?;
    assert_eq!(store.begin_session(id, None, NOON, until).await?, None, "not accepted yet");
    store.accept(&again, HASH, NOON).await?;
    let last = begin(None).await?;
    let recovery = store.invite("amina", (Role::Agent, Some(agent)), NOON, until).await?;
    assert!(store.signed_in(&last, NOON).await?.is_some(), "an invitation alone ends nothing");
    store.accept(&recovery, HASH, NOON).await?;
    assert_eq!(store.signed_in(&last, NOON).await?, None, "a new password does");
    Ok(())
}

pub(crate) async fn a_second_factor_is_sealed_and_none_of_its_steps_is_taken_twice(
    house: House,
) -> Done {
    let (store, until) = (&house.store, NOON + Span::secs(60));
    let invitation = store.invite("claire", (Role::Manager, None), NOON, until).await?;
    let id = store.accept(&invitation, HASH, NOON).await?.ok_or("not accepted")?.id;
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    store.set_totp(id, Some(secret)).await?;
    assert!(!is_kept(&house, secret).await?);
    let held = store.credentials("claire").await?.ok_or("no account")?;
    assert_eq!((held.totp.as_deref(), held.password.as_deref()), (Some(secret), Some(HASH)));
    assert!(held.account.second_factor);
    assert!(store.spend_totp(id, 7).await?);
    assert!(!store.spend_totp(id, 7).await? && !store.spend_totp(id, 6).await?);
    assert!(store.spend_totp(id, 8).await?);

    let recovery = store.invite("claire", (Role::Manager, None), NOON, until).await?;
    store.accept(&recovery, HASH, NOON).await?;
    let held = store.credentials("claire").await?.ok_or("no account")?;
    assert_eq!(held.totp, None, "a new invitation helps whoever lost the telephone");
    assert!(store.credentials("nobody").await?.is_none());
    Ok(())
}
