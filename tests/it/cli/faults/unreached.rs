//! Trunks that nothing reaches: the cause is told, and no answer that nobody gave.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

use cadran::carrier::{self as virtual_carrier, Cast};
use cadran::sip::{Door, Transport, Trust};

use super::*;
use crate::carrier::{Checked, World};
use crate::transport;

/// An engine whose trunk is asked for signs of life.
fn asking(host: &str, more: &str) -> Result<Engine, Box<dyn Error>> {
    engine(host, &format!("options_every = \"30s\"\n{more}"))
}

/// What a test call finds on a trunk, and what the list says of it.
fn found(engine: &Engine) -> Result<String, Box<dyn Error>> {
    let (exit, report, codes) = tested(engine, PHONE, false)?;
    let [status, detail] = ["/status", "/trouble/detail"].map(|place| field(&report, place));
    assert!(detail.is_string() && *status == 0, "{report}");
    let code = field(&report, "/trouble/code").as_str().unwrap_or_default();
    let listed = engine.ask_until(&["trunk", "list"], "/0/cause", code)?;
    let why = field(&listed, "/0/why");
    Ok(format!("{exit} {codes:?} {why}"))
}

#[test]
fn a_port_on_which_nobody_listens_is_told_as_such() -> Claim {
    for transport in ["tcp", "tls"] {
        let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let engine = asking(&free, &format!("transport = \"{transport}\""))?;
        assert_eq!(found(&engine)?, "7 [\"refused\"] \"unreachable\"");
        for (lang, head, words) in [
            ("fr", "injoignable depuis", "connexion refusée sur ce port"),
            ("en", "down since", "connection refused on this port"),
        ] {
            let list = engine.run(&["trunk", "list", "--lang", lang])?;
            let list = text(&list.stdout)?;
            assert!(list.contains(head) && list.contains(words), "{list}");
            let test = engine.run(&["trunk", "test", "t1", "--to", PHONE, "--lang", lang])?;
            let (shown, wrong) = (text(&test.stdout)?, text(&test.stderr)?);
            assert!(wrong.contains(words) && wrong.contains("transport"), "{wrong}");
            assert!(!format!("{list}{shown}{wrong}").contains("503"), "{list}{shown}{wrong}");
        }
    }
    Ok(())
}

/// Takes connections, says something to each and closes it, while something is done.
fn beside<T>(
    greeting: &[u8],
    work: impl FnOnce(String) -> Result<T, Box<dyn Error>>,
) -> Result<T, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let at = listener.local_addr()?;
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for mut stream in listener.incoming().flatten() {
                // Who has gone need not be greeted.
                drop(stream.write_all(greeting));
                if over.load(Ordering::Acquire) {
                    return;
                }
            }
        });
        let done = work(at.to_string());
        over.store(true, Ordering::Release);
        // The last one, for the listener to see that it is over.
        drop(TcpStream::connect(at));
        done
    })
}

#[test]
fn what_answers_in_another_way_is_told_as_such() -> Claim {
    let web = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    for (greeting, transport, code) in [
        ("220 this is a server of something else\r\n", "tls", "no-tls"),
        ("", "tcp", "broken"),
        (web, "tcp", "no-sip"),
    ] {
        beside(greeting.as_bytes(), |at| {
            let engine = asking(&at, &format!("transport = \"{transport}\""))?;
            assert_eq!(found(&engine)?, format!("7 [{code:?}] \"unreachable\""));
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_trunk_that_no_address_of_ours_reaches_is_told_at_once() -> Claim {
    for (host, code, words) in [
        ("203.0.113.20:5060", "loopback", "adresse de bouclage"),
        ("[2001:db8::1]:5060", "no-family", "aucune adresse"),
    ] {
        let engine = asking(host, "")?;
        assert_eq!(found(&engine)?, format!("7 [{code:?}] \"unreachable\""));
        let doctor = engine.run(&["doctor", "--lang", "fr"])?;
        assert_eq!(super::code(&doctor)?, 3, "{doctor:?}");
        assert!(text(&doctor.stdout)?.contains(words), "{doctor:?}");
        let json = engine.run(&["doctor", "--lang", "fr", "--json"])?;
        assert!(!text(&json.stdout)?.contains(words), "programs read English: {json:?}");
    }
    Ok(())
}

#[test]
fn a_trunk_that_was_not_heard_yet_is_not_said_to_be_up() -> Claim {
    let deaf = UdpSocket::bind("127.0.0.1:0")?;
    let engine = asking(&deaf.local_addr()?.to_string(), "")?;
    assert_eq!(field(&engine.ask(&["trunk", "list"])?, "/0/state"), "unheard");
    for (lang, words) in [("fr", "pas encore entendu"), ("en", "not heard yet")] {
        let list = engine.run(&["trunk", "show", "t1", "--lang", lang])?;
        assert!(text(&list.stdout)?.contains(words), "{list:?}");
    }
    Ok(())
}

/// Starts a carrier over TLS that shows a certificate; what it finds of itself by each further
/// setting, tested before it.
async fn shown(certificate: &str, settings: &[&str]) -> Checked<Vec<String>> {
    let bind = (std::net::Ipv4Addr::LOCALHOST, 0).into();
    let carrier = virtual_carrier::Settings {
        also: vec![Door { transport: Transport::Tls, bind }],
        identification: Some(transport::own(certificate)?),
        ..virtual_carrier::Settings::default()
    };
    let carrier = World::new().carrier(Cast::ByLastDigit, carrier).await?;
    let (_, at) = carrier.also().first().copied().ok_or("it listens for TLS")?;
    let found = |more: &&str| {
        let engine = engine(&at.to_string(), &format!("transport = \"tls\"\n{more}"))?;
        let (exit, report, codes) = tested(&engine, "+33199000000", false)?;
        let [seen, detail] = ["/caller_seen", "/trouble/detail"].map(|at| field(&report, at));
        assert!(!detail.to_string().contains("Other("), "{detail}");
        Ok::<_, Box<dyn Error>>(format!("{exit} {codes:?} {seen}"))
    };
    let all = || settings.iter().map(found).collect::<Result<Vec<_>, _>>();
    Ok(tokio::task::block_in_place(|| all().map_err(|error| error.to_string()))?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_certificate_is_told_in_words() -> Checked {
    let Trust::File(authority) = transport::authority()? else { return Err("no file".into()) };
    let named = |name| format!("ca_file = {authority:?}\ntls_name = \"{name}\"");
    let (other, own) = (named("autre.test"), named("carrier.test"));
    let pinned = format!("pin_sha256 = \"{}\"", "0f".repeat(32));
    let found = shown("carrier", &[&other, "", &pinned, &own]).await?;
    let expected = [
        "7 [\"tls-name\"] null",
        "7 [\"tls-issuer\"] null",
        "7 [\"tls-pin\"] null",
        "0 [] \"+33162000000\"",
    ];
    assert_eq!(found, expected);
    assert_eq!(shown("authority", &[&own]).await?, ["7 [\"tls-authority\"] null"]);
    Ok(())
}
