//! The registrar for agents' phones (RFC 3261 §10.3): one binding each, behind a digest.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::digest::{Params, Proof, keyed_print};
use super::event::{Hop, StoredBinding};
use super::guesses::Guesses;
use super::lexer::{Fault, Name, number};
use super::settings::Phone;
use super::values::{Address, Request, is_sip, uri_user};
use super::writer::Writer;
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
/// How long a nonce may be answered: longer than any phone thinks, shorter than any theft pays.
const NONCE_AGE_MAX: Span = Span::secs(300);

/// Agents' phones and where they are.
#[derive(Debug)]
pub(super) struct Registrar {
    realm: String,
    key: u64,
    phones: BTreeMap<AgentId, Phone>,
    users: BTreeMap<String, AgentId>,
    bindings: BTreeMap<AgentId, Binding>,
    /// How many challenges were made.
    challenges: u64,
    /// The nonce each phone used last, and its count: neither they nor earlier ones may be used
    /// again.
    used: BTreeMap<AgentId, (Vec<u8>, u64)>,
    guesses: Guesses,
}

/// Where a phone is.
#[derive(Debug)]
pub(super) struct Binding {
    contact: String,
    address: Hop,
    call_id: Vec<u8>,
    cseq: u32,
    expires: Mono,
    /// Until when the store has it.
    kept: Mono,
    /// The timer's memory.
    pub(super) due: Option<Mono>,
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
    /// 200; the agent's binding was set anew (`Some(true)`), removed (`Some(false)`), or only
    /// refreshed or asked for.
    Taken { agent: AgentId, changed: Option<bool> },
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

    /// Forgets a phone; gives its binding, whose timer must go too.
    pub(super) fn remove_phone(&mut self, agent: AgentId) -> Option<Binding> {
        if let Some(phone) = self.phones.remove(&agent) {
            self.users.remove(&phone.user);
        }
        self.used.remove(&agent);
        self.guesses.forget(agent);
        self.bindings.remove(&agent)
    }

    /// Gives where an agent's phone is called: its request URI and its address.
    pub(super) fn contact(&self, agent: AgentId) -> Option<(String, Hop)> {
        let bound = self.bindings.get(&agent).map(|held| (held.contact.clone(), held.address));
        bound.or_else(|| self.phones.get(&agent)?.contact.clone())
    }

    /// Gives every address a phone is at.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let bound = self.bindings.values().map(|binding| binding.address.ip());
        let fixed = self.phones.values().filter_map(|phone| phone.contact.as_ref());
        bound.chain(fixed.map(|(_, address)| address.ip()))
    }

    /// Tells which agent's phone a user part and an address belong to.
    pub(super) fn agent_at(&self, user: &str, source: Hop) -> Option<AgentId> {
        let agent = *self.users.get(user)?;
        self.contact(agent).filter(|(_, address)| *address == source).map(|_| agent)
    }

    /// Gives the agents whose phones are at the far end of a connection.
    pub(super) fn agents_at(&self, hop: Hop) -> Vec<AgentId> {
        let there = self.bindings.iter().filter(|(_, held)| held.address == hop);
        there.map(|(agent, _)| *agent).collect()
    }

    /// Takes in where a phone was in an earlier run, until then; a connection ended with that.
    pub(super) fn restore(&mut self, expires: Mono, agent: AgentId, stored: StoredBinding) {
        let StoredBinding { contact, address, transport } = stored;
        if transport.is_reliable() {
            return;
        }
        let address = Hop { transport, address, trunk: None };
        let (call_id, cseq, kept) = (Vec::new(), 0, expires);
        let binding = Binding { contact, address, call_id, cseq, expires, kept, due: None };
        self.bindings.insert(agent, binding);
    }

    /// Gives a binding that lasts longer than the store has it, and for how long to keep it.
    pub(super) fn unkept(&mut self, now: Mono, agent: AgentId) -> Option<(StoredBinding, Span)> {
        let held = self.bindings.get_mut(&agent).filter(|held| held.expires > held.kept)?;
        held.kept = held.expires + KEPT_LONGER;
        let Hop { transport, address, .. } = held.address;
        let stored = StoredBinding { contact: held.contact.clone(), address, transport };
        Some((stored, held.kept.since(now)))
    }

    /// Forgets where a phone is; its timer must go too.
    pub(super) fn unbind(&mut self, agent: AgentId) -> Option<Binding> {
        self.bindings.remove(&agent)
    }

    pub(super) fn binding(&mut self, agent: AgentId) -> Option<&mut Binding> {
        self.bindings.get_mut(&agent)
    }

    /// Takes a binding out if its time is over; the timer of one removed before may come too.
    pub(super) fn expire(&mut self, now: Mono, agent: AgentId) -> bool {
        let over = self.expires(agent).is_some_and(|expires| expires <= now);
        over && self.bindings.remove(&agent).is_some()
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
        let header = request.message.first(Name::Expires).and_then(number);
        let mut contacts = request.message.list(Name::Contact).peekable();
        let held = self.bindings.get(&agent);
        if contacts.peek().is_none() {
            return Ok(Verdict::Taken { agent, changed: None });
        }
        if held.is_some_and(|held| held.call_id == request.call_id && held.cseq >= request.cseq) {
            return Err(Fault::new(500, "REGISTER Out Of Order"));
        }
        if contacts.peek() == Some(&&b"*"[..]) {
            if header != Some(0) || contacts.nth(1).is_some() {
                return Err(Fault::new(400, "Wildcard Without Expires: 0"));
            }
            let changed = self.bindings.remove(&agent).map(|_| false);
            return Ok(Verdict::Taken { agent, changed });
        }
        let mut chosen = None;
        let mut removed = false;
        for value in contacts {
            let contact = Address::read(value).filter(|contact| is_sip(contact.uri));
            let contact = contact.ok_or(Fault::new(400, "Bad Contact"))?;
            let uri = core::str::from_utf8(contact.uri);
            let uri = uri.map_err(|_| Fault::new(400, "Bad Contact"))?;
            let own = contact.param("expires").and_then(number);
            let expires = own.or(header).unwrap_or(EXPIRES_DEFAULT).min(EXPIRES_MAX);
            if expires == 0 {
                removed |= held.is_some_and(|held| held.contact == uri);
            } else if expires < EXPIRES_MIN {
                return Err(Fault::new(423, "Interval Too Brief"));
            } else {
                chosen = chosen.or_else(|| Some((uri, Span::secs(expires))));
            }
        }
        let Some((uri, span)) = chosen else {
            let changed = (removed && self.bindings.remove(&agent).is_some()).then_some(false);
            return Ok(Verdict::Taken { agent, changed });
        };
        let moved = held.is_none_or(|held| held.contact != uri || held.address != request.source);
        let kept = held.filter(|_| !moved).map_or(Mono::START, |held| held.kept);
        let due = held.and_then(|held| held.due);
        let binding = Binding {
            contact: uri.to_owned(),
            address: request.source,
            call_id: request.call_id.to_vec(),
            cseq: request.cseq,
            expires: now + span,
            kept,
            due,
        };
        self.bindings.insert(agent, binding);
        Ok(Verdict::Taken { agent, changed: moved.then_some(true) })
    }

    /// Tells when a binding ends.
    pub(super) fn expires(&self, agent: AgentId) -> Option<Mono> {
        self.bindings.get(&agent).map(|held| held.expires)
    }

    /// Writes the binding into a 200 (RFC 3261 §10.3 step 8).
    pub(super) fn write_binding(&self, writer: &mut Writer, now: Mono, agent: AgentId) {
        if let Some(held) = self.bindings.get(&agent) {
            let left = held.expires.since(now).as_millis().div_ceil(1_000);
            writer.text("Contact: <").text(&held.contact).text(">;expires=").number(left);
            writer.text("\r\n");
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
