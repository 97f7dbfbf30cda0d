//! The registrar for agents' phones (RFC 3261 §10.3), behind a digest.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::digest::{Params, Proof, keyed_print};
use super::event::{Hop, StoredBinding};
use super::guesses::Guesses;
use super::lexer::{Fault, Name, number};
use super::settings::Phone;
use super::values::{Address, Request, has_tag, is_sip, uri_user};
use super::writer::{Writer, party};
use crate::units::{AgentId, Mono, Span};

/// How long a binding lasts if the phone does not say (RFC 3261 §10.2.1.1 suggests an hour).
const EXPIRES_DEFAULT: u64 = 3_600;
/// The shortest binding taken: below it, refreshes would be a load (§10.3 step 7, 423).
pub(super) const EXPIRES_MIN: u64 = 60;
/// The longest binding given, so that a phone that moved is found within the hour.
const EXPIRES_MAX: u64 = 3_600;
/// How much longer than granted a binding is kept for a restart: a phone that refreshes early and
/// often is then written down once in a while.
const KEPT_LONGER: Span = Span::secs(60);
/// The most phones of one agent: a telephone, a softphone, one at home and one to spare. A phone
/// that calls itself another name each time never shuts itself out: the oldest goes.
const PHONES_MAX: usize = 4;
/// The longest Path taken (RFC 3327); real ones have one or two proxies.
const PATH_MAX: usize = 8;
/// How long a nonce may be answered: longer than any phone thinks, shorter than any theft pays.
const NONCE_AGE_MAX: Span = Span::secs(300);

/// Agents' phones and where they are.
#[derive(Debug)]
pub(super) struct Registrar {
    realm: String,
    key: u64,
    phones: BTreeMap<AgentId, Phone>,
    users: BTreeMap<String, AgentId>,
    bindings: BTreeMap<AgentId, Bindings>,
    /// How many challenges were made.
    challenges: u64,
    /// The nonce each phone used last, and its count: neither they nor earlier ones may be used
    /// again.
    used: BTreeMap<AgentId, (Vec<u8>, u64)>,
    guesses: Guesses,
}

/// The phones of one agent.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    /// In the order in which they logged in: the last one is rung.
    held: Vec<Binding>,
    /// Which one was said to be rung.
    told: Option<(String, Hop)>,
    /// Whether the store has others, or in another order.
    changed: bool,
    /// The timer's memory.
    pub(super) due: Option<Mono>,
}

/// Where a phone is.
#[derive(Debug)]
struct Binding {
    contact: String,
    address: Hop,
    /// The proxies that lead there, as Route names them, the nearest to us first.
    path: Vec<String>,
    call_id: Vec<u8>,
    cseq: u32,
    expires: Mono,
    /// Until when the store has it.
    kept: Mono,
}

impl Bindings {
    fn rung(&self) -> Option<(String, Hop)> {
        self.held.last().map(|held| (held.contact.clone(), held.address))
    }

    /// Leaves those that fit.
    fn retain(&mut self, fits: impl FnMut(&Binding) -> bool) {
        let before = self.held.len();
        self.held.retain(fits);
        self.changed |= self.held.len() != before;
    }
}

/// What to answer to a REGISTER.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// 401 with both challenges.
    Challenge { stale: bool },
    /// The password is wrong, or there is no such account: 403 in both cases.
    Wrong,
    /// There were too many wrong ones: this one was not looked at, another will be after that time.
    Wait(Span),
    /// Refused with this status and phrase.
    Refused(Fault),
    /// 200: what the agent's phone asked for was done.
    Taken(AgentId),
}

impl Registrar {
    pub(super) fn new(realm: String, key: u64) -> Self {
        Self {
            realm,
            key,
            phones: BTreeMap::new(),
            users: BTreeMap::new(),
            bindings: BTreeMap::new(),
            challenges: 0,
            used: BTreeMap::new(),
            guesses: Guesses::default(),
        }
    }

    pub(super) fn set_phone(&mut self, phone: Phone) {
        if let Some(old) = self.phones.get(&phone.agent) {
            self.users.remove(&old.user);
        }
        self.users.insert(phone.user.clone(), phone.agent);
        self.phones.insert(phone.agent, phone);
    }

    /// Forgets a phone; gives its bindings, whose timer must go too.
    pub(super) fn remove_phone(&mut self, agent: AgentId) -> Option<Bindings> {
        if let Some(phone) = self.phones.remove(&agent) {
            self.users.remove(&phone.user);
        }
        self.used.remove(&agent);
        self.guesses.forget(agent);
        self.bindings.remove(&agent)
    }

    /// Gives where an agent's phone is called: its request URI, its address, and the proxies that
    /// lead there. Of several the one that logged in last.
    pub(super) fn contact(&self, agent: AgentId) -> Option<(&str, Hop, &[String])> {
        let bound = self.bindings.get(&agent).and_then(|bindings| bindings.held.last());
        let bound = bound.map(|held| (&*held.contact, held.address, &*held.path));
        bound.or_else(|| {
            let (contact, address) = self.phones.get(&agent)?.contact.as_ref()?;
            Some((contact, *address, &[]))
        })
    }

    /// Gives every address a phone is at.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let bound = self.bindings.values().flat_map(|bindings| &bindings.held);
        let fixed = self.phones.values().filter_map(|phone| phone.contact.as_ref());
        bound.map(|held| held.address.ip()).chain(fixed.map(|(_, address)| address.ip()))
    }

    /// Tells which agent's phone a user part and an address belong to: any of them may call.
    pub(super) fn agent_at(&self, user: &str, source: Hop) -> Option<AgentId> {
        let agent = *self.users.get(user)?;
        let bound = self.bindings.get(&agent).into_iter().flat_map(|bindings| &bindings.held);
        let mut addresses = bound.map(|held| held.address).peekable();
        let there = match addresses.peek() {
            Some(_) => addresses.any(|address| address == source),
            None => self.contact(agent).is_some_and(|(_, address, _)| address == source),
        };
        there.then_some(agent)
    }

    /// Takes in where a phone was in an earlier run, until then; a connection ended with that.
    pub(super) fn restore(&mut self, expires: Mono, agent: AgentId, stored: StoredBinding) {
        let StoredBinding { contact, address, transport, path } = stored;
        if transport.is_reliable() {
            return;
        }
        let address = Hop { transport, address, trunk: None };
        let (call_id, cseq, kept) = (Vec::new(), 0, expires);
        let bindings = self.bindings.entry(agent).or_default();
        bindings.held.push(Binding { contact, address, path, call_id, cseq, expires, kept });
        bindings.told = bindings.rung();
    }

    /// Gives an agent's bindings, in their order, if the store has others or one lasts longer than
    /// that, and for how long to keep each.
    pub(super) fn unkept(
        &mut self,
        now: Mono,
        agent: AgentId,
    ) -> Option<Vec<(StoredBinding, Span)>> {
        let bindings = self.bindings.get_mut(&agent)?;
        let longer = bindings.held.iter().any(|held| held.expires > held.kept);
        if !core::mem::take(&mut bindings.changed) && !longer || bindings.held.is_empty() {
            return None;
        }
        let kept = bindings.held.iter_mut().map(|held| {
            held.kept = held.expires + KEPT_LONGER;
            let Hop { transport, address, .. } = held.address;
            let (contact, path) = (held.contact.clone(), held.path.clone());
            (StoredBinding { contact, address, transport, path }, held.kept.since(now))
        });
        Some(kept.collect())
    }

    /// Tells whether phones of an agent came, went or moved since that was kept last.
    pub(super) fn is_changed(&self, agent: AgentId) -> bool {
        self.bindings.get(&agent).is_some_and(|bindings| bindings.changed)
    }

    /// Tells whether another phone of an agent is rung than was told last, or none any more.
    pub(super) fn moved(&mut self, agent: AgentId) -> Option<bool> {
        let bindings = self.bindings.get_mut(&agent)?;
        let rung = bindings.rung();
        let moved = rung != bindings.told;
        bindings.told = rung;
        moved.then_some(bindings.told.is_some())
    }

    /// Forgets the phones at the far end of a connection; gives whose they were.
    pub(super) fn unbind(&mut self, hop: Hop) -> Vec<AgentId> {
        let mut agents = Vec::new();
        for (agent, bindings) in &mut self.bindings {
            bindings.retain(|held| held.address != hop);
            agents.extend(bindings.changed.then_some(*agent));
        }
        agents
    }

    /// Lends the timer's memory of an agent's bindings.
    pub(super) fn due(&mut self, agent: AgentId) -> Option<&mut Option<Mono>> {
        self.bindings.get_mut(&agent).map(|bindings| &mut bindings.due)
    }

    /// Takes out the bindings of an agent whose time is over.
    pub(super) fn expire(&mut self, now: Mono, agent: AgentId) {
        if let Some(bindings) = self.bindings.get_mut(&agent) {
            bindings.retain(|held| held.expires > now);
        }
    }

    /// Judges a REGISTER and does what it asks for.
    pub(super) fn register(&mut self, now: Mono, request: &Request<'_>) -> Verdict {
        if !is_sip(request.to.uri) {
            return Verdict::Refused(Fault::new(400, "Unsupported Scheme In To"));
        }
        let mut fields = request.message.all(Name::Authorization).filter_map(Params::read);
        let Some(params) = fields.find(|params| params.get("realm") == Some(self.realm.as_bytes()))
        else {
            return Verdict::Challenge { stale: false };
        };
        match self.prove(now, request, &params) {
            Ok(agent) => self.bind(now, request, agent).unwrap_or_else(Verdict::Refused),
            Err(verdict) => verdict,
        }
    }

    fn prove(
        &mut self,
        now: Mono,
        request: &Request<'_>,
        params: &Params<'_>,
    ) -> Result<AgentId, Verdict> {
        // Who is offered qop must send it (RFC 3261 §22.4), and with it the nonce count.
        let counted = |proof: Proof<'_>| proof.qop.and_then(|(count, _)| hexadecimal(count));
        let proof = params.proof();
        let Some((proof, count)) = proof.and_then(|proof| Some((proof, counted(proof)?))) else {
            return Err(Verdict::Refused(Fault::new(400, "Bad Authorization")));
        };
        if !self.is_fresh(now, proof.nonce) {
            return Err(Verdict::Challenge { stale: true });
        }
        let user = String::from_utf8_lossy(proof.user).into_owned();
        let named = self.users.get(&user).copied();
        if let Some(wait) = self.guesses.wait(now, named, request.source.address) {
            return Err(Verdict::Wait(wait));
        }
        let phone = named.and_then(|agent| self.phones.get(&agent));
        let ha1 = phone.and_then(|phone| phone.ha1.as_ref());
        let known = ha1.is_some_and(|ha1| params.proves(&proof, ha1, "REGISTER"));
        let Some(agent) = named.filter(|_| known && uri_user(request.to.uri) == user) else {
            self.guesses.wrong(now, named, request.source.address);
            return Err(Verdict::Wrong);
        };
        let uses = (proof.nonce.to_vec(), count);
        if self.used.get(&agent).is_some_and(|used| uses <= *used) {
            return Err(Verdict::Challenge { stale: true });
        }
        self.used.insert(agent, uses);
        self.guesses.right(agent, request.source.address);
        Ok(agent)
    }

    fn bind(&mut self, now: Mono, request: &Request<'_>, agent: AgentId) -> Result<Verdict, Fault> {
        let wish = Wish::read(request)?;
        let path = path(request)?;
        let bindings = self.bindings.entry(agent).or_default();
        // All is done or nothing (§10.3 step 7).
        let late = |held: &Binding| held.call_id == request.call_id && held.cseq >= request.cseq;
        if bindings.held.iter().any(|held| wish.is_about(held) && late(held)) {
            return Err(Fault::new(500, "REGISTER Out Of Order"));
        }
        let wishes = match wish {
            Wish::Nothing => Vec::new(),
            Wish::Gone => {
                bindings.retain(|_| false);
                Vec::new()
            }
            Wish::Contacts(wishes) => wishes,
        };
        for (uri, span) in wishes {
            let place = bindings.held.iter().position(|held| held.contact == uri);
            let old = place.map(|place| bindings.held.remove(place));
            if span == Span::ZERO {
                bindings.changed |= old.is_some();
                continue;
            }
            let (place, kept) = match place.zip(old) {
                Some((place, old)) => {
                    let same = old.address == request.source && old.path == path;
                    // A refresh has the Call-ID of its login (§10.2); that of an earlier run is
                    // not known.
                    let refresh = old.call_id.is_empty() || old.call_id == request.call_id;
                    let place = if refresh { place } else { bindings.held.len() };
                    (place, Some(old.kept).filter(|_| same && refresh))
                }
                None => (bindings.held.len(), None),
            };
            bindings.changed |= kept.is_none();
            let binding = Binding {
                contact: uri.to_owned(),
                address: request.source,
                path: path.clone(),
                call_id: request.call_id.to_vec(),
                cseq: request.cseq,
                expires: now + span,
                kept: kept.unwrap_or(Mono::START),
            };
            bindings.held.insert(place, binding);
            if bindings.held.len() > PHONES_MAX {
                bindings.held.remove(0);
            }
        }
        Ok(Verdict::Taken(agent))
    }

    /// Tells when the first of an agent's bindings ends.
    pub(super) fn first_end(&self, agent: AgentId) -> Option<Mono> {
        self.bindings.get(&agent)?.held.iter().map(|held| held.expires).min()
    }

    /// Writes an agent's bindings into a 200 (RFC 3261 §10.3 step 8), and the path of this request
    /// for a phone that knows what it is (RFC 3327 §5.3).
    pub(super) fn write_bindings(
        &self,
        writer: &mut Writer,
        now: Mono,
        (agent, request): (AgentId, &Request<'_>),
    ) {
        for held in self.bindings.get(&agent).into_iter().flat_map(|bindings| &bindings.held) {
            let left = held.expires.since(now).as_millis().div_ceil(1_000);
            writer.text("Contact: <").text(&held.contact).text(">;expires=").number(left);
            writer.text("\r\n");
        }
        if has_tag(request.message, Name::Supported, "path") {
            for proxy in path(request).unwrap_or_default() {
                writer.header("Path", proxy);
            }
        }
    }

    /// Writes one challenge for each algorithm, the stronger first (RFC 8760 §2.4).
    pub(super) fn write_challenges(&mut self, writer: &mut Writer, now: Mono, stale: bool) {
        self.challenges += 1;
        let mut seal = Writer(Vec::with_capacity(32));
        seal.hex(now.as_micros(), 16).hex(self.challenges, 16);
        let nonce = self.sealed(&seal.0);
        for algorithm in ["SHA-256", "MD5"] {
            writer.text("WWW-Authenticate: Digest realm=\"").text(&self.realm);
            writer.text("\", nonce=\"").text(&nonce).text("\", algorithm=").text(algorithm);
            writer.text(", qop=\"auth\"").text(if stale { ", stale=true" } else { "" });
            writer.text("\r\n");
        }
    }

    /// Makes a nonce that proves itself: its time and its number, so that nonces sort by age, and a
    /// keyed print of both.
    fn sealed(&self, seal: &[u8]) -> Vec<u8> {
        [seal, &keyed_print(self.key, seal)].concat()
    }

    fn is_fresh(&self, now: Mono, nonce: &[u8]) -> bool {
        let Some(seal) = nonce.get(..32).filter(|seal| self.sealed(seal) == nonce) else {
            return false;
        };
        let made = seal.get(..16).and_then(hexadecimal);
        made.is_some_and(|made| now.since(Mono::micros(made)) <= NONCE_AGE_MAX)
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    u64::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()
}

/// What a REGISTER wants of its contacts.
enum Wish<'a> {
    /// To know which there are.
    Nothing,
    /// All gone.
    Gone,
    /// Each for so long; gone where that is nothing.
    Contacts(Vec<(&'a str, Span)>),
}

impl<'a> Wish<'a> {
    fn read(request: &Request<'a>) -> Result<Self, Fault> {
        let header = request.message.first(Name::Expires).and_then(number);
        let mut contacts = request.message.list(Name::Contact).peekable();
        match contacts.peek().copied() {
            None => return Ok(Self::Nothing),
            Some(b"*") if header == Some(0) && contacts.nth(1).is_none() => return Ok(Self::Gone),
            Some(b"*") => return Err(Fault::new(400, "Wildcard Without Expires: 0")),
            Some(_) => {}
        }
        let mut wishes = Vec::new();
        for value in contacts {
            let contact = Address::read(value).filter(|contact| is_sip(contact.uri));
            let contact = contact.ok_or(Fault::new(400, "Bad Contact"))?;
            let uri = core::str::from_utf8(contact.uri);
            let uri = uri.map_err(|_| Fault::new(400, "Bad Contact"))?;
            let own = contact.param("expires").and_then(number);
            let expires = own.or(header).unwrap_or(EXPIRES_DEFAULT).min(EXPIRES_MAX);
            if (1..EXPIRES_MIN).contains(&expires) {
                return Err(Fault::new(423, "Interval Too Brief"));
            }
            wishes.push((uri, Span::secs(expires)));
        }
        Ok(Self::Contacts(wishes))
    }

    fn is_about(&self, held: &Binding) -> bool {
        match self {
            Self::Nothing => false,
            Self::Gone => true,
            Self::Contacts(wishes) => wishes.iter().any(|(uri, _)| *uri == held.contact),
        }
    }
}

/// Reads the proxies through which a phone is reached, as they put themselves into its REGISTER
/// (RFC 3327 §5.2): the topmost is the nearest to us.
fn path(request: &Request<'_>) -> Result<Vec<String>, Fault> {
    let mut path = Vec::new();
    for value in request.message.list(Name::Path) {
        let leads = Address::read(value).is_some_and(|proxy| is_sip(proxy.uri));
        let proxy = String::from_utf8(party(value)).ok().filter(|_| leads);
        path.push(proxy.ok_or(Fault::new(400, "Bad Path"))?);
    }
    if path.len() > PATH_MAX { Err(Fault::new(400, "Path Too Long")) } else { Ok(path) }
}
