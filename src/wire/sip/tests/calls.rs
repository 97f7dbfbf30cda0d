//! Calls set up and ended between two endpoints on a perfect network.

use super::stage::{Stage, answer};
use super::*;

#[test]
fn a_call_is_placed_answered_and_hung_up() {
    let mut world = World::new(1, Faults::default());
    let theirs = world.dial();
    let now = world.now;
    world.carrier().ring(now, theirs).expect("it waits");
    world.run(Span::secs(1));
    let now = world.now;
    world.carrier().accept(now, theirs, ANSWER.to_vec()).expect("it rings");
    world.run(Span::secs(1));
    let events = world.reported(DIALER);
    assert!(
        matches!(
            &events[..],
            [Event::Ringing(LEG), Event::Answered(LEG, sdp), Event::Dialog(LEG, _)]
                if sdp == ANSWER
        ),
        "{events:?}"
    );
    let now = world.now;
    world.dialer().hang_up(now, LEG).expect("it talks");
    world.run(Span::secs(40));
    assert_eq!(world.reported(DIALER), [Event::Gone(LEG)]);
    let ended = Event::Ended { leg: theirs, bye: true, reason: CLEARED.to_owned() };
    assert_eq!(world.reported(CARRIER).last(), Some(&ended));
    assert_eq!((world.dialer().legs(), world.carrier().legs()), (0, 0));
    assert_eq!(world.dialer().next_timeout(), None, "nothing lingers");
    assert_eq!(world.carrier().next_timeout(), None, "nothing lingers");
    assert_eq!(world.dialer().counters().retransmitted, 0);
}

#[test]
fn an_invite_holds_what_a_carrier_asks_for() {
    let mut world = World::new(2, Faults::default());
    world.dial();
    let invites = world.sent(DIALER, "INVITE sip:+33199001234@127.0.0.10:5070 SIP/2.0\r\n");
    let [invite] = &invites[..] else {
        panic!("one INVITE was sent: {invites:?}");
    };
    for name in ["Max-Forwards", "Contact", "Allow", "User-Agent", "Call-ID", "Content-Type"] {
        assert!(header(invite, name).is_some(), "{name} is missing in {invite}");
    }
    let from = header(invite, "From").expect("From is there");
    assert!(from.starts_with("<sip:+33199005678@127.0.0.1>;tag="), "{from}");
    assert!(branch(invite).is_some_and(|branch| branch.starts_with("z9hG4bK")), "{invite}");
    assert_eq!(header(invite, "Content-Length"), Some(OFFER.len().to_string().as_str()));
    assert_eq!(header(invite, "P-Asserted-Identity"), None);
}

#[test]
fn a_trunk_shows_the_caller_as_it_was_told_to() {
    let cases = [
        (Some("100"), Identity { asserted: true, ..Identity::default() }, "<sip:100@dom>", None),
        (
            None,
            Identity { asserted: true, account: Some("acc".to_owned()), ..Identity::default() },
            "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
            Some("id"),
        ),
        (
            Some("100"),
            Identity {
                asserted: true,
                account: Some("acc".to_owned()),
                from_account: true,
                ..Identity::default()
            },
            "<sip:acc@dom>",
            None,
        ),
    ];
    for (from, identity, shown, privacy) in cases {
        let mut world = World::new(3, Faults::default());
        let domain = Some("dom".to_owned());
        world.dialer().set_trunk(Trunk { identity, domain, call_header: true, ..trunk() });
        let from = from.map(str::to_owned);
        let asserted = from.as_deref().unwrap_or("acc").to_owned();
        let call = Invite { from, call_ref: Some("call-7".to_owned()), ..call() };
        world.dialer().invite(Mono::START, LEG, call).expect("the trunk is known");
        world.drain();
        let invite = world.sent(DIALER, "INVITE sip:+33199001234@dom SIP/2.0").remove(0);
        let written = header(&invite, "From").and_then(|from| from.split(";tag=").next());
        assert_eq!(written, Some(shown));
        assert_eq!(header(&invite, "Privacy"), privacy);
        let pai = format!("<sip:{asserted}@dom>");
        assert_eq!(header(&invite, "P-Asserted-Identity"), Some(pai.as_str()));
        assert_eq!(header(&invite, "X-Cadran-Call"), Some("call-7"));
    }
}

#[test]
fn a_trunk_vouches_for_the_caller_in_the_headers_it_was_told() {
    let all = Identity {
        asserted: true,
        preferred: true,
        remote_party: true,
        diversion: Some("0033162000009".to_owned()),
        account: Some("acc".to_owned()),
        ..Identity::default()
    };
    let cases = [
        (Some("100"), Privacy::Id, None, "100", "off"),
        (None, Privacy::User, Some("user;id"), "acc", "full"),
        (None, Privacy::Full, Some("header;user;id"), "acc", "full"),
    ];
    for (from, privacy, asked, user, hidden) in cases {
        let headers = vec![("X-Account".to_owned(), "42".to_owned())];
        let identity = Identity { privacy, ..all.clone() };
        let domain = Some("dom".to_owned());
        let mut world = World::over(Trunk { identity, domain, headers, ..trunk() });
        let call = Invite { from: from.map(str::to_owned), ..call() };
        world.dialer().invite(Mono::START, LEG, call).expect("the trunk is known");
        world.drain();
        let invite = world.sent(DIALER, "INVITE ").remove(0);
        let party = format!("<sip:{user}@dom>");
        assert_eq!(header(&invite, "Privacy"), asked);
        assert_eq!(header(&invite, "P-Asserted-Identity"), Some(party.as_str()));
        assert_eq!(header(&invite, "P-Preferred-Identity"), Some(party.as_str()));
        let remote = format!("{party};party=calling;screen=no;privacy={hidden}");
        assert_eq!(header(&invite, "Remote-Party-ID"), Some(remote.as_str()));
        let diverted = "<sip:0033162000009@dom>;reason=unconditional;counter=1";
        assert_eq!(header(&invite, "Diversion"), Some(diverted));
        assert_eq!(header(&invite, "X-Account"), Some("42"));
    }
}

#[test]
fn a_refusal_is_acknowledged_with_the_branch_of_its_invite() {
    let mut world = World::new(4, Faults::default());
    let theirs = world.dial();
    let now = world.now;
    let headers = [("Retry-After", "5"), ("Reason", "Q.850;cause=34")];
    world.carrier().reject(now, theirs, 503, &headers).expect("it rings");
    world.run(Span::secs(2));
    let events = world.reported(DIALER);
    let [Event::Failed { leg: LEG, status: 503, retry_after, reason }] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((*retry_after, reason.as_str()), (Some(Span::secs(5)), "Q.850;cause=34"));
    let (invites, acks) = (world.sent(DIALER, "INVITE"), world.sent(DIALER, "ACK"));
    assert_eq!((invites.len(), acks.len()), (1, 1));
    assert_eq!(branch(&invites[0]), branch(&acks[0]));
    assert_eq!(world.reported(CARRIER), [Event::Gone(theirs)]);
    assert_eq!(world.sent(CARRIER, "SIP/2.0 503").len(), 1, "the ACK stopped it");
}

#[test]
fn a_refusal_tells_its_reason_and_a_phrase_that_says_more_than_its_status() {
    let analytics = "Q.850;cause=21;text=\"v=analytics1;url=https://a.example\";location=LN";
    for (status, reasons, told) in [
        ("603 Network Blocked", &["Q.850;cause=21"][..], "Q.850;cause=21, Network Blocked"),
        ("603 Network Blocked", &[], "Network Blocked"),
        ("603 Decline", &["Q.850;cause=21"], "Q.850;cause=21"),
        ("603 decline", &[analytics], analytics),
        ("603 Decline", &[], "Decline"),
        ("603", &[], "Decline"),
        ("403 Caller Not Valid D35", &["SIP;cause=403"], "SIP;cause=403, Caller Not Valid D35"),
        ("503 Full", &["SIP;cause=503", "Q.850;cause=34"], "SIP;cause=503, Q.850;cause=34, Full"),
    ] {
        let mut stage = Stage::new(6);
        let invite = stage.dial();
        let more: String = reasons.iter().map(|reason| format!("Reason: {reason}\r\n")).collect();
        stage.say(&answer(&invite, status, "callee", &more, b""));
        let events = stage.events();
        let [Event::Failed { reason, .. }] = &events[..] else { panic!("{status}: {events:?}") };
        assert_eq!(reason, told, "{status}");
    }
}

#[test]
fn the_ack_of_an_answer_has_a_branch_of_its_own() {
    let mut world = World::new(5, Faults::default());
    world.talk();
    let (invites, acks) = (world.sent(DIALER, "INVITE"), world.sent(DIALER, "ACK"));
    assert_eq!((invites.len(), acks.len()), (1, 1));
    assert_ne!(branch(&invites[0]), branch(&acks[0]));
}

#[test]
fn cancel_waits_for_a_provisional_answer() {
    let mut world = World::new(6, Faults::default());
    let theirs = world.dial();
    let now = world.now;
    world.dialer().cancel(now, LEG).expect("it calls");
    world.run(Span::millis(100));
    assert!(world.sent(DIALER, "CANCEL").is_empty(), "no provisional came yet");
    let now = world.now;
    world.carrier().ring(now, theirs).expect("it waits");
    world.run(Span::secs(1));
    let (invite, cancel) = (world.sent(DIALER, "INVITE"), world.sent(DIALER, "CANCEL"));
    assert_eq!(cancel.len(), 1);
    assert_eq!(branch(&invite[0]), branch(&cancel[0]));
    assert_eq!(header(&cancel[0], "To").map(|to| to.contains("tag")), Some(false));
    assert_eq!(world.reported(DIALER), [Event::Gone(LEG)]);
    let failed = world.reported(CARRIER);
    assert!(matches!(&failed[..], [Event::Failed { status: 487, .. }]), "{failed:?}");
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_ended() {
    let mut world = World::new(7, Faults::default());
    let theirs = world.dial();
    let now = world.now;
    world.carrier().ring(now, theirs).expect("it waits");
    world.run(Span::millis(50));
    let now = world.now;
    world.dialer().cancel(now, LEG).expect("it rings");
    world.carrier().accept(now, theirs, ANSWER.to_vec()).expect("it rings");
    world.run(Span::secs(5));
    let answered = Event::Answered(LEG, ANSWER.to_vec());
    assert_eq!(world.reported(DIALER), [Event::Ringing(LEG), answered, Event::Gone(LEG)]);
    assert_eq!(world.sent(DIALER, "ACK").len(), 1);
    assert_eq!(world.sent(DIALER, "BYE").len(), 1);
    assert_eq!(world.carrier().legs(), 0);
}

#[test]
fn a_silent_carrier_is_given_up_after_timer_b() {
    let mut world = World::new(8, Faults { lost: 1_000, ..Faults::default() });
    world.dialer().invite(Mono::START, LEG, call()).expect("the trunk is known");
    world.run(Span::secs(31));
    assert_eq!(world.reported(DIALER), []);
    world.run(Span::secs(2));
    let events = world.reported(DIALER);
    assert!(matches!(&events[..], [Event::Failed { leg: LEG, status: 408, .. }]), "{events:?}");
    assert_eq!(world.sent(DIALER, "INVITE").len(), 7, "at 0, .5, 1.5, 3.5, 7.5, 15.5, 31.5 s");
}

#[test]
fn a_lost_bye_is_repeated_until_timer_f() {
    let mut world = World::new(9, Faults::default());
    world.talk();
    world.faults.lost = 1_000;
    let now = world.now;
    world.dialer().hang_up(now, LEG).expect("it talks");
    world.run(Span::secs(33));
    assert_eq!(world.sent(DIALER, "BYE").len(), 11, "doubling to 4 s within 32 s");
    let events = world.reported(DIALER);
    assert_eq!(events.last(), Some(&Event::Gone(LEG)));
}

#[test]
fn an_answer_is_repeated_until_its_ack_and_acknowledged_each_time() {
    let mut world = World::new(10, Faults::default());
    let theirs = world.dial();
    let now = world.now;
    world.carrier().accept(now, theirs, ANSWER.to_vec()).expect("it rings");
    world.run(Span::millis(15));
    world.flight.clear();
    world.run(Span::secs(5));
    let (answers, acks) = (world.sent(CARRIER, "SIP/2.0 200"), world.sent(DIALER, "ACK"));
    assert_eq!(answers.len(), acks.len());
    assert_eq!(answers.len(), 2, "the first ACK was lost on its way");
    assert_eq!(branch(&acks[0]), branch(&acks[1]), "the same ACK is sent again");
    let answered = world.reported(DIALER);
    let times = answered.iter().filter(|event| matches!(event, Event::Answered(..))).count();
    assert_eq!(times, 1);
}

#[test]
fn an_answer_nobody_acknowledges_is_ended_with_bye() {
    let mut world = World::new(11, Faults::default());
    let theirs = world.dial();
    let now = world.now;
    world.ends.remove(DIALER);
    world.ends[0].1.accept(now, theirs, ANSWER.to_vec()).expect("it rings");
    world.run(Span::secs(70));
    let lost = Event::Ended { leg: theirs, bye: false, reason: String::new() };
    assert_eq!(world.reported(0).last(), Some(&lost));
    assert!(!world.sent(0, "BYE").is_empty());
}

#[test]
fn a_stored_dialog_is_ended_after_a_restart() {
    let mut world = World::new(12, Faults::default());
    let theirs = world.dial();
    let now = world.now;
    world.carrier().accept(now, theirs, ANSWER.to_vec()).expect("it rings");
    let stored = world.wait(DIALER, |event| {
        if let Event::Dialog(_, stored) = event { Some(stored.clone()) } else { None }
    });
    world.run(Span::secs(1));
    world.ends[DIALER].1 = Endpoint::new(settings("127.0.0.1:5060", 99, false));
    world.dialer().set_trunk(trunk());
    let now = world.now;
    world.dialer().end_stale(now, LEG, &stored).expect("it is well formed");
    world.run(Span::secs(1));
    let ended = Event::Ended { leg: theirs, bye: true, reason: CLEARED.to_owned() };
    assert_eq!(world.reported(CARRIER).last(), Some(&ended));
    assert_eq!(world.reported(DIALER).last(), Some(&Event::Gone(LEG)));
}

#[test]
fn a_trunk_is_asked_for_a_sign_of_life() {
    let mut world = World::new(13, Faults::default());
    world.dialer().send_options(Mono::START, TrunkId(1)).expect("the trunk is known");
    world.run(Span::secs(1));
    assert_eq!(world.reported(DIALER), [Event::Options(TrunkId(1), 200, None)]);
    world.faults.lost = 1_000;
    let now = world.now;
    world.dialer().send_options(now, TrunkId(1)).expect("the trunk is known");
    world.run(Span::secs(33));
    assert_eq!(world.reported(DIALER), [Event::Options(TrunkId(1), 408, None)]);
}

#[test]
fn commands_that_make_no_sense_are_refused_and_send_nothing() {
    let mut world = World::new(14, Faults::default());
    let now = Mono::START;
    let end = world.dialer();
    assert_eq!(end.hang_up(now, LEG), Err(CommandError::UnknownLeg));
    assert_eq!(end.accept(now, LEG, Vec::new()), Err(CommandError::UnknownLeg));
    let nowhere = Target::Trunk(TrunkId(9), "1".to_owned());
    let unknown = Invite { target: nowhere, ..call() };
    assert_eq!(end.invite(now, LEG, unknown), Err(CommandError::UnknownTrunk));
    let absent = Invite { target: Target::Phone(AgentId(1)), ..call() };
    assert_eq!(end.invite(now, LEG, absent), Err(CommandError::PhoneAbsent));
    for from in ["1\r\nEvil: yes", "a b", "", "x@y", "<z>"] {
        let bad = Invite { from: Some(from.to_owned()), ..call() };
        assert_eq!(end.invite(now, LEG, bad), Err(CommandError::BadText), "{from:?}");
    }
    assert_eq!(end.poll_transmit(), None);
    end.invite(now, LEG, call()).expect("the trunk is known");
    assert_eq!(end.invite(now, LEG, call()), Err(CommandError::LegInUse));
    assert_eq!(end.ring(now, LEG), Err(CommandError::WrongState));
    assert_eq!(end.reject(now, LEG, 486, &[]), Err(CommandError::WrongState));
    assert_eq!(end.reoffer(now, LEG, Vec::new()), Err(CommandError::WrongState));
}
