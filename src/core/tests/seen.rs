//! Whose release a pacer foresees, and by which settings.

use crate::core::campaign::{Abandon, Guarantee, Mode, Settings};
use crate::core::fact::{
    AgentFact, CallFact, CampaignFact, Failure, Lead, LeadNumber, Supply, TrunkFact,
};
use crate::core::order::AgentState;
use crate::core::pacing::account;
use crate::core::pacing::rate::Key;
use crate::core::{Dialer, Fact, Order, agent, trunks};
use crate::units::{
    AgentId, CallId, CampaignId, ContactId, Mono, Now, NumberId, PauseId, PersonId, Span, TrunkId,
    UnknownZone, Wall, Zone,
};

const CAMPAIGN: CampaignId = CampaignId(1);
const AGENT: AgentId = AgentId(1);
const BREAK: PauseId = PauseId(1);

/// A predictive campaign, its trunk, and one agent.
struct World {
    dialer: Dialer,
    now: Now,
    dialed: Option<CallId>,
}

fn settings() -> Result<Settings, UnknownZone> {
    let mode = Mode::Predictive { guarantee: Guarantee::Expected };
    Ok(Settings::new(mode, TrunkId(1), Zone::new("Europe/Paris")?))
}

fn set(settings: Settings) -> Fact {
    Fact::Campaign(CAMPAIGN, CampaignFact::Set(Box::new(settings)))
}

fn serves(campaigns: &[u32]) -> AgentFact {
    let campaigns = campaigns.iter().copied().map(CampaignId).collect();
    AgentFact::Set(agent::Settings { campaigns, pause_at_login: PauseId(0) })
}

impl World {
    /// An agent is ready, and a line rings for him.
    fn new() -> Result<Self, UnknownZone> {
        let dialer = Dialer::new(crate::core::Settings { node: 1, first_call: 1, seed: 1 });
        let mut world = Self { dialer, now: Now::default(), dialed: None };
        let trunk = trunks::Settings { channels: 9, calls_per_second: 9.0, burst: 9, rest: None };
        world.tell([
            Fact::Trunk(TrunkId(1), TrunkFact::Set(trunk)),
            set(settings()?),
            Fact::Campaign(CAMPAIGN, CampaignFact::Started),
        ]);
        world.does([serves(&[1]), AgentFact::LoggedIn, AgentFact::LegUp, AgentFact::Ready]);
        let number = LeadNumber::new(NumberId(1), PersonId(1), Zone::new("Europe/Paris")?);
        let leads = vec![Lead::new(ContactId(1), vec![number])];
        let claimed = CampaignFact::Claimed { leads, supply: Supply::default() };
        world.tell([Fact::Campaign(CAMPAIGN, claimed)]);
        Ok(world)
    }

    fn tell(&mut self, facts: impl IntoIterator<Item = Fact>) {
        let second = Span::secs(1);
        self.now = Now { mono: self.now.mono + second, wall: self.now.wall + second };
        facts.into_iter().for_each(|fact| self.dialer.take(self.now, fact));
        self.dialer.settle(self.now);
        while let Some(order) = self.dialer.next_order() {
            if let Order::Dial(dial) = order {
                self.dialed = Some(dial.call);
            }
        }
        assert_eq!(self.dialer.check(), Ok(()));
    }

    fn does(&mut self, facts: impl IntoIterator<Item = AgentFact>) {
        self.tell(facts.into_iter().map(|fact| Fact::Agent(AGENT, fact)));
    }

    /// The person answers, and the agent who is ready talks.
    fn answers(&mut self) {
        self.tell(self.dialed.map(|call| Fact::Call(call, CallFact::Answered)));
        let state = self.dialer.agents.get(&AGENT).map(agent::Agent::label);
        assert!(matches!(state, Some(AgentState::Talking(_))), "{state:?}");
    }

    /// How many agents the campaign's pacer sees busy.
    fn foreseen(&self) -> Option<usize> {
        let pacer = self.dialer.campaigns.get(&CAMPAIGN)?.pacer.as_ref()?;
        Some(pacer.sees().2)
    }
}

#[test]
fn who_will_not_come_back_is_in_no_forecast() -> Result<(), UnknownZone> {
    for goes in [AgentFact::Paused(BREAK), AgentFact::LoggedOut, serves(&[2])] {
        let mut told = World::new()?;
        told.answers();
        assert_eq!(told.foreseen(), Some(1), "who talks comes free");
        told.does([goes.clone()]);
        assert_eq!(told.foreseen(), Some(0), "told in the talk: {goes:?}");
        told.does([AgentFact::Held]);
        told.does([AgentFact::Retrieved]);
        told.tell(told.dialed.map(|call| Fact::Call(call, CallFact::HungUp)));
        assert_eq!(told.foreseen(), Some(0), "nor after a hold, in the write-up: {goes:?}");
        let mut put_off = World::new()?;
        put_off.does([goes.clone()]);
        put_off.answers();
        assert_eq!(put_off.foreseen(), Some(0), "told before it: {goes:?}");
    }
    let mut stays = World::new()?;
    stays.answers();
    stays.does([serves(&[2, 1])]);
    assert_eq!(stays.foreseen(), Some(1), "who serves another campaign as well comes back");
    Ok(())
}

#[test]
fn a_pacer_goes_by_the_settings_in_force() -> Result<(), UnknownZone> {
    let usual = settings()?;
    let patient = Abandon { within: Span::secs(6), ..usual.abandon };
    let patient = Settings { abandon: patient, ..usual.clone() };
    let told = |all: [Settings; 2]| {
        let mut dialer = Dialer::new(crate::core::Settings { node: 1, first_call: 1, seed: 1 });
        all.into_iter().for_each(|settings| dialer.take(Now::default(), set(settings)));
        let campaign = dialer.campaigns.get(&CAMPAIGN);
        campaign.map(|campaign| format!("{:?}", campaign.pacer))
    };
    assert_eq!(told([usual.clone(), patient.clone()]), told([patient.clone(), patient.clone()]));
    assert_ne!(told([usual.clone(), patient.clone()]), told([patient, usual]));
    Ok(())
}

#[test]
fn a_day_ends_where_the_settings_in_force_say() -> Result<(), UnknownZone> {
    let mut world = World::new()?;
    // Half past eleven in the evening in Paris.
    world.now = Now { mono: Mono::START, wall: Wall::micros(1_795_300_200_000_000) };
    world.tell([]);
    let closes = |world: &World, account: &account::Settings| {
        let rate = world.dialer.rates.get(&Key::Own(CAMPAIGN));
        rate.map(|rate| rate.account.closes_within(account, world.now.wall, Span::secs(3_600)))
    };
    let paris = settings()?;
    assert_eq!(closes(&world, &paris.account), Some(true));
    let account = account::Settings::calendar_day(Zone::new("America/New_York")?);
    world.tell([set(Settings { account: account.clone(), ..paris })]);
    assert_eq!(closes(&world, &account), Some(false));
    Ok(())
}

#[test]
fn a_call_never_placed_teaches_nothing_of_those_who_are_called() -> Result<(), UnknownZone> {
    let taught = |fact: CallFact| -> Result<_, UnknownZone> {
        let mut world = World::new()?;
        world.tell(world.dialed.map(|call| Fact::Call(call, fact)));
        let lessons = world.dialer.learnt(CAMPAIGN, world.now.wall);
        let rings = lessons.iter().flat_map(|lesson| lesson.calls.rings.values());
        Ok(rings.fold((0, 0), |sum, ring| (sum.0 + ring.failed, sum.1 + ring.given_up)))
    };
    let busy = CallFact::Failed { failure: Failure::Busy, cause: 486, after: None };
    assert_eq!(taught(busy)?, (1, 0));
    assert_eq!(taught(CallFact::NotRecorded)?, (0, 1));
    Ok(())
}

#[test]
fn who_is_told_his_new_campaigns_again_waits_for_no_later_line() -> Result<(), UnknownZone> {
    let mut world = World::new()?;
    world.does([serves(&[2])]);
    let waits_for = |world: &World| world.dialer.agents.get(&AGENT).map(|a| a.leaves_from);
    let before = waits_for(&world);
    // As if lines had been dialled meanwhile for others.
    world.dialer.next_call += 5;
    for campaigns in [&[2], &[3]] {
        world.does([serves(campaigns)]);
        assert_eq!(waits_for(&world), before);
    }
    world.tell(world.dialed.map(|call| Fact::Call(call, CallFact::HungUp)));
    let serves = |world: &World| world.dialer.agents.get(&AGENT).map(|a| a.settings.clone());
    assert_eq!(serves(&world).map(|settings| settings.campaigns), Some(vec![CampaignId(3)]));
    Ok(())
}
