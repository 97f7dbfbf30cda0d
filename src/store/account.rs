//! Accounts of people: what they prove themselves with, invitations, sessions.
//!
//! Of a session's or an invitation's token only the SHA-256 is kept: whoever reads the database can
//! sign in as nobody.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::backend::{Row, both, statements};
use super::fingerprint::{hex, random_hex};
use super::seal::plain;
use super::text::{at, read};
use super::{Store, StoreError};
use crate::units::{AgentId, Span, Wall};

/// Bytes of a token: 256 random bits, twice what OWASP's session management cheat sheet asks for.
const TOKEN_BYTES: usize = 32;

/// How long an invitation can be accepted: a weekend.
pub const INVITED_FOR: Span = Span::secs(72 * 3_600);

/// Sessions of one account at once at most: seats and telephones of one person. The oldest ends.
const SESSIONS_MAX: u32 = 8;

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes calls at a seat of their own.
    Agent,
    /// Looks after those who take calls.
    Supervisor,
    /// Sets campaigns up and answers for them.
    Manager,
    /// Decides who has an account.
    Administrator,
    /// Reads what was done and changes nothing.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] =
        [Self::Agent, Self::Supervisor, Self::Manager, Self::Administrator, Self::Auditor];

    /// Gives its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Supervisor => "supervisor",
            Self::Manager => "manager",
            Self::Administrator => "administrator",
            Self::Auditor => "auditor",
        }
    }
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// Its number.
    pub id: u32,
    /// The name it signs in with.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The agent whose seat it takes.
    pub agent: Option<AgentId>,
    /// Whether a password was chosen.
    pub enrolled: bool,
    /// Whether a code is asked for beside the password.
    pub second_factor: bool,
    /// Until when its invitation can be accepted, if one waits.
    pub invited_until: Option<Wall>,
    /// Since when it may not sign in.
    pub disabled: Option<Wall>,
}

/// What an account proves itself with.
#[derive(Clone)]
pub struct Credentials {
    /// The account.
    pub account: AccountRow,
    /// The argon2id hash of its password, as a PHC string.
    pub password: Option<String>,
    /// The secret of its second factor, in base 32.
    pub totp: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Credentials").field(&self.account).finish()
    }
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// What tells it from others: the beginning of its token's SHA-256.
    pub id: String,
    /// When it began.
    pub begun: Wall,
    /// When it ends.
    pub until: Wall,
}

/// A token as the browser holds it; never written down.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes what a browser says its token is.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Gives the token itself, for the browser alone.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn sha256(&self) -> String {
        hex(&Sha256::digest(self.0.as_bytes()))
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(hidden)")
    }
}

statements! {
    INVITE = both(
        "insert into account
           (id, name, role, agent_id, invited_sha256, invited_until_at, created_at)
         select coalesce(max(id), 0) + 1, cast($1 as text), cast($2 as text),
           cast($3 as bigint), cast($4 as text), cast($5 as bigint), cast($6 as bigint)
         from account where true
         on conflict (name) do update set role = excluded.role, agent_id = excluded.agent_id,
           invited_sha256 = excluded.invited_sha256,
           invited_until_at = excluded.invited_until_at, disabled_at = null",
    );
    INVITED = both(
        "select * from account
         where invited_sha256 = $1 and invited_until_at > $2 and disabled_at is null",
    );
    ACCEPT = both(
        "update account set password = $3, totp = null, totp_step = null,
           invited_sha256 = null, invited_until_at = null
         where invited_sha256 = $1 and invited_until_at > $2 and disabled_at is null
         returning *",
    );
    ACCOUNT = both("select * from account where name = $1");
    ACCOUNTS = both("select * from account order by name");
    DISABLE = both(
        "update account set disabled_at = $2, password = null, totp = null, totp_step = null,
           invited_sha256 = null, invited_until_at = null
         where id = $1",
    );
    SET_TOTP = both("update account set totp = $2, totp_step = null where id = $1");
    SPEND_STEP = both(
        "update account set totp_step = $2
         where id = $1 and (totp_step is null or totp_step < $2)",
    );
    BEGIN = both(
        "insert into account_session (token_sha256, account_id, begun_at, until_at)
         select cast($1 as text), id, cast($3 as bigint), cast($4 as bigint) from account
         where id = $2 and disabled_at is null and password is not null",
    );
    END = both("delete from account_session where token_sha256 = $1");
    END_OVER = both("delete from account_session where until_at <= $1");
    END_OLDEST = both(
        "delete from account_session where account_id = $1 and token_sha256 not in (
           select token_sha256 from account_session where account_id = $1
           order by begun_at desc, token_sha256 limit $2)",
    );
    END_ALL = both(
        "delete from account_session
         where account_id = $1 and ($2 = '' or substr(token_sha256, 1, 12) = $2)",
    );
    SIGNED_IN = both(
        "select a.* from account_session s join account a on a.id = s.account_id
         where s.token_sha256 = $1 and s.until_at > $2 and a.disabled_at is null",
    );
    SESSIONS = both(
        "select substr(token_sha256, 1, 12) as id, begun_at, until_at from account_session
         where account_id = $1 and until_at > $2 order by begun_at, token_sha256",
    );
}

impl Store {
    /// Draws random bytes, for salts and secrets.
    ///
    /// # Errors
    /// The system gives none.
    pub fn draw<const N: usize>(&self) -> Result<[u8; N], StoreError> {
        let mut bytes = [0; N];
        (self.shared.random)(&mut bytes).map_err(sqlx::Error::Io)?;
        Ok(bytes)
    }

    /// Invites somebody: the account is made, or takes the new role and seat, and the token lets
    /// whoever has it choose its password once. An invitation takes the place of the one before.
    ///
    /// # Errors
    /// There is no such agent, or the database failed.
    pub async fn invite(
        &self,
        name: &str,
        (role, agent): (Role, Option<AgentId>),
        now: Wall,
        until: Wall,
    ) -> Result<Token, StoreError> {
        let token = self.new_token()?;
        let invite = INVITE.bind(name).bind(role.name()).bind(agent.map(|agent| agent.0));
        let invite = invite.bind(token.sha256()).bind(at(until)).bind(at(now));
        invite.execute(&mut self.writer().await.db().await?).await?;
        Ok(token)
    }

    /// Finds whom an invitation is for, while it can be accepted.
    ///
    /// # Errors
    /// The database failed.
    pub async fn invited(
        &self,
        token: &Token,
        now: Wall,
    ) -> Result<Option<AccountRow>, StoreError> {
        let row = INVITED.bind(token.sha256()).bind(at(now));
        let row = row.fetch_optional(&mut self.reader().await?.db()).await?;
        row.as_ref().map(account_row).transpose()
    }

    /// Accepts an invitation, once: the password is set, a second factor is forgotten, and whoever
    /// was signed in with the account is so no more. `None` if it cannot be accepted any more.
    ///
    /// # Errors
    /// The database failed.
    pub async fn accept(
        &self,
        token: &Token,
        password: &str,
        now: Wall,
    ) -> Result<Option<AccountRow>, StoreError> {
        let mut writer = self.writer().await;
        let mut transaction = writer.begin().await?;
        let mut db = transaction.db()?;
        let accept = ACCEPT.bind(token.sha256()).bind(at(now)).bind(password);
        let Some(row) = accept.fetch_all(&mut db).await?.pop() else { return Ok(None) };
        let account = account_row(&row)?;
        END_ALL.bind(account.id).bind("").execute(&mut db).await?;
        transaction.commit().await?;
        Ok(Some(account))
    }

    /// Gives what the account of a name proves itself with.
    ///
    /// # Errors
    /// The database failed, or the key file does not open a secret.
    pub async fn credentials(&self, name: &str) -> Result<Option<Credentials>, StoreError> {
        let row = ACCOUNT.bind(name).fetch_optional(&mut self.reader().await?.db()).await?;
        let Some(row) = row else { return Ok(None) };
        let sealed: Option<String> = row.try_get("totp")?;
        let opened = sealed.map(|text| plain(Some(self.shared.seals.accounts()), text));
        let (password, totp) = (row.try_get("password")?, opened.transpose()?.flatten());
        Ok(Some(Credentials { account: account_row(&row)?, password, totp }))
    }

    /// Lists every account by name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn accounts(&self) -> Result<Vec<AccountRow>, StoreError> {
        let rows = ACCOUNTS.query().fetch_all(&mut self.reader().await?.db()).await?;
        rows.iter().map(account_row).collect()
    }

    /// Lets an account sign in no more: its password, second factor and invitation are forgotten,
    /// its sessions end. A new invitation opens it again.
    ///
    /// # Errors
    /// The database failed.
    pub async fn disable_account(&self, account: u32, now: Wall) -> Result<(), StoreError> {
        let mut writer = self.writer().await;
        let mut transaction = writer.begin().await?;
        let mut db = transaction.db()?;
        DISABLE.bind(account).bind(at(now)).execute(&mut db).await?;
        END_ALL.bind(account).bind("").execute(&mut db).await?;
        transaction.commit().await
    }

    /// Sets the secret of an account's second factor, or takes it away.
    ///
    /// # Errors
    /// The database failed.
    pub async fn set_totp(&self, account: u32, secret: Option<&str>) -> Result<(), StoreError> {
        let sealed = secret.map(|secret| self.shared.seals.accounts().seal(secret)).transpose()?;
        let set = SET_TOTP.bind(account).bind(sealed);
        set.execute(&mut self.writer().await.db().await?).await.map(drop)
    }

    /// Uses a step of an account's second factor up; `false` if it, or a later one, was used before
    /// (RFC 6238 §5.2).
    ///
    /// # Errors
    /// The database failed.
    pub async fn spend_totp(&self, account: u32, step: u64) -> Result<bool, StoreError> {
        let spend = SPEND_STEP.bind(account).bind(step.cast_signed());
        Ok(spend.execute(&mut self.writer().await.db().await?).await? == 1)
    }

    /// Begins a session under a new token; one that the browser had before ends with it, so that
    /// nobody can have chosen the token for somebody else. `None` for an account that may not sign
    /// in.
    ///
    /// # Errors
    /// The database failed.
    pub async fn begin_session(
        &self,
        account: u32,
        before: Option<&Token>,
        now: Wall,
        until: Wall,
    ) -> Result<Option<Token>, StoreError> {
        let token = self.new_token()?;
        let mut writer = self.writer().await;
        let mut transaction = writer.begin().await?;
        let mut db = transaction.db()?;
        END_OVER.bind(at(now)).execute(&mut db).await?;
        if let Some(before) = before {
            END.bind(before.sha256()).execute(&mut db).await?;
        }
        let begin = BEGIN.bind(token.sha256()).bind(account).bind(at(now)).bind(at(until));
        if begin.execute(&mut db).await? == 0 {
            return Ok(None);
        }
        END_OLDEST.bind(account).bind(SESSIONS_MAX).execute(&mut db).await?;
        transaction.commit().await?;
        Ok(Some(token))
    }

    /// Tells whose session a token is, while it lasts.
    ///
    /// # Errors
    /// The database failed.
    pub async fn signed_in(
        &self,
        token: &Token,
        now: Wall,
    ) -> Result<Option<AccountRow>, StoreError> {
        let row = SIGNED_IN.bind(token.sha256()).bind(at(now));
        let row = row.fetch_optional(&mut self.reader().await?.db()).await?;
        row.as_ref().map(account_row).transpose()
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The database failed.
    pub async fn end_session(&self, token: &Token) -> Result<(), StoreError> {
        let end = END.bind(token.sha256());
        end.execute(&mut self.writer().await.db().await?).await.map(drop)
    }

    /// Ends an account's sessions, or the one of an id; gives how many ended.
    ///
    /// # Errors
    /// The database failed.
    pub async fn end_sessions(&self, account: u32, id: Option<&str>) -> Result<u64, StoreError> {
        let end = END_ALL.bind(account).bind(id.unwrap_or_default());
        end.execute(&mut self.writer().await.db().await?).await
    }

    /// Lists an account's sessions, the oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sessions(&self, account: u32, now: Wall) -> Result<Vec<SessionRow>, StoreError> {
        let rows = SESSIONS.bind(account).bind(at(now));
        let rows = rows.fetch_all(&mut self.reader().await?.db()).await?;
        let session = |row: &Row| {
            Ok(SessionRow {
                id: row.try_get("id")?,
                begun: Wall::micros(row.try_get("begun_at")?),
                until: Wall::micros(row.try_get("until_at")?),
            })
        };
        rows.iter().map(session).collect()
    }

    fn new_token(&self) -> Result<Token, StoreError> {
        let text = random_hex::<TOKEN_BYTES>(self.shared.random).map_err(sqlx::Error::Io)?;
        Ok(Token(text))
    }
}

fn account_row(row: &Row) -> Result<AccountRow, StoreError> {
    let moment =
        |column: &str| Ok::<_, StoreError>(row.try_get::<Option<i64>>(column)?.map(Wall::micros));
    Ok(AccountRow {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        role: read("role", &row.try_get::<String>("role")?)?,
        agent: row.try_get::<Option<u32>>("agent_id")?.map(AgentId),
        enrolled: row.try_get::<Option<String>>("password")?.is_some(),
        second_factor: row.try_get::<Option<String>>("totp")?.is_some(),
        invited_until: moment("invited_until_at")?,
        disabled: moment("disabled_at")?,
    })
}
