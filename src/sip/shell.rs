//! The task that owns the SIP endpoint, and the handle to it.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::handle::{Figures, Order, Peer, SipHandle, known_phone, trusted};
use super::health::{Ailment, Health, News, TrunkState};
use super::phones::Phone;
use super::places::{self, Believed, Places};
use super::probe::Probes;
use super::resolver::{FindError, Resolver};
use super::socket::{Door, Doors, Port, sleep_until};
use super::tls::{Client, Identification, TlsError};
use super::trouble::{Obstacle, Trouble};
use super::trunk::{Ping, Trunk};
use super::{Called, Command, Event, called, outcome};
use crate::core::fact::Failure;
use crate::engine::clock::Clock;
use crate::engine::tasks::Tasks;
use crate::units::{AgentId, LegId, Mono, Number, NumberForm, Span, TrunkId, Wall};
use crate::wire::sip::{self, Invite, StoredBinding, StoredDialog, Target, Transport};

/// Commands that may wait for the task: some seconds' worth at 2,000 attempts a second, each
/// with an offer of half a kilobyte.
const ORDERS_MAX: usize = 8_192;
/// Orders carried out before the socket is looked at again.
const BATCH_MAX: usize = 64;
/// Events that may wait for the engine before the task stops taking in more work.
const EVENTS_MAX: usize = 16_384;
/// How long the start waits for the name servers, so that trunks are in place before the first
/// call: longer than any that answers takes.
const FIRST_LOOK: Duration = Duration::from_secs(2);
/// Look-ups that may wait for the task; the others wait to be told.
const NEWS_MAX: usize = 64;

/// How people type numbers into telephones: as in France, or with `+` or `00`.
const TYPED: NumberForm = NumberForm::NationalFr;

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
    /// The name servers to ask; the system's if there are none.
    pub nameservers: Vec<SocketAddr>,
    /// The realm agents' phones are challenged with.
    pub realm: String,
    /// Where every tag, branch and nonce comes from; draw it from the system's randomness.
    pub seed: u64,
    /// The carriers.
    pub trunks: Vec<Trunk>,
    /// The agents' phones.
    pub phones: Vec<Phone>,
    /// What an earlier run left.
    pub left: Left,
}

/// What an earlier run of the engine left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// The dialogs that were up, by their legs: each is ended with BYE and then told as
    /// [`Event::Gone`].
    pub dialogs: Vec<(LegId, StoredDialog)>,
    /// Where registered phones were, and until when that counts.
    pub bindings: Vec<(AgentId, StoredBinding, Wall)>,
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
    /// A host is not found now. Try again later, or mend the settings.
    #[error("cannot find {host:?}: {source}")]
    Resolve {
        /// The host as written.
        host: String,
        /// Why.
        source: FindError,
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

/// Binds the socket, looks every host up, and starts the signalling task. A trunk whose host is not
/// found is down, and looked up again every 30 s; that of one is waited for for 2 s.
///
/// # Errors
/// The address cannot be bound, peers could not call it back, a certificate is of no use, or a
/// phone's host is not found.
pub async fn start(
    settings: Settings,
    clock: Clock,
    tasks: &Tasks,
) -> Result<(SipHandle, mpsc::Receiver<Event>), SipError> {
    let Settings { bind, also, identification, public, nameservers, realm, seed, .. } = settings;
    let Settings { trunks, phones, left, .. } = settings;
    if bind.ip().is_unspecified() && public.is_none() {
        return Err(SipError::Unspecified(bind));
    }
    let datagrams = also.iter().filter(|door| door.transport == Transport::Udp);
    let own: Vec<_> = [bind].into_iter().chain(datagrams.map(|door| door.bind)).collect();
    let resolver = Resolver::new(&nameservers, &own)
        .map_err(|source| SipError::Resolve { host: "any host".to_owned(), source })?;
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
    let (news, found) = mpsc::channel(NEWS_MAX);
    let (reaching, reached) = watch::channel(BTreeMap::new());
    let mut shell = Shell {
        port,
        inbox,
        events,
        waiting: VecDeque::new(),
        trunks: BTreeMap::new(),
        probes: Probes::default(),
        resolver: resolver.clone(),
        tasks: tasks.clone(),
        news,
        found,
        reached: reaching,
    };
    shell.begin(trunks).await?;
    for phone in phones {
        shell.set_phone(known_phone(&resolver, &phone).await?);
    }
    shell.resume(left);
    tasks.spawn(shell.run());
    Ok((SipHandle { orders, local, also: others, resolver, reached }, outbox))
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

/// A trunk, how it is, and where.
pub(super) struct Line {
    trunk: Arc<Trunk>,
    /// Nothing before its host is first found.
    pub(super) met: Option<Met>,
    /// Why the latest look-up failed.
    pub(super) fault: Option<FindError>,
    /// Dropped with the trunk, which ends its look-ups.
    _lives: oneshot::Receiver<Infallible>,
}

/// A trunk whose host was found.
pub(super) struct Met {
    places: Places,
    pub(super) health: Health,
    ping: Option<Ping>,
}

impl Met {
    /// Tells what kept the latest message to its best server from it, if none was reached: a server
    /// that takes messages and is silent is no trouble of the others'.
    pub(super) fn trouble<'p>(&self, port: &'p Port) -> Option<&'p Trouble> {
        let mut met = self.places.ways.iter().map(|way| port.trouble(way.hop));
        let best = met.next()?;
        best.filter(|_| met.all(|other| other.is_some()))
    }
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
    resolver: Resolver,
    tasks: Tasks,
    /// What look-ups give, and where they tell it.
    found: mpsc::Receiver<(Arc<Trunk>, Result<Places, FindError>)>,
    news: mpsc::Sender<(Arc<Trunk>, Result<Places, FindError>)>,
    /// Where everybody is reached.
    reached: watch::Sender<BTreeMap<Peer, IpAddr>>,
}

impl Shell {
    /// Makes the trunks known, and waits a little for those whose hosts must be looked up.
    async fn begin(&mut self, trunks: Vec<Trunk>) -> Result<(), SipError> {
        let mut unfound = 0;
        for trunk in trunks {
            let trusted = trusted(&trunk)?;
            let places = places::by_digits_alone(&trunk);
            unfound += usize::from(places.is_none());
            self.set_trunk(trunk, trusted, places);
        }
        let look = async {
            for _ in 0..unfound {
                if let Some((trunk, found)) = self.found.recv().await {
                    self.locate(&trunk, found);
                }
            }
        };
        // Whoever is late is located while calls go on.
        drop(tokio::time::timeout(FIRST_LOOK, look).await);
        let unmet = self.trunks.iter().filter(|(_, line)| line.met.is_none());
        let down = |id| Event::Trunk(id, TrunkState::Down, Some(Ailment::Nameless));
        self.waiting.extend(unmet.map(|(id, _)| down(*id)));
        Ok(())
    }

    /// Takes over what an earlier run left. A dialog that cannot be ended now stays in the store.
    fn resume(&mut self, left: Left) {
        let now = self.port.now();
        for (leg, dialog) in left.dialogs {
            if let Err(error) = self.port.endpoint.end_stale(now, leg, &dialog) {
                tracing::warn!(%leg, %error, "a call of an earlier run cannot be ended");
            }
        }
        let wall = self.port.clock().now().wall;
        let agents: Vec<_> = left.bindings.iter().map(|(agent, ..)| *agent).collect();
        let bindings = left.bindings.into_iter();
        let bindings = bindings.map(|(agent, stored, until)| (agent, stored, until.since(wall)));
        self.port.endpoint.restore(now, bindings);
        agents.into_iter().for_each(|agent| self.note_phone(agent));
    }

    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            let signs = self.ask_for_signs_of_life();
            self.tell_probed();
            self.report();
            let open = self.waiting.is_empty();
            let clock = self.port.clock();
            let mut found = None;
            let more = tokio::select! {
                turned = self.port.turn(), if open => survives(&turned),
                count = self.inbox.recv_many(&mut batch, BATCH_MAX), if open => count > 0,
                told = self.found.recv(), if open => {
                    found = told;
                    true
                }
                () = sleep_until(clock, signs) => true,
                room = self.events.reserve(), if !open => room.is_ok(),
            };
            for order in batch.drain(..) {
                self.obey(order);
            }
            if let Some((trunk, found)) = found {
                self.locate(&trunk, found);
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
            Order::SetTrunk(all) => {
                let (trunk, trusted, places) = *all;
                self.set_trunk(trunk, trusted, Some(places));
            }
            Order::RemoveTrunk(trunk) => {
                self.trunks.remove(&trunk);
                self.port.endpoint.remove_trunk(trunk);
                self.port.streams().trust(trunk, None);
                self.note(Peer::Trunk(trunk), None);
            }
            Order::SetPhone(phone) => self.set_phone(phone),
            Order::RemovePhone(agent) => {
                self.port.endpoint.remove_phone(agent);
                self.note_phone(agent);
            }
            Order::Count(answer) => {
                if answer.send(self.figures()).is_err() {
                    tracing::debug!("nobody waits for the counters any more");
                }
            }
        }
    }

    fn figures(&mut self) -> Figures {
        let (counters, legs) = (self.port.endpoint.counters(), self.port.endpoint.legs());
        let transactions = self.port.endpoint.transactions();
        let unsent = self.port.unsent();
        let streams = self.port.streams();
        Figures {
            counters,
            unsent,
            connections: streams.len(),
            refused_connections: streams.refused(),
            closed_connections: streams.foul(),
            legs,
            transactions,
        }
    }

    fn set_phone(&mut self, phone: sip::Phone) {
        let agent = phone.agent;
        self.port.endpoint.set_phone(phone);
        self.note_phone(agent);
    }

    fn note_phone(&self, agent: AgentId) {
        self.note(Peer::Phone(agent), self.port.endpoint.phone_address(agent));
    }

    /// Notes where somebody is reached now.
    fn note(&self, peer: Peer, at: Option<IpAddr>) {
        self.reached.send_if_modified(|reached| match at {
            Some(ip) => reached.insert(peer, ip) != Some(ip),
            None => reached.remove(&peer).is_some(),
        });
    }

    /// Makes a trunk known, and has its hosts looked up from now on.
    fn set_trunk(&mut self, trunk: Trunk, trusted: Option<Client>, found: Option<Believed>) {
        let (id, trunk) = (trunk.id, Arc::new(trunk));
        self.port.streams().trust(id, trusted);
        let (lives, line) = oneshot::channel();
        let line = Line { trunk: Arc::clone(&trunk), met: None, fault: None, _lives: line };
        self.trunks.insert(id, line);
        let known = (self.resolver.clone(), Arc::clone(&trunk));
        let rest = found.as_ref().map_or(Some(Span::ZERO), |(_, good_for)| *good_for);
        self.tasks.spawn(places::keep(known, rest, self.news.downgrade(), lives));
        if let Some((places, _)) = found {
            self.locate(&trunk, Ok(places));
        }
    }

    /// Takes in where a trunk's hosts are now, or that they were not found: then the answer before
    /// holds on.
    fn locate(&mut self, trunk: &Arc<Trunk>, found: Result<Places, FindError>) {
        let id = trunk.id;
        let line = self.trunks.get_mut(&id).filter(|line| Arc::ptr_eq(&line.trunk, trunk));
        // It was changed or forgotten meanwhile.
        let Some(line) = line else { return };
        let places = match found {
            Ok(places) => places,
            Err(fault) => {
                if line.fault.as_ref() != Some(&fault) {
                    let (host, last_answer_holds) = (&trunk.host, line.met.is_some());
                    tracing::warn!(host, last_answer_holds, "a trunk's host is not found: {fault}");
                }
                line.fault = Some(fault);
                return;
            }
        };
        if line.fault.take().is_some() {
            tracing::info!(host = trunk.host, "a trunk's host is found now");
        }
        let now = self.port.now();
        let ping = Ping::new(trunk, &places.ways, now);
        let at = places.first().ip();
        self.reached.send_if_modified(|reached| reached.insert(Peer::Trunk(id), at) != Some(at));
        if let Some(met) = &mut line.met {
            if met.places != places {
                tracing::info!(host = trunk.host, servers = places.ways.len(), "a trunk moved");
                let Places { ways, registrar, sources } = places.clone();
                self.port.endpoint.set_ways(id, ways, registrar, sources);
                (met.places, met.ping) = (places, ping);
            }
            return;
        }
        self.port.endpoint.set_trunk(trunk.known(&places));
        let registers = trunk.register.is_some() && trunk.credentials.is_some();
        let registered = registers.then(|| self.port.endpoint.is_registered(id));
        let mut health = Health::new(trunk.options_every, registered, now);
        let begun = health.begin();
        self.waiting.extend(begun.map(|(state, why)| Event::Trunk(id, state, why)));
        line.met = Some(Met { places, health, ping });
    }

    fn perform(&mut self, command: Command) {
        let now = self.port.now();
        let endpoint = &mut self.port.endpoint;
        let done = match command {
            Command::Dial { leg, trunk, to, from, offer, call_ref } => {
                let dialled = self.dial(now, leg, trunk, &to, from.as_ref(), (offer, call_ref));
                return self.report_undialled(leg, dialled, self.why_unmet(trunk));
            }
            Command::Probe(leg, trunk) => return self.probe(leg, trunk),
            Command::DialAgent { leg, agent, offer } => {
                let target = Target::Phone(agent);
                let call = Invite { target, from: None, offer, call_ref: None };
                let dialled = endpoint.invite(now, leg, call);
                return self.report_undialled(leg, dialled, String::new());
            }
            Command::Cancel(leg) => endpoint.cancel(now, leg),
            Command::HangUp(leg) => endpoint.hang_up(now, leg),
            Command::Refresh(leg) => endpoint.refresh(now, leg),
            Command::Transfer { leg, trunk, to } => return self.transfer(now, leg, trunk, &to),
            Command::TellTransfer(leg, status) => endpoint.tell_transfer(now, leg, status),
            Command::Accept(leg, sdp) => endpoint.accept(now, leg, sdp),
            Command::Reject(leg, status) => endpoint.reject(now, leg, status, &[]),
        };
        if let Err(error) = done {
            // The far end was faster: the leg's last event is on its way to the engine.
            tracing::debug!(%error, "a command came too late");
        }
    }

    /// Asks for a transfer; one that cannot even be asked for has failed with status 0.
    fn transfer(&mut self, now: Mono, leg: LegId, trunk: TrunkId, to: &Number) {
        let form = self.trunks.get(&trunk).map(|line| line.trunk.called_form);
        let user = form.unwrap_or(NumberForm::Plus).write(to);
        if let Err(error) = self.port.endpoint.transfer(now, leg, trunk, &user) {
            self.waiting.push_back(Event::Transferred(leg, 0, error.to_string()));
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

    /// Tells why a trunk's host is not known; nothing if it is.
    fn why_unmet(&self, trunk: TrunkId) -> String {
        let line = self.trunks.get(&trunk).filter(|line| line.met.is_none());
        line.and_then(|line| line.fault.as_ref()).map(ToString::to_string).unwrap_or_default()
    }

    /// A leg that could not even begin fails like one the trunk refused, with status 0.
    fn report_undialled(
        &mut self,
        leg: LegId,
        dialled: Result<(), sip::CommandError>,
        reason: String,
    ) {
        let Err(error) = dialled else { return };
        tracing::warn!(%leg, %error, reason, "a call was not placed");
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
            reason,
        });
    }

    /// Sends the OPTIONS that are due; gives the time of the next.
    fn ask_for_signs_of_life(&mut self) -> Option<Mono> {
        let now = self.port.now();
        let mut next = None;
        for (id, line) in &mut self.trunks {
            let Some(Met { health, ping, .. }) = &mut line.met else { continue };
            if health.due().is_some_and(|due| due <= now) {
                health.asked(now);
                if let Err(error) = self.port.endpoint.send_options(now, *id) {
                    tracing::debug!(trunk = %id, %error, "no sign of life was asked for");
                }
            }
            for to in ping.as_mut().map(|ping| ping.turn(now)).unwrap_or_default() {
                // What keeps it from the trunk keeps OPTIONS too, which tells.
                drop(self.port.send(b"\r\n\r\n", *to));
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
            let event = self.port.endpoint.poll_event().or_else(|| {
                // What cannot be sent at all has failed when this comes back.
                self.port.flush();
                self.port.endpoint.poll_event()
            });
            let Some(event) = event else { break };
            if let sip::Event::Failed { leg, .. } | sip::Event::Ended { leg, .. } = &event {
                self.tell_witnessed(*leg);
            } else if let sip::Event::Gone(leg) = &event {
                self.tell_witnessed(*leg);
            }
            let event = self.told(event);
            self.waiting.extend(event);
        }
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
            sip::Event::Acked(leg, sdp) => {
                self.waiting.extend(sdp.map(|sdp| Event::Reanswered(leg, sdp)));
                Some(Event::Acked(leg))
            }
            sip::Event::Transferred { leg, status, reason } => {
                Some(Event::Transferred(leg, status, reason))
            }
            sip::Event::TransferWanted(leg, to) => {
                Some(Event::TransferWanted(leg, TYPED.read(&to)))
            }
            sip::Event::Incoming(call) => self.incoming(call),
            sip::Event::Phone(agent, here) => {
                self.note_phone(agent);
                Some(Event::Phone(agent, here))
            }
            sip::Event::Bound(agent, bindings) => Some(Event::Bound(agent, bindings)),
            sip::Event::Options(trunk, status, retry_after) => {
                let (now, met) = (self.port.now(), self.trunks.get_mut(&trunk)?.met.as_mut()?);
                let trouble = met.trouble(&self.port).map(|trouble| trouble.obstacle);
                // A datagram that could not leave runs into our own timer, a 408 (RFC 3261
                // §17.1.4).
                let cut = match status {
                    0 => Some(trouble.unwrap_or(Obstacle::Broken)),
                    408 => trouble,
                    _ => None,
                };
                let news = met.health.answered(now, status, retry_after, cut);
                self.tell_health(trunk, news)
            }
            sip::Event::Registered(trunk, told) => {
                let (now, line) = (self.port.now(), self.trunks.get_mut(&trunk)?);
                let news = line.met.as_mut()?.health.registered(now, &line.trunk.host, told);
                self.tell_health(trunk, news)
            }
            sip::Event::Reoffered(leg, _, answer) => {
                (!answer.is_empty()).then_some(Event::Reanswered(leg, answer))
            }
            sip::Event::Digit(leg, key) => Some(Event::Digit(leg, key)),
        }
    }

    fn tell_health(&mut self, trunk: TrunkId, news: News) -> Option<Event> {
        self.waiting.extend(news.rest.map(|span| Event::Rest(trunk, span)));
        news.state.map(|(state, why)| Event::Trunk(trunk, state, why))
    }

    fn incoming(&mut self, call: sip::Incoming) -> Option<Event> {
        if let Some(trunk) = call.trunk {
            return self.called(trunk, call);
        }
        let status = match (call.agent, call.offer) {
            (Some(agent), Some(offer)) => return Some(Event::Incoming(call.leg, agent, offer)),
            // A phone that makes no offer (RFC 3261 §13.2.1 allows it) cannot be joined at once.
            (Some(_), None) => 488,
            // Nobody's phone has nobody to go to.
            (None, _) => 404,
        };
        if let Err(error) = self.port.endpoint.reject(self.port.now(), call.leg, status, &[]) {
            tracing::debug!(%error, "an incoming call had gone before it was refused");
        }
        None
    }
}

impl Shell {
    /// Reads the numbers of a call that comes in, as its trunk writes them.
    fn called(&self, trunk: TrunkId, call: sip::Incoming) -> Option<Event> {
        let form = self.trunks.get(&trunk)?.trunk.received_form;
        let called::Told { to, from, national, unread } = called::read(form, &call);
        let (leg, offer) = (call.leg, call.offer);
        Some(Event::Called(Box::new(Called { leg, trunk, to, from, national, unread, offer })))
    }
}

fn survives(turned: &io::Result<()>) -> bool {
    if let Err(error) = turned {
        tracing::error!(%error, "the SIP socket failed: no calls any more");
    }
    turned.is_ok()
}
