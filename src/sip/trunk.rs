//! A carrier's side of the settings: its address, how numbers are written for it, its health.

use std::net::SocketAddr;

use crate::units::{NumberForm, Span, TrunkId};
use crate::wire::sip::{Credentials, EarlyMedia, Identity, Reliability, SessionTimers};

/// A SIP trunk as the configuration describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    /// Its id.
    pub id: TrunkId,
    /// Where requests go, as `host:port` or `host` (port 5060, RFC 3261 §19.1.2); looked up when
    /// the trunk is set.
    pub host: String,
    /// The domain in request URIs and From; `host` without its port if `None`.
    pub domain: Option<String>,
    /// Further hosts whose messages are taken for this trunk's.
    pub sources: Vec<String>,
    /// The account that answers the carrier's challenges.
    pub credentials: Option<Credentials>,
    /// How the shown number is written into From, P-Asserted-Identity and Privacy.
    pub identity: Identity,
    /// How called numbers are written.
    pub called_form: NumberForm,
    /// How our own number is written.
    pub caller_form: NumberForm,
    /// How many redirections (3xx) back to the same trunk are followed; 0 fails the call.
    pub redirects_max: u8,
    /// Writes the `X-Cadran-Call` header with the call's public id.
    pub call_header: bool,
    /// How long a call may last without a sign from the carrier.
    pub session: SessionTimers,
    /// Whether provisional answers are asked for reliably.
    pub reliable: Reliability,
    /// Whether sound before the answer is heard.
    pub early_media: EarlyMedia,
    /// Further header lines of each INVITE, name and value.
    pub headers: Vec<(String, String)>,
    /// Keeps the account registered.
    pub register: Option<Register>,
    /// How often OPTIONS asks for a sign of life; never if `None`.
    pub options_every: Option<Span>,
}

impl Trunk {
    /// Makes a trunk without account, with numbers in E.164 and a sign of life every 30 seconds.
    #[must_use]
    pub fn new(id: TrunkId, host: impl Into<String>) -> Self {
        Self {
            id,
            host: host.into(),
            domain: None,
            sources: Vec::new(),
            credentials: None,
            identity: Identity::default(),
            called_form: NumberForm::Plus,
            caller_form: NumberForm::Plus,
            redirects_max: 0,
            call_header: false,
            session: SessionTimers::default(),
            reliable: Reliability::default(),
            early_media: EarlyMedia::default(),
            headers: Vec::new(),
            register: None,
            options_every: Some(Span::secs(30)),
        }
    }
}

impl Trunk {
    /// Gives the host that REGISTER names: the registrar's, or else the trunk's domain or host.
    pub(super) fn registrar_domain(&self) -> String {
        let named = self.register.as_ref().and_then(|register| register.registrar.clone());
        named.or_else(|| self.domain.clone()).unwrap_or_else(|| self.host.clone())
    }
}

/// Where and for how long a trunk's account registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// The registrar, as `host:port` or `host`; the trunk's host if `None`.
    pub registrar: Option<String>,
    /// How long a binding is asked for.
    pub expires: Span,
}

/// Looks a host up: `host:port`, `host`, or an address.
///
/// # Errors
/// The name has no address now.
pub async fn resolve(host: &str) -> std::io::Result<SocketAddr> {
    /// SIP's own port over UDP (RFC 3261 §19.1.2).
    const PORT: u16 = 5060;
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    if let Ok(ip) = host.trim_matches(['[', ']']).parse() {
        return Ok(SocketAddr::new(ip, PORT));
    }
    let named = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let text = if named { host.to_owned() } else { format!("{host}:{PORT}") };
    let mut found = tokio::net::lookup_host(text).await?;
    let missing = || std::io::Error::new(std::io::ErrorKind::NotFound, "no address for this name");
    found.next().ok_or_else(missing)
}
