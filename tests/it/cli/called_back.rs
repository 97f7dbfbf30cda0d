//! Whoever calls a number that campaigns show, over real SIP and RTP: hears who called, presses it
//! away, hangs up early, comes in crowds, and meets an engine that is killed.

use std::fs;
use std::path::Path;

use cadran::sip::{Command, Event};
use cadran::sound::{Clip, wav};
use cadran::units::{LegId, Number};
use cadran::wire::rtp::{self, Stamp};
use cadran::wire::sdp::{self, Remote};
use nix::sys::signal::Signal;

use super::running::{Engine, field};
use super::{Claim, code};
use crate::carrier::{Checked, Dialer, TRUNK, World, quiet_trunk, refused, settings};

const SHOWN: &str = "+33162000000";
const CALLER: &str = "+33639980042";
const OTHER: &str = "+33639980043";
/// The 160 samples of one packet, and how many packets a prompt of the tests lasts.
const PACKET: usize = 160;
const PACKETS: usize = 20;
/// How often a key is pressed before nobody is taken to hear it.
const TRIES: u32 = 20;

/// Makes a prompt in which no packet is like another, of a seed.
fn prompt(mut seed: u32) -> Vec<u8> {
    let mut draw = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // A-law without its two values of silence.
        u8::try_from(seed >> 25).unwrap_or(0) | 0x08
    };
    let sound: Vec<u8> = (0..PACKET * PACKETS).map(|_| draw()).collect();
    let length = u32::try_from(sound.len()).unwrap_or(0);
    let mut file = b"RIFF".to_vec();
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    for half in [6_u16, 1] {
        file.extend(half.to_le_bytes());
    }
    for whole in [8_000_u32, 8_000] {
        file.extend(whole.to_le_bytes());
    }
    for half in [1_u16, 8] {
        file.extend(half.to_le_bytes());
    }
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(sound);
    file
}

const GREETING: u32 = 1;
const CONFIRMATION: u32 = 2;

/// Adds prompts and an endpoint of events to the project, and words to its trunk.
fn prepare(folder: &Path, trunk: &str) -> std::io::Result<()> {
    fs::create_dir(folder.join("prompts"))?;
    fs::write(folder.join("prompts/appel.wav"), prompt(GREETING))?;
    fs::write(folder.join("prompts/note.wav"), prompt(CONFIRMATION))?;
    fs::write(folder.join("campaigns/key"), "whsec_Y2FkcmFuIHNpZ25zIHRoaXMgd2ViaG9vaw==")?;
    let campaign = folder.join("campaigns/essai.toml");
    let text = fs::read_to_string(&campaign)?;
    let more = "[incoming]\nprompt = \"appel.wav\"\nconfirmation = \"note.wav\"\n\
                [webhook]\nurl = \"http://127.0.0.1:9/\"\nsecret_file = \"key\"\n";
    fs::write(campaign, text + more)?;
    let engine = folder.join("cadran.toml");
    let text = fs::read_to_string(&engine)?;
    fs::write(engine, text + trunk)
}

/// A caller behind the trunk of the project.
struct Caller {
    dialer: Dialer,
    legs: u64,
}

impl Caller {
    async fn of(world: &World, engine: &Engine) -> Checked<Self> {
        let text = fs::read_to_string(engine.folder.path().join("cadran.toml"))?;
        let place = |key: &str| {
            let value = text.split_once(&format!("{key} = \"")).map(|(_, rest)| rest);
            value.and_then(|rest| rest.split_once('"')).and_then(|(place, _)| place.parse().ok())
        };
        let (sip, carrier) = place("bind").zip(place("host")).ok_or("no places in the project")?;
        let dialer = world.dialer_of(settings(carrier, vec![quiet_trunk(sip)], Vec::new())).await?;
        Ok(Self { dialer, legs: 0 })
    }

    fn dial(&mut self, to: &str, from: Option<&str>) -> Checked<LegId> {
        self.legs += 1;
        let leg = LegId(self.legs);
        self.dialer.sip.send(Command::Dial {
            leg,
            trunk: TRUNK,
            to: Number::new(to)?,
            from: from.map(Number::new).transpose()?,
            offer: self.dialer.offer()?,
            call_ref: String::new(),
        })?;
        Ok(leg)
    }

    async fn connected(&mut self, to: &str, from: Option<&str>) -> Checked<(LegId, Remote)> {
        let leg = self.dial(to, from)?;
        let answer = self.dialer.answered(leg).await?;
        Ok((leg, sdp::accept_answer(&answer)?))
    }

    /// Listens until half of a prompt's packets were heard, or fails when the call falls silent: a
    /// busy machine passes packet times over.
    async fn hears(&self, seed: u32) -> Checked {
        let clip: Clip = wav::read(&prompt(seed))?;
        let mut open: Vec<&[u8]> = clip.a().chunks(PACKET).collect();
        while open.len() > PACKETS / 2 {
            let (packet, _) = self.dialer.packet().await?;
            let Ok(header) = rtp::read(&packet) else { continue };
            let heard = packet.get(header.start..header.end).unwrap_or_default();
            open.retain(|frame| *frame != heard);
        }
        Ok(())
    }

    /// Presses nine until the confirmation is heard: a key may overtake the ACK of the answer.
    async fn opposes(&self, remote: &Remote) -> Checked {
        let clip: Clip = wav::read(&prompt(CONFIRMATION))?;
        for nth in 1..=TRIES {
            self.presses(9, remote, nth * 9_000).await?;
            for _ in 0..PACKETS {
                let (packet, _) = self.dialer.packet().await?;
                if clip.a().chunks(PACKET).any(|frame| packet.ends_with(frame)) {
                    return Ok(());
                }
            }
        }
        Err("the wish was never confirmed".into())
    }

    /// Presses a key as phones do (RFC 4733).
    async fn presses(&self, key: u8, remote: &Remote, at: u32) -> Checked {
        let kind = remote.dtmf.ok_or("no keys were agreed")?;
        for nth in 1..=6_u16 {
            let stamp = Stamp { marker: nth == 1, sequence: nth, timestamp: at, ssrc: 7 };
            let mut packet = rtp::header(stamp, kind).to_vec();
            let [high, low] = (nth * 160).to_be_bytes();
            packet.extend([key, u8::from(nth > 3) << 7 | 10, high, low]);
            self.dialer.audio.send_to(&packet, remote.rtp).await?;
        }
        Ok(())
    }
}

fn opposed(engine: &Engine, number: &str) -> Result<bool, Box<dyn std::error::Error>> {
    Ok(code(&engine.run(&["dnc", "check", number])?)? == 4)
}

/// Counts the events of a kind that are in the outbox.
fn events(engine: &Engine, kind: &str) -> Result<usize, Box<dyn std::error::Error>> {
    let all = engine.ask(&["webhook", "deliveries"])?;
    let all = all.as_array().ok_or("no list")?;
    Ok(all.iter().filter(|event| event.to_string().contains(&format!("\"{kind}\""))).count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_hears_who_called_and_presses_it_away() -> Claim {
    let engine = Engine::start_with(|folder| prepare(folder, ""))?;
    fs::write(engine.folder.path().join("une.csv"), format!("téléphone\n{CALLER}\n"))?;
    engine.ask(&["list", "import", "une.csv", "--campaign", "essai"])?;
    let world = World::new();
    let mut caller = Caller::of(&world, &engine).await?;
    let (leg, remote) = caller.connected(SHOWN, Some(CALLER)).await?;
    caller.hears(GREETING).await?;
    assert!(!opposed(&engine, CALLER)?, "nothing was pressed");
    // Another key means nothing.
    caller.presses(1, &remote, 1_000).await?;
    caller.presses(9, &remote, 9_000).await?;
    caller.hears(CONFIRMATION).await?;
    assert!(opposed(&engine, CALLER)?, "the wish is committed before it is confirmed");
    assert!(matches!(caller.dialer.end(leg).await?, Event::Ended { .. }), "the engine hangs up");
    let told = engine.run(&["why", CALLER])?;
    assert!(format!("{told:?}").contains("do-not-call"), "{told:?}");
    let stats = engine.ask_until(&["stats", "essai"], "/0/called_back", 1)?;
    assert_eq!(field(&stats, "/0/oppositions"), 1, "{stats}");
    assert_eq!((events(&engine, "call.opposed")?, events(&engine, "call.received")?), (1, 1));
    assert_eq!(field(&engine.ask(&["health"])?, "/surprises"), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_who_hide_hang_up_or_mistake_the_number_oppose_nothing() -> Claim {
    let engine = Engine::start_with(|folder| prepare(folder, "incoming_unknown = \"603\"\n"))?;
    let world = World::new();
    let mut caller = Caller::of(&world, &engine).await?;
    let unknown = caller.dial("+33162000001", Some(CALLER))?;
    let end = refused(caller.dialer.end(unknown).await?);
    assert_eq!(end.map(|(_, _, status, _)| status), Some(603));
    // Whoever hides hears the words, and the key finds nobody.
    let (leg, remote) = caller.connected(SHOWN, None).await?;
    caller.presses(9, &remote, 9_000).await?;
    caller.hears(GREETING).await?;
    caller.dialer.sip.send(Command::HangUp(leg))?;
    assert_eq!(caller.dialer.end(leg).await?, Event::Gone(leg));
    // One gives up before the answer, or the moment it comes.
    let early = caller.dial(SHOWN, Some(CALLER))?;
    caller.dialer.sip.send(Command::Cancel(early))?;
    caller.dialer.end(early).await?;
    engine.ask_until(&["stats", "essai"], "/0/oppositions", 0)?;
    assert!(!opposed(&engine, CALLER)?);
    let health = engine.ask(&["health"])?;
    assert_eq!(field(&health, "/surprises"), 0, "{health}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_callers_is_let_in_as_far_as_the_trunk_may() -> Claim {
    let limits = "incoming_calls = 2\nincoming_per_second = \"1/s\"\n";
    let engine = Engine::start_with(|folder| prepare(folder, limits))?;
    let world = World::new();
    let mut caller = Caller::of(&world, &engine).await?;
    let mut legs = Vec::new();
    for _ in 0..20 {
        legs.push(caller.dial(SHOWN, Some(CALLER))?);
    }
    let (mut answered, mut busy) = (0, 0);
    while answered + busy < legs.len() {
        let event = caller.dialer.next().await?;
        answered += usize::from(matches!(event, Event::Answered(..)));
        busy += usize::from(refused(event).is_some_and(|(_, _, status, _)| status == 486));
    }
    assert_eq!((answered, busy), (2, 18));
    let unsaid = engine.ask(&["stats", "essai"])?;
    assert_eq!(field(&unsaid, "/0/oppositions"), 0, "{unsaid}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wish_survives_a_kill_right_after_the_key_once() -> Claim {
    let engine = Engine::start_with(|folder| prepare(folder, ""))?;
    let world = World::new();
    let mut caller = Caller::of(&world, &engine).await?;
    let (leg, remote) = caller.connected(SHOWN, Some(CALLER)).await?;
    caller.opposes(&remote).await?;
    caller.dialer.end(leg).await?;
    caller.dialer.forget_audio();
    let (_, remote) = caller.connected(SHOWN, Some(OTHER)).await?;
    caller.opposes(&remote).await?;
    engine.signal(Signal::SIGKILL)?;
    let engine = engine.again()?;
    assert!(opposed(&engine, CALLER)? && opposed(&engine, OTHER)?, "both were confirmed");
    let stats = engine.ask(&["stats", "essai"])?;
    assert_eq!(field(&stats, "/0/called_back"), 2, "{stats}");
    assert_eq!(field(&stats, "/0/oppositions"), 2, "{stats}");
    for kind in ["call.opposed", "call.received"] {
        assert_eq!(events(&engine, kind)?, 2, "{kind}: once each");
    }
    // The same caller once more adds no second wish.
    caller.dialer.forget_audio();
    let (_, remote) = caller.connected(SHOWN, Some(OTHER)).await?;
    caller.opposes(&remote).await?;
    let wishes = engine.run(&["--json", "dnc", "check", OTHER])?;
    assert_eq!(super::json(&wishes)?.as_array().map(Vec::len), Some(1), "{wishes:?}");
    Ok(())
}
