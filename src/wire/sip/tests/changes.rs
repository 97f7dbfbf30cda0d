//! Changes of the session inside a dialog, made by either side.

use super::stage::{Stage, answer, inside, talking};
use super::*;

const HOLD: &[u8] = b"v=0\r\nm=audio 20000 RTP/AVP 8\r\na=sendonly\r\n";
const HELD: &[u8] = b"v=0\r\nm=audio 40000 RTP/AVP 8\r\na=recvonly\r\n";

fn offered(event: &Event) -> Option<Option<Sdp>> {
    if let Event::Offer(_, offer) = event { Some(offer.clone()) } else { None }
}

fn reoffered(event: &Event) -> Option<(u16, Sdp)> {
    if let Event::Reoffered(_, status, sdp) = event { Some((*status, sdp.clone())) } else { None }
}

#[test]
fn a_hold_is_offered_accepted_and_acknowledged() {
    let mut world = World::new(20, Faults::default());
    let theirs = world.talk();
    let now = world.now;
    world.carrier().reoffer(now, theirs, HOLD.to_vec()).expect("it talks");
    let offer = world.wait(DIALER, offered);
    assert_eq!(offer.as_deref(), Some(HOLD));
    let now = world.now;
    world.dialer().accept(now, LEG, HELD.to_vec()).expect("an offer waits");
    assert_eq!(world.wait(CARRIER, reoffered), (200, HELD.to_vec()));
    world.run(Span::secs(1));
    assert_eq!(world.reported(DIALER).last(), Some(&Event::Acked(LEG, None)));
    assert_eq!(world.sent(CARRIER, "ACK").len(), 1);
    let now = world.now;
    world.dialer().hang_up(now, LEG).expect("it talks");
    world.run(Span::secs(1));
    assert_eq!((world.dialer().legs(), world.carrier().legs()), (0, 0));
}

#[test]
fn a_hold_of_ours_is_answered_too() {
    let mut world = World::new(21, Faults::default());
    let theirs = world.talk();
    let now = world.now;
    world.dialer().reoffer(now, LEG, HOLD.to_vec()).expect("it talks");
    assert_eq!(world.wait(CARRIER, offered).as_deref(), Some(HOLD));
    let now = world.now;
    world.carrier().accept(now, theirs, HELD.to_vec()).expect("an offer waits");
    assert_eq!(world.wait(DIALER, reoffered), (200, HELD.to_vec()));
    let now = world.now;
    world.dialer().reoffer(now, LEG, OFFER.to_vec()).expect("the first one is settled");
}

#[test]
fn a_refused_offer_leaves_the_call_as_it_was() {
    let mut world = World::new(22, Faults::default());
    let theirs = world.talk();
    let now = world.now;
    world.carrier().reoffer(now, theirs, HOLD.to_vec()).expect("it talks");
    world.wait(DIALER, offered);
    let now = world.now;
    world.dialer().reject(now, LEG, 488, &[]).expect("an offer waits");
    assert_eq!(world.wait(CARRIER, reoffered), (488, Vec::new()));
    assert_eq!((world.dialer().legs(), world.carrier().legs()), (1, 1));
    let now = world.now;
    assert_eq!(world.dialer().reject(now, LEG, 488, &[]), Err(CommandError::WrongState));
}

#[test]
fn offers_that_cross_get_491_and_are_made_again_one_after_the_other() {
    let mut world = World::new(23, Faults::default());
    let theirs = world.talk();
    let now = world.now;
    world.dialer().reoffer(now, LEG, HOLD.to_vec()).expect("it talks");
    world.carrier().reoffer(now, theirs, HELD.to_vec()).expect("it talks");
    // The side that did not place the call waits less (RFC 3261 §14.1): its offer comes first.
    assert_eq!(world.wait(DIALER, offered).as_deref(), Some(HELD));
    assert!(world.now.since(now) <= Span::millis(2_100));
    assert_eq!(world.sent(DIALER, "SIP/2.0 491").len(), 1);
    assert_eq!(world.sent(CARRIER, "SIP/2.0 491").len(), 1);
    let answered = world.now;
    world.dialer().accept(answered, LEG, HOLD.to_vec()).expect("an offer waits");
    assert_eq!(world.wait(CARRIER, reoffered), (200, HOLD.to_vec()));
    assert_eq!(world.wait(CARRIER, offered).as_deref(), Some(HOLD), "then ours, by itself");
    let waited = world.now.since(now);
    assert!((Span::millis(2_100)..=Span::millis(4_100)).contains(&waited), "{waited}");
    let now = world.now;
    world.carrier().accept(now, theirs, HELD.to_vec()).expect("an offer waits");
    assert_eq!(world.wait(DIALER, reoffered), (200, HELD.to_vec()));
}

#[test]
fn an_offer_that_always_meets_another_is_told_as_refused_in_the_end() {
    let mut stage = Stage::new(40);
    talking(&mut stage);
    stage.dialer.reoffer(stage.now, LEG, HOLD.to_vec()).expect("it talks");
    for _ in 0..5 {
        let offer = stage.next();
        stage.say(&answer(&offer, "491 Request Pending", "callee", "", b""));
        assert!(stage.next().starts_with("ACK "));
        assert_eq!(stage.events(), []);
        assert_eq!(
            stage.dialer.reoffer(stage.now, LEG, OFFER.to_vec()),
            Err(CommandError::WrongState),
            "the first offer is still to be made"
        );
        stage.skip();
        assert!(stage.now <= Mono::micros(20_100_000), "five waits of at most 4 s");
    }
    let offer = stage.next();
    stage.say(&answer(&offer, "491 Request Pending", "callee", "", b""));
    assert_eq!(stage.events(), [Event::Reoffered(LEG, 491, Vec::new())]);
}

#[test]
fn a_fax_offer_refused_with_488_leaves_the_call_as_it_was() {
    const FAX: &[u8] = b"v=0\r\nm=image 20000 udptl t38\r\n";
    let mut stage = Stage::new(41);
    let invite = talking(&mut stage);
    let kind = "Content-Type: application/sdp\r\n";
    stage.say(&inside(&invite, "INVITE", 1, kind, FAX));
    assert_eq!(stage.events(), [Event::Offer(LEG, Some(FAX.to_vec()))]);
    stage.dialer.reject(stage.now, LEG, 488, &[]).expect("an offer waits");
    assert!(stage.next().starts_with("SIP/2.0 488 Not Acceptable Here\r\n"));
    stage.say(&inside(&invite, "ACK", 1, "", b""));
    stage.say(&inside(&invite, "OPTIONS", 2, "", b""));
    assert!(stage.next().starts_with("SIP/2.0 200 "));
    assert_eq!(stage.dialer.legs(), 1);
}

#[test]
fn an_offer_left_waiting_is_told_to_wait() {
    let mut world = World::new(24, Faults::default());
    let theirs = world.talk();
    let now = world.now;
    world.carrier().reoffer(now, theirs, HOLD.to_vec()).expect("it talks");
    world.run(Span::secs(3));
    assert_eq!(world.sent(DIALER, "SIP/2.0 100").len(), 1);
    assert_eq!(world.sent(CARRIER, "INVITE").len(), 1, "100 stops the repetitions");
}

#[test]
fn a_call_hung_up_under_an_offer_settles_it() {
    let mut world = World::new(25, Faults::default());
    let theirs = world.talk();
    let now = world.now;
    world.carrier().reoffer(now, theirs, HOLD.to_vec()).expect("it talks");
    world.wait(DIALER, offered);
    let now = world.now;
    world.dialer().hang_up(now, LEG).expect("it talks");
    world.run(Span::secs(40));
    assert_eq!(world.sent(DIALER, "SIP/2.0 487").len(), 1);
    assert_eq!((world.dialer().legs(), world.carrier().legs()), (0, 0));
    assert_eq!(world.dialer().next_timeout(), None);
}

#[test]
fn a_call_lost_under_an_offer_settles_it() {
    let mut world = World::new(28, Faults::default());
    let theirs = world.dial();
    let now = world.now;
    world.carrier().accept(now, theirs, ANSWER.to_vec()).expect("it rings");
    world.run(Span::millis(15));
    // No ACK ever arrives, but an offer does.
    world.flight.clear();
    let now = world.now;
    world.dialer().reoffer(now, LEG, HOLD.to_vec()).expect("it talks");
    world.wait(CARRIER, offered);
    world.ends.remove(DIALER);
    world.run(Span::secs(200));
    assert_eq!(world.ends[0].1.legs(), 0);
    assert_eq!(world.ends[0].1.next_timeout(), None);
    let refusals = world.sent(0, "SIP/2.0 487").len();
    assert!(refusals > 0, "the offer was refused in the end");
}

#[test]
fn a_caller_who_hangs_up_before_the_ack_of_its_answer_waits_for_it() {
    let mut world = World::new(26, Faults::default());
    let theirs = world.dial();
    let now = world.now;
    world.carrier().accept(now, theirs, ANSWER.to_vec()).expect("it rings");
    world.carrier().hang_up(now, theirs).expect("it talks");
    assert!(world.sent(CARRIER, "BYE").is_empty(), "the ACK did not come yet");
    world.run(Span::secs(1));
    assert_eq!(world.sent(CARRIER, "BYE").len(), 1);
    assert_eq!(world.reported(CARRIER).last(), Some(&Event::Gone(theirs)));
    assert_eq!(world.dialer().legs(), 0);
}

#[test]
fn both_sides_may_hang_up_at_once() {
    let mut world = World::new(27, Faults::default());
    let theirs = world.talk();
    let now = world.now;
    world.dialer().hang_up(now, LEG).expect("it talks");
    world.carrier().hang_up(now, theirs).expect("it talks");
    world.run(Span::secs(40));
    assert_eq!(world.reported(DIALER).last(), Some(&Event::Gone(LEG)));
    assert_eq!(world.reported(CARRIER).last(), Some(&Event::Gone(theirs)));
    assert_eq!(world.dialer().counters().retransmitted, 0);
}

#[test]
fn an_offer_that_overtakes_the_ack_to_the_one_before_stands_for_it() {
    let mut stage = Stage::new(93);
    let invite = talking(&mut stage);
    for cseq in 1..=2 {
        stage.say(&inside(&invite, "INVITE", cseq, "Content-Type: application/sdp\r\n", HOLD));
        assert_eq!(stage.events(), [Event::Offer(LEG, Some(HOLD.to_vec()))]);
        stage.dialer.accept(stage.now, LEG, HELD.to_vec()).expect("an offer waits");
        assert!(stage.next().starts_with("SIP/2.0 200 OK\r\n"));
    }
    stage.say(&inside(&invite, "ACK", 1, "", b""));
    assert_eq!(stage.events(), [], "it comes too late to matter");
    stage.say(&inside(&invite, "ACK", 2, "", b""));
    assert_eq!(stage.events(), [Event::Acked(LEG, None)]);
    stage.wait(Span::secs(70));
    assert_eq!((stage.sent(), stage.events()), (None, Vec::new()), "nor is its answer repeated");
    stage.dialer.reoffer(stage.now, LEG, OFFER.to_vec()).expect("it talks, and all is settled");
}

#[test]
fn a_reoffer_that_is_only_tried_goes_with_its_call() {
    for hears_before in [true, false] {
        let mut stage = Stage::new(92);
        talking(&mut stage);
        stage.dialer.reoffer(stage.now, LEG, OFFER.to_vec()).expect("it talks");
        let reinvite = stage.next();
        let trying = answer(&reinvite, "100 Trying", "", "", b"");
        if hears_before {
            stage.say(&trying);
        }
        stage.dialer.hang_up(stage.now, LEG).expect("it talks");
        if !hears_before {
            stage.say(&trying);
        }
        stage.wait(Span::secs(70));
        assert_eq!(stage.events(), [Event::Gone(LEG)]);
        assert_eq!((stage.dialer.transactions(), stage.dialer.next_timeout()), (0, None));
    }
}
