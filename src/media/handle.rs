//! The door to the reactor.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::eventfd::{EfdFlags, EventFd};
use tokio::sync::mpsc;

use super::ports::{Pair, Ports};
use super::reactor::Reactor;
use super::webrtc::{Browser, Browsers};
use super::{Event, Feed, Local, Prompt, Remote};
use crate::engine::clock::Clock;
use crate::engine::tasks::Tasks;
use crate::sound::Clip;
use crate::units::{LegId, Span};

/// Commands that may wait at once: a burst of 500 calls at six commands each.
const COMMANDS_MAX: usize = 4_096;

/// Prompts that may be added: a dozen for each of 80 campaigns.
const PROMPTS_MAX: u32 = 1_024;

/// How the reactor is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address the sockets are bound to.
    pub ip: IpAddr,
    /// An address of the other family, IPv4 or IPv6, for far ends that are reached over it.
    pub second: Option<IpAddr>,
    /// The address told in session descriptions, if it is another one (address translation), in
    /// place of the bound one of its family.
    pub advertised: Option<IpAddr>,
    /// The ports; each leg takes an even one and the next.
    pub ports: RangeInclusive<u16>,
    /// How long a leg that should send may be silent before `Event::Silent`; 30 s is usual.
    pub silent_after: Span,
    /// Seeds SSRCs, first sequence numbers and timestamps, and the spread of reports.
    pub seed: u64,
}

/// Why the media cannot do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The configured range holds no pair: the user's to mend.
    #[error("RTP ports {first}-{last} hold no even port with its next one; widen the range")]
    Range {
        /// The first port configured.
        first: u16,
        /// The last port configured.
        last: u16,
    },
    /// Bound to every address but none is advertised: the user's to mend.
    #[error("audio is bound to every address; set the one to advertise to the far ends")]
    NoAddress,
    /// Every pair is taken: try again when a call has ended, or widen the range.
    #[error("all {pairs} pairs of RTP ports are taken; widen the range of RTP ports")]
    NoPort {
        /// How many pairs there are.
        pairs: u32,
    },
    /// The system refuses a socket: wrong address, or too many open files.
    #[error("cannot bind UDP {ip}:{port} for audio: {error}")]
    Socket {
        /// The configured address.
        ip: IpAddr,
        /// The port.
        port: u16,
        /// What the system says.
        error: io::Error,
    },
    /// The system refuses the thread or its poll.
    #[error("cannot start the audio thread: {0}")]
    Start(io::Error),
    /// A browser's offer is none we can meet: the page's or the browser's to mend.
    #[error(
        "the browser's offer cannot be answered: {0}; one G.711 audio stream both ways is needed"
    )]
    Offer(String),
    /// Built without the feature `webrtc`: agents have SIP phones.
    #[error("this cadran was built without browsers' telephones: sit down at a SIP phone")]
    NoBrowsers,
    /// More than `COMMANDS_MAX` commands wait, or the reactor has stopped: try again.
    #[error("the audio thread takes no commands now")]
    Busy,
    /// More than `PROMPTS_MAX` prompts: the user's to mend.
    #[error("more than {PROMPTS_MAX} prompts")]
    TooManyPrompts,
}

/// What the reactor did and dropped since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets relayed from one leg to another.
    pub relayed: u64,
    /// Packets of our own: prompts, silence, tones, keys.
    pub fed: u64,
    /// Datagrams that are neither RTP nor RTCP.
    pub malformed: u64,
    /// Packets from a source that is not the leg's far end.
    pub strangers: u64,
    /// Protected packets and reports whose tag is wrong: forged, changed, or under another key.
    pub forged: u64,
    /// Protected packets and reports that came before.
    pub replayed: u64,
    /// Packets of a payload type that was not offered.
    pub unwanted: u64,
    /// Packets not relayed because they are doubled or from before the bridging.
    pub late: u64,
    /// Packets the system would not send, or that could not be protected.
    pub unsent: u64,
    /// Packet times passed over because the thread was held up.
    pub skipped: u64,
    /// Keys asked for that do not exist or found no room.
    pub keys_dropped: u64,
    /// Reports received (RTCP).
    pub reports: u64,
    /// Events nobody took in time.
    pub events_lost: u64,
    /// Commands about legs that are not open.
    pub unknown_legs: u64,
    /// Legs open now.
    pub legs: u64,
}

/// What the reactor is told.
#[derive(Debug)]
pub(super) enum Command {
    Open(LegId, Pair),
    Change(LegId, Change),
    Bridge(LegId, LegId),
    Unbridge(LegId),
    Close(LegId),
    AddPrompt(Arc<Clip>),
}

/// What is changed at one leg.
#[derive(Debug)]
pub(super) enum Change {
    Connect(Remote),
    Join(Box<Browser>),
    Feed(Feed),
    Press(Box<[u8]>),
}

/// What both sides of the door can touch.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) wake: EventFd,
    pub(super) stop: AtomicBool,
    pub(super) counters: Mutex<Counters>,
}

#[derive(Debug)]
struct Door {
    commands: SyncSender<Command>,
    shared: Arc<Shared>,
    ports: Ports,
    /// The addresses bound, each with the one that is told: one, or one of each family.
    places: Vec<(IpAddr, IpAddr)>,
    browsers: Browsers,
    clock: Clock,
    prompts: Mutex<u32>,
}

impl Door {
    fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        self.knock();
    }

    /// Wakes the reactor. The write fails only when 2^64 - 1 wakes wait: then it is awake.
    fn knock(&self) {
        self.shared.wake.write(1).ok();
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The door to the running reactor; cheap to clone. The reactor ends when the last one is gone.
///
/// No method waits: commands are queued and done in order.
#[derive(Clone, Debug)]
pub struct MediaHandle {
    door: Arc<Door>,
}

impl MediaHandle {
    /// Starts the reactor's thread. Events go to `events`; one that finds the queue full is
    /// dropped and counted. When the reactor has ended, `events` closes.
    ///
    /// # Errors
    /// The range of ports is empty, or the system refuses a thread or a file descriptor.
    pub fn start(
        settings: Settings,
        clock: Clock,
        events: mpsc::Sender<Event>,
    ) -> Result<Self, MediaError> {
        let ports = Ports::new(&settings.ports)?;
        let told = |ip: IpAddr| {
            let public = settings.advertised.filter(|public| public.is_ipv4() == ip.is_ipv4());
            (ip, public.unwrap_or(ip))
        };
        let places: Vec<_> = [settings.ip].into_iter().chain(settings.second).map(told).collect();
        if places.iter().any(|(_, told)| told.is_unspecified()) {
            return Err(MediaError::NoAddress);
        }
        let (commands, inbox) = sync_channel(COMMANDS_MAX);
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        let wake = EventFd::from_flags(flags).map_err(|error| MediaError::Start(error.into()))?;
        let shared = Arc::new(Shared {
            wake,
            stop: AtomicBool::new(false),
            counters: Mutex::new(Counters::default()),
        });
        let reactor = Reactor::new(&settings, clock, inbox, Arc::clone(&shared), events)
            .map_err(MediaError::Start)?;
        Tasks::thread("media", move || reactor.run()).map_err(MediaError::Start)?;
        let browsers = Browsers::new().map_err(MediaError::Start)?;
        let prompts = Mutex::new(0);
        let door = Door { commands, shared, ports, places, browsers, clock, prompts };
        Ok(Self { door: Arc::new(door) })
    }

    /// Opens a leg's two sockets and gives their addresses for the session description: of the
    /// family of the address the far end is reached at, where there is one of it.
    ///
    /// # Errors
    /// No pair of ports is free, the system refuses a socket, or too many commands wait.
    pub fn open(&self, leg: LegId, towards: Option<IpAddr>) -> Result<Local, MediaError> {
        let (pair, local) = self.bind(towards)?;
        self.tell(Command::Open(leg, pair))?;
        Ok(local)
    }

    /// Opens a leg for a browser and gives our address and the answer to its offer. What becomes
    /// of it is told by `Event::Joined` and `Event::Left`.
    ///
    /// # Errors
    /// The offer cannot be met, no pair of ports is free, or too many commands wait.
    pub fn answer(&self, leg: LegId, offer: &str) -> Result<(Local, String), MediaError> {
        let (pair, local) = self.bind(None)?;
        let now = self.door.clock.instant(self.door.clock.mono()).into_std();
        let (browser, answer) = self.door.browsers.answer(offer, local.rtp, now)?;
        self.tell(Command::Open(leg, pair))?;
        self.tell(Command::Change(leg, Change::Join(Box::new(browser))))?;
        Ok((local, answer))
    }

    /// Tells where the leg's far end is and how it wants its audio; again at every new answer.
    ///
    /// # Errors
    /// Too many commands wait.
    pub fn connect(&self, leg: LegId, remote: Remote) -> Result<(), MediaError> {
        self.tell(Command::Change(leg, Change::Connect(remote)))
    }

    /// Sets what the far end hears while the leg is not bridged.
    ///
    /// # Errors
    /// Too many commands wait.
    pub fn feed(&self, leg: LegId, feed: Feed) -> Result<(), MediaError> {
        self.tell(Command::Change(leg, Change::Feed(feed)))
    }

    /// Joins two legs; each is taken out of the bridge it was in. What either was fed goes on
    /// until the first packet of the other comes, and is silence after that.
    ///
    /// # Errors
    /// Too many commands wait.
    pub fn bridge(&self, left: LegId, right: LegId) -> Result<(), MediaError> {
        self.tell(Command::Bridge(left, right))
    }

    /// Takes a leg and its partner apart.
    ///
    /// # Errors
    /// Too many commands wait.
    pub fn unbridge(&self, leg: LegId) -> Result<(), MediaError> {
        self.tell(Command::Unbridge(leg))
    }

    /// Presses keys (0-9, *, #, A-D) towards the far end; audio pauses meanwhile.
    ///
    /// # Errors
    /// Too many commands wait.
    pub fn send_dtmf(&self, leg: LegId, keys: &[u8]) -> Result<(), MediaError> {
        self.tell(Command::Change(leg, Change::Press(keys.into())))
    }

    /// Closes the leg: a goodbye by RTCP, nothing after it, and `Event::Closed`.
    ///
    /// # Errors
    /// Too many commands wait.
    pub fn close(&self, leg: LegId) -> Result<(), MediaError> {
        self.tell(Command::Close(leg))
    }

    /// Adds a sound to play.
    ///
    /// # Errors
    /// There are `PROMPTS_MAX` prompts already, or too many commands wait.
    pub fn add_prompt(&self, clip: Clip) -> Result<Prompt, MediaError> {
        // Two callers at once must be numbered in the order their commands are queued.
        let mut prompts = self.door.prompts.lock().unwrap_or_else(PoisonError::into_inner);
        if *prompts >= PROMPTS_MAX {
            return Err(MediaError::TooManyPrompts);
        }
        self.tell(Command::AddPrompt(Arc::new(clip)))?;
        *prompts += 1;
        Ok(Prompt(*prompts - 1))
    }

    /// Gives what was done and dropped, at most one tick old.
    #[must_use]
    pub fn counters(&self) -> Counters {
        *self.door.shared.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the reactor: every leg is closed with its goodbye, then the events close.
    pub fn stop(&self) {
        self.door.stop();
    }

    /// Binds a pair of sockets and gives the addresses that are told of them.
    fn bind(&self, towards: Option<IpAddr>) -> Result<(Pair, Local), MediaError> {
        let places = &self.door.places;
        let fits = |ip: IpAddr| towards.is_some_and(|far| far.is_ipv4() == ip.is_ipv4());
        let place = places.iter().find(|(bound, _)| fits(*bound)).or_else(|| places.first());
        let (bound, ip) = *place.ok_or(MediaError::NoAddress)?;
        let pair = self.door.ports.bind(bound)?;
        let local =
            Local { rtp: SocketAddr::new(ip, pair.port), rtcp: SocketAddr::new(ip, pair.port + 1) };
        Ok((pair, local))
    }

    fn tell(&self, command: Command) -> Result<(), MediaError> {
        self.door.commands.try_send(command).map_err(|_| MediaError::Busy)?;
        self.door.knock();
        Ok(())
    }
}
