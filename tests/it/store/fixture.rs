//! A house with a store in it, and the values the claims speak of.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;

use cadran::core::campaign::DispositionClass;
use cadran::core::fact::{Answerer, Heard, Lead, NumberClass};
use cadran::core::order::{
    Bridged, Closed, EndedBy, Next, Opened, Outcome, Qualified, Record, RuleRefusal, Stage,
};
use cadran::core::rules::{Refusal, RuleId};
use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
/// The bodies the house's store writes.
pub(crate) use cadran::hooks::event::call_completed as tell;
use cadran::sip::{StoredBinding, StoredDialog, Transport};
use cadran::store::{
    DispositionRow, ImportSource, ImportSummary, NewCampaign, NewContact, NewNumber,
    PRIORITY_DEFAULT, Place, Settings, Store, StoreError, Write,
};
use cadran::units::{
    AgentId, CallId, CampaignId, ContactId, DispositionId, Mono, NotE164, Number, NumberId,
    PersonId, Ratio, Span, TrunkId, Wall, Zone,
};

use crate::postgres;

/// What a claim gives.
pub(crate) type Done = Result<(), Box<dyn Error>>;

/// Noon of a Monday, the start of every test.
pub(crate) const NOON: Wall = Wall::micros(1_700_481_600_000_000);
/// How long a claim holds.
pub(crate) const LEASE: Span = Span::secs(60);
/// How long a contact rests after a crash.
pub(crate) const REST: Span = Span::secs(300);

/// A store with its folder and its tasks.
pub(crate) struct House {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) tasks: Tasks,
    pub(crate) store: Store,
    pub(crate) settings: Settings,
}

impl House {
    /// Makes one on SQLite.
    pub(crate) async fn sqlite() -> Result<Self, Box<dyn Error>> {
        let dir = tempfile::tempdir()?;
        let settings = settings(dir.path());
        Self::open(dir, settings).await
    }

    /// Makes one on PostgreSQL; `None`, said aloud, where there is no server for tests.
    pub(crate) async fn postgres() -> Result<Option<Self>, Box<dyn Error>> {
        let Some(place) = postgres::schema().await? else { return Ok(None) };
        Self::at(place).await.map(Some)
    }

    /// Makes one anywhere.
    pub(crate) async fn at(place: Place) -> Result<Self, Box<dyn Error>> {
        let dir = tempfile::tempdir()?;
        let settings = at(place, dir.path());
        Self::open(dir, settings).await
    }

    /// Opens a store on what one that was closed left.
    pub(crate) async fn open(
        dir: tempfile::TempDir,
        settings: Settings,
    ) -> Result<Self, Box<dyn Error>> {
        let tasks = Tasks::new();
        let store = Store::open(settings.clone(), &tasks).await?;
        Ok(Self { dir, tasks, store, settings })
    }

    /// Drops the store where it stands and opens its database again, as after a crash.
    pub(crate) async fn reopened(self) -> Result<Self, Box<dyn Error>> {
        let (dir, settings) = self.closed().await;
        Self::open(dir, settings).await
    }

    /// Drops the store where it stands; the folder stays.
    pub(crate) async fn closed(self) -> (tempfile::TempDir, Settings) {
        let Self { dir, tasks, store, settings } = self;
        drop(store);
        tasks.finished().await;
        (dir, settings)
    }

    /// Claims one contact that is due at noon or by the first rest.
    pub(crate) async fn first_lead(&self, campaign: CampaignId) -> Result<Lead, Box<dyn Error>> {
        let claimed = self.store.claim(campaign, 1, LEASE, NOON + REST).await?;
        claimed.leads.into_iter().next().ok_or_else(|| "nothing is due".into())
    }
}

/// Settings of a store in a folder.
pub(crate) fn settings(dir: &Path) -> Settings {
    at(Place::File(dir.join("cadran.db")), dir)
}

/// Settings of a store anywhere, with its key in a folder.
pub(crate) fn at(place: Place, dir: &Path) -> Settings {
    Settings {
        // As the settings have it unless told otherwise: a crashed server keeps what it committed.
        full_sync: matches!(place, Place::Server(_)),
        place,
        key: Some(dir.join("cadran.db.key")),
        node: 0,
        interrupted_rest: REST,
        tell,
        tell_inbound: cadran::hooks::received::tell,
        random: |bytes| getrandom::fill(bytes).map_err(std::io::Error::other),
    }
}

/// A campaign with an endpoint, one caller ID and four dispositions.
pub(crate) fn new_campaign(name: &str) -> NewCampaign {
    let disposition = |code: &str, label: &str, class| DispositionRow {
        code: code.to_owned(),
        label: label.to_owned(),
        class,
    };
    NewCampaign {
        name: name.to_owned(),
        client: "acme".to_owned(),
        endpoint: Some("crm".to_owned()),
        caller_ids: number_of(900).into_iter().collect(),
        dispositions: vec![
            disposition("rappel", "Rappel", DispositionClass::NotArgued),
            disposition("vente", "Vente", DispositionClass::ArguedPositive),
            disposition("faux", "Faux numéro", DispositionClass::NotArgued),
            disposition("refus", "Refus", DispositionClass::ArguedNegative),
        ],
        shares: Vec::new(),
        quotas: Vec::new(),
        history: false,
    }
}

/// Adds it to the store.
pub(crate) async fn campaign(store: &Store, name: &str) -> Result<CampaignId, StoreError> {
    store.set_campaign(&new_campaign(name)).await
}

/// The nth fiction number (ARCEP: 01 99 00 and 06 39 98 are kept for fiction).
pub(crate) fn number_of(n: u32) -> Result<Number, NotE164> {
    Number::new(&format!("+3319900{n:05}"))
}

/// The nth number as a list has it.
pub(crate) fn mobile(n: u32) -> NewNumber {
    NewNumber {
        number: number_of(n).expect("five digits after the prefix are E.164"),
        zone: Zone::new("Europe/Paris").expect("the bundled zone data has Paris"),
        territory: None,
        class: NumberClass::Mobile,
    }
}

/// A contact with one number.
pub(crate) fn contact(external_id: &str, n: u32) -> NewContact {
    NewContact {
        external_id: Some(external_id.to_owned()),
        name: Some(format!("Camille {n}")),
        fields: BTreeMap::from([("ville".to_owned(), "Paris".to_owned())]),
        priority: PRIORITY_DEFAULT,
        score: 0,
        kind: None,
        owner: None,
        numbers: vec![mobile(n)],
        consents: Vec::new(),
    }
}

/// The contact with another priority.
pub(crate) fn with_priority(contact: NewContact, priority: u8) -> NewContact {
    NewContact { priority, ..contact }
}

/// Imports contacts.
pub(crate) async fn list(
    store: &Store,
    campaign: CampaignId,
    contacts: impl IntoIterator<Item = NewContact, IntoIter: Send>,
) -> Result<ImportSummary, StoreError> {
    let source = ImportSource { also_elsewhere: true, ..source("liste.csv") };
    store.import(campaign, &source, contacts, async || false).await
}

/// A file of that name.
pub(crate) fn source(file: &str) -> ImportSource {
    let sha256 = format!("hash of {file}");
    ImportSource { file: file.to_owned(), sha256, original: None, at: NOON, also_elsewhere: false }
}

/// The nth call.
pub(crate) fn call(n: u64) -> CallId {
    CallId::of(0, n)
}

/// A record as a write.
pub(crate) fn record(record: Record, at: Wall) -> Write {
    Write::Record { record, at }
}

/// The beginning of the nth call, on the lead's first number.
pub(crate) fn opened(n: u64, campaign: CampaignId, lead: &Lead, attempt: u32) -> Write {
    foretold(n, campaign, lead, attempt, None)
}

/// The same with what its decision foretold.
pub(crate) fn foretold(
    n: u64,
    campaign: CampaignId,
    lead: &Lead,
    attempt: u32,
    chance: Option<f64>,
) -> Write {
    let number = lead.numbers.first();
    let opened = Opened {
        call: call(n),
        campaign,
        contact: lead.contact,
        number: number.map_or(NumberId(0), |number| number.number),
        person: number.map_or(PersonId(0), |number| number.person),
        trunk: TrunkId(1),
        caller_id: 0,
        attempt,
        agent: None,
        chance: chance.map(Ratio::new),
        receipt: None,
        at: NOON + Span::secs(n),
    };
    record(Record::Opened(opened), NOON)
}

/// The end of the nth call; a connected one rang 5 s, waited 1 s and was talked in for 20 s,
/// 4 s of them on hold.
pub(crate) fn closed(
    n: u64,
    campaign: CampaignId,
    lead: &Lead,
    outcome: Outcome,
    next: Next,
) -> Write {
    let begun = NOON + Span::secs(n);
    let connected = outcome == Outcome::Connected;
    let after = |seconds| connected.then_some(begun + Span::secs(seconds));
    let closed = Closed {
        call: call(n),
        campaign,
        contact: lead.contact,
        number: lead.numbers.first().map_or(NumberId(0), |number| number.number),
        outcome,
        forced: false,
        cause: if connected { 200 } else { 480 },
        ended_by: EndedBy::Callee,
        agent: None,
        heard: connected.then_some(Heard { what: Answerer::Human, confidence: Ratio::new(0.9) }),
        ringing: after(1),
        answered: after(6),
        bridged: after(7),
        ended: begun + Span::secs(27),
        held: if connected { Span::secs(4) } else { Span::ZERO },
        next,
    };
    record(Record::Closed(closed), NOON)
}

/// The beginning of the nth call's conversation: answered 6 s after its dialling, bridged in the
/// next.
pub(crate) fn bridged(n: u64, agent: u32) -> Write {
    let after = |seconds| Some(NOON + Span::secs(n + seconds));
    let (ringing, answered, bridged) = (after(1), after(6), after(7));
    let heard = Some(Heard { what: Answerer::Human, confidence: Ratio::new(0.9) });
    let agent = AgentId(agent);
    let bridged = Bridged { call: call(n), agent, heard, ringing, answered, bridged };
    record(Record::Bridged(bridged), NOON)
}

/// The end of the nth call, answered 5 s after its dialling unless nobody did.
pub(crate) fn ended(nth: u64, campaign: CampaignId, lead: &Lead, outcome: Outcome) -> Write {
    let moment = NOON + Span::secs(nth + 5);
    let machine = Heard { what: Answerer::Machine, confidence: Ratio::new(0.9) };
    let closed = Closed {
        call: call(nth),
        campaign,
        contact: lead.contact,
        number: lead.numbers.first().map_or(NumberId(0), |number| number.number),
        outcome,
        forced: false,
        cause: 200,
        ended_by: EndedBy::Callee,
        agent: None,
        heard: (outcome == Outcome::Machine).then_some(machine),
        ringing: None,
        answered: (outcome != Outcome::NoAnswer).then_some(moment),
        bridged: None,
        ended: moment + Span::secs(9),
        held: Span::ZERO,
        next: Next::Untouched,
    };
    record(Record::Closed(closed), moment)
}

/// The agent's word on the nth call.
pub(crate) fn qualified(
    n: u64,
    campaign: CampaignId,
    lead: &Lead,
    disposition: u16,
    next: Next,
) -> Write {
    let qualified = Qualified {
        call: call(n),
        campaign,
        contact: lead.contact,
        agent: None,
        disposition: DispositionId(disposition),
        wrong_number: disposition == 2,
        next,
        wrap: Span::secs(8),
        at: NOON + Span::secs(n + 35),
    };
    record(Record::Qualified(qualified), NOON)
}

/// A refusal by the calling windows.
pub(crate) fn refused(campaign: CampaignId, contact: ContactId, next: Next, at: Wall) -> Write {
    let refusal = RuleRefusal {
        campaign,
        contact,
        number: NumberId(1),
        stage: Stage::Hopper,
        refusal: Refusal { rule: RuleId::Window, law: None, until: None },
        receipt: None,
        next,
        at,
    };
    record(Record::Refused(refusal), at)
}

/// A dialog with a recognisable Call-ID.
pub(crate) fn dialog(call_id: &str) -> StoredDialog {
    StoredDialog {
        call_id: call_id.to_owned(),
        local: "<sip:us@127.0.0.1>;tag=a".to_owned(),
        remote: "<sip:them@127.0.0.1>;tag=b".to_owned(),
        target: "sip:them@127.0.0.1".to_owned(),
        routes: vec![],
        cseq: 1,
        next_hop: std::net::SocketAddr::from(([127, 0, 0, 1], 5060)),
        transport: Transport::Tls,
        trunk: Some(TrunkId(1)),
        account: Some(TrunkId(1)),
    }
}

/// Where a phone with this port is.
pub(crate) fn binding(port: u16) -> StoredBinding {
    StoredBinding {
        contact: format!("sip:a1@127.0.0.1:{port}"),
        address: std::net::SocketAddr::from(([127, 0, 0, 1], port)),
        transport: Transport::Udp,
        path: Vec::new(),
    }
}

/// The registration of a phone there.
pub(crate) fn bound(agent: AgentId, port: u16, until: Wall) -> Write {
    Write::Bindings { agent, bindings: vec![(binding(port), until)] }
}

impl House {
    /// Reads every row of every table as text, table by table in the order of their names.
    pub(crate) async fn dump(&self) -> Result<Vec<(String, String)>, sqlx::Error> {
        let mut db = self.look().await?;
        let mut dump = Vec::new();
        for (table, columns) in db.columns().await? {
            let rows = match &mut db {
                Look::Sqlite(db) => {
                    let columns: Vec<_> = columns.iter().map(|it| format!("\"{it}\"")).collect();
                    let select = format!(
                        "select coalesce(group_concat(row, char(10)), '') from (
                           select json_array({}) as row from \"{table}\" order by 1)",
                        columns.join(", ")
                    );
                    sqlx::query_scalar(sqlx::AssertSqlSafe(select)).fetch_one(db).await?
                }
                Look::Postgres(db) => {
                    let select = format!(
                        "select coalesce(string_agg(t::text, e'\n' order by t::text), '')
                         from \"{table}\" t"
                    );
                    sqlx::query_scalar(sqlx::AssertSqlSafe(select)).fetch_one(db).await?
                }
            };
            dump.push((table, rows));
        }
        Ok(dump)
    }

    /// Opens the database from outside.
    pub(crate) async fn look(&self) -> Result<Look, sqlx::Error> {
        Look::open(&self.settings.place).await
    }
}

/// A database as others than the store see it.
pub(crate) enum Look {
    Sqlite(sqlx::SqliteConnection),
    Postgres(sqlx::PgConnection),
}

impl Look {
    /// Opens it.
    pub(crate) async fn open(place: &Place) -> Result<Self, sqlx::Error> {
        Ok(match place {
            Place::File(path) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                Self::Sqlite(sqlx::ConnectOptions::connect(&options).await?)
            }
            Place::Server(access) => Self::Postgres(
                <sqlx::PgConnection as sqlx::Connection>::connect(&access.url).await?,
            ),
        })
    }

    /// Runs a statement without parameters.
    pub(crate) async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(db) => sqlx::raw_sql(sql).execute(db).await.map(drop),
            Self::Postgres(db) => sqlx::raw_sql(sql).execute(db).await.map(drop),
        }
    }

    /// Gives the one number a query counts.
    pub(crate) async fn count(&mut self, sql: &'static str) -> Result<i64, sqlx::Error> {
        match self {
            Self::Sqlite(db) => sqlx::query_scalar(sql).fetch_one(db).await,
            Self::Postgres(db) => sqlx::query_scalar(sql).fetch_one(db).await,
        }
    }

    /// Gives the pairs of number and text a query lists.
    pub(crate) async fn pairs(
        &mut self,
        sql: &'static str,
    ) -> Result<Vec<(i64, Option<String>)>, sqlx::Error> {
        match self {
            Self::Sqlite(db) => sqlx::query_as(sql).fetch_all(db).await,
            Self::Postgres(db) => sqlx::query_as(sql).fetch_all(db).await,
        }
    }

    /// Gives the columns of every table but the migrator's, in the order of their names.
    pub(crate) async fn columns(
        &mut self,
    ) -> Result<BTreeMap<String, BTreeSet<String>>, sqlx::Error> {
        let pairs: Vec<(String, String)> = match self {
            Self::Sqlite(db) => {
                let all = sqlx::query_as(
                    "select m.name, c.name from sqlite_master m join pragma_table_info(m.name) c
                     where m.type = 'table' and m.name not like '%sqlx%'",
                );
                all.fetch_all(db).await?
            }
            Self::Postgres(db) => {
                let all = sqlx::query_as(
                    "select table_name::text, column_name::text from information_schema.columns
                     where table_schema = current_schema() and table_name not like '%sqlx%'",
                );
                all.fetch_all(db).await?
            }
        };
        let mut columns = BTreeMap::<_, BTreeSet<_>>::new();
        for (table, column) in pairs {
            columns.entry(table).or_default().insert(column);
        }
        Ok(columns)
    }
}

/// The time since the clock was started.
pub(crate) fn spent(clock: Clock) -> Span {
    clock.mono().since(Mono::START)
}

/// Says aloud how long something took, or what was left out.
#[expect(clippy::print_stderr, reason = "a test's timings and omissions are said aloud")]
pub(crate) fn announce(text: &str) {
    eprintln!("{text}");
}
