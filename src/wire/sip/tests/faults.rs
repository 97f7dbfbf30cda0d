//! A thousand seeded calls over a network that loses, doubles and reorders, half of them with
//! reliable provisional answers and session timers.

use std::collections::BTreeMap;

use super::*;

/// What somebody does to a leg.
#[derive(Clone, Copy, Debug)]
enum Act {
    Ring,
    Progress,
    Accept,
    Reject,
    Reoffer,
    HangUp,
}

/// One run: who does what when, and how each leg ended.
struct Run {
    world: World,
    plan: BTreeMap<(Mono, u64), (usize, LegId, Act)>,
    planned: u64,
    ends: BTreeMap<(usize, LegId), Event>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut dice = Pcg64::new(seed.into(), 7);
        let faults = Faults {
            lost: dice.next_u64() % 300,
            doubled: dice.next_u64() % 200,
            late: dice.next_u64() % 300,
        };
        let mut world = World::new(seed, faults);
        if seed % 2 == 1 {
            world.dialer().set_trunk(demanding(seed));
        }
        Self { world, plan: BTreeMap::new(), planned: 0, ends: BTreeMap::new() }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.world.chance.next_u64() % sides
    }

    /// Plans an act within so many milliseconds.
    fn soon(&mut self, most: u64, place: usize, leg: LegId, act: Act) {
        let wait = Span::millis(self.roll(most));
        self.planned += 1;
        self.plan.insert((self.world.now + wait, self.planned), (place, leg, act));
    }

    fn act(&mut self, place: usize, leg: LegId, act: Act) {
        let now = self.world.now;
        let end = &mut self.world.ends[place].1;
        let done = match act {
            Act::Ring => end.ring(now, leg),
            Act::Progress => end.progress(now, leg, ANSWER.to_vec()),
            Act::Accept => end.accept(now, leg, ANSWER.to_vec()),
            Act::Reject => end.reject(now, leg, 486, &[]),
            Act::Reoffer => end.reoffer(now, leg, OFFER.to_vec()),
            Act::HangUp => end.hang_up(now, leg),
        };
        // A command may come too late: that is refused, and nothing else.
        assert!(
            matches!(done, Ok(()) | Err(CommandError::UnknownLeg | CommandError::WrongState)),
            "{done:?}"
        );
    }

    fn take(&mut self, place: usize, event: Event) {
        let leg = leg_of(&event);
        assert!(!self.ends.contains_key(&(place, leg)), "{event:?} follows the leg's end");
        if matches!(event, Event::Failed { .. } | Event::Ended { .. } | Event::Gone(_)) {
            self.ends.insert((place, leg), event);
        } else if let Event::Incoming(_) = event {
            let acts = [Act::Ring, Act::Progress, Act::Accept, Act::Accept, Act::Reject];
            for act in acts {
                if self.roll(2) == 0 {
                    self.soon(8_000, place, leg, act);
                }
            }
            // Whoever rings for ever is given up by its own side.
            self.planned += 1;
            let late = self.world.now + Span::secs(90);
            self.plan.insert((late, self.planned), (place, leg, Act::HangUp));
        } else if let Event::Answered(..) | Event::Acked(..) = event {
            for act in [Act::Reoffer, Act::Reoffer, Act::HangUp] {
                if self.roll(3) == 0 {
                    self.soon(5_000, place, leg, act);
                }
            }
        } else if let Event::Offer(..) = event {
            let act = if self.roll(3) == 0 { Act::Reject } else { Act::Accept };
            self.soon(2_000, place, leg, act);
        }
    }

    fn run(&mut self) {
        self.world.dialer().invite(Mono::START, LEG, call()).expect("the trunk is known");
        let patience = 500 + self.roll(20_000);
        self.soon(patience, DIALER, LEG, Act::HangUp);
        let limit = Mono::micros(400_000_000);
        loop {
            for place in [DIALER, CARRIER] {
                for event in self.world.reported(place) {
                    self.take(place, event);
                }
            }
            let next = self.plan.keys().next().map_or(limit, |(at, _)| *at);
            if self.world.step(next.min(limit)) {
                continue;
            }
            match self.plan.pop_first() {
                Some((_, (place, leg, act))) => self.act(place, leg, act),
                None => break,
            }
        }
    }
}

/// A trunk that demands reliable answers and asks for the shortest session timer.
fn demanding(seed: u64) -> Trunk {
    let refresher = if seed % 4 == 1 { Refresher::Us } else { Refresher::Them };
    let (mode, interval) = (TimerMode::Ask, Span::secs(90));
    let session = SessionTimers { mode, interval, refresher, ..SessionTimers::default() };
    Trunk { reliable: Reliability::Required, session, ..trunk() }
}

fn leg_of(event: &Event) -> LegId {
    match event {
        Event::Ringing(leg)
        | Event::Progress(leg, _)
        | Event::Answered(leg, _)
        | Event::Dialog(leg, _)
        | Event::Failed { leg, .. }
        | Event::Ended { leg, .. }
        | Event::Gone(leg)
        | Event::Offer(leg, _)
        | Event::Acked(leg, _)
        | Event::Reoffered(leg, _, _)
        | Event::Transferred { leg, .. }
        | Event::TransferWanted(leg, _)
        | Event::Digit(leg, _) => *leg,
        Event::Incoming(incoming) => incoming.leg,
        Event::Phone(..) | Event::Bound(..) | Event::Options(..) | Event::Registered(..) => {
            panic!("no phone and no ping is at play")
        }
    }
}

#[test]
fn every_leg_ends_exactly_once_whatever_the_network_does() {
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..1_000 {
        let mut run = Run::new(seed);
        run.run();
        let world = &mut run.world;
        assert!(run.ends.contains_key(&(DIALER, LEG)), "seed {seed}: the call never ended");
        for place in [DIALER, CARRIER] {
            let end = &world.ends[place].1;
            assert_eq!(end.legs(), 0, "seed {seed}: a leg never ended at {place}");
            assert_eq!(end.next_timeout(), None, "seed {seed}: something lingers at {place}");
        }
        for ((place, _), event) in run.ends {
            let kind = format!("{event:?}");
            let kind = kind.split([' ', '(']).next().unwrap_or_default();
            *kinds.entry(format!("{place} {kind}")).or_default() += 1;
        }
    }
    // Every way to end was seen, or the plans are too tame.
    for kind in ["0 Failed", "0 Ended", "0 Gone", "1 Failed", "1 Ended", "1 Gone"] {
        assert!(kinds.get(kind).is_some_and(|times| *times > 20), "{kind}: {kinds:?}");
    }
}
