//! Passwords: hashed by argon2id, a few at once.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, PasswordHash};
use tokio::sync::Semaphore;

use super::refusal::Refusal;
use crate::engine::tasks::Tasks;

/// Letters of a password: NIST SP 800-63B §5.1.1.2 asks for 8 at least, and 64 must be allowed.
const LETTERS: std::ops::RangeInclusive<usize> = 12..=256;

/// Bytes of a salt (RFC 9106 §3.1).
pub(super) const SALT_BYTES: usize = 16;

/// Hashes at once: 19 MiB and some 30 ms of a processor each, which calls need too.
const AT_ONCE: usize = 2;

/// Whoever waits for one; more are asked to come again. A floor that signs in within two seconds.
const WAITING_MAX: usize = 64;

/// The hash of no password, of the same cost: whether an account exists takes no less time to tell.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA\
                      $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and compares passwords.
#[derive(Clone, Debug)]
pub(super) struct Passwords {
    tasks: Tasks,
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// Checks that a password can be chosen: long, and not made of the account's name.
pub(super) fn fits(password: &str, name: &str) -> bool {
    let small = password.to_lowercase();
    LETTERS.contains(&password.chars().count()) && !small.replace(name, "").trim().is_empty()
}

impl Passwords {
    /// Makes the one place where passwords are hashed.
    pub(super) fn new(tasks: Tasks) -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self { tasks, turns: places(AT_ONCE), waiting: places(WAITING_MAX) }
    }

    /// Hashes a password to a PHC string, with the parameters OWASP's password storage cheat sheet
    /// gives for argon2id: 19 MiB, two passes, one lane.
    pub(super) async fn hash(
        &self,
        password: String,
        salt: [u8; SALT_BYTES],
    ) -> Result<String, Refusal> {
        let hashed = self.turn(move || {
            let hash: Result<PasswordHash, _> =
                Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string())
        });
        hashed.await?.map_err(|_| Refusal::invalid("the password cannot be hashed"))
    }

    /// Tells whether a password is the hashed one; it takes as long where there is none.
    pub(super) async fn is(&self, password: String, hash: Option<String>) -> Result<bool, Refusal> {
        self.turn(move || {
            let known = hash.as_deref().unwrap_or(NOBODY);
            let same = Argon2::default().verify_password(password.as_bytes(), known);
            same.is_ok() && hash.is_some()
        })
        .await
    }

    /// Does work when its turn comes. The turn ends with the work, although whoever asked may be
    /// gone before.
    async fn turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let _place = self.waiting.try_acquire().map_err(|_| Refusal::busy())?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Refusal::busy())?;
        let done = self.tasks.compute(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.ok_or_else(Refusal::busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_alone() -> Result<(), Refusal> {
        let passwords = Passwords::new(Tasks::new());
        let right = || "quatre chats gris".to_owned();
        let hash = passwords.hash(right(), [7; SALT_BYTES]).await?;
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.is(right(), Some(hash.clone())).await?);
        assert!(!passwords.is("quatre chats gras".to_owned(), Some(hash)).await?);
        assert!(!passwords.is(right(), None).await?);
        assert!(Argon2::default().verify_password(b"x", NOBODY).is_err());
        assert!(PasswordHash::new(NOBODY).is_ok(), "it is hashed as any other");
        Ok(())
    }

    #[test]
    fn a_short_password_or_one_of_the_name_cannot_be_chosen() {
        assert!(fits("quatre chats gris", "amina"));
        for wrong in ["", "onze signes", "aminaAMINAamina", &"x".repeat(257)] {
            assert!(!fits(wrong, "amina"), "{wrong}");
        }
    }
}
