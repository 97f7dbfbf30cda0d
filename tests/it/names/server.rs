//! A name server on loopback that answers from a table.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use cadran::engine::tasks::Tasks;
use tokio::sync::watch;

/// Record types (RFC 1035 §3.2.2, RFC 2782, RFC 3403).
pub(crate) const A: u16 = 1;
pub(crate) const CNAME: u16 = 5;
pub(crate) const SRV: u16 = 33;
pub(crate) const NAPTR: u16 = 35;
/// Response codes (RFC 1035 §4.1.1).
const NXDOMAIN: u8 = 3;
/// What a datagram may hold without leave for more (RFC 1035 §2.3.4), and a message at all.
const DATAGRAM_MAX: usize = 512;
const MESSAGE_MAX: usize = 65_535;

/// One record: its type, its TTL in seconds, its data.
pub(crate) type Record = (u16, u32, Vec<u8>);

/// What is said to one question.
#[derive(Clone)]
pub(crate) enum Answer {
    /// These records, as many as the message has room for.
    Records(Vec<Record>),
    /// A response code alone.
    Code(u8),
    /// Nothing at all.
    Silence,
    /// Bytes after the identifier that are no answer.
    Noise(Vec<u8>),
}

#[derive(Default)]
struct Zone {
    answers: BTreeMap<(String, u16), Answer>,
    asked: Vec<(String, u16)>,
}

/// A name server; it ends with the test.
pub(crate) struct Names {
    pub(crate) at: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    count: watch::Receiver<usize>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

pub(crate) fn a(last: u8) -> Record {
    (A, 60, vec![127, 0, 0, last])
}

pub(crate) fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Record {
    let numbers = [priority, weight, port].map(u16::to_be_bytes).concat();
    (SRV, 60, [numbers, labels(target)].concat())
}

pub(crate) fn cname(target: &str) -> Record {
    (CNAME, 60, labels(target))
}

pub(crate) fn naptr(order: u16, preference: u16, service: &str, replacement: &str) -> Record {
    let mut data = [order, preference].map(u16::to_be_bytes).concat();
    for text in ["s", service, ""] {
        data.push(u8::try_from(text.len()).expect("it is short"));
        data.extend_from_slice(text.as_bytes());
    }
    data.extend(labels(replacement));
    (NAPTR, 60, data)
}

/// Writes a name (RFC 1035 §3.1).
fn labels(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).expect("it is short"));
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

impl Names {
    pub(crate) fn start() -> Result<Self, Box<dyn Error>> {
        let (udp, tcp) = listen()?;
        let at = udp.local_addr()?;
        let (zone, stop) = (Arc::<Mutex<Zone>>::default(), Arc::<AtomicBool>::default());
        let (told, count) = watch::channel(0);
        let (shared, ending) = (Arc::clone(&zone), Arc::clone(&stop));
        let thread = Tasks::thread("names", move || {
            while !ending.load(Ordering::Relaxed) {
                serve(&udp, &tcp, &shared);
                let asked = shared.lock().unwrap_or_else(PoisonError::into_inner).asked.len();
                told.send_if_modified(|count| std::mem::replace(count, asked) != asked);
            }
        })?;
        Ok(Self { at, zone, count, stop, thread: Some(thread) })
    }

    /// Has a question answered so from now on.
    pub(crate) fn answer(&self, name: &str, kind: u16, answer: Answer) {
        let mut zone = self.zone.lock().unwrap_or_else(PoisonError::into_inner);
        zone.answers.insert((name.to_owned(), kind), answer);
    }

    /// Has a question answered with records from now on.
    pub(crate) fn set(&self, name: &str, records: &[Record]) {
        let kind = records.first().map_or(A, |(kind, ..)| *kind);
        self.answer(name, kind, Answer::Records(records.to_vec()));
    }

    /// Gives the questions asked so far.
    pub(crate) fn asked(&self) -> Vec<(String, u16)> {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }

    /// Waits until so many more questions were answered.
    pub(crate) async fn asked_again(&self, times: usize) -> Result<(), Box<dyn Error>> {
        let before = self.asked().len();
        let mut count = self.count.clone();
        let patience = Duration::from_secs(20);
        tokio::time::timeout(patience, count.wait_for(|count| *count >= before + times)).await??;
        Ok(())
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Takes one port for both transports.
fn listen() -> std::io::Result<(UdpSocket, TcpListener)> {
    let mut tries = 0;
    loop {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        match UdpSocket::bind(tcp.local_addr()?) {
            Ok(udp) => {
                tcp.set_nonblocking(true)?;
                udp.set_read_timeout(Some(Duration::from_millis(5)))?;
                return Ok((udp, tcp));
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse && tries < 10 => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Answers what comes within some milliseconds; who breaks off is not mourned.
fn serve(udp: &UdpSocket, tcp: &TcpListener, zone: &Mutex<Zone>) {
    let mut question = [0; 1_500];
    if let Ok((length, from)) = udp.recv_from(&mut question)
        && let Some(answer) = answer(&question[..length], zone, DATAGRAM_MAX)
    {
        drop(udp.send_to(&answer, from));
    }
    let Ok((mut stream, _)) = tcp.accept() else { return };
    let mut length = [0; 2];
    let read = stream.set_nonblocking(false).and_then(|()| stream.read_exact(&mut length));
    let length = usize::from(u16::from_be_bytes(length)).min(question.len());
    if read.and_then(|()| stream.read_exact(&mut question[..length])).is_err() {
        return;
    }
    if let Some(answer) = answer(&question[..length], zone, MESSAGE_MAX) {
        let length = u16::try_from(answer.len()).expect("it was cut").to_be_bytes();
        drop(stream.write_all(&[&length, &answer[..]].concat()));
    }
}

fn answer(question: &[u8], zone: &Mutex<Zone>, room: usize) -> Option<Vec<u8>> {
    let (name, end) = name(question)?;
    let kind = u16::from_be_bytes(question.get(end..end + 2)?.try_into().ok()?);
    let mut zone = zone.lock().unwrap_or_else(PoisonError::into_inner);
    let found = zone.answers.get(&(name.clone(), kind)).cloned();
    // A name that is an alias is one for every type (RFC 1034 §3.6.2).
    let found = found.or_else(|| zone.answers.get(&(name.clone(), CNAME)).cloned());
    let known = zone.answers.keys().any(|(held, _)| *held == name);
    zone.asked.push((name, kind));
    let (records, code) = match found {
        Some(Answer::Silence) => return None,
        Some(Answer::Noise(bytes)) => return Some([question.get(..2)?, &bytes].concat()),
        Some(Answer::Code(code)) => (Vec::new(), code),
        Some(Answer::Records(records)) => (records, 0),
        None => (Vec::new(), if known { 0 } else { NXDOMAIN }),
    };
    let asked = question.get(12..end + 4)?;
    let (mut body, mut count, mut cut) = (Vec::new(), 0_u16, 0_u8);
    for (kind, ttl, data) in records {
        let length = u16::try_from(data.len()).expect("records are short");
        if 12 + asked.len() + body.len() + 12 + data.len() > room {
            cut = u8::from(room < MESSAGE_MAX) * 2;
            break;
        }
        // The name is the question's (RFC 1035 §4.1.4).
        body.extend([0xC0, 12]);
        body.extend([kind, 1].map(u16::to_be_bytes).concat());
        body.extend(ttl.to_be_bytes());
        body.extend(length.to_be_bytes());
        body.extend(data);
        count += 1;
    }
    let [high, low] = count.to_be_bytes();
    let head = [0x81 | cut, 0x80 | code, 0, 1, high, low, 0, 0, 0, 0];
    Some([question.get(..2)?, &head, asked, &body].concat())
}

/// Reads the question's name; gives where it ends.
fn name(question: &[u8]) -> Option<(String, usize)> {
    let (mut labels, mut at) = (Vec::new(), 12);
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        let label = std::str::from_utf8(question.get(at..at + length)?).ok()?;
        labels.push(label.to_ascii_lowercase());
        at += length;
    }
}
