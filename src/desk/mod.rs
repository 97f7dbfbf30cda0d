//! The desk: the pages people work with, and the door to them.

mod asks;
mod card;
pub mod moment;
pub mod protocol;
mod seats;
pub mod session;
mod view;
mod waiting;

use serde::{Deserialize, Serialize};

use crate::units::AgentId;

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
