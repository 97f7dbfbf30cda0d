//! A trunk whose audio is protected, from the file to the packets, before a carrier of a few lines.

use std::io::{self, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use cadran::wire::rtp::{self, Stamp};
use cadran::wire::sdp::{Entropy, Keys, Local, Origin, Side, Srtp};

use super::running::{Engine, field};
use super::{Claim, code, run, text};
use crate::srtp::{Cipher, far_ends};

/// What the carrier saw of a call.
#[derive(Debug, Default)]
struct Seen {
    offer: String,
    opened: u32,
    refused: u32,
}

/// A carrier that takes one call, says what it hears back, and ends with it.
struct Carrier {
    sip: UdpSocket,
    rtp: UdpSocket,
    side: Side,
    cipher: Option<Box<dyn Cipher + Send>>,
    /// Which of the judges opens and seals.
    judge: usize,
    /// Knows no SRTP.
    deaf: bool,
    seen: Seen,
}

impl Carrier {
    fn new(sip: UdpSocket, srtp: Srtp, judge: usize) -> io::Result<Self> {
        let rtp = UdpSocket::bind("127.0.0.1:0")?;
        sip.set_read_timeout(Some(Duration::from_millis(2)))?;
        rtp.set_read_timeout(Some(Duration::from_millis(2)))?;
        let address = rtp.local_addr()?;
        let side = Side::new(Local { rtp: address, rtcp: address }, Origin::new(1), srtp);
        Ok(Self {
            sip,
            rtp,
            side,
            cipher: None,
            judge,
            deaf: srtp == Srtp::Off,
            seen: Seen::default(),
        })
    }

    /// Serves until the call was ended, at most some 20 s.
    fn serve(mut self) -> Result<Seen, String> {
        let mut buffer = [0; 4_096];
        for _ in 0..5_000 {
            if let Ok((length, from)) = self.sip.recv_from(&mut buffer) {
                let request = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
                if request.starts_with("INVITE") {
                    self.answer(&request, from)?;
                } else if request.starts_with("BYE") {
                    self.respond(&request, from, "")?;
                    return Ok(self.seen);
                }
            }
            if let Ok((length, from)) = self.rtp.recv_from(&mut buffer) {
                self.hear(buffer.get(..length).unwrap_or_default(), from);
            }
        }
        Err(format!("the call was never ended: {:?}", self.seen))
    }

    fn answer(&mut self, request: &str, from: SocketAddr) -> Result<(), String> {
        let (_, offer) = request.split_once("\r\n\r\n").ok_or("an INVITE without a body")?;
        offer.clone_into(&mut self.seen.offer);
        let entropy = Entropy::new(std::array::from_fn(|place| place.to_le_bytes()[0] ^ 0x3C));
        // A carrier that knows no SRTP and answers all the same reads plain RTP.
        let read = if self.deaf { offer.replace("SAVP", "AVP") } else { offer.to_owned() };
        let answered = self.side.answer(read.as_bytes(), entropy);
        let (answer, remote) = answered.map_err(|error| error.to_string())?;
        // The carrier's keys from the engine's side.
        let swapped = remote.keys.map(|keys| Keys { send: keys.receive, receive: keys.send });
        if let Some(keys) = swapped {
            let mut judges = far_ends(keys).map_err(|error| error.to_string())?;
            let place = self.judge.min(judges.len() - 1);
            self.cipher = Some(judges.swap_remove(place));
        }
        self.respond(request, from, &String::from_utf8_lossy(&answer))
    }

    fn respond(&self, request: &str, from: SocketAddr, body: &str) -> Result<(), String> {
        let mut response = "SIP/2.0 200 OK\r\n".to_owned();
        let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
        for line in request.lines() {
            if copied.iter().any(|name| line.starts_with(name)) {
                let tag =
                    if line.starts_with("To:") && !line.contains("tag=") { ";tag=c" } else { "" };
                response.push_str(&format!("{line}{tag}\r\n"));
            }
        }
        let here = self.sip.local_addr().map_err(|error| error.to_string())?;
        response.push_str(&format!(
            "Contact: <sip:carrier@{here}>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        self.sip.send_to(response.as_bytes(), from).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Opens a packet of the engine's and says something of our own for it.
    fn hear(&mut self, packet: &[u8], from: SocketAddr) {
        let Some(cipher) = &mut self.cipher else { return };
        let report = rtp::is_rtcp(packet);
        match cipher.open(report, packet) {
            Some(_) => self.seen.opened += 1,
            None => self.seen.refused += 1,
        }
        let sequence = u16::try_from(self.seen.opened).unwrap_or(0);
        let stamp =
            Stamp { marker: false, sequence, timestamp: u32::from(sequence) * 160, ssrc: 77 };
        let mut said = rtp::header(stamp, 8).to_vec();
        said.extend([0x42; 160]);
        if let Some(sealed) = cipher.seal(false, &said).filter(|_| !report) {
            // The engine may have closed its port already.
            self.rtp.send_to(&sealed, from).ok();
        }
    }
}

/// Places a test call over a trunk with this setting; gives how the engine judged the call and what
/// the carrier saw.
fn call(
    setting: &str,
    carrier: Srtp,
    judge: usize,
) -> Result<(std::process::Output, Seen), Box<dyn std::error::Error>> {
    let sip = UdpSocket::bind("127.0.0.1:0")?;
    let address = sip.local_addr()?;
    let engine = Engine::start_with(|folder| {
        let file = folder.join("cadran.toml");
        let settings = std::fs::read_to_string(&file)?;
        let lines = settings.lines().map(|line| match line.starts_with("host = ") {
            true => format!("host = \"{address}\"\nsrtp = \"{setting}\"\n"),
            false => format!("{line}\n"),
        });
        std::fs::write(file, lines.collect::<String>())
    })?;
    let carrier = Carrier::new(sip, carrier, judge)?;
    let test = ["trunk", "test", "t1", "--to", "+33972101010", "--json"];
    let (judged, seen) = std::thread::scope(|scope| {
        let carrier = scope.spawn(|| carrier.serve());
        (engine.run(&test), carrier.join())
    });
    let (judged, seen) = (judged?, seen.map_err(|_| "the carrier died")??);
    Ok((judged, seen))
}

#[test]
fn a_call_over_a_mandatory_trunk_is_protected_both_ways() -> Claim {
    for judge in [0, 1] {
        let (judged, seen) = call("mandatory", Srtp::Mandatory, judge)?;
        assert_eq!(code(&judged)?, 0, "{judged:?}");
        let report = super::json(&judged)?;
        assert!(field(&report, "/received").as_u64() > Some(20), "{report}");
        assert!(seen.opened > 20 && seen.refused == 0, "{seen:?}");
        assert!(seen.offer.contains(" RTP/SAVP 8 0 101"), "{seen:?}");
    }
    Ok(())
}

#[test]
fn a_preferred_trunk_is_protected_where_the_carrier_can_and_plain_where_not() -> Claim {
    let (judged, seen) = call("preferred", Srtp::Preferred, 1)?;
    assert_eq!(code(&judged)?, 0, "{judged:?}");
    assert!(seen.opened > 20 && seen.refused == 0, "{seen:?}");
    assert!(seen.offer.contains(" RTP/AVP 8 0 101") && seen.offer.contains("a=crypto:1 "));
    // A plain carrier of these few lines is silent; the call is answered all the same.
    let (judged, seen) = call("preferred", Srtp::Off, 0)?;
    assert_eq!(field(&super::json(&judged)?, "/status"), 200, "{judged:?}");
    assert_eq!((seen.opened, seen.refused), (0, 0));
    Ok(())
}

#[test]
fn a_carrier_that_answers_a_mandatory_trunk_in_clear_is_hung_up_on() -> Claim {
    let (judged, seen) = call("mandatory", Srtp::Off, 0)?;
    assert_eq!(field(&super::json(&judged)?, "/rejected"), "no-srtp", "{judged:?}");
    assert_eq!((seen.opened, seen.refused), (0, 0), "nothing was sent in any form");
    Ok(())
}

#[test]
fn keys_that_travel_in_clear_are_warned_of() -> Claim {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("cadran.toml");
    let mut settings = std::fs::File::create(&file)?;
    std::fs::create_dir(folder.path().join("campaigns"))?;
    write!(
        settings,
        "[[trunk]]\nname = \"t1\"\nhost = \"192.0.2.1\"\nchannels = 1\n\
         calls_per_second = \"1/s\"\nsrtp = \"mandatory\"\n"
    )?;
    let file = file.to_str().ok_or("a path that is no text")?;
    for command in [&["campaign", "validate"][..], &["doctor"]] {
        let output = run(&[command, &["--config", file]].concat())?;
        let said = format!("{}{}", text(&output.stdout)?, text(&output.stderr)?);
        assert!(
            said.contains("trunk[1].srtp") && said.contains("signalling"),
            "{command:?}: {said}"
        );
    }
    Ok(())
}
