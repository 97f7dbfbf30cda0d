//! Which codecs a trunk speaks, and in which order.

use super::reader::{Fields, Value};

/// A flavour of G.711, the one codec spoken here (RFC 3551 §4.5.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// A-law, of Europe's networks.
    Pcma,
    /// µ-law, of North America's and Japan's.
    Pcmu,
}

const WORDS: [(&str, Codec); 2] = [("pcma", Codec::Pcma), ("pcmu", Codec::Pcmu)];

impl Codec {
    /// Reads the key `codecs` of a trunk: those it speaks, the preferred one first; empty without
    /// the key.
    pub(super) fn list(fields: &Fields<'_, '_>) -> Vec<Self> {
        let values = fields.get("codecs").map(Value::one_or_more).unwrap_or_default();
        let mut codecs = Vec::new();
        for value in &values {
            let Some(codec) = value.choice(&WORDS) else { continue };
            if codecs.contains(&codec) {
                value.error("is named twice", Some("name each codec once".to_owned()));
            }
            codecs.push(codec);
        }
        codecs
    }
}

#[cfg(test)]
mod tests {
    use super::super::reader::Reader;
    use super::*;

    fn read(text: &str) -> (Vec<Codec>, usize) {
        let reader = Reader::new(std::path::Path::new("cadran.toml"), text);
        let document = reader.parse();
        let codecs =
            document.as_ref().map(|document| Codec::list(&Fields::root(&reader, document)));
        (codecs.unwrap_or_default(), reader.finish().len())
    }

    #[test]
    fn codecs_keep_the_order_in_which_they_are_written() {
        use Codec::{Pcma, Pcmu};
        assert_eq!(read(""), (vec![], 0));
        assert_eq!(read("codecs = [\"pcmu\", \"pcma\"]"), (vec![Pcmu, Pcma], 0));
        assert_eq!(read("codecs = \"pcma\""), (vec![Pcma], 0));
        assert_eq!(read("codecs = [\"g729\", \"pcma\"]").1, 1);
        assert_eq!(read("codecs = [\"pcma\", \"pcma\"]").1, 1);
    }
}
