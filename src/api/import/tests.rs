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
         a;0199000001;Europe/Paris;\n\
         b;0199000001;;\n\
         c;;;\n\
         d;3,36E+10;;\n\
         e;12;;\n\
         f;0199000002;Lune/Tycho;\n\
         g;0199000003;;11\n\
         h;0199000004\n\
         i;+18505550123;;\n",
    )?;
    let expected = [
        (3, Reason::Doubled),
        (4, Reason::NumberMissing),
        (5, Reason::NumberLost),
        (6, Reason::NumberShort),
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
    assert!(matches!(read("a;0199000001\nb;0199000002\n"), Err(NotAList::Untitled)));
    let wide = vec!["tel"; COLUMNS_MAX + 1].join(";");
    assert!(matches!(read(&wide), Err(NotAList::TooWide)));
}

#[test]
fn rejects_are_read_in_the_dialect_they_were_written_in() -> Result<(), Box<dyn std::error::Error>>
{
    for text in [
        "sep=,\ntel,a;b;c;d;e;f\n12,x\n",
        "sep=^\ntel^a,b,c,d^e\n12^x^y\n",
        "tel\ta;b\r\n12\tx\r\n",
    ] {
        let mut list = List::open(text.as_bytes(), Options::default())?;
        let dialect = list.dialect();
        let rejects = rejects_of(&mut list)?;
        let again = List::open(rejects.as_bytes(), Options::default())?.dialect();
        assert_eq!((again.delimiter, again.crlf), (dialect.delimiter, dialect.crlf), "{rejects}");
        assert_eq!(again.titles.get(1), dialect.titles.get(1));
    }
    Ok(())
}

fn rejects_of(list: &mut List<&[u8]>) -> Result<String, Box<dyn std::error::Error>> {
    let mut rejects = Vec::new();
    let mut file = RejectsFile::new(&mut rejects, &list.dialect())?;
    while let Some(row) = list.next_row()? {
        if let Row::Reject(reject) = row {
            file.add(&reject)?;
        }
    }
    file.finish()?;
    Ok(String::from_utf8(rejects)?)
}

#[test]
fn corrected_rejects_import_again() -> Result<(), Box<dyn std::error::Error>> {
    let text = "nom,tel,note\na,12,\"=1+1\"\nb,0199000001,\nc,0199000\n";
    let rejects = rejects_of(&mut List::open(text.as_bytes(), Options::default())?)?;
    let expected = "nom,tel,note,_ligne,_motif,_correction_proposee\n\
                    a,12,'=1+1,2,number_short,tel : ";
    assert!(rejects.starts_with(expected), "{rejects}");
    assert!(rejects.contains("\nc,0199000,,4,cells,"), "too few cells are filled up: {rejects}");
    let mended = rejects.replace(",12,", ",0199000012,").replace(",0199000,", ",0199000013,");
    let (rows, _) = read(&mended)?;
    assert_eq!(reasons(&rows), []);
    let [Row::Contact(first), Row::Contact(_)] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(first.fields.get("note").map(String::as_str), Some("=1+1"));
    Ok(())
}

#[test]
fn blank_records_are_counted_and_no_rejects() -> Result<(), NotAList> {
    let (rows, report) = read("nom;tel\n;;\na;0199000001\n ; \n\n;\n")?;
    assert_eq!(reasons(&rows), []);
    assert_eq!((report.rows, report.importable, report.blank), (1, 1, 3));
    Ok(())
}

#[test]
fn titles_are_found_below_what_stands_above_them() -> Result<(), NotAList> {
    let (rows, report) = read(
        "Export, prospects de mars\n;;\nLe 12/03/2026;;\nnom;tel;ville\na;12;Lyon\n\
         b;0199000001;\n",
    )?;
    assert_eq!(reasons(&rows), [(5, Reason::NumberShort)]);
    assert_eq!((report.importable, report.delimiter.as_str()), (1, ";"));
    Ok(())
}

#[test]
fn empty_cells_behind_the_last_title_are_no_cells() -> Result<(), NotAList> {
    let (rows, _) = read("nom;tel\na;0199000001;;\nb;0199000002;x\n")?;
    assert_eq!(reasons(&rows), [(3, Reason::Cells)]);
    Ok(())
}

#[test]
fn a_reference_that_comes_twice_is_told_with_its_column() -> Result<(), NotAList> {
    let (rows, report) = read("ref;tel\n1;0199000001\n1;0199000002\n2;0199000003\n")?;
    assert_eq!(reasons(&rows), [(3, Reason::IdDoubled)]);
    let columns: Vec<_> = report.examples.iter().map(|example| example.column.as_deref()).collect();
    assert_eq!(columns, [Some("ref")]);
    Ok(())
}

#[test]
fn a_mapping_gives_meaning_to_titles_that_tell_nothing() -> Result<(), Box<dyn std::error::Error>> {
    let words = [("joignable au", "phone"), ("id", "ignored")];
    let words = words.map(|(title, word)| (title.to_owned(), word.to_owned()));
    let mapping = Mapping::try_from(BTreeMap::from(words))?;
    let text = "id,joignable au\n1,0199000001\n1,0199000002\n";
    assert!(matches!(read(text), Err(NotAList::NoPhone(_))));
    let mut list = List::open(text.as_bytes(), Options { mapping, ..Options::default() })?;
    while list.next_row()?.is_some() {}
    assert_eq!(list.report().importable, 2);
    Ok(())
}

#[test]
fn a_sales_district_called_zone_is_a_field() -> Result<(), Box<dyn std::error::Error>> {
    let (rows, report) =
        read("nom;tel;zone\na;0199000001;\nb;0199000002;Nord\nc;0199000003;Sud\n")?;
    assert_eq!((reasons(&rows), report.importable), (Vec::new(), 3));
    assert_eq!(report.columns.get("zone").map(String::as_str), Some("fields.zone"));
    let (rows, _) = read("nom;tel;fuseau\nb;0199000002;Nord\n")?;
    assert_eq!(reasons(&rows), [(2, Reason::ZoneInvalid)]);
    let (rows, _) = read("nom;tel;zone\na;0199000001;Indian/Reunion\nb;0199000002;Nord\n")?;
    assert_eq!(reasons(&rows), [(3, Reason::ZoneInvalid)]);
    let words = BTreeMap::from([("Zone".to_owned(), "zone".to_owned())]);
    let options = Options { mapping: Mapping::try_from(words)?, ..Options::default() };
    let mut list = List::open("tel;zone\n0199000002;Nord\n".as_bytes(), options)?;
    assert!(matches!(list.next_row()?, Some(Row::Reject(reject)) if reject.line == 2));
    Ok(())
}

#[test]
fn numbers_beyond_the_eighth_are_counted_as_left_out() -> Result<(), NotAList> {
    let nine = (1..=9).map(|nth| format!("06399800{nth:02}")).collect::<Vec<_>>().join(";");
    let titles = ["tel"; 9].join(";");
    let (rows, report) = read(&format!("{titles}\n{nine}\n"))?;
    let [Row::Contact(contact)] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((contact.numbers.len(), report.numbers_left_out), (NUMBERS_MAX, 1));
    Ok(())
}

#[test]
fn numbers_that_take_the_lists_zone_are_counted() -> Result<(), Box<dyn std::error::Error>> {
    let zone = Some(Zone::new("America/New_York")?);
    let options = Options { region: Region::US, zone, ..Options::default() };
    let text = "phone\n(850) 555-0123\n(310) 555-0124\n(928) 555-0125\n";
    let mut list = List::open(text.as_bytes(), options)?;
    while list.next_row()?.is_some() {}
    let report = list.report();
    assert_eq!((report.importable, report.zones_supposed), (2, 1));
    assert_eq!(report.reasons.get("zone_unknown"), Some(&1));
    Ok(())
}

#[test]
fn consents_and_contracts_are_read_and_what_is_none_is_counted()
-> Result<(), Box<dyn std::error::Error>> {
    let text = "tél;Date optin;source consentement;Preuve;hors horaires;N° contrat;Objet contrat;\
                Fin contrat;Début contrat\n\
                0199000001;12/09/2026;salon;abc;oui;;;;\n\
                0199000002;;;;;C-9;pergola;31/12/2026;01/02/2026\n\
                0199000003;oui;;;;;;;\n\
                0199000004;;;;;C-9;;31/12/2026;\n\
                0199000005;13/09/2026;;;;;;;\n";
    let at = "2026-09-12T20:00:00Z".parse::<jiff::Timestamp>().map(Wall::from)?;
    let mut list = List::open(text.as_bytes(), Options { at: Some(at), ..Options::default() })?;
    let mut rows = Vec::new();
    while let Some(row) = list.next_row()? {
        let Row::Contact(contact) = row else { return Err("a reject".into()) };
        rows.push(contact);
    }
    let given: Vec<_> = rows.iter().flat_map(|contact| contact.consents.clone()).collect();
    let [consent, contract] = given.as_slice() else { panic!("{given:?}") };
    let told = |at: Option<Wall>| at.map(|at| at.to_string());
    assert_eq!(told(consent.obtained).as_deref(), Some("2026-09-11T22:00:00Z"));
    assert_eq!((consent.line, consent.out_of_hours, consent.expires), (2, true, None));
    assert_eq!(consent.source.as_deref().zip(consent.proof.as_deref()), Some(("salon", "abc")));
    assert_eq!(told(contract.obtained).as_deref(), Some("2026-01-31T23:00:00Z"));
    assert_eq!(told(contract.expires).as_deref(), Some("2026-12-31T23:00:00Z"));
    assert_eq!((contract.line, contract.contract.as_deref()), (3, Some("C-9")));
    let card = rows.first().and_then(|contact| contact.fields.get("date_optin"));
    assert_eq!(card.map(String::as_str), Some("12/09/2026"), "whoever calls reads it");
    let report = list.report();
    assert_eq!(report.consents, 2);
    let unusable = ["consent_future", "consent_unreadable", "contract_incomplete"];
    assert!(report.consents_unusable.keys().eq(unusable.iter()), "{report:?}");
    assert_eq!(report.columns.get("Fin contrat").map(String::as_str), Some("contract.ends_at"));
    Ok(())
}

#[test]
fn a_number_rejected_for_want_of_a_consent_may_stand_further_down_with_one()
-> Result<(), Box<dyn std::error::Error>> {
    let text = "tel;date consentement\n+33612345678;\n+33612345678;12/09/2026\n\
                +33612345678;11/09/2026\n";
    let at = "2026-09-12T20:00:00Z".parse::<jiff::Timestamp>().map(Wall::from)?;
    let law = Laws::of(Default::default(), Default::default(), None);
    for (need, importable, reasons) in [
        (Need::ByLaw(law), 1, vec!["consent_missing", "doubled"]),
        (Need::Always, 2, vec!["consent_missing"]),
    ] {
        let options = Options { at: Some(at), need, ..Options::default() };
        let mut list = List::open(text.as_bytes(), options)?;
        while list.next_row()?.is_some() {}
        let report = list.report();
        assert_eq!(report.importable, importable);
        assert!(report.reasons.keys().eq(reasons.iter()), "{report:?}");
    }
    Ok(())
}

#[test]
fn rights_that_are_over_are_counted_apart() -> Result<(), Box<dyn std::error::Error>> {
    let text = "tel;date consentement\n+33612345678;12/09/2026\n+33612345679;12/09/2024\n\
                +33612345680;\n";
    let at = "2026-09-12T20:00:00Z".parse::<jiff::Timestamp>().map(Wall::from)?;
    let options = Options { at: Some(at), need: Need::Always, ..Options::default() };
    let mut list = List::open(text.as_bytes(), options)?;
    while list.next_row()?.is_some() {}
    let report = list.report();
    assert_eq!((report.importable, report.rejected), (2, 1), "{report:?}");
    assert_eq!((report.consents, report.consents_over), (1, 1), "{report:?}");
    Ok(())
}
