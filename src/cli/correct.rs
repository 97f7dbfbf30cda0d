//! An agent corrects a contact's card: `cadran agent correct`.

use clap::Args;

use super::client::{At, Client};
use super::failure::{Exit, Failure, Outcome};
use super::output::{Output, Sheet};
use super::wait_for;
use crate::api::contacts::{Corrected, Corrections};
use crate::api::types::Agent;

/// What an agent corrects.
#[derive(Debug, Args)]
pub(super) struct Correct {
    /// The agent
    agent: String,
    /// Fields of the list with their new values
    #[arg(value_name = "FIELD=VALUE", value_parser = field)]
    fields: Vec<(String, String)>,
    /// The contact [default: the one on the agent's card]
    #[arg(long)]
    contact: Option<u64>,
    /// The call in which it was said [default: the agent's latest with the contact]
    #[arg(long)]
    call: Option<u64>,
    /// The name
    #[arg(long)]
    name: Option<String>,
    /// A number the contact has besides, E.164
    #[arg(long, value_name = "NUMBER")]
    number: Vec<String>,
    /// A number that is not the contact's, E.164
    #[arg(long, value_name = "NUMBER")]
    wrong_number: Vec<String>,
}

fn field(text: &str) -> Result<(String, String), String> {
    let split = text.split_once('=').filter(|(field, _)| !field.trim().is_empty());
    let (field, value) = split.ok_or_else(|| "write it as email=camille@example.org".to_owned())?;
    Ok((field.to_owned(), value.to_owned()))
}

impl Correct {
    pub(super) fn run(self, client: &Client, output: &Output) -> Outcome {
        let contact = match self.contact {
            Some(contact) => contact,
            None => shown(client, &self.agent)?,
        };
        let corrections = Corrections {
            agent: self.agent,
            call: self.call,
            name: self.name,
            fields: self.fields.into_iter().collect(),
            add_numbers: self.number,
            wrong_numbers: self.wrong_number,
        };
        let id = contact.to_string();
        let corrected: Corrected =
            wait_for(client.patch(&At::path(["contacts", &id]), &corrections))?;
        output.show(&corrected, |lang| {
            let mut sheet = Sheet::new(&["", ""]);
            let changed = corrected.changed.to_string();
            sheet.add([lang.say("corrected", "corrigés").to_owned(), changed]);
            sheet
        });
        Ok(Exit::Done)
    }
}

/// Gives the contact on an agent's card.
fn shown(client: &Client, name: &str) -> Result<u64, Failure> {
    let agents: Vec<Agent> = wait_for(client.get(&At::path(["agents"]).with("fresh", Some(true))))?;
    let contact = agents.into_iter().find(|agent| agent.name == name);
    contact.and_then(|agent| agent.contact_id).ok_or_else(|| {
        let failure =
            Failure::new(Exit::WrongState, "no_card", "the agent has no contact on the card");
        failure.hint("name it with --contact; `cadran call list --agent NAME` shows the calls")
    })
}
