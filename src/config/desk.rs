//! `[desk]`: where people open their pages, and how they know it is ours.

use std::net::SocketAddr;

use super::link::Identification;
use super::reader::Fields;
use super::{StorePlace, address};

/// Where people open their pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desk {
    /// Where it listens.
    pub bind: SocketAddr,
    /// The address people open, when it is not the bound one: `https://` and a host.
    pub public: Option<String>,
    /// The certificate shown.
    pub identification: Option<Identification>,
    /// Where a certificate of our own making is kept, for want of one.
    pub own: Identification,
}

impl Desk {
    /// Reads the `[desk]` table; without one there is no desk.
    pub(super) fn of(root: &Fields<'_, '_>, store: &StorePlace) -> Option<Self> {
        let fields = root.table("desk")?;
        let bind = fields.must("bind", "\"127.0.0.1:8443\"").and_then(|value| address(&value));
        let public = fields.get("public").and_then(|value| value.parse(site));
        let identification = Identification::of(&fields);
        if public.is_none() && bind.is_some_and(|bind| bind.ip().is_unspecified()) {
            let hint = "add the address people open, such as `public = \"https://cadran.example\"`";
            fields.error("public", "is missing although every address is bound", hint);
        }
        fields.finish();
        let beside = |name: &str| store.key_file.with_file_name(name);
        let own = Identification { certificate: beside("desk.crt"), key: beside("desk.key") };
        Some(Self { bind: bind?, public, identification, own })
    }

    /// Tells whether it speaks TLS itself: everywhere but on loopback, where nobody listens in.
    #[must_use]
    pub fn speaks_tls(&self) -> bool {
        self.identification.is_some() || !self.bind.ip().is_loopback()
    }

    /// Gives what browsers may call it, once it is bound: a scheme, a host and a port that is not
    /// the usual one (RFC 6454 §6.2). The first is what people open.
    #[must_use]
    pub fn origins(&self, bound: SocketAddr) -> Vec<String> {
        if let Some(public) = &self.public {
            return vec![public.clone()];
        }
        let (scheme, usual) = if self.speaks_tls() { ("https", 443) } else { ("http", 80) };
        let port = if bound.port() == usual { String::new() } else { format!(":{}", bound.port()) };
        let ip = bound.ip();
        let host = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
        let named = ip.is_loopback().then(|| format!("{scheme}://localhost{port}"));
        [format!("{scheme}://{host}{port}")].into_iter().chain(named).collect()
    }

    /// Gives the link that accepts an invitation. The token stands behind `#`, which browsers send
    /// to nobody.
    #[must_use]
    pub fn link(&self, bound: SocketAddr, token: &str) -> String {
        let origins = self.origins(bound);
        let origin = origins.first().map_or("", String::as_str);
        format!("{origin}/desk/invitation#{token}")
    }
}

/// Reads the address of a site as browsers name it: small letters, no path.
fn site(text: &str) -> Result<String, String> {
    let wrong = || "is no site's address: write https://cadran.example".to_owned();
    let host = text.strip_prefix("https://").ok_or_else(wrong)?;
    let host = host.strip_suffix('/').unwrap_or(host);
    let host = host.strip_suffix(":443").unwrap_or(host);
    let fits = |sign: char| sign.is_ascii_alphanumeric() || "-.:[]".contains(sign);
    if host.is_empty() || !host.chars().all(fits) {
        return Err(wrong());
    }
    Ok(format!("https://{}", host.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;

    fn read(keys: &str) -> (Option<Desk>, Vec<String>) {
        let (config, problems) = parse(Path::new("cadran.toml"), &format!("[desk]\n{keys}\n"));
        let told = problems.into_iter().map(|problem| problem.to_string()).collect();
        (config.and_then(|config| config.desk), told)
    }

    #[test]
    fn a_desk_says_what_people_open() {
        for (keys, tls, origins) in [
            (
                "bind = \"127.0.0.1:8443\"",
                false,
                &["http://127.0.0.1:8443", "http://localhost:8443"][..],
            ),
            ("bind = \"192.0.2.1:443\"", true, &["https://192.0.2.1"]),
            ("bind = \"[2001:db8::1]:8443\"", true, &["https://[2001:db8::1]:8443"]),
            (
                "bind = \"0.0.0.0:8443\"\npublic = \"https://Cadran.Example:443/\"",
                true,
                &["https://cadran.example"],
            ),
            (
                "bind = \"127.0.0.1:80\"\ncertificate_file = \"a.crt\"\nkey_file = \"a.key\"",
                true,
                &["https://127.0.0.1:80", "https://localhost:80"],
            ),
        ] {
            let (desk, problems) = read(keys);
            assert_eq!(problems, [""; 0], "{keys}");
            let desk = desk.expect("a desk without problems");
            assert_eq!(desk.speaks_tls(), tls, "{keys}");
            assert_eq!(desk.origins(desk.bind), origins, "{keys}");
            assert!(desk.own.key.ends_with("desk.key"));
        }
        assert_eq!(parse(Path::new("cadran.toml"), "").0.and_then(|config| config.desk), None);
    }

    #[test]
    fn what_cannot_be_a_desk_is_said() {
        for (keys, said) in [
            ("", "desk.bind: is missing"),
            ("bind = \"0.0.0.0:8443\"", "desk.public: is missing although every"),
            ("bind = \"127.0.0.1:1\"\npublic = \"http://a.test\"", "is no site's address"),
            ("bind = \"127.0.0.1:1\"\npublic = \"https://a.test/desk\"", "is no site's address"),
            ("bind = \"127.0.0.1:1\"\nkey_file = \"a\"", "certificate_file: is missing beside"),
        ] {
            let (_, problems) = read(keys);
            assert!(problems.len() == 1 && problems[0].contains(said), "{keys}: {problems:?}");
        }
    }
}
