//! What a record says of the right to call its person.

use super::Wrong;
use super::date::Date;
use super::reason::Reason;
use crate::config::law::Laws;
use crate::core::fact::PersonKind;
use crate::core::rules::RuleId;
use crate::core::rules::consent::{Basis, Right, is_over, standing};
use crate::core::rules::law::Regime;
use crate::store::{NewConsent, NewNumber};
use crate::units::{Wall, Zone};

/// What a column says of a consent or a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    /// When the consent was given.
    ObtainedAt,
    /// Where, or by which form.
    Source,
    /// The hash, id or address of its proof.
    Proof,
    /// What it covers.
    Scope,
    /// When it ends, if before the law ends it.
    ExpiresAt,
    /// Whether it covers calls outside the hours of the law.
    OutOfHours,
    /// A contract that runs.
    Contract,
    /// What the contract is about.
    Object,
    /// When the contract began.
    BeginsAt,
    /// When it ends.
    EndsAt,
}

/// What records must have a right to be imported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Need {
    /// None: whoever has none is not called before there is one.
    #[default]
    Nothing,
    /// Those whose numbers the law lets nobody call without.
    ByLaw(Laws),
    /// Every one.
    Always,
}

/// The cells of a record that speak of a right, with their places.
#[derive(Debug, Default)]
pub(super) struct Cells<'r>(Vec<(About, usize, &'r str)>);

/// What was read of them.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) consents: Vec<NewConsent>,
    /// What keeps a right from being one, and the place of the column at fault.
    pub(super) wrong: Option<Wrong>,
}

impl<'r> Cells<'r> {
    /// Adds a cell.
    pub(super) fn add(&mut self, about: About, place: usize, cell: &'r str) {
        self.0.push((about, place, cell));
    }

    fn text(&self, about: About) -> Option<&'r str> {
        self.0.iter().find(|(of, ..)| *of == about).map(|(.., cell)| *cell)
    }

    fn owned(&self, about: About) -> Option<String> {
        self.text(about).map(str::to_owned)
    }

    /// Reads a date, if the record has one.
    fn date(&self, about: About, dates: &Dates<'_>) -> Result<Option<Date>, Wrong> {
        let cell = self.0.iter().find(|(of, ..)| *of == about);
        let Some((_, place, cell)) = cell else { return Ok(None) };
        let wrong = |reason| Wrong { reason, column: Some(*place) };
        let unreadable = || wrong(Reason::ConsentUnreadable);
        let date = Date::read(cell, dates.month_first).ok_or_else(unreadable)?;
        let begins = date.begins(dates.zone).ok_or_else(unreadable)?;
        let given = matches!(about, About::ObtainedAt | About::BeginsAt);
        if given && dates.at.is_some_and(|at| begins > at) {
            return Err(wrong(Reason::ConsentFuture));
        }
        Ok(Some(date))
    }

    /// Reads the rights, as dates are to be read.
    pub(super) fn read(&self, line: u64, dates: &Dates<'_>) -> Read {
        let mut read = Read::default();
        for right in [self.consent(line, dates), self.contract(line, dates)] {
            match right {
                Ok(right) => read.consents.extend(right),
                Err(wrong) => read.wrong = read.wrong.or(Some(wrong)),
            }
        }
        read
    }

    fn consent(&self, line: u64, dates: &Dates<'_>) -> Result<Option<NewConsent>, Wrong> {
        let Some(obtained) = self.date(About::ObtainedAt, dates)? else { return Ok(None) };
        let expires = self.date(About::ExpiresAt, dates)?;
        Ok(Some(NewConsent {
            obtained: obtained.begins(dates.zone),
            expires: expires.and_then(|date| date.ends(dates.zone)),
            out_of_hours: self.text(About::OutOfHours).is_some_and(is_yes),
            ..self.right(Basis::Consent, line)
        }))
    }

    fn contract(&self, line: u64, dates: &Dates<'_>) -> Result<Option<NewConsent>, Wrong> {
        let ends = self.date(About::EndsAt, dates)?;
        let (contract, object) = (self.owned(About::Contract), self.owned(About::Object));
        let (Some(contract), Some(object), Some(ends)) = (contract.clone(), object, ends) else {
            let begun = contract.is_some() || ends.is_some();
            return if begun { Err(Reason::ContractIncomplete.into()) } else { Ok(None) };
        };
        let begins = self.date(About::BeginsAt, dates)?;
        Ok(Some(NewConsent {
            obtained: begins.and_then(|date| date.begins(dates.zone)),
            expires: ends.ends(dates.zone),
            contract: Some(contract),
            object: Some(object),
            ..self.right(Basis::Contract, line)
        }))
    }

    /// Makes a right with all that is no date of it.
    fn right(&self, basis: Basis, line: u64) -> NewConsent {
        NewConsent {
            basis,
            source: self.owned(About::Source),
            proof: self.owned(About::Proof),
            line,
            scope: self.owned(About::Scope),
            obtained: None,
            expires: None,
            contract: None,
            object: None,
            out_of_hours: false,
        }
    }
}

/// How dates are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dates<'z> {
    /// The zone whose days are meant.
    pub(super) zone: &'z Zone,
    /// Whether `09/12` is the twelfth of September.
    pub(super) month_first: bool,
    /// When the list is imported: what is to come cannot have been given.
    pub(super) at: Option<Wall>,
}

impl Need {
    /// Says why a record with these numbers and rights is not imported; `None` if it is.
    pub(super) fn lacks(
        &self,
        (numbers, kind): (&[NewNumber], Option<PersonKind>),
        read: &Read,
        at: Option<Wall>,
    ) -> Option<Wrong> {
        let missing = || read.wrong.unwrap_or_else(|| Reason::ConsentMissing.into());
        let (laws, at) = match self {
            Self::Nothing => return None,
            Self::Always => return read.consents.is_empty().then(missing),
            Self::ByLaw(laws) => (laws, at?),
        };
        let rights: Vec<Right> = read.consents.iter().map(right).collect();
        let mut last = None;
        for number in numbers {
            let there = (&number.zone, number.territory.as_ref());
            let law = laws.among(kind.map(|kind| kind.is_consumer(number.class)));
            let refusal = standing(law, there, (&rights, None), at).refusal?;
            last = Some(refusal.rule);
        }
        let over = last? == RuleId::ConsentExpired;
        Some(if over {
            read.wrong.unwrap_or_else(|| Reason::ConsentOver.into())
        } else {
            missing()
        })
    }
}

impl Read {
    /// Tells whether rights were read, and all of them are over by the law for a number.
    pub(super) fn is_over(&self, law: &[Regime], number: &NewNumber, at: Wall) -> bool {
        let there = (&number.zone, number.territory.as_ref());
        let mut rights = self.consents.iter().map(right);
        !self.consents.is_empty() && rights.all(|right| is_over(law, there, &right, at))
    }
}

/// Gives a right as the law judges it.
fn right(given: &NewConsent) -> Right {
    Right {
        id: None,
        basis: given.basis,
        obtained: given.obtained,
        until: given.expires,
        out_of_hours: given.out_of_hours,
    }
}

/// Reads a yes; anything else is none.
fn is_yes(cell: &str) -> bool {
    let word = cell.trim().to_lowercase();
    ["oui", "o", "yes", "y", "1", "x", "true", "vrai"].contains(&word.as_str())
}
