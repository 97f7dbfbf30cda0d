//! What a final status and a cause mean is what `docs/sip.md` says.

use cadran::sip::failure;

#[test]
fn the_documented_tables_are_the_ones_in_use() {
    let page = include_str!("../../../docs/sip.md");
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        Some((cells.next()?, cells.next()?))
    });
    let mut documented = [None; 700];
    for (statuses, meaning) in rows {
        for status in statuses.split(", ").filter_map(|status| status.parse::<usize>().ok()) {
            documented[status] = Some(meaning);
        }
    }
    assert!(documented.iter().flatten().count() > 15, "the table is found");
    for (status, meaning) in (300u16..).zip(&documented[300..]) {
        let expected = meaning.unwrap_or("TrunkFault");
        assert_eq!(format!("{:?}", failure(status, "Phrase")), expected, "{status}");
    }
    assert_eq!(format!("{:?}", failure(408, "")), "TrunkFault", "silence");
    // A Q.850 cause, beside a status that says little (RFC 3326).
    for (cause, meaning) in documented.iter().enumerate().take(128) {
        let reason = format!("Q.850;cause={cause}");
        assert_eq!(format!("{:?}", failure(503, &reason)), meaning.unwrap_or("Congestion"));
        assert_eq!(format!("{:?}", failure(486, &reason)), "Busy", "{cause}");
    }
}
