//! Single moments of strict campaigns, each of which broke the proof or a promise once.

use cadran::core::pacing::account::Bucket;

use super::*;

impl Adversary<'_> {
    /// Tells facts, and lets everything come of them that does so at once.
    fn tell(&mut self, facts: impl IntoIterator<Item = Fact>) {
        self.owed.extend(facts);
        self.batch();
        while !self.owed.is_empty() {
            self.batch();
        }
    }

    fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now + Span::secs(1);
            self.tell([]);
        }
    }

    fn answer(&mut self, calls: impl IntoIterator<Item = CallId>) {
        for call in calls {
            self.ringing.remove(&call);
            self.tell([Fact::Call(call, CallFact::Answered)]);
        }
    }

    fn set(&mut self, agent: AgentId, campaigns: &[u32]) {
        let campaigns = campaigns.iter().copied().map(CampaignId).collect();
        let settings = agent::Settings { campaigns, pause_at_login: PauseId(0) };
        self.tell([Fact::Agent(agent, AgentFact::Set(settings))]);
    }

    fn join(&mut self, agent: AgentId, campaigns: &[u32]) {
        self.set(agent, campaigns);
        self.tell([Fact::Agent(agent, AgentFact::LoggedIn)]);
        self.wait(2);
    }

    fn state(&self, agent: AgentId) -> Option<AgentState> {
        self.dialer.agent(self.clock(), agent).map(|agent| agent.state)
    }
}

const FIRST: AgentId = AgentId(1);

/// A town whose answers are not listened to, and where no lead is an agent's own.
fn calm(town: &Town) -> Result<Adversary<'_>, Box<dyn std::error::Error>> {
    let mut world = adversary(town, 2)?;
    world.owned = 0.0;
    world.tell([]);
    Ok(world)
}

/// One strict campaign, an agent for each time it stands in the list, and a line for each.
fn desk(town: &Town) -> Result<Adversary<'_>, Box<dyn std::error::Error>> {
    let mut world = calm(town)?;
    world.wait(2);
    assert_eq!(world.ringing.len(), town.agents.len(), "a line for each agent");
    world.wait(5);
    Ok(world)
}

fn lone(agents: u32) -> Town {
    Town { campaigns: vec![(STRICT, None)], agents: serving(agents, &[1]) }
}

#[test]
fn who_stands_aside_is_not_taken_by_lines_of_others() -> Claim {
    let power = Mode::Power { lines_per_agent: 4.0 };
    let town = Town {
        campaigns: vec![(STRICT, None), (power, None)],
        agents: vec![vec![CampaignId(1), CampaignId(2)], vec![CampaignId(1)]],
    };
    let mut world = calm(&town)?;
    let other = |fact| Fact::Campaign(CampaignId(2), fact);
    world.tell([other(CampaignFact::Stopped)]);
    world.wait(2);
    let own = world.ringing.clone();
    assert_eq!(own.len(), 2, "a line for each of the two");
    world.tell([Fact::Agent(FIRST, AgentFact::Paused(BREAK)), other(CampaignFact::Started)]);
    world.join(AgentId(3), &[2]);
    world.join(AgentId(4), &[2]);
    let others = world.ringing.difference(&own).copied().collect::<Vec<_>>();
    world.answer(others.into_iter().chain(own));
    world.wait(5);
    world.judge("who stood aside was taken");
    Ok(())
}

/// Gives the seconds until an agent of these campaigns, who asks for a break, has it: lines ring
/// for a while, and nobody ever answers.
fn until_break(campaigns: &[u32]) -> Result<Option<u64>, Box<dyn std::error::Error>> {
    let town = lone(3);
    let mut world = calm(&town)?;
    world.join(AgentId(4), campaigns);
    let mut rings: BTreeMap<CallId, u64> = BTreeMap::new();
    for second in 0..400 {
        world.wait(1);
        for call in world.ringing.clone() {
            rings.entry(call).or_insert(second + 15 + 2 * call.0 % 7);
        }
        for call in world.ringing.clone() {
            if rings.get(&call).is_some_and(|end| *end <= second) {
                world.ringing.remove(&call);
                let failure = Failure::NoAnswer;
                let failed = CallFact::Failed { failure, cause: 480, after: None };
                world.tell([Fact::Call(call, failed)]);
            }
        }
        if second == 60 {
            world.tell([Fact::Agent(AgentId(4), AgentFact::Paused(BREAK))]);
        }
        if world.state(AgentId(4)) == Some(AgentState::Paused(BREAK)) {
            return Ok(Some(second - 60));
        }
    }
    Ok(None)
}

#[test]
fn a_campaign_nobody_has_set_keeps_nobody_from_a_break() -> Claim {
    let usual = until_break(&[1])?;
    assert!(usual.is_some_and(|seconds| seconds < 60), "{usual:?}");
    assert_eq!(until_break(&[9, 1])?, usual);
    Ok(())
}

#[test]
fn who_is_counted_on_goes_over_to_other_campaigns_later() -> Claim {
    let town = lone(1);
    let mut world = desk(&town)?;
    world.set(FIRST, &[9]);
    world.wait(2);
    assert_eq!(world.state(FIRST), Some(AgentState::Ready));
    world.answer(world.ringing.clone());
    assert!(matches!(world.state(FIRST), Some(AgentState::Talking(_))));
    world.wait(5);
    world.judge("an agent went over to another campaign");
    let talk = world.talking.keys().next().copied();
    world.tell(talk.map(|call| Fact::Call(call, CallFact::HungUp)));
    world.tell([Fact::Agent(FIRST, AgentFact::Ready)]);
    world.wait(5);
    assert!(world.ringing.is_empty(), "no line is dialled for who has gone");
    Ok(())
}

/// Two campaigns that dial as they are told, with the same three agents and a strict rate.
fn two_directed() -> Town {
    let campaigns = vec![(Mode::Directed, SHARED), (STRICT, SHARED), (Mode::Directed, SHARED)];
    Town { campaigns, agents: serving(3, &[1, 3]) }
}

/// Tells each of them to dial so many lines, with nine to spare under the cap.
fn dialled(town: &Town, lines: u32) -> Result<Adversary<'_>, Box<dyn std::error::Error>> {
    let mut world = calm(town)?;
    let one = |fact| Fact::Campaign(CampaignId(1), fact);
    let counted = Bucket { persons: 400, abandoned: 3, ..Bucket::default() };
    world.tell([one(CampaignFact::Counted(vec![counted]))]);
    let directed = |id| Fact::Campaign(CampaignId(id), CampaignFact::Directed(lines));
    world.tell([directed(1), directed(3)]);
    Ok(world)
}

#[test]
fn agents_of_a_new_team_part_no_campaigns_whose_lines_count_on_others() -> Claim {
    for signs_in in [false, true] {
        let town = two_directed();
        let mut world = dialled(&town, 6)?;
        assert_eq!(world.ringing.len(), 12, "nine beyond the agents: as many as the cap allows");
        world.set(AgentId(99), &[1]);
        if signs_in {
            world.join(AgentId(99), &[1]);
        }
        for agent in (1..=3).map(AgentId) {
            world.set(agent, &[9]);
        }
        world.answer(world.ringing.clone());
        world.wait(5);
        world.judge("agents went over, and a new team had parted the campaigns");
    }
    Ok(())
}

#[test]
fn two_new_teams_do_not_keep_each_other_from_being_counted_on() -> Claim {
    let town = two_directed();
    let mut world = dialled(&town, 3)?;
    assert_eq!(world.ringing.len(), 6, "three beyond the agents");
    let comes = |agent, campaign| {
        let campaigns = vec![CampaignId(campaign)];
        let settings = agent::Settings { campaigns, pause_at_login: PauseId(0) };
        [AgentFact::Set(settings), AgentFact::LoggedIn].map(|fact| Fact::Agent(agent, fact))
    };
    world.tell([comes(AgentId(98), 1), comes(AgentId(99), 3)].concat());
    world.wait(2);
    world.tell([Fact::Campaign(CampaignId(1), CampaignFact::Directed(4))]);
    assert_eq!(world.ringing.len(), 10, "the new agents part them, which the cap allows");
    Ok(())
}

#[test]
fn a_campaign_nobody_has_started_hides_no_line_of_another() -> Claim {
    let campaigns = vec![(EXPECTED, None), (STRICT, None)];
    let town = Town { campaigns, agents: serving(1, &[1, 2]) };
    let mut world = adversary(&town, 1)?;
    world.owned = 0.0;
    let started = Fact::Campaign(CampaignId(1), CampaignFact::Started);
    world.owed.retain(|fact| *fact != started);
    world.tell([]);
    world.wait(7);
    assert_eq!(world.ringing.len(), 1, "a line for the agent");
    world.set(FIRST, &[1]);
    world.answer(world.ringing.clone());
    assert!(matches!(world.state(FIRST), Some(AgentState::Talking(_))));
    world.wait(5);
    world.judge("a campaign that does not run hid a line");
    Ok(())
}

#[test]
fn who_misses_an_agent_that_lost_his_leg_is_told_apart() -> Claim {
    for talks in [false, true] {
        let town = lone(1);
        let mut world = desk(&town)?;
        let line = world.ringing.clone();
        if talks {
            world.answer(line.clone());
        }
        world.legs = false;
        world.tell([Fact::Agent(FIRST, AgentFact::LegDown)]);
        if !talks {
            world.answer(line);
        }
        world.wait(5);
        assert_eq!(world.tally(CampaignId(1)), (1, 1, 1), "in a talk: {talks}");
    }
    Ok(())
}

#[test]
fn who_stands_in_for_a_lost_agent_is_missed_in_his_place() -> Claim {
    let town = lone(2);
    let mut world = desk(&town)?;
    let lines = world.ringing.iter().copied().collect::<Vec<_>>();
    let [one, other] = lines.as_slice() else { return Err("two lines ring".into()) };
    world.answer([*one]);
    let talker = world.talking.get(one).copied().ok_or("somebody talks")?;
    world.legs = false;
    world.tell([Fact::Agent(talker, AgentFact::LegDown)]);
    assert_ne!(world.talking.get(one), Some(&talker), "the person is with the other agent");
    world.answer([*other]);
    world.wait(5);
    assert_eq!(world.tally(CampaignId(1)), (2, 1, 1));
    Ok(())
}

#[test]
fn who_comes_back_to_his_own_talk_is_missed_by_nobody() -> Claim {
    let power = Mode::Power { lines_per_agent: 2.0 };
    let town = Town { campaigns: vec![(power, None)], agents: serving(1, &[1]) };
    let mut world = calm(&town)?;
    world.wait(2);
    let lines = world.ringing.iter().copied().collect::<Vec<_>>();
    let [one, other] = lines.as_slice() else { return Err("two lines ring".into()) };
    world.answer([*one]);
    world.legs = false;
    world.tell([Fact::Agent(FIRST, AgentFact::LegDown)]);
    world.wait(1);
    world.tell([AgentFact::LegUp, AgentFact::Ready].map(|fact| Fact::Agent(FIRST, fact)));
    assert_eq!(world.state(FIRST), Some(AgentState::Talking(*one)));
    world.answer([*other]);
    world.wait(5);
    assert_eq!(world.tally(CampaignId(1)), (2, 1, 0));
    Ok(())
}
