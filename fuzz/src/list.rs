//! Lists of contacts (CSV), and the file of what was rejected.

use cadran::api::import::{COLUMNS_MAX, List, Options, RejectsFile, Row};

/// Records read of one list.
const ROWS_MAX: usize = 1_000;

/// Imports a list, and then its own rejects.
pub fn run(data: &[u8]) {
    let Ok(mut list) = List::open(data, Options::default()) else { return };
    let dialect = list.dialect();
    assert!((1..=COLUMNS_MAX).contains(&dialect.titles.len()));
    let mut file = Vec::new();
    let mut rejects = RejectsFile::new(&mut file, &dialect).expect("memory can be written");
    let (mut contacts, mut rejected, mut numbers) = (0, 0, Vec::new());
    let lines = u64::try_from(data.len()).unwrap_or(u64::MAX) + 1;
    while contacts + rejected < ROWS_MAX as u64 {
        match list.next_row().expect("memory can be read") {
            Some(Row::Contact(contact)) => {
                assert!(!contact.numbers.is_empty(), "a contact whom nobody can call");
                assert!((1..=9).contains(&contact.priority));
                numbers.extend(contact.numbers.iter().map(|held| held.number.reveal().to_owned()));
                contacts += 1;
            }
            Some(Row::Reject(reject)) => {
                assert!((1..=lines).contains(&reject.line), "line {}", reject.line);
                rejects.add(&reject).expect("memory can be written");
                rejected += 1;
            }
            None => break,
        }
    }
    let all = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), all, "a number was imported twice");
    let report = list.report();
    assert_eq!((report.rows, report.rejected), (contacts + rejected, rejected));
    assert_eq!((report.importable, report.reasons.values().sum()), (contacts, rejected));
    assert!(report.examples.len() <= 3 * report.reasons.len());
    rejects.finish().expect("memory can be written");
    mended(&file, rejected);
}

/// Claims that the file of rejects is a list with as many records, if it still is one: a column
/// of ours may have been all it had.
fn mended(file: &[u8], rejected: u64) {
    let Ok(mut again) = List::open(file, Options::default()) else { return };
    while again.next_row().expect("memory can be read").is_some() {}
    assert_eq!(again.report().rows, rejected, "{}", String::from_utf8_lossy(file));
}
