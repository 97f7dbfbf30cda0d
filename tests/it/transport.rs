//! The SIP shell over TCP, TLS and IPv6, on real loopback sockets, with friends and with foes.

mod foes;
pub(crate) mod keys;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use cadran::carrier::{self, CarrierHandle, Cast};
use cadran::core::fact::Failure;
use cadran::sip::{Command, Door, Event, Identification, Tls, Transport, Trunk, Trust};
use cadran::units::LegId;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, UdpSocket};

use keys::{file, pin};

use crate::carrier::{Checked, Dialer, TRUNK, World, refused, settings};

const V4: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const V6: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::LOCALHOST), 0);
/// Answered by the virtual carrier after a ring.
const ANSWERS: &str = "+33199000004";
/// Answered, and hung up again.
const HANGS_UP: &str = "+33199000000";

pub(crate) fn own(name: &str) -> Checked<Identification> {
    let file = |end| file(&format!("{name}.{end}"));
    Ok(Identification { certificate: file("crt")?, key: file("key")? })
}

pub(crate) fn doors(of: &[(Transport, SocketAddr)]) -> Vec<Door> {
    of.iter().map(|&(transport, bind)| Door { transport, bind }).collect()
}

/// Starts a carrier that listens in every way there is.
async fn carrier(world: &World) -> Checked<CarrierHandle> {
    let settings = carrier::Settings {
        also: doors(&[
            (Transport::Udp, V6),
            (Transport::Tcp, V4),
            (Transport::Tcp, V6),
            (Transport::Tls, V4),
            (Transport::Tls, V6),
        ]),
        identification: Some(own("carrier")?),
        ..carrier::Settings::default()
    };
    world.carrier(Cast::ByLastDigit, settings).await
}

fn trunk(at: SocketAddr, transport: Transport, trust: Trust) -> Trunk {
    let name = "carrier.test".to_owned();
    Trunk {
        transport,
        tls: Some(Tls { name, trust, identification: None }),
        options_every: None,
        ..Trunk::new(TRUNK, at.to_string())
    }
}

pub(crate) fn authority() -> Checked<Trust> {
    Ok(Trust::File(file("authority.crt")?))
}

/// Starts a dialer of the trunk's family towards it.
async fn dialer(world: &World, at: SocketAddr, trunk: Trunk) -> Checked<Dialer> {
    let bind = if at.is_ipv4() { V4 } else { V6 };
    world.dialer_of(settings(bind, vec![trunk], Vec::new())).await
}

async fn hang_up(dialer: &mut Dialer, leg: LegId) -> Checked {
    dialer.sip.send(Command::HangUp(leg))?;
    assert_eq!(dialer.end(leg).await?, Event::Gone(leg));
    Ok(())
}

#[tokio::test]
async fn calls_go_by_every_transport_in_both_families() -> Checked {
    let world = World::new();
    let carrier = carrier(&world).await?;
    let ways = carrier.also().to_vec();
    assert_eq!(ways.len(), 5);
    for (transport, at) in ways {
        let mut dialer = dialer(&world, at, trunk(at, transport, authority()?)).await?;
        for _ in 0..3 {
            let leg = dialer.dial(ANSWERS)?;
            dialer.answered(leg).await?;
            hang_up(&mut dialer, leg).await?;
        }
        let figures = dialer.sip.figures().await?;
        let connections = usize::from(transport != Transport::Udp);
        assert_eq!((figures.connections, figures.unsent), (connections, 0), "{transport:?} {at}");
        assert_eq!(figures.counters.strangers + figures.counters.garbage, 0);
    }
    Ok(())
}

#[tokio::test]
async fn a_carrier_hangs_up_over_the_connection_there_is() -> Checked {
    let world = World::new();
    let carrier = carrier(&world).await?;
    let (_, at) = carrier.also()[3];
    let mut dialer = dialer(&world, at, trunk(at, Transport::Tls, authority()?)).await?;
    let leg = dialer.dial(HANGS_UP)?;
    assert_eq!(dialer.end(leg).await?, Event::Ended { leg, bye: true });
    Ok(())
}

#[tokio::test]
async fn a_trunk_is_believed_by_authority_or_pin_and_by_its_name_alone() -> Checked {
    let world = World::new();
    let carrier = carrier(&world).await?;
    let (_, at) = carrier.also()[3];
    let pin = pin()?;
    let cases = [
        ("authority and name", authority()?, "carrier.test", true),
        ("authority and address", authority()?, "127.0.0.1", true),
        ("the pin, whatever the name", Trust::Pin(pin), "other.test", true),
        ("another name", authority()?, "other.test", false),
        ("another pin", Trust::Pin(pin.map(|byte| !byte)), "carrier.test", false),
        ("an authority of the system's", Trust::System, "carrier.test", false),
    ];
    for (what, trust, name, believed) in cases {
        let tls = Some(Tls { name: name.to_owned(), trust, identification: None });
        let trunk = Trunk { tls, ..trunk(at, Transport::Tls, Trust::System) };
        let mut dialer = dialer(&world, at, trunk).await?;
        let leg = dialer.dial(ANSWERS)?;
        if believed {
            dialer.answered(leg).await?;
            hang_up(&mut dialer, leg).await?;
        } else {
            let (failure, status, retry_after) = (Failure::TrunkFault, 503, None);
            let failed = Event::Failed { leg, failure, status, retry_after, reason: String::new() };
            assert_eq!(dialer.end(leg).await?, failed, "{what}");
        }
    }
    assert_eq!(carrier.stats().answered, 3, "nobody else was spoken to");
    Ok(())
}

#[tokio::test]
async fn we_show_our_certificate_and_the_name_we_look_for() -> Checked {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("authority.crt")?)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider)).build()?;
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from_pem_file(file("carrier.crt")?)?],
            PrivateKeyDer::from_pem_file(file("carrier.key")?)?,
        )?;
    let listener = TcpListener::bind(V4).await?;
    let at = listener.local_addr()?;
    let world = World::new();
    let name = "carrier.test".to_owned();
    let identification = Some(own("engine")?);
    let tls = Some(Tls { name, trust: authority()?, identification });
    let trunk = Trunk { tls, ..trunk(at, Transport::Tls, authority()?) };
    let mut dialer = dialer(&world, at, trunk).await?;
    dialer.dial(ANSWERS)?;
    let (stream, _) = listener.accept().await?;
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let mut stream = acceptor.accept(stream).await?;
    let (_, session) = stream.get_ref();
    assert_eq!(session.server_name(), Some("carrier.test"));
    let shown = session.peer_certificates().and_then(<[_]>::first).ok_or("none was shown")?;
    assert_eq!(*shown, CertificateDer::from_pem_file(file("engine.crt")?)?);
    let mut invite = [0; 7];
    stream.read_exact(&mut invite).await?;
    assert_eq!(&invite, b"INVITE ");
    Ok(())
}

#[tokio::test]
async fn a_trunk_that_nobody_answers_at_fails_at_once() -> Checked {
    let world = World::new();
    let nobody = TcpListener::bind(V4).await?.local_addr()?;
    let mut dialer = dialer(&world, nobody, trunk(nobody, Transport::Tcp, authority()?)).await?;
    let leg = dialer.dial(ANSWERS)?;
    let (failure, status, retry_after) = (Failure::TrunkFault, 503, None);
    assert_eq!(
        dialer.end(leg).await?,
        Event::Failed { leg, failure, status, retry_after, reason: String::new() }
    );
    Ok(())
}

#[tokio::test]
async fn a_trunk_that_came_back_is_connected_to_again() -> Checked {
    let world = World::new();
    let carrier = TcpListener::bind(V4).await?;
    let at = carrier.local_addr()?;
    let mut dialer = dialer(&world, at, trunk(at, Transport::Tcp, authority()?)).await?;
    for _ in 0..2 {
        let leg = dialer.dial(ANSWERS)?;
        let (mut stream, _) = carrier.accept().await?;
        let mut invite = [0; 7];
        stream.read_exact(&mut invite).await?;
        assert_eq!(&invite, b"INVITE ");
        drop(stream);
        let (failure, status, retry_after) = (Failure::TrunkFault, 503, None);
        assert_eq!(refused(dialer.end(leg).await?), Some((leg, failure, status, retry_after)));
    }
    Ok(())
}

/// Dials with so many headers that the INVITE is too long for a datagram.
async fn dials_at_length(world: &World, carrier: &CarrierHandle, connections: usize) -> Checked {
    let at = carrier.addr();
    let headers = (0..10).map(|nth| (format!("X-Long-{nth}"), "x".repeat(100))).collect();
    let trunk = trunk(at, Transport::Udp, Trust::System);
    let trunk = Trunk { large_over_tcp: true, headers, ..trunk };
    let mut dialer = dialer(world, at, trunk).await?;
    let leg = dialer.dial(ANSWERS)?;
    dialer.answered(leg).await?;
    assert_eq!(dialer.sip.figures().await?.connections, connections);
    hang_up(&mut dialer, leg).await
}

#[tokio::test]
async fn a_long_invite_goes_by_a_connection_and_as_a_datagram_where_nobody_takes_one() -> Checked {
    let world = World::new();
    let deaf = world.carrier(Cast::ByLastDigit, carrier::Settings::default()).await?;
    dials_at_length(&world, &deaf, 0).await?;
    let listen = UdpSocket::bind(V4).await?.local_addr()?;
    let also = doors(&[(Transport::Tcp, listen)]);
    let settings = carrier::Settings { listen, also, ..carrier::Settings::default() };
    let carrier = world.carrier(Cast::ByLastDigit, settings).await?;
    dials_at_length(&world, &carrier, 1).await
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_stops_the_start() -> Checked {
    let world = World::new();
    let missing = Trust::File(file("missing.crt")?);
    let trunk = trunk(V4, Transport::Tls, missing);
    let Err(error) = dialer(&world, V4, trunk).await else {
        return Err("it started".into());
    };
    assert!(error.to_string().contains("missing.crt"), "{error}");
    Ok(())
}
