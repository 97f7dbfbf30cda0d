//! Ugly lists of our own making: every number in them that can be known comes in right, nothing
//! else comes in, and what is rejected comes in once it is mended as proposed.
//!
//! `import/expected.txt` tells each list's lines: the numbers, or the reason and, behind a bar,
//! what to write into the cell that the reject names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cadran::api::import::{self, Encoding, List, Options, RejectsFile, Row, Sheet};
use cadran::config::encoding::Foreign;
use cadran::store::NewContact;
use cadran::units::Zone;
use csv::StringRecord;

use crate::store::fixture::{House, announce, campaign, source};

type Claim = Result<(), Box<dyn std::error::Error>>;

/// What is expected of each line of each list.
type Lists = BTreeMap<String, Vec<(u64, Expected)>>;

/// What a line of a list is to become.
#[derive(Debug)]
enum Expected {
    Numbers(Vec<String>),
    Reject { reason: String, fix: Option<String> },
}

/// A list as it was read.
struct Read {
    contacts: Vec<NewContact>,
    rejects: Vec<(u64, String)>,
    /// The file of rejects, as it is written to the disk.
    file: Vec<u8>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/import")
}

fn expected() -> Result<Lists, Box<dyn std::error::Error>> {
    let mut lists = Lists::new();
    let text = fs::read_to_string(folder().join("expected.txt"))?;
    let mut list = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("= ") {
            name.clone_into(&mut list);
            continue;
        }
        let (number, what) = line.split_once(' ').ok_or(line)?;
        let expected = if what.starts_with('+') {
            Expected::Numbers(what.split(' ').map(str::to_owned).collect())
        } else {
            let (reason, fix) = match what.split_once(" | ") {
                Some((reason, fix)) => (reason, Some(fix.to_owned())),
                None => (what, None),
            };
            Expected::Reject { reason: reason.to_owned(), fix }
        };
        lists.entry(list.clone()).or_default().push((number.parse()?, expected));
    }
    Ok(lists)
}

/// Reads a file as `cadran list import` does.
fn read(bytes: Vec<u8>) -> Result<Read, Box<dyn std::error::Error>> {
    read_as(bytes, Options::default())
}

fn read_as(bytes: Vec<u8>, options: Options) -> Result<Read, Box<dyn std::error::Error>> {
    let (text, encoding) = match Encoding::of(&bytes) {
        Err(Foreign::Workbook) => (Sheet::read(&bytes, None)?.csv, Encoding::Workbook),
        encoding => {
            let encoding = encoding?;
            (encoding.decode(bytes), encoding)
        }
    };
    let mut list = List::open(text.as_slice(), options)?;
    let (mut contacts, mut rejects, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    let mut file = RejectsFile::new(&mut kept, &list.dialect())?;
    while let Some(row) = list.next_row()? {
        match row {
            Row::Contact(contact) => contacts.push(contact),
            Row::Reject(reject) => {
                file.add(&reject)?;
                rejects.push((reject.line, reject.reason.code().to_owned()));
            }
        }
    }
    file.finish()?;
    Ok(Read { contacts, rejects, file: encoding.encode(&kept) })
}

fn numbers(contacts: &[NewContact]) -> Vec<Vec<String>> {
    let of = |contact: &NewContact| {
        contact.numbers.iter().map(|held| held.number.reveal().to_owned()).collect()
    };
    contacts.iter().map(of).collect()
}

#[test]
fn ugly_lists_give_every_number_that_can_be_known_and_no_other() -> Claim {
    let lists = expected()?;
    assert!(lists.len() >= 40, "{} lists", lists.len());
    let (mut recoverable, mut wrong) = (0, Vec::new());
    for (name, lines) in &lists {
        let read = read(fs::read(folder().join("lists").join(name))?)
            .map_err(|error| format!("{name}: {error}"))?;
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for (line, expected) in lines {
            match expected {
                Expected::Numbers(numbers) => good.push(numbers.clone()),
                Expected::Reject { reason, .. } => bad.push((*line, reason.clone())),
            }
        }
        recoverable += good.iter().map(Vec::len).sum::<usize>();
        let found = numbers(&read.contacts);
        if found != good {
            wrong.push(format!("{name}: read {found:?}, not {good:?}"));
        }
        if read.rejects != bad {
            wrong.push(format!("{name}: rejected {:?}, not {bad:?}", read.rejects));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    announce(&format!("{recoverable} numbers of {} lists, all right", lists.len()));
    Ok(())
}

#[test]
fn rejects_of_ugly_lists_come_in_once_they_are_mended_as_proposed() -> Claim {
    for (name, lines) in expected()? {
        let bytes = fs::read(folder().join("lists").join(&name))?;
        let list = Encoding::of(&bytes);
        let read_first = read(bytes)?;
        if read_first.rejects.is_empty() {
            continue;
        }
        let encoding = Encoding::of(&read_first.file)?;
        if let Ok(list) = list {
            assert_eq!(encoding.name(), list.name(), "{name}: the encoding of its rejects");
        }
        let fixes: BTreeMap<String, &str> = lines
            .iter()
            .filter_map(|(line, expected)| match expected {
                Expected::Reject { fix: Some(fix), .. } => Some((line.to_string(), fix.as_str())),
                Expected::Reject { fix: None, .. } | Expected::Numbers(_) => None,
            })
            .collect();
        let text = String::from_utf8_lossy(&encoding.decode(read_first.file)).into_owned();
        let mended = mended(&text, &fixes).map_err(|error| format!("{name}: {error}"))?;
        let again = read(encoding.encode(mended.as_bytes()));
        let again = again.map_err(|error| format!("{name}: {error}\n{mended}"))?;
        assert_eq!(again.rejects, [], "{name}\n{mended}");
        assert_eq!(again.contacts.len(), fixes.len(), "{name}\n{mended}");
    }
    Ok(())
}

/// Mends a file of rejects: writes each fix into the cell that the advice names, and deletes the
/// lines without one.
fn mended(
    text: &str,
    fixes: &BTreeMap<String, &str>,
) -> Result<String, Box<dyn std::error::Error>> {
    let text = text.trim_start_matches('\u{feff}');
    let (declared, text) = match text.strip_prefix("sep=") {
        Some(rest) => rest.split_once("\r\n").ok_or("sep= without an end")?,
        None => ("", text),
    };
    let first = text.split("_ligne").nth(1).and_then(|rest| rest.bytes().find(|b| *b != b'"'));
    let delimiter = first.ok_or("no column _ligne")?;
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader.delimiter(delimiter).flexible(true).from_reader(text.as_bytes());
    let titles = reader.headers()?.clone();
    let place = |title: &str| titles.iter().position(|own| own.trim() == title);
    let line = place("_ligne").ok_or("no column _ligne")?;
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    writer.write_record(&titles)?;
    for record in reader.byte_records() {
        let Ok(record) = StringRecord::from_byte_record(record?) else { continue };
        let Some(fix) = record.get(line).and_then(|line| fixes.get(line)) else { continue };
        let advice = record.get(line + 2).ok_or("no advice")?;
        let (title, _) = advice.split_once(" : ").ok_or_else(|| format!("no title: {advice}"))?;
        let at = place(title).ok_or_else(|| format!("no column {title:?}"))?;
        let cells = record.iter().enumerate();
        writer.write_record(cells.map(|(place, cell)| if place == at { fix } else { cell }))?;
    }
    let text = String::from_utf8(writer.into_inner()?)?;
    Ok(if declared.is_empty() { text } else { format!("sep={declared}\r\n{text}") })
}

#[test]
fn a_zone_for_the_whole_list_changes_nothing_for_numbers_that_tell_theirs() -> Claim {
    for name in expected()?.keys() {
        let bytes = fs::read(folder().join("lists").join(name))?;
        let plain = read(bytes.clone())?;
        for zone in ["America/New_York", "Pacific/Noumea", "Asia/Kolkata"] {
            let options = Options { zone: Some(Zone::new(zone)?), ..Options::default() };
            let zoned = read_as(bytes.clone(), options)?;
            assert_eq!(zoned.contacts, plain.contacts, "{name} with {zone}");
            assert_eq!(zoned.rejects, plain.rejects, "{name} with {zone}");
        }
    }
    Ok(())
}

#[test]
fn french_lists_read_for_another_country_give_no_french_number_of_their_own() -> Claim {
    for (name, lines) in expected()? {
        let good = lines.iter().flat_map(|(_, expected)| match expected {
            Expected::Numbers(numbers) => numbers.clone(),
            Expected::Reject { fix, .. } => fix.iter().cloned().collect(),
        });
        let good: Vec<String> = good.collect();
        let bytes = fs::read(folder().join("lists").join(&name))?;
        for code in ["US", "GB", "LU", "DE", "RE"] {
            let region = import::region(code).ok_or(code)?;
            for zone in [None, Some(Zone::new("America/New_York")?)] {
                let options = Options { region, zone, ..Options::default() };
                let read = read_as(bytes.clone(), options)?;
                assert!(!read.contacts.is_empty() || !read.rejects.is_empty(), "{name}");
                for contact in &read.contacts {
                    for held in &contact.numbers {
                        let digits = held.number.reveal();
                        let new_york = held.zone.name() == "America/New_York";
                        assert!(digits.starts_with('+') && !new_york, "{name} {code} {digits}");
                        let french = digits.starts_with("+33");
                        let known = good.iter().any(|good| good == digits);
                        assert!(!french || known, "{name} {code} {digits}");
                    }
                }
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn ugly_lists_imported_twice_add_nothing_the_second_time() -> Claim {
    let house = House::sqlite().await?;
    let campaign = campaign(&house.store, "vente").await?;
    let (mut added, mut again) = (0, 0);
    for total in [&mut added, &mut again] {
        for name in expected()?.keys() {
            let contacts = read(fs::read(folder().join("lists").join(name))?)?.contacts;
            let source = source(name);
            let told = house.store.import(campaign, &source, contacts, async || false).await?;
            *total += told.added;
        }
    }
    assert!(added > 100, "{added}");
    assert_eq!(again, 0);
    Ok(())
}
