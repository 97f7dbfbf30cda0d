//! `cadran account`.

use clap::{Args, Subcommand};

use super::client::{At, Client};
use super::failure::{Exit, Outcome};
use super::output::{Lang, Output, Sheet, minute};
use super::{Global, wait_for};
use crate::api::types::{self, NewAccount, RevokeRequest, Revoked};
use crate::store::Role;

/// Say who may sign in at the desk.
#[derive(Debug, Subcommand)]
pub(super) enum Account {
    /// Invite somebody, or anew whoever lost the password: prints a link that works once
    #[command(before_help = "Examples:
  cadran account invite amina --role agent --agent amina
  cadran account invite claire --role supervisor
  cadran account invite admin --role administrator

Whoever opens the link first chooses the password, within 3 days. That ends the account's sessions
and its second factor.")]
    Invite(Invite),
    /// List accounts with their roles
    #[command(before_help = "Examples:
  cadran account list")]
    List,
    /// Let an account sign in no more, and end its sessions; an invitation opens it again
    #[command(before_help = "Examples:
  cadran account disable bruno")]
    Disable(Named),
    /// List the sessions of an account
    #[command(before_help = "Examples:
  cadran account sessions amina")]
    Sessions(Named),
    /// End the sessions of an account, or one of them
    #[command(before_help = "Examples:
  cadran account revoke amina
  cadran account revoke amina --session 3f9c01d2ab77")]
    Revoke(Revoke),
}

/// Whom to invite.
#[derive(Debug, Args)]
pub(super) struct Invite {
    /// The name to sign in with
    name: String,
    /// What the account may do: agent, supervisor, manager, administrator or auditor
    #[arg(long, default_value = "agent", value_parser = role)]
    role: Role,
    /// The agent whose seat it takes
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
}

/// One account.
#[derive(Debug, Args)]
pub(super) struct Named {
    /// Its name
    name: String,
}

/// Which sessions to end.
#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// The account's name
    name: String,
    /// The one session, as `cadran account sessions` names it [default: all of them]
    #[arg(long, value_name = "ID")]
    session: Option<String>,
}

fn role(text: &str) -> Result<Role, String> {
    Role::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| {
        let known = Role::ALL.map(Role::name).join(", ");
        format!("{text:?} is none of {known}")
    })
}

impl Account {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let client = Client::open(global)?;
        match self {
            Self::Invite(invite) => invite.run(&client, output),
            Self::List => list(&client, output),
            Self::Disable(named) => act(&client, output, (&named.name, "disable"), None),
            Self::Sessions(named) => sessions(&client, output, &named.name),
            Self::Revoke(revoke) => act(&client, output, (&revoke.name, "revoke"), revoke.session),
        }
    }
}

impl Invite {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let new = NewAccount { name: self.name, role: Some(self.role), agent: self.agent };
        let made: types::Invitation = wait_for(client.post(&At::path(["accounts"]), &new))?;
        output.show(&made, |lang| {
            let mut sheet = Sheet::new(&[
                lang.say("account", "compte"),
                lang.say("link", "lien"),
                lang.say("until", "jusqu'au"),
            ]);
            sheet.add([made.account.clone(), made.link.clone(), minute(&made.until)]);
            sheet
        });
        output.note(output.lang.say(
            "    → hand the link over yourself: whoever opens it first has the account",
            "    → remettez vous-même le lien : qui l'ouvre le premier a le compte",
        ));
        Ok(Exit::Done)
    }
}

fn list(client: &Client, output: &Output) -> Outcome {
    let accounts: Vec<types::Account> = wait_for(client.get(&At::path(["accounts"])))?;
    output.show(&accounts, |lang| {
        let mut sheet = Sheet::new(&[
            lang.say("account", "compte"),
            lang.say("role", "rôle"),
            lang.say("agent", "agent"),
            lang.say("state", "état"),
            lang.say("code", "code"),
        ]);
        for account in &accounts {
            sheet.add([
                account.name.clone(),
                role_in(account.role, lang).to_owned(),
                account.agent.clone().unwrap_or_default(),
                state_in(&account.state, lang).to_owned(),
                if account.second_factor { lang.say("yes", "oui") } else { "" }.to_owned(),
            ]);
        }
        sheet
    });
    Ok(Exit::Done)
}

fn role_in(role: Role, lang: Lang) -> &'static str {
    let french = match role {
        Role::Agent => "télévendeur",
        Role::Supervisor => "superviseur",
        Role::Manager => "responsable",
        Role::Administrator => "administrateur",
        Role::Auditor => "auditeur",
    };
    lang.say(role.name(), french)
}

fn state_in(state: &str, lang: Lang) -> &str {
    match (state, lang) {
        ("invited", Lang::Fr) => "invité",
        ("active", Lang::Fr) => "actif",
        ("disabled", Lang::Fr) => "fermé",
        (state, _) => state,
    }
}

fn sessions(client: &Client, output: &Output, name: &str) -> Outcome {
    let at = At::path(["accounts", name, "sessions"]);
    let sessions: Vec<types::Session> = wait_for(client.get(&at))?;
    output.show(&sessions, |lang| {
        let mut sheet = Sheet::new(&[
            lang.say("session", "session"),
            lang.say("since", "depuis"),
            lang.say("until", "jusqu'au"),
        ]);
        for session in &sessions {
            sheet.add([session.id.clone(), minute(&session.begun), minute(&session.until)]);
        }
        sheet
    });
    Ok(Exit::Done)
}

/// Does something to an account, and says how many sessions ended with it.
fn act(
    client: &Client,
    output: &Output,
    (name, verb): (&str, &str),
    session: Option<String>,
) -> Outcome {
    let at = At::path(["accounts", name, verb]);
    let ended: Revoked = wait_for(client.post(&at, &RevokeRequest { session }))?;
    output.show(&ended, |lang| {
        let mut sheet = Sheet::new(&[lang.say("sessions ended", "sessions fermées")]);
        sheet.add([ended.sessions.to_string()]);
        sheet
    });
    Ok(Exit::Done)
}
