//! Why a call was placed: the rules that let it out, and what they were told.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::core::rules::law::LawId;
use crate::core::rules::receipt::{Receipt, Tally, Used};
use crate::units::Wall;

/// What decided that a call might be placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The moment on the called person's clock, with its zone, as in RFC 9557.
    pub local_time: String,
    /// The territory whose law held, as in ISO 3166; `None` where none was known.
    pub territory: Option<String>,
    /// The day the law pack was last looked over.
    pub law_pack: Option<String>,
    /// The rules of law in force there.
    pub rules: Vec<String>,
    /// The right to call it rests on, where one was asked for.
    pub right: Option<RightUsed>,
    /// Until when a consent opened hours of the law, where one did.
    pub out_of_hours_until: Option<String>,
    /// The attempts that counted before it, cap by cap.
    pub attempts: Vec<Counted>,
    /// When the person last refused in conversation.
    pub refused_at: Option<String>,
    /// When the person was last abandoned.
    pub abandoned_at: Option<String>,
}

/// A right to call that a decision rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightUsed {
    /// Its id.
    pub id: Option<u64>,
    /// `consent` or `contract`.
    pub basis: String,
    /// When it ends.
    pub until: Option<String>,
}

/// Attempts that counted of those a cap allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The rule of law; `None` for a cap of the campaign's own.
    pub rule: Option<String>,
    /// So many were made.
    pub made: u32,
    /// Of so many.
    pub allowed: u32,
}

impl Decided {
    /// Tells a receipt of a decision that was taken at a moment.
    #[must_use]
    pub fn of(receipt: &Receipt, at: Wall) -> Self {
        let zone = TimeZone::get(receipt.zone.name()).unwrap_or(TimeZone::UTC);
        let said = |at: Option<Wall>| at.map(|at| at.to_string());
        let law = |id: &LawId| id.as_str().to_owned();
        let right = |used: &Used| RightUsed {
            id: used.id.map(|id| id.0),
            basis: used.basis.name().to_owned(),
            until: said(used.until),
        };
        let counted = |tally: &Tally| Counted {
            rule: tally.law.as_ref().map(law),
            made: tally.made,
            allowed: tally.allowed,
        };
        Self {
            local_time: at.timestamp().to_zoned(zone).to_string(),
            territory: receipt.territory.as_ref().map(|it| it.code().to_owned()),
            law_pack: Some(receipt.edition.to_string()).filter(|day| !day.is_empty()),
            rules: receipt.rules.iter().map(law).collect(),
            right: receipt.right.as_ref().map(right),
            out_of_hours_until: said(receipt.opens_hours),
            attempts: receipt.attempts.iter().map(counted).collect(),
            refused_at: said(receipt.refused),
            abandoned_at: said(receipt.abandoned),
        }
    }
}
