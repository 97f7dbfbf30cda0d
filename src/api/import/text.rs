//! The bytes of a file → the text of a list in UTF-8, and rejects → the same encoding again.

use crate::config::encoding::Foreign;

/// How a list's text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without its mark.
    Utf8 {
        /// Whether it begins with the mark.
        mark: bool,
    },
    /// UTF-16.
    Utf16 {
        /// Whether the greater byte comes first.
        big: bool,
        /// Whether it begins with the mark.
        mark: bool,
    },
    /// One byte a sign.
    OneByte(Page),
    /// The cells of a workbook, which has no text.
    Workbook,
}

/// What the upper bytes mean where a sign has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// Windows-1252, as "CSV" is saved by Excel on Windows.
    Windows1252,
    /// Mac OS Roman, as "CSV (Macintosh)" is.
    Macintosh,
    /// Code page 850, as "CSV (MS-DOS)" is.
    Dos850,
}

/// The mark of UTF-8.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// The signs of Mac OS Roman from 0x80 on (Unicode, VENDORS/APPLE/ROMAN.TXT).
const MACINTOSH: &str = "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø\
    ¿¡¬√ƒ≈∆«»…\u{a0}ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\u{f8ff}ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ";

/// The signs of code page 850 from 0x80 on (Unicode, VENDORS/MICSFT/PC/CP850.TXT).
const DOS850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
    └┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";

/// What a French list has beyond ASCII: accented letters, typographic signs, hard blanks.
const FRENCH: &str = "éèàêçôîïëûùâüöœÉÈÀÇÊÔ°’€«»–\u{a0}";

impl Encoding {
    /// Tells how bytes are written.
    ///
    /// # Errors
    /// They are no text.
    pub fn of(bytes: &[u8]) -> Result<Self, Foreign> {
        match Foreign::of(bytes) {
            None => Ok(Self::Utf8 { mark: bytes.starts_with(MARK) }),
            Some(Foreign::Utf16) => {
                let mark = bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF");
                let first = bytes.first().copied().unwrap_or_default();
                Ok(Self::Utf16 { big: if mark { first == 0xFE } else { first == 0 }, mark })
            }
            Some(Foreign::OneByte) => Ok(Self::OneByte(Page::of(bytes))),
            Some(foreign @ (Foreign::Workbook | Foreign::Binary)) => Err(foreign),
        }
    }

    /// Says its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 { mark: false } => "UTF-8",
            Self::Utf8 { mark: true } => "UTF-8 with mark",
            Self::Utf16 { .. } => "UTF-16",
            Self::OneByte(Page::Windows1252) => "Windows-1252",
            Self::OneByte(Page::Macintosh) => "Mac OS Roman",
            Self::OneByte(Page::Dos850) => "code page 850",
            Self::Workbook => "workbook",
        }
    }

    /// Writes bytes of this encoding in UTF-8. Line breaks of old Macintoshes become those of
    /// today.
    #[must_use]
    pub fn decode(self, bytes: Vec<u8>) -> Vec<u8> {
        let mut text = match self {
            Self::Utf8 { .. } | Self::Workbook => bytes,
            Self::Utf16 { .. } => Foreign::Utf16.read(&bytes).unwrap_or_default().into_bytes(),
            Self::OneByte(page) => {
                let signs = page.signs();
                let sign = |byte: &u8| signs.get(usize::from(*byte)).copied().unwrap_or('?');
                bytes.iter().map(sign).collect::<String>().into_bytes()
            }
        };
        if text.contains(&b'\r') && !text.contains(&b'\n') {
            for byte in &mut text {
                if *byte == b'\r' {
                    *byte = b'\n';
                }
            }
        }
        text
    }

    /// Writes UTF-8 in this encoding, with the mark that the list had; rejects of a workbook become
    /// what a spreadsheet reads best.
    #[must_use]
    pub fn encode(self, text: &[u8]) -> Vec<u8> {
        let wide = |bytes: fn(u16) -> [u8; 2], mark: bool| {
            let text = String::from_utf8_lossy(text);
            let marked = mark.then_some(0xFEFF).into_iter().chain(text.encode_utf16());
            marked.flat_map(bytes).collect()
        };
        match self {
            Self::Utf8 { mark: false } => text.to_vec(),
            Self::Utf8 { mark: true } | Self::Workbook => [MARK, text].concat(),
            Self::Utf16 { big: true, mark } => wide(u16::to_be_bytes, mark),
            Self::Utf16 { big: false, mark } => wide(u16::to_le_bytes, mark),
            Self::OneByte(page) => {
                let signs = page.signs();
                let byte = |sign: char| signs.iter().position(|own| *own == sign);
                let byte = |sign| byte(sign).and_then(|place| u8::try_from(place).ok());
                let text = String::from_utf8_lossy(text);
                text.chars().map(|sign| byte(sign).unwrap_or(b'?')).collect()
            }
        }
    }
}

impl Page {
    /// Gives the page by which the bytes hold the most French letters; among equals the commonest.
    fn of(bytes: &[u8]) -> Self {
        let french = |page: &Self| {
            let signs = page.signs();
            let upper = bytes.iter().filter(|byte| !byte.is_ascii());
            let signs = upper.filter_map(|byte| signs.get(usize::from(*byte)));
            signs.filter(|sign| FRENCH.contains(**sign)).count()
        };
        let pages = [Self::Dos850, Self::Macintosh, Self::Windows1252];
        pages.into_iter().max_by_key(french).unwrap_or(Self::Windows1252)
    }

    /// Gives the sign of every byte.
    fn signs(self) -> Vec<char> {
        let below = (0..0x80_u8).map(char::from);
        match self {
            Self::Windows1252 => {
                let all: Vec<u8> = (0..=0xFF).collect();
                Foreign::OneByte.read(&all).unwrap_or_default().chars().collect()
            }
            Self::Macintosh => below.chain(MACINTOSH.chars()).collect(),
            Self::Dos850 => below.chain(DOS850.chars()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "Prénom;Tél\r\nHélène Lefèvre, à Châlons;01 99 00 00 01\r\nFrançois;12\r\n";

    #[test]
    fn what_a_list_was_written_in_is_told_and_its_rejects_are_written_alike() -> Result<(), Foreign>
    {
        let pages = [Page::Windows1252, Page::Macintosh, Page::Dos850].map(Encoding::OneByte);
        let wide = [(true, true), (true, false), (false, true), (false, false)];
        let wide = wide.map(|(big, mark)| Encoding::Utf16 { big, mark });
        let utf8 = [true, false].map(|mark| Encoding::Utf8 { mark });
        for encoding in pages.into_iter().chain(wide).chain(utf8) {
            let bytes = encoding.encode(LIST.as_bytes());
            assert_eq!(Encoding::of(&bytes)?, encoding, "{}", encoding.name());
            let text = encoding.decode(bytes);
            let text = text.strip_prefix(MARK).unwrap_or(&text);
            assert_eq!(String::from_utf8_lossy(text), LIST, "{}", encoding.name());
        }
        Ok(())
    }

    #[test]
    fn every_fix_can_be_written_in_every_page() {
        for page in [Page::Windows1252, Page::Macintosh, Page::Dos850].map(Encoding::OneByte) {
            for reason in super::super::Reason::ALL {
                let [fix, _] = reason.fix();
                let again = page.decode(page.encode(fix.as_bytes()));
                assert_eq!(String::from_utf8_lossy(&again), fix, "{}", page.name());
            }
        }
    }

    #[test]
    fn lines_of_an_old_macintosh_are_lines() {
        let text = Encoding::Utf8 { mark: false }.decode(b"nom;tel\rA;1\r".to_vec());
        assert_eq!(text, b"nom;tel\nA;1\n");
    }
}
