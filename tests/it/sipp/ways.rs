//! Calls over TCP, TLS and IPv6, and a whole campaign's over each, judged by SIPp.

use std::net::Ipv6Addr;
use std::sync::Arc;

use cadran::carrier::{PhoneSettings, Speaker, start_phones};
use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
use cadran::sip::{Tls, Transport};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::carrier::{TRUNK, settings};
use crate::cli::running::Engine;
use crate::transport::{authority, keys};

const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
/// UDP over IPv4 is every other test's way.
const WAYS: [(Transport, IpAddr); 5] = [
    (Transport::Udp, V6),
    (Transport::Tcp, V4),
    (Transport::Tcp, V6),
    (Transport::Tls, V4),
    (Transport::Tls, V6),
];

/// SIPp behind one of the ways, and where it is met. Debian builds it without TLS, so we take that
/// off before it.
struct Far {
    sipp: Sipp,
    at: SocketAddr,
    tasks: Tasks,
}

impl Far {
    async fn listen(scenario: &str, (transport, ip): (Transport, IpAddr)) -> Checked<Option<Self>> {
        let tasks = Tasks::new();
        let mode = if transport == Transport::Udp { "u1" } else { "t1" };
        let door = match transport {
            Transport::Tls => Some(TcpListener::bind((ip, 0)).await?),
            Transport::Udp | Transport::Tcp => None,
        };
        let seen = door.as_ref().map(TcpListener::local_addr).transpose()?;
        let sipp = Sipp::listen(scenario, 1, (ip, mode), seen.map(|at| at.port()))?;
        let Some(sipp) = sipp else { return Ok(None) };
        let at = seen.unwrap_or(sipp.address);
        if let Some(door) = door {
            tasks.spawn(take_off(door, acceptor()?, sipp.address));
        }
        sipp.listens(transport).await?;
        Ok(Some(Self { sipp, at, tasks }))
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.tasks.abort();
    }
}

impl Sipp {
    /// Waits until it takes datagrams or connections: before, the kernel refuses them.
    async fn listens(&self, transport: Transport) -> Checked {
        let open = async {
            while !self.is_open(transport).await {
                tokio::task::yield_now().await;
            }
        };
        Ok(tokio::time::timeout(std::time::Duration::from_secs(10), open).await?)
    }

    async fn is_open(&self, transport: Transport) -> bool {
        if transport != Transport::Udp {
            return TcpStream::connect(self.address).await.is_ok();
        }
        let own = format!(":{:04X}", self.address.port());
        let open = |table: String| {
            let local = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
            table.lines().filter_map(local).any(|address| address.ends_with(&own))
        };
        ["/proc/net/udp", "/proc/net/udp6"]
            .iter()
            .any(|table| std::fs::read_to_string(table).is_ok_and(open))
    }
}

fn acceptor() -> Checked<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(keys::file("carrier.crt")?)?],
            PrivateKeyDer::from_pem_file(keys::file("carrier.key")?)?,
        )?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Carries one connection on without its TLS.
async fn take_off(door: TcpListener, acceptor: TlsAcceptor, to: SocketAddr) {
    let Ok((stream, _)) = door.accept().await else { return };
    let (Ok(mut outer), Ok(mut inner)) =
        (acceptor.accept(stream).await, TcpStream::connect(to).await)
    else {
        return;
    };
    // Whoever ends first ends both.
    drop(tokio::io::copy_bidirectional(&mut outer, &mut inner).await);
}

#[tokio::test]
async fn a_call_by_every_way_is_heard_echoed_and_hung_up() -> Checked {
    for (transport, ip) in WAYS {
        let world = World::new();
        let Some(far) = Far::listen("answer", (transport, ip)).await? else { return Ok(()) };
        let name = "carrier.test".to_owned();
        let trunk = Trunk {
            transport,
            tls: Some(Tls { name, trust: authority()?, identification: None }),
            options_every: None,
            ..Trunk::new(TRUNK, far.at.to_string())
        };
        let mut dialer = world.dialer_of(settings((ip, 0).into(), vec![trunk], vec![])).await?;
        dialer.audio = tokio::net::UdpSocket::bind((ip, 0)).await?;
        let leg = dialer.dial(NUMBER)?;
        let remote = sdp::accept_answer(&dialer.answered(leg).await?)?;
        assert_eq!(remote.rtp.ip(), ip, "{transport:?}");
        dialer.audio.send_to(&[0x80; 172], remote.rtp).await?;
        assert_eq!(dialer.packet().await?, (vec![0x80; 172], remote.rtp));
        assert_eq!(dialer.sip.figures().await?.unsent, 0);
        dialer.sip.send(Command::HangUp(leg))?;
        assert_eq!(dialer.end(leg).await?, Event::Gone(leg));
        far.verdict().await?;
    }
    Ok(())
}

impl Far {
    async fn verdict(mut self) -> Checked {
        let status = self.sipp.program.wait().await?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("sipp at {} is not content: {status}", self.at).into())
        }
    }
}

/// An engine whose trunk leads to SIPp by one of the ways, and whose agent has a phone on IPv4.
fn engine(at: SocketAddr, transport: Transport) -> Checked<Engine> {
    let authority = keys::file("authority.crt")?;
    let link = match transport {
        Transport::Udp => String::new(),
        Transport::Tcp => "transport = \"tcp\"\n".to_owned(),
        Transport::Tls => format!("transport = \"tls\"\nca_file = \"{}\"\n", authority.display()),
    };
    let (v4, v6) = (free_port(V4)?, free_port(V6)?);
    Engine::start_with(|folder| {
        let file = folder.join("cadran.toml");
        let lines = std::fs::read_to_string(&file)?;
        let lines = lines.lines().map(|line| match line.split_once(" = ") {
            Some(("bind", _)) => format!("bind = [\"{v4}\", \"{v6}\"]\n"),
            Some(("host", _)) => format!("host = \"{at}\"\n{link}"),
            Some(_) | None => format!("{line}\n"),
        });
        std::fs::write(file, lines.collect::<String>())?;
        std::fs::write(folder.join("list.csv"), "ref;nom;téléphone\nK1;Moreau;0199000042\n")
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_calls_by_every_way_and_its_agent_is_heard() -> Checked {
    for (transport, ip) in WAYS {
        let Some(far) = Far::listen("visit", (transport, ip)).await? else { return Ok(()) };
        let tasks = Tasks::new();
        let phones = start_phones(PhoneSettings::default(), Clock::start(), &tasks).await?;
        let engine = engine(far.at, transport)?;
        engine.ask(&["agent", "add", "a1", "--sip", &phones.contact(1)])?;
        engine.ask(&["list", "import", "list.csv", "--campaign", "essai"])?;
        engine.ask(&["agent", "login", "a1"])?;
        engine.ask(&["agent", "ready", "a1"])?;
        engine.ask(&["campaign", "start", "essai"])?;
        far.verdict().await?;
        // What the agent says comes back from SIPp: the agent hears himself.
        let heard = phones.reports().await?[0].heard;
        assert_eq!(heard.speaker, Some(Speaker::Agent(1)), "{transport:?} {ip} {heard:?}");
        tasks.abort();
    }
    Ok(())
}
