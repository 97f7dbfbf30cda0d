//! Session descriptions, with and without keys.

use cadran::wire::sdp::{
    self, Direction, Entropy, Local, Origin, Remote, SdpError, Session, Side, Srtp,
};

use super::stage::{DIALER, PHONE};

const LOCAL: Local = Local { rtp: DIALER, rtcp: PHONE };

/// Reads a description as an offer and as an answer, under every setting.
pub fn run(data: &[u8]) {
    match sdp::read(data) {
        Ok(session) => plain(data, &session),
        Err(error) => assert_eq!(sdp::accept_answer(data), Err(error)),
    }
    for srtp in [Srtp::Off, Srtp::Preferred, Srtp::Mandatory] {
        offered(data, srtp);
        answered(data, srtp);
    }
}

fn plain(data: &[u8], session: &Session) {
    assert!(!session.codecs.is_empty());
    let (answer, remote) = sdp::answer(data, LOCAL, Origin::new(1)).expect("it was read");
    assert_eq!((remote.keys, remote), (None, session.remote()));
    claim_answer(data, &answer, &remote);
    let again = sdp::read(&answer).expect("our own answer can be read");
    assert_eq!(again.direction, session.direction.mirrored());
}

/// Claims that an answer says what was agreed, to whoever reads it, and has a line for each line
/// of the offer (RFC 3264 §6).
fn claim_answer(offer: &[u8], answer: &[u8], remote: &Remote) {
    let streams = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).into_owned();
        let lines = text.split(['\r', '\n']).map(str::trim);
        lines
            .filter(|line| line.split_once('=').is_some_and(|(kind, _)| kind.trim_end() == "m"))
            .count()
    };
    assert_eq!(streams(offer), streams(answer), "an answer with other streams than its offer");
    if remote.keys.is_none() {
        let session = sdp::read(answer).expect("our own answer can be read");
        assert_eq!((session.rtp, &*session.codecs), (LOCAL.rtp, &[remote.codec][..]));
        assert_eq!(session.dtmf, remote.dtmf);
    }
}

/// Takes the description as an offer, twice: nothing has changed the second time.
fn offered(data: &[u8], srtp: Srtp) {
    let mut side = Side::new(LOCAL, Origin::new(1), srtp);
    let Ok((answer, remote)) = side.answer(data, entropy(1)) else { return };
    assert!(remote.keys.is_some() || srtp != Srtp::Mandatory, "mandatory, and in the clear");
    claim_answer(data, &answer, &remote);
    if let Some(keys) = remote.keys {
        assert_ne!(keys.send, keys.receive, "one key for both ways");
    }
    let (_, again) = side.answer(data, entropy(2)).expect("it could be answered before");
    assert_eq!(again, remote, "the same offer is answered otherwise");
}

/// Takes the description as the answer to an offer of ours, and our own offer as its own answer.
fn answered(data: &[u8], srtp: Srtp) {
    let mut side = Side::new(LOCAL, Origin::new(1), srtp);
    let offer = side.offer(Direction::SendRecv, entropy(1));
    let agreed = side.agree(data);
    if srtp == Srtp::Mandatory {
        assert!(agreed.is_err() || agreed.is_ok_and(|remote| remote.keys.is_some()));
    }
    let mut far = Side::new(LOCAL, Origin::new(2), srtp);
    let (answer, theirs) = far.answer(&offer, entropy(2)).expect("our own offer can be read");
    let ours = side.agree(&answer).expect("our own answer can be read");
    let crossed = |(one, other): (&Remote, &Remote)| {
        one.keys.map(|keys| (keys.send, keys.receive))
            == other.keys.map(|keys| (keys.receive, keys.send))
    };
    assert!(crossed((&ours, &theirs)), "two sides agreed on different keys");
    let mirror = side.agree(&offer);
    assert!(srtp == Srtp::Off || mirror == Err(SdpError::NotOffered), "our own key came back");
}

fn entropy(seed: u8) -> Entropy {
    Entropy::new(std::array::from_fn(|place| seed ^ u8::try_from(place % 256).unwrap_or(0)))
}
