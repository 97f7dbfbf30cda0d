//! The whole engine under load for a long time: what it holds may not grow, and once everybody
//! has gone home nothing is left.
//!
//! `CADRAN_SOAK_S` is how long the load lasts in seconds, `CADRAN_SOAK_RATE` how many calls a
//! second there are; `scripts/long soak` gives two hours of 100.

mod plant;

use std::error::Error;
use std::str::FromStr;
use std::time::Duration;

use cadran::api::types::Health;
use cadran::hooks::CONCURRENT_MAX;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::store::fixture::Look;
use plant::Plant;

type Claim = Result<(), Box<dyn Error>>;

/// Seconds of load unless told otherwise: long enough for every kind of call to come and go.
const SECONDS: u64 = 20;
/// Calls a second unless told otherwise: what a debug build does beside other tests.
const RATE: u32 = 20;
/// Samples of one run, so that they fit on a page.
const SAMPLES: u64 = 100;
/// From so many seconds on the run is long enough to be judged by its memory's slope.
const JUDGED_FROM: u64 = 3_600;
/// Growth allowed, in MB an hour.
const SLOPE_MAX: f64 = 1.0;
/// Transactions linger for 32 s (64 times T1, RFC 3261 §17), sessions for a moment more; on a
/// busy machine everything takes longer.
const REST_WITHIN: Duration = Duration::from_secs(180);
/// Files an idle engine may have open beyond those it began with: connections to its database,
/// and as many to a receiver of webhooks as the courier holds at once.
const FILES_MORE: usize = 16 + CONCURRENT_MAX;

/// What must be zero once everybody has gone.
const NEVER: [(&str, &str); 3] = [
    ("open attempts", "select count(*) from attempt where outcome is null"),
    ("contacts kept in a call", "select count(*) from contact where open_call_id is not null"),
    ("events not delivered", "select count(*) from outbox where delivered_at is null"),
];

/// What the engine holds at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    /// Seconds since the load began.
    at: f64,
    /// Resident memory in MB, and what of it is no file's.
    memory: f64,
    own: f64,
    /// Open files and sockets.
    files: usize,
    /// Bound UDP ports.
    ports: usize,
    legs: u64,
    transactions: u64,
    /// Attempts that have no outcome yet.
    open: i64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_under_load_grows_not_and_leaks_nothing() -> Claim {
    let seconds = setting("CADRAN_SOAK_S", SECONDS)?;
    let rate = setting("CADRAN_SOAK_RATE", RATE)?;
    let mut plant = Plant::open(rate, seconds).await?;
    let before = sample(&plant, 0.0).await?;
    plant.begin().await?;
    let mut samples = Vec::new();
    let every = Duration::from_secs((seconds / SAMPLES).max(1));
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let began = plant.clock.mono();
    loop {
        ticks.tick().await;
        let at = plant.clock.mono().since(began).as_secs_f64();
        samples.push(sample(&plant, at).await?);
        if at >= Duration::from_secs(seconds).as_secs_f64() {
            break;
        }
    }
    let stats = plant.carrier.stats();
    let slope = told(&samples, before);
    announce(&format!(
        "{} calls offered in {seconds} s at {rate}/s with {} agents, {} answered",
        stats.offered, plant.agents, stats.answered
    ));
    plant.end().await?;
    rest(&plant, before).await?;
    assert!(stats.answered > 0, "nobody was reached: {stats:?}");
    if seconds >= JUDGED_FROM {
        assert!(slope <= SLOPE_MAX, "memory grows by {slope:.2} MB/h");
        let wanted = u64::from(rate) * seconds;
        assert!(stats.offered * 10 >= wanted * 9, "only {} of {wanted} calls", stats.offered);
    }
    plant.close().await
}

/// Waits until the engine holds what it held before, and claims that it does.
async fn rest(plant: &Plant, before: Sample) -> Claim {
    let mut ticks = interval(Duration::from_secs(1));
    let settled = timeout(REST_WITHIN, async {
        loop {
            ticks.tick().await;
            let now = sample(plant, f64::NAN).await?;
            if (now.legs, now.transactions, now.open) == (0, 0, 0) && now.ports == before.ports {
                return Ok::<_, Box<dyn Error>>(now);
            }
        }
    });
    let Ok(settled) = settled.await else {
        let now = sample(plant, f64::NAN).await?;
        return Err(plant.program.trouble(&format!("it leaks: {before:?}, then {now:?}")).into());
    };
    let after = settled?;
    announce(&row("after", &after));
    assert!(after.files <= before.files + FILES_MORE, "files leak: {before:?}, then {after:?}");
    let health: Health = plant.program.get("health").await?;
    assert_eq!((health.calls, health.audio), (0, 0), "{health:?}");
    let mut look = Look::open(&plant.place).await?;
    for (what, query) in NEVER {
        assert_eq!(look.count(query).await?, 0, "{what}");
    }
    Ok(())
}

async fn sample(plant: &Plant, at: f64) -> Result<Sample, Box<dyn Error>> {
    let health: Health = plant.program.get("health").await?;
    let process = plant.program.process()?;
    let (files, ports) = sockets(process)?;
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let open = Look::open(&plant.place).await?.count(NEVER[0].1).await?;
    Ok(Sample {
        at,
        memory: megabytes(&status, "VmRSS:")?,
        own: megabytes(&status, "RssAnon:")?,
        files,
        ports,
        legs: health.legs,
        transactions: health.transactions,
        open,
    })
}

/// Reads a size out of a process's status.
fn megabytes(status: &str, name: &str) -> Result<f64, Box<dyn Error>> {
    let size = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = size.and_then(|text| text.trim().strip_suffix(" kB"));
    Ok(kilobytes.ok_or_else(|| format!("no {name}"))?.parse::<f64>()? / 1_024.0)
}

/// Counts a process's open files, and those that are UDP sockets.
fn sockets(process: i32) -> Result<(usize, usize), Box<dyn Error>> {
    let table = std::fs::read_to_string(format!("/proc/{process}/net/udp"))?;
    let udp: Vec<&str> =
        table.lines().skip(1).filter_map(|line| line.split_whitespace().nth(9)).collect();
    let (mut files, mut ports) = (0, 0);
    for file in std::fs::read_dir(format!("/proc/{process}/fd"))? {
        // One that was closed in the meantime has no name any more.
        let Ok(name) = std::fs::read_link(file?.path()) else { continue };
        files += 1;
        let name = name.to_string_lossy();
        let inode = name.strip_prefix("socket:[").and_then(|name| name.strip_suffix(']'));
        ports += usize::from(inode.is_some_and(|inode| udp.contains(&inode)));
    }
    Ok((files, ports))
}

/// Tells the samples, and gives the slope of memory after the first third, in MB an hour.
fn told(samples: &[Sample], before: Sample) -> f64 {
    announce("     s  memory MB    own  files  ports   legs  transactions  open rows");
    announce(&row("before", &before));
    for held in samples {
        announce(&row(&format!("{:.0}", held.at), held));
    }
    let warm = samples.get(samples.len() / 3..).unwrap_or_default();
    let slope = slope(warm) * 3_600.0;
    let span = warm.first().zip(warm.last()).map_or(0.0, |(first, last)| last.at - first.at);
    announce(&format!("own memory: {slope:+.2} MB/h by least squares over the last {span:.0} s"));
    slope
}

/// Writes a line of the table.
fn row(at: &str, held: &Sample) -> String {
    let Sample { memory, own, files, ports, legs, transactions, open, .. } = held;
    format!(
        "{at:>6}  {memory:>9.1}  {own:>5.1}  {files:>5}  {ports:>5}  {legs:>5}  \
         {transactions:>12}  {open:>9}"
    )
}

/// Gives the slope of the engine's own memory over time by least squares, in MB a second: pages of
/// files come and go as the system likes.
#[expect(clippy::cast_precision_loss, reason = "a run has some hundred samples")]
fn slope(samples: &[Sample]) -> f64 {
    let count = samples.len().max(1) as f64;
    let mean = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (at, own) = (mean(|held| held.at), mean(|held| held.own));
    let sum = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>();
    let spread = sum(&|held| (held.at - at) * (held.at - at));
    let together = sum(&|held| (held.at - at) * (held.own - own));
    if spread > 0.0 { together / spread } else { 0.0 }
}

fn setting<T: FromStr<Err: Error + 'static>>(name: &str, usual: T) -> Result<T, Box<dyn Error>> {
    std::env::var(name).map_or(Ok(usual), |text| Ok(text.parse()?))
}

/// Prints figures for whoever reads the log of a long run.
#[expect(clippy::print_stderr, reason = "the figures of a long run are what it is made for")]
fn announce(line: &str) {
    eprintln!("{line}");
}

#[test]
fn the_slope_of_a_line_is_its_own() {
    let at = |at: f64| Sample {
        at,
        memory: 50.0,
        own: 20.0 + 0.25 * at,
        files: 0,
        ports: 0,
        legs: 0,
        transactions: 0,
        open: 0,
    };
    let line: Vec<Sample> = (0..50).map(|nth| at(f64::from(nth) * 3.0)).collect();
    assert!((slope(&line) - 0.25).abs() < 1e-9);
    assert!(slope(line.get(..1).unwrap_or_default()).abs() < 1e-9);
}
