//! Placing a call: where it goes, and what its INVITE says of the caller.

use super::dialog::Home;
use super::digest::{Logins, Tries};
use super::endpoint::Endpoint;
use super::event::{CommandError, Hop, Invite, Target};
use super::leg::{Calling, Cancel, Leg, State};
use super::session::Wish;
use super::settings::{EarlyMedia, Identity, Privacy, Reliability, TimerMode, Trunk};
use super::slab::Key;
use super::targets::{Way, order};
use super::values::{Address, request_uri, uri_hop};
use super::writer::{Writer, host_text};
use crate::units::{LegId, TrunkId};

/// Where a call of ours goes.
struct Destination {
    uri: Vec<u8>,
    home: Home,
    spare: Vec<Hop>,
    routes: Vec<u8>,
    trunk: Option<Trunk>,
}

impl Endpoint {
    pub(super) fn place(&mut self, leg: LegId, call: Invite) -> Result<(), CommandError> {
        if self.by_id.contains_key(&leg) {
            return Err(CommandError::LegInUse);
        }
        if self.legs.is_full() || self.clients.is_full() {
            return Err(CommandError::Full);
        }
        let way = self.way(&call.target)?;
        let fit = |text: &Option<String>| text.as_deref().is_none_or(is_user);
        if !fit(&call.from) || !fit(&call.call_ref) {
            return Err(CommandError::BadText);
        }
        self.spared.tries(self.net.now, way.home.address);
        let key = self.legs.next_key(self.net.draw());
        let calling = self.compose(key, way, call);
        let state = State::Calling(Box::new(calling));
        self.legs.insert(key, Leg { id: leg, state, due: None, far: None });
        self.by_id.insert(leg, key);
        self.send_invite(key);
        Ok(())
    }

    fn way(&mut self, target: &Target) -> Result<Destination, CommandError> {
        match target {
            Target::Trunk(id, user) => {
                let (address, spare) = self.first_hop(*id).ok_or(CommandError::UnknownTrunk)?;
                let trunk = self.trunks.get(id).ok_or(CommandError::UnknownTrunk)?;
                if !is_user(user) {
                    return Err(CommandError::BadText);
                }
                Ok(Destination {
                    uri: trunk.uri_of(user).into(),
                    home: Home { address, alias: None },
                    spare,
                    routes: self.routes(trunk),
                    trunk: Some(trunk.clone()),
                })
            }
            Target::Phone(agent) => {
                let (uri, address, path) =
                    self.registrar.contact(*agent).ok_or(CommandError::PhoneAbsent)?;
                let mut routes = Writer(Vec::new());
                for proxy in path {
                    routes.header("Route", proxy);
                }
                let alias = uri_hop(uri.as_bytes(), address).map(|hop| hop.address);
                let alias = alias.filter(|alias| *alias != address.address);
                Ok(Destination {
                    uri: request_uri(uri.as_bytes()).to_vec(),
                    home: Home { address, alias },
                    spare: Vec::new(),
                    routes: routes.0,
                    trunk: None,
                })
            }
        }
    }

    /// Gives where a trunk's next call goes, and the ways left if that fails, the next one last:
    /// to the first hop the registrar gave (RFC 3608 §6.1), if it is an address of the trunk's
    /// own and no proxy comes before it, or else to the trunk.
    fn first_hop(&mut self, id: TrunkId) -> Option<(Hop, Vec<Hop>)> {
        let trunk = self.trunks.get(&id)?;
        let routes = self.registrations.routes(id);
        let first =
            routes.strip_prefix(b"Route: ").and_then(|rest| rest.split(|b| *b == b'\r').next());
        let first = first.filter(|_| trunk.proxy.is_none()).and_then(Address::read);
        let hop = first.and_then(|route| uri_hop(route.uri, trunk.address));
        match hop.filter(|hop| trunk.owns(hop.ip())) {
            Some(hop) => Some((hop, Vec::new())),
            None => self.ways(id),
        }
    }

    /// Gives where a trunk's next request goes, and the ways left if that fails, the next one
    /// last; `None` if the trunk is unknown.
    pub(super) fn ways(&mut self, trunk: TrunkId) -> Option<(Hop, Vec<Hop>)> {
        let trunk = self.trunks.get(&trunk)?;
        let (address, ways) = (trunk.address, trunk.ways.clone());
        let mut hops = self.in_order(&ways);
        Some((hops.pop().unwrap_or(address), hops))
    }

    /// Gives ways in the order in which they are tried now, the first one last.
    pub(super) fn in_order(&mut self, ways: &[Way]) -> Vec<Hop> {
        let mut hops = order(ways, || self.net.draw());
        self.spared.put_last(self.net.now, &mut hops);
        hops.reverse();
        hops
    }

    /// Gives the Route lines of a trunk's calls: the proxy, and what the registrar gave.
    fn routes(&self, trunk: &Trunk) -> Vec<u8> {
        [&trunk.path(), self.registrations.routes(trunk.id)].concat()
    }

    /// Writes down what every copy of the INVITE holds.
    fn compose(&mut self, key: Key, way: Destination, call: Invite) -> Calling {
        let mut tag = Writer(Vec::new());
        tag.text(";tag=").key(key);
        let mut headers = Writer(Vec::new());
        let mut from = Writer(Vec::new());
        let local = self.settings.local.ip();
        let host = way.trunk.as_ref().and_then(|trunk| trunk.domain.clone());
        let host = host.unwrap_or_else(|| host_text(local));
        identify(&mut from, &mut headers, way.trunk.as_ref(), call.from.as_deref(), &host);
        from.text(&tag.0);
        let trunk = way.trunk.as_ref();
        if let Some(call_ref) = call.call_ref.filter(|_| trunk.is_some_and(|t| t.call_header)) {
            headers.header("X-Cadran-Call", call_ref);
        }
        let (session, reliable) =
            trunk.map_or_else(Default::default, |trunk| (trunk.session, trunk.reliable));
        extensions(&mut headers, session.mode, reliable);
        for (name, value) in trunk.into_iter().flat_map(|trunk| &trunk.headers) {
            headers.header(name, value);
        }
        if trunk.is_some_and(|trunk| trunk.early_media == EarlyMedia::Authorised) {
            headers.header("P-Early-Media", "supported");
        }
        let early_media = trunk.map(|trunk| trunk.early_media).unwrap_or_default();
        let mut call_id = Writer(Vec::with_capacity(48));
        call_id.hex(self.net.draw(), 16).hex(self.net.draw(), 16).text("@").text(host_text(local));
        let mut to = Writer(Vec::new());
        to.text("<").text(&way.uri).text(">");
        Calling {
            client: key,
            sent_to: way.home.address,
            home: way.home,
            spare: way.spare,
            large_over_tcp: trunk.is_some_and(|trunk| trunk.large_over_tcp),
            from: from.0,
            to: to.0,
            call_id: call_id.0,
            cseq: 0,
            routes: way.routes,
            headers: headers.0,
            identity: Vec::new(),
            wish: Wish::new(session),
            offer: call.offer,
            trunk: way.trunk.as_ref().map(|trunk| trunk.id),
            redirects: way.trunk.as_ref().map_or(0, |trunk| trunk.redirects_max),
            credentials: way.trunk.and_then(|trunk| trunk.credentials),
            uri: way.uri,
            logins: Logins::default(),
            login_lines: Vec::new(),
            tries: Tries::default(),
            provisional: false,
            cancel: Cancel::No,
            rang: false,
            early_media,
            early: Vec::new(),
        }
    }
}

/// Writes which extensions this call may use, and which it must (RFC 3261 §20.32, §20.37).
fn extensions(headers: &mut Writer, timers: TimerMode, reliable: Reliability) {
    match (timers != TimerMode::Refuse, reliable != Reliability::Off) {
        (true, true) => headers.header("Supported", "timer, 100rel"),
        (true, false) => headers.header("Supported", "timer"),
        (false, true) => headers.header("Supported", "100rel"),
        (false, false) => headers,
    };
    if reliable == Reliability::Required {
        headers.header("Require", "100rel");
    }
}

/// Writes From, and the headers of RFC 3323 and RFC 3325 that the trunk wants.
fn identify(
    from: &mut Writer,
    headers: &mut Writer,
    trunk: Option<&Trunk>,
    shown: Option<&str>,
    host: &str,
) {
    let identity = trunk.map(|trunk| &trunk.identity);
    let account = identity.and_then(|identity| identity.account.as_deref());
    let own = account.filter(|_| identity.is_some_and(|identity| identity.from_account));
    match (own, shown) {
        (None, None) => from.text("\"Anonymous\" <sip:anonymous@anonymous.invalid>"),
        (Some(user), _) | (None, Some(user)) => {
            from.text("<sip:").text(user).text("@").text(host).text(">")
        }
    };
    if let Some(identity) = identity {
        vouch(headers, identity, shown, host);
    }
}

/// Writes the headers beside From that say who calls.
fn vouch(headers: &mut Writer, identity: &Identity, shown: Option<&str>, host: &str) {
    if shown.is_none() {
        headers.header(
            "Privacy",
            match identity.privacy {
                Privacy::Id => "id",
                Privacy::User => "user;id",
                Privacy::Full => "header;user;id",
            },
        );
    }
    if let Some(user) = shown.or(identity.account.as_deref()) {
        for (name, wanted) in [
            ("P-Asserted-Identity", identity.asserted),
            ("P-Preferred-Identity", identity.preferred),
        ] {
            if wanted {
                headers.header(name, format!("<sip:{user}@{host}>"));
            }
        }
        if identity.remote_party {
            let privacy = if shown.is_none() { "full" } else { "off" };
            let value = format!("<sip:{user}@{host}>;party=calling;screen=no;privacy={privacy}");
            headers.header("Remote-Party-ID", value);
        }
    }
    if let Some(user) = &identity.diversion {
        let value = format!("<sip:{user}@{host}>;reason=unconditional;counter=1");
        headers.header("Diversion", value);
    }
}

/// Tells whether a text may stand as a user part and as a header's value, unescaped.
pub(super) fn is_user(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,/#".contains(&byte);
    !text.is_empty() && text.len() <= 64 && text.bytes().all(fits)
}
