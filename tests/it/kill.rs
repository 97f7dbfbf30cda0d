//! The engine is killed, again and again, in the middle of a campaign: nothing may be lost, and
//! nobody may be called twice for one attempt.

mod centre;
mod ledger;
mod tap;

use std::error::Error;
use std::io::Write as _;
use std::str::FromStr;
use std::time::Duration;

use cadran::core::fact::Lead;
use cadran::core::order::{CampaignState, Dial};
use cadran::engine::scribe::{self, Batch, Scribe, Written};
use cadran::engine::tasks::Tasks;
use cadran::store::Place;
use cadran::units::{CallId, CampaignId, NumberId, Span, TrunkId};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::postgres;
use crate::store::fixture::{House, call, campaign, contact, list, opened, source};
use centre::Centre;

pub(crate) type Claim = Result<(), Box<dyn Error>>;

/// Kills when `CADRAN_KILLS` does not say.
const KILLS: u32 = 20;

/// The seed of every draw; another one kills at other moments.
const SEED: u64 = 2_026;

fn kills() -> Result<u32, Box<dyn Error>> {
    number("CADRAN_KILLS", KILLS)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_engine_loses_nothing_and_calls_nobody_twice() -> Claim {
    killed(kills()?, None).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_engine_on_postgres_loses_nothing_and_calls_nobody_twice() -> Claim {
    let Some(place) = postgres::schema().await? else { return Ok(()) };
    killed(kills()?, Some(place)).await
}

async fn killed(kills: u32, server: Option<Place>) -> Claim {
    let mut dice = Pcg64::seed_from_u64(SEED);
    let mut centre = Centre::open(SEED, server).await?;
    for round in 1..=kills {
        centre.serve(round == 1).await?;
        let calls = 1 + dice.next_u64() % 12;
        let after = Span::millis(dice.next_u64() % 500);
        centre.work_then_kill(calls, after, &mut dice).await?;
        centre.check_chain().await?;
    }
    centre.serve(false).await?;
    centre.work(30, &mut dice).await?;
    centre.leave().await?;
    centre.check_chain().await?;
    let told = ledger::check(&centre).await?;
    assert!(told.interrupted > 0, "no kill hit a call: {told:?}");
    assert!(told.talks > 0, "no kill hit a conversation: {told:?}");
    assert!(told.qualified > 0, "nothing was qualified: {told:?}");
    let (stuck, longest) = (centre.stuck, centre.longest);
    check_restarts(&centre, kills);
    announce(&format!(
        "{kills} kills: {told:?}, {stuck} stuck phones, agents at work after {longest:?} at most"
    ));
    Ok(())
}

/// How soon after a restart every agent is at work again: the acceptance's own figure, judged from
/// so many kills on. A short run stands beside builds and other tests, which may hold the disk.
const AT_WORK_WITHIN: Span = Span::secs(5);
const JUDGED_FROM: u32 = 100;

/// Kills that may leave one phone in a call which nobody ends: one that answered while its row was
/// being committed.
const KILLS_PER_STUCK: u32 = 100;

/// Checks what each restart found: the phones, and the agents soon at work.
fn check_restarts(centre: &Centre, kills: u32) {
    let (stuck, longest) = (centre.stuck, centre.longest);
    assert!(stuck <= kills.div_ceil(KILLS_PER_STUCK), "{stuck} phones were left in their calls");
    let soon = kills < JUDGED_FROM || longest <= AT_WORK_WITHIN;
    assert!(soon, "agents were at work only after {longest:?}");
}

/// Kills of an engine whose agents' phones register.
const REGISTERED_KILLS: u32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_engine_finds_the_phones_that_had_registered() -> Claim {
    let mut dice = Pcg64::seed_from_u64(SEED);
    let mut centre = Centre::open(SEED, None).await?;
    centre.registers = true;
    for round in 1..=REGISTERED_KILLS {
        centre.serve(round == 1).await?;
        centre.work_then_kill(3, Span::millis(200), &mut dice).await?;
    }
    centre.serve(false).await?;
    centre.leave().await?;
    ledger::check(&centre).await?;
    check_restarts(&centre, REGISTERED_KILLS);
    Ok(())
}

/// Restarts of the server when `CADRAN_RESTARTS` does not say: one in order, one as in a crash.
const RESTARTS: u32 = 2;

/// How long the server stays away when `CADRAN_OUTAGE` does not say, in seconds.
const OUTAGE: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_costs_no_attempt_and_no_conversation() -> Claim {
    let Some(server) = postgres::Server::start()? else { return Ok(()) };
    let (restarts, outage) =
        (number("CADRAN_RESTARTS", RESTARTS)?, number("CADRAN_OUTAGE", OUTAGE)?);
    let mut dice = Pcg64::seed_from_u64(SEED);
    let place = postgres::schema_at(&server.url).await?;
    let mut centre = Centre::open(SEED, Some(place)).await?;
    centre.serve(true).await?;
    let mut kept = 0;
    for round in 1..=restarts {
        centre.work(4 + dice.next_u64() % 12, &mut dice).await?;
        let logged = centre.logged()?;
        server.must(if round % 2 == 0 { "kill" } else { "stop" }).await?;
        kept += centre.endure(logged, Duration::from_secs(outage)).await?;
        server.must("start").await?;
        centre.until_it_answers().await?;
    }
    centre.work(30, &mut dice).await?;
    centre.leave().await?;
    centre.check_chain().await?;
    let told = ledger::check(&centre).await?;
    assert!(kept > 0, "no agent's leg stood when the server went: {told:?}");
    announce(&format!("{restarts} restarts: {told:?}, {kept} legs stood"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_paused_without_a_database_stays_paused_when_it_is_back() -> Claim {
    let Some(server) = postgres::Server::start()? else { return Ok(()) };
    let mut dice = Pcg64::seed_from_u64(SEED);
    let place = postgres::schema_at(&server.url).await?;
    let mut centre = Centre::open(SEED, Some(place)).await?;
    centre.serve(true).await?;
    centre.work(4, &mut dice).await?;
    server.must("kill").await?;
    let told = centre.pull("pause").await?;
    assert_eq!((told.campaign.state, told.stored), (CampaignState::Paused, false));
    let since = centre.until_health(|health| health.database_fails_since.is_some()).await?;
    assert!(!since.database_ok && since.database_fault.is_some(), "{since:?}");
    let told = centre.refusal("calls").await?;
    assert_eq!((&told["status"], &told["code"]), (&503.into(), &"database_away".into()), "{told}");
    assert!(told.to_string().contains("has not answered since 2"), "{told}");
    // The engine knows by now that nothing can be written.
    let told = centre.pull("start").await?;
    assert_eq!((told.campaign.state, told.stored), (CampaignState::Running, false));
    let told = centre.pull("pause").await?;
    assert_eq!((told.campaign.state, told.stored), (CampaignState::Paused, false));
    server.must("start").await?;
    let health = centre.until_health(|health| health.database_ok).await?;
    assert_eq!((health.database_fails_since, health.database_fault), (None, None));
    assert_eq!(centre.state().await?, CampaignState::Paused);
    centre.kill_and_start().await?;
    assert_eq!(centre.state().await?, CampaignState::Paused, "it was not written down");
    Ok(())
}

#[tokio::test]
async fn rows_wait_for_a_server_that_is_away_and_calls_do_not() -> Claim {
    let Some(server) = postgres::Server::start()? else { return Ok(()) };
    let house = House::at(postgres::schema_at(&server.url).await?).await?;
    let away = async || server.must("kill").await;
    let back = async || server.must("start").await;
    rows_wait(&house, away, back).await
}

#[tokio::test]
async fn rows_wait_for_a_file_that_is_locked_and_calls_do_not() -> Claim {
    let house = House::sqlite().await?;
    let other = tokio::sync::Mutex::new(house.look().await?);
    let away = async || Ok(other.lock().await.run("begin immediate").await?);
    let back = async || Ok(other.lock().await.run("rollback").await?);
    rows_wait(&house, away, back).await
}

#[tokio::test]
async fn rows_wait_for_a_table_that_is_gone_and_calls_do_not() -> Claim {
    for house in [Some(House::sqlite().await?), House::postgres().await?].into_iter().flatten() {
        let other = tokio::sync::Mutex::new(house.look().await?);
        let run = async |sql| Ok(other.lock().await.run(sql).await?);
        let away = async || run("alter table attempt rename to gone").await;
        let back = async || run("alter table gone rename to attempt").await;
        rows_wait(&house, away, back).await?;
    }
    Ok(())
}

#[tokio::test]
async fn rows_wait_for_a_right_that_was_taken_and_calls_do_not() -> Claim {
    let Some(house) = House::postgres().await? else { return Ok(()) };
    let other = tokio::sync::Mutex::new(house.look().await?);
    let run = async |sql| Ok(other.lock().await.run(sql).await?);
    // Whoever owns the tables, as the tests do, needs no right: a trigger says what one hears who
    // does.
    run("create function forbid() returns trigger language plpgsql as
         'begin raise insufficient_privilege; end'")
    .await?;
    let away = async || {
        run("create trigger forbid before insert on attempt execute function forbid()").await
    };
    let back = async || run("drop trigger forbid on attempt").await;
    rows_wait(&house, away, back).await
}

#[tokio::test]
async fn rows_wait_for_a_full_disk_and_calls_do_not() -> Claim {
    let Some(disk) = Disk::mount()? else { return Ok(()) };
    let house = House::at(Place::File(disk.folder.path().join("cadran.db"))).await?;
    let filling = disk.folder.path().join("filling");
    let away = async || {
        let mut file = std::fs::File::create(&filling)?;
        while file.write_all(&[0; 4096]).is_ok() {}
        Ok(())
    };
    let back = async || Ok(std::fs::remove_file(&filling)?);
    rows_wait(&house, away, back).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_waits_for_a_server_that_goes_away_and_is_read_in_to_its_end() -> Claim {
    let Some(server) = postgres::Server::start()? else { return Ok(()) };
    let house = House::at(postgres::schema_at(&server.url).await?).await?;
    let away = async || server.must("kill").await;
    let back = async || server.must("start").await;
    a_list_waits(&house, 700, away, back).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_waits_for_a_file_that_is_locked_and_is_read_in_to_its_end() -> Claim {
    let house = House::sqlite().await?;
    let other = tokio::sync::Mutex::new(house.look().await?);
    let away = async || Ok(other.lock().await.run("begin immediate").await?);
    let back = async || Ok(other.lock().await.run("rollback").await?);
    // Later nobody gets in between but who asks the store itself.
    a_list_waits(&house, 300, away, back).await
}

/// Takes the store away when so many contacts of a list are read: it goes on from there once the
/// store is back, and everybody is counted once.
async fn a_list_waits(
    house: &House,
    nth: u32,
    away: impl AsyncFn() -> Claim,
    back: impl AsyncFn() -> Claim,
) -> Claim {
    let campaign = campaign(&house.store, "vente").await?;
    let people = (0..1_200).map(|n| {
        if n == nth {
            let gone = block_in_place(|| Handle::current().block_on(away()));
            gone.expect("the store can be taken away");
        }
        contact(&format!("c{n}"), n)
    });
    let patience = async || back().await.is_ok();
    let summary = house.store.import(campaign, &source("liste.csv"), people, patience).await?;
    assert_eq!((summary.read, summary.added, summary.doubled_in_campaign), (1_200, 1_200, 0));
    let again = list(&house.store, campaign, [contact("c800", 800)]).await?;
    assert_eq!(again.doubled_in_campaign, 1, "what came meanwhile is there");
    Ok(())
}

/// A disk so small that it is soon full.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// Mounts one; `None`, said aloud, where that is not allowed.
    fn mount() -> Result<Option<Self>, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(folder.path());
        match mount.output() {
            Ok(output) if output.status.success() => Ok(Some(Self { folder })),
            Ok(_) | Err(_) => {
                announce("NOT TESTED: a full disk; only root may mount a small one");
                Ok(None)
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let mut umount = std::process::Command::new("umount");
        if !umount.arg("-l").arg(self.folder.path()).status().is_ok_and(|status| status.success()) {
            announce("a test's small disk is still mounted");
        }
    }
}

/// Takes the store away: the call that then comes is held, the row that comes with it, and one
/// after it, are there once the store is back.
async fn rows_wait(
    house: &House,
    away: impl AsyncFn() -> Claim,
    back: impl AsyncFn() -> Claim,
) -> Claim {
    let campaign = campaign(&house.store, "vente").await?;
    list(&house.store, campaign, [contact("1", 1)]).await?;
    let lead = house.first_lead(campaign).await?;
    let (mut scribe, writing) = Scribe::new(house.store.clone());
    let tasks = Tasks::new();
    tasks.spawn(writing);
    away().await?;
    for n in [1, 2] {
        scribe.write(placed(n, campaign, &lead)).map_err(|_| "no room")?;
    }
    let (mut held, mut failing) = (Vec::new(), false);
    while held.len() < 2 || !failing {
        match scribe.written().await.ok_or("the scribe has left")? {
            Written::Held(dials) => held.extend(dials.iter().map(|dial| dial.call)),
            Written::Committed(dials) => return Err(format!("{dials:?} went out").into()),
            Written::Failing(_) => failing = true,
            Written::Back => return Err("it is not back".into()),
            Written::Due(_) => {}
        }
    }
    assert_eq!(held, [call(1), call(2)]);
    // One more waits for the very commit that goes through.
    scribe.write(placed(3, campaign, &lead)).map_err(|_| "no room")?;
    back().await?;
    assert_eq!(held_until_back(&mut scribe).await?, [call(3)]);
    scribe.finish().await;
    for n in 1..=3 {
        assert!(house.store.call(call(n)).await?.is_some());
    }
    Ok(())
}

/// A batch with the nth call and its row.
fn placed(n: u64, campaign: CampaignId, lead: &Lead) -> Batch {
    let dial = Dial {
        call: call(n),
        campaign,
        contact: lead.contact,
        number: lead.numbers.first().map_or(NumberId(0), |number| number.number),
        trunk: TrunkId(1),
        caller_id: 0,
        ring_max: Span::secs(20),
    };
    let writes = vec![opened(n, campaign, lead, 1)];
    Batch { writes, dials: vec![dial], ..Batch::default() }
}

/// Waits until the store is back, and gives the calls that are held by then; none may go out.
async fn held_until_back(scribe: &mut Scribe) -> Result<Vec<CallId>, Box<dyn Error>> {
    let mut held = Vec::new();
    loop {
        match scribe.written().await.ok_or("the scribe has left")? {
            Written::Held(dials) => held.extend(dials.iter().map(|dial| dial.call)),
            Written::Committed(dials) => return Err(format!("{dials:?} went out").into()),
            Written::Back => return Ok(held),
            Written::Failing(_) | Written::Due(_) => {}
        }
    }
}

#[tokio::test]
async fn a_call_is_held_by_a_server_that_is_slow() -> Claim {
    let Some(house) = House::postgres().await? else { return Ok(()) };
    let campaign = campaign(&house.store, "vente").await?;
    list(&house.store, campaign, [contact("1", 1)]).await?;
    let lead = house.first_lead(campaign).await?;
    let (mut scribe, writing) = Scribe::new(house.store.clone());
    let tasks = Tasks::new();
    tasks.spawn(writing);
    let mut other = house.look().await?;
    other.run("begin; lock table attempt in access exclusive mode").await?;
    scribe.write(placed(1, campaign, &lead)).map_err(|_| "no room")?;
    let word = scribe.written().await;
    assert!(matches!(word, Some(Written::Failing(_))), "before the server gives up: {word:?}");
    // What was decided on meanwhile is late as well.
    scribe.write(placed(2, campaign, &lead)).map_err(|_| "no room")?;
    other.run("rollback").await?;
    assert_eq!(held_until_back(&mut scribe).await?, [call(1)]);
    let word = scribe.written().await;
    assert!(matches!(&word, Some(Written::Held(dials)) if dials.len() == 1), "{word:?}");
    scribe.write(placed(3, campaign, &lead)).map_err(|_| "no room")?;
    let word = scribe.written().await;
    assert!(matches!(word, Some(Written::Committed(_))), "the next goes out: {word:?}");
    assert!(house.store.call(call(1)).await?.is_some());
    Ok(())
}

#[tokio::test]
async fn what_there_was_no_room_for_is_handed_over_as_soon_as_there_is() -> Claim {
    let house = House::sqlite().await?;
    let (mut scribe, writing) = Scribe::new(house.store.clone());
    let claim = scribe::Claim { campaign: CampaignId(1), count: 1, lease: Span::secs(60) };
    let batch = || Batch { claims: vec![claim], ..Batch::default() };
    let mut waiting = 0;
    while scribe.write(batch()).is_ok() {
        waiting += 1;
    }
    assert!(scribe.is_behind());
    let tasks = Tasks::new();
    tasks.spawn(writing);
    let mut due = 0;
    while due < waiting {
        if let Written::Due(claims) = scribe.written().await.ok_or("the scribe has left")? {
            due += claims.len();
        }
        // Nothing new is to be written.
        scribe.write(Batch::default()).map_err(|_| "no room")?;
    }
    assert!(!scribe.is_behind());
    Ok(())
}

fn number<T: FromStr<Err: Error + 'static>>(name: &str, usual: T) -> Result<T, Box<dyn Error>> {
    std::env::var(name).map_or(Ok(usual), |text| Ok(text.parse()?))
}

/// Prints figures for whoever reads the log of a long run.
#[expect(clippy::print_stderr, reason = "the figures of a long run are what it is made for")]
fn announce(line: &str) {
    eprintln!("{line}");
}

#[tokio::test]
async fn a_row_the_store_refuses_does_not_block_those_behind_it() -> Claim {
    let house = House::sqlite().await?;
    let campaign = campaign(&house.store, "vente").await?;
    list(&house.store, campaign, [contact("1", 1)]).await?;
    let lead = house.first_lead(campaign).await?;
    let (mut scribe, writing) = Scribe::new(house.store.clone());
    let tasks = Tasks::new();
    tasks.spawn(writing);
    let writes = vec![opened(1, CampaignId(99), &lead, 1), opened(2, campaign, &lead, 1)];
    scribe.write(Batch { writes, ..Batch::default() }).map_err(|_| "no room")?;
    scribe.finish().await;
    assert!(house.store.call(call(1)).await?.is_none());
    assert!(house.store.call(call(2)).await?.is_some());
    Ok(())
}

#[tokio::test]
async fn a_claim_is_made_once_the_rows_before_it_are_there() -> Claim {
    let house = House::sqlite().await?;
    let campaign = campaign(&house.store, "vente").await?;
    list(&house.store, campaign, [contact("1", 1)]).await?;
    let lead = house.first_lead(campaign).await?;
    let (mut scribe, writing) = Scribe::new(house.store.clone());
    let tasks = Tasks::new();
    tasks.spawn(writing);
    let writes = vec![opened(2, campaign, &lead, 1)];
    let claim = scribe::Claim { campaign, count: 1, lease: Span::secs(60) };
    scribe.write(Batch { writes, ..Batch::default() }).map_err(|_| "no room")?;
    scribe.write(Batch { claims: vec![claim], ..Batch::default() }).map_err(|_| "no room")?;
    assert!(matches!(scribe.written().await, Some(Written::Due(claims)) if claims.len() == 1));
    assert!(house.store.call(call(2)).await?.is_some());
    Ok(())
}
