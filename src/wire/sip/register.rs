//! Registration at carriers (RFC 3261 §10.2): one binding for each trunk's account, kept alive.
//!
//! ```text
//! Outside ─► Inside (refreshed in time) ─► Leaving ─► gone
//!    └─ refused or silent: again later, later each time
//! ```

use std::collections::BTreeMap;

use super::client::{News, Outcome, Owner};
use super::digest::{Logins, Tries};
use super::endpoint::Endpoint;
use super::event::{Event, Hop, Registered};
use super::lexer::{Message, Name, number};
use super::net::{Due, Local, Net};
use super::settings::{Credentials, Registration, Trunk};
use super::slab::Key;
use super::targets::Way;
use super::uac::{retry_after_span, said};
use super::values::{Address, Method, uri_hop};
use super::writer::{Writer, party};
use crate::units::{Mono, Span, TrunkId};

/// The first upper bound of the wait after a failure, doubled by each further one (RFC 5626 §4.5:
/// base-time when every flow failed).
const WAIT_BASE: Span = Span::secs(30);
/// The longest upper bound (RFC 5626 §4.5: max-time).
const WAIT_MAX: Span = Span::secs(1_800);
/// How long a refused account waits, longer each time: one server of several may have lost its
/// accounts, and comes back in a minute; an account that is wrong is tried 24 times a day at last,
/// which locks nobody out.
const REFUSED_WAITS: [Span; 3] = [Span::secs(60), Span::secs(300), Span::secs(3_600)];
/// Above this a binding is refreshed [`MARGIN`] before its end, below it at half of its time
/// (3GPP TS 24.229 §5.1.1.4.1; RFC 3261 §10.2.4 leaves the margin open).
const LONG: Span = Span::secs(1_200);
/// See [`LONG`].
const MARGIN: Span = Span::secs(600);
/// The shortest wait between two refreshes, whatever the carrier grants.
const REFRESH_LEAST: Span = Span::secs(5);
/// The longest binding: a day, as nobody who grants more means it.
const EXPIRES_MAX: u64 = 86_400;
/// How often one try follows 423.
const RAISES_MAX: u8 = 2;
/// The longest Service-Route taken; real ones have one or two hops.
const ROUTES_MAX: usize = 8;

/// The trunks' accounts.
#[derive(Debug, Default)]
pub(super) struct Registrations(BTreeMap<TrunkId, Account>);

#[derive(Debug)]
struct Account {
    wish: Registration,
    credentials: Credentials,
    /// The address of record, as From and To write it.
    record: String,
    call_id: Vec<u8>,
    tag: u64,
    cseq: u32,
    /// The server that is asked, until it fails.
    hop: Option<Hop>,
    /// How many further ones may be tried at once if it does.
    left: usize,
    /// The REGISTER whose answer counts.
    client: Option<Key>,
    /// The interval asked for, raised by 423.
    expires: Span,
    /// The Route line of the trunk's proxy, if there is one.
    path: Vec<u8>,
    logins: Logins,
    tries: Tries,
    raises: u8,
    state: State,
    failures: u32,
    /// The Service-Route as Route lines (RFC 3608 §5).
    routes: Vec<u8>,
    due: Option<Mono>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Outside,
    Inside { until: Mono },
    Leaving,
}

impl Registrations {
    /// Gives the Route lines of a trunk's calls; empty without a Service-Route.
    pub(super) fn routes(&self, trunk: TrunkId) -> &[u8] {
        self.0.get(&trunk).map_or(&[], |account| &account.routes)
    }

    /// Tells whether a trunk's account is bound.
    pub(super) fn stands(&self, trunk: TrunkId) -> bool {
        self.0.get(&trunk).is_some_and(|held| matches!(held.state, State::Inside { .. }))
    }

    /// Tells until when a trunk's account is bound.
    pub(super) fn until(&self, trunk: TrunkId) -> Option<Mono> {
        match self.0.get(&trunk)?.state {
            State::Inside { until } => Some(until),
            State::Outside | State::Leaving => None,
        }
    }

    /// Counts the bindings that are being given up.
    pub(super) fn leaving(&self) -> usize {
        self.0.values().filter(|account| account.state == State::Leaving).count()
    }

    /// Takes in that a trunk's registrar may be reached in other ways now; a binding that stands
    /// stays where it is until its server fails.
    pub(super) fn set_ways(&mut self, trunk: TrunkId, ways: Vec<Way>) {
        if let Some(account) = self.0.get_mut(&trunk) {
            account.wish.ways = ways;
        }
    }

    /// Takes a trunk's settings: an account that is new or changed registers at once.
    pub(super) fn set(&mut self, net: &mut Net, trunk: &Trunk) {
        let Some((wish, credentials)) = trunk.register.clone().zip(trunk.credentials.clone())
        else {
            return;
        };
        let held = self.0.get(&trunk.id);
        let path = trunk.path();
        let same = |held: &Account| {
            held.wish == wish && held.credentials == credentials && held.path == path
        };
        if held.is_some_and(|held| same(held) && held.state != State::Leaving) {
            return;
        }
        let mut call_id = Writer(Vec::with_capacity(32));
        call_id.hex(net.draw(), 16).hex(net.draw(), 16);
        let mut account = Account {
            record: format!("<sip:{}@{}>", credentials.user, wish.domain),
            expires: wish.expires,
            path,
            wish,
            credentials,
            call_id: call_id.0,
            tag: net.draw(),
            cseq: 0,
            hop: None,
            left: 0,
            client: None,
            logins: Logins::default(),
            tries: Tries::default(),
            raises: 0,
            state: State::Outside,
            failures: 0,
            routes: Vec::new(),
            due: self.0.get(&trunk.id).and_then(|held| held.due),
        };
        net.set_timer(Due::Register(trunk.id), &mut account.due, Some(net.now));
        self.0.insert(trunk.id, account);
    }
}

impl Endpoint {
    /// Gives the binding of a trunk's account up; without one nothing is said.
    pub(super) fn leave(&mut self, trunk: TrunkId) {
        let Some(account) = self.registrations.0.get_mut(&trunk) else {
            return;
        };
        self.net.set_timer(Due::Register(trunk), &mut account.due, None);
        match account.state {
            State::Inside { .. } => {
                account.state = State::Leaving;
                self.ask_registrar(trunk);
            }
            State::Outside => {
                self.registrations.0.remove(&trunk);
            }
            State::Leaving => {}
        }
    }

    /// Gives every binding up.
    pub(super) fn leave_all(&mut self) {
        let trunks: Vec<_> = self.registrations.0.keys().copied().collect();
        for trunk in trunks {
            self.leave(trunk);
        }
    }

    /// Does what is due: the first REGISTER, a refresh, or another try.
    pub(super) fn registration_due(&mut self, trunk: TrunkId) {
        let now = self.net.now;
        let hops = self.registrar_hops(trunk);
        let spared = &self.spared;
        let Some(account) = self.registrations.0.get_mut(&trunk) else {
            return;
        };
        account.due = None;
        account.tries = Tries::default();
        account.raises = 0;
        account.hop = account.hop.or_else(|| hops.last().copied());
        let fit = |hop: &&Hop| account.hop != Some(**hop) && !spared.holds(now, **hop);
        account.left = hops.iter().filter(fit).count();
        if matches!(account.state, State::Inside { until } if until <= now) {
            account.state = State::Outside;
            let lapsed = Registered::Failed { status: 408, again: Span::ZERO };
            self.events.push_back(Event::Registered(trunk, lapsed));
        }
        self.ask_registrar(trunk);
    }

    /// Gives the ways to a trunk's registrar in the order in which they are tried now, the first
    /// one last.
    fn registrar_hops(&mut self, trunk: TrunkId) -> Vec<Hop> {
        let own = self.registrations.0.get(&trunk).map(|account| account.wish.ways.clone());
        let own = own.filter(|ways| !ways.is_empty());
        let hops = own.map(|ways| self.in_order(&ways));
        hops.or_else(|| {
            let (hop, mut hops) = self.ways(trunk)?;
            hops.push(hop);
            Some(hops)
        })
        .unwrap_or_default()
    }

    /// Asks the registrar's next server at once, if there is one that did not fail lately (RFC 3263
    /// §4.3).
    fn next_registrar(&mut self, trunk: TrunkId) -> bool {
        let next = self.registrar_hops(trunk).pop();
        let next = next.filter(|hop| !self.spared.holds(self.net.now, *hop));
        let account = self.registrations.0.get_mut(&trunk);
        let Some((account, hop)) = account.filter(|account| account.left > 0).zip(next) else {
            return false;
        };
        account.left -= 1;
        account.hop = Some(hop);
        account.logins = Logins::default();
        account.tries = Tries::default();
        self.ask_registrar(trunk);
        true
    }

    /// Registers or refreshes before it is due, at a person's wish; false without an account.
    pub(super) fn hasten(&mut self, trunk: TrunkId) -> bool {
        let Some(account) = self.registrations.0.get_mut(&trunk) else {
            return false;
        };
        if account.state == State::Leaving || self.clients.is_full() {
            return false;
        }
        self.net.set_timer(Due::Register(trunk), &mut account.due, None);
        self.registration_due(trunk);
        true
    }

    /// Sends a REGISTER.
    fn ask_registrar(&mut self, trunk: TrunkId) {
        let Some(account) = self.registrations.0.get_mut(&trunk) else {
            return;
        };
        let net = &mut self.net;
        let Some(hop) = account.hop.filter(|_| !self.clients.is_full()) else {
            net.set_timer(Due::Register(trunk), &mut account.due, Some(net.now + WAIT_BASE));
            return;
        };
        account.cseq += 1;
        let key = self.clients.next_key(net);
        let uri = format!("sip:{}", account.wish.registrar);
        let mut writer = net.writer();
        let local = net.local(hop);
        writer.request_head(Method::Register, uri.as_bytes(), &local.via, key);
        writer.text(&account.path);
        writer.text("From: ").text(&account.record).text(";tag=").hex(account.tag, 16);
        writer.text("\r\nTo: ").text(&account.record).text("\r\nCall-ID: ").text(&account.call_id);
        writer.text("\r\nCSeq: ").number(account.cseq).text(" REGISTER\r\n").contact(local);
        let leaving = account.state == State::Leaving;
        let expires = if leaving { 0 } else { account.expires.as_millis() / 1_000 };
        writer.text("Expires: ").number(expires).text("\r\n");
        // Proxies on the way may put themselves on the path (RFC 3327 §5.1).
        writer.header("Supported", "path").header("User-Agent", &net.agent);
        account.logins.write(&mut writer, "REGISTER", uri.as_bytes(), || net.draw());
        writer.body("", &[]);
        account.client = Some(key);
        let owner = Owner::Register(trunk, if leaving { 0 } else { account.left });
        let names = (key, owner, Method::Register);
        self.clients.begin(net, names, hop, writer.0);
    }

    /// Takes the answer to a REGISTER in.
    pub(super) fn registrar_news(
        &mut self,
        trunk: TrunkId,
        news: News,
        status: u16,
        message: Option<&Message<'_>>,
    ) {
        let Some(account) = self.registrations.0.get_mut(&trunk) else {
            return;
        };
        // An answer to a REGISTER of before the account was changed is nobody's.
        if news.outcome == Outcome::Provisional || account.client != Some(news.key) {
            return;
        }
        if message.is_some_and(|message| account.may_ask_again(status, message)) {
            self.ask_registrar(trunk);
            return;
        }
        if account.state == State::Leaving {
            self.registrations.0.remove(&trunk);
            self.events.push_back(Event::Registered(trunk, Registered::Left));
            return;
        }
        let granted = message
            .filter(|_| news.outcome == Outcome::Success)
            .and_then(|message| account.granted(message, news.to, self.net.local(news.to)));
        let chance = self.net.draw();
        let now = self.net.now;
        self.spared.heard(now, news.to, message.map_or(0, |_| status));
        if granted.is_none() && matches!(status, 408 | 503) {
            self.spared.note(now, news.to, None);
            if self.next_registrar(trunk) {
                return;
            }
        }
        let Some(account) = self.registrations.0.get_mut(&trunk) else {
            return;
        };
        let (next, told) = match granted {
            Some(span) => account.bound(now, span, message),
            None => account.failed(now, status, message, chance),
        };
        self.net.set_timer(Due::Register(trunk), &mut account.due, Some(next));
        self.events.extend(told.map(|told| Event::Registered(trunk, told)));
    }
}

impl Account {
    /// Answers a challenge, or takes the interval the registrar wants (§10.2.8).
    fn may_ask_again(&mut self, status: u16, message: &Message<'_>) -> bool {
        if status == 423 {
            let least = message.first(Name::MinExpires).and_then(number);
            let least = least.filter(|least| *least <= EXPIRES_MAX).map(Span::secs);
            let Some(least) = least.filter(|least| *least > self.expires) else {
                return false;
            };
            self.expires = least;
            self.raises += 1;
            // Who speaks of the interval took the credentials.
            self.tries = Tries::default();
            return self.raises <= RAISES_MAX;
        }
        self.logins.answer((status, message), &mut self.tries, Some(&self.credentials))
    }

    /// Tells how long our contact is bound, among however many the registrar lists (§10.2.4).
    fn granted(&self, message: &Message<'_>, from: Hop, local: &Local) -> Option<Span> {
        let header = message.first(Name::Expires).and_then(number);
        let ours = |uri| uri_hop(uri, from).is_some_and(|hop| hop.address == local.address);
        let mut contacts = message.list(Name::Contact).filter_map(Address::read).peekable();
        // A registrar behind something that rewrites contacts is believed to mean ours.
        let bare = contacts.peek().is_none();
        let own = contacts.find(|contact| ours(contact.uri));
        let seconds = match own {
            Some(contact) => contact.param("expires").and_then(number).or(header),
            None if bare => header,
            None => return self.rewritten(message, header),
        };
        let seconds = seconds.unwrap_or(self.expires.as_millis() / 1_000).min(EXPIRES_MAX);
        (seconds > 0).then(|| Span::secs(seconds))
    }

    /// Takes the longest of contacts of which none is ours by its address: a NAT or a border
    /// controller wrote another.
    fn rewritten(&self, message: &Message<'_>, header: Option<u64>) -> Option<Span> {
        let contacts = message.list(Name::Contact).filter_map(Address::read);
        let spans = contacts.map(|contact| contact.param("expires").and_then(number).or(header));
        let asked = self.expires.as_millis() / 1_000;
        let longest = spans.map(|span| span.unwrap_or(asked)).max()?.min(EXPIRES_MAX);
        (longest > 0).then(|| Span::secs(longest.min(asked)))
    }

    /// Notes that our contact is bound; gives the moment of the refresh.
    fn bound(
        &mut self,
        now: Mono,
        span: Span,
        message: Option<&Message<'_>>,
    ) -> (Mono, Option<Registered>) {
        let fresh = !matches!(self.state, State::Inside { .. });
        self.state = State::Inside { until: now + span };
        self.failures = 0;
        let mut routes = Writer(Vec::new());
        for route in message.into_iter().flat_map(|m| m.list(Name::ServiceRoute)).take(ROUTES_MAX) {
            if Address::read(route).is_some() {
                routes.header("Route", party(route));
            }
        }
        self.routes = routes.0;
        let wait = if span > LONG {
            Span::micros(span.as_micros() - MARGIN.as_micros())
        } else {
            Span::micros(span.as_micros() / 2)
        };
        (now + wait.max(REFRESH_LEAST), fresh.then_some(Registered::Standing(span)))
    }

    /// Notes a failure; gives the moment of the next try. While an earlier binding stands nobody
    /// need hear of it.
    fn failed(
        &mut self,
        now: Mono,
        status: u16,
        message: Option<&Message<'_>>,
        chance: u64,
    ) -> (Mono, Option<Registered>) {
        self.failures = self.failures.saturating_add(1);
        self.logins = Logins::default();
        self.hop = None;
        let refused = matches!(status, 401 | 403 | 404 | 407);
        let wished = message.and_then(|m| m.first(Name::RetryAfter)).and_then(retry_after_span);
        let nth = usize::try_from(self.failures - 1).unwrap_or(usize::MAX);
        let refused_wait = REFUSED_WAITS[nth.min(REFUSED_WAITS.len() - 1)];
        let wait = if refused { refused_wait } else { backoff(self.failures, chance) };
        let again = wait.max(wished.unwrap_or(Span::ZERO));
        match self.state {
            State::Inside { until } if until > now => {
                return ((now + again).min(until), None);
            }
            State::Inside { .. } | State::Outside | State::Leaving => self.state = State::Outside,
        }
        let status = said(status, message);
        let told = match refused {
            true => Registered::Refused { status, again },
            false => Registered::Failed { status, again },
        };
        (now + again, Some(told))
    }
}

/// Draws the wait after so many failures in a row: half to all of an upper bound that doubles
/// (RFC 5626 §4.5).
fn backoff(failures: u32, chance: u64) -> Span {
    let bound = WAIT_BASE.times(1 << failures.min(16)).min(WAIT_MAX).as_micros();
    Span::micros(bound / 2 + chance % (bound / 2 + 1))
}
