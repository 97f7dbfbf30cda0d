//! How fast contacts are claimed and attempts written down.
//!
//! `cargo bench --bench claim`: one claim of 50 out of 50,000 contacts with their numbers and
//! cards; an attempt opened, closed and completed with its webhook row, by one caller that waits
//! for each commit and by 64 callers at once, whose writes share transactions.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use cadran::core::fact::{Lead, NumberClass};
use cadran::core::order::{Closed, EndedBy, Next, Opened, Outcome, Record};
use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
use cadran::hooks::event;
use cadran::store::{
    ImportSource, NewCampaign, NewContact, NewNumber, PRIORITY_DEFAULT, Place, Settings, Store,
    Write,
};
use cadran::units::{CallId, CampaignId, Mono, Number, Span, TrunkId, Wall, Zone};
use criterion::{Criterion, Throughput};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

const NOON: Wall = Wall::micros(1_700_481_600_000_000);
const CONTACTS: u32 = 50_000;
const BATCH: u32 = 50;
const CALLERS: u64 = 64;

/// A store with a list in it, and the next moment and call to use.
struct Bench {
    _dir: tempfile::TempDir,
    tasks: Tasks,
    store: Store,
    campaign: CampaignId,
    now: Wall,
    calls: u64,
}

async fn prepare() -> Result<Bench, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let tasks = Tasks::new();
    let settings = Settings {
        place: Place::File(dir.path().join("cadran.db")),
        key: None,
        node: 0,
        full_sync: false,
        interrupted_rest: Span::ZERO,
        tell: event::call_completed,
        tell_inbound: cadran::hooks::received::tell,
        random: |bytes| getrandom::fill(bytes).map_err(std::io::Error::other),
    };
    let store = Store::open(settings, &tasks).await?;
    let campaign = NewCampaign {
        name: "bench".to_owned(),
        client: "acme".to_owned(),
        endpoint: Some("crm".to_owned()),
        caller_ids: vec![Number::new("+33199000900")?],
        dispositions: vec![],
        shares: vec![],
        quotas: vec![],
        history: false,
    };
    let campaign = store.set_campaign(&campaign).await?;
    let zone = Zone::new("Europe/Paris")?;
    let numbers = (0..CONTACTS).map(|n| Number::new(&format!("+331990{n:06}")));
    let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
    let contacts = numbers.into_iter().zip(0_u32..).map(|(number, n)| NewContact {
        external_id: Some(format!("crm-{n}")),
        name: Some(format!("Camille {n}")),
        fields: BTreeMap::from([("ville".to_owned(), "Paris".to_owned())]),
        priority: PRIORITY_DEFAULT,
        score: 0,
        kind: None,
        owner: None,
        numbers: vec![NewNumber {
            number,
            zone: zone.clone(),
            territory: None,
            class: NumberClass::Fixed,
        }],
        consents: Vec::new(),
    });
    let source = ImportSource {
        file: "bench.csv".to_owned(),
        sha256: "bench".to_owned(),
        original: None,
        at: NOON,
        also_elsewhere: false,
    };
    store.import(campaign, &source, contacts, async || false).await?;
    Ok(Bench { _dir: dir, tasks, store, campaign, now: NOON, calls: 0 })
}

/// One attempt from its beginning to its event.
fn attempt(call: u64, campaign: CampaignId, lead: &Lead) -> Vec<Write> {
    let (call, at) = (CallId::of(0, call), NOON);
    let number = lead.numbers.first().expect("every contact of the list has a number");
    let opened = Opened {
        call,
        campaign,
        contact: lead.contact,
        number: number.number,
        person: number.person,
        trunk: TrunkId(1),
        caller_id: 0,
        attempt: 1,
        agent: None,
        chance: None,
        receipt: None,
        at,
    };
    let closed = Closed {
        call,
        campaign,
        contact: lead.contact,
        number: number.number,
        outcome: Outcome::NoAnswer,
        forced: false,
        cause: 480,
        ended_by: EndedBy::Carrier,
        agent: None,
        heard: None,
        ringing: Some(at),
        answered: None,
        bridged: None,
        ended: at + Span::secs(30),
        held: Span::ZERO,
        next: Next::Retry { at: at + Span::secs(900), number: None },
    };
    let records = [Record::Opened(opened), Record::Closed(closed), Record::Completed(call)];
    records.map(|record| Write::Record { record, at }).to_vec()
}

impl Bench {
    fn writes(&mut self, lead: &Lead) -> Vec<Write> {
        self.calls += 1;
        attempt(self.calls, self.campaign, lead)
    }

    async fn claim(&mut self) -> Vec<Lead> {
        self.now = self.now + Span::millis(1);
        let lease = Span::millis(1);
        let claimed = self.store.claim(self.campaign, BATCH, lease, self.now).await;
        claimed.expect("the store answers claims").leads
    }

    /// Every caller commits its attempts one by one and waits for each.
    async fn commit(&mut self, callers: u64, each: u64, lead: &Lead) -> Duration {
        let (told, mut done) = mpsc::channel(64);
        let work: Vec<Vec<_>> =
            (0..callers).map(|_| (0..each).map(|_| self.writes(lead)).collect()).collect();
        let clock = Clock::start();
        for writes in work {
            let (store, told) = (self.store.clone(), told.clone());
            self.tasks.spawn(async move {
                for write in writes {
                    store.commit(write).await.expect("the store takes writes");
                }
                drop(told);
            });
        }
        drop(told);
        let all: Option<()> = done.recv().await;
        assert_eq!(all, None, "callers only ever hang up");
        clock.mono().since(Mono::START).into()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::new()?;
    let mut bench = runtime.block_on(prepare())?;
    let mut criterion = Criterion::default().configure_from_args().sample_size(20);
    let lead = runtime.block_on(bench.claim()).into_iter().next().ok_or("no lead")?;

    let mut group = criterion.benchmark_group("store");
    group.throughput(Throughput::Elements(BATCH.into()));
    group.bench_function("claim 50 of 50,000", |timer| {
        timer.iter(|| runtime.block_on(bench.claim()));
    });
    group.throughput(Throughput::Elements(1));
    for callers in [1, CALLERS] {
        group.bench_function(format!("attempt, {callers} callers"), |timer| {
            timer.iter_custom(|attempts| {
                let each = attempts.div_ceil(callers);
                let took = runtime.block_on(bench.commit(callers, each, &lead));
                took.mul_f64(attempts as f64 / (each * callers) as f64)
            });
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
