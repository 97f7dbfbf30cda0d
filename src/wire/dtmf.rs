//! RFC 4733 telephone events.

use crate::wire::rtp::FRAME;

/// The keys of events 0 to 15 (RFC 4733 §3.2, table 3).
const KEYS: &[u8; 16] = b"0123456789*#ABCD";

/// The power of the tone we tell, in -dBm0: what phones send (RFC 4733 §2.3.4).
const VOLUME: u8 = 10;

/// Packets of a pressed key before its end: 100 ms, twice the least that Q.24 asks for.
const HELD: u16 = 5;

/// The end is told three times against loss (RFC 4733 §2.5.1.4).
const ENDS: u16 = 3;

/// Packet times without event between two keys: 60 ms, above the 40 ms of Q.24.
const PAUSE: u16 = 3;

/// Keys that may wait to be sent; a telephone number has at most 15 (E.164), a menu path fewer.
pub const KEYS_MAX: usize = 32;

/// One event payload (RFC 4733 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The event's number; 0 to 15 are keys.
    pub number: u8,
    /// Whether the key was released.
    pub end: bool,
    /// The tone's power in -dBm0, 0 to 63.
    pub volume: u8,
    /// The length so far in samples.
    pub duration: u16,
}

impl Event {
    /// Reads an event; `None` when the payload is too short. Redundant blocks are left unread.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let [number, flags, high, low] = *payload.first_chunk()?;
        Some(Self {
            number,
            end: flags & 0x80 != 0,
            volume: flags & 0x3F,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// Gives the event's payload.
    #[must_use]
    pub fn write(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [self.number, u8::from(self.end) << 7 | self.volume & 0x3F, high, low]
    }

    /// Gives the key as an ASCII character, if the event is one.
    #[must_use]
    pub fn key(self) -> Option<u8> {
        KEYS.get(usize::from(self.number)).copied()
    }
}

/// Hears each key once, however many packets tell of it and whichever of them are lost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ear {
    last: Option<(u32, Event)>,
}

impl Ear {
    /// Takes an event packet; gives the key, in ASCII, at the first packet of its pressing.
    pub fn hear(&mut self, timestamp: u32, event: Event) -> Option<u8> {
        let known = self.last.is_some_and(|(at, last)| {
            // A pressing beyond 65,535 samples goes on in a new segment (RFC 4733 §2.5.1.3).
            let segment = !last.end
                && last.number == event.number
                && timestamp == at.wrapping_add(u32::from(u16::MAX));
            timestamp == at || segment
        });
        // A late packet of the pressing before must not make a key of it again.
        let late = self.last.is_some_and(|(at, _)| timestamp.wrapping_sub(at).cast_signed() < 0);
        if late {
            return None;
        }
        self.last = Some((timestamp, event));
        event.key().filter(|_| !known)
    }
}

/// One packet time of a mouth at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this event packet.
    Send {
        /// The payload.
        event: Event,
        /// Whether the event begins: a new timestamp and the marker.
        begins: bool,
    },
    /// Send nothing: the pause between two keys.
    Pause,
}

/// Presses keys one after the other, one packet every 20 ms.
#[derive(Clone, Debug, Default)]
pub struct Mouth {
    /// Event numbers still to press, the next one last.
    waiting: Vec<u8>,
    pressing: Option<(u8, u16)>,
}

impl Mouth {
    /// Takes more keys to press; gives how many were left out because they are no keys or more
    /// than [`KEYS_MAX`] would wait.
    pub fn press(&mut self, keys: &[u8]) -> usize {
        let number = |key: &u8| KEYS.iter().position(|known| *known == key.to_ascii_uppercase());
        let room = KEYS_MAX.saturating_sub(self.waiting.len());
        let numbers = keys.iter().filter_map(number).filter_map(|number| u8::try_from(number).ok());
        let mut fresh: Vec<u8> = numbers.take(room).collect();
        let left_out = keys.len().saturating_sub(fresh.len());
        fresh.reverse();
        fresh.append(&mut self.waiting);
        self.waiting = fresh;
        left_out
    }

    /// Tells whether every key was pressed.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.pressing.is_none() && self.waiting.is_empty()
    }

    /// Gives what this packet time sends; `None` when every key was pressed.
    pub fn step(&mut self) -> Option<Step> {
        let unfinished = self.pressing.take().filter(|(_, told)| *told < HELD + ENDS + PAUSE);
        let (number, told) = match unfinished {
            Some(pressing) => pressing,
            None => (self.waiting.pop()?, 0),
        };
        self.pressing = Some((number, told + 1));
        if told >= HELD + ENDS {
            return Some(Step::Pause);
        }
        let frame = u16::try_from(FRAME).expect("a frame is 160 samples");
        let event = Event {
            number,
            end: told >= HELD,
            volume: VOLUME,
            duration: frame * (told + 1).min(HELD),
        };
        Some(Step::Send { event, begins: told == 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(mouth: &mut Mouth) -> Vec<Step> {
        std::iter::from_fn(|| mouth.step()).take(1_000).collect()
    }

    #[test]
    fn what_a_mouth_presses_an_ear_hears_once_each() {
        let mut mouth = Mouth::default();
        assert_eq!(mouth.press(b"90#d x"), 2);
        let mut ear = Ear::default();
        let mut timestamp = 0u32;
        let mut heard = Vec::new();
        for step in steps(&mut mouth) {
            let Step::Send { event, begins } = step else { continue };
            timestamp += if begins { 4_000 } else { 0 };
            let read = Event::read(&event.write()).expect("four bytes were written");
            heard.extend(ear.hear(timestamp, read));
        }
        assert_eq!(heard, b"90#D");
    }

    #[test]
    fn a_key_is_told_growing_then_ended_three_times() {
        let mut mouth = Mouth::default();
        mouth.press(b"5");
        let told: Vec<_> = steps(&mut mouth)
            .into_iter()
            .map(|step| match step {
                Step::Send { event, begins } => (event.duration, event.end, begins),
                Step::Pause => (0, false, false),
            })
            .collect();
        assert_eq!(told.get(..2), Some(&[(160, false, true), (320, false, false)][..]));
        assert_eq!(told.get(5..8), Some(&[(800, true, false); 3][..]));
        assert_eq!(told.len(), usize::from(HELD + ENDS + PAUSE));
    }

    #[test]
    fn keys_pressed_meanwhile_come_after_the_waiting_ones() {
        let mut mouth = Mouth::default();
        mouth.press(b"12");
        mouth.step();
        mouth.press(b"3");
        let begun: Vec<_> = steps(&mut mouth)
            .into_iter()
            .filter_map(|step| match step {
                Step::Send { event, begins: true } => event.key(),
                Step::Send { .. } | Step::Pause => None,
            })
            .collect();
        assert_eq!(begun, b"23");
    }

    #[test]
    fn a_key_whose_first_packets_were_lost_is_heard_at_its_end() {
        let end = Event { number: 11, end: true, volume: 10, duration: 800 };
        let mut ear = Ear::default();
        assert_eq!([ear.hear(7, end), ear.hear(7, end)], [Some(b'#'), None]);
        assert_eq!(ear.hear(7_000, end), Some(b'#'), "pressed again");
        assert_eq!(ear.hear(7, end), None, "a late packet");
    }

    #[test]
    fn a_very_long_pressing_is_one_key() {
        let long = Event { number: 1, end: false, volume: 10, duration: u16::MAX };
        let mut ear = Ear::default();
        assert_eq!(ear.hear(100, long), Some(b'1'));
        assert_eq!(ear.hear(100 + 65_535, Event { duration: 160, ..long }), None);
    }

    #[test]
    fn what_is_no_key_is_not_heard() {
        assert_eq!(Event::read(&[1, 2, 3]), None);
        let flash = Event { number: 16, end: false, volume: 0, duration: 0 };
        assert_eq!(Ear::default().hear(1, flash), None);
    }

    #[test]
    fn no_more_keys_wait_than_the_limit() {
        let mut mouth = Mouth::default();
        assert_eq!(mouth.press(&[b'1'; KEYS_MAX + 5]), 5);
    }
}
