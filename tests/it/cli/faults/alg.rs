//! A home router that reads SIP and means well.

use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What it does to messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    /// It writes its own address into the Via, Contact and description of requests, and leaves the
    /// answers as they come.
    Requests,
    /// It writes another address into the descriptions of answers and forgets Content-Length.
    Answers,
}

/// Stands between an engine, which takes `front` for its carrier, and the carrier, while something
/// is done.
pub(super) fn between<T>(
    front: &UdpSocket,
    far: SocketAddr,
    damage: Damage,
    work: impl FnOnce() -> Result<T, Box<dyn Error>>,
) -> Result<T, Box<dyn Error>> {
    let back = UdpSocket::bind("127.0.0.1:0")?;
    for side in [front, &back] {
        side.set_read_timeout(Some(Duration::from_millis(5)))?;
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let router = scope.spawn(|| {
            let mut near = None;
            while !over.load(Ordering::Acquire) {
                let mut buffer = [0; 4_096];
                if let Ok((length, from)) = front.recv_from(&mut buffer) {
                    near = Some(from);
                    let message = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
                    let message = out(&message, from, damage);
                    back.send_to(message.as_bytes(), far)?;
                }
                if let (Ok((length, _)), Some(near)) = (back.recv_from(&mut buffer), near) {
                    let message = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
                    front.send_to(inward(&message, damage).as_bytes(), near)?;
                }
            }
            Ok::<_, std::io::Error>(())
        });
        let done = work();
        over.store(true, Ordering::Release);
        router.join().map_err(|_| "the router died")??;
        done
    })
}

/// The addresses are of the loopback network, where nothing leaves the machine.
fn out(message: &str, from: SocketAddr, damage: Damage) -> String {
    match damage {
        Damage::Requests => message
            .replace(&from.to_string(), &format!("127.0.0.99:{}", from.port()))
            .replace("c=IN IP4 127.0.0.1", "c=IN IP4 127.0.0.99"),
        Damage::Answers => message.to_owned(),
    }
}

fn inward(message: &str, damage: Damage) -> String {
    match damage {
        Damage::Requests => message.to_owned(),
        Damage::Answers => message.replace("c=IN IP4 127.0.0.1", "c=IN IP4 127.0.0.99"),
    }
}
