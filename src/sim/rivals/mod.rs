//! Other dialers' pacers over the very same `Dialer`, by their documented semantics.
//!
//! A rival sees what it would see in its own product, takes its turn four times a second and names
//! how many calls to place; trunks and rates cut it as they cut everybody. What is below the
//! pacing (who answers, who is bridged to whom, when a call counts as abandoned) is the same for
//! all, so that only the pacing is compared.

mod adaptive;
pub mod hindsight;
mod osdial;
mod ratio;
mod vici;

pub use adaptive::{Adaptive, LEVEL_MAX_DEFAULT, Method, Product};

use super::{Event, World};
use crate::core::Fact;
use crate::core::fact::CampaignFact;
use crate::core::pacing::View;
use crate::units::{CampaignId, Mono, Ratio, Span};

/// A rival and its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rival {
    /// A fixed number of lines per idle agent, without any abandon rule.
    Ratio {
        /// Lines per idle agent, at least 1.
        lines_per_agent: f64,
    },
    /// A dial level adapted by what agents and drops do: VICIdial and its offspring.
    Adaptive(Adaptive),
}

/// What a rival sees at its turn.
#[derive(Clone, Copy, Debug)]
struct Seen {
    now: Mono,
    view: View,
    /// Calls placed since the day began.
    placed: u64,
}

/// A rival at work.
trait Pacer {
    /// Says how many calls to place now.
    fn turn(&mut self, seen: &Seen) -> u32;
}

/// A rival that paces one campaign of a world.
pub(super) struct Seat {
    campaign: CampaignId,
    pacer: Box<dyn Pacer>,
    pub(super) placed: u64,
}

/// The reference simulator's tick, for every policy alike (pacing.md §3).
const EVERY: Span = Span::millis(250);

impl Rival {
    fn pacer(self, cap: Ratio) -> Box<dyn Pacer> {
        match self {
            Self::Ratio { lines_per_agent } => Box::new(ratio::Fixed { lines_per_agent }),
            Self::Adaptive(settings) => Box::new(adaptive::Loops::new(settings, cap)),
        }
    }
}

impl World<'_> {
    /// Lets a rival pace every campaign; their mode must be the directed one.
    #[must_use]
    pub fn paced_by(mut self, rival: Option<Rival>) -> Self {
        let Some(rival) = rival else { return self };
        let seat = |campaign: &super::plan::CampaignPlan| Seat {
            campaign: campaign.id,
            pacer: rival.pacer(campaign.scenario.cap),
            placed: 0,
        };
        self.rivals = self.plan.campaigns.iter().map(seat).collect();
        self.after(EVERY, Event::RivalsTurn);
        self
    }

    /// Lets each rival say how many calls it wants.
    pub(super) fn rivals_turn(&mut self) {
        for nth in 0..self.rivals.len() {
            let seat = &mut self.rivals[nth];
            let (campaign, placed) = (seat.campaign, seat.placed);
            let seen = Seen { now: self.now, view: self.dialer.view(campaign), placed };
            let calls = seat.pacer.turn(&seen);
            if calls > 0 {
                self.tell_surely(Fact::Campaign(campaign, CampaignFact::Directed(calls)));
            }
        }
        if self.now + EVERY < self.plan.ends() {
            self.after(EVERY, Event::RivalsTurn);
        }
    }
}
