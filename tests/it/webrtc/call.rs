//! The whole path: an agent at a browser, an engine, and a person at the virtual carrier.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cadran::carrier::{self, CarrierHandle, Cast, Lasting, Persona, Town};
use cadran::config::Config;
use cadran::core::order::AgentState;
use cadran::engine::boot::{self, Running};
use cadran::engine::clock::Clock;
use cadran::engine::handle::{AgentVerb, Ask, CampaignVerb, Refused, Reply};
use cadran::engine::tasks::Tasks;
use cadran::media::Codec;
use cadran::store::NewAgent;
use cadran::units::{AgentId, CampaignId, PauseId, Span};
use tokio::sync::watch;
use tokio::time::timeout;

use super::browser::Browser;
use crate::ports;
use crate::store::fixture;

type Checked<T = ()> = Result<T, Box<dyn Error>>;

/// Whatever is waited for comes within this, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);

/// The pitch the agent's microphone hears, in hertz.
const PITCH: u32 = 1_300;

/// A packet's mean level above which somebody speaks: -30 dB of full scale.
const LOUD: u64 = 1_000;

/// A centre of one agent, who has no telephone but a browser.
struct Centre {
    running: Running,
    carrier: CarrierHandle,
    agent: AgentId,
    campaign: CampaignId,
    clock: Clock,
    outside: Tasks,
    _folder: tempfile::TempDir,
}

impl Drop for Centre {
    fn drop(&mut self) {
        self.outside.abort();
    }
}

impl Centre {
    async fn open() -> Checked<Self> {
        let (clock, outside) = (Clock::start(), Tasks::new());
        // Everybody answers at once and talks until the agent hangs up.
        let always = |time| Lasting { median: time, sigma: 0.0, most: time };
        let town = Town {
            cast: Cast::Only(Persona::Talks),
            ring: always(Span::millis(200)),
            talk: always(Span::secs(600)),
            silence_patience: Span::secs(600),
            ..Town::default()
        };
        let settings = carrier::Settings { town, ..carrier::Settings::default() };
        let carrier = carrier::start(settings, clock, &outside).await?;
        let folder = tempfile::tempdir()?;
        write_project(folder.path(), &carrier)?;
        let running = boot::start(Config::load(&folder.path().join("cadran.toml"))?).await?;
        let campaign = running.campaigns.first().ok_or("no campaign")?.id;
        let agent = hire(&running, campaign).await?;
        Ok(Self { running, carrier, agent, campaign, clock, outside, _folder: folder })
    }

    /// Opens a centre whose agent talks already.
    async fn talking() -> Checked<(Self, Page)> {
        let centre = Self::open().await?;
        let page = centre.sit(Codec::Pcma).await?;
        centre.does(AgentVerb::Login).await?;
        centre.does(AgentVerb::Ready).await?;
        centre.running.handle.ask(Ask::Campaign(centre.campaign, CampaignVerb::Start)).await?;
        centre.until(is_talking).await?;
        Ok((centre, page))
    }

    async fn does(&self, verb: AgentVerb) -> Checked {
        self.running.handle.ask(Ask::Agent(self.agent, verb)).await?;
        Ok(())
    }

    /// Sits a browser down, which lives in a thread of its own from now on.
    async fn sit(&self, codec: Codec) -> Checked<Page> {
        let (mut browser, offer) = Browser::open(self.clock, codec)?;
        browser.pitch = PITCH;
        let ask = Ask::Offer(self.agent, offer.into());
        let Reply::Answer(answer) = self.running.handle.ask(ask).await? else {
            return Err("the engine gave no answer".into());
        };
        browser.accept(&answer)?;
        Page::open(browser)
    }

    /// Waits until the agent is in such a state.
    async fn until(&self, wanted: impl Fn(AgentState) -> bool) -> Checked {
        let mut snapshots = self.running.handle.watch();
        let there = snapshots.wait_for(|snapshot| {
            let mut rows = snapshot.floor.agents.iter();
            rows.any(|row| row.agent == self.agent && wanted(row.state))
        });
        timeout(PATIENCE, there).await.map_err(|_| "the agent never came to that state")??;
        Ok(())
    }
}

fn is_talking(state: AgentState) -> bool {
    matches!(state, AgentState::Talking(_))
}

/// What a page shows of its browser.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    alive: bool,
    /// The loudest packet of the last second.
    level: u64,
}

/// A browser in a thread of its own.
struct Page {
    stop: Arc<AtomicBool>,
    seen: watch::Receiver<Seen>,
}

impl Page {
    fn open(mut browser: Browser) -> Checked<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (show, seen) = watch::channel(Seen::default());
        let stopped = Arc::clone(&stop);
        Tasks::thread("browser", move || {
            while !stopped.load(Ordering::Relaxed) && browser.step().is_ok() {
                let level = browser.heard.chunks(160).map(level).max().unwrap_or(0);
                show.send_replace(Seen { alive: browser.is_alive(), level });
            }
        })?;
        Ok(Self { stop, seen })
    }

    async fn until(&mut self, wanted: impl Fn(&Seen) -> bool) -> Checked<Seen> {
        let there = timeout(PATIENCE, self.seen.wait_for(wanted)).await;
        Ok(*there.map_err(|_| "the browser never came to that")??)
    }
}

impl Drop for Page {
    /// Stops it where it is: nobody else is told.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn level(samples: &[i16]) -> u64 {
    let total: u64 = samples.iter().map(|sample| u64::from(sample.unsigned_abs())).sum();
    total / 160
}

async fn hire(running: &Running, campaign: CampaignId) -> Checked<AgentId> {
    let agent = NewAgent {
        name: "a1".to_owned(),
        ha1: None,
        contact_uri: None,
        campaigns: vec![campaign],
        skills: None,
    };
    let id = running.store.set_agent(&agent).await?;
    let row = running.store.agent("a1").await?.ok_or("the agent was not kept")?;
    running.handle.ask(Ask::AgentChanged(Box::new(row))).await?;
    let people = (1..20).map(|nth| fixture::contact(&format!("C{nth}"), nth));
    fixture::list(&running.store, campaign, people).await?;
    running.handle.ask(Ask::Refill(campaign)).await?;
    Ok(id)
}

fn write_project(folder: &Path, carrier: &CarrierHandle) -> Checked {
    let (rtp, rtp_last) = ports::audio_range()?;
    std::fs::create_dir(folder.join("campaigns"))?;
    let engine = format!(
        "[sip]\nbind = \"127.0.0.1:0\"\n[rtp]\nports = \"{rtp}-{rtp_last}\"\n\
         [[caller_id]]\nnumber = \"+33162000000\"\noperator = \"essai\"\n\
         [[trunk]]\nname = \"t1\"\noperators = [\"essai\"]\nhost = \"{}\"\nchannels = 5\n\
         calls_per_second = \"5/s\"\noptions_every = \"never\"\n",
        carrier.addr()
    );
    std::fs::write(folder.join("cadran.toml"), engine)?;
    let campaign = "name = \"essai\"\nclient = \"Acme\"\nmode = \"progressive\"\n\
         routes = [\"t1\"]\ncaller_ids = [\"+33162000000\"]\nhours = \"lun-dim 00:00-24:00\"\n\
         [wrap]\nmax = \"1s\"\ndefault = \"suite\"\n\
         [[disposition]]\nkey = \"1\"\ncode = \"suite\"\nclass = \"cna\"\n";
    Ok(std::fs::write(folder.join("campaigns/essai.toml"), campaign)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_at_a_browser_and_the_person_called_hear_each_other() -> Checked {
    let (centre, mut page) = Centre::talking().await?;
    page.until(|seen| seen.level > LOUD).await?;
    centre.does(AgentVerb::HangUp).await?;
    centre.does(AgentVerb::Pause(PauseId(0))).await?;
    centre.until(|state| matches!(state, AgentState::Paused(_))).await?;
    let ended = centre.carrier.calls();
    let call = ended.first().ok_or("no call has ended")?;
    assert!(call.heard.first_voice.is_some(), "the person heard nobody: {call:?}");
    let audio = centre.running.handle.snapshot().answer_to_audio_ms.to_vec();
    assert!(audio.first().is_some_and(|ms| *ms < 1_000.0), "{audio:?}");

    centre.does(AgentVerb::Logout).await?;
    page.until(|seen| !seen.alive).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_killed_loses_its_talk_within_three_seconds_and_another_talks_again()
-> Checked {
    let (centre, page) = Centre::talking().await?;
    let killed = centre.clock.mono();
    drop(page);
    centre.until(|state| !is_talking(state)).await?;
    // The snapshot comes within a fifth of a second.
    let took = centre.clock.mono().since(killed);
    assert!(took <= Span::millis(3_200), "{took}");
    let mut again = centre.sit(Codec::Pcmu).await?;
    centre.until(is_talking).await?;
    again.until(|seen| seen.level > LOUD).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_page_takes_the_conversation_over_from_the_first() -> Checked {
    let (centre, mut first) = Centre::talking().await?;
    let mut second = centre.sit(Codec::Pcma).await?;
    second.until(|seen| seen.level > LOUD).await?;
    first.until(|seen| !seen.alive).await?;
    centre.until(is_talking).await?;
    assert_eq!((centre.carrier.stats().answered, centre.carrier.calls().len()), (1, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_of_nobody_or_of_nothing_is_refused() -> Checked {
    let centre = Centre::open().await?;
    let (_, offer) = Browser::open(centre.clock, Codec::Pcma)?;
    let handle = &centre.running.handle;
    let nobody = handle.ask(Ask::Offer(AgentId(77), offer.as_str().into())).await;
    assert_eq!(nobody, Err(Refused::Unknown("agent")));
    let nothing = handle.ask(Ask::Offer(centre.agent, "v=0".into())).await;
    assert!(matches!(nothing, Err(Refused::WrongState(_))), "{nothing:?}");
    Ok(())
}
