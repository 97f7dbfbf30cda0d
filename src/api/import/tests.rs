use super::*;

type Read = (Vec<Row>, ImportReport);

fn read(text: &str) -> Result<Read, NotAList> {
    read_bytes(text.as_bytes())
}

fn read_bytes(bytes: &[u8]) -> Result<Read, NotAList> {
    let mut list = List::open(bytes, Options::default())?;
    let mut rows = Vec::new();
    while let Some(row) = list.next_row()? {
        rows.push(row);
    }
    Ok((rows, list.report()))
}

fn reasons(rows: &[Row]) -> Vec<(u64, Reason)> {
    let reason = |row: &Row| match row {
        Row::Contact(_) => None,
        Row::Reject(reject) => Some((reject.line, reject.reason)),
    };
    rows.iter().filter_map(reason).collect()
}

#[test]
fn every_delimiter_and_the_utf8_mark_give_the_same_contact() -> Result<(), NotAList> {
    let (expected, _) = read("nom;téléphone;ville\nMartin;01 99 00 00 01;Lyon\n")?;
    let dresses = [
        "nom,téléphone,ville\r\nMartin,01 99 00 00 01,Lyon",
        "nom\ttéléphone\tville\nMartin\t01 99 00 00 01\tLyon\n",
        "\u{feff}nom;téléphone;ville\nMartin;01 99 00 00 01;Lyon\n",
        "sep=;\r\nnom;téléphone;ville\r\nMartin;01 99 00 00 01;Lyon\r\n",
        "\"nom, entier\";nom;téléphone;ville\n;Martin;\"01 99 00 00 01\";Lyon\n",
    ];
    for text in dresses {
        assert_eq!(read(text)?.0, expected, "{text:?}");
    }
    Ok(())
}

#[test]
fn a_contact_carries_every_column() -> Result<(), NotAList> {
    let (rows, report) = read(
        "ref;prénom;nom;fixe;portable;cp;priorité\nX1;Léa;Roy;0199000001;639980001;69003;2\n",
    )?;
    let [Row::Contact(contact)] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(contact.external_id.as_deref(), Some("X1"));
    assert_eq!(contact.name.as_deref(), Some("Léa Roy"));
    assert_eq!(contact.fields.get("postal_code").map(String::as_str), Some("69003"));
    assert_eq!((contact.priority, contact.numbers.len()), (2, 2));
    assert_eq!((report.rows, report.importable, report.repaired), (1, 1, 1));
    Ok(())
}

#[test]
fn every_reject_has_its_line_and_reason() -> Result<(), NotAList> {
    let (rows, report) = read(
        "nom;tel;zone;priorite\n\
         a;0199000001;;\n\
         b;0199000001;;\n\
         c;;;\n\
         d;3,36E+10;;\n\
         e;12;;\n\
         f;0199000002;Lune/Tycho;\n\
         g;0199000003;;11\n\
         h;0199000004\n\
         i;+12025550123;;\n",
    )?;
    let expected = [
        (3, Reason::Doubled),
        (4, Reason::NumberMissing),
        (5, Reason::NumberLost),
        (6, Reason::NumberInvalid),
        (7, Reason::ZoneInvalid),
        (8, Reason::PriorityInvalid),
        (9, Reason::Cells),
        (10, Reason::ZoneUnknown),
    ];
    assert_eq!(reasons(&rows), expected);
    assert_eq!((report.rows, report.importable, report.rejected), (9, 1, 8));
    assert_eq!(report.reasons.values().sum::<u64>(), 8);
    Ok(())
}

#[test]
fn bytes_that_are_no_utf8_reject_their_record_only() -> Result<(), NotAList> {
    let (rows, report) = read_bytes(b"nom;tel\nL\xe9a;0199000001\nZo;0199000002\n")?;
    assert_eq!(reasons(&rows), [(2, Reason::Encoding)]);
    assert_eq!(report.importable, 1);
    Ok(())
}

#[test]
fn a_file_without_titles_or_telephones_is_no_list() {
    assert!(matches!(read(""), Err(NotAList::Empty)));
    assert!(matches!(read("\n\n"), Err(NotAList::Header)));
    for (bytes, said) in [
        (b"pr\xE9nom;t\xE9l\xE9phone\n".as_slice(), "WINDOWS-1252"),
        (b"\xFF\xFEt\0e\0l\0", "UTF-16"),
        (b"PK\x03\x04\x14\0\x06\0", "workbook"),
        (b"\x93\x17\xC4\xFE\x01\x88ab", "no text"),
    ] {
        let told = read_bytes(bytes).err().map_or_else(String::new, |error| error.to_string());
        assert!(told.contains(said) && told.contains("CSV UTF-8"), "{told}");
    }
    assert!(matches!(read("nom;ville\na;b\n"), Err(NotAList::NoPhone(_))));
    let wide = vec!["tel"; COLUMNS_MAX + 1].join(";");
    assert!(matches!(read(&wide), Err(NotAList::TooWide)));
}

#[test]
fn rejects_are_read_in_the_dialect_they_were_written_in() -> Result<(), Box<dyn std::error::Error>>
{
    for text in ["sep=,\ntel,a;b;c;d;e;f\n12,x\n", "sep=|\ntel|a,b,c,d|e\n12|x|y\n"] {
        let mut list = List::open(text.as_bytes(), Options::default())?;
        let (header, delimiter) = list.dialect();
        let mut rejects = Vec::new();
        let mut file = RejectsFile::new(&mut rejects, &header, delimiter)?;
        while let Some(Row::Reject(reject)) = list.next_row()? {
            file.add(&header, &reject)?;
        }
        file.finish()?;
        let again = List::open(rejects.as_slice(), Options::default())?;
        let titles = |header: StringRecord| header.get(1).map(str::to_owned);
        assert_eq!(again.dialect().1, delimiter, "{}", String::from_utf8_lossy(&rejects));
        assert_eq!(titles(again.dialect().0), titles(header));
    }
    Ok(())
}

#[test]
fn corrected_rejects_import_again() -> Result<(), Box<dyn std::error::Error>> {
    let mut list = List::open(&b"nom,tel\na,12\nb,0199000001\n"[..], Options::default())?;
    let (header, delimiter) = list.dialect();
    let mut rejects = Vec::new();
    let mut file = RejectsFile::new(&mut rejects, &header, delimiter)?;
    while let Some(row) = list.next_row()? {
        if let Row::Reject(reject) = row {
            file.add(&header, &reject)?;
        }
    }
    file.finish()?;
    let text = String::from_utf8(rejects)?;
    assert!(text.starts_with("nom,tel,_ligne,_motif,_correction_proposee\na,12,2,number_invalid"));
    let (rows, _) = read(&text.replace(",12,", ",0199000012,"))?;
    assert_eq!(reasons(&rows), []);
    Ok(())
}
