//! A carrier of a few lines, with one fault or none.

use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cadran::wire::rtp::{self, Stamp};

/// What a carrier does.
#[derive(Clone, Copy)]
pub(super) struct Habits {
    /// Numbers it refuses, each with a status line.
    pub(super) refusals: &'static [(&'static str, &'static str, &'static str)],
    /// The address it announces for its audio.
    pub(super) announced: &'static str,
    /// What it adds to our Via.
    pub(super) received: &'static str,
    /// Whether it sends audio.
    pub(super) speaks: bool,
    /// Whether it sends back what it hears instead.
    pub(super) echoes: bool,
    /// Whether the trunk registers with it.
    pub(super) registers: bool,
    /// How it answers REGISTER with credentials.
    pub(super) account: &'static str,
    /// Further header lines of its 200 to INVITE.
    pub(super) told: &'static str,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            refusals: &[],
            announced: "127.0.0.1",
            received: "",
            speaks: true,
            echoes: false,
            registers: false,
            account: "200 OK",
            told: "",
        }
    }
}

/// A carrier with its sockets.
pub(super) struct Carrier {
    sip: UdpSocket,
    rtp: UdpSocket,
    habits: Habits,
    /// Where the audio of the call in progress goes.
    audio: Option<SocketAddr>,
    sent: u16,
}

const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"c\", nonce=\"n\", algorithm=MD5\r\n";

impl Carrier {
    pub(super) fn open(habits: Habits) -> std::io::Result<Self> {
        let (sip, rtp) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
        sip.set_read_timeout(Some(Duration::from_millis(10)))?;
        rtp.set_nonblocking(true)?;
        Ok(Self { sip, rtp, habits, audio: None, sent: 0 })
    }

    pub(super) fn address(&self) -> std::io::Result<String> {
        Ok(self.sip.local_addr()?.to_string())
    }

    /// Serves while something is done.
    pub(super) fn beside<T>(
        mut self,
        work: impl FnOnce() -> Result<T, Box<dyn Error>>,
    ) -> Result<T, Box<dyn Error>> {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let server = scope.spawn(|| {
                while !over.load(Ordering::Acquire) {
                    self.turn()?;
                }
                Ok::<_, std::io::Error>(())
            });
            let done = work();
            over.store(true, Ordering::Release);
            server.join().map_err(|_| "the carrier died")??;
            done
        })
    }

    fn turn(&mut self) -> std::io::Result<()> {
        self.sound();
        let mut buffer = [0; 4_096];
        let Ok((length, from)) = self.sip.recv_from(&mut buffer) else { return Ok(()) };
        let request = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
        self.take(&request, from)
    }

    /// Sends a packet, or what came back. The engine may have closed its port already.
    fn sound(&mut self) {
        let mut buffer = [0; 2_048];
        while let Ok((length, from)) = self.rtp.recv_from(&mut buffer) {
            if self.habits.echoes && self.audio.is_some() {
                self.rtp.send_to(buffer.get(..length).unwrap_or_default(), from).ok();
            }
        }
        let Some(to) = self.audio.filter(|_| self.habits.speaks && !self.habits.echoes) else {
            return;
        };
        let timestamp = u32::from(self.sent) * 160;
        let stamp = Stamp { marker: false, sequence: self.sent, timestamp, ssrc: 7 };
        let mut packet = rtp::header(stamp, 8).to_vec();
        packet.extend([0xD5; 160]);
        self.rtp.send_to(&packet, to).ok();
        self.sent = self.sent.wrapping_add(1);
    }

    fn take(&mut self, request: &str, from: SocketAddr) -> std::io::Result<()> {
        let method = request.split(' ').next().unwrap_or_default();
        let logged_in = request.contains("Authorization:");
        match method {
            "INVITE" => self.answer(request, from),
            "BYE" => {
                self.audio = None;
                self.respond(request, from, "200 OK", "", "")
            }
            "REGISTER" if !logged_in => {
                self.respond(request, from, "401 Unauthorized", CHALLENGE, "")
            }
            "REGISTER" => {
                let contact = request.lines().find(|line| line.starts_with("Contact:"));
                let bound = format!("{};expires=1800\r\n", contact.unwrap_or_default());
                self.respond(request, from, self.habits.account, &bound, "")
            }
            "OPTIONS" => self.respond(request, from, "200 OK", "", ""),
            _ => Ok(()),
        }
    }

    fn answer(&mut self, request: &str, from: SocketAddr) -> std::io::Result<()> {
        let mut refusals = self.habits.refusals.iter();
        if let Some((_, status, _)) = refusals.find(|(number, ..)| request.contains(number)) {
            let challenge = if status.starts_with("401") { CHALLENGE } else { "" };
            return self.respond(request, from, status, challenge, "");
        }
        let port = request.lines().find_map(|line| line.strip_prefix("m=audio "));
        let port = port.and_then(|media| media.split(' ').next()?.parse().ok());
        self.audio = port.map(|port| SocketAddr::new(from.ip(), port));
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\n\
             m=audio {1} RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n",
            self.habits.announced,
            self.rtp.local_addr()?.port(),
        );
        self.respond(request, from, "100 Trying", "", "")?;
        self.respond(request, from, "183 Session Progress", "", "")?;
        self.respond(request, from, "200 OK", self.habits.told, &body)
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
            let via = if line.starts_with("Via:") { self.habits.received } else { "" };
            format!("{line}{via}{}\r\n", if bare { ";tag=c" } else { "" })
        };
        let lines = lines.map(tagged).collect::<String>();
        let here = self.sip.local_addr()?;
        let contact = match more.contains("Contact:") {
            true => String::new(),
            false => format!("Contact: <sip:carrier@{here}>\r\n"),
        };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let response = format!(
            "SIP/2.0 {status}\r\n{lines}{contact}{more}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.sip.send_to(response.as_bytes(), from).map(|_| ())
    }
}
