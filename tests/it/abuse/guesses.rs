//! Passwords guessed at the registrar.

use std::net::SocketAddr;

use cadran::sip::{Event, Transport};
use cadran::units::AgentId;
use md5::{Digest as _, Md5};
use tokio::net::UdpSocket;

use super::{Checked, World, foe};
use crate::carrier::phones::{PASSWORD, phone_is, registering};
use crate::carrier::{Dialer, PATIENCE, REALM};

/// Somebody who registers by hand.
struct Guesser {
    socket: UdpSocket,
    to: SocketAddr,
    cseq: u32,
}

impl Guesser {
    async fn new(host: u8, dialer: &Dialer) -> Checked<Self> {
        Ok(Self { socket: foe(host).await?, to: dialer.sip.local_addr(), cseq: 0 })
    }

    async fn asks(&mut self, user: &str, login: &str) -> Checked<String> {
        self.cseq += 1;
        let (from, to, cseq) = (self.socket.local_addr()?, self.to, self.cseq);
        let text = format!(
            "REGISTER sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{cseq};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@{to}>;tag=1\r\nTo: <sip:{user}@{to}>\r\n\
             Call-ID: {from}\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:{user}@{from}>\r\n{login}\
             Expires: 300\r\nContent-Length: 0\r\n\r\n"
        );
        self.socket.send_to(text.as_bytes(), to).await?;
        let mut buffer = [0; 4_096];
        let received = self.socket.recv(&mut buffer);
        let length = tokio::time::timeout(PATIENCE, received).await??;
        Ok(String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned())
    }

    /// Registers with a guess; gives the status.
    async fn guesses(&mut self, user: &str, password: &str) -> Checked<u16> {
        let challenge = self.asks(user, "").await?;
        let nonce = challenge.split_once("nonce=\"").and_then(|(_, rest)| rest.split_once('"'));
        let (nonce, _) = nonce.ok_or("a challenge")?;
        let hex = |text: String| {
            let hash = Md5::digest(text);
            hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let uri = format!("sip:{}", self.to);
        let ha1 = hex(format!("{user}:{REALM}:{password}"));
        let ha2 = hex(format!("REGISTER:{uri}"));
        let response = hex(format!("{ha1}:{nonce}:00000001:c:auth:{ha2}"));
        let login = format!(
            "Authorization: Digest username=\"{user}\", realm=\"{REALM}\", nonce=\"{nonce}\", \
             uri=\"{uri}\", response=\"{response}\", algorithm=MD5, qop=auth, nc=00000001, \
             cnonce=\"c\"\r\n"
        );
        let answer = self.asks(user, &login).await?;
        let status = answer.split(' ').nth(1).ok_or("a status")?;
        Ok(status.parse()?)
    }
}

#[tokio::test]
async fn who_guesses_waits_and_no_phone_is_locked_out() -> Checked {
    let world = World::new();
    let (mut dialer, phones) = registering(&world, 3, PASSWORD, Transport::Udp).await?;
    phone_is(&phones, 3, |phone| phone.registered).await?;
    let mut guesser = Guesser::new(20, &dialer).await?;
    let mut statuses = Vec::new();
    for guess in 0..40 {
        statuses.push(guesser.guesses("a1", &format!("{guess}")).await?);
    }
    assert_eq!(statuses.get(..5), Some(&[403; 5][..]));
    let (looked_at, waited): (Vec<u16>, Vec<u16>) = statuses.iter().partition(|it| **it == 403);
    // The machine may be so slow that a second of waiting passes now and then.
    assert!(waited.len() > 20 && waited.iter().all(|status| *status == 503), "{statuses:?}");
    let counters = dialer.sip.figures().await?.counters;
    assert_eq!(counters.wrong_passwords, u64::try_from(looked_at.len())?);
    assert_eq!(counters.held_off, u64::try_from(waited.len())?);
    // Accounts that are not there are refused in the same words.
    let mut scanner = Guesser::new(21, &dialer).await?;
    assert_eq!(scanner.guesses("nobody", "x").await?, 403);
    // The phone whose account it was, and its neighbours, are where they were.
    for nth in 1..=3 {
        phone_is(&phones, nth, |phone| phone.registered).await?;
        let leg = dialer.dial_agent(AgentId(nth))?;
        dialer.answered(leg).await?;
    }
    // And the same account proves itself from a new address while the guesser waits.
    let mut moved = Guesser::new(22, &dialer).await?;
    assert_eq!(moved.guesses("a1", PASSWORD).await?, 200);
    dialer.until(|event| (event == Event::Phone(AgentId(1), true)).then_some(())).await?;
    Ok(())
}
