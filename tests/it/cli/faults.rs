//! `trunk test` before carriers with one fault each: every fault is named rightly.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use cadran::wire::rtp::{self, Stamp};

use super::running::{Engine, field};
use super::{Claim, code, json};

/// What is wrong with the carrier, by the number called.
const FAULTS: [(&str, &str, &str); 7] = [
    ("+33199000001", "401 Unauthorized", "sip-401"),
    ("+33199000002", "403 Forbidden", "sip-403"),
    ("+33199000003", "488 Not Acceptable Here", "sip-488"),
    ("+33199000004", "503 Service Unavailable", "sip-503"),
    ("+33199000005", "503 CPS limit exceeded", "pace"),
    ("+33199000006", "486 Busy Here", "sip-486"),
    ("+33199000007", "699 Nobody Knows", "other"),
];

/// A carrier of a few lines that serves until its last call was ended, at most some 40 s.
struct Carrier {
    sip: UdpSocket,
    rtp: UdpSocket,
    /// The address it announces for its audio.
    announced: String,
    /// Whether it sends audio.
    speaks: bool,
    /// Where the audio of the call in progress goes.
    audio: Option<SocketAddr>,
    sent: u16,
    /// How many calls it will see, acknowledgements of refusals included.
    calls: u32,
}

impl Carrier {
    fn serve(mut self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut buffer = [0; 4_096];
        for _ in 0..4_000 {
            if self.speaks
                && let Some(to) = self.audio
            {
                let timestamp = u32::from(self.sent) * 160;
                let stamp = Stamp { marker: false, sequence: self.sent, timestamp, ssrc: 7 };
                let mut packet = rtp::header(stamp, 8).to_vec();
                packet.extend([0xD5; 160]);
                // The engine may have closed its port already.
                self.rtp.send_to(&packet, to).ok();
                self.sent += 1;
            }
            let Ok((length, from)) = self.sip.recv_from(&mut buffer) else { continue };
            let request = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
            self.take(&request, from)?;
            if self.calls == 0 {
                return Ok(());
            }
        }
        Err("the calls were never ended".into())
    }

    fn take(&mut self, request: &str, from: SocketAddr) -> std::io::Result<()> {
        let method = request.split(' ').next().unwrap_or_default();
        if method == "BYE" {
            self.calls -= 1;
            return self.respond(request, from, "200 OK", "", "");
        }
        if method == "ACK" {
            self.calls -= u32::from(self.audio.is_none());
            return Ok(());
        }
        let refusal = FAULTS.iter().find(|(number, ..)| request.contains(number));
        let Some((_, status, _)) = refusal else {
            let port = request.lines().find_map(|line| line.strip_prefix("m=audio "));
            let port = port.and_then(|media| media.split(' ').next()?.parse().ok());
            self.audio = port.map(|port| SocketAddr::new(from.ip(), port));
            let own = self.rtp.local_addr()?.port();
            let body = format!(
                "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\n\
                 m=audio {own} RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n",
                self.announced
            );
            return self.respond(request, from, "200 OK", "", &body);
        };
        let challenge = if status.starts_with("401") {
            "WWW-Authenticate: Digest realm=\"c\", nonce=\"n\", algorithm=MD5\r\n"
        } else {
            ""
        };
        self.respond(request, from, status, challenge, "")
    }

    fn respond(
        &self,
        request: &str,
        from: SocketAddr,
        status: &str,
        more: &str,
        body: &str,
    ) -> std::io::Result<()> {
        let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
        let lines = request.lines().filter(|line| copied.iter().any(|name| line.starts_with(name)));
        let tagged = |line: &str| {
            let bare = line.starts_with("To:") && !line.contains("tag=");
            format!("{line}{}\r\n", if bare { ";tag=c" } else { "" })
        };
        let lines = lines.map(tagged).collect::<String>();
        let here = self.sip.local_addr()?;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let response = format!(
            "SIP/2.0 {status}\r\n{lines}Contact: <sip:carrier@{here}>\r\n{more}{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.sip.send_to(response.as_bytes(), from).map(|_| ())
    }
}

/// An engine whose trunk leads to a host, with an account there.
fn engine(host: &str) -> Result<Engine, Box<dyn std::error::Error>> {
    Engine::start_with(|folder| {
        std::fs::write(folder.join("key"), "mauvais")?;
        let file = folder.join("cadran.toml");
        let settings = std::fs::read_to_string(&file)?;
        let lines = settings.lines().map(|line| match line.starts_with("host = ") {
            true => format!("host = \"{host}\"\nuser = \"moi\"\nsecret_file = \"key\"\n"),
            false => format!("{line}\n"),
        });
        std::fs::write(file, lines.collect::<String>())
    })
}

/// A test's exit code, and the codes of what it found.
type Told = (i32, Vec<String>);

/// Has a carrier serve this many calls to these numbers; gives what each test told.
fn tried(
    numbers: &[&str],
    announced: &str,
    speaks: bool,
    calls: u32,
) -> Result<Vec<Told>, Box<dyn std::error::Error>> {
    let (sip, rtp) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    sip.set_read_timeout(Some(Duration::from_millis(10)))?;
    let engine = engine(&sip.local_addr()?.to_string())?;
    let announced = announced.to_owned();
    let carrier = Carrier { sip, rtp, announced, speaks, audio: None, sent: 0, calls };
    std::thread::scope(|scope| {
        let carrier = scope.spawn(|| carrier.serve());
        let mut found = Vec::new();
        for number in numbers {
            let test = ["trunk", "test", "t1", "--to", number, "--from", "+33162000000", "--json"];
            let judged = engine.run(&test)?;
            let report = json(&judged)?;
            let findings = field(&report, "/findings").as_array().cloned().unwrap_or_default();
            let codes = findings.iter().filter_map(|one| field(one, "/code").as_str());
            found.push((code(&judged)?, codes.map(str::to_owned).collect()));
        }
        let served = carrier.join().map_err(|_| "the carrier died")?;
        served.map_err(|error| error.to_string())?;
        Ok(found)
    })
}

#[test]
fn each_refusal_of_a_carrier_is_named() -> Claim {
    let numbers = FAULTS.map(|(number, ..)| number);
    // A wrong password is tried with an account once, a refusal for want of room once more.
    let found = tried(&numbers, "127.0.0.1", false, 10)?;
    let expected = FAULTS.map(|(.., code)| (7, vec![code.to_owned()]));
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn a_carrier_that_speaks_from_where_it_says_serves() -> Claim {
    assert_eq!(tried(&["+33199000009"], "127.0.0.1", true, 1)?, [(0, Vec::new())]);
    Ok(())
}

#[test]
fn an_unreachable_address_in_a_description_is_named() -> Claim {
    let found = tried(&["+33199000009"], "192.168.77.1", true, 1)?;
    assert_eq!(found, [(0, vec!["private-address".to_owned()])]);
    Ok(())
}

#[test]
fn a_carrier_that_says_nothing_is_named() -> Claim {
    let found = tried(&["+33199000009"], "127.0.0.1", false, 1)?;
    assert_eq!(found, [(7, vec!["no-audio-in".to_owned()])]);
    Ok(())
}

#[test]
fn a_carrier_without_an_address_is_named() -> Claim {
    let engine = engine("no-such-carrier.invalid")?;
    let judged = engine.run(&["trunk", "test", "t1", "--to", "+33199000009", "--json"])?;
    assert_eq!(code(&judged)?, 7, "{judged:?}");
    assert_eq!(field(&json(&judged)?, "/findings/0/code"), "unreachable");
    Ok(())
}
