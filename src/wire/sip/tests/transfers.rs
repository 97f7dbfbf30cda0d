//! Transfers that we ask the far end for, and those it asks us for.

use super::stage::{CONTACT, Stage, answer, inside, talking};
use super::*;

const TO: &str = "+33199000077";

/// A dialer that talks and has asked for a transfer; gives its INVITE and its REFER.
fn asked(stage: &mut Stage) -> (String, String) {
    let invite = talking(stage);
    stage.dialer.transfer(stage.now, LEG, TrunkId(1), TO).expect("it talks");
    (invite, stage.next())
}

/// Writes a NOTIFY of the callee's, with the state of its subscription and what it tells.
fn notify(invite: &str, cseq: u32, event: &str, state: &str, told: &str) -> String {
    let kind = "Content-Type: message/sipfrag;version=2.0\r\n";
    let more = format!("Event: {event}\r\nSubscription-State: {state}\r\n{kind}");
    inside(invite, "NOTIFY", cseq, &more, told.as_bytes())
}

fn told(status: u16, reason: &str) -> Event {
    Event::Transferred { leg: LEG, status, reason: reason.to_owned() }
}

#[test]
fn a_transfer_names_whom_to_call_and_who_asks_and_is_told_once() {
    let mut stage = Stage::new(110);
    let (invite, refer) = asked(&mut stage);
    assert!(refer.starts_with("REFER sip:callee@127.0.0.10:5070 SIP/2.0\r\n"), "{refer}");
    assert_eq!(header(&refer, "Refer-To"), Some("<sip:+33199000077@127.0.0.10:5070>"));
    assert_eq!(header(&refer, "Referred-By"), Some("<sip:+33199005678@127.0.0.1>"));
    assert_eq!(header(&refer, "CSeq"), Some("2 REFER"));
    assert!(header(&refer, "Contact").is_some());
    let again = stage.dialer.transfer(stage.now, LEG, TrunkId(1), TO);
    assert_eq!(again, Err(CommandError::WrongState), "one at a time");
    stage.say(&answer(&refer, "202 Accepted", "callee", CONTACT, b""));
    stage.say(&notify(&invite, 1, "refer", "active;expires=60", "SIP/2.0 100 Trying\r\n"));
    assert!(stage.next().starts_with("SIP/2.0 200 OK\r\n"));
    assert_eq!(stage.events(), [], "it only tries");
    let end = "terminated;reason=noresource";
    stage.say(&notify(&invite, 2, "refer;id=2", end, "SIP/2.0 200 OK\r\n"));
    assert!(stage.next().starts_with("SIP/2.0 200 OK\r\n"));
    assert_eq!(stage.events(), [told(200, "OK")]);
    stage.say(&notify(&invite, 3, "refer", end, "SIP/2.0 200 OK\r\n"));
    assert!(stage.next().starts_with("SIP/2.0 481 "), "nothing is to be told any more");
    stage.wait(Span::secs(200));
    assert_eq!((stage.events(), stage.dialer.legs()), (Vec::new(), 1));
}

#[test]
fn a_transfer_that_fails_leaves_the_call_as_it_was() {
    let mut stage = Stage::new(111);
    let (_, refer) = asked(&mut stage);
    stage.say(&answer(&refer, "603 Declined", "callee", "", b""));
    assert_eq!(stage.events(), [told(603, "Declined")]);
    for (state, body, expected) in [
        ("terminated;reason=noresource", "SIP/2.0 486 Busy Here\r\n", told(486, "Busy Here")),
        ("active", "SIP/2.0 503 Full\r\n\r\n", told(503, "Full")),
        ("terminated;reason=giveup", "SIP/2.0 180 Ringing", told(0, "terminated;reason=giveup")),
        ("terminated", "nothing", told(0, "terminated")),
    ] {
        let mut stage = Stage::new(112);
        let (invite, refer) = asked(&mut stage);
        stage.say(&answer(&refer, "202 Accepted", "callee", CONTACT, b""));
        stage.say(&notify(&invite, 1, "Refer", state, body));
        assert!(stage.next().starts_with("SIP/2.0 200 OK\r\n"), "{state}");
        assert_eq!(stage.events(), [expected]);
        stage.dialer.transfer(stage.now, LEG, TrunkId(1), TO).expect("it may be tried again");
    }
    assert_eq!(stage.dialer.legs(), 1);
}

#[test]
fn a_transfer_without_a_word_is_given_up_and_the_call_goes_on() {
    for (accepted, after) in [(false, 32), (true, 90)] {
        let mut stage = Stage::new(113);
        let (_, refer) = asked(&mut stage);
        if accepted {
            stage.say(&answer(&refer, "202 Accepted", "callee", CONTACT, b""));
        }
        stage.wait(Span::secs(after - 1));
        assert_eq!(stage.events(), []);
        stage.wait(Span::secs(2));
        assert_eq!(stage.events(), [told(408, "")]);
        assert_eq!(stage.dialer.legs(), 1);
    }
}

#[test]
fn a_word_on_a_transfer_may_overtake_its_202_and_others_are_not_taken_for_it() {
    let mut stage = Stage::new(114);
    let (invite, refer) = asked(&mut stage);
    stage.say(&notify(&invite, 1, "refer;id=7", "active", "SIP/2.0 200 OK\r\n"));
    assert!(stage.next().starts_with("SIP/2.0 481 "), "another transfer's");
    stage.say(&notify(&invite, 2, "message-summary", "active", ""));
    assert!(stage.next().starts_with("SIP/2.0 405 "), "nothing that we asked for");
    stage.say(&notify(&invite, 3, "refer;id=2", "terminated", "SIP/2.0 200 OK\r\n"));
    stage.say(&answer(&refer, "202 Accepted", "callee", CONTACT, b""));
    assert_eq!(stage.events(), [told(200, "OK")]);
}

#[test]
fn a_challenged_transfer_logs_in() {
    let credentials = Credentials { user: "cadran".to_owned(), password: "s3cret".to_owned() };
    let mut stage = Stage::over(Trunk { credentials: Some(credentials), ..trunk() });
    let (_, refer) = asked(&mut stage);
    let challenge = "WWW-Authenticate: Digest realm=\"cadran.test\", nonce=\"n1\", \
                     algorithm=MD5, qop=\"auth\"\r\n";
    stage.say(&answer(&refer, "401 Unauthorized", "callee", challenge, b""));
    let again = stage.next();
    assert!(header(&again, "Authorization").is_some_and(|login| login.contains("nonce=\"n1\"")));
    assert_eq!(header(&again, "Refer-To"), header(&refer, "Refer-To"));
    assert_eq!((header(&again, "CSeq"), stage.events()), (Some("3 REFER"), Vec::new()));
}

/// A far end that has asked us for a transfer, and its leg.
fn wanted(seed: u64) -> (World, LegId) {
    let mut world = World::new(seed, Faults::default());
    let theirs = world.talk();
    let now = world.now;
    world.carrier().set_trunk(Trunk::new(TrunkId(1), address("127.0.0.1:5060")));
    world.carrier().transfer(now, theirs, TrunkId(1), TO).expect("it talks");
    let to = world.wait(DIALER, |event| {
        if let Event::TransferWanted(LEG, to) = event { Some(to.clone()) } else { None }
    });
    assert_eq!(to, TO);
    (world, theirs)
}

fn how_it_ended(event: &Event) -> Option<u16> {
    if let Event::Transferred { status, .. } = event { Some(*status) } else { None }
}

#[test]
fn a_transfer_the_far_end_wants_is_told_from_its_beginning_to_its_end() {
    for last in [200, 486] {
        let (mut world, _) = wanted(115);
        for status in [202, last] {
            let now = world.now;
            world.dialer().tell_transfer(now, LEG, status).expect("it is wanted");
            world.run(Span::secs(1));
        }
        assert_eq!(world.wait(CARRIER, how_it_ended), last);
        let notified = world.sent(DIALER, "NOTIFY");
        assert!(notified[0].ends_with("\r\n\r\nSIP/2.0 100 Trying\r\n"), "{}", notified[0]);
        assert_eq!((notified.len(), world.sent(DIALER, "SIP/2.0 202").len()), (2, 1));
        let now = world.now;
        let again = world.dialer().tell_transfer(now, LEG, 200);
        assert_eq!(again, Err(CommandError::WrongState), "all is told");
    }
}

#[test]
fn a_transfer_the_far_end_wants_may_be_refused() {
    let (mut world, _) = wanted(116);
    let now = world.now;
    world.dialer().tell_transfer(now, LEG, 603).expect("it is wanted");
    assert_eq!(world.wait(CARRIER, how_it_ended), 603);
    assert_eq!((world.dialer().legs(), world.carrier().legs()), (1, 1));
    // One that is to replace another call, one that names nobody, and one that names two.
    let to = "Refer-To: <sip:1@h?Replaces=x>\r\n";
    for (refer, status) in [(to, "603"), ("", "400"), ("Refer-To: <sip:1@h>\r\nr: x\r\n", "400")] {
        let mut stage = Stage::new(117);
        let invite = talking(&mut stage);
        stage.say(&inside(&invite, "REFER", 1, refer, b""));
        assert!(stage.next().starts_with(&format!("SIP/2.0 {status} ")), "{refer}");
        assert_eq!(stage.events(), []);
    }
}
