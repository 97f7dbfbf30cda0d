//! What the far end of a leg hears when nobody talks to it.

use std::sync::Arc;

use super::{Codec, Feed, Prompt};
use crate::sound::{Clip, g711, tone};
use crate::wire::rtp::FRAME;

/// The bytes of one G.711 packet of 20 ms.
pub(super) const PAYLOAD: usize = FRAME as usize;

/// Every sound that can be played.
#[derive(Debug)]
pub(super) struct Prompts {
    comfort: Clip,
    clips: Vec<Arc<Clip>>,
}

impl Prompts {
    /// Makes the list with nothing but the comfort tone.
    pub(super) fn new() -> Self {
        Self { comfort: tone::comfort(), clips: Vec::new() }
    }

    /// Adds the next prompt.
    pub(super) fn push(&mut self, clip: Arc<Clip>) {
        self.clips.push(clip);
    }

    fn clip(&self, prompt: Prompt) -> Option<&Clip> {
        self.clips.get(usize::try_from(prompt.0).ok()?).map(AsRef::as_ref)
    }
}

/// What a packet time brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Played {
    /// No packet.
    Nothing,
    /// A packet.
    Frame,
    /// A packet of silence, the first after a prompt's end.
    Done,
}

/// Plays one leg's feed, a packet at a time.
#[derive(Debug)]
pub(super) struct Player {
    feed: Feed,
    at: usize,
}

impl Player {
    pub(super) const fn new() -> Self {
        Self { feed: Feed::Nothing, at: 0 }
    }

    /// Starts something else from its beginning.
    pub(super) fn set(&mut self, feed: Feed) {
        *self = Self { feed, at: 0 };
    }

    /// Fills the next packet's payload.
    pub(super) fn fill(
        &mut self,
        payload: &mut [u8; PAYLOAD],
        codec: Codec,
        prompts: &Prompts,
    ) -> Played {
        let (clip, repeats) = match self.feed {
            Feed::Nothing | Feed::Soundings => return Played::Nothing,
            Feed::Silence => (None, true),
            Feed::Comfort => (Some(&prompts.comfort), true),
            Feed::Prompt(prompt) => (prompts.clip(prompt), false),
            Feed::Loop(prompt) => (prompts.clip(prompt), true),
        };
        let (sound, silence) = match codec {
            Codec::Pcmu => (clip.map_or(&[][..], Clip::mu), g711::MU_SILENCE),
            Codec::Pcma => (clip.map_or(&[][..], Clip::a), g711::A_SILENCE),
        };
        if self.at >= sound.len() && !repeats {
            self.set(Feed::Silence);
            payload.fill(silence);
            return Played::Done;
        }
        payload.fill(silence);
        let mut rest = &mut payload[..];
        while !rest.is_empty() && !sound.is_empty() {
            if self.at >= sound.len() {
                if !repeats {
                    break;
                }
                self.at = 0;
            }
            let ahead = sound.get(self.at..).unwrap_or_default();
            let count = ahead.len().min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&ahead[..count]);
            rest = later;
            self.at += count;
        }
        Played::Frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompts(samples: usize) -> Prompts {
        let mut prompts = Prompts::new();
        let counted: Vec<u8> = (0..samples).map(|at| u8::try_from(at % 100).unwrap_or(0)).collect();
        prompts.push(Arc::new(Clip::from_mu(&counted)));
        prompts
    }

    #[test]
    fn a_prompt_ends_in_silence_and_says_so_once() {
        let prompts = prompts(200);
        let mut player = Player::new();
        player.set(Feed::Prompt(Prompt(0)));
        let mut frame = [0; PAYLOAD];
        let mut played = || {
            let played = player.fill(&mut frame, Codec::Pcmu, &prompts);
            (played, frame[39], frame[40])
        };
        assert_eq!(played(), (Played::Frame, 39, 40));
        assert_eq!(played(), (Played::Frame, 99, 0xFF));
        assert_eq!(played(), (Played::Done, 0xFF, 0xFF));
        assert_eq!(played(), (Played::Frame, 0xFF, 0xFF));
    }

    #[test]
    fn a_loop_has_no_seam() {
        let prompts = prompts(100);
        let mut player = Player::new();
        player.set(Feed::Loop(Prompt(0)));
        let mut heard = Vec::new();
        for _ in 0..5 {
            let mut frame = [0; PAYLOAD];
            assert_eq!(player.fill(&mut frame, Codec::Pcmu, &prompts), Played::Frame);
            heard.extend(frame);
        }
        assert!(heard.iter().enumerate().all(|(at, sample)| usize::from(*sample) == at % 100));
    }

    #[test]
    fn a_prompt_nobody_added_is_over_at_once_and_its_loop_is_silence() {
        let prompts = prompts(0);
        let mut player = Player::new();
        let mut frame = [0; PAYLOAD];
        player.set(Feed::Prompt(Prompt(7)));
        assert_eq!(player.fill(&mut frame, Codec::Pcma, &prompts), Played::Done);
        player.set(Feed::Loop(Prompt(7)));
        assert_eq!(player.fill(&mut frame, Codec::Pcma, &prompts), Played::Frame);
        assert_eq!(frame, [0xD5; PAYLOAD]);
    }
}
