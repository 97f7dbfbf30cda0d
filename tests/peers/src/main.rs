//! A SIP peer that shares no code with cadran's own stack: `rsipstack`, calling and called.
//!
//! ```text
//! peers called                         is called until its standard input ends
//! peers caller AT HOST:PORT USER CALLS calls so often, from an address
//! ```
//!
//! It does not register: it cannot read a challenge with SHA-256 (RFC 8760).
//!
//! Both say `at HOST:PORT` first, and what they counted at the end, as `name count` lines.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rsipstack::EndpointBuilder;
use rsipstack::dialog::dialog::{
    Dialog, DialogState, DialogStateReceiver, DialogStateSender, TerminatedReason,
};
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::dialog::invitation::InviteOption;
use rsipstack::platform::CancellationToken;
use rsipstack::sip::{Header, Method, Scheme, StatusCode, Uri};
use rsipstack::transaction::TransactionReceiver;
use rsipstack::transport::TransportLayer;
use rsipstack::transport::udp::UdpConnection;
use tokio::io::AsyncReadExt as _;
use tokio::sync::Semaphore;
use tokio::time::Instant;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Calls that are up at once in the caller's part.
const AT_ONCE: usize = 50;
/// How long this side talks before it hangs up, where the other does not before.
const TALKS: Duration = Duration::from_secs(1);
/// How long an answered call that the other side must end may last.
const PATIENCE: Duration = Duration::from_secs(20);

/// How calls end, as they are counted.
const ENDS: [&str; 5] =
    ["cancelled", "ended by the caller", "ended by the called", "refused", "faults"];

/// What was counted, by name.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<BTreeMap<String, u64>>>);

impl Counts {
    fn add(&self, what: impl Into<String>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(what.into()).or_default() += 1;
    }

    /// Waits until every call has ended in one way or another.
    async fn settled(&self) {
        let count = || {
            let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let calls = counts.get("calls").copied().unwrap_or_default();
            let ended = ENDS.iter().filter_map(|end| counts.get(*end)).sum::<u64>();
            (calls, ended)
        };
        loop {
            let (calls, ended) = count();
            if ended >= calls {
                return;
            }
            after(Duration::from_millis(10)).await;
        }
    }

    fn print(&self) {
        for (what, count) in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            println!("{what} {count}");
        }
    }
}

/// The stack at work.
struct Peer {
    endpoint: rsipstack::transaction::Endpoint,
    layer: Arc<DialogLayer>,
    states: DialogStateSender,
    contact: Uri,
    counts: Counts,
}

impl Peer {
    async fn start(listen: &str) -> Outcome<(Self, DialogStateReceiver)> {
        let token = CancellationToken::new();
        let transports = TransportLayer::new(token.clone());
        let at = listen.parse()?;
        let udp = UdpConnection::create_connection(at, None, Some(token.child_token())).await?;
        transports.add_transport(udp.into());
        let mut endpoint = EndpointBuilder::new();
        let endpoint = endpoint.with_cancel_token(token).with_transport_layer(transports).build();
        let at = endpoint.get_addrs().first().ok_or("no address")?.addr.clone();
        println!("at {at}");
        let contact = Uri { scheme: Some(Scheme::Sip), host_with_port: at, ..Uri::default() };
        let layer = Arc::new(DialogLayer::new(endpoint.inner.clone()));
        let (states, changes) = layer.new_dialog_state_channel();
        Ok((Self { endpoint, layer, states, contact, counts: Counts::default() }, changes))
    }
}

fn sdp(contact: &Uri) -> Vec<u8> {
    let host = &contact.host_with_port.host;
    format!(
        "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n\
         m=audio 40000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\
         \r\na=sendrecv\r\n"
    )
    .into_bytes()
}

/// Waits so long.
async fn after(span: Duration) {
    tokio::time::interval_at(Instant::now() + span, span).tick().await;
}

/// Hands every request of the other side to its dialog.
async fn serve(
    layer: Arc<DialogLayer>,
    mut requests: TransactionReceiver,
    states: DialogStateSender,
    contact: Uri,
    counts: Counts,
) {
    while let Some(mut request) = requests.recv().await {
        let mut dialog = layer.match_dialog(&request);
        if dialog.is_none() && request.original.method == Method::Invite {
            counts.add("calls");
            let made = layer.get_or_create_server_invite(
                &request,
                states.clone(),
                None,
                Some(contact.clone()),
            );
            dialog = made.ok().map(Dialog::Invite);
        }
        tokio::spawn(async move {
            let handled = match &mut dialog {
                Some(dialog) => dialog.handle(&mut request).await,
                None if request.original.method == Method::Ack => Ok(()),
                None => request.reply(StatusCode::CallTransactionDoesNotExist).await,
            };
            if let Err(error) = handled {
                eprintln!("a request was not handled: {error}");
            }
        });
    }
}

/// Does as the last digit of the called number says: 8 is busy, 9 rings for ever, other odd ones
/// answer and hang up, even ones answer.
async fn follow(
    layer: Arc<DialogLayer>,
    mut changes: DialogStateReceiver,
    contact: Uri,
    counts: Counts,
) {
    while let Some(change) = changes.recv().await {
        match change {
            DialogState::Calling(id) => {
                let Some(Dialog::Invite(dialog)) = layer.get_dialog(&id) else { continue };
                let done = match last_digit(&dialog.initial_request().uri) {
                    8 => dialog.reject(Some(StatusCode::BusyHere), None),
                    9 => dialog.ringing(None, None),
                    _ => dialog.ringing(None, None).and_then(|()| {
                        let kind = Header::ContentType("application/sdp".into());
                        dialog.accept(Some(vec![kind]), Some(sdp(&contact)))
                    }),
                };
                if let Err(error) = done {
                    eprintln!("a call was not answered: {error}");
                    counts.add("faults");
                }
            }
            DialogState::Confirmed(id, _) => {
                counts.add("confirmed");
                let Some(Dialog::Invite(dialog)) = layer.get_dialog(&id) else { continue };
                let digit = last_digit(&dialog.initial_request().uri);
                if digit % 2 == 1 {
                    let counts = counts.clone();
                    tokio::spawn(async move {
                        after(TALKS).await;
                        if let Err(error) = dialog.bye().await {
                            eprintln!("a call was not ended: {error}");
                            counts.add("faults");
                        }
                    });
                }
            }
            DialogState::Terminated(id, reason) => {
                counts.add(match reason {
                    TerminatedReason::UacCancel => "cancelled",
                    TerminatedReason::UacBye => "ended by the caller",
                    TerminatedReason::UasBye => "ended by the called",
                    // Whatever the status it refused with.
                    TerminatedReason::UasDecline => "refused",
                    other => {
                        eprintln!("a call ended oddly: {other:?}");
                        "faults"
                    }
                });
                layer.remove_dialog(&id);
            }
            _ => {}
        }
    }
}

fn last_digit(uri: &Uri) -> u32 {
    let user = uri.user().unwrap_or_default();
    user.chars().next_back().and_then(|last| last.to_digit(10)).unwrap_or_default()
}

async fn called() -> Outcome {
    let (Peer { endpoint, layer, states, contact, counts }, changes) =
        Peer::start("127.0.0.1:0").await?;
    let requests = endpoint.incoming_transactions()?;
    let mut input = Vec::new();
    let mut stdin = tokio::io::stdin();
    let serving = serve(layer.clone(), requests, states, contact.clone(), counts.clone());
    tokio::select! {
        _ = endpoint.serve() => return Err("the stack has ended".into()),
        () = serving => {}
        () = follow(layer, changes, contact, counts.clone()) => {}
        () = async {
            drop(stdin.read_to_end(&mut input).await);
            drop(tokio::time::timeout(PATIENCE, counts.settled()).await);
        } => {}
    }
    counts.print();
    Ok(())
}

async fn call(peer: &Peer, callee: Uri, caller: Uri) -> Outcome {
    let option = InviteOption {
        callee,
        caller,
        contact: peer.contact.clone(),
        offer: Some(sdp(&peer.contact)),
        content_type: Some("application/sdp".to_owned()),
        ..InviteOption::default()
    };
    let (dialog, answer) = peer.layer.do_invite(option, peer.states.clone()).await?;
    if answer.is_none_or(|answer| answer.status_code != StatusCode::OK) {
        return Err("the call was refused".into());
    }
    let ended = async {
        while !dialog.state().is_terminated() {
            after(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(TALKS, ended).await.is_ok() {
        peer.counts.add("ended by the called");
    } else {
        tokio::time::timeout(PATIENCE, dialog.bye()).await??;
        peer.counts.add("ended by the caller");
    }
    Ok(())
}

async fn caller(at: &str, to: &str, user: &str, calls: usize) -> Outcome {
    let (mut peer, mut changes) = Peer::start(at).await?;
    let requests = peer.endpoint.incoming_transactions()?;
    let address = Uri::try_from(format!("sip:{user}@{to}").as_str())?;
    peer.contact = Uri::try_from(format!("sip:{user}@{}", peer.contact.host_with_port).as_str())?;
    let (layer, states) = (peer.layer.clone(), peer.states.clone());
    let serving = serve(layer, requests, states, peer.contact.clone(), peer.counts.clone());
    let work = async {
        let room = Semaphore::new(AT_ONCE);
        let one = |nth: usize| {
            let (peer, room, address) = (&peer, &room, address.clone());
            async move {
                let _place = room.acquire().await;
                let callee = Uri::try_from(format!("sip:{nth}@{to}").as_str());
                let done = match callee {
                    Ok(callee) => call(peer, callee, address).await,
                    Err(error) => Err(error.into()),
                };
                if let Err(error) = done {
                    eprintln!("call {nth}: {error}");
                    peer.counts.add("faults");
                }
                peer.counts.add("calls");
            }
        };
        futures::future::join_all((0..calls).map(one)).await;
    };
    tokio::select! {
        _ = peer.endpoint.serve() => return Err("the stack has ended".into()),
        () = serving => {}
        () = async { while changes.recv().await.is_some() {} } => {}
        () = work => {}
    }
    peer.counts.print();
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["called"] => called().await,
        ["caller", at, to, user, calls] => caller(at, to, user, calls.parse()?).await,
        _ => Err("usage: peers called | peers caller AT HOST:PORT USER CALLS".into()),
    }
}
