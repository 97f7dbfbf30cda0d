//! What keeps contacts from being called: the dialer's own gate, asked with what the store knows.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;

use super::Desk;
use super::cause::{Cause, FullQuota};
use super::error::ApiError;
use crate::config;
use crate::core::campaign::Settings;
use crate::core::fact::{Callback, Lead, LeadNumber};
use crate::core::order::{AgentState, DoneReason};
use crate::core::rules::inquiry::{Inquiry, holiday};
use crate::core::rules::law::LawId;
use crate::core::rules::{self, Refusal, RuleId};
use crate::engine::handle::Snapshot;
use crate::store::{CampaignRow, QuotaRow, Standing, Waiting};
use crate::units::{AgentId, CallId, NumberId, PersonId, Territory, Wall, Zone};

/// Contacts of a campaign put to the gate one by one: a second of work, and far more than tell
/// what keeps the next of them.
const ASKED_MAX: u32 = 2_000;

/// Rules that pass one after the other until a contact may be called; more of them than there are
/// rules are hours that never suit.
const OPENINGS_MAX: usize = 16;

/// What keeps a campaign's contacts.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// What they wait for, what holds the most of them first.
    pub(super) waits: Vec<Cause>,
    /// What closed those that are closed unheard, in the same order.
    pub(super) closed: Vec<Cause>,
    /// All of them.
    pub(super) contacts: u64,
    /// Those in a call or being written up.
    pub(super) in_call: u64,
    /// Those nothing keeps.
    pub(super) callable: u64,
    /// Those due and not put to the gate.
    pub(super) unasked: u64,
}

/// The gate of a campaign, and who is at work behind it.
pub(super) struct Gatehouse<'a> {
    settings: &'a Settings,
    inquiry: Inquiry<'a>,
    at_work: BTreeSet<AgentId>,
    now: Wall,
}

/// Makes the rules of a campaign as the engine was started with them.
pub(super) async fn settings(
    desk: &Desk,
    campaign: &config::Campaign,
    row: &CampaignRow,
) -> Result<Settings, ApiError> {
    let trunks = desk.trunks().await?.into_iter();
    let trunks = trunks.map(|(id, trunk)| (trunk.name.clone(), id)).collect();
    let settings = campaign.settings(row.client, &trunks, &desk.config.shown);
    settings.map_err(|unknown| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "trunk_unknown", unknown.to_string())
    })
}

/// Asks what keeps every contact of a campaign.
pub(super) async fn all(
    desk: &Desk,
    campaign: &config::Campaign,
    row: &CampaignRow,
    snapshot: &Snapshot,
) -> Result<Held, ApiError> {
    let now = desk.clock.now().wall;
    let settings = settings(desk, campaign, row).await?;
    let on_line = desk.store.on_line().await?;
    let mut gate = Gatehouse::new(row, &settings, on_line, (snapshot, now));
    let ready = desk.store.ready(row.id, now, ASKED_MAX).await?;
    let mut tally = Tally::default();
    let mut callable = 0;
    for lead in &ready.leads {
        match gate.ask(lead) {
            Ok(_) if gate.awaits(lead).is_some() => {
                tally.add(code(RuleId::AgentAway), None, 1, None)
            }
            Ok(_) => callable += 1,
            Err((number, refusal)) => {
                let found = lead.numbers.iter().find(|own| own.number == number);
                let (code, law) = gate.named(&refusal, gate.around(found));
                tally.add(code, law, 1, refusal.until);
            }
        }
    }
    let asked = u64::try_from(ready.leads.len()).unwrap_or(u64::MAX);
    let mut contacts = ready.contacts + ready.in_call + ready.closed.values().sum::<u64>();
    for waiting in desk.store.waiting(row.id, now).await? {
        contacts += waiting.contacts;
        let (code, law) = gate.awaited(&waiting);
        tally.add(code, law, waiting.contacts, waiting.until);
    }
    let mut closed = Tally::default();
    for (reason, count) in &ready.closed {
        closed.add(done(*reason), None, *count, None);
    }
    let mut waits = tally.causes();
    for quota in desk.store.quotas(row.id).await?.iter().filter(|quota| quota.held > 0) {
        contacts += quota.held;
        waits.push(Cause { contacts: Some(quota.held), ..full(quota) });
    }
    waits.sort_by_key(|cause| core::cmp::Reverse(cause.contacts));
    Ok(Held {
        waits,
        closed: closed.causes(),
        contacts,
        in_call: ready.in_call,
        callable,
        unasked: ready.contacts.saturating_sub(asked),
    })
}

impl<'a> Gatehouse<'a> {
    /// Opens the gate of a campaign at a moment, with the persons who are in a call.
    pub(super) fn new(
        row: &CampaignRow,
        settings: &'a Settings,
        on_line: Vec<(PersonId, CallId)>,
        (snapshot, now): (&Snapshot, Wall),
    ) -> Self {
        let here = snapshot.floor.agents.iter();
        let here = here.filter(|agent| agent.state != AgentState::LoggedOut && !agent.leaving);
        let at_work = here.map(|agent| agent.agent).collect();
        Self { settings, inquiry: Inquiry::new(row.id, settings, on_line), at_work, now }
    }

    fn ask(&mut self, lead: &Lead) -> Result<NumberId, (NumberId, Refusal)> {
        self.inquiry.may_call(lead, self.now)
    }

    /// Gives the agent whom alone a contact may be given, while he or she is away.
    fn awaits(&self, lead: &Lead) -> Option<AgentId> {
        let own = lead.callback.and_then(|callback| callback.agent).or(lead.owner);
        own.filter(|agent| !self.at_work.contains(agent))
    }

    /// Gives the rules that hold for a number, and where it is called.
    fn around<'n>(
        &self,
        number: Option<&'n LeadNumber>,
    ) -> (&rules::Settings, Option<(&'n Zone, Option<&'n Territory>)>) {
        let rules = number.map_or(&self.settings.rules, |number| self.settings.rules_of(number));
        (rules, number.map(place))
    }

    /// Names a refusal, a holiday apart from plain hours.
    fn named(
        &self,
        refusal: &Refusal,
        (rules, there): (&rules::Settings, Option<(&Zone, Option<&Territory>)>),
    ) -> (String, Option<LawId>) {
        let rests = there.filter(|_| refusal.rule == RuleId::Window);
        match rests.and_then(|there| holiday(rules, there, self.now)) {
            Some(law) => (HOLIDAY.to_owned(), Some(law)),
            None => (code(refusal.rule), refusal.law.clone()),
        }
    }

    /// Names what contacts wait for.
    fn awaited(&self, waiting: &Waiting) -> (String, Option<LawId>) {
        let Some((rule, law)) = &waiting.rule else { return (put_off(waiting.promised), None) };
        let there = waiting.there.as_ref();
        let there = there.map(|(zone, territory)| (zone, territory.as_ref()));
        let until = waiting.until;
        let refusal = Refusal { rule: *rule, law: law.clone(), until };
        self.named(&refusal, (&self.settings.rules, there))
    }

    /// Gives what keeps one contact, the first cause first, and the number the rules are about;
    /// `names` tells who an agent is.
    pub(super) fn one(
        &mut self,
        standing: &Standing,
        names: &BTreeMap<AgentId, String>,
    ) -> (Vec<Cause>, Option<NumberId>) {
        let lead = &standing.lead;
        let first = lead.next_number.or_else(|| lead.numbers.first().map(|own| own.number));
        let mut causes = Vec::new();
        if let Some(reason) = standing.done {
            causes.push(Cause { code: done(reason), ..Cause::default() });
        } else if standing.in_call.is_some() {
            return (vec![Cause { code: "in-call".to_owned(), ..Cause::default() }], first);
        }
        let (number, refusals) = self.refusals(lead);
        let wished = refusals.iter().any(|refusal| refusal.rule == RuleId::DoNotCall);
        if standing.done == Some(DoneReason::DoNotCall) && !wished {
            causes = vec![Cause { code: WISH_OVER.to_owned(), ..Cause::default() }];
        }
        let refused = refusals.iter().map(|refusal| self.cause(refusal, standing, Some(number)));
        let (for_now, for_good): (Vec<_>, Vec<_>) =
            refused.partition(|cause| cause.until.is_some());
        causes.extend(for_good);
        if standing.done.is_none() && standing.due > self.now {
            causes.push(self.waits(standing));
        }
        causes.extend(for_now);
        if let Some(agent) = self.awaits(lead).filter(|_| standing.done.is_none()) {
            let who = names.get(&agent).cloned();
            causes.push(Cause { code: code(RuleId::AgentAway), who, ..Cause::default() });
        }
        let mut seen = BTreeSet::new();
        causes.retain(|cause| seen.insert(cause.code.clone()));
        (causes, Some(number).filter(|number| *number != NumberId(0)).or(first))
    }

    /// Gives the number of a contact that may be called, or may soonest, and every rule that says
    /// no to it now.
    fn refusals(&mut self, lead: &Lead) -> (NumberId, Vec<Refusal>) {
        match self.ask(lead) {
            Ok(number) => (number, Vec::new()),
            Err((number, first)) => {
                let found = lead.numbers.iter().find(|own| own.number == number);
                let every = found.map(|found| self.inquiry.refusals(found, self.now));
                (number, core::iter::once(first).chain(every.into_iter().flatten()).collect())
            }
        }
    }

    /// Gives when a contact may be called next, as the rules and what it waits for are now; `None`
    /// if waiting alone does not bring it there, or nobody knows when.
    pub(super) fn next(&mut self, standing: &Standing) -> Option<Wall> {
        let lead = &standing.lead;
        if standing.done.is_some() || standing.in_call.is_some() || self.awaits(lead).is_some() {
            return None;
        }
        let mut at = self.now.max(standing.due);
        for _ in 0..OPENINGS_MAX {
            match self.inquiry.may_call(lead, at) {
                Ok(_) => return Some(at),
                Err((_, refusal)) => at = refusal.until.filter(|until| *until > at)?,
            }
        }
        None
    }

    /// Says whether a callback to a contact may be promised for a moment.
    ///
    /// # Errors
    /// It may not: the rule that says so, and the zone of the number it was asked about.
    pub(super) fn promise(
        &mut self,
        standing: &Standing,
        at: Wall,
    ) -> Result<(), (Option<Zone>, Refusal)> {
        let lead = promised(standing, at);
        self.inquiry.may_call(&lead, at).map(drop).map_err(|(number, refusal)| {
            let found = lead.numbers.iter().find(|own| own.number == number);
            (found.or_else(|| lead.numbers.first()).map(|own| own.zone.clone()), refusal)
        })
    }

    /// Gives the first moment from another on for which a callback may be promised.
    pub(super) fn promised_next(&mut self, standing: &Standing, from: Wall) -> Option<Wall> {
        let mut at = from;
        for _ in 0..OPENINGS_MAX {
            match self.promise(standing, at) {
                Ok(()) => return Some(at),
                Err((_, refusal)) => at = refusal.until.filter(|until| *until > at)?,
            }
        }
        None
    }

    /// Tells what puts a contact off until it is due.
    fn waits(&self, standing: &Standing) -> Cause {
        match &standing.put_off {
            Some((number, refusal)) => self.cause(refusal, standing, Some(*number)),
            None => Cause {
                code: put_off(standing.lead.callback.is_some()),
                until: Some(standing.due.to_string()),
                ..Cause::default()
            },
        }
    }

    fn cause(&self, refusal: &Refusal, standing: &Standing, number: Option<NumberId>) -> Cause {
        let found = standing.lead.numbers.iter().find(|own| Some(own.number) == number);
        let (code, law) = self.named(refusal, self.around(found));
        Cause {
            code,
            law: law.map(|law| law.as_str().to_owned()),
            until: refusal.until.map(|until| until.to_string()),
            ..Cause::default()
        }
    }
}

/// Gives the lead of a contact as it will be when a callback is due.
fn promised(standing: &Standing, at: Wall) -> Lead {
    Lead { callback: Some(Callback { at, agent: None }), ..standing.lead.clone() }
}

/// Tells of a quota that is full.
pub(super) fn full(row: &QuotaRow) -> Cause {
    let quota =
        FullQuota { name: row.quota.name.clone(), reached: row.reached, max: row.quota.max };
    Cause { code: QUOTA_FULL.to_owned(), quota: Some(quota), ..Cause::default() }
}

/// The code of contacts whose cell has reached its quota.
const QUOTA_FULL: &str = "quota-full";

/// The code of contacts that a wish closed which stands no more.
const WISH_OVER: &str = "wish-over";

/// The code of hours that are closed because the day is a public holiday.
const HOLIDAY: &str = "holiday";

/// Gives a rule's id as it is printed and stored.
pub(super) fn code(rule: RuleId) -> String {
    match serde_json::to_value(rule) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(_) | Err(_) => format!("{rule:?}"),
    }
}

/// Names what a contact waits for that no rule put off.
fn put_off(promised: bool) -> String {
    if promised { "callback".to_owned() } else { "retry-delay".to_owned() }
}

/// Names why contacts are closed, by the rule that closed them if one did.
fn done(reason: DoneReason) -> String {
    match reason {
        DoneReason::Exhausted => code(RuleId::Exhausted),
        DoneReason::NoNumber => code(RuleId::InvalidNumber),
        DoneReason::DoNotCall => code(RuleId::DoNotCall),
        DoneReason::Qualified => "qualified".to_owned(),
        DoneReason::Skipped => "skipped".to_owned(),
        DoneReason::Erased => "erased".to_owned(),
    }
}

fn place(number: &LeadNumber) -> (&Zone, Option<&Territory>) {
    (&number.zone, number.territory.as_ref())
}

/// Contacts counted by what keeps them.
#[derive(Debug, Default)]
struct Tally(BTreeMap<(String, Option<LawId>), (u64, Option<Wall>)>);

impl Tally {
    fn add(&mut self, code: String, law: Option<LawId>, contacts: u64, until: Option<Wall>) {
        let (count, first) = self.0.entry((code, law)).or_default();
        *count += contacts;
        *first = [*first, until].into_iter().flatten().min();
    }

    fn causes(self) -> Vec<Cause> {
        let cause =
            |((code, law), (contacts, until)): ((String, Option<LawId>), (_, Option<Wall>))| {
                Cause {
                    code,
                    law: law.map(|law| law.as_str().to_owned()),
                    contacts: Some(contacts),
                    until: until.map(|until| until.to_string()),
                    ..Cause::default()
                }
            };
        let mut causes: Vec<Cause> = self.0.into_iter().map(cause).collect();
        causes.sort_by_key(|cause| core::cmp::Reverse(cause.contacts));
        causes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::law::{Called, Purpose, regimes};
    use crate::core::campaign::Mode;
    use crate::core::order::CampaignState;
    use crate::units::{CampaignId, ClientId, Span, TrunkId, UnknownZone};

    /// 2026-12-25T11:00:00Z: noon of Christmas Day in Paris.
    const CHRISTMAS: Wall = Wall::micros(1_798_196_400_000_000);

    #[test]
    fn hours_that_a_holiday_shuts_are_told_as_that() -> Result<(), UnknownZone> {
        let paris = Zone::new("Europe/Paris")?;
        let mut settings = Settings::new(Mode::Progressive, TrunkId(1), paris.clone());
        settings.rules.law = regimes(Purpose::Prospecting, Called::Consumers);
        let row = CampaignRow {
            id: CampaignId(1),
            name: "essai".to_owned(),
            client: ClientId(1),
            client_name: "Acme".to_owned(),
            state: CampaignState::Running,
            endpoint: None,
        };
        let mut number = LeadNumber::new(NumberId(1), PersonId(1), paris);
        number.territory = Territory::new("FR").ok();
        let law = Some(LawId::new("FR-5"));
        let refusal = Refusal { rule: RuleId::Window, law: law.clone(), until: None };
        let day = Span::secs(86_400);
        for (now, told) in [(CHRISTMAS, "holiday"), (CHRISTMAS - day, "window")] {
            let gate = Gatehouse::new(&row, &settings, Vec::new(), (&Snapshot::default(), now));
            let said = gate.named(&refusal, gate.around(Some(&number)));
            assert_eq!(said, (told.to_owned(), law.clone()));
        }
        Ok(())
    }
}
