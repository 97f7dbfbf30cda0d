//! Whether audio is protected by SRTP.

use super::reader::Fields;

/// Whether the audio of a trunk or of the agents' phones is protected by SRTP, with keys in the
/// session descriptions (RFC 4568).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Srtp {
    /// Never.
    #[default]
    Off,
    /// If the far end can; otherwise the audio is plain.
    Preferred,
    /// Always: a call whose far end cannot fails.
    Mandatory,
}

const WORDS: [(&str, Srtp); 3] =
    [("off", Srtp::Off), ("preferred", Srtp::Preferred), ("mandatory", Srtp::Mandatory)];

/// RFC 4568 §8: the keys are as secret as the messages that carry them.
const READABLE: &str = "protects nothing from whoever reads the signalling: the keys travel in it, \
                        and UDP and TCP hide nothing";

/// What may be done about it.
const HIDE: &str = "carry the signalling over TLS: `transport = \"tls\"` in a trunk, `tls` in \
                    [sip] for phones; or keep it inside a VPN, or leave `srtp` out";

impl Srtp {
    /// Reads the key `srtp` of a table; `hidden` says whether its signalling is encrypted.
    pub(super) fn of(fields: &Fields<'_, '_>, hidden: bool) -> Self {
        fields.or("srtp", Self::Off, |value| {
            let srtp = value.choice(&WORDS)?;
            if srtp != Self::Off && !hidden {
                value.warn(READABLE, HIDE);
            }
            Some(srtp)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Severity, parse};

    fn read(srtp: &str) -> (Option<[Srtp; 2]>, Vec<Severity>) {
        let trunk = "name = \"t\"\nhost = \"127.0.0.9\"\nchannels = 1\ncalls_per_second = \"1/s\"";
        let text = format!("[phones]\n{srtp}\n[[trunk]]\n{trunk}\n{srtp}\n");
        let (config, problems) = parse(Path::new("cadran.toml"), &text);
        let read = config.and_then(|it| Some([it.phones.srtp, it.trunks.first()?.srtp]));
        (read, problems.iter().map(|problem| problem.severity).collect())
    }

    #[test]
    fn srtp_is_off_unless_told_and_warned_of_where_the_keys_can_be_read() {
        let warned = vec![Severity::Warning; 2];
        assert_eq!(read(""), (Some([Srtp::Off; 2]), Vec::new()));
        assert_eq!(read("srtp = \"off\""), (Some([Srtp::Off; 2]), Vec::new()));
        assert_eq!(read("srtp = \"preferred\""), (Some([Srtp::Preferred; 2]), warned.clone()));
        assert_eq!(read("srtp = \"mandatory\""), (Some([Srtp::Mandatory; 2]), warned));
        let over_tls = "transport = \"tls\"\nsrtp = \"mandatory\"";
        let trunk = format!("name = \"t\"\nhost = \"c.test\"\nchannels = 1\n{over_tls}\n");
        let text = format!("[[trunk]]\n{trunk}calls_per_second = \"1/s\"\n");
        assert_eq!(parse(Path::new("cadran.toml"), &text).1, [], "TLS hides the keys");
        assert_eq!(read("srtp = \"always\"").1, [Severity::Error; 2]);
    }
}
