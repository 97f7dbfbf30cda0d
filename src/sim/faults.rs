//! Misfortunes: facts lost, late, doubled and reordered, crashes, slow disks, dropped legs,
//! outages, jumping clocks.

use super::rng::Law;
use super::scenario::Outage;
use super::staff::{PAUSE_AT_LOGIN, nth_agent};
use super::{Event, World};
use crate::core::Fact;
use crate::core::fact::{AgentFact, CallFact, CampaignFact, TrunkFact};
use crate::units::{CallId, Mono, Span};

/// What goes wrong in a world; nothing by default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// For how long things go wrong, from the start.
    pub lasts: Span,
    /// The share of call facts that never arrive.
    pub lost: f64,
    /// The share of facts that arrive late, and so after facts that happened later.
    pub late: f64,
    /// The share of facts that arrive twice.
    pub doubled: f64,
    /// How late.
    pub late_by: Option<Law>,
    /// The share of attempts whose row the store refuses.
    pub refused: f64,
    /// How long the store takes to commit a batch.
    pub disk: Option<Law>,
    /// How long a leg takes to come up or to be torn down.
    pub round_trip: Option<Law>,
    /// The gap between two crashes of the engine.
    pub crash: Option<Law>,
    /// The gap between two drops of an agent's leg.
    pub leg_drop: Option<Law>,
    /// The gap between two outages of a trunk, and their length.
    pub outage: Option<(Law, Law)>,
    /// The gap between two jumps of the wall clock.
    pub jump: Option<Law>,
    /// Outages of every trunk at fixed times; they leave facts, legs and the engine alone.
    pub planned: Vec<Outage>,
}

impl Faults {
    /// Says whether facts, legs or the engine may fail at all.
    pub(super) fn any(&self) -> bool {
        self.lasts > Span::ZERO
    }
}

/// One misfortune.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mishap {
    Crash,
    Restart,
    LegDrops,
    OutageBegins,
    OutageEnds,
    /// The outage at this place of the plan begins.
    Planned(usize),
    ClockJumps,
}

/// How long the media of a leg may be silent before the driver calls it lost.
const SILENCE: Span = Span::secs(25);
/// From a crash to the next start.
const DOWN: Span = Span::secs(3);
/// A jump of the wall clock at most, either way.
const JUMP_MAX: Span = Span::secs(600);

impl World<'_> {
    /// Plans the first of every kind of misfortune.
    pub(super) fn plan_mishaps(&mut self) {
        for mishap in [Mishap::Crash, Mishap::LegDrops, Mishap::OutageBegins, Mishap::ClockJumps] {
            self.plan_next(mishap);
        }
        for nth in 0..self.plan.faults.planned.len() {
            let at = self.plan.faults.planned[nth].at;
            self.after(at, Event::Mishap(Mishap::Planned(nth)));
        }
    }

    fn plan_next(&mut self, mishap: Mishap) {
        let faults = &self.plan.faults;
        let law = match mishap {
            Mishap::Crash => faults.crash.as_ref(),
            Mishap::LegDrops => faults.leg_drop.as_ref(),
            Mishap::OutageBegins => faults.outage.as_ref().map(|(gap, _)| gap),
            Mishap::ClockJumps => faults.jump.as_ref(),
            Mishap::Restart | Mishap::OutageEnds | Mishap::Planned(_) => None,
        };
        let Some(gap) = law.map(|law| self.chance.span(law)) else { return };
        if self.now + gap < Mono::START + faults.lasts {
            self.after(gap, Event::Mishap(mishap));
        }
    }

    fn faults_last(&self) -> bool {
        self.now < Mono::START + self.plan.faults.lasts
    }

    /// Tells the dialer a fact, if misfortune lets it.
    pub(super) fn tell(&mut self, fact: Fact) {
        let signal = match &fact {
            Fact::Call(call, _) => Some(*call),
            Fact::Agent(..)
            | Fact::Campaign(..)
            | Fact::Trunk(..)
            | Fact::DoNotCall(..)
            | Fact::Withdrawn(..)
            | Fact::Erased(..)
            | Fact::Shown(..)
            | Fact::Inbound(..) => None,
        };
        if !self.faults_last() {
            self.tell_surely(fact);
            return;
        }
        if let Some(call) = signal
            && self.chance.yes(self.plan.faults.lost)
        {
            self.after(SILENCE, Event::Supervise(call));
            return;
        }
        if self.chance.yes(self.plan.faults.doubled) {
            self.tell_later(fact.clone());
        }
        if self.chance.yes(self.plan.faults.late) {
            self.tell_later(fact);
            if let Some(call) = signal {
                self.after(SILENCE, Event::Supervise(call));
            }
        } else {
            self.tell_surely(fact);
        }
    }

    fn tell_later(&mut self, fact: Fact) {
        let late_by = self.plan.faults.late_by.as_ref();
        let gap = late_by.map_or(Span::ZERO, |law| self.chance.span(law));
        self.after(gap, Event::Fact(self.epoch, Box::new(fact)));
    }

    pub(super) fn tell_surely(&mut self, fact: Fact) {
        if self.up {
            self.facts.push(fact);
        }
    }

    /// Does what the media's supervision does: a leg that is gone is told as lost in the end.
    pub(super) fn supervise(&mut self, call: CallId) {
        if self.lines.contains_key(&call) {
            self.after(SILENCE, Event::Supervise(call));
        } else {
            self.tell_surely(Fact::Call(call, CallFact::Lost));
        }
    }

    pub(super) fn mishap(&mut self, mishap: Mishap) {
        match mishap {
            Mishap::Crash => self.crash(),
            Mishap::Restart => self.restart(),
            Mishap::LegDrops => self.drop_a_leg(),
            Mishap::OutageBegins => self.begin_outage(),
            Mishap::Planned(nth) => {
                let Outage { length, told, .. } = self.plan.faults.planned[nth];
                self.fail_calls(length, told);
            }
            Mishap::OutageEnds => {
                self.carrier.out_until = None;
                self.tell_trunks(&TrunkFact::Up);
            }
            Mishap::ClockJumps => {
                let micros = self.chance.below(2 * JUMP_MAX.as_micros());
                self.jumped +=
                    i64::try_from(micros).unwrap_or(0) - JUMP_MAX.as_micros().cast_signed();
            }
        }
        self.plan_next(mishap);
    }

    /// Kills the engine: everything not committed is forgotten, every leg dies.
    fn crash(&mut self) {
        if !self.up {
            return;
        }
        self.up = false;
        self.epoch += 1;
        self.facts.clear();
        self.held.clear();
        self.unrecorded.clear();
        self.uncommitted = 0;
        self.lines.clear();
        for agent in 0..self.staff.len() {
            self.agent_loses_everything(agent);
        }
        if let Some(oracle) = &mut self.oracle {
            oracle.crashed(self.store.last_call, &self.store.open_attempts());
        }
        self.after(DOWN, Event::Mishap(Mishap::Restart));
    }

    fn restart(&mut self) {
        self.up = true;
        let now = self.now();
        self.store.recover(now);
        self.boot();
        for agent in 0..self.staff.len() {
            self.agent_reconsiders(agent);
        }
    }

    fn drop_a_leg(&mut self) {
        let nth = self.chance.below(self.staff.len() as u64);
        let Some(index) = usize::try_from(nth).ok().filter(|nth| *nth < self.staff.len()) else {
            return;
        };
        if self.agent_loses_leg(index) {
            self.tell(Fact::Agent(nth_agent(index), AgentFact::LegDown));
        }
    }

    fn begin_outage(&mut self) {
        let Some((_, length)) = &self.plan.faults.outage else { return };
        let length = self.chance.span(length);
        self.fail_calls(length, true);
    }

    /// Lets the carrier fail every new call for a while.
    fn fail_calls(&mut self, length: Span, told: bool) {
        self.carrier.out_until = Some(self.now + length);
        if told {
            self.tell_trunks(&TrunkFact::Down);
        }
        self.after(length, Event::Mishap(Mishap::OutageEnds));
    }

    fn tell_trunks(&mut self, fact: &TrunkFact) {
        let trunks: Vec<_> = self.plan.trunks.iter().map(|(trunk, _)| *trunk).collect();
        for trunk in trunks {
            self.tell(Fact::Trunk(trunk, fact.clone()));
        }
    }

    /// Tells a dialer that was just made what it needs to know.
    pub(super) fn boot(&mut self) {
        let mut facts = Vec::new();
        for (trunk, settings) in &self.plan.trunks {
            facts.push(Fact::Trunk(*trunk, TrunkFact::Set(*settings)));
            let out = self.carrier.out_until.is_some_and(|until| self.now < until);
            let fact = if out { TrunkFact::Down } else { TrunkFact::Up };
            facts.push(Fact::Trunk(*trunk, fact));
        }
        for campaign in &self.plan.campaigns {
            let settings = Box::new(campaign.settings.clone());
            facts.push(Fact::Campaign(campaign.id, CampaignFact::Set(settings)));
            let counted = self.store.counted(campaign.id).map(|bucket| vec![bucket]);
            let counted = counted.map(CampaignFact::Counted);
            let learnt = Some(self.store.learnt(campaign.id)).filter(|lessons| !lessons.is_empty());
            let learnt = learnt.map(CampaignFact::Remembered);
            let restored = counted.into_iter().chain(learnt);
            facts.extend(restored.map(|fact| Fact::Campaign(campaign.id, fact)));
            if campaign.full_info {
                let truth = Box::new(super::known::truth(&campaign.scenario, self.now()));
                facts.push(Fact::Campaign(campaign.id, CampaignFact::Known(truth)));
            }
        }
        for (index, campaigns) in self.plan.agents.iter().enumerate() {
            let settings = crate::core::agent::Settings {
                campaigns: campaigns.clone(),
                pause_at_login: PAUSE_AT_LOGIN,
            };
            facts.push(Fact::Agent(nth_agent(index), AgentFact::Set(settings)));
        }
        if self.now < self.plan.ends() {
            let started = |id| Fact::Campaign(id, CampaignFact::Started);
            facts.extend(self.plan.campaigns.iter().map(|campaign| started(campaign.id)));
        }
        self.start_dialer();
        self.facts.append(&mut facts);
    }
}
