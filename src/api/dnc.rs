//! Do-not-call wishes from outside a call: a letter, a list, a CRM.

use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};

use super::consents::no_client;
use super::error::{Answer, ApiError};
use super::{Desk, Search, body};
use crate::engine::handle::{Ask, Refused};
use crate::store::{CampaignRow, DncScope, DoNotCallRow, NewDoNotCall, PAGE_MAX};
use crate::units::{CampaignId, ClientId, Number, PersonId, Wall};

/// Numbers in one request at most: half of what a body holds.
pub const NUMBERS_MAX: usize = 2_000;

/// Letters of a reason or source at most.
pub const WORDS_MAX: usize = 200;

/// How far a wish reaches: one client company, one campaign, or everyone if neither is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// The client company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The campaign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
}

/// The body of `POST /v1/do-not-call`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewWishes {
    /// The numbers in E.164, at most [`NUMBERS_MAX`].
    pub numbers: Vec<String>,
    /// How far the wish reaches.
    #[serde(default)]
    pub reach: Reach,
    /// Why, in words.
    pub reason: String,
    /// Where it comes from: a letter, a list, a system.
    pub source: String,
    /// When it ends, RFC 3339; never unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// The body of `POST /v1/do-not-call/end`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndWishes {
    /// The number in E.164.
    pub number: String,
    /// The reach of the wish that ends; all of them unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
}

/// How many wishes a request changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// So many.
    pub changed: u64,
}

/// A standing wish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// The number in E.164; `None` for one that was never a contact's, or was erased: the wish
    /// holds by its fingerprint.
    pub number: Option<String>,
    /// How far it reaches.
    pub reach: Reach,
    /// Why.
    pub reason: String,
    /// Where it comes from: a list, a letter, a call.
    pub source: String,
    /// When it was said, RFC 3339 in UTC.
    pub at: String,
    /// When it ends.
    pub until: Option<String>,
    /// What to give as `after` for those behind it.
    pub page: String,
}

/// The query of `GET /v1/do-not-call`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    after: Option<String>,
    #[serde(default = "page")]
    limit: u32,
}

fn page() -> u32 {
    PAGE_MAX
}

/// `POST /v1/do-not-call`: holds for every queue at once, also for calls that only ring.
pub(super) async fn add(State(desk): State<Desk>, bytes: Bytes) -> Answer<Changed> {
    let new: NewWishes = body(&bytes)?;
    if !(1..=NUMBERS_MAX).contains(&new.numbers.len()) {
        let detail = format!("{} numbers: give 1 to {NUMBERS_MAX}", new.numbers.len());
        return Err(ApiError::invalid(detail));
    }
    for (name, words) in [("reason", &new.reason), ("source", &new.source)] {
        if words.trim().is_empty() || words.chars().count() > WORDS_MAX {
            let detail = format!("{name}: give 1 to {WORDS_MAX} letters");
            return Err(ApiError::invalid(detail));
        }
    }
    Ok(axum::Json(wished(&desk, new).await?))
}

/// Writes wishes down, and has every queue keep them at once.
pub(crate) async fn wished(desk: &Desk, new: NewWishes) -> Result<Changed, ApiError> {
    let scope = desk.scope(&new.reach)?;
    let at = desk.clock.now().wall;
    let until = new.until.as_deref().map(|text| moment(text, at)).transpose()?;
    let wish = |text: &String| -> Result<NewDoNotCall, ApiError> {
        let (reason, source) = (new.reason.clone(), new.source.clone());
        Ok(NewDoNotCall { number: number(text)?, scope, reason, source, at, until })
    };
    let wishes = new.numbers.iter().map(wish).collect::<Result<Vec<_>, _>>()?;
    let changed = u64::try_from(wishes.len()).unwrap_or(u64::MAX);
    let noted = desk.clone();
    desk.see_through(async move {
        let persons = noted.store.add_do_not_call(&wishes).await?;
        noted.tell(persons.into_iter().map(|person| Ask::DoNotCall(person, scope))).await
    })
    .await
    .ok_or(Refused::Leaving)??;
    Ok(Changed { changed })
}

/// `POST /v1/do-not-call/end`: the person may be called again.
pub(super) async fn end(State(desk): State<Desk>, bytes: Bytes) -> Answer<Changed> {
    let EndWishes { number: text, reach } = body(&bytes)?;
    let scope = reach.map(|reach| desk.scope(&reach)).transpose()?;
    let now = desk.clock.now().wall;
    let changed = desk.store.end_do_not_call(&number(&text)?, scope, now).await?;
    Ok(axum::Json(Changed { changed }))
}

/// `GET /v1/do-not-call/{number}`: the wishes that stand against a number.
pub(super) async fn check(State(desk): State<Desk>, Path(text): Path<String>) -> Answer<Vec<Wish>> {
    let number = number(&text)?;
    let rows = desk.store.do_not_call(&number, desk.clock.now().wall).await?;
    let wishes = rows.into_iter().map(|row| desk.wish(row));
    let told = wishes.map(|wish| Wish { number: Some(number.reveal().to_owned()), ..wish });
    Ok(axum::Json(told.collect()))
}

/// `GET /v1/do-not-call`: every wish that stands, a page at a time.
pub(super) async fn list(
    State(desk): State<Desk>,
    Search(query): Search<ListQuery>,
) -> Answer<Vec<Wish>> {
    let after = query.after.as_deref().map(cursor).transpose()?;
    let limit = query.limit.clamp(1, PAGE_MAX);
    let rows = desk.store.do_not_calls(after, limit, desk.clock.now().wall).await?;
    Ok(axum::Json(rows.into_iter().map(|row| desk.wish(row)).collect()))
}

impl Desk {
    /// Tells the engine of what was written down, all of it; gives the first fault.
    pub(super) async fn tell(&self, news: impl Iterator<Item = Ask>) -> Result<(), ApiError> {
        let mut told = Ok(());
        for ask in news {
            told = told.and(self.handle.ask(ask).await.map(drop));
        }
        Ok(told?)
    }

    fn scope(&self, reach: &Reach) -> Result<DncScope, ApiError> {
        match (&reach.client, &reach.campaign) {
            (None, None) => Ok(DncScope::Everyone),
            (Some(_), Some(_)) => {
                Err(ApiError::invalid("a wish reaches a client company or a campaign, not both"))
            }
            (None, Some(name)) => Ok(DncScope::Campaign(self.campaign(name)?.1.id)),
            (Some(name), None) => {
                let found = self.campaigns.iter().find(|row| row.client_name == *name);
                let scope = found.map(|row| DncScope::Client(row.client));
                scope.ok_or_else(|| no_client(self, name))
            }
        }
    }

    fn wish(&self, row: DoNotCallRow) -> Wish {
        let (word, id) = match row.scope {
            DncScope::Everyone => ("everyone", 0),
            DncScope::Client(client) => ("client", client.0),
            DncScope::Campaign(campaign) => ("campaign", campaign.0),
        };
        Wish {
            page: format!("{}-{word}-{id}", row.person.0),
            number: row.number.map(|number| number.reveal().to_owned()),
            reach: self.reach(row.scope),
            reason: row.reason,
            source: row.source,
            at: row.at.to_string(),
            until: row.until.map(|until| until.to_string()),
        }
    }

    /// Names a reach; a campaign or client that is in no file any more by its id.
    fn reach(&self, scope: DncScope) -> Reach {
        let named = |of: &dyn Fn(&CampaignRow) -> bool, name: fn(&CampaignRow) -> &String| {
            self.campaigns.iter().find(|row| of(row)).map(|row| name(row).clone())
        };
        match scope {
            DncScope::Everyone => Reach::default(),
            DncScope::Client(id) => {
                let name = named(&|row| row.client == id, |row| &row.client_name);
                Reach { client: Some(name.unwrap_or_else(|| id.to_string())), campaign: None }
            }
            DncScope::Campaign(id) => {
                let name = named(&|row| row.id == id, |row| &row.name);
                Reach { campaign: Some(name.unwrap_or_else(|| id.to_string())), client: None }
            }
        }
    }
}

pub(super) fn number(text: &str) -> Result<Number, ApiError> {
    let hint = "write it as +33612345678";
    Number::new(text).map_err(|error| ApiError::invalid(error.to_string()).hint(hint))
}

/// Reads when a wish ends, which is later than now.
fn moment(text: &str, now: Wall) -> Result<Wall, ApiError> {
    let read = text.parse::<jiff::Timestamp>().map(Wall::from).ok();
    read.filter(|until| *until > now).ok_or_else(|| {
        ApiError::invalid(format!("until: {text:?} is no moment to come"))
            .hint("write 2027-11-24T10:30:00+01:00")
    })
}

fn cursor(text: &str) -> Result<(PersonId, DncScope), ApiError> {
    let read = || {
        let (person, reach) = text.split_once('-')?;
        let (word, id) = reach.split_once('-')?;
        let id = id.parse().ok()?;
        let scope = match word {
            "everyone" => DncScope::Everyone,
            "client" => DncScope::Client(ClientId(id)),
            "campaign" => DncScope::Campaign(CampaignId(id)),
            _ => return None,
        };
        Some((PersonId(person.parse().ok()?), scope))
    };
    read().ok_or_else(|| {
        ApiError::invalid(format!("after: {text:?} is no page"))
            .hint("give the `page` of the last one before")
    })
}
