//! Tells what a file is that is not the UTF-8 text it should be.

/// What was found in the place of UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// Text in two bytes a sign, told by its mark (Unicode 15, §23.8) or its zeros.
    #[error("is text in UTF-16, not UTF-8")]
    Utf16,
    /// Text in one byte a sign, as spreadsheets and old editors of Western Europe save it.
    #[error("is text in Windows-1252 or Latin-1 by all appearances, not UTF-8")]
    OneByte,
    /// A workbook: a ZIP archive (APPNOTE 6.3, §4.3.7), or the compound file of before 2007.
    #[error("is a workbook of a spreadsheet or another archive, not text")]
    Workbook,
    /// No text at all.
    #[error("is no text")]
    Binary,
}

/// How archives and compound files begin.
const WORKBOOKS: [&[u8]; 2] = [b"PK\x03\x04", b"\xD0\xCF\x11\xE0"];

/// The marks of UTF-16, little and big end first.
const MARKS: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];

impl Foreign {
    /// Looks at bytes, which may be the first of a file only; `None` if they are UTF-8, even if it
    /// is damaged in few places or its last sign is cut in two.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let begins = |with: &[&[u8]]| with.iter().any(|start| bytes.starts_with(start));
        // A letter of Western Europe in two bytes has one that is zero.
        let zeros = bytes.iter().filter(|byte| **byte == 0).count();
        if begins(&WORKBOOKS) {
            return Some(Self::Workbook);
        }
        if begins(&MARKS) || (zeros > 0 && zeros.abs_diff(bytes.len() / 2) <= bytes.len() / 8) {
            return Some(Self::Utf16);
        }
        let control = |byte: &u8| byte.is_ascii_control() && !b"\t\r\n\x0C\x1A".contains(byte);
        if bytes.iter().any(control) {
            return Some(Self::Binary);
        }
        let mut balance = 0_i64;
        for chunk in bytes.utf8_chunks() {
            // A sign of another encoding seldom looks like one of UTF-8: where most are whole, a
            // few were damaged.
            let whole = chunk.valid().chars().filter(|sign| !sign.is_ascii()).count();
            balance -= i64::try_from(whole).unwrap_or(i64::MAX);
            balance += i64::from(!chunk.invalid().is_empty());
        }
        (balance > 0 && !cut(bytes)).then_some(Self::OneByte)
    }

    /// Reads the bytes as what they are; `None` if they are no text.
    #[must_use]
    pub fn read(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Utf16 => Some(utf16(bytes)),
            Self::OneByte => Some(bytes.iter().map(|byte| sign(*byte)).collect()),
            Self::Workbook | Self::Binary => None,
        }
    }

    /// Says what to do: `save`, or how else its text is had in UTF-8.
    #[must_use]
    pub fn mend(self, save: &str) -> String {
        let convert = |from: &str| format!("{save}, or: iconv -f {from} -t UTF-8 OLD > NEW");
        match self {
            Self::Utf16 => convert("UTF-16"),
            Self::OneByte => convert("WINDOWS-1252"),
            Self::Workbook | Self::Binary => save.to_owned(),
        }
    }
}

/// Tells whether the only fault is that the end of a piece cuts a sign in two.
fn cut(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

fn utf16(bytes: &[u8]) -> String {
    // Without a mark, the zeros of Western letters tell which byte comes first.
    let first = bytes.iter().step_by(2).filter(|byte| **byte == 0).count();
    let second = bytes.iter().skip(1).step_by(2).filter(|byte| **byte == 0).count();
    let big = bytes.starts_with(MARKS[1]) || (!bytes.starts_with(MARKS[0]) && first > second);
    let unit = |pair: &[u8]| match *pair {
        [a, b] if big => u16::from_be_bytes([a, b]),
        [a, b] => u16::from_le_bytes([a, b]),
        _ => u16::from(b'?'),
    };
    let units: Vec<_> = bytes.chunks(2).map(unit).collect();
    String::from_utf16_lossy(&units).trim_start_matches('\u{FEFF}').to_owned()
}

/// The signs of Windows-1252 from 0x80 on that Latin-1 does not have (WHATWG Encoding, index
/// windows-1252); its other bytes are Unicode's first 256.
const UPPER: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
];

fn sign(byte: u8) -> char {
    let upper = byte.checked_sub(0x80).and_then(|place| UPPER.get(usize::from(place)));
    upper.copied().unwrap_or_else(|| char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_utf8_is_told_by_its_bytes() {
        let text = "prénom;téléphone\n";
        let low = |c: char| u8::try_from(u32::from(c)).unwrap_or(b'?');
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let marked = [b"\xFF\xFE".as_slice(), &wide(text)].concat();
        for (bytes, found) in [
            (text.as_bytes(), None),
            (b"", None),
            (text.as_bytes().get(..3).unwrap_or_default(), None),
            (&text.chars().map(low).collect::<Vec<_>>(), Some(Foreign::OneByte)),
            (&marked, Some(Foreign::Utf16)),
            (&wide("telephone"), Some(Foreign::Utf16)),
            (b"PK\x03\x04\x14\0\x06\0", Some(Foreign::Workbook)),
            (b"\x93\x17\xC4\xFE\x01\x88ab", Some(Foreign::Binary)),
        ] {
            assert_eq!(Foreign::of(bytes), found, "{bytes:?}");
        }
    }

    #[test]
    fn what_western_europe_saves_is_read_as_it_was_meant() {
        let read = |bytes: &[u8]| Foreign::of(bytes).and_then(|found| found.read(bytes));
        assert_eq!(read(b"pr\xE9nom \x80 \x9Cuvre").as_deref(), Some("prénom € œuvre"));
        let big = "\u{FEFF}prénom €".encode_utf16().flat_map(u16::to_be_bytes);
        assert_eq!(read(&big.collect::<Vec<_>>()).as_deref(), Some("prénom €"));
        assert_eq!(read("prénom, prénom, pr\u{E9}nom".as_bytes()), None);
        let damaged = ["prénom;é;".as_bytes(), b"\xE9", "prénom".as_bytes()].concat();
        assert_eq!(Foreign::of(&damaged), None, "one damaged sign among whole ones");
        let whole = "Hélène;".repeat(40);
        let damaged = [whole.as_bytes(), b"\xE9;a;\xE9;b;\xE9;", whole.as_bytes()].concat();
        assert_eq!(Foreign::of(&damaged), None, "three in a row among whole ones");
        let bare = "téléphone".encode_utf16().flat_map(u16::to_be_bytes);
        assert_eq!(read(&bare.collect::<Vec<_>>()).as_deref(), Some("téléphone"), "no mark");
    }
}
