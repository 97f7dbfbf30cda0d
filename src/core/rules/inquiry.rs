//! The gate, asked from outside a dialer by who wants to know why a contact is not called.

use std::convert::Infallible;
use std::ops::ControlFlow;

use super::hours::{self, Hours};
use super::law::LawId;
use super::{Gate, Persons, Refusal, Settings};
use crate::core::campaign;
use crate::core::fact::{Lead, LeadNumber};
use crate::core::order::Stage;
use crate::units::{CallId, CampaignId, NumberId, PersonId, Territory, Wall, Zone};

/// The gate of one campaign, with what its leads do not tell.
#[derive(Debug)]
pub struct Inquiry<'a> {
    campaign: CampaignId,
    settings: &'a campaign::Settings,
    hours: [Hours; 2],
    persons: Persons,
}

impl<'a> Inquiry<'a> {
    /// Opens the gate of a campaign to questions; `on_line` are the persons in a call.
    #[must_use]
    pub fn new(
        campaign: CampaignId,
        settings: &'a campaign::Settings,
        on_line: impl IntoIterator<Item = (PersonId, CallId)>,
    ) -> Self {
        let persons = Persons { on_line: on_line.into_iter().collect(), ..Persons::default() };
        Self { campaign, settings, hours: <[Hours; 2]>::default(), persons }
    }

    /// Says which number of a contact may be called at a moment, as the dialer asks in the instant
    /// before a call.
    ///
    /// # Errors
    /// None may: the number that may soonest, and the first rule that says no to it.
    pub fn may_call(&mut self, lead: &Lead, at: Wall) -> Result<NumberId, (NumberId, Refusal)> {
        let answer = self.gate().may_call(lead, Stage::Dial, at);
        let index = answer.map_err(|refused| (refused.number, refused.refusal))?;
        Ok(lead.numbers.get(index).map_or(NumberId(0), |number| number.number))
    }

    /// Gives every rule that forbids calling a number at a moment, in the order they are asked;
    /// the law's waits are told as one, the longest.
    pub fn refusals(&mut self, number: &LeadNumber, at: Wall) -> Vec<Refusal> {
        let mut all = Vec::new();
        let heard = self.gate().ask(number, Stage::Dial, at, |refusal| {
            all.push(refusal);
            ControlFlow::<Infallible>::Continue(())
        });
        match heard {
            ControlFlow::Continue(()) => all,
        }
    }

    fn gate(&mut self) -> Gate<'_> {
        let Self { campaign, settings, hours, persons } = self;
        Gate { campaign: *campaign, settings, hours, persons }
    }
}

/// Gives the rule of law that keeps the rest of a day closed in a zone and territory because it is
/// a public holiday; `None` if plain hours do, or nothing does.
#[must_use]
pub fn holiday(rules: &Settings, there: (&Zone, Option<&Territory>), at: Wall) -> Option<LawId> {
    hours::holiday(rules, there, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::campaign::Mode;
    use crate::core::rules::{AttemptCap, DaySpan, RuleId};
    use crate::units::{ContactId, Span, TrunkId, UnknownZone};

    /// 2026-11-21T07:00:00Z: eight o'clock in Paris.
    const EARLY: Wall = Wall::micros(1_795_244_400_000_000);
    const HOUR: Span = Span::secs(3_600);

    #[test]
    fn every_rule_is_told_and_the_gate_refuses_by_the_first() -> Result<(), UnknownZone> {
        let paris = Zone::new("Europe/Paris")?;
        let mut settings = campaign::Settings::new(Mode::Progressive, TrunkId(1), paris.clone());
        settings.rules.week.days.fill(vec![DaySpan { from: 600, to: 1_200 }]);
        settings.rules.attempts = vec![AttemptCap { max: 1, window: HOUR.times(4) }];
        let mut number = LeadNumber::new(NumberId(1), PersonId(1), paris);
        number.recent = vec![EARLY - HOUR];
        let busy = [(PersonId(1), CallId(7))];
        let mut inquiry = Inquiry::new(CampaignId(1), &settings, busy);
        let (opens, capped) = (EARLY + HOUR.times(2), EARLY + HOUR.times(3));
        for wish in [false, true] {
            number.do_not_call = wish;
            let told = inquiry.refusals(&number, EARLY);
            let rules: Vec<_> = told.iter().map(|told| (told.rule, told.until)).collect();
            let all = [
                (RuleId::DoNotCall, None),
                (RuleId::Window, Some(opens)),
                (RuleId::AttemptCap, Some(capped)),
                (RuleId::PersonBusy, Some(EARLY + Span::secs(60))),
            ];
            assert_eq!(rules, all[usize::from(!wish)..]);
            let lead = Lead::new(ContactId(1), vec![number.clone()]);
            let answer = inquiry.may_call(&lead, EARLY).map_err(|(_, first)| Some(first));
            assert_eq!(answer, Err(told.into_iter().next()));
        }
        Ok(())
    }
}
