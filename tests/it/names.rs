//! Trunks found by DNS: the records of RFC 3263 from a name server of our own, hostile ones too,
//! and calls that go where they lead.

pub(crate) mod server;

use std::net::{Ipv4Addr, SocketAddr};

use cadran::carrier::{self, CarrierHandle, Cast};
use cadran::sip::{
    Ailment, By, Door, Event, FindError, Found, Resolver, Transport, Trunk, TrunkState,
};
use cadran::units::Span;
use tokio::net::TcpListener;

use crate::carrier::{Checked, Dialer, TRUNK, World, settings};
use server::{A, Answer, CNAME, NAPTR, Names, Record, SRV, a, cname, naptr, srv};

/// A question, by name and type, and what is said to it.
type Said<'n> = (&'n str, u16, Answer);

const V4: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const HOST: &str = "sip.carrier.test";
const EVERY: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];
/// Answered by the virtual carrier after a ring.
const ANSWERS: &str = "+33199000004";

fn resolver(names: &Names) -> Checked<Resolver> {
    Ok(Resolver::new(&[names.at], &[V4])?)
}

async fn find(names: &Names, transports: &[Transport]) -> Result<Found, FindError> {
    Resolver::new(&[names.at], &[V4])?.find(HOST, transports).await
}

/// Gives where it leads: transport, address, priority.
fn led(found: &Found) -> Vec<(Transport, String, u16)> {
    let ways = found.ways.iter();
    ways.map(|way| (way.hop.transport, way.hop.address.to_string(), way.priority)).collect()
}

/// A carrier whose NAPTR records prefer TLS to TCP to UDP.
fn three_services(names: &Names) {
    let rule =
        |order, service, prefix: &str| naptr(order, 10, service, &format!("{prefix}.{HOST}"));
    names.set(
        HOST,
        &[
            rule(100, "SIP+D2U", "_sip._udp"),
            rule(50, "SIPS+D2T", "_sips._tcp"),
            rule(90, "SIP+D2T", "_sip._tcp"),
            naptr(1, 1, "E2U+sip", "elsewhere.test"),
        ],
    );
    for (prefix, port, last) in
        [("_sip._udp", 5_070, 1), ("_sip._tcp", 5_071, 2), ("_sips._tcp", 5_072, 3)]
    {
        names.set(&format!("{prefix}.{HOST}"), &[srv(1, 0, port, &format!("s{last}.{HOST}"))]);
        names.set(&format!("s{last}.{HOST}"), &[a(last)]);
    }
}

#[tokio::test]
async fn naptr_chooses_the_best_transport_among_those_a_trunk_may_use() -> Checked {
    let names = Names::start()?;
    three_services(&names);
    for (may, transport, address) in [
        (&EVERY[..], Transport::Tls, "127.0.0.3:5072"),
        (&EVERY[..2], Transport::Tcp, "127.0.0.2:5071"),
        (&EVERY[..1], Transport::Udp, "127.0.0.1:5070"),
    ] {
        let found = find(&names, may).await?;
        assert_eq!(led(&found), [(transport, address.to_owned(), 1)], "{may:?}");
        assert_eq!(found.by == By::Naptr, may.len() > 1, "one transport leaves no choice");
        assert_eq!(found.good_for, Some(Span::secs(60)));
    }
    Ok(())
}

#[tokio::test]
async fn without_naptr_the_transports_are_asked_for_in_the_trunks_order() -> Checked {
    let names = Names::start()?;
    names.set(&format!("_sip._tcp.{HOST}"), &[srv(1, 0, 5_071, "t.test")]);
    names.set(&format!("_sip._udp.{HOST}"), &[srv(1, 0, 5_070, "t.test")]);
    names.set("t.test", &[a(7)]);
    let may = [Transport::Tls, Transport::Tcp, Transport::Udp];
    let found = find(&names, &may).await?;
    assert_eq!(led(&found), [(Transport::Tcp, "127.0.0.7:5071".to_owned(), 1)]);
    assert_eq!(found.by, By::Srv);
    Ok(())
}

#[tokio::test]
async fn srv_gives_every_server_with_its_priority_and_its_share() -> Checked {
    let names = Names::start()?;
    names.set(
        &format!("_sip._udp.{HOST}"),
        &[srv(20, 5, 5_060, "b.test"), srv(10, 30, 5_060, "a.test"), srv(10, 60, 5_080, "c.test")],
    );
    names.set("a.test", &[a(2), a(1)]);
    names.set("b.test", &[a(9)]);
    names.set("c.test", &[a(3)]);
    let found = find(&names, &EVERY[..1]).await?;
    let ways: Vec<_> = found
        .ways
        .iter()
        .map(|way| (way.hop.address.to_string(), way.priority, way.weight))
        .collect();
    // 840 shares for each unit of weight, divided among the addresses of one server.
    let way = |address: &str, priority, weight: u32| (address.to_owned(), priority, weight * 840);
    assert_eq!(
        ways,
        [
            way("127.0.0.3:5080", 10, 60),
            way("127.0.0.1:5060", 10, 15),
            way("127.0.0.2:5060", 10, 15),
            way("127.0.0.9:5060", 20, 5),
        ]
    );
    Ok(())
}

#[tokio::test]
async fn an_address_asks_nothing_and_a_port_asks_for_addresses_only() -> Checked {
    let names = Names::start()?;
    names.set(HOST, &[a(4)]);
    let resolver = resolver(&names)?;
    let found = resolver.find("192.0.2.1", &EVERY).await?;
    assert_eq!((found.by, found.good_for), (By::Digits, None));
    assert!(names.asked().is_empty());
    let found = resolver.find(&format!("{HOST}:5099"), &EVERY).await?;
    assert_eq!(led(&found), [(Transport::Udp, "127.0.0.4:5099".to_owned(), 0)]);
    assert_eq!(names.asked(), [(HOST.to_owned(), A)], "RFC 3263 §4.1, §4.2");
    let found = resolver.find(HOST, &EVERY[..1]).await?;
    assert_eq!(led(&found), [(Transport::Udp, "127.0.0.4:5060".to_owned(), 0)], "no SRV");
    Ok(())
}

#[tokio::test]
async fn addresses_are_kept_for_their_time() -> Checked {
    let names = Names::start()?;
    names.set(HOST, &[a(4)]);
    let resolver = resolver(&names)?;
    resolver.find(HOST, &EVERY[..1]).await?;
    let asked = names.asked().len();
    let again = resolver.find(HOST, &EVERY[..1]).await?;
    assert!(again.good_for <= Some(Span::secs(60)));
    let addresses = names.asked().iter().filter(|(_, kind)| *kind == A).count();
    assert_eq!(addresses, 1, "{asked} questions were enough");
    Ok(())
}

#[tokio::test]
async fn each_fault_of_dns_is_named_in_words() -> Checked {
    let service = format!("_sip._udp.{HOST}");
    let cases: [(&str, &[Said<'_>], &str); 6] = [
        ("no such name", &[], "sip.carrier.test does not exist (NXDOMAIN)"),
        (
            "neither SRV nor address",
            &[(HOST, 16, Answer::Records(Vec::new()))],
            "sip.carrier.test has no SRV record for UDP and no address",
        ),
        (
            "a service that is not there",
            &[(&service, SRV, Answer::Records(vec![srv(0, 0, 0, ".")]))],
            "sip.carrier.test says by its SRV records that it does not serve UDP",
        ),
        (
            "a server without an address",
            &[(&service, SRV, Answer::Records(vec![srv(0, 0, 5_060, "gone.test")]))],
            "_sip._udp.sip.carrier.test leads to gone.test, which has no address",
        ),
        ("a server that fails", &[(&service, SRV, Answer::Code(2))], "does not tell about"),
        ("silence", &[(&service, SRV, Answer::Silence)], "no name server answers about"),
    ];
    for (what, answers, words) in cases {
        let names = Names::start()?;
        for (name, kind, answer) in answers {
            names.answer(name, *kind, answer.clone());
        }
        let error = find(&names, &EVERY[..1]).await.err().ok_or(what)?;
        assert!(error.to_string().contains(words), "{what}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_name_server_that_nothing_can_be_sent_to_is_told_from_a_silent_one() -> Checked {
    // A broadcast address: the system refuses to send there.
    let nowhere = "255.255.255.255:53".parse()?;
    let found = Resolver::new(&[nowhere], &[V4])?.find(HOST, &EVERY[..1]).await;
    assert!(matches!(found, Err(FindError::Unreachable(..))), "{found:?}");
    Ok(())
}

#[tokio::test]
async fn hostile_answers_are_bounded() -> Checked {
    let service = format!("_sip._udp.{HOST}");
    let many = |record: fn(u16) -> Record| (0..10_000).map(record).collect::<Vec<_>>();
    let servers = many(|n| srv(n % 7, n, 5_060, &format!("s{n}.test")));
    let rules = many(|n| naptr(n, n, "SIP+D2U", &format!("_sip._udp.n{n}.test")));
    let addresses = many(|n| (A, 60, vec![127, 1, n.to_be_bytes()[0], n.to_be_bytes()[1]]));
    let cases: [(&str, &[Said<'_>], bool); 6] = [
        ("ten thousand addresses", &[(HOST, A, Answer::Records(addresses))], true),
        ("ten thousand servers", &[(&service, SRV, Answer::Records(servers))], false),
        ("ten thousand rules", &[(HOST, NAPTR, Answer::Records(rules))], false),
        (
            "an alias of itself",
            &[
                (HOST, CNAME, Answer::Records(vec![cname("b.test")])),
                ("b.test", CNAME, Answer::Records(vec![cname(HOST)])),
            ],
            false,
        ),
        ("noise", &[(&service, SRV, Answer::Noise(vec![0xFF; 400]))], false),
        ("a stump", &[(&service, SRV, Answer::Noise(vec![0x81]))], false),
    ];
    for (what, answers, served) in cases {
        let names = Names::start()?;
        for (name, kind, answer) in answers {
            names.answer(name, *kind, answer.clone());
        }
        let found = find(&names, &EVERY[..2]).await;
        assert_eq!(found.is_ok(), served, "{what}: {found:?}");
        assert!(found.map_or(0, |found| found.ways.len()) <= 8, "{what}");
        let asked = names.asked().len();
        assert!(asked <= 64, "{what}: {asked} questions");
    }
    Ok(())
}

/// Starts a carrier that listens for datagrams and for connections.
async fn carrier(world: &World) -> Checked<CarrierHandle> {
    let also = vec![Door { transport: Transport::Tcp, bind: V4 }];
    world
        .carrier(Cast::ByLastDigit, carrier::Settings { also, ..carrier::Settings::default() })
        .await
}

async fn dialer(world: &World, names: &Names, trunk: Trunk) -> Checked<Dialer> {
    let settings = settings(V4, vec![trunk], Vec::new());
    world.dialer_of(cadran::sip::Settings { nameservers: vec![names.at], ..settings }).await
}

#[tokio::test]
async fn a_call_and_a_sign_of_life_go_to_the_next_server_when_the_first_is_dead() -> Checked {
    let world = World::new();
    let carrier = carrier(&world).await?;
    let (_, alive) = carrier.also()[0];
    let dead = TcpListener::bind(V4).await?.local_addr()?;
    let names = Names::start()?;
    names.set(
        &format!("_sip._tcp.{HOST}"),
        &[srv(10, 0, dead.port(), "dead.test"), srv(20, 0, alive.port(), "alive.test")],
    );
    names.set("dead.test", &[a(1)]);
    names.set("alive.test", &[a(1)]);
    let trunk = Trunk {
        transport: Transport::Tcp,
        options_every: Some(Span::secs(30)),
        ..Trunk::new(TRUNK, HOST)
    };
    let mut dialer = dialer(&world, &names, trunk).await?;
    let up = |event| (event == Event::Trunk(TRUNK, TrunkState::Up, None)).then_some(());
    dialer.until(up).await?;
    for _ in 0..2 {
        let leg = dialer.dial(ANSWERS)?;
        dialer.answered(leg).await?;
    }
    assert_eq!(carrier.stats().answered, 2);
    Ok(())
}

#[tokio::test]
async fn changed_records_are_followed_while_calls_go_on() -> Checked {
    let world = World::new();
    let (before, after) = (carrier(&world).await?, carrier(&world).await?);
    let names = Names::start()?;
    let leads_to = |at: SocketAddr| {
        // Believed for one second.
        let (kind, _, data) = srv(1, 0, at.port(), "server.test");
        names.set(&format!("_sip._udp.{HOST}"), &[(kind, 1, data)]);
    };
    names.set("server.test", &[a(1)]);
    leads_to(before.addr());
    let trunk = Trunk { options_every: None, ..Trunk::new(TRUNK, HOST) };
    let mut dialer = dialer(&world, &names, trunk).await?;
    let held = dialer.dial(ANSWERS)?;
    dialer.answered(held).await?;
    leads_to(after.addr());
    // The third question comes once the answer to the second is in place.
    names.asked_again(3).await?;
    let leg = dialer.dial(ANSWERS)?;
    dialer.answered(leg).await?;
    assert_eq!((before.stats().answered, after.stats().answered), (1, 1));
    // Nobody can tell any more: the last answer holds.
    names.answer(&format!("_sip._udp.{HOST}"), SRV, Answer::Code(2));
    names.asked_again(1).await?;
    let leg = dialer.dial(ANSWERS)?;
    dialer.answered(leg).await?;
    assert_eq!((before.stats().answered, after.stats().answered), (1, 2));
    Ok(())
}

#[tokio::test]
async fn a_call_to_a_trunk_that_is_not_found_fails_at_once_and_says_why() -> Checked {
    let world = World::new();
    let names = Names::start()?;
    let mut dialer = dialer(&world, &names, Trunk::new(TRUNK, HOST)).await?;
    assert_eq!(
        dialer.next().await?,
        Event::Trunk(TRUNK, TrunkState::Down, Some(Ailment::Nameless))
    );
    let leg = dialer.dial(ANSWERS)?;
    let Event::Failed { status: 0, reason, .. } = dialer.end(leg).await? else {
        return Err("it was placed".into());
    };
    assert!(reason.contains("NXDOMAIN"), "{reason}");
    Ok(())
}
