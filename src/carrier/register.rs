//! Registration of simulated phones: REGISTER with digest.
//!
//! Written apart from `wire::sip` on purpose: the registrar there is judged by code that does not
//! share its mistakes.

use std::net::{IpAddr, SocketAddr};

use md5::{Digest, Md5};

use super::phones::{Registrar, user};
use crate::units::{Mono, Span};
use crate::wire::sip::Transport;

/// How long an answer is waited for: the first repetition of RFC 3261 §17.1.2.2 and some more.
const PATIENCE: Span = Span::secs(2);
/// How long a refused phone waits before it tries again.
const SULK: Span = Span::secs(30);

/// All phones' registrations. It is fed datagrams and the time, and gives datagrams.
#[derive(Debug)]
pub(super) struct Registrations {
    local: SocketAddr,
    registrar: Registrar,
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
    /// Prepares the registrations of phones that listen at `local`; all fall due at once.
    pub(super) fn new(local: SocketAddr, count: u32, registrar: Registrar, now: Mono) -> Self {
        let accounts =
            (1..=count).map(|nth| Account { nth, due: now, ..Account::default() }).collect();
        Self { local, registrar, accounts, leaving: false }
    }

    /// Gives where the requests go.
    pub(super) const fn registrar(&self) -> &Registrar {
        &self.registrar
    }

    /// Tells whether a phone's registration stands.
    pub(super) fn stands(&self, nth: u32) -> bool {
        self.accounts.iter().any(|account| account.nth == nth && account.registered)
    }

    /// Tells when [`Registrations::ask`] has something to say next.
    pub(super) fn due(&self) -> Option<Mono> {
        self.accounts.iter().map(|account| account.due).min()
    }

    /// Begins to take every registration back.
    pub(super) fn leave(&mut self, now: Mono) {
        self.leaving = true;
        for account in &mut self.accounts {
            account.due = now;
        }
    }

    /// Tells whether no registration stands.
    pub(super) fn left(&self) -> bool {
        !self.accounts.iter().any(|account| account.registered)
    }

    /// Gives the next request that is due.
    pub(super) fn ask(&mut self, now: Mono) -> Option<String> {
        let account = self.accounts.iter_mut().find(|account| account.due <= now)?;
        if self.leaving && !account.registered {
            account.due = now + SULK;
            return self.ask(now);
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
        let (carrier, param) = match self.registrar.transport {
            Transport::Udp => ("UDP", ""),
            Transport::Tcp => ("TCP", ";transport=tcp"),
            Transport::Tls => ("TLS", ";transport=tls"),
        };
        Some(format!(
            "REGISTER {uri} SIP/2.0\r\n\
             Via: SIP/2.0/{carrier} {local};branch=z9hG4bKregister-{nth}-{sequence};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{name}@{host}>;tag=register-{nth}\r\n\
             To: <sip:{name}@{host}>\r\n\
             Call-ID: register-{nth}@{local}\r\n\
             CSeq: {sequence} REGISTER\r\n\
             Contact: <sip:{name}@{local}{param}>\r\n\
             Expires: {seconds}\r\n{proof}\
             Content-Length: 0\r\n\r\n",
            proof = proof.unwrap_or_default(),
        ))
    }

    /// Takes a datagram in; `false` if it is no answer to a request made here.
    pub(super) fn take(&mut self, now: Mono, datagram: &[u8]) -> bool {
        datagram.starts_with(b"SIP/2.0 ")
            && str::from_utf8(datagram).is_ok_and(|text| self.read(now, text).is_some())
    }

    fn read(&mut self, now: Mono, text: &str) -> Option<()> {
        let status: u16 = text.get(8..11)?.parse().ok()?;
        let call = headers(text, "Call-ID").next()?.strip_prefix("register-")?;
        let nth: u32 = call.split('@').next()?.parse().ok()?;
        let account = self.accounts.iter_mut().find(|account| account.nth == nth)?;
        let sequence: u32 = headers(text, "CSeq").next()?.split(' ').next()?.parse().ok()?;
        if sequence != account.sequence {
            return Some(());
        }
        match status {
            100..200 => {}
            200 => {
                account.registered = !self.leaving;
                // Half of the lifetime leaves room for one lost exchange.
                account.due = now + Span::micros(self.registrar.expires.as_micros() / 2);
            }
            401 => {
                let challenge = headers(text, "WWW-Authenticate").find_map(Challenge::read)?;
                account.challenged(challenge, now);
            }
            _ => {
                tracing::warn!(nth, status, "a simulated phone was not registered");
                account.registered = false;
                account.due = now + SULK;
            }
        }
        Some(())
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

/// Gives every value of a header.
fn headers<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    text.split("\r\n").filter_map(move |line| {
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
