//! The far ends: whether, when and how a dialled number answers, and how its people behave.

use super::carrier::teardown;
use super::rng::{Actor, Stream};
use super::scenario::Fate;
use super::staff::Talk;
use super::{Event, World};
use crate::core::Fact;
use crate::core::fact::{AgentFact, Answerer, CallFact, Failure, Heard};
use crate::core::order::Dial;
use crate::units::{AgentId, CallId, Mono, Ratio, Span};

/// One far end, from the INVITE to its last sign of life.
#[derive(Debug)]
pub(super) struct Line {
    /// The campaign, by its place in the plan.
    campaign: usize,
    stream: Stream,
    fate: Fate,
    stage: Stage,
    /// Since when the dialer may know that a person waits.
    waits_since: Option<Mono>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Trying,
    Answered,
    Bridged(AgentId),
    /// An order to end it is under way.
    Ending,
}

/// What a far end does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Rings,
    Resolves,
    Verdict,
    LosesPatience,
    TalkEnds,
    NoticeEnds,
    /// Nobody ever spoke to it: a machine's tape ends, a person gives up.
    Tires,
    TornDown,
}

/// How long an unattended answer lasts when even the verdict was lost.
const TIRES_AFTER: Span = Span::secs(60);
/// The length of the notice for an abandoned call.
const NOTICE: Span = Span::secs(4);

impl World<'_> {
    /// Sends the INVITE.
    pub(super) fn dial(&mut self, dial: &Dial) {
        let Some(index) = self.plan.campaigns.iter().position(|c| c.id == dial.campaign) else {
            return;
        };
        if self.tally.counts(self.now) {
            self.tally.day.attempts += 1;
        }
        if let Some(seat) = self.rivals.get_mut(index) {
            seat.placed += 1;
        }
        let scenario = &self.plan.campaigns[index].scenario;
        let actor = Actor::Callee(dial.contact.0, dial.call.count());
        let mut stream = Stream::new(self.plan.seed, actor);
        let fate = self.carrier.fate(scenario, index, self.now, &mut stream);
        let setup = stream.span(&scenario.setup);
        let moment = self.now.since(Mono::START);
        let ring = stream.span(scenario.ring_at(moment).before(fate));
        if !matches!(fate, Fate::Busy | Fate::Fail) {
            self.after(setup, Event::Line(dial.call, Step::Rings));
        }
        self.after(setup + ring, Event::Line(dial.call, Step::Resolves));
        let stage = Stage::Trying;
        let line = Line { campaign: index, stream, fate, stage, waits_since: None };
        self.lines.insert(dial.call, line);
    }

    pub(super) fn line_steps(&mut self, call: CallId, step: Step) {
        let Some(line) = self.lines.get(&call) else { return };
        match (step, line.stage) {
            (Step::Rings, Stage::Trying) => self.tell(Fact::Call(call, CallFact::Ringing)),
            (Step::Resolves, Stage::Trying | Stage::Ending) => self.resolve(call),
            (Step::Verdict, Stage::Answered) => self.judge(call),
            (Step::LosesPatience | Step::Tires | Step::NoticeEnds, Stage::Answered) => {
                self.line_ends(call, CallFact::HungUp);
            }
            (Step::TalkEnds, Stage::Bridged(agent)) => self.end_talk(call, agent),
            (Step::TornDown, Stage::Ending) => {
                let unanswered = line.waits_since.is_none();
                self.line_ends(call, torn(unanswered));
            }
            (
                Step::Rings
                | Step::Verdict
                | Step::LosesPatience
                | Step::Tires
                | Step::NoticeEnds
                | Step::TalkEnds
                | Step::Resolves
                | Step::TornDown,
                Stage::Trying | Stage::Answered | Stage::Bridged(_) | Stage::Ending,
            ) => {}
        }
    }

    fn resolve(&mut self, call: CallId) {
        let Some(line) = self.lines.get_mut(&call) else { return };
        let failed = |failure, cause| CallFact::Failed { failure, cause, after: None };
        match line.fate {
            Fate::Live | Fate::Machine => {
                // A 200 may cross a CANCEL: then the teardown that is under way ends it.
                line.waits_since = Some(self.now);
                if line.stage == Stage::Trying {
                    line.stage = Stage::Answered;
                }
                let listens = self.plan.campaigns[line.campaign].settings.listen;
                self.tell(Fact::Call(call, CallFact::Answered));
                if !listens {
                    self.unbridged.push(call);
                }
                if self.plan.faults.any() {
                    self.after(TIRES_AFTER, Event::Line(call, Step::Tires));
                }
            }
            Fate::Busy => self.line_ends(call, failed(Failure::Busy, 486)),
            Fate::NoAnswer => self.line_ends(call, failed(Failure::NoAnswer, 480)),
            Fate::Fail => {
                let (failure, cause) = self.carrier.failure();
                self.line_ends(call, failed(failure, cause));
            }
        }
    }

    /// Starts the machine detection on a leg.
    pub(super) fn listen(&mut self, call: CallId) {
        let Some(line) = self.lines.get_mut(&call) else { return self.dead(call) };
        let amd = &self.plan.campaigns[line.campaign].scenario.amd;
        let delay = line.stream.span(&amd.delay);
        self.after(delay, Event::Line(call, Step::Verdict));
    }

    fn judge(&mut self, call: CallId) {
        let Some(line) = self.lines.get_mut(&call) else { return };
        let amd = &self.plan.campaigns[line.campaign].scenario.amd;
        let machine = line.fate == Fate::Machine;
        let error = if machine { amd.missed_machine } else { amd.false_machine };
        let wrong = line.stream.yes(error.get());
        let what = if machine == wrong { Answerer::Human } else { Answerer::Machine };
        let confidence = Ratio::new(1.0 - error.get());
        if what == Answerer::Human {
            line.waits_since = Some(self.now);
            self.unbridged.push(call);
        } else if !machine && self.tally.counts(self.now) {
            self.tally.day.amd_false += 1;
        }
        self.tell(Fact::Call(call, CallFact::Heard(Heard { what, confidence })));
    }

    /// Lets those whom the last batch left waiting wait as long as their patience lasts.
    pub(super) fn start_patience(&mut self) {
        for call in core::mem::take(&mut self.unbridged) {
            let Some(line) = self.lines.get_mut(&call) else { continue };
            if line.stage == Stage::Answered {
                let patience = &self.plan.campaigns[line.campaign].scenario.patience;
                let gap = line.stream.span(patience);
                self.after(gap, Event::Line(call, Step::LosesPatience));
            }
        }
    }

    /// Joins a far end and an agent.
    pub(super) fn bridge(&mut self, call: CallId, agent: AgentId) {
        let Some(line) = self.lines.get_mut(&call) else { return self.dead(call) };
        if line.stage != Stage::Answered {
            return;
        }
        line.stage = Stage::Bridged(agent);
        let scenario = &self.plan.campaigns[line.campaign].scenario;
        let law = match line.fate {
            Fate::Machine => &scenario.amd.missed_talk,
            Fate::Live | Fate::Busy | Fate::NoAnswer | Fate::Fail => {
                scenario.talk_at(self.now.since(Mono::START))
            }
        };
        let campaign = line.campaign;
        let length = line.stream.span(law);
        let waited = line.waits_since.map_or(Span::ZERO, |since| self.now.since(since));
        self.after(length, Event::Line(call, Step::TalkEnds));
        self.agent_talks(agent, call, &Talk { campaign, waited, length });
    }

    /// Leaves a callee alone: the agent's leg is gone, the callee's is not.
    pub(super) fn loses_agent(&mut self, call: CallId) {
        let Some(line) = self.lines.get_mut(&call) else { return };
        line.stage = Stage::Answered;
        line.waits_since = Some(self.now);
        self.unbridged.push(call);
    }

    /// Ends a conversation: the callee hangs up, or the agent does.
    fn end_talk(&mut self, call: CallId, agent: AgentId) {
        let Some(line) = self.lines.get_mut(&call) else { return };
        if line.stream.yes(0.5) {
            self.line_ends(call, CallFact::HungUp);
        } else {
            self.agent_stops_talking(agent, call);
            self.tell(Fact::Agent(agent, AgentFact::HungUp));
        }
    }

    /// Ends a far end on our order.
    pub(super) fn tear_down(&mut self, call: CallId) {
        let Some(line) = self.lines.get_mut(&call) else { return self.torn_already(call) };
        let unanswered = line.waits_since.is_none();
        if let Stage::Bridged(agent) = core::mem::replace(&mut line.stage, Stage::Ending) {
            self.agent_stops_talking(agent, call);
        }
        match &self.plan.faults.round_trip {
            Some(law) => {
                let gap = teardown(Some(law), &mut self.chance);
                self.after(gap, Event::Line(call, Step::TornDown));
            }
            None => self.line_ends(call, torn(unanswered)),
        }
    }

    /// Answers an order to end a leg that is not there.
    fn torn_already(&mut self, call: CallId) {
        let fact = torn(self.held.remove(&call));
        self.tell(Fact::Call(call, fact));
    }

    /// Answers an order that needs a living leg when there is none.
    fn dead(&mut self, call: CallId) {
        self.tell(Fact::Call(call, CallFact::Lost));
    }

    pub(super) fn play_notice(&mut self, call: CallId) {
        if !self.lines.contains_key(&call) {
            return self.dead(call);
        }
        self.after(NOTICE, Event::Played(call));
        // Who has heard it hangs up, if we do not.
        self.after(NOTICE.times(3), Event::Line(call, Step::NoticeEnds));
    }

    pub(super) fn played(&mut self, call: CallId) {
        if self.lines.contains_key(&call) {
            self.tell(Fact::Call(call, CallFact::NoticePlayed));
        }
    }

    fn line_ends(&mut self, call: CallId, fact: CallFact) {
        let Some(line) = self.lines.remove(&call) else { return };
        if let Stage::Bridged(agent) = line.stage {
            self.agent_stops_talking(agent, call);
        }
        self.tell(Fact::Call(call, fact));
    }
}

/// What the driver tells when a leg it was told to end is gone.
const fn torn(unanswered: bool) -> CallFact {
    if unanswered {
        CallFact::Failed { failure: Failure::Cancelled, cause: 487, after: None }
    } else {
        CallFact::Gone
    }
}
