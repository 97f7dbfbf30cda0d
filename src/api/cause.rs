//! The public shapes of why nothing is dialled: causes in order, the first true one first.
//!
//! Codes are stable and never translated; the command line and the pages make the sentence.

use serde::{Deserialize, Serialize};

use super::types::{Agent, Call, Campaign};
use crate::config::Words;
use crate::core::fact::PersonKind;

/// Why who or what was asked about is not dialled, or waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Explained {
    /// It is a campaign.
    Campaign(Box<CampaignWhy>),
    /// It is an agent.
    Agent(Box<AgentWhy>),
    /// It is a number, or a contact's reference.
    Contacts(ContactsWhy),
}

/// What may be asked about, where a name alone does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A campaign's name.
    Campaign,
    /// An agent's name, which is the phone's user name too.
    Agent,
    /// A telephone number.
    Number,
    /// A contact's id, or the CRM's reference of it.
    Contact,
}

/// One cause.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// The stable code: a rule's id, `holiday`, `retry-delay`, `nobody-ready`…
    pub code: String,
    /// The contacts it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contacts: Option<u64>,
    /// The agents it keeps busy or away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agents: Option<u64>,
    /// When it ends, for the first of them; left out if nobody knows, or if it never does by
    /// waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The rule of law behind it, by its id in the law pack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law: Option<String>,
    /// The campaign it is a cause of, where an agent or a contact was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// The agent or campaign that is waited for, or the break of the agent who was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// The quota that is full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<FullQuota>,
    /// The skills that are missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<String>,
    /// What a carrier's refusal usually means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub means: Option<Words>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Words>,
}

/// A quota that keeps contacts from being called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FullQuota {
    /// Its name.
    pub name: String,
    /// Contacts with a disposition of its class.
    pub reached: u64,
    /// How many were wanted.
    pub max: u32,
}

/// Why a campaign dials nobody, or no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignWhy {
    /// The campaign; its `idle` is `None` while calls ring.
    #[serde(flatten)]
    pub campaign: Campaign,
    /// The moment of which all this is true.
    pub at: String,
    /// What keeps it and its contacts, the first true cause first.
    pub causes: Vec<Cause>,
    /// Contacts that no rule keeps from being called now.
    pub callable: u64,
    /// Contacts that wait for nothing and were not put to the rules one by one: there are too many.
    pub unasked: u64,
}

/// Why an agent waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentWhy {
    /// The agent.
    #[serde(flatten)]
    pub agent: Agent,
    /// The moment of which all this is true.
    pub at: String,
    /// What keeps calls from the agent, the first true cause first.
    pub causes: Vec<Cause>,
    /// The campaigns the agent is ready for, best first.
    pub serves: Vec<CampaignWhy>,
}

/// Why contacts are not called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContactsWhy {
    /// The moment of which all this is true.
    pub at: String,
    /// The contact in each campaign that has it, the latest first.
    pub contacts: Vec<ContactWhy>,
}

/// Why one contact is not called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContactWhy {
    /// The contact.
    pub contact: u64,
    /// The CRM's own id.
    pub external_id: Option<String>,
    /// The number the rules were asked about, E.164; left out once erased.
    pub number: Option<String>,
    /// What kind of person it is, where its list told: `consumer`, `professional` or
    /// `sole_trader`; one as the campaign calls otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonKind>,
    /// Attempts made.
    pub attempts: u32,
    /// The last of them.
    pub last: Option<Call>,
    /// What keeps it from being called, the first true cause first; those of its campaign come
    /// last.
    pub causes: Vec<Cause>,
    /// Whether nothing of its own keeps it from being called now.
    pub callable: bool,
    /// When it may be called next; `None` if waiting alone does not bring it there, or nobody
    /// knows when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Why it is tried again at the hour it is, where the retry plan looks for the best one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hour: Option<BestHour>,
    /// Its campaign.
    pub campaign: Campaign,
}

/// The hour a contact is tried again at, and how likely it is reached then
/// ([`Habits`](crate::core::habits)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestHour {
    /// When it is due.
    pub at: String,
    /// The chance to reach it then, 0 to 1.
    pub chance: f64,
    /// Attempts at that hour in its list, all working days being one.
    pub tried: u32,
    /// Those that reached a person.
    pub reached: u32,
    /// The contact's own attempts at that hour.
    pub own_tried: u32,
    /// Those that reached a person.
    pub own_reached: u32,
}
