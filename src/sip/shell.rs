//! The task that owns the SIP endpoint, and the handle to it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::health::{Ailment, Health, News, TrunkState};
use super::phones::Phone;
use super::probe::Probes;
use super::socket::{Door, Doors, Port, sleep_until};
use super::tls::{Client, Identification, Tls, TlsError};
use super::trunk::{Ping, Trunk, resolve};
use super::{Command, Event, outcome};
use crate::core::fact::Failure;
use crate::engine::clock::Clock;
use crate::engine::tasks::Tasks;
use crate::units::{AgentId, LegId, Mono, Number, TrunkId};
use crate::wire::sip::{self, Counters, Invite, Target, Transport};

/// Commands that may wait for the task: some seconds' worth at 2,000 attempts a second, each
/// with an offer of half a kilobyte.
const ORDERS_MAX: usize = 8_192;
/// Orders carried out before the socket is looked at again.
const BATCH_MAX: usize = 64;
/// Events that may wait for the engine before the task stops taking in more work.
const EVENTS_MAX: usize = 16_384;
/// How long a trunk whose name has no address waits until it is looked up again: a name server
/// that was restarted is back by then, and one that does not know the name is not pestered.
const LOOK_UP_EVERY: Duration = Duration::from_secs(30);

/// What the signalling needs to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The address to bind; port 0 lets the system choose.
    pub bind: SocketAddr,
    /// Where we listen besides: for connections, and in the other family.
    pub also: Vec<Door>,
    /// What those who come over TLS are shown.
    pub identification: Option<Identification>,
    /// The address peers reach us at, where it is another (a NAT's); needed if `bind` is the
    /// unspecified address.
    pub public: Option<SocketAddr>,
    /// The realm agents' phones are challenged with.
    pub realm: String,
    /// Where every tag, branch and nonce comes from; draw it from the system's randomness.
    pub seed: u64,
    /// The carriers.
    pub trunks: Vec<Trunk>,
    /// The agents' phones.
    pub phones: Vec<Phone>,
}

/// Why the signalling could not begin or take a command.
#[derive(Debug, thiserror::Error)]
pub enum SipError {
    /// The address is in use or not ours. Settings' fault: choose another.
    #[error("cannot listen for SIP on {bind}: {source}; is another program using the port?")]
    Bind {
        /// The address.
        bind: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The address peers are told would be 0.0.0.0. Settings' fault.
    #[error("SIP is bound to {0}, which peers cannot call back: set the public address as well")]
    Unspecified(SocketAddr),
    /// A phone's host has no address now. Try again later, or mend the settings.
    #[error("cannot find the address of {host:?}: {source}")]
    Resolve {
        /// The host as written.
        host: String,
        /// What the system says.
        source: io::Error,
    },
    /// A trunk's certificates are of no use. Settings' fault.
    #[error("trunk to {host}: {source}")]
    Tls {
        /// The trunk's host.
        host: String,
        /// What is wrong.
        source: TlsError,
    },
    /// Too many commands wait. Try again in a moment: nothing was done.
    #[error("the SIP task has {ORDERS_MAX} commands waiting: try again in a moment")]
    Busy,
    /// The task has ended; nothing will be done any more.
    #[error("the SIP task has ended")]
    Stopped,
}

/// What the signalling counted since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The endpoint's counters.
    pub counters: Counters,
    /// Messages that could not be sent.
    pub unsent: u64,
    /// Connections there are.
    pub connections: usize,
    /// Connections that were not taken in, for there were too many.
    pub refused_connections: u64,
    /// Legs that have not ended.
    pub legs: usize,
}

/// What waits for the task.
enum Order {
    Perform(Command),
    SetTrunk(Box<(Trunk, Known)>),
    RemoveTrunk(TrunkId),
    SetPhone(sip::Phone),
    RemovePhone(AgentId),
    Count(oneshot::Sender<Figures>),
}

/// The way to the signalling task; the task ends when every handle is gone.
#[derive(Clone, Debug)]
pub struct SipHandle {
    orders: mpsc::Sender<Order>,
    local: SocketAddr,
    also: Vec<(Transport, SocketAddr)>,
}

impl SipHandle {
    /// Gives the address the signalling is bound to.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Gives the addresses peers reach us at besides, in the order of the settings.
    #[must_use]
    pub fn also(&self) -> &[(Transport, SocketAddr)] {
        &self.also
    }

    /// Asks for something, without waiting.
    ///
    /// # Errors
    /// Too many commands wait, or the task has ended.
    pub fn send(&self, command: Command) -> Result<(), SipError> {
        self.order(Order::Perform(command))
    }

    /// Makes a trunk known or changes it; looks its hosts up first.
    ///
    /// # Errors
    /// A host has no address, too many commands wait, or the task has ended.
    pub async fn set_trunk(&self, trunk: Trunk) -> Result<(), SipError> {
        let known = known_trunk(&trunk).await?;
        self.order(Order::SetTrunk(Box::new((trunk, known))))
    }

    /// Forgets a trunk; its calls go on.
    ///
    /// # Errors
    /// Too many commands wait, or the task has ended.
    pub fn remove_trunk(&self, trunk: TrunkId) -> Result<(), SipError> {
        self.order(Order::RemoveTrunk(trunk))
    }

    /// Makes an agent's phone known or changes it; looks its host up first.
    ///
    /// # Errors
    /// The host has no address, too many commands wait, or the task has ended.
    pub async fn set_phone(&self, phone: &Phone) -> Result<(), SipError> {
        let known = known_phone(phone).await?;
        self.order(Order::SetPhone(known))
    }

    /// Forgets an agent's phone; its call goes on.
    ///
    /// # Errors
    /// Too many commands wait, or the task has ended.
    pub fn remove_phone(&self, agent: AgentId) -> Result<(), SipError> {
        self.order(Order::RemovePhone(agent))
    }

    /// Asks for the counters.
    ///
    /// # Errors
    /// Too many commands wait, or the task has ended.
    pub async fn figures(&self) -> Result<Figures, SipError> {
        let (answer, figures) = oneshot::channel();
        self.order(Order::Count(answer))?;
        figures.await.map_err(|_| SipError::Stopped)
    }

    fn order(&self, order: Order) -> Result<(), SipError> {
        self.orders.try_send(order).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SipError::Busy,
            mpsc::error::TrySendError::Closed(_) => SipError::Stopped,
        })
    }
}

/// Binds the socket, looks every host up, and starts the signalling task. A trunk whose host has
/// no address is down, and looked up again every 30 s.
///
/// # Errors
/// The address cannot be bound, peers could not call it back, or a phone's host has no address.
pub async fn start(
    settings: Settings,
    clock: Clock,
    tasks: &Tasks,
) -> Result<(SipHandle, mpsc::Receiver<Event>), SipError> {
    let Settings { bind, also, identification, public, realm, seed, trunks, phones } = settings;
    if bind.ip().is_unspecified() && public.is_none() {
        return Err(SipError::Unspecified(bind));
    }
    let doors = Doors { bind, also, identification };
    let port = Port::open(doors, clock, tasks, |local, others| sip::Settings {
        local: public.unwrap_or(local),
        others: seen_from_outside(others, public),
        user_agent: concat!("cadran/", env!("CARGO_PKG_VERSION")).to_owned(),
        seed,
        realm,
        open: false,
    });
    let port = port.map_err(|source| SipError::Bind { bind, source })?;
    let local = port.local_addr();
    let others = port.endpoint.settings().others.clone();
    let (orders, inbox) = mpsc::channel(ORDERS_MAX);
    let (events, outbox) = mpsc::channel(EVENTS_MAX);
    let mut shell = Shell {
        port,
        inbox,
        events,
        waiting: VecDeque::new(),
        trunks: BTreeMap::new(),
        probes: Probes::default(),
    };
    for trunk in trunks {
        match known_trunk(&trunk).await {
            Ok(known) => shell.set_trunk(trunk, known),
            Err(error @ SipError::Tls { .. }) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "a trunk stays down until its host has an address");
                shell.waiting.push_back(Event::Trunk(
                    trunk.id,
                    TrunkState::Down,
                    Some(Ailment::Nameless),
                ));
                shell.probes.note(trunk.id, &error);
                let (orders, events) = (orders.downgrade(), shell.events.clone());
                tasks.spawn(async move {
                    tokio::select! {
                        () = events.closed() => {}
                        () = look_up_again(trunk, orders) => {}
                    }
                });
            }
        }
    }
    for phone in phones {
        shell.port.endpoint.set_phone(known_phone(&phone).await?);
    }
    tasks.spawn(shell.run());
    Ok((SipHandle { orders, local, also: others }, outbox))
}

/// Gives the further addresses as peers reach them: those of the public address's family there.
fn seen_from_outside(
    others: Vec<(Transport, SocketAddr)>,
    public: Option<SocketAddr>,
) -> Vec<(Transport, SocketAddr)> {
    let seen = |at: SocketAddr| {
        let public = public.filter(|public| public.is_ipv4() == at.is_ipv4());
        public.map_or(at, |public| SocketAddr::new(public.ip(), at.port()))
    };
    others.into_iter().map(|(transport, at)| (transport, seen(at))).collect()
}

/// A trunk whose hosts were looked up and whose certificates were read.
struct Known {
    trunk: sip::Trunk,
    tls: Option<Client>,
}

async fn address_of(host: &str, transport: Transport) -> Result<SocketAddr, SipError> {
    resolve(host, transport)
        .await
        .map_err(|source| SipError::Resolve { host: host.to_owned(), source })
}

async fn known_trunk(trunk: &Trunk) -> Result<Known, SipError> {
    let unfit = |source| SipError::Tls { host: trunk.host.clone(), source };
    let tls = trunk.tls.as_ref().filter(|_| trunk.transport == Transport::Tls);
    let tls = tls.map(Tls::client).transpose().map_err(unfit)?;
    let mut sources = Vec::new();
    for host in &trunk.sources {
        sources.push(address_of(host, trunk.transport).await?.ip());
    }
    let server = trunk.proxy.as_ref().unwrap_or(&trunk.host);
    let known = sip::Trunk {
        proxy: trunk.proxy.as_ref().map(|proxy| trunk.route(proxy)),
        large_over_tcp: trunk.large_over_tcp,
        domain: trunk.domain.clone(),
        sources,
        credentials: trunk.credentials.clone(),
        identity: trunk.identity.clone(),
        redirects_max: trunk.redirects_max,
        call_header: trunk.call_header,
        session: trunk.session,
        reliable: trunk.reliable,
        early_media: trunk.early_media,
        headers: trunk.headers.clone(),
        register: registration(trunk).await?,
        ..sip::Trunk::new(trunk.id, trunk.hop(address_of(server, trunk.transport).await?))
    };
    Ok(Known { trunk: known, tls })
}

async fn registration(trunk: &Trunk) -> Result<Option<sip::Registration>, SipError> {
    let Some(register) = &trunk.register else { return Ok(None) };
    let registrar = trunk.registrar_domain();
    // A proxy leads there by itself.
    let own = register.registrar.as_ref().filter(|_| trunk.proxy.is_none());
    let address = match own {
        Some(host) => Some(trunk.hop(address_of(host, trunk.transport).await?)),
        None => None,
    };
    Ok(Some(sip::Registration { registrar, address, expires: register.expires }))
}

/// Looks a trunk up until its host has an address, then makes it known.
async fn look_up_again(trunk: Trunk, orders: mpsc::WeakSender<Order>) {
    let known = loop {
        tokio::time::sleep(LOOK_UP_EVERY).await;
        if let Ok(known) = known_trunk(&trunk).await {
            break known;
        }
    };
    tracing::info!(host = trunk.host, "a trunk's host has an address now");
    // A signalling that has ended needs no trunk.
    if let Some(orders) = orders.upgrade() {
        drop(orders.send(Order::SetTrunk(Box::new((trunk, known)))).await);
    }
}

async fn known_phone(phone: &Phone) -> Result<sip::Phone, SipError> {
    let address = match phone.contact_host() {
        Some(host) => Some(address_of(host, phone.transport()).await?),
        None => None,
    };
    Ok(phone.known(address))
}

/// A trunk and what keeps the way to it open.
pub(super) struct Line {
    trunk: Trunk,
    pub(super) health: Health,
    ping: Option<Ping>,
}

/// The task's own state.
pub(super) struct Shell {
    pub(super) port: Port,
    inbox: mpsc::Receiver<Order>,
    events: mpsc::Sender<Event>,
    /// Events the engine had no room for yet.
    pub(super) waiting: VecDeque<Event>,
    pub(super) trunks: BTreeMap<TrunkId, Line>,
    pub(super) probes: Probes,
}

impl Shell {
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            let signs = self.ask_for_signs_of_life();
            self.tell_probed();
            self.report();
            let open = self.waiting.is_empty();
            let clock = self.port.clock();
            let more = tokio::select! {
                turned = self.port.turn(), if open => survives(&turned),
                count = self.inbox.recv_many(&mut batch, BATCH_MAX), if open => count > 0,
                () = sleep_until(clock, signs) => true,
                room = self.events.reserve(), if !open => room.is_ok(),
            };
            for order in batch.drain(..) {
                self.obey(order);
            }
            self.port.flush();
            if !more {
                break;
            }
        }
        let now = self.port.now();
        self.port.endpoint.unregister(now);
        self.port.linger().await;
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Perform(command) => self.perform(command),
            Order::SetTrunk(both) => self.set_trunk(both.0, both.1),
            Order::RemoveTrunk(trunk) => {
                self.trunks.remove(&trunk);
                self.port.endpoint.remove_trunk(trunk);
                self.port.streams().trust(trunk, None);
            }
            Order::SetPhone(phone) => self.port.endpoint.set_phone(phone),
            Order::RemovePhone(agent) => self.port.endpoint.remove_phone(agent),
            Order::Count(answer) => {
                let counters = self.port.endpoint.counters();
                let legs = self.port.endpoint.legs();
                let unsent = self.port.unsent();
                let streams = self.port.streams();
                let (connections, refused_connections) = (streams.len(), streams.refused());
                let figures = Figures { counters, unsent, connections, refused_connections, legs };
                if answer.send(figures).is_err() {
                    tracing::debug!("nobody waits for the counters any more");
                }
            }
        }
    }

    fn set_trunk(&mut self, trunk: Trunk, known: Known) {
        self.probes.clear(trunk.id);
        let ping = Ping::new(&trunk, known.trunk.address, self.port.now());
        self.port.streams().trust(trunk.id, known.tls);
        self.port.endpoint.set_trunk(known.trunk);
        let registers = trunk.register.is_some() && trunk.credentials.is_some();
        let registered = registers.then(|| self.port.endpoint.is_registered(trunk.id));
        let mut health = Health::new(trunk.options_every, registered, self.port.now());
        let begun = health.begin();
        self.waiting.extend(begun.map(|(state, why)| Event::Trunk(trunk.id, state, why)));
        self.trunks.insert(trunk.id, Line { trunk, health, ping });
    }

    fn perform(&mut self, command: Command) {
        let now = self.port.now();
        let endpoint = &mut self.port.endpoint;
        let done = match command {
            Command::Dial { leg, trunk, to, from, offer, call_ref } => {
                let dialled = self.dial(now, leg, trunk, &to, from.as_ref(), (offer, call_ref));
                return self.report_undialled(leg, dialled);
            }
            Command::Probe(leg, trunk) => return self.probe(leg, trunk),
            Command::DialAgent { leg, agent, offer } => {
                let target = Target::Phone(agent);
                let call = Invite { target, from: None, offer, call_ref: None };
                let dialled = endpoint.invite(now, leg, call);
                return self.report_undialled(leg, dialled);
            }
            Command::Cancel(leg) => endpoint.cancel(now, leg),
            Command::HangUp(leg) => endpoint.hang_up(now, leg),
            Command::Accept(leg, sdp) => endpoint.accept(now, leg, sdp),
            Command::Reject(leg, status) => endpoint.reject(now, leg, status, &[]),
            Command::EndStale(dialog) => endpoint.end_stale(now, &dialog),
        };
        if let Err(error) = done {
            // The far end was faster: the leg's last event is on its way to the engine.
            tracing::debug!(%error, "a command came too late");
        }
    }

    fn dial(
        &mut self,
        now: Mono,
        leg: LegId,
        trunk: TrunkId,
        to: &Number,
        from: Option<&Number>,
        (offer, call_ref): (Vec<u8>, String),
    ) -> Result<(), sip::CommandError> {
        let line = self.trunks.get(&trunk).ok_or(sip::CommandError::UnknownTrunk)?;
        let settings = &line.trunk;
        let target = Target::Trunk(trunk, settings.called_form.write(to));
        let from = from.map(|number| settings.caller_form.write(number));
        let call_ref = Some(call_ref).filter(|text| !text.is_empty());
        let call = Invite { target, from, offer, call_ref };
        self.port.endpoint.invite(now, leg, call)?;
        if self.probes.has(leg) {
            self.port.endpoint.watch(leg, sip::Subject::Call);
        }
        Ok(())
    }

    /// A leg that could not even begin fails like one the trunk refused, with status 0.
    fn report_undialled(&mut self, leg: LegId, dialled: Result<(), sip::CommandError>) {
        let Err(error) = dialled else { return };
        tracing::warn!(%leg, %error, "a call was not placed");
        let failure = match error {
            sip::CommandError::Full => Failure::Congestion,
            sip::CommandError::UnknownLeg
            | sip::CommandError::WrongState
            | sip::CommandError::LegInUse
            | sip::CommandError::UnknownTrunk
            | sip::CommandError::PhoneAbsent
            | sip::CommandError::BadText => Failure::TrunkFault,
        };
        self.tell_witnessed(leg);
        self.waiting.push_back(Event::Failed {
            leg,
            failure,
            status: 0,
            retry_after: None,
            reason: String::new(),
        });
    }

    /// Sends the OPTIONS that are due; gives the time of the next.
    fn ask_for_signs_of_life(&mut self) -> Option<Mono> {
        let now = self.port.now();
        let mut next = None;
        for (id, Line { health, ping, .. }) in &mut self.trunks {
            if health.due().is_some_and(|due| due <= now) {
                health.asked(now);
                if let Err(error) = self.port.endpoint.send_options(now, *id) {
                    tracing::debug!(trunk = %id, %error, "no sign of life was asked for");
                }
            }
            if let Some(to) = ping.as_mut().and_then(|ping| ping.turn(now)) {
                self.port.send(b"\r\n\r\n", to);
            }
            let again = ping.as_ref().map(Ping::due);
            next = [next, health.due(), again].into_iter().flatten().min();
        }
        next
    }

    /// Hands the endpoint's events to the engine, as far as it has room for them.
    fn report(&mut self) {
        loop {
            while let Some(event) = self.waiting.pop_front() {
                match self.events.try_send(event) {
                    Ok(()) => {}
                    Err(mpsc::error::TrySendError::Full(event)) => {
                        self.waiting.push_front(event);
                        return;
                    }
                    Err(mpsc::error::TrySendError::Closed(_)) => {}
                }
            }
            let Some(event) = self.port.endpoint.poll_event() else { break };
            if let sip::Event::Failed { leg, .. } | sip::Event::Ended { leg, .. } = &event {
                self.tell_witnessed(*leg);
            } else if let sip::Event::Gone(leg) = &event {
                self.tell_witnessed(*leg);
            }
            let event = self.told(event);
            self.waiting.extend(event);
        }
        self.port.flush();
    }

    /// Puts an event into the engine's words; refuses calls nobody here takes.
    fn told(&mut self, event: sip::Event) -> Option<Event> {
        match event {
            sip::Event::Ringing(leg) => Some(Event::Ringing(leg)),
            sip::Event::Progress(leg, sdp) => Some(Event::Progress(leg, sdp)),
            sip::Event::Answered(leg, sdp) => Some(Event::Answered(leg, sdp)),
            sip::Event::Dialog(leg, dialog) => Some(Event::Dialog(leg, dialog)),
            sip::Event::Failed { leg, status, retry_after, reason } => {
                tracing::debug!(%leg, status, %reason, "a call failed");
                // Only a response has a reason or a phrase: without one nobody answered.
                let failure = outcome::failure(status, &reason);
                Some(Event::Failed { leg, failure, status, retry_after, reason })
            }
            sip::Event::Ended { leg, bye, reason } => {
                tracing::debug!(%leg, bye, %reason, "a call ended");
                Some(Event::Ended { leg, bye })
            }
            sip::Event::Gone(leg) => Some(Event::Gone(leg)),
            sip::Event::Offer(leg, sdp) => Some(Event::Offer(leg, sdp)),
            sip::Event::Acked(leg, sdp) => sdp.map(|sdp| Event::Reanswered(leg, sdp)),
            sip::Event::Incoming(call) => self.incoming(call),
            sip::Event::Phone(agent, here) => Some(Event::Phone(agent, here)),
            sip::Event::Options(trunk, status, retry_after) => {
                let now = self.port.now();
                let line = self.trunks.get_mut(&trunk)?;
                let news = line.health.answered(now, status, retry_after);
                self.tell_health(trunk, news)
            }
            sip::Event::Registered(trunk, told) => {
                let line = self.trunks.get_mut(&trunk)?;
                let news = line.health.registered(&line.trunk.host, told);
                self.tell_health(trunk, news)
            }
            sip::Event::Reoffered(leg, _, answer) => {
                (!answer.is_empty()).then_some(Event::Reanswered(leg, answer))
            }
            sip::Event::Digit(..) => None,
        }
    }

    fn tell_health(&mut self, trunk: TrunkId, news: News) -> Option<Event> {
        self.waiting.extend(news.rest.map(|span| Event::Rest(trunk, span)));
        news.state.map(|(state, why)| Event::Trunk(trunk, state, why))
    }

    fn incoming(&mut self, call: sip::Incoming) -> Option<Event> {
        let status = match (call.agent, call.offer) {
            (Some(agent), Some(offer)) => return Some(Event::Incoming(call.leg, agent, offer)),
            // A phone that makes no offer (RFC 3261 §13.2.1 allows it) cannot be joined at once.
            (Some(_), None) => 488,
            // Calls from the public network have nobody to go to.
            (None, _) => 404,
        };
        if let Err(error) = self.port.endpoint.reject(self.port.now(), call.leg, status, &[]) {
            tracing::debug!(%error, "an incoming call had gone before it was refused");
        }
        None
    }
}

fn survives(turned: &io::Result<()>) -> bool {
    if let Err(error) = turned {
        tracing::error!(%error, "the SIP socket failed: no calls any more");
    }
    turned.is_ok()
}
