//! Registration of simulated phones: REGISTER with digest from a socket of its own.
//!
//! Written apart from `wire::sip` on purpose: the registrar there is judged by code that does not
//! share its mistakes.

use std::io;
use std::net::{IpAddr, SocketAddr};

use md5::{Digest, Md5};
use tokio::net::UdpSocket;

use super::phones::{Registrar, user};
use crate::engine::clock::Clock;
use crate::sip::socket::sleep_until;
use crate::units::{Mono, Span};

/// How long an answer is waited for: the first repetition of RFC 3261 §17.1.2.2 and some more.
const PATIENCE: Span = Span::secs(2);
/// How long a refused phone waits before it tries again.
const SULK: Span = Span::secs(30);
/// The longest answer read.
const ANSWER_MAX: usize = 4_096;

/// All phones' registrations.
#[derive(Debug)]
pub(super) struct Registrations {
    socket: UdpSocket,
    local: SocketAddr,
    contact: SocketAddr,
    registrar: Registrar,
    clock: Clock,
    accounts: Vec<Account>,
    leaving: bool,
}

/// One phone's registration.
#[derive(Clone, Debug, Default)]
struct Account {
    nth: u32,
    sequence: u32,
    due: Mono,
    challenge: Option<Challenge>,
    registered: bool,
}

/// What the registrar challenged a phone with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    quality: bool,
    uses: u32,
}

impl Registrations {
    /// Prepares the registrations of phones that listen at `contact`; all fall due at once.
    pub(super) async fn new(
        contact: SocketAddr,
        count: u32,
        registrar: Registrar,
        clock: Clock,
    ) -> io::Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::new(contact.ip(), 0)).await?;
        let local = socket.local_addr()?;
        let now = clock.mono();
        let accounts =
            (1..=count).map(|nth| Account { nth, due: now, ..Account::default() }).collect();
        Ok(Self { socket, local, contact, registrar, clock, accounts, leaving: false })
    }

    /// Waits for the next thing to do and does it; gives a phone whose registration changed.
    /// Nothing is lost when this is dropped while it waits.
    pub(super) async fn turn(&mut self) -> io::Result<Option<(u32, bool)>> {
        let now = self.clock.mono();
        let next = self.accounts.iter().enumerate().min_by_key(|(_, account)| account.due);
        let (place, due) = next.map_or((0, None), |(place, account)| (place, Some(account.due)));
        if due.is_some_and(|due| due <= now) {
            self.ask(place, now)?;
            return Ok(None);
        }
        tokio::select! {
            ready = self.socket.readable() => ready?,
            () = sleep_until(self.clock, due) => return Ok(None),
        }
        let mut datagram = [0; ANSWER_MAX];
        match self.socket.try_recv_from(&mut datagram) {
            Ok((length, _)) => {
                let text = String::from_utf8_lossy(datagram.get(..length).unwrap_or_default());
                Ok(self.take(&text, self.clock.mono()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes every registration back, for as long as one answer may take.
    pub(super) async fn leave(&mut self) {
        let now = self.clock.mono();
        self.leaving = true;
        for account in self.accounts.iter_mut().filter(|account| account.registered) {
            account.due = now;
        }
        let (clock, end) = (self.clock, Some(now + PATIENCE));
        while self.accounts.iter().any(|account| account.registered) {
            let turned = tokio::select! {
                turned = self.turn() => turned.is_ok(),
                () = sleep_until(clock, end) => false,
            };
            if !turned {
                return;
            }
        }
    }

    fn ask(&mut self, place: usize, now: Mono) -> io::Result<()> {
        let Some(account) = self.accounts.get_mut(place) else { return Ok(()) };
        if self.leaving && !account.registered {
            account.due = now + SULK;
            return Ok(());
        }
        account.sequence += 1;
        account.due = now + PATIENCE;
        let seconds = if self.leaving { 0 } else { self.registrar.expires.as_millis() / 1_000 };
        let name = user(account.nth);
        let uri = format!("sip:{}", self.registrar.address);
        let proof = account.challenge.as_mut().map(|challenge| {
            challenge.uses += 1;
            challenge.answer(&name, &self.registrar.password, &uri)
        });
        let (nth, sequence, local) = (account.nth, account.sequence, self.local);
        let host = host(self.registrar.address.ip());
        let text = format!(
            "REGISTER {uri} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {local};branch=z9hG4bKr{nth}x{sequence}x{port};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{name}@{host}>;tag=r{nth}\r\n\
             To: <sip:{name}@{host}>\r\n\
             Call-ID: register-{nth}@{local}\r\n\
             CSeq: {sequence} REGISTER\r\n\
             Contact: <sip:{name}@{contact}>\r\n\
             Expires: {seconds}\r\n{proof}\
             Content-Length: 0\r\n\r\n",
            port = local.port(),
            contact = self.contact,
            proof = proof.unwrap_or_default(),
        );
        match self.socket.try_send_to(text.as_bytes(), self.registrar.address) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn take(&mut self, text: &str, now: Mono) -> Option<(u32, bool)> {
        let status: u16 = text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()?;
        let call = header(text, "Call-ID")?.strip_prefix("register-")?.split('@').next()?;
        let nth: u32 = call.parse().ok()?;
        let place = usize::try_from(nth.checked_sub(1)?).ok()?;
        let account = self.accounts.get_mut(place)?;
        let sequence: u32 = header(text, "CSeq")?.split(' ').next()?.parse().ok()?;
        if sequence != account.sequence {
            return None;
        }
        let before = account.registered;
        match status {
            200 => {
                account.registered = !self.leaving;
                // Half of the lifetime leaves room for one lost exchange.
                account.due = now + Span::micros(self.registrar.expires.as_micros() / 2);
            }
            401 => account.challenged(Challenge::read(header(text, "WWW-Authenticate")?)?, now),
            100..200 => {}
            _ => {
                tracing::warn!(nth, status, "a simulated phone was not registered");
                account.registered = false;
                account.due = now + SULK;
            }
        }
        (account.registered != before).then_some((nth, account.registered))
    }
}

impl Account {
    /// Answers a new challenge at once, and gives up for a while where the old one was answered
    /// in vain.
    fn challenged(&mut self, challenge: Challenge, now: Mono) {
        let vain = self.challenge.as_ref().is_some_and(|old| old.nonce == challenge.nonce);
        self.due = if vain { now + SULK } else { now };
        self.challenge = Some(challenge);
    }
}

impl Challenge {
    fn read(value: &str) -> Option<Self> {
        let parameters = value.strip_prefix("Digest ")?;
        let field = |name: &str| {
            let found = parameters.split(',').find_map(|pair| {
                let (key, value) = pair.trim().split_once('=')?;
                key.eq_ignore_ascii_case(name).then_some(value)
            });
            found.map(|value| value.trim_matches('"').to_owned())
        };
        if field("algorithm").is_some_and(|algorithm| !algorithm.eq_ignore_ascii_case("MD5")) {
            return None;
        }
        let quality = parameters.contains("auth");
        let (realm, nonce, opaque) = (field("realm")?, field("nonce")?, field("opaque"));
        Some(Self { realm, nonce, opaque, quality, uses: 0 })
    }

    /// Writes the Authorization line (RFC 2617 §3.2.2).
    fn answer(&self, user: &str, password: &str, uri: &str) -> String {
        let Self { realm, nonce, opaque, quality, uses } = self;
        let secret = md5(&format!("{user}:{realm}:{password}"));
        let request = md5(&format!("REGISTER:{uri}"));
        let (response, counted) = if *quality {
            let client = md5(&format!("{nonce}{uses}"));
            let count = format!("{uses:08x}");
            let all = format!("{secret}:{nonce}:{count}:{client}:auth:{request}");
            (md5(&all), format!(", qop=auth, nc={count}, cnonce=\"{client}\""))
        } else {
            (md5(&format!("{secret}:{nonce}:{request}")), String::new())
        };
        let opaque =
            opaque.as_ref().map(|opaque| format!(", opaque=\"{opaque}\"")).unwrap_or_default();
        format!(
            "Authorization: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", \
             uri=\"{uri}\", response=\"{response}\", algorithm=MD5{counted}{opaque}\r\n"
        )
    }
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Gives an address as a URI writes it.
fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split("\r\n").find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.trim_end().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 2617 §3.5 has another method, so that only its first hash is used here.
    #[test]
    fn the_account_is_hashed_as_the_rfc_shows() {
        assert_eq!(
            md5("Mufasa:testrealm@host.com:Circle Of Life"),
            "939e7578ed9e3c518a452acee763bce9"
        );
    }

    #[test]
    fn a_challenge_is_read_with_and_without_quality() {
        let full = "Digest realm=\"r\", nonce=\"n=1\", qop=\"auth\", opaque=\"o\", algorithm=MD5";
        let challenge = Challenge::read(full);
        let expected = Challenge {
            realm: "r".into(),
            nonce: "n=1".into(),
            opaque: Some("o".into()),
            quality: true,
            uses: 0,
        };
        assert_eq!(challenge, Some(expected));
        assert_eq!(Challenge::read("Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256"), None);
    }
}
