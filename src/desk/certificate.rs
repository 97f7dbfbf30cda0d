//! What the door shows over TLS: the operator's certificate, or one of our own making.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};

use crate::config;
use crate::sip::{Identification, TlsError};

/// Why the door has nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The files are of no use.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A certificate of our own could not be made.
    #[error("a certificate of its own cannot be made: {0}; name one under `[desk]`")]
    Made(#[from] rcgen::Error),
    /// It could not be kept.
    #[error("{path}: {source}; let cadran's user write there, or name a certificate")]
    Kept {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What the door shows, and its fingerprint if it is of our own making.
pub(super) type Shown = (Arc<ServerConfig>, Option<String>);

/// Reads what the door shows; makes it where the settings name nothing.
pub(super) fn shown(settings: &config::Desk) -> Result<Shown, CertificateError> {
    if let Some(given) = &settings.identification {
        return Ok((Identification::from(given).server()?, None));
    }
    let own = &settings.own;
    if !(own.certificate.exists() && own.key.exists()) {
        make(own, settings.bind)?;
    }
    let shown = Identification::from(own).server()?;
    Ok((shown, fingerprint(&own.certificate)))
}

/// Makes a certificate that nobody vouches for: browsers warn of it, once a machine. Its key is the
/// owner's alone.
fn make(own: &config::link::Identification, bind: SocketAddr) -> Result<(), CertificateError> {
    let ip = bind.ip();
    let named = (!ip.is_unspecified()).then(|| ip.to_string());
    let names: Vec<String> = named.into_iter().chain(["localhost".to_owned()]).collect();
    let made = rcgen::generate_simple_self_signed(names)?;
    write(&own.key, 0o600, &made.signing_key.serialize_pem())?;
    write(&own.certificate, 0o644, &made.cert.pem())
}

fn write(path: &Path, mode: u32, text: &str) -> Result<(), CertificateError> {
    let kept = || {
        // One that was left over may be open to others.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    kept().map_err(|source| CertificateError::Kept { path: path.to_owned(), source })
}

/// Gives the SHA-256 of a certificate as browsers show it.
fn fingerprint(path: &Path) -> Option<String> {
    let certificate = CertificateDer::from_pem_file(path).ok()?;
    let bytes: [u8; 32] = Sha256::digest(&certificate).into();
    Some(bytes.map(|byte| format!("{byte:02X}")).join(":"))
}
