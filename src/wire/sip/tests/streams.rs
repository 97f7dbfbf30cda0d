//! Calls over TCP and TLS, trunks with several ways, and what happens when one breaks.

use super::stage::{Stage, answer};
use super::*;

const FAR: &str = "127.0.0.10:5070";

fn tcp(text: &str) -> Hop {
    Hop { transport: Transport::Tcp, ..address(text).into() }
}

/// A dialer with a trunk, and the carrier at [`FAR`].
fn world(trunk: Trunk) -> World {
    let mut world = World::new(11, Faults::default());
    world.dialer().set_trunk(trunk);
    world
}

fn over_tcp() -> World {
    world(Trunk { address: tcp(FAR), ..trunk() })
}

fn failed(event: &Event) -> Option<u16> {
    if let Event::Failed { leg: LEG, status, .. } = event { Some(*status) } else { None }
}

/// Places a call and gives where its INVITEs went within the time.
fn tried(world: &mut World, span: Span) -> Vec<SocketAddr> {
    let now = world.now;
    world.dialer().invite(now, LEG, call()).expect("the trunk is known");
    world.run(span);
    let from = world.ends[DIALER].0;
    let invites =
        world.trace.iter().filter(|(_, at, _, text)| *at == from && text.starts_with("INVITE "));
    invites.map(|(_, _, to, _)| *to).collect()
}

#[test]
fn a_call_over_tcp_says_so_and_repeats_nothing() {
    let mut world = over_tcp();
    let theirs = world.talk();
    let invite = world.sent(DIALER, "INVITE ").pop().expect("it was sent");
    assert!(header(&invite, "Via").is_some_and(|via| via.starts_with("SIP/2.0/TCP 127.0.0.1:")));
    assert_eq!(header(&invite, "Contact"), Some("<sip:cadran@127.0.0.1:5060;transport=tcp>"));
    let now = world.now;
    world.carrier().hang_up(now, theirs).expect("it talks");
    world.run(Span::secs(1));
    let bye = world.sent(CARRIER, "BYE ").pop().expect("it was sent");
    assert!(bye.starts_with("BYE sip:cadran@127.0.0.1:5060;transport=tcp SIP/2.0\r\n"), "{bye}");
    assert!(header(&bye, "Via").is_some_and(|via| via.starts_with("SIP/2.0/TCP ")), "{bye}");
    assert_eq!(world.dialer().counters().retransmitted, 0);
}

#[test]
fn a_refusal_over_tcp_leaves_nothing_behind() {
    let mut world = over_tcp();
    let theirs = world.dial();
    let now = world.now;
    world.carrier().reject(now, theirs, 486, &[]).expect("it rings");
    world.run(Span::millis(100));
    assert_eq!(world.sent(DIALER, "ACK ").len(), 1);
    let timers = (world.dialer().next_timeout(), world.carrier().next_timeout());
    assert_eq!(timers, (None, None), "timers D and I are zero");
}

#[test]
fn a_silent_connection_is_asked_once_and_given_up() {
    let mut world = world(Trunk { address: tcp("127.0.0.99:5060"), ..trunk() });
    assert_eq!(tried(&mut world, Span::secs(40)), [address("127.0.0.99:5060")]);
    let told = world.reported(DIALER);
    assert_eq!(told.iter().filter_map(failed).collect::<Vec<_>>(), [408]);
}

#[test]
fn a_response_goes_back_on_the_connection_it_came_by() {
    let mut carrier = Endpoint::new(settings(FAR, 1, true));
    let options = "OPTIONS sip:a@127.0.0.10 SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.1:5060;branch=z9\
        hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\
        Content-Length: 0\r\n\r\n";
    let from = tcp("198.51.100.1:49152");
    assert!(carrier.receive(Mono::START, from, options.as_bytes()));
    assert_eq!(carrier.poll_transmit().map(|transmit| transmit.to), Some(from));
}

#[test]
fn a_connection_that_breaks_fails_the_call_or_moves_it() {
    let mut alone = over_tcp();
    alone.ends.truncate(1);
    tried(&mut alone, Span::secs(1));
    let now = alone.now;
    alone.dialer().disconnected(now, tcp(FAR));
    assert_eq!(alone.wait(DIALER, failed), 503);

    let way = |text, priority| Way { hop: tcp(text), priority, weight: 0 };
    let ways = vec![way("127.0.0.98:5060", 1), way(FAR, 2)];
    let mut moved = world(Trunk { address: ways[0].hop, ways, ..trunk() });
    let now = moved.now;
    moved.dialer().invite(now, LEG, call()).expect("the trunk is known");
    moved.run(Span::millis(1));
    moved.dialer().disconnected(now, tcp("127.0.0.98:5060"));
    moved.wait(CARRIER, |event| matches!(event, Event::Incoming(_)).then_some(()));
    assert_eq!(moved.dialer().legs(), 1, "the call goes on");
    let branches = moved.sent(DIALER, "INVITE ");
    assert_ne!(branch(&branches[0]), branch(&branches[1]), "RFC 3263 §4.3");
}

#[test]
fn a_bye_whose_connection_breaks_is_sent_once_more() {
    for broken in 1..=2 {
        let mut world = over_tcp();
        let theirs = world.talk();
        let now = world.now;
        world.dialer().hang_up(now, LEG).expect("it talks");
        for _ in 0..broken {
            world.drain();
            world.flight.clear();
            world.dialer().disconnected(now, tcp(FAR));
        }
        world.run(Span::secs(1));
        assert_eq!(world.sent(DIALER, "BYE ").len(), 2);
        assert_eq!(world.reported(DIALER).last(), Some(&Event::Gone(LEG)));
        let heard = world.reported(CARRIER).last().is_some_and(
            |event| matches!(event, Event::Ended { leg, bye: true, .. } if *leg == theirs),
        );
        assert_eq!(heard, broken == 1);
    }
}

#[test]
fn a_silent_server_costs_one_call_its_time_and_is_then_spared() {
    let way = |text, priority| Way { hop: address(text).into(), priority, weight: 0 };
    let ways = vec![way("127.0.0.98:5060", 1), way(FAR, 2)];
    let mut world = world(Trunk { ways, ..trunk() });
    let (dead, alive) = (address("127.0.0.98:5060"), address(FAR));
    let first = tried(&mut world, Span::secs(33));
    assert_eq!((first.first(), first.last()), (Some(&dead), Some(&alive)));
    let now = world.now;
    world.dialer().cancel(now, LEG).expect("it waits");
    world.run(Span::secs(1));
    world.trace.clear();
    assert_eq!(tried(&mut world, Span::secs(1)), [alive], "spared");
}

#[test]
fn a_server_without_room_hands_the_call_to_the_next() {
    let way = |text, priority| Way { hop: address(text).into(), priority, weight: 0 };
    let ways = vec![way(FAR, 1), way("127.0.0.11:5070", 2)];
    let mut world = world(Trunk { ways, ..trunk() });
    let full = world.dial();
    let now = world.now;
    world.carrier().reject(now, full, 503, &[("Retry-After", "300")]).expect("it rings");
    world.run(Span::millis(100));
    let last = world.trace.iter().rfind(|(_, _, _, text)| text.starts_with("INVITE "));
    assert_eq!(last.map(|(_, _, to, _)| *to), Some(address("127.0.0.11:5070")));
    assert!(world.reported(DIALER).is_empty(), "the call goes on");
}

#[test]
fn a_sign_of_life_is_asked_of_the_next_server_before_a_trunk_is_called_silent() {
    let way = |text, priority| Way { hop: address(text).into(), priority, weight: 0 };
    let ways = vec![way("127.0.0.98:5060", 1), way(FAR, 2)];
    let options = |event: &Event| {
        if let Event::Options(_, status, _) = event { Some(*status) } else { None }
    };
    let mut one_dead = world(Trunk { ways: ways.clone(), ..trunk() });
    let now = one_dead.now;
    one_dead.dialer().send_options(now, TrunkId(1)).expect("the trunk is known");
    assert_eq!(one_dead.wait(DIALER, options), 200);
    let asked: Vec<_> =
        one_dead.trace.iter().filter(|sent| sent.3.starts_with("OPTIONS ")).collect();
    assert_eq!(asked.first().map(|sent| sent.2), Some(address("127.0.0.98:5060")));
    assert_eq!(asked.last().map(|sent| sent.2), Some(address(FAR)));

    let mut all_dead = world(Trunk { ways, ..trunk() });
    all_dead.ends.truncate(1);
    let now = all_dead.now;
    all_dead.dialer().send_options(now, TrunkId(1)).expect("the trunk is known");
    assert_eq!(all_dead.wait(DIALER, options), 408);
    assert_eq!(all_dead.now.since(now), Span::secs(42), "10 s, and 32 s for the last one");
}

#[test]
fn new_ways_are_taken_by_the_next_call_and_the_old_one_goes_on() {
    let mut world = world(trunk());
    let held = world.talk();
    let other = address("127.0.0.97:5060");
    let ways = vec![Way { hop: other.into(), priority: 1, weight: 0 }];
    world.dialer().set_ways(TrunkId(1), ways, Vec::new(), Vec::new());
    let now = world.now;
    world.trace.clear();
    world.dialer().invite(now, LegId(77), call()).expect("the trunk is known");
    world.run(Span::millis(1));
    let invited = world.trace.iter().find(|sent| sent.3.starts_with("INVITE "));
    assert_eq!(invited.map(|sent| sent.2), Some(other));
    world.carrier().hang_up(now, held).expect("it talks");
    world.wait(DIALER, |event| matches!(event, Event::Ended { bye: true, .. }).then_some(()));
}

#[test]
fn a_large_invite_goes_over_tcp_and_back_if_nobody_listens() {
    let mut world = world(Trunk { large_over_tcp: true, ..trunk() });
    let now = world.now;
    let offer = [OFFER, &b"a=x\r\n".repeat(200)].concat();
    let large = Invite { offer, ..call() };
    world.dialer().invite(now, LEG, large).expect("the trunk is known");
    let sent = world.dialer().poll_transmit().expect("an INVITE");
    let text = String::from_utf8_lossy(&sent.bytes).into_owned();
    assert_eq!(sent.to, tcp(FAR));
    assert!(text.contains("Via: SIP/2.0/TCP "), "{text}");
    assert_eq!(header(&text, "Contact"), Some("<sip:cadran@127.0.0.1:5060>"), "the dialog's");
    world.dialer().disconnected(now, tcp(FAR));
    let sent = world.dialer().poll_transmit().expect("another INVITE");
    assert_eq!(sent.to, address(FAR).into());
    assert!(String::from_utf8_lossy(&sent.bytes).contains("Via: SIP/2.0/UDP "));
    world.dialer().invite(now, LegId(2), call()).expect("the trunk is known");
    let small = world.dialer().poll_transmit().map(|sent| sent.to);
    assert_eq!(small, Some(address(FAR).into()));
}

#[test]
fn calls_are_led_through_the_outbound_proxy() {
    let proxy = Some("sip:127.0.0.10:5070;lr".to_owned());
    let domain = Some("carrier.example".to_owned());
    let mut world = world(Trunk { proxy, domain, ..trunk() });
    world.dial();
    let now = world.now;
    world.dialer().send_options(now, TrunkId(1)).expect("the trunk is known");
    world.run(Span::secs(1));
    let invite = world.sent(DIALER, "INVITE sip:+33199001234@carrier.example SIP/2.0\r\n");
    for text in invite.iter().chain(&world.sent(DIALER, "OPTIONS sip:carrier.example ")) {
        assert_eq!(header(text, "Route"), Some("<sip:127.0.0.10:5070;lr>"), "{text}");
    }
    assert_eq!(invite.len(), 1);
}

#[test]
fn over_ipv6_addresses_stand_in_brackets() {
    let mut dialer = Endpoint::new(Settings {
        others: vec![
            (Transport::Udp, address("[2001:db8::1]:5060")),
            (Transport::Tls, address("[2001:db8::1]:5061")),
        ],
        ..settings("192.0.2.1:5060", 1, false)
    });
    let hop = Hop { transport: Transport::Tls, ..address("[2001:db8::2]:5061").into() };
    for (hop, via, contact) in [
        (hop, "TLS [2001:db8::1]:5061;alias", "[2001:db8::1]:5061;transport=tls"),
        (address("[2001:db8::2]:5060").into(), "UDP [2001:db8::1]:5060", "[2001:db8::1]:5060"),
        (tcp("[2001:db8::2]:5060"), "TCP [2001:db8::1]:5060", "[2001:db8::1]:5060;transport=tcp"),
        (tcp("192.0.2.9:5060"), "TCP 192.0.2.1:5060", "192.0.2.1:5060;transport=tcp"),
    ] {
        dialer.set_trunk(Trunk::new(TrunkId(1), hop));
        dialer.send_options(Mono::START, TrunkId(1)).expect("the trunk is known");
        let sent = dialer.poll_transmit().expect("OPTIONS");
        let text = String::from_utf8_lossy(&sent.bytes).into_owned();
        assert!(text.contains(&format!("Via: SIP/2.0/{via};branch=")), "{text}");
        assert!(text.contains(&format!("Contact: <sip:cadran@{contact}>\r\n")), "{text}");
    }
}

#[test]
fn a_message_that_finds_no_room_fails_alone() {
    let mut stage = Stage::over(Trunk { address: tcp(FAR), ..trunk() });
    let dial = |stage: &mut Stage, leg| {
        stage.dialer.invite(stage.now, LegId(leg), call()).expect("the trunk is known");
        stage.next()
    };
    let [first, second] = [1, 2].map(|leg| dial(&mut stage, leg));
    stage.dialer.unsent(stage.now, second.as_bytes());
    let told = stage.events();
    assert!(matches!(told[..], [Event::Failed { leg: LegId(2), status: 503, .. }]), "{told:?}");
    stage.dialer.receive(
        stage.now,
        tcp(FAR),
        answer(&first, "180 Ringing", "a", "", b"").as_bytes(),
    );
    assert_eq!(stage.events(), [Event::Ringing(LegId(1))], "the call before it goes on");
    // What was answered has come through, and an answer of ours is nobody's request.
    stage.dialer.unsent(stage.now, first.as_bytes());
    stage.dialer.unsent(stage.now, answer(&first, "200 OK", "a", "", b"").as_bytes());
    assert_eq!((stage.events(), stage.dialer.legs()), (vec![], 1));
}
