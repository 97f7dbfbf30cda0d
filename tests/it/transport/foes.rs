//! Scanners, floods and the slow: dropped and counted, while calls go on.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

/// A dialer with a trunk over UDP, and with doors to which foes come.
struct Scene {
    dialer: Dialer,
    carrier: CarrierHandle,
    _world: World,
}

impl Scene {
    async fn new() -> Checked<Self> {
        let world = World::new();
        let carrier = carrier(&world).await?;
        let quiet = trunk(carrier.addr(), Transport::Udp, authority()?);
        let mut settings = settings(V4, vec![quiet], Vec::new());
        settings.also = doors(&[(Transport::Tcp, V4), (Transport::Tls, V4)]);
        settings.identification = Some(own("engine")?);
        let dialer = world.dialer_of(settings).await?;
        Ok(Self { dialer, carrier, _world: world })
    }

    /// Opens a connection to a door from an address nobody knows.
    async fn foe(&self, place: usize) -> Checked<TcpStream> {
        self.guest(place, "127.66.6.6:0").await
    }

    async fn guest(&self, place: usize, from: &str) -> Checked<TcpStream> {
        let (_, at) = self.dialer.sip.also()[place];
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(from.parse()?)?;
        Ok(socket.connect(at).await?)
    }

    /// Places a call, which shows that calls still go.
    async fn calls(mut self) -> Checked {
        let leg = self.dialer.dial(ANSWERS)?;
        self.dialer.answered(leg).await?;
        hang_up(&mut self.dialer, leg).await
    }
}

/// Reads until the far end closes the connection.
async fn closed(mut stream: TcpStream) -> Checked<Vec<u8>> {
    let mut said = Vec::new();
    let read = stream.read_to_end(&mut said);
    match tokio::time::timeout(std::time::Duration::from_secs(15), read).await? {
        Ok(_) => Ok(said),
        // Closed with bytes of ours unread: the system says so more rudely.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(said),
        Err(error) => Err(error.into()),
    }
}

const SCAN: &str = "OPTIONS sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.66.6.6:5060;branch=\
    z9hG4bK-1;rport\r\nFrom: \"sipvicious\"<sip:100@1.1.1.1>;tag=1\r\nTo: <sip:100@1.1.1.1>\r\n\
    User-Agent: friendly-scanner\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn strangers_connections_are_closed_without_a_word() -> Checked {
    let scene = Scene::new().await?;
    let long = format!("INVITE sip:a@b SIP/2.0\r\nX: {}", "y".repeat(20_000));
    for said in [SCAN, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", &long, "\u{16}\u{3}\u{1}"] {
        let mut foe = scene.foe(0).await?;
        foe.write_all(said.as_bytes()).await?;
        if said.len() < 10 {
            foe.shutdown().await?;
        }
        assert_eq!(closed(foe).await?, b"", "{}", said.chars().take(20).collect::<String>());
    }
    let mut foe = scene.foe(1).await?;
    foe.write_all(SCAN.as_bytes()).await?;
    let said = closed(foe).await?;
    assert!(said.len() < 16, "no more than TLS's own refusal");
    // No length, no end, no TLS; the one with a message is a stranger's.
    let counted = scene.dialer.counted(|f| f.connections == 0 && f.closed_connections == 3);
    assert_eq!(counted.await?.counters.strangers, 1);
    scene.calls().await
}

#[tokio::test]
async fn the_silent_and_the_slow_are_not_waited_for() -> Checked {
    let scene = Scene::new().await?;
    let (silent, mut slow, unshaken) = tokio::try_join!(scene.foe(0), scene.foe(0), scene.foe(1))?;
    slow.write_all(b"REGISTER sip:x SIP/2.0\r\nVia: ").await?;
    for stream in [silent, slow, unshaken] {
        assert_eq!(closed(stream).await?, b"");
    }
    scene.dialer.counted(|f| f.connections == 0 && f.closed_connections == 3).await?;
    scene.calls().await
}

#[tokio::test]
async fn two_line_ends_are_answered_with_one() -> Checked {
    let scene = Scene::new().await?;
    let mut phone = scene.foe(0).await?;
    phone.write_all(b"\r\n\r\n").await?;
    let mut pong = [0; 2];
    phone.read_exact(&mut pong).await?;
    assert_eq!(&pong, b"\r\n");
    scene.calls().await
}

#[tokio::test]
async fn one_address_gets_so_many_connections_and_no_more() -> Checked {
    let scene = Scene::new().await?;
    let mut foes = Vec::new();
    for _ in 0..450 {
        foes.push(scene.foe(0).await?);
    }
    // The fiftieth too many was closed when the engine has counted it.
    let figures = loop {
        let figures = scene.dialer.sip.figures().await?;
        if figures.refused_connections + figures.connections as u64 == 450 {
            break figures;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((figures.connections, figures.refused_connections), (400, 50));
    scene.calls().await
}

#[tokio::test]
async fn whoever_connects_again_and_again_is_let_in_so_often_only() -> Checked {
    let scene = Scene::new().await?;
    // Each is over before the next: it is not how many there are that counts, but how often.
    let mut opened = 0;
    while scene.dialer.sip.figures().await?.refused_connections == 0 {
        drop(scene.foe(1).await?);
        opened += 1;
        assert!(opened < 2_000, "400 at once and 20 a second, and still let in");
    }
    assert!(opened > 400, "refused after {opened}");
    let mut phone = scene.guest(0, "127.66.6.7:0").await?;
    phone.write_all(b"\r\n\r\n").await?;
    let mut pong = [0; 2];
    phone.read_exact(&mut pong).await?;
    assert_eq!(&pong, b"\r\n", "another address has its own");
    scene.calls().await
}

#[tokio::test]
async fn a_carrier_may_connect_for_each_of_its_requests() -> Checked {
    let scene = Scene::new().await?;
    let carrier = SocketAddr::new(scene.carrier.addr().ip(), 0).to_string();
    for opened in 0..1_000 {
        drop(scene.guest(0, &carrier).await?);
        let figures = scene.dialer.sip.figures().await?;
        assert_eq!(figures.refused_connections, 0, "after {opened}");
    }
    scene.calls().await
}

#[tokio::test]
async fn a_flood_of_datagrams_is_dropped_and_calls_go_on() -> Checked {
    let scene = Scene::new().await?;
    let foe = std::net::UdpSocket::bind("127.66.6.6:0")?;
    let at = scene.dialer.sip.local_addr();
    let huge = [b'x'; 60_000];
    let register = SCAN.replace("OPTIONS", "REGISTER").replace("/TCP", "/UDP");
    let junk: [&[u8]; 5] = [b"", b"\0", SCAN.as_bytes(), &huge, register.as_bytes()];
    for round in 0..4_000_usize {
        // What the kernel has no room for is dropped there: just as well.
        if foe.send_to(junk[round % junk.len()], at).is_err() {
            tokio::task::yield_now().await;
        }
        if round % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let counters = scene.dialer.sip.figures().await?.counters;
    assert!(counters.strangers > 100 && counters.garbage > 100, "{counters:?}");
    assert!(counters.refused <= 500, "REGISTERs are answered so often only: {counters:?}");
    scene.calls().await
}
