//! Starts everything: store, media, signalling, webhooks, and the engine on top of them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::book::{Book, CampaignPage, TrunkPage};
use super::clock::Clock;
use super::gauge::Gauge;
use super::handle::{ASKS_MAX, Ask, Handle, Snapshot};
use super::quality::Judged;
use super::scribe::Scribe;
use super::tape::{self, Recorder};
use super::tasks::Tasks;
use super::trunks::{carrier_side, doors};
use super::{Engine, Inbox, Parts, audited, foresight, forget, quality, restock, resume};
use crate::config::campaign::UnknownTrunk;
use crate::config::{self, Answering, Campaign, Config, Database, Disposition, Webhook};
use crate::core::campaign::Mode;
use crate::core::fact::{CampaignFact, TrunkFact};
use crate::core::pacing::prior::Lesson;
use crate::core::{self, Dialer, Fact, Record};
use crate::hooks::event::call_completed;
use crate::hooks::sign::{NotAKey, SigningKey};
use crate::hooks::{self, Courier, Endpoint, NotAnEndpoint};
use crate::media::{self, MediaHandle, PromptError, Prompts};
use crate::sip;
use crate::store::{self, CampaignRow, DispositionRow, ListShare, NewCampaign, Recovered, Store};
use crate::units::{CampaignId, ClientId, Span, TrunkId};
use crate::wire::sdp::{Codec, Srtp, Terms};

/// How long a contact rests whose call was interrupted by a crash: what campaigns usually wait
/// after `interrupted` (docs/campaigns.md), as the far end may still ring.
const INTERRUPTED_REST: Span = Span::secs(1_800);

/// Events the signalling and the media may hold ready at once: ten seconds of a busy engine.
pub const EVENTS_MAX: usize = 65_536;

/// How long the end of everything may take: one delivery of a webhook.
const CLOSE_MAX: Duration = Duration::from_secs(25);

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The signalling cannot start.
    #[error(transparent)]
    Sip(#[from] sip::SipError),
    /// The media cannot start.
    #[error(transparent)]
    Media(#[from] media::MediaError),
    /// A webhook's address cannot be used.
    #[error(transparent)]
    Endpoint(#[from] NotAnEndpoint),
    /// A webhook's key cannot be used.
    #[error("the signing key of the webhook of {0} cannot be used: {1}")]
    Key(String, NotAKey),
    /// The tape cannot be written.
    #[error(transparent)]
    Tape(#[from] tape::TapeError),
    /// A campaign names an unknown trunk.
    #[error(transparent)]
    Trunk(#[from] UnknownTrunk),
    /// A password is not where the configuration says.
    #[error(transparent)]
    Secret(#[from] config::SecretMissing),
    /// A prompt cannot be played.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// The RTP ports are too few for the channels.
    #[error(transparent)]
    Ports(#[from] config::PortsShort),
    /// The system gave no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
}

impl BootError {
    /// Tells whether the configuration is at fault: with other settings the engine would start.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        use media::MediaError;
        use sip::SipError;
        use store::StoreError;
        match self {
            Self::Endpoint(_)
            | Self::Key(..)
            | Self::Trunk(_)
            | Self::Secret(_)
            | Self::Prompt(_)
            | Self::Tape(_)
            | Self::Ports(_) => true,
            Self::Store(error) => matches!(
                error,
                StoreError::Open { .. }
                    | StoreError::Missing { .. }
                    | StoreError::InUse(_)
                    | StoreError::Key { .. }
                    | StoreError::WrongKey
                    | StoreError::OtherClient { .. }
                    | StoreError::ClientTaken { .. }
                    | StoreError::Setting(_)
            ),
            Self::Sip(error) => matches!(
                error,
                SipError::Bind { .. }
                    | SipError::Unspecified(_)
                    | SipError::Resolve { .. }
                    | SipError::Tls { .. }
            ),
            Self::Media(error) => matches!(
                error,
                MediaError::Range { .. } | MediaError::NoAddress | MediaError::Socket { .. }
            ),
            Self::Random(_) => false,
        }
    }
}

/// A running engine.
#[derive(Debug)]
pub struct Running {
    /// The door to it.
    pub handle: Handle,
    /// Its store.
    pub store: Store,
    /// What it carries.
    pub gauge: Gauge,
    /// Its clock.
    pub clock: Clock,
    /// Its tasks.
    pub tasks: Tasks,
    /// What it was started with.
    pub config: Arc<Config>,
    /// Every campaign the store knows; none is added while it runs.
    pub campaigns: Arc<[CampaignRow]>,
    /// The tape it writes.
    pub tape: Option<PathBuf>,
    ended: Option<oneshot::Receiver<Infallible>>,
    delivered: oneshot::Receiver<Infallible>,
}

impl Running {
    /// Stops dialling, lets conversations end, and waits until everything is written.
    pub async fn drain(&mut self) {
        if self.handle.ask(Ask::Drain).await.is_ok() {
            self.ended().await;
        }
    }

    /// Waits until the engine has left by itself.
    pub async fn ended(&mut self) {
        if let Some(ended) = &mut self.ended {
            // The sender is dropped at the engine's end and never says anything.
            let Err(_) = ended.await;
            self.ended = None;
        }
    }

    /// Waits, once the engine has left, until the last webhooks went out or were given up for now.
    pub async fn delivered(&mut self) {
        // The sender is dropped with the courier and never says anything.
        drop(tokio::time::timeout(CLOSE_MAX, &mut self.delivered).await);
    }

    /// Waits for what still runs after the engine: the last rows and webhooks.
    pub async fn close(self) {
        let tasks = self.tasks.clone();
        drop(self);
        if tokio::time::timeout(CLOSE_MAX, tasks.finished()).await.is_err() {
            tracing::warn!("some tasks did not end; what they had to deliver is kept");
            tasks.abort();
        }
    }
}

/// Makes a new signing key for webhooks, as a key file holds it.
///
/// # Errors
/// The system gives no random bytes.
pub fn new_signing_key() -> Result<String, BootError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(BootError::Random)?;
    Ok(SigningKey::write(&bytes))
}

/// Gives a campaign what its pacer learnt elsewhere, as counted now, before the engine starts.
///
/// # Errors
/// The store cannot be used.
pub async fn teach(config: &Config, name: &str, lessons: &[Lesson]) -> Result<(), BootError> {
    let (now, tasks) = (Clock::start().now().wall, Tasks::new());
    let store = open_store(config, &tasks).await?;
    rename_clients(config, &store).await?;
    if let Some(campaign) = config.campaign(name) {
        let id = store.set_campaign(&stored(campaign, config)).await?;
        let taught = lessons.iter().map(|lesson| {
            let lesson = Lesson { from: now, until: now, ..lesson.clone() };
            let record = Record::Learnt(id, Box::new(lesson));
            store::Write::Record { record, at: now }
        });
        store.commit(taught.collect()).await?;
    }
    drop(store);
    tasks.finished().await;
    Ok(())
}

/// Starts the engine.
///
/// # Errors
/// Something it stands on cannot start; see [`BootError`].
pub async fn start(config: Config) -> Result<Running, BootError> {
    let (clock, tasks) = (Clock::start(), Tasks::new());
    let store = open_store(&config, &tasks).await?;
    let recovered = store.recover(clock.now().wall).await?;
    check_ports(&config, recovered.agents.len())?;
    let seed = getrandom::u64().map_err(BootError::Random)?;

    let (media_out, media_events) = mpsc::channel(EVENTS_MAX);
    let media = MediaHandle::start(media_settings(&config, seed), clock, media_out)?;
    let prompts = Prompts::load(prompt_files(&config), &media)?;
    let mut book = Book::default();
    let mut first = Vec::new();
    let trunks = set_trunks(&config, &store, &mut book, &mut first).await?;
    first.extend(set_campaigns(&config, &store, &prompts, &trunks, &mut book).await?);
    audited::start(&config, &store, clock.now().wall).await?;
    first.extend(resume::remembered(&config, &store, clock.now().wall).await?);
    let (sip, sip_events) =
        sip::start(signalling(&config, &trunks, &recovered, seed)?, clock, &tasks).await?;
    let (stop_courier, stopped) = watch::channel(false);
    // Endpoints stand in the operator's own files: one on this machine is meant.
    let deliveries = hooks::Settings { loopback: true, ..hooks::Settings::default() };
    let receivers = endpoints(&config)?;
    let courier = Courier::new(store.clone(), clock, tasks.clone(), receivers, deliveries)?;
    let campaigns: Arc<[CampaignRow]> = store.campaigns().await?.into();
    let paced = predictive(&config, &campaigns);
    let names = book.trunks.iter().map(|(id, page)| (*id, page.name.clone())).collect();
    let (fallen, falls) = watch::channel(BTreeMap::new());
    tasks.spawn(quality::watch(store.clone(), clock, Judged { names, fallen }, stopped.clone()));
    keep_books(&tasks, &store, clock, (paced, &stopped));
    forget::start(&store, clock, &config.retention, &tasks, &stopped);
    let (delivering, delivered) = oneshot::channel::<Infallible>();
    tasks.spawn(async move {
        courier.run(stopped).await;
        drop(delivering);
    });

    let settings = core::Settings { node: config.node, first_call: recovered.first_call, seed };
    let (tape, path) = begin_tape(&config, settings, clock)?;
    let (scribe, writing) = Scribe::new(store.clone());
    tasks.spawn(writing);
    let (asks, asked) = mpsc::channel(ASKS_MAX);
    let (snapshot, watched) = watch::channel(Arc::new(Snapshot::default()));
    let (gauge, handle) = (Gauge::new(sip.clone(), media.clone()), Handle::new(asks, watched));
    let parts = Parts {
        clock,
        dialer: Dialer::new(settings),
        store: store.clone(),
        sip,
        media,
        tape,
        scribe,
        book,
        tasks: tasks.clone(),
        random,
        inbox: Inbox { sip: sip_events, media: media_events, asks: asked },
        snapshot,
        falls,
    };
    let mut engine = Engine::new(parts, recovered.first_leg, recovered.first_inbound);
    first.extend(engine.resume(recovered).await);
    let (ending, ended) = oneshot::channel::<Infallible>();
    tasks.spawn(restock::watch(store.clone(), handle.clone()));
    tasks.spawn(async move {
        engine.run(first).await;
        drop(stop_courier);
        drop(ending);
    });
    let (config, ended, tape) = (Arc::new(config), Some(ended), path);
    Ok(Running { handle, store, gauge, clock, tasks, config, campaigns, tape, ended, delivered })
}

/// Starts what looks after the store's contents, until `stopped` says so.
fn keep_books(
    tasks: &Tasks,
    store: &Store,
    clock: Clock,
    (paced, stopped): (Vec<(CampaignId, String)>, &watch::Receiver<bool>),
) {
    tasks.spawn(foresight::compare(store.clone(), clock, paced, stopped.clone()));
    tasks.spawn(audited::sign(store.clone(), stopped.clone()));
    tasks.spawn(resume::sign_of_life(store.clone(), clock, stopped.clone()));
}

/// Gives the campaigns whose pacers foretell.
fn predictive(config: &Config, rows: &[CampaignRow]) -> Vec<(CampaignId, String)> {
    let foretells = |name: &str| {
        let campaign = config.campaign(name);
        campaign.is_some_and(|campaign| matches!(campaign.mode, Mode::Predictive { .. }))
    };
    let known = rows.iter().filter(|row| foretells(&row.name));
    known.map(|row| (row.id, row.name.clone())).collect()
}

/// Refuses RTP ports that are too few for the channels. Agents who find none are only warned of:
/// not all who were ever added sign in, and an engine that ran must start again.
fn check_ports(config: &Config, agents: usize) -> Result<(), config::PortsShort> {
    match config.check_ports(agents) {
        Err(short) if short.room >= short.channels => {
            tracing::warn!("{short}");
            Ok(())
        }
        checked => checked,
    }
}

/// Draws from the system's randomness.
fn random(bytes: &mut [u8]) -> std::io::Result<()> {
    getrandom::fill(bytes).map_err(std::io::Error::other)
}

/// Gives the place of the store, with the password from where it is kept.
///
/// # Errors
/// The password is not there.
pub fn store_place(database: &Database) -> Result<store::Place, config::SecretMissing> {
    Ok(match database {
        Database::File(path) => store::Place::File(path.clone()),
        Database::Server { url, password } => {
            let password = password.as_ref().map(config::SecretPlace::read).transpose()?;
            let password = password.map(|secret| secret.reveal().to_owned());
            store::Place::Server(store::Access { url: url.clone(), password })
        }
    })
}

async fn open_store(config: &Config, tasks: &Tasks) -> Result<Store, BootError> {
    let settings = store::Settings {
        place: store_place(&config.store.database)?,
        key: Some(config.store.key_file.clone()),
        node: config.node,
        full_sync: config.store.full_sync,
        interrupted_rest: INTERRUPTED_REST,
        random,
        tell: call_completed,
        tell_inbound: hooks::received::tell,
    };
    Ok(Store::open(settings, tasks).await?)
}

async fn set_trunks(
    config: &Config,
    store: &Store,
    book: &mut Book,
    first: &mut Vec<Fact>,
) -> Result<BTreeMap<String, TrunkId>, BootError> {
    let mut trunks = BTreeMap::new();
    book.phones_srtp = srtp(config.phones.srtp);
    for trunk in &config.trunks {
        let id = store.trunk(&trunk.name).await?;
        trunks.insert(trunk.name.clone(), id);
        let hidden = trunk.caller_id.hidden;
        let (name, audio) = (trunk.name.clone(), audio(trunk));
        let (account, responses) = (trunk.auth.is_some(), trunk.responses.clone());
        let (unknown, transfers) = (trunk.incoming.unknown, trunk.refer == config::Refer::Transfer);
        let page = TrunkPage { name, hidden, audio, account, responses, transfers, unknown };
        book.trunks.insert(id, page);
        first.push(Fact::Trunk(id, TrunkFact::Set(trunk.settings())));
        let limits = trunk.incoming.limits;
        first.extend(limits.map(|limits| Fact::Trunk(id, TrunkFact::Receives(limits))));
    }
    Ok(trunks)
}

/// Gives client companies the names they have now, before a campaign brings them as new ones.
async fn rename_clients(config: &Config, store: &Store) -> Result<(), store::StoreError> {
    for campaign in &config.campaigns {
        if let Some(was) = &campaign.client_was {
            store.rename_client(was, &campaign.client).await?;
        }
    }
    Ok(())
}

async fn set_campaigns(
    config: &Config,
    store: &Store,
    prompts: &Prompts,
    trunks: &BTreeMap<String, TrunkId>,
    book: &mut Book,
) -> Result<Vec<Fact>, BootError> {
    rename_clients(config, store).await?;
    let mut ids = BTreeMap::new();
    for campaign in &config.campaigns {
        ids.insert(&campaign.name, store.set_campaign(&stored(campaign, config)).await?);
    }
    let clients: BTreeMap<CampaignId, ClientId> =
        store.campaigns().await?.into_iter().map(|row| (row.id, row.client)).collect();
    let mut facts = Vec::new();
    for campaign in &config.campaigns {
        let Some((&id, &client)) =
            ids.get(&campaign.name).and_then(|id| Some((id, clients.get(id)?)))
        else {
            continue;
        };
        let settings = campaign.settings(client, trunks, &config.shown)?;
        facts.push(Fact::Campaign(id, CampaignFact::Set(Box::new(settings))));
        let spoken = spoken(campaign, config);
        // The name of one company would be the wrong one on another's call.
        let own = || spoken.greeting.as_deref().filter(|_| alone(campaign, config));
        let general = spoken.general.as_deref().or_else(own);
        let page = CampaignPage {
            name: campaign.name.clone(),
            requires: campaign.requires.clone(),
            caller_ids: campaign.caller_ids.clone(),
            prefixes: campaign.prefixes(),
            notice: prompts.notice(notice(campaign, config).as_deref()),
            hold: prompts.hold(),
            greeting: prompts.notice(spoken.greeting.as_deref()),
            general: prompts.notice(general),
            confirmation: prompts.confirmation(spoken.confirmation.as_deref()),
        };
        book.campaigns.insert(id, page);
    }
    Ok(facts)
}

/// Gives the file of a campaign's notice.
fn notice(campaign: &Campaign, config: &Config) -> Option<PathBuf> {
    campaign.notice.as_ref().map(|file| config.prompts.join(file))
}

/// Gives the files of what callers of a campaign's numbers hear.
fn spoken(campaign: &Campaign, config: &Config) -> Answering {
    let file = |file: &Option<PathBuf>| file.as_ref().map(|file| config.prompts.join(file));
    let Answering { greeting, general, confirmation, settings } = &campaign.answering;
    let (greeting, general) = (file(greeting), file(general));
    Answering { greeting, general, confirmation: file(confirmation), settings: *settings }
}

/// Tells whether nobody else's campaign shows a number of this one's.
fn alone(campaign: &Campaign, config: &Config) -> bool {
    let shows = |other: &&Campaign| {
        other.caller_ids.iter().any(|number| campaign.caller_ids.contains(number))
    };
    config.campaigns.iter().filter(shows).all(|other| other.client == campaign.client)
}

/// Gives every file that callees and callers hear.
fn prompt_files(config: &Config) -> Vec<PathBuf> {
    let of = |campaign| {
        let Answering { greeting, general, confirmation, .. } = spoken(campaign, config);
        [notice(campaign, config), greeting, general, confirmation].into_iter().flatten()
    };
    config.campaigns.iter().flat_map(of).collect()
}

/// Gives a campaign as the store keeps it.
fn stored(campaign: &Campaign, config: &Config) -> NewCampaign {
    NewCampaign {
        name: campaign.name.clone(),
        client: campaign.client.clone(),
        endpoint: endpoint(campaign, config).map(|(name, _)| name.to_owned()),
        caller_ids: campaign.caller_ids.clone(),
        dispositions: campaign.dispositions.iter().map(disposition).collect(),
        shares: campaign.order.shares.iter().map(share).collect(),
        quotas: campaign.order.quotas.clone(),
        history: campaign.retry.asks_history(),
    }
}

fn disposition(disposition: &Disposition) -> DispositionRow {
    DispositionRow {
        code: disposition.code.clone(),
        label: disposition.label.clone(),
        class: disposition.class,
    }
}

fn share((file, percent): &(String, u8)) -> ListShare {
    ListShare { file: file.clone(), percent: *percent }
}

/// The endpoint of campaigns without a webhook of their own.
const SHARED_ENDPOINT: &str = "default";

/// Gives the name and the webhook a campaign's events go to.
fn endpoint<'a>(campaign: &'a Campaign, config: &'a Config) -> Option<(&'a str, &'a Webhook)> {
    let own = campaign.webhook.as_ref().map(|webhook| (campaign.name.as_str(), webhook));
    own.or_else(|| Some((SHARED_ENDPOINT, config.webhook.as_ref()?)))
}

fn signalling(
    config: &Config,
    trunks: &BTreeMap<String, TrunkId>,
    recovered: &Recovered,
    seed: u64,
) -> Result<sip::Settings, BootError> {
    let mut known = Vec::new();
    for trunk in &config.trunks {
        if let Some(&id) = trunks.get(&trunk.name) {
            known.push(carrier_side(id, trunk)?);
        }
    }
    let advertised = config.sip.advertised();
    Ok(sip::Settings {
        bind: config.sip.bind,
        also: doors(&config.sip),
        identification: config.sip.identification.as_ref().map(Into::into),
        public: (config.sip.public.is_some()).then_some(advertised),
        nameservers: config.sip.nameservers.clone(),
        realm: config.phones.realm.clone(),
        seed,
        trunks: known,
        phones: Vec::new(),
        left: sip::Left {
            dialogs: recovered.dialogs.clone(),
            bindings: recovered.bindings.clone(),
        },
    })
}

fn audio(trunk: &config::Trunk) -> Terms {
    let codecs = trunk.codecs.iter().map(|codec| match codec {
        config::Codec::Pcma => Codec::Pcma,
        config::Codec::Pcmu => Codec::Pcmu,
    });
    Terms { srtp: srtp(trunk.srtp), codecs: codecs.collect() }
}

const fn srtp(setting: config::Srtp) -> Srtp {
    match setting {
        config::Srtp::Off => Srtp::Off,
        config::Srtp::Preferred => Srtp::Preferred,
        config::Srtp::Mandatory => Srtp::Mandatory,
    }
}

fn begin_tape(
    config: &Config,
    settings: core::Settings,
    clock: Clock,
) -> Result<(Option<Recorder>, Option<PathBuf>), BootError> {
    let Some(folder) = &config.tapes else { return Ok((None, None)) };
    let unwritable = |source| tape::TapeError::Io { path: folder.clone(), source };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    let now = clock.now();
    let path = folder.join(format!("{}.tape", now.wall.timestamp().strftime("%Y%m%dT%H%M%S%.3fZ")));
    Ok((Some(Recorder::create(&path, settings, now, false)?), Some(path)))
}

fn media_settings(config: &Config, seed: u64) -> media::Settings {
    media::Settings {
        ip: config.rtp.ip,
        second: config.rtp.second,
        advertised: config.rtp.public,
        ports: config.rtp.first..=config.rtp.last,
        silent_after: SILENT_AFTER,
        seed,
    }
}

/// A leg silent for this long is worth a question: phones that suppress silence still send comfort
/// noise or RTCP within it.
const SILENT_AFTER: Span = Span::secs(30);

/// Gives every receiver of events with its key.
fn endpoints(config: &Config) -> Result<Vec<Endpoint>, BootError> {
    let named: BTreeMap<&str, &Webhook> =
        config.campaigns.iter().filter_map(|campaign| endpoint(campaign, config)).collect();
    let mut endpoints = Vec::new();
    for (name, webhook) in named {
        let secret = webhook.secret.read()?;
        let key = SigningKey::new(secret.reveal())
            .map_err(|error| BootError::Key(name.to_owned(), error))?;
        endpoints.push(Endpoint::new(name, &webhook.url, vec![key])?);
    }
    Ok(endpoints)
}
