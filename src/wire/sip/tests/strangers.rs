//! Far ends that are no trunk and no phone, and a flood of strangers' junk.

use std::net::Ipv4Addr;

use super::stage::{CONTACT, Stage, answer, inside};
use super::*;

const GATEWAY: &str = "192.0.2.7:5062";
const ELSEWHERE: &str = "Contact: <sip:callee@192.0.2.7:5062>\r\n";

impl Stage {
    /// Says something from elsewhere; tells whether it was heard.
    fn say_from(&mut self, from: &str, text: &str) -> bool {
        self.dialer.receive(self.now, address(from), text.as_bytes())
    }

    /// Sends junk from so many addresses that nothing of a stranger is read any more.
    fn flood(&mut self) {
        for from in 0..10_000 {
            let from = SocketAddr::from((Ipv4Addr::from_bits(0x0A00_0000 + from), 5_060));
            self.dialer.receive(self.now, from, b"OPTIONS sip:100@h SIP/2.0\r\n\r\n");
        }
        assert!(self.dialer.counters().unread >= 6_000);
    }
}

/// A call whose far end is at [`GATEWAY`]; gives its INVITE.
fn talking_elsewhere(stage: &mut Stage) -> String {
    let invite = stage.dial();
    stage.say(&answer(&invite, "200 OK", "callee", ELSEWHERE, ANSWER));
    let (to, _) = stage.sent().expect("an ACK");
    assert_eq!(to, address(GATEWAY));
    stage.events();
    invite
}

#[test]
fn a_flood_leaves_calls_alone_whose_far_end_is_no_trunk() {
    let mut stage = Stage::new(90);
    let invite = talking_elsewhere(&mut stage);
    stage.flood();
    let hold = inside(&invite, "INVITE", 1, "Content-Type: application/sdp\r\n", ANSWER);
    let hold = hold.replace(CONTACT, ELSEWHERE);
    assert!(stage.say_from(GATEWAY, &hold));
    assert_eq!(stage.events(), [Event::Offer(LEG, Some(ANSWER.to_vec()))]);
    stage.dialer.accept(stage.now, LEG, OFFER.to_vec()).expect("an offer waits");
    stage.next();
    assert!(stage.say_from(GATEWAY, &inside(&invite, "ACK", 1, "", b"")));
    stage.dialer.hang_up(stage.now, LEG).expect("it talks");
    let bye = stage.next();
    assert!(stage.say_from(GATEWAY, &answer(&bye, "200 OK", "", "", b"")));
    assert_eq!(stage.events().last(), Some(&Event::Gone(LEG)));
}

#[test]
fn a_far_end_that_moves_is_heard_where_it_is_and_a_stranger_when_its_call_is_over() {
    let mut stage = Stage::new(91);
    let invite = talking_elsewhere(&mut stage);
    let moved = inside(&invite, "UPDATE", 1, "", b"").replace("callee@127.0.0.10", "x@192.0.2.8");
    assert!(stage.say_from(GATEWAY, &moved));
    assert!(stage.next().starts_with("SIP/2.0 200 "));
    stage.flood();
    assert!(!stage.say_from(GATEWAY, &inside(&invite, "BYE", 2, "", b"")), "it has left there");
    let bye = inside(&invite, "BYE", 3, "", b"");
    assert!(stage.say_from("192.0.2.8:5070", &bye));
    assert!(stage.next().starts_with("SIP/2.0 200 OK\r\n"));
    stage.wait(Span::ZERO);
    assert!(!stage.say_from("192.0.2.8:5070", &bye.replace("BYE3", "BYE4")));
}

#[test]
fn whom_we_asked_may_answer_in_a_flood_and_is_not_asked_again() {
    let mut stage = Stage::new(92);
    let invite = stage.dial();
    let more = format!("{ELSEWHERE}Require: 100rel\r\nRSeq: 1\r\n");
    stage.say(&answer(&invite, "183 Session Progress", "callee", &more, ANSWER));
    let (to, prack) = stage.sent().expect("a PRACK");
    assert_eq!(to, address(GATEWAY));
    stage.flood();
    assert!(stage.say_from(GATEWAY, &answer(&prack, "200 OK", "", "", b"")));
    stage.wait(Span::secs(4));
    assert_eq!(stage.sent(), None);
    stage.wait(Span::secs(2));
    stage.flood();
    assert!(!stage.say_from(GATEWAY, &answer(&prack, "200 OK", "", "", b"")), "long answered");
}

#[test]
fn registrations_from_a_calls_far_end_are_as_few_as_a_peers() {
    let mut stage = Stage::new(93);
    let invite = talking_elsewhere(&mut stage);
    let local = header(&invite, "From").expect("it has one");
    let register = inside(&invite, "REGISTER", 1, "", b"").replace(local, "<sip:a1@127.0.0.1>");
    let mut answered = 0;
    for _ in 0..3_000 {
        stage.say_from(GATEWAY, &register);
        answered += u32::from(stage.sent().is_some());
    }
    assert_eq!(answered, 2_000);
}
