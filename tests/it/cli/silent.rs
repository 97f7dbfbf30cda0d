//! An agent's phone that says nothing any more, played by hand.

use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::Claim;
use super::running::Engine;

/// Longer than the 30 s after which a silent phone is asked whether it is there.
const PATIENCE: Duration = Duration::from_secs(100);

/// Nobody listens there: no RTCP comes back.
const AUDIO: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                     m=audio 9 RTP/AVP 8\r\n";

struct Phone(UdpSocket);

impl Phone {
    /// Waits for the next request of this kind; repetitions of another are passed over.
    fn asked(&self, method: &str) -> Result<(String, SocketAddr), Box<dyn Error>> {
        let mut buffer = [0; 4_096];
        loop {
            let (length, from) = self.0.recv_from(&mut buffer)?;
            let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
            if text.starts_with(method) {
                return Ok((text.into_owned(), from));
            }
        }
    }

    fn answer(&self, (request, from): &(String, SocketAddr), status: &str, body: &str) -> Claim {
        let copied = |name: &str| line(request, name).map(|value| format!("{name}: {value}\r\n"));
        let names = ["Via", "From", "Call-ID", "CSeq"].map(copied);
        let mut answer = format!("SIP/2.0 {status}\r\n");
        answer.extend(names.into_iter().flatten());
        let to = line(request, "To").ok_or("no To")?;
        let tag = if to.contains(";tag=") { "" } else { ";tag=phone" };
        let contact = self.0.local_addr()?;
        answer += &format!(
            "To: {to}{tag}\r\nContact: <sip:a1@{contact}>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.send_to(answer.as_bytes(), from)?;
        Ok(())
    }
}

fn line<'m>(message: &'m str, name: &str) -> Option<&'m str> {
    message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn a_phone_that_crashed_without_a_word_is_noticed_and_called_again() -> Claim {
    let phone = Phone(UdpSocket::bind("127.0.0.1:0")?);
    phone.0.set_read_timeout(Some(PATIENCE))?;
    let engine = Engine::start()?;
    let contact = format!("sip:a1@{}", phone.0.local_addr()?);
    engine.ask(&["agent", "add", "a1", "--sip", &contact])?;
    engine.ask(&["agent", "login", "a1"])?;
    let invite = phone.asked("INVITE ")?;
    phone.answer(&invite, "200 OK", AUDIO)?;
    // Repetitions of the INVITE came before it.
    phone.asked("ACK ")?;
    let question = phone.asked("INVITE ")?;
    let call = |request: &(String, _)| line(&request.0, "Call-ID").map(str::to_owned);
    assert_eq!(call(&question), call(&invite), "it is asked in its dialog");
    // Started again, it knows of no dialog.
    phone.answer(&question, "481 Call/Transaction Does Not Exist", "")?;
    phone.asked("ACK ")?;
    let again = phone.asked("INVITE ")?;
    assert_ne!(call(&again), call(&invite));
    Ok(())
}
