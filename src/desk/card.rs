//! Who is on the line: what the store knows of the contact, as an agent may see it.

use super::protocol::{Card, Past, Right};
use crate::api::{ApiError, Desk};
use crate::core::rules::receipt::Receipt;
use crate::store::{CallFilter, CallRow, Standing};
use crate::units::{CallId, ContactId, Number, Zone};

/// Calls shown of those before: what fits beside a conversation (interfaces.md §2.2).
const HISTORY: usize = 3;

/// Fetches the card of a contact who is shown, or in that call.
pub(super) async fn fetch(
    desk: &Desk,
    contact: ContactId,
    call: Option<CallId>,
) -> Result<Card, ApiError> {
    let standing = standing(desk, contact).await?;
    let receipt = receipt(desk, call).await?;
    let past = CallFilter { contact: Some(contact), ..CallFilter::default() };
    let calls = desk.store.calls(&past, None, 1 + u32::try_from(HISTORY).unwrap_or(0)).await?.rows;
    let own = calls.iter().find(|row| Some(row.call) == call);
    let card = desk.store.card(contact).await?;
    let (name, fields) = card.map(|card| (card.name, card.fields)).unwrap_or_default();
    let attempts = standing.as_ref().map_or(0, |standing| standing.lead.attempts);
    Ok(Card {
        contact: contact.0,
        name,
        fields,
        number: own
            .and_then(|row| row.to.as_ref())
            .or_else(|| number(standing.as_ref()))
            .map(masked),
        zone: zone(standing.as_ref(), receipt.as_ref()).map(|zone| zone.name().to_owned()),
        right: receipt.as_ref().map(right),
        attempt: own.map_or(attempts + 1, |row| row.attempt),
        history: calls
            .iter()
            .filter(|row| Some(row.call) != call)
            .take(HISTORY)
            .map(before)
            .collect(),
        corrections: desk.store.changes(contact).await?.len(),
    })
}

/// Finds the zone of the person in a call, or of a contact who is shown.
pub(super) async fn zone_of(
    desk: &Desk,
    contact: ContactId,
    call: Option<CallId>,
) -> Result<Option<Zone>, ApiError> {
    let receipt = receipt(desk, call).await?;
    Ok(zone(standing(desk, contact).await?.as_ref(), receipt.as_ref()).cloned())
}

async fn standing(desk: &Desk, contact: ContactId) -> Result<Option<Standing>, ApiError> {
    Ok(desk.store.standings(&[contact], desk.clock.now().wall).await?.pop())
}

async fn receipt(desk: &Desk, call: Option<CallId>) -> Result<Option<Receipt>, ApiError> {
    Ok(match call {
        Some(call) => desk.store.receipt(call).await?,
        None => None,
    })
}

/// The zone that counted when the call was placed, or else that of the number called next.
fn zone<'r>(standing: Option<&'r Standing>, receipt: Option<&'r Receipt>) -> Option<&'r Zone> {
    let next = || {
        let lead = &standing?.lead;
        let next = lead.numbers.iter().find(|number| Some(number.number) == lead.next_number);
        next.or_else(|| lead.numbers.first()).map(|number| &number.zone)
    };
    receipt.map(|receipt| &receipt.zone).or_else(next)
}

fn number(standing: Option<&Standing>) -> Option<&Number> {
    let Standing { lead, digits, .. } = standing?;
    let next = lead.next_number.or_else(|| lead.numbers.first().map(|own| own.number))?;
    digits.get(&next)
}

/// Writes a number so that the agent recognises it and nobody can copy it: a French one as French
/// people write it.
fn masked(number: &Number) -> String {
    let digits = number.reveal();
    let end = |count: usize| digits.get(digits.len().saturating_sub(count)..).unwrap_or_default();
    match digits.strip_prefix("+33").filter(|rest| rest.len() == 9) {
        Some(rest) => {
            let (first, last) = (rest.get(..1).unwrap_or_default(), end(4));
            let (tens, ones) = last.split_at_checked(2).unwrap_or_default();
            format!("0{first} •• •• {tens} {ones}")
        }
        None => format!("{} •••• {}", digits.get(..3).unwrap_or_default(), end(3)),
    }
}

fn right(receipt: &Receipt) -> Right {
    let used = receipt.right.as_ref();
    Right {
        basis: used.map_or("not_asked", |used| used.basis.name()).to_owned(),
        until: used.and_then(|used| used.until).map(|until| until.to_string()),
        territory: receipt.territory.as_ref().map(|territory| territory.code().to_owned()),
    }
}

fn before(row: &CallRow) -> Past {
    let outcome = row.outcome.and_then(|outcome| serde_json::to_value(outcome).ok());
    Past {
        at: row.opened.as_micros() / 1_000,
        outcome: outcome.and_then(|word| word.as_str().map(str::to_owned)),
        disposition: row.disposition.as_ref().map(|said| said.code.clone()),
        notes: row.details.notes.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::NotE164;

    #[test]
    fn a_masked_number_is_recognised_and_not_copied() -> Result<(), NotE164> {
        for (number, shown) in
            [("+33612345678", "06 •• •• 56 78"), ("+442079460123", "+44 •••• 123")]
        {
            assert_eq!(masked(&Number::new(number)?), shown);
        }
        Ok(())
    }
}
