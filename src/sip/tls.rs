//! TLS for the signalling: whom we believe, and what we show (RFC 3261 §26.3.1, RFC 5922).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig,
    SignatureScheme,
};
use sha2::{Digest as _, Sha256};

use super::trouble::{Obstacle, Trouble};

/// Where systems keep the certificates they trust, the most usual first.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What is said of a certificate that is not the pinned one.
const UNPINNED: &str = "its certificate is not the pinned one";

/// The verifier's name for an authority's certificate shown by a server; rustls has none.
const OF_AUTHORITY: &str = "CaUsedAsEndEntity";

/// Whose certificate is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those vouched for by the system's own bundle.
    #[default]
    System,
    /// Those vouched for by the certificates of a PEM file.
    File(PathBuf),
    /// The one certificate whose SHA-256 this is, whatever its name and its dates.
    Pin([u8; 32]),
}

/// A certificate of ours, with its chain, and its key: PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identification {
    /// The certificate, then those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How we meet a trunk over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The name its certificate must bear, also told in SNI: its domain, not what DNS made of it
    /// (RFC 5922 §4).
    pub name: String,
    /// Whose certificate is believed.
    pub trust: Trust,
    /// What we show if asked.
    pub identification: Option<Identification>,
}

/// What a connection to a trunk over TLS begins with, and the name it must find.
pub(crate) type Client = (Arc<ClientConfig>, ServerName<'static>);

/// TLS cannot be set up. The settings' or their files' fault.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM.
    #[error("{path}: {reason}; name a PEM file that cadran may read")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The machine keeps no certificates where they usually are.
    #[error("this machine has no certificates to trust: install ca-certificates, or set ca_file")]
    NoBundle,
    /// The name to be checked is none.
    #[error("{0:?} is no name a certificate can bear: set tls_name")]
    Name(String),
    /// The certificate and its key do not fit, or are of no use.
    #[error("TLS cannot be set up: {0}")]
    Unusable(#[from] rustls::Error),
}

impl Tls {
    /// Reads the files as a connection to the trunk will, and keeps nothing of them.
    ///
    /// # Errors
    /// They, or the name, are of no use.
    pub fn check(&self) -> Result<(), TlsError> {
        self.client().map(drop)
    }

    /// Reads the files and makes what connections to the trunk begin with.
    pub(crate) fn client(&self) -> Result<Client, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let name = ServerName::try_from(self.name.clone());
        let name = name.map_err(|_| TlsError::Name(self.name.clone()))?;
        let verifier: Arc<dyn ServerCertVerifier> = match &self.trust {
            Trust::Pin(pin) => Arc::new(Pinned { pin: *pin, provider: Arc::clone(&provider) }),
            Trust::System => vouched(bundle()?, &provider)?,
            Trust::File(path) => vouched(path, &provider)?,
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match &self.identification {
            Some(own) => {
                let (chain, key) = own.read()?;
                builder.with_client_auth_cert(chain, key)?
            }
            None => builder.with_no_client_auth(),
        };
        Ok((Arc::new(config), name))
    }
}

impl Identification {
    /// Reads the files as connections to us will, and keeps nothing of them.
    ///
    /// # Errors
    /// They are of no use, or do not fit.
    pub fn check(&self) -> Result<(), TlsError> {
        self.server().map(drop)
    }

    /// Reads the files and makes what connections to us begin with.
    pub(crate) fn server(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let (chain, key) = self.read()?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Arc::new(config))
    }

    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let key = PrivateKeyDer::from_pem_file(&self.key);
        let key = key.map_err(|error| unreadable(&self.key, error))?;
        Ok((certificates(&self.certificate)?, key))
    }
}

fn bundle() -> Result<&'static Path, TlsError> {
    BUNDLES.iter().map(Path::new).find(|path| path.exists()).ok_or(TlsError::NoBundle)
}

/// Makes a verifier of chains and names with the certificates of a file; those it cannot use are
/// left out, as long as there are others.
fn vouched(
    path: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(path)?);
    let built = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
    built.build().map_err(|error| unreadable(path, error))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let all: Vec<_> = all.map_err(|error| unreadable(path, error))?;
    if all.is_empty() {
        return Err(unreadable(path, "holds no certificate"));
    }
    Ok(all)
}

fn unreadable(path: &Path, reason: impl ToString) -> TlsError {
    TlsError::File { path: path.to_owned(), reason: reason.to_string() }
}

/// Believes one certificate and no other.
#[derive(Debug)]
struct Pinned {
    pin: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if Sha256::digest(end_entity).as_slice() == self.pin {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General(UNPINNED.to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Tells why a handshake failed, in words, without a word of what was said.
pub(super) fn trouble(error: &io::Error) -> Trouble {
    use rustls::Error::{General, InvalidCertificate, InvalidMessage};
    let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref()) else {
        return Trouble::new(Obstacle::Tls, format!("the far end gave up: {}", error.kind()));
    };
    if let InvalidCertificate(why) = inner {
        certificate(why)
    } else if matches!(inner, InvalidMessage(_)) {
        Trouble::new(Obstacle::NoTls, "what answers there speaks no TLS")
    } else if matches!(inner, General(what) if what == UNPINNED) {
        Trouble::new(Obstacle::TlsPin, UNPINNED)
    } else {
        Trouble::new(Obstacle::Tls, inner.to_string())
    }
}

/// Says what is wrong with a certificate.
fn certificate(why: &CertificateError) -> Trouble {
    use CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet,
        NotValidYetContext, Other, UnknownIssuer,
    };
    if matches!(why, NotValidForName | NotValidForNameContext { .. }) {
        Trouble::new(Obstacle::TlsName, why.to_string())
    } else if matches!(why, Expired | ExpiredContext { .. }) {
        Trouble::new(Obstacle::TlsDates, "its certificate has expired")
    } else if matches!(why, NotValidYet | NotValidYetContext { .. }) {
        Trouble::new(Obstacle::TlsDates, "its certificate is not valid yet")
    } else if matches!(why, UnknownIssuer) {
        Trouble::new(Obstacle::TlsIssuer, "nobody we believe vouches for its certificate")
    } else if matches!(why, Other(other) if other.to_string() == OF_AUTHORITY) {
        let what = "its certificate is an authority's own, mostly a self-signed one";
        Trouble::new(Obstacle::TlsAuthority, what)
    } else {
        Trouble::new(Obstacle::Tls, format!("its certificate is refused: {why}"))
    }
}
