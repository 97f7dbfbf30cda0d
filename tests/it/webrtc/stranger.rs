//! The same audio with a client that is not ours: aiortc, a process of its own.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use cadran::media::{Codec, Event};
use cadran::units::Span;

use super::browser::{encode, linear, share, tone};
use super::{BROWSER, CLEAR, Outcome, PHONE};
use crate::media::Town;

/// How to have it here.
const REMEDY: &str = "python3 -m venv DIR && DIR/bin/pip install aiortc==1.16.0, and name \
                      DIR/bin/python in CADRAN_AIORTC";

/// The running client; ended by force if a test leaves it behind.
struct Stranger {
    child: Child,
    words: ChildStdin,
    told: BufReader<ChildStdout>,
}

impl Drop for Stranger {
    fn drop(&mut self) {
        // One that has ended already needs no force.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Stranger {
    /// Starts it and gives its offer; `None`, said aloud, where there is no aiortc.
    fn start() -> Result<Option<(Self, String)>, Box<dyn Error>> {
        let python = std::env::var("CADRAN_AIORTC").unwrap_or_else(|_| "python3".to_owned());
        let is_there = Command::new(&python).args(["-c", "import aiortc"]).output();
        if !is_there.is_ok_and(|output| output.status.success()) {
            if std::env::var_os("CI").is_some() {
                return Err(format!("{python} has no aiortc: {REMEDY}").into());
            }
            announce(&format!("NOT TESTED: {python} has no aiortc: {REMEDY}"));
            return Ok(None);
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/webrtc/stranger.py");
        let mut python = Command::new(python);
        python.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = python.spawn()?;
        let words = child.stdin.take().ok_or("no standard input")?;
        let told = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut stranger = Self { child, words, told };
        let offer = serde_json::from_str(&stranger.line()?)?;
        Ok(Some((stranger, offer)))
    }

    fn line(&mut self) -> Result<String, Box<dyn Error>> {
        let mut line = String::new();
        self.told.read_line(&mut line)?;
        Ok(line)
    }

    fn say(&mut self, text: &str) -> Outcome {
        Ok(writeln!(self.words, "{}", serde_json::Value::from(text))?)
    }
}

#[expect(clippy::print_stderr, reason = "what is left out is said aloud")]
fn announce(text: &str) {
    eprintln!("{text}");
}

#[test]
fn an_unrelated_client_and_a_phone_hear_each_others_tones() -> Outcome {
    let Some((mut stranger, offer)) = Stranger::start()? else { return Ok(()) };
    let mut town = Town::new(Span::secs(30))?;
    let (_, answer) = town.media.answer(BROWSER, &offer)?;
    stranger.say(&answer)?;
    town.event(|event| (event == Event::Joined(BROWSER)).then_some(()))?;
    let mut phone = town.phone(PHONE, Codec::Pcma, Some(101))?;
    town.media.bridge(BROWSER, PHONE)?;
    let mut heard = Vec::new();
    // Its packets are the clock: one of ours for each of its.
    for nth in 0..200 {
        let (header, packet) = phone.hear()?;
        let codec = Codec::of(header.payload_type).ok_or("no G.711")?;
        heard.extend(packet[header.start..].iter().map(|byte| linear(codec, *byte)));
        let samples = nth * 160..(nth + 1) * 160;
        let payload: Vec<u8> = samples.map(|nth| encode(Codec::Pcma, tone(700, nth))).collect();
        let packet = phone.packet(8, &payload);
        phone.send(&packet);
    }
    let late = &heard[heard.len() / 2..];
    assert!(share(late, 1_300) > CLEAR, "{} of its tone at the phone", share(late, 1_300));
    let told: serde_json::Value = serde_json::from_str(&stranger.line()?)?;
    assert_eq!(told, serde_json::json!({"heard": 700, "rate": 8_000}));
    stranger.say("close")?;
    town.event(|event| (event == Event::Left(BROWSER)).then_some(()))?;
    Ok(())
}
