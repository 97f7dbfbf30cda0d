//! Certificates for the tests: made anew in every run, by an authority nobody else believes.

use std::path::PathBuf;
use std::sync::OnceLock;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::*;

/// The folder of this run's files.
static FOLDER: OnceLock<TempDir> = OnceLock::new();

/// Names a file of this run: `authority`, `carrier` or `engine`, with `crt` or `key`.
pub(crate) fn file(name: &str) -> Checked<PathBuf> {
    if FOLDER.get().is_none() {
        // Of two tests that come at once one is late, and uses the other's.
        drop(FOLDER.set(made()?));
    }
    let folder = FOLDER.get().ok_or("the folder was set just now")?;
    Ok(folder.path().join(name))
}

/// Gives the SHA-256 of the carrier's certificate.
pub(super) fn pin() -> Checked<[u8; 32]> {
    let certificate = CertificateDer::from_pem_file(file("carrier.crt")?)?;
    Ok(Sha256::digest(certificate).into())
}

fn made() -> Checked<TempDir> {
    let folder = tempfile::tempdir()?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    std::fs::write(folder.path().join("authority.key"), key.serialize_pem())?;
    let authority = CertifiedIssuer::self_signed(params, key)?;
    std::fs::write(folder.path().join("authority.crt"), authority.pem())?;
    for name in ["carrier", "engine"] {
        let names = [&format!("{name}.test"), "127.0.0.1", "::1"].map(str::to_owned);
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(names)?.signed_by(&key, &authority)?;
        std::fs::write(folder.path().join(name).with_extension("crt"), certificate.pem())?;
        std::fs::write(folder.path().join(name).with_extension("key"), key.serialize_pem())?;
    }
    Ok(folder)
}
