//! Calls that ring or are answered at several places at once.

use super::reliable::numbered;
use super::stage::{CONTACT, Stage, answer};
use super::*;

#[test]
fn the_second_fork_to_answer_is_acknowledged_and_ended() {
    let mut stage = Stage::new(1);
    let invite = stage.dial();
    stage.say(&answer(&invite, "180 Ringing", "early", CONTACT, b""));
    stage.say(&answer(&invite, "200 OK", "one", CONTACT, ANSWER));
    let first = stage.next();
    assert!(first.starts_with("ACK sip:callee@127.0.0.10:5070 "), "{first}");
    let second = answer(&invite, "200 OK", "two", CONTACT, ANSWER);
    stage.say(&second);
    let (_, ack) = stage.sent().expect("the fork is acknowledged");
    let (_, bye) = stage.sent().expect("the fork is ended");
    assert!(ack.starts_with("ACK ") && bye.starts_with("BYE "), "{ack}{bye}");
    for text in [&ack, &bye] {
        assert!(header(text, "To").is_some_and(|to| to.ends_with(";tag=two")), "{text}");
    }
    stage.say(&second);
    assert_eq!(stage.next(), ack, "its repetition gets the same ACK");
    stage.say(&answer(&bye, "200 OK", "", "", b""));
    let events = stage.events();
    assert!(matches!(&events[..], [Event::Ringing(_), Event::Answered(..), Event::Dialog(..)]));
    assert_eq!(stage.dialer.legs(), 1, "the first fork talks on");
}

#[test]
fn each_early_dialog_keeps_its_own_description_until_one_answers() {
    let mut stage = Stage::new(30);
    let invite = stage.dial();
    let description = |port: u16| format!("v=0\r\nm=audio {port} RTP/AVP 8\r\n").into_bytes();
    for (tag, port) in [("one", 1), ("two", 2), ("three", 3)] {
        stage.say(&answer(&invite, "183 Progress", tag, CONTACT, &description(port)));
    }
    let progress: Vec<_> = (1..=3).map(|port| Event::Progress(LEG, description(port))).collect();
    assert_eq!(stage.events(), progress);
    stage.say(&answer(&invite, "200 OK", "two", CONTACT, b""));
    let events = stage.events();
    assert_eq!(events.first(), Some(&Event::Answered(LEG, description(2))), "the one of its fork");
}

#[test]
fn every_further_fork_is_ended_as_completed_elsewhere_and_the_first_talks_on() {
    let mut stage = Stage::new(31);
    let invite = stage.dial();
    stage.say(&answer(&invite, "200 OK", "first", CONTACT, ANSWER));
    stage.next();
    for tag in ["second", "third", "fourth"] {
        stage.say(&answer(&invite, "200 OK", tag, CONTACT, ANSWER));
        let (_, ack) = stage.sent().expect("the fork is acknowledged");
        let bye = stage.next();
        assert!(ack.starts_with("ACK ") && bye.starts_with("BYE "), "{ack}{bye}");
        assert!(header(&bye, "To").is_some_and(|to| to.ends_with(tag)), "{bye}");
        assert!(header(&bye, "Reason").is_some_and(|why| why.contains("elsewhere")), "{bye}");
        stage.say(&answer(&bye, "200 OK", "", "", b""));
    }
    assert_eq!(stage.dialer.legs(), 1);
    stage.wait(Span::secs(60));
    assert_eq!(stage.sent(), None, "nothing of the forks lingers");
}

#[test]
fn a_fork_that_answers_after_all_was_refused_is_ended() {
    let mut stage = Stage::new(32);
    let invite = stage.dial();
    let busy = answer(&invite, "486 Busy Here", "one", "", b"");
    stage.say(&busy);
    let refused = stage.next();
    let ok = answer(&invite, "200 OK", "two", CONTACT, ANSWER);
    stage.say(&ok);
    let (_, ack) = stage.sent().expect("the fork is acknowledged");
    let bye = stage.next();
    assert!(ack.starts_with("ACK ") && bye.starts_with("BYE "), "{ack}{bye}");
    assert!(header(&bye, "To").is_some_and(|to| to.ends_with(";tag=two")), "{bye}");
    stage.say(&ok);
    assert_eq!(stage.next(), ack, "its repetition gets the same ACK");
    stage.say(&busy);
    assert_eq!(stage.next(), refused, "and so does the refusal");
    assert!(matches!(&stage.events()[..], [Event::Failed { status: 486, .. }]));
}

/// Gives the number of a request's CSeq.
fn cseq(text: &str) -> u32 {
    let number = header(text, "CSeq").and_then(|value| value.split(' ').next()?.parse().ok());
    number.expect("our requests are whole")
}

#[test]
fn the_bye_to_a_further_fork_follows_every_request_it_got_and_logs_in() {
    let credentials = Credentials { user: "cadran".to_owned(), password: "s3cret".to_owned() };
    let mut stage = Stage::over(Trunk { credentials: Some(credentials), ..trunk() });
    let first = stage.dial();
    let challenge = "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n";
    stage.say(&answer(&first, "407 Proxy", "", challenge, b""));
    stage.sent();
    let invite = stage.next();
    let mut last = 0;
    for (rseq, tag) in [(1, "one"), (1, "two"), (2, "two")] {
        stage.say(&numbered(&invite, "180 Ringing", tag, rseq, b""));
        last = cseq(&stage.next());
    }
    stage.say(&answer(&invite, "200 OK", "one", CONTACT, ANSWER));
    let winner = stage.next();
    stage.say(&answer(&invite, "200 OK", "two", CONTACT, ANSWER));
    let (_, ack) = stage.sent().expect("the fork is acknowledged");
    let bye = stage.next();
    let login = |text| header(text, "Proxy-Authorization").map(str::to_owned);
    assert_eq!((cseq(&ack), login(&ack)), (cseq(&invite), login(&winner)));
    assert!(cseq(&bye) > last, "{bye}");
    assert!(login(&bye).is_some_and(|login| login.contains("nc=00000005")), "{bye}");
    stage.dialer.hang_up(stage.now, LEG).expect("it talks");
    assert!(login(&stage.next()).is_some_and(|login| login.contains("nc=00000006")), "one count");
}

#[test]
fn early_sound_is_heard_as_the_trunk_says() {
    let vouched = format!("{CONTACT}P-Early-Media: sendonly\r\n");
    let gated = format!("{CONTACT}P-Early-Media: inactive\r\n");
    let cases = [
        (EarlyMedia::Play, CONTACT, true),
        (EarlyMedia::Ignore, vouched.as_str(), false),
        (EarlyMedia::Authorised, CONTACT, false),
        (EarlyMedia::Authorised, gated.as_str(), false),
        (EarlyMedia::Authorised, vouched.as_str(), true),
    ];
    for (early_media, more, heard) in cases {
        let mut stage = Stage::over(Trunk { early_media, ..trunk() });
        let invite = stage.dial();
        let asks = early_media == EarlyMedia::Authorised;
        assert_eq!(header(&invite, "P-Early-Media"), asks.then_some("supported"));
        stage.say(&answer(&invite, "183 Progress", "callee", more, ANSWER));
        let told = if heard { Event::Progress(LEG, ANSWER.to_vec()) } else { Event::Ringing(LEG) };
        assert_eq!(stage.events(), [told], "{early_media:?} {more}");
        stage.say(&answer(&invite, "200 OK", "callee", CONTACT, b""));
        let events = stage.events();
        assert_eq!(events.first(), Some(&Event::Answered(LEG, ANSWER.to_vec())), "in either case");
    }
}

#[test]
fn sound_the_network_vouches_for_later_is_heard_from_then_on() {
    let mut stage = Stage::over(Trunk { early_media: EarlyMedia::Authorised, ..trunk() });
    let invite = stage.dial();
    stage.say(&answer(&invite, "183 Progress", "callee", CONTACT, ANSWER));
    assert_eq!(stage.events(), [Event::Ringing(LEG)]);
    let vouched = format!("{CONTACT}P-Early-Media: sendrecv\r\n");
    stage.say(&answer(&invite, "183 Progress", "callee", &vouched, ANSWER));
    assert_eq!(stage.events(), [Event::Progress(LEG, ANSWER.to_vec())]);
}
