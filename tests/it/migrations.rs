//! The schemas: from empty, readable, and the same in every engine.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use cadran::core::pacing::{Limit, View};
use cadran::engine::tasks::Tasks;
use cadran::store::{Fault, NewAgent, NewNumber, Store, StoreError};
use cadran::units::{Number, Zone};

use crate::store::fixture::{Done, House, NOON, REST, binding, campaign, contact, list, mobile};

/// Table → columns, in the order of their names.
type Schema = BTreeMap<String, BTreeSet<String>>;

/// The engines, by their folders.
const ENGINES: [&str; 2] = ["sqlite", "postgres"];

/// Types that both engines know by the same name.
const TYPES: [&str; 5] = ["bigint", "integer", "text", "boolean", "double precision"];

/// What begins a table's constraint instead of a column.
const CONSTRAINTS: [&str; 4] = ["primary", "unique", "foreign", "check"];

fn files(engine: &str) -> Result<Vec<PathBuf>, std::io::Error> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
    let mut files = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    files.sort();
    Ok(files)
}

/// Reads the files without their comments.
fn statements(engine: &str) -> Result<String, std::io::Error> {
    let mut text = String::new();
    for file in files(engine)? {
        for line in fs::read_to_string(file)?.lines() {
            text.push_str(line.split("--").next().unwrap_or(""));
            text.push('\n');
        }
    }
    Ok(text)
}

/// Reads the columns of the statements: lines of `create table` as `name type …`, and
/// `alter table … add column name type`.
fn columns(sql: &str) -> Vec<(String, String, String)> {
    let mut columns = Vec::new();
    let mut column = |table: &str, line: &str| {
        let Some((name, kind)) = line.trim().split_once(' ') else { return };
        if !CONSTRAINTS.contains(&name) {
            columns.push((table.trim().to_owned(), name.to_owned(), kind.to_owned()));
        }
    };
    for statement in sql.split(';').map(str::trim) {
        if let Some(rest) = statement.strip_prefix("create table ") {
            let Some((table, body)) = rest.split_once('(') else { continue };
            body.lines().for_each(|line| column(table, line.trim().trim_end_matches(',')));
        } else if let Some(rest) = statement.strip_prefix("alter table ") {
            let Some((table, line)) = rest.split_once(" add column ") else { continue };
            column(table, line);
        }
    }
    columns
}

fn schema(engine: &str) -> Result<Schema, std::io::Error> {
    let mut schema = Schema::new();
    for (table, column, _) in columns(&statements(engine)?) {
        schema.entry(table).or_default().insert(column);
    }
    Ok(schema)
}

#[test]
fn names_are_lower_case_and_types_are_those_of_both_engines() -> Result<(), Box<dyn Error>> {
    for engine in ENGINES {
        let sql = statements(engine)?;
        assert_eq!(sql, sql.to_lowercase(), "SQL is lower case");
        let columns = columns(&sql);
        assert!(columns.len() > 100, "the reader of this test found {} columns", columns.len());
        for (table, column, kind) in &columns {
            for name in [table, column] {
                let snake =
                    name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
                assert!(snake && !name.starts_with('_'), "{table}.{column}");
            }
            assert!(TYPES.iter().any(|known| kind.starts_with(known)), "{table}.{column}: {kind}");
            if column == "at" || column.ends_with("_at") || column.ends_with("_us") {
                assert!(kind.starts_with("bigint"), "{table}.{column}: moments are microseconds");
            }
        }
    }
    Ok(())
}

/// The columns as the files write them, whole numbers of any width alike: a server's are all wide.
fn written(engine: &str) -> Result<Vec<(String, String, String)>, std::io::Error> {
    let mut columns = columns(&statements(engine)?.replace("integer", "bigint"));
    columns.sort();
    Ok(columns)
}

#[test]
fn every_engine_has_the_same_files_tables_and_columns() -> Result<(), Box<dyn Error>> {
    let names = |engine| -> Result<Vec<_>, std::io::Error> {
        Ok(files(engine)?.iter().map(|file| file.file_name().map(ToOwned::to_owned)).collect())
    };
    assert_eq!(names("sqlite")?, names("postgres")?);
    assert_eq!(written("sqlite")?, written("postgres")?);
    assert!(!statements("postgres")?.contains("integer"), "the store reads 64 bits");
    Ok(())
}

/// A house on each engine that is here.
async fn houses() -> Result<Vec<House>, Box<dyn Error>> {
    Ok([House::sqlite().await?].into_iter().chain(House::postgres().await?).collect())
}

#[tokio::test]
async fn an_empty_database_gets_every_table_and_opening_it_again_changes_nothing() -> Done {
    for house in houses().await? {
        let made = house.dump().await?;
        let house = house.reopened().await?;
        assert_eq!(house.dump().await?, made);
    }
    Ok(())
}

#[tokio::test]
async fn every_column_of_the_files_is_in_the_database() -> Done {
    for house in houses().await? {
        assert_eq!(house.look().await?.columns().await?, schema("sqlite")?);
    }
    Ok(())
}

#[tokio::test]
async fn a_decision_of_an_older_program_is_still_read() -> Done {
    for house in houses().await? {
        let campaign = campaign(&house.store, "jardin").await?;
        let insert = "insert into decision (campaign_id, at, asked, why, placed, limited_by, seen)
             values (1, 1700481600000000, 2, 'one_line_per_idle_agent', 2, 'ask',
               '{\"ready\":3,\"reserved\":0,\"talking\":2,\"ringing\":1,\"stock\":40}')";
        assert_eq!((campaign.0, NOON.as_micros()), (1, 1_700_481_600_000_000));
        house.look().await?.run(insert).await?;
        let row = house.store.decision(campaign, NOON).await?.ok_or("the decision is gone")?;
        let view = View { ready: 3, talking: 2, ringing: 1, stock: 40, ..View::default() };
        assert_eq!((row.decision.view, row.decision.forecast), (view, None));
        assert_eq!((row.decision.placed, row.decision.limit), (2, Limit::Ask));
    }
    Ok(())
}

/// Numbers of older programs, whose territory they took for `US` behind +1 and for `FR` behind +33,
/// with what each becomes.
const MISPLACED: [(&str, Option<&str>); 10] = [
    ("+12125550199", None),
    ("+12125551234", Some("US")),
    ("+14165551234", Some("CA")),
    ("+18765551234", Some("JM")),
    ("+17875551234", Some("US-PR")),
    ("+33612345678", Some("FR")),
    ("+33387123456", Some("FR-57")),
    ("+33390221234", Some("FR-67")),
    ("+33389123456", Some("FR-68")),
    ("+34928123456", Some("ES")),
];

#[tokio::test]
async fn numbers_of_an_older_program_get_the_law_and_the_clock_of_their_place() -> Done {
    for house in houses().await? {
        let campaign = campaign(&house.store, "jardin").await?;
        let mut people = Vec::new();
        for (nth, (number, _)) in (0..).zip(MISPLACED) {
            let number = Number::new(number)?;
            let zone = Zone::new(if nth == 9 { "Europe/Madrid" } else { "Europe/Paris" })?;
            let numbers = vec![NewNumber { number, zone, ..mobile(nth) }];
            people.push(cadran::store::NewContact { numbers, ..contact(&format!("c{nth}"), nth) });
        }
        list(&house.store, campaign, people).await?;
        let mut look = house.look().await?;
        // An older program kept digits plain.
        look.run(
            "update person_personal set e164 = case person_id
               when 1 then '+12125550199' when 2 then '+12125551234' when 3 then '+14165551234'
               when 4 then '+18765551234' when 5 then '+17875551234' when 6 then '+33612345678'
               when 7 then '+33387123456' when 8 then '+33390221234' when 9 then '+33389123456'
               else '+34928123456' end",
        )
        .await?;
        look.run(
            "update number set territory = (select case when e164 like '+1%' then 'US'
                 when e164 like '+34%' then 'ES' else 'FR' end
               from person_personal p where p.person_id = number.person_id)",
        )
        .await?;
        look.run(include_str!("../../migrations/sqlite/0012_territory.sql")).await?;
        let told = look.pairs("select id, territory from number order by id").await?;
        let told: Vec<_> = told.iter().map(|(_, territory)| territory.as_deref()).collect();
        assert_eq!(told, MISPLACED.map(|(_, territory)| territory));
        let zones = look.pairs("select id, zone from number where zone like '%Canary'").await?;
        assert_eq!(zones.len(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn fingerprints_of_an_older_program_are_cut_and_still_tell_their_persons() -> Done {
    for house in houses().await? {
        let campaign = campaign(&house.store, "jardin").await?;
        list(&house.store, campaign, [contact("c1", 1)]).await?;
        let mut look = house.look().await?;
        look.run("update person set fingerprint = fingerprint || substr(fingerprint, 1, 32)")
            .await?;
        let again = || list(&house.store, campaign, [contact("c2", 1)]);
        let migration = include_str!("../../migrations/sqlite/0023_lists.sql");
        let cut = migration.split(';').next().unwrap_or_default();
        look.run(cut).await?;
        let told = again().await?;
        assert_eq!((told.added, told.doubled_in_campaign), (0, 1));
    }
    Ok(())
}

#[tokio::test]
async fn a_phone_of_an_older_program_is_still_found() -> Done {
    for house in houses().await? {
        let campaigns = vec![campaign(&house.store, "jardin").await?];
        let name = "amina".to_owned();
        let agent = NewAgent { name, ha1: None, contact_uri: None, campaigns, skills: None };
        let agent = house.store.set_agent(&agent).await?;
        let mut look = house.look().await?;
        look.run(
            "insert into phone_binding (agent_id, binding, until_at) values (1,
               '{\"contact\":\"sip:a1@127.0.0.1:5061\",\"address\":\"127.0.0.1:5061\",
                 \"transport\":\"udp\"}', 1700481900000000)",
        )
        .await?;
        look.run(include_str!("../../migrations/sqlite/0025_phone_bindings.sql")).await?;
        let found = house.store.recover(NOON).await?.bindings;
        assert_eq!(found, [(agent, binding(5_061), NOON + REST)]);
    }
    Ok(())
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() -> Done {
    for house in houses().await? {
        let insert = "insert into _sqlx_migrations
               (version, description, success, checksum, execution_time)
             values (9999, 'from the future', true, '00', 0)";
        house.look().await?.run(insert).await?;
        let (_dir, settings) = house.closed().await;
        let error = Store::open(settings, &Tasks::new()).await;
        let error = error.expect_err("migration 9999 is unknown to this program");
        assert!(matches!(error, StoreError::Migrate { .. }), "{error}");
        assert_eq!(error.fault(), Fault::Operator);
    }
    Ok(())
}
