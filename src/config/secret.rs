//! Secrets: named in the files, kept elsewhere, never printed.

use std::fmt;
use std::path::PathBuf;

use super::reader::{Fields, Value};

/// A secret is read up to this many bytes: no password or signing key is longer.
const SECRET_BYTES_MAX: u64 = 4_096;

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    /// In a file, its last line break not counted.
    File(PathBuf),
    /// In an environment variable.
    Env(String),
}

/// A secret value. `Debug` hides it; there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret that came some other way than through a file.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// Gives the secret itself. Never print or log it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A secret is not where it should be.
#[derive(Debug, thiserror::Error)]
pub enum SecretMissing {
    /// The file cannot be read.
    #[error(
        "the secret's file {path} cannot be read: {source}; create it, readable by cadran only"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The environment has no such variable.
    #[error("the environment variable {0} is not set; set it before cadran starts")]
    Env(String),
    /// There is nothing in it.
    #[error("the secret in {0} is empty or longer than {SECRET_BYTES_MAX} bytes")]
    Unusable(String),
}

impl SecretPlace {
    /// Fetches the secret.
    ///
    /// # Errors
    /// It is not there, empty or too long; see [`SecretMissing`].
    pub fn read(&self) -> Result<Secret, SecretMissing> {
        let value = match self {
            Self::File(path) => {
                let failed = |source| SecretMissing::File { path: path.clone(), source };
                let mut value = String::new();
                let file = std::fs::File::open(path).map_err(failed)?;
                std::io::Read::read_to_string(
                    &mut std::io::Read::take(file, SECRET_BYTES_MAX + 1),
                    &mut value,
                )
                .map_err(failed)?;
                value
            }
            Self::Env(name) => std::env::var(name).map_err(|_| SecretMissing::Env(name.clone()))?,
        };
        let value = value.trim_end_matches(['\r', '\n']);
        let long = u64::try_from(value.len()).unwrap_or(u64::MAX) > SECRET_BYTES_MAX;
        if value.is_empty() || long {
            return Err(SecretMissing::Unusable(self.to_string()));
        }
        Ok(Secret(value.to_owned()))
    }

    /// Reads `secret_file` or `secret_env` of a table, and refuses a secret written there itself.
    pub(super) fn of(fields: &Fields<'_, '_>, required: bool) -> Option<Self> {
        for inline in ["secret", "password"] {
            if let Some(value) = fields.refused(inline) {
                let hint = "keep it in a file or variable: `secret_file = \"…\"` or `secret_env`";
                value.error("a secret may not be written here", Some(hint.to_owned()));
                return None;
            }
        }
        let file = fields.get("secret_file");
        let env = fields.get("secret_env");
        match (file, env) {
            (Some(_), Some(env)) => {
                env.error("a secret has one place only", Some("keep one of the two".to_owned()));
                None
            }
            (Some(file), None) => file.file().map(Self::File),
            (None, Some(env)) => env.name().map(Self::Env),
            (None, None) => {
                if required {
                    let hint = "add `secret_file = \"…\"`, a path, or `secret_env`, a variable";
                    fields.error("secret_file", "is missing", hint);
                }
                None
            }
        }
    }
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Env(name) => write!(f, "${name}"),
        }
    }
}

/// Where events are posted, and with which key they are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The receiver's address.
    pub url: String,
    /// The signing key's place (Standard Webhooks 1.0: `whsec_` and base64).
    pub secret: SecretPlace,
}

/// The event types a webhook may ask for. There is one, so naming events can only be right or
/// wrong, and nothing of it has to be kept.
const EVENTS: [(&str, ()); 1] = [("call.completed", ())];

/// A webhook's address is not longer than this: longer ones are refused by common servers.
const URL_BYTES_MAX: usize = 2_048;

impl Webhook {
    /// Gives the receiver's host, with its port where one is written.
    #[must_use]
    pub fn host(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let place = rest.split(['/', '?', '#']).next().unwrap_or_default();
        place.rsplit('@').next().unwrap_or_default()
    }

    /// Reads a `[webhook]` table.
    pub(super) fn of(fields: &Fields<'_, '_>) -> Option<Self> {
        let url = fields
            .must("url", "\"https://crm.example/cadran\"")
            .and_then(|url| url.parse(http_url));
        let secret = SecretPlace::of(fields, true);
        if let Some(events) = fields.get("events") {
            check_events(&events);
        }
        fields.finish();
        Some(Self { url: url?, secret: secret? })
    }
}

/// Refuses unknown events, and a list of none: whoever wants no event leaves the table out.
fn check_events(events: &Value<'_, '_>) {
    let named = events.list();
    if named.is_empty() {
        let hint = "write `events = [\"call.completed\"]`, or leave the key or the table out";
        events.error("names no event", Some(hint.to_owned()));
    }
    for event in named {
        event.choice(&EVENTS);
    }
}

fn http_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or(""));
    let clean = text.bytes().all(|byte| byte.is_ascii_graphic()) && text.len() <= URL_BYTES_MAX;
    match host {
        Some(host) if clean && !host.is_empty() && !host.contains('@') => Ok(text.to_owned()),
        Some(_) | None => Err("is no http or https address without user and password".to_owned()),
    }
}
